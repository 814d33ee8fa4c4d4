//! Every vendor has all the places that CONTRIBUTING.md names.

use std::path::Path;

#[test]
fn every_vendor_is_complete() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    assert!(!fw_parse::vendor::VENDORS.is_empty());
    for vendor in fw_parse::vendor::VENDORS {
        let name = vendor.name().replace('-', "_");
        let folder = |parent: &str| {
            std::fs::read_dir(root.join(parent))
                .unwrap()
                .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
                .find(|entry| entry.trim_end_matches(".md") == name)
        };
        for parent in ["fw-parse/src/vendors", "fixtures", "docs/vendors"] {
            assert!(
                folder(parent).is_some(),
                "vendor `{}` has no `{name}` in {parent}",
                vendor.name()
            );
        }
    }
}

#[test]
fn vendor_names_are_unique() {
    let mut names: Vec<&str> = fw_parse::vendor::VENDORS.iter().map(|v| v.name()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
