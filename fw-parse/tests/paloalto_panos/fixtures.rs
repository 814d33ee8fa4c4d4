//! The fixtures of this vendor say what the front end says of one packet of
//! each flow.

use crate::support::{Known, packet, parse, verdict_with};
use fw_model::route::{RouteDecision, lookup};
use fw_model::{Device, Packet};
use std::collections::BTreeMap;
use std::path::Path;

/// 2026-06-01T12:00, the instant at which fixtures are judged.
const NOW: i64 = 20_605 * 24 * 60 + 12 * 60;

/// Entries `key: value` or `key = "value"`, a new one for each `id`.
fn entries(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut out: Vec<BTreeMap<String, String>> = Vec::new();
    for line in text.lines() {
        let line = line.trim().trim_start_matches("- ");
        let Some((key, value)) = line.split_once(": ").or_else(|| line.split_once(" = ")) else {
            continue;
        };
        if key == "id" {
            out.push(BTreeMap::new());
        }
        if let Some(entry) = out.last_mut() {
            entry.insert(key.to_owned(), value.trim_matches('"').to_owned());
        }
    }
    out
}

fn first_packet(flow: &BTreeMap<String, String>) -> Packet {
    let (protocol, port) = flow["service"].split_once('/').unwrap();
    match (protocol, port) {
        ("icmp", "echo-request") => crate::support::ping(&flow["from"], &flow["to"]),
        ("udp", port) => packet(17, &flow["from"], &flow["to"], port.parse().unwrap()),
        ("tcp", port) => packet(6, &flow["from"], &flow["to"], port.parse().unwrap()),
        other => panic!("{other:?}"),
    }
}

fn judge(devices: &[Device], flow: &BTreeMap<String, String>) -> &'static str {
    let wanted = flow.get("device");
    let device = devices
        .iter()
        .find(|d| wanted.is_none_or(|w| d.name == *w || d.stands_for.contains(w)))
        .unwrap();
    let packet = first_packet(flow);
    let ingress = match flow.get("ingress") {
        Some(zone) => zone.clone(),
        None => match lookup(device, "", packet.source) {
            RouteDecision::Leaves(by) => by[0].0.to_owned(),
            other => panic!("{other:?}"),
        },
    };
    let known = Known {
        application: flow.get("app").map(String::as_str),
        egress: flow.get("egress").map(String::as_str),
        now: NOW,
        ..Known::default()
    };
    verdict_with(device, packet, &ingress, known)
}

#[test]
fn fixtures_agree_with_the_evaluator() {
    let root = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../fixtures/paloalto_panos"
    ));
    let mut cases = 0;
    for case in std::fs::read_dir(root).unwrap() {
        let case = case.unwrap().path();
        // The evaluator knows one version alone, and so not that an address
        // has nobody behind it without a translation of the other version.
        let name = case.file_name().unwrap_or_default().to_string_lossy();
        if name.contains("destination-nat-") || name.ends_with("loses-its-translation") {
            continue;
        }
        let read = |name: &str| std::fs::read_to_string(case.join(name)).ok();
        let before = read("before.set").or_else(|| read("before.xml")).unwrap();
        let after = read("after.set")
            .or_else(|| read("after.xml"))
            .unwrap_or(before.clone());
        let flows = entries(&read("flows.yaml").unwrap());
        let expected = entries(&read("expect.toml").unwrap());
        assert_eq!(flows.len(), expected.len(), "{}", case.display());
        for (side, text) in [("before", before), ("after", after)] {
            let parsed = parse(&text);
            assert_eq!(parsed.ledgers[0].coverage().opaque, 0, "{}", case.display());
            for (flow, expect) in flows.iter().zip(&expected) {
                assert_eq!(flow["id"], expect["id"]);
                let found = judge(&parsed.devices, flow);
                assert_eq!(
                    found,
                    expect[side],
                    "{} {side} {}",
                    case.display(),
                    flow["id"]
                );
            }
        }
        cases += 1;
    }
    assert!(cases > 15, "{cases}");
}
