//! From the vendor's AST to the common model: one device for each virtual
//! domain.

use super::ast::{Config, Unknown, Vdom, Version};
use fw_model::device::OpaqueLine;
use fw_model::{
    Action, Assumption, Definition, DefinitionId, Device, Diagnostic, Effect, Filter, Rule,
    ServiceSet, Severity, SourceId, Span, Stage, StageKind, View,
};
use rustc_hash::{FxHashMap, FxHashSet};

mod address;
mod aside;
mod ends;
mod local;
mod nat;
mod network;
mod own_address;
mod policy;
mod policy_route;
mod same_interface;
mod schedule;
mod service;
mod source_nat;
mod treatment;
mod tunnel;
mod vdom_link;

use address::Addresses;
use service::Services;

/// Lowers all virtual domains.
pub fn lower(config: &Config<'_>, id: SourceId, fallback: &str) -> (Vec<Device>, Vec<Diagnostic>) {
    let host = config
        .hostname
        .filter(|h| !h.is_empty())
        .unwrap_or(fallback);
    let mut diagnostics = Vec::new();
    let mut devices = Vec::new();
    for vdom in &config.vdoms {
        let name = if config.vdoms.len() > 1 {
            format!("{host}/{}", vdom.name)
        } else {
            host.to_owned()
        };
        let device = Device {
            name,
            vendor: "fortinet-fortios",
            sources: vec![id],
            automatic_replies: ServiceSet::any(),
            tracks_connections: true,
            ..Device::default()
        };
        let mut lowering = Lowering::new(config, vdom, device);
        lowering.run();
        devices.push(lowering.device);
        diagnostics.append(&mut lowering.diagnostics);
    }
    vdom_link::link(config, &mut devices);
    diagnostics.sort_by(|a, b| (a.span, a.code, &a.message).cmp(&(b.span, b.code, &b.message)));
    diagnostics.dedup();
    (devices, diagnostics)
}

/// The state of lowering one virtual domain.
struct Lowering<'c, 't> {
    config: &'c Config<'t>,
    vdom: &'c Vdom<'t>,
    device: Device,
    diagnostics: Vec<Diagnostic>,
    names: FxHashMap<(&'static str, &'t str), DefinitionId>,
    addresses: Addresses<'c, 't>,
    services: Services<'c, 't>,
    zones: FxHashMap<&'t str, Vec<String>>,
    vips: nat::Vips<'t>,
    schedules: FxHashMap<&'t str, usize>,
    interface_names: FxHashSet<&'t str>,
}

impl<'c, 't> Lowering<'c, 't> {
    fn new(config: &'c Config<'t>, vdom: &'c Vdom<'t>, device: Device) -> Self {
        Self {
            config,
            vdom,
            device,
            diagnostics: Vec::new(),
            names: FxHashMap::default(),
            addresses: Addresses::new(vdom),
            services: Services::new(vdom, config.version),
            zones: FxHashMap::default(),
            vips: nat::Vips::new(vdom),
            schedules: vdom
                .schedules
                .iter()
                .zip(0..)
                .map(|(s, at)| (s.name, at))
                .collect(),
            interface_names: vdom.interfaces.iter().map(|i| i.name).collect(),
        }
    }

    fn run(&mut self) {
        for unknown in self.config.unknown.iter().chain(&self.vdom.unknown) {
            self.device.opaque_lines.push(OpaqueLine {
                key: unknown.text.clone(),
                span: unknown.span,
            });
            self.diagnostics.push(Diagnostic {
                code: "not-understood",
                severity: Severity::Warning,
                span: Some(unknown.span),
                message: format!("`{}` is not understood", first_line(&unknown.text)),
                effect: Effect::Opaque,
            });
        }
        for refused in &self.vdom.refused {
            self.diagnostics.push(Diagnostic {
                code: "undefined-reference",
                severity: Severity::Warning,
                span: Some(refused.span),
                message: format!(
                    "`{}` fails on the device: no such entry, or the name is taken",
                    refused.text
                ),
                effect: Effect::None,
            });
        }
        self.network();
        self.interface_tunnels();
        self.definitions();
        self.access_lists();
        self.between_families();
        self.destination_nat();
        self.own_nat_addresses();
        self.policy_routes();
        self.forward();
        self.source_nat();
        self.local_in();
        self.treatments();
        self.thresholds();
        self.assumptions();
        self.diagnostics.append(&mut self.addresses.diagnostics);
        self.diagnostics.append(&mut self.services.diagnostics);
    }

    /// Which version the device runs, where that decides.
    fn version(&self) -> Option<Version> {
        self.config.version
    }

    fn define(&mut self, kind: &'static str, name: &'t str, span: Span, last_line: u32) {
        let id = DefinitionId(u32::try_from(self.device.definitions.len()).unwrap_or(u32::MAX));
        self.names.insert((kind, name), id);
        self.device.definitions.push(Definition {
            kind,
            name: name.to_owned(),
            span,
            last_line,
            uses: Vec::new(),
        });
    }

    fn definitions(&mut self) {
        let vdom = self.vdom;
        let books = [
            ("address", &vdom.addresses),
            ("address6", &vdom.addresses6),
            ("multicast-address", &vdom.multicast_addresses),
        ];
        for (kind, book) in books {
            for item in book {
                self.define(kind, item.name, item.span, item.last_line);
            }
        }
        for item in &vdom.services {
            self.define("service", item.name, item.span, item.last_line);
        }
        for item in &vdom.service_groups {
            self.define("service", item.name, item.span, item.last_line);
        }
        for item in &vdom.schedules {
            self.define("schedule", item.name, item.span, item.last_line);
        }
        for item in &vdom.vips {
            self.define("vip", item.name, item.span, item.last_line);
        }
        for item in &vdom.vip_groups {
            self.define("vip", item.name, item.span, item.last_line);
        }
        for item in &vdom.pools {
            self.define("ippool", item.name, item.span, item.last_line);
        }
        for zone in &vdom.zones {
            if let Some(span) = zone.span {
                self.define("zone", zone.name, span, span.line);
            }
        }
        // What refers to what, once all names are known.
        for (kind, book) in books {
            for item in book {
                if let super::ast::AddressKind::Group(members, excluded) = &item.kind {
                    let all: Vec<&'t str> = members.iter().chain(excluded).copied().collect();
                    self.refers(kind, item.name, kind, &all);
                }
            }
        }
        for item in &vdom.service_groups {
            self.refers("service", item.name, "service", &item.members);
        }
        for item in &vdom.vip_groups {
            self.refers("vip", item.name, "vip", &item.members);
        }
    }

    fn refers(&mut self, kind: &'static str, name: &'t str, to: &'static str, names: &[&'t str]) {
        let uses = self.uses(to, names);
        if let Some(id) = self.names.get(&(kind, name))
            && let Some(definition) = self.device.definitions.get_mut(id.0 as usize)
        {
            definition.uses = uses;
        }
    }

    fn uses(&self, kind: &'static str, names: &[&'t str]) -> Vec<DefinitionId> {
        names
            .iter()
            .filter_map(|n| self.names.get(&(kind, *n)).copied())
            .collect()
    }

    fn assume(
        &mut self,
        code: &'static str,
        text: impl Into<String>,
        span: Option<Span>,
        all: bool,
    ) {
        self.device.assumptions.push(Assumption {
            code,
            text: text.into(),
            span,
            device_wide: all,
        });
    }

    fn assumptions(&mut self) {
        if let Some(first) = self.vdom.dos.first() {
            self.assume(
                "below-rate-limits",
                "traffic stays below the thresholds of the DoS policies",
                Some(first.span),
                true,
            );
        }
        if let Some((_, span)) = self.vdom.dynamic_routing {
            self.assume(
                "dynamic-routes-unknown",
                "routes learned by dynamic routing are not in the configuration",
                Some(span),
                true,
            );
        }
        if let Some(span) = self.vdom.settings.strict_source {
            self.assume(
                "reverse-path-check",
                "packets are taken to come in where the best route to their source leads (`strict-src-check`)",
                Some(span),
                true,
            );
        }
        if let Some(span) = self.vdom.settings.transparent {
            self.assume(
                "transparent-mode",
                "the virtual domain bridges; interfaces of flows come from their declaration",
                Some(span),
                true,
            );
        }
        self.device.assumptions.sort();
        self.device.assumptions.dedup();
    }
}

/// A list whose end is named.
fn filter(name: impl Into<String>, default: &str, action: Action) -> Filter {
    Filter {
        name: name.into(),
        rules: Vec::new(),
        default: Rule::new(default, fw_model::MatchExpr::Always, action),
    }
}

fn stage(name: &str, kind: StageKind, filter: fw_model::FilterId) -> Stage {
    Stage {
        name: name.to_owned(),
        kind,
        filter,
        view: View::CURRENT,
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}

/// The texts of unknown settings as one identity.
fn unknown_key(unknown: &[Unknown]) -> String {
    let mut key = String::new();
    for part in unknown {
        if !key.is_empty() {
            key.push_str("; ");
        }
        key.push_str(&part.text);
    }
    key
}
