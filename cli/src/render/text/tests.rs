//! What people see, for reports made by hand.

use super::super::samples::*;
use super::super::{Page, Report};
use super::layout::width;
use fw_impact::report::*;

const PAGE: Page<'_> = Page {
    width: 80,
    quiet: false,
    exit_zero: false,
    links: None,
};

fn text(report: &ImpactReport, page: Page<'_>) -> String {
    let text = super::render(Report::Impact(report), page).unwrap();
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn an_outage() {
    insta::assert_snapshot!(text(&outage(), PAGE));
}

#[test]
fn an_outage_in_colour() {
    let coloured = super::render(Report::Impact(&outage()), PAGE).unwrap();
    let shown = coloured.replace('\u{1b}', "<ESC>");
    insta::assert_snapshot!(shown.lines().take(12).collect::<Vec<_>>().join("\n"));
}

#[test]
fn all_fine() {
    insta::assert_snapshot!(text(&report(companions(), Verdict::None), PAGE));
}

#[test]
fn undecided_and_opened() {
    let mut opened = flow(
        "new-portal",
        "tcp/443",
        ("any", "192.0.2.80"),
        Impact::Opened,
    );
    opened.gained = vec![region("0.0.0.0/0", "192.0.2.80", "443")];
    opened.witness = Some(packet("1.1.1.1", "192.0.2.80", 443));
    let mut forbidden = flow("no-rdp", "tcp/3389", ("any", "branches"), Impact::Opened);
    forbidden.expect = "deny".into();
    forbidden.exit_code = 14;
    forbidden.gained = vec![region("0.0.0.0/0", "10.20.0.0/16", "3389")];
    let mut wrong = flow("old", "tcp/22", ("a", "b"), Impact::None);
    wrong.before = FlowVerdict::Denied;
    wrong.after = FlowVerdict::Denied;
    let mut open = flow("vpn", "tcp/22", ("a", "b"), Impact::None);
    open.before = FlowVerdict::Undecided;
    open.after = FlowVerdict::Undecided;
    let mut r = report(
        vec![opened, undecided(), forbidden, wrong, open],
        Verdict::Blocked,
    );
    r.exposure = vec![exposure(Certainty::Certain), exposure(Certainty::Possible)];
    r.exposure_groups = vec![group(Certainty::Certain), group(Certainty::Possible)];
    r.coverage.after.opaque = 1;
    r.coverage.after.modeled = 701;
    r.assumptions = vec![AssumptionReport {
        code: "same-security-acl-alone".into(),
        text: "interfaces of one security level pass no traffic without same-security-traffic permit, whatever their access lists say".into(),
        device: Some("edge".into()),
        file: Some("edge.cfg".into()),
        line: Some(12),
    }];
    r.findings = vec![Finding {
        code: "expired-approval".into(),
        severity: ChangeSeverity::Medium,
        message: "`any -> 192.0.2.80 tcp/443` was valid until 2026-01-31 and counts as absent"
            .into(),
        flow: None,
        file: Some("approve.yaml".into()),
        line: Some(2),
    }];
    insta::assert_snapshot!(text(&r, PAGE));
}

#[test]
fn every_line_fits() {
    let mut r = outage();
    r.flows.push(undecided());
    r.exposure = vec![exposure(Certainty::Possible)];
    r.exposure_groups = vec![group(Certainty::Possible)];
    if let Some(f) = r.flows.first_mut() {
        f.id = "図書館の貸出機".repeat(9);
        f.impact = Impact::Blocked;
        f.exit_code = 14;
    }
    for columns in 40..120 {
        let page = Page {
            width: columns,
            ..PAGE
        };
        // The id is never cut: it is what people search for.
        for line in text(&r, page).lines().filter(|l| !l.contains("図書館")) {
            assert!(width(line) <= columns, "{columns}: {line}");
        }
    }
}

#[test]
fn quiet_is_one_line() {
    let page = Page {
        quiet: true,
        ..PAGE
    };
    assert_eq!(
        text(&report(companions(), Verdict::None), page)
            .lines()
            .count(),
        1
    );
}

#[test]
fn a_trace() {
    let r = TraceReport {
        schema: TRACE_SCHEMA.into(),
        tool: Tool {
            name: "fwimpact".into(),
            version: "0.1.0".into(),
        },
        inputs: vec![input(Side::Before, "edge.cfg")],
        verdict: FlowVerdict::Denied,
        exit_code: 14,
        paths: vec![TracePath {
            regions: vec![region("203.0.113.9", "192.0.2.11", "210")],
            verdict: FlowVerdict::Denied,
            reasons: Vec::new(),
            steps: vec![
                TraceStep {
                    device: "edge".into(),
                    kind: "ingress".into(),
                    text: "comes in by outside".into(),
                    filter: None,
                    rule: None,
                    file: None,
                    line: None,
                    line_text: None,
                },
                TraceStep {
                    device: "edge".into(),
                    kind: "policy".into(),
                    text: "deny by OUT_IN 4".into(),
                    filter: Some("OUT_IN".into()),
                    rule: Some("4".into()),
                    file: Some("edge.cfg".into()),
                    line: Some(62),
                    line_text: Some("access-list OUT_IN extended deny ip any any log".into()),
                },
            ],
        }],
        assumptions: Vec::new(),
        diagnostics: Vec::new(),
    };
    let text = super::render(Report::Trace(&r), PAGE).unwrap();
    insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
}

#[test]
fn a_diff() {
    let r = DiffReport {
        schema: DIFF_SCHEMA.into(),
        tool: Tool {
            name: "fwimpact".into(),
            version: "0.1.0".into(),
        },
        inputs: vec![
            input(Side::Before, "edge.cfg"),
            input(Side::After, "edge-new.cfg"),
        ],
        exit_code: 11,
        opened: vec![exposure(Certainty::Certain)],
        opened_groups: vec![group(Certainty::Certain)],
        closed: vec![exposure(Certainty::Certain)],
        closed_groups: vec![group(Certainty::Certain)],
        undecided: Vec::new(),
        undecided_groups: Vec::new(),
        changes: changed().changes,
        coverage: report(Vec::new(), Verdict::None).coverage,
        assumptions: Vec::new(),
        diagnostics: Vec::new(),
    };
    let text = super::render(Report::Diff(&r), PAGE).unwrap();
    insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
}
