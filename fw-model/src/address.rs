//! Sets of IPv4 and IPv6 addresses.

use crate::interval::{IntervalSet, Range};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// An address family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The highest address of the family as an integer.
    #[must_use]
    pub const fn max(self) -> u128 {
        match self {
            Self::V4 => u32::MAX as u128,
            Self::V6 => u128::MAX,
        }
    }

    /// The family of `address`.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The address whose integer value is `bits`; values above
    /// [`Family::max`] are cut to 32 bits for IPv4.
    #[must_use]
    pub fn address(self, bits: u128) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4((bits as u32).into()),
            Self::V6 => IpAddr::V6(bits.into()),
        }
    }
}

/// The integer value of an address within its family.
#[must_use]
pub fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u128::from(u32::from(a)),
        IpAddr::V6(a) => u128::from(a),
    }
}

/// A set of addresses of both families.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct AddressSet {
    /// The IPv4 members.
    pub v4: IntervalSet,
    /// The IPv6 members.
    pub v6: IntervalSet,
}

impl fmt::Debug for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::any() {
            return f.write_str("any");
        }
        let mut first = true;
        for family in [Family::V4, Family::V6] {
            for &range in self.family(family).ranges() {
                if !first {
                    f.write_str(", ")?;
                }
                first = false;
                f.write_str(&range_text(family, range))?;
            }
        }
        if first {
            f.write_str("nothing")?;
        }
        Ok(())
    }
}

/// The shortest text of an address range: one address, a prefix, or `a-b`.
#[must_use]
pub fn range_text(family: Family, (low, high): Range) -> String {
    let first = family.address(low);
    if low == high {
        return first.to_string();
    }
    let size = (high - low).wrapping_add(1);
    let width: u32 = if family == Family::V4 { 32 } else { 128 };
    // A whole family wraps `size` to 0 for IPv6 and is a prefix of length 0.
    let host_bits = if size == 0 {
        128
    } else {
        size.trailing_zeros()
    };
    let is_prefix = (size == 0 || size.is_power_of_two())
        && (host_bits >= 128 || low.trailing_zeros() >= host_bits || low == 0);
    if is_prefix {
        return format!("{first}/{}", width - host_bits.min(width));
    }
    format!("{first}-{}", family.address(high))
}

impl AddressSet {
    /// The empty set.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            v4: IntervalSet::new(),
            v6: IntervalSet::new(),
        }
    }

    /// Every address of both families.
    #[must_use]
    pub fn any() -> Self {
        Self::any4().union(&Self::any6())
    }

    /// Every IPv4 address.
    #[must_use]
    pub fn any4() -> Self {
        Self::of(Family::V4, IntervalSet::range(0, Family::V4.max()))
    }

    /// Every IPv6 address.
    #[must_use]
    pub fn any6() -> Self {
        Self::of(Family::V6, IntervalSet::range(0, Family::V6.max()))
    }

    /// The members `set` of one family.
    #[must_use]
    pub fn of(family: Family, set: IntervalSet) -> Self {
        match family {
            Family::V4 => Self {
                v4: set,
                v6: IntervalSet::new(),
            },
            Family::V6 => Self {
                v4: IntervalSet::new(),
                v6: set,
            },
        }
    }

    /// One address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        Self::of(Family::of(address), IntervalSet::single(bits(address)))
    }

    /// A prefix; host bits are ignored.
    #[must_use]
    pub fn prefix(net: IpNet) -> Self {
        Self::of(
            Family::of(net.addr()),
            IntervalSet::range(bits(net.network()), bits(net.broadcast())),
        )
    }

    /// The range `low..=high`; empty if the families differ or `low > high`.
    #[must_use]
    pub fn range(low: IpAddr, high: IpAddr) -> Self {
        if Family::of(low) != Family::of(high) {
            return Self::empty();
        }
        Self::of(Family::of(low), IntervalSet::range(bits(low), bits(high)))
    }

    /// All addresses `a` with `a & mask == address & mask`, for a mask with
    /// any bits set. `None` if that takes more than `limit` ranges.
    #[must_use]
    pub fn masked(family: Family, address: u128, mask: u128, limit: usize) -> Option<Self> {
        let mask = mask & family.max();
        let free = !mask & family.max();
        // The low run of free bits makes one contiguous range; every other
        // free bit doubles the number of ranges.
        let run = free.trailing_ones();
        let low_run = if run >= 128 {
            u128::MAX
        } else {
            (1u128 << run) - 1
        };
        let mut scattered = free & !low_run;
        let doubling = scattered.count_ones();
        if doubling >= usize::BITS || (1usize << doubling) > limit {
            return None;
        }
        let base = address & mask;
        let mut starts = vec![base];
        while scattered != 0 {
            let bit = scattered & scattered.wrapping_neg();
            scattered &= scattered - 1;
            let more: Vec<u128> = starts.iter().map(|s| s | bit).collect();
            starts.extend(more);
        }
        Some(Self::of(
            family,
            starts.into_iter().map(|s| (s, s | low_run)).collect(),
        ))
    }

    /// The members of one family.
    #[must_use]
    pub fn family(&self, family: Family) -> &IntervalSet {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// True if the set holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// True if `address` is a member.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.family(Family::of(address)).contains(bits(address))
    }

    /// Members of both sets.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self {
            v4: self.v4.intersect(&other.v4),
            v6: self.v6.intersect(&other.v6),
        }
    }

    /// Members of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            v4: self.v4.union(&other.v4),
            v6: self.v6.union(&other.v6),
        }
    }

    /// Members of `self` that are not in `other`.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        Self {
            v4: self.v4.subtract(&other.v4),
            v6: self.v6.subtract(&other.v6),
        }
    }

    /// Every address of both families that is not a member.
    #[must_use]
    pub fn complement(&self) -> Self {
        Self::any().subtract(self)
    }

    /// The union of many sets.
    #[must_use]
    pub fn union_all<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for set in sets {
            v4.extend_from_slice(set.v4.ranges());
            v6.extend_from_slice(set.v6.ranges());
        }
        Self {
            v4: IntervalSet::from_ranges(v4),
            v6: IntervalSet::from_ranges(v6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> AddressSet {
        AddressSet::prefix(text.parse().unwrap())
    }

    #[test]
    fn text_of_sets() {
        assert_eq!(net("10.0.0.0/8").to_string(), "10.0.0.0/8");
        assert_eq!(net("0.0.0.0/0").to_string(), "0.0.0.0/0");
        assert_eq!(net("::/0").to_string(), "::/0");
        assert_eq!(net("10.1.2.3/24").to_string(), "10.1.2.0/24");
        let pair = AddressSet::range("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        assert_eq!(pair.to_string(), "10.0.0.1-10.0.0.2");
        let host = AddressSet::host("2001:db8::1".parse().unwrap());
        assert_eq!(host.to_string(), "2001:db8::1");
        assert_eq!(AddressSet::any().to_string(), "any");
        assert_eq!(AddressSet::empty().to_string(), "nothing");
    }

    #[test]
    fn masks_with_holes() {
        // 10.x.5.0/24 for every x
        let set = AddressSet::masked(Family::V4, 0x0a00_0500, 0xff00_ff00, 256).unwrap();
        assert!(set.contains("10.77.5.9".parse().unwrap()));
        assert!(!set.contains("10.77.6.9".parse().unwrap()));
        assert_eq!(set.v4.ranges().len(), 256);
        assert!(AddressSet::masked(Family::V4, 0, 0xff00_ff00, 255).is_none());
        assert_eq!(
            AddressSet::masked(Family::V6, 0, 0, 1),
            Some(AddressSet::any6())
        );
    }

    #[test]
    fn families_stay_apart() {
        let v4 = net("0.0.0.0/0");
        assert!(!v4.contains("::1".parse().unwrap()));
        assert_eq!(v4.complement(), AddressSet::any6());
    }
}
