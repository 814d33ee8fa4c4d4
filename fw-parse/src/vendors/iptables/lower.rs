//! Tables and chains to the stages of a device.

use super::ast::Protocol;
use super::matching::{Marks, hook};
use super::ruleset::{Chain, Entry, Loaded, Ruleset, TABLES, Table};
use super::sets::Sets;
use super::target;
use super::{chains, external};
use fw_model::device::OpaqueLine;
use fw_model::filter::{Action, Filter, FilterId, Rule};
use fw_model::match_expr::{Condition, ConditionKind};
use fw_model::{
    Assumption, Definition, DefinitionId, Device, Diagnostic, Effect, Family, Interface, MatchExpr,
    Severity, SourceId, Span, Stage, StageKind, View,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A device and what there is to say about it.
pub(super) struct Lowered {
    pub device: Device,
    pub diagnostics: Vec<Diagnostic>,
    /// Places whose words are not understood.
    pub opaque: Vec<Span>,
}

/// The order in which the tables are met at each hook.
const HOOKS: [(&str, &[&str]); 5] = [
    ("PREROUTING", &["raw", "mangle", "nat"]),
    ("FORWARD", &["mangle", "filter", "security"]),
    ("INPUT", &["mangle", "filter", "security", "nat"]),
    ("OUTPUT", &["raw", "mangle", "nat", "filter", "security"]),
    ("POSTROUTING", &["mangle", "nat"]),
];

/// Makes a device of what was loaded.
pub(super) fn device(name: &str, sources: Vec<SourceId>, loaded: &Loaded<'_>) -> Lowered {
    let mut lowering = Lowering {
        loaded,
        sets: Sets::new(loaded),
        device: Device {
            name: name.to_owned(),
            vendor: "iptables",
            sources,
            tracks_connections: true,
            ..Device::default()
        },
        diagnostics: Vec::new(),
        opaque: Vec::new(),
        interfaces: BTreeSet::new(),
        definitions: FxHashMap::default(),
        missing_sets: FxHashSet::default(),
    };
    lowering.run();
    Lowered {
        device: lowering.device,
        diagnostics: lowering.diagnostics,
        opaque: lowering.opaque,
    }
}

pub(super) struct Lowering<'l, 'a> {
    pub loaded: &'l Loaded<'a>,
    pub sets: Sets<'l, 'a>,
    pub device: Device,
    pub diagnostics: Vec<Diagnostic>,
    pub opaque: Vec<Span>,
    pub interfaces: BTreeSet<String>,
    pub definitions: FxHashMap<String, DefinitionId>,
    pub missing_sets: FxHashSet<String>,
}

/// Finds a user chain's filter and definition by its name.
pub(super) type FindChain<'f> = dyn Fn(&str) -> Option<(FilterId, Option<DefinitionId>)> + 'f;

/// The base filters of one rule set: (table, chain), stage name, filter.
type Bases = Vec<(&'static str, String, String, FilterId)>;

fn title(ruleset: &Ruleset<'_>) -> String {
    let legacy = if ruleset.legacy { "legacy " } else { "" };
    let family = match ruleset.protocol {
        Protocol::V4 => "ip",
        Protocol::V6 => "ip6",
    };
    format!("{legacy}{family}")
}

/// The name of a chain's filter: `filter/FORWARD`, `ip6 filter/FORWARD`.
pub(super) fn filter_name(ruleset: &Ruleset<'_>, table: &str, chain: &str) -> String {
    let prefix = match title(ruleset).as_str() {
        "ip" => String::new(),
        "legacy ip" => "legacy ".to_owned(),
        other => format!("{other} "),
    };
    format!("{prefix}{table}/{chain}")
}

impl Lowering<'_, '_> {
    fn run(&mut self) {
        let loaded = self.loaded;
        for (span, text) in &loaded.unknown {
            self.say(
                "line-not-understood",
                Severity::Warning,
                Some(*span),
                format!("`{}` is not understood", shortened(text)),
                Effect::Opaque,
            );
            self.opaque.push(*span);
            self.device.opaque_lines.push(OpaqueLine {
                key: text.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
                span: *span,
            });
        }
        for (span, what) in &loaded.granted {
            self.device.assumptions.push(Assumption {
                code: what.code(),
                text: what.text().to_owned(),
                span: Some(*span),
                device_wide: true,
            });
        }
        for (span, text) in &loaded.complaints {
            self.say(
                "loader-complaint",
                Severity::Warning,
                Some(*span),
                text.clone(),
                Effect::Assumed,
            );
        }
        for set in &loaded.sets {
            let id = self.define("ipset", &set.name, set.span, set.last_line);
            self.definitions.insert(format!("set {}", set.name), id);
        }
        let mut bases: Vec<(Protocol, Bases)> = Vec::new();
        for ruleset in &loaded.rulesets {
            let made = self.ruleset(ruleset);
            bases.push((ruleset.protocol, made));
        }
        for (hook, tables) in HOOKS {
            for table in tables {
                let found: Vec<(String, FilterId)> = bases
                    .iter()
                    .flat_map(|(_, b)| b)
                    .filter(|b| b.0 == *table && b.1 == hook)
                    .map(|b| (b.2.clone(), b.3))
                    .collect();
                for (name, filter) in found {
                    self.stage(hook, table, name, filter);
                }
            }
        }
        self.missing_families();
        if let (Some(span), false) = (
            loaded.other_backend,
            loaded.rulesets.iter().any(|r| r.legacy),
        ) {
            self.device.assumptions.push(Assumption {
                code: "legacy-tables-unseen",
                text: "the rules of the legacy backend are not given and taken to accept"
                    .to_owned(),
                span: Some(span),
                device_wide: true,
            });
        }
        self.device.interfaces = std::mem::take(&mut self.interfaces)
            .into_iter()
            // Only the device's own packets use the loopback interface, so it
            // is none that a packet from the network could come in by.
            .filter(|name| name != "lo")
            .map(|name| Interface {
                name,
                enabled: true,
                ..Interface::default()
            })
            .collect();
        let missing: BTreeSet<String> =
            std::mem::take(&mut self.missing_sets).into_iter().collect();
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter().take(8).map(String::as_str).collect();
            self.say(
                "set-not-given",
                Severity::Warning,
                None,
                format!(
                    "the content of {} sets is not given (`ipset save` has it): {}{}",
                    missing.len(),
                    names.join(", "),
                    if missing.len() > names.len() {
                        ", ..."
                    } else {
                        ""
                    }
                ),
                Effect::Opaque,
            );
        }
    }

    fn stage(&mut self, hook: &str, table: &str, name: String, filter: FilterId) {
        let stage = Stage {
            name,
            kind: if table == "nat" {
                StageKind::Nat
            } else {
                StageKind::Policy
            },
            filter,
            view: View::CURRENT,
        };
        let pipeline = &mut self.device.pipeline;
        match hook {
            "PREROUTING" => pipeline.prerouting.push(stage),
            "FORWARD" => pipeline.forward.push(stage),
            "INPUT" => pipeline.input.push(stage),
            "OUTPUT" => pipeline.output.push(stage),
            _ => pipeline.postrouting.push(stage),
        }
    }

    pub fn say(
        &mut self,
        code: &'static str,
        severity: Severity,
        span: Option<Span>,
        message: String,
        effect: Effect,
    ) {
        self.diagnostics.push(Diagnostic {
            code,
            severity,
            span,
            message,
            effect,
        });
    }

    fn define(&mut self, kind: &'static str, name: &str, span: Span, last: u32) -> DefinitionId {
        let id = DefinitionId(u32::try_from(self.device.definitions.len()).unwrap_or(u32::MAX));
        self.device.definitions.push(Definition {
            kind,
            name: name.to_owned(),
            span,
            last_line: last.max(span.line),
            uses: Vec::new(),
        });
        id
    }

    /// The definition of a script's variable.
    pub fn variable(&mut self, name: &str, span: Span, last: u32) -> DefinitionId {
        let key = format!("variable {} {} {name}", span.source.0, span.line);
        if let Some(known) = self.definitions.get(&key) {
            return *known;
        }
        let id = self.define("variable", name, span, last);
        self.definitions.insert(key, id);
        id
    }

    /// A rule set that was not given decides in its family all the same.
    fn missing_families(&mut self) {
        let given: Vec<Protocol> = self.loaded.rulesets.iter().map(|r| r.protocol).collect();
        for (protocol, family, program) in [
            (Protocol::V4, Family::V4, "iptables-save"),
            (Protocol::V6, Family::V6, "ip6tables-save"),
        ] {
            if given.contains(&protocol) {
                continue;
            }
            let condition = Arc::new(Condition {
                key: format!("no {program} was given"),
                kind: ConditionKind::Environment,
                text: format!("no {program} was given"),
                span: None,
            });
            for hook in ["FORWARD", "INPUT", "OUTPUT"] {
                let mut filter = Filter {
                    name: format!("{program} not given/{hook}"),
                    rules: Vec::new(),
                    default: Rule::new("other family", MatchExpr::Always, Action::Permit),
                };
                filter.rules.push(Rule::new(
                    "not given",
                    MatchExpr::Family(family),
                    Action::Opaque(Arc::clone(&condition)),
                ));
                let id = self.device.add_filter(filter);
                self.stage(hook, "filter", format!("{program} {hook}"), id);
            }
            self.say(
                "family-not-given",
                Severity::Note,
                None,
                format!("no {program} was given, so nothing is known of that address family"),
                Effect::Opaque,
            );
        }
    }

    fn ruleset(&mut self, ruleset: &Ruleset<'_>) -> Bases {
        let mut marks = Marks::default();
        for entry in entries(ruleset) {
            let Some(target) = &entry.rule.target else {
                continue;
            };
            marks.unknown |= target::sets_unknown_mark(target);
            marks.restored |= target.setting("restore-mark").is_some();
            marks.proxied |= target.name == "SYNPROXY";
            if target.name == "SET" {
                for setting in &target.settings {
                    if matches!(setting.name.as_ref(), "add-set" | "del-set") {
                        self.sets.changing.insert(setting.value().to_owned());
                    }
                }
            }
        }
        self.assume_tables(ruleset);
        let mut bases = Vec::new();
        for (name, _) in TABLES {
            if let Some(table) = ruleset.tables.iter().find(|t| t.name == name) {
                self.table(ruleset, table, marks, &mut bases);
            }
        }
        bases
    }

    fn assume_tables(&mut self, ruleset: &Ruleset<'_>) {
        let absent: Vec<&str> = TABLES
            .iter()
            .map(|t| t.0)
            .filter(|name| !ruleset.tables.iter().any(|t| t.name == *name))
            .collect();
        if !absent.is_empty() {
            self.device.assumptions.push(Assumption {
                code: "table-assumed-empty",
                text: format!(
                    "the {} tables {} are not in the file and taken to be empty",
                    title(ruleset),
                    absent.join(", ")
                ),
                span: None,
                device_wide: true,
            });
        }
        for table in &ruleset.tables {
            if let Some(span) = table.uncommitted {
                self.device.assumptions.push(Assumption {
                    code: "commit-assumed",
                    text: format!(
                        "table {} has no COMMIT and is taken to be loaded",
                        table.name
                    ),
                    span: Some(span),
                    device_wide: true,
                });
            }
        }
    }

    fn table(&mut self, ruleset: &Ruleset<'_>, table: &Table<'_>, marks: Marks, bases: &mut Bases) {
        let calls = chains::calls(table);
        let base = u32::try_from(self.device.filters.len()).unwrap_or(u32::MAX);
        let id = |at: usize| FilterId(base.saturating_add(u32::try_from(at).unwrap_or(u32::MAX)));
        let mut definitions = vec![None; table.chains.len()];
        for (chain, slot) in table.chains.iter().zip(&mut definitions) {
            if let (false, Some(span)) = (chain.built_in, chain.span) {
                let name = filter_name(ruleset, table.name, &chain.name);
                *slot = Some(self.define("chain", &name, span, span.line));
            }
        }
        for (at, chain) in table.chains.iter().enumerate() {
            let mut filter = self.chain(ruleset, table, at, chain, &calls, marks, &|name| {
                let found = table.position(name)?;
                let user = table.chains.get(found).is_some_and(|c| !c.built_in);
                user.then(|| (id(found), definitions.get(found).copied().flatten()))
            });
            if chain.built_in && table.name == "filter" {
                let added = external::rules(table, &calls, &chain.name, &id);
                filter.rules.splice(1..1, added);
            }
            self.device.filters.push(filter);
            let idle = chain.entries.is_empty()
                && chain.unknown.is_empty()
                && chain.policy.as_ref().is_none_or(|p| p.0 == "ACCEPT")
                && table.name != "filter";
            if chain.built_in && !idle {
                let stage = format!("{} {} {}", title(ruleset), table.name, chain.name);
                bases.push((table.name, chain.name.clone(), stage, id(at)));
            }
        }
    }
}

fn entries<'r>(ruleset: &'r Ruleset<'_>) -> impl Iterator<Item = &'r Entry<'r>> {
    ruleset
        .tables
        .iter()
        .flat_map(|t| &t.chains)
        .flat_map(|c| &c.entries)
}

/// A text cut to what fits a message.
pub(super) fn shortened(text: &str) -> String {
    let mut out: String = text.chars().take(80).collect();
    if out.len() < text.len() {
        out.push_str("...");
    }
    out
}

/// The hooks of the built-in chains, for [`chains`].
pub(super) fn hook_of(chain: &Chain<'_>) -> u8 {
    if chain.built_in {
        hook::of(&chain.name)
    } else {
        0
    }
}
