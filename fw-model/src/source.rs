//! Input files and positions in them.

/// Which [`Source`] of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SourceId(pub u32);

/// One input file, decoded to text.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as the user named it.
    pub path: String,
    /// The text. Bytes that are no UTF-8 were read as Latin-1.
    pub text: String,
    starts: Vec<u32>,
}

impl Source {
    /// Wraps a decoded text. Text past 4 GiB has no line positions.
    #[must_use]
    pub fn new(path: impl Into<String>, text: String) -> Self {
        let mut starts = vec![0u32];
        for (at, byte) in text.bytes().enumerate() {
            if byte == b'\n'
                && let Ok(next) = u32::try_from(at + 1)
            {
                starts.push(next);
            }
        }
        Self {
            path: path.into(),
            text,
            starts,
        }
    }

    /// The text of a line (1-based) without its line ending.
    #[must_use]
    pub fn line(&self, line: u32) -> Option<&str> {
        let at = line.checked_sub(1)? as usize;
        let start = *self.starts.get(at)? as usize;
        let end = self
            .starts
            .get(at + 1)
            .map_or(self.text.len(), |&e| e as usize);
        let text = self.text.get(start..end)?;
        Some(text.trim_end_matches(['\n', '\r']))
    }

    /// How many lines, not counting an empty one after the last line ending.
    #[must_use]
    pub fn line_count(&self) -> u32 {
        let all = self.starts.len() as u32;
        if self.text.is_empty() || self.text.ends_with('\n') {
            all.saturating_sub(1)
        } else {
            all
        }
    }
}

/// A place in a [`Source`]: one line and the bytes of it that are meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// The line, counted from 1.
    pub line: u32,
    /// First byte within the line, counted from 0.
    pub start: u32,
    /// One past the last byte within the line.
    pub end: u32,
}

impl Span {
    /// A whole line of `length` bytes.
    #[must_use]
    pub const fn line(source: SourceId, line: u32, length: u32) -> Self {
        Self {
            source,
            line,
            start: 0,
            end: length,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_source() {
        let source = Source::new("x", "a\r\nb\n\nlast".into());
        assert_eq!(source.line_count(), 4);
        assert_eq!(source.line(1), Some("a"));
        assert_eq!(source.line(3), Some(""));
        assert_eq!(source.line(4), Some("last"));
        assert_eq!(source.line(5), None);
        assert_eq!(source.line(0), None);
        assert_eq!(Source::new("x", "a\n".into()).line_count(), 1);
        assert_eq!(Source::new("x", String::new()).line_count(), 0);
    }
}
