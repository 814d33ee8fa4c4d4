//! Packets by the path that they take, and branches of unknowns that paths
//! have in common.

use crate::graph::piece::Passage;
use crate::packet_set::condition::End;
use crate::packet_set::product::{DIMS, Product};
use crate::packet_set::{ConditionTable, Set};
use crate::verdict::Joint;
use fw_model::{ConditionKind, IntervalSet};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The interfaces that packets come in and leave by, as far as they are open.
type Ways = [Option<Set>; 2];

/// An end of a path: the interface, or the numbers of those that it may be.
pub(super) type PathEnd = Option<(Option<Arc<str>>, Option<Set>)>;

/// The joints of a device by the path that they take.
pub(super) struct Paths<'j> {
    joints: &'j [Joint],
    paths: Vec<Path>,
    /// The path of each joint, by position.
    taken: Vec<usize>,
    /// The distinct ways of branches.
    ways: Vec<Ways>,
    /// By position: which of them a joint has; `None` for one that is no branch
    /// of an unknown.
    of: Vec<Option<usize>>,
    /// The joints that have each.
    having: Vec<Vec<usize>>,
}

/// A path with its joints.
struct Path {
    words: Option<String>,
    own: Vec<usize>,
}

/// What is said by a variable.
enum Says {
    /// Which way packets take.
    Way(End, Set),
    /// Something else: whether it is about paths at all.
    Other(bool),
}

/// What variables say, each looked up once.
struct Variables<'c> {
    conditions: &'c ConditionTable,
    known: FxHashMap<u32, Says>,
}

impl Variables<'_> {
    fn says(&mut self, variable: u32) -> &Says {
        self.known.entry(variable).or_insert_with(|| {
            if let Some((end, set)) = self.conditions.way_of(variable) {
                return Says::Way(end, set);
            }
            let condition = self.conditions.condition(variable);
            Says::Other(condition.is_some_and(|c| c.kind == ConditionKind::Path))
        })
    }

    /// True if the snapshot leaves the path of a joint's packets open.
    fn open_path(&mut self, joint: &Joint) -> bool {
        let mut variables = joint.assumed.variables();
        variables.any(|v| !matches!(self.says(v), Says::Other(false)))
    }

    /// The ways of a joint, if something else is assumed of its packets too.
    fn ways_of(&mut self, joint: &Joint) -> Option<Ways> {
        let mut other = joint.assumed.variables();
        if !other.any(|v| matches!(self.says(v), Says::Other(_))) {
            return None;
        }
        let mut ways: Ways = [None, None];
        for (variable, _) in joint.assumed.values().filter(|(_, holds)| *holds) {
            if let Says::Way(end, set) = self.says(variable)
                && let Some(slot) = ways.get_mut(end.position())
            {
                *slot = Some(match slot.take() {
                    None => Arc::clone(set),
                    Some(known) => Arc::new(known.intersect(set)),
                });
            }
        }
        Some(ways)
    }
}

impl<'j> Paths<'j> {
    /// Sorts joints by path. `name` calls the path of a joint by its words, and
    /// is told whether the snapshot leaves it open.
    pub fn new(
        conditions: &ConditionTable,
        joints: &'j [Joint],
        mut name: impl FnMut(&Joint, bool) -> Option<String>,
    ) -> Self {
        let mut variables = Variables {
            conditions,
            known: FxHashMap::default(),
        };
        let mut out = Self {
            joints,
            paths: Vec::new(),
            taken: Vec::with_capacity(joints.len()),
            ways: Vec::new(),
            of: Vec::with_capacity(joints.len()),
            having: Vec::new(),
        };
        let mut by_words: FxHashMap<Option<String>, usize> = FxHashMap::default();
        let mut by_ways: FxHashMap<Ways, usize> = FxHashMap::default();
        for (at, joint) in joints.iter().enumerate() {
            let words = name(joint, variables.open_path(joint));
            let path = *by_words.entry(words).or_insert_with_key(|words| {
                out.paths.push(Path {
                    words: words.clone(),
                    own: Vec::new(),
                });
                out.paths.len() - 1
            });
            if let Some(path) = out.paths.get_mut(path) {
                path.own.push(at);
            }
            out.taken.push(path);
            let ways = variables.ways_of(joint).map(|ways| {
                *by_ways.entry(ways).or_insert_with_key(|ways| {
                    out.ways.push(ways.clone());
                    out.having.push(Vec::new());
                    out.ways.len() - 1
                })
            });
            if let Some(list) = ways.and_then(|number| out.having.get_mut(number)) {
                list.push(at);
            }
            out.of.push(ways);
        }
        out
    }

    /// How many paths there are, in the order in which they are first taken.
    pub const fn len(&self) -> usize {
        self.paths.len()
    }

    /// A path in words.
    pub fn words(&self, path: usize) -> Option<String> {
        self.paths.get(path)?.words.clone()
    }

    /// True if a joint takes a path.
    pub fn takes(&self, joint: usize, path: usize) -> bool {
        self.taken.get(joint) == Some(&path)
    }

    /// The joints that take a path, then the branches of unknowns that another
    /// path has although packets of it may take this one: the branches of one
    /// unknown need not tell apart the same interfaces.
    pub fn with_branches(&self, path: usize) -> Vec<usize> {
        let own = self.paths.get(path).map_or(&[][..], |path| &path.own);
        let mut out = own.to_vec();
        let branches: Vec<usize> = own
            .iter()
            .copied()
            .filter(|&at| self.of.get(at).is_some_and(Option::is_some))
            .collect();
        let mut mine: Vec<usize> = branches
            .iter()
            .filter_map(|&at| *self.of.get(at)?)
            .collect();
        mine.sort_unstable();
        mine.dedup();
        let bounds = self.bounds(&branches);
        let mut beside: Vec<usize> = self
            .ways
            .iter()
            .zip(&self.having)
            .filter(|(ways, _)| {
                let mut mine = mine.iter().filter_map(|&at| self.ways.get(at));
                mine.any(|mine| meet(mine, ways))
            })
            .flat_map(|(_, joints)| joints.iter().copied())
            .filter(|&at| !self.takes(at, path) && self.within(at, &bounds))
            .collect();
        beside.sort_unstable();
        out.extend(beside);
        out
    }

    /// All values of each dimension of some joints.
    fn bounds(&self, joints: &[usize]) -> [IntervalSet; 4] {
        let mut at = 0;
        DIMS.map(|_| {
            let mut sets: Vec<&Set> = joints
                .iter()
                .filter_map(|&joint| self.joints.get(joint)?.product.sets.get(at))
                .collect();
            at += 1;
            sets.sort();
            sets.dedup();
            let ranges = sets.iter().flat_map(|set| set.ranges().iter().copied());
            ranges.collect()
        })
    }

    fn within(&self, joint: usize, bounds: &[IntervalSet; 4]) -> bool {
        let meets = |product: &Product| {
            let mut sets = product.sets.iter().zip(bounds);
            sets.all(|(set, bound)| set.meets(bound))
        };
        self.joints.get(joint).is_some_and(|j| meets(&j.product))
    }
}

fn meet(one: &Ways, other: &Ways) -> bool {
    one.iter().zip(other).all(|ends| match ends {
        (Some(one), Some(other)) => one.meets(other),
        _ => true,
    })
}

/// The ends of a joint's path.
pub(super) fn path_ends(joint: &Joint) -> [PathEnd; 2] {
    let crossing = joint.after.crossings.first();
    let end = |passage: Option<&Passage>| {
        passage.map(|passage| match passage {
            Passage::Interface(name) => (Some(Arc::clone(name)), None),
            Passage::Open(_) => (None, joint.after.piece.way_numbers(passage)),
        })
    };
    [
        end(crossing.and_then(|c| c.ingress.as_ref())),
        end(crossing.and_then(|c| c.egress.as_ref())),
    ]
}

/// The path of packets that the snapshot leaves open, as words.
pub(super) fn path_words(joint: &Joint) -> Option<String> {
    let crossing = joint.after.crossings.first()?;
    let words = |end| joint.after.piece.interface_words(end);
    Some(format!(
        "{} -> {}",
        words(crossing.ingress.as_ref()),
        words(crossing.egress.as_ref())
    ))
}
