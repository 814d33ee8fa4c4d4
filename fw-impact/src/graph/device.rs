//! Packets through one device: routing, stages, translation.

use super::journey::{Act, Crossing, Disposition, Outcome, Traveller, Visit};
use super::piece::{DESTINATION, Field, Fields, Passage, Piece, SOURCE, Shift, field, moved};
use super::route_table::{Exit, Hop};
use super::side::{DeviceSide, Side};
use crate::packet_set::compile::Via;
use crate::packet_set::condition::{Choice, End};
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
    /// Where nothing tells the egress, only these interfaces, by number.
    pub egress_within: Option<&'a Set>,
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
            egress_within: None,
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
    /// Out by one of several interfaces: the values of a variable.
    Open(usize),
    /// Nowhere.
    Unrouted,
    /// Into nothing.
    Discarded(Option<fw_model::Span>),
}

impl Way {
    fn egress(&self) -> Option<Passage> {
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
        let from_device = query.journey == Journey::FromDevice;
        let start = Situation {
            ingress: ingress.clone(),
            egress: None,
            state: ConnectionState::New,
            tcp_flags: tcp_flags::SYN,
            reply: false,
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
            let (local, rest) = self.split_local(one, query);
            onward.extend(rest);
            for one in local {
                // Packets that were turned to the device are part of the
                // question; those for the device's own address are not.
                if query.journey == Journey::ToDevice || one.traveller.piece.moved() {
                    let arrived = self.stages(vec![one], &pipeline.input, &start, query, ended);
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
            untracked: piece.marks.untracked,
            connection_mark: piece.marks.connection,
            source_by: piece.source_by.clone(),
            destination_by: piece.destination_by.clone(),
        }
    }

    fn stop(
        &self,
        mut inside: Inside,
        ingress: &Option<Passage>,
        disposition: Disposition,
    ) -> Outcome {
        let crossing = self.crossing(&inside, ingress);
        inside.traveller.crossings.push(crossing);
        inside.traveller.end(disposition)
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

    /// Splits packets by the interface they leave by.
    fn route(
        &self,
        traveller: Traveller,
        ingress: Option<&Passage>,
        query: &Query<'_>,
    ) -> Vec<Inside> {
        if let Some(egress) = query.egress {
            let named = self.here.interfaces_named(egress);
            if !named.is_empty() {
                return self.one_of(traveller, &named).into_iter().collect();
            }
        }
        let mut out = Vec::new();
        for (traveller, vrf) in self.by_vrf(traveller, ingress) {
            let table = self.here.routes_of(vrf, traveller.piece.family);
            let current = field(&traveller.piece.current, Dim::Destination);
            let destinations = traveller.piece.values(Dim::Destination, current);
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
                    Exit::Unknown => out.extend(self.anywhere(part, ingress, query)),
                }
            }
        }
        out
    }

    /// Splits packets by the routing table that they meet: the one of the
    /// interface by which they came in.
    fn by_vrf(&self, traveller: Traveller, ingress: Option<&Passage>) -> Vec<(Traveller, String)> {
        let vrf_of = |name: &str| {
            let interface = self.here.device.interface(name);
            interface.map(|i| i.vrf.clone()).unwrap_or_default()
        };
        let Some(open) = ingress.and_then(|i| traveller.piece.way_numbers(i)) else {
            let vrf = match ingress {
                Some(Passage::Interface(name)) => vrf_of(name),
                _ => String::new(),
            };
            return vec![(traveller, vrf)];
        };
        let interfaces = self.here.interfaces();
        let mut vrfs: Vec<String> = interfaces.members(&open).map(|n| vrf_of(n)).collect();
        vrfs.sort();
        vrfs.dedup();
        if let [_] = vrfs.as_slice() {
            return vrfs
                .into_iter()
                .map(|vrf| (traveller.clone(), vrf))
                .collect();
        }
        vrfs.into_iter()
            .filter_map(|vrf| {
                let numbers = Arc::new(interfaces.numbers(|name| vrf_of(name) == vrf));
                let piece = traveller.piece.clone();
                let piece = piece.restrict_way(ingress, &numbers, self.side.conditions)?;
                Some((traveller.with(piece), vrf))
            })
            .collect()
    }

    /// No route tells where packets leave: by any interface but the one by
    /// which they came in.
    fn anywhere(
        &self,
        traveller: Traveller,
        ingress: Option<&Passage>,
        query: &Query<'_>,
    ) -> Option<Inside> {
        let conditions = self.side.conditions;
        let interfaces = self.here.interfaces();
        let mut numbers = Arc::clone(self.here.feasible_interfaces());
        if let Some(Passage::Interface(name)) = ingress
            && let Some(came) = interfaces.number(name)
            && !self.here.several().contains(came)
        {
            numbers = Arc::new(numbers.subtract(&IntervalSet::single(came)));
        }
        if numbers.is_empty() {
            // There is no other way than back.
            let way = match ingress {
                Some(Passage::Interface(name)) => Way::Out(Hop {
                    interface: Arc::clone(name),
                    gateway: None,
                    span: None,
                }),
                Some(Passage::Open(variable)) => Way::Open(*variable),
                None => Way::Unrouted,
            };
            return Some(Inside { traveller, way });
        }
        let mut inside = self.open(traveller, &numbers);
        if let Some(within) = query.egress_within {
            let egress = inside.way.egress();
            let piece = inside.traveller.piece.clone();
            let piece = piece.restrict_way(egress.as_ref(), within, conditions)?;
            inside.traveller = inside.traveller.with(piece);
        }
        match (ingress, &inside.way) {
            (Some(Passage::Open(came)), Way::Open(leaves)) => {
                let (traveller, leaves) = (inside.traveller, *leaves);
                let several = self.here.several();
                let piece = traveller.piece.clone();
                let piece = piece.keep_apart(*came, leaves, several, conditions)?;
                Some(Inside {
                    traveller: traveller.with(piece),
                    way: Way::Open(leaves),
                })
            }
            _ => Some(inside),
        }
    }

    /// Out by one of several interfaces, by number.
    fn open(&self, mut traveller: Traveller, numbers: &Set) -> Inside {
        let interfaces = self.here.interfaces();
        let piece = &mut traveller.piece;
        let passage = piece.open_way(End::Egress, interfaces, numbers, self.side.conditions);
        let way = match passage {
            Passage::Open(variable) => Way::Open(variable),
            Passage::Interface(interface) => Way::Out(Hop {
                interface,
                gateway: None,
                span: None,
            }),
        };
        Inside { traveller, way }
    }

    /// Out by one of several interfaces, by name.
    fn one_of(&self, traveller: Traveller, names: &[Arc<str>]) -> Option<Inside> {
        if let [only] = names {
            let way = Way::Out(Hop {
                interface: Arc::clone(only),
                gateway: None,
                span: None,
            });
            return Some(Inside { traveller, way });
        }
        let interfaces = self.here.interfaces();
        let numbers = interfaces.numbers(|name| names.iter().any(|n| **n == *name));
        (!numbers.is_empty()).then(|| self.open(traveller, &Arc::new(numbers)))
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
        let conditions = self.side.conditions;
        let interfaces = self.here.interfaces();
        let choice = Choice::Way(End::Egress, Arc::clone(interfaces));
        let numbers = interfaces.numbers(|name| hops.iter().any(|h| *h.interface == *name));
        let (chosen, known) =
            conditions.chosen(&choice, &Arc::new(numbers), &traveller.piece.assumed);
        hops.iter()
            .filter_map(|hop| {
                let number = IntervalSet::single(interfaces.number(&hop.interface)?);
                if !chosen.meets(&number) {
                    return None;
                }
                let mut one = traveller.clone();
                if known.is_none() || chosen.count() > 1 {
                    let literal = conditions.choice(&choice, &Arc::new(number));
                    one.piece.assumed = one.piece.assumed.and(&[literal]);
                }
                Some(Inside {
                    traveller: one,
                    way: Way::Out(hop.clone()),
                })
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
        let egress = situation.egress.clone().or_else(|| inside.way.egress());
        let ends = [situation.ingress.as_ref(), egress.as_ref()];
        let region = piece.region(&fields, ends);
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
        let parts = self.by_protocol(inside, translation);
        let parts = parts
            .into_iter()
            .flat_map(|one| self.by_address(one, translation, situation));
        for mut one in parts {
            let egress = one.way.egress();
            let name = &translation.name;
            let piece = &mut one.traveller.piece;
            let [mut source, mut destination, mut service, mut port] = piece.current;
            if let Some(change) = &translation.source {
                source = self.address(piece, source, change, name, situation, egress.as_ref());
                piece.source_by = Some(name.as_str().into());
            }
            if let Some(change) = &translation.destination {
                destination =
                    self.address(piece, destination, change, name, situation, egress.as_ref());
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
                    out.extend(self.route(one.traveller, situation.ingress.as_ref(), query));
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

    /// A translation to the address of an open end is another one for each
    /// interface whose address is known: one part for each of them, and one for
    /// all others.
    fn by_address(
        &self,
        inside: Inside,
        translation: &Translation,
        situation: &Situation,
    ) -> Vec<Inside> {
        let wanted = |change: AddressTranslation| {
            [&translation.source, &translation.destination]
                .into_iter()
                .flatten()
                .any(|c| *c == change)
        };
        let interfaces = self.here.interfaces();
        let mut parts = vec![inside];
        for (change, end) in [
            (AddressTranslation::EgressInterface, End::Egress),
            (AddressTranslation::IngressInterface, End::Ingress),
        ] {
            if !wanted(change) {
                continue;
            }
            parts = parts
                .into_iter()
                .flat_map(|one| {
                    let passage = match end {
                        End::Egress => one.way.egress(),
                        End::Ingress => situation.ingress.clone(),
                    };
                    let piece = &one.traveller.piece;
                    let Some(open) = passage.as_ref().and_then(|p| piece.way_numbers(p)) else {
                        return vec![one];
                    };
                    let family = piece.family;
                    let known = interfaces.numbers(|n| self.own_address(n, family).is_some());
                    let known = open.intersect(&known);
                    let singles = known
                        .ranges()
                        .iter()
                        .flat_map(|&(low, high)| low..=high)
                        .map(IntervalSet::single);
                    singles
                        .chain([open.subtract(&known)])
                        .filter(|numbers| !numbers.is_empty())
                        .filter_map(|numbers| {
                            let piece = one.traveller.piece.clone();
                            let piece = piece.restrict_way(
                                passage.as_ref(),
                                &Arc::new(numbers),
                                self.side.conditions,
                            )?;
                            Some(Inside {
                                traveller: one.traveller.with(piece),
                                way: one.way.clone(),
                            })
                        })
                        .collect()
                })
                .collect();
        }
        parts
    }

    fn own_address(&self, interface: &str, family: Family) -> Option<u128> {
        let interface = self.here.device.interface(interface)?;
        let net = interface
            .addresses
            .iter()
            .find(|a| Family::of(a.addr()) == family)?;
        Some(bits(net.addr()))
    }

    fn address(
        &self,
        piece: &mut Piece,
        old: Field,
        change: &AddressTranslation,
        name: &str,
        situation: &Situation,
        egress: Option<&Passage>,
    ) -> Field {
        let family = piece.family;
        let of_interface = |piece: &mut Piece, end: &str, passage: Option<&Passage>| {
            let names = passage.map(|p| piece.interfaces(p)).unwrap_or_default();
            let only = match names.as_slice() {
                [only] => Some(&**only),
                _ => None,
            };
            if let Some(own) = only.and_then(|name| self.own_address(name, family)) {
                return piece.constant(own);
            }
            let name = match only {
                Some(name) => format!("the address of {name}"),
                None => format!("the address of the {end} interface"),
            };
            let any: Set = Arc::new(IntervalSet::range(0, family.max()));
            piece.choice(name.into(), any, self.side.conditions)
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
            AddressTranslation::EgressInterface => of_interface(piece, "egress", egress),
            AddressTranslation::IngressInterface => {
                of_interface(piece, "ingress", situation.ingress.as_ref())
            }
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
