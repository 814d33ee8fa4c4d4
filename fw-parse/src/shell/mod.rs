//! Shell scripts that load rules: which commands run, in what order and with
//! which words, as far as the text tells.
//!
//! Constants are expanded and loops over constant words are run. What stands
//! in a branch, a loop or a function that the text does not decide is kept with
//! the conditions it runs under; a word that rests on an unknown value keeps
//! where that value comes from, so that two versions of a script are equal
//! only where that is.

mod commands;
mod decide;
mod inert;
mod lines;
mod step;
mod words;

use decide::{Runs, also, chosen, condition, loads, matching};
use fw_model::Source;
pub use inert::inert;
use lines::{Segment, segments};
use rustc_hash::FxHashMap;
pub use step::{Assignment, Command, Fed, Granted, Place, Script, Step, Word};
use words::Piece;

/// How many commands the loops of one script may make.
const BUDGET: usize = 20_000;
/// How deep loops may stand in each other.
const DEPTH: usize = 8;

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
