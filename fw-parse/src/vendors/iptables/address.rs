//! Addresses as iptables writes them.

use super::ast::Protocol;
use fw_model::address::bits;
use fw_model::{AddressSet, Family};
use std::net::{IpAddr, Ipv4Addr};

/// How many ranges a mask with holes may take.
const MASK_LIMIT: usize = 65_536;

/// What an address argument stands for.
pub(super) enum Addresses {
    /// These.
    Set(AddressSet),
    /// Whatever a host name resolves to when the rules are loaded.
    Name(String),
    /// The loader refuses it: why.
    Refused(String),
    /// More than is kept.
    TooMany,
}

/// The model's family of a rule set.
pub(super) const fn family(protocol: Protocol) -> Family {
    match protocol {
        Protocol::V4 => Family::V4,
        Protocol::V6 => Family::V6,
    }
}

/// An address without mask; missing last parts of an IPv4 address are 0.
pub(super) fn host(text: &str, protocol: Protocol) -> Option<IpAddr> {
    match protocol {
        Protocol::V6 => text.parse().ok().map(IpAddr::V6),
        Protocol::V4 => {
            let mut parts = [0u8; 4];
            let mut given = text.split('.');
            let mut any = false;
            for slot in &mut parts {
                match given.next() {
                    Some(part) if !part.is_empty() && part.len() <= 3 => {
                        *slot = part.parse().ok()?;
                        any = true;
                    }
                    Some(_) => return None,
                    None => break,
                }
            }
            (any && given.next().is_none()).then(|| IpAddr::V4(Ipv4Addr::from(parts)))
        }
    }
}

/// `address`, `address/length` or `address/mask`.
pub(super) fn network(text: &str, protocol: Protocol) -> Addresses {
    let family = family(protocol);
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let Some(start) = host(address, protocol) else {
        if protocol == Protocol::V4 && address.contains(':')
            || protocol == Protocol::V6 && address.parse::<Ipv4Addr>().is_ok()
        {
            return Addresses::Refused(format!("`{text}` is of the other address family"));
        }
        let is_name = mask.is_none()
            && address.starts_with(|c: char| c.is_ascii_alphanumeric())
            && address
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
            && address.bytes().any(|b| b.is_ascii_alphabetic());
        return if is_name {
            Addresses::Name(address.to_owned())
        } else {
            Addresses::Refused(format!("`{text}` is no address"))
        };
    };
    let width: u32 = if family == Family::V4 { 32 } else { 128 };
    let mask = match mask {
        None => family.max(),
        Some(length) => match length.parse::<u32>() {
            Ok(length) if length <= width => prefix_mask(family, length),
            Ok(_) => return Addresses::Refused(format!("`{text}` has too long a prefix")),
            Err(_) => match host(length, protocol) {
                Some(mask) => bits(mask),
                None => return Addresses::Refused(format!("`{length}` is no mask")),
            },
        },
    };
    AddressSet::masked(family, bits(start), mask, MASK_LIMIT)
        .map_or(Addresses::TooMany, Addresses::Set)
}

/// The mask of a prefix length.
pub(super) fn prefix_mask(family: Family, length: u32) -> u128 {
    let width: u32 = if family == Family::V4 { 32 } else { 128 };
    let host_bits = width.saturating_sub(length);
    let hosts = if host_bits >= 128 {
        u128::MAX
    } else {
        (1u128 << host_bits) - 1
    };
    family.max() & !hosts
}

/// `a-b`, or one address.
pub(super) fn range(text: &str, protocol: Protocol) -> Option<AddressSet> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (host(low.trim(), protocol)?, host(high.trim(), protocol)?);
    (bits(low) <= bits(high)).then(|| AddressSet::range(low, high))
}
