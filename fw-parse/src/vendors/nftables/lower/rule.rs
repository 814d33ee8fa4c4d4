//! Rules, statement by statement.

use super::super::ast::{Data, Element, Expr, Rule as NftRule, Statement, Verdict};
use super::super::parse::integer;
use super::marks::{effects, register};
use super::matching::Key;
use super::{Lowering, Scope, Variant};
use fw_model::match_expr::MarkRegister;
use fw_model::{
    Action, Condition, ConditionKind, DefinitionId, Effect, Filter, IntervalSet, MatchExpr,
    PacketEffect, Rule, Severity, Span,
};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A rule's parts while its statements are taken one by one.
struct Builder<'o> {
    name: String,
    matches: Vec<MatchExpr>,
    effects: Vec<PacketEffect>,
    out: &'o mut Vec<Rule>,
}

impl Builder<'_> {
    fn emit(&mut self, scope: &Scope<'_>, more: Option<MatchExpr>, action: Action) {
        let effects = std::mem::take(&mut self.effects);
        self.emit_with(scope, more, effects, action, scope.span);
    }

    fn emit_with(
        &mut self,
        scope: &Scope<'_>,
        more: Option<MatchExpr>,
        effects: Vec<PacketEffect>,
        action: Action,
        span: Span,
    ) {
        let match_expr = MatchExpr::all(self.matches.iter().cloned().chain(more));
        if match_expr == MatchExpr::Never {
            return;
        }
        let mut rule = Rule::new(self.name.clone(), match_expr, action).at(span);
        rule.effects = effects;
        rule.uses = scope.uses.clone();
        self.out.push(rule);
    }
}

fn condition(kind: ConditionKind, key: String, text: String, span: Span) -> Arc<Condition> {
    Arc::new(Condition {
        key,
        kind,
        text,
        span: Some(span),
    })
}

/// True if an expression looks at a mark that one of the effects changes.
fn depends(expr: &MatchExpr, effects: &[PacketEffect]) -> bool {
    let mut found = false;
    expr.walk(&mut |part| {
        if let MatchExpr::Mark { register, .. } = part {
            found |= effects.iter().any(|e| match e {
                PacketEffect::SetMark { register: to, .. } | PacketEffect::CopyMark { to, .. } => {
                    to == register
                }
                PacketEffect::NoTrack => false,
            });
        }
        if let MatchExpr::State(_) = part {
            found |= effects.contains(&PacketEffect::NoTrack);
        }
    });
    found
}

fn reads_marks(expr: &MatchExpr) -> bool {
    let mut found = false;
    expr.walk(&mut |part| found |= matches!(part, MatchExpr::Mark { .. }));
    found
}

impl Lowering<'_> {
    /// The rules of a chain.
    pub fn chain_rules(
        &mut self,
        table: usize,
        chain: &str,
        variant: Variant,
        rules: &[NftRule],
        out: &mut Vec<Rule>,
    ) {
        for (at, rule) in rules.iter().enumerate() {
            let text = rule.to_string();
            let mut scope = Scope {
                table,
                variant,
                chain,
                family: self.table_family(table),
                span: rule.place.span,
                place: rule.place,
                rule_text: &text,
                uses: rule
                    .defines
                    .iter()
                    .map(|&d| DefinitionId(d.into()))
                    .collect(),
            };
            self.statements(
                &mut scope,
                (at + 1).to_string(),
                &rule.statements,
                Vec::new(),
                out,
            );
        }
    }

    fn statements(
        &mut self,
        scope: &mut Scope<'_>,
        name: String,
        statements: &[Statement],
        pending: Vec<PacketEffect>,
        out: &mut Vec<Rule>,
    ) {
        let mut b = Builder {
            name,
            matches: Vec::new(),
            effects: pending,
            out,
        };
        for (at, statement) in statements.iter().enumerate() {
            // What follows an effect must not keep the effect from happening.
            let asks = matches!(
                statement,
                Statement::Match(..)
                    | Statement::VerdictMap(..)
                    | Statement::Meter { .. }
                    | Statement::SetUpdate { .. }
            ) || matches!(statement, Statement::Mangle(_, Expr::Map(..)))
                || matches!(statement, Statement::Nat(_));
            if asks && !b.effects.is_empty() {
                let sofar = MatchExpr::all(b.matches.iter().cloned());
                if depends(&sofar, &b.effects) {
                    self.nested(scope, &mut b, statements.get(at..).unwrap_or_default());
                    return;
                }
                b.emit(scope, None, Action::Continue);
            }
            match statement {
                Statement::Inert => {}
                Statement::Match(left, op, right) => {
                    let part = self.comparison(scope, left, *op, right);
                    b.matches.push(part);
                }
                Statement::Meter { text, over, named } => {
                    let part = self.meter(scope, text, *over, *named);
                    b.matches.push(part);
                }
                Statement::SetUpdate { key, meter, .. } => {
                    self.set_update(scope, &mut b, key, meter.as_ref());
                }
                Statement::NoTrack => {
                    // Behind connection tracking it comes too late.
                    if scope.variant.early {
                        // A synproxy answers for the server and then opens
                        // the connection anew, tracked.
                        if self.proxied && scope.rule_text.contains("tcp ") {
                            let text = "synproxy leaves the connection untracked";
                            b.matches.push(MatchExpr::opaque(
                                ConditionKind::Environment,
                                text,
                                text,
                                Some(scope.span),
                            ));
                        }
                        b.effects.push(PacketEffect::NoTrack);
                    }
                }
                Statement::Mangle(selector, value) => {
                    let Some(to) = register(selector) else {
                        // An address or port is rewritten without tracking.
                        let text = statement.to_string();
                        self.undecided(scope, &mut b, ConditionKind::Environment, &text);
                        return;
                    };
                    if to == MarkRegister::Connection && scope.variant.early {
                        continue;
                    }
                    if let Expr::Map(key, data) = value {
                        if !self.mark_map(scope, &mut b, to, key, data) {
                            return;
                        }
                        continue;
                    }
                    // A value that the model cannot follow makes every
                    // comparison of the mark an open condition instead.
                    b.effects.extend(effects(to, value).unwrap_or_default());
                }
                Statement::Verdict(verdict) => {
                    self.verdict(scope, &mut b, None, verdict, scope.span);
                    return;
                }
                Statement::Reject => {
                    self.refuse(scope, &mut b, None, Action::Reject, scope.span);
                    return;
                }
                Statement::VerdictMap(key, data) => {
                    self.verdict_map(scope, &mut b, key, data);
                    return;
                }
                Statement::Nat(nat) => {
                    let pieces = scope.variant.nat.then(|| self.translations(scope, nat));
                    match pieces.flatten() {
                        Some(pieces) => {
                            for (part, translation) in pieces {
                                b.emit_with(
                                    scope,
                                    Some(part),
                                    Vec::new(),
                                    Action::Translate(Arc::new(translation)),
                                    scope.span,
                                );
                            }
                        }
                        None => {
                            let text = statement.to_string();
                            self.undecided(scope, &mut b, ConditionKind::Environment, &text);
                        }
                    }
                    return;
                }
                Statement::Diverted(text) => {
                    self.undecided(scope, &mut b, ConditionKind::Environment, text);
                    return;
                }
                Statement::Unknown(text) => {
                    self.unknown(scope, &mut b, text);
                    return;
                }
            }
        }
        if !b.effects.is_empty() {
            b.emit(scope, None, Action::Continue);
        }
    }

    /// The rest of a rule whose own condition its effects change: a list of
    /// its own, entered once the condition was true.
    fn nested(&mut self, scope: &mut Scope<'_>, b: &mut Builder<'_>, rest: &[Statement]) {
        let leaves = rest.iter().any(|s| {
            matches!(
                s,
                Statement::VerdictMap(..)
                    | Statement::Verdict(
                        Verdict::Return | Verdict::Goto(_) | Verdict::GotoBlock(_)
                    )
            )
        });
        if leaves {
            let text = scope.rule_text.to_owned();
            self.undecided(scope, b, ConditionKind::Environment, &text);
            return;
        }
        let mut rules = Vec::new();
        let effects = std::mem::take(&mut b.effects);
        let mut head = Rule::new(b.name.clone(), MatchExpr::Always, Action::Continue);
        head.span = Some(scope.span);
        head.effects = effects;
        rules.push(head);
        self.statements(scope, b.name.clone(), rest, Vec::new(), &mut rules);
        let id = self.device.add_filter(Filter {
            name: format!("{} rule {}", scope.chain, b.name),
            rules,
            default: Rule::new("end of rule", MatchExpr::Always, Action::Return),
        });
        b.emit(scope, None, Action::Jump(id));
    }

    fn meter(&self, scope: &Scope<'_>, text: &str, over: bool, named: bool) -> MatchExpr {
        // Every rule has a state of its own, except for named objects.
        let key = if named {
            let table = self.ruleset.tables.get(scope.table);
            let object = table.and_then(|t| {
                t.objects
                    .iter()
                    .find(|o| text.ends_with(&format!(" name {}", o.name)))
            });
            format!(
                "{text} of {} {}",
                table.map_or("", |t| &t.name.name),
                object.map_or("", |o| &o.text)
            )
        } else {
            scope.own(text)
        };
        let part = MatchExpr::opaque(ConditionKind::Rate, key, text, Some(scope.span));
        if over { part.negate() } else { part }
    }

    fn set_update(
        &mut self,
        scope: &mut Scope<'_>,
        b: &mut Builder<'_>,
        key: &Expr,
        meter: Option<&(String, bool)>,
    ) {
        let parts = match key {
            Expr::Concat(parts) => parts.as_slice(),
            single => std::slice::from_ref(single),
        };
        for part in parts {
            let selector = match part {
                Expr::Select(selector) => Some(selector),
                Expr::Binary(_, inner, _) => match &**inner {
                    Expr::Select(selector) => Some(selector),
                    _ => None,
                },
                _ => None,
            };
            if let Some(selector) = selector {
                b.matches.extend(self.key(scope, selector).needs);
            }
        }
        if let Some((text, over)) = meter {
            let part = self.meter(scope, &format!("{key} {text}"), *over, false);
            b.matches.push(part);
        }
    }

    /// The end of the packet's way cannot be told.
    fn undecided(
        &mut self,
        scope: &Scope<'_>,
        b: &mut Builder<'_>,
        kind: ConditionKind,
        text: &str,
    ) {
        let action = Action::Opaque(condition(
            kind,
            text.to_owned(),
            text.to_owned(),
            scope.span,
        ));
        b.emit(scope, None, action);
    }

    /// A rule that is not understood may match or not, and may then do
    /// anything.
    fn unknown(&mut self, scope: &mut Scope<'_>, b: &mut Builder<'_>, text: &str) {
        let part = self.not_understood(scope, text.to_owned());
        let action = Action::Opaque(condition(
            ConditionKind::NotUnderstood,
            format!("outcome of {text}"),
            text.to_owned(),
            scope.span,
        ));
        b.emit(scope, Some(part), action);
    }

    /// Drop and reject.
    fn refuse(
        &mut self,
        scope: &Scope<'_>,
        b: &mut Builder<'_>,
        more: Option<MatchExpr>,
        action: Action,
        span: Span,
    ) {
        let action = if scope.variant.nat {
            self.nat_drop(span);
            let text = "drop in a nat chain";
            Action::Opaque(condition(
                ConditionKind::Environment,
                scope.own(text),
                text.into(),
                span,
            ))
        } else {
            action
        };
        let effects = b.effects.clone();
        b.emit_with(scope, more, effects, action, span);
    }

    fn verdict(
        &mut self,
        scope: &mut Scope<'_>,
        b: &mut Builder<'_>,
        more: Option<MatchExpr>,
        verdict: &Verdict,
        span: Span,
    ) {
        let action = match verdict {
            Verdict::Accept => Action::Permit,
            Verdict::Drop => return self.refuse(scope, b, more, Action::Deny, span),
            Verdict::Continue => {
                if b.effects.is_empty() {
                    return;
                }
                Action::Continue
            }
            Verdict::Return => Action::Return,
            Verdict::Jump(name) | Verdict::Goto(name) => {
                let target = self
                    .chains
                    .get(scope.table)
                    .and_then(|c| c.get(name.as_str()).copied());
                match target {
                    Some(at) => {
                        let id = self.filter(scope.table, at, scope.variant);
                        if matches!(verdict, Verdict::Jump(_)) {
                            Action::Jump(id)
                        } else {
                            Action::Goto(id)
                        }
                    }
                    None => self.undefined_chain(scope, name, span),
                }
            }
            Verdict::JumpBlock(rules) | Verdict::GotoBlock(rules) => {
                let mut inner = Vec::new();
                let name = format!("{} rule {}", scope.chain, b.name);
                self.chain_rules(scope.table, &name, scope.variant, rules, &mut inner);
                let id = self.device.add_filter(Filter {
                    name,
                    rules: inner,
                    default: Rule::new("end of chain", MatchExpr::Always, Action::Return),
                });
                if matches!(verdict, Verdict::JumpBlock(_)) {
                    Action::Jump(id)
                } else {
                    Action::Goto(id)
                }
            }
            Verdict::Queue(text) => Action::Opaque(condition(
                ConditionKind::Environment,
                text.clone(),
                text.clone(),
                span,
            )),
        };
        let effects = b.effects.clone();
        b.emit_with(scope, more, effects, action, span);
    }

    fn undefined_chain(&mut self, scope: &Scope<'_>, name: &str, span: Span) -> Action {
        self.diagnose(
            "undefined-reference",
            Severity::Warning,
            Some(span),
            format!("chain `{name}` is not defined; nft refuses to load such a file"),
            Effect::Opaque,
        );
        Action::Opaque(condition(
            ConditionKind::Environment,
            format!("undefined chain {name} of {}", scope.chain),
            format!("chain {name} is not defined"),
            span,
        ))
    }

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

    fn verdict_map(&mut self, scope: &mut Scope<'_>, b: &mut Builder<'_>, key: &Expr, data: &Expr) {
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
    fn mark_map(
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
