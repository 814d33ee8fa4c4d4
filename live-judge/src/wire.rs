//! IP packets as bytes: first packets, their answers, and what comes back.

use fw_model::Packet;
use fw_model::packet::tcp_flags::{ACK, RST, SYN};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const MAGIC: [u8; 3] = *b"fwj";
const QUESTION: u8 = b'Q';
const ANSWER: u8 = b'R';
/// Sequence numbers that belong to one probe: more than a payload has bytes.
const STRIDE: u32 = 16;

/// What a received packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A first packet.
    Question,
    /// The answer to one.
    Answer,
    /// A TCP reset or an ICMP error about a first packet.
    Refusal,
}

/// A received packet that belongs to a probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Which probe.
    pub id: u32,
    /// What it is.
    pub kind: Kind,
    /// Its header.
    pub packet: Packet,
    /// The ICMP identifier.
    pub icmp_id: u16,
}

/// The first packet of probe `id`.
#[must_use]
pub fn question(packet: &Packet, id: u32) -> Vec<u8> {
    build(packet, id, QUESTION, SYN, id as u16)
}

/// What answers a first packet.
#[must_use]
pub fn answer(seen: &Seen) -> Vec<u8> {
    build(
        &seen.packet.reply(),
        seen.id,
        ANSWER,
        SYN | ACK,
        seen.icmp_id,
    )
}

fn build(packet: &Packet, id: u32, kind: u8, flags: u8, icmp_id: u16) -> Vec<u8> {
    let mut data = MAGIC.to_vec();
    data.push(kind);
    data.extend(id.to_be_bytes());
    let mut body = Vec::new();
    let (from, to) = (packet.source_port, packet.destination_port);
    match packet.protocol {
        6 => {
            body.extend(from.to_be_bytes());
            body.extend(to.to_be_bytes());
            body.extend((id * STRIDE).to_be_bytes());
            let ack = if flags & ACK != 0 {
                id * STRIDE + 1 + data.len() as u32
            } else {
                0
            };
            body.extend(ack.to_be_bytes());
            body.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        }
        17 => {
            body.extend(from.to_be_bytes());
            body.extend(to.to_be_bytes());
            body.extend((8 + data.len() as u16).to_be_bytes());
            body.extend([0, 0]);
        }
        1 | 58 => {
            body.extend(to.to_be_bytes());
            body.extend([0, 0]);
            body.extend(icmp_id.to_be_bytes());
            body.extend([0, 1]);
        }
        _ => {}
    }
    body.extend(data);
    let place = match packet.protocol {
        6 => Some(16),
        17 => Some(6),
        1 | 58 => Some(2),
        _ => None,
    };
    if let Some(place) = place {
        let mut sum = sum(&body);
        if packet.protocol != 1 {
            sum += pseudo(packet, body.len());
        }
        let mut folded = fold(sum);
        if folded == 0 && packet.protocol == 17 {
            folded = 0xffff;
        }
        body[place..place + 2].copy_from_slice(&folded.to_be_bytes());
    }
    let mut out = Vec::with_capacity(40 + body.len());
    match (packet.source, packet.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            out.extend([0x45, 0]);
            out.extend((20 + body.len() as u16).to_be_bytes());
            out.extend((id as u16).to_be_bytes());
            out.extend([0, 0, 64, packet.protocol, 0, 0]);
            out.extend(source.octets());
            out.extend(destination.octets());
            let header = fold(sum(&out));
            out[10..12].copy_from_slice(&header.to_be_bytes());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            out.extend([0x60, 0, 0, 0]);
            out.extend((body.len() as u16).to_be_bytes());
            out.extend([packet.protocol, 64]);
            out.extend(source.octets());
            out.extend(destination.octets());
        }
        _ => unreachable!("a packet has one family"),
    }
    out.extend(body);
    out
}

fn sum(bytes: &[u8]) -> u64 {
    bytes
        .chunks(2)
        .map(|c| u64::from(c[0]) << 8 | u64::from(c.get(1).copied().unwrap_or(0)))
        .sum()
}

fn pseudo(packet: &Packet, length: usize) -> u64 {
    let address = |a: IpAddr| match a {
        IpAddr::V4(a) => sum(&a.octets()),
        IpAddr::V6(a) => sum(&a.octets()),
    };
    address(packet.source)
        + address(packet.destination)
        + u64::from(packet.protocol)
        + length as u64
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Reads an IP packet; `None` if it belongs to no probe.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Seen> {
    let version = bytes.first()? >> 4;
    let (source, destination, protocol, body) = match version {
        4 => {
            let head = usize::from(bytes.first()? & 15) * 4;
            let at = |n: usize| -> Option<Ipv4Addr> {
                let octets: [u8; 4] = bytes.get(n..n + 4)?.try_into().ok()?;
                Some(octets.into())
            };
            (
                IpAddr::V4(at(12)?),
                IpAddr::V4(at(16)?),
                *bytes.get(9)?,
                bytes.get(head..)?,
            )
        }
        6 => {
            let at = |n: usize| -> Option<Ipv6Addr> {
                let octets: [u8; 16] = bytes.get(n..n + 16)?.try_into().ok()?;
                Some(octets.into())
            };
            (
                IpAddr::V6(at(8)?),
                IpAddr::V6(at(24)?),
                *bytes.get(6)?,
                bytes.get(40..)?,
            )
        }
        _ => return None,
    };
    body_of(source, destination, protocol, body)
}

/// Reads what stands behind the IP header; the addresses are those of the
/// header, where it is known.
#[must_use]
pub fn body_of(source: IpAddr, destination: IpAddr, protocol: u8, body: &[u8]) -> Option<Seen> {
    let word = |n: usize| Some(u16::from_be_bytes(body.get(n..n + 2)?.try_into().ok()?));
    let long = |n: usize| Some(u32::from_be_bytes(body.get(n..n + 4)?.try_into().ok()?));
    let mut packet = Packet {
        source,
        destination,
        protocol,
        source_port: 0,
        destination_port: 0,
    };
    let mut icmp_id = 0;
    let (id, kind) = match protocol {
        6 => {
            (packet.source_port, packet.destination_port) = (word(0)?, word(2)?);
            let flags = *body.get(13)?;
            let acked = || Some(long(8)?.wrapping_sub(1) / STRIDE);
            if flags & RST != 0 {
                (acked()?, Kind::Refusal)
            } else if flags & (SYN | ACK) == SYN | ACK {
                (acked()?, Kind::Answer)
            } else if flags & SYN != 0 {
                (long(4)? / STRIDE, Kind::Question)
            } else {
                return None;
            }
        }
        17 => {
            (packet.source_port, packet.destination_port) = (word(0)?, word(2)?);
            data(body.get(8..)?)?
        }
        1 | 58 => {
            packet.destination_port = word(0)?;
            icmp_id = word(4)?;
            match (protocol, packet.destination_port >> 8) {
                (1, 8 | 13) | (58, 128) => (data(body.get(8..)?)?.0, Kind::Question),
                (1, 0 | 14) | (58, 129) => (data(body.get(8..)?)?.0, Kind::Answer),
                (1, 3) | (58, 1 | 3) => {
                    let about = quoted(body.get(8..)?)?;
                    (about, Kind::Refusal)
                }
                _ => return None,
            }
        }
        _ => data(body)?,
    };
    Some(Seen {
        id,
        kind,
        packet,
        icmp_id,
    })
}

fn data(bytes: &[u8]) -> Option<(u32, Kind)> {
    if bytes.get(..3)? != MAGIC {
        return None;
    }
    let kind = match *bytes.get(3)? {
        QUESTION => Kind::Question,
        ANSWER => Kind::Answer,
        _ => return None,
    };
    let id = u32::from_be_bytes(bytes.get(4..8)?.try_into().ok()?);
    Some((id, kind))
}

/// The probe whose first packet an ICMP error quotes.
fn quoted(bytes: &[u8]) -> Option<u32> {
    let seen = read(bytes)?;
    (seen.kind == Kind::Question).then_some(seen.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_as_built() {
        for (source, destination, protocols) in [
            ("10.0.1.10", "10.0.2.2", [6, 17, 1, 50]),
            ("fd00:1::10", "fd00:2::2", [6, 17, 58, 50]),
        ] {
            for protocol in protocols {
                let (from, to) = match protocol {
                    1 => (0, 8 << 8),
                    58 => (0, 128 << 8),
                    50 => (0, 0),
                    _ => (40000, 80),
                };
                let packet = Packet {
                    source: source.parse().unwrap(),
                    destination: destination.parse().unwrap(),
                    protocol,
                    source_port: from,
                    destination_port: to,
                };
                let seen = read(&question(&packet, 77)).unwrap();
                assert_eq!(
                    (seen.id, seen.kind, seen.packet),
                    (77, Kind::Question, packet)
                );
                let back = read(&answer(&seen)).unwrap();
                assert_eq!((back.id, back.kind), (77, Kind::Answer));
                assert_eq!(back.packet, packet.reply());
            }
        }
    }
}
