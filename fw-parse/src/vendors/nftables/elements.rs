//! Elements that a command takes out of a set.

use super::ast::{Element, Expr, SetBlock};
use super::names;
use super::parse::integer;
use fw_model::Family;
use fw_model::address::bits;
use std::net::IpAddr;

/// What kind of number a constant is. Only numbers of one kind compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Space {
    Address(Family),
    Number,
}

/// A constant as an interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bounds {
    space: Space,
    low: u128,
    high: u128,
}

/// The interval that a constant is; `None` for names and tuples.
fn bounds(expr: &Expr) -> Option<Bounds> {
    let one = |space, value| Bounds {
        space,
        low: value,
        high: value,
    };
    match expr {
        Expr::Value(text) => {
            if let Ok(address) = text.parse::<IpAddr>() {
                return Some(one(Space::Address(Family::of(address)), bits(address)));
            }
            let number = integer(text)
                .map(u128::from)
                .or_else(|| names::port(text).map(u128::from));
            Some(one(Space::Number, number?))
        }
        Expr::Prefix(base, length) => {
            let base = bounds(base)?;
            let Space::Address(family) = base.space else {
                return None;
            };
            let width = if family == Family::V4 { 32 } else { 128 };
            let host = u32::checked_sub(width, u32::from(*length))?;
            let mask = 1u128.checked_shl(host).map_or(u128::MAX, |bit| bit - 1);
            Some(Bounds {
                low: base.low & !mask,
                high: base.low | mask,
                ..base
            })
        }
        Expr::Range(low, high) => {
            let (low, high) = (bounds(low)?, bounds(high)?);
            (low.space == high.space && low.low <= high.high).then_some(Bounds {
                high: high.high,
                ..low
            })
        }
        _ => None,
    }
}

/// True if two keys are the same, however they are written.
fn same(one: &Expr, other: &Expr) -> bool {
    match (one, other) {
        (Expr::Concat(one), Expr::Concat(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b))
        }
        _ => one == other || bounds(one).is_some_and(|b| bounds(other) == Some(b)),
    }
}

fn value(space: Space, number: u128) -> Expr {
    Expr::Value(match space {
        Space::Address(family) => family.address(number).to_string(),
        Space::Number => number.to_string(),
    })
}

/// Takes elements out of a set. False if the set does not have one of them,
/// which nft refuses.
///
/// An interval within a wider one is cut out where the set merges intervals
/// (`auto-merge`), as nft 1.0 and later do.
pub fn remove(set: &mut SetBlock, gone: &[Element]) -> bool {
    let mut all = true;
    for element in gone {
        let before = set.elements.len();
        set.elements.retain(|e| !same(&e.key, &element.key));
        if set.elements.len() < before {
            continue;
        }
        all &= set.auto_merge && cut(&mut set.elements, &element.key);
    }
    all
}

/// Cuts an interval out of those that hold it. False if they do not hold all
/// of it.
fn cut(elements: &mut Vec<Element>, key: &Expr) -> bool {
    let Some(hole) = bounds(key) else {
        return false;
    };
    let mut kept = Vec::with_capacity(elements.len() + 1);
    let mut covered: Vec<(u128, u128)> = Vec::new();
    for element in elements.iter() {
        let found = bounds(&element.key)
            .filter(|b| b.space == hole.space && b.low <= hole.high && hole.low <= b.high);
        let Some(found) = found else {
            kept.push(element.clone());
            continue;
        };
        covered.push((found.low, found.high));
        let mut keep = |low: u128, high: u128| {
            let ends = (value(hole.space, low), value(hole.space, high));
            kept.push(Element {
                key: Expr::Range(Box::new(ends.0), Box::new(ends.1)),
                ..element.clone()
            });
        };
        if found.low < hole.low {
            keep(found.low, hole.low - 1);
        }
        if found.high > hole.high {
            keep(hole.high + 1, found.high);
        }
    }
    covered.sort_unstable();
    let mut next = hole.low;
    for (low, high) in covered {
        if low > next {
            return false;
        }
        if high >= hole.high {
            *elements = kept;
            return true;
        }
        next = next.max(high + 1);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use fw_model::{SourceId, Span};

    fn element(key: Expr) -> Element {
        Element {
            key,
            data: None,
            expires: false,
            stateful: None,
            span: Span::line(SourceId(0), 1, 0),
        }
    }

    fn word(text: &str) -> Expr {
        Expr::Value(text.into())
    }

    fn range(low: &str, high: &str) -> Expr {
        Expr::Range(Box::new(word(low)), Box::new(word(high)))
    }

    #[test]
    fn keys_are_equal_however_they_are_written() {
        let prefix = |text: &str, length| Expr::Prefix(Box::new(word(text)), length);
        assert!(same(&prefix("10.0.0.1", 32), &word("10.0.0.1")));
        assert!(same(
            &prefix("10.0.0.0", 30),
            &range("10.0.0.0", "10.0.0.3")
        ));
        assert!(same(&word("https"), &word("443")));
        assert!(same(
            &prefix("::", 0),
            &range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
        ));
        assert!(!same(&word("0.0.0.80"), &word("80")));
        let tuple = |a: &str, b: &str| Expr::Concat(vec![word(a), word(b)]);
        assert!(same(&tuple("10.0.0.1", "https"), &tuple("10.0.0.1", "443")));
        assert!(!same(&tuple("10.0.0.1", "443"), &tuple("10.0.0.2", "443")));
    }

    #[test]
    fn a_hole_splits_what_holds_it_all() {
        let mut elements = vec![element(range("10", "20")), element(range("21", "30"))];
        assert!(!cut(&mut elements.clone(), &range("25", "31")));
        assert!(cut(&mut elements, &range("15", "25")));
        let left: Vec<_> = elements.iter().filter_map(|e| bounds(&e.key)).collect();
        let ends: Vec<_> = left.iter().map(|b| (b.low, b.high)).collect();
        assert_eq!(ends, [(10, 14), (26, 30)]);
    }
}
