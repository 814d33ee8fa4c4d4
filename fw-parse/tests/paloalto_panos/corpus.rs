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
        // Some files are the output of a generator's tests: a document a device.
        let documents = source.text.matches("<?xml").count().max(1);
        assert!(parsed.devices.len() >= documents, "{}", name(&path));
        assert!(
            parsed
                .diagnostics
                .iter()
                .all(|d| d.code != "unreadable-text"),
            "{}",
            name(&path)
        );
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
    println!("{devices} devices, {total:?}");
    assert_eq!(total.opaque, 0, "{total:?}");
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

/// One measured connection: where it started, where it went, and whether it
/// worked.
struct Measured {
    source: String,
    destination: String,
    application: String,
    success: bool,
}

/// Reads the entries of a measurement.
fn measured(text: &str) -> Vec<Measured> {
    let mut out: Vec<Measured> = Vec::new();
    for line in text.lines() {
        let line = line.trim().trim_start_matches("- ");
        let Some((key, value)) = line.split_once(": ") else {
            continue;
        };
        if key == "src_hostname" {
            out.push(Measured {
                source: value.to_owned(),
                destination: String::new(),
                application: String::new(),
                success: false,
            });
        }
        if let Some(last) = out.last_mut() {
            match key {
                "disposition" => last.success = value == "success",
                "dst_ip" => last.destination = value.to_owned(),
                "application" => last.application = value.to_owned(),
                _ => {}
            }
        }
    }
    out
}

/// Pings that were measured on the real device, from the routers behind its
/// interfaces: every entry of every measurement.
#[test]
fn measured_reachability() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for path in files(&corpus.join("13_batfish_and_oracles")) {
        let file = name(&path);
        let Some(lab) = file
            .strip_suffix(".measured-reachability.txt")
            .filter(|lab| lab.contains("palo_alto"))
        else {
            continue;
        };
        let entries = measured(&std::fs::read_to_string(&path).unwrap());
        assert!(!entries.is_empty(), "{lab}");
        let config = corpus.join("04_panos").join(format!("{lab}-configs-pa"));
        let device = crate::support::device(&std::fs::read_to_string(config).unwrap());
        for entry in entries {
            assert_eq!(entry.application, "icmp", "{lab}");
            // The address and the interface of each host of these labs.
            let (source, ingress) = match entry.source.as_str() {
                "h1" => ("10.11.11.2", "ethernet1/1"),
                "h3" => ("10.13.13.2", "ethernet1/3"),
                "h5" => ("10.15.15.2", "ethernet1/5"),
                other => panic!("{lab}: host {other} is not known here"),
            };
            let expected = if entry.success { "permitted" } else { "denied" };
            let packet = ping(source, &entry.destination);
            assert_eq!(verdict(&device, packet, ingress), expected, "{lab}");
            compared += 1;
        }
    }
    println!("{compared} measured connections agree");
    assert!(compared >= 10, "{compared}");
}
