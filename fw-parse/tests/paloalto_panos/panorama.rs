//! Device groups, templates, targets.

use crate::support::{Known, device, parse, rule_in, tcp, verdict, verdict_with};
use fw_model::Device;

fn dg(list: &str, name: &str, fields: &[&str]) -> String {
    rule_in(list, name, fields)
}

/// A verdict between zones `a` and `b`, which stand for themselves.
fn between(device: &Device, packet: fw_model::Packet) -> &'static str {
    verdict_with(
        device,
        packet,
        "a",
        Known {
            egress: Some("b"),
            ..Known::default()
        },
    )
}

fn group(text: &str, name: &str) -> Device {
    let parsed = parse(text);
    let names: Vec<String> = parsed.devices.iter().map(|d| d.name.clone()).collect();
    parsed
        .devices
        .into_iter()
        .find(|d| d.name == name || d.stands_for.iter().any(|n| n == name))
        .unwrap_or_else(|| panic!("{name} is not in {names:?}"))
}

const TWO: &str = "\
set deviceconfig system hostname pano
set device-group Top devices
set device-group Leaf devices [ 0011 0022 ]
set readonly devices localhost.localdomain device-group Leaf parent-dg Top
set shared address web ip-netmask 10.0.0.1
set device-group Leaf address web ip-netmask 10.0.0.2
";

#[test]
fn rules_of_ancestors_enclose_those_of_the_group() {
    let packet = tcp("10.9.9.9", "10.0.0.2", 80);
    let lists = [
        "shared pre-rulebase security rules",
        "device-group Top pre-rulebase security rules",
        "device-group Leaf pre-rulebase security rules",
        "device-group Leaf post-rulebase security rules",
        "device-group Top post-rulebase security rules",
        "shared post-rulebase security rules",
    ];
    for (first, earlier) in lists.iter().enumerate() {
        for later in &lists[first + 1..] {
            // Written in the wrong order on purpose.
            let text = format!(
                "{TWO}{}{}",
                dg(later, "L", &["from a", "to b", "action deny"]),
                dg(earlier, "E", &["from a", "to b", "action allow"]),
            );
            let leaf = group(&text, "pano/Leaf");
            assert_eq!(
                between(&leaf, packet),
                "permitted",
                "{earlier} before {later}"
            );
        }
    }
}

#[test]
fn a_group_with_children_and_no_devices_is_no_device() {
    let parsed = parse(TWO);
    let names: Vec<&str> = parsed.devices.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["pano/Leaf"]);
    assert!(!parsed.devices[0].interfaces_complete);
}

#[test]
fn the_object_of_the_group_shadows_the_shared_one() {
    let rule = |list: &str| {
        let fields = ["from a", "to b", "destination web", "action allow"];
        group(&format!("{TWO}{}", dg(list, "R", &fields)), "pano/Leaf")
    };
    let own = rule("device-group Leaf pre-rulebase security rules");
    assert_eq!(between(&own, tcp("10.9.9.9", "10.0.0.2", 80)), "permitted");
    assert_eq!(between(&own, tcp("10.9.9.9", "10.0.0.1", 80)), "denied");
    let shared = rule("shared pre-rulebase security rules");
    assert_eq!(
        between(&shared, tcp("10.9.9.9", "10.0.0.1", 80)),
        "permitted"
    );
    assert_eq!(between(&shared, tcp("10.9.9.9", "10.0.0.2", 80)), "denied");
}

#[test]
fn a_target_decides_for_each_device() {
    let packet = tcp("10.9.9.9", "10.0.0.2", 80);
    let list = "device-group Leaf pre-rulebase security rules";
    let rule = |negate: &str| {
        let fields = [
            "from a",
            "to b",
            "action allow",
            "target devices 0011",
            &format!("target negate {negate}"),
        ];
        format!("{TWO}{}", dg(list, "R", &fields))
    };
    for (negate, one, two) in [
        ("no", "permitted", "denied"),
        ("yes", "denied", "permitted"),
    ] {
        let text = rule(negate);
        assert_eq!(between(&group(&text, "pano/Leaf/0011"), packet), one);
        assert_eq!(between(&group(&text, "pano/Leaf/0022"), packet), two);
    }
    // Devices that are configured alike are one, under the name of the group.
    let names: Vec<String> = parse(&rule("no"))
        .devices
        .iter()
        .map(|d| format!("{} for {}", d.name, d.stands_for.join(" ")))
        .collect();
    assert_eq!(
        names,
        [
            "pano/Leaf for pano/Leaf/0011 0011",
            "pano/Leaf/0022 for pano/Leaf/0022 0022"
        ]
    );
    // Without devices, a target is for every device.
    let fields = ["from a", "to b", "action allow", "target negate no"];
    let every = group(&format!("{TWO}{}", dg(list, "R", &fields)), "pano/Leaf");
    assert_eq!(between(&every, packet), "permitted");
    // Without known devices it cannot be told.
    let unknown = rule("no").replace("devices [ 0011 0022 ]", "devices");
    assert_eq!(between(&group(&unknown, "pano/Leaf"), packet), "undecided");
}

#[test]
fn templates_give_zones_interfaces_and_routes() {
    let text = format!(
        "{TWO}{}{}",
        "\
set template T config devices localhost.localdomain network interface ethernet ethernet1/1 layer3 ip 10.1.1.1/24
set template T config network interface ethernet ethernet1/2 layer3 ip 10.0.0.254/24
set template T config network virtual-router default interface [ ethernet1/1 ethernet1/2 ]
set template T config vsys vsys1 zone a network layer3 ethernet1/1
set template T config vsys vsys1 zone b network layer3 ethernet1/2
set template-stack S templates T
set template-stack S devices [ 0011 0022 ]
",
        dg("device-group Leaf post-rulebase security rules", "R", &["from a", "to b", "action allow"]),
    );
    // Commands may leave the device entry out.
    let leaf = group(&text, "pano/Leaf");
    assert!(leaf.interfaces_complete);
    assert_eq!(
        verdict(&leaf, tcp("10.1.1.5", "10.0.0.2", 80), "ethernet1/1"),
        "permitted"
    );
    assert_eq!(
        verdict(&leaf, tcp("10.0.0.2", "10.1.1.5", 80), "ethernet1/2"),
        "denied"
    );
}

#[test]
fn default_rules_are_overridden_by_the_nearest_group() {
    let text = format!(
        "{TWO}set shared post-rulebase default-security-rules rules interzone-default action allow\n"
    );
    let packet = tcp("10.9.9.9", "10.0.0.2", 80);
    let any = dg(
        "device-group Leaf pre-rulebase security rules",
        "R",
        &["from a", "to b", "destination 10.8.8.8", "action deny"],
    );
    assert_eq!(
        between(&group(&format!("{text}{any}"), "pano/Leaf"), packet),
        "permitted"
    );
    let nearer = format!(
        "{text}{any}set device-group Leaf post-rulebase default-security-rules rules interzone-default action deny\n"
    );
    assert_eq!(between(&group(&nearer, "pano/Leaf"), packet), "denied");
}

#[test]
fn shared_rules_alone() {
    let text = format!(
        "set template T config network interface ethernet ethernet1/1 comment x\n{}",
        dg(
            "shared pre-rulebase security rules",
            "R",
            &["from a", "to b", "action allow"]
        )
    );
    assert_eq!(
        between(&device(&text), tcp("10.9.9.9", "10.0.0.2", 80)),
        "permitted"
    );
}
