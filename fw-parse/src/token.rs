//! Words of a line with their positions, shared by line-oriented formats.

use std::borrow::Cow;

/// A word and where it stands in its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token<'a> {
    /// The word, without quotes.
    pub text: &'a str,
    /// First byte within the line, quotes included.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// Splits a line at blanks.
pub fn words(line: &str) -> impl Iterator<Item = Token<'_>> {
    let base = line.as_ptr() as usize;
    line.split_ascii_whitespace().map(move |text| {
        let start = text.as_ptr() as usize - base;
        Token {
            text,
            start: start as u32,
            end: (start + text.len()) as u32,
        }
    })
}

/// The text of a line without what a terminal session leaves in it: pager
/// prompts (`<--- More --->`) with the blanks and backspaces that erase them,
/// and control characters.
#[must_use]
pub fn without_residue(line: &str) -> Cow<'_, str> {
    let clean = !line.contains("More") && !line.bytes().any(|b| b < b' ' && b != b'\t');
    if clean {
        return Cow::Borrowed(line);
    }
    let mut text = line.to_owned();
    for prompt in ["<--- More --->", "--More--", "---(more)---", " --More-- "] {
        if let Some(at) = text.find(prompt) {
            // The prompt is erased by a carriage return or backspaces; what
            // follows is the line itself.
            let rest = text.get(at + prompt.len()..).unwrap_or("");
            if text
                .get(..at)
                .is_some_and(|before| before.trim().is_empty())
                && (rest.starts_with(['\r', '\u{8}']) || rest.trim().is_empty())
            {
                text = rest.trim_start_matches(['\r', '\u{8}']).to_owned();
                if let Some(last) = text.rfind(['\r', '\u{8}']) {
                    text = text.get(last + 1..).unwrap_or("").to_owned();
                }
            }
        }
    }
    text.retain(|c| c == '\t' || !c.is_control());
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_place() {
        let all: Vec<_> = words("  ab  c").collect();
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].text, all[0].start, all[0].end), ("ab", 2, 4));
        assert_eq!((all[1].text, all[1].start, all[1].end), ("c", 6, 7));
    }

    #[test]
    fn pager_residue() {
        assert_eq!(without_residue("plain More text"), "plain More text");
        assert_eq!(
            without_residue("<--- More --->\r              \raccess-list A"),
            "access-list A"
        );
        assert_eq!(without_residue("<--- More --->"), "");
    }
}
