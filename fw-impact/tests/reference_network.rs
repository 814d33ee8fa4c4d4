//! The engine agrees with the concrete reference on generated networks:
//! several devices of three kinds, routes that lead in circles and back by
//! other ways, translation.

#![allow(clippy::unwrap_used, clippy::panic)]

use fw_impact::graph::Side;
use fw_impact::packet_set::ConditionTable;
use fw_impact::reference::network::check;
use fw_impact::reference::{Checked, Random};
use fw_model::nat::{AddressTranslation, PortTranslation, Translation};
use fw_model::packet::ConnectionState;
use fw_model::*;
use std::sync::Arc;

const DEVICES: usize = 5;

/// The devices on a second shared subnet: the first ones.
const SECOND: usize = 4;

fn address(text: &str) -> std::net::IpAddr {
    text.parse().unwrap()
}

fn policy(random: &mut Random, tracks: bool) -> Filter {
    let mut rules = Vec::new();
    if tracks && random.below(4) > 0 {
        let states = [ConnectionState::Established].into_iter().collect();
        rules.push(Rule::new(
            "established",
            MatchExpr::State(states),
            Action::Permit,
        ));
    }
    for n in 0..random.below(6) {
        let net = |random: &mut Random| {
            let text = format!("10.{}.0.0/24", random.below(DEVICES));
            AddressSet::prefix(text.parse().unwrap())
        };
        let mut parts = Vec::new();
        if random.below(2) == 0 {
            parts.push(MatchExpr::source(net(random)));
        }
        if random.below(2) == 0 {
            parts.push(MatchExpr::destination(net(random)));
        }
        if random.below(2) == 0 {
            let port = 20 + random.below(4) as u16;
            let protocol = if random.below(3) == 0 { 17 } else { 6 };
            parts.push(MatchExpr::service(ServiceSet::destination_ports(
                protocol, port, port,
            )));
        }
        if random.below(5) == 0 {
            let mapped = AddressSet::host(address(&format!("10.0.255.{}", random.below(DEVICES))));
            parts.push(MatchExpr::Original(Box::new(MatchExpr::any([
                MatchExpr::destination(mapped),
                MatchExpr::source(net(random)),
            ]))));
        }
        let action = if random.below(3) == 0 {
            Action::Deny
        } else {
            Action::Permit
        };
        rules.push(Rule::new(n.to_string(), MatchExpr::all(parts), action));
    }
    let default = if random.below(3) == 0 {
        Action::Deny
    } else {
        Action::Permit
    };
    Filter {
        name: "policy".into(),
        rules,
        default: Rule::new("default", MatchExpr::Always, default),
    }
}

/// Some packets go to a next router that the routes do not name, or nowhere.
fn policy_routes(random: &mut Random, number: usize) -> Filter {
    let mut rules = Vec::new();
    for n in 0..1 + random.below(2) {
        let to = format!("10.{}.0.0/25", random.below(DEVICES));
        let port = 20 + random.below(4) as u16;
        let condition = MatchExpr::all([
            MatchExpr::Ingress(Arc::new(InterfaceSet::name(if random.below(2) == 0 {
                "lan"
            } else {
                "transit"
            }))),
            MatchExpr::destination(AddressSet::prefix(to.parse().unwrap())),
            MatchExpr::service(ServiceSet::destination_ports(6, port, port + 1)),
        ]);
        let by = random.below(DEVICES);
        let action = match random.below(6) {
            0 => Action::Deny,
            1 => Action::Permit,
            _ if by == number => Action::Permit,
            _ => Action::Translate(Arc::new(Translation {
                name: format!("policy route {n}"),
                egress: Some("transit".into()),
                gateway: Some(address(&format!("10.0.255.{}", 100 + by))),
                ..Translation::default()
            })),
        };
        rules.push(Rule::new(format!("policy route {n}"), condition, action));
    }
    Filter {
        name: "policy routes".into(),
        rules,
        default: Rule::new("routes", MatchExpr::Always, Action::Permit),
    }
}

/// A host behind the device has an address on the shared subnet.
fn translation(number: usize, inward: bool) -> Filter {
    let real = address(&format!("10.{number}.0.10"));
    let mapped = address(&format!("10.0.255.{number}"));
    let shift = |from, to| AddressTranslation::Shift {
        from: address::bits(from),
        to: address::bits(to),
    };
    let mut by = Translation {
        name: format!("static {number}"),
        ..Translation::default()
    };
    let on = |name: &str| Arc::new(InterfaceSet::name(name));
    let condition = if inward {
        by.destination = Some(shift(mapped, real));
        MatchExpr::all([
            MatchExpr::Ingress(on("transit")),
            MatchExpr::destination(AddressSet::host(mapped)),
        ])
    } else {
        by.source = Some(shift(real, mapped));
        MatchExpr::all([
            MatchExpr::Egress(on("transit")),
            MatchExpr::source(AddressSet::host(real)),
        ])
    };
    let mut rules = vec![Rule::new(
        "static",
        condition,
        Action::Translate(Arc::new(by)),
    )];
    rules.extend(if inward {
        mapped_port(number)
    } else {
        masquerade(number)
    });
    Filter {
        name: format!("nat {inward}"),
        rules,
        default: Rule::new("none", MatchExpr::Always, Action::Return),
    }
}

/// Half of the devices let their port 8021 on the shared subnet, or the one of
/// the outer interface, lead to port 21 of a host.
fn mapped_port(number: usize) -> Option<Rule> {
    let own = address(&format!("10.0.255.{}", 100 + number));
    let port = ServiceSet::destination_ports(6, 8021, 8021);
    let by = Translation {
        name: format!("port {number}"),
        destination: Some(AddressTranslation::Shift {
            from: address::bits(own),
            to: address::bits(address(&format!("10.{number}.0.20"))),
        }),
        destination_port: Some(PortTranslation::Shift { from: 8021, to: 21 }),
        ..Translation::default()
    };
    let condition = MatchExpr::all([
        MatchExpr::destination(AddressSet::host(own)),
        MatchExpr::service(port),
    ]);
    (number.is_multiple_of(2))
        .then(|| Rule::new("port", condition, Action::Translate(Arc::new(by))))
}

/// A third of the devices hide a part of their hosts behind their own address.
fn masquerade(number: usize) -> Option<Rule> {
    let by = Translation {
        name: format!("masquerade {number}"),
        source: Some(AddressTranslation::EgressInterface),
        ..Translation::default()
    };
    let hosts = format!("10.{number}.0.128/25").parse().unwrap();
    let condition = MatchExpr::all([
        MatchExpr::Egress(Arc::new(InterfaceSet::name("transit"))),
        MatchExpr::source(AddressSet::prefix(hosts)),
    ]);
    (number % 3 == 1).then(|| Rule::new("masquerade", condition, Action::Translate(Arc::new(by))))
}

fn device(random: &mut Random, number: usize) -> Device {
    let interface = |name: &str, net: String| Interface {
        name: name.into(),
        addresses: vec![net.parse().unwrap()],
        enabled: true,
        ..Interface::default()
    };
    let route = |prefix: &str, gateway: String| Route {
        vrf: String::new(),
        prefix: prefix.parse().unwrap(),
        next: NextHop::Gateway(address(&gateway)),
        metric: 1,
        span: None,
    };
    let mut interfaces = vec![
        interface("transit", format!("10.0.255.{}/24", 100 + number)),
        interface("lan", format!("10.{number}.0.1/24")),
    ];
    // Most devices are on a second shared subnet too, so that packets of a
    // connection come back by another interface.
    let two = number < SECOND;
    if two {
        interfaces.push(interface("second", format!("10.0.254.{}/24", 100 + number)));
    }
    for interface in &mut interfaces {
        interface.source_check = match random.below(8) {
            0 => SourceCheck::Strict,
            1 => SourceCheck::Feasible,
            _ => SourceCheck::Off,
        };
    }
    let mut routes = Vec::new();
    for other in (0..DEVICES).filter(|o| *o != number) {
        if random.below(12) == 0 {
            continue;
        }
        // Now and then by a third device.
        let by = if random.below(4) == 0 {
            random.below(DEVICES)
        } else {
            other
        };
        if by != number {
            let prefix = format!("10.{other}.0.0/24");
            let (subnet, name) = if two && by < SECOND && random.below(3) == 0 {
                (254, "second")
            } else {
                (255, "transit")
            };
            let gateway = format!("10.0.{subnet}.{}", 100 + by);
            let mut one = route(&prefix, gateway.clone());
            if random.below(2) == 0 {
                one.next = NextHop::Interface(name.into(), Some(address(&gateway)));
            }
            routes.push(one);
        }
    }
    if number == 0 {
        interfaces.push(interface("out", "198.51.100.1/24".into()));
        routes.push(route("0.0.0.0/0", "198.51.100.254".into()));
    } else if random.below(5) > 0 {
        routes.push(route("0.0.0.0/0", "10.0.255.100".into()));
    }
    if random.below(6) == 0 {
        routes.push(Route {
            next: NextHop::Discard,
            ..route("10.1.0.128/25", "10.0.255.100".into())
        });
    }
    let kind = random.below(3);
    let connections = match random.below(4) {
        0 => Connections::Interface,
        1 => Connections::Zone,
        _ => Connections::Anywhere,
    };
    let zones = if random.below(3) == 0 {
        vec![Zone {
            name: "shared".into(),
            interfaces: vec!["transit".into(), "second".into()],
            span: None,
        }]
    } else {
        Vec::new()
    };
    let mut device = Device {
        name: format!("d{number}"),
        interfaces,
        interfaces_complete: true,
        routes,
        connections: if kind == 2 {
            Connections::Anywhere
        } else {
            connections
        },
        zones,
        tracks_connections: kind == 1,
        automatic_replies: if kind == 0 {
            ServiceSet::union_all(&[ServiceSet::protocol(6), ServiceSet::protocol(17)])
        } else {
            ServiceSet::empty()
        },
        ..Device::default()
    };
    let filter = policy(random, kind == 1);
    let filter = device.add_filter(filter);
    let stage = |name: &str, kind, filter| Stage {
        name: name.into(),
        kind,
        filter,
        view: View::CURRENT,
    };
    device
        .pipeline
        .forward
        .push(stage("policy", StageKind::Policy, filter));
    if random.below(4) == 0 {
        let routes = device.add_filter(policy_routes(random, number));
        device
            .pipeline
            .prerouting
            .push(stage("policy routes", StageKind::Nat, routes));
    }
    if kind != 2 && random.below(2) == 0 {
        let inward = device.add_filter(translation(number, true));
        let outward = device.add_filter(translation(number, false));
        device
            .pipeline
            .prerouting
            .push(stage("in", StageKind::Nat, inward));
        device
            .pipeline
            .postrouting
            .push(stage("out", StageKind::Nat, outward));
    }
    device
}

#[test]
fn agrees_on_generated_networks() {
    let mut all = Checked::default();
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let devices = (0..DEVICES).map(|n| device(&mut random, n)).collect();
        let snapshot = Snapshot {
            devices,
            ..Snapshot::default()
        };
        let conditions = ConditionTable::default();
        let side = Side::new(&snapshot, &conditions, 0);
        let checked =
            check(&side, 700, seed ^ 0x5eed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        all.packets += checked.packets;
        all.permitted += checked.permitted;
        all.conditional += checked.conditional;
    }
    println!("{all:?}");
    assert!(all.packets >= 100_000, "{all:?}");
    assert!(all.permitted * 10 > all.packets, "{all:?}");
    // `conditional` counts packets that cross more than one device.
    assert!(all.conditional * 5 > all.packets, "{all:?}");
}
