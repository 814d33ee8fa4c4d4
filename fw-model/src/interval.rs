//! Sets of integers as sorted, disjoint, non-adjacent inclusive ranges.

use std::fmt;

/// An inclusive range `(low, high)`.
pub type Range = (u128, u128);

/// A set of integers, kept canonical: ranges are sorted, disjoint and never
/// adjacent, so equal sets compare and hash equal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct IntervalSet {
    ranges: Vec<Range>,
}

impl fmt::Debug for IntervalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.ranges).finish()
    }
}

impl FromIterator<Range> for IntervalSet {
    fn from_iter<I: IntoIterator<Item = Range>>(iter: I) -> Self {
        Self::from_ranges(iter.into_iter().collect())
    }
}

impl IntervalSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// The set `low..=high`; empty if `low > high`.
    #[must_use]
    pub fn range(low: u128, high: u128) -> Self {
        if low > high {
            return Self::new();
        }
        Self {
            ranges: vec![(low, high)],
        }
    }

    /// The set that holds `value` alone.
    #[must_use]
    pub fn single(value: u128) -> Self {
        Self::range(value, value)
    }

    /// The union of ranges in any order; ranges with `low > high` are empty.
    #[must_use]
    pub fn from_ranges(mut ranges: Vec<Range>) -> Self {
        ranges.retain(|&(low, high)| low <= high);
        ranges.sort_unstable();
        let mut out: Vec<Range> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match out.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => out.push((low, high)),
            }
        }
        Self { ranges: out }
    }

    /// The ranges, sorted and disjoint.
    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// True if the set holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The smallest member.
    #[must_use]
    pub fn first(&self) -> Option<u128> {
        self.ranges.first().map(|r| r.0)
    }

    /// The largest member.
    #[must_use]
    pub fn last(&self) -> Option<u128> {
        self.ranges.last().map(|r| r.1)
    }

    /// How many members, saturating at `u128::MAX`.
    #[must_use]
    pub fn count(&self) -> u128 {
        self.ranges.iter().fold(0u128, |n, &(low, high)| {
            n.saturating_add((high - low).saturating_add(1))
        })
    }

    /// True if `value` is a member.
    #[must_use]
    pub fn contains(&self, value: u128) -> bool {
        let at = self.ranges.partition_point(|r| r.1 < value);
        self.ranges.get(at).is_some_and(|r| r.0 <= value)
    }

    /// True if the sets share a member.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let (small, large) = if self.ranges.len() <= other.ranges.len() {
            (self, other)
        } else {
            (other, self)
        };
        if small.ranges.len().saturating_mul(8) < large.ranges.len() {
            return small.ranges.iter().any(|&(low, high)| {
                let at = large.ranges.partition_point(|r| r.1 < low);
                large.ranges.get(at).is_some_and(|r| r.0 <= high)
            });
        }
        let (mut left, mut right) = (small.ranges.iter(), large.ranges.iter());
        let (mut a, mut b) = (left.next(), right.next());
        while let (Some(x), Some(y)) = (a, b) {
            if x.1 < y.0 {
                a = left.next();
            } else if y.1 < x.0 {
                b = right.next();
            } else {
                return true;
            }
        }
        false
    }

    /// True if every member of `other` is a member of `self`.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.ranges.iter().all(|&(low, high)| {
            let at = self.ranges.partition_point(|r| r.1 < low);
            self.ranges
                .get(at)
                .is_some_and(|r| r.0 <= low && r.1 >= high)
        })
    }

    /// Members of both sets.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let mut out = Vec::new();
        let (mut left, mut right) = (self.ranges.iter(), other.ranges.iter());
        let (mut a, mut b) = (left.next(), right.next());
        while let (Some(x), Some(y)) = (a, b) {
            let (low, high) = (x.0.max(y.0), x.1.min(y.1));
            if low <= high {
                out.push((low, high));
            }
            if x.1 < y.1 {
                a = left.next();
            } else {
                b = right.next();
            }
        }
        Self { ranges: out }
    }

    /// Members of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_empty() {
            return other.clone();
        }
        if other.is_empty() {
            return self.clone();
        }
        self.ranges.iter().chain(&other.ranges).copied().collect()
    }

    /// Members of `self` that are not in `other`.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let mut out = Vec::new();
        let mut at = 0;
        for &(low, high) in &self.ranges {
            let mut start = low;
            let mut done = false;
            while let Some(&(cut_low, cut_high)) = other.ranges.get(at) {
                if cut_high < start {
                    at += 1;
                    continue;
                }
                if cut_low > high {
                    break;
                }
                if cut_low > start {
                    out.push((start, cut_low - 1));
                }
                if cut_high >= high {
                    done = true;
                    break;
                }
                start = cut_high + 1;
                at += 1;
            }
            if !done {
                out.push((start, high));
            }
        }
        Self { ranges: out }
    }

    /// Members of `0..=max` that are not in `self`.
    #[must_use]
    pub fn complement(&self, max: u128) -> Self {
        Self::range(0, max).subtract(self)
    }

    /// Every member moved by `to - from`, wrapping nothing: members that would
    /// leave `0..=max` are dropped.
    #[must_use]
    pub fn shift(&self, from: u128, to: u128, max: u128) -> Self {
        if to >= from {
            let by = to - from;
            if by > max {
                return Self::new();
            }
            let limit = max - by;
            self.ranges
                .iter()
                .filter(|r| r.0 <= limit)
                .map(|&(low, high)| (low + by, high.min(limit) + by))
                .collect()
        } else {
            let by = from - to;
            self.ranges
                .iter()
                .filter(|r| r.1 >= by)
                .map(|&(low, high)| (low.max(by) - by, high - by))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set() -> impl Strategy<Value = IntervalSet> {
        proptest::collection::vec((0u128..64, 0u128..12), 0..8)
            .prop_map(|v| v.into_iter().map(|(a, n)| (a, (a + n).min(63))).collect())
    }

    fn members(s: &IntervalSet) -> Vec<u128> {
        (0..64).filter(|&x| s.contains(x)).collect()
    }

    proptest! {
        #[test]
        fn set_laws(a in set(), b in set()) {
            let both = |f: &dyn Fn(bool, bool) -> bool| -> Vec<u128> {
                (0..64).filter(|&x| f(a.contains(x), b.contains(x))).collect()
            };
            prop_assert_eq!(members(&a.intersect(&b)), both(&|p, q| p && q));
            prop_assert_eq!(members(&a.union(&b)), both(&|p, q| p || q));
            prop_assert_eq!(members(&a.subtract(&b)), both(&|p, q| p && !q));
            prop_assert_eq!(members(&a.complement(63)), both(&|p, _| !p));
            prop_assert_eq!(a.meets(&b), !a.intersect(&b).is_empty());
            prop_assert_eq!(a.covers(&b), b.subtract(&a).is_empty());
            prop_assert_eq!(a.count() as usize, members(&a).len());
            prop_assert_eq!(a.union(&b).subtract(&b).union(&b), a.union(&b));
        }

        #[test]
        fn shift_moves_members(a in set(), from in 0u128..64, to in 0u128..64) {
            let moved: Vec<u128> = members(&a)
                .into_iter()
                .filter(|x| (x + to).checked_sub(from).is_some_and(|y| y < 64))
                .map(|x| x + to - from)
                .collect();
            prop_assert_eq!(members(&a.shift(from, to, 63)), moved);
        }
    }

    #[test]
    fn ranges_at_the_ends() {
        let all = IntervalSet::range(0, u128::MAX);
        assert_eq!(all.count(), u128::MAX);
        assert!(all.complement(u128::MAX).is_empty());
        let joined = IntervalSet::from_ranges(vec![(5, u128::MAX), (0, 4)]);
        assert_eq!(joined, all);
        assert_eq!(
            IntervalSet::single(u128::MAX).subtract(&IntervalSet::single(0)),
            IntervalSet::single(u128::MAX)
        );
    }
}
