//! The network: links between devices, where packets enter, and their way
//! from device to device.

use super::device::{Query, Way};
use super::journey::{Disposition, Outcome, Traveller};
use super::piece::{Passage, Piece};
use super::route_table::{Exit, Hop};
use super::side::Side;
use crate::packet_set::condition::{Choice, End};
use crate::packet_set::product::Dim;
use crate::packet_set::{Assumed, Product, Set};
use fw_model::evaluate::Journey;
use fw_model::{AddressSet, Family, IntervalSet};
use petgraph::graph::{NodeIndex, UnGraph};
use std::net::IpAddr;
use std::sync::Arc;

/// Which devices can hand packets to each other: a node a device, an edge a
/// shared subnet or a declared link.
pub type Topology = UnGraph<usize, Link>;

/// A shared subnet or a declared link: the interfaces of both ends, in the
/// order of the device numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// Device and interface of one end.
    pub one: (usize, Arc<str>),
    /// Device and interface of the other.
    pub other: (usize, Arc<str>),
}

/// A device, by position, and one of its interfaces.
pub type Place = (usize, Arc<str>);

/// Makes the packets that enter from some sources.
type Enter<'e> = &'e dyn Fn(&IntervalSet) -> Piece;

/// Packets at the place where they enter the network.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The device, by position.
    pub device: usize,
    /// The interface.
    pub ingress: Option<Passage>,
    /// The packets.
    pub piece: Piece,
}

/// Builds the topology of a side from interface addresses and declared links.
#[must_use]
pub fn topology(side: &Side<'_>) -> Topology {
    let mut graph = Topology::default();
    let nodes: Vec<NodeIndex> = (0..side.devices.len())
        .map(|number| graph.add_node(number))
        .collect();
    let mut nets: Vec<(ipnet::IpNet, usize, Arc<str>)> = Vec::new();
    for (number, here) in side.devices.iter().enumerate() {
        for interface in here.device.interfaces.iter().filter(|i| i.enabled) {
            for net in &interface.addresses {
                nets.push((net.trunc(), number, interface.name.as_str().into()));
            }
        }
    }
    nets.sort();
    let mut add = |one: (usize, Arc<str>), other: (usize, Arc<str>)| {
        if let (Some(&a), Some(&b)) = (nodes.get(one.0), nodes.get(other.0))
            && one.0 != other.0
        {
            graph.add_edge(a, b, Link { one, other });
        }
    };
    for (at, (net, device, interface)) in nets.iter().enumerate() {
        for (_, other, peer) in nets
            .get(at + 1..)
            .unwrap_or(&[])
            .iter()
            .take_while(|n| n.0 == *net)
        {
            add((*device, Arc::clone(interface)), (*other, Arc::clone(peer)));
        }
    }
    let number = |name: &str| side.devices.iter().position(|d| d.device.name == name);
    for ((a, ia), (b, ib)) in &side.snapshot.links {
        if let (Some(a), Some(b)) = (number(a), number(b)) {
            add((a, ia.as_str().into()), (b, ib.as_str().into()));
        }
    }
    graph
}

impl Side<'_> {
    /// Where the packets of `product` enter the network. Each place comes
    /// with the part of the packets that live there; where nothing tells, all
    /// feasible places come, each under the assumption that it is the one.
    #[must_use]
    pub fn entries(
        &self,
        family: Family,
        product: &Product,
        ingress: Option<&str>,
        only: Option<usize>,
        assumed: &Assumed,
    ) -> Vec<Entry> {
        let mut left: IntervalSet = (**product.get(Dim::Source)).clone();
        let mut out = Vec::new();
        let devices: Vec<usize> = match only {
            Some(number) => vec![number],
            None => (0..self.devices.len()).collect(),
        };
        let enter = |set: &IntervalSet| {
            let source: Set = Arc::new(set.clone());
            Piece::entering(family, &product.with(Dim::Source, source), assumed.clone())
        };
        if let Some(name) = ingress {
            let named: Vec<(usize, Arc<str>)> = devices
                .iter()
                .flat_map(|&d| {
                    let found = self
                        .devices
                        .get(d)
                        .map(|here| here.interfaces_named(name))
                        .unwrap_or_default();
                    found.into_iter().map(move |i| (d, i))
                })
                .collect();
            if !named.is_empty() {
                return self.alternatives(&named, &enter(&left));
            }
        }
        // Hosts that topology.yaml places, then hosts on connected subnets.
        let mut places: Vec<(AddressSet, usize, Arc<str>)> = Vec::new();
        for (set, device, interface) in &self.snapshot.networks {
            if let Some(number) = self.devices.iter().position(|d| d.device.name == *device) {
                places.push((set.clone(), number, interface.as_str().into()));
            }
        }
        for set in self.connected_first(&devices, &places) {
            let within = left.intersect(set.0.family(family));
            if within.is_empty() {
                continue;
            }
            left = left.subtract(&within);
            out.extend(self.alternatives(&set.1, &enter(&within)));
        }
        if left.is_empty() {
            return out;
        }
        out.extend(self.remote(family, &mut left, &devices, &enter));
        if !left.is_empty() {
            let all: Vec<(usize, Arc<str>)> = devices
                .iter()
                .filter_map(|&d| self.devices.get(d).map(|here| (d, here)))
                .flat_map(|(d, here)| {
                    let feasible = here.interfaces().members(here.feasible_interfaces());
                    feasible.map(move |i| (d, Arc::clone(i)))
                })
                .collect();
            out.extend(self.alternatives(&all, &enter(&left)));
        }
        out
    }

    /// Where the packets of `product` enter a device if they come in by one of
    /// these interfaces, by number.
    #[must_use]
    pub fn entries_by(
        &self,
        family: Family,
        product: &Product,
        device: usize,
        numbers: &Set,
        assumed: &Assumed,
    ) -> Vec<Entry> {
        let Some(here) = self.devices.get(device) else {
            return Vec::new();
        };
        let feasible = numbers.intersect(here.feasible_interfaces());
        let numbers = if feasible.is_empty() {
            numbers
        } else {
            &Arc::new(feasible)
        };
        let places: Vec<Place> = here
            .interfaces()
            .members(numbers)
            .map(|name| (device, Arc::clone(name)))
            .collect();
        self.alternatives(&places, &Piece::entering(family, product, assumed.clone()))
    }

    /// The hosts that an interface which is down cuts off: its subnet, as far
    /// as no other interface and no route but a default route leads there.
    #[must_use]
    pub fn cut_off(&self, family: Family, only: Option<usize>) -> IntervalSet {
        let devices = || {
            let here = self.devices.iter().enumerate();
            here.filter(|(number, _)| only.is_none_or(|o| o == *number))
                .map(|(_, here)| here.device)
        };
        let of = |net: ipnet::IpNet| AddressSet::prefix(net).family(family).clone();
        let down = devices()
            .flat_map(|d| d.interfaces.iter().filter(|i| !i.enabled))
            .flat_map(|i| &i.addresses)
            .filter(|net| net.prefix_len() > 0)
            .fold(IntervalSet::new(), |all, net| all.union(&of(*net)));
        if down.is_empty() {
            return down;
        }
        let up = devices()
            .flat_map(|d| d.interfaces.iter().filter(|i| i.enabled))
            .flat_map(|i| i.addresses.iter().copied());
        let routed = devices()
            .flat_map(|d| d.routes.iter().map(|r| r.prefix))
            .filter(|prefix| prefix.prefix_len() > 0);
        let down = up
            .chain(routed)
            .fold(down, |left, net| left.subtract(&of(net)));
        self.snapshot
            .networks
            .iter()
            .fold(down, |left, (set, ..)| left.subtract(set.family(family)))
    }

    /// The places of declared networks and of connected subnets, the smaller
    /// ones first, with all interfaces that a subnet is connected to.
    fn connected_first(
        &self,
        devices: &[usize],
        declared: &[(AddressSet, usize, Arc<str>)],
    ) -> Vec<(AddressSet, Vec<Place>)> {
        let mut out: Vec<(AddressSet, Vec<Place>)> = declared
            .iter()
            .filter(|(_, device, _)| devices.contains(device))
            .map(|(set, device, interface)| (set.clone(), vec![(*device, Arc::clone(interface))]))
            .collect();
        let mut nets: Vec<(ipnet::IpNet, usize, Arc<str>)> = Vec::new();
        for &number in devices {
            let Some(here) = self.devices.get(number) else {
                continue;
            };
            for interface in here.device.interfaces.iter().filter(|i| i.enabled) {
                for net in &interface.addresses {
                    nets.push((net.trunc(), number, interface.name.as_str().into()));
                }
            }
        }
        nets.sort_by_key(|n| (std::cmp::Reverse(n.0.prefix_len()), n.0, n.1));
        for group in nets.chunk_by(|a, b| a.0 == b.0) {
            if let Some((net, ..)) = group.first() {
                out.push((
                    AddressSet::prefix(*net),
                    group.iter().map(|n| (n.1, Arc::clone(&n.2))).collect(),
                ));
            }
        }
        out
    }

    /// Hosts behind routers that the snapshot does not hold: they enter where
    /// a route to them leaves the snapshot.
    fn remote(
        &self,
        family: Family,
        left: &mut IntervalSet,
        devices: &[usize],
        enter: Enter<'_>,
    ) -> Vec<Entry> {
        // Parts of the sources with all places that a route names for them.
        let mut parts: Vec<(IntervalSet, Vec<Place>)> = Vec::new();
        for &number in devices {
            let Some(here) = self.devices.get(number) else {
                continue;
            };
            let mut vrfs: Vec<&str> = here
                .device
                .interfaces
                .iter()
                .map(|i| i.vrf.as_str())
                .collect();
            vrfs.sort_unstable();
            vrfs.dedup();
            for vrf in vrfs {
                for (set, exit) in here.routes_of(vrf.to_owned(), family).iter() {
                    let Exit::Leaves(hops) = exit else { continue };
                    let within = left.intersect(set);
                    if within.is_empty() {
                        continue;
                    }
                    let outside: Vec<(usize, Arc<str>)> = hops
                        .iter()
                        .filter(|h| !self.owned(h.gateway, number))
                        .filter(|h| !self.linked(number, &h.interface))
                        .map(|h| (number, Arc::clone(&h.interface)))
                        .collect();
                    if outside.is_empty() {
                        continue;
                    }
                    add_places(&mut parts, within, &outside);
                }
            }
        }
        let mut out = Vec::new();
        for (set, places) in parts {
            *left = left.subtract(&set);
            out.extend(self.alternatives(&places, &enter(&set)));
        }
        out
    }

    /// True if an interface is one end of a link, so that no hosts live
    /// behind it but those of the other device.
    fn linked(&self, number: usize, interface: &str) -> bool {
        let Some(here) = self.devices.get(number) else {
            return false;
        };
        let here = (here.device.name.as_str(), interface);
        self.snapshot.links.iter().any(|(a, b)| {
            [a, b]
                .iter()
                .any(|end| (end.0.as_str(), end.1.as_str()) == here)
        })
    }

    /// True if a gateway is an address of another device of the snapshot.
    fn owned(&self, gateway: Option<IpAddr>, not: usize) -> bool {
        gateway.is_some_and(|g| {
            self.devices.iter().enumerate().any(|(number, here)| {
                number != not && here.own(Family::of(g)).contains(fw_model::address::bits(g))
            })
        })
    }

    /// Entries at several places of which one is the right one: one entry a
    /// device, its interface open. What is assumed of the way already is kept.
    fn alternatives(&self, places: &[Place], piece: &Piece) -> Vec<Entry> {
        if let [(device, interface)] = places {
            return vec![Entry {
                device: *device,
                ingress: Some(Passage::Interface(Arc::clone(interface))),
                piece: piece.clone(),
            }];
        }
        let mut groups: Vec<(usize, Choice, Set)> = Vec::new();
        for (device, _) in places {
            if groups.iter().any(|g| g.0 == *device) {
                continue;
            }
            let Some(here) = self.devices.get(*device) else {
                continue;
            };
            let interfaces = here.interfaces();
            let numbers = interfaces.numbers(|name| {
                let mut of_device = places.iter().filter(|p| p.0 == *device);
                of_device.any(|p| *p.1 == *name)
            });
            let choice = Choice::Way(End::Ingress, Arc::clone(interfaces));
            groups.push((*device, choice, Arc::new(numbers)));
        }
        let known = |choice: &Choice, numbers: &Set| {
            let (_, literal) = self.conditions.chosen(choice, numbers, &piece.assumed);
            literal.is_some()
        };
        let decided = groups.iter().any(|(_, c, numbers)| known(c, numbers));
        let several = groups.len() > 1;
        groups
            .into_iter()
            .filter(|(_, choice, numbers)| !decided || known(choice, numbers))
            .filter_map(|(device, choice, numbers)| {
                let mut piece = piece.clone();
                if several && !decided {
                    let literal = self.conditions.choice(&choice, &numbers);
                    piece.assumed = piece.assumed.and(&[literal]);
                }
                let interfaces = self.devices.get(device)?.interfaces();
                let ingress = piece.open_way(End::Ingress, interfaces, &numbers, self.conditions);
                Some(Entry {
                    device,
                    ingress: Some(ingress),
                    piece,
                })
            })
            .collect()
    }

    /// An entry as far as it is by one of these interfaces.
    #[must_use]
    pub fn entering(&self, mut entry: Entry, numbers: &Set) -> Option<Entry> {
        match &entry.ingress {
            Some(Passage::Interface(name)) => {
                let here = self.devices.get(entry.device)?;
                let number = here.interfaces().number(name);
                number.is_none_or(|n| numbers.contains(n)).then_some(entry)
            }
            open => {
                entry.piece = entry
                    .piece
                    .restrict_way(open.as_ref(), numbers, self.conditions)?;
                Some(entry)
            }
        }
    }

    /// Follows packets from where they enter to where they end, replies
    /// included.
    #[must_use]
    pub fn follow(&self, entry: Entry, only: Option<usize>, query: &Query<'_>) -> Vec<Outcome> {
        let mut ended = Vec::new();
        let mut arrived = Vec::new();
        let mut todo = vec![(
            entry.device,
            entry.ingress,
            Traveller {
                piece: entry.piece,
                visits: Vec::new(),
                crossings: Vec::new(),
            },
        )];
        while let Some((number, ingress, traveller)) = todo.pop() {
            let Some(at) = self.at(number) else { continue };
            let seen = traveller
                .crossings
                .iter()
                .any(|c| c.device == number && c.ingress == ingress);
            if seen {
                ended.push(traveller.end(Disposition::Loop));
                continue;
            }
            for (traveller, way) in at.cross(traveller, ingress, query, &mut ended) {
                if only.is_some() || query.journey != Journey::Through {
                    arrived.push(traveller);
                    continue;
                }
                for (traveller, hop) in self.by_link(number, traveller, way) {
                    match hop.and_then(|hop| self.onward(number, &hop)) {
                        Some((device, interface)) => {
                            todo.push((device, Some(Passage::Interface(interface)), traveller));
                        }
                        None => arrived.push(traveller),
                    }
                }
            }
        }
        for traveller in arrived {
            if query.replies {
                self.reply(traveller, query, &mut ended);
            } else {
                ended.push(traveller.end(Disposition::Permitted));
            }
        }
        ended
    }

    /// Separates packets that may leave by several interfaces by those that a
    /// declared link belongs to.
    fn by_link(
        &self,
        number: usize,
        traveller: Traveller,
        way: Way,
    ) -> Vec<(Traveller, Option<Hop>)> {
        let (hop, variable) = match way {
            Way::Out(hop) => (Some(hop), None),
            Way::Open(variable) => (None, Some(variable)),
            Way::Unrouted | Way::Discarded(_) => (None, None),
        };
        let (Some(variable), Some(here)) = (variable, self.devices.get(number)) else {
            return vec![(traveller, hop)];
        };
        let passage = Passage::Open(variable);
        let name = &here.device.name;
        let ends = self.snapshot.links.iter().flat_map(|(a, b)| [a, b]);
        let linked: Vec<&str> = ends
            .filter(|end| end.0 == *name)
            .map(|end| end.1.as_str())
            .collect();
        let interfaces = here.interfaces();
        let part = |wanted: &dyn Fn(&str) -> bool| {
            let numbers = Arc::new(interfaces.numbers(wanted));
            let piece = traveller.piece.clone();
            piece
                .restrict_way(Some(&passage), &numbers, self.conditions)
                .map(|piece| traveller.with(piece))
        };
        let mut out = Vec::new();
        for link in &linked {
            out.extend(part(&|name| name == *link).map(|t| {
                let hop = Hop {
                    interface: Arc::from(*link),
                    gateway: None,
                    span: None,
                };
                (t, Some(hop))
            }));
        }
        out.extend(part(&|name| !linked.contains(&name)).map(|t| (t, None)));
        out
    }

    /// The next device, if the packets do not arrive on the subnet they leave
    /// to: the one that owns the gateway, or the other end of a declared link.
    fn onward(&self, number: usize, hop: &Hop) -> Option<Place> {
        let name = self
            .devices
            .get(number)
            .map_or("", |d| d.device.name.as_str());
        for ((a, ia), (b, ib)) in &self.snapshot.links {
            let peer = if *a == name && **ia == *hop.interface {
                Some((b, ib))
            } else if *b == name && **ib == *hop.interface {
                Some((a, ia))
            } else {
                None
            };
            if let Some((device, interface)) = peer
                && let Some(next) = self.devices.iter().position(|d| d.device.name == *device)
            {
                return Some((next, interface.as_str().into()));
            }
        }
        let gateway = hop.gateway?;
        let others = self
            .devices
            .iter()
            .enumerate()
            .filter(|(n, _)| *n != number);
        for (next, here) in others {
            let owner = here
                .device
                .interfaces
                .iter()
                .find(|i| i.enabled && i.addresses.iter().any(|a| a.addr() == gateway));
            if let Some(interface) = owner {
                return Some((next, interface.name.as_str().into()));
            }
        }
        None
    }

    /// Separates packets that cross devices from those that do not: both ends
    /// in one connected subnet, or sent by a device itself.
    #[must_use]
    pub fn crossing_part(
        &self,
        family: Family,
        product: &Product,
        only: Option<usize>,
    ) -> (Vec<Product>, Vec<Product>) {
        let mut crossing = vec![product.clone()];
        let mut staying = Vec::new();
        let mut take = |box_: &Product| {
            if !crossing.iter().any(|p| p.meets(box_)) {
                return;
            }
            staying.extend(crossing.iter().filter_map(|p| p.intersect(box_)));
            crossing = crossing.iter().flat_map(|p| p.subtract(box_)).collect();
        };
        let everything = Product::everything(family);
        for (number, here) in self.devices.iter().enumerate() {
            if only.is_some_and(|o| o != number) {
                continue;
            }
            for interface in here.device.interfaces.iter().filter(|i| i.enabled) {
                for net in &interface.addresses {
                    let set: Set = Arc::new(AddressSet::prefix(*net).family(family).clone());
                    if !set.is_empty() {
                        let inside = everything
                            .with(Dim::Source, Arc::clone(&set))
                            .with(Dim::Destination, set);
                        take(&inside);
                    }
                }
            }
            let own = here.own(family);
            if !own.is_empty() {
                take(&everything.with(Dim::Source, Arc::clone(own)));
            }
        }
        (crossing, staying)
    }
}

/// Adds places to the parts of a partition that a set meets.
fn add_places(
    parts: &mut Vec<(IntervalSet, Vec<Place>)>,
    set: IntervalSet,
    places: &[(usize, Arc<str>)],
) {
    let mut rest = set;
    let mut new = Vec::new();
    for (part, known) in parts.iter_mut() {
        let both = part.intersect(&rest);
        if both.is_empty() {
            continue;
        }
        let apart = part.subtract(&both);
        rest = rest.subtract(&both);
        let mut joined = known.clone();
        joined.extend(places.iter().filter(|p| !known.contains(p)).cloned());
        if !apart.is_empty() {
            new.push((apart, known.clone()));
        }
        *part = both;
        *known = joined;
    }
    parts.extend(new);
    if !rest.is_empty() {
        parts.push((rest, places.to_vec()));
    }
}
