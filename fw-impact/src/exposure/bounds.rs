//! Sets of packets in the fewest words: bounds, and what they leave out.

use crate::describe::{regions, service_texts};
use crate::packet_set::Product;
use crate::packet_set::minimize::minimize;
use crate::packet_set::product::Dim;
use crate::report::{Bound, Region};
use fw_model::address::range_text;
use fw_model::service::{PORT_MAX, SERVICE_MAX, port_text, protocol_name};
use fw_model::{Family, IntervalSet};
use std::sync::Arc;

/// How many products are worth a search for what their bounds leave out.
const PIECES: usize = 400;

/// The least product that holds all of these.
pub(super) fn hull<'p>(products: impl Iterator<Item = &'p Product>) -> Option<Product> {
    products.fold(None, |all: Option<Product>, one| match all {
        None => Some(one.clone()),
        Some(all) => Some(Product {
            sets: [Dim::Source, Dim::Destination, Dim::Service, Dim::SourcePort].map(|dim| {
                let (mine, theirs) = (all.get(dim), one.get(dim));
                if mine.covers(theirs) {
                    Arc::clone(mine)
                } else {
                    Arc::new(mine.union(theirs))
                }
            }),
        }),
    })
}

/// What `hull` holds beside these products, if that is fewer regions than
/// `limit`.
pub(super) fn rest(
    family: Family,
    hull: &Product,
    products: &[Product],
    limit: usize,
) -> Option<Vec<Region>> {
    if products.len() > PIECES {
        return None;
    }
    let mut left = vec![hull.clone()];
    for product in products {
        left = left.iter().flat_map(|one| one.subtract(product)).collect();
        if left.len() > PIECES {
            return None;
        }
    }
    let any_port = IntervalSet::range(0, PORT_MAX);
    let left = regions(family, minimize(left), &any_port);
    (left.len() < limit).then_some(left)
}

/// The addresses of a set.
pub(super) fn addresses(family: Family, set: &IntervalSet) -> Bound {
    ranges(set, family.max(), |range| range_text(family, range))
}

/// The ports of a set; `None` if it holds all of them.
pub(super) fn ports(set: &IntervalSet) -> Option<Bound> {
    let bound = ranges(set, PORT_MAX, |(low, high)| {
        port_text(low as u16, high as u16)
    });
    (!set.covers(&IntervalSet::range(0, PORT_MAX))).then_some(bound)
}

/// The ranges of a set, or those that it lacks, whichever are fewer.
fn ranges(set: &IntervalSet, max: u128, text: impl Fn((u128, u128)) -> String) -> Bound {
    let texts = |set: &IntervalSet| set.ranges().iter().map(|&r| text(r)).collect();
    let lacks = set.complement(max);
    if lacks.ranges().len() < set.ranges().len() {
        Bound {
            of: vec![text((0, max))],
            except: texts(&lacks),
        }
    } else {
        Bound {
            of: texts(set),
            except: Vec::new(),
        }
    }
}

/// The protocols and ports of a set.
pub(super) fn services(set: &IntervalSet) -> Bound {
    let whole = IntervalSet::range(0, SERVICE_MAX);
    let set = set.intersect(&whole);
    if set.covers(&whole) {
        return Bound {
            of: vec!["any".into()],
            except: Vec::new(),
        };
    }
    let lacks = set.complement(SERVICE_MAX);
    let (has, not) = (texts(&set), texts(&lacks));
    if not.len() < has.len() && lacks.count() < set.count() {
        return Bound {
            of: vec!["any".into()],
            except: not,
        };
    }
    // A protocol with a few holes is told by the holes.
    let mut bound = Bound::default();
    let mut plain = set.clone();
    for protocol in 0..=u8::MAX {
        let base = u128::from(protocol) << 16;
        let all = IntervalSet::range(base, base | 0xffff);
        let holes = all.subtract(&set);
        let pieces = set.intersect(&all);
        if !holes.is_empty() && holes.ranges().len() < pieces.ranges().len() {
            bound.of.push(protocol_name(protocol));
            bound.except.extend(texts(&holes));
            plain = plain.subtract(&all);
        }
    }
    bound.of.extend(texts(&plain));
    bound
}

/// Each part of a service set in words.
fn texts(set: &IntervalSet) -> Vec<String> {
    service_texts(set)
        .into_iter()
        .map(|(proto, port, icmp)| match (port.as_deref(), icmp) {
            (Some("any") | None, None) if proto.starts_with(|c: char| c.is_ascii_digit()) => {
                format!("protocol {proto}")
            }
            (Some("any") | None, None) => proto,
            (Some(port), None) => format!("{proto}/{port}"),
            (_, Some(icmp)) => format!("{proto} type {icmp}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(ports: &[(u128, u128)]) -> IntervalSet {
        IntervalSet::from_ranges(
            ports
                .iter()
                .map(|(low, high)| ((6 << 16) | low, (6 << 16) | high))
                .collect(),
        )
    }

    #[test]
    fn the_shorter_form_is_chosen() {
        let net = IntervalSet::range(0x0a00_0000, 0x0aff_ffff);
        assert_eq!(addresses(Family::V4, &net).of, ["10.0.0.0/8"]);
        let others = addresses(Family::V4, &net.complement(Family::V4.max()));
        assert_eq!(others.of, ["0.0.0.0/0"]);
        assert_eq!(others.except, ["10.0.0.0/8"]);
    }

    #[test]
    fn services_are_told_by_their_holes() {
        let all = IntervalSet::range(0, SERVICE_MAX);
        let but = services(&all.subtract(&tcp(&[(22, 22), (80, 90)])));
        assert_eq!(but.of, ["any"]);
        assert_eq!(but.except, ["tcp/22", "tcp/80-90"]);
        let few = services(&tcp(&[(0, 21), (23, 0xffff)]));
        assert_eq!(few.of, ["tcp"]);
        assert_eq!(few.except, ["tcp/22"]);
        assert_eq!(services(&tcp(&[(443, 443)])).of, ["tcp/443"]);
    }

    #[test]
    fn bounds_less_the_rest_are_the_products() {
        let product = |src: (u128, u128), dst: (u128, u128)| Product {
            sets: [
                Arc::new(IntervalSet::range(src.0, src.1)),
                Arc::new(IntervalSet::range(dst.0, dst.1)),
                Arc::new(tcp(&[(80, 80)])),
                Arc::new(IntervalSet::range(0, PORT_MAX)),
            ],
        };
        let whole = product((0, 255), (0, 255));
        let hole = product((16, 31), (0, 15));
        let pieces = whole.subtract(&hole);
        assert_eq!(hull(pieces.iter()), Some(whole.clone()));
        let rest = rest(Family::V4, &whole, &pieces, 3).unwrap();
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].src, "0.0.0.16/28");
        assert_eq!(rest[0].dst, "0.0.0.0/28");
    }
}
