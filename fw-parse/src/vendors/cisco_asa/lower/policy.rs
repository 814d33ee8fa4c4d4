//! The policy of the device: which list a packet meets, and what decides
//! where no list does.
//!
//! Order of the input decision. Source: ASA CLI configuration guide, "Access
//! Rules": interface rule, global rule, implicit deny; without any list the
//! security levels decide.

use super::super::ast::{AccessList, Beside, Binding, Place};
use super::Lowering;
use super::acl::IMPLICIT_DENY;
use fw_model::{
    Action, AddressSet, Condition, ConditionKind, Effect, Family, Filter, FilterId, InterfaceSet,
    MatchExpr, Rule, ServiceSet, Severity, Span, Stage, StageKind, Tunnel, View,
};
use std::net::IpAddr;
use std::sync::Arc;

/// An interface as the policy sees it.
#[derive(Clone)]
struct Side {
    name: String,
    level: Option<u32>,
    place: Option<Place>,
    management: bool,
}

/// A bound list.
#[derive(Clone, Copy)]
struct Bound {
    filter: FilterId,
    ipv6: bool,
    place: Place,
}

fn ingress(name: &str) -> MatchExpr {
    MatchExpr::Ingress(Arc::new(InterfaceSet::name(name)))
}

fn egress(name: &str) -> MatchExpr {
    MatchExpr::Egress(Arc::new(InterfaceSet::name(name)))
}

fn egress_any(names: Vec<String>) -> MatchExpr {
    MatchExpr::Egress(Arc::new(InterfaceSet::names(names)))
}

impl<'a> Lowering<'_, 'a> {
    pub(super) fn policies(&mut self) {
        let sides = self.sides();
        let global = self
            .config
            .access_groups
            .iter()
            .find(|g| g.binding == Binding::Global)
            .copied();
        self.lists(global.map(|g| g.list));
        self.input_stage(&sides, global.is_some());
        self.output_stage();
    }

    fn sides(&self) -> Vec<Side> {
        self.device
            .interfaces
            .iter()
            .map(|i| {
                let found = self
                    .config
                    .interfaces
                    .iter()
                    .rev()
                    .find(|c| c.name == Some(i.name.as_str()));
                let level = found.and_then(|c| c.level).or_else(|| {
                    // The defaults of `nameif`: 100 for `inside`, else 0.
                    found
                        .filter(|_| self.config.describes_interfaces)
                        .map(|_| if i.name == "inside" { 100 } else { 0 })
                });
                Side {
                    name: i.name.clone(),
                    level,
                    place: found.and_then(|c| c.level_place.or(Some(c.place))),
                    management: i.management_only,
                }
            })
            .collect()
    }

    /// Lowers every list, bound or not. A list that is searched before a
    /// global one hands back what it does not match; every other one denies.
    fn lists(&mut self, global: Option<&str>) {
        let config = self.config;
        for list in &config.access_lists {
            let hands_back = global.is_some_and(|g| g != list.name)
                && config
                    .access_groups
                    .iter()
                    .any(|g| g.list == list.name && matches!(g.binding, Binding::In(_)));
            let action = if hands_back {
                Action::Return
            } else {
                Action::Deny
            };
            let default = Rule::new(IMPLICIT_DENY, MatchExpr::Always, action);
            let filter = self.access_list(list, default);
            self.device.add_filter(filter);
        }
    }

    /// The lists of a name: one for IPv4 or both families, and one for IPv6.
    fn lists_of(&self, name: &str) -> Vec<(usize, &'_ AccessList<'a>)> {
        self.config
            .access_lists
            .iter()
            .enumerate()
            .filter(|(_, l)| l.name == name)
            .collect()
    }

    fn bound(&mut self, name: &str, place: Place) -> Vec<Bound> {
        let found: Vec<Bound> = self
            .lists_of(name)
            .into_iter()
            .filter(|(_, l)| !l.entries.is_empty())
            .filter_map(|(at, l)| {
                Some(Bound {
                    filter: FilterId(u32::try_from(at).ok()?),
                    ipv6: l.ipv6,
                    place,
                })
            })
            .collect();
        if !found.is_empty() {
            return found;
        }
        self.note(
            "undefined-access-list",
            Severity::Warning,
            Effect::Opaque,
            Some(place),
            format!("access list `{name}` is bound but not in the file; what the device does is not known"),
        );
        let span = self.span(place);
        let condition = Condition {
            key: format!("access list {name} is not defined"),
            kind: ConditionKind::NotUnderstood,
            text: format!("access list {name}, which is not in the file"),
            span: Some(span),
        };
        let filter = self.device.add_filter(Filter {
            name: name.to_owned(),
            rules: Vec::new(),
            default: Rule::new(
                "undefined",
                MatchExpr::Always,
                Action::Opaque(Arc::new(condition)),
            ),
        });
        vec![Bound {
            filter,
            ipv6: false,
            place,
        }]
    }

    /// True if IPv6 has lists of its own and there is any IPv6.
    fn split_families(&self) -> bool {
        self.dialect.any_is_v4
            && (self.config.access_lists.iter().any(|l| l.ipv6)
                || self
                    .config
                    .interfaces
                    .iter()
                    .any(|i| i.addresses.iter().any(|(a, _)| a.is_ipv6())))
    }

    fn input_stage(&mut self, sides: &[Side], has_global: bool) {
        let mut rules = self.pre_filters(sides);
        rules.extend(self.same_security(sides));
        let split = self.split_families();
        let family = |bound: &Bound| match (split, bound.ipv6) {
            (false, _) => MatchExpr::Always,
            (true, false) => MatchExpr::Family(Family::V4),
            (true, true) => MatchExpr::Family(Family::V6),
        };
        // Families that have a list, by interface.
        let mut covered: Vec<(String, bool, bool)> = Vec::new();
        for side in sides {
            let groups: Vec<_> = self
                .config
                .access_groups
                .iter()
                .filter(|g| matches!(g.binding, Binding::In(i) if i == side.name))
                .copied()
                .collect();
            for group in groups {
                for bound in self.bound(group.list, group.place) {
                    rules.push(
                        Rule::new(
                            format!("access-group {} in", group.list),
                            MatchExpr::all([ingress(&side.name), family(&bound)]),
                            Action::Jump(bound.filter),
                        )
                        .at(self.span(bound.place)),
                    );
                    covered.push((
                        side.name.clone(),
                        !bound.ipv6 || !split,
                        bound.ipv6 || !split,
                    ));
                }
            }
        }
        let global = self
            .config
            .access_groups
            .iter()
            .find(|g| g.binding == Binding::Global)
            .copied();
        if let Some(group) = global {
            for bound in self.bound(group.list, group.place) {
                rules.push(
                    Rule::new(
                        format!("access-group {} global", group.list),
                        family(&bound),
                        Action::Jump(bound.filter),
                    )
                    .at(self.span(bound.place)),
                );
            }
        }
        if !has_global || split {
            for side in sides {
                let v4 = covered.iter().any(|(n, v4, _)| *n == side.name && *v4);
                let v6 = covered.iter().any(|(n, _, v6)| *n == side.name && *v6);
                let left = match (v4, v6) {
                    (true, true) => continue,
                    (false, false) => MatchExpr::Always,
                    (true, false) => MatchExpr::Family(Family::V6),
                    (false, true) => MatchExpr::Family(Family::V4),
                };
                self.level_rules(side, sides, &left, &mut rules);
            }
        }
        let default = if self.config.describes_interfaces {
            Rule::new(IMPLICIT_DENY, MatchExpr::Always, Action::Deny)
        } else {
            Rule::new(
                "no interfaces",
                MatchExpr::Always,
                Action::Opaque(Arc::new(Condition {
                    key: "interfaces are not in the file".into(),
                    kind: ConditionKind::Environment,
                    text: "the file does not describe the interfaces".into(),
                    span: None,
                })),
            )
        };
        let filter = self.device.add_filter(Filter {
            name: "input policy".into(),
            rules,
            default,
        });
        self.device.pipeline.forward.push(Stage {
            name: "input access list".into(),
            kind: StageKind::Policy,
            filter,
            view: if self.dialect.real_addresses {
                View {
                    original_source: true,
                    original_destination: false,
                    original_service: false,
                }
            } else {
                View::ORIGINAL
            },
        });
    }

    /// What is decided before any list: opaque interfaces, decrypted traffic,
    /// `shun` and `established`.
    fn pre_filters(&mut self, sides: &[Side]) -> Vec<Rule> {
        let mut rules = Vec::new();
        let config = self.config;
        for interface in &config.interfaces {
            let Some(name) = interface.name else {
                continue;
            };
            for (text, place) in &interface.opaque {
                let span = self.span(*place);
                rules.push(
                    Rule::new(
                        format!("interface {name}: {text}"),
                        MatchExpr::any([ingress(name), egress(name)]),
                        Action::Opaque(Arc::new(Condition {
                            key: format!("interface {name}: {text}"),
                            kind: ConditionKind::NotUnderstood,
                            text: text.clone(),
                            span: Some(span),
                        })),
                    )
                    .at(span),
                );
            }
        }
        let management: Vec<String> = sides
            .iter()
            .filter(|s| s.management)
            .map(|s| s.name.clone())
            .collect();
        if !management.is_empty() {
            let set = Arc::new(InterfaceSet::names(management));
            let mut rule = Rule::new(
                "management-only",
                MatchExpr::any([MatchExpr::Ingress(Arc::clone(&set)), MatchExpr::Egress(set)]),
                Action::Deny,
            );
            rule.assumption = Some(self.assumption(
                "management-only-no-transit",
                "management-only interfaces carry no traffic through the device",
            ));
            rules.push(rule);
        }
        for (beside, place) in &config.beside {
            let span = self.span(*place);
            match beside {
                Beside::Shun(who) => rules.push(shun(*who, span)),
                Beside::Established(protocol, text) => {
                    let what = protocol.map_or(MatchExpr::Always, |p| {
                        MatchExpr::service(ServiceSet::protocol(p))
                    });
                    let text = format!("established {text}");
                    rules.push(
                        Rule::new(
                            text.clone(),
                            MatchExpr::all([
                                what,
                                MatchExpr::opaque(
                                    ConditionKind::Rate,
                                    text.clone(),
                                    text,
                                    Some(span),
                                ),
                            ]),
                            Action::Permit,
                        )
                        .at(span),
                    );
                }
                _ => {}
            }
        }
        rules.extend(self.decrypted());
        rules
    }

    /// Decrypted packets bypass the lists of their interface; whether a
    /// packet comes out of a tunnel is not in its header.
    fn decrypted(&mut self) -> Vec<Rule> {
        let config = self.config;
        let mut rules = Vec::new();
        if config.vpn_is_filtered {
            return rules;
        }
        for (map, interface, _) in &config.crypto_bindings {
            for (_, sequence, list, place) in
                config.crypto_matches.iter().filter(|(m, ..)| m == map)
            {
                let span = self.span(*place);
                let from_tunnel = self.list_match(list, true);
                rules.push(
                    Rule::new(
                        format!("crypto map {map} {sequence}"),
                        MatchExpr::all([ingress(interface), from_tunnel]),
                        Action::Opaque(decrypted(map, sequence, span)),
                    )
                    .at(span),
                );
            }
        }
        for (name, first, last, place) in &config.pools {
            let span = self.span(*place);
            rules.push(
                Rule::new(
                    format!("ip local pool {name}"),
                    MatchExpr::source(AddressSet::range(*first, *last)),
                    Action::Opaque(Arc::new(Condition {
                        key: format!("decrypted from pool {name}"),
                        kind: ConditionKind::Environment,
                        text: format!("packets of pool {name} come out of a tunnel and bypass the access lists"),
                        span: Some(span),
                    })),
                )
                .at(span),
            );
        }
        rules
    }

    /// Crypto maps and tunnel interfaces as tunnels. Of a crypto map, packets that leave by their interface and that
    /// the list permits, with the addresses they have after translation, go to
    /// the peer. The sequence numbers are the order of the entries.
    pub(super) fn tunnels(&mut self) {
        let config = self.config;
        let mut found = Vec::new();
        for (map, interface, _) in &config.crypto_bindings {
            for (_, sequence, list, place) in
                config.crypto_matches.iter().filter(|(m, ..)| m == map)
            {
                let span = self.span(*place);
                let takes = self.list_match(list, false);
                let peers = config
                    .crypto_peers
                    .iter()
                    .filter(|(m, s, _)| m == map && s == sequence)
                    .flat_map(|(.., peers)| peers.iter().copied())
                    .collect();
                let condition = decrypted(map, sequence, span);
                let order: u32 = sequence.parse().unwrap_or(u32::MAX);
                found.push((
                    order,
                    Tunnel {
                        name: format!("crypto map {map} {sequence}"),
                        interface: (*interface).to_owned(),
                        takes: Some(takes),
                        peers,
                        awaits: false,
                        through: Some((*interface).to_owned()),
                        decrypted: (!config.vpn_is_filtered).then_some(condition),
                        selectors: Vec::new(),
                        strict: true,
                        span: Some(span),
                    },
                ));
            }
        }
        found.sort_by_key(|(order, _)| *order);
        self.device.tunnels = found.into_iter().map(|(_, tunnel)| tunnel).collect();
        // Virtual tunnel interfaces take what is routed to them.
        for interface in &config.interfaces {
            let (through, Some(peer)) = interface.tunnel else {
                continue;
            };
            let Some(name) = interface.name else { continue };
            self.device.tunnels.push(Tunnel {
                name: format!("tunnel interface {name}"),
                interface: name.to_owned(),
                takes: None,
                peers: vec![peer],
                awaits: false,
                through: through.map(str::to_owned),
                decrypted: None,
                selectors: Vec::new(),
                strict: true,
                span: Some(self.span(interface.place)),
            });
        }
    }

    /// What a list permits, as one condition; `mirrored` with its ends
    /// swapped.
    pub(super) fn list_match(&mut self, name: &str, mirrored: bool) -> MatchExpr {
        use super::super::ast::{AceAction, EntryKind};
        let config = self.config;
        let Some(list) = config
            .access_lists
            .iter()
            .find(|l| l.name == name && !l.entries.is_empty())
        else {
            return MatchExpr::opaque(
                ConditionKind::NotUnderstood,
                format!("access list {name} is not defined"),
                format!("access list {name}, which is not in the file"),
                None,
            );
        };
        let mut permits = Vec::new();
        let mut denies: Vec<MatchExpr> = Vec::new();
        for entry in &list.entries {
            let (action, part) = match &entry.kind {
                EntryKind::Remark => continue,
                EntryKind::Ace(ace) if ace.inactive => continue,
                EntryKind::Ace(ace) => {
                    let mut ace = ace.clone();
                    if mirrored {
                        std::mem::swap(&mut ace.source, &mut ace.destination);
                    }
                    (Some(ace.action), self.ace_match(list.ipv6, &ace))
                }
                EntryKind::Opaque(action, text) => (
                    *action,
                    MatchExpr::opaque(
                        ConditionKind::NotUnderstood,
                        format!("access-list entry {text}"),
                        text.clone(),
                        Some(self.span(entry.place)),
                    ),
                ),
            };
            if action == Some(AceAction::Deny) {
                denies.push(part.negate());
            } else {
                permits.push(MatchExpr::all(denies.iter().cloned().chain([part])));
            }
        }
        MatchExpr::any(permits)
    }

    /// Traffic between interfaces of one level, and back out of the interface
    /// it came in by, needs a command of its own, whatever the lists say.
    fn same_security(&mut self, sides: &[Side]) -> Vec<Rule> {
        let mut rules = Vec::new();
        let assumption = self.assumption(
            "same-security-acl-alone",
            "an access list alone does not permit traffic between interfaces of one security level",
        );
        let mut push = |name: &str, from: &str, to: MatchExpr| {
            let mut rule = Rule::new(name, MatchExpr::all([ingress(from), to]), Action::Deny);
            rule.assumption = Some(Arc::clone(&assumption));
            rules.push(rule);
        };
        if self.config.describes_interfaces && self.config.same_security_intra.is_none() {
            for side in sides {
                push(
                    "same-security intra-interface",
                    &side.name,
                    egress(&side.name),
                );
            }
        }
        if self.config.same_security_inter.is_none() {
            for side in sides {
                let peers: Vec<String> = sides
                    .iter()
                    .filter(|s| s.name != side.name && s.level.is_some() && s.level == side.level)
                    .map(|s| s.name.clone())
                    .collect();
                if !peers.is_empty() {
                    push(
                        "same-security inter-interface",
                        &side.name,
                        egress_any(peers),
                    );
                }
            }
        }
        if rules.is_empty() {
            self.device
                .assumptions
                .retain(|a| a.code != "same-security-acl-alone");
        }
        rules
    }

    /// What decides for an interface without a list.
    fn level_rules(
        &mut self,
        side: &Side,
        sides: &[Side],
        left: &MatchExpr,
        rules: &mut Vec<Rule>,
    ) {
        let span = side.place.map(|p| self.span(p));
        let place = |rule: Rule| match span {
            Some(span) => rule.at(span),
            None => rule,
        };
        if self.dialect.needs_lists {
            let mut rule = Rule::new(
                "no access list",
                MatchExpr::all([ingress(&side.name), left.clone()]),
                Action::Deny,
            );
            rule.assumption = Some(self.assumption(
                "module-needs-lists",
                "the firewall services module permits nothing on an interface without an access list",
            ));
            rules.push(place(rule));
            return;
        }
        let Some(level) = side.level else {
            rules.push(place(Rule::new(
                "security-level unknown",
                MatchExpr::all([ingress(&side.name), left.clone()]),
                Action::Opaque(Arc::new(Condition {
                    key: format!("security level of {} is not in the file", side.name),
                    kind: ConditionKind::Environment,
                    text: format!(
                        "the security level of interface {} is not in the file",
                        side.name
                    ),
                    span,
                })),
            )));
            return;
        };
        if let Some(intra) = self.config.same_security_intra {
            rules.push(
                Rule::new(
                    "same-security intra-interface",
                    MatchExpr::all([ingress(&side.name), egress(&side.name), left.clone()]),
                    Action::Permit,
                )
                .at(self.span(intra)),
            );
        }
        let mut levels: Vec<u32> = sides
            .iter()
            .filter(|s| s.name != side.name)
            .filter_map(|s| s.level)
            .collect();
        levels.sort_unstable();
        levels.dedup();
        for other in levels {
            let names: Vec<String> = sides
                .iter()
                .filter(|s| s.name != side.name && s.level == Some(other))
                .map(|s| s.name.clone())
                .collect();
            let match_expr = MatchExpr::all([ingress(&side.name), egress_any(names), left.clone()]);
            let rule = match other.cmp(&level) {
                std::cmp::Ordering::Less => place(Rule::new(
                    format!("security-level {level} -> {other}"),
                    match_expr,
                    Action::Permit,
                )),
                std::cmp::Ordering::Greater => place(Rule::new(
                    format!("security-level {level} -> {other}"),
                    match_expr,
                    Action::Deny,
                )),
                std::cmp::Ordering::Equal => match self.config.same_security_inter {
                    Some(inter) => {
                        Rule::new("same-security inter-interface", match_expr, Action::Permit)
                            .at(self.span(inter))
                    }
                    None => continue,
                },
            };
            rules.push(rule);
        }
        for unknown in sides.iter().filter(|s| s.level.is_none()) {
            rules.push(place(Rule::new(
                "security-level unknown",
                MatchExpr::all([ingress(&side.name), egress(&unknown.name), left.clone()]),
                Action::Opaque(Arc::new(Condition {
                    key: format!("security level of {} is not in the file", unknown.name),
                    kind: ConditionKind::Environment,
                    text: format!(
                        "the security level of interface {} is not in the file",
                        unknown.name
                    ),
                    span: None,
                })),
            )));
        }
    }

    /// Lists that a packet must also pass where it leaves.
    fn output_stage(&mut self) {
        let groups: Vec<_> = self
            .config
            .access_groups
            .iter()
            .filter(|g| matches!(g.binding, Binding::Out(_)))
            .copied()
            .collect();
        if groups.is_empty() {
            return;
        }
        let split = self.split_families();
        let mut rules = Vec::new();
        for group in groups {
            let Binding::Out(interface) = group.binding else {
                continue;
            };
            for bound in self.bound(group.list, group.place) {
                let target = self.ending(bound.filter, "out");
                let family = match (split, bound.ipv6) {
                    (false, _) => MatchExpr::Always,
                    (true, false) => MatchExpr::Family(Family::V4),
                    (true, true) => MatchExpr::Family(Family::V6),
                };
                rules.push(
                    Rule::new(
                        format!("access-group {} out", group.list),
                        MatchExpr::all([egress(interface), family]),
                        Action::Jump(target),
                    )
                    .at(self.span(bound.place)),
                );
            }
        }
        let filter = self.device.add_filter(Filter {
            name: "output policy".into(),
            rules,
            default: Rule::new("no output access list", MatchExpr::Always, Action::Permit),
        });
        self.device.pipeline.forward.push(Stage {
            name: "output access list".into(),
            kind: StageKind::Policy,
            filter,
            view: if self.dialect.real_addresses {
                View {
                    original_source: true,
                    original_destination: false,
                    original_service: false,
                }
            } else {
                View::CURRENT
            },
        });
    }

    /// A filter that ends with a denial: the list itself, or one around it
    /// where the list hands back to a global one.
    fn ending(&mut self, filter: FilterId, direction: &str) -> FilterId {
        let Some(list) = self.device.filter(filter) else {
            return filter;
        };
        if list.default.action != Action::Return {
            return filter;
        }
        let name = format!("{} ({direction})", list.name);
        if let Some(at) = self.device.filters.iter().position(|f| f.name == name) {
            return FilterId(u32::try_from(at).unwrap_or(u32::MAX));
        }
        self.device.add_filter(Filter {
            name,
            rules: vec![Rule::new("list", MatchExpr::Always, Action::Jump(filter))],
            default: Rule::new(IMPLICIT_DENY, MatchExpr::Always, Action::Deny),
        })
    }
}

/// The condition that a packet came out of a tunnel of a crypto map.
fn decrypted(map: &str, sequence: &str, span: fw_model::Span) -> Arc<Condition> {
    Arc::new(Condition {
        key: format!("decrypted by crypto map {map} {sequence}"),
        kind: ConditionKind::Environment,
        text: format!(
            "packets of crypto map {map} {sequence} that come out of a tunnel bypass the access lists"
        ),
        span: Some(span),
    })
}

/// A shunned source: all its connections are dropped from now on. Command
/// reference, `shun`:
/// <https://cisco.com/c/en/us/td/docs/security/asa/asa-cli-reference/S/asa-command-ref-S/m_shox-sn.html>
fn shun(who: Option<(IpAddr, Option<&str>)>, span: Span) -> Rule {
    let Some((source, interface)) = who else {
        let open = MatchExpr::opaque(ConditionKind::NotUnderstood, "shun", "shun", Some(span));
        return Rule::new("shun", open, Action::Deny).at(span);
    };
    let match_expr = MatchExpr::all([
        MatchExpr::source(AddressSet::host(source)),
        interface.map_or(MatchExpr::Always, ingress),
    ]);
    Rule::new(format!("shun {source}"), match_expr, Action::Deny).at(span)
}
