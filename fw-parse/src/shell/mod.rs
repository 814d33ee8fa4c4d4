//! Shell scripts that load rules: which commands run, in what order and with
//! which words, as far as the text tells.
//!
//! Constants are expanded and loops over constant words are run. What stands
//! in a branch, a loop or a function that the text does not decide is kept with
//! the conditions it runs under; a word that rests on an unknown value keeps
//! where that value comes from, so that two versions of a script are equal
//! only where that is.

mod inert;
mod lines;
mod words;

use fw_model::Source;
pub use inert::inert;
use lines::{Segment, segments};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use words::Piece;

/// How many commands the loops of one script may make.
const BUDGET: usize = 20_000;
/// How deep loops may stand in each other.
const DEPTH: usize = 8;

/// Where a command stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The first line without surrounding blanks.
    pub text: &'a str,
    /// The first line.
    pub first: u32,
    /// The last line.
    pub last: u32,
    /// The length of the first line.
    pub length: u32,
}

/// A word of a command, without quotes and with variables expanded.
#[derive(Clone, Debug)]
pub struct Word {
    /// The text; unknown variables stay as written.
    pub text: String,
    /// Present if something in it has no value in the file: where the value
    /// comes from, as far as the file tells.
    pub open: Option<String>,
    /// The assignments that it comes from, by number.
    pub uses: Vec<usize>,
}

/// An assignment of a value that is known, or a loop that gives it.
#[derive(Clone, Debug)]
pub struct Assignment<'a> {
    /// The name of the variable.
    pub name: String,
    /// Where it stands.
    pub place: Place<'a>,
    /// The assignments that its value comes from.
    pub uses: Vec<usize>,
}

/// What a script does.
#[derive(Clone, Debug)]
pub struct Script<'a> {
    /// Its steps, in order.
    pub steps: Vec<Step<'a>>,
    /// Its assignments.
    pub assignments: Vec<Assignment<'a>>,
}

/// A line that is fed to a command (`<<EOF`).
#[derive(Clone, Debug)]
pub struct Fed<'a> {
    /// Where it stands.
    pub place: Place<'a>,
    /// The text with variables expanded.
    pub text: Cow<'a, str>,
    /// A variable in it has no known value.
    pub open: bool,
    /// The assignments that it comes from, by number.
    pub uses: Vec<usize>,
}

/// A simple command.
#[derive(Clone, Debug)]
pub struct Command<'a> {
    /// Where it stands.
    pub place: Place<'a>,
    /// Its words, the program first.
    pub words: Vec<Word>,
    /// Under what it runs, if that is not certain.
    pub context: Option<String>,
    /// It reads what the command before it writes.
    pub piped: bool,
    /// What it is fed.
    pub input: Vec<Fed<'a>>,
}

impl Command<'_> {
    /// The name of the program without its folder.
    #[must_use]
    pub fn name(&self) -> &str {
        self.words
            .first()
            .map_or("", |w| w.text.rsplit('/').next().unwrap_or(&w.text))
    }

    /// The assignments that its words come from.
    #[must_use]
    pub fn uses(&self) -> Vec<usize> {
        uses(&self.words)
    }

    /// True if all words are known and it runs in any case.
    #[must_use]
    pub fn certain(&self) -> bool {
        self.context.is_none() && self.words.iter().all(|w| w.open.is_none())
    }

    /// What tells the command from others: its words, where unknown ones come
    /// from, and what it runs under.
    #[must_use]
    pub fn identity(&self) -> String {
        let mut out = String::new();
        for word in &self.words {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&word.text);
            if let Some(origin) = word.open.as_ref().filter(|o| !o.is_empty()) {
                out.push_str(&format!(" [{origin}]"));
            }
        }
        if let Some(context) = &self.context {
            out.push_str(&format!(" ({context})"));
        }
        out
    }
}

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Step<'a> {
    /// A comment.
    Comment(Place<'a>),
    /// Runs no command, or none that is run.
    Inert(Place<'a>, &'static str),
    /// A command.
    Command(Command<'a>),
    /// Decides which commands run, and with which words.
    Decides(Place<'a>),
    /// Something that is taken for granted.
    Assumed(Place<'a>, Granted),
    /// Something else, with what tells it from others.
    Unreadable(Place<'a>, String),
}

/// What is taken for granted of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Granted {
    /// It is called with `start`, which it has a branch for, as init scripts
    /// are (Linux Standard Base Core 5.0, 22.2).
    Start,
    /// A branch that ends the script is not taken.
    GoesOn,
}

impl Granted {
    /// The code of the assumption.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Start => "script-called-with-start",
            Self::GoesOn => "script-goes-on",
        }
    }

    /// The assumption in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Start => "the script is taken to be called with `start`",
            Self::GoesOn => "the branch that ends the script here is taken not to be taken",
        }
    }
}

/// Reads a script.
#[must_use]
pub fn script(source: &Source) -> Script<'_> {
    let segments = segments(source);
    let mut shell = Shell {
        variables: FxHashMap::default(),
        assignments: Vec::new(),
        functions: FxHashMap::default(),
        frames: Vec::new(),
        leaves: false,
        ended: false,
        budget: BUDGET,
        out: Vec::new(),
    };
    if let Some(at) = segments.iter().find(|s| lines::starts(&s.text)) {
        shell.out.push(Step::Assumed(at.place, Granted::Start));
        shell.variables.insert(
            "1".to_owned(),
            Value {
                known: Some("start".to_owned()),
                origin: String::new(),
                uses: Vec::new(),
            },
        );
    }
    shell.run(&segments, 0);
    Script {
        steps: shell.out,
        assignments: shell.assignments,
    }
}

/// What is known of a variable.
struct Value {
    known: Option<String>,
    /// The assignments it may come from, where it is not known.
    origin: String,
    /// Those that it comes from.
    uses: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    Yes,
    No,
    Perhaps,
}

/// An open construct.
enum Frame {
    /// `if`: the branch it is in, and whether another one was or may have been
    /// taken.
    If {
        condition: String,
        runs: Runs,
        taken: Runs,
    },
    /// `case`, with the branch's pattern.
    Case {
        /// Its value, if known.
        value: Option<String>,
        subject: String,
        pattern: String,
        runs: Runs,
        taken: Runs,
    },
    /// A loop or a function.
    Block(String),
    /// `{ ... }`
    Group,
}

/// A function that the script defines.
#[derive(Clone, Copy)]
struct Function<'s, 'a> {
    body: &'s [Segment<'a>],
    called: bool,
}

struct Shell<'s, 'a> {
    variables: FxHashMap<String, Value>,
    assignments: Vec<Assignment<'a>>,
    functions: FxHashMap<String, Function<'s, 'a>>,
    frames: Vec<Frame>,
    /// The branch that begins here ends the script.
    leaves: bool,
    ended: bool,
    budget: usize,
    out: Vec<Step<'a>>,
}

impl<'s, 'a> Shell<'s, 'a> {
    fn run(&mut self, segments: &'s [Segment<'a>], depth: usize) {
        let mut at = 0;
        while let Some(segment) = segments.get(at) {
            at += 1;
            if self.ended {
                let why = "behind the end of the script";
                self.inert(segment, why);
                continue;
            }
            if segment.text.starts_with('#') {
                self.out.push(Step::Comment(segment.place));
                continue;
            }
            if let Some((name, body)) = lines::function(segments, at - 1) {
                self.inert(segment, "defines a function");
                at += body.len() + 2;
                for part in body.iter().chain(segments.get(at - 1)) {
                    self.inert(part, "runs where the function is called");
                }
                let called = false;
                self.functions.insert(name, Function { body, called });
                continue;
            }
            let end = lines::end_of_loop(segments, at - 1);
            if let Some(end) = end
                && depth < DEPTH
                && !self.skipped()
                && let Some((name, values, uses)) = self.constant_loop(segment)
                && let Some(body) = segments.get(at..end)
                && lines::runs_through(body)
                && values.len().saturating_mul(body.len()) <= self.budget
            {
                self.budget -= values.len().saturating_mul(body.len());
                self.out.push(Step::Decides(segment.place));
                let number = self.assigned(&name, segment.place, uses);
                for value in values {
                    self.variables.insert(
                        name.clone(),
                        Value {
                            known: Some(value),
                            origin: String::new(),
                            uses: vec![number],
                        },
                    );
                    self.run(body, depth + 1);
                }
                if let Some(done) = segments.get(end) {
                    self.inert(done, "control flow");
                }
                at = end + 1;
                continue;
            }
            self.leaves = lines::leaves(segments, at - 1);
            let tail = end
                .and_then(|end| segments.get(end))
                .map_or("", |s| &s.text);
            self.segment(segment, tail.strip_prefix("done").unwrap_or(""), depth);
        }
    }

    fn inert(&mut self, segment: &Segment<'a>, why: &'static str) {
        self.out.push(Step::Inert(segment.place, why));
        for (place, _) in &segment.here {
            self.out.push(Step::Inert(*place, why));
        }
    }

    /// True within a branch that is not taken.
    fn skipped(&self) -> bool {
        self.frames.iter().any(|f| {
            matches!(
                f,
                Frame::If { runs: Runs::No, .. } | Frame::Case { runs: Runs::No, .. }
            )
        })
    }

    /// What the present place runs under.
    fn context(&self) -> Option<String> {
        let parts: Vec<String> = self
            .frames
            .iter()
            .filter_map(|frame| match frame {
                Frame::If {
                    condition,
                    runs: Runs::Perhaps,
                    ..
                } => Some(format!("if {condition}")),
                Frame::Case {
                    subject,
                    pattern,
                    runs: Runs::Perhaps,
                    ..
                } => Some(format!("case {subject} {pattern})")),
                Frame::Block(head) => Some(head.clone()),
                _ => None,
            })
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn assigned(&mut self, name: &str, place: Place<'a>, uses: Vec<usize>) -> usize {
        self.assignments.push(Assignment {
            name: name.to_owned(),
            place,
            uses,
        });
        self.assignments.len() - 1
    }

    /// The name and the values of a `for` over words that are all known, and
    /// the assignments that these come from.
    #[allow(clippy::type_complexity)]
    fn constant_loop(&self, segment: &Segment<'a>) -> Option<(String, Vec<String>, Vec<usize>)> {
        if !segment.text.starts_with("for ") {
            return None;
        }
        let mut pieces = self.pieces(&segment.text)?.into_iter();
        let mut word = || match pieces.next()? {
            Piece::Word(word) => Some(word),
            Piece::Operator(_) => None,
        };
        word()?;
        let name = word()?.text;
        if word()?.text != "in" {
            return None;
        }
        let mut values = Vec::new();
        let mut from = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Word(Word {
                    text,
                    open: None,
                    uses,
                }) if !text.contains(['*', '?', '[', '{', '(']) => {
                    values.push(text);
                    from.extend(uses);
                }
                _ => return None,
            }
        }
        from.sort_unstable();
        from.dedup();
        Some((name, values, from))
    }

    fn segment(&mut self, segment: &Segment<'a>, tail: &str, depth: usize) {
        let text = self.without_pattern(&segment.text);
        if text.is_empty() {
            self.inert(segment, "control flow");
            return;
        }
        let Some(pieces) = self.pieces(text) else {
            self.unreadable(segment, text);
            return;
        };
        let mut commands: Vec<(Vec<Word>, &'static str)> = Vec::new();
        let mut words = Vec::new();
        let mut before = ";";
        for piece in pieces.into_iter().chain([Piece::Operator(";")]) {
            match piece {
                Piece::Word(word) => words.push(word),
                Piece::Operator(operator) => {
                    if !words.is_empty() {
                        commands.push((std::mem::take(&mut words), before));
                    }
                    before = operator;
                }
            }
        }
        if self.control(segment, &commands, tail) {
            self.inert(segment, "control flow");
            return;
        }
        if self.skipped() {
            self.inert(segment, "in a branch that is not taken");
            return;
        }
        self.list(segment, commands, depth);
    }

    fn unreadable(&mut self, segment: &Segment<'a>, text: &str) {
        let mut key = text.to_owned();
        if let Some(context) = self.context() {
            key.push_str(&format!(" ({context})"));
        }
        self.out.push(Step::Unreadable(segment.place, key));
        for (place, text) in &segment.here {
            self.out.push(Step::Unreadable(*place, (*text).to_owned()));
        }
    }

    /// `pattern) command`: the command behind the pattern of a `case`.
    fn without_pattern<'t>(&mut self, text: &'t str) -> &'t str {
        let Some(Frame::Case {
            value,
            pattern,
            runs,
            taken,
            ..
        }) = self.frames.last_mut()
        else {
            return text;
        };
        if text == ";;" {
            pattern.clear();
            return "";
        }
        if pattern.is_empty()
            && let Some((head, rest)) = text.split_once(')')
            && !head.contains("$(")
        {
            *pattern = head.trim_start_matches('(').trim().to_owned();
            let found = value
                .as_deref()
                .map_or(Runs::Perhaps, |value| matching(value, pattern));
            *runs = chosen(*taken, found);
            *taken = also(*taken, *runs);
            return rest.trim_start();
        }
        text
    }

    /// Follows the words that open and close constructs. True if there is
    /// nothing else in the segment.
    fn control(
        &mut self,
        segment: &Segment<'a>,
        commands: &[(Vec<Word>, &'static str)],
        tail: &str,
    ) -> bool {
        let Some((first, _)) = commands.first() else {
            return true;
        };
        let head = first.first().map_or("", |w| w.text.as_str());
        let all = || {
            let mut out = String::new();
            for (at, (words, before)) in commands.iter().enumerate() {
                if at > 0 {
                    out.push_str(&format!(" {before} "));
                }
                out.push_str(&shown(
                    words.get(usize::from(at == 0)..).unwrap_or_default(),
                ));
            }
            out
        };
        if matches!(head, "if" | "elif" | "while" | "until") {
            self.asked(segment, commands);
            if condition(commands) != Runs::Perhaps {
                self.out.push(Step::Decides(segment.place));
            }
        }
        match head {
            "if" => {
                let runs = self.unless_leaving(segment, condition(commands));
                self.frames.push(Frame::If {
                    condition: all(),
                    runs,
                    taken: runs,
                });
            }
            "elif" | "else" => {
                let found = match head {
                    "elif" => self.unless_leaving(segment, condition(commands)),
                    _ => Runs::Yes,
                };
                if let Some(Frame::If {
                    condition,
                    runs,
                    taken,
                }) = self.frames.last_mut()
                {
                    *runs = chosen(*taken, found);
                    *taken = also(*taken, *runs);
                    condition.push_str(&format!(" {head} {}", all()));
                }
            }
            "while" | "until" | "for" | "select" => {
                let header = format!("{head} {}{tail}", all());
                for word in first.iter().skip(1) {
                    if name(&word.text) {
                        self.forget(&word.text, &header);
                    }
                    if word.text == "in" {
                        break;
                    }
                }
                self.frames.push(Frame::Block(header));
            }
            "case" => self.frames.push(Frame::Case {
                value: first
                    .get(1)
                    .filter(|w| w.open.is_none())
                    .map(|w| w.text.clone()),
                subject: all(),
                pattern: String::new(),
                runs: Runs::No,
                taken: Runs::No,
            }),
            "{" => self.frames.push(Frame::Group),
            "fi" | "done" | "esac" | "}" => {
                self.frames.pop();
                if commands.len() > 1 {
                    let text = segment.text.clone();
                    self.unreadable(segment, &text);
                }
            }
            "then" | "do" | ";;" => {}
            _ => return false,
        }
        true
    }

    /// A branch that ends the script is taken not to be taken: what stands
    /// behind it is run only then.
    fn unless_leaving(&mut self, segment: &Segment<'a>, found: Runs) -> Runs {
        if found != Runs::Perhaps || !self.leaves || self.skipped() {
            return found;
        }
        self.out.push(Step::Assumed(segment.place, Granted::GoesOn));
        Runs::No
    }

    /// The commands of a condition are run before anything is decided by them.
    fn asked(&mut self, segment: &Segment<'a>, commands: &[(Vec<Word>, &'static str)]) {
        if self.skipped() {
            return;
        }
        for (at, (words, before)) in commands.iter().enumerate() {
            let mut words = words.get(usize::from(at == 0)..).unwrap_or_default();
            while let Some((first, rest)) = words.split_first()
                && matches!(first.text.as_str(), "!" | "sudo")
            {
                words = rest;
            }
            let command = Command {
                place: segment.place,
                words: words.to_vec(),
                context: self.context(),
                piped: *before == "|",
                input: Vec::new(),
            };
            if loads(command.name()) {
                self.out.push(Step::Command(command));
            }
        }
    }

    /// Commands joined by `&&`, `||`, `|` and `&`.
    fn list(
        &mut self,
        segment: &Segment<'a>,
        commands: Vec<(Vec<Word>, &'static str)>,
        depth: usize,
    ) {
        let surrounding = self.context();
        let mut under: Vec<String> = Vec::new();
        let mut last: Option<(String, Runs, bool)> = None;
        let feeds = commands.len().saturating_sub(1);
        let plain_cat = commands
            .first()
            .is_some_and(|(words, _)| words.len() == 1 && words.iter().all(|w| w.text == "cat"));
        for (at, (mut words, before)) in commands.into_iter().enumerate() {
            if let Some((text, result, reliable)) = &last {
                match (before, result) {
                    ("&&", Runs::No) | ("||", Runs::Yes) => {
                        self.inert(segment, "in a branch that is not taken");
                        continue;
                    }
                    ("&&", Runs::Yes) | ("||", Runs::No) => {}
                    // Commands that load rules or print are taken to succeed.
                    ("&&", Runs::Perhaps) if *reliable => {}
                    ("&&" | "||", _) => under.push(format!("{text} {before}")),
                    _ => {}
                }
            }
            while words
                .first()
                .is_some_and(|w| matches!(w.text.as_str(), "sudo" | "!" | "time" | "exec"))
            {
                words.remove(0);
            }
            let result = test(&words);
            let program = words
                .first()
                .map_or("", |w| w.text.rsplit('/').next().unwrap_or(w.text.as_str()));
            last = Some((shown(&words), result, reliable(program)));
            if words.is_empty() {
                continue;
            }
            let parts: Vec<String> = surrounding.iter().cloned().chain(under.clone()).collect();
            let context = (!parts.is_empty()).then(|| parts.join(", "));
            let fed = if plain_cat { at == feeds } else { at == 0 };
            let input = if fed { self.fed(segment) } else { Vec::new() };
            let command = Command {
                place: segment.place,
                words,
                context,
                piped: before == "|",
                input,
            };
            if !self.call(&command, &under, depth) {
                self.command(command);
            }
        }
    }

    /// Runs the body of a function that a command calls. True if it is one.
    fn call(&mut self, command: &Command<'a>, under: &[String], depth: usize) -> bool {
        let Some(first) = command.words.first() else {
            return false;
        };
        if first.open.is_some() {
            // It may be any function.
            let mut uncalled: Vec<_> = self
                .functions
                .iter()
                .filter(|(_, f)| !f.called)
                .map(|(name, f)| (name.clone(), f.body))
                .collect();
            uncalled.sort_by(|a, b| a.0.cmp(&b.0));
            for (name, body) in uncalled {
                self.body(&name, body, &[format!("function {name}")], depth);
            }
            return false;
        }
        let Some(function) = self.functions.get(&first.text) else {
            return false;
        };
        let body = function.body;
        let mut under = under.to_vec();
        if !lines::returns_at_its_end(body) || depth >= DEPTH || body.len() > self.budget {
            under.push(format!("function {}", command.identity()));
        }
        self.budget = self.budget.saturating_sub(body.len());
        if depth >= DEPTH {
            return false;
        }
        self.out
            .push(Step::Inert(command.place, "calls a function"));
        let call = self.assigned(&first.text, command.place, command.uses());
        let mut kept = Vec::new();
        for at in 1..=9 {
            let number = at.to_string();
            kept.extend(
                self.variables
                    .remove(&number)
                    .map(|value| (number.clone(), value)),
            );
            let value = command.words.get(at);
            self.variables.insert(
                number,
                Value {
                    known: match value {
                        Some(word) => word.open.is_none().then(|| word.text.clone()),
                        None => Some(String::new()),
                    },
                    origin: value
                        .map(|word| shown(std::slice::from_ref(word)))
                        .unwrap_or_default(),
                    uses: vec![call],
                },
            );
        }
        let name = first.text.clone();
        self.body(&name, body, &under, depth);
        for at in 1..=9 {
            self.variables.remove(&at.to_string());
        }
        self.variables.extend(kept);
        true
    }

    fn body(&mut self, name: &str, body: &'s [Segment<'a>], under: &[String], depth: usize) {
        if let Some(function) = self.functions.get_mut(name) {
            function.called = true;
        }
        let frames = self.frames.len();
        self.frames.extend(under.iter().cloned().map(Frame::Block));
        self.run(body, depth + 1);
        self.frames.truncate(frames);
    }

    fn fed(&self, segment: &Segment<'a>) -> Vec<Fed<'a>> {
        segment
            .here
            .iter()
            .map(|(place, text)| {
                if segment.literal || !text.contains(['$', '`']) {
                    return Fed {
                        place: *place,
                        text: Cow::Borrowed(*text),
                        open: false,
                        uses: Vec::new(),
                    };
                }
                let word = self.expanded(text);
                Fed {
                    place: *place,
                    text: Cow::Owned(word.text),
                    open: word.open.is_some(),
                    uses: word.uses,
                }
            })
            .collect()
    }

    fn command(&mut self, mut command: Command<'a>) {
        if matches!(
            command.name(),
            "export" | "readonly" | "local" | "declare" | "typeset"
        ) && command.words.len() > 1
        {
            command.words.remove(0);
        }
        if command.words.iter().all(|w| assignment(&w.text).is_some()) {
            for word in &command.words {
                if let Some((name, value)) = assignment(&word.text) {
                    if command.context.is_none() && word.open.is_none() {
                        let number = self.assigned(name, command.place, word.uses.clone());
                        self.variables.insert(
                            name.to_owned(),
                            Value {
                                known: Some(value.to_owned()),
                                origin: String::new(),
                                uses: vec![number],
                            },
                        );
                    } else {
                        let how = command.identity();
                        self.forget(name, &how);
                    }
                }
            }
            self.out.push(Step::Decides(command.place));
            return;
        }
        while command.words.len() > 1
            && command
                .words
                .first()
                .is_some_and(|w| assignment(&w.text).is_some())
        {
            command.words.remove(0);
        }
        if matches!(command.name(), "source" | "." | "eval") {
            let how = command.identity();
            let names: Vec<String> = self.variables.keys().filter(|n| name(n)).cloned().collect();
            for name in names {
                self.forget(&name, &how);
            }
        }
        // The words that the script was called with are others from here on.
        if command.name() == "shift"
            || command.name() == "set" && command.words.iter().any(|w| w.text == "--")
        {
            self.variables.retain(|n, _| name(n));
        }
        if matches!(command.name(), "read" | "unset") {
            let how = command.identity();
            for word in command.words.iter().skip(1) {
                if name(&word.text) {
                    self.forget(&word.text, &how);
                }
            }
        }
        self.ended |= command.name() == "exit" && command.context.is_none();
        self.out.push(Step::Command(command));
    }

    /// The value of a variable is not known any more.
    fn forget(&mut self, name: &str, how: &str) {
        let slot = self.variables.entry(name.to_owned()).or_insert(Value {
            known: None,
            origin: String::new(),
            uses: Vec::new(),
        });
        if let Some(known) = slot.known.take() {
            slot.origin = format!("{name}={known}");
        }
        if slot.origin.len() < 4096 {
            if !slot.origin.is_empty() {
                slot.origin.push_str("; ");
            }
            slot.origin.push_str(how);
        }
    }
}

/// Whether a branch is run, behind others of which one may have been taken.
fn chosen(taken: Runs, found: Runs) -> Runs {
    match (taken, found) {
        (Runs::Yes, _) | (_, Runs::No) => Runs::No,
        (Runs::No, found) => found,
        (Runs::Perhaps, _) => Runs::Perhaps,
    }
}

/// Whether one of the branches was taken, with one more.
fn also(taken: Runs, runs: Runs) -> Runs {
    match (taken, runs) {
        (Runs::Yes, _) | (_, Runs::Yes) => Runs::Yes,
        (Runs::No, Runs::No) => Runs::No,
        _ => Runs::Perhaps,
    }
}

/// Whether a value matches the pattern of a `case`.
fn matching(value: &str, pattern: &str) -> Runs {
    let mut found = Runs::No;
    for one in pattern.split('|') {
        let one = one.trim().trim_matches(['"', '\'']);
        found = also(
            found,
            if one == "*" || one == value {
                Runs::Yes
            } else if one.contains(['*', '?', '[', '$', '\\']) {
                Runs::Perhaps
            } else {
                Runs::No
            },
        );
    }
    found
}

/// What an `if` comes to.
fn condition(commands: &[(Vec<Word>, &'static str)]) -> Runs {
    match commands {
        [(words, _)] => test(words.get(1..).unwrap_or_default()),
        _ => Runs::Perhaps,
    }
}

/// The result of a command, where the text tells it.
fn test(words: &[Word]) -> Runs {
    let decided = |holds: bool| if holds { Runs::Yes } else { Runs::No };
    if words.iter().any(|w| w.open.is_some()) {
        return Runs::Perhaps;
    }
    let words: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
    let inner = match words.as_slice() {
        ["true" | ":"] => return Runs::Yes,
        ["false"] => return Runs::No,
        ["[", inner @ .., "]"] | ["[[", inner @ .., "]]"] | ["test", inner @ ..] => inner,
        _ => return Runs::Perhaps,
    };
    let (inner, negated) = match inner {
        ["!", rest @ ..] => (rest, true),
        all => (all, false),
    };
    let holds = match inner {
        ["-n", text] => !text.is_empty(),
        ["-z", text] => text.is_empty(),
        [left, "=" | "==", right] if !right.contains(['*', '?', '[']) => left == right,
        [left, "!=", right] if !right.contains(['*', '?', '[']) => left != right,
        [left, op @ ("-eq" | "-ne"), right] => match (left.parse::<i64>(), right.parse::<i64>()) {
            (Ok(left), Ok(right)) => (left == right) == (*op == "-eq"),
            _ => return Runs::Perhaps,
        },
        _ => return Runs::Perhaps,
    };
    decided(holds != negated)
}

/// Programs that load rules.
fn loads(program: &str) -> bool {
    program.contains("tables") || matches!(program, "nft" | "ipset") || program.starts_with('$')
}

/// Programs that are taken to succeed.
fn reliable(program: &str) -> bool {
    loads(program)
        || matches!(
            program,
            "ip" | "echo" | "printf" | "modprobe" | "sysctl" | "sleep" | "cat"
        )
}

fn shown(words: &[Word]) -> String {
    let mut out = String::new();
    for word in words {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&word.text);
        if let Some(origin) = word.open.as_ref().filter(|o| !o.is_empty()) {
            out.push_str(&format!(" [{origin}]"));
        }
    }
    out
}

fn uses(words: &[Word]) -> Vec<usize> {
    let mut out: Vec<usize> = words.iter().flat_map(|w| w.uses.iter().copied()).collect();
    out.sort_unstable();
    out.dedup();
    out
}

/// True for what a variable may be called.
fn name(word: &str) -> bool {
    let mut chars = word.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `NAME=value`
fn assignment(word: &str) -> Option<(&str, &str)> {
    let (left, value) = word.split_once('=')?;
    name(left).then_some((left, value))
}

#[cfg(test)]
mod tests;
