//! Packets that turn back to where they came from, though their destination
//! is no host there.

use super::device::Way;
use super::journey::{Disposition, Outcome, Traveller};
use super::piece::{Fields, Passage, field};
use super::route_table::{Exit, Hop};
use super::side::{DeviceSide, Side};
use crate::packet_set::product::Dim;
use fw_model::{Family, IntervalSet};
use std::sync::Arc;

impl Side<'_> {
    /// Takes out the packets that a device sends back by the interface they
    /// came in by, untranslated, to an address that it translates there in
    /// either version. Neighbours deliver to such an address because the
    /// device stands for it: on their subnet nobody else does, and the router
    /// that sent the packets would send them again.
    pub(super) fn turned_back(
        &self,
        number: usize,
        traveller: Traveller,
        way: &Way,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Traveller> {
        let (Some(here), Way::Out(hop)) = (self.devices.get(number), way) else {
            return vec![traveller];
        };
        let Some(crossing) = traveller.crossings.last() else {
            return vec![traveller];
        };
        // A name may stand for several interfaces.
        let Some(number) = here.interfaces().number(&hop.interface) else {
            return vec![traveller];
        };
        let fields = crossing.original;
        let to = field(&fields, Dim::Destination);
        if here.several().contains(number) || field(&crossing.translated, Dim::Destination) != to {
            return vec![traveller];
        }
        let family = traveller.piece.family;
        let mapped = here.mapped_at(&hop.interface);
        let mut mapped = mapped.family(family).clone();
        if hop.gateway.is_none() {
            let interface = here.device.interface(&hop.interface);
            let connected = interface.map(fw_model::Interface::connected);
            mapped = mapped.intersect(connected.unwrap_or_default().family(family));
        }
        if !traveller.piece.values(Dim::Destination, to).meets(&mapped) {
            return vec![traveller];
        }
        let ingress = crossing.ingress.clone();
        let (back, mut rest) = self.came_by(traveller, ingress.as_ref(), &hop.interface, number);
        if let Some(back) = back {
            let senders = senders(here, family, hop);
            let (nobody, others) = self.split(back, &fields, &mapped, &senders);
            ended.extend(nobody.map(|t| t.end(Disposition::NotAnswered)));
            rest.extend(others);
        }
        rest
    }

    /// Packets that came in by an interface, and all others.
    fn came_by(
        &self,
        traveller: Traveller,
        ingress: Option<&Passage>,
        interface: &str,
        number: u128,
    ) -> (Option<Traveller>, Vec<Traveller>) {
        match ingress {
            Some(Passage::Interface(name)) if **name == *interface => (Some(traveller), Vec::new()),
            Some(Passage::Interface(_)) | None => (None, vec![traveller]),
            Some(Passage::Open(_)) => {
                let one = IntervalSet::single(number);
                let all = ingress.and_then(|i| traveller.piece.way_numbers(i));
                let all = all.as_deref().cloned().unwrap_or_default();
                let part = |set: IntervalSet| {
                    let piece = traveller.piece.clone();
                    piece
                        .restrict_way(ingress, &Arc::new(set), self.conditions)
                        .map(|piece| traveller.with(piece))
                };
                let others = part(all.subtract(&one));
                (part(one), others.into_iter().collect())
            }
        }
    }

    /// Packets to some destinations from some sources, and all others.
    fn split(
        &self,
        traveller: Traveller,
        fields: &Fields,
        destinations: &IntervalSet,
        sources: &IntervalSet,
    ) -> (Option<Traveller>, Vec<Traveller>) {
        let part = |of: &Traveller, dim: Dim, set: IntervalSet| {
            let piece = of.piece.clone();
            piece
                .restrict(dim, field(fields, dim), &Arc::new(set), self.conditions)
                .map(|piece| of.with(piece))
        };
        let values = |of: &Traveller, dim: Dim| of.piece.values(dim, field(fields, dim));
        let mut rest = Vec::new();
        let mut inside = Some(traveller);
        for (dim, set) in [(Dim::Destination, destinations), (Dim::Source, sources)] {
            let Some(whole) = inside.take() else { break };
            let all = values(&whole, dim);
            rest.extend(part(&whole, dim, all.subtract(set)));
            inside = part(&whole, dim, all.intersect(set));
        }
        (inside, rest)
    }
}

/// Whose packets would come back to their sender: of a connected subnet
/// everyone's, behind a router those that the same router sends.
fn senders(here: &DeviceSide<'_>, family: Family, hop: &Hop) -> IntervalSet {
    if hop.gateway.is_none() {
        return IntervalSet::range(0, family.max());
    }
    let table = here.routes(Some(&hop.interface), family);
    table
        .iter()
        .filter(|(_, exit)| match exit {
            Exit::Leaves(hops) => hops
                .iter()
                .any(|h| h.interface == hop.interface && h.gateway == hop.gateway),
            _ => false,
        })
        .fold(IntervalSet::new(), |all, (set, _)| all.union(set))
}
