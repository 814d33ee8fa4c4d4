//! What a rule asks of a packet.

use crate::address::{AddressSet, Family};
use crate::packet::StateSet;
use crate::service::ServiceSet;
use crate::source::Span;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A condition on a packet and its context. All of it is exact except
/// [`MatchExpr::Opaque`], which stands for a condition that is not understood
/// or cannot be decided from the configuration.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum MatchExpr {
    /// Matches everything.
    Always,
    /// Matches nothing.
    Never,
    /// Every part matches.
    All(Vec<MatchExpr>),
    /// At least one part matches.
    Any(Vec<MatchExpr>),
    /// The part does not match.
    Not(Box<MatchExpr>),
    /// The source address is a member.
    Source(Arc<AddressSet>),
    /// The destination address is a member.
    Destination(Arc<AddressSet>),
    /// Protocol and ports are a member.
    Service(Arc<ServiceSet>),
    /// The packet is of this family.
    Family(Family),
    /// The packet came in by one of these interfaces.
    Ingress(Arc<InterfaceSet>),
    /// The packet leaves by one of these interfaces.
    Egress(Arc<InterfaceSet>),
    /// The connection tracker's state is one of these.
    State(StateSet),
    /// TCP flags, looked at through `mask`, equal `value`. False for other
    /// protocols.
    TcpFlags {
        /// The bits that are looked at.
        mask: u8,
        /// Their values.
        value: u8,
    },
    /// The mark, looked at through `mask`, equals `value`.
    Mark {
        /// Which mark.
        register: MarkRegister,
        /// The bits that are looked at.
        mask: u32,
        /// Their values.
        value: u32,
    },
    /// The address of `Dimension` was translated: by one of the named rules
    /// ([`crate::nat::Translation::name`]), or by any, if that changed the
    /// address or its port (a translation to what is there already is none).
    Translated(Dimension, Option<Arc<[String]>>),
    /// The application, once identified, is one of these.
    Application(Arc<[String]>),
    /// The application, once identified, runs on one of its default ports.
    DefaultPort(Arc<DefaultPorts>),
    /// The user is one of these. An empty list stands for "any known user".
    User(Arc<[String]>),
    /// The current time is within the schedule.
    Schedule(Arc<Schedule>),
    /// The address is one of the device's own.
    Local(Dimension),
    /// The part holds for the first packet of the connection as it entered
    /// the device, before any translation. A reply is judged by the packet
    /// that it answers.
    Original(Box<MatchExpr>),
    /// A condition that may or may not hold.
    Opaque(Arc<Condition>),
}

/// The services on which applications run by default.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DefaultPorts(pub BTreeMap<String, ServiceSet>);

impl Hash for DefaultPorts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The tables of a comparison are few, and their names tell them apart.
        self.0.len().hash(state);
    }
}

impl fmt::Debug for DefaultPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DefaultPorts({} applications)", self.0.len())
    }
}

/// Which mark of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum MarkRegister {
    /// The packet's own mark.
    Packet,
    /// The mark of its connection.
    Connection,
}

/// An address dimension of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Dimension {
    /// The source address.
    Source,
    /// The destination address.
    Destination,
}

/// A condition that cannot be decided. Two conditions with the same `key`
/// hold or fail together, on both sides of a comparison; so they are equal,
/// wherever they stand.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Identity: the normalized text with all references resolved, and the
    /// address it looks at. Never holds a line number or a rule name.
    pub key: String,
    /// Why it cannot be decided.
    pub kind: ConditionKind,
    /// The words of the configuration, for reports.
    pub text: String,
    /// Where it stands.
    pub span: Option<Span>,
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Condition {}

impl std::hash::Hash for Condition {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

/// Why a [`Condition`] cannot be decided.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ConditionKind {
    /// The text is not understood.
    NotUnderstood,
    /// An address given by a name (host name, dynamic group, tag, list, country)
    /// that a resolve file may supply: the name, and the address it is for.
    Name(String, Dimension),
    /// Depends on the packet's content or on identification of it.
    Content,
    /// Depends on who sends it.
    User,
    /// Depends on rate, counters, chance or history.
    Rate,
    /// Depends on the time.
    Time,
    /// Depends on something outside the configuration.
    Environment,
    /// Depends on a gateway at the far end of a tunnel, which the snapshot does
    /// not hold: whether it carries the packets on.
    Tunnel,
    /// Depends on the way the packets take, which the snapshot does not tell.
    Path,
}

/// A set of interfaces by name.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct InterfaceSet {
    /// Exact names.
    pub names: Vec<String>,
    /// Name prefixes (`lan+`, `lan*`).
    pub prefixes: Vec<String>,
}

impl InterfaceSet {
    /// One exact name.
    #[must_use]
    pub fn name(name: impl Into<String>) -> Self {
        Self {
            names: vec![name.into()],
            prefixes: Vec::new(),
        }
    }

    /// Exact names.
    #[must_use]
    pub fn names(names: impl IntoIterator<Item = String>) -> Self {
        Self {
            names: names.into_iter().collect(),
            prefixes: Vec::new(),
        }
    }

    /// True if `name` is a member.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|n| n == name)
            || self.prefixes.iter().any(|p| name.starts_with(p.as_str()))
    }
}

/// Civil minutes since 1970-01-01 00:00 on the device's own clock.
pub type CivilMinute = i64;

/// When a rule is in force: within any of the absolute ranges (none given:
/// always) and within any of the weekly ones (none given: always).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Schedule {
    /// The name in the configuration.
    pub name: String,
    /// `start..end`, either of them open.
    pub absolute: Vec<(Option<CivilMinute>, Option<CivilMinute>)>,
    /// Minutes of the week, Monday 00:00 = 0, `start..end`, `end` up to 10080.
    pub weekly: Vec<(u32, u32)>,
    /// Never in force, whatever the ranges say.
    pub never: bool,
}

/// Minutes of a week.
pub const WEEK: i64 = 7 * 24 * 60;

impl Schedule {
    /// True if the schedule is in force at `now`.
    #[must_use]
    pub fn active(&self, now: CivilMinute) -> bool {
        // 1970-01-01 was a Thursday, three days after a Monday.
        let minute = (now + 3 * 24 * 60).rem_euclid(WEEK) as u32;
        let within = self.absolute.is_empty()
            || self
                .absolute
                .iter()
                .any(|(a, b)| a.is_none_or(|a| a <= now) && b.is_none_or(|b| now < b));
        let weekly =
            self.weekly.is_empty() || self.weekly.iter().any(|&(a, b)| a <= minute && minute < b);
        !self.never && within && weekly
    }

    /// The next instants after `now` and up to `until` at which an absolute
    /// range starts or ends, sorted.
    #[must_use]
    pub fn changes(&self, now: CivilMinute, until: CivilMinute) -> Vec<CivilMinute> {
        let mut out: Vec<CivilMinute> = self
            .absolute
            .iter()
            .flat_map(|&(a, b)| [a, b])
            .flatten()
            .filter(|&t| now < t && t <= until)
            .collect();
        out.sort_unstable();
        out.dedup();
        out
    }
}

impl MatchExpr {
    /// `parts` joined by "and", flattened; no parts match everything.
    #[must_use]
    pub fn all(parts: impl IntoIterator<Item = MatchExpr>) -> Self {
        let mut out = Vec::new();
        for part in parts {
            match part {
                Self::Always => {}
                Self::Never => return Self::Never,
                Self::All(inner) => out.extend(inner),
                other => out.push(other),
            }
        }
        match out.len() {
            0 => Self::Always,
            1 => out.pop().unwrap_or(Self::Always),
            _ => Self::All(out),
        }
    }

    /// `parts` joined by "or", flattened; no parts match nothing.
    #[must_use]
    pub fn any(parts: impl IntoIterator<Item = MatchExpr>) -> Self {
        let mut out = Vec::new();
        for part in parts {
            match part {
                Self::Never => {}
                Self::Always => return Self::Always,
                Self::Any(inner) => out.extend(inner),
                other => out.push(other),
            }
        }
        match out.len() {
            0 => Self::Never,
            1 => out.pop().unwrap_or(Self::Never),
            _ => Self::Any(out),
        }
    }

    /// The opposite.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Source address in `set`.
    #[must_use]
    pub fn source(set: AddressSet) -> Self {
        Self::Source(Arc::new(set))
    }

    /// Destination address in `set`.
    #[must_use]
    pub fn destination(set: AddressSet) -> Self {
        Self::Destination(Arc::new(set))
    }

    /// Service in `set`.
    #[must_use]
    pub fn service(set: ServiceSet) -> Self {
        Self::Service(Arc::new(set))
    }

    /// Address of `dimension` in `set`.
    #[must_use]
    pub fn address(dimension: Dimension, set: Arc<AddressSet>) -> Self {
        match dimension {
            Dimension::Source => Self::Source(set),
            Dimension::Destination => Self::Destination(set),
        }
    }

    /// A condition that is not understood.
    #[must_use]
    pub fn opaque(
        kind: ConditionKind,
        key: impl Into<String>,
        text: impl Into<String>,
        span: Option<Span>,
    ) -> Self {
        Self::Opaque(Arc::new(Condition {
            key: key.into(),
            kind,
            text: text.into(),
            span,
        }))
    }

    /// Calls `visit` on this expression and all parts of it.
    pub fn walk(&self, visit: &mut dyn FnMut(&MatchExpr)) {
        visit(self);
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.walk(visit);
                }
            }
            Self::Not(part) | Self::Original(part) => part.walk(visit),
            _ => {}
        }
    }

    /// Replaces every part for which `with` returns something.
    #[must_use]
    pub fn replace(&self, with: &dyn Fn(&MatchExpr) -> Option<MatchExpr>) -> Self {
        if let Some(new) = with(self) {
            return new;
        }
        match self {
            Self::All(parts) => Self::all(parts.iter().map(|p| p.replace(with))),
            Self::Any(parts) => Self::any(parts.iter().map(|p| p.replace(with))),
            Self::Not(part) => part.replace(with).negate(),
            Self::Original(part) => Self::Original(Box::new(part.replace(with))),
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junctions_simplify() {
        assert_eq!(MatchExpr::all([]), MatchExpr::Always);
        assert_eq!(MatchExpr::any([]), MatchExpr::Never);
        let a = MatchExpr::Family(Family::V4);
        assert_eq!(MatchExpr::all([MatchExpr::Always, a.clone()]), a);
        assert_eq!(
            MatchExpr::all([MatchExpr::Never, a.clone()]),
            MatchExpr::Never
        );
        assert_eq!(
            MatchExpr::any([MatchExpr::Always, a.clone()]),
            MatchExpr::Always
        );
        assert_eq!(a.clone().negate().negate(), a);
    }

    #[test]
    fn schedules() {
        let monday = 4 * 24 * 60; // 1970-01-05
        let office = Schedule {
            weekly: vec![(8 * 60, 18 * 60)],
            ..Schedule::default()
        };
        assert!(office.active(monday + 9 * 60));
        assert!(!office.active(monday + 19 * 60));
        assert!(!office.active(monday + WEEK - 1));
        let until = Schedule {
            absolute: vec![(None, Some(100))],
            ..Schedule::default()
        };
        assert!(until.active(99));
        assert!(!until.active(100));
        assert_eq!(until.changes(50, 200), vec![100]);
        assert!(until.changes(100, 200).is_empty());
    }

    #[test]
    fn interface_names() {
        let set = InterfaceSet {
            names: vec!["eth0".into()],
            prefixes: vec!["lan".into()],
        };
        assert!(set.contains("eth0") && set.contains("lan7"));
        assert!(!set.contains("eth01"));
    }
}
