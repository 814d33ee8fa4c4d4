//! Real configurations. They are not part of the project.

use super::*;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> Option<Vec<PathBuf>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus");
    let path = Path::new(root).join(name);
    let Ok(entries) = std::fs::read_dir(&path) else {
        println!("skipped: {} is not there", path.display());
        return None;
    };
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.sort();
    Some(files)
}

fn text(path: &Path) -> Option<String> {
    crate::decode::decode(&std::fs::read(path).ok()?).ok()
}

#[test]
fn every_line_has_a_status() {
    let Some(files) = folder("01_cisco_asa") else {
        return;
    };
    assert!(!files.is_empty());
    let mut all = fw_model::Coverage::default();
    for path in &files {
        let text = text(path).unwrap();
        let source = Source::new("x", text.clone());
        let parsed = parse(&text);
        let coverage = parsed.ledgers[0].coverage();
        assert_eq!(
            coverage.lines,
            text.lines().filter(|l| !l.trim().is_empty()).count(),
            "{}",
            path.display()
        );
        println!(
            "{:5} lines {:5} modeled {:5} inert {:4} opaque  {}",
            coverage.lines,
            coverage.modeled,
            coverage.inert,
            coverage.opaque,
            path.file_name().unwrap().display()
        );
        for (number, status) in parsed.ledgers[0].iter() {
            if *status == LineStatus::Opaque {
                println!("      {number}: {}", source.line(number).unwrap());
            }
        }
        all = all + coverage;
    }
    println!("{all:?}");
    // A tenth would mean that a whole construct is not read.
    assert!(all.opaque * 50 < all.lines, "{all:?}");
}

#[test]
fn detection_takes_its_own_and_leaves_others() {
    let Some(files) = folder("01_cisco_asa") else {
        return;
    };
    for path in files {
        let text = text(&path).unwrap();
        let score: u32 = CiscoAsa.detect(&text).iter().map(|e| e.weight).sum();
        if score < 40 {
            println!("not detected ({score}): {}", path.display());
        }
    }
    for name in [
        "02_cisco_ios_nxos_xr",
        "03_junos",
        "04_panos",
        "05_fortios",
        "06_checkpoint",
        "07_iptables",
        "08_nftables",
        "09_pf_pfsense_opnsense",
        "10_aws_terraform",
        "11_azure_gcp",
        "12_classbench",
    ] {
        for path in folder(name).unwrap_or_default() {
            let Some(text) = text(&path) else { continue };
            let evidence = CiscoAsa.detect(&text);
            let score: u32 = evidence.iter().map(|e| e.weight).sum();
            assert!(score < 40, "{}: {evidence:?}", path.display());
        }
    }
}

#[test]
fn cut_files_do_not_panic() {
    for path in folder("01_cisco_asa").unwrap_or_default() {
        let text = text(&path).unwrap();
        let step = (text.len() / 40).max(1);
        for at in (0..text.len()).step_by(step) {
            if let Some(part) = text.get(..at) {
                parse(part);
            }
            if let Some(part) = text.get(at..) {
                parse(part);
            }
        }
    }
}

/// Time to read a large configuration, for a look at it by hand:
/// `LARGE=FILE cargo test ... -- --nocapture large`.
#[test]
fn large_file() {
    let Ok(path) = std::env::var("LARGE") else {
        return;
    };
    let text = text(Path::new(&path)).unwrap();
    let source = Source::new("fw.cfg", text);
    for _ in 0..std::env::var("TIMES").map_or(3, |t| t.parse().unwrap()) {
        let start = std::time::Instant::now();
        let parsed = CiscoAsa.parse(Input {
            fallback_name: "fw",
            files: &[(SourceId(0), &source)],
        });
        let took = start.elapsed();
        let mut ledger = fw_model::Ledger::new(&source);
        let start = std::time::Instant::now();
        let lines = super::super::parse::sections(&source);
        let split = start.elapsed();
        let config = super::super::parse::parse(&lines[0], &mut ledger);
        let read = start.elapsed();
        let lowered = super::super::lower::lower(&config, SourceId(0), "fw", &mut ledger);
        println!(
            "split {split:?} read {:?} lower {:?}",
            read - split,
            start.elapsed() - read
        );
        drop(lowered);
        println!(
            "{took:?} {} rules",
            parsed.devices[0].filters[0].rules.len()
        );
    }
}
