//! A routing table as a partition of the addresses.

use fw_model::address::bits;
use fw_model::route::{Candidates, RouteDecision, lookup_among};
use fw_model::{AddressSet, Device, Family, Interface, IntervalSet, Route, Span};
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Where a part of the addresses leaves.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Exit {
    /// By one of these interfaces, with the route and gateway where it is not
    /// a connected prefix.
    Leaves(Vec<Hop>),
    /// A route drops it.
    Discarded(Option<Span>),
    /// No route knows it, and there are no others.
    Unrouted,
    /// No route knows it, but the configuration may not show all.
    Unknown,
}

/// An interface by which packets leave, and the next router.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hop {
    /// The interface.
    pub interface: Arc<str>,
    /// The next router; `None` for a connected prefix.
    pub gateway: Option<std::net::IpAddr>,
    /// The route's line; `None` for a connected prefix.
    pub span: Option<Span>,
}

/// A routing table of one family: a partition of the addresses by where they
/// leave.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    parts: Vec<(IntervalSet, Exit)>,
    /// Where each stretch of addresses starts, with its part and the length
    /// of the prefix that decides.
    steps: Vec<(u128, usize, u8)>,
}

impl RouteTable {
    /// The disjoint parts.
    pub fn iter(&self) -> std::slice::Iter<'_, (IntervalSet, Exit)> {
        self.parts.iter()
    }

    /// Splits addresses by where they leave.
    pub fn split<'t>(
        &'t self,
        set: &'t IntervalSet,
    ) -> impl Iterator<Item = (IntervalSet, &'t Exit)> {
        // One address needs no look at the other parts.
        let single = (set.count() == 1).then(|| set.first()).flatten();
        let only = single.and_then(|value| self.at(value)).map(|(e, _)| e);
        only.map(|exit| (set.clone(), exit)).into_iter().chain(
            self.parts
                .iter()
                .filter(move |_| only.is_none())
                .map(move |(part, exit)| (part.intersect(set), exit))
                .filter(|(part, _)| !part.is_empty()),
        )
    }

    /// Where an address leaves, and the length of the prefix that decides.
    #[must_use]
    pub fn at(&self, value: u128) -> Option<(&Exit, u8)> {
        let next = self.steps.partition_point(|(low, ..)| *low <= value);
        let (_, part, length) = self.steps.get(next.checked_sub(1)?)?;
        Some((&self.parts.get(*part)?.1, *length))
    }

    /// Where stretches of addresses start that are routed differently.
    pub fn starts(&self) -> impl Iterator<Item = u128> + '_ {
        self.steps.iter().map(|(low, ..)| *low)
    }
}

/// Partitions the addresses of a family by where `device` sends them.
#[must_use]
pub fn route_table(
    device: &Device,
    peer: Option<&Device>,
    vrf: &str,
    family: Family,
) -> RouteTable {
    let mut nets: Vec<IpNet> = device
        .routes
        .iter()
        .filter(|r| r.vrf == vrf)
        .map(|r| r.prefix)
        .chain(
            device
                .interfaces
                .iter()
                .filter(|i| i.vrf == vrf)
                .flat_map(|i| i.addresses.iter().copied()),
        )
        .chain(leaked(device, vrf))
        .filter(|net| Family::of(net.addr()) == family)
        .map(|net| net.trunc())
        .collect();
    nets.sort();
    nets.dedup();
    let mut cuts = vec![0u128];
    for net in &nets {
        let set = AddressSet::prefix(*net);
        for (low, high) in set.family(family).ranges() {
            cuts.push(*low);
            if *high < family.max() {
                cuts.push(high + 1);
            }
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    let complete = routes_are_complete(device, peer, vrf, family);
    let by_prefix = by_prefix(device);
    // All addresses with the same longest prefix, of whatever kind, are routed
    // alike, since prefixes nest.
    let mut known: FxHashMap<Option<IpNet>, (usize, u8)> = FxHashMap::default();
    let mut parts: Vec<(Exit, Vec<(u128, u128)>)> = Vec::new();
    let mut by_exit: FxHashMap<Exit, usize> = FxHashMap::default();
    let mut steps = Vec::with_capacity(cuts.len());
    let mut open: Vec<(u128, IpNet)> = Vec::new();
    let mut next = nets.iter().peekable();
    for (at, &low) in cuts.iter().enumerate() {
        let high = cuts.get(at + 1).map_or(family.max(), |next| next - 1);
        // INVARIANT: no prefix starts or ends within `low..=high`, so all of
        // it is routed alike.
        open.retain(|(last, _)| *last >= low);
        while let Some(net) = next.next_if(|net| bits(net.network()) <= low) {
            open.push((bits(net.broadcast()), *net));
        }
        let longest = open.last().map(|(_, net)| *net);
        let (part, length) = *known.entry(longest).or_insert_with(|| {
            let candidates = candidates(&by_prefix, &open);
            let (exit, length) = exit(device, vrf, family.address(low), complete, &candidates);
            let part = *by_exit.entry(exit.clone()).or_insert_with(|| {
                parts.push((exit, Vec::new()));
                parts.len() - 1
            });
            (part, length)
        });
        if let Some((_, ranges)) = parts.get_mut(part) {
            ranges.push((low, high));
        }
        steps.push((low, part, length));
    }
    RouteTable {
        parts: parts
            .into_iter()
            .map(|(exit, ranges)| (IntervalSet::from_ranges(ranges), exit))
            .collect(),
        steps,
    }
}

/// The prefixes of other tables that routes of `vrf` lead to.
fn leaked<'d>(device: &'d Device, vrf: &'d str) -> impl Iterator<Item = IpNet> + 'd {
    let others: Vec<&str> = device
        .routes
        .iter()
        .filter(|r| r.vrf == vrf)
        .filter_map(|r| match &r.next {
            fw_model::NextHop::Vrf(other) => Some(other.as_str()),
            _ => None,
        })
        .collect();
    let all = !others.is_empty();
    let routes = device.routes.iter().filter(move |_| all).map(|r| r.prefix);
    let connected = device
        .interfaces
        .iter()
        .filter(move |_| all)
        .flat_map(|i| i.addresses.iter().copied());
    routes.chain(connected)
}

/// The routes and interfaces of a device by prefix, with their positions.
type ByPrefix<'d> = FxHashMap<IpNet, (Vec<(usize, &'d Route)>, Vec<(usize, &'d Interface)>)>;

fn by_prefix(device: &Device) -> ByPrefix<'_> {
    let mut out: ByPrefix<'_> = FxHashMap::default();
    for (at, route) in device.routes.iter().enumerate() {
        let slot = out.entry(route.prefix.trunc()).or_default();
        slot.0.push((at, route));
    }
    for (at, interface) in device.interfaces.iter().enumerate() {
        for net in &interface.addresses {
            let slot = out.entry(net.trunc()).or_default();
            slot.1.push((at, interface));
        }
    }
    out
}

/// What may decide about addresses in these prefixes, which hold each other.
fn candidates<'d>(by_prefix: &ByPrefix<'d>, open: &[(u128, IpNet)]) -> Candidates<'d> {
    let (mut routes, mut interfaces) = (Vec::new(), Vec::new());
    for (of, on) in open.iter().filter_map(|(_, net)| by_prefix.get(net)) {
        routes.extend_from_slice(of);
        interfaces.extend_from_slice(on);
    }
    routes.sort_by_key(|(at, _)| *at);
    interfaces.sort_by_key(|(at, _)| *at);
    interfaces.dedup_by_key(|(at, _)| *at);
    Candidates {
        routes: routes.into_iter().map(|(_, route)| route).collect(),
        interfaces: interfaces.into_iter().map(|(_, i)| i).collect(),
    }
}

fn exit(
    device: &Device,
    vrf: &str,
    address: std::net::IpAddr,
    complete: bool,
    candidates: &Candidates<'_>,
) -> (Exit, u8) {
    match lookup_among(device, vrf, address, candidates) {
        RouteDecision::Leaves(by) => {
            let length = by
                .iter()
                .map(|(name, route)| match route {
                    Some(route) => route.prefix.prefix_len(),
                    None => device
                        .interface(name)
                        .map_or(&[][..], |i| i.addresses.as_slice())
                        .iter()
                        .filter(|net| net.contains(&address))
                        .map(IpNet::prefix_len)
                        .max()
                        .unwrap_or_default(),
                })
                .max()
                .unwrap_or_default();
            let hops = by
                .into_iter()
                .map(|(name, route)| Hop {
                    interface: name.into(),
                    gateway: route.and_then(|r| match &r.next {
                        fw_model::NextHop::Interface(_, gateway) => *gateway,
                        fw_model::NextHop::Gateway(gateway) => Some(*gateway),
                        _ => None,
                    }),
                    span: route.and_then(|r| r.span),
                })
                .collect();
            (Exit::Leaves(hops), length)
        }
        RouteDecision::Discarded(route) => (Exit::Discarded(route.span), route.prefix.prefix_len()),
        RouteDecision::Down => (Exit::Unrouted, 0),
        RouteDecision::Unrouted if complete => (Exit::Unrouted, 0),
        RouteDecision::Unrouted => (Exit::Unknown, 0),
    }
}

/// A table that has routes of the family, on a device that learns none, is
/// taken to be whole. Without any, it may be that the file holds no routes,
/// unless it has some on the other side of the comparison: a change may take
/// the last one away.
fn routes_are_complete(device: &Device, peer: Option<&Device>, vrf: &str, family: Family) -> bool {
    !device.dynamic_routing
        && device.interfaces_complete
        && [Some(device), peer]
            .into_iter()
            .flatten()
            .flat_map(|d| &d.routes)
            .any(|r| r.vrf == vrf && Family::of(r.prefix.addr()) == family)
}

/// The integers of the device's own addresses in a family.
#[must_use]
pub fn own_addresses(device: &Device, family: Family) -> IntervalSet {
    device
        .interfaces
        .iter()
        .flat_map(|i| &i.addresses)
        .filter(|net| Family::of(net.addr()) == family)
        .map(|net| (bits(net.addr()), bits(net.addr())))
        .collect()
}
