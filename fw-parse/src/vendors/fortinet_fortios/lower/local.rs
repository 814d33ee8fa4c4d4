//! Traffic to the device itself: `allowaccess` of the interface, then
//! `local-in-policy`.

use super::policy::List;
use super::{Lowering, filter, stage};
use fw_model::filter::Action;
use fw_model::match_expr::{Condition, ConditionKind, InterfaceSet, MatchExpr};
use fw_model::service::{ICMP, ICMPV6, TCP, UDP};
use fw_model::{AddressSet, Family, Rule, ServiceSet, Span, StageKind};
use ipnet::IpNet;
use std::sync::Arc;

/// Administrators are let in from the hosts of any of them; who they are is
/// asked later. FortiGate administration guide, "Using trusted hosts"
/// (<https://manualsdump.com/en/manuals/fortinet-100a/281670/111>).
fn trusted_rules(here: &[MatchExpr], hosts: &[(IpNet, Span)], word: &str) -> Vec<Rule> {
    let one = |(net, span): &(IpNet, Span)| {
        let from = MatchExpr::source(AddressSet::prefix(*net));
        let parts = here.iter().cloned().chain([from]);
        Rule::new(
            format!("{word} from trusted host {net}"),
            MatchExpr::all(parts),
            Action::Permit,
        )
        .at(*span)
    };
    hosts.iter().map(one).collect()
}

impl Lowering<'_, '_> {
    /// The stages of traffic to the device.
    pub(super) fn local_in(&mut self) {
        let vdom = self.vdom;
        let services = self.administration();
        let mut access = filter(
            "allowaccess",
            "other services of the device",
            Action::Permit,
        );
        // What else listens (routing, VPN, DHCP...) is not read.
        access.default.action = Action::Opaque(Arc::new(Condition {
            key: "services of the device besides allowaccess".to_owned(),
            kind: ConditionKind::Environment,
            text: "whether the device itself listens is not read".to_owned(),
            span: None,
        }));
        for interface in &vdom.interfaces {
            let by = MatchExpr::Ingress(Arc::new(InterfaceSet::name(interface.name)));
            for (family, words) in [
                (Family::V4, &interface.access),
                (Family::V6, &interface.access6),
            ] {
                for (word, set) in &services {
                    let offered = words.contains(word);
                    let here = [
                        MatchExpr::Family(family),
                        by.clone(),
                        MatchExpr::service(set.clone()),
                    ];
                    let [v4, v6] = &self.config.global.trusted_hosts;
                    let trusted = match family {
                        Family::V4 => v4,
                        Family::V6 => v6,
                    };
                    let vpn = vdom.ssl_vpn && *word == "https";
                    let open = Action::Opaque(Arc::new(Condition {
                        key: format!("local service {word}"),
                        kind: ConditionKind::Environment,
                        text: format!("{word} to the device depends on trusted hosts or SSL VPN"),
                        span: interface.span,
                    }));
                    if let Some(hosts) = trusted.as_ref().filter(|_| offered) {
                        access.rules.extend(trusted_rules(&here, hosts, word));
                        // Of these the releases tell different things.
                        let unclear = vpn || matches!(*word, "ping" | "snmp" | "fgfm");
                        let action = if unclear { open } else { Action::Deny };
                        let name = format!("{} {word} from no trusted host", interface.name);
                        let mut rule = Rule::new(name, MatchExpr::all(here), action);
                        rule.span = interface.span;
                        access.rules.push(rule);
                        continue;
                    }
                    let action = if !offered && vpn {
                        open
                    } else if offered {
                        Action::Permit
                    } else {
                        Action::Deny
                    };
                    let name = format!("{} {word}", interface.name);
                    let mut rule = Rule::new(name, MatchExpr::all(here), action);
                    rule.span = interface.span;
                    access.rules.push(rule);
                }
            }
        }
        let id = self.device.add_filter(access);
        self.device
            .pipeline
            .input
            .push(stage("allowaccess", StageKind::Policy, id));

        let mut list = filter(
            "firewall local-in-policy",
            "no local-in policy",
            Action::Permit,
        );
        for policy in vdom.local_in.iter().filter(|p| p.enabled) {
            list.rules.extend(self.policy_rules(policy, List::LocalIn));
        }
        if !list.rules.is_empty() {
            let id = self.device.add_filter(list);
            self.device.pipeline.input.push(stage(
                "firewall local-in-policy",
                StageKind::Policy,
                id,
            ));
        }
    }

    /// The words of `allowaccess` with what they open.
    fn administration(&self) -> Vec<(&'static str, ServiceSet)> {
        let global = &self.config.global;
        let port = |protocol, port: u16| ServiceSet::destination_ports(protocol, port, port);
        vec![
            (
                "ping",
                ServiceSet::icmp(ICMP, 8, None).union(&ServiceSet::icmp(ICMPV6, 128, None)),
            ),
            ("https", port(TCP, global.https_port.unwrap_or(443))),
            ("ssh", port(TCP, global.ssh_port.unwrap_or(22))),
            ("http", port(TCP, global.http_port.unwrap_or(80))),
            ("telnet", port(TCP, global.telnet_port.unwrap_or(23))),
            ("snmp", port(UDP, 161)),
            ("fgfm", port(TCP, 541)),
        ]
    }
}
