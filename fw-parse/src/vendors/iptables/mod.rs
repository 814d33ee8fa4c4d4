//! iptables and ip6tables: `iptables-save` dumps, hand-written restore files,
//! shell scripts of `iptables` commands, and the `ipset save` dump beside them.
//!
//! Facts about the order of tables and the meaning of options follow
//! `iptables(8)`, `iptables-extensions(8)` and `ipset(8)`, and were checked on
//! a running kernel; see docs/vendors/iptables.md.

mod address;
mod ast;
mod chains;
mod command;
mod connection;
mod context;
pub(super) mod external;
mod filters;
mod inert;
mod loader;
mod lower;
mod matching;
mod names;
mod options;
mod parse;
mod ruleset;
mod script;
mod sets;
mod target;
mod time;
mod undecidable;
mod words;

#[cfg(test)]
mod tests;

use crate::counters;
use crate::detect::Evidence;
use crate::vendor::{Input, Parsed, Vendor};
use ast::{Protocol, StatementKind};
use fw_model::{Ledger, LineStatus};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// The front end.
pub struct Iptables;

impl Vendor for Iptables {
    fn name(&self) -> &'static str {
        "iptables"
    }

    fn title(&self) -> &'static str {
        "iptables"
    }

    fn detect(&self, text: &str) -> Vec<Evidence> {
        detect(text)
    }

    fn joins(&self, first: &str, other: &str) -> bool {
        kind(first) != kind(other) || external::are_parts(first, other)
    }

    fn without_counters<'l>(&self, line: &'l str) -> Cow<'l, str> {
        counters::without(line, |words| match words {
            [word, ..] => usize::from(counters::pair(word)),
            [] => 0,
        })
    }

    fn parse(&self, input: Input<'_>) -> Parsed {
        let mut loader = loader::Loader::new();
        let mut ledgers: Vec<Ledger> = input.files.iter().map(|f| Ledger::new(f.1)).collect();
        let mut statuses = Statuses::default();
        let mut sources = Vec::new();
        let mut statements = Vec::new();
        for (file, (id, source)) in input.files.iter().enumerate() {
            sources.push(*id);
            statuses.files.insert(id.0, file);
            let part = external::is_part(&source.text);
            let assumed = family(&source.text);
            statements.push((assumed, part, parse::statements(*id, source)));
        }
        for (assumed, part, statements) in statements {
            loader.next_file(assumed, part);
            for statement in statements {
                let (span, last) = (statement.span, statement.last_line);
                let inert = match statement.kind {
                    StatementKind::Inert(why) => Some(why),
                    _ => None,
                };
                let understood = loader.execute(statement);
                for line in span.line..=last {
                    statuses.set(
                        (span.source.0, line),
                        match inert {
                            Some(why) => LineStatus::Inert(why),
                            None if understood => LineStatus::Modeled,
                            None => LineStatus::Opaque,
                        },
                    );
                }
            }
        }
        let lowered = lower::device(input.fallback_name, sources, &loader.loaded);
        for span in &lowered.opaque {
            statuses.set((span.source.0, span.line), LineStatus::Opaque);
        }
        statuses.write(&mut ledgers);
        Parsed {
            devices: vec![lowered.device],
            ledgers,
            diagnostics: lowered.diagnostics,
        }
    }
}

/// The statuses of lines, of which a line may get several: the one that says
/// least of it stays.
#[derive(Default)]
struct Statuses {
    files: FxHashMap<u32, usize>,
    lines: FxHashMap<(u32, u32), LineStatus>,
}

impl Statuses {
    fn set(&mut self, line: (u32, u32), status: LineStatus) {
        let rank = |s: &LineStatus| match s {
            LineStatus::Blank => 0,
            LineStatus::Inert(_) => 1,
            LineStatus::Modeled => 2,
            LineStatus::Opaque => 3,
        };
        let slot = self.lines.entry(line).or_insert(LineStatus::Blank);
        if rank(&status) > rank(slot) {
            *slot = status;
        }
    }

    fn write(&self, ledgers: &mut [Ledger]) {
        let mut lines: Vec<_> = self.lines.iter().collect();
        lines.sort_by_key(|(line, _)| **line);
        for ((source, line), status) in lines {
            let Some(ledger) = self.files.get(source).and_then(|at| ledgers.get_mut(*at)) else {
                continue;
            };
            match status {
                LineStatus::Blank => {}
                LineStatus::Modeled => ledger.modeled(*line),
                LineStatus::Inert(why) => ledger.inert(*line, why),
                LineStatus::Opaque => ledger.opaque(*line),
            }
        }
    }
}

/// What a file is: the files of one device are all different.
#[derive(PartialEq, Eq)]
enum Kind {
    Rules { protocol: Protocol, legacy: bool },
    Sets,
}

fn kind(text: &str) -> Kind {
    let sets = text
        .lines()
        .map(str::trim_start)
        .find(|l| !l.is_empty() && !l.starts_with('#'))
        .is_some_and(is_set_line);
    if sets {
        return Kind::Sets;
    }
    Kind::Rules {
        protocol: family(text),
        legacy: text.contains("tables-legacy-save"),
    }
}

fn is_set_line(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    matches!(words.next(), Some("create" | "add"))
        && words.next().is_some()
        && words.next().is_some_and(|w| {
            ["hash:", "bitmap:", "list:set"]
                .iter()
                .any(|t| w.starts_with(t))
        })
}

/// The address family that the rules of a restore file are for. A file
/// without any evidence is taken to be for IPv4.
fn family(text: &str) -> Protocol {
    for line in text.lines() {
        let line = line.trim();
        if line.contains("Generated by ip6tables-save") {
            return Protocol::V6;
        }
        if line.contains("Generated by iptables-save") {
            return Protocol::V4;
        }
        if line.starts_with('#') || !line.contains(" -") && !line.starts_with('-') {
            continue;
        }
        for word in line.split_ascii_whitespace() {
            if matches!(
                word,
                "ipv6-icmp" | "icmpv6" | "icmp6" | "--icmpv6-type" | "ipv6header" | "hl" | "rt"
            ) || word.starts_with("icmp6-")
            {
                return Protocol::V6;
            }
            let address = word.split('/').next().unwrap_or(word);
            if address.contains("::") || address.matches(':').count() >= 3 {
                if address.parse::<std::net::Ipv6Addr>().is_ok() {
                    return Protocol::V6;
                }
            } else if address.matches('.').count() == 3
                && address.parse::<std::net::Ipv4Addr>().is_ok()
            {
                return Protocol::V4;
            }
        }
    }
    Protocol::V4
}

fn detect(text: &str) -> Vec<Evidence> {
    let mut out: Vec<Evidence> = Vec::new();
    let mut see = |weight, what: &str, line: usize, limit: usize| {
        if out.iter().filter(|e| e.what == what).count() < limit {
            out.push(Evidence {
                weight,
                what: what.to_owned(),
                line: u32::try_from(line + 1).unwrap_or(u32::MAX),
            });
        }
    };
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with("# Generated by ip") && line.contains("tables") {
            see(100, "header of iptables-save", at, 1);
        } else if let Some(table) = line.strip_prefix('*') {
            if ruleset::TABLES.iter().any(|t| t.0 == table) {
                see(45, "table", at, 1);
            }
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_ascii_whitespace();
            let built_in = words.next().is_some_and(|c| matching::hook::of(c) != 0);
            if built_in && matches!(words.next(), Some("ACCEPT" | "DROP")) {
                see(40, "policy of a built-in chain", at, 1);
            }
        } else if line == "COMMIT" {
            see(20, "COMMIT", at, 1);
        } else if line.starts_with("-A ") || line.starts_with("[") && line.contains("] -A ") {
            if line.contains(" -j ") || line.contains(" -g ") {
                see(20, "appended rule", at, 2);
            }
        } else if script::program(line).is_some() {
            see(20, "iptables command", at, 3);
        } else if line.starts_with("create ") && is_set_line(line) {
            see(60, "created set", at, 1);
        }
    }
    out
}
