//! Protocols, ports and ICMP types to sets.

use super::super::ast::{
    GroupKind, Icmp, Member, PortOp, Ports, Protocol, ProtocolWord, ServiceSpec,
};
use super::objects::{GROUP_DEPTH, Objects, Open, Resolved, known, opaque_member, open_condition};
use fw_model::interval::IntervalSet;
use fw_model::service::{ICMP, ICMPV6, PORT_MAX, TCP, UDP};
use fw_model::{ConditionKind, Effect, MatchExpr, ServiceSet, Span};

/// The ports that a comparison holds for. Source: ASA command reference,
/// `access-list extended`, operators; the ends of `range` belong to it.
#[must_use]
pub fn port_set(op: PortOp) -> IntervalSet {
    match op {
        PortOp::Eq(p) => IntervalSet::single(p.into()),
        PortOp::Neq(p) => IntervalSet::single(p.into()).complement(PORT_MAX),
        PortOp::Lt(0) => IntervalSet::new(),
        PortOp::Lt(p) => IntervalSet::range(0, u128::from(p) - 1),
        PortOp::Gt(p) => IntervalSet::range(u128::from(p) + 1, PORT_MAX),
        PortOp::Range(a, b) => IntervalSet::range(a.into(), b.into()),
    }
}

fn all_ports() -> IntervalSet {
    IntervalSet::range(0, PORT_MAX)
}

/// A literal protocol with ports.
#[must_use]
pub fn service_of(
    protocol: ProtocolWord,
    source: &IntervalSet,
    destination: &IntervalSet,
) -> ServiceSet {
    let one = |p: u8| ServiceSet::ports(p, source.clone(), destination.clone());
    match protocol {
        ProtocolWord::Ip => {
            if *source == all_ports() && *destination == all_ports() {
                ServiceSet::any()
            } else {
                ServiceSet::union_all(&[one(TCP), one(UDP)])
            }
        }
        ProtocolWord::TcpUdp => ServiceSet::union_all(&[one(TCP), one(UDP)]),
        ProtocolWord::Number(n) => one(n),
    }
}

fn spec_set(spec: &ServiceSpec<'_>) -> ServiceSet {
    if let (ProtocolWord::Number(n), Some((kind, code))) = (spec.protocol, spec.icmp) {
        return ServiceSet::icmp(n, kind, code);
    }
    let ports = |op: Option<PortOp>| op.map_or_else(all_ports, port_set);
    service_of(spec.protocol, &ports(spec.source), &ports(spec.destination))
}

impl<'a> Objects<'_, 'a> {
    /// The services of a group: mixed, ports of a protocol, protocols, or
    /// ICMP types.
    pub fn group_services(&mut self, name: &str) -> Resolved<ServiceSet> {
        self.group_services_at(name, &mut Vec::new())
    }

    fn group_services_at(&mut self, name: &str, path: &mut Vec<usize>) -> Resolved<ServiceSet> {
        let Some(&at) = self.groups.get(name) else {
            let open = self.undefined("object-group", name);
            return known(ServiceSet::empty(), vec![open]);
        };
        if let Some(Some(done)) = self.group_services.get(at) {
            return done.clone();
        }
        if path.contains(&at) || path.len() >= GROUP_DEPTH {
            let open = self.cycle(name);
            return known(ServiceSet::empty(), vec![open]);
        }
        let config = self.config;
        let Some(group) = config.groups.get(at) else {
            return known(ServiceSet::empty(), Vec::new());
        };
        if group.members.is_empty() {
            self.report(
                "empty-group",
                Effect::None,
                format!("object-group `{name}` is empty and matches nothing"),
                Some(group.place),
            );
        }
        path.push(at);
        let mut sets: Vec<ServiceSet> = Vec::with_capacity(group.members.len());
        let mut open = Vec::new();
        for (member, place) in &group.members {
            let span = Span::line(self.source, place.line, place.length);
            match member {
                Member::Service(spec) => sets.push(spec_set(spec)),
                Member::ServiceObject(o) => match self.service(o) {
                    Some(spec) => match spec.opaque {
                        None => sets.push(spec_set(spec)),
                        Some(text) => open.push(opaque_member(text, span)),
                    },
                    None => {
                        let part = self.undefined("object service", o);
                        open.push(part);
                    }
                },
                Member::Port(op) => {
                    let protocol = match group.kind {
                        GroupKind::Ports(p) => p,
                        _ => ProtocolWord::TcpUdp,
                    };
                    sets.push(service_of(protocol, &all_ports(), &port_set(*op)));
                }
                Member::Protocol(p) => sets.push(service_of(*p, &all_ports(), &all_ports())),
                Member::Icmp(kind, code) => {
                    sets.push(ServiceSet::icmp(ICMP, *kind, *code));
                    sets.push(ServiceSet::icmp(ICMPV6, *kind, *code));
                }
                Member::Group(g) => {
                    let part = self.group_services_at(g, path);
                    sets.push((*part.set).clone());
                    open.extend(part.open.iter().cloned());
                }
                Member::Opaque(text) => open.push(opaque_member(text, span)),
                _ => open.push(Open {
                    key: format!("member of {name} is no service"),
                    text: format!("a member of object-group {name} is no service"),
                    kind: ConditionKind::NotUnderstood,
                    name: None,
                    span: Some(span),
                }),
            }
        }
        path.pop();
        let resolved = known(ServiceSet::union_all(&sets), open);
        if (path.is_empty() || resolved.open.is_empty())
            && let Some(slot) = self.group_services.get_mut(at)
        {
            *slot = Some(resolved.clone());
        }
        resolved
    }

    /// The condition that protocol, ports and ICMP type make.
    pub fn service_expr(
        &mut self,
        protocol: Protocol<'a>,
        source: Option<Ports<'a>>,
        destination: Option<Ports<'a>>,
        icmp: Option<Icmp<'a>>,
    ) -> MatchExpr {
        if protocol == Protocol::Word(ProtocolWord::Ip) && source.is_none() && destination.is_none()
        {
            return MatchExpr::Always;
        }
        let key = (protocol, source, destination, icmp);
        if let Some(done) = self.service_sets.get(&key) {
            return done.clone();
        }
        let expr = self.service_expr_of(protocol, source, destination, icmp);
        self.service_sets.insert(key, expr.clone());
        expr
    }

    fn service_expr_of(
        &mut self,
        protocol: Protocol<'a>,
        source: Option<Ports<'a>>,
        destination: Option<Ports<'a>>,
        icmp: Option<Icmp<'a>>,
    ) -> MatchExpr {
        // By far the most entries.
        if let (Protocol::Word(p), None) = (protocol, icmp) {
            let ports = |ports: Option<Ports<'a>>| match ports {
                None => Some(all_ports()),
                Some(Ports::Op(op)) => Some(port_set(op)),
                Some(Ports::Group(_)) => None,
            };
            if let (Some(source), Some(destination)) = (ports(source), ports(destination)) {
                let set = service_of(p, &source, &destination);
                return if set.is_empty() {
                    MatchExpr::Never
                } else {
                    MatchExpr::service(set)
                };
            }
        }
        let mut open: Vec<Open> = Vec::new();
        let base = match protocol {
            Protocol::Word(p) => service_of(p, &all_ports(), &all_ports()),
            Protocol::Object(name) => match self.service(name) {
                Some(spec) => match spec.opaque {
                    None => spec_set(spec),
                    Some(text) => {
                        open.push(Open {
                            key: format!("service {text}"),
                            text: format!("object service {name}"),
                            kind: ConditionKind::NotUnderstood,
                            name: None,
                            span: None,
                        });
                        ServiceSet::empty()
                    }
                },
                None => {
                    open.push(self.undefined("object service", name));
                    ServiceSet::empty()
                }
            },
            Protocol::Group(name) => {
                let part = self.group_services(name);
                open.extend(part.open.iter().cloned());
                (*part.set).clone()
            }
        };
        let mut set = base;
        // Every further word narrows the protocol; a part of it that is not
        // known leaves open what it would narrow to.
        let mut narrowed_open: Vec<Open> = Vec::new();
        if let Some(ports) = source {
            let (ports, more) = self.ports(ports);
            narrowed_open.extend(more);
            set = narrow(&set, &ports, &all_ports());
        }
        if let Some(ports) = destination {
            let (ports, more) = self.ports(ports);
            narrowed_open.extend(more);
            set = narrow(&set, &all_ports(), &ports);
        }
        match icmp {
            Some(Icmp::Type(kind, code)) => {
                let both = ServiceSet::union_all(&[
                    ServiceSet::icmp(ICMP, kind, code),
                    ServiceSet::icmp(ICMPV6, kind, code),
                ]);
                set = set.intersect(&both);
            }
            Some(Icmp::Group(name)) => {
                let part = self.group_services(name);
                narrowed_open.extend(part.open.iter().cloned());
                set = set.intersect(&part.set);
            }
            None => {}
        }
        let mut parts = vec![if set.is_empty() {
            MatchExpr::Never
        } else {
            MatchExpr::service(set)
        }];
        for part in &open {
            parts.push(open_condition(part, "service"));
        }
        for part in &narrowed_open {
            let within = match protocol {
                Protocol::Word(p) => MatchExpr::service(service_of(p, &all_ports(), &all_ports())),
                _ => MatchExpr::Always,
            };
            parts.push(MatchExpr::all([within, open_condition(part, "service")]));
        }
        MatchExpr::any(parts)
    }

    fn ports(&mut self, ports: Ports<'a>) -> (IntervalSet, Vec<Open>) {
        match ports {
            Ports::Op(op) => (port_set(op), Vec::new()),
            Ports::Group(name) => {
                let part = self.group_services(name);
                let mut ranges = Vec::new();
                for term in part.set.terms() {
                    for (_, low, high) in fw_model::service::by_protocol(&term.service) {
                        ranges.push((low.into(), high.into()));
                    }
                }
                (IntervalSet::from_ranges(ranges), part.open.to_vec())
            }
        }
    }
}

fn narrow(set: &ServiceSet, source: &IntervalSet, destination: &IntervalSet) -> ServiceSet {
    let with_ports: Vec<ServiceSet> = [TCP, UDP, 33, 132, 136]
        .into_iter()
        .map(|p| ServiceSet::ports(p, source.clone(), destination.clone()))
        .collect();
    set.intersect(&ServiceSet::union_all(&with_ports))
}
