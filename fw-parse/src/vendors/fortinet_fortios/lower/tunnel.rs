//! Tunnels to other gateways.

use super::Lowering;
use super::address::Book;
use super::policy::{List, rule_name};
use crate::vendors::fortinet_fortios::ast::{
    Ipsec, Phase2, Phase2End, Policy, Tunnel as Syntax, TunnelKind,
};
use fw_model::filter::Action;
use fw_model::match_expr::{Condition, ConditionKind, MatchExpr};
use fw_model::{AddressSet, Rule, Selector, Tunnel};
use std::sync::Arc;

impl<'t> Lowering<'_, 't> {
    /// Interface tunnels take what is routed to their interface. Routes to the
    /// networks of peers that are not known beforehand are learned from them
    /// (`add-route`).
    pub(super) fn interface_tunnels(&mut self) {
        let vdom = self.vdom;
        for tunnel in &vdom.tunnels {
            if tunnel.kind == TunnelKind::Interface {
                let interface = tunnel.name.to_owned();
                let mut model = tunnel_of(tunnel, interface, None, None);
                let of_it = vdom.selectors.iter().filter(|s| s.tunnel == tunnel.name);
                model.selectors = of_it.map(|s| self.selector(s)).collect();
                self.device.tunnels.push(model);
            }
            self.device.dynamic_routing |= tunnel.dynamic;
        }
    }

    /// A packet that no selector of the tunnel holds is dropped ("no matching
    /// IPsec selector" of `diagnose debug flow`).
    fn selector(&mut self, from: &Phase2<'t>) -> Selector {
        let mut understood = !from.unclear;
        let mut set = |end: &Phase2End<'t>| match end {
            Phase2End::Between(low, high) => AddressSet::range(*low, *high),
            Phase2End::Object(name, v6) => {
                let book = if *v6 { Book::V6 } else { Book::V4 };
                let found = self.addresses.union(book, &[name], from.span);
                understood &= found.is_exact();
                (*found.exact).clone()
            }
            Phase2End::Unclear => {
                understood = false;
                AddressSet::empty()
            }
        };
        let (local, remote) = (set(&from.source), set(&from.destination));
        let [local_port, remote_port] = from.ports;
        Selector {
            name: format!("phase 2 {}", from.name),
            local,
            remote,
            protocol: from.protocol,
            local_port,
            remote_port,
            understood,
            span: from.span,
        }
    }

    /// The rules of a policy with `action ipsec`, and the tunnel that takes
    /// what it permits. What comes out of the tunnel is permitted the other
    /// way round.
    pub(super) fn ipsec_rules(&mut self, policy: &Policy<'t>, list: List) -> Option<Vec<Rule>> {
        let ipsec: Ipsec<'t> = policy.ipsec?;
        let vdom = self.vdom;
        let named = |t: &&Syntax<'t>| t.kind == TunnelKind::Policy && t.name == ipsec.tunnel;
        let tunnel = vdom.tunnels.iter().find(named)?;
        let decrypted = Arc::new(Condition {
            key: format!("decrypted by {}", tunnel.name),
            kind: ConditionKind::Environment,
            text: format!("packets come out of tunnel {}", tunnel.name),
            span: tunnel.span,
        });
        let match_expr = self.policy_match(policy, list);
        for interface in policy.dstintf.iter().flatten() {
            let interface = (*interface).to_owned();
            let takes = Some(match_expr.clone());
            let model = tunnel_of(tunnel, interface, takes, Some(Arc::clone(&decrypted)));
            self.device.tunnels.push(model);
        }
        let mut back = policy.clone();
        std::mem::swap(&mut back.srcintf, &mut back.dstintf);
        for ends in [&mut back.v4, &mut back.v6] {
            std::mem::swap(&mut ends.source, &mut ends.destination);
            std::mem::swap(&mut ends.source_negate, &mut ends.destination_negate);
        }
        let back = self.policy_match(&back, list);
        let from_tunnel = MatchExpr::all([back, MatchExpr::Opaque(decrypted)]);
        let parts = [
            (ipsec.outbound, "", match_expr),
            (ipsec.inbound, ", inbound", from_tunnel),
        ];
        Some(
            parts
                .into_iter()
                .filter(|(on, ..)| *on)
                .map(|(_, suffix, match_expr)| {
                    let name = format!("{}{suffix}", rule_name(policy));
                    let mut rule = Rule::new(name, match_expr, Action::Permit).at(policy.span);
                    rule.id = Some(format!("{}{suffix}", policy.id));
                    rule
                })
                .collect(),
        )
    }
}

fn tunnel_of(
    from: &Syntax<'_>,
    interface: String,
    takes: Option<MatchExpr>,
    decrypted: Option<Arc<Condition>>,
) -> Tunnel {
    Tunnel {
        name: format!("tunnel {}", from.name),
        interface,
        takes,
        peers: from.peer.into_iter().collect(),
        awaits: from.dynamic,
        through: from.interface.map(str::to_owned),
        decrypted,
        selectors: Vec::new(),
        strict: true,
        span: from.span,
    }
}
