//! Linux nftables: `nft list ruleset`, files for `nft -f`, and
//! `nft -j list ruleset`.

mod ast;
mod detect;
mod elements;
mod json;
mod ledger;
mod lex;
mod lower;
mod names;
mod parse;
mod print;
mod ruleset;
#[cfg(test)]
mod tests;

use crate::detect::Evidence;
use crate::vendor::{Input, Parsed, Vendor};
use ast::{Command, Define};
use fw_model::{Device, Ledger, Source, SourceId};
use ruleset::Ruleset;

/// The nftables front end.
pub struct Nftables;

impl Vendor for Nftables {
    fn name(&self) -> &'static str {
        "nftables"
    }

    fn title(&self) -> &'static str {
        "Linux nftables"
    }

    fn detect(&self, text: &str) -> Vec<Evidence> {
        detect::detect(text)
    }

    fn parse(&self, input: Input<'_>) -> Parsed {
        let device = Device {
            name: input.fallback_name.to_owned(),
            sources: input.files.iter().map(|&(id, _)| id).collect(),
            ..Device::default()
        };
        let mut reading = Reading::default();
        let mut ledgers: Vec<Ledger> = input.files.iter().map(|(_, s)| Ledger::new(s)).collect();
        let included: Vec<bool> = input
            .files
            .iter()
            .map(|(_, source)| {
                input
                    .files
                    .iter()
                    .any(|(_, other)| names_file(other, source))
            })
            .collect();
        for (at, &(id, source)) in input.files.iter().enumerate() {
            if !included.get(at).copied().unwrap_or(false) {
                reading.file(&input, at, id, source, &mut ledgers, 0);
            }
        }
        let mut ruleset = Ruleset::default();
        for command in reading.commands {
            ruleset.execute(command);
        }
        let complete = ruleset.flushed || reading.dump;
        let lowered = lower::lower(&ruleset, &reading.defines, device, complete);
        for place in lowered.opaque {
            if let Some(at) = input
                .files
                .iter()
                .position(|&(id, _)| id == place.span.source)
                && let Some(ledger) = ledgers.get_mut(at)
            {
                for line in place.span.line..=place.last_line {
                    ledger.opaque(line);
                }
            }
        }
        Parsed {
            devices: vec![lowered.device],
            ledgers,
            diagnostics: lowered.diagnostics,
        }
    }
}

/// How deep files may include each other.
const INCLUDES: usize = 16;

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// True if `other` has an `include` of `source`.
fn names_file(other: &Source, source: &Source) -> bool {
    !std::ptr::eq(other, source)
        && other
            .text
            .lines()
            .filter_map(included_path)
            .any(|path| file_name(path) == file_name(&source.path))
}

fn included_path(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix("include")?.trim_start();
    rest.strip_prefix('"')?.split('"').next()
}

/// The commands of all files, in order.
#[derive(Default)]
struct Reading {
    commands: Vec<Command>,
    defines: Vec<Define>,
    dump: bool,
}

impl Reading {
    fn file(
        &mut self,
        input: &Input<'_>,
        at: usize,
        id: SourceId,
        source: &Source,
        ledgers: &mut [Ledger],
        depth: usize,
    ) {
        let Some(ledger) = ledgers.get_mut(at) else {
            return;
        };
        if source.text.trim_start().starts_with('{') {
            let read = json::read(source, id);
            ledger::json(ledger, &read);
            self.dump |= read.dump;
            self.commands.extend(read.commands);
            return;
        }
        let text = parse::text(&source.text, id, self.defines.len());
        ledger::text(ledger, source, &text);
        self.dump |= ledger::is_dump(source, &text);
        self.defines.extend(text.defines);
        for command in text.commands {
            if let Command::Unknown(words, place) = &command
                && let Some(path) = included_path(words)
                && depth < INCLUDES
                && let Some((n, &(other, file))) = input.files.iter().enumerate().find(|(_, f)| {
                    !std::ptr::eq(f.1, source) && file_name(&f.1.path) == file_name(path)
                })
            {
                if let Some(ledger) = ledgers.get_mut(at) {
                    ledger.modeled(place.span.line);
                }
                self.file(input, n, other, file, ledgers, depth + 1);
                continue;
            }
            self.commands.push(command);
        }
    }
}
