//! What a translation makes of a packet.

use super::State;
use crate::address::{AddressSet, Family, bits};
use crate::nat::{AddressTranslation, PortTranslation, Translation};
use std::net::IpAddr;

impl State<'_> {
    pub(super) fn translate(&mut self, translation: &Translation) {
        let family = self.current.family();
        if let Some(change) = &translation.source {
            self.current.source = self.translated(change, self.current.source, family);
            self.source_by = Some(translation.name.clone());
        }
        if let Some(change) = &translation.destination {
            self.current.destination = self.translated(change, self.current.destination, family);
            // The address of one of its interfaces is the device itself, even
            // where the configuration does not say which address that is.
            self.redirected = *change == AddressTranslation::IngressInterface;
            self.chosen |= !matches!(change, AddressTranslation::Shift { .. });
            self.destination_by = Some(translation.name.clone());
        }
        if let Some(change) = &translation.source_port {
            self.current.source_port = translated_port(change, self.current.source_port);
        }
        if let Some(change) = &translation.destination_port {
            self.current.destination_port = translated_port(change, self.current.destination_port);
        }
        if let Some(egress) = &translation.egress {
            self.egress = Some(egress.clone());
        } else if translation.destination.is_some() {
            self.route();
        }
    }

    fn translated(&self, change: &AddressTranslation, address: IpAddr, family: Family) -> IpAddr {
        let own = |name: Option<&str>| {
            name.and_then(|n| self.device.interface(n))
                .and_then(|i| i.addresses.iter().find(|a| Family::of(a.addr()) == family))
                .map_or(address, |net| net.addr())
        };
        match change {
            AddressTranslation::Shift { from, to } => {
                let moved = bits(address).wrapping_sub(*from).wrapping_add(*to);
                family.address(moved & family.max())
            }
            AddressTranslation::Pool(set) => first_of(set, family).unwrap_or(address),
            AddressTranslation::EgressInterface => own(self.egress.as_deref()),
            AddressTranslation::IngressInterface => own(self.context.ingress),
        }
    }
}

fn first_of(set: &AddressSet, family: Family) -> Option<IpAddr> {
    Some(family.address(set.family(family).first()?))
}

fn translated_port(change: &PortTranslation, port: u16) -> u16 {
    match change {
        PortTranslation::Shift { from, to } => port.wrapping_sub(*from).wrapping_add(*to),
        PortTranslation::Pool(set) if set.contains(port.into()) => port,
        PortTranslation::Pool(set) => set
            .first()
            .and_then(|p| u16::try_from(p).ok())
            .unwrap_or(port),
    }
}
