//! Sets, and tuples that are their elements.

use super::super::ast::{Element, Expr, Operator};
use super::selector::Key;
use super::values::{Collector, Field, Unresolved, Values};
use super::{Lowering, Scope};
use fw_model::{ConditionKind, IntervalSet, MatchExpr};
use rustc_hash::FxHashMap;

impl Lowering<'_> {
    /// The members of a set. Flags compare exactly here.
    pub fn elements(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        elements: &[Element],
    ) -> MatchExpr {
        let mut collector = Collector::default();
        let mut stateful: Vec<MatchExpr> = Vec::new();
        for element in elements {
            match &element.stateful {
                None => collector.add(field, &element.key),
                Some(meter) => {
                    let mut one = Collector::default();
                    one.add(field, &element.key);
                    let one = self.holds(scope, key, field, &one.finish());
                    let text = format!("{} {meter}", element.key);
                    let open = MatchExpr::opaque(
                        ConditionKind::Rate,
                        scope.own(&text),
                        text,
                        Some(scope.span),
                    );
                    stateful.push(MatchExpr::all([one, open]));
                }
            }
        }
        let values = collector.finish();
        if field.is_flags() || *field == Field::Direction {
            let numbers = values.numbers.clone();
            let exact = self.bits(scope, key, field, &|v| numbers.contains(v), u128::MAX);
            let rest = Values {
                numbers: IntervalSet::new(),
                ..values
            };
            let rest = self.holds(scope, key, field, &rest);
            return MatchExpr::any([exact, rest].into_iter().chain(stateful));
        }
        let all = self.holds(scope, key, field, &values);
        MatchExpr::any([all].into_iter().chain(stateful))
    }

    pub fn named(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        name: &str,
    ) -> Result<MatchExpr, ()> {
        let Some(at) = self.set(scope, name) else {
            return Ok(self.undefined_set(scope, name));
        };
        self.use_set(scope, at);
        let cached = (scope.table, at, key.text.clone(), scope.variant);
        if let Some(found) = self.set_cache.get(&cached) {
            return Ok(found.clone());
        }
        let ruleset = self.ruleset;
        let Some(set) = ruleset.tables.get(scope.table).and_then(|t| t.sets.get(at)) else {
            return Err(());
        };
        let members = self.elements(scope, key, field, &set.elements);
        let found = self.membership(scope, at, &key.text, members);
        self.set_cache.insert(cached, found.clone());
        Ok(found)
    }

    /// What is known of a set's members, and the doubt about the others.
    pub fn membership(
        &mut self,
        scope: &mut Scope<'_>,
        at: usize,
        key: &str,
        members: MatchExpr,
    ) -> MatchExpr {
        let ruleset = self.ruleset;
        let Some(table) = ruleset.tables.get(scope.table) else {
            return members;
        };
        let Some(set) = table.sets.get(at) else {
            return members;
        };
        let name = format!("{} {} {}", table.name.family, table.name.name, set.name);
        let text = format!("{key} in @{}", set.name);
        if let Some(unknown) = &set.unknown {
            return MatchExpr::opaque(
                ConditionKind::NotUnderstood,
                format!("{key} in {name}: {unknown} {members:?}"),
                text,
                Some(set.place.span),
            );
        }
        let changes = set.dynamic
            || set.timeout
            || self.written.contains(&(scope.table, set.name.clone()))
            || set.elements.iter().any(|e| e.expires);
        if !changes {
            return members;
        }
        let lasting = set
            .elements
            .iter()
            .all(|e| !e.expires && !set.timeout && !set.dynamic);
        let open = MatchExpr::opaque(
            ConditionKind::Rate,
            format!("{key} in {name}"),
            text,
            Some(set.place.span),
        );
        if lasting {
            MatchExpr::any([members, open])
        } else {
            open
        }
    }

    /// `A . B OP RIGHT`
    pub fn tuples(
        &mut self,
        scope: &mut Scope<'_>,
        parts: &[Expr],
        op: Operator,
        right: &Expr,
    ) -> MatchExpr {
        let Some(keys) = self.tuple_keys(scope, parts) else {
            let text = format!("{} {op}{right}", Expr::Concat(parts.to_vec()));
            return self.not_understood(scope, text);
        };
        let needs: Vec<MatchExpr> = keys.iter().flat_map(|k| k.needs.clone()).collect();
        let found = match right {
            Expr::Named(name) => {
                let Some(at) = self.set(scope, name) else {
                    return self.undefined_set(scope, name);
                };
                self.use_set(scope, at);
                let text = Expr::Concat(parts.to_vec()).to_string();
                let cached = (scope.table, at, text.clone(), scope.variant);
                match self.set_cache.get(&cached) {
                    Some(found) => found.clone(),
                    None => {
                        let ruleset = self.ruleset;
                        let elements = ruleset
                            .tables
                            .get(scope.table)
                            .and_then(|t| t.sets.get(at))
                            .map_or(&[][..], |s| &s.elements);
                        let members = self.tuple_members(scope, &keys, elements.iter());
                        let found = self.membership(scope, at, &text, members);
                        self.set_cache.insert(cached, found.clone());
                        found
                    }
                }
            }
            Expr::Set(elements) => self.tuple_members(scope, &keys, elements.iter()),
            Expr::Concat(_) => {
                let element = Element {
                    key: right.clone(),
                    data: None,
                    expires: false,
                    stateful: None,
                    span: scope.span,
                };
                self.tuple_members(scope, &keys, [element].iter())
            }
            other => {
                let text = format!("{} {op}{other}", Expr::Concat(parts.to_vec()));
                return self.not_understood(scope, text);
            }
        };
        let found = match op {
            Operator::Implicit | Operator::Equal => found,
            Operator::NotEqual => found.negate(),
            _ => {
                let text = format!("{} {op}{right}", Expr::Concat(parts.to_vec()));
                return self.not_understood(scope, text);
            }
        };
        MatchExpr::all(needs.into_iter().chain([found]))
    }

    /// The keys of a concatenation.
    pub fn tuple_keys(&self, scope: &Scope<'_>, parts: &[Expr]) -> Option<Vec<Key>> {
        parts
            .iter()
            .map(|part| match part {
                Expr::Select(selector) => Some(self.key(scope, selector)),
                _ => None,
            })
            .collect()
    }

    /// The tuples of a concatenation, those that differ in one component
    /// alone put together.
    pub fn tuple_members<'e>(
        &mut self,
        scope: &mut Scope<'_>,
        keys: &[Key],
        elements: impl Iterator<Item = &'e Element>,
    ) -> MatchExpr {
        let mut rows: Vec<Vec<Values>> = Vec::new();
        let mut rest: Vec<MatchExpr> = Vec::new();
        for element in elements {
            if element.key == Expr::CatchAll {
                return MatchExpr::Always;
            }
            let components = match &element.key {
                Expr::Concat(components) => components.as_slice(),
                single => std::slice::from_ref(single),
            };
            if components.len() != keys.len() || element.stateful.is_some() {
                rest.push(self.not_understood(scope, element.to_string()));
                continue;
            }
            let mut row = Vec::with_capacity(keys.len());
            for (key, component) in keys.iter().zip(components) {
                let mut collector = Collector::default();
                match (&key.field, component) {
                    (Ok(field), Expr::Set(inner)) => {
                        for e in inner {
                            collector.add(field, &e.key);
                        }
                    }
                    (Ok(field), component) => collector.add(field, component),
                    (Err(_), component) => {
                        let text = format!("{} {component}", key.text);
                        let mut open = Values::default();
                        open.unresolved.push(Unresolved::Unknown(text));
                        collector.merge(&open);
                    }
                }
                row.push(collector.finish());
            }
            rows.push(row);
        }
        for at in (0..keys.len()).rev() {
            rows = merged(rows, at);
        }
        let mut parts = Vec::with_capacity(rows.len());
        for row in rows {
            let mut all = Vec::with_capacity(row.len());
            for (key, values) in keys.iter().zip(&row) {
                all.push(match &key.field {
                    Ok(field) if field.is_flags() || *field == Field::Direction => {
                        let numbers = values.numbers.clone();
                        self.bits(scope, key, field, &|v| numbers.contains(v), u128::MAX)
                    }
                    Ok(field) => self.holds(scope, key, field, values),
                    Err(kind) => {
                        let parts: Vec<MatchExpr> = values
                            .unresolved
                            .iter()
                            .map(|u| match u {
                                Unresolved::Unknown(text) | Unresolved::Host(text) => {
                                    MatchExpr::opaque(
                                        kind.clone(),
                                        text.clone(),
                                        text.clone(),
                                        Some(scope.span),
                                    )
                                }
                            })
                            .collect();
                        MatchExpr::any(parts)
                    }
                });
            }
            parts.push(MatchExpr::all(all));
        }
        parts.extend(rest);
        MatchExpr::any(parts)
    }
}

/// The rows with those that differ in component `at` alone put together.
fn merged(rows: Vec<Vec<Values>>, at: usize) -> Vec<Vec<Values>> {
    let mut order: Vec<(Vec<Values>, Collector)> = Vec::with_capacity(rows.len());
    let mut index: FxHashMap<Vec<Values>, usize> = FxHashMap::default();
    for mut row in rows {
        if at >= row.len() {
            continue;
        }
        let value = row.remove(at);
        let slot = *index.entry(row.clone()).or_insert_with(|| {
            order.push((row, Collector::default()));
            order.len() - 1
        });
        if let Some((_, collector)) = order.get_mut(slot) {
            collector.merge(&value);
        }
    }
    order
        .into_iter()
        .map(|(mut row, collector)| {
            row.insert(at, collector.finish());
            row
        })
        .collect()
}
