//! Security policy: first match on the addresses and ports as they came in,
//! and on the zones of the interfaces after translation.

use super::application::RuleTimeout;
use super::matching::{Matched, Missing};
use super::names::{Open, span};
use super::{Lower, RuleLayer, Site};
use crate::vendors::paloalto_panos::ast::Rule as Syntax;
use fw_model::{
    Action, AddressSet, ConditionKind, Device, Diagnostic, Filter, FilterId, InterfaceSet,
    MatchExpr, Rule, Stage, StageKind, Treatment, TreatmentKind, View,
};
use std::sync::Arc;

/// The name of the security filter in reports.
const FILTER: &str = "security";
/// Up to how many rules with wildcard addresses are compared pair by pair.
const WILDCARD_RULES: usize = 200;

/// What other virtual systems of the same firewall need to know.
pub(super) struct Shared {
    pub(super) stage: Stage,
    /// Interfaces of this virtual system, if there are others.
    own: Option<Vec<String>>,
    /// Names of neighbours whose traffic it takes.
    neighbours: Vec<String>,
    system: String,
}

impl<'t> Lower<'t> {
    pub(super) fn read_security(&mut self, site: &Site<'t>) -> Shared {
        let mut rules: Vec<Rule> = self.untold_rules();
        if let Some(own) = &site.own_interfaces {
            rules.push(elsewhere(own));
        }
        if !self.zones.assumed {
            rules.push(self.without_zone());
        }
        let mut wildcards: Vec<(usize, Arc<AddressSet>, Arc<AddressSet>)> = Vec::new();
        for layer in self.layers.clone() {
            for rule in &layer.rules.security {
                if rule.disabled {
                    continue;
                }
                if let Some((model, matched)) = self.security_rule(rule, layer) {
                    if let Some((source, destination)) = matched.wildcard {
                        wildcards.push((rules.len(), source, destination));
                    }
                    rules.push(model);
                }
            }
        }
        self.overlapping_wildcards(&mut rules, &wildcards);
        let (within, between) = self.defaults(site);
        rules.push(within);
        let id = self.device.add_filter(Filter {
            name: FILTER.into(),
            rules,
            default: between,
        });
        Shared {
            stage: stage("security policy", id),
            own: site.own_interfaces.clone(),
            neighbours: site
                .neighbours
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
            system: site.system.unwrap_or_default().to_owned(),
        }
    }

    /// A packet that comes in or leaves by an interface without a zone is
    /// dropped.
    fn without_zone(&self) -> Rule {
        let zoned = Arc::new(self.zones.all());
        Rule::new(
            "interface without a zone",
            MatchExpr::any([
                MatchExpr::Ingress(Arc::clone(&zoned)).negate(),
                MatchExpr::Egress(zoned).negate(),
            ]),
            Action::Deny,
        )
    }

    fn security_rule(
        &mut self,
        rule: &'t Syntax<'t>,
        layer: RuleLayer<'t>,
    ) -> Option<(Rule, Matched)> {
        let mut matched = self.matched(rule, layer.scope, Missing::Refused)?;
        for (field, words) in [
            ("application", &rule.applications),
            ("service", &rule.services),
        ] {
            if words.is_empty() {
                let lacking = self.lacks(rule, field);
                matched.parts.push(lacking);
            }
        }
        let (traffic, timeouts) =
            self.application_and_service(rule, layer.scope, &mut matched.uses);
        // What ports and addresses decide is looked at before conditions.
        matched.parts.push(traffic);
        let expr = MatchExpr::all(matched.parts.drain(..));
        let action = self.action(rule);
        let place = span(self.names.source, rule.place);
        let mut treatments = Vec::new();
        if matches!(action, Action::Permit | Action::Opaque(_)) {
            treatments = self.rule_treatments(rule, layer.scope, &expr, timeouts);
        }
        let mut uses = std::mem::take(&mut matched.uses);
        uses.sort_unstable();
        uses.dedup();
        let model = Rule {
            name: rule.name.to_owned(),
            id: Some(identity(layer.label, rule.name)),
            span: Some(place),
            match_expr: expr,
            effects: Vec::new(),
            action,
            treatments,
            uses,
            assumption: None,
        };
        Some((model, matched))
    }

    /// The inspection profiles of a rule, with a number that stands for what
    /// they say where the configuration defines them.
    fn profiles(&self, rule: &Syntax<'t>, scope: usize) -> Vec<String> {
        let named = |text: &String| {
            let settings = text
                .split_once(' ')
                .and_then(|(kind, name)| self.names.profile_settings(scope, kind, name));
            match settings {
                Some(settings) => format!("{text} (settings {:08x})", settings >> 32),
                None => text.clone(),
            }
        };
        rule.profiles.iter().map(|(text, _)| named(text)).collect()
    }

    fn action(&mut self, rule: &Syntax<'t>) -> Action {
        match rule.action.map(|a| a.text) {
            Some("allow") => Action::Permit,
            Some("drop") if !rule.icmp_unreachable => Action::Deny,
            Some("deny") => Action::Deny,
            Some("drop" | "reset-client" | "reset-server" | "reset-both") => Action::Reject,
            other => {
                let text = other.map_or_else(
                    || "a rule without an action".to_owned(),
                    |word| format!("action {word}"),
                );
                self.not_understood(rule, &text);
                match Open::not_understood(text, rule.place).condition(self.names.source) {
                    MatchExpr::Opaque(condition) => Action::Opaque(condition),
                    _ => Action::Deny,
                }
            }
        }
    }

    fn rule_treatments(
        &mut self,
        rule: &Syntax<'t>,
        scope: usize,
        expr: &MatchExpr,
        timeouts: Vec<RuleTimeout>,
    ) -> Vec<Treatment> {
        let mut out = Vec::new();
        let at = |place| Some(span(self.names.source, place));
        if !rule.applications.iter().any(|a| a.text == "any") && !rule.applications.is_empty() {
            let mut names: Vec<&str> = rule.applications.iter().map(|a| a.text).collect();
            names.sort_unstable();
            // On which ports is a matter of what matches.
            out.push(Treatment {
                kind: TreatmentKind::Application,
                value: names.join(", "),
                span: rule.applications.first().and_then(|a| at(a.place)),
            });
        }
        if !rule.profiles.is_empty() {
            let mut values = self.profiles(rule, scope);
            if rule.no_server_inspection {
                values.push("no inspection of server responses".to_owned());
            }
            out.push(Treatment {
                kind: TreatmentKind::SecurityProfile,
                value: values.join(", "),
                span: rule.profiles.first().and_then(|(_, p)| at(*p)),
            });
        }
        out.push(Treatment {
            kind: TreatmentKind::Logging,
            value: logging(rule),
            span: at(rule.place),
        });
        if let Some((marking, place)) = &rule.qos {
            out.push(Treatment {
                kind: TreatmentKind::Qos,
                value: marking.clone(),
                span: at(*place),
            });
        }
        self.service_timeouts(rule, expr, timeouts, &mut out);
        out
    }

    /// Among rules with wildcard addresses that match, the one with the
    /// longest mask prefix is tried instead of the first one (before 10.2.1,
    /// and later unless told otherwise). Where two of them overlap, the order
    /// is not known.
    fn overlapping_wildcards(
        &self,
        rules: &mut [Rule],
        wildcards: &[(usize, Arc<AddressSet>, Arc<AddressSet>)],
    ) {
        for (at, (index, source, destination)) in wildcards.iter().enumerate() {
            let many = wildcards.len() > WILDCARD_RULES;
            let overlaps = many
                || wildcards.iter().enumerate().any(|(other, (_, s, d))| {
                    other != at
                        && !s.intersect(source).is_empty()
                        && !d.intersect(destination).is_empty()
                });
            if overlaps && let Some(rule) = rules.get_mut(*index) {
                let text = format!("order of wildcard rules for {source} to {destination}");
                let open =
                    MatchExpr::opaque(ConditionKind::Environment, text.clone(), text, rule.span);
                let expr = std::mem::replace(&mut rule.match_expr, MatchExpr::Never);
                rule.match_expr = MatchExpr::all([expr, open]);
            }
        }
    }

    /// `intrazone-default` and `interzone-default`.
    fn defaults(&mut self, site: &Site<'t>) -> (Rule, Rule) {
        let within = self.zones.within(None);
        let mut pair = [
            Rule::new("intrazone-default", within, Action::Permit),
            Rule::new("interzone-default", MatchExpr::Always, Action::Deny),
        ];
        for (default, name) in pair
            .iter_mut()
            .zip(["intrazone-default", "interzone-default"])
        {
            default.id = Some(name.to_owned());
            default.treatments.push(Treatment {
                kind: TreatmentKind::Logging,
                value: "none".into(),
                span: None,
            });
            let found = site
                .defaults
                .iter()
                .find_map(|(rules, _)| rules.iter().find(|r| r.name == name));
            let Some(found) = found else { continue };
            default.span = Some(span(self.names.source, found.place));
            if found.action.is_some() {
                default.action = self.action(found);
            }
            for unknown in &found.unknown {
                self.not_understood(found, &unknown.text);
                let open = Open::not_understood(unknown.text.clone(), unknown.place);
                if let MatchExpr::Opaque(condition) = open.condition(self.names.source) {
                    default.action = Action::Opaque(condition);
                }
            }
            let log = found.log_end.is_some() || found.log_start.is_some();
            if log && let Some(logged) = default.treatments.first_mut() {
                logged.value = logging_with(found, false);
                logged.span = default.span;
            }
            if !found.profiles.is_empty() {
                let values: Vec<&str> = found.profiles.iter().map(|(p, _)| p.as_str()).collect();
                default.treatments.push(Treatment {
                    kind: TreatmentKind::SecurityProfile,
                    value: values.join(", "),
                    span: default.span,
                });
            }
        }
        let [within, between] = pair;
        (within, between)
    }
}

/// The identity of a rule: its name, with the layer where names are unique
/// within that alone.
pub(super) fn identity(label: &str, name: &str) -> String {
    if label.is_empty() {
        name.to_owned()
    } else {
        format!("{label}: {name}")
    }
}

/// Sessions are logged at their end unless the rule says otherwise.
fn logging(rule: &Syntax<'_>) -> String {
    logging_with(rule, true)
}

fn logging_with(rule: &Syntax<'_>, end_by_default: bool) -> String {
    let mut parts: Vec<String> = Vec::new();
    if rule.log_start == Some(true) {
        parts.push("session start".into());
    }
    if rule.log_end.unwrap_or(end_by_default) {
        parts.push("session end".into());
    }
    if let Some(to) = rule.log_setting {
        parts.push(format!("forwarded by {}", to.text));
    }
    if parts.is_empty() {
        "none".into()
    } else {
        parts.join(", ")
    }
}

fn stage(name: &str, filter: FilterId) -> Stage {
    Stage {
        name: name.into(),
        kind: StageKind::Policy,
        filter,
        view: View::ORIGINAL,
    }
}

/// Traffic between interfaces of other virtual systems is not this one's
/// business.
fn elsewhere(own: &[String]) -> Rule {
    let own = Arc::new(InterfaceSet::names(own.iter().cloned()));
    Rule::new(
        "other virtual systems",
        MatchExpr::all([
            MatchExpr::Ingress(Arc::clone(&own)).negate(),
            MatchExpr::Egress(own).negate(),
        ]),
        Action::Permit,
    )
}

/// Lets a packet between virtual systems be judged by the policies of both:
/// each device gets the filters of the virtual systems that it is connected
/// to, behind its own.
pub(super) fn judge_by_all(lowered: &mut [(Device, Vec<Diagnostic>, Shared)]) {
    let filters: Vec<Option<Filter>> = lowered
        .iter()
        .map(|(device, _, shared)| device.filter(shared.stage.filter).cloned())
        .collect();
    let systems: Vec<(String, Vec<String>, bool)> = lowered
        .iter()
        .map(|(_, _, s)| (s.system.clone(), s.neighbours.clone(), s.own.is_some()))
        .collect();
    for (at, (device, _, shared)) in lowered.iter_mut().enumerate() {
        for (other, (system, neighbours, bounded)) in systems.iter().enumerate() {
            let connected =
                shared.neighbours.contains(system) || neighbours.contains(&shared.system);
            if other == at || !connected || !bounded {
                continue;
            }
            if let Some(Some(filter)) = filters.get(other) {
                let mut filter = filter.clone();
                filter.name = format!("{system} {FILTER}");
                for rule in filter.rules.iter_mut().chain([&mut filter.default]) {
                    // Object identities are per device.
                    rule.uses.clear();
                }
                let id = device.add_filter(filter);
                let next = stage(&format!("security policy of {system}"), id);
                device.pipeline.forward.push(next);
            }
        }
    }
}
