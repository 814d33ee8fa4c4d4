//! Statements of a FortiOS configuration: one command with its words.
//!
//! Words are separated by blanks. Double quotes may hold anything, line ends
//! included, with `\"` and `\\` as escapes; quoted and plain parts that touch
//! make one word. A line that starts with `#` is a comment.

use crate::token::without_residue;
use fw_model::{Source, SourceId, Span};
use std::borrow::Cow;

/// One command.
#[derive(Clone, Debug)]
pub struct Statement<'a> {
    /// Its words without quotes; never empty.
    pub words: Vec<Cow<'a, str>>,
    /// Its place; of a command over several lines, the first.
    pub span: Span,
    /// Its last line.
    pub last_line: u32,
}

/// What stands on a line.
#[derive(Clone, Debug)]
pub enum Line<'a> {
    /// A command.
    Statement(Statement<'a>),
    /// A comment, without the `#`.
    Comment(&'a str, u32),
    /// What a terminal session leaves: a prompt.
    Prompt(u32),
}

/// Splits a source into [`Line`]s.
pub struct Lexer<'a> {
    id: SourceId,
    text: &'a str,
    at: usize,
    line: u32,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of `source`.
    pub fn new(id: SourceId, source: &'a Source) -> Self {
        Self {
            id,
            text: &source.text,
            at: 0,
            line: 1,
        }
    }

    fn statement(
        &self,
        words: Vec<Cow<'a, str>>,
        first: u32,
        start: usize,
        end: usize,
    ) -> Line<'a> {
        Line::Statement(Statement {
            words,
            span: Span {
                source: self.id,
                line: first,
                start: start as u32,
                end: end.max(start) as u32,
            },
            last_line: self.line,
        })
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let rest = self.text.get(self.at..).filter(|r| !r.is_empty())?;
            let length = rest.find('\n').unwrap_or(rest.len());
            let raw = rest.get(..length).unwrap_or(rest);
            let first = self.line;
            let line = raw.trim_end_matches('\r');
            let body = line.trim_start_matches([' ', '\t']);
            let indent = line.len() - body.len();
            let skip = |this: &mut Self| {
                this.at += length + 1;
                this.line = this.line.saturating_add(1);
            };
            if body.trim().is_empty() {
                skip(self);
                continue;
            }
            if let Some(comment) = body.strip_prefix('#') {
                skip(self);
                return Some(Line::Comment(comment, first));
            }
            if let Cow::Owned(clean) = without_residue(line) {
                let (words, _) = words(&clean, 0, clean.len());
                let words: Vec<Cow<'a, str>> = words
                    .into_iter()
                    .map(|w| Cow::Owned(w.into_owned()))
                    .collect();
                let out = self.statement(words, first, indent, line.len());
                skip(self);
                match out {
                    Line::Statement(ref s) if s.words.is_empty() => {
                        return Some(Line::Prompt(first));
                    }
                    other => return Some(other),
                }
            }
            let (words, end) = words(self.text, self.at + indent, self.at + line.len());
            if is_prompt(&words) {
                skip(self);
                return Some(Line::Prompt(first));
            }
            let spanned = self.text.get(self.at..end).unwrap_or("");
            let extra = spanned.bytes().filter(|&b| b == b'\n').count();
            if extra == 0 {
                let out = self.statement(words, first, indent, line.trim_end().len());
                skip(self);
                return Some(out);
            }
            // The command goes on over line ends inside quotes.
            self.line = self.line.saturating_add(extra as u32);
            let out = self.statement(words, first, indent, line.len());
            let tail = self.text.get(end..).unwrap_or("");
            self.at = end + tail.find('\n').map_or(tail.len(), |n| n + 1);
            self.line = self.line.saturating_add(1);
            return Some(out);
        }
    }
}

/// `FGT # show`, `FGT (root) $`: a prompt of the command line.
fn is_prompt(words: &[Cow<'_, str>]) -> bool {
    let verb = words.first().map_or("", |w| w.as_ref());
    let known = [
        "config", "edit", "set", "unset", "clear", "append", "next", "end", "select", "unselect",
        "delete", "rename", "move", "clone", "purge", "abort",
    ];
    !known.contains(&verb) && words.iter().skip(1).take(2).any(|w| w == "#" || w == "$")
}

/// The words of `text[from..to]`, and where the command ends: behind `to` if
/// a quoted word holds line ends.
fn words(text: &str, from: usize, to: usize) -> (Vec<Cow<'_, str>>, usize) {
    let bytes = text.as_bytes();
    let byte = |i: usize| bytes.get(i).copied();
    let mut out = Vec::with_capacity(4);
    let (mut at, mut end) = (from, to);
    loop {
        while at < end && matches!(byte(at), Some(b' ' | b'\t' | b'\r')) {
            at += 1;
        }
        if at >= end {
            break;
        }
        let start = at;
        let mut built: Option<String> = None;
        let mut plain = at;
        while at < end {
            match byte(at) {
                Some(b' ' | b'\t' | b'\r') | None => break,
                Some(quote @ (b'"' | b'\'')) => {
                    let Some(close) = closing_quote(bytes, at + 1, quote, end) else {
                        at += 1;
                        continue;
                    };
                    if close >= end {
                        let tail = text.get(close..).unwrap_or("");
                        end = close + tail.find('\n').unwrap_or(tail.len());
                    }
                    let content = text.get(at + 1..close).unwrap_or("");
                    let alone = at == start
                        && (close + 1 >= end
                            || matches!(byte(close + 1), Some(b' ' | b'\t' | b'\r')));
                    if alone && !content.contains('\\') {
                        out.push(Cow::Borrowed(content));
                        at = close + 1;
                        plain = usize::MAX;
                        break;
                    }
                    let word = built.get_or_insert_default();
                    word.push_str(text.get(plain..at).unwrap_or(""));
                    unescape(content, word);
                    at = close + 1;
                    plain = at;
                }
                Some(b'\\') if at + 1 < end => {
                    let word = built.get_or_insert_default();
                    word.push_str(text.get(plain..at).unwrap_or(""));
                    plain = at + 1;
                    // Over the escaped character, whatever its length.
                    at += 1;
                    at += text
                        .get(at..)
                        .and_then(|t| t.chars().next())
                        .map_or(1, char::len_utf8);
                }
                Some(_) => at += 1,
            }
        }
        if plain == usize::MAX {
            continue;
        }
        let rest = text.get(plain..at).unwrap_or("");
        match built {
            Some(mut word) => {
                word.push_str(rest);
                out.push(Cow::Owned(word));
            }
            None => out.push(Cow::Borrowed(rest)),
        }
    }
    (out, end)
}

/// Where the quote closes. Single quotes close on their own line or are no
/// quotes; double quotes may close anywhere.
fn closing_quote(bytes: &[u8], from: usize, quote: u8, line_end: usize) -> Option<usize> {
    let limit = if quote == b'"' { bytes.len() } else { line_end };
    let mut at = from;
    while at < limit {
        match bytes.get(at)? {
            b'\\' if quote == b'"' => at += 2,
            &b if b == quote => return Some(at),
            _ => at += 1,
        }
    }
    None
}

fn unescape(content: &str, into: &mut String) {
    let mut chars = content.chars();
    while let Some(c) = chars.next() {
        if c == '\\' {
            into.extend(chars.next());
        } else {
            into.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> Vec<(Vec<String>, u32, u32)> {
        let source = Source::new("x", text.to_owned());
        Lexer::new(SourceId(0), &source)
            .filter_map(|l| match l {
                Line::Statement(s) => Some((
                    s.words.iter().map(|w| w.to_string()).collect(),
                    s.span.line,
                    s.last_line,
                )),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn quotes_and_escapes() {
        let got = lex("set a \"b c\" d\r\n  rename \"old\"_x to \"say \\\"hi\\\"\"\nset e it's\n");
        assert_eq!(got[0].0, ["set", "a", "b c", "d"]);
        assert_eq!(got[1].0, ["rename", "old_x", "to", "say \"hi\""]);
        assert_eq!(got[2].0, ["set", "e", "it's"]);
    }

    #[test]
    fn strings_over_several_lines() {
        let got = lex("set buffer \"a\n# no comment\nb\" x\nset f \"\"\n");
        assert_eq!(got[0].0, ["set", "buffer", "a\n# no comment\nb", "x"]);
        assert_eq!((got[0].1, got[0].2), (1, 3));
        assert_eq!(got[1].0, ["set", "f", ""]);
        assert_eq!(got[1].1, 4);
    }

    #[test]
    fn an_open_quote_takes_no_more_than_its_line() {
        let got = lex("set a \"b c\nend\n");
        assert_eq!(got[0].0, ["set", "a", "\"b", "c"]);
        assert_eq!(got[1].0, ["end"]);
    }

    #[test]
    fn odd_bytes() {
        for text in [
            "\\",
            "\"\\",
            "a\\\u{e9}b \\",
            "set \"a\\\n",
            "'",
            "\u{7}",
            "--More--",
        ] {
            let _ = lex(text);
        }
    }
}
