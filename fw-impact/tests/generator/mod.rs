//! Devices that tests generate.

use fw_impact::reference::Random;
use fw_model::match_expr::{ConditionKind, MarkRegister};
use fw_model::nat::{AddressTranslation, PortTranslation, Translation};
use fw_model::packet::ConnectionState;
use fw_model::*;
use std::sync::Arc;

/// Devices with random rules, lists that jump and translations.
pub struct Generator {
    pub random: Random,
}

impl Generator {
    pub fn below(&mut self, n: usize) -> usize {
        self.random.below(n)
    }

    fn address(&mut self) -> AddressSet {
        let octet = |g: &mut Self| g.below(4) as u8;
        match self.below(8) {
            0 => AddressSet::any(),
            1 => AddressSet::any4(),
            2 => AddressSet::prefix("2001:db8::/32".parse().unwrap()),
            3 => {
                let text = format!("10.{}.0.0/16", octet(self));
                AddressSet::prefix(text.parse().unwrap())
            }
            4 => {
                let low = std::net::Ipv4Addr::new(10, octet(self), octet(self), 3);
                let high = std::net::Ipv4Addr::new(10, 3, 3, 200);
                AddressSet::range(low.into(), high.into())
            }
            5 => {
                let text = format!("192.0.2.{}/30", 4 * octet(self));
                AddressSet::prefix(text.parse().unwrap())
            }
            6 => AddressSet::union_all(&[self.address(), self.address()]),
            _ => {
                let text = format!("10.{}.{}.0/24", octet(self), octet(self));
                AddressSet::prefix(text.parse().unwrap())
            }
        }
    }

    fn service(&mut self) -> ServiceSet {
        let port = 20 + self.below(6) as u16;
        match self.below(7) {
            0 => ServiceSet::any(),
            1 => ServiceSet::protocol(6),
            2 => ServiceSet::destination_ports(17, port, port + 2),
            3 => ServiceSet::icmp(1, if port.is_multiple_of(2) { 8 } else { 0 }, None),
            4 => ServiceSet::ports(
                6,
                IntervalSet::range(1024, 40000),
                IntervalSet::range(port.into(), port.into()),
            ),
            5 => ServiceSet::union_all(&[self.service(), self.service()]),
            _ => ServiceSet::destination_ports(6, port, port),
        }
    }

    pub fn expr(&mut self, depth: usize) -> MatchExpr {
        if depth == 0 {
            return match self.below(12) {
                0..=2 => MatchExpr::source(self.address()),
                3..=5 => MatchExpr::destination(self.address()),
                6..=8 => MatchExpr::service(self.service()),
                9 => {
                    let set: StateSet = [ConnectionState::New].into_iter().collect();
                    MatchExpr::State(if self.below(2) == 0 {
                        set
                    } else {
                        StateSet::NONE.with(ConnectionState::Established)
                    })
                }
                10 => MatchExpr::Ingress(Arc::new(InterfaceSet::name("inside"))),
                _ => {
                    let name = format!("c{}", self.below(3));
                    MatchExpr::opaque(ConditionKind::Rate, name.clone(), name, None)
                }
            };
        }
        match self.below(6) {
            0 => MatchExpr::Not(Box::new(self.expr(depth - 1))),
            1 => MatchExpr::any([self.expr(depth - 1), self.expr(depth - 1)]),
            2 => MatchExpr::Mark {
                register: MarkRegister::Packet,
                mask: 3,
                value: self.below(3) as u32,
            },
            _ => MatchExpr::all([self.expr(depth - 1), self.expr(depth - 1), self.expr(0)]),
        }
    }

    fn filter(
        &mut self,
        name: &str,
        targets: &[FilterId],
        default: Action,
        length: usize,
    ) -> Filter {
        let rules = (0..length)
            .map(|n| {
                let action = match self.below(10) {
                    0 | 1 => Action::Deny,
                    2 => Action::Continue,
                    3 => Action::Return,
                    4 | 5 if !targets.is_empty() => {
                        let to = targets[self.below(targets.len())];
                        if self.below(3) == 0 {
                            Action::Goto(to)
                        } else {
                            Action::Jump(to)
                        }
                    }
                    _ => Action::Permit,
                };
                let depth = self.below(3);
                let mut rule = Rule::new((n + 1).to_string(), self.expr(depth), action);
                if self.below(6) == 0 {
                    rule.effects.push(PacketEffect::SetMark {
                        register: MarkRegister::Packet,
                        mask: 3,
                        value: self.below(4) as u32,
                    });
                }
                rule
            })
            .collect();
        Filter {
            name: name.into(),
            rules,
            default: Rule::new("default", MatchExpr::Always, default),
        }
    }

    fn nat(&mut self) -> Filter {
        let mut rules = Vec::new();
        for n in 0..self.below(4) {
            let mapped: std::net::IpAddr = format!("192.0.2.{}", 4 + n).parse().unwrap();
            let real: std::net::IpAddr = format!("10.2.0.{}", 10 + n).parse().unwrap();
            let mut translation = Translation {
                name: format!("static {n}"),
                destination: Some(AddressTranslation::Shift {
                    from: address::bits(mapped),
                    to: address::bits(real),
                }),
                ..Translation::default()
            };
            let mut parts = vec![MatchExpr::destination(AddressSet::host(mapped))];
            if self.below(2) == 0 {
                parts.push(MatchExpr::service(ServiceSet::destination_ports(6, 22, 23)));
                translation.destination_port = Some(PortTranslation::Shift { from: 22, to: 24 });
            }
            rules.push(Rule::new(
                format!("nat {n}"),
                MatchExpr::all(parts),
                Action::Translate(Arc::new(translation)),
            ));
        }
        Filter {
            name: "nat".into(),
            rules,
            default: Rule::new("no translation", MatchExpr::Always, Action::Return),
        }
    }

    pub fn device(&mut self, stateful: bool) -> Device {
        let interface = |name: &str, net: &str| Interface {
            name: name.into(),
            addresses: vec![net.parse().unwrap()],
            enabled: true,
            ..Interface::default()
        };
        let route = |net: &str, out: &str| Route {
            vrf: String::new(),
            prefix: net.parse().unwrap(),
            next: NextHop::Interface(out.into(), None),
            metric: 1,
            span: None,
        };
        let mut device = Device {
            name: "fw".into(),
            interfaces: vec![
                interface("inside", "10.0.0.1/24"),
                interface("dmz", "10.2.0.1/24"),
                interface("outside", "198.51.100.1/24"),
            ],
            interfaces_complete: true,
            routes: vec![
                route("10.0.0.0/8", "inside"),
                route("10.2.0.0/16", "dmz"),
                route("0.0.0.0/0", "outside"),
                route("10.3.3.0/24", "outside"),
            ],
            tracks_connections: !stateful,
            automatic_replies: if stateful {
                ServiceSet::union_all(&[ServiceSet::protocol(6), ServiceSet::protocol(17)])
            } else {
                ServiceSet::empty()
            },
            ..Device::default()
        };
        // Packets that come back from long lists are taken together.
        let (short, long) = (self.below(2), self.below(2));
        let leaf = self.filter("leaf", &[], Action::Return, 4 + 12 * long);
        let leaf = device.add_filter(leaf);
        let branch = self.filter("branch", &[leaf], Action::Return, 5 + 12 * short);
        let branch = device.add_filter(branch);
        let default = if self.below(2) == 0 {
            Action::Deny
        } else {
            Action::Permit
        };
        let size = 4 + self.below(40);
        let base = self.filter("base", &[leaf, branch], default, size);
        let base = device.add_filter(base);
        let last = self.filter("last", &[branch], Action::Permit, 3);
        let last = device.add_filter(last);
        let nat = self.nat();
        let nat = device.add_filter(nat);
        let stage = |name: &str, kind, filter, view| Stage {
            name: name.into(),
            kind,
            filter,
            view,
        };
        device.pipeline = Pipeline {
            prerouting: vec![stage("nat", StageKind::Nat, nat, View::CURRENT)],
            forward: vec![stage("policy", StageKind::Policy, base, View::CURRENT)],
            input: vec![stage("local", StageKind::Policy, last, View::CURRENT)],
            output: vec![stage("own", StageKind::Policy, leaf, View::CURRENT)],
            postrouting: vec![stage("out", StageKind::Policy, last, View::CURRENT)],
        };
        device
    }
}
