//! A small universe for one region: in each dimension, values that no
//! candidate set tells apart are one class, and a set is a bit row of classes.
//!
//! INVARIANT: every row of a dimension has [`Universe::words`] words of it, and
//! a piece is the rows of all dimensions one behind the other, so that
//! indices computed from `offsets` are in bounds.
#![allow(clippy::indexing_slicing, clippy::needless_range_loop)]

use super::product::{Product, REGION_SETS, Region, Set};
use fw_model::IntervalSet;
use fw_model::interval::Range;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// The classes of all dimensions and the rows of all candidate sets.
pub struct Universe {
    region: [Set; REGION_SETS],
    /// Ranges of each class, a dimension.
    classes: [Vec<Vec<(u128, u128)>>; REGION_SETS],
    /// Bit rows, one behind the other, a dimension.
    rows: [Vec<u64>; REGION_SETS],
    /// Words of a row, a dimension.
    words: [usize; REGION_SETS],
    /// Where a dimension's words start in a piece, and the length of a piece.
    offsets: [usize; REGION_SETS + 1],
}

/// A set of packets within a universe: a product of class sets.
pub type Bits = Box<[u64]>;

/// A pseudo-random number for a set's id, to tell sets of ids apart by the
/// exclusive or of their members' numbers. Two different sets of ids collide
/// with a probability of 2^-128.
const fn signature(id: usize) -> u128 {
    const fn mix(mut z: u64) -> u64 {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    let seed = (id as u64).wrapping_add(1);
    let low = mix(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let high = mix(seed.wrapping_mul(0xd1b5_4a32_d192_ed03) ^ 0x5851_f42d_4c95_7f2d);
    ((high as u128) << 64) | low as u128
}

/// The values of a dimension that sets tell apart: values that are in the same
/// sets are one class.
pub(super) struct Classes {
    /// Ranges of each class.
    pub classes: Vec<Vec<Range>>,
    /// Where the values of a class start that no set cuts, rising.
    pub segments: Vec<(u128, u32)>,
}

impl Classes {
    /// The classes of `within` for sets given by their ranges.
    pub fn new<'r>(within: &IntervalSet, sets: impl Iterator<Item = &'r [Range]>) -> Self {
        // A range starts at `low` and ends before `high + 1`; the end of the
        // whole space has no number and needs none.
        let mut events: Vec<(u128, u128)> = Vec::new();
        let mut event = |low: u128, high: u128, mark: u128| {
            events.push((low, mark));
            if let Some(end) = high.checked_add(1) {
                events.push((end, mark));
            }
        };
        for (id, ranges) in sets.enumerate() {
            for &(low, high) in ranges {
                event(low, high, signature(id + 1));
            }
        }
        for &(low, high) in within.ranges() {
            event(low, high, 0);
        }
        events.sort_unstable_by_key(|e| e.0);
        let mut segments: Vec<(u128, u32)> = Vec::new();
        let mut by_signature: FxHashMap<u128, u32> = FxHashMap::default();
        let mut classes: Vec<Vec<(u128, u128)>> = Vec::new();
        let (mut current, mut at, mut range) = (0u128, 0, 0);
        while at < events.len() {
            let start = events[at].0;
            while at < events.len() && events[at].0 == start {
                current ^= events[at].1;
                at += 1;
            }
            let end = events.get(at).map_or(u128::MAX, |e| e.0 - 1);
            while range < within.ranges().len() && within.ranges()[range].1 < start {
                range += 1;
            }
            let Some(&(low, high)) = within.ranges().get(range) else {
                break;
            };
            if low > start {
                continue;
            }
            let end = end.min(high);
            let class = *by_signature.entry(current).or_insert_with(|| {
                classes.push(Vec::new());
                classes.len() as u32 - 1
            });
            let ranges = &mut classes[class as usize];
            match ranges.last_mut() {
                Some(last) if last.1.checked_add(1) == Some(start) => last.1 = end,
                _ => ranges.push((start, end)),
            }
            segments.push((start, class));
        }
        Self { classes, segments }
    }

    /// The class of each segment that a range starts or holds, in order.
    pub fn within(&self, (low, high): Range) -> impl Iterator<Item = u32> + '_ {
        let from = self.segments.partition_point(|s| s.0 < low);
        self.segments[from..]
            .iter()
            .take_while(move |s| s.0 <= high)
            .map(|&(_, class)| class)
    }
}

impl Universe {
    /// Builds the universe of `region` for the given sets of each dimension.
    #[must_use]
    pub fn new(region: &Region, sets: &[Vec<Set>; REGION_SETS]) -> Self {
        let mut out = Self {
            region: region.sets().map(Arc::clone),
            classes: Default::default(),
            rows: Default::default(),
            words: [0; REGION_SETS],
            offsets: [0; REGION_SETS + 1],
        };
        for dim in 0..REGION_SETS {
            out.dimension(dim, &sets[dim]);
            out.offsets[dim + 1] = out.offsets[dim] + out.words[dim];
        }
        out
    }

    fn dimension(&mut self, dim: usize, sets: &[Set]) {
        let within = Arc::clone(&self.region[dim]);
        let clipped: Vec<Option<IntervalSet>> = sets
            .iter()
            .map(|set| (!set.covers(&within)).then(|| set.intersect(&within)))
            .collect();
        let parts = clipped
            .iter()
            .map(|set| set.as_ref().map_or(&[][..], IntervalSet::ranges));
        let all = Classes::new(&within, parts);
        let count = all.classes.len();
        let words = count.div_ceil(64).max(1);
        let mut rows = vec![0u64; words * sets.len()];
        for (row, set) in rows.chunks_mut(words).zip(&clipped) {
            match set {
                None => fill(row, count),
                Some(set) => {
                    for class in set.ranges().iter().flat_map(|&range| all.within(range)) {
                        row[class as usize >> 6] |= 1 << (class & 63);
                    }
                }
            }
        }
        self.classes[dim] = all.classes;
        self.rows[dim] = rows;
        self.words[dim] = words;
    }

    /// The whole region.
    #[must_use]
    pub fn everything(&self) -> Bits {
        let mut bits = vec![0u64; self.offsets[REGION_SETS]].into_boxed_slice();
        for dim in 0..REGION_SETS {
            let span = self.offsets[dim]..self.offsets[dim + 1];
            fill(&mut bits[span], self.classes[dim].len());
        }
        bits
    }

    fn row(&self, dim: usize, set: u32) -> &[u64] {
        let words = self.words[dim];
        &self.rows[dim][set as usize * words..(set as usize + 1) * words]
    }

    /// True if the piece shares a packet with the product of one row a dimension.
    #[must_use]
    pub fn meets(&self, piece: &[u64], rows: [u32; REGION_SETS]) -> bool {
        // Destinations tell most rules apart, so they go first.
        [1, 0, 2, 4, 5, 3].into_iter().all(|dim| {
            piece[self.offsets[dim]..self.offsets[dim + 1]]
                .iter()
                .zip(self.row(dim, rows[dim]))
                .any(|(p, r)| p & r != 0)
        })
    }

    /// True if the product of one row a dimension holds the whole piece.
    #[must_use]
    pub fn covers(&self, rows: [u32; REGION_SETS], piece: &[u64]) -> bool {
        (0..REGION_SETS).all(|dim| {
            piece[self.offsets[dim]..self.offsets[dim + 1]]
                .iter()
                .zip(self.row(dim, rows[dim]))
                .all(|(p, r)| p & !r == 0)
        })
    }

    /// The part of the piece within one row a dimension.
    #[must_use]
    pub fn intersect(&self, piece: &[u64], rows: [u32; REGION_SETS]) -> Bits {
        let mut out: Bits = piece.into();
        for dim in 0..REGION_SETS {
            let span = self.offsets[dim]..self.offsets[dim + 1];
            for (word, row) in out[span].iter_mut().zip(self.row(dim, rows[dim])) {
                *word &= row;
            }
        }
        out
    }

    /// The part of the piece outside of `inner`, which lies within it, as
    /// disjoint pieces.
    pub fn outside(&self, piece: &[u64], inner: &[u64], mut emit: impl FnMut(Bits)) {
        let mut rest: Bits = piece.into();
        for dim in 0..REGION_SETS {
            let span = self.offsets[dim]..self.offsets[dim + 1];
            let mut some = 0;
            for at in span.clone() {
                rest[at] = piece[at] & !inner[at];
                some |= rest[at];
            }
            if some != 0 {
                emit(rest.clone());
            }
            rest[span.clone()].copy_from_slice(&inner[span]);
        }
    }

    /// The piece as packets and ways.
    #[must_use]
    pub fn region(&self, piece: &[u64]) -> Region {
        let [a, b, c, d, ingress, egress] = std::array::from_fn(|dim| self.set(dim, piece));
        Region {
            packets: Product { sets: [a, b, c, d] },
            ways: [ingress, egress],
        }
    }

    fn set(&self, dim: usize, piece: &[u64]) -> Set {
        let words = &piece[self.offsets[dim]..self.offsets[dim + 1]];
        let classes = &self.classes[dim];
        let held: usize = words.iter().map(|w| w.count_ones() as usize).sum();
        if held == classes.len() {
            return Arc::clone(&self.region[dim]);
        }
        let mut ranges = Vec::new();
        for (at, &word) in words.iter().enumerate() {
            let mut left = word;
            while left != 0 {
                let class = at * 64 + left.trailing_zeros() as usize;
                ranges.extend_from_slice(&classes[class]);
                left &= left - 1;
            }
        }
        Arc::new(IntervalSet::from_ranges(ranges))
    }
}

fn fill(words: &mut [u64], bits: usize) {
    for (at, word) in words.iter_mut().enumerate() {
        let left = bits.saturating_sub(at * 64);
        *word = if left >= 64 { !0 } else { (1 << left) - 1 };
    }
}
