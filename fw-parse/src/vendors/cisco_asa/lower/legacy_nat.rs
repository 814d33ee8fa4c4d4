//! NAT up to 8.2: exemptions, `static`, then `nat` with `global`.
//!
//! Order of the search. Source: ASA 8.2 configuration guide, "Order of NAT
//! Commands Used to Match Real Addresses": exemption, static (in order),
//! policy dynamic (in order), regular dynamic (best match).

use super::super::ast::{EntryKind, LegacyNat, LegacyReal, Place, PortOp, Ports};
use super::Lowering;
use super::directional::{Table, egress, ingress, one_port, pat_ports};
use super::objects::address_condition;
use fw_model::interval::IntervalSet;
use fw_model::{
    Action, AddressSet, AddressTranslation, Dimension, Family, InterfaceSet, MatchExpr,
    PortTranslation, Rule, Translation,
};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Addresses of a network or, with a full mask, of a host.
fn network(address: Ipv4Addr, mask: Ipv4Addr) -> Option<(u128, u128)> {
    super::super::words::mask_length(mask)?;
    let low = u32::from(address) & u32::from(mask);
    Some((low.into(), (low | !u32::from(mask)).into()))
}

fn v4(range: (u128, u128)) -> AddressSet {
    AddressSet::of(Family::V4, IntervalSet::range(range.0, range.1))
}

/// One `static` that can be expressed.
struct Static<'s> {
    real_interface: &'s str,
    mapped_interface: &'s str,
    real: (u128, u128),
    /// First mapped address, and the condition "is mapped" in a field.
    mapped: u128,
    ports: Option<(u8, u16, u16)>,
    /// The mapped address is an interface's and not known.
    floating: bool,
    /// Condition on the other end, as destination and as source.
    peer: (MatchExpr, MatchExpr),
}

impl<'a> Lowering<'_, 'a> {
    pub(super) fn legacy_table(&mut self, table: &mut Table) {
        let config = self.config;
        if config.legacy_nat.is_empty() {
            return;
        }
        if self.dialect.real_addresses {
            for entry in &config.legacy_nat {
                let (text, place) = text_of(entry);
                self.opaque_translation(&text, MatchExpr::Always, place, table);
            }
            return;
        }
        for entry in &config.legacy_nat {
            if let LegacyNat::Nat {
                interface,
                id: 0,
                real: LegacyReal::AccessList(list),
                place,
                ..
            } = entry
            {
                self.exemption(interface, list, *place, table);
            }
        }
        for entry in &config.legacy_nat {
            match entry {
                LegacyNat::Static { .. } => self.static_entry(entry, table),
                LegacyNat::Opaque(text, place) => {
                    self.opaque_translation(text, MatchExpr::Always, *place, table);
                }
                _ => {}
            }
        }
        for entry in &config.legacy_nat {
            if let LegacyNat::Nat {
                interface,
                id,
                real: LegacyReal::AccessList(list),
                outside,
                place,
            } = entry
                && *id != 0
            {
                let source = self.list_match(list, false);
                let destination = self.list_match(list, true);
                self.dynamic(interface, *id, source, destination, *outside, *place, table);
            }
        }
        let mut regular = Vec::new();
        for entry in &config.legacy_nat {
            if let LegacyNat::Nat {
                interface,
                id,
                real: LegacyReal::Network(address, mask),
                outside,
                place,
            } = entry
            {
                match network(*address, *mask) {
                    Some(range) => regular.push((interface, *id, range, *outside, *place)),
                    None => {
                        let (text, place) = text_of(entry);
                        self.opaque_translation(&text, MatchExpr::Always, place, table);
                    }
                }
            }
        }
        // The smallest network is the best match.
        regular.sort_by_key(|(_, _, (low, high), _, _)| high - low);
        for (interface, id, range, outside, place) in regular {
            let set = v4(range);
            let source = MatchExpr::source(set.clone());
            let destination = MatchExpr::destination(set);
            if id == 0 {
                self.identity(interface, source, place, table);
            } else {
                self.dynamic(interface, id, source, destination, outside, place, table);
            }
        }
    }

    /// `nat (i) 0 access-list A`: not translated in either direction.
    fn exemption(&mut self, interface: &str, list: &str, place: Place, table: &mut Table) {
        let span = self.span(place);
        let name = format!("nat ({interface}) 0 access-list {list}");
        let out = self.list_match(list, false);
        let back = self.list_match(list, true);
        table.rules.push(
            Rule::new(
                name.clone(),
                MatchExpr::all([ingress(Some(interface)), out]),
                Action::Permit,
            )
            .at(span),
        );
        table.rules.push(
            Rule::new(
                format!("{name} (reverse)"),
                MatchExpr::all([egress(Some(interface)), back]),
                Action::Permit,
            )
            .at(span),
        );
    }

    /// `nat (i) 0 A M`: not translated, for connections from the interface.
    fn identity(&mut self, interface: &str, source: MatchExpr, place: Place, table: &mut Table) {
        table.rules.push(
            Rule::new(
                format!("nat ({interface}) 0"),
                MatchExpr::all([ingress(Some(interface)), source]),
                Action::Permit,
            )
            .at(self.span(place)),
        );
    }

    fn static_entry(&mut self, entry: &LegacyNat<'a>, table: &mut Table) {
        let (text, place) = text_of(entry);
        let Some((found, mapped)) = self.static_parts(entry) else {
            let LegacyNat::Static {
                real_interface,
                mapped_interface,
                ..
            } = entry
            else {
                return;
            };
            let touched = MatchExpr::any([
                ingress(Some(real_interface)),
                ingress(Some(mapped_interface)),
            ]);
            self.opaque_translation(&text, touched, place, table);
            return;
        };
        let span = self.span(place);
        let rpf = self.rpf();
        let size = found.real.1 - found.real.0;
        let identity = found.real.0 == found.mapped && found.ports.is_none_or(|(_, m, r)| m == r);
        let service = |source: Option<u16>, destination: Option<u16>| {
            found.ports.map_or(MatchExpr::Always, |(p, ..)| {
                one_port(p, source, destination)
            })
        };
        let (mapped_port, real_port) = match found.ports {
            Some((_, m, r)) => (Some(m), Some(r)),
            None => (None, None),
        };
        let port_shift = |from: Option<u16>, to: Option<u16>| match (from, to) {
            (Some(from), Some(to)) if from != to => Some(PortTranslation::Shift { from, to }),
            _ => None,
        };
        let forward = MatchExpr::all([
            ingress(Some(found.real_interface)),
            egress(Some(found.mapped_interface)),
            MatchExpr::source(v4(found.real)),
            found.peer.0.clone(),
            service(real_port, None),
        ]);
        let mapped_set = match mapped {
            Some(expr) => expr,
            None => MatchExpr::destination(v4((found.mapped, found.mapped + size))),
        };
        let reverse = MatchExpr::all([
            ingress(Some(found.mapped_interface)),
            mapped_set,
            found.peer.1.clone(),
            service(None, mapped_port),
        ]);
        let silent = self.config.no_proxy_arp.contains(&found.mapped_interface);
        let translate = |name: String, translation: Translation| {
            if identity {
                Action::Permit
            } else {
                Action::Translate(Arc::new(Translation {
                    name,
                    silent,
                    ..translation
                }))
            }
        };
        let action = translate(
            text.clone(),
            Translation {
                source: Some(if found.floating {
                    AddressTranslation::EgressInterface
                } else {
                    AddressTranslation::Shift {
                        from: found.real.0,
                        to: found.mapped,
                    }
                }),
                source_port: port_shift(real_port, mapped_port),
                ..Translation::default()
            },
        );
        table
            .rules
            .push(Rule::new(text.clone(), forward, action).at(span));
        let name = format!("{text} (reverse)");
        let action = translate(
            name.clone(),
            Translation {
                destination: Some(if found.floating {
                    AddressTranslation::Pool(Arc::new(v4(found.real)))
                } else {
                    AddressTranslation::Shift {
                        from: found.mapped,
                        to: found.real.0,
                    }
                }),
                destination_port: port_shift(mapped_port, real_port),
                egress: Some(found.real_interface.to_owned()),
                ..Translation::default()
            },
        );
        table.rules.push(Rule::new(name, reverse, action).at(span));
        if !identity {
            let mut rule = Rule::new(
                format!("{text} (rpf-check)"),
                MatchExpr::all([
                    ingress(Some(found.mapped_interface)),
                    egress(Some(found.real_interface)),
                    MatchExpr::destination(v4(found.real)),
                    found.peer.1.clone(),
                    service(None, real_port),
                ]),
                Action::Deny,
            )
            .at(span);
            rule.assumption = Some(rpf);
            table.rules.push(rule);
        }
    }

    /// The parts of a `static`, and the condition on its mapped address where
    /// that is not fixed.
    fn static_parts<'s>(
        &mut self,
        entry: &'s LegacyNat<'a>,
    ) -> Option<(Static<'s>, Option<MatchExpr>)> {
        let LegacyNat::Static {
            real_interface,
            mapped_interface,
            mapped,
            real,
            ports,
            ..
        } = entry
        else {
            return None;
        };
        let mut peer = (MatchExpr::Always, MatchExpr::Always);
        let mut real_port = ports.and_then(|(_, _, r)| r);
        let mut mask = Ipv4Addr::BROADCAST;
        let real = match real {
            LegacyReal::Network(address, netmask) => {
                mask = *netmask;
                if ports.is_some() {
                    // A port is redirected to one host, whatever the mask.
                    mask = Ipv4Addr::BROADCAST;
                }
                network(*address, mask)?
            }
            LegacyReal::AccessList(name) => {
                let config = self.config;
                let list = config.access_lists.iter().find(|l| l.name == *name)?;
                let mut aces = list.entries.iter().filter_map(|e| match &e.kind {
                    EntryKind::Remark => None,
                    EntryKind::Ace(ace) => Some(Some(ace)),
                    EntryKind::Opaque(..) => Some(None),
                });
                let (Some(Some(ace)), None) = (aces.next(), aces.next()) else {
                    return None;
                };
                let source = self.objects.addresses(ace.source.address);
                let &[range] = source.set.v4.ranges() else {
                    return None;
                };
                if !source.open.is_empty() || ace.destination.ports.is_some() {
                    return None;
                }
                match ace.source.ports {
                    None => {}
                    Some(Ports::Op(PortOp::Eq(port))) if ports.is_some() => real_port = Some(port),
                    Some(_) => return None,
                }
                peer = (
                    self.objects
                        .address_expr(ace.destination.address, Dimension::Destination),
                    self.objects
                        .address_expr(ace.destination.address, Dimension::Source),
                );
                range
            }
        };
        let ports = match ports {
            Some((protocol, mapped, _)) => Some((*protocol, *mapped, real_port?)),
            None => None,
        };
        let mut floating = false;
        let (mapped, condition) = match mapped {
            Some(address) => {
                let base = u32::from(*address) & u32::from(mask);
                (u128::from(base), None)
            }
            None => {
                if real.0 != real.1 {
                    return None;
                }
                let own = self.objects.interface_addresses(mapped_interface);
                floating = own.set.v4.is_empty();
                (
                    own.set.v4.first().unwrap_or(0),
                    Some(address_condition(&own, Dimension::Destination)),
                )
            }
        };
        Some((
            Static {
                real_interface,
                mapped_interface,
                real,
                mapped,
                ports,
                floating,
                peer,
            },
            condition,
        ))
    }

    /// `nat (i) id ...` with the `global` lines of the same number.
    #[allow(clippy::too_many_arguments)]
    fn dynamic(
        &mut self,
        interface: &str,
        id: u32,
        source: MatchExpr,
        destination: MatchExpr,
        outside: bool,
        place: Place,
        table: &mut Table,
    ) {
        let config = self.config;
        let span = self.span(place);
        let name = format!("nat ({interface}) {id}");
        let mut sides: Vec<&str> = Vec::new();
        for entry in &config.legacy_nat {
            if let LegacyNat::Global {
                interface: side,
                id: other,
                ..
            } = entry
                && *other == id
                && !sides.contains(side)
            {
                sides.push(side);
            }
        }
        let rpf = self.rpf();
        for side in &sides {
            let mut pool: Vec<AddressSet> = Vec::new();
            let mut own = false;
            for entry in &config.legacy_nat {
                if let LegacyNat::Global {
                    interface: i,
                    id: other,
                    pool: addresses,
                    ..
                } = entry
                    && *other == id
                    && i == side
                {
                    match addresses {
                        Some((a, b)) => pool.push(v4((u32::from(*a).into(), u32::from(*b).into()))),
                        None => own = true,
                    }
                }
            }
            let set = AddressSet::union_all(&pool);
            let single = set.v4.count() == 1;
            let (to, pat) = if set.is_empty() {
                (AddressTranslation::EgressInterface, true)
            } else {
                (AddressTranslation::Pool(Arc::new(set)), single || own)
            };
            let label = format!("{name} to global ({side}) {id}");
            table.rules.push(
                Rule::new(
                    label.clone(),
                    MatchExpr::all([ingress(Some(interface)), egress(Some(side)), source.clone()]),
                    Action::Translate(Arc::new(Translation {
                        name: label.clone(),
                        source: Some(to),
                        source_port: pat.then(pat_ports),
                        silent: self.config.no_proxy_arp.contains(side),
                        ..Translation::default()
                    })),
                )
                .at(span),
            );
            let mut rule = Rule::new(
                format!("{label} (rpf-check)"),
                MatchExpr::all([
                    ingress(Some(side)),
                    egress(Some(interface)),
                    destination.clone(),
                ]),
                Action::Deny,
            )
            .at(span);
            rule.assumption = Some(Arc::clone(&rpf));
            table.rules.push(rule);
        }
        if outside {
            return;
        }
        // A host that has an entry needs a pool on every lower side.
        let level = |name: &str| {
            config
                .interfaces
                .iter()
                .find(|i| i.name == Some(name))
                .and_then(|i| i.level)
        };
        let without: Vec<String> = config
            .interfaces
            .iter()
            .filter_map(|i| i.name)
            .filter(|n| !sides.contains(n) && *n != interface)
            .filter(|n| level(n).zip(level(interface)).is_some_and(|(a, b)| a < b))
            .map(str::to_owned)
            .collect();
        if !without.is_empty() {
            let mut rule = Rule::new(
                format!("{name} without global"),
                MatchExpr::all([
                    ingress(Some(interface)),
                    MatchExpr::Egress(Arc::new(InterfaceSet::names(without))),
                    source,
                ]),
                Action::Deny,
            )
            .at(span);
            rule.assumption = Some(self.assumption(
                "nat-without-global",
                "what a `nat` line matches is dropped where it leaves by a lower interface without a `global` of the same number",
            ));
            table.rules.push(rule);
        }
    }
}

/// What reports call an entry, and where it stands.
fn text_of(entry: &LegacyNat<'_>) -> (String, Place) {
    match entry {
        LegacyNat::Static {
            real_interface,
            mapped_interface,
            mapped,
            real,
            ports,
            place,
        } => {
            let mapped = mapped.map_or_else(|| "interface".to_owned(), |a| a.to_string());
            let real = match real {
                LegacyReal::Network(a, m) if *m == Ipv4Addr::BROADCAST => a.to_string(),
                LegacyReal::Network(a, m) => format!("{a} {m}"),
                LegacyReal::AccessList(n) => format!("access-list {n}"),
            };
            let ports = match ports {
                Some((p, m, Some(r))) => format!(" protocol {p} {m} to {r}"),
                Some((p, m, None)) => format!(" protocol {p} {m}"),
                None => String::new(),
            };
            (
                format!("static ({real_interface},{mapped_interface}) {mapped} {real}{ports}"),
                *place,
            )
        }
        LegacyNat::Nat {
            interface,
            id,
            place,
            ..
        } => (format!("({interface}) {id}"), *place),
        LegacyNat::Global {
            interface,
            id,
            place,
            ..
        } => (format!("global ({interface}) {id}"), *place),
        LegacyNat::Opaque(text, place) => (text.clone(), *place),
    }
}
