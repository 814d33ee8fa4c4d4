//! GitLab's code quality report: a JSON array of findings.
//! <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>

use super::issue::{self, Level};
use super::{Format, Page, Report, locate};
use fw_impact::ImpactReport;
use serde_json::{Value, json};

/// The array that `artifacts:reports:codequality` takes.
pub const FORMAT: Format = Format {
    name: "gitlab",
    render,
};

fn render(report: Report<'_>, _: Page<'_>) -> Option<String> {
    let Report::Impact(report) = report else {
        return None;
    };
    let mut text = serde_json::to_string_pretty(&impact(report)).ok()?;
    text.push('\n');
    Some(text)
}

fn impact(report: &ImpactReport) -> Value {
    let somewhere = locate::somewhere(report);
    issue::all(report)
        .iter()
        .map(|issue| {
            let spot = issue.spots.first().unwrap_or(&somewhere);
            json!({
                "description": issue.message,
                "check_name": issue.code,
                "fingerprint": issue.fingerprint(),
                "severity": match (issue.code.as_str(), issue.level) {
                    ("flow-blocked" | "flow-open-against-deny", _) => "blocker",
                    (_, Level::Error) => "critical",
                    ("exposure" | "flow-undecided", _) => "major",
                    (_, Level::Warning) => "minor",
                    (_, Level::Note) => "info",
                },
                "location": {"path": spot.path, "lines": {"begin": spot.line}},
            })
        })
        .collect()
}
