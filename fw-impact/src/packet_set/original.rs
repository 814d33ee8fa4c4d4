//! Conditions on the first packet of a connection, as it entered the device,
//! asked of packets that a translation has changed since, or of its reply.

use super::product::{DIMS, Dim};
use crate::graph::piece::Shift;
use fw_model::address::Family;
use fw_model::{Device, IntervalSet, MatchExpr};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Where a field of the first packet is found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Original {
    /// In a field of the packets at hand, which is this much further.
    Seen(Dim, Shift),
    /// In none of them. No rule tells its values from this one.
    Value(u128),
}

/// Where the fields of the first packet are found, in the order of [`DIMS`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    /// The fields.
    pub fields: [Original; 4],
    /// The packets at hand are replies: they come in where it left.
    pub reply: bool,
}

impl Origin {
    /// Where a field is found.
    #[must_use]
    pub const fn of(&self, dim: Dim) -> Original {
        let [a, b, c, d] = self.fields;
        match dim {
            Dim::Source => a,
            Dim::Destination => b,
            Dim::Service => c,
            Dim::SourcePort => d,
        }
    }
}

/// `None`: the packets at hand are those that entered.
pub type Origins = Option<Arc<Origin>>;

/// Values that no condition on a first packet tells apart, and one of them.
pub type Classes = Vec<(Arc<IntervalSet>, u128)>;

/// Partitions each dimension by what conditions on first packets ask of it;
/// `None` if no rule of the device has such a condition.
#[must_use]
pub fn classes(device: &Device, family: Family) -> Option<[Classes; 4]> {
    let mut asked = false;
    let mut sets: [Vec<IntervalSet>; 4] = Default::default();
    for rule in device.filters.iter().flat_map(|f| &f.rules) {
        rule.match_expr.walk(&mut |part| {
            if let MatchExpr::Original(inner) = part {
                asked = true;
                collect(inner, device, family, &mut sets);
            }
        });
    }
    if !asked {
        return None;
    }
    let mut out: [Classes; 4] = Default::default();
    for ((slot, sets), dim) in out.iter_mut().zip(sets).zip(DIMS) {
        *slot = partition(&sets, dim.max(family));
    }
    Some(out)
}

fn collect(expr: &MatchExpr, device: &Device, family: Family, sets: &mut [Vec<IntervalSet>; 4]) {
    let [sources, destinations, services, ports] = sets;
    expr.walk(&mut |part| match part {
        MatchExpr::Source(set) => sources.push(set.family(family).clone()),
        MatchExpr::Destination(set) => destinations.push(set.family(family).clone()),
        MatchExpr::Service(set) => {
            for term in set.terms() {
                services.push(term.service.clone());
                ports.push(term.source_ports.clone());
            }
        }
        MatchExpr::TcpFlags { .. } => {
            let tcp = u128::from(fw_model::service::TCP) << 16;
            services.push(IntervalSet::range(tcp, tcp | 0xffff));
        }
        MatchExpr::Local(_) => {
            let own = device.own_addresses().family(family).clone();
            sources.push(own.clone());
            destinations.push(own);
        }
        _ => {}
    });
}

fn partition(sets: &[IntervalSet], max: u128) -> Classes {
    let mut cuts = vec![0u128];
    for &(low, high) in sets.iter().flat_map(IntervalSet::ranges) {
        cuts.push(low);
        if high < max {
            cuts.push(high + 1);
        }
    }
    cuts.sort_unstable();
    cuts.dedup();
    let mut by_members: FxHashMap<Vec<bool>, usize> = FxHashMap::default();
    let mut parts: Vec<(Vec<(u128, u128)>, u128)> = Vec::new();
    for (at, &low) in cuts.iter().enumerate() {
        let high = cuts.get(at + 1).map_or(max, |next| next - 1);
        let members: Vec<bool> = sets.iter().map(|s| s.contains(low)).collect();
        let part = *by_members.entry(members).or_insert_with(|| {
            parts.push((Vec::new(), low));
            parts.len() - 1
        });
        if let Some((ranges, _)) = parts.get_mut(part) {
            ranges.push((low, high));
        }
    }
    parts
        .into_iter()
        .map(|(ranges, value)| (Arc::new(IntervalSet::from_ranges(ranges)), value))
        .collect()
}
