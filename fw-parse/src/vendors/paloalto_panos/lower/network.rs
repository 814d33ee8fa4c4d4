//! Interfaces and routes.

use super::names::span;
use super::{Lower, Site};
use crate::vendors::paloalto_panos::ast::{
    Interface as Syntax, NextHop as SyntaxNext, ProxyId, Route as SyntaxRoute, Word,
};
use fw_model::device::OpaqueLine;
use fw_model::{AddressSet, Interface, NextHop, Route, Selector, Tunnel};
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// Administrative distance and metric of a static route that gives none.
const DISTANCE: u32 = 10;
const METRIC: u32 = 10;

/// The table of interfaces that belong to no virtual router while others do:
/// nothing is routed to them or from them. An interface needs a virtual router
/// to route (<https://www.paloaltofirewalls.com/topics/Core-Concepts-Copy/layer3-interfaces.html>);
/// not tried on a device.
const NO_ROUTER: &str = "no virtual router";

impl<'t> Lower<'t> {
    pub(super) fn read_network(&mut self, site: &Site<'t>) {
        let routers = &site.network.routers;
        let single = routers.len() <= 1;
        let table_name = |name: &str| {
            if single {
                String::new()
            } else {
                name.to_owned()
            }
        };
        let mut tables: FxHashMap<&str, String> = FxHashMap::default();
        for router in routers {
            for interface in &router.interfaces {
                tables.insert(interface.text, table_name(router.name));
            }
        }
        let foreign = |name: &str| {
            site.own_interfaces.as_ref().is_some_and(|own| {
                !own.iter().any(|o| o == name)
                    && !site
                        .neighbours
                        .iter()
                        .any(|(_, all)| all.iter().any(|i| i == name))
            })
        };
        for interface in &site.network.interfaces {
            let routed = tables.get(interface.name).cloned();
            let alone = !tables.is_empty() && !interface.addresses.is_empty();
            let table = routed.or_else(|| alone.then(|| NO_ROUTER.to_owned()));
            let model = self.interface(interface, table);
            if !foreign(interface.name) {
                self.device.interfaces.push(model);
                continue;
            }
            // Another virtual system's network is reached by its interface,
            // which belongs to no zone of this one.
            for net in &model.addresses {
                self.device.routes.push(Route {
                    vrf: model.vrf.clone(),
                    prefix: *net,
                    next: NextHop::Interface(model.name.clone(), None),
                    metric: 0,
                    span: model.span,
                });
            }
        }
        for unknown in &site.network.unknown {
            self.device.opaque_lines.push(OpaqueLine {
                key: format!("interface {}", unknown.text),
                span: span(self.names.source, unknown.place),
            });
        }
        self.device.interfaces_complete = site.network.present;
        for router in routers {
            let vrf = table_name(router.name);
            for route in &router.routes {
                self.route(route, &vrf, site);
            }
        }
        self.tunnels(site);
        for interface in &site.network.interfaces {
            if let Some(metric) = interface.learns_default
                && let Ok(prefix) = "0.0.0.0/0".parse()
            {
                self.device.routes.push(Route {
                    vrf: tables.get(interface.name).cloned().unwrap_or_default(),
                    prefix,
                    next: NextHop::Interface(interface.name.to_owned(), None),
                    metric: DISTANCE << 16 | metric.min(0xffff),
                    span: Some(span(self.names.source, interface.place)),
                });
                self.assume(
                    "learned-default-route",
                    "an interface with a learned address also learns a default route",
                );
            }
        }
    }

    /// Tunnels take what is routed to their interface.
    fn tunnels(&mut self, site: &Site<'t>) {
        for tunnel in &site.network.tunnels {
            let Some(interface) = tunnel.interface else {
                continue;
            };
            if self.device.interface(interface.text).is_none() {
                continue;
            }
            let mut peers: Vec<Word<'t>> = tunnel.peer.into_iter().collect();
            let mut through = tunnel.through;
            let mut disabled = tunnel.disabled;
            for name in &tunnel.gateways {
                let gateways = &site.network.ike_gateways;
                if let Some(gateway) = gateways.iter().find(|g| g.name == name.text) {
                    peers.extend(gateway.peer);
                    through = through.or(gateway.interface);
                    disabled |= gateway.disabled;
                }
            }
            if disabled {
                // Nobody takes what is sent there.
                peers.clear();
            }
            self.device.tunnels.push(Tunnel {
                name: format!("tunnel {}", tunnel.name),
                interface: interface.text.to_owned(),
                takes: None,
                peers: peers
                    .into_iter()
                    .filter_map(|p| self.prefix(p))
                    .map(|net| net.addr())
                    .collect(),
                awaits: false,
                through: through.map(|t| t.text.to_owned()),
                decrypted: None,
                selectors: tunnel.proxies.iter().map(|p| self.selector(p)).collect(),
                // Whether what no proxy ID holds is dropped is not documented.
                strict: false,
                span: Some(span(self.names.source, tunnel.place)),
            });
        }
    }

    fn selector(&self, from: &ProxyId<'t>) -> Selector {
        let mut understood = !from.unclear;
        let all = if from.v6 {
            AddressSet::any6()
        } else {
            AddressSet::any4()
        };
        let mut set = |end: Option<Word<'t>>| match end {
            None => all.clone(),
            Some(word) => {
                let net = self.prefix(word);
                understood &= net.is_some();
                net.map_or_else(AddressSet::empty, |n| AddressSet::prefix(n.trunc()))
            }
        };
        let [local, remote] = from.ends.map(&mut set);
        let [local_port, remote_port] = from.ports;
        Selector {
            name: format!("proxy ID {}", from.name),
            local,
            remote,
            protocol: from.protocol,
            local_port,
            remote_port,
            understood,
            span: Some(span(self.names.source, from.place)),
        }
    }

    fn interface(&mut self, from: &Syntax<'t>, vrf: Option<String>) -> Interface {
        let mut out = Interface {
            name: from.name.to_owned(),
            vrf: vrf.unwrap_or_default(),
            dynamic_address: from.dynamic,
            enabled: !from.down,
            span: Some(span(self.names.source, from.place)),
            ..Interface::default()
        };
        for word in &from.addresses {
            match self.prefix(*word) {
                Some(net) => out.addresses.push(net),
                // A variable or an object without a plain prefix.
                None => out.dynamic_address = true,
            }
        }
        out
    }

    /// A literal, a template variable or the name of an address object, as a
    /// prefix with its host part.
    pub(super) fn prefix(&self, word: Word<'t>) -> Option<IpNet> {
        let mut variables = self.variables.iter();
        let word = variables
            .find(|(name, _)| *name == word.text)
            .map_or(word, |(_, value)| *value);
        let text = self.names.prefix_text(0, word.text).unwrap_or(word.text);
        text.parse()
            .ok()
            .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
    }

    fn route(&mut self, from: &SyntaxRoute<'t>, vrf: &str, site: &Site<'t>) {
        if from.passive {
            return;
        }
        let place = Some(span(self.names.source, from.place));
        let prefix = from.destination.and_then(|d| self.prefix(d));
        let interface = from.interface.map(|i| i.text.to_owned());
        let next = match (from.next, interface) {
            (Some(SyntaxNext::Address(word)), interface) => {
                let address = self.prefix(word).map(|n| n.addr());
                match (address, interface) {
                    (Some(gateway), Some(name)) => Some(NextHop::Interface(name, Some(gateway))),
                    (Some(gateway), None) => Some(NextHop::Gateway(gateway)),
                    (None, Some(name)) => Some(NextHop::Interface(name, None)),
                    (None, None) => None,
                }
            }
            (Some(SyntaxNext::Router(word)), _) => site
                .network
                .routers
                .iter()
                .find(|r| r.name == word.text)
                .map(|r| {
                    NextHop::Vrf(if vrf.is_empty() {
                        String::new()
                    } else {
                        r.name.to_owned()
                    })
                }),
            (Some(SyntaxNext::Discard), _) => Some(NextHop::Discard),
            (Some(SyntaxNext::Name(_)) | None, Some(name)) => Some(NextHop::Interface(name, None)),
            (Some(SyntaxNext::Name(_)) | None, None) => None,
        };
        match (prefix, next) {
            (Some(prefix), Some(next)) if from.unknown.is_empty() => {
                let distance = from.distance.unwrap_or(DISTANCE).min(0xff);
                let metric = from.metric.unwrap_or(METRIC).min(0xffff);
                self.device.routes.push(Route {
                    vrf: vrf.to_owned(),
                    prefix,
                    next,
                    metric: distance << 16 | metric,
                    span: place,
                });
            }
            _ => {
                let destination = from.destination.map_or("", |d| d.text);
                let unknown: Vec<&str> = from.unknown.iter().map(|u| u.text.as_str()).collect();
                self.device.opaque_lines.push(OpaqueLine {
                    key: format!(
                        "static route to {destination} by {:?} {}",
                        from.next.map(next_text),
                        unknown.join(" ")
                    ),
                    span: span(self.names.source, from.place),
                });
            }
        }
    }
}

fn next_text(next: SyntaxNext<'_>) -> String {
    match next {
        SyntaxNext::Address(w) | SyntaxNext::Router(w) | SyntaxNext::Name(w) => w.text.to_owned(),
        SyntaxNext::Discard => "discard".to_owned(),
    }
}
