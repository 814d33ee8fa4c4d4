//! The report of `show`.

use super::super::Page;
use super::super::assumed;
use super::super::devices::Devices;
use super::layout::{BOLD, DIM, Paper, YELLOW, count, fit, paint, place, wrap};
use super::parts;
use crate::show::ShowReport;
use crate::show::model::{DeviceView, RuleView};

/// The report as text.
pub fn text(report: &ShowReport, page: Page) -> String {
    let mut paper = Paper::new(page.width);
    let c = report.coverage;
    paper.prose(&format!(
        "{}: {} modeled, {} without effect, {} not understood   {}",
        count(c.lines, "line"),
        c.modeled,
        c.inert,
        c.opaque,
        Devices::new(&report.inputs).text(usize::MAX, str::to_owned)
    ));
    for device in report.devices.iter().flatten() {
        paper.gap();
        one(&mut paper, device);
    }
    if report.devices.is_none() {
        for file in &report.files {
            paper.gap();
            let c = file.coverage;
            let text = format!(
                "{}   {}: {} modeled, {} without effect, {} not understood",
                file.path,
                count(c.lines, "line"),
                c.modeled,
                c.inert,
                c.opaque
            );
            paper.prose(&text);
            for line in &file.opaque_lines {
                let bar = paint(DIM, &format!("{:>6} │", line.line));
                let room = page.width.saturating_sub(9);
                paper.line(&format!("{bar} {}", fit(line.text.trim_end(), room)));
            }
        }
    }
    paper.gap();
    if !report.assumptions.is_empty() {
        parts::assumptions(&mut paper, &assumed::together(&report.assumptions));
    }
    for d in &report.diagnostics {
        let at = place(d.file.as_deref(), d.line);
        let text = format!(
            "{at}{}{} [{}]",
            if at.is_empty() { "" } else { ": " },
            d.message,
            d.code
        );
        paper.labelled(&d.severity, YELLOW, &text);
    }
    paper.finish()
}

fn one(paper: &mut Paper, device: &DeviceView) {
    paper.line(&paint(
        BOLD,
        &format!("{} ({})", device.name, device.vendor),
    ));
    for i in &device.interfaces {
        let state = match (i.enabled, i.management_only) {
            (false, _) => "   down",
            (true, true) => "   management only",
            (true, false) => "",
        };
        let text = format!("{} {}{state}", i.name, i.addresses.join(", "));
        paper.labelled("iface", DIM, &text);
    }
    for z in &device.zones {
        let text = format!("{}: {}", z.name, z.interfaces.join(", "));
        paper.labelled("zone", DIM, &text);
    }
    for r in &device.routes {
        paper.labelled("route", DIM, &format!("{} {}", r.prefix, r.next));
    }
    for s in &device.pipeline {
        let text = format!("{}: {} {}", s.hook, s.name, s.filter);
        paper.labelled("stage", DIM, &text);
    }
    for f in &device.filters {
        paper.line(&format!("  {}", paint(BOLD, &f.name)));
        for r in f.rules.iter().chain([&f.default]) {
            rule(paper, r);
        }
    }
}

fn rule(paper: &mut Paper, rule: &RuleView) {
    let at = rule
        .line
        .map_or_else(String::new, |l| format!("   line {l}"));
    let text = format!("{}  {}  {}{at}", rule.name, rule.action, rule.when);
    let room = paper.width.saturating_sub(7);
    for (n, line) in wrap(&text, room).iter().enumerate() {
        let start = if n == 0 { "    " } else { "       " };
        paper.line(&format!("{start}{line}"));
    }
}
