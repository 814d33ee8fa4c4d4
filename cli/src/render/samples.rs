//! Reports made by hand, for the tests of all formats.

use fw_impact::report::*;
use std::sync::Arc;

pub fn flow(id: &str, service: &str, ends: (&str, &str), impact: Impact) -> FlowReport {
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
        paths: None,
    }
}

pub fn input(role: Side, path: &str) -> InputFile {
    InputFile {
        role,
        path: path.into(),
        sha256: "00".into(),
        vendor: "cisco-asa".into(),
        device: "edge".into(),
    }
}

pub fn report(flows: Vec<FlowReport>, verdict: Verdict) -> ImpactReport {
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
        exposure_groups: Vec::new(),
        closed: Vec::new(),
        closed_groups: Vec::new(),
        changes: Vec::new(),
        findings: Vec::new(),
        coverage: CoverageReport {
            before: lines,
            after: lines,
            files: Vec::new(),
        },
        assumptions: Vec::new(),
        diagnostics: Vec::new(),
        judged_at: None,
    }
}

pub fn decision(action: &str, rule: &str, line: Option<u32>, text: Option<&str>) -> Decision {
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

pub fn packet(src: &str, dst: &str, port: u16) -> WitnessPacket {
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

pub fn region(src: &str, dst: &str, port: &str) -> Region {
    Region {
        src: src.into(),
        dst: dst.into(),
        proto: "tcp".into(),
        dst_port: Some(port.into()),
        src_port: None,
        icmp: None,
    }
}

pub fn cause(line: u32, text: &str, context: &str) -> Cause {
    Cause {
        edit: EditKind::Removed,
        side: Side::Before,
        file: "edge.cfg".into(),
        line,
        text: text.into(),
        context: Some(context.into()),
        moved: None,
    }
}

pub fn blocked() -> FlowReport {
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

pub fn partly() -> FlowReport {
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

pub fn changed() -> FlowReport {
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

pub fn undecided() -> FlowReport {
    let mut f = flow("web", "tcp/80", ("any", "192.0.2.80"), Impact::Undecided);
    f.undecided = vec![region("0.0.0.0/0", "192.0.2.80", "80")];
    f.witness = Some(packet("1.1.1.1", "192.0.2.80", 80));
    f.reasons = vec![Reason {
        side: Side::After,
        device: "edge".into(),
        text: "frobnicate".into(),
        kind: ReasonKind::NotUnderstood,
        name: None,
        file: Some("edge-new.cfg".into()),
        line: Some(62),
        start: Some(33),
        end: Some(43),
        line_text: Some(
            "access-list OUT_IN extended deny frobnicate tcp any host 192.0.2.80 eq www".into(),
        ),
    }];
    f
}

pub fn companions() -> Vec<FlowReport> {
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

pub fn exposure(certainty: Certainty) -> Exposure {
    Exposure {
        region: region("0.0.0.0/0", "192.0.2.0/24", "3389"),
        device: "edge".into(),
        path: Some("outside -> inside".into()),
        grounds: Arc::new(Grounds {
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
        }),
    }
}

/// The group of one [`exposure`].
pub fn group(certainty: Certainty) -> TrafficGroup {
    let one = exposure(certainty);
    let bound = |text: &str| Bound {
        of: vec![text.to_owned()],
        except: Vec::new(),
    };
    TrafficGroup {
        src: bound(&one.region.src),
        dst: bound(&one.region.dst),
        service: bound("tcp/3389"),
        src_port: None,
        without: Vec::new(),
        exact: true,
        regions: 1,
        device: one.device,
        paths: one.path.into_iter().collect(),
        grounds: one.grounds,
    }
}

pub fn outage() -> ImpactReport {
    let mut flows = vec![
        flow("east-sip2", "sip2", ("east", "gw"), Impact::None),
        changed(),
        partly(),
        blocked(),
    ];
    flows.extend(companions());
    report(flows, Verdict::Blocked)
}
