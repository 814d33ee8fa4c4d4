//! What a change opens and closes, whether declared or not.
//!
//! Cost follows the change: only the packets of rules that differ are looked
//! at, and of those only the parts that such a rule decides on one side.

mod bounds;
mod branches;
mod cases;
mod follow;
mod listing;
pub mod relocated;

pub use listing::{Listed, Listing};

use crate::align::Unpaired;
use crate::change::translations;
use crate::packet_set::product::{Dim, subtract_all};
use crate::packet_set::{Budget, Product};
use crate::report::{Change, Side as SideName};
use crate::seed::leading_to;
use crate::verdict::{Comparison, Joint, perhaps_own};
use cases::{list, list_relocated};
use follow::{any_flow, both};
use fw_model::evaluate::Journey;
use fw_model::{Device, Family, IntervalSet};
use listing::{opaque_lines, too_many};
use relocated::relocated;
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// What a change opens and closes.
#[derive(Debug, Default)]
pub struct Differences {
    /// Newly permitted.
    pub opened: Listing,
    /// Newly denied.
    pub closed: Listing,
    /// May be newly permitted; cannot be decided.
    pub undecided: Listing,
    /// May be newly denied, but is not newly permitted.
    pub perhaps_closed: Listing,
    /// Translations of packets that pass on both sides, which lead elsewhere
    /// or hide them behind another address.
    pub translated: Vec<Change>,
    /// Devices, by name, whose IPv6 rules differ though no IPv6 crosses them.
    pub without_ipv6: Vec<String>,
}

/// How much work the packets of one rule that differs are worth.
const LOOKS: Budget = Budget(30_000_000);

/// How many cases of one device are told apart. The packets of rules past them
/// are reported as ones for which anything may differ.
const CASES: usize = 100_000;

/// How many outcomes of one device are looked at, on both sides together.
const LOOKED: usize = 300_000;

/// Packets that are declared or approved.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Their family.
    pub family: Family,
    /// The packets.
    pub product: Product,
    /// Which way they take; `None`: any.
    pub journey: Option<Journey>,
}

/// Finds everything that a change opens or closes, except for the packets of
/// `declared`.
#[must_use]
pub fn differences(comparison: &Comparison<'_, '_>, declared: &[Declared]) -> Differences {
    let mut out = Differences::default();
    let (before, after) = (comparison.before, comparison.after);
    for (old_number, old) in before.devices.iter().enumerate() {
        let partner = after
            .devices
            .iter()
            .position(|d| d.device.name == old.device.name);
        let Some(new_number) = partner else { continue };
        let Some(new) = after.devices.get(new_number) else {
            continue;
        };
        opaque_lines(comparison, old.device, new.device, &mut out);
        for family in [Family::V4, Family::V6] {
            let without_ipv6 = family == Family::V6
                && [old, new].iter().all(|d| no_ipv6(d.device))
                && !declared.iter().any(|d| d.family == family);
            for journey in [Journey::Through, Journey::ToDevice, Journey::FromDevice] {
                let found = of_device(comparison, family, old_number, journey);
                if without_ipv6 {
                    if found.cases() > 0 && !out.without_ipv6.contains(&old.device.name) {
                        out.without_ipv6.push(old.device.name.clone());
                    }
                    continue;
                }
                for packets in &found.more {
                    too_many(family, &old.device.name, packets, &mut out);
                }
                let declared: Vec<&Product> = declared
                    .iter()
                    .filter(|d| d.family == family && d.journey.is_none_or(|j| j == journey))
                    .map(|d| &d.product)
                    .collect();
                // Declared flows tell of their translations themselves.
                let undeclared = |joint: &&Joint| {
                    declared.is_empty()
                        || !subtract_all(vec![joint.product.clone()], declared.iter().copied())
                            .is_empty()
                };
                let translated: Vec<Joint> = found
                    .translated
                    .iter()
                    .filter(undeclared)
                    .cloned()
                    .collect();
                out.translated
                    .extend(translations(before, after, &translated));
                let kind = (family, journey);
                let name = &old.device.name;
                list(comparison, kind, name, &found.joints, &declared, &mut out);
                list_relocated(
                    comparison,
                    kind,
                    name,
                    &found.relocated,
                    &declared,
                    &mut out,
                );
            }
        }
    }
    out
}

/// True if a device cannot carry IPv6: its interfaces are all known, and none
/// has an IPv6 address or a route.
pub(crate) fn no_ipv6(device: &Device) -> bool {
    let v4 = |net: &ipnet::IpNet| Family::of(net.addr()) == Family::V4;
    let addressed = |i: &&fw_model::Interface| !i.addresses.is_empty();
    device.interfaces_complete
        && !device.dynamic_routing
        && device.interfaces.iter().filter(addressed).count() > 1
        && device
            .interfaces
            .iter()
            .all(|i| i.addresses.iter().all(v4) && !i.dynamic_address)
        && device.routes.iter().all(|r| v4(&r.prefix))
}

/// What was found of one device.
#[derive(Default)]
struct Found {
    /// Packets whose end differs, or may.
    joints: Vec<Joint>,
    /// Packets that pass on both sides and are translated on one.
    translated: Vec<Joint>,
    /// Packets of hosts that live behind another interface than before, whose
    /// end by that interface differs from what it was, or may.
    relocated: Vec<Joint>,
    /// How many outcomes were looked at.
    looked: usize,
    /// Packets of which there is more to say than is worth telling apart.
    more: Vec<Product>,
}

impl Found {
    fn cases(&self) -> usize {
        self.joints.len() + self.translated.len() + self.relocated.len()
    }

    fn add(&mut self, other: Self) {
        self.joints.extend(other.joints);
        self.translated.extend(other.translated);
        self.relocated.extend(other.relocated);
        self.looked += other.looked;
        self.more.extend(other.more);
    }
}

/// The joints in which a rule that differs has a say, of packets that take
/// this way.
///
/// Of packets with more cases than are worth telling apart there are none.
fn of_device(
    comparison: &Comparison<'_, '_>,
    family: Family,
    old_number: usize,
    journey: Journey,
) -> Found {
    let Some(old) = comparison.before.devices.get(old_number) else {
        return Found::default();
    };
    let mut news = comparison.after.devices.iter();
    let there = news.find(|d| d.device.name == old.device.name);
    let own = match there {
        Some(new) => &old.own(family).union(new.own(family)),
        None => old.own(family),
    };
    let perhaps = perhaps_own(old);
    let here = old;
    let old = old.device;
    let Some(change) = comparison.locality.device(old_number) else {
        return Found::default();
    };
    let pick = |pair: &[IntervalSet; 2]| {
        let [v4, v6] = pair;
        match family {
            Family::V4 => v4.clone(),
            Family::V6 => v6.clone(),
        }
    };
    let (gaps, everywhere, moved) = (&change.gaps, change.everywhere, pick(&change.moved));
    if gaps.is_empty() && !everywhere && moved.is_empty() {
        return Found::default();
    }
    let mut changed: [FxHashSet<Unpaired>; 2] = Default::default();
    for gap in gaps {
        let [b, a] = &mut changed;
        b.extend(gap.before.iter().copied());
        a.extend(gap.after.iter().copied());
    }
    let whole = Product::everything(family);
    let flow = any_flow(&old.name, journey);
    // The device's own end, where the configuration tells its addresses.
    let at_home = |seed: &Product| -> Option<Product> {
        let dim = match journey {
            Journey::Through => return Some(seed.clone()),
            Journey::ToDevice => Dim::Destination,
            Journey::FromDevice => Dim::Source,
        };
        let mine = match &perhaps {
            Some(perhaps) => seed.get(dim).intersect(perhaps.family(family)),
            None => seed.get(dim).intersect(own),
        };
        (!mine.is_empty()).then(|| seed.with(dim, Arc::new(mine)))
    };
    let mut out = Found::default();
    if !moved.is_empty() && journey != Journey::FromDevice {
        let region = whole.with(Dim::Source, Arc::new(moved.clone()));
        let region = at_home(&region);
        out.add(region.map_or_else(Found::default, |region| {
            relocated(comparison, &flow, family, &region)
        }));
    }
    if everywhere || !moved.is_empty() {
        // The way of packets differs: both sides are followed for all packets
        // whose way may differ, whatever rules they meet.
        let mut regions = Vec::new();
        if everywhere {
            regions.push(whole.clone());
        } else {
            // Translated packets go where their new destination does.
            let moved = leading_to(
                comparison.before,
                family,
                [here, there.unwrap_or(here)],
                moved,
            );
            let set = Arc::new(moved);
            let to = whole.with(Dim::Destination, Arc::clone(&set));
            regions.extend(whole.with(Dim::Source, set).subtract(&to));
            regions.push(to);
        }
        for region in regions.iter().filter_map(at_home) {
            for first in [SideName::Before, SideName::After] {
                out.add(both(comparison, &flow, family, &region, None, first, None));
            }
        }
        if everywhere {
            return out;
        }
    }
    let [v4, v6] = &change.seeds;
    let [old_seeds, new_seeds] = match family {
        Family::V4 => v4,
        Family::V6 => v6,
    };
    let [old_changed, new_changed] = &changed;
    let sides = [
        (SideName::Before, old_seeds, old_changed),
        (SideName::After, new_seeds, new_changed),
    ];
    for (first, seeds, rules) in sides {
        for seed in seeds {
            let Some(packets) = at_home(&seed.packets) else {
                continue;
            };
            if out.looked > LOOKED {
                out.more.push(packets);
                continue;
            }
            let found = both(
                comparison,
                &flow,
                family,
                &packets,
                Some(&seed.ways),
                first,
                Some(rules),
            );
            // All cases of a rule or none: branches of one unknown belong
            // together.
            if found.cases() + out.cases() > CASES || !found.more.is_empty() {
                out.more.push(packets);
                out.looked += found.looked;
            } else {
                out.add(found);
            }
        }
    }
    out
}
