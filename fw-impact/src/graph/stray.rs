//! Replies on devices that do not know their connection, and connections of
//! which a device saw one direction alone.

use super::device::{Inside, Query, Situation, Way, split_protocols};
use super::journey::{Crossing, Disposition, Outcome, Return, Traveller};
use super::piece::{Fields, Passage, field};
use super::return_path::Reply;
use super::route_table::{Exit, Hop};
use super::side::Side;
use super::way_back::Hopping;
use crate::packet_set::decompose::Marks;
use crate::packet_set::product::Dim;
use fw_model::packet::{ConnectionState, tcp_flags};
use fw_model::service::TCP;
use fw_model::{Device, TreatmentKind};
use std::sync::Arc;

impl Side<'_> {
    /// Through a device that the first packet did not cross.
    pub(super) fn back_past(
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
        // It looks as the last device that knew it left it: what that one
        // translated is undone at both ends.
        let sent = match reply.last().cloned() {
            Some(passed) => Crossing {
                translated: passed.original,
                ..passed
            },
            None => match reply.traveller.crossings.last().cloned() {
                Some(last) => last,
                None => return,
            },
        };
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
            for (part, fields, _) in at.turn(traveller, protocol, &sent) {
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
                    if hop
                        .as_ref()
                        .is_some_and(|hop| self.leads_to_nobody(reply.device, hop))
                    {
                        ended.push(next.traveller.end(Disposition::NotAnswered));
                        continue;
                    }
                    if !places.is_empty() {
                        self.spread(next, &places, todo);
                        continue;
                    }
                    let back = match &hop {
                        Some(hop) if hop.gateway.is_some() => {
                            let ends = [Dim::Source, Dim::Destination].map(|d| field(&fields, d));
                            self.elsewhere(next, hop, ends, todo, ended)
                        }
                        _ => vec![next],
                    };
                    for next in back {
                        self.come_back(next, query, ended);
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
    pub(super) fn come_back(&self, reply: Reply, query: &Query<'_>, ended: &mut Vec<Outcome>) {
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
