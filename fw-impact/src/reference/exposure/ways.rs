//! Which way the packets of a case may take, and what becomes of them there.

use super::Case;
use crate::exposure::Listed;
use crate::graph::Side;
use crate::graph::piece::Passage;
use crate::graph::side::DeviceSide;
use crate::packet_set::{Assumed, Product};
use crate::reference::{routed, unknown};
use crate::verdict::perhaps_own;
use fw_model::address::bits;
use fw_model::evaluate::{Context, Disposition, Evaluation, Journey, evaluate};
use fw_model::match_expr::CivilMinute;
use fw_model::packet::{ConnectionState, tcp_flags};
use fw_model::route::{RouteDecision, lookup};
use fw_model::{Answers, Condition, Device, Family, Interface, IntervalSet, NextHop};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The interfaces by which a packet may come in.
pub(super) fn places(
    side: &Side<'_>,
    family: Family,
    point: [u128; 4],
    journey: Journey,
) -> Vec<Arc<str>> {
    if journey == Journey::FromDevice {
        return Vec::new();
    }
    let one = Product {
        sets: point.map(|value| Arc::new(IntervalSet::range(value, value))),
    };
    let [source, ..] = point;
    if side.cut_off(family, Some(0)).contains(source) {
        return Vec::new();
    }
    let found = side.entries(family, &one, None, Some(0), None, &Assumed::default());
    found
        .entries
        .iter()
        .filter_map(|entry| {
            let passage: &Passage = entry.ingress.as_ref()?;
            Some(entry.piece.interfaces(passage))
        })
        .flatten()
        .collect()
}

/// The interfaces by which a packet may leave where routes do not tell.
pub(super) fn leaving(side: &Side<'_>, ingress: Option<&str>) -> Vec<Arc<str>> {
    let Some(here) = side.devices.first() else {
        return Vec::new();
    };
    let others = |name: &&Arc<str>| {
        let number = here.interfaces().number(name);
        ingress != Some(&***name) || number.is_some_and(|n| here.several().contains(n))
    };
    here.interfaces()
        .members(here.feasible_interfaces())
        .filter(others)
        .cloned()
        .collect()
}

/// One end of the path of an entry, in words.
pub(super) fn path_end<'e>(entry: &Listed<'e>, at: usize) -> Option<&'e str> {
    let (ingress, egress) = entry.path?.split_once(" -> ")?;
    Some(if at == 0 { ingress } else { egress })
}

/// True if an end of a path is, or may be, an interface.
pub(super) fn may_be(end: &str, name: &str) -> bool {
    end == "any interface"
        || end.ends_with(" other")
        || end.ends_with(" others")
        || end
            .split(" or ")
            .flat_map(|part| part.split(", "))
            .any(|one| one == name)
}

pub(super) fn on_path(entry: &Listed<'_>, ingress: Option<&str>) -> bool {
    match (path_end(entry, 0), ingress) {
        (Some(end), Some(name)) => may_be(end, name),
        (Some(end), None) => end == "itself",
        (None, _) => true,
    }
}

pub(super) fn follow(
    device: &Device,
    now: CivilMinute,
    case: &Case<'_>,
    egress: Option<&str>,
) -> Evaluation {
    // Conditions hold or not by their key, the same on both sides.
    let holds = |condition: &Condition| {
        let mut hasher = FxHasher::default();
        condition.key.hash(&mut hasher);
        case.salt.hash(&mut hasher);
        hasher.finish() & 4 == 0
    };
    let context = Context {
        journey: case.journey,
        ingress: case.ingress,
        egress,
        state: ConnectionState::New,
        tcp_flags: tcp_flags::SYN,
        now,
        application: None,
        user: None,
        holds: &holds,
    };
    evaluate(device, case.packet, &context)
}

/// Follows a packet; `None` if the case says nothing of its way.
pub(super) fn followed(side: &Side<'_>, case: &Case<'_>) -> Option<Evaluation> {
    let device = side.devices.first()?.device;
    let mut evaluation = follow(device, side.now, case, None);
    let unrouted = evaluation.disposition == Disposition::Unrouted;
    let unmoved = evaluation.translated.destination == case.packet.destination;
    if unrouted || unmoved {
        let interface = case.ingress.and_then(|name| device.interface(name));
        let vrf = interface.map_or("", |i| &i.vrf);
        let several = match lookup(device, vrf, evaluation.translated.destination) {
            RouteDecision::Leaves(by) if by.len() > 1 => Some(by),
            _ => None,
        };
        if let Some(by) = &several
            && !by.iter().any(|(name, _)| case.leaves == Some(*name))
        {
            // Routes of equal weight, and none of them leads where the case
            // says.
            return None;
        }
        if several.is_some() || routed(side, 0, case.ingress, &evaluation.translated, unknown) {
            // Where there is one interface alone, there is no choice.
            let leaving = leaving(side, case.ingress);
            let by = match (case.leaves, leaving.as_slice()) {
                (_, []) => case.ingress,
                (_, [only]) => Some(&**only),
                (Some(name), all) if all.iter().any(|n| **n == *name) => Some(name),
                _ => return None,
            };
            evaluation = follow(device, side.now, case, by);
        }
    }
    Some(evaluation)
}

/// Whether a packet passes; `None` if the case says nothing of its way.
pub(super) fn passes(side: &Side<'_>, case: &Case<'_>) -> Option<bool> {
    let evaluation = followed(side, case)?;
    let stays = case.journey == Journey::Through
        && evaluation.local
        && evaluation.translated == case.packet;
    let here = side.devices.first()?;
    let arrives = !turned_back(here, case.ingress, &evaluation);
    Some(evaluation.disposition == Disposition::Permitted && !stays && arrives)
}

/// True if a packet leaves by where it came in, untranslated, for an address
/// that some version of the device translates there: no host has it.
pub(in crate::reference) fn turned_back(
    here: &DeviceSide<'_>,
    ingress: Option<&str>,
    evaluation: &Evaluation,
) -> bool {
    let Some(name) = ingress else {
        return false;
    };
    let to = evaluation.original.destination;
    let number = here.interfaces().number(name);
    if number.is_none_or(|n| here.several().contains(n))
        || evaluation.local
        || evaluation.egress.as_deref() != Some(name)
        || evaluation.translated.destination != to
        || !here.mapped_at(name).contains(to)
    {
        return false;
    }
    let vrf = here.device.interface(name).map_or("", |i| &i.vrf);
    let hop = |address| match lookup(here.device, vrf, address) {
        RouteDecision::Leaves(by) => {
            by.iter()
                .find(|(interface, _)| *interface == name)
                .map(|(_, route)| match route.map(|r| &r.next) {
                    Some(NextHop::Interface(_, gateway)) => *gateway,
                    Some(NextHop::Gateway(gateway)) => Some(*gateway),
                    _ => None,
                })
        }
        _ => None,
    };
    match hop(to) {
        Some(Some(gateway)) => hop(evaluation.original.source) == Some(Some(gateway)),
        Some(None) => here
            .device
            .interface(name)
            .is_some_and(|i| i.connected().contains(to)),
        None => false,
    }
}

/// True if a report is about such packets on this side.
pub(super) fn in_question(side: &Side<'_>, case: &Case<'_>) -> bool {
    let Some(here) = side.devices.first() else {
        return false;
    };
    let family = case.packet.family();
    let (from, to) = (bits(case.packet.source), bits(case.packet.destination));
    let own = here.own(family);
    // Nothing comes in by an interface that is not there or is down.
    let there = case.ingress.is_none_or(|name| {
        let known = here.device.interface(name);
        known.map_or(!here.device.interfaces_complete, |i| i.enabled)
    });
    let up = || here.device.interfaces.iter().filter(|i| i.enabled);
    let holds = |i: &Interface, value| i.connected().family(family).contains(value);
    let has = |i: &Interface, value| {
        i.addresses
            .iter()
            .any(|net| Family::of(net.addr()) == family && bits(net.addr()) == value)
    };
    // A device that does not tell its addresses may have any.
    let may_own = |value| match perhaps_own(here) {
        Some(perhaps) => perhaps.family(family).contains(value),
        None => own.contains(value),
    };
    there
        && match case.journey {
            // What stays in one subnet does not cross, and what has the
            // device's address is sent by the device.
            Journey::Through => {
                !own.contains(from)
                    && !up().any(|i| {
                        i.addresses.iter().any(|net| {
                            net.contains(&case.packet.source)
                                && net.contains(&case.packet.destination)
                        })
                    })
            }
            // Neighbours use the address on their subnet, and some devices
            // answer only where packets come in.
            Journey::ToDevice => {
                let near = case.ingress.and_then(|name| here.device.interface(name));
                may_own(to)
                    && !up().any(|i| holds(i, from) && !has(i, to))
                    && (here.device.answers == Answers::Everywhere
                        || near.is_some_and(|i| i.dynamic_address || has(i, to)))
            }
            // A device sends with the address of the interface by which packets
            // leave.
            Journey::FromDevice => {
                let by = match lookup(here.device, "", case.packet.destination) {
                    RouteDecision::Leaves(by) => by,
                    _ => Vec::new(),
                };
                let mut exits = by
                    .iter()
                    .filter_map(|(name, _)| here.device.interface(name))
                    .filter(|i| !i.addresses.is_empty())
                    .peekable();
                may_own(from) && (exits.peek().is_none() || exits.any(|i| has(i, from)))
            }
        }
}
