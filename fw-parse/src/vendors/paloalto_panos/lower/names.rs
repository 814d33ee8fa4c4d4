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
use crate::vendors::paloalto_panos::digest;
use crate::vendors::paloalto_panos::parse::objects::unknown_text;
use crate::vendors::paloalto_panos::tree::Place;
use fw_model::match_expr::Dimension;
use fw_model::{
    AddressSet, ConditionKind, Definition, DefinitionId, Diagnostic, Effect, MatchExpr, ServiceSet,
    Severity, SourceId, Span,
};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// How deep groups may be nested.
pub(super) const GROUP_DEPTH: usize = 32;

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

    pub(super) fn named(name: &str, key: String, place: Place) -> Self {
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

pub(super) struct Store<'t> {
    pub(super) objects: &'t Objects<'t>,
    pub(super) addresses: FxHashMap<&'t str, &'t Address<'t>>,
    pub(super) groups: FxHashMap<&'t str, &'t AddressGroup<'t>>,
    pub(super) regions: FxHashMap<&'t str, &'t Group<'t>>,
    pub(super) lists: FxHashMap<&'t str, &'t ExternalList<'t>>,
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
    pub(super) stores: Vec<Store<'t>>,
    pub(super) addresses: FxHashMap<(usize, &'t str), Arc<Addresses>>,
    pub(super) services: FxHashMap<(usize, &'t str), Arc<Services>>,
    pub(super) ids: FxHashMap<(usize, Kind, &'t str), DefinitionId>,
    pub(super) definitions: Vec<Definition>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// A name that was looked up means different objects in two scopes.
    pub(super) several_meanings: bool,
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
            several_meanings: false,
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

    /// True if a name that was found in scope `at` means something in another
    /// scope too.
    pub(super) fn elsewhere(&self, at: usize, kind: Kind, name: &'t str) -> bool {
        let mut others = (0..self.stores.len()).filter(|scope| *scope != at);
        others.any(|scope| self.ids.contains_key(&(scope, kind, name)))
    }

    /// The definition that a name means, seen from scope `from`.
    pub(super) fn id(&self, from: usize, kind: Kind, name: &str) -> Option<DefinitionId> {
        (from..self.stores.len()).find_map(|at| self.ids.get(&(at, kind, name)).copied())
    }

    pub(super) fn undefined(&mut self, what: &str, word: Word<'t>) {
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
            if id.is_some() {
                self.several_meanings |= self.elsewhere(at, Kind::Service, word.text);
            }
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

    /// What a custom URL category of that name holds.
    pub(super) fn category(&self, from: usize, name: &str) -> Option<&'t str> {
        let stores = self.stores.get(from..)?;
        let all = stores.iter().flat_map(|s| &s.objects.categories);
        let mut found = all.filter(|(n, _)| *n == name);
        found.next().map(|(_, text)| text.as_str())
    }

    /// A number that stands for what an inspection profile, or all those of a
    /// group, say; `None` for predefined ones.
    pub(super) fn profile_settings(&self, from: usize, kind: &str, name: &str) -> Option<u64> {
        let stores = || self.stores.iter().skip(from).map(|s| s.objects);
        if kind != "group" {
            let mut all = stores().flat_map(|o| &o.profiles);
            return all
                .find(|(k, n, _)| (*k, *n) == (kind, name))
                .map(|(.., settings)| *settings);
        }
        let mut groups = stores().flat_map(|o| &o.profile_groups);
        let (_, members) = groups.find(|(n, _)| *n == name)?;
        let each = members
            .iter()
            .map(|(k, n)| format!("{k} {n} {:?}", self.profile_settings(from, k, n)));
        Some(digest(&each.collect::<String>()))
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
