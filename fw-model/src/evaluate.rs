//! The concrete meaning of the model: one packet through one device, rule by
//! rule.
//!
//! This is the reference that the symbolic engine is tested against, so it is
//! written to be obviously right and not to be fast.

use crate::address::{AddressSet, Family, bits};
use crate::device::{Device, Stage, StageKind, View};
use crate::filter::{Action, FilterId, PacketEffect, Rule};
use crate::match_expr::{
    CivilMinute, Condition, ConditionKind, Dimension, MarkRegister, MatchExpr,
};
use crate::nat::{AddressTranslation, PortTranslation, Translation};
use crate::packet::{ConnectionState, Packet, tcp_flags};
use crate::route::{RouteDecision, lookup};
use crate::service::TCP;
use crate::source::Span;
use std::net::IpAddr;
use std::sync::Arc;

/// How deep lists may jump into each other. Real devices allow 16.
pub const JUMP_DEPTH: usize = 64;

/// Which way a packet takes through a device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Journey {
    /// From the network, to wherever its destination is.
    Through,
    /// From the network to the device itself, unless it is translated away.
    ToDevice,
    /// From the device itself.
    FromDevice,
}

/// Everything that a verdict depends on besides the packet.
#[derive(Clone)]
pub struct Context<'a> {
    /// Which way the packet takes.
    pub journey: Journey,
    /// The interface by which it came in.
    pub ingress: Option<&'a str>,
    /// The interface by which it leaves, where the routes need not be asked.
    pub egress: Option<&'a str>,
    /// The connection tracker's state for it.
    pub state: ConnectionState,
    /// Its TCP flags.
    pub tcp_flags: u8,
    /// The time.
    pub now: CivilMinute,
    /// The application, if the flow names one.
    pub application: Option<&'a str>,
    /// The user, if the flow names one (`Some(None)`: none).
    pub user: Option<Option<&'a str>>,
    /// Whether a condition that cannot be decided holds.
    pub holds: &'a dyn Fn(&Condition) -> bool,
}

impl<'a> Context<'a> {
    /// The first packet of a connection through the device, with every
    /// undecidable condition failing.
    #[must_use]
    pub fn first_packet(ingress: &'a str, egress: Option<&'a str>) -> Self {
        Self {
            journey: Journey::Through,
            ingress: Some(ingress),
            egress,
            state: ConnectionState::New,
            tcp_flags: tcp_flags::SYN,
            now: 0,
            application: None,
            user: None,
            holds: &|_| false,
        }
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Disposition {
    /// It leaves, or reaches the device itself.
    Permitted,
    /// A rule dropped it.
    Denied,
    /// No route, or a route that drops it.
    Unrouted,
}

/// One decision on the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The stage's name.
    pub stage: String,
    /// The list's name.
    pub filter: String,
    /// The rule's name.
    pub rule: String,
    /// Where the rule stands.
    pub span: Option<Span>,
    /// What it did: `permit`, `deny`, `translate`...
    pub action: &'static str,
}

/// A packet's way through a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evaluation {
    /// The end of it.
    pub disposition: Disposition,
    /// The packet as it came in.
    pub original: Packet,
    /// The packet as it leaves.
    pub translated: Packet,
    /// The interface by which it leaves.
    pub egress: Option<String>,
    /// The connection tracker ignored it.
    pub untracked: bool,
    /// It was for the device itself, at last.
    pub local: bool,
    /// The deciding rules, in order.
    pub steps: Vec<Step>,
}

/// How the text of a condition on the application ends.
pub const MUST_BE_IDENTIFIED: &str = "must be identified";

/// The condition that stands for a part of an expression which the context
/// leaves open, if `part` is such a part. `local` is the address that is known
/// to be the device's own, because the packet is to it or of it.
#[must_use]
pub fn open_condition(
    part: &MatchExpr,
    device: &Device,
    application: Option<&str>,
    user: Option<Option<&str>>,
    local: Option<Dimension>,
) -> Option<Arc<Condition>> {
    let condition = |key: String, kind, text: String| {
        Some(Arc::new(Condition {
            key,
            kind,
            text,
            span: None,
        }))
    };
    match part {
        MatchExpr::Opaque(c) => Some(Arc::clone(c)),
        MatchExpr::Application(names) if application.is_none() => {
            let names = names.join(", ");
            condition(
                format!("application {names}"),
                ConditionKind::Content,
                format!("application {names} {MUST_BE_IDENTIFIED}"),
            )
        }
        MatchExpr::DefaultPort(ports) => match application {
            None => {
                let text = "the application runs on a default port of its own".to_owned();
                condition(text.clone(), ConditionKind::Content, text)
            }
            Some(name) if !ports.0.contains_key(name) => {
                let text = format!("default ports of application {name}");
                condition(text.clone(), ConditionKind::Environment, text)
            }
            Some(_) => None,
        },
        MatchExpr::User(names) if user.is_none() => {
            let names = if names.is_empty() {
                "known".to_owned()
            } else {
                names.join(", ")
            };
            condition(
                format!("user {names}"),
                ConditionKind::User,
                format!("user {names}"),
            )
        }
        MatchExpr::Local(dimension) if !device.interfaces_complete && local != Some(*dimension) => {
            condition(
                format!("local {dimension:?}"),
                ConditionKind::Environment,
                format!("{dimension:?} address is the device's own").to_lowercase(),
            )
        }
        _ => None,
    }
}

struct State<'a> {
    device: &'a Device,
    context: &'a Context<'a>,
    original: Packet,
    current: Packet,
    /// The packet that opened the connection, as it entered; `current` is
    /// its reply or itself.
    first: Packet,
    egress: Option<String>,
    packet_mark: u32,
    connection_mark: u32,
    untracked: bool,
    /// The destination was translated to the device's own address.
    redirected: bool,
    /// The destination was taken from a pool. That it may be the same address
    /// as before does not make it one of the device's.
    chosen: bool,
    /// It is an answer.
    reply: bool,
    local: bool,
    source_by: Option<String>,
    destination_by: Option<String>,
    steps: Vec<Step>,
}

enum Outcome {
    Permit,
    Deny,
    Translate(Arc<Translation>),
    Return,
}

/// Follows the first packet of a connection through a device.
#[must_use]
pub fn evaluate(device: &Device, packet: Packet, context: &Context<'_>) -> Evaluation {
    let mut state = State::of(device, packet, context);
    let disposition = state.run();
    Evaluation {
        disposition,
        original: packet,
        translated: state.current,
        egress: state.egress,
        untracked: state.untracked,
        local: state.local,
        steps: state.steps,
    }
}

/// Follows the reply to a permitted packet back through the same device:
/// automatic where the device permits replies by itself, else through the
/// policies with the ends swapped.
#[must_use]
pub fn evaluate_reply(device: &Device, forward: &Evaluation, context: &Context<'_>) -> Disposition {
    let sent = forward.translated;
    // A connection does not help where a route drops what goes back.
    if let Some(came) = context.ingress {
        let back_by = match forward.egress.as_deref() {
            Some(egress) if !forward.local => egress,
            _ => came,
        };
        let vrf = device.interface(back_by).map_or("", |i| i.vrf.as_str());
        if let RouteDecision::Discarded(_) = lookup(device, vrf, forward.original.source) {
            return Disposition::Unrouted;
        }
    }
    if device
        .automatic_replies
        .contains(sent.service(), sent.source_port)
    {
        return Disposition::Permitted;
    }
    // A rule has to ignore the reply as well; else the tracker looks at it
    // without knowing the first packet.
    let state = if !device.tracks_connections {
        ConnectionState::New
    } else if forward.untracked {
        ConnectionState::of_unexpected_reply(sent.protocol)
    } else {
        ConnectionState::Established
    };
    // A translation may have turned a packet away from the device, or to it.
    let journey = match context.journey {
        Journey::FromDevice => Journey::ToDevice,
        Journey::Through | Journey::ToDevice if forward.local => Journey::FromDevice,
        Journey::Through | Journey::ToDevice => Journey::Through,
    };
    let reply_context = Context {
        journey,
        // What the device itself sends came in by no interface.
        ingress: match journey {
            Journey::FromDevice => None,
            Journey::Through | Journey::ToDevice => forward.egress.as_deref(),
        },
        egress: context.ingress,
        state,
        tcp_flags: tcp_flags::SYN | tcp_flags::ACK,
        ..context.clone()
    };
    let outer = sent.reply();
    let inner = Packet {
        destination: forward.original.source,
        destination_port: if crate::service::has_ports(sent.protocol) {
            forward.original.source_port
        } else {
            outer.destination_port
        },
        ..outer
    };
    let mut walk = State {
        first: forward.original,
        egress: context.ingress.map(str::to_owned),
        reply: true,
        ..State::of(device, outer, &reply_context)
    };
    let pipeline = &device.pipeline;
    let (first, last) = match journey {
        Journey::FromDevice => (&pipeline.output, &pipeline.postrouting),
        Journey::ToDevice => (&pipeline.prerouting, &pipeline.input),
        Journey::Through => (&pipeline.prerouting, &pipeline.forward),
    };
    if journey == Journey::FromDevice {
        walk.current = inner;
        walk.original = inner;
    }
    if !walk.policies(first) {
        return Disposition::Denied;
    }
    // Nothing undoes the translation for a packet that the tracker ignores.
    if walk.untracked && forward.translated != forward.original {
        return Disposition::Denied;
    }
    walk.current = inner;
    walk.original = inner;
    if !walk.policies(last) {
        return Disposition::Denied;
    }
    if journey == Journey::Through && !walk.policies(&pipeline.postrouting) {
        return Disposition::Denied;
    }
    Disposition::Permitted
}

/// Judges a packet that belongs to a connection which the device does not know
/// (or not so) by its policies alone: no translation but for packets that the
/// tracker takes for new ones. `egress` is where it leaves.
#[must_use]
pub fn evaluate_stray(
    device: &Device,
    packet: Packet,
    egress: Option<&str>,
    context: &Context<'_>,
) -> Disposition {
    let mut walk = State {
        egress: egress.map(str::to_owned),
        reply: true,
        ..State::of(device, packet, context)
    };
    let pipeline = &device.pipeline;
    let passes = [
        &pipeline.prerouting,
        &pipeline.forward,
        &pipeline.postrouting,
    ]
    .into_iter()
    .all(|stages| walk.policies(stages));
    if passes {
        Disposition::Permitted
    } else {
        Disposition::Denied
    }
}

impl<'a> State<'a> {
    /// The first packet of a connection, before any stage.
    const fn of(device: &'a Device, packet: Packet, context: &'a Context<'a>) -> Self {
        Self {
            device,
            context,
            original: packet,
            current: packet,
            first: packet,
            egress: None,
            packet_mark: 0,
            connection_mark: 0,
            untracked: false,
            redirected: false,
            chosen: false,
            reply: false,
            local: false,
            source_by: None,
            destination_by: None,
            steps: Vec::new(),
        }
    }

    fn run(&mut self) -> Disposition {
        let pipeline = &self.device.pipeline;
        self.route();
        let last = if self.context.journey == Journey::FromDevice {
            &pipeline.output
        } else {
            if !self.stages(&pipeline.prerouting) {
                return Disposition::Denied;
            }
            let own = self
                .device
                .own_addresses()
                .contains(self.current.destination);
            let moved = self.chosen || self.current.destination != self.original.destination;
            let local = match self.context.journey {
                Journey::ToDevice => !moved || own || self.redirected,
                _ => own || self.redirected,
            };
            self.local = local;
            if local {
                return if self.stages(&pipeline.input) {
                    Disposition::Permitted
                } else {
                    Disposition::Denied
                };
            }
            &pipeline.forward
        };
        if self.egress.is_none() {
            return Disposition::Unrouted;
        }
        if !self.stages(last) {
            return Disposition::Denied;
        }
        if !self.stages(&pipeline.postrouting) {
            return Disposition::Denied;
        }
        Disposition::Permitted
    }

    fn vrf(&self) -> String {
        self.context
            .ingress
            .and_then(|name| self.device.interface(name))
            .map(|i| i.vrf.clone())
            .unwrap_or_default()
    }

    fn route(&mut self) {
        if let Some(egress) = self.context.egress {
            self.egress = Some(egress.to_owned());
            return;
        }
        let vrf = self.vrf();
        self.egress = match lookup(self.device, &vrf, self.current.destination) {
            RouteDecision::Leaves(by) => by.first().map(|(name, _)| (*name).to_owned()),
            RouteDecision::Discarded(_) | RouteDecision::Down | RouteDecision::Unrouted => None,
        };
    }

    /// False if a stage dropped the packet.
    fn stages(&mut self, stages: &[Stage]) -> bool {
        stages.iter().all(|stage| {
            if stage.kind == StageKind::Nat && self.untracked {
                return true;
            }
            match self.filter(stage, stage.filter, 0) {
                Outcome::Deny => false,
                Outcome::Translate(translation) => {
                    self.translate(&translation);
                    true
                }
                Outcome::Permit | Outcome::Return => true,
            }
        })
    }

    /// The stages that a reply meets. False if one of them stops it.
    fn policies(&mut self, stages: &[Stage]) -> bool {
        // An answer that the tracker takes for a new connection is translated
        // like one, and then is not what its receiver waits for.
        let unexpected =
            self.device.tracks_connections && self.context.state == ConnectionState::New;
        stages.iter().all(|stage| match stage.kind {
            StageKind::Policy => !matches!(self.filter(stage, stage.filter, 0), Outcome::Deny),
            StageKind::Nat if unexpected && !self.untracked => !matches!(
                self.filter(stage, stage.filter, 0),
                Outcome::Deny | Outcome::Translate(_)
            ),
            StageKind::Nat => true,
        })
    }

    fn filter(&mut self, stage: &Stage, id: FilterId, depth: usize) -> Outcome {
        let device = self.device;
        let Some(filter) = device.filter(id) else {
            return Outcome::Return;
        };
        if depth > JUMP_DEPTH {
            return Outcome::Deny;
        }
        for rule in &filter.rules {
            if !self.matches(&rule.match_expr, stage.view) {
                continue;
            }
            match self.act(stage, &filter.name, rule, depth) {
                Some(Outcome::Return) => break,
                Some(outcome) => return outcome,
                None => {}
            }
        }
        // A list that only is jumped to has `Return` as its default.
        match self.act(stage, &filter.name, &filter.default, depth) {
            Some(outcome) => outcome,
            None => Outcome::Return,
        }
    }

    /// `None`: go on with the next rule. `Return`: this list is done.
    fn act(&mut self, stage: &Stage, filter: &str, rule: &Rule, depth: usize) -> Option<Outcome> {
        for effect in &rule.effects {
            self.apply(effect);
        }
        let mut step = |action: &'static str| {
            self.steps.push(Step {
                stage: stage.name.clone(),
                filter: filter.to_owned(),
                rule: rule.name.clone(),
                span: rule.span,
                action,
            });
        };
        match &rule.action {
            Action::Permit => {
                step("permit");
                Some(Outcome::Permit)
            }
            Action::Deny => {
                step("deny");
                Some(Outcome::Deny)
            }
            Action::Reject => {
                step("reject");
                Some(Outcome::Deny)
            }
            Action::Translate(translation) => {
                step("translate");
                Some(Outcome::Translate(Arc::clone(translation)))
            }
            Action::Opaque(condition) => {
                let permits = (self.context.holds)(condition);
                step(if permits { "permit" } else { "deny" });
                Some(if permits {
                    Outcome::Permit
                } else {
                    Outcome::Deny
                })
            }
            Action::Return => Some(Outcome::Return),
            Action::Continue => None,
            Action::Jump(target) => match self.filter(stage, *target, depth + 1) {
                Outcome::Return => None,
                outcome => Some(outcome),
            },
            Action::Goto(target) => Some(self.filter(stage, *target, depth + 1)),
        }
    }

    fn apply(&mut self, effect: &PacketEffect) {
        match *effect {
            PacketEffect::SetMark {
                register,
                mask,
                value,
            } => {
                let mark = self.mark(register);
                *mark = (*mark & !mask) ^ value;
            }
            PacketEffect::CopyMark { from, to, mask } => {
                let read = *self.mark(from);
                let mark = self.mark(to);
                *mark = (*mark & !mask) ^ (read & mask);
            }
            PacketEffect::NoTrack => self.untracked = true,
        }
    }

    fn mark(&mut self, register: MarkRegister) -> &mut u32 {
        match register {
            MarkRegister::Packet => &mut self.packet_mark,
            MarkRegister::Connection => &mut self.connection_mark,
        }
    }

    fn seen(&self, view: View) -> Packet {
        let (original, current) = (self.original, self.current);
        let pick = |keep: bool| if keep { original } else { current };
        Packet {
            source: pick(view.original_source).source,
            source_port: pick(view.original_source).source_port,
            destination: pick(view.original_destination).destination,
            destination_port: pick(view.original_service).destination_port,
            protocol: current.protocol,
        }
    }

    /// The address that is the device's own because of the packet's journey,
    /// as long as nothing has translated it.
    fn known_local(&self, packet: Packet) -> Option<Dimension> {
        match self.context.journey {
            _ if self.reply => None,
            Journey::ToDevice if packet.destination == self.original.destination => {
                Some(Dimension::Destination)
            }
            Journey::FromDevice if packet.source == self.original.source => Some(Dimension::Source),
            _ => None,
        }
    }

    fn matches(&self, expr: &MatchExpr, view: View) -> bool {
        self.holds(expr, self.seen(view), false)
    }

    /// Whether a condition holds for `packet`: the one at hand, or the `first`
    /// of its connection.
    fn holds(&self, expr: &MatchExpr, packet: Packet, first: bool) -> bool {
        let (came, left) = (self.context.ingress, self.egress.as_deref());
        let (came, left) = if first && self.reply {
            (left, came)
        } else {
            (came, left)
        };
        let local = if first {
            None
        } else {
            self.known_local(packet)
        };
        if let Some(condition) = open_condition(
            expr,
            self.device,
            self.context.application,
            self.context.user,
            local,
        ) {
            return (self.context.holds)(&condition);
        }
        match expr {
            MatchExpr::Always => true,
            MatchExpr::Never | MatchExpr::Opaque(_) => false,
            MatchExpr::All(parts) => parts.iter().all(|p| self.holds(p, packet, first)),
            MatchExpr::Any(parts) => parts.iter().any(|p| self.holds(p, packet, first)),
            MatchExpr::Not(part) => !self.holds(part, packet, first),
            MatchExpr::Source(set) => set.contains(packet.source),
            MatchExpr::Destination(set) => set.contains(packet.destination),
            MatchExpr::Service(set) => set.contains(packet.service(), packet.source_port),
            MatchExpr::Family(family) => packet.family() == *family,
            MatchExpr::Ingress(set) => came.is_some_and(|n| set.contains(n)),
            MatchExpr::Egress(set) => left.is_some_and(|n| set.contains(n)),
            MatchExpr::State(set) => set.contains(if self.untracked {
                ConnectionState::Untracked
            } else {
                self.context.state
            }),
            MatchExpr::TcpFlags { mask, value } => {
                packet.protocol == TCP && self.context.tcp_flags & mask == *value
            }
            MatchExpr::Mark {
                register,
                mask,
                value,
            } => {
                let mark = match register {
                    MarkRegister::Packet => self.packet_mark,
                    MarkRegister::Connection => self.connection_mark,
                };
                mark & mask == *value
            }
            MatchExpr::Translated(dimension, names) => {
                let by = match dimension {
                    Dimension::Source => &self.source_by,
                    Dimension::Destination => &self.destination_by,
                };
                let (was, is) = (self.original, self.current);
                let changed = match dimension {
                    Dimension::Source => {
                        (was.source, was.source_port) != (is.source, is.source_port)
                    }
                    Dimension::Destination => {
                        (was.destination, was.destination_port)
                            != (is.destination, is.destination_port)
                    }
                };
                by.as_ref()
                    .is_some_and(|by| names.as_ref().map_or(changed, |n| n.contains(by)))
            }
            MatchExpr::Application(names) => self
                .context
                .application
                .is_some_and(|a| names.iter().any(|n| n == a)),
            MatchExpr::DefaultPort(ports) => self
                .context
                .application
                .and_then(|name| ports.0.get(name))
                .is_some_and(|set| set.contains(packet.service(), packet.source_port)),
            MatchExpr::User(names) => match self.context.user {
                Some(Some(user)) => names.is_empty() || names.iter().any(|n| n == user),
                Some(None) | None => false,
            },
            MatchExpr::Schedule(schedule) => schedule.active(self.context.now),
            MatchExpr::Local(dimension) => {
                let address = match dimension {
                    Dimension::Source => packet.source,
                    Dimension::Destination => packet.destination,
                };
                local == Some(*dimension) || self.device.own_addresses().contains(address)
            }
            MatchExpr::Original(part) => self.holds(part, self.first, true),
        }
    }

    fn translate(&mut self, translation: &Translation) {
        let family = self.current.family();
        if let Some(change) = &translation.source {
            self.current.source = self.translated(change, self.current.source, family);
            self.source_by = Some(translation.name.clone());
        }
        if let Some(change) = &translation.destination {
            self.current.destination = self.translated(change, self.current.destination, family);
            // The address of one of its interfaces is the device itself, even
            // where the configuration does not say which address that is.
            self.redirected = *change == AddressTranslation::IngressInterface;
            self.chosen |= !matches!(change, AddressTranslation::Shift { .. });
            self.destination_by = Some(translation.name.clone());
        }
        if let Some(change) = &translation.source_port {
            self.current.source_port = translated_port(change, self.current.source_port);
        }
        if let Some(change) = &translation.destination_port {
            self.current.destination_port = translated_port(change, self.current.destination_port);
        }
        if let Some(egress) = &translation.egress {
            self.egress = Some(egress.clone());
        } else if translation.destination.is_some() {
            self.route();
        }
    }

    fn translated(&self, change: &AddressTranslation, address: IpAddr, family: Family) -> IpAddr {
        let own = |name: Option<&str>| {
            name.and_then(|n| self.device.interface(n))
                .and_then(|i| i.addresses.iter().find(|a| Family::of(a.addr()) == family))
                .map_or(address, |net| net.addr())
        };
        match change {
            AddressTranslation::Shift { from, to } => {
                let moved = bits(address).wrapping_sub(*from).wrapping_add(*to);
                family.address(moved & family.max())
            }
            AddressTranslation::Pool(set) => first_of(set, family).unwrap_or(address),
            AddressTranslation::EgressInterface => own(self.egress.as_deref()),
            AddressTranslation::IngressInterface => own(self.context.ingress),
        }
    }
}

fn first_of(set: &AddressSet, family: Family) -> Option<IpAddr> {
    Some(family.address(set.family(family).first()?))
}

fn translated_port(change: &PortTranslation, port: u16) -> u16 {
    match change {
        PortTranslation::Shift { from, to } => port.wrapping_sub(*from).wrapping_add(*to),
        PortTranslation::Pool(set) if set.contains(port.into()) => port,
        PortTranslation::Pool(set) => set
            .first()
            .and_then(|p| u16::try_from(p).ok())
            .unwrap_or(port),
    }
}
