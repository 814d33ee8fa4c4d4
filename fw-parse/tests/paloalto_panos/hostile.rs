//! Inputs that are made to hurt.

use crate::support::parse;
use fw_model::{Action, evaluate::Context, evaluate::evaluate};
use std::time::Instant;

/// Whatever it is, no packet through it is judged with confidence.
fn refused(text: &str) {
    let parsed = parse(text);
    assert_eq!(parsed.devices.len(), 1);
    let device = &parsed.devices[0];
    assert!(!device.opaque_lines.is_empty());
    let filter = device.filter(device.pipeline.forward[0].filter).unwrap();
    assert!(matches!(filter.default.action, Action::Opaque(_)));
    assert_eq!(parsed.ledgers[0].coverage().modeled, 0);
    assert!(
        parsed
            .diagnostics
            .iter()
            .any(|d| d.code == "unreadable-text")
    );
}

#[test]
fn entity_expansion_is_refused() {
    let mut text =
        String::from("<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [<!ENTITY a \"aaaaaaaaaa\">");
    for n in 1..12 {
        text.push_str(&format!("<!ENTITY a{n} \"&a{};&a{};\">", n - 1, n - 1));
    }
    text.push_str("]>\n<config urldb=\"x\"><shared>&a11;</shared></config>");
    refused(&text);
    refused("<!DOCTYPE c SYSTEM \"file:///etc/passwd\"><config urldb=\"x\"/>");
}

#[test]
fn deep_nesting_is_refused_fast() {
    let start = Instant::now();
    refused(&format!(
        "<config>{}{}</config>",
        "<a>".repeat(100_000),
        "</a>".repeat(100_000)
    ));
    let braces = format!(
        "config {{\n{}\n{}",
        "a {\n".repeat(100_000),
        "}\n".repeat(100_000)
    );
    assert!(!parse(&braces).devices[0].opaque_lines.is_empty());
    let words = format!("set rulebase {}\n", "a ".repeat(100_000));
    assert!(!parse(&words).devices[0].opaque_lines.is_empty());
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn long_attributes_and_values_are_harmless() {
    let long = "x".repeat(4_000_000);
    let text = format!(
        "<config urldb=\"{long}\"><shared><address><entry name=\"{long}\"><ip-netmask>{long}</ip-netmask></entry></address></shared></config>"
    );
    assert_eq!(parse(&text).devices.len(), 1);
    refused("<config><a b=\"");
    refused("<config>");
    refused("<<<<<<");
}

#[test]
fn groups_that_contain_themselves() {
    let mut text = String::new();
    for n in 0..2000 {
        text.push_str(&format!("set address-group g{n} static g{}\n", n + 1));
        text.push_str(&format!("set service-group s{n} members s{}\n", n + 1));
        text.push_str(&format!(
            "set application-group a{n} members [ a{n} a{} ]\n",
            n + 1
        ));
    }
    text.push_str("set address-group g2000 static g0\nset address-group me static me\n");
    text.push_str("set rulebase security rules r from any\nset rulebase security rules r to any\n");
    text.push_str("set rulebase security rules r source [ g0 me ]\nset rulebase security rules r destination any\n");
    text.push_str(
        "set rulebase security rules r application a0\nset rulebase security rules r service s0\n",
    );
    text.push_str("set rulebase security rules r action allow\n");
    let parsed = parse(&text);
    let packet = crate::support::tcp("10.0.0.1", "10.0.0.2", 80);
    let context = Context::first_packet("a", Some("b"));
    let _ = evaluate(&parsed.devices[0], packet, &context);
    assert!(parsed.diagnostics.iter().any(|d| d.code == "group-nesting"));
}

#[test]
fn words_in_odd_places() {
    for text in [
        "set",
        "set ",
        "set [ a b ]",
        "set rulebase security rules",
        "set rulebase security rules r from [",
        "set address a ip-netmask \"",
        "move rulebase security rules a before",
        "rename a to",
        "delete [ a ]",
        "set config",
        "}",
        "config {",
        "config { ; ; [ ] ; }",
        "<config/>",
        "<response status=\"success\"><result/></response>",
        "<config><devices><entry><vsys><entry><rulebase><nat><rules><entry/></rules></nat></rulebase></entry></vsys></entry></devices></config>",
        "set network virtual-router v routing-table ip static-route r nexthop",
        "set schedule s schedule-type recurring weekly noday 1-2",
        "set rulebase nat rules n source-translation",
        "set rulebase nat rules n destination-translation translated-port 99999",
    ] {
        let parsed = parse(text);
        assert_eq!(parsed.ledgers.len(), 1, "{text}");
        assert!(!parsed.devices.is_empty(), "{text}");
    }
}

#[test]
fn ten_thousand_rules_are_read_in_time() {
    let mut text = String::from(crate::support::BASE);
    for n in 0..10_000 {
        text.push_str(&format!(
            "set address h{n} ip-netmask 10.{}.{}.0/24\n",
            n / 256,
            n % 256
        ));
        text.push_str(&crate::support::rule(
            &format!("r{n}"),
            &[
                "from trust",
                &format!("source h{n}"),
                "service service-https",
                "action allow",
            ],
        ));
    }
    let start = Instant::now();
    let parsed = parse(&text);
    println!("{:?} for {} bytes", start.elapsed(), text.len());
    assert_eq!(parsed.devices[0].filters[0].rules.len(), 10_002);
    assert!(start.elapsed().as_secs() < 20);
}
