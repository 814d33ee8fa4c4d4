//! The virtual systems of a firewall.

use super::{RuleLayer, Serial, Site};
use crate::vendors::paloalto_panos::ast::{Config, Layer, Network, Objects, VirtualSystem, Zone};

/// One site a virtual system, with the words by which its part of the file
/// is known.
pub(super) fn firewall<'t>(config: &'t Config<'t>, host: &str) -> Vec<(Site<'t>, Vec<String>)> {
    if config.systems.is_empty() {
        return vec![(rules_alone(config, host), Vec::new())];
    }
    let several = config.systems.len() > 1;
    let mut out = Vec::new();
    for system in &config.systems {
        let name = if several {
            format!("{host}/{}", system.name)
        } else {
            host.to_owned()
        };
        let (scopes, layers) = layers(config, &system.layer);
        let mut defaults = vec![
            (system.layer.local.defaults.as_slice(), 0),
            (system.layer.post.defaults.as_slice(), 0),
        ];
        if let Some(pushed) = &config.pushed {
            defaults.push((pushed.post.defaults.as_slice(), 1));
        }
        defaults.push((config.shared.local.defaults.as_slice(), scopes.len() - 1));
        defaults.push((config.shared.post.defaults.as_slice(), scopes.len() - 1));
        let own = several.then(|| interfaces_of(system));
        out.push((
            Site {
                name,
                scopes,
                layers,
                defaults,
                zones: system.zones.clone(),
                network: config.network.clone(),
                settings: config.settings.clone(),
                serial: Serial::Unknown,
                system: Some(system.name),
                own_interfaces: own,
                neighbours: neighbours(config, system),
                serves_clients: system.serves_clients,
                partial: !config.network.present,
                awaits_pushed_rules: config.settings.managed && config.pushed.is_none(),
                stands_for: vec![system.name.to_owned()],
                variables: Vec::new(),
            },
            vec![format!("vsys {}", system.name)],
        ));
    }
    out
}

/// Interfaces that a virtual system imports or has in its zones.
pub(super) fn interfaces_of(system: &VirtualSystem<'_>) -> Vec<String> {
    let zones = system.zones.iter().flat_map(|z| &z.interfaces);
    let mut out: Vec<String> = system
        .imports
        .iter()
        .chain(zones)
        .map(|w| w.text.to_owned())
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// Other virtual systems and shared gateways, by the names that zones of type
/// `external` use.
fn neighbours(config: &Config<'_>, system: &VirtualSystem<'_>) -> Vec<(String, Vec<String>)> {
    let wanted: Vec<&str> = system
        .zones
        .iter()
        .flat_map(|z: &Zone<'_>| z.external.iter().map(|e| e.text))
        .collect();
    let systems = config
        .systems
        .iter()
        .filter(|s| s.name != system.name)
        .map(|s| (s.name.to_owned(), interfaces_of(s)));
    let gateways = config
        .network
        .shared_gateways
        .iter()
        .map(|(name, members)| {
            (
                (*name).to_owned(),
                members.iter().map(|m| m.text.to_owned()).collect(),
            )
        });
    systems
        .chain(gateways)
        .filter(|(name, _)| wanted.contains(&name.as_str()))
        .collect()
}

/// Scopes and rules of a virtual system. What Panorama pushed encloses the
/// local rules.
fn layers<'t>(
    config: &'t Config<'t>,
    layer: &'t Layer<'t>,
) -> (Vec<&'t Objects<'t>>, Vec<RuleLayer<'t>>) {
    let mut scopes = vec![&layer.objects];
    let mut out = Vec::new();
    let shared_scope = 1 + usize::from(config.pushed.is_some());
    out.push(RuleLayer {
        rules: &config.shared.pre,
        scope: shared_scope,
        label: "shared pre",
    });
    if let Some(pushed) = &config.pushed {
        scopes.push(&pushed.objects);
        out.push(RuleLayer {
            rules: &pushed.pre,
            scope: 1,
            label: "pre",
        });
    }
    out.push(RuleLayer {
        rules: &layer.pre,
        scope: 0,
        label: "pre",
    });
    out.push(RuleLayer {
        rules: &layer.local,
        scope: 0,
        label: "",
    });
    out.push(RuleLayer {
        rules: &config.shared.local,
        scope: shared_scope,
        label: "shared",
    });
    out.push(RuleLayer {
        rules: &layer.post,
        scope: 0,
        label: "post",
    });
    if let Some(pushed) = &config.pushed {
        out.push(RuleLayer {
            rules: &pushed.post,
            scope: 1,
            label: "post",
        });
        out.push(RuleLayer {
            rules: &pushed.local,
            scope: 1,
            label: "pushed",
        });
    }
    out.push(RuleLayer {
        rules: &config.shared.post,
        scope: shared_scope,
        label: "shared post",
    });
    scopes.push(&config.shared.objects);
    (scopes, out)
}

/// A file with shared or pushed rules and no virtual system.
fn rules_alone<'t>(config: &'t Config<'t>, host: &str) -> Site<'t> {
    let mut scopes = Vec::new();
    let mut layers = Vec::new();
    let mut defaults = Vec::new();
    if let Some(pushed) = &config.pushed {
        scopes.push(&pushed.objects);
        layers.push(RuleLayer {
            rules: &pushed.pre,
            scope: 0,
            label: "pre",
        });
        layers.push(RuleLayer {
            rules: &pushed.post,
            scope: 0,
            label: "post",
        });
        defaults.push((pushed.post.defaults.as_slice(), 0));
    }
    let shared = scopes.len();
    scopes.push(&config.shared.objects);
    layers.insert(
        0,
        RuleLayer {
            rules: &config.shared.pre,
            scope: shared,
            label: "shared pre",
        },
    );
    layers.push(RuleLayer {
        rules: &config.shared.local,
        scope: shared,
        label: "shared",
    });
    layers.push(RuleLayer {
        rules: &config.shared.post,
        scope: shared,
        label: "shared post",
    });
    defaults.push((config.shared.post.defaults.as_slice(), shared));
    Site {
        name: host.to_owned(),
        scopes,
        layers,
        defaults,
        zones: Vec::new(),
        network: Network {
            ..config.network.clone()
        },
        settings: config.settings.clone(),
        serial: Serial::Unknown,
        system: None,
        own_interfaces: None,
        neighbours: Vec::new(),
        serves_clients: false,
        partial: !config.network.present,
        awaits_pushed_rules: config.settings.managed && config.pushed.is_none(),
        stands_for: Vec::new(),
        variables: Vec::new(),
    }
}
