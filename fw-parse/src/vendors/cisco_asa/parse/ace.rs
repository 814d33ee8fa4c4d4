//! Access list entries.

use super::super::ast::{
    Ace, AceAction, Address, Endpoint, GroupKind, Icmp, PortOp, Ports, Protocol, ProtocolWord,
};
use super::super::ports;
use super::super::words::{Names, Words};
use rustc_hash::FxHashMap;

/// What the grammar of an entry depends on.
pub struct Scope<'p, 'a> {
    /// `name` lines.
    pub names: &'p Names<'a>,
    /// What each `object-group` of the file is a group of.
    pub groups: &'p FxHashMap<&'a str, GroupKind>,
    /// `ipv6 access-list`.
    pub ipv6: bool,
}

/// Reads `permit|deny ...` to the end of the line. `None` if any word of it
/// is not understood; `words` are at it then.
pub fn extended<'a>(
    words: &mut Words<'_, 'a>,
    scope: &Scope<'_, 'a>,
    advanced: bool,
) -> Option<Ace<'a>> {
    let action = action(words)?;
    let protocol = protocol(words)?;
    let literal = match protocol {
        Protocol::Word(ProtocolWord::Number(n)) => Some(n),
        _ => None,
    };
    // A group whose type is not known may be the source ports or the
    // destination; both readings are tried.
    let mut stopped = *words;
    for as_ports in [false, true] {
        let mut reading = *words;
        let ace = tail(
            &mut reading,
            scope,
            action,
            advanced,
            protocol,
            literal,
            as_ports,
        );
        if ace.is_some() {
            *words = reading;
            return ace;
        }
        if reading.left() < stopped.left() {
            stopped = reading;
        }
    }
    *words = stopped;
    None
}

/// Reads a `standard` entry: an action and destinations.
pub fn standard<'a>(words: &mut Words<'_, 'a>, scope: &Scope<'_, 'a>) -> Option<Ace<'a>> {
    let action = action(words)?;
    let mut destination = address(words, scope);
    if destination.is_none()
        && let Some(host) = words.address(scope.names)
    {
        destination = Some(Address::Host(host));
    }
    let ace = Ace {
        action,
        advanced: false,
        protocol: Protocol::Word(ProtocolWord::Ip),
        source: bare(Address::Any),
        destination: bare(destination?),
        icmp: None,
        log: None,
        time_range: None,
        inactive: false,
        rule_id: None,
    };
    trailer(words, ace)
}

const fn bare(address: Address<'_>) -> Endpoint<'_> {
    Endpoint {
        identity: None,
        address,
        ports: None,
    }
}

fn action(words: &mut Words<'_, '_>) -> Option<AceAction> {
    let action = match words.peek()? {
        "permit" => AceAction::Permit,
        "deny" => AceAction::Deny,
        "trust" => AceAction::Trust,
        _ => return None,
    };
    words.take();
    Some(action)
}

fn protocol<'a>(words: &mut Words<'_, 'a>) -> Option<Protocol<'a>> {
    let word = match words.peek()? {
        "object" => {
            words.take();
            return words.take().map(Protocol::Object);
        }
        "object-group" => {
            words.take();
            return words.take().map(Protocol::Group);
        }
        word => protocol_word(word)?,
    };
    words.take();
    Some(Protocol::Word(word))
}

/// A literal protocol.
pub fn protocol_word(word: &str) -> Option<ProtocolWord> {
    match word {
        "ip" | "ipv6" => Some(ProtocolWord::Ip),
        "tcp-udp" => Some(ProtocolWord::TcpUdp),
        _ => ports::protocol(word).map(ProtocolWord::Number),
    }
}

fn tail<'a>(
    words: &mut Words<'_, 'a>,
    scope: &Scope<'_, 'a>,
    action: AceAction,
    advanced: bool,
    protocol: Protocol<'a>,
    literal: Option<u8>,
    unknown_is_ports: bool,
) -> Option<Ace<'a>> {
    let mut source = endpoint(words, scope, advanced)?;
    let with_ports = match protocol {
        Protocol::Word(ProtocolWord::TcpUdp) => true,
        Protocol::Word(ProtocolWord::Number(n)) => fw_ports(n),
        // Ports behind a protocol group are not documented; the words decide.
        Protocol::Word(ProtocolWord::Ip) => false,
        Protocol::Object(_) | Protocol::Group(_) => true,
    };
    if with_ports {
        source.ports = ports_of(words, scope, literal, unknown_is_ports, true);
    }
    let mut destination = endpoint(words, scope, advanced)?;
    let mut icmp = None;
    match literal {
        Some(n @ (1 | 58)) => icmp = icmp_of(words, scope, n == 58),
        _ if with_ports => {
            destination.ports = ports_of(words, scope, literal, true, false);
        }
        _ => {}
    }
    trailer(
        words,
        Ace {
            action,
            advanced,
            protocol,
            source,
            destination,
            icmp,
            log: None,
            time_range: None,
            inactive: false,
            rule_id: None,
        },
    )
}

const fn fw_ports(protocol: u8) -> bool {
    matches!(protocol, 6 | 17 | 132)
}

fn trailer<'a>(words: &mut Words<'_, 'a>, mut ace: Ace<'a>) -> Option<Ace<'a>> {
    while let Some(word) = words.peek() {
        let at = *words;
        words.take();
        match word {
            "log" => ace.log = Some(log(words)),
            "interval" => {
                words.number()?;
            }
            "time-range" => ace.time_range = Some(words.take()?),
            "inactive" | "(inactive)" => ace.inactive = true,
            "rule-id" => ace.rule_id = Some(words.take()?),
            // Threat defense: which connection events are recorded.
            "event-log" => {
                words.take()?;
            }
            word if word.starts_with("(hitcnt=") || word.starts_with("0x") => {}
            // `show access-list` may give the counter as two words.
            "(hitcnt" => {
                words.take()?;
            }
            _ => {
                *words = at;
                return None;
            }
        }
    }
    Some(ace)
}

fn log(words: &mut Words<'_, '_>) -> String {
    let mut out = String::from("log");
    while let Some(word) = words.peek() {
        let known = matches!(
            word,
            "disable"
                | "default"
                | "interval"
                | "emergencies"
                | "alerts"
                | "critical"
                | "errors"
                | "warnings"
                | "notifications"
                | "informational"
                | "debugging"
        ) || word.bytes().all(|b| b.is_ascii_digit());
        if !known {
            break;
        }
        out.push(' ');
        out.push_str(word);
        words.take();
    }
    out
}

fn endpoint<'a>(
    words: &mut Words<'_, 'a>,
    scope: &Scope<'_, 'a>,
    advanced: bool,
) -> Option<Endpoint<'a>> {
    let mut identity: Option<String> = None;
    let mut add = |text: String| match &mut identity {
        Some(all) => {
            all.push(' ');
            all.push_str(&text);
        }
        None => identity = Some(text),
    };
    loop {
        match words.peek()? {
            word @ ("user" | "user-group" | "object-group-user" | "object-group-security") => {
                words.take();
                let name = words.take()?;
                add(format!("{word} {name}"));
                // `user DOMAIN name` with a blank does not exist; `any` and
                // `none` are names here.
            }
            "security-group" => {
                words.take();
                let kind = words.take()?;
                let name = words.take()?;
                add(format!("security-group {kind} {name}"));
            }
            // Threat defense names the interface before the address.
            "ifc" if advanced => {
                words.take();
                let name = words.take()?;
                add(format!("ifc {name}"));
            }
            _ => break,
        }
    }
    let address = address(words, scope)?;
    Some(Endpoint {
        identity,
        address,
        ports: None,
    })
}

/// An address with its keyword.
pub fn address<'a>(words: &mut Words<'_, 'a>, scope: &Scope<'_, 'a>) -> Option<Address<'a>> {
    let start = *words;
    let found = match words.take()? {
        "any" if scope.ipv6 => Some(Address::Any6),
        "any" => Some(Address::Any),
        "any4" => Some(Address::Any4),
        "any6" => Some(Address::Any6),
        "host" => words.address(scope.names).map(Address::Host),
        "object" => words.take().map(Address::Object),
        "object-group" => words.take().map(Address::Group),
        "interface" => words.take().map(Address::Interface),
        _ => {
            *words = start;
            if let Some((address, length)) = words.prefix() {
                Some(Address::Prefix(address, length))
            } else {
                let network = words.address4(scope.names)?;
                let mask = words.address4(scope.names)?;
                Some(Address::Masked(network, mask))
            }
        }
    };
    if found.is_none() {
        *words = start;
    }
    found
}

/// The ports at this place, if there are any.
fn ports_of<'a>(
    words: &mut Words<'_, 'a>,
    scope: &Scope<'_, 'a>,
    protocol: Option<u8>,
    unknown_is_ports: bool,
    is_source: bool,
) -> Option<Ports<'a>> {
    if words.peek()? == "object-group" {
        let name = words.peek_at(1)?;
        let is_ports = match scope.groups.get(name) {
            Some(GroupKind::Ports(_) | GroupKind::Service) => true,
            Some(GroupKind::Network) => false,
            Some(_) => !is_source,
            None => unknown_is_ports,
        };
        if !is_ports {
            return None;
        }
        words.take();
        words.take();
        return Some(Ports::Group(name));
    }
    port_op(words, protocol).map(Ports::Op)
}

/// `eq|neq|lt|gt|range` with ports; does not move if there is none.
pub fn port_op(words: &mut Words<'_, '_>, protocol: Option<u8>) -> Option<PortOp> {
    let start = *words;
    let op = words.take()?;
    let mut one = || {
        let word = words.take()?;
        // Listings may run the counter into the port.
        let word = word.split_once("(hitcnt=").map_or(word, |(port, _)| port);
        ports::port(word, protocol)
    };
    let found = match op {
        "eq" => one().map(PortOp::Eq),
        "neq" => one().map(PortOp::Neq),
        "lt" => one().map(PortOp::Lt),
        "gt" => one().map(PortOp::Gt),
        "range" => match (one(), one()) {
            (Some(a), Some(b)) => Some(PortOp::Range(a.min(b), a.max(b))),
            _ => None,
        },
        _ => None,
    };
    if found.is_none() {
        *words = start;
    }
    found
}

fn icmp_of<'a>(words: &mut Words<'_, 'a>, scope: &Scope<'_, 'a>, six: bool) -> Option<Icmp<'a>> {
    let word = words.peek()?;
    if word == "object-group" {
        let name = words.peek_at(1)?;
        if scope
            .groups
            .get(name)
            .is_some_and(|k| *k != GroupKind::IcmpType)
        {
            return None;
        }
        words.take();
        words.take();
        return Some(Icmp::Group(name));
    }
    let kind = ports::icmp_type(word, six)?;
    words.take();
    let code = words.peek().and_then(|w| w.parse::<u8>().ok());
    if code.is_some() {
        words.take();
    }
    Some(Icmp::Type(kind, code))
}
