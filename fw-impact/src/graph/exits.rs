//! Where routes lead out of the snapshot.

use super::route_table::{Exit, Hop, RouteTable};
use super::side::Side;
use super::topology::{Located, Place};
use fw_model::{AddressSet, Family, IntervalSet};
use rustc_hash::FxHashMap;
use std::sync::{Arc, OnceLock};

/// Where routes lead out of the snapshot, worked out for each stretch of
/// addresses when it is first asked for.
pub struct Exits {
    routers: Vec<Router>,
    by_interface: FxHashMap<Place, usize>,
    starts: Vec<u128>,
    places: Vec<OnceLock<Arc<[Place]>>>,
}

struct Router {
    device: usize,
    table: Arc<RouteTable>,
}

impl Exits {
    /// Prepares the routing tables of a family.
    #[must_use]
    pub fn new(side: &Side<'_>, family: Family) -> Self {
        let mut routers = Vec::new();
        let mut by_interface = FxHashMap::default();
        let mut starts = vec![0];
        for (device, here) in side.devices.iter().enumerate() {
            let mut vrfs: Vec<&str> = here.device.interfaces.iter().map(|i| &*i.vrf).collect();
            if vrfs.is_empty() && !here.device.routes.is_empty() {
                vrfs.push("");
            }
            vrfs.sort_unstable();
            vrfs.dedup();
            for vrf in vrfs {
                for interface in here.device.interfaces.iter().filter(|i| i.vrf == vrf) {
                    let place: Place = (device, interface.name.as_str().into());
                    by_interface.insert(place, routers.len());
                }
                let table = here.routes_of(vrf.to_owned(), family);
                starts.extend(table.starts());
                routers.push(Router { device, table });
            }
        }
        starts.sort_unstable();
        starts.dedup();
        let places = starts.iter().map(|_| OnceLock::new()).collect();
        Self {
            routers,
            by_interface,
            starts,
            places,
        }
    }

    /// Splits addresses by the places where they are: those to which routes
    /// lead out of the snapshot. Addresses that no route knows are left out.
    pub(super) fn split(&self, side: &Side<'_>, family: Family, set: &IntervalSet) -> Vec<Located> {
        self.grouped(family, set, |at, value| {
            self.places.get(at).map_or_else(
                || Arc::from([]),
                |slot| Arc::clone(slot.get_or_init(|| self.places_of(side, value).into())),
            )
        })
    }

    /// Groups addresses by the places that `of` tells for the stretch, by
    /// number and first address, that they are in.
    fn grouped(
        &self,
        family: Family,
        set: &IntervalSet,
        of: impl Fn(usize, u128) -> Arc<[Place]>,
    ) -> Vec<Located> {
        type Stretches = Vec<(u128, u128)>;
        let mut parts: Vec<(Arc<[Place]>, Stretches)> = Vec::new();
        let mut by_places: FxHashMap<Arc<[Place]>, usize> = FxHashMap::default();
        for &(low, high) in set.ranges() {
            let first = self.starts.partition_point(|s| *s <= low).saturating_sub(1);
            for (at, &start) in self.starts.iter().enumerate().skip(first) {
                if start > high {
                    break;
                }
                let end = self
                    .starts
                    .get(at + 1)
                    .map_or(family.max(), |next| next - 1);
                let places = of(at, start);
                if places.is_empty() {
                    continue;
                }
                let part = *by_places.entry(Arc::clone(&places)).or_insert_with(|| {
                    parts.push((places, Vec::new()));
                    parts.len() - 1
                });
                if let Some((_, ranges)) = parts.get_mut(part) {
                    ranges.push((start.max(low), end.min(high)));
                }
            }
        }
        parts
            .into_iter()
            .map(|(places, ranges)| (IntervalSet::from_ranges(ranges), places.to_vec()))
            .collect()
    }

    /// The places where an address is: the ends of the routes to it that lead
    /// out of the snapshot. Of several, those on whose way the longest prefix
    /// is met.
    fn places_of(&self, side: &Side<'_>, value: u128) -> Vec<Place> {
        let mut best: Vec<(Place, (u8, u8))> = Vec::new();
        for start in 0..self.routers.len() {
            self.walk(side, start, value, &mut |place, rank| match best
                .iter_mut()
                .find(|(p, _)| *p == place)
            {
                Some((_, known)) => *known = rank.max(*known),
                None => best.push((place, rank)),
            });
        }
        let highest = best.iter().map(|(_, r)| *r).max().unwrap_or_default();
        best.retain(|(_, r)| *r == highest);
        best.sort();
        best.into_iter().map(|(place, _)| place).collect()
    }

    /// Follows the routes to an address from a router to where they leave the
    /// snapshot. Each place comes with the length of the last prefix, and of
    /// the longest on the way.
    fn walk(
        &self,
        side: &Side<'_>,
        start: usize,
        value: u128,
        found: &mut dyn FnMut(Place, (u8, u8)),
    ) {
        let network = side.network();
        let mut todo: Vec<(usize, u8)> = vec![(start, 0)];
        let mut seen: Vec<usize> = Vec::new();
        while let Some((number, longest)) = todo.pop() {
            let Some(router) = self.routers.get(number) else {
                continue;
            };
            if seen.contains(&number) {
                continue;
            }
            seen.push(number);
            let Some((Exit::Leaves(hops), length)) = router.table.at(value) else {
                continue;
            };
            let longest = longest.max(length);
            for hop in hops {
                // Hosts on a subnet are none behind a router.
                if hop.gateway.is_none()
                    && hop.span.is_none()
                    && length > 0
                    && connected(side, router.device, hop, value)
                {
                    continue;
                }
                let next = network.next(side, router.device, hop);
                if next.is_empty() && !hop.gateway.is_some_and(|g| side.is_dead(g)) {
                    let place = (router.device, Arc::clone(&hop.interface));
                    found(place, (length, longest));
                }
                for place in next {
                    if let Some(&next) = self.by_interface.get(&place) {
                        todo.push((next, longest));
                    }
                }
            }
        }
    }

    /// Splits addresses by the places where the routes of some devices leave
    /// the snapshot towards them.
    pub(super) fn split_from(
        &self,
        side: &Side<'_>,
        family: Family,
        from: &[Place],
        set: &IntervalSet,
    ) -> Vec<Located> {
        let starts: Vec<usize> = from
            .iter()
            .filter_map(|place| self.by_interface.get(place).copied())
            .collect();
        self.grouped(family, set, |_, value| {
            let mut out: Vec<Place> = Vec::new();
            for &start in &starts {
                self.walk(side, start, value, &mut |place, _| {
                    if !out.contains(&place) {
                        out.push(place);
                    }
                });
            }
            out.sort();
            out.into()
        })
    }
}

impl Exits {
    /// All places where the routes of some devices leave the snapshot,
    /// whatever they lead to.
    pub(super) fn all_from(&self, side: &Side<'_>, family: Family, from: &[Place]) -> Vec<Place> {
        let everywhere = IntervalSet::range(0, family.max());
        let located = self.split_from(side, family, from, &everywhere);
        let mut out: Vec<Place> = located.into_iter().flat_map(|(_, places)| places).collect();
        out.sort();
        out.dedup();
        out
    }
}

fn connected(side: &Side<'_>, device: usize, hop: &Hop, value: u128) -> bool {
    side.devices
        .get(device)
        .and_then(|d| d.device.interface(&hop.interface))
        .is_some_and(|i| {
            i.addresses.iter().any(|net| {
                AddressSet::prefix(*net)
                    .family(Family::of(net.addr()))
                    .contains(value)
            })
        })
}
