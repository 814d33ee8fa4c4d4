//! From where the files are read that decide what is reported.
//!
//! A change must not be judged by flows, approvals or assumptions that it
//! brings along itself. Where a base revision is known these files are read
//! from it, and a difference is a finding.

use crate::exit::Failure;
use crate::input::git::{self, Tree};
use crate::input::read;
use fw_impact::report::{ChangeSeverity, Finding};
use fw_model::Source;
use std::path::Path;

/// The base revision, if there is one, and what was found out.
#[derive(Default)]
pub struct Policy {
    base: Option<String>,
    /// One finding a file that the change edits.
    pub findings: Vec<Finding>,
}

impl Policy {
    /// Files are read from the folder as they are.
    pub fn here() -> Self {
        Self::default()
    }

    /// `here`, `git:REV`, or, if nothing is said, the merge base of the
    /// pull or merge request that this runs for.
    ///
    /// # Errors
    /// If the revision cannot be found.
    pub fn new(option: Option<&str>) -> Result<Self, Failure> {
        let base = match option {
            Some("here") => None,
            Some(text) => match text.strip_prefix("git:").map(|r| r.trim_end_matches(':')) {
                Some(revision) if !revision.is_empty() && !revision.starts_with('-') => {
                    Some(git::commit(revision)?)
                }
                _ => {
                    return Err(Failure::Usage(format!(
                        "--policy-from `{text}` is no revision\n  write it as git:REV, or `here` for the files as they are"
                    )));
                }
            },
            None => requested()?,
        };
        Ok(Self {
            base,
            findings: Vec::new(),
        })
    }

    /// The base revision.
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// Reads a file that decides what is reported.
    ///
    /// # Errors
    /// If it cannot be read or holds no text.
    pub fn read(&mut self, path: &str) -> Result<Source, Failure> {
        match self.judged(path, true)? {
            Some(text) => Ok(text),
            None => crate::input::text_file(path),
        }
    }

    /// The same for a file that need not exist.
    ///
    /// # Errors
    /// If it cannot be read or holds no text.
    pub fn read_if_there(&mut self, path: &str) -> Result<Option<Source>, Failure> {
        if let Some(source) = self.judged(path, true)? {
            return Ok(Some(source));
        }
        if Path::new(path).is_file() {
            return crate::input::text_file(path).map(Some);
        }
        Ok(None)
    }

    /// Reads a file as it is; an edit is a finding all the same.
    ///
    /// # Errors
    /// If it cannot be read or holds no text.
    pub fn read_here(&mut self, path: &str) -> Result<Source, Failure> {
        self.judged(path, false)?;
        crate::input::text_file(path)
    }

    /// The file at the base revision, if it is there.
    fn judged(&mut self, path: &str, from_base: bool) -> Result<Option<Source>, Failure> {
        let Some(base) = self.base.clone() else {
            return Ok(None);
        };
        if path == "-" {
            return Ok(None);
        }
        // Whichever way the path was written: what lies in the repository is a
        // part of the change, and nothing else is.
        let mut names = git::inside(path);
        if names.is_empty() {
            if git::has_files() {
                return Ok(None);
            }
            names.push(path.trim_start_matches('/').to_owned());
        }
        let mut there = None;
        for name in names {
            let tree = Tree {
                revision: base.clone(),
                path: format!("/{name}"),
            };
            there = there.or(tree.file()?);
        }
        // What cannot be read is not taken for a file that is not there.
        let here = match std::fs::symlink_metadata(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            _ => Some(read::file(path)?),
        };
        if let Some(message) = told(path, &base, &there, &here, from_base) {
            self.edited(path, message);
        }
        let Some(bytes) = there else {
            return Ok(None);
        };
        match fw_parse::decode(&bytes) {
            Ok(text) => Ok(Some(Source::new(path, text))),
            Err(fw_parse::NotText::Empty) => Ok(Some(Source::new(path, String::new()))),
            Err(why) => Err(Failure::Input(format!(
                "{path} of the base revision is no text: {why}"
            ))),
        }
    }

    /// Notes that the topology file of a folder was edited; it lies among the
    /// configurations, and each side is read with its own.
    pub fn topology(&mut self, before: Option<&Source>, after: Option<&Source>) {
        let text = |side: Option<&Source>| side.map(|s| s.text.clone());
        let Some(path) = after.or(before).map(|s| s.path.clone()) else {
            return;
        };
        if self.base.is_some() && text(before) != text(after) {
            self.edited(
                &path,
                format!("this change edits `{path}`, which tells where hosts live"),
            );
        }
    }

    fn edited(&mut self, path: &str, message: String) {
        self.findings.push(Finding {
            code: "policy-file-changed".into(),
            severity: ChangeSeverity::High,
            message,
            flow: None,
            file: Some(path.to_owned()),
            line: None,
        });
    }
}

/// What there is to say of a file that differs from that of the base.
fn told(
    path: &str,
    base: &str,
    there: &Option<Vec<u8>>,
    here: &Option<Vec<u8>>,
    from_base: bool,
) -> Option<String> {
    let short: String = base.chars().take(12).collect();
    match (there, here) {
        (None, Some(_)) => Some(format!(
            "`{path}` is not in the base revision {short}; it is read as this change has it"
        )),
        (Some(_), None) => Some(format!(
            "this change removes `{path}`; it is read from the base revision {short}"
        )),
        (Some(old), Some(new)) if old != new => Some(if from_base {
            format!(
                "this change edits `{path}`; it is judged by the one of the base revision {short}"
            )
        } else {
            format!("this change edits `{path}`")
        }),
        _ => None,
    }
}

/// The commit that the request is to go into, of the one that this runs for.
fn requested() -> Result<Option<String>, Failure> {
    let found = if let Some(base) = variable("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")
        // A pipeline of merged results, else one of the branch.
        .or_else(|| variable("CI_MERGE_REQUEST_DIFF_BASE_SHA"))
    {
        git::merge_base(&base)
    } else if let Some(base) = variable("GITHUB_BASE_REF") {
        git::merge_base(&format!("origin/{base}"))
    } else if let Some(base) = queued() {
        git::commit(&base)
    } else {
        return Ok(None);
    };
    found.map(Some).map_err(|failure| {
        Failure::Io(format!(
            "the base of this request cannot be found\n  {}\n  check out its whole history (fetch-depth: 0), or say --policy-from git:REV or --policy-from here",
            failure.render().trim_start_matches("error: ")
        ))
    })
}

/// The base of what waits in GitHub's merge queue.
fn queued() -> Option<String> {
    if variable("GITHUB_EVENT_NAME")? != "merge_group" {
        return None;
    }
    let text = std::fs::read_to_string(variable("GITHUB_EVENT_PATH")?).ok()?;
    let event: serde_json::Value = serde_json::from_str(&text).ok()?;
    let base = event.pointer("/merge_group/base_sha")?.as_str()?;
    Some(base.to_owned())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}
