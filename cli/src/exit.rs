//! Exit codes, and failures that end a run.

use crate::problem::Problem;

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
        let why = match error.kind() {
            ErrorKind::NotFound => "no such file or folder".to_owned(),
            ErrorKind::PermissionDenied => "permission denied".to_owned(),
            ErrorKind::IsADirectory => "it is a folder".to_owned(),
            ErrorKind::NotADirectory => "a part of the path is no folder".to_owned(),
            _ => error.to_string(),
        };
        Self::Io(format!("cannot {what} {path}: {why}"))
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

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Invalid(problems)
    }
}
