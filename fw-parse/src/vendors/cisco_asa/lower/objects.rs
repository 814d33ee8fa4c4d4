//! Objects and groups to sets, each resolved once.

use super::super::ast::{Address, Config, Icmp, Member, NetworkValue, Ports, Protocol};
use fw_model::{
    AddressSet, ConditionKind, Definition, Diagnostic, Dimension, Effect, Family, Interface,
    MatchExpr, ServiceSet, Severity, SourceId, Span,
};
use ipnet::IpNet;
use rustc_hash::{FxHashMap, FxHashSet};
use std::net::IpAddr;
use std::sync::Arc;

/// How deep groups may hold each other.
pub(super) const GROUP_DEPTH: usize = 64;

/// How many ranges a netmask with holes may make.
const MASK_RANGES: usize = 4096;

/// A part of a set that is not known.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Open {
    /// Identity.
    pub key: String,
    /// The words.
    pub text: String,
    /// Why.
    pub kind: ConditionKind,
    /// A host name that may be resolved elsewhere.
    pub name: Option<String>,
    /// Where.
    pub span: Option<Span>,
}

/// A set with the parts of it that are not known.
#[derive(Clone, Debug)]
pub struct Resolved<T> {
    /// What is known.
    pub set: Arc<T>,
    /// What is not.
    pub open: Arc<[Open]>,
}

/// Objects and groups by name, and what they resolve to.
pub struct Objects<'c, 'a> {
    pub(super) config: &'c Config<'a>,
    pub(super) source: SourceId,
    any_is_v4: bool,
    /// For `interface I` in place of an address.
    pub interfaces: Vec<Interface>,
    /// Definitions for reports.
    pub definitions: Vec<Definition>,
    /// What there is to say.
    pub diagnostics: Vec<Diagnostic>,
    pub(super) networks: FxHashMap<&'a str, usize>,
    pub(super) services: FxHashMap<&'a str, usize>,
    pub(super) groups: FxHashMap<&'a str, usize>,
    pub(super) schedules: FxHashMap<&'a str, usize>,
    network_sets: Vec<Option<Resolved<AddressSet>>>,
    group_addresses: Vec<Option<Resolved<AddressSet>>>,
    pub(super) group_services: Vec<Option<Resolved<ServiceSet>>>,
    conditions: FxHashMap<(Address<'a>, Dimension), MatchExpr>,
    literals: FxHashMap<Address<'a>, Arc<AddressSet>>,
    pub(super) service_sets: FxHashMap<ServiceKey<'a>, MatchExpr>,
    reported: FxHashSet<String>,
}

pub(super) type ServiceKey<'a> = (
    Protocol<'a>,
    Option<Ports<'a>>,
    Option<Ports<'a>>,
    Option<Icmp<'a>>,
);

fn literal(address: Address<'_>, any_is_v4: bool) -> Option<AddressSet> {
    Some(match address {
        Address::Any if any_is_v4 => AddressSet::any4(),
        Address::Any => AddressSet::any(),
        Address::Any4 => AddressSet::any4(),
        Address::Any6 => AddressSet::any6(),
        Address::Host(a) => AddressSet::host(a),
        Address::Masked(a, m) => AddressSet::masked(
            Family::V4,
            u32::from(a).into(),
            u32::from(m).into(),
            MASK_RANGES,
        )?,
        Address::Prefix(a, length) => AddressSet::prefix(IpNet::new(a, length).ok()?),
        Address::Object(_) | Address::Group(_) | Address::Interface(_) => return None,
    })
}

impl<'c, 'a> Objects<'c, 'a> {
    /// Indexes the objects of a configuration.
    #[must_use]
    pub fn new(config: &'c Config<'a>, source: SourceId, any_is_v4: bool) -> Self {
        let index = |names: Vec<&'a str>| -> FxHashMap<&'a str, usize> {
            names.into_iter().enumerate().map(|(n, w)| (w, n)).collect()
        };
        let mut objects = Self {
            config,
            source,
            any_is_v4,
            interfaces: Vec::new(),
            definitions: Vec::new(),
            diagnostics: Vec::new(),
            networks: index(config.networks.iter().map(|o| o.name).collect()),
            services: index(config.services.iter().map(|o| o.name).collect()),
            groups: index(config.groups.iter().map(|g| g.name).collect()),
            schedules: index(config.time_ranges.iter().map(|t| t.name).collect()),
            network_sets: vec![None; config.networks.len()],
            group_addresses: vec![None; config.groups.len()],
            group_services: vec![None; config.groups.len()],
            conditions: FxHashMap::default(),
            literals: FxHashMap::default(),
            service_sets: FxHashMap::default(),
            reported: FxHashSet::default(),
        };
        objects.define();
        objects
    }

    pub(super) fn report(
        &mut self,
        code: &'static str,
        effect: Effect,
        message: String,
        line: Option<super::super::ast::Place>,
    ) {
        if self.reported.insert(message.clone()) {
            self.diagnostics.push(Diagnostic {
                code,
                severity: Severity::Warning,
                span: line.map(|p| Span::line(self.source, p.line, p.length)),
                message,
                effect,
            });
        }
    }

    pub(super) fn undefined(&mut self, what: &str, name: &str) -> Open {
        self.report(
            "undefined-reference",
            Effect::Opaque,
            format!("{what} `{name}` is used but not defined; the device refuses such a line"),
            None,
        );
        Open {
            key: format!("undefined {what} {name}"),
            text: format!("{what} {name}, which is not defined"),
            kind: ConditionKind::NotUnderstood,
            name: None,
            span: None,
        }
    }

    /// The addresses of an `object network`.
    pub fn network_addresses(&mut self, name: &str) -> Resolved<AddressSet> {
        let Some(&at) = self.networks.get(name) else {
            let open = self.undefined("object", name);
            return known(AddressSet::empty(), vec![open]);
        };
        if let Some(Some(done)) = self.network_sets.get(at) {
            return done.clone();
        }
        let value = self.config.networks.get(at).and_then(|o| o.value.as_ref());
        let span = |p: &super::super::ast::Place| Span::line(self.source, p.line, p.length);
        let resolved = match value {
            None => {
                self.report(
                    "empty-object",
                    Effect::None,
                    format!("object `{name}` has no address and matches nothing"),
                    self.config.networks.get(at).map(|o| o.place),
                );
                known(AddressSet::empty(), Vec::new())
            }
            Some((NetworkValue::Host(a), _)) => known(AddressSet::host(*a), Vec::new()),
            Some((NetworkValue::Range(a, b), _)) => known(AddressSet::range(*a, *b), Vec::new()),
            Some((NetworkValue::Prefix(a, length), _)) => known(
                literal(Address::Prefix(IpAddr::V6(*a), *length), false).unwrap_or_default(),
                Vec::new(),
            ),
            Some((NetworkValue::Subnet(a, m), place)) => {
                match literal(Address::Masked(*a, *m), false) {
                    Some(set) => known(set, Vec::new()),
                    None => known(
                        AddressSet::empty(),
                        vec![Open {
                            key: format!("subnet {a} {m}"),
                            text: format!("subnet {a} {m}"),
                            kind: ConditionKind::NotUnderstood,
                            name: None,
                            span: Some(span(place)),
                        }],
                    ),
                }
            }
            Some((NetworkValue::Fqdn(host), place)) => known(
                AddressSet::empty(),
                vec![Open {
                    key: format!("fqdn {host}"),
                    text: format!("fqdn {host}"),
                    kind: ConditionKind::Environment,
                    name: Some((*host).to_owned()),
                    span: Some(span(place)),
                }],
            ),
            Some((NetworkValue::Opaque(text), place)) => known(
                AddressSet::empty(),
                vec![Open {
                    key: format!("object network: {text}"),
                    text: text.clone(),
                    kind: ConditionKind::NotUnderstood,
                    name: None,
                    span: Some(span(place)),
                }],
            ),
        };
        if let Some(slot) = self.network_sets.get_mut(at) {
            *slot = Some(resolved.clone());
        }
        resolved
    }

    /// The addresses of an `object-group network`.
    pub fn group_addresses(&mut self, name: &str) -> Resolved<AddressSet> {
        self.group_addresses_at(name, &mut Vec::new())
    }

    fn group_addresses_at(&mut self, name: &str, path: &mut Vec<usize>) -> Resolved<AddressSet> {
        let Some(&at) = self.groups.get(name) else {
            let open = self.undefined("object-group", name);
            return known(AddressSet::empty(), vec![open]);
        };
        if let Some(Some(done)) = self.group_addresses.get(at) {
            return done.clone();
        }
        if path.contains(&at) || path.len() >= GROUP_DEPTH {
            let open = self.cycle(name);
            return known(AddressSet::empty(), vec![open]);
        }
        let config = self.config;
        let Some(group) = config.groups.get(at) else {
            return known(AddressSet::empty(), Vec::new());
        };
        if group.members.is_empty() {
            self.report(
                "empty-group",
                Effect::None,
                format!("object-group `{name}` is empty and matches nothing"),
                Some(group.place),
            );
        }
        path.push(at);
        let mut sets: Vec<Arc<AddressSet>> = Vec::with_capacity(group.members.len());
        let mut open = Vec::new();
        for (member, place) in &group.members {
            let span = Span::line(self.source, place.line, place.length);
            match member {
                Member::Address(Address::Object(o)) => {
                    let part = self.network_addresses(o);
                    sets.push(part.set);
                    open.extend(part.open.iter().cloned());
                }
                Member::Address(Address::Group(g)) | Member::Group(g) => {
                    let part = self.group_addresses_at(g, path);
                    sets.push(part.set);
                    open.extend(part.open.iter().cloned());
                }
                Member::Address(a) => match literal(*a, self.any_is_v4) {
                    Some(set) => sets.push(Arc::new(set)),
                    None => open.push(Open {
                        key: format!("network-object {a:?}"),
                        text: format!("network-object of object-group {name}"),
                        kind: ConditionKind::NotUnderstood,
                        name: None,
                        span: Some(span),
                    }),
                },
                Member::Opaque(text) => open.push(opaque_member(text, span)),
                _ => open.push(Open {
                    key: format!("member of {name} is no address"),
                    text: format!("a member of object-group {name} is no address"),
                    kind: ConditionKind::NotUnderstood,
                    name: None,
                    span: Some(span),
                }),
            }
        }
        path.pop();
        let resolved = known(AddressSet::union_all(sets.iter().map(AsRef::as_ref)), open);
        // What a cycle cut short depends on where it was entered.
        if (path.is_empty() || resolved.open.is_empty())
            && let Some(slot) = self.group_addresses.get_mut(at)
        {
            *slot = Some(resolved.clone());
        }
        resolved
    }

    pub(super) fn cycle(&mut self, name: &str) -> Open {
        self.report(
            "group-cycle",
            Effect::Opaque,
            format!("object-group `{name}` holds itself or is nested too deeply"),
            None,
        );
        Open {
            key: format!("cycle of object-group {name}"),
            text: format!("object-group {name}, which holds itself"),
            kind: ConditionKind::NotUnderstood,
            name: None,
            span: None,
        }
    }

    /// The addresses that `address` stands for.
    pub fn addresses(&mut self, address: Address<'a>) -> Resolved<AddressSet> {
        match address {
            Address::Object(name) if !self.networks.contains_key(name) => {
                // Groups and objects share their names.
                if self.groups.contains_key(name) {
                    return self.group_addresses(name);
                }
                self.network_addresses(name)
            }
            Address::Object(name) => self.network_addresses(name),
            Address::Group(name) => self.group_addresses(name),
            Address::Interface(name) => self.interface_addresses(name),
            other => {
                if let Some(set) = self.literals.get(&other) {
                    return Resolved {
                        set: Arc::clone(set),
                        open: Arc::from([]),
                    };
                }
                match literal(other, self.any_is_v4) {
                    Some(set) => {
                        let set = Arc::new(set);
                        self.literals.insert(other, Arc::clone(&set));
                        Resolved {
                            set,
                            open: Arc::from([]),
                        }
                    }
                    None => known(
                        AddressSet::empty(),
                        vec![Open {
                            key: format!("{other:?}"),
                            text: "a netmask with many holes".into(),
                            kind: ConditionKind::NotUnderstood,
                            name: None,
                            span: None,
                        }],
                    ),
                }
            }
        }
    }

    /// The addresses of the device on an interface.
    pub fn interface_addresses(&mut self, name: &str) -> Resolved<AddressSet> {
        let found = self.interfaces.iter().find(|i| i.name == name);
        let hosts: Vec<AddressSet> = found
            .iter()
            .flat_map(|i| &i.addresses)
            .map(|net| AddressSet::host(net.addr()))
            .collect();
        let known_all = found.is_some_and(|i| !i.dynamic_address) && !hosts.is_empty();
        let mut open = Vec::new();
        if !known_all {
            open.push(Open {
                key: format!("address of interface {name}"),
                text: format!("the address of interface {name}"),
                kind: ConditionKind::Environment,
                name: Some(format!("interface:{name}")),
                span: None,
            });
        }
        known(AddressSet::union_all(&hosts), open)
    }

    /// The condition that an address field makes.
    pub fn address_expr(&mut self, address: Address<'a>, dimension: Dimension) -> MatchExpr {
        if address == Address::Any {
            return MatchExpr::Always;
        }
        let key = (address, dimension);
        if let Some(done) = self.conditions.get(&key) {
            return done.clone();
        }
        let resolved = self.addresses(address);
        let expr = address_condition(&resolved, dimension);
        self.conditions.insert(key, expr.clone());
        expr
    }

    /// The condition of a time range.
    pub fn schedule_expr(&mut self, name: &str) -> MatchExpr {
        let found = self
            .schedules
            .get(name)
            .and_then(|at| self.config.time_ranges.get(*at));
        match found {
            Some(range) => super::schedule::condition(
                range,
                Span::line(self.source, range.place.line, range.place.length),
            ),
            None => {
                let open = self.undefined("time-range", name);
                open_condition(&open, "time")
            }
        }
    }
}

pub(super) fn known<T>(set: T, open: Vec<Open>) -> Resolved<T> {
    Resolved {
        set: Arc::new(set),
        open: open.into(),
    }
}

pub(super) fn opaque_member(text: &str, span: Span) -> Open {
    Open {
        key: format!("member: {text}"),
        text: text.to_owned(),
        kind: ConditionKind::NotUnderstood,
        name: None,
        span: Some(span),
    }
}

/// The condition for a part that is not known.
#[must_use]
pub fn open_condition(open: &Open, field: &str) -> MatchExpr {
    MatchExpr::opaque(
        open.kind.clone(),
        format!("{} {field}", open.key),
        open.text.clone(),
        open.span,
    )
}

/// The condition that a resolved address makes in a field.
#[must_use]
pub fn address_condition(resolved: &Resolved<AddressSet>, dimension: Dimension) -> MatchExpr {
    let field = match dimension {
        Dimension::Source => "source",
        Dimension::Destination => "destination",
    };
    let exact = if resolved.set.is_empty() {
        MatchExpr::Never
    } else {
        MatchExpr::address(dimension, Arc::clone(&resolved.set))
    };
    if resolved.open.is_empty() {
        return exact;
    }
    let mut parts = vec![exact];
    for open in resolved.open.iter() {
        let kind = match &open.name {
            Some(name) => ConditionKind::Name(name.clone(), dimension),
            None => open.kind.clone(),
        };
        parts.push(MatchExpr::opaque(
            kind,
            format!("{} {field}", open.key),
            open.text.clone(),
            open.span,
        ));
    }
    MatchExpr::any(parts)
}
