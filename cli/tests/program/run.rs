//! Runs of the program in a folder of their own.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a run left behind.
pub struct Run {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// The step summary, where one was written.
    pub summary: String,
}

impl Run {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}{}", self.out, self.err))
    }
}

/// Makes a run independent of the pipeline in which the tests run.
pub fn alone(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let pipeline = ["GITHUB_", "GITLAB_", "CI_"]
            .iter()
            .any(|p| name.starts_with(p));
        if pipeline || name.to_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
}

/// The program in a folder.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fwimpact"));
    command.current_dir(folder).stdin(Stdio::null());
    alone(&mut command);
    command
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        summary: String::new(),
    }
}

/// Runs a command whose step summary is in a folder.
pub fn finish_with_summary(command: &mut Command, folder: &Path) -> Run {
    let file = folder.join("summary.md");
    let run = finish(command.env("GITHUB_STEP_SUMMARY", &file));
    Run {
        summary: std::fs::read_to_string(file).unwrap_or_default(),
        ..run
    }
}

/// Runs the program with more in its environment.
pub fn run_with(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command = program(folder);
    finish(command.envs(environment.iter().copied()).args(arguments))
}

/// Runs the program.
pub fn run(folder: &Path, arguments: &[&str]) -> Run {
    run_with(folder, &[], arguments)
}

/// Runs the program with a text on its standard input.
pub fn run_on(folder: &Path, input: &str, arguments: &[&str]) -> Run {
    let file = folder.join(".stdin");
    std::fs::write(&file, input).unwrap();
    let mut command = program(folder);
    command.stdin(std::fs::File::open(file).unwrap());
    finish(command.args(arguments))
}

/// Writes a file, and the folders above it.
pub fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A folder with files in it.
pub fn folder<T: AsRef<[u8]>>(files: &[(&str, T)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    folder
}

/// `git` in a folder; these tests need it.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(["-c", "init.defaultBranch=main"])
        .args(["-c", "commit.gpgsign=false"])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A flow through the rule [`RULE`].
pub const FLOWS: &str =
    "version: 1\nflows:\n  - {id: web, from: 10.0.0.0/24, to: 192.0.2.1, service: tcp/80}\n";
/// A flow that no device of these tests has to do with.
pub const ELSEWHERE: &str = "version: 1\nflows:\n  - {id: x, from: 203.0.113.1, to: 203.0.113.2, service: tcp/1, expect: deny}\n";
/// The rule that [`FLOWS`] needs.
pub const RULE: &str = "-A FORWARD -s 10.0.0.0/24 -d 192.0.2.1/32 -p tcp --dport 80 -j ACCEPT\n";

/// A configuration that forwards replies and what `rule` says.
pub fn rules(rule: &str) -> String {
    format!(
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n{rule}COMMIT\n"
    )
}

/// A repository with a base and, on a branch, a change of `net` and of what is
/// in `edited`.
pub fn repository(edited: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = folder(&[
        ("net/edge.rules", rules(RULE).as_str()),
        ("flows.yaml", FLOWS),
    ]);
    let here = folder.path();
    git(here, &["init", "-q"]);
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "base"]);
    git(here, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    git(here, &["checkout", "-qb", "change"]);
    write(here, "net/edge.rules", rules(""));
    for (name, text) in edited {
        write(here, name, text);
    }
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "change"]);
    folder
}

/// The arguments of `check` on two folders or files beside the flows.
pub const CHECK: [&str; 7] = [
    "check",
    "--before",
    "before",
    "--after",
    "after",
    "--flows",
    "flows.yaml",
];

/// The arguments of `check` in such a [`repository`], and more.
pub fn check<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut out = vec!["check", "--before", "git:main:net", "--after", "net"];
    out.extend(["--flows", "flows.yaml"]);
    out.extend(more);
    out
}

/// The codes of a report's findings.
pub fn codes(report: &Value) -> Vec<&str> {
    let list = report["findings"].as_array().unwrap();
    list.iter().map(|f| f["code"].as_str().unwrap()).collect()
}
