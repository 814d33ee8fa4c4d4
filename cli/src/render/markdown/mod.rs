//! Markdown for pull-request comments and step summaries.
//!
//! The worst comes first; what does not fit is counted.

mod diff;
mod flow;
mod impact;
mod paper;
mod trace;

pub use impact::{LIMIT, comment};
pub use paper::block;

use super::{Format, Page, Report};

/// GitHub flavoured markdown.
pub const FORMAT: Format = Format {
    name: "markdown",
    render,
};

fn render(report: Report<'_>, page: Page<'_>) -> Option<String> {
    match report {
        Report::Impact(report) => Some(impact::comment(report, page, None, LIMIT)),
        Report::Diff(report) => Some(diff::text(report, page)),
        Report::Trace(report) => Some(trace::text(report, page)),
        Report::Show(_) | Report::Flows(_) => None,
    }
}
