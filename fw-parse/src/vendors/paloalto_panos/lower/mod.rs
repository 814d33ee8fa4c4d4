//! From the syntax tree to the common model: the only place that knows both.

mod addresses;
mod application;
mod forwarding;
mod local;
mod matching;
mod names;
mod nat;
mod network;
mod panorama;
mod schedule;
mod security;
mod service;
mod sites;
mod tags;
mod treatments;
mod zones;

use super::ast::{Config, Network, Objects, Rule, Rulebase, Settings, Variables, Zone};
use super::tree::Place;
use fw_model::match_expr::MarkRegister;
use fw_model::{
    Action, Assumption, Condition, ConditionKind, Connections, DefaultPorts, Device, Diagnostic,
    MatchExpr, PacketEffect, Rule as ModelRule, ServiceSet, SourceId, Stage, Zone as ModelZone,
};
use names::Names;
use std::collections::BTreeSet;
use std::sync::Arc;
use zones::Zones;

/// The kebab-case name of this front end.
pub(super) const VENDOR: &str = "paloalto-panos";

/// The managed device that rules with a `target` are judged for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Serial<'t> {
    Known(&'t str),
    Unknown,
}

/// The rules of one place, in the order of evaluation.
#[derive(Clone, Copy)]
struct RuleLayer<'t> {
    rules: &'t Rulebase<'t>,
    /// The scope in which its names are looked up.
    scope: usize,
    /// Words before rule names that are unique only within the layer.
    label: &'t str,
}

/// Rulebase, zones and interfaces of one virtual system or device group.
struct Site<'t> {
    name: String,
    /// Object scopes, innermost first.
    scopes: Vec<&'t Objects<'t>>,
    layers: Vec<RuleLayer<'t>>,
    /// Overrides of the default rules, the strongest first.
    defaults: Vec<(&'t [Rule<'t>], usize)>,
    zones: Vec<Zone<'t>>,
    network: Network<'t>,
    settings: Settings,
    serial: Serial<'t>,
    system: Option<&'t str>,
    /// Interfaces of this virtual system; `None`: all there are.
    own_interfaces: Option<Vec<String>>,
    /// Interfaces of other virtual systems and shared gateways by name.
    neighbours: Vec<(String, Vec<String>)>,
    serves_clients: bool,
    /// The interfaces come from no configuration.
    partial: bool,
    /// A Panorama manages it, and what that pushes is not part of the file.
    awaits_pushed_rules: bool,
    /// Other names by which flows may ask for it.
    stands_for: Vec<String>,
    /// What template variables stand for; of several values the first counts.
    variables: Variables<'t>,
}

/// Work on one [`Site`].
struct Lower<'t> {
    names: Names<'t>,
    zones: Zones,
    variables: Variables<'t>,
    layers: Vec<RuleLayer<'t>>,
    serial: Serial<'t>,
    system: Option<&'t str>,
    overrides: application::Overrides,
    /// What early stages could not tell, by the packet mark minus one that
    /// they leave: such a packet may end up anywhere.
    untold: Vec<Arc<Condition>>,
    /// The number of this device in an active/active pair.
    active_active_id: Option<String>,
    /// Some decryption rule decrypts.
    decrypts: bool,
    /// Where applications run by default, once asked for.
    default_ports: Option<Arc<DefaultPorts>>,
    device: Device,
    assumptions: BTreeSet<Assumption>,
}

/// What comes out for a file.
pub(super) struct Lowered {
    pub(super) devices: Vec<Device>,
    /// For each device, the words by which its part of the file is known:
    /// `vsys NAME`, `device-group NAME`.
    pub(super) parts: Vec<Vec<String>>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Lowers a configuration.
pub(super) fn lower<'t>(config: &'t Config<'t>, source: SourceId, fallback: &str) -> Lowered {
    let mut out = Lowered {
        devices: Vec::new(),
        parts: Vec::new(),
        diagnostics: Vec::new(),
    };
    let host = config.hostname.map_or(fallback, |h| h.text).to_owned();
    let is_panorama = !config.device_groups.is_empty()
        || (!config.stacks.is_empty() || !config.templates.is_empty());
    let sites = if is_panorama {
        panorama::sites(config, &host)
    } else {
        sites::firewall(config, &host)
    };
    let firewall_sites = !is_panorama && sites.len() > 1;
    let mut lowered: Vec<(Device, Vec<Diagnostic>, security::Shared)> = Vec::new();
    for (site, parts) in sites {
        let done = lower_site(site, source);
        lowered.push(done);
        out.parts.push(parts);
    }
    if firewall_sites {
        security::judge_by_all(&mut lowered);
    }
    for (device, diagnostics, _) in lowered {
        out.devices.push(device);
        out.diagnostics.extend(diagnostics);
    }
    out.diagnostics.sort();
    out.diagnostics.dedup();
    out
}

fn lower_site(site: Site<'_>, source: SourceId) -> (Device, Vec<Diagnostic>, security::Shared) {
    let names = Names::new(source, &site.scopes);
    let device = Device {
        name: site.name.clone(),
        stands_for: site.stands_for.clone(),
        vendor: VENDOR,
        sources: vec![source],
        automatic_replies: ServiceSet::any(),
        tracks_connections: true,
        // A session is looked up by its zone, and what is routed to another
        // one is dropped (counter flow_fwd_zonechange).
        connections: Connections::Zone,
        ..Device::default()
    };
    let mut lower = Lower {
        names,
        zones: Zones::default(),
        variables: site.variables.clone(),
        layers: site.layers.clone(),
        serial: site.serial,
        system: site.system,
        overrides: application::Overrides::default(),
        untold: Vec::new(),
        active_active_id: site.settings.active_active_id.clone(),
        decrypts: false,
        default_ports: None,
        device,
        assumptions: BTreeSet::new(),
    };
    lower.read_network(&site);
    lower.read_zones(&site);
    lower.read_overrides();
    lower.decrypts = lower
        .rules(|r| &r.decryption)
        .iter()
        .any(|(_, r)| !r.disabled && r.action.is_some_and(|a| a.text != "no-decrypt"));
    let mut prerouting: Vec<Stage> = Vec::new();
    prerouting.extend(lower.read_flood_protection());
    prerouting.extend(lower.read_forwarding());
    prerouting.extend(lower.read_nat());
    let security = lower.read_security(&site);
    let management = lower.read_management(&site);
    lower.device.pipeline.prerouting = prerouting;
    lower.device.pipeline.input = management
        .into_iter()
        .chain([security.stage.clone()])
        .collect();
    lower.device.pipeline.forward = vec![security.stage.clone()];
    lower.read_treatments(&site);
    lower.conclude(&site);
    let Lower {
        names,
        mut device,
        assumptions,
        ..
    } = lower;
    device.definitions = names.definitions;
    device.assumptions = assumptions.into_iter().collect();
    (device, names.diagnostics, security)
}

impl<'t> Lower<'t> {
    /// All rules of a kind in the order of evaluation, with their scopes.
    fn rules(
        &self,
        pick: impl Fn(&'t Rulebase<'t>) -> &'t Vec<Rule<'t>>,
    ) -> Vec<(usize, &'t Rule<'t>)> {
        self.layers
            .iter()
            .flat_map(|layer| pick(layer.rules).iter().map(|r| (layer.scope, r)))
            .collect()
    }

    /// Makes a packet that an early rule sends somewhere that is not known
    /// undecided, wherever it is judged next. An opaque action would not do:
    /// it stands for "goes on unchanged" or "is dropped", and both may be
    /// denials.
    fn untold(&mut self, text: String, place: Place) -> (Vec<PacketEffect>, Action) {
        self.untold.push(Arc::new(Condition {
            key: text.clone(),
            kind: ConditionKind::Environment,
            text,
            span: Some(names::span(self.names.source, place)),
        }));
        let value = u32::try_from(self.untold.len()).unwrap_or(u32::MAX);
        let effect = PacketEffect::SetMark {
            register: MarkRegister::Packet,
            mask: u32::MAX,
            value,
        };
        (vec![effect], Action::Permit)
    }

    /// The rules that make marked packets undecided.
    fn untold_rules(&self) -> Vec<ModelRule> {
        (1u32..)
            .zip(&self.untold)
            .map(|(value, condition)| ModelRule {
                span: condition.span,
                ..ModelRule::new(
                    condition.text.clone(),
                    MatchExpr::Mark {
                        register: MarkRegister::Packet,
                        mask: u32::MAX,
                        value,
                    },
                    Action::Opaque(Arc::clone(condition)),
                )
            })
            .collect()
    }

    fn assume(&mut self, code: &'static str, text: impl Into<String>) {
        self.assumptions.insert(Assumption {
            code,
            text: text.into(),
            span: None,
            device_wide: true,
        });
    }

    fn read_zones(&mut self, site: &Site<'t>) {
        let external = |zone: &Zone<'t>| -> Vec<String> {
            zone.external
                .iter()
                .flat_map(|e| {
                    site.neighbours
                        .iter()
                        .filter(move |(name, _)| name == e.text)
                })
                .flat_map(|(_, interfaces)| interfaces.iter().cloned())
                .collect()
        };
        let mut list: Vec<(String, Vec<String>)> = site
            .zones
            .iter()
            .map(|z| {
                let own = z.interfaces.iter().map(|i| i.text.to_owned());
                (z.name.text.to_owned(), own.chain(external(z)).collect())
            })
            .collect();
        let mut named: BTreeSet<&'t str> = BTreeSet::new();
        // Part of a configuration: its zones have interfaces, but elsewhere.
        if site.partial && list.iter().all(|(_, interfaces)| interfaces.is_empty()) {
            list.clear();
            named.extend(site.zones.iter().map(|z| z.name.text));
        }
        if list.is_empty() {
            for layer in &self.layers {
                let r = layer.rules;
                let all = [
                    &r.security,
                    &r.nat,
                    &r.forwarding,
                    &r.overrides,
                    &r.decryption,
                ];
                for rule in all.into_iter().flatten() {
                    let words = rule.from.iter().chain(&rule.to).map(|w| w.text);
                    named.extend(words.filter(|w| *w != "any" && *w != "multicast"));
                }
            }
        }
        let assumed = list.is_empty() && (site.partial || !named.is_empty());
        if assumed {
            list = named
                .iter()
                .map(|n| ((*n).to_owned(), vec![(*n).to_owned()]))
                .collect();
            for name in named {
                if self.device.interface(name).is_none() {
                    self.device.interfaces.push(fw_model::Interface {
                        name: name.to_owned(),
                        enabled: true,
                        ..fw_model::Interface::default()
                    });
                }
            }
            self.device.interfaces_complete = false;
            self.assume(
                "zones-without-interfaces",
                "the configuration does not say which interfaces its zones have; each zone stands for one interface of its name",
            );
        }
        for zone in &site.zones {
            if zone.protection.is_some() {
                self.assume(
                    "zone-protection-ignored",
                    "zone protection profiles drop floods and malformed packets; declared flows are assumed to be neither",
                );
            }
        }
        self.zones = Zones::new(list, assumed);
        let spans = |name: &str| {
            let zone = site.zones.iter().find(|z| z.name.text == name)?;
            Some(names::span(self.names.source, zone.name.place))
        };
        self.device.zones = self
            .zones
            .list
            .iter()
            .map(|(name, set)| ModelZone {
                name: name.clone(),
                interfaces: set.names.clone(),
                span: spans(name),
            })
            .collect();
    }

    fn conclude(&mut self, site: &Site<'t>) {
        if self.names.used_default_ports {
            self.assume(
                "application-default-ports",
                "default ports of predefined applications are those of the built-in table; content updates change them",
            );
        }
        if self.names.several_meanings {
            self.assume(
                "nearest-object",
                "of several objects with one name the nearest is used, seen from where the rule stands: shared rules see shared objects, and no setting of the manager lets the objects of ancestors win",
            );
        }
        if site.awaits_pushed_rules {
            self.assume(
                "pushed-rules-absent",
                "the device takes rules from a Panorama that this configuration does not contain; verdicts are about the local rules alone",
            );
        }
        if site.settings.ipv6_firewalling == Some(false) {
            self.assume(
                "ipv6-firewalling-off",
                "IPv6 firewalling is switched off; verdicts on IPv6 are given as if it were on",
            );
        }
        let routers = &site.network.routers;
        if routers.iter().any(|r| !r.protocols.is_empty()) {
            self.assume(
                "static-routes-only",
                "a routing protocol is on; only connected and static routes are known",
            );
        }
        if routers.iter().flat_map(|r| &r.routes).any(|r| r.monitored) {
            self.assume(
                "monitored-routes-up",
                "static routes with path monitoring or BFD are taken to be up",
            );
        }
    }
}
