//! Ways through a tree: folders, symbolic links, submodules.

use super::parts;
use super::repository::{Item, Kind, Repository};
use crate::input::read::{self, SIZE_LIMIT};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Links and submodules are followed this often on one way.
const TURNS: usize = 16;

/// A tree to start from.
#[derive(Clone)]
pub struct Root {
    /// Its repository.
    pub repository: Repository,
    /// Its object.
    pub tree: String,
}

/// What a way leads to.
pub struct Place {
    repository: Repository,
    object: String,
    /// True if it is a folder.
    pub folder: bool,
}

/// Files with their paths below a place.
pub struct Found {
    /// In the order of their paths; the path of a file itself is empty.
    pub files: Vec<(String, Vec<u8>)>,
    /// True if the place is a folder.
    pub folder: bool,
}

/// What is at a path; `None` if nothing is.
///
/// # Errors
/// What git says, or why a link or submodule cannot be followed.
pub fn find(root: &Root, path: &[String]) -> Result<Option<Place>, String> {
    turn(root, path, 0)
}

fn turn(root: &Root, path: &[String], turns: usize) -> Result<Option<Place>, String> {
    let mut tree = root.tree.clone();
    for (n, name) in path.iter().enumerate() {
        let items = root.repository.list(&tree, false)?;
        let Some(item) = items.into_iter().find(|i| i.path == *name) else {
            return Ok(None);
        };
        let (here, rest) = (path.get(..n).unwrap_or_default(), path.get(n + 1..));
        let rest = rest.unwrap_or_default();
        if turns >= TURNS && matches!(item.kind, Kind::Link | Kind::Module) {
            return Err(format!("`{}` leads in a circle", path.join("/")));
        }
        match item.kind {
            Kind::Folder => tree = item.object,
            Kind::Link => {
                let target = target(root, here, &item)?;
                return turn(root, &[&target[..], rest].concat(), turns + 1);
            }
            Kind::Module => {
                let module = module(root, here, &item)?;
                return turn(&module, rest, turns + 1);
            }
            Kind::File if rest.is_empty() => {
                return Ok(Some(Place {
                    repository: root.repository.clone(),
                    object: item.object,
                    folder: false,
                }));
            }
            Kind::File => return Ok(None),
        }
    }
    Ok(Some(Place {
        repository: root.repository.clone(),
        object: tree,
        folder: true,
    }))
}

/// Where a link in `folder` leads, from the top of the repository.
fn target(root: &Root, folder: &[String], link: &Item) -> Result<Vec<String>, String> {
    let text = root.repository.contents(&[&link.object])?.pop().flatten();
    let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
    let whole = format!("{}/{text}", folder.join("/"));
    parts(&whole)
        .filter(|_| !text.starts_with('/'))
        .ok_or_else(|| {
            format!(
                "the link `{}` leads out of the repository, to `{text}`",
                link.path
            )
        })
}

/// The tree of a submodule, which has to be checked out to be read.
fn module(root: &Root, folder: &[String], item: &Item) -> Result<Root, String> {
    let name: Vec<&str> = folder
        .iter()
        .chain([&item.path])
        .map(String::as_str)
        .collect();
    let name = name.join("/");
    let Some(top) = root.repository.top() else {
        return Err(format!(
            "`{name}` is a submodule, which a repository without a working tree does not hold"
        ));
    };
    let path = top.join(&name);
    let repository = Repository::of(&path);
    // A submodule that is not checked out is a folder of this repository.
    if repository.top() != path.canonicalize().ok() {
        return Err(format!(
            "the submodule `{name}` is not checked out\n  git submodule update --init {name}"
        ));
    }
    let tree = repository
        .line(&[
            "rev-parse",
            "--verify",
            "--quiet",
            &format!("{}^{{tree}}", item.object),
        ])
        .map_err(|_| {
            format!(
                "the commit {} of the submodule `{name}` is not here\n  git -C {name} fetch",
                item.object
            )
        })?;
    Ok(Root { repository, tree })
}

/// The file at a place, or all files below a folder but hidden ones.
///
/// # Errors
/// As [`find`], and if a file is too large or folders are nested too deep.
pub fn files(root: &Root, path: &[String], place: &Place) -> Result<Found, String> {
    let mut wanted = Vec::new();
    if place.folder {
        let here = Root {
            repository: place.repository.clone(),
            tree: place.object.clone(),
        };
        collect(&here, root, path, "", &mut wanted)?;
    } else {
        wanted.push(Wanted {
            relative: String::new(),
            repository: place.repository.clone(),
            object: place.object.clone(),
        });
    }
    wanted.sort_by(|a, b| read::order(&a.relative, &b.relative));
    Ok(Found {
        files: contents(wanted)?,
        folder: place.folder,
    })
}

struct Wanted {
    relative: String,
    repository: Repository,
    object: String,
}

/// Adds the files of `folder`, which lies at `path` of `root`.
fn collect(
    folder: &Root,
    root: &Root,
    path: &[String],
    prefix: &str,
    out: &mut Vec<Wanted>,
) -> Result<(), String> {
    for item in folder.repository.list(&folder.tree, true)? {
        if item.path.split('/').any(read::hidden) {
            continue;
        }
        let relative = format!("{prefix}{}", item.path);
        if relative.matches('/').count() > read::DEPTH_LIMIT {
            return Err(format!(
                "folders are nested deeper than {}",
                read::DEPTH_LIMIT
            ));
        }
        if item.kind == Kind::File {
            out.push(Wanted {
                relative,
                repository: folder.repository.clone(),
                object: item.object,
            });
            continue;
        }
        let whole: Vec<String> = path
            .iter()
            .cloned()
            .chain(relative.split('/').map(str::to_owned))
            .collect();
        let Some(place) = find(root, &whole)? else {
            return Err(format!("the link `{relative}` leads to nothing"));
        };
        if place.folder {
            let below = Root {
                repository: place.repository,
                tree: place.object,
            };
            collect(&below, root, path, &format!("{relative}/"), out)?;
        } else {
            out.push(Wanted {
                relative,
                repository: place.repository,
                object: place.object,
            });
        }
    }
    Ok(())
}

/// The bytes of files, from each repository at once.
fn contents(wanted: Vec<Wanted>) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut by_repository: BTreeMap<Repository, Vec<usize>> = BTreeMap::new();
    for (n, file) in wanted.iter().enumerate() {
        by_repository
            .entry(file.repository.clone())
            .or_default()
            .push(n);
    }
    let mut bytes: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    for (repository, numbers) in by_repository {
        let files: Vec<&Wanted> = numbers.iter().filter_map(|n| wanted.get(*n)).collect();
        let objects: Vec<&str> = files.iter().map(|f| f.object.as_str()).collect();
        let found = repository.contents(&objects)?;
        for ((n, file), content) in numbers.iter().zip(&files).zip(found) {
            let content = content.ok_or_else(|| {
                format!(
                    "the content of `{}` is not in this clone: {}",
                    file.relative, file.object
                )
            })?;
            if content.len() as u64 > SIZE_LIMIT {
                return Err(format!("`{}` is larger than 256 MiB", file.relative));
            }
            bytes.insert(*n, content);
        }
    }
    Ok(wanted
        .into_iter()
        .enumerate()
        .filter_map(|(n, file)| Some((file.relative, bytes.remove(&n)?)))
        .collect())
}

/// The path of an entry whose name is near to that of `path`.
pub fn beside(root: &Root, path: &[String]) -> Option<String> {
    let (name, folder) = path.split_last()?;
    let place = find(root, folder).ok().flatten().filter(|p| p.folder)?;
    let items = place.repository.list(&place.object, false).ok()?;
    let near = crate::problem::nearest(name, items.iter().map(|i| i.path.as_str()))?;
    let mut out: PathBuf = folder.iter().collect();
    out.push(near);
    Some(out.to_string_lossy().into_owned())
}
