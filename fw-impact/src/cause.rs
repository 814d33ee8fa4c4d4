//! Which edit causes a difference: exact counterfactuals.
//!
//! A set of edited lines is the cause of a difference if the difference goes
//! away when these lines alone are as they were, everything else being as it
//! is after the change. That is tried, not guessed: the text is put together,
//! read and judged again.

use crate::graph::{Outcome, Side};
use crate::report::{Cause, EditKind, Impact, Side as SideName};
use crate::verdict::{Comparison, Difference, Judgement};
use fw_model::{Definition, DefinitionId, Device, Flow, Snapshot, SourceId, Span};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// One edited line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// Removed lines are on the before side, added ones on the after side.
    pub kind: EditKind,
    /// The file, as an id of the snapshot of its side.
    pub source: SourceId,
    /// The line, counted from 1.
    pub line: u32,
    /// Its text.
    pub text: String,
    /// Which run of edited lines it belongs to: lines that follow each other
    /// without an unchanged one between them have one number.
    pub hunk: usize,
}

impl Edit {
    /// The side the line is on.
    #[must_use]
    pub const fn side(&self) -> SideName {
        match self.kind {
            EditKind::Removed => SideName::Before,
            EditKind::Added => SideName::After,
        }
    }
}

/// The edits between two sides, and what the after side would be without some
/// of them.
pub trait Counterfactual: Sync {
    /// All edited lines, in order of their place. Lines that are inert on
    /// their side, blank ones and comments are left out.
    fn edits(&self) -> &[Edit];

    /// The after side with the edits at these indices undone: removed lines
    /// are back at their place, added lines are gone. `None` if that text
    /// cannot be read as a configuration.
    fn without(&self, undone: &[usize]) -> Option<Snapshot>;
}

/// A line of a side.
type Place = (SideName, SourceId, u32);

/// How many counterfactuals are tried for one flow.
const TRIALS: usize = 160;

/// In hunks of up to so many lines every line is tried alone.
const SINGLES: usize = 40;

/// Finds the causes of differences.
pub struct Causes<'c, 'a> {
    comparison: &'c Comparison<'c, 'a>,
    counterfactual: &'c dyn Counterfactual,
    by_line: FxHashMap<(SideName, SourceId, u32), usize>,
    tried: Mutex<FxHashMap<Vec<usize>, Option<Arc<Snapshot>>>>,
}

impl<'c, 'a> Causes<'c, 'a> {
    /// Prepares the search for causes of differences between two sides.
    #[must_use]
    pub fn new(comparison: &'c Comparison<'c, 'a>, counterfactual: &'c dyn Counterfactual) -> Self {
        let by_line = counterfactual
            .edits()
            .iter()
            .enumerate()
            .map(|(at, edit)| ((edit.side(), edit.source, edit.line), at))
            .collect();
        Self {
            comparison,
            counterfactual,
            by_line,
            tried: Mutex::default(),
        }
    }

    /// The smallest set of edits whose reversal undoes `impact` on `flow`.
    #[must_use]
    pub fn of(&self, flow: &Flow, judgement: &Judgement, impact: Impact) -> Vec<Cause> {
        let (relevant, deciders) = self.relevant(judgement);
        let all: Vec<usize> = (0..self.counterfactual.edits().len()).collect();
        let mut search = Search {
            causes: self,
            flow,
            impact,
            left: TRIALS,
        };
        let found = search.single(&relevant).or_else(|| {
            let start = if search.restores(&relevant) {
                relevant.clone()
            } else {
                // Lines of one hunk hang together (a block, a value that was
                // replaced): hunks first, those next to a decider before
                // others.
                let hunks = self.hunks(&deciders);
                if let Some(one) = hunks.iter().find(|hunk| search.restores(hunk)) {
                    // Without the lines around it, one may still do.
                    let alone = (one.len() <= SINGLES).then(|| search.single(one)).flatten();
                    if alone.is_some() {
                        return alone;
                    }
                    one.clone()
                } else if search.restores(&all) {
                    search.shrink(hunks).concat()
                } else {
                    return None;
                }
            };
            let lines = start.into_iter().map(|edit| vec![edit]).collect();
            Some(search.shrink(lines).concat())
        });
        let mut found = found.unwrap_or(relevant);
        found.sort_unstable();
        found.into_iter().filter_map(|at| self.cause(at)).collect()
    }

    /// The edits a hunk, those closest to one of `places` first.
    fn hunks(&self, places: &BTreeSet<Place>) -> Vec<Vec<usize>> {
        let edits = self.counterfactual.edits();
        let numbered: Vec<(usize, &Edit)> = edits.iter().enumerate().collect();
        let away = |(_, edit): &(usize, &Edit)| {
            let same = |p: &&Place| p.0 == edit.side() && p.1 == edit.source;
            let lines = places.iter().filter(same).map(|p| p.2.abs_diff(edit.line));
            lines.min().unwrap_or(u32::MAX)
        };
        let mut out: Vec<(u32, Vec<usize>)> = numbered
            .chunk_by(|a, b| a.1.hunk == b.1.hunk)
            .map(|hunk| {
                let nearest = hunk.iter().map(away).min().unwrap_or(u32::MAX);
                (nearest, hunk.iter().map(|(at, _)| *at).collect())
            })
            .collect();
        out.sort_by_key(|(nearest, _)| *nearest);
        out.into_iter().map(|(_, hunk)| hunk).collect()
    }

    /// The edits that the deciding rules of differing packets stand on, or
    /// refer to: most likely the causes. And where those rules stand.
    fn relevant(&self, judgement: &Judgement) -> (Vec<usize>, BTreeSet<Place>) {
        let mut out = BTreeSet::new();
        let mut deciders = BTreeSet::new();
        let differs = |difference| difference != Difference::None;
        let any = judgement.cells.iter().any(|c| differs(c.difference));
        let members = judgement
            .cells
            .iter()
            .filter(|c| !any || differs(c.difference))
            .flat_map(|c| &c.members)
            .filter_map(|&m| judgement.joints.get(m));
        for joint in members {
            self.of_outcome(
                self.comparison.before,
                SideName::Before,
                &joint.before,
                &mut out,
                &mut deciders,
            );
            if !joint.same {
                self.of_outcome(
                    self.comparison.after,
                    SideName::After,
                    &joint.after,
                    &mut out,
                    &mut deciders,
                );
            }
        }
        (out.into_iter().collect(), deciders)
    }

    fn of_outcome(
        &self,
        side: &Side<'_>,
        name: SideName,
        outcome: &Outcome,
        out: &mut BTreeSet<usize>,
        deciders: &mut BTreeSet<Place>,
    ) {
        let mut lines = |span: Span, last: u32| {
            // Long blocks (a whole access list as one definition) have more
            // lines than there are edits; look from the shorter end.
            let count = last.saturating_sub(span.line) as usize;
            if count > self.by_line.len() {
                for (at, edit) in self.counterfactual.edits().iter().enumerate() {
                    if edit.side() == name
                        && edit.source == span.source
                        && (span.line..=last).contains(&edit.line)
                    {
                        out.insert(at);
                    }
                }
            } else {
                for line in span.line..=last {
                    if let Some(&at) = self.by_line.get(&(name, span.source, line)) {
                        out.insert(at);
                    }
                }
            }
        };
        for crossing in &outcome.crossings {
            if let Some(span) = crossing.route {
                lines(span, span.line);
            }
        }
        for visit in &outcome.visits {
            let Some(here) = side.devices.get(visit.device) else {
                continue;
            };
            for rule in visit.rules.iter().filter_map(|r| r.get(here.device)) {
                if let Some(span) = rule.span {
                    lines(span, span.line);
                    deciders.insert((name, span.source, span.line));
                }
                for definition in used(here.device, &rule.uses) {
                    lines(definition.span, definition.last_line);
                }
            }
        }
    }

    fn variant(&self, undone: &[usize]) -> Option<Arc<Snapshot>> {
        let lock = || self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(undone) {
            return known.clone();
        }
        let made = self.counterfactual.without(undone).map(Arc::new);
        lock().insert(undone.to_vec(), made.clone());
        made
    }

    fn cause(&self, at: usize) -> Option<Cause> {
        let edit = self.counterfactual.edits().get(at)?;
        let side = match edit.side() {
            SideName::Before => self.comparison.before,
            SideName::After => self.comparison.after,
        };
        Some(Cause {
            edit: edit.kind,
            side: edit.side(),
            file: side.snapshot.source(edit.source)?.path.clone(),
            line: edit.line,
            text: edit.text.clone(),
            context: context(side.snapshot, edit),
        })
    }
}

/// The definitions that `uses` lead to.
fn used<'d>(device: &'d Device, uses: &[DefinitionId]) -> Vec<&'d Definition> {
    let mut seen: FxHashSet<DefinitionId> = FxHashSet::default();
    let mut todo: Vec<DefinitionId> = uses.to_vec();
    let mut out = Vec::new();
    while let Some(id) = todo.pop() {
        if seen.insert(id)
            && let Some(definition) = device.definitions.get(id.0 as usize)
        {
            todo.extend_from_slice(&definition.uses);
            out.push(definition);
        }
    }
    out
}

/// What an edited line belongs to: its object, the groups that hold it, the
/// rule that uses it.
fn context(snapshot: &Snapshot, edit: &Edit) -> Option<String> {
    for device in &snapshot.devices {
        let holds = |d: &Definition| {
            d.span.source == edit.source && (d.span.line..=d.last_line).contains(&edit.line)
        };
        let Some(mut at) = device.definitions.iter().position(holds) else {
            continue;
        };
        let definition = device.definitions.get(at)?;
        let mut text = format!("in {} {}", definition.kind, definition.name);
        let mut seen = FxHashSet::default();
        while seen.insert(at) {
            let id = DefinitionId(u32::try_from(at).ok()?);
            let Some(up) = device.definitions.iter().position(|d| d.uses.contains(&id)) else {
                break;
            };
            at = up;
            text.push_str(&format!(" < {}", device.definitions.get(at)?.name));
        }
        let users: Vec<String> = device
            .filters
            .iter()
            .flat_map(|f| f.rules.iter().map(move |r| (f, r)))
            .filter(|(_, r)| r.uses.iter().any(|u| seen.contains(&(u.0 as usize))))
            .map(|(f, r)| format!("{} {}", f.name, r.name))
            .collect();
        match users.as_slice() {
            [] => {}
            [one] => text.push_str(&format!(", used by {one}")),
            [first, rest @ ..] => {
                text.push_str(&format!(", used by {first} and {} more", rest.len()));
            }
        }
        return Some(text);
    }
    None
}

struct Search<'s, 'c, 'a> {
    causes: &'s Causes<'c, 'a>,
    flow: &'s Flow,
    impact: Impact,
    left: usize,
}

impl Search<'_, '_, '_> {
    /// True if undoing these edits undoes the impact.
    fn restores(&mut self, undone: &[usize]) -> bool {
        if undone.is_empty() || self.left == 0 {
            return false;
        }
        self.left -= 1;
        let mut undone = undone.to_vec();
        undone.sort_unstable();
        let Some(snapshot) = self.causes.variant(&undone) else {
            return false;
        };
        let before = self.causes.comparison.before;
        let snapshot = crate::impact::paired(before.snapshot, &snapshot);
        let after = Side::compared(&snapshot, before.snapshot, before.conditions, before.now);
        let comparison = Comparison::new(before, &after);
        let judgement = comparison.judge(self.flow);
        let same = judgement
            .cells
            .iter()
            .all(|c| c.difference == Difference::None);
        same && (self.impact != Impact::Changed
            || crate::change::changes(before, &after, self.flow, &judgement.joints).is_empty())
    }

    /// The first edit that alone undoes the impact.
    fn single(&mut self, edits: &[usize]) -> Option<Vec<usize>> {
        edits
            .iter()
            .find(|&&edit| self.restores(&[edit]))
            .map(|&edit| vec![edit])
    }

    /// Leaves out whatever is not needed, larger parts first, until no single
    /// group of edits can be left out.
    fn shrink(&mut self, mut groups: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
        let mut size = groups.len().div_ceil(2);
        loop {
            let mut at = 0;
            let mut shrunk = false;
            while at < groups.len() {
                let kept = |i: usize| !(at..at + size).contains(&i);
                let without: Vec<Vec<usize>> = groups
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| kept(*i))
                    .map(|(_, group)| group.clone())
                    .collect();
                if self.restores(&without.concat()) {
                    groups = without;
                    shrunk = true;
                } else {
                    at += size;
                }
            }
            if size <= 1 && !shrunk || self.left == 0 {
                return groups;
            }
            if !shrunk {
                size = size.div_ceil(2);
            }
        }
    }
}
