//! Messages for what people get wrong.

use crate::run::{Run, folder, run};

const FLOWS: &str = "version: 1\nflows:\n  - {id: a, from: any, to: 192.0.2.1, service: tcp/80}\n";

fn check(files: &[(&str, &[u8])], before: &str, more: &[&str]) -> Run {
    let folder = folder(files);
    let mut arguments = vec!["check", "--before", before, "--after", before];
    arguments.extend(["--flows", "flows.yaml"]);
    arguments.extend(more);
    run(folder.path(), &arguments)
}

#[test]
fn wrong_usage_is_2() {
    let here = folder::<&str>(&[]);
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
        let said = run(here.path(), arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.err);
        assert!(said.err.contains("error: "), "{arguments:?}: {}", said.err);
        assert!(said.out.is_empty(), "{arguments:?}");
    }
    let both = check(&[("flows.yaml", FLOWS.as_bytes())], "-", &[]);
    assert_eq!(both.code, 2, "{}", both.err);
}

#[test]
fn a_name_that_is_nearly_right_is_suggested() {
    let here = folder(&[("flows.yaml", FLOWS.as_bytes())]);
    let said = run(here.path(), &["flows", "check", "flow.yaml"]);
    assert_eq!(said.code, 1);
    assert_eq!(
        said.err,
        "error: cannot read flow.yaml: no such file or folder\n  did you mean `flows.yaml`?\n"
    );
    let said = run(
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
    assert_eq!(said.code, 2);
    assert!(said.err.contains("`b` is no address"), "{}", said.err);
    assert!(said.err.contains("did you mean `sip2`?"), "{}", said.err);
}

#[test]
fn missing_files_are_1() {
    let flows: (&str, &[u8]) = ("flows.yaml", FLOWS.as_bytes());
    let said = check(&[flows], "nope.cfg", &[]);
    assert_eq!(said.code, 1);
    assert_eq!(
        said.err,
        "error: cannot read nope.cfg: no such file or folder\n"
    );
    let said = check(&[], "nope.cfg", &[]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("flows.yaml"), "{}", said.err);
}

#[test]
fn inputs_that_are_no_configuration_are_3() {
    let flows: (&str, &[u8]) = ("flows.yaml", FLOWS.as_bytes());
    for (name, bytes, why) in [
        ("router.bin", &b"\0\0\0"[..], "it starts with NUL bytes"),
        ("empty.cfg", b" \n", "it is empty"),
        ("backup.gz", b"\x1f\x8b\x08\0", "it is a gzip archive"),
        ("poem.txt", b"Shall I compare thee\n", "nearest: none"),
    ] {
        let said = check(&[flows, (name, bytes)], name, &[]);
        assert_eq!(said.code, 3, "{name}: {}", said.err);
        let head = format!("error: {name} is no config that fwimpact knows (tried ");
        assert!(said.err.starts_with(&head), "{}", said.err);
        assert!(said.err.contains(why), "{}", said.err);
    }
}

#[test]
fn folders_name_what_they_cannot_read() {
    let flows: (&str, &[u8]) = ("flows.yaml", FLOWS.as_bytes());
    let said = check(
        &[
            flows,
            ("net/a.txt", b"verse one\n"),
            ("net/b.bin", b"\0"),
            ("net/.git", b"x"),
        ],
        "net",
        &[],
    );
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(
        said.err.contains("net/a.txt") && said.err.contains("net/b.bin"),
        "{}",
        said.err
    );
    let said = check(&[flows, ("net/README.md", b"# net\n")], "net", &[]);
    assert_eq!(said.code, 3);
    assert_eq!(said.err, "error: net holds no configuration\n");
}

#[test]
fn a_broken_flows_file_is_3_with_every_error() {
    let flows =
        "version: 1\nflows:\n  - id: a\n    from: branchs\n    to: any\n    service: sipp2\n";
    let said = check(&[("flows.yaml", flows.as_bytes())], "nope.cfg", &[]);
    assert_eq!(said.code, 3);
    assert!(
        said.err
            .contains("error: flows.yaml:4:11: unknown group `branchs`"),
        "{}",
        said.err
    );
    assert!(
        said.err
            .contains("flows.yaml:6:14: unknown service `sipp2`"),
        "{}",
        said.err
    );
    assert!(said.err.contains("did you mean `sip2`?"), "{}", said.err);
    assert!(said.err.contains("2 errors"), "{}", said.err);
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
        let said = check(
            &[flows, ("small.yaml", text.as_bytes())],
            "nope",
            &[option, "small.yaml"],
        );
        assert_eq!(said.code, 3, "{option}: {}", said.err);
        assert!(said.err.contains("small.yaml:"), "{option}: {}", said.err);
    }
}

#[test]
fn output_that_cannot_be_written_is_1() {
    let here = folder(&[("flows.yaml", FLOWS.as_bytes())]);
    let arguments = ["flows", "check", "flows.yaml", "--output", "no/such/place"];
    let said = run(here.path(), &arguments);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("cannot write no/such/place"),
        "{}",
        said.err
    );
}

#[test]
fn files_that_are_of_another_kind_are_told() {
    let config = "hostname fw1\nASA Version 9.16(4)\naccess-list A extended permit ip any any\n";
    let folder = folder(&[("edge.cfg", config), ("flows.yaml", FLOWS)]);
    let here = folder.path();
    let said = run(here, &["flows", "check", "edge.cfg"]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert_eq!(
        said.err,
        "error: edge.cfg is no flows file: it looks like a configuration (cisco-asa)\n"
    );
    for option in ["--approve", "--assume", "--resolve", "--topology"] {
        let mut arguments = vec!["check", "--before", "edge.cfg", "--after", "edge.cfg"];
        arguments.extend(["--flows", "flows.yaml", option, "edge.cfg"]);
        let said = run(here, &arguments);
        assert_eq!(said.code, 3, "{}", said.err);
        let what = option.trim_start_matches("--");
        assert!(
            said.err.contains(&format!("is no {what} file")),
            "{}",
            said.err
        );
    }
    let said = run(here, &["diff", "flows.yaml", "edge.cfg"]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("looks like a flows file"), "{}", said.err);
}

#[test]
fn places_that_cannot_be_read_are_told() {
    let folder = folder(&[("net/edge.cfg", "x"), ("flows.yaml", FLOWS)]);
    let here = folder.path();
    std::os::unix::fs::symlink("nowhere", here.join("net/link.cfg")).unwrap();
    std::fs::create_dir_all(here.join("deep/a/b/c/d/e/f/g/h/i")).unwrap();
    std::fs::create_dir(here.join("loop")).unwrap();
    std::os::unix::fs::symlink(".", here.join("loop/self")).unwrap();
    for (input, code, said) in [
        (
            "net",
            1,
            "cannot read net/link.cfg: it is a link that leads to nothing\n",
        ),
        ("deep", 3, "folders are nested deeper than 8"),
        ("loop", 3, "folders are nested deeper than 8"),
        ("net/edge.cfg/x", 1, "a part of the path is no folder"),
        ("nte", 1, "did you mean `net`?"),
    ] {
        let run = run(here, &["diff", input, input]);
        assert_eq!(run.code, code, "{input}: {}", run.err);
        assert!(run.err.contains(said), "{}", run.err);
    }
}
