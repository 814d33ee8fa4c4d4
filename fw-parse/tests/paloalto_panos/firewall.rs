//! What traps do not cover: NAT kinds, users, overrides, routing, virtual
//! systems, the device's own addresses, treatments.

use crate::support::{
    BASE, Known, device, parse, ping, rule, rule_in, tcp, udp, verdict, verdict_with,
};
use fw_model::evaluate::{Context, Disposition, Journey, evaluate};
use fw_model::{Device, Packet, TreatmentKind};

const OUT: &str = "198.51.100.7";

fn with(rules: &[String]) -> Device {
    device(&format!("{BASE}{}", rules.concat()))
}

fn allow() -> String {
    rule("allow", &["action allow"])
}

fn translated(device: &Device, packet: Packet, ingress: &str) -> Packet {
    let done = evaluate(device, packet, &Context::first_packet(ingress, None));
    assert_eq!(done.disposition, Disposition::Permitted);
    done.translated
}

#[test]
fn source_translation_to_an_interface_and_to_a_pool() {
    let nat = |how: &str| {
        let fields = [
            "from trust",
            "to untrust",
            &format!("source-translation {how}"),
        ];
        with(&[rule_in("rulebase nat rules", "N", &fields), allow()])
    };
    let packet = tcp("10.1.1.5", OUT, 443);
    for (how, expected) in [
        (
            "dynamic-ip-and-port interface-address interface ethernet1/2",
            "192.0.2.1",
        ),
        (
            "dynamic-ip-and-port translated-address 192.0.2.7",
            "192.0.2.7",
        ),
        (
            "dynamic-ip translated-address [ 192.0.2.8 192.0.2.9 ]",
            "192.0.2.8",
        ),
        ("static-ip translated-address 192.0.2.10", "192.0.2.10"),
    ] {
        let source = translated(&nat(how), packet, "ethernet1/1").source;
        assert_eq!(source.to_string(), expected, "{how}");
    }
    // The rule does not match within the zone.
    let within = translated(
        &nat("static-ip translated-address 192.0.2.10"),
        tcp("10.1.1.5", "10.3.3.5", 1),
        "ethernet1/1",
    );
    assert_eq!(within.source.to_string(), "10.1.1.5");
}

#[test]
fn a_bidirectional_translation_works_both_ways() {
    let fields = [
        "from dmz",
        "to untrust",
        "source 10.2.2.10",
        "source-translation static-ip translated-address 203.0.113.9",
        "source-translation static-ip bi-directional yes",
    ];
    let device = with(&[rule_in("rulebase nat rules", "N", &fields), allow()]);
    let out = translated(&device, tcp("10.2.2.10", OUT, 25), "ethernet1/3");
    assert_eq!(out.source.to_string(), "203.0.113.9");
    let back = translated(&device, tcp(OUT, "203.0.113.9", 25), "ethernet1/2");
    assert_eq!(back.destination.to_string(), "10.2.2.10");
    assert!(
        device
            .assumptions
            .iter()
            .any(|a| a.code == "bidirectional-nat")
    );
}

#[test]
fn ranges_are_translated_one_to_one() {
    let fields = [
        "from untrust",
        "to untrust",
        "destination 203.0.113.0/28",
        "destination-translation translated-address 10.2.2.16/28",
    ];
    let device = with(&[rule_in("rulebase nat rules", "N", &fields), allow()]);
    let packet = translated(&device, tcp(OUT, "203.0.113.5", 80), "ethernet1/2");
    assert_eq!(packet.destination.to_string(), "10.2.2.21");
}

#[test]
fn one_rule_translates_both_ends() {
    let fields = [
        "from trust",
        "to untrust",
        "destination 203.0.113.10",
        "source-translation dynamic-ip-and-port translated-address 10.2.2.200",
        "destination-translation translated-address 10.2.2.10",
    ];
    let device = with(&[
        rule_in("rulebase nat rules", "N", &fields),
        rule(
            "A",
            &[
                "from trust",
                "to dmz",
                "destination 203.0.113.10",
                "action allow",
            ],
        ),
    ]);
    let packet = translated(&device, tcp("10.1.1.5", "203.0.113.10", 80), "ethernet1/1");
    assert_eq!(packet.source.to_string(), "10.2.2.200");
    assert_eq!(packet.destination.to_string(), "10.2.2.10");
}

#[test]
fn a_translation_to_a_name_is_undecided() {
    let fields = [
        "from untrust",
        "to untrust",
        "destination 203.0.113.10",
        "dynamic-destination-translation translated-address lb",
    ];
    let device = with(&[
        "set address lb fqdn lb.example.org\n".into(),
        rule_in("rulebase nat rules", "N", &fields),
        allow(),
    ]);
    let packet = tcp(OUT, "203.0.113.10", 80);
    assert_eq!(verdict(&device, packet, "ethernet1/2"), "undecided");
    // Neither untranslated nor dropped would it pass here; translated it may.
    let device = with(&[
        "set address lb fqdn lb.example.org\n".into(),
        rule_in("rulebase nat rules", "N", &fields),
        rule("A", &["from untrust", "to dmz", "action allow"]),
        rule("Z", &["action deny"]),
    ]);
    assert_eq!(verdict(&device, packet, "ethernet1/2"), "undecided");
}

#[test]
fn users() {
    let user = |words: &str| {
        with(&[rule(
            "A",
            &[&format!("source-user {words}"), "action allow"],
        )])
    };
    let packet = tcp("10.1.1.5", OUT, 80);
    let known = |user| Known {
        user: Some(user),
        ..Known::default()
    };
    assert_eq!(
        verdict(&user("known-user"), packet, "ethernet1/1"),
        "undecided"
    );
    assert_eq!(
        verdict_with(&user("known-user"), packet, "ethernet1/1", known(None)),
        "denied"
    );
    assert_eq!(
        verdict_with(&user("known-user"), packet, "ethernet1/1", known(Some("x"))),
        "permitted"
    );
    assert_eq!(
        verdict_with(&user("unknown"), packet, "ethernet1/1", known(None)),
        "permitted"
    );
    assert_eq!(
        verdict_with(&user("staff"), packet, "ethernet1/1", known(None)),
        "denied"
    );
    assert_eq!(
        verdict_with(&user("staff"), packet, "ethernet1/1", known(Some("staff"))),
        "permitted"
    );
    // Somebody else may be a member of the group `staff`.
    assert_eq!(
        verdict_with(&user("staff"), packet, "ethernet1/1", known(Some("eve"))),
        "undecided"
    );
}

#[test]
fn an_override_makes_the_application_known() {
    let device = with(&[
        "set application z3950 default port tcp/210\n".into(),
        rule_in(
            "rulebase application-override rules",
            "O",
            &[
                "destination 198.51.100.0/24",
                "protocol tcp",
                "port 210",
                "application z3950",
            ],
        )
        .replace("rules O service any\n", "rules O description x\n"),
        rule(
            "A",
            &[
                "application z3950",
                "service application-default",
                "action allow",
            ],
        ),
    ]);
    assert_eq!(
        verdict(&device, tcp("10.1.1.5", OUT, 210), "ethernet1/1"),
        "permitted"
    );
    assert_eq!(
        verdict(&device, tcp("10.1.1.5", OUT, 211), "ethernet1/1"),
        "denied"
    );
    assert_eq!(
        verdict(&device, tcp("10.1.1.5", "203.0.113.1", 210), "ethernet1/1"),
        "undecided"
    );
}

#[test]
fn custom_applications_and_unknown_ones() {
    let device = with(&[
        "set application kiosk default port [ tcp/7000 udp/7000-7001 ]\n".into(),
        "set application-group G members [ kiosk ssl ]\n".into(),
        rule(
            "A",
            &[
                "application G",
                "service application-default",
                "action allow",
            ],
        ),
    ]);
    let is = |application| Known {
        application: Some(application),
        ..Known::default()
    };
    for (packet, app, expected) in [
        (tcp("10.1.1.5", OUT, 7000), "kiosk", "permitted"),
        (udp("10.1.1.5", OUT, 7001), "kiosk", "permitted"),
        (tcp("10.1.1.5", OUT, 7001), "kiosk", "denied"),
        (tcp("10.1.1.5", OUT, 443), "ssl", "permitted"),
        (tcp("10.1.1.5", OUT, 443), "kiosk", "denied"),
    ] {
        assert_eq!(
            verdict_with(&device, packet, "ethernet1/1", is(app)),
            expected,
            "{packet}"
        );
    }
    let unknown = with(&[rule(
        "A",
        &[
            "application made-up",
            "service application-default",
            "action allow",
        ],
    )]);
    assert_eq!(
        verdict(&unknown, tcp("10.1.1.5", OUT, 7000), "ethernet1/1"),
        "undecided"
    );
}

#[test]
fn literals_regions_names_and_tags() {
    let device = with(&[
        "set address 198.51.100.7 ip-netmask 203.0.113.77\n".into(),
        rule("A", &["destination 198.51.100.7", "action allow"]),
    ]);
    assert_eq!(
        verdict(&device, tcp("10.1.1.5", OUT, 80), "ethernet1/1"),
        "denied"
    );
    assert_eq!(
        verdict(&device, tcp("10.1.1.5", "203.0.113.77", 80), "ethernet1/1"),
        "permitted"
    );
    for name in ["US", "nowhere"] {
        let device = with(&[rule("A", &[&format!("destination {name}"), "action allow"])]);
        assert_eq!(
            verdict(&device, tcp("10.1.1.5", OUT, 80), "ethernet1/1"),
            "undecided",
            "{name}"
        );
        let condition = device.conditions().remove(0);
        let expected = fw_model::ConditionKind::Name(name.into(), fw_model::Dimension::Destination);
        assert_eq!(condition.kind, expected);
    }
    let tagged = with(&[
        "set address k1 ip-netmask 10.1.1.7\nset address k1 tag [ kiosk hall ]\n".into(),
        "set address-group kiosks dynamic filter \"'kiosk' and 'hall'\"\n".into(),
        rule("A", &["source kiosks", "action allow"]),
    ]);
    assert_eq!(
        verdict(&tagged, tcp("10.1.1.7", OUT, 80), "ethernet1/1"),
        "permitted"
    );
    assert_eq!(
        verdict(&tagged, tcp("10.1.1.8", OUT, 80), "ethernet1/1"),
        "undecided",
        "registered at run time, perhaps"
    );
    let region = with(&[
        "set region Campus address [ 198.51.100.0/24 ]\n".into(),
        rule("A", &["destination Campus", "action allow"]),
    ]);
    assert_eq!(
        verdict(&region, tcp("10.1.1.5", OUT, 80), "ethernet1/1"),
        "permitted"
    );
}

#[test]
fn overlapping_wildcards_are_undecided() {
    let rules = |second: &str| {
        with(&[
            "set address w1 ip-wildcard 10.1.0.0/0.0.255.0\n".into(),
            format!("set address w2 ip-wildcard {second}\n"),
            rule("A", &["source w1", "action deny"]),
            rule("B", &["source w2", "action allow"]),
        ])
    };
    let packet = tcp("10.1.1.0", OUT, 80);
    assert_eq!(
        verdict(&rules("10.1.1.0/0.0.0.255"), packet, "ethernet1/1"),
        "undecided"
    );
    assert_eq!(
        verdict(&rules("10.9.0.1/0.0.255.0"), packet, "ethernet1/1"),
        "denied"
    );
}

#[test]
fn forwarding_rules_choose_the_interface() {
    let list = "rulebase pbf rules";
    let pbf = |action: &str| {
        with(&[
            format!("set {list} P from zone trust\n"),
            format!("set {list} P source any\nset {list} P destination 198.51.100.0/24\n"),
            format!("set {list} P service any\nset {list} P application any\n"),
            format!("set {list} P action {action}\n"),
            rule("A", &["from trust", "to dmz", "action allow"]),
        ])
    };
    let packet = tcp("10.1.1.5", OUT, 80);
    for (action, expected) in [
        ("forward egress-interface ethernet1/3", "permitted"),
        ("no-pbf", "denied"),
        ("discard", "denied"),
        ("forward-to-vsys vsys2", "undecided"),
    ] {
        assert_eq!(
            verdict(&pbf(action), packet, "ethernet1/1"),
            expected,
            "{action}"
        );
    }
}

#[test]
fn routes_of_several_tables() {
    let text = "\
set network interface ethernet ethernet1/1 layer3 ip 10.1.1.1/24
set network interface ethernet ethernet1/2 layer3 ip 192.0.2.1/24
set network virtual-router vr1 interface ethernet1/1
set network virtual-router vr1 routing-table ip static-route d destination 0.0.0.0/0
set network virtual-router vr1 routing-table ip static-route d nexthop next-vr vr2
set network virtual-router vr1 routing-table ip static-route x destination 10.66.0.0/16
set network virtual-router vr1 routing-table ip static-route x nexthop discard
set network virtual-router vr2 interface ethernet1/2
set network virtual-router vr2 routing-table ip static-route d destination 0.0.0.0/0
set network virtual-router vr2 routing-table ip static-route d nexthop ip-address 192.0.2.9
set zone in network layer3 ethernet1/1
set zone out network layer3 ethernet1/2
";
    let device = device(&format!(
        "{text}{}",
        rule("A", &["from in", "to out", "action allow"])
    ));
    assert_eq!(
        verdict(&device, tcp("10.1.1.5", OUT, 80), "ethernet1/1"),
        "permitted"
    );
    assert_eq!(
        verdict(&device, tcp("10.1.1.5", "10.66.0.1", 80), "ethernet1/1"),
        "denied"
    );
}

#[test]
fn interfaces_without_a_zone_carry_nothing() {
    let text = BASE.replace(
        "set zone dmz network layer3 ethernet1/3\n",
        "set zone dmz network layer3\n",
    );
    let device = device(&format!("{text}{}", allow()));
    assert_eq!(
        verdict(&device, tcp("10.1.1.5", "10.2.2.5", 80), "ethernet1/1"),
        "denied"
    );
    assert_eq!(
        verdict(&device, tcp("10.1.1.5", OUT, 80), "ethernet1/1"),
        "permitted"
    );
}

#[test]
fn virtual_systems_meet_in_external_zones() {
    let text = |external: &str| {
        format!(
            "\
set network interface ethernet ethernet1/1 layer3 ip 10.0.1.1/24
set network interface ethernet ethernet1/2 layer3 ip 10.0.2.1/24
set network interface ethernet ethernet1/3 layer3 ip 10.0.3.1/24
set network virtual-router vr1 interface [ ethernet1/1 ethernet1/2 ethernet1/3 ]
set vsys vsys1 import network interface [ ethernet1/1 ethernet1/3 ]
set vsys vsys1 import visible-vsys vsys2
set vsys vsys1 zone zin network layer3 [ ethernet1/1 ethernet1/3 ]
set vsys vsys1 zone to2 network external vsys2
set vsys vsys2 import network interface ethernet1/2
set vsys vsys2 zone zout network layer3 ethernet1/2
{external}{}{}",
            rule_in(
                "vsys vsys1 rulebase security rules",
                "R",
                &["from zin", "to to2", "action allow"]
            ),
            rule_in(
                "vsys vsys2 rulebase security rules",
                "R",
                &["from to1", "to zout", "action allow"]
            ),
        )
    };
    let connected = parse(&text("set vsys vsys2 zone to1 network external vsys1\n"));
    let apart = parse(&text(""));
    let packet = tcp("10.0.1.5", "10.0.2.5", 80);
    for device in &connected.devices {
        assert_eq!(
            verdict(device, packet, "ethernet1/1"),
            "permitted",
            "{}",
            device.name
        );
    }
    assert_eq!(verdict(&apart.devices[0], packet, "ethernet1/1"), "denied");
    // Traffic within one virtual system is not the other's business.
    let within = tcp("10.0.1.5", "10.0.3.5", 80);
    assert_eq!(
        verdict(&connected.devices[0], within, "ethernet1/1"),
        "permitted"
    );
    assert_eq!(connected.devices[0].name, "fw/vsys1");
}

#[test]
fn traffic_to_the_device_itself() {
    let device = with(&[
        "set network profiles interface-management-profile M ssh yes\n".into(),
        "set network profiles interface-management-profile M ping yes\n".into(),
        "set network profiles interface-management-profile M permitted-ip 10.1.1.0/28\n".into(),
        "set network interface ethernet ethernet1/1 layer3 interface-management-profile M\n".into(),
    ]);
    let to_device = |packet: Packet| {
        let context = Context {
            journey: Journey::ToDevice,
            ..Context::first_packet("ethernet1/1", None)
        };
        evaluate(&device, packet, &context).disposition
    };
    assert_eq!(
        to_device(tcp("10.1.1.5", "10.1.1.1", 22)),
        Disposition::Permitted
    );
    assert_eq!(
        to_device(ping("10.1.1.5", "10.1.1.1")),
        Disposition::Permitted
    );
    assert_eq!(
        to_device(tcp("10.1.1.5", "10.1.1.1", 443)),
        Disposition::Denied
    );
    assert_eq!(
        to_device(tcp("10.1.1.77", "10.1.1.1", 22)),
        Disposition::Denied
    );
    // Another interface has no profile, and lies in the same zone.
    assert_eq!(
        to_device(tcp("10.1.1.5", "10.3.3.1", 22)),
        Disposition::Denied
    );
}

#[test]
fn treatments_of_rules_and_of_the_device() {
    let device = with(&[
        "set deviceconfig setting session timeout-tcp 300\n".into(),
        "set service slow protocol tcp port 6001\nset service slow protocol tcp override yes timeout 7200\n".into(),
        rule("A", &["service slow", "profile-setting group strict", "log-end no", "action allow"]),
        rule_in("rulebase decryption rules", "D", &["type ssl-forward-proxy", "action decrypt", "profile P"])
            .replace("set rulebase decryption rules D application any\n", ""),
    ]);
    let security = device
        .filters
        .iter()
        .find(|f| f.name == "security")
        .unwrap();
    let rule = security.rules.iter().find(|r| r.name == "A").unwrap();
    let value = |kind| {
        let found = rule.treatments.iter().find(|t| t.kind == kind);
        found.map(|t| t.value.as_str())
    };
    assert_eq!(value(TreatmentKind::SessionTimeout), Some("7200s"));
    assert_eq!(value(TreatmentKind::SecurityProfile), Some("group strict"));
    assert_eq!(value(TreatmentKind::Logging), Some("none"));
    let global: Vec<&str> = device
        .treatments
        .iter()
        .filter(|t| t.treatment.kind == TreatmentKind::SessionTimeout)
        .map(|t| t.treatment.value.as_str())
        .collect();
    assert_eq!(global, ["300s", "30s", "6s", "30s"]);
    let decryption = device
        .treatments
        .iter()
        .find(|t| t.treatment.kind == TreatmentKind::TlsDecryption)
        .unwrap();
    assert_eq!(decryption.treatment.value, "ssl-forward-proxy P");
}

#[test]
fn decrypted_web_traffic_runs_on_its_encrypted_port() {
    let policy = |decrypt: bool| {
        let mut rules = vec![rule(
            "A",
            &[
                "application web-browsing",
                "service application-default",
                "action allow",
            ],
        )];
        if decrypt {
            rules.push(
                rule_in("rulebase decryption rules", "D", &["action decrypt"])
                    .replace("set rulebase decryption rules D application any\n", ""),
            );
        }
        with(&rules)
    };
    let web = Known {
        application: Some("web-browsing"),
        ..Known::default()
    };
    let packet = |port| tcp("10.1.1.5", OUT, port);
    assert_eq!(
        verdict_with(&policy(false), packet(443), "ethernet1/1", web),
        "denied"
    );
    assert_eq!(
        verdict_with(&policy(true), packet(443), "ethernet1/1", web),
        "undecided"
    );
    assert_eq!(
        verdict_with(&policy(false), packet(80), "ethernet1/1", web),
        "permitted"
    );
}

#[test]
fn objects_are_linked_to_rules() {
    let device = with(&[
        "set address web ip-netmask 10.2.2.10\nset address-group servers static web\n".into(),
        rule("A", &["destination servers", "action allow"]),
    ]);
    let rule = device.filters[0]
        .rules
        .iter()
        .find(|r| r.name == "A")
        .unwrap();
    let group = &device.definitions[rule.uses[0].0 as usize];
    assert_eq!(
        (group.kind, group.name.as_str()),
        ("address-group", "servers")
    );
    assert_eq!(device.definitions[group.uses[0].0 as usize].name, "web");
}

#[test]
fn conditions_change_with_what_they_refer_to() {
    let key = |held: &str| {
        let device = with(&[
            format!("set profiles custom-url-category C list {held}\n"),
            rule("A", &["category C", "action allow"]),
        ]);
        device.conditions()[0].key.clone()
    };
    assert_ne!(key("example.org"), key("example.net"));
    let many = |port: u16| {
        let mut rules = vec![rule("A", &["application ssl", "action allow"])];
        for n in 0..40 {
            let fields = [
                "protocol tcp",
                &format!("port {}", port + n),
                "application ssl",
            ];
            let list = "rulebase application-override rules";
            let text = rule_in(list, &format!("o{n}"), &fields);
            rules.push(text.replace(&format!("set {list} o{n} service any\n"), ""));
        }
        with(&rules).conditions()[0].key.clone()
    };
    assert_ne!(many(1000), many(2000));
    assert_eq!(many(1000), many(1000));
}
