//! Routes that are no part of the routing table: policy routes, and static
//! routes to names.

use super::address::Book;
use super::{Lowering, filter, stage};
use crate::vendors::fortinet_fortios::ast::{InternetService, Route};
use fw_model::filter::Action;
use fw_model::match_expr::{ConditionKind, Dimension, MatchExpr};
use fw_model::{AddressSet, IntervalSet, Rule, ServiceSet, StageKind, Translation};
use std::net::IpAddr;
use std::sync::Arc;

impl<'t> Lowering<'_, 't> {
    /// Policy routes: they choose the egress before the routing table.
    pub(super) fn policy_routes(&mut self) {
        let vdom = self.vdom;
        let mut list = filter("policy routes", "routing table", Action::Permit);
        for route in &vdom.policy_routes {
            let span = Some(route.span);
            let mut parts = Vec::new();
            if !route.input.is_empty()
                && let Some(set) = self.interfaces(&route.input)
            {
                parts.push(MatchExpr::Ingress(set));
            }
            let ends = [
                (Dimension::Source, &route.sources, &route.source_objects),
                (
                    Dimension::Destination,
                    &route.destinations,
                    &route.destination_objects,
                ),
            ];
            for (dimension, nets, objects) in ends {
                let mut any = Vec::new();
                if !nets.is_empty() {
                    let sets: Vec<AddressSet> =
                        nets.iter().map(|n| AddressSet::prefix(*n)).collect();
                    any.push(MatchExpr::address(
                        dimension,
                        Arc::new(AddressSet::union_all(&sets)),
                    ));
                }
                if !objects.is_empty() {
                    any.push(
                        self.addresses
                            .union(Book::V4, objects, span)
                            .expr(dimension),
                    );
                }
                if !any.is_empty() {
                    parts.push(MatchExpr::any(any));
                }
            }
            if let Some(protocol) = route.protocol {
                let range = |ports: Option<(u16, u16)>| {
                    let (low, high) = ports.unwrap_or((0, u16::MAX));
                    IntervalSet::range(low.into(), high.into())
                };
                let set =
                    ServiceSet::ports(protocol, range(route.source_ports), range(route.ports));
                parts.push(MatchExpr::service(set));
            }
            if !route.unknown.is_empty() {
                let key = format!("policy route {}", super::unknown_key(&route.unknown));
                parts.push(MatchExpr::opaque(
                    ConditionKind::NotUnderstood,
                    key.clone(),
                    key,
                    span,
                ));
                for unknown in &route.unknown {
                    self.not_understood(&unknown.text, unknown.span);
                }
            }
            let output = route.output.map(str::to_owned);
            let output = output.or_else(|| self.interface_towards(route.gateway?));
            let action = match output.filter(|_| !route.stop) {
                Some(output) => Action::Translate(Arc::new(Translation {
                    name: format!("policy route {}", route.id),
                    egress: Some(output),
                    gateway: route.gateway,
                    ..Translation::default()
                })),
                None => Action::Permit,
            };
            let mut rule = Rule::new(route.id, MatchExpr::all(parts), action).at(route.span);
            rule.id = Some(route.id.to_owned());
            list.rules.push(rule);
        }
        for route in &vdom.routes {
            list.rules.extend(self.route_by_name(route));
        }
        if list.rules.is_empty() {
            return;
        }
        let id = self.device.add_filter(list);
        self.device
            .pipeline
            .prerouting
            .push(stage("policy routes", StageKind::Nat, id));
    }

    /// The interface on whose subnet an address is.
    fn interface_towards(&self, gateway: IpAddr) -> Option<String> {
        let on = |i: &&fw_model::Interface| {
            i.enabled && i.addresses.iter().any(|net| net.contains(&gateway))
        };
        self.device
            .interfaces
            .iter()
            .find(on)
            .map(|i| i.name.clone())
    }

    /// A static route to an internet service or to a name whose addresses
    /// the configuration does not hold. The device looks it up before the
    /// routing table, as it does policy routes.
    /// <https://community.fortinet.com/t5/FortiGate/Troubleshooting-Tip-Understanding-Route-Prioritization-in/ta-p/394111>
    fn route_by_name(&mut self, route: &Route<'t>) -> Vec<Rule> {
        let span = Some(route.span);
        let book = if route.v6 { Book::V6 } else { Book::V4 };
        let destination = match (route.internet, route.object) {
            (Some(name), _) => {
                let service = InternetService {
                    names: vec![name.to_owned()],
                    negate: false,
                    span,
                };
                self.internet(&service, Dimension::Destination)
            }
            (None, Some(name)) if self.object_prefixes(name, route).is_empty() => self
                .addresses
                .union(book, &[name], span)
                .expr(Dimension::Destination),
            _ => return Vec::new(),
        };
        if route.blackhole || (route.device.is_none() && route.zones.is_empty()) {
            self.assume(
                "route-destination-unknown",
                "the destinations of a static route are not in the configuration; the route is left out",
                span,
                true,
            );
            return Vec::new();
        }
        let mut ways: Vec<String> = route.device.iter().map(|d| (*d).to_owned()).collect();
        if ways.is_empty() {
            let zones = route.zones.iter().filter_map(|zone| self.zones.get(zone));
            ways.extend(zones.flatten().cloned());
        }
        let last = ways.len().saturating_sub(1);
        ways.into_iter()
            .enumerate()
            .map(|(at, way)| {
                // Of several members one is chosen at run time.
                let chosen = if at == last {
                    MatchExpr::Always
                } else {
                    let text = format!("member {way} of the SD-WAN zone is chosen");
                    MatchExpr::opaque(ConditionKind::Path, text.clone(), text, span)
                };
                let translation = Translation {
                    name: format!("route out of {way}"),
                    egress: Some(way.clone()),
                    ..Translation::default()
                };
                Rule::new(
                    format!("route out of {way}"),
                    MatchExpr::all([destination.clone(), chosen]),
                    Action::Translate(Arc::new(translation)),
                )
                .at(route.span)
            })
            .collect()
    }
}
