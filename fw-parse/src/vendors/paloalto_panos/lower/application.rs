//! Application and service of a rule.
//!
//! A rule that names applications matches a packet's ports at once, and the
//! session only once the application is identified. So the part that ports
//! decide is exact, and the identification is a condition on the application.

use super::names::{App, Open, Services};
use super::{Lower, service};
use crate::vendors::paloalto_panos::applications::{carriers, default_ports, known, ports_of};
use crate::vendors::paloalto_panos::ast::{Application, Rule, Word};
use crate::vendors::paloalto_panos::digest;
use crate::vendors::paloalto_panos::tree::Place;
use fw_model::service::{ICMP, ICMPV6};
use fw_model::{Condition, ConditionKind, DefaultPorts, DefinitionId, MatchExpr, ServiceSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many application overrides are spelled out in every rule.
const OVERRIDES: usize = 24;

/// Services of a rule with their own idle timeout in seconds.
pub(super) type RuleTimeout = (Arc<ServiceSet>, u64, Place);

/// One application of a rule.
struct Term {
    name: String,
    /// Services that can turn out to be it.
    carrier: ServiceSet,
    /// Services that are it whatever they carry.
    certain: Option<ServiceSet>,
    /// Where `application-default` permits it; `None`: not known.
    default: Option<ServiceSet>,
    decrypted: ServiceSet,
    /// What its definition says of ports, where that is not understood.
    detail: String,
    /// The name may stand for more than this application.
    open: Option<Open>,
}

/// What an application override makes of traffic.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    /// Condition (with those of earlier rules excluded) and application.
    list: Vec<(MatchExpr, String)>,
    /// No override matches.
    none: Option<MatchExpr>,
    /// Too many of them to be spelled out: an identity of the whole list.
    beyond: Option<u64>,
}

impl Overrides {
    /// The rules, unless there are too many of them.
    pub(super) fn spelled_out(&self) -> Vec<(MatchExpr, String)> {
        match self.beyond {
            None => self.list.clone(),
            Some(_) => Vec::new(),
        }
    }
}

/// The service part of a rule.
enum Restriction {
    Any,
    Default,
    Listed(Services),
}

impl<'t> Lower<'t> {
    /// Reads the override rules; they have to be known before others.
    pub(super) fn read_overrides(&mut self) {
        let mut seen: Vec<MatchExpr> = Vec::new();
        let mut out = Overrides::default();
        for (scope, rule) in self.rules(|r| &r.overrides) {
            if rule.disabled {
                continue;
            }
            let Some(matched) = self.matched(rule, scope, super::matching::Missing::Refused) else {
                continue;
            };
            let mut parts = matched.parts;
            let ports = rule.protocol.zip(rule.port);
            match ports.and_then(|(p, n)| ports_of(&format!("{}/{}", p.text, n.text))) {
                Some(set) => parts.push(MatchExpr::Service(Arc::new(set))),
                None => parts.push(
                    Open::not_understood("application override without ports".into(), rule.place)
                        .condition(self.names.source),
                ),
            }
            let here = MatchExpr::all(parts);
            // Past the limit the list is an identity and nothing else.
            let earlier = match out.list.len() > OVERRIDES {
                true => MatchExpr::Always,
                false => MatchExpr::any(seen.iter().cloned()).negate(),
            };
            let name = rule.applications.first().map_or("", |a| a.text).to_owned();
            let first = MatchExpr::all([here.clone(), earlier]);
            out.list.push((first, name));
            seen.push(here);
        }
        if out.list.len() > OVERRIDES {
            out.beyond = Some(digest(&format!("{:?}", out.list)));
        }
        if !seen.is_empty() {
            out.none = Some(MatchExpr::any(seen).negate());
        }
        self.overrides = out;
    }

    /// The session turns out to be one of these applications.
    fn identified(&self, names: &[String]) -> MatchExpr {
        let plain = MatchExpr::Application(names.into());
        let Some(none) = &self.overrides.none else {
            return plain;
        };
        if let Some(rules) = self.overrides.beyond {
            let text = format!("application {} among overrides", names.join(", "));
            let key = format!("{text} {rules:016x}");
            return MatchExpr::opaque(ConditionKind::Content, key, text, None);
        }
        let by_override = self
            .overrides
            .list
            .iter()
            .filter(|(_, app)| names.contains(app))
            .map(|(expr, _)| expr.clone());
        let otherwise = MatchExpr::all([none.clone(), plain]);
        MatchExpr::any(by_override.chain([otherwise]))
    }

    /// The condition on application and service of a rule, and the parts of
    /// the services that have idle timeouts of their own.
    pub(super) fn application_and_service(
        &mut self,
        rule: &Rule<'t>,
        scope: usize,
        uses: &mut Vec<DefinitionId>,
    ) -> (MatchExpr, Vec<RuleTimeout>) {
        let restriction = self.restriction(&rule.services, scope, uses);
        let timeouts = match &restriction {
            Restriction::Listed(services) => services.timeouts.clone(),
            _ => Vec::new(),
        };
        let any = rule.applications.is_empty() || rule.applications.iter().any(|a| a.text == "any");
        let expr = if any {
            self.any_application(&restriction)
        } else {
            let terms = self.terms(&rule.applications, scope, uses);
            self.named_applications(terms, &restriction)
        };
        (expr, timeouts)
    }

    fn restriction(
        &mut self,
        words: &[Word<'t>],
        scope: usize,
        uses: &mut Vec<DefinitionId>,
    ) -> Restriction {
        if words.is_empty() || words.iter().any(|w| w.text == "any") {
            return Restriction::Any;
        }
        let default = |w: &&Word<'_>| w.text == "application-default";
        if words.iter().all(|w| default(&w)) {
            return Restriction::Default;
        }
        let mut parts: Vec<Arc<Services>> = words
            .iter()
            .filter(|w| !default(w))
            .map(|w| self.names.service(scope, *w))
            .collect();
        if let Some(word) = words.iter().find(default) {
            // The device commits no such list.
            let text = "application-default beside other services".to_owned();
            parts.push(Arc::new(Services {
                open: vec![Open::not_understood(text, word.place)],
                ..Services::default()
            }));
        }
        let all = service::joined(&parts);
        uses.extend(all.uses.iter().copied());
        Restriction::Listed(all)
    }

    fn any_application(&mut self, restriction: &Restriction) -> MatchExpr {
        match restriction {
            Restriction::Any => MatchExpr::Always,
            Restriction::Listed(services) => self.listed(services),
            // Whatever the protocol alone identifies runs nowhere else; for
            // the rest it depends on what the traffic turns out to be.
            Restriction::Default => {
                self.names.used_default_ports = true;
                let runs = if self.overrides.none.is_some() {
                    let text = "the application runs on a default port of its own";
                    MatchExpr::opaque(ConditionKind::Content, text, text, None)
                } else {
                    MatchExpr::DefaultPort(self.default_ports())
                };
                MatchExpr::any([MatchExpr::Service(Arc::new(carriers().complement())), runs])
            }
        }
    }

    /// Where applications run by default, custom ones included.
    fn default_ports(&mut self) -> Arc<DefaultPorts> {
        if let Some(done) = &self.default_ports {
            return Arc::clone(done);
        }
        let mut table = Arc::clone(default_ports(self.decrypts));
        let mut seen: Vec<&str> = Vec::new();
        for custom in self.names.all_applications() {
            let name = custom.name.text;
            // Timers of a predefined application that were changed.
            let plain = custom.ports.is_empty() && known(name).is_some();
            if plain || seen.contains(&name) {
                continue;
            }
            seen.push(name);
            let ports = &mut Arc::make_mut(&mut table).0;
            match custom_term(custom).default {
                Some(set) => ports.insert(name.to_owned(), set),
                None => ports.remove(name),
            };
        }
        self.default_ports = Some(Arc::clone(&table));
        table
    }

    fn listed(&self, services: &Services) -> MatchExpr {
        let mut parts = Vec::with_capacity(1);
        if !services.set.is_empty() {
            parts.push(MatchExpr::Service(Arc::clone(&services.set)));
        }
        parts.extend(services.open.iter().map(|o| o.condition(self.names.source)));
        MatchExpr::any(parts)
    }

    fn terms(
        &mut self,
        words: &[Word<'t>],
        scope: usize,
        uses: &mut Vec<DefinitionId>,
    ) -> Vec<Term> {
        let mut out = Vec::new();
        for word in words {
            for app in self.names.applications(scope, *word, uses) {
                out.push(match app {
                    App::Custom(custom) => custom_term(custom),
                    App::Filter(filter) => Term {
                        name: filter.name.text.to_owned(),
                        carrier: ServiceSet::any(),
                        certain: None,
                        default: None,
                        decrypted: ServiceSet::empty(),
                        detail: String::new(),
                        open: Some(Open {
                            name: None,
                            key: format!("application of the filter {}", filter.text),
                            kind: ConditionKind::Content,
                            place: word.place,
                        }),
                    },
                    App::Other(name, place) => predefined_term(name, place),
                });
            }
        }
        out
    }

    fn named_applications(&mut self, terms: Vec<Term>, restriction: &Restriction) -> MatchExpr {
        // Applications with the same ports share one condition.
        let mut groups: BTreeMap<String, (ServiceSet, Vec<String>)> = BTreeMap::new();
        let mut certain: Vec<ServiceSet> = Vec::new();
        let mut parts: Vec<MatchExpr> = Vec::new();
        for term in terms {
            if matches!(restriction, Restriction::Default) {
                self.names.used_default_ports |= term.open.is_none();
            }
            if let Some(set) = &term.certain {
                certain.push(set.clone());
                let rest = term.carrier.intersect(&set.complement());
                if rest.is_empty() {
                    continue;
                }
            }
            let allowed = match restriction {
                Restriction::Default => term.default.clone(),
                _ => Some(term.carrier.clone()),
            };
            if let Some(open) = term.open {
                let who = MatchExpr::any([
                    self.identified(std::slice::from_ref(&term.name)),
                    open.condition(self.names.source),
                ]);
                parts.push(self.restricted(
                    &allowed,
                    &format!("{} {}", term.name, term.detail),
                    restriction,
                    who,
                ));
                continue;
            }
            match allowed {
                Some(set) => {
                    let entry = groups
                        .entry(set.to_string())
                        .or_insert_with(|| (set, Vec::new()));
                    entry.1.push(term.name.clone());
                }
                None => {
                    let who = self.identified(std::slice::from_ref(&term.name));
                    parts.push(self.restricted(
                        &None,
                        &format!("{} {}", term.name, term.detail),
                        restriction,
                        who,
                    ));
                }
            }
            if matches!(restriction, Restriction::Default)
                && !term.decrypted.is_empty()
                && self.decrypts
            {
                let text = format!("decrypted {}", term.name);
                parts.push(MatchExpr::all([
                    MatchExpr::Service(Arc::new(term.decrypted)),
                    self.identified(std::slice::from_ref(&term.name)),
                    MatchExpr::opaque(ConditionKind::Content, text.clone(), text, None),
                ]));
            }
        }
        for (set, names) in groups.into_values() {
            let mut names = names;
            names.sort_unstable();
            names.dedup();
            let who = self.identified(&names);
            parts.push(self.restricted(&Some(set), "", restriction, who));
        }
        if !certain.is_empty() {
            let set = ServiceSet::union_all(&certain);
            parts.push(match restriction {
                Restriction::Listed(services) => {
                    MatchExpr::all([MatchExpr::Service(Arc::new(set)), self.listed(services)])
                }
                _ => MatchExpr::Service(Arc::new(set)),
            });
        }
        MatchExpr::any(parts)
    }

    /// `who` on the services that both the application and the rule allow.
    fn restricted(
        &self,
        allowed: &Option<ServiceSet>,
        name: &str,
        restriction: &Restriction,
        who: MatchExpr,
    ) -> MatchExpr {
        let ports = match (restriction, allowed) {
            (Restriction::Listed(services), Some(carrier)) => {
                let both = services.set.intersect(carrier);
                let mut parts = Vec::new();
                if !both.is_empty() {
                    parts.push(MatchExpr::Service(Arc::new(both)));
                }
                parts.extend(services.open.iter().map(|o| o.condition(self.names.source)));
                MatchExpr::any(parts)
            }
            (Restriction::Listed(services), None) => self.listed(services),
            (_, Some(set)) if set.is_empty() => MatchExpr::Never,
            (_, Some(set)) if *set == ServiceSet::any() => MatchExpr::Always,
            (_, Some(set)) => MatchExpr::Service(Arc::new(set.clone())),
            (Restriction::Any, None) => MatchExpr::Always,
            (Restriction::Default, None) => {
                let text = format!("default ports of application {name}");
                MatchExpr::Opaque(Arc::new(Condition {
                    key: text.clone(),
                    kind: ConditionKind::Environment,
                    text,
                    span: None,
                }))
            }
        };
        MatchExpr::all([ports, who])
    }
}

fn predefined_term(name: &str, place: Place) -> Term {
    match known(name) {
        Some(known) => {
            let mut carrier = carriers().union(&known.ports);
            if known.certain.is_some() {
                carrier = known.ports.clone();
            }
            Term {
                name: name.to_owned(),
                carrier,
                certain: known.certain,
                default: (!known.portless).then_some(known.ports),
                decrypted: known.decrypted,
                detail: String::new(),
                open: None,
            }
        }
        // It may be newer than the table, or a container of several.
        None => Term {
            name: name.to_owned(),
            carrier: ServiceSet::any(),
            certain: None,
            default: None,
            decrypted: ServiceSet::empty(),
            detail: String::new(),
            open: Some(Open {
                name: None,
                key: format!("application {name} or one that it contains"),
                kind: ConditionKind::Content,
                place,
            }),
        },
    }
}

fn custom_term(custom: &Application<'_>) -> Term {
    let mut sets: Vec<ServiceSet> = Vec::new();
    let mut understood = custom.unknown.is_empty();
    for port in &custom.ports {
        match ports_of(port.text) {
            Some(set) => sets.push(set),
            None => understood = false,
        }
    }
    if let Some(protocol) = custom.ip_protocol {
        match protocol.text.parse() {
            Ok(number) => sets.push(ServiceSet::protocol(number)),
            Err(_) => understood = false,
        }
    }
    for (identity, protocol) in [(custom.icmp, ICMP), (custom.icmp6, ICMPV6)] {
        let Some(identity) = identity else { continue };
        let kind = identity.kind.and_then(|k| k.text.parse().ok());
        let code = identity.code.map(|c| c.text.parse());
        match (kind, code) {
            (Some(kind), None) => sets.push(ServiceSet::icmp(protocol, kind, None)),
            (Some(kind), Some(Ok(code))) => {
                sets.push(ServiceSet::icmp(protocol, kind, Some(code)));
            }
            _ => understood = false,
        }
    }
    let default = ServiceSet::union_all(&sets);
    Term {
        name: custom.name.text.to_owned(),
        carrier: carriers().union(&default),
        certain: None,
        default: (understood && !default.is_empty()).then_some(default),
        decrypted: ServiceSet::empty(),
        detail: custom_detail(custom),
        open: None,
    }
}

fn custom_detail(custom: &Application<'_>) -> String {
    let ports = custom.ports.iter().map(|p| p.text);
    let identities = [custom.icmp, custom.icmp6].into_iter().flatten();
    let types = identities
        .flat_map(|i| [i.kind, i.code])
        .flatten()
        .map(|w| w.text);
    let unknown = custom.unknown.iter().map(|u| u.text.as_str());
    let parts: Vec<&str> = ports
        .chain(custom.ip_protocol.iter().map(|p| p.text))
        .chain(types)
        .chain(unknown)
        .collect();
    parts.join(" ")
}
