//! Follows packets of a flow on one side.

use crate::graph::device::Query;
use crate::graph::topology::Place;
use crate::graph::{Disposition, Outcome, Side};
use crate::packet_set::{Assumed, Budget, Dim, Product, Set};
use fw_model::evaluate::Journey;
use fw_model::{Endpoint, Family, Flow};
use std::cell::Cell;
use std::sync::Arc;

/// Follows packets of a flow on one side.
#[must_use]
pub fn run(
    side: &Side<'_>,
    flow: &Flow,
    family: Family,
    product: &Product,
    assumed: &Assumed,
) -> Vec<Outcome> {
    run_within(side, flow, family, product, assumed, &Within::default())
}

/// What is known of packets besides the snapshot, and what following them may
/// cost. Interfaces are numbers, of the only device there is or that the flow
/// names.
#[derive(Clone, Debug, Default)]
pub struct Within {
    /// Only packets that may come in, and where nothing tells it leave, by these
    /// interfaces.
    pub ways: Option<[Set; 2]>,
    /// Packets come in by one of these, whatever routes say.
    pub ingress: Option<Set>,
    /// Where the snapshot leaves open by which place packets enter: there.
    pub enter: Option<Place>,
    /// Sources that no route leads back to are no hosts.
    pub lenient: bool,
    /// How much work following them is worth.
    pub budget: Budget,
}

/// Follows packets of a flow on one side, as far as `within` says.
#[must_use]
pub fn run_within(
    side: &Side<'_>,
    flow: &Flow,
    family: Family,
    product: &Product,
    assumed: &Assumed,
    within: &Within,
) -> Vec<Outcome> {
    let to_device = match &flow.to {
        Endpoint::Device(name) => Some(name.as_str()),
        _ => None,
    };
    let from_device = match &flow.from {
        Endpoint::Device(name) => Some(name.as_str()),
        _ => None,
    };
    let only_name = flow.device.as_deref();
    let only = only_name.and_then(|n| side.asked_for(n));
    let itself = to_device.or(from_device).map(|n| side.asked_for(n));
    let mut out = Vec::new();
    if only_name.is_some() && only.is_none() || itself == Some(None) {
        // The device is not there on this side: nothing to go through.
        return vec![stay(
            family,
            product.clone(),
            assumed,
            Disposition::Unrouted,
        )];
    }
    let itself = itself.flatten();
    let target = itself.filter(|_| to_device.is_some());
    let journey = if to_device.is_some() {
        Journey::ToDevice
    } else if from_device.is_some() {
        Journey::FromDevice
    } else {
        Journey::Through
    };
    let zone = |end: &Endpoint| match end {
        Endpoint::Zone(name) => Some(name.clone()),
        _ => None,
    };
    let ingress = flow.ingress.clone().or_else(|| zone(&flow.from));
    let egress = flow.egress.clone().or_else(|| zone(&flow.to));
    let query = Query {
        journey,
        target,
        application: flow.application.as_deref(),
        user: flow.user.as_ref().map(Option::as_deref),
        egress: egress.as_deref(),
        egress_within: within.ways.as_ref().map(|[_, egress]| egress),
        replies: flow.check_return,
        budget: Cell::new(within.budget),
    };
    let parts = if journey == Journey::Through {
        let (crossing, staying) = side.crossing_part(family, product, only);
        out.extend(
            staying
                .into_iter()
                .map(|p| stay(family, p, assumed, Disposition::Local)),
        );
        crossing
    } else {
        vec![product.clone()]
    };
    let mut nowhere = Vec::new();
    let mut addressed = Vec::new();
    for part in parts {
        if journey == Journey::FromDevice {
            let Some(device) = itself else { continue };
            let (sent, foreign) = side.sent_by(family, &part, device);
            out.extend(
                foreign
                    .into_iter()
                    .map(|p| stay(family, p, assumed, Disposition::Local)),
            );
            for part in sent {
                let entry = crate::graph::entry::Entry {
                    device,
                    ingress: None,
                    piece: crate::graph::Piece::entering(family, &part, assumed.clone()),
                };
                out.extend(side.follow(entry, only, &query));
            }
            continue;
        }
        let mut part = part;
        if let Some(device) = target {
            let (near, none) = side.answered(family, &part, device);
            out.extend(
                none.into_iter()
                    .map(|p| stay(family, p, assumed, Disposition::NotAnswered)),
            );
            match near {
                Some(near) => part = near,
                None => continue,
            }
            let (near, far) = side.near_addresses(family, part, device);
            out.extend(
                far.into_iter()
                    .map(|p| stay(family, p, assumed, Disposition::Local)),
            );
            addressed.extend(near);
        } else {
            addressed.push(part);
        }
    }
    for mut part in addressed {
        if let (Some(numbers), Some(device)) = (&within.ingress, only) {
            let entries = side.entries_by(family, &part, device, numbers, assumed);
            out.extend(
                entries
                    .into_iter()
                    .flat_map(|e| side.follow(e, only, &query)),
            );
            continue;
        }
        if ingress.is_none() {
            let cut_off = side.cut_off(family, only);
            let sources = part.get(Dim::Source);
            let gone = sources.intersect(&cut_off);
            if !gone.is_empty() {
                let rest = sources.subtract(&cut_off);
                let gone = part.with(Dim::Source, Arc::new(gone));
                out.push(stay(family, gone, assumed, Disposition::Unrouted));
                if rest.is_empty() {
                    continue;
                }
                part = part.with(Dim::Source, Arc::new(rest));
            }
        }
        let enter = within.enter.as_ref();
        let found = side.entries(family, &part, ingress.as_deref(), only, enter, assumed);
        for entry in found.entries {
            let entry = match &within.ways {
                Some([ingress, _]) => side.entering(entry, ingress),
                None => Some(entry),
            };
            out.extend(entry.into_iter().flat_map(|e| side.follow(e, only, &query)));
        }
        nowhere.extend(found.nowhere);
    }
    // Sources that no route leads back to are no hosts, if others of the flow
    // are somewhere.
    let some = !out.is_empty() || within.lenient;
    let disposition = if some {
        Disposition::Local
    } else {
        Disposition::Unrouted
    };
    out.extend(
        nowhere
            .into_iter()
            .map(|p| stay(family, p, assumed, disposition.clone())),
    );
    out
}

fn stay(family: Family, product: Product, assumed: &Assumed, disposition: Disposition) -> Outcome {
    Outcome {
        piece: crate::graph::Piece::entering(family, &product, assumed.clone()),
        disposition,
        visits: Vec::new(),
        crossings: Vec::new(),
        returns: Vec::new(),
    }
}
