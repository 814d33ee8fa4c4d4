//! What rulesets mean, packet by packet.

mod corpus;
mod files;
mod hooks;
mod values;

use super::Nftables;
use crate::vendor::{Input, Parsed, Vendor};
use fw_model::evaluate::{Context, Disposition, Journey, evaluate, evaluate_reply};
use fw_model::{Condition, Coverage, Device, LineStatus, MatchExpr, Packet, Source, SourceId};

pub(super) fn parse(text: &str) -> Parsed {
    let source = Source::new("fw.nft", text.to_owned());
    Nftables.parse(Input {
        fallback_name: "fw",
        files: &[(SourceId(0), &source)],
    })
}

pub(super) fn device(text: &str) -> Device {
    parse(text).devices.remove(0)
}

/// A packet from a client to `to`, which is `ADDRESS PROTOCOL PORT`.
pub(super) fn packet(to: &str) -> Packet {
    let words: Vec<&str> = to.split(' ').collect();
    let destination: std::net::IpAddr = words[0].parse().unwrap();
    let source = if destination.is_ipv4() {
        "10.0.1.2"
    } else {
        "2001:db8:1::2"
    };
    let (protocol, source_port) = match words[1] {
        "tcp" => (6, 40000),
        "udp" => (17, 40000),
        "icmp" => (1, 0),
        "icmpv6" => (58, 0),
        other => (other.parse().unwrap(), 0),
    };
    let port: u16 = words[2].parse().unwrap();
    Packet {
        source: source.parse().unwrap(),
        destination,
        protocol,
        source_port,
        destination_port: if matches!(protocol, 1 | 58) {
            port << 8
        } else {
            port
        },
    }
}

#[derive(PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Allow,
    Deny,
    Undecided,
}
use Answer::{Allow, Deny, Undecided};

pub(super) fn one(
    device: &Device,
    packet: Packet,
    journey: Journey,
    reply: bool,
    holds: &dyn Fn(&Condition) -> bool,
) -> bool {
    let context = Context {
        journey,
        holds,
        ..Context::first_packet("lan0", Some("wan0"))
    };
    let forward = evaluate(device, packet, &context);
    if forward.disposition != Disposition::Permitted {
        return false;
    }
    !reply || evaluate_reply(device, &forward, &context) == Disposition::Permitted
}

/// The answer if all ways in which open conditions may fall agree.
pub(super) fn ask(device: &Device, to: &str, journey: Journey, reply: bool) -> Answer {
    let packet = packet(to);
    let mut keys: Vec<String> = device.conditions().iter().map(|c| c.key.clone()).collect();
    keys.sort();
    keys.dedup();
    assert!(keys.len() < 10, "too many conditions");
    let mut answers = Vec::new();
    for choice in 0..1u32 << keys.len() {
        let holds = |c: &Condition| {
            keys.iter()
                .position(|k| *k == c.key)
                .is_some_and(|n| choice & (1 << n) != 0)
        };
        answers.push(one(device, packet, journey, reply, &holds));
    }
    match (answers.contains(&true), answers.contains(&false)) {
        (true, false) => Allow,
        (false, _) => Deny,
        (true, true) => Undecided,
    }
}

/// The verdict on a forwarded first packet.
pub(super) fn forward(text: &str, to: &str) -> Answer {
    ask(&device(text), to, Journey::Through, false)
}

/// The verdict on a forwarded connection, replies included.
pub(super) fn service(text: &str, to: &str) -> Answer {
    ask(&device(text), to, Journey::Through, true)
}

pub(super) fn chain(rules: &str) -> String {
    format!(
        "table inet t {{\n chain f {{\n type filter hook forward priority 0; policy drop;\n{rules}\n }}\n}}\n"
    )
}

pub(super) const WEB: &str = "10.0.2.2 tcp 80";
