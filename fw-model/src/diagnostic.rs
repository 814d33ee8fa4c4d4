//! What a parser or the engine has to say about an input.

use crate::source::Span;

/// How grave a diagnostic is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Probably not what was meant, or not understood.
    Warning,
    /// The input is wrong.
    Error,
}

impl Severity {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a diagnostic means for verdicts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// No verdict depends on it.
    None,
    /// Verdicts that touch it are undecided.
    Opaque,
    /// Verdicts rest on an assumption.
    Assumed,
}

impl Effect {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Opaque => "opaque",
            Self::Assumed => "assumed",
        }
    }
}

/// One remark on an input, with a stable kebab-case code that is documented
/// in docs/diagnostics.md.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Diagnostic {
    /// The stable code.
    pub code: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// Where.
    pub span: Option<Span>,
    /// What is wrong, in one lowercase sentence without a full stop.
    pub message: String,
    /// What it means for verdicts.
    pub effect: Effect,
}
