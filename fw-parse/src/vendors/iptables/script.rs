//! Shell scripts of `iptables` commands: the straight-line part of the
//! language. Constants are expanded; what stands within an `if`, a loop or a
//! function is kept as conditional; what cannot be known stays unresolved.

use super::ast::{Command, Protocol, Statement, StatementKind, Word};
use super::{command, inert, parse};
use fw_model::{Source, SourceId, Span};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// How many bytes the expansion of one command may take.
const EXPANSION_LIMIT: usize = 1 << 13;

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
        let name = variable.trim_matches(['{', '}']).to_ascii_lowercase();
        return match name.as_str() {
            "ipt" | "iptables" | "ipt4" | "iptables4" | "ipv4" => Some(Protocol::V4),
            "ipt6" | "ip6t" | "ip6tables" | "iptables6" => Some(Protocol::V6),
            _ => None,
        };
    }
    family(first)
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
    let mut shell = Shell {
        id,
        variables: FxHashMap::default(),
        depth: 0,
        ended: false,
        out: Vec::new(),
    };
    let mut number = 1;
    let count = source.line_count();
    while number <= count {
        let first = number;
        let mut joined: Cow<'_, str> = Cow::Borrowed(source.line(number).unwrap_or(""));
        while joined.ends_with('\\') && number < count {
            number += 1;
            let mut text = joined.into_owned();
            text.pop();
            text.push_str(source.line(number).unwrap_or(""));
            joined = Cow::Owned(text);
        }
        let line = source.line(first).unwrap_or("");
        let place = Place {
            text: line.trim(),
            first,
            last: number,
            length: u32::try_from(line.len()).unwrap_or(u32::MAX),
        };
        number += 1;
        let joined = joined.trim();
        if joined.is_empty() {
            continue;
        }
        if shell.ended {
            shell.push(
                place,
                StatementKind::Inert("behind the end of the script"),
                false,
            );
            continue;
        }
        if let Some((protocol, end)) = here_document(joined) {
            shell.push(
                place,
                StatementKind::Inert("loads the rules that follow"),
                false,
            );
            while number <= count {
                let line = source.line(number).unwrap_or("");
                let text = line.trim();
                let place = Place {
                    text,
                    first: number,
                    last: number,
                    length: u32::try_from(line.len()).unwrap_or(u32::MAX),
                };
                number += 1;
                if text == end {
                    shell.push(place, StatementKind::Inert("ends the rules"), false);
                    break;
                }
                if !text.is_empty() {
                    let kind = if text.contains('$') {
                        StatementKind::Unknown
                    } else {
                        parse::statement(text, protocol)
                    };
                    let conditional = shell.depth > 0;
                    shell.push(place, kind, conditional);
                }
            }
            continue;
        }
        shell.line(place, joined);
    }
    shell.out
}

/// `iptables-restore <<EOF`
fn here_document(line: &str) -> Option<(Protocol, String)> {
    let (command, rest) = line.split_once("<<")?;
    let program = command
        .split_ascii_whitespace()
        .find(|w| w.ends_with("tables-restore"))?;
    let protocol = if program.contains("ip6") {
        Protocol::V6
    } else {
        Protocol::V4
    };
    let end = rest
        .trim_start_matches('-')
        .split_ascii_whitespace()
        .next()?
        .trim_matches(['"', '\'']);
    Some((protocol, end.to_owned()))
}

#[derive(Clone, Copy)]
struct Place<'a> {
    text: &'a str,
    first: u32,
    last: u32,
    length: u32,
}

struct Shell<'a> {
    id: SourceId,
    /// Constants; `None` for a name whose value depends on the run.
    variables: FxHashMap<String, Option<String>>,
    /// How many `if`, `for`, `while`, `case` and functions are open.
    depth: u32,
    ended: bool,
    out: Vec<Statement<'a>>,
}

/// A piece of a line.
enum Piece {
    Word {
        text: String,
        /// A variable in it has no known value.
        open: bool,
    },
    /// `;`, `&&`, `||`, `|`, `&`
    Operator(&'static str),
}

impl<'a> Shell<'a> {
    fn push(&mut self, place: Place<'a>, kind: StatementKind<'a>, conditional: bool) {
        self.out.push(Statement {
            span: Span::line(self.id, place.first, place.length),
            last_line: place.last,
            text: place.text,
            kind,
            conditional,
        });
    }

    fn line(&mut self, place: Place<'a>, text: &str) {
        if let Some(comment) = place.text.strip_prefix('#') {
            let kind = parse::comment_line(comment);
            self.push(place, kind, false);
            return;
        }
        let Some(pieces) = self.pieces(text) else {
            self.push(place, StatementKind::Unknown, true);
            return;
        };
        let mut words: Vec<(String, bool)> = Vec::new();
        let mut before = ";";
        for piece in pieces.into_iter().chain([Piece::Operator(";")]) {
            match piece {
                Piece::Word { text, open } => words.push((text, open)),
                Piece::Operator(operator) => {
                    let command = std::mem::take(&mut words);
                    if !command.is_empty() {
                        self.command(place, command, before);
                    }
                    before = operator;
                }
            }
        }
    }

    fn command(&mut self, place: Place<'a>, mut words: Vec<(String, bool)>, before: &str) {
        // Control words open and close blocks and may stand before a command.
        let mut control = false;
        while let Some((word, _)) = words.first() {
            match word.as_str() {
                "if" | "while" | "until" => {
                    self.depth += 1;
                    // The condition itself changes no rules, or is not known.
                    words.truncate(1);
                }
                "for" | "case" | "select" => {
                    self.depth += 1;
                    if let Some((name, _)) = words.get(1) {
                        self.variables.insert(name.clone(), None);
                    }
                    words.truncate(1);
                }
                "fi" | "done" | "esac" | "}" => self.depth = self.depth.saturating_sub(1),
                "{" | "function" => {
                    self.depth += 1;
                    if word == "function" {
                        words.truncate(1);
                    }
                }
                "then" | "do" | "else" | "!" | "sudo" | ";;" | "return" | "break" | "in" => {}
                "elif" => words.truncate(1),
                other if other.ends_with("()") || other.ends_with(')') && self.depth > 0 => {
                    // A function's head, or a branch of a `case`.
                }
                _ => break,
            }
            control = true;
            words.remove(0);
            if words.first().is_some_and(|w| w.0 == "()") {
                words.remove(0);
            }
        }
        if words.get(1).is_some_and(|w| w.0 == "()" || w.0 == "(){") {
            self.depth += u32::from(words.iter().any(|w| w.0.ends_with('{')));
            self.push(place, StatementKind::Inert("defines a function"), false);
            return;
        }
        let conditional = self.depth > 0 || matches!(before, "||" | "&&" | "&");
        if words.is_empty() {
            if control {
                self.push(place, StatementKind::Inert("control flow"), false);
            }
            return;
        }
        // What a pipe is read by changes nothing that is listed as inert here.
        if before == "|" {
            let kind = match words.first().map(|w| w.0.as_str()) {
                Some("grep" | "sort" | "head" | "tail" | "less" | "cat" | "wc" | "tee") => {
                    StatementKind::Inert("filters output")
                }
                _ => StatementKind::Unknown,
            };
            self.push(place, kind, conditional);
            return;
        }
        if matches!(
            words.first().map(|w| w.0.as_str()),
            Some("export" | "readonly" | "local" | "declare" | "typeset")
        ) && words.len() > 1
        {
            words.remove(0);
        }
        let Some((name, open)) = words.first().cloned() else {
            return;
        };
        if words.iter().all(|w| assignment(&w.0).is_some()) {
            for (word, open) in &words {
                if let Some((name, value)) = assignment(word) {
                    let known = !open && self.depth == 0 && !conditional;
                    self.variables
                        .insert(name.to_owned(), known.then(|| value.to_owned()));
                }
            }
            self.push(place, StatementKind::Inert("sets a variable"), false);
            return;
        }
        if let Some(protocol) = family(&name) {
            words.remove(0);
            self.tables(place, protocol, words, self.depth > 0 || before == "||");
            return;
        }
        if name.rsplit('/').next() == Some("ipset") {
            let open = words.iter().any(|w| w.1);
            let words = words.into_iter().skip(1).map(|w| Cow::Owned(w.0)).collect();
            let kind = if open || conditional {
                StatementKind::Unknown
            } else {
                parse::set_statement(words)
            };
            self.push(place, kind, conditional);
            return;
        }
        if name == "exit" && !conditional {
            self.ended = true;
        }
        let kind = match inert::script_command(&name) {
            Some(why) if !open => StatementKind::Inert(why),
            _ if matches!(name.as_str(), "[" | "[[" | "test") => {
                StatementKind::Inert("asks for something")
            }
            _ => StatementKind::Unknown,
        };
        self.push(place, kind, conditional);
    }

    fn tables(
        &mut self,
        place: Place<'a>,
        protocol: Protocol,
        words: Vec<(String, bool)>,
        conditional: bool,
    ) {
        let open: Vec<String> = words.iter().filter(|w| w.1).map(|w| w.0.clone()).collect();
        let words: Vec<Word<'a>> = words.into_iter().map(|w| Cow::Owned(w.0)).collect();
        let kind = match command::command(words) {
            Some(mut parsed) => {
                let unknown_place = parsed.table.as_ref().is_some_and(|t| t.contains('$'))
                    || match &mut parsed.command {
                        Command::Append(chain, rule)
                        | Command::Insert(chain, _, rule)
                        | Command::Replace(chain, _, rule)
                        | Command::Delete(chain, rule) => {
                            for word in &open {
                                rule.faults
                                    .push(format!("`{word}` has no value in the file"));
                            }
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
        self.push(place, kind, conditional);
    }

    /// Splits a line into words and operators, with quotes removed and
    /// variables expanded. `None` if a quote stays open.
    fn pieces(&self, line: &str) -> Option<Vec<Piece>> {
        let mut out = Vec::new();
        let mut word: Option<(String, bool)> = None;
        let mut quote: Option<char> = None;
        let mut skip_next = false;
        let mut size = 0usize;
        let mut chars = line.chars().peekable();
        let flush = |word: &mut Option<(String, bool)>, skip: &mut bool, out: &mut Vec<Piece>| {
            if let Some((text, open)) = word.take()
                && !std::mem::take(skip)
            {
                out.push(Piece::Word { text, open });
            }
        };
        while let Some(c) = chars.next() {
            match (quote, c) {
                (Some(q), c) if c == q => quote = None,
                (Some('\''), c) => word.get_or_insert_default().0.push(c),
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (_, '\\') => {
                    if let Some(next) = chars.next() {
                        word.get_or_insert_default().0.push(next);
                    }
                }
                (_, '`') => {
                    let inner: String = chars.by_ref().take_while(|c| *c != '`').collect();
                    let slot = word.get_or_insert_default();
                    slot.0.push_str(&format!("$({inner})"));
                    slot.1 = true;
                }
                (_, '$') => {
                    let (name, value) = self.variable(&mut chars);
                    match value {
                        Some(value) if quote.is_some() => {
                            word.get_or_insert_default().0.push_str(&value);
                        }
                        Some(value) => {
                            // Unquoted values are split into words.
                            for (at, part) in value.split(' ').enumerate() {
                                if at > 0 {
                                    flush(&mut word, &mut skip_next, &mut out);
                                }
                                if !part.is_empty() {
                                    word.get_or_insert_default().0.push_str(part);
                                }
                            }
                        }
                        None => {
                            let slot = word.get_or_insert_default();
                            slot.0.push_str(&name);
                            slot.1 = true;
                        }
                    }
                    size += word.as_ref().map_or(0, |w| w.0.len());
                    if size > EXPANSION_LIMIT {
                        return None;
                    }
                }
                (Some(_), c) => word.get_or_insert_default().0.push(c),
                (None, '#') if word.is_none() => break,
                (None, c) if c.is_ascii_whitespace() => flush(&mut word, &mut skip_next, &mut out),
                (None, ';' | '&' | '|') => {
                    if c == '&' && word.as_ref().is_some_and(|w| w.0.ends_with('>')) {
                        continue;
                    }
                    flush(&mut word, &mut skip_next, &mut out);
                    let double = chars.next_if_eq(&c).is_some();
                    out.push(Piece::Operator(match (c, double) {
                        ('&', true) => "&&",
                        ('|', true) => "||",
                        ('&', false) => "&",
                        ('|', false) => "|",
                        _ => ";",
                    }));
                }
                (None, '>' | '<') => {
                    // A redirection: the number before it and the file after
                    // it are no words of the command.
                    if word
                        .as_ref()
                        .is_some_and(|w| w.0.bytes().all(|b| b.is_ascii_digit()))
                    {
                        word = None;
                    }
                    flush(&mut word, &mut skip_next, &mut out);
                    chars.next_if_eq(&c);
                    if chars.next_if_eq(&'&').is_some() {
                        while chars.next_if(|c| c.is_ascii_digit() || *c == '-').is_some() {}
                    } else {
                        skip_next = true;
                    }
                }
                (None, c) => word.get_or_insert_default().0.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        flush(&mut word, &mut skip_next, &mut out);
        Some(out)
    }

    /// The variable behind a `$`: how it is written, and its value if known.
    fn variable(
        &self,
        chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    ) -> (String, Option<String>) {
        let part = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        match chars.peek() {
            Some('{') => {
                chars.next();
                let inner: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let value = self.variables.get(&inner).cloned().flatten();
                (format!("${{{inner}}}"), value)
            }
            Some('(') => {
                let mut depth = 0usize;
                let mut inner = String::from("$");
                for c in chars.by_ref() {
                    inner.push(c);
                    match c {
                        '(' => depth += 1,
                        ')' => {
                            depth -= 1;
                            if depth == 0 {
                                break;
                            }
                        }
                        _ => {}
                    }
                }
                (inner, None)
            }
            _ => {
                let mut name = String::new();
                while let Some(c) = chars.next_if(part) {
                    name.push(c);
                }
                let value = self.variables.get(&name).cloned().flatten();
                (format!("${name}"), value)
            }
        }
    }
}

/// `NAME=value`
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let mut chars = name.chars();
    let starts = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    (starts && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some((name, value))
}
