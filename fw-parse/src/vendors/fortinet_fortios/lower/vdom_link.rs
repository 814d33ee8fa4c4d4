//! Links between virtual domains: pairs of interfaces.

use crate::vendors::fortinet_fortios::ast::{Config, Interface};
use fw_model::{Device, DeviceLink};
use rustc_hash::FxHashMap;

/// Tells the devices of their links. `devices` are in the order of the
/// virtual domains.
pub fn link(config: &Config<'_>, devices: &mut [Device]) {
    let places: FxHashMap<&str, (usize, &Interface<'_>)> = config
        .vdoms
        .iter()
        .enumerate()
        .flat_map(|(at, vdom)| vdom.interfaces.iter().map(move |i| (i.name, (at, i))))
        .collect();
    let names: Vec<String> = devices.iter().map(|d| d.name.clone()).collect();
    for (at, vdom) in config.vdoms.iter().enumerate() {
        for interface in &vdom.interfaces {
            let Some((there, peer)) = peer(config, &places, interface) else {
                continue;
            };
            if there != at
                && let (Some(device), Some(name)) = (devices.get_mut(at), names.get(there))
            {
                device.links.push(DeviceLink {
                    interface: interface.name.to_owned(),
                    device: name.clone(),
                    peer: peer.to_owned(),
                });
            }
        }
    }
}

/// The other end of an interface, with the position of its domain: of a pair
/// itself, or of a VLAN that is carried by one.
fn peer<'t>(
    config: &Config<'t>,
    places: &FxHashMap<&str, (usize, &Interface<'t>)>,
    interface: &Interface<'t>,
) -> Option<(usize, &'t str)> {
    if let Some((carrier, vlan)) = interface.carrier {
        let other = other_end(config, carrier, false)?;
        return config.vdoms.iter().enumerate().find_map(|(at, vdom)| {
            let carried = |i: &&Interface<'_>| i.carrier == Some((other.as_str(), vlan));
            Some((at, vdom.interfaces.iter().find(carried)?.name))
        });
    }
    let other = other_end(config, interface.name, interface.vdom_link)?;
    places.get(other.as_str()).map(|&(at, i)| (at, i.name))
}

/// `vdom-link` `X` makes the interfaces `X0` and `X1`; network processors
/// have pairs `npuN_vlink0` and `npuN_vlink1`, in old releases with a hyphen.
/// <https://docs.fortinet.com/document/fortigate/6.4.6/administration-guide/335646/inter-vdom-routing>,
/// <https://community.fortinet.com/t5/FortiGate/Technical-Tip-Difference-and-understanding-between-NPU-Vdom-link/ta-p/212709>
fn other_end(config: &Config<'_>, name: &str, known: bool) -> Option<String> {
    let (stem, other) = match (name.strip_suffix('0'), name.strip_suffix('1')) {
        (Some(stem), _) => (stem, '1'),
        (_, Some(stem)) => (stem, '0'),
        _ => return None,
    };
    let of_processor =
        stem.starts_with("npu") && (stem.ends_with("_vlink") || stem.ends_with("-vlink"));
    (known || of_processor || config.vdom_links.contains(&stem)).then(|| format!("{stem}{other}"))
}
