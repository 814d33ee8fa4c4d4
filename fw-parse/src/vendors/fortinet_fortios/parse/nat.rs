//! Virtual addresses and source NAT pools.

use super::objects::group;
use super::{Unknown, open};
use crate::vendors::fortinet_fortios::ast::{Mapped, Pool, PoolMode, PortForward, Vdom, Vip};
use crate::vendors::fortinet_fortios::inert;
use crate::vendors::fortinet_fortios::read::{Reader, ports, range};
use crate::vendors::fortinet_fortios::table::{Entry, Section};
use std::net::IpAddr;

/// Reads the section if it is one of these.
pub fn section<'t>(reader: &mut Reader<'_>, section: &'t Section<'_>, vdom: &mut Vdom<'t>) -> bool {
    match section.path.as_str() {
        "firewall vip" | "firewall vip6" => {
            open(reader, section, &mut vdom.unknown);
            let v6 = section.path == "firewall vip6";
            vdom.vips
                .extend(section.entries().filter_map(|e| vip(reader, e, v6)));
        }
        "firewall vipgrp" | "firewall vipgrp6" => {
            open(reader, section, &mut vdom.unknown);
            let all = section.entries().filter_map(|e| {
                let _ = e.word("interface");
                group(reader, e, inert::PLAIN)
            });
            vdom.vip_groups.extend(all);
        }
        "firewall ippool" | "firewall ippool6" => {
            open(reader, section, &mut vdom.unknown);
            let mut unknown = Vec::new();
            vdom.pools.extend(
                section
                    .entries()
                    .filter_map(|e| pool(reader, e, &mut unknown)),
            );
            vdom.unknown.extend(unknown);
        }
        _ => return false,
    }
    true
}

fn pool<'t>(
    reader: &mut Reader<'_>,
    entry: &'t Entry<'_>,
    unknown: &mut Vec<Unknown>,
) -> Option<Pool<'t>> {
    let mut end = |reader: &mut Reader<'_>, name: &str| {
        reader.value(entry, name, unknown, |words| match words {
            [one] => one.parse::<IpAddr>().ok(),
            _ => None,
        })
    };
    let range = end(reader, "startip").zip(end(reader, "endip"));
    let mode = match entry.word("type") {
        Some("one-to-one") => PoolMode::OneToOne,
        Some("fixed-port-range") => PoolMode::FixedPortRange,
        Some("port-block-allocation" | "cgn-resource-allocation") => PoolMode::PortBlocks,
        None | Some("overload") => PoolMode::Overload,
        Some(_) => {
            reader.refuse(entry, "type", unknown);
            PoolMode::Overload
        }
    };
    let answers = entry.flag("arp-reply") != Some(false);
    unknown.extend(reader.rest(entry, inert::POOL, &[]));
    Some(Pool {
        name: &entry.name,
        span: entry.span?,
        last_line: entry.last_line,
        range,
        mode,
        mode_place: entry.place("type"),
        answers,
    })
}

fn vip<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>, v6: bool) -> Option<Vip<'t>> {
    let mut unknown = Vec::new();
    let one = |words: &[&str]| match words {
        [one] => range(one),
        _ => None,
    };
    let unset = entry.word("extip").is_none() && !v6;
    let external = reader
        .value(entry, "extip", &mut unknown, one)
        .or_else(|| unset.then(|| range("0.0.0.0")).flatten());
    let external_objects = entry.list("extaddr");
    let kind = entry.word("type").unwrap_or("static-nat");
    let mapped = match kind {
        "server-load-balance" | "load-balance" => servers(entry),
        "static-nat" => reader
            .value(entry, "mappedip", &mut unknown, one)
            .map_or(Mapped::Unclear, |(a, b)| Mapped::Range(a, b)),
        "fqdn" => {
            // Maps to a name, whose addresses are not in the configuration.
            let _ = (entry.word("mapped-addr"), entry.word("mappedip"));
            Mapped::Unclear
        }
        _ => {
            // Other types do not forward packets address by address.
            let _ = entry.word("mappedip");
            reader.refuse(entry, "type", &mut unknown);
            Mapped::Unclear
        }
    };
    let ports = port_forward(reader, entry, kind, &mut unknown);
    let translates_source =
        kind == "static-nat" && (ports.is_none() || entry.enabled("nat-source-vip"));
    let many_ports = entry.word("portmapping-type") == Some("m-to-n");
    let mut vip = Vip {
        name: &entry.name,
        span: entry.span?,
        last_line: entry.last_line,
        enabled: entry.word("status") != Some("disable"),
        external,
        external_objects,
        mapped,
        interface: entry.word("extintf").unwrap_or("any"),
        interface_filter: entry.list("srcintf-filter"),
        sources: entry.list("src-filter"),
        ports,
        many_ports,
        services: entry.list("service"),
        translates_source,
        answers: entry.flag("arp-reply") != Some(false),
        unknown: Vec::new(),
    };
    let _ = entry.word("nat-source-vip");
    unknown.extend(reader.rest(
        entry,
        inert::VIP,
        &["quic", "ssl-cipher-suites", "ssl-server-cipher-suites"],
    ));
    vip.unknown = unknown;
    Some(vip)
}

/// The servers of a load balancer that are in use.
fn servers(entry: &Entry<'_>) -> Mapped {
    let mut servers = Vec::new();
    let block = entry.block("realservers");
    for server in block.into_iter().flat_map(Section::entries) {
        if server.word("status") == Some("disable") {
            continue;
        }
        let port = match server.word("port").map(str::parse::<u16>) {
            None | Some(Ok(0)) => None,
            Some(Ok(port)) => Some(port),
            Some(Err(_)) => return Mapped::Unclear,
        };
        match server.word("ip").and_then(range) {
            Some((low, _)) => servers.push((low, port)),
            // Servers by name.
            None => return Mapped::Unclear,
        }
    }
    if servers.is_empty() {
        Mapped::Unclear
    } else {
        Mapped::Servers(servers)
    }
}

fn port_forward(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    kind: &str,
    unknown: &mut Vec<Unknown>,
) -> Option<PortForward> {
    let protocol = reader.value(entry, "protocol", unknown, |words| match words {
        ["tcp"] => Some(6u8),
        ["udp"] => Some(17),
        ["sctp"] => Some(132),
        ["icmp"] => Some(1),
        _ => None,
    });
    let one = |words: &[&str]| match words {
        [one] => ports(one),
        _ => None,
    };
    let outer = reader.value(entry, "extport", unknown, one);
    let inner = reader.value(entry, "mappedport", unknown, one);
    let server = entry.word("server-type");
    let forwards = if kind == "server-load-balance" {
        server != Some("ip") && outer.is_some_and(|p| p != (0, 0))
    } else {
        entry.enabled("portforward")
    };
    let by_type = if server == Some("udp") { 17 } else { 6 };
    let outer = outer.unwrap_or((0, 0));
    forwards.then(|| (protocol.unwrap_or(by_type), outer, inner.unwrap_or(outer)))
}
