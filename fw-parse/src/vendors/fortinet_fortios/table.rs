//! The configuration as the device holds it after all commands: sections with
//! their settings and entries.
//!
//! `config` and `edit` open what is there already or create it; `set`,
//! `unset`, `append`, `select` and `unselect` change a setting; `delete`,
//! `move`, `clone`, `rename` and `purge` change the list of entries.

use super::lexer::{Lexer, Line, Statement};
use fw_model::Span;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::cell::Cell;

/// How deep blocks may nest. Real configurations have five levels.
const DEPTH: usize = 24;

/// How many `rename`, `move` and `clone` commands are carried out.
const COMMANDS: usize = 1024;

/// What a setting's command does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Replaces the value (`set`, `select`).
    Set,
    /// Back to the default (`unset`, `clear`).
    Unset,
    /// Adds values.
    Append,
    /// Takes values away.
    Unselect,
}

/// One command on a setting.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// What it does.
    pub verb: Verb,
    /// The setting.
    pub name: Cow<'a, str>,
    /// Its values.
    pub values: Vec<Cow<'a, str>>,
    /// Where it stands.
    pub span: Span,
    /// Its last line.
    pub last_line: u32,
    seen: Cell<bool>,
}

impl Setting<'_> {
    /// The normalized text, for identities and reports.
    pub fn text(&self) -> String {
        let verb = match self.verb {
            Verb::Set => "set",
            Verb::Unset => "unset",
            Verb::Append => "append",
            Verb::Unselect => "unselect",
        };
        let mut text = format!("{verb} {}", self.name);
        for value in &self.values {
            text.push(' ');
            text.push_str(value);
        }
        text
    }
}

/// An entry of a section (`edit`), or the settings of a section without
/// entries.
#[derive(Clone, Debug, Default)]
pub struct Entry<'a> {
    /// Its name or number; empty for a section's own settings.
    pub name: Cow<'a, str>,
    /// Where it was created.
    pub span: Option<Span>,
    /// The line of its last `next`.
    pub last_line: u32,
    /// Its settings in order.
    pub settings: Vec<Setting<'a>>,
    /// Its nested sections.
    pub blocks: Vec<Section<'a>>,
}

/// A section (`config`).
#[derive(Clone, Debug, Default)]
pub struct Section<'a> {
    /// The words behind `config`.
    pub path: String,
    /// First and last line of every block of it.
    pub ranges: Vec<(Span, u32)>,
    /// What is set on the section itself.
    pub own: Entry<'a>,
    /// Commands in it that are not understood.
    pub strays: Vec<(String, Span, u32)>,
    /// Commands in it about entries that do not exist: the device refuses
    /// them and goes on.
    pub refused: Vec<(String, Span)>,
    entries: Vec<Option<Entry<'a>>>,
    index: FxHashMap<Cow<'a, str>, usize>,
    /// The highest number that an entry ever had.
    highest: u64,
    seen: Cell<bool>,
}

/// A whole file.
#[derive(Clone, Debug, Default)]
pub struct File<'a> {
    /// Its sections and what stands outside of them.
    pub root: Section<'a>,
    /// Comments with their lines.
    pub comments: Vec<(&'a str, u32)>,
    /// Lines that a terminal session left.
    pub prompts: Vec<u32>,
    /// The innermost section that no `end` closes: the rest of the file is
    /// missing.
    pub cut_off: Option<(String, Span)>,
}

/// What became of a command on the list of entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// It is carried out.
    Done,
    /// It names an entry that does not exist, or one that exists already.
    Refused,
    /// It is not understood.
    Stray,
}

impl<'a> Entry<'a> {
    /// The values of a setting after all commands; `None` if it has its
    /// default.
    pub fn words(&self, name: &str) -> Option<Vec<&str>> {
        let mut out: Option<Vec<&str>> = None;
        for setting in self.settings.iter().filter(|s| s.name == name) {
            setting.seen.set(true);
            let values = setting.values.iter().map(AsRef::as_ref);
            match setting.verb {
                Verb::Set => out = Some(values.collect()),
                Verb::Unset => out = None,
                Verb::Append => out.get_or_insert_default().extend(values),
                Verb::Unselect => {
                    if let Some(list) = &mut out {
                        list.retain(|v| !setting.values.iter().any(|x| x == v));
                    }
                }
            }
        }
        out
    }

    /// The values of a list setting; empty if it has its default.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.words(name).unwrap_or_default()
    }

    /// The first value of a setting.
    pub fn word(&self, name: &str) -> Option<&str> {
        let mut out = None;
        for setting in self.settings.iter().filter(|s| s.name == name) {
            setting.seen.set(true);
            out = match setting.verb {
                Verb::Unset => None,
                _ => setting.values.first().map(AsRef::as_ref),
            };
        }
        out
    }

    /// `enable` or `disable`.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.word(name).map(|v| v == "enable")
    }

    /// True if the setting is `enable`.
    pub fn enabled(&self, name: &str) -> bool {
        self.flag(name) == Some(true)
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.word(name)?.parse().ok()
    }

    /// Where a setting was last given.
    pub fn place(&self, name: &str) -> Option<Span> {
        self.settings
            .iter()
            .rev()
            .find(|s| s.name == name)
            .map(|s| s.span)
    }

    /// A nested section.
    pub fn block(&self, path: &str) -> Option<&Section<'a>> {
        let block = self.blocks.iter().find(|b| b.path == path)?;
        block.seen.set(true);
        Some(block)
    }

    /// Settings that nothing has read.
    pub fn unread(&self) -> impl Iterator<Item = &Setting<'a>> {
        self.settings.iter().filter(|s| !s.seen.get())
    }

    /// Nested sections that nothing has read.
    pub fn unread_blocks(&self) -> impl Iterator<Item = &Section<'a>> {
        self.blocks.iter().filter(|b| !b.seen.get())
    }

    /// The whole entry as normalized text.
    pub fn text(&self) -> String {
        self.text_without(&[])
    }

    /// The entry as normalized text, without settings that only describe it.
    pub fn text_without(&self, inert: &[&str]) -> String {
        let mut text = String::new();
        for setting in &self.settings {
            if super::inert::listed(inert, &setting.name) {
                continue;
            }
            text.push_str(&setting.text());
            text.push('\n');
        }
        for block in &self.blocks {
            text.push_str(&block.text());
        }
        text
    }
}

impl<'a> Section<'a> {
    fn new(path: String) -> Self {
        Self {
            path,
            ..Self::default()
        }
    }

    /// Its entries in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry<'a>> {
        self.entries.iter().flatten()
    }

    /// True if nothing is set in it.
    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(Option::is_none)
            && self.own.settings.is_empty()
            && self.strays.is_empty()
            && self.own.blocks.iter().all(Section::is_empty)
    }

    /// Everything in it as normalized text.
    pub fn text(&self) -> String {
        let mut text = format!("config {}\n{}", self.path, self.own.text());
        for entry in self.entries() {
            text.push_str("edit ");
            text.push_str(&entry.name);
            text.push('\n');
            text.push_str(&entry.text());
        }
        text
    }

    fn take(&mut self, name: &str) -> Option<(usize, Entry<'a>)> {
        let at = *self.index.get(name)?;
        Some((at, self.entries.get_mut(at)?.take()?))
    }

    fn put(&mut self, at: Option<usize>, entry: Entry<'a>) {
        if let Some(slot) = at.and_then(|at| self.entries.get_mut(at)) {
            *slot = Some(entry);
            return;
        }
        self.highest = self.highest.max(entry.name.parse().unwrap_or(0));
        self.index.insert(entry.name.clone(), self.entries.len());
        self.entries.push(Some(entry));
    }

    fn reindex(&mut self) {
        self.entries.retain(Option::is_some);
        self.index = self
            .entries
            .iter()
            .flatten()
            .zip(0..)
            .map(|(e, at)| (e.name.clone(), at))
            .collect();
    }

    /// `delete`, `move`, `clone`, `rename`, `purge`.
    fn command(&mut self, words: &[Cow<'a, str>]) -> Outcome {
        use Outcome::{Done, Refused, Stray};
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        match words.as_slice() {
            ["delete", names @ ..] if !names.is_empty() => {
                let mut all = true;
                for name in names {
                    all &= self.take(name).is_some();
                    self.index.remove(*name);
                }
                if all { Done } else { Refused }
            }
            ["purge"] => {
                self.entries.clear();
                self.index.clear();
                Done
            }
            ["rename", old, "to", new] => {
                if self.index.contains_key(*new) {
                    return Refused;
                }
                let Some((at, mut entry)) = self.take(old) else {
                    return Refused;
                };
                let new: Cow<'a, str> = Cow::Owned((*new).to_owned());
                self.index.remove(*old);
                self.index.insert(new.clone(), at);
                entry.name = new;
                self.put(Some(at), entry);
                Done
            }
            ["clone", old, "to", new] => {
                let entry = self.index.get(*old).and_then(|&at| self.entries.get(at));
                let Some(mut entry) = entry.cloned().flatten() else {
                    return Refused;
                };
                if self.index.contains_key(*new) {
                    return Refused;
                }
                entry.name = Cow::Owned((*new).to_owned());
                self.put(None, entry);
                Done
            }
            ["move", name, side @ ("before" | "after"), other] if name != other => {
                if !self.index.contains_key(*other) {
                    return Refused;
                }
                let Some((_, entry)) = self.take(name) else {
                    return Refused;
                };
                self.reindex();
                let Some(&at) = self.index.get(*other) else {
                    return Refused;
                };
                let at = if *side == "before" { at } else { at + 1 };
                self.entries.insert(at.min(self.entries.len()), Some(entry));
                self.reindex();
                Done
            }
            _ => Stray,
        }
    }
}

enum Frame<'a> {
    Section(Section<'a>),
    Entry(Option<usize>, Entry<'a>),
}

/// Reads a file into sections.
pub fn read<'a>(lexer: Lexer<'a>) -> File<'a> {
    let mut file = File::default();
    let mut stack: Vec<Frame<'a>> = Vec::new();
    let mut too_deep = 0usize;
    let mut commands = 0usize;
    let mut last = 1;
    for line in lexer {
        let statement = match line {
            Line::Comment(text, line) => {
                file.comments.push((text, line));
                continue;
            }
            Line::Prompt(line) => {
                file.prompts.push(line);
                continue;
            }
            Line::Statement(statement) => statement,
        };
        last = statement.last_line;
        let verb = statement
            .words
            .first()
            .map_or("", |w| w.as_ref())
            .to_owned();
        let count = statement.words.len();
        if too_deep > 0 || (stack.len() >= DEPTH && (verb == "config" || verb == "edit")) {
            match verb.as_str() {
                "config" => too_deep += 1,
                "end" => too_deep = too_deep.saturating_sub(1),
                _ => {}
            }
            stray(&mut file, &mut stack, &statement);
            continue;
        }
        match verb.as_str() {
            "config" if count > 1 => {
                let path = joined(&statement.words);
                let entry = own(&mut file, &mut stack);
                let at = entry.blocks.iter().position(|b| b.path == path);
                let mut section = match at {
                    Some(at) => entry.blocks.remove(at),
                    None => Section::new(path),
                };
                section.ranges.push((statement.span, statement.last_line));
                stack.push(Frame::Section(section));
            }
            "edit" if count > 1 => {
                close_entry(&mut stack, statement.span.line);
                if let Some(Frame::Section(section)) = stack.last_mut() {
                    let mut name = statement.words.get(1).cloned().unwrap_or_default();
                    if name == "0" {
                        // The next free number: every `edit 0` is a new entry.
                        name = Cow::Owned(section.highest.saturating_add(1).to_string());
                    }
                    let (at, entry) = match section.take(&name) {
                        Some((at, entry)) => (Some(at), entry),
                        None => (
                            None,
                            Entry {
                                name,
                                span: Some(statement.span),
                                last_line: statement.last_line,
                                ..Entry::default()
                            },
                        ),
                    };
                    stack.push(Frame::Entry(at, entry));
                } else {
                    stray(&mut file, &mut stack, &statement);
                }
            }
            "next" if count == 1 => {
                if !close_entry(&mut stack, statement.span.line) {
                    stray(&mut file, &mut stack, &statement);
                }
            }
            "end" if count == 1 => {
                close_entry(&mut stack, statement.span.line);
                if !close_section(&mut file, &mut stack, statement.span.line) {
                    stray(&mut file, &mut stack, &statement);
                }
            }
            "set" | "select" | "unset" | "clear" | "append" | "unselect" if count > 1 => {
                let verb = match verb.as_str() {
                    "unset" | "clear" => Verb::Unset,
                    "append" => Verb::Append,
                    "unselect" => Verb::Unselect,
                    _ => Verb::Set,
                };
                let mut words = statement.words.into_iter().skip(1);
                let name = words.next().unwrap_or_default();
                let setting = Setting {
                    verb,
                    name,
                    values: words.collect(),
                    span: statement.span,
                    last_line: statement.last_line,
                    seen: Cell::new(false),
                };
                own(&mut file, &mut stack).settings.push(setting);
            }
            "delete" | "move" | "clone" | "rename" | "purge" => {
                commands += 1;
                let outcome = match stack.last_mut() {
                    Some(Frame::Section(section)) if commands <= COMMANDS => {
                        let outcome = section.command(&statement.words);
                        if outcome == Outcome::Refused {
                            let text = statement.words.join(" ");
                            section.refused.push((text, statement.span));
                        }
                        outcome
                    }
                    _ => Outcome::Stray,
                };
                if outcome == Outcome::Stray {
                    stray(&mut file, &mut stack, &statement);
                } else if outcome == Outcome::Done
                    && let [_, old, _, new] = statement.words.as_slice()
                    && verb == "rename"
                {
                    let in_vdom = stack.iter().any(|f| matches!(f, Frame::Entry(..)));
                    for frame in &mut stack {
                        match frame {
                            Frame::Section(s) if s.path != "vdom" => renamed_in(s, old, new),
                            Frame::Section(_) => {}
                            Frame::Entry(_, e) => renamed(e, old, new),
                        }
                    }
                    if !in_vdom {
                        renamed(&mut file.root.own, old, new);
                    }
                }
            }
            _ => stray(&mut file, &mut stack, &statement),
        }
    }
    // A file that is cut off closes what is open, and says so.
    file.cut_off = stack.iter().rev().find_map(|frame| match frame {
        Frame::Section(s) => Some((s.path.clone(), s.ranges.last()?.0)),
        Frame::Entry(..) => None,
    });
    while !stack.is_empty() {
        close_entry(&mut stack, last);
        close_section(&mut file, &mut stack, last);
    }
    file
}

/// The settings that refer to objects follow a rename.
fn renamed(entry: &mut Entry<'_>, old: &str, new: &str) {
    const REFERENCES: [&str; 14] = [
        "srcintf",
        "dstintf",
        "srcaddr",
        "dstaddr",
        "srcaddr6",
        "dstaddr6",
        "service",
        "schedule",
        "member",
        "exclude-member",
        "interface",
        "poolname",
        "extintf",
        "device",
    ];
    for setting in &mut entry.settings {
        if REFERENCES.contains(&setting.name.as_ref()) {
            for value in setting.values.iter_mut().filter(|v| *v == old) {
                *value = Cow::Owned(new.to_owned());
            }
        }
    }
    for block in &mut entry.blocks {
        renamed_in(block, old, new);
    }
}

fn renamed_in(section: &mut Section<'_>, old: &str, new: &str) {
    renamed(&mut section.own, old, new);
    for entry in section.entries.iter_mut().flatten() {
        renamed(entry, old, new);
    }
}

/// The words behind the verb with single blanks.
fn joined(words: &[Cow<'_, str>]) -> String {
    let mut out = String::new();
    for word in words.iter().skip(1) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// What a setting at this point belongs to.
fn own<'f, 'a>(file: &'f mut File<'a>, stack: &'f mut [Frame<'a>]) -> &'f mut Entry<'a> {
    match stack.last_mut() {
        Some(Frame::Section(section)) => &mut section.own,
        Some(Frame::Entry(_, entry)) => entry,
        None => &mut file.root.own,
    }
}

fn stray<'a>(file: &mut File<'a>, stack: &mut [Frame<'a>], statement: &Statement<'a>) {
    let text = statement.words.join(" ");
    let place = (text, statement.span, statement.last_line);
    for frame in stack.iter_mut().rev() {
        if let Frame::Section(section) = frame {
            section.strays.push(place);
            return;
        }
    }
    file.root.strays.push(place);
}

fn close_entry(stack: &mut Vec<Frame<'_>>, line: u32) -> bool {
    let Some(Frame::Entry(at, mut entry)) = stack.pop_if(|f| matches!(f, Frame::Entry(..))) else {
        return false;
    };
    entry.last_line = line;
    if let Some(Frame::Section(section)) = stack.last_mut() {
        section.put(at, entry);
    }
    true
}

fn close_section<'a>(file: &mut File<'a>, stack: &mut Vec<Frame<'a>>, line: u32) -> bool {
    let Some(Frame::Section(mut section)) = stack.pop_if(|f| matches!(f, Frame::Section(_))) else {
        return false;
    };
    if let Some((_, last)) = section.ranges.last_mut() {
        *last = line;
    }
    own(file, stack).blocks.push(section);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use fw_model::{Source, SourceId};

    fn names(text: &str) -> Vec<String> {
        let source = Source::new("x", text.to_owned());
        let file = read(Lexer::new(SourceId(0), &source));
        let section = file.root.own.block("t").unwrap();
        section.entries().map(|e| e.name.to_string()).collect()
    }

    #[test]
    fn commands_on_the_list() {
        let base = "config t\nedit 1\nnext\nedit 2\nnext\nedit 3\nnext\n";
        let with = |c: &str| names(&format!("{base}{c}\nend\n"));
        assert_eq!(with("move 3 before 1"), ["3", "1", "2"]);
        assert_eq!(with("move 1 after 2"), ["2", "1", "3"]);
        assert_eq!(with("delete 2"), ["1", "3"]);
        assert_eq!(with("delete 1\nedit 1\nnext"), ["2", "3", "1"]);
        assert_eq!(with("clone 1 to 9"), ["1", "2", "3", "9"]);
        assert_eq!(with("rename 2 to x"), ["1", "x", "3"]);
        assert!(with("purge").is_empty());
        assert_eq!(with("move 7 before 1"), ["1", "2", "3"]);
        assert_eq!(
            with("edit 0\nnext\nedit 0\nnext"),
            ["1", "2", "3", "4", "5"]
        );
    }

    #[test]
    fn settings_accumulate() {
        let text = "config t\nedit a\nset m x y\nappend m z\nunselect m y\nset k v\nunset k\nnext\nend\nconfig t\nedit a\nset q r\nend\n";
        let source = Source::new("x", text.to_owned());
        let file = read(Lexer::new(SourceId(0), &source));
        let section = file.root.own.block("t").unwrap();
        let entry = section.entries().next().unwrap();
        assert_eq!(entry.list("m"), ["x", "z"]);
        assert_eq!(entry.word("k"), None);
        assert_eq!(entry.word("q"), Some("r"));
        assert_eq!(entry.unread().count(), 0);
        assert_eq!(section.ranges.len(), 2);
    }

    #[test]
    fn what_the_device_refuses_and_what_is_missing() {
        let read_text = |text: &str| {
            let source = Source::new("x", text.to_owned());
            read(Lexer::new(SourceId(0), &source))
                .root
                .own
                .block("t")
                .map(|s| (s.refused.len(), s.strays.len()))
        };
        let text = "config t\nedit 1\nnext\ndelete 7\nmove 1 frob 2\nend\n";
        assert_eq!(read_text(text), Some((1, 1)));
        let source = Source::new("x", "config a\nconfig b\nedit 1\nset c d\n".to_owned());
        let file = read(Lexer::new(SourceId(0), &source));
        let (path, span) = file.cut_off.unwrap();
        assert_eq!((path.as_str(), span.line), ("b", 2));
    }

    #[test]
    fn nesting_is_bounded() {
        let text = "config a\n".repeat(100_000) + &"end\n".repeat(100_000);
        let source = Source::new("x", text);
        let file = read(Lexer::new(SourceId(0), &source));
        assert!(!file.root.own.blocks.is_empty());
    }
}
