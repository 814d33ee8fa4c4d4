//! One chain to a filter, one rule to a rule.

use super::ast::Protocol;
use super::chains::{self, Calls};
use super::lower::{FindChain, Lowering, filter_name, shortened};
use super::matching::{self, Marks, Scope};
use super::ruleset::{Chain, Entry, Ruleset, Table};
use super::target;
use fw_model::filter::{Action, Filter, PacketEffect, Rule};
use fw_model::match_expr::{Condition, ConditionKind};
use fw_model::{Assumption, DefinitionId, Effect, Family, MatchExpr, Severity};
use rustc_hash::FxHashMap;
use std::sync::Arc;

impl Lowering<'_, '_> {
    #[allow(clippy::too_many_arguments)]
    pub fn chain(
        &mut self,
        ruleset: &Ruleset<'_>,
        table: &Table<'_>,
        at: usize,
        chain: &Chain<'_>,
        calls: &Calls,
        marks: Marks,
        find: &FindChain<'_>,
    ) -> Filter {
        let mut rules = Vec::with_capacity(chain.entries.len() + 1);
        if chain.built_in {
            let (other, name) = match ruleset.protocol {
                Protocol::V4 => (Family::V6, "not IPv4"),
                Protocol::V6 => (Family::V4, "not IPv6"),
            };
            rules.push(Rule::new(name, MatchExpr::Family(other), Action::Permit));
        }
        for (span, text) in &chain.unknown {
            self.opaque.push(*span);
            let action = Action::Opaque(Arc::new(Condition {
                key: format!("change of {}/{}: {text}", table.name, chain.name),
                kind: ConditionKind::NotUnderstood,
                text: text.clone(),
                span: Some(*span),
            }));
            rules.push(Rule::new("conditional change", MatchExpr::Always, action).at(*span));
            self.say(
                "conditional-change",
                Severity::Warning,
                Some(*span),
                format!("`{}` may or may not be executed", shortened(text)),
                Effect::Opaque,
            );
        }
        let hooks = calls.hooks(at);
        let mut seen: FxHashMap<String, u32> = FxHashMap::default();
        for (number, entry) in (1u32..).zip(&chain.entries) {
            let mut scope = Scope {
                protocol: ruleset.protocol,
                table: table.name,
                chain: &chain.name,
                built_in: chain.built_in,
                hooks,
                marks,
                span: entry.span,
                repetition: 0,
            };
            if chains::counts(&entry.rule) {
                let count = seen.entry(entry.rule.text()).or_default();
                scope.repetition = *count;
                *count += 1;
            }
            let cut = calls.is_cut(at, number as usize - 1);
            rules.push(self.rule(entry, number, &scope, cut, find));
        }
        let name = filter_name(ruleset, table.name, &chain.name);
        let default = self.policy(&name, table, chain);
        Filter {
            name,
            rules,
            default,
        }
    }

    /// What happens at the end of a chain.
    fn policy(&mut self, name: &str, table: &Table<'_>, chain: &Chain<'_>) -> Rule {
        if !chain.built_in {
            return Rule::new("end of chain", MatchExpr::Always, Action::Return);
        }
        let Some((policy, span)) = &chain.policy else {
            if !chain.entries.is_empty() {
                self.device.assumptions.push(Assumption {
                    code: "policy-assumed-accept",
                    text: format!("the policy of {name} is not in the file and taken to be ACCEPT"),
                    span: chain.entries.first().map(|e| e.span),
                    device_wide: true,
                });
            }
            return Rule::new("policy ACCEPT", MatchExpr::Always, Action::Permit);
        };
        let action = match (policy.as_str(), table.name) {
            ("ACCEPT", _) => Action::Permit,
            // Only one backend accepts it, and what it does there is not told.
            ("DROP", "nat") => Action::Opaque(Arc::new(Condition {
                key: format!("policy DROP of {name}"),
                kind: ConditionKind::Environment,
                text: "policy DROP in table nat".to_owned(),
                span: Some(*span),
            })),
            ("DROP", _) => Action::Deny,
            _ => {
                self.opaque.push(*span);
                self.say(
                    "rule-not-loadable",
                    Severity::Error,
                    Some(*span),
                    format!("`{policy}` is no policy of a built-in chain"),
                    Effect::Opaque,
                );
                Action::Opaque(Arc::new(Condition {
                    key: format!("policy {policy} of {name}"),
                    kind: ConditionKind::NotUnderstood,
                    text: format!("policy {policy}"),
                    span: Some(*span),
                }))
            }
        };
        Rule::new(format!("policy {policy}"), MatchExpr::Always, action).at(*span)
    }

    fn rule(
        &mut self,
        entry: &Entry<'_>,
        number: u32,
        scope: &Scope<'_>,
        cut: bool,
        find: &FindChain<'_>,
    ) -> Rule {
        let span = entry.span;
        let mut matched = matching::rule(&entry.rule, scope, &mut self.sets);
        let acted = if cut {
            matched.refuse("the jump closes a loop or goes too deep");
            target::Acted {
                action: target::undecided(
                    ConditionKind::NotUnderstood,
                    format!("loop {}", entry.rule.text()),
                    "a jump that closes a loop".to_owned(),
                    scope,
                ),
                effects: Vec::new(),
            }
        } else {
            target::target(&entry.rule, scope, &mut matched, &|name| {
                find(name).map(|f| f.0)
            })
        };
        let mut parts = std::mem::take(&mut matched.parts);
        if !matched.faults.is_empty() {
            let why = matched.faults.join(", ");
            self.say(
                "rule-not-loadable",
                Severity::Error,
                Some(span),
                format!("this rule would not be loaded: {why}"),
                Effect::Opaque,
            );
            self.opaque.push(span);
            parts = vec![MatchExpr::opaque(
                ConditionKind::NotUnderstood,
                format!("rule {}: {why}", entry.rule.text()),
                why,
                Some(span),
            )];
        } else if !matched.not_understood.is_empty() {
            self.say(
                "option-not-understood",
                Severity::Warning,
                Some(span),
                format!("`{}` is not understood", matched.not_understood.join(" ")),
                Effect::Opaque,
            );
            self.opaque.push(span);
        }
        // SYNPROXY answers for the server and then opens the connection anew,
        // tracked: the first packets alone are those without a state.
        if scope.marks.proxied
            && acted.effects.contains(&PacketEffect::NoTrack)
            && entry
                .rule
                .protocol
                .as_ref()
                .is_some_and(|p| matches!(p.value.as_ref(), "tcp" | "6"))
        {
            parts.push(MatchExpr::opaque(
                ConditionKind::Environment,
                "SYNPROXY leaves the connection untracked",
                "SYNPROXY leaves the connection untracked",
                Some(span),
            ));
        }
        if let Some(text) = &entry.conditional {
            parts.push(MatchExpr::opaque(
                ConditionKind::Environment,
                format!("executed: {text}"),
                format!("`{}` is executed", shortened(text)),
                Some(span),
            ));
        }
        if matched.utc {
            self.device.assumptions.push(Assumption {
                code: "time-in-utc",
                text: "the time that is judged is UTC, as `-m time` without --kerneltz has it"
                    .to_owned(),
                span: Some(span),
                device_wide: false,
            });
        }
        self.interfaces
            .append(&mut matched.interfaces.into_iter().collect());
        self.missing_sets.extend(matched.missing_sets);
        let mut expr = MatchExpr::all(parts);
        if acted.action == Action::Continue && acted.effects.is_empty() {
            // Whether it matches makes no difference to any packet.
            expr = expr
                .replace(&|part| matches!(part, MatchExpr::Opaque(_)).then_some(MatchExpr::Always));
        }
        let mut uses: Vec<DefinitionId> = matched
            .sets
            .iter()
            .filter_map(|name| self.definitions.get(&format!("set {name}")).copied())
            .collect();
        for (name, span, last) in &entry.values {
            uses.push(self.variable(name, *span, *last));
        }
        if let Some(target) = &entry.rule.target {
            uses.extend(find(&target.name).and_then(|f| f.1));
        }
        Rule {
            effects: acted.effects,
            uses,
            ..Rule::new(number.to_string(), expr, acted.action).at(span)
        }
    }
}
