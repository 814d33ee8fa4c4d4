//! Source NAT of policies and of the central table.

use super::address::Book;
use super::{Lowering, filter, stage};
use crate::vendors::fortinet_fortios::ast::{
    CentralSnat, Mapped, Policy, PolicyAction, Pool, PoolMode,
};
use fw_model::address::{Family, bits};
use fw_model::filter::{Action, FilterId};
use fw_model::match_expr::{ConditionKind, Dimension, MatchExpr};
use fw_model::{
    AddressSet, AddressTranslation, Diagnostic, Effect, IntervalSet, PortTranslation, Rule,
    ServiceSet, Severity, StageKind, Translation, Treatment, TreatmentKind,
};
use std::net::IpAddr;
use std::sync::Arc;

/// Ports that source NAT gives out.
const NAT_PORTS: (u128, u128) = (1024, 65_535);

impl<'t> Lowering<'_, 't> {
    /// Source NAT: by the policy that permitted the packet, or by the central
    /// table.
    pub(super) fn source_nat(&mut self) {
        let list = if self.central() {
            self.central_snat()
        } else {
            self.policy_snat()
        };
        if list
            .rules
            .iter()
            .all(|r| !matches!(r.action, Action::Translate(_)))
        {
            return;
        }
        let id = self.device.add_filter(list);
        self.device
            .pipeline
            .postrouting
            .push(stage("source NAT", StageKind::Nat, id));
    }

    /// True if virtual addresses and source NAT are configured apart from the
    /// policies.
    pub(super) fn central(&self) -> bool {
        self.vdom.settings.central_nat || self.vdom.settings.policy_based
    }

    fn policy_snat(&mut self) -> fw_model::Filter {
        let vdom = self.vdom;
        let mut list = filter("source NAT of policies", "no source NAT", Action::Permit);
        let lists = [&vdom.policies, &vdom.policies6, &vdom.consolidated];
        if !lists
            .iter()
            .any(|l| l.iter().any(|p| p.enabled && p.nat.enabled))
        {
            return list;
        }
        // The same packets that skip the policies skip their source NAT.
        list.rules.extend(self.redirect_around_policies());
        let own = self.vip_source_nat();
        let v6 = MatchExpr::Family(Family::V6);
        for (policies, kind) in self.forward_lists() {
            let gate = match kind {
                super::policy::List::Policy6 => v6.clone(),
                _ if !vdom.policies6.is_empty() => MatchExpr::Family(Family::V4),
                _ => MatchExpr::Always,
            };
            for policy in policies
                .iter()
                .filter(|p| p.enabled && p.action != PolicyAction::Deny)
            {
                let match_expr = MatchExpr::all([gate.clone(), self.policy_match(policy, kind)]);
                let name = super::policy::rule_name(policy);
                let action = if policy.nat.enabled {
                    Action::Translate(Arc::new(self.policy_translation(policy)))
                } else {
                    Action::Permit
                };
                if let Some(own) = own
                    && policy.nat.enabled
                    && policy.nat.pools.is_none()
                {
                    let jump = Rule::new(
                        format!("{name}, virtual addresses"),
                        match_expr.clone(),
                        Action::Jump(own),
                    );
                    list.rules.push(jump.at(policy.span));
                }
                let mut rule = Rule::new(name, match_expr, action).at(policy.span);
                rule.id = Some(policy.id.to_owned());
                if let Some(pools) = &policy.nat.pools {
                    rule.uses = self.uses("ippool", pools);
                }
                list.rules.push(rule);
            }
        }
        list
    }

    /// Hosts behind a virtual address without port forwarding leave with its
    /// outer address when their policy translates sources.
    fn vip_source_nat(&mut self) -> Option<FilterId> {
        let vdom = self.vdom;
        let mut list = filter(
            "source NAT of virtual addresses",
            "no virtual address",
            Action::Return,
        );
        for vip in vdom
            .vips
            .iter()
            .filter(|v| v.enabled && v.translates_source && v.external_objects.is_empty())
        {
            let (Mapped::Range(low, high), Some(external)) = (&vip.mapped, vip.external) else {
                continue;
            };
            let same_size = bits(external.1).wrapping_sub(bits(external.0))
                == bits(*high).wrapping_sub(bits(*low));
            if external.0 == IpAddr::from([0, 0, 0, 0]) || !same_size || !vip.services.is_empty() {
                continue;
            }
            let egress = self
                .interfaces(&[vip.interface])
                .map_or(MatchExpr::Always, MatchExpr::Egress);
            let match_expr =
                MatchExpr::all([MatchExpr::source(AddressSet::range(*low, *high)), egress]);
            let translation = Translation {
                name: vip.name.to_owned(),
                source: Some(AddressTranslation::Shift {
                    from: bits(*low),
                    to: bits(external.0),
                }),
                silent: !vip.answers,
                ..Translation::default()
            };
            let mut rule = Rule::new(
                vip.name,
                match_expr,
                Action::Translate(Arc::new(translation)),
            )
            .at(vip.span);
            rule.uses = self.uses("vip", &[vip.name]);
            list.rules.push(rule);
        }
        (!list.rules.is_empty()).then(|| self.device.add_filter(list))
    }

    fn policy_translation(&mut self, policy: &Policy<'t>) -> Translation {
        let source = match &policy.nat.pools {
            None => AddressTranslation::EgressInterface,
            Some(names) => AddressTranslation::Pool(Arc::new(self.pool_set(names, policy.span))),
        };
        let mut pools = policy.nat.pools.iter().flatten().copied();
        let keeps_ports = policy.nat.fixed_port.is_some()
            || pools.clone().any(|name| {
                self.pool(name)
                    .is_some_and(|p| p.mode == PoolMode::OneToOne)
            });
        Translation {
            name: format!("policy {}", policy.id),
            source: Some(source),
            source_port: (!keeps_ports).then(|| PortTranslation::Pool(nat_ports())),
            silent: pools.any(|name| self.pool(name).is_some_and(|p| !p.answers)),
            ..Translation::default()
        }
    }

    fn pool(&self, name: &str) -> Option<&Pool<'t>> {
        self.vdom.pools.iter().find(|p| p.name == name)
    }

    /// How the source NAT of a policy gives out addresses and ports, beyond
    /// which ones: a change of it leaves the addresses alone, but may exhaust
    /// a pool or change the ports that a peer sees.
    pub(super) fn nat_mode(&self, policy: &Policy<'t>) -> Option<Treatment> {
        let mut parts: Vec<&str> = Vec::new();
        let mut span = policy.nat.fixed_port;
        if policy.nat.fixed_port.is_some() {
            parts.push("fixed ports");
        }
        for name in policy.nat.pools.iter().flatten() {
            if let Some(pool) = self.pool(name).filter(|p| p.mode != PoolMode::Overload) {
                parts.push(pool.mode.word());
                span = Some(pool.mode_place.unwrap_or(pool.span));
            }
        }
        parts.sort_unstable();
        parts.dedup();
        (policy.nat.enabled && !parts.is_empty()).then(|| Treatment {
            kind: TreatmentKind::NatMode,
            value: parts.join(", "),
            span,
        })
    }

    fn pool_set(&mut self, names: &[&str], span: fw_model::Span) -> AddressSet {
        let mut sets = Vec::new();
        for name in names {
            match self.pool(name).and_then(|p| p.range) {
                Some((low, high)) => sets.push(AddressSet::range(low, high)),
                None => {
                    self.diagnostics.push(Diagnostic {
                        code: "undefined-reference",
                        severity: Severity::Warning,
                        span: Some(span),
                        message: format!("ippool `{name}` is not defined"),
                        effect: Effect::Opaque,
                    });
                    sets.push(AddressSet::any());
                }
            }
        }
        if sets.is_empty() {
            sets.push(AddressSet::any());
        }
        AddressSet::union_all(&sets)
    }

    fn central_snat(&mut self) -> fw_model::Filter {
        let vdom = self.vdom;
        let mut list = filter("central source NAT", "no source NAT", Action::Permit);
        for entry in vdom.central_snat.iter().filter(|e| e.enabled) {
            let match_expr = self.central_match(entry);
            let action = if entry.translates {
                let source = if entry.pools.is_empty() {
                    AddressTranslation::EgressInterface
                } else {
                    AddressTranslation::Pool(Arc::new(self.pool_set(&entry.pools, entry.span)))
                };
                let ports = match entry.nat_ports {
                    Some((low, high)) => IntervalSet::range(low.into(), high.into()),
                    None => nat_ports(),
                };
                Action::Translate(Arc::new(Translation {
                    name: format!("central-snat {}", entry.id),
                    source: Some(source),
                    source_port: Some(PortTranslation::Pool(ports)),
                    silent: entry
                        .pools
                        .iter()
                        .any(|name| self.pool(name).is_some_and(|p| !p.answers)),
                    ..Translation::default()
                }))
            } else {
                Action::Permit
            };
            let mut rule = Rule::new(entry.id, match_expr, action).at(entry.span);
            rule.id = Some(entry.id.to_owned());
            rule.uses = self.uses(
                "address",
                &[entry.source.as_slice(), &entry.destination].concat(),
            );
            rule.uses.extend(self.uses("ippool", &entry.pools));
            list.rules.push(rule);
        }
        list
    }

    fn central_match(&mut self, entry: &CentralSnat<'t>) -> MatchExpr {
        let span = Some(entry.span);
        let (book, family) = if entry.v6 {
            (Book::V6, Family::V6)
        } else {
            (Book::V4, Family::V4)
        };
        let mut parts = vec![MatchExpr::Family(family)];
        if let Some(set) = self.interfaces(&entry.srcintf) {
            parts.push(MatchExpr::Ingress(set));
        }
        if let Some(set) = self.interfaces(&entry.dstintf) {
            parts.push(MatchExpr::Egress(set));
        }
        if !entry.source.is_empty() {
            parts.push(
                self.addresses
                    .union(book, &entry.source, span)
                    .expr(Dimension::Source),
            );
        }
        if !entry.destination.is_empty() {
            parts.push(
                self.addresses
                    .union(book, &entry.destination, span)
                    .expr(Dimension::Destination),
            );
        }
        if entry.protocol.is_some()
            || entry.source_ports.is_some()
            || entry.destination_ports.is_some()
        {
            let range = |ports: Option<(u16, u16)>| {
                let (low, high) = ports.unwrap_or((0, u16::MAX));
                IntervalSet::range(low.into(), high.into())
            };
            let (source, destination) = (range(entry.source_ports), range(entry.destination_ports));
            let protocols = entry.protocol.map_or_else(|| vec![6, 17, 132], |p| vec![p]);
            let sets: Vec<ServiceSet> = protocols
                .into_iter()
                .map(|p| ServiceSet::ports(p, source.clone(), destination.clone()))
                .collect();
            parts.push(MatchExpr::service(ServiceSet::union_all(&sets)));
        }
        if !entry.unknown.is_empty() {
            let key = format!("central-snat {}", super::unknown_key(&entry.unknown));
            parts.push(MatchExpr::opaque(
                ConditionKind::NotUnderstood,
                key.clone(),
                key,
                span,
            ));
            for unknown in &entry.unknown {
                self.not_understood(&unknown.text, unknown.span);
            }
        }
        MatchExpr::all(parts)
    }
}

fn nat_ports() -> IntervalSet {
    IntervalSet::range(NAT_PORTS.0, NAT_PORTS.1)
}
