//! `comment` against a server of its own on this machine.

use crate::run::{FLOWS, RULE, Run, finish_with_summary, program, rules, run, write};
use crate::server::{Server, note, server};
use serde_json::{Value, json};
use std::path::Path;

pub const TOKEN: &str = "secret-token-of-the-test";

/// Writes an impact report into a folder, and what it is about.
pub fn report(folder: &Path, hurt: bool) {
    write(folder, "before.rules", rules(RULE));
    write(folder, "after.rules", rules(if hurt { "" } else { RULE }));
    write(folder, "flows.yaml", FLOWS);
    let mut arguments = vec!["check", "--before", "before.rules"];
    arguments.extend(["--after", "after.rules", "--flows", "flows.yaml"]);
    arguments.extend(["--exit-zero", "--quiet", "--report", "json=impact.json"]);
    let run = run(folder, &arguments);
    assert_eq!(run.code, 0, "{}", run.err);
}

fn comment(folder: &Path, environment: &[(&str, &str)], more: &[&str]) -> Run {
    let mut command = program(folder);
    command.envs(environment.iter().copied());
    command.args(["comment", "impact.json", "--retry-after", "5"]);
    let run = finish_with_summary(command.args(more), folder);
    for text in [&run.out, &run.err, &run.summary] {
        assert!(!text.contains(TOKEN), "{text}");
    }
    run
}

fn github(server: &Server, more: &[&str], hurt: bool) -> Run {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), hurt);
    let environment = [
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_REF", "refs/pull/7/merge"),
        ("GITHUB_API_URL", server.url.as_str()),
        ("GITHUB_TOKEN", TOKEN),
    ];
    let run = comment(folder.path(), &environment, more);
    note(server);
    run
}

fn gitlab(server: &Server, more: &[&str], hurt: bool) -> Run {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), hurt);
    let environment = [
        ("CI_PROJECT_ID", "42"),
        ("CI_MERGE_REQUEST_IID", "7"),
        ("CI_API_V4_URL", server.url.as_str()),
        ("GITLAB_TOKEN", TOKEN),
    ];
    comment(folder.path(), &environment, more)
}

const LIST: &str = "GET /repos/o/r/issues/7/comments?per_page=100&page=1";
const CREATE: &str = "POST /repos/o/r/issues/7/comments";

#[test]
fn the_first_comment_is_created() {
    let server = server(vec![
        (
            200,
            "",
            json!([{"id": 1, "body": "thanks! <!-- fwimpact:default -->"}]),
        ),
        (201, "", json!({"id": 2})),
        (200, "", json!([])),
    ]);
    let run = github(&server, &["--label", "fwimpact: blocked", "-v"], true);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.err.contains("created on o/r#7"), "{}", run.err);
    assert_eq!(
        server.calls(),
        [LIST, CREATE, "POST /repos/o/r/issues/7/labels"]
    );
    let seen = server.seen();
    let body = seen[1].body.as_ref().unwrap()["body"].as_str().unwrap();
    assert!(
        body.starts_with("<!-- fwimpact:default -->\n### ❌ fwimpact: 1 of 1 flow blocked"),
        "{body}"
    );
    assert!(body.chars().count() <= 65_536);
    assert_eq!(seen[2].body, Some(json!({"labels": ["fwimpact: blocked"]})));
    for s in &seen {
        assert_eq!(
            s.header("authorization"),
            Some(format!("Bearer {TOKEN}").as_str())
        );
        assert_eq!(s.header("accept"), Some("application/vnd.github+json"));
        assert!(s.header("user-agent").unwrap().starts_with("fwimpact/"));
    }
    assert!(run.summary.is_empty());
}

#[test]
fn the_comment_is_updated_and_found_on_later_pages() {
    let page: Vec<Value> = (0..100).map(|n| json!({"id": n, "body": "x"})).collect();
    let server = server(vec![
        (200, "", json!(page)),
        (
            200,
            "",
            json!([{"id": 500, "body": "<!-- fwimpact:default -->\nold"}]),
        ),
        (200, "", json!({"id": 500})),
        (404, "", json!({"message": "Label does not exist"})),
    ]);
    let run = github(&server, &["--label", "fwimpact: blocked"], false);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        server.calls(),
        [
            LIST,
            "GET /repos/o/r/issues/7/comments?per_page=100&page=2",
            "PATCH /repos/o/r/issues/comments/500",
            "DELETE /repos/o/r/issues/7/labels/fwimpact%3A%20blocked",
        ]
    );
    let body = server.seen()[2].body.clone().unwrap();
    assert!(body["body"].as_str().unwrap().contains("✅"), "{body}");
}

#[test]
fn the_same_comment_is_left_alone() {
    let first = server(vec![(200, "", json!([])), (201, "", json!({}))]);
    github(&first, &[], true);
    let body = first.seen()[1].body.clone().unwrap()["body"].clone();
    let second = server(vec![(200, "", json!([{"id": 3, "body": body}]))]);
    let run = github(&second, &[], true);
    assert_eq!((run.code, second.calls().len()), (0, 1), "{}", run.err);
}

#[test]
fn keys_tell_comments_apart() {
    let server = server(vec![
        (
            200,
            "",
            json!([{"id": 3, "body": "<!-- fwimpact:default -->"}]),
        ),
        (201, "", json!({})),
    ]);
    let run = github(&server, &["--key", "core"], true);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(server.calls()[1], CREATE);
    let wrong = github(&server, &["--key", "a-->b"], true);
    assert_eq!(wrong.code, 2);
}

#[test]
fn without_write_access_the_summary_tells() {
    for status in [403, 404] {
        let server = server(vec![
            (200, "", json!([])),
            (
                status,
                "",
                json!({"message": "Resource not accessible by integration"}),
            ),
        ]);
        let run = github(&server, &[], true);
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(run.err.contains("no write access to o/r#7"), "{}", run.err);
        assert!(run.err.contains("step summary"), "{}", run.err);
        assert!(
            run.summary.contains("1 of 1 flow blocked"),
            "{}",
            run.summary
        );
        assert_eq!(server.calls().len(), 2, "no second attempt");
    }
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), true);
    let environment = [
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_REF", "refs/pull/7/merge"),
    ];
    let run = comment(folder.path(), &environment, &[]);
    assert_eq!(run.code, 0);
    assert!(run.err.contains("GITHUB_TOKEN is not set"), "{}", run.err);
    assert!(run.summary.contains("blocked"));
}

#[test]
fn limits_and_short_failures_are_waited_for() {
    let busy = server(vec![
        (502, "", Value::Null),
        (429, "retry-after: 0\r\n", json!({"message": "slow down"})),
        (
            403,
            "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1\r\n",
            json!({}),
        ),
        (200, "", json!([])),
        (
            403,
            "retry-after: 0\r\n",
            json!({"message": "secondary rate limit"}),
        ),
        (201, "", json!({})),
    ]);
    let run = github(&busy, &[], true);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(busy.calls(), [LIST, LIST, LIST, LIST, CREATE, CREATE]);
    assert!(run.summary.is_empty());
    // Whether a comment was created is not known: it is not created twice.
    let broken = server(vec![(200, "", json!([])), (502, "", Value::Null)]);
    let run = github(&broken, &[], true);
    assert_eq!((run.code, broken.calls().len()), (1, 2), "{}", run.err);
    // It gives up in the end, and at once where the wait would be too long.
    let dead = server(vec![]);
    let run = github(&dead, &[], true);
    assert_eq!((run.code, dead.calls().len()), (1, 5), "{}", run.err);
    let long = server(vec![(429, "retry-after: 3600\r\n", Value::Null)]);
    let run = github(&long, &[], true);
    assert_eq!((run.code, long.calls().len()), (1, 1), "{}", run.err);
}

#[test]
fn a_wrong_token_is_a_failure() {
    let server = server(vec![(401, "", json!({"message": "Bad credentials"}))]);
    let run = github(&server, &[], true);
    assert_eq!(run.code, 1);
    assert_eq!(run.err, "error: o/r#7: status 401: Bad credentials\n");
}

#[test]
fn a_redirect_does_not_take_the_token_elsewhere() {
    let other = server(vec![(200, "", json!([]))]);
    let location: &'static str =
        Box::leak(format!("location: {}/x\r\n", other.url).into_boxed_str());
    let server = server(vec![(301, location, Value::Null)]);
    let run = github(&server, &[], true);
    assert_eq!(run.code, 1, "{}", run.err);
    assert!(other.calls().is_empty());
}

#[test]
fn the_token_is_not_sent_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), true);
    let environment = [
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_REF", "refs/pull/7/merge"),
        ("GITHUB_API_URL", "http://github.example.org/api/v3"),
        ("GITHUB_TOKEN", TOKEN),
    ];
    let run = comment(folder.path(), &environment, &[]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("no https address"), "{}", run.err);
}

#[test]
fn a_dry_run_sends_nothing() {
    let server = server(vec![]);
    let run = github(&server, &["--dry-run"], true);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(
        run.out.starts_with("<!-- fwimpact:default -->"),
        "{}",
        run.out
    );
    assert!(run.err.contains("o/r#7"));
    assert!(server.calls().is_empty());
}

#[test]
fn a_check_that_failed_is_never_green() {
    let server = server(vec![(200, "", json!([])), (201, "", json!({}))]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("errors.txt"),
        "error: a.cfg is no config\n```\n",
    )
    .unwrap();
    let environment = [
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_REF", "refs/pull/7/merge"),
        ("GITHUB_API_URL", server.url.as_str()),
        ("GITHUB_TOKEN", TOKEN),
    ];
    let run = comment(folder.path(), &environment, &["--failed", "errors.txt"]);
    assert_eq!(run.code, 0, "{}", run.err);
    let seen = server.seen();
    let body = seen[1].body.as_ref().unwrap()["body"].as_str().unwrap();
    assert!(
        body.contains("could not be checked") && body.contains("a.cfg is no config"),
        "{body}"
    );
    assert!(!body.contains('✅'));
    // Without the messages a missing report is a failure of its own.
    let run = comment(folder.path(), &environment, &[]);
    assert_eq!(run.code, 1, "{}", run.err);
    std::fs::write(folder.path().join("impact.json"), "{}").unwrap();
    let run = comment(folder.path(), &environment, &[]);
    assert_eq!(run.code, 3, "{}", run.err);
}

#[test]
fn gitlab_notes_and_labels() {
    let server = server(vec![
        (200, "", json!([])),
        (201, "", json!({"id": 9})),
        (200, "", json!({})),
    ]);
    let run = gitlab(&server, &["--label", "risk"], true);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        server.calls(),
        [
            "GET /projects/42/merge_requests/7/notes?per_page=100&page=1",
            "POST /projects/42/merge_requests/7/notes",
            "PUT /projects/42/merge_requests/7",
        ]
    );
    let seen = server.seen();
    assert_eq!(seen[0].header("private-token"), Some(TOKEN));
    assert!(seen[1].body.as_ref().unwrap()["body"].is_string());
    assert_eq!(seen[2].body, Some(json!({"add_labels": "risk"})));
}

#[test]
fn a_gitlab_note_is_updated() {
    let server = server(vec![
        (
            200,
            "",
            json!([{"id": 9, "body": "<!-- fwimpact:default -->\n"}]),
        ),
        (200, "", json!({"id": 9})),
        (200, "", json!({})),
    ]);
    let run = gitlab(&server, &["--label", "risk"], false);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        server.calls()[1],
        "PUT /projects/42/merge_requests/7/notes/9"
    );
    assert_eq!(
        server.seen()[2].body,
        Some(json!({"remove_labels": "risk"}))
    );
}

#[test]
fn outside_a_request_there_is_nothing_to_comment_on() {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), true);
    let run = comment(folder.path(), &[], &[]);
    assert_eq!(run.code, 2, "{}", run.err);
    let run = comment(folder.path(), &[("GITHUB_REPOSITORY", "o/r")], &[]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("--number"), "{}", run.err);
}
