//! Outer addresses of virtual addresses and pools as the device's own.

use super::{Lowering, filter, stage};
use crate::vendors::fortinet_fortios::ast::Version;
use fw_model::filter::Action;
use fw_model::match_expr::{Condition, ConditionKind, Dimension, MatchExpr};
use fw_model::{AddressSet, DefinitionId, Rule, Span, StageKind};
use std::net::IpAddr;
use std::sync::Arc;

/// Addresses of a virtual address or a pool.
struct Outer {
    name: String,
    range: (IpAddr, IpAddr),
    span: Span,
    uses: Vec<DefinitionId>,
}

impl Lowering<'_, '_> {
    /// Packets to the outer address of a virtual address or to a pool end at
    /// the device where no virtual address translates them, whether a policy
    /// uses the object or not. Some releases route them on instead.
    /// <https://community.fortinet.com/t5/FortiGate/Technical-Tip-IP-pool-and-virtual-IP-behaviour-changes-in/ta-p/277823>
    pub(super) fn own_nat_addresses(&mut self) {
        let vdom = self.vdom;
        let action = match self.version().map(addresses_are_own) {
            Some(Some(true)) => Action::Deny,
            Some(Some(false)) => return,
            Some(None) | None => {
                let text =
                    "whether outer addresses of NAT are the device's own depends on the version";
                Action::Opaque(Arc::new(Condition {
                    key: "addresses of virtual addresses and pools".to_owned(),
                    kind: ConditionKind::Environment,
                    text: text.to_owned(),
                    span: None,
                }))
            }
        };
        let mut ranges: Vec<Outer> = Vec::new();
        for vip in vdom.vips.iter().filter(|v| v.enabled && v.answers) {
            if let Some(range) = vip.external.filter(|r| !r.0.is_unspecified())
                && vip.external_objects.is_empty()
            {
                ranges.push(Outer {
                    name: format!("outer address of {}", vip.name),
                    range,
                    span: vip.span,
                    uses: self.uses("vip", &[vip.name]),
                });
            }
        }
        for pool in vdom.pools.iter().filter(|p| p.answers) {
            if let Some(range) = pool.range {
                ranges.push(Outer {
                    name: format!("addresses of pool {}", pool.name),
                    range,
                    span: pool.span,
                    uses: self.uses("ippool", &[pool.name]),
                });
            }
        }
        let own = self.device.own_addresses();
        let untranslated = match self.vips.names() {
            Some(names) => MatchExpr::Translated(Dimension::Destination, Some(names)).negate(),
            None => MatchExpr::Always,
        };
        let mut list = filter("addresses of NAT", "no address of NAT", Action::Permit);
        for outer in ranges {
            let (low, high) = outer.range;
            let set = AddressSet::range(low, high).subtract(&own);
            if set.is_empty() {
                continue;
            }
            let match_expr = MatchExpr::all([MatchExpr::destination(set), untranslated.clone()]);
            let mut rule = Rule::new(outer.name.clone(), match_expr, action.clone()).at(outer.span);
            rule.id = Some(outer.name);
            rule.uses = outer.uses;
            list.rules.push(rule);
        }
        if list.rules.is_empty() {
            return;
        }
        let id = self.device.add_filter(list);
        self.device
            .pipeline
            .prerouting
            .push(stage("addresses of NAT", StageKind::Policy, id));
    }
}

/// True if outer addresses of NAT are the device's own in a release.
fn addresses_are_own(version: Version) -> Option<bool> {
    let patch = version.patch;
    match (version.major, version.minor) {
        (6, 4) => patch.map(|p| !(9..=15).contains(&p)),
        (7, 0) => patch.map(|p| !(1..=12).contains(&p)),
        (7, 2) => patch.map(|p| p >= 6),
        (7, 4) => patch.map(|p| p >= 1),
        _ => Some(true),
    }
}
