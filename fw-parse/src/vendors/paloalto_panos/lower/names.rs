//! Which object a name means, and what the object holds.
//!
//! A name is looked up in the scope of the rule that uses it and then in the
//! scopes around it: virtual system, pushed objects, device group and its
//! ancestors, shared. What a group holds is looked up from the scope of the
//! group. A literal that equals the name of an object means the object.

use crate::vendors::paloalto_panos::ast::{
    Address, AddressGroup, AddressKind, Application, ApplicationFilter, ExternalList, Group,
    Objects, Schedule, Service, Word,
};
use crate::vendors::paloalto_panos::parse::objects::unknown_text;
use crate::vendors::paloalto_panos::tree::Place;
use fw_model::match_expr::Dimension;
use fw_model::{
    AddressSet, ConditionKind, Definition, DefinitionId, Diagnostic, Effect, Family, MatchExpr,
    ServiceSet, Severity, SourceId, Span,
};
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// How deep groups may be nested.
const GROUP_DEPTH: usize = 32;
/// How many ranges an address with a wildcard mask may take.
const WILDCARD_RANGES: usize = 4096;

/// A place as a span of the model.
pub(super) fn span(source: SourceId, place: Place) -> Span {
    Span {
        source,
        line: place.line,
        start: place.start,
        end: place.end,
    }
}

/// A member that no set of packets stands for.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// A name that a resolve file may give addresses for.
    pub(super) name: Option<String>,
    /// Normalized text.
    pub(super) key: String,
    pub(super) kind: ConditionKind,
    pub(super) place: Place,
}

impl Open {
    pub(super) fn not_understood(key: String, place: Place) -> Self {
        Self {
            name: None,
            key,
            kind: ConditionKind::NotUnderstood,
            place,
        }
    }

    fn named(name: &str, key: String, place: Place) -> Self {
        Self {
            name: Some(name.to_owned()),
            key,
            kind: ConditionKind::Environment,
            place,
        }
    }

    /// The condition for an address.
    pub(super) fn address(&self, dimension: Dimension, source: SourceId) -> MatchExpr {
        let word = match dimension {
            Dimension::Source => "source",
            Dimension::Destination => "destination",
        };
        let kind = match &self.name {
            Some(name) => ConditionKind::Name(name.clone(), dimension),
            None => self.kind.clone(),
        };
        let key = format!("{word} {}", self.key);
        MatchExpr::opaque(kind, key.clone(), key, Some(span(source, self.place)))
    }

    /// The condition for anything else.
    pub(super) fn condition(&self, source: SourceId) -> MatchExpr {
        MatchExpr::opaque(
            self.kind.clone(),
            self.key.clone(),
            self.key.clone(),
            Some(span(source, self.place)),
        )
    }
}

/// What a name means as an address.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    pub(super) set: Arc<AddressSet>,
    pub(super) open: Vec<Open>,
    /// An address with a wildcard mask is part of it.
    pub(super) wildcard: bool,
    pub(super) uses: Vec<DefinitionId>,
}

/// What a name means as a service.
#[derive(Clone, Debug, Default)]
pub(super) struct Services {
    pub(super) set: Arc<ServiceSet>,
    pub(super) open: Vec<Open>,
    /// Idle timeouts of parts of it.
    pub(super) timeouts: Vec<(Arc<ServiceSet>, u64, Place)>,
    pub(super) uses: Vec<DefinitionId>,
}

/// What a name means as an application.
#[derive(Clone, Debug)]
pub(super) enum App<'t> {
    Custom(&'t Application<'t>),
    Filter(&'t ApplicationFilter<'t>),
    /// Predefined, or not known.
    Other(&'t str, Place),
}

/// The kinds of objects, which have a namespace each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Kind {
    Address,
    Service,
    Application,
    List,
    Schedule,
}

struct Store<'t> {
    objects: &'t Objects<'t>,
    addresses: FxHashMap<&'t str, &'t Address<'t>>,
    groups: FxHashMap<&'t str, &'t AddressGroup<'t>>,
    regions: FxHashMap<&'t str, &'t Group<'t>>,
    lists: FxHashMap<&'t str, &'t ExternalList<'t>>,
    services: FxHashMap<&'t str, &'t Service<'t>>,
    service_groups: FxHashMap<&'t str, &'t Group<'t>>,
    applications: FxHashMap<&'t str, &'t Application<'t>>,
    application_groups: FxHashMap<&'t str, &'t Group<'t>>,
    filters: FxHashMap<&'t str, &'t ApplicationFilter<'t>>,
    schedules: FxHashMap<&'t str, &'t Schedule<'t>>,
}

impl<'t> Store<'t> {
    fn new(objects: &'t Objects<'t>) -> Self {
        Self {
            objects,
            addresses: objects.addresses.iter().map(|o| (o.name.text, o)).collect(),
            groups: objects
                .address_groups
                .iter()
                .map(|o| (o.name.text, o))
                .collect(),
            regions: objects.regions.iter().map(|o| (o.name.text, o)).collect(),
            lists: objects.lists.iter().map(|o| (o.name.text, o)).collect(),
            services: objects.services.iter().map(|o| (o.name.text, o)).collect(),
            service_groups: objects
                .service_groups
                .iter()
                .map(|o| (o.name.text, o))
                .collect(),
            applications: objects
                .applications
                .iter()
                .map(|o| (o.name.text, o))
                .collect(),
            application_groups: objects
                .application_groups
                .iter()
                .map(|o| (o.name.text, o))
                .collect(),
            filters: objects
                .application_filters
                .iter()
                .map(|o| (o.name.text, o))
                .collect(),
            schedules: objects.schedules.iter().map(|o| (o.name.text, o)).collect(),
        }
    }
}

/// The scopes of one device, innermost first, with what was found in them.
pub(super) struct Names<'t> {
    pub(super) source: SourceId,
    stores: Vec<Store<'t>>,
    addresses: FxHashMap<(usize, &'t str), Arc<Addresses>>,
    services: FxHashMap<(usize, &'t str), Arc<Services>>,
    ids: FxHashMap<(usize, Kind, &'t str), DefinitionId>,
    pub(super) definitions: Vec<Definition>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// A dynamic group was filled from the tags of the configuration.
    pub(super) filled_by_tags: bool,
    /// The table of predefined applications was asked for default ports.
    pub(super) used_default_ports: bool,
}

impl<'t> Names<'t> {
    /// Takes the scopes, innermost first.
    pub(super) fn new(source: SourceId, scopes: &[&'t Objects<'t>]) -> Self {
        let mut out = Self {
            source,
            stores: scopes.iter().map(|o| Store::new(o)).collect(),
            addresses: FxHashMap::default(),
            services: FxHashMap::default(),
            ids: FxHashMap::default(),
            definitions: Vec::new(),
            diagnostics: Vec::new(),
            filled_by_tags: false,
            used_default_ports: false,
        };
        out.define();
        out
    }

    fn define(&mut self) {
        let scopes: Vec<&'t Objects<'t>> = self.stores.iter().map(|s| s.objects).collect();
        for (at, objects) in scopes.iter().enumerate() {
            for o in &objects.addresses {
                self.add(at, Kind::Address, "address", o.name);
            }
            for o in &objects.address_groups {
                self.add(at, Kind::Address, "address-group", o.name);
            }
            for o in &objects.regions {
                self.add(at, Kind::Address, "region", o.name);
            }
            for o in &objects.lists {
                self.add(at, Kind::List, "external-list", o.name);
            }
            for o in &objects.services {
                self.add(at, Kind::Service, "service", o.name);
            }
            for o in &objects.service_groups {
                self.add(at, Kind::Service, "service-group", o.name);
            }
            for o in &objects.applications {
                self.add(at, Kind::Application, "application", o.name);
            }
            for o in &objects.application_groups {
                self.add(at, Kind::Application, "application-group", o.name);
            }
            for o in &objects.application_filters {
                self.add(at, Kind::Application, "application-filter", o.name);
            }
            for o in &objects.schedules {
                self.add(at, Kind::Schedule, "schedule", o.name);
            }
        }
        for (at, objects) in scopes.iter().enumerate() {
            for group in &objects.address_groups {
                self.link(at, Kind::Address, group.name.text, &group.members);
            }
            for group in &objects.service_groups {
                self.link(at, Kind::Service, group.name.text, &group.members);
            }
            for group in &objects.application_groups {
                self.link(at, Kind::Application, group.name.text, &group.members);
            }
        }
    }

    fn add(&mut self, at: usize, kind: Kind, word: &'static str, name: Word<'t>) {
        let id = DefinitionId(u32::try_from(self.definitions.len()).unwrap_or(u32::MAX));
        if self.ids.insert((at, kind, name.text), id).is_some() {
            self.diagnostics.push(Diagnostic {
                code: "duplicate-object",
                severity: Severity::Warning,
                span: Some(span(self.source, name.place)),
                message: format!(
                    "{word} `{}` is defined twice; the later one is used",
                    name.text
                ),
                effect: Effect::Assumed,
            });
        }
        self.definitions.push(Definition {
            kind: word,
            name: name.text.to_owned(),
            span: span(self.source, name.place),
            last_line: name.place.last_line,
            uses: Vec::new(),
        });
    }

    fn link(&mut self, at: usize, kind: Kind, group: &str, members: &[Word<'t>]) {
        let uses: Vec<DefinitionId> = members
            .iter()
            .filter_map(|m| self.id(at, kind, m.text))
            .collect();
        if let Some(DefinitionId(id)) = self.ids.get(&(at, kind, group)).copied()
            && let Some(definition) = self.definitions.get_mut(id as usize)
        {
            definition.uses = uses;
        }
    }

    /// The definition that a name means, seen from scope `from`.
    pub(super) fn id(&self, from: usize, kind: Kind, name: &str) -> Option<DefinitionId> {
        (from..self.stores.len()).find_map(|at| self.ids.get(&(at, kind, name)).copied())
    }

    fn undefined(&mut self, what: &str, word: Word<'t>) {
        self.diagnostics.push(Diagnostic {
            code: "undefined-reference",
            severity: Severity::Warning,
            span: Some(span(self.source, word.place)),
            message: format!(
                "{what} `{}` is not defined in this configuration",
                word.text
            ),
            effect: Effect::Opaque,
        });
    }

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
        if !country {
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
            let tagged = self.tagged(at, filter.text);
            match tagged {
                Some(members) if !members.is_empty() => {
                    self.filled_by_tags = true;
                    for member in members {
                        parts.push(self.address_within(at, member, path));
                    }
                }
                _ => {
                    let key = format!("dynamic address-group {}", filter.text);
                    open.push(Open::named(
                        &tag_name(group.name.text, filter.text),
                        key,
                        filter.place,
                    ));
                }
            }
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
        let expression = super::tags::parse(filter)?;
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

    /// What a word means as a service, seen from scope `from`.
    pub(super) fn service(&mut self, from: usize, word: Word<'t>) -> Arc<Services> {
        let mut path = Vec::new();
        self.service_within(from, word, &mut path)
    }

    fn service_within(
        &mut self,
        from: usize,
        word: Word<'t>,
        path: &mut Vec<(usize, &'t str)>,
    ) -> Arc<Services> {
        let key = (from, word.text);
        if let Some(known) = self.services.get(&key) {
            return Arc::clone(known);
        }
        if path.contains(&key) || path.len() >= GROUP_DEPTH {
            return Arc::new(Services {
                open: vec![Open::not_understood(
                    format!("group {}", word.text),
                    word.place,
                )],
                ..Services::default()
            });
        }
        path.push(key);
        let found = Arc::new(self.find_service(from, word, path));
        path.pop();
        self.services.insert(key, Arc::clone(&found));
        found
    }

    fn find_service(
        &mut self,
        from: usize,
        word: Word<'t>,
        path: &mut Vec<(usize, &'t str)>,
    ) -> Services {
        for at in from..self.stores.len() {
            let Some(store) = self.stores.get(at) else {
                break;
            };
            let id = self.ids.get(&(at, Kind::Service, word.text)).copied();
            if let Some(object) = store.services.get(word.text).copied() {
                let mut out = super::service::object(object);
                out.uses.extend(id);
                return out;
            }
            if let Some(group) = store.service_groups.get(word.text).copied() {
                let parts: Vec<Arc<Services>> = group
                    .members
                    .iter()
                    .map(|m| self.service_within(at, *m, path))
                    .collect();
                let mut out = super::service::joined(&parts);
                if let Some(text) = unknown_text(&group.unknown) {
                    out.open.push(Open::not_understood(text, group.name.place));
                }
                out.uses = id.into_iter().collect();
                return out;
            }
        }
        if let Some(set) = super::service::built_in(word.text) {
            return Services {
                set: Arc::new(set),
                ..Services::default()
            };
        }
        self.undefined("service", word);
        let open = Open {
            name: None,
            key: format!("service {}", word.text),
            kind: ConditionKind::NotUnderstood,
            place: word.place,
        };
        Services {
            open: vec![open],
            ..Services::default()
        }
    }

    /// The applications that a word means, groups expanded.
    pub(super) fn applications(
        &mut self,
        from: usize,
        word: Word<'t>,
        uses: &mut Vec<DefinitionId>,
    ) -> Vec<App<'t>> {
        let mut out = Vec::new();
        let mut seen = Vec::new();
        self.applications_into(from, word, &mut seen, &mut out);
        uses.extend(self.id(from, Kind::Application, word.text));
        out
    }

    fn applications_into(
        &mut self,
        from: usize,
        word: Word<'t>,
        seen: &mut Vec<(usize, &'t str)>,
        out: &mut Vec<App<'t>>,
    ) {
        if seen.len() > 4096 || seen.contains(&(from, word.text)) {
            return;
        }
        seen.push((from, word.text));
        for at in from..self.stores.len() {
            let Some(store) = self.stores.get(at) else {
                break;
            };
            if let Some(custom) = store.applications.get(word.text).copied() {
                out.push(App::Custom(custom));
                return;
            }
            if let Some(filter) = store.filters.get(word.text).copied() {
                out.push(App::Filter(filter));
                return;
            }
            if let Some(group) = store.application_groups.get(word.text).copied() {
                if seen.len() < GROUP_DEPTH * 64 {
                    for member in &group.members {
                        self.applications_into(at, *member, seen, out);
                    }
                }
                return;
            }
        }
        out.push(App::Other(word.text, word.place));
    }

    /// The text of the address object of that name, if it holds a prefix.
    pub(super) fn prefix_text(&self, from: usize, name: &str) -> Option<&'t str> {
        let stores = self.stores.get(from..)?;
        let object = stores.iter().find_map(|s| s.addresses.get(name).copied())?;
        match object.value {
            Some((AddressKind::Netmask, value)) => Some(value.text),
            _ => None,
        }
    }

    /// A schedule by name.
    pub(super) fn schedule(&self, from: usize, name: &str) -> Option<&'t Schedule<'t>> {
        let stores = self.stores.get(from..)?;
        stores.iter().find_map(|s| s.schedules.get(name).copied())
    }

    /// All custom applications and changed predefined ones, inner scopes first.
    pub(super) fn all_applications(&self) -> Vec<&'t Application<'t>> {
        let objects = self.stores.iter().map(|s| s.objects);
        objects
            .flat_map(|o| o.applications.iter().chain(&o.application_overrides))
            .collect()
    }
}

fn tag_name(group: &str, filter: &str) -> String {
    match super::tags::parse(filter) {
        Some(super::tags::Tags::Tag(tag)) => format!("tag:{tag}"),
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
