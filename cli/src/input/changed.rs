//! `--changed`: devices that the change cannot reach are left out.

use super::edits::pair_units;
use super::side::Loaded;
use super::unit::Unit;
use fw_impact::report::DiagnosticReport;
use fw_model::{AddressSet, Device, Endpoint, Family, Flow};
use std::collections::{BTreeMap, BTreeSet};

/// Leaves out devices whose files are the same on both sides, unless packets
/// of a changed device may come by: they share a subnet or a link with one,
/// directly or over others, or an end of a flow lives there. Says how many
/// were left out and how many are judged.
pub fn keep(before: &mut Loaded, after: &mut Loaded, flows: &[Flow]) -> (usize, usize) {
    let mut wanted = edited(before, after);
    let declared: BTreeSet<&str> = flows.iter().filter_map(|f| f.device.as_deref()).collect();
    let mut everywhere = false;
    let mut ends = AddressSet::default();
    for flow in flows {
        for end in [&flow.from, &flow.to] {
            match end {
                Endpoint::Addresses(set) => ends = ends.union(&specific(set)),
                Endpoint::Device(name) => {
                    wanted.insert(name.clone());
                }
                // A zone may be on any device.
                Endpoint::Zone(_) => everywhere = true,
            }
        }
    }
    for device in before
        .snapshot
        .devices
        .iter()
        .chain(&after.snapshot.devices)
    {
        let asked_for = std::iter::once(&device.name)
            .chain(&device.stands_for)
            .any(|name| declared.contains(name.as_str()));
        if everywhere || asked_for || holds(device, &ends) {
            wanted.insert(device.name.clone());
        }
    }
    spread(&links(before, after), &mut wanted);
    let all: BTreeSet<String> = before
        .snapshot
        .devices
        .iter()
        .chain(&after.snapshot.devices)
        .map(|d| d.name.clone())
        .collect();
    let left = all.iter().filter(|name| !wanted.contains(*name)).count();
    for side in [before, after] {
        side.snapshot.devices.retain(|d| wanted.contains(&d.name));
        if left > 0 {
            side.remarks.push(DiagnosticReport {
                code: "unchanged-device-left-out".into(),
                severity: "note".into(),
                side: Some(side.side),
                file: None,
                line: None,
                message: format!(
                    "{left} of {} devices are the same on both sides, have no link to a changed one and hold no end of a flow: they are not judged",
                    all.len()
                ),
                effect: "none".into(),
            });
        }
    }
    (left, all.len() - left)
}

/// The devices whose files differ or are on one side only.
fn edited(before: &Loaded, after: &Loaded) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut same: BTreeSet<usize> = BTreeSet::new();
    for (unit, partner) in before
        .units
        .iter()
        .zip(pair_units(&before.units, &after.units, &[]))
    {
        let other = partner.and_then(|n| Some((n, after.units.get(n)?)));
        match other {
            Some((n, other)) if texts(before, unit) == texts(after, other) => {
                same.insert(n);
            }
            _ => out.extend(unit.devices.iter().cloned()),
        }
    }
    for (n, unit) in after.units.iter().enumerate() {
        if !same.contains(&n) {
            out.extend(unit.devices.iter().cloned());
        }
    }
    out
}

fn texts<'a>(side: &'a Loaded, unit: &Unit) -> Vec<&'a str> {
    unit.files
        .iter()
        .filter_map(|id| Some(side.snapshot.source(*id)?.text.as_str()))
        .collect()
}

/// True if hosts of `ends` may live at a device: in a subnet, or behind a
/// route that is not for everything.
fn holds(device: &Device, ends: &AddressSet) -> bool {
    let subnets = device.interfaces.iter().flat_map(|i| &i.addresses);
    let routed = device
        .routes
        .iter()
        .map(|r| &r.prefix)
        .filter(|p| p.prefix_len() > 0);
    subnets.chain(routed).any(|net| {
        let set = AddressSet::prefix(net.trunc());
        FAMILIES
            .iter()
            .any(|f| set.family(*f).meets(ends.family(*f)))
    })
}

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// The addresses of a set without its families that are everything: `any` is
/// no place where hosts live.
fn specific(set: &AddressSet) -> AddressSet {
    let all = AddressSet::any();
    FAMILIES
        .iter()
        .filter(|f| set.family(**f) != all.family(**f))
        .fold(AddressSet::default(), |out, f| {
            out.union(&AddressSet::of(*f, set.family(*f).clone()))
        })
}

/// Devices that can hand packets to each other, on either side.
fn links(before: &Loaded, after: &Loaded) -> Vec<BTreeSet<String>> {
    let mut nets: BTreeMap<ipnet::IpNet, BTreeSet<String>> = BTreeMap::new();
    let mut out = Vec::new();
    for side in [before, after] {
        for device in &side.snapshot.devices {
            for net in device.interfaces.iter().flat_map(|i| &i.addresses) {
                nets.entry(net.trunc())
                    .or_default()
                    .insert(device.name.clone());
            }
        }
        for ((a, _), (b, _)) in &side.snapshot.links {
            out.push(BTreeSet::from([a.clone(), b.clone()]));
        }
    }
    out.extend(nets.into_values().filter(|names| names.len() > 1));
    out
}

/// Adds all that is linked to what is wanted.
fn spread(links: &[BTreeSet<String>], wanted: &mut BTreeSet<String>) {
    let mut open: Vec<&BTreeSet<String>> = links.iter().collect();
    loop {
        let before = open.len();
        open.retain(|group| {
            if group.is_disjoint(wanted) {
                return true;
            }
            wanted.extend(group.iter().cloned());
            false
        });
        if open.len() == before {
            return;
        }
    }
}
