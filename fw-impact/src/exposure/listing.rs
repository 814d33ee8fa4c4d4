//! From the packets that end differently to the entries of a report, and to
//! one group for each pair of deciding rules.

use super::bounds::{addresses, hull, ports, rest, services};
use super::{CASES, Differences};
use crate::describe::{place, regions, typical, witness};
use crate::packet_set::Product;
use crate::packet_set::minimize::minimize;
use crate::packet_set::product::Dim;
use crate::report::{
    Bound, Certainty, DecidedBy, Decision, Exposure, Grounds, Reason, ReasonKind, Region,
    Side as SideName, TrafficGroup,
};
use crate::verdict::Comparison;
use fw_model::evaluate::Journey;
use fw_model::service::PORT_MAX;
use fw_model::{Device, Family, IntervalSet};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A list of a report.
#[derive(Debug, Default)]
pub struct Listing {
    groups: Vec<Group>,
    /// Where the groups of packets are.
    known: FxHashMap<Key, usize>,
}

/// What tells groups of packets apart: their kind, the device, and the rules
/// that decide.
type Key = (Kind, String, DecidedBy);
type Kind = (Family, Journey, Certainty);

#[derive(Debug)]
enum Group {
    /// Packets that the same rules decide.
    Packets(Growing),
    /// This may open or close these packets, or anything.
    Perhaps(Option<(Family, Product)>, Reason),
}

/// Packets of a list that take one path.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'l> {
    /// Their family.
    pub family: Family,
    /// Which way they take; `None`: any.
    pub journey: Option<Journey>,
    /// Whether it is known that the list is theirs.
    pub certainty: Certainty,
    /// The path, where the snapshot leaves it open, or what the entries say of
    /// packets of the device itself.
    pub path: Option<&'l str>,
    /// The packets.
    pub packets: &'l [Product],
}

/// A group to which more packets may come.
#[derive(Debug)]
struct Growing {
    /// What tells groups apart, beside the deciding rules.
    kind: Kind,
    device: String,
    decided_by: DecidedBy,
    reasons: BTreeSet<Reason>,
    /// The packets by the path they take.
    packets: Vec<(Option<String>, Vec<Product>)>,
}

impl Listing {
    /// True if it has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// True if any of it is not certain.
    #[must_use]
    pub fn has_possible(&self) -> bool {
        self.groups.iter().any(|group| match group {
            Group::Packets(growing) => matches!(growing.kind, (_, _, Certainty::Possible)),
            Group::Perhaps(..) => true,
        })
    }

    /// This list, then `other`.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        // Groups of lists that are told together need not be found any more.
        self.known.clear();
        self.groups.extend(other.groups);
        self
    }

    /// The packets of the list, and whether the list may hold any packet at
    /// all besides.
    #[must_use]
    pub fn packets(&self) -> (Vec<Listed<'_>>, bool) {
        let mut out = Vec::new();
        let mut anything = false;
        for group in &self.groups {
            match group {
                Group::Packets(growing) => {
                    let (family, journey, certainty) = growing.kind;
                    out.extend(growing.packets.iter().map(|(path, packets)| Listed {
                        family,
                        journey: Some(journey),
                        certainty,
                        path: path.as_deref(),
                        packets,
                    }));
                }
                Group::Perhaps(Some((family, packets)), _) => out.push(Listed {
                    family: *family,
                    journey: None,
                    certainty: Certainty::Possible,
                    path: None,
                    packets: std::slice::from_ref(packets),
                }),
                Group::Perhaps(None, _) => anything = true,
            }
        }
        (out, anything)
    }

    /// The entries, and the groups they belong to, in the same order.
    #[must_use]
    pub fn finish(self) -> (Vec<Exposure>, Vec<TrafficGroup>) {
        let mut finished: Vec<Option<(Vec<Exposure>, TrafficGroup)>> =
            self.groups.into_iter().map(|g| Some(g.finish())).collect();
        finished.sort_by_key(|one| one.as_ref().map(|(_, group)| place_of(group)));
        // The same rules decide on IPv4 and on IPv6 packets: one group.
        let mut by_rules: FxHashMap<DecidedBy, Vec<usize>> = FxHashMap::default();
        for (at, one) in finished.iter().enumerate() {
            if let Some((_, group)) = one
                && of_v6(group)
            {
                by_rules
                    .entry(group.grounds.decided_by.clone())
                    .or_default()
                    .push(at);
            }
        }
        let mut entries = Vec::new();
        let mut groups: Vec<TrafficGroup> = Vec::new();
        for at in 0..finished.len() {
            let Some((own, mut group)) = finished.get_mut(at).and_then(Option::take) else {
                continue;
            };
            entries.extend(own);
            let others = by_rules
                .get(&group.grounds.decided_by)
                .filter(|_| !of_v6(&group));
            for &other in others.into_iter().flatten() {
                if let Some(slot) = finished.get_mut(other)
                    && slot.as_ref().is_some_and(|(_, g)| join(&mut group, g))
                {
                    entries.extend(slot.take().into_iter().flat_map(|(more, _)| more));
                }
            }
            groups.push(group);
        }
        (entries, groups)
    }

    /// Adds packets that take a path to the group of the rules that decide.
    pub(super) fn add(
        &mut self,
        kind: Kind,
        device: &str,
        (decided_by, why): (DecidedBy, Vec<Reason>),
        (path, products): (&Option<String>, impl Iterator<Item = Product>),
    ) {
        let key = (kind, device.to_owned(), decided_by.clone());
        let known = self.known.get(&key).and_then(|&at| self.groups.get_mut(at));
        if let Some(Group::Packets(group)) = known {
            group.reasons.extend(why);
            match group.packets.iter_mut().find(|(p, _)| p == path) {
                Some((_, known)) => known.extend(products),
                None => group.packets.push((path.clone(), products.collect())),
            }
            return;
        }
        self.known.insert(key, self.groups.len());
        self.groups.push(Group::Packets(Growing {
            kind,
            device: device.to_owned(),
            decided_by,
            reasons: why.into_iter().collect(),
            packets: vec![(path.clone(), products.collect())],
        }));
    }

    fn perhaps(&mut self, packets: Option<(Family, Product)>, reason: Reason) {
        self.groups.push(Group::Perhaps(packets, reason));
    }
}

impl Group {
    fn finish(self) -> (Vec<Exposure>, TrafficGroup) {
        match self {
            Self::Packets(growing) => growing.finish(),
            Self::Perhaps(packets, reason) => perhaps(packets, reason),
        }
    }
}

/// The entries and the group of packets that this may open or close.
fn perhaps(packets: Option<(Family, Product)>, reason: Reason) -> (Vec<Exposure>, TrafficGroup) {
    let any = || Bound {
        of: vec!["any".into()],
        except: Vec::new(),
    };
    let [src, dst, service] = match &packets {
        None => [any(), any(), any()],
        Some((family, packets)) => [
            addresses(*family, packets.get(Dim::Source)),
            addresses(*family, packets.get(Dim::Destination)),
            services(packets.get(Dim::Service)),
        ],
    };
    let src_port = packets
        .as_ref()
        .and_then(|(_, packets)| ports(packets.get(Dim::SourcePort)));
    let regions = match packets {
        None => vec![Region {
            src: "any".into(),
            dst: "any".into(),
            proto: "any".into(),
            dst_port: Some("any".into()),
            src_port: None,
            icmp: None,
        }],
        Some((family, packets)) => regions(family, vec![packets], &IntervalSet::range(0, PORT_MAX)),
    };
    let grounds = Arc::new(Grounds {
        certainty: Certainty::Possible,
        witness: None,
        decided_by: DecidedBy::default(),
        reasons: vec![reason.clone()],
    });
    let group = TrafficGroup {
        src,
        dst,
        service,
        src_port,
        without: Vec::new(),
        exact: true,
        regions: regions.len(),
        device: reason.device.clone(),
        paths: Vec::new(),
        grounds: Arc::clone(&grounds),
    };
    let entries = regions
        .into_iter()
        .map(|region| Exposure {
            region,
            device: reason.device.clone(),
            path: None,
            grounds: Arc::clone(&grounds),
        })
        .collect();
    (entries, group)
}

/// What is certain comes first, then the lines of the deciding rules tell the
/// order.
fn place_of(group: &TrafficGroup) -> (Certainty, String, [Option<u32>; 2]) {
    let line = |list: &[Decision]| list.iter().filter_map(|d| d.line).min();
    let lines = [
        line(&group.grounds.decided_by.after),
        line(&group.grounds.decided_by.before),
    ];
    (group.grounds.certainty, group.device.clone(), lines)
}

/// True if a group is of IPv6 packets.
fn of_v6(group: &TrafficGroup) -> bool {
    group.src.of.iter().any(|a| a.contains(':'))
}

/// True if the same rules decide, for the same reasons.
fn same(one: &Grounds, other: &Grounds) -> bool {
    (one.certainty, &one.decided_by, &one.reasons)
        == (other.certainty, &other.decided_by, &other.reasons)
}

/// Adds a group of the other family to one that is told in the same words;
/// false if they are not.
fn join(group: &mut TrafficGroup, other: &TrafficGroup) -> bool {
    let alike = (&group.device, &group.paths) == (&other.device, &other.paths)
        && same(&group.grounds, &other.grounds)
        && (&group.service, &group.src_port) == (&other.service, &other.src_port)
        && group.without.is_empty()
        && other.without.is_empty();
    if alike {
        for (mine, theirs) in [(&mut group.src, &other.src), (&mut group.dst, &other.dst)] {
            mine.of.extend(theirs.of.iter().cloned());
            mine.except.extend(theirs.except.iter().cloned());
        }
        group.exact &= other.exact;
        group.regions += other.regions;
    }
    alike
}

impl Growing {
    fn finish(self) -> (Vec<Exposure>, TrafficGroup) {
        let (family, _, certainty) = self.kind;
        let mut why: Vec<Reason> = self.reasons.into_iter().collect();
        // The ways are told as such; what is undecided on them says more.
        if why.iter().any(|r| r.kind != ReasonKind::Path) {
            why.retain(|r| r.kind != ReasonKind::Path);
        }
        let any_port = IntervalSet::range(0, PORT_MAX);
        let packets: Vec<(Option<String>, Vec<Product>)> = self
            .packets
            .into_iter()
            .map(|(path, products)| (path, minimize(products)))
            .collect();
        let mut entries = Vec::new();
        for (path, products) in &packets {
            let packet = products.first().and_then(|p| typical(family, p));
            let grounds = Arc::new(Grounds {
                certainty,
                witness: packet.as_ref().map(witness),
                decided_by: self.decided_by.clone(),
                reasons: why.clone(),
            });
            for region in regions(family, products.clone(), &any_port) {
                entries.push(Exposure {
                    region,
                    device: self.device.clone(),
                    path: path.clone(),
                    grounds: Arc::clone(&grounds),
                });
            }
        }
        let all = packets.iter().flat_map(|(_, products)| products);
        let bounds = hull(all).unwrap_or_else(|| Product::everything(family));
        // Only if every path is taken by the same packets can all of them be
        // told as one.
        let first = packets.first().map_or(&[][..], |(_, products)| products);
        let same = packets.iter().all(|(_, products)| products == first);
        let without = if same {
            rest(family, &bounds, first, entries.len())
        } else {
            None
        };
        let mut paths: Vec<String> = packets.iter().filter_map(|(p, _)| p.clone()).collect();
        paths.sort();
        paths.dedup();
        let grounds = entries.first().map(|e| Arc::clone(&e.grounds));
        let grounds = grounds.unwrap_or_else(|| {
            Arc::new(Grounds {
                certainty,
                witness: None,
                decided_by: self.decided_by,
                reasons: why,
            })
        });
        let group = TrafficGroup {
            src: addresses(family, bounds.get(Dim::Source)),
            dst: addresses(family, bounds.get(Dim::Destination)),
            service: services(bounds.get(Dim::Service)),
            src_port: ports(bounds.get(Dim::SourcePort)),
            exact: without.is_some(),
            without: without.unwrap_or_default(),
            regions: entries.len(),
            device: self.device,
            paths,
            grounds,
        };
        (entries, group)
    }
}

/// More cases than are told apart: what the rest of them opens or closes is not
/// known.
pub(super) fn too_many(family: Family, device: &str, packets: &Product, out: &mut Differences) {
    let reason = Reason {
        side: SideName::After,
        device: device.to_owned(),
        text: format!(
            "the change makes more than {CASES} cases of {} here, which are not told apart",
            family_name(family)
        ),
        kind: ReasonKind::Device,
        name: None,
        file: None,
        line: None,
        start: None,
        end: None,
        line_text: None,
    };
    out.undecided
        .perhaps(Some((family, packets.clone())), reason);
}

const fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4 traffic",
        Family::V6 => "IPv6 traffic",
    }
}

/// A line that is not understood, stands on one side only and may affect
/// anything may open or close anything.
pub(super) fn opaque_lines(
    comparison: &Comparison<'_, '_>,
    old: &Device,
    new: &Device,
    out: &mut Differences,
) {
    for (one, other, side, name) in [
        (new, old, comparison.after, SideName::After),
        (old, new, comparison.before, SideName::Before),
    ] {
        for line in &one.opaque_lines {
            if other.opaque_lines.iter().any(|l| l.key == line.key) {
                continue;
            }
            let (file, number, line_text) = place(side.snapshot, Some(line.span));
            let reason = Reason {
                side: name,
                device: one.name.clone(),
                text: format!(
                    "`{}` is not understood and may affect any traffic",
                    line.key.lines().next().unwrap_or("")
                ),
                kind: ReasonKind::Device,
                name: None,
                file,
                line: number,
                start: Some(line.span.start),
                end: Some(line.span.end),
                line_text,
            };
            out.undecided.perhaps(None, reason);
        }
    }
}
