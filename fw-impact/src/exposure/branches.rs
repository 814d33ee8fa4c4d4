//! Branches of unknowns that paths have in common.

use crate::packet_set::Set;
use crate::verdict::{Comparison, Joint};
use std::sync::Arc;

/// The interfaces that a joint's packets come in and leave by, as far as they
/// are open; and whether something else is assumed of them.
fn ways_of(comparison: &Comparison<'_, '_>, joint: &Joint) -> ([Option<Set>; 2], bool) {
    let mut ways: [Option<Set>; 2] = [None, None];
    let mut branch = false;
    for variable in joint.assumed.variables() {
        let choice = comparison.before.conditions.choice_of(variable);
        let end = choice.as_ref().and_then(|(name, _)| {
            ["ingress of ", "egress of "]
                .iter()
                .position(|end| name.starts_with(end))
        });
        branch |= end.is_none();
        let holds = joint
            .assumed
            .values()
            .any(|value| value == (variable, true));
        if let (Some((_, set)), Some(slot), true) =
            (choice, end.and_then(|end| ways.get_mut(end)), holds)
        {
            *slot = Some(match slot.take() {
                None => set,
                Some(known) => Arc::new(known.intersect(&set)),
            });
        }
    }
    (ways, branch)
}

/// The branches of unknowns that another path than the one at `at` has
/// although packets of it may take that one: the branches of one unknown need
/// not tell apart the same interfaces.
pub(super) fn other_branches(
    comparison: &Comparison<'_, '_>,
    by_path: &[(Option<String>, Vec<Joint>)],
    at: usize,
) -> Vec<Joint> {
    let own = by_path.get(at).map_or(&[][..], |(_, joints)| joints);
    let mut ways: Vec<[Option<Set>; 2]> = own
        .iter()
        .map(|joint| ways_of(comparison, joint))
        .filter(|(_, branch)| *branch)
        .map(|(ways, _)| ways)
        .collect();
    ways.sort();
    ways.dedup();
    if ways.is_empty() {
        return Vec::new();
    }
    let meet = |one: &[Option<Set>; 2], other: &[Option<Set>; 2]| {
        one.iter().zip(other).all(|ends| match ends {
            (Some(one), Some(other)) => one.meets(other),
            _ => true,
        })
    };
    (0..)
        .zip(by_path)
        .filter(|(number, _)| *number != at)
        .flat_map(|(_, (_, joints))| joints)
        .filter(|joint| {
            let (theirs, branch) = ways_of(comparison, joint);
            branch && ways.iter().any(|mine| meet(mine, &theirs))
        })
        .cloned()
        .collect()
}
