//! Parts that several text reports share.

use super::super::Page;
pub use super::super::words::{change, devices, edit, region};
use super::layout::{BOLD, DIM, Paper, RED, YELLOW, count, paint, place, width};
use anstyle::Style;
use fw_impact::ImpactReport;
use fw_impact::report::{
    AssumptionReport, Certainty, CoverageReport, DecidedBy, Decision, DiagnosticReport, Exposure,
    InputFile, LineCoverage, Reason, Region,
};

/// Regions that are shown before "and so many more".
const REGIONS: usize = 4;
/// Exposures, findings, assumptions that are shown.
const ENTRIES: usize = 8;

/// Says how many were left out.
pub fn more(paper: &mut Paper, all: usize, shown: usize, what: &str) {
    if all > shown {
        let text = format!(
            "and {}, see --format json",
            count(all - shown, &format!("more {what}"))
        );
        paper.labelled("", DIM, &text);
    }
}

/// Regions below each other.
pub fn regions(paper: &mut Paper, label: &str, style: Style, list: &[Region]) {
    let mut label = label;
    // One more line is no longer than saying that there is one more.
    let shown = if list.len() == REGIONS + 1 {
        list.len()
    } else {
        REGIONS
    };
    for r in list.iter().take(shown) {
        paper.labelled(label, style, &region(r));
        label = "";
    }
    more(paper, list.len(), shown, "region");
}

/// `deny     OUT_IN 4   edge.cfg:62`
fn decision(decision: &Decision) -> String {
    let rule = if decision.filter.is_empty() {
        decision.rule.clone()
    } else {
        format!("{} {}", decision.filter, decision.rule)
    };
    let mut out = format!("{:<8} {rule}", decision.action);
    // The file of an implicit rule says nothing.
    if decision.line.is_some() {
        out.push_str("   ");
        out.push_str(&place(decision.file.as_deref(), decision.line));
    }
    out
}

/// The deciding rules of both sides, one below the other.
pub fn decisions(paper: &mut Paper, decided: &DecidedBy) {
    for (label, list) in [("before", &decided.before), ("after", &decided.after)] {
        let mut word = label;
        for d in list.iter().take(3) {
            rule(paper, word, d);
            word = "";
        }
        more(paper, list.len(), 3, "rule");
    }
}

/// A deciding rule; its text stands beside it if it fits, else below it.
fn rule(paper: &mut Paper, label: &str, d: &Decision) {
    let head = decision(d);
    let text = d.text.as_deref().map(str::trim).unwrap_or_default();
    let beside = format!("{head}   {text}");
    if text.is_empty() || width(&beside) + 10 <= paper.width {
        paper.labelled_line(label, BOLD, &beside);
    } else {
        paper.labelled_line(label, BOLD, &head);
        paper.labelled_line("", BOLD, &format!("         {text}"));
    }
}

/// Why something cannot be decided, with the words that are meant.
pub fn reason(paper: &mut Paper, reason: &Reason) {
    let at = place(reason.file.as_deref(), reason.line);
    let text = if at.is_empty() {
        reason.text.clone()
    } else {
        format!("{at}: {}", reason.text)
    };
    paper.labelled("why", YELLOW, &text);
    if let (Some(line), Some(text)) = (reason.line, &reason.line_text) {
        let marked = reason.start.zip(reason.end);
        paper.source_line(line, text, marked, None);
    }
}

/// What is opened or closed outside the declared flows.
pub fn exposure(
    paper: &mut Paper,
    what: &str,
    style: Style,
    list: &[Exposure],
    inputs: &[InputFile],
) {
    let mut head = what.to_owned();
    if let Some(first) = head.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if list.is_empty() {
        paper.line(&format!("{head}: none."));
        return;
    }
    paper.line(&format!("{}: {}", paint(style, &head), list.len()));
    let several = devices(inputs).contains(", ");
    for entry in list.iter().take(ENTRIES) {
        let mut text = region(&entry.region);
        if entry.certainty == Certainty::Possible {
            text.push_str("   possibly");
        }
        if let Some(path) = &entry.path {
            text.push_str("   ");
            text.push_str(path);
        }
        if several {
            text.push_str("   on ");
            text.push_str(&entry.device);
        }
        for (n, line) in super::layout::wrap(&text, paper.width.saturating_sub(4))
            .iter()
            .enumerate()
        {
            let start = if n == 0 { "  " } else { "    " };
            paper.line(&format!("{start}{line}"));
        }
        for r in entry.reasons.iter().take(1) {
            reason(paper, r);
        }
        decisions(paper, &entry.decided_by);
    }
    more(paper, list.len(), ENTRIES, "region");
}

/// What is closed outside the declared flows: nobody declared it, so the
/// regions are enough.
pub fn closed(paper: &mut Paper, list: &[Exposure]) {
    const SHOWN: usize = 3;
    if list.is_empty() {
        return;
    }
    paper.line(&format!(
        "Closed outside the declared flows: {}",
        list.len()
    ));
    for entry in list.iter().take(SHOWN) {
        let text = region(&entry.region);
        paper.line(&format!(
            "  {}",
            super::layout::fit(&text, paper.width.saturating_sub(2))
        ));
    }
    if list.len() > SHOWN {
        let rest = count(list.len() - SHOWN, "more region");
        paper.line(&format!("  and {rest}, see --format json"));
    }
}

/// What belongs to no single flow.
pub fn findings(paper: &mut Paper, report: &ImpactReport) {
    if !report.findings.is_empty() {
        paper.gap();
    }
    for finding in report.findings.iter().take(ENTRIES) {
        let mut text = finding.message.clone();
        let at = place(finding.file.as_deref(), finding.line);
        if !at.is_empty() {
            text.push_str("   ");
            text.push_str(&at);
        }
        text.push_str(&format!(" [{}]", finding.code));
        paper.labelled("finding", YELLOW, &text);
    }
    more(paper, report.findings.len(), ENTRIES, "finding");
    paper.gap();
}

/// How much of both sides is understood.
pub fn coverage(paper: &mut Paper, coverage: &CoverageReport) {
    let side = |c: LineCoverage, at: &str| {
        format!(
            "{} of {} lines {at} ({} without effect on traffic)",
            c.modeled + c.inert,
            c.lines,
            c.inert
        )
    };
    let (before, after) = (coverage.before, coverage.after);
    let text = if before == after {
        format!("Understood {}.", side(before, "on both sides"))
    } else {
        format!(
            "Understood {}, {}.",
            side(before, "before"),
            side(after, "after")
        )
    };
    paper.prose(&text);
    if before.opaque + after.opaque > 0 {
        paper.prose(&format!(
            "Not understood: {} before, {} after; `fwimpact show --coverage` lists them.",
            count(before.opaque, "line"),
            count(after.opaque, "line")
        ));
    }
}

/// What the verdicts rest on.
pub fn assumptions(paper: &mut Paper, list: &[AssumptionReport]) {
    if list.is_empty() {
        paper.line("Assumptions: none.");
        return;
    }
    paper.line(&format!("Assumptions: {}", list.len()));
    for a in list.iter().take(ENTRIES) {
        let mut text = format!("{}: {}", a.code, a.text);
        let at = place(a.file.as_deref(), a.line);
        if !at.is_empty() {
            text.push_str("   ");
            text.push_str(&at);
        }
        item(paper, &text);
    }
    more(paper, list.len(), ENTRIES, "assumption");
}

/// Remarks on the inputs; notes are only counted.
pub fn diagnostics(paper: &mut Paper, list: &[DiagnosticReport]) {
    let grave: Vec<&DiagnosticReport> = list.iter().filter(|d| d.severity != "note").collect();
    for d in grave.iter().take(ENTRIES) {
        let at = place(d.file.as_deref(), d.line);
        let style = if d.severity == "error" { RED } else { YELLOW };
        let text = format!(
            "{at}{}{} [{}]",
            if at.is_empty() { "" } else { ": " },
            d.message,
            d.code
        );
        paper.labelled(&d.severity, style, &text);
    }
    more(paper, grave.len(), ENTRIES, "warning");
    let notes = list.len() - grave.len();
    if notes > 0 {
        paper.line(&format!("{}, see --format json.", count(notes, "note")));
    }
}

/// A paragraph with a dash before it.
pub fn item(paper: &mut Paper, text: &str) {
    for (n, line) in super::layout::wrap(text, paper.width.saturating_sub(4))
        .iter()
        .enumerate()
    {
        let start = if n == 0 { "  - " } else { "    " };
        paper.line(&format!("{start}{line}"));
    }
}

/// The last line.
pub fn exit(paper: &mut Paper, code: u8, page: Page) {
    if page.exit_zero && code >= 10 {
        paper.line(&format!("exit 0 (--exit-zero; {code} otherwise)"));
    } else {
        paper.line(&format!("exit {code}"));
    }
}
