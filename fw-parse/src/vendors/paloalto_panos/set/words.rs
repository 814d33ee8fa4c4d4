//! Commands as words: quotes, brackets, prompts.

use super::super::tree::Place;
use std::borrow::Cow;

/// A word with its place.
#[derive(Clone)]
pub(super) struct Word<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) place: Place,
    pub(super) quoted: bool,
}

/// The lines of a text, counted from 1.
pub(super) struct Lines<'a> {
    rest: &'a str,
    number: u32,
}

impl<'a> Lines<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            number: 0,
        }
    }

    /// The next line without its end, and its number.
    pub(super) fn next(&mut self) -> Option<(&'a str, u32)> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.number += 1;
        Some((line.trim_end_matches('\r'), self.number))
    }
}

/// `admin@fw1# set ...`
pub(in crate::vendors::paloalto_panos) fn without_prompt(line: &str) -> &str {
    let trimmed = line.trim_start();
    if trimmed.starts_with("set ") {
        return trimmed;
    }
    match trimmed.split_once(['#', '>']) {
        Some((prompt, rest)) if prompt.contains('@') && !prompt.contains(char::is_whitespace) => {
            rest.trim_start()
        }
        _ => trimmed,
    }
}

/// Splits a command into words. A quoted word may span lines; `lines` is then
/// advanced past it.
pub(super) fn words<'a>(
    command: &'a str,
    line: &'a str,
    number: u32,
    lines: &mut Lines<'a>,
) -> (Vec<Word<'a>>, u32) {
    let mut out = Vec::new();
    let base = (command.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    let mut rest = command;
    let mut last = number;
    let mut open = false;
    loop {
        rest = rest.trim_start();
        let start = base + (command.len() - rest.len());
        let Some(first) = rest.chars().next() else {
            break;
        };
        let place = |length: usize, last_line: u32| Place {
            line: number,
            start: start as u32,
            end: (start + length) as u32,
            last_line,
        };
        if first == '"' || first == '\'' {
            let inner = rest.get(1..).unwrap_or("");
            if let Some(end) = closing(inner, first) {
                let body = inner.get(..end).unwrap_or("");
                out.push(Word {
                    text: unescape(body),
                    place: place(end + 2, number),
                    quoted: true,
                });
                rest = inner.get(end + 1..).unwrap_or("");
                continue;
            }
            if let Some((text, end_line)) = across_lines(inner, first, lines) {
                out.push(Word {
                    text: Cow::Owned(text),
                    place: place(rest.len(), end_line),
                    quoted: true,
                });
                last = end_line;
                break;
            }
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or("");
        open |= word == "[";
        match word.strip_suffix(']') {
            Some(body) if open && !body.is_empty() => {
                out.push(Word {
                    text: Cow::Borrowed(body),
                    place: place(end - 1, number),
                    quoted: false,
                });
                out.push(Word {
                    text: Cow::Borrowed("]"),
                    place: place(end, number),
                    quoted: false,
                });
            }
            _ => out.push(Word {
                text: Cow::Borrowed(word),
                place: place(end, number),
                quoted: false,
            }),
        }
        rest = rest.get(end..).unwrap_or("");
    }
    (out, last)
}

/// The offset of the quote that ends a word, past escaped ones.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars() {
        if !escaped && c == '\\' {
            escaped = true;
            continue;
        }
        if escaped && !matches!(c, '"' | '\'' | '\\') {
            out.push('\\');
        }
        escaped = false;
        out.push(c);
    }
    Cow::Owned(out)
}

/// Takes lines up to the one with the closing quote. A line that begins a new
/// command first means that the quote was never closed.
fn across_lines(first: &str, quote: char, lines: &mut Lines<'_>) -> Option<(String, u32)> {
    let mut text = first.to_owned();
    let (rest, number) = (lines.rest, lines.number);
    while let Some((line, at)) = lines.next() {
        if ["set ", "delete ", "move ", "rename "]
            .iter()
            .any(|v| line.starts_with(v))
        {
            break;
        }
        text.push('\n');
        if let Some(end) = closing(line, quote) {
            text.push_str(line.get(..end).unwrap_or(""));
            return Some((text, at));
        }
        text.push_str(line);
    }
    (lines.rest, lines.number) = (rest, number);
    None
}
