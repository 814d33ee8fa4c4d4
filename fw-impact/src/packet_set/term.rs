//! Rule conditions as unions of products with conditions.

use super::compile::{Context, Via};
use super::condition::{Clause, ConditionTable, End, Interfaces};
use super::original::Original;
use super::product::{DIMS, Dim, REGION_SETS, Set};
use fw_model::evaluate::open_condition;
use fw_model::match_expr::MarkRegister;
use fw_model::packet::ConnectionState;
use fw_model::service::TCP;
use fw_model::{
    AddressSet, Condition, ConditionKind, Device, Dimension, Family, InterfaceSet, IntervalSet,
    MatchExpr, ServiceSet,
};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// More terms than this for one rule and the rule becomes a condition that is
/// not decided.
const TERM_LIMIT: usize = 1 << 16;

/// A region with conditions; `None` is every value of the dimension.
#[derive(Clone, Debug, Default)]
pub struct Term {
    /// One set a dimension, in the order of [`super::product::Region::sets`].
    pub sets: [Option<Set>; REGION_SETS],
    /// Conditions that must hold too.
    pub clause: Clause,
    /// Marks that the packet must carry.
    pub marks: Vec<MarkTest>,
}

/// A test of a mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MarkTest {
    /// Which mark.
    pub register: MarkRegister,
    /// The bits that are looked at.
    pub mask: u32,
    /// Their values.
    pub value: u32,
    /// True if they must have these values, false if they must not.
    pub equal: bool,
}

/// One shared copy of every set, so that equal sets are the same pointer.
#[derive(Default)]
pub struct SetPool {
    by_value: FxHashMap<IntervalSet, Set>,
    by_group: FxHashMap<(usize, Family), Set>,
    groups: Vec<Arc<AddressSet>>,
}

impl SetPool {
    /// The shared copy of `set`.
    pub fn share(&mut self, set: IntervalSet) -> Set {
        if let Some(shared) = self.by_value.get(&set) {
            return Arc::clone(shared);
        }
        let shared: Set = Arc::new(set.clone());
        self.by_value.insert(set, Arc::clone(&shared));
        shared
    }

    /// The shared copy of the members that `group` has in `family`.
    fn group(&mut self, group: &Arc<AddressSet>, family: Family) -> Set {
        let key = (Arc::as_ptr(group) as usize, family);
        if let Some(shared) = self.by_group.get(&key) {
            return Arc::clone(shared);
        }
        let shared = self.share(group.family(family).clone());
        self.by_group.insert(key, Arc::clone(&shared));
        // Keeps the pointer from being used again for another group.
        self.groups.push(Arc::clone(group));
        shared
    }
}

/// What an expression is translated in.
pub struct Translator<'a> {
    /// The device whose rule it is.
    pub device: &'a Device,
    /// The packet's context.
    pub context: &'a Context,
    /// The device's interfaces by number.
    pub interfaces: &'a Interfaces,
    /// Variables of conditions.
    pub conditions: &'a ConditionTable,
    /// Shared sets.
    pub pool: &'a mut SetPool,
    /// How to read conditions on anything but the four dimensions.
    pub reading: Reading,
}

/// How to read conditions on anything but the four dimensions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// As the context says.
    Exact,
    /// As if they held: the terms are then more than the expression. `true`
    /// once such a condition was met.
    Generous(bool),
}

impl Translator<'_> {
    /// The terms whose union is `expr`. No terms: it never matches.
    pub fn terms(&mut self, expr: &MatchExpr) -> Vec<Term> {
        let mut out = Vec::new();
        if self.add(expr, false, &mut out).is_none() {
            let condition = Arc::new(Condition {
                key: format!("too large: {expr:?}"),
                kind: ConditionKind::Environment,
                text: "the condition has too many alternatives".into(),
                span: None,
            });
            return vec![Term {
                clause: vec![self.conditions.literal(&condition)],
                ..Term::default()
            }];
        }
        out
    }

    /// Appends the terms of `expr` (of its opposite if `negated`); `None` if
    /// there are too many.
    fn add(&mut self, expr: &MatchExpr, negated: bool, out: &mut Vec<Term>) -> Option<()> {
        if self.reading != Reading::Exact
            && !matches!(
                expr,
                MatchExpr::Always
                    | MatchExpr::Never
                    | MatchExpr::All(_)
                    | MatchExpr::Any(_)
                    | MatchExpr::Not(_)
                    | MatchExpr::Source(_)
                    | MatchExpr::Destination(_)
                    | MatchExpr::Service(_)
                    | MatchExpr::Family(_)
                    | MatchExpr::Ingress(_)
                    | MatchExpr::Egress(_)
            )
        {
            self.reading = Reading::Generous(true);
            out.push(Term::default());
            return Some(());
        }
        if let Some(condition) = open_condition(
            expr,
            self.device,
            self.context.application.as_deref(),
            self.context.user.as_ref().map(Option::as_deref),
            self.context.local,
        ) {
            let literal = self.conditions.literal(&self.placed(&condition));
            let literal = if negated { literal.negate() } else { literal };
            out.push(Term {
                clause: vec![literal],
                ..Term::default()
            });
            return Some(());
        }
        match (expr, negated) {
            (MatchExpr::Always, false) | (MatchExpr::Never, true) => out.push(Term::default()),
            (MatchExpr::Never, false) | (MatchExpr::Always, true) => {}
            (MatchExpr::All(parts), false) | (MatchExpr::Any(parts), true) => {
                self.add_all(parts, negated, out)?;
            }
            (MatchExpr::Any(parts), false) | (MatchExpr::All(parts), true) => {
                for part in parts {
                    self.add(part, negated, out)?;
                }
            }
            (MatchExpr::Not(part), _) => self.add(part, !negated, out)?,
            (MatchExpr::Source(set), _) => self.add_address(Dim::Source, set, negated, out),
            (MatchExpr::Destination(set), _) => {
                self.add_address(Dim::Destination, set, negated, out);
            }
            (MatchExpr::Service(set), false) => self.add_service(set, out),
            (MatchExpr::Service(set), true) => self.add_service(&set.complement(), out),
            (MatchExpr::DefaultPort(ports), _) => {
                let named = self.context.application.as_deref();
                match (named.and_then(|name| ports.0.get(name)), negated) {
                    (Some(set), false) => self.add_service(set, out),
                    (Some(set), true) => self.add_service(&set.complement(), out),
                    (None, false) => {}
                    (None, true) => out.push(Term::default()),
                }
            }
            (MatchExpr::Ingress(set), _) => self.add_way(End::Ingress, set, negated, out),
            (MatchExpr::Egress(set), _) => self.add_way(End::Egress, set, negated, out),
            (MatchExpr::TcpFlags { mask, value }, _) => {
                let tcp = ServiceSet::protocol(TCP);
                let equal = self.context.tcp_flags & mask == *value;
                match (equal, negated) {
                    (true, false) => self.add_service(&tcp, out),
                    (true, true) => self.add_service(&tcp.complement(), out),
                    (false, false) => {}
                    (false, true) => out.push(Term::default()),
                }
            }
            (
                MatchExpr::Mark {
                    register,
                    mask,
                    value,
                },
                _,
            ) => out.push(Term {
                marks: vec![MarkTest {
                    register: *register,
                    mask: *mask,
                    value: *value,
                    equal: !negated,
                }],
                ..Term::default()
            }),
            (MatchExpr::Original(part), _) => {
                let mut context = self.context.clone();
                if context.origin.is_some() {
                    context.of_origin = true;
                    context.local = None;
                    context.moved = false;
                }
                Translator {
                    device: self.device,
                    context: &context,
                    interfaces: self.interfaces,
                    conditions: self.conditions,
                    pool: self.pool,
                    reading: self.reading,
                }
                .add(part, negated, out)?;
            }
            (MatchExpr::Local(dimension), _) if self.context.local == Some(*dimension) => {
                if !negated {
                    out.push(Term::default());
                }
            }
            (MatchExpr::Local(dimension), _) => {
                let own = Arc::new(self.device.own_addresses());
                let dim = match dimension {
                    Dimension::Source => Dim::Source,
                    Dimension::Destination => Dim::Destination,
                };
                self.add_address(dim, &own, negated, out);
            }
            (other, _) => {
                if self.constant(other) != negated {
                    out.push(Term::default());
                }
            }
        }
        (out.len() <= TERM_LIMIT).then_some(())
    }

    /// Conditions on the context alone.
    fn constant(&self, expr: &MatchExpr) -> bool {
        let context = self.context;
        match expr {
            MatchExpr::Family(family) => *family == context.family,
            MatchExpr::State(set) => set.contains(if context.untracked {
                ConnectionState::Untracked
            } else {
                context.state
            }),
            MatchExpr::Translated(dimension, names) => {
                let (by, moved) = match dimension {
                    Dimension::Source => (&context.source_by, context.source_moved),
                    Dimension::Destination => (&context.destination_by, context.destination_moved),
                };
                by.as_ref().is_some_and(|by| {
                    names
                        .as_ref()
                        .map_or(moved, |n| n.iter().any(|x| **x == **by))
                })
            }
            MatchExpr::Application(names) => context
                .application
                .as_deref()
                .is_some_and(|a| names.iter().any(|n| n == a)),
            MatchExpr::User(names) => match &context.user {
                Some(Some(user)) => names.is_empty() || names.iter().any(|n| **n == **user),
                Some(None) | None => false,
            },
            MatchExpr::Schedule(schedule) => schedule.active(context.now),
            _ => false,
        }
    }

    /// A condition looks at the packet as it is: after a translation it is
    /// another condition than before.
    fn placed(&self, condition: &Arc<Condition>) -> Arc<Condition> {
        if !self.context.moved {
            return Arc::clone(condition);
        }
        Arc::new(Condition {
            key: format!("translated: {}", condition.key),
            ..(**condition).clone()
        })
    }

    /// A condition on a field of the first packet of the connection.
    fn origin_term(&mut self, origin: Original, dim: Dim, set: &IntervalSet) -> Option<Term> {
        match origin {
            Original::Value(value) => set.contains(value).then(Term::default),
            Original::Seen(seen, shift) => {
                let family = self.context.family;
                let max = seen.max(family).max(dim.max(family));
                let moved = shift
                    .apply(&Arc::new(set.clone()), max)
                    .intersect(&IntervalSet::range(0, seen.max(family)));
                let mut term = Term::default();
                let some = !moved.is_empty();
                put(&mut term.sets, seen, self.pool.share(moved));
                some.then_some(term)
            }
        }
    }

    fn add_way(&mut self, end: End, set: &InterfaceSet, negated: bool, out: &mut Vec<Term>) {
        // A reply comes in where the packet that it answers left.
        let turned = self.context.of_origin
            && self
                .context
                .origin
                .as_ref()
                .is_some_and(|origin| origin.reply);
        let end = match (end, turned) {
            (End::Ingress, false) | (End::Egress, true) => End::Ingress,
            (End::Egress, false) | (End::Ingress, true) => End::Egress,
        };
        let via = match end {
            End::Ingress => &self.context.ingress,
            End::Egress => &self.context.egress,
        };
        let holds = match via {
            Via::Itself => false,
            Via::Interface(name) => set.contains(name),
            Via::Open => {
                let members = self
                    .interfaces
                    .numbers(|name| set.contains(name) != negated);
                if !members.is_empty() {
                    let mut term = Term::default();
                    let at = DIMS.len() + end.position();
                    if let Some(slot) = term.sets.get_mut(at) {
                        *slot = Some(self.pool.share(members));
                    }
                    out.push(term);
                }
                return;
            }
        };
        if holds != negated {
            out.push(Term::default());
        }
    }

    fn add_address(&mut self, dim: Dim, set: &Arc<AddressSet>, negated: bool, out: &mut Vec<Term>) {
        let family = self.context.family;
        if let (true, Some(origin)) = (self.context.of_origin, self.context.origin.clone()) {
            let set = if negated {
                set.family(family).complement(family.max())
            } else {
                set.family(family).clone()
            };
            out.extend(self.origin_term(origin.of(dim), dim, &set));
            return;
        }
        let shared = if negated {
            self.pool.share(set.family(family).complement(family.max()))
        } else {
            self.pool.group(set, family)
        };
        if shared.is_empty() {
            return;
        }
        let mut term = Term::default();
        put(&mut term.sets, dim, shared);
        out.push(term);
    }

    fn add_service(&mut self, set: &ServiceSet, out: &mut Vec<Term>) {
        if let (true, Some(origin)) = (self.context.of_origin, self.context.origin.clone()) {
            for part in set.terms() {
                let service =
                    self.origin_term(origin.of(Dim::Service), Dim::Service, &part.service);
                let ports = self.origin_term(
                    origin.of(Dim::SourcePort),
                    Dim::SourcePort,
                    &part.source_ports,
                );
                if let (Some(mut term), Some(ports)) = (service, ports)
                    && join(self.pool, &mut term, &ports)
                {
                    out.push(term);
                }
            }
            return;
        }
        for part in set.terms() {
            let mut term = Term::default();
            put(
                &mut term.sets,
                Dim::Service,
                self.pool.share(part.service.clone()),
            );
            put(
                &mut term.sets,
                Dim::SourcePort,
                self.pool.share(part.source_ports.clone()),
            );
            out.push(term);
        }
    }

    /// The terms of a conjunction: the pairwise intersections of its parts'.
    fn add_all(&mut self, parts: &[MatchExpr], negated: bool, out: &mut Vec<Term>) -> Option<()> {
        let mut all = vec![Term::default()];
        for part in parts {
            let mut terms = Vec::new();
            self.add(part, negated, &mut terms)?;
            if let ([only], [mine]) = (terms.as_slice(), all.as_mut_slice()) {
                // The usual case: plain fields, each once.
                if join(self.pool, mine, only) {
                    continue;
                }
                return Some(());
            }
            if all.len().saturating_mul(terms.len()) > TERM_LIMIT {
                return None;
            }
            let mut next = Vec::with_capacity(all.len() * terms.len());
            for mine in &all {
                for theirs in &terms {
                    let mut both = mine.clone();
                    if join(self.pool, &mut both, theirs) {
                        next.push(both);
                    }
                }
            }
            if next.is_empty() {
                return Some(());
            }
            all = next;
        }
        out.append(&mut all);
        Some(())
    }
}

fn put(sets: &mut [Option<Set>; REGION_SETS], dim: Dim, set: Set) {
    for (slot, d) in sets.iter_mut().zip(DIMS) {
        if d == dim {
            *slot = Some(set);
            return;
        }
    }
}

/// Narrows `mine` to what `theirs` allows too; false if nothing is left.
fn join(pool: &mut SetPool, mine: &mut Term, theirs: &Term) -> bool {
    for (a, b) in mine.sets.iter_mut().zip(&theirs.sets) {
        match (a.as_ref(), b) {
            (_, None) => {}
            (None, Some(b)) => *a = Some(Arc::clone(b)),
            (Some(x), Some(b)) => {
                if !Arc::ptr_eq(x, b) {
                    let both = x.intersect(b);
                    if both.is_empty() {
                        return false;
                    }
                    *a = Some(pool.share(both));
                }
            }
        }
    }
    for literal in &theirs.clause {
        if mine.clause.contains(&literal.negate()) {
            return false;
        }
        if !mine.clause.contains(literal) {
            mine.clause.push(*literal);
            mine.clause.sort_unstable();
        }
    }
    mine.marks.extend_from_slice(&theirs.marks);
    true
}
