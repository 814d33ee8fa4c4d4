//! The report of `diff`.

use super::super::Page;
use super::super::devices::Devices;
use super::super::words::{self, change, count};
use super::LIMIT;
use super::paper::{Paper, code, escape, line};
use fw_impact::DiffReport;
use fw_impact::report::Certainty;

/// The report as markdown.
pub fn text(report: &DiffReport, page: Page<'_>) -> String {
    let mut paper = Paper::new(LIMIT, 500);
    let (mark, word) = match report.exit_code {
        0 => ("✅", "both sides let the same traffic pass"),
        12 => ("❓", "a difference cannot be decided"),
        11 => ("⚠️", "traffic is opened"),
        _ => ("⚠️", "the sides differ"),
    };
    paper.add(&format!("### {mark} fwimpact diff: {word}\n\n"));
    paper.add(&format!(
        "{}\n\n",
        escape(&Devices::new(&report.inputs).text(10, str::to_owned))
    ));
    let mut missing = 0;
    for (what, list) in [
        ("Newly permitted", &report.opened_groups),
        ("Newly denied", &report.closed_groups),
        ("Cannot be decided", &report.undecided_groups),
    ] {
        if list.is_empty() || page.quiet {
            continue;
        }
        paper.add(&format!("#### {what}: {}\n\n", list.len()));
        for entry in list {
            let mut item = format!("- {}", code(&words::group_sentence(entry)));
            if entry.grounds.certainty == Certainty::Possible {
                item.push_str(" possibly");
            }
            item.push_str(&format!(" on {}\n", code(&entry.device)));
            for (label, list) in [
                ("before", &entry.grounds.decided_by.before),
                ("after", &entry.grounds.decided_by.after),
            ] {
                if let Some(d) = list.first() {
                    item.push_str(&format!(
                        "  - {label}: {} by {} {}\n",
                        escape(&d.action),
                        code(&words::rule(d)),
                        line(page, d.file.as_deref(), d.line)
                    ));
                }
            }
            if missing > 0 || !paper.add(&item) {
                missing += 1;
            }
        }
        paper.add("\n");
    }
    if !report.changes.is_empty() && !page.quiet {
        paper.add("#### Treated differently\n\n");
        for one in &report.changes {
            let item = format!("- **{}** {}\n", one.severity.as_str(), escape(&change(one)));
            if missing > 0 || !paper.add(&item) {
                missing += 1;
            }
        }
        paper.add("\n");
    }
    let cut = match missing {
        0 => String::new(),
        n => format!("**Left out for length:** {}.\n", count(n, "entry")),
    };
    let c = &report.coverage;
    paper.finish(&format!(
        "Understood {} of {} lines before, {} of {} after.\n{cut}\n<sub>{} {}, exit {}</sub>\n",
        c.before.modeled + c.before.inert,
        c.before.lines,
        c.after.modeled + c.after.inert,
        c.after.lines,
        escape(&report.tool.name),
        escape(&report.tool.version),
        report.exit_code
    ))
}
