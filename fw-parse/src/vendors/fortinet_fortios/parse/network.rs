//! Interfaces, zones, SD-WAN, routes.

use super::Unknown;
use super::open;
use super::phase2::phase2;
use crate::vendors::fortinet_fortios::ast::{
    Config, Interface, PolicyRoute, Route, Tunnel, TunnelKind, Vdom, Zone,
};
use crate::vendors::fortinet_fortios::inert;
use crate::vendors::fortinet_fortios::read::{Reader, prefix};
use crate::vendors::fortinet_fortios::table::{Entry, Section};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;

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
        "vpn ipsec phase1-interface"
        | "vpn ipsec phase1"
        | "system gre-tunnel"
        | "system ipip-tunnel" => {
            reader.known(section);
            for entry in section.entries() {
                vdom.tunnels.push(tunnel(entry, section.path.as_str()));
                reader.settings(entry, &["*"]);
            }
        }
        "vpn ipsec phase2-interface" => {
            reader.known(section);
            for entry in section.entries() {
                vdom.selectors.extend(phase2(reader, entry));
                reader.settings(entry, &["*"]);
            }
        }
        "router static" | "router static6" => {
            open(reader, section, &mut vdom.unknown);
            let v6 = section.path.ends_with('6');
            for entry in section.entries() {
                let mut unknown = Vec::new();
                vdom.routes.extend(route(reader, entry, v6, &mut unknown));
                unknown.extend(reader.rest(entry, inert::ROUTE, &[]));
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

/// How it is encrypted is none of the model's business.
fn tunnel<'t>(entry: &'t Entry<'_>, section: &str) -> Tunnel<'t> {
    let peer = entry.word("remote-gw").or_else(|| entry.word("remote-gw6"));
    Tunnel {
        name: &entry.name,
        kind: if section.ends_with("phase1") {
            TunnelKind::Policy
        } else {
            TunnelKind::Interface
        },
        interface: entry.word("interface"),
        peer: peer
            .and_then(|p| p.parse().ok())
            .filter(|p: &IpAddr| !p.is_unspecified()),
        dynamic: entry.word("type") == Some("dynamic"),
        span: entry.span,
    }
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
    let mut unknown = Vec::new();
    let learned = matches!(entry.word("mode"), Some("dhcp" | "pppoe"));
    let distance = reader.number(entry, "distance", &mut unknown);
    let asked = entry.flag("defaultgw") != Some(false);
    let vlan = reader.number(entry, "vlanid", &mut unknown);
    let mut out = Interface {
        name: &entry.name,
        span: entry.span,
        up: entry.word("status") != Some("down"),
        dynamic: learned || entry.word("mode") == Some("ipam"),
        default_route: (learned && asked).then(|| distance.unwrap_or(LEARNED_DISTANCE)),
        management: entry.word("dedicated-to") == Some("management"),
        any_source: entry.flag("src-check") == Some(false),
        vrf: reader.number(entry, "vrf", &mut unknown).unwrap_or(0),
        access: entry.list("allowaccess"),
        vdom_link: entry.word("type") == Some("vdom-link"),
        carrier: entry.word("interface").zip(vlan),
        ..Interface::default()
    };
    let _ = (entry.word("vdom"), entry.word("secondary-IP"));
    address_of(reader, entry, "ip", &mut out.addresses, &mut unknown);
    if let Some(block) = entry.block("secondaryip") {
        for second in block.entries() {
            address_of(reader, second, "ip", &mut out.addresses, &mut unknown);
            out.access.extend(second.list("allowaccess"));
            let settings = [
                "ping-serv-status",
                "detect*",
                "gwdetect",
                "ha-priority",
                "secip-*",
            ];
            unknown.extend(reader.rest(second, &settings, &[]));
        }
    }
    if let Some(block) = entry.block("vrrp") {
        for router in block.entries() {
            if router.word("status") == Some("disable") {
                continue;
            }
            let address = reader.value(router, "vrip", &mut unknown, |words| match words {
                [one] => one.parse::<IpAddr>().ok(),
                _ => None,
            });
            out.shared.extend(address);
            // Who is the master is decided at run time.
            unknown.extend(reader.rest(router, inert::VRRP, &["proxy-arp"]));
        }
    }
    if let Some(block) = entry.block("ipv6") {
        let own = &block.own;
        address_of(reader, own, "ip6-address", &mut out.addresses, &mut unknown);
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
        unknown.extend(reader.rest(own, inert::INTERFACE6, &blocks));
    }
    if entry
        .word("security-mode")
        .is_some_and(|mode| mode != "none")
    {
        // Who has not authenticated is held at a portal.
        reader.refuse(entry, "security-mode", &mut unknown);
    }
    unknown.extend(reader.rest(entry, inert::INTERFACE, inert::INTERFACE_BLOCKS));
    out.unknown = unknown;
    out
}

/// The distance of a default route that DHCP or PPPoE gives, unless set.
/// <https://docs.fortinet.com/document/fortigate/7.4.1/administration-guide/139692/routing-concepts>
const LEARNED_DISTANCE: u64 = 5;

/// An address with its mask; an unspecified one stands for "none".
fn address_of(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    name: &str,
    addresses: &mut Vec<IpNet>,
    unknown: &mut Vec<Unknown>,
) {
    let net = reader.value(entry, name, unknown, prefix);
    addresses.extend(net.filter(|n| !n.addr().is_unspecified()));
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
        let mut unknown = Vec::new();
        let gateway = reader.value(entry, "gateway", &mut unknown, |words| match words {
            [one] => one.parse::<IpAddr>().ok(),
            _ => None,
        });
        unknown.extend(reader.rest(entry, inert::SDWAN, &[]));
        vdom.unknown.extend(unknown);
        let Some(interface) = interface.filter(|_| on && up) else {
            continue;
        };
        let gateway = gateway.filter(|g| !g.is_unspecified());
        vdom.member_gateways.extend(gateway.map(|g| (interface, g)));
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

fn route<'t>(
    reader: &mut Reader<'_>,
    entry: &'t Entry<'_>,
    v6: bool,
    unknown: &mut Vec<Unknown>,
) -> Option<Route<'t>> {
    let any = if v6 {
        IpNet::V6(Ipv6Net::default())
    } else {
        IpNet::V4(Ipv4Net::default())
    };
    let object = entry.word("dstaddr");
    let internet = entry
        .word("internet-service")
        .or(entry.word("internet-service-custom"));
    let given = entry.words("dst").is_some();
    let prefix = reader.value(entry, "dst", unknown, prefix);
    // A destination that is not understood is no default route.
    let prefix = prefix.or((!given && object.is_none() && internet.is_none()).then_some(any));
    let mut zones = entry.list("sdwan-zone");
    if zones.is_empty() && (entry.enabled("sdwan") || entry.enabled("virtual-wan-link")) {
        zones.push("virtual-wan-link");
    }
    let gateway = reader.value(entry, "gateway", unknown, |words| match words {
        [one] => one.parse::<IpAddr>().ok(),
        _ => None,
    });
    let route = Route {
        span: entry.span?,
        prefix: prefix.filter(|_| internet.is_none()),
        object,
        internet,
        v6,
        device: entry.word("device"),
        zones,
        gateway: gateway.filter(|g| !g.is_unspecified()),
        blackhole: entry.enabled("blackhole"),
        distance: reader.number(entry, "distance", unknown).unwrap_or(10),
        priority: reader.number(entry, "priority", unknown).unwrap_or(0),
        vrf: reader.number(entry, "vrf", unknown).unwrap_or(0),
    };
    (entry.word("status") != Some("disable")).then_some(route)
}

fn policy_route<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>) -> Option<PolicyRoute<'t>> {
    let mut unknown = Vec::new();
    let net = |word: &&str| match word.split_once('/') {
        // `10.0.0.0/255.0.0.0`
        Some((address, mask)) if mask.contains('.') => prefix(&[address, mask]),
        _ => prefix(&[word]),
    };
    let mut nets = |reader: &mut Reader<'_>, name: &str| {
        let all = |words: &[&str]| words.iter().map(net).collect::<Option<Vec<IpNet>>>();
        reader
            .value(entry, name, &mut unknown, all)
            .unwrap_or_default()
    };
    let (sources, destinations) = (nets(reader, "src"), nets(reader, "dst"));
    let mut range = |reader: &mut Reader<'_>, low: &str, high: &str| {
        let low: Option<u16> = reader.number(entry, low, &mut unknown);
        let high: Option<u16> = reader.number(entry, high, &mut unknown);
        (low.is_some() || high.is_some()).then(|| (low.unwrap_or(0), high.unwrap_or(u16::MAX)))
    };
    let ports = range(reader, "start-port", "end-port");
    let source_ports = range(reader, "start-source-port", "end-source-port");
    let protocol: Option<u8> = reader.number(entry, "protocol", &mut unknown);
    let enabled = entry.word("status") != Some("disable");
    let out = PolicyRoute {
        id: &entry.name,
        span: entry.span?,
        input: entry.list("input-device"),
        sources,
        destinations,
        source_objects: entry.list("srcaddr"),
        destination_objects: entry.list("dstaddr"),
        protocol: protocol.filter(|&p| p != 0),
        ports,
        source_ports,
        output: entry.word("output-device"),
        gateway: entry
            .word("gateway")
            .and_then(|g| g.parse().ok())
            .filter(|g: &IpAddr| !g.is_unspecified()),
        stop: entry.word("action") == Some("deny"),
        unknown: {
            unknown.extend(reader.rest(entry, inert::POLICY_ROUTE, &[]));
            unknown
        },
    };
    enabled.then_some(out)
}
