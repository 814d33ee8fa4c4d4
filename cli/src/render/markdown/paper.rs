//! Pieces of markdown, and a document of limited length.

use super::super::Page;
use super::super::locate::plain_path;
use super::super::words::place;

/// A document that takes whole blocks as long as they fit.
pub struct Paper {
    text: String,
    left: usize,
}

impl Paper {
    /// A document of at most `limit` characters, of which `reserved` are kept
    /// for the end.
    pub const fn new(limit: usize, reserved: usize) -> Self {
        Self {
            text: String::new(),
            left: limit.saturating_sub(reserved),
        }
    }

    /// Adds a block if it fits; says whether it did.
    pub fn add(&mut self, block: &str) -> bool {
        let length = block.chars().count();
        if length > self.left {
            return false;
        }
        self.left -= length;
        self.text.push_str(block);
        true
    }

    /// Characters that still fit.
    pub const fn left(&self) -> usize {
        self.left
    }

    /// The document with its end, which fits by what was reserved.
    pub fn finish(mut self, end: &str) -> String {
        self.text.push_str(end);
        self.text
    }
}

/// Text that stands for itself: nothing in it is markup, a link or a mention.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|'
            | '~' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A zero-width space keeps people from being notified.
            '@' => out.push_str("@\u{200b}"),
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Text as inline code, fit for a table cell.
pub fn code(text: &str) -> String {
    let clean: String = text
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if clean.is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&clean) + 1);
    let pad = if clean.starts_with('`') || clean.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{}{pad}{fence}", clean.replace('|', "\\|"))
}

/// Lines as a code block of a language.
pub fn block(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// The place of a line, as a link where there is a page of it.
pub fn line(page: Page<'_>, file: Option<&str>, line: Option<u32>) -> String {
    let target = page
        .links
        .zip(file)
        .and_then(|(links, file)| links.line(file, line));
    match target {
        // The page of the line tells the revision.
        Some(target) => format!("[{}]({target})", code(&place(file.map(plain_path), line))),
        None => code(&place(file, line)),
    }
}

/// A text of at most `limit` characters.
pub fn fit(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(limit.saturating_sub(1)).collect();
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_configurations_stays_text() {
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`a"), "`` `a ``");
        assert_eq!(escape("<b>@x [a](b)"), "&lt;b&gt;@\u{200b}x \\[a\\]\\(b\\)");
        assert_eq!(block("diff", "```\n"), "````diff\n```\n````\n");
    }

    #[test]
    fn blocks_fit_or_are_left_out() {
        let mut paper = Paper::new(10, 3);
        assert!(paper.add("äöü"));
        assert!(!paper.add("12345"));
        assert!(paper.add("1234"));
        assert_eq!(paper.finish("end"), "äöü1234end");
    }
}
