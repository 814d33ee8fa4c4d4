//! `set` commands, with the `delete`, `move` and `rename` of change scripts.

mod edit;
mod words;

use super::shape::{Shape, of_section};
use super::tree::{MAX_DEPTH, NodeId, Place, ROOT, Tree};
use edit::{delete, rename, reorder};
use std::borrow::Cow;
pub(super) use words::without_prompt;
use words::{Lines, Word, words};

/// What is kept of a command file besides its paths.
pub(super) struct SetTree<'a> {
    /// The paths, rooted like an XML configuration.
    pub(super) tree: Tree<'a>,
    /// Lines of comments and of the session around the commands.
    pub(super) comments: Vec<(u32, u32)>,
    /// Lines of commands that were carried out and left nothing behind.
    pub(super) edits: Vec<(u32, u32)>,
    /// Lines that are not understood: text and lines.
    pub(super) unknown: Vec<(String, Place)>,
}

/// First words after `set` that are not below a virtual system.
const DEVICE_LEVEL: [&str; 10] = [
    "deviceconfig",
    "network",
    "vsys",
    "device-group",
    "template",
    "template-stack",
    "log-collector",
    "log-collector-group",
    "plugins",
    "vm-info-source",
];

/// First words after `set` that stand at the root.
const ROOT_LEVEL: [&str; 7] = [
    "shared",
    "mgt-config",
    "policy",
    "readonly",
    "panorama",
    "predefined",
    "devices",
];

/// Words of a session that are no configuration.
const SESSION: [&str; 8] = [
    "configure",
    "commit",
    "exit",
    "quit",
    "show",
    "save",
    "load",
    "top",
];

/// The name of the only device entry of every configuration.
pub(super) const LOCALHOST: &str = "localhost.localdomain";

/// Reads commands.
pub(super) fn read(text: &str) -> SetTree<'_> {
    let mut out = SetTree {
        tree: Tree::new(),
        comments: Vec::new(),
        edits: Vec::new(),
        unknown: Vec::new(),
    };
    let mut lines = Lines::new(text);
    let mut previous: Vec<Step<'_>> = Vec::new();
    while let Some((line, number)) = lines.next() {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        if trimmed.starts_with(['#', '!']) {
            out.comments.push((number, number));
            continue;
        }
        let command = without_prompt(line);
        let (words, last) = words(command, line, number, &mut lines);
        let Some(first) = words.first() else {
            out.comments.push((number, last));
            continue;
        };
        let verb = first.text.as_ref();
        match verb {
            "set" => {
                if !set(&mut out.tree, words.get(1..).unwrap_or(&[]), &mut previous) {
                    unknown(&mut out.unknown, command, number, last);
                }
            }
            "delete" | "move" | "rename" => {
                previous.clear();
                let done = match verb {
                    "delete" => delete(&mut out.tree, words.get(1..).unwrap_or(&[])),
                    "move" => reorder(&mut out.tree, words.get(1..).unwrap_or(&[])),
                    _ => rename(&mut out.tree, words.get(1..).unwrap_or(&[])),
                };
                if done {
                    out.edits.push((number, last));
                } else {
                    unknown(&mut out.unknown, command, number, last);
                }
            }
            _ if SESSION.contains(&verb) || trimmed.starts_with("[edit") => {
                out.comments.push((number, last));
            }
            _ => unknown(&mut out.unknown, command, number, last),
        }
    }
    out
}

fn unknown(list: &mut Vec<(String, Place)>, command: &str, line: u32, last_line: u32) {
    list.push((
        command.trim().to_owned(),
        Place {
            line,
            start: 0,
            end: command.len() as u32,
            last_line,
        },
    ));
}

/// Where the path of a command starts: commands leave out the device entry,
/// and on a device with one virtual system that too.
fn anchor(tree: &mut Tree<'_>, first: &str, place: Place) -> NodeId {
    if ROOT_LEVEL.contains(&first) {
        return ROOT;
    }
    let devices = tree.enter(ROOT, "devices".into(), place);
    let device = tree.enter(devices, LOCALHOST.into(), place);
    if DEVICE_LEVEL.contains(&first) {
        return device;
    }
    let vsys = tree.enter(device, "vsys".into(), place);
    tree.enter(vsys, "vsys1".into(), place)
}

/// A step of a path that was entered.
struct Step<'a> {
    text: Cow<'a, str>,
    id: NodeId,
    /// What may follow it, where that is known.
    shape: Option<Shape>,
}

/// Enters what a command sets. `previous` is the path of the line before: lines
/// of one object follow each other, so that most of their steps need no
/// look-up. False if the words behind a value are no field.
fn set<'a>(tree: &mut Tree<'a>, words: &[Word<'a>], previous: &mut Vec<Step<'a>>) -> bool {
    let words = match words.first() {
        Some(w) if w.text == "config" => words.get(1..).unwrap_or(&[]),
        _ => words,
    };
    let Some(first) = words.first() else {
        return false;
    };
    if words.len() > MAX_DEPTH {
        // A list may be long; a path may not.
        let list = words.iter().position(|w| !w.quoted && w.text == "[");
        if list.is_none_or(|at| at > MAX_DEPTH) {
            return false;
        }
    }
    let mut same = 0;
    for (step, word) in previous.iter().zip(words) {
        if step.text != word.text || (word.text == "[" && !word.quoted) {
            break;
        }
        tree.touch(step.id, word.place);
        same += 1;
    }
    previous.truncate(same);
    let start = match previous.first() {
        Some(_) => ROOT,
        None => anchor(tree, &first.text, first.place),
    };
    let mut way = Way {
        start,
        path: previous,
        fields: Vec::new(),
        complete: false,
    };
    // The value of a path that ends as the one before did.
    way.complete = way.at_value(same.checked_sub(2));
    let mut list = false;
    for word in words.get(same..).unwrap_or(&[]) {
        if !word.quoted && word.text == "[" && !list {
            list = true;
            continue;
        }
        if !word.quoted && word.text == "]" && list {
            list = false;
            way.complete = way.is_known();
            continue;
        }
        let known = if list {
            tree.enter(way.at(), word.text.clone(), word.place) != way.at()
        } else {
            way.step(tree, word)
        };
        if !known {
            return false;
        }
    }
    true
}

/// Where a command has come to.
struct Way<'a, 'p> {
    start: NodeId,
    /// The steps of the first field, which the next line may repeat.
    path: &'p mut Vec<Step<'a>>,
    /// The steps of a further field, below a part of `path`.
    fields: Vec<(NodeId, Option<Shape>)>,
    /// The value of a field was given.
    complete: bool,
}

impl<'a> Way<'a, '_> {
    fn at(&self) -> NodeId {
        let further = self.fields.last().map(|(id, _)| *id);
        let first = || self.path.last().map(|s| s.id);
        further.or_else(first).unwrap_or(self.start)
    }

    /// True if it is known what may follow.
    fn is_known(&self) -> bool {
        match self.fields.last() {
            Some((_, shape)) => shape.is_some(),
            None => self.path.last().is_some_and(|s| s.shape.is_some()),
        }
    }

    /// True if the step at this position of the path takes one value.
    fn at_value(&self, position: Option<usize>) -> bool {
        let step = position.and_then(|at| self.path.get(at));
        step.is_some_and(|s| matches!(s.shape, Some(Shape::Value)))
    }

    /// Enters one word: a value, or a field of the object that it belongs to.
    fn step(&mut self, tree: &mut Tree<'a>, word: &Word<'a>) -> bool {
        let first = self.fields.is_empty() && self.path.is_empty();
        let shape = match self.fields.last() {
            Some((_, shape)) => *shape,
            None => self.path.last().and_then(|s| s.shape),
        };
        let mut next = match shape {
            _ if first => of_section(&word.text),
            Some(Shape::Named(shape)) => Some(*shape),
            Some(shape @ Shape::Fields(_)) => shape.field(&word.text),
            Some(Shape::Value) | None => None,
        };
        let is_field = matches!(shape, Some(Shape::Fields(_))) && next.is_some();
        if self.complete || (matches!(shape, Some(Shape::Fields(_))) && !is_field) {
            match self.around(&word.text) {
                Some((id, shape)) => {
                    // From here on the words are no continuation of the path
                    // that the next line may share.
                    self.fields.push((id, None));
                    next = Some(shape);
                }
                None if self.complete => return false,
                None => {}
            }
        }
        self.complete = matches!(shape, Some(Shape::Value)) && !self.complete;
        let id = tree.enter(self.at(), word.text.clone(), word.place);
        if id == self.at() {
            return false;
        }
        if self.fields.is_empty() {
            self.path.push(Step {
                text: word.text.clone(),
                id,
                shape: next,
            });
        } else {
            self.fields.push((id, next));
        }
        true
    }

    /// The nearest object around the last word that has a field of that name.
    fn around(&self, name: &str) -> Option<(NodeId, Shape)> {
        let first = self.path.iter().map(|s| (s.id, s.shape));
        let all = first.chain(self.fields.iter().copied());
        let mut with: Vec<(NodeId, Shape)> = all
            .filter_map(|(id, shape)| Some((id, shape?.field(name)?)))
            .collect();
        with.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, path: &[&str]) -> Vec<String> {
        let read = read(text);
        let at = read.tree.root().path(path);
        at.map(|a| a.children().map(|c| c.name().to_owned()).collect())
            .unwrap_or_default()
    }

    #[test]
    fn lists_quotes_and_scopes() {
        let text = "set zone z1 network layer3 [ a b]\nset zone z1 network layer3 \"c d\"\nset shared tag x comments \"two\nlines\"\nset network vlan v\n";
        let vsys = ["devices", LOCALHOST, "vsys", "vsys1"];
        assert_eq!(
            names(
                text,
                &[&vsys[..], &["zone", "z1", "network", "layer3"]].concat()
            ),
            ["a", "b", "c d"]
        );
        assert_eq!(
            names(text, &["shared", "tag", "x", "comments"]),
            ["two\nlines"]
        );
        assert_eq!(
            names(text, &["devices", LOCALHOST, "network", "vlan"]),
            ["v"]
        );
    }

    #[test]
    fn change_commands() {
        let text = "set rulebase security rules A action deny\nset rulebase security rules B action deny\nset rulebase security rules C action deny\nmove rulebase security rules C top\nmove rulebase security rules A after B\nrename rulebase security rules B to D\ndelete rulebase security rules A\n";
        let path = [
            "devices", LOCALHOST, "vsys", "vsys1", "rulebase", "security", "rules",
        ];
        assert_eq!(names(text, &path), ["C", "D"]);
        assert_eq!(read(text).edits.len(), 4);
        assert_eq!(
            read("move rulebase security rules X top\n").unknown.len(),
            1
        );
    }

    #[test]
    fn an_unclosed_quote_ends_with_its_line() {
        let text = "set tag a comments \"open\nset tag b\n";
        let path = ["devices", LOCALHOST, "vsys", "vsys1", "tag"];
        assert_eq!(names(text, &path), ["a", "b"]);
    }
}
