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
pub const SIZE_LIMIT: u64 = 256 << 20;

/// Folders are not entered deeper than this.
pub const DEPTH_LIMIT: usize = 8;

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

    /// All files of the input; hidden ones are left out.
    ///
    /// # Errors
    /// If something cannot be read.
    pub fn read(&self) -> Result<Files, Failure> {
        match self {
            Self::Git(tree) => tree.read(),
            Self::Stdin => Ok(Files::one("-", file("-")?)),
            Self::Path(path) if !is_folder(path)? => Ok(Files::one(path, file(path)?)),
            Self::Path(path) => {
                let mut files = Vec::new();
                walk(path, "", 0, &mut files)?;
                Ok(Files {
                    files,
                    folder: true,
                })
            }
        }
    }
}

impl Files {
    fn one(path: &str, bytes: Vec<u8>) -> Self {
        Self {
            files: vec![Raw {
                path: path.to_owned(),
                relative: String::new(),
                bytes,
            }],
            folder: false,
        }
    }
}

/// True if a file or folder of this name is left out of a folder.
pub fn hidden(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~')
}

/// The order in which the files of a folder are read: name by name, so that
/// what lies in a folder stays together.
pub fn order(a: &str, b: &str) -> std::cmp::Ordering {
    a.split('/').cmp(b.split('/'))
}

fn is_folder(path: &str) -> Result<bool, Failure> {
    let meta = std::fs::metadata(path).map_err(|e| Failure::io("read", path, &e))?;
    Ok(meta.is_dir())
}

/// Adds the files of a folder, in the order of their names.
fn walk(folder: &str, prefix: &str, depth: usize, out: &mut Vec<Raw>) -> Result<(), Failure> {
    let failed = |e: &std::io::Error| Failure::io("read", folder, e);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| failed(&e))? {
        let entry = entry.map_err(|e| failed(&e))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    for name in names.into_iter().filter(|name| !hidden(name)) {
        let path = Path::new(folder).join(&name).to_string_lossy().into_owned();
        let relative = format!("{prefix}{name}");
        if !is_folder(&path)? {
            let bytes = file(&path)?;
            out.push(Raw {
                path,
                relative,
                bytes,
            });
        } else if depth >= DEPTH_LIMIT {
            return Err(Failure::Input(format!(
                "{path}: folders are nested deeper than {DEPTH_LIMIT}"
            )));
        } else {
            walk(&path, &format!("{relative}/"), depth + 1, out)?;
        }
    }
    Ok(())
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

/// The bytes of a file, or of standard input (`-`).
///
/// # Errors
/// If it cannot be read, or is too large.
pub fn file(path: &str) -> Result<Vec<u8>, Failure> {
    if path == "-" {
        return limited(std::io::stdin().lock(), "standard input");
    }
    let error = |e: &std::io::Error| Failure::io("read", path, e);
    let file = std::fs::File::open(path).map_err(|e| error(&e))?;
    let meta = file.metadata().map_err(|e| error(&e))?;
    if meta.is_dir() {
        return Err(Failure::Io(format!("cannot read {path}: it is a folder")));
    }
    limited(file, path)
}

fn limited(from: impl std::io::Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(SIZE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::io("read", name, &e))?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(Failure::Input(format!("{name} is larger than 256 MiB")));
    }
    Ok(bytes)
}
