//! Address and port translation.

use crate::address::{AddressSet, Family};
use crate::device::{Device, Stage, StageKind};
use crate::filter::{Action, FilterId};
use crate::interval::IntervalSet;
use crate::match_expr::MatchExpr;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// What a matching NAT rule does to a packet. Parts that are `None` stay.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Translation {
    /// A name for [`crate::MatchExpr::Translated`] and for reports.
    pub name: String,
    /// New source address.
    pub source: Option<AddressTranslation>,
    /// New destination address.
    pub destination: Option<AddressTranslation>,
    /// New source port.
    pub source_port: Option<PortTranslation>,
    /// New destination port.
    pub destination_port: Option<PortTranslation>,
    /// The interface by which the packet leaves, if the rule decides that
    /// instead of the routes.
    pub egress: Option<String>,
    /// The next router on that interface, if the rule decides it too.
    pub gateway: Option<IpAddr>,
    /// The device does not answer for the addresses that it translates to (no
    /// proxy ARP): packets for them come only by routes that lead to it.
    pub silent: bool,
}

/// How an address changes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum AddressTranslation {
    /// The n-th address of the range that starts at `from` becomes the n-th
    /// of the range that starts at `to` (integers of one family).
    Shift {
        /// First original address.
        from: u128,
        /// First translated address.
        to: u128,
    },
    /// Some address of the set; which one is the device's choice.
    Pool(Arc<AddressSet>),
    /// The address of the interface by which the packet leaves.
    EgressInterface,
    /// The address of the interface by which the packet came in.
    IngressInterface,
}

/// How a port changes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum PortTranslation {
    /// The n-th port from `from` becomes the n-th from `to`.
    Shift {
        /// First original port.
        from: u16,
        /// First translated port.
        to: u16,
    },
    /// Some port of the set; which one is the device's choice.
    Pool(IntervalSet),
}

impl AddressTranslation {
    /// True if every address becomes itself.
    #[must_use]
    pub const fn is_identity(&self) -> bool {
        matches!(self, Self::Shift { from, to } if *from == *to)
    }
}

/// The addresses of the subnets of `interface` that are no host's, but that
/// `device` translates there: mapped addresses of its destination translation
/// and pools of its source translation. It answers for them (proxy ARP), so
/// that neighbours deliver packets for them to the device. Identity
/// translations claim nothing, and silent ones neither.
#[must_use]
pub fn claimed_addresses(device: &Device, interface: &str) -> AddressSet {
    mapped_addresses(device, interface, &|t| !t.silent)
}

/// The addresses of the subnets of `interface` that are no host's, because
/// `device` translates them there, whether it answers for them or not.
#[must_use]
pub fn translated_addresses(device: &Device, interface: &str) -> AddressSet {
    mapped_addresses(device, interface, &|_| true)
}

/// The destinations that `device` translates of packets that come in by
/// `interface`, as far as a rule names them: on that side of the device they
/// stand for hosts elsewhere and are no hosts themselves.
#[must_use]
pub fn translated_destinations(device: &Device, interface: &str) -> AddressSet {
    let everything = AddressSet::any();
    let named: Vec<AddressSet> = translations(device, &device.pipeline.prerouting)
        .into_iter()
        .filter(|(translation, _)| {
            let change = translation.destination.as_ref();
            change.is_some_and(|c| !c.is_identity())
        })
        .filter_map(|(_, condition)| addresses(condition, interface, End::Destination))
        .filter(|set| !set.v4.covers(&everything.v4) && !set.v6.covers(&everything.v6))
        .collect();
    AddressSet::union_all(&named).subtract(&device.own_addresses())
}

fn mapped_addresses(
    device: &Device,
    interface: &str,
    wanted: &dyn Fn(&Translation) -> bool,
) -> AddressSet {
    let Some(here) = device.interface(interface) else {
        return AddressSet::empty();
    };
    let connected = here.connected();
    if connected.is_empty() {
        return connected;
    }
    let mut claimed = Vec::new();
    for (translation, condition) in translations(device, &device.pipeline.prerouting) {
        if let Some(change) = &translation.destination
            && !change.is_identity()
            && wanted(translation)
            && let Some(set) = addresses(condition, interface, End::Destination)
        {
            claimed.push(set);
        }
    }
    for (translation, condition) in translations(device, &device.pipeline.postrouting)
        .into_iter()
        .chain(translations(device, &device.pipeline.forward))
        .chain(translations(device, &device.pipeline.prerouting))
    {
        if !wanted(translation) {
            continue;
        }
        match &translation.source {
            Some(AddressTranslation::Pool(set)) if !elsewhere(condition, interface) => {
                claimed.push((**set).clone());
            }
            Some(AddressTranslation::Shift { from, to }) if from != to => {
                if let Some(set) = addresses(condition, interface, End::Source) {
                    let moved =
                        [Family::V4, Family::V6].map(|f| set.family(f).shift(*from, *to, f.max()));
                    // The distance is one of the family that the rule names.
                    let [v4, v6] = moved;
                    claimed.push(AddressSet { v4, v6 });
                }
            }
            _ => {}
        }
    }
    AddressSet::union_all(&claimed)
        .intersect(&connected)
        .subtract(&device.own_addresses())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Source,
    Destination,
}

/// The translations that the NAT stages among `stages` can reach, with the
/// conditions of their rules.
fn translations<'d>(
    device: &'d Device,
    stages: &[Stage],
) -> Vec<(&'d Arc<Translation>, &'d MatchExpr)> {
    let mut todo: Vec<FilterId> = stages
        .iter()
        .filter(|s| s.kind == StageKind::Nat)
        .map(|s| s.filter)
        .collect();
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        let Some(filter) = device.filter(id) else {
            continue;
        };
        for rule in filter.rules.iter().chain([&filter.default]) {
            match &rule.action {
                Action::Translate(translation) => out.push((translation, &rule.match_expr)),
                Action::Jump(next) | Action::Goto(next) => todo.push(*next),
                _ => {}
            }
        }
    }
    out
}

/// True if a condition asks for another interface.
fn elsewhere(expr: &MatchExpr, interface: &str) -> bool {
    match expr {
        MatchExpr::Ingress(set) | MatchExpr::Egress(set) => !set.contains(interface),
        MatchExpr::All(parts) => parts
            .iter()
            .any(|p| matches!(p, MatchExpr::Egress(_)) && elsewhere(p, interface)),
        _ => false,
    }
}

/// The addresses at an end of the packets that a condition can hold for on
/// `interface`; `None` if it does not name any.
fn addresses(expr: &MatchExpr, interface: &str, end: End) -> Option<AddressSet> {
    match (expr, end) {
        (MatchExpr::Destination(set), End::Destination) | (MatchExpr::Source(set), End::Source) => {
            Some((**set).clone())
        }
        (MatchExpr::Ingress(set), End::Destination) | (MatchExpr::Egress(set), End::Source)
            if !set.contains(interface) =>
        {
            Some(AddressSet::empty())
        }
        (MatchExpr::Never, _) => Some(AddressSet::empty()),
        (MatchExpr::All(parts), _) => parts
            .iter()
            .filter_map(|p| addresses(p, interface, end))
            .reduce(|a, b| a.intersect(&b)),
        (MatchExpr::Any(parts), _) => {
            let sets: Option<Vec<AddressSet>> =
                parts.iter().map(|p| addresses(p, interface, end)).collect();
            Some(AddressSet::union_all(&sets?))
        }
        (MatchExpr::Original(part), _) => addresses(part, interface, end),
        _ => None,
    }
}
