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

/// The same where the service itself said which addresses to ask.
fn github_unchecked(server: &Server) -> Run {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), true);
    let environment = [
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_REF", "refs/pull/7/merge"),
        ("GITHUB_API_URL", server.url.as_str()),
        ("GITHUB_TOKEN", TOKEN),
    ];
    comment(folder.path(), &environment, &[])
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
        (
            403,
            "x-ratelimit-remaining: 4000\r\n",
            json!({"message": "You have exceeded a secondary rate limit. Please wait"}),
        ),
        (201, "", json!({})),
    ]);
    let run = github(&busy, &[], true);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        busy.calls(),
        [LIST, LIST, LIST, LIST, CREATE, CREATE, CREATE]
    );
    assert!(run.summary.is_empty());
    // It gives up in the end, and at once where the wait would be too long.
    let dead = server(vec![]);
    let run = github(&dead, &[], true);
    assert_eq!((run.code, dead.calls().len()), (1, 5), "{}", run.err);
    let long = server(vec![(429, "retry-after: 3600\r\n", Value::Null)]);
    let run = github(&long, &[], true);
    assert_eq!((run.code, long.calls().len()), (1, 1), "{}", run.err);
    assert!(run.err.contains("wait for 3600 s"), "{}", run.err);
}

#[test]
fn a_lost_answer_makes_no_second_comment() {
    let body = {
        let first = server(vec![(200, "", json!([])), (201, "", json!({}))]);
        github(&first, &[], true);
        first.seen()[1].body.clone().unwrap()["body"].clone()
    };
    let own = json!([{"id": 3, "body": body, "user": {"id": 9, "type": "Bot"}}]);
    let arrived = server(vec![
        (200, "", json!([])),
        (502, "", Value::Null),
        (200, "", own),
        (
            403,
            "",
            json!({"message": "Resource not accessible by integration"}),
        ),
    ]);
    let run = github(&arrived, &[], true);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(arrived.calls(), [LIST, CREATE, LIST, "GET /user"]);
    let lost = server(vec![
        (200, "", json!([])),
        (502, "", Value::Null),
        (200, "", json!([])),
        (201, "", json!({})),
    ]);
    let run = github(&lost, &[], true);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(lost.calls(), [LIST, CREATE, LIST, CREATE]);
    let broken = server(vec![
        (200, "", json!([])),
        (502, "", Value::Null),
        (200, "", json!([])),
        (502, "", Value::Null),
    ]);
    let run = github(&broken, &[], true);
    assert_eq!((run.code, broken.calls().len()), (1, 4), "{}", run.err);
}

#[test]
fn refusals_say_what_to_do() {
    for (reply, said) in [
        (
            (401, "", json!({"message": "Bad credentials"})),
            "error: o/r#7: status 401: Bad credentials\n  the token is wrong, or no longer valid\n",
        ),
        (
            (404, "", json!({"message": "Not Found"})),
            "error: o/r#7: status 404: Not Found\n  there is no such request, or the token may not know of it\n",
        ),
        (
            (
                422,
                "",
                json!({"message": "Validation Failed", "errors": [{"resource": "IssueComment", "field": "body", "code": "custom", "message": "is too long"}]}),
            ),
            "error: o/r#7: status 422: Validation Failed; body is too long\n",
        ),
        ((410, "", Value::Null), "error: o/r#7: status 410\n"),
    ] {
        let server = server(vec![reply]);
        let run = github(&server, &[], true);
        assert_eq!((run.code, run.err.as_str()), (1, said));
        assert_eq!(server.calls().len(), 1);
    }
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
fn a_redirect_is_followed_on_its_host_alone() {
    let other = server(vec![(200, "", json!([]))]);
    for location in [
        format!("location: {}/x\r\n", other.url),
        "location: //example.org/x\r\n".to_owned(),
    ] {
        let server = server(vec![(301, location.leak(), Value::Null); 5]);
        let run = github(&server, &[], true);
        assert_eq!(run.code, 1, "{}", run.err);
        assert!(run.err.contains("the token is not sent"), "{}", run.err);
        assert!(other.calls().is_empty());
    }
    // A repository that has another name now.
    let moved = server(vec![
        (
            301,
            "location: /repositories/9/issues/7/comments\r\n",
            Value::Null,
        ),
        (200, "", json!([])),
        (
            307,
            "location: /repositories/9/issues/7/comments\r\n",
            Value::Null,
        ),
        (201, "", json!({})),
    ]);
    let run = github_unchecked(&moved);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        moved.calls(),
        [
            LIST,
            "GET /repositories/9/issues/7/comments",
            CREATE,
            "POST /repositories/9/issues/7/comments"
        ]
    );
    assert!(moved.seen()[3].body.is_some());
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
            json!([{"id": 9, "body": "<!-- fwimpact:default -->\n", "author": {"id": 5}}]),
        ),
        (200, "", json!({"id": 5})),
        (200, "", json!({"id": 9})),
        (200, "", json!({})),
    ]);
    let run = gitlab(&server, &["--label", "risk"], false);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        server.calls()[2],
        "PUT /projects/42/merge_requests/7/notes/9"
    );
    assert_eq!(
        server.seen()[3].body,
        Some(json!({"remove_labels": "risk"}))
    );
}

/// The pipeline of a fork runs in the fork, with the token of its job.
#[test]
fn a_gitlab_pipeline_of_a_fork() {
    for status in [401, 403, 404] {
        let server = server(vec![(status, "", json!({"message": "no"}))]);
        let folder = tempfile::tempdir().unwrap();
        report(folder.path(), true);
        let environment = [
            ("CI_PROJECT_ID", "43"),
            ("CI_MERGE_REQUEST_PROJECT_ID", "42"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_API_V4_URL", server.url.as_str()),
            ("CI_JOB_TOKEN", TOKEN),
        ];
        let run = comment(folder.path(), &environment, &[]);
        assert_eq!(run.code, 0, "{status}: {}", run.err);
        assert!(run.err.contains("no write access to 42!7"), "{}", run.err);
        assert!(run.err.contains("GITLAB_TOKEN"), "{}", run.err);
        let seen = server.seen();
        assert!(
            seen[0]
                .path
                .starts_with("/projects/42/merge_requests/7/notes?")
        );
        assert_eq!(seen[0].header("job-token"), Some(TOKEN));
    }
    let server = server(vec![(401, "", json!({"message": "401 Unauthorized"}))]);
    let wrong = gitlab(&server, &[], true);
    assert_eq!(wrong.code, 1, "{}", wrong.err);
    assert!(wrong.err.contains("no longer valid"), "{}", wrong.err);
}

/// Addresses to which a token does not go, and certificates that are not there.
#[test]
fn addresses_and_certificates() {
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), true);
    write(folder.path(), "none.pem", "no certificate\n");
    let run = |address: &str, more: &[(&str, &str)]| {
        let mut environment = vec![
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_REF", "refs/pull/7/merge"),
            ("GITHUB_API_URL", address),
            ("GITHUB_TOKEN", TOKEN),
        ];
        environment.extend(more);
        comment(folder.path(), &environment, &[])
    };
    for address in [
        "http://localhost:1@github.example.org",
        "https://x@github.example.org/api/v3",
        "github.example.org",
        "https://",
        "ftp://github.example.org",
    ] {
        let run = run(address, &[]);
        assert_eq!(run.code, 2, "{address}: {}", run.err);
        assert!(run.err.contains("no https address"), "{}", run.err);
    }
    for (file, said) in [
        ("nope.pem", "cannot read nope.pem"),
        ("none.pem", "no certificate"),
    ] {
        let run = run("https://127.0.0.1:1", &[("SSL_CERT_FILE", file)]);
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(run.err.contains(said), "{}", run.err);
    }
    // A token that cannot be a header is not told either.
    let odd = [("GITHUB_TOKEN", "secret-token-of-the-test\nx")];
    let run = run("http://127.0.0.1:1", &odd);
    assert_eq!(run.code, 1, "{}", run.err);
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
