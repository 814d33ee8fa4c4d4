//! `show`: how a configuration is understood.

use super::Context;
use crate::args::{ColorChoice, OutputOptions, Show};
use crate::exit::Failure;
use crate::output;
use crate::render::{self, Report};
use crate::show::ShowReport;
use crate::voice::Voice;
use fw_impact::report::Side;

/// Runs it.
///
/// # Errors
/// If the input cannot be read.
pub fn run(mut arguments: Show, voice: Voice, color: ColorChoice) -> Result<u8, Failure> {
    let usual = if arguments.coverage { "text" } else { "json" };
    let options = OutputOptions {
        format: Some(arguments.format.clone().unwrap_or_else(|| usual.into())),
        output: arguments.output.clone(),
        report: Vec::new(),
        exit_zero: false,
        quiet: false,
    };
    output::check(&options, "show", Some(render::PLAIN))?;
    let context = Context::usual(&mut arguments.inputs, &[&arguments.config])?;
    let loaded = context.load(Side::Before, &arguments.config, &context.names)?;
    voice.inputs(&[&loaded]);
    let report = ShowReport::new(&loaded, arguments.coverage);
    output::write(Report::Show(&report), &options, color)?;
    Ok(0)
}
