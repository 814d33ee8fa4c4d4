//! What becomes of the packets of a device: the parts of them that end
//! differently, by the path that they take.

use super::branches::other_branches;
use super::{Differences, relocated};
use crate::describe::{decisions, reasons};
use crate::graph::{Disposition, Outcome};
use crate::packet_set::product::{Dim, subtract_all};
use crate::packet_set::{Product, Set};
use crate::report::{Certainty, DecidedBy, Reason, Side as SideName};
use crate::verdict::{Comparison, Difference, Joint, Part, any_own, perhaps_own};
use fw_model::evaluate::Journey;
use fw_model::{ConditionKind, Family};
use std::sync::Arc;

/// Which way packets take that begin or end at the device.
const fn words(journey: Journey) -> Option<&'static str> {
    match journey {
        Journey::Through => None,
        Journey::ToDevice => Some("to the device itself"),
        Journey::FromDevice => Some("of the device itself"),
    }
}

/// The path of packets that the snapshot leaves open, as words.
fn path_of(comparison: &Comparison<'_, '_>, joint: &Joint) -> Option<String> {
    let open = joint
        .assumed
        .variables()
        .filter_map(|v| comparison.before.conditions.condition(v))
        .any(|c| c.kind == ConditionKind::Path);
    if !open {
        return None;
    }
    let crossing = joint.after.crossings.first()?;
    let words = |end| joint.after.piece.interface_words(end);
    Some(format!(
        "{} -> {}",
        words(crossing.ingress.as_ref()),
        words(crossing.egress.as_ref())
    ))
}

/// The interfaces by which the packets of a joint may come in, by number;
/// `None` for all. They are the same on both sides.
fn entering(joint: &Joint) -> Option<Set> {
    let of = |outcome: &Outcome| {
        let ingress = outcome.crossings.first()?.ingress.as_ref()?;
        outcome.piece.way_numbers(ingress)
    };
    match (of(&joint.before), of(&joint.after)) {
        (Some(was), Some(is)) => Some(Arc::new(was.intersect(&is))),
        (one, other) => one.or(other),
    }
}

/// Parts that cannot be decided for all the interfaces by which packets may
/// come in, but for each of them: one part for each set of interfaces that
/// share no branch, and its path in words.
fn by_ingress(
    comparison: &Comparison<'_, '_>,
    joints: &[Joint],
    part: Part,
) -> Vec<(Option<String>, Part)> {
    // Sets that overlap are one.
    let mut classes: Vec<(Set, Vec<usize>)> = Vec::new();
    for &member in &part.members {
        let Some(mut set) = joints.get(member).and_then(entering) else {
            return vec![(None, part)];
        };
        let mut members = vec![member];
        classes.retain(|(other, theirs)| {
            let apart = !other.meets(&set);
            if !apart {
                set = Arc::new(set.union(other));
                members.extend(theirs);
            }
            apart
        });
        classes.push((set, members));
    }
    if classes.len() < 2 {
        return vec![(None, part)];
    }
    classes
        .into_iter()
        .map(|(set, mut members)| {
            members.sort_unstable();
            let path = members
                .first()
                .and_then(|&m| joints.get(m))
                .and_then(|joint| {
                    let crossing = joint.after.crossings.first()?;
                    let piece = &joint.after.piece;
                    Some(format!(
                        "{} -> {}",
                        piece.words_within(crossing.ingress.as_ref(), Some(&set)),
                        piece.interface_words(crossing.egress.as_ref())
                    ))
                });
            let part = comparison.cell(joints, part.family, part.product.clone(), members);
            (path, part)
        })
        .collect()
}

/// Adds what became of these packets to the lists.
pub(super) fn list(
    comparison: &Comparison<'_, '_>,
    (family, journey): (Family, Journey),
    device: &str,
    joints: Vec<Joint>,
    declared: &[&Product],
    out: &mut Differences,
) {
    // Each open path is a case of its own, so that its verdicts are certain.
    let by_path = by_path(joints, |joint| {
        path_of(comparison, joint).or(words(journey).map(str::to_owned))
    });
    list_paths(
        comparison,
        (family, journey),
        device,
        by_path,
        declared,
        out,
    );
}

/// Adds what became of packets whose senders live behind another interface
/// than before, unless the lists have them already.
pub(super) fn list_relocated(
    comparison: &Comparison<'_, '_>,
    (family, journey): (Family, Journey),
    device: &str,
    joints: Vec<Joint>,
    declared: &[&Product],
    out: &mut Differences,
) {
    if joints.is_empty() {
        return;
    }
    let by_path = by_path(joints, |joint| {
        let path = relocated::path_of(joint);
        match words(journey) {
            Some(words) => path.map(|path| format!("{words}, {path}")),
            None => path,
        }
    });
    let told: Vec<Product> = [&out.opened, &out.closed]
        .iter()
        .flat_map(|list| list.packets().0)
        .filter(|l| l.family == family && l.journey == Some(journey))
        .flat_map(|l| l.packets.to_vec())
        .collect();
    let known: Vec<&Product> = declared.iter().copied().chain(&told).collect();
    let kind = (family, journey);
    list_paths(comparison, kind, device, by_path, &known, out);
}

/// Joints by the path that they take.
fn by_path(
    joints: Vec<Joint>,
    path_of: impl Fn(&Joint) -> Option<String>,
) -> Vec<(Option<String>, Vec<Joint>)> {
    let mut out: Vec<(Option<String>, Vec<Joint>)> = Vec::new();
    for joint in joints {
        let path = path_of(&joint);
        match out.iter_mut().find(|(p, _)| *p == path) {
            Some((_, list)) => list.push(joint),
            None => out.push((path, vec![joint])),
        }
    }
    out
}

fn list_paths(
    comparison: &Comparison<'_, '_>,
    (family, journey): (Family, Journey),
    device: &str,
    by_path: Vec<(Option<String>, Vec<Joint>)>,
    declared: &[&Product],
    out: &mut Differences,
) {
    let perhaps = comparison
        .before
        .devices
        .iter()
        .find(|d| d.device.name == device)
        .and_then(perhaps_own);
    let at_home = |product: Product| match (&perhaps, journey) {
        (Some(perhaps), Journey::ToDevice) => any_own(family, product, Dim::Destination, perhaps),
        (Some(perhaps), Journey::FromDevice) => any_own(family, product, Dim::Source, perhaps),
        _ => product,
    };
    let beside: Vec<Vec<Joint>> = (0..by_path.len())
        .map(|at| other_branches(comparison, &by_path, at))
        .collect();
    for ((path, mut joints), beside) in by_path.into_iter().zip(beside) {
        let own = joints.len();
        joints.extend(beside);
        for (path, parts) in cases(comparison, path, &joints, own) {
            let mut seen: [Vec<Product>; 4] = Default::default();
            for part in parts {
                let opens = |m: &usize| joints.get(*m).is_some_and(may_open);
                let (at, list) = match part.difference {
                    Difference::None => continue,
                    Difference::Gained => (0, &mut out.opened),
                    Difference::Lost => (1, &mut out.closed),
                    Difference::Undecided if part.members.iter().any(opens) => {
                        (2, &mut out.undecided)
                    }
                    Difference::Undecided => (3, &mut out.perhaps_closed),
                };
                // Each packet of a list once.
                let Some(seen) = seen.get_mut(at) else {
                    continue;
                };
                let fresh = subtract_all(vec![part.product.clone()], seen.iter());
                let fresh = subtract_all(fresh, declared.iter().copied());
                if fresh.is_empty() {
                    continue;
                }
                seen.extend(fresh.iter().cloned());
                let Some((certainty, rules, why)) = told(comparison, device, &joints, &part) else {
                    continue;
                };
                list.add(
                    (family, journey, certainty),
                    device,
                    (rules, why),
                    (&path, fresh.into_iter().map(&at_home)),
                );
            }
        }
    }
}

/// The parts of packets by the path that they take. Only the first joints,
/// `own` of them, are of that path; the others are branches beside it.
fn cases(
    comparison: &Comparison<'_, '_>,
    path: Option<String>,
    joints: &[Joint],
    own: usize,
) -> Vec<(Option<String>, Vec<Part>)> {
    let mut out: Vec<(Option<String>, Vec<Part>)> = vec![(path, Vec::new())];
    for part in comparison.parts(joints) {
        let split = if part.difference == Difference::Undecided {
            by_ingress(comparison, joints, part)
        } else {
            vec![(None, part)]
        };
        let of_path = |(_, part): &(_, Part)| part.members.iter().any(|&m| m < own);
        for (narrowed, part) in split.into_iter().filter(of_path) {
            let at = match narrowed {
                None => Some(0),
                Some(_) => out.iter().position(|(path, _)| *path == narrowed),
            };
            match at.and_then(|at| out.get_mut(at)) {
                Some((_, parts)) => parts.push(part),
                None => out.push((narrowed, vec![part])),
            }
        }
    }
    out
}

/// How certain a part is, the rules that decide it, and what keeps it from
/// being certain.
fn told(
    comparison: &Comparison<'_, '_>,
    device: &str,
    joints: &[Joint],
    part: &Part,
) -> Option<(Certainty, DecidedBy, Vec<Reason>)> {
    let members = || part.members.iter().filter_map(|&m| joints.get(m));
    let joint = members().next()?;
    let rules = DecidedBy {
        before: decisions(comparison.before, &joint.before),
        after: decisions(comparison.after, &joint.after),
    };
    if part.difference != Difference::Undecided {
        return Some((Certainty::Certain, rules, Vec::new()));
    }
    let why = members()
        .flat_map(|j| reasons(comparison.after, SideName::After, device, &j.assumed))
        .collect();
    Some((Certainty::Possible, rules, why))
}

/// True if the packets pass after the change and did not before, on this
/// branch of undecidable conditions.
fn may_open(joint: &Joint) -> bool {
    use Disposition::{Exhausted, Local, Permitted};
    let passes = |d: &Disposition| matches!(d, Permitted | Local);
    let unknown = |d: &Disposition| matches!(d, Exhausted);
    let (before, after) = (&joint.before.disposition, &joint.after.disposition);
    unknown(before) || unknown(after) || (!passes(before) && passes(after))
}
