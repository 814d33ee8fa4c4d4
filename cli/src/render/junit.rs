//! JUnit XML: a test case a flow, one more for what is opened and one a
//! finding.
//!
//! There is no official schema. The form is the one that both the schema of
//! Ant's reports and the one of Jenkins' xUnit plugin take.

use super::words::{self, change, packets};
use super::xml::escape;
use super::{Format, Page, Report};
use fw_impact::ImpactReport;
use fw_impact::report::{FlowReport, Impact, TrafficGroup};
use std::fmt::Write as _;

/// One test suite.
pub const FORMAT: Format = Format {
    name: "junit",
    render,
};

/// Regions that a test case tells.
const REGIONS: usize = 20;

fn render(report: Report<'_>, _: Page<'_>) -> Option<String> {
    match report {
        Report::Impact(report) => Some(impact(report)),
        _ => None,
    }
}

fn impact(report: &ImpactReport) -> String {
    let mut cases = String::new();
    let (mut tests, mut failures, mut errors) = (0, 0, 0);
    for flow in &report.flows {
        tests += 1;
        let id = escape(&flow.id);
        let _ = write!(
            cases,
            "    <testcase name=\"{id}\" classname=\"fwimpact.flows\" time=\"0\""
        );
        if flow.exit_code == 0 {
            cases.push_str("/>\n");
            continue;
        }
        let element = if flow.impact == Impact::Undecided {
            errors += 1;
            "error"
        } else {
            failures += 1;
            "failure"
        };
        let (_, _, said) = words::sign(flow);
        let message = if said.is_empty() {
            flow.impact.as_str().replace('-', " ")
        } else {
            said.to_owned()
        };
        let _ = writeln!(
            cases,
            ">\n      <{element} message=\"{}\" type=\"{}\">{}</{element}>\n    </testcase>",
            escape(&message),
            flow.impact.as_str(),
            escape(&story(flow))
        );
    }
    tests += 1;
    cases.push_str(
        "    <testcase name=\"nothing else is opened\" classname=\"fwimpact.exposure\" time=\"0\"",
    );
    if report.exposure_groups.is_empty() {
        cases.push_str("/>\n");
    } else {
        failures += 1;
        let _ = writeln!(
            cases,
            ">\n      <failure message=\"{} outside the declared flows\" type=\"exposure\">{}</failure>\n    </testcase>",
            words::count(report.exposure_groups.len(), "opening"),
            escape(&opened(&report.exposure_groups))
        );
    }
    // Neither clock nor host: the same inputs give the same bytes.
    let suite = format!(
        "name=\"fwimpact\" package=\"fwimpact\" id=\"0\" timestamp=\"1970-01-01T00:00:00\" hostname=\"localhost\" \
         tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"0\""
    );
    let said = format!(
        "{}: {}",
        words::verdict(report.verdict),
        words::told_in_short(report)
    );
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite {suite}>\n    \
         <properties>\n      <property name=\"exit-code\" value=\"{}\"/>\n    </properties>\n{cases}    \
         <system-out>{}</system-out>\n    <system-err></system-err>\n  </testsuite>\n</testsuites>\n",
        report.exit_code,
        escape(&said)
    )
}

fn story(flow: &FlowReport) -> String {
    let mut out = format!("\n{} {} -> {}\n", flow.service, flow.from, flow.to);
    for cause in &flow.caused_by {
        let _ = writeln!(
            out,
            "cause: {} {}: {}",
            words::place(Some(&cause.file), Some(cause.line)),
            words::edited(cause),
            cause.text.trim()
        );
    }
    for one in &flow.changes {
        let _ = writeln!(out, "{}: {}", one.severity.as_str(), change(one));
    }
    for (label, list) in [
        ("lost", &flow.lost),
        ("gained", &flow.gained),
        ("undecided", &flow.undecided),
    ] {
        for r in list.iter().take(REGIONS) {
            let _ = writeln!(out, "{label}: {}", packets(r));
        }
        if list.len() > REGIONS {
            let _ = writeln!(out, "{label}: and {} more", list.len() - REGIONS);
        }
    }
    for reason in flow.reasons.iter().take(REGIONS) {
        let at = words::place(reason.file.as_deref(), reason.line);
        let _ = writeln!(out, "why: {at} {}", words::reason(reason));
    }
    for (label, list) in [
        ("before", &flow.decided_by.before),
        ("after", &flow.decided_by.after),
    ] {
        for d in list.iter().take(3) {
            let at = words::place(d.file.as_deref(), d.line);
            let _ = writeln!(out, "{label}: {} by {} {at}", d.action, words::rule(d));
        }
    }
    out
}

fn opened(list: &[TrafficGroup]) -> String {
    let mut out = String::from("\n");
    for e in list.iter().take(REGIONS) {
        let at = e
            .grounds
            .decided_by
            .after
            .first()
            .map(|d| words::place(d.file.as_deref(), d.line))
            .unwrap_or_default();
        let _ = writeln!(out, "{}   {at}", words::group_sentence(e));
    }
    if list.len() > REGIONS {
        let _ = writeln!(out, "and {} more", list.len() - REGIONS);
    }
    out
}
