//! Products: one set a dimension.

use fw_model::service::{PORT_MAX, SERVICE_MAX};
use fw_model::{Family, IntervalSet};
use std::sync::Arc;

/// A shared set of one dimension.
pub type Set = Arc<IntervalSet>;

/// A dimension of a packet. All are integers: addresses within their family,
/// services as in [`fw_model::service::service_point`], source ports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Dim {
    /// Source address.
    Source,
    /// Destination address.
    Destination,
    /// Protocol with destination port or ICMP type and code.
    Service,
    /// Source port.
    SourcePort,
}

/// All dimensions, in the order of [`Product::sets`].
pub const DIMS: [Dim; 4] = [Dim::Source, Dim::Destination, Dim::Service, Dim::SourcePort];

impl Dim {
    /// The highest value.
    #[must_use]
    pub const fn max(self, family: Family) -> u128 {
        match self {
            Self::Source | Self::Destination => family.max(),
            Self::Service => SERVICE_MAX,
            Self::SourcePort => PORT_MAX,
        }
    }
}

/// All packets of one family whose every field is in the set of its
/// dimension. Empty if any set is.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Product {
    /// One set a dimension, in the order of [`DIMS`].
    pub sets: [Set; 4],
}

impl Product {
    /// Every packet of a family.
    #[must_use]
    pub fn everything(family: Family) -> Self {
        Self {
            sets: DIMS.map(|d| Arc::new(IntervalSet::range(0, d.max(family)))),
        }
    }

    /// The set of a dimension.
    #[must_use]
    pub const fn get(&self, dim: Dim) -> &Set {
        let [source, destination, service, source_port] = &self.sets;
        match dim {
            Dim::Source => source,
            Dim::Destination => destination,
            Dim::Service => service,
            Dim::SourcePort => source_port,
        }
    }

    /// The same product with another set in one dimension.
    #[must_use]
    pub fn with(&self, dim: Dim, set: Set) -> Self {
        let [a, b, c, d] = self.sets.clone();
        Self {
            sets: match dim {
                Dim::Source => [set, b, c, d],
                Dim::Destination => [a, set, c, d],
                Dim::Service => [a, b, set, d],
                Dim::SourcePort => [a, b, c, set],
            },
        }
    }

    /// True if it holds no packet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets.iter().any(|s| s.is_empty())
    }

    /// Packets of both; `None` if there are none.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let mut sets = self.sets.clone();
        for (mine, theirs) in sets.iter_mut().zip(&other.sets) {
            *mine = intersect(mine, theirs)?;
        }
        Some(Self { sets })
    }

    /// True if they share a packet.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.sets.iter().zip(&other.sets).all(|(a, b)| a.meets(b))
    }

    /// True if every packet of `other` is in `self`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.sets.iter().zip(&other.sets).all(|(a, b)| a.covers(b))
    }

    /// Packets of `self` that are not in `other`, as disjoint products: at
    /// most one a dimension.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Vec<Self> {
        let Some(shared) = self.intersect(other) else {
            return vec![self.clone()];
        };
        let mut out = Vec::new();
        let mut rest = self.clone();
        for dim in DIMS {
            let outside = rest.get(dim).subtract(shared.get(dim));
            if !outside.is_empty() {
                out.push(rest.with(dim, Arc::new(outside)));
            }
            rest = rest.with(dim, Arc::clone(shared.get(dim)));
        }
        out
    }

    /// The product that holds the smallest value of every dimension.
    #[must_use]
    pub fn first(&self) -> Option<[u128; 4]> {
        let [a, b, c, d] = &self.sets;
        Some([a.first()?, b.first()?, c.first()?, d.first()?])
    }

    /// True if the packet with these values is in it.
    #[must_use]
    pub fn contains(&self, point: [u128; 4]) -> bool {
        self.sets.iter().zip(point).all(|(s, x)| s.contains(x))
    }

    /// How many packets, saturating.
    #[must_use]
    pub fn count(&self) -> u128 {
        self.sets
            .iter()
            .fold(1u128, |n, s| n.saturating_mul(s.count()))
    }
}

/// Packets within a device, and the interfaces that they may use where that is
/// open: numbers of [`super::condition::Interfaces`], for the ingress and the
/// egress. An end that is not open has a set of one number that means nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// The packets.
    pub packets: Product,
    /// The interfaces, in the order of [`super::condition::End`].
    pub ways: [Set; 2],
}

/// How many sets a region has: one a dimension of its packets, one an end.
pub const REGION_SETS: usize = 6;

/// The highest number of an interface.
pub const INTERFACE_MAX: u128 = u16::MAX as u128;

impl Region {
    /// The packets, by ways that are not open.
    #[must_use]
    pub fn settled(packets: Product) -> Self {
        let one: Set = Arc::new(IntervalSet::single(0));
        Self {
            packets,
            ways: [Arc::clone(&one), one],
        }
    }

    /// All sets: those of the packets in the order of [`DIMS`], then the ways.
    #[must_use]
    pub fn sets(&self) -> [&Set; REGION_SETS] {
        let [a, b, c, d] = &self.packets.sets;
        let [ingress, egress] = &self.ways;
        [a, b, c, d, ingress, egress]
    }
}

/// Shared members, without copying where one set covers the other.
#[must_use]
pub fn intersect(a: &Set, b: &Set) -> Option<Set> {
    if Arc::ptr_eq(a, b) || b.covers(a) {
        return (!a.is_empty()).then(|| Arc::clone(a));
    }
    if a.covers(b) {
        return (!b.is_empty()).then(|| Arc::clone(b));
    }
    let both = a.intersect(b);
    (!both.is_empty()).then(|| Arc::new(both))
}

/// Removes a union of products from a union of disjoint products.
#[must_use]
pub fn subtract_all<'a>(
    from: Vec<Product>,
    remove: impl IntoIterator<Item = &'a Product>,
) -> Vec<Product> {
    let mut left = from;
    for product in remove {
        if left.is_empty() {
            break;
        }
        if left.iter().any(|p| p.meets(product)) {
            left = left.iter().flat_map(|p| p.subtract(product)).collect();
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn product() -> impl Strategy<Value = Product> {
        let set = || {
            proptest::collection::vec((0u128..5, 0u128..3), 1..3).prop_map(|v| {
                Arc::new(
                    v.into_iter()
                        .map(|(a, n)| (a, (a + n).min(4)))
                        .collect::<IntervalSet>(),
                )
            })
        };
        [set(), set(), set(), set()].prop_map(|sets| Product { sets })
    }

    fn points() -> impl Iterator<Item = [u128; 4]> {
        (0..625u128).map(|n| [n % 5, n / 5 % 5, n / 25 % 5, n / 125])
    }

    proptest! {
        #[test]
        fn subtraction_is_exact_and_disjoint(a in product(), b in product()) {
            let pieces = a.subtract(&b);
            for point in points() {
                let held = pieces.iter().filter(|p| p.contains(point)).count();
                let wanted = usize::from(a.contains(point) && !b.contains(point));
                prop_assert_eq!(held, wanted);
            }
        }

        #[test]
        fn relations(a in product(), b in product()) {
            let both: Vec<_> = points().filter(|&p| a.contains(p) && b.contains(p)).collect();
            prop_assert_eq!(a.meets(&b), !both.is_empty());
            prop_assert_eq!(a.intersect(&b).map_or(0, |i| i.count()), both.len() as u128);
            prop_assert_eq!(a.covers(&b), points().all(|p| a.contains(p) || !b.contains(p)));
        }
    }
}
