//! Real configurations, where they are at hand: what is not understood, and
//! measured reachability.

use crate::support::{ping, verdict};
use fw_model::{Coverage, LineStatus, Source, SourceId};
use fw_parse::{Input, decode, detect, vendor};
use std::path::{Path, PathBuf};

fn corpus() -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"));
    if !path.is_dir() {
        println!("skipped: no corpus at {}", path.display());
        return None;
    }
    Some(path.to_path_buf())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_file())
        .collect();
    out.sort();
    assert!(!out.is_empty(), "{} holds nothing", folder.display());
    out
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn every_file_is_recognized_and_read() {
    let Some(corpus) = corpus() else { return };
    let mut total = Coverage::default();
    let mut devices = 0;
    let mut several = 0;
    for path in files(&corpus.join("04_panos")) {
        let text = decode(&std::fs::read(&path).unwrap()).unwrap();
        let found = detect(&text).unwrap_or_else(|e| panic!("{}: {e:?}", name(&path)));
        assert_eq!(found.vendor.name(), "paloalto-panos", "{}", name(&path));
        let source = Source::new(name(&path), text);
        let files = [(SourceId(0), &source)];
        let parsed = found.vendor.parse(Input {
            fallback_name: "fw",
            files: &files,
        });
        assert!(!parsed.devices.is_empty(), "{}", name(&path));
        // Output of a generator's tests: several documents in one file.
        if parsed
            .diagnostics
            .iter()
            .any(|d| d.code == "unreadable-text")
        {
            assert!(source.text.matches("<?xml").count() > 1, "{}", name(&path));
            several += 1;
            continue;
        }
        devices += parsed.devices.len();
        let coverage = parsed.ledgers[0].coverage();
        if coverage.opaque > 0 {
            println!("{}: {coverage:?}", name(&path));
            for (line, status) in parsed.ledgers[0].iter() {
                if *status == LineStatus::Opaque {
                    println!("  {line}: {}", source.line(line).unwrap_or("").trim());
                }
            }
        }
        total = total + coverage;
    }
    println!("{devices} devices, {total:?}, {several} files of several documents");
    assert!(total.opaque * 1000 < total.lines, "{total:?}");
}

#[test]
fn other_formats_are_not_taken_for_it() {
    let Some(corpus) = corpus() else { return };
    let mut looked_at = 0;
    for folder in std::fs::read_dir(&corpus).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() || name(&folder) == "04_panos" {
            continue;
        }
        for path in files(&folder) {
            let Ok(text) = decode(&std::fs::read(&path).unwrap()) else {
                continue;
            };
            let evidence = vendor("paloalto-panos").unwrap().detect(&text);
            let score: u32 = evidence.iter().map(|e| e.weight).sum();
            assert!(score < 40, "{}: {evidence:?}", path.display());
            looked_at += 1;
        }
    }
    assert!(looked_at > 0);
}

/// Pings that were measured on the real device: from the router behind
/// ethernet1/1 to the one behind ethernet1/3.
#[test]
fn measured_reachability() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for number in 1..=10 {
        let lab = format!("batfish__lab-validation__palo_alto_nat_{number}");
        let measured = corpus
            .join("13_batfish_and_oracles")
            .join(format!("{lab}.measured-reachability.txt"));
        let measured = std::fs::read_to_string(measured).unwrap();
        assert!(measured.contains("dst_ip: 10.13.13.2"));
        let expected = if measured.contains("disposition: success") {
            "permitted"
        } else {
            "denied"
        };
        let config = corpus.join("04_panos").join(format!("{lab}-configs-pa"));
        let device = crate::support::device(&std::fs::read_to_string(config).unwrap());
        let packet = ping("10.11.11.2", "10.13.13.2");
        assert_eq!(
            verdict(&device, packet, "ethernet1/1"),
            expected,
            "lab {number}"
        );
        compared += 1;
    }
    assert_eq!(compared, 10);
}
