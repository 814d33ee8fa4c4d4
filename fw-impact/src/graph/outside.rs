//! Packets that leave the snapshot for one of its subnets.
//!
//! What is outside is not known, but the snapshot tells how it is reached
//! from outside: where its own packets to the other end would leave.

use super::hosts::private_addresses;
use super::journey::{Disposition, Outcome, Traveller};
use super::network::Onward;
use super::piece::{Field, Passage};
use super::route_table::Hop;
use super::side::Side;
use super::topology::Place;
use crate::packet_set::product::Dim;
use fw_model::{Condition, ConditionKind, Family, IntervalSet};
use std::sync::Arc;

/// What routers outside make of packets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outside {
    /// Their destination is outside.
    Theirs,
    /// They bring them back into the network by one of these interfaces.
    In(Vec<Place>),
    /// Nothing: the only way to the destination is the one by which the
    /// packets left.
    Lost,
    /// They may know a way or not.
    Open,
}

/// A part of the packets, by source and destination, and what becomes of it.
type Part = (IntervalSet, IntervalSet, Outside);

impl Side<'_> {
    /// What becomes of packets that leave the network by `hop`.
    pub(super) fn through_the_world(
        &self,
        number: usize,
        hop: &Hop,
        traveller: Traveller,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Onward> {
        let [source, destination, ..] = traveller.piece.current;
        let parts = self.outside(
            number,
            hop,
            &traveller,
            [source, destination],
            &traveller.met(),
        );
        let mut out = Vec::new();
        for (one, outside) in self.in_parts(traveller, [source, destination], parts) {
            match outside {
                Outside::Theirs => out.push((None, one)),
                Outside::In(places) => out.extend(self.to_one_of(&places, one)),
                Outside::Lost => ended.push(one.end(Disposition::Astray)),
                Outside::Open => {
                    let (carried, lost) = self.perhaps_carried(number, hop, one);
                    ended.push(lost.end(Disposition::Astray));
                    out.push((None, carried));
                }
            }
        }
        out
    }

    /// A traveller that routers outside carry on, and one that they do not.
    pub(super) fn perhaps_carried(
        &self,
        number: usize,
        hop: &Hop,
        mut carried: Traveller,
    ) -> (Traveller, Traveller) {
        let name = self.devices.get(number).map_or("", |d| &d.device.name);
        let by = &hop.interface;
        let gateway = hop
            .gateway
            .map_or_else(String::new, |g| format!(" via {g}"));
        let literal = self.conditions.literal(&Arc::new(Condition {
            key: format!("carried on from {by}{gateway} of {name}"),
            kind: ConditionKind::Environment,
            text: format!("routers behind {by}{gateway} of {name}, which the snapshot does not hold, lead to the destination, a subnet of the snapshot"),
            span: hop.span,
        }));
        let mut lost = carried.clone();
        lost.piece.assumed = lost.piece.assumed.and(&[literal.negate()]);
        carried.piece.assumed = carried.piece.assumed.and(&[literal]);
        (carried, lost)
    }

    /// A traveller that something carries on in the place of a device that is
    /// gone, and one that nothing does.
    pub(super) fn perhaps_replaced(
        &self,
        gateway: std::net::IpAddr,
        name: &str,
        mut carried: Traveller,
    ) -> (Traveller, Traveller) {
        let literal = self.conditions.literal(&Arc::new(Condition {
            key: format!("{gateway} of {name} is replaced"),
            kind: ConditionKind::Environment,
            text: format!("{gateway}, which was {name} before the change and is no device of the snapshot after it, carries these packets on"),
            span: None,
        }));
        let mut lost = carried.clone();
        lost.piece.assumed = lost.piece.assumed.and(&[literal.negate()]);
        carried.piece.assumed = carried.piece.assumed.and(&[literal]);
        (carried, lost)
    }

    /// Splits a traveller by what becomes of its parts, whose ends are in
    /// these fields.
    pub(super) fn in_parts(
        &self,
        traveller: Traveller,
        [source, destination]: [Field; 2],
        parts: Vec<Part>,
    ) -> Vec<(Traveller, Outside)> {
        if let [(_, _, outside)] = parts.as_slice() {
            return vec![(traveller, outside.clone())];
        }
        let conditions = self.conditions;
        parts
            .into_iter()
            .filter_map(|(from, to, outside)| {
                let piece = traveller.piece.clone();
                let piece =
                    piece.restrict(Dim::Destination, destination, &Arc::new(to), conditions)?;
                let piece = piece.restrict(Dim::Source, source, &Arc::new(from), conditions)?;
                Some((traveller.with(piece), outside))
            })
            .collect()
    }

    /// What routers outside make of packets that leave by `hop`, whose ends
    /// are in these fields: a partition.
    pub(super) fn outside(
        &self,
        number: usize,
        hop: &Hop,
        traveller: &Traveller,
        [source, destination]: [Field; 2],
        met: &[Met],
    ) -> Vec<Part> {
        let family = traveller.piece.family;
        let from = (*traveller.piece.values(Dim::Source, source)).clone();
        let to = (*traveller.piece.values(Dim::Destination, destination)).clone();
        let here = self.devices.get(number).map(|d| d.device);
        let near = here
            .and_then(|d| d.interface(&hop.interface))
            .map(|i| i.connected().family(family).clone())
            .unwrap_or_default();
        // What a routing protocol knows may be a longer prefix.
        let by_default = hop.span.is_some()
            && here.is_some_and(|d| {
                !d.dynamic_routing
                    && d.routes
                        .iter()
                        .any(|r| r.span == hop.span && r.prefix.prefix_len() == 0)
            });
        let leaving = Leaving {
            family,
            place: (number, Arc::clone(&hop.interface)),
            by_default,
            met,
        };
        let mut left = to.subtract(&near);
        let mut parts = Vec::new();
        for (subnet, routers) in self.subnet_places(family, &left.clone(), None) {
            let within = left.intersect(&subnet);
            let crossed = routers
                .iter()
                .any(|r| met.iter().any(|(device, _)| *device == r.0));
            if within.is_empty() || crossed {
                continue;
            }
            left = left.subtract(&within);
            parts.extend(self.back_in(&leaving, &from, &within, &routers, true));
        }
        let private = left.intersect(private_addresses(family));
        if !private.is_empty() && self.devices.len() > 1 {
            for (set, places) in self.exits(family).split(self, family, &private) {
                if places.contains(&leaving.place) {
                    continue;
                }
                left = left.subtract(&set);
                parts.extend(self.back_in(&leaving, &from, &set, &places, false));
            }
        }
        let theirs = left.union(&to.intersect(&near));
        if !theirs.is_empty() {
            parts.push((from, theirs, Outside::Theirs));
        }
        parts
    }

    /// Packets for hosts that these routers lead to: where replies leave, they
    /// come in.
    fn back_in(
        &self,
        leaving: &Leaving<'_>,
        from: &IntervalSet,
        to: &IntervalSet,
        routers: &[Place],
        connected: bool,
    ) -> Vec<Part> {
        let exits = self.exits(leaving.family);
        let mut rest = from.clone();
        let mut parts = Vec::new();
        for (set, by) in exits.split_from(self, leaving.family, routers, from) {
            rest = rest.subtract(&set);
            let other: Vec<Place> = by.into_iter().filter(|p| *p != leaving.place).collect();
            let fresh = |p: &Place| !leaving.met.iter().any(|(device, _)| *device == p.0);
            let outside = if !connected && other.iter().any(|p| routers.contains(p)) {
                Outside::Theirs
            } else if !other.is_empty() && other.iter().all(fresh) {
                Outside::In(other)
            } else if !connected {
                Outside::Theirs
            } else if other.iter().all(|p| leaving.came_by(p)) {
                Outside::Lost
            } else {
                Outside::Open
            };
            parts.push((set, to.clone(), outside));
        }
        if !rest.is_empty() {
            // They reach the sources without leaving the network.
            let known = |p: &Place| *p == leaving.place || leaving.came_by(p);
            let outside = if !leaving.by_default {
                if connected {
                    Outside::Open
                } else {
                    Outside::Theirs
                }
            } else if !connected {
                Outside::Open
            } else if exits
                .all_from(self, leaving.family, routers)
                .iter()
                .all(known)
            {
                Outside::Lost
            } else {
                Outside::Open
            };
            parts.push((rest, to.clone(), outside));
        }
        parts
    }
}

/// A device that packets met, by position, and the interface by which they
/// came in.
type Met = (usize, Option<Passage>);

impl Traveller {
    /// The devices that the packets met.
    fn met(&self) -> Vec<Met> {
        let all = self.crossings.iter();
        all.map(|c| (c.device, c.ingress.clone())).collect()
    }

    /// The devices that their replies met.
    pub(super) fn met_back(&self) -> Vec<Met> {
        let all = self.returns.iter();
        all.map(|r| (r.device, r.ingress.clone())).collect()
    }
}

/// How packets leave the network.
struct Leaving<'t> {
    family: Family,
    place: Place,
    /// By a default route.
    by_default: bool,
    met: &'t [Met],
}

impl Leaving<'_> {
    /// True if they came into a device by this interface.
    fn came_by(&self, place: &Place) -> bool {
        self.met.iter().any(|(device, ingress)| {
            *device == place.0
                && matches!(ingress, Some(Passage::Interface(name)) if *name == place.1)
        })
    }
}
