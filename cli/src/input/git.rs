//! Trees of the git repository in the current folder, without a checkout.

use super::read::Entry;
use crate::exit::Failure;
use std::process::Command;

/// `REV:PATH` of a `git:REV:PATH` input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// A revision: a branch, a tag, a commit.
    pub revision: String,
    /// A path, relative to the current folder.
    pub path: String,
}

impl Tree {
    /// Splits `REV:PATH`; the path may be empty for the whole tree.
    ///
    /// # Errors
    /// If there is no revision, or one that `git` would read as an option.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let (revision, path) = text.split_once(':').ok_or_else(|| {
            Failure::Usage(format!(
                "`git:{text}` names no path\n  write it as git:REV:PATH, for example git:main:edge.cfg"
            ))
        })?;
        if revision.is_empty() || revision.starts_with('-') {
            return Err(Failure::Usage(format!("`git:{text}` names no revision")));
        }
        Ok(Self {
            revision: revision.to_owned(),
            path: path.trim_end_matches('/').to_owned(),
        })
    }

    fn object(&self) -> String {
        // `./` makes git read the path from the current folder.
        match self.path.as_str() {
            "" | "." => format!("{}:./", self.revision),
            path => format!("{}:./{path}", self.revision),
        }
    }

    /// The bytes of a file, or the entries of a folder.
    ///
    /// # Errors
    /// If git cannot find it.
    pub fn entry(&self) -> Result<Entry, Failure> {
        let kind = git(&["cat-file", "-t", &self.object()])?;
        if kind.starts_with(b"blob") {
            return Ok(Entry::File(git(&["cat-file", "blob", &self.object()])?));
        }
        let list = git(&["ls-tree", "-z", "--name-only", &self.object()])?;
        let names = list
            .split(|b| *b == 0)
            .filter(|name| !name.is_empty())
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .collect();
        Ok(Entry::Folder(names))
    }

    /// The folder that a file lies in.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let path = match self.path.rsplit_once('/') {
            Some((folder, _)) => folder,
            None if self.path.is_empty() => return None,
            None => "",
        };
        Some(Self {
            revision: self.revision.clone(),
            path: path.to_owned(),
        })
    }

    /// An entry of this folder.
    pub fn child(&self, name: &str) -> Self {
        let path = match self.path.as_str() {
            "" | "." => name.to_owned(),
            path => format!("{path}/{name}"),
        };
        Self {
            revision: self.revision.clone(),
            path,
        }
    }
}

impl std::fmt::Display for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "git:{}:{}", self.revision, self.path)
    }
}

/// The full name of a commit.
///
/// # Errors
/// If there is none of this name.
pub fn commit(revision: &str) -> Result<String, Failure> {
    let name = format!("{revision}^{{commit}}");
    name_of(&git(&["rev-parse", "--verify", "--end-of-options", &name])?)
}

/// The commit where this branch left another one.
///
/// # Errors
/// If there is none.
pub fn merge_base(other: &str) -> Result<String, Failure> {
    let other = commit(other)?;
    name_of(&git(&["merge-base", "HEAD", &other])?)
}

fn name_of(output: &[u8]) -> Result<String, Failure> {
    let text = String::from_utf8_lossy(output).trim().to_owned();
    if text.is_empty() {
        return Err(Failure::Io("git: no commit was found".into()));
    }
    Ok(text)
}

fn git(arguments: &[&str]) -> Result<Vec<u8>, Failure> {
    let output = Command::new("git")
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                Failure::Io("the program `git` is not installed".into())
            }
            _ => Failure::Io(format!("cannot run git: {e}")),
        })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr);
    let first = message.lines().next().unwrap_or("git failed");
    Err(Failure::Io(format!(
        "git: {}",
        first.trim_start_matches("fatal: ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_trees() {
        let tree = Tree::parse("main:net/edge.cfg").unwrap();
        assert_eq!(tree.object(), "main:./net/edge.cfg");
        assert_eq!(tree.to_string(), "git:main:net/edge.cfg");
        assert_eq!(Tree::parse("HEAD:").unwrap().object(), "HEAD:./");
        assert!(Tree::parse("main").is_err());
        assert!(Tree::parse("--output=x:y").is_err());
    }
}
