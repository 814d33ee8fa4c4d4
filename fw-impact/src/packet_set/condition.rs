//! Conditions that cannot be decided, as boolean variables.
//!
//! The same condition is the same variable on both sides of a comparison and
//! at every place, so what does not depend on it is decided exactly.

use super::product::Set;
use fw_model::{Condition, ConditionKind, IntervalSet};
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A condition (`variable << 1`) or its opposite (`| 1`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Literal(u32);

impl Literal {
    /// The opposite.
    #[must_use]
    pub const fn negate(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// The variable.
    #[must_use]
    pub const fn variable(self) -> u32 {
        self.0 >> 1
    }

    /// True for a condition, false for its opposite.
    #[must_use]
    pub const fn holds(self) -> bool {
        self.0 & 1 == 0
    }
}

/// Literals that hold together; sorted, no duplicates.
pub type Clause = Vec<Literal>;

/// Gives conditions their variables: equal keys, equal variables.
#[derive(Default, Debug)]
pub struct ConditionTable {
    inner: Mutex<Inner>,
}

#[derive(Default, Debug)]
struct Inner {
    by_key: FxHashMap<String, u32>,
    conditions: Vec<Arc<Condition>>,
    /// Of conditions that say that a choice falls into a set: the name of the
    /// choice, the end that it is of, and the set.
    choices: FxHashMap<u32, Chosen>,
    by_choice: FxHashMap<(Arc<str>, Set), Literal>,
}

#[derive(Debug)]
struct Chosen {
    name: Arc<str>,
    end: Option<End>,
    set: Set,
}

/// An end of the way through a device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// The interface by which packets come in.
    Ingress,
    /// The interface by which they leave.
    Egress,
}

impl End {
    /// Where the end stands among the ways of a region.
    #[must_use]
    pub const fn position(self) -> usize {
        match self {
            Self::Ingress => 0,
            Self::Egress => 1,
        }
    }
}

/// The interfaces of a device by number: a name's number is its position, the
/// same on both sides of a comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interfaces {
    device: String,
    names: Vec<Arc<str>>,
    choices: [Arc<str>; 2],
}

impl Interfaces {
    /// The interfaces of `device`: the names of either side, in any order.
    #[must_use]
    pub fn new(device: &str, mut names: Vec<Arc<str>>) -> Self {
        names.sort();
        names.dedup();
        Self {
            device: device.to_owned(),
            names,
            choices: [
                format!("ingress of {device}").into(),
                format!("egress of {device}").into(),
            ],
        }
    }

    /// Numbers more names, after those that have numbers.
    pub fn add(&mut self, mut names: Vec<Arc<str>>) {
        names.sort();
        names.dedup();
        names.retain(|name| !self.names.contains(name));
        self.names.extend(names);
    }

    /// The number of a name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u128> {
        self.names
            .iter()
            .position(|n| **n == *name)
            .map(|n| n as u128)
    }

    /// The numbers of the names that `wanted` takes.
    #[must_use]
    pub fn numbers(&self, wanted: impl Fn(&str) -> bool) -> IntervalSet {
        (0u128..)
            .zip(&self.names)
            .filter(|(_, name)| wanted(name))
            .map(|(number, _)| (number, number))
            .collect()
    }

    /// The names of numbers.
    pub fn members<'s>(&'s self, numbers: &'s IntervalSet) -> impl Iterator<Item = &'s Arc<str>> {
        (0u128..)
            .zip(&self.names)
            .filter(|(number, _)| numbers.contains(*number))
            .map(|(_, name)| name)
    }

    /// Some interfaces in words: all of a few, else the first ones and how
    /// many others.
    #[must_use]
    pub fn words(&self, numbers: &IntervalSet) -> String {
        const SHOWN: usize = 3;
        let names: Vec<&str> = self.members(numbers).map(|n| &**n).collect();
        match names.as_slice() {
            [] => "no interface".into(),
            _ if names.len() == self.names.len() && names.len() > SHOWN => "any interface".into(),
            [only] => (*only).to_owned(),
            [first @ .., last] if names.len() <= SHOWN => {
                format!("{} or {last}", first.join(", "))
            }
            _ => {
                let shown = names.get(..SHOWN).unwrap_or(&names).join(", ");
                let more = names.len() - SHOWN;
                let others = if more == 1 { "other" } else { "others" };
                format!("{shown} or {more} {others}")
            }
        }
    }
}

/// Something that a device chooses, or that the snapshot leaves open, and that
/// is the same wherever it is asked for.
#[derive(Clone, Debug)]
pub enum Choice {
    /// An address or a port of a pool, by the name of the translation.
    Value(Arc<str>),
    /// The interface by which packets come in or leave, by number.
    Way(End, Arc<Interfaces>),
}

impl Choice {
    const fn end(&self) -> Option<End> {
        match self {
            Self::Value(_) => None,
            Self::Way(end, _) => Some(*end),
        }
    }

    fn name(&self) -> &Arc<str> {
        match self {
            Self::Value(name) => name,
            Self::Way(end, of) => {
                let [ingress, egress] = &of.choices;
                match end {
                    End::Ingress => ingress,
                    End::Egress => egress,
                }
            }
        }
    }
}

impl ConditionTable {
    /// The literal that says that `condition` holds.
    #[must_use]
    pub fn literal(&self, condition: &Arc<Condition>) -> Literal {
        let mut inner = self.lock();
        if let Some(&variable) = inner.by_key.get(&condition.key) {
            return Literal(variable << 1);
        }
        let variable = u32::try_from(inner.conditions.len()).unwrap_or(u32::MAX >> 1);
        inner.by_key.insert(condition.key.clone(), variable);
        inner.conditions.push(Arc::clone(condition));
        Literal(variable << 1)
    }

    /// The literal that says that a choice falls into `set`.
    #[must_use]
    pub fn choice(&self, choice: &Choice, set: &Set) -> Literal {
        let name = choice.name();
        let place = (Arc::clone(name), Arc::clone(set));
        if let Some(&known) = self.lock().by_choice.get(&place) {
            return known;
        }
        let (key, kind, text) = match choice {
            Choice::Value(name) => (
                format!("choice of {name}: {:?}", set.ranges()),
                ConditionKind::Environment,
                format!("which address or port {name} chooses"),
            ),
            Choice::Way(end, of) => {
                let words = of.words(set);
                let text = match end {
                    End::Ingress => format!("these packets enter {} by {words}", of.device),
                    End::Egress => format!("{} sends these packets out of {words}", of.device),
                };
                let names: Vec<&str> = of.members(set).map(|n| &**n).collect();
                let key = format!("{name}: {}", names.join(" "));
                (key, ConditionKind::Path, text)
            }
        };
        let literal = self.literal(&Arc::new(Condition {
            key,
            kind,
            text,
            span: None,
        }));
        let mut inner = self.lock();
        let chosen = Chosen {
            name: Arc::clone(name),
            end: choice.end(),
            set: Arc::clone(set),
        };
        inner.choices.insert(literal.variable(), chosen);
        inner.by_choice.insert(place, literal);
        literal
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is assumed already of a choice: a part of `set`, and the literal
    /// that says so.
    #[must_use]
    pub fn chosen(&self, choice: &Choice, set: &Set, assumed: &Assumed) -> (Set, Option<Literal>) {
        let mut out = (Arc::clone(set), None);
        if assumed.yes.is_empty() {
            return out;
        }
        let inner = self.lock();
        if inner.choices.is_empty() {
            return out;
        }
        let name = choice.name();
        for literal in assumed.yes.iter().filter(|l| l.holds()) {
            if let Some(chosen) = inner.choices.get(&literal.variable())
                && chosen.name == *name
                && let Some(both) = super::product::intersect(&out.0, &chosen.set)
            {
                out = (both, Some(*literal));
            }
        }
        out
    }

    /// The interfaces that a variable says packets come in or leave by; `None`
    /// if it is about something else.
    #[must_use]
    pub fn way_of(&self, variable: u32) -> Option<(End, Set)> {
        let inner = self.lock();
        let chosen = inner.choices.get(&variable)?;
        Some((chosen.end?, Arc::clone(&chosen.set)))
    }

    /// The condition of a variable.
    #[must_use]
    pub fn condition(&self, variable: u32) -> Option<Arc<Condition>> {
        let inner = self.lock();
        inner.conditions.get(variable as usize).cloned()
    }
}

/// What is assumed of conditions on one branch of an evaluation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Assumed {
    /// These hold; sorted.
    yes: Vec<Literal>,
    /// Of each of these, at least one literal does not hold.
    no: Vec<Clause>,
}

/// What is known of a clause under assumptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It may hold.
    Open,
}

impl Assumed {
    /// True if nothing is assumed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.yes.is_empty() && self.no.is_empty()
    }

    /// What the assumptions say of a clause.
    #[must_use]
    pub fn of(&self, clause: &[Literal]) -> Known {
        if clause.iter().all(|l| self.yes.binary_search(l).is_ok()) {
            return Known::True;
        }
        let refuted = clause
            .iter()
            .any(|l| self.yes.binary_search(&l.negate()).is_ok())
            || self.no.iter().any(|c| {
                c.iter()
                    .all(|l| clause.contains(l) || self.yes.binary_search(l).is_ok())
            });
        if refuted { Known::False } else { Known::Open }
    }

    /// These assumptions, and that `clause` holds.
    #[must_use]
    pub fn and(&self, clause: &[Literal]) -> Self {
        let mut out = self.clone();
        for literal in clause {
            if let Err(at) = out.yes.binary_search(literal) {
                out.yes.insert(at, *literal);
            }
        }
        out
    }

    /// These assumptions without a literal.
    #[must_use]
    pub fn without(mut self, literal: Literal) -> Self {
        if let Ok(at) = self.yes.binary_search(&literal) {
            self.yes.remove(at);
        }
        self
    }

    /// These assumptions, and that `clause` does not hold.
    #[must_use]
    pub fn and_not(&self, clause: &[Literal]) -> Self {
        let open: Clause = clause
            .iter()
            .copied()
            .filter(|l| self.yes.binary_search(l).is_err())
            .collect();
        if let [only] = open.as_slice() {
            return self.and(&[only.negate()]);
        }
        let mut out = self.clone();
        if !out.no.contains(&open) {
            out.no.push(open);
            out.no.sort_unstable();
        }
        out
    }

    /// What either of them assumes.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        if other.is_empty() || self == other {
            return self.clone();
        }
        let mut out = self.and(&other.yes);
        for clause in &other.no {
            if !out.no.contains(clause) {
                out.no.push(clause.clone());
            }
        }
        out.no.sort_unstable();
        out
    }

    /// All variables that are assumed something of.
    pub fn variables(&self) -> impl Iterator<Item = u32> + '_ {
        self.yes
            .iter()
            .chain(self.no.iter().flatten())
            .map(|l| l.variable())
    }

    /// The variables that are assumed to be true or false.
    pub fn values(&self) -> impl Iterator<Item = (u32, bool)> + '_ {
        self.yes.iter().map(|l| (l.variable(), l.holds()))
    }

    /// True if the assumptions are true when exactly the conditions hold that
    /// `truth` says.
    #[must_use]
    pub fn satisfied(&self, truth: &dyn Fn(u32) -> bool) -> bool {
        let true_literal = |l: &Literal| truth(l.variable()) == l.holds();
        self.yes.iter().all(true_literal) && self.no.iter().all(|c| !c.iter().all(true_literal))
    }

    /// True if `literal` is assumed to hold.
    #[must_use]
    pub fn holds(&self, literal: Literal) -> bool {
        self.yes.binary_search(&literal).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assumptions() {
        let (a, b) = (Literal(0), Literal(2));
        let none = Assumed::default();
        assert_eq!(none.of(&[a]), Known::Open);
        assert_eq!(none.and(&[a]).of(&[a]), Known::True);
        assert_eq!(none.and(&[a]).of(&[a.negate()]), Known::False);
        let not_both = none.and_not(&[a, b]);
        assert_eq!(not_both.of(&[a, b]), Known::False);
        assert_eq!(not_both.of(&[a]), Known::Open);
        assert_eq!(not_both.and(&[a]).of(&[b]), Known::False);
        assert_eq!(
            none.and(&[a]).and_not(&[a, b]),
            none.and(&[a]).and(&[b.negate()])
        );
    }
}
