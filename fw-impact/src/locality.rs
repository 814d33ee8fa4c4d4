//! Where a change can make a difference at all.
//!
//! A packet that meets no rule that differs, on a device that routes it as
//! before, is treated as before. So what a rule that differs may match, in
//! the words of packets as they enter the device, is all that has to be
//! followed on both sides: cost follows the change, not the policy.

use crate::align::{Gap, gaps};
use crate::graph::piece::{Passage, field};
use crate::graph::route_table::Exit;
use crate::graph::side::DeviceSide;
use crate::graph::{Disposition, Outcome, Side};
use crate::moved::{moved_addresses, same_pipeline};
use crate::packet_set::Product;
use crate::packet_set::decompose::RuleRef;
use crate::packet_set::product::Dim;
use crate::report::Side as SideName;
use crate::seed::{Seed, seeds};
use fw_model::nat::claimed_addresses;
use fw_model::service::{PORT_MAX, SERVICE_MAX};
use fw_model::{Connections, Device, Family, IntervalSet, SourceCheck, TreatmentRule};
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// What differs between two versions of a device.
pub struct DeviceChange {
    /// Its position after the change.
    pub after: usize,
    /// Rules without a partner.
    pub gaps: Vec<Gap>,
    /// The stages differ: everything may.
    pub everywhere: bool,
    /// Addresses that are routed differently, for IPv4 and IPv6.
    pub moved: [IntervalSet; 2],
    /// Addresses that go to another interface or another next router.
    pub rerouted: [IntervalSet; 2],
    /// What rules without a partner may match: before, after; for IPv4 and
    /// IPv6.
    pub seeds: [[Vec<Seed>; 2]; 2],
    /// Permitted packets may be treated differently, or their replies judged
    /// differently.
    pub treatments: bool,
}

impl DeviceChange {
    /// Nothing differs.
    fn none(after: usize) -> Self {
        Self {
            after,
            gaps: Vec::new(),
            everywhere: false,
            moved: Default::default(),
            rerouted: Default::default(),
            seeds: Default::default(),
            treatments: false,
        }
    }
}

/// What differs between two sides, a device.
#[derive(Default)]
pub struct Locality {
    /// In the order of the before side's devices; `None` for a device that is
    /// gone.
    pub devices: Vec<Option<DeviceChange>>,
    /// The rules without a partner, a device of each side: before, after.
    changed: [Vec<FxHashSet<RuleRef>>; 2],
    /// Devices, links or places of hosts differ.
    topology: bool,
}

impl Locality {
    /// Finds what differs between two sides.
    #[must_use]
    pub fn new(before: &Side<'_>, after: &Side<'_>) -> Self {
        let names = |side: &Side<'_>| -> Vec<String> {
            side.devices.iter().map(|d| d.device.name.clone()).collect()
        };
        let topology = names(before) != names(after)
            || before.snapshot.links != after.snapshot.links
            || before.snapshot.networks != after.snapshot.networks
            || tunnels(before) != tunnels(after)
            || !same_ends(before, after);
        let devices: Vec<Option<DeviceChange>> = before
            .devices
            .iter()
            .map(|old| {
                let number = after.snapshot.position(&old.device.name)?;
                let new = after.devices.get(number)?;
                let (o, n) = (old.device, new.device);
                // Most devices are as they were.
                if o == n {
                    return Some(DeviceChange::none(number));
                }
                let gaps = gaps(o, n);
                Some(DeviceChange {
                    after: number,
                    everywhere: !same_pipeline(o, n) || refuses_differently(o, n),
                    moved: [Family::V4, Family::V6].map(|family| moved_addresses(family, old, new)),
                    rerouted: [Family::V4, Family::V6].map(|family| rerouted(family, old, new)),
                    seeds: [Family::V4, Family::V6]
                        .map(|family| seeds(before, family, old, new, &gaps)),
                    treatments: treatments_differ(o, n)
                        || o.automatic_replies != n.automatic_replies
                        || o.tracks_connections != n.tracks_connections,
                    gaps,
                })
            })
            .collect();
        let changed = changed(&devices, after.devices.len());
        Self {
            devices,
            changed,
            topology,
        }
    }

    /// The rules of a side that have no partner on the other one, a device.
    #[must_use]
    pub fn changed(&self, side: SideName) -> &[FxHashSet<RuleRef>] {
        let [before, after] = &self.changed;
        match side {
            SideName::Before => before,
            SideName::After => after,
        }
    }

    /// What differs on a device of the before side.
    #[must_use]
    pub fn device(&self, before: usize) -> Option<&DeviceChange> {
        self.devices.get(before)?.as_ref()
    }

    /// True if some device routes these packets, or replies to them, elsewhere
    /// than before; wherever that is, since it may tell where they enter.
    fn rerouted(&self, outcome: &Outcome) -> bool {
        let family = outcome.piece.family;
        let mut moved = self
            .devices
            .iter()
            .flatten()
            .map(|change| match family {
                Family::V4 => v4(&change.rerouted),
                Family::V6 => v6(&change.rerouted),
            })
            .filter(|set| !set.is_empty())
            .peekable();
        if moved.peek().is_none() {
            return false;
        }
        if outcome.crossings.is_empty() {
            return true;
        }
        let ends: Vec<_> = outcome
            .crossings
            .iter()
            .flat_map(|c| [&c.original, &c.translated])
            .flat_map(|fields| {
                [Dim::Source, Dim::Destination]
                    .map(|dim| outcome.piece.values(dim, field(fields, dim)))
            })
            .collect();
        moved.any(|set| ends.iter().any(|end| end.meets(set)))
    }

    /// True if what became of these packets before the change is certainly
    /// what becomes of them after it, replies and treatments included.
    #[must_use]
    pub fn unchanged(&self, side: &Side<'_>, outcome: &Outcome) -> bool {
        if self.topology || outcome.disposition == Disposition::Exhausted {
            return false;
        }
        let family = outcome.piece.family;
        if self.rerouted(outcome) {
            return false;
        }
        // Devices that only the reply met judged it as a packet of its own.
        let strange = outcome
            .returns
            .iter()
            .filter(|r| !outcome.crossings.iter().any(|c| c.device == r.device))
            .any(|r| {
                self.device(r.device)
                    .is_none_or(|change| change.everywhere || !change.gaps.is_empty())
            });
        if strange {
            return false;
        }
        outcome.crossings.iter().all(|crossing| {
            let Some(change) = self.device(crossing.device) else {
                return false;
            };
            if change.everywhere || change.treatments {
                return false;
            }
            let [v4, v6] = &change.seeds;
            let [before, after] = match family {
                Family::V4 => v4,
                Family::V6 => v6,
            };
            if before.is_empty() && after.is_empty() {
                return true;
            }
            let enters = outcome.piece.product(&crossing.original);
            let leaves = outcome.piece.product(&crossing.translated);
            let automatic = side.devices.get(crossing.device).is_some_and(|here| {
                here.device.automatic_replies.terms().iter().any(|t| {
                    t.service.covers(leaves.get(Dim::Service))
                        && t.source_ports.covers(leaves.get(Dim::SourcePort))
                })
            });
            let client = outcome
                .piece
                .values(Dim::Source, field(&crossing.original, Dim::Source));
            let whole = |max| Arc::new(IntervalSet::range(0, max));
            let back = |destination| Product {
                sets: [
                    Arc::clone(leaves.get(Dim::Destination)),
                    destination,
                    whole(SERVICE_MAX),
                    whole(PORT_MAX),
                ],
            };
            // A reply is seen before and behind the point where translation
            // is undone.
            let replies = [back(client), back(Arc::clone(leaves.get(Dim::Source)))];
            let here = side.devices.get(crossing.device);
            let enters_by = |end: Option<&Passage>, seed: &Seed| {
                let (Some(end), Some(here), [numbers, _]) = (end, here, &seed.ways) else {
                    return true;
                };
                match (end, outcome.piece.way_numbers(end)) {
                    (_, Some(open)) => numbers.meets(&open),
                    (Passage::Interface(name), None) => {
                        let number = here.interfaces().number(name);
                        number.is_none_or(|n| numbers.contains(n))
                    }
                    (Passage::Open(_), None) => true,
                }
            };
            // Replies may come in by another interface.
            let came_back: Vec<&Passage> = outcome
                .returns
                .iter()
                .filter(|r| r.device == crossing.device)
                .filter_map(|r| r.ingress.as_ref())
                .collect();
            before.iter().chain(after).all(|seed| {
                let forward =
                    seed.packets.meets(&enters) && enters_by(crossing.ingress.as_ref(), seed);
                let back = !automatic
                    && replies.iter().any(|r| seed.packets.meets(r))
                    && (enters_by(crossing.egress.as_ref(), seed)
                        || came_back.iter().any(|end| enters_by(Some(*end), seed)));
                !forward && !back
            })
        })
    }
}

/// True if all devices have the same addresses at the same interfaces: they
/// may be the gateways of others.
fn same_ends(before: &Side<'_>, after: &Side<'_>) -> bool {
    let ends = |device: &Device| -> Vec<_> {
        let end = |i: &fw_model::Interface| (i.name.clone(), i.addresses.clone(), i.enabled);
        device.interfaces.iter().map(end).collect()
    };
    let pairs = before.devices.iter().zip(&after.devices);
    before.devices.len() < 2
        || pairs
            .into_iter()
            .all(|(old, new)| ends(old.device) == ends(new.device))
}

/// True if packets of known connections, or sources, are refused elsewhere.
fn refuses_differently(old: &Device, new: &Device) -> bool {
    let zones = |device: &Device| -> Vec<Vec<String>> {
        let zones = device.zones.iter().map(|z| z.interfaces.clone());
        zones.collect()
    };
    let checks = |device: &Device| -> Vec<_> {
        let of = device.interfaces.iter();
        of.filter(|i| i.source_check != SourceCheck::Off)
            .map(|i| (i.name.clone(), i.source_check))
            .collect()
    };
    old.connections != new.connections
        || old.connections != Connections::Anywhere && zones(old) != zones(new)
        || checks(old) != checks(new)
}

/// The rules of all gaps, a device of each side.
fn changed(devices: &[Option<DeviceChange>], after: usize) -> [Vec<FxHashSet<RuleRef>>; 2] {
    let mut out = [
        vec![FxHashSet::default(); devices.len()],
        vec![FxHashSet::default(); after],
    ];
    let [olds, news] = &mut out;
    for (old, change) in olds.iter_mut().zip(devices) {
        let Some(change) = change else { continue };
        old.extend(change.gaps.iter().flat_map(|gap| &gap.before));
        if let Some(new) = news.get_mut(change.after) {
            new.extend(change.gaps.iter().flat_map(|gap| &gap.after));
        }
    }
    out
}

/// The tunnels of all devices, wherever they stand.
fn tunnels<'s>(side: &'s Side<'_>) -> Vec<(&'s str, fw_model::Tunnel)> {
    side.devices
        .iter()
        .flat_map(|d| d.device.tunnels.iter().map(move |t| (&*d.device.name, t)))
        .map(|(name, tunnel)| {
            let mut tunnel = fw_model::Tunnel {
                span: None,
                ..tunnel.clone()
            };
            for selector in &mut tunnel.selectors {
                selector.span = None;
            }
            (name, tunnel)
        })
        .collect()
}

/// The addresses of a family that a device sends elsewhere than before.
fn rerouted(family: Family, old: &DeviceSide<'_>, new: &DeviceSide<'_>) -> IntervalSet {
    let mut out = moved_addresses(family, old, new).union(&claimed(family, old, new));
    let same = |a: &Device, b: &Device| {
        let routes = |d: &Device| -> Vec<_> {
            let key = |r: &fw_model::Route| (r.vrf.clone(), r.prefix, r.next.clone(), r.metric);
            d.routes.iter().map(key).collect()
        };
        routes(a) == routes(b)
    };
    if same(old.device, new.device) {
        return out;
    }
    // A route that is not the best one may have a say here.
    let all_count = |d: &Device| {
        d.connections == Connections::Interface
            || d.interfaces
                .iter()
                .any(|i| i.source_check == SourceCheck::Feasible)
    };
    if all_count(old.device) || all_count(new.device) {
        for (one, other) in [(old.device, new.device), (new.device, old.device)] {
            let known = |r: &fw_model::Route| {
                let same = |o: &&fw_model::Route| {
                    (&o.vrf, o.prefix, &o.next, o.metric) == (&r.vrf, r.prefix, &r.next, r.metric)
                };
                other.routes.iter().find(same).is_some()
            };
            for route in one.routes.iter().filter(|r| !known(r)) {
                out = out.union(fw_model::AddressSet::prefix(route.prefix).family(family));
            }
        }
    }
    let mut vrfs: Vec<&str> = [old, new]
        .iter()
        .flat_map(|d| d.device.routes.iter().map(|r| r.vrf.as_str()))
        .collect();
    vrfs.sort_unstable();
    vrfs.dedup();
    let hops = |exit: &Exit| match exit {
        Exit::Leaves(hops) => Some(
            hops.iter()
                .map(|h| (Arc::clone(&h.interface), h.gateway))
                .collect::<Vec<_>>(),
        ),
        Exit::Discarded(_) => Some(Vec::new()),
        Exit::Unrouted | Exit::Unknown => None,
    };
    for vrf in vrfs {
        let after = new.routes_of(vrf.to_owned(), family);
        for (set, exit) in old.routes_of(vrf.to_owned(), family).iter() {
            for (other, other_exit) in after.iter() {
                if hops(exit) != hops(other_exit) {
                    out = out.union(&set.intersect(other));
                }
            }
        }
    }
    out
}

/// The addresses that a device answers for on one side alone.
fn claimed(family: Family, old: &DeviceSide<'_>, new: &DeviceSide<'_>) -> IntervalSet {
    let all = |device: &Device| {
        device.interfaces.iter().fold(IntervalSet::new(), |all, i| {
            all.union(claimed_addresses(device, &i.name).family(family))
        })
    };
    let (was, is) = (all(old.device), all(new.device));
    was.subtract(&is).union(&is.subtract(&was))
}

const fn v4(pair: &[IntervalSet; 2]) -> &IntervalSet {
    let [v4, _] = pair;
    v4
}

const fn v6(pair: &[IntervalSet; 2]) -> &IntervalSet {
    let [_, v6] = pair;
    v6
}

/// True if permitted packets may be treated differently: a device's own list
/// differs, or the treatments of rules do.
fn treatments_differ(old: &Device, new: &Device) -> bool {
    let plain = |t: &TreatmentRule| {
        (
            t.match_expr.clone(),
            t.treatment.kind,
            t.treatment.value.clone(),
        )
    };
    let rules = |device: &Device| -> Vec<Vec<(fw_model::TreatmentKind, String)>> {
        device
            .filters
            .iter()
            .flat_map(|f| &f.rules)
            .filter(|r| !r.treatments.is_empty())
            .map(|r| {
                r.treatments
                    .iter()
                    .map(|t| (t.kind, t.value.clone()))
                    .collect()
            })
            .collect()
    };
    !old.treatments
        .iter()
        .map(plain)
        .eq(new.treatments.iter().map(plain))
        || rules(old) != rules(new)
}
