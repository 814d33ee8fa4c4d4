//! The verdict on one flow: both sides on exactly the same packets.

use crate::describe::place;
use crate::graph::device::Query;
use crate::graph::piece::Passage;
use crate::graph::side::DeviceSide;
use crate::graph::topology::Place;
use crate::graph::{Disposition, Outcome, Side};
use crate::locality::Locality;
use crate::packet_set::{Assumed, Budget, Dim, Product, Set};
use crate::report::{FlowVerdict, Reason, ReasonKind, Side as SideName};
use fw_model::evaluate::Journey;
use fw_model::nat::AddressTranslation;
use fw_model::{Action, AddressSet, Endpoint, Family, Flow, IntervalSet};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::Cell;
use std::sync::Arc;

/// Packets with one outcome on each side.
#[derive(Clone, Debug)]
pub struct Joint {
    /// Their family.
    pub family: Family,
    /// The packets as they enter.
    pub product: Product,
    /// On this branch of undecidable conditions.
    pub assumed: Assumed,
    /// What becomes of them before the change.
    pub before: Arc<Outcome>,
    /// What becomes of them after it.
    pub after: Arc<Outcome>,
    /// They meet nothing that differs: `after` is `before`, in the words of
    /// the before side.
    pub same: bool,
}

/// Whether packets pass on a side: `None` if that cannot be told.
type Passes = Option<bool>;

/// Packets whose verdicts are the same on all branches, or cannot be decided.
#[derive(Clone, Debug)]
pub struct Part {
    /// Their family.
    pub family: Family,
    /// The packets.
    pub product: Product,
    /// Passes before.
    pub before: Passes,
    /// Passes after.
    pub after: Passes,
    /// The difference.
    pub difference: Difference,
    /// The joints that it is part of, by position.
    pub members: Vec<usize>,
}

/// The difference for some packets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Difference {
    /// None, decided or not.
    None,
    /// They do not pass any more.
    Lost,
    /// They pass now.
    Gained,
    /// It cannot be told.
    Undecided,
}

/// Everything that is found out about a flow.
#[derive(Debug, Default)]
pub struct Judgement {
    /// All parts of the flow that cross something.
    pub joints: Vec<Joint>,
    /// The same packets, by verdict.
    pub cells: Vec<Part>,
    /// Some packets of the flow cross no device.
    pub some_stay: bool,
}

impl Judgement {
    /// The verdict on a side.
    #[must_use]
    pub fn verdict(&self, passes: impl Fn(&Part) -> Passes) -> FlowVerdict {
        let (mut some, mut not) = (false, false);
        for cell in &self.cells {
            match passes(cell) {
                None => return FlowVerdict::Undecided,
                Some(true) => some = true,
                Some(false) => not = true,
            }
        }
        match (some, not) {
            (_, false) => FlowVerdict::Permitted,
            (false, true) => FlowVerdict::Denied,
            (true, true) => FlowVerdict::Partial,
        }
    }

    /// The packets with a difference, a family.
    #[must_use]
    pub fn products(&self, difference: Difference) -> Vec<(Family, Vec<Product>)> {
        [Family::V4, Family::V6]
            .into_iter()
            .map(|family| {
                let products: Vec<Product> = self
                    .cells
                    .iter()
                    .filter(|c| c.family == family && c.difference == difference)
                    .map(|c| c.product.clone())
                    .collect();
                (family, products)
            })
            .filter(|(_, products)| !products.is_empty())
            .collect()
    }

    /// True if some packets have this difference.
    #[must_use]
    pub fn has(&self, difference: Difference) -> bool {
        self.cells.iter().any(|c| c.difference == difference)
    }
}

/// The two sides, and which devices differ in a way that is not understood.
pub struct Comparison<'s, 'a> {
    /// Before the change.
    pub before: &'s Side<'a>,
    /// After it.
    pub after: &'s Side<'a>,
    /// Names of devices with lines on one side only that are not understood
    /// and may affect anything.
    pub opaque_devices: FxHashSet<String>,
    /// Where the change can make a difference.
    pub locality: Locality,
}

impl<'s, 'a> Comparison<'s, 'a> {
    /// Compares two sides that share their conditions.
    #[must_use]
    pub fn new(before: &'s Side<'a>, after: &'s Side<'a>) -> Self {
        let mut opaque_devices = FxHashSet::default();
        for (one, other) in [(before, after), (after, before)] {
            for here in &one.devices {
                let known: FxHashSet<&str> = other
                    .snapshot
                    .device(&here.device.name)
                    .map(|d| d.opaque_lines.iter().map(|l| l.key.as_str()).collect())
                    .unwrap_or_default();
                if here
                    .device
                    .opaque_lines
                    .iter()
                    .any(|l| !known.contains(l.key.as_str()))
                {
                    opaque_devices.insert(here.device.name.clone());
                }
            }
        }
        Self {
            before,
            after,
            opaque_devices,
            locality: Locality::new(before, after),
        }
    }

    /// Judges a flow.
    #[must_use]
    pub fn judge(&self, flow: &Flow) -> Judgement {
        self.judge_packets(flow, products(self.before, flow))
    }

    /// Judges some packets of a flow.
    #[must_use]
    pub fn judge_packets(&self, flow: &Flow, packets: Vec<(Family, Product)>) -> Judgement {
        let mut out = Judgement::default();
        for (family, product) in packets {
            for before in run(self.before, flow, family, &product, &Assumed::default()) {
                let entered = before.piece.entered();
                let assumed = before.piece.assumed.clone();
                let before = Arc::new(before);
                if self.locality.unchanged(self.before, &before) {
                    if before.disposition.stays() {
                        out.some_stay = true;
                        continue;
                    }
                    out.joints.push(Joint {
                        family,
                        product: entered,
                        assumed,
                        before: Arc::clone(&before),
                        after: before,
                        same: true,
                    });
                    continue;
                }
                // What is outside the snapshot does not change with it.
                let assumed = if before.crossings.len() > 1 {
                    self.before.without_tunnels(&assumed)
                } else {
                    assumed.clone()
                };
                let within = Within {
                    enter: self.same_place(&before),
                    lenient: before.disposition == Disposition::Local,
                    ..Within::default()
                };
                let after = run_within(self.after, flow, family, &entered, &assumed, &within);
                for after in after {
                    if left_out(&before, &after) {
                        out.some_stay = true;
                        continue;
                    }
                    out.joints.push(Joint {
                        family,
                        product: after.piece.entered(),
                        assumed: after.piece.assumed.clone(),
                        before: Arc::clone(&before),
                        after: Arc::new(after),
                        same: false,
                    });
                }
            }
        }
        out.cells = self.parts(&out.joints);
        out
    }

    /// Where packets entered before the change, as a place of the after side.
    fn same_place(&self, before: &Outcome) -> Option<Place> {
        let crossing = before.crossings.first()?;
        let Some(Passage::Interface(name)) = &crossing.ingress else {
            return None;
        };
        let old = self.before.devices.get(crossing.device)?.device;
        let number = self.after.network().number(&old.name)?;
        let new = self.after.devices.get(number)?.device;
        if new.interface(name).is_some() {
            return Some((number, Arc::clone(name)));
        }
        let hardware = old.interface(name)?.hardware.as_deref()?;
        let found = new
            .interfaces
            .iter()
            .find(|i| i.hardware.as_deref() == Some(hardware))?;
        Some((number, found.name.as_str().into()))
    }

    /// What becomes of the packets of a joint after the change, in the words
    /// of the after side.
    #[must_use]
    pub fn after_of(&self, flow: &Flow, joint: &Joint) -> Arc<Outcome> {
        if !joint.same {
            return Arc::clone(&joint.after);
        }
        run(
            self.after,
            flow,
            joint.family,
            &joint.product,
            &joint.assumed,
        )
        .into_iter()
        .find(|o| o.disposition == joint.before.disposition)
        .map_or_else(|| Arc::clone(&joint.after), Arc::new)
    }

    /// The lines that are not understood and stand on one side only, of the
    /// devices that a flow crosses.
    #[must_use]
    pub fn opaque_reasons(&self, judgement: &Judgement) -> Vec<Reason> {
        let mut crossed: FxHashSet<&str> = FxHashSet::default();
        for joint in &judgement.joints {
            for (side, outcome) in [(self.before, &joint.before), (self.after, &joint.after)] {
                for number in met(outcome) {
                    if let Some(here) = side.devices.get(number) {
                        crossed.insert(&here.device.name);
                    }
                }
            }
        }
        let mut out = Vec::new();
        for (one, other, name) in [
            (self.before, self.after, SideName::Before),
            (self.after, self.before, SideName::After),
        ] {
            for here in &one.devices {
                if !crossed.contains(here.device.name.as_str()) {
                    continue;
                }
                let known = other.snapshot.device(&here.device.name);
                for line in &here.device.opaque_lines {
                    if known.is_some_and(|d| d.opaque_lines.iter().any(|l| l.key == line.key)) {
                        continue;
                    }
                    let (file, number, line_text) = place(one.snapshot, Some(line.span));
                    out.push(Reason {
                        side: name,
                        device: here.device.name.clone(),
                        text: format!(
                            "`{}` is not understood and may affect this flow",
                            line.key.lines().next().unwrap_or("")
                        ),
                        kind: ReasonKind::Device,
                        name: None,
                        file,
                        line: number,
                        start: Some(line.span.start),
                        end: Some(line.span.end),
                        line_text,
                    });
                }
            }
        }
        out
    }

    /// False on a branch on which a gateway at the end of a tunnel, which is
    /// not known, does not carry packets on.
    fn is_carried(&self, joint: &Joint) -> bool {
        joint.assumed.values().all(|(variable, holds)| {
            let condition = self.before.conditions.condition(variable);
            holds || !condition.is_some_and(|c| c.key.starts_with(CARRIED))
        })
    }

    fn touches_opaque(&self, joint: &Joint) -> bool {
        if self.opaque_devices.is_empty() {
            return false;
        }
        let on = |side: &Side<'_>, outcome: &Outcome| {
            met(outcome).any(|number| {
                side.devices
                    .get(number)
                    .is_some_and(|d| self.opaque_devices.contains(&d.device.name))
            })
        };
        on(self.before, &joint.before) || on(self.after, &joint.after)
    }

    /// Brings branches of undecidable conditions together again.
    #[must_use]
    pub fn parts(&self, joints: &[Joint]) -> Vec<Part> {
        let mut out = Vec::new();
        let mut open: Vec<(Family, Product, Vec<usize>)> = Vec::new();
        let mut same: FxHashMap<(Family, Product), usize> = FxHashMap::default();
        for (at, joint) in joints.iter().enumerate() {
            if joint.assumed.is_empty() {
                out.push(self.cell(joints, joint.family, joint.product.clone(), vec![at]));
            } else if let Some(slot) = same
                .get(&(joint.family, joint.product.clone()))
                .and_then(|&slot| open.get_mut(slot))
            {
                slot.2.push(at);
            } else {
                same.insert((joint.family, joint.product.clone()), open.len());
                open.push((joint.family, joint.product.clone(), vec![at]));
            }
        }
        for group in clusters(open) {
            for (family, product, members) in refine(group) {
                out.push(self.cell(joints, family, product, members));
            }
        }
        out
    }

    /// What becomes of some packets of these joints.
    pub(crate) fn cell(
        &self,
        joints: &[Joint],
        family: Family,
        product: Product,
        members: Vec<usize>,
    ) -> Part {
        let mut all: Vec<(Passes, Passes)> = Vec::new();
        let mut carried: Vec<(Passes, Passes)> = Vec::new();
        let mut opaque = false;
        for joint in members.iter().filter_map(|&m| joints.get(m)) {
            opaque |= self.touches_opaque(joint);
            let pair = (passes(&joint.before), passes(&joint.after));
            if !all.contains(&pair) {
                all.push(pair);
            }
            if self.is_carried(joint) && !carried.contains(&pair) {
                carried.push(pair);
            }
        }
        let agreed = |side: fn(&(Passes, Passes)) -> Passes| {
            let mut values = all.iter().map(side);
            let first = values.next().flatten();
            if values.all(|v| v == first) {
                first
            } else {
                None
            }
        };
        let (before, mut after) = (agreed(|p| p.0), agreed(|p| p.1));
        let mut difference = match all.as_slice() {
            [(Some(true), Some(false))] => Difference::Lost,
            [(Some(false), Some(true))] => Difference::Gained,
            pairs if pairs.iter().all(|(b, a)| b.is_some() && b == a) => Difference::None,
            // Tunnels are taken to be up: what one carried as far as can be
            // told, and is dropped now whatever it does, is lost.
            pairs
                if pairs.iter().all(|(_, after)| *after == Some(false))
                    && carried == [(Some(true), Some(false))] =>
            {
                Difference::Lost
            }
            _ => Difference::Undecided,
        };
        if opaque {
            difference = Difference::Undecided;
            after = None;
        }
        Part {
            family,
            product,
            before,
            after,
            difference,
            members,
        }
    }
}

/// The beginning of the keys of conditions that an unknown gateway at the end
/// of a tunnel carries packets on.
pub const CARRIED: &str = "carried by ";

/// The devices that packets or their replies met, by position.
fn met(outcome: &Outcome) -> impl Iterator<Item = usize> + '_ {
    outcome
        .crossings
        .iter()
        .map(|c| c.device)
        .chain(outcome.returns.iter().map(|r| r.device))
}

/// True if packets are no transit traffic on either side: they stay on both,
/// or end at the device on one side and go nowhere on the other.
fn left_out(before: &Outcome, after: &Outcome) -> bool {
    let nowhere = |one: &Outcome, other: &Outcome| {
        one.disposition == Disposition::Own
            && !other.disposition.passes()
            && other.disposition != Disposition::Exhausted
            && after.piece.assumed.is_empty()
    };
    (before.disposition.stays() && after.disposition.stays())
        || nowhere(before, after)
        || nowhere(after, before)
}

fn passes(outcome: &Outcome) -> Passes {
    match outcome.disposition {
        Disposition::Exhausted => None,
        // Packets that need not cross a device arrive; those that end at one
        // where they crossed it on the other side do not.
        Disposition::Permitted | Disposition::Local => Some(true),
        _ => Some(false),
    }
}

/// A product with the joints that it is part of.
type Open = (Family, Product, Vec<usize>);

/// Groups products so that those of different groups have no packet in common.
fn clusters(mut open: Vec<Open>) -> Vec<Vec<Open>> {
    let low = |o: &Open| o.1.get(Dim::Source).first();
    open.sort_by(|a, b| (a.0, low(a), &a.1).cmp(&(b.0, low(b), &b.1)));
    let mut out: Vec<Vec<Open>> = Vec::new();
    let mut end: Option<(Family, u128)> = None;
    for one in open {
        let (first, last) = (low(&one), one.1.get(Dim::Source).last());
        let joins = end.is_some_and(|(family, high)| {
            family == one.0 && first.is_some_and(|first| first <= high)
        });
        let last = last.unwrap_or_default();
        if joins {
            end = end.map(|(family, high)| (family, high.max(last)));
            if let Some(group) = out.last_mut() {
                group.push(one);
            }
        } else {
            end = Some((one.0, last));
            out.push(vec![one]);
        }
    }
    out
}

/// More branches than this are not brought together; their packets are
/// undecided where the branches disagree pairwise.
const REFINE_LIMIT: usize = 4096;

/// Splits overlapping products into disjoint cells, each with all members
/// that hold it.
fn refine(open: Vec<(Family, Product, Vec<usize>)>) -> Vec<(Family, Product, Vec<usize>)> {
    let mut cells: Vec<(Family, Product, Vec<usize>)> = Vec::new();
    for (family, product, members) in open {
        let mut rest = vec![product];
        let mut next = Vec::with_capacity(cells.len() + 1);
        for (cell_family, cell, held) in cells {
            if cell_family != family || !rest.iter().any(|r| r.meets(&cell)) {
                next.push((cell_family, cell, held));
                continue;
            }
            let mut outside = vec![cell.clone()];
            for part in &rest {
                if let Some(both) = cell.intersect(part) {
                    let mut joined = held.clone();
                    joined.extend_from_slice(&members);
                    outside = outside.iter().flat_map(|o| o.subtract(&both)).collect();
                    next.push((family, both, joined));
                }
            }
            rest = rest.iter().flat_map(|r| r.subtract(&cell)).collect();
            next.extend(outside.into_iter().map(|o| (family, o, held.clone())));
        }
        next.extend(rest.into_iter().map(|r| (family, r, members.clone())));
        cells = next;
        if cells.len() > REFINE_LIMIT {
            break;
        }
    }
    cells
}

/// The packets of a flow as products.
#[must_use]
pub fn products(side: &Side<'_>, flow: &Flow) -> Vec<(Family, Product)> {
    let addresses = |end: &Endpoint| match end {
        Endpoint::Addresses(set) => set.clone(),
        Endpoint::Zone(_) => AddressSet::any(),
        Endpoint::Device(name) => {
            let here = side.asked_for(name).and_then(|at| side.devices.get(at));
            here.map_or_else(unicast, |here| {
                perhaps_own(here).unwrap_or_else(|| here.device.own_addresses())
            })
        }
    };
    let (from, to) = (addresses(&flow.from), addresses(&flow.to));
    let mut out = Vec::new();
    for family in [Family::V4, Family::V6] {
        let (from, to) = (from.family(family), to.family(family));
        if from.is_empty() || to.is_empty() {
            continue;
        }
        let mut terms: Vec<Product> = Vec::new();
        for term in flow.services.terms() {
            let product = Product {
                sets: [
                    Arc::new(from.clone()),
                    Arc::new(to.clone()),
                    Arc::new(term.service.clone()),
                    Arc::new(term.source_ports.clone()),
                ],
            };
            // Terms may overlap; packets are judged once.
            let fresh = crate::packet_set::product::subtract_all(vec![product], &terms);
            terms.extend(fresh);
        }
        out.extend(terms.into_iter().map(|t| (family, t)));
    }
    out
}

/// The addresses that a device may have which does not tell them: not those
/// of the hosts to which it translates. `None` if it tells them.
#[must_use]
pub fn perhaps_own(here: &DeviceSide<'_>) -> Option<AddressSet> {
    if here.device.interfaces_complete && !here.device.own_addresses().is_empty() {
        return None;
    }
    let mut hosts: [Vec<fw_model::interval::Range>; 2] = Default::default();
    let devices = [Some(here.device), here.peer];
    for rule in devices
        .into_iter()
        .flatten()
        .flat_map(|d| &d.filters)
        .flat_map(|f| &f.rules)
    {
        if let Action::Translate(translation) = &rule.action
            && let Some(AddressTranslation::Pool(set)) = &translation.destination
        {
            let [v4, v6] = &mut hosts;
            v4.extend_from_slice(set.v4.ranges());
            v6.extend_from_slice(set.v6.ranges());
        }
    }
    let all = unicast();
    let [v4, v6] = hosts.map(IntervalSet::from_ranges);
    Some(AddressSet {
        v4: all.v4.subtract(&v4),
        v6: all.v6.subtract(&v6),
    })
}

/// Packets to or of a device that does not tell its addresses: where they are
/// those of any address that it may have, every address is written.
#[must_use]
pub fn any_own(family: Family, product: Product, dim: Dim, perhaps: &AddressSet) -> Product {
    if product.get(dim).covers(perhaps.family(family)) {
        return product.with(dim, Arc::new(IntervalSet::range(0, family.max())));
    }
    product
}

/// The addresses that an interface may have.
fn unicast() -> AddressSet {
    let v4 = |low: u8, high: u8| {
        let (low, high) = (
            u128::from(low) << 24,
            (u128::from(high) << 24) | 0x00ff_ffff,
        );
        (low, high)
    };
    AddressSet {
        v4: IntervalSet::from_ranges(vec![v4(1, 126), v4(128, 223)]),
        v6: IntervalSet::range(2, (0xff << 120) - 1),
    }
}

/// A declared flow's packets from every source port, unless it names its own:
/// what is opened for a client's usual ports is not exposed by its others.
#[must_use]
pub fn from_any_port(product: &Product) -> Product {
    let (low, high) = crate::describe::CLIENT_PORTS;
    if **product.get(crate::packet_set::Dim::SourcePort) == IntervalSet::range(low, high) {
        let all = IntervalSet::range(0, fw_model::service::PORT_MAX);
        return product.with(crate::packet_set::Dim::SourcePort, Arc::new(all));
    }
    product.clone()
}

/// The source ports that a flow's regions need not mention.
#[must_use]
pub fn usual_ports(flow: &Flow) -> IntervalSet {
    flow.services
        .terms()
        .iter()
        .filter(|t| {
            fw_model::service::by_protocol(&t.service)
                .iter()
                .any(|p| fw_model::service::has_ports(p.0))
        })
        .fold(IntervalSet::new(), |all, t| all.union(&t.source_ports))
}

/// Follows packets of a flow on one side.
#[must_use]
pub fn run(
    side: &Side<'_>,
    flow: &Flow,
    family: Family,
    product: &Product,
    assumed: &Assumed,
) -> Vec<Outcome> {
    run_within(side, flow, family, product, assumed, &Within::default())
}

/// What is known of packets besides the snapshot, and what following them may
/// cost. Interfaces are numbers, of the only device there is or that the flow
/// names.
#[derive(Clone, Debug, Default)]
pub struct Within {
    /// Only packets that may come in, and where nothing tells it leave, by these
    /// interfaces.
    pub ways: Option<[Set; 2]>,
    /// Packets come in by one of these, whatever routes say.
    pub ingress: Option<Set>,
    /// Where the snapshot leaves open by which place packets enter: there.
    pub enter: Option<Place>,
    /// Sources that no route leads back to are no hosts.
    pub lenient: bool,
    /// Packets to a device are for the addresses that they name.
    pub exact: bool,
    /// How much work following them is worth.
    pub budget: Budget,
}

/// Follows packets of a flow on one side, as far as `within` says.
#[must_use]
pub fn run_within(
    side: &Side<'_>,
    flow: &Flow,
    family: Family,
    product: &Product,
    assumed: &Assumed,
    within: &Within,
) -> Vec<Outcome> {
    let to_device = match &flow.to {
        Endpoint::Device(name) => Some(name.as_str()),
        _ => None,
    };
    let from_device = match &flow.from {
        Endpoint::Device(name) => Some(name.as_str()),
        _ => None,
    };
    let only_name = flow.device.as_deref();
    let only = only_name.and_then(|n| side.asked_for(n));
    let itself = to_device.or(from_device).map(|n| side.asked_for(n));
    let mut out = Vec::new();
    if only_name.is_some() && only.is_none() || itself == Some(None) {
        // The device is not there on this side: nothing to go through.
        return vec![stay(
            family,
            product.clone(),
            assumed,
            Disposition::Unrouted,
        )];
    }
    let itself = itself.flatten();
    let target = itself.filter(|_| to_device.is_some());
    let journey = if to_device.is_some() {
        Journey::ToDevice
    } else if from_device.is_some() {
        Journey::FromDevice
    } else {
        Journey::Through
    };
    let zone = |end: &Endpoint| match end {
        Endpoint::Zone(name) => Some(name.clone()),
        _ => None,
    };
    let ingress = flow.ingress.clone().or_else(|| zone(&flow.from));
    let egress = flow.egress.clone().or_else(|| zone(&flow.to));
    let query = Query {
        journey,
        target,
        application: flow.application.as_deref(),
        user: flow.user.as_ref().map(Option::as_deref),
        egress: egress.as_deref(),
        egress_within: within.ways.as_ref().map(|[_, egress]| egress),
        replies: flow.check_return,
        exact: within.exact,
        budget: Cell::new(within.budget),
    };
    let parts = if journey == Journey::Through {
        let (crossing, staying) = side.crossing_part(family, product, only);
        out.extend(
            staying
                .into_iter()
                .map(|p| stay(family, p, assumed, Disposition::Local)),
        );
        crossing
    } else {
        vec![product.clone()]
    };
    let mut nowhere = Vec::new();
    let mut addressed = Vec::new();
    for part in parts {
        if journey == Journey::FromDevice {
            let Some(device) = itself else { continue };
            let (sent, foreign) = side.sent_by(family, &part, device);
            out.extend(
                foreign
                    .into_iter()
                    .map(|p| stay(family, p, assumed, Disposition::Local)),
            );
            for part in sent {
                let entry = crate::graph::entry::Entry {
                    device,
                    ingress: None,
                    piece: crate::graph::Piece::entering(family, &part, assumed.clone()),
                };
                out.extend(side.follow(entry, only, &query));
            }
            continue;
        }
        let mut part = part;
        if let Some(device) = target {
            let (near, none) = side.answered(family, &part, device);
            out.extend(
                none.into_iter()
                    .map(|p| stay(family, p, assumed, Disposition::NotAnswered)),
            );
            match near {
                Some(near) => part = near,
                None => continue,
            }
            if within.exact {
                addressed.push(part);
                continue;
            }
            let (near, far) = side.near_addresses(family, part, device);
            out.extend(
                far.into_iter()
                    .map(|p| stay(family, p, assumed, Disposition::Local)),
            );
            addressed.extend(near);
        } else {
            addressed.push(part);
        }
    }
    for mut part in addressed {
        if let (Some(numbers), Some(device)) = (&within.ingress, only) {
            let entries = side.entries_by(family, &part, device, numbers, assumed);
            out.extend(
                entries
                    .into_iter()
                    .flat_map(|e| side.follow(e, only, &query)),
            );
            continue;
        }
        if ingress.is_none() {
            let cut_off = side.cut_off(family, only);
            let sources = part.get(Dim::Source);
            let gone = sources.intersect(&cut_off);
            if !gone.is_empty() {
                let rest = sources.subtract(&cut_off);
                let gone = part.with(Dim::Source, Arc::new(gone));
                out.push(stay(family, gone, assumed, Disposition::Unrouted));
                if rest.is_empty() {
                    continue;
                }
                part = part.with(Dim::Source, Arc::new(rest));
            }
        }
        let enter = within.enter.as_ref();
        let found = side.entries(family, &part, ingress.as_deref(), only, enter, assumed);
        for entry in found.entries {
            let entry = match &within.ways {
                Some([ingress, _]) => side.entering(entry, ingress),
                None => Some(entry),
            };
            out.extend(entry.into_iter().flat_map(|e| side.follow(e, only, &query)));
        }
        nowhere.extend(found.nowhere);
    }
    // Sources that no route leads back to are no hosts, if others of the flow
    // are somewhere.
    let some = !out.is_empty() || within.lenient;
    let disposition = if some {
        Disposition::Local
    } else {
        Disposition::Unrouted
    };
    out.extend(nowhere.into_iter().map(|p| {
        let mut lost = stay(family, p, assumed, disposition.clone());
        if let (Disposition::Unrouted, Some((device, interface))) = (&disposition, &within.enter) {
            // Where they came in before the change, nothing leads back now.
            lost.is_lost_at(*device, interface);
        }
        lost
    }));
    out
}

fn stay(family: Family, product: Product, assumed: &Assumed, disposition: Disposition) -> Outcome {
    Outcome {
        piece: crate::graph::Piece::entering(family, &product, assumed.clone()),
        disposition,
        visits: Vec::new(),
        crossings: Vec::new(),
        returns: Vec::new(),
    }
}
