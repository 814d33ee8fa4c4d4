//! What the configuration means for packets.

use crate::vendor::{Input, Parsed, Vendor};
use crate::vendors::fortinet_fortios::FortinetFortios;
use fw_model::evaluate::{Context, Disposition, Evaluation, evaluate, evaluate_reply};
use fw_model::match_expr::Condition;
use fw_model::{Coverage, Device, Packet, Source, SourceId};

mod corpus;
mod objects;
mod traps;

/// Three connected interfaces; what follows is the test's.
const BASE: &str = "\
config system interface
    edit \"lan\"
        set ip 10.1.1.1 255.255.255.0
    next
    edit \"wan\"
        set ip 203.0.113.1 255.255.255.0
    next
    edit \"dmz\"
        set ip 172.16.0.1 255.255.0.0
    next
end
config router static
    edit 1
        set gateway 203.0.113.254
        set device \"wan\"
    next
    edit 2
        set dst 10.0.0.0 255.0.0.0
        set gateway 10.1.1.254
        set device \"lan\"
    next
end
";

const VERSION: &str =
    "#config-version=FGVM64-7.0.5-FW-build0304-220208:opmode=0:vdom=0:user=admin\n";

fn parse(text: &str) -> Parsed {
    let source = Source::new("fw.conf", text.to_owned());
    FortinetFortios.parse(Input {
        fallback_name: "fw",
        files: &[(SourceId(0), &source)],
    })
}

fn device(text: &str) -> Device {
    parse(text).devices.into_iter().next().unwrap()
}

/// The base with a version and more.
fn with(text: &str) -> Device {
    device(&format!("{VERSION}{BASE}{text}"))
}

fn policy(id: u32, from: &str, to: &str, lines: &[&str]) -> String {
    let mut out = format!(
        "config firewall policy\nedit {id}\nset srcintf {from}\nset dstintf {to}\nset schedule \"always\"\n"
    );
    for line in lines {
        out.push_str(line);
        out.push('\n');
    }
    out + "next\nend\n"
}

fn packet(from: &str, to: &str, protocol: u8, port: u16) -> Packet {
    Packet {
        source: from.parse().unwrap(),
        destination: to.parse().unwrap(),
        protocol,
        source_port: 40_000,
        destination_port: port,
    }
}

fn tcp(from: &str, to: &str, port: u16) -> Packet {
    packet(from, to, 6, port)
}

fn run(device: &Device, ingress: &str, packet: Packet) -> Evaluation {
    evaluate(device, packet, &Context::first_packet(ingress, None))
}

/// The verdict: `allow`, `deny`, or `unknown` where it hangs on conditions
/// that cannot be decided.
fn verdict(device: &Device, ingress: &str, packet: Packet) -> &'static str {
    verdict_at(device, ingress, None, packet)
}

fn verdict_at(
    device: &Device,
    ingress: &str,
    egress: Option<&str>,
    packet: Packet,
) -> &'static str {
    let conditions = device.conditions();
    let go = |holds: &dyn Fn(&Condition) -> bool| {
        let context = Context {
            holds,
            ..Context::first_packet(ingress, egress)
        };
        evaluate(device, packet, &context).disposition == Disposition::Permitted
    };
    let first = go(&|_| false);
    let mut same = go(&|_| true) == first;
    for condition in &conditions {
        same &= go(&|c| c.key == condition.key) == first;
        same &= go(&|c| c.key != condition.key) == first;
    }
    match (same, first) {
        (false, _) => "unknown",
        (true, true) => "allow",
        (true, false) => "deny",
    }
}

fn coverage(parsed: &Parsed) -> Coverage {
    parsed
        .ledgers
        .iter()
        .map(fw_model::Ledger::coverage)
        .fold(Coverage::default(), |a, b| a + b)
}

#[test]
fn replies_pass() {
    let device = with(&policy(
        1,
        "lan",
        "wan",
        &[
            "set srcaddr all",
            "set dstaddr all",
            "set service ALL",
            "set action accept",
            "set nat enable",
        ],
    ));
    let context = Context::first_packet("lan", None);
    let out = evaluate(&device, tcp("10.1.1.5", "198.51.100.7", 6001), &context);
    assert_eq!(out.disposition, Disposition::Permitted);
    assert_eq!(out.translated.source.to_string(), "203.0.113.1");
    assert_eq!(
        evaluate_reply(&device, &out, &context),
        Disposition::Permitted
    );
}
