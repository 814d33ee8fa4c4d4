//! Configurations, and those that other ones include.

use super::read::Raw;
use super::side::parent;
use fw_parse::Vendor;
use std::collections::BTreeMap;

/// A file that was recognized.
pub struct Config<'r> {
    /// The file.
    pub raw: &'r Raw,
    /// Its front end.
    pub vendor: &'static dyn Vendor,
    /// Its text.
    pub text: String,
}

impl Config<'_> {
    /// True if this configuration includes a file, which lies in the same
    /// folder or below it.
    pub fn includes(&self, other: &Raw) -> bool {
        includes(self.vendor, &self.text, &self.raw.path, &other.path)
    }
}

/// True if a text at `path` includes the file `other`, which lies in the same
/// folder or below it.
pub fn includes(vendor: &dyn Vendor, text: &str, path: &str, other: &str) -> bool {
    path != other
        && other.starts_with(parent(path))
        && vendor
            .includes(text)
            .iter()
            .any(|included| fw_parse::include::names(included, other))
}

/// Puts included files behind those that include them: the first file of a
/// device names it.
pub fn included_last(configs: &mut [Config<'_>]) {
    let mut included: BTreeMap<&str, usize> = BTreeMap::new();
    let depth = |included: &BTreeMap<&str, usize>, path: &str| included.get(path).copied();
    // A file that is included by an included file comes behind that.
    for round in 1..=configs.len().min(INCLUDES) {
        let before = included.len();
        for config in configs.iter() {
            let by = configs.iter().any(|other| {
                (round == 1 || depth(&included, &other.raw.path) == Some(round - 1))
                    && other.includes(config.raw)
            });
            if by {
                included.entry(&config.raw.path).or_insert(round);
            }
        }
        if included.len() == before {
            break;
        }
    }
    let order: BTreeMap<String, usize> = included
        .into_iter()
        .map(|(path, round)| (path.to_owned(), round))
        .collect();
    configs.sort_by_key(|c| order.get(&c.raw.path).copied().unwrap_or(0));
}

/// Includes are followed this deep.
const INCLUDES: usize = 16;
