//! Hooks, chains, priorities, replies and translations.

use super::*;

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
