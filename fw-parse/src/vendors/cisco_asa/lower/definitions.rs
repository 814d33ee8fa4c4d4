//! Named objects for reports, and looking them up.

use super::super::ast::{Address, Group, GroupKind, Member, ServiceSpec};
use super::objects::Objects;
use fw_model::{Definition, DefinitionId, Span};

impl<'c, 'a> Objects<'c, 'a> {
    pub(super) fn define(&mut self) {
        let span =
            |place: super::super::ast::Place| Span::line(self.source, place.line, place.length);
        let mut definitions = Vec::new();
        for o in &self.config.networks {
            definitions.push(Definition {
                kind: "object network",
                name: o.name.to_owned(),
                span: span(o.place),
                last_line: o.last,
                uses: Vec::new(),
            });
        }
        for o in &self.config.services {
            definitions.push(Definition {
                kind: "object service",
                name: o.name.to_owned(),
                span: span(o.place),
                last_line: o.last,
                uses: Vec::new(),
            });
        }
        for g in &self.config.groups {
            let mut uses = Vec::new();
            for (member, _) in &g.members {
                let used = match member {
                    Member::Group(n) | Member::Address(Address::Group(n)) => self.group_id(n),
                    Member::Address(Address::Object(n)) => self.network_id(n),
                    Member::ServiceObject(n) => self.service_id(n),
                    _ => None,
                };
                uses.extend(used);
            }
            definitions.push(Definition {
                kind: match g.kind {
                    GroupKind::Network => "object-group network",
                    GroupKind::Service | GroupKind::Ports(_) => "object-group service",
                    GroupKind::Protocol => "object-group protocol",
                    GroupKind::IcmpType => "object-group icmp-type",
                    GroupKind::User => "object-group user",
                    GroupKind::Security => "object-group security",
                    GroupKind::Other => "object-group",
                },
                name: g.name.to_owned(),
                span: span(g.place),
                last_line: g.last,
                uses,
            });
        }
        for t in &self.config.time_ranges {
            definitions.push(Definition {
                kind: "time-range",
                name: t.name.to_owned(),
                span: span(t.place),
                last_line: t.last,
                uses: Vec::new(),
            });
        }
        self.definitions = definitions;
    }

    fn id(at: usize) -> Option<DefinitionId> {
        u32::try_from(at).ok().map(DefinitionId)
    }

    /// The definition of an `object network`.
    #[must_use]
    pub fn network_id(&self, name: &str) -> Option<DefinitionId> {
        Self::id(*self.networks.get(name)?)
    }

    /// The definition of an `object service`.
    #[must_use]
    pub fn service_id(&self, name: &str) -> Option<DefinitionId> {
        Self::id(self.config.networks.len() + *self.services.get(name)?)
    }

    /// The definition of an `object-group`.
    #[must_use]
    pub fn group_id(&self, name: &str) -> Option<DefinitionId> {
        Self::id(self.config.networks.len() + self.config.services.len() + *self.groups.get(name)?)
    }

    /// The definition of a `time-range`.
    #[must_use]
    pub fn schedule_id(&self, name: &str) -> Option<DefinitionId> {
        Self::id(
            self.config.networks.len()
                + self.config.services.len()
                + self.config.groups.len()
                + *self.schedules.get(name)?,
        )
    }

    /// A group by name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&'c Group<'a>> {
        let config = self.config;
        config.groups.get(*self.groups.get(name)?)
    }

    /// True if there is an `object network` or network group of this name.
    #[must_use]
    pub fn has_network(&self, name: &str) -> bool {
        self.networks.contains_key(name)
            || self
                .group(name)
                .is_some_and(|g| g.kind == GroupKind::Network)
    }

    /// An `object network` by name.
    #[must_use]
    pub fn network(&self, name: &str) -> Option<&'c super::super::ast::NetworkObject<'a>> {
        let config = self.config;
        config.networks.get(*self.networks.get(name)?)
    }

    /// An `object service` by name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&'c ServiceSpec<'a>> {
        let config = self.config;
        config
            .services
            .get(*self.services.get(name)?)?
            .value
            .as_ref()
    }
}
