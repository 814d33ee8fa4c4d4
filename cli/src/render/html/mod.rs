//! One HTML file that needs nothing else: no request leaves it, and it can be
//! read without scripts. Scripts only filter and sort.

mod picture;
mod view;

use super::{Format, Page, Report};
use askama::Template as _;

/// The page.
pub const FORMAT: Format = Format {
    name: "html",
    render,
};

fn render(report: Report<'_>, page: Page<'_>) -> Option<String> {
    match report {
        Report::Impact(report) => view::ImpactPage::new(report, page).render().ok(),
        _ => None,
    }
}
