//! The way of packets from device to device.

use super::device::Query;
use super::entry::Entry;
use super::journey::{Disposition, Outcome, Traveller};
use super::route_table::Hop;
use super::side::Side;
use super::topology::{FarEnd, Place};
use crate::packet_set::Assumed;
use crate::packet_set::condition::End;
use crate::packet_set::product::Dim;
use fw_model::IntervalSet;
use fw_model::evaluate::Journey;
use std::sync::Arc;

/// Packets that left a device: to the next one, or to where they wanted.
pub type Onward = (Option<Place>, Traveller);

impl Side<'_> {
    pub(super) fn alternatives(
        &self,
        places: &[(usize, Arc<str>)],
        assumed: &Assumed,
        enter: impl Fn(usize, Arc<str>, &Assumed) -> Entry,
    ) -> Vec<Entry> {
        if let [(device, interface)] = places {
            return vec![enter(*device, Arc::clone(interface), assumed)];
        }
        let name = |device: usize| {
            self.devices
                .get(device)
                .map_or("", |d| d.device.name.as_str())
        };
        let taken = places.iter().find_map(|(device, interface)| {
            let way = self
                .conditions
                .way_taken(End::Ingress, name(*device), assumed)?;
            // On a device whose interfaces are not listed, the other side may
            // know more of them.
            let listed = self
                .devices
                .get(*device)
                .is_some_and(|d| d.device.interfaces_complete);
            (way == *interface || !listed).then_some((*device, way))
        });
        if let Some((device, interface)) = taken {
            return vec![enter(device, interface, assumed)];
        }
        places
            .iter()
            .map(|(device, interface)| {
                let literal = self.conditions.way(End::Ingress, name(*device), interface);
                let under = assumed.and(&[literal]);
                enter(*device, Arc::clone(interface), &under)
            })
            .collect()
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
            for (traveller, hop) in at.cross(traveller, ingress, query, &mut ended) {
                let Some(hop) = hop.filter(|_| only.is_none()) else {
                    arrived.push(traveller);
                    continue;
                };
                for (next, traveller) in self.onward(number, &hop, traveller, &mut ended) {
                    match next {
                        Some((device, ingress)) => todo.push((device, Some(ingress), traveller)),
                        None => arrived.push(traveller),
                    }
                }
            }
        }
        for traveller in arrived {
            let missed = query.journey == Journey::ToDevice
                && query.target.is_some()
                && !traveller.crossings.last().is_some_and(|c| c.local);
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
        for plain in self.into_tunnels(number, hop, traveller, &mut out, ended) {
            out.extend(self.over_segment(number, hop, plain, ended));
        }
        out
    }

    /// Separates packets that take a tunnel; the others come back.
    fn into_tunnels(
        &self,
        number: usize,
        hop: &Hop,
        traveller: Traveller,
        out: &mut Vec<Onward>,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Traveller> {
        let Some(at) = self.at(number) else {
            return vec![traveller];
        };
        let mut plain = vec![traveller];
        for tunnel in &at.here.device.tunnels {
            if *tunnel.interface != *hop.interface {
                continue;
            }
            let end = self.network().far_end(self, number, tunnel);
            let place = (number, Arc::clone(&hop.interface));
            if tunnel.takes.is_none() && self.network().is_linked(&place) {
                // It is a link like any other.
                continue;
            }
            let mut rest = Vec::new();
            for one in plain {
                let (taken, left) = at.split_by(one, tunnel.takes.as_ref(), hop);
                rest.extend(left);
                for mut one in taken {
                    match &end {
                        FarEnd::Device((device, interface), back) => {
                            if let Some(condition) = &back.decrypted {
                                let literal = self.conditions.literal(condition);
                                one.piece.assumed = one.piece.assumed.and(&[literal]);
                            }
                            if let Some(crossing) = one.crossings.last_mut() {
                                crossing.tunneled = true;
                            }
                            out.push((Some((*device, Arc::clone(interface))), one));
                        }
                        FarEnd::Unknown => {
                            let literal = self.conditions.literal(&at.carried(tunnel));
                            let mut lost = one.clone();
                            lost.piece.assumed = lost.piece.assumed.and(&[literal.negate()]);
                            ended.push(lost.end(Disposition::Denied));
                            one.piece.assumed = one.piece.assumed.and(&[literal]);
                            out.push((None, one));
                        }
                    }
                }
            }
            plain = rest;
        }
        plain
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
        if hop.gateway.is_some() {
            return self.to_one_of(&network.next(self, number, hop), traveller);
        }
        let neighbours = network.neighbours(self, &place);
        if neighbours.is_empty() {
            return vec![(None, traveller)];
        }
        let family = traveller.piece.family;
        let destination = traveller.piece.current[1];
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
            let mut answering: Vec<(IntervalSet, Vec<Place>)> = Vec::new();
            for neighbour in &neighbours {
                let set = if claims {
                    let claimed = network.claims(self, neighbour);
                    left.intersect(claimed.family(family))
                } else {
                    self.addresses_at(neighbour, family).intersect(&left)
                };
                if !set.is_empty() {
                    super::entry::add_places(&mut answering, set, std::slice::from_ref(neighbour));
                }
            }
            for (set, places) in answering {
                left = left.subtract(&set);
                part(set, &places);
            }
        }
        // What a device translates on the other side is no host here.
        let hosts = left.intersect(&connected);
        let mine = network.claims(self, &place);
        let nobody = hosts
            .intersect(self.ghosts(family))
            .subtract(mine.family(family));
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
        let mut parts: Vec<(IntervalSet, Vec<Place>)> = Vec::new();
        let destinations = Arc::new(beyond.clone());
        for neighbour in &next {
            let good = self.leads_on(family, &destinations, neighbour);
            if !good.is_empty() {
                super::entry::add_places(&mut parts, good, std::slice::from_ref(neighbour));
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
    fn to_one_of(&self, places: &[Place], traveller: Traveller) -> Vec<Onward> {
        match places {
            [] => vec![(None, traveller)],
            [only] => vec![(Some(only.clone()), traveller)],
            _ => {
                let assumed = traveller.piece.assumed.clone();
                self.alternatives(places, &assumed, |device, ingress, assumed| {
                    let mut piece = traveller.piece.clone();
                    piece.assumed = assumed.clone();
                    Entry {
                        device,
                        ingress: Some(ingress),
                        piece,
                    }
                })
                .into_iter()
                .filter_map(|entry| {
                    let ingress = entry.ingress?;
                    Some((Some((entry.device, ingress)), traveller.with(entry.piece)))
                })
                .collect()
            }
        }
    }
}
