//! CSV (RFC 4180): one line a flow, for spreadsheets.

use super::words::{change, packets};
use super::{Format, Page, Report};
use fw_impact::ImpactReport;
use fw_impact::report::Region;

/// One line a flow, with a header.
pub const FORMAT: Format = Format {
    name: "csv",
    render,
};

const HEADER: [&str; 20] = [
    "id",
    "service",
    "from",
    "to",
    "expect",
    "owner",
    "ticket",
    "before",
    "after",
    "impact",
    "exit_code",
    "lost",
    "gained",
    "undecided",
    "cause_edit",
    "cause_file",
    "cause_line",
    "cause_text",
    "changes",
    "assumptions",
];

fn render(report: Report<'_>, _: Page<'_>) -> Option<String> {
    match report {
        Report::Impact(report) => Some(impact(report)),
        _ => None,
    }
}

fn impact(report: &ImpactReport) -> String {
    let mut out = String::new();
    line(&mut out, &HEADER.map(str::to_owned));
    for flow in &report.flows {
        let cause = flow.caused_by.first();
        line(
            &mut out,
            &[
                flow.id.clone(),
                flow.service.clone(),
                flow.from.clone(),
                flow.to.clone(),
                flow.expect.clone(),
                flow.owner.clone().unwrap_or_default(),
                flow.ticket.clone().unwrap_or_default(),
                flow.before.as_str().to_owned(),
                flow.after.as_str().to_owned(),
                flow.impact.as_str().to_owned(),
                flow.exit_code.to_string(),
                regions(&flow.lost),
                regions(&flow.gained),
                regions(&flow.undecided),
                cause.map_or_else(String::new, |c| super::words::edit(c.edit).to_owned()),
                cause.map_or_else(String::new, |c| c.file.clone()),
                cause.map_or_else(String::new, |c| c.line.to_string()),
                cause.map_or_else(String::new, |c| c.text.trim().to_owned()),
                joined(flow.changes.iter().map(change)),
                joined(
                    super::assumed::codes(&flow.assumptions)
                        .into_iter()
                        .map(str::to_owned),
                ),
            ],
        );
    }
    out
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("; ")
}

/// Spreadsheets take no more than 32,767 characters in a cell.
const REGIONS: usize = 200;

fn regions(list: &[Region]) -> String {
    let mut out = joined(list.iter().take(REGIONS).map(packets));
    if list.len() > REGIONS {
        out.push_str(&format!("; and {} more", list.len() - REGIONS));
    }
    out
}

fn line(out: &mut String, cells: &[String]) {
    for (n, cell) in cells.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        out.push_str(&quoted(cell));
    }
    out.push_str("\r\n");
}

/// A cell. Text that a spreadsheet would take for a formula gets an
/// apostrophe in front: configurations are not to be executed.
fn quoted(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guarded = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if guarded.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn cells() {
        assert_eq!(quoted("a"), "a");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("-A INPUT -j DROP"), "'-A INPUT -j DROP");
        assert_eq!(quoted("=HYPERLINK(1,2)"), "\"'=HYPERLINK(1,2)\"");
    }
}
