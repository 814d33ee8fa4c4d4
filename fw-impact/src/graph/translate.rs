//! What translations make of packets.

use super::device::{At, Inside, Query, Situation, Way, split_protocols};
use super::piece::{Field, Passage, Piece, Shift, field};
use super::route_table::{Exit, Hop};
use crate::packet_set::Set;
use crate::packet_set::condition::End;
use crate::packet_set::product::Dim;
use fw_model::address::bits;
use fw_model::nat::{AddressTranslation, PortTranslation, Translation};
use fw_model::{Family, IntervalSet};
use std::sync::Arc;

impl At<'_, '_> {
    pub(super) fn translate(
        &self,
        inside: Inside,
        translation: &Arc<Translation>,
        situation: &Situation,
        query: &Query<'_>,
    ) -> Vec<Inside> {
        let mut out = Vec::new();
        let parts = self.by_protocol(inside, translation);
        let parts = parts
            .into_iter()
            .flat_map(|one| self.by_address(one, translation, situation));
        for mut one in parts {
            let egress = one.way.egress();
            let name = &translation.name;
            let piece = &mut one.traveller.piece;
            let [mut source, mut destination, mut service, mut port] = piece.current;
            if let Some(change) = &translation.source {
                source = self.address(piece, source, change, name, situation, egress.as_ref());
                piece.source_by = Some(name.as_str().into());
            }
            if let Some(change) = &translation.destination {
                destination =
                    self.address(piece, destination, change, name, situation, egress.as_ref());
                piece.destination_by = Some(name.as_str().into());
                piece.redirected = *change == AddressTranslation::IngressInterface;
            }
            match &translation.source_port {
                Some(PortTranslation::Shift { from, to }) => {
                    port.shift = port
                        .shift
                        .then(Shift::between((*from).into(), (*to).into()));
                }
                Some(PortTranslation::Pool(set)) => {
                    port = piece.choice(
                        format!("{name} source port").into(),
                        Arc::new(set.clone()),
                        self.side.conditions,
                    );
                }
                None => {}
            }
            match &translation.destination_port {
                Some(PortTranslation::Shift { from, to }) => {
                    service.shift = service
                        .shift
                        .then(Shift::between((*from).into(), (*to).into()));
                }
                Some(PortTranslation::Pool(set)) => {
                    let values = piece.values(Dim::Service, service);
                    let base = values.first().unwrap_or(0) & !0xffff;
                    let moved = set.shift(0, base, Dim::Service.max(piece.family));
                    service = piece.choice(
                        format!("{name} port").into(),
                        Arc::new(moved),
                        self.side.conditions,
                    );
                }
                None => {}
            }
            let after = [source, destination, service, port];
            let parts = piece.clone().turn_into(after, self.side.conditions);
            let (traveller, way) = (one.traveller, one.way);
            for part in parts {
                let one = Inside {
                    traveller: traveller.with(part),
                    way: way.clone(),
                };
                if let Some(egress) = &translation.egress {
                    let gateway = translation.gateway;
                    out.extend(self.out_of(one, egress, gateway, situation.ingress.as_ref()));
                } else if translation.destination.is_some() {
                    out.extend(self.route(one.traveller, situation.ingress.as_ref(), query));
                } else {
                    out.push(one);
                }
            }
        }
        out
    }

    /// Sends packets out of an interface, whatever the routes say; where the
    /// next router is not given, their routes out of this interface tell it.
    pub(super) fn out_of(
        &self,
        inside: Inside,
        egress: &str,
        gateway: Option<std::net::IpAddr>,
        ingress: Option<&Passage>,
    ) -> Vec<Inside> {
        let way = |hop: Option<&Hop>| {
            Way::Out(hop.cloned().unwrap_or(Hop {
                interface: egress.into(),
                gateway,
                span: None,
            }))
        };
        if gateway.is_some() || self.side.devices.len() == 1 {
            return vec![Inside {
                way: way(None),
                ..inside
            }];
        }
        let piece = &inside.traveller.piece;
        let came = match ingress {
            Some(Passage::Interface(name)) => Some(&**name),
            _ => None,
        };
        let table = self.here.routes(came, piece.family);
        let values = piece.values(Dim::Destination, field(&piece.current, Dim::Destination));
        let mut out = Vec::new();
        for (set, exit) in table.split(&values) {
            let hop = match exit {
                Exit::Leaves(hops) => hops.iter().find(|h| *h.interface == *egress),
                _ => None,
            };
            for one in self.with_destinations(&inside, set) {
                out.push(Inside {
                    way: way(hop),
                    ..one
                });
            }
        }
        out
    }

    /// A chosen port belongs to one protocol: one part for each, where a
    /// translation chooses ports.
    pub(super) fn by_protocol(&self, inside: Inside, translation: &Translation) -> Vec<Inside> {
        if !matches!(translation.destination_port, Some(PortTranslation::Pool(_))) {
            return vec![inside];
        }
        let piece = &inside.traveller.piece;
        let service = field(&piece.current, Dim::Service);
        split_protocols(piece, service, self.side)
            .into_iter()
            .map(|(_, piece)| Inside {
                traveller: inside.traveller.with(piece),
                way: inside.way.clone(),
            })
            .collect()
    }

    /// A translation to the address of an open end is another one for each
    /// interface whose address is known: one part for each of them, and one for
    /// all others.
    pub(super) fn by_address(
        &self,
        inside: Inside,
        translation: &Translation,
        situation: &Situation,
    ) -> Vec<Inside> {
        let wanted = |change: AddressTranslation| {
            [&translation.source, &translation.destination]
                .into_iter()
                .flatten()
                .any(|c| *c == change)
        };
        let interfaces = self.here.interfaces();
        let mut parts = vec![inside];
        for (change, end) in [
            (AddressTranslation::EgressInterface, End::Egress),
            (AddressTranslation::IngressInterface, End::Ingress),
        ] {
            if !wanted(change) {
                continue;
            }
            parts = parts
                .into_iter()
                .flat_map(|one| {
                    let passage = match end {
                        End::Egress => one.way.egress(),
                        End::Ingress => situation.ingress.clone(),
                    };
                    let piece = &one.traveller.piece;
                    let Some(open) = passage.as_ref().and_then(|p| piece.way_numbers(p)) else {
                        return vec![one];
                    };
                    let family = piece.family;
                    let known = interfaces.numbers(|n| self.own_address(n, family).is_some());
                    let known = open.intersect(&known);
                    let singles = known
                        .ranges()
                        .iter()
                        .flat_map(|&(low, high)| low..=high)
                        .map(IntervalSet::single);
                    singles
                        .chain([open.subtract(&known)])
                        .filter(|numbers| !numbers.is_empty())
                        .filter_map(|numbers| {
                            let piece = one.traveller.piece.clone();
                            let piece = piece.restrict_way(
                                passage.as_ref(),
                                &Arc::new(numbers),
                                self.side.conditions,
                            )?;
                            Some(Inside {
                                traveller: one.traveller.with(piece),
                                way: one.way.clone(),
                            })
                        })
                        .collect()
                })
                .collect();
        }
        parts
    }

    pub(super) fn own_address(&self, interface: &str, family: Family) -> Option<u128> {
        let interface = self.here.device.interface(interface)?;
        let net = interface
            .addresses
            .iter()
            .find(|a| Family::of(a.addr()) == family)?;
        Some(bits(net.addr()))
    }

    pub(super) fn address(
        &self,
        piece: &mut Piece,
        old: Field,
        change: &AddressTranslation,
        name: &str,
        situation: &Situation,
        egress: Option<&Passage>,
    ) -> Field {
        let family = piece.family;
        let of_interface = |piece: &mut Piece, end: &str, passage: Option<&Passage>| {
            let names = passage.map(|p| piece.interfaces(p)).unwrap_or_default();
            let only = match names.as_slice() {
                [only] => Some(&**only),
                _ => None,
            };
            if let Some(own) = only.and_then(|name| self.own_address(name, family)) {
                return piece.constant(own);
            }
            let name = match only {
                Some(name) => format!("the address of {name}"),
                None => format!("the address of the {end} interface"),
            };
            let any: Set = Arc::new(IntervalSet::range(0, family.max()));
            piece.choice(name.into(), any, self.side.conditions)
        };
        match change {
            AddressTranslation::Shift { from, to } => Field {
                variable: old.variable,
                shift: old.shift.then(Shift::between(*from, *to)),
            },
            AddressTranslation::Pool(set) => {
                let set = set.family(family);
                if set.is_empty() {
                    return old;
                }
                piece.choice(name.into(), Arc::new(set.clone()), self.side.conditions)
            }
            AddressTranslation::EgressInterface => of_interface(piece, "egress", egress),
            AddressTranslation::IngressInterface => {
                of_interface(piece, "ingress", situation.ingress.as_ref())
            }
        }
    }
}
