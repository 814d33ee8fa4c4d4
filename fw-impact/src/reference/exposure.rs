//! What a change opens and closes against the concrete reference.
//!
//! [`check`] draws packets at the boundaries of the rules of both versions of
//! a device and has [`fw_model::evaluate`] follow each of them on both sides,
//! by the same interfaces and with the same undecidable conditions. A packet
//! that passes on one side alone must be listed, and a packet that is listed as
//! certain must pass on one side alone.

use super::{Landmarks, Random, pick_packet, routed, unknown as unknown_exit};
use crate::describe::packet;
use crate::exposure::{Differences, Listed, differences, no_ipv6};
use crate::graph::Side;
use crate::graph::piece::Passage;
use crate::graph::side::DeviceSide;
use crate::packet_set::{Assumed, ConditionTable, Product};
use crate::report::Certainty;
use crate::verdict::{Comparison, perhaps_own};
use fw_model::address::bits;
use fw_model::evaluate::{Context, Disposition, Evaluation, Journey, evaluate};
use fw_model::match_expr::CivilMinute;
use fw_model::packet::{ConnectionState, tcp_flags};
use fw_model::route::{RouteDecision, lookup};
use fw_model::{
    Answers, Condition, Device, Family, Filter, Interface, IntervalSet, MatchExpr, NextHop, Packet,
    Rule, Snapshot,
};
use rustc_hash::FxHasher;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// How much was compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// Packets that were followed on both sides.
    pub packets: usize,
    /// Of these, packets that pass only after the change, all of them listed.
    pub opened: usize,
    /// Of these, packets that pass only before it, all of them listed.
    pub closed: usize,
    /// Packets of certain entries, all of which pass on the side they should.
    pub certain: usize,
}

impl std::ops::AddAssign for Checked {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.opened += other.opened;
        self.closed += other.closed;
        self.certain += other.certain;
    }
}

/// Two versions of one device.
struct Pair<'p, 's> {
    sides: [&'p Side<'s>; 2],
    found: &'p Differences,
    /// The only IPv6 that this device sees is left out of reports.
    without_ipv6: bool,
}

/// A packet on a way of its own.
struct Case<'c> {
    packet: Packet,
    journey: Journey,
    ingress: Option<&'c str>,
    /// By which interface it leaves where the configuration leaves that open.
    leaves: Option<&'c str>,
    salt: u64,
}

/// Compares on about `packets` packets to, through and of the only device of
/// two snapshots, which has the same name on both.
///
/// # Errors
/// A description of the first packet on which the two differ.
pub fn check(
    before: &Snapshot,
    after: &Snapshot,
    now: CivilMinute,
    packets: usize,
    seed: u64,
) -> Result<Checked, String> {
    let conditions = ConditionTable::default();
    let old = Side::compared(before, after, &conditions, now);
    let new = Side::compared(after, before, &conditions, now).after_the_change();
    let comparison = Comparison::new(&old, &new);
    let found = differences(&comparison, &[]);
    let ([was], [is]) = (before.devices.as_slice(), after.devices.as_slice()) else {
        return Err("not one device on each side".into());
    };
    let pair = Pair {
        sides: [&old, &new],
        found: &found,
        without_ipv6: no_ipv6(was) && no_ipv6(is),
    };
    let mut random = Random::new(seed);
    let mut out = Checked::default();
    for family in [Family::V4, Family::V6] {
        let landmarks = Landmarks::of(&[was, is], family);
        let interesting = interesting(was, is, family);
        let share = if family == Family::V4 { 3 } else { 1 };
        for _ in 0..packets * share / 4 {
            pair.any_packet(&landmarks, &interesting, &mut random, &mut out)?;
        }
    }
    pair.certain_packets(&mut random, packets, &mut out)?;
    Ok(out)
}

/// What the rules match, roughly, of lists that differ; those of rules that
/// have no equal in the other version come more often.
fn interesting(old: &Device, new: &Device, family: Family) -> Vec<Product> {
    let equal = |a: &Rule, b: &Rule| a.match_expr == b.match_expr && a.action == b.action;
    let mut out = Vec::new();
    for (mine, theirs) in [(old, new), (new, old)] {
        for filter in &mine.filters {
            let other: Option<&Filter> = theirs.filters.iter().find(|f| f.name == filter.name);
            let rules = other.map_or(&[][..], |f| f.rules.as_slice());
            let same = rules.len() == filter.rules.len()
                && rules.iter().zip(&filter.rules).all(|(a, b)| equal(a, b));
            for rule in filter.rules.iter().filter(|_| !same) {
                let known = rules.iter().any(|r| equal(r, rule));
                for _ in 0..if known { 1 } else { 6 } {
                    out.push(roughly(rule, family));
                }
            }
        }
    }
    out
}

/// The sets that a rule names last in each dimension.
fn roughly(rule: &Rule, family: Family) -> Product {
    let mut out = Product::everything(family);
    let mut put = |at: usize, set: &IntervalSet| {
        if let Some(slot) = out.sets.get_mut(at)
            && !set.is_empty()
        {
            *slot = Arc::new(set.clone());
        }
    };
    rule.match_expr.walk(&mut |part| match part {
        MatchExpr::Source(set) => put(0, set.family(family)),
        MatchExpr::Destination(set) => put(1, set.family(family)),
        MatchExpr::Service(set) => {
            for term in set.terms() {
                put(2, &term.service);
                put(3, &term.source_ports);
            }
        }
        _ => {}
    });
    out
}

impl Pair<'_, '_> {
    fn devices(&self) -> impl Iterator<Item = &Device> {
        self.sides
            .iter()
            .flat_map(|s| &s.devices)
            .map(|here| here.device)
    }

    /// A packet that passes on one side alone is listed.
    fn any_packet(
        &self,
        landmarks: &Landmarks,
        interesting: &[Product],
        random: &mut Random,
        out: &mut Checked,
    ) -> Result<(), String> {
        let family = landmarks.family;
        if family == Family::V6 && self.without_ipv6 {
            return Ok(());
        }
        let mut region = match random.pick(interesting) {
            Some(region) if random.below(8) > 0 => region.clone(),
            _ => Product::everything(family),
        };
        if random.below(3) == 0
            && let Some(other) = random.pick(interesting)
        {
            region = region.intersect(other).unwrap_or(region);
        }
        let journey = match random.below(6) {
            0 => Journey::ToDevice,
            1 => Journey::FromDevice,
            _ => Journey::Through,
        };
        let end = match journey {
            Journey::Through => None,
            Journey::ToDevice => Some(1),
            Journey::FromDevice => Some(0),
        };
        if let Some(slot) = end.and_then(|at| region.sets.get_mut(at))
            && let Some(old) = self.sides[0].devices.first()
            && !old.own(family).is_empty()
        {
            *slot = Arc::clone(old.own(family));
        }
        let Some(point) = pick_packet(&region, landmarks, random) else {
            return Ok(());
        };
        let Some(packet) = packet(family, point) else {
            return Ok(());
        };
        let Some(side) = random.pick(&self.sides) else {
            return Ok(());
        };
        let places = places(side, family, point, journey);
        let ingress = match random.pick(&places) {
            Some(name) => Some(&**name),
            None if journey == Journey::FromDevice => None,
            None => return Ok(()),
        };
        let leaving = leaving(side, ingress);
        let case = Case {
            packet,
            journey,
            ingress,
            leaves: random.pick(&leaving).map(|name| &**name),
            salt: random.next(),
        };
        let Some([was, is]) = self.both(&case) else {
            return Ok(());
        };
        out.packets += 1;
        if was == is {
            return Ok(());
        }
        let (list, word) = if is {
            out.opened += 1;
            (&self.found.opened, "opened")
        } else {
            out.closed += 1;
            (&self.found.closed, "closed")
        };
        let lists = [list, &self.found.undecided, &self.found.perhaps_closed];
        let listed = lists.iter().any(|list| {
            let (entries, anything) = list.packets();
            anything
                || entries.iter().any(|entry| {
                    entry.family == family
                        && entry.journey.is_none_or(|j| j == journey)
                        && entry.packets.iter().any(|p| p.contains(point))
                        && on_path(entry, ingress)
                })
        });
        if listed {
            Ok(())
        } else {
            Err(format!("{} is not listed as {word}", self.words(&case)))
        }
    }

    /// Packets of a certain entry pass on one side alone.
    fn certain_packets(
        &self,
        random: &mut Random,
        packets: usize,
        out: &mut Checked,
    ) -> Result<(), String> {
        let devices: Vec<&Device> = self.devices().collect();
        let [v4, v6] = [Family::V4, Family::V6].map(|f| Landmarks::of(&devices, f));
        for (list, gained) in [(&self.found.opened, true), (&self.found.closed, false)] {
            let (entries, _) = list.packets();
            let entries: Vec<&Listed<'_>> = entries
                .iter()
                .filter(|e| e.certainty == Certainty::Certain)
                .collect();
            if entries.is_empty() {
                continue;
            }
            for _ in 0..packets / 4 {
                let Some(&entry) = random.pick(&entries) else {
                    break;
                };
                let landmarks = match entry.family {
                    Family::V4 => &v4,
                    Family::V6 => &v6,
                };
                self.certain_packet(entry, landmarks, gained, random, out)?;
            }
        }
        Ok(())
    }

    fn certain_packet(
        &self,
        entry: &Listed<'_>,
        landmarks: &Landmarks,
        gained: bool,
        random: &mut Random,
        out: &mut Checked,
    ) -> Result<(), String> {
        let (Some(product), Some(journey)) = (random.pick(entry.packets), entry.journey) else {
            return Ok(());
        };
        let Some(point) = pick_packet(product, landmarks, random) else {
            return Ok(());
        };
        let Some(packet) = packet(entry.family, point) else {
            return Ok(());
        };
        let salt = random.next();
        let mut wrong = None;
        let mut right = false;
        // It came in where the routes of one side say that its sender lives.
        for side in self.sides {
            let mut places: Vec<Option<Arc<str>>> = places(side, entry.family, point, journey)
                .into_iter()
                .map(Some)
                .collect();
            if journey == Journey::FromDevice {
                places = vec![None];
            }
            // Senders behind an interface that is down are cut off, whatever
            // rules would say of them: not a matter of rules.
            if places.is_empty() {
                return Ok(());
            }
            places.retain(|name| on_path(entry, name.as_deref()));
            let Some(ingress) = random.pick(&places).cloned() else {
                continue;
            };
            let mut leaving = leaving(side, ingress.as_deref());
            leaving.retain(|name| path_end(entry, 1).is_none_or(|end| may_be(end, name)));
            let case = Case {
                packet,
                journey,
                ingress: ingress.as_deref(),
                leaves: random.pick(&leaving).map(|name| &**name),
                salt,
            };
            let Some([was, is]) = self.both(&case) else {
                // Who comes in elsewhere on the other side is out of question.
                return Ok(());
            };
            if (was, is) == (!gained, gained) {
                right = true;
            } else {
                let word = if gained { "opened" } else { "closed" };
                wrong = Some(format!(
                    "{} is listed as {word} for certain, path {:?}: it passes before: {was}, after: {is}",
                    self.words(&case),
                    entry.path
                ));
            }
        }
        out.certain += usize::from(right);
        match wrong {
            Some(words) if !right => Err(words),
            _ => Ok(()),
        }
    }

    /// Whether a packet passes before and after; `None` if it is none that a
    /// report is about, or not one for which the reference knows enough.
    fn both(&self, case: &Case<'_>) -> Option<[bool; 2]> {
        let [old, new] = self.sides;
        // Where a device that knew all routes knows none any more, or the
        // other way round, nothing tells what became of the packets that no
        // route knew.
        let unknown = |side| routed(side, 0, case.ingress, &case.packet, unknown_exit);
        if unknown(old) != unknown(new) {
            return None;
        }
        // Nor what becomes of those that may leave by other interfaces.
        let leaving = |side| leaving(side, case.ingress);
        if unknown(old) && leaving(old) != leaving(new) {
            return None;
        }
        let told = [old, new].iter().all(|side| in_question(side, case));
        let passes = |side| passes(side, case);
        told.then(|| Some([passes(old)?, passes(new)?]))?
    }

    fn words(&self, case: &Case<'_>) -> String {
        let mut out = format!(
            "{} in {:?} out {:?} {:?}",
            case.packet, case.ingress, case.leaves, case.journey
        );
        for evaluation in self.sides.iter().filter_map(|side| followed(side, case)) {
            let steps: Vec<String> = evaluation
                .steps
                .iter()
                .map(|s| format!("{}/{} {}", s.filter, s.rule, s.action))
                .collect();
            let _ = write!(
                out,
                "; {:?} out {:?} by {}",
                evaluation.disposition,
                evaluation.egress,
                steps.join(", ")
            );
        }
        out
    }
}

/// The interfaces by which a packet may come in.
fn places(side: &Side<'_>, family: Family, point: [u128; 4], journey: Journey) -> Vec<Arc<str>> {
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
fn leaving(side: &Side<'_>, ingress: Option<&str>) -> Vec<Arc<str>> {
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
fn path_end<'e>(entry: &Listed<'e>, at: usize) -> Option<&'e str> {
    let (ingress, egress) = entry.path?.split_once(" -> ")?;
    Some(if at == 0 { ingress } else { egress })
}

/// True if an end of a path is, or may be, an interface.
fn may_be(end: &str, name: &str) -> bool {
    end == "any interface"
        || end.ends_with(" other")
        || end.ends_with(" others")
        || end
            .split(" or ")
            .flat_map(|part| part.split(", "))
            .any(|one| one == name)
}

fn on_path(entry: &Listed<'_>, ingress: Option<&str>) -> bool {
    match (path_end(entry, 0), ingress) {
        (Some(end), Some(name)) => may_be(end, name),
        (Some(end), None) => end == "itself",
        (None, _) => true,
    }
}

fn follow(device: &Device, now: CivilMinute, case: &Case<'_>, egress: Option<&str>) -> Evaluation {
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
fn followed(side: &Side<'_>, case: &Case<'_>) -> Option<Evaluation> {
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
        if several.is_some() || routed(side, 0, case.ingress, &evaluation.translated, unknown_exit)
        {
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
fn passes(side: &Side<'_>, case: &Case<'_>) -> Option<bool> {
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
pub(super) fn turned_back(
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
fn in_question(side: &Side<'_>, case: &Case<'_>) -> bool {
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
