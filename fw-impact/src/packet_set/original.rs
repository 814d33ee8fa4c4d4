//! What rules ask of packets as they entered, behind a translation.
//!
//! A stage's product holds the fields that the stage sees. A question about
//! the fields of before is answered before the stage: the packets are split
//! by every set that such a question names, and within a part each question
//! has one answer.

use super::product::{Dim, Product, Set};
use fw_model::{Device, Family, MatchExpr};
use std::sync::Arc;

/// The sets that the rules of a device ask packets for as they entered.
#[must_use]
pub fn asked(device: &Device, family: Family) -> Vec<(Dim, Set)> {
    let mut out: Vec<(Dim, Set)> = Vec::new();
    let mut note = |dim: Dim, set: Set| {
        let entry = (dim, set);
        if !out.contains(&entry) {
            out.push(entry);
        }
    };
    for rule in device.filters.iter().flat_map(|f| &f.rules) {
        rule.match_expr.walk(&mut |part| {
            let MatchExpr::Original(inner) = part else {
                return;
            };
            inner.walk(&mut |part| match part {
                MatchExpr::Source(set) => note(Dim::Source, Arc::new(set.family(family).clone())),
                MatchExpr::Destination(set) => {
                    note(Dim::Destination, Arc::new(set.family(family).clone()));
                }
                MatchExpr::Service(set) => {
                    for term in set.terms() {
                        note(Dim::Service, Arc::new(term.service.clone()));
                        note(Dim::SourcePort, Arc::new(term.source_ports.clone()));
                    }
                }
                _ => {}
            });
        });
    }
    out
}

/// The answer that all packets of a product have; `None` if they have several,
/// or if the question is about more than their fields.
#[must_use]
pub fn answer(expr: &MatchExpr, product: &Product, family: Family) -> Option<bool> {
    let within = |dim: Dim, set: &fw_model::IntervalSet| {
        let values = product.get(dim);
        if set.covers(values) {
            Some(true)
        } else if values.meets(set) {
            None
        } else {
            Some(false)
        }
    };
    match expr {
        MatchExpr::Always => Some(true),
        MatchExpr::Never => Some(false),
        MatchExpr::Family(wanted) => Some(*wanted == family),
        MatchExpr::Source(set) => within(Dim::Source, set.family(family)),
        MatchExpr::Destination(set) => within(Dim::Destination, set.family(family)),
        MatchExpr::Service(set) => any(set.terms().iter().map(|term| {
            all([
                within(Dim::Service, &term.service),
                within(Dim::SourcePort, &term.source_ports),
            ])
        })),
        MatchExpr::All(parts) => all(parts.iter().map(|p| answer(p, product, family))),
        MatchExpr::Any(parts) => any(parts.iter().map(|p| answer(p, product, family))),
        MatchExpr::Not(part) => answer(part, product, family).map(|a| !a),
        _ => None,
    }
}

fn all(answers: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut out = Some(true);
    for one in answers {
        match one {
            Some(false) => return Some(false),
            Some(true) => {}
            None => out = None,
        }
    }
    out
}

fn any(answers: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    all(answers.into_iter().map(|a| a.map(|a| !a))).map(|a| !a)
}
