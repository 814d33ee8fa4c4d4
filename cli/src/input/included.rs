//! Configurations, and those that other ones include.

use super::git::Tree;
use super::read::{Location, Raw, hidden};
use super::recognize::recognize;
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

/// So many files one file may include.
const INCLUDED: usize = 500;

/// Adds the files that a single file includes, where they lie beside it.
pub fn add_beside(location: &Location, files: &mut Vec<Raw>, vendor: Option<&'static dyn Vendor>) {
    let Some(first) = files.first() else { return };
    let Ok((vendor, text)) = recognize(first, vendor) else {
        return;
    };
    let mut texts = vec![text];
    while let Some(text) = texts.pop() {
        for path in vendor.includes(&text) {
            for raw in beside(location, &path) {
                if files.len() < INCLUDED && files.iter().all(|f| f.path != raw.path) {
                    texts.extend(fw_parse::decode(&raw.bytes));
                    files.push(raw);
                }
            }
        }
    }
}

/// The files that `path`, a path or pattern that a file includes, names in the
/// folder of the file or below it. On the device they lie elsewhere, so the
/// longest end of the path that leads to one is taken.
fn beside(file: &Location, path: &str) -> Vec<Raw> {
    let Some(folder) = folder_of(file) else {
        return Vec::new();
    };
    let parts: Vec<&str> = path
        .split('/')
        .filter(|p| !matches!(*p, "" | "." | ".."))
        .collect();
    let Some((last, folders)) = parts.split_last() else {
        return Vec::new();
    };
    for start in 0..=folders.len() {
        let at = folders
            .get(start..)
            .unwrap_or_default()
            .iter()
            .fold(folder.clone(), |at, part| child(&at, part));
        let names = if last.contains(['*', '?']) {
            names(&at)
        } else {
            vec![(*last).to_owned()]
        };
        let found: Vec<Raw> = names
            .iter()
            .map(|name| child(&at, name))
            .filter(|file| fw_parse::include::names(path, &file.to_string()))
            .filter_map(|file| {
                let read = file.read().ok().filter(|read| !read.folder)?;
                read.files.into_iter().next()
            })
            .collect();
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// The folder that a file lies in.
fn folder_of(file: &Location) -> Option<Location> {
    let folder = |path: &str| match parent(path) {
        "" if path.starts_with('/') => "/".to_owned(),
        folder => folder.to_owned(),
    };
    match file {
        Location::Path(path) => Some(Location::Path(folder(path))),
        Location::Git(tree) => Some(Location::Git(Tree {
            revision: tree.revision.clone(),
            path: folder(&tree.path),
        })),
        Location::Stdin => None,
    }
}

fn child(folder: &Location, name: &str) -> Location {
    let below = |path: &str| match path {
        "" => name.to_owned(),
        _ => format!("{}/{name}", path.trim_end_matches('/')),
    };
    match folder {
        Location::Path(path) => Location::Path(below(path)),
        Location::Git(tree) => Location::Git(Tree {
            revision: tree.revision.clone(),
            path: below(&tree.path),
        }),
        Location::Stdin => Location::Stdin,
    }
}

/// The names of what lies in a folder, sorted; none if it cannot be read.
fn names(folder: &Location) -> Vec<String> {
    let mut out: Vec<String> = match folder {
        Location::Path(path) => {
            let path = if path.is_empty() { "." } else { path };
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        }
        Location::Git(tree) => {
            let files = tree.read().map(|read| read.files).unwrap_or_default();
            files.into_iter().map(|file| file.relative).collect()
        }
        Location::Stdin => Vec::new(),
    };
    out.retain(|name| !hidden(name) && !name.contains('/'));
    out.sort();
    out
}
