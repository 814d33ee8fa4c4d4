//! Access lists to filters.

use super::super::ast::{
    AccessList, Ace, AceAction, Address, Entry, EntryKind, Icmp, Ports, Protocol,
};
use super::Lowering;
use crate::token::Token;
use fw_model::{
    Action, ConditionKind, DefinitionId, Dimension, Family, Filter, MatchExpr, Rule, Span,
    Treatment, TreatmentKind,
};

/// What a list is called that ends a search.
pub const IMPLICIT_DENY: &str = "implicit deny";

impl<'a> Lowering<'_, 'a> {
    /// A list as a filter with the given end.
    pub(super) fn access_list(&mut self, list: &AccessList<'a>, default: Rule) -> Filter {
        let mut rules = Vec::with_capacity(list.entries.len());
        let mut number = 0u32;
        for entry in &list.entries {
            match &entry.kind {
                EntryKind::Remark => {}
                EntryKind::Ace(ace) => {
                    number += 1;
                    if ace.inactive {
                        continue;
                    }
                    if !entry.expansion.is_empty() && self.is_undefined(ace) {
                        self.expansion(list, entry, number, &mut rules);
                        continue;
                    }
                    let rule = self.ace(list, ace, entry, number);
                    rules.push(rule);
                }
                EntryKind::Opaque(action, text) => {
                    number += 1;
                    if entry.expansion.is_empty() {
                        let rule = self.opaque_entry(*action, text, entry, number);
                        rules.push(rule);
                    } else {
                        self.expansion(list, entry, number, &mut rules);
                    }
                }
            }
        }
        Filter {
            name: list.name.to_owned(),
            rules,
            default,
        }
    }

    /// A listing prints what the groups of an entry hold; that stands in for
    /// groups that the file does not define.
    fn expansion(
        &mut self,
        list: &AccessList<'a>,
        entry: &Entry<'a>,
        number: u32,
        rules: &mut Vec<Rule>,
    ) {
        for part in &entry.expansion {
            match &part.kind {
                EntryKind::Ace(ace) if ace.inactive => {}
                EntryKind::Ace(ace) => {
                    let rule = self.ace(list, ace, part, number);
                    rules.push(rule);
                }
                EntryKind::Opaque(action, text) => {
                    let rule = self.opaque_entry(*action, text, part, number);
                    rules.push(rule);
                }
                EntryKind::Remark => {}
            }
        }
    }

    fn is_undefined(&self, ace: &Ace<'a>) -> bool {
        let address = |a: Address<'a>| match a {
            Address::Object(n) | Address::Group(n) => !self.objects.has_network(n),
            _ => false,
        };
        let group = |name: &str| self.objects.group(name).is_none();
        let ports = |p: Option<Ports<'a>>| matches!(p, Some(Ports::Group(n)) if group(n));
        let protocol = match ace.protocol {
            Protocol::Word(_) => false,
            Protocol::Object(n) => self.objects.service(n).is_none(),
            Protocol::Group(n) => group(n),
        };
        protocol
            || address(ace.source.address)
            || address(ace.destination.address)
            || ports(ace.source.ports)
            || ports(ace.destination.ports)
            || matches!(ace.icmp, Some(Icmp::Group(n)) if group(n))
    }

    fn opaque_entry(
        &mut self,
        action: Option<AceAction>,
        text: &str,
        entry: &Entry<'a>,
        number: u32,
    ) -> Rule {
        let span = self.span(entry.place);
        // Where one word is to blame it is the one that a report shows.
        let (words, at) = match entry.unknown {
            Some(token) => {
                let Token { text, start, end } = token;
                (text, Span { start, end, ..span })
            }
            None => (text, span),
        };
        let condition = MatchExpr::opaque(
            ConditionKind::NotUnderstood,
            format!("access-list entry {text}"),
            words.to_owned(),
            Some(at),
        );
        let rule = match (action, condition) {
            (Some(AceAction::Deny), condition) => {
                Rule::new(number.to_string(), condition, Action::Deny)
            }
            (Some(_), condition) => Rule::new(number.to_string(), condition, Action::Permit),
            // Whether it matches and what it does are both unknown.
            (None, MatchExpr::Opaque(inner)) => {
                let matches = MatchExpr::opaque(
                    ConditionKind::NotUnderstood,
                    format!("{} matches", inner.key),
                    words.to_owned(),
                    Some(at),
                );
                Rule::new(number.to_string(), matches, Action::Opaque(inner))
            }
            (None, other) => Rule::new(number.to_string(), other, Action::Deny),
        };
        rule.at(span)
    }

    /// One entry.
    fn ace(
        &mut self,
        list: &AccessList<'a>,
        ace: &Ace<'a>,
        entry: &Entry<'a>,
        number: u32,
    ) -> Rule {
        let match_expr = self.ace_match(list.ipv6, ace);
        let mut rule = Rule::new(
            number.to_string(),
            match_expr,
            if ace.action == AceAction::Deny {
                Action::Deny
            } else {
                Action::Permit
            },
        )
        .at(self.span(entry.place));
        rule.id = ace.rule_id.map(str::to_owned);
        if let Some(log) = &ace.log {
            rule.treatments.push(Treatment {
                kind: TreatmentKind::Logging,
                value: log.clone(),
                span: rule.span,
            });
        }
        if ace.advanced && ace.action == AceAction::Permit {
            rule.treatments.push(Treatment {
                kind: TreatmentKind::SecurityProfile,
                value: "deep inspection".into(),
                span: rule.span,
            });
            rule.assumption = Some(self.assumption(
                "deep-inspection-permits",
                "what an `advanced permit` entry hands to deep inspection is taken to pass it",
            ));
        }
        rule.uses = self.uses(ace);
        rule
    }

    /// The condition of an entry.
    pub(super) fn ace_match(&mut self, ipv6: bool, ace: &Ace<'a>) -> MatchExpr {
        let mut parts = Vec::with_capacity(3);
        let service = self.objects.service_expr(
            ace.protocol,
            ace.source.ports,
            ace.destination.ports,
            ace.icmp,
        );
        if service != MatchExpr::Always {
            parts.push(service);
        }
        let both_any =
            ace.source.address == Address::Any && ace.destination.address == Address::Any;
        if self.dialect.any_is_v4 && !ipv6 && both_any {
            parts.push(MatchExpr::Family(Family::V4));
        }
        for (end, dimension) in [
            (&ace.source, Dimension::Source),
            (&ace.destination, Dimension::Destination),
        ] {
            let address = self.objects.address_expr(end.address, dimension);
            if address != MatchExpr::Always {
                parts.push(address);
            }
            if let Some(identity) = &end.identity {
                parts.push(identity_expr(identity, dimension));
            }
        }
        if let Some(name) = ace.time_range {
            parts.push(self.objects.schedule_expr(name));
        }
        // Nothing to simplify in nearly all entries: no need to copy.
        let simple =
            |p: &MatchExpr| !matches!(p, MatchExpr::All(_) | MatchExpr::Always | MatchExpr::Never);
        if parts.len() > 1 && parts.iter().all(simple) {
            return MatchExpr::All(parts);
        }
        MatchExpr::all(parts)
    }

    fn uses(&self, ace: &Ace<'a>) -> Vec<DefinitionId> {
        let mut out = Vec::new();
        let objects = &self.objects;
        match ace.protocol {
            Protocol::Word(_) => {}
            Protocol::Object(n) => out.extend(objects.service_id(n)),
            Protocol::Group(n) => out.extend(objects.group_id(n)),
        }
        for end in [&ace.source, &ace.destination] {
            match end.address {
                Address::Object(n) => {
                    out.extend(objects.network_id(n).or_else(|| objects.group_id(n)));
                }
                Address::Group(n) => out.extend(objects.group_id(n)),
                _ => {}
            }
            if let Some(Ports::Group(n)) = end.ports {
                out.extend(objects.group_id(n));
            }
        }
        if let Some(Icmp::Group(n)) = ace.icmp {
            out.extend(objects.group_id(n));
        }
        if let Some(n) = ace.time_range {
            out.extend(objects.schedule_id(n));
        }
        out
    }
}

/// Users of the source are known by login; everything else is a tag that the
/// configuration does not tie to addresses.
fn identity_expr(identity: &str, dimension: Dimension) -> MatchExpr {
    if let Some(names) = identity.strip_prefix("ifc ")
        && !names.contains(' ')
    {
        let set = std::sync::Arc::new(fw_model::InterfaceSet::name(names));
        return match dimension {
            Dimension::Source => MatchExpr::Ingress(set),
            Dimension::Destination => MatchExpr::Egress(set),
        };
    }
    let mut words = identity.split(' ');
    if dimension == Dimension::Source
        && let (Some("user"), Some(name), None) = (words.next(), words.next(), words.next())
    {
        return match name {
            "any" => MatchExpr::User(Vec::new().into()),
            "none" => MatchExpr::User(Vec::new().into()).negate(),
            _ => MatchExpr::User(vec![name.to_owned()].into()),
        };
    }
    let field = match dimension {
        Dimension::Source => "source",
        Dimension::Destination => "destination",
    };
    let open = MatchExpr::opaque(
        ConditionKind::User,
        format!("{identity} {field}"),
        identity.to_owned(),
        None,
    );
    // Who has not logged in is in no group of users.
    let group = ["user-group ", "object-group-user "];
    if dimension == Dimension::Source && group.iter().any(|word| identity.starts_with(word)) {
        return MatchExpr::all([MatchExpr::User(Vec::new().into()), open]);
    }
    open
}
