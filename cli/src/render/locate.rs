//! Where in the files something is: for formats whose readers open files.

use fw_impact::ImpactReport;
use fw_impact::report::{Decision, FlowReport, Side, TrafficGroup};

/// A line of a file of the inputs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Spot {
    /// The path as a reader of the repository knows it.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// Its text, where it is known.
    pub text: Option<String>,
}

/// The path without `git:REV:`, `git:REV:/` and `./`.
pub fn plain_path(file: &str) -> &str {
    let path = match file.strip_prefix("git:").and_then(|r| r.split_once(':')) {
        Some((_, path)) => path.trim_start_matches('/'),
        None => file,
    };
    path.strip_prefix("./").unwrap_or(path)
}

fn of_decision(decision: &Decision) -> Option<Spot> {
    Some(Spot {
        path: plain_path(decision.file.as_deref()?).to_owned(),
        line: decision.line?,
        text: decision.text.clone(),
    })
}

/// The lines that a flow's finding is about, the best one first: edited lines
/// that are still there, then changed settings, then the rule that decides
/// now, then lines that are gone.
pub fn flow(flow: &FlowReport) -> Vec<Spot> {
    let mut out: Vec<Spot> = Vec::new();
    let mut add = |spot: Spot| {
        if !out
            .iter()
            .any(|o| o.path == spot.path && o.line == spot.line)
        {
            out.push(spot);
        }
    };
    let cause = |side: Side| {
        flow.caused_by
            .iter()
            .filter(move |c| c.side == side)
            .map(|c| Spot {
                path: plain_path(&c.file).to_owned(),
                line: c.line,
                text: Some(c.text.clone()),
            })
    };
    cause(Side::After).for_each(&mut add);
    for change in &flow.changes {
        if let (Some(file), Some(line)) = (&change.file, change.line) {
            add(Spot {
                path: plain_path(file).to_owned(),
                line,
                text: None,
            });
        }
    }
    for reason in &flow.reasons {
        if let (Some(file), Some(line)) = (&reason.file, reason.line) {
            add(Spot {
                path: plain_path(file).to_owned(),
                line,
                text: reason.line_text.clone(),
            });
        }
    }
    flow.decided_by
        .after
        .iter()
        .filter_map(of_decision)
        .for_each(&mut add);
    cause(Side::Before).for_each(&mut add);
    flow.decided_by
        .before
        .iter()
        .filter_map(of_decision)
        .for_each(&mut add);
    out
}

/// The lines that open or close something.
pub fn group(group: &TrafficGroup) -> Vec<Spot> {
    let mut out: Vec<Spot> = group
        .grounds
        .decided_by
        .after
        .iter()
        .filter_map(of_decision)
        .collect();
    for reason in &group.grounds.reasons {
        if let (Some(file), Some(line)) = (&reason.file, reason.line) {
            out.push(Spot {
                path: plain_path(file).to_owned(),
                line,
                text: reason.line_text.clone(),
            });
        }
    }
    out.extend(
        group
            .grounds
            .decided_by
            .before
            .iter()
            .filter_map(of_decision),
    );
    out
}

/// The first line of the changed configuration: for what has no line of its
/// own in formats that ask for one.
pub fn somewhere(report: &ImpactReport) -> Spot {
    let input = report
        .inputs
        .iter()
        .find(|i| i.role == Side::After)
        .or_else(|| report.inputs.first());
    Spot {
        path: input.map_or_else(String::new, |i| plain_path(&i.path).to_owned()),
        line: 1,
        text: None,
    }
}

/// The bytes of a path that a URI may not hold, escaped.
pub fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Where the lines of files can be looked at in a browser.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Links {
    /// `https://github.com/owner/name/blob`, without a slash at the end.
    pub base: Option<String>,
    /// The commit of files that are named by their path.
    pub revision: Option<String>,
    /// The page of the run, for what does not fit.
    pub run: Option<String>,
}

impl Links {
    /// Those of the CI system this runs in.
    pub fn from_environment() -> Self {
        let get = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        if let (Some(server), Some(repository)) =
            (get("GITHUB_SERVER_URL"), get("GITHUB_REPOSITORY"))
        {
            return Self {
                base: Some(format!("{server}/{repository}/blob")),
                revision: get("GITHUB_SHA"),
                run: get("GITHUB_RUN_ID")
                    .map(|id| format!("{server}/{repository}/actions/runs/{id}")),
            };
        }
        if let Some(project) = get("CI_PROJECT_URL") {
            return Self {
                base: Some(format!("{project}/-/blob")),
                revision: get("CI_COMMIT_SHA"),
                run: get("CI_JOB_URL"),
            };
        }
        Self::default()
    }

    /// The page of a line, if there is one.
    pub fn line(&self, file: &str, line: Option<u32>) -> Option<String> {
        let base = self.base.as_deref()?;
        let (revision, path) = match file.strip_prefix("git:").and_then(|r| r.split_once(':')) {
            // `HEAD~2` and the like are known to git alone.
            Some((rev, path))
                if rev != "HEAD"
                    && rev
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c)) =>
            {
                // A leading slash is the top of the repository.
                let path = path.trim_start_matches('/');
                (rev.strip_prefix("origin/").unwrap_or(rev), path)
            }
            Some(_) => return None,
            None => (self.revision.as_deref()?, file),
        };
        let path = path.strip_prefix("./").unwrap_or(path);
        if path.is_empty() || path.starts_with('/') || path.split('/').any(|p| p == "..") {
            return None;
        }
        let anchor = line.map_or_else(String::new, |l| format!("#L{l}"));
        Some(format!("{base}/{}/{}{anchor}", uri(revision), uri(path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let links = Links {
            base: Some("https://example.org/o/r/blob".into()),
            revision: Some("abc".into()),
            run: None,
        };
        let line = |file| links.line(file, Some(3));
        assert_eq!(
            line("net/a b.cfg").as_deref(),
            Some("https://example.org/o/r/blob/abc/net/a%20b.cfg#L3")
        );
        assert_eq!(
            line("git:origin/main:net/a.cfg").as_deref(),
            Some("https://example.org/o/r/blob/main/net/a.cfg#L3")
        );
        assert_eq!(
            line("git:v1:/net/a.cfg").as_deref(),
            Some("https://example.org/o/r/blob/v1/net/a.cfg#L3")
        );
        for none in ["/etc/a", "../a", "git:HEAD~1:a", "git:HEAD:a"] {
            assert_eq!(line(none), None, "{none}");
        }
        assert_eq!(Links::default().line("a", None), None);
        assert_eq!(plain_path("git:main:./a.cfg"), "a.cfg");
        assert_eq!(plain_path("git:main:/a.cfg"), "a.cfg");
    }
}
