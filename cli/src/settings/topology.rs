//! topology.yaml: which files are which devices, where hosts live, and links.

use crate::flows::address::{Groups, Names};
use crate::problem::Problem;
use crate::yaml::{Node, Reader};
use fw_model::{AddressSet, Source};

/// A device and an interface of it.
pub type Port = (String, String);

/// What the file says.
#[derive(Clone, Default, Debug)]
pub struct Topology {
    /// Devices that are named here.
    pub devices: Vec<DeviceEntry>,
    /// Prefix, device, interface.
    pub networks: Vec<(AddressSet, String, String)>,
    /// Both ends.
    pub links: Vec<(Port, Port)>,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// The name in reports.
    pub name: String,
    /// Its file or folder, relative to the snapshot.
    pub file: String,
    /// The vendor, if it is not to be detected.
    pub vendor: Option<String>,
}

/// Reads a file.
///
/// # Errors
/// All that is wrong with it.
pub fn read(source: &Source) -> Result<Topology, Vec<Problem>> {
    super::whole(source, |reader, root| {
        let mut out = Topology::default();
        let known = ["version", "devices", "networks", "links"];
        let fields = reader.fields(root, "the topology file", &known);
        if let Some(node) = fields.get("devices") {
            for (name, value, _) in reader.pairs(node, "`devices`") {
                device(reader, name, value, &mut out);
            }
        }
        let names = Names::new();
        let mut groups = Groups::none(&names);
        for item in fields.get("networks").map_or(&[][..], Node::elements) {
            let entry = reader.fields(item, "a network", &["prefix", "at"]);
            let prefix = entry
                .get("prefix")
                .and_then(|n| groups.set(reader, n, "`prefix`"));
            let at = entry.get("at").and_then(|n| port(reader, n));
            for key in ["prefix", "at"] {
                if entry.get(key).is_none() {
                    reader.error(entry.place(), format!("a network has no `{key}`"));
                }
            }
            if let (Some(prefix), Some((device, interface))) = (prefix, at) {
                out.networks.push((prefix, device, interface));
            }
        }
        for item in fields.get("links").map_or(&[][..], Node::elements) {
            match item.elements() {
                [a, b] => {
                    if let (Some(a), Some(b)) = (port(reader, a), port(reader, b)) {
                        out.links.push((a, b));
                    }
                }
                _ => reader.error_with(
                    item.place,
                    "a link has two ends",
                    Some("write [edge:transit, core:inside]".into()),
                ),
            }
        }
        out
    })
}

fn device(reader: &mut Reader<'_>, name: &str, value: &Node, out: &mut Topology) {
    let entry = reader.fields(value, &format!("device `{name}`"), &["file", "vendor"]);
    let vendor = reader.optional(&entry, "vendor");
    if let Some(vendor) = &vendor
        && fw_parse::vendor(vendor).is_none()
    {
        let place = entry.get("vendor").map_or(value.place, |n| n.place);
        let known = fw_parse::vendor::VENDORS.iter().map(|v| v.name());
        let label = crate::problem::suggestion(vendor, known);
        reader.error_with(place, format!("unknown vendor `{vendor}`"), label);
    }
    match reader.optional(&entry, "file") {
        Some(file) => out.devices.push(DeviceEntry {
            name: name.to_owned(),
            file,
            vendor,
        }),
        None if entry.get("file").is_none() => {
            reader.error(value.place, format!("device `{name}` has no `file`"));
        }
        None => {}
    }
}

fn port(reader: &mut Reader<'_>, node: &Node) -> Option<Port> {
    let text = reader.text(node, "an end")?;
    match text.split_once(':') {
        Some((device, interface)) if !device.is_empty() && !interface.is_empty() => {
            Some((device.to_owned(), interface.to_owned()))
        }
        _ => {
            reader.error_with(
                node.place,
                format!("`{text}` is no interface of a device"),
                Some("write it as device:interface".into()),
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topology() {
        let text = "devices: { edge: {file: edge.cfg}, core: {file: core.conf} }\nnetworks:\n  - {prefix: 10.20.0.0/16, at: edge:inside}\nlinks: [[edge:transit, core:ge-0/0/0.0]]\n";
        let topology = read(&Source::new("topology.yaml", text.into())).unwrap();
        assert_eq!(topology.devices.len(), 2);
        assert_eq!(topology.networks[0].2, "inside");
        assert_eq!(topology.links[0].1, ("core".into(), "ge-0/0/0.0".into()));
        let wrong = read(&Source::new("t", "links: [[a, b:c]]\nnets: 1\n".into())).unwrap_err();
        assert_eq!(wrong.len(), 2, "{wrong:?}");
    }
}
