//! `completions`: completion scripts for shells.

use crate::args::{Arguments, ColorChoice};
use crate::exit::Failure;
use crate::output;
use clap::CommandFactory as _;

/// Prints the script.
///
/// # Errors
/// If it cannot be written.
pub fn run(shell: clap_complete::Shell, color: ColorChoice) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "fwimpact", &mut script);
    output::print(&String::from_utf8_lossy(&script), color)?;
    Ok(0)
}
