//! What the documentation says of the program is what it does.

use crate::run::run;
use std::collections::BTreeSet;
use std::path::Path;

fn text(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(name)).unwrap()
}

/// The output in README.md, of which parts are left out, is that of its first
/// command.
#[test]
fn the_report_in_the_readme() {
    let readme = text("README.md");
    let shown = readme.split("```text\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    let scenario = "../fixtures/scenarios/maintenance-cleanup";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(scenario);
    let mut arguments = vec!["check", "--before", "before.cfg"];
    arguments.extend(["--after", "after.cfg", "--flows", "flows.yaml"]);
    let said = run(&folder, &arguments);
    assert_eq!(said.code, 14, "{}", said.err);
    let mut rest = said.out.as_str();
    for part in shown.split("[...]\n") {
        let at = rest.find(part.trim());
        assert!(at.is_some(), "not in the report: {part}");
        rest = &rest[at.unwrap()..];
    }
    assert!(shown.trim_end().ends_with("exit 14"));
}

/// Every option that the documentation names is there.
#[test]
fn options_in_the_documentation() {
    let here = std::env::temp_dir();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for command in [
        &["check"][..],
        &["diff"],
        &["trace"],
        &["show"],
        &["comment"],
        &["flows", "init"],
        &["flows", "check"],
    ] {
        let help = run(&here, &[command, &["--help"]].concat()).out;
        known.extend(options(&help));
    }
    // Those of other programs.
    for other in ["release", "workspace", "path", "unshallow", "init", "all"] {
        known.insert(format!("--{other}"));
    }
    let mut found = 0;
    for name in [
        "README.md",
        "docs/ci.md",
        "docs/flows.md",
        "docs/network.md",
    ] {
        for option in options(&text(name)) {
            assert!(known.contains(&option), "{name}: {option}");
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}

/// The options in a text.
fn options(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_lowercase() || c == '-'))
        .filter(|word| word.starts_with("--") && word.len() > 3 && !word.starts_with("---"))
        .map(str::to_owned)
        .collect()
}
