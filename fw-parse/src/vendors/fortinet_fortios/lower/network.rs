//! Interfaces, zones, routes.

use super::{Lowering, filter, stage};
use crate::vendors::fortinet_fortios::ast;
use fw_model::filter::Action;
use fw_model::match_expr::{Condition, ConditionKind, InterfaceSet, MatchExpr};
use fw_model::{
    Diagnostic, Effect, Interface, NextHop, Route, Rule, Severity, SourceCheck, Span, StageKind,
    Zone,
};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

impl<'t> Lowering<'_, 't> {
    /// First packets are refused where no route leads back to their source;
    /// with `strict-src-check` the best one has to. FortiOS administration
    /// guide, "RPF check".
    fn source_check(&self, interface: &ast::Interface<'t>) -> SourceCheck {
        let settings = &self.vdom.settings;
        if interface.any_source || !settings.bypasses.is_empty() {
            SourceCheck::Off
        } else if settings.strict_source.is_some() {
            SourceCheck::Strict
        } else {
            SourceCheck::Feasible
        }
    }

    /// Interfaces, zones and routes; an interface with settings that are not
    /// understood makes everything that crosses it undecided.
    pub(super) fn network(&mut self) {
        let vdom = self.vdom;
        self.device.interfaces_complete = vdom.has_interfaces;
        self.device.dynamic_routing = vdom.dynamic_routing.is_some();
        let mut unclear = filter(
            "interface settings",
            "settings are understood",
            Action::Permit,
        );
        for interface in &vdom.interfaces {
            let vrf = table(interface.vrf);
            self.device.interfaces.push(Interface {
                name: interface.name.to_owned(),
                hardware: None,
                vrf,
                addresses: with_shared(interface),
                dynamic_address: interface.dynamic,
                enabled: interface.up && !self.carrier_is_down(interface),
                management_only: interface.management,
                source_check: self.source_check(interface),
                span: interface.span,
            });
            self.learned_route(interface);
            if let Some(first) = interface.unknown.first() {
                let key = super::unknown_key(&interface.unknown);
                let names = Arc::new(InterfaceSet::name(interface.name));
                let condition = Arc::new(Condition {
                    key: format!("interface {}: {key}", interface.name),
                    kind: ConditionKind::NotUnderstood,
                    text: key,
                    span: Some(first.span),
                });
                let crosses = MatchExpr::any([
                    MatchExpr::Ingress(Arc::clone(&names)),
                    MatchExpr::Egress(names),
                ]);
                // Where it lets a packet pass, the policies still decide.
                let rule = Rule::new(
                    interface.name,
                    MatchExpr::all([crosses, MatchExpr::Opaque(condition)]),
                    Action::Deny,
                );
                unclear.rules.push(rule.at(first.span));
                for unknown in &interface.unknown {
                    self.not_understood(&unknown.text, unknown.span);
                }
            }
        }
        if !vdom.has_interfaces {
            self.mentioned_interfaces();
        }
        for zone in &vdom.zones {
            let names: Vec<String> = zone.interfaces.iter().map(|i| (*i).to_owned()).collect();
            self.zones.insert(zone.name, names.clone());
            self.device.zones.push(Zone {
                name: zone.name.to_owned(),
                interfaces: names,
                span: zone.span,
            });
        }
        for route in &vdom.routes {
            self.route(route);
        }
        if !unclear.rules.is_empty() {
            let id = self.device.add_filter(unclear);
            let stage = stage("interface settings", StageKind::Policy, id);
            self.device.pipeline.input.push(stage.clone());
            self.device.pipeline.forward.push(stage);
        }
    }

    /// The interfaces of a file that does not list them: those that policies,
    /// zones and routes name.
    fn mentioned_interfaces(&mut self) {
        let vdom = self.vdom;
        let mut names: Vec<&str> = Vec::new();
        let lists = [
            &vdom.policies,
            &vdom.policies6,
            &vdom.consolidated,
            &vdom.security_policies,
            &vdom.multicast_policies,
            &vdom.local_in,
            &vdom.acls,
        ];
        for policy in lists.into_iter().flatten() {
            let ends = [&policy.srcintf, &policy.dstintf];
            names.extend(ends.into_iter().flatten().flatten().copied());
        }
        for entry in &vdom.central_snat {
            names.extend(entry.srcintf.iter().chain(&entry.dstintf).copied());
        }
        for zone in &vdom.zones {
            names.extend(&zone.interfaces);
        }
        names.extend(vdom.routes.iter().filter_map(|r| r.device));
        for route in &vdom.policy_routes {
            names.extend(route.input.iter().copied().chain(route.output));
        }
        for vip in &vdom.vips {
            names.push(vip.interface);
            names.extend(&vip.interface_filter);
        }
        names.retain(|n| *n != "any" && !vdom.zones.iter().any(|z| z.name == *n));
        names.sort_unstable();
        names.dedup();
        for name in names {
            self.device.interfaces.push(Interface {
                name: name.to_owned(),
                enabled: true,
                ..Interface::default()
            });
        }
    }

    /// A VLAN interface carries nothing while its interface is down, which may
    /// belong to another domain.
    fn carrier_is_down(&self, interface: &ast::Interface<'t>) -> bool {
        let Some((carrier, _)) = interface.carrier else {
            return false;
        };
        self.config
            .vdoms
            .iter()
            .flat_map(|v| &v.interfaces)
            .any(|i| !i.up && i.name == carrier)
    }

    /// The default route that comes with an address from DHCP or PPPoE, and
    /// the addresses of virtual routers.
    fn learned_route(&mut self, interface: &ast::Interface<'t>) {
        if !interface.shared.is_empty() {
            self.assume(
                "vrrp-master",
                "the device is the master of its virtual routers (VRRP)",
                interface.span,
                true,
            );
        }
        let up = interface.up && !self.carrier_is_down(interface);
        let Some(distance) = interface.default_route.filter(|_| up) else {
            return;
        };
        self.assume(
            "learned-default-route",
            format!("{} gets a default route with its address", interface.name),
            interface.span,
            true,
        );
        self.device.routes.push(Route {
            vrf: table(interface.vrf),
            prefix: IpNet::V4(ipnet::Ipv4Net::default()),
            next: NextHop::Interface(interface.name.to_owned(), None),
            metric: metric(distance, 0),
            span: interface.span,
        });
    }

    /// Says that a text is not understood.
    pub(super) fn not_understood(&mut self, text: &str, span: Span) {
        self.diagnostics.push(Diagnostic {
            code: "not-understood",
            severity: Severity::Warning,
            span: Some(span),
            message: format!("`{}` is not understood", super::first_line(text)),
            effect: Effect::Opaque,
        });
    }

    /// Names of interfaces and zones as interfaces; `None` for `any`.
    pub(super) fn interfaces(&mut self, names: &[&str]) -> Option<Arc<InterfaceSet>> {
        if names.contains(&"any") {
            return None;
        }
        let mut out: Vec<String> = Vec::new();
        for name in names {
            match self.zones.get(name) {
                Some(members) => out.extend(members.iter().cloned()),
                None => out.push((*name).to_owned()),
            }
        }
        Some(Arc::new(InterfaceSet::names(out)))
    }

    fn route(&mut self, route: &ast::Route<'t>) {
        if route.internet.is_some() {
            // Looked up like a policy route.
            return;
        }
        let metric = metric(route.distance, route.priority);
        let prefixes = match (route.object, route.prefix) {
            (Some(name), _) => self.object_prefixes(name, route),
            (None, Some(prefix)) => vec![prefix],
            (None, None) => Vec::new(),
        };
        let mut next: Vec<NextHop> = Vec::new();
        if route.blackhole {
            next.push(NextHop::Discard);
        } else if let Some(device) = route.device {
            next.push(NextHop::Interface(device.to_owned(), route.gateway));
        } else if !route.zones.is_empty() {
            // One of the members, which one is decided at run time.
            for zone in &route.zones {
                for member in self.zones.get(zone).into_iter().flatten() {
                    let gateways = &self.vdom.member_gateways;
                    let gateway = gateways
                        .iter()
                        .find(|(interface, _)| interface == member)
                        .map(|(_, gateway)| *gateway);
                    next.push(NextHop::Interface(member.clone(), gateway));
                }
            }
        } else if let Some(gateway) = route.gateway {
            next.push(NextHop::Gateway(gateway));
        }
        for prefix in prefixes {
            for next in &next {
                self.device.routes.push(Route {
                    vrf: table(route.vrf),
                    prefix,
                    next: next.clone(),
                    metric,
                    span: Some(route.span),
                });
            }
        }
    }

    /// The prefixes of an address object, if it is made of prefixes.
    pub(super) fn object_prefixes(&mut self, name: &str, route: &ast::Route<'t>) -> Vec<IpNet> {
        let book = if route.v6 {
            super::address::Book::V6
        } else {
            super::address::Book::V4
        };
        let resolved = self.addresses.union(book, &[name], Some(route.span));
        if !resolved.is_exact() {
            return Vec::new();
        }
        let mut out = Vec::new();
        for family in [fw_model::Family::V4, fw_model::Family::V6] {
            for &(low, high) in resolved.exact.family(family).ranges() {
                // A range is a few prefixes; a cap keeps odd masks small.
                let nets: Vec<IpNet> = match (family.address(low), family.address(high)) {
                    (IpAddr::V4(a), IpAddr::V4(b)) => {
                        ipnet::Ipv4Subnets::new(a, b, 0).map(IpNet::V4).collect()
                    }
                    (IpAddr::V6(a), IpAddr::V6(b)) => {
                        ipnet::Ipv6Subnets::new(a, b, 0).map(IpNet::V6).collect()
                    }
                    _ => Vec::new(),
                };
                out.extend(nets);
                if out.len() > 4096 {
                    return Vec::new();
                }
            }
        }
        out
    }
}

/// The addresses of an interface, those that it shares as a virtual router
/// last.
fn with_shared(interface: &ast::Interface<'_>) -> Vec<IpNet> {
    let shared = interface.shared.iter().map(|a| IpNet::from(*a));
    interface.addresses.iter().copied().chain(shared).collect()
}

/// Distance, then priority: the lower one is preferred.
fn metric(distance: u64, priority: u64) -> u32 {
    let metric = distance.min(255) * 65_536 + priority.min(65_535);
    u32::try_from(metric).unwrap_or(u32::MAX)
}

/// The name of a routing table; the default one has none.
fn table(vrf: u64) -> String {
    if vrf == 0 {
        String::new()
    } else {
        vrf.to_string()
    }
}
