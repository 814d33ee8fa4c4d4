//! Packets through one device: routing, stages, translation.

use super::journey::{Act, Crossing, Disposition, Outcome, Traveller, Visit};
use super::piece::{DESTINATION, Field, Fields, Piece, SOURCE, Shift, field, moved};
use super::route_table::{Exit, Hop};
use super::side::{DeviceSide, Side};
use crate::packet_set::condition::End;
use crate::packet_set::decompose::Start;
use crate::packet_set::product::Dim;
use crate::packet_set::{Budget, Context, Fate, Set, decompose};
use fw_model::address::bits;
use fw_model::evaluate::Journey;
use fw_model::nat::{AddressTranslation, PortTranslation, Translation};
use fw_model::packet::{ConnectionState, tcp_flags};
use fw_model::service::by_protocol;
use fw_model::{Dimension, Family, IntervalSet, Stage, StageKind, View};
use std::cell::Cell;
use std::sync::Arc;

/// What a flow says about its way besides its packets.
pub struct Query<'a> {
    /// Which way it takes through its last (or first) device.
    pub journey: Journey,
    /// The application, if it names one.
    pub application: Option<&'a str>,
    /// The user, if it names one.
    pub user: Option<Option<&'a str>>,
    /// The interface or zone by which it leaves, if it names one.
    pub egress: Option<&'a str>,
    /// Judge replies too.
    pub replies: bool,
    /// Work left.
    pub budget: Cell<Budget>,
}

impl Query<'_> {
    /// A transit query without names, replies judged.
    #[must_use]
    pub fn transit() -> Self {
        Self {
            journey: Journey::Through,
            application: None,
            user: None,
            egress: None,
            replies: true,
            budget: Cell::default(),
        }
    }
}

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
    /// Nowhere.
    Unrouted,
    /// Into nothing.
    Discarded(Option<fw_model::Span>),
}

impl Way {
    fn egress(&self) -> Option<Arc<str>> {
        match self {
            Self::Out(hop) => Some(Arc::clone(&hop.interface)),
            _ => None,
        }
    }
}

/// What packets look like to a stage besides their fields.
#[derive(Clone)]
pub struct Situation {
    /// By which interface they came in.
    pub ingress: Option<Arc<str>>,
    /// By which interface they leave.
    pub egress: Option<Arc<str>>,
    /// The connection tracker's state.
    pub state: ConnectionState,
    /// Their TCP flags.
    pub tcp_flags: u8,
    /// They answer a permitted packet.
    pub reply: bool,
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
        ingress: Option<Arc<str>>,
        query: &Query<'_>,
        ended: &mut Vec<Outcome>,
    ) -> Vec<(Traveller, Option<Hop>)> {
        traveller.piece.enter_device();
        let pipeline = &self.here.device.pipeline;
        let from_device = query.journey == Journey::FromDevice;
        let start = Situation {
            ingress: ingress.clone(),
            egress: None,
            state: ConnectionState::New,
            tcp_flags: tcp_flags::SYN,
            reply: false,
        };
        let mut inside = self.route(traveller, ingress.as_deref(), query);
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
            let (local, rest) = self.split_local(one, query);
            onward.extend(rest);
            for one in local {
                // Packets that were turned to the device are part of the
                // question; those for the device's own address are not.
                if query.journey == Journey::ToDevice || one.traveller.piece.moved() {
                    let arrived = self.stages(vec![one], &pipeline.input, &start, query, ended);
                    out.extend(arrived.into_iter().map(|i| self.arrive(i, &ingress)));
                } else {
                    ended.push(one.traveller.end(Disposition::Local));
                }
            }
        }
        let mut routed = Vec::new();
        for one in onward {
            match &one.way {
                Way::Out(_) => routed.push(one),
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

    fn crossing(&self, inside: &Inside, ingress: &Option<Arc<str>>) -> Crossing {
        let piece = &inside.traveller.piece;
        let hop = match &inside.way {
            Way::Out(hop) => Some(hop),
            _ => None,
        };
        Crossing {
            device: self.number,
            ingress: ingress.clone(),
            egress: hop.map(|h| Arc::clone(&h.interface)),
            route: hop.and_then(|h| h.span),
            gateway: hop.and_then(|h| h.gateway),
            original: piece.original,
            translated: piece.current,
            local: false,
            untracked: piece.marks.untracked,
            connection_mark: piece.marks.connection,
            source_by: piece.source_by.clone(),
            destination_by: piece.destination_by.clone(),
        }
    }

    fn stop(
        &self,
        mut inside: Inside,
        ingress: &Option<Arc<str>>,
        disposition: Disposition,
    ) -> Outcome {
        let crossing = self.crossing(&inside, ingress);
        inside.traveller.crossings.push(crossing);
        inside.traveller.end(disposition)
    }

    fn leave(&self, mut inside: Inside, ingress: &Option<Arc<str>>) -> (Traveller, Option<Hop>) {
        let crossing = self.crossing(&inside, ingress);
        inside.traveller.crossings.push(crossing);
        let hop = match inside.way {
            Way::Out(hop) => Some(hop),
            _ => None,
        };
        (inside.traveller, hop)
    }

    /// The device itself is where they wanted to go.
    fn arrive(&self, mut inside: Inside, ingress: &Option<Arc<str>>) -> (Traveller, Option<Hop>) {
        let mut crossing = self.crossing(&inside, ingress);
        crossing.local = true;
        inside.traveller.crossings.push(crossing);
        (inside.traveller, None)
    }

    /// Splits packets by the interface they leave by.
    fn route(&self, traveller: Traveller, ingress: Option<&str>, query: &Query<'_>) -> Vec<Inside> {
        if let Some(egress) = query.egress {
            let hops = self.here.interfaces_named(egress);
            if !hops.is_empty() {
                return self.choose(traveller, &named(&hops));
            }
        }
        let table = self.here.routes(ingress, traveller.piece.family);
        let current = field(&traveller.piece.current, Dim::Destination);
        let destinations = traveller.piece.values(Dim::Destination, current);
        let mut out = Vec::new();
        for (set, exit) in table.iter() {
            let within = destinations.intersect(set);
            if within.is_empty() {
                continue;
            }
            let Some(piece) = traveller.piece.clone().restrict(
                Dim::Destination,
                current,
                &Arc::new(within),
                self.side.conditions,
            ) else {
                continue;
            };
            let part = traveller.with(piece);
            match exit {
                Exit::Leaves(hops) => out.extend(self.choose(part, hops)),
                Exit::Discarded(span) => out.push(Inside {
                    traveller: part,
                    way: Way::Discarded(*span),
                }),
                Exit::Unrouted => out.push(Inside {
                    traveller: part,
                    way: Way::Unrouted,
                }),
                Exit::Unknown => {
                    let others: Vec<Arc<str>> = self
                        .here
                        .feasible_interfaces()
                        .iter()
                        .filter(|n| Some(&***n) != ingress)
                        .cloned()
                        .collect();
                    if others.is_empty() {
                        let way = ingress.map_or(Way::Unrouted, |name| {
                            Way::Out(Hop {
                                interface: name.into(),
                                gateway: None,
                                span: None,
                            })
                        });
                        out.push(Inside {
                            traveller: part,
                            way,
                        });
                    } else {
                        out.extend(self.choose(part, &named(&others)));
                    }
                }
            }
        }
        out
    }

    /// One way for each of several hops, each under the assumption that the
    /// device takes it. A choice that is assumed already is kept.
    fn choose(&self, traveller: Traveller, hops: &[Hop]) -> Vec<Inside> {
        if let [only] = hops {
            return vec![Inside {
                traveller,
                way: Way::Out(only.clone()),
            }];
        }
        let (device, conditions) = (&self.here.device.name, self.side.conditions);
        if let Some(taken) = conditions.way_taken(End::Egress, device, &traveller.piece.assumed)
            && (hops.iter().any(|h| h.interface == taken) || !self.here.device.interfaces_complete)
        {
            let hop = hops.iter().find(|h| h.interface == taken).cloned();
            return vec![Inside {
                traveller,
                way: Way::Out(hop.unwrap_or(Hop {
                    interface: taken,
                    gateway: None,
                    span: None,
                })),
            }];
        }
        hops.iter()
            .map(|hop| {
                let literal = conditions.way(End::Egress, device, &hop.interface);
                let mut one = traveller.clone();
                one.piece.assumed = one.piece.assumed.and(&[literal]);
                Inside {
                    traveller: one,
                    way: Way::Out(hop.clone()),
                }
            })
            .collect()
    }

    /// Separates packets for the device itself.
    fn split_local(&self, inside: Inside, query: &Query<'_>) -> (Vec<Inside>, Vec<Inside>) {
        let piece = &inside.traveller.piece;
        let unmoved =
            field(&piece.original, Dim::Destination) == field(&piece.current, Dim::Destination);
        if (query.journey == Journey::ToDevice && unmoved) || piece.redirected {
            return (vec![inside], Vec::new());
        }
        let own = self.here.own(piece.family);
        let current = field(&piece.current, Dim::Destination);
        let values = piece.values(Dim::Destination, current);
        if !values.meets(own) {
            return (Vec::new(), vec![inside]);
        }
        let part = |set: IntervalSet| -> Vec<Inside> {
            if set.is_empty() {
                return Vec::new();
            }
            inside
                .traveller
                .piece
                .clone()
                .restrict(
                    Dim::Destination,
                    current,
                    &Arc::new(set),
                    self.side.conditions,
                )
                .map(|piece| Inside {
                    traveller: inside.traveller.with(piece),
                    way: inside.way.clone(),
                })
                .into_iter()
                .collect()
        };
        (part(values.intersect(own)), part(values.subtract(own)))
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
                for part in self.by_original(one, stage, situation) {
                    self.stage(&part, stage, &name, situation, query, &mut next, ended);
                }
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
        let piece = &inside.traveller.piece;
        let fields = seen(piece, stage.view);
        let region = piece.product(&fields);
        let context = self.context(inside, &fields, situation, query);
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
            },
            &mut budget,
        );
        query.budget.set(budget);
        for part in decided {
            let Some(mut piece) =
                piece
                    .clone()
                    .restrict_all(&fields, &part.product, self.side.conditions)
            else {
                continue;
            };
            // The restriction may have added a device's choice to what the
            // decomposition assumed.
            piece.assumed = part.assumed.join(&piece.assumed);
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
                    ended.push(self.stop(one, &situation.ingress, Disposition::Denied));
                }
                Fate::Exhausted => {
                    ended.push(self.stop(one, &situation.ingress, Disposition::Exhausted));
                }
                // It then is not what its receiver waits for.
                Fate::Translate(_) if situation.reply => {
                    ended.push(self.stop(one, &situation.ingress, Disposition::Denied));
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
            ingress: situation.ingress.clone(),
            egress: situation.egress.clone().or_else(|| inside.way.egress()),
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
            local: match query.journey {
                _ if situation.reply => None,
                Journey::ToDevice
                    if field(fields, Dim::Destination)
                        == field(&piece.original, Dim::Destination) =>
                {
                    Some(Dimension::Destination)
                }
                Journey::FromDevice
                    if field(fields, Dim::Source) == field(&piece.original, Dim::Source) =>
                {
                    Some(Dimension::Source)
                }
                _ => None,
            },
            original: (!situation.reply
                && *fields != piece.original
                && !self.here.originals(piece.family).is_empty())
            .then(|| Arc::new(piece.product(&piece.original))),
        }
    }

    /// Splits packets that a stage does not see as they entered, so that each
    /// question of its rules about that has one answer for all of a part.
    fn by_original(&self, inside: Inside, stage: &Stage, situation: &Situation) -> Vec<Inside> {
        let piece = &inside.traveller.piece;
        let asked = self.here.originals(piece.family);
        if asked.is_empty() || situation.reply || seen(piece, stage.view) == piece.original {
            return vec![inside];
        }
        let mut out = vec![inside];
        for (dim, set) in asked {
            let mut next = Vec::with_capacity(out.len());
            for one in out {
                let piece = &one.traveller.piece;
                let entered = field(&piece.original, *dim);
                let values = piece.values(*dim, entered);
                if !values.meets(set) || set.covers(&values) {
                    next.push(one);
                    continue;
                }
                for part in [values.intersect(set), values.subtract(set)] {
                    let part = piece.clone().restrict(
                        *dim,
                        entered,
                        &Arc::new(part),
                        self.side.conditions,
                    );
                    next.extend(part.map(|piece| Inside {
                        traveller: one.traveller.with(piece),
                        way: one.way.clone(),
                    }));
                }
            }
            out = next;
        }
        out
    }

    fn translate(
        &self,
        inside: Inside,
        translation: &Arc<Translation>,
        situation: &Situation,
        query: &Query<'_>,
    ) -> Vec<Inside> {
        let mut out = Vec::new();
        for mut one in self.by_protocol(inside, translation) {
            let egress = one.way.egress();
            let name = &translation.name;
            let piece = &mut one.traveller.piece;
            let [mut source, mut destination, mut service, mut port] = piece.current;
            if let Some(change) = &translation.source {
                source = self.address(piece, source, change, name, situation, egress.as_deref());
                piece.source_by = Some(name.as_str().into());
            }
            if let Some(change) = &translation.destination {
                destination = self.address(
                    piece,
                    destination,
                    change,
                    name,
                    situation,
                    egress.as_deref(),
                );
                piece.destination_by = Some(name.as_str().into());
                piece.redirected = *change == AddressTranslation::IngressInterface;
            }
            match &translation.source_port {
                Some(PortTranslation::Shift { from, to }) => {
                    port.shift = port
                        .shift
                        .then(Shift::between((*from).into(), (*to).into()));
                }
                Some(PortTranslation::Pool(set)) => {
                    port = piece.choice(
                        format!("{name} source port").into(),
                        Arc::new(set.clone()),
                        self.side.conditions,
                    );
                }
                None => {}
            }
            match &translation.destination_port {
                Some(PortTranslation::Shift { from, to }) => {
                    service.shift = service
                        .shift
                        .then(Shift::between((*from).into(), (*to).into()));
                }
                Some(PortTranslation::Pool(set)) => {
                    let values = piece.values(Dim::Service, service);
                    let base = values.first().unwrap_or(0) & !0xffff;
                    let moved = set.shift(0, base, Dim::Service.max(piece.family));
                    service = piece.choice(
                        format!("{name} port").into(),
                        Arc::new(moved),
                        self.side.conditions,
                    );
                }
                None => {}
            }
            let after = [source, destination, service, port];
            let parts = piece.clone().turn_into(after, self.side.conditions);
            let (traveller, way) = (one.traveller, one.way);
            for part in parts {
                let mut one = Inside {
                    traveller: traveller.with(part),
                    way: way.clone(),
                };
                if let Some(egress) = &translation.egress {
                    one.way = Way::Out(Hop {
                        interface: egress.as_str().into(),
                        gateway: None,
                        span: None,
                    });
                    out.push(one);
                } else if translation.destination.is_some() {
                    out.extend(self.route(one.traveller, situation.ingress.as_deref(), query));
                } else {
                    out.push(one);
                }
            }
        }
        out
    }

    /// A chosen port belongs to one protocol: one part for each, where a
    /// translation chooses ports.
    fn by_protocol(&self, inside: Inside, translation: &Translation) -> Vec<Inside> {
        if !matches!(translation.destination_port, Some(PortTranslation::Pool(_))) {
            return vec![inside];
        }
        let piece = &inside.traveller.piece;
        let service = field(&piece.current, Dim::Service);
        split_protocols(piece, service, self.side)
            .into_iter()
            .map(|(_, piece)| Inside {
                traveller: inside.traveller.with(piece),
                way: inside.way.clone(),
            })
            .collect()
    }

    fn address(
        &self,
        piece: &mut Piece,
        old: Field,
        change: &AddressTranslation,
        name: &str,
        situation: &Situation,
        egress: Option<&str>,
    ) -> Field {
        let family = piece.family;
        let of_interface = |piece: &mut Piece, interface: Option<&str>| {
            let own = interface
                .and_then(|n| self.here.device.interface(n))
                .and_then(|i| i.addresses.iter().find(|a| Family::of(a.addr()) == family));
            match own {
                Some(net) => piece.constant(bits(net.addr())),
                None => {
                    let name = format!("the address of {}", interface.unwrap_or("an interface"));
                    let any: Set = Arc::new(IntervalSet::range(0, family.max()));
                    piece.choice(name.into(), any, self.side.conditions)
                }
            }
        };
        match change {
            AddressTranslation::Shift { from, to } => Field {
                variable: old.variable,
                shift: old.shift.then(Shift::between(*from, *to)),
            },
            AddressTranslation::Pool(set) => {
                let set = set.family(family);
                if set.is_empty() {
                    return old;
                }
                piece.choice(name.into(), Arc::new(set.clone()), self.side.conditions)
            }
            AddressTranslation::EgressInterface => of_interface(piece, egress),
            AddressTranslation::IngressInterface => {
                of_interface(piece, situation.ingress.as_deref())
            }
        }
    }
}

fn named(interfaces: &[Arc<str>]) -> Vec<Hop> {
    interfaces
        .iter()
        .map(|name| Hop {
            interface: Arc::clone(name),
            gateway: None,
            span: None,
        })
        .collect()
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
