//! Requests of `comment` that do not go through at once.

use crate::comment::{CREATE, LIST, TOKEN, comment, github, report};
use crate::run::{Run, write};
use crate::server::{Server, server};
use serde_json::{Value, json};

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
