//! Lines within blocks: interfaces, objects, groups, time ranges, classes.

use super::super::ast::{
    Beside, ClassAction, ClassMatch, GroupKind, Interface, Member, NetworkValue, Place,
    PolicyClass, ProtocolWord, ServiceSpec,
};
use super::super::inert;
use super::super::ports;
use super::super::words::{Words, mask_length};
use super::ace::{self, Scope};
use super::{Parser, Status, nat, time};
use std::net::IpAddr;

/// The block that a line may belong to; the numbers are indices.
pub(super) enum Block {
    None,
    Interface(usize),
    Network(usize),
    Service(usize),
    Group(usize),
    TimeRange(usize),
    ClassMap(usize),
    PolicyMap(usize, Option<usize>),
    RouteMap(usize),
    /// Sub-commands of an inert command.
    Inert(&'static str),
    /// Sub-commands of a command that is not understood.
    Opaque,
}

/// What the words behind `object-group` say of the group.
pub(super) fn group_kind(kind: &str, protocol: Option<&str>) -> GroupKind {
    match kind {
        "network" => GroupKind::Network,
        "service" => match protocol {
            Some("tcp") => GroupKind::Ports(ProtocolWord::Number(6)),
            Some("udp") => GroupKind::Ports(ProtocolWord::Number(17)),
            Some("tcp-udp") => GroupKind::Ports(ProtocolWord::TcpUdp),
            _ => GroupKind::Service,
        },
        "protocol" => GroupKind::Protocol,
        "icmp-type" | "icmp-object" => GroupKind::IcmpType,
        "user" => GroupKind::User,
        "security" => GroupKind::Security,
        _ => GroupKind::Other,
    }
}

impl<'a> Parser<'_, 'a> {
    /// `None`: the line does not belong to the block.
    pub(super) fn in_block(
        &mut self,
        words: Words<'_, 'a>,
        inside: bool,
        indent: usize,
        place: Place,
    ) -> Option<Status> {
        if let Some("exit" | "quit") = words.peek() {
            match &mut self.block {
                Block::PolicyMap(_, class @ Some(_)) => *class = None,
                // `quit` ends a certificate, not the block.
                Block::Inert(_) if inside => {}
                _ => self.block = Block::None,
            }
            return Some(Status::Inert("ends a block"));
        }
        let status = match self.block {
            Block::None => None,
            Block::Interface(at) => self.interface_line(at, words, inside, place),
            Block::Network(at) => self.network_line(at, words, inside, place),
            Block::Service(at) => self.service_line(at, words, inside, place),
            Block::Group(at) => self.group_line(at, words, inside, place),
            Block::TimeRange(at) => self.time_line(at, words, inside, place),
            Block::ClassMap(at) => self.class_line(at, words, inside, place),
            Block::RouteMap(at) => self.route_map_line(at, words, inside, place),
            Block::PolicyMap(at, class) => self.policy_line(at, class, words, inside, place),
            Block::Inert(why) => self.inert_line(why, words, inside, place),
            Block::Opaque => inside.then_some(Status::Opaque),
        };
        let _ = indent;
        status
    }

    fn inert_line(
        &mut self,
        why: &'static str,
        words: Words<'_, 'a>,
        inside: bool,
        place: Place,
    ) -> Option<Status> {
        let first = words.peek()?;
        // None of these is a sub-command anywhere: the line is indented by
        // accident.
        if matches!(
            first,
            "access-list" | "access-group" | "object-group" | "interface" | "static" | "global"
        ) && words.peek_at(2).is_some()
        {
            return None;
        }
        if inside {
            if first == "vpn-filter" && words.peek_at(1) == Some("value") {
                self.config.beside.push((Beside::VpnFilter, place));
            }
            return Some(Status::Inert(why));
        }
        // A certificate whose indent was lost.
        let hex = |w: &str| w.len() == 8 && w.bytes().all(|b| b.is_ascii_hexdigit());
        hex(first).then_some(Status::Inert(why))
    }

    fn interface_line(
        &mut self,
        at: usize,
        mut words: Words<'_, 'a>,
        inside: bool,
        place: Place,
    ) -> Option<Status> {
        let start = words;
        let negated = words.eat("no");
        let first = words.take()?;
        let second = words.peek();
        let ip_word = second == Some("address")
            && words.peek_at(1).is_none_or(|w| {
                matches!(w, "dhcp" | "pppoe") || super::address(w, &self.names).is_some()
            });
        let interface = self.config.interfaces.get_mut(at)?;
        match first {
            "nameif" if words.peek_at(1).is_none() => {
                interface.name = if negated { None } else { words.take() };
                if interface.name.is_some() {
                    self.config.describes_interfaces = true;
                }
            }
            "security-level" => {
                interface.level = if negated { None } else { words.number() };
                interface.level_place = Some(place);
            }
            "shutdown" => interface.shutdown = !negated,
            "management-only" => interface.management_only = !negated,
            "bridge-group" => interface.bridge_group = words.take(),
            "policy-route" if second == Some("route-map") => {
                words.take();
                let map = words.take()?;
                interface.policy_route = (!negated).then_some((map, place));
            }
            "zone-member" => interface.zone = words.take().filter(|_| !negated),
            "tunnel" if matches!(second, Some("source" | "destination")) => {
                let (source, destination) = &mut interface.tunnel;
                if words.take() == Some("destination") {
                    *destination = words.address(&self.names).filter(|_| !negated);
                } else if words.eat("interface") {
                    *source = words.take().filter(|_| !negated);
                }
            }
            "ip" if ip_word => {
                words.take();
                return Some(interface_address(
                    interface,
                    words,
                    negated,
                    &self.names,
                    place,
                ));
            }
            "ipv6" if second == Some("address") && inside => {
                words.take();
                if let Some((address, length)) = words.prefix() {
                    if let IpAddr::V6(a) = address
                        && !negated
                    {
                        // The host part comes from the hardware address.
                        let eui = words.eat("eui-64");
                        if eui {
                            interface.dynamic = true;
                        }
                        interface.addresses.push((IpAddr::V6(a), length));
                    }
                } else if matches!(words.peek(), Some("autoconfig" | "dhcp")) {
                    interface.dynamic = !negated;
                } else if words.address(&self.names).is_none() && !negated {
                    interface.opaque.push((start.rest(), place));
                    return Some(Status::Opaque);
                }
            }
            word if inert::INTERFACE.contains(&word)
                && (inside || (inert::top(word, second).is_none() && word != "ipv6")) =>
            {
                return Some(Status::Inert("settings of the link"));
            }
            _ if inside && negated => return Some(Status::Inert("switches a default off")),
            _ if inside => {
                interface.opaque.push((start.rest(), place));
                return Some(Status::Opaque);
            }
            _ => return None,
        }
        Some(Status::Modeled)
    }

    fn network_line(
        &mut self,
        at: usize,
        mut words: Words<'_, 'a>,
        inside: bool,
        place: Place,
    ) -> Option<Status> {
        let start = words;
        let first = words.take()?;
        let object = self.config.networks.get_mut(at)?;
        let name = object.name;
        let value = match first {
            "host" => words.address(&self.names).map(NetworkValue::Host),
            "subnet" => match words.prefix() {
                Some((IpAddr::V6(a), length)) => Some(NetworkValue::Prefix(a, length)),
                Some((IpAddr::V4(_), _)) => None,
                None => match (words.address4(&self.names), words.address4(&self.names)) {
                    (Some(a), Some(m)) => Some(NetworkValue::Subnet(a, m)),
                    _ => None,
                },
            },
            "range" => match (words.address(&self.names), words.address(&self.names)) {
                (Some(a), Some(b)) if a.is_ipv4() == b.is_ipv4() => Some(NetworkValue::Range(a, b)),
                _ => None,
            },
            "fqdn" => {
                if matches!(words.peek(), Some("v4" | "v6")) && words.peek_at(1).is_some() {
                    words.take();
                }
                words.take().map(NetworkValue::Fqdn)
            }
            "description" => {
                object.last = place.line;
                return Some(Status::Inert("a description"));
            }
            "nat" if inside || words.peek_at(1) != Some("source") => {
                if !inside && !matches!(words.peek_at(1), Some("static" | "dynamic")) {
                    return None;
                }
                let entry = nat::object(words, &self.names, name, place);
                let opaque = entry.opaque;
                // An object has one translation; a new one replaces it.
                self.config
                    .nat
                    .retain(|e| e.section != super::super::ast::NatSection::Object(name));
                self.config.nat.push(entry);
                return Some(if opaque {
                    Status::Opaque
                } else {
                    Status::Modeled
                });
            }
            "no" if inside && words.peek() == Some("nat") => {
                self.config
                    .nat
                    .retain(|e| e.section != super::super::ast::NatSection::Object(name));
                return Some(Status::Modeled);
            }
            "no" if inside && words.peek() == Some("description") => {
                return Some(Status::Inert("a description"));
            }
            _ if inside => None,
            _ => return None,
        };
        object.last = place.line;
        let understood = value.is_some() && words.is_done();
        let value = if understood { value } else { None };
        object.value = Some((
            value.unwrap_or_else(|| NetworkValue::Opaque(start.rest())),
            place,
        ));
        Some(if understood {
            Status::Modeled
        } else {
            Status::Opaque
        })
    }

    fn service_line(
        &mut self,
        at: usize,
        mut words: Words<'_, 'a>,
        inside: bool,
        place: Place,
    ) -> Option<Status> {
        let object = self.config.services.get_mut(at)?;
        match words.take()? {
            "service"
                if inside
                    || words
                        .peek()
                        .is_some_and(|w| ace::protocol_word(w).is_some()) =>
            {
                object.last = place.line;
                let spec = service_spec(words);
                let opaque = spec.opaque.is_some();
                object.value = Some(spec);
                Some(if opaque {
                    Status::Opaque
                } else {
                    Status::Modeled
                })
            }
            "description" => Some(Status::Inert("a description")),
            _ if inside => {
                object.value = Some(opaque_spec("not understood"));
                Some(Status::Opaque)
            }
            _ => None,
        }
    }

    fn group_line(
        &mut self,
        at: usize,
        mut words: Words<'_, 'a>,
        inside: bool,
        place: Place,
    ) -> Option<Status> {
        let start = words;
        let remove = inside && words.eat("no");
        let kind = self.config.groups.get(at)?.kind;
        let first = words.take()?;
        let member = match first {
            "description" => {
                if let Some(group) = self.config.groups.get_mut(at) {
                    group.last = place.line;
                }
                return Some(Status::Inert("a description"));
            }
            "group-object" => words.take().map(Member::Group),
            "network-object" => {
                let scope = Scope {
                    names: &self.names,
                    groups: &self.groups,
                    ipv6: false,
                };
                match ace::address(&mut words, &scope) {
                    Some(a) => Some(Member::Address(a)),
                    // Some versions print a host without the keyword.
                    None => words
                        .address(&self.names)
                        .map(|a| Member::Address(super::super::ast::Address::Host(a))),
                }
            }
            "port-object" => {
                let protocol = match kind {
                    GroupKind::Ports(ProtocolWord::Number(n)) => Some(n),
                    _ => None,
                };
                ace::port_op(&mut words, protocol).map(Member::Port)
            }
            "service-object" => {
                if words.eat("object") {
                    words.take().map(Member::ServiceObject)
                } else {
                    let spec = service_spec(words);
                    words = Words::new(&[]);
                    spec.opaque.is_none().then_some(Member::Service(spec))
                }
            }
            "protocol-object" => words
                .take()
                .and_then(ace::protocol_word)
                .map(Member::Protocol),
            "icmp-object" => words
                .take()
                .and_then(|w| ports::icmp_type(w, false).or_else(|| ports::icmp_type(w, true)))
                .map(|t| {
                    let code = words.number().and_then(|n| u8::try_from(n).ok());
                    Member::Icmp(t, code)
                }),
            "user" | "user-group" | "security-group" if inside => {
                let all = start.rest();
                words = Words::new(&[]);
                Some(Member::Identity(all))
            }
            _ if inside => None,
            _ => return None,
        };
        let understood = words.is_done();
        let member = match member {
            Some(m) if understood => m,
            _ => Member::Opaque(start.rest()),
        };
        let opaque = matches!(member, Member::Opaque(_));
        let group = self.config.groups.get_mut(at)?;
        group.last = place.line;
        if remove {
            group.members.retain(|(m, _)| *m != member);
        } else {
            group.members.push((member, place));
        }
        Some(if opaque {
            Status::Opaque
        } else {
            Status::Modeled
        })
    }

    fn time_line(
        &mut self,
        at: usize,
        mut words: Words<'_, 'a>,
        inside: bool,
        place: Place,
    ) -> Option<Status> {
        let range = self.config.time_ranges.get_mut(at)?;
        if !inside && !matches!(words.peek()?, "absolute" | "periodic") {
            return None;
        }
        range.last = place.line;
        let text = words.rest();
        let read = if inside && words.eat("no") {
            time::line_taken_back(&mut words, range)
        } else {
            time::range_line(&mut words, range)
        };
        if read.is_some() {
            Some(Status::Modeled)
        } else {
            range.opaque = Some(text);
            Some(Status::Opaque)
        }
    }

    fn class_line(
        &mut self,
        at: usize,
        mut words: Words<'_, 'a>,
        inside: bool,
        place: Place,
    ) -> Option<Status> {
        let class = self.config.class_maps.get_mut(at)?;
        let found = match words.take()? {
            "description" => return Some(Status::Inert("a description")),
            "match" => match (words.peek(), words.peek_at(1), words.peek_at(2)) {
                (Some("any"), None, _) => ClassMatch::Any,
                (Some("default-inspection-traffic"), None, _) => ClassMatch::DefaultInspection,
                (Some("access-list"), Some(name), None) => ClassMatch::AccessList(name),
                (Some("port"), Some(protocol), _) => {
                    words.take();
                    words.take();
                    let protocol = ports::protocol(protocol);
                    match (protocol, ace::port_op(&mut words, protocol)) {
                        (Some(p), Some(op)) => ClassMatch::Port(p, op),
                        _ => ClassMatch::Opaque(words.rest()),
                    }
                }
                _ => ClassMatch::Opaque(words.rest()),
            },
            _ if inside => ClassMatch::Opaque(words.rest()),
            _ => return None,
        };
        let opaque = matches!(found, ClassMatch::Opaque(_));
        class.matches.push((found, place));
        Some(if opaque {
            Status::Opaque
        } else {
            Status::Modeled
        })
    }

    fn policy_line(
        &mut self,
        at: usize,
        class: Option<usize>,
        mut words: Words<'_, 'a>,
        inside: bool,
        place: Place,
    ) -> Option<Status> {
        let start = words;
        let remove = inside && words.eat("no");
        let policy = self.config.policy_maps.get_mut(at)?;
        let first = words.take()?;
        if first == "class" {
            let name = words.take()?;
            let found = match policy.classes.iter().position(|c| c.class == name) {
                Some(found) => found,
                None => {
                    policy.classes.push(PolicyClass {
                        class: name,
                        actions: Vec::new(),
                    });
                    policy.classes.len() - 1
                }
            };
            if remove {
                policy.classes.remove(found);
                self.block = Block::PolicyMap(at, None);
            } else {
                self.block = Block::PolicyMap(at, Some(found));
            }
            return Some(Status::Modeled);
        }
        if matches!(first, "description" | "parameters" | "user-statistics") && inside {
            return Some(Status::Inert("settings without effect on connections"));
        }
        let Some(class) = class.and_then(|c| policy.classes.get_mut(c)) else {
            return inside.then_some(Status::Opaque);
        };
        let action = match first {
            "inspect" => {
                let all = words.rest();
                ClassAction::Inspect(words.take()?, all)
            }
            "set" => match set_connection(words) {
                Some(action) => action,
                None => return Some(Status::Inert("limits and checks of connections")),
            },
            "police" | "priority" | "shape" | "service-policy" if inside => {
                ClassAction::Qos(start.rest())
            }
            "flow-export" if inside => return Some(Status::Inert("logging and monitoring only")),
            _ if inside => ClassAction::Other(start.rest()),
            _ => return None,
        };
        let modeled = !matches!(action, ClassAction::Other(_));
        if remove {
            class.actions.retain(|(a, _)| *a != action);
        } else {
            class.actions.push((action, place));
        }
        Some(if modeled {
            Status::Modeled
        } else {
            Status::Opaque
        })
    }
}

/// `set connection ...`; `None` where it only limits or checks.
fn set_connection<'a>(mut words: Words<'_, 'a>) -> Option<ClassAction<'a>> {
    if !words.eat("connection") {
        return Some(ClassAction::Other(format!("set {}", words.rest())));
    }
    match words.take()? {
        "timeout" => {
            while let Some(word) = words.take() {
                // `tcp` up to 8.2, `idle` from 8.3 on.
                if matches!(word, "idle" | "tcp") {
                    return words
                        .take()
                        .and_then(time::duration)
                        .map(ClassAction::Timeout);
                }
            }
            None
        }
        "advanced-options" => {
            (words.peek()? == "tcp-state-bypass").then_some(ClassAction::StateBypass)
        }
        _ => None,
    }
}

fn interface_address<'a>(
    interface: &mut Interface<'a>,
    mut words: Words<'_, 'a>,
    negated: bool,
    names: &super::Names<'a>,
    place: Place,
) -> Status {
    if negated {
        interface.addresses.retain(|(a, _)| a.is_ipv6());
        interface.dynamic = false;
        return Status::Modeled;
    }
    match words.peek() {
        Some("dhcp" | "pppoe") => {
            interface.dynamic = true;
            if words.rest().contains("setroute") {
                interface.setroute = Some(place);
            }
            Status::Modeled
        }
        _ => {
            let address = words.address4(names);
            let mask = words.address4(names);
            match (address, mask.and_then(mask_length)) {
                (Some(a), Some(length)) => {
                    // Setting the address replaces the one before.
                    interface.addresses.retain(|(a, _)| a.is_ipv6());
                    interface.addresses.push((IpAddr::V4(a), length));
                    Status::Modeled
                }
                // PIX 6 and the cluster forms leave the mask out.
                (Some(a), None) if mask.is_none() => {
                    interface.addresses.retain(|(a, _)| a.is_ipv6());
                    interface.addresses.push((IpAddr::V4(a), classful(a)));
                    Status::Modeled
                }
                _ => {
                    interface
                        .opaque
                        .push((format!("ip address {}", words.rest()), place));
                    Status::Opaque
                }
            }
        }
    }
}

/// The prefix length of the address class, which applies where no mask is
/// given.
fn classful(address: std::net::Ipv4Addr) -> u8 {
    match address.octets() {
        [0..=127, ..] => 8,
        [128..=191, ..] => 16,
        _ => 24,
    }
}

/// An opaque service.
fn opaque_spec(text: &str) -> ServiceSpec<'_> {
    ServiceSpec {
        protocol: ProtocolWord::Ip,
        source: None,
        destination: None,
        icmp: None,
        opaque: Some(text),
    }
}

/// A protocol with ports, as `object service` and `service-object` write it.
fn service_spec<'a>(mut words: Words<'_, 'a>) -> ServiceSpec<'a> {
    let first = words.peek().unwrap_or("");
    service_spec_of(&mut words).unwrap_or_else(|| opaque_spec(first))
}

fn service_spec_of<'a>(words: &mut Words<'_, 'a>) -> Option<ServiceSpec<'a>> {
    let protocol = ace::protocol_word(words.take()?)?;
    let mut spec = ServiceSpec {
        protocol,
        source: None,
        destination: None,
        icmp: None,
        opaque: None,
    };
    let number = match protocol {
        ProtocolWord::Number(n) => Some(n),
        _ => None,
    };
    if let Some(n @ (1 | 58)) = number {
        if let Some(word) = words.take() {
            let kind = ports::icmp_type(word, n == 58)?;
            let code = match words.take() {
                Some(code) => Some(code.parse::<u8>().ok()?),
                None => None,
            };
            spec.icmp = Some((kind, code));
        }
    } else {
        while !words.is_done() {
            if words.eat("source") {
                spec.source = Some(ace::port_op(words, number)?);
            } else {
                // 8.0 leaves the word `destination` out.
                words.eat("destination");
                spec.destination = Some(ace::port_op(words, number)?);
            }
        }
    }
    words.is_done().then_some(spec)
}
