//! Where a device sends packets.

use super::device::{At, Inside, Query, Way};
use super::journey::Traveller;
use super::piece::{Passage, field};
use super::route_table::{Exit, Hop};
use crate::packet_set::Set;
use crate::packet_set::condition::{Choice, End};
use crate::packet_set::product::Dim;
use fw_model::IntervalSet;
use std::sync::Arc;

impl At<'_, '_> {
    /// Splits packets by the interface they leave by.
    pub(super) fn route(
        &self,
        traveller: Traveller,
        ingress: Option<&Passage>,
        query: &Query<'_>,
    ) -> Vec<Inside> {
        let wanted = query
            .egress
            .map(|name| self.here.interfaces_named(name))
            .filter(|names| !names.is_empty());
        if let Some(names) = &wanted
            && self.side.devices.len() == 1
        {
            return self.one_of(traveller, names).into_iter().collect();
        }
        let mut out = Vec::new();
        for (traveller, vrf) in self.by_vrf(traveller, ingress) {
            let table = self.here.routes_of(vrf, traveller.piece.family);
            let current = field(&traveller.piece.current, Dim::Destination);
            let destinations = traveller.piece.values(Dim::Destination, current);
            for (within, exit) in table.split(&destinations) {
                let Some(piece) = traveller.piece.clone().restrict(
                    Dim::Destination,
                    current,
                    &Arc::new(within),
                    self.side.conditions,
                ) else {
                    continue;
                };
                let part = traveller.with(piece);
                if let Some(wanted) = &wanted {
                    out.extend(self.as_named(part, wanted, exit));
                    continue;
                }
                match exit {
                    Exit::Leaves(hops) => out.extend(self.choose(part, hops)),
                    Exit::Discarded(span) => out.push(Inside {
                        traveller: part,
                        way: Way::Discarded(*span),
                    }),
                    Exit::Unrouted => {
                        let (told, rest) = self.by_topology(part, true);
                        out.extend(told);
                        out.extend(rest.map(|traveller| Inside {
                            traveller,
                            way: Way::Unrouted,
                        }));
                    }
                    Exit::Unknown => {
                        let (told, rest) = self.by_topology(part, false);
                        out.extend(told);
                        let rest = rest.and_then(|part| self.anywhere(part, ingress, query));
                        out.extend(rest);
                    }
                }
            }
        }
        out
    }

    /// Splits packets by the routing table that they meet: the one of the
    /// interface by which they came in.
    pub(super) fn by_vrf(
        &self,
        traveller: Traveller,
        ingress: Option<&Passage>,
    ) -> Vec<(Traveller, String)> {
        let vrf_of = |name: &str| {
            let interface = self.here.device.interface(name);
            interface.map(|i| i.vrf.clone()).unwrap_or_default()
        };
        let Some(open) = ingress.and_then(|i| traveller.piece.way_numbers(i)) else {
            let vrf = match ingress {
                Some(Passage::Interface(name)) => vrf_of(name),
                _ => String::new(),
            };
            return vec![(traveller, vrf)];
        };
        let interfaces = self.here.interfaces();
        let mut vrfs: Vec<String> = interfaces.members(&open).map(|n| vrf_of(n)).collect();
        vrfs.sort();
        vrfs.dedup();
        if let [_] = vrfs.as_slice() {
            return vrfs
                .into_iter()
                .map(|vrf| (traveller.clone(), vrf))
                .collect();
        }
        vrfs.into_iter()
            .filter_map(|vrf| {
                let numbers = Arc::new(interfaces.numbers(|name| vrf_of(name) == vrf));
                let piece = traveller.piece.clone();
                let piece = piece.restrict_way(ingress, &numbers, self.side.conditions)?;
                Some((traveller.with(piece), vrf))
            })
            .collect()
    }

    /// No route tells where packets leave: by any interface but the one by
    /// which they came in.
    pub(super) fn anywhere(
        &self,
        traveller: Traveller,
        ingress: Option<&Passage>,
        query: &Query<'_>,
    ) -> Option<Inside> {
        let conditions = self.side.conditions;
        let interfaces = self.here.interfaces();
        let mut numbers = Arc::clone(self.here.feasible_interfaces());
        if let Some(Passage::Interface(name)) = ingress
            && let Some(came) = interfaces.number(name)
            && !self.here.several().contains(came)
        {
            numbers = Arc::new(numbers.subtract(&IntervalSet::single(came)));
        }
        if numbers.is_empty() {
            // There is no other way than back.
            let way = match ingress {
                Some(Passage::Interface(name)) => Way::Out(Hop {
                    interface: Arc::clone(name),
                    gateway: None,
                    span: None,
                }),
                Some(Passage::Open(variable)) => Way::Open(*variable),
                None => Way::Unrouted,
            };
            return Some(Inside { traveller, way });
        }
        let mut inside = self.open(traveller, &numbers);
        if let Some(within) = query.egress_within {
            let egress = inside.way.egress();
            let piece = inside.traveller.piece.clone();
            let piece = piece.restrict_way(egress.as_ref(), within, conditions)?;
            inside.traveller = inside.traveller.with(piece);
        }
        match (ingress, &inside.way) {
            (Some(Passage::Open(came)), Way::Open(leaves)) => {
                let (traveller, leaves) = (inside.traveller, *leaves);
                let several = self.here.several();
                let piece = traveller.piece.clone();
                let piece = piece.keep_apart(*came, leaves, several, conditions)?;
                Some(Inside {
                    traveller: traveller.with(piece),
                    way: Way::Open(leaves),
                })
            }
            _ => Some(inside),
        }
    }

    /// Out by one of several interfaces, by number.
    pub(super) fn open(&self, mut traveller: Traveller, numbers: &Set) -> Inside {
        let interfaces = self.here.interfaces();
        let piece = &mut traveller.piece;
        let passage = piece.open_way(End::Egress, interfaces, numbers, self.side.conditions);
        let way = match passage {
            Passage::Open(variable) => Way::Open(variable),
            Passage::Interface(interface) => Way::Out(Hop {
                interface,
                gateway: None,
                span: None,
            }),
        };
        Inside { traveller, way }
    }

    /// Out by one of several interfaces, by name.
    pub(super) fn one_of(&self, traveller: Traveller, names: &[Arc<str>]) -> Option<Inside> {
        if let [only] = names {
            let way = Way::Out(Hop {
                interface: Arc::clone(only),
                gateway: None,
                span: None,
            });
            return Some(Inside { traveller, way });
        }
        let interfaces = self.here.interfaces();
        let numbers = interfaces.numbers(|name| names.iter().any(|n| **n == *name));
        (!numbers.is_empty()).then(|| self.open(traveller, &Arc::new(numbers)))
    }

    /// One way for each of several hops, each under the assumption that the
    /// device takes it. A choice that is assumed already is kept.
    pub(super) fn choose(&self, traveller: Traveller, hops: &[Hop]) -> Vec<Inside> {
        if let [only] = hops {
            return vec![Inside {
                traveller,
                way: Way::Out(only.clone()),
            }];
        }
        let conditions = self.side.conditions;
        let interfaces = self.here.interfaces();
        let choice = Choice::Way(End::Egress, Arc::clone(interfaces));
        let numbers = interfaces.numbers(|name| hops.iter().any(|h| *h.interface == *name));
        let (chosen, known) =
            conditions.chosen(&choice, &Arc::new(numbers), &traveller.piece.assumed);
        hops.iter()
            .filter_map(|hop| {
                let number = IntervalSet::single(interfaces.number(&hop.interface)?);
                if !chosen.meets(&number) {
                    return None;
                }
                let mut one = traveller.clone();
                if known.is_none() || chosen.count() > 1 {
                    let literal = conditions.choice(&choice, &Arc::new(number));
                    one.piece.assumed = one.piece.assumed.and(&[literal]);
                }
                Some(Inside {
                    traveller: one,
                    way: Way::Out(hop.clone()),
                })
            })
            .collect()
    }

    /// Separates packets whose way the snapshot tells though the routes of the
    /// device do not: to hosts that topology.yaml places, and, unless only
    /// `declared` ones count, to the subnets and exits of other devices along
    /// the shortest way through the network.
    pub(super) fn by_topology(
        &self,
        traveller: Traveller,
        declared: bool,
    ) -> (Vec<Inside>, Option<Traveller>) {
        let side = self.side;
        if side.snapshot.networks.is_empty() && side.devices.len() == 1 {
            return (Vec::new(), Some(traveller));
        }
        let family = traveller.piece.family;
        let current = field(&traveller.piece.current, Dim::Destination);
        let mut left = (*traveller.piece.values(Dim::Destination, current)).clone();
        let narrowed = |set: IntervalSet| {
            let piece = traveller.piece.clone();
            let piece =
                piece.restrict(Dim::Destination, current, &Arc::new(set), side.conditions)?;
            Some(traveller.with(piece))
        };
        let mut out = Vec::new();
        for (set, interface) in side.ways_to(family, self.number, &left, declared) {
            left = left.subtract(&set);
            out.extend(narrowed(set).map(|traveller| Inside {
                traveller,
                way: Way::Out(Hop {
                    interface,
                    gateway: None,
                    span: None,
                }),
            }));
        }
        let rest = if left.is_empty() {
            None
        } else {
            narrowed(left)
        };
        (out, rest)
    }

    /// Ways of packets whose flow names the interfaces by which they leave:
    /// routes that use one of them, or lead on to another device of the
    /// snapshot, which may be the one that is meant; else any of them.
    pub(super) fn as_named(
        &self,
        traveller: Traveller,
        wanted: &[Arc<str>],
        exit: &Exit,
    ) -> Vec<Inside> {
        if let Exit::Leaves(hops) = exit {
            let both: Vec<Hop> = hops
                .iter()
                .filter(|h| wanted.contains(&h.interface))
                .cloned()
                .collect();
            if !both.is_empty() {
                return self.choose(traveller, &both);
            }
            let network = self.side.network();
            let onward = |h: &&Hop| !network.next(self.side, self.number, h).is_empty();
            let on: Vec<Hop> = hops.iter().filter(onward).cloned().collect();
            if !on.is_empty() {
                return self.choose(traveller, &on);
            }
        }
        self.one_of(traveller, wanted).into_iter().collect()
    }

    pub(super) fn with_destinations(&self, inside: &Inside, set: IntervalSet) -> Vec<Inside> {
        if set.is_empty() {
            return Vec::new();
        }
        let piece = &inside.traveller.piece;
        let current = field(&piece.current, Dim::Destination);
        piece
            .clone()
            .restrict(
                Dim::Destination,
                current,
                &Arc::new(set),
                self.side.conditions,
            )
            .map(|piece| Inside {
                traveller: inside.traveller.with(piece),
                way: inside.way.clone(),
            })
            .into_iter()
            .collect()
    }
}
