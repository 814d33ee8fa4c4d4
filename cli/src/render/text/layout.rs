//! Columns, wrapping, abbreviation and colour of text for people.

use anstyle::{AnsiColor, Style};
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
            // A word that is longer than a line is cut.
            let mut taken = 0;
            let cut = word
                .char_indices()
                .find(|(_, c)| {
                    taken += c.width().unwrap_or(0);
                    taken > limit
                })
                .map_or(word.len(), |(at, _)| at);
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
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {one}s")
    }
}

/// `file:line`, or what of it is known.
pub fn place(file: Option<&str>, line: Option<u32>) -> String {
    match (file, line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.to_owned(),
        (None, Some(line)) => format!("line {line}"),
        (None, None) => String::new(),
    }
}

/// Text that grows line by line.
pub struct Paper {
    out: String,
    /// Columns.
    pub width: usize,
}

impl Paper {
    /// An empty sheet.
    pub const fn new(width: usize) -> Self {
        Self {
            out: String::new(),
            width,
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

    /// A word at the left and text beside it, shortened to one line.
    pub fn labelled_line(&mut self, label: &str, style: Style, text: &str) {
        let room = self.width.saturating_sub(LABEL + 2);
        let label = pad(label, LABEL);
        let start = if label.trim().is_empty() {
            label
        } else {
            paint(style, &label)
        };
        self.line(&format!("  {start}{}", fit(text, room)));
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
        let (start, end) = match marked {
            Some((start, end)) if end > start => (start as usize, end as usize),
            _ => (text.len() - text.trim_start().len(), text.trim_end().len()),
        };
        let before = clean(text.get(..start).unwrap_or_default());
        let meant = clean(text.get(start..end).unwrap_or_default());
        let full = clean(text.trim_end());
        let (shown, indent, length) = if width(&full) <= room {
            (full, width(&before), width(&meant))
        } else {
            window(&before, &meant, text.get(end..).unwrap_or_default(), room)
        };
        let bar = paint(DIM, &format!("{number:>margin$} │"));
        self.line(&format!("  {bar} {shown}"));
        // To underline a whole line says nothing.
        if marked.is_none() && note.is_none() {
            return;
        }
        let bar = paint(DIM, &format!("{:>margin$} │", ""));
        let length = length.max(1).min(room.saturating_sub(indent).max(1));
        let carets = format!("{}{}", " ".repeat(indent), "^".repeat(length));
        let Some(note) = note else {
            self.line(&format!("  {bar} {carets}"));
            return;
        };
        // Beside the carets if it fits, else below them.
        if width(&carets) + 1 + width(note) <= room {
            self.line(&format!("  {bar} {carets} {}", clean(note)));
            return;
        }
        self.line(&format!("  {bar} {carets}"));
        for line in wrap(note, room) {
            self.line(&format!("  {bar} {line}"));
        }
    }

    /// All of it.
    pub fn finish(self) -> String {
        self.out
    }
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
    fn long_rules_lose_their_middle() {
        assert_eq!(fit("abcdefghij", 7), "abc…hij");
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
    }
}
