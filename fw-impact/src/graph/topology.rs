//! The network as a graph: routing tables and the segments that join them.
//!
//! A node is a routing table of a device, or a segment: a subnet, a declared
//! link, a tunnel whose ends are both known. An edge is an interface. So a
//! subnet with many devices costs as many edges as it has interfaces.

use super::route_table::Hop;
use super::side::Side;
use fw_model::nat::claimed_addresses;
use fw_model::{AddressSet, Device, Family, IntervalSet, Tunnel};
use ipnet::IpNet;
use petgraph::graph::{NodeIndex, UnGraph};
use petgraph::visit::EdgeRef as _;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// A device, by position, and one of its interfaces.
pub type Place = (usize, Arc<str>);

/// Addresses with the interfaces where they are.
pub type Located = (IntervalSet, Vec<Place>);

/// A node of the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// A routing table of a device.
    Router {
        /// The device, by position in the snapshot.
        device: usize,
        /// The table.
        vrf: String,
    },
    /// A subnet that interfaces share.
    Subnet(IpNet),
    /// A link that topology.yaml declares.
    Link,
    /// A tunnel between two devices of the snapshot.
    Tunnel,
}

/// Routing tables and segments, joined by interfaces.
pub type Graph = UnGraph<Node, Arc<str>>;

/// The network of one side, worked out once.
pub struct Network {
    graph: Graph,
    numbers: FxHashMap<String, usize>,
    owners: FxHashMap<IpAddr, Vec<Place>>,
    segments: FxHashMap<Place, Vec<NodeIndex>>,
    claims: Mutex<FxHashMap<Place, Arc<AddressSet>>>,
    subnets: [Vec<IntervalSet>; 2],
    own: [IntervalSet; 2],
}

/// Where packets go that a device sends into a tunnel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FarEnd {
    /// To a device of the snapshot, by this interface; with the tunnel as the
    /// other end knows it.
    Device(Place, Arc<Tunnel>),
    /// To a gateway that the snapshot does not hold.
    Unknown,
}

impl Network {
    /// Joins the devices of a side.
    #[must_use]
    pub fn new(side: &Side<'_>) -> Self {
        let mut out = Self {
            graph: Graph::default(),
            numbers: FxHashMap::default(),
            owners: FxHashMap::default(),
            segments: FxHashMap::default(),
            claims: Mutex::default(),
            subnets: Default::default(),
            own: Default::default(),
        };
        let mut routers: FxHashMap<(usize, &str), NodeIndex> = FxHashMap::default();
        let mut subnets: FxHashMap<IpNet, NodeIndex> = FxHashMap::default();
        let mut own: [Vec<(u128, u128)>; 2] = Default::default();
        for (device, here) in side.devices.iter().enumerate() {
            out.numbers.insert(here.device.name.clone(), device);
            for interface in here.device.interfaces.iter().filter(|i| i.enabled) {
                let place: Place = (device, interface.name.as_str().into());
                let router = *routers
                    .entry((device, interface.vrf.as_str()))
                    .or_insert_with(|| {
                        out.graph.add_node(Node::Router {
                            device,
                            vrf: interface.vrf.clone(),
                        })
                    });
                for net in &interface.addresses {
                    let owners = out.owners.entry(net.addr()).or_default();
                    if !owners.contains(&place) {
                        owners.push(place.clone());
                    }
                    if !is_shared_by_routing(*net) {
                        continue;
                    }
                    let net = net.trunc();
                    let segment = *subnets
                        .entry(net)
                        .or_insert_with(|| out.graph.add_node(Node::Subnet(net)));
                    out.graph.add_edge(router, segment, Arc::clone(&place.1));
                    out.segments.entry(place.clone()).or_default().push(segment);
                }
            }
            for (slot, family) in own.iter_mut().zip([Family::V4, Family::V6]) {
                slot.extend_from_slice(here.own(family).ranges());
            }
        }
        out.own = own.map(IntervalSet::from_ranges);
        let mut nets: Vec<IpNet> = subnets.keys().copied().collect();
        nets.sort();
        for net in nets {
            let [v4, v6] = &mut out.subnets;
            match Family::of(net.addr()) {
                Family::V4 => v4.push(AddressSet::prefix(net).v4),
                Family::V6 => v6.push(AddressSet::prefix(net).v6),
            }
        }
        out.join_declared(side, &mut routers);
        out.join_tunnels(side, &mut routers);
        out
    }

    fn join<'v>(
        &mut self,
        side: &'v Side<'_>,
        routers: &mut FxHashMap<(usize, &'v str), NodeIndex>,
        segment: Node,
        ends: [Place; 2],
    ) {
        let node = self.graph.add_node(segment);
        for (device, interface) in ends {
            let vrf = side
                .devices
                .get(device)
                .and_then(|d| d.device.interface(&interface))
                .map_or("", |i| i.vrf.as_str());
            let router = *routers.entry((device, vrf)).or_insert_with(|| {
                self.graph.add_node(Node::Router {
                    device,
                    vrf: vrf.to_owned(),
                })
            });
            self.graph.add_edge(router, node, Arc::clone(&interface));
            self.segments
                .entry((device, interface))
                .or_default()
                .push(node);
        }
    }

    fn join_declared<'v>(
        &mut self,
        side: &'v Side<'_>,
        routers: &mut FxHashMap<(usize, &'v str), NodeIndex>,
    ) {
        for (one, other) in &side.snapshot.links {
            let ends: Vec<Place> = [one, other]
                .into_iter()
                .filter_map(|(device, interface)| {
                    let number = self.number(device)?;
                    let named = side.devices.get(number)?.interfaces_named(interface);
                    let name = named.first().cloned();
                    Some((number, name.unwrap_or_else(|| interface.as_str().into())))
                })
                .collect();
            if let Ok(ends) = <[Place; 2]>::try_from(ends) {
                self.join(side, routers, Node::Link, ends);
            }
        }
    }

    /// Tunnels with an interface of their own at both ends are links.
    fn join_tunnels<'v>(
        &mut self,
        side: &'v Side<'_>,
        routers: &mut FxHashMap<(usize, &'v str), NodeIndex>,
    ) {
        for (number, here) in side.devices.iter().enumerate() {
            for tunnel in here.device.tunnels.iter().filter(|t| t.takes.is_none()) {
                let FarEnd::Device((far, interface), back) = self.far_end(side, number, tunnel)
                else {
                    continue;
                };
                if far > number {
                    let near: Place = (number, tunnel.interface.as_str().into());
                    let back =
                        matches!(self.far_end(side, far, &back), FarEnd::Device(p, _) if p == near);
                    if back {
                        self.join(side, routers, Node::Tunnel, [near, (far, interface)]);
                    }
                }
            }
        }
    }

    /// Where a tunnel of a device ends: at the device that owns the peer's
    /// address and has a tunnel of the same kind back.
    #[must_use]
    pub fn far_end(&self, side: &Side<'_>, number: usize, tunnel: &Tunnel) -> FarEnd {
        let Some(here) = side.devices.get(number) else {
            return FarEnd::Unknown;
        };
        let sent_by = |t: &Tunnel, address: IpAddr, device: &Device| match &t.through {
            Some(name) if device.interface(name).is_some() => device
                .interface(name)
                .is_some_and(|i| i.addresses.iter().any(|a| a.addr() == address)),
            _ => device.own_addresses().contains(address),
        };
        if tunnel.awaits && tunnel.peers.is_empty() {
            return self.only_caller(side, number, tunnel, &sent_by);
        }
        for peer in &tunnel.peers {
            for (far, _) in self.owners(*peer).iter().filter(|(d, _)| *d != number) {
                let Some(there) = side.devices.get(*far) else {
                    continue;
                };
                // Its packets come from the address that this end expects.
                let answers = |t: &&Tunnel| {
                    // Ends of different kinds need selectors to agree on.
                    let alike = t.takes.is_some() == tunnel.takes.is_some()
                        || !t.selectors.is_empty()
                        || !tunnel.selectors.is_empty();
                    alike && sent_by(t, *peer, there.device)
                };
                let known = |t: &&Tunnel| t.peers.iter().any(|p| sent_by(tunnel, *p, here.device));
                let tunnels = || there.device.tunnels.iter().filter(answers);
                let back = tunnels()
                    .find(known)
                    .or_else(|| tunnels().find(|t| t.awaits));
                if let Some(back) = back {
                    let place = (*far, back.interface.as_str().into());
                    return FarEnd::Device(place, Arc::new(back.clone()));
                }
            }
        }
        FarEnd::Unknown
    }

    /// The device that sets up a tunnel which awaits its peers, if one alone
    /// does.
    fn only_caller(
        &self,
        side: &Side<'_>,
        number: usize,
        tunnel: &Tunnel,
        sent_by: &dyn Fn(&Tunnel, IpAddr, &Device) -> bool,
    ) -> FarEnd {
        let Some(here) = side.devices.get(number) else {
            return FarEnd::Unknown;
        };
        let calls = |t: &&Tunnel| {
            t.takes.is_some() == tunnel.takes.is_some()
                && t.peers.iter().any(|p| sent_by(tunnel, *p, here.device))
        };
        let others = side
            .devices
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != number);
        let mut callers =
            others.flat_map(|(n, d)| d.device.tunnels.iter().filter(calls).map(move |t| (n, t)));
        match (callers.next(), callers.next()) {
            (Some((far, back)), None) => FarEnd::Device(
                (far, back.interface.as_str().into()),
                Arc::new(back.clone()),
            ),
            _ => FarEnd::Unknown,
        }
    }

    /// The graph.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The position of a device.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// The interfaces, in use, that have an address.
    #[must_use]
    pub fn owners(&self, address: IpAddr) -> &[Place] {
        self.owners.get(&address).map_or(&[], Vec::as_slice)
    }

    /// The other interfaces on the segments of a place. One that has the same
    /// address is none: it is the same subnet at another site, or the other
    /// unit of a cluster.
    #[must_use]
    pub fn neighbours(&self, side: &Side<'_>, place: &Place) -> Vec<Place> {
        let addresses = |(device, name): &Place| {
            side.devices
                .get(*device)
                .and_then(|d| d.device.interface(name))
                .map_or(&[][..], |i| i.addresses.as_slice())
        };
        let mine = addresses(place);
        let mut out: Vec<Place> = Vec::new();
        for segment in self.segments.get(place).into_iter().flatten() {
            for edge in self.graph.edges(*segment) {
                let router = if edge.source() == *segment {
                    edge.target()
                } else {
                    edge.source()
                };
                let Some(Node::Router { device, .. }) = self.graph.node_weight(router) else {
                    continue;
                };
                let other: Place = (*device, Arc::clone(edge.weight()));
                let twin = addresses(&other)
                    .iter()
                    .any(|a| mine.iter().any(|m| m.addr() == a.addr()));
                if other != *place && !twin && !out.contains(&other) {
                    out.push(other);
                }
            }
        }
        out.sort();
        out
    }

    /// The next devices of packets that leave by a hop, without regard to
    /// hosts on the segment: the owners of the gateway, else, where the hop
    /// names no gateway or the gateway's owner is not known, the far end of a
    /// declared link or a tunnel, else, without a gateway, all neighbours.
    #[must_use]
    pub fn next(&self, side: &Side<'_>, number: usize, hop: &Hop) -> Vec<Place> {
        let place = (number, Arc::clone(&hop.interface));
        if let Some(gateway) = hop.gateway {
            let owners: Vec<Place> = self
                .owners(gateway)
                .iter()
                .filter(|(device, _)| *device != number)
                .cloned()
                .collect();
            if owners.len() > 1 {
                let near = self.neighbours(side, &place);
                let adjacent: Vec<Place> = owners
                    .iter()
                    .filter(|o| near.contains(o))
                    .cloned()
                    .collect();
                if !adjacent.is_empty() {
                    return adjacent;
                }
            }
            if !owners.is_empty() {
                return owners;
            }
            return self.linked(&place);
        }
        let linked = self.linked(&place);
        if linked.is_empty() {
            self.neighbours(side, &place)
        } else {
            linked
        }
    }

    /// True if there is one other end alone: a declared link, a tunnel, a
    /// subnet for two.
    #[must_use]
    pub fn is_point_to_point(&self, place: &Place) -> bool {
        self.segments
            .get(place)
            .into_iter()
            .flatten()
            .all(|s| match self.graph.node_weight(*s) {
                Some(Node::Subnet(net)) => net.prefix_len() + 2 >= net.max_prefix_len(),
                _ => true,
            })
    }

    /// True if a declared link or a tunnel begins at a place.
    #[must_use]
    pub fn is_linked(&self, place: &Place) -> bool {
        !self.linked(place).is_empty()
    }

    /// The other ends of declared links and tunnels of a place.
    fn linked(&self, place: &Place) -> Vec<Place> {
        let mut out = Vec::new();
        for segment in self.segments.get(place).into_iter().flatten() {
            if matches!(self.graph.node_weight(*segment), Some(Node::Subnet(_))) {
                continue;
            }
            for edge in self.graph.edges(*segment) {
                let router = if edge.source() == *segment {
                    edge.target()
                } else {
                    edge.source()
                };
                if let Some(Node::Router { device, .. }) = self.graph.node_weight(router) {
                    let other: Place = (*device, Arc::clone(edge.weight()));
                    if other != *place && !out.contains(&other) {
                        out.push(other);
                    }
                }
            }
        }
        out
    }

    /// The interface by which the shortest way leads from a device to another.
    #[must_use]
    pub fn towards(&self, from: usize, to: usize) -> Option<Arc<str>> {
        let is = |node: NodeIndex, number: usize| matches!(self.graph.node_weight(node), Some(Node::Router { device, .. }) if *device == number);
        // Breadth first; each node with the interface that the way began by.
        let mut seen: FxHashSet<NodeIndex> = FxHashSet::default();
        let mut todo: VecDeque<(NodeIndex, Option<Arc<str>>)> = self
            .graph
            .node_indices()
            .filter(|&node| is(node, from))
            .map(|node| (node, None))
            .collect();
        seen.extend(todo.iter().map(|(node, _)| *node));
        while let Some((node, began)) = todo.pop_front() {
            if is(node, to) {
                return began;
            }
            let mut next: Vec<(Arc<str>, NodeIndex)> = self
                .graph
                .edges(node)
                .map(|e| {
                    let other = if e.source() == node {
                        e.target()
                    } else {
                        e.source()
                    };
                    (Arc::clone(e.weight()), other)
                })
                .collect();
            next.sort();
            for (interface, other) in next {
                if seen.insert(other) {
                    let began = began.clone().or(Some(interface));
                    todo.push_back((other, began));
                }
            }
        }
        None
    }

    /// The addresses that a device answers for on an interface besides its
    /// own, because it translates them.
    #[must_use]
    pub fn claims(&self, side: &Side<'_>, place: &Place) -> Arc<AddressSet> {
        let lock = || self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(place) {
            return Arc::clone(known);
        }
        let set = side
            .devices
            .get(place.0)
            .map_or_else(AddressSet::empty, |here| {
                claimed_addresses(here.device, &place.1)
            });
        let set = Arc::new(set);
        lock().insert(place.clone(), Arc::clone(&set));
        set
    }

    /// The connected subnets of a family.
    #[must_use]
    pub const fn subnets(&self, family: Family) -> &Vec<IntervalSet> {
        let [v4, v6] = &self.subnets;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }

    /// The addresses of all devices.
    #[must_use]
    pub const fn own(&self, family: Family) -> &IntervalSet {
        let [v4, v6] = &self.own;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }
}

/// False for prefixes that every device has for itself: loopback and
/// link-local ones, and single addresses.
fn is_shared_by_routing(net: IpNet) -> bool {
    let local = match net.addr() {
        IpAddr::V4(a) => a.is_loopback() || a.is_link_local(),
        IpAddr::V6(a) => {
            a.is_loopback() || a.segments().first().is_some_and(|s| s & 0xffc0 == 0xfe80)
        }
    };
    !local && net.prefix_len() < net.max_prefix_len()
}
