//! Which edit causes a difference: exact counterfactuals.

use crate::report::{EditKind, Side};
use fw_model::{Snapshot, SourceId};

/// One edited line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// Removed lines are on the before side, added ones on the after side.
    pub kind: EditKind,
    /// The file, as an id of the snapshot of its side.
    pub source: SourceId,
    /// The line, counted from 1.
    pub line: u32,
    /// Its text.
    pub text: String,
}

impl Edit {
    /// The side the line is on.
    #[must_use]
    pub const fn side(&self) -> Side {
        match self.kind {
            EditKind::Removed => Side::Before,
            EditKind::Added => Side::After,
        }
    }
}

/// The edits between two sides, and what the after side would be without some
/// of them.
pub trait Counterfactual: Sync {
    /// All edited lines, in order of their place. Lines that are inert on
    /// their side, blank ones and comments are left out.
    fn edits(&self) -> &[Edit];

    /// The after side with the edits at these indices undone: removed lines
    /// are back at their place, added lines are gone. `None` if that text
    /// cannot be read as a configuration.
    fn without(&self, undone: &[usize]) -> Option<Snapshot>;
}
