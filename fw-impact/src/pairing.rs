//! Which device of one side is which of the other, where names differ.

use fw_model::{Device, Flow, Snapshot};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// A device that has another name after the change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renamed {
    /// Its name before the change, by which reports call it.
    pub before: String,
    /// Its name after it.
    pub after: String,
}

/// Finds the devices that have another name after the change. Two single
/// devices are the same one. In a network, devices whose names are on one
/// side alone are paired if they are of one vendor and were read from files
/// of the same name, or have most of their addresses in common.
#[must_use]
pub fn renamed(before: &Snapshot, after: &Snapshot) -> Vec<Renamed> {
    let pair = |old: &Device, new: &Device| Renamed {
        before: old.name.clone(),
        after: new.name.clone(),
    };
    if let ([old], [new]) = (before.devices.as_slice(), after.devices.as_slice()) {
        return if old.name == new.name {
            Vec::new()
        } else {
            vec![pair(old, new)]
        };
    }
    let only = |one: &'_ Snapshot, other: &Snapshot| -> Vec<usize> {
        (0..one.devices.len())
            .filter(|&n| {
                one.devices
                    .get(n)
                    .is_some_and(|d| other.device(&d.name).is_none())
            })
            .collect()
    };
    let (gone, new) = (only(before, after), only(after, before));
    let mut candidates: Vec<(usize, usize, usize)> = Vec::new();
    for &g in &gone {
        for &n in &new {
            let (Some(old), Some(now)) = (before.devices.get(g), after.devices.get(n)) else {
                continue;
            };
            let alike = likeness(before, old, after, now);
            if alike > 0 {
                candidates.push((alike, g, n));
            }
        }
    }
    candidates.sort_by_key(|&(alike, g, n)| (std::cmp::Reverse(alike), g, n));
    let (mut used_old, mut used_new) = (BTreeSet::new(), BTreeSet::new());
    let mut out = Vec::new();
    for (_, g, n) in candidates {
        if used_old.contains(&g) || used_new.contains(&n) {
            continue;
        }
        if let (Some(old), Some(now)) = (before.devices.get(g), after.devices.get(n)) {
            used_old.insert(g);
            used_new.insert(n);
            out.push(pair(old, now));
        }
    }
    out.sort_by(|a, b| a.before.cmp(&b.before));
    out
}

/// How much speaks for two devices being one, in percent; 0 if too little.
fn likeness(before: &Snapshot, old: &Device, after: &Snapshot, new: &Device) -> usize {
    if old.vendor != new.vendor {
        return 0;
    }
    let addresses = |device: &Device| -> BTreeSet<IpAddr> {
        device
            .interfaces
            .iter()
            .flat_map(|i| i.addresses.iter().map(ipnet::IpNet::addr))
            .filter(|a| !a.is_loopback())
            .collect()
    };
    let (was, is) = (addresses(old), addresses(new));
    let all = was.union(&is).count();
    let common = was.intersection(&is).count() * 100;
    let shared = common.checked_div(all).unwrap_or_default();
    if shared > 50 {
        return shared;
    }
    let files = |snapshot: &Snapshot, device: &Device| -> BTreeSet<String> {
        device
            .sources
            .iter()
            .filter_map(|id| snapshot.source(*id))
            .filter_map(|s| s.path.rsplit('/').next().map(str::to_owned))
            .collect()
    };
    let (was, is) = (files(before, old), files(after, new));
    if was.is_empty() || was != is { 0 } else { 50 }
}

/// The after side with devices called as they are on the before side.
#[must_use]
pub fn paired<'s>(before: &Snapshot, after: &'s Snapshot) -> Cow<'s, Snapshot> {
    let renamed = renamed(before, after);
    if renamed.is_empty() {
        return Cow::Borrowed(after);
    }
    let mut out = after.clone();
    let call = |name: &mut String| {
        if let Some(pair) = renamed.iter().find(|r| r.after == *name) {
            name.clone_from(&pair.before);
        }
    };
    for device in &mut out.devices {
        call(&mut device.name);
    }
    for (_, device, _) in &mut out.networks {
        call(device);
    }
    for ((one, _), (other, _)) in &mut out.links {
        call(one);
        call(other);
    }
    out.devices.sort_by(|a, b| a.name.cmp(&b.name));
    Cow::Owned(out)
}

/// Flows that name a device as it is called after the change, with its name
/// before it.
#[must_use]
pub fn with_old_names<'f>(flows: &'f [Flow], renamed: &[Renamed]) -> Cow<'f, [Flow]> {
    if renamed.is_empty() {
        return Cow::Borrowed(flows);
    }
    let call = |name: &mut String| {
        if let Some(pair) = renamed.iter().find(|r| r.after == *name) {
            name.clone_from(&pair.before);
        }
    };
    let mut out = flows.to_vec();
    for flow in &mut out {
        if let Some(device) = &mut flow.device {
            call(device);
        }
        for end in [&mut flow.from, &mut flow.to] {
            if let fw_model::Endpoint::Device(name) = end {
                call(name);
            }
        }
    }
    Cow::Owned(out)
}
