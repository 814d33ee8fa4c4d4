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

/// A feature, an IP protocol that it answers, and the ports if it has any.
type Feature = (&'static str, u8, Option<(u16, u16)>);

/// What features answer besides management services.
const FEATURES: [Feature; 18] = [
    ("bgp", TCP, Some((179, 179))),
    ("bgp", UDP, Some((3784, 3784))),
    ("bgp", UDP, Some((4784, 4784))),
    ("ospf", OSPF, None),
    ("ospf", UDP, Some((3784, 3784))),
    ("ospfv3", OSPF, None),
    ("rip", UDP, Some((520, 520))),
    ("ike", UDP, Some((500, 500))),
    ("ike", UDP, Some((4500, 4500))),
    ("ike", ESP, None),
    ("gre", GRE, None),
    ("dhcp", UDP, Some((67, 68))),
    ("dhcp", UDP, Some((546, 547))),
    ("dns-proxy", TCP, Some((53, 53))),
    ("dns-proxy", UDP, Some((53, 53))),
    ("global-protect", TCP, Some((443, 443))),
    ("global-protect", TCP, Some((80, 80))),
    ("global-protect", UDP, Some((4501, 4501))),
];

/// IP protocols that features speak.
const GRE: u8 = 47;
const ESP: u8 = 50;
const OSPF: u8 = 89;

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
    /// The list of what interfaces answer: what their management profiles
    /// list, and perhaps what features speak (VPN, routing protocols...).
    pub(super) fn read_management(&mut self, site: &Site<'t>) -> Option<Stage> {
        if !site.network.present {
            return None;
        }
        self.assume(
            "local-traffic",
            "a data interface answers what its management profile lists and the features on it speak, if security policy permits it",
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
        rules.extend(self.features(site));
        let default = Rule::new("no service of the device", MatchExpr::Always, Action::Deny);
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

    /// Features that answer packets to the device, as far as they are set up:
    /// on which of its addresses they do is not looked at.
    fn features(&self, site: &Site<'t>) -> Vec<Rule> {
        let network = &site.network;
        let protocols = network.routers.iter().flat_map(|r| &r.protocols);
        let mut on: Vec<&str> = protocols
            .map(|p| p.text)
            .chain(network.features.iter().copied())
            .chain(site.serves_clients.then_some("global-protect"))
            .collect();
        on.sort_unstable();
        on.dedup();
        let mut out = Vec::new();
        for feature in on {
            let text = format!("{feature} of the device itself");
            let condition = Arc::new(Condition {
                key: text.clone(),
                kind: ConditionKind::Environment,
                text,
                span: None,
            });
            let sets: Vec<ServiceSet> = FEATURES
                .iter()
                .filter(|(name, ..)| *name == feature)
                .map(|(_, protocol, ports)| match ports {
                    Some((low, high)) => ServiceSet::destination_ports(*protocol, *low, *high),
                    None => ServiceSet::protocol(*protocol),
                })
                .collect();
            out.push(Rule::new(
                feature,
                MatchExpr::Service(Arc::new(ServiceSet::union_all(&sets))),
                Action::Opaque(condition),
            ));
        }
        out
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
