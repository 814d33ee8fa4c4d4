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
use super::route_table::{Exit, Hop};
use super::side::{DeviceSide, Side};
use super::topology::Place;
use crate::packet_set::product::Dim;
use fw_model::{Condition, ConditionKind, Connections, IntervalSet};
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

    /// By which interface replies leave a device that knows the connection:
    /// as the routes say; the way that they came if they say nothing, and on
    /// a single device.
    fn way_back(
        &self,
        reply: &Reply,
        number: usize,
        crossing: &Crossing,
        only: Option<usize>,
    ) -> Vec<(Traveller, Hopping)> {
        let traveller = &reply.traveller;
        // Where nothing tells by which interface packets came in, nothing
        // tells either whether replies leave by another one.
        let Some(here) = self.devices.get(crossing.device) else {
            return Vec::new();
        };
        let came = match &crossing.ingress {
            Some(Passage::Interface(came)) => came,
            Some(Passage::Open(_)) => return self.open_way_back(reply, crossing, here),
            // The device itself asked.
            None => return vec![(traveller.clone(), Hopping::AsItCame)],
        };
        let client = field(&crossing.original, Dim::Source);
        let values = traveller.piece.values(Dim::Source, client);
        let back_by = match &reply.ingress {
            Some(Passage::Interface(name)) => name,
            _ => came,
        };
        let table = here.routes(Some(back_by), traveller.piece.family);
        let alone = only.is_some() || self.devices.len() == 1;
        let mut out = Vec::new();
        for (set, exit) in table.split(&values) {
            let piece = traveller.piece.clone().restrict(
                Dim::Source,
                client,
                &Arc::new(set),
                self.conditions,
            );
            let Some(part) = piece.map(|piece| traveller.with(piece)) else {
                continue;
            };
            match exit {
                Exit::Discarded(span) => out.push((part, Hopping::Into(*span))),
                // Where hosts behind the first device are is known otherwise.
                Exit::Unrouted if number > 0 => out.push((part, Hopping::Nowhere)),
                Exit::Unrouted | Exit::Unknown => out.push((part, Hopping::AsItCame)),
                Exit::Leaves(hops) => {
                    if let Some(hop) = hops.iter().find(|h| h.interface == *came) {
                        out.push((part, Hopping::By(hop.clone())));
                        continue;
                    }
                    let network = self.network();
                    let through = |hop: &Hop| !network.next(self, crossing.device, hop).is_empty();
                    // Outside the snapshot the way is not known: they come
                    // back where they left.
                    if alone || number == 0 && !hops.iter().any(through) {
                        out.push((part, Hopping::AsItCame));
                        continue;
                    }
                    out.extend(self.by_own_ways(part, client, came, here, hops));
                }
            }
        }
        out
    }

    /// Ways of replies whose best routes, `hops`, lead out of other interfaces
    /// than the one by which the packets that they answer `came` in.
    fn by_own_ways(
        &self,
        traveller: Traveller,
        client: Field,
        came: &str,
        here: &DeviceSide<'_>,
        hops: &[Hop],
    ) -> Vec<(Traveller, Hopping)> {
        let name = &here.device.name;
        let beside: Vec<Hop> = hops
            .iter()
            .filter(|hop| here.device.recognizes(came, &hop.interface))
            .cloned()
            .collect();
        if !beside.is_empty() {
            return self.one_of(traveller, name, &beside);
        }
        let refused = |traveller| {
            let hop = hops.first().cloned();
            hop.map(|hop| (traveller, Hopping::Refused(hop)))
        };
        if here.device.connections != Connections::Interface {
            return refused(traveller).into_iter().collect();
        }
        let table = here.routes_beside(came, traveller.piece.family);
        let values = traveller.piece.values(Dim::Source, client);
        let mut out = Vec::new();
        for (set, exit) in table.split(&values) {
            let piece = traveller.piece.clone();
            let piece = piece.restrict(Dim::Source, client, &Arc::new(set), self.conditions);
            let Some(part) = piece.map(|piece| traveller.with(piece)) else {
                continue;
            };
            match exit {
                Exit::Leaves(hops) => out.extend(self.one_of(part, name, hops)),
                Exit::Discarded(span) => out.push((part, Hopping::Into(*span))),
                Exit::Unrouted | Exit::Unknown => out.extend(refused(part)),
            }
        }
        out
    }

    /// Where nothing tells by which interface packets came in, replies leave
    /// the way that they came, unless a route drops them.
    fn open_way_back(
        &self,
        reply: &Reply,
        crossing: &Crossing,
        here: &DeviceSide<'_>,
    ) -> Vec<(Traveller, Hopping)> {
        let traveller = &reply.traveller;
        let names = [&reply.ingress, &crossing.ingress]
            .into_iter()
            .flatten()
            .flat_map(|passage| traveller.piece.interfaces(passage))
            .next();
        let table = here.routes(names.as_deref(), traveller.piece.family);
        let dropped = table.iter().filter_map(|(set, exit)| match exit {
            Exit::Discarded(span) => Some((set, *span)),
            _ => None,
        });
        let client = field(&crossing.original, Dim::Source);
        let mut left = (*traveller.piece.values(Dim::Source, client)).clone();
        let part = |set: IntervalSet| {
            let piece = traveller.piece.clone();
            let piece = piece.restrict(Dim::Source, client, &Arc::new(set), self.conditions)?;
            Some(traveller.with(piece))
        };
        let mut out = Vec::new();
        for (set, span) in dropped {
            let within = left.intersect(set);
            if !within.is_empty() {
                left = left.subtract(&within);
                out.extend(part(within).map(|one| (one, Hopping::Into(span))));
            }
        }
        if out.is_empty() {
            return vec![(traveller.clone(), Hopping::AsItCame)];
        }
        if !left.is_empty() {
            out.extend(part(left).map(|one| (one, Hopping::AsItCame)));
        }
        out
    }

    /// Each of several hops, under the assumption that replies take it.
    pub(super) fn one_of(
        &self,
        traveller: Traveller,
        device: &str,
        hops: &[Hop],
    ) -> Vec<(Traveller, Hopping)> {
        if let [only] = hops {
            return vec![(traveller, Hopping::By(only.clone()))];
        }
        hops.iter()
            .map(|hop| {
                let text = format!("{device} sends replies out of {}", hop.interface);
                let literal = self.conditions.literal(&Arc::new(Condition {
                    key: text.clone(),
                    kind: ConditionKind::Path,
                    text,
                    span: hop.span,
                }));
                let mut one = traveller.clone();
                one.piece.assumed = one.piece.assumed.and(&[literal]);
                (one, Hopping::By(hop.clone()))
            })
            .collect()
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

/// How a reply leaves.
pub(super) enum Hopping {
    /// As a route says.
    By(Hop),
    /// By the interface by which the packet that it answers came in.
    AsItCame,
    /// Not at all: a route drops it.
    Into(Option<fw_model::Span>),
    /// Not at all: no route knows the client.
    Nowhere,
    /// Not at all: its route leads to where the connection is not.
    Refused(Hop),
}

impl Hopping {
    /// The route's hop.
    const fn hop(&self) -> Option<&Hop> {
        match self {
            Self::By(hop) | Self::Refused(hop) => Some(hop),
            _ => None,
        }
    }

    /// The route's line.
    fn route(&self) -> Option<fw_model::Span> {
        match self {
            Self::Into(span) => *span,
            _ => self.hop().and_then(|h| h.span),
        }
    }
}
