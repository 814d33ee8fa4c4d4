//! Destination NAT by virtual addresses.

use super::address::Book;
use super::{Lowering, filter, stage};
use crate::vendors::fortinet_fortios::ast::{Mapped, Vdom, Vip};
use fw_model::address::{Family, bits};
use fw_model::filter::Action;
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

/// The names of virtual addresses and of their groups.
pub struct Vips<'t> {
    groups: FxHashMap<&'t str, Vec<&'t str>>,
    single: FxHashSet<&'t str>,
    /// Those that translate: with central NAT all that are enabled, else
    /// those that an enabled policy names.
    /// <https://community.fortinet.com/t5/FortiGate/Technical-Tip-Behavior-when-configured-local-in-policy-to-deny/ta-p/261055>
    in_force: FxHashSet<String>,
    /// True if any of them is in force.
    pub any: bool,
}

impl<'t> Vips<'t> {
    /// Collects the names of `vdom`.
    pub fn new(vdom: &Vdom<'t>) -> Self {
        let mut out = Self {
            groups: vdom
                .vip_groups
                .iter()
                .map(|g| (g.name, g.members.clone()))
                .collect(),
            single: vdom.vips.iter().map(|v| v.name).collect(),
            in_force: FxHashSet::default(),
            any: false,
        };
        let mut named = Vec::new();
        if vdom.settings.central_nat || vdom.settings.policy_based {
            named.extend(vdom.vips.iter().map(|v| v.name.to_owned()));
        } else {
            let lists = [&vdom.policies, &vdom.policies6, &vdom.consolidated];
            for policy in lists.into_iter().flatten().filter(|p| p.enabled) {
                let ends = [&policy.v4.destination, &policy.v6.destination];
                for name in ends.into_iter().flatten().flatten() {
                    out.expand(name, &mut named);
                }
            }
        }
        let enabled: FxHashSet<&str> = vdom
            .vips
            .iter()
            .filter(|v| v.enabled)
            .map(|v| v.name)
            .collect();
        out.in_force
            .extend(named.into_iter().filter(|n| enabled.contains(n.as_str())));
        out.any = !out.in_force.is_empty();
        out
    }

    /// The names of all that translate, sorted; `None` if there are none.
    pub fn names(&self) -> Option<Arc<[String]>> {
        let mut names: Vec<String> = self.in_force.iter().cloned().collect();
        names.sort_unstable();
        (!names.is_empty()).then(|| names.into())
    }

    /// True if the virtual address translates.
    pub fn in_force(&self, vip: &Vip<'_>) -> bool {
        self.in_force.contains(vip.name)
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
        let in_force: Vec<&Vip<'t>> = vdom.vips.iter().filter(|v| self.vips.in_force(v)).collect();
        let overlaps = overlaps(&in_force);
        for (vip, unclear) in in_force.into_iter().zip(overlaps) {
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
            _ if !vip.external_objects.is_empty() => {
                let book = match vip.mapped {
                    Mapped::Range(IpAddr::V6(_), _) => Book::V6,
                    _ => Book::V4,
                };
                self.addresses
                    .union(book, &vip.external_objects, span)
                    .expr(Dimension::Destination)
            }
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
            // Which ports it forwards may be just what is not understood.
            _ if !vip.unknown.is_empty() => MatchExpr::Always,
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
            silent: !vip.answers,
            ..Translation::default()
        };
        let pool = |set: AddressSet| AddressTranslation::Pool(Arc::new(set));
        match &vip.mapped {
            Mapped::Range(low, high) => {
                let size = |(a, b): (IpAddr, IpAddr)| bits(b).saturating_sub(bits(a));
                let external = vip.external.unwrap_or((*low, *low));
                let one_for_one = vip.external_objects.is_empty()
                    && Family::of(external.0) == Family::of(*low)
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
        if !vip.unknown.is_empty() && vip.ports.is_some() {
            let any = IntervalSet::range(0, u16::MAX.into());
            out.destination_port = Some(PortTranslation::Pool(any));
        } else if let Some((protocol, (from, _), (to, last))) = vip.ports
            && protocol != 1
            && out.destination_port.is_none()
        {
            if vip.many_ports {
                let inner = IntervalSet::range(to.into(), last.into());
                out.destination_port = Some(PortTranslation::Pool(inner));
            } else if from != to {
                out.destination_port = Some(PortTranslation::Shift { from, to });
            }
        }
        out
    }
}

/// For each virtual address the name of another one that it overlaps with
/// and that is not told apart by its interface.
fn overlaps<'t>(vips: &[&Vip<'t>]) -> Vec<Option<&'t str>> {
    let mut out = vec![None; vips.len()];
    let mut order: Vec<usize> = (0..vips.len()).collect();
    let start = |v: &Vip<'_>| v.external.map(|(a, _)| (Family::of(a), bits(a)));
    order.sort_by_key(|&at| vips.get(at).and_then(|v| start(v)));
    // Neighbors in order of their first address; a wide range is compared
    // with a bounded number of those behind it.
    for (position, &at) in order.iter().enumerate() {
        let Some(vip) = vips.get(at) else {
            continue;
        };
        for &other_at in order.iter().skip(position + 1).take(64) {
            let Some(other) = vips.get(other_at) else {
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
