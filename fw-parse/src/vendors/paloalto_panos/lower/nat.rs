//! NAT policy: first match on the packet as it came in, with the zone that
//! the original destination is routed to.

use super::matching::Missing;
use super::names::{Addresses, span};
use super::security::identity;
use super::{Lower, RuleLayer};
use crate::vendors::paloalto_panos::ast::{DestinationNat, Rule as Syntax, SourceNat};
use fw_model::match_expr::Dimension;
use fw_model::{
    Action, AddressSet, AddressTranslation, ConditionKind, Family, Filter, InterfaceSet,
    IntervalSet, MatchExpr, PortTranslation, Rule, Stage, StageKind, Translation, View,
};
use std::sync::Arc;

/// Source ports that address-and-port translation picks from.
const PORTS: (u128, u128) = (1024, 65535);

impl<'t> Lower<'t> {
    pub(super) fn read_nat(&mut self) -> Option<Stage> {
        let mut rules: Vec<Rule> = Vec::new();
        for layer in self.layers.clone() {
            for rule in &layer.rules.nat {
                if !rule.disabled {
                    self.nat_rule(rule, layer, &mut rules);
                }
            }
        }
        if rules.is_empty() {
            return None;
        }
        let default = Rule::new("no translation", MatchExpr::Always, Action::Permit);
        let id = self.device.add_filter(Filter {
            name: "nat".into(),
            rules,
            default,
        });
        Some(Stage {
            name: "nat policy".into(),
            kind: StageKind::Nat,
            filter: id,
            view: View::ORIGINAL,
        })
    }

    fn nat_rule(&mut self, rule: &'t Syntax<'t>, layer: RuleLayer<'t>, out: &mut Vec<Rule>) {
        let scope = layer.scope;
        let Some(mut matched) = self.matched(rule, scope, Missing::Refused) else {
            return;
        };
        if let Some(interface) = rule.nat.to_interface {
            let set = Arc::new(InterfaceSet::name(interface.text));
            matched.parts.push(MatchExpr::Egress(set));
        }
        let (service, _) = self.application_and_service(rule, scope, &mut matched.uses);
        matched.parts.push(service);
        if let Some(condition) = self.binding(rule) {
            matched.parts.push(condition);
        }
        let kind = rule.nat.kind.map_or("ipv4", |k| k.text);
        if kind == "ipv4" {
            matched.parts.push(MatchExpr::Family(Family::V4));
        }
        let place = span(self.names.source, rule.place);
        let name = identity(layer.label, rule.name);
        let translated = self.translation(
            rule,
            scope,
            kind,
            matched.destination.as_ref(),
            matched.source.as_ref(),
        );
        let (effects, action) = match translated {
            Ok(translation) if translation.is_empty() => (Vec::new(), Action::Permit),
            Ok(translation) => {
                let translation = translation.into_model(name.clone());
                (Vec::new(), Action::Translate(Arc::new(translation)))
            }
            Err(text) => self.untold(text, rule.place),
        };
        matched.uses.sort_unstable();
        matched.uses.dedup();
        out.push(Rule {
            name: rule.name.to_owned(),
            id: Some(name.clone()),
            span: Some(place),
            match_expr: MatchExpr::all(matched.parts),
            effects,
            action,
            treatments: Vec::new(),
            uses: matched.uses.clone(),
            assumption: None,
        });
        if let Some(source) = &rule.nat.source
            && source.bidirectional
            && source.kind.text == "static-ip"
        {
            let reverse = self.reverse(rule, source, scope, &name, matched.source.as_ref());
            out.extend(reverse);
        }
    }

    /// Rules of an active/active pair that are bound to one of the two.
    fn binding(&self, rule: &Syntax<'t>) -> Option<MatchExpr> {
        let binding = rule.nat.binding?;
        if binding.text == "both" {
            return None;
        }
        match &self.active_active_id {
            Some(id) if binding.text == "0" || binding.text == "1" => {
                (id != binding.text).then_some(MatchExpr::Never)
            }
            _ => {
                let text = format!("this device is {} of the pair", binding.text);
                let place = Some(span(self.names.source, binding.place));
                Some(MatchExpr::opaque(
                    ConditionKind::Environment,
                    text.clone(),
                    text,
                    place,
                ))
            }
        }
    }

    fn translation(
        &mut self,
        rule: &Syntax<'t>,
        scope: usize,
        kind: &str,
        destination: Option<&Addresses>,
        source: Option<&Addresses>,
    ) -> Result<Parts, String> {
        let mut out = Parts::default();
        if kind != "ipv4" {
            return Err(untranslatable(rule, kind));
        }
        if let Some(from) = &rule.nat.source {
            self.source_translation(from, scope, source, &mut out)?;
        }
        if let Some(to) = &rule.nat.destination {
            self.destination_translation(to, scope, destination, &mut out)?;
        }
        Ok(out)
    }

    fn source_translation(
        &mut self,
        from: &SourceNat<'t>,
        scope: usize,
        source: Option<&Addresses>,
        out: &mut Parts,
    ) -> Result<(), String> {
        if let Some(unknown) = from.unknown.first() {
            return Err(format!("source translation {}", unknown.text));
        }
        let mut pool: Vec<Arc<Addresses>> = from
            .addresses
            .iter()
            .map(|w| self.names.address(scope, *w))
            .collect();
        if let Some(word) = from.interface_address {
            pool.push(self.names.address(scope, word));
        }
        let open = pool
            .iter()
            .flat_map(|p| &p.open)
            .next()
            .map(|o| o.key.clone());
        let set = AddressSet::union_all(pool.iter().map(|p| &*p.set));
        let set = Arc::new(AddressSet::of(Family::V4, set.v4));
        let interface = from.interface.map(|i| i.text);
        let translated = match (open, set.is_empty(), interface) {
            (Some(key), _, _) => return Err(format!("source translation to {key}")),
            (None, false, _) => AddressTranslation::Pool(Arc::clone(&set)),
            (None, true, Some(name)) => self.interface_address(name),
            (None, true, None) => return Err("source translation to nothing".into()),
        };
        match from.kind.text {
            "dynamic-ip-and-port" | "persistent-dynamic-ip-and-port" => {
                out.source = Some(translated);
                out.source_port = Some(PortTranslation::Pool(IntervalSet::range(PORTS.0, PORTS.1)));
            }
            "dynamic-ip" => out.source = Some(translated),
            "static-ip" => {
                let shift = source.and_then(|s| one_to_one(s, &set));
                out.source = Some(shift.unwrap_or(translated));
            }
            other => return Err(format!("source translation {other}")),
        }
        Ok(())
    }

    /// The IPv4 address of an interface, if it is known.
    fn interface_address(&self, name: &str) -> AddressTranslation {
        let address = self
            .device
            .interface(name)
            .and_then(|i| i.addresses.iter().find(|a| a.addr().is_ipv4()));
        match address {
            Some(net) => AddressTranslation::Pool(Arc::new(AddressSet::host(net.addr()))),
            None => AddressTranslation::EgressInterface,
        }
    }

    fn destination_translation(
        &mut self,
        to: &DestinationNat<'t>,
        scope: usize,
        destination: Option<&Addresses>,
        out: &mut Parts,
    ) -> Result<(), String> {
        if let Some(unknown) = to.unknown.first() {
            return Err(format!("destination translation {}", unknown.text));
        }
        if let Some(word) = to.address {
            let found = self.names.address(scope, word);
            if let Some(open) = found.open.first() {
                return Err(format!("destination translation to {}", open.key));
            }
            let set = Arc::new(AddressSet::of(Family::V4, found.set.v4.clone()));
            let shift = destination.and_then(|d| one_to_one(d, &set));
            out.destination = Some(match shift {
                Some(shift) if !to.dynamic => shift,
                _ if to.dynamic || set.v4.count() == 1 => AddressTranslation::Pool(set),
                // The sizes differ, which the device refuses.
                _ => return Err(format!("destination translation to {set} of another size")),
            });
        }
        if let Some(word) = to.port {
            let port: u16 = word
                .text
                .parse()
                .map_err(|_| format!("destination translation to port {}", word.text))?;
            out.destination_port = Some(PortTranslation::Pool(IntervalSet::single(port.into())));
        }
        Ok(())
    }

    /// The rule for the opposite direction of a bidirectional translation:
    /// whoever addresses the translated address reaches the original one.
    fn reverse(
        &mut self,
        rule: &Syntax<'t>,
        source: &SourceNat<'t>,
        scope: usize,
        name: &str,
        original: Option<&Addresses>,
    ) -> Option<Rule> {
        self.assume(
            "bidirectional-nat",
            "a bidirectional static translation adds a rule from any zone to the destination zone of the rule, right behind it",
        );
        let parts: Vec<Arc<Addresses>> = source
            .addresses
            .iter()
            .map(|w| self.names.address(scope, *w))
            .collect();
        let public = super::addresses::joined(&parts);
        let mut conditions: Vec<MatchExpr> = Vec::new();
        conditions.extend(self.zones.side(&rule.to, false));
        conditions.push(MatchExpr::address(
            Dimension::Destination,
            Arc::clone(&public.set),
        ));
        conditions.push(MatchExpr::Family(Family::V4));
        if let Some(condition) = self.binding(rule) {
            conditions.push(condition);
        }
        let shift = original
            .filter(|o| o.open.is_empty() && public.open.is_empty())
            .and_then(|o| one_to_one(&public, &o.set));
        let place = Some(span(self.names.source, source.kind.place));
        let (effects, action) = match shift {
            Some(shift) => {
                let translation = Translation {
                    name: format!("{name} (reverse)"),
                    destination: Some(shift),
                    ..Translation::default()
                };
                (Vec::new(), Action::Translate(Arc::new(translation)))
            }
            None => {
                let text = format!("reverse of the bidirectional translation to {}", public.set);
                self.untold(text, source.kind.place)
            }
        };
        Some(Rule {
            name: format!("{} (reverse)", rule.name),
            id: Some(format!("{name} (reverse)")),
            span: place,
            match_expr: MatchExpr::all(conditions),
            effects,
            action,
            treatments: Vec::new(),
            uses: public.uses,
            assumption: None,
        })
    }
}

/// The words of a translation between families.
fn untranslatable(rule: &Syntax<'_>, kind: &str) -> String {
    let source = rule.nat.source.iter().flat_map(|s| &s.addresses);
    let destination = rule
        .nat
        .destination
        .iter()
        .filter_map(|d| d.address.as_ref());
    let words: Vec<&str> = source.chain(destination).map(|w| w.text).collect();
    format!("{kind} translation to {}", words.join(", "))
}

/// The n-th address of one range to the n-th of another of the same size.
fn one_to_one(from: &Addresses, to: &AddressSet) -> Option<AddressTranslation> {
    if !from.open.is_empty() {
        return None;
    }
    match (from.set.v4.ranges(), to.v4.ranges()) {
        ([(a, b)], [(c, d)]) if b - a == d - c => {
            Some(AddressTranslation::Shift { from: *a, to: *c })
        }
        _ => None,
    }
}

#[derive(Default)]
struct Parts {
    source: Option<AddressTranslation>,
    source_port: Option<PortTranslation>,
    destination: Option<AddressTranslation>,
    destination_port: Option<PortTranslation>,
}

impl Parts {
    fn is_empty(&self) -> bool {
        self.source.is_none() && self.destination.is_none() && self.destination_port.is_none()
    }

    fn into_model(self, name: String) -> Translation {
        Translation {
            name,
            source: self.source,
            destination: self.destination,
            source_port: self.source_port,
            destination_port: self.destination_port,
            egress: None,
            gateway: None,
            silent: false,
        }
    }
}
