//! Traffic to the device itself. Interface lists do not gate it; commands
//! such as `ssh` do. Source: ASA configuration guide, "Access Rules",
//! management access.

use super::super::ast::{Address, Beside, Binding};
use super::Lowering;
use super::directional::ingress;
use super::objects::address_condition;
use super::treatment::environment;
use fw_model::service::{ICMP, ICMPV6};
use fw_model::{
    Action, Answers, Dimension, Filter, FilterId, MatchExpr, Rule, ServiceSet, Stage, StageKind,
    View,
};

impl<'a> Lowering<'_, 'a> {
    pub(super) fn local_services(&mut self) {
        // Management access to an interface other than the one by which a
        // packet enters is refused: ASA configuration guide, "Management
        // Access".
        self.device.answers = Answers::Ingress;
        let config = self.config;
        let mut rules = Vec::new();
        let names: Vec<String> = self
            .device
            .interfaces
            .iter()
            .map(|i| i.name.clone())
            .collect();
        // Only the near interface answers.
        for name in &names {
            let own = self.objects.interface_addresses(name);
            rules.push(Rule::new(
                "far interface",
                MatchExpr::all([
                    ingress(Some(name)),
                    address_condition(&own, Dimension::Destination).negate(),
                ]),
                Action::Deny,
            ));
        }
        let mut restricted: Vec<Option<&str>> = Vec::new();
        for service in &config.local {
            let from = match service.from {
                Address::Any => MatchExpr::Always,
                other => self.objects.address_expr(other, Dimension::Source),
            };
            let https = service.what == "http";
            let (what, action) = match (service.port, service.icmp) {
                // Nobody listens.
                _ if https && self.is_whole() && config.http_server.is_none() => continue,
                (Some((protocol, port)), _) => {
                    let port = config.http_server.filter(|_| https).unwrap_or(port);
                    (
                        MatchExpr::service(ServiceSet::destination_ports(protocol, port, port)),
                        Action::Permit,
                    )
                }
                (None, Some((kind, permit))) => {
                    restricted.push(service.interface);
                    let set = match kind {
                        Some(kind) => ServiceSet::icmp(ICMP, kind, None),
                        None => ServiceSet::protocol(ICMP),
                    };
                    (
                        MatchExpr::service(set),
                        if permit { Action::Permit } else { Action::Deny },
                    )
                }
                (None, None) => continue,
            };
            rules.push(
                Rule::new(
                    service.what,
                    MatchExpr::all([ingress(service.interface), what, from]),
                    action,
                )
                .at(self.span(service.place)),
            );
        }
        for group in &config.access_groups {
            let Binding::ControlPlane(interface) = group.binding else {
                continue;
            };
            let Some(filter) = self.control_plane_list(group.list) else {
                rules.push(
                    Rule::new(
                        format!("access-group {} control-plane", group.list),
                        ingress(Some(interface)),
                        Action::Opaque(environment(
                            format!("access list {} is not defined", group.list),
                            format!("access list {}, which is not in the file", group.list),
                            Some(self.span(group.place)),
                        )),
                    )
                    .at(self.span(group.place)),
                );
                continue;
            };
            rules.push(
                Rule::new(
                    format!("access-group {} control-plane", group.list),
                    ingress(Some(interface)),
                    Action::Jump(filter),
                )
                .at(self.span(group.place)),
            );
        }
        // Without an `icmp` line for an interface it answers all; with one,
        // what no line names is refused.
        let icmp =
            ServiceSet::union_all(&[ServiceSet::protocol(ICMP), ServiceSet::protocol(ICMPV6)]);
        for name in &names {
            let action = if restricted.contains(&Some(name.as_str())) {
                Action::Deny
            } else {
                Action::Permit
            };
            rules.push(Rule::new(
                "icmp default",
                MatchExpr::all([ingress(Some(name)), MatchExpr::service(icmp.clone())]),
                action,
            ));
        }
        let mut closed = vec![22, 23];
        if self.is_whole() && !config.https_besides && !self.asks_users() {
            closed.extend([443, config.http_server.unwrap_or(443)]);
            closed.dedup();
        }
        for port in closed {
            rules.push(Rule::new(
                "management default",
                MatchExpr::service(ServiceSet::destination_ports(6, port, port)),
                Action::Deny,
            ));
        }
        let filter = self.device.add_filter(Filter {
            name: "to the device".into(),
            rules,
            default: Rule::new(
                "other services",
                MatchExpr::Always,
                Action::Opaque(environment(
                    "services of the device itself".into(),
                    "whether the device itself answers (routing, tunnels, monitoring) is not modeled"
                        .into(),
                    None,
                )),
            ),
        });
        self.device.pipeline.input.push(Stage {
            name: "to the device".into(),
            kind: StageKind::Policy,
            filter,
            view: View::CURRENT,
        });
    }

    /// True if the file is a whole configuration, so that what it does not
    /// say is off.
    fn is_whole(&self) -> bool {
        self.config.version.is_some() && self.config.describes_interfaces
    }

    /// True if users log in to the device before their traffic passes, which
    /// may listen too.
    fn asks_users(&self) -> bool {
        let asks = |(beside, _): &(Beside<'_>, _)| *beside == Beside::CutThrough;
        self.config.beside.iter().any(asks)
    }

    /// A copy of a list that hands back what it does not match: the services
    /// of the device decide then.
    fn control_plane_list(&mut self, name: &str) -> Option<FilterId> {
        let config = self.config;
        let at = config
            .access_lists
            .iter()
            .position(|l| l.name == name && !l.entries.is_empty())?;
        let mut filter = self.device.filters.get(at)?.clone();
        filter.name = format!("{name} (control-plane)");
        filter.default = Rule::new("no match", MatchExpr::Always, Action::Return);
        Some(self.device.add_filter(filter))
    }
}
