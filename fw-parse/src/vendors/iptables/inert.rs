//! What files of rules hold that no packet ever meets.

/// The reason for a comment.
pub(super) const COMMENT: &str = "comment";
