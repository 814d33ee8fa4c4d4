//! The services of flows: catalogue names, ports, ICMP types, protocols.

use super::catalogue;
use super::duration;
use crate::problem::suggestion;
use crate::yaml::{Node, Reader, Value};
use fw_model::service::{ICMP, ICMPV6, PORT_MAX, SCTP, SERVICE_MAX, TCP, UDP, service_point};
use fw_model::{IntervalSet, ServiceSet};
use std::collections::BTreeMap;

/// Clients use these source ports unless a flow says otherwise.
pub const CLIENT_PORTS: (u16, u16) = (1024, 65535);

/// What a service stands for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Service {
    /// Protocols with destination ports, or ICMP types and codes: service
    /// points of the model.
    pub points: IntervalSet,
    /// Sessions are long and idle.
    pub idle_sensitive: bool,
    /// It carries TLS.
    pub tls: bool,
    /// The longest silence of a client, in seconds.
    pub keepalive: Option<u64>,
    /// Certificate validation, names and time are judged with it.
    pub companions: bool,
}

impl Service {
    fn ports(protocol: u8, low: u16, high: u16) -> Self {
        Self {
            points: IntervalSet::range(service_point(protocol, low), service_point(protocol, high)),
            ..Self::default()
        }
    }

    fn join(&mut self, other: &Self) {
        self.points = self.points.union(&other.points);
        self.idle_sensitive |= other.idle_sensitive;
        self.tls |= other.tls;
        self.companions |= other.companions;
        // A timeout cuts the longest silence first.
        self.keepalive = self.keepalive.max(other.keepalive);
    }

    /// The packets: protocols that have ports come from `source_ports`.
    pub fn set(&self, source_ports: &IntervalSet) -> ServiceSet {
        let of = |protocol: u8| {
            IntervalSet::range(service_point(protocol, 0), service_point(protocol, 0xffff))
        };
        let ported = of(TCP).union(&of(UDP)).union(&of(SCTP));
        let all = IntervalSet::range(0, PORT_MAX);
        ServiceSet::union_all([
            &ServiceSet::of(self.points.intersect(&ported), source_ports.clone()),
            &ServiceSet::of(self.points.subtract(&ported), all),
        ])
    }
}

/// The services that a flow can name: the file's own and the catalogue.
#[derive(Default)]
pub struct Services {
    own: BTreeMap<String, Service>,
}

const ICMP_TYPES: &[(&str, u8)] = &[
    ("echo-reply", 0),
    ("unreachable", 3),
    ("destination-unreachable", 3),
    ("redirect", 5),
    ("echo", 8),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
];

const ICMPV6_TYPES: &[(&str, u8)] = &[
    ("unreachable", 1),
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo", 128),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("router-solicitation", 133),
    ("router-advertisement", 134),
    ("neighbor-solicitation", 135),
    ("neighbor-advertisement", 136),
];

const PROTOCOLS: &[(&str, u8)] = &[
    ("tcp", TCP),
    ("udp", UDP),
    ("sctp", SCTP),
    ("icmp", ICMP),
    ("icmpv6", ICMPV6),
    ("icmp6", ICMPV6),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
];

type Wrong = (String, Option<String>);

impl Services {
    /// The names of all services.
    fn known(&self) -> impl Iterator<Item = &str> {
        self.own
            .keys()
            .map(String::as_str)
            .chain(catalogue::CATALOGUE.iter().map(|e| e.name))
            .chain(PROTOCOLS.iter().map(|(name, _)| *name))
    }

    /// The service that one word stands for.
    pub fn word(&self, word: &str) -> Result<Service, (String, Option<String>)> {
        if let Some(own) = self.own.get(word) {
            return Ok(own.clone());
        }
        if let Some(entry) = catalogue::find(word) {
            let mut service = Service {
                idle_sensitive: entry.idle_sensitive,
                tls: entry.tls,
                companions: entry.companions,
                ..Service::default()
            };
            for &(protocol, port) in entry.ports {
                service.join(&Service::ports(protocol, port, port));
            }
            return Ok(service);
        }
        if word == "any" {
            return Ok(Service {
                points: IntervalSet::range(0, SERVICE_MAX),
                ..Service::default()
            });
        }
        let (name, rest) = match word.split_once('/') {
            Some((name, rest)) => (name, Some(rest)),
            None => (word, None),
        };
        if name == "proto" {
            return protocol_number(word, rest);
        }
        let Some(&(_, protocol)) = PROTOCOLS.iter().find(|(n, _)| *n == name) else {
            let label = suggestion(word, self.known())
                .or_else(|| suggestion(name, self.known()))
                .or_else(|| hint(word));
            return Err((format!("unknown service `{word}`"), label));
        };
        match (protocol, rest) {
            (_, None) => Ok(Service::ports(protocol, 0, 0xffff)),
            (TCP | UDP | SCTP, Some(rest)) => {
                let mut service = Service::default();
                for part in rest.split(',') {
                    let (low, high) = port_range(part.trim())
                        .ok_or_else(|| bad_ports(word, part.trim(), name))?;
                    service.join(&Service::ports(protocol, low, high));
                }
                Ok(service)
            }
            (ICMP, Some(rest)) => icmp(word, protocol, ICMP_TYPES, rest),
            (ICMPV6, Some(rest)) => icmp(word, protocol, ICMPV6_TYPES, rest),
            (_, Some(_)) => Err((
                format!("`{word}`: protocol {name} has no ports"),
                Some(format!("write `{name}`")),
            )),
        }
    }

    /// The service of a flow: a word or a list of them. The text is what
    /// reports call it.
    pub fn read(&self, reader: &mut Reader<'_>, node: &Node) -> Option<(Service, String)> {
        let items = node.elements();
        if items.is_empty() {
            reader.error(node.place, "`service` is empty");
            return None;
        }
        let mut service = Service::default();
        let mut sound = true;
        let mut words = Vec::new();
        for item in items {
            let Some(word) = reader.text(item, "`service`") else {
                sound = false;
                continue;
            };
            words.push(word);
            match self.word(word) {
                Ok(one) => service.join(&one),
                Err((message, label)) => {
                    reader.error_with(item.place, message, label);
                    sound = false;
                }
            }
        }
        sound.then(|| (service, words.join(", ")))
    }

    /// Reads the `services:` section.
    pub fn define(&mut self, reader: &mut Reader<'_>, node: &Node) {
        for (name, value, place) in reader.pairs(node, "`services`") {
            if catalogue::find(name).is_some() {
                reader.error_with(
                    place,
                    format!("service `{name}` is in the built-in catalogue"),
                    Some("choose another name".into()),
                );
                continue;
            }
            if name.contains('/') || name == "any" || PROTOCOLS.iter().any(|(p, _)| *p == name) {
                reader.error(place, format!("`{name}` cannot be the name of a service"));
                continue;
            }
            let service = match &value.value {
                Value::Map(_) => self.definition(reader, name, value),
                _ => self.read(reader, value).map(|(service, _)| service),
            };
            // A broken definition stays known, so that its uses are no
            // errors of their own.
            self.own
                .insert(name.to_owned(), service.unwrap_or_default());
        }
    }

    fn definition(&self, reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Service> {
        let what = format!("service `{name}`");
        let fields = reader.fields(node, &what, SERVICE_KEYS);
        let mut service = Service::default();
        let errors = reader.problems.len();
        for (key, protocol) in [
            ("tcp", "tcp"),
            ("udp", "udp"),
            ("sctp", "sctp"),
            ("icmp", "icmp"),
            ("icmpv6", "icmpv6"),
            ("proto", "proto"),
        ] {
            let Some(list) = fields.get(key) else {
                continue;
            };
            if list.elements().is_empty() {
                reader.error(list.place, format!("`{key}` of {what} is empty"));
            }
            for item in list.elements() {
                let Some(text) = reader.text(item, &format!("`{key}`")) else {
                    continue;
                };
                let word = if text == "any" && key != "proto" {
                    protocol.to_owned()
                } else {
                    format!("{protocol}/{text}")
                };
                match Self::default().word(&word) {
                    Ok(one) => service.join(&one),
                    Err((message, label)) => reader.error_with(item.place, message, label),
                }
            }
        }
        service.keepalive = keepalive(reader, &fields);
        service.idle_sensitive = reader
            .flag(&fields, "idle_sensitive")
            .unwrap_or(service.keepalive.is_some());
        let probe = reader.choice(&fields, "probe", &PROBES.map(|p| (p, p == "tls")));
        service.tls = reader
            .flag(&fields, "tls")
            .unwrap_or(probe.unwrap_or(false));
        if service.points.is_empty() && reader.problems.len() == errors {
            reader.error_with(
                fields.place(),
                format!("{what} has no ports"),
                Some("give `tcp: [...]`, `udp: [...]`, `icmp: [...]` or `proto: [...]`".into()),
            );
        }
        (reader.problems.len() == errors).then_some(service)
    }
}

/// The keys of a service definition.
pub const SERVICE_KEYS: &[&str] = &[
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmpv6",
    "proto",
    "keepalive",
    "idle_sensitive",
    "tls",
    "probe",
];

/// How a live check talks to a service.
pub const PROBES: [&str; 7] = ["sip2", "z39.50", "sru", "tls", "http", "dns", "tcp"];

/// The optional `keepalive` of a flow or a service, in seconds.
pub fn keepalive(reader: &mut Reader<'_>, fields: &crate::yaml::Fields<'_>) -> Option<u64> {
    let node = fields.get("keepalive")?;
    let text = reader.text(node, "`keepalive`")?;
    match duration::seconds(text) {
        Some(0) => {
            reader.error(node.place, "`keepalive` must be longer than nothing");
            None
        }
        Some(seconds) => Some(seconds),
        None => {
            let label = if text.bytes().all(|b| b.is_ascii_digit()) {
                format!("write `{text}s` for seconds")
            } else {
                "write it as 300s, 5m, 1h or 2h30m".into()
            };
            reader.error_with(node.place, format!("`{text}` is no duration"), Some(label));
            None
        }
    }
}

/// The source ports of a flow.
pub fn source_ports(reader: &mut Reader<'_>, node: Option<&Node>) -> Option<IntervalSet> {
    let (low, high) = CLIENT_PORTS;
    let Some(node) = node else {
        return Some(IntervalSet::range(low.into(), high.into()));
    };
    let mut ranges = Vec::new();
    if node.elements().is_empty() {
        reader.error(node.place, "`src_port` is empty");
        return None;
    }
    for item in node.elements() {
        let text = reader.text(item, "`src_port`")?;
        if text == "any" {
            ranges.push((0, PORT_MAX));
            continue;
        }
        match port_range(text) {
            Some((low, high)) => ranges.push((u128::from(low), u128::from(high))),
            None => {
                let (message, label) = bad_ports(text, text, "");
                reader.error_with(item.place, message, label);
                return None;
            }
        }
    }
    Some(IntervalSet::from_ranges(ranges))
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let number = |t: &str| -> Option<u16> {
        let t = t.trim();
        // `parse` would take `+80`.
        if t.bytes().all(|b| b.is_ascii_digit()) {
            t.parse().ok()
        } else {
            None
        }
    };
    match text.split_once('-') {
        Some((low, high)) => {
            let (low, high) = (number(low)?, number(high)?);
            (low <= high).then_some((low, high))
        }
        None => number(text).map(|port| (port, port)),
    }
}

fn bad_ports(word: &str, part: &str, protocol: &str) -> Wrong {
    let label = match part.split_once('-') {
        Some((low, high))
            if low.trim().parse::<u16>().is_ok() && high.trim().parse::<u16>().is_ok() =>
        {
            format!("the range goes down: `{}-{}`?", high.trim(), low.trim())
        }
        _ if part.is_empty() => "a port is missing".into(),
        _ if part.bytes().all(|b| b.is_ascii_digit()) => "ports go from 0 to 65535".into(),
        _ if protocol.is_empty() => "write it as 1024-65535 or any".into(),
        _ => format!("write it as {protocol}/80 or {protocol}/6001-6010"),
    };
    (format!("invalid port `{part}` in `{word}`"), Some(label))
}

fn protocol_number(word: &str, rest: Option<&str>) -> Result<Service, Wrong> {
    match rest.map(str::parse::<u8>) {
        Some(Ok(number)) => Ok(Service::ports(number, 0, 0xffff)),
        _ => Err((
            format!("invalid protocol `{word}`"),
            Some("write it as proto/47, from 0 to 255".into()),
        )),
    }
}

fn icmp(word: &str, protocol: u8, types: &[(&str, u8)], rest: &str) -> Result<Service, Wrong> {
    let (kind, code) = match rest.split_once('/') {
        Some((kind, code)) => (kind, Some(code)),
        None => (rest, None),
    };
    let number = types
        .iter()
        .find(|(name, _)| *name == kind)
        .map(|(_, n)| *n)
        .or_else(|| kind.parse().ok())
        .ok_or_else(|| {
            (
                format!("unknown ICMP type `{kind}` in `{word}`"),
                suggestion(kind, types.iter().map(|(n, _)| *n)),
            )
        })?;
    let low = u16::from(number) << 8;
    match code {
        None => Ok(Service::ports(protocol, low, low | 0xff)),
        Some(code) => match code.parse::<u8>() {
            Ok(code) => Ok(Service::ports(
                protocol,
                low | u16::from(code),
                low | u16::from(code),
            )),
            Err(_) => Err((
                format!("invalid ICMP code `{code}` in `{word}`"),
                Some("codes go from 0 to 255".into()),
            )),
        },
    }
}

/// What people write for services that are not in the catalogue.
fn hint(word: &str) -> Option<String> {
    let ports = match word {
        "http" | "www" | "web" => "tcp/80",
        "https" | "tls" => "tcp/443",
        "ssh" => "tcp/22",
        "rdp" => "tcp/3389",
        "ldap" => "tcp/389",
        "ping" => "icmp/echo-request",
        "snmp" => "udp/161",
        "syslog" => "udp/514",
        _ if word.parse::<u16>().is_ok() => {
            return Some(format!("write `tcp/{word}` or `udp/{word}`"));
        }
        _ => return Some("see `fwimpact flows services`, or write it as tcp/443".into()),
    };
    Some(format!("write `{ports}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(word: &str) -> String {
        let client = IntervalSet::range(1024, 65535);
        let service = Services::default().word(word).unwrap();
        service.set(&client).to_string()
    }

    #[test]
    fn words() {
        assert_eq!(text("sip2"), "tcp/6001 from ports 1024-65535");
        assert_eq!(
            text("oclc-wms-sip2"),
            "tcp/2090, tcp/2093 from ports 1024-65535"
        );
        assert_eq!(text("udp/53"), "udp/53 from ports 1024-65535");
        assert_eq!(
            text("tcp/80,443-445"),
            "tcp/80, tcp/443-445 from ports 1024-65535"
        );
        assert_eq!(text("icmp/echo-request"), "icmp/2048-2303");
        assert_eq!(text("icmpv6/128/0"), "icmpv6/32768");
        assert_eq!(text("proto/47"), "gre");
        let any = Services::default().word("any").unwrap();
        let any = any.set(&IntervalSet::range(1024, 65535));
        assert!(any.contains(service_point(47, 0), 0));
        assert!(any.contains(service_point(TCP, 80), 1024));
        assert!(!any.contains(service_point(TCP, 80), 1023));
    }

    #[test]
    fn wrong_words() {
        let wrong = |w: &str| {
            let (message, label) = Services::default().word(w).unwrap_err();
            format!("{message}: {}", label.unwrap_or_default())
        };
        assert!(wrong("tcp/70000").contains("0 to 65535"));
        assert!(wrong("tcp/90-80").contains("`80-90`?"));
        assert!(wrong("sip").contains("`sip2`"), "{}", wrong("sip"));
        assert!(wrong("http").contains("tcp/80"));
        assert!(wrong("icmp/ehco").contains("`echo`"));
        assert!(wrong("gre/80").contains("no ports"));
        assert!(wrong("443").contains("`tcp/443`"));
    }
}
