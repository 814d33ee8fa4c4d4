//! The way of packets as a drawing, from left to right: the host, for each
//! device its interface, translation, rules and the interface out, the other
//! host. The step that stops them is red.

use super::super::words::place;
use super::super::xml::escape;
use fw_impact::report::{FlowReport, FlowVerdict, TracePath, TraceStep};
use std::fmt::Write as _;

/// Size of a box, and the room between two.
const WIDTH: usize = 148;
const HEIGHT: usize = 66;
const GAP: usize = 26;
/// Boxes beside each other; the way goes on in the next row.
const COLUMNS: usize = 6;
const ROW: usize = 96;
const MARGIN: usize = 8;
/// Characters of a line in a box.
const TEXT: usize = 22;
/// Boxes of a way; longer ones are cut in the middle.
const BOXES: usize = 48;

/// One box.
struct Stop {
    head: String,
    text: String,
    at: String,
    class: &'static str,
}

/// The drawing as an inline SVG.
pub fn svg(label: &str, flow: &FlowReport, path: &TracePath) -> String {
    let mut stops = stops(flow, path);
    let cut = stops.len().saturating_sub(BOXES);
    if cut > 0 {
        let tail = stops.split_off(stops.len() - BOXES / 2);
        stops.truncate(BOXES / 2 - 1);
        stops.push(Stop {
            head: "…".into(),
            text: format!("{} more steps", cut + 1),
            at: String::new(),
            class: "plain",
        });
        stops.extend(tail);
    }
    let rows = stops.len().div_ceil(COLUMNS);
    let columns = stops.len().min(COLUMNS);
    let width = columns * (WIDTH + GAP) - GAP + 2 * MARGIN;
    let height = rows.saturating_sub(1) * ROW + HEIGHT + 2 * MARGIN;
    let told = format!(
        "{label}: {}. {}",
        path.verdict.as_str(),
        stops
            .iter()
            .map(|s| format!("{} {}", s.head, s.text))
            .collect::<Vec<_>>()
            .join(", then ")
    );
    let mut out = format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" role=\"img\" aria-label=\"{}\">",
        escape(&told)
    );
    for (n, stop) in stops.iter().enumerate() {
        let x = MARGIN + (n % COLUMNS) * (WIDTH + GAP);
        let y = MARGIN + (n / COLUMNS) * ROW;
        if n > 0 {
            arrow(&mut out, n, x, y);
        }
        let _ = write!(
            out,
            "<g class=\"{}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>",
            stop.class,
            escape(&format!("{} {} {}", stop.head, stop.text, stop.at))
        );
        for (line, (text, class)) in [(&stop.head, "h"), (&stop.text, "t"), (&stop.at, "a")]
            .into_iter()
            .enumerate()
        {
            if !text.is_empty() {
                let _ = write!(
                    out,
                    "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
                    x + 8,
                    y + 20 + line * 18,
                    escape(&short(text))
                );
            }
        }
        out.push_str("</g>");
    }
    out.push_str("</svg>");
    out
}

fn arrow(out: &mut String, n: usize, x: usize, y: usize) {
    if n.is_multiple_of(COLUMNS) {
        // Down and back to the left.
        let right = MARGIN + (COLUMNS - 1) * (WIDTH + GAP) + WIDTH / 2;
        let _ = write!(
            out,
            "<path class=\"w\" d=\"M{right} {} V{} H{} V{y}\"/>",
            y + HEIGHT - ROW,
            y - (ROW - HEIGHT) / 2,
            x + WIDTH / 2
        );
        tip(out, x + WIDTH / 2, y, true);
    } else {
        let middle = y + HEIGHT / 2;
        let _ = write!(out, "<path class=\"w\" d=\"M{} {middle} H{x}\"/>", x - GAP);
        tip(out, x, middle, false);
    }
}

fn tip(out: &mut String, x: usize, y: usize, down: bool) {
    let d = if down {
        format!("M{x} {y} l-5 -7 h10 z")
    } else {
        format!("M{x} {y} l-7 -5 v10 z")
    };
    let _ = write!(out, "<path class=\"p\" d=\"{d}\"/>");
}

/// Text that fits a box; its end tells most in paths, its start elsewhere.
fn short(text: &str) -> String {
    if text.chars().count() <= TEXT {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(TEXT - 1).collect();
    out.push('…');
    out
}

fn stops(flow: &FlowReport, path: &TracePath) -> Vec<Stop> {
    let region = path.regions.first();
    let host = |head: &str, text: String, class| Stop {
        head: head.to_owned(),
        text,
        at: String::new(),
        class,
    };
    let mut out = vec![host(
        "from",
        region.map_or_else(|| flow.from.clone(), |r| r.src.clone()),
        "plain",
    )];
    let last = path.steps.len().saturating_sub(1);
    for (n, step) in path.steps.iter().enumerate() {
        let stops_here = path.verdict == FlowVerdict::Denied && n == last;
        let opaque = path.verdict == FlowVerdict::Undecided
            || path
                .reasons
                .iter()
                .any(|r| r.line.is_some() && r.line == step.line && r.file == step.file);
        out.push(Stop {
            head: head(step),
            text: text(step),
            at: match (&step.file, step.line) {
                (Some(file), Some(line)) => {
                    let name = file.rsplit(['/', ':']).next().unwrap_or(file);
                    place(Some(name), Some(line))
                }
                _ => String::new(),
            },
            class: match (stops_here, opaque) {
                (true, _) => "stop",
                (false, true) => "open",
                (false, false) => "step",
            },
        });
    }
    let to = region.map_or_else(|| flow.to.clone(), |r| r.dst.clone());
    match path.verdict {
        FlowVerdict::Permitted => out.push(host("to", to, "good")),
        FlowVerdict::Denied => out.push(host("never reaches", to, "gone")),
        FlowVerdict::Partial | FlowVerdict::Undecided => out.push(host("reaches?", to, "open")),
    }
    out
}

fn head(step: &TraceStep) -> String {
    let kind = match step.kind.as_str() {
        "ingress" => "in",
        "translation" | "translated" => "NAT",
        "policy" => "filter",
        "return" => "reply",
        other => other,
    };
    format!("{} · {kind}", step.device)
}

fn text(step: &TraceStep) -> String {
    match (step.kind.as_str(), &step.filter, &step.rule) {
        ("policy" | "return" | "translation", Some(filter), Some(rule)) => {
            let action = step.text.split(" by ").next().unwrap_or(&step.text);
            format!("{action}: {filter} {rule}")
        }
        ("ingress", ..) => step
            .text
            .strip_prefix("enters by ")
            .unwrap_or(&step.text)
            .to_owned(),
        _ => step.text.clone(),
    }
}
