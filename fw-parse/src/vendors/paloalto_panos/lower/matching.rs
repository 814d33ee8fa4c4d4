//! What all kinds of rules ask of a packet.

use super::addresses::joined;
use super::names::{Addresses, Open, span};
use super::{Lower, Serial};
use crate::vendors::paloalto_panos::ast::{Rule, Target, Word};
use fw_model::match_expr::Dimension;
use fw_model::{
    AddressSet, ConditionKind, DefinitionId, Diagnostic, Effect, MatchExpr, Schedule, Severity,
};
use std::sync::Arc;

/// What a rule asks for, apart from application and service.
#[derive(Debug, Default)]
pub(super) struct Matched {
    pub(super) parts: Vec<MatchExpr>,
    pub(super) uses: Vec<DefinitionId>,
    /// The sets, if an address with a wildcard mask is among them.
    pub(super) wildcard: Option<(Arc<AddressSet>, Arc<AddressSet>)>,
    /// The plain addresses of both ends, `None` for `any` and negated ones.
    pub(super) source: Option<Addresses>,
    pub(super) destination: Option<Addresses>,
}

/// How strict a list is about fields that are missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// The device refuses the rule, so what it means is not known.
    Refused,
    /// A missing field asks for nothing.
    Any,
}

/// Whether a rule exists on the device that is looked at.
pub(super) enum Applies {
    Yes,
    No,
    Maybe(MatchExpr),
}

fn is_any(words: &[Word<'_>]) -> bool {
    words.iter().any(|w| w.text == "any")
}

impl<'t> Lower<'t> {
    /// Decides a Panorama rule's `target`.
    pub(super) fn applies(&self, rule: &Rule<'t>) -> Applies {
        let target = &rule.target;
        if target.devices.is_empty() && target.tags.is_empty() {
            return Applies::Yes;
        }
        let listed = match self.serial {
            Serial::Known(serial) => listed(target, serial, self.system),
            Serial::Unknown => None,
        };
        match listed {
            Some(listed) if listed != target.negate => Applies::Yes,
            Some(_) => Applies::No,
            None => Applies::Maybe(MatchExpr::opaque(
                ConditionKind::Environment,
                target_text(target),
                target_text(target),
                Some(span(self.names.source, rule.place)),
            )),
        }
    }

    /// Everything but application and service. `None` if the rule does not
    /// exist on this device.
    pub(super) fn matched(
        &mut self,
        rule: &Rule<'t>,
        scope: usize,
        missing: Missing,
    ) -> Option<Matched> {
        let mut out = Matched::default();
        match self.applies(rule) {
            Applies::Yes => {}
            Applies::No => return None,
            Applies::Maybe(condition) => out.parts.push(condition),
        }
        self.sides(rule, missing, &mut out);
        self.ends(rule, scope, missing, &mut out);
        self.circumstances(rule, scope, &mut out);
        for unknown in &rule.unknown {
            self.not_understood(rule, &unknown.text);
            out.parts.push(
                Open::not_understood(unknown.text.clone(), unknown.place)
                    .condition(self.names.source),
            );
        }
        Some(out)
    }

    fn sides(&mut self, rule: &Rule<'t>, missing: Missing, out: &mut Matched) {
        for (words, interfaces, ingress) in [
            (&rule.from, &rule.from_interfaces, true),
            (&rule.to, &rule.to_interfaces, false),
        ] {
            let kind = rule.rule_type.map_or("universal", |t| t.text);
            if !ingress && kind == "intrazone" {
                continue;
            }
            let mut parts = Vec::new();
            for word in words
                .iter()
                .filter(|w| w.text != "any" && w.text != "multicast")
            {
                if self.zones.interfaces(word.text).is_none() {
                    self.undefined_zone(*word);
                }
            }
            parts.extend(self.zones.side(words, ingress));
            if !interfaces.is_empty() {
                let names = interfaces.iter().map(|w| w.text.to_owned());
                let set = Arc::new(fw_model::InterfaceSet::names(names));
                parts.push(if ingress {
                    MatchExpr::Ingress(set)
                } else {
                    MatchExpr::Egress(set)
                });
            }
            let field = if ingress { "from" } else { "to" };
            match parts.is_empty() {
                true if missing == Missing::Refused => out.parts.push(self.lacks(rule, field)),
                true => {}
                false => out.parts.push(MatchExpr::any(parts)),
            }
        }
        match rule.rule_type.map_or("universal", |t| t.text) {
            "universal" => {}
            "intrazone" => out.parts.push(self.zones.within(Some(&rule.from))),
            "interzone" => out.parts.push(self.zones.within(None).negate()),
            other => {
                let text = format!("rule-type {other}");
                self.not_understood(rule, &text);
                out.parts
                    .push(Open::not_understood(text, rule.place).condition(self.names.source));
            }
        }
    }

    fn ends(&mut self, rule: &Rule<'t>, scope: usize, missing: Missing, out: &mut Matched) {
        let mut sets = [None, None];
        for (at, (words, negate, dimension)) in [
            (&rule.source, rule.negate_source, Dimension::Source),
            (
                &rule.destination,
                rule.negate_destination,
                Dimension::Destination,
            ),
        ]
        .into_iter()
        .enumerate()
        {
            if words.is_empty() {
                if missing == Missing::Refused {
                    let field = if at == 0 { "source" } else { "destination" };
                    out.parts.push(self.lacks(rule, field));
                }
                continue;
            }
            if is_any(words) {
                if negate {
                    out.parts.push(MatchExpr::Never);
                }
                continue;
            }
            let parts: Vec<Arc<Addresses>> = words
                .iter()
                .map(|w| self.names.address(scope, *w))
                .collect();
            let all = joined(&parts);
            out.uses.extend(all.uses.iter().copied());
            let mut any = Vec::with_capacity(1 + all.open.len());
            if !all.set.is_empty() {
                any.push(MatchExpr::address(dimension, Arc::clone(&all.set)));
            }
            any.extend(
                all.open
                    .iter()
                    .map(|o| o.address(dimension, self.names.source)),
            );
            let expr = MatchExpr::any(any);
            out.parts.push(if negate { expr.negate() } else { expr });
            if let Some(slot) = sets.get_mut(at) {
                *slot = Some((all.wildcard, Arc::clone(&all.set)));
            }
            let plain = (!negate).then_some(all);
            if at == 0 {
                out.source = plain;
            } else {
                out.destination = plain;
            }
        }
        if sets.iter().flatten().any(|(wildcard, _)| *wildcard) {
            let [source, destination] =
                sets.map(|s| s.map_or_else(|| Arc::new(AddressSet::any()), |(_, set)| set));
            out.wildcard = Some((source, destination));
        }
    }

    fn circumstances(&mut self, rule: &Rule<'t>, scope: usize, out: &mut Matched) {
        if let Some(users) = self.users(&rule.users) {
            out.parts.push(users);
        }
        let names = &self.names;
        let content = |what: &str, words: &[Word<'t>]| {
            if words.is_empty() || is_any(words) {
                return None;
            }
            let mut sorted: Vec<&str> = words.iter().map(|w| w.text).collect();
            sorted.sort_unstable();
            let text = format!("{what} {}", sorted.join(", "));
            // The key holds what custom categories hold, so that a change of
            // them is one of the condition.
            let mut key = text.clone();
            for held in sorted.iter().filter_map(|n| names.category(scope, n)) {
                key.push_str("; ");
                key.push_str(held);
            }
            let place = words.first().map(|w| span(names.source, w.place));
            Some(MatchExpr::opaque(ConditionKind::Content, key, text, place))
        };
        out.parts.extend(content("url category", &rule.categories));
        out.parts
            .extend(content("host profile", &rule.host_profiles));
        if let Some(name) = rule.schedule {
            out.parts.push(self.schedule(scope, name));
            out.uses.extend(
                self.names
                    .id(scope, super::names::Kind::Schedule, name.text),
            );
        }
    }

    fn users(&self, words: &[Word<'t>]) -> Option<MatchExpr> {
        if words.is_empty() || is_any(words) {
            return None;
        }
        let known = || MatchExpr::User(Arc::from([]));
        let mut parts = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for word in words {
            match word.text {
                "known-user" => parts.push(known()),
                "unknown" => parts.push(known().negate()),
                "pre-logon" => parts.push(MatchExpr::opaque(
                    ConditionKind::User,
                    "user pre-logon",
                    "user pre-logon",
                    Some(span(self.names.source, word.place)),
                )),
                name => names.push(name.to_owned()),
            }
        }
        if !names.is_empty() {
            names.sort_unstable();
            let text = format!("member of {}", names.join(", "));
            let place = words.first().map(|w| span(self.names.source, w.place));
            // A name may be a user or a group; whoever is not named may be a
            // member, but somebody without a name cannot.
            parts.push(MatchExpr::all([
                known(),
                MatchExpr::any([
                    MatchExpr::User(names.into()),
                    MatchExpr::opaque(ConditionKind::User, text.clone(), text, place),
                ]),
            ]));
        }
        Some(MatchExpr::any(parts))
    }

    fn schedule(&mut self, scope: usize, name: Word<'t>) -> MatchExpr {
        let found = self
            .names
            .schedule(scope, name.text)
            .and_then(super::schedule::schedule);
        match found {
            Some(schedule) => MatchExpr::Schedule(Arc::new(Schedule {
                name: name.text.to_owned(),
                ..schedule
            })),
            None => {
                self.names.diagnostics.push(Diagnostic {
                    code: "undefined-reference",
                    severity: Severity::Warning,
                    span: Some(span(self.names.source, name.place)),
                    message: format!("schedule `{}` is not defined or not understood", name.text),
                    effect: Effect::Opaque,
                });
                let text = format!("schedule {}", name.text);
                let place = Some(span(self.names.source, name.place));
                MatchExpr::opaque(ConditionKind::Time, text.clone(), text, place)
            }
        }
    }

    pub(super) fn lacks(&mut self, rule: &Rule<'t>, field: &str) -> MatchExpr {
        let text = format!("a rule without `{field}`");
        self.names.diagnostics.push(Diagnostic {
            code: "missing-field",
            severity: Severity::Warning,
            span: Some(span(self.names.source, rule.place)),
            message: format!(
                "rule `{}` has no `{field}`, which the device asks for",
                rule.name
            ),
            effect: Effect::Opaque,
        });
        Open::not_understood(text, rule.place).condition(self.names.source)
    }

    pub(super) fn not_understood(&mut self, rule: &Rule<'t>, text: &str) {
        self.names.diagnostics.push(Diagnostic {
            code: "opaque-line",
            severity: Severity::Warning,
            span: Some(span(self.names.source, rule.place)),
            message: format!("`{text}` of rule `{}` is not understood", rule.name),
            effect: Effect::Opaque,
        });
    }

    fn undefined_zone(&mut self, word: Word<'t>) {
        self.names.diagnostics.push(Diagnostic {
            code: "undefined-zone",
            severity: Severity::Warning,
            span: Some(span(self.names.source, word.place)),
            message: format!("zone `{}` is not defined, so it carries nothing", word.text),
            effect: Effect::Assumed,
        });
    }
}

/// Whether a target's list has a device, before negation; `None` if that
/// cannot be told.
pub(super) fn listed(target: &Target<'_>, serial: &str, system: Option<&str>) -> Option<bool> {
    if !target.tags.is_empty() {
        return None;
    }
    match target.devices.iter().find(|(s, _)| *s == serial) {
        None => Some(false),
        Some((_, systems)) if systems.is_empty() => Some(true),
        Some((_, systems)) => system.map(|system| systems.contains(&system)),
    }
}

fn target_text(target: &Target<'_>) -> String {
    let mut devices: Vec<String> = target
        .devices
        .iter()
        .map(|(serial, systems)| match systems.is_empty() {
            true => (*serial).to_owned(),
            false => format!("{serial} {}", systems.join(" ")),
        })
        .chain(target.tags.iter().map(|t| format!("tag {}", t.text)))
        .collect();
    devices.sort_unstable();
    let not = if target.negate { "not " } else { "" };
    format!("target device {not}{}", devices.join(", "))
}
