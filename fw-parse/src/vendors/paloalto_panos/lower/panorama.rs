//! The device groups of a Panorama, each with the templates of its devices.

use super::matching::listed;
use super::{RuleLayer, Serial, Site};
use crate::vendors::paloalto_panos::ast::{
    Config, DeviceGroup, Network, Rule, Rulebase, Settings, Target, Template, Variables, Word, Zone,
};
use std::collections::BTreeSet;

/// How deep device groups may be nested; Panorama allows four levels.
const GROUP_DEPTH: usize = 16;

/// One site a device group with devices or without children, for all of its
/// devices that are configured alike: with the same templates, and each rule's
/// `target` true for all of them or for none.
pub(super) fn sites<'t>(config: &'t Config<'t>, host: &str) -> Vec<(Site<'t>, Vec<String>)> {
    let mut out = Vec::new();
    let parents: BTreeSet<&str> = config
        .device_groups
        .iter()
        .filter_map(|g| parent(config, g))
        .map(|p| p.name)
        .collect();
    for group in &config.device_groups {
        if parents.contains(group.name) && group.devices.is_empty() {
            continue;
        }
        let line = lineage(config, group);
        let words: Vec<String> = line
            .iter()
            .map(|g| format!("device-group {}", g.name))
            .collect();
        let name = format!("{host}/{}", group.name);
        let classes = alike(config, group, &line);
        let alone = classes.len() == 1;
        for (at, serials) in classes.iter().enumerate() {
            let Some(&first) = serials.first() else {
                continue;
            };
            // The group's own name stays with most of its devices, so that a
            // first `target` does not make another device of all of them.
            let own = match at {
                0 => name.clone(),
                _ => format!("{name}/{first}"),
            };
            let mut site = site(config, &line, own, Serial::Known(first));
            site.stands_for = serials
                .iter()
                .flat_map(|s| [format!("{name}/{s}"), (*s).to_owned()])
                .chain(alone.then(|| group.name.to_owned()))
                .collect();
            out.push((site, words.clone()));
        }
        if classes.is_empty() {
            let mut site = site(config, &line, name, Serial::Unknown);
            site.stands_for = vec![group.name.to_owned()];
            out.push((site, words));
        }
    }
    if out.is_empty() {
        let name = host.to_owned();
        out.push((site(config, &[], name, Serial::Unknown), Vec::new()));
    }
    out
}

/// The devices of a group, those that are configured alike together; the
/// class with the most devices first.
fn alike<'t>(
    config: &'t Config<'t>,
    group: &'t DeviceGroup<'t>,
    line: &[&'t DeviceGroup<'t>],
) -> Vec<Vec<&'t str>> {
    type Signature<'t> = (
        Option<usize>,
        Vec<&'t str>,
        Vec<(&'t str, &'t str)>,
        Vec<Option<bool>>,
    );
    let layers = rule_layers(config, line);
    let targets: Vec<&Target<'t>> = layers
        .iter()
        .flat_map(|layer| lists(layer.rules))
        .map(|rule| &rule.target)
        .filter(|t| !t.devices.is_empty())
        .collect();
    let mut classes: Vec<(Signature<'t>, Vec<&'t str>)> = Vec::new();
    for (serial, systems) in &group.devices {
        let system = match systems.as_slice() {
            [one] => Some(*one),
            _ => None,
        };
        let signature = (
            stack_of(config, serial),
            systems.clone(),
            own_variables(config, serial)
                .iter()
                .map(|(name, value)| (*name, value.text))
                .collect(),
            targets.iter().map(|t| listed(t, serial, system)).collect(),
        );
        match classes.iter_mut().find(|(known, _)| *known == signature) {
            Some((_, members)) => members.push(serial),
            None => classes.push((signature, vec![serial])),
        }
    }
    let mut out: Vec<Vec<&'t str>> = classes.into_iter().map(|(_, members)| members).collect();
    out.sort_by_key(|members| std::cmp::Reverse(members.len()));
    out
}

/// All rules of a rulebase.
fn lists<'t>(rules: &'t Rulebase<'t>) -> impl Iterator<Item = &'t Rule<'t>> {
    [
        &rules.security,
        &rules.nat,
        &rules.forwarding,
        &rules.overrides,
        &rules.decryption,
        &rules.qos,
        &rules.authentication,
        &rules.dos,
    ]
    .into_iter()
    .flatten()
}

fn parent<'t>(config: &'t Config<'t>, group: &DeviceGroup<'t>) -> Option<&'t DeviceGroup<'t>> {
    let name = group.parent.or_else(|| {
        let found = config
            .parents
            .iter()
            .find(|(child, _)| *child == group.name);
        found.map(|(_, parent)| *parent)
    })?;
    config.device_groups.iter().find(|g| g.name == name)
}

/// A group and its ancestors, innermost first.
fn lineage<'t>(config: &'t Config<'t>, group: &'t DeviceGroup<'t>) -> Vec<&'t DeviceGroup<'t>> {
    let mut out = vec![group];
    while let Some(next) = out.last().and_then(|g| parent(config, g)) {
        if out.len() >= GROUP_DEPTH || out.iter().any(|g| g.name == next.name) {
            break;
        }
        out.push(next);
    }
    out
}

/// Shared before device groups from the top down, then up again.
fn rule_layers<'t>(config: &'t Config<'t>, line: &[&'t DeviceGroup<'t>]) -> Vec<RuleLayer<'t>> {
    let shared = line.len();
    let mut out = vec![RuleLayer {
        rules: &config.shared.pre,
        scope: shared,
        label: "shared pre",
    }];
    for (scope, group) in line.iter().enumerate().rev() {
        let label = if scope == 0 { "pre" } else { group.name };
        out.push(RuleLayer {
            rules: &group.layer.pre,
            scope,
            label,
        });
    }
    for (scope, group) in line.iter().enumerate() {
        let label = if scope == 0 { "post" } else { group.name };
        out.push(RuleLayer {
            rules: &group.layer.post,
            scope,
            label,
        });
    }
    out.push(RuleLayer {
        rules: &config.shared.post,
        scope: shared,
        label: "shared post",
    });
    out
}

fn stack_of(config: &Config<'_>, serial: &str) -> Option<usize> {
    config
        .stacks
        .iter()
        .position(|s| s.devices.contains(&serial))
}

fn site<'t>(
    config: &'t Config<'t>,
    line: &[&'t DeviceGroup<'t>],
    name: String,
    serial: Serial<'t>,
) -> Site<'t> {
    let templates = match serial {
        Serial::Known(serial) => templates_of(config, serial),
        Serial::Unknown => Vec::new(),
    };
    let listed: Vec<&'t str> = match (line.first(), serial) {
        (Some(group), Serial::Known(serial)) => group
            .devices
            .iter()
            .find(|(s, _)| *s == serial)
            .map(|(_, systems)| systems.clone())
            .unwrap_or_default(),
        _ => Vec::new(),
    };
    let (network, zones, settings) = merged(&templates, &listed);
    let mut scopes: Vec<_> = line.iter().map(|g| &g.layer.objects).collect();
    scopes.push(&config.shared.objects);
    let mut defaults: Vec<(&'t [Rule<'t>], usize)> = line
        .iter()
        .enumerate()
        .map(|(scope, g)| (g.layer.post.defaults.as_slice(), scope))
        .collect();
    defaults.push((config.shared.post.defaults.as_slice(), line.len()));
    let partial = !network.present;
    Site {
        name,
        scopes,
        layers: rule_layers(config, line),
        defaults,
        zones,
        network,
        settings,
        serial,
        system: match listed.as_slice() {
            [one] => Some(one),
            _ => None,
        },
        own_interfaces: None,
        neighbours: Vec::new(),
        serves_clients: false,
        partial,
        awaits_pushed_rules: false,
        stands_for: Vec::new(),
        variables: variables_of(config, serial, &templates),
    }
}

/// The variables of a device: its own, then those of its templates.
fn variables_of<'t>(
    config: &'t Config<'t>,
    serial: Serial<'t>,
    templates: &[&'t Template<'t>],
) -> Variables<'t> {
    let own = match serial {
        Serial::Known(serial) => own_variables(config, serial),
        Serial::Unknown => &[],
    };
    let of_templates = templates.iter().flat_map(|t| &t.variables);
    own.iter().chain(of_templates).copied().collect()
}

/// What a stack says of the variables of one device.
fn own_variables<'t>(config: &'t Config<'t>, serial: &str) -> &'t [(&'t str, Word<'t>)] {
    let stack = stack_of(config, serial).and_then(|at| config.stacks.get(at));
    let own = stack.and_then(|s| s.of_devices.iter().find(|(name, _)| *name == serial));
    own.map_or(&[], |(_, variables)| variables.as_slice())
}

/// The templates of a device, the strongest first.
fn templates_of<'t>(config: &'t Config<'t>, serial: &str) -> Vec<&'t Template<'t>> {
    let Some(stack) = stack_of(config, serial).and_then(|at| config.stacks.get(at)) else {
        return Vec::new();
    };
    let named = stack
        .templates
        .iter()
        .filter_map(|w| config.templates.iter().find(|t| t.name == w.text));
    std::iter::once(&stack.own).chain(named).collect()
}

/// Settings of several templates: whatever an earlier one defines wins.
fn merged<'t>(
    templates: &[&'t Template<'t>],
    systems: &[&str],
) -> (Network<'t>, Vec<Zone<'t>>, Settings) {
    let mut network = Network::default();
    let mut zones: Vec<Zone<'t>> = Vec::new();
    let mut settings = Settings::default();
    for template in templates {
        let from = &template.network;
        network.present |= from.present;
        network.unknown.extend(from.unknown.iter().cloned());
        network.features.extend(from.features.iter().copied());
        for interface in &from.interfaces {
            if !network.interfaces.iter().any(|i| i.name == interface.name) {
                network.interfaces.push(interface.clone());
            }
        }
        for router in &from.routers {
            match network.routers.iter_mut().find(|r| r.name == router.name) {
                None => network.routers.push(router.clone()),
                Some(known) => {
                    for interface in &router.interfaces {
                        if !known.interfaces.iter().any(|i| i.text == interface.text) {
                            known.interfaces.push(*interface);
                        }
                    }
                    for route in &router.routes {
                        if !known.routes.iter().any(|r| r.name == route.name) {
                            known.routes.push(route.clone());
                        }
                    }
                    known.protocols.extend(router.protocols.iter().copied());
                }
            }
        }
        for gateway in &from.ike_gateways {
            if !network.ike_gateways.iter().any(|g| g.name == gateway.name) {
                network.ike_gateways.push(gateway.clone());
            }
        }
        for tunnel in &from.tunnels {
            if !network.tunnels.iter().any(|t| t.name == tunnel.name) {
                network.tunnels.push(tunnel.clone());
            }
        }
        for profile in &from.zone_profiles {
            if !network.zone_profiles.iter().any(|p| p.0 == profile.0) {
                network.zone_profiles.push(*profile);
            }
        }
        for profile in &from.management_profiles {
            if !network
                .management_profiles
                .iter()
                .any(|p| p.name == profile.name)
            {
                network.management_profiles.push(profile.clone());
            }
        }
        let wanted = |name: &str| systems.is_empty() || systems.contains(&name);
        for zone in template
            .systems
            .iter()
            .filter(|s| wanted(s.name))
            .flat_map(|s| &s.zones)
        {
            match zones.iter_mut().find(|z| z.name.text == zone.name.text) {
                None => zones.push(zone.clone()),
                Some(known) => {
                    for interface in &zone.interfaces {
                        if !known.interfaces.iter().any(|i| i.text == interface.text) {
                            known.interfaces.push(*interface);
                        }
                    }
                }
            }
        }
        let own = &template.settings;
        settings.timeout_tcp = settings.timeout_tcp.or(own.timeout_tcp);
        settings.timeout_udp = settings.timeout_udp.or(own.timeout_udp);
        settings.timeout_icmp = settings.timeout_icmp.or(own.timeout_icmp);
        settings.timeout_default = settings.timeout_default.or(own.timeout_default);
        settings.ipv6_firewalling = settings.ipv6_firewalling.or(own.ipv6_firewalling);
        settings.non_syn_tcp = settings.non_syn_tcp.or(own.non_syn_tcp);
        settings.out_of_window = settings.out_of_window.or(own.out_of_window);
    }
    (network, zones, settings)
}
