//! Where packets enter the network.
//!
//! A host on a connected subnet enters by the router of that subnet that
//! leads on to the destination. A host that is further away enters where the
//! routes of the whole network lead out of the snapshot towards it: packets
//! come from where they would be sent to.

use super::hosts::add_places;
use super::piece::{Passage, Piece};
use super::route_table::Exit;
use super::side::Side;
use super::topology::{Located, Place};
use crate::packet_set::product::Dim;
use crate::packet_set::{Assumed, Product, Set};
use fw_model::{Family, IntervalSet};
use std::sync::Arc;

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
        // Hosts that topology.yaml places, and those on connected subnets.
        for (set, places, declared) in self.located(family, &left, only) {
            let within = left.intersect(&set);
            if within.is_empty() {
                continue;
            }
            left = left.subtract(&within);
            let product = with(within);
            if declared {
                out.push(Part { product, places });
            } else {
                out.extend(self.routers_of_subnet(family, &product, places));
            }
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
        let mut parts: Vec<Located> = vec![((**destinations).clone(), Vec::new())];
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
    fn remote_of(&self, family: Family, sources: &IntervalSet, number: usize) -> Vec<Located> {
        let Some(here) = self.devices.get(number) else {
            return Vec::new();
        };
        let mut vrfs: Vec<&str> = here.device.interfaces.iter().map(|i| &*i.vrf).collect();
        vrfs.sort_unstable();
        vrfs.dedup();
        let mut parts: Vec<Located> = Vec::new();
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

    /// Addresses that no route of the network leads to: those that are nowhere
    /// because every device knows all its routes, and the others with the
    /// interfaces where they may be.
    fn unknown_places(
        &self,
        family: Family,
        left: &IntervalSet,
        only: Option<usize>,
    ) -> (IntervalSet, Vec<Located>) {
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
}
