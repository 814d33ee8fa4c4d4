//! What rulesets mean, packet by packet.

use super::Nftables;
use crate::vendor::{Input, Parsed, Vendor};
use fw_model::evaluate::{Context, Disposition, Journey, evaluate, evaluate_reply};
use fw_model::{Condition, Coverage, Device, LineStatus, MatchExpr, Packet, Source, SourceId};

fn parse(text: &str) -> Parsed {
    let source = Source::new("fw.nft", text.to_owned());
    Nftables.parse(Input {
        fallback_name: "fw",
        files: &[(SourceId(0), &source)],
    })
}

fn device(text: &str) -> Device {
    parse(text).devices.remove(0)
}

/// A packet from a client to `to`, which is `ADDRESS PROTOCOL PORT`.
fn packet(to: &str) -> Packet {
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
enum Answer {
    Allow,
    Deny,
    Undecided,
}
use Answer::{Allow, Deny, Undecided};

fn one(
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
fn ask(device: &Device, to: &str, journey: Journey, reply: bool) -> Answer {
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
fn forward(text: &str, to: &str) -> Answer {
    ask(&device(text), to, Journey::Through, false)
}

/// The verdict on a forwarded connection, replies included.
fn service(text: &str, to: &str) -> Answer {
    ask(&device(text), to, Journey::Through, true)
}

fn chain(rules: &str) -> String {
    format!(
        "table inet t {{\n chain f {{\n type filter hook forward priority 0; policy drop;\n{rules}\n }}\n}}\n"
    )
}

const WEB: &str = "10.0.2.2 tcp 80";

#[test]
fn accept_is_not_final() {
    let two = |first: &str, second: &str| {
        format!(
            "table inet a {{ chain x {{ type filter hook forward priority -10; tcp dport 80 {first}\n}} }}\n\
             table inet b {{ chain y {{ type filter hook forward priority 0; tcp dport 80 {second}\n}} }}\n"
        )
    };
    assert_eq!(forward(&two("accept", "drop"), WEB), Deny);
    assert_eq!(forward(&two("drop", "accept"), WEB), Deny);
    assert_eq!(forward(&two("accept", "accept"), WEB), Allow);
}

#[test]
fn equal_priority_both_must_accept() {
    let text = "table inet a { chain x { type filter hook forward priority filter; policy drop\n tcp dport {80,443} accept\n ct state established accept\n } }\n\
        table inet b { chain y { type filter hook forward priority filter; policy drop; tcp dport 443 accept; ct state established accept; } }";
    assert_eq!(service(text, WEB), Deny);
    assert_eq!(service(text, "10.0.2.2 tcp 443"), Allow);
}

#[test]
fn families() {
    let ip = "table ip t { chain f { type filter hook forward priority 0; policy drop; } }";
    assert_eq!(forward(ip, "2001:db8:2::2 tcp 80"), Allow);
    assert_eq!(forward(ip, WEB), Deny);
    let inet = "table inet t { chain f { type filter hook forward priority 0\n ip saddr 0.0.0.0/0 drop\n } }";
    assert_eq!(forward(inet, "2001:db8:2::2 tcp 80"), Allow);
    assert_eq!(forward(inet, WEB), Deny);
}

#[test]
fn goto_does_not_come_back() {
    let text = |word: &str| {
        format!(
            "table inet t {{ chain s {{ tcp dport 443 accept; }}\n chain f {{ type filter hook forward priority 0; {word} s; drop; }} }}"
        )
    };
    assert_eq!(forward(&text("goto"), WEB), Allow);
    assert_eq!(forward(&text("jump"), WEB), Deny);
    assert_eq!(forward(&text("jump"), "10.0.2.2 tcp 443"), Allow);
}

#[test]
fn return_in_a_base_chain_is_the_policy() {
    let text = chain("tcp dport 80 return\naccept");
    assert_eq!(forward(&text, WEB), Deny);
    assert_eq!(forward(&text, "10.0.2.2 tcp 81"), Allow);
}

#[test]
fn concatenations_are_tuples() {
    let text = chain("ip daddr . tcp dport { 10.0.2.2 . 80, 10.0.2.3 . 443 } accept");
    assert_eq!(forward(&text, "10.0.2.2 tcp 443"), Deny);
    assert_eq!(forward(&text, WEB), Allow);
    assert_eq!(forward(&text, "10.0.2.3 tcp 443"), Allow);
    let negated = chain("ip daddr . tcp dport != { 10.0.2.2 . 80 } accept");
    assert_eq!(forward(&negated, WEB), Deny);
    assert_eq!(forward(&negated, "10.0.2.2 tcp 443"), Allow);
    assert_eq!(forward(&negated, "10.0.2.2 udp 443"), Deny);
}

#[test]
fn verdict_map_miss_goes_on() {
    let text = chain("tcp dport vmap { 80 : accept, 81 : drop }\ntcp dport 8080 accept");
    assert_eq!(forward(&text, "10.0.2.2 tcp 8080"), Allow);
    assert_eq!(forward(&text, WEB), Allow);
    assert_eq!(forward(&text, "10.0.2.2 tcp 81"), Deny);
    let catch_all = chain("tcp dport vmap { 80 : drop, * : accept }");
    assert_eq!(forward(&catch_all, WEB), Deny);
    assert_eq!(forward(&catch_all, "10.0.2.2 tcp 81"), Allow);
    assert_eq!(forward(&catch_all, "10.0.2.2 udp 81"), Deny);
}

#[test]
fn negated_set_keeps_the_protocol() {
    let text = chain("tcp dport != { 22, 443 } accept");
    assert_eq!(forward(&text, "10.0.2.2 udp 53"), Deny);
    assert_eq!(forward(&text, WEB), Allow);
    assert_eq!(forward(&text, "10.0.2.2 tcp 22"), Deny);
}

#[test]
fn forward_sees_the_translated_destination() {
    let text = |rule: &str| {
        format!(
            "table ip n {{ chain p {{ type nat hook prerouting priority dstnat; ip daddr 10.0.1.1 tcp dport 2222 dnat to 10.0.2.2:22; }} }}\n{}",
            chain(rule)
        )
    };
    let to = "10.0.1.1 tcp 2222";
    assert_eq!(forward(&text("tcp dport 2222 accept"), to), Deny);
    assert_eq!(
        forward(&text("ip daddr 10.0.2.2 tcp dport 22 accept"), to),
        Allow
    );
    let status = text("ct status dnat accept");
    assert_eq!(forward(&status, to), Allow);
    assert_eq!(forward(&status, "10.0.2.2 tcp 22"), Deny);
    let original = text("ct original proto-dst 2222 accept");
    assert_eq!(forward(&original, to), Allow);
    assert_eq!(forward(&original, "10.0.2.2 tcp 22"), Deny);
    let both = text("ct state established accept\nct status dnat accept");
    assert_eq!(service(&both, to), Allow);
}

#[test]
fn hooks() {
    let at = |hook: &str| {
        format!(
            "table inet t {{ chain c {{ type filter hook {hook} priority 0; tcp dport 80 drop; }} }}"
        )
    };
    for (hook, through, local) in [
        ("prerouting", Deny, Deny),
        ("input", Allow, Deny),
        ("forward", Deny, Allow),
        ("output", Allow, Allow),
        ("postrouting", Deny, Allow),
    ] {
        let device = device(&at(hook));
        assert_eq!(
            ask(&device, WEB, Journey::Through, false),
            through,
            "{hook}"
        );
        assert_eq!(ask(&device, WEB, Journey::ToDevice, false), local, "{hook}");
    }
}

#[test]
fn ingress_of_a_device_runs_first() {
    let text = |device: &str| {
        format!(
            "table netdev d {{ chain i {{ type filter hook ingress device {device} priority -500; tcp dport 80 drop; }} }}"
        )
    };
    assert_eq!(forward(&text("lan0"), WEB), Deny);
    assert_eq!(forward(&text("dmz0"), WEB), Allow);
    // JSON of nft 1.0.6 leaves the device out.
    let json = r#"{"nftables": [{"chain": {"family": "netdev", "table": "d", "name": "i", "type": "filter", "hook": "ingress", "prio": 0, "policy": "drop"}}]}"#;
    assert_eq!(forward(json, WEB), Undecided);
}

#[test]
fn notrack_is_not_established() {
    let text = |priority: &str| {
        format!(
            "table inet r {{ chain p {{ type filter hook prerouting priority {priority}; tcp dport 80 notrack; tcp sport 80 notrack; }} }}\n{}",
            chain("ct state new,established accept")
        )
    };
    assert_eq!(service(&text("raw"), WEB), Deny);
    assert_eq!(service(&text("raw"), "10.0.2.2 tcp 81"), Allow);
    // Behind connection tracking it comes too late.
    assert_eq!(service(&text("filter"), WEB), Allow);
}

#[test]
fn marks_travel_between_hooks() {
    let text = "table inet m { chain p { type filter hook prerouting priority mangle; ip saddr 10.0.1.2 tcp dport 80 meta mark set 0xbad; } }\n\
        table inet f { chain f { type filter hook forward priority 0; meta mark 0xbad drop; } }";
    assert_eq!(forward(text, WEB), Deny);
    assert_eq!(forward(text, "10.0.2.2 tcp 81"), Allow);
    let map = "table inet m { chain p { type filter hook prerouting priority mangle; meta mark set tcp dport map { 80 : 1, 81 : 2 }; } }\n\
        table inet f { chain f { type filter hook forward priority 0; meta mark & 0x3 == 2 drop; } }";
    assert_eq!(forward(map, WEB), Allow);
    assert_eq!(forward(map, "10.0.2.2 tcp 81"), Deny);
    let bits = "table inet f { chain f { type filter hook forward priority 0; meta mark set 0x10; meta mark set meta mark & 0xf0 | 0x1; meta mark 0x11 drop; } }";
    assert_eq!(forward(bits, WEB), Deny);
    // The rule's own condition must not see its own effect.
    let own = chain("meta mark 0 meta mark set 1 tcp dport 80 accept");
    assert_eq!(forward(&own, WEB), Allow);
    assert_eq!(forward(&own, "10.0.2.2 tcp 81"), Deny);
}

#[test]
fn effects_happen_before_later_conditions() {
    let text = chain("meta mark set 1 tcp dport 80 accept\nmeta mark 1 udp dport 53 accept");
    assert_eq!(forward(&text, "10.0.2.2 udp 53"), Allow);
    assert_eq!(forward(&text, WEB), Allow);
    assert_eq!(forward(&text, "10.0.2.2 udp 54"), Deny);
}

#[test]
fn limits_are_conditional() {
    assert_eq!(
        forward(&chain("limit rate 1/hour burst 1 packets accept"), WEB),
        Undecided
    );
    assert_eq!(
        forward(&chain("limit rate over 5/second drop\naccept"), WEB),
        Undecided
    );
    let text = chain("tcp dport 80 limit rate over 5/second drop\naccept");
    assert_eq!(forward(&text, "10.0.2.2 tcp 81"), Allow);
    // Each rule has a bucket of its own.
    let own = device(&chain(
        "limit rate 5/second accept\ntcp dport 80 limit rate 5/second accept",
    ));
    let keys: std::collections::BTreeSet<String> =
        own.conditions().iter().map(|c| c.key.clone()).collect();
    assert_eq!(keys.len(), 2);
}

#[test]
fn dormant_tables_and_chains_without_hook() {
    let text = "table inet t { flags dormant\n chain f { type filter hook forward priority 0; policy drop; } }";
    assert_eq!(forward(text, WEB), Allow);
    assert_eq!(forward("table inet t { chain f { drop; } }", WEB), Allow);
}

#[test]
fn drop_in_a_nat_chain() {
    let text =
        "table ip n { chain p { type nat hook prerouting priority dstnat; tcp dport 80 drop; } }";
    let parsed = parse(text);
    assert!(
        parsed
            .diagnostics
            .iter()
            .any(|d| d.code == "nat-chain-drop")
    );
    assert_eq!(forward(text, WEB), Undecided);
    assert_eq!(forward(text, "10.0.2.2 tcp 81"), Allow);
}

#[test]
fn icmp_is_ipv4() {
    let text = chain("icmp type echo-request accept");
    assert_eq!(forward(&text, "10.0.2.2 icmp 8"), Allow);
    assert_eq!(forward(&text, "10.0.2.2 icmp 0"), Deny);
    assert_eq!(forward(&text, "2001:db8:2::2 icmpv6 128"), Deny);
    let six = chain("icmpv6 type { nd-neighbor-solicit, echo-request } accept");
    assert_eq!(forward(&six, "2001:db8:2::2 icmpv6 135"), Allow);
    assert_eq!(forward(&six, "2001:db8:2::2 icmpv6 1"), Deny);
}

#[test]
fn replies_need_a_rule() {
    assert_eq!(service(&chain("tcp dport 80 accept"), WEB), Deny);
    let state =
        chain("ct state vmap { established : accept, invalid : drop }\ntcp dport 80 accept");
    assert_eq!(service(&state, WEB), Allow);
    // Not equal to the two bits together is always true.
    assert_eq!(
        forward(&chain("ct state != established,related drop\naccept"), WEB),
        Deny
    );
    assert_eq!(
        service(
            &chain("ct state != { established, related } drop\naccept"),
            WEB
        ),
        Deny
    );
    assert_eq!(
        service(
            &chain("ct direction reply accept\ntcp dport 80 accept"),
            WEB
        ),
        Allow
    );
}

#[test]
fn tcp_flags() {
    for (rule, answer) in [
        ("tcp flags syn accept", Allow),
        ("tcp flags == syn accept", Allow),
        ("tcp flags != syn accept", Deny),
        ("tcp flags ! syn accept", Deny),
        ("tcp flags syn,ack accept", Allow),
        ("tcp flags ack accept", Deny),
        ("tcp flags syn / fin,syn,rst,ack accept", Allow),
        ("tcp flags fin,syn / fin,syn accept", Deny),
        ("tcp flags & (fin|syn|rst|ack) == syn accept", Allow),
        ("tcp flags & (fin|syn|rst|psh|ack|urg) < fin accept", Deny),
        ("tcp flags & (fin | syn) != 0 accept", Allow),
        ("tcp flags { syn, ack } accept", Allow),
    ] {
        assert_eq!(forward(&chain(rule), WEB), answer, "{rule}");
    }
    assert_eq!(
        forward(&chain("tcp flags != syn accept"), "10.0.2.2 udp 80"),
        Deny
    );
}

#[test]
fn sets_operators_and_names() {
    let text = "define WEB = { 80, 443 }\ndefine servers = { 10.0.2.0/30, 10.0.2.8-10.0.2.9 }\n\
        table inet t {\n set ok { type ipv4_addr; flags interval; elements = { $servers, 10.9.0.1, } }\n set none { type ipv4_addr; }\n\
        chain f { type filter hook forward priority filter + 5; policy drop;\n\
        ip daddr @ok tcp dport $WEB accept\n ip daddr @none accept\n tcp dport ssh ip daddr != @none accept\n udp dport >= 60000 accept } }";
    assert_eq!(forward(text, WEB), Allow);
    assert_eq!(forward(text, "10.0.2.5 tcp 80"), Deny);
    assert_eq!(forward(text, "10.0.2.9 tcp 443"), Allow);
    assert_eq!(forward(text, "10.0.2.5 tcp 22"), Allow);
    assert_eq!(forward(text, "10.0.2.5 udp 59999"), Deny);
    assert_eq!(forward(text, "10.0.2.5 udp 60000"), Allow);
    let device = device(text);
    let rule = &device
        .filters
        .iter()
        .find(|f| f.name == "inet t f")
        .unwrap()
        .rules[0];
    let used: Vec<&str> = rule
        .uses
        .iter()
        .map(|id| device.definitions[id.0 as usize].name.as_str())
        .collect();
    assert_eq!(used, ["WEB", "inet t ok"]);
}

#[test]
fn masks() {
    for (rule, answer) in [
        ("ip daddr & 255.255.255.1 == 10.0.2.0 accept", Allow),
        ("ip daddr & 255.255.255.1 == 10.0.2.1 accept", Deny),
        // 2^24 ranges are too many.
        (
            "ip daddr & 0.0.0.255 { 0.0.0.3, 0.0.0.4 } accept",
            Undecided,
        ),
        ("tcp dport & 0xf { 0, 1 } accept", Allow),
        ("tcp dport & 0xf { 1, 2 } accept", Deny),
        ("tcp dport & 0xf != 0 accept", Deny),
        ("meta mark & 0xff { 1, 2 } accept", Deny),
        ("meta mark & 0xff != { 1, 2 } accept", Allow),
        ("ip daddr & 255.0.0.0 < 11.0.0.0 accept", Undecided),
    ] {
        assert_eq!(forward(&chain(rule), WEB), answer, "{rule}");
    }
    // Two masks are two conditions.
    let two = device(&chain(
        "ip6 saddr & ::ffff == ::1 accept\nip6 saddr & ::ff == ::1 accept",
    ));
    let keys: std::collections::BTreeSet<String> =
        two.conditions().iter().map(|c| c.key.clone()).collect();
    assert_eq!(keys.len(), 2);
}

#[test]
fn interfaces_and_hooks_that_know_them() {
    let text = chain("iifname \"lan*\" oif wan0 accept");
    assert_eq!(forward(&text, WEB), Allow);
    assert_eq!(forward(&chain("iifname != lan0 accept"), WEB), Deny);
    let pre = "table inet t { chain p { type filter hook prerouting priority 0; oifname \"wan0\" drop; iifname \"lan0\" tcp dport 81 drop; } }";
    assert_eq!(forward(pre, WEB), Allow);
    assert_eq!(forward(pre, "10.0.2.2 tcp 81"), Deny);
}

#[test]
fn commands_in_order() {
    let text = "table inet old { chain f { type filter hook forward priority 0; policy drop; } }\n\
        flush ruleset\n\
        add table inet t\n\
        add chain inet t f { type filter hook forward priority 0 ; policy drop ; }\n\
        add rule inet t f tcp dport { 80, \\\n 81 } accept\n\
        insert rule inet t f tcp dport 81 drop\n\
        add set inet t s { type inet_service ; }\n\
        add element inet t s { 90, 91 }\n\
        delete element inet t s { 91 }\n\
        add rule inet t f tcp dport @s accept # handle 7\n";
    assert_eq!(forward(text, WEB), Allow);
    assert_eq!(forward(text, "10.0.2.2 tcp 81"), Deny);
    assert_eq!(forward(text, "10.0.2.2 tcp 90"), Allow);
    assert_eq!(forward(text, "10.0.2.2 tcp 91"), Deny);
    assert_eq!(
        forward(
            &format!("{text}delete rule inet t f handle 7\n"),
            "10.0.2.2 tcp 90"
        ),
        Deny
    );
    assert_eq!(forward(&format!("{text}flush chain inet t f\n"), WEB), Deny);
    assert_eq!(
        forward(&format!("{text}delete table inet t\n"), "10.0.2.2 tcp 81"),
        Allow
    );
}

#[test]
fn what_is_not_understood_is_undecided() {
    let text = chain("tcp dport 80 frobnicate 7 accept\naccept");
    assert_eq!(forward(&text, WEB), Undecided);
    let parsed = parse(&text);
    assert_eq!(parsed.ledgers[0].coverage().opaque, 1);
    let include = parse("include \"/etc/nft/x.nft\"\ntable inet t { }\n");
    assert_eq!(include.devices[0].opaque_lines.len(), 1);
    assert_eq!(forward(&chain("ip saddr @nowhere accept"), WEB), Undecided);
    assert_eq!(forward(&chain("jump nowhere"), WEB), Undecided);
    assert_eq!(forward(&chain("tcp dport $X accept"), WEB), Undecided);
}

#[test]
fn included_files_take_their_place() {
    let main = Source::new(
        "etc/nftables.conf",
        "flush ruleset\ninclude \"/etc/nft/*.x\"\ninclude \"/etc/nft/web.nft\"\n".into(),
    );
    let web = Source::new("etc/nft/web.nft", chain("tcp dport 80 accept"));
    let parsed = Nftables.parse(Input {
        fallback_name: "fw",
        files: &[(SourceId(0), &web), (SourceId(1), &main)],
    });
    let device = &parsed.devices[0];
    assert_eq!(ask(device, WEB, Journey::Through, false), Allow);
    assert_eq!(
        ask(device, "10.0.2.2 tcp 81", Journey::Through, false),
        Deny
    );
    assert_eq!(device.opaque_lines.len(), 1);
}

#[test]
fn translations() {
    let text = "table ip n { chain p { type nat hook prerouting priority dstnat; dnat to tcp dport map { 80 : 10.0.2.2, 81 : 10.0.2.3 }; dnat ip prefix to ip daddr map { 10.5.0.0/24 : 10.6.0.0/24 }; } }\n";
    let device = device(text);
    let context = Context::first_packet("lan0", Some("wan0"));
    for (to, result) in [
        ("10.0.1.1 tcp 80", "10.0.2.2"),
        ("10.0.1.1 tcp 81", "10.0.2.3"),
        ("10.5.0.7 udp 81", "10.6.0.7"),
        ("10.0.1.1 tcp 82", "10.0.1.1"),
    ] {
        let out = evaluate(&device, packet(to), &context);
        assert_eq!(out.translated.destination.to_string(), result, "{to}");
    }
    // A concatenation of address and port.
    let both = "table ip n { chain p { type nat hook prerouting priority dstnat; dnat ip to tcp dport map { 80 : 10.0.2.2 . 8080 }; } }";
    let out = evaluate(&self::device(both), packet("10.0.1.1 tcp 80"), &context);
    assert_eq!(out.translated.destination_port, 8080);
}

#[test]
fn conditions_do_not_know_line_numbers() {
    let text = chain("meta skuid 1000 limit rate 5/second ip saddr @d accept").replace(
        "chain f",
        "set d { type ipv4_addr; flags dynamic; }\nchain f",
    );
    let keys = |text: &str| -> Vec<String> {
        device(text)
            .conditions()
            .iter()
            .map(|c| c.key.clone())
            .collect()
    };
    assert_eq!(keys(&text), keys(&format!("\n\n# moved\n{text}")));
    assert_eq!(keys(&text).len(), 3);
}

#[test]
fn assumption_of_completeness() {
    let has = |text: &str| {
        device(text)
            .assumptions
            .iter()
            .any(|a| a.code == "ruleset-assumed-complete")
    };
    assert!(has("#!/usr/sbin/nft -f\ntable inet t { }\n"));
    assert!(!has("flush ruleset\ntable inet t { }\n"));
    assert!(!has("table inet t {\n\tchain c {\n\t\taccept\n\t}\n}\n"));
}

/// The model without positions, for comparison of two formats.
fn shape(text: &str) -> String {
    let device = device(text);
    let strip = |text: String| {
        // Spans are the only numbers that may differ.
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("Span {") {
            out.push_str(&rest[..at]);
            let tail = &rest[at..];
            rest = &tail[tail.find('}').unwrap() + 1..];
            out.push_str("SPAN");
        }
        out.push_str(rest);
        out.replace("Some(SPAN)", "None")
    };
    strip(format!(
        "{:#?}\n{:#?}\n{:#?}",
        device.filters, device.pipeline, device.interfaces
    ))
}

const TEXT: &str = include_str!("testdata/ruleset.nft");
const JSON: &str = include_str!("testdata/ruleset.json");

#[test]
fn text_and_json_are_one_model() {
    let (text, json) = (shape(TEXT), shape(JSON));
    for (number, (a, b)) in text.lines().zip(json.lines()).enumerate() {
        assert_eq!(a, b, "line {number} of the models");
    }
    assert_eq!(text.len(), json.len());
    let opaque = |text: &str| parse(text).ledgers[0].coverage().opaque;
    assert_eq!((opaque(TEXT), opaque(JSON)), (0, 0));
}

#[test]
fn detection() {
    for text in [TEXT, JSON, "add rule inet t c accept\n", "flush ruleset\n"] {
        assert_eq!(crate::detect(text).unwrap().vendor.name(), "nftables");
    }
    for text in [
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n",
        "table <bad> { 10.0.0.1 }\nblock in from <bad>\npass out all\n",
        "{\"uid\": \"x\", \"rulebase\": []}",
    ] {
        assert!(
            super::detect::detect(text)
                .iter()
                .map(|e| e.weight)
                .sum::<u32>()
                < 40
        );
    }
}

#[test]
fn large_sets_stay_small() {
    let mut elements = String::new();
    for i in 0..10_000u32 {
        elements.push_str(&format!("10.{}.{}.1 . {}, ", i / 250, i % 250, 80 + i % 2));
    }
    let text = format!(
        "table inet t {{ set s {{ type ipv4_addr . inet_service; elements = {{ {elements} }} }}\n chain f {{ type filter hook forward priority 0; policy drop; ip daddr . tcp dport @s accept; }} }}"
    );
    let device = device(&text);
    let filter = device
        .filters
        .iter()
        .find(|f| f.name == "inet t f")
        .unwrap();
    let mut parts = 0;
    filter.rules[0]
        .match_expr
        .walk(&mut |_: &MatchExpr| parts += 1);
    assert!(parts < 20, "{parts} parts");
    assert_eq!(forward(&text, "10.0.3.1 tcp 81"), Allow);
    assert_eq!(forward(&text, "10.0.3.1 tcp 80"), Deny);
}

#[test]
fn no_panic_on_broken_input() {
    for end in 0..TEXT.len() {
        if end % 7 == 0 && TEXT.is_char_boundary(end) {
            parse(&TEXT[..end]);
        }
    }
    for text in [
        "table",
        "{",
        "}}}}",
        "table inet t { chain c { jump { jump {",
        "define x = $x\n$x",
        "add rule",
        "table t { set s { elements = { 1-",
        "ip daddr {{{{{{{{{{",
        "\u{e9}\u{fffd}\"",
        "{\"nftables\": [1, {}, {\"rule\": {}}, {\"add\": 3}]}",
        "{\"nftables\": [",
    ] {
        parse(text);
    }
    parse(&"table t { chain c { jump { ".repeat(2000));
    parse(&format!(
        "table t {{ chain c {{ ip saddr {}",
        "{ ".repeat(5000)
    ));
    let mut bomb = String::from("define a0 = { 1, 2 }\n");
    for i in 1..40 {
        bomb.push_str(&format!("define a{i} = {{ $a{}, $a{} }}\n", i - 1, i - 1));
    }
    parse(&format!(
        "{bomb}table t {{ set s {{ elements = $a39\n }} }}"
    ));
}

fn folder(name: &str) -> Option<Vec<std::path::PathBuf>> {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"));
    let entries = match std::fs::read_dir(root.join(name)) {
        Ok(entries) => entries,
        Err(_) => {
            println!("no corpus folder {name}");
            return None;
        }
    };
    let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    assert!(!paths.is_empty(), "corpus folder {name} is empty");
    Some(paths)
}

/// Shell scripts and a file of comments alone are no rulesets.
const NO_RULESETS: [&str; 3] = ["slackware_firewall", "init.d_firewallo", "vm-rules"];

#[test]
fn corpus() {
    let Some(paths) = folder("08_nftables") else {
        return;
    };
    let show = std::env::var_os("FWIMPACT_SHOW_OPAQUE").is_some();
    let (mut all, mut files) = (Coverage::default(), 0);
    for path in &paths {
        let Ok(text) = crate::decode(&std::fs::read(path).unwrap()) else {
            continue;
        };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let parsed = parse(&text);
        if NO_RULESETS.iter().any(|n| name.contains(n)) {
            continue;
        }
        let found = crate::detect(&text).map(|c| c.vendor.name());
        assert_eq!(found.ok(), Some("nftables"), "{name}");
        files += 1;
        all = all + parsed.ledgers[0].coverage();
        for (number, status) in parsed.ledgers[0].iter() {
            if show && *status == LineStatus::Opaque {
                let line = text.lines().nth(number as usize - 1).unwrap_or("");
                println!("{name}:{number}: {line}");
            }
        }
    }
    println!(
        "{files} files, {} lines: modeled {}, inert {}, opaque {}",
        all.lines, all.modeled, all.inert, all.opaque
    );
    assert!(all.opaque * 100 < all.lines * 4, "too many opaque lines");
}

#[test]
fn other_formats_are_not_nftables() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"));
    let Ok(entries) = std::fs::read_dir(root) else {
        println!("no corpus");
        return;
    };
    let mut files = 0;
    let mut wrong = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.path().is_dir() || name.starts_with("08_") || name.starts_with("13_") {
            continue;
        }
        for path in folder(&name).unwrap_or_default() {
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            let Ok(text) = crate::decode(&bytes) else {
                continue;
            };
            files += 1;
            let evidence = super::detect::detect(&text);
            if evidence.iter().map(|e| e.weight).sum::<u32>() >= 40 {
                wrong.push(format!("{}: {evidence:?}", path.display()));
            }
        }
    }
    assert!(files > 0);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn fixtures_are_understood() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/nftables"));
    let mut files = 0;
    for case in std::fs::read_dir(root).unwrap().filter_map(Result::ok) {
        for file in std::fs::read_dir(case.path())
            .unwrap()
            .filter_map(Result::ok)
        {
            let path = file.path();
            if !path.extension().is_some_and(|e| e == "nft" || e == "json") {
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(crate::detect(&text).unwrap().vendor.name(), "nftables");
            let opaque = parse(&text).ledgers[0].coverage().opaque;
            let expected = usize::from(path.ends_with("unknown-statement/after.nft"));
            assert_eq!(opaque, expected, "{}", path.display());
        }
    }
    assert!(files > 10);
}

/// Fixtures whose flows are answered here packet by packet as well.
#[test]
fn fixtures_packet_by_packet() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/nftables/");
    let read = |name: &str| std::fs::read_to_string(format!("{root}{name}")).unwrap();
    for (case, extension, to, before, after) in [
        (
            "verdict-map-json",
            "json",
            "192.0.2.10 tcp 8080",
            Allow,
            Deny,
        ),
        (
            "verdict-map-json",
            "json",
            "192.0.2.10 tcp 80",
            Allow,
            Allow,
        ),
        (
            "goto-does-not-return",
            "nft",
            "192.0.2.1 udp 123",
            Allow,
            Deny,
        ),
        (
            "replies-need-established",
            "nft",
            "192.0.2.30 tcp 210",
            Allow,
            Deny,
        ),
        (
            "accept-is-not-final",
            "nft",
            "192.0.2.20 tcp 80",
            Allow,
            Deny,
        ),
        (
            "family-left-open",
            "nft",
            "2001:db8:2::10 tcp 22",
            Deny,
            Allow,
        ),
        (
            "unknown-statement",
            "nft",
            "192.0.2.10 tcp 443",
            Allow,
            Undecided,
        ),
        ("unknown-statement", "nft", "192.0.2.10 tcp 22", Deny, Deny),
    ] {
        let answer = |side: &str| service(&read(&format!("{case}/{side}.{extension}")), to);
        assert_eq!(
            (answer("before"), answer("after")),
            (before, after),
            "{case}"
        );
    }
}
