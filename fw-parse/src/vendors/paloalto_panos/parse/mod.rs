//! From paths to the syntax tree.

pub(super) mod network;
pub(super) mod objects;
pub(super) mod rules;
mod tunnel;

use super::ast::{
    Config, DeviceGroup, Layer, Settings, Stack, Template, Unknown, Variables, VirtualSystem, Word,
};
use super::tree::{At, Place};

fn word(at: At<'_>) -> Word<'_> {
    Word {
        text: at.name(),
        place: at.place(),
    }
}

fn words(at: At<'_>) -> Vec<Word<'_>> {
    at.children().inspect(At::ends).map(word).collect()
}

/// The value of a single-valued field.
fn value(at: At<'_>) -> Option<Word<'_>> {
    at.value().inspect(At::ends).map(word)
}

fn yes(at: At<'_>) -> bool {
    at.value().is_some_and(|v| v.name() == "yes")
}

fn number(at: At<'_>) -> Option<(u64, Place)> {
    let value = at.value()?;
    Some((value.name().parse().ok()?, value.place()))
}

/// Takes note of a part that is not understood.
fn unknown(at: At<'_>) -> Unknown {
    at.opaque();
    Unknown {
        text: at.text(),
        place: at.place(),
    }
}

/// Reads a configuration.
pub(super) fn config(root: At<'_>) -> Config<'_> {
    let mut out = Config::default();
    for top in root.children() {
        match top.name() {
            "shared" => layer(&mut out.shared, top),
            "policy" => {
                for panorama in top.children().filter(|c| c.name() == "panorama") {
                    layer(out.pushed.get_or_insert_with(Layer::default), panorama);
                }
            }
            "panorama" if top.children().any(|c| is_policy(c.name())) => {
                layer(out.pushed.get_or_insert_with(Layer::default), top);
            }
            "readonly" => {
                let groups = top
                    .child("devices")
                    .into_iter()
                    .flat_map(|d| d.children())
                    .filter_map(|d| d.child("device-group"))
                    .flat_map(|g| g.children());
                for group in groups {
                    if let Some(parent) = group.child("parent-dg") {
                        parent.modeled();
                        if let Some(parent) = parent.value() {
                            out.parents.push((group.name(), parent.name()));
                        }
                    }
                }
            }
            "devices" => {
                for device in top.children() {
                    device_entry(&mut out, device);
                }
            }
            _ => {}
        }
    }
    out
}

/// Sections of a scope that hold rules or objects.
fn is_policy(name: &str) -> bool {
    matches!(
        name,
        "pre-rulebase" | "post-rulebase" | "address" | "service" | "address-group"
    )
}

fn device_entry<'t>(out: &mut Config<'t>, device: At<'t>) {
    for section in device.children() {
        match section.name() {
            "network" => out.network = network::network(section),
            "deviceconfig" => {
                out.hostname = section
                    .path(&["system", "hostname"])
                    .and_then(|h| {
                        h.modeled();
                        value(h)
                    })
                    .or(out.hostname);
                out.settings = settings(section);
            }
            "vsys" => out.systems.extend(section.children().map(virtual_system)),
            "device-group" => out
                .device_groups
                .extend(section.children().map(device_group)),
            "template" => out.templates.extend(section.children().map(template)),
            "template-stack" => out.stacks.extend(section.children().map(stack)),
            _ => {}
        }
    }
}

fn settings(at: At<'_>) -> Settings {
    let mut out = Settings::default();
    for field in at
        .path(&["setting", "session"])
        .into_iter()
        .flat_map(|s| s.children())
    {
        let slot = match field.name() {
            "timeout-tcp" => &mut out.timeout_tcp,
            "timeout-udp" => &mut out.timeout_udp,
            "timeout-icmp" => &mut out.timeout_icmp,
            "timeout-default" => &mut out.timeout_default,
            "tcp-reject-non-syn" => {
                field.modeled();
                out.non_syn_tcp = value(field).map(|v| (v.text == "no", v.place));
                continue;
            }
            "ipv6-firewalling" => {
                field.modeled();
                out.ipv6_firewalling = Some(yes(field));
                continue;
            }
            _ => continue,
        };
        field.modeled();
        *slot = number(field);
    }
    if let Some(field) = at.path(&["setting", "tcp", "asymmetric-path"]) {
        field.modeled();
        out.out_of_window = value(field).map(|v| (v.text == "bypass", v.place));
    }
    let manager = at.path(&["system", "panorama"]);
    out.managed =
        at.path(&["system", "panorama-server"]).is_some() || manager.is_some_and(|m| !m.is_leaf());
    // The group was an entry with a number in older releases.
    for group in at
        .path(&["high-availability", "group"])
        .into_iter()
        .flat_map(|g| std::iter::once(g).chain(g.children()))
    {
        if let Some(id) = group.path(&["mode", "active-active", "device-id"]) {
            id.modeled();
            out.active_active_id = value(id).map(|v| v.text.to_owned());
        }
    }
    out
}

/// Rules and objects of a scope. Sections that are neither stay as they are.
fn layer<'t>(out: &mut Layer<'t>, at: At<'t>) {
    for section in at.children() {
        match section.name() {
            "rulebase" => out.local = rules::rulebase(section),
            "pre-rulebase" => out.pre = rules::rulebase(section),
            "post-rulebase" => out.post = rules::rulebase(section),
            _ => {
                let _ = objects::section(&mut out.objects, section);
            }
        }
    }
}

fn virtual_system(at: At<'_>) -> VirtualSystem<'_> {
    let mut out = VirtualSystem {
        name: at.name(),
        ..VirtualSystem::default()
    };
    layer(&mut out.layer, at);
    if at.is_leaf() {
        at.modeled();
    }
    for section in at.children() {
        match section.name() {
            "zone" => {
                if section.is_leaf() {
                    section.modeled();
                }
                out.zones.extend(section.children().map(network::zone));
            }
            "import" => {
                for part in section
                    .child("network")
                    .into_iter()
                    .flat_map(|n| n.children())
                {
                    part.modeled();
                    if part.name() == "interface" {
                        out.imports.extend(words(part));
                    }
                }
                for part in section.children().filter(|c| c.name() == "visible-vsys") {
                    part.modeled();
                }
            }
            "global-protect" => out.serves_clients |= !section.is_leaf(),
            _ => {}
        }
    }
    out
}

fn device_group(at: At<'_>) -> DeviceGroup<'_> {
    let mut out = DeviceGroup {
        name: at.name(),
        ..DeviceGroup::default()
    };
    layer(&mut out.layer, at);
    if at.is_leaf() {
        at.modeled();
    }
    for section in at.children() {
        match section.name() {
            "devices" => {
                section.modeled();
                for device in section.children() {
                    let systems = device
                        .child("vsys")
                        .map(|v| v.children().map(|s| s.name()).collect())
                        .unwrap_or_default();
                    out.devices.push((device.name(), systems));
                }
            }
            "parent-dg" => {
                section.modeled();
                out.parent = section.value().map(|v| v.name());
            }
            _ => {}
        }
    }
    out
}

fn template(at: At<'_>) -> Template<'_> {
    let mut out = Template {
        name: at.name(),
        variables: variables(at),
        ..Template::default()
    };
    let Some(config) = at.child("config") else {
        return out;
    };
    // Commands may leave the device entry out.
    let entries = config
        .child("devices")
        .into_iter()
        .flat_map(|d| d.children())
        .chain(std::iter::once(config));
    for device in entries {
        for section in device.children() {
            match section.name() {
                "network" => out.network.absorb(network::network(section)),
                "vsys" => out.systems.extend(section.children().map(virtual_system)),
                "deviceconfig" => out.settings = settings(section),
                _ => {}
            }
        }
    }
    out
}

/// The `variable` section of a template, a stack or a device of a stack.
fn variables(at: At<'_>) -> Variables<'_> {
    let mut out = Vec::new();
    for variable in at.child("variable").into_iter().flat_map(|v| v.children()) {
        let kind = variable.child("type").and_then(|t| t.value());
        if let Some(found) = kind.and_then(value) {
            variable.modeled();
            out.push((variable.name(), found));
        }
    }
    out
}

fn stack(at: At<'_>) -> Stack<'_> {
    let mut out = Stack {
        own: template(at),
        ..Stack::default()
    };
    for section in at.children() {
        match section.name() {
            "templates" => {
                section.modeled();
                out.templates = words(section);
            }
            "devices" => {
                section.modeled();
                out.devices = section.children().map(|d| d.name()).collect();
                out.of_devices = section
                    .children()
                    .map(|d| (d.name(), variables(d)))
                    .filter(|(_, variables)| !variables.is_empty())
                    .collect();
            }
            _ => {}
        }
    }
    out
}
