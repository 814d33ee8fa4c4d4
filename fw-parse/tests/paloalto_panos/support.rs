use fw_model::evaluate::{Context, Disposition, Journey, evaluate};
use fw_model::packet::tcp_flags;
use fw_model::{Condition, ConnectionState, Device, Packet, Source, SourceId};
use fw_parse::{Input, Parsed, vendor};

pub fn parse(text: &str) -> Parsed {
    let source = Source::new("fw.cfg", text.to_owned());
    let files = [(SourceId(0), &source)];
    vendor("paloalto-panos").unwrap().parse(Input {
        fallback_name: "fw",
        files: &files,
    })
}

pub fn device(text: &str) -> Device {
    let mut parsed = parse(text);
    assert_eq!(parsed.devices.len(), 1, "{:?}", parsed.diagnostics);
    parsed.devices.remove(0)
}

/// Two interfaces and zones, trust (10.1.1.0/24) and untrust (default route),
/// and a dmz (10.2.2.0/24).
pub const BASE: &str = "\
set deviceconfig system hostname fw1
set network interface ethernet ethernet1/1 layer3 ip 10.1.1.1/24
set network interface ethernet ethernet1/2 layer3 ip 192.0.2.1/24
set network interface ethernet ethernet1/3 layer3 ip 10.2.2.1/24
set network interface ethernet ethernet1/4 layer3 ip 10.3.3.1/24
set network virtual-router default interface [ ethernet1/1 ethernet1/2 ethernet1/3 ethernet1/4 ]
set network virtual-router default routing-table ip static-route d destination 0.0.0.0/0
set network virtual-router default routing-table ip static-route d nexthop ip-address 192.0.2.254
set zone trust network layer3 [ ethernet1/1 ethernet1/4 ]
set zone untrust network layer3 ethernet1/2
set zone dmz network layer3 ethernet1/3
";

/// The lines of rule `name`: the usual `any` fields first, then `fields`,
/// which override them.
pub fn rule(name: &str, fields: &[&str]) -> String {
    rule_in("rulebase security rules", name, fields)
}

pub fn rule_in(list: &str, name: &str, fields: &[&str]) -> String {
    let mut out = String::new();
    for field in [
        "from",
        "to",
        "source",
        "destination",
        "application",
        "service",
    ] {
        let given = fields.iter().any(|f| f.split(' ').next() == Some(field));
        let nat = list.contains(" nat ") && field == "application";
        if !given && !nat {
            out.push_str(&format!("set {list} {name} {field} any\n"));
        }
    }
    for field in fields {
        out.push_str(&format!("set {list} {name} {field}\n"));
    }
    out
}

pub fn tcp(from: &str, to: &str, port: u16) -> Packet {
    packet(6, from, to, port)
}

pub fn udp(from: &str, to: &str, port: u16) -> Packet {
    packet(17, from, to, port)
}

pub fn ping(from: &str, to: &str) -> Packet {
    Packet {
        source_port: 0,
        ..packet(1, from, to, 8 << 8)
    }
}

pub fn packet(protocol: u8, from: &str, to: &str, port: u16) -> Packet {
    Packet {
        source: from.parse().unwrap(),
        destination: to.parse().unwrap(),
        protocol,
        source_port: 40000,
        destination_port: port,
    }
}

/// What is known of a flow besides its packets.
#[derive(Clone, Copy, Default)]
pub struct Known<'a> {
    pub application: Option<&'a str>,
    pub user: Option<Option<&'a str>>,
    pub now: i64,
    pub egress: Option<&'a str>,
}

/// `permitted`, `denied`, or `undecided` if that depends on what is open.
pub fn verdict_with(
    device: &Device,
    packet: Packet,
    ingress: &str,
    known: Known<'_>,
) -> &'static str {
    let run = |holds: &dyn Fn(&Condition) -> bool| {
        let context = Context {
            journey: Journey::Through,
            ingress: Some(ingress),
            egress: known.egress,
            state: ConnectionState::New,
            tcp_flags: tcp_flags::SYN,
            now: known.now,
            application: known.application,
            user: known.user,
            holds,
        };
        evaluate(device, packet, &context).disposition == Disposition::Permitted
    };
    // Every combination of the open conditions that come up, a few at most.
    let seen = std::cell::RefCell::new(Vec::<String>::new());
    let mut outcomes = Vec::new();
    for bits in 0u32..64 {
        let result = run(&|c: &Condition| {
            let mut seen = seen.borrow_mut();
            let at = seen.iter().position(|k| *k == c.key).unwrap_or_else(|| {
                seen.push(c.key.clone());
                seen.len() - 1
            });
            bits >> at.min(31) & 1 == 1
        });
        outcomes.push(result);
        if bits + 1 >= 1 << seen.borrow().len().min(6) {
            break;
        }
    }
    match (outcomes.contains(&true), outcomes.contains(&false)) {
        (true, false) => "permitted",
        (false, true) => "denied",
        _ => "undecided",
    }
}

pub fn verdict(device: &Device, packet: Packet, ingress: &str) -> &'static str {
    verdict_with(device, packet, ingress, Known::default())
}
