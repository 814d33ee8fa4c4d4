//! The report of `diff`.

use super::super::Page;
use super::super::assumed;
use super::super::devices::Devices;
use super::layout::{DIM, GREEN, Paper, RED, YELLOW, count, fit, paint, width};
use super::parts;
use fw_impact::DiffReport;

/// The report as text.
pub fn text(report: &DiffReport, page: Page) -> String {
    let mut paper = Paper::new(page.width);
    paper.several = Devices::new(&report.inputs).several();
    let (style, word) = match report.exit_code {
        0 => (GREEN, "✓ EQUAL"),
        12 => (YELLOW, "? UNDECIDED"),
        11 => (YELLOW, "+ OPENED"),
        _ => (YELLOW, "! DIFFERENT"),
    };
    let mut told = Vec::new();
    for (n, one) in [
        (report.opened_groups.len(), "opening"),
        (report.closed_groups.len(), "closing"),
    ] {
        if n > 0 {
            told.push(count(n, one));
        }
    }
    if !report.undecided_groups.is_empty() {
        told.push(format!("{} undecided", report.undecided_groups.len()));
    }
    if !report.changes.is_empty() {
        told.push(count(report.changes.len(), "change") + " of treatment");
    }
    if told.is_empty() {
        told.push("both sides let the same traffic pass".into());
    }
    let what = told.join(", ");
    let room = page.width.saturating_sub(width(word) + 2);
    paper.line(&format!("{}  {}", paint(style, word), fit(&what, room)));
    for line in parts::some_devices(&report.inputs, page.width.saturating_sub(2)) {
        paper.line(&paint(DIM, &format!("  {line}")));
    }
    if page.quiet {
        return paper.finish();
    }
    for (what, style, list) in [
        (
            "newly permitted",
            RED,
            (&report.opened[..], &report.opened_groups[..]),
        ),
        (
            "newly denied",
            YELLOW,
            (&report.closed[..], &report.closed_groups[..]),
        ),
        (
            "cannot be decided",
            YELLOW,
            (&report.undecided[..], &report.undecided_groups[..]),
        ),
    ] {
        if !list.1.is_empty() {
            paper.gap();
            parts::exposure(&mut paper, what, style, list, &report.inputs);
        }
    }
    if !report.changes.is_empty() {
        paper.gap();
        parts::changes(&mut paper, &report.changes);
    }
    paper.gap();
    parts::coverage(&mut paper, &report.coverage);
    parts::assumptions(&mut paper, &assumed::together(&report.assumptions));
    parts::diagnostics(&mut paper, &report.diagnostics);
    parts::exit(&mut paper, report.exit_code, page);
    paper.finish()
}
