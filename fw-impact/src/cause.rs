//! Which edit causes a difference: exact counterfactuals.
//!
//! A set of edited lines is the cause of a difference if the difference goes
//! away when these lines alone are as they were, everything else being as it
//! is after the change. That is tried, not guessed: the text is put together,
//! read and judged again.

use crate::graph::{Outcome, Side};
use crate::neighbours::Neighbours;
use crate::packet_set::Product;
use crate::packet_set::decompose::RuleRef;
use crate::report::{Cause, EditKind, Impact, Side as SideName};
use crate::verdict::{Comparison, Difference, Judgement};
use fw_model::{
    Definition, DefinitionId, Device, Family, Flow, IntervalSet, Snapshot, SourceId, Span,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
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
    /// cannot be read as a configuration. Only the devices of `scope` are
    /// wanted, if it is given; texts of files need not be there.
    fn without(&self, undone: &[usize], scope: Option<&BTreeSet<String>>) -> Option<Snapshot>;
}

/// A line of a side.
type Place = (SideName, SourceId, u32);

/// How many counterfactuals are tried for one flow, at most and at least, and
/// how many lines of text are read for them.
const TRIALS: (usize, usize, usize) = (80, 24, 400_000);

/// What judging one part of a flow costs, in lines of text that could be read
/// instead.
const PART_COST: usize = 10;

/// In hunks of up to so many lines every line is tried alone.
const SINGLES: usize = 40;

/// How many packets are looked at before all of a flow's are.
const PROBES: usize = 8;

/// Devices that all kept counterfactuals hold together.
const KEPT: usize = 4096;

/// Some edits undone, with the devices that were looked at.
type Trial = (Vec<usize>, Option<BTreeSet<String>>);

/// Counterfactuals that were read already: many flows have one cause.
#[derive(Default)]
struct Tried {
    known: FxHashMap<Trial, Option<Arc<Snapshot>>>,
    devices: usize,
}

/// The rules and routes that had a say on a side, each once.
#[derive(Default)]
struct Met {
    /// Rules, with the position of their device.
    rules: Vec<(usize, RuleRef)>,
    routes: Vec<Span>,
    known_rules: FxHashSet<(usize, RuleRef)>,
    known_routes: FxHashSet<Span>,
}

impl Met {
    fn add(&mut self, outcome: &Outcome) {
        let there = outcome.crossings.iter().map(|c| c.route);
        let back = outcome.returns.iter().map(|r| r.route);
        for span in there.chain(back).flatten() {
            if self.known_routes.insert(span) {
                self.routes.push(span);
            }
        }
        for visit in &outcome.visits {
            for rule in visit.rules.iter().map(|&rule| (visit.device, rule)) {
                if self.known_rules.insert(rule) {
                    self.rules.push(rule);
                }
            }
        }
    }
}

/// Finds the causes of differences.
pub struct Causes<'c, 'a> {
    comparison: &'c Comparison<'c, 'a>,
    counterfactual: &'c dyn Counterfactual,
    by_line: FxHashMap<(SideName, SourceId, u32), usize>,
    by_source: FxHashMap<(SideName, SourceId), Vec<usize>>,
    near: Neighbours,
    whole: Vec<Whole>,
    renamed: bool,
    tried: Mutex<Tried>,
}

/// A device that is on one side alone: its lines are one edit.
struct Whole {
    /// Its name.
    device: String,
    /// All its edits.
    edits: Vec<usize>,
}

impl<'c, 'a> Causes<'c, 'a> {
    /// Prepares the search for causes of differences between two sides.
    /// `renamed`: devices are called on the after side as they are before it,
    /// which their texts do not know.
    #[must_use]
    pub fn new(
        comparison: &'c Comparison<'c, 'a>,
        counterfactual: &'c dyn Counterfactual,
        renamed: bool,
    ) -> Self {
        let by_line = counterfactual
            .edits()
            .iter()
            .enumerate()
            .map(|(at, edit)| ((edit.side(), edit.source, edit.line), at))
            .collect();
        let mut by_source: FxHashMap<(SideName, SourceId), Vec<usize>> = FxHashMap::default();
        for (at, edit) in counterfactual.edits().iter().enumerate() {
            by_source
                .entry((edit.side(), edit.source))
                .or_default()
                .push(at);
        }
        Self {
            comparison,
            counterfactual,
            by_line,
            whole: whole_devices(comparison, &by_source),
            renamed,
            by_source,
            near: Neighbours::new([comparison.before.snapshot, comparison.after.snapshot]),
            tried: Mutex::default(),
        }
    }

    /// The smallest set of edits whose reversal undoes `impact` on `flow`.
    #[must_use]
    pub fn of(&self, flow: &Flow, judgement: &Judgement, impact: Impact) -> Vec<Cause> {
        let (relevant, deciders) = self.relevant(judgement);
        let crossed = self.crossed(judgement);
        let all = self.candidates(&crossed);
        let hunks = self.hunks(&deciders, &all);
        let probe = probe(judgement);
        let wide = self.scope(flow, &crossed);
        // Of a large network the crossed devices are tried alone first.
        let known = wide.as_ref().map_or_else(
            || {
                let (before, after) = (self.comparison.before, self.comparison.after);
                before.devices.len().max(after.devices.len())
            },
            BTreeSet::len,
        );
        let narrow =
            (!self.renamed && !crossed.is_empty() && crossed.len() < known).then_some(crossed);
        let alone = narrow.and_then(|names| {
            self.within(Some(names), (flow, impact, &probe), |search| {
                let found = search.find(&relevant, &hunks)?;
                search.keeps_way(&found).then_some(found)
            })
        });
        alone
            .or_else(|| {
                self.within(wide, (flow, impact, &probe), |search| {
                    search.find(&relevant, &hunks)
                })
            })
            .map_or_else(|| self.causes(relevant), |found| self.causes(found))
    }

    /// The causes that edits are: a device that is removed or added is one.
    fn causes(&self, mut edits: Vec<usize>) -> Vec<Cause> {
        let mut out = Vec::new();
        for whole in &self.whole {
            let (of_it, rest): (Vec<usize>, Vec<usize>) =
                edits.iter().partition(|at| whole.edits.contains(at));
            edits = rest;
            let named = whole.edits.iter().find(|at| {
                let edit = self.counterfactual.edits().get(**at);
                edit.is_some_and(|e| e.text.contains(whole.device.as_str()))
            });
            let shown = named.or(whole.edits.first());
            let cause = shown.filter(|_| !of_it.is_empty());
            out.extend(cause.and_then(|at| self.cause(*at)).map(|mut cause| {
                let done = match cause.edit {
                    EditKind::Removed => "removed",
                    EditKind::Added => "added",
                };
                cause.context = Some(format!("device {}, {done} as a whole", whole.device));
                cause
            }));
        }
        out.extend(edits.into_iter().filter_map(|at| self.cause(at)));
        out
    }

    /// The edits a hunk, those closest to one of `places` first, then in the
    /// order of `all`.
    fn hunks(&self, places: &BTreeSet<Place>, all: &[usize]) -> Vec<Vec<usize>> {
        let edits = self.counterfactual.edits();
        let ranks: FxHashMap<usize, usize> = all.iter().copied().zip(0..).collect();
        let numbered: Vec<(usize, &Edit)> = edits.iter().enumerate().collect();
        let away = |(_, edit): &(usize, &Edit)| {
            let same = |p: &&Place| p.0 == edit.side() && p.1 == edit.source;
            let lines = places.iter().filter(same).map(|p| p.2.abs_diff(edit.line));
            lines.min().unwrap_or(u32::MAX)
        };
        let mut out: Vec<(u32, usize, Vec<usize>)> = numbered
            .chunk_by(|a, b| a.1.hunk == b.1.hunk)
            .map(|hunk| {
                let nearest = hunk.iter().map(away).min().unwrap_or(u32::MAX);
                let rank = hunk.iter().filter_map(|(at, _)| ranks.get(at)).min();
                let edits = hunk.iter().map(|(at, _)| *at).collect();
                (nearest, rank.copied().unwrap_or(usize::MAX), edits)
            })
            .collect();
        out.sort_by_key(|(nearest, rank, _)| (*nearest, *rank));
        out.into_iter().map(|(_, _, hunk)| hunk).collect()
    }

    /// How many lines the after side has: what a counterfactual costs.
    fn length(&self) -> usize {
        let after = self.comparison.after.snapshot;
        let lines = after.ledgers.iter().map(|l| l.coverage().lines);
        lines.sum::<usize>().max(1)
    }

    /// A search among some of the devices, or all of them.
    fn within(
        &self,
        scope: Option<BTreeSet<String>>,
        (flow, impact, probe): (&Flow, Impact, &[(Family, Product)]),
        look: impl FnOnce(&mut Search<'_, 'c, 'a>) -> Option<Vec<usize>>,
    ) -> Option<Vec<usize>> {
        let full = self.comparison.before;
        let part = scope.as_ref().map(|names| part(full.snapshot, names));
        let after = self.comparison.after.snapshot;
        let side = part
            .as_ref()
            .map(|part| Side::compared(part, after, full.conditions, full.now));
        let (most, least, lines) = TRIALS;
        let length = self.length();
        let left = lines.clamp(least * length, most * length);
        look(&mut Search {
            causes: self,
            before: side.as_ref().unwrap_or(full),
            scope,
            flow,
            impact,
            probe,
            length,
            left,
        })
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
        let (mut before, mut after) = (Met::default(), Met::default());
        for joint in members {
            before.add(&joint.before);
            if !joint.same {
                after.add(&joint.after);
            }
        }
        for (name, side, met) in [
            (SideName::Before, self.comparison.before, before),
            (SideName::After, self.comparison.after, after),
        ] {
            self.stands_on(side, name, &met, &mut out, &mut deciders);
        }
        (out.into_iter().collect(), deciders)
    }

    /// Adds the edits that rules and routes stand on, and where the rules stand.
    fn stands_on(
        &self,
        side: &Side<'_>,
        name: SideName,
        met: &Met,
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
        for &span in &met.routes {
            lines(span, span.line);
        }
        for &(device, rule) in &met.rules {
            let Some(here) = side.devices.get(device) else {
                continue;
            };
            let Some(rule) = rule.get(here.device) else {
                continue;
            };
            if let Some(span) = rule.span {
                lines(span, span.line);
                deciders.insert((name, span.source, span.line));
            }
            for definition in used(here.device, &rule.uses) {
                lines(definition.span, definition.last_line);
            }
        }
    }

    /// Edits that are undone together: those of a device that is on one side
    /// alone, else each for itself.
    fn units(&self, edits: Vec<usize>) -> Vec<Vec<usize>> {
        let of = |at: &usize| self.whole.iter().position(|w| w.edits.contains(at));
        let met: BTreeSet<usize> = edits.iter().filter_map(of).collect();
        let wholes = met.into_iter().filter_map(|at| self.whole.get(at));
        let alone = edits.iter().filter(|at| of(at).is_none());
        wholes
            .map(|whole| whole.edits.clone())
            .chain(alone.map(|at| vec![*at]))
            .collect()
    }

    /// The devices that the packets of a flow cross on either side.
    fn crossed(&self, judgement: &Judgement) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        for joint in &judgement.joints {
            let after = if joint.same {
                self.comparison.before
            } else {
                self.comparison.after
            };
            for (side, outcome) in [
                (self.comparison.before, &joint.before),
                (after, &joint.after),
            ] {
                for crossing in &outcome.crossings {
                    if let Some(here) = side.devices.get(crossing.device)
                        && !out.contains(&here.device.name)
                    {
                        out.insert(here.device.name.clone());
                    }
                }
            }
        }
        out
    }

    /// All edits, those of the crossed devices first.
    fn candidates(&self, crossed: &BTreeSet<String>) -> Vec<usize> {
        let mut out: Vec<usize> = [
            (SideName::Before, self.comparison.before),
            (SideName::After, self.comparison.after),
        ]
        .into_iter()
        .flat_map(|(name, side)| {
            crossed
                .iter()
                .filter_map(|device| side.snapshot.device(device))
                .flat_map(move |device| device.sources.iter().map(move |source| (name, *source)))
        })
        .filter_map(|place| self.by_source.get(&place))
        .flatten()
        .copied()
        .collect();
        out.sort_unstable();
        out.dedup();
        let first: FxHashSet<usize> = out.iter().copied().collect();
        out.extend((0..self.counterfactual.edits().len()).filter(|at| !first.contains(at)));
        out
    }

    /// The devices that can have a say: the one that the flow is judged on,
    /// else those that packets may reach from the crossed ones. `None` for
    /// all.
    fn scope(&self, flow: &Flow, crossed: &BTreeSet<String>) -> Option<BTreeSet<String>> {
        let scope = match &flow.device {
            Some(device) => BTreeSet::from([device.clone()]),
            None if crossed.is_empty() => return None,
            None => self.near.spread(crossed.clone()),
        };
        if self.renamed {
            return None;
        }
        let known = self.comparison.before.devices.len();
        (scope.len() < known.max(self.comparison.after.devices.len())).then_some(scope)
    }

    fn variant(&self, undone: &[usize], scope: Option<&BTreeSet<String>>) -> Option<Arc<Snapshot>> {
        let lock = || self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let trial = (undone.to_vec(), scope.cloned());
        if let Some(known) = lock().known.get(&trial) {
            return known.clone();
        }
        let made = self.counterfactual.without(undone, scope).map(Arc::new);
        let devices = made.as_ref().map_or(0, |s| s.devices.len());
        let mut tried = lock();
        if tried.devices + devices <= KEPT {
            tried.devices += devices;
            tried.known.insert(trial, made.clone());
        }
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
            moved: None,
        })
    }
}

/// The devices that are on one side alone, with their edits. Of devices that
/// stand in one file all have to be.
fn whole_devices(
    comparison: &Comparison<'_, '_>,
    by_source: &FxHashMap<(SideName, SourceId), Vec<usize>>,
) -> Vec<Whole> {
    let mut out = Vec::new();
    for (name, side, other) in [
        (SideName::Before, comparison.before, comparison.after),
        (SideName::After, comparison.after, comparison.before),
    ] {
        let is_alone = |device: &Device| other.snapshot.device(&device.name).is_none();
        for here in side.devices.iter().filter(|d| is_alone(d.device)) {
            let sources = &here.device.sources;
            let shared = side.devices.iter().any(|d| {
                d.device.sources.iter().any(|s| sources.contains(s)) && !is_alone(d.device)
            });
            let edits: Vec<usize> = sources
                .iter()
                .filter_map(|source| by_source.get(&(name, *source)))
                .flatten()
                .copied()
                .collect();
            if !shared && !edits.is_empty() {
                let device = here.device.name.clone();
                out.push(Whole { device, edits });
            }
        }
    }
    out
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

/// A snapshot with some of its devices, without the texts of its files.
fn part(snapshot: &Snapshot, names: &BTreeSet<String>) -> Snapshot {
    Snapshot {
        devices: snapshot
            .devices
            .iter()
            .filter(|d| names.contains(&d.name))
            .cloned()
            .collect(),
        networks: snapshot.networks.clone(),
        links: snapshot.links.clone(),
        ..Snapshot::default()
    }
}

struct Search<'s, 'c, 'a> {
    causes: &'s Causes<'c, 'a>,
    before: &'s Side<'s>,
    scope: Option<BTreeSet<String>>,
    flow: &'s Flow,
    impact: Impact,
    /// Some packets with a difference.
    probe: &'s [(Family, Product)],
    /// What one counterfactual costs, in lines.
    length: usize,
    /// What may be spent yet, in lines.
    left: usize,
}

/// Some packets with a difference: one of each of the first parts. A difference
/// that stays for one of them is not undone, which is known much sooner than
/// for all packets.
fn probe(judgement: &Judgement) -> Vec<(Family, Product)> {
    judgement
        .cells
        .iter()
        .filter(|c| c.difference != Difference::None)
        .take(PROBES)
        .filter_map(|cell| {
            let [a, b, c, d] = cell.product.first()?;
            let sets = [a, b, c, d].map(|value| Arc::new(IntervalSet::single(value)));
            Some((cell.family, Product { sets }))
        })
        .collect()
}

/// True if no packets have a difference.
fn undone_for(judgement: &Judgement) -> bool {
    let mut cells = judgement.cells.iter();
    cells.all(|c| c.difference == Difference::None)
}

impl Search<'_, '_, '_> {
    /// The smallest set of edits that undoes the impact, looked for among the
    /// relevant ones first, then by hunks.
    fn find(&mut self, relevant: &[usize], hunks: &[Vec<usize>]) -> Option<Vec<usize>> {
        let wholes: Vec<Vec<usize>> = self.causes.whole.iter().map(|w| w.edits.clone()).collect();
        if let Some(whole) = wholes.iter().find(|edits| self.restores(edits)) {
            return Some(whole.clone());
        }
        if let Some(one) = self.single(relevant) {
            return Some(one);
        }
        let start = if self.restores(relevant) {
            relevant.to_vec()
        } else if let Some(hunk) = hunks.iter().find(|hunk| self.restores(hunk)) {
            // Lines of one hunk hang together (a block, a value that was
            // replaced). Without the lines around it, one may still do.
            let few = hunk.len() <= SINGLES;
            if let Some(alone) = few.then(|| self.single(hunk)).flatten() {
                return Some(alone);
            }
            hunk.clone()
        } else if self.restores(&hunks.concat()) {
            self.shrink(hunks.to_vec()).concat()
        } else {
            return None;
        };
        let lines = self.causes.units(start);
        let mut found = self.shrink(lines).concat();
        found.sort_unstable();
        Some(found)
    }

    /// What `look` says of the comparison of the before side with the after
    /// side without some edits.
    fn tried(
        &mut self,
        undone: &[usize],
        look: impl FnOnce(&Comparison<'_, '_>, &Judgement) -> bool,
    ) -> bool {
        if undone.is_empty() || self.left == 0 {
            return false;
        }
        self.left = self.left.saturating_sub(self.length);
        let mut undone = undone.to_vec();
        undone.sort_unstable();
        let Some(snapshot) = self.causes.variant(&undone, self.scope.as_ref()) else {
            return false;
        };
        let before = self.before;
        let snapshot = match self.scope {
            // Parts of two networks, in which names tell devices apart.
            Some(_) => Cow::Borrowed(&*snapshot),
            None => crate::pairing::paired(before.snapshot, &snapshot),
        };
        let after = Side::compared(&snapshot, before.snapshot, before.conditions, before.now)
            .numbered_as(self.causes.comparison.after.snapshot)
            .after_the_change();
        let comparison = Comparison::new(before, &after);
        if !self.probe.is_empty()
            && !undone_for(&comparison.judge_packets(self.flow, self.probe.to_vec()))
        {
            return false;
        }
        let judgement = comparison.judge(self.flow);
        let parts = judgement.joints.len() * PART_COST;
        self.left = self.left.saturating_sub(parts);
        look(&comparison, &judgement)
    }

    /// True if undoing these edits undoes the impact.
    fn restores(&mut self, undone: &[usize]) -> bool {
        let (flow, impact) = (self.flow, self.impact);
        self.tried(undone, |comparison, judgement| {
            let same = undone_for(judgement);
            let (before, after) = (comparison.before, comparison.after);
            same && (impact != Impact::Changed
                || crate::change::changes(before, after, flow, judgement).is_empty())
        })
    }

    /// True if with these edits undone all packets go the way that they went
    /// before the change: then devices beside that way have no say.
    fn keeps_way(&mut self, undone: &[usize]) -> bool {
        self.tried(undone, |comparison, judgement| {
            let way = |side: &Side<'_>, outcome: &Outcome| -> Vec<_> {
                outcome
                    .crossings
                    .iter()
                    .map(|c| {
                        let name = side.devices.get(c.device).map(|d| d.device.name.clone());
                        (name, c.ingress.clone(), c.egress.clone(), c.gateway)
                    })
                    .collect()
            };
            judgement.joints.iter().all(|joint| {
                joint.same
                    || way(comparison.before, &joint.before) == way(comparison.after, &joint.after)
            })
        })
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
