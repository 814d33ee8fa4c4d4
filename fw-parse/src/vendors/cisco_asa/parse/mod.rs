//! Text to the vendor's own words, line by line.

mod access;
pub mod ace;
mod beside;
mod block;
pub mod nat;
mod negated;
mod route_map;
pub mod time;
mod top;

use super::ast::{Config, GroupKind, Place};
use super::inert;
use super::words::{Names, Words, address};
use crate::token::{Token, without_residue, words};
use block::Block;
use fw_model::{Ledger, Source};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// A line without what a terminal left in it.
pub struct Line<'s> {
    /// Its number, counted from 1.
    pub number: u32,
    /// Its text.
    pub text: Cow<'s, str>,
}

/// The lines of a file, split where another configuration starts.
#[must_use]
pub fn sections(source: &Source) -> Vec<Vec<Line<'_>>> {
    let mut out: Vec<Vec<Line<'_>>> = vec![Vec::new()];
    let mut has_version = false;
    for number in 1..=source.line_count() {
        let Some(text) = source.line(number) else {
            continue;
        };
        let text = without_residue(text);
        if banner(text.trim()).is_some() {
            if has_version {
                out.push(Vec::new());
            }
            has_version = true;
        }
        if let Some(last) = out.last_mut() {
            last.push(Line { number, text });
        }
    }
    out
}

/// True for `ASA Version 9.1(2)` and the like.
fn banner(line: &str) -> Option<&str> {
    ["ASA Version ", "PIX Version ", "FWSM Version "]
        .iter()
        .find_map(|b| line.strip_prefix(b))
}

/// What became of a line.
enum Status {
    Modeled,
    Inert(&'static str),
    Opaque,
}

/// State of the parser.
struct Parser<'l, 'a> {
    config: Config<'a>,
    names: Names<'a>,
    groups: FxHashMap<&'a str, GroupKind>,
    lists: FxHashMap<(&'a str, bool), usize>,
    block: Block,
    /// Indent of the line that opened the block.
    block_indent: usize,
    ledger: &'l mut Ledger,
}

/// Reads one configuration. Every line of it gets its status in `ledger`.
#[must_use]
pub fn parse<'a>(lines: &'a [Line<'_>], ledger: &mut Ledger) -> Config<'a> {
    let mut names = Names::default();
    let mut groups = FxHashMap::default();
    scan(lines, &mut names, &mut groups);
    let mut parser = Parser {
        config: Config::default(),
        names,
        groups,
        lists: FxHashMap::default(),
        block: Block::None,
        block_indent: 0,
        ledger,
    };
    let mut tokens: Vec<Token<'a>> = Vec::with_capacity(24);
    for line in lines {
        let text: &'a str = &line.text;
        let trimmed = text.trim();
        if trimmed.is_empty() {
            // What is left of a pager prompt is not blank in the file.
            parser.ledger.inert(line.number, "left over from a pager");
            continue;
        }
        let place = Place {
            line: line.number,
            length: text.len() as u32,
        };
        if inert::is_comment(trimmed) {
            parser.comment(trimmed);
            parser.ledger.inert(line.number, "a comment");
            continue;
        }
        tokens.clear();
        tokens.extend(words(text));
        let indent = tokens.first().map_or(0, |t| t.start as usize);
        match parser.line(&tokens, indent, place) {
            Status::Modeled => parser.ledger.modeled(line.number),
            Status::Inert(why) => parser.ledger.inert(line.number, why),
            Status::Opaque => parser.ledger.opaque(line.number),
        }
    }
    parser.config
}

/// Collects what the grammar of other lines depends on, wherever it stands.
fn scan<'a>(
    lines: &'a [Line<'_>],
    names: &mut Names<'a>,
    groups: &mut FxHashMap<&'a str, GroupKind>,
) {
    for line in lines {
        let text = line.text.trim_start();
        if let Some(rest) = text.strip_prefix("name ") {
            let mut parts = rest.split_ascii_whitespace();
            if let (Some(literal), Some(word)) = (parts.next(), parts.next())
                && let Some(a) = address(literal, &Names::default())
            {
                names.insert(word, a);
            }
        } else if let Some(rest) = text.strip_prefix("object-group ") {
            let mut parts = rest.split_ascii_whitespace();
            if let (Some(kind), Some(name)) = (parts.next(), parts.next()) {
                groups.insert(name, block::group_kind(kind, parts.next()));
            }
        }
    }
}

impl<'a> Parser<'_, 'a> {
    fn comment(&mut self, text: &str) {
        // A generator says what it compiled for.
        let Some(rest) = text
            .trim_start_matches(['!', ' '])
            .strip_prefix("Compiled for ")
        else {
            return;
        };
        let mut parts = rest.split_ascii_whitespace();
        if let (Some(platform), Some(version)) = (parts.next(), parts.next()) {
            self.config.compiled_for = top::version(platform, version);
        }
    }

    fn line(&mut self, tokens: &[Token<'a>], indent: usize, place: Place) -> Status {
        let all = Words::new(tokens);
        if !matches!(self.block, Block::None) {
            let inside = indent > self.block_indent;
            if let Some(status) = self.in_block(all, inside, indent, place) {
                return status;
            }
            self.block = Block::None;
        }
        self.block_indent = indent;
        self.top(all, indent, place)
    }

    /// Keeps an unknown top-level line.
    fn unknown(&mut self, words: Words<'_, 'a>, place: Place) -> Status {
        self.config.opaque.push((words.rest(), place));
        Status::Opaque
    }
}
