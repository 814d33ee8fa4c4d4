//! GitLab's code quality report: a JSON array of findings.
//! <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>

use super::issue::{self, Level};
use super::{Format, Page, Report, locate};
use fw_impact::ImpactReport;
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
    // GitLab takes entries of one fingerprint for one: those that say the same
    // of the same place are numbered.
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    issue::all(report)
        .iter()
        .map(|issue| {
            let spot = issue.spots.first().unwrap_or(&somewhere);
            let fingerprint = issue.fingerprint();
            let times = seen.entry(fingerprint.clone()).or_default();
            *times += 1;
            let fingerprint = match *times {
                1 => fingerprint,
                times => format!("{fingerprint}-{times}"),
            };
            json!({
                "description": issue.message,
                "check_name": issue.code,
                "fingerprint": fingerprint,
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
