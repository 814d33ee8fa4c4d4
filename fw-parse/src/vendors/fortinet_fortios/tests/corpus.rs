//! Real configurations.

use super::{coverage, parse};
use crate::vendors::fortinet_fortios::detect;
use fw_model::{IntervalSet, LineStatus, MatchExpr, ServiceSet};
use std::path::{Path, PathBuf};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus");

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.is_file())
        .collect();
    out.sort();
    out
}

#[test]
fn real_configurations() {
    let root = Path::new(CORPUS);
    if !root.is_dir() {
        println!("corpus is absent, skipped");
        return;
    }
    let files = files(&root.join("05_fortios"));
    assert!(!files.is_empty(), "no file in the corpus");
    let mut all = fw_model::Coverage::default();
    for path in files {
        let text = crate::decode(&std::fs::read(&path).unwrap()).unwrap();
        let parsed = parse(&text);
        let share = coverage(&parsed);
        all = all + share;
        let name = path.file_name().unwrap().to_string_lossy();
        println!(
            "{name}: {} lines, {} modeled, {} inert, {} opaque; {} rules",
            share.lines,
            share.modeled,
            share.inert,
            share.opaque,
            parsed
                .devices
                .iter()
                .flat_map(|d| &d.filters)
                .map(|f| f.rules.len())
                .sum::<usize>()
        );
        for (line, status) in parsed.ledgers[0].iter() {
            if *status == LineStatus::Opaque {
                println!(
                    "    {line}: {}",
                    text.lines().nth(line as usize - 1).unwrap_or("")
                );
            }
        }
        assert!(!parsed.devices.is_empty());
    }
    println!("all: {all:?}");
    assert!(
        all.opaque * 50 < all.lines,
        "more than 2 % of the lines are opaque"
    );
}

/// Every predefined service against the table of the semantics page.
#[test]
fn predefined_services() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/semantics/fortios_services.tsv");
    let Ok(table) = std::fs::read_to_string(&path) else {
        println!("the table of services is absent, skipped");
        return;
    };
    let mut rows = 0;
    for line in table.lines().filter(|l| !l.starts_with('#')).skip(1) {
        let mut fields = line.split('\t');
        let (name, protocol, selector) = (
            fields.next().unwrap(),
            fields.next().unwrap(),
            fields.next().unwrap(),
        );
        let found = predefined(name);
        let Some(expected) = expected(protocol, selector) else {
            assert_eq!(protocol, "explicit-proxy", "{name}");
            assert!(found.is_empty(), "{name}");
            rows += 1;
            continue;
        };
        assert_eq!(found, expected, "{name}");
        rows += 1;
    }
    assert_eq!(rows, 91);
}

/// What a policy with the predefined service `name` permits.
fn predefined(name: &str) -> ServiceSet {
    let lines = [
        "set srcaddr all",
        "set dstaddr all",
        "set action accept",
        &format!("set service \"{name}\""),
    ];
    let device = super::with(&super::policy(1, "lan", "wan", &lines));
    let filter = device
        .filters
        .iter()
        .find(|f| f.name == "firewall policy")
        .unwrap();
    let rule = filter
        .rules
        .iter()
        .find(|r| r.id.as_deref() == Some("1"))
        .unwrap();
    let mut out = None;
    rule.match_expr.walk(&mut |part| {
        if let MatchExpr::Service(set) = part {
            out = Some(set.as_ref().clone());
        }
    });
    match (&rule.match_expr, out) {
        (_, Some(set)) => set,
        (MatchExpr::Never, None) => ServiceSet::empty(),
        (_, None) => ServiceSet::any(),
    }
}

/// What a row of the table says.
fn expected(protocol: &str, selector: &str) -> Option<ServiceSet> {
    let number = |text: &str| text.rsplit(' ').next().unwrap().parse::<u8>().unwrap();
    match protocol {
        "explicit-proxy" => None,
        "group" => {
            let parts: Vec<ServiceSet> = selector.split("; ").map(predefined).collect();
            Some(ServiceSet::union_all(&parts))
        }
        "ip" if selector == "all protocols" => Some(ServiceSet::any()),
        "ip" => Some(ServiceSet::protocol(number(selector))),
        "icmp" | "icmp6" => {
            let protocol = if protocol == "icmp" { 1 } else { 58 };
            Some(if selector == "any type" {
                ServiceSet::protocol(protocol)
            } else {
                ServiceSet::icmp(protocol, number(selector), None)
            })
        }
        _ => {
            let mut parts = Vec::new();
            for part in selector.split("; ") {
                let (word, ports) = part.split_once(' ').unwrap();
                let protocol = if word == "tcp" { 6 } else { 17 };
                for item in ports.split(',') {
                    let (to, from) = item.split_once(':').unwrap_or((item, "0-65535"));
                    let range = |text: &str| {
                        let (low, high) = text.split_once('-').unwrap_or((text, text));
                        IntervalSet::range(low.parse().unwrap(), high.parse().unwrap())
                    };
                    parts.push(ServiceSet::ports(protocol, range(from), range(to)));
                }
            }
            Some(ServiceSet::union_all(&parts))
        }
    }
}

#[test]
fn detection() {
    let root = Path::new(CORPUS);
    if !root.is_dir() {
        println!("corpus is absent, skipped");
        return;
    }
    let score = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        crate::decode(&bytes).map_or(0, |t| detect(&t).iter().map(|e| e.weight).sum::<u32>())
    };
    let mut found = 0;
    for path in files(&root.join("05_fortios")) {
        // Fragments without any `config` line tell nothing.
        let text = std::fs::read_to_string(&path).unwrap();
        if text.lines().any(|l| l.starts_with("config ")) {
            assert!(score(&path) >= 40, "{} is not detected", path.display());
            found += 1;
        }
    }
    assert!(found > 10);
    for folder in std::fs::read_dir(root).unwrap().flatten() {
        let path = folder.path();
        if !path.is_dir() || path.ends_with("05_fortios") {
            continue;
        }
        for file in files(&path) {
            assert_eq!(score(&file), 0, "{} looks like FortiOS", file.display());
        }
    }
}

#[test]
fn cut_files_are_read_without_panic() {
    let text = format!("{}{}", super::VERSION, super::BASE);
    for end in 0..text.len() {
        let parsed = parse(&text[..end]);
        assert_eq!(parsed.devices.len(), 1);
    }
}

#[test]
fn ten_thousand_policies_take_no_time() {
    let mut text = String::from(super::BASE);
    text.push_str("config firewall policy\n");
    for id in 1..=10_000 {
        text.push_str(&format!(
            "edit {id}\nset srcintf lan\nset dstintf wan\nset srcaddr all\nset dstaddr all\nset service HTTPS\nset schedule always\nset action accept\nset nat enable\nnext\n"
        ));
    }
    text.push_str("end\n");
    let start = std::time::Instant::now();
    let parsed = parse(&text);
    let took = start.elapsed();
    println!("10,000 policies in {took:?}");
    assert!(
        parsed.devices[0]
            .filters
            .iter()
            .any(|f| f.rules.len() >= 10_000)
    );
    assert!(took.as_secs() < 10);
}

#[test]
fn odd_values_do_no_harm() {
    let objects = [
        "firewall schedule recurring\nedit s\nset day sunday sunday\nset start 24:30\nset end 99:99",
        "firewall schedule onetime\nedit s\nset start 25:00 2020/13/40\nset end x",
        "firewall vip\nedit s\nset extip 9.9.9.9-1.1.1.1\nset mappedip ::1-1.1.1.1\nset extport 9-1\nset portforward enable",
        "firewall service custom\nedit s\nset tcp-portrange 9-1:5-2 70000 : -",
        "firewall address\nedit s\nset type wildcard\nset wildcard ::1 255.0.255.0",
        "firewall address6\nedit s\nset ip6 1.2.3.4/99",
        "router static\nedit 1\nset dst 300.1.1.1 0.0.0.1\nset distance 99999999999\nset priority -1",
        "system session-ttl\nset default 99999999999999999999\nconfig port\nedit 1\nset start-port 9\nset end-port 1\nend",
    ];
    for object in objects {
        let rule = super::policy(
            1,
            "lan",
            "wan",
            &[
                "set srcaddr s",
                "set dstaddr s",
                "set service s",
                "set schedule s",
                "set action accept",
                "set nat enable",
            ],
        );
        let text = format!("{}config {object}\nnext\nend\n{rule}", super::BASE);
        assert_eq!(parse(&text).devices.len(), 1, "{object}");
    }
}
