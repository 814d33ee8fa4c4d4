//! Maps and verdict maps.

use super::super::ast::{Data, Element, Expr, Verdict};
use super::super::parse::integer;
use super::marks::effects;
use super::rule::{Builder, condition, reads_marks};
use super::selector::Key;
use super::{Lowering, Scope};
use fw_model::match_expr::MarkRegister;
use fw_model::{Action, ConditionKind, Filter, IntervalSet, MatchExpr, Rule, Span};
use rustc_hash::FxHashMap;

impl Lowering<'_> {
    /// The elements of a map: those in the rule, or those of a named map.
    fn map_elements<'e>(
        &mut self,
        scope: &mut Scope<'_>,
        data: &'e Expr,
    ) -> Option<(MapElements<'e>, Option<usize>)>
    where
        Self: 'e,
    {
        match data {
            Expr::Set(elements) => Some((MapElements::Own(elements), None)),
            Expr::Named(name) => {
                let at = self.set(scope, name)?;
                self.use_set(scope, at);
                let set = self
                    .ruleset
                    .tables
                    .get(scope.table)
                    .and_then(|t| t.sets.get(at))?;
                Some((MapElements::Named(set.elements.clone()), Some(at)))
            }
            _ => None,
        }
    }

    /// The condition "the key is one of these elements". Elements before a
    /// catch-all are excluded from it by the caller.
    fn key_in(&mut self, scope: &mut Scope<'_>, keys: &[Key], elements: &[&Element]) -> MatchExpr {
        if let [key] = keys {
            let owned: Vec<Element> = elements.iter().map(|&e| e.clone()).collect();
            return match key.field.clone() {
                Ok(field) => self.elements(scope, key, &field, &owned),
                Err(kind) => {
                    let parts: Vec<MatchExpr> = owned
                        .iter()
                        .map(|e| {
                            let text = format!("{} {}", key.text, e.key);
                            let identity = if kind == ConditionKind::Rate {
                                scope.own(&text)
                            } else {
                                text.clone()
                            };
                            MatchExpr::opaque(kind.clone(), identity, text, Some(scope.span))
                        })
                        .collect();
                    MatchExpr::any(parts)
                }
            };
        }
        self.tuple_members(scope, keys, elements.iter().copied())
    }

    /// Keys of a map expression.
    pub fn map_keys(&self, scope: &Scope<'_>, key: &Expr) -> Option<Vec<Key>> {
        match key {
            Expr::Select(selector) => Some(vec![self.key(scope, selector)]),
            Expr::Concat(parts) => self.tuple_keys(scope, parts),
            _ => None,
        }
    }

    /// The elements of a map in groups of equal data, each with the condition
    /// on the key. `None` if the map cannot be followed.
    pub fn map_groups<D>(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Expr,
        data: &Expr,
        read: &dyn Fn(&Element) -> Option<D>,
    ) -> Option<Vec<(D, MatchExpr, Option<Span>)>> {
        let keys = self.map_keys(scope, key)?;
        let (elements, named) = self.map_elements(scope, data)?;
        let elements = elements.as_slice();
        let mut groups: Vec<(D, Vec<&Element>)> = Vec::new();
        let mut index: FxHashMap<String, usize> = FxHashMap::default();
        let mut catch_all: Option<D> = None;
        for element in elements {
            let value = read(element)?;
            if element.key == Expr::CatchAll {
                catch_all = Some(value);
                continue;
            }
            let words = match &element.data {
                Some(Data::Expr(data)) => data.to_string(),
                Some(Data::Verdict(verdict)) => verdict.to_string(),
                None => String::new(),
            };
            let slot = *index.entry(words).or_insert_with(|| {
                groups.push((value, Vec::new()));
                groups.len() - 1
            });
            if let Some((_, members)) = groups.get_mut(slot) {
                members.push(element);
            }
        }
        let needs = MatchExpr::all(keys.iter().flat_map(|k| k.needs.clone()));
        let mut out = Vec::new();
        let mut all = Vec::new();
        // A number that is drawn from a range is one of a map that has all of
        // the range: the last group is what is left.
        let last = match (keys.as_slice(), &catch_all, named) {
            ([only], None, None) if draws_only(&only.text, elements) => groups.len(),
            _ => 0,
        };
        for (at, (value, members)) in (1..).zip(groups) {
            let mut part = if at == last {
                MatchExpr::any(all.iter().cloned()).negate()
            } else {
                self.key_in(scope, &keys, &members)
            };
            if let Some(at) = named {
                part = self.membership(scope, at, &key.to_string(), part);
            }
            all.push(part.clone());
            let span = match members.as_slice() {
                [only] if named.is_none() => Some(only.span),
                _ => None,
            };
            out.push((value, MatchExpr::all([needs.clone(), part]), span));
        }
        if let Some(value) = catch_all {
            let rest = MatchExpr::any(all).negate();
            out.push((value, MatchExpr::all([needs, rest]), None));
        }
        Some(out)
    }

    pub fn verdict_map(
        &mut self,
        scope: &mut Scope<'_>,
        b: &mut Builder<'_>,
        key: &Expr,
        data: &Expr,
    ) {
        let read = |e: &Element| match &e.data {
            Some(Data::Verdict(verdict)) => Some(verdict.clone()),
            _ => None,
        };
        let Some(groups) = self.map_groups(scope, key, data, &read) else {
            let text = format!("{key} vmap {data}");
            if let Expr::Named(name) = data
                && self.set(scope, name).is_none()
            {
                let part = self.undefined_set(scope, name);
                let action = Action::Opaque(condition(
                    ConditionKind::Environment,
                    format!("outcome of undefined map {name} in {}", scope.chain),
                    text,
                    scope.span,
                ));
                b.emit(scope, Some(part), action);
                return;
            }
            self.unknown(scope, b, &text);
            return;
        };
        // After a jump returns the other elements must not be tried. They
        // cannot match, unless the jump changed a mark that the key reads.
        let (jumps, others): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|(v, ..)| matches!(v, Verdict::Jump(_) | Verdict::JumpBlock(_)));
        let marked =
            b.matches.iter().any(reads_marks) || jumps.iter().any(|(_, part, _)| reads_marks(part));
        for (verdict, part, span) in others {
            // An element that continues is like none.
            self.verdict(scope, b, Some(part), &verdict, span.unwrap_or(scope.span));
        }
        if marked && jumps.len() > 1 {
            let mut rules = Vec::new();
            let mut inner = Builder {
                name: b.name.clone(),
                matches: Vec::new(),
                effects: Vec::new(),
                out: &mut rules,
            };
            for (verdict, part, span) in jumps {
                let once = match verdict {
                    Verdict::Jump(name) => Verdict::Goto(name),
                    Verdict::JumpBlock(rules) => Verdict::GotoBlock(rules),
                    other => other,
                };
                self.verdict(
                    scope,
                    &mut inner,
                    Some(part),
                    &once,
                    span.unwrap_or(scope.span),
                );
            }
            let id = self.device.add_filter(Filter {
                name: format!("{} rule {}", scope.chain, b.name),
                rules,
                default: Rule::new("end of rule", MatchExpr::Always, Action::Return),
            });
            b.emit(scope, None, Action::Jump(id));
            return;
        }
        for (verdict, part, span) in jumps {
            self.verdict(scope, b, Some(part), &verdict, span.unwrap_or(scope.span));
        }
    }

    /// `mark set KEY map DATA`: one rule for each value. False if the rule
    /// ends here.
    pub fn mark_map(
        &mut self,
        scope: &mut Scope<'_>,
        b: &mut Builder<'_>,
        to: MarkRegister,
        key: &Expr,
        data: &Expr,
    ) -> bool {
        if self.marks.unknown(to) {
            return true;
        }
        let read = |e: &Element| match &e.data {
            Some(Data::Expr(value)) => effects(to, value),
            _ => None,
        };
        let groups = self.map_groups(scope, key, data, &read);
        let marked = b.matches.iter().any(reads_marks);
        let Some(groups) = groups.filter(|g| {
            !(g.len() > 1 && (marked || g.iter().any(|(_, part, _)| reads_marks(part))))
        }) else {
            let text = format!("{key} map {data}");
            self.unknown(scope, b, &text);
            return false;
        };
        let mut all = Vec::new();
        for (effects, part, span) in groups {
            all.push(part.clone());
            b.emit_with(
                scope,
                Some(part),
                effects,
                Action::Continue,
                span.unwrap_or(scope.span),
            );
        }
        b.matches.push(MatchExpr::any(all));
        true
    }
}

/// True if a key draws a number (`numgen`, `jhash`, `symhash`) and the
/// elements have every number that it may draw.
fn draws_only(key: &str, elements: &[Element]) -> bool {
    if !["numgen ", "jhash ", "symhash "]
        .iter()
        .any(|w| key.starts_with(w))
    {
        return false;
    }
    let after = |word: &str| {
        let (_, rest) = key.rsplit_once(word)?;
        rest.split(' ').next()?.parse::<u128>().ok()
    };
    let (Some(modulus), Some(offset)) = (after(" mod "), after(" offset ")) else {
        return false;
    };
    let number = |expr: &Expr| match expr {
        Expr::Value(text) => integer(text).map(u128::from),
        _ => None,
    };
    let mut covered = Vec::new();
    for element in elements {
        let range = match &element.key {
            Expr::Range(low, high) => number(low).zip(number(high)),
            one => number(one).map(|n| (n, n)),
        };
        match range {
            Some(range) if element.stateful.is_none() => covered.push(range),
            _ => return false,
        }
    }
    let Some(end) = modulus.checked_sub(1).and_then(|m| offset.checked_add(m)) else {
        return false;
    };
    IntervalSet::from_ranges(covered).covers(&IntervalSet::range(offset, end))
}

/// Elements of a map in the rule, or a copy of a named map's.
enum MapElements<'e> {
    Own(&'e [Element]),
    Named(Vec<Element>),
}

impl MapElements<'_> {
    fn as_slice(&self) -> &[Element] {
        match self {
            Self::Own(elements) => elements,
            Self::Named(elements) => elements,
        }
    }
}
