//! Options about output, and the small commands.

use crate::run::{RULE, check, folder, repository, rules, run, run_on, run_with, write};
use crate::schema;

const FLOWS: &str = "version: 1\nflows:\n  - {id: a, from: any, to: 192.0.2.1, service: tcp/80}\n";

#[test]
fn flows_commands() {
    let here = folder(&[("flows.yaml", FLOWS.as_bytes())]);
    let said = run(here.path(), &["flows", "check", "flows.yaml"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("any = 0.0.0.0/0"), "{}", said.out);
    let said = run(
        here.path(),
        &["flows", "check", "flows.yaml", "--format", "json"],
    );
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/schemas/flows-check.schema.json"
    );
    let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(schema::check(&schema, &report), Vec::<String>::new());
    let said = run(here.path(), &["flows", "services"]);
    assert!(said.out.contains("z39.50"));
    for line in said.out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let said = run(here.path(), &["flows", "init"]);
    std::fs::write(here.path().join("start.yaml"), &said.out).unwrap();
    let said = run(here.path(), &["flows", "check", "start.yaml"]);
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn colour_only_where_it_is_wanted() {
    let here = folder(&[("flows.yaml", FLOWS.as_bytes())]);
    let arguments = |color| ["flows", "check", "flows.yaml", "--color", color];
    assert!(!run(here.path(), &arguments("auto")).out.contains('\u{1b}'));
    assert!(!run(here.path(), &arguments("never")).out.contains('\u{1b}'));
    assert!(
        run(here.path(), &arguments("always"))
            .out
            .contains('\u{1b}')
    );
}

#[test]
fn help_completions_and_man() {
    let here = folder::<&str>(&[]);
    let help = run(here.path(), &["check", "--help"]);
    assert_eq!(help.code, 0);
    for word in ["--before", "--approve", "Exit codes", "git:REV:PATH"] {
        assert!(help.out.contains(word), "{word}");
    }
    let script = run(here.path(), &["completions", "bash"]);
    assert!(script.out.contains("fwimpact"));
    let page = run(here.path(), &["man"]);
    assert!(page.out.contains(".TH"));
    // Commands below commands have their own page, hidden ones none.
    assert!(
        page.out.contains("fwimpact\\-flows\\-check"),
        "{}",
        page.out
    );
    assert!(!page.out.contains("write\\-json\\-schemas"));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(here.path(), &["completions", shell]);
        assert_eq!(script.code, 0, "{shell}");
        assert!(script.out.contains("--policy-from") || script.out.contains("policy-from"));
    }
}

#[test]
fn several_reports_and_the_step_summary() {
    let folder = repository(&[]);
    let here = folder.path();
    write(here, "summary.md", "# before\n");
    let summary = here.join("summary.md");
    let said = run_with(
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
    assert_eq!(said.code, 14, "{}", said.err);
    assert!(
        said.out.starts_with("::error file=net/edge.rules,line="),
        "{}",
        said.out
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
    let said = run(folder.path(), &check(&[]));
    assert_eq!(said.err, "");
    assert!(!said.out.contains('\r'));
}

#[test]
fn every_file_may_come_from_standard_input() {
    let folder = repository(&[("approve.yaml", "approvals: []\n")]);
    let here = folder.path();
    let text = |name: &str| std::fs::read_to_string(here.join(name)).unwrap();
    let flows = text("flows.yaml");
    let after = text("net/edge.rules");
    for (input, arguments) in [
        (&flows, check(&["--flows", "-"])),
        (&after, check(&["--after", "-"])),
        (&"approvals: []\n".to_owned(), check(&["--approve", "-"])),
        (
            &"resolve: {a: [192.0.2.1]}\n".to_owned(),
            check(&["--resolve", "-"]),
        ),
    ] {
        // The last one given counts.
        let mut words: Vec<&str> = Vec::new();
        for pair in arguments[1..].chunks(2) {
            if let Some(at) = words.iter().position(|w| *w == pair[0]) {
                words[at + 1] = pair[1];
            } else {
                words.extend(pair);
            }
        }
        let said = run_on(here, input, &[&["check"], &words[..]].concat());
        assert_eq!(said.code, 14, "{words:?}: {}", said.err);
    }
    let said = run_on(here, "flows: [\n", &["flows", "check", "-"]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.starts_with("error: <stdin>:"), "{}", said.err);
    let said = run_on(here, &after, &["show", "-", "--coverage"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let twice = run_on(here, "", &check(&["--approve", "-", "--assume", "-"]));
    assert_eq!(twice.code, 2, "{}", twice.err);
    assert!(twice.err.contains("only one input"), "{}", twice.err);
}

#[test]
fn more_is_said_on_demand() {
    let folder = repository(&[]);
    let here = folder.path();
    for (arguments, said) in [
        (
            vec!["diff", "git:main:net", "net"],
            "before: git:main:net/edge.rules is edge (iptables)",
        ),
        (vec!["show", "net"], "net/edge.rules is edge (iptables)"),
        (check(&[]), "after: net/edge.rules is edge (iptables)"),
    ] {
        let quiet = run(here, &arguments);
        assert_eq!(quiet.err, "", "{arguments:?}");
        let once = run(here, &[&arguments[..], &["-v"]].concat());
        assert!(once.err.contains(said), "{}", once.err);
        assert!(!once.err.contains("done at"), "{}", once.err);
        let twice = run(here, &[&arguments[..], &["-vv"]].concat());
        assert!(twice.err.contains("reading: done at"), "{}", twice.err);
        assert_eq!(quiet.out, twice.out, "{arguments:?}");
    }
}

#[test]
fn an_assumption_that_covers_nothing_is_told() {
    let unknown = rules(&format!(
        "-A FORWARD -m frobnicate --knob 3 -j DROP\n{RULE}"
    ));
    let folder = repository(&[("net/edge.rules", &unknown)]);
    let here = folder.path();
    for (entry, severity) in [
        (
            "{device: edge, line: \"-A FORWARD -m frobnicat *\", inert: true}",
            "warning",
        ),
        (
            "{device: egde, line: \"-A FORWARD -m frobnicate *\", inert: true}",
            "note",
        ),
    ] {
        write(here, "assume.yaml", format!("assumptions:\n  - {entry}\n"));
        let said = run(
            here,
            &check(&["--assume", "assume.yaml", "--format", "json"]),
        );
        assert_eq!(said.code, 12, "{}", said.err);
        let report = said.json();
        let list = report["diagnostics"].as_array().unwrap();
        let told = list
            .iter()
            .find(|d| d["code"] == "assumption-unused")
            .unwrap();
        assert_eq!(told["severity"], severity);
        assert_eq!(
            (&told["file"], &told["line"]),
            (&"assume.yaml".into(), &2.into())
        );
    }
}

#[test]
fn a_line_that_only_moved_is_told_as_such() {
    let deny = "-A FORWARD -d 192.0.2.1/32 -j DROP\n";
    let folder = folder(&[
        ("before", rules(&format!("{RULE}{deny}"))),
        ("after", rules(&format!("{deny}{RULE}"))),
        ("flows.yaml", crate::run::FLOWS.to_owned()),
    ]);
    let mut arguments = vec!["check", "--before", "before", "--after", "after"];
    arguments.extend(["--flows", "flows.yaml"]);
    let json = run(
        folder.path(),
        &[&arguments[..], &["--format", "json"]].concat(),
    );
    assert_eq!(json.code, 14, "{}", json.err);
    let report = json.json();
    let cause = &report["flows"][0]["caused_by"][0];
    // The two rules are lines 6 and 7.
    let (line, moved) = (
        cause["line"].as_u64().unwrap(),
        cause["moved"].as_u64().unwrap(),
    );
    assert_eq!(line + moved, 13, "{cause}");
    let text = run(folder.path(), &arguments);
    let to = format!(":{line} moved to line {moved}\n");
    let from = format!(":{line} moved from line {moved}\n");
    assert!(
        text.out.contains(&to) || text.out.contains(&from),
        "{}",
        text.out
    );
}

/// A format that a command does not have is told before any work.
#[test]
fn formats_of_each_command() {
    let folder = folder::<&str>(&[]);
    let here = folder.path();
    for (arguments, forms) in [
        (&["diff", "nope", "nope"][..], "text json markdown"),
        (
            &[
                "trace",
                "nope",
                "--from",
                "any",
                "--to",
                "any",
                "--service",
                "any",
            ],
            "text json markdown",
        ),
        (&["show", "nope"], "text json"),
        (&["flows", "check", "nope"], "text json"),
        (
            &[
                "check", "--before", "nope", "--after", "nope", "--flows", "nope",
            ],
            "",
        ),
    ] {
        for format in [
            "text", "json", "markdown", "html", "sarif", "junit", "csv", "gitlab", "github",
        ] {
            let has = forms.is_empty() || forms.split(' ').any(|f| f == format);
            let said = run(here, &[arguments, &["--format", format]].concat());
            assert_eq!(
                said.code,
                if has { 1 } else { 2 },
                "{arguments:?} {format}: {}",
                said.err
            );
            if arguments[0] != "show" {
                let report = format!("{format}=file");
                let said = run(here, &[arguments, &["--report", &report]].concat());
                assert_eq!(
                    said.code,
                    if has { 1 } else { 2 },
                    "{arguments:?} {format}: {}",
                    said.err
                );
            }
        }
    }
    let said = run(here, &["diff", "nope", "nope", "--report", "json=-"]);
    assert_eq!(said.code, 2, "{}", said.err);
}

/// With several devices every rule says which one it is of, and what holds for
/// several is said once.
#[test]
fn a_network_is_told_by_device() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../fixtures/network/chain_of_three"
    );
    let mut arguments = vec!["check", "--before", "before", "--after", "after"];
    arguments.extend(["--flows", "flows.yaml"]);
    let said = run(std::path::Path::new(folder), &arguments);
    assert_eq!(said.code, 14, "{}", said.err);
    for part in [
        "core (cisco-asa); 2 devices unchanged",
        "permit   LAN_IN 1 on branch",
        "deny     TRANSIT_IN implicit deny on core",
        "(on branch, core)",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
}
