//! Fields whose bits have meanings: states, statuses, TCP flags.

use super::super::ast::{Expr, Operator};
use super::selector::Key;
use super::values::{Collector, Field};
use super::{Lowering, Scope};
use fw_model::{ConditionKind, ConnectionState, Dimension, MatchExpr, StateSet};

/// "The connection has one of these states."
pub fn states(list: &[ConnectionState]) -> MatchExpr {
    MatchExpr::State(list.iter().copied().collect())
}

impl Lowering<'_> {
    /// A comparison of flags.
    pub fn flags(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        mask: Option<u128>,
        op: Operator,
        right: &Expr,
    ) -> MatchExpr {
        if let Expr::Set(elements) = right
            && mask.is_none()
        {
            let found = self.elements(scope, key, field, elements);
            let found = if op == Operator::NotEqual {
                found.negate()
            } else {
                found
            };
            return MatchExpr::all(key.needs.iter().cloned().chain([found]));
        }
        let mut collector = Collector::default();
        match right {
            Expr::Set(elements) => {
                for element in elements {
                    collector.add(field, &element.key);
                }
            }
            other => collector.add(field, other),
        }
        let values = collector.finish();
        let (Some(low), true) = (values.numbers.first(), values.unresolved.is_empty()) else {
            let text = format!("{} {op}{right}", key.text);
            return self.not_understood(scope, text);
        };
        let seen = mask.unwrap_or(u128::MAX);
        let all_bits = values.numbers.ranges().iter().fold(0, |a, r| a | r.0 | r.1);
        let set = values.numbers;
        let relevant = match op {
            Operator::Implicit | Operator::NoneOf => seen & all_bits,
            _ => seen,
        };
        let test = |v: u128| {
            let v = v & seen;
            match op {
                Operator::Implicit => v & all_bits != 0,
                Operator::NoneOf => v & all_bits == 0,
                Operator::Equal => set.contains(v),
                Operator::NotEqual => !set.contains(v),
                Operator::Less => v < low,
                Operator::Greater => v > low,
                Operator::AtMost => v <= low,
                Operator::AtLeast => v >= low,
            }
        };
        let found = self.bits(scope, key, field, &test, relevant);
        MatchExpr::all(key.needs.iter().cloned().chain([found]))
    }

    /// The field's bits pass the test, which looks at `relevant` ones.
    pub fn bits(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        test: &dyn Fn(u128) -> bool,
        relevant: u128,
    ) -> MatchExpr {
        use ConnectionState::{Established, Invalid, New, Related, Untracked};
        match field {
            Field::State => {
                let table = [
                    (1, Invalid),
                    (2, Established),
                    (4, Related),
                    (8, New),
                    (64, Untracked),
                ];
                if scope.variant.early {
                    // Before connection tracking every packet that is not
                    // exempt counts as invalid.
                    let untracked = states(&[Untracked]);
                    let tracked = untracked.clone().negate();
                    return match (test(1), test(64)) {
                        (true, true) => MatchExpr::Always,
                        (true, false) => tracked,
                        (false, true) => untracked,
                        (false, false) => MatchExpr::Never,
                    };
                }
                let set: StateSet = table
                    .iter()
                    .filter(|(bit, _)| test(*bit))
                    .map(|&(_, state)| state)
                    .collect();
                if table.iter().all(|(bit, _)| test(*bit)) {
                    MatchExpr::Always
                } else if set == StateSet::NONE {
                    MatchExpr::Never
                } else {
                    MatchExpr::State(set)
                }
            }
            Field::TcpFlags => tcp_flags(test),
            Field::Direction => {
                // The model follows the first packet and its reply.
                let reply = states(&[Established]);
                match (test(0), test(1)) {
                    _ if scope.variant.early => MatchExpr::Never,
                    (true, true) => MatchExpr::Always,
                    (true, false) => reply.negate(),
                    (false, true) => reply,
                    (false, false) => MatchExpr::Never,
                }
            }
            Field::Status if scope.variant.early => MatchExpr::Never,
            Field::Status if relevant & !0x30 == 0 => {
                let translated = |dimension| MatchExpr::Translated(dimension, None);
                let mut parts = Vec::new();
                for bits in [0u128, 0x10, 0x20, 0x30] {
                    if bits & !relevant != 0 || !test(bits) {
                        continue;
                    }
                    let mut all = Vec::new();
                    for (bit, dimension) in
                        [(0x10, Dimension::Source), (0x20, Dimension::Destination)]
                    {
                        if relevant & bit != 0 {
                            let part = translated(dimension);
                            all.push(if bits & bit != 0 { part } else { part.negate() });
                        }
                    }
                    parts.push(MatchExpr::all(all));
                }
                let found = MatchExpr::any(parts);
                let text: Vec<&str> = [(0x20, "dnat"), (0x10, "snat")]
                    .iter()
                    .filter(|(bit, _)| relevant & bit != 0)
                    .map(|&(_, name)| name)
                    .collect();
                let polarity = if test(0) { "not " } else { "" };
                self.first_packets(
                    scope,
                    found,
                    &format!("ct status {polarity}{}", text.join(",")),
                )
            }
            _ => {
                let hits: Vec<String> = (0..10)
                    .map(|b| 1u128 << b)
                    .filter(|&v| test(v))
                    .map(|v| format!("{v:#x}"))
                    .collect();
                let text = format!("{} {}", key.text, hits.join(","));
                MatchExpr::opaque(
                    ConditionKind::Environment,
                    text.clone(),
                    text,
                    Some(scope.span),
                )
            }
        }
    }
}

/// The TCP flags for which `test` holds, as few masks as the bits it really
/// looks at allow.
fn tcp_flags(test: &dyn Fn(u128) -> bool) -> MatchExpr {
    let hits: Vec<bool> = (0..256u128).map(test).collect();
    let hit = |v: usize| hits.get(v).copied().unwrap_or(false);
    let mut relevant = 0usize;
    for bit in 0..8 {
        if (0..256usize).any(|v| hit(v) != hit(v ^ (1 << bit))) {
            relevant |= 1 << bit;
        }
    }
    let values: Vec<usize> = (0..256usize).filter(|v| v & !relevant == 0).collect();
    let yes: Vec<usize> = values.iter().copied().filter(|&v| hit(v)).collect();
    let no: Vec<usize> = values.iter().copied().filter(|&v| !hit(v)).collect();
    let flags = |values: &[usize]| {
        MatchExpr::any(values.iter().map(|&v| MatchExpr::TcpFlags {
            mask: relevant as u8,
            value: v as u8,
        }))
    };
    if relevant == 0 {
        return if hit(0) {
            MatchExpr::Always
        } else {
            MatchExpr::Never
        };
    }
    if yes.len() <= no.len() {
        flags(&yes)
    } else {
        flags(&no).negate()
    }
}
