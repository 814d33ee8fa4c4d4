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
    write(&command, "fwimpact", &mut page)?;
    output::print(&String::from_utf8_lossy(&page), color)?;
    Ok(0)
}

/// Adds the page of a command, and those of the commands below it.
fn write(command: &clap::Command, name: &str, page: &mut Vec<u8>) -> Result<(), Failure> {
    clap_mangen::Man::new(command.clone().name(name.to_owned()))
        .render(page)
        .map_err(|e| Failure::io("write", "the manual page", &e))?;
    let below = command.get_subcommands();
    for sub in below.filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        write(sub, &format!("{name}-{}", sub.get_name()), page)?;
    }
    Ok(())
}
