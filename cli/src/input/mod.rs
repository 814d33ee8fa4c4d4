//! Reading inputs: files, folders, standard input and trees of a git
//! repository, and building the two sides of a comparison from them.

pub mod changed;
pub mod edits;
pub mod git;
mod included;
pub mod read;
mod recognize;
pub mod side;
pub mod unit;

pub use side::{Loaded, Settings, load};

use crate::exit::Failure;
use fw_model::Source;

/// Reads a file that people write (flows, topology, ...), or standard input
/// (`-`). A byte order mark is dropped.
///
/// # Errors
/// If it cannot be read or holds no text.
pub fn text_file(path: &str) -> Result<Source, Failure> {
    if path.starts_with("git:") && !std::path::Path::new(path).exists() {
        return Err(Failure::Usage(format!(
            "`{path}`: only configurations are read from git:REV:PATH\n  name the file as it is here; --policy-from git:REV reads it from a revision"
        )));
    }
    let raw = read::file(path)?;
    let path = if path == "-" { "<stdin>" } else { path };
    match fw_parse::decode(&raw) {
        Ok(text) => Ok(Source::new(path, text)),
        Err(fw_parse::NotText::Empty) => Ok(Source::new(path, String::new())),
        Err(why) => Err(Failure::Input(format!("{path} is no text: {why}"))),
    }
}
