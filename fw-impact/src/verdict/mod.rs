//! The verdict on one flow: both sides on exactly the same packets.

mod packets;
mod parts;
mod run;

pub use packets::{any_own, from_any_port, perhaps_own, products, usual_ports};
pub(crate) use parts::Picked;
pub use run::{Within, run, run_within};

use crate::describe::place;
use crate::graph::piece::Passage;
use crate::graph::topology::Place;
use crate::graph::{Disposition, Outcome, Side};
use crate::locality::Locality;
use crate::packet_set::{Assumed, Product};
use crate::report::{FlowVerdict, Reason, ReasonKind, Side as SideName};
use fw_model::{ConditionKind, Family, Flow};
use rustc_hash::FxHashSet;
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

/// How many outcomes of one flow are told apart. What becomes of more packets
/// after the change is not looked at, if the change may concern them.
const CASES: usize = 40_000;

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
    /// Some device has a tunnel.
    tunnels: bool,
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
            tunnels: [before, after]
                .iter()
                .flat_map(|side| &side.devices)
                .any(|here| !here.device.tunnels.is_empty()),
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
        let first = Within {
            kept: self.locality.changed(SideName::Before),
            ..Within::default()
        };
        for (family, product) in packets {
            let assumed = Assumed::default();
            for before in run_within(self.before, flow, family, &product, &assumed, &first) {
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
                if out.joints.len() >= CASES {
                    let mut after = (*before).clone();
                    after.disposition = Disposition::Exhausted;
                    out.joints.push(Joint {
                        family,
                        product: entered,
                        assumed,
                        before,
                        after: Arc::new(after),
                        same: false,
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
                    kept: self.locality.changed(SideName::After),
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
        !self.tunnels
            || joint.assumed.values().all(|(variable, holds)| {
                let condition = self.before.conditions.condition(variable);
                holds || condition.is_none_or(|c| c.kind != ConditionKind::Tunnel)
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
}

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
