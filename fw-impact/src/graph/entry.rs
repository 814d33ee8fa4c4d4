//! Where packets enter the network.
//!
//! A host on a connected subnet enters by the router of that subnet that
//! leads on to the destination. A host that is further away enters where the
//! routes of the whole network lead out of the snapshot towards it: packets
//! come from where they would be sent to.

use super::piece::{Passage, Piece};
use super::route_table::{Exit, Hop, RouteTable};
use super::side::Side;
use super::topology::Place;
use crate::packet_set::product::Dim;
use crate::packet_set::{Assumed, Product, Set};
use fw_model::{AddressSet, Family, IntervalSet};
use rustc_hash::FxHashMap;
use std::sync::{Arc, OnceLock};

/// Packets at the place where they enter the network.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The device, by position.
    pub device: usize,
    /// The interface.
    pub ingress: Option<Passage>,
    /// The packets.
    pub piece: Piece,
}

/// Where packets enter.
#[derive(Default, Debug)]
pub struct Entries {
    /// Those that enter somewhere.
    pub entries: Vec<Entry>,
    /// Those that no route leads back to, on a network that knows all routes.
    pub nowhere: Vec<Product>,
}

/// Packets that enter at one of these places; at none if they are nowhere.
struct Part {
    product: Product,
    places: Vec<Place>,
}

/// Where routes lead out of the snapshot, worked out for each stretch of
/// addresses when it is first asked for.
pub struct Exits {
    routers: Vec<Router>,
    by_interface: FxHashMap<Place, usize>,
    starts: Vec<u128>,
    places: Vec<OnceLock<Arc<[Place]>>>,
}

struct Router {
    device: usize,
    table: Arc<RouteTable>,
}

impl Exits {
    /// Prepares the routing tables of a family.
    #[must_use]
    pub fn new(side: &Side<'_>, family: Family) -> Self {
        let mut routers = Vec::new();
        let mut by_interface = FxHashMap::default();
        let mut starts = vec![0];
        for (device, here) in side.devices.iter().enumerate() {
            let mut vrfs: Vec<&str> = here.device.interfaces.iter().map(|i| &*i.vrf).collect();
            if vrfs.is_empty() && !here.device.routes.is_empty() {
                vrfs.push("");
            }
            vrfs.sort_unstable();
            vrfs.dedup();
            for vrf in vrfs {
                for interface in here.device.interfaces.iter().filter(|i| i.vrf == vrf) {
                    let place: Place = (device, interface.name.as_str().into());
                    by_interface.insert(place, routers.len());
                }
                let table = here.routes_of(vrf.to_owned(), family);
                starts.extend(table.starts());
                routers.push(Router { device, table });
            }
        }
        starts.sort_unstable();
        starts.dedup();
        let places = starts.iter().map(|_| OnceLock::new()).collect();
        Self {
            routers,
            by_interface,
            starts,
            places,
        }
    }

    /// Splits addresses by the places where they are: those to which routes
    /// lead out of the snapshot. Addresses that no route knows are left out.
    fn split(
        &self,
        side: &Side<'_>,
        family: Family,
        set: &IntervalSet,
    ) -> Vec<(IntervalSet, Vec<Place>)> {
        self.grouped(family, set, |at, value| {
            self.places.get(at).map_or_else(
                || Arc::from([]),
                |slot| Arc::clone(slot.get_or_init(|| self.places_of(side, value).into())),
            )
        })
    }

    /// Groups addresses by the places that `of` tells for the stretch, by
    /// number and first address, that they are in.
    fn grouped(
        &self,
        family: Family,
        set: &IntervalSet,
        of: impl Fn(usize, u128) -> Arc<[Place]>,
    ) -> Vec<(IntervalSet, Vec<Place>)> {
        let mut parts: Vec<(Arc<[Place]>, Vec<(u128, u128)>)> = Vec::new();
        let mut by_places: FxHashMap<Arc<[Place]>, usize> = FxHashMap::default();
        for &(low, high) in set.ranges() {
            let first = self.starts.partition_point(|s| *s <= low).saturating_sub(1);
            for (at, &start) in self.starts.iter().enumerate().skip(first) {
                if start > high {
                    break;
                }
                let end = self
                    .starts
                    .get(at + 1)
                    .map_or(family.max(), |next| next - 1);
                let places = of(at, start);
                if places.is_empty() {
                    continue;
                }
                let part = *by_places.entry(Arc::clone(&places)).or_insert_with(|| {
                    parts.push((places, Vec::new()));
                    parts.len() - 1
                });
                if let Some((_, ranges)) = parts.get_mut(part) {
                    ranges.push((start.max(low), end.min(high)));
                }
            }
        }
        parts
            .into_iter()
            .map(|(places, ranges)| (IntervalSet::from_ranges(ranges), places.to_vec()))
            .collect()
    }

    /// The places where an address is: the ends of the routes to it that lead
    /// out of the snapshot. Of several, those on whose way the longest prefix
    /// is met.
    fn places_of(&self, side: &Side<'_>, value: u128) -> Vec<Place> {
        let mut best: Vec<(Place, (u8, u8))> = Vec::new();
        for start in 0..self.routers.len() {
            self.walk(side, start, value, &mut |place, rank| match best
                .iter_mut()
                .find(|(p, _)| *p == place)
            {
                Some((_, known)) => *known = rank.max(*known),
                None => best.push((place, rank)),
            });
        }
        let highest = best.iter().map(|(_, r)| *r).max().unwrap_or_default();
        best.retain(|(_, r)| *r == highest);
        best.sort();
        best.into_iter().map(|(place, _)| place).collect()
    }

    /// Follows the routes to an address from a router to where they leave the
    /// snapshot. Each place comes with the length of the last prefix, and of
    /// the longest on the way.
    fn walk(
        &self,
        side: &Side<'_>,
        start: usize,
        value: u128,
        found: &mut dyn FnMut(Place, (u8, u8)),
    ) {
        let network = side.network();
        let mut todo: Vec<(usize, u8)> = vec![(start, 0)];
        let mut seen: Vec<usize> = Vec::new();
        while let Some((number, longest)) = todo.pop() {
            let Some(router) = self.routers.get(number) else {
                continue;
            };
            if seen.contains(&number) {
                continue;
            }
            seen.push(number);
            let Some((Exit::Leaves(hops), length)) = router.table.at(value) else {
                continue;
            };
            let longest = longest.max(length);
            for hop in hops {
                // Hosts on a subnet are none behind a router.
                if hop.gateway.is_none()
                    && hop.span.is_none()
                    && length > 0
                    && connected(side, router.device, hop, value)
                {
                    continue;
                }
                let next = network.next(side, router.device, hop);
                if next.is_empty() {
                    let place = (router.device, Arc::clone(&hop.interface));
                    found(place, (length, longest));
                }
                for place in next {
                    if let Some(&next) = self.by_interface.get(&place) {
                        todo.push((next, longest));
                    }
                }
            }
        }
    }

    /// Splits addresses by the places where the routes of some devices leave
    /// the snapshot towards them.
    pub(super) fn split_from(
        &self,
        side: &Side<'_>,
        family: Family,
        from: &[Place],
        set: &IntervalSet,
    ) -> Vec<(IntervalSet, Vec<Place>)> {
        let starts: Vec<usize> = from
            .iter()
            .filter_map(|place| self.by_interface.get(place).copied())
            .collect();
        self.grouped(family, set, |_, value| {
            let mut out: Vec<Place> = Vec::new();
            for &start in &starts {
                self.walk(side, start, value, &mut |place, _| {
                    if !out.contains(&place) {
                        out.push(place);
                    }
                });
            }
            out.sort();
            out.into()
        })
    }
}

fn connected(side: &Side<'_>, device: usize, hop: &Hop, value: u128) -> bool {
    side.devices
        .get(device)
        .and_then(|d| d.device.interface(&hop.interface))
        .is_some_and(|i| {
            i.addresses.iter().any(|net| {
                AddressSet::prefix(*net)
                    .family(Family::of(net.addr()))
                    .contains(value)
            })
        })
}

impl Side<'_> {
    /// Where the packets of `product` enter the network. Each place comes
    /// with the part of the packets that live there; where nothing tells, all
    /// feasible places come, each under the assumption that it is the one.
    /// `prefer` is where they are known to come in otherwise.
    #[must_use]
    pub fn entries(
        &self,
        family: Family,
        product: &Product,
        ingress: Option<&str>,
        only: Option<usize>,
        prefer: Option<&Place>,
        assumed: &Assumed,
    ) -> Entries {
        let devices: Vec<usize> = match only {
            Some(number) => vec![number],
            None => (0..self.devices.len()).collect(),
        };
        let parts = match ingress.map(|name| self.named(name, &devices)) {
            Some(named) if !named.is_empty() => self.by_name(family, product, only, prefer, named),
            _ => self.by_route(family, product, only, prefer),
        };
        let mut out = Entries::default();
        for part in parts {
            if part.places.is_empty() {
                out.nowhere.push(part.product);
                continue;
            }
            let piece = Piece::entering(family, &part.product, assumed.clone());
            out.entries.extend(self.alternatives(&part.places, &piece));
        }
        out
    }

    /// Where the packets of `product` enter a device if they come in by one of
    /// these interfaces, by number.
    #[must_use]
    pub fn entries_by(
        &self,
        family: Family,
        product: &Product,
        device: usize,
        numbers: &Set,
        assumed: &Assumed,
    ) -> Vec<Entry> {
        let Some(here) = self.devices.get(device) else {
            return Vec::new();
        };
        let feasible = numbers.intersect(here.feasible_interfaces());
        let numbers = if feasible.is_empty() {
            numbers
        } else {
            &Arc::new(feasible)
        };
        let places: Vec<Place> = here
            .interfaces()
            .members(numbers)
            .map(|name| (device, Arc::clone(name)))
            .collect();
        self.alternatives(&places, &Piece::entering(family, product, assumed.clone()))
    }

    fn named(&self, name: &str, devices: &[usize]) -> Vec<Place> {
        devices
            .iter()
            .filter_map(|&d| Some((d, self.devices.get(d)?)))
            .flat_map(|(d, here)| here.interfaces_named(name).into_iter().map(move |i| (d, i)))
            .collect()
    }

    /// The flow names the interface or zone. Where several devices have one
    /// of that name, routes tell which packets live behind which of them.
    fn by_name(
        &self,
        family: Family,
        product: &Product,
        only: Option<usize>,
        prefer: Option<&Place>,
        named: Vec<Place>,
    ) -> Vec<Part> {
        let all = |places| {
            vec![Part {
                product: product.clone(),
                places,
            }]
        };
        let several = named
            .windows(2)
            .any(|w| matches!(w, [(a, _), (b, _)] if a != b));
        if !several {
            return all(named);
        }
        let mut rest = vec![product.clone()];
        let mut out = Vec::new();
        for part in self.by_route(family, product, only, prefer) {
            let there: Vec<Place> = part
                .places
                .iter()
                .filter(|p| named.contains(p))
                .cloned()
                .collect();
            if there.is_empty() {
                continue;
            }
            rest = rest
                .iter()
                .flat_map(|r| r.subtract(&part.product))
                .collect();
            out.push(Part {
                places: there,
                ..part
            });
        }
        if out.is_empty() {
            return all(named);
        }
        // Everybody behind the zone, or hosts that are said to be there?
        let everybody = product
            .get(Dim::Source)
            .covers(&IntervalSet::range(0, family.max()));
        if !everybody {
            out.extend(rest.into_iter().map(|product| Part {
                product,
                places: named.clone(),
            }));
        }
        out
    }

    fn by_route(
        &self,
        family: Family,
        product: &Product,
        only: Option<usize>,
        prefer: Option<&Place>,
    ) -> Vec<Part> {
        let mut left: IntervalSet = (**product.get(Dim::Source)).clone();
        let mut out = Vec::new();
        let with = |set: IntervalSet| product.with(Dim::Source, Arc::new(set));
        // Hosts that topology.yaml places.
        for (set, place) in self.declared_networks() {
            if only.is_some_and(|o| o != place.0) {
                continue;
            }
            let within = left.intersect(set.family(family));
            if within.is_empty() {
                continue;
            }
            left = left.subtract(&within);
            out.push(Part {
                product: with(within),
                places: vec![place],
            });
        }
        for (subnet, places) in self.subnet_places(family, &left, only) {
            let within = left.intersect(&subnet);
            if within.is_empty() {
                continue;
            }
            left = left.subtract(&within);
            out.extend(self.routers_of_subnet(family, &with(within), places));
        }
        if left.is_empty() {
            return out;
        }
        let remote = match only {
            Some(number) => self.remote_of(family, &left, number),
            None => self.exits(family).split(self, family, &left),
        };
        for (set, places) in remote {
            left = left.subtract(&set);
            let settled = match prefer {
                Some(place) if places.contains(place) => vec![place.clone()],
                _ => places,
            };
            for part in self.attached(family, with(set), settled) {
                out.extend(self.symmetric(family, part, only));
            }
        }
        if !left.is_empty() {
            let (nowhere, open) = self.unknown_places(family, &left, only);
            if !nowhere.is_empty() {
                out.push(Part {
                    product: with(nowhere),
                    places: Vec::new(),
                });
            }
            for (set, places) in open {
                out.push(Part {
                    product: with(set),
                    places,
                });
            }
        }
        out
    }

    /// Connected subnets that hold some of `sources`, the smaller ones first,
    /// with the interfaces on them.
    pub(super) fn subnet_places(
        &self,
        family: Family,
        sources: &IntervalSet,
        only: Option<usize>,
    ) -> Vec<(IntervalSet, Vec<Place>)> {
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

    /// Hosts on a subnet with several routers use one that leads on to the
    /// destination, not one that sends the packets back into the subnet.
    fn routers_of_subnet(
        &self,
        family: Family,
        product: &Product,
        places: Vec<Place>,
    ) -> Vec<Part> {
        if places.len() == 1 {
            return vec![Part {
                product: product.clone(),
                places,
            }];
        }
        let destinations = product.get(Dim::Destination);
        let mut parts: Vec<(IntervalSet, Vec<Place>)> =
            vec![((**destinations).clone(), Vec::new())];
        for place in &places {
            let good = self.leads_on(family, destinations, place);
            let mut next = Vec::new();
            for (set, known) in parts {
                let (inside, outside) = (set.intersect(&good), set.subtract(&good));
                if !inside.is_empty() {
                    let mut joined = known.clone();
                    joined.push(place.clone());
                    next.push((inside, joined));
                }
                if !outside.is_empty() {
                    next.push((outside, known));
                }
            }
            parts = next;
        }
        parts
            .into_iter()
            .map(|(set, known)| Part {
                product: product.with(Dim::Destination, Arc::new(set)),
                places: if known.is_empty() {
                    places.clone()
                } else {
                    known
                },
            })
            .collect()
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

    /// Of several places that lead to the same hosts, the one that the
    /// destination is attached to: the world knows its prefix by that.
    fn attached(&self, family: Family, product: Product, places: Vec<Place>) -> Vec<Part> {
        if places.len() < 2 {
            return vec![Part { product, places }];
        }
        let mut out = Vec::new();
        let mut left = (**product.get(Dim::Destination)).clone();
        for place in &places {
            let connected = self
                .devices
                .get(place.0)
                .and_then(|d| d.device.interface(&place.1))
                .map(|i| i.connected().family(family).clone())
                .unwrap_or_default();
            let shared = places
                .iter()
                .filter(|p| *p != place)
                .filter_map(|p| self.devices.get(p.0)?.device.interface(&p.1))
                .fold(IntervalSet::new(), |all, i| {
                    all.union(i.connected().family(family))
                });
            let here = left.intersect(&connected.subtract(&shared));
            if here.is_empty() {
                continue;
            }
            left = left.subtract(&here);
            out.push(Part {
                product: product.with(Dim::Destination, Arc::new(here)),
                places: vec![place.clone()],
            });
        }
        if !left.is_empty() {
            out.push(Part {
                product: product.with(Dim::Destination, Arc::new(left)),
                places,
            });
        }
        out
    }

    /// Of several places that lead to the same hosts, those by which their
    /// replies would leave: the routers of the destination's subnet know one.
    fn symmetric(&self, family: Family, part: Part, only: Option<usize>) -> Vec<Part> {
        if part.places.len() < 2 || only.is_some() {
            return vec![part];
        }
        let mut out = Vec::new();
        let mut left = vec![part];
        let destinations = left
            .first()
            .map(|p| Arc::clone(p.product.get(Dim::Destination)));
        for (subnet, routers) in destinations
            .map(|set| self.subnet_places(family, &set, None))
            .unwrap_or_default()
        {
            let mut rest = Vec::new();
            for part in left {
                let to = part.product.get(Dim::Destination);
                let (inside, outside) = (to.intersect(&subnet), to.subtract(&subnet));
                if !outside.is_empty() {
                    rest.push(Part {
                        product: part.product.with(Dim::Destination, Arc::new(outside)),
                        places: part.places.clone(),
                    });
                }
                if inside.is_empty() {
                    continue;
                }
                let product = part.product.with(Dim::Destination, Arc::new(inside));
                let mut known = IntervalSet::new();
                let sources = product.get(Dim::Source);
                let exits = self.exits(family);
                for (set, by) in exits.split_from(self, family, &routers, sources) {
                    let both: Vec<Place> = part
                        .places
                        .iter()
                        .filter(|p| by.contains(p))
                        .cloned()
                        .collect();
                    if !both.is_empty() {
                        known = known.union(&set);
                        out.push(Part {
                            product: product.with(Dim::Source, Arc::new(set)),
                            places: both,
                        });
                    }
                }
                let unknown = sources.subtract(&known);
                if !unknown.is_empty() {
                    out.push(Part {
                        product: product.with(Dim::Source, Arc::new(unknown)),
                        places: part.places,
                    });
                }
            }
            left = rest;
        }
        out.extend(left);
        out
    }

    /// Where the routes of a single device lead to hosts.
    fn remote_of(
        &self,
        family: Family,
        sources: &IntervalSet,
        number: usize,
    ) -> Vec<(IntervalSet, Vec<Place>)> {
        let Some(here) = self.devices.get(number) else {
            return Vec::new();
        };
        let mut vrfs: Vec<&str> = here.device.interfaces.iter().map(|i| &*i.vrf).collect();
        vrfs.sort_unstable();
        vrfs.dedup();
        let mut parts: Vec<(IntervalSet, Vec<Place>)> = Vec::new();
        for vrf in vrfs {
            let table = here.routes_of(vrf.to_owned(), family);
            for (set, exit) in table.split(sources) {
                if let Exit::Leaves(hops) = exit {
                    let places: Vec<Place> = hops
                        .iter()
                        .map(|h| (number, Arc::clone(&h.interface)))
                        .collect();
                    add_places(&mut parts, set, &places);
                }
            }
        }
        parts
    }

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
        for (set, place) in self.declared_networks() {
            if !declared || place.0 == number {
                take(set.family(family), &place, &mut left);
            }
        }
        if declared || self.devices.len() == 1 {
            return out;
        }
        for (subnet, places) in self.subnet_places(family, &left.clone(), None) {
            if let Some(place) = places.first() {
                take(&subnet, place, &mut left);
            }
        }
        for (set, places) in self.exits(family).split(self, family, &left.clone()) {
            if let [place] = places.as_slice() {
                take(&set, place, &mut left);
            }
        }
        out
    }

    /// The hosts that topology.yaml places, with their places.
    fn declared_networks(&self) -> impl Iterator<Item = (&AddressSet, Place)> {
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

    /// Addresses that no route of the network leads to: those that are nowhere
    /// because every device knows all its routes, and the others with the
    /// interfaces where they may be.
    fn unknown_places(
        &self,
        family: Family,
        left: &IntervalSet,
        only: Option<usize>,
    ) -> (IntervalSet, Vec<(IntervalSet, Vec<Place>)>) {
        if only.is_some() || self.devices.len() == 1 {
            let all = vec![(left.clone(), self.outer_interfaces(only, &|_| true))];
            return (IntervalSet::new(), all);
        }
        let mut parts = Vec::new();
        for (number, here) in self.devices.iter().enumerate() {
            let mut unknown = IntervalSet::new();
            let mut vrfs: Vec<&str> = here.device.interfaces.iter().map(|i| &*i.vrf).collect();
            vrfs.push("");
            vrfs.sort_unstable();
            vrfs.dedup();
            for vrf in vrfs {
                for (set, exit) in here.routes_of(vrf.to_owned(), family).split(left) {
                    if *exit == Exit::Unknown {
                        unknown = unknown.union(&set);
                    }
                }
            }
            let places = self.outer_interfaces(None, &|n| n == number);
            if !unknown.is_empty() && !places.is_empty() {
                add_places(&mut parts, unknown, &places);
            }
        }
        let nowhere = parts
            .iter()
            .fold(left.clone(), |left, (set, _)| left.subtract(set));
        (nowhere, parts)
    }

    /// The interfaces by which hosts may come that no route knows: all, but
    /// those of a network that lead to another device of it.
    fn outer_interfaces(&self, only: Option<usize>, of: &dyn Fn(usize) -> bool) -> Vec<Place> {
        let all: Vec<Place> = self
            .devices
            .iter()
            .enumerate()
            .filter(|(number, _)| only.is_none_or(|o| o == *number) && of(*number))
            .flat_map(|(number, here)| {
                here.interfaces()
                    .members(here.feasible_interfaces())
                    .map(move |i| (number, Arc::clone(i)))
            })
            .collect();
        if only.is_some() || self.devices.len() < 2 {
            return all;
        }
        let outer: Vec<Place> = all
            .iter()
            .filter(|place| self.network().neighbours(self, place).is_empty())
            .cloned()
            .collect();
        if outer.is_empty() && self.devices.len() == 1 {
            all
        } else {
            outer
        }
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
}

/// Adds places to the parts of a partition that a set meets.
pub(super) fn add_places(
    parts: &mut Vec<(IntervalSet, Vec<Place>)>,
    set: IntervalSet,
    places: &[Place],
) {
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

/// Connected subnets of a family, the smaller ones first, with the interfaces
/// on them.
#[must_use]
pub fn subnet_index(side: &Side<'_>, family: Family) -> Vec<(IntervalSet, Vec<Place>)> {
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
