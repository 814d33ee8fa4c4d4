//! Every code that a report can hold has a section in docs/diagnostics.md.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs")
            && !path.to_string_lossy().contains("tests")
        {
            out.push(path);
        }
    }
}

/// The string literal that `text` starts with.
fn literal(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix('"')?.split('"').next()
}

fn is_code(word: &str) -> bool {
    word.contains('-')
        && word
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Codes in literals of `Diagnostic`, `Assumption` and the report types, and
/// as the first argument of functions that make them.
fn codes(text: &str) -> Vec<&str> {
    const CALLS: [&str; 8] = [
        "code:",
        "assume(",
        "diagnose(",
        "diagnostic(",
        "warn(",
        "note(",
        "remark(",
        "expired(",
    ];
    // Unit tests make up their own.
    let text = text.split("#[cfg(test)]").next().unwrap();
    CALLS
        .iter()
        .flat_map(|call| text.split(call).skip(1).filter_map(literal))
        .filter(|word| is_code(word))
        .collect()
}

#[test]
fn every_code_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/diagnostics.md")).unwrap();
    let mut files = Vec::new();
    for member in ["fw-model", "fw-parse", "fw-impact", "cli"] {
        sources(&root.join(member).join("src"), &mut files);
    }
    let mut missing: BTreeMap<String, String> = BTreeMap::new();
    let mut found = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for code in codes(&text) {
            found += 1;
            if !page.contains(&format!("\n### `{code}`\n")) {
                let name = file.strip_prefix(&root).unwrap().display().to_string();
                missing.insert(code.to_owned(), name);
            }
        }
    }
    assert!(found > 5, "only {found} codes were found");
    assert!(
        missing.is_empty(),
        "codes without a section in docs/diagnostics.md: {missing:#?}"
    );
}

#[test]
fn no_section_is_there_twice() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/diagnostics.md")).unwrap();
    let mut heads: Vec<&str> = page.lines().filter(|l| l.starts_with("### ")).collect();
    let all = heads.len();
    heads.sort_unstable();
    heads.dedup();
    assert_eq!(heads.len(), all);
}
