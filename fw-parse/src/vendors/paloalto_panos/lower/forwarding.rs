//! Policy based forwarding and the deny rules of flood protection, both of
//! which come before NAT.

use super::Lower;
use super::matching::Missing;
use super::names::span;
use super::security::identity;
use crate::vendors::paloalto_panos::ast::Rule as Syntax;
use fw_model::{
    Action, Filter, MatchExpr, PacketEffect, Rule, Stage, StageKind, Translation, View,
};
use std::sync::Arc;

impl<'t> Lower<'t> {
    /// The first matching rule decides the egress interface that the packet's
    /// original destination is taken to have.
    pub(super) fn read_forwarding(&mut self) -> Option<Stage> {
        let mut rules = Vec::new();
        for layer in self.layers.clone() {
            for rule in &layer.rules.forwarding {
                if rule.disabled {
                    continue;
                }
                let Some(mut matched) = self.matched(rule, layer.scope, Missing::Any) else {
                    continue;
                };
                let (traffic, _) =
                    self.application_and_service(rule, layer.scope, &mut matched.uses);
                matched.parts.push(traffic);
                let name = identity(layer.label, rule.name);
                let (effects, action) = self.forward_action(rule, &name);
                rules.push(Rule {
                    name: rule.name.to_owned(),
                    id: Some(name),
                    span: Some(span(self.names.source, rule.place)),
                    match_expr: MatchExpr::all(matched.parts),
                    effects,
                    action,
                    treatments: Vec::new(),
                    uses: matched.uses,
                    assumption: None,
                });
            }
        }
        self.early_stage("policy based forwarding", rules, StageKind::Nat)
    }

    fn forward_action(&mut self, rule: &Syntax<'t>, name: &str) -> (Vec<PacketEffect>, Action) {
        if rule.forward.monitored {
            self.assume(
                "monitored-forwarding-up",
                "next hops of policy based forwarding that are monitored are taken to be up",
            );
        }
        let known = match (rule.action.map(|a| a.text), rule.forward.interface) {
            (Some("forward"), Some(interface)) => Action::Translate(Arc::new(Translation {
                name: name.to_owned(),
                egress: Some(interface.text.to_owned()),
                gateway: rule
                    .forward
                    .next_hop
                    .and_then(|word| self.prefix(word))
                    .map(|net| net.addr()),
                ..Translation::default()
            })),
            (Some("discard"), _) => Action::Deny,
            (Some("no-pbf"), _) => Action::Permit,
            (other, _) => {
                let text = format!("forwarding action {}", other.unwrap_or("missing"));
                self.not_understood(rule, &text);
                return self.untold(text, rule.place);
            }
        };
        (Vec::new(), known)
    }

    /// Rules of denial-of-service protection that drop everything they match.
    pub(super) fn read_flood_protection(&mut self) -> Option<Stage> {
        let mut rules = Vec::new();
        for layer in self.layers.clone() {
            for rule in &layer.rules.dos {
                if rule.disabled {
                    continue;
                }
                let action = match rule.action.map(|a| a.text) {
                    Some("deny") => Action::Deny,
                    Some("allow") => Action::Permit,
                    _ => {
                        self.assume(
                            "flood-protection-ignored",
                            "flood protection limits rates; declared flows are assumed to stay below them",
                        );
                        Action::Permit
                    }
                };
                let Some(mut matched) = self.matched(rule, layer.scope, Missing::Any) else {
                    continue;
                };
                let (traffic, _) =
                    self.application_and_service(rule, layer.scope, &mut matched.uses);
                matched.parts.push(traffic);
                let name = identity(layer.label, rule.name);
                rules.push(Rule {
                    name: rule.name.to_owned(),
                    id: Some(name),
                    span: Some(span(self.names.source, rule.place)),
                    match_expr: MatchExpr::all(matched.parts),
                    effects: Vec::new(),
                    action,
                    treatments: Vec::new(),
                    uses: matched.uses,
                    assumption: None,
                });
            }
        }
        self.early_stage("denial-of-service protection", rules, StageKind::Nat)
    }

    /// A stage of first packets alone, which replies do not meet.
    fn early_stage(&mut self, name: &str, rules: Vec<Rule>, kind: StageKind) -> Option<Stage> {
        if rules.is_empty() {
            return None;
        }
        let default = Rule::new("no rule", MatchExpr::Always, Action::Permit);
        let id = self.device.add_filter(Filter {
            name: name.into(),
            rules,
            default,
        });
        Some(Stage {
            name: name.into(),
            kind,
            filter: id,
            view: View::ORIGINAL,
        })
    }
}
