//! The vendor's words to the common model.

mod acl;
mod definitions;
mod directional;
mod legacy_nat;
mod local;
mod nat;
mod objects;
mod policy;
mod policy_route;
mod schedule;
mod services;
mod treatment;

use super::ast::{Beside, Config, Place, Platform, Version};
use fw_model::{
    Assumption, Connections, Device, Diagnostic, Effect, Interface, Ledger, NextHop, Route,
    Severity, SourceCheck, SourceId, Span, Zone,
};
use ipnet::IpNet;
use objects::Objects;
use std::sync::Arc;

/// The distance of a default route that an interface learns from its provider.
const LEARNED_DISTANCE: u32 = 254;

/// What the software version changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dialect {
    /// From 8.3 on access lists see real addresses, and NAT is one table.
    pub real_addresses: bool,
    /// Up to 8.4 `any` is IPv4 alone and IPv6 has lists of its own.
    pub any_is_v4: bool,
    /// FWSM permits nothing without an access list.
    pub needs_lists: bool,
    /// PIX 6 and FWSM translate everything or drop it.
    pub nat_control: bool,
}

/// The version that a configuration is for: its banner, else what its
/// generator says.
fn version(config: &Config<'_>) -> Option<Version> {
    config.version.or(config.compiled_for)
}

fn dialect(config: &Config<'_>) -> Dialect {
    let modern = Dialect {
        real_addresses: true,
        any_is_v4: false,
        needs_lists: false,
        nat_control: false,
    };
    let old = Dialect {
        real_addresses: false,
        any_is_v4: true,
        needs_lists: false,
        nat_control: false,
    };
    let mut dialect = match version(config) {
        Some(v) if v.platform == Platform::Asa => Dialect {
            real_addresses: (v.major, v.minor) >= (8, 3),
            any_is_v4: v.major < 9,
            ..modern
        },
        Some(v) => Dialect {
            needs_lists: v.platform == Platform::Fwsm,
            nat_control: v.major < 7,
            ..old
        },
        // The two forms of NAT exclude each other, so they tell the version.
        None if config.nat.is_empty() && !config.legacy_nat.is_empty() => old,
        None => modern,
    };
    if let Some((on, _)) = config.nat_control {
        dialect.nat_control = on;
    }
    dialect
}

/// The interfaces that share connections (`zone-member`).
fn traffic_zones(config: &Config<'_>) -> Vec<Zone> {
    let mut out: Vec<Zone> = Vec::new();
    for interface in &config.interfaces {
        let (Some(name), Some(zone)) = (interface.name, interface.zone) else {
            continue;
        };
        match out.iter_mut().find(|z| z.name == zone) {
            Some(found) => found.interfaces.push(name.to_owned()),
            None => out.push(Zone {
                name: zone.to_owned(),
                interfaces: vec![name.to_owned()],
                span: None,
            }),
        }
    }
    out
}

/// What lowering carries along.
struct Lowering<'c, 'a> {
    config: &'c Config<'a>,
    dialect: Dialect,
    source: SourceId,
    device: Device,
    objects: Objects<'c, 'a>,
    diagnostics: Vec<Diagnostic>,
    ledger: &'c mut Ledger,
}

/// Turns a configuration into a device.
#[must_use]
pub fn lower(
    config: &Config<'_>,
    source: SourceId,
    fallback_name: &str,
    ledger: &mut Ledger,
) -> (Device, Vec<Diagnostic>) {
    let dialect = dialect(config);
    let device = Device {
        name: config.hostname.unwrap_or(fallback_name).to_owned(),
        vendor: super::NAME,
        sources: vec![source],
        // Its connection tables are a table an interface, or a traffic zone:
        // ASA configuration guide, "Traffic Zones".
        connections: Connections::Interface,
        zones: traffic_zones(config),
        ..Device::default()
    };
    let mut lowering = Lowering {
        config,
        dialect,
        source,
        device,
        objects: Objects::new(config, source, dialect.any_is_v4),
        diagnostics: Vec::new(),
        ledger,
    };
    lowering.interfaces();
    lowering.objects.interfaces = lowering.device.interfaces.clone();
    lowering.routes();
    lowering.version_assumptions();
    lowering.policies();
    lowering.tunnels();
    lowering.local_services();
    lowering.policy_routes();
    lowering.translations();
    lowering.treatments();
    lowering.beside();
    let Lowering {
        mut device,
        objects,
        mut diagnostics,
        ..
    } = lowering;
    device.definitions = objects.definitions;
    diagnostics.extend(objects.diagnostics);
    for (text, place) in &config.opaque {
        device.opaque_lines.push(fw_model::device::OpaqueLine {
            key: text.clone(),
            span: Span::line(source, place.line, place.length),
        });
    }
    (device, diagnostics)
}

impl<'a> Lowering<'_, 'a> {
    fn span(&self, place: Place) -> Span {
        Span::line(self.source, place.line, place.length)
    }

    fn note(
        &mut self,
        code: &'static str,
        severity: Severity,
        effect: Effect,
        place: Option<Place>,
        message: String,
    ) {
        let span = place.map(|p| self.span(p));
        self.diagnostics.push(Diagnostic {
            code,
            severity,
            span,
            message,
            effect,
        });
    }

    /// An assumption that all verdicts of the device rest on.
    fn assume(&mut self, code: &'static str, text: &str, place: Option<Place>) {
        let span = place.map(|p| self.span(p));
        self.device.assumptions.push(Assumption {
            code,
            text: text.to_owned(),
            span,
            device_wide: true,
        });
    }

    /// An assumption that single rules rest on.
    fn assumption(&mut self, code: &'static str, text: &str) -> Arc<Assumption> {
        let assumption = Assumption {
            code,
            text: text.to_owned(),
            span: None,
            device_wide: false,
        };
        if !self.device.assumptions.contains(&assumption) {
            self.device.assumptions.push(assumption.clone());
        }
        Arc::new(assumption)
    }

    fn interfaces(&mut self) {
        for interface in &self.config.interfaces {
            // Without a name it takes part in nothing, like one that is down:
            // the hosts of its subnet are cut off.
            let nameless = interface.name.is_none();
            let name = interface.name.unwrap_or(interface.hardware);
            if nameless && (interface.addresses.is_empty() || name.is_empty()) {
                continue;
            }
            let addresses = interface
                .addresses
                .iter()
                .filter_map(|(a, length)| IpNet::new(*a, *length).ok())
                .collect();
            let lowered = Interface {
                name: name.to_owned(),
                hardware: (!interface.hardware.is_empty()).then(|| interface.hardware.to_owned()),
                vrf: String::new(),
                addresses,
                dynamic_address: interface.dynamic,
                enabled: !nameless
                    && !interface.shutdown
                    && !self.parent_is_shut(interface.hardware),
                management_only: interface.management_only,
                source_check: self.source_check(name),
                span: Some(self.span(interface.place)),
            };
            match self.device.interfaces.iter_mut().find(|i| i.name == name) {
                Some(found) => *found = lowered,
                None => self.device.interfaces.push(lowered),
            }
        }
        self.device.interfaces_complete = self.config.describes_interfaces;
        // Interfaces that are only mentioned.
        let mentioned = self
            .config
            .access_groups
            .iter()
            .filter_map(|g| match g.binding {
                super::ast::Binding::In(i)
                | super::ast::Binding::Out(i)
                | super::ast::Binding::ControlPlane(i) => Some((i, g.place)),
                super::ast::Binding::Global => None,
            })
            .chain(
                self.config
                    .routes
                    .iter()
                    .map(|r| (r.interface, r.place))
                    .filter(|(i, _)| !i.eq_ignore_ascii_case("null0")),
            );
        for (name, place) in mentioned {
            if self.device.interfaces.iter().any(|i| i.name == name) {
                continue;
            }
            self.device.interfaces.push(Interface {
                name: name.to_owned(),
                enabled: true,
                span: Some(Span::line(self.source, place.line, place.length)),
                ..Interface::default()
            });
            if self.config.describes_interfaces {
                self.diagnostics.push(Diagnostic {
                    code: "undefined-interface",
                    severity: Severity::Warning,
                    span: Some(Span::line(self.source, place.line, place.length)),
                    message: format!("interface `{name}` is used but not configured"),
                    effect: Effect::None,
                });
            }
        }
    }

    /// Subinterfaces carry nothing while their interface is shut down. Source:
    /// ASA configuration guide, "VLAN Subinterfaces", default settings
    /// (<https://cisco.com/c/en/us/td/docs/security/asa/asa922/configuration/general/asa-922-general-config/interface-vlan.html>).
    fn parent_is_shut(&self, hardware: &str) -> bool {
        let Some((parent, _)) = hardware.rsplit_once('.') else {
            return false;
        };
        self.config
            .interfaces
            .iter()
            .any(|i| i.shutdown && i.hardware.eq_ignore_ascii_case(parent))
    }

    /// `ip verify reverse-path interface`: the best route to a source has to
    /// lead out of the interface. Command reference, "ip verify reverse-path".
    fn source_check(&self, name: &str) -> SourceCheck {
        let checks = |b: &Beside<'_>| matches!(b, Beside::ReversePath(i) if *i == name);
        if self.config.beside.iter().any(|(b, _)| checks(b)) {
            SourceCheck::Strict
        } else {
            SourceCheck::Off
        }
    }

    fn routes(&mut self) {
        let mut conditional = false;
        for route in &self.config.routes {
            // Only for packets out of a tunnel.
            if route.tunneled {
                self.note(
                    "tunneled-route",
                    Severity::Note,
                    Effect::None,
                    Some(route.place),
                    "this route is for decrypted packets alone and is left out".into(),
                );
                continue;
            }
            let Ok(prefix) = IpNet::new(route.network, route.length) else {
                continue;
            };
            conditional |= route.tracked;
            let next = if route.interface.eq_ignore_ascii_case("null0") {
                NextHop::Discard
            } else {
                NextHop::Interface(route.interface.to_owned(), route.gateway)
            };
            self.device.routes.push(Route {
                vrf: String::new(),
                prefix: prefix.trunc(),
                next,
                metric: route.metric,
                span: Some(self.span(route.place)),
            });
        }
        if conditional {
            self.assume(
                "tracked-routes-up",
                "routes that depend on a tracked object are taken to be in the table",
                None,
            );
        }
        if let Some(place) = self.config.dynamic_routing {
            self.device.dynamic_routing = true;
            self.assume(
                "static-routes-only",
                "a routing protocol is configured; only connected and static routes are known",
                Some(place),
            );
        }
        for interface in &self.config.interfaces {
            if let (Some(name), Some(place)) = (interface.name, interface.setroute) {
                self.device.routes.push(Route {
                    vrf: String::new(),
                    prefix: IpNet::from(ipnet::Ipv4Net::default()),
                    next: NextHop::Interface(name.to_owned(), None),
                    metric: LEARNED_DISTANCE,
                    span: Some(self.span(place)),
                });
                self.assume(
                    "learned-default-route",
                    "the default route is taken to be learned where `setroute` is configured",
                    Some(place),
                );
            }
        }
    }

    fn version_assumptions(&mut self) {
        if version(self.config).is_some() || !self.config.describes_interfaces {
            return;
        }
        self.assume(
            "version-missing",
            if self.dialect.real_addresses {
                "the file names no software version: 8.3 or later is assumed, so access lists see real addresses"
            } else {
                "the file names no software version: its NAT commands are those of 8.2 and earlier, so access lists see mapped addresses"
            },
            None,
        );
    }

    /// What decides beside the access lists.
    fn beside(&mut self) {
        let mut seen: Vec<&'static str> = Vec::new();
        for (beside, place) in &self.config.beside {
            let (code, text) = match beside {
                // These are rules of the input policy.
                Beside::Shun(_) | Beside::Established(..) => continue,
                Beside::ReversePath(_) => (
                    "reverse-path-check",
                    "packets are taken to come in where the route to their source leads (`ip verify reverse-path`)",
                ),
                Beside::CutThrough => (
                    "cut-through",
                    "users are taken to have passed authentication, filtering and redirection of the device",
                ),
                Beside::BotnetFilter => (
                    "dynamic-filter",
                    "no address is taken to be on the botnet filter's list",
                ),
                Beside::Transparent => (
                    "transparent-mode",
                    "bridged traffic is judged as if it were routed",
                ),
                Beside::VpnFilter => ("vpn-filter", "filters of tunnels are not applied"),
            };
            if seen.contains(&code) {
                continue;
            }
            seen.push(code);
            self.assume(code, text, Some(*place));
            self.note(
                code,
                Severity::Note,
                Effect::Assumed,
                Some(*place),
                text.to_owned(),
            );
        }
    }
}
