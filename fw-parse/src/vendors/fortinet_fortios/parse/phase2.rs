//! What tunnels carry: `vpn ipsec phase2-interface`.

use crate::vendors::fortinet_fortios::ast::{Phase2, Phase2End};
use crate::vendors::fortinet_fortios::read::{Reader, prefix};
use crate::vendors::fortinet_fortios::table::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A selector of phase 2; both ends are everything of IPv4 by default.
pub(super) fn phase2<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>) -> Option<Phase2<'t>> {
    let mut unknown = Vec::new();
    let mut port = |reader: &mut Reader<'_>, name: &str| {
        let value: Option<u16> = reader.number(entry, name, &mut unknown);
        value.filter(|p| *p != 0)
    };
    let ports = [port(reader, "src-port"), port(reader, "dst-port")];
    let protocol: Option<u8> = reader.number(entry, "protocol", &mut unknown);
    Some(Phase2 {
        name: &entry.name,
        tunnel: entry.word("phase1name")?,
        source: phase2_end(entry, "src"),
        destination: phase2_end(entry, "dst"),
        protocol: protocol.filter(|p| *p != 0),
        ports,
        unclear: !unknown.is_empty(),
        span: entry.span,
    })
}

fn phase2_end<'t>(entry: &'t Entry<'_>, end: &str) -> Phase2End<'t> {
    let value = |what: &str| entry.words(&format!("{end}-{what}"));
    let address = |what: &str| {
        let name = format!("{end}-{what}");
        entry.word(&name).and_then(|word| word.parse().ok())
    };
    let kind = format!("{end}-addr-type");
    let found = match entry.word(&kind).unwrap_or("subnet") {
        "subnet" => match value("subnet") {
            Some(words) => prefix(&words).map(|n| (n.network(), n.broadcast())),
            None => Some((
                IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                IpAddr::V4(Ipv4Addr::BROADCAST),
            )),
        },
        "subnet6" => match value("subnet6") {
            Some(words) => prefix(&words).map(|n| (n.network(), n.broadcast())),
            None => Some((
                IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                IpAddr::V6(Ipv6Addr::from(u128::MAX)),
            )),
        },
        "range" => address("start-ip").zip(address("end-ip")),
        "range6" => address("start-ip6").zip(address("end-ip6")),
        "ip" => address("start-ip").map(|a| (a, a)),
        "ip6" => address("start-ip6").map(|a| (a, a)),
        kind @ ("name" | "name6") => {
            let object = entry.word(&format!("{end}-{kind}"));
            let v6 = kind == "name6";
            return object.map_or(Phase2End::Unclear, |name| Phase2End::Object(name, v6));
        }
        _ => None,
    };
    found.map_or(Phase2End::Unclear, |(low, high)| {
        Phase2End::Between(low, high)
    })
}
