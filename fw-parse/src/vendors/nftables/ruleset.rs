//! The ruleset that the commands of the files add up to.

use super::ast::{
    ChainBlock, Command, Hook, NamedObject, Place, Policy, Rule, RulePosition, SetBlock, TableName,
};
use super::elements;
use fw_model::Span;
use rustc_hash::FxHashMap;

/// All tables, in the order in which they were added.
#[derive(Default)]
pub struct Ruleset {
    /// The tables.
    pub tables: Vec<Table>,
    /// Text that may be anything.
    pub unknown: Vec<(String, Place)>,
    /// Commands that could not be carried out, with the reason.
    pub failed: Vec<(String, Place)>,
    /// `flush ruleset` without a family: nothing else is loaded.
    pub flushed: bool,
    added: usize,
    index: FxHashMap<TableName, usize>,
}

/// A table.
pub struct Table {
    /// Family and name.
    pub name: TableName,
    /// None of its chains is active.
    pub dormant: bool,
    /// The chains, in the order in which they were added.
    pub chains: Vec<Chain>,
    /// The sets and maps.
    pub sets: Vec<SetBlock>,
    /// Limits, counters and the like.
    pub objects: Vec<NamedObject>,
    /// Where it stands.
    pub place: Place,
}

/// A chain.
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Present for base chains.
    pub hook: Option<Hook>,
    /// How many chains of the ruleset were added before.
    pub number: usize,
    /// What happens at its end.
    pub policy: Option<(Policy, Span)>,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// Where it stands.
    pub place: Place,
}

impl Table {
    /// A chain by name.
    pub fn chain(&self, name: &str) -> Option<usize> {
        self.chains.iter().position(|c| c.name == name)
    }
}

impl Ruleset {
    /// Carries out a command.
    pub fn execute(&mut self, command: Command) {
        match command {
            Command::FlushRuleset(family) => {
                match family {
                    Some(family) => self.tables.retain(|t| t.name.family != family),
                    None => {
                        self.tables.clear();
                        self.flushed = true;
                    }
                }
                self.reindex();
            }
            Command::AddTable(name, attributes, place) => {
                let table = self.table(&name, place);
                if let Some(table) = table {
                    table.dormant |= attributes.dormant;
                }
            }
            Command::DeleteTable(name) => {
                self.tables.retain(|t| t.name != name);
                self.reindex();
            }
            Command::FlushTable(name) => {
                if let Some(table) = self.existing(&name) {
                    for chain in &mut table.chains {
                        chain.rules.clear();
                    }
                }
            }
            Command::AddChain(name, block) => self.add_chain(&name, block),
            Command::DeleteChain(name, chain) => {
                if let Some(table) = self.existing(&name) {
                    table.chains.retain(|c| c.name != chain);
                }
            }
            Command::FlushChain(name, chain) => {
                if let Some(chain) = self.chain(&name, &chain) {
                    chain.rules.clear();
                }
            }
            Command::AddRule(name, chain, position, rule) => {
                self.add_rule(&name, &chain, position, rule);
            }
            Command::DeleteRule(name, chain, handle, place) => {
                let deleted = self.chain(&name, &chain).is_some_and(|chain| {
                    let before = chain.rules.len();
                    chain
                        .rules
                        .retain(|r| r.handle.is_none() || r.handle != handle);
                    chain.rules.len() < before
                });
                if !deleted {
                    self.failed.push((
                        format!("delete rule {} {} {chain}", name.family, name.name),
                        place,
                    ));
                }
            }
            Command::AddSet(name, block) => {
                let place = block.place;
                if let Some(table) = self.table(&name, place) {
                    match table.sets.iter_mut().find(|s| s.name == block.name) {
                        Some(set) => {
                            set.elements.extend(block.elements);
                            set.dynamic |= block.dynamic;
                            set.timeout |= block.timeout;
                            set.auto_merge |= block.auto_merge;
                        }
                        None => table.sets.push(block),
                    }
                }
            }
            Command::DeleteSet(name, set) => {
                if let Some(table) = self.existing(&name) {
                    table.sets.retain(|s| s.name != set);
                }
            }
            Command::FlushSet(name, set) => {
                if let Some(set) = self.set(&name, &set) {
                    set.elements.clear();
                }
            }
            Command::AddElements(name, set, elements, place) => match self.set(&name, &set) {
                Some(set) => set.elements.extend(elements),
                None => self.failed.push((
                    format!("add element {} {} {set}", name.family, name.name),
                    place,
                )),
            },
            Command::DeleteElements(name, set, elements, must_be_there, place) => {
                let removed = self
                    .set(&name, &set)
                    .is_some_and(|set| elements::remove(set, &elements));
                if !removed && must_be_there {
                    self.failed.push((
                        format!("delete element {} {} {set}", name.family, name.name),
                        place,
                    ));
                }
            }
            Command::AddObject(name, object) => {
                let place = object.place;
                if let Some(table) = self.table(&name, place) {
                    table.objects.push(object);
                }
            }
            Command::Unknown(text, place) => self.unknown.push((text, place)),
        }
    }

    fn reindex(&mut self) {
        self.index = self
            .tables
            .iter()
            .enumerate()
            .map(|(at, t)| (t.name.clone(), at))
            .collect();
    }

    fn existing(&mut self, name: &TableName) -> Option<&mut Table> {
        self.tables.get_mut(*self.index.get(name)?)
    }

    /// The table, made if it is not there.
    fn table(&mut self, name: &TableName, place: Place) -> Option<&mut Table> {
        if !self.index.contains_key(name) {
            self.index.insert(name.clone(), self.tables.len());
            self.tables.push(Table {
                name: name.clone(),
                dormant: false,
                chains: Vec::new(),
                sets: Vec::new(),
                objects: Vec::new(),
                place,
            });
        }
        self.existing(name)
    }

    fn chain(&mut self, table: &TableName, name: &str) -> Option<&mut Chain> {
        let table = self.existing(table)?;
        table.chains.iter_mut().find(|c| c.name == name)
    }

    fn set(&mut self, table: &TableName, name: &str) -> Option<&mut SetBlock> {
        let table = self.existing(table)?;
        table.sets.iter_mut().find(|s| s.name == name)
    }

    fn add_chain(&mut self, name: &TableName, block: ChainBlock) {
        let number = self.added;
        let Some(table) = self.table(name, block.place) else {
            return;
        };
        if let Some(chain) = table.chains.iter_mut().find(|c| c.name == block.name) {
            chain.rules.extend(block.rules);
            if block.policy.is_some() {
                chain.policy = block.policy;
            }
            if chain.hook.is_none() {
                chain.hook = block.hook;
            }
            return;
        }
        table.chains.push(Chain {
            name: block.name,
            hook: block.hook,
            policy: block.policy,
            rules: block.rules,
            place: block.place,
            number,
        });
        self.added += 1;
    }

    fn add_rule(&mut self, table: &TableName, chain: &str, position: RulePosition, rule: Rule) {
        let place = rule.place;
        let text = format!("rule in {} {} {chain}", table.family, table.name);
        if self.chain(table, chain).is_none() {
            // The table or chain is loaded elsewhere.
            self.failed.push((text.clone(), place));
            self.add_chain(
                table,
                ChainBlock {
                    name: chain.to_owned(),
                    hook: None,
                    policy: None,
                    rules: Vec::new(),
                    place,
                },
            );
        }
        let Some(chain) = self.chain(table, chain) else {
            return;
        };
        let by_handle = |h: u64| chain.rules.iter().position(|r| r.handle == Some(h));
        let at = match position {
            RulePosition::End => Some(chain.rules.len()),
            RulePosition::Top => Some(0),
            RulePosition::AfterIndex(i) => Some(i.saturating_add(1)),
            RulePosition::BeforeIndex(i) => Some(i),
            RulePosition::AfterHandle(h) => by_handle(h).map(|i| i + 1),
            RulePosition::BeforeHandle(h) | RulePosition::Replace(h) => by_handle(h),
        };
        match at {
            Some(at) if at <= chain.rules.len() => {
                if let (RulePosition::Replace(_), Some(old)) = (position, chain.rules.get_mut(at)) {
                    *old = rule;
                } else {
                    chain.rules.insert(at, rule);
                }
            }
            _ => self.failed.push((text, place)),
        }
    }
}
