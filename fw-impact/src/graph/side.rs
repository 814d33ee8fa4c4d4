//! One side of a comparison with everything that is worked out of it once.

use super::exits::Exits;
use super::hosts::subnet_index;
use super::route_table::{RouteTable, own_addresses, route_table};
use super::topology::{Located, Network};
use crate::packet_set::compile::{Asks, Compiled, Context};
use crate::packet_set::condition::Interfaces;
use crate::packet_set::original::{Classes, classes};
use crate::packet_set::term::SetPool;
use crate::packet_set::{ConditionTable, Set};
use fw_model::match_expr::CivilMinute;
use fw_model::nat::{translated_addresses, translated_destinations};
use fw_model::{
    AddressSet, Device, Family, FilterId, InterfaceSet, IntervalSet, MatchExpr, NextHop, Snapshot,
    Span,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// One side of a comparison.
pub struct Side<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// Variables of conditions, shared by both sides.
    pub conditions: &'a ConditionTable,
    /// The instant at which schedules are judged.
    pub now: CivilMinute,
    /// The devices, in the snapshot's order.
    pub devices: Vec<DeviceSide<'a>>,
    spans: OnceLock<FxHashMap<String, Span>>,
    peer: Option<&'a Snapshot>,
    later: bool,
    gone: OnceLock<FxHashMap<IpAddr, String>>,
    dead: OnceLock<FxHashSet<IpAddr>>,
    ghosts: [OnceLock<IntervalSet>; 2],
    network: OnceLock<Network>,
    exits: [OnceLock<Exits>; 2],
    subnets: [OnceLock<Vec<Located>>; 2],
}

/// One device with everything that is worked out of it once.
pub struct DeviceSide<'a> {
    /// The device.
    pub device: &'a Device,
    /// The same device on the other side of a comparison.
    pub(crate) peer: Option<&'a Device>,
    /// The version whose interfaces are numbered in its place.
    variant_of: Option<&'a Device>,
    asks: Vec<Asks>,
    compiled: Mutex<FxHashMap<(FilterId, Context), Arc<Compiled>>>,
    pool: Mutex<SetPool>,
    tables: Mutex<FxHashMap<(String, Family), Arc<RouteTable>>>,
    /// Tables of a part of the routes: by interface, and whether those beside
    /// it belong to it.
    parts: Mutex<FxHashMap<(String, Family, bool), Arc<RouteTable>>>,
    own: [Set; 2],
    origins: [OnceLock<Option<[Classes; 4]>>; 2],
    interfaces: OnceLock<Numbered>,
    mapped: Mutex<FxHashMap<String, Arc<AddressSet>>>,
}

/// The interfaces of a device by number, and which of them transit traffic
/// may use when nothing tells which.
struct Numbered {
    all: Arc<Interfaces>,
    feasible: Set,
    several: Set,
}

/// True for interfaces that transit traffic may use.
fn carries(interface: &fw_model::Interface) -> bool {
    interface.enabled && !interface.management_only && interface.name != "lo"
}

/// True if the format of a device lists its interfaces.
fn listed(device: &Device) -> bool {
    device.interfaces_complete && device.interfaces.iter().any(carries)
}

/// The names of interfaces that some versions of a device tell apart, and
/// those of them that stand for others, where their format does not list
/// interfaces.
fn told_apart(devices: &[&Device]) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
    let mut names: Vec<Arc<str>> = Vec::new();
    for device in devices {
        names.extend(device.interfaces.iter().map(|i| Arc::from(i.name.as_str())));
        names.extend(device.routes.iter().filter_map(|r| match &r.next {
            NextHop::Interface(name, _) => Some(Arc::from(name.as_str())),
            _ => None,
        }));
    }
    let mut stand_ins: Vec<Arc<str>> = Vec::new();
    if !devices.iter().all(|d| listed(d)) {
        let mut sets: Vec<&InterfaceSet> = Vec::new();
        for rule in devices
            .iter()
            .flat_map(|d| &d.filters)
            .flat_map(|f| &f.rules)
        {
            collect(&rule.match_expr, &mut sets);
        }
        // One interface for each prefix that rules ask for (`br-*`), and one
        // for all that no rule mentions.
        let prefixes = sets.iter().flat_map(|s| &s.prefixes);
        stand_ins.extend(prefixes.map(|prefix| format!("{prefix}*").into()));
        stand_ins.push(OTHER_INTERFACE.into());
    }
    names.extend(stand_ins.iter().cloned());
    (names, stand_ins)
}

/// The name of an interface that no rule mentions, on devices whose format
/// does not list them.
pub const OTHER_INTERFACE: &str = "(any other)";

impl<'a> Side<'a> {
    /// Prepares a snapshot that is compared with `peer`: interfaces that the
    /// rules of either tell apart are told apart on both.
    #[must_use]
    pub fn compared(
        snapshot: &'a Snapshot,
        peer: &'a Snapshot,
        conditions: &'a ConditionTable,
        now: CivilMinute,
    ) -> Self {
        let mut side = Self::new(snapshot, conditions, now);
        side.peer = Some(peer);
        for here in &mut side.devices {
            here.peer = peer.device(&here.device.name);
        }
        side
    }

    /// This side is a variant of `other`: interfaces have the numbers that they
    /// have in the comparison of `other` with the same peer, so that what is
    /// assumed of them means the same.
    #[must_use]
    pub fn numbered_as(mut self, other: &'a Snapshot) -> Self {
        for here in &mut self.devices {
            here.variant_of = other.device(&here.device.name);
        }
        self
    }

    /// This side is the one after the change: a device that it does not have
    /// any more is gone.
    #[must_use]
    pub const fn after_the_change(mut self) -> Self {
        self.later = true;
        self
    }

    /// The device that had an address before the change and is gone, if no
    /// other one has it now.
    #[must_use]
    pub fn gone(&self, address: IpAddr) -> Option<&str> {
        let peer = self.peer.filter(|_| self.later)?;
        let gone = self.gone.get_or_init(|| {
            peer.devices
                .iter()
                .filter(|d| self.snapshot.device(&d.name).is_none())
                .flat_map(|d| d.interfaces.iter().map(move |i| (d, i)))
                .flat_map(|(d, i)| i.addresses.iter().map(|a| (a.addr(), d.name.clone())))
                .collect()
        });
        gone.get(&address).map(String::as_str)
    }

    /// True if nobody answers at an address: it is that of an interface which
    /// is down, or of a device that had it before the change and has another
    /// one after it.
    #[must_use]
    pub fn is_dead(&self, address: IpAddr) -> bool {
        let dead = self.dead.get_or_init(|| {
            let down = self.snapshot.devices.iter().flat_map(|d| &d.interfaces);
            let down = down.filter(|i| !i.enabled);
            let peer = self.peer.filter(|_| self.later);
            let kept = peer.iter().flat_map(|p| &p.devices).filter(|d| {
                let now = self.snapshot.device(&d.name);
                now.is_some_and(|d| {
                    d.interfaces_complete && !d.interfaces.iter().any(|i| i.dynamic_address)
                })
            });
            let moved = kept.flat_map(|d| d.interfaces.iter().filter(|i| i.enabled));
            let all = down.chain(moved);
            all.flat_map(|i| i.addresses.iter().map(ipnet::IpNet::addr))
                .collect()
        });
        dead.contains(&address) && self.network().owners(address).is_empty()
    }

    /// Prepares a snapshot.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, conditions: &'a ConditionTable, now: CivilMinute) -> Self {
        Self {
            snapshot,
            conditions,
            now,
            devices: snapshot.devices.iter().map(DeviceSide::new).collect(),
            spans: OnceLock::new(),
            peer: None,
            later: false,
            gone: OnceLock::new(),
            dead: OnceLock::new(),
            ghosts: Default::default(),
            network: OnceLock::new(),
            exits: Default::default(),
            subnets: Default::default(),
        }
    }

    /// How its devices are joined.
    #[must_use]
    pub fn network(&self) -> &Network {
        self.network.get_or_init(|| Network::new(self))
    }

    /// Addresses of subnets that a device translates on either side of the
    /// comparison, so that they are no hosts.
    #[must_use]
    pub fn ghosts(&self, family: Family) -> &IntervalSet {
        let [v4, v6] = &self.ghosts;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
        .get_or_init(|| {
            let claims: Vec<AddressSet> = [Some(self.snapshot), self.peer]
                .into_iter()
                .flatten()
                .flat_map(|s| &s.devices)
                .flat_map(|d| d.interfaces.iter().map(move |i| (d, i)))
                .filter(|(_, i)| i.enabled)
                .map(|(d, i)| translated_addresses(d, &i.name))
                .collect();
            AddressSet::union_all(&claims).family(family).clone()
        })
    }

    /// Where routes lead out of the snapshot.
    #[must_use]
    pub fn exits(&self, family: Family) -> &Exits {
        let [v4, v6] = &self.exits;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
        .get_or_init(|| Exits::new(self, family))
    }

    /// Connected subnets, the smaller ones first, with their interfaces.
    #[must_use]
    pub fn subnet_index(&self, family: Family) -> &[Located] {
        let [v4, v6] = &self.subnets;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
        .get_or_init(|| subnet_index(self, family))
    }

    /// The position of the device that a flow asks for: the one of that name,
    /// else the only one that stands for it.
    #[must_use]
    pub fn asked_for(&self, name: &str) -> Option<usize> {
        let named = self.devices.iter().position(|d| d.device.name == name);
        named.or_else(|| {
            let for_it = |d: &DeviceSide<'_>| d.device.stands_for.iter().any(|n| n == name);
            let mut all = (0..).zip(&self.devices).filter(|(_, d)| for_it(d));
            let (at, _) = all.next()?;
            all.next().is_none().then_some(at)
        })
    }

    /// Where a condition stands on this side. Conditions are shared by both
    /// sides, so the place that one of them carries may be the other side's.
    #[must_use]
    pub fn span_of(&self, key: &str) -> Option<Span> {
        let spans = self.spans.get_or_init(|| {
            let mut spans = FxHashMap::default();
            for here in &self.devices {
                for condition in here.device.conditions() {
                    if let Some(span) = condition.span {
                        spans.entry(condition.key.clone()).or_insert(span);
                    }
                }
            }
            spans
        });
        let key = key.strip_prefix("translated: ").unwrap_or(key);
        spans.get(key).copied()
    }
}

impl<'a> DeviceSide<'a> {
    fn new(device: &'a Device) -> Self {
        Self {
            device,
            peer: None,
            variant_of: None,
            asks: device.filters.iter().map(Asks::of).collect(),
            compiled: Mutex::default(),
            pool: Mutex::default(),
            tables: Mutex::default(),
            parts: Mutex::default(),
            own: [Family::V4, Family::V6].map(|f| Arc::new(own_addresses(device, f))),
            origins: Default::default(),
            interfaces: OnceLock::new(),
            mapped: Mutex::default(),
        }
    }

    /// The destinations that this device or its other version translates of
    /// packets that come in by an interface.
    pub(crate) fn mapped_at(&self, interface: &str) -> Arc<AddressSet> {
        let mut known = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(interface) {
            return Arc::clone(found);
        }
        let versions = [Some(self.device), self.peer];
        let sets: Vec<AddressSet> = versions
            .into_iter()
            .flatten()
            .map(|device| translated_destinations(device, interface))
            .collect();
        let set = Arc::new(AddressSet::union_all(&sets));
        known.insert(interface.to_owned(), Arc::clone(&set));
        set
    }

    /// The compiled form of a filter for a context.
    #[must_use]
    pub fn compiled(
        &self,
        id: FilterId,
        context: &Context,
        conditions: &ConditionTable,
    ) -> Option<Arc<Compiled>> {
        let filter = self.device.filter(id)?;
        let asks = self.asks.get(id.0 as usize)?;
        let key = (id, asks.blank(context));
        let lock = || self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().get(&key) {
            return Some(Arc::clone(found));
        }
        let compiled = {
            let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::new(Compiled::new(
                self.device,
                filter,
                &key.1,
                self.interfaces(),
                conditions,
                &mut pool,
            ))
        };
        Some(Arc::clone(lock().entry(key).or_insert(compiled)))
    }

    /// The routing table that packets from `ingress` use.
    #[must_use]
    pub fn routes(&self, ingress: Option<&str>, family: Family) -> Arc<RouteTable> {
        let vrf = ingress
            .and_then(|name| self.device.interface(name))
            .map(|i| i.vrf.clone())
            .unwrap_or_default();
        self.routes_of(vrf, family)
    }

    /// The routing table of a VRF.
    #[must_use]
    pub fn routes_of(&self, vrf: String, family: Family) -> Arc<RouteTable> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let table = tables
            .entry((vrf, family))
            .or_insert_with_key(|(vrf, family)| {
                Arc::new(route_table(self.device, self.peer, vrf, *family))
            });
        Arc::clone(table)
    }

    /// The routes that lead out of one interface.
    #[must_use]
    pub fn routes_by(&self, interface: &str, family: Family) -> Arc<RouteTable> {
        self.part_of_routes(interface, family, false)
    }

    /// The routes for packets of connections that use an interface, on a
    /// device where the routes of others have no say.
    #[must_use]
    pub fn routes_beside(&self, interface: &str, family: Family) -> Arc<RouteTable> {
        self.part_of_routes(interface, family, true)
    }

    fn part_of_routes(&self, interface: &str, family: Family, beside: bool) -> Arc<RouteTable> {
        let vrf = self.device.interface(interface);
        let vrf = vrf.map_or_else(String::new, |i| i.vrf.clone());
        let mut tables = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let table = tables
            .entry((interface.to_owned(), family, beside))
            .or_insert_with(|| {
                let part = |device: &Device| {
                    if beside {
                        device.routes_beside(interface)
                    } else {
                        device.routes_by(&|name| name == interface)
                    }
                };
                let peer = self.peer.map(part);
                Arc::new(route_table(&part(self.device), peer.as_ref(), &vrf, family))
            });
        Arc::clone(table)
    }

    /// What the rules ask of first packets, as a partition of each dimension;
    /// `None` if they ask nothing.
    #[must_use]
    pub fn origins(&self, family: Family) -> Option<&[Classes; 4]> {
        let [v4, v6] = &self.origins;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
        .get_or_init(|| classes(self.device, family))
        .as_ref()
    }

    /// The device's own addresses of a family.
    #[must_use]
    pub const fn own(&self, family: Family) -> &Set {
        let [v4, v6] = &self.own;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }

    /// The interfaces by number. Numbers are the same on both sides of a
    /// comparison.
    #[must_use]
    pub fn interfaces(&self) -> &Arc<Interfaces> {
        &self.numbered().all
    }

    /// The interfaces that transit traffic may use when nothing tells which.
    #[must_use]
    pub fn feasible_interfaces(&self) -> &Set {
        &self.numbered().feasible
    }

    /// The numbers that stand for more than one interface, on devices whose
    /// format does not list them.
    #[must_use]
    pub fn several(&self) -> &Set {
        &self.numbered().several
    }

    fn numbered(&self) -> &Numbered {
        self.interfaces.get_or_init(|| self.number())
    }

    fn number(&self) -> Numbered {
        let of = self.variant_of.unwrap_or(self.device);
        let mut devices: Vec<&Device> = [of].into_iter().chain(self.peer).collect();
        let (names, mut stand_ins) = told_apart(&devices);
        let mut all = Interfaces::new(&self.device.name, names);
        if self.variant_of.is_some() {
            devices.push(self.device);
            let (names, more) = told_apart(&[self.device]);
            all.add(names);
            stand_ins.extend(more);
        }
        // Where a format does not list interfaces, the other side's are as
        // good as this one's.
        let sources = if listed(self.device) {
            vec![self.device]
        } else {
            devices
        };
        let feasible = all.numbers(|name| {
            sources
                .iter()
                .any(|d| d.interface(name).is_some_and(carries))
                || (!listed(self.device) && stand_ins.iter().any(|s| **s == *name))
        });
        let several = all.numbers(|name| stand_ins.iter().any(|s| **s == *name));
        Numbered {
            all: Arc::new(all),
            feasible: Arc::new(feasible),
            several: Arc::new(several),
        }
    }

    /// The interfaces that `name` stands for: an interface, a hardware name,
    /// or a zone.
    #[must_use]
    pub fn interfaces_named(&self, name: &str) -> Vec<Arc<str>> {
        if let Some(zone) = self.device.zones.iter().find(|z| z.name == name)
            && self.device.interface(name).is_none()
        {
            return zone.interfaces.iter().map(|i| i.as_str().into()).collect();
        }
        let found: Vec<Arc<str>> = self
            .device
            .interfaces
            .iter()
            .filter(|i| i.name == name || i.hardware.as_deref() == Some(name))
            .map(|i| i.name.as_str().into())
            .collect();
        if found.is_empty() && !self.device.interfaces_complete {
            return vec![name.into()];
        }
        found
    }
}

fn collect<'m>(expr: &'m MatchExpr, out: &mut Vec<&'m InterfaceSet>) {
    match expr {
        MatchExpr::Ingress(set) | MatchExpr::Egress(set) if !out.contains(&&**set) => {
            out.push(set);
        }
        MatchExpr::All(parts) | MatchExpr::Any(parts) => {
            for part in parts {
                collect(part, out);
            }
        }
        MatchExpr::Not(part) | MatchExpr::Original(part) => collect(part, out),
        _ => {}
    }
}
