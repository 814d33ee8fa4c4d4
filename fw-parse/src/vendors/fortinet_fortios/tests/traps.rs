//! The traps of the vendor's page, each with its verdict.

use super::{BASE, VERSION, device, packet, parse, policy, run, tcp, verdict, verdict_at, with};
use fw_model::evaluate::Disposition;
use fw_model::{ConditionKind, MatchExpr, TreatmentKind};

const ALL: [&str; 3] = ["set srcaddr all", "set dstaddr all", "set service ALL"];

fn vip(more: &str) -> String {
    format!(
        "config firewall vip\nedit \"web\"\nset extip 203.0.113.10\nset mappedip \"10.1.1.10\"\nset extintf \"wan\"\n{more}next\nend\n"
    )
}

fn rules(id: u32, action: &str, lines: &[&str]) -> String {
    let mut all = lines.to_vec();
    let action = format!("set action {action}");
    all.push(&action);
    policy(id, "wan", "lan", &all)
}

#[test]
fn c1_order_is_position() {
    let deny = policy(20, "lan", "wan", &ALL);
    let accept = policy(
        3,
        "lan",
        "wan",
        &[ALL[0], ALL[1], ALL[2], "set action accept"],
    );
    let to = || tcp("10.1.1.5", "198.51.100.7", 443);
    assert_eq!(
        verdict(&with(&format!("{deny}{accept}")), "lan", to()),
        "deny"
    );
    let moved = format!("{deny}{accept}config firewall policy\nmove 3 before 20\nend\n");
    let device = with(&moved);
    assert_eq!(verdict(&device, "lan", to()), "allow");
    assert_eq!(run(&device, "lan", to()).steps.last().unwrap().rule, "3");
}

#[test]
fn c2_deny_all_above_a_virtual_address() {
    let text = |version: &str, option: &str| {
        let mut deny = ALL.to_vec();
        deny.push(option);
        format!(
            "#config-version=FGVM64-{version}-FW-build1-1:opmode=0\n{BASE}{}{}{}",
            vip(""),
            rules(1, "deny", &deny),
            rules(
                2,
                "accept",
                &["set srcaddr all", "set dstaddr web", "set service ALL"]
            )
        )
    };
    let got = |version: &str, option: &str| {
        verdict(
            &device(&text(version, option)),
            "wan",
            tcp("198.51.100.7", "203.0.113.10", 443),
        )
    };
    assert_eq!(got("7.0.5", ""), "allow");
    assert_eq!(got("7.2.4", ""), "deny");
    assert_eq!(got("7.4.1", ""), "deny");
    assert_eq!(got("7.2.3", ""), "unknown");
    assert_eq!(got("7.4.1", "set match-vip disable"), "allow");
    assert_eq!(got("7.0.5", "set match-vip enable"), "deny");
    let unversioned = text("7.0.5", "").replace("#config-version=FGVM64-7.0.5", "#x");
    let got = verdict(
        &device(&unversioned),
        "wan",
        tcp("198.51.100.7", "203.0.113.10", 443),
    );
    assert_eq!(got, "unknown");
}

#[test]
fn c3_a_plain_address_does_not_pass_translated_traffic() {
    let text = format!(
        "{}config firewall address\nedit real\nset subnet 10.1.1.10 255.255.255.255\nnext\nend\n{}",
        vip(""),
        rules(
            1,
            "accept",
            &["set srcaddr all", "set dstaddr real", "set service ALL"]
        )
    );
    let to = || tcp("198.51.100.7", "203.0.113.10", 443);
    assert_eq!(verdict(&with(&text), "wan", to()), "deny");
    let central = format!("config system settings\nset central-nat enable\nend\n{text}");
    let device = with(&central);
    assert_eq!(verdict(&device, "wan", to()), "allow");
    assert_eq!(
        run(&device, "wan", to()).translated.destination.to_string(),
        "10.1.1.10"
    );
    // Untranslated traffic to the address itself still passes.
    assert_eq!(
        verdict(&with(&text), "wan", tcp("198.51.100.7", "10.1.1.10", 443)),
        "allow"
    );
}

#[test]
fn c4_services_are_compared_behind_the_port_forward() {
    let text = |service: &str| {
        format!(
            "{}config firewall service custom\nedit t8443\nset tcp-portrange 8443\nnext\nend\n{}",
            vip("set portforward enable\nset extport 8443\nset mappedport 443\n"),
            rules(
                1,
                "accept",
                &["set srcaddr all", "set dstaddr web", service]
            )
        )
    };
    let to = || tcp("198.51.100.7", "203.0.113.10", 8443);
    let device = with(&text("set service HTTPS"));
    assert_eq!(verdict(&device, "wan", to()), "allow");
    assert_eq!(run(&device, "wan", to()).translated.destination_port, 443);
    assert_eq!(
        verdict(&with(&text("set service t8443")), "wan", to()),
        "deny"
    );
}

#[test]
fn c5_traffic_within_a_zone() {
    let text = |intrazone: &str, policies: &str| {
        format!(
            "config system zone\nedit inside\n{intrazone}set interface lan dmz\nnext\nend\n{policies}"
        )
    };
    let to = || tcp("10.1.1.5", "172.16.0.9", 443);
    assert_eq!(verdict(&with(&text("", "")), "lan", to()), "deny");
    assert_eq!(
        verdict(&with(&text("set intrazone allow\n", "")), "lan", to()),
        "allow"
    );
    let deny = policy(1, "inside", "inside", &ALL);
    assert_eq!(
        verdict(&with(&text("set intrazone allow\n", &deny)), "lan", to()),
        "deny"
    );
    assert_eq!(verdict(&with(&text("", &deny)), "lan", to()), "deny");
    let accept = policy(
        1,
        "inside",
        "inside",
        &[ALL[0], ALL[1], ALL[2], "set action accept"],
    );
    assert_eq!(verdict(&with(&text("", &accept)), "lan", to()), "allow");
}

#[test]
fn c6_out_by_the_same_interface() {
    let got = |version: &str, option: &str, from: &str, policies: &str| {
        let global = if option.is_empty() {
            String::new()
        } else {
            format!("config system global\nset allow-traffic-redirect {option}\nend\n")
        };
        let header = if version.is_empty() {
            String::new()
        } else {
            format!("#config-version=FGVM64-{version}-FW-build1-1:opmode=0\n")
        };
        let device = device(&format!("{header}{BASE}{global}{policies}"));
        verdict(&device, "lan", tcp(from, "10.9.9.9", 443))
    };
    assert_eq!(got("7.0.5", "", "10.1.1.5", ""), "allow");
    assert_eq!(got("7.4.10", "", "10.1.1.5", ""), "deny");
    assert_eq!(got("7.6.5", "", "10.1.1.5", ""), "deny");
    assert_eq!(got("8.0.0", "", "10.1.1.5", ""), "deny");
    assert_eq!(got("7.4.10", "enable", "10.1.1.5", ""), "allow");
    assert_eq!(got("7.0.5", "disable", "10.1.1.5", ""), "deny");
    assert_eq!(got("", "", "10.1.1.5", ""), "unknown");
    assert_eq!(got("", "disable", "10.1.1.5", ""), "deny");
    // A source off the interface's subnet needs a policy in old versions.
    assert_eq!(got("7.0.5", "", "10.2.2.2", ""), "deny");
    assert_eq!(got("7.4.5", "", "10.2.2.2", ""), "unknown");
    // Whether an explicit deny holds it is not documented.
    let deny = policy(1, "lan", "lan", &ALL);
    assert_eq!(got("7.0.5", "", "10.1.1.5", &deny), "unknown");
    assert_eq!(got("7.4.10", "", "10.1.1.5", &deny), "deny");
    let accept = policy(
        1,
        "lan",
        "lan",
        &[ALL[0], ALL[1], ALL[2], "set action accept"],
    );
    assert_eq!(got("7.0.5", "", "10.2.2.2", &accept), "allow");
}

fn outward(objects: &str, lines: &[&str]) -> fw_model::Device {
    let mut all = lines.to_vec();
    all.push("set action accept");
    with(&format!("{objects}{}", policy(1, "lan", "wan", &all)))
}

#[test]
fn c7_source_ports_belong_to_their_own_ports() {
    let device = outward(
        "config firewall service custom\nedit s\nset tcp-portrange 80:1024-2000 443\nnext\nend\n",
        &["set srcaddr all", "set dstaddr all", "set service s"],
    );
    let from = |sport, port| {
        let mut p = tcp("10.1.1.5", "198.51.100.7", port);
        p.source_port = sport;
        verdict(&device, "lan", p)
    };
    assert_eq!(from(500, 443), "allow");
    assert_eq!(from(500, 80), "deny");
    assert_eq!(from(1500, 80), "allow");
}

#[test]
fn c8_wildcard_masks() {
    let device = outward(
        "config firewall address\nedit w\nset type wildcard\nset wildcard 10.0.5.0 255.0.255.0\nnext\nend\n",
        &["set srcaddr w", "set dstaddr all", "set service ALL"],
    );
    let to = |from| verdict_at(&device, "lan", Some("wan"), tcp(from, "198.51.100.7", 443));
    assert_eq!(to("10.77.5.9"), "allow");
    assert_eq!(to("10.77.6.9"), "deny");
}

#[test]
fn c9_negation() {
    let objects = "config firewall address\nedit A\nset subnet 10.1.1.4 255.255.255.255\nnext\nedit B\nset subnet 10.1.1.5 255.255.255.255\nnext\nend\n";
    let device = outward(
        objects,
        &[
            "set srcaddr A B",
            "set srcaddr-negate enable",
            "set dstaddr all",
            "set service ALL",
        ],
    );
    let to = |from| verdict(&device, "lan", tcp(from, "198.51.100.7", 443));
    assert_eq!(to("10.1.1.4"), "deny");
    assert_eq!(to("10.1.1.5"), "deny");
    assert_eq!(to("10.1.1.6"), "allow");
    let v6 = tcp("2001:db8::1", "2001:db8::2", 443);
    assert_eq!(verdict_at(&device, "lan", Some("wan"), v6), "deny");
    let device = outward(
        "",
        &[
            "set srcaddr all",
            "set dstaddr all",
            "set service HTTPS",
            "set service-negate enable",
        ],
    );
    assert_eq!(
        verdict(&device, "lan", packet("10.1.1.5", "198.51.100.7", 17, 53)),
        "allow"
    );
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 443)),
        "deny"
    );
}

#[test]
fn c10_internet_services_are_not_everything() {
    let lines = [
        "set srcaddr all",
        "set internet-service enable",
        "set internet-service-name \"Google-DNS\"",
    ];
    let device = outward("", &lines);
    assert_eq!(
        verdict(&device, "lan", packet("10.1.1.5", "8.8.8.8", 17, 53)),
        "unknown"
    );
    assert!(device.conditions().iter().any(
        |c| matches!(&c.kind, ConditionKind::Name(n, _) if n == "internet-service Google-DNS")
    ));
    let v6 = tcp("2001:db8::1", "2001:db8::2", 443);
    assert_eq!(verdict_at(&device, "lan", Some("wan"), v6), "deny");
}

#[test]
fn c11_groups_with_exclusions() {
    let objects = "config firewall address\nedit ten\nset subnet 10.0.0.0 255.0.0.0\nnext\nedit part\nset subnet 10.1.0.0 255.255.0.0\nnext\nedit name\nset type fqdn\nset fqdn x.example\nnext\nend\nconfig firewall addrgrp\nedit g\nset member ten\nset exclude enable\nset exclude-member part\nnext\nedit h\nset member ten\nset exclude enable\nset exclude-member name\nnext\nend\n";
    let device = outward(
        objects,
        &["set srcaddr g", "set dstaddr all", "set service ALL"],
    );
    let to = |from| tcp(from, "198.51.100.7", 443);
    assert_eq!(verdict(&device, "lan", to("10.1.2.3")), "deny");
    assert_eq!(verdict(&device, "lan", to("10.2.2.3")), "allow");
    let device = outward(
        objects,
        &["set srcaddr h", "set dstaddr all", "set service ALL"],
    );
    assert_eq!(verdict(&device, "lan", to("10.1.2.3")), "unknown");
    assert_eq!(verdict(&device, "lan", to("172.16.0.9")), "deny");
}

#[test]
fn c12_ipv4_policies_do_not_match_ipv6() {
    let to = || tcp("2001:db8::1", "2001:db8::2", 443);
    let device = outward("", &ALL);
    assert_eq!(verdict_at(&device, "lan", Some("wan"), to()), "deny");
    let six = ["set srcaddr6 all", "set dstaddr6 all", "set service ALL"];
    let device = outward("", &six);
    assert_eq!(verdict_at(&device, "lan", Some("wan"), to()), "allow");
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 443)),
        "deny"
    );
    let both = [
        "set srcaddr all",
        "set dstaddr all",
        "set srcaddr6 all",
        "set dstaddr6 all",
        "set service ALL",
    ];
    let device = outward("", &both);
    assert_eq!(verdict_at(&device, "lan", Some("wan"), to()), "allow");
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 443)),
        "allow"
    );
    let one = [
        "set srcaddr all",
        "set dstaddr all",
        "set srcaddr6 all",
        "set service ALL",
    ];
    let device = outward("", &one);
    assert_eq!(verdict_at(&device, "lan", Some("wan"), to()), "deny");
    assert!(
        device
            .assumptions
            .iter()
            .any(|a| a.code == "one-sided-ipv6")
    );
}

#[test]
fn c12_separate_lists_for_ipv6() {
    let text = policy(
        1,
        "lan",
        "wan",
        &[
            "set srcaddr all",
            "set dstaddr all",
            "set service ALL",
            "set action accept",
        ],
    );
    let six = text
        .replace("firewall policy", "firewall policy6")
        .replace("ALL", "HTTPS");
    let device = with(&format!("{text}{six}"));
    let to = |port| tcp("2001:db8::1", "2001:db8::2", port);
    assert_eq!(verdict_at(&device, "lan", Some("wan"), to(443)), "allow");
    assert_eq!(verdict_at(&device, "lan", Some("wan"), to(80)), "deny");
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 80)),
        "allow"
    );
}

#[test]
fn c13_protocol_ip_without_a_number() {
    let device = outward(
        "config firewall service custom\nedit ANYIP\nset protocol IP\nnext\nedit G\nset protocol IP\nset protocol-number 47\nnext\nend\n",
        &["set srcaddr all", "set dstaddr all", "set service ANYIP"],
    );
    for protocol in [1, 6, 17, 47, 89, 255] {
        assert_eq!(
            verdict(
                &device,
                "lan",
                packet("10.1.1.5", "198.51.100.7", protocol, 0)
            ),
            "allow"
        );
    }
}

#[test]
fn c14_disabled_and_never() {
    let to = || tcp("10.1.1.5", "198.51.100.7", 443);
    let mut lines = ALL.to_vec();
    lines.push("set status disable");
    assert_eq!(verdict(&outward("", &lines), "lan", to()), "deny");
    let mut lines = ALL.to_vec();
    lines.push("set schedule none");
    assert_eq!(verdict(&outward("", &lines), "lan", to()), "deny");
}

#[test]
fn c15_virtual_domains() {
    let vdom = |name: &str, inner: &str, outer: &str, action: &str| {
        format!(
            "config vdom\nedit {name}\nconfig firewall policy\nedit 1\nset srcintf {inner}\nset dstintf {outer}\nset srcaddr all\nset dstaddr all\nset service ALL\nset action {action}\nnext\nend\nnext\nend\n"
        )
    };
    let text = format!(
        "{VERSION}config vdom\nedit root\nnext\nedit tenant\nnext\nend\nconfig global\nconfig system global\nset hostname \"edge\"\nend\nconfig system interface\nedit a\nset vdom root\nset ip 10.1.1.1/24\nnext\nedit b\nset vdom root\nset ip 10.2.2.1/24\nnext\nedit c\nset vdom tenant\nset ip 10.1.1.1/24\nnext\nedit d\nset vdom tenant\nset ip 10.2.2.1/24\nnext\nend\nend\n{}{}",
        vdom("root", "a", "b", "accept"),
        vdom("tenant", "c", "d", "deny"),
    );
    let parsed = parse(&text);
    let names: Vec<&str> = parsed.devices.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["edge/root", "edge/tenant"]);
    assert_eq!(parsed.devices[0].interfaces.len(), 2);
    assert_eq!(
        verdict(&parsed.devices[0], "a", tcp("10.1.1.5", "10.2.2.5", 443)),
        "allow"
    );
    assert_eq!(
        verdict(&parsed.devices[1], "c", tcp("10.1.1.5", "10.2.2.5", 443)),
        "deny"
    );
    assert_eq!(parsed.ledgers[0].coverage().opaque, 0);
}

#[test]
fn an_unknown_setting_leaves_its_policy_undecided() {
    let text = |action: &str| {
        let mut lines = ALL.to_vec();
        lines.push("set frobnicate enable");
        lines.push(action);
        format!(
            "{}{}",
            policy(1, "lan", "wan", &lines),
            policy(
                2,
                "lan",
                "wan",
                &[ALL[0], ALL[1], "set service HTTPS", "set action accept"]
            )
        )
    };
    let device = with(&text("set action accept"));
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 443)),
        "allow"
    );
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 80)),
        "unknown"
    );
    let device = with(&text("set action deny"));
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 443)),
        "unknown"
    );
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 80)),
        "deny"
    );
    assert!(device.opaque_lines.is_empty());
    // Only an unknown section reaches the whole device.
    let device = with("config firewall frobnicator\nedit 1\nset a b\nnext\nend\n");
    assert_eq!(device.opaque_lines.len(), 1);
}

#[test]
fn timeouts_by_precedence() {
    let services = "config firewall service custom\nedit sip2\nset tcp-portrange 6001\nset session-ttl 7200\nnext\nedit other\nset tcp-portrange 210\nnext\nend\nconfig system session-ttl\nset default 300\nconfig port\nedit 1\nset protocol 6\nset start-port 22\nset end-port 22\nset timeout 9000\nnext\nend\nend\n";
    let lines = [
        "set srcaddr all",
        "set dstaddr all",
        "set service sip2 other SSH",
    ];
    let value = |device: &fw_model::Device, port: u16| {
        let out = run(device, "lan", tcp("10.1.1.5", "198.51.100.7", port));
        assert_eq!(out.disposition, Disposition::Permitted);
        let step = out
            .steps
            .iter()
            .find(|s| s.filter == "firewall policy")
            .unwrap();
        let list = device
            .filters
            .iter()
            .find(|f| f.name == "firewall policy")
            .unwrap();
        let rule = list.rules.iter().find(|r| r.name == step.rule).unwrap();
        let own = rule
            .treatments
            .iter()
            .find(|t| t.kind == TreatmentKind::SessionTimeout);
        own.map(|t| t.value.clone()).unwrap_or_else(|| {
            let of_port = |m: &MatchExpr| {
                matches!(m, MatchExpr::Service(s) if s.contains(fw_model::service::service_point(6, port), 40_000))
            };
            let rule = device.treatments.iter().find(|t| {
                t.treatment.kind == TreatmentKind::SessionTimeout && of_port(&t.match_expr)
            });
            rule.unwrap().treatment.value.clone()
        })
    };
    let device = outward(services, &lines);
    assert_eq!(value(&device, 6001), "7200s");
    assert_eq!(value(&device, 210), "300s");
    assert_eq!(value(&device, 22), "9000s");
    let mut lines = lines.to_vec();
    lines.push("set session-ttl never");
    let device = outward(services, &lines);
    assert_eq!(value(&device, 6001), "7200s");
    assert_eq!(value(&device, 210), "never");
}
