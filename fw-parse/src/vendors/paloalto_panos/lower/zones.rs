//! Zones as lists of interfaces.

use crate::vendors::paloalto_panos::ast::Word;
use fw_model::{ConditionKind, InterfaceSet, MatchExpr};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The zones of one rulebase.
#[derive(Debug, Default)]
pub(super) struct Zones {
    /// In order of configuration.
    pub(super) list: Vec<(String, Arc<InterfaceSet>)>,
    index: FxHashMap<String, usize>,
    /// The configuration does not define zones; those that rules name stand
    /// for one interface each.
    pub(super) assumed: bool,
    cache: FxHashMap<String, Arc<InterfaceSet>>,
}

impl Zones {
    /// Takes zone names with their interfaces.
    pub(super) fn new(list: Vec<(String, Vec<String>)>, assumed: bool) -> Self {
        let mut out = Self {
            assumed,
            ..Self::default()
        };
        for (name, interfaces) in list {
            let at = *out.index.entry(name.clone()).or_insert(out.list.len());
            if at == out.list.len() {
                out.list
                    .push((name, Arc::new(InterfaceSet::names(interfaces))));
            } else if let Some((_, set)) = out.list.get_mut(at) {
                let mut names = set.names.clone();
                names.extend(interfaces);
                *set = Arc::new(InterfaceSet::names(names));
            }
        }
        out
    }

    /// The interfaces of a zone.
    pub(super) fn interfaces(&self, name: &str) -> Option<&Arc<InterfaceSet>> {
        self.list.get(*self.index.get(name)?).map(|(_, set)| set)
    }

    /// The interfaces of all zones.
    pub(super) fn all(&self) -> InterfaceSet {
        let mut names: Vec<String> = self
            .list
            .iter()
            .flat_map(|(_, set)| set.names.iter().cloned())
            .collect();
        names.sort_unstable();
        names.dedup();
        InterfaceSet::names(names)
    }

    fn union(&mut self, words: &[Word<'_>]) -> Arc<InterfaceSet> {
        if let [one] = words
            && let Some(set) = self.interfaces(one.text)
        {
            return Arc::clone(set);
        }
        let key = words
            .iter()
            .map(|w| w.text)
            .collect::<Vec<_>>()
            .join("\u{0}");
        if let Some(set) = self.cache.get(&key) {
            return Arc::clone(set);
        }
        let mut names: Vec<String> = Vec::new();
        for word in words {
            if let Some(set) = self.interfaces(word.text) {
                names.extend(set.names.iter().cloned());
            }
        }
        names.sort_unstable();
        names.dedup();
        let set = Arc::new(InterfaceSet::names(names));
        self.cache.insert(key, Arc::clone(&set));
        set
    }

    /// A condition on one side of a rule: `any`, or the interfaces of zones.
    /// `None` if no zone is given at all.
    pub(super) fn side(&mut self, words: &[Word<'_>], ingress: bool) -> Option<MatchExpr> {
        if words.is_empty() {
            return None;
        }
        if words.iter().any(|w| w.text == "any") {
            return Some(MatchExpr::Always);
        }
        let set = self.union(words);
        let mut parts = Vec::new();
        if !set.names.is_empty() {
            parts.push(if ingress {
                MatchExpr::Ingress(set)
            } else {
                MatchExpr::Egress(set)
            });
        }
        // Packets to group addresses leave by the predefined zone `multicast`.
        if words.iter().any(|w| w.text == "multicast") && self.interfaces("multicast").is_none() {
            parts.push(MatchExpr::opaque(
                ConditionKind::Environment,
                "zone multicast",
                "zone multicast",
                None,
            ));
        }
        Some(MatchExpr::any(parts))
    }

    /// Both sides lie in one of these zones (`None`: in any one zone).
    pub(super) fn within(&self, words: Option<&[Word<'_>]>) -> MatchExpr {
        let wanted =
            |name: &str| words.is_none_or(|w| w.iter().any(|z| z.text == name || z.text == "any"));
        MatchExpr::any(
            self.list
                .iter()
                .filter(|(name, set)| wanted(name) && !set.names.is_empty())
                .map(|(_, set)| {
                    MatchExpr::all([
                        MatchExpr::Ingress(Arc::clone(set)),
                        MatchExpr::Egress(Arc::clone(set)),
                    ])
                }),
        )
    }
}
