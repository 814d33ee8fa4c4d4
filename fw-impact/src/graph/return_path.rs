//! The way back through the network: replies of arrived packets.
//!
//! Replies follow the routes of the devices that they meet, so they may come
//! back another way. A device that keeps track of connections has to see both
//! directions; one that does not judges replies as packets of their own.
//! Within one device, and outside the snapshot, replies come in where the
//! packets left.

use super::device::{Inside, Query, Situation, Way, split_protocols};
use super::journey::{Crossing, Disposition, Outcome, Return, Traveller};
use super::piece::{Fields, Passage, field};
use super::route_table::{Exit, Hop};
use super::side::Side;
use super::topology::Place;
use crate::packet_set::decompose::Marks;
use crate::packet_set::product::Dim;
use fw_model::packet::{ConnectionState, tcp_flags};
use fw_model::service::TCP;
use fw_model::{Condition, ConditionKind, Device, TreatmentKind};
use std::sync::Arc;

/// A reply on its way.
struct Reply {
    traveller: Traveller,
    /// The device that it comes to, and by which interface.
    device: usize,
    ingress: Option<Passage>,
    /// The crossings that it has passed, by position in the record.
    passed: Vec<usize>,
}

impl Reply {
    /// The last crossing that it passed.
    fn last(&self) -> Option<&Crossing> {
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
        match here {
            Some(at) if !translated => self.back_through(reply, at, only, query, todo, ended),
            _ => self.back_past(reply, query, todo, ended),
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
                Hopping::By(hop) => Some(Passage::Interface(Arc::clone(&hop.interface))),
                Hopping::AsItCame => crossing.ingress.clone(),
                Hopping::Into(span) => {
                    traveller.returns.push(Return {
                        device: reply.device,
                        ingress: reply.ingress.clone(),
                        egress: None,
                        route: *span,
                        gateway: None,
                    });
                    ended.push(traveller.end(Disposition::Discarded(*span)));
                    continue;
                }
            };
            traveller.returns.push(Return {
                device: reply.device,
                ingress: reply.ingress.clone(),
                egress: egress.clone(),
                route: hop.hop().and_then(|h| h.span),
                gateway: hop.hop().and_then(|h| h.gateway),
            });
            let passed = at.reply(traveller, &crossing, egress.as_ref(), query, ended);
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
                        if let Some((device, ingress)) = last.map(|c| (c.device, c.egress.clone()))
                        {
                            next.device = device;
                            next.ingress = ingress;
                            todo.push(next);
                        }
                    }
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
        let Some(Passage::Interface(came)) = &crossing.ingress else {
            return vec![(traveller.clone(), Hopping::AsItCame)];
        };
        let Some(here) = self.devices.get(crossing.device) else {
            return Vec::new();
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
                    out.extend(self.one_of(part, &here.device.name, hops));
                }
            }
        }
        out
    }

    /// Each of several hops, under the assumption that replies take it.
    fn one_of(
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

    fn spread(&self, reply: Reply, places: &[Place], todo: &mut Vec<Reply>) {
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

    /// Through a device that the first packet did not cross.
    fn back_past(
        &self,
        reply: Reply,
        query: &Query<'_>,
        todo: &mut Vec<Reply>,
        ended: &mut Vec<Outcome>,
    ) {
        let Some(at) = self.at(reply.device) else {
            return;
        };
        let device = at.here.device;
        let Some(sent) = reply
            .last()
            .or_else(|| reply.traveller.crossings.last())
            .cloned()
        else {
            return;
        };
        let undone = !reply.passed.is_empty();
        let (automatic, judged) =
            at.split_automatic(reply.traveller, &sent, &device.automatic_replies);
        let service = field(&sent.translated, Dim::Service);
        let mut parts = Vec::new();
        for (traveller, tracked) in automatic
            .into_iter()
            .map(|t| (t, !bypasses_state(device)))
            .chain(judged.into_iter().map(|t| (t, false)))
        {
            for (protocol, piece) in split_protocols(&traveller.piece, service, self) {
                parts.push((traveller.with(piece), protocol, tracked));
            }
        }
        for (mut traveller, protocol, tracked) in parts {
            if tracked && protocol == TCP {
                // It does not begin a connection, and belongs to none.
                traveller.returns.push(Return {
                    device: reply.device,
                    ingress: reply.ingress.clone(),
                    egress: None,
                    route: None,
                    gateway: None,
                });
                ended.push(traveller.end(Disposition::OneSided(reply.device)));
                continue;
            }
            for (part, outer, inner) in at.turn(traveller, protocol, &sent) {
                let fields = if undone { inner } else { outer };
                let stranger = Stranger {
                    number: reply.device,
                    ingress: reply.ingress.clone(),
                    protocol,
                };
                for (traveller, hop) in self.as_stranger(part, &fields, &stranger, query, ended) {
                    let places = hop
                        .as_ref()
                        .map(|h| self.network().next(self, reply.device, h))
                        .unwrap_or_default();
                    let next = Reply {
                        traveller,
                        device: reply.device,
                        ingress: None,
                        passed: reply.passed.clone(),
                    };
                    if places.is_empty() {
                        self.come_back(next, query, ended);
                    } else {
                        self.spread(next, &places, todo);
                    }
                }
            }
        }
    }

    /// A reply as a packet of its own.
    fn as_stranger(
        &self,
        mut traveller: Traveller,
        fields: &Fields,
        stranger: &Stranger,
        query: &Query<'_>,
        ended: &mut Vec<Outcome>,
    ) -> Vec<(Traveller, Option<Hop>)> {
        let Some(at) = self.at(stranger.number) else {
            return Vec::new();
        };
        let device = at.here.device;
        let kept = (traveller.piece.original, traveller.piece.current);
        let marks = std::mem::take(&mut traveller.piece.marks);
        let family = traveller.piece.family;
        let to = field(fields, Dim::Destination);
        let came = match &stranger.ingress {
            Some(Passage::Interface(name)) => Some(&**name),
            _ => None,
        };
        let table = at.here.routes(came, family);
        let values = traveller.piece.values(Dim::Destination, to);
        let mut out = Vec::new();
        for (set, exit) in table.split(&values) {
            let piece = traveller.piece.clone().restrict(
                Dim::Destination,
                to,
                &Arc::new(set),
                self.conditions,
            );
            let Some(mut part) = piece.map(|piece| traveller.with(piece)) else {
                continue;
            };
            let mut record = Return {
                device: stranger.number,
                ingress: stranger.ingress.clone(),
                egress: None,
                route: None,
                gateway: None,
            };
            let hops = match exit {
                Exit::Leaves(hops) => hops.as_slice(),
                Exit::Discarded(span) => {
                    record.route = *span;
                    part.returns.push(record);
                    ended.push(part.end(Disposition::Discarded(*span)));
                    continue;
                }
                Exit::Unrouted | Exit::Unknown => {
                    part.returns.push(record);
                    ended.push(part.end(Disposition::Unrouted));
                    continue;
                }
            };
            for (mut part, hop) in self.one_of(part, &device.name, hops) {
                let Hopping::By(hop) = hop else { continue };
                record.egress = Some(Passage::Interface(Arc::clone(&hop.interface)));
                record.route = hop.span;
                record.gateway = hop.gateway;
                part.returns.push(record.clone());
                part.piece.original = *fields;
                part.piece.current = *fields;
                let situation = Situation {
                    ingress: stranger.ingress.clone(),
                    egress: Some(Passage::Interface(Arc::clone(&hop.interface))),
                    state: if device.tracks_connections {
                        ConnectionState::of_unexpected_reply(stranger.protocol)
                    } else {
                        ConnectionState::New
                    },
                    tcp_flags: tcp_flags::SYN | tcp_flags::ACK,
                    reply: true,
                    first: Some(*fields),
                };
                let mut inside = vec![Inside {
                    traveller: part,
                    way: Way::Out(hop.clone()),
                }];
                let pipeline = &device.pipeline;
                for stages in [
                    &pipeline.prerouting,
                    &pipeline.forward,
                    &pipeline.postrouting,
                ] {
                    inside = at.stages(inside, stages, &situation, query, ended);
                }
                out.extend(inside.into_iter().map(|mut one| {
                    (one.traveller.piece.original, one.traveller.piece.current) = kept;
                    one.traveller.piece.marks = marks;
                    (one.traveller, Some(hop.clone()))
                }));
            }
        }
        out
    }

    /// The reply is back. A connection works if every translation was undone
    /// on the way, and if no device that keeps track of connections saw one
    /// direction alone.
    fn come_back(&self, reply: Reply, query: &Query<'_>, ended: &mut Vec<Outcome>) {
        let missed: Vec<Crossing> = reply
            .traveller
            .crossings
            .iter()
            .enumerate()
            .filter(|(at, _)| !reply.passed.contains(at))
            .map(|(_, crossing)| crossing.clone())
            .collect();
        let mut here = vec![reply.traveller];
        for crossing in missed {
            let Some(at) = self.at(crossing.device) else {
                continue;
            };
            if crossing.original != crossing.translated {
                ended.extend(
                    here.drain(..)
                        .map(|t| t.end(Disposition::OneSided(crossing.device))),
                );
                break;
            }
            let device = at.here.device;
            let service = field(&crossing.translated, Dim::Service);
            let mut next = Vec::new();
            for traveller in here {
                let (automatic, judged) =
                    at.split_automatic(traveller, &crossing, &device.automatic_replies);
                for traveller in automatic {
                    for (protocol, piece) in split_protocols(&traveller.piece, service, self) {
                        let part = traveller.with(piece);
                        if protocol == TCP && !bypasses_state(device) {
                            ended.push(part.end(Disposition::OneSided(crossing.device)));
                        } else {
                            next.push(part);
                        }
                    }
                }
                for traveller in judged {
                    if !device.tracks_connections {
                        next.push(traveller);
                        continue;
                    }
                    for (protocol, piece) in split_protocols(&traveller.piece, service, self) {
                        let part = traveller.with(piece);
                        if protocol == TCP {
                            next.extend(self.third_packet(part, &crossing, query, ended));
                        } else {
                            next.push(part);
                        }
                    }
                }
            }
            here = next;
        }
        ended.extend(here.into_iter().map(|t| t.end(Disposition::Permitted)));
    }

    /// The acknowledgement of a reply that a connection tracker did not see:
    /// to it, it belongs to no connection (nf_conntrack_proto_tcp: an ACK in
    /// state SYN_SENT is invalid).
    fn third_packet(
        &self,
        mut traveller: Traveller,
        crossing: &Crossing,
        query: &Query<'_>,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Traveller> {
        let Some(at) = self.at(crossing.device) else {
            return Vec::new();
        };
        let kept = (traveller.piece.original, traveller.piece.current);
        let marks = std::mem::replace(
            &mut traveller.piece.marks,
            Marks {
                packet: 0,
                connection: crossing.connection_mark,
                untracked: crossing.untracked,
            },
        );
        traveller.piece.original = crossing.original;
        traveller.piece.current = crossing.original;
        let situation = Situation {
            ingress: crossing.ingress.clone(),
            egress: crossing.egress.clone(),
            state: ConnectionState::Invalid,
            tcp_flags: tcp_flags::ACK,
            reply: true,
            first: Some(crossing.original),
        };
        let mut inside = vec![Inside {
            traveller,
            way: Way::Unrouted,
        }];
        let pipeline = &at.here.device.pipeline;
        let decided = if crossing.local {
            [&pipeline.prerouting, &pipeline.input]
        } else {
            [&pipeline.prerouting, &pipeline.forward]
        };
        for stages in decided {
            inside = at.stages(inside, stages, &situation, query, ended);
        }
        inside
            .into_iter()
            .map(|mut one| {
                (one.traveller.piece.original, one.traveller.piece.current) = kept;
                one.traveller.piece.marks = marks;
                one.traveller
            })
            .collect()
    }
}

/// A device that a reply meets as a packet of its own.
struct Stranger {
    number: usize,
    ingress: Option<Passage>,
    protocol: u8,
}

/// How a reply leaves.
enum Hopping {
    /// As a route says.
    By(Hop),
    /// By the interface by which the packet that it answers came in.
    AsItCame,
    /// Not at all: a route drops it.
    Into(Option<fw_model::Span>),
}

impl Hopping {
    const fn hop(&self) -> Option<&Hop> {
        match self {
            Self::By(hop) => Some(hop),
            _ => None,
        }
    }
}

/// True if a device lets packets of connections pass that it did not see
/// begin, for some traffic.
fn bypasses_state(device: &Device) -> bool {
    let on = |kind| kind == TreatmentKind::StateBypass;
    device.treatments.iter().any(|t| on(t.treatment.kind))
        || device
            .filters
            .iter()
            .flat_map(|f| &f.rules)
            .any(|r| r.treatments.iter().any(|t| on(t.kind)))
}
