//! Inputs as they are in real life: git repositories, backups of many devices,
//! defaults of a repository; and every exit code.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used
)]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const FLOWS: &str =
    "version: 1\nflows:\n  - {id: web, from: 10.0.0.0/24, to: 192.0.2.1, service: tcp/80}\n";
/// A flow that no device of these tests has to do with.
const ELSEWHERE: &str = "version: 1\nflows:\n  - {id: x, from: 203.0.113.1, to: 203.0.113.2, service: tcp/1, expect: deny}\n";
const RULE: &str = "-A FORWARD -s 10.0.0.0/24 -d 192.0.2.1/32 -p tcp --dport 80 -j ACCEPT\n";

fn rules(rule: &str) -> String {
    format!(
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n{rule}COMMIT\n"
    )
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }
}

fn run_with(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_fwimpact"))
        .current_dir(folder)
        .env_remove("GITHUB_BASE_REF")
        .env_remove("GITHUB_STEP_SUMMARY")
        .env_remove("CI_MERGE_REQUEST_DIFF_BASE_SHA")
        .envs(environment.iter().copied())
        .args(arguments)
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Run {
    run_with(folder, &[], arguments)
}

/// `git` in a folder; all of these tests need it.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A repository with a base and, on a branch, a change of `net` and of what is
/// in `edited`.
fn repository(edited: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    git(here, &["init", "-q"]);
    write(here, "net/edge.rules", &rules(RULE));
    write(here, "flows.yaml", FLOWS);
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "base"]);
    git(here, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    git(here, &["checkout", "-qb", "change"]);
    write(here, "net/edge.rules", &rules(""));
    for (name, text) in edited {
        write(here, name, text);
    }
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "change"]);
    folder
}

const CHECK: [&str; 7] = [
    "check",
    "--before",
    "git:main:net",
    "--after",
    "net",
    "--flows",
    "flows.yaml",
];

fn check<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut out = CHECK.to_vec();
    out.extend(more);
    out
}

fn codes(report: &Value) -> Vec<&str> {
    let list = report["findings"].as_array().unwrap();
    list.iter().map(|f| f["code"].as_str().unwrap()).collect()
}

#[test]
fn a_change_between_two_revisions() {
    let folder = repository(&[]);
    let report = run(folder.path(), &check(&["--format", "json"]));
    assert_eq!(report.code, 14, "{}", report.err);
    let report = report.json();
    assert_eq!(
        report["flows"][0]["caused_by"][0]["file"],
        "git:main:net/edge.rules"
    );
    assert_eq!(report["flows"][0]["caused_by"][0]["line"], 6);
    let paths = &report["flows"][0]["paths"];
    assert_eq!(paths["before"][0]["verdict"], "permitted");
    assert_eq!(paths["after"][0]["verdict"], "denied");
    // Both sides from git, from a folder below the top, without a checkout.
    let below = folder.path().join("other");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::remove_dir_all(folder.path().join("net")).unwrap();
    let report = run(
        &below,
        &[
            "check",
            "--before",
            "git:main:../net/edge.rules",
            "--after",
            "git:change:../net/edge.rules",
            "--flows",
            "../flows.yaml",
            "--format",
            "json",
        ],
    );
    assert_eq!(report.code, 14, "{}", report.err);
    let sarif = run(
        folder.path(),
        &[
            "check",
            "--before",
            "git:main:net",
            "--after",
            "git:change:net",
            "--flows",
            "flows.yaml",
            "--format",
            "sarif",
        ],
    )
    .json();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "net/edge.rules");
}

#[test]
fn a_change_does_not_approve_itself() {
    let folder = repository(&[("flows.yaml", ELSEWHERE)]);
    let here = folder.path();
    // As the files are, nothing is declared any more.
    let as_is = run(here, &check(&["--format", "json"]));
    assert_eq!(as_is.code, 0, "{}", as_is.err);
    for (environment, more) in [
        (&[("GITHUB_BASE_REF", "main")][..], &[][..]),
        (&[], &["--policy-from", "git:main"][..]),
    ] {
        let mut arguments = check(&["--format", "json"]);
        arguments.extend(more);
        let judged = run_with(here, environment, &arguments);
        assert_eq!(judged.code, 14, "{}", judged.err);
        let report = judged.json();
        assert!(codes(&report).contains(&"policy-file-changed"), "{report}");
        let said = report["findings"][0]["message"].as_str().unwrap();
        assert!(said.contains("flows.yaml"), "{said}");
    }
    let base = git(here, &["rev-parse", "main"]);
    let environment = [("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.as_str())];
    assert_eq!(run_with(here, &environment, &check(&[])).code, 14);
    let here_wins = run_with(here, &environment, &check(&["--policy-from", "here"]));
    assert_eq!(here_wins.code, 0, "{}", here_wins.err);
}

#[test]
fn approvals_and_assumptions_of_a_change_do_not_count() {
    let approve = "approvals:\n  - {from: any, to: any, service: tcp/1-65535, reason: x}\n";
    let folder = repository(&[
        (
            "net/edge.rules",
            &rules(&format!("{RULE}-A FORWARD -p tcp --dport 22 -j ACCEPT\n")),
        ),
        ("approve.yaml", approve),
    ]);
    let here = folder.path();
    git(here, &["checkout", "-q", "main"]);
    write(here, "approve.yaml", "approvals: []\n");
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "approve"]);
    git(here, &["checkout", "-q", "change"]);
    let more = ["--approve", "approve.yaml", "--format", "json"];
    let open = run(here, &check(&more));
    assert_eq!(open.code, 0, "{}", open.err);
    let judged = run_with(
        here,
        &[],
        &check(&[&more[..], &["--policy-from", "git:main"]].concat()),
    );
    assert_eq!(judged.code, 11, "{}", judged.err);
    // A file that the base does not have is read, and that is said.
    let older = git(here, &["rev-parse", "main~1"]);
    let from = format!("git:{older}");
    let new = run(
        here,
        &check(&[&more[..], &["--policy-from", &from]].concat()),
    );
    assert_eq!(new.code, 0, "{}", new.err);
    assert_eq!(codes(&new.json()), ["policy-file-changed"]);
}

#[test]
fn a_base_that_is_not_there_is_an_error() {
    let folder = repository(&[]);
    let shallow = run_with(folder.path(), &[("GITHUB_BASE_REF", "nope")], &check(&[]));
    assert_eq!(shallow.code, 1, "{}", shallow.err);
    assert!(shallow.err.contains("fetch-depth"), "{}", shallow.err);
    for (wrong, code) in [("git:nope", 1), ("main", 2), ("git:-x", 2), ("git:", 2)] {
        let run = run(folder.path(), &check(&["--policy-from", wrong]));
        assert_eq!(run.code, code, "{wrong}: {}", run.err);
    }
}

#[test]
fn defaults_of_a_repository() {
    let folder = repository(&[(
        "fwimpact.toml",
        "before = \"git:main:net\"\nafter = \"net\"\nflows = \"flows.yaml\"\nformat = \"json\"\n",
    )]);
    let here = folder.path();
    let usual = run(here, &["check"]);
    assert_eq!(usual.code, 14, "{}", usual.err);
    assert_eq!(usual.json()["exit_code"], 14);
    // The command line wins.
    let text = run(
        here,
        &["check", "--format", "csv", "--after", "git:main:net"],
    );
    assert_eq!(text.code, 0, "{}", text.err);
    assert!(text.out.starts_with("id,"), "{}", text.out);
    // Defaults of the change do not count either.
    let judged = run(
        here,
        &check(&["--policy-from", "git:main", "--format", "json"]),
    );
    assert_eq!(codes(&judged.json()), ["policy-file-changed"]);
    write(
        here,
        "fwimpact.toml",
        "flows = \"flows.yaml\"\nfial-on = \"low\"\n",
    );
    let wrong = run(here, &["check"]);
    assert_eq!(wrong.code, 3, "{}", wrong.err);
    assert!(
        wrong
            .err
            .starts_with("error: fwimpact.toml:2:1: unknown key `fial-on`"),
        "{}",
        wrong.err
    );
    assert!(
        wrong.err.contains("did you mean `fail-on`?"),
        "{}",
        wrong.err
    );
    write(here, "fwimpact.toml", "flows = \"flows.yaml\"\n");
    let missing = run(here, &["check"]);
    assert_eq!(missing.code, 2, "{}", missing.err);
    assert!(missing.err.contains("--before"), "{}", missing.err);
}

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
    write(here, "after/site/fw3", &edge("fw3", "3", opened));
    std::fs::remove_file(here.join("after/site/fw9")).unwrap();
    write(here, "after/site/fw10", &edge("fw10", "10", ""));
    write(
        here,
        "flows.yaml",
        "version: 1\nflows:\n  - {id: four, from: 198.51.4.0/24, to: 10.4.0.9, service: tcp/443}\n  - {id: any, from: any, to: 10.3.0.9, service: tcp/443, device: fw3}\n",
    );
    let arguments = [
        "check",
        "--before",
        "before",
        "--after",
        "after",
        "--flows",
        "flows.yaml",
    ];
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
                &edge(&format!("fw{n}"), &n.to_string(), ""),
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
        &edge("fw3", "3", "access-list IN extended deny ip any any\n"),
    );
    write(here, "flows.yaml", ELSEWHERE);
    let said = run(
        here,
        &[
            "check",
            "--before",
            "before",
            "--after",
            "after",
            "--flows",
            "flows.yaml",
            "--changed",
            "-v",
        ],
    );
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
        write(here, &format!("{side}/fw1"), &edge("fw1", "1", ""));
    }
    write(here, "flows.yaml", ELSEWHERE);
    let all = [
        "check",
        "--before",
        "before",
        "--after",
        "after",
        "--flows",
        "flows.yaml",
        "--changed",
    ];
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
        write(here, "rancid/site/configs/fw1", &format!("{header}{text}"));
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
    write(here, "net/site/b", &rules(RULE));
    write(here, "more/site/a", &rules(RULE));
    write(here, "more/site/b", &rules(RULE));
    write(here, "one/configs/b", &rules(RULE));
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

#[test]
fn every_exit_code() {
    let narrow = "-A FORWARD -s 10.0.0.0/25 -d 192.0.2.1/32 -p tcp --dport 80 -j ACCEPT\n";
    let unknown = format!("-A FORWARD -m frobnicate --knob 3 -j DROP\n{RULE}");
    let opened = format!("{RULE}-A FORWARD -p tcp --dport 22 -j ACCEPT\n");
    let translated = format!(
        "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s 10.0.0.0/24 -j SNAT --to-source 198.51.100.1\nCOMMIT\n{}",
        rules(RULE)
    );
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    write(here, "flows.yaml", FLOWS);
    write(here, "before", &rules(RULE));
    for (code, after) in [
        (0, rules(RULE)),
        (3, "no configuration\n".to_owned()),
        (10, translated),
        (11, rules(&opened)),
        (12, rules(&unknown)),
        (13, rules(narrow)),
        (14, rules("")),
    ] {
        write(here, "after", &after);
        let arguments = [
            "check",
            "--before",
            "before",
            "--after",
            "after",
            "--flows",
            "flows.yaml",
        ];
        let plain = run(here, &arguments);
        assert_eq!(plain.code, code, "{}{}", plain.out, plain.err);
        let zero = run(here, &[&arguments[..], &["--exit-zero"]].concat());
        assert_eq!(zero.code, if code >= 10 { 0 } else { code }, "{}", zero.err);
        // Every format can tell it, and the exit code does not depend on it.
        for format in [
            "json", "markdown", "html", "sarif", "junit", "csv", "gitlab", "github",
        ] {
            let told = run(here, &[&arguments[..], &["--format", format]].concat());
            assert_eq!(told.code, code, "{format}: {}", told.err);
        }
    }
    let missing = [
        "check",
        "--before",
        "nope",
        "--after",
        "after",
        "--flows",
        "flows.yaml",
    ];
    assert_eq!(run(here, &missing).code, 1);
    assert_eq!(run(here, &["check", "--frobnicate"]).code, 2);
}

#[test]
fn several_reports_and_the_step_summary() {
    let folder = repository(&[]);
    let here = folder.path();
    write(here, "summary.md", "# before\n");
    let summary = here.join("summary.md");
    let run = run_with(
        here,
        &[("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())],
        &check(&[
            "--format",
            "github",
            "--report",
            "html=a.html",
            "--report",
            "sarif=a.sarif",
            "--report",
            "markdown=a.md",
        ]),
    );
    assert_eq!(run.code, 14, "{}", run.err);
    assert!(
        run.out.starts_with("::error file=net/edge.rules,line="),
        "{}",
        run.out
    );
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(
        summary.starts_with("# before\n### ❌ fwimpact"),
        "{summary}"
    );
    for file in ["a.html", "a.sarif", "a.md"] {
        assert!(
            std::fs::metadata(here.join(file)).unwrap().len() > 200,
            "{file}"
        );
    }
}

#[test]
fn nothing_moves_where_no_terminal_is() {
    let folder = repository(&[]);
    let run = run(folder.path(), &check(&[]));
    assert_eq!(run.err, "");
    assert!(!run.out.contains('\r'));
}
