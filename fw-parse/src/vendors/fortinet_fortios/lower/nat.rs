//! Destination NAT by virtual addresses, policy routes, source NAT.

use super::address::Book;
use super::{Lowering, filter, stage};
use crate::vendors::fortinet_fortios::ast::{CentralSnat, Mapped, Policy, PolicyAction, Vdom, Vip};
use fw_model::address::{Family, bits};
use fw_model::filter::{Action, FilterId};
use fw_model::match_expr::{ConditionKind, Dimension, MatchExpr};
use fw_model::{
    AddressSet, AddressTranslation, Diagnostic, Effect, IntervalSet, PortTranslation, Rule,
    ServiceSet, Severity, StageKind, Translation,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::IpAddr;
use std::sync::Arc;

/// How deep groups of virtual addresses may nest.
const DEPTH: usize = 16;

/// Ports that source NAT gives out.
const NAT_PORTS: (u128, u128) = (1024, 65_535);

/// The names of virtual addresses and of their groups.
pub struct Vips<'t> {
    groups: FxHashMap<&'t str, Vec<&'t str>>,
    single: FxHashSet<&'t str>,
    /// True if any of them is in force.
    pub any: bool,
}

impl<'t> Vips<'t> {
    /// Collects the names of `vdom`.
    pub fn new(vdom: &Vdom<'t>) -> Self {
        Self {
            groups: vdom
                .vip_groups
                .iter()
                .map(|g| (g.name, g.members.clone()))
                .collect(),
            single: vdom.vips.iter().map(|v| v.name).collect(),
            any: vdom.vips.iter().any(|v| v.enabled),
        }
    }

    /// Adds the virtual addresses that `name` stands for; false if it stands
    /// for none.
    pub fn expand(&self, name: &str, into: &mut Vec<String>) -> bool {
        self.expand_within(name, into, 0)
    }

    fn expand_within(&self, name: &str, into: &mut Vec<String>, depth: usize) -> bool {
        if self.single.contains(name) {
            into.push(name.to_owned());
            return true;
        }
        let Some(members) = self.groups.get(name) else {
            return false;
        };
        if depth < DEPTH {
            for member in members {
                self.expand_within(member, into, depth + 1);
            }
        }
        true
    }
}

impl<'t> Lowering<'_, 't> {
    /// Virtual addresses: looked up before the route and the policies.
    pub(super) fn destination_nat(&mut self) {
        let vdom = self.vdom;
        let mut list = filter("virtual addresses", "no virtual address", Action::Permit);
        let overlaps = overlaps(&vdom.vips);
        for (vip, unclear) in vdom.vips.iter().zip(overlaps) {
            if !vip.enabled {
                continue;
            }
            let mut match_expr = self.vip_match(vip);
            if let Some(other) = unclear {
                self.diagnostics.push(Diagnostic {
                    code: "overlapping-nat",
                    severity: Severity::Warning,
                    span: Some(vip.span),
                    message: format!("virtual addresses `{}` and `{other}` overlap", vip.name),
                    effect: Effect::None,
                });
                // Both stay in file order, the first of which wins; what the
                // device does is not documented.
                self.assume(
                    "overlapping-virtual-addresses",
                    format!(
                        "of the virtual addresses {} and {other} the first in the file applies",
                        vip.name
                    ),
                    Some(vip.span),
                    false,
                );
            }
            if !vip.unknown.is_empty() {
                let key = format!("vip {}", super::unknown_key(&vip.unknown));
                for unknown in &vip.unknown {
                    self.not_understood(&unknown.text, unknown.span);
                }
                let condition = MatchExpr::opaque(
                    ConditionKind::NotUnderstood,
                    key.clone(),
                    key,
                    Some(vip.span),
                );
                match_expr = MatchExpr::all([match_expr, condition]);
            }
            let translation = self.vip_translation(vip);
            let mut rule = Rule::new(
                vip.name,
                match_expr,
                Action::Translate(Arc::new(translation)),
            )
            .at(vip.span);
            rule.id = Some(vip.name.to_owned());
            rule.uses = self.uses("vip", &[vip.name]);
            list.rules.push(rule);
        }
        if list.rules.is_empty() {
            return;
        }
        let id = self.device.add_filter(list);
        self.device
            .pipeline
            .prerouting
            .push(stage("virtual addresses", StageKind::Nat, id));
    }

    fn vip_match(&mut self, vip: &Vip<'t>) -> MatchExpr {
        let span = Some(vip.span);
        let unclear =
            |what: String| MatchExpr::opaque(ConditionKind::Environment, what.clone(), what, span);
        let ingress = match self.interfaces(&[vip.interface]) {
            None => MatchExpr::Always,
            Some(set) => MatchExpr::Ingress(set),
        };
        let filtered = if vip.interface_filter.is_empty() {
            MatchExpr::Always
        } else {
            self.interfaces(&vip.interface_filter)
                .map_or(MatchExpr::Always, MatchExpr::Ingress)
        };
        let external = match vip.external {
            Some((low, _)) if low == IpAddr::from([0, 0, 0, 0]) => {
                // The address of the interface itself.
                let addresses: Vec<AddressSet> = self
                    .device
                    .interfaces
                    .iter()
                    .filter(|i| vip.interface == "any" || i.name == vip.interface)
                    .flat_map(|i| &i.addresses)
                    .filter(|n| n.addr().is_ipv4())
                    .map(|n| AddressSet::host(n.addr()))
                    .collect();
                if addresses.is_empty() {
                    unclear(format!(
                        "destination is the address of interface {}",
                        vip.interface
                    ))
                } else {
                    MatchExpr::destination(AddressSet::union_all(&addresses))
                }
            }
            Some((low, high)) => MatchExpr::destination(AddressSet::range(low, high)),
            None => unclear(format!(
                "external address of vip {} is not understood",
                vip.name
            )),
        };
        let service = match vip.ports {
            None if vip.services.is_empty() => MatchExpr::Always,
            None => self.services.union(&vip.services, span).expr(),
            Some((1, _, _)) => MatchExpr::service(ServiceSet::protocol(1)),
            Some((protocol, (low, high), _)) => {
                MatchExpr::service(ServiceSet::destination_ports(protocol, low, high))
            }
        };
        let sources = if vip.sources.is_empty() {
            MatchExpr::Always
        } else {
            let mut parts = Vec::new();
            for word in &vip.sources {
                match crate::vendors::fortinet_fortios::read::range(word) {
                    Some((low, high)) => {
                        parts.push(MatchExpr::source(AddressSet::range(low, high)))
                    }
                    None => parts.push(unclear(format!("source filter {word}"))),
                }
            }
            MatchExpr::any(parts)
        };
        MatchExpr::all([ingress, filtered, external, service, sources])
    }

    fn vip_translation(&mut self, vip: &Vip<'t>) -> Translation {
        let mut out = Translation {
            name: vip.name.to_owned(),
            ..Translation::default()
        };
        let pool = |set: AddressSet| AddressTranslation::Pool(Arc::new(set));
        match &vip.mapped {
            Mapped::Range(low, high) => {
                let size = |(a, b): (IpAddr, IpAddr)| bits(b).saturating_sub(bits(a));
                let external = vip.external.unwrap_or((*low, *low));
                let one_for_one = Family::of(external.0) == Family::of(*low)
                    && external.0 != IpAddr::from([0, 0, 0, 0])
                    && size(external) == size((*low, *high));
                out.destination = Some(if one_for_one && low != high {
                    AddressTranslation::Shift {
                        from: bits(external.0),
                        to: bits(*low),
                    }
                } else {
                    pool(AddressSet::range(*low, *high))
                });
            }
            Mapped::Servers(servers) => {
                let hosts: Vec<AddressSet> = servers
                    .iter()
                    .map(|(ip, _)| AddressSet::host(*ip))
                    .collect();
                out.destination = Some(pool(AddressSet::union_all(&hosts)));
                let ports: IntervalSet = servers
                    .iter()
                    .filter_map(|(_, port)| *port)
                    .map(|p| (u128::from(p), u128::from(p)))
                    .collect();
                if !ports.is_empty() {
                    out.destination_port = Some(PortTranslation::Pool(ports));
                }
            }
            Mapped::Unclear => {
                self.diagnostics.push(Diagnostic {
                    code: "nat-target-unknown",
                    severity: Severity::Warning,
                    span: Some(vip.span),
                    message: format!("virtual address `{}` leads to an unknown address", vip.name),
                    effect: Effect::Opaque,
                });
                out.destination = Some(pool(AddressSet::any4()));
            }
        }
        if let Some((protocol, (from, _), (to, _))) = vip.ports
            && protocol != 1
            && from != to
            && out.destination_port.is_none()
        {
            out.destination_port = Some(PortTranslation::Shift { from, to });
        }
        out
    }

    /// Policy routes: they choose the egress before the routing table.
    pub(super) fn policy_routes(&mut self) {
        let vdom = self.vdom;
        let mut list = filter("policy routes", "routing table", Action::Permit);
        for route in &vdom.policy_routes {
            let span = Some(route.span);
            let mut parts = Vec::new();
            if !route.input.is_empty()
                && let Some(set) = self.interfaces(&route.input)
            {
                parts.push(MatchExpr::Ingress(set));
            }
            let ends = [
                (Dimension::Source, &route.sources, &route.source_objects),
                (
                    Dimension::Destination,
                    &route.destinations,
                    &route.destination_objects,
                ),
            ];
            for (dimension, nets, objects) in ends {
                let mut any = Vec::new();
                if !nets.is_empty() {
                    let sets: Vec<AddressSet> =
                        nets.iter().map(|n| AddressSet::prefix(*n)).collect();
                    any.push(MatchExpr::address(
                        dimension,
                        Arc::new(AddressSet::union_all(&sets)),
                    ));
                }
                if !objects.is_empty() {
                    any.push(
                        self.addresses
                            .union(Book::V4, objects, span)
                            .expr(dimension),
                    );
                }
                if !any.is_empty() {
                    parts.push(MatchExpr::any(any));
                }
            }
            if let Some(protocol) = route.protocol {
                let range = |ports: Option<(u16, u16)>| {
                    let (low, high) = ports.unwrap_or((0, u16::MAX));
                    IntervalSet::range(low.into(), high.into())
                };
                let set =
                    ServiceSet::ports(protocol, range(route.source_ports), range(route.ports));
                parts.push(MatchExpr::service(set));
            }
            if !route.unknown.is_empty() {
                let key = format!("policy route {}", super::unknown_key(&route.unknown));
                parts.push(MatchExpr::opaque(
                    ConditionKind::NotUnderstood,
                    key.clone(),
                    key,
                    span,
                ));
                for unknown in &route.unknown {
                    self.not_understood(&unknown.text, unknown.span);
                }
            }
            let action = match route.output.filter(|_| !route.stop) {
                Some(output) => Action::Translate(Arc::new(Translation {
                    name: format!("policy route {}", route.id),
                    egress: Some(output.to_owned()),
                    ..Translation::default()
                })),
                None => Action::Permit,
            };
            let mut rule = Rule::new(route.id, MatchExpr::all(parts), action).at(route.span);
            rule.id = Some(route.id.to_owned());
            list.rules.push(rule);
        }
        if list.rules.is_empty() {
            return;
        }
        let id = self.device.add_filter(list);
        self.device
            .pipeline
            .prerouting
            .push(stage("policy routes", StageKind::Nat, id));
    }

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
            .filter(|v| v.enabled && v.translates_source)
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
        let mut keeps_ports = policy.nat.fixed_port;
        let source = match &policy.nat.pools {
            None => AddressTranslation::EgressInterface,
            Some(names) => {
                let (set, keeps) = self.pool_set(names, policy.span);
                keeps_ports |= keeps;
                AddressTranslation::Pool(Arc::new(set))
            }
        };
        Translation {
            name: format!("policy {}", policy.id),
            source: Some(source),
            source_port: (!keeps_ports).then(|| PortTranslation::Pool(nat_ports())),
            ..Translation::default()
        }
    }

    fn pool_set(&mut self, names: &[&str], span: fw_model::Span) -> (AddressSet, bool) {
        let vdom = self.vdom;
        let mut sets = Vec::new();
        let mut keeps = false;
        for name in names {
            let pool = vdom.pools.iter().find(|p| p.name == *name);
            match pool.and_then(|p| Some((p.range?, p.keeps_ports))) {
                Some(((low, high), keeps_ports)) => {
                    sets.push(AddressSet::range(low, high));
                    keeps |= keeps_ports;
                }
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
        (AddressSet::union_all(&sets), keeps)
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
                    AddressTranslation::Pool(Arc::new(self.pool_set(&entry.pools, entry.span).0))
                };
                let ports = match entry.nat_ports {
                    Some((low, high)) => IntervalSet::range(low.into(), high.into()),
                    None => nat_ports(),
                };
                Action::Translate(Arc::new(Translation {
                    name: format!("central-snat {}", entry.id),
                    source: Some(source),
                    source_port: Some(PortTranslation::Pool(ports)),
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

/// For each virtual address the name of another one that it overlaps with
/// and that is not told apart by its interface.
fn overlaps<'t>(vips: &[Vip<'t>]) -> Vec<Option<&'t str>> {
    let mut out = vec![None; vips.len()];
    let mut order: Vec<usize> = (0..vips.len()).collect();
    let start = |v: &Vip<'_>| v.external.map(|(a, _)| (Family::of(a), bits(a)));
    order.sort_by_key(|&at| vips.get(at).and_then(start));
    // Neighbors in order of their first address; a wide range is compared
    // with a bounded number of those behind it.
    for (position, &at) in order.iter().enumerate() {
        let Some(vip) = vips.get(at).filter(|v| v.enabled) else {
            continue;
        };
        for &other_at in order.iter().skip(position + 1).take(64) {
            let Some(other) = vips.get(other_at).filter(|v| v.enabled) else {
                continue;
            };
            if meet(vip, other) {
                let (first, second) = if at < other_at {
                    (at, other.name)
                } else {
                    (other_at, vip.name)
                };
                if let Some(slot) = out.get_mut(first) {
                    *slot = Some(second);
                }
            }
        }
    }
    out
}

fn meet(a: &Vip<'_>, b: &Vip<'_>) -> bool {
    let (Some(x), Some(y)) = (a.external, b.external) else {
        return false;
    };
    let addresses =
        Family::of(x.0) == Family::of(y.0) && bits(x.0) <= bits(y.1) && bits(y.0) <= bits(x.1);
    let interfaces = a.interface == b.interface || a.interface == "any" || b.interface == "any";
    let ports = match (a.ports, b.ports) {
        (Some((p, (low, high), _)), Some((q, (from, to), _))) => {
            p == q && low <= to && from <= high
        }
        _ => true,
    };
    let told_apart = !a.sources.is_empty()
        || !b.sources.is_empty()
        || !a.services.is_empty()
        || !b.services.is_empty();
    addresses && interfaces && ports && !told_apart
}
