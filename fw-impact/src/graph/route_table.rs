//! A routing table as a partition of the addresses.

use fw_model::address::bits;
use fw_model::route::{RouteDecision, lookup};
use fw_model::{AddressSet, Device, Family, IntervalSet, Span};
use std::sync::Arc;

/// Where a part of the addresses leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hop {
    /// The interface.
    pub interface: Arc<str>,
    /// The next router; `None` for a connected prefix.
    pub gateway: Option<std::net::IpAddr>,
    /// The route's line; `None` for a connected prefix.
    pub span: Option<Span>,
}

/// A routing table of one family: disjoint sets and where they leave.
pub type RouteTable = Vec<(IntervalSet, Exit)>;

/// Partitions the addresses of a family by where `device` sends them.
#[must_use]
pub fn route_table(device: &Device, vrf: &str, family: Family) -> RouteTable {
    let prefixes: Vec<AddressSet> = device
        .routes
        .iter()
        .filter(|r| r.vrf == vrf)
        .map(|r| AddressSet::prefix(r.prefix))
        .chain(
            device
                .interfaces
                .iter()
                .filter(|i| i.vrf == vrf)
                .flat_map(|i| &i.addresses)
                .map(|net| AddressSet::prefix(*net)),
        )
        .collect();
    let mut cuts = vec![0u128];
    for (low, high) in prefixes.iter().flat_map(|p| p.family(family).ranges()) {
        cuts.push(*low);
        if *high < family.max() {
            cuts.push(high + 1);
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    let complete = routes_are_complete(device, vrf, family);
    let mut table: Vec<(Exit, Vec<(u128, u128)>)> = Vec::new();
    for (at, &low) in cuts.iter().enumerate() {
        let high = cuts.get(at + 1).map_or(family.max(), |next| next - 1);
        // INVARIANT: no prefix starts or ends within `low..=high`, so all of
        // it is routed alike.
        let exit = match lookup(device, vrf, family.address(low)) {
            RouteDecision::Leaves(by) => Exit::Leaves(
                by.into_iter()
                    .map(|(name, route)| Hop {
                        interface: name.into(),
                        gateway: route.and_then(|r| match &r.next {
                            fw_model::NextHop::Interface(_, gateway) => *gateway,
                            fw_model::NextHop::Gateway(gateway) => Some(*gateway),
                            _ => None,
                        }),
                        span: route.and_then(|r| r.span),
                    })
                    .collect(),
            ),
            RouteDecision::Discarded(route) => Exit::Discarded(route.span),
            RouteDecision::Down => Exit::Unrouted,
            RouteDecision::Unrouted if complete => Exit::Unrouted,
            RouteDecision::Unrouted => Exit::Unknown,
        };
        match table.iter_mut().find(|(e, _)| *e == exit) {
            Some((_, ranges)) => ranges.push((low, high)),
            None => table.push((exit, vec![(low, high)])),
        }
    }
    table
        .into_iter()
        .map(|(exit, ranges)| (IntervalSet::from_ranges(ranges), exit))
        .collect()
}

/// A table that has routes of the family, on a device that learns none, is
/// taken to be whole. Without any, it may be that the file holds no routes.
fn routes_are_complete(device: &Device, vrf: &str, family: Family) -> bool {
    !device.dynamic_routing
        && device.interfaces_complete
        && device
            .routes
            .iter()
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
