//! Which devices can hand packets to each other.

use fw_model::Snapshot;
use ipnet::IpNet;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};

/// Devices that can hand packets to each other on either side: they share a
/// subnet or a link.
pub struct Neighbours {
    groups: Vec<Vec<String>>,
    of: FxHashMap<String, Vec<usize>>,
}

impl Neighbours {
    pub fn new(sides: [&Snapshot; 2]) -> Self {
        let mut nets: BTreeMap<IpNet, BTreeSet<&str>> = BTreeMap::new();
        let mut groups: Vec<Vec<String>> = Vec::new();
        for snapshot in sides {
            for device in &snapshot.devices {
                for net in device.interfaces.iter().flat_map(|i| &i.addresses) {
                    nets.entry(net.trunc()).or_default().insert(&device.name);
                }
            }
            for ((a, _), (b, _)) in &snapshot.links {
                groups.push(vec![a.clone(), b.clone()]);
            }
        }
        groups.extend(
            nets.into_values()
                .filter(|names| names.len() > 1)
                .map(|names| names.into_iter().map(str::to_owned).collect()),
        );
        let mut of: FxHashMap<String, Vec<usize>> = FxHashMap::default();
        for (at, group) in groups.iter().enumerate() {
            for name in group {
                of.entry(name.clone()).or_default().push(at);
            }
        }
        Self { groups, of }
    }

    /// All that can be reached from some devices.
    pub fn spread(&self, mut names: BTreeSet<String>) -> BTreeSet<String> {
        let mut open: Vec<String> = names.iter().cloned().collect();
        let mut done: FxHashSet<usize> = FxHashSet::default();
        while let Some(name) = open.pop() {
            for &group in self.of.get(&name).map_or(&[][..], Vec::as_slice) {
                if !done.insert(group) {
                    continue;
                }
                for other in self.groups.get(group).into_iter().flatten() {
                    if names.insert(other.clone()) {
                        open.push(other.clone());
                    }
                }
            }
        }
        names
    }
}
