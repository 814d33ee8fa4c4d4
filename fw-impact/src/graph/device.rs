//! Packets through one device: its stages in order.

use super::journey::{Act, Crossing, Disposition, Outcome, Traveller, Visit};
use super::piece::{DESTINATION, Field, Fields, Passage, Piece, SOURCE, field, moved};
use super::route_table::Hop;
use super::side::{DeviceSide, Side};
use crate::packet_set::compile::Via;
use crate::packet_set::decompose::Start;
use crate::packet_set::original::Origins;
use crate::packet_set::product::Dim;
use crate::packet_set::{Context, Fate, Set, decompose};
use fw_model::address::bits;
use fw_model::evaluate::Journey;
use fw_model::packet::{ConnectionState, tcp_flags};
use fw_model::service::by_protocol;
use fw_model::{Answers, Dimension, Family, IntervalSet, Stage, StageKind, View};
use std::sync::Arc;

pub use super::query::Query;

/// Packets within a device.
#[derive(Clone, Debug)]
pub struct Inside {
    /// The packets and their record.
    pub traveller: Traveller,
    /// Where the routes lead them.
    pub way: Way,
}

/// Where routes lead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// Out.
    Out(Hop),
    /// Out by one of several interfaces: the values of a variable.
    Open(usize),
    /// Nowhere.
    Unrouted,
    /// Into nothing.
    Discarded(Option<fw_model::Span>),
}

impl Way {
    pub(super) fn egress(&self) -> Option<Passage> {
        match self {
            Self::Out(hop) => Some(Passage::Interface(Arc::clone(&hop.interface))),
            Self::Open(variable) => Some(Passage::Open(*variable)),
            Self::Unrouted | Self::Discarded(_) => None,
        }
    }
}

/// What packets look like to a stage besides their fields.
#[derive(Clone)]
pub struct Situation {
    /// By which interface they came in.
    pub ingress: Option<Passage>,
    /// By which interface they leave.
    pub egress: Option<Passage>,
    /// The connection tracker's state.
    pub state: ConnectionState,
    /// Their TCP flags.
    pub tcp_flags: u8,
    /// They answer a permitted packet.
    pub reply: bool,
    /// Of an answer: the fields of the packet that it answers, as that
    /// entered the device.
    pub first: Option<Fields>,
}

/// A device within a side.
#[derive(Clone, Copy)]
pub struct At<'s, 'a> {
    /// The side.
    pub side: &'s Side<'a>,
    /// The device's position.
    pub number: usize,
    /// The device.
    pub here: &'s DeviceSide<'a>,
}

impl<'a> Side<'a> {
    /// A device by its position.
    #[must_use]
    pub fn at(&self, number: usize) -> Option<At<'_, 'a>> {
        Some(At {
            side: self,
            number,
            here: self.devices.get(number)?,
        })
    }
}

impl At<'_, '_> {
    /// Takes packets through the device. Those that leave come back with the
    /// hop they leave by; the others end in `ended`.
    #[must_use]
    pub fn cross(
        &self,
        mut traveller: Traveller,
        ingress: Option<Passage>,
        query: &Query<'_>,
        ended: &mut Vec<Outcome>,
    ) -> Vec<(Traveller, Way)> {
        traveller.piece.enter_device();
        let pipeline = &self.here.device.pipeline;
        let from_device = query.journey == Journey::FromDevice && ingress.is_none();
        let start = Situation {
            ingress: ingress.clone(),
            egress: None,
            state: ConnectionState::New,
            tcp_flags: tcp_flags::SYN,
            reply: false,
            first: None,
        };
        let Some(traveller) = self.check_source(traveller, ingress.as_ref(), ended) else {
            return Vec::new();
        };
        let mut inside = self.route(traveller, ingress.as_ref(), query);
        if !from_device {
            inside = self.stages(inside, &pipeline.prerouting, &start, query, ended);
        }
        let mut out = Vec::new();
        let mut onward = Vec::new();
        for one in inside {
            if from_device {
                onward.push(one);
                continue;
            }
            let asked = self.is_asked(query);
            let (local, rest) = self.split_local(one, asked);
            onward.extend(rest);
            for one in local {
                // Packets that were turned to the device are part of the
                // question; those for the device's own address are not.
                if one.traveller.piece.moved() {
                    let arrived = self.stages(vec![one], &pipeline.input, &start, query, ended);
                    out.extend(arrived.into_iter().map(|i| self.arrive(i, &ingress)));
                } else if asked {
                    let (one, far) = if query.exact {
                        (vec![one], Vec::new())
                    } else {
                        self.split_far(one, ingress.as_ref())
                    };
                    ended.extend(far.into_iter().map(|f| f.traveller.end(Disposition::Local)));
                    let arrived = self.stages(one, &pipeline.input, &start, query, ended);
                    out.extend(arrived.into_iter().map(|i| self.arrive(i, &ingress)));
                } else {
                    ended.push(self.stop(one, &ingress, Disposition::Own));
                }
            }
        }
        let mut routed = Vec::new();
        for one in onward {
            match &one.way {
                Way::Out(_) | Way::Open(_) => routed.push(one),
                Way::Unrouted => ended.push(self.stop(one, &ingress, Disposition::Unrouted)),
                Way::Discarded(span) => {
                    let span = *span;
                    ended.push(self.stop(one, &ingress, Disposition::Discarded(span)));
                }
            }
        }
        let policy = if from_device {
            &pipeline.output
        } else {
            &pipeline.forward
        };
        let passed = self.stages(routed, policy, &start, query, ended);
        let passed = self.stages(passed, &pipeline.postrouting, &start, query, ended);
        out.extend(passed.into_iter().map(|i| self.leave(i, &ingress)));
        out
    }

    fn crossing(&self, inside: &Inside, ingress: &Option<Passage>) -> Crossing {
        let piece = &inside.traveller.piece;
        let hop = match &inside.way {
            Way::Out(hop) => Some(hop),
            _ => None,
        };
        Crossing {
            device: self.number,
            ingress: ingress.clone(),
            egress: inside.way.egress(),
            route: hop.and_then(|h| h.span),
            gateway: hop.and_then(|h| h.gateway),
            original: piece.original,
            translated: piece.current,
            local: false,
            tunneled: false,
            untracked: piece.marks.untracked,
            connection_mark: piece.marks.connection,
            source_by: piece.source_by.clone(),
            destination_by: piece.destination_by.clone(),
        }
    }

    pub(super) fn stop(
        &self,
        mut inside: Inside,
        ingress: &Option<Passage>,
        disposition: Disposition,
    ) -> Outcome {
        let crossing = self.crossing(&inside, ingress);
        inside.traveller.crossings.push(crossing);
        inside.traveller.end(disposition)
    }

    /// A stage drops packets. Where replies were when they were dropped is
    /// recorded as their way back.
    fn drop(&self, one: Inside, situation: &Situation, disposition: Disposition) -> Outcome {
        if situation.reply {
            return one.traveller.end(disposition);
        }
        self.stop(one, &situation.ingress, disposition)
    }

    fn leave(&self, mut inside: Inside, ingress: &Option<Passage>) -> (Traveller, Way) {
        let crossing = self.crossing(&inside, ingress);
        inside.traveller.crossings.push(crossing);
        (inside.traveller, inside.way)
    }

    /// The device itself is where they wanted to go.
    fn arrive(&self, mut inside: Inside, ingress: &Option<Passage>) -> (Traveller, Way) {
        let mut crossing = self.crossing(&inside, ingress);
        crossing.local = true;
        inside.traveller.crossings.push(crossing);
        (inside.traveller, Way::Unrouted)
    }

    /// True if the flow is for this device.
    fn is_asked(&self, query: &Query<'_>) -> bool {
        query.journey == Journey::ToDevice && query.target.is_none_or(|t| t == self.number)
    }

    /// Separates packets for addresses of interfaces that they did not come
    /// in by, on a device that does not answer there.
    fn split_far(&self, inside: Inside, ingress: Option<&Passage>) -> (Vec<Inside>, Vec<Inside>) {
        let device = self.here.device;
        let near = match ingress {
            Some(Passage::Interface(name)) => device.interface(name),
            _ => None,
        };
        let near = near.filter(|i| device.answers == Answers::Ingress && !i.dynamic_address);
        let Some(near) = near else {
            return (vec![inside], Vec::new());
        };
        let piece = &inside.traveller.piece;
        let near: IntervalSet = near
            .addresses
            .iter()
            .filter(|net| Family::of(net.addr()) == piece.family)
            .map(|net| (bits(net.addr()), bits(net.addr())))
            .collect();
        let current = field(&piece.current, Dim::Destination);
        let values = piece.values(Dim::Destination, current);
        let far = values
            .intersect(self.here.own(piece.family))
            .subtract(&near);
        let other = values.subtract(&far);
        (
            self.with_destinations(&inside, other),
            self.with_destinations(&inside, far),
        )
    }

    /// Separates packets for the device itself; of those that were `asked`
    /// for, all that were not turned away.
    fn split_local(&self, inside: Inside, asked: bool) -> (Vec<Inside>, Vec<Inside>) {
        let piece = &inside.traveller.piece;
        let unmoved =
            field(&piece.original, Dim::Destination) == field(&piece.current, Dim::Destination);
        if (asked && unmoved) || piece.redirected {
            return (vec![inside], Vec::new());
        }
        let own = self.here.own(piece.family);
        let current = field(&piece.current, Dim::Destination);
        let values = piece.values(Dim::Destination, current);
        if !values.meets(own) {
            return (Vec::new(), vec![inside]);
        }
        (
            self.with_destinations(&inside, values.intersect(own)),
            self.with_destinations(&inside, values.subtract(own)),
        )
    }

    /// Takes packets through stages; what a stage drops ends in `ended`.
    pub fn stages(
        &self,
        inside: Vec<Inside>,
        stages: &[Stage],
        situation: &Situation,
        query: &Query<'_>,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Inside> {
        let mut here = inside;
        for stage in stages {
            // An answer that the tracker takes for a new connection is
            // translated like one.
            let unexpected =
                self.here.device.tracks_connections && situation.state == ConnectionState::New;
            if situation.reply && stage.kind == StageKind::Nat && !unexpected {
                continue;
            }
            if here.is_empty() {
                break;
            }
            let name: Arc<str> = stage.name.as_str().into();
            let mut next = Vec::with_capacity(here.len());
            for one in here {
                if stage.kind == StageKind::Nat && one.traveller.piece.marks.untracked {
                    next.push(one);
                    continue;
                }
                self.stage(&one, stage, &name, situation, query, &mut next, ended);
            }
            here = next;
        }
        here
    }

    #[allow(clippy::too_many_arguments)]
    fn stage(
        &self,
        inside: &Inside,
        stage: &Stage,
        name: &Arc<str>,
        situation: &Situation,
        query: &Query<'_>,
        next: &mut Vec<Inside>,
        ended: &mut Vec<Outcome>,
    ) {
        for (inside, origin) in self.by_origin(inside, stage.view, situation) {
            self.decide(&inside, origin, stage, name, situation, query, next, ended);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn decide(
        &self,
        inside: &Inside,
        origin: Origins,
        stage: &Stage,
        name: &Arc<str>,
        situation: &Situation,
        query: &Query<'_>,
        next: &mut Vec<Inside>,
        ended: &mut Vec<Outcome>,
    ) {
        let piece = &inside.traveller.piece;
        let fields = seen(piece, stage.view);
        let egress = situation.egress.clone().or_else(|| inside.way.egress());
        let ends = [situation.ingress.as_ref(), egress.as_ref()];
        let region = piece.region(&fields, ends);
        let mut context = self.context(inside, &fields, situation, query);
        context.origin = origin;
        let mut budget = query.budget.get();
        let decided = decompose(
            self.here.device,
            &mut |id| self.here.compiled(id, &context, self.side.conditions),
            self.side.conditions,
            &Start {
                region: &region,
                filter: stage.filter,
                assumed: &piece.assumed,
                marks: piece.marks,
                kept: query.kept.get(self.number),
            },
            &mut budget,
        );
        query.budget.set(budget);
        for part in decided {
            let mut piece = piece.clone();
            piece.assumed = part.assumed;
            let Some(mut piece) =
                piece.restrict_region(&fields, ends, &part.region, self.side.conditions)
            else {
                continue;
            };
            piece.marks = part.marks;
            let act = match &part.fate {
                Fate::Permit => Act::Permit,
                Fate::Deny => Act::Deny,
                Fate::Translate(_) => Act::Translate,
                Fate::Exhausted => Act::Exhausted,
            };
            let mut traveller = inside.traveller.with(piece);
            traveller.visits.push(Visit {
                device: self.number,
                stage: Arc::clone(name),
                kind: stage.kind,
                reply: situation.reply,
                rules: part.trail,
                act,
            });
            let one = Inside {
                traveller,
                way: inside.way.clone(),
            };
            match part.fate {
                Fate::Permit => next.push(one),
                Fate::Deny => {
                    ended.push(self.drop(one, situation, Disposition::Denied));
                }
                Fate::Exhausted => {
                    ended.push(self.drop(one, situation, Disposition::Exhausted));
                }
                // It then is not what its receiver waits for.
                Fate::Translate(_) if situation.reply => {
                    ended.push(self.drop(one, situation, Disposition::Denied));
                }
                Fate::Translate(translation) => {
                    next.extend(self.translate(one, &translation, situation, query));
                }
            }
        }
    }

    fn context(
        &self,
        inside: &Inside,
        fields: &Fields,
        situation: &Situation,
        query: &Query<'_>,
    ) -> Context {
        let piece = &inside.traveller.piece;
        Context {
            family: piece.family,
            ingress: via(situation.ingress.as_ref()),
            egress: via(situation
                .egress
                .clone()
                .or_else(|| inside.way.egress())
                .as_ref()),
            state: situation.state,
            untracked: piece.marks.untracked,
            tcp_flags: situation.tcp_flags,
            now: self.side.now,
            application: query.application.map(Arc::from),
            user: query.user.map(|u| u.map(Arc::from)),
            source_by: piece.source_by.clone(),
            destination_by: piece.destination_by.clone(),
            source_moved: moved(&piece.original, &piece.current, SOURCE),
            destination_moved: moved(&piece.original, &piece.current, DESTINATION),
            moved: !situation.reply && *fields != piece.original,
            origin: None,
            of_origin: false,
            local: match query.journey {
                _ if situation.reply => None,
                Journey::ToDevice
                    if self.is_asked(query)
                        && field(fields, Dim::Destination)
                            == field(&piece.original, Dim::Destination) =>
                {
                    Some(Dimension::Destination)
                }
                Journey::FromDevice
                    if situation.ingress.is_none()
                        && field(fields, Dim::Source) == field(&piece.original, Dim::Source) =>
                {
                    Some(Dimension::Source)
                }
                _ => None,
            },
        }
    }
}

/// What rules may ask of an end.
#[must_use]
pub fn via(passage: Option<&Passage>) -> Via {
    match passage {
        None => Via::Itself,
        Some(Passage::Interface(name)) => Via::Interface(Arc::clone(name)),
        Some(Passage::Open(_)) => Via::Open,
    }
}

/// The fields that a stage sees.
#[must_use]
pub fn seen(piece: &Piece, view: View) -> Fields {
    let pick = |original: bool, dim: Dim| {
        field(
            if original {
                &piece.original
            } else {
                &piece.current
            },
            dim,
        )
    };
    [
        pick(view.original_source, Dim::Source),
        pick(view.original_destination, Dim::Destination),
        pick(view.original_service, Dim::Service),
        pick(view.original_source, Dim::SourcePort),
    ]
}

/// Splits a piece by the protocols of a service field.
#[must_use]
pub fn split_protocols(piece: &Piece, service: Field, side: &Side<'_>) -> Vec<(u8, Piece)> {
    let values = piece.values(Dim::Service, service);
    let mut protocols: Vec<u8> = by_protocol(&values).iter().map(|p| p.0).collect();
    protocols.dedup();
    protocols
        .into_iter()
        .filter_map(|protocol| {
            let base = u128::from(protocol) << 16;
            let range: Set = Arc::new(IntervalSet::range(base, base | 0xffff));
            let part = piece
                .clone()
                .restrict(Dim::Service, service, &range, side.conditions)?;
            Some((protocol, part))
        })
        .collect()
}
