//! Exit codes and messages for what people get wrong.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used
)]

mod schema;

use std::path::Path;
use std::process::{Command, Stdio};

const FLOWS: &str = "version: 1\nflows:\n  - {id: a, from: any, to: 192.0.2.1, service: tcp/80}\n";

struct Run {
    code: i32,
    out: String,
    err: String,
}

fn run_in(folder: &Path, arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_fwimpact"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn check(files: &[(&str, &[u8])], before: &str, more: &[&str]) -> Run {
    let folder = folder(files);
    let mut arguments = vec!["check", "--before", before, "--after", before];
    arguments.extend(["--flows", "flows.yaml"]);
    arguments.extend(more);
    run_in(folder.path(), &arguments)
}

#[test]
fn wrong_usage_is_2() {
    let here = folder(&[]);
    for arguments in [
        &["check"][..],
        &["frobnicate"],
        &[
            "check", "--before", "a", "--after", "b", "--flows", "c", "--frob",
        ],
        &[
            "check", "--before", "a", "--after", "b", "--flows", "c", "--format", "frob",
        ],
        &[
            "check", "--before", "a", "--after", "b", "--flows", "c", "--report", "json",
        ],
        &[
            "check", "--before", "a", "--after", "b", "--flows", "c", "--report", "jsn=x",
        ],
        &[
            "check", "--before", "a", "--after", "b", "--flows", "c", "--at", "tomorrow",
        ],
        &[
            "trace",
            "a",
            "--from",
            "10.0.0.300",
            "--to",
            "any",
            "--service",
            "tcp/80",
        ],
        &[
            "trace",
            "a",
            "--from",
            "any",
            "--to",
            "any",
            "--service",
            "frob",
        ],
    ] {
        let run = run_in(here.path(), arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.err);
        assert!(run.err.contains("error: "), "{arguments:?}: {}", run.err);
        assert!(run.out.is_empty(), "{arguments:?}");
    }
    let both = check(&[("flows.yaml", FLOWS.as_bytes())], "-", &[]);
    assert_eq!(both.code, 2, "{}", both.err);
}

#[test]
fn a_name_that_is_nearly_right_is_suggested() {
    let here = folder(&[("flows.yaml", FLOWS.as_bytes())]);
    let run = run_in(here.path(), &["flows", "check", "flow.yaml"]);
    assert_eq!(run.code, 1);
    assert_eq!(
        run.err,
        "error: cannot read flow.yaml: no such file or folder\n  did you mean `flows.yaml`?\n"
    );
    let run = run_in(
        here.path(),
        &[
            "trace",
            "x",
            "--from",
            "b",
            "--to",
            "any",
            "--service",
            "sip3",
        ],
    );
    assert_eq!(run.code, 2);
    assert!(run.err.contains("`b` is no address"), "{}", run.err);
    assert!(run.err.contains("did you mean `sip2`?"), "{}", run.err);
}

#[test]
fn missing_files_are_1() {
    let flows: (&str, &[u8]) = ("flows.yaml", FLOWS.as_bytes());
    let run = check(&[flows], "nope.cfg", &[]);
    assert_eq!(run.code, 1);
    assert_eq!(
        run.err,
        "error: cannot read nope.cfg: no such file or folder\n"
    );
    let run = check(&[], "nope.cfg", &[]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("flows.yaml"), "{}", run.err);
}

#[test]
fn inputs_that_are_no_configuration_are_3() {
    let flows: (&str, &[u8]) = ("flows.yaml", FLOWS.as_bytes());
    for (name, bytes, said) in [
        ("router.bin", &b"\0\0\0"[..], "it starts with NUL bytes"),
        ("empty.cfg", b" \n", "it is empty"),
        ("backup.gz", b"\x1f\x8b\x08\0", "it is a gzip archive"),
        ("poem.txt", b"Shall I compare thee\n", "nearest: none"),
    ] {
        let run = check(&[flows, (name, bytes)], name, &[]);
        assert_eq!(run.code, 3, "{name}: {}", run.err);
        let head = format!("error: {name} is no config that fwimpact knows (tried ");
        assert!(run.err.starts_with(&head), "{}", run.err);
        assert!(run.err.contains(said), "{}", run.err);
    }
}

#[test]
fn folders_name_what_they_cannot_read() {
    let flows: (&str, &[u8]) = ("flows.yaml", FLOWS.as_bytes());
    let run = check(
        &[
            flows,
            ("net/a.txt", b"verse one\n"),
            ("net/b.bin", b"\0"),
            ("net/.git", b"x"),
        ],
        "net",
        &[],
    );
    assert_eq!(run.code, 3, "{}", run.err);
    assert!(
        run.err.contains("net/a.txt") && run.err.contains("net/b.bin"),
        "{}",
        run.err
    );
    let run = check(&[flows, ("net/README.md", b"# net\n")], "net", &[]);
    assert_eq!(run.code, 3);
    assert_eq!(run.err, "error: net holds no configuration\n");
}

#[test]
fn a_broken_flows_file_is_3_with_every_error() {
    let flows =
        "version: 1\nflows:\n  - id: a\n    from: branchs\n    to: any\n    service: sipp2\n";
    let run = check(&[("flows.yaml", flows.as_bytes())], "nope.cfg", &[]);
    assert_eq!(run.code, 3);
    assert!(
        run.err
            .contains("error: flows.yaml:4:11: unknown group `branchs`"),
        "{}",
        run.err
    );
    assert!(
        run.err.contains("flows.yaml:6:14: unknown service `sipp2`"),
        "{}",
        run.err
    );
    assert!(run.err.contains("did you mean `sip2`?"), "{}", run.err);
    assert!(run.err.contains("2 errors"), "{}", run.err);
}

#[test]
fn broken_small_files_are_3() {
    let flows: (&str, &[u8]) = ("flows.yaml", FLOWS.as_bytes());
    for (option, text) in [
        ("--approve", "approvals:\n  - {from: any}\n"),
        ("--assume", "assumptions:\n  - {inert: true}\n"),
        ("--topology", "links: [[a]]\n"),
        ("--resolve", "resolve: {a: [nothing]}\n"),
    ] {
        let run = check(
            &[flows, ("small.yaml", text.as_bytes())],
            "nope",
            &[option, "small.yaml"],
        );
        assert_eq!(run.code, 3, "{option}: {}", run.err);
        assert!(run.err.contains("small.yaml:"), "{option}: {}", run.err);
    }
}

#[test]
fn git_inputs_say_what_is_wrong() {
    let here = folder(&[("flows.yaml", FLOWS.as_bytes())]);
    let flows = ["--flows", "flows.yaml"];
    let mut arguments = vec!["check", "--before", "git:main:a", "--after", "git:main:b"];
    arguments.extend(flows);
    let run = run_in(here.path(), &arguments);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(run.err.starts_with("error: git"), "{}", run.err);
    let run = run_in(here.path(), &["diff", "git:main", "x"]);
    assert_eq!(run.code, 2, "{}", run.err);
}

#[test]
fn git_trees_are_read_without_a_checkout() {
    let here = folder(&[("net/fw.cfg", b"no config\n")]);
    let git = |arguments: &[&str]| {
        Command::new("git")
            .current_dir(here.path())
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(arguments)
            .output()
            .is_ok_and(|o| o.status.success())
    };
    if !(git(&["init", "-q"]) && git(&["add", "."]) && git(&["commit", "-qm", "x"])) {
        println!("git is not there: skipped");
        return;
    }
    std::fs::remove_dir_all(here.path().join("net")).unwrap();
    for input in ["git:HEAD:net", "git:HEAD:net/fw.cfg"] {
        let run = run_in(here.path(), &["diff", input, input]);
        assert_eq!(run.code, 3, "{}", run.err);
        assert!(
            run.err.contains("git:HEAD:net/fw.cfg is no config"),
            "{}",
            run.err
        );
    }
    let run = run_in(here.path(), &["diff", "git:HEAD:nope", "git:HEAD:nope"]);
    assert_eq!(run.code, 1, "{}", run.err);
}

#[test]
fn what_a_single_file_includes_is_read_beside_it() {
    let here = folder(&[
        (
            "fw1/nftables.conf",
            b"flush ruleset\ninclude \"./hosts.nft\"\ninclude \"/etc/nftables.d/*.nft\"\n",
        ),
        ("fw1/hosts.nft", b"define SHOP = 10.0.2.2\n"),
        (
            "fw1/nftables.d/forward.nft",
            b"table inet filter {\n chain forward {\n  type filter hook forward priority 0; policy drop;\n  \
              ip daddr $SHOP accept\n }\n}\n",
        ),
        ("fw1/nftables.d/notes.txt", b"not included\n"),
    ]);
    let git = |arguments: &[&str]| {
        Command::new("git")
            .current_dir(here.path())
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(arguments)
            .output()
            .is_ok_and(|o| o.status.success())
    };
    let mut inputs = vec!["fw1/nftables.conf"];
    if git(&["init", "-q"]) && git(&["add", "."]) && git(&["commit", "-qm", "x"]) {
        inputs.push("git:HEAD:fw1/nftables.conf");
    } else {
        println!("git is not there: its trees are left out");
    }
    for input in inputs {
        let run = run_in(here.path(), &["show", "--coverage", input]);
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(
            run.out.contains("10 lines: 10 modeled"),
            "{input}: {}",
            run.out
        );
        assert!(!run.out.contains("include-missing"), "{}", run.out);
    }
}

#[test]
fn output_that_cannot_be_written_is_1() {
    let here = folder(&[("flows.yaml", FLOWS.as_bytes())]);
    let arguments = ["flows", "check", "flows.yaml", "--output", "no/such/place"];
    let run = run_in(here.path(), &arguments);
    assert_eq!(run.code, 1);
    assert!(
        run.err.contains("cannot write no/such/place"),
        "{}",
        run.err
    );
}

#[test]
fn flows_commands() {
    let here = folder(&[("flows.yaml", FLOWS.as_bytes())]);
    let run = run_in(here.path(), &["flows", "check", "flows.yaml"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.contains("any = 0.0.0.0/0"), "{}", run.out);
    let run = run_in(
        here.path(),
        &["flows", "check", "flows.yaml", "--format", "json"],
    );
    let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/schemas/flows-check.schema.json"
    );
    let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(schema::check(&schema, &report), Vec::<String>::new());
    let run = run_in(here.path(), &["flows", "services"]);
    assert!(run.out.contains("z39.50"));
    for line in run.out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let run = run_in(here.path(), &["flows", "init"]);
    std::fs::write(here.path().join("start.yaml"), &run.out).unwrap();
    let run = run_in(here.path(), &["flows", "check", "start.yaml"]);
    assert_eq!(run.code, 0, "{}", run.err);
}

#[test]
fn colour_only_where_it_is_wanted() {
    let here = folder(&[("flows.yaml", FLOWS.as_bytes())]);
    let arguments = |color| ["flows", "check", "flows.yaml", "--color", color];
    assert!(
        !run_in(here.path(), &arguments("auto"))
            .out
            .contains('\u{1b}')
    );
    assert!(
        !run_in(here.path(), &arguments("never"))
            .out
            .contains('\u{1b}')
    );
    assert!(
        run_in(here.path(), &arguments("always"))
            .out
            .contains('\u{1b}')
    );
}

#[test]
fn help_completions_and_man() {
    let here = folder(&[]);
    let help = run_in(here.path(), &["check", "--help"]);
    assert_eq!(help.code, 0);
    for word in ["--before", "--approve", "Exit codes", "git:REV:PATH"] {
        assert!(help.out.contains(word), "{word}");
    }
    let script = run_in(here.path(), &["completions", "bash"]);
    assert!(script.out.contains("fwimpact"));
    let page = run_in(here.path(), &["man"]);
    assert!(page.out.contains(".TH"));
}
