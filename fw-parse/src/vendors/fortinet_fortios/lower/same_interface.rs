//! Traffic that needs no policy: within a zone that permits it, and back out
//! of the interface it came in by.

use super::Lowering;
use crate::vendors::fortinet_fortios::ast::Version;
use fw_model::filter::Action;
use fw_model::match_expr::{Condition, ConditionKind, Dimension, InterfaceSet, MatchExpr};
use fw_model::{AddressSet, Family, Rule};
use std::sync::Arc;

impl Lowering<'_, '_> {
    /// Packets that leave by the interface they came in by may skip the
    /// policies, see [`Self::same_interface`]. Where a policy permits them
    /// anyway that changes nothing; whether an explicit deny holds them is
    /// not documented, so the condition stays open.
    pub(super) fn redirect_around_policies(&self) -> Option<Rule> {
        let (certain, open) = self.same_interface();
        let all = MatchExpr::any([certain, open]);
        if all == MatchExpr::Never {
            return None;
        }
        let text = "traffic back out of its interface skips deny policies";
        let skips = MatchExpr::opaque(ConditionKind::Environment, text, text, None);
        Some(Rule::new(
            "allow-traffic-redirect",
            MatchExpr::all([all, skips]),
            Action::Permit,
        ))
    }

    /// What stands between the last policy and the implicit deny: traffic
    /// within a zone that permits it, and traffic back out of its interface.
    pub(super) fn between_policies_and_deny(&self) -> Vec<Rule> {
        let mut out = Vec::new();
        let vdom = self.vdom;
        for zone in vdom
            .zones
            .iter()
            .filter(|z| z.intrazone && !z.interfaces.is_empty())
        {
            let names = Arc::new(InterfaceSet::names(
                zone.interfaces.iter().map(|i| (*i).to_owned()),
            ));
            let inside = MatchExpr::all([
                MatchExpr::Ingress(Arc::clone(&names)),
                MatchExpr::Egress(names),
            ]);
            let mut rule = Rule::new(format!("intrazone {}", zone.name), inside, Action::Permit);
            rule.span = zone.span;
            out.push(rule);
        }
        let (certain, open) = self.same_interface();
        let name = "allow-traffic-redirect";
        if certain != MatchExpr::Never {
            out.push(Rule::new(name, certain, Action::Permit));
        }
        if open != MatchExpr::Never {
            let condition = Condition {
                key: "same-interface traffic without a policy".to_owned(),
                kind: ConditionKind::Environment,
                text: "same-interface traffic without a policy depends on the version and on allow-traffic-redirect"
                    .to_owned(),
                span: None,
            };
            out.push(Rule::new(name, open, Action::Opaque(Arc::new(condition))));
        }
        out
    }

    /// Traffic that leaves by the interface it came in by and needs no
    /// policy: certainly, and possibly.
    ///
    /// With `allow-traffic-redirect` (the default before 7.4.10 and 7.6.5)
    /// it passes if its source lies on the interface's subnet and it is not
    /// translated; from other sources it needed a policy before 7.0.16,
    /// 7.2.11 and 7.4.4, and what holds since is not documented clearly.
    /// <https://community.fortinet.com/fortigate-3/technical-tip-traffic-handled-by-fortigate-for-packets-with-ingress-egress-as-same-interface-98332>
    fn same_interface(&self) -> (MatchExpr, MatchExpr) {
        let version = self.version();
        let global = &self.config.global;
        let default = version.and_then(redirect_default);
        let (mut certain, mut open) = (Vec::new(), Vec::new());
        let plain = if self.vips.any {
            MatchExpr::Translated(Dimension::Destination, None).negate()
        } else {
            MatchExpr::Always
        };
        for interface in self.device.interfaces.iter().filter(|i| i.enabled) {
            let names = Arc::new(InterfaceSet::name(interface.name.clone()));
            let back = MatchExpr::all([
                MatchExpr::Ingress(Arc::clone(&names)),
                MatchExpr::Egress(names),
                plain.clone(),
            ]);
            for (family, option) in [
                (Family::V4, global.redirect),
                (Family::V6, global.redirect6),
            ] {
                let connected =
                    AddressSet::of(family, interface.connected().family(family).clone());
                let switch = option.or(default);
                let known = (!connected.is_empty()).then(|| MatchExpr::source(connected));
                let near = match &known {
                    Some(source) => MatchExpr::all([back.clone(), source.clone()]),
                    None => MatchExpr::Never,
                };
                let far = if interface.dynamic_address || (known.is_none() && family == Family::V4)
                {
                    MatchExpr::all([back.clone(), MatchExpr::Family(family)])
                } else {
                    match known {
                        Some(source) => MatchExpr::all([
                            back.clone(),
                            MatchExpr::Family(family),
                            source.negate(),
                        ]),
                        None => MatchExpr::Never,
                    }
                };
                let far_needs_policy = version.is_some_and(off_subnet_needs_policy);
                match switch {
                    Some(true) => {
                        certain.push(near);
                        if !far_needs_policy || interface.dynamic_address {
                            open.push(far);
                        }
                    }
                    Some(false) => {}
                    None => open.extend([near, far]),
                }
            }
        }
        (MatchExpr::any(certain), MatchExpr::any(open))
    }
}

/// The default of `allow-traffic-redirect`.
fn redirect_default(version: Version) -> Option<bool> {
    let at_least = |patch: u16| version.patch.map(|p| p >= patch);
    match (version.major, version.minor) {
        (7, 4) => at_least(10).map(|new| !new),
        (7, 6) => at_least(5).map(|new| !new),
        (7, minor) if minor > 6 => Some(false),
        (major, _) => Some(major < 8),
    }
}

/// True if same-interface traffic from sources off the interface's subnet
/// always needs a policy.
fn off_subnet_needs_policy(version: Version) -> bool {
    let before = |patch: u16| version.patch.is_some_and(|p| p < patch);
    match (version.major, version.minor) {
        (7, 0) => before(16),
        (7, 2) => before(11),
        (7, 4) => before(4),
        (major, _) => major < 7,
    }
}
