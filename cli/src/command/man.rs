//! `man`: the manual page.

use crate::args::{Arguments, ColorChoice};
use crate::exit::Failure;
use crate::output;
use clap::CommandFactory as _;

/// Prints the page of the program and of each of its commands.
///
/// # Errors
/// If it cannot be written.
pub fn run(color: ColorChoice) -> Result<u8, Failure> {
    let mut page = Vec::new();
    let mut command = Arguments::command();
    command.build();
    let write = |command: clap::Command, page: &mut Vec<u8>| {
        clap_mangen::Man::new(command)
            .render(page)
            .map_err(|e| Failure::io("write", "the manual page", &e))
    };
    write(command.clone(), &mut page)?;
    for sub in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        let name = format!("fwimpact-{}", sub.get_name());
        write(sub.clone().name(name), &mut page)?;
    }
    output::print(&String::from_utf8_lossy(&page), color)?;
    Ok(0)
}
