//! Predefined applications: on which ports `application-default` lets them
//! run, and which of them a packet's protocol alone identifies.
//!
//! The table holds every application of one old content release and newer
//! values where they are known; its sections name their sources. Default ports
//! change with content updates, so a verdict that rests on the table carries
//! an assumption.

use fw_model::service::{ICMP, ICMPV6, PORT_MAX, SCTP, TCP, UDP};
use fw_model::{DefaultPorts, IntervalSet, ServiceSet};
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock};

static TABLE: &str = include_str!("applications.tsv");

static INDEX: LazyLock<FxHashMap<&'static str, &'static str>> = LazyLock::new(|| {
    TABLE
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split_once('\t'))
        .collect()
});

/// What is known of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Where `application-default` permits it.
    pub(super) ports: ServiceSet,
    /// Where it does so once the traffic is decrypted.
    pub(super) decrypted: ServiceSet,
    /// Every packet of these services is this application: nothing above the
    /// IP protocol or ICMP type has to be identified.
    pub(super) certain: Option<ServiceSet>,
    /// No default port is listed.
    pub(super) portless: bool,
}

/// Looks a predefined application up.
pub(super) fn known(name: &str) -> Option<Known> {
    let ports = INDEX.get(name)?;
    let mut out = Known::default();
    for part in ports.split(' ').filter(|p| !p.is_empty()) {
        let (decrypted, part) = match part.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, part),
        };
        let Some(set) = ports_of(part) else { continue };
        if part.starts_with("ip-proto/") || part.starts_with("icmp-type/") {
            out.certain = Some(set.clone());
        }
        let into = if decrypted {
            &mut out.decrypted
        } else {
            &mut out.ports
        };
        *into = into.union(&set);
    }
    out.portless = out.ports.is_empty();
    // Whether an echo request is also `icmp` depends on what identifies it
    // first, so of that protocol only the rest is certain.
    let echo = match name {
        "icmp" => Some(ServiceSet::icmp(ICMP, 8, None)),
        "ipv6-icmp" => Some(ServiceSet::icmp(ICMPV6, 128, None)),
        _ => None,
    };
    if let (Some(echo), Some(certain)) = (echo, &out.certain) {
        out.certain = Some(certain.intersect(&echo.complement()));
    }
    Some(out)
}

/// Services of `tcp/80,443`, `udp/dynamic`, `ip-proto/47`, `icmp-type/8`.
pub(super) fn ports_of(text: &str) -> Option<ServiceSet> {
    let (protocol, ports) = text.split_once('/')?;
    let number = match protocol.trim() {
        "tcp" => TCP,
        "udp" => UDP,
        "sctp" => SCTP,
        "icmp" => return Some(ServiceSet::protocol(ICMP)),
        "icmp6" => return Some(ServiceSet::protocol(ICMPV6)),
        "icmp-type" => return Some(ServiceSet::icmp(ICMP, ports.trim().parse().ok()?, None)),
        "ip-proto" => {
            let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
            let (low, high): (u8, u8) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
            let sets: Vec<ServiceSet> = (low..=high).map(ServiceSet::protocol).collect();
            return Some(ServiceSet::union_all(&sets));
        }
        _ => return None,
    };
    Some(ServiceSet::ports(number, every_port(), port_list(ports)?))
}

/// All ports.
pub(super) fn every_port() -> IntervalSet {
    IntervalSet::range(0, PORT_MAX)
}

/// The ports of `80,443,1000-2000`; `dynamic` is all of them.
pub(super) fn port_list(text: &str) -> Option<IntervalSet> {
    let mut ranges = Vec::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        if part == "dynamic" || part == "any" {
            return Some(every_port());
        }
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let low: u16 = low.trim().parse().ok()?;
        let high: u16 = high.trim().parse().ok()?;
        if low > high {
            return None;
        }
        ranges.push((low.into(), high.into()));
    }
    if ranges.is_empty() {
        return None;
    }
    Some(IntervalSet::from_ranges(ranges))
}

/// Where predefined applications run by default, all that are known. With
/// decryption some have other ports as well and are left out.
pub(super) fn default_ports(decrypts: bool) -> &'static Arc<DefaultPorts> {
    static PLAIN: LazyLock<Arc<DefaultPorts>> = LazyLock::new(|| table(false));
    static DECRYPTED: LazyLock<Arc<DefaultPorts>> = LazyLock::new(|| table(true));
    if decrypts { &DECRYPTED } else { &PLAIN }
}

fn table(decrypts: bool) -> Arc<DefaultPorts> {
    let ports = INDEX.keys().filter_map(|name| {
        let known = known(name)?;
        let listed = !known.portless && (!decrypts || known.decrypted.is_empty());
        listed.then(|| ((*name).to_owned(), known.ports))
    });
    Arc::new(DefaultPorts(ports.collect()))
}

/// Services that carry identified applications at all.
pub(super) fn carriers() -> ServiceSet {
    let all = [TCP, UDP, SCTP].map(ServiceSet::protocol);
    ServiceSet::union_all(&all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fw_model::service::service_point;

    #[test]
    fn every_line_of_the_table_is_read() {
        let mut seen = 0;
        for line in TABLE.lines().filter(|l| !l.starts_with('#')) {
            let (name, ports) = line.split_once('\t').unwrap();
            for part in ports.split(' ').filter(|p| !p.is_empty()) {
                assert!(ports_of(part.trim_start_matches('!')).is_some(), "{line}");
            }
            assert!(known(name).is_some(), "{name}");
            seen += 1;
        }
        assert!(seen > 2000, "{seen}");
        assert_eq!(INDEX.len(), seen, "a name stands twice");
    }

    #[test]
    fn library_and_web_applications() {
        let sip2 = known("sip2-for-ils").unwrap();
        assert!(sip2.ports.contains(service_point(TCP, 6001), 1024));
        assert!(!sip2.ports.contains(service_point(TCP, 6002), 1024));
        let web = known("web-browsing").unwrap();
        assert!(!web.ports.contains(service_point(TCP, 443), 1024));
        assert!(web.decrypted.contains(service_point(TCP, 443), 1024));
        assert!(known("ping").unwrap().certain.is_some());
        assert!(known("z39.50").is_none());
        assert!(known("unknown-tcp").unwrap().portless);
    }
}
