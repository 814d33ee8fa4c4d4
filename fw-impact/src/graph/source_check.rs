//! Devices that refuse packets to whose sources their routes lead elsewhere.

use super::device::{At, Inside, Way};
use super::journey::{Disposition, Outcome, Traveller};
use super::piece::{Passage, field};
use super::route_table::{Exit, RouteTable};
use crate::packet_set::product::Dim;
use fw_model::{IntervalSet, SourceCheck};
use std::sync::Arc;

impl At<'_, '_> {
    /// The packets that the device does not refuse because of their sources.
    ///
    /// Where packets enter the network is worked out from the routes or
    /// declared; so only those that come from another device are looked at. A
    /// device that learns routes may know better than its configuration.
    pub(super) fn check_source(
        &self,
        traveller: Traveller,
        ingress: Option<&Passage>,
        ended: &mut Vec<Outcome>,
    ) -> Option<Traveller> {
        let device = self.here.device;
        let Some(Passage::Interface(name)) = ingress else {
            return Some(traveller);
        };
        let check = device.interface(name).map(|i| i.source_check);
        let check = check.filter(|_| !traveller.crossings.is_empty());
        let known = device.interfaces_complete && !device.dynamic_routing;
        let Some(check) = check.filter(|c| known && *c != SourceCheck::Off) else {
            return Some(traveller);
        };
        let family = traveller.piece.family;
        let source = field(&traveller.piece.current, Dim::Source);
        let values = traveller.piece.values(Dim::Source, source);
        let mut good = back_by(&self.here.routes(Some(name), family), &values, name);
        if check == SourceCheck::Feasible && !good.covers(&values) {
            good = good.union(&back_by(&self.here.routes_by(name, family), &values, name));
        }
        let bad = values.subtract(&good);
        if bad.is_empty() {
            return Some(traveller);
        }
        let part = |set: IntervalSet| {
            let piece = traveller.piece.clone();
            let piece =
                piece.restrict(Dim::Source, source, &Arc::new(set), self.side.conditions)?;
            Some(traveller.with(piece))
        };
        ended.extend(part(bad).map(|traveller| {
            let way = Way::Unrouted;
            let ingress = ingress.cloned();
            self.stop(Inside { traveller, way }, &ingress, Disposition::Refused)
        }));
        part(good)
    }
}

/// The addresses to which a table leads out of an interface.
fn back_by(table: &RouteTable, values: &IntervalSet, name: &str) -> IntervalSet {
    let leads = |exit: &Exit| match exit {
        Exit::Leaves(hops) => hops.iter().any(|h| *h.interface == *name),
        _ => false,
    };
    let all = table.split(values);
    all.filter(|(_, exit)| leads(exit))
        .fold(IntervalSet::new(), |all, (set, _)| all.union(&set))
}
