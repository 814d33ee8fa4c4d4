//! Shell scripts of `iptables` and `ipset` commands.

use super::ast::{Command, Protocol, Statement, StatementKind, Word};
use super::{command, parse};
use crate::shell::{self, Assignment, Place, Step};
use fw_model::{Source, SourceId, Span};
use std::borrow::Cow;

/// True if a text is a shell script rather than input for `iptables-restore`.
pub(super) fn is_script(text: &str) -> bool {
    text.starts_with("#!") || text.lines().any(|l| program(l.trim()).is_some())
}

/// The rule set that a line's command changes, if it is an `iptables` command
/// by name.
pub(super) fn program(line: &str) -> Option<Protocol> {
    let line = line.strip_prefix("sudo ").unwrap_or(line);
    let (first, rest) = line.split_once(|c: char| c.is_ascii_whitespace())?;
    // Only a word that is followed by an option can be the program itself.
    if !rest.trim_start().starts_with('-') {
        return None;
    }
    if let Some(variable) = first.trim_matches('"').strip_prefix('$') {
        return by_variable(variable.trim_matches(['{', '}']));
    }
    family(first)
}

/// What a variable of this name usually holds.
fn by_variable(name: &str) -> Option<Protocol> {
    match name.to_ascii_lowercase().as_str() {
        "ipt" | "iptables" | "ipt4" | "iptables4" | "ipv4" => Some(Protocol::V4),
        "ipt6" | "ip6t" | "ip6tables" | "iptables6" => Some(Protocol::V6),
        _ => None,
    }
}

fn family(word: &str) -> Option<Protocol> {
    match word.rsplit('/').next()? {
        "iptables" | "iptables-legacy" | "iptables-nft" => Some(Protocol::V4),
        "ip6tables" | "ip6tables-legacy" | "ip6tables-nft" => Some(Protocol::V6),
        _ => None,
    }
}

/// Reads a script.
pub(super) fn statements(id: SourceId, source: &Source) -> Vec<Statement<'_>> {
    let mut out = Script {
        id,
        assignments: Vec::new(),
        uses: Vec::new(),
        out: Vec::new(),
    };
    let script = shell::script(source);
    out.assignments = script.assignments;
    for step in script.steps {
        match step {
            Step::Comment(place) => {
                out.uses.clear();
                let kind = parse::comment_line(place.text.trim_start_matches('#'));
                out.push(place, kind, place.text, None);
            }
            Step::Inert(place, why) => out.inert(place, why),
            Step::Decides(place) => out.push(place, StatementKind::Decides, place.text, None),
            Step::Assumed(place, what) => {
                out.push(place, StatementKind::Assumed(what), place.text, None);
            }
            Step::Unreadable(place, key) => out.push(place, StatementKind::Unknown, key, None),
            Step::Command(command) => out.command(command),
        }
    }
    out.out
}

struct Script<'a> {
    id: SourceId,
    assignments: Vec<Assignment<'a>>,
    /// The assignments that the present command comes from.
    uses: Vec<usize>,
    out: Vec<Statement<'a>>,
}

impl<'a> Script<'a> {
    fn push(
        &mut self,
        place: Place<'a>,
        kind: StatementKind<'a>,
        text: impl Into<Cow<'a, str>>,
        context: Option<String>,
    ) {
        self.out.push(Statement {
            span: Span::line(self.id, place.first, place.length),
            last_line: place.last,
            text: text.into(),
            kind,
            context,
            values: self.values(),
        });
    }

    /// Where the values of the present command's variables come from.
    fn values(&self) -> Vec<(String, Span, u32)> {
        let mut all = self.uses.clone();
        let mut at = 0;
        while let Some(assignment) = all.get(at).and_then(|n| self.assignments.get(*n)) {
            let more: Vec<usize> = assignment
                .uses
                .iter()
                .copied()
                .filter(|n| !all.contains(n))
                .collect();
            all.extend(more);
            at += 1;
        }
        all.iter()
            .filter_map(|n| self.assignments.get(*n))
            .map(|a| {
                let span = Span::line(self.id, a.place.first, a.place.length);
                (a.name.clone(), span, a.place.last)
            })
            .collect()
    }

    fn inert(&mut self, place: Place<'a>, why: &'static str) {
        self.push(place, StatementKind::Inert(why), place.text, None);
    }

    fn command(&mut self, command: shell::Command<'a>) {
        self.uses = command.uses();
        let name = command.name().to_owned();
        if name.ends_with("tables-restore") && !command.input.is_empty() {
            self.restored(command, &name);
            return;
        }
        let place = command.place;
        // A variable that another file sets is told by its name.
        let unset = command
            .words
            .first()
            .filter(|w| w.open.is_some())
            .and_then(|w| by_variable(w.text.strip_prefix('$')?.trim_matches(['{', '}'])));
        if let Some(protocol) = family(&name).or(unset) {
            self.tables(command, protocol);
            return;
        }
        let identity = command.identity();
        if name == "ipset" {
            let kind = if command.certain() {
                let words = command.words.into_iter().skip(1);
                parse::set_statement(words.map(|w| Cow::Owned(w.text)).collect())
            } else {
                StatementKind::Unknown
            };
            self.push(place, kind, identity, command.context);
            return;
        }
        let open = command.words.first().is_some_and(|w| w.open.is_some());
        let why = match shell::inert(&name) {
            // What a pipe is read by changes nothing that is listed here.
            _ if command.piped => matches!(
                name.as_str(),
                "grep" | "sort" | "head" | "tail" | "less" | "cat" | "wc" | "tee"
            )
            .then_some("filters output"),
            why => why.filter(|_| !open),
        };
        for fed in &command.input {
            match why {
                Some(why) => self.inert(fed.place, why),
                None => self.push(
                    fed.place,
                    StatementKind::Unknown,
                    fed.text.to_string(),
                    None,
                ),
            }
        }
        match why {
            Some(why) => self.inert(place, why),
            None => self.push(place, StatementKind::Unknown, identity, command.context),
        }
    }

    /// `iptables-restore <<EOF`
    fn restored(&mut self, command: shell::Command<'a>, name: &str) {
        let protocol = if name.contains("ip6") {
            Protocol::V6
        } else {
            Protocol::V4
        };
        self.inert(command.place, "loads the rules that follow");
        for fed in command.input {
            let text = fed.text.trim().to_owned();
            if text.is_empty() {
                continue;
            }
            let kind = if fed.open {
                StatementKind::Unknown
            } else {
                parse::statement_owned(&text, protocol)
            };
            self.uses = fed.uses;
            self.push(fed.place, kind, text, command.context.clone());
        }
    }

    fn tables(&mut self, command: shell::Command<'a>, protocol: Protocol) {
        let identity = command.identity();
        let open: Vec<String> = command
            .words
            .iter()
            .skip(1)
            .filter_map(|w| {
                let origin = w.open.as_ref()?;
                let from = if origin.is_empty() {
                    String::new()
                } else {
                    format!(" ({origin})")
                };
                Some(format!("`{}` has no value in the file{from}", w.text))
            })
            .collect();
        let words: Vec<Word<'a>> = command
            .words
            .into_iter()
            .skip(1)
            .map(|w| Cow::Owned(w.text))
            .collect();
        let kind = match command::command(words) {
            Some(mut parsed) => {
                let unknown_place = parsed.table.as_ref().is_some_and(|t| t.contains('$'))
                    || match &mut parsed.command {
                        Command::Append(chain, rule)
                        | Command::Insert(chain, _, rule)
                        | Command::Replace(chain, _, rule)
                        | Command::Delete(chain, rule) => {
                            rule.faults.extend(open);
                            chain.contains('$')
                        }
                        _ => !open.is_empty(),
                    };
                if unknown_place {
                    StatementKind::Unknown
                } else {
                    StatementKind::Command {
                        protocol: Some(protocol),
                        table: parsed.table,
                        command: parsed.command,
                    }
                }
            }
            None => StatementKind::Unknown,
        };
        self.push(command.place, kind, identity, command.context);
    }
}
