//! Verdicts of small configurations, and a walk over real ones.

mod corpus;
mod grammar;
mod translation;
mod verdicts;

use super::CiscoAsa;
use crate::vendor::{Input, Parsed, Vendor};
use fw_model::evaluate::{Context, Disposition, Evaluation, evaluate, evaluate_reply};
use fw_model::{Condition, Device, LineStatus, Packet, Source, SourceId};

pub fn parse(text: &str) -> Parsed {
    let source = Source::new("fw.cfg", text.to_owned());
    CiscoAsa.parse(Input {
        fallback_name: "fw",
        files: &[(SourceId(0), &source)],
    })
}

pub fn device(text: &str) -> Device {
    parse(text).devices.remove(0)
}

/// The lines that stayed opaque.
pub fn opaque(text: &str) -> Vec<u32> {
    let parsed = parse(text);
    parsed.ledgers[0]
        .iter()
        .filter(|(_, s)| **s == LineStatus::Opaque)
        .map(|(n, _)| n)
        .collect()
}

pub fn packet(
    protocol: u8,
    source: &str,
    source_port: u16,
    destination: &str,
    port: u16,
) -> Packet {
    Packet {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        protocol,
        source_port,
        destination_port: port,
    }
}

pub fn tcp(source: &str, destination: &str, port: u16) -> Packet {
    packet(6, source, 40000, destination, port)
}

pub fn udp(source: &str, destination: &str, port: u16) -> Packet {
    packet(17, source, 40000, destination, port)
}

pub fn echo(source: &str, destination: &str) -> Packet {
    packet(1, source, 0, destination, 8 << 8)
}

pub fn run(device: &Device, ingress: &str, packet: Packet) -> Evaluation {
    evaluate(device, packet, &Context::first_packet(ingress, None))
}

/// The verdict of both bounds: `None` if it hangs on an open condition.
pub fn verdict(device: &Device, ingress: &str, packet: Packet) -> Option<bool> {
    let with = |holds: &dyn Fn(&Condition) -> bool| {
        let context = Context {
            holds,
            ..Context::first_packet(ingress, None)
        };
        evaluate(device, packet, &context).disposition == Disposition::Permitted
    };
    let (no, yes) = (with(&|_| false), with(&|_| true));
    (no == yes).then_some(no)
}

/// `permit` or `deny` and `FILTER RULE` of the last policy decision.
pub fn decided(device: &Device, ingress: &str, packet: Packet) -> String {
    let e = run(device, ingress, packet);
    match e.steps.last() {
        Some(step) => format!("{} {} {}", step.action, step.filter, step.rule),
        None => format!("{:?}", e.disposition),
    }
}

pub fn reply(device: &Device, ingress: &str, packet: Packet) -> Disposition {
    let context = Context::first_packet(ingress, None);
    let forward = evaluate(device, packet, &context);
    assert_eq!(forward.disposition, Disposition::Permitted);
    evaluate_reply(device, &forward, &context)
}

/// Three interfaces: inside 100 (10.1.0.0/16), dmz 50 (10.2.2.0/24),
/// outside 0 (203.0.113.0/24 and the default route).
pub const BASE: &str = "\
ASA Version 9.12(4)
!
hostname fw1
interface GigabitEthernet0/0
 nameif outside
 security-level 0
 ip address 203.0.113.1 255.255.255.0
!
interface GigabitEthernet0/1
 nameif inside
 security-level 100
 ip address 10.1.0.1 255.255.0.0
!
interface GigabitEthernet0/2
 nameif dmz
 security-level 50
 ip address 10.2.2.1 255.255.255.0
!
route outside 0.0.0.0 0.0.0.0 203.0.113.254 1
";

pub fn with_base(rest: &str) -> Device {
    device(&format!("{BASE}{rest}"))
}
