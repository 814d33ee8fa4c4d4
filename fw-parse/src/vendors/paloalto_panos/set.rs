//! `set` commands, with the `delete`, `move` and `rename` of change scripts.

use super::shape::{Shape, of_section};
use super::tree::{MAX_DEPTH, NodeId, Place, ROOT, Tree};
use std::borrow::Cow;

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

/// A word with its place.
#[derive(Clone)]
pub(super) struct Word<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) place: Place,
    pub(super) quoted: bool,
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
    let mut lines = Lines {
        rest: text,
        number: 0,
    };
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

struct Lines<'a> {
    rest: &'a str,
    number: u32,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<(&'a str, u32)> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.number += 1;
        Some((line.trim_end_matches('\r'), self.number))
    }
}

/// `admin@fw1# set ...`
pub(super) fn without_prompt(line: &str) -> &str {
    let trimmed = line.trim_start();
    if trimmed.starts_with("set ") {
        return trimmed;
    }
    match trimmed.split_once(['#', '>']) {
        Some((prompt, rest)) if prompt.contains('@') && !prompt.contains(char::is_whitespace) => {
            rest.trim_start()
        }
        _ => trimmed,
    }
}

/// Splits a command into words. A quoted word may span lines; `lines` is then
/// advanced past it.
fn words<'a>(
    command: &'a str,
    line: &'a str,
    number: u32,
    lines: &mut Lines<'a>,
) -> (Vec<Word<'a>>, u32) {
    let mut out = Vec::new();
    let base = (command.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    let mut rest = command;
    let mut last = number;
    let mut open = false;
    loop {
        rest = rest.trim_start();
        let start = base + (command.len() - rest.len());
        let Some(first) = rest.chars().next() else {
            break;
        };
        let place = |length: usize, last_line: u32| Place {
            line: number,
            start: start as u32,
            end: (start + length) as u32,
            last_line,
        };
        if first == '"' || first == '\'' {
            let inner = rest.get(1..).unwrap_or("");
            if let Some(end) = closing(inner, first) {
                let body = inner.get(..end).unwrap_or("");
                out.push(Word {
                    text: unescape(body),
                    place: place(end + 2, number),
                    quoted: true,
                });
                rest = inner.get(end + 1..).unwrap_or("");
                continue;
            }
            if let Some((text, end_line)) = across_lines(inner, first, lines) {
                out.push(Word {
                    text: Cow::Owned(text),
                    place: place(rest.len(), end_line),
                    quoted: true,
                });
                last = end_line;
                break;
            }
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or("");
        open |= word == "[";
        match word.strip_suffix(']') {
            Some(body) if open && !body.is_empty() => {
                out.push(Word {
                    text: Cow::Borrowed(body),
                    place: place(end - 1, number),
                    quoted: false,
                });
                out.push(Word {
                    text: Cow::Borrowed("]"),
                    place: place(end, number),
                    quoted: false,
                });
            }
            _ => out.push(Word {
                text: Cow::Borrowed(word),
                place: place(end, number),
                quoted: false,
            }),
        }
        rest = rest.get(end..).unwrap_or("");
    }
    (out, last)
}

/// The offset of the quote that ends a word, past escaped ones.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars() {
        if !escaped && c == '\\' {
            escaped = true;
            continue;
        }
        if escaped && !matches!(c, '"' | '\'' | '\\') {
            out.push('\\');
        }
        escaped = false;
        out.push(c);
    }
    Cow::Owned(out)
}

/// Takes lines up to the one with the closing quote. A line that begins a new
/// command first means that the quote was never closed.
fn across_lines(first: &str, quote: char, lines: &mut Lines<'_>) -> Option<(String, u32)> {
    let mut text = first.to_owned();
    let (rest, number) = (lines.rest, lines.number);
    while let Some((line, at)) = lines.next() {
        if ["set ", "delete ", "move ", "rename "]
            .iter()
            .any(|v| line.starts_with(v))
        {
            break;
        }
        text.push('\n');
        if let Some(end) = closing(line, quote) {
            text.push_str(line.get(..end).unwrap_or(""));
            return Some((text, at));
        }
        text.push_str(line);
    }
    (lines.rest, lines.number) = (rest, number);
    None
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
fn delete(tree: &mut Tree<'_>, words: &[Word<'_>]) -> bool {
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
fn reorder(tree: &mut Tree<'_>, words: &[Word<'_>]) -> bool {
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
fn rename<'a>(tree: &mut Tree<'a>, words: &[Word<'a>]) -> bool {
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
