//! Parts that several text reports share.

use super::super::Page;
use super::super::devices::Devices;
use super::super::words;
pub use super::super::words::region;
use super::layout::{BOLD, DIM, Paper, RED, YELLOW, count, paint, place, width};
use anstyle::Style;
use fw_impact::ImpactReport;
use fw_impact::report::{
    AssumptionReport, Certainty, Change, ChangeSeverity, CoverageReport, DecidedBy, Decision,
    DiagnosticReport, Exposure, InputFile, LineCoverage, Reason, Region, Side, TrafficGroup,
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

/// The deciding rules of both sides, one below the other. Where it is not
/// decided which of them it is, they are alternatives.
pub fn decisions(paper: &mut Paper, decided: &DecidedBy, undecided: bool) {
    for (label, list) in [("before", &decided.before), ("after", &decided.after)] {
        let mut word = label;
        for d in list.iter().take(3) {
            rule(paper, word, d);
            word = if undecided { "or" } else { "" };
        }
        more(paper, list.len(), 3, "rule");
    }
}

/// Lines of the screen that the text of a rule takes.
const RULE_LINES: usize = 4;

/// A deciding rule; its text stands beside it if it fits, else below it.
fn rule(paper: &mut Paper, label: &str, d: &Decision) {
    let mut head = format!("{:<8} {}", d.action, words::rule(d));
    if paper.several {
        head.push_str(&format!(" on {}", d.device));
    }
    // The file of an implicit rule says nothing.
    let at = if d.line.is_some() {
        place(d.file.as_deref(), d.line)
    } else {
        String::new()
    };
    let text = d.text.as_deref().map(str::trim).unwrap_or_default();
    let beside = [head.as_str(), &at, text];
    let length: usize = beside.iter().map(|p| width(p) + 3).sum();
    if text.is_empty() || length + 7 <= paper.width {
        paper.labelled_parts(label, BOLD, &beside);
    } else {
        paper.labelled_parts(label, BOLD, &[&head, &at]);
        paper.quoted(19, text, RULE_LINES);
    }
}

/// Why something cannot be decided, each with its line; a line that is not
/// understood at several places is shown once.
pub fn reasons(paper: &mut Paper, list: &[Reason], shown: usize) {
    let mut before: Option<&Reason> = None;
    for reason in list.iter().take(shown) {
        let at = place(reason.file.as_deref(), reason.line);
        let text = words::reason(reason);
        let text = if at.is_empty() {
            text
        } else {
            format!("{at}: {text}")
        };
        paper.labelled("why", YELLOW, &text);
        let known = before.is_some_and(|b| (&b.file, b.line) == (&reason.file, reason.line));
        if let (Some(line), Some(text), false) = (reason.line, &reason.line_text, known) {
            let marked = reason.start.zip(reason.end);
            paper.source_line(line, text, marked, None);
        }
        before = Some(reason);
    }
    more(paper, list.len(), shown, "reason");
}

/// What is opened or closed outside the declared flows. The entries stand in
/// the order of the groups.
pub fn exposure(
    paper: &mut Paper,
    what: &str,
    style: Style,
    (list, groups): (&[Exposure], &[TrafficGroup]),
    inputs: &[InputFile],
) {
    let mut head = what.to_owned();
    if let Some(first) = head.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if groups.is_empty() {
        paper.line(&format!("{head}: none."));
        return;
    }
    paper.line(&format!("{}: {}", paint(style, &head), groups.len()));
    let several = Devices::new(inputs).several();
    let mut rest = list;
    for (n, group) in groups.iter().take(ENTRIES).enumerate() {
        if n > 0 {
            paper.gap();
        }
        let (own, others) = rest.split_at(group.regions.min(rest.len()));
        rest = others;
        let mut text = traffic(paper, group, own);
        if group.grounds.certainty == Certainty::Possible {
            text.push_str("   possibly");
        }
        if several {
            text.push_str("   on ");
            text.push_str(&group.device);
        }
        hanging(paper, &text);
        without(paper, group);
        let ways = words::ways(group);
        if !ways.is_empty() {
            paper.labelled("via", DIM, &ways);
        }
        if let Some(packet) = group.grounds.witness.as_ref().filter(|_| group.regions > 1) {
            paper.labelled("e.g.", DIM, &words::packet(packet));
        }
        // All of them say the same of an opening.
        reasons(paper, group.grounds.reasons.get(..1).unwrap_or_default(), 1);
        let possible = group.grounds.certainty == Certainty::Possible;
        decisions(paper, &group.grounds.decided_by, possible);
    }
    more(paper, groups.len(), ENTRIES, "entry");
}

/// A line that goes on below itself, set in.
fn hanging(paper: &mut Paper, text: &str) {
    let lines = super::layout::wrap(text, paper.width.saturating_sub(4));
    for (n, line) in lines.iter().enumerate() {
        let start = if n == 0 { "  " } else { "    " };
        paper.line(&format!("{start}{line}"));
    }
}

/// The traffic of a group in words. A few regions stand below each other, the
/// last of them is returned; more are told by their bounds.
fn traffic(paper: &mut Paper, group: &TrafficGroup, own: &[Exposure]) -> String {
    let whole = group.exact && group.without.is_empty();
    let ways = group.paths.len() <= 1;
    match own.split_last() {
        Some((last, others)) if !whole && ways && own.len() <= REGIONS => {
            for entry in others {
                hanging(paper, &region(&entry.region));
            }
            region(&last.region)
        }
        _ => words::group(group),
    }
}

/// What the bounds of a group hold beside its traffic.
fn without(paper: &mut Paper, group: &TrafficGroup) {
    if group.regions <= REGIONS && group.paths.len() <= 1 {
        return;
    }
    if !group.exact {
        let some = format!(
            "parts of this, {}: see --format json",
            count(group.regions, "region")
        );
        paper.labelled("only", DIM, &some);
        return;
    }
    let mut label = "but not";
    if group.without.len() > REGIONS {
        let some = format!(
            "{} of it: see --format json",
            count(group.without.len(), "region")
        );
        paper.labelled(label, DIM, &some);
        return;
    }
    for r in &group.without {
        paper.labelled(label, DIM, &region(r));
        label = "";
    }
}

/// What is closed outside the declared flows: nobody declared it, so the
/// traffic is enough.
pub fn closed(paper: &mut Paper, list: &[TrafficGroup]) {
    const SHOWN: usize = 3;
    if list.is_empty() {
        return;
    }
    paper.line(&format!(
        "Closed outside the declared flows: {}",
        list.len()
    ));
    for group in list.iter().take(SHOWN) {
        hanging(paper, &words::group_sentence(group));
    }
    more(paper, list.len(), SHOWN, "entry");
}

/// Settings and translations that differ.
pub fn changes(paper: &mut Paper, list: &[Change]) {
    for change in list {
        let style = severity(change.severity);
        let at = place(change.file.as_deref(), change.line);
        paper.labelled_parts(
            change.severity.as_str(),
            style,
            &[&words::change_alone(change), &at],
        );
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

/// How much of both sides is understood, and what is not.
pub fn coverage(paper: &mut Paper, coverage: &CoverageReport) {
    const PLACES: usize = 3;
    let read = |c: LineCoverage| c.modeled + c.inert;
    let (before, after) = (coverage.before, coverage.after);
    let lines = if before == after {
        format!("{} of {} lines on both sides", read(before), before.lines)
    } else {
        format!(
            "{} of {} lines before, {} of {} after",
            read(before),
            before.lines,
            read(after),
            after.lines
        )
    };
    let inert = if before.inert == after.inert {
        before.inert.to_string()
    } else {
        format!("{} and {}", before.inert, after.inert)
    };
    paper.prose(&format!("Understood {lines} ({inert} without effect)."));
    let all = before.opaque + after.opaque;
    if all == 0 {
        return;
    }
    let mut places: Vec<String> = Vec::new();
    // A line that is on both sides is told once, as it is now.
    let known = |side: Side| coverage.files.iter().filter(move |f| f.side == side);
    for file in known(Side::After).chain(known(Side::Before)) {
        for line in &file.opaque_lines {
            let twin = file.side == Side::Before
                && known(Side::After).any(|f| f.opaque_lines.iter().any(|l| l.text == line.text));
            if !twin {
                places.push(place(Some(&file.file), Some(line.line)));
            }
        }
    }
    if !places.is_empty() && places.len() <= PLACES && places.len() >= all.div_ceil(2) {
        paper.prose(&format!("Not understood: {}.", places.join(", ")));
        return;
    }
    let which = match places.get(..PLACES.min(places.len())) {
        Some(first) if !first.is_empty() => format!(" ({}, ...)", first.join(", ")),
        _ => String::new(),
    };
    let sides = match (before.opaque, after.opaque) {
        (b, a) if b == a => count(a, "line") + " on both sides",
        (0, a) => count(a, "line") + " after",
        (b, 0) => count(b, "line") + " before",
        (b, a) => format!("{} before, {a} after", count(b, "line")),
    };
    paper.prose(&format!(
        "Not understood: {sides}{which}; `fwimpact show CONFIG --coverage` lists them."
    ));
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

/// Names that two lines of the widest paper can hold.
const MOST_DEVICES: usize = 60;

/// The devices, as many as two lines take, and how many more there are.
pub fn some_devices(inputs: &[InputFile], room: usize) -> Vec<String> {
    let devices = Devices::new(inputs);
    let lines = |shown: usize| super::layout::wrap(&devices.text(shown, str::to_owned), room);
    let mut shown = devices.names.len().min(MOST_DEVICES);
    while shown > 1 && lines(shown).len() > 2 {
        shown -= 1;
    }
    lines(shown)
}

/// The colour of a change.
pub const fn severity(severity: ChangeSeverity) -> Style {
    match severity {
        ChangeSeverity::High => RED,
        ChangeSeverity::Medium => YELLOW,
        ChangeSeverity::Low => DIM,
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
