//! A set of packets on its way: what it was when it entered the network, when
//! it entered the device, and what it is now.
//!
//! Every field of every version is a variable plus a constant. Variables 0 to
//! 3 are the fields as the packets entered; further ones are choices: of a
//! device (an address of a pool), or of the interface by which packets come in
//! or leave, where the snapshot does not tell. So a split by any version of a
//! field is carried back to the packets as they entered, and a split by an open
//! choice is an assumption.

use crate::packet_set::condition::{Choice, End, Interfaces};
use crate::packet_set::decompose::Marks;
use crate::packet_set::product::{DIMS, Dim, Region, intersect};
use crate::packet_set::{Assumed, ConditionTable, Literal, Product, Set};
use fw_model::{Family, IntervalSet};
use std::sync::Arc;

pub use super::shift::Shift;

/// One field of one version of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// The variable.
    pub variable: usize,
    /// What is added to it.
    pub shift: Shift,
}

/// The four fields of one version, in the order of [`DIMS`].
pub type Fields = [Field; 4];

/// By which interface packets come into a device, or leave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Passage {
    /// By this one.
    Interface(Arc<str>),
    /// By one of those that a variable holds.
    Open(usize),
}

/// An end of a path: the interface, or the numbers of those that it may be.
pub type PathEnd = Option<(Option<Arc<str>>, Option<Set>)>;

/// Packets do not leave by the interface by which they came in, where nothing
/// but that tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Apart {
    /// The variables of the two ends.
    ends: [usize; 2],
    /// Numbers that stand for more than one interface.
    several: Set,
}

/// A choice that is open, and the literal that says what is assumed of it.
#[derive(Clone, Debug)]
struct OpenChoice {
    choice: Choice,
    literal: Option<Literal>,
}

/// A set of packets on its way.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Their family.
    pub family: Family,
    /// The values of the variables.
    variables: Vec<Set>,
    /// The choices, for variables from 4 on.
    choices: Vec<OpenChoice>,
    apart: Vec<Apart>,
    /// The fields as they entered the device.
    pub original: Fields,
    /// The fields as they are now.
    pub current: Fields,
    /// On this branch of undecidable conditions.
    pub assumed: Assumed,
    /// Their marks.
    pub marks: Marks,
    /// The translation of this device that changed the source.
    pub source_by: Option<Arc<str>>,
    /// The translation of this device that changed the destination.
    pub destination_by: Option<Arc<str>>,
    /// It was translated to an address of this device itself.
    pub redirected: bool,
}

impl Piece {
    /// The packets of `product` as they enter.
    #[must_use]
    pub fn entering(family: Family, product: &Product, assumed: Assumed) -> Self {
        let fields = [0, 1, 2, 3].map(|variable| Field {
            variable,
            shift: Shift::default(),
        });
        Self {
            family,
            variables: product.sets.to_vec(),
            choices: Vec::new(),
            apart: Vec::new(),
            original: fields,
            current: fields,
            assumed,
            marks: Marks::default(),
            source_by: None,
            destination_by: None,
            redirected: false,
        }
    }

    /// The packets as they entered the network.
    #[must_use]
    pub fn entered(&self) -> Product {
        Product {
            sets: [0, 1, 2, 3].map(|at| self.variable(at)),
        }
    }

    fn variable(&self, at: usize) -> Set {
        self.variables.get(at).cloned().unwrap_or_default()
    }

    /// The values of a field.
    #[must_use]
    pub fn values(&self, dim: Dim, field: Field) -> Set {
        field
            .shift
            .apply(&self.variable(field.variable), dim.max(self.family))
    }

    /// A version of the packets as a product.
    #[must_use]
    pub fn product(&self, fields: &Fields) -> Product {
        let [a, b, c, d] = *fields;
        Product {
            sets: [
                self.values(Dim::Source, a),
                self.values(Dim::Destination, b),
                self.values(Dim::Service, c),
                self.values(Dim::SourcePort, d),
            ],
        }
    }

    /// The packets whose `field` is in `set`; `None` if there are none. If a
    /// device chooses the field, its choice becomes an assumption.
    #[must_use]
    pub fn restrict(
        self,
        dim: Dim,
        field: Field,
        set: &Set,
        conditions: &ConditionTable,
    ) -> Option<Self> {
        let max = dim.max(self.family);
        let old = self.variable(field.variable);
        // A service that became a source port, or the other way round, lives
        // in the larger of both dimensions.
        let wide = max.max(Dim::Service.max(self.family));
        let wanted = field.shift.back().apply(set, wide);
        let new = intersect(&old, &wanted)?;
        self.narrow(field.variable, &old, new, conditions)
    }

    /// The packets for which an open end is one of `numbers`.
    #[must_use]
    pub fn restrict_way(
        self,
        passage: Option<&Passage>,
        numbers: &Set,
        conditions: &ConditionTable,
    ) -> Option<Self> {
        let Some(Passage::Open(variable)) = passage else {
            return Some(self);
        };
        let old = self.variable(*variable);
        let new = intersect(&old, numbers)?;
        self.narrow(*variable, &old, new, conditions)
    }

    /// Gives a variable a part of its values.
    fn narrow(
        mut self,
        variable: usize,
        old: &Set,
        new: Set,
        conditions: &ConditionTable,
    ) -> Option<Self> {
        if Arc::ptr_eq(&new, old) || *new == **old {
            return Some(self);
        }
        if let Some(open) = variable
            .checked_sub(DIMS.len())
            .and_then(|at| self.choices.get_mut(at))
        {
            let literal = conditions.choice(&open.choice, &new);
            let was = open.literal.replace(literal);
            let mut assumed = std::mem::take(&mut self.assumed);
            if let Some(was) = was {
                assumed = assumed.without(was);
            }
            self.assumed = assumed.and(&[literal]);
        }
        let only = (new.count() == 1).then(|| new.first()).flatten();
        if let Some(slot) = self.variables.get_mut(variable) {
            *slot = new;
        }
        let found = self.apart.iter().find(|a| a.ends.contains(&variable));
        let Some(apart) = found.cloned() else {
            return Some(self);
        };
        let [a, b] = apart.ends;
        let partner = if a == variable { b } else { a };
        match only {
            Some(only) if !apart.several.contains(only) => {
                let there = self.variable(partner);
                let left = there.subtract(&IntervalSet::single(only));
                if left.is_empty() {
                    return None;
                }
                self.narrow(partner, &there, Arc::new(left), conditions)
            }
            _ => Some(self),
        }
    }

    /// The packets whose version `fields` is in `product`.
    #[must_use]
    pub fn restrict_all(
        self,
        fields: &Fields,
        product: &Product,
        conditions: &ConditionTable,
    ) -> Option<Self> {
        let mut piece = self;
        for ((dim, field), set) in DIMS.into_iter().zip(fields).zip(&product.sets) {
            piece = piece.restrict(dim, *field, set, conditions)?;
        }
        Some(piece)
    }

    /// Translates the packets to `after`. Those that have the translated
    /// values already come back apart and as they are, where that can be told.
    pub fn turn_into(self, after: Fields, conditions: &ConditionTable) -> Vec<Self> {
        let before = self.current;
        let turned = |mut piece: Self| {
            piece.current = after;
            piece
        };
        let mut constants = Vec::new();
        for dim in DIMS {
            let (was, is) = (field(&before, dim), field(&after, dim));
            if was == is {
                continue;
            }
            let values = self.values(dim, is);
            let constant = is.variable >= DIMS.len() && values.count() == 1;
            if !constant || was.variable >= DIMS.len() {
                return vec![turned(self)];
            }
            constants.push((dim, was, values));
        }
        if constants.is_empty() {
            return vec![turned(self)];
        }
        let mut out = Vec::new();
        let mut rest = self;
        for (dim, was, set) in constants {
            let others = rest.values(dim, was).subtract(&set);
            if !others.is_empty() {
                out.extend(
                    rest.clone()
                        .restrict(dim, was, &Arc::new(others), conditions)
                        .map(turned),
                );
            }
            match rest.restrict(dim, was, &set, conditions) {
                Some(same) => rest = same,
                None => return out,
            }
        }
        out.push(rest);
        out
    }

    /// A field that some device chooses from `set`. Equal names are the same
    /// choice on both sides of a comparison, so what is assumed of it already
    /// holds here too.
    pub fn choice(&mut self, name: Arc<str>, set: Set, conditions: &ConditionTable) -> Field {
        let choice = Choice::Value(name);
        let (set, literal) = conditions.chosen(&choice, &set, &self.assumed);
        self.add_choice(choice, set, literal)
    }

    fn add_choice(&mut self, choice: Choice, set: Set, literal: Option<Literal>) -> Field {
        self.variables.push(set);
        self.choices.push(OpenChoice { choice, literal });
        Field {
            variable: self.variables.len() - 1,
            shift: Shift::default(),
        }
    }

    /// A field that is the constant `value`.
    pub fn constant(&mut self, value: u128) -> Field {
        self.add_choice(
            Choice::Value(Arc::from("")),
            Arc::new(IntervalSet::single(value)),
            None,
        )
    }

    /// An end of the way through a device that is one of `numbers`, or of
    /// those of them that are assumed already.
    pub fn open_way(
        &mut self,
        end: End,
        of: &Arc<Interfaces>,
        numbers: &Set,
        conditions: &ConditionTable,
    ) -> Passage {
        let choice = Choice::Way(end, Arc::clone(of));
        let (set, literal) = conditions.chosen(&choice, numbers, &self.assumed);
        if set.count() == 1
            && let Some(only) = of.members(&set).next()
        {
            return Passage::Interface(Arc::clone(only));
        }
        Passage::Open(self.add_choice(choice, set, literal).variable)
    }

    /// From here on the two ends are different interfaces; `None` if they
    /// cannot be. Numbers of `several` stand for more than one interface.
    #[must_use]
    pub fn keep_apart(
        mut self,
        ingress: usize,
        egress: usize,
        several: &Set,
        conditions: &ConditionTable,
    ) -> Option<Self> {
        self.apart.push(Apart {
            ends: [ingress, egress],
            several: Arc::clone(several),
        });
        for (one, other) in [(ingress, egress), (egress, ingress)] {
            let set = self.variable(one);
            if set.count() == 1 && !several.covers(&set) {
                let there = self.variable(other);
                let left = there.subtract(&set);
                if left.is_empty() {
                    return None;
                }
                self = self.narrow(other, &there, Arc::new(left), conditions)?;
            }
        }
        Some(self)
    }

    /// The packets as a stage sees them that looks at `fields`.
    #[must_use]
    pub fn region(&self, fields: &Fields, ends: [Option<&Passage>; 2]) -> Region {
        let mut region = Region::settled(self.product(fields));
        for (slot, end) in region.ways.iter_mut().zip(ends) {
            if let Some(open) = end.and_then(|passage| self.way_numbers(passage)) {
                *slot = open;
            }
        }
        region
    }

    /// The packets whose version `fields` is in a region.
    #[must_use]
    pub fn restrict_region(
        self,
        fields: &Fields,
        ends: [Option<&Passage>; 2],
        region: &Region,
        conditions: &ConditionTable,
    ) -> Option<Self> {
        let mut piece = self.restrict_all(fields, &region.packets, conditions)?;
        for (end, numbers) in ends.into_iter().zip(&region.ways) {
            piece = piece.restrict_way(end, numbers, conditions)?;
        }
        Some(piece)
    }

    /// The numbers of the interfaces of an open end.
    #[must_use]
    pub fn way_numbers(&self, passage: &Passage) -> Option<Set> {
        match passage {
            Passage::Interface(_) => None,
            Passage::Open(variable) => Some(self.variable(*variable)),
        }
    }

    /// The interfaces that an end may be.
    #[must_use]
    pub fn interfaces(&self, passage: &Passage) -> Vec<Arc<str>> {
        match passage {
            Passage::Interface(name) => vec![Arc::clone(name)],
            Passage::Open(variable) => match self.way_choice(*variable) {
                Some(of) => of.members(&self.variable(*variable)).cloned().collect(),
                None => Vec::new(),
            },
        }
    }

    /// What an end may be, to be compared with others.
    #[must_use]
    pub fn end(&self, passage: Option<&Passage>) -> PathEnd {
        passage.map(|passage| match passage {
            Passage::Interface(name) => (Some(Arc::clone(name)), None),
            Passage::Open(_) => (None, self.way_numbers(passage)),
        })
    }

    /// The interfaces that an end may be, in words.
    #[must_use]
    pub fn interface_words(&self, passage: Option<&Passage>) -> String {
        self.words_within(passage, None)
    }

    /// [`Self::interface_words`], of an open end those of `within` alone.
    #[must_use]
    pub fn words_within(&self, passage: Option<&Passage>, within: Option<&Set>) -> String {
        match passage {
            None => "itself".into(),
            Some(Passage::Interface(name)) => (**name).to_owned(),
            Some(Passage::Open(variable)) => {
                let numbers = self.variable(*variable);
                let of = |of: &Arc<Interfaces>| match within {
                    Some(within) => of.words(&numbers.intersect(within)),
                    None => of.words(&numbers),
                };
                self.way_choice(*variable).map_or_else(String::new, of)
            }
        }
    }

    fn way_choice(&self, variable: usize) -> Option<&Arc<Interfaces>> {
        let at = variable.checked_sub(DIMS.len())?;
        match &self.choices.get(at)?.choice {
            Choice::Way(_, of) => Some(of),
            Choice::Value(_) => None,
        }
    }

    /// Starts on the next device.
    pub fn enter_device(&mut self) {
        self.original = self.current;
        self.marks = Marks::default();
        self.source_by = None;
        self.destination_by = None;
        self.redirected = false;
    }

    /// True if any field is not as it entered the device.
    #[must_use]
    pub fn moved(&self) -> bool {
        self.original != self.current
    }
}

/// The ends of a packet: address and port.
pub const SOURCE: [Dim; 2] = [Dim::Source, Dim::SourcePort];
/// See [`SOURCE`].
pub const DESTINATION: [Dim; 2] = [Dim::Destination, Dim::Service];

/// True if one of `dims` differs.
#[must_use]
pub fn moved(was: &Fields, is: &Fields, dims: [Dim; 2]) -> bool {
    dims.into_iter()
        .any(|dim| field(was, dim) != field(is, dim))
}

/// A field of `fields`.
#[must_use]
pub const fn field(fields: &Fields, dim: Dim) -> Field {
    let [a, b, c, d] = *fields;
    match dim {
        Dim::Source => a,
        Dim::Destination => b,
        Dim::Service => c,
        Dim::SourcePort => d,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitting_a_translated_field_splits_what_entered() {
        let conditions = ConditionTable::default();
        let everything = Product::everything(Family::V4);
        let mut piece = Piece::entering(Family::V4, &everything, Assumed::default())
            .restrict(
                Dim::Destination,
                Field {
                    variable: 1,
                    shift: Shift::default(),
                },
                &Arc::new(IntervalSet::range(100, 199)),
                &conditions,
            )
            .unwrap();
        piece.current[1].shift = Shift::between(100, 500);
        let half = piece
            .clone()
            .restrict(
                Dim::Destination,
                piece.current[1],
                &Arc::new(IntervalSet::range(500, 549)),
                &conditions,
            )
            .unwrap();
        assert_eq!(half.entered().get(Dim::Destination).ranges(), &[(100, 149)]);
        assert!(half.assumed.is_empty());
        let pool = piece.choice(
            "pool".into(),
            Arc::new(IntervalSet::range(7, 8)),
            &conditions,
        );
        piece.current[0] = pool;
        let chosen = piece
            .restrict(
                Dim::Source,
                pool,
                &Arc::new(IntervalSet::single(7)),
                &conditions,
            )
            .unwrap();
        assert_eq!(chosen.entered().get(Dim::Source).count(), 1 << 32);
        assert!(!chosen.assumed.is_empty());
    }
}
