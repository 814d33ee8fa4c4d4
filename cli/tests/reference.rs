//! The symbolic engine agrees with the rule-by-rule evaluator on the devices of
//! every fixture: witness, boundary and random packets.

#![allow(clippy::unwrap_used, clippy::panic)]

use fw_impact::graph::Side;
use fw_impact::packet_set::ConditionTable;
use fw_impact::reference::{check, seed_of};
use fw_model::{Snapshot, Source, SourceId};
use fw_parse::Input;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Packets for each class of fixtures (a folder of `fixtures/`).
const PACKETS: usize = 100_000;

fn configs(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            configs(&path, out);
        } else if !name.ends_with(".yaml") && name != "expect.toml" {
            out.push(path);
        }
    }
}

#[test]
fn agrees_on_every_fixture() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures"));
    let mut classes: BTreeMap<String, Vec<(PathBuf, Snapshot)>> = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let class = entry.unwrap().path();
        let mut files = Vec::new();
        configs(&class, &mut files);
        let name = class.file_name().unwrap().to_string_lossy().into_owned();
        for file in files {
            let Ok(text) = fw_parse::decode(&std::fs::read(&file).unwrap()) else {
                continue;
            };
            let Ok(found) = fw_parse::detect(&text) else {
                continue;
            };
            let source = Source::new(file.to_string_lossy(), text);
            let parsed = found.vendor.parse(Input {
                fallback_name: "fixture",
                files: &[(SourceId(0), &source)],
            });
            // A device by itself: among others, an interface that a packet is said
            // to leave by may be one of the next device.
            let within = file.strip_prefix(root).unwrap().to_path_buf();
            for device in parsed.devices {
                let snapshot = Snapshot {
                    devices: vec![device],
                    ..Snapshot::default()
                };
                let of_class = classes.entry(name.clone()).or_default();
                of_class.push((within.clone(), snapshot));
            }
        }
    }
    assert!(classes.len() > 1, "no fixtures found");
    for (class, snapshots) in &classes {
        let each = PACKETS.div_ceil(snapshots.len());
        let (mut packets, mut permitted) = (0, 0);
        for (file, snapshot) in snapshots {
            let seed = seed_of(&file.to_string_lossy());
            let conditions = ConditionTable::default();
            // A Thursday noon, so that schedules are neither all on nor all off.
            let side = Side::new(snapshot, &conditions, 12 * 60);
            let checked = check(&side, 0, each, seed)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            packets += checked.packets;
            permitted += checked.permitted;
        }
        println!("{class}: {packets} packets, {permitted} permitted");
        assert!(packets >= PACKETS, "{class}: only {packets} packets");
    }
}
