//! The directional rules that one NAT entry makes.

use super::super::ast::{PortOp, ProtocolWord};
use super::nat::ENTRY_RULES;
use super::objects::{Resolved, address_condition};
use super::services::{port_set, service_of};
use fw_model::interval::IntervalSet;
use fw_model::service::PORT_MAX;
use fw_model::{
    Action, AddressSet, AddressTranslation, Assumption, Dimension, Family, InterfaceSet, MatchExpr,
    PortTranslation, Rule, ServiceSet, Translation,
};
use std::sync::Arc;

/// Addresses of one family, first and last.
pub(super) type Range = (Family, u128, u128);

/// One stretch of a static mapping: the real addresses, the mapped ones, and
/// how to get from one to the other.
#[derive(Clone)]
pub(super) struct Stretch {
    pub(super) real: MatchSet,
    pub(super) mapped: MatchSet,
    /// First real and first mapped address; `None` is identity.
    pub(super) shift: Option<(u128, u128)>,
    /// The mapped address is an interface's and not known.
    pub(super) floating: bool,
}

impl Stretch {
    /// From real to mapped. A floating mapped address is that of the
    /// interface by which the packet leaves.
    pub(super) fn to_mapped(&self) -> Option<AddressTranslation> {
        let (from, to) = self.shift?;
        Some(if self.floating {
            AddressTranslation::EgressInterface
        } else {
            AddressTranslation::Shift { from, to }
        })
    }

    /// From mapped to real.
    pub(super) fn to_real(&self) -> Option<AddressTranslation> {
        let (from, to) = self.shift?;
        Some(match &self.real {
            MatchSet::Set(set) if self.floating => AddressTranslation::Pool(Arc::clone(&set.set)),
            _ => AddressTranslation::Shift { from: to, to: from },
        })
    }
}

/// Addresses to be matched in either field.
#[derive(Clone)]
pub(super) enum MatchSet {
    Any,
    Set(Resolved<AddressSet>),
}

impl MatchSet {
    pub(super) fn expr(&self, dimension: Dimension) -> MatchExpr {
        match self {
            Self::Any => MatchExpr::Always,
            Self::Set(set) => address_condition(set, dimension),
        }
    }

    pub(super) fn of(set: AddressSet) -> Self {
        Self::Set(Resolved {
            set: Arc::new(set),
            open: Arc::from([]),
        })
    }
}

/// The ports of an entry: what the forward packet has and what it gets.
#[derive(Clone, Default)]
pub(super) struct PortMap {
    pub(super) protocol: Option<ProtocolWord>,
    /// Real and mapped source ports.
    pub(super) source: Option<(PortOp, PortOp)>,
    /// Mapped and real destination ports.
    pub(super) destination: Option<(PortOp, PortOp)>,
}

/// A forward rule whose source alone is translated, and a reverse rule: two
/// entries may translate one packet together.
pub(super) struct Pairing {
    pub(super) real: Option<String>,
    pub(super) mapped: Option<String>,
    pub(super) name: String,
}

/// Packets from the real side that an entry takes before those below it:
/// replies among them do not fit what a later entry did to the first packet.
pub(super) struct Claim {
    label: String,
    real_interface: Option<String>,
    mapped_interface: Option<String>,
    real: MatchSet,
    peer: MatchSet,
    family: MatchExpr,
}

impl Claim {
    /// Which of the mapped addresses of a stretch stand for hosts whose
    /// packets are claimed; `None`: no, or it cannot be told.
    fn of_mapped(&self, stretch: &Stretch) -> Option<MatchExpr> {
        let all = || Some(stretch.mapped.expr(Dimension::Destination));
        let MatchSet::Set(claimed) = &self.real else {
            return all();
        };
        let (MatchSet::Set(real), Some((from, to))) = (&stretch.real, stretch.shift) else {
            return None;
        };
        if !claimed.open.is_empty() {
            return None;
        }
        let both = real.set.intersect(&claimed.set);
        if both.is_empty() {
            return None;
        }
        if both == *real.set {
            return all();
        }
        let family = [Family::V4, Family::V6]
            .into_iter()
            .find(|f| !both.family(*f).is_empty())?;
        let mapped: IntervalSet = both
            .family(family)
            .ranges()
            .iter()
            .filter_map(|(low, high)| {
                let shift = |a: u128| a.checked_sub(from)?.checked_add(to);
                Some((shift(*low)?, shift(*high)?))
            })
            .collect();
        Some(MatchSet::of(AddressSet::of(family, mapped)).expr(Dimension::Destination))
    }
}

/// Rules of the table as they are made.
#[derive(Default)]
pub(super) struct Table {
    pub(super) rules: Vec<Rule>,
    /// Rules for all policies: what entries leave open.
    pub(super) opaque: Vec<Rule>,
    pub(super) forward: Vec<(Pairing, Rule)>,
    pub(super) reverse: Vec<Pairing>,
    /// What the entries so far claim.
    pub(super) claims: Vec<Claim>,
}

pub(super) fn ingress(name: Option<&str>) -> MatchExpr {
    name.map_or(MatchExpr::Always, |n| {
        MatchExpr::Ingress(Arc::new(InterfaceSet::name(n)))
    })
}

pub(super) fn egress(name: Option<&str>) -> MatchExpr {
    name.map_or(MatchExpr::Always, |n| {
        MatchExpr::Egress(Arc::new(InterfaceSet::name(n)))
    })
}

pub(super) fn all_ports() -> IntervalSet {
    IntervalSet::range(0, PORT_MAX)
}

/// Ports that a port address translation uses for the source.
pub(super) fn pat_ports() -> PortTranslation {
    PortTranslation::Pool(IntervalSet::range(1024, PORT_MAX))
}

pub(super) fn bounds(op: PortOp) -> Option<(u16, u16)> {
    match op {
        PortOp::Eq(p) => Some((p, p)),
        PortOp::Range(a, b) => Some((a, b)),
        _ => None,
    }
}

/// The shift between two stretches of ports; `Some(None)` is no change.
pub(super) fn port_shift(from: PortOp, to: PortOp) -> Option<Option<PortTranslation>> {
    if from == to {
        return Some(None);
    }
    let ((a, b), (c, d)) = (bounds(from)?, bounds(to)?);
    (b.checked_sub(a)? == d.checked_sub(c)?)
        .then_some(Some(PortTranslation::Shift { from: a, to: c }))
}

impl PortMap {
    pub(super) fn expr(&self, source: Option<PortOp>, destination: Option<PortOp>) -> MatchExpr {
        let Some(protocol) = self.protocol else {
            return MatchExpr::Always;
        };
        let set = |op: Option<PortOp>| op.map_or_else(all_ports, port_set);
        MatchExpr::service(service_of(protocol, &set(source), &set(destination)))
    }

    /// As the packet from the real side has them.
    pub(super) fn forward(&self) -> MatchExpr {
        self.expr(self.source.map(|s| s.0), self.destination.map(|d| d.0))
    }

    /// As the packet to the mapped side has them.
    pub(super) fn reverse(&self) -> MatchExpr {
        self.expr(self.destination.map(|d| d.1), self.source.map(|s| s.1))
    }

    /// As a packet to the real side has them, whose reply is a forward one.
    pub(super) fn check(&self) -> MatchExpr {
        self.expr(self.destination.map(|d| d.0), self.source.map(|s| s.0))
    }

    pub(super) fn is_identity(&self) -> bool {
        self.source.is_none_or(|(a, b)| a == b) && self.destination.is_none_or(|(a, b)| a == b)
    }
}

/// Cuts two lists of equal total size into pairs of equal stretches.
pub(super) fn split(from: &[Range], to: &[Range]) -> Option<Vec<Stretch>> {
    let mut out = Vec::new();
    let mut to_iter = to.iter().copied();
    let mut current = to_iter.next();
    for &(family, low, high) in from {
        let mut at = low;
        loop {
            let (to_family, to_low, to_high) = current?;
            if to_family != family || out.len() > ENTRY_RULES {
                return None;
            }
            let size = (high - at).min(to_high - to_low);
            let range =
                |a: u128| MatchSet::of(AddressSet::of(family, IntervalSet::range(a, a + size)));
            out.push(Stretch {
                real: range(at),
                mapped: range(to_low),
                shift: (at != to_low).then_some((at, to_low)),
                floating: false,
            });
            current = if to_high - to_low == size {
                to_iter.next()
            } else {
                Some((to_family, to_low + size + 1, to_high))
            };
            if high - at == size {
                break;
            }
            at += size + 1;
        }
    }
    current.is_none().then_some(out)
}

/// Makes the directional rules of one entry.
pub(super) struct Maker<'m> {
    pub(super) real: Option<&'m str>,
    pub(super) mapped: Option<&'m str>,
    pub(super) route_lookup: bool,
    pub(super) silent: bool,
    pub(super) label: String,
    pub(super) span: fw_model::Span,
    pub(super) rpf: Arc<Assumption>,
    pub(super) uses: Vec<fw_model::DefinitionId>,
    pub(super) ports: PortMap,
    pub(super) table: &'m mut Table,
}

impl Maker<'_> {
    fn rule(&self, suffix: &str, parts: Vec<MatchExpr>, action: Action) -> Rule {
        let mut rule = Rule::new(
            format!("{}{suffix}", self.label),
            MatchExpr::all(parts),
            action,
        )
        .at(self.span);
        rule.uses.clone_from(&self.uses);
        rule
    }

    fn push_check(&mut self, destination: MatchExpr, source: MatchExpr) {
        // A packet that stays on the named side does not cross the entry.
        let beside = match (self.real, self.mapped) {
            (Some(real), None) => ingress(Some(real)).negate(),
            (None, Some(mapped)) => egress(Some(mapped)).negate(),
            _ => MatchExpr::Always,
        };
        let mut rule = self.rule(
            " (rpf-check)",
            vec![
                ingress(self.mapped),
                egress(self.real),
                beside,
                destination,
                source,
                self.ports.check(),
            ],
            Action::Deny,
        );
        rule.assumption = Some(Arc::clone(&self.rpf));
        self.table.rules.push(rule);
    }

    pub(super) fn static_rules(
        &mut self,
        s: &Stretch,
        d: &Stretch,
        unidirectional: bool,
    ) -> Option<()> {
        let ports = |pair: Option<(PortOp, PortOp)>| match pair {
            Some((a, b)) => port_shift(a, b),
            None => Some(None),
        };
        let swap = |pair: Option<(PortOp, PortOp)>| pair.map(|(a, b)| (b, a));
        let identity = s.shift.is_none() && d.shift.is_none() && self.ports.is_identity();
        // Forward.
        let diverted = d.shift.is_some();
        let parts = vec![
            ingress(self.real),
            if diverted && self.mapped.is_some() {
                MatchExpr::Always
            } else {
                egress(self.mapped)
            },
            s.real.expr(Dimension::Source),
            d.mapped.expr(Dimension::Destination),
            self.ports.forward(),
        ];
        let action = if identity {
            Action::Permit
        } else {
            Action::Translate(Arc::new(Translation {
                name: self.label.clone(),
                source: s.to_mapped(),
                destination: d.to_real(),
                source_port: ports(self.ports.source)?,
                destination_port: ports(self.ports.destination)?,
                egress: diverted.then(|| self.mapped.map(str::to_owned)).flatten(),
                gateway: None,
                silent: self.silent,
            }))
        };
        if identity {
            self.claim(&s.real, &d.mapped, MatchExpr::Always);
        }
        let source_alone = s.shift.is_some() && !diverted && self.ports.destination.is_none();
        let rule = self.rule("", parts, action);
        if source_alone {
            self.pair_forward(&rule);
        }
        self.table.rules.push(rule);
        if unidirectional {
            return Some(());
        }
        // Reverse. An identity entry, too, sends the packet to its own real
        // interface unless it says `route-lookup`. Source: ASA configuration
        // guide, "Network Address Translation", route-lookup of `nat`.
        let translated = s.shift.is_some();
        let diverted = translated || (self.real.is_some() && !self.route_lookup);
        let plain = identity && !diverted;
        let parts = vec![
            ingress(self.mapped),
            if diverted {
                MatchExpr::Always
            } else {
                egress(self.real)
            },
            s.mapped.expr(Dimension::Destination),
            d.real.expr(Dimension::Source),
            self.ports.reverse(),
        ];
        let name = format!("{} (reverse)", self.label);
        let action = if plain {
            Action::Permit
        } else {
            Action::Translate(Arc::new(Translation {
                name: name.clone(),
                source: d.to_mapped(),
                destination: s.to_real(),
                source_port: ports(swap(self.ports.destination))?,
                destination_port: ports(swap(self.ports.source))?,
                egress: (diverted && !self.route_lookup)
                    .then(|| self.real.map(str::to_owned))
                    .flatten(),
                gateway: None,
                silent: self.silent,
            }))
        };
        if translated && d.shift.is_none() {
            self.check_claims(s);
        }
        let rule = self.rule(" (reverse)", parts, action);
        self.table.rules.push(rule);
        if translated && d.shift.is_none() {
            self.table.reverse.push(Pairing {
                real: self.real.map(str::to_owned),
                mapped: self.mapped.map(str::to_owned),
                name,
            });
        }
        if !identity {
            self.push_check(
                s.real.expr(Dimension::Destination),
                d.mapped.expr(Dimension::Source),
            );
        }
        Some(())
    }

    fn claim(&mut self, real: &MatchSet, peer: &MatchSet, family: MatchExpr) {
        if self.ports.protocol.is_some() {
            return;
        }
        self.table.claims.push(Claim {
            label: self.label.clone(),
            real_interface: self.real.map(str::to_owned),
            mapped_interface: self.mapped.map(str::to_owned),
            real: real.clone(),
            peer: peer.clone(),
            family,
        });
    }

    /// A packet to a mapped address whose reply an entry further up would
    /// translate otherwise is dropped (syslog 305013): a dynamic entry above
    /// a static one of the same host keeps its clients out.
    fn check_claims(&mut self, s: &Stretch) {
        let mut rules = Vec::new();
        for claim in &self.table.claims {
            let named = |claimed: &Option<String>, own: Option<&str>| {
                claimed.as_deref().is_none_or(|c| own == Some(c))
            };
            let meets = claim.mapped_interface.is_none()
                || self.mapped.is_none()
                || claim.mapped_interface.as_deref() == self.mapped;
            if claim.label == self.label || !meets || !named(&claim.real_interface, self.real) {
                continue;
            }
            let Some(destination) = claim.of_mapped(s) else {
                continue;
            };
            let parts = vec![
                ingress(self.mapped.or(claim.mapped_interface.as_deref())),
                destination,
                claim.peer.expr(Dimension::Source),
                claim.family.clone(),
                self.ports.reverse(),
            ];
            rules.push(parts);
        }
        for parts in rules {
            let mut rule = self.rule(" (rpf-check)", parts, Action::Deny);
            rule.assumption = Some(Arc::clone(&self.rpf));
            self.table.rules.push(rule);
        }
    }

    fn pair_forward(&mut self, rule: &Rule) {
        self.table.forward.push((
            Pairing {
                real: self.real.map(str::to_owned),
                mapped: self.mapped.map(str::to_owned),
                name: format!("{} (reverse)", self.label),
            },
            rule.clone(),
        ));
    }

    pub(super) fn dynamic_rules(
        &mut self,
        real: &MatchSet,
        d: &Stretch,
        pool: &AddressTranslation,
        pat: bool,
        v4: bool,
    ) -> Option<()> {
        let diverted = d.shift.is_some();
        let family = if v4 {
            MatchExpr::Family(Family::V4)
        } else {
            MatchExpr::Always
        };
        let parts = vec![
            ingress(self.real),
            if diverted && self.mapped.is_some() {
                MatchExpr::Always
            } else {
                egress(self.mapped)
            },
            real.expr(Dimension::Source),
            d.mapped.expr(Dimension::Destination),
            self.ports.forward(),
            family.clone(),
        ];
        let destination_port = match self.ports.destination {
            Some((a, b)) => port_shift(a, b)?,
            None => None,
        };
        let rule = self.rule(
            "",
            parts,
            Action::Translate(Arc::new(Translation {
                name: self.label.clone(),
                source: Some(pool.clone()),
                destination: d.to_real(),
                source_port: pat.then(pat_ports),
                destination_port,
                egress: diverted.then(|| self.mapped.map(str::to_owned)).flatten(),
                gateway: None,
                silent: self.silent,
            })),
        );
        if !diverted && self.ports.destination.is_none() {
            self.pair_forward(&rule);
        }
        self.table.rules.push(rule);
        self.claim(real, &d.mapped, family.clone());
        self.push_check(
            MatchExpr::all([real.expr(Dimension::Destination), family]),
            d.mapped.expr(Dimension::Source),
        );
        Some(())
    }
}

/// For entries of the older forms: a service of one port.
pub(super) fn one_port(protocol: u8, source: Option<u16>, destination: Option<u16>) -> MatchExpr {
    let set = |port: Option<u16>| port.map_or_else(all_ports, |p| IntervalSet::single(p.into()));
    MatchExpr::service(ServiceSet::ports(protocol, set(source), set(destination)))
}
