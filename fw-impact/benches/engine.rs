//! How long the engine takes on generated rule lists: preparing a side,
//! judging flows, finding what ten edits open and close.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fw_impact::exposure::differences;
use fw_impact::graph::Side;
use fw_impact::packet_set::ConditionTable;
use fw_impact::reference::Random;
use fw_impact::verdict::Comparison;
use fw_model::{
    Action, AddressSet, Device, Endpoint, Expect, Filter, Flow, Interface, MatchExpr, NextHop,
    Pipeline, Quantity, Route, Rule, ServiceSet, Snapshot, Stage, StageKind, View,
};
use std::hint::black_box;

/// A device with one list of `size` rules: hosts, subnets and now and then any
/// source, to hosts, subnets and ranges behind it, on a few dozen ports.
fn device(size: usize, edits: usize) -> Device {
    let mut random = Random::new(20_261_122);
    let mut rules: Vec<Rule> = (0..size).map(|n| rule(&mut random, n)).collect();
    let mut other = Random::new(7);
    for n in 0..edits {
        let at = other.below(rules.len());
        match n % 3 {
            0 => {
                rules.remove(at);
            }
            1 => rules.insert(at, rule(&mut other, size + n)),
            _ => {
                if let Some(rule) = rules.get_mut(at) {
                    rule.action = match rule.action {
                        Action::Permit => Action::Deny,
                        _ => Action::Permit,
                    };
                }
            }
        }
    }
    let interface = |name: &str, net: &str| Interface {
        name: name.into(),
        addresses: net.parse().into_iter().collect(),
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
            interface("outside", "203.0.113.2/24"),
            interface("inside", "10.255.255.1/24"),
        ],
        interfaces_complete: true,
        routes: vec![route("0.0.0.0/0", "outside"), route("10.0.0.0/8", "inside")],
        automatic_replies: ServiceSet::any(),
        ..Device::default()
    };
    let filter = device.add_filter(Filter {
        name: "OUT_IN".into(),
        rules,
        default: Rule::new("implicit deny", MatchExpr::Always, Action::Deny),
    });
    device.pipeline = Pipeline {
        forward: vec![Stage {
            name: "input access list".into(),
            kind: StageKind::Policy,
            filter,
            view: View::CURRENT,
        }],
        ..Pipeline::default()
    };
    device
}

fn rule(random: &mut Random, number: usize) -> Rule {
    let inside = |random: &mut Random| {
        let text = match random.below(4) {
            0 => format!("10.{}.{}.0/24", random.below(64), random.below(256)),
            1 => format!("10.{}.{}.0/28", random.below(64), random.below(256)),
            _ => format!(
                "10.{}.{}.{}/32",
                random.below(64),
                random.below(256),
                random.below(256)
            ),
        };
        AddressSet::prefix(text.parse().unwrap())
    };
    let outside = |random: &mut Random| match random.below(16) {
        0 => AddressSet::any(),
        _ => {
            let text = format!(
                "{}.{}.{}.0/{}",
                11 + random.below(200),
                random.below(256),
                random.below(256),
                20 + random.below(13)
            );
            AddressSet::prefix(text.parse().unwrap())
        }
    };
    let port = [22, 25, 53, 80, 123, 210, 443, 993, 1433, 3306, 6001, 8443][random.below(12)];
    let service = if random.below(8) == 0 {
        ServiceSet::destination_ports(17, port, port)
    } else {
        ServiceSet::destination_ports(6, port, port)
    };
    Rule::new(
        number.to_string(),
        MatchExpr::all([
            MatchExpr::source(outside(random)),
            MatchExpr::destination(inside(random)),
            MatchExpr::service(service),
        ]),
        if random.below(8) == 0 {
            Action::Deny
        } else {
            Action::Permit
        },
    )
}

fn flow(random: &mut Random, number: usize) -> Flow {
    let host = |text: String| Endpoint::Addresses(AddressSet::prefix(text.parse().unwrap()));
    Flow {
        id: format!("f{number}"),
        description: None,
        from: host(format!(
            "{}.{}.7.0/24",
            11 + random.below(200),
            random.below(256)
        )),
        to: host(format!(
            "10.{}.{}.0/26",
            random.below(64),
            random.below(256)
        )),
        from_text: String::new(),
        to_text: String::new(),
        services: ServiceSet::destination_ports(6, 443, 443),
        service_name: "tcp/443".into(),
        expect: Expect::Allow,
        quantity: Quantity::All,
        check_return: true,
        keepalive: None,
        idle_sensitive: false,
        tls: true,
        device: None,
        ingress: None,
        egress: None,
        application: None,
        user: None,
        companion_of: None,
        owner: None,
        justification: None,
        ticket: None,
    }
}

fn snapshot(device: Device) -> Snapshot {
    Snapshot {
        devices: vec![device],
        ..Snapshot::default()
    }
}

fn engine(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine");
    group.sample_size(10);
    for size in [1_000, 10_000, 50_000] {
        let before = snapshot(device(size, 0));
        let after = snapshot(device(size, 10));
        let mut random = Random::new(3);
        let flows: Vec<Flow> = (0..100).map(|n| flow(&mut random, n)).collect();
        group.bench_with_input(BenchmarkId::new("ten-edits", size), &size, |b, _| {
            b.iter(|| {
                let conditions = ConditionTable::default();
                let old = Side::compared(&before, &after, &conditions, 0);
                let new = Side::compared(&after, &before, &conditions, 0);
                let comparison = Comparison::new(&old, &new);
                black_box(differences(&comparison, &[]))
            });
        });
        let conditions = ConditionTable::default();
        let old = Side::compared(&before, &after, &conditions, 0);
        let new = Side::compared(&after, &before, &conditions, 0);
        let comparison = Comparison::new(&old, &new);
        group.bench_with_input(BenchmarkId::new("100-flows", size), &size, |b, _| {
            b.iter(|| {
                for flow in &flows {
                    black_box(comparison.judge(flow));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
