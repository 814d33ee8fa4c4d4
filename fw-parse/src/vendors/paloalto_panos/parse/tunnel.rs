//! Tunnels to other gateways.

use super::{value, words, yes};
use crate::vendors::paloalto_panos::ast::{IkeGateway, ProxyId, Tunnel};
use crate::vendors::paloalto_panos::tree::At;
use fw_model::service::{TCP, UDP};

/// Reads an entry of `network ike gateway`. How keys are exchanged is none of
/// the model's business.
pub(super) fn ike_gateway(at: At<'_>) -> IkeGateway<'_> {
    let mut out = IkeGateway {
        name: at.name(),
        ..IkeGateway::default()
    };
    for field in at.children() {
        match field.name() {
            "peer-address" => {
                field.modeled();
                out.peer = field.child("ip").and_then(value);
            }
            "local-address" => {
                field.modeled();
                out.interface = field.child("interface").and_then(value);
            }
            "disabled" => {
                field.modeled();
                out.disabled = yes(field);
            }
            _ => {}
        }
    }
    out
}

/// Reads an entry of `network tunnel ipsec` or `network tunnel gre`.
pub(super) fn tunnel(at: At<'_>) -> Tunnel<'_> {
    let mut out = Tunnel {
        name: at.name(),
        place: at.place(),
        ..Tunnel::default()
    };
    for field in at.children() {
        match field.name() {
            "tunnel-interface" => {
                field.modeled();
                out.interface = value(field);
            }
            "auto-key" => {
                if let Some(gateways) = field.child("ike-gateway") {
                    gateways.modeled();
                    out.gateways = words(gateways);
                }
                for (list, v6) in [("proxy-id", false), ("proxy-id-v6", true)] {
                    let entries = field.child(list);
                    let entries = entries.into_iter().flat_map(|e| e.children());
                    out.proxies.extend(entries.map(|e| proxy_id(e, v6)));
                }
            }
            "manual-key" => peer(&mut out, field),
            "disabled" => {
                field.modeled();
                out.disabled = yes(field);
            }
            _ => {}
        }
    }
    if out.peer.is_none() && out.gateways.is_empty() {
        peer(&mut out, at);
    }
    out
}

fn peer<'t>(out: &mut Tunnel<'t>, at: At<'t>) {
    if let Some(field) = at.child("peer-address") {
        field.modeled();
        let address = field.child("ip").unwrap_or(field);
        out.peer = value(address);
    }
    if let Some(field) = at.child("local-address") {
        field.modeled();
        out.through = field.child("interface").and_then(value);
    }
}

/// Reads an entry of `proxy-id`.
fn proxy_id(at: At<'_>, v6: bool) -> ProxyId<'_> {
    let mut out = ProxyId {
        name: at.name(),
        place: at.place(),
        v6,
        ..ProxyId::default()
    };
    at.modeled();
    let [local, remote] = &mut out.ends;
    for field in at.children() {
        field.modeled();
        match field.name() {
            "local" => *local = value(field),
            "remote" => *remote = value(field),
            "protocol" => {
                let Some(protocol) = field.value() else {
                    continue;
                };
                match protocol.name() {
                    "any" => {}
                    "number" => out.protocol = protocol.value().and_then(|n| n.name().parse().ok()),
                    "tcp" => out.protocol = Some(TCP),
                    "udp" => out.protocol = Some(UDP),
                    _ => out.unclear = true,
                }
                out.unclear |= protocol.name() == "number" && out.protocol.is_none();
                let port = |name: &str| {
                    let port = protocol.child(name).and_then(|p| p.value());
                    port.and_then(|p| p.name().parse().ok()).filter(|p| *p != 0)
                };
                if matches!(protocol.name(), "tcp" | "udp") {
                    out.ports = [port("local-port"), port("remote-port")];
                }
            }
            _ => out.unclear = true,
        }
    }
    out
}
