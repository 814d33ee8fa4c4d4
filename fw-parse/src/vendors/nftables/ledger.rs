//! The status of every line.

use super::ast::{Command, Place, Rule, Statement, Verdict};
use super::json::Json;
use super::parse::Text;
use fw_model::{Ledger, Source};

const COMMENT: &str = "a comment";
const ARP: &str = "arp tables see no IP packets";
const OBJECT: &str = "holds no rule: counters and the like";

/// Marks the lines of a text.
pub fn text(ledger: &mut Ledger, source: &Source, text: &Text) {
    for (number, line) in (1u32..).zip(source.text.lines()) {
        if line.trim_start().starts_with('#') {
            ledger.inert(number, COMMENT);
        }
    }
    // An empty line may still hold what closes a comment-only construct.
    for &line in &text.marks.modeled {
        ledger.modeled(line);
    }
    for &(line, reason) in &text.marks.inert {
        ledger.inert(line, reason);
    }
    for define in &text.defines {
        lines(define.place, |line| ledger.modeled(line));
    }
    commands(ledger, &text.commands);
    for &line in &text.comments {
        // A comment between the lines of a statement is one all the same.
        if source
            .line(line)
            .is_some_and(|l| l.trim_start().starts_with('#'))
        {
            ledger.inert(line, COMMENT);
        }
    }
}

fn lines(place: Place, mut mark: impl FnMut(u32)) {
    for line in place.span.line..=place.last_line {
        mark(line);
    }
}

/// Marks the lines of commands: first what is understood, then what is not.
pub fn commands(ledger: &mut Ledger, commands: &[Command]) {
    for command in commands {
        match command {
            Command::AddChain(table, chain) => {
                for rule in &chain.rules {
                    modeled(ledger, rule);
                }
                if table.family == "arp" {
                    lines(chain.place, |line| ledger.inert(line, ARP));
                }
            }
            Command::AddRule(_, _, _, rule) => modeled(ledger, rule),
            Command::AddSet(_, set) => lines(set.place, |line| ledger.modeled(line)),
            Command::AddObject(_, object) => {
                // A limit or quota decides for the rules that name it.
                let decides = matches!(object.kind.as_str(), "limit" | "quota");
                lines(object.place, |line| {
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
            | Command::DeleteRule(_, _, _, place) => ledger.modeled(place.span.line),
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
                lines(set.place, |line| ledger.opaque(line));
            }
            Command::Unknown(_, place) => lines(*place, |line| ledger.opaque(line)),
            _ => {}
        }
    }
}

fn modeled(ledger: &mut Ledger, rule: &Rule) {
    lines(rule.place, |line| ledger.modeled(line));
}

fn opaque(ledger: &mut Ledger, rule: &Rule) {
    for statement in &rule.statements {
        match statement {
            Statement::Unknown(_) => lines(rule.place, |line| ledger.opaque(line)),
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
pub fn json(ledger: &mut Ledger, read: &Json) {
    for &line in &read.modeled {
        ledger.modeled(line);
    }
    commands(ledger, &read.commands);
    for &line in &read.opaque {
        ledger.opaque(line);
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
