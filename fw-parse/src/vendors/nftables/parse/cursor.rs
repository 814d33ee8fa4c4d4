//! A position in the tokens, and what the parsers of all constructs share.

use super::super::ast::Place;
use super::super::lex::{Kind, Token};
use fw_model::{SourceId, Span};

/// How deep expressions and blocks may nest.
pub const DEPTH: usize = 32;

/// A position in the tokens of a file.
pub struct Cursor<'t> {
    pub tokens: &'t [Token],
    pub at: usize,
    pub depth: usize,
    /// Newlines are blanks inside this many brackets.
    pub brackets: usize,
}

impl<'t> Cursor<'t> {
    pub fn new(tokens: &'t [Token]) -> Self {
        Self {
            tokens,
            at: 0,
            depth: 0,
            brackets: 0,
        }
    }

    fn skip_blank(&mut self) {
        if self.brackets > 0 {
            while self
                .tokens
                .get(self.at)
                .is_some_and(|t| t.kind == Kind::Newline)
            {
                self.at += 1;
            }
        }
    }

    pub fn peek(&mut self) -> Option<&'t Token> {
        self.skip_blank();
        self.tokens.get(self.at)
    }

    /// The token after the next one.
    pub fn second(&mut self) -> Option<&'t Token> {
        self.skip_blank();
        self.tokens.get(self.at + 1)
    }

    pub fn next(&mut self) -> Option<&'t Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// Takes this punctuation if it is next.
    pub fn eat(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.is(text));
        self.at += usize::from(found);
        found
    }

    /// Takes this word if it is next.
    pub fn eat_word(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.is_word(text));
        self.at += usize::from(found);
        found
    }

    /// The next bare word, without taking it.
    pub fn peek_word(&mut self) -> Option<&'t str> {
        self.peek()
            .filter(|t| t.kind == Kind::Word)
            .map(|t| &*t.text)
    }

    /// Takes a bare word.
    pub fn word(&mut self) -> Option<&'t str> {
        let word = self.peek_word()?;
        self.at += 1;
        Some(word)
    }

    /// Takes a word or a quoted string.
    pub fn name(&mut self) -> Option<String> {
        let token = self.peek()?;
        if !matches!(token.kind, Kind::Word | Kind::Quoted) {
            return None;
        }
        self.at += 1;
        Some(token.text.to_string())
    }

    /// Takes a number, decimal or hexadecimal.
    pub fn number(&mut self) -> Option<u64> {
        let value = integer(self.peek_word()?)?;
        self.at += 1;
        Some(value)
    }

    /// True at the end of a statement.
    pub fn at_end(&mut self) -> bool {
        self.peek()
            .is_none_or(|t| t.kind == Kind::Newline || t.is(";") || t.is("}"))
    }

    /// Skips ends of lines and semicolons.
    pub fn skip_separators(&mut self) {
        while self
            .tokens
            .get(self.at)
            .is_some_and(|t| t.kind == Kind::Newline || t.is(";"))
        {
            self.at += 1;
        }
    }

    /// Skips to the end of the statement, over balanced brackets, and returns
    /// what was skipped in normalized form.
    pub fn skip_statement(&mut self) -> String {
        let mut text = String::new();
        let mut depth = 0usize;
        while let Some(token) = self.tokens.get(self.at) {
            let ends = token.kind == Kind::Newline || token.is(";") || token.is("}");
            if depth == 0 && ends {
                break;
            }
            if token.is("{") || token.is("(") {
                depth += 1;
            } else if token.is("}") || token.is(")") {
                depth = depth.saturating_sub(1);
            }
            append(&mut text, token);
            self.at += 1;
        }
        text
    }

    /// The normalized text of the tokens from `from` up to here.
    pub fn text_since(&self, from: usize) -> String {
        let mut text = String::new();
        for token in self.tokens.get(from..self.at).unwrap_or_default() {
            append(&mut text, token);
        }
        text
    }

    /// The place of the tokens from `from` up to here.
    pub fn place_since(&self, from: usize) -> Place {
        let tokens = self.tokens.get(from..self.at).unwrap_or_default();
        let mut real = tokens.iter().filter(|t| t.kind != Kind::Newline);
        let nowhere = Span::line(SourceId(0), 0, 0);
        let Some(first) = real.next() else {
            let span = self.tokens.get(from).map_or(nowhere, |t| t.span);
            return Place {
                span,
                last_line: span.line,
            };
        };
        let mut span = first.span;
        let mut last_line = span.line;
        for token in real.filter(|t| t.span.source == first.span.source) {
            last_line = last_line.max(token.span.line);
            if token.span.line == span.line {
                span.end = span.end.max(token.span.end);
            }
        }
        Place { span, last_line }
    }

    /// The `define`s that the tokens from `from` up to here came from.
    pub fn defines_since(&self, from: usize) -> Vec<u16> {
        let mut out = Vec::new();
        for token in self.tokens.get(from..self.at).unwrap_or_default() {
            if let Some(id) = token.define
                && out.last() != Some(&id)
                && !out.contains(&id)
            {
                out.push(id);
            }
        }
        out
    }
}

fn append(text: &mut String, token: &Token) {
    if token.kind == Kind::Newline {
        return;
    }
    if !text.is_empty() {
        text.push(' ');
    }
    match token.kind {
        Kind::Quoted => {
            text.push('"');
            text.push_str(&token.text);
            text.push('"');
        }
        Kind::Variable => {
            text.push('$');
            text.push_str(&token.text);
        }
        _ => text.push_str(&token.text),
    }
}

/// A decimal, hexadecimal or octal number.
pub fn integer(text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    text.parse().ok()
}
