//! The details of a flow in a comment.

use super::super::Page;
use super::super::assumed;
use super::super::words::{self, Tone, change, count, packet, packets, sign};
use super::paper::{block, code, escape, fit, line};
use fw_impact::report::{Decision, EditKind, FlowReport, Impact, Region};

/// Lines of configurations are cut here.
const TEXT: usize = 300;
/// Regions, edits and rules that a flow tells.
const REGIONS: usize = 8;
const EDITS: usize = 8;
const RULES: usize = 2;

/// The words of the verdict on a flow.
pub fn verdict(flow: &FlowReport) -> String {
    let (tone, mark, said) = sign(flow);
    let sign = match tone {
        Tone::Bad => "❌",
        Tone::Doubt if mark == "?" => "❓",
        Tone::Doubt => "⚠️",
        Tone::Good => "✅",
    };
    let said = if said.is_empty() {
        flow.impact.as_str().replace('-', " ")
    } else {
        said.to_owned()
    };
    format!("{sign} {said}")
}

pub fn details(page: Page<'_>, flow: &FlowReport) -> String {
    let mut out = format!(
        "<details><summary>{}: {}</summary>\n\n",
        html_code(&flow.id),
        verdict(flow)
    );
    out.push_str(&format!(
        "{}, {} to {}",
        code(&flow.service),
        code(&flow.from),
        code(&flow.to)
    ));
    for (label, value) in [("owner", &flow.owner), ("ticket", &flow.ticket)] {
        if let Some(value) = value {
            out.push_str(&format!(", {label} {}", code(value)));
        }
    }
    out.push_str(&format!(
        ": **{}** before, **{}** after.\n\n",
        flow.before.as_str(),
        flow.after.as_str()
    ));
    if let Some(parent) = &flow.companion_of {
        out.push_str(&format!("{} depends on it.\n\n", code(parent)));
    }
    for one in &flow.changes {
        out.push_str(&format!(
            "- **{}** {} {}\n",
            one.severity.as_str(),
            escape(change(one).split("   ").next().unwrap_or_default()),
            line(page, one.file.as_deref(), one.line)
        ));
    }
    edits(page, flow, &mut out);
    for reason in flow.reasons.iter().take(RULES) {
        out.push_str(&format!(
            "\n{} {}\n",
            line(page, reason.file.as_deref(), reason.line),
            escape(&words::reason(reason))
        ));
        if let Some(text) = &reason.line_text {
            out.push_str(&block("", &underlined(text, reason.start.zip(reason.end))));
        }
    }
    if flow.reasons.len() > RULES {
        out.push_str(&format!(
            "\nand {}\n",
            count(flow.reasons.len() - RULES, "more reason")
        ));
    }
    for help in words::help(&flow.reasons) {
        out.push_str(&format!("\n_Help:_ {}\n", escape(&help)));
    }
    out.push('\n');
    for (label, list) in [
        ("lost", &flow.lost),
        ("gained", &flow.gained),
        ("undecided", &flow.undecided),
    ] {
        regions(label, list, &mut out);
    }
    if flow.impact != Impact::Changed {
        out.push_str(&decisions("before", page, &flow.decided_by.before));
        out.push_str(&decisions("after", page, &flow.decided_by.after));
    }
    if let Some(witness) = &flow.witness {
        let what = match flow.impact {
            Impact::Opened | Impact::PartlyOpened => "passes now",
            Impact::Undecided => "cannot be decided",
            _ => "is lost",
        };
        out.push_str(&format!(
            "- for example {} {what}\n",
            code(&packet(witness))
        ));
    }
    if let Some(passing) = &flow.passing {
        out.push_str(&format!("- {} still passes\n", code(&packet(passing))));
    }
    let codes = assumed::codes(&flow.assumptions);
    let codes: Vec<String> = codes.into_iter().map(code).collect();
    if !codes.is_empty() {
        out.push_str(&format!("- rests on {}\n", codes.join(", ")));
    }
    out.push_str("\n</details>\n\n");
    out
}

/// A line of a configuration with what is meant underlined, if that is not
/// all of it.
fn underlined(text: &str, marked: Option<(u32, u32)>) -> String {
    let (start, end) = marked.map_or((0, 0), |(a, b)| (a as usize, b as usize));
    let (Some(before), Some(meant)) = (text.get(..start), text.get(start..end)) else {
        return fit(text, TEXT);
    };
    let (indent, length) = (before.chars().count(), meant.chars().count());
    if length == 0 || meant.trim() == text.trim() || indent + length > TEXT {
        return fit(text, TEXT);
    }
    let blanks: String = before
        .chars()
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    format!("{}\n{blanks}{}", fit(text, TEXT), "^".repeat(length))
}

/// The edits that cause it, as a diff.
fn edits(page: Page<'_>, flow: &FlowReport, out: &mut String) {
    if flow.caused_by.is_empty() {
        return;
    }
    out.push_str("\nCaused by");
    for (n, cause) in flow.caused_by.iter().take(EDITS).enumerate() {
        out.push_str(if n == 0 { " " } else { ", " });
        out.push_str(&line(page, Some(&cause.file), Some(cause.line)));
        if let Some(context) = &cause.context {
            out.push_str(&format!(
                " (in {})",
                escape(context.trim_start_matches("in "))
            ));
        }
    }
    if flow.caused_by.len() > EDITS {
        out.push_str(&format!(
            " and {}",
            count(flow.caused_by.len() - EDITS, "more edit")
        ));
    }
    let lines: Vec<String> = flow
        .caused_by
        .iter()
        .take(EDITS)
        .map(|c| {
            let mark = match c.edit {
                EditKind::Removed => '-',
                EditKind::Added => '+',
            };
            format!("{mark}{}", fit(c.text.trim_end(), TEXT))
        })
        .collect();
    out.push('\n');
    out.push_str(&block("diff", &lines.join("\n")));
}

fn regions(label: &str, list: &[Region], out: &mut String) {
    for r in list.iter().take(REGIONS) {
        out.push_str(&format!("- {label} {}\n", code(&packets(r))));
    }
    if list.len() > REGIONS {
        out.push_str(&format!(
            "- {label}: {}\n",
            count(list.len() - REGIONS, "more region")
        ));
    }
}

fn decisions(label: &str, page: Page<'_>, list: &[Decision]) -> String {
    let mut out = String::new();
    for d in list.iter().take(RULES) {
        let at = if d.line.is_some() {
            format!(" at {}", line(page, d.file.as_deref(), d.line))
        } else {
            String::new()
        };
        out.push_str(&format!(
            "- {label}: **{}** by {}{at}",
            escape(&d.action),
            code(&words::rule(d))
        ));
        if let Some(text) = &d.text {
            out.push_str(&format!(": {}", code(&fit(text.trim(), TEXT))));
        }
        out.push('\n');
    }
    if list.len() > RULES {
        out.push_str(&format!(
            "- {label}: {}\n",
            count(list.len() - RULES, "more rule")
        ));
    }
    out
}

/// Code within an HTML element, where markdown is not read.
fn html_code(text: &str) -> String {
    format!("<code>{}</code>", super::super::xml::escape(text))
}
