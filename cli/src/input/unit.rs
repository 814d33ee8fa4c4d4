//! The files of one device, and what a front end makes of them.

use crate::settings::assume::Declared;
use fw_impact::report::{AssumptionReport, DiagnosticReport, Side};
use fw_model::match_expr::ConditionKind;
use fw_model::{Device, Diagnostic, Ledger, LineStatus, MatchExpr, Source, SourceId};
use fw_parse::{Input, Parsed, Vendor};
use std::collections::BTreeSet;

/// The files of one device.
#[derive(Clone)]
pub struct Unit {
    /// The device's name if its configuration does not give one; also what
    /// pairs the units of two sides.
    pub key: String,
    /// Its front end.
    pub vendor: &'static dyn Vendor,
    /// Its files.
    pub files: Vec<SourceId>,
    /// The names of its devices in the snapshot.
    pub devices: Vec<String>,
}

/// What becomes of a unit.
pub struct Outcome {
    /// Its devices.
    pub devices: Vec<Device>,
    /// One ledger a file.
    pub ledgers: Vec<Ledger>,
    /// What there is to say.
    pub diagnostics: Vec<Diagnostic>,
    /// Declarations that were made use of, for the report.
    pub declared: Vec<AssumptionReport>,
    /// Declarations that were not followed.
    pub refused: Vec<DiagnosticReport>,
    /// The lines of the declarations that cover a line.
    pub covering: BTreeSet<u32>,
}

/// Parses the files of a device. Lines that are declared to have no effect
/// are left out if they are not understood.
pub fn parse(
    key: &str,
    vendor: &dyn Vendor,
    files: &[(SourceId, &Source)],
    declared: &[Declared],
    side: Side,
) -> Outcome {
    let input = Input {
        fallback_name: key,
        files,
    };
    let parsed = vendor.parse(input);
    let mut outcome = Outcome {
        devices: parsed.devices,
        ledgers: parsed.ledgers,
        diagnostics: parsed.diagnostics,
        declared: Vec::new(),
        refused: Vec::new(),
        covering: BTreeSet::new(),
    };
    if !declared.is_empty() {
        leave_out(key, vendor, files, declared, side, &mut outcome);
    }
    outcome
}

/// Lines that are named as not understood: in the ledger, or by a condition.
fn not_understood(outcome: &Outcome, files: &[(SourceId, &Source)]) -> BTreeSet<(SourceId, u32)> {
    let mut out = BTreeSet::new();
    for ((id, _), ledger) in files.iter().zip(&outcome.ledgers) {
        for (line, status) in ledger.iter() {
            if *status == LineStatus::Opaque {
                out.insert((*id, line));
            }
        }
    }
    let mut note = |condition: &fw_model::Condition| {
        if condition.kind == ConditionKind::NotUnderstood
            && let Some(span) = condition.span
        {
            out.insert((span.source, span.line));
        }
    };
    for device in &outcome.devices {
        for condition in device.conditions() {
            note(&condition);
        }
        for rule in &device.treatments {
            rule.match_expr.walk(&mut |part| {
                if let MatchExpr::Opaque(condition) = part {
                    note(condition);
                }
            });
        }
    }
    out
}

fn leave_out(
    key: &str,
    vendor: &dyn Vendor,
    files: &[(SourceId, &Source)],
    declared: &[Declared],
    side: Side,
    outcome: &mut Outcome,
) {
    let names: Vec<String> = if outcome.devices.is_empty() {
        vec![key.to_owned()]
    } else {
        outcome.devices.iter().map(|d| d.name.clone()).collect()
    };
    let open = not_understood(outcome, files);
    let mut dropped: BTreeSet<(SourceId, u32)> = BTreeSet::new();
    for &(id, source) in files {
        for line in 1..=source.line_count() {
            let text = source.line(line).unwrap_or_default();
            if text.trim().is_empty() {
                continue;
            }
            let Some(by) = declared
                .iter()
                .find(|d| names.iter().any(|name| d.covers(name, text)))
            else {
                continue;
            };
            outcome.covering.insert(by.at);
            if open.contains(&(id, line)) {
                dropped.insert((id, line));
                outcome.declared.push(AssumptionReport {
                    code: "declared-inert".into(),
                    text: declaration(by, text),
                    device: names.first().cloned(),
                    file: Some(source.path.clone()),
                    line: Some(line),
                });
            } else {
                outcome.refused.push(DiagnosticReport {
                    code: "assumption-not-needed".into(),
                    severity: "note".into(),
                    side: Some(side),
                    file: Some(source.path.clone()),
                    line: Some(line),
                    message: format!(
                        "{}:{} declares this line to be without effect, but it is understood; it keeps its meaning",
                        by.file, by.at
                    ),
                    effect: "none".into(),
                });
            }
        }
    }
    if dropped.is_empty() {
        return;
    }
    let blanked: Vec<Source> = files
        .iter()
        .map(|(id, source)| blank(source, |line| dropped.contains(&(*id, line))))
        .collect();
    let pairs: Vec<(SourceId, &Source)> = files
        .iter()
        .zip(&blanked)
        .map(|((id, _), source)| (*id, source))
        .collect();
    let Parsed {
        devices,
        ledgers,
        diagnostics,
    } = vendor.parse(Input {
        fallback_name: key,
        files: &pairs,
    });
    outcome.devices = devices;
    outcome.diagnostics = diagnostics;
    outcome.ledgers = files
        .iter()
        .zip(&ledgers)
        .map(|((id, source), ledger)| {
            restore(source, ledger, |line| dropped.contains(&(*id, line)))
        })
        .collect();
}

fn declaration(by: &Declared, line: &str) -> String {
    let mut text = format!("`{}` is declared to have no effect on traffic", line.trim());
    if let Some(reason) = &by.reason {
        text.push_str(": ");
        text.push_str(reason);
    }
    if let Some(owner) = &by.owner {
        text.push_str(&format!(" ({owner})"));
    }
    text
}

/// The same text with some lines empty.
fn blank(source: &Source, drop: impl Fn(u32) -> bool) -> Source {
    let mut text = String::with_capacity(source.text.len());
    for line in 1..=source.line_count() {
        if !drop(line) {
            text.push_str(source.line(line).unwrap_or_default());
        }
        text.push('\n');
    }
    Source::new(source.path.clone(), text)
}

/// A ledger of `source` with the statuses of another one, and the lines that
/// were left out inert.
fn restore(source: &Source, parsed: &Ledger, dropped: impl Fn(u32) -> bool) -> Ledger {
    let mut ledger = Ledger::new(source);
    for (line, status) in parsed.iter() {
        match status {
            LineStatus::Modeled => ledger.modeled(line),
            LineStatus::Inert(reason) => ledger.inert(line, reason),
            LineStatus::Opaque => ledger.opaque(line),
            LineStatus::Blank => {}
        }
        if dropped(line) {
            ledger.inert(line, "declared in the assume file");
        }
    }
    ledger
}
