//! Products that overlap as disjoint cells, each with all the products that
//! hold it.

use super::local::Classes;
use super::minimize::minimize;
use super::product::{DIMS, Product, Set};
use fw_model::IntervalSet;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// How often products may be looked at before some are left as they are.
pub const WORK: usize = 30_000_000;

/// What [`overlay`] makes of products.
#[derive(Debug, Default)]
pub struct Overlay {
    /// Disjoint, each with the products that hold it, by position, rising.
    pub cells: Vec<(Product, Vec<usize>)>,
    /// Where telling them apart is too much work: products by position, each
    /// as far as it lies there. Together with the cells they are everything.
    pub crowds: Vec<Vec<(Product, usize)>>,
}

/// Tells apart what is in some of `products` from what is in others, as far as
/// `wanted` says: of products that lie in one place together it is asked
/// whether the place is worth looking into. `work` bounds how often products
/// are looked at.
///
/// The space is cut in one dimension after the other, first in the one that
/// separates best, so the cost follows how much the products overlap.
pub fn overlay(products: &[&Product], wanted: &dyn Fn(&[usize]) -> bool, work: usize) -> Overlay {
    let mut walk = Walk {
        products,
        wanted,
        left: work,
        cells: FxHashMap::default(),
        order: Vec::new(),
        crowds: Vec::new(),
    };
    walk.cut((0..products.len()).collect(), Default::default());
    let Walk {
        mut cells,
        mut order,
        crowds,
        ..
    } = walk;
    order.sort_unstable();
    let cells = order
        .into_iter()
        .filter_map(|members| {
            let cells = cells.remove(&members)?;
            Some((members, minimize(cells)))
        })
        .flat_map(|(members, cells)| cells.into_iter().map(move |cell| (cell, members.clone())))
        .collect();
    Overlay { cells, crowds }
}

/// The sets that a place is cut to so far, in the order of [`DIMS`].
type Place = [Option<Set>; 4];

struct Walk<'p> {
    products: &'p [&'p Product],
    wanted: &'p dyn Fn(&[usize]) -> bool,
    left: usize,
    /// By their members.
    cells: FxHashMap<Vec<usize>, Vec<Product>>,
    order: Vec<Vec<usize>>,
    crowds: Vec<Vec<(Product, usize)>>,
}

/// How a dimension cuts some products.
struct Cut {
    dim: usize,
    classes: Classes,
    /// The distinct sets that hold each class, by position, rising.
    holders: Vec<Vec<usize>>,
    /// The items of each distinct set.
    items: Vec<Vec<usize>>,
    /// How many items the classes have together.
    cost: usize,
}

impl Walk<'_> {
    fn cut(&mut self, items: Vec<usize>, mut place: Place) {
        if items.is_empty() || !(self.wanted)(&items) {
            return;
        }
        let mut best: Option<Cut> = None;
        let mut whole = true;
        for dim in 0..DIMS.len() {
            if place.get(dim).is_some_and(Option::is_some) {
                continue;
            }
            let sets = self.distinct(dim, &items);
            if let [(set, _)] = sets.as_slice() {
                if let Some(slot) = place.get_mut(dim) {
                    *slot = Some(Arc::clone(set));
                }
                continue;
            }
            whole = false;
            let most = best.as_ref().map_or(self.left, |cut| cut.cost);
            if let Some(cut) = self.cut_by(dim, sets, most) {
                best = Some(cut);
            }
        }
        if whole {
            self.cell(items, &place);
            return;
        }
        let Some(cut) = best else {
            self.crowd(items, &place);
            return;
        };
        for (ranges, holders) in cut.classes.classes.into_iter().zip(&cut.holders) {
            let mut inside: Vec<usize> = holders
                .iter()
                .filter_map(|&set| cut.items.get(set))
                .flatten()
                .copied()
                .collect();
            inside.sort_unstable();
            let mut place = place.clone();
            if let Some(slot) = place.get_mut(cut.dim) {
                *slot = Some(Arc::new(IntervalSet::from_ranges(ranges)));
            }
            self.cut(inside, place);
        }
    }

    /// The distinct sets of items in a dimension, each with its items.
    fn distinct(&self, dim: usize, items: &[usize]) -> Vec<(Set, Vec<usize>)> {
        let mut known: FxHashMap<*const IntervalSet, usize> = FxHashMap::default();
        let mut equal: FxHashMap<&Set, usize> = FxHashMap::default();
        let mut out: Vec<(Set, Vec<usize>)> = Vec::new();
        for &item in items {
            let Some(set) = self.products.get(item).and_then(|p| p.sets.get(dim)) else {
                continue;
            };
            let at = *known.entry(Arc::as_ptr(set)).or_insert_with(|| {
                *equal.entry(set).or_insert_with(|| {
                    out.push((Arc::clone(set), Vec::new()));
                    out.len() - 1
                })
            });
            if let Some((_, list)) = out.get_mut(at) {
                list.push(item);
            }
        }
        out
    }

    /// The cut by a dimension, if it costs less than `most`.
    fn cut_by(&mut self, dim: usize, sets: Vec<(Set, Vec<usize>)>, most: usize) -> Option<Cut> {
        let ranges = |set: &Set| set.ranges().to_vec();
        let all = sets.iter().flat_map(|(set, _)| ranges(set)).collect();
        let within = IntervalSet::from_ranges(all);
        let classes = Classes::new(&within, sets.iter().map(|(set, _)| set.ranges()));
        let mut holders: Vec<Vec<usize>> = vec![Vec::new(); classes.classes.len()];
        let (mut cost, mut looks) = (0usize, classes.segments.len());
        for (number, (set, items)) in sets.iter().enumerate() {
            for class in set.ranges().iter().flat_map(|&range| classes.within(range)) {
                looks += 1;
                if let Some(list) = holders.get_mut(class as usize)
                    && list.last() != Some(&number)
                {
                    list.push(number);
                    cost += items.len();
                }
            }
            if cost >= most || looks > self.left {
                self.left = self.left.saturating_sub(looks);
                return None;
            }
        }
        self.left = self.left.saturating_sub(looks + cost);
        Some(Cut {
            dim,
            classes,
            holders,
            items: sets.into_iter().map(|(_, items)| items).collect(),
            cost,
        })
    }

    fn cell(&mut self, items: Vec<usize>, place: &Place) {
        let Some(cell) = settled(place) else { return };
        if let Some(cells) = self.cells.get_mut(&items) {
            cells.push(cell);
        } else {
            self.order.push(items.clone());
            self.cells.insert(items, vec![cell]);
        }
    }

    fn crowd(&mut self, items: Vec<usize>, place: &Place) {
        let crowd = items.into_iter().filter_map(|item| {
            let mut product = (*self.products.get(item)?).clone();
            for (set, cut) in product.sets.iter_mut().zip(place) {
                if let Some(cut) = cut {
                    *set = Arc::clone(cut);
                }
            }
            Some((product, item))
        });
        let crowd = crowd.collect();
        self.crowds.push(crowd);
    }
}

fn settled(place: &Place) -> Option<Product> {
    let [a, b, c, d] = place.clone();
    Some(Product {
        sets: [a?, b?, c?, d?],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn product() -> impl Strategy<Value = Product> {
        let set = || {
            proptest::collection::vec((0u128..4, 0u128..3), 1..3).prop_map(|v| {
                Arc::new(
                    v.into_iter()
                        .map(|(a, n)| (a, (a + n).min(3)))
                        .collect::<IntervalSet>(),
                )
            })
        };
        [set(), set(), set(), set()].prop_map(|sets| Product { sets })
    }

    fn points() -> impl Iterator<Item = [u128; 4]> {
        (0..256u128).map(|n| [n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6])
    }

    /// The products that hold a point.
    fn holding(products: &[Product], point: [u128; 4]) -> Vec<usize> {
        let holds = |at: &usize| products[*at].contains(point);
        (0..products.len()).filter(holds).collect()
    }

    proptest! {
        #[test]
        fn each_point_is_in_one_cell_with_what_holds_it(
            products in proptest::collection::vec(product(), 0..12),
        ) {
            let of: Vec<&Product> = products.iter().collect();
            let found = overlay(&of, &|_| true, WORK);
            prop_assert!(found.crowds.is_empty());
            for point in points() {
                let mut cells = found.cells.iter().filter(|(cell, _)| cell.contains(point));
                let members = cells.next().map(|(_, members)| members.clone());
                prop_assert!(cells.next().is_none());
                prop_assert_eq!(members.unwrap_or_default(), holding(&products, point));
            }
        }

        #[test]
        fn nothing_wanted_is_left_out(
            products in proptest::collection::vec(product(), 0..12),
            work in 0usize..200,
        ) {
            // Places without the first product are not looked into.
            let of: Vec<&Product> = products.iter().collect();
            let found = overlay(&of, &|items| items.contains(&0), work);
            for point in points() {
                let wanted = holding(&products, point);
                if !wanted.contains(&0) {
                    continue;
                }
                let cells = found.cells.iter().filter(|(cell, _)| cell.contains(point));
                let exact: Vec<&Vec<usize>> = cells.map(|(_, members)| members).collect();
                let crowds: Vec<Vec<usize>> = found
                    .crowds
                    .iter()
                    .map(|crowd| {
                        let holds = crowd.iter().filter(|(product, _)| product.contains(point));
                        holds.map(|(_, at)| *at).collect()
                    })
                    .filter(|crowd: &Vec<usize>| !crowd.is_empty())
                    .collect();
                prop_assert_eq!(exact.len() + crowds.len(), 1);
                prop_assert!(exact.iter().all(|members| **members == wanted));
                prop_assert!(crowds.iter().all(|members| *members == wanted));
            }
        }
    }
}
