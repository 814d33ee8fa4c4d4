//! Base chains in the order in which packets meet them.

use super::super::super::iptables::external;
use super::super::ast::Place;
use super::super::ruleset::Chain;
use super::{CONNTRACK, Lowering, PLAIN, Variant, marks};
use fw_model::{
    Action, Assumption, Dimension, Effect, Family, Filter, FilterId, MatchExpr, Rule, Severity,
    Span, Stage, StageKind, View,
};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// A hook, in the order of the hooks on a packet's way: ingress runs before
/// prerouting, egress behind postrouting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hook {
    Ingress,
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
    Egress,
}

impl Hook {
    fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "ingress" => Self::Ingress,
            "prerouting" => Self::Prerouting,
            "input" => Self::Input,
            "forward" => Self::Forward,
            "output" => Self::Output,
            "postrouting" => Self::Postrouting,
            "egress" => Self::Egress,
            _ => return None,
        })
    }

    /// At which priority the kernel translates, whatever the priorities of
    /// the nat chains: those are only the order among them (`nf_nat_core.c`;
    /// checked).
    const fn translates(self) -> i64 {
        match self {
            Self::Prerouting | Self::Output => -100,
            _ => 100,
        }
    }

    /// Which end of a packet is translated here.
    const fn end(self) -> Dimension {
        match self {
            Self::Prerouting | Self::Output => Dimension::Destination,
            _ => Dimension::Source,
        }
    }
}

/// A base chain.
#[derive(Clone, Copy)]
struct Base {
    hook: Hook,
    nat: bool,
    priority: i64,
    /// How many chains were added before.
    number: usize,
    table: usize,
    chain: usize,
}

impl Base {
    /// Of equal priorities the kernel runs the one first that was added last
    /// (`nf_hook_entries_grow`; checked). All nat chains of a hook stand where
    /// the first of them was added.
    fn order(&self, all: &[Self]) -> impl Ord + use<> {
        let (priority, number) = if self.nat {
            let first = all
                .iter()
                .filter(|b| b.nat && b.hook == self.hook)
                .map(|b| b.number)
                .min();
            (self.hook.translates(), first.unwrap_or(self.number))
        } else {
            (self.priority, self.number)
        };
        let among_nat = (self.priority, Reverse(self.number));
        (self.hook, priority, Reverse(number), among_nat)
    }
}

impl Lowering<'_> {
    fn base_chains(&mut self) -> Vec<Base> {
        let ruleset = self.ruleset;
        let mut found = Vec::new();
        for (at, table) in ruleset.tables.iter().enumerate() {
            if table.dormant || matches!(table.name.family.as_str(), "arp" | "bridge") {
                continue;
            }
            for (n, chain) in table.chains.iter().enumerate() {
                let Some(hook) = &chain.hook else { continue };
                let Some(known) = Hook::by_name(&hook.hook) else {
                    self.unknown_hook(&hook.hook, hook.span, chain.place);
                    continue;
                };
                let priority = match hook.priority {
                    Some(priority) => priority,
                    None => {
                        self.unknown_priority(hook.span);
                        0
                    }
                };
                found.push(Base {
                    hook: known,
                    nat: hook.kind == "nat",
                    priority,
                    number: chain.number,
                    table: at,
                    chain: n,
                });
            }
        }
        let all = found.clone();
        found.sort_by_cached_key(|base| base.order(&all));
        found
    }

    /// Puts the base chains into the pipeline.
    pub fn stages(&mut self) {
        let found = self.base_chains();
        self.equal_priorities(&found);
        let mut nat: Vec<(Hook, FilterId)> = Vec::new();
        for base in found {
            let hook = base.hook;
            let variant = Variant {
                nat: base.nat,
                early: hook == Hook::Ingress
                    || (matches!(hook, Hook::Prerouting | Hook::Output)
                        && !base.nat
                        && base.priority < CONNTRACK),
                ingress: hook != Hook::Output,
                egress: hook >= Hook::Forward,
                to_itself: match hook {
                    Hook::Input => Some(true),
                    Hook::Forward => Some(false),
                    _ => None,
                },
            };
            let id = self.filter(base.table, base.chain, variant);
            let name = self
                .device
                .filter(id)
                .map_or_else(String::new, |f| f.name.clone());
            let kind = if base.nat {
                nat.push((hook, id));
                StageKind::Nat
            } else {
                StageKind::Policy
            };
            let stage = Stage {
                name,
                kind,
                filter: id,
                view: View::CURRENT,
            };
            let pipeline = &mut self.device.pipeline;
            match hook {
                Hook::Ingress | Hook::Prerouting => pipeline.prerouting.push(stage),
                Hook::Input => pipeline.input.push(stage),
                Hook::Forward => pipeline.forward.push(stage),
                Hook::Output => pipeline.output.push(stage),
                Hook::Postrouting | Hook::Egress => pipeline.postrouting.push(stage),
            }
        }
        self.drain();
        self.called_by_docker();
        self.drain();
        self.translated_once(&nat);
    }

    /// `DOCKER-USER` without anything that jumps to it: Docker does, in front
    /// of its own rules, from a chain of the hook forward and priority 0 that
    /// the file does not show.
    fn called_by_docker(&mut self) {
        let ruleset = self.ruleset;
        for (at, table) in ruleset.tables.iter().enumerate() {
            let Some(chain) = table.chain("DOCKER-USER") else {
                continue;
            };
            let family = table.name.family.as_str();
            if self.dump
                || table.dormant
                || table.name.name != "filter"
                || !matches!(family, "ip" | "ip6")
                || self.reached.contains(&(at, chain))
                || table.chains.get(chain).is_none_or(|c| c.rules.is_empty())
            {
                continue;
            }
            let to = self.filter(at, chain, PLAIN);
            let span = table.chains.get(chain).map(|c| c.place.span);
            let name = format!("{family} filter FORWARD of Docker");
            let other = if family == "ip" {
                Family::V6
            } else {
                Family::V4
            };
            let mut rules = vec![Rule::new(
                "other family",
                MatchExpr::Family(other),
                Action::Permit,
            )];
            rules.extend(external::jump("Docker", "rules of Docker", to, span));
            let id = self.device.add_filter(Filter {
                name: name.clone(),
                rules,
                default: Rule::new("Docker does not run", MatchExpr::Always, Action::Permit),
            });
            // A drop wins wherever it stands; marks are handed on by those
            // that come first, as Docker's chain does before later priorities.
            self.device.pipeline.forward.insert(
                0,
                Stage {
                    name,
                    kind: StageKind::Policy,
                    filter: id,
                    view: View::CURRENT,
                },
            );
        }
    }

    /// What a nat chain has translated does not meet the nat chains of the
    /// same hook that come behind it.
    fn translated_once(&mut self, nat: &[(Hook, FilterId)]) {
        for (at, &(hook, id)) in nat.iter().enumerate() {
            let names: BTreeSet<String> = nat
                .iter()
                .take(at)
                .filter(|(other, _)| *other == hook)
                .flat_map(|&(_, earlier)| self.translations_in(earlier))
                .collect();
            if names.is_empty() {
                continue;
            }
            let done = MatchExpr::Translated(hook.end(), Some(names.into_iter().collect()));
            if let Some(filter) = self.device.filters.get_mut(id.0 as usize) {
                filter
                    .rules
                    .insert(0, Rule::new("translated already", done, Action::Permit));
            }
        }
    }

    /// The names of the translations that a list and those that it calls make.
    fn translations_in(&self, start: FilterId) -> Vec<String> {
        let mut seen = BTreeSet::from([start]);
        let mut open = vec![start];
        let mut out = Vec::new();
        while let Some(id) = open.pop() {
            for rule in self.device.filter(id).into_iter().flat_map(|f| &f.rules) {
                match &rule.action {
                    Action::Translate(translation) => out.push(translation.name.clone()),
                    Action::Jump(next) | Action::Goto(next) if seen.insert(*next) => {
                        open.push(*next);
                    }
                    _ => {}
                }
            }
        }
        out
    }

    fn unknown_hook(&mut self, hook: &str, span: Span, place: Place) {
        self.opaque.push(place);
        self.device.opaque_lines.push(fw_model::device::OpaqueLine {
            key: format!("hook {hook}"),
            span,
        });
        self.diagnose(
            "not-understood",
            Severity::Warning,
            Some(span),
            format!("hook `{hook}` is not known"),
            Effect::Opaque,
        );
    }

    fn unknown_priority(&mut self, span: Span) {
        self.diagnose(
            "not-understood",
            Severity::Warning,
            Some(span),
            "the priority of the chain is not known; 0 is taken".into(),
            Effect::Assumed,
        );
        self.device.assumptions.push(Assumption {
            code: "priority-assumed",
            text: "a hook priority that is not understood is taken as 0".into(),
            span: Some(span),
            device_wide: true,
        });
    }

    /// The kernel's order of chains of equal priority follows from the order
    /// in which they were loaded, which a dump shows only if none was loaded
    /// anew.
    fn equal_priorities(&mut self, found: &[Base]) {
        let ruleset = self.ruleset;
        let chain = |base: &Base| -> Option<&Chain> {
            ruleset.tables.get(base.table)?.chains.get(base.chain)
        };
        for pair in found.windows(2) {
            let [a, b] = pair else { continue };
            let families = [a, b].map(|base| self.table_family(base.table));
            let apart = matches!(families, [Some(one), Some(other)] if Family::ne(&one, &other));
            let (Some(first), Some(second)) = (chain(a), chain(b)) else {
                continue;
            };
            let marks = |base: &Base, chain| marks::touches(ruleset, base.table, chain);
            let matters = (a.nat && b.nat) || (marks(a, first) && marks(b, second));
            if (a.hook, a.priority) != (b.hook, b.priority) || apart || !matters {
                continue;
            }
            let span = second.hook.as_ref().map(|h| h.span);
            let text = format!(
                "chains `{}` and `{}` of equal priority: the one that stands last in the file is \
                 taken to be loaded last, so that it runs first",
                second.name, first.name
            );
            self.diagnose(
                "equal-priority-order",
                Severity::Warning,
                span,
                text.clone(),
                Effect::Assumed,
            );
            self.device.assumptions.push(Assumption {
                code: "equal-priority-order",
                text,
                span,
                device_wide: true,
            });
        }
    }
}
