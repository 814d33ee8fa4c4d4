//! Executes statements as `iptables-restore`, `iptables` and `ipset` do.

use super::ast::{Argument, Command, Header, Protocol, Rule, Statement, StatementKind};
use super::ruleset::{Element, Entry, Loaded, Ruleset, Set, TABLES, Table};

/// The largest number of rules that one line with address lists makes.
const LIST_LIMIT: usize = 4096;

/// Executes the statements of one file after another.
pub(super) struct Loader<'a> {
    pub loaded: Loaded<'a>,
    /// The rule set and table that commands without `-t` are for.
    ruleset: Option<usize>,
    table: Option<usize>,
    header: Option<Header>,
    /// The family that a file's commands are for if nothing else says so;
    /// `None` once a table was opened with `*table`.
    assumed: Option<Protocol>,
    /// What the file loads is added to what is there.
    keeps: bool,
}

impl<'a> Loader<'a> {
    pub fn new() -> Self {
        Self {
            loaded: Loaded::default(),
            ruleset: None,
            table: None,
            header: None,
            assumed: None,
            keeps: false,
        }
    }

    /// Forgets which table was open: another file begins.
    /// `keeps`: it adds to what is loaded (`--noflush`).
    pub fn next_file(&mut self, assumed: Protocol, keeps: bool) {
        self.keeps = keeps;
        self.ruleset = None;
        self.table = None;
        self.header = None;
        self.assumed = Some(assumed);
    }

    /// The rule set of a family and backend, made if there is none yet.
    fn ruleset(&mut self, protocol: Protocol, legacy: bool) -> usize {
        let found = self
            .loaded
            .rulesets
            .iter()
            .position(|r| r.protocol == protocol && r.legacy == legacy);
        found.unwrap_or_else(|| {
            self.loaded.rulesets.push(Ruleset {
                protocol,
                legacy,
                tables: Vec::new(),
            });
            self.loaded.rulesets.len() - 1
        })
    }

    fn table(&mut self, ruleset: usize, name: &str) -> Option<usize> {
        let name = TABLES.iter().map(|t| t.0).find(|n| *n == name)?;
        let ruleset = self.loaded.rulesets.get_mut(ruleset)?;
        let found = ruleset.tables.iter().position(|t| t.name == name);
        Some(found.unwrap_or_else(|| {
            ruleset.tables.push(Table::new(name));
            ruleset.tables.len() - 1
        }))
    }

    fn open_table(&mut self) -> Option<&mut Table<'a>> {
        self.loaded
            .rulesets
            .get_mut(self.ruleset?)?
            .tables
            .get_mut(self.table?)
    }

    fn complain(&mut self, statement: &Statement<'a>, words: String) {
        self.loaded.complaints.push((statement.span, words));
    }

    fn unknown(&mut self, statement: &Statement<'a>) {
        self.loaded
            .unknown
            .push((statement.span, statement.text.to_string()));
    }

    /// Executes one statement. True if its meaning is in the result.
    pub fn execute(&mut self, statement: Statement<'a>) -> bool {
        match &statement.kind {
            StatementKind::Header(header) => {
                self.header = Some(*header);
                true
            }
            StatementKind::Inert(_) | StatementKind::Decides => true,
            StatementKind::OtherBackend => {
                self.loaded.other_backend = Some(statement.span);
                true
            }
            StatementKind::Assumed(what) => {
                self.loaded.granted.push((statement.span, *what));
                true
            }
            StatementKind::Unknown => {
                self.unknown(&statement);
                false
            }
            StatementKind::Table(protocol, name) => {
                let legacy = self.header.is_some_and(|h| h.legacy);
                self.assumed = None;
                let (protocol, name) = (*protocol, name.to_string());
                let ruleset = self.ruleset(protocol, legacy);
                let known = self
                    .loaded
                    .rulesets
                    .get(ruleset)
                    .is_some_and(|r| r.tables.iter().any(|t| t.name == name));
                self.ruleset = Some(ruleset);
                self.table = self.table(ruleset, &name);
                if self.table.is_none() {
                    self.unknown(&statement);
                    return false;
                }
                if known && !self.keeps {
                    self.complain(
                        &statement,
                        format!("table `{name}` is loaded again, which drops what was in it"),
                    );
                }
                let span = statement.span;
                let dumped = self.header.is_some();
                let keeps = self.keeps;
                if let Some(table) = self.open_table() {
                    table.dumped = dumped;
                    if known && !keeps {
                        table.flush(true);
                    }
                    table.uncommitted = Some(span);
                }
                true
            }
            StatementKind::Commit => {
                if let Some(table) = self.open_table() {
                    table.uncommitted = None;
                }
                self.table = None;
                true
            }
            StatementKind::Chain { name, policy } => self.declare(&statement, name, policy),
            StatementKind::Command {
                protocol, table, ..
            } => {
                // A file of commands alone is what `iptables` is called with.
                let protocol = protocol.or(self.assumed);
                let table = table.as_ref().map(ToString::to_string);
                self.enter(protocol, table.as_deref());
                self.command(statement)
            }
            StatementKind::SetCreate { .. }
            | StatementKind::SetAdd { .. }
            | StatementKind::SetDelete { .. }
            | StatementKind::SetFlush(_) => self.set(statement),
        }
    }

    /// Opens the table that a command names; without `*table` it is `filter`.
    fn enter(&mut self, protocol: Option<Protocol>, table: Option<&str>) {
        if let Some(protocol) = protocol {
            let ruleset = self.ruleset(protocol, false);
            self.ruleset = Some(ruleset);
            self.table = self.table(ruleset, table.unwrap_or("filter"));
        } else if let Some(name) = table
            && let Some(ruleset) = self.ruleset
        {
            self.table = self.table(ruleset, name);
        }
    }

    fn declare(&mut self, statement: &Statement<'a>, name: &str, policy: &str) -> bool {
        let span = statement.span;
        let Some(table) = self.open_table() else {
            self.unknown(statement);
            return false;
        };
        match table.chain_mut(name) {
            Some(chain) if chain.built_in => {
                if policy != "-" {
                    chain.policy = Some((policy.to_owned(), span));
                }
                chain.span = Some(span);
            }
            Some(chain) => chain.entries.clear(),
            None => {
                table.add(name, false, Some(span));
                if policy != "-" {
                    self.complain(
                        statement,
                        format!("`{name}` is no built-in chain and cannot have a policy"),
                    );
                }
            }
        }
        true
    }

    fn command(&mut self, mut statement: Statement<'a>) -> bool {
        let span = statement.span;
        let conditional = statement
            .context
            .is_some()
            .then(|| statement.text.to_string());
        let Some(table) = self.open_table() else {
            self.unknown(&statement);
            return false;
        };
        let StatementKind::Command { command, .. } =
            std::mem::replace(&mut statement.kind, StatementKind::Unknown)
        else {
            return false;
        };
        let missing = |name: &str| format!("there is no chain `{name}`");
        // A change that may not happen leaves the chain in one of two states;
        // only an added rule can be told as "may be there".
        if conditional.is_some() {
            let chain = match &command {
                Command::Append(..) | Command::Insert(..) | Command::Query => None,
                // A user chain that is not there cannot be jumped to.
                Command::NewChain(_) => None,
                Command::Replace(name, ..)
                | Command::DeleteNumber(name, _)
                | Command::Delete(name, _)
                | Command::Policy(name, _)
                | Command::Rename(name, _) => Some(name.to_string()),
                Command::Flush(name) | Command::DeleteChain(name) => {
                    Some(name.as_ref().map(ToString::to_string).unwrap_or_default())
                }
            };
            if let Some(name) = chain {
                match table.chain_mut(&name) {
                    Some(chain) => chain.unknown.push((span, statement.text.to_string())),
                    None => self.unknown(&statement),
                }
                return false;
            }
        }
        match command {
            Command::Query => true,
            Command::NewChain(name) => {
                if table.position(&name).is_none() {
                    table.add(&name, false, Some(span));
                }
                true
            }
            Command::Policy(name, policy) => match table.chain_mut(&name) {
                Some(chain) if chain.built_in => {
                    chain.policy = Some((policy.into_owned(), span));
                    true
                }
                _ => {
                    self.complain(&statement, missing(&name));
                    false
                }
            },
            Command::Flush(None) => {
                table.flush(false);
                true
            }
            Command::Flush(Some(name)) => match table.chain_mut(&name) {
                Some(chain) => {
                    chain.entries.clear();
                    true
                }
                None => {
                    // Nothing is there that could be flushed.
                    self.complain(&statement, missing(&name));
                    true
                }
            },
            Command::DeleteChain(None) => {
                table.chains.retain(|c| c.built_in || !c.entries.is_empty());
                table.reindex();
                true
            }
            Command::DeleteChain(Some(name)) => {
                table.chains.retain(|c| c.built_in || c.name != name);
                table.reindex();
                true
            }
            Command::Rename(from, to) => match table.position(&from) {
                Some(at) => {
                    if let Some(chain) = table.chains.get_mut(at) {
                        chain.name = to.to_string();
                    }
                    table.reindex();
                    for entry in table.chains.iter_mut().flat_map(|c| &mut c.entries) {
                        if let Some(target) = &mut entry.rule.target
                            && target.name == from
                        {
                            target.name = to.clone();
                        }
                    }
                    true
                }
                None => {
                    self.complain(&statement, missing(&from));
                    false
                }
            },
            Command::Append(name, rule) => self.place(&statement, &name, None, *rule, conditional),
            Command::Insert(name, at, rule) => {
                self.place(&statement, &name, Some(at), *rule, conditional)
            }
            Command::Replace(name, at, rule) => {
                let Some(slot) = table
                    .chain_mut(&name)
                    .and_then(|c| c.entries.get_mut(at.checked_sub(1)? as usize))
                else {
                    self.complain(&statement, format!("`{name}` has no rule {at}"));
                    return false;
                };
                *slot = Entry {
                    span,
                    rule: *rule,
                    conditional: None,
                    values: statement.values.clone(),
                };
                true
            }
            Command::DeleteNumber(name, at) => {
                let index = (at as usize).wrapping_sub(1);
                match table.chain_mut(&name) {
                    Some(chain) if index < chain.entries.len() => {
                        chain.entries.remove(index);
                        true
                    }
                    _ => {
                        self.complain(&statement, format!("`{name}` has no rule {at}"));
                        true
                    }
                }
            }
            Command::Delete(name, rule) => {
                let found = table
                    .chain(&name)
                    .and_then(|c| c.entries.iter().position(|e| e.rule == *rule));
                match (table.chain_mut(&name), found) {
                    (Some(chain), Some(at)) => {
                        chain.entries.remove(at);
                    }
                    _ => self.complain(&statement, format!("`{name}` has no such rule")),
                }
                true
            }
        }
    }

    fn place(
        &mut self,
        statement: &Statement<'a>,
        name: &str,
        at: Option<u32>,
        rule: Rule<'a>,
        conditional: Option<String>,
    ) -> bool {
        let span = statement.span;
        let Some(table) = self.open_table() else {
            return false;
        };
        let existing = table.position(name);
        let position = existing.unwrap_or_else(|| table.add(name, false, Some(span)));
        if let Some(chain) = table.chains.get_mut(position) {
            chain.last_line = chain.last_line.max(statement.last_line);
            let mut index = match at {
                None => chain.entries.len(),
                Some(at) => (at.saturating_sub(1) as usize).min(chain.entries.len()),
            };
            for rule in expand(rule) {
                chain.entries.insert(
                    index,
                    Entry {
                        span,
                        rule,
                        conditional: conditional.clone(),
                        values: statement.values.clone(),
                    },
                );
                // Each rule of a list is inserted at the same place in turn.
                index += usize::from(at.is_none());
            }
        }
        if existing.is_none() {
            self.complain(
                statement,
                format!("chain `{name}` is not declared before it is used"),
            );
        }
        true
    }

    fn set(&mut self, statement: Statement<'a>) -> bool {
        self.loaded.has_sets = true;
        let span = statement.span;
        let loaded = &mut self.loaded;
        match statement.kind {
            StatementKind::SetCreate {
                name,
                set_type,
                options,
            } => {
                let at = loaded.sets.len();
                if loaded.set_index.insert(name.to_string(), at).is_some() {
                    loaded
                        .complaints
                        .push((span, format!("set `{name}` is created twice")));
                }
                loaded.sets.push(Set {
                    name: name.into_owned(),
                    set_type: set_type.into_owned(),
                    options,
                    span,
                    last_line: span.line,
                    elements: Vec::new(),
                });
                true
            }
            StatementKind::SetAdd {
                name,
                element,
                options,
            } => {
                let Some(set) = loaded
                    .set_index
                    .get(name.as_ref())
                    .and_then(|at| loaded.sets.get_mut(*at))
                else {
                    loaded
                        .complaints
                        .push((span, format!("there is no set `{name}`")));
                    return true;
                };
                set.last_line = span.line;
                let timeout = options
                    .iter()
                    .position(|o| o == "timeout")
                    .and_then(|at| options.get(at + 1))
                    .and_then(|t| t.parse().ok());
                set.elements.push(Element {
                    text: element,
                    nomatch: options.iter().any(|o| o == "nomatch"),
                    wildcard: options.iter().any(|o| o == "wildcard"),
                    timeout,
                });
                true
            }
            StatementKind::SetDelete { name, element } => {
                if let Some(set) = loaded
                    .set_index
                    .get(name.as_ref())
                    .and_then(|at| loaded.sets.get_mut(*at))
                {
                    set.elements.retain(|e| e.text != element);
                }
                true
            }
            StatementKind::SetFlush(name) => {
                for set in &mut loaded.sets {
                    if name.as_ref().is_none_or(|n| *n == set.name) {
                        set.elements.clear();
                    }
                }
                true
            }
            _ => false,
        }
    }
}

/// One rule for each pair of addresses in the lists, as the loader makes them.
fn expand(rule: Rule<'_>) -> Vec<Rule<'_>> {
    let parts = |argument: &Option<Argument<'_>>| -> Vec<String> {
        match argument {
            Some(a) if !a.negated && a.value.contains(',') => {
                a.value.split(',').map(|p| p.trim().to_owned()).collect()
            }
            _ => Vec::new(),
        }
    };
    let (sources, destinations) = (parts(&rule.source), parts(&rule.destination));
    let count = sources.len().max(1) * destinations.len().max(1);
    if count == 1 || count > LIST_LIMIT {
        return vec![rule];
    }
    let mut out = Vec::with_capacity(count);
    for source in 0..sources.len().max(1) {
        for destination in 0..destinations.len().max(1) {
            let mut one = rule.clone();
            if let (Some(slot), Some(text)) = (&mut one.source, sources.get(source)) {
                slot.value = text.clone().into();
            }
            if let (Some(slot), Some(text)) = (&mut one.destination, destinations.get(destination))
            {
                slot.value = text.clone().into();
            }
            out.push(one);
        }
    }
    out
}
