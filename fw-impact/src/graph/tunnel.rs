//! Packets that take a tunnel.

use super::device::{At, via};
use super::journey::{Disposition, Outcome, Traveller};
use super::network::Onward;
use super::piece::Passage;
use super::route_table::Hop;
use super::selectors::Carries;
use super::side::Side;
use super::topology::FarEnd;
use crate::packet_set::compile::Via;
use crate::packet_set::term::{Reading, SetPool, Translator};
use crate::packet_set::{Assumed, Context, Product};
use fw_model::packet::tcp_flags;
use fw_model::{Condition, ConditionKind, MatchExpr, Tunnel};
use std::sync::Arc;

impl Side<'_> {
    /// Separates packets that take a tunnel; the others come back.
    pub(super) fn by_tunnels(
        &self,
        number: usize,
        hop: &Hop,
        traveller: Traveller,
        out: &mut Vec<Onward>,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Traveller> {
        let Some(at) = self.at(number) else {
            return vec![traveller];
        };
        let mut plain = vec![traveller];
        for tunnel in &at.here.device.tunnels {
            if *tunnel.interface != *hop.interface {
                continue;
            }
            let end = self.network().far_end(self, number, tunnel);
            let place = (number, Arc::clone(&hop.interface));
            let is_link = tunnel.takes.is_none() && self.network().is_linked(&place);
            // What is behind an interface of a single device is carried on,
            // whatever interface it is.
            let is_edge = tunnel.takes.is_none() && self.devices.len() == 1;
            let mut rest = Vec::new();
            for one in plain {
                let (taken, left) = at.split_by(one, tunnel.takes.as_ref(), hop);
                rest.extend(left);
                for one in taken {
                    let selected = at.selected(tunnel, &end, one, ended);
                    if is_link || is_edge {
                        rest.extend(selected);
                        continue;
                    }
                    for one in selected {
                        self.through_tunnel(&at, tunnel, &end, one, out, ended);
                    }
                }
            }
            plain = rest;
        }
        plain
    }

    /// Packets that a tunnel takes: to its other end, or to a gateway that may
    /// carry them on.
    fn through_tunnel(
        &self,
        at: &At<'_, '_>,
        tunnel: &Tunnel,
        end: &FarEnd,
        mut one: Traveller,
        out: &mut Vec<Onward>,
        ended: &mut Vec<Outcome>,
    ) {
        match end {
            FarEnd::Device((device, interface), back) => {
                if let Some(condition) = &back.decrypted {
                    let literal = self.conditions.literal(condition);
                    let assumed = one.piece.assumed.without(literal.negate());
                    one.piece.assumed = assumed.without(literal).and(&[literal]);
                }
                if let Some(crossing) = one.crossings.last_mut() {
                    crossing.tunneled = true;
                }
                let ingress = Passage::Interface(Arc::clone(interface));
                out.push((Some((*device, ingress)), one));
            }
            FarEnd::Unknown => {
                let (carried, lost) = self.perhaps(one, &at.carried(tunnel));
                ended.push(lost.end(Disposition::Denied));
                out.push((None, carried));
            }
        }
    }

    /// A traveller for which a condition holds, and one for which it does not.
    fn perhaps(&self, mut yes: Traveller, condition: &Arc<Condition>) -> (Traveller, Traveller) {
        let literal = self.conditions.literal(condition);
        let mut no = yes.clone();
        no.piece.assumed = no.piece.assumed.and(&[literal.negate()]);
        yes.piece.assumed = yes.piece.assumed.and(&[literal]);
        (yes, no)
    }
}

impl At<'_, '_> {
    /// The packets that a tunnel carries, of those that take it. The others
    /// are dropped, or may be.
    fn selected(
        &self,
        tunnel: &Tunnel,
        end: &FarEnd,
        traveller: Traveller,
        ended: &mut Vec<Outcome>,
    ) -> Vec<Traveller> {
        let Some(carries) = Carries::of(self, tunnel, end, traveller.piece.family) else {
            return vec![traveller];
        };
        let mut out = Vec::new();
        let mut left = vec![traveller];
        for (products, open) in [(&carries.agreed, false), (&carries.open, true)] {
            for product in products {
                let mut rest = Vec::new();
                for one in left {
                    let (inside, outside) = self.within(&one, product);
                    rest.extend(outside);
                    for one in inside {
                        if open {
                            let (yes, no) = self.side.perhaps(one, &carries.condition);
                            ended.push(refused(&carries, no));
                            out.push(yes);
                        } else {
                            out.push(one);
                        }
                    }
                }
                left = rest;
            }
        }
        for one in left {
            if carries.strict {
                ended.push(refused(&carries, one));
                continue;
            }
            let (yes, no) = self.side.perhaps(one, &carries.condition);
            ended.push(refused(&carries, no));
            out.push(yes);
        }
        out
    }

    /// Separates the packets that are in a product as they leave.
    fn within(&self, one: &Traveller, product: &Product) -> (Vec<Traveller>, Vec<Traveller>) {
        let fields = one.piece.current;
        let all = one.piece.product(&fields);
        let part = |product: &Product| {
            let piece = one.piece.clone();
            let piece = piece.restrict_all(&fields, product, self.side.conditions)?;
            Some(one.with(piece))
        };
        let inside = all.intersect(product).and_then(|p| part(&p));
        let outside = all.subtract(product);
        (
            inside.into_iter().collect(),
            outside.iter().filter_map(part).collect(),
        )
    }

    /// The condition that an unknown gateway carries packets on.
    #[must_use]
    pub fn carried(&self, tunnel: &Tunnel) -> Arc<Condition> {
        let peers: Vec<String> = tunnel.peers.iter().map(ToString::to_string).collect();
        let peer = if peers.is_empty() {
            "a peer that is not named".to_owned()
        } else {
            format!("peer {}", peers.join(", "))
        };
        let owners = tunnel
            .peers
            .iter()
            .flat_map(|p| self.side.network().owners(*p));
        let owner = owners.filter_map(|(d, _)| self.side.devices.get(*d)).next();
        let unknown = match owner {
            Some(far) => format!("which is {} and has no tunnel back", far.device.name),
            None => "which the snapshot does not hold".to_owned(),
        };
        let device = &self.here.device.name;
        Arc::new(Condition {
            key: format!("carried by {} of {device} to {peer}", tunnel.name),
            kind: ConditionKind::Tunnel,
            text: format!(
                "{} of {device} to {peer}, {unknown}, carries these packets on",
                tunnel.name
            ),
            span: tunnel.span,
        })
    }

    /// Separates packets, as they leave by `hop`, for which a condition holds.
    #[must_use]
    pub fn split_by(
        &self,
        traveller: Traveller,
        condition: Option<&MatchExpr>,
        hop: &Hop,
    ) -> (Vec<Traveller>, Vec<Traveller>) {
        let Some(condition) = condition else {
            return (vec![traveller], Vec::new());
        };
        let crossing = traveller.crossings.last();
        let context = Context {
            tcp_flags: tcp_flags::SYN,
            ..Context::plain(
                traveller.piece.family,
                via(crossing.and_then(|c| c.ingress.as_ref())),
                Via::Interface(Arc::clone(&hop.interface)),
                self.side.now,
            )
        };
        let mut pool = SetPool::default();
        let terms = Translator {
            device: self.here.device,
            context: &context,
            interfaces: self.here.interfaces(),
            conditions: self.side.conditions,
            pool: &mut pool,
            reading: Reading::Exact,
        }
        .terms(condition);
        let fields = traveller.piece.current;
        let mut left = vec![(
            traveller.piece.product(&fields),
            traveller.piece.assumed.clone(),
        )];
        let mut taken = Vec::new();
        for term in terms {
            let mut matched = Product::everything(traveller.piece.family);
            for (slot, set) in matched.sets.iter_mut().zip(&term.sets) {
                if let Some(set) = set {
                    *slot = Arc::clone(set);
                }
            }
            let mut next = Vec::new();
            for (product, assumed) in left {
                if let Some(inside) = product.intersect(&matched) {
                    taken.push((inside.clone(), assumed.and(&term.clause)));
                    if !term.clause.is_empty() {
                        next.push((inside, assumed.and_not(&term.clause)));
                    }
                }
                next.extend(
                    product
                        .subtract(&matched)
                        .into_iter()
                        .map(|p| (p, assumed.clone())),
                );
            }
            left = next;
        }
        let narrow = |(product, assumed): (Product, Assumed)| {
            let mut piece =
                traveller
                    .piece
                    .clone()
                    .restrict_all(&fields, &product, self.side.conditions)?;
            piece.assumed = assumed.join(&piece.assumed);
            Some(traveller.with(piece))
        };
        (
            taken.into_iter().filter_map(narrow).collect(),
            left.into_iter().filter_map(narrow).collect(),
        )
    }
}

fn refused(carries: &Carries, one: Traveller) -> Outcome {
    let packets = one.piece.product(&one.piece.current);
    one.end(carries.refusal(&packets))
}
