//! A script's lines: continued ones joined, commands of one line told apart,
//! and here-documents with the command that they are fed to.

use super::Place;
use fw_model::Source;

/// How many lines one command may go on over.
const LINES: u32 = 500;

/// A part of a script between `;` and ends of lines.
pub(super) struct Segment<'a> {
    pub place: Place<'a>,
    pub text: String,
    /// The lines of a here-document.
    pub here: Vec<(Place<'a>, &'a str)>,
    /// Its end was quoted: nothing in it is expanded.
    pub literal: bool,
}

fn place(source: &Source, first: u32, last: u32) -> Place<'_> {
    let line = source.line(first).unwrap_or("");
    Place {
        text: line.trim(),
        first,
        last,
        length: u32::try_from(line.len()).unwrap_or(u32::MAX),
    }
}

/// Cuts a script.
pub(super) fn segments(source: &Source) -> Vec<Segment<'_>> {
    let mut out = Vec::new();
    let count = source.line_count();
    let mut number = 1;
    while number <= count {
        let first = number;
        let mut text = source.line(number).unwrap_or("").to_owned();
        let mut open = Scan::new(&text).open();
        while number < count && number - first < LINES {
            if text.ends_with('\\') && !text.trim_start().starts_with('#') {
                text.pop();
            } else if open.is_some() {
                text.push('\n');
            } else {
                break;
            }
            number += 1;
            let line = source.line(number).unwrap_or("");
            open = Scan {
                quote: open,
                ..Scan::new(line)
            }
            .open();
            text.push_str(line);
        }
        // A quote that nothing closes ends with its line.
        if open.is_some() {
            number = first;
            text = source.line(number).unwrap_or("").to_owned();
        }
        let whole = place(source, first, number);
        number += 1;
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let mut here = Vec::new();
        let mut closing = None;
        let mut literal = false;
        if let Some((end, quoted)) = here_document(text) {
            literal = quoted;
            while number <= count {
                let line = source.line(number).unwrap_or("");
                let at = place(source, number, number);
                number += 1;
                if line.trim() == end {
                    closing = Some(at);
                    break;
                }
                here.push((at, line));
            }
        }
        let start = out.len();
        for part in parts(text) {
            out.push(Segment {
                place: whole,
                text: part,
                here: Vec::new(),
                literal,
            });
        }
        // The part with the mark is the one that is fed.
        if !here.is_empty()
            && let Some(segment) = out
                .get_mut(start..)
                .and_then(|new| new.iter_mut().find(|s| s.text.contains("<<")))
        {
            segment.here = here;
        }
        out.extend(closing.map(|place| Segment {
            place,
            text: String::new(),
            here: Vec::new(),
            literal,
        }));
    }
    out
}

/// The word that ends a here-document, and whether it is quoted.
fn here_document(text: &str) -> Option<(String, bool)> {
    let mut scan = Scan::new(text);
    while let Some((at, c)) = scan.next() {
        if c != '<' || scan.quote.is_some() {
            continue;
        }
        let rest = text.get(at..)?;
        let Some(mark) = rest.strip_prefix("<<") else {
            continue;
        };
        if mark.starts_with('<') || text.get(..at)?.ends_with('<') {
            continue;
        }
        let word: String = mark
            .trim_start_matches('-')
            .trim_start()
            .chars()
            .take_while(|c| !c.is_whitespace() && !matches!(c, ';' | '|' | '&' | '>' | ')'))
            .collect();
        let end = word.trim_matches(['"', '\'', '\\']).to_owned();
        let quoted = end != word;
        return (!end.is_empty() && !end.bytes().all(|b| b.is_ascii_digit()))
            .then_some((end, quoted));
    }
    None
}

/// The parts of a line: at `;`, and behind the words that commands may follow
/// at once.
fn parts(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if rest.starts_with('#') {
            out.push(rest.to_owned());
            break;
        }
        if let Some(more) = rest.strip_prefix(";;") {
            out.push(";;".to_owned());
            rest = more.trim_start();
            continue;
        }
        let mut end = rest.len();
        let mut next = rest.len();
        let mut scan = Scan::new(rest);
        while let Some((at, c)) = scan.next() {
            if scan.quote.is_some() || scan.depth > 0 || scan.literal {
                continue;
            }
            let before = rest.get(..at).unwrap_or("");
            if c == ';' {
                end = at;
                next = if rest.get(at..).is_some_and(|r| r.starts_with(";;")) {
                    at
                } else {
                    at + 1
                };
                break;
            }
            if c == '#' && before.ends_with(|b: char| b.is_whitespace()) {
                end = at;
                break;
            }
        }
        let part = rest.get(..end).unwrap_or("").trim();
        rest = rest.get(next..).unwrap_or("").trim_start();
        keywords(part, &mut out);
    }
    out
}

/// Takes `then`, `do`, `else`, `{` and the heads of functions off a part.
fn keywords(part: &str, out: &mut Vec<String>) {
    let mut part = part;
    loop {
        let word = part.split_whitespace().next().unwrap_or("");
        let length = match word {
            "then" | "do" | "else" | "{" if word.len() < part.len() => word.len(),
            "case" => match part.find(" in ") {
                Some(at) => at + 3,
                None => break,
            },
            "function" => {
                let rest = part.get("function ".len()..).unwrap_or("").trim_start();
                let name = rest
                    .split(|c: char| c.is_whitespace() || c == '(' || c == '{')
                    .next()
                    .unwrap_or("");
                out.push(format!("{name}()"));
                let rest = rest.get(name.len()..).unwrap_or("").trim_start();
                part = rest.strip_prefix("()").unwrap_or(rest).trim_start();
                continue;
            }
            _ => match part.find("()") {
                Some(at)
                    if part.get(..at).is_some_and(|head| super::name(head.trim()))
                        && part.len() > at + 2 =>
                {
                    at + 2
                }
                _ => break,
            },
        };
        out.push(part.get(..length).unwrap_or("").trim().to_owned());
        part = part.get(length..).unwrap_or("").trim();
    }
    if !part.is_empty() {
        out.push(part.to_owned());
    }
}

fn head<'s>(segment: &'s Segment<'_>) -> &'s str {
    segment.text.split_whitespace().next().unwrap_or("")
}

/// The `done` of the loop that begins at `at`.
pub(super) fn end_of_loop(segments: &[Segment<'_>], at: usize) -> Option<usize> {
    let opens = |s: &Segment<'_>| matches!(head(s), "for" | "while" | "until" | "select");
    if !opens(segments.get(at)?) {
        return None;
    }
    let mut depth = 0usize;
    for (offset, segment) in segments.get(at..)?.iter().enumerate() {
        if opens(segment) {
            depth += 1;
        } else if head(segment) == "done" {
            depth -= 1;
            if depth == 0 {
                return Some(at + offset);
            }
        }
    }
    None
}

/// The name and the body of the function whose head stands at `at`; behind the
/// head and the body stand the braces.
pub(super) fn function<'s, 'a>(
    segments: &'s [Segment<'a>],
    at: usize,
) -> Option<(String, &'s [Segment<'a>])> {
    let name = segments.get(at)?.text.strip_suffix("()")?.trim_end();
    if !super::name(name) || head(segments.get(at + 1)?) != "{" {
        return None;
    }
    let mut depth = 0usize;
    for (offset, segment) in segments.get(at + 1..)?.iter().enumerate() {
        match head(segment) {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return Some((name.to_owned(), segments.get(at + 2..at + 1 + offset)?));
        }
    }
    None
}

/// True for the branch `start)` of a `case`.
pub(super) fn starts(text: &str) -> bool {
    text.split_once(')').is_some_and(|(pattern, _)| {
        pattern
            .split('|')
            .any(|p| p.trim().trim_matches(['"', '\'', '(']) == "start")
    })
}

/// True if the branch that begins at `at` (`if` or `elif`) ends with `exit`.
pub(super) fn leaves(segments: &[Segment<'_>], at: usize) -> bool {
    if !segments
        .get(at)
        .is_some_and(|s| matches!(head(s), "if" | "elif"))
    {
        return false;
    }
    let mut depth = 0usize;
    let mut last = "";
    for segment in segments.get(at + 1..).unwrap_or_default() {
        match head(segment) {
            "if" | "case" | "for" | "while" | "until" | "{" => depth += 1,
            "fi" | "elif" | "else" if depth == 0 => return last == "exit",
            "fi" | "esac" | "done" | "}" => depth = depth.saturating_sub(1),
            "#" => continue,
            word if depth == 0 => last = word,
            _ => {}
        }
        if depth > 0 {
            last = "";
        }
    }
    false
}

/// True if none of these words leaves a body before its end.
fn without(body: &[Segment<'_>], leaving: &[&str]) -> bool {
    body.iter().all(|segment| {
        !segment
            .text
            .split_whitespace()
            .any(|w| leaving.contains(&w))
    })
}

/// True if nothing leaves a loop's body before its end.
pub(super) fn runs_through(body: &[Segment<'_>]) -> bool {
    without(body, &["break", "continue", "return", "exit", "shift"])
}

/// True if a function's body runs to its end, with the words that it is called
/// with as they are.
pub(super) fn returns_at_its_end(body: &[Segment<'_>]) -> bool {
    let body = match body.split_last() {
        Some((last, rest)) if head(last) == "return" => rest,
        _ => body,
    };
    without(body, &["return", "shift"])
}

/// Goes over a text and knows what is quoted.
struct Scan<'t> {
    chars: std::iter::Peekable<std::str::CharIndices<'t>>,
    quote: Option<char>,
    /// How many `$(` are open.
    depth: usize,
    last: char,
    escaped: bool,
    /// The character just read stands behind a backslash.
    literal: bool,
    comment: bool,
}

impl<'t> Scan<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            chars: text.char_indices().peekable(),
            quote: None,
            depth: 0,
            last: ' ',
            escaped: false,
            literal: false,
            comment: false,
        }
    }

    /// The quote that is open at the end.
    fn open(mut self) -> Option<char> {
        while self.next().is_some() {}
        self.quote
    }
}

impl Iterator for Scan<'_> {
    type Item = (usize, char);

    fn next(&mut self) -> Option<(usize, char)> {
        let (at, c) = self.chars.next()?;
        if self.comment {
            return Some((at, c));
        }
        self.literal = self.escaped;
        if self.escaped {
            self.escaped = false;
        } else {
            match (self.quote, c) {
                (Some('\''), '\'') | (Some('"'), '"') | (Some('`'), '`') => self.quote = None,
                (Some('\''), _) => {}
                (_, '\\') => self.escaped = true,
                (None, '"' | '\'' | '`') => self.quote = Some(c),
                (None, '#') if self.last.is_whitespace() && self.depth == 0 => self.comment = true,
                (None, '(') if self.last == '$' || self.depth > 0 => self.depth += 1,
                (None, ')') => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        self.last = c;
        Some((at, c))
    }
}
