//! What is done to packets that pass besides: timeouts, inspection, logging.

use super::{name, push};
use crate::describe::{decider, place};
use crate::graph::Side;
use crate::graph::device::via;
use crate::graph::journey::{Crossing, Outcome};
use crate::graph::piece::{DESTINATION, SOURCE, moved};
use crate::graph::side::DeviceSide;
use crate::packet_set::product::subtract_all;
use crate::packet_set::term::{Reading, SetPool, Translator};
use crate::packet_set::{Context, Product, Set};
use crate::report::{Change, ChangeSeverity};
use crate::verdict::Joint;
use fw_model::packet::{ConnectionState, tcp_flags};
use fw_model::{Flow, StageKind, Treatment, TreatmentKind, TreatmentRule};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The treatments of one kind that packets get: distinct values.
type Treated = BTreeMap<TreatmentKind, Vec<Treatment>>;

/// Adds the differences in treatment of packets that cross two versions of a
/// device.
pub(super) fn treatments(
    before: &Side<'_>,
    after: &Side<'_>,
    flow: &Flow,
    joint: &Joint,
    old: &Crossing,
    new: &Crossing,
    out: &mut Vec<Change>,
) {
    let (Some(was_on), Some(is_on)) = (
        before.devices.get(old.device),
        after.devices.get(new.device),
    ) else {
        return;
    };
    let same_device_rules = same(&was_on.device.treatments, &is_on.device.treatments);
    let mut was = of_rules(before, &joint.before, old.device);
    let mut is = of_rules(after, &joint.after, new.device);
    if was.is_empty() && is.is_empty() && same_device_rules {
        return;
    }
    let product = &joint.product;
    of_device(
        before,
        was_on,
        flow,
        (&joint.before, old),
        product,
        &mut was,
    );
    of_device(after, is_on, flow, (&joint.after, new), product, &mut is);
    let mut kinds: Vec<TreatmentKind> = was.keys().chain(is.keys()).copied().collect();
    kinds.sort_unstable();
    kinds.dedup();
    let none = Vec::new();
    for kind in kinds {
        let (was, is) = (
            was.get(&kind).unwrap_or(&none),
            is.get(&kind).unwrap_or(&none),
        );
        let values = |t: &[Treatment]| {
            let mut values: Vec<&str> = t.iter().map(|t| t.value.as_str()).collect();
            values.sort_unstable();
            values.dedup();
            values.join(", ")
        };
        let (was_text, is_text) = (values(was), values(is));
        if was_text == is_text {
            continue;
        }
        let (severity, note) = severity(kind, was, is, flow);
        let (on_after, place_of) = match (
            is.iter().find_map(|t| t.span),
            was.iter().find_map(|t| t.span),
        ) {
            (Some(span), _) => (true, Some(span)),
            (None, span) => (false, span),
        };
        let snapshot = if on_after {
            after.snapshot
        } else {
            before.snapshot
        };
        let (file, line, _) = place(snapshot, place_of);
        let or_none = |text: String| if text.is_empty() { "none".into() } else { text };
        push(
            out,
            Change {
                kind: kind.as_str().into(),
                before: or_none(was_text),
                after: or_none(is_text),
                severity,
                note,
                device: Some(name(after, new.device).to_owned()),
                file,
                line,
            },
        );
    }
}

/// True if two lists mean the same, wherever they stand.
fn same(a: &[TreatmentRule], b: &[TreatmentRule]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            a.match_expr == b.match_expr
                && a.treatment.kind == b.treatment.kind
                && a.treatment.value == b.treatment.value
        })
}

fn of_rules(side: &Side<'_>, outcome: &Outcome, device: usize) -> Treated {
    let mut out = Treated::new();
    for visit in &outcome.visits {
        if visit.device != device || visit.reply || visit.kind != StageKind::Policy {
            continue;
        }
        let Some((rule, _)) = decider(side, visit) else {
            continue;
        };
        for treatment in &rule.treatments {
            out.entry(treatment.kind)
                .or_default()
                .push(treatment.clone());
        }
    }
    out
}

/// Adds what the device's own list gives to the packets, where no rule did.
fn of_device(
    side: &Side<'_>,
    here: &DeviceSide<'_>,
    flow: &Flow,
    (outcome, crossing): (&Outcome, &Crossing),
    product: &Product,
    out: &mut Treated,
) {
    let device = here.device;
    let family = outcome.piece.family;
    let ends = [crossing.ingress.as_ref(), crossing.egress.as_ref()];
    let ways = outcome.piece.region(&crossing.original, ends).ways;
    let context = Context {
        family,
        ingress: via(crossing.ingress.as_ref()),
        egress: via(crossing.egress.as_ref()),
        state: ConnectionState::New,
        untracked: false,
        tcp_flags: tcp_flags::SYN,
        now: side.now,
        application: flow.application.as_deref().map(Arc::from),
        user: flow
            .user
            .as_ref()
            .map(|user| user.as_deref().map(Arc::from)),
        source_by: crossing.source_by.clone(),
        destination_by: crossing.destination_by.clone(),
        source_moved: moved(&crossing.original, &crossing.translated, SOURCE),
        destination_moved: moved(&crossing.original, &crossing.translated, DESTINATION),
        moved: false,
        origin: None,
        of_origin: false,
        local: None,
    };
    let mut pool = SetPool::default();
    let mut left: BTreeMap<TreatmentKind, Vec<Product>> = BTreeMap::new();
    let by_rule: Vec<TreatmentKind> = out.keys().copied().collect();
    for rule in &device.treatments {
        let kind = rule.treatment.kind;
        if by_rule.contains(&kind) && kind != TreatmentKind::Inspection {
            continue;
        }
        let rest = left.entry(kind).or_insert_with(|| vec![product.clone()]);
        if rest.is_empty() {
            continue;
        }
        let terms = Translator {
            device,
            context: &context,
            interfaces: here.interfaces(),
            conditions: side.conditions,
            pool: &mut pool,
            reading: Reading::Exact,
        }
        .terms(&rule.match_expr);
        for term in terms {
            let [a, b, c, d, ingress, egress] = term.sets;
            let mut matched = Product::everything(family);
            for (slot, set) in matched.sets.iter_mut().zip([a, b, c, d]) {
                if let Some(set) = set {
                    *slot = set;
                }
            }
            let wanted = [ingress, egress];
            let on_way = |holds: fn(&Set, &Set) -> bool| {
                ways.iter()
                    .zip(&wanted)
                    .all(|(way, wanted)| wanted.as_ref().is_none_or(|w| holds(w, way)))
            };
            if on_way(|wanted, way| wanted.meets(way)) && rest.iter().any(|r| r.meets(&matched)) {
                let list = out.entry(kind).or_default();
                if !list.contains(&rule.treatment) {
                    list.push(rule.treatment.clone());
                }
                // All inspections that match apply; of every other kind the
                // first one does.
                if kind != TreatmentKind::Inspection
                    && term.clause.is_empty()
                    && on_way(|wanted, way| wanted.covers(way))
                {
                    *rest = subtract_all(std::mem::take(rest), [&matched]);
                }
            }
        }
    }
}

/// How grave a change of treatment is for a flow.
fn severity(
    kind: TreatmentKind,
    was: &[Treatment],
    is: &[Treatment],
    flow: &Flow,
) -> (ChangeSeverity, Option<String>) {
    use ChangeSeverity::{High, Low, Medium};
    match kind {
        TreatmentKind::SessionTimeout => {
            // The shortest timeout counts; "never" is longer than any.
            let shortest = |t: &[Treatment]| {
                t.iter()
                    .map(|t| t.seconds().unwrap_or(u64::MAX))
                    .min()
                    .unwrap_or(u64::MAX)
            };
            let (old, new) = (shortest(was), shortest(is));
            match flow.keepalive {
                Some(keepalive) if new < keepalive.saturating_mul(2) && new < old => {
                    (High, Some(format!("below 2 x keepalive {keepalive}s")))
                }
                _ if new >= old => (Low, None),
                _ if flow.idle_sensitive => (
                    High,
                    Some("sessions of this service are idle for long".into()),
                ),
                _ => (Medium, None),
            }
        }
        TreatmentKind::TlsDecryption if flow.tls => (
            High,
            Some("clients that check the certificate may fail".into()),
        ),
        TreatmentKind::TlsDecryption
        | TreatmentKind::Inspection
        | TreatmentKind::SecurityProfile => (Medium, None),
        // Whether the packet's own application is among them is a matter of
        // what passes, which is judged by itself.
        TreatmentKind::Application if !was.is_empty() && !is.is_empty() => (Low, None),
        TreatmentKind::Application => (
            High,
            Some("passes only if it is identified as this application".into()),
        ),
        TreatmentKind::StateBypass => (High, None),
        TreatmentKind::Logging => {
            let off = |t: &[Treatment]| {
                t.is_empty()
                    || t.iter()
                        .filter_map(|t| t.value.split_whitespace().last())
                        .all(|word| matches!(word, "disable" | "off" | "none"))
            };
            if off(is) && !off(was) {
                (Medium, Some("log reviews no longer see it".into()))
            } else {
                (Low, None)
            }
        }
        TreatmentKind::NatMode => (
            Medium,
            Some("the peer may see other source ports, or the pool may run out".into()),
        ),
        TreatmentKind::Qos => (Low, None),
    }
}
