//! The way of packets from device to device.

use super::device::{Query, Way};
use super::entry::Entry;
use super::journey::{Disposition, Outcome, Traveller};
use super::piece::{Passage, Piece, field};
use super::route_table::Hop;
use super::side::Side;
use super::topology::{Located, Place};
use crate::packet_set::condition::{Choice, End};
use crate::packet_set::product::Dim;
use crate::packet_set::{Assumed, Set};
use fw_model::IntervalSet;
use fw_model::evaluate::Journey;
use std::sync::Arc;

/// Packets that left a device: to the next one, or to where they wanted.
pub type Onward = (Option<(usize, Passage)>, Traveller);

impl Side<'_> {
    /// Entries at several places of which one is the right one: one entry a
    /// device, its interface open. What is assumed of the way already is kept.
    pub(super) fn alternatives(&self, places: &[Place], piece: &Piece) -> Vec<Entry> {
        if let [(device, interface)] = places {
            return vec![Entry {
                device: *device,
                ingress: Some(Passage::Interface(Arc::clone(interface))),
                piece: piece.clone(),
            }];
        }
        let mut groups: Vec<(usize, Choice, Set)> = Vec::new();
        for (device, _) in places {
            if groups.iter().any(|g| g.0 == *device) {
                continue;
            }
            let Some(here) = self.devices.get(*device) else {
                continue;
            };
            let interfaces = here.interfaces();
            let numbers = interfaces.numbers(|name| {
                let mut of_device = places.iter().filter(|p| p.0 == *device);
                of_device.any(|p| *p.1 == *name)
            });
            let choice = Choice::Way(End::Ingress, Arc::clone(interfaces));
            groups.push((*device, choice, Arc::new(numbers)));
        }
        let known = |choice: &Choice, numbers: &Set| {
            let (_, literal) = self.conditions.chosen(choice, numbers, &piece.assumed);
            literal.is_some()
        };
        let decided = groups.iter().any(|(_, c, numbers)| known(c, numbers));
        let several = groups.len() > 1;
        groups
            .into_iter()
            .filter(|(_, choice, numbers)| !decided || known(choice, numbers))
            .filter_map(|(device, choice, numbers)| {
                let mut piece = piece.clone();
                if several && !decided {
                    let literal = self.conditions.choice(&choice, &numbers);
                    piece.assumed = piece.assumed.and(&[literal]);
                }
                let interfaces = self.devices.get(device)?.interfaces();
                let ingress = piece.open_way(End::Ingress, interfaces, &numbers, self.conditions);
                Some(Entry {
                    device,
                    ingress: Some(ingress),
                    piece,
                })
            })
            .collect()
    }

    /// An entry as far as it is by one of these interfaces.
    #[must_use]
    pub fn entering(&self, mut entry: Entry, numbers: &Set) -> Option<Entry> {
        match &entry.ingress {
            Some(Passage::Interface(name)) => {
                let here = self.devices.get(entry.device)?;
                let number = here.interfaces().number(name);
                number.is_none_or(|n| numbers.contains(n)).then_some(entry)
            }
            open => {
                entry.piece = entry
                    .piece
                    .restrict_way(open.as_ref(), numbers, self.conditions)?;
                Some(entry)
            }
        }
    }

    /// Follows packets from where they enter to where they end, replies
    /// included.
    #[must_use]
    pub fn follow(&self, entry: Entry, only: Option<usize>, query: &Query<'_>) -> Vec<Outcome> {
        let mut ended = Vec::new();
        let mut arrived = Vec::new();
        let mut todo = vec![(entry.device, entry.ingress, Traveller::new(entry.piece))];
        while let Some((number, ingress, traveller)) = todo.pop() {
            let Some(at) = self.at(number) else { continue };
            let seen = traveller
                .crossings
                .iter()
                .any(|c| c.device == number && c.ingress == ingress);
            if seen {
                ended.push(traveller.end(Disposition::Loop));
                continue;
            }
            let crossed = at.cross(traveller, ingress, query, &mut ended);
            let mut leaving = Vec::new();
            for (traveller, way) in crossed {
                for traveller in self.turned_back(number, traveller, &way, &mut ended) {
                    leaving.push((traveller, way.clone()));
                }
            }
            for (traveller, way) in leaving {
                if only.is_some() {
                    arrived.push(traveller);
                    continue;
                }
                for (traveller, hop) in self.by_link(number, traveller, way) {
                    let Some(hop) = hop else {
                        arrived.push(traveller);
                        continue;
                    };
                    for (next, traveller) in self.onward(number, &hop, traveller, &mut ended) {
                        match next {
                            Some((device, ingress)) => {
                                let traveller = self.out_of_no_tunnel(device, traveller);
                                todo.push((device, Some(ingress), traveller));
                            }
                            None => arrived.push(traveller),
                        }
                    }
                }
            }
        }
        for traveller in arrived {
            // A translation may have turned them away from the device that
            // they are for, but they have to reach it.
            let missed = query.journey == Journey::ToDevice
                && query.target.is_some()
                && !traveller
                    .crossings
                    .iter()
                    .any(|c| Some(c.device) == query.target);
            if missed {
                ended.push(traveller.end(Disposition::NotAnswered));
            } else if query.replies {
                self.reply(traveller, only, query, &mut ended);
            } else {
                ended.push(traveller.end(Disposition::Permitted));
            }
        }
        ended
    }

    /// Separates packets that may leave by several interfaces by those that a
    /// declared link belongs to.
    fn by_link(
        &self,
        number: usize,
        traveller: Traveller,
        way: Way,
    ) -> Vec<(Traveller, Option<Hop>)> {
        let (hop, variable) = match way {
            Way::Out(hop) => (Some(hop), None),
            Way::Open(variable) => (None, Some(variable)),
            Way::Unrouted | Way::Discarded(_) => (None, None),
        };
        let (Some(variable), Some(here)) = (variable, self.devices.get(number)) else {
            return vec![(traveller, hop)];
        };
        let passage = Passage::Open(variable);
        let name = &here.device.name;
        let ends = self.snapshot.links.iter().flat_map(|(a, b)| [a, b]);
        let linked: Vec<&str> = ends
            .filter(|end| end.0 == *name)
            .map(|end| end.1.as_str())
            .collect();
        let interfaces = here.interfaces();
        let part = |wanted: &dyn Fn(&str) -> bool| {
            let numbers = Arc::new(interfaces.numbers(wanted));
            let piece = traveller.piece.clone();
            piece
                .restrict_way(Some(&passage), &numbers, self.conditions)
                .map(|piece| traveller.with(piece))
        };
        let mut out = Vec::new();
        for link in &linked {
            out.extend(part(&|name| name == *link).map(|t| {
                let hop = Hop {
                    interface: Arc::from(*link),
                    gateway: None,
                    span: None,
                };
                (t, Some(hop))
            }));
        }
        out.extend(part(&|name| !linked.contains(&name)).map(|t| (t, None)));
        out
    }

    /// Packets from another device of the snapshot came out of a tunnel only
    /// if they were sent into it.
    fn out_of_no_tunnel(&self, device: usize, mut traveller: Traveller) -> Traveller {
        if traveller.crossings.last().is_some_and(|c| c.tunneled) {
            return traveller;
        }
        let tunnels = self
            .devices
            .get(device)
            .map_or(&[][..], |d| d.device.tunnels.as_slice());
        for condition in tunnels.iter().filter_map(|t| t.decrypted.as_ref()) {
            let literal = self.conditions.literal(condition);
            let assumed = traveller.piece.assumed.without(literal);
            traveller.piece.assumed = assumed.and(&[literal.negate()]);
        }
        traveller
    }

    /// What is assumed of packets, less what only says that they came out of
    /// a tunnel: they need not on another way.
    #[must_use]
    pub fn without_tunnels(&self, assumed: &Assumed) -> Assumed {
        let mut out = assumed.clone();
        for here in &self.devices {
            for condition in here
                .device
                .tunnels
                .iter()
                .filter_map(|t| t.decrypted.as_ref())
            {
                let literal = self.conditions.literal(condition);
                out = out.without(literal).without(literal.negate());
            }
        }
        out
    }

    /// Where packets go that leave `number` by `hop`: into a tunnel, to the
    /// gateway's owner, to a device on the segment that answers for their
    /// destination, or to hosts.
    fn onward(
        &self,
        number: usize,
        hop: &Hop,
        traveller: Traveller,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Onward> {
        let mut out = Vec::new();
        for plain in self.by_tunnels(number, hop, traveller, &mut out, ended) {
            for (next, traveller) in self.over_segment(number, hop, plain, ended) {
                match next {
                    None => out.extend(self.through_the_world(number, hop, traveller, ended)),
                    next => out.push((next, traveller)),
                }
            }
        }
        out
    }

    fn over_segment(
        &self,
        number: usize,
        hop: &Hop,
        traveller: Traveller,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Onward> {
        let network = self.network();
        let place: Place = (number, Arc::clone(&hop.interface));
        if let Some(gateway) = hop.gateway {
            let next = network.next(self, number, hop);
            if next.is_empty() && self.is_dead(gateway) {
                ended.push(traveller.end(Disposition::NotAnswered));
                return Vec::new();
            }
            let Some(name) = self.gone(gateway).filter(|_| next.is_empty()) else {
                return self.to_one_of(&next, traveller);
            };
            let (carried, lost) = self.perhaps_replaced(gateway, name, traveller);
            ended.push(lost.end(Disposition::NotAnswered));
            return vec![(None, carried)];
        }
        let neighbours = network.neighbours(self, &place);
        let family = traveller.piece.family;
        let destination = field(&traveller.piece.current, Dim::Destination);
        let values = traveller.piece.values(Dim::Destination, destination);
        let connected = self
            .devices
            .get(number)
            .and_then(|d| d.device.interface(&hop.interface))
            .map(|i| i.connected().family(family).clone())
            .unwrap_or_default();
        let mut out = Vec::new();
        let mut part = |set: IntervalSet, to: &[Place]| {
            if set.is_empty() {
                return;
            }
            let piece = traveller.piece.clone().restrict(
                Dim::Destination,
                destination,
                &Arc::new(set),
                self.conditions,
            );
            if let Some(piece) = piece {
                out.extend(self.to_one_of(to, traveller.with(piece)));
            }
        };
        let mut left = (*values).clone();
        // Neighbours answer for their own addresses, then for those that they
        // translate. Twins on one segment answer both.
        for claims in [false, true] {
            let mut answering: Vec<Located> = Vec::new();
            for neighbour in &neighbours {
                let set = if claims {
                    let claimed = network.claims(self, neighbour);
                    left.intersect(claimed.family(family))
                } else {
                    self.addresses_at(neighbour, family).intersect(&left)
                };
                if !set.is_empty() {
                    super::hosts::add_places(&mut answering, set, std::slice::from_ref(neighbour));
                }
            }
            for (set, places) in answering {
                left = left.subtract(&set);
                part(set, &places);
            }
        }
        // What a device translates, on this side or the other, is no host.
        let hosts = left.intersect(&connected);
        let nobody = hosts.intersect(self.ghosts(family));
        let beyond = left.subtract(&connected);
        part(hosts.subtract(&nobody), &[]);
        if !nobody.is_empty() {
            let piece = traveller.piece.clone().restrict(
                Dim::Destination,
                destination,
                &Arc::new(nobody),
                self.conditions,
            );
            ended.extend(piece.map(|p| traveller.with(p).end(Disposition::NotAnswered)));
        }
        if beyond.is_empty() {
            return out;
        }
        // A route out of an interface without a gateway: the neighbour that
        // does not send the packets back.
        let next = network.next(self, number, hop);
        let mut parts: Vec<Located> = Vec::new();
        let destinations = Arc::new(beyond.clone());
        for neighbour in &next {
            let good = self.leads_on(family, &destinations, neighbour);
            if !good.is_empty() {
                super::hosts::add_places(&mut parts, good, std::slice::from_ref(neighbour));
            }
        }
        let mut rest = beyond;
        for (set, places) in parts {
            rest = rest.subtract(&set);
            part(set, &places);
        }
        match next.as_slice() {
            // There is nobody else to hand them to.
            [only] if network.is_point_to_point(&place) => {
                part(rest, std::slice::from_ref(only));
            }
            _ => part(rest, &[]),
        }
        out
    }

    /// The addresses of an interface.
    pub(super) fn addresses_at(
        &self,
        (number, interface): &Place,
        family: fw_model::Family,
    ) -> IntervalSet {
        self.devices
            .get(*number)
            .and_then(|d| d.device.interface(interface))
            .map(|i| {
                i.addresses
                    .iter()
                    .filter(|net| fw_model::Family::of(net.addr()) == family)
                    .map(|net| {
                        let value = fw_model::address::bits(net.addr());
                        (value, value)
                    })
                    .collect()
            })
            .unwrap_or_default()
    }

    /// One way to each place, each under the assumption that it is the one
    /// where there are several; to hosts where there is none.
    pub(super) fn to_one_of(&self, places: &[Place], traveller: Traveller) -> Vec<Onward> {
        if places.is_empty() {
            return vec![(None, traveller)];
        }
        self.alternatives(places, &traveller.piece)
            .into_iter()
            .filter_map(|entry| {
                let next = (entry.device, entry.ingress?);
                Some((Some(next), traveller.with(entry.piece)))
            })
            .collect()
    }
}
