//! One test a trap of the rule semantics.

use crate::support::{BASE, Known, device, ping, rule, rule_in, tcp, verdict, verdict_with};

const OUT: &str = "198.51.100.7";
const PUBLIC: &str = "203.0.113.10";

fn with(rules: &[String]) -> fw_model::Device {
    device(&format!("{BASE}{}", rules.concat()))
}

fn inbound_nat(extra: &[&str]) -> String {
    let fields = [
        &[
            "from untrust",
            "to untrust",
            "destination 203.0.113.10",
            "destination-translation translated-address 10.2.2.10",
        ][..],
        extra,
    ]
    .concat();
    rule_in("rulebase nat rules", "N", &fields)
}

#[test]
fn policy_sees_the_address_before_and_the_zone_after_translation() {
    let policy = |destination: &str, zone: &str| {
        with(&[
            inbound_nat(&[]),
            rule(
                "A",
                &[
                    "from untrust",
                    &format!("to {zone}"),
                    &format!("destination {destination}"),
                    "service service-https",
                    "action allow",
                ],
            ),
        ])
    };
    let packet = tcp(OUT, PUBLIC, 443);
    assert_eq!(
        verdict(&policy(PUBLIC, "dmz"), packet, "ethernet1/2"),
        "permitted"
    );
    assert_eq!(
        verdict(&policy("10.2.2.10", "dmz"), packet, "ethernet1/2"),
        "denied"
    );
    assert_eq!(
        verdict(
            &policy(PUBLIC, "untrust"),
            tcp(OUT, PUBLIC, 443),
            "ethernet1/2"
        ),
        "denied"
    );
}

#[test]
fn policy_sees_the_port_before_translation() {
    let policy = |port: u16| {
        with(&[
            inbound_nat(&["destination-translation translated-port 8443"]),
            format!("set service S protocol tcp port {port}\n"),
            rule(
                "A",
                &["from untrust", "to dmz", "service S", "action allow"],
            ),
        ])
    };
    let packet = tcp(OUT, PUBLIC, 443);
    assert_eq!(verdict(&policy(443), packet, "ethernet1/2"), "permitted");
    assert_eq!(verdict(&policy(8443), packet, "ethernet1/2"), "denied");
}

#[test]
fn traffic_within_a_zone_is_allowed_by_default() {
    let none = with(&[]);
    let within = tcp("10.1.1.5", "10.3.3.5", 445);
    let between = tcp("10.1.1.5", "10.2.2.5", 445);
    assert_eq!(verdict(&none, within, "ethernet1/1"), "permitted");
    assert_eq!(verdict(&none, between, "ethernet1/1"), "denied");
    let denied = with(&[rule("last", &["action deny"])]);
    assert_eq!(verdict(&denied, within, "ethernet1/1"), "denied");
    let overridden = with(&[
        "set rulebase default-security-rules rules intrazone-default action deny\n".into(),
        "set rulebase default-security-rules rules interzone-default action allow\n".into(),
    ]);
    assert_eq!(verdict(&overridden, within, "ethernet1/1"), "denied");
    assert_eq!(verdict(&overridden, between, "ethernet1/1"), "permitted");
}

#[test]
fn rule_type_interzone_leaves_traffic_within_a_zone_alone() {
    let policy = |kind: &str, action: &str| {
        with(&[
            "set rulebase default-security-rules rules intrazone-default action deny\n".into(),
            rule(
                "X",
                &[
                    &format!("rule-type {kind}"),
                    "from [ trust dmz ]",
                    "to [ trust dmz ]",
                    &format!("action {action}"),
                ],
            ),
        ])
    };
    let within = tcp("10.1.1.5", "10.3.3.5", 80);
    let between = tcp("10.1.1.5", "10.2.2.5", 80);
    for (kind, same, other) in [
        ("interzone", "denied", "permitted"),
        ("intrazone", "permitted", "denied"),
        ("universal", "permitted", "permitted"),
    ] {
        let policy = policy(kind, "allow");
        assert_eq!(verdict(&policy, within, "ethernet1/1"), same, "{kind}");
        assert_eq!(verdict(&policy, between, "ethernet1/1"), other, "{kind}");
    }
}

#[test]
fn pushed_pre_rules_go_first_and_post_rules_last() {
    let policy = |base: &str| {
        let list = format!("policy panorama {base} security rules");
        with(&[
            rule_in(&list, "BLK", &["destination 10.2.0.0/16", "action deny"]),
            rule("OK", &["destination 10.2.2.5", "action allow"]),
        ])
    };
    let packet = tcp("10.1.1.5", "10.2.2.5", 80);
    assert_eq!(
        verdict(&policy("pre-rulebase"), packet, "ethernet1/1"),
        "denied"
    );
    assert_eq!(
        verdict(&policy("post-rulebase"), packet, "ethernet1/1"),
        "permitted"
    );
}

#[test]
fn application_default_holds_the_application_to_its_ports() {
    let policy = with(&[rule(
        "A",
        &[
            "application ssl",
            "service application-default",
            "action allow",
        ],
    )]);
    let to = |port| tcp("10.1.1.5", OUT, port);
    assert_eq!(verdict(&policy, to(8443), "ethernet1/1"), "denied");
    assert_eq!(verdict(&policy, to(443), "ethernet1/1"), "undecided");
    let is = |application| Known {
        application: Some(application),
        ..Known::default()
    };
    assert_eq!(
        verdict_with(&policy, to(443), "ethernet1/1", is("ssl")),
        "permitted"
    );
    assert_eq!(
        verdict_with(&policy, to(443), "ethernet1/1", is("ssh")),
        "denied"
    );
    assert_eq!(
        verdict_with(&policy, to(8443), "ethernet1/1", is("ssl")),
        "denied"
    );
    assert!(
        policy
            .assumptions
            .iter()
            .any(|a| a.code == "application-default-ports")
    );
}

#[test]
fn a_rule_for_an_application_does_not_drop_the_first_packet() {
    let policy = with(&[
        rule("R1", &["application facebook-base", "action deny"]),
        rule("R2", &["service service-https", "action allow"]),
    ]);
    let packet = tcp("10.1.1.5", OUT, 443);
    assert_eq!(verdict(&policy, packet, "ethernet1/1"), "undecided");
    let is = |application| Known {
        application: Some(application),
        ..Known::default()
    };
    assert_eq!(
        verdict_with(&policy, packet, "ethernet1/1", is("ssl")),
        "permitted"
    );
    assert_eq!(
        verdict_with(&policy, packet, "ethernet1/1", is("facebook-base")),
        "denied"
    );
}

#[test]
fn the_built_in_http_service_is_two_ports() {
    let policy = with(&[rule("A", &["service service-http", "action allow"])]);
    for (port, expected) in [(80, "permitted"), (8080, "permitted"), (443, "denied")] {
        assert_eq!(
            verdict(&policy, tcp("10.1.1.5", OUT, port), "ethernet1/1"),
            expected
        );
    }
}

#[test]
fn ping_is_reached_by_application_or_any_service() {
    let packet = ping("10.1.1.5", OUT);
    for (fields, expected) in [
        (&["service service-https"][..], "denied"),
        (
            &["application ping", "service application-default"][..],
            "permitted",
        ),
        (&["application ping"][..], "permitted"),
        (&["application ping", "service service-https"][..], "denied"),
        (&["application any"][..], "permitted"),
        (&["service application-default"][..], "permitted"),
        (&["application ssl"][..], "denied"),
        (&["application gre"][..], "denied"),
    ] {
        let policy = with(&[rule("A", &[fields, &["action allow"]].concat())]);
        assert_eq!(
            verdict(&policy, packet, "ethernet1/1"),
            expected,
            "{fields:?}"
        );
    }
}

#[test]
fn negation_is_of_the_union() {
    let policy = with(&[rule(
        "A",
        &[
            "source [ 10.0.0.0/8 192.168.0.0/16 ]",
            "negate-source yes",
            "action allow",
        ],
    )]);
    for (from, expected) in [
        ("192.168.1.1", "denied"),
        ("10.1.1.5", "denied"),
        ("172.16.0.1", "permitted"),
    ] {
        assert_eq!(
            verdict(&policy, tcp(from, OUT, 80), "ethernet1/1"),
            expected,
            "{from}"
        );
    }
}

#[test]
fn a_category_makes_a_deny_conditional() {
    let policy = with(&[
        rule(
            "G",
            &["category gambling", "service service-https", "action deny"],
        ),
        rule("A", &["service service-https", "action allow"]),
    ]);
    assert_eq!(
        verdict(&policy, tcp("10.1.1.5", OUT, 443), "ethernet1/1"),
        "undecided"
    );
    assert_eq!(
        verdict(&policy, tcp("10.1.1.5", OUT, 22), "ethernet1/1"),
        "denied"
    );
}

#[test]
fn a_rule_without_translation_stops_the_search() {
    let policy = |first: &[String]| {
        let rules = [
            first,
            &[
                inbound_nat(&[]),
                rule("A", &["from untrust", "to dmz", "action allow"]),
            ],
        ]
        .concat();
        with(&rules)
    };
    let exempt = rule_in(
        "rulebase nat rules",
        "NONE",
        &["from untrust", "to untrust"],
    );
    let packet = tcp(OUT, PUBLIC, 443);
    assert_eq!(verdict(&policy(&[]), packet, "ethernet1/2"), "permitted");
    // Untranslated, it goes back out of its own zone, which is allowed.
    let exempted = with(&[
        exempt,
        inbound_nat(&[]),
        rule("A", &["from untrust", "to dmz", "action allow"]),
        rule("Z", &["action deny"]),
    ]);
    assert_eq!(verdict(&exempted, packet, "ethernet1/2"), "denied");
}

#[test]
fn disabled_rules_are_absent() {
    let policy = with(&[rule("A", &["disabled yes", "action allow"])]);
    assert_eq!(
        verdict(&policy, tcp("10.1.1.5", OUT, 80), "ethernet1/1"),
        "denied"
    );
    let on = with(&[rule("A", &["disabled no", "action allow"])]);
    assert_eq!(
        verdict(&on, tcp("10.1.1.5", OUT, 80), "ethernet1/1"),
        "permitted"
    );
}

#[test]
fn schedules_are_evaluated() {
    let policy = with(&[
        "set schedule S schedule-type recurring weekly monday 08:00-17:00\n".into(),
        rule("A", &["schedule S", "action allow"]),
    ]);
    let monday = 4 * 24 * 60;
    for (hour, expected) in [(9, "permitted"), (18, "denied")] {
        let known = Known {
            now: monday + hour * 60,
            ..Known::default()
        };
        let packet = tcp("10.1.1.5", OUT, 80);
        assert_eq!(
            verdict_with(&policy, packet, "ethernet1/1", known),
            expected
        );
    }
}
