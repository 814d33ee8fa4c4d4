//! Fortinet FortiOS: the text of `show`, `show full-configuration` and of
//! backups.

mod ast;
mod inert;
mod lexer;
mod lower;
mod parse;
mod read;
mod services;
mod table;

#[cfg(test)]
mod tests;

use crate::detect::Evidence;
use crate::vendor::{Input, Parsed, Vendor};
use fw_model::{Ledger, SourceId, Span};

/// The FortiOS front end.
pub struct FortinetFortios;

impl Vendor for FortinetFortios {
    fn name(&self) -> &'static str {
        "fortinet-fortios"
    }

    fn title(&self) -> &'static str {
        "Fortinet FortiOS"
    }

    fn detect(&self, text: &str) -> Vec<Evidence> {
        detect(text)
    }

    fn parse(&self, input: Input<'_>) -> Parsed {
        let mut out = Parsed::default();
        for &(id, source) in input.files {
            let mut ledger = Ledger::new(source);
            let file = table::read(lexer::Lexer::new(id, source));
            let config = parse::parse(&file, &mut ledger);
            let (devices, diagnostics) = lower::lower(&config, id, input.fallback_name);
            out.devices.extend(devices);
            out.diagnostics.extend(diagnostics);
            out.ledgers.push(ledger);
        }
        out
    }
}

/// A place for constructs that have none of their own.
fn no_span() -> Span {
    Span::line(SourceId(0), 1, 0)
}

/// Sections that only this format has, with their weights.
const SECTIONS: [(&str, u32); 14] = [
    ("firewall policy", 40),
    ("firewall address", 40),
    ("firewall addrgrp", 40),
    ("firewall service custom", 40),
    ("firewall service group", 40),
    ("firewall vip", 40),
    ("firewall policy6", 40),
    ("firewall schedule recurring", 20),
    ("system interface", 30),
    ("system zone", 30),
    ("system global", 30),
    ("router static", 20),
    ("firewall ippool", 30),
    ("vdom", 10),
];

fn detect(text: &str) -> Vec<Evidence> {
    let mut out: Vec<Evidence> = Vec::new();
    let (mut edits, mut sets) = (false, false);
    for (line, number) in text.lines().zip(1u32..) {
        let body = line.trim();
        if number <= 20 && body.starts_with("#config-version=") {
            out.push(Evidence {
                weight: 100,
                what: "`#config-version` header".to_owned(),
                line: number,
            });
        }
        edits |= body.starts_with("edit ");
        sets |= body.starts_with("set ");
        if let Some(path) = body.strip_prefix("config ")
            && let Some((name, weight)) = SECTIONS.iter().find(|(s, _)| *s == path)
            && !out
                .iter()
                .any(|e| e.what.contains(&format!("`config {name}`")))
        {
            out.push(Evidence {
                weight: *weight,
                what: format!("`config {name}`"),
                line: number,
            });
        }
    }
    // Blocks without a single `set` or `edit` are prose.
    if !(edits || sets) {
        out.clear();
    }
    out
}
