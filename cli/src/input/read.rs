//! Bytes from files, folders, standard input and git.

use super::git::Tree;
use crate::exit::Failure;
use std::io::Read as _;
use std::path::Path;

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file or folder.
    Path(String),
    /// A file or folder of a git tree.
    Git(Tree),
    /// Standard input.
    Stdin,
}

/// What is at a [`Location`].
pub enum Entry {
    /// A file.
    File(Vec<u8>),
    /// The names in a folder.
    Folder(Vec<String>),
}

/// A file that was read.
pub struct Raw {
    /// As the user would name it.
    pub path: String,
    /// The path within the input: names separated by `/`. Empty if the input
    /// is the file itself.
    pub relative: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// An input that was read.
pub struct Files {
    /// Its files, sorted by their path.
    pub files: Vec<Raw>,
    /// True if the input is a folder.
    pub folder: bool,
}

/// No file is larger than this: 256 MiB.
const SIZE_LIMIT: u64 = 256 << 20;

/// Folders are not entered deeper than this.
const DEPTH_LIMIT: usize = 8;

impl Location {
    /// Reads `-`, `git:REV:PATH` or a path.
    ///
    /// # Errors
    /// If a `git:` input is not well formed.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        if text == "-" {
            return Ok(Self::Stdin);
        }
        match text.strip_prefix("git:") {
            Some(rest) => Ok(Self::Git(Tree::parse(rest)?)),
            None => Ok(Self::Path(text.to_owned())),
        }
    }

    fn entry(&self) -> Result<Entry, Failure> {
        match self {
            Self::Stdin => {
                let mut bytes = Vec::new();
                std::io::stdin()
                    .take(SIZE_LIMIT)
                    .read_to_end(&mut bytes)
                    .map_err(|e| Failure::io("read", "standard input", &e))?;
                Ok(Entry::File(bytes))
            }
            Self::Git(tree) => tree.entry(),
            Self::Path(path) => {
                let meta = std::fs::metadata(path).map_err(|e| Failure::io("read", path, &e))?;
                if !meta.is_dir() {
                    return Ok(Entry::File(file(path)?));
                }
                let mut names = Vec::new();
                let entries = std::fs::read_dir(path).map_err(|e| Failure::io("read", path, &e))?;
                for entry in entries {
                    let entry = entry.map_err(|e| Failure::io("read", path, &e))?;
                    names.push(entry.file_name().to_string_lossy().into_owned());
                }
                Ok(Entry::Folder(names))
            }
        }
    }

    fn child(&self, name: &str) -> Self {
        match self {
            Self::Path(path) => {
                let path = Path::new(path).join(name);
                Self::Path(path.to_string_lossy().into_owned())
            }
            Self::Git(tree) => Self::Git(tree.child(name)),
            Self::Stdin => Self::Stdin,
        }
    }

    /// The folder that this file lies in.
    fn parent(&self) -> Option<Self> {
        match self {
            Self::Path(path) => {
                let parent = Path::new(path).parent()?.to_string_lossy().into_owned();
                Some(Self::Path(parent))
            }
            Self::Git(tree) => tree.parent().map(Self::Git),
            Self::Stdin => None,
        }
    }

    /// The files that `path`, a path or pattern that this file includes, names
    /// in the folder of this file or below it. On the device they lie
    /// elsewhere, so the longest end of the path that leads to one is taken.
    #[must_use]
    pub fn included(&self, path: &str) -> Vec<Raw> {
        let Some(folder) = self.parent() else {
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
            let mut at = folder.clone();
            for part in folders.get(start..).unwrap_or_default() {
                at = at.child(part);
            }
            let names = if last.contains(['*', '?']) {
                let here = match &at {
                    // A file that is named without a folder.
                    Self::Path(path) if path.is_empty() => Self::Path(".".to_owned()),
                    other => other.clone(),
                };
                match here.entry() {
                    Ok(Entry::Folder(mut names)) => {
                        names.sort();
                        names
                    }
                    _ => continue,
                }
            } else {
                vec![(*last).to_owned()]
            };
            let found: Vec<Raw> = names
                .iter()
                .map(|name| at.child(name))
                .filter(|file| fw_parse::include::names(path, &file.to_string()))
                .filter_map(|file| match file.entry() {
                    Ok(Entry::File(bytes)) => Some(Raw {
                        path: file.to_string(),
                        relative: String::new(),
                        bytes,
                    }),
                    _ => None,
                })
                .collect();
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// All files of the input; hidden ones are left out.
    ///
    /// # Errors
    /// If something cannot be read.
    pub fn read(&self) -> Result<Files, Failure> {
        let mut out = Files {
            files: Vec::new(),
            folder: false,
        };
        match self.entry()? {
            Entry::File(bytes) => out.files.push(Raw {
                path: self.to_string(),
                relative: String::new(),
                bytes,
            }),
            Entry::Folder(names) => {
                out.folder = true;
                self.walk(names, "", 0, &mut out.files)?;
            }
        }
        Ok(out)
    }

    fn walk(
        &self,
        mut names: Vec<String>,
        prefix: &str,
        depth: usize,
        out: &mut Vec<Raw>,
    ) -> Result<(), Failure> {
        names.sort();
        for name in names {
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            let child = self.child(&name);
            let relative = format!("{prefix}{name}");
            match child.entry()? {
                Entry::File(bytes) => out.push(Raw {
                    path: child.to_string(),
                    relative,
                    bytes,
                }),
                Entry::Folder(_) if depth >= DEPTH_LIMIT => {
                    return Err(Failure::Input(format!(
                        "{child}: folders are nested deeper than {DEPTH_LIMIT}"
                    )));
                }
                Entry::Folder(names) => {
                    child.walk(names, &format!("{relative}/"), depth + 1, out)?;
                }
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Git(tree) => write!(f, "{tree}"),
            Self::Stdin => f.write_str("-"),
        }
    }
}

/// The bytes of a file.
///
/// # Errors
/// If it cannot be read, or is too large.
pub fn file(path: &str) -> Result<Vec<u8>, Failure> {
    let error = |e: &std::io::Error| Failure::io("read", path, e);
    let file = std::fs::File::open(path).map_err(|e| error(&e))?;
    let meta = file.metadata().map_err(|e| error(&e))?;
    if meta.is_dir() {
        return Err(Failure::Io(format!("cannot read {path}: it is a folder")));
    }
    let mut bytes = Vec::new();
    file.take(SIZE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| error(&e))?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(Failure::Input(format!("{path} is larger than 256 MiB")));
    }
    Ok(bytes)
}
