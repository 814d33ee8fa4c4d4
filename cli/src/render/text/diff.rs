//! The report of `diff`.

use super::super::{Page, words};
use super::layout::{DIM, GREEN, Paper, RED, YELLOW, count, fit, paint, width};
use super::parts;
use fw_impact::DiffReport;

/// The report as text.
pub fn text(report: &DiffReport, page: Page) -> String {
    let mut paper = Paper::new(page.width);
    let (style, word) = match report.exit_code {
        0 => (GREEN, "✓ EQUAL"),
        12 => (YELLOW, "? UNDECIDED"),
        11 => (YELLOW, "+ OPENED"),
        _ => (YELLOW, "! DIFFERENT"),
    };
    let mut told = Vec::new();
    for (n, one, what) in [
        (report.opened.len(), "region", "opened"),
        (report.closed.len(), "region", "closed"),
        (report.undecided.len(), "region", "undecided"),
    ] {
        if n > 0 {
            told.push(format!("{} {what}", count(n, one)));
        }
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
        ("newly permitted", RED, &report.opened),
        ("newly denied", YELLOW, &report.closed),
        ("cannot be decided", YELLOW, &report.undecided),
    ] {
        if !list.is_empty() {
            paper.gap();
            parts::exposure(&mut paper, what, style, list, &report.inputs);
        }
    }
    if !report.changes.is_empty() {
        paper.gap();
        for change in &report.changes {
            let style = parts::severity(change.severity);
            let (text, at) = (
                words::change_alone(change),
                words::place(change.file.as_deref(), change.line),
            );
            paper.labelled_parts(change.severity.as_str(), style, &[&text, &at]);
        }
    }
    paper.gap();
    parts::coverage(&mut paper, &report.coverage);
    parts::assumptions(&mut paper, &report.assumptions);
    parts::diagnostics(&mut paper, &report.diagnostics);
    parts::exit(&mut paper, report.exit_code, page);
    paper.finish()
}
