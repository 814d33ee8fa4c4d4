//! Where hosts are: on connected subnets, placed by topology.yaml, on devices.

use super::route_table::Exit;
use super::side::Side;
use super::topology::{Located, Place};
use crate::packet_set::product::Dim;
use crate::packet_set::{Product, Set};
use fw_model::{AddressSet, Family, IntervalSet};
use std::sync::{Arc, LazyLock};

impl Side<'_> {
    /// By which interfaces a device, whose routes do not tell, sends packets to
    /// destinations whose place in the network is known otherwise.
    #[must_use]
    pub fn ways_to(
        &self,
        family: Family,
        number: usize,
        destinations: &IntervalSet,
        declared: bool,
    ) -> Vec<(IntervalSet, Arc<str>)> {
        let mut left = destinations.clone();
        let mut out = Vec::new();
        let network = self.network();
        let mut take = |set: &IntervalSet, place: &Place, left: &mut IntervalSet| {
            let within = left.intersect(set);
            if within.is_empty() {
                return;
            }
            let way = if place.0 == number {
                Some(Arc::clone(&place.1))
            } else {
                network.towards(number, place.0)
            };
            if let Some(interface) = way {
                *left = left.subtract(&within);
                out.push((within, interface));
            }
        };
        for (set, places, told) in self.located(family, &left.clone(), None) {
            if let Some(place) = places.first()
                && (!declared || told && place.0 == number)
                && (told || self.devices.len() > 1)
            {
                take(&set, place, &mut left);
            }
        }
        if declared || self.devices.len() == 1 {
            return out;
        }
        for (set, places) in self.exits(family).split(self, family, &left.clone()) {
            if let [place] = places.as_slice() {
                take(&set, place, &mut left);
            }
        }
        out
    }

    /// Addresses with the places where their hosts are: those that
    /// topology.yaml declares and those on connected subnets, the smaller sets
    /// first. True for the former, which go first among equals. A declaration
    /// of everything is one of everything else: it gives way to routes.
    pub(super) fn located(
        &self,
        family: Family,
        addresses: &IntervalSet,
        only: Option<usize>,
    ) -> Vec<(IntervalSet, Vec<Place>, bool)> {
        let subnets = self.subnet_places(family, addresses, only);
        let mut out: Vec<(IntervalSet, Vec<Place>, bool)> = self
            .declared_networks()
            .filter(|(_, place)| only.is_none_or(|o| o == place.0))
            .map(|(set, place)| {
                let set = set.family(family);
                let everything = set.covers(&IntervalSet::range(0, family.max()));
                let set = if everything {
                    set.subtract(&self.routed(family))
                } else {
                    set.clone()
                };
                (set, vec![place], true)
            })
            .filter(|(set, ..)| set.meets(addresses))
            .collect();
        if out.is_empty() {
            return subnets.into_iter().map(|(s, p)| (s, p, false)).collect();
        }
        out.extend(subnets.into_iter().map(|(s, p)| (s, p, false)));
        out.sort_by_key(|(set, ..)| set.count());
        out
    }

    /// The addresses that some route knows which is no default route.
    fn routed(&self, family: Family) -> IntervalSet {
        self.devices
            .iter()
            .flat_map(|d| &d.device.routes)
            .filter(|r| r.prefix.prefix_len() > 0)
            .fold(IntervalSet::new(), |all, r| {
                all.union(AddressSet::prefix(r.prefix).family(family))
            })
    }

    /// The hosts that topology.yaml places, with their places.
    pub(super) fn declared_networks(&self) -> impl Iterator<Item = (&AddressSet, Place)> {
        self.snapshot
            .networks
            .iter()
            .filter_map(|(set, device, interface)| {
                let number = self.network().number(device)?;
                let named = self.devices.get(number)?.interfaces_named(interface);
                let name = named.first().cloned();
                Some((
                    set,
                    (number, name.unwrap_or_else(|| interface.as_str().into())),
                ))
            })
    }

    /// Packets of a device itself: those with the address of the interface
    /// that they leave by, and those that it does not send.
    #[must_use]
    pub fn sent_by(
        &self,
        family: Family,
        product: &Product,
        device: usize,
    ) -> (Vec<Product>, Vec<Product>) {
        let whole = (vec![product.clone()], Vec::new());
        let Some(here) = self.devices.get(device) else {
            return whole;
        };
        if !here.device.interfaces_complete || here.own(family).is_empty() {
            return whole;
        }
        let (mut sent, mut foreign) = (Vec::new(), Vec::new());
        let table = here.routes(None, family);
        for (set, exit) in table.split(product.get(Dim::Destination)) {
            let part = product.with(Dim::Destination, Arc::new(set));
            let Exit::Leaves(hops) = exit else {
                sent.push(part);
                continue;
            };
            let own = hops.iter().fold(IntervalSet::new(), |all, hop| {
                let place = (device, Arc::clone(&hop.interface));
                all.union(&self.addresses_at(&place, family))
            });
            let sources = part.get(Dim::Source);
            // An interface without an address borrows one.
            let near = if own.is_empty() {
                (**sources).clone()
            } else {
                sources.intersect(&own)
            };
            for (set, list) in [(sources.subtract(&near), &mut foreign), (near, &mut sent)] {
                if !set.is_empty() {
                    list.push(part.with(Dim::Source, Arc::new(set)));
                }
            }
        }
        (sent, foreign)
    }

    /// Packets for addresses that a device has, and for those that it does
    /// not have.
    #[must_use]
    pub fn answered(
        &self,
        family: Family,
        product: &Product,
        device: usize,
    ) -> (Option<Product>, Option<Product>) {
        let Some(here) = self.devices.get(device) else {
            return (Some(product.clone()), None);
        };
        let known = here.device.interfaces_complete
            && !here.device.interfaces.iter().any(|i| i.dynamic_address)
            && !here.own(family).is_empty();
        if !known {
            return (Some(product.clone()), None);
        }
        let to = product.get(Dim::Destination);
        let part = |set: IntervalSet| {
            (!set.is_empty()).then(|| product.with(Dim::Destination, Arc::new(set)))
        };
        (
            part(to.intersect(here.own(family))),
            part(to.subtract(here.own(family))),
        )
    }

    /// Packets to a device that its neighbours on a subnet send to its address
    /// there, or that come from elsewhere; and those that its neighbours would
    /// send to another address of it, which is none of theirs.
    #[must_use]
    pub fn near_addresses(
        &self,
        family: Family,
        product: Product,
        device: usize,
    ) -> (Vec<Product>, Vec<Product>) {
        let Some(here) = self.devices.get(device) else {
            return (vec![product], Vec::new());
        };
        let (mut near, mut far) = (Vec::new(), Vec::new());
        let mut left = vec![product];
        for interface in here.device.interfaces.iter().filter(|i| i.enabled) {
            let subnet: Set = Arc::new(interface.connected().family(family).clone());
            let own = self.addresses_at(&(device, interface.name.as_str().into()), family);
            let mut rest = Vec::new();
            for part in left {
                let sources = part.get(Dim::Source);
                let (inside, outside) = (sources.intersect(&subnet), sources.subtract(&subnet));
                let to = part.get(Dim::Destination);
                if inside.is_empty() || !to.meets(&own) {
                    rest.push(part);
                    continue;
                }
                let neighbours = part.with(Dim::Source, Arc::new(inside));
                for (set, list) in [
                    (to.intersect(&own), &mut near),
                    (to.subtract(&own), &mut far),
                ] {
                    if !set.is_empty() {
                        list.push(neighbours.with(Dim::Destination, Arc::new(set)));
                    }
                }
                if !outside.is_empty() {
                    rest.push(part.with(Dim::Source, Arc::new(outside)));
                }
            }
            left = rest;
        }
        near.extend(left);
        (near, far)
    }

    /// The hosts that an interface which is down cuts off: its subnet, as far
    /// as no other interface and no route but a default route leads there.
    #[must_use]
    pub fn cut_off(&self, family: Family, only: Option<usize>) -> IntervalSet {
        let devices = || {
            let here = self.devices.iter().enumerate();
            here.filter(|(number, _)| only.is_none_or(|o| o == *number))
                .map(|(_, here)| here.device)
        };
        let of = |net: ipnet::IpNet| AddressSet::prefix(net).family(family).clone();
        let down = devices()
            .flat_map(|d| d.interfaces.iter().filter(|i| !i.enabled))
            .flat_map(|i| &i.addresses)
            .filter(|net| net.prefix_len() > 0)
            .fold(IntervalSet::new(), |all, net| all.union(&of(*net)));
        if down.is_empty() {
            return down;
        }
        let up = devices()
            .flat_map(|d| d.interfaces.iter().filter(|i| i.enabled))
            .flat_map(|i| i.addresses.iter().copied());
        let routed = devices()
            .flat_map(|d| d.routes.iter().map(|r| r.prefix))
            .filter(|prefix| prefix.prefix_len() > 0);
        let down = up
            .chain(routed)
            .fold(down, |left, net| left.subtract(&of(net)));
        self.snapshot
            .networks
            .iter()
            .fold(down, |left, (set, ..)| left.subtract(set.family(family)))
    }

    /// Separates packets that cross devices from those that do not: both ends
    /// in one connected subnet, or sent by a device itself.
    #[must_use]
    pub fn crossing_part(
        &self,
        family: Family,
        product: &Product,
        only: Option<usize>,
    ) -> (Vec<Product>, Vec<Product>) {
        let mut crossing = vec![product.clone()];
        let mut staying = Vec::new();
        let mut take = |box_: &Product| {
            if !crossing.iter().any(|p| p.meets(box_)) {
                return;
            }
            staying.extend(crossing.iter().filter_map(|p| p.intersect(box_)));
            crossing = crossing.iter().flat_map(|p| p.subtract(box_)).collect();
        };
        let everything = Product::everything(family);
        let (from, to) = (product.get(Dim::Source), product.get(Dim::Destination));
        let mut subnet = |set: &IntervalSet| {
            if set.meets(from) && set.meets(to) {
                let set: Set = Arc::new(set.clone());
                let inside = everything
                    .with(Dim::Source, Arc::clone(&set))
                    .with(Dim::Destination, set);
                take(&inside);
            }
        };
        let own = match only.and_then(|number| self.devices.get(number)) {
            Some(here) => {
                for interface in here.device.interfaces.iter().filter(|i| i.enabled) {
                    for net in &interface.addresses {
                        subnet(AddressSet::prefix(*net).family(family));
                    }
                }
                (**here.own(family)).clone()
            }
            None => {
                for set in self.network().subnets(family) {
                    subnet(set);
                }
                self.network().own(family).clone()
            }
        };
        let own = own.intersect(from);
        if !own.is_empty() {
            take(&everything.with(Dim::Source, Arc::new(own)));
        }
        (crossing, staying)
    }

    /// Connected subnets that hold some of `sources`, the smaller ones first,
    /// with the interfaces on them.
    pub(super) fn subnet_places(
        &self,
        family: Family,
        sources: &IntervalSet,
        only: Option<usize>,
    ) -> Vec<Located> {
        let index = self.subnet_index(family);
        let mut out = Vec::new();
        for (set, places) in index.iter().filter(|(set, _)| set.meets(sources)) {
            let places: Vec<Place> = places
                .iter()
                .filter(|(device, _)| only.is_none_or(|o| o == *device))
                .cloned()
                .collect();
            if !places.is_empty() {
                out.push((set.clone(), places));
            }
        }
        out
    }

    /// The destinations that a router does not send back by the interface
    /// they came in by: its own, those it translates, and those it routes.
    pub(super) fn leads_on(
        &self,
        family: Family,
        destinations: &Set,
        place: &Place,
    ) -> IntervalSet {
        let (number, interface) = place;
        let Some(here) = self.devices.get(*number) else {
            return IntervalSet::new();
        };
        let mut out = destinations.intersect(here.own(family));
        let claims = self.network().claims(self, place);
        out = out.union(&destinations.intersect(claims.family(family)));
        let table = here.routes(Some(interface), family);
        for (set, exit) in table.split(destinations) {
            let on = match exit {
                Exit::Leaves(hops) => hops.iter().any(|h| h.interface != *interface),
                Exit::Discarded(_) | Exit::Unknown => true,
                Exit::Unrouted => false,
            };
            if on {
                out = out.union(&set);
            }
        }
        out
    }
}

/// Adds places to the parts of a partition that a set meets.
pub(super) fn add_places(parts: &mut Vec<Located>, set: IntervalSet, places: &[Place]) {
    let mut rest = set;
    let mut new = Vec::new();
    for (part, known) in parts.iter_mut() {
        let both = part.intersect(&rest);
        if both.is_empty() {
            continue;
        }
        let apart = part.subtract(&both);
        rest = rest.subtract(&both);
        let mut joined = known.clone();
        joined.extend(places.iter().filter(|p| !known.contains(p)).cloned());
        if !apart.is_empty() {
            new.push((apart, known.clone()));
        }
        *part = both;
        *known = joined;
    }
    parts.extend(new);
    if !rest.is_empty() {
        parts.push((rest, places.to_vec()));
    }
}

/// Addresses that the internet does not route (RFC 1918, RFC 6598, RFC 4193).
pub(super) fn private_addresses(family: Family) -> &'static IntervalSet {
    static V4: LazyLock<IntervalSet> = LazyLock::new(|| {
        let private = [
            (0x0a00_0000, 0x0aff_ffff),
            (0x6440_0000, 0x647f_ffff),
            (0xac10_0000, 0xac1f_ffff),
            (0xc0a8_0000, 0xc0a8_ffff),
        ];
        IntervalSet::from_ranges(private.to_vec())
    });
    static V6: LazyLock<IntervalSet> =
        LazyLock::new(|| IntervalSet::range(0xfc << 120, (0xfe << 120) - 1));
    match family {
        Family::V4 => &V4,
        Family::V6 => &V6,
    }
}

/// Connected subnets of a family, the smaller ones first, with the interfaces
/// on them.
#[must_use]
pub fn subnet_index(side: &Side<'_>, family: Family) -> Vec<Located> {
    let mut nets: Vec<(ipnet::IpNet, Place)> = Vec::new();
    for (number, here) in side.devices.iter().enumerate() {
        for interface in here.device.interfaces.iter().filter(|i| i.enabled) {
            for net in &interface.addresses {
                if Family::of(net.addr()) == family {
                    nets.push((net.trunc(), (number, interface.name.as_str().into())));
                }
            }
        }
    }
    nets.sort_by(|a, b| {
        let key = |n: &(ipnet::IpNet, Place)| (std::cmp::Reverse(n.0.prefix_len()), n.0);
        key(a).cmp(&key(b)).then_with(|| a.1.cmp(&b.1))
    });
    nets.dedup();
    nets.chunk_by(|a, b| a.0 == b.0)
        .filter_map(|group| {
            let (net, _) = group.first()?;
            let places = group.iter().map(|(_, place)| place.clone()).collect();
            Some((AddressSet::prefix(*net).family(family).clone(), places))
        })
        .collect()
}
