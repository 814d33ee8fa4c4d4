//! What a rule asks of a packet: core options and the match modules whose
//! meaning is exact. The others are in [`super::undecidable`].

use super::address::{self, Addresses, family};
use super::ast::{Argument, Module, Protocol, Rule, Setting};
use super::sets::{Sets, flag};
use super::{connection, context, names, time, undecidable};
use fw_model::match_expr::MarkRegister;
use fw_model::packet::tcp_flags;
use fw_model::service::{ICMP, ICMPV6, PORT_MAX, has_ports};
use fw_model::{
    AddressSet, ConditionKind, Dimension, InterfaceSet, IntervalSet, MatchExpr, ServiceSet, Span,
};
use std::sync::Arc;

/// The hooks as bits, for the set of hooks that lead to a chain.
pub(super) mod hook {
    pub const PREROUTING: u8 = 1;
    pub const INPUT: u8 = 2;
    pub const FORWARD: u8 = 4;
    pub const OUTPUT: u8 = 8;
    pub const POSTROUTING: u8 = 16;

    /// The bit of a built-in chain.
    pub fn of(chain: &str) -> u8 {
        match chain {
            "PREROUTING" => PREROUTING,
            "INPUT" => INPUT,
            "FORWARD" => FORWARD,
            "OUTPUT" => OUTPUT,
            "POSTROUTING" => POSTROUTING,
            _ => 0,
        }
    }
}

/// What other rules of a rule set do to marks and to connections.
#[derive(Clone, Copy, Default)]
pub(super) struct Marks {
    /// A packet's mark may come from its connection.
    pub restored: bool,
    /// A rule sets marks in a way that cannot be told.
    pub unknown: bool,
    /// A rule hands connections to SYNPROXY.
    pub proxied: bool,
}

/// Where a rule stands.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub protocol: Protocol,
    pub table: &'static str,
    pub chain: &'s str,
    /// The rule stands in a built-in chain.
    pub built_in: bool,
    /// The hooks from which the chain is reached.
    pub hooks: u8,
    pub marks: Marks,
    pub span: Span,
    /// How many rules with the same text stand above it in the chain.
    pub repetition: u32,
}

/// What a rule's options come to.
#[derive(Default)]
pub(super) struct Matched {
    pub parts: Vec<MatchExpr>,
    /// Why the loader refuses the rule.
    pub faults: Vec<String>,
    /// Words that are not understood.
    pub not_understood: Vec<String>,
    /// The one protocol it is for.
    pub protocol: Option<u8>,
    /// The destination ports it is for, if it names them.
    pub destination_ports: Option<IntervalSet>,
    /// The addresses it is for, if it names them without negation.
    pub source: Option<AddressSet>,
    pub destination: Option<AddressSet>,
    /// Names of the sets it asks.
    pub sets: Vec<String>,
    /// Sets it asks whose content is not given.
    pub missing_sets: Vec<String>,
    /// Interfaces it names.
    pub interfaces: Vec<String>,
    /// It asks for the time without saying that it means local time.
    pub utc: bool,
    service: Option<ServiceSet>,
}

fn every_port() -> IntervalSet {
    IntervalSet::range(0, PORT_MAX)
}

impl Matched {
    fn narrow(&mut self, set: ServiceSet) {
        self.service = Some(match self.service.take() {
            Some(old) => old.intersect(&set),
            None => set,
        });
    }

    pub fn refuse(&mut self, why: impl Into<String>) {
        self.faults.push(why.into());
    }

    pub fn push(&mut self, negated: bool, expr: MatchExpr) {
        self.parts.push(if negated { expr.negate() } else { expr });
    }
}

/// Reads everything a rule asks.
pub(super) fn rule(rule: &Rule<'_>, scope: &Scope<'_>, sets: &mut Sets<'_, '_>) -> Matched {
    let mut out = Matched::default();
    out.faults.extend(rule.faults.iter().cloned());
    protocol(rule, &mut out);
    out.source = addresses(&rule.source, Dimension::Source, scope, &mut out);
    out.destination = addresses(&rule.destination, Dimension::Destination, scope, &mut out);
    interface(&rule.ingress, Dimension::Source, scope, &mut out);
    interface(&rule.egress, Dimension::Destination, scope, &mut out);
    if rule.fragment == Some(false) {
        // Only later fragments match, and no first packet of a connection is
        // one; with connection tracking none is seen at all.
        out.parts.push(MatchExpr::Never);
    }
    for module in &rule.matches {
        match_module(rule, module, scope, sets, &mut out);
    }
    for setting in &rule.unknown {
        let text = setting.text();
        out.parts.push(MatchExpr::opaque(
            ConditionKind::NotUnderstood,
            format!("option {text}"),
            text.clone(),
            Some(scope.span),
        ));
        out.not_understood.push(text);
    }
    if let Some(service) = out.service.take()
        && service != ServiceSet::any()
    {
        out.parts.insert(0, MatchExpr::service(service));
    }
    out
}

fn protocol(rule: &Rule<'_>, out: &mut Matched) {
    let Some(argument) = &rule.protocol else {
        return;
    };
    let Some(number) = names::protocol(&argument.value) else {
        out.refuse(format!("`{}` is no protocol", argument.value));
        return;
    };
    if number == 0 {
        if argument.negated {
            out.refuse("`! -p all` matches nothing");
        }
        return;
    }
    let set = ServiceSet::protocol(number);
    if argument.negated {
        out.narrow(set.complement());
    } else {
        out.protocol = Some(number);
        out.narrow(set);
    }
}

fn addresses(
    argument: &Option<Argument<'_>>,
    dimension: Dimension,
    scope: &Scope<'_>,
    out: &mut Matched,
) -> Option<AddressSet> {
    let argument = argument.as_ref()?;
    let mut union = AddressSet::empty();
    let mut open = Vec::new();
    if argument.negated && argument.value.contains(',') {
        out.refuse("`!` before a list of addresses");
        return None;
    }
    for text in argument.value.split(',') {
        match address::network(text.trim(), scope.protocol) {
            Addresses::Set(set) => union = union.union(&set),
            Addresses::Name(name) => open.push(MatchExpr::opaque(
                ConditionKind::Name(name.clone(), dimension),
                format!("{} host {name}", flag(dimension)),
                format!("host `{name}`"),
                Some(scope.span),
            )),
            Addresses::Refused(why) => {
                out.refuse(why);
                return None;
            }
            Addresses::TooMany => open.push(MatchExpr::opaque(
                ConditionKind::NotUnderstood,
                format!("{} {text}", flag(dimension)),
                format!("mask of `{text}` has too many holes"),
                Some(scope.span),
            )),
        }
    }
    let all = union == AddressSet::of(family(scope.protocol), whole(scope.protocol));
    let exact = open.is_empty();
    let expr = if all && exact {
        MatchExpr::Always
    } else if union.is_empty() {
        MatchExpr::any(open)
    } else {
        let known = MatchExpr::address(dimension, Arc::new(union.clone()));
        MatchExpr::any([known].into_iter().chain(open))
    };
    out.push(argument.negated, expr);
    (exact && !argument.negated).then_some(union)
}

fn whole(protocol: Protocol) -> IntervalSet {
    IntervalSet::range(0, family(protocol).max())
}

fn interface(
    argument: &Option<Argument<'_>>,
    dimension: Dimension,
    scope: &Scope<'_>,
    out: &mut Matched,
) {
    let Some(argument) = argument else {
        return;
    };
    let name = argument.value.as_ref();
    let (option, blind) = match dimension {
        Dimension::Source => ("-i", hook::OUTPUT | hook::POSTROUTING),
        Dimension::Destination => ("-o", hook::PREROUTING | hook::INPUT),
    };
    if name.is_empty() {
        out.refuse(format!("`{option}` without a name"));
        return;
    }
    if scope.built_in && scope.hooks & blind != 0 {
        out.refuse(format!("`{option}` cannot be used in {}", scope.chain));
        return;
    }
    let set = match name.strip_suffix('+') {
        Some("") => {
            // Any name, and also no interface at all.
            out.push(argument.negated, MatchExpr::Always);
            return;
        }
        Some(prefix) => InterfaceSet {
            names: Vec::new(),
            prefixes: vec![prefix.to_owned()],
        },
        None => {
            out.interfaces.push(name.to_owned());
            InterfaceSet::name(name)
        }
    };
    let set = Arc::new(set);
    let expr = match dimension {
        Dimension::Source => MatchExpr::Ingress(set),
        Dimension::Destination => MatchExpr::Egress(set),
    };
    // What the host itself sends has no ingress in the model either.
    let blind = match dimension {
        Dimension::Source => blind & !hook::OUTPUT,
        Dimension::Destination => blind,
    };
    let expr = if scope.hooks & blind == 0 {
        expr
    } else if scope.hooks & !blind == 0 {
        // The hooks that lead here know no such interface: no name fits.
        MatchExpr::Never
    } else {
        MatchExpr::opaque(
            ConditionKind::Environment,
            format!("{option} {name} in a chain of several hooks"),
            format!("`{option} {name}` in a chain that is also called where it is not known"),
            Some(scope.span),
        )
    };
    out.push(argument.negated, expr);
}

/// The protocol whose own module `name` is.
fn protocol_of(name: &str) -> Option<u8> {
    Some(match name {
        "tcp" => 6,
        "udp" => 17,
        "sctp" => 132,
        "dccp" => 33,
        "udplite" => 136,
        "icmp" => ICMP,
        "icmp6" | "icmpv6" => ICMPV6,
        "esp" => 50,
        "ah" => 51,
        "mh" => 135,
        _ => return None,
    })
}

fn match_module(
    rule: &Rule<'_>,
    module: &Module<'_>,
    scope: &Scope<'_>,
    sets: &mut Sets<'_, '_>,
    out: &mut Matched,
) {
    if let Some(needed) = protocol_of(&module.name)
        && out.protocol != Some(needed)
    {
        out.refuse(format!(
            "`-m {}` needs `-p {}`",
            module.name,
            fw_model::service::protocol_name(needed)
        ));
        return;
    }
    match module.name.as_ref() {
        "comment" => {}
        "tcp" | "udp" | "sctp" | "dccp" | "udplite" => {
            transport(module, scope, out);
        }
        "multiport" => multiport(module, out),
        "icmp" | "icmp6" | "icmpv6" => {
            for setting in &module.settings {
                icmp(setting, scope, out);
            }
        }
        "state" | "conntrack" => connection::module(module, scope, out),
        "iprange" => {
            for setting in &module.settings {
                let dimension = if setting.name == "src-range" {
                    Dimension::Source
                } else {
                    Dimension::Destination
                };
                match address::range(setting.value(), scope.protocol) {
                    Some(set) => out.push(
                        setting.negated,
                        MatchExpr::address(dimension, Arc::new(set)),
                    ),
                    None => out.refuse(format!("`{}` is no address range", setting.value())),
                }
            }
        }
        "set" => context::set(module, scope, sets, out),
        "addrtype" => context::addrtype(module, scope, out),
        "mark" => context::mark(module, MarkRegister::Packet, scope, out),
        "connmark" => context::mark(module, MarkRegister::Connection, scope, out),
        "time" => time::module(module, scope, out),
        _ => undecidable::module(rule, module, scope, out),
    }
}

/// `p` or `p:q`, either end of a range open.
fn port_range(text: &str) -> Option<IntervalSet> {
    let (low, high) = match text.split_once(':') {
        None => {
            let port = names::port(text)?;
            (port, port)
        }
        Some((low, high)) => {
            let low = if low.is_empty() { 0 } else { names::port(low)? };
            let high = if high.is_empty() {
                u16::MAX
            } else {
                names::port(high)?
            };
            (low, high)
        }
    };
    (low <= high).then(|| IntervalSet::range(low.into(), high.into()))
}

fn transport(module: &Module<'_>, scope: &Scope<'_>, out: &mut Matched) {
    let Some(protocol) = out.protocol else {
        return;
    };
    for setting in &module.settings {
        match setting.name.as_ref() {
            "dport" | "sport" => {
                let Some(mut ports) = port_range(setting.value()) else {
                    out.refuse(format!(
                        "`{}` is no port or range of ports",
                        setting.value()
                    ));
                    continue;
                };
                if setting.negated {
                    ports = ports.complement(PORT_MAX);
                }
                if setting.name == "dport" {
                    out.destination_ports = Some(ports.clone());
                    out.narrow(ServiceSet::ports(protocol, every_port(), ports));
                } else {
                    out.narrow(ServiceSet::ports(protocol, ports, every_port()));
                }
            }
            "syn" => {
                let mask = tcp_flags::SYN | tcp_flags::RST | tcp_flags::ACK | tcp_flags::FIN;
                out.push(
                    setting.negated,
                    MatchExpr::TcpFlags {
                        mask,
                        value: tcp_flags::SYN,
                    },
                );
            }
            "tcp-flags" => {
                let flags = |at: usize| {
                    setting.values.get(at).and_then(|text| {
                        text.split(',')
                            .try_fold(0, |all, f| Some(all | tcp_flag(f)?))
                    })
                };
                match (flags(0), flags(1)) {
                    (Some(mask), Some(value)) => {
                        // Bits outside the mask can never be seen set.
                        let expr = if value & !mask != 0 {
                            MatchExpr::Never
                        } else {
                            MatchExpr::TcpFlags { mask, value }
                        };
                        out.push(setting.negated, expr);
                    }
                    _ => out.refuse(format!("`{}` are no TCP flags", setting.values.join(" "))),
                }
            }
            _ => undecidable::setting(module, setting, scope, out),
        }
    }
}

fn tcp_flag(name: &str) -> Option<u8> {
    Some(match name.to_ascii_uppercase().as_str() {
        "FIN" => tcp_flags::FIN,
        "SYN" => tcp_flags::SYN,
        "RST" => tcp_flags::RST,
        "PSH" => tcp_flags::PSH,
        "ACK" => tcp_flags::ACK,
        "URG" => tcp_flags::URG,
        "ALL" => 0x3f,
        "NONE" => 0,
        _ => return None,
    })
}

fn multiport(module: &Module<'_>, out: &mut Matched) {
    let Some(protocol) = out.protocol.filter(|p| has_ports(*p)) else {
        out.refuse("`-m multiport` needs a protocol with ports");
        return;
    };
    for setting in &module.settings {
        let mut ports = IntervalSet::new();
        let mut count = 0;
        for part in setting.value().split(',') {
            count += if part.contains(':') { 2 } else { 1 };
            match port_range(part) {
                Some(range) => ports = ports.union(&range),
                None => {
                    out.refuse(format!("`{part}` is no port or range of ports"));
                    return;
                }
            }
        }
        if count > 15 {
            out.refuse("`-m multiport` takes 15 ports, a range being two");
        }
        if setting.negated {
            ports = ports.complement(PORT_MAX);
        }
        match setting.name.as_ref() {
            "dports" => {
                out.destination_ports = Some(ports.clone());
                out.narrow(ServiceSet::ports(protocol, every_port(), ports));
            }
            "sports" => out.narrow(ServiceSet::ports(protocol, ports, every_port())),
            // Source or destination; negated: neither.
            _ if setting.negated => out.narrow(ServiceSet::ports(protocol, ports.clone(), ports)),
            _ => {
                out.narrow(
                    ServiceSet::ports(protocol, ports.clone(), every_port())
                        .union(&ServiceSet::ports(protocol, every_port(), ports)),
                )
            }
        }
    }
}

fn icmp(setting: &Setting<'_>, scope: &Scope<'_>, out: &mut Matched) {
    let Some(protocol) = out.protocol else {
        return;
    };
    let set = match names::icmp(setting.value(), scope.protocol) {
        Some(Some((number, code))) => ServiceSet::icmp(protocol, number, code),
        Some(None) => ServiceSet::protocol(protocol),
        None => {
            out.refuse(format!("`{}` is no ICMP type", setting.value()));
            return;
        }
    };
    out.narrow(if setting.negated {
        set.complement()
    } else {
        set
    });
}

/// A number, decimal, octal or hexadecimal, with an optional `/mask`.
pub(super) fn value_and_mask(text: &str) -> Option<(u32, Option<u32>)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, Some(number(mask)?))),
        None => Some((number(text)?, None)),
    }
}

/// A number as C reads it.
pub(super) fn number(text: &str) -> Option<u32> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(hex, 16).ok();
    }
    if text.len() > 1 && text.starts_with('0') {
        return u32::from_str_radix(text, 8).ok();
    }
    text.parse().ok()
}
