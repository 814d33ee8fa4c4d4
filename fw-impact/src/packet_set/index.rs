//! Which of many sets meet a given one.

use super::product::Set;
use fw_model::IntervalSet;

/// Ranges of many sets, sorted by their low end, in blocks that know their
/// highest end.
#[derive(Default)]
pub struct RangeIndex {
    ranges: Vec<(u128, u128, u32)>,
    block_max: Vec<u128>,
    sets: usize,
}

const BLOCK: usize = 32;

impl RangeIndex {
    /// Indexes `sets`; a set's id is its position.
    #[must_use]
    pub fn new(sets: &[Set]) -> Self {
        let mut ranges = Vec::new();
        for (id, set) in (0u32..).zip(sets) {
            ranges.extend(set.ranges().iter().map(|&(low, high)| (low, high, id)));
        }
        ranges.sort_unstable();
        let block_max = ranges
            .chunks(BLOCK)
            .map(|block| block.iter().map(|r| r.1).max().unwrap_or(0))
            .collect();
        Self {
            ranges,
            block_max,
            sets: sets.len(),
        }
    }

    /// Ids of the sets that meet `query`, each once, in no special order.
    #[must_use]
    pub fn meeting(&self, query: &IntervalSet) -> Vec<u32> {
        let mut seen = vec![false; self.sets];
        let mut out = Vec::new();
        for &(low, high) in query.ranges() {
            let end = self.ranges.partition_point(|r| r.0 <= high);
            for (block, &max) in self
                .ranges
                .chunks(BLOCK)
                .zip(&self.block_max)
                .take(end.div_ceil(BLOCK))
            {
                if max < low {
                    continue;
                }
                for &(a, b, id) in block {
                    if a <= high
                        && b >= low
                        && let Some(seen) = seen.get_mut(id as usize)
                        && !*seen
                    {
                        *seen = true;
                        out.push(id);
                    }
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    proptest! {
        #[test]
        fn finds_exactly_the_sets_that_meet(
            sets in proptest::collection::vec(
                proptest::collection::vec((0u128..500, 0u128..40), 0..4), 0..120),
            query in proptest::collection::vec((0u128..500, 0u128..40), 0..4),
        ) {
            let make = |v: &[(u128, u128)]| v.iter().map(|&(a, n)| (a, a + n)).collect::<IntervalSet>();
            let sets: Vec<Set> = sets.iter().map(|v| Arc::new(make(v))).collect();
            let query = make(&query);
            let mut found = RangeIndex::new(&sets).meeting(&query);
            found.sort_unstable();
            let wanted: Vec<u32> = (0u32..).zip(&sets).filter(|(_, s)| s.meets(&query)).map(|(i, _)| i).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
