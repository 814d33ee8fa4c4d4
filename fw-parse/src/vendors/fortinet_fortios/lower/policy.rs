//! Policies as filter rules.

use super::address::Book;
use super::{Lowering, filter, stage};
use crate::vendors::fortinet_fortios::ast::{Ends, InternetService, Policy, PolicyAction, Version};
use fw_model::filter::Action;
use fw_model::match_expr::{Condition, ConditionKind, Dimension, InterfaceSet, MatchExpr};
use fw_model::treatment::Treatment;
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
    fn book(self, v6: bool) -> Book {
        match self {
            Self::Multicast if !v6 => Book::Multicast,
            _ if v6 => Book::V6,
            _ => Book::V4,
        }
    }

    /// True if virtual addresses may stand in it.
    fn knows_vips(self) -> bool {
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

        if vdom.settings.policy_based {
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

    /// Packets that leave by the interface they came in by may skip the
    /// policies, see [`Self::same_interface`]. Where a policy permits them
    /// anyway that changes nothing; whether an explicit deny holds them is
    /// not documented, so the condition stays open.
    pub(super) fn redirect_around_policies(&self) -> Option<Rule> {
        let (certain, open) = self.same_interface();
        let all = MatchExpr::any([certain, open]);
        if all == MatchExpr::Never {
            return None;
        }
        let text = "traffic back out of its interface skips deny policies";
        let skips = MatchExpr::opaque(ConditionKind::Environment, text, text, None);
        Some(Rule::new(
            "allow-traffic-redirect",
            MatchExpr::all([all, skips]),
            Action::Permit,
        ))
    }

    /// What stands between the last policy and the implicit deny: traffic
    /// within a zone that permits it, and traffic back out of its interface.
    fn between_policies_and_deny(&self) -> Vec<Rule> {
        let mut out = Vec::new();
        let vdom = self.vdom;
        for zone in vdom
            .zones
            .iter()
            .filter(|z| z.intrazone && !z.interfaces.is_empty())
        {
            let names = Arc::new(InterfaceSet::names(
                zone.interfaces.iter().map(|i| (*i).to_owned()),
            ));
            let inside = MatchExpr::all([
                MatchExpr::Ingress(Arc::clone(&names)),
                MatchExpr::Egress(names),
            ]);
            let mut rule = Rule::new(format!("intrazone {}", zone.name), inside, Action::Permit);
            rule.span = zone.span;
            out.push(rule);
        }
        let (certain, open) = self.same_interface();
        let name = "allow-traffic-redirect";
        if certain != MatchExpr::Never {
            out.push(Rule::new(name, certain, Action::Permit));
        }
        if open != MatchExpr::Never {
            let condition = Condition {
                key: "same-interface traffic without a policy".to_owned(),
                kind: ConditionKind::Environment,
                text: "same-interface traffic without a policy depends on the version and on allow-traffic-redirect"
                    .to_owned(),
                span: None,
            };
            out.push(Rule::new(name, open, Action::Opaque(Arc::new(condition))));
        }
        out
    }

    /// Traffic that leaves by the interface it came in by and needs no
    /// policy: certainly, and possibly.
    ///
    /// With `allow-traffic-redirect` (the default before 7.4.10 and 7.6.5)
    /// it passes if its source lies on the interface's subnet and it is not
    /// translated; from other sources it needed a policy before 7.0.16,
    /// 7.2.11 and 7.4.4, and what holds since is not documented clearly.
    /// <https://community.fortinet.com/fortigate-3/technical-tip-traffic-handled-by-fortigate-for-packets-with-ingress-egress-as-same-interface-98332>
    fn same_interface(&self) -> (MatchExpr, MatchExpr) {
        let version = self.version();
        let global = &self.config.global;
        let default = version.and_then(redirect_default);
        let (mut certain, mut open) = (Vec::new(), Vec::new());
        let plain = if self.vips.any {
            MatchExpr::Translated(Dimension::Destination, None).negate()
        } else {
            MatchExpr::Always
        };
        for interface in self.device.interfaces.iter().filter(|i| i.enabled) {
            let names = Arc::new(InterfaceSet::name(interface.name.clone()));
            let back = MatchExpr::all([
                MatchExpr::Ingress(Arc::clone(&names)),
                MatchExpr::Egress(names),
                plain.clone(),
            ]);
            for (family, option) in [
                (Family::V4, global.redirect),
                (Family::V6, global.redirect6),
            ] {
                let connected =
                    AddressSet::of(family, interface.connected().family(family).clone());
                let switch = option.or(default);
                let known = (!connected.is_empty()).then(|| MatchExpr::source(connected));
                let near = match &known {
                    Some(source) => MatchExpr::all([back.clone(), source.clone()]),
                    None => MatchExpr::Never,
                };
                let far = if interface.dynamic_address || (known.is_none() && family == Family::V4)
                {
                    MatchExpr::all([back.clone(), MatchExpr::Family(family)])
                } else {
                    match known {
                        Some(source) => MatchExpr::all([
                            back.clone(),
                            MatchExpr::Family(family),
                            source.negate(),
                        ]),
                        None => MatchExpr::Never,
                    }
                };
                let far_needs_policy = version.is_some_and(off_subnet_needs_policy);
                match switch {
                    Some(true) => {
                        certain.push(near);
                        if !far_needs_policy || interface.dynamic_address {
                            open.push(far);
                        }
                    }
                    Some(false) => {}
                    None => open.extend([near, far]),
                }
            }
        }
        (MatchExpr::any(certain), MatchExpr::any(open))
    }

    /// A policy as one rule, or several where its services have idle
    /// timeouts of their own.
    pub(super) fn policy_rules(&mut self, policy: &Policy<'t>, list: List) -> Vec<Rule> {
        let match_expr = self.policy_match(policy, list);
        let action = match policy.action {
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
        if policy.action == PolicyAction::Deny {
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
                .retain(|t| t.kind != fw_model::TreatmentKind::SessionTimeout);
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

    fn check_interfaces(&mut self, names: &[&str], policy: &Policy<'t>) {
        if !self.device.interfaces_complete {
            return;
        }
        for name in names {
            if *name != "any"
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

    /// Source and destination of both families.
    fn ends(&mut self, policy: &Policy<'t>, list: List) -> MatchExpr {
        let internet = policy.internet.is_some();
        let internet_source = policy.internet_source.is_some();
        let given = |ends: &Ends<'_>| {
            (
                ends.source.is_some() || internet_source,
                ends.destination.is_some() || internet,
            )
        };
        let (v4, v6) = (given(&policy.v4), given(&policy.v6));
        // Only the ends that are written down count for IPv6: an internet
        // service stands for IPv4 addresses.
        let six = policy.v6.source.is_some() && policy.v6.destination.is_some();
        if (policy.v6.source.is_some() != policy.v6.destination.is_some()) && v4 == (true, true) {
            self.assume(
                "one-sided-ipv6",
                "a policy with IPv6 addresses on one side alone matches no IPv6 traffic",
                Some(policy.span),
                false,
            );
        }
        let mut families = Vec::new();
        if v4 == (true, true) || (!six && v6 != (true, true)) {
            families.push(self.family_ends(policy, list, &policy.v4, Family::V4));
        }
        if six {
            families.push(self.family_ends(policy, list, &policy.v6, Family::V6));
        }
        MatchExpr::any(families)
    }

    fn family_ends(
        &mut self,
        policy: &Policy<'t>,
        list: List,
        ends: &Ends<'t>,
        family: Family,
    ) -> MatchExpr {
        let book = list.book(family == Family::V6);
        let span = Some(policy.span);
        let missing = |what: &str| {
            let text = format!("{what} is not given");
            MatchExpr::opaque(ConditionKind::NotUnderstood, text.clone(), text, span)
        };
        // A certain set of addresses of one family implies the family.
        let mut certain = false;
        let source = match (&policy.internet_source, &ends.source) {
            (Some(service), _) => self.internet(service, Dimension::Source),
            (None, Some(names)) => {
                // Multicast addresses are destinations.
                let book = if book == Book::Multicast {
                    Book::V4
                } else {
                    book
                };
                let set = self.addresses.union(book, names, span);
                certain |= set.is_exact() && !ends.source_negate;
                let expr = set.expr(Dimension::Source);
                if ends.source_negate {
                    expr.negate()
                } else {
                    expr
                }
            }
            (None, None) => missing("srcaddr"),
        };
        let destination = match (&policy.internet, &ends.destination) {
            (Some(service), _) => self.internet(service, Dimension::Destination),
            (None, Some(names)) => self.destination(policy, list, ends, names, book),
            (None, None) => missing("dstaddr"),
        };
        let gate = if certain {
            MatchExpr::Always
        } else {
            MatchExpr::Family(family)
        };
        MatchExpr::all([gate, source, destination])
    }

    /// The destination of a policy. Without central NAT, translated packets
    /// are matched by the virtual address that translated them; a plain
    /// address matches packets that were not translated.
    /// <https://community.fortinet.com/fortigate-3/technical-tip-deny-policy-for-virtual-ip-firewall-policy-94794>
    fn destination(
        &mut self,
        policy: &Policy<'t>,
        list: List,
        ends: &Ends<'t>,
        names: &[&'t str],
        book: Book,
    ) -> MatchExpr {
        let span = Some(policy.span);
        let translated = MatchExpr::Translated(Dimension::Destination, None);
        let (mut vips, mut plain) = (Vec::new(), Vec::new());
        for name in names {
            if !list.knows_vips() || !self.vips.expand(name, &mut vips) {
                plain.push(*name);
            }
        }
        let has_vips = plain.len() < names.len();
        let set = self.addresses.union(book, &plain, span);
        let expr = set.expr(Dimension::Destination);
        if self.central() || !self.vips.any {
            if !has_vips {
                return if ends.destination_negate {
                    expr.negate()
                } else {
                    expr
                };
            }
            if self.central() {
                let text = format!(
                    "virtual addresses {} in a policy with central NAT",
                    vips.join(" ")
                );
                let open = MatchExpr::opaque(ConditionKind::Environment, text.clone(), text, span);
                return MatchExpr::any([expr, open]);
            }
        }
        let by_vip = if has_vips {
            vips.sort_unstable();
            vips.dedup();
            MatchExpr::Translated(Dimension::Destination, Some(vips.into()))
        } else {
            MatchExpr::Never
        };
        if ends.destination_negate {
            let text = "negated destination of translated traffic";
            let open = MatchExpr::opaque(ConditionKind::Environment, text, text, span);
            return MatchExpr::any([
                MatchExpr::all([translated.clone().negate(), expr.negate()]),
                MatchExpr::all([translated, by_vip.negate(), open]),
            ]);
        }
        let direct = if plain.is_empty() {
            MatchExpr::Never
        } else if policy.match_vip_only {
            // Which version of the address is compared is not documented.
            self.translated_destination(&set, span)
        } else {
            MatchExpr::all([translated.clone().negate(), expr])
        };
        let caught = match policy.action {
            PolicyAction::Deny
                if !plain.is_empty() && !policy.match_vip_only && list.knows_vips() =>
            {
                let inner = MatchExpr::all([translated, self.translated_destination(&set, span)]);
                match policy
                    .match_vip
                    .or_else(|| self.version().and_then(match_vip_default))
                {
                    Some(true) => inner,
                    Some(false) => MatchExpr::Never,
                    None => {
                        let text = "match-vip of a deny policy is not given and its default depends on the version";
                        MatchExpr::all([
                            inner,
                            MatchExpr::opaque(
                                ConditionKind::Environment,
                                "match-vip default",
                                text,
                                span,
                            ),
                        ])
                    }
                }
            }
            _ => MatchExpr::Never,
        };
        MatchExpr::any([direct, by_vip, caught])
    }

    /// A plain address compared with a translated destination: certain where
    /// it holds both the outer and the inner address, open where only one.
    fn translated_destination(
        &self,
        set: &super::address::Resolved,
        span: Option<fw_model::Span>,
    ) -> MatchExpr {
        if *set.exact == AddressSet::any4() || *set.exact == AddressSet::any6() {
            return set.expr(Dimension::Destination);
        }
        let inner = set.expr(Dimension::Destination);
        let outer = MatchExpr::Original(Box::new(inner.clone()));
        let text = "which address of translated traffic the policy compares";
        let open = MatchExpr::opaque(ConditionKind::Environment, text, text, span);
        MatchExpr::any([
            MatchExpr::all([inner.clone(), outer.clone()]),
            MatchExpr::all([MatchExpr::any([inner, outer]), open]),
        ])
    }

    /// Internet services are a list of addresses and ports that the device
    /// gets from elsewhere.
    fn internet(&mut self, service: &InternetService, dimension: Dimension) -> MatchExpr {
        let mut any = Vec::new();
        for name in &service.names {
            let defined = self
                .vdom
                .internet_services
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, text)| text.as_str())
                .unwrap_or("");
            let word = match dimension {
                Dimension::Source => "source",
                Dimension::Destination => "destination",
            };
            let text = format!("internet-service {name}");
            let key = format!("{text} {word} {defined}");
            let addresses = MatchExpr::opaque(
                ConditionKind::Name(text.clone(), dimension),
                key.trim_end(),
                text.clone(),
                service.span,
            );
            any.push(match dimension {
                Dimension::Source => addresses,
                Dimension::Destination => {
                    let ports = MatchExpr::opaque(
                        ConditionKind::Environment,
                        format!("{} ports", key.trim_end()),
                        format!("ports of {text}"),
                        service.span,
                    );
                    MatchExpr::all([addresses, ports])
                }
            });
        }
        if any.is_empty() {
            let text = "internet-service without a name";
            any.push(MatchExpr::opaque(
                ConditionKind::NotUnderstood,
                text,
                text,
                service.span,
            ));
        }
        let expr = MatchExpr::any(any);
        if service.negate { expr.negate() } else { expr }
    }

    /// Idle timeout, decryption, profiles, shaping and logging of a policy.
    fn policy_treatments(&mut self, policy: &Policy<'t>) -> Vec<Treatment> {
        let mut out = self.inspection(policy);
        if let Some((time, span)) = policy.ttl {
            out.push(super::treatment::timeout(time, span));
        }
        out
    }
}

/// The default of `allow-traffic-redirect`.
fn redirect_default(version: Version) -> Option<bool> {
    let at_least = |patch: u16| version.patch.map(|p| p >= patch);
    match (version.major, version.minor) {
        (7, 4) => at_least(10).map(|new| !new),
        (7, 6) => at_least(5).map(|new| !new),
        (7, minor) if minor > 6 => Some(false),
        (major, _) => Some(major < 8),
    }
}

/// True if same-interface traffic from sources off the interface's subnet
/// always needs a policy.
fn off_subnet_needs_policy(version: Version) -> bool {
    let before = |patch: u16| version.patch.is_some_and(|p| p < patch);
    match (version.major, version.minor) {
        (7, 0) => before(16),
        (7, 2) => before(11),
        (7, 4) => before(4),
        (major, _) => major < 7,
    }
}

/// The default of `match-vip` on deny policies: sources differ on whether
/// 7.2.3 or 7.2.4 was the first to enable it.
fn match_vip_default(version: Version) -> Option<bool> {
    match (version.major, version.minor, version.patch) {
        (7, 2, None | Some(3)) => None,
        (7, 2, Some(patch)) => Some(patch > 3),
        (major, minor, _) => Some((major, minor) > (7, 2)),
    }
}
