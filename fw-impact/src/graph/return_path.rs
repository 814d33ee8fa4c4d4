//! The way back through the network: replies of arrived packets.
//!
//! Replies follow the routes of the devices that they meet, so they may come
//! back another way. A device that keeps track of connections has to see both
//! directions; one that does not judges replies as packets of their own.
//! Within one device, and outside the snapshot, replies come in where the
//! packets left.

use super::device::Query;
use super::journey::{Crossing, Disposition, Outcome, Return, Traveller};
use super::outside::Outside;
use super::piece::{Field, Passage, field};
use super::route_table::Hop;
use super::side::Side;
use super::topology::Place;
use super::way_back::Hopping;
use crate::packet_set::product::Dim;
use fw_model::{Condition, ConditionKind};
use std::sync::Arc;

/// A reply on its way.
pub(super) struct Reply {
    pub(super) traveller: Traveller,
    /// The device that it comes to, and by which interface.
    pub(super) device: usize,
    pub(super) ingress: Option<Passage>,
    /// The crossings that it has passed, by position in the record.
    pub(super) passed: Vec<usize>,
}

impl Reply {
    /// The last crossing that it passed.
    pub(super) fn last(&self) -> Option<&Crossing> {
        self.passed
            .last()
            .and_then(|&at| self.traveller.crossings.get(at))
    }
}

impl Side<'_> {
    /// Takes the replies of an arrived traveller back to where it came from.
    /// What gets lost on the way is denied.
    pub fn reply(
        &self,
        traveller: Traveller,
        only: Option<usize>,
        query: &Query<'_>,
        ended: &mut Vec<Outcome>,
    ) {
        let Some(crossing) = traveller.crossings.last() else {
            ended.push(traveller.end(Disposition::Permitted));
            return;
        };
        let mut todo = vec![Reply {
            device: crossing.device,
            ingress: crossing.egress.clone().filter(|_| !crossing.local),
            passed: Vec::new(),
            traveller,
        }];
        while let Some(reply) = todo.pop() {
            let known = reply
                .traveller
                .returns
                .iter()
                .any(|r| r.device == reply.device && r.ingress == reply.ingress);
            if known {
                ended.push(reply.traveller.end(Disposition::Loop));
                continue;
            }
            self.step_back(reply, only, query, &mut todo, ended);
        }
    }

    fn step_back(
        &self,
        reply: Reply,
        only: Option<usize>,
        query: &Query<'_>,
        todo: &mut Vec<Reply>,
        ended: &mut Vec<Outcome>,
    ) {
        let crossings = &reply.traveller.crossings;
        let here = (0..crossings.len())
            .rev()
            .filter(|at| !reply.passed.contains(at))
            .find(|&at| crossings.get(at).is_some_and(|c| c.device == reply.device));
        // A translation that is not undone yet: the connection that is known
        // here is another one.
        let translated = here.is_some_and(|at| {
            (at + 1..crossings.len()).any(|later| {
                !reply.passed.contains(&later)
                    && crossings
                        .get(later)
                        .is_some_and(|c| c.original != c.translated)
            })
        });
        let recognized = here
            .and_then(|at| crossings.get(at))
            .is_none_or(|crossing| self.is_recognized(&reply, crossing));
        match here {
            Some(at) if !translated && recognized => {
                self.back_through(reply, at, only, query, todo, ended)
            }
            _ => self.back_past(reply, query, todo, ended),
        }
    }

    /// True if a hop's gateway is an address that nobody has.
    pub(super) fn leads_to_nobody(&self, number: usize, hop: &Hop) -> bool {
        hop.gateway.is_some_and(|gateway| self.is_dead(gateway))
            && self.network().next(self, number, hop).is_empty()
    }

    /// False if a device that knows the connection does not take the reply
    /// for its own, since it comes in by another interface.
    fn is_recognized(&self, reply: &Reply, crossing: &Crossing) -> bool {
        let device = self.devices.get(crossing.device).map(|d| d.device);
        match (&reply.ingress, &crossing.egress, device) {
            (Some(Passage::Interface(came)), Some(Passage::Interface(left)), Some(device)) => {
                crossing.local || device.recognizes(left, came)
            }
            _ => true,
        }
    }

    /// Back through a device that knows the connection.
    fn back_through(
        &self,
        reply: Reply,
        number: usize,
        only: Option<usize>,
        query: &Query<'_>,
        todo: &mut Vec<Reply>,
        ended: &mut Vec<Outcome>,
    ) {
        let Some((at, crossing)) = self
            .at(reply.device)
            .zip(reply.traveller.crossings.get(number).cloned())
        else {
            return;
        };
        for (mut traveller, hop) in self.way_back(&reply, number, &crossing, only) {
            let egress = match &hop {
                Hopping::By(hop) if self.leads_to_nobody(reply.device, hop) => None,
                Hopping::By(hop) => Some(Passage::Interface(Arc::clone(&hop.interface))),
                Hopping::AsItCame => crossing.ingress.clone(),
                Hopping::Into(_) | Hopping::Nowhere | Hopping::Refused(_) => None,
            };
            if egress.is_none() && !matches!(hop, Hopping::AsItCame) {
                let end = match &hop {
                    Hopping::Into(span) => Disposition::Discarded(*span),
                    Hopping::Refused(_) => Disposition::OneSided(reply.device),
                    Hopping::By(_) => Disposition::NotAnswered,
                    Hopping::Nowhere | Hopping::AsItCame => Disposition::Unrouted,
                };
                traveller.returns.push(Return {
                    device: reply.device,
                    ingress: reply.ingress.clone(),
                    egress: hop
                        .hop()
                        .map(|h| Passage::Interface(Arc::clone(&h.interface))),
                    route: hop.route(),
                    gateway: hop.hop().and_then(|h| h.gateway),
                });
                ended.push(traveller.end(end));
                continue;
            }
            traveller.returns.push(Return {
                device: reply.device,
                ingress: reply.ingress.clone(),
                egress: egress.clone(),
                route: hop.hop().and_then(|h| h.span),
                gateway: hop.hop().and_then(|h| h.gateway),
            });
            let came = reply.ingress.as_ref().or(crossing.egress.as_ref());
            let ways = [came, egress.as_ref()];
            let passed = at.reply(traveller, &crossing, ways, query, ended);
            for traveller in passed {
                let mut next = Reply {
                    traveller,
                    device: reply.device,
                    ingress: None,
                    passed: reply.passed.clone(),
                };
                next.passed.push(number);
                if number == 0 && only.is_some() || crossing.ingress.is_none() {
                    self.come_back(next, query, ended);
                    continue;
                }
                // What came out of a tunnel goes back into it.
                let tunneled = number
                    .checked_sub(1)
                    .and_then(|n| next.traveller.crossings.get(n))
                    .is_some_and(|c| c.tunneled);
                let places = match &hop {
                    Hopping::By(hop) if !tunneled => self.next_back(&next, hop),
                    _ => None,
                };
                let next = match (&places, hop.hop()) {
                    // By another interface than the one by which the packets
                    // that they answer came in.
                    (Some(places), Some(hop))
                        if places.is_empty()
                            && number > 0
                            && egress.as_ref() != crossing.ingress.as_ref() =>
                    {
                        let ends = [Dim::Destination, Dim::Source];
                        let ends = ends.map(|dim| field(&crossing.original, dim));
                        self.elsewhere(next, hop, ends, todo, ended)
                    }
                    _ => vec![next],
                };
                for next in next {
                    self.onwards_back(next, number, &hop, places.clone(), query, todo, ended);
                }
            }
        }
    }

    /// Replies that leave the network by `hop`, their ends in these fields:
    /// those that routers outside may carry back. One that goes out of the
    /// network to a client that is on a subnet of it is lost.
    pub(super) fn elsewhere(
        &self,
        reply: Reply,
        hop: &Hop,
        ends: [Field; 2],
        todo: &mut Vec<Reply>,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Reply> {
        let met = reply.traveller.met_back();
        let parts = self.outside(reply.device, hop, &reply.traveller, ends, &met);
        let with = |traveller: Traveller| Reply {
            traveller,
            device: reply.device,
            ingress: reply.ingress.clone(),
            passed: reply.passed.clone(),
        };
        let mut out = Vec::new();
        for (one, outside) in self.in_parts(reply.traveller.clone(), ends, parts) {
            match outside {
                Outside::Theirs => out.push(with(one)),
                Outside::In(places) => self.spread(with(one), &places, todo),
                Outside::Lost => ended.push(one.end(Disposition::Astray)),
                Outside::Open => {
                    let (carried, lost) = self.perhaps_carried(reply.device, hop, one);
                    ended.push(lost.end(Disposition::Astray));
                    out.push(with(carried));
                }
            }
        }
        out
    }

    /// A reply that passed a device that knows it, to the next one.
    #[allow(clippy::too_many_arguments)]
    fn onwards_back(
        &self,
        mut next: Reply,
        number: usize,
        hop: &Hopping,
        places: Option<Vec<Place>>,
        query: &Query<'_>,
        todo: &mut Vec<Reply>,
        ended: &mut Vec<Outcome>,
    ) {
        match (places, number.checked_sub(1)) {
            (Some(places), _) if !places.is_empty() => {
                self.spread(next, &places, todo);
            }
            // The hop that the routes tell is the segment of the
            // client, or leads out of the snapshot.
            (_, None) => self.come_back(next, query, ended),
            (Some(_), Some(_)) if hop.hop().is_some_and(|h| h.gateway.is_none()) => {
                self.come_back(next, query, ended);
            }
            // Routers outside carry it back as they carried the
            // packet that it answers.
            (_, Some(before)) => {
                let last = next.traveller.crossings.get(before);
                if let Some((device, ingress)) = last.map(|c| (c.device, c.egress.clone())) {
                    next.device = device;
                    next.ingress = ingress;
                    todo.push(next);
                }
            }
        }
    }

    /// The next devices of a reply that leaves by a hop; none if the client is
    /// on that segment, or the hop leads out of the snapshot. `None`: not to
    /// be told, so the way it came.
    fn next_back(&self, reply: &Reply, hop: &Hop) -> Option<Vec<Place>> {
        let number = *reply.passed.last()?;
        let crossing = reply.traveller.crossings.get(number)?;
        let network = self.network();
        // The device before this one, if it is on the segment: it is the one
        // that asked for the reply.
        let before = number
            .checked_sub(1)
            .and_then(|n| reply.traveller.crossings.get(n));
        let place = (crossing.device, Arc::clone(&hop.interface));
        let next = network.next(self, crossing.device, hop);
        if let Some(before) = before {
            let Some(Passage::Interface(interface)) = &before.egress else {
                return None;
            };
            let asked = (before.device, Arc::clone(interface));
            if next.contains(&asked) {
                return Some(vec![asked]);
            }
            let client = field(&crossing.original, Dim::Source);
            let family = reply.traveller.piece.family;
            let values = reply.traveller.piece.values(Dim::Source, client);
            let answers = network.claims(self, &asked);
            let own = self.devices.get(before.device).map(|d| d.own(family));
            let near = network.neighbours(self, &place).contains(&asked);
            // A translated source is an address of the device before, or one
            // that it answers for.
            if hop.gateway.is_none()
                && near
                && (own.is_some_and(|own| own.covers(&values))
                    || answers.family(family).covers(&values)
                    || before.original != before.translated)
            {
                return Some(vec![asked]);
            }
        } else if hop.gateway.is_none() {
            // The client is a host on this segment.
            let connected = self
                .devices
                .get(crossing.device)
                .and_then(|d| d.device.interface(&hop.interface))
                .map(fw_model::Interface::connected)
                .unwrap_or_default();
            let client = field(&crossing.original, Dim::Source);
            let family = reply.traveller.piece.family;
            let values = reply.traveller.piece.values(Dim::Source, client);
            if connected.family(family).covers(&values) {
                return Some(Vec::new());
            }
        }
        if hop.gateway.is_none() && !network.is_point_to_point(&place) && before.is_some() {
            return None;
        }
        Some(next)
    }

    pub(super) fn spread(&self, reply: Reply, places: &[Place], todo: &mut Vec<Reply>) {
        let single = places.len() == 1;
        for (device, ingress) in places {
            let mut traveller = reply.traveller.clone();
            if !single {
                let name = self.devices.get(*device).map_or("", |d| &d.device.name);
                let text = format!("replies come to {name} by {ingress}");
                let literal = self.conditions.literal(&Arc::new(Condition {
                    key: text.clone(),
                    kind: ConditionKind::Path,
                    text,
                    span: None,
                }));
                traveller.piece.assumed = traveller.piece.assumed.and(&[literal]);
            }
            todo.push(Reply {
                traveller,
                device: *device,
                ingress: Some(Passage::Interface(Arc::clone(ingress))),
                passed: reply.passed.clone(),
            });
        }
    }
}
