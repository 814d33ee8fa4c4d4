//! Real configurations.

use super::{coverage, parse};
use crate::vendors::fortinet_fortios::detect;
use fw_model::LineStatus;
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
