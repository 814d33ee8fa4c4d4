//! Where a rule that differs may make a difference: the packets that it may
//! match, in the words of packets as they enter the device, and the interfaces.

use crate::align::{Gap, reachable, reachable_from};
use crate::entrance::{Entrances, both, everything};
use crate::graph::Side;
use crate::graph::side::DeviceSide;
use crate::packet_set::compile::Via;
use crate::packet_set::decompose::RuleRef;
use crate::packet_set::minimize::minimize;
use crate::packet_set::product::{DIMS, Dim, INTERFACE_MAX, subtract_all};
use crate::packet_set::term::{Reading, SetPool, Translator};
use crate::packet_set::{Context, Product, Set};
use fw_model::nat::AddressTranslation;
use fw_model::service::PORT_MAX;
use fw_model::{
    Action, Device, Family, Filter, FilterId, IntervalSet, Rule, Stage, StageKind, Translation,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Packets that a rule without a partner may match, and by which interfaces
/// (numbers of the ingress and of the egress).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Seed {
    /// The interfaces, in the order of [`crate::packet_set::condition::End`].
    pub ways: [Set; 2],
    /// The packets.
    pub packets: Product,
}

/// More seeds than this of one device are joined to larger ones.
const SEEDS: usize = 96;

/// The packets that unpaired rules may match, as products on which to follow
/// both sides.
pub(crate) fn seeds(
    side: &Side<'_>,
    family: Family,
    old: &DeviceSide<'_>,
    new: &DeviceSide<'_>,
    gaps: &[Gap],
) -> [Vec<Seed>; 2] {
    let mut pool = SetPool::default();
    let mut out: [Vec<Seed>; 2] = Default::default();
    let [mut into_old, mut into_new] = [old, new].map(|d| Entrances::new(d.device, family));
    for gap in gaps {
        let mut terms = |here: &DeviceSide<'_>, into: &mut Entrances<'_>, rules: &[RuleRef]| {
            let of = |u: &RuleRef| entering(side, family, here, *u, into, &mut pool);
            rules.iter().map(of).collect::<Vec<Matched>>()
        };
        let mut olds = terms(old, &mut into_old, &gap.before);
        let mut news = terms(new, &mut into_new, &gap.after);
        narrow(&mut olds, &mut news);
        let [b, a] = &mut out;
        b.extend(olds.into_iter().flat_map(|m| m.seeds));
        a.extend(news.into_iter().flat_map(|m| m.seeds));
    }
    let changed = |of: fn(&Gap) -> &Vec<RuleRef>| -> FxHashSet<FilterId> {
        gaps.iter().flat_map(of).map(|u| u.filter).collect()
    };
    let changed = [changed(|g| &g.before), changed(|g| &g.after)];
    out.map(|seeds| join(translated(side, family, [old, new], &changed, seeds)))
}

/// What a rule may match.
struct Matched {
    action: Option<Action>,
    exact: bool,
    seeds: Vec<Seed>,
}

/// What a rule may match of the packets that get into its list.
fn entering(
    side: &Side<'_>,
    family: Family,
    here: &DeviceSide<'_>,
    unpaired: RuleRef,
    entrances: &mut Entrances<'_>,
    pool: &mut SetPool,
) -> Matched {
    let mut out = matched(side, family, here, unpaired, pool);
    let into = entrances.of(unpaired.filter, &mut |filter, rule| {
        matched(side, family, here, RuleRef { filter, rule }, pool).seeds
    });
    out.seeds = both(&into, &out.seeds);
    out
}

fn matched(
    side: &Side<'_>,
    family: Family,
    here: &DeviceSide<'_>,
    unpaired: RuleRef,
    pool: &mut SetPool,
) -> Matched {
    let filter: Option<&Filter> = here.device.filter(unpaired.filter);
    let any: Set = Arc::new(IntervalSet::range(0, INTERFACE_MAX));
    let Some(rule) = filter.and_then(|f| f.rules.get(unpaired.rule as usize)) else {
        return Matched {
            action: None,
            exact: false,
            seeds: vec![everything(family)],
        };
    };
    let context = Context::plain(family, Via::Open, Via::Open, side.now);
    let mut translator = Translator {
        device: here.device,
        context: &context,
        interfaces: here.interfaces(),
        conditions: side.conditions,
        pool,
        reading: Reading::Generous(false),
    };
    let terms = translator.terms(&rule.match_expr);
    let exact = translator.reading == Reading::Generous(false) && plain(rule);
    let seeds = terms
        .into_iter()
        .map(|term| {
            let [a, b, c, d, ingress, egress] = term.sets;
            let mut packets = Product::everything(family);
            for (slot, set) in packets.sets.iter_mut().zip([a, b, c, d]) {
                if let Some(set) = set {
                    *slot = set;
                }
            }
            let ways = [ingress, egress].map(|way| way.unwrap_or_else(|| Arc::clone(&any)));
            Seed { packets, ways }
        })
        .collect();
    Matched {
        action: Some(rule.action.clone()),
        exact,
        seeds,
    }
}

/// True if a rule does nothing but permit or deny.
fn plain(rule: &Rule) -> bool {
    rule.effects.is_empty() && matches!(rule.action, Action::Permit | Action::Deny)
}

/// A rule that was modified and does the same as before differs only in what
/// one version matches and the other does not.
fn narrow(olds: &mut [Matched], news: &mut [Matched]) {
    for (old, new) in olds.iter_mut().zip(news.iter_mut()) {
        let mut all = old.seeds.iter().chain(&new.seeds);
        let Some(ways) = all.next().map(|s| s.ways.clone()) else {
            continue;
        };
        if old.exact && new.exact && old.action == new.action && all.all(|s| s.ways == ways) {
            let packets = |seeds: Vec<Seed>| -> Vec<Product> {
                seeds.into_iter().map(|s| s.packets).collect()
            };
            let was = packets(std::mem::take(&mut old.seeds));
            let is = packets(std::mem::take(&mut new.seeds));
            let seeds = |packets: Vec<Product>| -> Vec<Seed> {
                let of = |packets| Seed {
                    packets,
                    ways: ways.clone(),
                };
                packets.into_iter().map(of).collect()
            };
            old.seeds = seeds(subtract_all(was.clone(), &is));
            new.seeds = seeds(subtract_all(is, &was));
        }
    }
}

/// Seeds are in the words of the rule, which may see packets as they are
/// after translation: adds the packets that become such packets.
fn translated(
    side: &Side<'_>,
    family: Family,
    devices: [&DeviceSide<'_>; 2],
    changed: &[FxHashSet<FilterId>; 2],
    seeds: Vec<Seed>,
) -> Vec<Seed> {
    // What one version translates counts for the rules of both: rules that are
    // behind a translation in one of them.
    let behind = devices
        .iter()
        .zip(changed)
        .any(|(here, changed)| behind_translation(here.device, changed));
    if !behind {
        return seeds;
    }
    let (more, rerouted) = originals(side, family, devices, &seeds);
    let mut all = seeds;
    all.extend(more);
    if rerouted {
        // A translation may change the egress; a rule in front of it asks for
        // the old one.
        let any: Set = Arc::new(IntervalSet::range(0, INTERFACE_MAX));
        for seed in &mut all {
            let [_, egress] = &mut seed.ways;
            *egress = Arc::clone(&any);
        }
    }
    all
}

/// The destinations whose packets a translation may send to one of `to`, and
/// `to` itself.
pub(crate) fn leading_to(
    side: &Side<'_>,
    family: Family,
    devices: [&DeviceSide<'_>; 2],
    to: IntervalSet,
) -> IntervalSet {
    let all = everything(family);
    let seed = Seed {
        packets: all.packets.with(Dim::Destination, Arc::new(to.clone())),
        ways: all.ways,
    };
    let (more, _) = originals(side, family, devices, &[seed]);
    more.iter().fold(to, |all, seed| {
        all.union(seed.packets.get(Dim::Destination))
    })
}

/// The packets that translations may turn into packets of these seeds; and
/// true if any may change the way of packets.
fn originals(
    side: &Side<'_>,
    family: Family,
    devices: [&DeviceSide<'_>; 2],
    seeds: &[Seed],
) -> (Vec<Seed>, bool) {
    let mut pool = SetPool::default();
    let mut more = Vec::new();
    let mut rerouted = false;
    for here in devices {
        let mut entrances = Entrances::new(here.device, family);
        for id in nat_filters(here.device) {
            let Some(filter) = here.device.filter(id) else {
                continue;
            };
            for (rule, number) in filter.rules.iter().zip(0u32..) {
                let Action::Translate(translation) = &rule.action else {
                    continue;
                };
                if translation.destination.is_none()
                    && translation.source.is_none()
                    && translation.destination_port.is_none()
                {
                    continue;
                }
                rerouted |= translation.destination.is_some() || translation.egress.is_some();
                let place = RuleRef {
                    filter: id,
                    rule: number,
                };
                let from = entering(side, family, here, place, &mut entrances, &mut pool);
                for original in from.seeds.iter().map(|s| &s.packets) {
                    for seed in seeds {
                        let packets = before_translation(family, translation, original, seed);
                        let Some(packets) = packets.filter(|p| *p != seed.packets) else {
                            continue;
                        };
                        let ways = seed.ways.clone();
                        more.push(Seed { packets, ways });
                    }
                }
            }
        }
    }
    (more, rerouted)
}

/// The packets of a NAT rule that it may turn into packets of a seed.
fn before_translation(
    family: Family,
    translation: &Translation,
    original: &Product,
    seed: &Seed,
) -> Option<Product> {
    let becomes = match &translation.destination {
        Some(AddressTranslation::Shift { from, to }) => Some(original.get(Dim::Destination).shift(
            *from,
            *to,
            family.max(),
        )),
        Some(AddressTranslation::Pool(set)) => Some(set.family(family).clone()),
        _ => None,
    };
    if becomes.is_some_and(|b| !b.meets(seed.packets.get(Dim::Destination))) {
        return None;
    }
    let mut product = seed.packets.clone();
    if translation.destination.is_some() {
        product = product.with(Dim::Destination, Arc::clone(original.get(Dim::Destination)));
    }
    if translation.destination_port.is_some() {
        product = product.with(Dim::Service, Arc::clone(original.get(Dim::Service)));
    }
    if translation.source.is_some() {
        let any = IntervalSet::range(0, family.max());
        product = product
            .with(Dim::Source, Arc::new(any))
            .with(Dim::SourcePort, Arc::new(IntervalSet::range(0, PORT_MAX)));
    }
    Some(product)
}

/// True if packets may be translated before they meet some of these lists.
fn behind_translation(device: &Device, changed: &FxHashSet<FilterId>) -> bool {
    let p = &device.pipeline;
    let journeys: [&[&[Stage]]; 3] = [
        &[&p.prerouting, &p.forward, &p.postrouting],
        &[&p.prerouting, &p.input],
        &[&p.output, &p.postrouting],
    ];
    journeys.iter().any(|hooks| {
        let stages: Vec<&Stage> = hooks.iter().copied().flatten().collect();
        let nat = stages.iter().position(|s| s.kind == StageKind::Nat);
        let later = nat.and_then(|at| stages.get(at + 1..)).unwrap_or_default();
        let lists = reachable_from(device, later.iter().map(|s| s.filter));
        lists.iter().any(|list| changed.contains(list))
    })
}

/// The lists that translate.
fn nat_filters(device: &Device) -> Vec<FilterId> {
    let used = reachable(device);
    let mut out: Vec<FilterId> = (0u32..)
        .map(FilterId)
        .zip(&device.filters)
        .filter(|(id, f)| {
            used.contains(id)
                && f.rules
                    .iter()
                    .any(|r| matches!(r.action, Action::Translate(_)))
        })
        .map(|(id, _)| id)
        .collect();
    out.sort_unstable();
    out
}

/// Fewer, larger seeds: those of equal ways are joined, and where that leaves
/// too many, ways are forgotten.
fn join(seeds: Vec<Seed>) -> Vec<Seed> {
    let mut by_ways: BTreeMap<[Set; 2], Vec<Product>> = BTreeMap::new();
    for seed in seeds {
        by_ways.entry(seed.ways).or_default().push(seed.packets);
    }
    let joined = |by_ways: BTreeMap<[Set; 2], Vec<Product>>| -> Vec<Seed> {
        by_ways
            .into_iter()
            .flat_map(|(ways, packets)| {
                let of = move |packets| Seed {
                    packets,
                    ways: ways.clone(),
                };
                join_packets(packets).into_iter().map(of)
            })
            .collect()
    };
    let out = joined(by_ways);
    if out.len() <= 2 * SEEDS {
        return out;
    }
    let any: Set = Arc::new(IntervalSet::range(0, INTERFACE_MAX));
    let packets = out.into_iter().map(|s| s.packets).collect();
    joined(BTreeMap::from([([Arc::clone(&any), any], packets)]))
}

/// Products with equal sources become one, and if that is not enough those
/// with equal destinations.
fn join_packets(seeds: Vec<Product>) -> Vec<Product> {
    let mut seeds = minimize(dedup(seeds));
    for dim in [Dim::Source, Dim::Destination] {
        if seeds.len() <= SEEDS {
            return seeds;
        }
        let mut groups: FxHashMap<Arc<IntervalSet>, Product> = FxHashMap::default();
        let mut order = Vec::new();
        for seed in seeds {
            let key = Arc::clone(seed.get(dim));
            match groups.get_mut(&key) {
                Some(group) => *group = hull(group, &seed),
                None => {
                    order.push(Arc::clone(&key));
                    groups.insert(key, seed);
                }
            }
        }
        seeds = order.iter().filter_map(|k| groups.remove(k)).collect();
    }
    seeds
}

fn dedup(mut seeds: Vec<Product>) -> Vec<Product> {
    seeds.sort();
    seeds.dedup();
    // A seed within another one says nothing new; only worth looking for
    // among few.
    if seeds.len() <= SEEDS {
        let all = seeds.clone();
        let mut at = 0;
        seeds.retain(|seed| {
            let mine = at;
            at += 1;
            !all.iter()
                .enumerate()
                .any(|(i, other)| i != mine && other.covers(seed) && (i < mine || other != seed))
        });
    }
    seeds
}

/// The smallest product that holds both.
fn hull(a: &Product, b: &Product) -> Product {
    let mut out = a.clone();
    for dim in DIMS {
        let both = a.get(dim).union(b.get(dim));
        out = out.with(dim, Arc::new(both));
    }
    out
}
