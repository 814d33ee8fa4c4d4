//! What the services have in common.

/// A comment to be there, and labels to be set or taken away.
pub struct Change<'a> {
    /// Hidden in the comment; what makes it the same one the next time.
    pub marker: &'a str,
    /// The whole text, marker included.
    pub body: &'a str,
    /// Labels that say that something is wrong.
    pub labels: &'a [String],
    /// Something is wrong.
    pub hurt: bool,
}

/// Why it was not done.
#[derive(Debug)]
pub enum Trouble {
    /// The token may not do it.
    NoAccess(String),
    /// Anything else.
    Failed(String),
}

/// A service.
pub trait Forge {
    /// The request, for messages.
    fn target(&self) -> &str;

    /// Creates or updates the comment, sets or takes away the labels. Says
    /// what was done.
    ///
    /// # Errors
    /// If it was not done.
    fn publish(&self, change: &Change<'_>) -> Result<&'static str, Trouble>;
}

/// Pages of comments that are looked through.
pub const PAGES: usize = 30;
/// Comments of a page.
pub const PER_PAGE: usize = 100;

/// A variable of the environment that is not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.trim().is_empty())
}

/// What is written in a path stays one part of it.
pub fn segment(text: &str) -> String {
    crate::render::locate::uri(text).replace('/', "%2F")
}
