//! A large change: 500 changed devices, 2,000 flows. No format exceeds what its
//! reader takes, and what is cut is counted.

use crate::run::{CHECK, program};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

const DEVICES: usize = 500;
const FLOWS: usize = 2000;

/// A branch firewall; `edit` 0 takes a port out of a group, 1 lowers a timeout,
/// 2 opens a port.
fn config(n: usize, edit: Option<usize>) -> String {
    let net = format!("10.{}.{}", 10 + n / 250, n % 250);
    let mut out = format!(
        "ASA Version 9.16(4)\nhostname fw{n:03}\n\
         interface GigabitEthernet0/0\n nameif outside\n security-level 0\n ip address 172.16.{}.{} 255.255.0.0\n\
         interface GigabitEthernet0/1\n nameif inside\n security-level 100\n ip address {net}.1 255.255.255.0\n\
         object-group service SVC tcp\n port-object eq 6001\n",
        n / 250,
        n % 250 + 1
    );
    if edit != Some(0) {
        out.push_str(" port-object eq 210\n");
    }
    out.push_str(" port-object eq https\n");
    let _ = write!(
        out,
        "access-list OUT extended permit tcp 192.168.{}.0 255.255.255.0 {net}.0 255.255.255.0 object-group SVC\n\
         access-list OUT extended permit tcp any host {net}.80 eq www\n",
        n % 250
    );
    if edit == Some(2) {
        let _ = writeln!(
            out,
            "access-list OUT extended permit tcp any host {net}.81 eq 8080"
        );
    }
    let hour = if edit == Some(1) {
        "0:05:00"
    } else {
        "1:00:00"
    };
    let _ = write!(
        out,
        "access-list OUT extended deny ip any any\naccess-group OUT in interface outside\n\
         route outside 0.0.0.0 0.0.0.0 172.16.255.254\ntimeout conn {hour} half-closed 0:10:00 udp 0:02:00\n"
    );
    out
}

fn network(folder: &Path) {
    for side in ["before", "after"] {
        std::fs::create_dir(folder.join(side)).unwrap();
    }
    for n in 0..DEVICES {
        let file = format!("fw{n:03}.cfg");
        std::fs::write(folder.join("before").join(&file), config(n, None)).unwrap();
        std::fs::write(folder.join("after").join(&file), config(n, Some(n % 3))).unwrap();
    }
    let mut flows = String::from("version: 1\nflows:\n");
    for n in 0..FLOWS {
        let device = n % DEVICES;
        let port = ["6001", "210", "443", "80"][n / DEVICES];
        let _ = writeln!(
            flows,
            "  - {{id: flow-{n:04}-with-a-name-as-long-as-people-write-them, from: 192.168.{}.0/24, to: 10.{}.{}.80, service: tcp/{port}, device: fw{device:03}, ingress: outside, keepalive: 400s}}",
            device % 250,
            10 + device / 250,
            device % 250
        );
    }
    std::fs::write(folder.join("flows.yaml"), flows).unwrap();
}

#[test]
fn no_format_exceeds_its_limits() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    network(folder);
    let mut command = program(folder);
    command.args([&CHECK[..], &["--policy-from", "here", "--format", "github"]].concat());
    for format in [
        "json", "markdown", "sarif", "html", "junit", "gitlab", "csv", "text",
    ] {
        command.args(["--report", &format!("{format}=report.{format}")]);
    }
    let run = command
        .env("GITHUB_STEP_SUMMARY", folder.join("summary.md"))
        .output()
        .unwrap();
    assert_eq!(
        run.status.code(),
        Some(14),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let report: Value = serde_json::from_str(&read("report.json")).unwrap();
    assert_eq!(report["summary"]["flows"], FLOWS);
    // A third of the devices lost z39.50, a third has another timeout for all
    // four flows.
    assert_eq!(report["summary"]["blocked"], 167);
    assert_eq!(report["summary"]["changed"], 668);
    for flow in report["flows"].as_array().unwrap() {
        if flow["impact"] != "none" {
            assert_eq!(flow["caused_by"].as_array().unwrap().len(), 1, "{flow}");
        }
    }

    let comment = read("report.markdown");
    assert!(
        comment.chars().count() <= 65_536,
        "{}",
        comment.chars().count()
    );
    // The title and the head of the table come before the flows; the worst
    // ones are there.
    let rows = comment
        .lines()
        .filter(|l| l.starts_with("| `flow-"))
        .count();
    let cut = 167 + 668 - rows;
    assert!(
        comment.contains(&format!("{cut} flows not in the table")),
        "{rows} rows"
    );
    let blocked = comment
        .lines()
        .filter(|l| l.starts_with("| `flow-") && l.contains("blocked"));
    assert_eq!(blocked.count(), 167.min(rows));
    assert!(comment.contains("Opened outside the declared flows"));
    assert!(comment.contains("Left out for length"));

    assert!(read("summary.md").len() <= 1 << 20);
    let annotations = String::from_utf8(run.stdout).unwrap();
    for kind in ["::error ", "::warning ", "::notice "] {
        let count = annotations.lines().filter(|l| l.starts_with(kind)).count();
        assert!(count <= 10, "{kind} {count}");
    }
    assert!(annotations.contains("157 more errors"), "{annotations}");
    let sarif: Value = serde_json::from_str(&read("report.sarif")).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(results.len() > 835 && results.len() <= 25_000);
    assert_eq!(results[0]["level"], "error");
    let text = read("report.text");
    assert!(text.lines().count() < 2_000);
    assert!(text.lines().all(|l| l.chars().count() <= 80));
    assert!(text.contains("585 more flows"), "{text}");
    assert_eq!(read("report.csv").lines().count(), FLOWS + 1);
}
