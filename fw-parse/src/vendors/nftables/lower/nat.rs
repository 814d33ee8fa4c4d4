//! Translations.

use super::super::ast::{Data, Element, Expr, Nat, NatKind};
use super::values::{Collector, Field, Values};
use super::{Lowering, Scope};
use fw_model::{
    AddressSet, AddressTranslation, Dimension, Family, IntervalSet, MatchExpr, PortTranslation,
    Translation,
};
use std::net::IpAddr;
use std::sync::Arc;

const PORT: Field = Field::Port {
    protocols: &[],
    source: false,
};

/// Which family a constant address is of.
fn family_of(expr: &Expr) -> Option<Family> {
    match expr {
        Expr::Value(text) => text.parse::<IpAddr>().ok().map(Family::of),
        Expr::Prefix(inner, _) | Expr::Range(inner, _) => family_of(inner),
        Expr::Concat(parts) => parts.iter().find_map(family_of),
        Expr::Set(elements) => elements.iter().find_map(|e| match &e.data {
            Some(Data::Expr(value)) => family_of(value),
            _ => None,
        }),
        _ => None,
    }
}

fn constant(field: &Field, expr: &Expr) -> Option<Values> {
    let mut collector = Collector::default();
    collector.add(field, expr);
    let values = collector.finish();
    values.unresolved.is_empty().then_some(values)
}

fn port_pool(expr: &Expr) -> Option<PortTranslation> {
    Some(PortTranslation::Pool(constant(&PORT, expr)?.numbers))
}

fn address_pool(family: Family, expr: &Expr) -> Option<AddressTranslation> {
    let field = Field::Address(Dimension::Source, family);
    let numbers = constant(&field, expr)?.numbers;
    Some(AddressTranslation::Pool(Arc::new(AddressSet::of(
        family, numbers,
    ))))
}

/// An address with a port, as map data gives it.
type Target = (Option<Expr>, Option<Expr>);

fn split(value: &Expr) -> Target {
    match value {
        Expr::Concat(parts) => {
            let mut parts = parts.iter().cloned();
            (parts.next(), parts.next())
        }
        Expr::Value(text) => match text.rsplit_once(':') {
            Some((address, port)) if address.parse::<IpAddr>().is_ok() && text.contains('.') => (
                Some(Expr::Value(address.into())),
                Some(Expr::Value(port.into())),
            ),
            _ => (Some(value.clone()), None),
        },
        other => (Some(other.clone()), None),
    }
}

impl Lowering<'_> {
    /// The translations of a statement, each with the condition on a map's
    /// key. `None` if the model cannot express it.
    pub fn translations(
        &mut self,
        scope: &mut Scope<'_>,
        nat: &Nat,
    ) -> Option<Vec<(MatchExpr, Translation)>> {
        let written = match nat.family.as_deref() {
            Some("ip") => Some(Family::V4),
            Some("ip6") => Some(Family::V6),
            _ => None,
        };
        let by_map = match &nat.address {
            Some(Expr::Map(_, data)) => match &**data {
                Expr::Named(_) => family_of(&self.resolved(scope, data)),
                data => family_of(data),
            },
            Some(address) => family_of(address),
            None => None,
        };
        let family = written.or(scope.family()).or(by_map);
        let gate = family.map_or(MatchExpr::Always, |f| self.family(scope, f));
        match (&nat.address, &nat.port) {
            (Some(Expr::Map(key, data)), None) => {
                self.mapped(scope, nat, family?, key, data, &gate)
            }
            (None, Some(Expr::Map(key, data))) => {
                let read = |e: &Element| match &e.data {
                    Some(Data::Expr(value)) => Some(value.clone()),
                    _ => None,
                };
                let groups = self.map_groups(scope, key, data, &read)?;
                groups
                    .into_iter()
                    .map(|(value, part, _)| {
                        let translation = translation(scope, nat, family, None, Some(&value))?;
                        Some((MatchExpr::all([gate.clone(), part]), translation))
                    })
                    .collect()
            }
            (Some(Expr::Map(..)), Some(_)) | (_, Some(Expr::Map(..))) => None,
            (address, port) => Some(vec![(
                gate,
                translation(scope, nat, family, address.as_ref(), port.as_ref())?,
            )]),
        }
    }

    fn mapped(
        &mut self,
        scope: &mut Scope<'_>,
        nat: &Nat,
        family: Family,
        key: &Expr,
        data: &Expr,
        gate: &MatchExpr,
    ) -> Option<Vec<(MatchExpr, Translation)>> {
        if nat.prefix {
            return self.netmap(scope, nat, family, key, data, gate);
        }
        let read = |e: &Element| match &e.data {
            Some(Data::Expr(value)) => Some(value.clone()),
            _ => None,
        };
        let groups = self.map_groups(scope, key, data, &read)?;
        groups
            .into_iter()
            .map(|(value, part, _)| {
                let (address, port) = split(&value);
                let translation =
                    translation(scope, nat, Some(family), address.as_ref(), port.as_ref())?;
                Some((MatchExpr::all([gate.clone(), part]), translation))
            })
            .collect()
    }

    /// `snat prefix to ip saddr map { A/24 : B/24 }`: host bits stay.
    fn netmap(
        &mut self,
        scope: &mut Scope<'_>,
        nat: &Nat,
        family: Family,
        key: &Expr,
        data: &Expr,
        gate: &MatchExpr,
    ) -> Option<Vec<(MatchExpr, Translation)>> {
        let keys = self.map_keys(scope, key)?;
        let [only] = keys.as_slice() else { return None };
        let dimension = match nat.kind {
            NatKind::Snat => Dimension::Source,
            _ => Dimension::Destination,
        };
        let field = Field::Address(dimension, family);
        if only.field != Ok(field.clone()) {
            return None;
        }
        let Expr::Set(elements) = self.resolved(scope, data) else {
            return None;
        };
        if let Expr::Named(name) = data
            && let Some(at) = self.set(scope, name)
        {
            self.use_set(scope, at);
        }
        let mut out = Vec::new();
        for element in &elements {
            let Some(Data::Expr(target)) = &element.data else {
                return None;
            };
            let from = constant(&field, &element.key)?.numbers;
            let to = constant(&field, target)?.numbers;
            if from.count() != to.count() {
                return None;
            }
            let change = AddressTranslation::Shift {
                from: from.first()?,
                to: to.first()?,
            };
            let mut translation = named(scope, nat);
            if dimension == Dimension::Source {
                translation.source = Some(change);
            } else {
                translation.destination = Some(change);
            }
            let part = MatchExpr::address(dimension, Arc::new(AddressSet::of(family, from)));
            out.push((MatchExpr::all([gate.clone(), part]), translation));
        }
        Some(out)
    }
}

fn named(scope: &Scope<'_>, nat: &Nat) -> Translation {
    let word = match nat.kind {
        NatKind::Snat => "snat",
        NatKind::Dnat => "dnat",
        NatKind::Masquerade => "masquerade",
        NatKind::Redirect => "redirect",
    };
    Translation {
        name: format!("{} {word}", scope.chain),
        ..Translation::default()
    }
}

fn translation(
    scope: &Scope<'_>,
    nat: &Nat,
    family: Option<Family>,
    address: Option<&Expr>,
    port: Option<&Expr>,
) -> Option<Translation> {
    let mut out = named(scope, nat);
    let port = match port {
        Some(port) => Some(port_pool(port)?),
        None => None,
    };
    let address = match (nat.kind, address) {
        (NatKind::Masquerade, _) => Some(AddressTranslation::EgressInterface),
        (NatKind::Redirect, _) if scope.variant.ingress => {
            Some(AddressTranslation::IngressInterface)
        }
        // What the host itself sends goes to its loopback address.
        (NatKind::Redirect, _) => {
            let mut own = AddressSet::empty();
            own.v4 = IntervalSet::single(0x7f00_0001);
            own.v6 = IntervalSet::single(1);
            Some(AddressTranslation::Pool(Arc::new(own)))
        }
        (_, Some(Expr::Prefix(..))) if nat.prefix => return None,
        (_, Some(address)) => Some(address_pool(family?, address)?),
        (_, None) => None,
    };
    if address.is_none() && port.is_none() {
        return None;
    }
    match nat.kind {
        NatKind::Snat | NatKind::Masquerade => {
            out.source = address;
            out.source_port = port;
        }
        NatKind::Dnat | NatKind::Redirect => {
            out.destination = address;
            out.destination_port = port;
        }
    }
    Some(out)
}
