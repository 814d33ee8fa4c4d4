//! Every fixture through the real program: the JSON report is compared with
//! `expect.toml` and with the published schema.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used
)]

mod schema;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = std::fs::read_dir(path)
        .map(|entries| entries.map(|e| e.unwrap().path()).collect())
        .unwrap_or_default();
    out.retain(|p| p.is_dir());
    out.sort();
    out
}

/// The file or folder of a side, by its stem.
fn side(case: &Path, stem: &str) -> Option<String> {
    let mut names: Vec<String> = std::fs::read_dir(case)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|n| n == stem || n.starts_with(&format!("{stem}.")))
        .collect();
    names.sort();
    assert!(names.len() <= 1, "{}: {names:?}", case.display());
    names.pop()
}

struct Outcome {
    exit: Option<i32>,
    report: Option<Value>,
    errors: String,
}

fn run(case: &Path, arguments: &[String]) -> Outcome {
    let before = side(case, "before").unwrap_or_else(|| panic!("{}: no before", case.display()));
    let after = side(case, "after").unwrap_or_else(|| before.clone());
    let mut command = Command::new(env!("CARGO_BIN_EXE_fwimpact"));
    command
        .current_dir(case)
        .env_remove("SOURCE_DATE_EPOCH")
        .args([
            "check", "--format", "json", "--before", &before, "--after", &after,
        ])
        .args(["--flows", "flows.yaml"]);
    for (option, file) in [
        ("--approve", "approve.yaml"),
        ("--topology", "topology.yaml"),
        ("--assume", "assume.yaml"),
        ("--resolve", "resolve.yaml"),
    ] {
        if case.join(file).exists() {
            command.args([option, file]);
        }
    }
    if !arguments.iter().any(|a| a == "--at") {
        command.args(["--at", "2026-06-01T12:00"]);
    }
    let output = command.args(arguments).output().unwrap();
    Outcome {
        exit: output.status.code(),
        report: serde_json::from_slice(&output.stdout).ok(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn strings(value: Option<&toml::Value>) -> Option<Vec<String>> {
    Some(
        value?
            .as_array()
            .expect("a list")
            .iter()
            .map(|v| v.as_str().expect("a text").to_owned())
            .collect(),
    )
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn place(value: &Value) -> String {
    match value.get("line").and_then(Value::as_u64) {
        Some(line) => format!("{}:{line}", text(value, "file")),
        None => text(value, "file").to_owned(),
    }
}

fn region(value: &Value) -> String {
    let port = text(value, "dst_port");
    let proto = text(value, "proto");
    let what = match (port, text(value, "icmp")) {
        ("", "") => proto.to_owned(),
        ("", icmp) => format!("{proto}/{icmp}"),
        (port, _) => format!("{proto}/{port}"),
    };
    format!("{} {} {what}", text(value, "src"), text(value, "dst"))
}

/// `0.0.0.0/0!10.0.0.0/8 -> 10.0.2.0/24 any!tcp/443`, then how many regions
/// are excepted, or `?` if the bounds are not exact.
fn group(value: &Value) -> String {
    let bound = |key: &str| {
        let words = |key: &str, bound: &Value| -> Vec<String> {
            list(bound, key)
                .map(|v| v.as_str().unwrap().to_owned())
                .collect()
        };
        let mut out = words("of", &value[key]).join(",");
        for one in words("except", &value[key]) {
            out.push('!');
            out.push_str(&one);
        }
        out
    };
    let less = match list(value, "without").count() {
        _ if value["exact"] == false => " ?".to_owned(),
        0 => String::new(),
        n => format!(" less {n}"),
    };
    format!(
        "{} -> {} {}{less}",
        bound("src"),
        bound("dst"),
        bound("service")
    )
}

struct Case<'a> {
    differences: &'a mut Vec<String>,
}

impl Case<'_> {
    fn same(&mut self, what: &str, expected: &str, found: &str) {
        if expected != found {
            self.differences
                .push(format!("{what}: expected {expected}, found {found}"));
        }
    }

    /// The same entries in any order.
    fn same_list(&mut self, what: &str, expected: Option<Vec<String>>, mut found: Vec<String>) {
        let Some(mut expected) = expected else {
            return;
        };
        expected.sort();
        found.sort();
        if expected != found {
            self.differences
                .push(format!("{what}: expected {expected:?}, found {found:?}"));
        }
    }

    fn flow(&mut self, expect: &toml::Value, report: &Value) {
        let id = expect["id"].as_str().unwrap();
        const KEYS: [&str; 12] = [
            "id",
            "before",
            "after",
            "impact",
            "caused_by",
            "lost",
            "gained",
            "changes",
            "decided_by",
            "assumptions",
            "reasons",
            "undecided",
        ];
        for key in expect.as_table().unwrap().keys() {
            assert!(KEYS.contains(&key.as_str()), "unknown key {key} of {id}");
        }
        let Some(flow) = list(report, "flows").find(|f| text(f, "id") == id) else {
            self.differences.push(format!("{id}: not in the report"));
            return;
        };
        for key in ["before", "after", "impact"] {
            if let Some(value) = expect.get(key) {
                self.same(
                    &format!("{id} {key}"),
                    value.as_str().unwrap(),
                    text(flow, key),
                );
            }
        }
        let of = |key: &str, form: &dyn Fn(&Value) -> String| -> Vec<String> {
            list(flow, key).map(form).collect()
        };
        for (key, form) in [
            ("caused_by", &place as &dyn Fn(&Value) -> String),
            ("lost", &region),
            ("gained", &region),
            ("undecided", &region),
            ("reasons", &place),
            ("changes", &|c: &Value| {
                format!("{} {}", text(c, "kind"), text(c, "severity"))
            }),
        ] {
            let found = of(key, form);
            self.same_list(&format!("{id} {key}"), strings(expect.get(key)), found);
        }
        // A verdict may rest on more than what a fixture is about.
        let known: Vec<&str> = list(flow, "assumptions")
            .chain(list(report, "assumptions"))
            .map(|a| text(a, "code"))
            .collect();
        for code in strings(expect.get("assumptions")).unwrap_or_default() {
            if !known.contains(&code.as_str()) {
                self.differences
                    .push(format!("{id} assumptions: no {code} in {known:?}"));
            }
        }
        for (side, expected) in expect
            .get("decided_by")
            .and_then(|d| d.as_table())
            .into_iter()
            .flatten()
        {
            let expected = match expected {
                toml::Value::String(one) => vec![one.clone()],
                many => strings(Some(many)).unwrap(),
            };
            let found: Vec<String> = flow
                .get("decided_by")
                .into_iter()
                .flat_map(|d| list(d, side))
                .map(place)
                .collect();
            self.same_list(&format!("{id} decided_by.{side}"), Some(expected), found);
        }
    }

    /// What is said of a list of the report: `exposure` or `closed`.
    fn exposure(&mut self, name: &str, expect: &toml::Value, report: &Value) {
        let groups = format!("{name}_groups");
        let all: Vec<&Value> = list(report, name).collect();
        if let Some(count) = expect.get("count").and_then(toml::Value::as_integer) {
            self.same(
                &format!("{name} count"),
                &count.to_string(),
                &all.len().to_string(),
            );
        }
        if let Some(possible) = expect.get("possible").and_then(toml::Value::as_integer) {
            let found = all
                .iter()
                .filter(|e| text(e, "certainty") == "possible")
                .count();
            self.same(
                &format!("{name} possible"),
                &possible.to_string(),
                &found.to_string(),
            );
        }
        self.same_list(
            &format!("{name} regions"),
            strings(expect.get("regions")),
            all.iter().map(|e| region(e)).collect(),
        );
        self.same_list(
            &groups,
            strings(expect.get("groups")),
            list(report, &groups).map(group).collect(),
        );
        let summed: u64 = list(report, &groups)
            .filter_map(|g| g.get("regions").and_then(Value::as_u64))
            .sum();
        self.same(
            &format!("{name} regions of all groups"),
            &all.len().to_string(),
            &summed.to_string(),
        );
    }
}

fn judge(case: &Path, schema: &Value, documented: &str) -> Vec<String> {
    let file = case.join("expect.toml");
    let expect: toml::Table = match std::fs::read_to_string(&file) {
        Ok(content) => match content.parse() {
            Ok(table) => table,
            Err(e) => return vec![format!("expect.toml: {e}")],
        },
        Err(e) => return vec![format!("expect.toml: {e}")],
    };
    let mut differences = Vec::new();
    for key in expect.keys() {
        let known = [
            "exit",
            "arguments",
            "flow",
            "exposure",
            "closed",
            "assumptions",
            "findings",
            "diagnostics",
            "changes",
        ];
        if !known.contains(&key.as_str()) {
            differences.push(format!("expect.toml: unknown key {key}"));
        }
    }
    let arguments = strings(expect.get("arguments")).unwrap_or_default();
    let outcome = run(case, &arguments);
    if let Some(exit) = expect.get("exit").and_then(toml::Value::as_integer)
        && outcome.exit != Some(exit as i32)
    {
        differences.push(format!("exit: expected {exit}, found {:?}", outcome.exit));
    }
    let Some(report) = &outcome.report else {
        differences.push(format!("no report: {}", outcome.errors));
        return differences;
    };
    differences.extend(
        schema::check(schema, report)
            .into_iter()
            .map(|p| format!("schema: {p}")),
    );
    for (key, entry) in ["assumptions", "findings", "diagnostics"]
        .iter()
        .flat_map(|key| {
            list(report, key)
                .chain(list(report, "flows").flat_map(|f| list(f, key)))
                .map(move |entry| (key, entry))
        })
    {
        let code = text(entry, "code");
        if !documented.contains(&format!("\n### `{code}`\n")) {
            differences.push(format!(
                "{key}: {code} has no section in docs/diagnostics.md"
            ));
        }
    }
    let mut checks = Case {
        differences: &mut differences,
    };
    for flow in expect
        .get("flow")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
    {
        checks.flow(flow, report);
    }
    for name in ["exposure", "closed"] {
        if let Some(expect) = expect.get(name) {
            checks.exposure(name, expect, report);
        }
    }
    checks.same_list(
        "changes",
        strings(expect.get("changes")),
        list(report, "changes")
            .map(|c| format!("{} {}", text(c, "kind"), text(c, "severity")))
            .collect(),
    );
    for key in ["assumptions", "findings", "diagnostics"] {
        let known: Vec<String> = list(report, key)
            .chain(list(report, "flows").flat_map(|f| list(f, key)))
            .map(|a| text(a, "code").to_owned())
            .collect();
        for code in strings(expect.get(key)).unwrap_or_default() {
            if !known.contains(&code) {
                checks
                    .differences
                    .push(format!("{key}: no {code} in {known:?}"));
            }
        }
    }
    differences
}

/// `FWIMPACT_CASE=cisco_asa/` runs only the cases whose path holds the text.
#[test]
fn fixtures() {
    let schema: Value = serde_json::from_str(
        &std::fs::read_to_string(root().join("docs/schemas/impact.schema.json")).unwrap(),
    )
    .unwrap();
    let documented = std::fs::read_to_string(root().join("docs/diagnostics.md")).unwrap();
    let only = std::env::var("FWIMPACT_CASE").unwrap_or_default();
    let mut cases: Vec<PathBuf> = folders(&root().join("fixtures"))
        .iter()
        .flat_map(|vendor| folders(vendor))
        .collect();
    cases.retain(|case| case.to_string_lossy().contains(&only));
    assert!(!cases.is_empty(), "no fixtures found");
    let mut failed = Vec::new();
    for case in &cases {
        let differences = judge(case, &schema, &documented);
        if !differences.is_empty() {
            let name = case.strip_prefix(root().join("fixtures")).unwrap();
            failed.push(format!(
                "{}\n  {}",
                name.display(),
                differences.join("\n  ")
            ));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} cases differ\n\n{}\n",
        failed.len(),
        cases.len(),
        failed.join("\n\n")
    );
}

/// The same inputs give the same bytes.
#[test]
fn reports_are_reproducible() {
    let cases: Vec<PathBuf> = folders(&root().join("fixtures/scenarios"));
    assert!(!cases.is_empty());
    for case in cases.iter().take(3) {
        let first = run(case, &[]);
        let second = run(case, &[]);
        assert_eq!(
            first.report.map(|r| r.to_string()),
            second.report.map(|r| r.to_string())
        );
    }
}
