//! Tables and chains to the stages of a device.

use super::ast::Protocol;
use super::chains::{self, Calls};
use super::matching::{self, Marks, Scope, hook};
use super::ruleset::{Chain, Entry, Loaded, Ruleset, TABLES, Table};
use super::sets::Sets;
use super::target;
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

struct Lowering<'l, 'a> {
    loaded: &'l Loaded<'a>,
    sets: Sets<'l, 'a>,
    device: Device,
    diagnostics: Vec<Diagnostic>,
    opaque: Vec<Span>,
    interfaces: BTreeSet<String>,
    definitions: FxHashMap<String, DefinitionId>,
    missing_sets: FxHashSet<String>,
}

/// Finds a user chain's filter and definition by its name.
type FindChain<'f> = dyn Fn(&str) -> Option<(FilterId, Option<DefinitionId>)> + 'f;

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
fn filter_name(ruleset: &Ruleset<'_>, table: &str, chain: &str) -> String {
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

    fn say(
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
            let filter = self.chain(ruleset, table, at, chain, &calls, marks, &|name| {
                let found = table.position(name)?;
                let user = table.chains.get(found).is_some_and(|c| !c.built_in);
                user.then(|| (id(found), definitions.get(found).copied().flatten()))
            });
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

    #[allow(clippy::too_many_arguments)]
    fn chain(
        &mut self,
        ruleset: &Ruleset<'_>,
        table: &Table<'_>,
        at: usize,
        chain: &Chain<'_>,
        calls: &Calls,
        marks: Marks,
        find: &FindChain<'_>,
    ) -> Filter {
        let mut rules = Vec::with_capacity(chain.entries.len() + 1);
        if chain.built_in {
            let (other, name) = match ruleset.protocol {
                Protocol::V4 => (Family::V6, "not IPv4"),
                Protocol::V6 => (Family::V4, "not IPv6"),
            };
            rules.push(Rule::new(name, MatchExpr::Family(other), Action::Permit));
        }
        for (span, text) in &chain.unknown {
            self.opaque.push(*span);
            let action = Action::Opaque(Arc::new(Condition {
                key: format!("change of {}/{}: {text}", table.name, chain.name),
                kind: ConditionKind::NotUnderstood,
                text: text.clone(),
                span: Some(*span),
            }));
            rules.push(Rule::new("conditional change", MatchExpr::Always, action).at(*span));
            self.say(
                "conditional-change",
                Severity::Warning,
                Some(*span),
                format!("`{}` may or may not be executed", shortened(text)),
                Effect::Opaque,
            );
        }
        let hooks = calls.hooks(at);
        let mut seen: FxHashMap<String, u32> = FxHashMap::default();
        for (number, entry) in (1u32..).zip(&chain.entries) {
            let mut scope = Scope {
                protocol: ruleset.protocol,
                table: table.name,
                chain: &chain.name,
                built_in: chain.built_in,
                hooks,
                marks,
                span: entry.span,
                repetition: 0,
            };
            if chains::counts(&entry.rule) {
                let count = seen.entry(entry.rule.text()).or_default();
                scope.repetition = *count;
                *count += 1;
            }
            let cut = calls.is_cut(at, number as usize - 1);
            rules.push(self.rule(entry, number, &scope, cut, find));
        }
        let name = filter_name(ruleset, table.name, &chain.name);
        let default = self.policy(&name, table, chain);
        Filter {
            name,
            rules,
            default,
        }
    }

    /// What happens at the end of a chain.
    fn policy(&mut self, name: &str, table: &Table<'_>, chain: &Chain<'_>) -> Rule {
        if !chain.built_in {
            return Rule::new("end of chain", MatchExpr::Always, Action::Return);
        }
        let Some((policy, span)) = &chain.policy else {
            if !chain.entries.is_empty() {
                self.device.assumptions.push(Assumption {
                    code: "policy-assumed-accept",
                    text: format!("the policy of {name} is not in the file and taken to be ACCEPT"),
                    span: chain.entries.first().map(|e| e.span),
                    device_wide: true,
                });
            }
            return Rule::new("policy ACCEPT", MatchExpr::Always, Action::Permit);
        };
        let action = match (policy.as_str(), table.name) {
            ("ACCEPT", _) => Action::Permit,
            // Only one backend accepts it, and what it does there is not told.
            ("DROP", "nat") => Action::Opaque(Arc::new(Condition {
                key: format!("policy DROP of {name}"),
                kind: ConditionKind::Environment,
                text: "policy DROP in table nat".to_owned(),
                span: Some(*span),
            })),
            ("DROP", _) => Action::Deny,
            _ => {
                self.opaque.push(*span);
                self.say(
                    "rule-not-loadable",
                    Severity::Error,
                    Some(*span),
                    format!("`{policy}` is no policy of a built-in chain"),
                    Effect::Opaque,
                );
                Action::Opaque(Arc::new(Condition {
                    key: format!("policy {policy} of {name}"),
                    kind: ConditionKind::NotUnderstood,
                    text: format!("policy {policy}"),
                    span: Some(*span),
                }))
            }
        };
        Rule::new(format!("policy {policy}"), MatchExpr::Always, action).at(*span)
    }

    fn rule(
        &mut self,
        entry: &Entry<'_>,
        number: u32,
        scope: &Scope<'_>,
        cut: bool,
        find: &FindChain<'_>,
    ) -> Rule {
        let span = entry.span;
        let mut matched = matching::rule(&entry.rule, scope, &mut self.sets);
        let acted = if cut {
            matched.refuse("the jump closes a loop or goes too deep");
            target::Acted {
                action: target::undecided(
                    ConditionKind::NotUnderstood,
                    format!("loop {}", entry.rule.text()),
                    "a jump that closes a loop".to_owned(),
                    scope,
                ),
                effects: Vec::new(),
            }
        } else {
            target::target(&entry.rule, scope, &mut matched, &|name| {
                find(name).map(|f| f.0)
            })
        };
        let mut parts = std::mem::take(&mut matched.parts);
        if !matched.faults.is_empty() {
            let why = matched.faults.join(", ");
            self.say(
                "rule-not-loadable",
                Severity::Error,
                Some(span),
                format!("this rule would not be loaded: {why}"),
                Effect::Opaque,
            );
            self.opaque.push(span);
            parts = vec![MatchExpr::opaque(
                ConditionKind::NotUnderstood,
                format!("rule {}", entry.rule.text()),
                why,
                Some(span),
            )];
        } else if !matched.not_understood.is_empty() {
            self.say(
                "option-not-understood",
                Severity::Warning,
                Some(span),
                format!("`{}` is not understood", matched.not_understood.join(" ")),
                Effect::Opaque,
            );
            self.opaque.push(span);
        }
        if let Some(text) = &entry.conditional {
            parts.push(MatchExpr::opaque(
                ConditionKind::Environment,
                format!("executed: {text}"),
                format!("`{}` is executed", shortened(text)),
                Some(span),
            ));
        }
        if matched.utc {
            self.device.assumptions.push(Assumption {
                code: "time-in-utc",
                text: "the time that is judged is UTC, as `-m time` without --kerneltz has it"
                    .to_owned(),
                span: Some(span),
                device_wide: false,
            });
        }
        self.interfaces
            .append(&mut matched.interfaces.into_iter().collect());
        self.missing_sets.extend(matched.missing_sets);
        let mut expr = MatchExpr::all(parts);
        if acted.action == Action::Continue && acted.effects.is_empty() {
            // Whether it matches makes no difference to any packet.
            expr = expr
                .replace(&|part| matches!(part, MatchExpr::Opaque(_)).then_some(MatchExpr::Always));
        }
        let mut uses: Vec<DefinitionId> = matched
            .sets
            .iter()
            .filter_map(|name| self.definitions.get(&format!("set {name}")).copied())
            .collect();
        if let Some(target) = &entry.rule.target {
            uses.extend(find(&target.name).and_then(|f| f.1));
        }
        Rule {
            effects: acted.effects,
            uses,
            ..Rule::new(number.to_string(), expr, acted.action).at(span)
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
fn shortened(text: &str) -> String {
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
