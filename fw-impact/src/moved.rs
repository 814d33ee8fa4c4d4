//! What moves packets to another way whatever rules they meet: stages,
//! routes and addresses that differ.

use crate::graph::route_table::Exit;
use crate::graph::side::DeviceSide;
use fw_model::{Device, Family, IntervalSet, StageKind};
use std::sync::Arc;

/// True if both versions have the same stages in the same order.
pub(crate) fn same_pipeline(old: &Device, new: &Device) -> bool {
    let shape =
        |device: &Device| -> Vec<(usize, String, StageKind, fw_model::View, Option<String>)> {
            let p = &device.pipeline;
            [
                &p.prerouting,
                &p.forward,
                &p.input,
                &p.output,
                &p.postrouting,
            ]
            .into_iter()
            .enumerate()
            .flat_map(|(hook, stages)| stages.iter().map(move |s| (hook, s)))
            .map(|(hook, s)| {
                let filter = device.filter(s.filter).map(|f| f.name.clone());
                (hook, s.name.clone(), s.kind, s.view, filter)
            })
            .collect()
        };
    shape(old) == shape(new)
}

/// The addresses that are routed differently, or are own addresses of the
/// device on one side only.
pub(crate) fn moved_addresses(
    family: Family,
    old: &DeviceSide<'_>,
    new: &DeviceSide<'_>,
) -> IntervalSet {
    let same_routes = old
        .device
        .routes
        .iter()
        .map(|r| (&r.vrf, r.prefix, &r.next, r.metric))
        .eq(new
            .device
            .routes
            .iter()
            .map(|r| (&r.vrf, r.prefix, &r.next, r.metric)));
    let face = |i: &fw_model::Interface| {
        (
            i.name.clone(),
            i.vrf.clone(),
            i.addresses.clone(),
            i.enabled,
            i.management_only,
        )
    };
    let same_interfaces = old.device.interfaces.iter().map(face).eq(new
        .device
        .interfaces
        .iter()
        .map(face));
    if same_routes && same_interfaces && old.device.dynamic_routing == new.device.dynamic_routing {
        return IntervalSet::new();
    }
    let mut vrfs: Vec<String> = old
        .device
        .interfaces
        .iter()
        .chain(&new.device.interfaces)
        .map(|i| i.vrf.clone())
        .chain([String::new()])
        .collect();
    vrfs.sort();
    vrfs.dedup();
    let ways = |exit: &Exit| match exit {
        Exit::Leaves(hops) => Some(
            hops.iter()
                .map(|h| Arc::clone(&h.interface))
                .collect::<Vec<_>>(),
        ),
        Exit::Discarded(_) => Some(Vec::new()),
        Exit::Unrouted | Exit::Unknown => None,
    };
    let mut moved = old
        .own(family)
        .subtract(new.own(family))
        .union(&new.own(family).subtract(old.own(family)));
    for vrf in vrfs {
        let new_table = new.routes_of(vrf.clone(), family);
        for (set, exit) in old.routes_of(vrf, family).iter() {
            for (other, other_exit) in new_table.iter() {
                if ways(exit) != ways(other_exit) {
                    moved = moved.union(&set.intersect(other));
                }
            }
        }
    }
    moved
}
