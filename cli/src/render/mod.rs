//! Reports as text of some format.
//!
//! A format is one file with a [`Format`] in it, and one line in [`FORMATS`].

pub mod json;
pub mod text;

use crate::exit::Failure;
use crate::show::{FlowsReport, ShowReport};
use clap::builder::PossibleValuesParser;
use fw_impact::{DiffReport, ImpactReport, TraceReport};

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

/// What a renderer has to know besides the report.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Columns of the terminal.
    pub width: usize,
    /// The verdict only.
    pub quiet: bool,
    /// `--exit-zero` was given.
    pub exit_zero: bool,
}

/// An output format.
pub struct Format {
    /// Its name on the command line.
    pub name: &'static str,
    /// Writes a report. May hold ANSI escapes, which are taken out where
    /// colour is not wanted. `None` if the format has no form for it.
    pub render: fn(Report<'_>, Page) -> Option<String>,
}

/// All formats.
pub static FORMATS: &[Format] = &[text::FORMAT, json::FORMAT];

/// The names of all formats, for the command line.
pub fn format_names() -> PossibleValuesParser {
    PossibleValuesParser::new(FORMATS.iter().map(|f| f.name))
}

/// Renders a report.
///
/// # Errors
/// If the format is not known or has no form for this report.
pub fn render(name: &str, report: Report<'_>, page: Page) -> Result<String, Failure> {
    let Some(format) = FORMATS.iter().find(|f| f.name == name) else {
        let known: Vec<&str> = FORMATS.iter().map(|f| f.name).collect();
        return Err(Failure::Usage(format!(
            "unknown format `{name}`: known are {}",
            known.join(", ")
        )));
    };
    (format.render)(report, page)
        .ok_or_else(|| Failure::Usage(format!("format `{name}` cannot show this kind of report")))
}
