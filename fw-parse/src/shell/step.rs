//! What is known of a script that was read.

use super::uses;
use std::borrow::Cow;

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
