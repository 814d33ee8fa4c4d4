//! What the template shows, made ready.

use super::super::Page;
use super::super::assumed;
use super::super::devices::Devices;
use super::super::words::{
    self, Tone, change, is_told, packet, packets, place, port_of, sign, worst_first,
};
use super::picture;
use askama::Template;
use fw_impact::ImpactReport;
use fw_impact::report::{
    Certainty, Decision, EditKind, FlowReport, Impact, LineCoverage, Reason, Region, Side,
    TrafficGroup, Verdict,
};

/// Regions, openings, remarks that are listed; the rest is counted.
const REGIONS: usize = 50;
const EXPOSURES: usize = 500;
const REMARKS: usize = 500;
/// Openings that are to be seen at once.
const UNFOLDED: usize = 10;
/// Flows that are shown with all there is to say about them.
const DETAILED: usize = 1000;

/// The whole page.
#[derive(Template)]
#[template(path = "impact.html")]
pub struct ImpactPage<'a> {
    title: String,
    tone: &'static str,
    verdict: &'static str,
    told: String,
    devices: String,
    exit: String,
    tiles: Vec<(usize, &'static str, &'static str)>,
    flows: Vec<Row>,
    not_detailed: usize,
    opened: Openings,
    closed: Openings,
    findings: Vec<Remark>,
    coverage: Vec<Bar>,
    assumptions: Vec<Remark>,
    diagnostics: Vec<Remark>,
    remarks: String,
    report: &'a ImpactReport,
}

/// A flow.
struct Row {
    rank: usize,
    tone: &'static str,
    word: String,
    impact: &'static str,
    id: String,
    service: String,
    ends: String,
    owner: String,
    cause: String,
    details: Option<Details>,
}

/// What opens below it.
struct Details {
    before: &'static str,
    after: &'static str,
    companion_of: Option<String>,
    ticket: Option<String>,
    changes: Vec<String>,
    edits: Vec<Edit>,
    more_edits: usize,
    reasons: Vec<Why>,
    help: Vec<String>,
    regions: Vec<(&'static str, Vec<String>, usize)>,
    rules: Vec<(&'static str, Vec<Line>)>,
    examples: Vec<(String, &'static str)>,
    paths: Vec<(&'static str, Vec<String>)>,
    assumptions: Vec<String>,
}

/// An edit: the line before and the line after, side by side.
struct Edit {
    before: Option<Line>,
    after: Option<Line>,
    context: Option<String>,
}

/// A line of a file, or a rule.
struct Line {
    label: String,
    at: String,
    text: String,
}

/// What is not understood, with the line around it.
struct Why {
    label: String,
    at: String,
    before: String,
    meant: String,
    after: String,
}

struct Openings {
    all: usize,
    rows: Vec<Opening>,
    /// Those behind the first, which are folded away.
    folded: Vec<Opening>,
    more: usize,
}

struct Opening {
    region: String,
    device: String,
    path: String,
    possible: bool,
    by: String,
    at: String,
    text: String,
}

struct Remark {
    label: String,
    text: String,
    at: String,
}

/// The lines of a file by status.
struct Bar {
    side: &'static str,
    file: String,
    lines: usize,
    modeled: usize,
    inert: usize,
    opaque: usize,
    widths: [u32; 3],
    head: String,
    listed: Vec<Line>,
    more: usize,
}

const fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Bad => "bad",
        Tone::Doubt => "doubt",
        Tone::Good => "good",
    }
}

impl<'a> ImpactPage<'a> {
    /// Makes a report ready.
    pub fn new(report: &'a ImpactReport, page: Page<'_>) -> Self {
        let s = report.summary;
        let told = words::told_in_short(report);
        let verdict = words::verdict(report.verdict);
        let worst = worst_first(report);
        let not_detailed = worst.len().saturating_sub(DETAILED);
        let mut flows: Vec<Row> = worst
            .iter()
            .enumerate()
            .map(|(n, f)| row(n, f, n < DETAILED))
            .collect();
        let quiet = report.flows.iter().filter(|f| !is_told(f));
        let first = flows.len();
        flows.extend(quiet.enumerate().map(|(n, f)| row(first + n, f, false)));
        let assumed = assumed::of_report(report);
        Self {
            title: format!("fwimpact: {told}"),
            tone: match report.verdict {
                Verdict::Blocked | Verdict::PartlyBlocked => "bad",
                Verdict::Undecided | Verdict::Exposure | Verdict::Changed => "doubt",
                Verdict::None => "good",
            },
            verdict,
            told,
            devices: Devices::new(&report.inputs).text(usize::MAX, str::to_owned),
            exit: if page.exit_zero && report.exit_code >= 10 {
                format!("0 (--exit-zero; {} otherwise)", report.exit_code)
            } else {
                report.exit_code.to_string()
            },
            tiles: vec![
                (s.blocked, "blocked", "bad"),
                (s.partly_blocked, "partly blocked", "bad"),
                (s.undecided, "undecided", "doubt"),
                (s.changed, "changed", "doubt"),
                (s.opened, "opened", "good"),
                (s.unchanged, "unchanged", "good"),
                (
                    report.exposure_groups.len(),
                    "opened, not declared",
                    "doubt",
                ),
            ],
            flows,
            not_detailed,
            opened: openings(&report.exposure_groups, UNFOLDED),
            closed: openings(&report.closed_groups, 0),
            findings: report
                .findings
                .iter()
                .map(|f| Remark {
                    label: f.code.clone(),
                    text: f.message.clone(),
                    at: place(f.file.as_deref(), f.line),
                })
                .chain(report.changes.iter().map(|c| Remark {
                    label: c.kind.clone(),
                    text: words::change_alone(c),
                    at: place(c.file.as_deref(), c.line),
                }))
                .collect(),
            coverage: bars(report),
            assumptions: assumed
                .iter()
                .take(REMARKS)
                .map(|a| Remark {
                    label: a.code.clone(),
                    text: a.text.clone(),
                    at: place(a.file.as_deref(), a.line),
                })
                .collect(),
            diagnostics: report
                .diagnostics
                .iter()
                .take(REMARKS)
                .map(|d| Remark {
                    label: format!("{} {}", d.severity, d.code),
                    text: d.message.clone(),
                    at: place(d.file.as_deref(), d.line),
                })
                .collect(),
            remarks: words::count(report.diagnostics.len(), "remark"),
            report,
        }
    }
}

fn row(rank: usize, flow: &FlowReport, detailed: bool) -> Row {
    let told = is_told(flow);
    let (sign_tone, mark, said) = sign(flow);
    let word = if !told {
        format!("✓ unchanged ({})", flow.after.as_str())
    } else if said.is_empty() {
        format!("{mark} {}", flow.impact.as_str().replace('-', " "))
    } else {
        format!("{mark} {said}")
    };
    let cause = flow
        .caused_by
        .first()
        .map(|c| {
            format!(
                "{} {}",
                place(Some(&c.file), Some(c.line)),
                words::edited(c)
            )
        })
        .or_else(|| {
            let c = flow.changes.first()?;
            Some(place(Some(c.file.as_deref()?), c.line))
        })
        .or_else(|| {
            let r = flow.reasons.first()?;
            told.then(|| place(r.file.as_deref(), r.line))
        })
        .unwrap_or_default();
    Row {
        rank,
        tone: if told { tone(sign_tone) } else { "same" },
        word,
        impact: flow.impact.as_str(),
        id: flow.id.clone(),
        service: format!("{}{}", flow.service, port_of(flow)),
        ends: format!("{} → {}", flow.from, flow.to),
        owner: flow.owner.clone().unwrap_or_default(),
        cause,
        details: detailed.then(|| details(flow)),
    }
}

fn details(flow: &FlowReport) -> Details {
    let gone = match flow.impact {
        Impact::Opened | Impact::PartlyOpened => "passes now",
        Impact::Undecided => "cannot be decided",
        _ => "is lost",
    };
    let mut examples: Vec<(String, &'static str)> = Vec::new();
    examples.extend(flow.witness.as_ref().map(|w| (packet(w), gone)));
    examples.extend(flow.passing.as_ref().map(|w| (packet(w), "still passes")));
    let regions = |label, list: &[Region]| {
        let shown = list.iter().take(REGIONS).map(packets).collect();
        (label, shown, list.len().saturating_sub(REGIONS))
    };
    let paths = flow.paths.as_ref().map_or_else(Vec::new, |paths| {
        [("Before", &paths.before), ("After", &paths.after)]
            .into_iter()
            .map(|(label, list)| {
                let drawn = list.iter().map(|p| picture::svg(label, flow, p)).collect();
                (label, drawn)
            })
            .collect()
    });
    Details {
        before: flow.before.as_str(),
        after: flow.after.as_str(),
        companion_of: flow.companion_of.clone(),
        ticket: flow.ticket.clone(),
        changes: flow
            .changes
            .iter()
            .map(|c| format!("{}: {}", c.severity.as_str(), change(c)))
            .collect(),
        edits: edits(flow),
        more_edits: flow.caused_by.len().saturating_sub(REGIONS),
        reasons: flow.reasons.iter().map(why).collect(),
        help: words::help(&flow.reasons),
        regions: [
            regions("lost", &flow.lost),
            regions("gained", &flow.gained),
            regions("undecided", &flow.undecided),
        ]
        .into_iter()
        .filter(|r: &(&str, Vec<String>, usize)| !r.1.is_empty())
        .collect(),
        rules: [
            ("before", rules(&flow.decided_by.before)),
            ("after", rules(&flow.decided_by.after)),
        ]
        .into_iter()
        .filter(|r| !r.1.is_empty())
        .collect(),
        examples,
        paths,
        assumptions: assumed::together(&flow.assumptions)
            .iter()
            .map(|a| format!("{}: {}", a.code, a.text))
            .collect(),
    }
}

fn why(reason: &Reason) -> Why {
    let line = reason.line_text.as_deref().unwrap_or_default();
    let all = (0, line.len());
    let (start, end) = match (reason.start, reason.end) {
        (Some(start), Some(end)) if start < end => (start as usize, end as usize),
        _ => all,
    };
    let part = |from: usize, to: usize| line.get(from..to).map(str::to_owned);
    // To mark a whole line says nothing.
    let parts = if line.get(start..end).map(str::trim) == Some(line.trim()) {
        None
    } else {
        part(0, start).zip(part(start, end)).zip(part(end, all.1))
    };
    let ((before, meant), after) =
        parts.unwrap_or_else(|| ((line.to_owned(), String::new()), String::new()));
    Why {
        label: words::reason(reason),
        at: place(reason.file.as_deref(), reason.line),
        before,
        meant,
        after,
    }
}

fn rules(list: &[Decision]) -> Vec<Line> {
    list.iter()
        .map(|d| Line {
            label: format!("{} by {} on {}", d.action, words::rule(d), d.device),
            at: if d.line.is_some() {
                place(d.file.as_deref(), d.line)
            } else {
                String::new()
            },
            text: d.text.clone().unwrap_or_default(),
        })
        .collect()
}

/// Removed lines beside the added ones that follow them.
fn edits(flow: &FlowReport) -> Vec<Edit> {
    let mut out: Vec<Edit> = Vec::new();
    for cause in flow.caused_by.iter().take(REGIONS) {
        let context = cause
            .context
            .as_ref()
            .map(|c| c.trim_start_matches("in ").to_owned());
        let line = Line {
            label: String::new(),
            at: place(Some(&cause.file), Some(cause.line)),
            text: cause.text.clone(),
        };
        match cause.edit {
            EditKind::Removed => out.push(Edit {
                before: Some(line),
                after: None,
                context: context.clone(),
            }),
            EditKind::Added => {
                let free = out
                    .iter_mut()
                    .find(|e| e.after.is_none() && e.context == context);
                match free {
                    Some(edit) => edit.after = Some(line),
                    None => out.push(Edit {
                        before: None,
                        after: Some(line),
                        context: context.clone(),
                    }),
                }
            }
        }
    }
    out
}

fn openings(list: &[TrafficGroup], shown: usize) -> Openings {
    let mut rows: Vec<Opening> = list
        .iter()
        .take(EXPOSURES)
        .map(|e| {
            let by = e.grounds.decided_by.after.first();
            Opening {
                region: words::group_sentence(e),
                device: e.device.clone(),
                path: words::ways(e),
                possible: e.grounds.certainty == Certainty::Possible,
                by: by.map_or_else(String::new, |d| {
                    format!("{} by {}", d.action, words::rule(d))
                }),
                at: by.map_or_else(String::new, |d| {
                    if d.line.is_some() {
                        place(d.file.as_deref(), d.line)
                    } else {
                        String::new()
                    }
                }),
                text: by.and_then(|d| d.text.clone()).unwrap_or_default(),
            }
        })
        .collect();
    let folded = rows.split_off(rows.len().min(shown));
    Openings {
        all: list.len(),
        rows,
        folded,
        more: list.len().saturating_sub(EXPOSURES),
    }
}

fn bars(report: &ImpactReport) -> Vec<Bar> {
    let bar = |side: Side, file: &str, lines: LineCoverage| {
        // In tenths of a percent, rounded so that one line can be seen.
        let share = |n: usize| match (n, lines.lines) {
            (0, _) | (_, 0) => 0,
            (n, all) => u32::try_from((n * 1000 / all).max(5)).unwrap_or(1000),
        };
        Bar {
            side: side.as_str(),
            file: file.to_owned(),
            lines: lines.lines,
            modeled: lines.modeled,
            inert: lines.inert,
            opaque: lines.opaque,
            widths: [
                share(lines.modeled),
                share(lines.inert),
                share(lines.opaque),
            ],
            head: format!("{} not understood", words::count(lines.opaque, "line")),
            listed: Vec::new(),
            more: 0,
        }
    };
    if report.coverage.files.is_empty() {
        return vec![
            bar(Side::Before, "all files", report.coverage.before),
            bar(Side::After, "all files", report.coverage.after),
        ];
    }
    let mut out: Vec<Bar> = report
        .coverage
        .files
        .iter()
        .map(|file| Bar {
            listed: file
                .opaque_lines
                .iter()
                .map(|l| Line {
                    label: String::new(),
                    at: l.line.to_string(),
                    text: l.text.clone(),
                })
                .collect(),
            more: file.lines.opaque.saturating_sub(file.opaque_lines.len()),
            ..bar(file.side, &file.file, file.lines)
        })
        .collect();
    // Files with something to look at come first.
    out.sort_by_key(|b| std::cmp::Reverse(b.opaque));
    out
}
