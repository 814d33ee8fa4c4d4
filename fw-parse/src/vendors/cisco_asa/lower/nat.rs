//! NAT of 8.3 and later: one ordered table.
//!
//! Every entry becomes directional rules at its place: *forward* (from the
//! real side), *reverse* (to the mapped address; static entries) and the
//! reverse-path check: a packet to the real address whose reply the entry
//! would translate is dropped (syslog 305013). Order of the table: ASA
//! configuration guide, "NAT Rule Order".

use super::super::ast::{
    Address, GroupKind, Member, NatAddress, NatEntry, NatSection, Place, PortOp, ProtocolWord,
};
use super::Lowering;
use super::directional::{
    Maker, MatchSet, Pairing, PortMap, Range, Stretch, Table, ingress, split,
};
use super::objects::Resolved;
use fw_model::address::bits;
use fw_model::interval::IntervalSet;
use fw_model::{
    Action, AddressSet, AddressTranslation, Assumption, Condition, ConditionKind, Dimension,
    Effect, Family, Filter, InterfaceSet, MatchExpr, Rule, Severity, Stage, StageKind, View,
};
use std::sync::Arc;

/// How many directional rules one entry may make.
pub(super) const ENTRY_RULES: usize = 4096;

impl<'a> Lowering<'_, 'a> {
    pub(super) fn translations(&mut self) {
        let mut table = Table::default();
        if self.config.nat.is_empty() && self.config.legacy_nat.is_empty() {
            if !self.dialect.nat_control {
                return;
            }
        } else {
            let entries = self.ordered();
            for entry in &entries {
                if entry.inactive {
                    continue;
                }
                self.nat_entry(entry, &mut table);
            }
            self.legacy_table(&mut table);
        }
        if self.dialect.nat_control {
            self.control(&mut table);
        }
        let Table {
            rules,
            opaque,
            forward,
            reverse,
            claims: _,
        } = table;
        let stages: Vec<_> = self
            .device
            .pipeline
            .forward
            .iter()
            .chain(&self.device.pipeline.input)
            .map(|s| s.filter)
            .collect();
        for stage in stages {
            if let Some(filter) = self.device.filters.get_mut(stage.0 as usize) {
                filter.rules.splice(0..0, opaque.iter().cloned());
            }
        }
        let filter = self.device.add_filter(Filter {
            name: "NAT".into(),
            rules,
            default: Rule::new("no translation", MatchExpr::Always, Action::Permit),
        });
        self.device.pipeline.prerouting.push(Stage {
            name: "NAT".into(),
            kind: StageKind::Nat,
            filter,
            view: View::CURRENT,
        });
        self.second_rule(forward, reverse);
    }

    /// Section 1 in order; section 2 static first, then the fewest addresses,
    /// the lowest address, the name; section 3 in order.
    fn ordered(&mut self) -> Vec<NatEntry<'a>> {
        let entries = self.config.nat.clone();
        let mut keyed: Vec<_> = entries
            .into_iter()
            .map(|entry| {
                let key = match entry.section {
                    NatSection::Manual => (1, false, 0, 0, ""),
                    NatSection::AfterAuto => (3, false, 0, 0, ""),
                    NatSection::Object(name) => {
                        let set = self.objects.network_addresses(name).set;
                        let count = set.v4.count().saturating_add(set.v6.count());
                        let first = set.v4.first().or(set.v6.first()).unwrap_or(0);
                        (2, !entry.mapping.is_static, count, first, name)
                    }
                };
                (key, entry)
            })
            .collect();
        keyed.sort_by(|a, b| a.0.cmp(&b.0));
        keyed.into_iter().map(|(_, entry)| entry).collect()
    }

    fn nat_entry(&mut self, entry: &NatEntry<'a>, table: &mut Table) {
        let fits = self.dialect.real_addresses && !entry.opaque;
        if fits && self.nat_rules(entry, table).is_some() {
            return;
        }
        // What is known of it bounds the packets that it may touch.
        let known = |set: Option<MatchSet>| set.unwrap_or(MatchSet::Any);
        let real = if entry.opaque {
            MatchSet::Any
        } else {
            known(self.match_set(entry.real))
        };
        let mapped = match (entry.opaque, entry.mapping.mapped) {
            (false, Some(mapped)) => known(self.match_set(mapped)),
            _ => MatchSet::Any,
        };
        let back = if entry.mapping.is_static || entry.opaque {
            MatchExpr::any([
                mapped.expr(Dimension::Destination),
                real.expr(Dimension::Destination),
            ])
        } else {
            real.expr(Dimension::Destination)
        };
        let touched = MatchExpr::any([
            MatchExpr::all([ingress(entry.real_interface), real.expr(Dimension::Source)]),
            MatchExpr::all([ingress(entry.mapped_interface), back]),
        ]);
        self.opaque_translation(&entry.text, touched, entry.place, table);
    }

    /// An entry whose effect is not known. The packets that it may touch
    /// leave the table untranslated, and every policy leaves open what
    /// becomes of them: where they would go is not known either.
    pub(super) fn opaque_translation(
        &mut self,
        text: &str,
        touched: MatchExpr,
        place: Place,
        table: &mut Table,
    ) {
        let span = self.span(place);
        table
            .rules
            .push(Rule::new(format!("nat {text}"), touched.clone(), Action::Permit).at(span));
        let rule = Rule::new(
            format!("nat {text}"),
            MatchExpr::Original(Box::new(touched)),
            Action::Opaque(Arc::new(Condition {
                key: format!("nat {text}"),
                kind: ConditionKind::NotUnderstood,
                text: format!("nat {text}"),
                span: Some(span),
            })),
        )
        .at(span);
        table.opaque.push(rule);
        self.ledger.opaque(place.line);
        self.note(
            "nat-not-understood",
            Severity::Warning,
            Effect::Opaque,
            Some(place),
            format!("this translation is not understood: `nat {text}`"),
        );
    }

    pub(super) fn rpf(&mut self) -> Arc<Assumption> {
        self.assumption(
            "nat-rpf-check",
            "a packet to a real address whose reply would be translated is dropped by the reverse-path check",
        )
    }

    /// `None`: the entry cannot be expressed.
    fn nat_rules(&mut self, entry: &NatEntry<'a>, table: &mut Table) -> Option<()> {
        let ports = self.port_map(entry)?;
        let destinations = match entry.destination {
            None => vec![Stretch {
                real: MatchSet::Any,
                mapped: MatchSet::Any,
                shift: None,
                floating: false,
            }],
            Some((mapped, real)) => self.stretches(real, mapped, entry.real_interface)?,
        };
        let span = self.span(entry.place);
        let label = match entry.section {
            NatSection::Object(name) => format!("object {name}: nat {}", entry.text),
            _ => format!("nat {}", entry.text),
        };
        let mut make = Maker {
            real: entry.real_interface,
            mapped: entry.mapped_interface,
            route_lookup: entry.route_lookup,
            silent: entry.no_proxy_arp
                || entry
                    .mapped_interface
                    .is_some_and(|name| self.config.no_proxy_arp.contains(&name)),
            label,
            span,
            rpf: self.rpf(),
            uses: self.nat_uses(entry),
            ports,
            table,
        };
        if entry.mapping.is_static {
            let mapped = entry.mapping.mapped?;
            let sources = self.stretches(entry.real, mapped, entry.mapped_interface)?;
            if sources.len().checked_mul(destinations.len())? > ENTRY_RULES {
                return None;
            }
            for s in &sources {
                for d in &destinations {
                    make.static_rules(s, d, entry.unidirectional)?;
                }
            }
            return Some(());
        }
        let real = self.match_set(entry.real)?;
        let (pool, pat) = self.pool(entry)?;
        let v4 = matches!(real, MatchSet::Any)
            && match &pool {
                AddressTranslation::Pool(set) => set.v6.is_empty(),
                _ => true,
            };
        for d in &destinations {
            make.dynamic_rules(&real, d, &pool, pat, v4)?;
        }
        Some(())
    }

    fn nat_uses(&self, entry: &NatEntry<'a>) -> Vec<fw_model::DefinitionId> {
        let mut out = Vec::new();
        let named = [
            Some(entry.real),
            entry.mapping.mapped,
            entry.mapping.pat_pool,
        ]
        .into_iter()
        .flatten()
        .chain(entry.destination.iter().flat_map(|(m, r)| [*m, *r]));
        for address in named {
            if let NatAddress::Name(n) = address {
                out.extend(
                    self.objects
                        .network_id(n)
                        .or_else(|| self.objects.group_id(n)),
                );
            }
        }
        if let Some((a, b)) = entry.service {
            out.extend(self.objects.service_id(a));
            out.extend(self.objects.service_id(b));
        }
        out.sort_unstable();
        out.dedup();
        out
    }

    fn port_map(&self, entry: &NatEntry<'a>) -> Option<PortMap> {
        if let Some((protocol, real, mapped)) = entry.ports {
            return Some(PortMap {
                protocol: Some(ProtocolWord::Number(protocol)),
                source: Some((PortOp::Eq(real), PortOp::Eq(mapped))),
                destination: None,
            });
        }
        let Some((a, b)) = entry.service else {
            return Some(PortMap::default());
        };
        let (a, b) = (self.objects.service(a)?, self.objects.service(b)?);
        if a.opaque.is_some() || b.opaque.is_some() || a.protocol != b.protocol || a.icmp != b.icmp
        {
            return None;
        }
        if a.icmp.is_some() {
            return None;
        }
        let pair = |x: Option<PortOp>, y: Option<PortOp>| match (x, y) {
            (None, None) => Some(None),
            (Some(x), Some(y)) => Some(Some((x, y))),
            _ => None,
        };
        Some(PortMap {
            protocol: Some(a.protocol),
            source: pair(a.source, b.source)?,
            destination: pair(a.destination, b.destination)?,
        })
    }

    fn match_set(&mut self, address: NatAddress<'a>) -> Option<MatchSet> {
        match address {
            NatAddress::Any => Some(MatchSet::Any),
            NatAddress::Literal(a) => Some(MatchSet::of(AddressSet::host(a))),
            NatAddress::Name(name) => self
                .objects
                .has_network(name)
                .then(|| MatchSet::Set(self.objects.addresses(Address::Object(name)))),
            NatAddress::Interface => None,
        }
    }

    /// The stretches of a static mapping. `interface` is the one whose
    /// address the word `interface` stands for.
    fn stretches(
        &mut self,
        real: NatAddress<'a>,
        mapped: NatAddress<'a>,
        interface: Option<&str>,
    ) -> Option<Vec<Stretch>> {
        if real == mapped {
            let set = self.match_set(real)?;
            return Some(vec![Stretch {
                real: set.clone(),
                mapped: set,
                shift: None,
                floating: false,
            }]);
        }
        let from = self.ranges(real)?;
        if mapped == NatAddress::Interface {
            let &[(Family::V4, low, high)] = from.as_slice() else {
                return None;
            };
            if low != high {
                return None;
            }
            let own = self.objects.interface_addresses(interface?);
            // The address may not be known; then who matches is open.
            let floating = own.set.v4.is_empty();
            let to = own.set.v4.first().unwrap_or(0);
            return Some(vec![Stretch {
                real: MatchSet::of(AddressSet::of(Family::V4, IntervalSet::range(low, high))),
                mapped: MatchSet::Set(Resolved {
                    set: Arc::new(AddressSet::of(Family::V4, own.set.v4.clone())),
                    open: own.open,
                }),
                shift: Some((low, to)),
                floating,
            }]);
        }
        let to = match mapped {
            // A literal stands for as many addresses as the object has.
            NatAddress::Literal(a) => {
                let &[(family, low, high)] = from.as_slice() else {
                    return None;
                };
                let first = bits(a);
                if Family::of(a) != family {
                    return None;
                }
                vec![(family, first, first.checked_add(high - low)?)]
            }
            other => self.ranges(other)?,
        };
        split(&from, &to)
    }

    /// The addresses in the order in which a static mapping counts them;
    /// `None` where they are not all known.
    fn ranges(&mut self, address: NatAddress<'a>) -> Option<Vec<Range>> {
        match address {
            NatAddress::Any | NatAddress::Interface => None,
            NatAddress::Literal(a) => Some(vec![(Family::of(a), bits(a), bits(a))]),
            NatAddress::Name(name) => {
                let mut out = Vec::new();
                self.ranges_into(name, &mut out, 0)?;
                (!out.is_empty()).then_some(out)
            }
        }
    }

    fn ranges_into(&mut self, name: &str, out: &mut Vec<Range>, depth: usize) -> Option<()> {
        if depth > 32 || out.len() > ENTRY_RULES {
            return None;
        }
        let push = |set: &AddressSet, out: &mut Vec<Range>| {
            for family in [Family::V4, Family::V6] {
                for &(low, high) in set.family(family).ranges() {
                    out.push((family, low, high));
                }
            }
        };
        if self.objects.network(name).is_some() {
            let resolved = self.objects.network_addresses(name);
            if !resolved.open.is_empty() {
                return None;
            }
            push(&resolved.set, out);
            return Some(());
        }
        let group = self.objects.group(name)?;
        if group.kind != GroupKind::Network {
            return None;
        }
        for (member, _) in &group.members {
            match member {
                Member::Group(g) | Member::Address(Address::Group(g)) => {
                    self.ranges_into(g, out, depth + 1)?;
                }
                Member::Address(Address::Object(o)) => self.ranges_into(o, out, depth + 1)?,
                Member::Address(a) => {
                    let resolved = self.objects.addresses(*a);
                    if !resolved.open.is_empty() {
                        return None;
                    }
                    push(&resolved.set, out);
                }
                _ => return None,
            }
        }
        Some(())
    }

    /// What a dynamic entry translates to, and whether ports change.
    fn pool(&mut self, entry: &NatEntry<'a>) -> Option<(AddressTranslation, bool)> {
        let mapping = &entry.mapping;
        if let Some(pool) = mapping.pat_pool {
            let set = self.known_set(pool)?;
            return Some((AddressTranslation::Pool(set), true));
        }
        match mapping.mapped? {
            NatAddress::Interface => Some((AddressTranslation::EgressInterface, true)),
            NatAddress::Any => None,
            other => {
                let set = self.known_set(other)?;
                let single = set.v4.count().saturating_add(set.v6.count()) == 1;
                Some((AddressTranslation::Pool(set), single))
            }
        }
    }

    fn known_set(&mut self, address: NatAddress<'a>) -> Option<Arc<AddressSet>> {
        match self.match_set(address)? {
            MatchSet::Any => None,
            MatchSet::Set(resolved) => {
                (resolved.open.is_empty() && !resolved.set.is_empty()).then_some(resolved.set)
            }
        }
    }

    /// With `nat-control` what crosses from a higher to a lower level, or
    /// back, must match an entry.
    fn control(&mut self, table: &mut Table) {
        let levels: Vec<(String, u32)> = self
            .config
            .interfaces
            .iter()
            .filter_map(|i| Some((i.name?.to_owned(), i.level?)))
            .collect();
        for (name, level) in &levels {
            let peers: Vec<String> = levels
                .iter()
                .filter(|(_, l)| l != level)
                .map(|(n, _)| n.clone())
                .collect();
            if peers.is_empty() {
                continue;
            }
            let mut rule = Rule::new(
                "nat-control",
                MatchExpr::all([
                    ingress(Some(name)),
                    MatchExpr::Egress(Arc::new(InterfaceSet::names(peers))),
                ]),
                Action::Deny,
            );
            if let Some((_, place)) = self.config.nat_control {
                rule.span = Some(self.span(place));
            }
            table.rules.push(rule);
        }
    }

    /// One entry may translate the destination of a packet and another one
    /// its source.
    fn second_rule(&mut self, forward: Vec<(Pairing, Rule)>, reverse: Vec<Pairing>) {
        let meets = |a: &Option<String>, b: &Option<String>| {
            a.as_ref().zip(b.as_ref()).is_none_or(|(a, b)| a == b)
        };
        let mut rules = Vec::new();
        for (source, rule) in forward {
            let names: Vec<String> = reverse
                .iter()
                .filter(|r| {
                    r.name != source.name
                        && meets(&source.real, &r.mapped)
                        && meets(&source.mapped, &r.real)
                })
                .map(|r| r.name.clone())
                .collect();
            if names.is_empty() {
                continue;
            }
            let mut rule = rule;
            rule.match_expr = MatchExpr::all([
                MatchExpr::Translated(Dimension::Destination, Some(names.into())),
                rule.match_expr,
            ]);
            rule.assumption = Some(self.assumption(
                "nat-source-and-destination",
                "one translation applies to the destination of a packet and another one to its source",
            ));
            rules.push(rule);
        }
        if rules.is_empty() {
            return;
        }
        let filter = self.device.add_filter(Filter {
            name: "NAT of the source after NAT of the destination".into(),
            rules,
            default: Rule::new("no translation", MatchExpr::Always, Action::Permit),
        });
        self.device.pipeline.prerouting.push(Stage {
            name: "NAT of the source after NAT of the destination".into(),
            kind: StageKind::Nat,
            filter,
            view: View::CURRENT,
        });
    }
}
