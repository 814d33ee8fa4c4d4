//! What happens differently to packets that pass on both sides.

use crate::describe::{decider, place};
use crate::graph::device::via;
use crate::graph::journey::{Crossing, Outcome};
use crate::graph::piece::{DESTINATION, Field, Passage, Piece, SOURCE, field, moved};
use crate::graph::side::DeviceSide;
use crate::graph::{Disposition, Side};
use crate::packet_set::product::{Dim, subtract_all};
use crate::packet_set::term::{Reading, SetPool, Translator};
use crate::packet_set::{Context, Product, Set};
use crate::report::{Change, ChangeSeverity};
use crate::verdict::{Joint, Judgement, Part};
use fw_model::address::range_text;
use fw_model::packet::{ConnectionState, tcp_flags};
use fw_model::service::port_text;
use fw_model::{Family, Flow, IntervalSet, StageKind, Treatment, TreatmentKind, TreatmentRule};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The differences in translation of packets that pass on both sides.
#[must_use]
pub fn translations(before: &Side<'_>, after: &Side<'_>, joints: &[Joint]) -> Vec<Change> {
    let mut out = Vec::new();
    for joint in joints {
        for (old, new) in joint.before.crossings.iter().zip(&joint.after.crossings) {
            if same_device(before, old.device, after, new.device) {
                translation(before, after, joint, old, new, &mut out);
            }
        }
    }
    tidy(&mut out);
    out
}

/// Sorts changes, the worst first; many rules that change in the same way are
/// one change.
pub fn tidy(changes: &mut Vec<Change>) {
    changes.sort_by(|a, b| (b.severity, a).cmp(&(a.severity, b)));
    changes.dedup_by(|a, b| {
        (&a.kind, &a.before, &a.after, &a.device) == (&b.kind, &b.before, &b.after, &b.device)
    });
}

/// The differences in treatment of the packets of a flow that pass on both
/// sides, worst first.
#[must_use]
pub fn changes(
    before: &Side<'_>,
    after: &Side<'_>,
    flow: &Flow,
    judgement: &Judgement,
) -> Vec<Change> {
    let mut out = Vec::new();
    let anyway = pass_anyway(judgement);
    for (at, joint) in judgement.joints.iter().enumerate() {
        if joint.same
            || joint.before.disposition != Disposition::Permitted
            || joint.after.disposition != Disposition::Permitted
        {
            continue;
        }
        if !path(before, after, joint, &mut out) {
            return_path(before, after, joint, &mut out);
        }
        for (old, new) in joint.before.crossings.iter().zip(&joint.after.crossings) {
            if !same_device(before, old.device, after, new.device) {
                continue;
            }
            translation(before, after, joint, old, new, &mut out);
            let mut found = Vec::new();
            treatments(before, after, flow, joint, old, new, &mut found);
            if anyway.contains(&at) {
                // Whatever they turn out to be, some rule permits them.
                let application = TreatmentKind::Application.as_str();
                found.retain(|change| change.kind != application);
            }
            out.append(&mut found);
        }
    }
    tidy(&mut out);
    out
}

/// The joints of packets that pass after the change on every branch of what
/// cannot be decided, where there are several.
fn pass_anyway(judgement: &Judgement) -> FxHashSet<usize> {
    let (sure, open): (Vec<&Part>, Vec<&Part>) = judgement
        .cells
        .iter()
        .partition(|c| c.after == Some(true) && c.members.len() > 1);
    let members = |parts: Vec<&Part>| -> FxHashSet<usize> {
        parts
            .iter()
            .flat_map(|c| c.members.iter().copied())
            .collect()
    };
    let open = members(open);
    let mut out = members(sure);
    out.retain(|at| !open.contains(at));
    out
}

fn name<'a>(side: &Side<'a>, device: usize) -> &'a str {
    side.devices
        .get(device)
        .map_or("", |d| d.device.name.as_str())
}

/// Replies that come back another way, though the packets go the same.
fn return_path(before: &Side<'_>, after: &Side<'_>, joint: &Joint, out: &mut Vec<Change>) {
    let way = |side: &Side<'_>, outcome: &Outcome| -> Vec<String> {
        let text = |r: &crate::graph::Return| {
            format!(
                "{} {} -> {}{}",
                name(side, r.device),
                outcome.piece.interface_words(r.ingress.as_ref()),
                outcome.piece.interface_words(r.egress.as_ref()),
                r.gateway.map_or_else(String::new, |g| format!(" via {g}")),
            )
        };
        outcome.returns.iter().map(text).collect()
    };
    let (old, new) = (way(before, &joint.before), way(after, &joint.after));
    if old == new {
        return;
    }
    let differs = joint
        .after
        .returns
        .iter()
        .zip(&new)
        .zip(old.iter().map(Some).chain(std::iter::repeat(None)))
        .find(|((_, now), was)| Some(*now) != *was)
        .map(|((r, _), _)| r);
    let (file, line, _) = place(after.snapshot, differs.and_then(|r| r.route));
    let or_none = |hops: Vec<String>| {
        if hops.is_empty() {
            "no device".to_owned()
        } else {
            hops.join(", ")
        }
    };
    push(
        out,
        Change {
            kind: "return-path".into(),
            before: or_none(old),
            after: or_none(new),
            severity: ChangeSeverity::High,
            note: Some("replies come back another way".into()),
            device: differs.map(|r| name(after, r.device).to_owned()),
            file,
            line,
        },
    );
}

/// True for two versions of one device, also where one of them stands for
/// more devices than the other.
fn same_device(before: &Side<'_>, old: usize, after: &Side<'_>, new: usize) -> bool {
    let (Some(old), Some(new)) = (before.devices.get(old), after.devices.get(new)) else {
        return false;
    };
    let (old, new) = (old.device, new.device);
    old.name == new.name || old.stands_for.contains(&new.name) || new.stands_for.contains(&old.name)
}

/// True if the packets take another way; that is reported then.
fn path(before: &Side<'_>, after: &Side<'_>, joint: &Joint, out: &mut Vec<Change>) -> bool {
    let way = |side: &Side<'_>, outcome: &Outcome| {
        let hops: Vec<String> = outcome
            .crossings
            .iter()
            .map(|c| {
                format!(
                    "{} {} -> {}",
                    name(side, c.device),
                    outcome.piece.interface_words(c.ingress.as_ref()),
                    outcome.piece.interface_words(c.egress.as_ref())
                )
            })
            .collect();
        if hops.is_empty() {
            "no device".to_owned()
        } else {
            hops.join(", ")
        }
    };
    let (old, new) = (way(before, &joint.before), way(after, &joint.after));
    let last = joint.after.crossings.last();
    let crossings = (&joint.before.crossings, &joint.after.crossings);
    let as_before = crossings.0.len() == crossings.1.len()
        && crossings.0.iter().zip(crossings.1).all(|(old, new)| {
            // An end that is open is the same one as far as it may be.
            let same = |a: Option<&Passage>, b: Option<&Passage>| {
                let names = |outcome: &Outcome, end: Option<&Passage>| {
                    end.map(|end| outcome.piece.interfaces(end))
                        .unwrap_or_default()
                };
                let hardware = |side: &Side<'_>, device: usize, name: &str| {
                    side.devices
                        .get(device)
                        .and_then(|d| d.device.interface(name)?.hardware.clone())
                };
                let (was, is) = (names(&joint.before, a), names(&joint.after, b));
                was == is
                    || was.iter().any(|name| is.contains(name))
                    || was.iter().any(|a| {
                        let one = hardware(before, old.device, a);
                        one.is_some() && is.iter().any(|b| one == hardware(after, new.device, b))
                    })
            };
            same_device(before, old.device, after, new.device)
                && same(old.ingress.as_ref(), new.ingress.as_ref())
                && same(old.egress.as_ref(), new.egress.as_ref())
        });
    // An interface with another name is the same interface.
    if old != new && !as_before {
        let route = joint.after.crossings.iter().find_map(|c| c.route);
        let (file, line, _) = place(after.snapshot, route);
        push(
            out,
            Change {
                kind: "path".into(),
                before: old,
                after: new,
                severity: ChangeSeverity::High,
                note: None,
                device: last.map(|c| name(after, c.device).to_owned()),
                file,
                line,
            },
        );
        return true;
    }
    let mut found = false;
    for (old, new) in joint.before.crossings.iter().zip(&joint.after.crossings) {
        if old.gateway != new.gateway {
            found = true;
            let text = |g: Option<std::net::IpAddr>| {
                g.map_or_else(|| "connected".to_owned(), |g| g.to_string())
            };
            let (file, line, _) = place(after.snapshot, new.route);
            push(
                out,
                Change {
                    kind: "route".into(),
                    before: text(old.gateway),
                    after: text(new.gateway),
                    severity: ChangeSeverity::High,
                    note: Some("another next router".into()),
                    device: Some(name(after, new.device).to_owned()),
                    file,
                    line,
                },
            );
        }
    }
    found || old != new
}

/// A field of a translated packet compared with the same field of the packet
/// as it came in.
fn translated(piece: &Piece, original: Field, now: Field, dim: Dim) -> Option<String> {
    if original == now {
        return None;
    }
    let values = piece.values(dim, now);
    Some(match dim {
        Dim::Source | Dim::Destination => addresses(piece.family, &values),
        Dim::Service | Dim::SourcePort => values
            .ranges()
            .iter()
            .map(|&(low, high)| port_text(low as u16, high as u16))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

fn addresses(family: Family, set: &IntervalSet) -> String {
    const SHOWN: usize = 8;
    if set.covers(&IntervalSet::range(0, family.max())) {
        // A translation to the interface whose addresses are not known.
        return "the address of the interface".to_owned();
    }
    let mut parts: Vec<String> = set
        .ranges()
        .iter()
        .take(SHOWN)
        .map(|&r| range_text(family, r))
        .collect();
    if set.ranges().len() > SHOWN {
        parts.push(format!("{} more", set.ranges().len() - SHOWN));
    }
    parts.join(", ")
}

fn translation(
    before: &Side<'_>,
    after: &Side<'_>,
    joint: &Joint,
    old: &Crossing,
    new: &Crossing,
    out: &mut Vec<Change>,
) {
    // Both sides' pieces narrowed to the same packets.
    let conditions = after.conditions;
    let entered = joint.product.clone();
    let narrow = |outcome: &Outcome| {
        let [a, b, c, d] = [0, 1, 2, 3].map(|variable| Field {
            variable,
            shift: crate::graph::piece::Shift::default(),
        });
        outcome
            .piece
            .clone()
            .restrict_all(&[a, b, c, d], &entered, conditions)
    };
    let (Some(before_piece), Some(after_piece)) = (narrow(&joint.before), narrow(&joint.after))
    else {
        return;
    };
    let text = |piece: &Piece, crossing: &Crossing, dims: [Dim; 2]| {
        let [address, port] = dims.map(|dim| {
            translated(
                piece,
                field(&crossing.original, dim),
                field(&crossing.translated, dim),
                dim,
            )
        });
        // The choice of a source port is nobody's business.
        let port = port.filter(|_| dims == [Dim::Destination, Dim::Service]);
        match (address, port) {
            (None, None) => "none".to_owned(),
            (Some(a), None) => a,
            (None, Some(p)) => format!("port {p}"),
            (Some(a), Some(p)) => format!("{a} port {p}"),
        }
    };
    for (kind, dims) in [
        ("source-nat", [Dim::Source, Dim::SourcePort]),
        ("destination-nat", [Dim::Destination, Dim::Service]),
    ] {
        let was = text(&before_piece, old, dims);
        let is = text(&after_piece, new, dims);
        if was == is {
            continue;
        }
        // The rule that translates this end; without one, the rule that did.
        let source = kind == "source-nat";
        let (snapshot, span) = match translator(after, &joint.after, new.device, source) {
            Some(span) => (after.snapshot, Some(span)),
            None => (
                before.snapshot,
                translator(before, &joint.before, old.device, source),
            ),
        };
        let (file, line, _) = place(snapshot, span);
        push(
            out,
            Change {
                kind: kind.into(),
                before: was,
                after: is,
                severity: ChangeSeverity::High,
                note: Some(
                    if source {
                        "a peer that lists the address loses it"
                    } else {
                        "another host is reached"
                    }
                    .into(),
                ),
                device: Some(name(after, new.device).to_owned()),
                file,
                line,
            },
        );
    }
}

/// The line of the rule that translates the source of packets, or else their
/// destination, on a device.
fn translator(
    side: &Side<'_>,
    outcome: &Outcome,
    device: usize,
    source: bool,
) -> Option<fw_model::Span> {
    outcome
        .visits
        .iter()
        .filter(|v| v.device == device && v.kind == StageKind::Nat && !v.reply)
        .filter_map(|v| Some(decider(side, v)?.0))
        .find(|rule| match &rule.action {
            fw_model::Action::Translate(t) if source => {
                t.source.is_some() || t.source_port.is_some()
            }
            fw_model::Action::Translate(t) => {
                t.destination.is_some() || t.destination_port.is_some()
            }
            _ => false,
        })
        .and_then(|rule| rule.span)
}

/// The treatments of one kind that packets get: distinct values.
type Treated = BTreeMap<TreatmentKind, Vec<Treatment>>;

fn treatments(
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

fn push(out: &mut Vec<Change>, change: Change) {
    if !out.contains(&change) {
        out.push(change);
    }
}
