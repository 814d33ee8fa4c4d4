//! The line ledger: every non-blank line of an input has exactly one status.

use crate::source::Source;

/// What became of a line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum LineStatus {
    /// Nothing on it.
    Blank,
    /// Its meaning is in the model.
    Modeled,
    /// It cannot affect traffic; the reason says why.
    Inert(&'static str),
    /// Everything else.
    #[default]
    Opaque,
}

/// The statuses of all lines of one source.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    lines: Vec<LineStatus>,
}

/// How many non-blank lines have which status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// Non-blank lines.
    pub lines: usize,
    /// Lines whose meaning is in the model.
    pub modeled: usize,
    /// Lines without effect on traffic.
    pub inert: usize,
    /// Lines that are not understood.
    pub opaque: usize,
}

impl std::ops::Add for Coverage {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            lines: self.lines + other.lines,
            modeled: self.modeled + other.modeled,
            inert: self.inert + other.inert,
            opaque: self.opaque + other.opaque,
        }
    }
}

impl Ledger {
    /// A ledger in which every non-blank line is still opaque.
    #[must_use]
    pub fn new(source: &Source) -> Self {
        let lines = (1..=source.line_count())
            .map(|n| match source.line(n) {
                Some(text) if !text.trim().is_empty() => LineStatus::Opaque,
                _ => LineStatus::Blank,
            })
            .collect();
        Self { lines }
    }

    fn at(&mut self, line: u32) -> Option<&mut LineStatus> {
        self.lines.get_mut(line.checked_sub(1)? as usize)
    }

    /// Marks a line (1-based) as modeled. A blank line stays blank.
    pub fn modeled(&mut self, line: u32) {
        if let Some(status) = self.at(line)
            && *status != LineStatus::Blank
        {
            *status = LineStatus::Modeled;
        }
    }

    /// Marks a line (1-based) as inert. A blank line stays blank.
    pub fn inert(&mut self, line: u32, reason: &'static str) {
        if let Some(status) = self.at(line)
            && *status != LineStatus::Blank
        {
            *status = LineStatus::Inert(reason);
        }
    }

    /// Marks a line (1-based) as opaque. A blank line stays blank.
    pub fn opaque(&mut self, line: u32) {
        if let Some(status) = self.at(line)
            && *status != LineStatus::Blank
        {
            *status = LineStatus::Opaque;
        }
    }

    /// The status of a line (1-based).
    #[must_use]
    pub fn status(&self, line: u32) -> Option<&LineStatus> {
        self.lines.get(line.checked_sub(1)? as usize)
    }

    /// Line numbers (1-based) with their statuses.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &LineStatus)> {
        (1u32..).zip(&self.lines)
    }

    /// The shares.
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for status in &self.lines {
            match status {
                LineStatus::Blank => continue,
                LineStatus::Modeled => coverage.modeled += 1,
                LineStatus::Inert(_) => coverage.inert += 1,
                LineStatus::Opaque => coverage.opaque += 1,
            }
            coverage.lines += 1;
        }
        coverage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_one_status() {
        let source = Source::new("x", "a\n\nb\nc\n".into());
        let mut ledger = Ledger::new(&source);
        ledger.modeled(1);
        ledger.modeled(2);
        ledger.inert(3, "test");
        ledger.modeled(99);
        let coverage = ledger.coverage();
        assert_eq!(coverage.lines, 3);
        assert_eq!(
            (coverage.modeled, coverage.inert, coverage.opaque),
            (1, 1, 1)
        );
        assert_eq!(ledger.status(2), Some(&LineStatus::Blank));
    }
}
