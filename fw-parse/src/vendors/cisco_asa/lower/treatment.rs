//! Inspection, idle timeouts, and whose replies pass by themselves.

use super::super::ast::{ClassAction, ClassMatch, Fixup, PolicyClass, ServicePolicy};
use super::Lowering;
use super::services::{port_set, service_of};
use fw_model::interval::IntervalSet;
use fw_model::service::{ICMP, ICMPV6, PORT_MAX, SCTP, SERVICE_MAX, TCP, UDP};
use fw_model::{
    Action, Condition, ConditionKind, ConnectionState, InterfaceSet, MatchExpr, Rule, ServiceSet,
    Span, StateSet, Treatment, TreatmentKind, TreatmentRule,
};
use std::sync::Arc;

/// Ports of the engines within `match default-inspection-traffic`: word,
/// protocol, first and last port. Source: ASA configuration guide, "Default
/// Inspections and NAT Limitations".
const DEFAULT_TRAFFIC: &[(&str, u8, u16, u16)] = &[
    ("ctiqbe", TCP, 2748, 2748),
    ("dcerpc", TCP, 135, 135),
    ("diameter", TCP, 3868, 3868),
    ("dns", UDP, 53, 53),
    ("esmtp", TCP, 25, 25),
    ("ftp", TCP, 21, 21),
    ("gtp", UDP, 2123, 2123),
    ("gtp", UDP, 3386, 3386),
    ("h323 h225", TCP, 1720, 1720),
    ("h323 ras", UDP, 1718, 1719),
    ("http", TCP, 80, 80),
    ("ils", TCP, 389, 389),
    ("ipsec-pass-thru", UDP, 500, 500),
    ("mgcp", UDP, 2427, 2427),
    ("mgcp", UDP, 2727, 2727),
    ("netbios", UDP, 137, 138),
    ("pptp", TCP, 1723, 1723),
    ("radius-accounting", UDP, 1646, 1646),
    ("rsh", TCP, 514, 514),
    ("rtsp", TCP, 554, 554),
    ("sip", TCP, 5060, 5060),
    ("sip", UDP, 5060, 5060),
    ("skinny", TCP, 2000, 2000),
    ("smtp", TCP, 25, 25),
    ("snmp", UDP, 161, 162),
    ("sqlnet", TCP, 1521, 1521),
    ("sunrpc", TCP, 111, 111),
    ("sunrpc", UDP, 111, 111),
    ("tftp", UDP, 69, 69),
    ("vxlan", UDP, 4789, 4789),
    ("waas", TCP, 1, 65535),
    ("xdmcp", UDP, 177, 177),
];

/// Idle timeouts that an untouched device has, by word, in seconds.
const DEFAULT_TIMEOUTS: &[(&str, u64)] = &[
    ("conn", 3600),
    ("udp", 120),
    ("sctp", 120),
    ("icmp", 2),
    ("sip", 1800),
    ("h225", 3600),
    ("sunrpc", 600),
];

/// Protocol and port of a connection that a timeout word is for.
const TIMEOUT_PORTS: &[(&str, u8, u16)] = &[
    ("sip", TCP, 5060),
    ("sip", UDP, 5060),
    ("h225", TCP, 1720),
    ("sunrpc", TCP, 111),
    ("sunrpc", UDP, 111),
    ("rpc", TCP, 111),
    ("rpc", UDP, 111),
];

fn all_ports() -> IntervalSet {
    IntervalSet::range(0, PORT_MAX)
}

/// The engine's own name: `h323 ras`, else the first word.
fn engine(words: &str) -> &str {
    if words.starts_with("h323 h225") {
        "h323 h225"
    } else if words.starts_with("h323 ras") {
        "h323 ras"
    } else {
        words.split(' ').next().unwrap_or(words)
    }
}

fn default_traffic(name: &str) -> ServiceSet {
    let ports = DEFAULT_TRAFFIC
        .iter()
        .filter(|(n, ..)| *n == name)
        .map(|&(_, protocol, low, high)| ServiceSet::destination_ports(protocol, low, high));
    let mut sets: Vec<ServiceSet> = ports.collect();
    if name == "icmp" {
        sets.push(ServiceSet::protocol(ICMP));
        sets.push(ServiceSet::protocol(ICMPV6));
    }
    ServiceSet::union_all(&sets)
}

impl<'a> Lowering<'_, 'a> {
    pub(super) fn treatments(&mut self) {
        let config = self.config;
        let mut policies: Vec<ServicePolicy<'a>> = config.service_policies.clone();
        // A policy of an interface goes before the global one.
        policies.sort_by_key(|p| p.interface.is_none());
        let mut echo_everywhere = false;
        let mut echo_within: Vec<(MatchExpr, Span)> = Vec::new();
        for policy in &policies {
            let within = match policy.interface {
                None => MatchExpr::Always,
                Some(name) => {
                    let set = Arc::new(InterfaceSet::name(name));
                    MatchExpr::any([MatchExpr::Ingress(Arc::clone(&set)), MatchExpr::Egress(set)])
                }
            };
            let Some(map) = config.policy_maps.iter().find(|m| m.name == policy.policy) else {
                continue;
            };
            for class in &map.classes {
                let (matches, is_default) = self.class_match(class);
                self.class_treatments(class, &within, &matches, is_default);
                for (action, place) in &class.actions {
                    let ClassAction::Inspect("icmp", words) = action else {
                        continue;
                    };
                    // `inspect icmp error` is about translated errors.
                    if words == "icmp error" {
                        continue;
                    }
                    let all = is_default || matches == MatchExpr::Always;
                    if all && within == MatchExpr::Always {
                        echo_everywhere = true;
                    } else {
                        let part = if all {
                            within.clone()
                        } else {
                            MatchExpr::all([
                                within.clone(),
                                MatchExpr::opaque(
                                    ConditionKind::Environment,
                                    format!("class {} inspects icmp", class.class),
                                    format!("ICMP of class {} is inspected", class.class),
                                    Some(self.span(*place)),
                                ),
                            ])
                        };
                        echo_within.push((part, self.span(*place)));
                    }
                }
            }
        }
        self.fixups();
        self.replies(echo_everywhere, echo_within);
        self.timeouts();
    }

    /// What a class matches, and whether it is the default inspection class.
    fn class_match(&mut self, class: &PolicyClass<'a>) -> (MatchExpr, bool) {
        let config = self.config;
        if class.class == "class-default" {
            return (MatchExpr::Always, false);
        }
        let Some(map) = config.class_maps.iter().find(|m| m.name == class.class) else {
            return (
                MatchExpr::opaque(
                    ConditionKind::NotUnderstood,
                    format!("class-map {} is not defined", class.class),
                    format!("class-map {}, which is not in the file", class.class),
                    None,
                ),
                false,
            );
        };
        let mut is_default = false;
        let mut parts = Vec::new();
        for (part, place) in &map.matches {
            match part {
                ClassMatch::Any => {}
                ClassMatch::DefaultInspection => is_default = true,
                ClassMatch::AccessList(name) => parts.push(self.list_match(name, false)),
                ClassMatch::Port(protocol, op) => {
                    let set = service_of(
                        super::super::ast::ProtocolWord::Number(*protocol),
                        &all_ports(),
                        &port_set(*op),
                    );
                    parts.push(MatchExpr::service(set));
                }
                ClassMatch::Opaque(text) => parts.push(MatchExpr::opaque(
                    ConditionKind::NotUnderstood,
                    format!("class match {text}"),
                    text.clone(),
                    Some(self.span(*place)),
                )),
            }
        }
        if map.matches.is_empty() {
            parts.push(MatchExpr::Never);
        }
        (MatchExpr::all(parts), is_default)
    }

    fn class_treatments(
        &mut self,
        class: &PolicyClass<'a>,
        within: &MatchExpr,
        matches: &MatchExpr,
        is_default: bool,
    ) {
        for (action, place) in &class.actions {
            let span = Some(self.span(*place));
            let (kind, value, narrowed) = match action {
                ClassAction::Inspect(_, words) => {
                    let name = engine(words);
                    let ports = default_traffic(name);
                    // Elsewhere the class itself says what is inspected.
                    let narrowed = if is_default && !ports.is_empty() {
                        MatchExpr::service(ports)
                    } else {
                        MatchExpr::Always
                    };
                    (TreatmentKind::Inspection, words.clone(), narrowed)
                }
                ClassAction::Timeout(seconds) => {
                    let timeout = Treatment::timeout((*seconds > 0).then_some(*seconds), span);
                    (timeout.kind, timeout.value, MatchExpr::Always)
                }
                ClassAction::StateBypass => (
                    TreatmentKind::StateBypass,
                    "tcp-state-bypass".to_owned(),
                    MatchExpr::service(ServiceSet::protocol(TCP)),
                ),
                ClassAction::Qos(words) => (TreatmentKind::Qos, words.clone(), MatchExpr::Always),
                ClassAction::Other(words) => (
                    TreatmentKind::SecurityProfile,
                    words.clone(),
                    MatchExpr::Always,
                ),
            };
            self.device.treatments.push(TreatmentRule {
                match_expr: MatchExpr::all([within.clone(), matches.clone(), narrowed]),
                treatment: Treatment { kind, value, span },
            });
        }
    }

    /// PIX 6 inspects by port.
    fn fixups(&mut self) {
        let config = self.config;
        for Fixup {
            name,
            ports,
            udp,
            place,
        } in &config.fixups
        {
            let set = match ports {
                Some((low, high)) => {
                    ServiceSet::destination_ports(if *udp { UDP } else { TCP }, *low, *high)
                }
                None => default_traffic(name),
            };
            // `fixup protocol icmp error` is about translated errors.
            if *name == "icmp" {
                continue;
            }
            if set.is_empty() {
                continue;
            }
            self.device.treatments.push(TreatmentRule {
                match_expr: MatchExpr::service(set),
                treatment: Treatment {
                    kind: TreatmentKind::Inspection,
                    value: (*name).to_owned(),
                    span: Some(self.span(*place)),
                },
            });
        }
    }

    /// TCP, UDP and all other protocols but ICMP are stateful; ICMP is where
    /// it is inspected.
    fn replies(&mut self, everywhere: bool, within: Vec<(MatchExpr, Span)>) {
        if everywhere {
            self.device.automatic_replies = ServiceSet::any();
            return;
        }
        let icmp = IntervalSet::from_ranges(
            [ICMP, ICMPV6]
                .iter()
                .map(|&p| {
                    let base = fw_model::service::service_point(p, 0);
                    (base, base | PORT_MAX)
                })
                .collect(),
        );
        self.device.automatic_replies = ServiceSet::of(icmp.complement(SERVICE_MAX), all_ports());
        if within.is_empty() {
            return;
        }
        // Where only some interfaces or classes inspect it, a reply passes
        // there: it belongs to a connection, which a first packet does not.
        self.device.tracks_connections = true;
        let established: StateSet = [ConnectionState::Established].into_iter().collect();
        let service = Arc::new(ServiceSet::of(icmp, all_ports()));
        let stages: Vec<_> = self
            .device
            .pipeline
            .forward
            .iter()
            .map(|s| s.filter)
            .collect();
        for stage in stages {
            let Some(filter) = self.device.filters.get_mut(stage.0 as usize) else {
                continue;
            };
            for (part, span) in &within {
                filter.rules.insert(
                    0,
                    Rule::new(
                        "inspect icmp",
                        MatchExpr::all([
                            MatchExpr::State(established),
                            MatchExpr::Service(Arc::clone(&service)),
                            part.clone(),
                        ]),
                        Action::Permit,
                    )
                    .at(*span),
                );
            }
        }
    }

    fn timeouts(&mut self) {
        let config = self.config;
        let find = |word: &str| {
            config
                .timeouts
                .iter()
                .find(|(w, ..)| *w == word || (word == "sunrpc" && *w == "rpc"))
        };
        let mut missing = Vec::new();
        for (word, default) in DEFAULT_TIMEOUTS {
            let (seconds, span) = match find(word) {
                Some((_, seconds, place)) => (*seconds, Some(self.span(*place))),
                None => {
                    missing.push(*word);
                    (*default, None)
                }
            };
            let sets: Vec<ServiceSet> = TIMEOUT_PORTS
                .iter()
                .filter(|(w, ..)| w == word)
                .map(|&(_, p, port)| ServiceSet::destination_ports(p, port, port))
                .collect();
            if sets.is_empty() {
                continue;
            }
            self.push_timeout(
                MatchExpr::service(ServiceSet::union_all(&sets)),
                seconds,
                span,
            );
        }
        let generic = [
            ("udp", Some(vec![UDP])),
            ("sctp", Some(vec![SCTP])),
            ("icmp", Some(vec![ICMP, ICMPV6])),
            ("conn", None),
        ];
        for (word, protocols) in generic {
            let default = DEFAULT_TIMEOUTS
                .iter()
                .find(|(w, _)| *w == word)
                .map_or(0, |(_, s)| *s);
            let (seconds, span) = match find(word) {
                Some((_, seconds, place)) => (*seconds, Some(self.span(*place))),
                None => (default, None),
            };
            let match_expr = protocols.map_or(MatchExpr::Always, |all| {
                let sets: Vec<ServiceSet> = all.into_iter().map(ServiceSet::protocol).collect();
                MatchExpr::service(ServiceSet::union_all(&sets))
            });
            self.push_timeout(match_expr, seconds, span);
        }
        if missing.contains(&"conn") && config.describes_interfaces {
            self.assume(
                "default-timeouts",
                "idle timeouts that the file does not give are those of an untouched device (TCP 1:00:00, UDP 0:02:00, ICMP 0:00:02)",
                None,
            );
        }
    }

    fn push_timeout(&mut self, match_expr: MatchExpr, seconds: u64, span: Option<Span>) {
        self.device.treatments.push(TreatmentRule {
            match_expr,
            treatment: Treatment::timeout((seconds > 0).then_some(seconds), span),
        });
    }
}

/// An open condition of the environment.
pub(super) fn environment(key: String, text: String, span: Option<Span>) -> Arc<Condition> {
    Arc::new(Condition {
        key,
        kind: ConditionKind::Environment,
        text,
        span,
    })
}
