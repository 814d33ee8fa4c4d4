//! How long the engine takes on a network of hundreds of devices: a core, hubs
//! and branches, thousands of flows between them.

#![allow(clippy::unwrap_used)]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fw_impact::options::Options;
use fw_impact::reference::Random;
use fw_impact::report::ChangeSeverity;
use fw_model::{
    Action, AddressSet, Device, Endpoint, Expect, Filter, Flow, Interface, MatchExpr, NextHop,
    Quantity, Route, Rule, ServiceSet, Snapshot, Stage, StageKind, View,
};
use std::hint::black_box;

const PER_HUB: usize = 24;

fn lan(branch: usize) -> String {
    format!("10.{}.{}", branch / 250, branch % 250)
}

fn device(name: String, interfaces: &[(String, String)], routes: &[(String, String)]) -> Device {
    let mut device = Device {
        name,
        interfaces: interfaces
            .iter()
            .map(|(name, net)| Interface {
                name: name.clone(),
                addresses: vec![net.parse().unwrap()],
                enabled: true,
                ..Interface::default()
            })
            .collect(),
        interfaces_complete: true,
        routes: routes
            .iter()
            .map(|(prefix, gateway)| Route {
                vrf: String::new(),
                prefix: prefix.parse().unwrap(),
                next: NextHop::Gateway(gateway.parse().unwrap()),
                metric: 1,
                span: None,
            })
            .collect(),
        automatic_replies: ServiceSet::any(),
        ..Device::default()
    };
    let rules = [80u16, 210, 443, 6001].map(|port| {
        Rule::new(
            port.to_string(),
            MatchExpr::service(ServiceSet::destination_ports(6, port, port)),
            Action::Permit,
        )
    });
    let filter = device.add_filter(Filter {
        name: "policy".into(),
        rules: rules.into(),
        default: Rule::new("default", MatchExpr::Always, Action::Deny),
    });
    device.pipeline.forward.push(Stage {
        name: "policy".into(),
        kind: StageKind::Policy,
        filter,
        view: View::CURRENT,
    });
    device
}

/// A core with a server subnet and a way out, hubs, branches behind them; with
/// `edited`, one branch lost a service.
fn network(branches: usize, edited: bool) -> Snapshot {
    let mut devices = Vec::new();
    let own = |name: &str, net: &str| (name.to_owned(), net.to_owned());
    let mut core = (
        vec![
            own("out", "198.51.100.2/30"),
            own("servers", "10.255.0.1/24"),
        ],
        vec![own("0.0.0.0/0", "198.51.100.1")],
    );
    for hub in 0..branches.div_ceil(PER_HUB) {
        let up = format!("172.16.{hub}");
        core.0.push((format!("hub{hub}"), format!("{up}.1/30")));
        let mut here = (
            vec![("up".to_owned(), format!("{up}.2/30"))],
            vec![("0.0.0.0/0".to_owned(), format!("{up}.1"))],
        );
        for (n, branch) in (hub * PER_HUB..branches.min((hub + 1) * PER_HUB)).enumerate() {
            let link = format!("172.20.{hub}");
            let (near, far) = (4 * n + 1, 4 * n + 2);
            let net = format!("{}.0/24", lan(branch));
            here.0.push((format!("b{n}"), format!("{link}.{near}/30")));
            here.1.push((net.clone(), format!("{link}.{far}")));
            core.1.push((net, format!("{up}.2")));
            let mut one = device(
                format!("branch{branch}"),
                &[
                    ("wan".to_owned(), format!("{link}.{far}/30")),
                    ("lan".to_owned(), format!("{}.1/24", lan(branch))),
                ],
                &[("0.0.0.0/0".to_owned(), format!("{link}.{near}"))],
            );
            if edited && branch == branches / 2 {
                for filter in &mut one.filters {
                    filter.rules.pop();
                }
            }
            devices.push(one);
        }
        devices.push(device(format!("hub{hub}"), &here.0, &here.1));
    }
    devices.push(device("core".into(), &core.0, &core.1));
    devices.sort_by(|a, b| a.name.cmp(&b.name));
    Snapshot {
        devices,
        ..Snapshot::default()
    }
}

fn flows(branches: usize, count: usize) -> Vec<Flow> {
    let mut random = Random::new(1);
    (0..count)
        .map(|n| {
            let prefix =
                |text: String| Endpoint::Addresses(AddressSet::prefix(text.parse().unwrap()));
            let from = prefix(format!("{}.0/24", lan(random.below(branches))));
            let to = match random.below(4) {
                0 => prefix(format!("{}.9/32", lan(random.below(branches)))),
                1 => prefix("203.0.113.0/24".into()),
                _ => prefix("10.255.0.10/32".into()),
            };
            Flow {
                id: format!("flow{n}"),
                description: None,
                from,
                to,
                from_text: String::new(),
                to_text: String::new(),
                services: ServiceSet::destination_ports(6, 6001, 6001),
                service_name: "sip2".into(),
                expect: Expect::Allow,
                quantity: Quantity::All,
                check_return: true,
                keepalive: None,
                idle_sensitive: false,
                tls: false,
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
        })
        .collect()
}

const fn options() -> Options<'static> {
    Options {
        now: 0,
        horizon: 0,
        approvals: &[],
        fail_on: ChangeSeverity::Medium,
        strict: false,
        counterfactual: None,
        inputs: Vec::new(),
        version: String::new(),
    }
}

fn networks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("network");
    group.sample_size(10);
    for branches in [50, 480] {
        let (before, after) = (network(branches, false), network(branches, true));
        let flows = flows(branches, 2_000);
        group.bench_function(BenchmarkId::new("compare_2000_flows", branches), |b| {
            b.iter(|| black_box(fw_impact::compare(&before, &after, &flows, &options())));
        });
    }
    group.finish();
}

criterion_group!(benches, networks);
criterion_main!(benches);
