//! Reports as text of some format.
//!
//! A format is one file with a [`Format`] in it, and one line in [`FORMATS`].

pub mod assumed;
pub mod csv;
pub mod devices;
pub mod github;
pub mod gitlab;
pub mod html;
pub mod issue;
pub mod json;
pub mod junit;
pub mod locate;
pub mod markdown;
pub mod sarif;
pub mod text;
pub mod words;
pub mod xml;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use crate::exit::Failure;
use crate::show::{FlowsReport, ShowReport};
use clap::builder::PossibleValuesParser;
use fw_impact::{DiffReport, ImpactReport, TraceReport};
use locate::Links;

/// A report of any command.
#[derive(Clone, Copy)]
pub enum Report<'a> {
    /// `check`
    Impact(&'a ImpactReport),
    /// `diff`
    Diff(&'a DiffReport),
    /// `trace`
    Trace(&'a TraceReport),
    /// `show`
    Show(&'a ShowReport),
    /// `flows check`
    Flows(&'a FlowsReport),
}

impl Report<'_> {
    /// The command that makes such reports.
    const fn command(&self) -> &'static str {
        match self {
            Self::Impact(_) => "check",
            Self::Diff(_) => "diff",
            Self::Trace(_) => "trace",
            Self::Show(_) => "show",
            Self::Flows(_) => "flows check",
        }
    }
}

/// What a renderer has to know besides the report.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Columns of the terminal.
    pub width: usize,
    /// The verdict only.
    pub quiet: bool,
    /// `--exit-zero` was given.
    pub exit_zero: bool,
    /// Where lines can be looked at.
    pub links: Option<&'a Links>,
}

/// An output format.
pub struct Format {
    /// Its name on the command line.
    pub name: &'static str,
    /// Writes a report. May hold ANSI escapes, which are taken out where
    /// colour is not wanted. `None` if the format has no form for it.
    pub render: fn(Report<'_>, Page<'_>) -> Option<String>,
}

/// All formats.
pub static FORMATS: &[Format] = &[
    text::FORMAT,
    json::FORMAT,
    markdown::FORMAT,
    html::FORMAT,
    sarif::FORMAT,
    junit::FORMAT,
    csv::FORMAT,
    gitlab::FORMAT,
    github::FORMAT,
];

/// The names of all formats, for the command line.
pub fn format_names() -> PossibleValuesParser {
    PossibleValuesParser::new(FORMATS.iter().map(|f| f.name))
}

/// Formats for the reports of `diff` and `trace`.
pub const PROSE: &[&str] = &["text", "json", "markdown"];
/// Formats for the reports of `show` and `flows check`.
pub const PLAIN: &[&str] = &["text", "json"];

/// Checks that a command can write a format, before the work starts.
///
/// # Errors
/// If it has no form for its report. `forms` are those it has; `None` for all.
pub fn has_form(name: &str, command: &str, forms: Option<&[&str]>) -> Result<(), Failure> {
    match forms {
        Some(forms) if !forms.contains(&name) => Err(Failure::Usage(format!(
            "format `{name}` has no form for the report of `{command}`\n  it can be written as {}",
            forms.join(", ")
        ))),
        _ => Ok(()),
    }
}

/// Renders a report.
///
/// # Errors
/// If the format is not known or has no form for this report.
pub fn render(name: &str, report: Report<'_>, page: Page<'_>) -> Result<String, Failure> {
    let Some(format) = FORMATS.iter().find(|f| f.name == name) else {
        let known: Vec<&str> = FORMATS.iter().map(|f| f.name).collect();
        return Err(Failure::Usage(format!(
            "unknown format `{name}`: known are {}",
            known.join(", ")
        )));
    };
    (format.render)(report, page).ok_or_else(|| {
        let forms = match report {
            Report::Impact(_) => &[],
            Report::Diff(_) | Report::Trace(_) => PROSE,
            Report::Show(_) | Report::Flows(_) => PLAIN,
        };
        has_form(name, report.command(), Some(forms))
            .err()
            .unwrap_or_else(|| Failure::Io(format!("format `{name}` was not written")))
    })
}
