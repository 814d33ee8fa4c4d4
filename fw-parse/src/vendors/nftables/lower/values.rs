//! Constants: the sets of numbers and names that a selector is compared with.

use super::super::ast::{Binary, Expr};
use super::super::names;
use super::super::parse::integer;
use fw_model::address::bits;
use fw_model::interval::Range;
use fw_model::match_expr::MarkRegister;
use fw_model::{Dimension, Family, IntervalSet};
use std::net::IpAddr;

/// What a selector is, as far as the model can express it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Field {
    /// An address of one family.
    Address(Dimension, Family),
    /// A port of these protocols.
    Port {
        /// The protocols that have it.
        protocols: &'static [u8],
        /// Source or destination.
        source: bool,
    },
    /// The transport protocol.
    Protocol,
    /// ICMP type of this protocol.
    IcmpType(u8),
    /// ICMP code of this protocol.
    IcmpCode(u8),
    /// `meta nfproto`
    NetworkFamily,
    /// `meta protocol`, `ether type`
    EtherType,
    /// Name of the interface by which it came in (true) or leaves.
    Interface(bool),
    /// A mark.
    Mark(MarkRegister),
    /// Connection state bits.
    State,
    /// Connection status bits.
    Status,
    /// Connection direction: 0 original, 1 reply.
    Direction,
    /// TCP flag bits.
    TcpFlags,
    /// `fib ADDRESS type`
    FibType(Dimension),
    /// An address or port of the connection's original direction.
    Original(Box<Field>),
}

impl Field {
    /// The highest value.
    pub fn max(&self) -> u128 {
        match self {
            Self::Address(_, family) => (*family).max(),
            Self::Port { .. } | Self::EtherType => 0xffff,
            Self::Original(inner) => inner.max(),
            Self::Mark(_) | Self::State | Self::Status => u128::from(u32::MAX),
            _ => 0xff,
        }
    }

    /// True if values are bits that are combined.
    pub fn is_flags(&self) -> bool {
        matches!(self, Self::State | Self::Status | Self::TcpFlags)
    }
}

/// A value that cannot be told.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Unresolved {
    /// A host name.
    Host(String),
    /// Text that is no value of the field.
    Unknown(String),
}

/// Constants of one field.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Values {
    /// Numbers and addresses.
    pub numbers: IntervalSet,
    /// Interface names.
    pub names: Vec<String>,
    /// Interface name prefixes.
    pub prefixes: Vec<String>,
    /// What is not known.
    pub unresolved: Vec<Unresolved>,
}

/// Collects values without sorting after each one.
#[derive(Default)]
pub struct Collector {
    ranges: Vec<Range>,
    rest: Values,
}

impl Collector {
    /// Adds all of `values`.
    pub fn merge(&mut self, values: &Values) {
        self.ranges.extend_from_slice(values.numbers.ranges());
        self.rest.names.extend(values.names.iter().cloned());
        self.rest.prefixes.extend(values.prefixes.iter().cloned());
        self.rest
            .unresolved
            .extend(values.unresolved.iter().cloned());
    }

    /// What was added.
    pub fn finish(mut self) -> Values {
        for list in [&mut self.rest.names, &mut self.rest.prefixes] {
            list.sort_unstable();
            list.dedup();
        }
        self.rest.unresolved.sort_unstable();
        self.rest.unresolved.dedup();
        self.rest.numbers = IntervalSet::from_ranges(self.ranges);
        self.rest
    }

    /// Adds a constant expression.
    pub fn add(&mut self, field: &Field, expr: &Expr) {
        if let Field::Original(inner) = field {
            return self.add(inner, expr);
        }
        if let Field::Interface(_) = field {
            match expr {
                Expr::Value(name) => self.interface(name),
                other => self.unknown(other),
            }
            return;
        }
        match expr {
            Expr::Range(low, high) => match (number(field, low), number(field, high)) {
                (Some(low), Some(high)) => self.ranges.push((low, high)),
                _ => self.unknown(expr),
            },
            Expr::Prefix(address, length) => match (field, number(field, address)) {
                (Field::Address(_, family), Some(base)) => {
                    let width = if *family == Family::V4 { 32 } else { 128 };
                    self.prefix(base, u32::from(*length), width, expr);
                }
                (Field::Mark(_), Some(base)) => self.prefix(base, u32::from(*length), 32, expr),
                _ => self.unknown(expr),
            },
            Expr::List(parts) if field.is_flags() => {
                let bits = parts
                    .iter()
                    .map(|p| number(field, p))
                    .try_fold(0u128, |all, bits| Some(all | bits?));
                match bits {
                    Some(bits) => self.ranges.push((bits, bits)),
                    None => self.unknown(expr),
                }
            }
            Expr::List(parts) => {
                for part in parts {
                    self.add(field, part);
                }
            }
            Expr::CatchAll => self.ranges.push((0, field.max())),
            _ => match (number(field, expr), expr) {
                (Some(value), _) => self.ranges.push((value, value)),
                (None, Expr::Value(name)) if matches!(field, Field::Address(..)) && host(name) => {
                    self.rest.unresolved.push(Unresolved::Host(name.clone()));
                }
                // A range between words, as in `cs1-cs3` or `ssh-http`.
                (None, Expr::Value(text)) => match text.split_once('-') {
                    Some((low, high)) => {
                        let value = |t: &str| number(field, &Expr::Value(t.to_owned()));
                        match (value(low), value(high)) {
                            (Some(low), Some(high)) => self.ranges.push((low, high)),
                            _ => self.unknown(expr),
                        }
                    }
                    None => self.unknown(expr),
                },
                _ => self.unknown(expr),
            },
        }
    }

    fn unknown(&mut self, expr: &Expr) {
        self.rest
            .unresolved
            .push(Unresolved::Unknown(expr.to_string()));
    }

    fn prefix(&mut self, base: u128, length: u32, width: u32, expr: &Expr) {
        if length > width {
            return self.unknown(expr);
        }
        let host = width - length;
        let mask = if host >= 128 {
            u128::MAX
        } else {
            (1u128 << host) - 1
        };
        self.ranges.push((base & !mask, base | mask));
    }

    fn interface(&mut self, name: &str) {
        match name.strip_suffix('*') {
            Some(prefix) if !prefix.ends_with('\\') => self.rest.prefixes.push(prefix.to_owned()),
            _ => self.rest.names.push(name.to_owned()),
        }
    }
}

fn host(name: &str) -> bool {
    name.bytes().any(|b| b.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// The number that a constant is for a field.
pub fn number(field: &Field, expr: &Expr) -> Option<u128> {
    match expr {
        Expr::Value(text) => named_number(field, text),
        Expr::Binary(op, a, b) => {
            let (a, b) = (number(field, a)?, number(field, b)?);
            Some(match op {
                Binary::And => a & b,
                Binary::Or => a | b,
                Binary::Xor => a ^ b,
                Binary::ShiftLeft => a.checked_shl(u32::try_from(b).ok()?)? & field.max(),
                Binary::ShiftRight => a.checked_shr(u32::try_from(b).ok()?)?,
            })
        }
        Expr::List(parts) if field.is_flags() => parts
            .iter()
            .try_fold(0, |all, p| Some(all | number(field, p)?)),
        _ => None,
    }
}

fn named_number(field: &Field, text: &str) -> Option<u128> {
    let plain = || integer(text).map(u128::from).filter(|&n| n <= field.max());
    match field {
        Field::Address(_, family) => {
            let address: IpAddr = text.parse().ok()?;
            (Family::of(address) == *family).then(|| bits(address))
        }
        Field::Port { .. } => plain().or_else(|| names::port(text).map(u128::from)),
        Field::Protocol => plain().or_else(|| names::protocol(text).map(u128::from)),
        Field::IcmpType(1) => plain().or_else(|| names::icmp_type(text).map(u128::from)),
        Field::IcmpType(_) => plain().or_else(|| names::icmpv6_type(text).map(u128::from)),
        Field::IcmpCode(p) => plain().or_else(|| names::icmp_code(text, *p == 58).map(u128::from)),
        Field::NetworkFamily => match text {
            "ipv4" | "ip" => Some(2),
            "ipv6" | "ip6" => Some(10),
            _ => plain(),
        },
        Field::EtherType => match text {
            "ip" | "ipv4" => Some(0x0800),
            "ip6" | "ipv6" => Some(0x86dd),
            "arp" => Some(0x0806),
            "vlan" | "8021q" => Some(0x8100),
            "8021ad" => Some(0x88a8),
            _ => plain(),
        },
        Field::Mark(_) => plain(),
        Field::State => plain().or_else(|| names::state_bit(text)),
        Field::Status => plain().or_else(|| names::status_bit(text)),
        Field::TcpFlags => plain().or_else(|| names::tcp_flag(text).map(u128::from)),
        Field::Direction => match text {
            "original" => Some(0),
            "reply" => Some(1),
            _ => plain(),
        },
        Field::FibType(_) => match text {
            "unicast" => Some(1),
            "local" => Some(2),
            "broadcast" => Some(3),
            "anycast" => Some(4),
            "multicast" => Some(5),
            "blackhole" => Some(6),
            "unreachable" => Some(7),
            "prohibit" => Some(8),
            _ => None,
        },
        Field::Original(inner) => named_number(inner, text),
        Field::Interface(_) => None,
    }
}
