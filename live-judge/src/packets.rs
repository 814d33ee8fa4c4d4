//! Packets at the boundaries of a device's rules.

use crate::random::{Choose, Random};
use crate::world::{NEAR, OWN_FAR, OWN_NEAR, Place, answered_ports};
use fw_model::route::{RouteDecision, lookup};
use fw_model::{Action, AddressTranslation, Device, Family, IntervalSet, MatchExpr, Packet};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The values at which rules tell packets apart.
struct Landmarks {
    addresses: [Vec<IpAddr>; 2],
    ports: Vec<u16>,
    own_ports: Vec<u16>,
    near: Vec<ipnet::IpNet>,
    own: Vec<IpAddr>,
}

impl Landmarks {
    fn of(device: &Device) -> Self {
        let mut addresses: [BTreeSet<IpAddr>; 2] = Default::default();
        let mut ports: BTreeSet<u16> = [22, 53, 80, 443, 40000].into();
        let mut address = |family: Family, set: &IntervalSet| {
            // Masks with holes have many ranges.
            for &(low, high) in set.ranges().iter().take(8) {
                for value in [
                    low,
                    low + 1,
                    high,
                    low.saturating_sub(1),
                    high.saturating_add(1),
                ] {
                    if value <= family.max() {
                        addresses[usize::from(family == Family::V6)].insert(family.address(value));
                    }
                }
            }
        };
        for text in NEAR {
            let net: ipnet::IpNet = text.parse().expect("a prefix");
            let low = fw_model::address::bits(net.network());
            address(
                Family::of(net.addr()),
                &IntervalSet::single(low + if net.addr().is_ipv4() { 10 } else { 16 }),
            );
        }
        for text in ["10.0.2.2", "192.0.2.10", "fd00:2::2"] {
            let one: IpAddr = text.parse().expect("an address");
            address(
                Family::of(one),
                &IntervalSet::single(fw_model::address::bits(one)),
            );
        }
        for rule in device.filters.iter().flat_map(|f| &f.rules) {
            rule.match_expr.walk(&mut |part| match part {
                MatchExpr::Source(set) | MatchExpr::Destination(set) => {
                    address(Family::V4, &set.v4);
                    address(Family::V6, &set.v6);
                }
                MatchExpr::Service(set) => {
                    for term in set.terms() {
                        for &(low, high) in term
                            .service
                            .ranges()
                            .iter()
                            .chain(term.source_ports.ranges())
                            .take(24)
                        {
                            for value in [low, high, low.wrapping_sub(1), high + 1] {
                                ports.insert(value as u16);
                            }
                        }
                    }
                }
                _ => {}
            });
            // Where translations lead is of interest too.
            if let Action::Translate(translation) = &rule.action
                && let Some(AddressTranslation::Pool(set)) = &translation.destination
            {
                address(Family::V4, &set.v4);
                address(Family::V6, &set.v6);
            }
        }
        let own: Vec<IpAddr> = OWN_NEAR
            .iter()
            .chain(&OWN_FAR)
            .map(|a| a.parse().expect("an address"))
            .collect();
        ports.remove(&0);
        Self {
            addresses: addresses.map(|set| {
                set.into_iter()
                    .filter(|a| sendable(*a) && !own.contains(a))
                    .collect()
            }),
            ports: ports.into_iter().collect(),
            own_ports: answered_ports(),
            near: device
                .routes
                .iter()
                .map(|r| r.prefix)
                .filter(|p| p.prefix_len() > 0)
                .collect(),
            own,
        }
    }

    fn place(&self, address: IpAddr) -> Place {
        if self.near.iter().any(|n| n.contains(&address)) {
            Place::Near
        } else {
            Place::Far
        }
    }
}

/// True for addresses that hosts have.
fn sendable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => {
            let first = a.octets()[0];
            (1..224).contains(&first) && first != 127 && !a.is_link_local()
        }
        IpAddr::V6(a) => {
            !a.is_multicast()
                && !a.is_unspecified()
                && !a.is_loopback()
                && !a.is_unicast_link_local()
                // Addresses below are reserved or embed IPv4 ones.
                && a.segments()[0] != 0
        }
    }
}

/// Up to `count` first packets, no two of one connection.
#[must_use]
pub fn choose(device: &Device, random: &mut Random, count: usize) -> Vec<(Place, Packet)> {
    let marks = Landmarks::of(device);
    let mut out = Vec::new();
    let mut known = BTreeSet::new();
    for _ in 0..count * 8 {
        if out.len() >= count {
            break;
        }
        let Some((place, packet)) = one(&marks, random) else {
            continue;
        };
        let (a, b) = (
            (packet.source, packet.source_port),
            (packet.destination, packet.destination_port),
        );
        let ends = if packet.source_port == 0 {
            // Without ports an address pair is one connection.
            let (a, b) = ((packet.source, 0), (packet.destination, 0));
            (a.min(b), a.max(b))
        } else {
            (a.min(b), a.max(b))
        };
        let service = if matches!(packet.protocol, 1 | 58) {
            packet.destination_port
        } else {
            0
        };
        if known.insert((packet.protocol, service, ends)) && routed(device, &packet) {
            out.push((place, packet));
        }
    }
    out
}

fn routed(device: &Device, packet: &Packet) -> bool {
    matches!(
        lookup(device, "", packet.destination),
        RouteDecision::Leaves(_)
    )
}

fn one(marks: &Landmarks, random: &mut Random) -> Option<(Place, Packet)> {
    let v6 = random.chance(35);
    let addresses = marks.addresses.get(usize::from(v6))?;
    let own: Vec<IpAddr> = marks
        .own
        .iter()
        .copied()
        .filter(|a| a.is_ipv6() == v6)
        .collect();
    let place = *random.pick(&[
        Place::Near,
        Place::Near,
        Place::Near,
        Place::Near,
        Place::Near,
        Place::Near,
        Place::Far,
        Place::Far,
        Place::Far,
        Place::Firewall,
    ]);
    let at = |place: Place| -> Vec<IpAddr> {
        addresses
            .iter()
            .copied()
            .filter(|a| marks.place(*a) == place)
            .collect()
    };
    let source = match place {
        Place::Firewall => *random.pick(&own),
        place => *random.pick(&at(place)),
    };
    let destination = match place {
        Place::Firewall => *random.pick(addresses),
        _ if random.chance(20) => *random.pick(&own),
        Place::Near if random.chance(95) => *random.pick(&at(Place::Far)),
        Place::Far if random.chance(95) => *random.pick(&at(Place::Near)),
        _ => *random.pick(addresses),
    };
    if source == destination {
        return None;
    }
    let local = own.contains(&destination);
    let protocol = *random.pick(&[6, 6, 6, 6, 6, 17, 17, 17, if v6 { 58 } else { 1 }, 50]);
    let (source_port, destination_port) = match protocol {
        // The firewall itself has no answer to ESP.
        50 if local => return None,
        50 => (0, 0),
        1 => (
            0,
            if random.chance(80) || local {
                8 << 8
            } else {
                13 << 8
            },
        ),
        58 => (0, 128 << 8),
        _ => {
            let from = if random.chance(60) {
                30000 + random.below(20000) as u16
            } else {
                *random.pick(&marks.ports)
            };
            let to = if local && random.chance(90) {
                *random.pick(&marks.own_ports)
            } else {
                *random.pick(&marks.ports)
            };
            (from, to)
        }
    };
    Some((
        place,
        Packet {
            source,
            destination,
            protocol,
            source_port,
            destination_port,
        },
    ))
}
