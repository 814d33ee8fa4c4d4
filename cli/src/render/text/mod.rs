//! Text for people.

mod diff;
mod flows;
mod impact;
pub mod layout;
mod parts;
mod show;
mod trace;

#[cfg(test)]
mod tests;

use super::{Format, Page, Report};

/// The terminal report. Colour is ANSI escapes that only add.
pub const FORMAT: Format = Format {
    name: "text",
    render,
};

fn render(report: Report<'_>, page: Page) -> Option<String> {
    Some(match report {
        Report::Impact(report) => impact::text(report, page),
        Report::Diff(report) => diff::text(report, page),
        Report::Trace(report) => trace::text(report, page),
        Report::Show(report) => show::text(report, page),
        Report::Flows(report) => flows::text(report, page),
    })
}
