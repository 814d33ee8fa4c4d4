//! Which rules differ between two versions of a device.
//!
//! Only a packet that meets a rule that differs can be treated differently,
//! so the rules found here are where a comparison looks. Rules that are
//! paired must be equal; whether as many as possible are paired only matters
//! for speed.

use crate::packet_set::decompose::RuleRef;
use fw_model::{Action, Device, Filter, FilterId, PacketEffect, Rule};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::hash::{Hash, Hasher};

/// Rules that were put in the place of others: one gap of an alignment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gap {
    /// On the before side.
    pub before: Vec<RuleRef>,
    /// On the after side.
    pub after: Vec<RuleRef>,
}

/// The filters that the stages of a device lead to.
#[must_use]
pub fn reachable(device: &Device) -> FxHashSet<FilterId> {
    let pipeline = &device.pipeline;
    let stages = [
        &pipeline.prerouting,
        &pipeline.forward,
        &pipeline.input,
        &pipeline.output,
        &pipeline.postrouting,
    ];
    reachable_from(device, stages.into_iter().flatten().map(|s| s.filter))
}

/// These filters and those that they lead to.
pub(crate) fn reachable_from(
    device: &Device,
    filters: impl Iterator<Item = FilterId>,
) -> FxHashSet<FilterId> {
    let mut todo: Vec<FilterId> = filters.collect();
    let mut out = FxHashSet::default();
    while let Some(id) = todo.pop() {
        if !out.insert(id) {
            continue;
        }
        let Some(filter) = device.filter(id) else {
            continue;
        };
        for rule in &filter.rules {
            if let Action::Jump(to) | Action::Goto(to) = rule.action {
                todo.push(to);
            }
        }
    }
    out
}

/// The gaps between all filters in use of two versions of a device. Filters
/// are paired by name; one without a partner differs in all its rules.
#[must_use]
pub fn gaps(before: &Device, after: &Device) -> Vec<Gap> {
    let (used_before, used_after) = (reachable(before), reachable(after));
    let mut partners: FxHashMap<&str, (Vec<FilterId>, Vec<FilterId>)> = FxHashMap::default();
    for (id, filter) in in_use(before, &used_before) {
        partners.entry(&filter.name).or_default().0.push(id);
    }
    for (id, filter) in in_use(after, &used_after) {
        partners.entry(&filter.name).or_default().1.push(id);
    }
    let mut out = Vec::new();
    let mut names: Vec<&str> = in_use(before, &used_before)
        .chain(in_use(after, &used_after))
        .map(|(_, f)| f.name.as_str())
        .collect();
    let mut seen = FxHashSet::default();
    names.retain(|n| seen.insert(*n));
    for name in names {
        let Some((old, new)) = partners.get(name) else {
            continue;
        };
        for at in 0..old.len().max(new.len()) {
            align(
                before,
                old.get(at).copied(),
                after,
                new.get(at).copied(),
                &mut out,
            );
        }
    }
    out
}

fn in_use<'d>(
    device: &'d Device,
    used: &'d FxHashSet<FilterId>,
) -> impl Iterator<Item = (FilterId, &'d Filter)> {
    (0u32..)
        .map(FilterId)
        .zip(&device.filters)
        .filter(|(id, _)| used.contains(id))
}

fn align(
    before: &Device,
    old: Option<FilterId>,
    after: &Device,
    new: Option<FilterId>,
    out: &mut Vec<Gap>,
) {
    let none: &[Rule] = &[];
    let rules = |device, id: Option<FilterId>| {
        id.and_then(|id| Device::filter(device, id))
            .map_or(none, |f| f.rules.as_slice())
    };
    let (old_rules, new_rules) = (rules(before, old), rules(after, new));
    let equal = |a: &Rule, b: &Rule| same(before, a, after, b);
    // Equal ends cost one comparison a rule.
    let head = old_rules
        .iter()
        .zip(new_rules)
        .take_while(|(a, b)| equal(a, b))
        .count();
    let tail = old_rules
        .iter()
        .skip(head)
        .rev()
        .zip(new_rules.iter().skip(head).rev())
        .take_while(|(a, b)| equal(a, b))
        .count();
    let middle = |rules: &'_ [Rule]| head..rules.len() - tail;
    let pairs = common(
        before,
        old_rules.get(middle(old_rules)).unwrap_or(none),
        after,
        new_rules.get(middle(new_rules)).unwrap_or(none),
    );
    let place = |filter: Option<FilterId>, at: usize| {
        filter.map(|filter| RuleRef {
            filter,
            rule: u32::try_from(at).unwrap_or(u32::MAX),
        })
    };
    let (mut i, mut j) = (head, head);
    let ends = std::iter::once((old_rules.len() - tail, new_rules.len() - tail));
    for (a, b) in pairs
        .into_iter()
        .map(|(a, b)| (a + head, b + head))
        .chain(ends)
    {
        let gap = Gap {
            before: (i..a).filter_map(|at| place(old, at)).collect(),
            after: (j..b).filter_map(|at| place(new, at)).collect(),
        };
        if gap != Gap::default() {
            out.push(gap);
        }
        (i, j) = (a + 1, b + 1);
    }
    let default = |device, id: Option<FilterId>| {
        id.and_then(|id| Device::filter(device, id))
            .map(|f| &f.default)
    };
    let kept = match (default(before, old), default(after, new)) {
        (Some(a), Some(b)) => equal(a, b),
        _ => false,
    };
    if !kept {
        out.push(Gap {
            before: place(old, old_rules.len()).into_iter().collect(),
            after: place(new, new_rules.len()).into_iter().collect(),
        });
    }
}

/// A common subsequence of equal rules: the rules that occur once on either
/// side, in the longest run of rising positions.
fn common(before: &Device, old: &[Rule], after: &Device, new: &[Rule]) -> Vec<(usize, usize)> {
    let mut by_hash: FxHashMap<u64, (Vec<usize>, Vec<usize>)> = FxHashMap::default();
    for (at, rule) in old.iter().enumerate() {
        by_hash.entry(hash(before, rule)).or_default().0.push(at);
    }
    for (at, rule) in new.iter().enumerate() {
        by_hash.entry(hash(after, rule)).or_default().1.push(at);
    }
    let mut pairs: Vec<(usize, usize)> = old
        .iter()
        .enumerate()
        .filter_map(|(a, rule)| {
            let (olds, news) = by_hash.get(&hash(before, rule))?;
            // Of duplicates, the n-th before goes with the n-th after.
            let nth = olds.iter().position(|&o| o == a)?;
            let &b = news.get(nth)?;
            same(before, rule, after, new.get(b)?).then_some((a, b))
        })
        .collect();
    pairs.sort_unstable();
    rising(&pairs)
}

/// The longest subsequence whose second values rise.
fn rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    let second = |at: usize| pairs.get(at).map_or(0, |p| p.1);
    for (at, &(_, b)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|&end| second(end) < b);
        previous.push(length.checked_sub(1).and_then(|l| ends.get(l)).copied());
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut out = Vec::new();
    let mut at = ends.last().copied();
    while let Some(here) = at {
        out.extend(pairs.get(here).copied());
        at = previous.get(here).copied().flatten();
    }
    out.reverse();
    out
}

fn hash(device: &Device, rule: &Rule) -> u64 {
    let mut hasher = FxHasher::default();
    rule.match_expr.hash(&mut hasher);
    rule.effects.hash(&mut hasher);
    match &rule.action {
        Action::Jump(to) | Action::Goto(to) => {
            device.filter(*to).map(|f| &f.name).hash(&mut hasher);
        }
        action => action.hash(&mut hasher),
    }
    hasher.finish()
}

/// True if two rules do the same to the same packets.
fn same(before: &Device, a: &Rule, after: &Device, b: &Rule) -> bool {
    let name = |device, id| Device::filter(device, id).map(|f| f.name.as_str());
    let actions = match (&a.action, &b.action) {
        (Action::Jump(x), Action::Jump(y)) | (Action::Goto(x), Action::Goto(y)) => {
            name(before, *x) == name(after, *y)
        }
        (x, y) => x == y,
    };
    let effects: (&[PacketEffect], &[PacketEffect]) = (&a.effects, &b.effects);
    actions && effects.0 == effects.1 && a.match_expr == b.match_expr
}

#[cfg(test)]
mod tests {
    use super::*;
    use fw_model::{MatchExpr, Pipeline, ServiceSet, Stage, StageKind, View};

    fn device(ports: &[u16]) -> Device {
        let rules = ports
            .iter()
            .map(|&p| {
                Rule::new(
                    p.to_string(),
                    MatchExpr::service(ServiceSet::destination_ports(6, p, p)),
                    Action::Permit,
                )
            })
            .collect();
        let mut device = Device::default();
        let filter = device.add_filter(Filter {
            name: "A".into(),
            rules,
            default: Rule::new("end", MatchExpr::Always, Action::Deny),
        });
        device.pipeline = Pipeline {
            forward: vec![Stage {
                name: "forward".into(),
                kind: StageKind::Policy,
                filter,
                view: View::CURRENT,
            }],
            ..Pipeline::default()
        };
        device
    }

    fn names(before: &[u16], after: &[u16]) -> Vec<(Vec<u32>, Vec<u32>)> {
        gaps(&device(before), &device(after))
            .into_iter()
            .map(|g| {
                let rules = |v: Vec<RuleRef>| v.into_iter().map(|u| u.rule).collect();
                (rules(g.before), rules(g.after))
            })
            .collect()
    }

    #[test]
    fn finds_what_differs() {
        assert!(names(&[1, 2, 3], &[1, 2, 3]).is_empty());
        assert_eq!(names(&[1, 2, 3], &[1, 3]), vec![(vec![1], vec![])]);
        assert_eq!(names(&[1, 2, 3], &[1, 9, 3]), vec![(vec![1], vec![1])]);
        assert_eq!(
            names(&[1, 2, 3, 4, 5], &[4, 1, 2, 3, 5]),
            vec![(vec![], vec![0]), (vec![3], vec![])]
        );
        assert_eq!(names(&[7, 7, 7], &[7, 7]).len(), 1);
    }
}
