//! Services and application ports.

use super::names::{Open, Services};
use crate::vendors::paloalto_panos::applications::{every_port, port_list};
use crate::vendors::paloalto_panos::ast::Service;
use crate::vendors::paloalto_panos::parse::objects::unknown_text;
use fw_model::service::{SCTP, TCP, UDP};
use fw_model::{IntervalSet, ServiceSet};
use std::sync::Arc;

/// The two services that every device has. `service-http` is two ports, as in
/// the predefined objects (also ServiceBuiltIn.java of Batfish).
pub(super) fn built_in(name: &str) -> Option<ServiceSet> {
    let ports: IntervalSet = match name {
        "service-http" => [(80, 80), (8080, 8080)].into_iter().collect(),
        "service-https" => IntervalSet::single(443),
        _ => return None,
    };
    Some(ServiceSet::ports(TCP, every_port(), ports))
}

/// What a service object holds.
pub(super) fn object(service: &Service<'_>) -> Services {
    let mut out = Services::default();
    let set = protocol_number(service).and_then(|protocol| {
        let ports = port_list(service.port?.text)?;
        let source = match service.source_port {
            Some(text) => port_list(text.text)?,
            None => every_port(),
        };
        Some(ServiceSet::ports(protocol, source, ports))
    });
    match set {
        Some(set) => out.set = Arc::new(set),
        None => out.open.push(Open::not_understood(
            format!(
                "service protocol {} port {} source-port {}",
                service.protocol.map_or("", |p| p.text),
                service.port.map_or("", |p| p.text),
                service.source_port.map_or("", |p| p.text),
            ),
            service.name.place,
        )),
    }
    if let Some(text) = unknown_text(&service.unknown) {
        out.open.push(Open::not_understood(
            format!("service {text}"),
            service.name.place,
        ));
    }
    if let Some((seconds, place)) = service.timeout {
        out.timeouts.push((Arc::clone(&out.set), seconds, place));
    }
    out
}

fn protocol_number(service: &Service<'_>) -> Option<u8> {
    match service.protocol?.text {
        "tcp" => Some(TCP),
        "udp" => Some(UDP),
        "sctp" => Some(SCTP),
        _ => None,
    }
}

/// The union of several services.
pub(super) fn joined(parts: &[Arc<Services>]) -> Services {
    match parts {
        [one] => (**one).clone(),
        _ => Services {
            set: Arc::new(ServiceSet::union_all(parts.iter().map(|p| &*p.set))),
            open: parts.iter().flat_map(|p| p.open.iter().cloned()).collect(),
            timeouts: parts
                .iter()
                .flat_map(|p| p.timeouts.iter().cloned())
                .collect(),
            uses: parts.iter().flat_map(|p| p.uses.iter().copied()).collect(),
        },
    }
}
