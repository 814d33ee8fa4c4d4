//! Sets of services: protocol with ports or ICMP type and code.

use crate::interval::IntervalSet;
use std::fmt;

/// IP protocol number of ICMP for IPv4.
pub const ICMP: u8 = 1;
/// IP protocol number of TCP.
pub const TCP: u8 = 6;
/// IP protocol number of UDP.
pub const UDP: u8 = 17;
/// IP protocol number of ICMP for IPv6.
pub const ICMPV6: u8 = 58;
/// IP protocol number of SCTP.
pub const SCTP: u8 = 132;

/// The highest value of the service dimension.
pub const SERVICE_MAX: u128 = (255 << 16) | 0xffff;
/// The highest port.
pub const PORT_MAX: u128 = 0xffff;

/// True if packets of `protocol` carry ports.
#[must_use]
pub const fn has_ports(protocol: u8) -> bool {
    // TCP, UDP, DCCP, SCTP, UDP-Lite
    matches!(protocol, 6 | 17 | 33 | 132 | 136)
}

/// True if packets of `protocol` carry an ICMP type and code.
#[must_use]
pub const fn is_icmp(protocol: u8) -> bool {
    matches!(protocol, 1 | 58)
}

/// A point of the service dimension: `protocol << 16 | low`, where `low` is
/// the destination port, or ICMP `type << 8 | code`, or 0.
#[must_use]
pub const fn service_point(protocol: u8, low: u16) -> u128 {
    ((protocol as u128) << 16) | low as u128
}

/// A product of one set of service points and one set of source ports.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ServiceTerm {
    /// Service points, see [`service_point`].
    pub service: IntervalSet,
    /// Source ports. Full for protocols without ports.
    pub source_ports: IntervalSet,
}

/// A union of [`ServiceTerm`]s. Terms may overlap.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct ServiceSet {
    terms: Vec<ServiceTerm>,
}

impl fmt::Debug for ServiceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn all_ports() -> IntervalSet {
    IntervalSet::range(0, PORT_MAX)
}

impl ServiceSet {
    /// The empty set.
    #[must_use]
    pub const fn empty() -> Self {
        Self { terms: Vec::new() }
    }

    /// Every service.
    #[must_use]
    pub fn any() -> Self {
        Self::of(IntervalSet::range(0, SERVICE_MAX), all_ports())
    }

    /// Service points with any source port restricted to `source_ports`.
    #[must_use]
    pub fn of(service: IntervalSet, source_ports: IntervalSet) -> Self {
        if service.is_empty() || source_ports.is_empty() {
            return Self::empty();
        }
        Self {
            terms: vec![ServiceTerm {
                service,
                source_ports,
            }],
        }
    }

    /// A whole protocol.
    #[must_use]
    pub fn protocol(protocol: u8) -> Self {
        Self::ports(protocol, all_ports(), all_ports())
    }

    /// A protocol with ports; pass the full range where a side is free.
    #[must_use]
    pub fn ports(protocol: u8, source: IntervalSet, destination: IntervalSet) -> Self {
        let base = service_point(protocol, 0);
        Self::of(destination.shift(0, base, SERVICE_MAX), source)
    }

    /// A protocol with a range of destination ports.
    #[must_use]
    pub fn destination_ports(protocol: u8, low: u16, high: u16) -> Self {
        Self::ports(
            protocol,
            all_ports(),
            IntervalSet::range(low.into(), high.into()),
        )
    }

    /// An ICMP type of `protocol` (1 or 58), with one code or all.
    #[must_use]
    pub fn icmp(protocol: u8, icmp_type: u8, code: Option<u8>) -> Self {
        let low = u16::from(icmp_type) << 8;
        let (first, last) = match code {
            Some(code) => (low | u16::from(code), low | u16::from(code)),
            None => (low, low | 0xff),
        };
        Self::destination_ports(protocol, first, last)
    }

    /// The terms.
    #[must_use]
    pub fn terms(&self) -> &[ServiceTerm] {
        &self.terms
    }

    /// True if the set holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// True if a packet with this service point and source port is a member.
    #[must_use]
    pub fn contains(&self, service: u128, source_port: u16) -> bool {
        self.terms
            .iter()
            .any(|t| t.service.contains(service) && t.source_ports.contains(source_port.into()))
    }

    /// The union of many sets, with terms that share their source ports (or
    /// their services) merged.
    #[must_use]
    pub fn union_all<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut merged: Vec<(IntervalSet, Vec<(u128, u128)>)> = Vec::new();
        for term in sets.into_iter().flat_map(|s| &s.terms) {
            match merged.iter_mut().find(|m| m.0 == term.source_ports) {
                Some(m) => m.1.extend_from_slice(term.service.ranges()),
                None => merged.push((term.source_ports.clone(), term.service.ranges().to_vec())),
            }
        }
        Self {
            terms: merged
                .into_iter()
                .map(|(source_ports, ranges)| ServiceTerm {
                    service: IntervalSet::from_ranges(ranges),
                    source_ports,
                })
                .collect(),
        }
    }

    /// Members of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::union_all([self, other])
    }

    /// Members of both sets.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let mut terms = Vec::new();
        for a in &self.terms {
            for b in &other.terms {
                let service = a.service.intersect(&b.service);
                let source_ports = a.source_ports.intersect(&b.source_ports);
                if !service.is_empty() && !source_ports.is_empty() {
                    terms.push(ServiceTerm {
                        service,
                        source_ports,
                    });
                }
            }
        }
        Self { terms }
    }

    /// Every service that is not a member.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut left = Self::any();
        for term in &self.terms {
            let mut next = Vec::new();
            for t in &left.terms {
                let other_service = t.service.subtract(&term.service);
                if !other_service.is_empty() {
                    next.push(ServiceTerm {
                        service: other_service,
                        source_ports: t.source_ports.clone(),
                    });
                }
                let service = t.service.intersect(&term.service);
                let source_ports = t.source_ports.subtract(&term.source_ports);
                if !service.is_empty() && !source_ports.is_empty() {
                    next.push(ServiceTerm {
                        service,
                        source_ports,
                    });
                }
            }
            left = Self { terms: next };
        }
        left
    }
}

/// The usual name of a protocol, else its number.
#[must_use]
pub fn protocol_name(protocol: u8) -> String {
    match protocol {
        ICMP => "icmp".into(),
        TCP => "tcp".into(),
        UDP => "udp".into(),
        ICMPV6 => "icmpv6".into(),
        SCTP => "sctp".into(),
        47 => "gre".into(),
        50 => "esp".into(),
        51 => "ah".into(),
        n => n.to_string(),
    }
}

/// The text of a port or type range: `n`, `n-m` or `any`.
#[must_use]
pub fn port_text(low: u16, high: u16) -> String {
    match (low, high) {
        (0, 0xffff) => "any".into(),
        (a, b) if a == b => a.to_string(),
        (a, b) => format!("{a}-{b}"),
    }
}

/// Splits service points into `(protocol, low, high)` per protocol.
#[must_use]
pub fn by_protocol(service: &IntervalSet) -> Vec<(u8, u16, u16)> {
    let mut out = Vec::new();
    for &(low, high) in service.ranges() {
        let (first, last) = ((low >> 16).min(255) as u8, (high >> 16).min(255) as u8);
        for protocol in first..=last {
            let from = if protocol == first { low as u16 } else { 0 };
            let to = if protocol == last {
                high as u16
            } else {
                0xffff
            };
            out.push((protocol, from, to));
        }
    }
    out
}

impl fmt::Display for ServiceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::any() {
            return f.write_str("any");
        }
        if self.is_empty() {
            return f.write_str("nothing");
        }
        let mut first = true;
        for term in &self.terms {
            for (protocol, low, high) in by_protocol(&term.service) {
                if !first {
                    f.write_str(", ")?;
                }
                first = false;
                f.write_str(&protocol_name(protocol))?;
                if (low, high) != (0, 0xffff) {
                    write!(f, "/{}", port_text(low, high))?;
                }
            }
            if term.source_ports != all_ports() {
                f.write_str(" from ports")?;
                for &(low, high) in term.source_ports.ranges() {
                    write!(f, " {}", port_text(low as u16, high as u16))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complement_pairs_source_and_destination() {
        let set = ServiceSet::ports(TCP, IntervalSet::single(500), IntervalSet::single(80));
        let not = set.complement();
        for (protocol, port, source) in [(6, 80, 500), (6, 80, 501), (6, 81, 500), (17, 80, 500)] {
            let point = service_point(protocol, port);
            assert_ne!(set.contains(point, source), not.contains(point, source));
        }
        assert!(not.complement().contains(service_point(6, 80), 500));
    }

    #[test]
    fn text() {
        assert_eq!(
            ServiceSet::destination_ports(TCP, 80, 80).to_string(),
            "tcp/80"
        );
        assert_eq!(ServiceSet::protocol(UDP).to_string(), "udp");
        assert_eq!(
            ServiceSet::icmp(ICMP, 8, None).to_string(),
            "icmp/2048-2303"
        );
        assert_eq!(by_protocol(&IntervalSet::range(0, SERVICE_MAX)).len(), 256);
    }

    #[test]
    fn union_merges_terms_of_equal_source_ports() {
        let a = ServiceSet::destination_ports(TCP, 80, 80);
        let b = ServiceSet::destination_ports(TCP, 81, 90);
        assert_eq!(a.union(&b).terms().len(), 1);
        assert_eq!(a.intersect(&b), ServiceSet::empty());
    }
}
