//! `schemas`: the JSON Schemas of all formats.

use crate::exit::Failure;
use crate::flows::schema::FlowsFile;
use crate::show::{FlowsReport, ShowReport};
use fw_impact::{DiffReport, ImpactReport, TraceReport};
use schemars::schema_for;

/// The file names with their texts.
pub fn all() -> Vec<(&'static str, String)> {
    let text = |schema: schemars::Schema| {
        let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        text.push('\n');
        text
    };
    vec![
        ("flows.schema.json", text(schema_for!(FlowsFile))),
        ("impact.schema.json", text(schema_for!(ImpactReport))),
        ("diff.schema.json", text(schema_for!(DiffReport))),
        ("trace.schema.json", text(schema_for!(TraceReport))),
        ("show.schema.json", text(schema_for!(ShowReport))),
        ("flows-check.schema.json", text(schema_for!(FlowsReport))),
    ]
}

/// Writes them.
///
/// # Errors
/// If a file cannot be written.
pub fn run(folder: &str) -> Result<u8, Failure> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::io("create", folder, &e))?;
    for (name, text) in all() {
        let path = format!("{folder}/{name}");
        std::fs::write(&path, text).map_err(|e| Failure::io("write", &path, &e))?;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_published_schemas_are_those_of_the_types() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schemas");
        for (name, text) in super::all() {
            let published = std::fs::read_to_string(format!("{folder}/{name}")).unwrap_or_default();
            assert!(
                published == text,
                "docs/schemas/{name} is not what the types give; \
                 run `cargo run -p fwimpact -- write-json-schemas docs/schemas` and look at the difference"
            );
        }
    }
}
