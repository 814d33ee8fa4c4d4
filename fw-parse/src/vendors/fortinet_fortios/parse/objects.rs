//! Addresses, services, schedules.

use super::open;
use crate::vendors::fortinet_fortios::ast::{
    Address, AddressKind, Group, PortPair, Schedule, ScheduleKind, Service, ServiceKind, Vdom,
};
use crate::vendors::fortinet_fortios::inert;
use crate::vendors::fortinet_fortios::read::{Reader, instant, minute, ports, prefix, range};
use crate::vendors::fortinet_fortios::table::{Entry, Section, Verb};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;

/// Reads the section if it is one of these.
pub fn section<'t>(reader: &mut Reader<'_>, section: &'t Section<'_>, vdom: &mut Vdom<'t>) -> bool {
    match section.path.as_str() {
        "firewall address" => {
            open(reader, section, &mut vdom.unknown);
            vdom.addresses
                .extend(section.entries().filter_map(|e| address(reader, e)));
        }
        "firewall multicast-address" | "firewall multicast-address6" => {
            open(reader, section, &mut vdom.unknown);
            let all = section
                .entries()
                .filter_map(|e| multicast_address(reader, e));
            vdom.multicast_addresses.extend(all);
        }
        "system external-resource" => {
            // A list of addresses that the device fetches from elsewhere.
            reader.known(section);
            for entry in section.entries() {
                let Some(span) = entry.span else { continue };
                let list = Address {
                    name: &entry.name,
                    span,
                    last_line: entry.last_line,
                    kind: AddressKind::Name("external-resource", entry.name.to_string()),
                    unknown: Vec::new(),
                };
                if entry.word("type") == Some("address") {
                    vdom.addresses.push(list.clone());
                    vdom.addresses6.push(list);
                }
            }
        }
        "firewall address6" => {
            open(reader, section, &mut vdom.unknown);
            vdom.addresses6
                .extend(section.entries().filter_map(|e| address6(reader, e)));
        }
        "firewall addrgrp" => {
            open(reader, section, &mut vdom.unknown);
            vdom.addresses
                .extend(section.entries().filter_map(|e| addrgrp(reader, e)));
        }
        "firewall addrgrp6" => {
            open(reader, section, &mut vdom.unknown);
            vdom.addresses6
                .extend(section.entries().filter_map(|e| addrgrp(reader, e)));
        }
        "firewall service custom" => {
            open(reader, section, &mut vdom.unknown);
            vdom.services
                .extend(section.entries().filter_map(|e| service(reader, e)));
        }
        "firewall service group" => {
            open(reader, section, &mut vdom.unknown);
            vdom.service_groups.extend(
                section
                    .entries()
                    .filter_map(|e| group(reader, e, inert::SERVICE)),
            );
        }
        "firewall schedule onetime" | "firewall schedule recurring" | "firewall schedule group" => {
            open(reader, section, &mut vdom.unknown);
            for entry in section.entries() {
                let kind = match section.path.as_str() {
                    "firewall schedule onetime" => onetime(entry),
                    "firewall schedule recurring" => recurring(entry),
                    _ => ScheduleKind::Group(entry.list("member")),
                };
                let Some(span) = entry.span else { continue };
                vdom.schedules.push(Schedule {
                    name: &entry.name,
                    span,
                    last_line: entry.last_line,
                    kind,
                    unknown: reader.rest(entry, inert::SCHEDULE, &[]),
                });
            }
        }
        _ => return false,
    }
    true
}

pub(super) fn group<'t>(
    reader: &mut Reader<'_>,
    entry: &'t Entry<'_>,
    inert: &[&str],
) -> Option<Group<'t>> {
    Some(Group {
        name: &entry.name,
        span: entry.span?,
        last_line: entry.last_line,
        members: entry.list("member"),
        unknown: reader.rest(entry, inert, &[]),
    })
}

fn address<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>) -> Option<Address<'t>> {
    let pair = |low: &str, high: &str| -> Option<(IpAddr, IpAddr)> {
        let end = |name: &str| entry.word(name).unwrap_or("0.0.0.0").parse().ok();
        Some((end(low)?, end(high)?))
    };
    let subnet = entry.list("subnet");
    let fqdn = entry.word("fqdn");
    let range = pair("start-ip", "end-ip");
    let wildcard = entry.list("wildcard");
    let interface = entry.word("interface");
    // Before 5.x the type is not always printed with a name.
    let kind = entry
        .word("type")
        .unwrap_or(if fqdn.is_some() && subnet.is_empty() {
            "fqdn"
        } else {
            "ipmask"
        });
    let other = || AddressKind::Other(entry.text_without(inert::ADDRESS));
    let country = entry.word("country").unwrap_or("");
    let kind = match kind {
        "ipmask" if subnet.is_empty() => AddressKind::Subnet(IpNet::V4(Ipv4Net::default())),
        "ipmask" => prefix(&subnet).map_or_else(other, AddressKind::Subnet),
        "iprange" => range.map_or_else(other, |(a, b)| AddressKind::Range(a, b)),
        "wildcard" => match wildcard.as_slice() {
            [a, m] => a
                .parse()
                .ok()
                .zip(m.parse().ok())
                .map_or_else(other, |(a, m)| AddressKind::Wildcard(a, m)),
            [] => AddressKind::Subnet(IpNet::V4(Ipv4Net::default())),
            _ => other(),
        },
        "fqdn" => match fqdn {
            Some(name) => AddressKind::Name("fqdn", name.to_owned()),
            None => other(),
        },
        "wildcard-fqdn" => match entry.word("wildcard-fqdn").or(fqdn) {
            Some(name) => AddressKind::Name("wildcard-fqdn", name.to_owned()),
            None => other(),
        },
        "geography" => AddressKind::Name("geography", country.to_owned()),
        "interface-subnet" => match interface {
            // The prefix is printed and follows the interface's address.
            Some(interface) => AddressKind::InterfaceSubnet(interface),
            None if !subnet.is_empty() => prefix(&subnet).map_or_else(other, AddressKind::Subnet),
            None => other(),
        },
        _ => {
            for setting in &entry.settings {
                let _ = entry.words(&setting.name);
            }
            AddressKind::Elsewhere(entry.text_without(inert::ADDRESS))
        }
    };
    Some(Address {
        name: &entry.name,
        span: entry.span?,
        last_line: entry.last_line,
        kind,
        unknown: reader.rest(entry, inert::ADDRESS, &["list", "tagging"]),
    })
}

fn multicast_address<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>) -> Option<Address<'t>> {
    let subnet = entry.list("subnet");
    let ip6 = entry.list("ip6");
    let ends = (entry.word("start-ip"), entry.word("end-ip"));
    let _ = entry.word("type");
    let kind = match ends {
        (Some(low), Some(high)) => low
            .parse()
            .ok()
            .zip(high.parse().ok())
            .map(|(a, b)| AddressKind::Range(a, b)),
        _ if !subnet.is_empty() => prefix(&subnet).map(AddressKind::Subnet),
        _ => prefix(&ip6).map(AddressKind::Subnet),
    };
    Some(Address {
        name: &entry.name,
        span: entry.span?,
        last_line: entry.last_line,
        kind: kind.unwrap_or_else(|| AddressKind::Other(entry.text_without(inert::ADDRESS))),
        unknown: reader.rest(entry, inert::ADDRESS, &["tagging"]),
    })
}

fn address6<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>) -> Option<Address<'t>> {
    let ip6 = entry.list("ip6");
    let ends = (entry.word("start-ip"), entry.word("end-ip"));
    let fqdn = entry.word("fqdn");
    let country = entry.word("country").unwrap_or("");
    let other = || AddressKind::Other(entry.text_without(inert::ADDRESS));
    let kind = match entry.word("type").unwrap_or("ipprefix") {
        "ipprefix" if ip6.is_empty() => AddressKind::Subnet(IpNet::V6(Ipv6Net::default())),
        "ipprefix" => prefix(&ip6).map_or_else(other, AddressKind::Subnet),
        "iprange" => match ends {
            (Some(low), Some(high)) => low
                .parse()
                .ok()
                .zip(high.parse().ok())
                .map_or_else(other, |(a, b)| AddressKind::Range(a, b)),
            _ => other(),
        },
        "fqdn" => match fqdn {
            Some(name) => AddressKind::Name("fqdn", name.to_owned()),
            None => other(),
        },
        "geography" => AddressKind::Name("geography", country.to_owned()),
        _ => {
            for setting in &entry.settings {
                let _ = entry.words(&setting.name);
            }
            AddressKind::Elsewhere(entry.text_without(inert::ADDRESS))
        }
    };
    Some(Address {
        name: &entry.name,
        span: entry.span?,
        last_line: entry.last_line,
        kind,
        unknown: reader.rest(entry, inert::ADDRESS, &["list", "tagging"]),
    })
}

fn addrgrp<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>) -> Option<Address<'t>> {
    let members = entry.list("member");
    let excluded = entry.list("exclude-member");
    let excludes = entry.enabled("exclude");
    // `folder` groups are for display and match like others.
    let _ = entry.word("type");
    Some(Address {
        name: &entry.name,
        span: entry.span?,
        last_line: entry.last_line,
        kind: AddressKind::Group(members, if excludes { excluded } else { Vec::new() }),
        unknown: reader.rest(entry, inert::ADDRESS, &["tagging"]),
    })
}

/// `D[-D][:S[-S]]`
fn port_pair(text: &str) -> Option<PortPair> {
    match text.split_once(':') {
        Some((destination, source)) => Some((ports(destination)?, Some(ports(source)?))),
        None => Some((ports(text)?, None)),
    }
}

fn service<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>) -> Option<Service<'t>> {
    let mut unknown = Vec::new();
    let protocol = entry.word("protocol").unwrap_or("TCP/UDP/SCTP");
    let protocol_number: Option<u8> = reader.number(entry, "protocol-number", &mut unknown);
    let mut unclear = |name: &str| {
        let span = entry.place(name).or(entry.span);
        if let Some(span) = span {
            unknown.push(super::Unknown {
                text: format!("{name} {}", entry.list(name).join(" ")),
                span,
            });
        }
    };
    let lists = [
        (6, "tcp-portrange"),
        (17, "udp-portrange"),
        (132, "sctp-portrange"),
        (136, "udplite-portrange"),
    ];
    let mut all = Vec::new();
    for (protocol, name) in lists {
        let mut pairs = Vec::new();
        for word in entry.list(name) {
            match port_pair(word) {
                Some(pair) => pairs.push(pair),
                None => unclear(name),
            }
        }
        if !pairs.is_empty() {
            all.push((protocol, pairs));
        }
    }
    // Taking the type back takes the code back with it.
    let mut icmp = (None, None);
    for setting in &entry.settings {
        let value = setting.values.first().and_then(|v| v.parse::<u8>().ok());
        let icmp_number = matches!(setting.name.as_ref(), "icmptype" | "icmpcode");
        if icmp_number && value.is_none() && setting.verb != Verb::Unset {
            unclear(&setting.name);
        }
        match (setting.name.as_ref(), setting.verb) {
            ("icmptype", Verb::Unset) => icmp = (None, None),
            ("icmptype", _) => icmp.0 = value,
            ("icmpcode", Verb::Unset) => icmp.1 = None,
            ("icmpcode", _) => icmp.1 = value,
            _ => {}
        }
    }
    let _ = (entry.word("icmptype"), entry.word("icmpcode"));
    let proxy = entry.enabled("proxy");
    let kind = match protocol {
        _ if proxy => ServiceKind::Proxy,
        "ICMP" => ServiceKind::Icmp(1, icmp.0, icmp.1),
        "ICMP6" => ServiceKind::Icmp(58, icmp.0, icmp.1),
        "IP" => ServiceKind::Protocol(protocol_number.filter(|&n| n != 0)),
        p if p.starts_with("TCP/UDP") => ServiceKind::Ports(all),
        "HTTP" | "FTP" | "CONNECT" | "SOCKS" | "SOCKS-TCP" | "SOCKS-UDP" | "ALL" => {
            ServiceKind::Proxy
        }
        _ => {
            unclear("protocol");
            ServiceKind::Ports(all)
        }
    };
    let destinations = match entry.word("iprange") {
        None | Some("0.0.0.0") => None,
        Some(text) => {
            let parsed = range(text);
            if parsed.is_none() {
                unclear("iprange");
            }
            parsed
        }
    };
    for name in ["fqdn", "app-service-type", "app-category", "application"] {
        match entry.word(name) {
            None | Some("disable" | "") => {}
            Some(_) => unclear(name),
        }
    }
    let ttl = reader.timeout(entry, "session-ttl", &mut unknown);
    let udp_idle = reader
        .number(entry, "udp-idle-timer", &mut unknown)
        .filter(|&n: &u64| n != 0)
        .zip(entry.place("udp-idle-timer"));
    unknown.extend(reader.rest(entry, inert::SERVICE, &[]));
    Some(Service {
        name: &entry.name,
        span: entry.span?,
        last_line: entry.last_line,
        kind,
        destinations,
        ttl,
        udp_idle,
        unknown,
    })
}

fn onetime<'t>(entry: &'t Entry<'_>) -> ScheduleKind<'t> {
    let read = |name: &str| match entry.words(name) {
        None => Some(None),
        Some(words) => instant(&words).map(Some),
    };
    match (read("start"), read("end")) {
        (Some(start), Some(end)) => ScheduleKind::Once(start, end),
        _ => ScheduleKind::Unclear,
    }
}

fn recurring<'t>(entry: &'t Entry<'_>) -> ScheduleKind<'t> {
    const DAY: i64 = 24 * 60;
    let time = |name: &str| entry.word(name).map_or(Some(0), minute);
    let (Some(start), Some(end)) = (time("start"), time("end")) else {
        return ScheduleKind::Unclear;
    };
    let names = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let mut out = Vec::new();
    for word in entry.list("day") {
        let Some(day) = names.iter().position(|n| *n == word) else {
            if word == "none" {
                continue;
            }
            return ScheduleKind::Unclear;
        };
        let first = day as i64 * DAY + start;
        // An end at or before the start lies on the next day.
        let last = day as i64 * DAY + if end <= start { end + DAY } else { end };
        let week = 7 * DAY;
        out.push((first as u32, last.min(week) as u32));
        if last > week {
            out.push((0, (last - week) as u32));
        }
    }
    out.sort_unstable();
    ScheduleKind::Weekly(out)
}
