//! Traffic to the device itself: what the management profiles of its
//! interfaces answer. Security policy judges it too.

use super::names::span;
use super::{Lower, Site};
use crate::vendors::paloalto_panos::applications::every_port;
use crate::vendors::paloalto_panos::ast::{Interface, ManagementProfile};
use fw_model::match_expr::Dimension;
use fw_model::service::{ICMP, ICMPV6, TCP, UDP};
use fw_model::{
    Action, AddressSet, Condition, ConditionKind, Filter, IntervalSet, MatchExpr, Rule, ServiceSet,
    Stage, StageKind, View,
};
use std::sync::Arc;

/// Services that a management profile switches on and off.
const SERVICES: [(&str, u8, u16, u16); 12] = [
    ("ssh", TCP, 22, 22),
    ("telnet", TCP, 23, 23),
    ("http", TCP, 80, 80),
    ("http-ocsp", TCP, 80, 80),
    ("https", TCP, 443, 443),
    ("snmp", UDP, 161, 161),
    ("response-pages", TCP, 6080, 6083),
    ("userid-service", TCP, 5007, 5007),
    ("userid-syslog-listener-ssl", TCP, 6514, 6514),
    ("userid-syslog-listener-udp", UDP, 514, 514),
    ("ping", ICMP, 8 << 8, 8 << 8 | 0xff),
    ("ping", ICMPV6, 128 << 8, 128 << 8 | 0xff),
];

fn services(of: impl Fn(&str) -> bool) -> ServiceSet {
    let sets: Vec<ServiceSet> = SERVICES
        .iter()
        .filter(|(name, ..)| of(name))
        .map(|(_, protocol, low, high)| {
            let ports = IntervalSet::range((*low).into(), (*high).into());
            ServiceSet::ports(*protocol, every_port(), ports)
        })
        .collect();
    ServiceSet::union_all(&sets)
}

impl<'t> Lower<'t> {
    /// The list of what interfaces answer. What is not a management service
    /// depends on features that are not looked at (VPN, routing protocols...).
    pub(super) fn read_management(&mut self, site: &Site<'t>) -> Option<Stage> {
        if !site.network.present {
            return None;
        }
        self.assume(
            "local-traffic",
            "a data interface answers what its management profile lists and security policy permits",
        );
        let mut rules = self.untold_rules();
        for interface in &site.network.interfaces {
            let Some(wanted) = interface.management_profile else {
                continue;
            };
            let profile = site
                .network
                .management_profiles
                .iter()
                .find(|p| p.name == wanted.text);
            match profile {
                Some(profile) => rules.extend(self.answers(interface, profile)),
                None => {
                    let text = format!("interface-management-profile {}", wanted.text);
                    let condition = Condition {
                        key: text.clone(),
                        kind: ConditionKind::NotUnderstood,
                        text,
                        span: Some(span(self.names.source, wanted.place)),
                    };
                    if let Some(own) = self.own(interface) {
                        let name = format!("{} by {}", interface.name, wanted.text);
                        rules.push(Rule::new(name, own, Action::Opaque(Arc::new(condition))));
                    }
                }
            }
        }
        let mut managed = services(|_| true);
        if site.serves_clients {
            // A GlobalProtect portal answers on the web ports as well.
            let web = [443, 80].map(|p| ServiceSet::destination_ports(TCP, p, p));
            managed = managed.intersect(&ServiceSet::union_all(&web).complement());
        }
        rules.push(Rule::new(
            "no management profile",
            MatchExpr::Service(Arc::new(managed)),
            Action::Deny,
        ));
        let text = "a service of the device itself";
        let default = Rule::new(
            "other services of the device",
            MatchExpr::Always,
            Action::Opaque(Arc::new(Condition {
                key: text.into(),
                kind: ConditionKind::Environment,
                text: text.into(),
                span: None,
            })),
        );
        let name = "interface management profiles";
        let id = self.device.add_filter(Filter {
            name: name.into(),
            rules,
            default,
        });
        Some(Stage {
            name: name.into(),
            kind: StageKind::Policy,
            filter: id,
            view: View::CURRENT,
        })
    }

    fn own(&self, interface: &Interface<'t>) -> Option<MatchExpr> {
        let model = self.device.interface(interface.name)?;
        let hosts: Vec<AddressSet> = model
            .addresses
            .iter()
            .map(|n| AddressSet::host(n.addr()))
            .collect();
        let set = AddressSet::union_all(&hosts);
        Some(MatchExpr::address(Dimension::Destination, Arc::new(set)))
    }

    fn answers(
        &mut self,
        interface: &Interface<'t>,
        profile: &ManagementProfile<'t>,
    ) -> Option<Rule> {
        let own = self.own(interface)?;
        let on = |name: &str| profile.services.iter().any(|s| s.text == name);
        let mut parts = vec![own, MatchExpr::Service(Arc::new(services(on)))];
        if !profile.permitted.is_empty() {
            let mut permitted = Vec::new();
            for word in &profile.permitted {
                let found = self.names.address(0, *word);
                if !found.set.is_empty() {
                    permitted.push(MatchExpr::address(
                        Dimension::Source,
                        Arc::clone(&found.set),
                    ));
                }
                let open = found.open.iter();
                permitted.extend(open.map(|o| o.address(Dimension::Source, self.names.source)));
            }
            parts.push(MatchExpr::any(permitted));
        }
        let rule = Rule::new(
            format!("{} on {}", profile.name, interface.name),
            MatchExpr::all(parts),
            Action::Permit,
        );
        Some(rule.at(span(self.names.source, profile.place)))
    }
}
