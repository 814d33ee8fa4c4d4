//! GitHub's workflow annotations. The runner shows at most ten of each kind a
//! step, so the worst ones come first and the rest is counted; the whole story
//! goes into the step summary.
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>

use super::issue::{self, Level};
use super::words::{count, told_in_short, verdict};
use super::{Format, Page, Report};
use fw_impact::ImpactReport;

/// `::error file=...::...` lines.
pub const FORMAT: Format = Format {
    name: "github",
    render,
};

/// Annotations of a kind that the runner keeps of one step.
pub const LIMIT: usize = 10;

/// Bytes that a step summary may have.
pub const SUMMARY_LIMIT: usize = 1 << 20;

fn render(report: Report<'_>, _: Page<'_>) -> Option<String> {
    match report {
        Report::Impact(report) => Some(impact(report)),
        _ => None,
    }
}

fn impact(report: &ImpactReport) -> String {
    let issues = issue::all(report);
    let mut out = String::new();
    let mut cut = Vec::new();
    for (level, word) in [
        (Level::Error, "error"),
        (Level::Warning, "warning"),
        (Level::Note, "notice"),
    ] {
        let of_level: Vec<_> = issues.iter().filter(|i| i.level == level).collect();
        for issue in of_level.iter().take(LIMIT) {
            let mut at = String::new();
            if let Some(spot) = issue.spots.first() {
                at = format!("file={},line={},", property(&spot.path), spot.line);
            }
            out.push_str(&format!(
                "::{word} {at}title={}::{}\n",
                property(&format!("fwimpact: {}", issue.title)),
                data(&issue.message)
            ));
        }
        if of_level.len() > LIMIT {
            cut.push(count(of_level.len() - LIMIT, &format!("more {word}")));
        }
    }
    out.push_str(&data(&format!(
        "{}  {}",
        verdict(report.verdict),
        told_in_short(report)
    )));
    out.push('\n');
    if !cut.is_empty() {
        out.push_str(&format!("{} in the step summary\n", cut.join(", ")));
    }
    out
}

/// Text behind `::`; it may not end the command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    #[test]
    fn commands_cannot_be_smuggled_in() {
        assert_eq!(super::data("a\n::error::b%"), "a%0A::error::b%25");
        assert_eq!(super::property("a:b,c"), "a%3Ab%2Cc");
    }
}
