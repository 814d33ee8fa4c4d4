//! Follows the packets of a rule that differs on both sides.

use super::relocated::ingress;
use super::{Found, LOOKS, Room};
use crate::graph::piece::Passage;
use crate::graph::{Disposition, Outcome, Side};
use crate::packet_set::decompose::RuleRef;
use crate::packet_set::index::RangeIndex;
use crate::packet_set::product::Dim;
use crate::packet_set::{Assumed, Product, Set};
use crate::report::Side as SideName;
use crate::verdict::{Comparison, Joint, Within, run_within};
use fw_model::evaluate::Journey;
use fw_model::{AddressSet, ConditionKind, Endpoint, Expect, Family, Flow, Quantity, ServiceSet};
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// Follows a region on both sides, first on the one named. With `touching`,
/// only the parts that one of these rules has a say in there are followed on
/// the other.
///
/// Where that is more than there is room for, nothing is told of the region.
///
/// Packets are compared as they enter: on the second side they come in by the
/// same interface, wherever its routes say that their senders live. Otherwise
/// a route that is moved would seem to open whatever the new interface lets
/// through.
pub(super) fn both(
    comparison: &Comparison<'_, '_>,
    flow: &Flow,
    family: Family,
    region: &Product,
    ways: Option<&[Set; 2]>,
    (first, touching): (SideName, Option<&FxHashSet<RuleRef>>),
    room: Room,
) -> Found {
    let first_is_before = first == SideName::Before;
    let sides = [
        (SideName::Before, comparison.before),
        (SideName::After, comparison.after),
    ];
    let [(first_name, first), (second_name, second)] = if first_is_before {
        sides
    } else {
        let [before, after] = sides;
        [after, before]
    };
    let mut out = Found::default();
    let within = Within {
        kept: comparison.locality.changed(first_name),
        ways: ways.cloned(),
        budget: LOOKS,
        ..Within::default()
    };
    let outcomes = run_within(first, flow, family, region, &Assumed::default(), &within);
    out.looked = outcomes.len();
    for one in concerned(first, outcomes, touching) {
        let entered = one.piece.entered();
        let assumed = one.piece.assumed.clone();
        let entering = Flow {
            ingress: same_ingress(first, second, &one),
            ..flow.clone()
        };
        // Nobody comes in there on the other side: by the interface behind
        // which the sender lives on that side, if at all.
        let gone = entering.ingress.is_none() && ingress(&one).is_some();
        let open = one.crossings.first().and_then(|c| c.ingress.as_ref());
        let within = Within {
            kept: comparison.locality.changed(second_name),
            ingress: open.and_then(|ingress| one.piece.way_numbers(ingress)),
            ..Within::default()
        };
        let one = Arc::new(one);
        for other in run_within(second, &entering, family, &entered, &assumed, &within) {
            out.looked += 1;
            // A branch of an unknown counts even where packets are no transit on
            // it: on the others they may be.
            let stays = one.disposition.stays()
                && other.disposition.stays()
                && (other.piece.assumed.is_empty() || one.disposition != other.disposition);
            if other.disposition == Disposition::Local || stays {
                continue;
            }
            let product = other.piece.entered();
            let assumed = other.piece.assumed.clone();
            let other = Arc::new(other);
            let (before, after) = if first_is_before {
                (Arc::clone(&one), other)
            } else {
                (other, Arc::clone(&one))
            };
            let as_before = before.disposition == after.disposition;
            let passes = as_before && before.disposition == Disposition::Permitted;
            let certain = assumed.is_empty();
            let translated = [&before, &after]
                .iter()
                .any(|o| o.crossings.iter().any(|c| c.original != c.translated));
            let joint = Joint {
                family,
                product,
                assumed,
                before,
                after,
                same: false,
            };
            if passes && translated {
                out.translated.push(joint.clone());
            }
            if !(as_before && certain) {
                let list = if gone {
                    &mut out.relocated
                } else {
                    &mut out.joints
                };
                list.push(joint);
            }
        }
        if !room.holds(&out) {
            return Found {
                more: vec![region.clone()],
                looked: out.looked,
                ..Found::default()
            };
        }
    }
    out
}

/// The outcomes that may differ on the other side. With `touching`, those in
/// which one of these rules has a say. A branch of what is not understood says
/// something only together with the others, so branches over the same packets
/// come with them, whatever rules they meet.
fn concerned(
    side: &Side<'_>,
    outcomes: Vec<Outcome>,
    touching: Option<&FxHashSet<RuleRef>>,
) -> Vec<Outcome> {
    // What is for the device itself is no transit.
    let transit = |one: &Outcome| one.disposition != Disposition::Local;
    let outcomes = outcomes.into_iter().filter(transit);
    let Some(rules) = touching else {
        return outcomes.collect();
    };
    let (mut out, rest): (Vec<Outcome>, Vec<Outcome>) =
        outcomes.partition(|one| touches(one, rules));
    // Which of several interfaces packets use is a case of its own in a report,
    // not an unknown that branches share.
    let branch = |one: &Outcome| {
        let mut variables = one.piece.assumed.variables();
        variables.any(|v| {
            let condition = side.conditions.condition(v);
            condition.is_none_or(|c| c.kind != ConditionKind::Path)
        })
    };
    let products: Vec<Product> = out
        .iter()
        .filter(|one| branch(one))
        .map(|one| one.piece.entered())
        .collect();
    if products.is_empty() {
        return out;
    }
    let sources: Vec<Set> = products
        .iter()
        .map(|p| Arc::clone(p.get(Dim::Source)))
        .collect();
    let index = RangeIndex::new(&sources);
    let beside = rest.into_iter().filter(|one| {
        branch(one) && {
            let entered = one.piece.entered();
            let mut near = index.meeting(entered.get(Dim::Source)).into_iter();
            near.any(|at| products.get(at as usize).is_some_and(|p| p.meets(&entered)))
        }
    });
    out.extend(beside);
    out
}

/// The interface of `second` by which packets came in on `first`: the one
/// with the same name, else with the same hardware.
fn same_ingress(first: &Side<'_>, second: &Side<'_>, outcome: &Outcome) -> Option<String> {
    let crossing = outcome.crossings.first()?;
    let Some(Passage::Interface(name)) = &crossing.ingress else {
        // An open end is handed on by its numbers.
        return None;
    };
    let here = first.devices.get(crossing.device)?.device;
    let there = second.snapshot.device(&here.name)?;
    if there.interface(name).is_some() {
        return Some((**name).to_owned());
    }
    let hardware = here.interface(name)?.hardware.as_deref()?;
    let found = there
        .interfaces
        .iter()
        .find(|i| i.hardware.as_deref() == Some(hardware))?;
    Some(found.name.clone())
}

fn touches(outcome: &Outcome, rules: &FxHashSet<RuleRef>) -> bool {
    let mut met = outcome.visits.iter().flat_map(|v| &v.rules);
    met.any(|rule| rules.contains(rule))
}

/// A flow of every packet that takes a way through, to or from one device.
pub(super) fn any_flow(device: &str, journey: Journey) -> Flow {
    let end = |at_home: bool| {
        if at_home {
            Endpoint::Device(device.into())
        } else {
            Endpoint::Addresses(AddressSet::any())
        }
    };
    Flow {
        id: String::new(),
        description: None,
        from: end(journey == Journey::FromDevice),
        to: end(journey == Journey::ToDevice),
        from_text: "any".into(),
        to_text: "any".into(),
        services: ServiceSet::any(),
        service_name: "any".into(),
        expect: Expect::Allow,
        quantity: Quantity::All,
        check_return: false,
        keepalive: None,
        idle_sensitive: false,
        tls: false,
        device: Some(device.into()),
        ingress: None,
        egress: None,
        application: None,
        user: None,
        companion_of: None,
        owner: None,
        justification: None,
        ticket: None,
    }
}
