//! What a change opens and closes, whether declared or not.
//!
//! Cost follows the change: only the packets of rules that differ are looked
//! at, and of those only the parts that such a rule decides on one side.

use crate::align::Unpaired;
use crate::change::translations;
use crate::describe::{decisions, place, reasons, regions, typical, witness};
use crate::graph::piece::Passage;
use crate::graph::route_table::Exit;
use crate::graph::side::DeviceSide;
use crate::graph::{Disposition, Outcome, Side};
use crate::packet_set::index::RangeIndex;
use crate::packet_set::product::{Dim, subtract_all};
use crate::packet_set::{Assumed, Budget, Product, Set};
use crate::report::{
    Certainty, Change, DecidedBy, Exposure, Reason, ReasonKind, Region, Side as SideName,
};
use crate::verdict::{Comparison, Joint, Within, any_own, perhaps_own, run_within};
use fw_model::evaluate::Journey;
use fw_model::service::PORT_MAX;
use fw_model::{
    AddressSet, ConditionKind, Device, Endpoint, Expect, Family, Flow, IntervalSet, Quantity,
    ServiceSet, StageKind,
};
use rustc_hash::FxHashSet;
use std::sync::Arc;

/// What a change opens and closes.
#[derive(Debug, Default)]
pub struct Differences {
    /// Newly permitted.
    pub opened: Vec<Exposure>,
    /// Newly denied.
    pub closed: Vec<Exposure>,
    /// May be newly permitted; cannot be decided.
    pub undecided: Vec<Exposure>,
    /// May be newly denied, but is not newly permitted.
    pub perhaps_closed: Vec<Exposure>,
    /// Translations of packets that pass on both sides, which lead elsewhere
    /// or hide them behind another address.
    pub translated: Vec<Change>,
    /// Devices, by name, whose IPv6 rules differ though no IPv6 crosses them.
    pub without_ipv6: Vec<String>,
}

/// How much work the packets of one rule that differs are worth.
const LOOKS: Budget = Budget(30_000_000);

/// How many cases of one device are told apart. Past them the rest is reported
/// as one that may be anything.
const CASES: usize = 20_000;

/// Packets that are declared or approved.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Their family.
    pub family: Family,
    /// The packets.
    pub product: Product,
    /// Which way they take; `None`: any.
    pub journey: Option<Journey>,
}

/// Finds everything that a change opens or closes, except for the packets of
/// `declared`.
#[must_use]
pub fn differences(comparison: &Comparison<'_, '_>, declared: &[Declared]) -> Differences {
    let mut out = Differences::default();
    let (before, after) = (comparison.before, comparison.after);
    for (old_number, old) in before.devices.iter().enumerate() {
        let partner = after
            .devices
            .iter()
            .position(|d| d.device.name == old.device.name);
        let Some(new_number) = partner else { continue };
        let Some(new) = after.devices.get(new_number) else {
            continue;
        };
        opaque_lines(comparison, old.device, new.device, &mut out);
        for family in [Family::V4, Family::V6] {
            let without_ipv6 = family == Family::V6
                && [old, new].iter().all(|d| no_ipv6(d.device))
                && !declared.iter().any(|d| d.family == family);
            for journey in [Journey::Through, Journey::ToDevice, Journey::FromDevice] {
                let found = of_device(comparison, family, old_number, journey);
                if without_ipv6 {
                    if !found.joints.is_empty() && !out.without_ipv6.contains(&old.device.name) {
                        out.without_ipv6.push(old.device.name.clone());
                    }
                    continue;
                }
                out.translated
                    .extend(translations(before, after, &found.translated));
                if found.more {
                    out.undecided.push(too_many(family, &old.device.name));
                }
                let declared: Vec<&Product> = declared
                    .iter()
                    .filter(|d| d.family == family && d.journey.is_none_or(|j| j == journey))
                    .map(|d| &d.product)
                    .collect();
                report(
                    comparison,
                    (family, journey),
                    &old.device.name,
                    found.joints,
                    &declared,
                    &mut out,
                );
            }
        }
    }
    out
}

/// True if a device cannot carry IPv6: its interfaces are all known, and none
/// has an IPv6 address or a route.
fn no_ipv6(device: &Device) -> bool {
    let v4 = |net: &ipnet::IpNet| Family::of(net.addr()) == Family::V4;
    let addressed = |i: &&fw_model::Interface| !i.addresses.is_empty();
    device.interfaces_complete
        && !device.dynamic_routing
        && device.interfaces.iter().filter(addressed).count() > 1
        && device
            .interfaces
            .iter()
            .all(|i| i.addresses.iter().all(v4) && !i.dynamic_address)
        && device.routes.iter().all(|r| v4(&r.prefix))
}

/// What was found of one device.
#[derive(Default)]
struct Found {
    /// Packets whose end differs, or may.
    joints: Vec<Joint>,
    /// Packets that pass on both sides and are translated on one.
    translated: Vec<Joint>,
    /// There is more than is worth telling apart.
    more: bool,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.joints.extend(other.joints);
        let room = CASES.saturating_sub(self.translated.len());
        self.translated
            .extend(other.translated.into_iter().take(room));
        self.more |= other.more;
    }
}

/// The joints in which a rule that differs has a say, of packets that take
/// this way.
///
/// If there are more than are worth telling apart, some are missing.
fn of_device(
    comparison: &Comparison<'_, '_>,
    family: Family,
    old_number: usize,
    journey: Journey,
) -> Found {
    let Some(old) = comparison.before.devices.get(old_number) else {
        return Found::default();
    };
    let own = old.own(family);
    let perhaps = perhaps_own(old);
    let old = old.device;
    let Some(change) = comparison.locality.device(old_number) else {
        return Found::default();
    };
    let pick = |pair: &[IntervalSet; 2]| {
        let [v4, v6] = pair;
        match family {
            Family::V4 => v4.clone(),
            Family::V6 => v6.clone(),
        }
    };
    let (gaps, everywhere, moved) = (&change.gaps, change.everywhere, pick(&change.moved));
    if gaps.is_empty() && !everywhere && moved.is_empty() {
        return Found::default();
    }
    let mut changed: [FxHashSet<Unpaired>; 2] = Default::default();
    for gap in gaps {
        let [b, a] = &mut changed;
        b.extend(gap.before.iter().copied());
        a.extend(gap.after.iter().copied());
    }
    let whole = Product::everything(family);
    let flow = any_flow(&old.name, journey);
    // The device's own end, where the configuration tells its addresses.
    let at_home = |seed: &Product| -> Option<Product> {
        let dim = match journey {
            Journey::Through => return Some(seed.clone()),
            Journey::ToDevice => Dim::Destination,
            Journey::FromDevice => Dim::Source,
        };
        let mine = match &perhaps {
            Some(perhaps) => seed.get(dim).intersect(perhaps.family(family)),
            None => seed.get(dim).intersect(own),
        };
        (!mine.is_empty()).then(|| seed.with(dim, Arc::new(mine)))
    };
    let mut out = Found::default();
    if everywhere || !moved.is_empty() {
        // The way of packets differs: both sides are followed for all packets
        // whose way may differ, whatever rules they meet.
        let mut regions = Vec::new();
        if everywhere {
            regions.push(whole.clone());
        } else {
            let set = Arc::new(moved);
            let to = whole.with(Dim::Destination, Arc::clone(&set));
            regions.extend(whole.with(Dim::Source, set).subtract(&to));
            regions.push(to);
        }
        for region in regions.iter().filter_map(at_home) {
            for first in [SideName::Before, SideName::After] {
                out.add(both(comparison, &flow, family, &region, None, first, None));
            }
        }
        if everywhere {
            return out;
        }
    }
    let [v4, v6] = &change.seeds;
    let [old_seeds, new_seeds] = match family {
        Family::V4 => v4,
        Family::V6 => v6,
    };
    let [old_changed, new_changed] = &changed;
    let sides = [
        (SideName::Before, old_seeds, old_changed),
        (SideName::After, new_seeds, new_changed),
    ];
    for (first, seeds, rules) in sides {
        for seed in seeds {
            let Some(packets) = at_home(&seed.packets) else {
                continue;
            };
            let found = both(
                comparison,
                &flow,
                family,
                &packets,
                Some(&seed.ways),
                first,
                Some(rules),
            );
            // All cases of a rule or none: branches of one unknown belong
            // together.
            if found.more || out.joints.len() + found.joints.len() > CASES {
                out.more = true;
                return out;
            }
            out.add(found);
        }
    }
    out
}

/// Follows a region on both sides, first on the one named. With `touching`,
/// only the parts that one of these rules has a say in there are followed on
/// the other.
///
/// Packets are compared as they enter: on the second side they come in by the
/// same interface, wherever its routes say that their senders live. Otherwise
/// a route that is moved would seem to open whatever the new interface lets
/// through.
fn both(
    comparison: &Comparison<'_, '_>,
    flow: &Flow,
    family: Family,
    region: &Product,
    ways: Option<&[Set; 2]>,
    first: SideName,
    touching: Option<&FxHashSet<Unpaired>>,
) -> Found {
    let first_is_before = first == SideName::Before;
    let (first, second) = if first_is_before {
        (comparison.before, comparison.after)
    } else {
        (comparison.after, comparison.before)
    };
    let mut out = Found::default();
    let within = Within {
        ways: ways.cloned(),
        budget: LOOKS,
        ..Within::default()
    };
    let outcomes = run_within(first, flow, family, region, &Assumed::default(), &within);
    for one in concerned(first, outcomes, touching) {
        let entered = one.piece.entered();
        let assumed = one.piece.assumed.clone();
        let entering = Flow {
            ingress: same_ingress(first, second, &one),
            ..flow.clone()
        };
        let open = one.crossings.first().and_then(|c| c.ingress.as_ref());
        let within = Within {
            ingress: open.and_then(|ingress| one.piece.way_numbers(ingress)),
            ..Within::default()
        };
        let one = Arc::new(one);
        for other in run_within(second, &entering, family, &entered, &assumed, &within) {
            if other.disposition == Disposition::Local
                || (one.disposition.stays() && other.disposition.stays())
            {
                continue;
            }
            let product = other.piece.entered();
            let assumed = other.piece.assumed.clone();
            let other = Arc::new(other);
            let (before, after) = if first_is_before {
                (Arc::clone(&one), other)
            } else {
                (other, Arc::clone(&one))
            };
            let as_before = before.disposition == after.disposition;
            let passes = as_before && before.disposition == Disposition::Permitted;
            let certain = assumed.is_empty();
            let translated = [&before, &after]
                .iter()
                .any(|o| o.crossings.iter().any(|c| c.original != c.translated));
            let joint = Joint {
                family,
                product,
                assumed,
                before,
                after,
                same: false,
            };
            if passes && translated {
                out.translated.push(joint.clone());
            }
            if !(as_before && certain) {
                out.joints.push(joint);
            }
        }
        if out.joints.len() > CASES {
            out.more = true;
            break;
        }
    }
    out
}

/// The outcomes that may differ on the other side. With `touching`, those in
/// which one of these rules has a say. A branch of what is not understood says
/// something only together with the others, so branches over the same packets
/// come with them, whatever rules they meet.
fn concerned(
    side: &Side<'_>,
    outcomes: Vec<Outcome>,
    touching: Option<&FxHashSet<Unpaired>>,
) -> Vec<Outcome> {
    // What is for the device itself is no transit.
    let transit = |one: &Outcome| one.disposition != Disposition::Local;
    let outcomes = outcomes.into_iter().filter(transit);
    let Some(rules) = touching else {
        return outcomes.collect();
    };
    let (mut out, rest): (Vec<Outcome>, Vec<Outcome>) =
        outcomes.partition(|one| touches(one, rules));
    // Which of several interfaces packets use is a case of its own in a report,
    // not an unknown that branches share.
    let branch = |one: &Outcome| {
        let mut variables = one.piece.assumed.variables();
        variables.any(|v| {
            let condition = side.conditions.condition(v);
            condition.is_none_or(|c| c.kind != ConditionKind::Path)
        })
    };
    let products: Vec<Product> = out
        .iter()
        .filter(|one| branch(one))
        .map(|one| one.piece.entered())
        .collect();
    if products.is_empty() {
        return out;
    }
    let sources: Vec<Set> = products
        .iter()
        .map(|p| Arc::clone(p.get(Dim::Source)))
        .collect();
    let index = RangeIndex::new(&sources);
    let beside = rest.into_iter().filter(|one| {
        branch(one) && {
            let entered = one.piece.entered();
            let mut near = index.meeting(entered.get(Dim::Source)).into_iter();
            near.any(|at| products.get(at as usize).is_some_and(|p| p.meets(&entered)))
        }
    });
    out.extend(beside);
    out
}

/// The interface of `second` by which packets came in on `first`: the one
/// with the same name, else with the same hardware.
fn same_ingress(first: &Side<'_>, second: &Side<'_>, outcome: &Outcome) -> Option<String> {
    let crossing = outcome.crossings.first()?;
    let Some(Passage::Interface(name)) = &crossing.ingress else {
        // An open end is handed on by its numbers.
        return None;
    };
    let here = first.devices.get(crossing.device)?.device;
    let there = second.snapshot.device(&here.name)?;
    if there.interface(name).is_some() {
        return Some((**name).to_owned());
    }
    let hardware = here.interface(name)?.hardware.as_deref()?;
    let found = there
        .interfaces
        .iter()
        .find(|i| i.hardware.as_deref() == Some(hardware))?;
    Some(found.name.clone())
}

fn touches(outcome: &Outcome, rules: &FxHashSet<Unpaired>) -> bool {
    outcome.visits.iter().flat_map(|v| &v.rules).any(|r| {
        rules.contains(&Unpaired {
            filter: r.filter,
            rule: r.rule,
        })
    })
}

/// A flow of every packet that takes a way through, to or from one device.
fn any_flow(device: &str, journey: Journey) -> Flow {
    let end = |at_home: bool| {
        if at_home {
            Endpoint::Device(device.into())
        } else {
            Endpoint::Addresses(AddressSet::any())
        }
    };
    Flow {
        id: String::new(),
        description: None,
        from: end(journey == Journey::FromDevice),
        to: end(journey == Journey::ToDevice),
        from_text: "any".into(),
        to_text: "any".into(),
        services: ServiceSet::any(),
        service_name: "any".into(),
        expect: Expect::Allow,
        quantity: Quantity::All,
        check_return: false,
        keepalive: None,
        idle_sensitive: false,
        tls: false,
        device: Some(device.into()),
        ingress: None,
        egress: None,
        application: None,
        user: None,
        companion_of: None,
        owner: None,
        justification: None,
        ticket: None,
    }
}

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

/// The path of packets that the snapshot leaves open, as words.
fn path_of(comparison: &Comparison<'_, '_>, joint: &Joint) -> Option<String> {
    let open = joint
        .assumed
        .variables()
        .filter_map(|v| comparison.before.conditions.condition(v))
        .any(|c| c.kind == ConditionKind::Path);
    if !open {
        return None;
    }
    let crossing = joint.after.crossings.first()?;
    let words = |end| joint.after.piece.interface_words(end);
    Some(format!(
        "{} -> {}",
        words(crossing.ingress.as_ref()),
        words(crossing.egress.as_ref())
    ))
}

/// Turns joints into reported differences.
fn report(
    comparison: &Comparison<'_, '_>,
    (family, journey): (Family, Journey),
    device: &str,
    joints: Vec<Joint>,
    declared: &[&Product],
    out: &mut Differences,
) {
    let perhaps = comparison
        .before
        .devices
        .iter()
        .find(|d| d.device.name == device)
        .and_then(perhaps_own);
    let at_home = |product: Product| match (&perhaps, journey) {
        (Some(perhaps), Journey::ToDevice) => any_own(family, product, Dim::Destination, perhaps),
        (Some(perhaps), Journey::FromDevice) => any_own(family, product, Dim::Source, perhaps),
        _ => product,
    };
    // Each open path is a case of its own, so that its verdicts are certain.
    let mut by_path: Vec<(Option<String>, Vec<Joint>)> = Vec::new();
    for joint in joints {
        let path = path_of(comparison, &joint).or(match journey {
            Journey::Through => None,
            Journey::ToDevice => Some("to the device itself".to_owned()),
            Journey::FromDevice => Some("of the device itself".to_owned()),
        });
        match by_path.iter_mut().find(|(p, _)| *p == path) {
            Some((_, list)) => list.push(joint),
            None => by_path.push((path, vec![joint])),
        }
    }
    for (path, joints) in by_path {
        let parts = comparison.parts(&joints);
        let undecided = crate::verdict::Difference::Undecided;
        let opens = |part: &crate::verdict::Part| {
            part.members
                .iter()
                .filter_map(|&m| joints.get(m))
                .any(may_open)
        };
        type Chosen<'p> = &'p dyn Fn(&crate::verdict::Part) -> bool;
        let lists: [(crate::verdict::Difference, Chosen<'_>, &mut Vec<Exposure>); 4] = [
            (
                crate::verdict::Difference::Gained,
                &|_| true,
                &mut out.opened,
            ),
            (crate::verdict::Difference::Lost, &|_| true, &mut out.closed),
            (undecided, &opens, &mut out.undecided),
            (undecided, &|p| !opens(p), &mut out.perhaps_closed),
        ];
        for (difference, chosen, list) in lists {
            // Packets by their pair of deciding rules, each packet once.
            let mut seen: Vec<Product> = Vec::new();
            let mut groups: Vec<(DecidedBy, Vec<Reason>, Vec<Product>)> = Vec::new();
            for part in parts
                .iter()
                .filter(|p| p.difference == difference && chosen(p))
            {
                let fresh = subtract_all(vec![part.product.clone()], &seen);
                let fresh = subtract_all(fresh, declared.iter().copied());
                if fresh.is_empty() {
                    continue;
                }
                seen.extend(fresh.iter().cloned());
                let Some(joint) = part.members.first().and_then(|&m| joints.get(m)) else {
                    continue;
                };
                let by = DecidedBy {
                    before: decisions(comparison.before, &joint.before),
                    after: decisions(comparison.after, &joint.after),
                };
                let why = if difference == crate::verdict::Difference::Undecided {
                    part.members
                        .iter()
                        .filter_map(|&m| joints.get(m))
                        .flat_map(|j| {
                            reasons(comparison.after, SideName::After, device, &j.assumed)
                        })
                        .collect()
                } else {
                    Vec::new()
                };
                match groups.iter_mut().find(|g| g.0 == by) {
                    Some(group) => {
                        group.1.extend(why);
                        group.2.extend(fresh);
                    }
                    None => groups.push((by, why, fresh)),
                }
            }
            for (by, mut why, products) in groups {
                why.sort();
                why.dedup();
                let packet = products.first().and_then(|p| typical(family, p));
                let ports = IntervalSet::range(0, PORT_MAX);
                let products = products.into_iter().map(&at_home).collect();
                for region in regions(family, products, &ports) {
                    list.push(Exposure {
                        region,
                        device: device.to_owned(),
                        path: path.clone(),
                        certainty: if difference == crate::verdict::Difference::Undecided {
                            Certainty::Possible
                        } else {
                            Certainty::Certain
                        },
                        witness: packet.as_ref().map(witness),
                        decided_by: by.clone(),
                        reasons: why.clone(),
                    });
                }
            }
        }
    }
}

/// True if the packets pass after the change and did not before, on this
/// branch of undecidable conditions.
fn may_open(joint: &Joint) -> bool {
    use Disposition::{Exhausted, Local, Permitted};
    let passes = |d: &Disposition| matches!(d, Permitted | Local);
    let unknown = |d: &Disposition| matches!(d, Exhausted);
    let (before, after) = (&joint.before.disposition, &joint.after.disposition);
    unknown(before) || unknown(after) || (!passes(before) && passes(after))
}

/// More cases than are told apart: what the rest of them opens or closes is not
/// known.
fn too_many(family: Family, device: &str) -> Exposure {
    Exposure {
        region: Region {
            src: "any".into(),
            dst: "any".into(),
            proto: "any".into(),
            dst_port: Some("any".into()),
            src_port: None,
            icmp: None,
        },
        device: device.to_owned(),
        path: None,
        certainty: Certainty::Possible,
        witness: None,
        decided_by: DecidedBy::default(),
        reasons: vec![Reason {
            side: SideName::After,
            device: device.to_owned(),
            text: format!(
                "the change makes more than {CASES} cases of {}: the others are not listed",
                family_name(family)
            ),
            kind: ReasonKind::Device,
            name: None,
            file: None,
            line: None,
            start: None,
            end: None,
            line_text: None,
        }],
    }
}

const fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4 traffic",
        Family::V6 => "IPv6 traffic",
    }
}

/// A line that is not understood, stands on one side only and may affect
/// anything may open or close anything.
fn opaque_lines(
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
            out.undecided.push(Exposure {
                region: Region {
                    src: "any".into(),
                    dst: "any".into(),
                    proto: "any".into(),
                    dst_port: Some("any".into()),
                    src_port: None,
                    icmp: None,
                },
                device: one.name.clone(),
                path: None,
                certainty: Certainty::Possible,
                witness: None,
                decided_by: DecidedBy::default(),
                reasons: vec![Reason {
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
                }],
            });
        }
    }
}
