//! The packets that a flow declares, and the addresses that a device may have.

use crate::graph::Side;
use crate::graph::side::DeviceSide;
use crate::packet_set::{Dim, Product};
use fw_model::nat::AddressTranslation;
use fw_model::{Action, AddressSet, Endpoint, Family, Flow, IntervalSet};
use std::sync::Arc;

/// The packets of a flow as products.
#[must_use]
pub fn products(side: &Side<'_>, flow: &Flow) -> Vec<(Family, Product)> {
    let addresses = |end: &Endpoint| match end {
        Endpoint::Addresses(set) => set.clone(),
        Endpoint::Zone(_) => AddressSet::any(),
        Endpoint::Device(name) => {
            let here = side.asked_for(name).and_then(|at| side.devices.get(at));
            here.map_or_else(unicast, |here| {
                perhaps_own(here).unwrap_or_else(|| here.device.own_addresses())
            })
        }
    };
    let (from, to) = (addresses(&flow.from), addresses(&flow.to));
    let mut out = Vec::new();
    for family in [Family::V4, Family::V6] {
        let (from, to) = (from.family(family), to.family(family));
        if from.is_empty() || to.is_empty() {
            continue;
        }
        let mut terms: Vec<Product> = Vec::new();
        for term in flow.services.terms() {
            let product = Product {
                sets: [
                    Arc::new(from.clone()),
                    Arc::new(to.clone()),
                    Arc::new(term.service.clone()),
                    Arc::new(term.source_ports.clone()),
                ],
            };
            // Terms may overlap; packets are judged once.
            let fresh = crate::packet_set::product::subtract_all(vec![product], &terms);
            terms.extend(fresh);
        }
        out.extend(terms.into_iter().map(|t| (family, t)));
    }
    out
}

/// The addresses that a device may have which does not tell them: not those
/// of the hosts to which it translates. `None` if it tells them.
#[must_use]
pub fn perhaps_own(here: &DeviceSide<'_>) -> Option<AddressSet> {
    if here.device.interfaces_complete && !here.device.own_addresses().is_empty() {
        return None;
    }
    let mut hosts: [Vec<fw_model::interval::Range>; 2] = Default::default();
    let devices = [Some(here.device), here.peer];
    for rule in devices
        .into_iter()
        .flatten()
        .flat_map(|d| &d.filters)
        .flat_map(|f| &f.rules)
    {
        if let Action::Translate(translation) = &rule.action
            && let Some(AddressTranslation::Pool(set)) = &translation.destination
        {
            let [v4, v6] = &mut hosts;
            v4.extend_from_slice(set.v4.ranges());
            v6.extend_from_slice(set.v6.ranges());
        }
    }
    let all = unicast();
    let [v4, v6] = hosts.map(IntervalSet::from_ranges);
    Some(AddressSet {
        v4: all.v4.subtract(&v4),
        v6: all.v6.subtract(&v6),
    })
}

/// Packets to or of a device that does not tell its addresses: where they are
/// those of any address that it may have, every address is written.
#[must_use]
pub fn any_own(family: Family, product: Product, dim: Dim, perhaps: &AddressSet) -> Product {
    if product.get(dim).covers(perhaps.family(family)) {
        return product.with(dim, Arc::new(IntervalSet::range(0, family.max())));
    }
    product
}

/// The addresses that an interface may have.
fn unicast() -> AddressSet {
    let v4 = |low: u8, high: u8| {
        let (low, high) = (
            u128::from(low) << 24,
            (u128::from(high) << 24) | 0x00ff_ffff,
        );
        (low, high)
    };
    AddressSet {
        v4: IntervalSet::from_ranges(vec![v4(1, 126), v4(128, 223)]),
        v6: IntervalSet::range(2, (0xff << 120) - 1),
    }
}

/// A declared flow's packets from every source port, unless it names its own:
/// what is opened for a client's usual ports is not exposed by its others.
#[must_use]
pub fn from_any_port(product: &Product) -> Product {
    let (low, high) = crate::describe::CLIENT_PORTS;
    if **product.get(crate::packet_set::Dim::SourcePort) == IntervalSet::range(low, high) {
        let all = IntervalSet::range(0, fw_model::service::PORT_MAX);
        return product.with(crate::packet_set::Dim::SourcePort, Arc::new(all));
    }
    product.clone()
}

/// The source ports that a flow's regions need not mention.
#[must_use]
pub fn usual_ports(flow: &Flow) -> IntervalSet {
    flow.services
        .terms()
        .iter()
        .filter(|t| {
            fw_model::service::by_protocol(&t.service)
                .iter()
                .any(|p| fw_model::service::has_ports(p.0))
        })
        .fold(IntervalSet::new(), |all, t| all.union(&t.source_ports))
}
