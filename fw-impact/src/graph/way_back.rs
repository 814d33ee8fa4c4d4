//! By which interface replies leave a device.

use super::journey::{Crossing, Traveller};
use super::piece::{Field, Passage, field};
use super::return_path::Reply;
use super::route_table::{Exit, Hop};
use super::side::{DeviceSide, Side};
use crate::packet_set::product::Dim;
use fw_model::{Condition, ConditionKind, Connections, IntervalSet};
use std::sync::Arc;

impl Side<'_> {
    /// By which interface replies leave a device that knows the connection:
    /// as the routes say; the way that they came if they say nothing, and on
    /// a single device.
    pub(super) fn way_back(
        &self,
        reply: &Reply,
        number: usize,
        crossing: &Crossing,
        only: Option<usize>,
    ) -> Vec<(Traveller, Hopping)> {
        let traveller = &reply.traveller;
        // Where nothing tells by which interface packets came in, nothing
        // tells either whether replies leave by another one.
        let Some(here) = self.devices.get(crossing.device) else {
            return Vec::new();
        };
        let came = match &crossing.ingress {
            Some(Passage::Interface(came)) => came,
            Some(Passage::Open(_)) => return self.open_way_back(reply, crossing, here),
            // The device itself asked.
            None => return vec![(traveller.clone(), Hopping::AsItCame)],
        };
        let client = field(&crossing.original, Dim::Source);
        let values = traveller.piece.values(Dim::Source, client);
        let back_by = match &reply.ingress {
            Some(Passage::Interface(name)) => name,
            _ => came,
        };
        let table = here.routes(Some(back_by), traveller.piece.family);
        let alone = only.is_some() || self.devices.len() == 1;
        let mut out = Vec::new();
        for (set, exit) in table.split(&values) {
            let piece = traveller.piece.clone().restrict(
                Dim::Source,
                client,
                &Arc::new(set),
                self.conditions,
            );
            let Some(part) = piece.map(|piece| traveller.with(piece)) else {
                continue;
            };
            match exit {
                Exit::Discarded(span) => out.push((part, Hopping::Into(*span))),
                // Where hosts behind the first device are is known otherwise.
                Exit::Unrouted if number > 0 => out.push((part, Hopping::Nowhere)),
                Exit::Unrouted | Exit::Unknown => out.push((part, Hopping::AsItCame)),
                Exit::Leaves(hops) => {
                    if let Some(hop) = hops.iter().find(|h| h.interface == *came) {
                        out.push((part, Hopping::By(hop.clone())));
                        continue;
                    }
                    let network = self.network();
                    let through = |hop: &Hop| !network.next(self, crossing.device, hop).is_empty();
                    // Outside the snapshot the way is not known: they come
                    // back where they left.
                    if alone || number == 0 && !hops.iter().any(through) {
                        out.push((part, Hopping::AsItCame));
                        continue;
                    }
                    out.extend(self.by_own_ways(part, client, came, here, hops));
                }
            }
        }
        out
    }

    /// Ways of replies whose best routes, `hops`, lead out of other interfaces
    /// than the one by which the packets that they answer `came` in.
    fn by_own_ways(
        &self,
        traveller: Traveller,
        client: Field,
        came: &str,
        here: &DeviceSide<'_>,
        hops: &[Hop],
    ) -> Vec<(Traveller, Hopping)> {
        let name = &here.device.name;
        let beside: Vec<Hop> = hops
            .iter()
            .filter(|hop| here.device.recognizes(came, &hop.interface))
            .cloned()
            .collect();
        if !beside.is_empty() {
            return self.one_of(traveller, name, &beside);
        }
        let refused = |traveller| {
            let hop = hops.first().cloned();
            hop.map(|hop| (traveller, Hopping::Refused(hop)))
        };
        if here.device.connections != Connections::Interface {
            return refused(traveller).into_iter().collect();
        }
        let table = here.routes_beside(came, traveller.piece.family);
        let values = traveller.piece.values(Dim::Source, client);
        let mut out = Vec::new();
        for (set, exit) in table.split(&values) {
            let piece = traveller.piece.clone();
            let piece = piece.restrict(Dim::Source, client, &Arc::new(set), self.conditions);
            let Some(part) = piece.map(|piece| traveller.with(piece)) else {
                continue;
            };
            match exit {
                Exit::Leaves(hops) => out.extend(self.one_of(part, name, hops)),
                Exit::Discarded(span) => out.push((part, Hopping::Into(*span))),
                Exit::Unrouted | Exit::Unknown => out.extend(refused(part)),
            }
        }
        out
    }

    /// Where nothing tells by which interface packets came in, replies leave
    /// the way that they came, unless a route drops them.
    fn open_way_back(
        &self,
        reply: &Reply,
        crossing: &Crossing,
        here: &DeviceSide<'_>,
    ) -> Vec<(Traveller, Hopping)> {
        let traveller = &reply.traveller;
        let names = [&reply.ingress, &crossing.ingress]
            .into_iter()
            .flatten()
            .flat_map(|passage| traveller.piece.interfaces(passage))
            .next();
        let table = here.routes(names.as_deref(), traveller.piece.family);
        let dropped = table.iter().filter_map(|(set, exit)| match exit {
            Exit::Discarded(span) => Some((set, *span)),
            _ => None,
        });
        let client = field(&crossing.original, Dim::Source);
        let mut left = (*traveller.piece.values(Dim::Source, client)).clone();
        let part = |set: IntervalSet| {
            let piece = traveller.piece.clone();
            let piece = piece.restrict(Dim::Source, client, &Arc::new(set), self.conditions)?;
            Some(traveller.with(piece))
        };
        let mut out = Vec::new();
        for (set, span) in dropped {
            let within = left.intersect(set);
            if !within.is_empty() {
                left = left.subtract(&within);
                out.extend(part(within).map(|one| (one, Hopping::Into(span))));
            }
        }
        if out.is_empty() {
            return vec![(traveller.clone(), Hopping::AsItCame)];
        }
        if !left.is_empty() {
            out.extend(part(left).map(|one| (one, Hopping::AsItCame)));
        }
        out
    }

    /// Each of several hops, under the assumption that replies take it.
    pub(super) fn one_of(
        &self,
        traveller: Traveller,
        device: &str,
        hops: &[Hop],
    ) -> Vec<(Traveller, Hopping)> {
        if let [only] = hops {
            return vec![(traveller, Hopping::By(only.clone()))];
        }
        hops.iter()
            .map(|hop| {
                let text = format!("{device} sends replies out of {}", hop.interface);
                let literal = self.conditions.literal(&Arc::new(Condition {
                    key: text.clone(),
                    kind: ConditionKind::Path,
                    text,
                    span: hop.span,
                }));
                let mut one = traveller.clone();
                one.piece.assumed = one.piece.assumed.and(&[literal]);
                (one, Hopping::By(hop.clone()))
            })
            .collect()
    }
}

/// How a reply leaves.
pub(super) enum Hopping {
    /// As a route says.
    By(Hop),
    /// By the interface by which the packet that it answers came in.
    AsItCame,
    /// Not at all: a route drops it.
    Into(Option<fw_model::Span>),
    /// Not at all: no route knows the client.
    Nowhere,
    /// Not at all: its route leads to where the connection is not.
    Refused(Hop),
}

impl Hopping {
    /// The route's hop.
    pub(super) const fn hop(&self) -> Option<&Hop> {
        match self {
            Self::By(hop) | Self::Refused(hop) => Some(hop),
            _ => None,
        }
    }

    /// The route's line.
    pub(super) fn route(&self) -> Option<fw_model::Span> {
        match self {
            Self::Into(span) => *span,
            _ => self.hop().and_then(|h| h.span),
        }
    }
}
