//! `comment` on GitLab.

use crate::comment::{TOKEN, comment, report};
use crate::run::Run;
use crate::server::{Server, server};
use serde_json::json;

/// The comment of a pipeline of a merge request.
pub fn gitlab(server: &Server, more: &[&str], hurt: bool) -> Run {
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
