//! Comparisons to match expressions.

use super::super::ast::{Binary, Expr, Operator, Selector};
use super::selector::{Key, raw_port};
use super::values::{Collector, Field, Values, number};
use super::{Lowering, Scope};
use fw_model::{AddressSet, ConditionKind, IntervalSet, MatchExpr};
use std::sync::Arc;

/// How many ranges a masked value may take.
const BLOCKS: usize = 4096;

impl Lowering<'_> {
    /// `LEFT OP RIGHT`
    pub fn comparison(
        &mut self,
        scope: &mut Scope<'_>,
        left: &Expr,
        op: Operator,
        right: &Expr,
    ) -> MatchExpr {
        match left {
            Expr::Select(selector) => {
                let key = self.key(scope, selector);
                match raw_port(selector) {
                    Some(port) => self.raw_port(scope, &port, key, op, right),
                    None => self.compare(scope, key, None, op, right),
                }
            }
            Expr::Binary(Binary::And, inner, mask) => {
                if let Expr::Select(selector) = &**inner {
                    let key = self.key(scope, selector);
                    if let Ok(field) = &key.field
                        && let Some(mask) = number(field, mask)
                    {
                        return self.compare(scope, key, Some(mask), op, right);
                    }
                    if key.field.is_err() {
                        let text = format!("{left} {op}{}", self.resolved(scope, right));
                        return self.open(scope, &key, text);
                    }
                }
                self.not_understood(scope, format!("{left} {op}{right}"))
            }
            Expr::Concat(parts) => self.tuples(scope, parts, op, right),
            _ => self.not_understood(scope, format!("{left} {op}{right}")),
        }
    }

    /// `@th,16,16 == 80`: a port where the protocol has ports, other bytes of
    /// the packet where it has none. Nothing asks for the protocol.
    pub fn raw_port(
        &mut self,
        scope: &mut Scope<'_>,
        port: &Selector,
        raw: Key,
        op: Operator,
        right: &Expr,
    ) -> MatchExpr {
        let port = self.key(scope, port);
        let ports = MatchExpr::all(port.needs.iter().cloned());
        let known = self.compare(scope, port, None, op, right);
        let bytes = self.compare(scope, raw, None, op, right);
        MatchExpr::any([known, MatchExpr::all([ports.negate(), bytes])])
    }

    /// A comparison that cannot be decided.
    pub fn open(&mut self, scope: &mut Scope<'_>, key: &Key, text: String) -> MatchExpr {
        let kind = match &key.field {
            Err(kind) => kind.clone(),
            Ok(_) => ConditionKind::Environment,
        };
        // Chance falls anew for every rule.
        let identity = if kind == ConditionKind::Rate {
            scope.own(&text)
        } else {
            text.clone()
        };
        let mut parts = key.needs.clone();
        parts.push(MatchExpr::opaque(kind, identity, text, Some(scope.span)));
        MatchExpr::all(parts)
    }

    pub fn compare(
        &mut self,
        scope: &mut Scope<'_>,
        mut key: Key,
        mask: Option<u128>,
        op: Operator,
        right: &Expr,
    ) -> MatchExpr {
        if let Some(mask) = mask {
            key.text.push_str(&format!(" & {mask:#x}"));
        }
        let Ok(field) = key.field.clone() else {
            if let Expr::Named(name) = right
                && self.set(scope, name).is_none()
            {
                return self.undefined_set(scope, name);
            }
            // What is not equal must not be, and the same condition in both
            // polarities is the same condition.
            let (op, negated) = match op {
                Operator::NotEqual => (Operator::Equal, true),
                Operator::NoneOf => (Operator::Implicit, true),
                op => (op, false),
            };
            let shown = match op {
                Operator::Equal => Operator::Implicit,
                op => op,
            };
            let text = format!("{} {shown}{}", key.text, self.resolved(scope, right));
            let inner = Key {
                field: key.field,
                needs: Vec::new(),
                text: key.text,
            };
            let open = self.open(scope, &inner, text);
            let mut parts = key.needs;
            parts.push(if negated { open.negate() } else { open });
            return MatchExpr::all(parts);
        };
        if field.is_flags() && !matches!(right, Expr::Named(_)) || field == Field::Direction {
            return self.flags(scope, &key, &field, mask, op, right);
        }
        let equality = matches!(
            op,
            Operator::Implicit | Operator::Equal | Operator::NotEqual
        );
        let found = match (right, mask) {
            (Expr::Named(_) | Expr::Set(_), _) if !equality => Err(()),
            (_, Some(_)) if !equality => Err(()),
            (Expr::Named(_), Some(_)) => Err(()),
            (Expr::Named(name), None) => self.named(scope, &key, &field, name),
            (Expr::Set(elements), None) => Ok(self.elements(scope, &key, &field, elements)),
            (right, mask) => {
                let mut collector = Collector::default();
                let mut plain = true;
                match right {
                    Expr::Set(elements) => {
                        for element in elements {
                            plain &= element.stateful.is_none();
                            collector.add(&field, &element.key);
                        }
                    }
                    other => collector.add(&field, other),
                }
                let values = collector.finish();
                match mask {
                    Some(mask) if plain => self.masked(scope, &field, mask, &values),
                    Some(_) => Err(()),
                    None => self.ordered(scope, &key, &field, op, &values),
                }
            }
        };
        let found = match found {
            Ok(found) => found,
            // A mask with holes of an IPv6 address has no short form as ranges.
            Err(()) if mask.is_some() && matches!(field, Field::Address(..)) && equality => {
                let text = format!("{} =={}", key.text, self.resolved(scope, right));
                let open =
                    MatchExpr::opaque(ConditionKind::Content, text.clone(), text, Some(scope.span));
                match op {
                    Operator::NotEqual => {
                        return MatchExpr::all(key.needs.into_iter().chain([open.negate()]));
                    }
                    _ => open,
                }
            }
            Err(()) => {
                let text = format!("{} {op}{}", key.text, self.resolved(scope, right));
                return self.not_understood(scope, text);
            }
        };
        let found = match op {
            Operator::NotEqual => found.negate(),
            _ => found,
        };
        MatchExpr::all(key.needs.into_iter().chain([found]))
    }

    pub fn ordered(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        op: Operator,
        values: &Values,
    ) -> Result<MatchExpr, ()> {
        let bound = || match values.numbers.ranges() {
            [(low, high)] if low == high && values.unresolved.is_empty() => Ok(*low),
            _ => Err(()),
        };
        let max = field.max();
        let range = match op {
            Operator::Implicit | Operator::Equal | Operator::NotEqual => {
                return Ok(self.holds(scope, key, field, values));
            }
            Operator::NoneOf => return Err(()),
            Operator::Less => match bound()?.checked_sub(1) {
                Some(high) => IntervalSet::range(0, high),
                None => IntervalSet::new(),
            },
            Operator::AtMost => IntervalSet::range(0, bound()?),
            Operator::Greater => IntervalSet::range(bound()?.saturating_add(1), max),
            Operator::AtLeast => IntervalSet::range(bound()?, max),
        };
        let values = Values {
            numbers: range,
            ..Values::default()
        };
        Ok(self.holds(scope, key, field, &values))
    }

    /// `FIELD & MASK == VALUES`, for fields that hold no flags.
    pub fn masked(
        &mut self,
        scope: &mut Scope<'_>,
        field: &Field,
        mask: u128,
        values: &Values,
    ) -> Result<MatchExpr, ()> {
        if !values.unresolved.is_empty() {
            return Err(());
        }
        if values.numbers.count() > 256 {
            return Err(());
        }
        let mut parts = Vec::new();
        for low in values.numbers.ranges().iter().flat_map(|r| r.0..=r.1) {
            if low & !mask & field.max() != 0 {
                continue;
            }
            parts.push(match field {
                Field::Address(dimension, family) => {
                    let set = AddressSet::masked(*family, low, mask, BLOCKS).ok_or(())?;
                    MatchExpr::address(*dimension, Arc::new(set))
                }
                Field::Mark(register) => {
                    let (mask, value) = (mask as u32, low as u32);
                    self.mark(scope, *register, mask, value)
                }
                Field::Port { .. } | Field::Protocol | Field::IcmpType(_) | Field::IcmpCode(_) => {
                    let hits: Vec<_> = (0..=field.max())
                        .filter(|v| v & mask == low)
                        .map(|v| (v, v))
                        .collect();
                    let values = Values {
                        numbers: IntervalSet::from_ranges(hits),
                        ..Values::default()
                    };
                    self.numbers(scope, field, &values.numbers)
                }
                _ => return Err(()),
            });
        }
        Ok(MatchExpr::any(parts))
    }
}
