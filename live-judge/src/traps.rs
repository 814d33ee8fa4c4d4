//! The fixtures of the workspace, loaded as they are.

use std::path::{Path, PathBuf};

/// One side of a fixture: its name and its files' texts.
pub type Side = (String, Vec<String>);

/// The folder of a vendor's fixtures.
#[must_use]
pub fn folder(vendor: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures")).join(vendor)
}

/// Both sides of all fixtures of a vendor, in order.
///
/// # Panics
/// If there are none.
#[must_use]
pub fn sides(vendor: &str) -> Vec<Side> {
    let list = |path: &Path| -> Vec<PathBuf> {
        let mut out: Vec<PathBuf> = std::fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        out.sort();
        out
    };
    let mut out = Vec::new();
    for case in list(&folder(vendor)) {
        for path in list(&case) {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            if stem != "before" && stem != "after" {
                continue;
            }
            let files = if path.is_dir() {
                list(&path)
            } else {
                vec![path.clone()]
            };
            let texts = files
                .iter()
                .map(|f| std::fs::read_to_string(f).expect("a fixture is text"))
                .collect();
            let name = case.file_name().unwrap_or_default().to_string_lossy();
            out.push((format!("{name} {stem}"), texts));
        }
    }
    assert!(!out.is_empty(), "no fixtures of {vendor}");
    out
}
