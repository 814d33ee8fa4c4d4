//! Brings the branches of undecidable conditions together: what can be said of
//! packets whatever the conditions turn out to be.

use super::{Comparison, Difference, Joint, Part, Passes, passes};
use crate::packet_set::Product;
use crate::packet_set::overlay::{WORK, overlay};
use fw_model::Family;
use rustc_hash::FxHashMap;

/// Which joints are brought together.
pub(crate) struct Picked<'p> {
    /// These, by position.
    pub joints: &'p [usize],
    /// Only packets of a joint are wanted for which this is true.
    pub wanted: &'p dyn Fn(usize) -> bool,
}

/// Branches over the same packets.
struct Group<'j> {
    product: &'j Product,
    members: Vec<usize>,
    wanted: bool,
}

/// What a branch says of its packets.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Says {
    before: Passes,
    after: Passes,
    /// Something that is not understood may affect them.
    opaque: bool,
}

impl Says {
    const fn differs(self) -> bool {
        let agree = matches!(
            (self.before, self.after),
            (Some(true), Some(true)) | (Some(false), Some(false))
        );
        self.opaque || !agree
    }
}

impl Comparison<'_, '_> {
    /// The packets of joints, by what can be said of them on all branches.
    #[must_use]
    pub fn parts(&self, joints: &[Joint]) -> Vec<Part> {
        let all: Vec<usize> = (0..joints.len()).collect();
        let picked = Picked {
            joints: &all,
            wanted: &|_| true,
        };
        self.parts_of(joints, &picked)
    }

    /// [`Self::parts`] of some joints.
    pub(crate) fn parts_of(&self, joints: &[Joint], picked: &Picked<'_>) -> Vec<Part> {
        let mut out = Vec::new();
        let mut known: FxHashMap<(Family, &Product), usize> = FxHashMap::default();
        let mut groups: [Vec<Group<'_>>; 2] = Default::default();
        for &at in picked.joints {
            let Some(joint) = joints.get(at) else {
                continue;
            };
            let wanted = (picked.wanted)(at);
            if joint.assumed.is_empty() {
                if wanted {
                    out.push(self.cell(joints, joint.family, joint.product.clone(), vec![at]));
                }
                continue;
            }
            let [v4, v6] = &mut groups;
            let groups = match joint.family {
                Family::V4 => v4,
                Family::V6 => v6,
            };
            let slot = *known
                .entry((joint.family, &joint.product))
                .or_insert(groups.len());
            match groups.get_mut(slot) {
                Some(group) => {
                    group.members.push(at);
                    group.wanted |= wanted;
                }
                None => groups.push(Group {
                    product: &joint.product,
                    members: vec![at],
                    wanted,
                }),
            }
        }
        let [v4, v6] = groups;
        self.bring_together(joints, Family::V4, &v4, &mut out);
        self.bring_together(joints, Family::V6, &v6, &mut out);
        out
    }

    fn bring_together(
        &self,
        joints: &[Joint],
        family: Family,
        groups: &[Group<'_>],
        out: &mut Vec<Part>,
    ) {
        let products: Vec<&Product> = groups.iter().map(|group| group.product).collect();
        let wanted = |here: &[usize]| {
            let mut here = here.iter().filter_map(|&at| groups.get(at));
            here.any(|group| group.wanted)
        };
        let members = |held: &[usize]| -> Vec<usize> {
            let groups = held.iter().filter_map(|&at| groups.get(at));
            let mut all: Vec<usize> = groups.flat_map(|g| g.members.iter().copied()).collect();
            all.sort_unstable();
            all
        };
        let found = overlay(&products, &wanted, WORK);
        for (product, held) in found.cells {
            out.push(self.cell(joints, family, product, members(&held)));
        }
        for crowd in found.crowds {
            let held: Vec<usize> = crowd.iter().map(|(_, at)| *at).collect();
            let others = self.one_of_each(joints, &members(&held));
            for (product, at) in crowd {
                let own = members(&[at]);
                let others = others.iter().filter(|other| !own.contains(other));
                let members = own.iter().chain(others).copied().collect();
                out.push(self.cell(joints, family, product, members));
            }
        }
    }

    /// Of all these joints one of each that say the same.
    fn one_of_each(&self, joints: &[Joint], members: &[usize]) -> Vec<usize> {
        let mut said: Vec<Says> = Vec::new();
        let mut out = Vec::new();
        for &at in members {
            if let Some(joint) = joints.get(at)
                && !said.contains(&self.says(joint))
            {
                said.push(self.says(joint));
                out.push(at);
            }
        }
        out
    }

    /// True if this branch alone makes a difference, or may.
    pub(crate) fn differs(&self, joint: &Joint) -> bool {
        self.says(joint).differs()
    }

    fn says(&self, joint: &Joint) -> Says {
        Says {
            before: passes(&joint.before),
            after: passes(&joint.after),
            opaque: self.touches_opaque(joint),
        }
    }

    /// What becomes of some packets of these joints.
    pub(crate) fn cell(
        &self,
        joints: &[Joint],
        family: Family,
        product: Product,
        members: Vec<usize>,
    ) -> Part {
        let said: Vec<Says> = self
            .one_of_each(joints, &members)
            .into_iter()
            .filter_map(|m| joints.get(m))
            .map(|joint| self.says(joint))
            .collect();
        let agreed = |side: fn(&Says) -> Passes| {
            let mut values = said.iter().map(side);
            let first = values.next().flatten();
            if values.all(|v| v == first) {
                first
            } else {
                None
            }
        };
        let (before, mut after) = (agreed(|s| s.before), agreed(|s| s.after));
        let all = |before: bool, after: bool| {
            let wanted = (Some(before), Some(after));
            !said.is_empty() && said.iter().all(|s| (s.before, s.after) == wanted)
        };
        let difference = if said.iter().any(|s| s.opaque) {
            after = None;
            Difference::Undecided
        } else if all(true, false) {
            Difference::Lost
        } else if all(false, true) {
            Difference::Gained
        } else if said.iter().any(|s| s.differs()) {
            Difference::Undecided
        } else {
            Difference::None
        };
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
