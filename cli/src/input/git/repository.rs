//! The program `git`, and what it knows of a repository.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A repository, by a folder in it: the current one, or a submodule.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    folder: Option<PathBuf>,
}

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its path within the tree.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// The name of its object.
    pub object: String,
}

/// What an entry of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A symbolic link; its object holds the path that it leads to.
    Link,
    /// A folder.
    Folder,
    /// A submodule; its object is a commit of another repository.
    Module,
}

impl Repository {
    /// The repository of the current folder.
    pub fn here() -> Self {
        Self::default()
    }

    /// The repository of another folder.
    pub fn of(folder: &Path) -> Self {
        Self {
            folder: Some(folder.to_owned()),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        if let Some(folder) = &self.folder {
            command.arg("-C").arg(folder);
        }
        command.args(arguments).env("LC_ALL", "C");
        command
    }

    /// What a command prints.
    ///
    /// # Errors
    /// What git says, or why it cannot be run.
    pub fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let output = self.command(arguments).output().map_err(|e| start(&e))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(said(&output.stderr))
    }

    /// The first line that a command prints.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn line(&self, arguments: &[&str]) -> Result<String, String> {
        let text = self.run(arguments)?;
        let text = String::from_utf8_lossy(&text);
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }

    /// The top folder of the working tree; `None` where there is none.
    pub fn top(&self) -> Option<PathBuf> {
        let top = self.line(&["rev-parse", "--show-toplevel"]).ok()?;
        (!top.is_empty()).then(|| PathBuf::from(top))
    }

    /// The entries of a tree; of a recursive list, those that are no folders.
    ///
    /// # Errors
    /// What git says.
    pub fn list(&self, tree: &str, recursive: bool) -> Result<Vec<Item>, String> {
        let mut arguments = vec!["ls-tree", "-z", "--full-tree"];
        arguments.extend(recursive.then_some("-r"));
        arguments.push(tree);
        let text = self.run(&arguments)?;
        Ok(text.split(|b| *b == 0).filter_map(item).collect())
    }

    /// The bytes of objects, in the order asked for; `None` for one that is
    /// not here.
    ///
    /// # Errors
    /// What git says.
    pub fn contents(&self, objects: &[&str]) -> Result<Vec<Option<Vec<u8>>>, String> {
        let mut child = self
            .command(&["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| start(&e))?;
        let mut wanted = String::new();
        for object in objects {
            wanted.push_str(object);
            wanted.push('\n');
        }
        // Written beside the reading: both pipes are short.
        let input = child.stdin.take();
        let writer = std::thread::spawn(move || {
            if let Some(mut input) = input {
                // Where git went away its own message tells why.
                let _ = input.write_all(wanted.as_bytes());
            }
        });
        let output = child.wait_with_output().map_err(|e| start(&e))?;
        let _ = writer.join();
        if !output.status.success() {
            return Err(said(&output.stderr));
        }
        let mut rest = output.stdout.as_slice();
        let found: Vec<Option<Vec<u8>>> = objects.iter().map_while(|_| next(&mut rest)).collect();
        if found.len() == objects.len() {
            Ok(found)
        } else {
            Err("git cat-file stopped early".to_owned())
        }
    }

    /// Names of branches and tags, with their commits.
    pub fn references(&self) -> BTreeMap<String, String> {
        let list = self.run(&["for-each-ref", "--format=%(refname:short) %(objectname)"]);
        String::from_utf8_lossy(&list.unwrap_or_default())
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, object)| (name.to_owned(), object.to_owned()))
            .collect()
    }

    /// True if older commits are not here.
    pub fn shallow(&self) -> bool {
        self.line(&["rev-parse", "--is-shallow-repository"])
            .is_ok_and(|word| word == "true")
    }
}

/// One line of `ls-tree -z`: mode, type, object, a tab, the path.
fn item(line: &[u8]) -> Option<Item> {
    let line = String::from_utf8_lossy(line);
    let (head, path) = line.split_once('\t')?;
    let mut words = head.split(' ');
    let (mode, kind, object) = (words.next()?, words.next()?, words.next()?);
    let kind = match (mode, kind) {
        ("120000", _) => Kind::Link,
        (_, "tree") => Kind::Folder,
        (_, "commit") => Kind::Module,
        _ => Kind::File,
    };
    Some(Item {
        path: path.to_owned(),
        kind,
        object: object.to_owned(),
    })
}

/// One answer of `cat-file --batch`: `OBJECT TYPE SIZE`, the bytes, a line
/// feed; or `OBJECT missing`. `None` where the text ends within it.
fn next(rest: &mut &[u8]) -> Option<Option<Vec<u8>>> {
    let end = rest.iter().position(|b| *b == b'\n')?;
    let head = String::from_utf8_lossy(rest.get(..end)?).into_owned();
    let body = rest.get(end + 1..)?;
    let Some(size) = head.rsplit(' ').next().and_then(|n| n.parse().ok()) else {
        *rest = body;
        return Some(None);
    };
    let bytes = body.get(..size)?.to_vec();
    *rest = body.get(size + 1..)?;
    Some(Some(bytes))
}

fn start(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "the program `git` is not installed".to_owned(),
        _ => format!("git cannot be run: {error}"),
    }
}

/// What git says, and what to do about it where that is known.
fn said(message: &[u8]) -> String {
    let message = String::from_utf8_lossy(message);
    let first = message.lines().next().unwrap_or("git failed");
    let first = first.trim_start_matches("fatal: ");
    if first.starts_with("not a git repository") {
        return "this folder is in no git repository\n  run it inside the repository, or name files and folders without `git:`".to_owned();
    }
    if first.starts_with("detected dubious ownership") {
        let add = message.lines().find(|l| l.contains("safe.directory"));
        return format!(
            "git does not trust this repository, which belongs to another user\n  {}",
            add.map_or("see safe.directory in git's manual", str::trim)
        );
    }
    format!("git: {first}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_trees() {
        let read = |line: &str| item(line.as_bytes()).map(|i| (i.kind, i.path));
        assert_eq!(
            read("100644 blob 0a\ta b"),
            Some((Kind::File, "a b".into()))
        );
        assert_eq!(read("120000 blob 0a\tx"), Some((Kind::Link, "x".into())));
        assert_eq!(
            read("160000 commit 0a\tx"),
            Some((Kind::Module, "x".into()))
        );
        assert_eq!(read("040000 tree 0a\tx"), Some((Kind::Folder, "x".into())));
        assert_eq!(read(""), None);
    }

    #[test]
    fn answers_about_objects() {
        let mut text = &b"0a blob 3\na\nb\n0b missing\n0c blob 0\n\n0d blob 9\nx"[..];
        assert_eq!(next(&mut text), Some(Some(b"a\nb".to_vec())));
        assert_eq!(next(&mut text), Some(None));
        assert_eq!(next(&mut text), Some(Some(Vec::new())));
        assert_eq!(next(&mut text), None);
    }

    #[test]
    fn messages_say_what_to_do() {
        let none = said(b"fatal: not a git repository (or any of the parent directories): .git\n");
        assert!(none.contains("run it inside the repository"), "{none}");
        let owner = said(b"fatal: detected dubious ownership in repository at '/x'\nTo add an exception:\n\n\tgit config --global --add safe.directory /x\n");
        assert!(
            owner.ends_with("\n  git config --global --add safe.directory /x"),
            "{owner}"
        );
    }
}
