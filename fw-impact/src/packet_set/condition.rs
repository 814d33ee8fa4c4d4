//! Conditions that cannot be decided, as boolean variables.
//!
//! The same condition is the same variable on both sides of a comparison and
//! at every place, so what does not depend on it is decided exactly.

use super::product::Set;
use fw_model::Condition;
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// Of conditions that are a device's choice: whose, and among what.
    choices: FxHashMap<u32, (Arc<str>, Set)>,
    /// Of conditions that are a way through a device: which end of which
    /// device, and the interface.
    ways: FxHashMap<u32, (End, String, Arc<str>)>,
}

/// An end of the way through a device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// The interface by which packets come in.
    Ingress,
    /// The interface by which they leave.
    Egress,
}

impl ConditionTable {
    /// The literal that says that `condition` holds.
    #[must_use]
    pub fn literal(&self, condition: &Arc<Condition>) -> Literal {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&variable) = inner.by_key.get(&condition.key) {
            return Literal(variable << 1);
        }
        let variable = u32::try_from(inner.conditions.len()).unwrap_or(u32::MAX >> 1);
        inner.by_key.insert(condition.key.clone(), variable);
        inner.conditions.push(Arc::clone(condition));
        Literal(variable << 1)
    }

    /// The literal that says that the choice `name` falls into `set`.
    #[must_use]
    pub fn choice(&self, name: &Arc<str>, set: &Set) -> Literal {
        let literal = self.literal(&Arc::new(Condition {
            key: format!("choice of {name}: {:?}", set.ranges()),
            kind: fw_model::ConditionKind::Environment,
            text: format!("which address or port {name} chooses"),
            span: None,
        }));
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner
            .choices
            .entry(literal.variable())
            .or_insert_with(|| (Arc::clone(name), Arc::clone(set)));
        literal
    }

    /// The literal that says that packets use this interface at this end.
    #[must_use]
    pub fn way(&self, end: End, device: &str, interface: &Arc<str>) -> Literal {
        let text = match end {
            End::Ingress => format!("these packets enter {device} by {interface}"),
            End::Egress => format!("{device} sends these packets out of {interface}"),
        };
        let literal = self.literal(&Arc::new(Condition {
            key: text.clone(),
            kind: fw_model::ConditionKind::Path,
            text,
            span: None,
        }));
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner
            .ways
            .entry(literal.variable())
            .or_insert_with(|| (end, device.to_owned(), Arc::clone(interface)));
        literal
    }

    /// The interface that is assumed already at this end.
    #[must_use]
    pub fn way_taken(&self, end: End, device: &str, assumed: &Assumed) -> Option<Arc<str>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.ways.is_empty() {
            return None;
        }
        assumed
            .yes
            .iter()
            .filter(|l| l.holds())
            .filter_map(|l| inner.ways.get(&l.variable()))
            .find(|(e, d, _)| *e == end && d == device)
            .map(|(_, _, interface)| Arc::clone(interface))
    }

    /// What is assumed already of the choice `name`: a part of `set`.
    #[must_use]
    pub fn chosen(&self, name: &str, set: &Set, assumed: &Assumed) -> Set {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = Arc::clone(set);
        if inner.choices.is_empty() {
            return out;
        }
        for literal in assumed.yes.iter().filter(|l| l.holds()) {
            if let Some((whose, part)) = inner.choices.get(&literal.variable())
                && **whose == *name
                && let Some(both) = super::product::intersect(&out, part)
            {
                out = both;
            }
        }
        out
    }

    /// The condition of a variable.
    #[must_use]
    pub fn condition(&self, variable: u32) -> Option<Arc<Condition>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
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
