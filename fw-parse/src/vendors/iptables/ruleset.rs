//! What the kernel holds after all statements were executed: tables of chains
//! of rules, one rule set for each address family and backend, and the sets.

use super::ast::{Protocol, Rule};
use fw_model::Span;
use rustc_hash::FxHashMap;

/// Tables and the built-in chains of each, in the order of the hooks.
pub(super) const TABLES: [(&str, &[&str]); 5] = [
    ("raw", &["PREROUTING", "OUTPUT"]),
    (
        "mangle",
        &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
    ),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ("security", &["INPUT", "FORWARD", "OUTPUT"]),
];

/// Everything the files of a device load.
#[derive(Debug, Default)]
pub(super) struct Loaded<'a> {
    pub rulesets: Vec<Ruleset<'a>>,
    /// Sets by name, in order of creation.
    pub sets: Vec<Set<'a>>,
    pub set_index: FxHashMap<String, usize>,
    /// At least one set dump was given.
    pub has_sets: bool,
    /// Statements that are not understood.
    pub unknown: Vec<(Span, String)>,
    /// What the loader would complain about: place and words.
    /// What is taken for granted of a script's run.
    pub granted: Vec<(Span, crate::shell::Granted)>,
    pub complaints: Vec<(Span, String)>,
    /// A dump says that the other backend has rules too.
    pub other_backend: Option<Span>,
}

/// The tables of one family in one backend.
#[derive(Debug)]
pub(super) struct Ruleset<'a> {
    pub protocol: Protocol,
    pub legacy: bool,
    pub tables: Vec<Table<'a>>,
}

#[derive(Debug)]
pub(super) struct Table<'a> {
    pub name: &'static str,
    pub chains: Vec<Chain<'a>>,
    index: FxHashMap<String, usize>,
    /// It comes from a dump, which shows all that calls its chains.
    pub dumped: bool,
    /// The open `*table` that has no `COMMIT` yet.
    pub uncommitted: Option<Span>,
}

#[derive(Debug)]
pub(super) struct Chain<'a> {
    pub name: String,
    pub built_in: bool,
    /// The policy as written; `None` where the files do not set it.
    pub policy: Option<(String, Span)>,
    /// Where it is created.
    pub span: Option<Span>,
    pub last_line: u32,
    pub entries: Vec<Entry<'a>>,
    /// Something unknown happened to it.
    pub unknown: Vec<(Span, String)>,
}

#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub span: Span,
    pub rule: Rule<'a>,
    /// It may not be loaded at all.
    pub conditional: Option<String>,
    /// See [`super::ast::Statement::values`].
    pub values: Vec<(String, Span, u32)>,
}

#[derive(Debug)]
pub(super) struct Set<'a> {
    pub name: String,
    pub set_type: String,
    pub options: Vec<super::ast::Word<'a>>,
    pub span: Span,
    pub last_line: u32,
    pub elements: Vec<Element<'a>>,
}

#[derive(Debug)]
pub(super) struct Element<'a> {
    pub text: super::ast::Word<'a>,
    pub nomatch: bool,
    /// Its interface is the start of a name.
    pub wildcard: bool,
    /// Seconds after which it is gone; 0 is never.
    pub timeout: Option<u64>,
}

impl<'a> Table<'a> {
    pub fn new(name: &'static str) -> Self {
        let mut table = Self {
            name,
            chains: Vec::new(),
            index: FxHashMap::default(),
            uncommitted: None,
            dumped: false,
        };
        for (_, chains) in TABLES.iter().filter(|t| t.0 == name) {
            for chain in *chains {
                table.add(chain, true, None);
            }
        }
        table
    }

    pub fn add(&mut self, name: &str, built_in: bool, span: Option<Span>) -> usize {
        let at = self.chains.len();
        self.index.insert(name.to_owned(), at);
        self.chains.push(Chain {
            name: name.to_owned(),
            built_in,
            policy: None,
            span,
            last_line: span.map_or(0, |s| s.line),
            entries: Vec::new(),
            unknown: Vec::new(),
        });
        at
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    pub fn chain(&self, name: &str) -> Option<&Chain<'a>> {
        self.chains.get(self.position(name)?)
    }

    pub fn chain_mut(&mut self, name: &str) -> Option<&mut Chain<'a>> {
        let at = self.position(name)?;
        self.chains.get_mut(at)
    }

    /// Rules of all chains go; user chains go with `and_chains`.
    pub fn flush(&mut self, and_chains: bool) {
        for chain in &mut self.chains {
            chain.entries.clear();
        }
        if and_chains {
            self.chains.retain(|c| c.built_in);
            self.reindex();
        }
    }

    pub fn reindex(&mut self) {
        self.index = self
            .chains
            .iter()
            .enumerate()
            .map(|(at, c)| (c.name.clone(), at))
            .collect();
    }
}

impl<'a> Loaded<'a> {
    pub fn set_position(&self, name: &str) -> Option<usize> {
        self.set_index.get(name).copied()
    }
}
