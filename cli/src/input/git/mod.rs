//! Trees of the git repository in the current folder, without a checkout.

mod repository;
mod walk;

use super::read::{Files, Raw};
use crate::exit::Failure;
use repository::Repository;
use std::path::{Component, Path, PathBuf};

/// `REV:PATH` of a `git:REV:PATH` input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// A revision: a branch, a tag, a commit.
    pub revision: String,
    /// A path: from the current folder, or with a leading `/` from the top of
    /// the repository.
    pub path: String,
}

impl Tree {
    /// Splits `REV:PATH`; the path may be empty for the current folder.
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
            return Err(Failure::Usage(format!(
                "`git:{text}` names no revision\n  write it as git:REV:PATH, for example git:main:edge.cfg"
            )));
        }
        Ok(Self {
            revision: revision.to_owned(),
            path: path.to_owned(),
        })
    }

    /// All files at this place; hidden ones are left out.
    ///
    /// # Errors
    /// If git cannot find it. The message names the input.
    pub fn read(&self) -> Result<Files, Failure> {
        let (root, path) = self.start()?;
        let Some(place) = walk::find(&root, &path).map_err(|e| self.failed(&e))? else {
            return Err(self.failed(&self.no_such_path(&root, &path)));
        };
        let found = walk::files(&root, &path, &place).map_err(|e| self.failed(&e))?;
        let files = found
            .files
            .into_iter()
            .map(|(relative, bytes)| Raw {
                path: self.child(&relative),
                relative,
                bytes,
            })
            .collect();
        Ok(Files {
            files,
            folder: found.folder,
        })
    }

    /// The bytes of a file; `None` if there is none at this place.
    ///
    /// # Errors
    /// If git cannot tell.
    pub fn file(&self) -> Result<Option<Vec<u8>>, Failure> {
        let (root, path) = self.start()?;
        let failed = |why: String| self.failed(&why);
        let Some(place) = walk::find(&root, &path).map_err(failed)? else {
            return Ok(None);
        };
        if place.folder {
            return Ok(None);
        }
        let found = walk::files(&root, &path, &place).map_err(failed)?;
        Ok(found.files.into_iter().next().map(|(_, bytes)| bytes))
    }

    /// The tree of the revision, and the path from its top.
    fn start(&self) -> Result<(walk::Root, Vec<String>), Failure> {
        let repository = Repository::here();
        let prefix = repository
            .line(&["rev-parse", "--show-prefix"])
            .map_err(|e| self.failed(&e))?;
        let whole = match self.path.strip_prefix('/') {
            Some(from_top) => from_top.to_owned(),
            None => format!("{prefix}{}", self.path),
        };
        let path = parts(&whole).ok_or_else(|| self.failed("the path leaves the repository"))?;
        let name = format!("{}^{{tree}}", self.revision);
        let tree = repository
            .line(&["rev-parse", "--verify", "--end-of-options", &name])
            .map_err(|_| self.failed(&no_revision(&repository, &self.revision)))?;
        Ok((walk::Root { repository, tree }, path))
    }

    fn failed(&self, why: &str) -> Failure {
        Failure::Io(format!("cannot read {self}: {why}"))
    }

    fn no_such_path(&self, root: &walk::Root, path: &[String]) -> String {
        let said = format!("there is no `{}` in `{}`", path.join("/"), self.revision);
        let from_top = parts(&self.path).filter(|p| !p.is_empty());
        if let Some(other) = from_top
            && other != path
            && matches!(walk::find(root, &other), Ok(Some(_)))
        {
            return format!(
                "{said}\n  paths start at the current folder; did you mean `git:{}:/{}`?",
                self.revision,
                other.join("/")
            );
        }
        match walk::beside(root, path) {
            Some(near) => format!("{said}\n  did you mean `{near}`?"),
            None => said,
        }
    }

    /// The name of a file of this folder.
    fn child(&self, relative: &str) -> String {
        let folder = self.path.trim_end_matches('/');
        let path = match (folder, relative) {
            (_, "") => self.path.clone(),
            ("" | ".", _) => relative.to_owned(),
            _ => format!("{folder}/{relative}"),
        };
        format!("git:{}:{path}", self.revision)
    }
}

impl std::fmt::Display for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "git:{}:{}", self.revision, self.path)
    }
}

/// The names of a path without `.` and `..`; `None` if it leads above its
/// start.
fn parts(path: &str) -> Option<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                out.pop()?;
            }
            name => out.push(name.to_owned()),
        }
    }
    Some(out)
}

/// What to say where a revision is not found.
fn no_revision(repository: &Repository, revision: &str) -> String {
    let said = format!("there is no revision `{revision}`");
    let known = repository.references();
    let remote = format!("origin/{revision}");
    if known.contains_key(&remote) {
        return format!("{said}\n  did you mean `{remote}`?");
    }
    if repository.shallow() {
        return format!(
            "{said}\n  the history here is cut off: `git fetch --unshallow`, or fetch-depth: 0 in the checkout of a workflow"
        );
    }
    match crate::problem::suggestion(revision, known.keys().map(String::as_str)) {
        Some(hint) => format!("{said}\n  {hint}"),
        None => said,
    }
}

/// The full name of a commit.
///
/// # Errors
/// If there is none of this name.
pub fn commit(revision: &str) -> Result<String, Failure> {
    let repository = Repository::here();
    repository
        .line(&["rev-parse", "--git-dir"])
        .map_err(Failure::Io)?;
    let name = format!("{revision}^{{commit}}");
    repository
        .line(&["rev-parse", "--verify", "--end-of-options", &name])
        .map_err(|_| Failure::Io(no_revision(&repository, revision)))
}

/// The commit where this branch left another one.
///
/// # Errors
/// If there is none.
pub fn merge_base(other: &str) -> Result<String, Failure> {
    let commit = commit(other)?;
    Repository::here()
        .line(&["merge-base", "HEAD", &commit])
        .map_err(|_| Failure::Io(format!("HEAD and `{other}` have no commit in common here")))
}

/// True if the repository has a working tree around the current folder.
pub fn has_files() -> bool {
    Repository::here().top().is_some()
}

/// The paths of a file from the top of the repository, by its text and by
/// where its folder really is; none if it lies outside.
pub fn inside(path: &str) -> Vec<String> {
    let (Some(top), Ok(here)) = (Repository::here().top(), std::env::current_dir()) else {
        return Vec::new();
    };
    let plain = flat(&here.join(path));
    // The file itself may be gone, or be a link that the change points
    // elsewhere: only its folder is followed.
    let real = || {
        let folder = plain.parent()?.canonicalize().ok()?;
        Some(folder.join(plain.file_name()?))
    };
    let mut out: Vec<String> = Vec::new();
    for whole in std::iter::once(plain.clone()).chain(real()) {
        let Ok(found) = whole.strip_prefix(&top) else {
            continue;
        };
        let names: Vec<_> = found
            .components()
            .map(|c| c.as_os_str().to_string_lossy().into_owned())
            .collect();
        let name = names.join("/");
        if !name.is_empty() && !out.contains(&name) {
            out.push(name);
        }
    }
    out
}

/// A path without `.` and `..`, by its text alone.
fn flat(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_trees() {
        let tree = Tree::parse("main:net/edge.cfg").unwrap();
        assert_eq!(tree.to_string(), "git:main:net/edge.cfg");
        assert_eq!(tree.child(""), "git:main:net/edge.cfg");
        let folder = Tree::parse("main:net/").unwrap();
        assert_eq!(folder.child("a/b"), "git:main:net/a/b");
        assert_eq!(Tree::parse("HEAD:").unwrap().child("a"), "git:HEAD:a");
        assert!(Tree::parse("main").is_err());
        assert!(Tree::parse("--output=x:y").is_err());
    }

    #[test]
    fn paths_stay_inside() {
        assert_eq!(parts("a/./b/../c/").unwrap().join("/"), "a/c");
        assert_eq!(parts("").unwrap().len(), 0);
        assert_eq!(parts("a/../../b"), None);
    }
}
