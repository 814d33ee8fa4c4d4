//! What rules ask of the packet that opened a connection.

use super::device::{At, Inside, Situation, seen};
use super::piece::{Piece, field};
use crate::packet_set::original::{Origin, Original, Origins};
use crate::packet_set::product::DIMS;
use fw_model::View;
use std::sync::Arc;

impl At<'_, '_> {
    /// Splits packets by what rules ask of the first packet of their
    /// connection, as far as that is not to be seen in the packets themselves
    /// any more.
    pub(super) fn by_origin(
        &self,
        inside: &Inside,
        view: View,
        situation: &Situation,
    ) -> Vec<(Inside, Origins)> {
        let piece = &inside.traveller.piece;
        let fields = seen(piece, view);
        let first = situation.first.unwrap_or(piece.original);
        let Some(classes) = self
            .here
            .origins(piece.family)
            .filter(|_| first != fields || situation.reply)
        else {
            return vec![(inside.clone(), None)];
        };
        let mut parts: Vec<(Piece, [Original; 4])> = vec![(piece.clone(), [Original::Value(0); 4])];
        for (at, (dim, classes)) in DIMS.into_iter().zip(classes).enumerate() {
            let was = field(&first, dim);
            let now = DIMS
                .into_iter()
                .map(|d| (d, field(&fields, d)))
                .find(|(_, f)| f.variable == was.variable);
            let mut next = Vec::new();
            for (piece, origin) in parts {
                let mut put = |piece: Piece, value: Original| {
                    let mut origin = origin;
                    if let Some(slot) = origin.get_mut(at) {
                        *slot = value;
                    }
                    next.push((piece, origin));
                };
                if let Some((seen, now)) = now {
                    let shift = was.shift.back().then(now.shift);
                    put(piece, Original::Seen(seen, shift));
                    continue;
                }
                for (set, value) in classes {
                    let part = piece.clone().restrict(dim, was, set, self.side.conditions);
                    if let Some(part) = part {
                        put(part, Original::Value(*value));
                    }
                }
            }
            parts = next;
        }
        parts
            .into_iter()
            .map(|(piece, fields)| {
                let origin = Arc::new(Origin {
                    fields,
                    reply: situation.reply,
                });
                let inside = Inside {
                    traveller: inside.traveller.with(piece),
                    way: inside.way.clone(),
                };
                (inside, Some(origin))
            })
            .collect()
    }
}
