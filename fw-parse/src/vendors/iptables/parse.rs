//! A file to statements: dumps and restore files line by line, set dumps, and
//! scripts (see [`super::script`]).

use super::ast::{Header, Protocol, Statement, StatementKind, Word};
use super::{command, inert, script, words};
use fw_model::{Source, SourceId, Span};
use std::borrow::Cow;

/// Reads all statements of a file.
pub(super) fn statements(id: SourceId, source: &Source) -> Vec<Statement<'_>> {
    let assumed = super::family(&source.text);
    if script::is_script(&source.text) {
        return script::statements(id, source);
    }
    let mut protocol = assumed;
    let mut out = Vec::new();
    for number in 1..=source.line_count() {
        let Some(line) = source.line(number) else {
            continue;
        };
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        let kind = statement(text, protocol);
        if let StatementKind::Header(header) = &kind {
            protocol = header.protocol;
        }
        let start = line.len() - line.trim_start().len();
        out.push(Statement {
            span: Span {
                source: id,
                line: number,
                start: u32::try_from(start).unwrap_or(0),
                end: u32::try_from(start + text.len()).unwrap_or(u32::MAX),
            },
            last_line: number,
            text: Cow::Borrowed(text),
            kind,
            context: None,
            values: Vec::new(),
        });
    }
    out
}

/// One line of a restore file or a set dump.
pub(super) fn statement(text: &str, protocol: Protocol) -> StatementKind<'_> {
    if let Some(comment) = text.strip_prefix('#') {
        return comment_line(comment);
    }
    if let Some(table) = text.strip_prefix('*') {
        let name = table.split_ascii_whitespace().next().unwrap_or("");
        return StatementKind::Table(protocol, Cow::Borrowed(name));
    }
    if let Some(chain) = text.strip_prefix(':') {
        let mut words = chain.split_ascii_whitespace();
        return match (words.next(), words.next()) {
            (Some(name), Some(policy)) => StatementKind::Chain {
                name: Cow::Borrowed(name),
                policy: Cow::Borrowed(policy),
            },
            (Some(name), None) => StatementKind::Chain {
                name: Cow::Borrowed(name),
                policy: Cow::Borrowed("-"),
            },
            _ => StatementKind::Unknown,
        };
    }
    if text == "COMMIT" {
        return StatementKind::Commit;
    }
    let command = without_counters(text);
    if command.starts_with('-') {
        return restored(words::restore(command));
    }
    let words = words::restore(text).unwrap_or_default();
    set_statement(words)
}

/// A line that is not part of the file as it stands: its variables are
/// expanded.
pub(super) fn statement_owned(text: &str, protocol: Protocol) -> StatementKind<'static> {
    let own = |word: Word<'_>| -> Word<'static> { Cow::Owned(word.into_owned()) };
    let words = |text| {
        let words = words::restore(text)?;
        Some(words.into_iter().map(own).collect::<Vec<_>>())
    };
    match statement(text, protocol) {
        StatementKind::Header(header) => StatementKind::Header(header),
        StatementKind::OtherBackend => StatementKind::OtherBackend,
        StatementKind::Commit => StatementKind::Commit,
        StatementKind::Decides => StatementKind::Decides,
        StatementKind::Assumed(what) => StatementKind::Assumed(what),
        StatementKind::Inert(why) => StatementKind::Inert(why),
        StatementKind::Unknown => StatementKind::Unknown,
        StatementKind::Table(protocol, name) => StatementKind::Table(protocol, own(name)),
        StatementKind::Chain { name, policy } => StatementKind::Chain {
            name: own(name),
            policy: own(policy),
        },
        StatementKind::Command { .. } => restored(words(without_counters(text))),
        StatementKind::SetCreate { .. }
        | StatementKind::SetAdd { .. }
        | StatementKind::SetDelete { .. }
        | StatementKind::SetFlush(_) => set_statement(words(text).unwrap_or_default()),
    }
}

/// A command of a restore file.
fn restored(words: Option<Vec<Word<'_>>>) -> StatementKind<'_> {
    words
        .and_then(command::command)
        .map_or(StatementKind::Unknown, |parsed| StatementKind::Command {
            protocol: parsed.only,
            table: parsed.table,
            command: parsed.command,
        })
}

/// `[12:3456] -A ...`
fn without_counters(text: &str) -> &str {
    text.strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .filter(|(counters, _)| counters.bytes().all(|b| b.is_ascii_digit() || b == b':'))
        .map_or(text, |(_, rest)| rest.trim_start())
}

/// A command of `ipset` (without the program's name).
pub(super) fn set_statement(words: Vec<Word<'_>>) -> StatementKind<'_> {
    let mut words = words.into_iter().filter(|w| w != "-exist" && w != "-!");
    let verb = words.next().unwrap_or_default();
    let name = words.next();
    match (verb.as_ref(), name) {
        ("create" | "-N" | "--create" | "n" | "new", Some(name)) => match words.next() {
            Some(set_type) => StatementKind::SetCreate {
                name,
                set_type,
                options: words.collect(),
            },
            None => StatementKind::Unknown,
        },
        ("add" | "-A" | "--add" | "a", Some(name)) => match words.next() {
            Some(element) => StatementKind::SetAdd {
                name,
                element,
                options: words.collect(),
            },
            None => StatementKind::Unknown,
        },
        ("del" | "-D" | "--del", Some(name)) => match words.next() {
            Some(element) => StatementKind::SetDelete { name, element },
            None => StatementKind::Unknown,
        },
        ("flush" | "-F" | "--flush" | "destroy" | "-X" | "--destroy", name) => {
            StatementKind::SetFlush(name)
        }
        ("list" | "-L" | "save" | "-S" | "test" | "-T", _) => StatementKind::Inert("lists sets"),
        _ => StatementKind::Unknown,
    }
}

/// A comment, which may be the first line of a dump.
pub(super) fn comment_line(comment: &str) -> StatementKind<'_> {
    let comment = comment.trim();
    // A dump whose line breaks were lost is one long comment. Nothing would be
    // loaded from it, but nobody means that.
    if comment.contains(" COMMIT") && comment.contains(" *") {
        return StatementKind::Unknown;
    }
    if comment.starts_with("Warning: ") && comment.contains("tables present, use") {
        return StatementKind::OtherBackend;
    }
    if let Some(program) = comment.strip_prefix("Generated by ") {
        let program = program.split_ascii_whitespace().next().unwrap_or("");
        let program = program.rsplit('/').next().unwrap_or(program);
        let protocol = match program {
            p if p.starts_with("ip6tables") => Some(Protocol::V6),
            p if p.starts_with("iptables") || p.starts_with("xtables") => Some(Protocol::V4),
            _ => None,
        };
        if let Some(protocol) = protocol {
            return StatementKind::Header(Header {
                protocol,
                legacy: program.contains("legacy"),
            });
        }
    }
    StatementKind::Inert(inert::COMMENT)
}
