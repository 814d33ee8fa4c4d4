//! The report of `trace`.

use super::super::Page;
use super::super::words::{count, packets};
use super::LIMIT;
use super::paper::{Paper, code, escape, line};
use fw_impact::TraceReport;
use fw_impact::report::FlowVerdict;

const fn mark(verdict: FlowVerdict) -> &'static str {
    match verdict {
        FlowVerdict::Permitted => "✅",
        FlowVerdict::Denied => "❌",
        FlowVerdict::Partial => "⚠️",
        FlowVerdict::Undecided => "❓",
    }
}

/// The report as markdown.
pub fn text(report: &TraceReport, page: Page<'_>) -> String {
    let mut paper = Paper::new(LIMIT, 500);
    paper.add(&format!(
        "### {} fwimpact trace: {}\n\n",
        mark(report.verdict),
        report.verdict.as_str()
    ));
    let mut missing = 0;
    for path in report.paths.iter().filter(|_| !page.quiet) {
        let mut item = format!("#### {} {}\n\n", mark(path.verdict), path.verdict.as_str());
        for r in path.regions.iter().take(8) {
            item.push_str(&format!("- {}\n", code(&packets(r))));
        }
        if path.regions.len() > 8 {
            item.push_str(&format!(
                "- {}\n",
                count(path.regions.len() - 8, "more region")
            ));
        }
        item.push_str("\n| | Device | Step | What happens | Line |\n|---|---|---|---|---|\n");
        for (n, step) in path.steps.iter().enumerate() {
            let text = step
                .line_text
                .as_ref()
                .map_or_else(String::new, |t| format!(" {}", code(t)));
            item.push_str(&format!(
                "| {} | {} | {} | {} | {}{text} |\n",
                n + 1,
                code(&step.device),
                escape(&step.kind),
                escape(&step.text),
                if step.line.is_some() {
                    line(page, step.file.as_deref(), step.line)
                } else {
                    String::new()
                },
            ));
        }
        item.push('\n');
        if missing > 0 || !paper.add(&item) {
            missing += 1;
        }
    }
    let cut = match missing {
        0 => String::new(),
        n => format!("**Left out for length:** {}.\n\n", count(n, "path")),
    };
    paper.finish(&format!(
        "{cut}<sub>{} {}, exit {}</sub>\n",
        escape(&report.tool.name),
        escape(&report.tool.version),
        report.exit_code
    ))
}
