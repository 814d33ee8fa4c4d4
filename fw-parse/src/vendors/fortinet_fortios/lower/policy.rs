//! Policies as filter rules.

use super::address::Book;
use super::{Lowering, filter, stage};
use crate::vendors::fortinet_fortios::ast::{Policy, PolicyAction};
use fw_model::filter::Action;
use fw_model::match_expr::{Condition, ConditionKind, Dimension, MatchExpr};
use fw_model::treatment::{Treatment, TreatmentKind};
use fw_model::{AddressSet, Diagnostic, Effect, Family, Rule, Severity, StageKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// What reports call the end of a policy list.
const IMPLICIT: &str = "implicit deny (policy 0)";

/// The policy lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum List {
    /// `firewall policy`
    Policy,
    /// `firewall policy6`
    Policy6,
    /// `firewall consolidated policy`
    Consolidated,
    /// `firewall security-policy`
    Security,
    /// `firewall multicast-policy`
    Multicast,
    /// `firewall local-in-policy`
    LocalIn,
    /// `firewall acl`
    Acl,
}

impl List {
    pub(super) fn book(self, v6: bool) -> Book {
        match self {
            Self::Multicast if !v6 => Book::Multicast,
            _ if v6 => Book::V6,
            _ => Book::V4,
        }
    }

    /// True if virtual addresses may stand in it.
    pub(super) fn knows_vips(self) -> bool {
        matches!(self, Self::Policy | Self::Policy6 | Self::Consolidated)
    }
}

/// What people call a policy.
pub fn rule_name(policy: &Policy<'_>) -> String {
    match policy.name {
        Some(name) => format!("{} ({name})", policy.id),
        None => policy.id.to_owned(),
    }
}

impl<'c, 't> Lowering<'c, 't> {
    /// The lists that decide about transit traffic, in order.
    pub(super) fn forward_lists(&self) -> Vec<(&'c [Policy<'t>], List)> {
        let vdom = self.vdom;
        let consolidated = vdom.settings.consolidated
            || (vdom.policies.is_empty()
                && vdom.policies6.is_empty()
                && !vdom.consolidated.is_empty());
        if consolidated {
            return vec![(vdom.consolidated.as_slice(), List::Consolidated)];
        }
        vec![
            (vdom.policies.as_slice(), List::Policy),
            (vdom.policies6.as_slice(), List::Policy6),
        ]
    }

    /// `config firewall acl`: dropped before anything else is done.
    pub(super) fn access_lists(&mut self) {
        let vdom = self.vdom;
        let mut list = filter("firewall acl", "no acl entry", Action::Permit);
        for policy in vdom.acls.iter().filter(|p| p.enabled) {
            let match_expr = self.policy_match(policy, List::Acl);
            let mut rule = Rule::new(rule_name(policy), match_expr, Action::Deny).at(policy.span);
            rule.id = Some(policy.id.to_owned());
            rule.uses = self.policy_uses(policy, List::Acl);
            list.rules.push(rule);
        }
        if !list.rules.is_empty() {
            let id = self.device.add_filter(list);
            self.device
                .pipeline
                .prerouting
                .push(stage("firewall acl", StageKind::Policy, id));
        }
    }

    /// The stages of transit traffic.
    pub(super) fn forward(&mut self) {
        let vdom = self.vdom;
        let mut multicast = filter(
            "firewall multicast-policy",
            "implicit deny (multicast)",
            Action::Deny,
        );
        for policy in vdom.multicast_policies.iter().filter(|p| p.enabled) {
            multicast
                .rules
                .extend(self.policy_rules(policy, List::Multicast));
        }
        let multicast = self.device.add_filter(multicast);

        let mut name = "firewall policy";
        let mut list = filter(name, IMPLICIT, Action::Deny);
        let groups = AddressSet::range(
            IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)),
            IpAddr::V4(Ipv4Addr::new(239, 255, 255, 255)),
        )
        .union(&AddressSet::range(
            IpAddr::V6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0)),
            IpAddr::V6(Ipv6Addr::from(u128::MAX)),
        ));
        list.rules.push(Rule::new(
            "multicast",
            MatchExpr::destination(groups),
            Action::Goto(multicast),
        ));
        list.rules.extend(self.redirect_around_policies());
        for (policies, kind) in self.forward_lists() {
            match kind {
                List::Policy6 if !policies.is_empty() => {
                    let mut six = filter("firewall policy6", IMPLICIT, Action::Deny);
                    for policy in policies.iter().filter(|p| p.enabled) {
                        six.rules.extend(self.policy_rules(policy, kind));
                    }
                    six.rules.extend(self.between_policies_and_deny());
                    let six = self.device.add_filter(six);
                    let at = list
                        .rules
                        .iter()
                        .position(|r| r.id.is_some())
                        .unwrap_or(list.rules.len());
                    list.rules.insert(
                        at,
                        Rule::new("IPv6", MatchExpr::Family(Family::V6), Action::Goto(six)),
                    );
                }
                _ => {
                    if kind == List::Consolidated {
                        name = "firewall consolidated policy";
                    }
                    for policy in policies.iter().filter(|p| p.enabled) {
                        list.rules.extend(self.policy_rules(policy, kind));
                    }
                }
            }
        }
        list.rules.extend(self.between_policies_and_deny());
        list.name = name.to_owned();
        let id = self.device.add_filter(list);
        self.device
            .pipeline
            .forward
            .push(stage("firewall policy", StageKind::Policy, id));

        if self.two_lists() {
            let mut list = filter("firewall security-policy", IMPLICIT, Action::Deny);
            for policy in vdom.security_policies.iter().filter(|p| p.enabled) {
                list.rules.extend(self.policy_rules(policy, List::Security));
            }
            let id = self.device.add_filter(list);
            self.device.pipeline.forward.push(stage(
                "firewall security-policy",
                StageKind::Policy,
                id,
            ));
        }
    }

    /// True if `security-policy` decides behind `policy`: the policy-based
    /// mode from 6.2 on; before, the policies themselves name applications.
    /// <https://docs.fortinet.com/document/fortigate/6.2.1/new-features/370579>,
    /// <https://docs.fortinet.com/document/fortigate/6.0.0/handbook/206937/ngfw-policy-mode>
    fn two_lists(&self) -> bool {
        let version = self.version().map(|v| (v.major, v.minor));
        self.vdom.settings.policy_based && version.is_none_or(|v| v >= (6, 2))
    }

    /// What a policy does. In front of `security-policy` it has no action (6.2
    /// "NGFW policy mode": "There is no schedule or action options"): what it
    /// matches goes on to that list.
    fn action_of(&self, policy: &Policy<'t>, list: List) -> PolicyAction<'t> {
        let in_front = matches!(list, List::Policy | List::Policy6 | List::Consolidated);
        if in_front && !policy.action_given && self.two_lists() {
            return PolicyAction::Accept;
        }
        policy.action
    }

    /// A policy as one rule, or several where its services have idle
    /// timeouts of their own.
    pub(super) fn policy_rules(&mut self, policy: &Policy<'t>, list: List) -> Vec<Rule> {
        if policy.action == PolicyAction::Other("ipsec")
            && let Some(mut rules) = self.ipsec_rules(policy, list)
        {
            for rule in &mut rules {
                rule.uses = self.policy_uses(policy, list);
                rule.treatments = self.policy_treatments(policy);
            }
            for unknown in &policy.unknown {
                self.not_understood(&unknown.text, unknown.span);
            }
            return rules;
        }
        let match_expr = self.policy_match(policy, list);
        let decided = self.action_of(policy, list);
        let action = match decided {
            PolicyAction::Accept => Action::Permit,
            PolicyAction::Deny if policy.reject => Action::Reject,
            PolicyAction::Deny => Action::Deny,
            PolicyAction::Other(word) => Action::Opaque(Arc::new(Condition {
                key: format!("policy action {word}"),
                kind: ConditionKind::Environment,
                text: format!("action {word}"),
                span: Some(policy.span),
            })),
        };
        let mut rule = Rule::new(rule_name(policy), match_expr, action).at(policy.span);
        rule.id = Some(policy.id.to_owned());
        rule.uses = self.policy_uses(policy, list);
        for unknown in &policy.unknown {
            self.not_understood(&unknown.text, unknown.span);
        }
        if decided == PolicyAction::Deny || list == List::LocalIn {
            return vec![rule];
        }
        rule.treatments = self.policy_treatments(policy);
        if !policy.profiles.is_empty() {
            self.assume(
                "content-permitted",
                "security profiles find nothing to block",
                Some(policy.span),
                false,
            );
        }
        self.split_by_timeout(policy, rule)
    }

    /// A service's own idle timeout goes before the policy's.
    fn split_by_timeout(&mut self, policy: &Policy<'t>, rule: Rule) -> Vec<Rule> {
        let timed = match &policy.service {
            Some(names) if !policy.service_negate => {
                self.services.union(names, Some(policy.span)).timed.clone()
            }
            _ => Vec::new(),
        };
        let mut out = Vec::new();
        for service in timed {
            let (time, span) = service.ttl;
            let mut part = rule.clone();
            part.name = format!("{} service {}", rule.name, service.name);
            part.id = Some(format!(
                "{} service {} {}",
                policy.id,
                service.name,
                out.len()
            ));
            part.match_expr = MatchExpr::all([rule.match_expr.clone(), service.expr]);
            part.treatments
                .retain(|t| t.kind != TreatmentKind::SessionTimeout);
            part.treatments.push(super::treatment::timeout(time, span));
            out.push(part);
        }
        out.push(rule);
        out
    }

    /// The objects that a policy names.
    fn policy_uses(&self, policy: &Policy<'t>, list: List) -> Vec<fw_model::DefinitionId> {
        let mut out = Vec::new();
        for (ends, v6) in [(&policy.v4, false), (&policy.v6, true)] {
            for names in [&ends.source, &ends.destination].into_iter().flatten() {
                out.extend(self.uses(list.book(v6).kind(), names));
                if list == List::Multicast {
                    out.extend(self.uses("address", names));
                }
                out.extend(self.uses("vip", names));
            }
        }
        out.extend(
            policy
                .service
                .iter()
                .flat_map(|names| self.uses("service", names)),
        );
        out.extend(
            policy
                .schedule
                .iter()
                .flat_map(|name| self.uses("schedule", &[name])),
        );
        for names in [&policy.srcintf, &policy.dstintf].into_iter().flatten() {
            out.extend(self.uses("zone", names));
        }
        out
    }

    /// What a policy matches.
    pub(super) fn policy_match(&mut self, policy: &Policy<'t>, list: List) -> MatchExpr {
        let span = Some(policy.span);
        let missing = |what: &str| {
            let text = format!("{what} is not given");
            MatchExpr::opaque(ConditionKind::NotUnderstood, text.clone(), text, span)
        };
        let mut parts = Vec::new();
        for (names, ingress) in [(&policy.srcintf, true), (&policy.dstintf, false)] {
            parts.push(match names {
                None => missing(if ingress { "srcintf" } else { "dstintf" }),
                Some(names) => {
                    self.check_interfaces(names, policy);
                    match self.interfaces(names) {
                        None => MatchExpr::Always,
                        Some(set) if ingress => MatchExpr::Ingress(set),
                        Some(set) => MatchExpr::Egress(set),
                    }
                }
            });
        }
        parts.push(self.ends(policy, list));
        parts.push(self.policy_service(policy, list));
        parts.push(self.time(policy));
        if !policy.users.is_empty() {
            let names: Vec<String> = policy.users.iter().map(|u| (*u).to_owned()).collect();
            parts.push(MatchExpr::User(names.into()));
        }
        parts.extend(self.identified(policy));
        if policy.match_vip_only {
            parts.push(MatchExpr::Translated(Dimension::Destination, None));
        }
        if !policy.unknown.is_empty() {
            let key = super::unknown_key(&policy.unknown);
            let at = policy.unknown.first().map(|u| u.span);
            let text = key.clone();
            parts.push(MatchExpr::opaque(
                ConditionKind::NotUnderstood,
                format!("policy {key}"),
                text,
                at,
            ));
        }
        MatchExpr::all(parts)
    }

    /// What a policy asks of the content: the application, once identified,
    /// and anything else that shows in packets later than the first.
    fn identified(&self, policy: &Policy<'t>) -> Vec<MatchExpr> {
        let asked = &policy.identified;
        let content = |text: String| {
            MatchExpr::opaque(ConditionKind::Content, text.clone(), text, asked.span)
        };
        let (mut applications, mut rest) = (Vec::new(), Vec::new());
        if !asked.applications.is_empty() {
            let names: Vec<String> = asked.applications.iter().map(|a| (*a).to_owned()).collect();
            applications.push(MatchExpr::Application(names.into()));
        }
        for (setting, names) in &asked.other {
            let condition = content(format!("{setting} {}", names.join(" ")));
            if *setting == "url-category" {
                rest.push(condition);
            } else {
                applications.push(condition);
            }
        }
        if !applications.is_empty() {
            rest.push(MatchExpr::any(applications));
            if asked.default_ports {
                rest.push(content("the application uses its default ports".to_owned()));
            }
        }
        rest
    }

    fn check_interfaces(&mut self, names: &[&str], policy: &Policy<'t>) {
        if !self.device.interfaces_complete {
            return;
        }
        for name in names {
            // Every virtual domain has these, printed or not.
            let built_in = ["ssl.", "l2t.", "naf."];
            if *name != "any"
                && !built_in.iter().any(|prefix| name.starts_with(prefix))
                && !self.zones.contains_key(name)
                && !self.interface_names.contains(name)
            {
                self.diagnostics.push(Diagnostic {
                    code: "undefined-reference",
                    severity: Severity::Warning,
                    span: Some(policy.span),
                    message: format!("interface or zone `{name}` is not defined"),
                    effect: Effect::None,
                });
            }
        }
    }

    fn policy_service(&mut self, policy: &Policy<'t>, list: List) -> MatchExpr {
        let span = Some(policy.span);
        let Some(names) = &policy.service else {
            return match list {
                List::Multicast | List::Security => MatchExpr::Always,
                _ if policy.internet.is_some() => MatchExpr::Always,
                _ => {
                    let text = "service is not given";
                    MatchExpr::opaque(ConditionKind::NotUnderstood, text, text, span)
                }
            };
        };
        let expr = self.services.union(names, span).expr();
        if policy.service_negate {
            expr.negate()
        } else {
            expr
        }
    }

    /// Idle timeout, decryption, profiles, shaping and logging of a policy.
    fn policy_treatments(&mut self, policy: &Policy<'t>) -> Vec<Treatment> {
        let mut out = self.inspection(policy);
        out.extend(self.nat_mode(policy));
        if !policy.identified.applications.is_empty() {
            out.push(Treatment {
                kind: TreatmentKind::Application,
                value: policy.identified.applications.join(" "),
                span: policy.identified.span,
            });
        }
        if let Some((time, span)) = policy.ttl {
            out.push(super::treatment::timeout(time, span));
        }
        out
    }
}
