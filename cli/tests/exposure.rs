//! What a comparison lists as opened and closed is what the rule-by-rule
//! evaluator says of single packets: for every fixture with two sides, and for
//! configurations of which some lines are removed, repeated or moved.

#![allow(clippy::unwrap_used, clippy::panic)]

use fw_impact::reference::exposure::{Checked, check};
use fw_impact::reference::{Random, seed_of};
use fw_model::{Device, Snapshot, Source, SourceId};
use fw_parse::Input;
use std::path::{Path, PathBuf};

/// A Thursday noon, so that schedules are neither all on nor all off.
const NOON: i64 = 12 * 60;

/// Changes of the text of each configuration.
const CHANGES: u64 = 4;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");

/// The seed for a file, whatever other files there are.
fn seed(path: &Path) -> u64 {
    let name = path.strip_prefix(FIXTURES).unwrap_or(path);
    seed_of(&name.to_string_lossy())
}

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, out);
        } else {
            out.push(path);
        }
    }
}

/// The configurations of all fixtures: path and text.
fn configurations() -> Vec<(PathBuf, String)> {
    let root = Path::new(FIXTURES);
    let mut paths = Vec::new();
    files(root, &mut paths);
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.ends_with(".yaml") && name != "expect.toml"
    });
    paths
        .into_iter()
        .filter_map(|path| {
            let text = fw_parse::decode(&std::fs::read(&path).unwrap()).ok()?;
            fw_parse::detect(&text).ok()?;
            Some((path, text))
        })
        .collect()
}

/// The devices of one file.
fn devices(text: &str) -> Option<Vec<Device>> {
    let found = fw_parse::detect(text).ok()?;
    let source = Source::new("fixture", text.to_owned());
    let parsed = found.vendor.parse(Input {
        fallback_name: "fixture",
        files: &[(SourceId(0), &source)],
    });
    Some(parsed.devices)
}

/// Compares the devices that two versions of a file have both.
fn compare(what: &str, before: &str, after: &str, packets: usize, seed: u64) -> Checked {
    let mut out = Checked::default();
    let (Some(old), Some(new)) = (devices(before), devices(after)) else {
        return out;
    };
    for (old, new) in old.iter().zip(&new) {
        let alone = |device: &Device| Snapshot {
            devices: vec![Device {
                name: "fw".into(),
                ..device.clone()
            }],
            ..Snapshot::default()
        };
        match check(&alone(old), &alone(new), NOON, packets, seed) {
            Ok(checked) => out += checked,
            Err(error) => panic!("{what}: {error}"),
        }
    }
    out
}

/// The place of the same file after the change.
fn partner(path: &Path) -> Option<PathBuf> {
    let text = path.to_string_lossy();
    let (folder, rest) = text.rsplit_once("/before")?;
    Some(format!("{folder}/after{rest}").into())
}

fn worth_something(what: &str, checked: Checked, differing: usize) {
    println!("{what}: {checked:?}");
    assert!(checked.opened >= differing, "{what}: {checked:?}");
    assert!(checked.closed >= differing, "{what}: {checked:?}");
    assert!(checked.certain >= differing, "{what}: {checked:?}");
}

#[test]
fn every_fixture_with_two_sides() {
    let all = configurations();
    let mut out = Checked::default();
    for (path, text) in &all {
        let Some(after) = partner(path) else { continue };
        if let Some((_, other)) = all.iter().find(|(p, _)| *p == after) {
            out += compare(&path.to_string_lossy(), text, other, 800, seed(path));
        }
    }
    worth_something("fixtures", out, 2_000);
}

/// A text of which one or two lines are removed, repeated elsewhere, or have
/// changed places with the next one.
fn changed(text: &str, random: &mut Random) -> (String, String) {
    let mut lines: Vec<&str> = text.lines().collect();
    let at = random.below(lines.len());
    let count = (1 + random.below(2)).min(lines.len() - at);
    let what = match random.below(3) {
        0 => {
            lines.drain(at..at + count);
            "removed"
        }
        1 => {
            let more: Vec<&str> = lines.iter().skip(at).take(count).copied().collect();
            let to = random.below(lines.len() + 1);
            lines.splice(to..to, more);
            "repeated"
        }
        _ if at + 1 < lines.len() => {
            lines.swap(at, at + 1);
            "swapped"
        }
        _ => "kept",
    };
    let out = format!("{}\n", lines.join("\n"));
    (out, format!("{what} {count} of line {}", at + 1))
}

#[test]
fn lines_of_a_configuration_removed_repeated_and_moved() {
    let mut out = Checked::default();
    for (path, text) in configurations() {
        for change in 0..CHANGES {
            let seed = seed(&path).wrapping_add(change);
            let (other, how) = changed(&text, &mut Random::new(seed));
            let what = format!("{}: {how}", path.display());
            out += compare(&what, &text, &other, 160, seed);
            out += compare(&format!("{what}, back"), &other, &text, 160, seed);
        }
    }
    worth_something("changed lines", out, 2_000);
}
