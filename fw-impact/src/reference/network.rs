//! The symbolic engine against the concrete reference, through whole networks.

use super::{Checked, Landmarks, Random, pick_packet};
use crate::graph::device::Query;
use crate::graph::entry::Entry;
use crate::graph::piece::Passage;
use crate::graph::{Disposition, Outcome, Piece, Side};
use crate::packet_set::product::DIMS;
use crate::packet_set::{Assumed, Product};
use fw_model::evaluate::Context;
use fw_model::walk::{End, Walk};
use fw_model::{Condition, ConditionKind, Device, Family};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Compares on at least `packets` IPv4 packets through a network: what becomes
/// of them, and which devices they cross.
///
/// # Errors
/// A description of the first packet on which the two differ.
pub fn check(side: &Side<'_>, packets: usize, seed: u64) -> Result<Checked, String> {
    let mut random = Random::new(seed);
    let devices: Vec<&Device> = side.devices.iter().map(|d| d.device).collect();
    let landmarks = Landmarks::of(&devices, Family::V4);
    let mut out = Checked::default();
    let mut rounds = 0;
    while out.packets < packets && rounds < packets {
        rounds += 1;
        round(side, &landmarks, &mut random, &mut out)?;
    }
    Ok(out)
}

fn round(
    side: &Side<'_>,
    landmarks: &Landmarks,
    random: &mut Random,
    out: &mut Checked,
) -> Result<(), String> {
    let number = random.below(side.devices.len());
    let Some(here) = side.devices.get(number) else {
        return Ok(());
    };
    let names: Vec<Arc<str>> = here
        .interfaces()
        .members(here.feasible_interfaces())
        .cloned()
        .collect();
    let Some(ingress) = random.pick(&names).cloned() else {
        return Ok(());
    };
    let mut region = Product::everything(Family::V4);
    for ((slot, sets), _) in region.sets.iter_mut().zip(&landmarks.sets).zip(DIMS) {
        if random.below(4) > 0
            && let Some(set) = random.pick(sets)
        {
            *slot = Arc::new(set.clone());
        }
    }
    let entry = Entry {
        device: number,
        ingress: Some(Passage::Interface(Arc::clone(&ingress))),
        piece: Piece::entering(Family::V4, &region, Assumed::default()),
    };
    let outcomes = side.follow(entry, None, &Query::transit());
    let salt = random.next();
    for _ in 0..128 {
        if let Some(point) = pick_packet(&region, landmarks, random) {
            compare(side, number, &ingress, point, salt, &outcomes, out)?;
        }
    }
    Ok(())
}

fn compare(
    side: &Side<'_>,
    number: usize,
    ingress: &str,
    point: [u128; 4],
    salt: u64,
    outcomes: &[Outcome],
    out: &mut Checked,
) -> Result<(), String> {
    let Some(packet) = crate::describe::packet(Family::V4, point) else {
        return Ok(());
    };
    let holds = |condition: &Condition| {
        let mut hasher = FxHasher::default();
        condition.key.hash(&mut hasher);
        salt.hash(&mut hasher);
        hasher.finish() & 4 == 0
    };
    let truth = |variable: u32| {
        side.conditions
            .condition(variable)
            .is_some_and(|c| holds(&c))
    };
    let holding: Vec<&Outcome> = outcomes
        .iter()
        .filter(|o| o.piece.entered().contains(point))
        .collect();
    let open = holding.iter().any(|o| {
        o.piece
            .assumed
            .variables()
            .filter_map(|v| side.conditions.condition(v))
            .any(|c| c.kind == ConditionKind::Path || c.key.starts_with("translated: "))
    });
    if open {
        return Ok(());
    }
    let matching: Vec<&&Outcome> = holding
        .iter()
        .filter(|o| o.piece.assumed.satisfied(&truth))
        .collect();
    let [outcome] = matching.as_slice() else {
        return Err(format!(
            "{packet}: {} outcomes hold it, {} without regard to conditions",
            matching.len(),
            holding.len()
        ));
    };
    let walk = Walk {
        snapshot: side.snapshot,
        context: Context {
            now: side.now,
            holds: &holds,
            ..Context::first_packet(ingress, None)
        },
    };
    let (end, crossed) = walk.follow(packet, number, ingress);
    let skipped = matches!(end, End::Own | End::Outside)
        || outcome.disposition.stays()
        || outcome.disposition == Disposition::Exhausted;
    if skipped {
        return Ok(());
    }
    out.packets += 1;
    out.permitted += usize::from(end == End::Permitted);
    out.conditional += usize::from(crossed.len() > 1);
    let devices: Vec<usize> = outcome.crossings.iter().map(|c| c.device).collect();
    if (end == End::Permitted) != outcome.disposition.passes() || devices != crossed {
        return Err(format!(
            "{packet} into {number} by {ingress}: the engine says {:?} through {devices:?}, back {:?}, by {:?}; rule by rule it is {end:?} through {crossed:?}",
            outcome.disposition,
            outcome.returns,
            outcome.visits.last(),
        ));
    }
    Ok(())
}
