//! The ruleset in the common model: every base chain is a stage.

mod fields;
mod flags;
mod maps;
mod marks;
mod matching;
mod membership;
mod nat;
mod rule;
mod selector;
mod stages;
mod values;

use super::ast::{Define, Expr, Place, Policy, Statement, Verdict};
use super::ruleset::{Chain, Ruleset};
use fw_model::{
    Action, Assumption, Condition, ConditionKind, Definition, DefinitionId, Device, Diagnostic,
    Effect, Family, Filter, FilterId, Interface, InterfaceSet, MatchExpr, Rule, Severity, Span,
};
use marks::Marks;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Connection tracking sees packets at this priority.
const CONNTRACK: i64 = -200;

/// What differs between the places from which one chain may be reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Variant {
    /// In a chain of type nat.
    pub nat: bool,
    /// Before connection tracking.
    pub early: bool,
    /// The hook knows by which interface a packet came in.
    pub ingress: bool,
    /// The hook knows by which interface it leaves.
    pub egress: bool,
    /// Whether the destination is an address of the host itself, where the
    /// hook tells: input sees no others, forward none of these.
    pub to_itself: Option<bool>,
}

const PLAIN: Variant = Variant {
    nat: false,
    early: false,
    ingress: true,
    egress: true,
    to_itself: Some(false),
};

/// Where a rule stands, while it is lowered.
pub struct Scope<'r> {
    table: usize,
    variant: Variant,
    /// Family, table and chain.
    chain: &'r str,
    family: Option<Family>,
    span: Span,
    place: Place,
    rule_text: &'r str,
    uses: Vec<DefinitionId>,
}

impl Scope<'_> {
    /// The one family that the table sees.
    fn family(&self) -> Option<Family> {
        self.family
    }

    /// The identity of a condition that every rule has for itself.
    fn own(&self, text: &str) -> String {
        format!("{text} in {}: {}", self.chain, self.rule_text)
    }
}

/// What lowering makes of a ruleset.
pub struct Lowered {
    /// The device.
    pub device: Device,
    /// Remarks.
    pub diagnostics: Vec<Diagnostic>,
    /// Places that are not understood.
    pub opaque: Vec<Place>,
}

/// The state of lowering.
pub struct Lowering<'r> {
    ruleset: &'r Ruleset,
    device: Device,
    diagnostics: Vec<Diagnostic>,
    opaque: Vec<Place>,
    filters: FxHashMap<(usize, usize, Variant), FilterId>,
    /// Chains that have a filter.
    reached: FxHashSet<(usize, usize)>,
    queue: VecDeque<(usize, usize, Variant, FilterId)>,
    chains: Vec<FxHashMap<&'r str, usize>>,
    sets: Vec<FxHashMap<&'r str, usize>>,
    set_definitions: FxHashMap<(usize, usize), DefinitionId>,
    set_cache: FxHashMap<(usize, usize, String, Variant), MatchExpr>,
    interface_names: BTreeSet<String>,
    /// Sets that rules write to.
    written: FxHashSet<(usize, String)>,
    /// A rule hands connections to a synproxy.
    proxied: bool,
    /// The file is a listing, which shows all that calls a chain.
    dump: bool,
    marks: Marks,
}

/// Lowers a ruleset. `complete`: the file holds all that is loaded; `dump`: it
/// is a listing of that.
pub fn lower(
    ruleset: &Ruleset,
    defines: &[Define],
    mut device: Device,
    (complete, dump): (bool, bool),
) -> Lowered {
    device.vendor = "nftables";
    device.tracks_connections = true;
    let mut state = Lowering {
        ruleset,
        device,
        diagnostics: Vec::new(),
        opaque: Vec::new(),
        filters: FxHashMap::default(),
        reached: FxHashSet::default(),
        queue: VecDeque::new(),
        chains: Vec::new(),
        sets: Vec::new(),
        set_definitions: FxHashMap::default(),
        set_cache: FxHashMap::default(),
        interface_names: BTreeSet::new(),
        written: FxHashSet::default(),
        proxied: false,
        dump,
        marks: Marks::of(ruleset),
    };
    state.definitions(defines);
    for (at, table) in ruleset.tables.iter().enumerate() {
        for chain in &table.chains {
            state.survey(at, &chain.rules);
        }
    }
    state.stages();
    for (at, table) in ruleset.tables.iter().enumerate() {
        if table.name.family == "arp" {
            continue;
        }
        for chain in 0..table.chains.len() {
            if !state.reached.contains(&(at, chain)) {
                state.filter(at, chain, PLAIN);
            }
        }
        state.drain();
    }
    state.assumptions(complete);
    for name in std::mem::take(&mut state.interface_names) {
        state.device.interfaces.push(Interface {
            name,
            enabled: true,
            ..Interface::default()
        });
    }
    Lowered {
        device: state.device,
        diagnostics: state.diagnostics,
        opaque: state.opaque,
    }
}

impl<'r> Lowering<'r> {
    fn definitions(&mut self, defines: &[Define]) {
        let id = |n: usize| DefinitionId(u32::try_from(n).unwrap_or(u32::MAX));
        for define in defines {
            self.device.definitions.push(Definition {
                kind: "define",
                name: define.name.clone(),
                span: define.place.span,
                last_line: define.place.last_line,
                uses: define.uses.iter().map(|&u| id(u.into())).collect(),
            });
        }
        let ruleset = self.ruleset;
        for (at, table) in ruleset.tables.iter().enumerate() {
            self.chains.push(
                table
                    .chains
                    .iter()
                    .enumerate()
                    .map(|(n, c)| (c.name.as_str(), n))
                    .collect(),
            );
            self.sets.push(
                table
                    .sets
                    .iter()
                    .enumerate()
                    .map(|(n, s)| (s.name.as_str(), n))
                    .collect(),
            );
            for (n, set) in table.sets.iter().enumerate() {
                let definition = id(self.device.definitions.len());
                self.set_definitions.insert((at, n), definition);
                self.device.definitions.push(Definition {
                    kind: if set.map { "map" } else { "set" },
                    name: format!("{} {} {}", table.name.family, table.name.name, set.name),
                    span: set.place.span,
                    last_line: set.place.last_line,
                    uses: set.defines.iter().map(|&u| id(u.into())).collect(),
                });
            }
        }
    }

    /// Notes what rules do that others depend on.
    fn survey(&mut self, table: usize, rules: &[super::ast::Rule]) {
        for rule in rules {
            for statement in &rule.statements {
                match statement {
                    Statement::SetUpdate { set, .. } => {
                        self.written.insert((table, set.clone()));
                    }
                    Statement::Diverted(text) => self.proxied |= text.starts_with("synproxy"),
                    Statement::Verdict(Verdict::JumpBlock(rules) | Verdict::GotoBlock(rules)) => {
                        self.survey(table, rules);
                    }
                    _ => {}
                }
            }
        }
    }

    fn set(&self, scope: &Scope<'_>, name: &str) -> Option<usize> {
        self.sets.get(scope.table)?.get(name).copied()
    }

    fn use_set(&self, scope: &mut Scope<'_>, at: usize) {
        if let Some(&id) = self.set_definitions.get(&(scope.table, at))
            && !scope.uses.contains(&id)
        {
            scope.uses.push(id);
        }
    }

    /// An expression with a named set replaced by its elements.
    fn resolved(&self, scope: &Scope<'_>, expr: &Expr) -> Expr {
        if let Expr::Named(name) = expr
            && let Some(at) = self.set(scope, name)
            && let Some(set) = self
                .ruleset
                .tables
                .get(scope.table)
                .and_then(|t| t.sets.get(at))
        {
            return Expr::Set(set.elements.clone());
        }
        expr.clone()
    }

    fn diagnose(
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

    /// A part of a rule that is not understood.
    fn not_understood(&mut self, scope: &mut Scope<'_>, text: String) -> MatchExpr {
        self.opaque.push(scope.place);
        self.diagnose(
            "not-understood",
            Severity::Warning,
            Some(scope.span),
            format!("`{text}` is not understood"),
            Effect::Opaque,
        );
        MatchExpr::opaque(
            ConditionKind::NotUnderstood,
            text.clone(),
            text,
            Some(scope.span),
        )
    }

    fn undefined_set(&mut self, scope: &mut Scope<'_>, name: &str) -> MatchExpr {
        self.diagnose(
            "undefined-reference",
            Severity::Warning,
            Some(scope.span),
            format!("set `{name}` is not defined; nft refuses to load such a file"),
            Effect::Opaque,
        );
        let text = format!("@{name}");
        MatchExpr::opaque(
            ConditionKind::Environment,
            format!("undefined set {name} in {}", scope.chain),
            text,
            Some(scope.span),
        )
    }

    /// The filter of a chain; lowered later if it is new.
    fn filter(&mut self, table: usize, chain: usize, variant: Variant) -> FilterId {
        let key = (table, chain, variant);
        if let Some(&id) = self.filters.get(&key) {
            return id;
        }
        let ruleset = self.ruleset;
        let mut name = match ruleset.tables.get(table) {
            Some(t) => {
                let chain = t.chains.get(chain).map_or("", |c| &c.name);
                format!("{} {} {chain}", t.name.family, t.name.name)
            }
            None => String::new(),
        };
        if !self.reached.insert((table, chain)) {
            for (set, word) in [
                (variant.nat, "nat"),
                (variant.early, "before connection tracking"),
                (!variant.ingress, "no ingress"),
                (!variant.egress, "no egress"),
                (variant.to_itself == Some(true), "to the host"),
            ] {
                if set {
                    name.push_str(&format!(" ({word})"));
                }
            }
            if variant == PLAIN {
                name.push_str(" (forwarded)");
            } else if variant.ingress && variant.egress {
                name.push_str(" (all interfaces)");
            }
        }
        let id = self.device.add_filter(Filter {
            name,
            rules: Vec::new(),
            default: Rule::new("end of chain", MatchExpr::Always, Action::Return),
        });
        self.filters.insert(key, id);
        self.queue.push_back((table, chain, variant, id));
        id
    }

    /// Lowers the chains that wait.
    fn drain(&mut self) {
        while let Some((table, chain, variant, id)) = self.queue.pop_front() {
            let ruleset = self.ruleset;
            let Some(t) = ruleset.tables.get(table) else {
                continue;
            };
            let Some(c) = t.chains.get(chain) else {
                continue;
            };
            let mut rules = Vec::new();
            let mut default = Rule::new("end of chain", MatchExpr::Always, Action::Return);
            if c.hook.is_some() {
                self.gate(table, c, &mut rules);
                default = self.policy(table, c, variant);
            }
            let name = format!("{} {} {}", t.name.family, t.name.name, c.name);
            self.chain_rules(table, &name, variant, &c.rules, &mut rules);
            if let Some(filter) = self.device.filters.get_mut(id.0 as usize) {
                filter.rules = rules;
                filter.default = default;
            }
        }
    }

    /// What a base chain does not see passes it.
    fn gate(&mut self, table: usize, chain: &Chain, rules: &mut Vec<Rule>) {
        let family = self.table_family(table);
        if let Some(family) = family {
            rules.push(Rule::new(
                "family",
                MatchExpr::Family(family).negate(),
                Action::Permit,
            ));
        }
        let Some(hook) = &chain.hook else { return };
        if !matches!(hook.hook.as_str(), "ingress" | "egress") {
            return;
        }
        let on = if hook.devices.is_empty() {
            // JSON of some versions leaves the device out.
            let text = format!("device of the {} hook of chain {}", hook.hook, chain.name);
            MatchExpr::opaque(
                ConditionKind::Environment,
                text.clone(),
                text,
                Some(hook.span),
            )
        } else {
            let set = Arc::new(InterfaceSet::names(hook.devices.iter().cloned()));
            self.interface_names.extend(hook.devices.iter().cloned());
            if hook.hook == "ingress" {
                MatchExpr::Ingress(set)
            } else {
                MatchExpr::Egress(set)
            }
        };
        rules.push(Rule::new("device", on.negate(), Action::Permit).at(hook.span));
    }

    fn table_family(&self, table: usize) -> Option<Family> {
        match self.ruleset.tables.get(table)?.name.family.as_str() {
            "ip" => Some(Family::V4),
            "ip6" => Some(Family::V6),
            _ => None,
        }
    }

    fn policy(&mut self, table: usize, chain: &Chain, variant: Variant) -> Rule {
        let family = self.ruleset.tables.get(table).map(|t| &t.name);
        let what = format!(
            "policy of {} {} {}",
            family.map_or("", |n| &n.family),
            family.map_or("", |n| &n.name),
            chain.name
        );
        let opaque = |kind: ConditionKind, text: String, span: Option<Span>| {
            Action::Opaque(Arc::new(Condition {
                key: format!("{text} ({what})"),
                kind,
                text,
                span,
            }))
        };
        match chain.policy {
            None => Rule::new("policy accept", MatchExpr::Always, Action::Permit),
            Some((Policy::Accept, span)) => {
                Rule::new("policy accept", MatchExpr::Always, Action::Permit).at(span)
            }
            Some((Policy::Drop, span)) if variant.nat => {
                let action = opaque(
                    ConditionKind::Environment,
                    "policy drop in a nat chain".into(),
                    Some(span),
                );
                self.nat_drop(span);
                Rule::new("policy drop", MatchExpr::Always, action).at(span)
            }
            Some((Policy::Drop, span)) => {
                Rule::new("policy drop", MatchExpr::Always, Action::Deny).at(span)
            }
            Some((Policy::Unknown, span)) => {
                let action = opaque(ConditionKind::NotUnderstood, "policy".into(), Some(span));
                Rule::new("policy", MatchExpr::Always, action).at(span)
            }
        }
    }

    fn nat_drop(&mut self, span: Span) {
        self.diagnose(
            "nat-chain-drop",
            Severity::Warning,
            Some(span),
            "a drop in a nat chain has an effect only where connection tracking is active".into(),
            Effect::Opaque,
        );
    }

    fn assumptions(&mut self, complete: bool) {
        let ruleset = self.ruleset;
        if !complete {
            self.device.assumptions.push(Assumption {
                code: "ruleset-assumed-complete",
                text: "no other nftables tables and no iptables rules are loaded besides this file"
                    .into(),
                span: None,
                device_wide: true,
            });
        }
        if let Some(bridge) = ruleset.tables.iter().find(|t| t.name.family == "bridge") {
            self.device.assumptions.push(Assumption {
                code: "bridge-tables-unbound",
                text: "tables of the bridge family see bridged frames only; routed packets are \
                       judged without them"
                    .into(),
                span: Some(bridge.place.span),
                device_wide: true,
            });
        }
        for (text, place) in &ruleset.failed {
            self.opaque.push(*place);
            self.device.opaque_lines.push(fw_model::device::OpaqueLine {
                key: text.clone(),
                span: place.span,
            });
            self.diagnose(
                "command-not-applied",
                Severity::Warning,
                Some(place.span),
                format!("`{text}` works on something that is not in the file"),
                Effect::Opaque,
            );
        }
        for (text, place) in &ruleset.unknown {
            self.opaque.push(*place);
            self.device.opaque_lines.push(fw_model::device::OpaqueLine {
                key: text.clone(),
                span: place.span,
            });
            let include = text.starts_with("include");
            self.diagnose(
                if include {
                    "include-missing"
                } else {
                    "not-understood"
                },
                Severity::Warning,
                Some(place.span),
                if include {
                    format!("`{text}`: the file is not among the inputs")
                } else {
                    format!("`{text}` is not understood")
                },
                Effect::Opaque,
            );
        }
    }
}
