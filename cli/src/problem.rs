//! Errors in files that people write, shown with the offending text.

use fw_model::Source;
use std::fmt::Write as _;

/// A stretch of one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// The line, counted from 1.
    pub line: u32,
    /// First byte within the line.
    pub start: u32,
    /// One past the last byte within the line.
    pub end: u32,
}

/// One error, with the line it is on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file as the user named it.
    pub file: String,
    /// Where.
    pub place: Place,
    /// The text of the line.
    pub text: String,
    /// What is wrong, in lowercase, with the input in backticks.
    pub message: String,
    /// What stands beside the underlining: a suggestion.
    pub label: Option<String>,
}

impl Problem {
    /// An error at a place of `source`.
    pub fn at(source: &Source, place: Place, message: impl Into<String>) -> Self {
        Self {
            file: source.path.clone(),
            place,
            text: source.line(place.line).unwrap_or_default().to_owned(),
            message: message.into(),
            label: None,
        }
    }

    #[cfg(test)]
    /// The same with a text beside the underlining.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The message with the file, the line and the column in front, the line
    /// and the underlining below.
    pub fn render(&self) -> String {
        let mut out = String::from("error: ");
        out.push_str(&self.file);
        let place = self.place;
        let before = self.text.get(..place.start as usize).unwrap_or_default();
        let column = before.chars().count() + 1;
        let _ = write!(out, ":{}:{column}: {}", place.line, self.message);
        out.push('\n');
        out.push_str(&excerpt(
            place.line,
            &self.text,
            place.start,
            place.end,
            self.label.as_deref(),
        ));
        out
    }
}

/// A line with its number, and the underlined part of it below.
pub fn excerpt(line: u32, text: &str, start: u32, end: u32, label: Option<&str>) -> String {
    let number = line.to_string();
    let margin = number.len().max(5);
    let shown: String = text
        .chars()
        .map(|c| if c == '\t' || c.is_control() { ' ' } else { c })
        .collect();
    let before = text.get(..start as usize).unwrap_or_default();
    let marked = text.get(start as usize..end as usize).unwrap_or_default();
    let indent = unicode_width::UnicodeWidthStr::width(before).max(before.chars().count());
    let length = unicode_width::UnicodeWidthStr::width(marked).max(1);
    let mut out = format!(
        "{number:>margin$} │ {shown}\n{:>margin$} │ {}{}",
        "",
        " ".repeat(indent),
        "^".repeat(length)
    );
    if let Some(label) = label {
        out.push(' ');
        out.push_str(label);
    }
    out
}

/// The word of `known` that is nearest to `word`, if it is near enough to be
/// meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&lower, &k.to_lowercase()), k))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, k)| k)
}

/// `did you mean ...?`, if something is near enough.
pub fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|k| format!("did you mean `{k}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shape_of_an_error() {
        let source = Source::new("flows.yaml", "a: 1\n    from: branchs\n".into());
        let place = Place {
            line: 2,
            start: 10,
            end: 17,
        };
        let problem = Problem::at(&source, place, "unknown group `branchs`")
            .label("did you mean `branches`?");
        assert_eq!(
            problem.render(),
            "error: flows.yaml:2:11: unknown group `branchs`\n    2 │     from: branchs\n      │           ^^^^^^^ did you mean `branches`?"
        );
    }

    #[test]
    fn suggestions() {
        assert_eq!(nearest("branchs", ["branches", "web"]), Some("branches"));
        assert_eq!(nearest("dst", ["src", "owner"]), None);
    }
}
