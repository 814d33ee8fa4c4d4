//! What every format makes of the same reports.

use super::locate::Links;
use super::samples::*;
use super::{Page, Report, issue, markdown, render};
use fw_impact::report::*;
use std::time::{Duration, Instant};

const PAGE: Page<'_> = Page {
    width: 80,
    quiet: false,
    exit_zero: false,
    links: None,
};

/// A report with something of everything.
pub fn everything() -> ImpactReport {
    let mut r = outage();
    r.flows.push(undecided());
    r.summary.flows += 1;
    r.summary.undecided += 1;
    r.exposure = vec![exposure(Certainty::Certain), exposure(Certainty::Possible)];
    r.exposure_groups = vec![group(Certainty::Certain), group(Certainty::Possible)];
    r.closed = vec![exposure(Certainty::Certain)];
    r.closed_groups = vec![group(Certainty::Certain)];
    r.coverage.after.opaque = 1;
    r.coverage.after.modeled = 701;
    r.coverage.files = vec![FileCoverage {
        side: Side::After,
        file: "edge-new.cfg".into(),
        lines: r.coverage.after,
        opaque_lines: vec![OpaqueLine {
            line: 62,
            text: "access-list OUT_IN extended deny frobnicate tcp any host 192.0.2.80".into(),
        }],
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
    r.assumptions = vec![AssumptionReport {
        code: "same-security-acl-alone".into(),
        text: "interfaces of one security level pass no traffic without the command".into(),
        device: Some("edge".into()),
        file: Some("edge.cfg".into()),
        line: Some(12),
    }];
    r.diagnostics = vec![DiagnosticReport {
        code: "undefined-reference".into(),
        severity: "warning".into(),
        side: Some(Side::After),
        file: Some("edge-new.cfg".into()),
        line: Some(9),
        message: "`GW` is not defined".into(),
        effect: "assumed".into(),
    }];
    for f in &mut r.flows {
        if f.impact == Impact::Blocked {
            f.paths = Some(paths());
        }
    }
    r
}

fn step(kind: &str, text: &str, rule: Option<(&str, &str, u32)>) -> TraceStep {
    TraceStep {
        device: "edge".into(),
        kind: kind.into(),
        text: text.into(),
        filter: rule.map(|r| r.0.into()),
        rule: rule.map(|r| r.1.into()),
        file: rule.map(|_| "edge-new.cfg".into()),
        line: rule.map(|r| r.2),
        line_text: rule.map(|_| "access-list OUT_IN extended deny ip any any log".into()),
    }
}

fn paths() -> FlowPaths {
    let way = |verdict, steps| TracePath {
        regions: vec![region("203.0.113.9", "192.0.2.11", "210")],
        verdict,
        reasons: Vec::new(),
        steps,
    };
    FlowPaths {
        before: vec![way(
            FlowVerdict::Permitted,
            vec![
                step("ingress", "enters by outside", None),
                step("translation", "translate by nat", Some(("nat", "1", 40))),
                step("route", "to inside", None),
                step("policy", "permit by acl in", Some(("OUT_IN", "2", 61))),
            ],
        )],
        after: vec![way(
            FlowVerdict::Denied,
            vec![
                step("ingress", "enters by outside", None),
                step("policy", "deny by acl in", Some(("OUT_IN", "4", 62))),
            ],
        )],
    }
}

fn of(format: &str, report: &ImpactReport) -> String {
    render(format, Report::Impact(report), PAGE).unwrap()
}

macro_rules! snapshots {
    ($($name:ident $format:literal;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(of($format, &everything()));
        }
    )*};
}

snapshots! {
    as_markdown "markdown";
    as_html "html";
    as_sarif "sarif";
    as_junit "junit";
    as_csv "csv";
    as_gitlab "gitlab";
    as_github "github";
}

#[test]
fn markdown_of_a_change_that_hurts_nothing() {
    insta::assert_snapshot!(of("markdown", &report(companions(), Verdict::None)));
}

#[test]
fn markdown_with_links() {
    let links = Links {
        base: Some("https://github.com/o/r/blob".into()),
        revision: Some("0123abc".into()),
        run: Some("https://github.com/o/r/actions/runs/1".into()),
    };
    let page = Page {
        links: Some(&links),
        ..PAGE
    };
    let text = markdown::comment(&everything(), page, Some("<!-- fwimpact -->"), 65_536);
    assert!(text.starts_with("<!-- fwimpact -->\n### "), "{text}");
    assert!(
        text.contains("[`edge.cfg:48`](https://github.com/o/r/blob/0123abc/edge.cfg#L48)"),
        "{text}"
    );
}

#[test]
fn formats_without_a_form_say_which_there_are() {
    let trace = TraceReport {
        schema: TRACE_SCHEMA.into(),
        tool: everything().tool,
        inputs: Vec::new(),
        verdict: FlowVerdict::Denied,
        exit_code: 14,
        paths: paths().after,
        assumptions: Vec::new(),
        diagnostics: Vec::new(),
    };
    let failure = render("sarif", Report::Trace(&trace), PAGE).unwrap_err();
    assert_eq!(failure.code(), 2);
    assert!(failure.render().contains("written as text, json, markdown"));
    insta::assert_snapshot!(render("markdown", Report::Trace(&trace), PAGE).unwrap());
}

#[test]
fn markdown_of_a_diff() {
    let all = everything();
    let diff = DiffReport {
        schema: DIFF_SCHEMA.into(),
        tool: all.tool,
        inputs: all.inputs,
        exit_code: 11,
        opened: all.exposure,
        opened_groups: all.exposure_groups,
        closed: all.closed,
        closed_groups: all.closed_groups,
        undecided: Vec::new(),
        undecided_groups: Vec::new(),
        changes: changed().changes,
        coverage: all.coverage,
        assumptions: Vec::new(),
        diagnostics: Vec::new(),
    };
    insta::assert_snapshot!(render("markdown", Report::Diff(&diff), PAGE).unwrap());
}

/// 2,000 flows, nearly all of them hurt, on 500 devices.
fn large() -> ImpactReport {
    let mut flows = Vec::new();
    for n in 0..2000 {
        let mut f = match n % 5 {
            0 => partly(),
            1 => changed(),
            2 => undecided(),
            _ => blocked(),
        };
        f.id = format!("flow-{n}");
        for cause in &mut f.caused_by {
            cause.file = format!("network/device-{}.cfg", n % 500);
        }
        if matches!(f.impact, Impact::Blocked | Impact::PartlyBlocked) {
            f.paths = Some(paths());
        }
        flows.push(f);
    }
    let mut r = report(flows, Verdict::Blocked);
    r.inputs = (0..1000)
        .map(|n| InputFile {
            device: format!("device-{}", n % 500),
            ..input(
                if n < 500 { Side::Before } else { Side::After },
                &format!("network/device-{}.cfg", n % 500),
            )
        })
        .collect();
    r.exposure = (0..30_000).map(|_| exposure(Certainty::Certain)).collect();
    r.exposure_groups = (0..30_000).map(|_| group(Certainty::Certain)).collect();
    r.coverage.files = r
        .inputs
        .iter()
        .map(|i| FileCoverage {
            side: i.role,
            file: i.path.clone(),
            lines: r.coverage.before,
            opaque_lines: Vec::new(),
        })
        .collect();
    r
}

#[test]
fn no_format_exceeds_its_limits() {
    let r = large();
    for format in super::FORMATS {
        let start = Instant::now();
        let text = of(format.name, &r);
        let took = start.elapsed();
        println!("{}: {} bytes in {took:?}", format.name, text.len());
        assert!(took < Duration::from_secs(20), "{}: {took:?}", format.name);
    }
    let comment = of("markdown", &r);
    assert!(comment.chars().count() <= 65_536);
    assert!(comment.contains("Left out for length"), "{comment}");
    assert!(comment.contains("flow-3"), "the worst come first");
    let summary = markdown::comment(&r, PAGE, None, super::github::SUMMARY_LIMIT / 2);
    assert!(summary.len() <= super::github::SUMMARY_LIMIT);
    let sarif: serde_json::Value = serde_json::from_str(&of("sarif", &r)).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 25_000);
    assert_eq!(results[0]["level"], "error");
    let said =
        sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
            .as_str()
            .unwrap()
            .to_owned();
    // 1,600 flows (changed ones count as well) and 30,000 openings.
    let left = issue::all(&r).len() - 25_000;
    assert!(said.starts_with(&left.to_string()), "{said}");
    let lines = of("github", &r);
    for kind in ["::error ", "::warning "] {
        assert_eq!(lines.lines().filter(|l| l.starts_with(kind)).count(), 10);
    }
    assert!(lines.contains("more errors, "), "{lines}");
}

#[test]
fn a_small_limit_is_kept_too() {
    let r = large();
    for limit in [2_500, 5_000, 20_000] {
        let text = markdown::comment(&r, PAGE, Some("<!-- x -->"), limit);
        assert!(text.chars().count() <= limit, "{limit}");
        assert!(text.contains("BLOCKED") || text.contains("blocked"));
    }
}

#[test]
fn text_of_configurations_is_never_markup() {
    let evil = "</code></script><script>alert(1)</script>`|\"'&\u{1}]]>";
    let mut r = everything();
    for f in &mut r.flows {
        f.id = format!("{}{evil}", f.id);
        f.owner = Some(evil.into());
        for c in &mut f.caused_by {
            c.text = evil.into();
            c.context = Some(evil.into());
        }
        if let Some(p) = &mut f.paths {
            p.after[0].steps[0].text = evil.into();
            p.after[0].steps[0].device = evil.into();
        }
    }
    let html = of("html", &r);
    assert!(!html.contains("<script>alert"));
    let junit = of("junit", &r);
    assert!(!junit.contains("<script>") && !junit.contains('\u{1}'));
    let comment = of("markdown", &r);
    // Within code, nothing is markup; elsewhere the brackets are escaped.
    for line in comment.lines().filter(|l| l.starts_with("<details>")) {
        assert!(!line.contains("<script>"), "{line}");
    }
}

#[test]
fn the_page_asks_for_nothing() {
    let html = of("html", &everything());
    for word in ["http://", "https://", "url(", "@import", " src=", "<link"] {
        assert!(!html.contains(word), "{word}");
    }
}

/// Reports of all formats for the checks that use other programs.
#[test]
fn samples_for_other_programs() {
    let Some(folder) = std::env::var_os("FWIMPACT_SAMPLES") else {
        println!("FWIMPACT_SAMPLES is not set: no samples are written");
        return;
    };
    let folder = std::path::PathBuf::from(folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, report) in [
        ("all", everything()),
        ("fine", report(companions(), Verdict::None)),
        ("large", large()),
    ] {
        for format in super::FORMATS {
            let text = of(format.name, &report);
            std::fs::write(folder.join(format!("{name}.{}", format.name)), text).unwrap();
        }
    }
}
