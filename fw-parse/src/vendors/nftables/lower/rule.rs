//! Rules, statement by statement.

use super::super::ast::{Expr, Rule as NftRule, Statement, Verdict};
use super::marks::{effects, register};
use super::{Lowering, Scope, Variant};
use fw_model::match_expr::MarkRegister;
use fw_model::{
    Action, Condition, ConditionKind, DefinitionId, Effect, Filter, MatchExpr, PacketEffect, Rule,
    Severity, Span,
};
use std::sync::Arc;

/// A rule's parts while its statements are taken one by one.
pub struct Builder<'o> {
    pub name: String,
    pub matches: Vec<MatchExpr>,
    pub effects: Vec<PacketEffect>,
    pub out: &'o mut Vec<Rule>,
}

impl Builder<'_> {
    pub fn emit(&mut self, scope: &Scope<'_>, more: Option<MatchExpr>, action: Action) {
        let effects = std::mem::take(&mut self.effects);
        self.emit_with(scope, more, effects, action, scope.span);
    }

    pub fn emit_with(
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

/// A condition that cannot be decided.
pub fn condition(kind: ConditionKind, key: String, text: String, span: Span) -> Arc<Condition> {
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

/// True if an expression looks at a mark.
pub fn reads_marks(expr: &MatchExpr) -> bool {
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

    pub fn statements(
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
    pub fn nested(&mut self, scope: &mut Scope<'_>, b: &mut Builder<'_>, rest: &[Statement]) {
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

    pub fn meter(&self, scope: &Scope<'_>, text: &str, over: bool, named: bool) -> MatchExpr {
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

    pub fn set_update(
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
    pub fn undecided(
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
    pub fn unknown(&mut self, scope: &mut Scope<'_>, b: &mut Builder<'_>, text: &str) {
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
    pub fn refuse(
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

    pub fn verdict(
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

    pub fn undefined_chain(&mut self, scope: &Scope<'_>, name: &str, span: Span) -> Action {
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
}
