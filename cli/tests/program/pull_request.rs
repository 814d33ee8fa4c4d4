//! action.yml from the check to the comment: the script that it runs.

use crate::comment::{TOKEN, report};
use crate::run::{Run, alone, finish_with_summary, git};
use crate::server::{Server, note, server};
use serde_json::json;
use std::process::Command;

/// A pull request in a repository, as action.yml runs it.
fn pull_request(server: &Server, break_it: bool, token: bool, more: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    git(here, &["init", "-q"]);
    report(here, true);
    std::fs::create_dir(here.join("network")).unwrap();
    let edge = here.join("network/edge.rules");
    std::fs::copy(here.join("before.rules"), &edge).unwrap();
    git(here, &["add", "network", "flows.yaml"]);
    git(here, &["commit", "-qm", "base"]);
    git(here, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    if break_it {
        std::fs::write(&edge, "no configuration\n").unwrap();
    } else {
        std::fs::copy(here.join("after.rules"), &edge).unwrap();
    }
    git(here, &["commit", "-qam", "change"]);
    git(here, &["update-ref", "refs/remotes/origin/same", "HEAD"]);
    git(here, &["branch", "-q", "-M", "change"]);
    git(here, &["branch", "-q", "main", "HEAD~1"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../ci/github.sh");
    let mut run = Command::new("bash");
    run.current_dir(here).arg(script);
    alone(&mut run);
    run.env("FWIMPACT", env!("CARGO_BIN_EXE_fwimpact"))
        .env("FWIMPACT_REPORTS", here.join("reports"))
        .env("INPUT_PATH", "network")
        .env("INPUT_FLOWS", "flows.yaml")
        .env("GITHUB_BASE_REF", "main")
        .env("GITHUB_REF", "refs/pull/7/merge")
        .env("GITHUB_REPOSITORY", "o/r")
        .env("GITHUB_SERVER_URL", "https://github.com")
        .env("GITHUB_SHA", "0123456789abcdef")
        .env("GITHUB_API_URL", &server.url)
        .env("GITHUB_OUTPUT", here.join("output"));
    run.envs(more.iter().copied());
    if token {
        run.env("GITHUB_TOKEN", TOKEN);
    }
    let done = finish_with_summary(&mut run, here);
    let outputs = std::fs::read_to_string(here.join("output")).unwrap();
    assert!(
        outputs.contains(&format!("exit-code={}\n", done.code)),
        "{outputs}"
    );
    if !break_it && more.is_empty() {
        for name in ["impact.json", "impact.html", "impact.sarif", "impact.xml"] {
            assert!(here.join("reports").join(name).is_file(), "{name}");
        }
    }
    done
}

#[test]
fn a_pull_request_from_the_check_to_the_comment() {
    let server = server(vec![(200, "", json!([])), (201, "", json!({}))]);
    let run = pull_request(&server, false, true, &[]);
    assert_eq!(run.code, 14, "{}", run.err);
    assert!(
        run.out.starts_with("::error file=network/edge.rules,"),
        "{}",
        run.out
    );
    assert!(
        run.summary.contains("1 of 1 flow blocked"),
        "{}",
        run.summary
    );
    let seen = server.seen();
    let body = seen[1].body.as_ref().unwrap()["body"].as_str().unwrap();
    // The removed line is linked in the base, by its commit.
    assert!(body.contains("/network/edge.rules#L6)"), "{body}");
    note(&server);
}

#[test]
fn a_pull_request_from_a_fork() {
    let server = server(vec![]);
    let run = pull_request(&server, false, false, &[]);
    assert_eq!(run.code, 14, "{}", run.err);
    assert!(
        run.err.contains("no write access") && run.err.contains("step summary"),
        "{}",
        run.err
    );
    assert_eq!(run.summary.matches("### ").count(), 1, "{}", run.summary);
}

#[test]
fn a_pull_request_that_cannot_be_read() {
    let server = server(vec![(200, "", json!([])), (201, "", json!({}))]);
    let run = pull_request(&server, true, true, &[]);
    assert_eq!(run.code, 3, "{}", run.err);
    let seen = server.seen();
    let body = seen[1].body.as_ref().unwrap()["body"].as_str().unwrap();
    assert!(
        body.contains("could not be checked") && body.contains("edge.rules is no config"),
        "{body}"
    );
}

/// Where the base cannot be told there is no verdict, and that is said where a
/// green comment may stand from an earlier run.
#[test]
fn a_pull_request_without_its_base() {
    for (more, said) in [
        (
            ("GITHUB_BASE_REF", "nope"),
            "the base of this pull request is not here",
        ),
        // What pull_request_target checks out is the base.
        (("GITHUB_BASE_REF", "same"), "this checkout is the base"),
    ] {
        let server = server(vec![(200, "", json!([])), (201, "", json!({}))]);
        let run = pull_request(&server, false, true, &[more]);
        assert_eq!(run.code, 1, "{}", run.err);
        assert!(
            run.out.starts_with("::error title=fwimpact::"),
            "{}",
            run.out
        );
        assert!(run.summary.contains(said), "{}", run.summary);
        let seen = server.seen();
        let body = seen[1].body.as_ref().unwrap()["body"].as_str().unwrap();
        assert!(
            body.contains("could not be checked") && body.contains(said),
            "{body}"
        );
    }
}

#[test]
fn a_push_is_compared_with_what_was_before() {
    for before in ["main", "0000000000000000000000000000000000000000", ""] {
        let server = server(vec![]);
        let more = [("GITHUB_BASE_REF", ""), ("EVENT_BASE", before)];
        let run = pull_request(&server, false, true, &more);
        assert_eq!(run.code, 14, "{before}: {}", run.err);
        assert!(server.calls().is_empty());
    }
}
