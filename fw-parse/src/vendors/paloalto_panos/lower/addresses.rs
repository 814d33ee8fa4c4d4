//! What names and literals mean as addresses.

use super::names::{Addresses, GROUP_DEPTH, Kind, Names, Open, span};
use super::tags;
use crate::vendors::paloalto_panos::ast::{Address, AddressGroup, AddressKind, Word};
use crate::vendors::paloalto_panos::parse::objects::unknown_text;
use crate::vendors::paloalto_panos::tree::Place;
use fw_model::{AddressSet, Diagnostic, Effect, Family, Severity};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// How many ranges an address with a wildcard mask may take.
const WILDCARD_RANGES: usize = 4096;

/// Lists of addresses that come with content updates and are defined nowhere.
const PREDEFINED_LISTS: [&str; 4] = [
    "panw-known-ip-list",
    "panw-highrisk-ip-list",
    "panw-bulletproof-ip-list",
    "panw-torexit-ip-list",
];

impl<'t> Names<'t> {
    /// What a word means as an address, seen from scope `from`.
    pub(super) fn address(&mut self, from: usize, word: Word<'t>) -> Arc<Addresses> {
        let mut path = Vec::new();
        self.address_within(from, word, &mut path)
    }

    fn address_within(
        &mut self,
        from: usize,
        word: Word<'t>,
        path: &mut Vec<(usize, &'t str)>,
    ) -> Arc<Addresses> {
        let key = (from, word.text);
        if let Some(known) = self.addresses.get(&key) {
            return Arc::clone(known);
        }
        if path.contains(&key) || path.len() >= GROUP_DEPTH {
            self.diagnostics.push(Diagnostic {
                code: "group-nesting",
                severity: Severity::Warning,
                span: Some(span(self.source, word.place)),
                message: format!(
                    "address group `{}` contains itself or is nested too deep",
                    word.text
                ),
                effect: Effect::Opaque,
            });
            return Arc::new(Addresses {
                open: vec![Open::not_understood(
                    format!("group {}", word.text),
                    word.place,
                )],
                ..Addresses::default()
            });
        }
        path.push(key);
        let found = Arc::new(self.find_address(from, word, path));
        path.pop();
        self.addresses.insert(key, Arc::clone(&found));
        found
    }

    fn find_address(
        &mut self,
        from: usize,
        word: Word<'t>,
        path: &mut Vec<(usize, &'t str)>,
    ) -> Addresses {
        for at in from..self.stores.len() {
            let Some(store) = self.stores.get(at) else {
                break;
            };
            let id = self.ids.get(&(at, Kind::Address, word.text)).copied();
            if id.is_some() {
                self.several_meanings |= self.elsewhere(at, Kind::Address, word.text);
            }
            if let Some(object) = store.addresses.get(word.text).copied() {
                let mut out = address_object(object);
                out.uses.extend(id);
                return out;
            }
            if let Some(group) = store.groups.get(word.text).copied() {
                let mut out = self.address_group(at, group, path);
                out.uses = id.into_iter().collect();
                return out;
            }
            if let Some(region) = store.regions.get(word.text).copied() {
                let parts: Vec<Arc<Addresses>> = region
                    .members
                    .iter()
                    .map(|m| Arc::new(literal(m.text, m.place).unwrap_or_else(|| unresolved(*m))))
                    .collect();
                let mut out = joined(&parts);
                if let Some(text) = unknown_text(&region.unknown) {
                    out.open.push(Open::not_understood(text, region.name.place));
                }
                out.uses = id.into_iter().collect();
                return out;
            }
            if let Some(list) = store.lists.get(word.text).copied() {
                let key = format!("external-list {} {}", word.text, list.text);
                let id = self.ids.get(&(at, Kind::List, word.text)).copied();
                return Addresses {
                    open: vec![Open::named(word.text, key, list.name.place)],
                    uses: id.into_iter().collect(),
                    ..Addresses::default()
                };
            }
        }
        if let Some(out) = literal(word.text, word.place) {
            return out;
        }
        // Country codes are predefined regions; their addresses change with
        // content updates.
        let country = word.text.len() == 2 && word.text.bytes().all(|b| b.is_ascii_uppercase());
        if !country && !PREDEFINED_LISTS.contains(&word.text) {
            self.undefined("address", word);
        }
        unresolved(word)
    }

    fn address_group(
        &mut self,
        at: usize,
        group: &'t AddressGroup<'t>,
        path: &mut Vec<(usize, &'t str)>,
    ) -> Addresses {
        let mut parts: Vec<Arc<Addresses>> = group
            .members
            .iter()
            .map(|m| self.address_within(at, *m, path))
            .collect();
        let mut open = Vec::new();
        if let Some(filter) = group.filter {
            // Tagged objects are members for certain; any other address may be
            // registered with the tags while the device runs.
            for member in self.tagged(at, filter.text).unwrap_or_default() {
                parts.push(self.address_within(at, member, path));
            }
            open.push(Open::named(
                &tag_name(group.name.text, filter.text),
                format!("dynamic address-group {}", filter.text),
                filter.place,
            ));
        }
        if let Some(text) = unknown_text(&group.unknown) {
            open.push(Open::not_understood(text, group.name.place));
        }
        if group.members.is_empty() && group.filter.is_none() && group.unknown.is_empty() {
            self.diagnostics.push(Diagnostic {
                code: "empty-group",
                severity: Severity::Warning,
                span: Some(span(self.source, group.name.place)),
                message: format!(
                    "address group `{}` has no members and matches nothing",
                    group.name.text
                ),
                effect: Effect::Assumed,
            });
        }
        let mut out = joined(&parts);
        out.open.extend(open);
        out
    }

    /// The objects whose tags satisfy a filter; `None` if it is no filter.
    fn tagged(&self, from: usize, filter: &str) -> Option<Vec<Word<'t>>> {
        let expression = tags::parse(filter)?;
        let mut seen: rustc_hash::FxHashSet<&str> = rustc_hash::FxHashSet::default();
        let mut out = Vec::new();
        for store in self.stores.get(from..).unwrap_or(&[]) {
            for object in &store.objects.addresses {
                if seen.insert(object.name.text) && expression.holds(&object.tags) {
                    out.push(object.name);
                }
            }
            for group in &store.objects.address_groups {
                if seen.insert(group.name.text)
                    && group.filter.is_none()
                    && expression.holds(&group.tags)
                {
                    out.push(group.name);
                }
            }
        }
        Some(out)
    }
}

fn tag_name(group: &str, filter: &str) -> String {
    match tags::parse(filter) {
        Some(tags::Tags::Tag(tag)) => format!("tag:{tag}"),
        _ => group.to_owned(),
    }
}

fn unresolved(word: Word<'_>) -> Addresses {
    Addresses {
        open: vec![Open::named(
            word.text,
            format!("address {}", word.text),
            word.place,
        )],
        ..Addresses::default()
    }
}

/// The union of several meanings.
pub(super) fn joined(parts: &[Arc<Addresses>]) -> Addresses {
    match parts {
        [one] => (**one).clone(),
        _ => Addresses {
            set: Arc::new(AddressSet::union_all(parts.iter().map(|p| &*p.set))),
            open: parts.iter().flat_map(|p| p.open.iter().cloned()).collect(),
            wildcard: parts.iter().any(|p| p.wildcard),
            uses: parts.iter().flat_map(|p| p.uses.iter().copied()).collect(),
        },
    }
}

fn address_object(object: &Address<'_>) -> Addresses {
    let mut out = Addresses::default();
    match object.value {
        Some((AddressKind::Fqdn, value)) => {
            out.open.push(Open::named(
                value.text,
                format!("fqdn {}", value.text),
                value.place,
            ));
        }
        Some((AddressKind::Wildcard, value)) => match wildcard(value.text) {
            Some(set) => {
                out.set = Arc::new(set);
                out.wildcard = true;
            }
            None => out.open.push(Open::not_understood(
                format!("ip-wildcard {}", value.text),
                value.place,
            )),
        },
        Some((_, value)) => match literal(value.text, value.place) {
            Some(found) => out = found,
            None => out.open.push(Open::named(
                value.text,
                format!("address {}", value.text),
                value.place,
            )),
        },
        None if object.unknown.is_empty() => {
            out.open.push(Open::not_understood(
                format!("address {} without a value", object.name.text),
                object.name.place,
            ));
        }
        None => {}
    }
    if let Some(text) = unknown_text(&object.unknown) {
        out.open.push(Open::not_understood(text, object.name.place));
    }
    out
}

/// An address, prefix or range; host bits are allowed.
pub(super) fn address_literal(text: &str) -> Option<AddressSet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(AddressSet::host(address));
    }
    if let Ok(net) = text.parse::<IpNet>() {
        return Some(AddressSet::prefix(net));
    }
    let (low, high) = text.split_once('-')?;
    let set = AddressSet::range(low.trim().parse().ok()?, high.trim().parse().ok()?);
    (!set.is_empty()).then_some(set)
}

fn literal(text: &str, _place: Place) -> Option<Addresses> {
    Some(Addresses {
        set: Arc::new(address_literal(text)?),
        ..Addresses::default()
    })
}

/// `address/mask` where a mask bit of 1 is ignored.
fn wildcard(text: &str) -> Option<AddressSet> {
    let (address, mask) = text.split_once('/')?;
    let address: std::net::Ipv4Addr = address.trim().parse().ok()?;
    let mask: std::net::Ipv4Addr = mask.trim().parse().ok()?;
    AddressSet::masked(
        Family::V4,
        u32::from(address).into(),
        (!u32::from(mask)).into(),
        WILDCARD_RANGES,
    )
}
