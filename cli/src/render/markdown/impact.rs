//! The comment on a change.

use super::super::Page;
use super::super::assumed;
use super::super::devices::Devices;
use super::super::words::{self, count, is_told, port_of, worst_first};
use super::flow::{details, verdict};
use super::paper::{Paper, code, escape, line};
use fw_impact::ImpactReport;
use fw_impact::report::{Certainty, FlowReport, FlowVerdict, LineCoverage, TrafficGroup, Verdict};

/// Characters that a comment on GitHub may have. GitLab takes more.
pub const LIMIT: usize = 65_536;

/// Kept for the last lines.
const RESERVED: usize = 2_000;
/// The table may not fill the whole comment.
const TABLE_SHARE: usize = 2;
/// What is left of the details of flows for what is opened.
const OPENINGS_SHARE: usize = 4;
/// The comment; `marker` is hidden in its first line. At most `limit`
/// characters.
pub fn comment(
    report: &ImpactReport,
    page: Page<'_>,
    marker: Option<&str>,
    limit: usize,
) -> String {
    let mut paper = Paper::new(limit, RESERVED);
    if let Some(marker) = marker {
        paper.add(&format!("{marker}\n"));
    }
    title(&mut paper, page, report);
    let told = worst_first(report);
    let mut cut: Vec<String> = Vec::new();
    if !page.quiet {
        table(&mut paper, page, &told, &mut cut);
        // Before the details: that a change edits what it is judged by must
        // not be cut.
        findings(&mut paper, page, report, &mut cut);
        let kept = if report.exposure_groups.is_empty() {
            0
        } else {
            paper.left() / OPENINGS_SHARE
        };
        let mut missing = 0;
        for flow in &told {
            let text = details(page, flow);
            let fits = paper.left().saturating_sub(text.chars().count()) >= kept;
            // After one that does not fit, a smaller one would be out of turn.
            if missing > 0 || !fits || !paper.add(&text) {
                missing += 1;
            }
        }
        if missing > 0 {
            cut.push(count(missing, "flow") + " without details");
        }
        exposure(
            &mut paper,
            page,
            "Opened outside the declared flows",
            &report.exposure_groups,
            &mut cut,
        );
        exposure(
            &mut paper,
            page,
            "Closed outside the declared flows",
            &report.closed_groups,
            &mut cut,
        );
        translations(&mut paper, report, &mut cut);
        unchanged(&mut paper, report);
        remarks(&mut paper, page, report, &mut cut);
    }
    paper.finish(&footer(report, page, &cut))
}

fn title(paper: &mut Paper, page: Page<'_>, report: &ImpactReport) {
    let mark = match report.verdict {
        Verdict::Blocked | Verdict::PartlyBlocked => "❌",
        Verdict::Undecided => "❓",
        Verdict::Exposure | Verdict::Changed => "⚠️",
        Verdict::None => "✅",
    };
    paper.add(&format!(
        "### {mark} fwimpact: {}\n\n",
        escape(&words::told_in_short(report))
    ));
    let devices = Devices::new(&report.inputs);
    if !devices.names.is_empty() {
        let commit = page
            .links
            .and_then(|l| l.revision.as_deref())
            .map_or_else(String::new, |r| {
                let short: String = r.chars().take(12).collect();
                format!(" at {}", code(&short))
            });
        paper.add(&format!("{}{commit}\n\n", devices.text(10, code)));
    }
}

/// What a row of the table says about the cause.
fn cause(page: Page<'_>, flow: &FlowReport) -> String {
    if let Some(first) = flow.caused_by.first() {
        let more = match flow.caused_by.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        return format!(
            "{} {}{more}",
            line(page, Some(&first.file), Some(first.line)),
            words::edited(first)
        );
    }
    if let Some(first) = flow.changes.first() {
        return line(page, first.file.as_deref(), first.line);
    }
    if let Some(first) = flow.reasons.first() {
        return line(page, first.file.as_deref(), first.line);
    }
    flow.decided_by
        .after
        .first()
        .map(|d| line(page, d.file.as_deref(), d.line))
        .unwrap_or_default()
}

fn table(paper: &mut Paper, page: Page<'_>, told: &[&FlowReport], cut: &mut Vec<String>) {
    if told.is_empty() {
        return;
    }
    paper.add("| Flow | Service | Verdict | Cause |\n|---|---|---|---|\n");
    let floor = paper.left() / TABLE_SHARE;
    let mut rows = 0;
    for flow in told {
        let row = format!(
            "| {} | {}{} | {} | {} |\n",
            code(&flow.id),
            code(&flow.service),
            escape(&port_of(flow)),
            verdict(flow),
            cause(page, flow)
        );
        if paper.left().saturating_sub(row.chars().count()) < floor || !paper.add(&row) {
            break;
        }
        rows += 1;
    }
    if rows < told.len() {
        cut.push(count(told.len() - rows, "flow") + " not in the table");
    }
    paper.add("\n");
}

fn exposure(
    paper: &mut Paper,
    page: Page<'_>,
    what: &str,
    list: &[TrafficGroup],
    cut: &mut Vec<String>,
) {
    if list.is_empty() {
        return;
    }
    let open = format!("<details><summary>{what}: {}</summary>\n\n", list.len());
    let close = "\n</details>\n\n";
    let mut body = String::new();
    let mut shown = 0;
    let fixed = open.chars().count() + close.len();
    for entry in list {
        let possible = if entry.grounds.certainty == Certainty::Possible {
            " possibly"
        } else {
            ""
        };
        let path = match words::ways(entry) {
            none if none.is_empty() => none,
            ways => format!(" {}", escape(&ways)),
        };
        let mut item = format!(
            "- {}{possible} on {}{path}\n",
            code(&words::group_sentence(entry)),
            code(&entry.device)
        );
        for d in entry.grounds.decided_by.after.iter().take(1) {
            item.push_str(&format!(
                "  - {} by {} {}\n",
                escape(&d.action),
                code(&words::rule(d)),
                line(page, d.file.as_deref(), d.line)
            ));
        }
        if fixed + body.chars().count() + item.chars().count() > paper.left() {
            break;
        }
        body.push_str(&item);
        shown += 1;
    }
    if shown < list.len() {
        cut.push(format!(
            "{} of \"{}\"",
            count(list.len() - shown, "entry"),
            what.to_lowercase()
        ));
    }
    if shown > 0 {
        paper.add(&format!("{open}{body}{close}"));
    }
}

/// Undeclared packets that reach another host than before.
fn translations(paper: &mut Paper, report: &ImpactReport, cut: &mut Vec<String>) {
    let mut missing = 0;
    for one in &report.changes {
        let item = format!(
            "- **{}** {}\n",
            one.severity.as_str(),
            escape(&words::change(one))
        );
        if missing > 0 || !paper.add(&item) {
            missing += 1;
        }
    }
    if missing > 0 {
        cut.push(count(missing, "translation"));
    }
    if !report.changes.is_empty() {
        paper.add("\n");
    }
}

fn findings(paper: &mut Paper, page: Page<'_>, report: &ImpactReport, cut: &mut Vec<String>) {
    let mut missing = 0;
    for finding in &report.findings {
        let item = format!(
            "- **{}** {} {}\n",
            escape(&finding.code),
            escape(&finding.message),
            line(page, finding.file.as_deref(), finding.line)
        );
        if missing > 0 || !paper.add(&item) {
            missing += 1;
        }
    }
    if missing > 0 {
        cut.push(count(missing, "finding"));
    }
    if !report.findings.is_empty() {
        paper.add("\n");
    }
}

fn unchanged(paper: &mut Paper, report: &ImpactReport) {
    const NAMES: usize = 12;
    let same: Vec<&FlowReport> = report
        .flows
        .iter()
        .filter(|f| !is_told(f) && f.companion_of.is_none())
        .collect();
    let open = same
        .iter()
        .filter(|f| f.after == FlowVerdict::Undecided)
        .count();
    if same.is_empty() {
        return;
    }
    let names: Vec<String> = same.iter().take(NAMES).map(|f| code(&f.id)).collect();
    let more = match same.len().saturating_sub(NAMES) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let doubt = match open {
        0 => String::new(),
        n => format!(" ({n} undecided before and after)"),
    };
    paper.add(&format!("Unchanged: {}{more}{doubt}\n\n", names.join(", ")));
}

fn remarks(paper: &mut Paper, page: Page<'_>, report: &ImpactReport, cut: &mut Vec<String>) {
    let list = assumed::of_report(report);
    let grave: Vec<_> = report
        .diagnostics
        .iter()
        .filter(|d| d.severity != "note")
        .collect();
    for (what, items) in [
        (
            "Assumptions",
            list.iter()
                .map(|a| {
                    format!(
                        "- {} {} {}\n",
                        code(&a.code),
                        escape(&a.text),
                        line(page, a.file.as_deref(), a.line)
                    )
                })
                .collect::<Vec<_>>(),
        ),
        (
            "Remarks on the inputs",
            grave
                .iter()
                .map(|d| {
                    format!(
                        "- {} {} {}\n",
                        code(&d.code),
                        escape(&d.message),
                        line(page, d.file.as_deref(), d.line)
                    )
                })
                .collect(),
        ),
    ] {
        if items.is_empty() {
            continue;
        }
        let open = format!("<details><summary>{what}: {}</summary>\n\n", items.len());
        let close = "\n</details>\n\n";
        let room = paper
            .left()
            .saturating_sub(open.chars().count() + close.len());
        let mut body = String::new();
        let mut used = 0;
        let mut shown = 0;
        for item in &items {
            used += item.chars().count();
            if used > room {
                break;
            }
            body.push_str(item);
            shown += 1;
        }
        if shown < items.len() {
            cut.push(format!("{} {}", items.len() - shown, what.to_lowercase()));
        }
        if shown > 0 {
            paper.add(&format!("{open}{body}{close}"));
        }
    }
}

fn footer(report: &ImpactReport, page: Page<'_>, cut: &[String]) -> String {
    let side = |c: LineCoverage| format!("{} of {}", c.modeled + c.inert, c.lines);
    let coverage = &report.coverage;
    let mut out = format!(
        "Understood {} lines before, {} after",
        side(coverage.before),
        side(coverage.after)
    );
    let assumed = report.assumptions.len()
        + report
            .flows
            .iter()
            .map(|f| f.assumptions.len())
            .sum::<usize>();
    if assumed == 0 {
        out.push_str("; no assumptions");
    }
    if let Some(at) = &report.judged_at {
        out.push_str(&format!("; schedules judged at {}", escape(at)));
    }
    out.push_str(".\n");
    if !cut.is_empty() {
        out.push_str(&format!("**Left out for length:** {}", cut.join(", ")));
        match page.links.and_then(|l| l.run.as_deref()) {
            Some(run) => out.push_str(&format!("; [the run]({run}) has all of it.\n")),
            None => out.push_str("; the JSON report has all of it.\n"),
        }
    }
    let exit = if page.exit_zero && report.exit_code >= 10 {
        format!("exit 0 (`--exit-zero`; {} otherwise)", report.exit_code)
    } else {
        format!("exit {}", report.exit_code)
    };
    out.push_str(&format!(
        "\n<sub>{} {}, {exit}</sub>\n",
        escape(&report.tool.name),
        escape(&report.tool.version)
    ));
    out
}
