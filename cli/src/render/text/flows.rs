//! The report of `flows check`.

use super::super::Page;
use super::layout::{BOLD, GREEN, Paper, YELLOW, count, paint};
use crate::show::FlowsReport;

/// The report as text.
pub fn text(report: &FlowsReport, page: Page) -> String {
    let mut paper = Paper::new(page.width);
    let declared = report
        .flows
        .iter()
        .filter(|f| f.companion_of.is_none())
        .count();
    let companions = report.flows.len() - declared;
    let mut head = count(declared, "flow");
    if companions > 0 {
        head.push_str(&format!(" and {}", count(companions, "companion")));
    }
    paper.line(&format!(
        "{}  {}: {head}",
        paint(GREEN, "✓ VALID"),
        report.file
    ));
    if page.quiet {
        return paper.finish();
    }
    for flow in &report.flows {
        paper.gap();
        let mut words = vec![flow.service.clone()];
        if flow.expect == "deny" {
            words.push("must not pass".into());
        }
        if flow.quantity == "any" {
            words.push("any part of it is enough".into());
        }
        if let Some(seconds) = flow.keepalive {
            words.push(format!("keepalive {seconds}s"));
        }
        paper.line(&format!("{}   {}", paint(BOLD, &flow.id), words.join(", ")));
        let named = |words: &str, stands: &str| {
            if words == stands {
                stands.to_owned()
            } else {
                format!("{words} = {stands}")
            }
        };
        paper.labelled("from", BOLD, &named(&flow.from, &flow.sources));
        paper.labelled("to", BOLD, &named(&flow.to, &flow.destinations));
        paper.labelled("service", BOLD, &flow.services);
    }
    for group in &report.unused_groups {
        paper.gap();
        paper.labelled("note", YELLOW, &format!("no flow uses group `{group}`"));
    }
    paper.finish()
}
