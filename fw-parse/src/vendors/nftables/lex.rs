//! The tokens of nft's text format, and the expansion of `define`s.

use super::ast::{Define, Place};
use fw_model::{SourceId, Span};
use rustc_hash::FxHashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A word, number or address.
    Word,
    /// `"..."`
    Quoted,
    /// An operator or bracket.
    Punctuation,
    /// `$NAME`, the name in `text`.
    Variable,
    /// The end of a line.
    Newline,
    /// A character that starts no token.
    Stray,
}

/// A token with its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its text, without quotes.
    pub text: Rc<str>,
    /// Where it stands.
    pub span: Span,
    /// The `define` it came from.
    pub define: Option<u16>,
}

impl Token {
    /// True for this punctuation.
    pub fn is(&self, text: &str) -> bool {
        self.kind == Kind::Punctuation && &*self.text == text
    }

    /// True for this bare word.
    pub fn is_word(&self, text: &str) -> bool {
        self.kind == Kind::Word && &*self.text == text
    }
}

/// A line of a file.
pub type Line = (SourceId, u32);

/// The tokens of a text, and the handles that `# handle N` comments give, by
/// line.
#[derive(Default)]
pub struct Lexed {
    /// The tokens.
    pub tokens: Vec<Token>,
    /// Handles by line.
    pub handles: FxHashMap<Line, u64>,
    /// Lines that hold a comment.
    pub comments: Vec<Line>,
    /// Lines that include a file which was read.
    pub included: Vec<Line>,
}

const PAIRS: [&str; 10] = ["==", "!=", "<=", ">=", "<<", ">>", "&&", "||", "{%", "%}"];

fn word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'.' | b'-' | b'/' | b'\\')
        || byte >= 0x80
}

/// Splits a text into tokens.
pub fn lex(text: &str, source: SourceId) -> Lexed {
    let mut out = Lexed::default();
    let mut interned: FxHashMap<&str, Rc<str>> = FxHashMap::default();
    for (number, raw) in (1u32..).zip(text.split('\n')) {
        let line = raw.strip_suffix('\r').unwrap_or(raw);
        let continued = lex_line(line, number, source, &mut out, &mut interned);
        if !continued {
            let end = line.len() as u32;
            out.tokens.push(Token {
                kind: Kind::Newline,
                text: Rc::clone(interned.entry("").or_insert_with(|| Rc::from(""))),
                span: Span {
                    source,
                    line: number,
                    start: end,
                    end,
                },
                define: None,
            });
        }
    }
    out
}

/// True if the line goes on on the next one.
fn lex_line<'a>(
    line: &'a str,
    number: u32,
    source: SourceId,
    out: &mut Lexed,
    interned: &mut FxHashMap<&'a str, Rc<str>>,
) -> bool {
    let mut at = 0usize;
    while let Some(rest) = line.get(at..) {
        let Some(first) = rest.bytes().next() else {
            break;
        };
        if first.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if first == b'#' {
            out.comments.push((source, number));
            let mut words = rest.trim_start_matches('#').split_ascii_whitespace();
            if words.next() == Some("handle")
                && let Some(handle) = words.next().and_then(|w| w.parse().ok())
            {
                out.handles.insert((source, number), handle);
            }
            return false;
        }
        if first == b'\\' && rest.trim_end() == "\\" {
            return true;
        }
        let (kind, length, inner) = token(rest, first);
        let text = inner;
        let shared = Rc::clone(interned.entry(text).or_insert_with(|| Rc::from(text)));
        out.tokens.push(Token {
            kind,
            text: shared,
            span: Span {
                source,
                line: number,
                start: at as u32,
                end: (at + length) as u32,
            },
            define: None,
        });
        at += length.max(1);
    }
    false
}

/// Kind, length and text of the token at the start of `rest`.
fn token(rest: &str, first: u8) -> (Kind, usize, &str) {
    let take = |length: usize| rest.get(..length).unwrap_or(rest);
    if first == b'"' {
        let inner = rest.get(1..).unwrap_or("");
        return match inner.find('"') {
            Some(end) => (Kind::Quoted, end + 2, inner.get(..end).unwrap_or("")),
            None => (Kind::Stray, rest.len(), rest),
        };
    }
    if first == b'$' {
        let name = rest.get(1..).unwrap_or("");
        let length = name
            .bytes()
            .take_while(|&b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
            .count();
        if length > 0 {
            return (Kind::Variable, length + 1, name.get(..length).unwrap_or(""));
        }
        return (Kind::Stray, 1, take(1));
    }
    if let Some(length) = address_length(rest) {
        return (Kind::Word, length, take(length));
    }
    if first.is_ascii_digit() {
        let length = rest
            .bytes()
            .take_while(|&b| b.is_ascii_alphanumeric() || b == b'_')
            .count();
        return (Kind::Word, length, take(length));
    }
    if word_byte(first) && !matches!(first, b'.' | b'-' | b'/') {
        let mut length = rest.bytes().take_while(|&b| word_byte(b)).count();
        // A trailing wildcard belongs to the word.
        if rest.as_bytes().get(length) == Some(&b'*') {
            length += 1;
        }
        return (Kind::Word, length, take(length));
    }
    if PAIRS.iter().any(|p| rest.starts_with(p)) {
        return (Kind::Punctuation, 2, take(2));
    }
    if b"{}()[],;:=<>&|^!-/.*@+~".contains(&first) {
        return (Kind::Punctuation, 1, take(1));
    }
    let width = rest.chars().next().map_or(1, char::len_utf8);
    (Kind::Stray, width, take(width))
}

/// The length of an IPv4, IPv6 or MAC address at the start of `rest`.
fn address_length(rest: &str) -> Option<usize> {
    let run = rest
        .bytes()
        .take_while(|&b| b.is_ascii_hexdigit() || b == b':' || b == b'.')
        .count();
    let text = rest.get(..run)?;
    let colons = text.bytes().filter(|&b| b == b':').count();
    let next = rest.as_bytes().get(run).copied().unwrap_or(b' ');
    if colons >= 2 {
        let mac = colons == 5 && text.len() == 17 && !text.contains("::");
        // A colon behind the address belongs to a map element.
        for cut in [text, text.strip_suffix(':').unwrap_or(text)] {
            if mac || (!next.is_ascii_alphabetic() && cut.parse::<Ipv6Addr>().is_ok()) {
                return Some(cut.len());
            }
        }
        return None;
    }
    let v4 = text.split(':').next().unwrap_or(text);
    let followed = rest.as_bytes().get(v4.len()).copied().unwrap_or(b' ');
    if v4.parse::<Ipv4Addr>().is_ok() && !followed.is_ascii_alphanumeric() && followed != b'_' {
        return Some(v4.len());
    }
    None
}

/// How many tokens all expansions together may make.
const EXPANDED: usize = 2_000_000;

/// Removes `define` statements and puts their values in the place of `$NAME`.
/// Names that nothing defines stay as [`Kind::Variable`].
/// Ids count from `base`.
pub fn expand(tokens: Vec<Token>, base: usize) -> (Vec<Token>, Vec<Define>) {
    let mut values: FxHashMap<Rc<str>, (u16, Vec<Token>)> = FxHashMap::default();
    let mut defines: Vec<Define> = Vec::new();
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut budget = EXPANDED;
    let mut fresh = true;
    let mut input = tokens.into_iter().peekable();
    while let Some(token) = input.next() {
        let starts = fresh
            && (token.is_word("define") || token.is_word("redefine") || token.is_word("undefine"));
        if !starts {
            fresh = token.kind == Kind::Newline || token.is(";") || token.is("{") || token.is("}");
            put(&mut out, token, &values, &mut budget);
            continue;
        }
        let first = token.span;
        let mut body: Vec<Token> = Vec::new();
        let mut depth = 0usize;
        let mut last_line = first.line;
        while let Some(next) = input.peek() {
            let closes = next.is("}") || next.is(")");
            if depth == 0 && (next.kind == Kind::Newline || next.is(";") || closes) {
                break;
            }
            if next.is("{") || next.is("(") {
                depth += 1;
            } else if closes {
                depth -= 1;
            }
            last_line = next.span.line;
            if let Some(next) = input.next()
                && next.kind != Kind::Newline
            {
                body.push(next);
            }
        }
        let mut body = body.into_iter();
        let Some(name) = body.next() else { continue };
        if token.is_word("undefine") {
            values.remove(&name.text);
        }
        let Ok(id) = u16::try_from(base + defines.len()) else {
            continue;
        };
        let mut value = Vec::new();
        let mut uses = Vec::new();
        for part in body.skip_while(|t| t.is("=")) {
            if let Some((used, _)) = values.get(&part.text)
                && part.kind == Kind::Variable
                && !uses.contains(used)
            {
                uses.push(*used);
            }
            put(&mut value, part, &values, &mut budget);
        }
        defines.push(Define {
            name: name.text.to_string(),
            uses,
            place: Place {
                span: first,
                last_line,
            },
        });
        if !token.is_word("undefine") {
            values.insert(name.text, (id, value));
        }
        fresh = true;
    }
    (out, defines)
}

fn put(
    out: &mut Vec<Token>,
    token: Token,
    values: &FxHashMap<Rc<str>, (u16, Vec<Token>)>,
    budget: &mut usize,
) {
    let value = (token.kind == Kind::Variable)
        .then(|| values.get(&token.text))
        .flatten();
    let Some((id, value)) = value else {
        out.push(token);
        return;
    };
    if value.is_empty() || value.len() > *budget {
        out.push(token);
        return;
    }
    *budget -= value.len();
    // A value with operators stays one operand.
    let atom = value
        .iter()
        .any(|t| t.is("&") || t.is("|") || t.is("^") || t.is("<<") || t.is(">>"))
        && !value.iter().any(|t| t.is("{") || t.is(","));
    let bracket = |text: &str| Token {
        kind: Kind::Punctuation,
        text: Rc::from(text),
        span: token.span,
        define: Some(*id),
    };
    if atom {
        out.push(bracket("("));
    }
    out.extend(value.iter().map(|t| Token {
        span: token.span,
        define: Some(*id),
        ..t.clone()
    }));
    if atom {
        out.push(bracket(")"));
    }
}
