//! The commands of change scripts that take away, move and rename.

use super::super::tree::{NodeId, ROOT, Tree};
use super::words::Word;
use super::{DEVICE_LEVEL, LOCALHOST, ROOT_LEVEL};

/// The node that a command's words name.
fn resolve(tree: &Tree<'_>, words: &[Word<'_>]) -> Option<NodeId> {
    let first = words.first()?;
    let mut at = ROOT;
    if !ROOT_LEVEL.contains(&first.text.as_ref()) {
        at = tree.find(at, "devices")?;
        at = tree.find(at, LOCALHOST)?;
        if !DEVICE_LEVEL.contains(&first.text.as_ref()) {
            at = tree.find(at, "vsys")?;
            at = tree.find(at, "vsys1")?;
        }
    }
    words
        .iter()
        .try_fold(at, |at, word| tree.find(at, &word.text))
}

/// Deleting what is not there changes nothing.
pub(super) fn delete(tree: &mut Tree<'_>, words: &[Word<'_>]) -> bool {
    if words.is_empty() {
        return false;
    }
    if let Some(open) = words.iter().position(|w| !w.quoted && w.text == "[") {
        let path = words.get(..open).unwrap_or(&[]);
        let Some(parent) = resolve(tree, path) else {
            return true;
        };
        for word in words.get(open + 1..).unwrap_or(&[]) {
            if let Some(id) = tree.find(parent, &word.text) {
                tree.remove(id);
            }
        }
        return true;
    }
    if let Some(id) = resolve(tree, words) {
        tree.remove(id);
    }
    true
}

/// `move PATH top`, `bottom`, `before NAME`, `after NAME`.
pub(super) fn reorder(tree: &mut Tree<'_>, words: &[Word<'_>]) -> bool {
    let Some((last, path)) = words.split_last() else {
        return false;
    };
    let (path, place, other) = match last.text.as_ref() {
        "top" | "bottom" if !path.is_empty() => (path, last.text.as_ref(), None),
        name => match path.split_last() {
            Some((word, path)) if word.text == "before" || word.text == "after" => {
                (path, word.text.as_ref(), Some(name.to_owned()))
            }
            _ => return false,
        },
    };
    let Some(id) = resolve(tree, path) else {
        return false;
    };
    let anchor = match other {
        Some(name) => {
            let parent = path.get(..path.len() - 1).and_then(|p| resolve(tree, p));
            match parent.and_then(|p| tree.find(p, &name)) {
                Some(other) if other != id => Some(other),
                _ => return false,
            }
        }
        None => None,
    };
    let after = place == "after";
    let top = place == "top";
    tree.reposition(id, |siblings| match anchor {
        Some(other) => siblings
            .iter()
            .position(|&s| s == other)
            .map_or(siblings.len(), |at| at + usize::from(after)),
        None if top => 0,
        None => siblings.len(),
    });
    true
}

/// `rename PATH to NAME`.
pub(super) fn rename<'a>(tree: &mut Tree<'a>, words: &[Word<'a>]) -> bool {
    let [path @ .., to, name] = words else {
        return false;
    };
    if to.text != "to" || path.is_empty() {
        return false;
    }
    let Some(id) = resolve(tree, path) else {
        return false;
    };
    tree.rename(id, name.text.clone());
    true
}
