//! The way back: replies of permitted packets.
//!
//! A reply is the same piece with its ends swapped, so whatever splits it on
//! the way back splits the packets as they entered.

use super::device::{At, Inside, Query, Situation, Way, split_protocols};
use super::journey::{Crossing, Disposition, Outcome, Traveller};
use super::piece::{Field, Fields, Passage, Piece, Shift, field};
use crate::packet_set::product::Dim;
use crate::packet_set::{Product, Set};
use fw_model::evaluate::Journey;
use fw_model::packet::{ConnectionState, icmp_reply, tcp_flags};
use fw_model::service::{by_protocol, has_ports, is_icmp};
use fw_model::{IntervalSet, ServiceSet};
use std::sync::Arc;

impl At<'_, '_> {
    /// Takes replies back through one device, in by the first of `ways` and
    /// out by the second.
    pub(super) fn reply(
        &self,
        traveller: Traveller,
        crossing: &Crossing,
        ways: [Option<&Passage>; 2],
        query: &Query<'_>,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Traveller> {
        let (mut done, judged) =
            self.split_automatic(traveller, crossing, &self.here.device.automatic_replies);
        for traveller in judged {
            let service = field(&crossing.translated, Dim::Service);
            for (protocol, piece) in split_protocols(&traveller.piece, service, self.side) {
                let part = traveller.with(piece);
                for (part, outer, inner) in self.turn(part, protocol, crossing) {
                    let ends = (outer, inner);
                    done.extend(self.back(part, protocol, &ends, crossing, ways, query, ended));
                }
            }
        }
        done
    }

    /// Separates packets whose replies the device permits by itself.
    pub(super) fn split_automatic(
        &self,
        traveller: Traveller,
        crossing: &Crossing,
        automatic: &ServiceSet,
    ) -> (Vec<Traveller>, Vec<Traveller>) {
        let sent = traveller.piece.product(&crossing.translated);
        let mut rest = vec![traveller];
        let mut passed = Vec::new();
        for term in automatic.terms() {
            if term.service.covers(sent.get(Dim::Service))
                && term.source_ports.covers(sent.get(Dim::SourcePort))
            {
                passed.append(&mut rest);
                break;
            }
            let mut left = Vec::new();
            for one in rest {
                let seen = one.piece.product(&crossing.translated);
                let taken = Product {
                    sets: [
                        Arc::clone(seen.get(Dim::Source)),
                        Arc::clone(seen.get(Dim::Destination)),
                        Arc::new(term.service.clone()),
                        Arc::new(term.source_ports.clone()),
                    ],
                };
                let narrow = |product: &Product| {
                    one.piece
                        .clone()
                        .restrict_all(&crossing.translated, product, self.side.conditions)
                        .map(|piece| one.with(piece))
                };
                if let Some(inside) = seen.intersect(&taken) {
                    passed.extend(narrow(&inside));
                }
                left.extend(seen.subtract(&taken).iter().filter_map(narrow));
            }
            rest = left;
        }
        (passed, rest)
    }

    /// The fields of the reply: as it comes back to the device, and behind the
    /// point where translation is undone. Several where ICMP types have
    /// different answers.
    pub(super) fn turn(
        &self,
        traveller: Traveller,
        protocol: u8,
        crossing: &Crossing,
    ) -> Vec<(Traveller, Fields, Fields)> {
        let [source, destination, service, port] = crossing.translated;
        let [client, _, _, client_port] = crossing.original;
        if is_icmp(protocol) {
            return self.turn_icmp(traveller, protocol, crossing);
        }
        let base = u128::from(protocol) << 16;
        let (to, from, inner_to) = if has_ports(protocol) {
            let up = Shift::between(0, base);
            let raise = |f: Field| Field {
                variable: f.variable,
                shift: f.shift.then(up),
            };
            let down = Field {
                variable: service.variable,
                shift: service.shift.then(up.back()),
            };
            (raise(port), down, raise(client_port))
        } else {
            (service, port, service)
        };
        let outer = [destination, source, to, from];
        let inner = [destination, client, inner_to, from];
        vec![(traveller, outer, inner)]
    }

    fn turn_icmp(
        &self,
        traveller: Traveller,
        protocol: u8,
        crossing: &Crossing,
    ) -> Vec<(Traveller, Fields, Fields)> {
        let [source, destination, service, port] = crossing.translated;
        let [client, ..] = crossing.original;
        let values = traveller.piece.values(Dim::Service, service);
        // Types that have an answer are taken apart, all others answer with
        // themselves.
        let mut parts: Vec<(IntervalSet, Option<u16>)> = Vec::new();
        let mut same = Vec::new();
        for (_, low, high) in by_protocol(&values) {
            let mut at = low;
            loop {
                let end = (at | 0xff).min(high);
                let answer = icmp_reply(protocol, at);
                let base = u128::from(protocol) << 16;
                let range = (base | u128::from(at), base | u128::from(end));
                if answer == at && at >> 8 == answer >> 8 && answer != 0 {
                    same.push(range);
                } else {
                    parts.push((IntervalSet::from_ranges(vec![range]), Some(answer)));
                }
                if end >= high {
                    break;
                }
                at = end + 1;
            }
        }
        if !same.is_empty() {
            parts.push((IntervalSet::from_ranges(same), None));
        }
        parts
            .into_iter()
            .filter_map(|(set, answer)| {
                let set: Set = Arc::new(set);
                let mut piece: Piece = traveller.piece.clone().restrict(
                    Dim::Service,
                    service,
                    &set,
                    self.side.conditions,
                )?;
                let back = match answer {
                    Some(answer) => {
                        piece.constant((u128::from(protocol) << 16) | u128::from(answer))
                    }
                    None => service,
                };
                Some((
                    traveller.with(piece),
                    [destination, source, back, port],
                    [destination, client, back, port],
                ))
            })
            .collect()
    }

    /// Judges a reply by the policies, in reverse.
    #[allow(clippy::too_many_arguments)]
    fn back(
        &self,
        mut traveller: Traveller,
        protocol: u8,
        (outer, inner): &(Fields, Fields),
        crossing: &Crossing,
        [ingress, egress]: [Option<&Passage>; 2],
        query: &Query<'_>,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Traveller> {
        let device = self.here.device;
        let pipeline = &device.pipeline;
        // A translation may have turned a packet away from the device, or to it.
        let journey = if crossing.ingress.is_none() {
            Journey::ToDevice
        } else if crossing.local {
            Journey::FromDevice
        } else {
            Journey::Through
        };
        let kept = (traveller.piece.original, traveller.piece.current);
        let marks = traveller.piece.marks;
        traveller.piece.marks = crate::packet_set::decompose::Marks {
            packet: 0,
            connection: crossing.connection_mark,
            untracked: false,
        };
        let situation = Situation {
            // What the device itself sends came in by no interface.
            ingress: match journey {
                Journey::FromDevice => None,
                Journey::Through | Journey::ToDevice => ingress.cloned(),
            },
            egress: egress.cloned(),
            state: if !device.tracks_connections {
                ConnectionState::New
            } else if crossing.untracked {
                ConnectionState::of_unexpected_reply(protocol)
            } else {
                ConnectionState::Established
            },
            tcp_flags: tcp_flags::SYN | tcp_flags::ACK,
            reply: true,
            first: Some(crossing.original),
        };
        let (first, last) = match journey {
            Journey::FromDevice => (&pipeline.output, &pipeline.postrouting),
            Journey::ToDevice => (&pipeline.prerouting, &pipeline.input),
            Journey::Through => (&pipeline.prerouting, &pipeline.forward),
        };
        let show = |inside: &mut Inside, fields: &Fields| {
            inside.traveller.piece.original = *fields;
            inside.traveller.piece.current = *fields;
        };
        let mut inside = Inside {
            traveller,
            way: Way::Unrouted,
        };
        show(
            &mut inside,
            if journey == Journey::FromDevice {
                inner
            } else {
                outer
            },
        );
        let mut here = self.stages(vec![inside], first, &situation, query, ended);
        if crossing.translated != crossing.original {
            // Nothing undoes the translation for packets that the tracker ignores.
            let (lost, rest) = here
                .into_iter()
                .partition(|one| one.traveller.piece.marks.untracked);
            here = rest;
            let lost: Vec<Inside> = lost;
            for mut one in lost {
                (one.traveller.piece.original, one.traveller.piece.current) = kept;
                ended.push(one.traveller.end(Disposition::Denied));
            }
        }
        for one in &mut here {
            show(one, inner);
        }
        here = self.stages(here, last, &situation, query, ended);
        if journey == Journey::Through {
            here = self.stages(here, &pipeline.postrouting, &situation, query, ended);
        }
        here.into_iter()
            .map(|mut one| {
                (one.traveller.piece.original, one.traveller.piece.current) = kept;
                one.traveller.piece.marks = marks;
                one.traveller
            })
            .collect()
    }
}
