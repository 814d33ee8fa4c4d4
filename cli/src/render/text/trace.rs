//! The report of `trace`.

use super::super::Page;
use super::super::assumed;
use super::super::devices::Devices;
use super::layout::{BOLD, DIM, GREEN, Paper, RED, YELLOW, fit, paint, place, width};
use super::parts;
use anstyle::Style;
use fw_impact::TraceReport;
use fw_impact::report::{FlowVerdict, TracePath};

const fn sign(verdict: FlowVerdict) -> (Style, &'static str) {
    match verdict {
        FlowVerdict::Permitted => (GREEN, "✓ PERMITTED"),
        FlowVerdict::Denied => (RED, "✗ DENIED"),
        FlowVerdict::Partial => (YELLOW, "◐ PARTIAL"),
        FlowVerdict::Undecided => (YELLOW, "? UNDECIDED"),
    }
}

/// The report as text.
pub fn text(report: &TraceReport, page: Page) -> String {
    let mut paper = Paper::new(page.width);
    let (style, word) = sign(report.verdict);
    let devices = Devices::new(&report.inputs).text(usize::MAX, str::to_owned);
    let room = page.width.saturating_sub(width(word) + 3);
    paper.line(&format!(
        "{}   {}",
        paint(style, word),
        paint(DIM, &fit(&devices, room))
    ));
    if page.quiet {
        return paper.finish();
    }
    for path in &report.paths {
        paper.gap();
        one(&mut paper, path);
    }
    paper.gap();
    parts::assumptions(&mut paper, &assumed::together(&report.assumptions));
    parts::diagnostics(&mut paper, &report.diagnostics);
    parts::exit(&mut paper, report.exit_code, page);
    paper.finish()
}

fn one(paper: &mut Paper, path: &TracePath) {
    let (style, word) = sign(path.verdict);
    let mark = word.chars().next().unwrap_or(' ').to_string();
    let mut shown = path.regions.iter();
    if let Some(first) = shown.next() {
        let room = paper.width.saturating_sub(2);
        let text = fit(&parts::region(first), room);
        paper.line(&format!("{} {}", paint(style, &mark), paint(BOLD, &text)));
    }
    for region in shown.by_ref().take(3) {
        let text = fit(&parts::region(region), paper.width.saturating_sub(2));
        paper.line(&format!("  {text}"));
    }
    parts::more(paper, path.regions.len(), 4, "region");
    parts::reasons(paper, &path.reasons, path.reasons.len());
    for (n, step) in path.steps.iter().enumerate() {
        let mut text = step.text.clone();
        if let (Some(filter), Some(rule)) = (&step.filter, &step.rule)
            && !text.contains(filter.as_str())
        {
            text.push_str(&format!(", {filter} {rule}"));
        }
        let at = place(step.file.as_deref(), step.line);
        if !at.is_empty() && step.line.is_some() {
            text.push_str("   ");
            text.push_str(&at);
        }
        let device = paint(DIM, &step.device);
        let label = fit(&format!("{} {}", n + 1, step.kind), 14);
        let room = paper.width.saturating_sub(18);
        for (row, line) in super::layout::wrap(&text, room).iter().enumerate() {
            let head = if row == 0 {
                format!("  {label:<14}")
            } else {
                " ".repeat(16)
            };
            let tail = if row == 0 && width(line) + 3 + width(&step.device) <= room {
                format!("   {device}")
            } else {
                String::new()
            };
            paper.line(&format!("{head} {line}{tail}"));
        }
        if let (Some(line), Some(text)) = (step.line, &step.line_text) {
            let bar = paint(DIM, &format!("{:>18} │", line));
            let blank = paint(DIM, &format!("{:>18} │", ""));
            let room = paper.width.saturating_sub(23);
            for (n, row) in super::layout::wrap(text.trim(), room).iter().enumerate() {
                let line = if n == 0 {
                    format!("{bar} {row}")
                } else {
                    format!("{blank}   {row}")
                };
                paper.line(&line);
            }
        }
    }
}
