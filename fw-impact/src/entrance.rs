//! Which packets can get into a list of rules: those that some jump to it
//! matches, and so on up to the lists that stages begin with.

use crate::packet_set::product::{DIMS, INTERFACE_MAX};
use crate::packet_set::{Product, Set};
use crate::seed::Seed;
use fw_model::{Action, Device, Family, FilterId, IntervalSet};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// More than this many are one that holds all of them.
const ENTRANCES: usize = 24;

/// The packets that get into the lists of one device: at least them.
pub(crate) struct Entrances<'d> {
    device: &'d Device,
    family: Family,
    /// The lists that stages begin with: everything gets in.
    tops: FxHashSet<FilterId>,
    /// By list, the rules that lead to it; made when the first list is asked
    /// for that is no top.
    jumps: Option<FxHashMap<FilterId, Vec<(FilterId, u32)>>>,
    known: FxHashMap<FilterId, Vec<Seed>>,
}

impl<'d> Entrances<'d> {
    /// Those of a device.
    pub(crate) fn new(device: &'d Device, family: Family) -> Self {
        let p = &device.pipeline;
        let stages = [
            &p.prerouting,
            &p.forward,
            &p.input,
            &p.output,
            &p.postrouting,
        ];
        Self {
            device,
            family,
            tops: stages.into_iter().flatten().map(|s| s.filter).collect(),
            jumps: None,
            known: FxHashMap::default(),
        }
    }

    /// The packets that get into a list. `matched` tells what a rule may
    /// match.
    pub(crate) fn of(
        &mut self,
        filter: FilterId,
        matched: &mut dyn FnMut(FilterId, u32) -> Vec<Seed>,
    ) -> Vec<Seed> {
        if self.tops.contains(&filter) {
            return vec![everything(self.family)];
        }
        if let Some(known) = self.known.get(&filter) {
            return known.clone();
        }
        // Lists that lead to themselves hold whatever may get into them.
        self.known.insert(filter, vec![everything(self.family)]);
        let device = self.device;
        let jumps = self.jumps.get_or_insert_with(|| jumps(device));
        let callers = jumps.get(&filter).cloned().unwrap_or_default();
        let mut out = Vec::new();
        for (caller, rule) in callers {
            let before = self.of(caller, matched);
            out.extend(both(&before, &matched(caller, rule)));
            out = few(out);
        }
        self.known.insert(filter, out.clone());
        out
    }
}

fn jumps(device: &Device) -> FxHashMap<FilterId, Vec<(FilterId, u32)>> {
    let mut out: FxHashMap<FilterId, Vec<(FilterId, u32)>> = FxHashMap::default();
    for (id, filter) in (0u32..).map(FilterId).zip(&device.filters) {
        for (rule, number) in filter.rules.iter().zip(0u32..) {
            if let Action::Jump(to) | Action::Goto(to) = rule.action {
                out.entry(to).or_default().push((id, number));
            }
        }
    }
    out
}

pub(crate) fn everything(family: Family) -> Seed {
    let any: Set = Arc::new(IntervalSet::range(0, INTERFACE_MAX));
    Seed {
        packets: Product::everything(family),
        ways: [Arc::clone(&any), any],
    }
}

/// What is in one of the first and in one of the second.
pub(crate) fn both(first: &[Seed], second: &[Seed]) -> Vec<Seed> {
    let mut out = Vec::new();
    for one in first {
        for other in second {
            let [i, e] = [0, 1].map(|end| {
                let (mine, theirs) = (one.ways.get(end)?, other.ways.get(end)?);
                common(mine, theirs)
            });
            if let (Some(packets), Some(i), Some(e)) = (one.packets.intersect(&other.packets), i, e)
            {
                out.push(Seed {
                    packets,
                    ways: [i, e],
                });
            }
        }
    }
    out
}

fn common(one: &Set, other: &Set) -> Option<Set> {
    let set = if one.covers(other) {
        Arc::clone(other)
    } else {
        Arc::new(one.intersect(other))
    };
    (!set.is_empty()).then_some(set)
}

/// At most [`ENTRANCES`] that hold all of these.
fn few(mut seeds: Vec<Seed>) -> Vec<Seed> {
    seeds.sort();
    seeds.dedup();
    if seeds.len() <= ENTRANCES {
        return seeds;
    }
    let mut all = seeds.into_iter();
    let Some(mut hull) = all.next() else {
        return Vec::new();
    };
    for one in all {
        for dim in DIMS {
            let set = hull.packets.get(dim).union(one.packets.get(dim));
            hull.packets = hull.packets.with(dim, Arc::new(set));
        }
        for (mine, theirs) in hull.ways.iter_mut().zip(&one.ways) {
            *mine = Arc::new(mine.union(theirs));
        }
    }
    vec![hull]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet_set::product::Dim;
    use fw_model::{Filter, MatchExpr, Rule, Stage, StageKind, View};

    fn filter(name: &str, jumps: &[u32]) -> Filter {
        let jump = |&to: &u32| Rule::new("1", MatchExpr::Always, Action::Jump(FilterId(to)));
        Filter {
            name: name.into(),
            rules: jumps.iter().map(jump).collect(),
            default: Rule::new("default", MatchExpr::Always, Action::Return),
        }
    }

    /// What the only rule of a list matches: destinations up to a number.
    fn up_to(last: u128) -> Vec<Seed> {
        let all = everything(Family::V4);
        let set = Arc::new(IntervalSet::range(0, last));
        vec![Seed {
            packets: all.packets.with(Dim::Destination, set),
            ..all
        }]
    }

    #[test]
    fn a_list_gets_what_all_jumps_on_the_way_match() {
        let mut device = Device {
            filters: vec![
                filter("top", &[1]),
                filter("middle", &[2]),
                filter("last", &[]),
                filter("itself", &[3]),
            ],
            ..Device::default()
        };
        device.pipeline.forward.push(Stage {
            name: "forward".into(),
            kind: StageKind::Policy,
            filter: FilterId(0),
            view: View::CURRENT,
        });
        let mut entrances = Entrances::new(&device, Family::V4);
        let mut matched = |filter: FilterId, _| up_to(if filter.0 == 0 { 99 } else { 499 });
        assert_eq!(entrances.of(FilterId(2), &mut matched), up_to(99));
        assert_eq!(
            entrances.of(FilterId(0), &mut matched),
            [everything(Family::V4)]
        );
        assert_eq!(entrances.of(FilterId(3), &mut matched), up_to(499));
    }
}
