//! The symbolic engine against the concrete reference.
//!
//! [`check`] follows many regions of packets symbolically, picks packets from
//! them (ends of ranges, their neighbours, random ones), and has
//! [`fw_model::evaluate`] follow each of them rule by rule. The two must agree
//! on what becomes of the packet, on how it is translated, and on its reply.

pub mod exposure;
pub mod network;

use crate::graph::device::Query;
use crate::graph::entry::Entry;
use crate::graph::piece::Passage;
use crate::graph::route_table::Exit;
use crate::graph::{Disposition, Outcome, Piece, Side};
use crate::packet_set::condition::End;
use crate::packet_set::product::DIMS;
use crate::packet_set::{Assumed, Product};
use fw_model::evaluate::{Context, Journey, evaluate, evaluate_reply};
use fw_model::packet::{ConnectionState, tcp_flags};
use fw_model::{Condition, Device, Family, IntervalSet, MatchExpr};
use rustc_hash::FxHasher;
use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A small generator of pseudo-random numbers with a fixed seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts a sequence.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 if `n` is 0.
    pub const fn below(&mut self, n: usize) -> usize {
        if n == 0 {
            0
        } else {
            (self.next() % n as u64) as usize
        }
    }

    fn wide(&mut self) -> u128 {
        (u128::from(self.next()) << 64) | u128::from(self.next())
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        from.get(self.below(from.len()))
    }
}

/// A seed made from a name (FNV-1a): packets for a file stay the same when
/// other files come or go.
#[must_use]
pub fn seed_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// How much was compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// Packets that were compared.
    pub packets: usize,
    /// Of these, packets that pass.
    pub permitted: usize,
    /// Of these, packets whose branch depends on undecidable conditions.
    pub conditional: usize,
}

/// Compares on at least `packets` packets through one device.
///
/// # Errors
/// A description of the first packet on which the two differ.
pub fn check(side: &Side<'_>, number: usize, packets: usize, seed: u64) -> Result<Checked, String> {
    let Some(here) = side.devices.get(number) else {
        return Err("no such device".into());
    };
    let mut random = Random::new(seed);
    let pools = [Family::V4, Family::V6].map(|family| Landmarks::of(&[here.device], family));
    let mut out = Checked::default();
    let mut rounds = 0;
    while out.packets < packets && rounds < packets {
        rounds += 1;
        let [v4, v6] = &pools;
        let landmarks = if rounds % 4 == 0 { v6 } else { v4 };
        round(side, number, landmarks, &mut random, &mut out)?;
    }
    Ok(out)
}

/// Values at which the rules of a device tell packets apart, one list a
/// dimension.
struct Landmarks {
    family: Family,
    values: [Vec<u128>; 4],
    sets: [Vec<IntervalSet>; 4],
}

impl Landmarks {
    fn of(devices: &[&Device], family: Family) -> Self {
        let mut sets: [Vec<IntervalSet>; 4] = Default::default();
        let mut add = |at: usize, set: &IntervalSet| {
            if let Some(list) = sets.get_mut(at)
                && !set.is_empty()
            {
                list.push(set.clone());
            }
        };
        for rule in devices
            .iter()
            .flat_map(|d| &d.filters)
            .flat_map(|f| &f.rules)
        {
            rule.match_expr.walk(&mut |part| match part {
                MatchExpr::Source(set) => add(0, set.family(family)),
                MatchExpr::Destination(set) => add(1, set.family(family)),
                MatchExpr::Service(set) => {
                    for term in set.terms() {
                        add(2, &term.service);
                        add(3, &term.source_ports);
                    }
                }
                _ => {}
            });
        }
        for net in devices
            .iter()
            .flat_map(|d| &d.interfaces)
            .flat_map(|i| &i.addresses)
        {
            let set = fw_model::AddressSet::prefix(*net);
            add(0, set.family(family));
            add(1, set.family(family));
        }
        for net in devices.iter().flat_map(|d| &d.routes).map(|r| r.prefix) {
            let set = fw_model::AddressSet::prefix(net);
            add(0, set.family(family));
            add(1, set.family(family));
        }
        let mut values: [Vec<u128>; 4] = Default::default();
        for ((list, sets), dim) in values.iter_mut().zip(&sets).zip(DIMS) {
            let max = dim.max(family);
            list.extend([0, max]);
            for &(low, high) in sets.iter().flat_map(IntervalSet::ranges) {
                list.extend([
                    low,
                    high,
                    low.saturating_sub(1),
                    high.saturating_add(1).min(max),
                ]);
            }
            list.sort_unstable();
            list.dedup();
        }
        Self {
            family,
            values,
            sets,
        }
    }
}

fn round(
    side: &Side<'_>,
    number: usize,
    landmarks: &Landmarks,
    random: &mut Random,
    out: &mut Checked,
) -> Result<(), String> {
    let Some(here) = side.devices.get(number) else {
        return Ok(());
    };
    let interfaces: Vec<Arc<str>> = here
        .interfaces()
        .members(here.feasible_interfaces())
        .cloned()
        .collect();
    let Some(ingress) = random.pick(&interfaces).cloned() else {
        return Ok(());
    };
    let family = landmarks.family;
    let mut region = Product::everything(family);
    for ((slot, sets), dim) in region.sets.iter_mut().zip(&landmarks.sets).zip(DIMS) {
        let max = dim.max(family);
        let set = match random.below(5) {
            0 | 1 => random.pick(sets).cloned(),
            2 => {
                let (a, b) = (random.wide() % (max / 2 + 1), random.wide() % (max / 2 + 1));
                Some(IntervalSet::range(a, a.saturating_add(b).min(max)))
            }
            _ => None,
        };
        if let Some(set) = set {
            *slot = Arc::new(set);
        }
    }
    // An egress that the routes need not tell, now and then.
    let egress = if random.below(2) == 0 {
        random.pick(&interfaces).cloned()
    } else {
        None
    };
    let journey = match random.below(6) {
        0 => Journey::ToDevice,
        1 => Journey::FromDevice,
        _ => Journey::Through,
    };
    let from = (journey != Journey::FromDevice).then_some(ingress);
    // An ingress that is left open, now and then: any interface will do then.
    let open = from.is_some() && random.below(3) == 0;
    let query = Query {
        journey,
        target: None,
        application: None,
        user: None,
        egress: egress.as_deref(),
        egress_within: None,
        kept: &[],
        replies: true,
        exact: false,
        budget: Cell::default(),
    };
    let mut piece = Piece::entering(family, &region, Assumed::default());
    let entering = if open {
        let feasible = here.feasible_interfaces();
        Some(piece.open_way(End::Ingress, here.interfaces(), feasible, side.conditions))
    } else {
        from.clone().map(Passage::Interface)
    };
    let entry = Entry {
        device: number,
        ingress: entering,
        piece,
    };
    let outcomes = side.follow(entry, Some(number), &query);
    let salt = random.next();
    for _ in 0..256 {
        let Some(point) = pick_packet(&region, landmarks, random) else {
            continue;
        };
        let from = if open {
            random.pick(&interfaces).cloned()
        } else {
            from.clone()
        };
        // Where nothing tells, packets leave by another interface than the one
        // by which they came in, if there is one.
        let others: Vec<Arc<str>> = interfaces
            .iter()
            .filter(|name| {
                let number = here.interfaces().number(name);
                from.as_ref() != Some(*name) || number.is_some_and(|n| here.several().contains(n))
            })
            .cloned()
            .collect();
        let leaves = random.pick(&others).cloned().or_else(|| from.clone());
        compare(
            side,
            here.device,
            &Case {
                device: number,
                family,
                point,
                ingress: from.as_deref(),
                egress: egress.as_deref(),
                leaves: leaves.as_deref(),
                journey,
                salt,
            },
            &outcomes,
            out,
        )?;
    }
    Ok(())
}

/// A packet of a region: an end of a range, a landmark, or anything.
fn pick_packet(region: &Product, landmarks: &Landmarks, random: &mut Random) -> Option<[u128; 4]> {
    let mut point = [0u128; 4];
    for ((slot, set), values) in point.iter_mut().zip(&region.sets).zip(&landmarks.values) {
        let &(low, high) = random.pick(set.ranges())?;
        *slot = match random.below(4) {
            0 => low,
            1 => high,
            2 => {
                let width = (high - low).saturating_add(1);
                low + random.wide() % width
            }
            _ => match random.pick(values) {
                Some(&value) if set.contains(value) => value,
                _ => low,
            },
        };
    }
    let [a, b, service, port] = point;
    // Packets of protocols without ports have none.
    let protocol = u8::try_from(service >> 16).ok()?;
    let ports = fw_model::service::has_ports(protocol);
    let service = if ports || fw_model::service::is_icmp(protocol) {
        service
    } else {
        service & !0xffff
    };
    let point = [a, b, service, if ports { port } else { 0 }];
    region.contains(point).then_some(point)
}

struct Case<'c> {
    device: usize,
    family: Family,
    point: [u128; 4],
    ingress: Option<&'c str>,
    egress: Option<&'c str>,
    /// The interface by which it leaves where nothing tells.
    leaves: Option<&'c str>,
    journey: Journey,
    salt: u64,
}

/// True if the packet's destination is routed in a way that `wanted` accepts.
fn routed(
    side: &Side<'_>,
    number: usize,
    ingress: Option<&str>,
    packet: &fw_model::Packet,
    wanted: impl Fn(&Exit) -> bool,
) -> bool {
    let destination = fw_model::address::bits(packet.destination);
    side.devices.get(number).is_some_and(|here| {
        let interface = ingress.and_then(|name| here.device.interface(name));
        let vrf = interface.map(|i| i.vrf.clone()).unwrap_or_default();
        here.routes_of(vrf, packet.family())
            .iter()
            .any(|(set, exit)| set.contains(destination) && wanted(exit))
    })
}

/// True for routes that the configuration does not show.
fn unknown(exit: &Exit) -> bool {
    *exit == Exit::Unknown
}

/// True if an outcome is about packets that leave by some of the interfaces
/// that they may leave by.
fn on_a_way(side: &Side<'_>, outcome: &Outcome) -> bool {
    let mut variables = outcome.piece.assumed.variables();
    variables.any(|v| {
        let way = side.conditions.way_of(v);
        way.is_some_and(|(end, _)| end == End::Egress)
    })
}

fn compare(
    side: &Side<'_>,
    device: &Device,
    case: &Case<'_>,
    outcomes: &[Outcome],
    out: &mut Checked,
) -> Result<(), String> {
    let Some(packet) = crate::describe::packet(case.family, case.point) else {
        return Ok(());
    };
    // Conditions hold or not by their key, the same for both.
    let holds = |condition: &Condition| {
        let mut hasher = FxHasher::default();
        condition.key.hash(&mut hasher);
        case.salt.hash(&mut hasher);
        hasher.finish() & 4 == 0
    };
    let mut paths = false;
    let number = |name: Option<&str>| side.devices.get(case.device)?.interfaces().number(name?);
    let truth = |variable: u32| match side.conditions.way_of(variable) {
        Some((End::Ingress, set)) => number(case.ingress).is_some_and(|n| set.contains(n)),
        Some((End::Egress, set)) => number(case.leaves).is_some_and(|n| set.contains(n)),
        None => side
            .conditions
            .condition(variable)
            .is_some_and(|c| holds(&c)),
    };
    let holding: Vec<&Outcome> = outcomes
        .iter()
        .filter(|o| o.piece.entered().contains(case.point))
        .collect();
    for outcome in &holding {
        paths |= outcome
            .piece
            .assumed
            .variables()
            .filter_map(|v| side.conditions.condition(v))
            .any(|c| {
                c.key.starts_with("choice of")
                    || c.key.starts_with("translated: ")
                    || c.key.starts_with("original ")
            });
    }
    if paths {
        // Which address of a pool is not the packet's doing.
        return Ok(());
    }
    let matching: Vec<&&Outcome> = holding
        .iter()
        .filter(|o| o.piece.assumed.satisfied(&truth))
        .collect();
    let balanced =
        matching.is_empty() && !routed(side, case.device, case.ingress, &packet, unknown);
    if balanced && holding.iter().any(|o| on_a_way(side, o)) {
        // Routes of equal weight, and none of them leads where the case says.
        return Ok(());
    }
    let [outcome] = matching.as_slice() else {
        return Err(format!(
            "{packet}: {} outcomes hold it, {} without regard to conditions",
            matching.len(),
            holding.len()
        ));
    };
    let mut context = Context {
        journey: case.journey,
        ingress: case.ingress,
        egress: case.egress,
        state: ConnectionState::New,
        tcp_flags: tcp_flags::SYN,
        now: side.now,
        application: None,
        user: None,
        holds: &holds,
    };
    let mut evaluation = evaluate(device, packet, &context);
    // The configuration does not say where these packets go, or names several
    // interfaces of equal weight; the case picks one.
    let open = |exit: &Exit| match exit {
        Exit::Unknown => true,
        Exit::Leaves(hops) => {
            hops.len() > 1 && hops.iter().any(|h| Some(&*h.interface) == case.leaves)
        }
        Exit::Discarded(_) | Exit::Unrouted => false,
    };
    let unrouted = evaluation.disposition == fw_model::evaluate::Disposition::Unrouted;
    let unmoved = evaluation.translated.destination == packet.destination;
    if case.egress.is_none()
        && (unrouted || unmoved)
        && routed(
            side,
            case.device,
            case.ingress,
            &evaluation.translated,
            open,
        )
    {
        context.egress = case.leaves;
        evaluation = evaluate(device, packet, &context);
    }
    let local = case.journey == Journey::Through
        && evaluation.local
        && evaluation.translated.destination == packet.destination
        && evaluation.disposition != fw_model::evaluate::Disposition::Denied;
    if outcome.disposition.stays() || local || outcome.disposition == Disposition::Exhausted {
        return Ok(());
    }
    let forward = evaluation.disposition == fw_model::evaluate::Disposition::Permitted;
    let concrete = forward
        && !side
            .devices
            .get(case.device)
            .is_some_and(|here| exposure::ways::turned_back(here, case.ingress, &evaluation))
        && evaluate_reply(device, &evaluation, &context)
            == fw_model::evaluate::Disposition::Permitted;
    out.packets += 1;
    out.permitted += usize::from(concrete);
    out.conditional += usize::from(!outcome.piece.assumed.is_empty());
    if concrete != outcome.disposition.passes() {
        return Err(format!(
            "{packet} in {:?} out {:?} {:?}: the engine says {:?} by {:?}, rule by rule it is {:?} (reply considered: {concrete}) by {:?}",
            case.ingress,
            case.egress,
            case.journey,
            outcome.disposition,
            outcome.visits.last(),
            evaluation.disposition,
            evaluation.steps.last(),
        ));
    }
    if concrete && let Some(crossing) = outcome.crossings.first() {
        let seen = outcome.piece.product(&crossing.translated);
        let arrives = crate::describe::field_values(&evaluation.translated);
        let [source, destination, ..] = arrives;
        let [sources, destinations, ..] = &seen.sets;
        if !sources.contains(source) || !destinations.contains(destination) {
            return Err(format!(
                "{packet}: the engine does not expect it to leave as {}",
                evaluation.translated
            ));
        }
    }
    Ok(())
}
