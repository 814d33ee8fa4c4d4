//! Policy-based routing: a route map of the interface by which a packet comes
//! in decides where it leaves, before the routing table does. An entry of NAT
//! that translates the destination, and so says where it leaves, comes later.
//! Source: ASA general operations configuration guide, "Policy Based Routing".

use super::super::ast::RouteMap;
use super::Lowering;
use super::directional::ingress;
use fw_model::match_expr::{Condition, ConditionKind};
use fw_model::{Action, Filter, MatchExpr, Rule, Stage, StageKind, Translation, View};
use std::net::IpAddr;
use std::sync::Arc;

impl<'a> Lowering<'_, 'a> {
    pub(super) fn policy_routes(&mut self) {
        let config = self.config;
        let mut rules = Vec::new();
        for interface in &config.interfaces {
            let (Some(name), Some((map, place))) = (interface.name, interface.policy_route) else {
                continue;
            };
            let mut entries: Vec<&RouteMap<'a>> =
                config.route_maps.iter().filter(|m| m.name == map).collect();
            entries.sort_by_key(|m| m.sequence);
            if entries.is_empty() {
                let text = format!("route map {map}, which is not in the file");
                let span = self.span(place);
                let key = format!("route map {map} is not defined");
                rules.push(Rule::new(
                    format!("policy-route {map}"),
                    ingress(Some(name)),
                    unclear(key, text, span),
                ));
            }
            for entry in entries {
                rules.push(self.policy_route(name, entry));
                for (_, place) in &entry.unknown {
                    self.ledger.opaque(place.line);
                }
            }
        }
        if rules.is_empty() {
            return;
        }
        let filter = self.device.add_filter(Filter {
            name: "policy-based routing".into(),
            rules,
            default: Rule::new("routing table", MatchExpr::Always, Action::Permit),
        });
        self.device.pipeline.prerouting.push(Stage {
            name: "policy-based routing".into(),
            kind: StageKind::Nat,
            filter,
            view: View::CURRENT,
        });
    }

    fn policy_route(&mut self, interface: &str, entry: &RouteMap<'a>) -> Rule {
        let name = format!("{} {}", entry.name, entry.sequence);
        let mut parts = vec![ingress(Some(interface))];
        if !entry.lists.is_empty() {
            let lists = entry.lists.iter();
            let any: Vec<MatchExpr> = lists.map(|list| self.list_match(list, false)).collect();
            parts.push(MatchExpr::any(any));
        }
        let span = self.span(entry.place);
        let sent_to = |egress: String, gateway: Option<IpAddr>| {
            Action::Translate(Arc::new(Translation {
                name: format!("route map {name}"),
                egress: Some(egress),
                gateway,
                ..Translation::default()
            }))
        };
        // The first next hop on a connected subnet; without one the routing
        // table decides.
        let near = entry
            .gateways
            .iter()
            .find_map(|gateway| Some((self.interface_towards(*gateway)?, *gateway)));
        let action = if let Some((text, place)) = entry.unknown.first() {
            let key = format!("route map {name}: {text}");
            unclear(key, text.clone(), self.span(*place))
        } else if !entry.permit {
            Action::Permit
        } else if let Some((egress, gateway)) = near {
            sent_to(egress, Some(gateway))
        } else {
            match entry.interface {
                Some(null) if null.eq_ignore_ascii_case("null0") => Action::Deny,
                Some(egress) => sent_to(egress.to_owned(), None),
                None => Action::Permit,
            }
        };
        let mut rule = Rule::new(name.clone(), MatchExpr::all(parts), action).at(span);
        rule.id = Some(format!("{interface} {name}"));
        rule
    }

    /// The interface on whose subnet an address is.
    fn interface_towards(&self, gateway: IpAddr) -> Option<String> {
        let on = |i: &&fw_model::Interface| {
            i.enabled && i.addresses.iter().any(|net| net.contains(&gateway))
        };
        let found = self.device.interfaces.iter().find(on);
        found.map(|i| i.name.clone())
    }
}

fn unclear(key: String, text: String, span: fw_model::Span) -> Action {
    Action::Opaque(Arc::new(Condition {
        key,
        kind: ConditionKind::NotUnderstood,
        text,
        span: Some(span),
    }))
}
