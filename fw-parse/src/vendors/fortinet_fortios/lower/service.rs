//! Services as service sets.

use crate::vendors::fortinet_fortios::ast::{
    Group, PortPair, Service, ServiceKind, Timeout, Vdom, Version,
};
use crate::vendors::fortinet_fortios::read::ports;
use crate::vendors::fortinet_fortios::services::{self, Predefined};
use fw_model::match_expr::{ConditionKind, MatchExpr};
use fw_model::service::{ICMP, ICMPV6, PORT_MAX, TCP, UDP};
use fw_model::{AddressSet, Diagnostic, Effect, IntervalSet, ServiceSet, Severity, Span};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// How deep groups may nest.
const DEPTH: usize = 64;

/// What services match: a set, and conditions for the rest.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Certain members.
    pub exact: Arc<ServiceSet>,
    /// More members.
    pub open: Vec<MatchExpr>,
    /// The services in it that have idle timeouts of their own.
    pub timed: Vec<Timed>,
}

/// A service with an idle timeout of its own.
#[derive(Clone, Debug)]
pub struct Timed {
    /// Its name.
    pub name: String,
    /// What it matches.
    pub expr: MatchExpr,
    /// The timeout and where it stands.
    pub ttl: (Timeout, Span),
}

impl Resolved {
    /// As a condition.
    pub fn expr(&self) -> MatchExpr {
        let exact = (!self.exact.is_empty() || self.open.is_empty())
            .then(|| MatchExpr::Service(Arc::clone(&self.exact)));
        MatchExpr::any(exact.into_iter().chain(self.open.iter().cloned()))
    }

    fn exactly(set: ServiceSet) -> Self {
        Self {
            exact: Arc::new(set),
            ..Self::default()
        }
    }
}

/// All services of a virtual domain.
pub struct Services<'c, 't> {
    custom: FxHashMap<&'t str, &'c Service<'t>>,
    groups: FxHashMap<&'t str, &'c Group<'t>>,
    release: Option<(u16, u16)>,
    resolved: FxHashMap<String, Option<Arc<Resolved>>>,
    unions: FxHashMap<Vec<String>, Arc<Resolved>>,
    /// What there is to say.
    pub diagnostics: Vec<Diagnostic>,
}

impl<'c, 't> Services<'c, 't> {
    /// Prepares the services of `vdom` on a device of a version.
    pub fn new(vdom: &'c Vdom<'t>, version: Option<Version>) -> Self {
        Self {
            custom: vdom.services.iter().map(|s| (s.name, s)).collect(),
            groups: vdom.service_groups.iter().map(|g| (g.name, g)).collect(),
            release: version.map(|v| (v.major, v.minor)),
            resolved: FxHashMap::default(),
            unions: FxHashMap::default(),
            diagnostics: Vec::new(),
        }
    }

    /// The union of the named services.
    pub fn union(&mut self, names: &[&str], span: Option<Span>) -> Arc<Resolved> {
        if let [one] = names {
            return self.object(one, span, 0);
        }
        let key: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        if let Some(done) = self.unions.get(&key) {
            return Arc::clone(done);
        }
        let parts: Vec<Arc<Resolved>> = names.iter().map(|n| self.object(n, span, 0)).collect();
        let union = Arc::new(joined(&parts));
        self.unions.insert(key, Arc::clone(&union));
        union
    }

    fn object(&mut self, name: &str, span: Option<Span>, depth: usize) -> Arc<Resolved> {
        match self.resolved.get(name) {
            Some(Some(done)) => return Arc::clone(done),
            Some(None) => return Arc::new(open(&format!("cyclic service group {name}"), span)),
            None => {}
        }
        if depth > DEPTH {
            return Arc::new(open(&format!("deeply nested service group {name}"), span));
        }
        self.resolved.insert(name.to_owned(), None);
        let resolved = Arc::new(self.lookup(name, span, depth));
        self.resolved
            .insert(name.to_owned(), Some(Arc::clone(&resolved)));
        resolved
    }

    fn lookup(&mut self, name: &str, span: Option<Span>, depth: usize) -> Resolved {
        if let Some(service) = self.custom.get(name).copied() {
            return self.custom_service(service);
        }
        if let Some(group) = self.groups.get(name).copied() {
            if !group.unknown.is_empty() {
                let key = format!(
                    "service group {:?} {}",
                    group.members,
                    super::unknown_key(&group.unknown)
                );
                return open(&key, Some(group.span));
            }
            if group.members.is_empty() {
                self.diagnostics.push(Diagnostic {
                    code: "empty-group",
                    severity: Severity::Warning,
                    span: Some(group.span),
                    message: format!("service group `{name}` has no members"),
                    effect: Effect::None,
                });
            }
            let parts: Vec<Arc<Resolved>> = group
                .members
                .iter()
                .map(|m| self.object(m, Some(group.span), depth + 1))
                .collect();
            return joined(&parts);
        }
        if let Some(service) = services::service(name, self.release) {
            return Resolved::exactly(predefined(service));
        }
        if let Some(members) = services::group(name) {
            let parts: Vec<Arc<Resolved>> = members
                .iter()
                .map(|m| self.object(m, span, depth + 1))
                .collect();
            return joined(&parts);
        }
        // Old releases write `ANY` for all services.
        if matches!(name, "ANY" | "any") {
            return Resolved::exactly(ServiceSet::any());
        }
        self.diagnostics.push(Diagnostic {
            code: "undefined-reference",
            severity: Severity::Warning,
            span,
            message: format!("service `{name}` is not defined"),
            effect: Effect::Opaque,
        });
        open(&format!("undefined service {name}"), span)
    }

    fn custom_service(&mut self, service: &Service<'t>) -> Resolved {
        let span = Some(service.span);
        if !service.unknown.is_empty() {
            let key = format!(
                "service {:?} {}",
                service.kind,
                super::unknown_key(&service.unknown)
            );
            return open(&key, span);
        }
        let set = match &service.kind {
            ServiceKind::Ports(lists) => {
                let parts: Vec<ServiceSet> = lists
                    .iter()
                    .flat_map(|(protocol, pairs)| pairs.iter().map(|p| pair(*protocol, *p)))
                    .collect();
                if parts.is_empty() {
                    self.diagnostics.push(Diagnostic {
                        code: "empty-service",
                        severity: Severity::Warning,
                        span,
                        message: format!("service `{}` has no ports", service.name),
                        effect: Effect::None,
                    });
                }
                ServiceSet::union_all(&parts)
            }
            ServiceKind::Icmp(protocol, kind, code) => icmp(*protocol, *kind, *code),
            ServiceKind::Protocol(Some(n)) => ServiceSet::protocol(*n),
            ServiceKind::Protocol(None) => ServiceSet::any(),
            ServiceKind::Proxy => ServiceSet::empty(),
        };
        let mut out = match service.destinations {
            None => Resolved::exactly(set),
            Some((low, high)) => Resolved {
                open: vec![MatchExpr::all([
                    MatchExpr::service(set),
                    MatchExpr::destination(AddressSet::range(low, high)),
                ])],
                ..Resolved::default()
            },
        };
        let udp = MatchExpr::service(ServiceSet::protocol(UDP));
        if let Some((seconds, span)) = service.udp_idle {
            out.timed.push(Timed {
                name: service.name.to_owned(),
                expr: MatchExpr::all([out.expr(), udp.clone()]),
                ttl: (Timeout::Seconds(seconds), span),
            });
        }
        if let Some(ttl) = service.ttl {
            let expr = if service.udp_idle.is_some() {
                MatchExpr::all([out.expr(), udp.negate()])
            } else {
                out.expr()
            };
            out.timed.push(Timed {
                name: service.name.to_owned(),
                expr,
                ttl,
            });
        }
        out
    }
}

fn open(text: &str, span: Option<Span>) -> Resolved {
    Resolved {
        open: vec![MatchExpr::opaque(
            ConditionKind::NotUnderstood,
            text,
            text,
            span,
        )],
        ..Resolved::default()
    }
}

fn joined(parts: &[Arc<Resolved>]) -> Resolved {
    Resolved {
        exact: Arc::new(ServiceSet::union_all(
            parts.iter().map(|p| p.exact.as_ref()),
        )),
        open: parts.iter().flat_map(|p| p.open.iter().cloned()).collect(),
        timed: parts.iter().flat_map(|p| p.timed.iter().cloned()).collect(),
    }
}

/// Ports of a protocol; source ports belong to their own destination ports.
fn pair(protocol: u8, (destination, source): PortPair) -> ServiceSet {
    let range = |(low, high): (u16, u16)| IntervalSet::range(low.into(), high.into());
    let source = source.map_or_else(|| IntervalSet::range(0, PORT_MAX), range);
    ServiceSet::ports(protocol, source, range(destination))
}

fn icmp(protocol: u8, kind: Option<u8>, code: Option<u8>) -> ServiceSet {
    match kind {
        Some(kind) => ServiceSet::icmp(protocol, kind, code),
        None => ServiceSet::protocol(protocol),
    }
}

fn predefined(service: Predefined) -> ServiceSet {
    match service {
        Predefined::Ports(tcp, udp) => {
            let read = |protocol: u8, text: &'static str| {
                text.split_ascii_whitespace().filter_map(move |word| {
                    let (destination, source) = match word.split_once(':') {
                        Some((d, s)) => (ports(d)?, Some(ports(s)?)),
                        None => (ports(word)?, None),
                    };
                    Some(pair(protocol, (destination, source)))
                })
            };
            let parts: Vec<ServiceSet> = read(TCP, tcp).chain(read(UDP, udp)).collect();
            ServiceSet::union_all(&parts)
        }
        Predefined::Icmp(protocol, kind) => {
            icmp(if protocol == 1 { ICMP } else { ICMPV6 }, kind, None)
        }
        Predefined::Protocol(Some(n)) => ServiceSet::protocol(n),
        Predefined::Protocol(None) => ServiceSet::any(),
        Predefined::Proxy => ServiceSet::empty(),
    }
}
