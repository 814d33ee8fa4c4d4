//! One concrete packet, and the state a connection tracker gives it.

use crate::address::Family;
use crate::service::{has_ports, is_icmp, service_point};
use std::fmt;
use std::net::IpAddr;

/// The header fields that policies look at.
///
/// Ports are 0 for protocols without ports; for ICMP `destination_port` holds
/// `type << 8 | code`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Packet {
    /// Source address.
    pub source: IpAddr,
    /// Destination address, of the same family.
    pub destination: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Source port.
    pub source_port: u16,
    /// Destination port, or ICMP type and code.
    pub destination_port: u16,
}

impl Packet {
    /// The point of the service dimension.
    #[must_use]
    pub const fn service(&self) -> u128 {
        service_point(self.protocol, self.destination_port)
    }

    /// The address family.
    #[must_use]
    pub const fn family(&self) -> Family {
        Family::of(self.source)
    }

    /// The first packet of the opposite direction: ends swapped; an ICMP echo
    /// becomes its reply, any other ICMP message stays as it is.
    #[must_use]
    pub const fn reply(&self) -> Self {
        let (source_port, destination_port) = if is_icmp(self.protocol) {
            (
                self.source_port,
                icmp_reply(self.protocol, self.destination_port),
            )
        } else {
            (self.destination_port, self.source_port)
        };
        Self {
            source: self.destination,
            destination: self.source,
            protocol: self.protocol,
            source_port,
            destination_port,
        }
    }
}

/// The ICMP type and code that answers `message` (`type << 8 | code`).
#[must_use]
pub const fn icmp_reply(protocol: u8, message: u16) -> u16 {
    match (protocol, message >> 8) {
        (1, 8) | (1, 0) => 0,
        (1, 13) => 14 << 8,
        (1, 15) => 16 << 8,
        (1, 17) => 18 << 8,
        (58, 128) => 129 << 8,
        _ => message,
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrap = |a: IpAddr, port: u16| match a {
            IpAddr::V4(a) => format!("{a}:{port}"),
            IpAddr::V6(a) => format!("[{a}]:{port}"),
        };
        let name = crate::service::protocol_name(self.protocol);
        if has_ports(self.protocol) {
            write!(
                f,
                "{} -> {} {name}",
                wrap(self.source, self.source_port),
                wrap(self.destination, self.destination_port)
            )
        } else if is_icmp(self.protocol) {
            write!(
                f,
                "{} -> {} {name} type {} code {}",
                self.source,
                self.destination,
                self.destination_port >> 8,
                self.destination_port & 0xff
            )
        } else {
            write!(f, "{} -> {} {name}", self.source, self.destination)
        }
    }
}

/// What a connection tracker says of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ConnectionState {
    /// First packet of a connection.
    New,
    /// Packet of a connection seen in both directions.
    Established,
    /// New connection that belongs to a known one.
    Related,
    /// Belongs to no connection and cannot start one.
    Invalid,
    /// Tracking was switched off for it.
    Untracked,
}

impl ConnectionState {
    /// What a connection tracker says of an answer whose first packet it was
    /// told to ignore: protocols with a handshake do not begin with an answer,
    /// for the others it is the first packet of a connection.
    #[must_use]
    pub const fn of_unexpected_reply(protocol: u8) -> Self {
        match protocol {
            // SYN-ACK, echo reply, DCCP response, INIT-ACK.
            1 | 6 | 33 | 58 | 132 => Self::Invalid,
            _ => Self::New,
        }
    }
}

/// A set of [`ConnectionState`]s.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct StateSet(u8);

impl StateSet {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// This set and `state`.
    #[must_use]
    pub const fn with(self, state: ConnectionState) -> Self {
        Self(self.0 | (1 << state as u8))
    }

    /// True if `state` is a member.
    #[must_use]
    pub const fn contains(self, state: ConnectionState) -> bool {
        self.0 & (1 << state as u8) != 0
    }
}

impl FromIterator<ConnectionState> for StateSet {
    fn from_iter<I: IntoIterator<Item = ConnectionState>>(iter: I) -> Self {
        iter.into_iter().fold(Self::NONE, Self::with)
    }
}

/// TCP flag bits.
pub mod tcp_flags {
    /// FIN.
    pub const FIN: u8 = 0x01;
    /// SYN.
    pub const SYN: u8 = 0x02;
    /// RST.
    pub const RST: u8 = 0x04;
    /// PSH.
    pub const PSH: u8 = 0x08;
    /// ACK.
    pub const ACK: u8 = 0x10;
    /// URG.
    pub const URG: u8 = 0x20;
    /// ECE.
    pub const ECE: u8 = 0x40;
    /// CWR.
    pub const CWR: u8 = 0x80;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies() {
        let packet = Packet {
            source: "10.0.0.1".parse().unwrap(),
            destination: "10.0.0.2".parse().unwrap(),
            protocol: 6,
            source_port: 40000,
            destination_port: 80,
        };
        assert_eq!(packet.to_string(), "10.0.0.1:40000 -> 10.0.0.2:80 tcp");
        assert_eq!(packet.reply().reply(), packet);
        let echo = Packet {
            protocol: 1,
            source_port: 0,
            destination_port: 8 << 8,
            ..packet
        };
        assert_eq!(echo.reply().destination_port, 0);
        assert_eq!(echo.to_string(), "10.0.0.1 -> 10.0.0.2 icmp type 8 code 0");
    }

    #[test]
    fn state_sets() {
        let set: StateSet = [ConnectionState::New, ConnectionState::Related]
            .into_iter()
            .collect();
        assert!(set.contains(ConnectionState::New));
        assert!(!set.contains(ConnectionState::Established));
    }
}
