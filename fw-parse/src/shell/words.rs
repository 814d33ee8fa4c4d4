//! Words: quotes removed, variables expanded.

use super::{Shell, Value, Word};
use std::iter::Peekable;
use std::str::Chars;

/// How many bytes the expansion of one command may take.
const EXPANSION: usize = 1 << 16;

/// The variable that holds all arguments of a function (`$@`), and what stands
/// between them there.
pub(super) const ALL: &str = "@";
pub(super) const BETWEEN: &str = "\u{1}";

/// A piece of a line.
pub(super) enum Piece {
    Word(Word),
    /// `;`, `&&`, `||`, `|`, `&`
    Operator(&'static str),
}

/// A word that is being read.
#[derive(Default)]
struct Open {
    text: String,
    open: Option<String>,
    uses: Vec<usize>,
}

impl Open {
    fn unknown(&mut self, written: &str, origin: &str) {
        self.text.push_str(written);
        let slot = self.open.get_or_insert_with(String::new);
        if !origin.is_empty() && !slot.contains(origin) {
            if !slot.is_empty() {
                slot.push_str("; ");
            }
            slot.push_str(origin);
        }
    }
}

impl Shell<'_, '_> {
    /// Splits a text into words and operators. `None` if a quote stays open or
    /// it grows too long.
    pub(super) fn pieces(&self, line: &str) -> Option<Vec<Piece>> {
        let mut out = Vec::new();
        let mut word: Option<Open> = None;
        let mut quote: Option<char> = None;
        let mut skip_next = false;
        let mut size = 0usize;
        let mut chars = line.chars().peekable();
        let flush = |word: &mut Option<Open>, skip: &mut bool, out: &mut Vec<Piece>| {
            if let Some(Open { text, open, uses }) = word.take()
                && !std::mem::take(skip)
            {
                out.push(Piece::Word(Word { text, open, uses }));
            }
        };
        while let Some(c) = chars.next() {
            match (quote, c) {
                (Some(q), c) if c == q => quote = None,
                (Some('\''), c) => word.get_or_insert_default().text.push(c),
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (Some(_), '\\') => match chars.next() {
                    Some(next @ ('"' | '\\' | '$' | '`')) => {
                        word.get_or_insert_default().text.push(next);
                    }
                    Some('\n') | None => {}
                    Some(next) => {
                        let slot = word.get_or_insert_default();
                        slot.text.push('\\');
                        slot.text.push(next);
                    }
                },
                (None, '\\') => {
                    if let Some(next) = chars.next() {
                        word.get_or_insert_default().text.push(next);
                    }
                }
                (_, '`') => {
                    let inner: String = chars.by_ref().take_while(|c| *c != '`').collect();
                    word.get_or_insert_default()
                        .unknown(&format!("$({inner})"), "");
                }
                (_, '$')
                    if chars.peek() == Some(&'@')
                        && let Some(Value {
                            known: Some(all),
                            uses,
                            ..
                        }) = self.variables.get(ALL) =>
                {
                    chars.next();
                    let mut parts = all.split(BETWEEN).filter(|part| !part.is_empty());
                    let mut next = parts.next();
                    while let Some(part) = next {
                        let slot = word.get_or_insert_default();
                        slot.text.push_str(part);
                        slot.uses.extend(uses);
                        next = parts.next();
                        if next.is_some() {
                            flush(&mut word, &mut skip_next, &mut out);
                        }
                    }
                    size += all.len();
                    if size > EXPANSION {
                        return None;
                    }
                }
                (_, '$') => {
                    let (written, value, known) = self.variable(&mut chars);
                    let origin = known.map_or("", |v| v.known.as_deref().unwrap_or(&v.origin));
                    let uses = known.map_or(&[][..], |v| &v.uses);
                    match value {
                        Some(value) if quote.is_some() => {
                            let slot = word.get_or_insert_default();
                            slot.text.push_str(value);
                            slot.uses.extend(uses);
                        }
                        Some(value) => {
                            // Unquoted values are split into words.
                            let mut parts = value.split([' ', '\t', '\n']);
                            if let Some(part) = parts.next()
                                && !part.is_empty()
                            {
                                let slot = word.get_or_insert_default();
                                slot.text.push_str(part);
                                slot.uses.extend(uses);
                            }
                            for part in parts {
                                flush(&mut word, &mut skip_next, &mut out);
                                if !part.is_empty() {
                                    let slot = word.get_or_insert_default();
                                    slot.text.push_str(part);
                                    slot.uses.extend(uses);
                                }
                            }
                        }
                        None => word.get_or_insert_default().unknown(&written, origin),
                    }
                    size += word.as_ref().map_or(0, |w| w.text.len());
                    if size > EXPANSION {
                        return None;
                    }
                }
                (Some(_), c) => word.get_or_insert_default().text.push(c),
                (None, '#') if word.is_none() => break,
                (None, c) if c.is_ascii_whitespace() => flush(&mut word, &mut skip_next, &mut out),
                (None, ';' | '&' | '|') => {
                    if c == '&' && word.as_ref().is_some_and(|w| w.text.ends_with('>')) {
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
                        .is_some_and(|w| w.text.bytes().all(|b| b.is_ascii_digit()))
                    {
                        word = None;
                    }
                    flush(&mut word, &mut skip_next, &mut out);
                    while chars.next_if(|next| *next == c || *next == '-').is_some() {}
                    if chars.next_if_eq(&'&').is_some() {
                        while chars.next_if(|c| c.is_ascii_digit() || *c == '-').is_some() {}
                    } else {
                        skip_next = true;
                    }
                }
                (None, c) => word.get_or_insert_default().text.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        flush(&mut word, &mut skip_next, &mut out);
        Some(out)
    }

    /// A line of a here-document.
    pub(super) fn expanded(&self, line: &str) -> Word {
        let mut out = Open::default();
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next_if(|c| matches!(c, '$' | '`' | '\\')) {
                    Some(next) => out.text.push(next),
                    None => out.text.push('\\'),
                },
                '$' => {
                    let (written, value, known) = self.variable(&mut chars);
                    match value {
                        Some(value) if out.text.len() < EXPANSION => {
                            out.text.push_str(value);
                            out.uses.extend(known.iter().flat_map(|v| &v.uses));
                        }
                        _ => out.unknown(&written, ""),
                    }
                }
                '`' => out.unknown("`", ""),
                c => out.text.push(c),
            }
        }
        Word {
            text: out.text,
            open: out.open,
            uses: out.uses,
        }
    }

    /// The variable behind a `$`: how it is written, its value if known, and
    /// what else is known of it.
    fn variable(&self, chars: &mut Peekable<Chars<'_>>) -> (String, Option<&str>, Option<&Value>) {
        let part = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let (written, name) = match chars.peek() {
            Some('{') => {
                chars.next();
                let inner: String = chars.by_ref().take_while(|c| *c != '}').collect();
                (format!("${{{inner}}}"), inner)
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
                (inner, String::new())
            }
            _ => {
                let mut name = String::new();
                while let Some(c) = chars.next_if(part) {
                    name.push(c);
                }
                if name.is_empty()
                    && let Some(c) =
                        chars.next_if(|c| matches!(c, '@' | '*' | '#' | '?' | '$' | '!'))
                {
                    name.push(c);
                }
                (format!("${name}"), name)
            }
        };
        // `${NAME:-word}` and the like: the value comes from NAME.
        let plain = name
            .split([':', '%', '#', '/', '-', '+', '[', ','])
            .next()
            .unwrap_or("");
        let known = self.variables.get(plain);
        let value = known
            .filter(|_| plain == name)
            .and_then(|v| v.known.as_deref());
        (written, value, known)
    }
}
