//! The fixtures of the workspace: their texts, their flows, and what they say
//! becomes of each flow. The kernel judges the same texts and the same flows,
//! not copies of them.

use crate::world::{Fate, NEAR, OWN_FAR, OWN_NEAR, Place, World, answered_ports};
use fw_model::Packet;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// One side of a fixture.
pub struct Side {
    /// `before` or `after`.
    pub stem: &'static str,
    /// Its files: names and texts.
    pub files: Vec<(String, String)>,
}

/// A fixture.
pub struct Trap {
    /// The name of its folder.
    pub name: String,
    /// Its sides; one if nothing changes.
    pub sides: Vec<Side>,
    /// Its flows.
    pub flows: Vec<TrapFlow>,
    /// The diagnostics that it expects.
    pub diagnostics: Vec<String>,
}

/// A flow of a fixture.
#[derive(Clone, Debug)]
pub struct TrapFlow {
    /// Its name.
    pub id: String,
    from: Vec<End>,
    to: Vec<End>,
    services: Vec<Service>,
    ingress: Option<String>,
    egress: Option<String>,
    replies: bool,
    /// What the fixture expects of it, by side.
    pub expected: BTreeMap<&'static str, String>,
}

/// Addresses at one end of a flow.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The host itself.
    Itself,
    /// A range.
    Range(IpAddr, IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Service {
    protocol: u8,
    ports: (u16, u16),
}

/// The folder of a vendor's fixtures.
#[must_use]
pub fn folder(vendor: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures")).join(vendor)
}

fn list(path: &Path) -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> = std::fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    out.sort();
    out
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All files below a path, with their names relative to `root`.
fn files(root: &Path, path: &Path, out: &mut Vec<(String, String)>) {
    if path.is_dir() {
        for entry in list(path) {
            files(root, &entry, out);
        }
        return;
    }
    let name = path.strip_prefix(root).unwrap_or(path);
    out.push((name.to_string_lossy().into_owned(), text(path)));
}

/// All fixtures of a vendor, in order.
///
/// # Panics
/// If there are none, or one of them says what this reader does not know.
#[must_use]
pub fn all(vendor: &str) -> Vec<Trap> {
    let out: Vec<Trap> = list(&folder(vendor))
        .iter()
        .filter(|case| case.is_dir())
        .map(|case| trap(case))
        .collect();
    assert!(!out.is_empty(), "no fixtures of {vendor}");
    out
}

fn trap(case: &Path) -> Trap {
    let name = case
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut sides = Vec::new();
    for stem in ["before", "after"] {
        for path in list(case) {
            if path.file_stem().is_some_and(|s| s == stem) {
                let mut found = Vec::new();
                files(case, &path, &mut found);
                sides.push(Side { stem, files: found });
            }
        }
    }
    let expect: toml::Table = text(&case.join("expect.toml"))
        .parse()
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut flows = flows(&text(&case.join("flows.yaml")), &name);
    for entry in expect
        .get("flow")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
    {
        let word = |key: &str| entry.get(key).and_then(toml::Value::as_str);
        let Some(flow) = flows.iter_mut().find(|f| word("id") == Some(f.id.as_str())) else {
            panic!("{name}: expect.toml names a flow that is not there");
        };
        for stem in ["before", "after"] {
            if let Some(verdict) = word(stem) {
                flow.expected.insert(stem, verdict.to_owned());
            }
        }
    }
    let diagnostics = expect
        .get("diagnostics")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect();
    Trap {
        name,
        sides,
        flows,
        diagnostics,
    }
}

/// The flows of a fixture. They are written one key a line.
fn flows(text: &str, case: &str) -> Vec<TrapFlow> {
    let mut out: Vec<TrapFlow> = Vec::new();
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or(line).trim();
        let (line, starts) = match line.strip_prefix("- ") {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let Some((key, value)) = line.split_once(':') else {
            assert!(line.is_empty(), "{case}: `{line}` is not understood");
            continue;
        };
        let value = value.trim().trim_matches('"');
        if starts {
            assert_eq!(key, "id", "{case}: a flow begins with its id");
            out.push(TrapFlow {
                id: value.to_owned(),
                from: Vec::new(),
                to: Vec::new(),
                services: Vec::new(),
                ingress: None,
                egress: None,
                replies: true,
                expected: BTreeMap::new(),
            });
            continue;
        }
        let Some(flow) = out.last_mut() else {
            assert!(
                matches!(key, "version" | "flows"),
                "{case}: `{key}` is not understood"
            );
            continue;
        };
        let parts = || {
            value
                .trim_start_matches('[')
                .trim_end_matches(']')
                .split(',')
                .map(|part| part.trim().trim_matches('"'))
        };
        match key {
            "from" => flow.from = parts().map(|p| end(p, case)).collect(),
            "to" => flow.to = parts().map(|p| end(p, case)).collect(),
            "service" => flow.services = parts().map(|p| service(p, case)).collect(),
            "ingress" => flow.ingress = Some(value.to_owned()),
            "egress" => flow.egress = Some(value.to_owned()),
            "return" => flow.replies = value != "false",
            "expect" | "description" | "quantity" | "owner" | "user" => {}
            other => panic!("{case}: `{other}` is not understood"),
        }
    }
    out
}

fn end(text: &str, case: &str) -> End {
    if text.starts_with("self:") {
        return End::Itself;
    }
    if let Ok(net) = text.parse::<IpNet>() {
        return End::Range(net.network(), net.broadcast());
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) => End::Range(low, high),
        _ => panic!("{case}: `{text}` is no address"),
    }
}

fn service(text: &str, case: &str) -> Service {
    let whole = |protocol, value: u16| Service {
        protocol,
        ports: (value, value),
    };
    let Some((protocol, rest)) = text.split_once('/') else {
        panic!("{case}: `{text}` is no service");
    };
    match (protocol, rest) {
        ("tcp" | "udp", ports) => {
            let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
            let port = |text: &str| -> u16 {
                text.parse()
                    .unwrap_or_else(|_| panic!("{case}: `{text}` is no port"))
            };
            Service {
                protocol: if protocol == "tcp" { 6 } else { 17 },
                ports: (port(low), port(high)),
            }
        }
        ("icmp", "echo-request") => whole(1, 8 << 8),
        ("icmp", "timestamp-request") => whole(1, 13 << 8),
        ("icmp6", "echo-request") => whole(58, 128 << 8),
        ("proto", "50") => whole(50, 0),
        _ => panic!("{case}: the kernel's answer to `{text}` is not known here"),
    }
}

impl Trap {
    /// What the interfaces are called on which its flows come and go: the near
    /// one is that behind which the harness has the addresses of the flows.
    #[must_use]
    pub fn interfaces(&self, world: &World) -> [String; 2] {
        let mut near = None;
        for flow in &self.flows {
            if TrapFlow::ends_near(&flow.from) {
                near = near.or_else(|| flow.ingress.clone());
            } else if TrapFlow::ends_near(&flow.to) {
                near = near.or_else(|| flow.egress.clone());
            }
        }
        let mut mentioned = self
            .flows
            .iter()
            .flat_map(|f| [&f.ingress, &f.egress])
            .flatten();
        let near = near
            .or_else(|| mentioned.clone().next().cloned())
            .unwrap_or_else(|| world.near_name.clone());
        let far = mentioned.find(|name| **name != near).cloned();
        let far = far.unwrap_or_else(|| {
            let free = [&world.far_name, &world.near_name]
                .into_iter()
                .find(|name| **name != near);
            free.cloned().unwrap_or_else(|| "other0".into())
        });
        [near, far]
    }
}

/// Where packets of a flow start, and what has to be routed to the near side
/// for it.
impl TrapFlow {
    fn ends_near(ends: &[End]) -> bool {
        ends.iter().any(|end| {
            matches!(end, End::Range(low, _) if NEAR
                .iter()
                .filter_map(|p| p.parse::<IpNet>().ok())
                .any(|net| net.contains(low)))
        })
    }

    fn place(&self, world: &World) -> Place {
        if matches!(self.from.first(), Some(End::Itself)) {
            Place::Firewall
        } else if self.ingress.as_deref() == Some(world.far_name.as_str()) {
            Place::Far
        } else {
            Place::Near
        }
    }

    /// The addresses that have to be routed to the near side.
    #[must_use]
    pub fn near(&self, world: &World) -> Vec<IpAddr> {
        let ends = match self.place(world) {
            Place::Near => &self.from,
            Place::Far => &self.to,
            // What the host itself sends leaves by the interface named.
            Place::Firewall if self.egress.as_deref() == Some(world.near_name.as_str()) => &self.to,
            Place::Firewall => return Vec::new(),
        };
        let mut out = Vec::new();
        for end in ends {
            if let End::Range(low, high) = end {
                out.extend([*low, *high]);
            }
        }
        out
    }

    /// Packets at the corners of the flow. `number` keeps the packets of
    /// several flows apart.
    #[must_use]
    pub fn packets(&self, world: &World, number: u16) -> Vec<(Place, Packet)> {
        let place = self.place(world);
        let mut out = Vec::new();
        for service in &self.services {
            let (low, high) = service.ports;
            let mut ports = vec![low, high];
            ports.dedup();
            for from in &self.from {
                for to in &self.to {
                    for (source, destination) in corners(*from, *to) {
                        for &port in &ports {
                            if matches!(to, End::Itself)
                                && matches!(service.protocol, 6 | 17)
                                && !answered_ports().contains(&port)
                            {
                                panic!("{}: nobody answers at port {port}", self.id);
                            }
                            let clients: &[u16] = if matches!(service.protocol, 6 | 17) {
                                &[1024, 20000, 49152, 65500]
                            } else {
                                &[0]
                            };
                            for client in clients {
                                out.push((
                                    place,
                                    Packet {
                                        source,
                                        destination,
                                        protocol: service.protocol,
                                        source_port: if *client == 0 { 0 } else { client + number },
                                        destination_port: port,
                                    },
                                ));
                            }
                        }
                    }
                }
            }
        }
        out
    }

    /// What became of the flow: `permitted`, `denied` or `partial`.
    #[must_use]
    pub fn verdict(&self, fates: &[Fate]) -> &'static str {
        let works = |fate: &&Fate| {
            if self.replies {
                fate.answered
            } else {
                fate.arrived.is_some()
            }
        };
        match fates.iter().filter(works).count() {
            0 => "denied",
            n if n == fates.len() => "permitted",
            _ => "partial",
        }
    }
}

/// Pairs of addresses at the corners of two ends.
fn corners(from: End, to: End) -> Vec<(IpAddr, IpAddr)> {
    let of = |end: End, own: [&str; 2], v6: bool| -> Vec<IpAddr> {
        match end {
            End::Itself => own
                .iter()
                .map(|a| a.parse::<IpAddr>().expect("an address"))
                .filter(|a| a.is_ipv6() == v6)
                .collect(),
            End::Range(low, high) if low == high => vec![low],
            End::Range(low, high) => vec![low, high],
        }
    };
    let v6 = [from, to]
        .iter()
        .any(|e| matches!(e, End::Range(low, _) if low.is_ipv6()));
    let mut out = Vec::new();
    for source in of(from, OWN_FAR, v6) {
        for destination in of(to, OWN_NEAR, v6) {
            if source.is_ipv6() == destination.is_ipv6() {
                out.push((source, destination));
            }
        }
    }
    out
}

/// Sends the packets of all flows of a fixture through what is loaded, and
/// compares with what the fixture expects. Returns what differs, and how many
/// verdicts were compared.
pub fn judge(world: &mut World, trap: &Trap, stem: &str) -> (Vec<String>, usize) {
    let mut wrong = Vec::new();
    let mut compared = 0;
    let mut probes = Vec::new();
    let mut parts = Vec::new();
    for (flow, number) in trap.flows.iter().zip(0u16..) {
        let packets = flow.packets(world, number);
        assert!(
            !packets.is_empty(),
            "{}: {} has no packet",
            trap.name,
            flow.id
        );
        let mut places = Vec::new();
        for one in packets {
            let at = probes.iter().position(|p| *p == one).unwrap_or_else(|| {
                probes.push(one);
                probes.len() - 1
            });
            places.push(at);
        }
        parts.push((flow, places));
    }
    let fates = world.probe(&probes);
    for (flow, places) in parts {
        let Some(expected) = flow.expected.get(stem) else {
            continue;
        };
        let mut mine: Vec<Fate> = places.iter().map(|&at| fates[at]).collect();
        if expected == "undecided" {
            continue;
        }
        if flow.verdict(&mine) != expected {
            // Connections of several flows may be in each other's way.
            let again: Vec<(Place, Packet)> = places.iter().map(|&at| probes[at]).collect();
            mine = world.probe(&again);
        }
        compared += 1;
        let found = flow.verdict(&mine);
        if found != expected {
            let detail: Vec<String> = places
                .iter()
                .zip(&mine)
                .map(|(&at, fate)| {
                    format!(
                        "    {} from {:?}: arrived as {}, answered {}, refused {}",
                        probes[at].1,
                        probes[at].0,
                        fate.arrived
                            .map_or_else(|| "nothing".into(), |p| p.to_string()),
                        fate.answered,
                        fate.refused
                    )
                })
                .collect();
            wrong.push(format!(
                "{} {stem}: flow {} is expected {expected}, the kernel says {found}\n{}",
                trap.name,
                flow.id,
                detail.join("\n")
            ));
        }
    }
    (wrong, compared)
}
