//! Interfaces, zones, SD-WAN, routes.

use super::open;
use crate::vendors::fortinet_fortios::ast::{Config, Interface, PolicyRoute, Route, Vdom, Zone};
use crate::vendors::fortinet_fortios::inert;
use crate::vendors::fortinet_fortios::read::{Reader, prefix, set_address};
use crate::vendors::fortinet_fortios::table::{Entry, Section};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Reads the section if it is one of these.
pub fn section<'t>(reader: &mut Reader<'_>, section: &'t Section<'_>, vdom: &mut Vdom<'t>) -> bool {
    match section.path.as_str() {
        "system interface" => {
            open(reader, section, &mut vdom.unknown);
            vdom.has_interfaces |= section.entries().next().is_some();
            for entry in section.entries() {
                let interface = interface(reader, entry);
                // An interface without a domain belongs to the first one.
                let here =
                    vdom.name.is_empty() || entry.word("vdom").unwrap_or("root") == vdom.name;
                if here {
                    vdom.interfaces.push(interface);
                }
            }
        }
        "system zone" => {
            open(reader, section, &mut vdom.unknown);
            for entry in section.entries() {
                vdom.zones.push(Zone {
                    name: &entry.name,
                    span: entry.span,
                    interfaces: entry.list("interface"),
                    intrazone: entry.word("intrazone") == Some("allow"),
                });
                let unknown = reader.rest(entry, inert::PLAIN, &["tagging"]);
                vdom.unknown.extend(unknown);
            }
        }
        "system sdwan" | "system virtual-wan-link" => sdwan(reader, section, vdom),
        "router static" | "router static6" => {
            open(reader, section, &mut vdom.unknown);
            let v6 = section.path.ends_with('6');
            for entry in section.entries() {
                vdom.routes.extend(route(entry, v6));
                let unknown = reader.rest(entry, inert::ROUTE, &[]);
                vdom.unknown.extend(unknown);
            }
        }
        "router policy" | "router policy6" => {
            open(reader, section, &mut vdom.unknown);
            vdom.policy_routes
                .extend(section.entries().filter_map(|e| policy_route(reader, e)));
        }
        "router bgp" | "router ospf" | "router ospf6" | "router rip" | "router ripng"
        | "router isis" | "router eigrp" => {
            let on = [
                "neighbor",
                "neighbor-group",
                "network",
                "ospf-interface",
                "area",
                "interface",
                "isis-interface",
                "ospf6-interface",
            ];
            let used = section
                .own
                .blocks
                .iter()
                .any(|b| on.contains(&b.path.as_str()) && !b.is_empty());
            if used && let Some((span, _)) = section.ranges.first() {
                vdom.dynamic_routing = vdom.dynamic_routing.or(Some(("dynamic-routes", *span)));
            }
            reader.inert(
                section,
                "dynamic routing; what it learns is not in the configuration",
            );
        }
        _ => return false,
    }
    true
}

/// Interfaces stand in the global part with the name of their domain; those
/// without one belong to every domain's own section.
pub fn keep_own_interfaces(config: &mut Config<'_>) {
    for vdom in &mut config.vdoms {
        vdom.interfaces.sort_by_key(|i| i.span);
        vdom.interfaces.dedup_by(|a, b| a.name == b.name);
    }
}

fn interface<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>) -> Interface<'t> {
    let mut out = Interface {
        name: &entry.name,
        span: entry.span,
        up: entry.word("status") != Some("down"),
        dynamic: matches!(entry.word("mode"), Some("dhcp" | "pppoe" | "ipam")),
        management: entry.word("dedicated-to") == Some("management"),
        vrf: entry.number("vrf").unwrap_or(0),
        access: entry.list("allowaccess"),
        ..Interface::default()
    };
    let _ = (entry.word("vdom"), entry.word("secondary-IP"));
    let unset = IpNet::V4(Ipv4Net::default());
    out.addresses
        .extend(prefix(&entry.list("ip")).filter(|n| n.addr() != unset.addr()));
    if let Some(block) = entry.block("secondaryip") {
        for second in block.entries() {
            out.addresses
                .extend(prefix(&second.list("ip")).filter(|n| n.addr() != unset.addr()));
            out.access.extend(second.list("allowaccess"));
            let unknown = reader.rest(
                second,
                &[
                    "ping-serv-status",
                    "detect*",
                    "gwdetect",
                    "ha-priority",
                    "secip-*",
                ],
                &[],
            );
            out.unknown.extend(unknown);
        }
    }
    if let Some(block) = entry.block("ipv6") {
        let own = &block.own;
        let empty = IpNet::V6(Ipv6Net::default());
        out.addresses
            .extend(prefix(&own.list("ip6-address")).filter(|n| *n != empty));
        out.dynamic |= matches!(own.word("ip6-mode"), Some("dhcp" | "pppoe" | "delegated"));
        out.access6 = own.list("ip6-allowaccess");
        for extra in own
            .block("ip6-extra-addr")
            .into_iter()
            .flat_map(Section::entries)
        {
            out.addresses.extend(prefix(&[extra.name.as_ref()]));
        }
        let blocks = [
            "ip6-prefix-list",
            "ip6-delegated-prefix-list",
            "vrrp6",
            "dhcp6-*",
            "ip6-*",
        ];
        let unknown = reader.rest(own, inert::INTERFACE6, &blocks);
        out.unknown.extend(unknown);
    }
    if entry.word("security-mode") == Some("none") {
        // Nobody has to authenticate: the default, written out.
    } else if let Some(setting) = entry.settings.iter().find(|s| s.name == "security-mode") {
        out.unknown.push(super::Unknown {
            text: setting.text(),
            span: setting.span,
        });
        reader.ledger.opaque(setting.span.line);
    }
    let unknown = reader.rest(entry, inert::INTERFACE, inert::INTERFACE_BLOCKS);
    out.unknown.extend(unknown);
    out
}

/// SD-WAN: zones of member interfaces. Its rules choose among routes of equal
/// cost, all of which are judged.
fn sdwan<'t>(reader: &mut Reader<'_>, section: &'t Section<'_>, vdom: &mut Vdom<'t>) {
    reader.known(section);
    let own = &section.own;
    let on = own.word("status") != Some("disable");
    let mut zones: Vec<Zone<'t>> = Vec::new();
    for entry in own.block("zone").into_iter().flat_map(Section::entries) {
        zones.push(Zone {
            name: &entry.name,
            span: entry.span,
            ..Zone::default()
        });
        let unknown = reader.rest(entry, inert::SDWAN, &[]);
        vdom.unknown.extend(unknown);
    }
    for entry in own.block("members").into_iter().flat_map(Section::entries) {
        let interface = entry.word("interface");
        let zone = entry.word("zone").unwrap_or("virtual-wan-link");
        let up = entry.word("status") != Some("disable");
        let unknown = reader.rest(entry, inert::SDWAN, &[]);
        vdom.unknown.extend(unknown);
        let Some(interface) = interface.filter(|_| on && up) else {
            continue;
        };
        match zones.iter_mut().find(|z| z.name == zone) {
            Some(z) => z.interfaces.push(interface),
            None => zones.push(Zone {
                name: zone,
                span: entry.span,
                interfaces: vec![interface],
                intrazone: false,
            }),
        }
    }
    if let Some(block) = own.block("service") {
        for entry in block.entries() {
            // Only a rule that ignores the routes can send packets elsewhere.
            if entry.enabled("gateway") || entry.enabled("default") {
                vdom.unknown.push(super::Unknown {
                    text: format!("sdwan service {}", entry.text()),
                    span: entry.span.unwrap_or_else(super::super::no_span),
                });
            }
        }
    }
    vdom.zones.extend(zones);
    let blocks = ["health-check*", "neighbor", "duplication", "service*"];
    let unknown = reader.rest(own, inert::SDWAN, &blocks);
    vdom.unknown.extend(unknown);
}

fn route<'t>(entry: &'t Entry<'_>, v6: bool) -> Option<Route<'t>> {
    let any = if v6 {
        IpNet::V6(Ipv6Net::default())
    } else {
        IpNet::V4(Ipv4Net::default())
    };
    let dst = entry.list("dst");
    let prefix = if dst.is_empty() {
        Some(any)
    } else {
        prefix(&dst)
    };
    let object = entry.word("dstaddr");
    let internet = entry
        .word("internet-service")
        .or(entry.word("internet-service-custom"));
    let mut zones = entry.list("sdwan-zone");
    if zones.is_empty() && (entry.enabled("sdwan") || entry.enabled("virtual-wan-link")) {
        zones.push("virtual-wan-link");
    }
    let route = Route {
        span: entry.span?,
        prefix: prefix.filter(|_| internet.is_none()),
        object,
        v6,
        device: entry.word("device"),
        zones,
        gateway: entry.word("gateway").and_then(set_address),
        blackhole: entry.enabled("blackhole"),
        distance: entry.number("distance").unwrap_or(10),
        priority: entry.number("priority").unwrap_or(0),
        vrf: entry.number("vrf").unwrap_or(0),
    };
    (entry.word("status") != Some("disable")).then_some(route)
}

fn policy_route<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>) -> Option<PolicyRoute<'t>> {
    let nets = |name: &str| -> Vec<IpNet> {
        entry
            .list(name)
            .iter()
            .filter_map(|w| match w.split_once('/') {
                // `10.0.0.0/255.0.0.0`
                Some((address, mask)) if mask.contains('.') => prefix(&[address, mask]),
                _ => prefix(&[w]),
            })
            .collect()
    };
    let range = |low: &str, high: &str| {
        let read = |name: &str| entry.number(name).and_then(|p| u16::try_from(p).ok());
        let (low, high) = (read(low), read(high));
        (low.is_some() || high.is_some()).then(|| (low.unwrap_or(0), high.unwrap_or(u16::MAX)))
    };
    let out = PolicyRoute {
        id: &entry.name,
        span: entry.span?,
        input: entry.list("input-device"),
        sources: nets("src"),
        destinations: nets("dst"),
        source_objects: entry.list("srcaddr"),
        destination_objects: entry.list("dstaddr"),
        protocol: entry
            .number("protocol")
            .and_then(|p| u8::try_from(p).ok())
            .filter(|&p| p != 0),
        ports: range("start-port", "end-port"),
        source_ports: range("start-source-port", "end-source-port"),
        output: entry.word("output-device"),
        stop: entry.word("action") == Some("deny"),
        unknown: reader.rest(entry, inert::POLICY_ROUTE, &[]),
    };
    (entry.word("status") != Some("disable")).then_some(out)
}
