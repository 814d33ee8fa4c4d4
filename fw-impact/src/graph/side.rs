//! One side of a comparison with everything that is worked out of it once.

use super::route_table::{RouteTable, own_addresses, route_table};
use crate::packet_set::compile::{Asks, Compiled, Context};
use crate::packet_set::original;
use crate::packet_set::product::Dim;
use crate::packet_set::term::SetPool;
use crate::packet_set::{ConditionTable, Set};
use fw_model::match_expr::CivilMinute;
use fw_model::{Device, Family, FilterId, InterfaceSet, MatchExpr, Snapshot, Span};
use rustc_hash::{FxHashMap, FxHashSet};
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
}

/// One device with everything that is worked out of it once.
pub struct DeviceSide<'a> {
    /// The device.
    pub device: &'a Device,
    /// The same device on the other side of a comparison.
    peer: Option<&'a Device>,
    asks: Vec<Asks>,
    compiled: Mutex<FxHashMap<(FilterId, Context), Arc<Compiled>>>,
    pool: Mutex<SetPool>,
    tables: Mutex<FxHashMap<(String, Family), Arc<RouteTable>>>,
    own: [Set; 2],
    classes: OnceLock<Vec<Arc<str>>>,
    originals: OnceLock<[Vec<(Dim, Set)>; 2]>,
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
        for here in &mut side.devices {
            here.peer = peer.device(&here.device.name);
        }
        side
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
        }
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
            asks: device.filters.iter().map(Asks::of).collect(),
            compiled: Mutex::default(),
            pool: Mutex::default(),
            tables: Mutex::default(),
            own: [Family::V4, Family::V6].map(|f| Arc::new(own_addresses(device, f))),
            classes: OnceLock::new(),
            originals: OnceLock::new(),
        }
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
                conditions,
                &mut pool,
            ))
        };
        Some(Arc::clone(lock().entry(key).or_insert(compiled)))
    }

    /// The sets that rules ask packets for as they entered.
    #[must_use]
    pub fn originals(&self, family: Family) -> &[(Dim, Set)] {
        let [v4, v6] = self
            .originals
            .get_or_init(|| [Family::V4, Family::V6].map(|f| original::asked(self.device, f)));
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
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
            .or_insert_with_key(|(vrf, family)| Arc::new(route_table(self.device, vrf, *family)));
        Arc::clone(table)
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

    /// The interfaces that transit traffic may use when nothing tells which:
    /// all of them, one for each class that no rule tells apart on devices
    /// whose format does not list them.
    #[must_use]
    pub fn feasible_interfaces(&self) -> &[Arc<str>] {
        self.classes.get_or_init(|| self.interface_classes())
    }

    fn interface_classes(&self) -> Vec<Arc<str>> {
        let usable = |device: &Device| -> Vec<Arc<str>> {
            device
                .interfaces
                .iter()
                .filter(|i| i.enabled && !i.management_only && i.name != "lo")
                .map(|i| Arc::from(i.name.as_str()))
                .collect()
        };
        let mut names = usable(self.device);
        if self.device.interfaces_complete && !names.is_empty() {
            return names;
        }
        let devices: Vec<&Device> = [self.device].into_iter().chain(self.peer).collect();
        for name in devices.iter().flat_map(|d| usable(d)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        // The same order on both sides, so that both take the same one of a
        // class to stand for it.
        names.sort();
        names.push(OTHER_INTERFACE.into());
        if devices
            .iter()
            .flat_map(|d| &d.interfaces)
            .any(|i| !i.addresses.is_empty())
        {
            return names;
        }
        let mut sets: Vec<&InterfaceSet> = Vec::new();
        for rule in devices
            .iter()
            .flat_map(|d| &d.filters)
            .flat_map(|f| &f.rules)
        {
            collect(&rule.match_expr, &mut sets);
        }
        let mut seen: FxHashSet<Vec<bool>> = FxHashSet::default();
        names.retain(|name| seen.insert(sets.iter().map(|s| s.contains(name)).collect()));
        names
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
