//! The status of every line.

use super::ast::{Command, Rule, Statement, Verdict};
use super::json::Json;
use super::lex::Line;
use super::parse::Text;
use fw_model::{Ledger, Source, SourceId};

const COMMENT: &str = "a comment";
const ARP: &str = "arp tables see no IP packets";
const OBJECT: &str = "holds no rule: counters and the like";

/// The ledgers of a device's files.
pub struct Ledgers<'l> {
    /// The files, in the order of the ledgers.
    pub files: &'l [(SourceId, &'l Source)],
    /// The ledgers.
    pub ledgers: Vec<Ledger>,
}

impl<'l> Ledgers<'l> {
    /// Empty ledgers.
    pub fn new(files: &'l [(SourceId, &'l Source)]) -> Self {
        Self {
            files,
            ledgers: files
                .iter()
                .map(|(_, source)| Ledger::new(source))
                .collect(),
        }
    }

    fn of(&mut self, source: SourceId) -> Option<(&'l Source, &mut Ledger)> {
        let at = self.files.iter().position(|(id, _)| *id == source)?;
        Some((self.files.get(at)?.1, self.ledgers.get_mut(at)?))
    }

    /// Marks a line whose meaning is in the result.
    pub fn modeled(&mut self, (source, line): Line) {
        if let Some((_, ledger)) = self.of(source) {
            ledger.modeled(line);
        }
    }

    /// Marks a line that changes nothing, with the reason.
    pub fn inert(&mut self, (source, line): Line, reason: &'static str) {
        if let Some((_, ledger)) = self.of(source) {
            ledger.inert(line, reason);
        }
    }

    /// Marks a line that is not understood.
    pub fn opaque(&mut self, (source, line): Line) {
        if let Some((_, ledger)) = self.of(source) {
            ledger.opaque(line);
        }
    }
}

/// Marks the lines of a text.
pub fn text(ledgers: &mut Ledgers<'_>, text: &Text) {
    for &line in text.marks.modeled.iter().chain(&text.included) {
        ledgers.modeled(line);
    }
    for &(line, reason) in &text.marks.inert {
        ledgers.inert(line, reason);
    }
    for define in &text.defines {
        define.place.lines().for_each(|line| ledgers.modeled(line));
    }
    commands(ledgers, &text.commands);
    for &(source, line) in &text.comments {
        // A comment between the lines of a statement is one all the same.
        if let Some((text, ledger)) = ledgers.of(source)
            && text
                .line(line)
                .is_some_and(|l| l.trim_start().starts_with('#'))
        {
            ledger.inert(line, COMMENT);
        }
    }
}

/// Marks the lines of commands: first what is understood, then what is not.
pub fn commands(ledger: &mut Ledgers<'_>, commands: &[Command]) {
    for command in commands {
        match command {
            Command::AddChain(table, chain) => {
                for rule in &chain.rules {
                    modeled(ledger, rule);
                }
                if table.family == "arp" {
                    chain.place.lines().for_each(|line| ledger.inert(line, ARP));
                }
            }
            Command::AddRule(_, _, _, rule) => modeled(ledger, rule),
            Command::AddSet(_, set) => set.place.lines().for_each(|line| ledger.modeled(line)),
            Command::AddObject(_, object) => {
                // A limit or quota decides for the rules that name it.
                let decides = matches!(object.kind.as_str(), "limit" | "quota");
                object.place.lines().for_each(|line| {
                    if decides {
                        ledger.modeled(line);
                    } else {
                        ledger.inert(line, OBJECT);
                    }
                });
            }
            Command::AddTable(_, _, place)
            | Command::AddElements(_, _, _, place)
            | Command::DeleteElements(_, _, _, _, place)
            | Command::DeleteRule(_, _, _, place) => {
                ledger.modeled((place.span.source, place.span.line))
            }
            _ => {}
        }
    }
    for command in commands {
        match command {
            Command::AddChain(table, chain) if table.family != "arp" => {
                for rule in &chain.rules {
                    opaque(ledger, rule);
                }
            }
            Command::AddRule(table, _, _, rule) if table.family != "arp" => opaque(ledger, rule),
            Command::AddSet(_, set) if set.unknown.is_some() => {
                set.place.lines().for_each(|line| ledger.opaque(line));
            }
            Command::Unknown(_, place) => place.lines().for_each(|line| ledger.opaque(line)),
            _ => {}
        }
    }
}

fn modeled(ledger: &mut Ledgers<'_>, rule: &Rule) {
    rule.place.lines().for_each(|line| ledger.modeled(line));
}

fn opaque(ledger: &mut Ledgers<'_>, rule: &Rule) {
    for statement in &rule.statements {
        match statement {
            Statement::Unknown(_) => {
                rule.place.lines().for_each(|line| ledger.opaque(line));
            }
            Statement::Verdict(Verdict::JumpBlock(rules) | Verdict::GotoBlock(rules)) => {
                for rule in rules {
                    opaque(ledger, rule);
                }
            }
            _ => {}
        }
    }
}

/// Marks the lines of a JSON file.
pub fn json(ledgers: &mut Ledgers<'_>, source: SourceId, read: &Json) {
    for &line in &read.modeled {
        ledgers.modeled((source, line));
    }
    commands(ledgers, &read.commands);
    for &line in &read.opaque {
        ledgers.opaque((source, line));
    }
}

/// True if a text looks like the output of `nft list ruleset`: blocks alone,
/// no commands, defines, includes or comments of a person.
pub fn is_dump(source: &Source, text: &Text) -> bool {
    let blocks = text.commands.iter().all(|c| {
        matches!(
            c,
            Command::AddTable(..)
                | Command::AddChain(..)
                | Command::AddSet(..)
                | Command::AddObject(..)
        )
    });
    blocks
        && text.defines.is_empty()
        && source.text.starts_with("table ")
        && source.text.lines().all(|line| {
            let indented = line.starts_with('\t') || line.trim().is_empty();
            let outer = line.starts_with("table ") || line == "}";
            (indented || outer) && !line.trim_start().starts_with('#')
        })
}
