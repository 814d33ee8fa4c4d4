//! The concrete meaning of the model: one packet through one device, rule by
//! rule.
//!
//! This is the reference that the symbolic engine is tested against, so it is
//! written to be obviously right and not to be fast.

mod matching;
mod reply;
mod translate;

pub use matching::{MUST_BE_IDENTIFIED, open_condition};
pub use reply::{evaluate_reply, evaluate_stray};

use crate::device::{Device, Stage, StageKind};
use crate::filter::{Action, FilterId, PacketEffect, Rule};
use crate::match_expr::{CivilMinute, Condition, MarkRegister};
use crate::nat::Translation;
use crate::packet::{ConnectionState, Packet, tcp_flags};
use crate::route::{RouteDecision, lookup};
use crate::source::Span;
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
}
