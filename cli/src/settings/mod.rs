//! The small files: topology, approvals, assumptions, resolved names.

pub mod approve;
pub mod assume;
pub mod glob;
pub mod resolve;
pub mod topology;

use crate::problem::Problem;
use crate::yaml::{self, Node, Reader};
use fw_model::Source;

/// Reads a file with `read`, and collects all errors.
fn whole<T>(
    source: &Source,
    read: impl FnOnce(&mut Reader<'_>, &Node) -> T,
) -> Result<T, Vec<Problem>> {
    let root = yaml::parse(source).map_err(|p| vec![p])?;
    let mut reader = Reader::new(source);
    let value = read(&mut reader, &root);
    let mut problems = reader.problems;
    if problems.is_empty() {
        return Ok(value);
    }
    problems.sort_by_key(|p| (p.place.line, p.place.start));
    Err(problems)
}

/// An entry of a small file that is past its last day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expired {
    /// The file.
    pub file: String,
    /// The line of the entry.
    pub line: u32,
    /// What it says.
    pub what: String,
    /// Its last day.
    pub until: jiff::civil::Date,
}
