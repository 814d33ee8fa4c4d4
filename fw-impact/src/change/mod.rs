//! What happens differently to packets that pass on both sides.

mod translation;
mod treatment;

use crate::describe::place;
use crate::graph::journey::Outcome;
use crate::graph::piece::Passage;
use crate::graph::{Disposition, Side};
use crate::report::{Change, ChangeSeverity};
use crate::verdict::{Joint, Judgement, Part};
use fw_model::{Flow, TreatmentKind};
use rustc_hash::FxHashSet;
use translation::translation;
use treatment::treatments;

/// The differences in translation of packets that pass on both sides.
#[must_use]
pub fn translations(before: &Side<'_>, after: &Side<'_>, joints: &[Joint]) -> Vec<Change> {
    let mut out = Vec::new();
    for joint in joints {
        for (old, new) in joint.before.crossings.iter().zip(&joint.after.crossings) {
            if same_device(before, old.device, after, new.device) {
                translation(before, after, joint, old, new, &mut out);
            }
        }
    }
    tidy(&mut out);
    out
}

/// Sorts changes, the worst first; many rules that change in the same way are
/// one change.
pub fn tidy(changes: &mut Vec<Change>) {
    changes.sort_by(|a, b| (b.severity, a).cmp(&(a.severity, b)));
    changes.dedup_by(|a, b| {
        (&a.kind, &a.before, &a.after, &a.device) == (&b.kind, &b.before, &b.after, &b.device)
    });
}

/// The differences in treatment of the packets of a flow that pass on both
/// sides, worst first.
#[must_use]
pub fn changes(
    before: &Side<'_>,
    after: &Side<'_>,
    flow: &Flow,
    judgement: &Judgement,
) -> Vec<Change> {
    let mut out = Vec::new();
    let anyway = pass_anyway(judgement);
    for (at, joint) in judgement.joints.iter().enumerate() {
        if joint.same
            || joint.before.disposition != Disposition::Permitted
            || joint.after.disposition != Disposition::Permitted
        {
            continue;
        }
        if !path(before, after, joint, &mut out) {
            return_path(before, after, joint, &mut out);
        }
        for (old, new) in joint.before.crossings.iter().zip(&joint.after.crossings) {
            if !same_device(before, old.device, after, new.device) {
                continue;
            }
            translation(before, after, joint, old, new, &mut out);
            let mut found = Vec::new();
            treatments(before, after, flow, joint, old, new, &mut found);
            if anyway.contains(&at) {
                // Whatever they turn out to be, some rule permits them.
                let application = TreatmentKind::Application.as_str();
                found.retain(|change| change.kind != application);
            }
            out.append(&mut found);
        }
    }
    tidy(&mut out);
    out
}

/// The joints of packets that pass after the change on every branch of what
/// cannot be decided, where there are several.
fn pass_anyway(judgement: &Judgement) -> FxHashSet<usize> {
    let (sure, open): (Vec<&Part>, Vec<&Part>) = judgement
        .cells
        .iter()
        .partition(|c| c.after == Some(true) && c.members.len() > 1);
    let members = |parts: Vec<&Part>| -> FxHashSet<usize> {
        parts
            .iter()
            .flat_map(|c| c.members.iter().copied())
            .collect()
    };
    let open = members(open);
    let mut out = members(sure);
    out.retain(|at| !open.contains(at));
    out
}

fn name<'a>(side: &Side<'a>, device: usize) -> &'a str {
    side.devices
        .get(device)
        .map_or("", |d| d.device.name.as_str())
}

/// Replies that come back another way, though the packets go the same.
fn return_path(before: &Side<'_>, after: &Side<'_>, joint: &Joint, out: &mut Vec<Change>) {
    let way = |side: &Side<'_>, outcome: &Outcome| -> Vec<String> {
        let text = |r: &crate::graph::Return| {
            format!(
                "{} {} -> {}{}",
                name(side, r.device),
                outcome.piece.interface_words(r.ingress.as_ref()),
                outcome.piece.interface_words(r.egress.as_ref()),
                r.gateway.map_or_else(String::new, |g| format!(" via {g}")),
            )
        };
        outcome.returns.iter().map(text).collect()
    };
    let (old, new) = (way(before, &joint.before), way(after, &joint.after));
    if old == new {
        return;
    }
    let differs = joint
        .after
        .returns
        .iter()
        .zip(&new)
        .zip(old.iter().map(Some).chain(std::iter::repeat(None)))
        .find(|((_, now), was)| Some(*now) != *was)
        .map(|((r, _), _)| r);
    let (file, line, _) = place(after.snapshot, differs.and_then(|r| r.route));
    let or_none = |hops: Vec<String>| {
        if hops.is_empty() {
            "no device".to_owned()
        } else {
            hops.join(", ")
        }
    };
    push(
        out,
        Change {
            kind: "return-path".into(),
            before: or_none(old),
            after: or_none(new),
            severity: ChangeSeverity::High,
            note: Some("replies come back another way".into()),
            device: differs.map(|r| name(after, r.device).to_owned()),
            file,
            line,
        },
    );
}

/// True for two versions of one device, also where one of them stands for
/// more devices than the other.
fn same_device(before: &Side<'_>, old: usize, after: &Side<'_>, new: usize) -> bool {
    let (Some(old), Some(new)) = (before.devices.get(old), after.devices.get(new)) else {
        return false;
    };
    let (old, new) = (old.device, new.device);
    old.name == new.name || old.stands_for.contains(&new.name) || new.stands_for.contains(&old.name)
}

/// True if the packets take another way; that is reported then.
fn path(before: &Side<'_>, after: &Side<'_>, joint: &Joint, out: &mut Vec<Change>) -> bool {
    let way = |side: &Side<'_>, outcome: &Outcome| {
        let hops: Vec<String> = outcome
            .crossings
            .iter()
            .map(|c| {
                format!(
                    "{} {} -> {}",
                    name(side, c.device),
                    outcome.piece.interface_words(c.ingress.as_ref()),
                    outcome.piece.interface_words(c.egress.as_ref())
                )
            })
            .collect();
        if hops.is_empty() {
            "no device".to_owned()
        } else {
            hops.join(", ")
        }
    };
    let (old, new) = (way(before, &joint.before), way(after, &joint.after));
    let last = joint.after.crossings.last();
    let crossings = (&joint.before.crossings, &joint.after.crossings);
    let as_before = crossings.0.len() == crossings.1.len()
        && crossings.0.iter().zip(crossings.1).all(|(old, new)| {
            // An end that is open is the same one as far as it may be.
            let same = |a: Option<&Passage>, b: Option<&Passage>| {
                let names = |outcome: &Outcome, end: Option<&Passage>| {
                    end.map(|end| outcome.piece.interfaces(end))
                        .unwrap_or_default()
                };
                let hardware = |side: &Side<'_>, device: usize, name: &str| {
                    side.devices
                        .get(device)
                        .and_then(|d| d.device.interface(name)?.hardware.clone())
                };
                let (was, is) = (names(&joint.before, a), names(&joint.after, b));
                was == is
                    || was.iter().any(|name| is.contains(name))
                    || was.iter().any(|a| {
                        let one = hardware(before, old.device, a);
                        one.is_some() && is.iter().any(|b| one == hardware(after, new.device, b))
                    })
            };
            same_device(before, old.device, after, new.device)
                && same(old.ingress.as_ref(), new.ingress.as_ref())
                && same(old.egress.as_ref(), new.egress.as_ref())
        });
    // An interface with another name is the same interface.
    if old != new && !as_before {
        let route = joint.after.crossings.iter().find_map(|c| c.route);
        let (file, line, _) = place(after.snapshot, route);
        push(
            out,
            Change {
                kind: "path".into(),
                before: old,
                after: new,
                severity: ChangeSeverity::High,
                note: None,
                device: last.map(|c| name(after, c.device).to_owned()),
                file,
                line,
            },
        );
        return true;
    }
    let mut found = false;
    for (old, new) in joint.before.crossings.iter().zip(&joint.after.crossings) {
        if old.gateway != new.gateway {
            found = true;
            let text = |g: Option<std::net::IpAddr>| {
                g.map_or_else(|| "connected".to_owned(), |g| g.to_string())
            };
            let (file, line, _) = place(after.snapshot, new.route);
            push(
                out,
                Change {
                    kind: "route".into(),
                    before: text(old.gateway),
                    after: text(new.gateway),
                    severity: ChangeSeverity::High,
                    note: Some("another next router".into()),
                    device: Some(name(after, new.device).to_owned()),
                    file,
                    line,
                },
            );
        }
    }
    found || old != new
}

fn push(out: &mut Vec<Change>, change: Change) {
    if !out.contains(&change) {
        out.push(change);
    }
}
