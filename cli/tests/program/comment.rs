//! `comment` against a server of its own on this machine.

use crate::gitlab::gitlab;
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

/// Runs `comment` with an environment of its own.
pub fn comment(folder: &Path, environment: &[(&str, &str)], more: &[&str]) -> Run {
    let mut command = program(folder);
    command.envs(environment.iter().copied());
    command.args(["comment", "impact.json", "--retry-after", "5"]);
    let run = finish_with_summary(command.args(more), folder);
    for text in [&run.out, &run.err, &run.summary] {
        assert!(!text.contains(TOKEN), "{text}");
    }
    run
}

/// The comment of a workflow of a pull request.
pub fn github(server: &Server, more: &[&str], hurt: bool) -> Run {
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

pub const LIST: &str = "GET /repos/o/r/issues/7/comments?per_page=100&page=1";
pub const CREATE: &str = "POST /repos/o/r/issues/7/comments";

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
            json!([
                {"id": 499, "body": "<!-- fwimpact:default -->", "user": {"id": 1, "type": "User"}},
                {"id": 500, "body": "<!-- fwimpact:default -->\nold", "user": {"id": 2, "type": "Bot"}},
            ]),
        ),
        (
            403,
            "",
            json!({"message": "Resource not accessible by integration"}),
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
            "GET /user",
            "PATCH /repos/o/r/issues/comments/500",
            "DELETE /repos/o/r/issues/7/labels/fwimpact%3A%20blocked",
        ]
    );
    let body = server.seen()[3].body.clone().unwrap();
    assert!(body["body"].as_str().unwrap().contains("✅"), "{body}");
}

#[test]
fn the_same_comment_is_left_alone() {
    let first = server(vec![(200, "", json!([])), (201, "", json!({}))]);
    github(&first, &[], true);
    let body = first.seen()[1].body.clone().unwrap()["body"].clone();
    let own = json!([{"id": 3, "body": body, "user": {"id": 9, "type": "User"}}]);
    let second = server(vec![(200, "", own), (200, "", json!({"id": 9}))]);
    let run = github(&second, &[], true);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(second.calls(), [LIST, "GET /user"]);
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
fn the_comment_of_somebody_else_is_left_alone() {
    let theirs =
        json!([{"id": 3, "body": "<!-- fwimpact:default -->", "user": {"id": 1, "type": "User"}}]);
    for us in [
        (200, "", json!({"id": 2})),
        (
            403,
            "",
            json!({"message": "Resource not accessible by integration"}),
        ),
    ] {
        let server = server(vec![(200, "", theirs.clone()), us, (201, "", json!({}))]);
        let run = github(&server, &[], true);
        assert_eq!(run.code, 0, "{}", run.err);
        assert_eq!(server.calls(), [LIST, "GET /user", CREATE]);
    }
    let theirs = json!([{"id": 3, "body": "<!-- fwimpact:default -->", "author": {"id": 1}}]);
    let server = server(vec![
        (200, "", theirs),
        (200, "", json!({"id": 2})),
        (201, "", json!({})),
    ]);
    let run = gitlab(&server, &[], true);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        server.calls()[2],
        "POST /projects/42/merge_requests/7/notes"
    );
}

#[test]
fn headers_tell_whether_a_list_goes_on() {
    let next = "link: <https://x.example/?page=2>; rel=\"next\"\r\n";
    let last = "link: <https://x.example/?page=1>; rel=\"prev\"\r\n";
    // Comments that this token may not see make a page short.
    let short = server(vec![
        (200, next, json!([{"id": 1, "body": "x"}])),
        (200, last, json!([])),
        (201, "", json!({})),
    ]);
    let run = github(&short, &[], true);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(short.calls().len(), 3);
    let full: Vec<Value> = (0..100).map(|n| json!({"id": n, "body": "x"})).collect();
    let gitlab_last = server(vec![
        (200, "x-next-page: \r\n", json!(full)),
        (201, "", json!({})),
    ]);
    let run = gitlab(&gitlab_last, &[], true);
    assert_eq!((run.code, gitlab_last.calls().len()), (0, 2), "{}", run.err);
}

#[test]
fn labels_that_may_not_be_set_do_not_undo_the_comment() {
    for hurt in [true, false] {
        let server = server(vec![
            (200, "", json!([])),
            (201, "", json!({})),
            (
                403,
                "",
                json!({"message": "Resource not accessible by integration"}),
            ),
        ]);
        let run = github(&server, &["--label", "risk"], hurt);
        assert_eq!(run.code, 0, "{}", run.err);
        assert!(
            run.err.contains("the labels of o/r#7 are as they were"),
            "{}",
            run.err
        );
        assert!(run.summary.is_empty());
    }
    let server = server(vec![]);
    assert_eq!(github(&server, &["--label", " "], true).code, 2);
    assert_eq!(gitlab(&server, &["--label", "a,b"], true).code, 2);
    assert!(server.calls().is_empty());
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
    let run = github(&server, &["--dry-run", "--label", "risk"], true);
    assert!(run.err.contains("o/r#7, and set risk"), "{}", run.err);
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
fn outside_a_request_there_is_nothing_to_comment_on() {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), true);
    let run = comment(folder.path(), &[], &[]);
    assert_eq!(run.code, 2, "{}", run.err);
    let run = comment(folder.path(), &[("GITHUB_REPOSITORY", "o/r")], &[]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("--number"), "{}", run.err);
}
