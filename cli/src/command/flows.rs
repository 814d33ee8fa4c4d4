//! `flows init`, `flows check`, `flows services`.

use super::{meant, names};
use crate::args::{ColorChoice, FlowsCommand};
use crate::exit::Failure;
use crate::flows::address::Names;
use crate::flows::{self, catalogue, starter};
use crate::input::{self, Settings};
use crate::output;
use crate::render::{self, Report};
use crate::show::FlowsReport;
use fw_impact::report::Side;

/// Runs one of them.
///
/// # Errors
/// If an input cannot be read or is invalid.
pub fn run(command: &FlowsCommand, color: ColorChoice) -> Result<u8, Failure> {
    match command {
        FlowsCommand::Init { config, vendor } => {
            let loaded = match config {
                Some(config) => {
                    let settings = Settings {
                        vendor: vendor.as_deref().and_then(fw_parse::vendor),
                        names: &Names::new(),
                        declared: &[],
                        topology: None,
                    };
                    Some(input::load(Side::Before, config, &settings)?)
                }
                None => None,
            };
            let text = starter::text(loaded.as_ref().map(|l| &l.snapshot));
            output::print(&text, color)?;
        }
        FlowsCommand::Check {
            file,
            resolve,
            output: options,
        } => {
            output::check(options, "flows check", Some(render::PLAIN))?;
            let source = input::text_file(file)?;
            let names = names(resolve.as_deref())?;
            let declared = meant(&source, "flows", flows::read(&source, &names))?;
            let report = FlowsReport::new(file, &declared);
            output::write(Report::Flows(&report), options, color)?;
        }
        FlowsCommand::Services => output::print(&services(), color)?,
    }
    Ok(0)
}

/// The catalogue as a table.
fn services() -> String {
    let mut rows = vec![[
        "service".to_owned(),
        "stands for".to_owned(),
        "also met on".to_owned(),
        "what it is".to_owned(),
    ]];
    for entry in catalogue::CATALOGUE {
        let ports = catalogue::ports_text(entry.ports);
        rows.push([
            entry.name.to_owned(),
            if entry.companions {
                format!("{ports} (1)")
            } else {
                ports
            },
            entry.also.to_owned(),
            if entry.idle_sensitive {
                format!("{} (2)", entry.title)
            } else {
                entry.title.to_owned()
            },
        ]);
    }
    let mut widths = [0usize; 4];
    for row in &rows {
        for (cell, width) in row.iter().zip(&mut widths) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.push_str("\n(1) judged together with ");
    out.push_str(
        &catalogue::COMPANIONS
            .iter()
            .map(|c| c.name)
            .collect::<Vec<_>>()
            .join(", "),
    );
    out.push_str("\n(2) sessions are long and idle: a lowered timeout is a grave change\n");
    out
}
