//! Columns, wrapping, abbreviation and colour of text for people.

use anstyle::{AnsiColor, Style};
use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Something is blocked.
pub const RED: Style = AnsiColor::Red.on_default().bold();
/// Something changed or cannot be decided.
pub const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
/// Something passes.
pub const GREEN: Style = AnsiColor::Green.on_default().bold();
/// Something that can be skipped.
pub const DIM: Style = Style::new().dimmed();
/// A name.
pub const BOLD: Style = Style::new().bold();

/// The width of the words at the left of the lines of a flow.
const LABEL: usize = 8;

/// A line of a file takes no more lines of the screen.
const ROWS: usize = 4;

/// Wraps `text` in a colour.
pub fn paint(style: Style, text: &str) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
}

/// Columns that a text takes; control characters take none.
pub fn width(text: &str) -> usize {
    text.width()
}

/// A text without characters that move the cursor.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect()
}

/// Shortens a text in its middle to at most `limit` columns.
pub fn fit(text: &str, limit: usize) -> String {
    let text = clean(text);
    if width(&text) <= limit {
        return text;
    }
    let room = limit.saturating_sub(1);
    let (mut head, mut taken) = (String::new(), 0);
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if taken + w > room.div_ceil(2) {
            break;
        }
        taken += w;
        head.push(c);
    }
    let mut tail: Vec<char> = Vec::new();
    for c in text.chars().rev() {
        let w = c.width().unwrap_or(0);
        if taken + w > room {
            break;
        }
        taken += w;
        tail.push(c);
    }
    if limit > 0 {
        head.push('…');
    }
    head.extend(tail.iter().rev());
    head
}

/// Fills up with blanks to `columns`.
pub fn pad(text: &str, columns: usize) -> String {
    let mut out = text.to_owned();
    out.extend(std::iter::repeat_n(
        ' ',
        columns.saturating_sub(width(text)),
    ));
    out
}

/// Lines of at most `limit` columns, broken at blanks where there are any.
pub fn wrap(text: &str, limit: usize) -> Vec<String> {
    let limit = limit.max(8);
    let mut out = Vec::new();
    let mut line = String::new();
    for word in clean(text).split(' ') {
        let mut word = word.to_owned();
        loop {
            let gap = usize::from(!line.is_empty());
            if width(&line) + gap + width(&word) <= limit {
                if gap == 1 {
                    line.push(' ');
                }
                line.push_str(&word);
                break;
            }
            if !line.is_empty() {
                out.push(std::mem::take(&mut line));
                continue;
            }
            // A word that is longer than a line is broken, a path behind one
            // of its folders.
            let mut taken = 0;
            let cut = word
                .char_indices()
                .find(|(_, c)| {
                    taken += c.width().unwrap_or(0);
                    taken > limit
                })
                .map_or(word.len(), |(at, _)| at);
            let folder = word.get(..cut).and_then(|w| w.rfind('/'));
            let cut = folder.filter(|at| *at > 0).map_or(cut, |at| at + 1);
            let rest = word.split_off(cut);
            out.push(word);
            word = rest;
        }
    }
    if !line.is_empty() || out.is_empty() {
        out.push(line);
    }
    out
}

/// `2 flows`, `1 flow`.
pub fn count(n: usize, one: &str) -> String {
    match one.strip_suffix("ry") {
        _ if n == 1 => format!("1 {one}"),
        Some(stem) => format!("{n} {stem}ries"),
        None => format!("{n} {one}s"),
    }
}

/// `file:line`, or what of it is known.
pub fn place(file: Option<&str>, line: Option<u32>) -> String {
    match (file.map(short_revision), line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.into_owned(),
        (None, Some(line)) => format!("line {line}"),
        (None, None) => String::new(),
    }
}

/// A path with the name of its commit cut to what git itself shows: pipelines
/// name the base by all 40 digits.
fn short_revision(file: &str) -> Cow<'_, str> {
    const SHOWN: usize = 12;
    let whole = file.strip_prefix("git:").and_then(|r| r.split_once(':'));
    match whole {
        Some((revision, path))
            if revision.len() >= 40 && revision.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            let short = revision.get(..SHOWN).unwrap_or(revision);
            Cow::Owned(format!("git:{short}:{path}"))
        }
        _ => Cow::Borrowed(file),
    }
}

/// Text that grows line by line.
pub struct Paper {
    out: String,
    /// Columns.
    pub width: usize,
    /// There are several devices: a rule has to say which one it is of.
    pub several: bool,
}

impl Paper {
    /// An empty sheet.
    pub const fn new(width: usize) -> Self {
        Self {
            out: String::new(),
            width,
            several: false,
        }
    }

    /// A finished line.
    pub fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// An empty line, unless there is one already.
    pub fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// Text from the left margin on, wrapped.
    pub fn prose(&mut self, text: &str) {
        for line in wrap(text, self.width) {
            self.line(&line);
        }
    }

    /// A word at the left and text beside it, wrapped.
    pub fn labelled(&mut self, label: &str, style: Style, text: &str) {
        let room = self.width.saturating_sub(LABEL + 2);
        let mut label = pad(label, LABEL);
        for line in wrap(text, room) {
            let start = if label.trim().is_empty() {
                label.clone()
            } else {
                paint(style, &label)
            };
            self.line(&format!("  {start}{line}"));
            label = pad("", LABEL);
        }
    }

    /// A word at the left and parts beside it, three blanks between them. What
    /// does not fit goes to the next line; a part that is longer than a line is
    /// wrapped. Nothing is cut.
    pub fn labelled_parts(&mut self, label: &str, style: Style, parts: &[&str]) {
        let room = self.width.saturating_sub(LABEL + 2);
        let mut lines: Vec<String> = Vec::new();
        for part in parts.iter().filter(|p| !p.is_empty()) {
            let part = clean(part);
            match lines.last_mut() {
                Some(line) if width(line) + 3 + width(&part) <= room => {
                    line.push_str("   ");
                    line.push_str(&part);
                }
                _ => lines.extend(wrap(&part, room)),
            }
        }
        let mut label = pad(label, LABEL);
        for line in lines {
            let start = if label.trim().is_empty() {
                label.clone()
            } else {
                paint(style, &label)
            };
            self.line(&format!("  {start}{line}"));
            label = pad("", LABEL);
        }
    }

    /// The text of a line of a file below what is said of it, at most so many
    /// lines long.
    pub fn quoted(&mut self, indent: usize, text: &str, lines: usize) {
        let room = self.width.saturating_sub(indent);
        for line in at_most(wrap(text.trim(), room), lines, room) {
            self.line(&format!("{}{line}", " ".repeat(indent)));
        }
    }

    /// A line of a file with its number, and below it what is meant and why.
    /// `marked` are the bytes that are meant; without them all of it.
    pub fn source_line(
        &mut self,
        number: u32,
        text: &str,
        marked: Option<(u32, u32)>,
        note: Option<&str>,
    ) {
        let number = number.to_string();
        let margin = number.len().max(6);
        let room = self.width.saturating_sub(margin + 5);
        let all = (text.len() - text.trim_start().len(), text.trim_end().len());
        // To underline a whole line says nothing.
        let marked = marked
            .map(|(start, end)| (start as usize, end as usize))
            .filter(|&(start, end)| end > start && (start, end) != all);
        let whole = marked.is_none();
        let (start, end) = marked.unwrap_or(all);
        let before = clean(text.get(..start).unwrap_or_default());
        let meant = clean(text.get(start..end).unwrap_or_default());
        let after = clean(text.get(end..).unwrap_or_default().trim_end());
        let full = format!("{before}{meant}{after}");
        let (from, to) = (before.len(), before.len() + meant.len());
        let mut rows = rows(&full, room);
        let mut carets = None;
        if rows.len() > ROWS {
            // Of a very long line the part around what is meant.
            let (shown, indent, length) = window(&before, &meant, &after, room);
            rows = vec![(shown.clone(), 0..shown.len())];
            carets = (!whole).then_some((indent, length));
        }
        let bar = |text: &str| paint(DIM, &format!("{text:>margin$} │"));
        let blank = bar("");
        let last = rows.len().saturating_sub(1);
        let mut said = note.is_none();
        for (n, (shown, range)) in rows.iter().enumerate() {
            let head = if n == 0 { bar(&number) } else { blank.clone() };
            self.line(&format!("  {head} {shown}"));
            let (here, length) = match carets {
                Some(found) => found,
                None => {
                    let (a, b) = (from.max(range.start), to.min(range.end));
                    if a >= b {
                        continue;
                    }
                    let held = width(full.get(range.clone()).unwrap_or(shown));
                    let pad = width(shown).saturating_sub(held);
                    (
                        pad + width(full.get(range.start..a).unwrap_or_default()),
                        width(full.get(a..b).unwrap_or_default().trim_end()),
                    )
                }
            };
            let line = format!(
                "{}{}",
                " ".repeat(here),
                "^".repeat(length.max(1).min(room.saturating_sub(here).max(1)))
            );
            // Beside the carets if it fits, else below.
            let beside = note
                .map(clean)
                .filter(|note| n == last && width(&line) + 1 + width(note) <= room);
            match beside {
                Some(note) if !said => {
                    self.line(&format!("  {blank} {line} {note}"));
                    said = true;
                }
                _ if !whole => self.line(&format!("  {blank} {line}")),
                _ => {}
            }
        }
        if let (false, Some(note)) = (said, note) {
            let indent = if whole {
                width(&before).min(12).min(room / 3)
            } else {
                0
            };
            let room = room.saturating_sub(indent);
            for (n, line) in wrap(note, room).iter().enumerate() {
                let mark = if n == 0 { "└" } else { " " };
                let bar = paint(DIM, &format!("{:>margin$} {mark}", ""));
                self.line(&format!("  {bar} {}{line}", " ".repeat(indent)));
            }
        }
    }

    /// All of it.
    pub fn finish(self) -> String {
        self.out
    }
}

/// The first lines of a text; where there are more, the last one says so.
fn at_most(mut lines: Vec<String>, limit: usize, room: usize) -> Vec<String> {
    if lines.len() > limit {
        lines.truncate(limit);
        if let Some(last) = lines.last_mut() {
            *last = format!("{} …", fit(last, room.saturating_sub(2)));
        }
    }
    lines
}

/// A text broken at blanks into lines of at most `room` columns, each with the
/// bytes of the text that it holds. Lines after the first are indented deeper.
fn rows(text: &str, room: usize) -> Vec<(String, std::ops::Range<usize>)> {
    if width(text) <= room {
        return vec![(text.to_owned(), 0..text.len())];
    }
    let indent = text.len() - text.trim_start().len();
    let mut out: Vec<(String, std::ops::Range<usize>)> = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let pad = if start == 0 {
            0
        } else {
            (indent + 2).min(room / 4)
        };
        let rest = text.get(start..).unwrap_or_default();
        let (mut taken, mut at, mut blank) = (pad, rest.len(), None);
        for (n, c) in rest.char_indices() {
            let lead = start == 0 && n < indent;
            if c == ' ' && n > 0 && !lead {
                blank = Some(n);
            }
            taken += c.width().unwrap_or(0);
            if taken > room {
                at = if c == ' ' { n } else { blank.unwrap_or(n) };
                break;
            }
        }
        if at == 0 {
            at = rest.chars().next().map_or(rest.len(), char::len_utf8);
        }
        let end = start + at;
        let line = text.get(start..end).unwrap_or_default();
        out.push((format!("{}{line}", " ".repeat(pad)), start..end));
        let skipped = text.get(end..).unwrap_or_default();
        start = end + (skipped.len() - skipped.trim_start_matches(' ').len());
    }
    out
}

/// The part of a long line around what is meant: the text, and where in it
/// that starts and how long it is.
fn window(before: &str, meant: &str, after: &str, room: usize) -> (String, usize, usize) {
    let meant_width = width(meant);
    if width(before) + meant_width < room {
        let used = width(before) + meant_width;
        let text = format!(
            "{before}{meant}{}",
            cut(&clean(after), room.saturating_sub(used))
        );
        return (text, width(before), meant_width);
    }
    let indent = width(before) - width(before.trim_start());
    if meant_width + 2 >= room {
        // What is meant fills the line: its middle goes.
        let text = format!("{}{}", " ".repeat(indent.min(2)), fit(meant, room - 2));
        let length = width(&text).saturating_sub(indent.min(2));
        return (text, indent.min(2), length);
    }
    // What stands before is shortened, so that what is meant is whole.
    let head = fit(before.trim_start(), (room - meant_width).saturating_sub(2));
    let indent = width(&head);
    let rest = room.saturating_sub(indent + meant_width);
    let text = format!("{head}{meant}{}", cut(&clean(after), rest));
    (text, indent, meant_width)
}

/// The start of a text, with a sign that it goes on.
fn cut(text: &str, limit: usize) -> String {
    if width(text.trim_end()) <= limit {
        return text.trim_end().to_owned();
    }
    let (mut out, mut taken) = (String::new(), 1);
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken > limit {
            break;
        }
        out.push(c);
    }
    if limit > 0 {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_at_every_width() {
        let texts = [
            "access-list OUT_IN extended permit tcp any host 192.0.2.80 eq www",
            "図書館の貸出機 は 動く",
            "",
            "a",
            "tab\there",
        ];
        for text in texts {
            for limit in 0..90 {
                assert!(width(&fit(text, limit)) <= limit, "{text} {limit}");
                for line in wrap(text, limit) {
                    assert!(width(&line) <= limit.max(8), "{text} {limit} {line}");
                }
            }
        }
    }

    #[test]
    fn source_lines_fit_at_every_width() {
        let text =
            "access-list OUT_IN extended deny frobnicate tcp any host 192.0.2.80 eq 図書 www";
        for columns in 16..120 {
            for marked in [
                None,
                Some((28, 38)),
                Some((0, 200)),
                Some((70, 75)),
                Some((9, 3)),
            ] {
                let mut paper = Paper::new(columns);
                paper.source_line(62, text, marked, Some("in object-group X, used by Y 1"));
                for line in anstream::adapter::strip_str(&paper.finish())
                    .to_string()
                    .lines()
                {
                    assert!(
                        width(line) <= columns.max(24),
                        "{columns} {marked:?} {line}"
                    );
                }
            }
        }
    }

    #[test]
    fn names_of_commits_are_short() {
        let base = "git:12abedf8d74c3b840ef317c9d66d85323a24cb9b:net/edge.cfg";
        assert_eq!(
            place(Some(base), Some(7)),
            "git:12abedf8d74c:net/edge.cfg:7"
        );
        assert_eq!(place(Some("git:main:a"), None), "git:main:a");
    }

    #[test]
    fn long_rules_lose_their_middle() {
        assert_eq!(fit("abcdefghij", 7), "abc…hij");
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
    }
}
