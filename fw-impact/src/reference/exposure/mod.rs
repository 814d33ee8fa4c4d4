//! What a change opens and closes against the concrete reference.
//!
//! [`check`] draws packets at the boundaries of the rules of both versions of
//! a device and has [`fw_model::evaluate`] follow each of them on both sides,
//! by the same interfaces and with the same undecidable conditions. A packet
//! that passes on one side alone must be listed, and a packet that is listed as
//! certain must pass on one side alone.

pub(super) mod ways;

use super::{Landmarks, Random, pick_packet, routed, unknown as unknown_exit};
use crate::describe::packet;
use crate::exposure::relocated::interfaces;
use crate::exposure::{Differences, Listed, Listing, differences, no_ipv6};
use crate::graph::Side;
use crate::packet_set::{ConditionTable, Product};
use crate::report::Certainty;
use crate::verdict::Comparison;
use fw_model::evaluate::Journey;
use fw_model::match_expr::CivilMinute;
use fw_model::{Device, Family, Filter, IntervalSet, MatchExpr, Packet, Rule, Snapshot};
use std::fmt::Write;
use std::sync::Arc;
use ways::{followed, in_question, leaving, may_be, on_path, passes, path_end, places};

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
#[derive(Clone, Copy)]
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

    /// The addresses that the device has on either side.
    fn own(&self, family: Family) -> IntervalSet {
        let of = |side: &&Side<'_>| side.devices.first().map(|here| here.own(family).clone());
        let owns = self.sides.iter().filter_map(of);
        owns.fold(IntervalSet::new(), |all, own| all.union(&own))
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
            && let own = self.own(family)
            && !own.is_empty()
        {
            *slot = Arc::new(own);
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
        self.relocated_packet(&case, point, out)?;
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
        if self.listed(&case, list, point, |entry| on_path(entry, ingress)) {
            Ok(())
        } else {
            Err(format!("{} is not listed as {word}", self.words(&case)))
        }
    }

    /// True if a list holds a packet, or those of what may differ do.
    fn listed(
        &self,
        case: &Case<'_>,
        list: &Listing,
        point: [u128; 4],
        on_path: impl Fn(&Listed<'_>) -> bool,
    ) -> bool {
        let lists = [list, &self.found.undecided, &self.found.perhaps_closed];
        lists.iter().any(|list| {
            let (entries, anything) = list.packets();
            anything
                || entries.iter().any(|entry| {
                    entry.family == case.packet.family()
                        && entry.journey.is_none_or(|j| j == case.journey)
                        && entry.packets.iter().any(|p| p.contains(point))
                        && on_path(entry)
                })
        })
    }

    /// A packet whose sender lives behind another interface than before is
    /// listed if it passes by one of them alone.
    fn relocated_packet(
        &self,
        case: &Case<'_>,
        point: [u128; 4],
        out: &mut Checked,
    ) -> Result<(), String> {
        let [old, new] = self.sides;
        let family = case.packet.family();
        let [lived, lives] = [old, new].map(|side| places(side, family, point, case.journey));
        let ([was], [is]) = (lived.as_slice(), lives.as_slice()) else {
            return Ok(());
        };
        if was == is {
            return Ok(());
        }
        let Some([passed, passes]) = self.moving(case, was, is) else {
            return Ok(());
        };
        out.packets += 1;
        if passed == passes {
            return Ok(());
        }
        let (list, word) = if passes {
            out.opened += 1;
            (&self.found.opened, "opened")
        } else {
            out.closed += 1;
            (&self.found.closed, "closed")
        };
        if self.listed(case, list, point, |_| true) {
            Ok(())
        } else {
            let words = self.words(case);
            Err(format!(
                "{words}, in by {was}, then {is}, is not listed as {word}"
            ))
        }
    }

    /// Whether a packet passes before the change by one interface, and after
    /// it by another one; `None` where the reference knows too little.
    fn moving(&self, case: &Case<'_>, was: &str, is: &str) -> Option<[bool; 2]> {
        let [old, new] = self.sides;
        let by = |side, ingress| {
            let case = Case {
                ingress: Some(ingress),
                ..*case
            };
            let known = !routed(side, 0, case.ingress, &case.packet, unknown_exit);
            (known && in_question(side, &case)).then(|| passes(side, &case))?
        };
        Some([by(old, was)?, by(new, is)?])
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
        if let Some((was, is)) = entry.path.and_then(interfaces) {
            let known = |side: &Side<'_>, name: &str| {
                let here = side.devices.first();
                here.is_some_and(|here| here.device.interface(name).is_some())
            };
            if !known(self.sides[0], was) || !known(self.sides[1], is) {
                // Any of several: not for the reference to pick.
                return Ok(());
            }
            let case = Case {
                packet,
                journey,
                ingress: None,
                leaves: None,
                salt,
            };
            let Some([passed, passes]) = self.moving(&case, was, is) else {
                return Ok(());
            };
            out.certain += 1;
            return if (passed, passes) == (!gained, gained) {
                Ok(())
            } else {
                let words = self.words(&case);
                Err(format!(
                    "{words} {:?}: it passes before: {passed}, after: {passes}",
                    entry.path
                ))
            };
        }
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
