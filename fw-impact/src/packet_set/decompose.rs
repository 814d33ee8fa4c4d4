//! First match, for a whole region at once: disjoint pieces, each with the
//! rule that decides it.

use super::compile::Compiled;
use super::condition::{Assumed, ConditionTable, Known, Literal};
use super::local::{Bits, Universe};
use super::product::{REGION_SETS, Region, Set};
use super::term::MarkTest;
use fw_model::evaluate::JUMP_DEPTH;
use fw_model::match_expr::MarkRegister;
use fw_model::{Action, Device, FilterId, PacketEffect, Rule, Translation};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// A rule by place; a `rule` past the last one is the filter's default.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RuleRef {
    /// The filter.
    pub filter: FilterId,
    /// The position of the rule.
    pub rule: u32,
}

impl RuleRef {
    /// The rule itself.
    #[must_use]
    pub fn get(self, device: &Device) -> Option<&Rule> {
        let filter = device.filter(self.filter)?;
        Some(
            filter
                .rules
                .get(self.rule as usize)
                .unwrap_or(&filter.default),
        )
    }
}

/// What becomes of a piece in a stage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It goes on.
    Permit,
    /// It is dropped.
    Deny,
    /// It goes on, translated.
    Translate(Arc<Translation>),
    /// The budget ran out, or lists call each other without end.
    Exhausted,
}

/// Marks and tracking of a packet between stages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Marks {
    /// The packet's mark.
    pub packet: u32,
    /// The connection's mark.
    pub connection: u32,
    /// The connection tracker ignores it.
    pub untracked: bool,
}

/// One piece of a region and what decides it.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The packets and their ways.
    pub region: Region,
    /// What becomes of them.
    pub fate: Fate,
    /// On this branch of undecidable conditions.
    pub assumed: Assumed,
    /// The rules that had a say: jumps and returns, rules with effects, the
    /// decider last.
    pub trail: Vec<RuleRef>,
    /// Marks behind the stage.
    pub marks: Marks,
}

/// How much work is left before an evaluation gives up. One unit is one look
/// at one candidate rule.
#[derive(Clone, Copy, Debug)]
pub struct Budget(pub u64);

impl Default for Budget {
    /// Some seconds of work.
    fn default() -> Self {
        Self(300_000_000)
    }
}

impl Budget {
    fn spend(&mut self, units: usize) -> bool {
        self.0 = self.0.saturating_sub(units as u64 + 1);
        self.0 > 0
    }
}

/// A list with so many rules for some packets is long.
const LONG: usize = 8;

/// So many parts that come back from a list are taken together where they are
/// alike.
const MANY: usize = 4;

/// Where a region starts into a filter.
pub struct Start<'a> {
    /// The packets and their ways.
    pub region: &'a Region,
    /// The filter they meet.
    pub filter: FilterId,
    /// What is assumed already.
    pub assumed: &'a Assumed,
    /// Their marks.
    pub marks: Marks,
    /// Rules that a trail names wherever they had a say.
    pub kept: Option<&'a FxHashSet<RuleRef>>,
}

struct Candidate {
    rows: [u32; REGION_SETS],
    rule: u32,
    clause: Vec<Literal>,
    marks: Vec<MarkTest>,
}

/// A list that is left by a jump, to be gone on with.
struct Frame {
    slot: usize,
    list: Rc<[u32]>,
    at: usize,
    depth: usize,
    up: Option<Rc<Frame>>,
    call: Option<Call>,
}

/// Packets that come back from a long list wait for each other.
struct Call {
    /// The trail up to the jump.
    trail: Option<Rc<Trail>>,
    /// What came back so far.
    returned: RefCell<Vec<Item>>,
}

/// What is to be done.
enum Work {
    /// Take packets to their next decision.
    Step(Item),
    /// Go on behind a jump: all that come back from it are there.
    GoOn(Rc<Frame>),
}

struct Trail {
    rule: RuleRef,
    before: Option<Rc<Trail>>,
}

#[derive(Clone)]
struct Item {
    bits: Bits,
    slot: usize,
    list: Rc<[u32]>,
    at: usize,
    frame: Option<Rc<Frame>>,
    assumed: Assumed,
    marks: Marks,
    trail: Option<Rc<Trail>>,
}

struct Slot<'a> {
    filter: &'a fw_model::Filter,
    id: FilterId,
    list: Rc<[u32]>,
}

struct Run<'a> {
    universe: Universe,
    candidates: Vec<Candidate>,
    slots: Vec<Slot<'a>>,
    slot_of: FxHashMap<FilterId, usize>,
    conditions: &'a ConditionTable,
    kept: Option<&'a FxHashSet<RuleRef>>,
    stack: Vec<Work>,
    out: Vec<Ended>,
}

/// Packets at the end of their way through a filter.
struct Ended {
    bits: Bits,
    fate: Fate,
    assumed: Assumed,
    marks: Marks,
    trail: Option<Rc<Trail>>,
}

/// Splits a region by what a filter of `device` does with it. The pieces are
/// disjoint but for branches of undecidable conditions, and together they are
/// the region. `compiled` gives the compiled form of a filter.
pub fn decompose(
    device: &Device,
    compiled: &mut dyn FnMut(FilterId) -> Option<Arc<Compiled>>,
    conditions: &ConditionTable,
    start: &Start<'_>,
    budget: &mut Budget,
) -> Vec<Decided> {
    let mut run = match gather(device, compiled, conditions, start) {
        Some(run) => run,
        None => {
            return vec![Decided {
                region: start.region.clone(),
                fate: Fate::Permit,
                assumed: start.assumed.clone(),
                trail: Vec::new(),
                marks: start.marks,
            }];
        }
    };
    let list = run
        .slots
        .first()
        .map_or_else(|| Rc::from([]), |s| Rc::clone(&s.list));
    run.stack.push(Work::Step(Item {
        bits: run.universe.everything(),
        slot: 0,
        list,
        at: 0,
        frame: None,
        assumed: start.assumed.clone(),
        marks: start.marks,
        trail: None,
    }));
    while let Some(work) = run.stack.pop() {
        match work {
            Work::Step(item) => run.step(item, budget),
            Work::GoOn(frame) => run.go_on(&frame),
        }
    }
    run.decided()
}

/// Collects the candidate rules of the filter and of all filters it may jump
/// to, and builds the universe that tells them apart.
fn gather<'a>(
    device: &'a Device,
    compiled: &mut dyn FnMut(FilterId) -> Option<Arc<Compiled>>,
    conditions: &'a ConditionTable,
    start: &Start<'a>,
) -> Option<Run<'a>> {
    let mut sets: [Vec<Set>; REGION_SETS] = Default::default();
    let mut ids: [FxHashMap<usize, u32>; REGION_SETS] = Default::default();
    let mut candidates = Vec::new();
    let mut slots: Vec<Slot<'a>> = Vec::new();
    let mut slot_of = FxHashMap::default();
    let mut todo = vec![start.filter];
    while let Some(id) = todo.pop() {
        if slot_of.contains_key(&id) {
            continue;
        }
        let (Some(filter), Some(terms)) = (device.filter(id), compiled(id)) else {
            continue;
        };
        let first = candidates.len() as u32;
        for at in terms.candidates(start.region) {
            let Some(term) = terms.terms.get(at as usize) else {
                continue;
            };
            let mut rows = [0u32; REGION_SETS];
            for ((((row, set), all), ids), sets) in rows
                .iter_mut()
                .zip(term.sets)
                .zip(&terms.sets)
                .zip(&mut ids)
                .zip(&mut sets)
            {
                let Some(set) = all.get(set as usize) else {
                    continue;
                };
                *row = *ids.entry(Arc::as_ptr(set) as usize).or_insert_with(|| {
                    sets.push(Arc::clone(set));
                    sets.len() as u32 - 1
                });
            }
            if let Some(Action::Jump(to) | Action::Goto(to)) =
                filter.rules.get(term.rule as usize).map(|r| &r.action)
            {
                todo.push(*to);
            }
            candidates.push(Candidate {
                rows,
                rule: term.rule,
                clause: term.clause.clone(),
                marks: term.marks.clone(),
            });
        }
        slot_of.insert(id, slots.len());
        slots.push(Slot {
            filter,
            id,
            list: (first..candidates.len() as u32).collect(),
        });
    }
    if slots.is_empty() {
        return None;
    }
    Some(Run {
        universe: Universe::new(start.region, &sets),
        candidates,
        slots,
        slot_of,
        conditions,
        kept: start.kept,
        stack: Vec::new(),
        out: Vec::new(),
    })
}

impl Run<'_> {
    /// Takes an item to its next decision; what is left of it goes back on
    /// the stack.
    fn step(&mut self, mut item: Item, budget: &mut Budget) {
        loop {
            if !budget.spend(1) {
                self.emit(item, Fate::Exhausted);
                return;
            }
            let Some((at, known)) = self.next(&item, budget) else {
                match self.end_of_list(item) {
                    Some(resumed) => item = resumed,
                    None => return,
                }
                continue;
            };
            let number = item.list.get(at).copied().unwrap_or(0);
            item.at = at + 1;
            let Some(candidate) = self.candidates.get(number as usize) else {
                return;
            };
            let (rule_number, rows) = (candidate.rule, candidate.rows);
            let clause = candidate.clause.clone();
            let inner = self.universe.intersect(&item.bits, rows);
            self.leave(&item, &inner, budget);
            if known == Known::Open {
                self.stack.push(Work::Step(Item {
                    bits: inner.clone(),
                    assumed: item.assumed.and_not(&clause),
                    ..item.clone()
                }));
                item.assumed = item.assumed.and(&clause);
            }
            item.bits = inner;
            match self.act(item, rule_number) {
                Some(next) => item = next,
                None => return,
            }
        }
    }

    /// The next candidate of the item's list that may match.
    fn next(&self, item: &Item, budget: &mut Budget) -> Option<(usize, Known)> {
        let rest = item.list.get(item.at..)?;
        for (offset, &number) in rest.iter().enumerate() {
            let candidate = self.candidates.get(number as usize)?;
            if !self.universe.meets(&item.bits, candidate.rows)
                || !candidate.marks.iter().all(|t| carries(item.marks, *t))
            {
                continue;
            }
            match item.assumed.of(&candidate.clause) {
                Known::False => {}
                known => {
                    budget.spend(offset);
                    return Some((item.at + offset, known));
                }
            }
        }
        budget.spend(rest.len());
        None
    }

    /// Puts what a rule does not match back on the stack, each part with the
    /// candidates that it can still meet.
    fn leave(&mut self, item: &Item, inner: &[u64], budget: &mut Budget) {
        let mut parts = Vec::new();
        self.universe
            .outside(&item.bits, inner, |bits| parts.push(bits));
        for bits in parts {
            let rest = item.list.get(item.at..).unwrap_or(&[]);
            budget.spend(rest.len());
            let mut kept: Vec<u32> = Vec::new();
            for &number in rest {
                let Some(candidate) = self.candidates.get(number as usize) else {
                    continue;
                };
                if self.universe.meets(&bits, candidate.rows) {
                    kept.push(number);
                    // Nothing behind an unconditional end can be reached.
                    if candidate.clause.is_empty()
                        && candidate.marks.is_empty()
                        && self.ends(item.slot, candidate.rule)
                        && self.universe.covers(candidate.rows, &bits)
                    {
                        break;
                    }
                }
            }
            let (list, at) = if kept.len() * 4 > rest.len() * 3 && rest.len() > 8 {
                // Hardly shorter: share the list instead of copying it.
                (Rc::clone(&item.list), item.at)
            } else {
                (kept.into(), 0)
            };
            self.stack.push(Work::Step(Item {
                bits,
                list,
                at,
                ..item.clone()
            }));
        }
    }

    fn rule(&self, slot: usize, number: u32) -> Option<&Rule> {
        self.slots.get(slot)?.filter.rules.get(number as usize)
    }

    /// True if nothing behind this rule sees a packet that it matches.
    fn ends(&self, slot: usize, number: u32) -> bool {
        self.rule(slot, number)
            .is_some_and(|rule| !matches!(rule.action, Action::Continue | Action::Jump(_)))
    }

    /// Applies a matching rule; the item if it goes on.
    fn act(&mut self, item: Item, number: u32) -> Option<Item> {
        let slot = self.slots.get(item.slot)?;
        let rule = slot.filter.rules.get(number as usize)?;
        let place = RuleRef {
            filter: slot.id,
            rule: number,
        };
        self.apply(item, rule.clone(), place)
    }

    fn apply(&mut self, mut item: Item, rule: Rule, place: RuleRef) -> Option<Item> {
        for effect in &rule.effects {
            affect(&mut item.marks, effect);
        }
        if !matches!(rule.action, Action::Continue) || !rule.effects.is_empty() {
            item.trail = Some(Rc::new(Trail {
                rule: place,
                before: item.trail.take(),
            }));
        }
        match rule.action {
            Action::Permit => self.emit(item, Fate::Permit),
            Action::Deny | Action::Reject => self.emit(item, Fate::Deny),
            Action::Translate(translation) => self.emit(item, Fate::Translate(translation)),
            Action::Opaque(condition) => {
                let literal = self.conditions.literal(&condition);
                let known = item.assumed.of(&[literal]);
                if known == Known::Open {
                    let denied = Item {
                        assumed: item.assumed.and_not(&[literal]),
                        ..item.clone()
                    };
                    self.emit(denied, Fate::Deny);
                    item.assumed = item.assumed.and(&[literal]);
                }
                let fate = if known == Known::False {
                    Fate::Deny
                } else {
                    Fate::Permit
                };
                self.emit(item, fate);
            }
            Action::Continue => return Some(item),
            Action::Return => {
                item.list = Rc::from([]);
                item.at = 0;
                return Some(item);
            }
            Action::Jump(target) | Action::Goto(target) => {
                let depth = item.frame.as_ref().map_or(0, |f| f.depth) + 1;
                let Some(&slot) = self.slot_of.get(&target) else {
                    // A list that does not exist does nothing.
                    return Some(item);
                };
                if depth > JUMP_DEPTH {
                    self.emit(item, Fate::Exhausted);
                    return None;
                }
                // What follows a `goto` is the end of this list.
                let (list, at) = if matches!(rule.action, Action::Goto(_)) {
                    (Rc::from([]), 0)
                } else {
                    (Rc::clone(&item.list), item.at)
                };
                let called = Rc::clone(&self.slots.get(slot)?.list);
                let frame = Rc::new(Frame {
                    slot: item.slot,
                    list,
                    at,
                    depth,
                    up: item.frame.take(),
                    call: (called.len() >= LONG).then(|| Call {
                        trail: item.trail.clone(),
                        returned: RefCell::default(),
                    }),
                });
                if frame.call.is_some() {
                    self.stack.push(Work::GoOn(Rc::clone(&frame)));
                }
                item.frame = Some(frame);
                item.list = called;
                item.slot = slot;
                item.at = 0;
                return Some(item);
            }
        }
        None
    }

    /// The default of the item's filter; the item if it returns to a caller.
    fn end_of_list(&mut self, mut item: Item) -> Option<Item> {
        let slot = self.slots.get(item.slot)?;
        let place = RuleRef {
            filter: slot.id,
            rule: u32::try_from(slot.filter.rules.len()).unwrap_or(u32::MAX),
        };
        match &slot.filter.default.action {
            Action::Return | Action::Continue | Action::Jump(_) | Action::Goto(_) => {
                match item.frame.take() {
                    Some(frame) => {
                        frame.resume(&mut item);
                        match &frame.call {
                            Some(call) => {
                                call.returned.borrow_mut().push(item);
                                None
                            }
                            None => Some(item),
                        }
                    }
                    None => {
                        self.emit(item, Fate::Permit);
                        None
                    }
                }
            }
            _ => {
                let default = slot.filter.default.clone();
                self.apply(item, default, place)
            }
        }
    }

    fn emit(&mut self, item: Item, fate: Fate) {
        self.out.push(Ended {
            bits: item.bits,
            fate,
            assumed: item.assumed,
            marks: item.marks,
            trail: item.trail,
        });
    }

    /// Takes packets on that came back from a long list.
    fn go_on(&mut self, frame: &Frame) {
        let Some(call) = &frame.call else { return };
        let returned = call.returned.take();
        if returned.len() < MANY {
            self.stack.extend(returned.into_iter().map(Work::Step));
            return;
        }
        // Which of the rules of the list let packets through that do not
        // differ any more is not told.
        let mut alike: FxHashMap<(Assumed, Marks, Vec<RuleRef>), Vec<Item>> = FxHashMap::default();
        let mut order = Vec::new();
        for item in returned {
            let kept = self.kept_since(item.trail.as_ref(), call.trail.as_ref());
            let key = (item.assumed.clone(), item.marks, kept);
            let group = alike.entry(key.clone()).or_default();
            if group.is_empty() {
                order.push(key);
            }
            group.push(item);
        }
        for key in order {
            let Some(items) = alike.remove(&key) else {
                continue;
            };
            let Some(first) = items.first().cloned() else {
                continue;
            };
            if items.len() < MANY {
                self.stack.extend(items.into_iter().map(Work::Step));
                continue;
            }
            let trail = key.2.into_iter().fold(call.trail.clone(), |before, rule| {
                Some(Rc::new(Trail { rule, before }))
            });
            let pieces = items.into_iter().map(|item| item.bits).collect();
            for bits in self.universe.join(pieces) {
                self.stack.push(Work::Step(Item {
                    bits,
                    trail: trail.clone(),
                    ..first.clone()
                }));
            }
        }
    }

    /// The rules of a trail behind `start` that are to be kept, in order.
    fn kept_since(&self, trail: Option<&Rc<Trail>>, start: Option<&Rc<Trail>>) -> Vec<RuleRef> {
        let mut out: Vec<RuleRef> = rules(trail)
            .take_while(|node| start.is_none_or(|start| !std::ptr::eq(*node, &**start)))
            .map(|node| node.rule)
            .filter(|rule| self.kept.is_some_and(|kept| kept.contains(rule)))
            .collect();
        out.reverse();
        out
    }

    /// What became of all packets. Parts of which the same is to be said are
    /// joined.
    fn decided(self) -> Vec<Decided> {
        let Self { universe, out, .. } = self;
        let few = out.len() < MANY;
        let mut alike: FxHashMap<(Vec<RuleRef>, Assumed, Marks), usize> = FxHashMap::default();
        let mut groups: Vec<(Decided, Vec<Bits>)> = Vec::new();
        for one in out {
            let mut trail: Vec<RuleRef> = rules(one.trail.as_ref()).map(|node| node.rule).collect();
            trail.reverse();
            let key = (trail, one.assumed, one.marks);
            let known = alike.get(&key).and_then(|&at| groups.get_mut(at));
            if let Some((decided, pieces)) = known
                && decided.fate == one.fate
                && !few
            {
                pieces.push(one.bits);
                continue;
            }
            let decided = Decided {
                region: universe.region(&one.bits),
                fate: one.fate,
                assumed: key.1.clone(),
                trail: key.0.clone(),
                marks: key.2,
            };
            alike.insert(key, groups.len());
            groups.push((decided, vec![one.bits]));
        }
        let mut out = Vec::with_capacity(groups.len());
        for (decided, pieces) in groups {
            for bits in universe.join(pieces) {
                out.push(Decided {
                    region: universe.region(&bits),
                    ..decided.clone()
                });
            }
        }
        out
    }
}

impl Frame {
    /// Puts packets to where the list goes on.
    fn resume(&self, item: &mut Item) {
        item.slot = self.slot;
        item.list = Rc::clone(&self.list);
        item.at = self.at;
        item.frame.clone_from(&self.up);
    }
}

/// The rules of a trail, the last one first.
fn rules(trail: Option<&Rc<Trail>>) -> impl Iterator<Item = &Trail> {
    std::iter::successors(trail.map(|t| &**t), |node| node.before.as_deref())
}

fn carries(marks: Marks, test: MarkTest) -> bool {
    let mark = match test.register {
        MarkRegister::Packet => marks.packet,
        MarkRegister::Connection => marks.connection,
    };
    (mark & test.mask == test.value) == test.equal
}

fn affect(marks: &mut Marks, effect: &PacketEffect) {
    let read = |marks: &Marks, register: MarkRegister| match register {
        MarkRegister::Packet => marks.packet,
        MarkRegister::Connection => marks.connection,
    };
    let (register, value) = match *effect {
        PacketEffect::SetMark {
            register,
            mask,
            value,
        } => (register, (read(marks, register) & !mask) ^ value),
        PacketEffect::CopyMark { from, to, mask } => {
            (to, (read(marks, to) & !mask) ^ (read(marks, from) & mask))
        }
        PacketEffect::NoTrack => {
            marks.untracked = true;
            return;
        }
    };
    match register {
        MarkRegister::Packet => marks.packet = value,
        MarkRegister::Connection => marks.connection = value,
    }
}
