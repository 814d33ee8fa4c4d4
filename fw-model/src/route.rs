//! Static routes.

use crate::device::{Device, Interface};
use crate::source::Span;
use ipnet::IpNet;
use std::net::IpAddr;

/// One route. The longest prefix wins, then the lowest metric.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Route {
    /// The routing table; empty for the only or global one.
    pub vrf: String,
    /// The destinations.
    pub prefix: IpNet,
    /// Where packets go.
    pub next: NextHop,
    /// Preference among routes of one prefix: the lower one.
    pub metric: u32,
    /// Where it stands.
    pub span: Option<Span>,
}

/// Where a route leads.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum NextHop {
    /// Out of this interface, to a gateway if one is given.
    Interface(String, Option<IpAddr>),
    /// To a gateway; the interface is the one its address lies on.
    Gateway(IpAddr),
    /// Dropped.
    Discard,
    /// To another routing table.
    Vrf(String),
}

/// What the routing table says of an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RouteDecision<'a> {
    /// It leaves by one of these interfaces (several where equal routes
    /// share the load). The route is `None` for a connected prefix.
    Leaves(Vec<(&'a str, Option<&'a Route>)>),
    /// A route drops it.
    Discarded(&'a Route),
    /// It lies on the subnet of an interface that is down.
    Down,
    /// No route knows it.
    Unrouted,
}

/// How often a lookup may lead to another table or gateway.
const LOOKUP_DEPTH: u8 = 4;

/// Looks an address up in the table `vrf`: the longest prefix wins, connected
/// prefixes before static routes of equal length, then the lowest metric.
#[must_use]
pub fn lookup<'a>(device: &'a Device, vrf: &str, address: IpAddr) -> RouteDecision<'a> {
    lookup_within(device, vrf, address, LOOKUP_DEPTH)
}

/// What may decide about an address: the routes whose prefixes hold it, in the
/// order of the device, and the interfaces on whose subnets it is.
#[derive(Clone, Debug, Default)]
pub struct Candidates<'a> {
    /// The routes.
    pub routes: Vec<&'a Route>,
    /// The interfaces, those that are down too.
    pub interfaces: Vec<&'a Interface>,
}

/// [`lookup`] of an address for which the candidates are known.
#[must_use]
pub fn lookup_among<'a>(
    device: &'a Device,
    vrf: &str,
    address: IpAddr,
    candidates: &Candidates<'a>,
) -> RouteDecision<'a> {
    decide(device, vrf, address, LOOKUP_DEPTH, candidates)
}

fn lookup_within<'a>(
    device: &'a Device,
    vrf: &str,
    address: IpAddr,
    depth: u8,
) -> RouteDecision<'a> {
    let holds = |i: &&Interface| i.addresses.iter().any(|net| net.contains(&address));
    let candidates = Candidates {
        routes: (device.routes.iter())
            .filter(|r| r.prefix.contains(&address))
            .collect(),
        interfaces: device.interfaces.iter().filter(holds).collect(),
    };
    decide(device, vrf, address, depth, &candidates)
}

fn decide<'a>(
    device: &'a Device,
    vrf: &str,
    address: IpAddr,
    depth: u8,
    candidates: &Candidates<'a>,
) -> RouteDecision<'a> {
    let interfaces = || candidates.interfaces.iter().copied();
    let connected = interfaces()
        .filter(|i| i.enabled)
        .flat_map(|i| i.addresses.iter().map(move |n| (n.prefix_len(), i, n)))
        .filter(|(_, i, net)| net.contains(&address) && i.vrf == vrf)
        .max_by_key(|(length, _, _)| *length);
    let routes: Vec<&'a Route> = candidates
        .routes
        .iter()
        .copied()
        .filter(|r| r.prefix.contains(&address) && r.vrf == vrf)
        .filter(|r| usable(device, r, depth))
        .collect();
    let longest = routes
        .iter()
        .map(|r| (r.prefix.prefix_len(), std::cmp::Reverse(r.metric)))
        .max();
    // Hosts on the subnet of an interface that is down are cut off: a default
    // route says nothing of where else they could be.
    let down = interfaces()
        .filter(|i| !i.enabled && i.vrf == vrf)
        .any(|i| {
            i.addresses
                .iter()
                .any(|n| n.prefix_len() > 0 && n.contains(&address))
        });
    let longest = longest.filter(|best| !(down && best.0 == 0));
    if down && connected.is_none() && longest.is_none() {
        return RouteDecision::Down;
    }
    let Some(best) = longest else {
        return match connected {
            Some((_, interface, _)) => RouteDecision::Leaves(vec![(&interface.name, None)]),
            None => RouteDecision::Unrouted,
        };
    };
    if let Some((length, interface, _)) = connected
        && length >= best.0
    {
        return RouteDecision::Leaves(vec![(&interface.name, None)]);
    }
    let mut out: Vec<(&str, Option<&Route>)> = Vec::new();
    let is_best = |r: &&Route| (r.prefix.prefix_len(), std::cmp::Reverse(r.metric)) == best;
    for route in routes.into_iter().filter(is_best) {
        match &route.next {
            NextHop::Discard => return RouteDecision::Discarded(route),
            NextHop::Interface(name, _) => push(&mut out, name, route),
            NextHop::Gateway(gateway) => {
                if let RouteDecision::Leaves(by) =
                    lookup_within(device, vrf, *gateway, depth.saturating_sub(1))
                {
                    for (name, _) in by {
                        push(&mut out, name, route);
                    }
                }
            }
            NextHop::Vrf(other) if depth > 0 => {
                match lookup_within(device, other, address, depth - 1) {
                    RouteDecision::Leaves(by) => {
                        for (name, _) in by {
                            push(&mut out, name, route);
                        }
                    }
                    other => return other,
                }
            }
            NextHop::Vrf(_) => {}
        }
    }
    if out.is_empty() {
        RouteDecision::Unrouted
    } else {
        RouteDecision::Leaves(out)
    }
}

fn push<'a>(out: &mut Vec<(&'a str, Option<&'a Route>)>, name: &'a str, route: &'a Route) {
    if !out.iter().any(|(n, _)| *n == name) {
        out.push((name, Some(route)));
    }
}

/// A route over an interface that is down is not in the table; nor is one to
/// a gateway that nothing leads to.
fn usable(device: &Device, route: &Route, depth: u8) -> bool {
    match &route.next {
        NextHop::Discard | NextHop::Vrf(_) => true,
        NextHop::Interface(name, _) => device.interface(name).is_none_or(|i| i.enabled),
        NextHop::Gateway(gateway) => {
            depth > 0
                && !route_is_own_gateway(route, *gateway)
                && matches!(
                    lookup_within(device, &route.vrf, *gateway, depth - 1),
                    RouteDecision::Leaves(_)
                )
        }
    }
}

/// A default route would otherwise make every gateway reachable through
/// itself; a gateway must be found by a longer prefix.
fn route_is_own_gateway(route: &Route, gateway: IpAddr) -> bool {
    route.prefix.contains(&gateway) && route.prefix.prefix_len() > 0
}
