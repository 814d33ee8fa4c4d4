//! A change is not judged by its own edits of flows, approvals, assumptions and
//! defaults.

use crate::run::{
    ELSEWHERE, FLOWS, RULE, check, codes, git, repository, rules, run, run_with, write,
};

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

#[test]
fn every_file_that_decides_is_read_from_the_base() {
    let assume = "assumptions:\n  - {line: \"-A FORWARD -m frob*\", inert: true}\n";
    let resolve = "resolve: {x.example.org: [192.0.2.1]}\n";
    let unknown = rules(&format!(
        "-A FORWARD -m frobnicate --knob 3 -j DROP\n{RULE}"
    ));
    // The change brings along what makes it pass.
    let folder = repository(&[("net/edge.rules", &unknown), ("assume.yaml", assume)]);
    let here = folder.path();
    git(here, &["checkout", "-q", "main"]);
    write(here, "assume.yaml", "assumptions: []\n");
    write(here, "resolve.yaml", resolve);
    write(here, "fwimpact.toml", "strict = true\n");
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "files of the base"]);
    git(here, &["checkout", "-q", "change"]);
    write(
        here,
        "resolve.yaml",
        "resolve: {x.example.org: [192.0.2.9]}\n",
    );
    write(here, "fwimpact.toml", "exit-zero = true\n");
    let mut arguments = check(&["--assume", "assume.yaml", "--resolve", "resolve.yaml"]);
    arguments.extend(["--format", "json"]);
    let as_is = run(here, &arguments);
    assert_eq!(as_is.code, 0, "{}", as_is.err);
    arguments.extend(["--policy-from", "git:main"]);
    let judged = run(here, &arguments);
    assert_eq!(judged.code, 12, "{}", judged.err);
    let report = judged.json();
    let findings = report["findings"].as_array().unwrap();
    let edited: Vec<&str> = findings
        .iter()
        .filter(|f| f["code"] == "policy-file-changed")
        .map(|f| f["file"].as_str().unwrap())
        .collect();
    assert_eq!(edited, ["fwimpact.toml", "resolve.yaml", "assume.yaml"]);
}

#[test]
fn no_spelling_of_a_path_gets_around_the_base() {
    let folder = repository(&[("flows.yaml", ELSEWHERE)]);
    let here = folder.path();
    let whole = here.join("flows.yaml");
    let round = here.join("net/../flows.yaml");
    std::os::unix::fs::symlink(here, here.join("net/self")).unwrap();
    let linked = here.join("net/self/flows.yaml");
    for path in [
        "./flows.yaml",
        "net/../flows.yaml",
        ".//flows.yaml",
        whole.to_str().unwrap(),
        round.to_str().unwrap(),
        linked.to_str().unwrap(),
    ] {
        let mut arguments = vec!["check", "--before", "git:main:net"];
        arguments.extend(["--after", "git:change:net", "--flows", path]);
        arguments.extend(["--policy-from", "git:main", "--format", "json"]);
        let judged = run(here, &arguments);
        assert_eq!(judged.code, 14, "{path}: {}", judged.err);
        assert_eq!(codes(&judged.json()), ["policy-file-changed"], "{path}");
    }
    // A file from outside the repository is no part of the change.
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "flows.yaml", ELSEWHERE);
    let path = outside.path().join("flows.yaml");
    let mut arguments = vec!["check", "--before", "git:main:net"];
    arguments.extend([
        "--after",
        "git:change:net",
        "--flows",
        path.to_str().unwrap(),
    ]);
    arguments.extend(["--policy-from", "git:main", "--format", "json"]);
    let judged = run(here, &arguments);
    assert_eq!(judged.code, 0, "{}", judged.err);
    assert!(codes(&judged.json()).is_empty());
}

#[test]
fn files_that_are_links_or_gone_are_those_of_the_base() {
    let folder = repository(&[("real.yaml", FLOWS)]);
    let here = folder.path();
    std::fs::remove_file(here.join("flows.yaml")).unwrap();
    // The base has a file; the change has a link to one that declares nothing.
    write(here, "empty.yaml", ELSEWHERE);
    std::os::unix::fs::symlink("empty.yaml", here.join("flows.yaml")).unwrap();
    let arguments = check(&["--policy-from", "git:main", "--format", "json"]);
    let judged = run(here, &arguments);
    assert_eq!(judged.code, 14, "{}", judged.err);
    assert_eq!(codes(&judged.json()), ["policy-file-changed"]);
    std::fs::remove_file(here.join("flows.yaml")).unwrap();
    let judged = run(here, &arguments);
    assert_eq!(judged.code, 14, "{}", judged.err);
    let said = judged.json()["findings"][0]["message"].to_string();
    assert!(said.contains("removes `flows.yaml`"), "{said}");
}

#[test]
fn an_edited_topology_is_a_finding() {
    let topology = "networks:\n  - {prefix: 10.9.0.0/16, at: \"edge:eth0\"}\n";
    let folder = repository(&[("net/topology.yaml", topology)]);
    let here = folder.path();
    let judged = run(
        here,
        &check(&["--policy-from", "git:main", "--format", "json"]),
    );
    assert_eq!(judged.code, 14, "{}", judged.err);
    let report = judged.json();
    assert!(codes(&report).contains(&"policy-file-changed"), "{report}");
    write(here, "topology.yaml", topology);
    let more = ["--topology", "topology.yaml", "--policy-from", "git:main"];
    let judged = run(here, &check(&[&more[..], &["--format", "json"]].concat()));
    let report = judged.json();
    let said = report["findings"][0]["message"].as_str().unwrap();
    assert!(
        said.contains("`topology.yaml` is not in the base"),
        "{said}"
    );
}

#[test]
fn the_base_of_every_kind_of_pipeline() {
    let folder = repository(&[("flows.yaml", ELSEWHERE)]);
    let here = folder.path();
    let base = git(here, &["rev-parse", "main"]);
    write(
        here,
        "event.json",
        format!("{{\"merge_group\": {{\"base_sha\": \"{base}\"}}}}"),
    );
    let event = here.join("event.json");
    let event = event.to_str().unwrap();
    for environment in [
        &[
            ("GITHUB_EVENT_NAME", "merge_group"),
            ("GITHUB_EVENT_PATH", event),
        ][..],
        &[("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.as_str())],
        // The target of merged results counts, not where the branch left it.
        &[
            ("CI_MERGE_REQUEST_TARGET_BRANCH_SHA", base.as_str()),
            (
                "CI_MERGE_REQUEST_DIFF_BASE_SHA",
                "0000000000000000000000000000000000000000",
            ),
        ],
        &[
            ("GITHUB_BASE_REF", "main"),
            ("GITHUB_EVENT_NAME", "pull_request"),
        ],
    ] {
        let judged = run_with(here, environment, &check(&[]));
        assert_eq!(judged.code, 14, "{environment:?}: {}", judged.err);
    }
    let pushed = [("GITHUB_EVENT_NAME", "push"), ("GITHUB_EVENT_PATH", event)];
    let judged = run_with(here, &pushed, &check(&[]));
    assert_eq!(judged.code, 0, "{}", judged.err);
}

#[test]
fn a_diff_is_not_judged_by_its_own_assumptions() {
    let assume = "assumptions:\n  - {line: \"-A FORWARD -m frob*\", inert: true}\n";
    let unknown = rules(&format!(
        "-A FORWARD -m frobnicate --knob 3 -j DROP\n{RULE}"
    ));
    let folder = repository(&[("net/edge.rules", &unknown), ("assume.yaml", assume)]);
    let here = folder.path();
    git(here, &["checkout", "-q", "main"]);
    write(here, "assume.yaml", "assumptions: []\n");
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "files of the base"]);
    git(here, &["checkout", "-q", "change"]);
    let arguments = ["diff", "git:main:net", "net", "--assume", "assume.yaml"];
    assert_eq!(run(here, &arguments).code, 0);
    let told = run(
        here,
        &[
            &arguments[..],
            &["--policy-from", "git:main", "--format", "json"],
        ]
        .concat(),
    );
    assert_eq!(told.code, 12, "{}", told.err);
    let report = told.json();
    let notes = report["diagnostics"].as_array().unwrap();
    assert!(notes.iter().any(|d| d["code"] == "policy-file-changed"));
}
