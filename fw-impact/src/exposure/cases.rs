//! What becomes of the packets of a device: the parts of them that end
//! differently, by the path that they take.

use super::branches::{Paths, path_ends, path_words};
use super::{Differences, relocated};
use crate::describe::{decisions, reasons};
use crate::graph::{Disposition, Outcome};
use crate::packet_set::minimize::minimize;
use crate::packet_set::overlay::{WORK, overlay};
use crate::packet_set::product::{Dim, subtract_all};
use crate::packet_set::{Product, Set};
use crate::report::{Certainty, DecidedBy, Reason, Side as SideName};
use crate::verdict::{Comparison, Difference, Joint, Part, Picked, any_own, perhaps_own};
use fw_model::Family;
use fw_model::evaluate::Journey;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which way packets take that begin or end at the device.
const fn words(journey: Journey) -> Option<&'static str> {
    match journey {
        Journey::Through => None,
        Journey::ToDevice => Some("to the device itself"),
        Journey::FromDevice => Some("of the device itself"),
    }
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
/// share no branch, and its path in words. The joints that take the path come
/// first.
fn by_ingress(
    comparison: &Comparison<'_, '_>,
    joints: &[Joint],
    takes: &dyn Fn(usize) -> bool,
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
            members.sort_unstable_by_key(|&m| (!takes(m), m));
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
    joints: &[Joint],
    declared: &[&Product],
    out: &mut Differences,
) {
    // Each open path is a case of its own, so that its verdicts are certain.
    let mut known: FxHashMap<_, Option<String>> = FxHashMap::default();
    let paths = Paths::new(comparison.before.conditions, joints, |joint, open| {
        let path = open.then(|| {
            let path = known.entry(path_ends(joint));
            path.or_insert_with(|| path_words(joint)).clone()
        });
        path.flatten().or_else(|| words(journey).map(str::to_owned))
    });
    list_paths(
        comparison,
        (family, journey),
        device,
        (joints, &paths),
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
    joints: &[Joint],
    declared: &[&Product],
    out: &mut Differences,
) {
    if joints.is_empty() {
        return;
    }
    let paths = Paths::new(comparison.before.conditions, joints, |joint, _| {
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
    list_paths(comparison, kind, device, (joints, &paths), &known, out);
}

fn list_paths(
    comparison: &Comparison<'_, '_>,
    (family, journey): (Family, Journey),
    device: &str,
    (joints, paths): (&[Joint], &Paths<'_>),
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
    for at in 0..paths.len() {
        for (path, parts) in cases(comparison, paths, at, joints) {
            let mut lists: [Vec<Part>; 4] = Default::default();
            for part in parts {
                let opens = |m: &usize| joints.get(*m).is_some_and(may_open);
                let number = match part.difference {
                    Difference::None => continue,
                    Difference::Gained => 0,
                    Difference::Lost => 1,
                    Difference::Undecided if part.members.iter().any(opens) => 2,
                    Difference::Undecided => 3,
                };
                if let Some(list) = lists.get_mut(number) {
                    list.push(part);
                }
            }
            let all = [
                &mut out.opened,
                &mut out.closed,
                &mut out.undecided,
                &mut out.perhaps_closed,
            ];
            for (list, parts) in all.into_iter().zip(lists) {
                for (part, packets) in once(&parts) {
                    let packets = subtract_all(packets, declared.iter().copied());
                    if packets.is_empty() {
                        continue;
                    }
                    let Some((certainty, rules, why)) = told(comparison, device, joints, part)
                    else {
                        continue;
                    };
                    list.add(
                        (family, journey, certainty),
                        device,
                        (rules, why),
                        (&path, packets.into_iter().map(&at_home)),
                    );
                }
            }
        }
    }
}

/// The packets of each part that are in none before it: each packet of a list
/// once.
fn once(parts: &[Part]) -> Vec<(&Part, Vec<Product>)> {
    let products: Vec<&Product> = parts.iter().map(|part| &part.product).collect();
    let found = overlay(&products, &|_| true, WORK);
    let mut out: Vec<(&Part, Vec<Product>)> = parts.iter().map(|p| (p, Vec::new())).collect();
    let first = |held: &Vec<usize>| held.first().copied();
    let cells = found
        .cells
        .into_iter()
        .map(|(cell, held)| (first(&held), cell));
    let crowded = found
        .crowds
        .into_iter()
        .flatten()
        .map(|(product, at)| (Some(at), product));
    for (at, product) in cells.chain(crowded) {
        if let Some((_, packets)) = at.and_then(|at| out.get_mut(at)) {
            packets.push(product);
        }
    }
    for (_, packets) in &mut out {
        *packets = minimize(std::mem::take(packets));
    }
    out
}

/// The parts of packets that are treated differently, or may be, by the path
/// that they take: that of the branches on which they are.
fn cases(
    comparison: &Comparison<'_, '_>,
    paths: &Paths<'_>,
    at: usize,
    joints: &[Joint],
) -> Vec<(Option<String>, Vec<Part>)> {
    let mut out: Vec<(Option<String>, Vec<Part>)> = vec![(paths.words(at), Vec::new())];
    let takes = |m: usize| paths.takes(m, at);
    let differs = |m: usize| takes(m) && joints.get(m).is_some_and(|j| comparison.differs(j));
    let picked = Picked {
        joints: &paths.with_branches(at),
        wanted: &differs,
    };
    for mut part in comparison.parts_of(joints, &picked) {
        part.members.sort_unstable_by_key(|&m| (!takes(m), m));
        let split = if part.difference == Difference::Undecided {
            by_ingress(comparison, joints, &takes, part)
        } else {
            vec![(None, part)]
        };
        let of_path = |(_, part): &(_, Part)| part.members.iter().any(|&m| differs(m));
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
    let variables: BTreeSet<u32> = members().flat_map(|j| j.assumed.variables()).collect();
    let variables = variables.into_iter();
    let why = reasons(comparison.after, SideName::After, device, variables);
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
