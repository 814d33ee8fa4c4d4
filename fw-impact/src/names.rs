//! Names of a flow that no configuration knows: what is judged then is not
//! what its author meant.

use crate::report::{ChangeSeverity, Finding};
use fw_model::{Endpoint, Flow, Snapshot};

/// The names of flows that neither side knows, as findings.
pub fn unknown_names(sides: [&Snapshot; 2], flows: &[Flow]) -> Vec<Finding> {
    let mut out = Vec::new();
    for flow in flows.iter().filter(|f| f.companion_of.is_none()) {
        let mut see = |known: bool, what: &str, name: &str| {
            if !known {
                out.push(Finding {
                    code: "unknown-name".into(),
                    severity: ChangeSeverity::Medium,
                    message: format!(
                        "flow `{}` names {what} `{name}`, which is in no input",
                        flow.id
                    ),
                    flow: Some(flow.id.clone()),
                    file: None,
                    line: None,
                });
            }
        };
        if let Some(name) = &flow.device {
            see(has_device(sides, name), "device", name);
        }
        for name in [&flow.ingress, &flow.egress].into_iter().flatten() {
            see(has_interface(sides, name), "interface or zone", name);
        }
        for end in [&flow.from, &flow.to] {
            match end {
                Endpoint::Device(name) => see(has_device(sides, name), "device", name),
                Endpoint::Zone(name) => see(has_interface(sides, name), "zone", name),
                Endpoint::Addresses(_) => {}
            }
        }
    }
    out
}

fn has_device(sides: [&Snapshot; 2], name: &str) -> bool {
    let named = |side: &&Snapshot| {
        let mut all = side.devices.iter();
        all.any(|d| d.name == name || d.stands_for.iter().any(|n| n == name))
    };
    sides.iter().any(named)
}

/// True if some device has such an interface or zone, or does not tell which
/// it has.
fn has_interface(sides: [&Snapshot; 2], name: &str) -> bool {
    sides.iter().flat_map(|side| &side.devices).any(|device| {
        !device.interfaces_complete
            || device.zones.iter().any(|z| z.name == name)
            || device
                .interfaces
                .iter()
                .any(|i| i.name == name || i.hardware.as_deref() == Some(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fw_model::{Device, Interface};

    #[test]
    fn interfaces_zones_and_hardware_names_are_known() {
        let device = Device {
            name: "edge".into(),
            stands_for: vec!["0123".into()],
            interfaces: vec![Interface {
                name: "inside".into(),
                hardware: Some("GigabitEthernet0/1".into()),
                ..Interface::default()
            }],
            interfaces_complete: true,
            ..Device::default()
        };
        let mut side = Snapshot {
            devices: vec![device],
            ..Snapshot::default()
        };
        let empty = Snapshot::default();
        assert!(has_device([&side, &empty], "edge"));
        assert!(has_device([&empty, &side], "0123"));
        assert!(!has_device([&side, &empty], "egde"));
        for (name, known) in [
            ("inside", true),
            ("GigabitEthernet0/1", true),
            ("insdie", false),
        ] {
            assert_eq!(has_interface([&side, &empty], name), known, "{name}");
        }
        if let Some(device) = side.devices.first_mut() {
            device.interfaces_complete = false;
        }
        assert!(has_interface([&side, &empty], "insdie"));
    }
}
