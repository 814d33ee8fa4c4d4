//! Interfaces, routing tables, management profiles, zones.

use super::objects::body;
use super::{number, tunnel, unknown, value, word, words, yes};
use crate::vendors::paloalto_panos::ast::{
    Interface, ManagementProfile, Network, NextHop, Route, Router, Unknown, Word, Zone,
};
use crate::vendors::paloalto_panos::digest;
use crate::vendors::paloalto_panos::tree::At;

const LINK: &str = "link properties that do not decide what passes";

/// Reads a `network` section.
pub(super) fn network(at: At<'_>) -> Network<'_> {
    let mut out = Network {
        present: true,
        ..Network::default()
    };
    for section in at.children() {
        match section.name() {
            "interface" => interfaces(&mut out, section),
            "virtual-router" => {
                out.routers
                    .extend(section.children().map(|r| router(r, r.name())));
            }
            "logical-router" => {
                for logical in section.children() {
                    for table in logical.child("vrf").into_iter().flat_map(|v| v.children()) {
                        let mut table = router(table, table.name());
                        table.name = logical.name();
                        out.routers.push(table);
                    }
                }
            }
            "profiles" => {
                for profile in section
                    .child("interface-management-profile")
                    .into_iter()
                    .flat_map(|p| p.children())
                {
                    out.management_profiles.push(management_profile(profile));
                }
                let protection = section.child("zone-protection-profile");
                for profile in protection.into_iter().flat_map(|p| p.children()) {
                    profile.modeled();
                    let settings = digest(&body(profile));
                    out.zone_profiles.push((profile.name(), settings));
                }
            }
            "ike" => {
                let gateways = section.child("gateway");
                if gateways.is_some_and(|g| !g.is_leaf()) {
                    out.features.push(section.name());
                }
                let gateways = gateways.into_iter().flat_map(|g| g.children());
                out.ike_gateways.extend(gateways.map(tunnel::ike_gateway));
            }
            "dhcp" | "dns-proxy" if !section.is_leaf() => out.features.push(section.name()),
            "tunnel" => {
                let gre = section.child("gre").filter(|g| !g.is_leaf());
                out.features.extend(gre.map(|g| g.name()));
                let kinds = [section.child("ipsec"), gre];
                let tunnels = kinds.into_iter().flatten().flat_map(|k| k.children());
                out.tunnels.extend(tunnels.map(tunnel::tunnel));
            }
            "shared-gateway" => {
                for gateway in section.children() {
                    let import = gateway.path(&["import", "network", "interface"]);
                    if let Some(import) = import {
                        import.modeled();
                    }
                    let mut members = import.map(words).unwrap_or_default();
                    members.retain(|m| !m.text.is_empty());
                    out.shared_gateways.push((gateway.name(), members));
                }
            }
            _ => {}
        }
    }
    out
}

fn interfaces<'t>(out: &mut Network<'t>, section: At<'t>) {
    for kind in section.children() {
        match kind.name() {
            "ethernet" | "aggregate-ethernet" | "cellular" => {
                for port in kind.children() {
                    physical(out, port);
                }
            }
            // These have the settings of the kind's own interface beside
            // the units.
            "vlan" | "loopback" | "tunnel" | "sdwan" => {
                let mut own = Interface {
                    name: kind.name(),
                    place: kind.place(),
                    ..Interface::default()
                };
                for field in kind.children() {
                    if field.name() == "units" {
                        let units = field.children().map(|u| unit(u, None, &mut out.unknown));
                        out.interfaces.extend(units);
                    } else {
                        layer3_field(&mut own, field, &mut out.unknown);
                    }
                }
                if !own.addresses.is_empty() {
                    out.interfaces.push(own);
                }
            }
            _ => {}
        }
    }
}

fn physical<'t>(out: &mut Network<'t>, port: At<'t>) {
    let mut own = Interface {
        name: port.name(),
        place: port.place(),
        ..Interface::default()
    };
    let mut units = Vec::new();
    for field in port.children() {
        match field.name() {
            "layer3" | "layer2" | "virtual-wire" => {
                for part in field.children() {
                    if part.name() == "units" {
                        units.extend(part.children());
                    } else {
                        layer3_field(&mut own, part, &mut out.unknown);
                    }
                }
                if field.is_leaf() {
                    field.modeled();
                }
            }
            "tap" => field.modeled(),
            "ha" | "aggregate-group" | "log-card" | "decrypt-mirror" => {
                field.inert("a port that carries no traffic of its own");
            }
            "link-state" => {
                field.modeled();
                own.down = value(field).is_some_and(|v| v.text == "down");
            }
            "comment" | "link-speed" | "link-duplex" | "lacp" | "poe" | "lldp" => field.inert(LINK),
            _ => {}
        }
    }
    if port.is_leaf() {
        port.modeled();
    }
    let down = own.down;
    out.interfaces.push(own);
    let units = units
        .into_iter()
        .map(|u| unit(u, Some(down), &mut out.unknown));
    out.interfaces.extend(units);
}

fn unit<'t>(at: At<'t>, down: Option<bool>, rest: &mut Vec<Unknown>) -> Interface<'t> {
    let mut out = Interface {
        name: at.name(),
        place: at.place(),
        ..Interface::default()
    };
    for field in at.children() {
        layer3_field(&mut out, field, rest);
    }
    if at.is_leaf() {
        at.modeled();
    }
    out.down = down.unwrap_or(false);
    out
}

fn layer3_field<'t>(out: &mut Interface<'t>, field: At<'t>, rest: &mut Vec<Unknown>) {
    match field.name() {
        "ip" => {
            field.modeled();
            for address in field.children() {
                for extra in address.children() {
                    if extra.name() == "sdwan-gateway" {
                        extra.inert("the gateway that SD-WAN probes");
                    } else {
                        rest.push(unknown(extra));
                    }
                }
                out.addresses.push(word(address));
            }
        }
        "ipv6" => {
            for part in field.children() {
                match part.name() {
                    "address" => {
                        part.modeled();
                        for address in part.children() {
                            out.addresses.push(word(address));
                            for detail in address.children() {
                                detail.inert("how the address is announced");
                            }
                        }
                    }
                    "dhcp-client" | "inherited" => {
                        part.modeled();
                        out.dynamic = true;
                    }
                    "enabled" => part.modeled(),
                    _ => part.inert("neighbor discovery and addressing of the link"),
                }
            }
        }
        "dhcp-client" | "pppoe" => {
            field.modeled();
            let off = field.child("enable").is_some_and(|e| !yes(e));
            if !off {
                out.dynamic = true;
                let learns = field.child("create-default-route").is_none_or(yes);
                let metric = field.child("default-route-metric").and_then(number);
                if learns {
                    let metric = metric.and_then(|(m, _)| u32::try_from(m).ok());
                    out.learns_default = Some(metric.unwrap_or(10));
                }
            }
        }
        "interface-management-profile" => {
            field.modeled();
            out.management_profile = value(field);
        }
        "comment"
        | "mtu"
        | "adjust-tcp-mss"
        | "lldp"
        | "ndp-proxy"
        | "arp"
        | "netflow-profile"
        | "untagged-sub-interface"
        | "tag"
        | "ddns-config"
        | "bonjour"
        | "traffic-interconnect"
        | "sdwan-link-settings"
        | "df-ignore"
        | "link-tag"
        | "decrypt-forward"
        | "vlan-tag"
        | "cluster-interconnect"
        | "inter-zone"
        | "protocol"
        | "metric"
        | "interface" => {
            field.inert(LINK);
        }
        _ => {}
    }
}

fn router<'t>(at: At<'t>, name: &'t str) -> Router<'t> {
    let mut out = Router {
        name,
        ..Router::default()
    };
    if at.is_leaf() {
        at.modeled();
    }
    for field in at.children() {
        match field.name() {
            "interface" => {
                field.modeled();
                out.interfaces = words(field);
            }
            "routing-table" => {
                for family in field.children() {
                    let routes = family.child("static-route");
                    for entry in routes.into_iter().flat_map(|r| r.children()) {
                        out.routes.push(route(entry));
                    }
                }
            }
            "protocol" => {
                for protocol in field.children() {
                    enabled_protocol(&mut out, protocol);
                }
            }
            "bgp" | "ospf" | "ospfv3" | "rip" => enabled_protocol(&mut out, field),
            _ => {}
        }
    }
    out
}

fn enabled_protocol<'t>(out: &mut Router<'t>, protocol: At<'t>) {
    let known = matches!(protocol.name(), "bgp" | "ospf" | "ospfv3" | "rip");
    if known && protocol.child("enable").is_some_and(yes) {
        out.protocols.push(word(protocol));
    }
}

fn route(at: At<'_>) -> Route<'_> {
    at.modeled();
    let mut out = Route {
        name: at.name(),
        place: at.place(),
        ..Route::default()
    };
    for field in at.children() {
        match field.name() {
            "destination" => out.destination = value(field),
            "interface" => out.interface = value(field).filter(|v| v.text != "None"),
            "metric" => out.metric = number(field).and_then(|(m, _)| u32::try_from(m).ok()),
            "admin-dist" => out.distance = number(field).and_then(|(m, _)| u32::try_from(m).ok()),
            "nexthop" => {
                let Some(next) = field.value() else { continue };
                out.next = match (next.name(), value(next)) {
                    ("ip-address" | "ipv6-address", Some(to)) => Some(NextHop::Address(to)),
                    ("next-vr" | "next-lr", Some(to)) => Some(NextHop::Router(to)),
                    ("discard", _) => Some(NextHop::Discard),
                    ("fqdn", Some(to)) => Some(NextHop::Name(to)),
                    ("None" | "none", _) => None,
                    _ => {
                        out.unknown.push(unknown(next));
                        None
                    }
                };
            }
            "route-table" | "option" => {
                out.passive |= field
                    .children()
                    .any(|c| matches!(c.name(), "no-install" | "multicast" | "passive"));
            }
            "path-monitor" => {
                out.monitored = field.child("enable").is_some_and(yes);
            }
            "bfd" => {
                let profile = field.child("profile").and_then(value);
                out.monitored |= profile.is_some_and(|v| v.text != "None");
            }
            _ => out.unknown.push(unknown(field)),
        }
    }
    out
}

fn management_profile(at: At<'_>) -> ManagementProfile<'_> {
    at.modeled();
    let mut out = ManagementProfile {
        name: at.name(),
        place: at.place(),
        ..ManagementProfile::default()
    };
    for field in at.children() {
        if field.name() == "permitted-ip" {
            out.permitted = words(field);
        } else if yes(field) {
            out.services.push(word(field));
        }
    }
    out
}

/// Reads a zone of a virtual system.
pub(super) fn zone(at: At<'_>) -> Zone<'_> {
    let mut out = Zone {
        name: word(at),
        interfaces: Vec::new(),
        external: Vec::new(),
        protection: None,
    };
    if at.is_leaf() {
        at.modeled();
    }
    for field in at.children() {
        match field.name() {
            "network" => {
                for part in field.children() {
                    let members: Vec<Word<'_>> = words(part);
                    match part.name() {
                        "layer3" | "layer2" | "virtual-wire" | "tap" | "tunnel" => {
                            part.modeled();
                            out.interfaces.extend(members);
                        }
                        "external" => {
                            part.modeled();
                            out.external.extend(members);
                        }
                        "zone-protection-profile" => {
                            part.modeled();
                            out.protection = value(part);
                        }
                        "log-setting" | "enable-packet-buffer-protection" | "net-inspection" => {
                            part.inert("logging and buffers of the zone");
                        }
                        _ => {}
                    }
                }
                if field.is_leaf() {
                    field.modeled();
                }
            }
            "enable-user-identification"
            | "enable-device-identification"
            | "user-acl"
            | "device-acl"
            | "user-id" => {
                field.inert("where users and devices are identified");
            }
            "prenat-identification" | "description" => field.inert("identification and labels"),
            _ => {}
        }
    }
    out
}
