//! The report of `check`: the verdict, then the worst first, then what is
//! unchanged in one line.

use super::super::Page;
use super::super::assumed;
use super::super::devices::Devices;
use super::super::words::{self, Tone, count, is_told, packet, place, port_of, sign};
use super::layout::{BOLD, DIM, GREEN, Paper, RED, YELLOW, fit, pad, paint, width};
use super::parts;
use anstyle::Style;
use fw_impact::ImpactReport;
use fw_impact::report::{Cause, FlowReport, FlowVerdict, Impact, Reason, Verdict};

/// Flows that are told in full, the worst ones.
const FLOWS: usize = 50;
/// Flows behind them that get a line each.
const TITLES: usize = 200;

/// The report as text.
pub fn text(report: &ImpactReport, page: Page) -> String {
    let mut paper = Paper::new(page.width);
    paper.several = Devices::new(&report.inputs).several();
    headline(&mut paper, report);
    if page.quiet {
        return paper.finish();
    }
    let mut told: Vec<&FlowReport> = Vec::new();
    let worst = words::worst_first(report);
    for f in worst.iter().take(FLOWS) {
        paper.gap();
        flow(&mut paper, f, &told);
        told.push(f);
    }
    paper.gap();
    for f in worst.iter().skip(FLOWS).take(TITLES) {
        title_alone(&mut paper, f);
    }
    if worst.len() > FLOWS + TITLES {
        let rest = count(worst.len() - FLOWS - TITLES, "more flow");
        paper.prose(&format!(
            "and {rest}; --report html=FILE and --format json have all"
        ));
    }
    paper.gap();
    unchanged(&mut paper, report);
    paper.gap();
    parts::exposure(
        &mut paper,
        "opened outside the declared flows",
        YELLOW,
        (&report.exposure, &report.exposure_groups),
        &report.inputs,
    );
    if !report.changes.is_empty() {
        paper.line("Treated differently outside the declared flows:");
        parts::changes(&mut paper, &report.changes);
    }
    parts::closed(&mut paper, &report.closed_groups);
    parts::findings(&mut paper, report);
    parts::coverage(&mut paper, &report.coverage);
    parts::assumptions(&mut paper, &assumed::of_report(report));
    parts::diagnostics(&mut paper, &report.diagnostics);
    if let Some(at) = &report.judged_at {
        paper.prose(&format!("Schedules are judged at {at}."));
    }
    parts::exit(&mut paper, report.exit_code, page);
    paper.finish()
}

fn headline(paper: &mut Paper, report: &ImpactReport) {
    let style = match report.verdict {
        Verdict::Blocked | Verdict::PartlyBlocked => RED,
        Verdict::Undecided | Verdict::Exposure | Verdict::Changed => YELLOW,
        Verdict::None => GREEN,
    };
    let word = words::verdict(report.verdict);
    let what = words::told_in_short(report);
    let devices = Devices::new(&report.inputs).text(usize::MAX, str::to_owned);
    let used = width(word) + 2 + width(&what);
    if used + 3 + width(&devices) <= paper.width {
        let line = format!("{}  {what}   {}", paint(style, word), paint(DIM, &devices));
        paper.line(&line);
        return;
    }
    let mut label = paint(style, word) + "  ";
    let indent = width(word) + 2;
    let room = paper.width.saturating_sub(indent);
    // A number and what it counts stay together.
    let mut lines: Vec<String> = Vec::new();
    let parts: Vec<&str> = what.split_inclusive(", ").collect();
    for part in parts {
        match lines.last_mut() {
            Some(line) if width(line) + width(part.trim_end()) <= room => line.push_str(part),
            _ => lines.extend(super::layout::wrap(part, room)),
        }
    }
    for line in lines {
        paper.line(&format!("{label}{line}"));
        label = " ".repeat(indent);
    }
    for line in parts::some_devices(&report.inputs, room) {
        paper.line(&format!("{label}{}", paint(DIM, &line)));
    }
}

/// The colour of what stands before a flow.
const fn style(tone: Tone) -> Style {
    match tone {
        Tone::Bad => RED,
        Tone::Doubt => YELLOW,
        Tone::Good => GREEN,
    }
}

fn flow(paper: &mut Paper, flow: &FlowReport, told: &[&FlowReport]) {
    let (tone, mark, words) = sign(flow);
    let style = style(tone);
    title(paper, flow, style, mark, words);
    let hurt = !matches!(
        flow.impact,
        Impact::Changed | Impact::Opened | Impact::PartlyOpened | Impact::None
    );
    if let Some(parent) = flow.companion_of.as_ref().filter(|_| hurt) {
        let about = if flow.id.ends_with("/dns") {
            "names"
        } else if flow.id.ends_with("/ntp") {
            "the time"
        } else {
            "certificate validation"
        };
        let text = format!("{about} of {parent} at risk");
        paper.labelled("why", style, &text);
    }
    for change in &flow.changes {
        let style = parts::severity(change.severity);
        let word = change.severity.as_str();
        let known = told.iter().find(|t| t.changes.contains(change));
        let text = words::change_alone(change);
        match known {
            Some(before) => {
                let also = format!("as for {}", before.id);
                paper.labelled_parts(word, style, &[&text, &also]);
            }
            None => {
                let at = place(change.file.as_deref(), change.line);
                paper.labelled_parts(word, style, &[&text, &at]);
            }
        }
    }
    causes(paper, flow, told);
    match told.iter().find(|t| t.reasons == flow.reasons) {
        Some(before) if !flow.reasons.is_empty() => {
            paper.labelled("why", YELLOW, &format!("as for {}", before.id));
        }
        _ => {
            parts::reasons(paper, &flow.reasons, 3);
        }
    }
    // Where all of a flow is lost or gained, an example says as much.
    let regions =
        !matches!(flow.impact, Impact::Blocked | Impact::Opened) || flow.witness.is_none();
    if regions && !flow.lost.is_empty() {
        parts::regions(paper, "lost", RED, &flow.lost);
    }
    if regions && !flow.gained.is_empty() {
        parts::regions(paper, "gained", GREEN, &flow.gained);
    }
    if !flow.undecided.is_empty() {
        parts::regions(paper, "unclear", YELLOW, &flow.undecided);
    }
    let shown = told.iter().any(|t| t.decided_by == flow.decided_by);
    if flow.impact != Impact::Changed && !shown {
        parts::decisions(paper, &flow.decided_by, flow.impact == Impact::Undecided);
    }
    examples(paper, flow);
    if !told.iter().any(|t| t.reasons == flow.reasons) {
        let mut label = "help";
        for text in words::help(&flow.reasons) {
            paper.labelled(label, DIM, &text);
            label = "";
        }
    }
    let codes = assumed::codes(&flow.assumptions);
    if !codes.is_empty() {
        paper.labelled("assumes", DIM, &codes.join(", "));
    }
}

fn title(paper: &mut Paper, flow: &FlowReport, style: Style, mark: &str, words: &str) {
    let service = format!("{}{}", flow.service, port_of(flow));
    let ends = format!("{} -> {}", flow.from, flow.to);
    let id = pad(&flow.id, 16);
    let head = format!("{} {}", paint(style, mark), paint(BOLD, &id));
    let mut used = 2 + width(&id);
    let mut line = head;
    let mut rest = Vec::new();
    for part in [
        service,
        ends,
        words.to_owned(),
        flow.owner
            .as_ref()
            .map(|o| format!("owner: {o}"))
            .unwrap_or_default(),
    ] {
        if part.is_empty() {
            continue;
        }
        if rest.is_empty() && used + 2 + width(&part) <= paper.width {
            used += 2 + width(&part);
            line.push_str("  ");
            line.push_str(&part);
        } else {
            rest.push(part);
        }
    }
    paper.line(&line);
    // What does not fit stands on lines of its own.
    let mut second = String::from(" ");
    let width_of_paper = paper.width;
    for part in rest {
        let part = fit(&part, width_of_paper.saturating_sub(4));
        if width(&second) > 1 && width(&second) + 3 + width(&part) > width_of_paper {
            paper.line(&second);
            second = String::from(" ");
        }
        second.push_str(if width(&second) > 1 { "   " } else { " " });
        second.push_str(&part);
    }
    if width(&second) > 1 {
        paper.line(&second);
    }
}

/// One line for a flow behind the worst ones.
fn title_alone(paper: &mut Paper, flow: &FlowReport) {
    let (tone, mark, words) = sign(flow);
    let word = if words.is_empty() {
        flow.impact.as_str().replace('-', " ")
    } else {
        words.to_owned()
    };
    let at = flow.caused_by.first().map_or_else(String::new, |c| {
        format!(
            "{} {}",
            place(Some(&c.file), Some(c.line)),
            words::edited(c)
        )
    });
    let head = paint(style(tone), mark);
    let mut used = 2 + width(&flow.id);
    let mut line = format!("{head} {}", paint(BOLD, &flow.id));
    for part in [word, at] {
        if used + 3 + width(&part) <= paper.width && !part.is_empty() {
            used += 3 + width(&part);
            line.push_str("   ");
            line.push_str(&part);
        }
    }
    paper.line(&line);
}

/// Edits that are shown.
const CAUSES: usize = 3;
/// Lines of an edit that are shown.
const RUN: usize = 3;

fn causes(paper: &mut Paper, flow: &FlowReport, told: &[&FlowReport]) {
    // What a changed setting is has its line beside it already.
    let said = |file: &str, line: u32| {
        flow.changes
            .iter()
            .any(|c| c.file.as_deref() == Some(file) && c.line == Some(line))
    };
    if flow.impact == Impact::Changed && flow.caused_by.iter().all(|c| said(&c.file, c.line)) {
        return;
    }
    // One edit often hurts several flows; its lines are shown once.
    if let Some(first) = flow.caused_by.first()
        && let Some(before) = told.iter().find(|t| t.caused_by == flow.caused_by)
    {
        let text = format!(
            "{} {}",
            place(Some(&first.file), Some(first.line)),
            words::edited(first)
        );
        let also = format!("as for {}", before.id);
        paper.labelled_parts("cause", BOLD, &[&text, &also]);
        return;
    }
    let runs: Vec<&[Cause]> = flow.caused_by.chunk_by(continues).collect();
    let mut shown = 0;
    let mut context = None;
    for (n, run) in runs.iter().take(CAUSES).enumerate() {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        let label = if n == 0 { "cause" } else { "and" };
        let mut at = place(Some(&first.file), Some(first.line));
        if last.line > first.line {
            at.push_str(&format!("-{}", last.line));
        }
        paper.labelled(label, BOLD, &format!("{at} {}", words::edited(first)));
        let lines = run.get(..RUN).unwrap_or(run);
        for cause in lines {
            // Lines of one object say only once which one it is.
            let known = context == Some(&cause.context);
            context = Some(&cause.context);
            let note = cause.context.as_ref().filter(|_| !known).map(|c| {
                if c.starts_with("in ") {
                    c.clone()
                } else {
                    format!("in {c}")
                }
            });
            paper.source_line(cause.line, &cause.text, None, note.as_deref());
        }
        parts::more(paper, run.len(), lines.len(), "line");
        shown += run.len();
    }
    parts::more(paper, flow.caused_by.len(), shown, "edited line");
}

/// True if an edited line goes on with what the one before it began.
fn continues(a: &Cause, b: &Cause) -> bool {
    a.file == b.file
        && a.side == b.side
        && b.line == a.line + 1
        && a.moved.map(|to| to + 1) == b.moved
}

fn examples(paper: &mut Paper, flow: &FlowReport) {
    let Some(witness) = &flow.witness else {
        return;
    };
    let what = match flow.impact {
        Impact::Opened | Impact::PartlyOpened => "passes now",
        Impact::Undecided => "cannot be decided",
        Impact::Changed | Impact::None => return,
        Impact::Blocked | Impact::PartlyBlocked | Impact::Mixed => "is lost",
    };
    paper.labelled("e.g.", DIM, &format!("{} {what}", packet(witness)));
    if let Some(passing) = &flow.passing {
        paper.labelled("", DIM, &format!("{} still passes", packet(passing)));
    }
}

/// How many reasons are shown of flows that cannot be decided on either side.
const QUIET_REASONS: usize = 3;

/// The flows that nothing happened to, in one line each way they are, and why
/// some of them cannot be decided.
fn unchanged(paper: &mut Paper, report: &ImpactReport) {
    let quiet: Vec<&FlowReport> = report.flows.iter().filter(|f| !is_told(f)).collect();
    let of = |verdict: FlowVerdict, expect: &str| -> Vec<&FlowReport> {
        quiet
            .iter()
            .copied()
            .filter(|f| f.after == verdict && f.expect == expect)
            .collect()
    };
    let mut fine = of(FlowVerdict::Permitted, "allow");
    fine.extend(of(FlowVerdict::Denied, "deny"));
    for (style, head, flows) in [
        (GREEN, "✓ unchanged:", fine),
        (
            YELLOW,
            "- denied before and after:",
            of(FlowVerdict::Denied, "allow"),
        ),
        (
            YELLOW,
            "- partly denied before and after:",
            of(FlowVerdict::Partial, "allow"),
        ),
        (
            YELLOW,
            "- permitted before and after:",
            of(FlowVerdict::Permitted, "deny"),
        ),
        (
            YELLOW,
            "- partly permitted before and after:",
            of(FlowVerdict::Partial, "deny"),
        ),
        (YELLOW, "? undecided before and after:", {
            let mut both = of(FlowVerdict::Undecided, "allow");
            both.extend(of(FlowVerdict::Undecided, "deny"));
            both
        }),
    ] {
        if flows.is_empty() {
            continue;
        }
        let room = paper.width.saturating_sub(width(head) + 1);
        let names = names(&flows, room);
        paper.line(&format!("{} {names}", paint(style, head)));
    }
    let mut reasons: Vec<Reason> = Vec::new();
    for flow in quiet.iter().filter(|f| f.after == FlowVerdict::Undecided) {
        for reason in &flow.reasons {
            // The same words stand for both sides.
            let known = |r: &Reason| r.text == reason.text && r.device == reason.device;
            if !reasons.iter().any(known) {
                reasons.push(reason.clone());
            }
        }
    }
    parts::reasons(paper, &reasons, QUIET_REASONS);
}

/// Ids, companions behind their flow, as many as fit.
fn names(flows: &[&FlowReport], room: usize) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut at: Vec<&str> = Vec::new();
    for f in flows {
        let short = f.id.rsplit('/').next().unwrap_or(&f.id);
        match f
            .companion_of
            .as_deref()
            .and_then(|p| at.iter().position(|x| *x == p))
            .and_then(|n| words.get_mut(n))
        {
            Some(word) => match word.strip_suffix(')') {
                Some(open) => *word = format!("{open}, {short})"),
                None => word.push_str(&format!(" ({short})")),
            },
            None => {
                words.push(f.id.clone());
                at.push(&f.id);
            }
        }
    }
    let all = words.join(", ");
    if width(&all) <= room {
        return all;
    }
    let mut out = String::new();
    for (n, word) in words.iter().enumerate() {
        let left = words.len() - n;
        let tail = format!(" and {left} more");
        if width(&out) + 2 + width(word) + width(&tail) > room {
            if out.is_empty() {
                return fit(&all, room);
            }
            return format!("{out}{tail}");
        }
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.push_str(word);
    }
    out
}
