//! JSON: the field names are the public format.

use super::{Format, Page, Report};
use serde::Serialize;

/// Pretty-printed JSON with a line ending.
pub const FORMAT: Format = Format {
    name: "json",
    render,
};

fn render(report: Report<'_>, _: Page) -> Option<String> {
    match report {
        Report::Impact(report) => pretty(report),
        Report::Diff(report) => pretty(report),
        Report::Trace(report) => pretty(report),
        Report::Show(report) => pretty(report),
        Report::Flows(report) => pretty(report),
    }
}

fn pretty<T: Serialize>(report: &T) -> Option<String> {
    let mut text = serde_json::to_string_pretty(report).ok()?;
    text.push('\n');
    Some(text)
}
