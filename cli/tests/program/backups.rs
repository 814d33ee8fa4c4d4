//! Folders of many devices: backups by Oxidized and RANCID, and `--changed`.

use crate::run::{CHECK, ELSEWHERE, RULE, rules, run, write};
use std::path::{Path, PathBuf};

fn edge(name: &str, subnet: &str, rule: &str) -> String {
    format!(
        "hostname {name}\ninterface GigabitEthernet0/0\n nameif outside\n security-level 0\n ip address 198.51.{subnet}.1 255.255.255.0\ninterface GigabitEthernet0/1\n nameif inside\n security-level 100\n ip address 10.{subnet}.0.1 255.255.255.0\naccess-list IN extended permit tcp any host 10.{subnet}.0.9 eq 443\n{rule}access-group IN in interface outside\n"
    )
}

#[test]
fn only_changed_devices_are_judged_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for n in 1..=9 {
        let config = edge(&format!("fw{n}"), &n.to_string(), "");
        write(here, &format!("before/site/fw{n}"), &config);
        write(here, &format!("after/site/fw{n}"), &config);
    }
    // One is edited, one is gone, one is new.
    let opened = "access-list IN extended permit tcp any host 10.3.0.9 eq 3389\n";
    write(here, "after/site/fw3", edge("fw3", "3", opened));
    std::fs::remove_file(here.join("after/site/fw9")).unwrap();
    write(here, "after/site/fw10", edge("fw10", "10", ""));
    write(
        here,
        "flows.yaml",
        "version: 1\nflows:\n  - {id: four, from: 198.51.4.0/24, to: 10.4.0.9, service: tcp/443}\n  - {id: any, from: any, to: 10.3.0.9, service: tcp/443, device: fw3}\n",
    );
    let arguments = CHECK;
    let full = run(here, &[&arguments[..], &["--format", "json"]].concat());
    let part = run(
        here,
        &[&arguments[..], &["--format", "json", "--changed"]].concat(),
    );
    assert_eq!((full.code, part.code), (11, 11), "{}{}", full.err, part.err);
    let (full, part) = (full.json(), part.json());
    // Nothing that matters is lost.
    for key in ["exposure", "closed", "summary", "verdict", "findings"] {
        assert_eq!(full[key], part[key], "{key}");
    }
    for n in 0..2 {
        for key in ["id", "before", "after", "impact"] {
            assert_eq!(full["flows"][n][key], part["flows"][n][key], "{key}");
        }
    }
    let said = run(here, &[&arguments[..], &["--changed", "-v", "-q"]].concat());
    // fw3, fw9 and fw10 differ; a flow ends at fw4.
    assert!(
        said.err.contains("4 devices are judged, 6 are left out"),
        "{}",
        said.err
    );
    let notes = part["diagnostics"].as_array().unwrap();
    assert!(
        notes
            .iter()
            .any(|d| d["code"] == "unchanged-device-left-out")
    );
}

#[test]
fn linked_devices_are_judged_together() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for side in ["before", "after"] {
        for n in 1..=4 {
            write(
                here,
                &format!("{side}/fw{n}"),
                edge(&format!("fw{n}"), &n.to_string(), ""),
            );
        }
        write(
            here,
            &format!("{side}/topology.yaml"),
            "links: [[\"fw2:inside\", \"fw3:outside\"]]\n",
        );
    }
    write(
        here,
        "after/fw3",
        edge("fw3", "3", "access-list IN extended deny ip any any\n"),
    );
    write(here, "flows.yaml", ELSEWHERE);
    let said = run(here, &[&CHECK[..], &["--changed", "-v"]].concat());
    assert!(
        said.err.contains("2 devices are judged, 2 are left out"),
        "{}",
        said.err
    );
}

#[test]
fn nothing_changed_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for side in ["before", "after"] {
        write(here, &format!("{side}/fw1"), edge("fw1", "1", ""));
    }
    write(here, "flows.yaml", ELSEWHERE);
    let all = [&CHECK[..], &["--changed"]].concat();
    let none = run(here, &all);
    assert_eq!(none.code, 0, "{}", none.err);
}

/// What backup programs write in front of the configuration of each format.
const HEADERS: &[(&str, &str)] = &[
    (
        "cisco_asa",
        "!RANCID-CONTENT-TYPE: cisco\n!\n!Chassis type: ASA5516\n!CPU: at 2416 MHz\n!\n!Flash: 1 -rwx 512 backup.cfg\n! Processor ID: ABC\n!\n",
    ),
    (
        "fortinet_fortios",
        "#RANCID-CONTENT-TYPE: fortigate\n#\n#Version: FortiGate-60F v7.2.5\n# Serial-Number: FGT60F\n#\n",
    ),
    (
        "iptables",
        "#RANCID-CONTENT-TYPE: linux\n#\n# Linux fw1 6.1.0 x86_64\n#\n",
    ),
    (
        "nftables",
        "#RANCID-CONTENT-TYPE: linux\n#\n# Linux fw1 6.1.0 x86_64\n#\n",
    ),
];

/// The first fixture of a vendor.
fn fixture(vendor: &str) -> (String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures")
        .join(vendor);
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    cases.sort();
    for case in cases {
        for entry in std::fs::read_dir(&case).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("before.") && path.is_file() {
                return (name, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    panic!("no fixture of {vendor}");
}

#[test]
fn headers_of_backup_programs_are_without_effect() {
    for (vendor, header) in HEADERS {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let (_, text) = fixture(vendor);
        write(here, "plain/site/fw1", &text);
        write(here, "rancid/site/configs/fw1", format!("{header}{text}"));
        write(here, "rancid/site/router.db", "fw1;x;up\n");
        write(here, "rancid/site/routers.up", "fw1;x\n");
        let diff = run(here, &["diff", "plain", "rancid", "--format", "json"]);
        assert_eq!(diff.code, 0, "{vendor}: {}{}", diff.err, diff.out);
        let report = diff.json();
        let of = |side: &str, key: &str| report["coverage"][side][key].as_u64().unwrap();
        assert_eq!(of("before", "opaque"), of("after", "opaque"), "{vendor}");
        assert_eq!(of("before", "modeled"), of("after", "modeled"), "{vendor}");
        assert_eq!(
            of("after", "inert") - of("before", "inert"),
            header.lines().count() as u64,
            "{vendor}"
        );
    }
}

#[test]
fn devices_of_one_folder_are_called_after_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(here, "net/site/b", rules(RULE));
    write(here, "more/site/a", rules(RULE));
    write(here, "more/site/b", rules(RULE));
    write(here, "one/configs/b", rules(RULE));
    for (input, expected) in [("more", "a b"), ("one", "b"), ("net", "site")] {
        let report = run(here, &["diff", input, input, "--format", "json"]).json();
        let mut names: Vec<&str> = report["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|i| i["role"] == "before")
            .map(|i| i["device"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names.join(" "), expected);
    }
}
