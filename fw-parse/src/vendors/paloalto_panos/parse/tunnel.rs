//! Tunnels to other gateways.

use super::{value, words, yes};
use crate::vendors::paloalto_panos::ast::{IkeGateway, Tunnel};
use crate::vendors::paloalto_panos::tree::At;

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
