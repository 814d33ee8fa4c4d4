//! Comparisons, sets, maps and marks.

use super::*;

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
