//! Thresholds, and policies from one address family to the other.

use super::address::Book;
use super::{Lowering, filter, stage};
use crate::vendors::fortinet_fortios::ast::FamilyPolicy;
use fw_model::filter::Action;
use fw_model::match_expr::{Condition, ConditionKind, Dimension, MatchExpr};
use fw_model::treatment::{Treatment, TreatmentKind, TreatmentRule};
use fw_model::{AddressSet, Family, Rule, StageKind};
use std::net::IpAddr;
use std::sync::Arc;

impl Lowering<'_, '_> {
    /// DoS policies act on rates, which are no matter of a packet: traffic is
    /// taken to stay below the thresholds, and an edited policy is a change.
    pub(super) fn thresholds(&mut self) {
        let vdom = self.vdom;
        for policy in &vdom.dos {
            let span = Some(policy.span);
            let (book, family) = if policy.v6 {
                (Book::V6, Family::V6)
            } else {
                (Book::V4, Family::V4)
            };
            let ingress = self.interfaces(&policy.interface);
            let mut parts = vec![
                MatchExpr::Family(family),
                ingress.map_or(MatchExpr::Always, MatchExpr::Ingress),
            ];
            for (names, dimension) in [
                (&policy.source, Dimension::Source),
                (&policy.destination, Dimension::Destination),
            ] {
                parts.push(self.addresses.union(book, names, span).expr(dimension));
            }
            parts.push(self.services.union(&policy.service, span).expr());
            self.device.treatments.push(TreatmentRule {
                match_expr: MatchExpr::all(parts),
                treatment: Treatment {
                    kind: TreatmentKind::Inspection,
                    value: format!(
                        "DoS-policy {} (settings {:08x})",
                        policy.id, policy.settings
                    ),
                    span,
                },
            });
        }
    }

    /// What becomes of packets that `policy46` or `policy64` may take is not
    /// modeled: these packets are undecided, those of the other family are
    /// none of theirs.
    pub(super) fn between_families(&mut self) {
        let vdom = self.vdom;
        let mut list = filter("policies between families", "none of them", Action::Permit);
        for policy in &vdom.between_families {
            let ingress = self.interfaces(&policy.srcintf);
            let name = if policy.from_v6 {
                "policy64"
            } else {
                "policy46"
            };
            let condition = Condition {
                key: format!("{name} {}", policy.text),
                kind: ConditionKind::NotUnderstood,
                text: format!("{name} {} may translate to the other family", policy.id),
                span: Some(policy.span),
            };
            let match_expr = MatchExpr::all([
                self.taken(policy),
                ingress.map_or(MatchExpr::Always, MatchExpr::Ingress),
            ]);
            let action = Action::Opaque(Arc::new(condition));
            let rule = Rule::new(format!("{name} {}", policy.id), match_expr, action);
            list.rules.push(rule.at(policy.span));
        }
        if !list.rules.is_empty() {
            let id = self.device.add_filter(list);
            self.device.pipeline.prerouting.push(stage(
                "policies between families",
                StageKind::Policy,
                id,
            ));
        }
    }

    /// The packets that a policy may take: of IPv4 those to the outer
    /// addresses of its `vip46` objects, where all are known.
    fn taken(&self, policy: &FamilyPolicy<'_>) -> MatchExpr {
        if policy.from_v6 {
            return MatchExpr::Family(Family::V6);
        }
        let known = |name: &&str| -> Option<(IpAddr, IpAddr)> {
            let mut all = self.vdom.vips46.iter();
            all.find(|(n, _)| n == name).and_then(|(_, outer)| *outer)
        };
        let outer: Option<Vec<(IpAddr, IpAddr)>> = policy.destination.iter().map(known).collect();
        match outer {
            Some(outer) if !outer.is_empty() => {
                let sets: Vec<AddressSet> = outer
                    .into_iter()
                    .map(|(low, high)| AddressSet::range(low, high))
                    .collect();
                MatchExpr::destination(AddressSet::union_all(&sets))
            }
            _ => MatchExpr::Family(Family::V4),
        }
    }
}
