//! `fwimpact`: which service flows a firewall change blocks, opens or treats
//! differently, before it is applied.

mod args;
mod clock;
mod command;
mod config;
mod exit;
mod flows;
mod input;
mod output;
mod policy;
mod problem;
mod progress;
mod render;
mod settings;
mod show;
mod voice;
mod yaml;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let color = arguments.color;
    match command::run(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::print_error(&failure.render(), color);
            ExitCode::from(failure.code())
        }
    }
}
