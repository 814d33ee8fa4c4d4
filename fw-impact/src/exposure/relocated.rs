//! Hosts that live behind another interface than before.
//!
//! Packets are compared as they enter, by the same interface on both sides. To
//! a host whose route is moved, that says nothing: what it sends comes in by
//! the old interface or by the new one, and answers to it leave by the new one
//! alone. So what it could do by the interface behind which it lived is
//! compared with what it can do by the one behind which it lives now.

use super::{Found, LOOKS};
use crate::graph::piece::Passage;
use crate::graph::{Disposition, Outcome};
use crate::packet_set::{Assumed, Product};
use crate::verdict::{Comparison, Joint, Within, run_within};
use fw_model::{Family, Flow};
use std::sync::Arc;

const IN_BEFORE: &str = "in by ";
const IN_AFTER: &str = " before, by ";
const AFTER: &str = " after";

/// The words for packets that come in by one interface before the change and
/// by another one after it.
#[must_use]
pub fn words(before: &str, after: &str) -> String {
    format!("{IN_BEFORE}{before}{IN_AFTER}{after}{AFTER}")
}

/// The interfaces of a path in such [`words`].
#[must_use]
pub fn interfaces(path: &str) -> Option<(&str, &str)> {
    let at = path.find(IN_BEFORE)?;
    let both = path.get(at + IN_BEFORE.len()..)?.strip_suffix(AFTER)?;
    both.split_once(IN_AFTER)
}

/// The interface by which an outcome's packets come in, if there is one.
pub(super) fn ingress(outcome: &Outcome) -> Option<&Arc<str>> {
    match outcome.crossings.first()?.ingress.as_ref()? {
        Passage::Interface(name) => Some(name),
        Passage::Open(_) => None,
    }
}

/// What becomes of the packets of a region by the interfaces behind which
/// their senders live on each side, where that is one and not the same one.
/// Where the configurations leave it open, there is nothing to compare.
pub(super) fn relocated(
    comparison: &Comparison<'_, '_>,
    flow: &Flow,
    family: Family,
    region: &Product,
) -> Found {
    let within = Within {
        budget: LOOKS,
        ..Within::default()
    };
    let (old, new) = (comparison.before, comparison.after);
    let mut out = Found::default();
    for before in run_within(old, flow, family, region, &Assumed::default(), &within) {
        out.looked += 1;
        let Some(came) = ingress(&before).cloned() else {
            continue;
        };
        let (entered, assumed) = (before.piece.entered(), before.piece.assumed.clone());
        let before = Arc::new(before);
        for after in run_within(new, flow, family, &entered, &assumed, &within) {
            out.looked += 1;
            if ingress(&after).is_none_or(|comes| *comes == came) {
                continue;
            }
            let transit = |o: &Outcome| o.disposition != Disposition::Local;
            let alike = before.disposition == after.disposition && after.piece.assumed.is_empty();
            if !transit(&before) || !transit(&after) || alike {
                continue;
            }
            out.relocated.push(Joint {
                family,
                product: after.piece.entered(),
                assumed: after.piece.assumed.clone(),
                before: Arc::clone(&before),
                after: Arc::new(after),
                same: false,
            });
        }
    }
    out
}

/// What such a joint's path is called.
pub(super) fn path_of(joint: &Joint) -> Option<String> {
    let name = |outcome: &Outcome| -> Option<String> {
        let by = outcome.crossings.first()?.ingress.as_ref();
        Some(outcome.piece.interface_words(by))
    };
    Some(words(&name(&joint.before)?, &name(&joint.after)?))
}
