//! Linux nftables: `nft list ruleset`, files for `nft -f`, and
//! `nft -j list ruleset`.

mod ast;
mod detect;
mod elements;
mod include;
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

use crate::counters;
use crate::detect::Evidence;
use crate::vendor::{Input, Parsed, Vendor};
use ast::{Command, Define};
use fw_model::Device;
use include::Files;
use ledger::Ledgers;
use ruleset::Ruleset;
use std::borrow::Cow;

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

    fn includes(&self, text: &str) -> Vec<String> {
        include::paths(text)
    }

    fn without_counters<'l>(&self, line: &'l str) -> Cow<'l, str> {
        counters::without(line, |words| match words {
            ["packets", packets, "bytes", bytes, ..]
                if packets.parse::<u64>().is_ok() && bytes.parse::<u64>().is_ok() =>
            {
                4
            }
            ["#", "handle", _] => 3,
            _ => 0,
        })
    }

    fn parse(&self, input: Input<'_>) -> Parsed {
        let device = Device {
            name: input.fallback_name.to_owned(),
            sources: input.files.iter().map(|&(id, _)| id).collect(),
            ..Device::default()
        };
        let files = Files::new(input.files);
        let mut ledgers = Ledgers::new(input.files);
        let mut reading = Reading::default();
        for at in files.roots() {
            reading.file(&input, at, &files, &mut ledgers);
        }
        let mut ruleset = Ruleset::default();
        for command in reading.commands {
            ruleset.execute(command);
        }
        let complete = ruleset.flushed || reading.dump;
        let lowered = lower::lower(&ruleset, &reading.defines, device, complete);
        for place in lowered.opaque {
            place.lines().for_each(|line| ledgers.opaque(line));
        }
        Parsed {
            devices: vec![lowered.device],
            ledgers: ledgers.ledgers,
            diagnostics: lowered.diagnostics,
        }
    }
}

/// The commands of all files, in order.
#[derive(Default)]
struct Reading {
    commands: Vec<Command>,
    defines: Vec<Define>,
    dump: bool,
}

impl Reading {
    /// Reads a file and those that it includes.
    fn file(&mut self, input: &Input<'_>, at: usize, files: &Files<'_>, ledgers: &mut Ledgers<'_>) {
        let Some(&(id, source)) = input.files.get(at) else {
            return;
        };
        if source.text.trim_start().starts_with('{') {
            let read = json::read(source, id);
            ledger::json(ledgers, id, &read);
            self.dump |= read.dump;
            self.commands.extend(read.commands);
            return;
        }
        let text = parse::text(files.tokens(at), self.defines.len());
        ledger::text(ledgers, &text);
        self.dump |= ledger::is_dump(source, &text);
        self.defines.extend(text.defines);
        self.commands.extend(text.commands);
    }
}
