//! Every exit code of every command.

use crate::run::{CHECK, FLOWS, RULE, codes, folder, rules, run, write};

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
    write(here, "before", rules(RULE));
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
        let arguments = CHECK;
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

/// The exit codes of `diff` and of `trace`.
#[test]
fn exit_codes_of_diff_and_trace() {
    let narrow = "-A FORWARD -s 10.0.0.0/25 -d 192.0.2.1/32 -p tcp --dport 80 -j ACCEPT\n";
    let unknown = format!("-A FORWARD -m frobnicate --knob 3 -j DROP\n{RULE}");
    let more = format!("{RULE}-A FORWARD -d 192.0.2.2 -p tcp --dport 80 -j ACCEPT\n");
    let folder = folder(&[("before", rules(RULE))]);
    let here = folder.path();
    let trace = [
        "--from",
        "10.0.0.0/24",
        "--to",
        "192.0.2.1",
        "--service",
        "tcp/80",
    ];
    for (after, of_diff, of_trace) in [
        (RULE, 0, 0),
        ("", 10, 14),
        (narrow, 10, 13),
        (&unknown, 12, 12),
        (&more, 11, 0),
    ] {
        write(here, "after", rules(after));
        for (code, arguments) in [
            (of_diff, vec!["diff", "before", "after"]),
            (of_trace, [&["trace", "after"][..], &trace].concat()),
        ] {
            for format in ["text", "json", "markdown"] {
                let told = run(here, &[&arguments[..], &["--format", format]].concat());
                assert_eq!(
                    told.code, code,
                    "{after} {format}: {}{}",
                    told.out, told.err
                );
                if format == "json" {
                    assert_eq!(told.json()["exit_code"], code);
                }
            }
            let zero = run(here, &[&arguments[..], &["--exit-zero"]].concat());
            assert_eq!(zero.code, 0, "{}", zero.err);
        }
    }
    for (code, name) in [(1, "nope"), (3, "poem")] {
        write(here, "poem", "no configuration\n");
        assert_eq!(run(here, &["diff", "before", name]).code, code);
        assert_eq!(
            run(here, &[&["trace", name][..], &trace].concat()).code,
            code
        );
        assert_eq!(run(here, &["show", name]).code, code);
    }
    assert_eq!(run(here, &["show", "before"]).code, 0);
    assert_eq!(run(here, &["diff", "before"]).code, 2);
    assert_eq!(run(here, &["trace", "before"]).code, 2);
    assert_eq!(run(here, &["show"]).code, 2);
}

/// What `expect: deny`, `quantity: any` and `--strict` do to the exit code.
#[test]
fn exit_codes_of_expectations() {
    let half = "-A FORWARD -s 10.0.0.0/25 -d 192.0.2.1/32 -p tcp --dport 80 -j ACCEPT\n";
    let folder = folder(&[
        ("open", rules(RULE)),
        ("half", rules(half)),
        ("closed", rules("")),
    ]);
    let here = folder.path();
    for (more, before, after, code) in [
        ("expect: deny", "closed", "open", 14),
        ("expect: deny", "closed", "half", 14),
        ("expect: deny", "open", "closed", 0),
        ("expect: deny", "open", "open", 0),
        ("expect: allow", "closed", "open", 0),
        ("expect: allow", "closed", "closed", 0),
        ("quantity: any", "open", "half", 10),
        ("quantity: any", "open", "closed", 14),
    ] {
        let flow = format!("from: 10.0.0.0/24, to: 192.0.2.1, service: tcp/80, {more}");
        write(
            here,
            "flows.yaml",
            format!("version: 1\nflows: [{{id: web, {flow}}}]\n"),
        );
        let mut arguments = vec!["check", "--before", before, "--after", after];
        arguments.extend(["--flows", "flows.yaml", "--format", "json"]);
        let told = run(here, &arguments);
        assert_eq!(
            told.code, code,
            "{more} {before} {after}: {}{}",
            told.out, told.err
        );
        // Wrong on both sides is a finding, and with --strict a failure.
        let wrong = before == after;
        let found = codes(&told.json()).contains(&"wrong-before-and-after");
        assert_eq!(found, wrong, "{more} {before} {after}");
        arguments.push("--strict");
        let strict = run(here, &arguments);
        assert_eq!(strict.code, if wrong { 14 } else { code }, "{}", strict.err);
    }
}
