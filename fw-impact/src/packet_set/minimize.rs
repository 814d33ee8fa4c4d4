//! Unions of products in fewer products.

use super::product::{Product, Set};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Joins disjoint products that differ in one dimension alone, until none
/// are left that do. The union stays the same; the result is disjoint and
/// sorted.
#[must_use]
pub fn minimize(products: Vec<Product>) -> Vec<Product> {
    let mut all = products;
    loop {
        let before = all.len();
        for dim in [3, 2, 1, 0] {
            all = join(all, dim);
        }
        if all.len() >= before {
            break;
        }
    }
    all.sort();
    all
}

fn join(products: Vec<Product>, dim: usize) -> Vec<Product> {
    if products.len() < 2 {
        return products;
    }
    let mut groups: FxHashMap<[Option<Set>; 3], usize> = FxHashMap::default();
    let mut out: Vec<(Product, Vec<(u128, u128)>)> = Vec::new();
    for product in products {
        let mut others = product
            .sets
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != dim)
            .map(|(_, set)| Arc::clone(set));
        let key = [others.next(), others.next(), others.next()];
        let ranges = product
            .sets
            .get(dim)
            .map_or(&[][..], |set| set.ranges())
            .to_vec();
        match groups.get(&key).and_then(|&at| out.get_mut(at)) {
            Some((_, all)) => all.extend(ranges),
            None => {
                groups.insert(key, out.len());
                out.push((product, ranges));
            }
        }
    }
    out.into_iter()
        .map(|(mut product, ranges)| {
            if let Some(set) = product.sets.get_mut(dim)
                && set.ranges().len() != ranges.len()
            {
                *set = Arc::new(fw_model::IntervalSet::from_ranges(ranges));
            }
            product
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fw_model::IntervalSet;

    fn product(a: (u128, u128), b: (u128, u128)) -> Product {
        let set = |r: (u128, u128)| Arc::new(IntervalSet::range(r.0, r.1));
        Product {
            sets: [set(a), set(b), set((0, 9)), set((0, 9))],
        }
    }

    #[test]
    fn a_cut_box_is_put_together_again() {
        let whole = product((0, 9), (0, 9));
        let hole = product((3, 4), (5, 6));
        let mut pieces = whole.subtract(&hole);
        pieces.push(hole);
        assert_eq!(minimize(pieces), vec![whole]);
    }
}
