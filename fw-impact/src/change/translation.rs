//! What is done to the addresses and ports of packets that pass.

use super::{name, push};
use crate::describe::{decider, place};
use crate::graph::Side;
use crate::graph::journey::{Crossing, Outcome};
use crate::graph::piece::{Field, Piece, field};
use crate::packet_set::product::Dim;
use crate::report::{Change, ChangeSeverity};
use crate::verdict::Joint;
use fw_model::address::range_text;
use fw_model::service::port_text;
use fw_model::{Family, IntervalSet, StageKind};

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

/// Adds the differences in translation of packets that cross two versions of
/// a device.
pub(super) fn translation(
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
