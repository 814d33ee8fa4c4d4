//! `comment` against a server of its own on this machine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used
)]

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

const TOKEN: &str = "secret-token-of-the-test";

#[derive(Clone, Debug)]
struct Seen {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name)?;
        Some(&found.1)
    }
}

/// Status, more headers, body.
type Reply = (u16, &'static str, Value);

struct Server {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// Answers with `replies` in their order; with 500 when there are no more.
fn server(replies: Vec<Reply>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let log = Arc::clone(&seen);
    std::thread::spawn(move || {
        let mut replies = VecDeque::from(replies);
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut first = String::new();
            if reader.read_line(&mut first).unwrap_or(0) == 0 {
                continue;
            }
            let mut words = first.split_whitespace();
            let method = words.next().unwrap().to_owned();
            let path = words.next().unwrap().to_owned();
            let mut headers = Vec::new();
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim().split_once(':') else {
                    break;
                };
                let (name, value) = (name.to_lowercase(), value.trim().to_owned());
                if name == "content-length" {
                    length = value.parse().unwrap();
                }
                headers.push((name, value));
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            log.lock().unwrap().push(Seen {
                method,
                path,
                headers,
                body: serde_json::from_slice(&body).ok(),
            });
            let (status, more, body) = replies.pop_front().unwrap_or((500, "", Value::Null));
            let body = body.to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} x\r\n{more}content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    Server { url, seen }
}

impl Server {
    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// `METHOD /path` of all requests.
    fn calls(&self) -> Vec<String> {
        let seen = self.seen();
        seen.iter()
            .map(|s| format!("{} {}", s.method, s.path))
            .collect()
    }
}

struct Run {
    code: i32,
    out: String,
    err: String,
    summary: String,
}

fn report(folder: &Path, hurt: bool) {
    let rule = "-A FORWARD -s 10.0.0.0/24 -d 192.0.2.1/32 -p tcp --dport 80 -j ACCEPT\n";
    let config = |rule: &str| {
        format!(
            "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n{rule}COMMIT\n"
        )
    };
    std::fs::write(folder.join("before.rules"), config(rule)).unwrap();
    std::fs::write(
        folder.join("after.rules"),
        config(if hurt { "" } else { rule }),
    )
    .unwrap();
    std::fs::write(
        folder.join("flows.yaml"),
        "version: 1\nflows:\n  - {id: web, from: 10.0.0.0/24, to: 192.0.2.1, service: tcp/80}\n",
    )
    .unwrap();
    let status = command(folder)
        .args([
            "check",
            "--before",
            "before.rules",
            "--after",
            "after.rules",
        ])
        .args(["--flows", "flows.yaml", "--exit-zero", "--quiet"])
        .args(["--report", "json=impact.json"])
        .output()
        .unwrap();
    assert!(
        status.status.success(),
        "{}",
        String::from_utf8_lossy(&status.stderr)
    );
}

/// The program without anything of the machine's own pipeline.
fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fwimpact"));
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let known = ["GITHUB_", "GITLAB_", "CI_"]
            .iter()
            .any(|p| name.starts_with(p));
        if known || name.to_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
}

fn comment(folder: &Path, environment: &[(&str, &str)], more: &[&str]) -> Run {
    let output = command(folder)
        .envs(environment.iter().copied())
        .env("GITHUB_STEP_SUMMARY", folder.join("summary.md"))
        .args(["comment", "impact.json", "--retry-after", "5"])
        .args(more)
        .output()
        .unwrap();
    let run = Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        summary: std::fs::read_to_string(folder.join("summary.md")).unwrap_or_default(),
    };
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

/// Writes the requests to a folder where they can be compared with GitHub's
/// description of its interface.
fn note(server: &Server) {
    let Some(folder) = std::env::var_os("FWIMPACT_SAMPLES") else {
        return;
    };
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(Path::new(&folder).join("github-requests.jsonl"))
        .unwrap();
    for s in server.seen() {
        let line = json!({"method": s.method, "path": s.path, "body": s.body});
        writeln!(file, "{line}").unwrap();
    }
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

/// A pull request in a repository, as action.yml runs it.
fn pull_request(server: &Server, break_it: bool, token: bool) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(here)
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args([
                "-c",
                "init.defaultBranch=main",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(arguments)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    git(&["init", "-q"]);
    report(here, true);
    std::fs::create_dir(here.join("network")).unwrap();
    let edge = here.join("network/edge.rules");
    std::fs::copy(here.join("before.rules"), &edge).unwrap();
    git(&["add", "network", "flows.yaml"]);
    git(&["commit", "-qm", "base"]);
    git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    if break_it {
        std::fs::write(&edge, "no configuration\n").unwrap();
    } else {
        std::fs::copy(here.join("after.rules"), &edge).unwrap();
    }
    git(&["commit", "-qam", "change"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../ci/github.sh");
    let mut run = command(here);
    let environment: Vec<_> = run
        .get_envs()
        .filter(|(_, value)| value.is_none())
        .map(|(name, _)| name.to_owned())
        .collect();
    run = Command::new("bash");
    run.current_dir(here).arg(script);
    for name in environment {
        run.env_remove(name);
    }
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
        .env("GITHUB_STEP_SUMMARY", here.join("summary.md"))
        .env("GITHUB_OUTPUT", here.join("output"));
    if token {
        run.env("GITHUB_TOKEN", TOKEN);
    }
    let output = run.output().unwrap();
    let outputs = std::fs::read_to_string(here.join("output")).unwrap();
    let code = output.status.code().unwrap();
    assert!(
        outputs.contains(&format!("exit-code={code}\n")),
        "{outputs}"
    );
    if !break_it {
        for name in ["impact.json", "impact.html", "impact.sarif", "impact.xml"] {
            assert!(here.join("reports").join(name).is_file(), "{name}");
        }
    }
    Run {
        code,
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        summary: std::fs::read_to_string(here.join("summary.md")).unwrap_or_default(),
    }
}

#[test]
fn a_pull_request_from_the_check_to_the_comment() {
    let server = server(vec![(200, "", json!([])), (201, "", json!({}))]);
    let run = pull_request(&server, false, true);
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
    let run = pull_request(&server, false, false);
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
    let run = pull_request(&server, true, true);
    assert_eq!(run.code, 3, "{}", run.err);
    let seen = server.seen();
    let body = seen[1].body.as_ref().unwrap()["body"].as_str().unwrap();
    assert!(
        body.contains("could not be checked") && body.contains("edge.rules is no config"),
        "{body}"
    );
}
