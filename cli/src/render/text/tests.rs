//! What people see, for reports made by hand.

use super::super::{Page, Report};
use super::layout::width;
use fw_impact::report::*;

const PAGE: Page = Page {
    width: 80,
    quiet: false,
    exit_zero: false,
};

fn flow(id: &str, service: &str, ends: (&str, &str), impact: Impact) -> FlowReport {
    let (before, after, exit_code) = match impact {
        Impact::None => (FlowVerdict::Permitted, FlowVerdict::Permitted, 0),
        Impact::Changed => (FlowVerdict::Permitted, FlowVerdict::Permitted, 10),
        Impact::Undecided => (FlowVerdict::Permitted, FlowVerdict::Undecided, 12),
        Impact::PartlyBlocked | Impact::Mixed => (FlowVerdict::Permitted, FlowVerdict::Partial, 13),
        Impact::Blocked => (FlowVerdict::Permitted, FlowVerdict::Denied, 14),
        Impact::Opened => (FlowVerdict::Denied, FlowVerdict::Permitted, 0),
        Impact::PartlyOpened => (FlowVerdict::Denied, FlowVerdict::Partial, 0),
    };
    FlowReport {
        id: id.into(),
        service: service.into(),
        from: ends.0.into(),
        to: ends.1.into(),
        expect: "allow".into(),
        companion_of: None,
        owner: None,
        ticket: None,
        before,
        after,
        impact,
        exit_code,
        lost: Vec::new(),
        gained: Vec::new(),
        undecided: Vec::new(),
        witness: None,
        passing: None,
        decided_by: DecidedBy::default(),
        caused_by: Vec::new(),
        changes: Vec::new(),
        reasons: Vec::new(),
        assumptions: Vec::new(),
    }
}

fn input(role: Side, path: &str) -> InputFile {
    InputFile {
        role,
        path: path.into(),
        sha256: "00".into(),
        vendor: "cisco-asa".into(),
        device: "edge".into(),
    }
}

fn report(flows: Vec<FlowReport>, verdict: Verdict) -> ImpactReport {
    let of = |i: Impact| flows.iter().filter(|f| f.impact == i).count();
    let lines = LineCoverage {
        lines: 812,
        modeled: 702,
        inert: 110,
        opaque: 0,
    };
    ImpactReport {
        schema: IMPACT_SCHEMA.into(),
        tool: Tool {
            name: "fwimpact".into(),
            version: "0.1.0".into(),
        },
        inputs: vec![
            input(Side::Before, "edge.cfg"),
            input(Side::After, "edge-new.cfg"),
        ],
        verdict,
        exit_code: verdict.exit_code(),
        summary: Summary {
            flows: flows.len(),
            blocked: of(Impact::Blocked),
            partly_blocked: of(Impact::PartlyBlocked) + of(Impact::Mixed),
            undecided: of(Impact::Undecided),
            changed: of(Impact::Changed),
            opened: of(Impact::Opened) + of(Impact::PartlyOpened),
            unchanged: of(Impact::None),
        },
        flows,
        exposure: Vec::new(),
        closed: Vec::new(),
        findings: Vec::new(),
        coverage: CoverageReport {
            before: lines,
            after: lines,
        },
        assumptions: Vec::new(),
        diagnostics: Vec::new(),
        judged_at: None,
    }
}

fn decision(action: &str, rule: &str, line: Option<u32>, text: Option<&str>) -> Decision {
    Decision {
        device: "edge".into(),
        filter: "OUT_IN".into(),
        rule: rule.into(),
        action: action.into(),
        file: Some(
            if action == "permit" {
                "edge.cfg"
            } else {
                "edge-new.cfg"
            }
            .into(),
        ),
        line,
        text: text.map(str::to_owned),
    }
}

fn packet(src: &str, dst: &str, port: u16) -> WitnessPacket {
    WitnessPacket {
        src: src.into(),
        src_port: Some(49152),
        dst: dst.into(),
        proto: "tcp".into(),
        dst_port: Some(port),
        icmp_type: None,
        icmp_code: None,
    }
}

fn region(src: &str, dst: &str, port: &str) -> Region {
    Region {
        src: src.into(),
        dst: dst.into(),
        proto: "tcp".into(),
        dst_port: Some(port.into()),
        src_port: None,
        icmp: None,
    }
}

fn cause(line: u32, text: &str, context: &str) -> Cause {
    Cause {
        edit: EditKind::Removed,
        side: Side::Before,
        file: "edge.cfg".into(),
        line,
        text: text.into(),
        context: Some(context.into()),
    }
}

fn blocked() -> FlowReport {
    let mut f = flow(
        "z3950-catalogue",
        "z39.50",
        ("partner-x", "z-gateway"),
        Impact::Blocked,
    );
    f.owner = Some("discovery".into());
    f.lost = vec![region("203.0.113.9", "192.0.2.11", "210")];
    f.witness = Some(packet("203.0.113.9", "192.0.2.11", 210));
    f.passing = Some(packet("203.0.113.9", "192.0.2.11", 6001));
    f.caused_by = vec![cause(
        48,
        " port-object eq 210",
        "object-group service LIBRARY, used by OUT_IN line 2",
    )];
    f.decided_by = DecidedBy {
        before: vec![decision(
            "permit",
            "2",
            Some(61),
            Some(
                "access-list OUT_IN extended permit tcp object-group PARTNERS host 192.0.2.11 object-group LIBRARY",
            ),
        )],
        after: vec![decision(
            "deny",
            "4",
            Some(62),
            Some("access-list OUT_IN extended deny ip any any log"),
        )],
    };
    f
}

fn partly() -> FlowReport {
    let mut f = flow(
        "west-sip2",
        "sip2",
        ("branch-west", "sip2-gateways"),
        Impact::PartlyBlocked,
    );
    f.owner = Some("circulation".into());
    f.lost = (0..41)
        .map(|n| region(&format!("203.0.113.{n}"), "192.0.2.10-192.0.2.11", "6001"))
        .collect();
    f.witness = Some(packet("203.0.113.0", "192.0.2.10", 6001));
    f.caused_by = vec![
        cause(
            31,
            " network-object host 203.0.113.250",
            "object-group network BRANCH-WEST < BRANCHES",
        ),
        cause(
            32,
            " network-object host 203.0.113.251",
            "object-group network BRANCH-WEST < BRANCHES, used by OUT_IN line 2 and 14 other lines of three lists",
        ),
        cause(
            33,
            " network-object host 203.0.113.252",
            "object-group network BRANCH-WEST < BRANCHES",
        ),
        cause(
            34,
            " network-object host 203.0.113.253",
            "object-group network BRANCH-WEST < BRANCHES",
        ),
    ];
    f.decided_by.after = vec![decision("deny", "implicit deny", None, None)];
    f
}

fn changed() -> FlowReport {
    let mut f = flow(
        "selfcheck-sip2",
        "sip2",
        ("branches", "sip2-gateways"),
        Impact::Changed,
    );
    f.changes = vec![Change {
        kind: "session-timeout".into(),
        before: "3600s".into(),
        after: "300s".into(),
        severity: ChangeSeverity::High,
        note: Some("below 2 x keepalive 400s".into()),
        device: Some("edge".into()),
        file: Some("edge-new.cfg".into()),
        line: Some(90),
    }];
    f
}

fn undecided() -> FlowReport {
    let mut f = flow("web", "tcp/80", ("any", "192.0.2.80"), Impact::Undecided);
    f.undecided = vec![region("0.0.0.0/0", "192.0.2.80", "80")];
    f.witness = Some(packet("1.1.1.1", "192.0.2.80", 80));
    f.reasons = vec![Reason {
        side: Side::After,
        device: "edge".into(),
        text: "`frobnicate` is not understood and could match this flow".into(),
        file: Some("edge-new.cfg".into()),
        line: Some(62),
        start: Some(32),
        end: Some(42),
        line_text: Some(
            "access-list OUT_IN extended deny frobnicate tcp any host 192.0.2.80 eq www".into(),
        ),
    }];
    f
}

fn companions() -> Vec<FlowReport> {
    let mut out = vec![flow("tls", "tls-egress", ("all", "any"), Impact::None)];
    for name in ["crl", "ocsp", "aia", "dns", "ntp"] {
        let mut f = flow(
            &format!("tls/{name}"),
            "tcp/80",
            ("all", "any"),
            Impact::None,
        );
        f.companion_of = Some("tls".into());
        out.push(f);
    }
    out
}

fn exposure(certainty: Certainty) -> Exposure {
    Exposure {
        region: region("0.0.0.0/0", "192.0.2.0/24", "3389"),
        device: "edge".into(),
        path: Some("outside -> inside".into()),
        certainty,
        witness: None,
        decided_by: DecidedBy {
            before: vec![decision("deny", "implicit deny", None, None)],
            after: vec![Decision {
                file: Some("edge-new.cfg".into()),
                ..decision(
                    "permit",
                    "3",
                    Some(62),
                    Some(
                        "access-list OUT_IN extended permit tcp any 192.0.2.0 255.255.255.0 eq 3389",
                    ),
                )
            }],
        },
        reasons: Vec::new(),
    }
}

fn text(report: &ImpactReport, page: Page) -> String {
    let text = super::render(Report::Impact(report), page).unwrap();
    anstream::adapter::strip_str(&text).to_string()
}

fn outage() -> ImpactReport {
    let mut flows = vec![
        flow("east-sip2", "sip2", ("east", "gw"), Impact::None),
        changed(),
        partly(),
        blocked(),
    ];
    flows.extend(companions());
    report(flows, Verdict::Blocked)
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
        closed: vec![exposure(Certainty::Certain)],
        undecided: Vec::new(),
        changes: changed().changes,
        coverage: report(Vec::new(), Verdict::None).coverage,
        assumptions: Vec::new(),
        diagnostics: Vec::new(),
    };
    let text = super::render(Report::Diff(&r), PAGE).unwrap();
    insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
}
