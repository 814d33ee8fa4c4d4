//! SARIF 2.1.0, as code scanning takes it.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use super::issue::{self, Issue, Level};
use super::locate::{self, Spot, uri};
use super::{Format, Page, Report};
use fw_impact::ImpactReport;
use serde_json::{Value, json};

/// One run.
pub const FORMAT: Format = Format {
    name: "sarif",
    render,
};

/// Results that code scanning takes of one run.
pub const LIMIT: usize = 25_000;

/// Further places of a result.
const RELATED: usize = 10;

/// What each code means: the short and the long form.
const RULES: &[(&str, &str, &str)] = &[
    (
        "flow-blocked",
        "A declared flow is blocked",
        "No packet of a declared service flow gets a working connection after the change. \
         The related lines are the edits that cause it and the rules that decide on both sides. \
         Keep the lines that permitted it, or take the flow out of the flows file if it is no longer needed.",
    ),
    (
        "flow-partly-blocked",
        "A declared flow is partly blocked",
        "Some packets of a declared service flow passed before the change and do not any more. \
         The report lists exactly which ones.",
    ),
    (
        "flow-open-against-deny",
        "A flow that must not pass is permitted",
        "The flows file declares `expect: deny` for this traffic, and the configuration permits it.",
    ),
    (
        "flow-undecided",
        "The effect on a declared flow cannot be decided",
        "Something in the configuration is not understood, or depends on what is not in it, and touches a declared flow. \
         Treat the flow as at risk. If the line has no effect on traffic, declare that in an assume file.",
    ),
    (
        "flow-changed",
        "A declared flow is treated differently",
        "The same packets pass, but translation, inspection, timeouts, logging or the path differ.",
    ),
    (
        "exposure",
        "Traffic outside the declared flows is opened",
        "Packets that no declared flow and no approval covers are newly permitted. \
         If that is intended, declare a flow or add an entry to the approve file.",
    ),
    (
        "translation-changed",
        "Traffic outside the declared flows reaches another host",
        "A destination translation leads elsewhere than before. No declared flow covers these packets.",
    ),
    (
        "policy-file-changed",
        "A file that decides what is reported is changed",
        "The change edits the flows, approvals or assumptions that it is judged by. \
         They are read from the base revision; the edit wants a review of its own.",
    ),
];

fn render(report: Report<'_>, _: Page<'_>) -> Option<String> {
    let Report::Impact(report) = report else {
        return None;
    };
    let mut text = serde_json::to_string_pretty(&impact(report)).ok()?;
    text.push('\n');
    Some(text)
}

fn impact(report: &ImpactReport) -> Value {
    let issues = issue::all(report);
    let mut codes: Vec<&str> = RULES.iter().map(|r| r.0).collect();
    for issue in &issues {
        if !codes.contains(&issue.code.as_str()) {
            codes.push(&issue.code);
        }
    }
    let rules: Vec<Value> = codes.iter().map(|code| rule(code)).collect();
    let somewhere = locate::somewhere(report);
    let results: Vec<Value> = issues
        .iter()
        .take(LIMIT)
        .map(|issue| result(issue, &codes, &somewhere))
        .collect();
    let mut notifications = Vec::new();
    if issues.len() > LIMIT {
        notifications.push(json!({
            "level": "warning",
            "message": {"text": format!(
                "{} findings are left out: a run holds {LIMIT}. The worst ones are here; --format json has all.",
                issues.len() - LIMIT
            )},
        }));
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "semanticVersion": report.tool.version,
                "rules": rules,
            }},
            "automationDetails": {"id": "fwimpact/"},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": true,
                "exitCode": report.exit_code,
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    })
}

fn rule(code: &str) -> Value {
    let (short, long) = RULES.iter().find(|r| r.0 == code).map_or_else(
        || {
            let words = code.replace('-', " ");
            let long = format!("{words}: see docs/diagnostics.md.");
            (words, long)
        },
        |r| (r.1.to_owned(), r.2.to_owned()),
    );
    let severity = match code {
        "flow-open-against-deny" | "exposure" => "8.0",
        "policy-file-changed" => "6.0",
        _ => "5.0",
    };
    let level = match code {
        "flow-blocked" | "flow-partly-blocked" | "flow-open-against-deny" => "error",
        _ => "warning",
    };
    json!({
        "id": code,
        "shortDescription": {"text": short},
        "fullDescription": {"text": long},
        "help": {"text": long, "markdown": long},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["firewall", "availability"], "security-severity": severity},
    })
}

fn result(issue: &Issue, codes: &[&str], somewhere: &Spot) -> Value {
    let index = codes.iter().position(|c| *c == issue.code);
    let first = issue.spots.first().unwrap_or(somewhere);
    let related: Vec<Value> = issue
        .spots
        .iter()
        .skip(1)
        .take(RELATED)
        .zip(1..)
        .map(|(spot, id)| {
            let mut place = location(spot);
            if let Some(map) = place.as_object_mut() {
                map.insert("id".into(), json!(id));
                if let Some(text) = &spot.text {
                    map.insert("message".into(), json!({"text": text.trim()}));
                }
            }
            place
        })
        .collect();
    json!({
        "ruleId": issue.code,
        "ruleIndex": index,
        "level": match issue.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        },
        "message": {"text": issue.message},
        "locations": [location(first)],
        "relatedLocations": related,
        "partialFingerprints": {"fwimpactFinding/v1": issue.fingerprint()},
    })
}

fn location(spot: &Spot) -> Value {
    let mut region = json!({"startLine": spot.line});
    if let (Some(text), Some(map)) = (&spot.text, region.as_object_mut()) {
        map.insert("snippet".into(), json!({"text": text}));
    }
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(&spot.path)},
        "region": region,
    }})
}
