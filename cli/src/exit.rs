//! Exit codes, and failures that end a run.

use crate::problem::{Problem, nearest};

/// The tool failed: input or output, internal error.
pub const FAILED: u8 = 1;
/// Wrong usage.
pub const USAGE: u8 = 2;
/// An input could not be read as any known configuration, or a file that
/// people write is invalid.
pub const INVALID_INPUT: u8 = 3;

/// Why a command cannot go on.
#[derive(Debug)]
pub enum Failure {
    /// Input or output.
    Io(String),
    /// The command line.
    Usage(String),
    /// An input that is no known configuration.
    Input(String),
    /// A file that people write.
    Invalid(Vec<Problem>),
}

impl Failure {
    /// The exit code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Io(_) => FAILED,
            Self::Usage(_) => USAGE,
            Self::Input(_) | Self::Invalid(_) => INVALID_INPUT,
        }
    }

    /// Reading or writing `path` failed.
    pub fn io(what: &str, path: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let link = || std::fs::symlink_metadata(path).is_ok();
        let why = match error.kind() {
            ErrorKind::NotFound if what == "read" && link() => {
                "it is a link that leads to nothing".to_owned()
            }
            ErrorKind::NotFound => "no such file or folder".to_owned(),
            ErrorKind::PermissionDenied => "permission denied".to_owned(),
            ErrorKind::IsADirectory => "it is a folder".to_owned(),
            ErrorKind::NotADirectory => "a part of the path is no folder".to_owned(),
            _ => error.to_string(),
        };
        let near = match error.kind() {
            ErrorKind::NotFound if what == "read" && !link() => beside(path),
            _ => None,
        };
        let hint = near.map_or_else(String::new, |n| format!("\n  did you mean `{n}`?"));
        Self::Io(format!("cannot {what} {path}: {why}{hint}"))
    }

    /// What stands on the terminal.
    pub fn render(&self) -> String {
        match self {
            Self::Io(text) | Self::Usage(text) | Self::Input(text) => format!("error: {text}"),
            Self::Invalid(problems) => {
                /// A file that is broken throughout need not fill the screen.
                const SHOWN: usize = 50;
                let mut blocks: Vec<String> =
                    problems.iter().take(SHOWN).map(Problem::render).collect();
                if problems.len() > SHOWN {
                    blocks.push(format!("and {} more errors", problems.len() - SHOWN));
                } else if problems.len() > 1 {
                    blocks.push(format!("{} errors", problems.len()));
                }
                blocks.join("\n")
            }
        }
    }
}

/// A file or folder whose name is near to that of `path`, in the same folder.
fn beside(path: &str) -> Option<String> {
    let (folder, name) = match path.rsplit_once('/') {
        Some((folder, name)) => (Some(folder), name),
        None => (None, path),
    };
    let mut known: Vec<String> = std::fs::read_dir(folder.unwrap_or("."))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    known.sort();
    let near = nearest(name, known.iter().map(String::as_str))?;
    Some(match folder {
        Some(folder) => format!("{folder}/{near}"),
        None => near.to_owned(),
    })
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Invalid(problems)
    }
}
