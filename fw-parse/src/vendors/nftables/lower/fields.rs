//! Values of one field to match expressions.

use super::flags::states;
use super::selector::Key;
use super::values::{Field, Unresolved, Values};
use super::{Lowering, Scope};
use fw_model::match_expr::MarkRegister;
use fw_model::service::PORT_MAX;
use fw_model::{
    AddressSet, ConditionKind, ConnectionState, Dimension, Family, InterfaceSet, IntervalSet,
    MatchExpr, ServiceSet,
};
use std::sync::Arc;

impl Lowering<'_> {
    /// The field has one of the values.
    pub fn holds(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        values: &Values,
    ) -> MatchExpr {
        let mut parts = Vec::new();
        if let Field::Interface(ingress) = field {
            parts.push(self.interfaces(scope, *ingress, values));
        } else if !values.numbers.is_empty() {
            parts.push(self.numbers(scope, field, &values.numbers));
        }
        for unresolved in &values.unresolved {
            parts.push(match (unresolved, field) {
                (Unresolved::Host(name), Field::Address(dimension, _)) => {
                    let text = format!("{} {name}", key.text);
                    MatchExpr::opaque(
                        ConditionKind::Name(name.clone(), *dimension),
                        text.clone(),
                        text,
                        Some(scope.span),
                    )
                }
                (Unresolved::Host(text) | Unresolved::Unknown(text), _) => {
                    self.not_understood(scope, format!("{} {text}", key.text))
                }
            });
        }
        MatchExpr::any(parts)
    }

    pub fn interfaces(&mut self, scope: &Scope<'_>, ingress: bool, values: &Values) -> MatchExpr {
        self.interface_names.extend(
            values
                .names
                .iter()
                .filter(|n| n.parse::<u32>().is_err())
                .cloned(),
        );
        // Where the kernel has no such interface yet, its name is empty.
        let known = if ingress {
            scope.variant.ingress
        } else {
            scope.variant.egress
        };
        if !known {
            return MatchExpr::Never;
        }
        let (names, numbers): (Vec<String>, Vec<String>) = values
            .names
            .iter()
            .cloned()
            .partition(|n| n.parse::<u32>().is_err());
        let mut parts = Vec::new();
        if !names.is_empty() || !values.prefixes.is_empty() {
            let set = Arc::new(InterfaceSet {
                names,
                prefixes: values.prefixes.clone(),
            });
            parts.push(if ingress {
                MatchExpr::Ingress(set)
            } else {
                MatchExpr::Egress(set)
            });
        }
        for number in numbers {
            let text = format!("{} {number}", if ingress { "iif" } else { "oif" });
            parts.push(MatchExpr::opaque(
                ConditionKind::Environment,
                text.clone(),
                text,
                Some(scope.span),
            ));
        }
        MatchExpr::any(parts)
    }

    pub fn numbers(
        &mut self,
        scope: &Scope<'_>,
        field: &Field,
        numbers: &IntervalSet,
    ) -> MatchExpr {
        let any_port = || IntervalSet::range(0, PORT_MAX);
        match field {
            Field::Address(dimension, family) => MatchExpr::address(
                *dimension,
                Arc::new(AddressSet::of(*family, numbers.clone())),
            ),
            Field::Port { protocols, source } => {
                let sets: Vec<ServiceSet> = protocols
                    .iter()
                    .map(|&p| {
                        if *source {
                            ServiceSet::ports(p, numbers.clone(), any_port())
                        } else {
                            ServiceSet::ports(p, any_port(), numbers.clone())
                        }
                    })
                    .collect();
                MatchExpr::service(ServiceSet::union_all(&sets))
            }
            Field::Protocol => {
                let points: IntervalSet = numbers
                    .ranges()
                    .iter()
                    .map(|&(low, high)| (low << 16, (high << 16) | 0xffff))
                    .collect();
                MatchExpr::service(ServiceSet::of(points, any_port()))
            }
            Field::IcmpType(proto) => {
                let points: IntervalSet = numbers
                    .ranges()
                    .iter()
                    .map(|&(low, high)| (low << 8, (high << 8) | 0xff))
                    .collect();
                MatchExpr::service(ServiceSet::ports(*proto, any_port(), points))
            }
            Field::IcmpCode(proto) => {
                let mut points = Vec::new();
                for kind in 0..=255u128 {
                    for &(low, high) in numbers.ranges() {
                        points.push(((kind << 8) | low, (kind << 8) | high));
                    }
                }
                MatchExpr::service(ServiceSet::ports(
                    *proto,
                    any_port(),
                    IntervalSet::from_ranges(points),
                ))
            }
            Field::NetworkFamily | Field::EtherType => {
                let (v4, v6) = if *field == Field::EtherType {
                    (0x0800, 0x86dd)
                } else {
                    (2, 10)
                };
                let mut parts = Vec::new();
                if numbers.contains(v4) {
                    parts.push(self.family(scope, Family::V4));
                }
                if numbers.contains(v6) {
                    parts.push(self.family(scope, Family::V6));
                }
                MatchExpr::any(parts)
            }
            Field::Mark(register) => {
                let mut parts = Vec::new();
                for &(low, high) in numbers.ranges() {
                    for (base, size) in blocks(low, high.min(u128::from(u32::MAX))) {
                        let mask = !((size - 1) as u32);
                        parts.push(self.mark(scope, *register, mask, base as u32));
                    }
                }
                MatchExpr::any(parts)
            }
            Field::FibType(dimension) => {
                let mut parts = Vec::new();
                for kind in 0..=8u128 {
                    if numbers.contains(kind) {
                        parts.push(fib_type(scope, *dimension, kind));
                    }
                }
                MatchExpr::any(parts)
            }
            Field::Original(inner) => {
                let found = MatchExpr::Original(Box::new(self.numbers(scope, inner, numbers)));
                self.first_packets(scope, found, &format!("ct original {inner:?} {numbers:?}"))
            }
            Field::State
            | Field::Status
            | Field::TcpFlags
            | Field::Direction
            | Field::Interface(_) => MatchExpr::Never,
        }
    }

    /// The mark through a mask.
    pub fn mark(
        &mut self,
        scope: &Scope<'_>,
        register: MarkRegister,
        mask: u32,
        value: u32,
    ) -> MatchExpr {
        if value & !mask != 0 {
            return MatchExpr::Never;
        }
        let name = match register {
            MarkRegister::Packet => "meta mark",
            MarkRegister::Connection => "ct mark",
        };
        let text = format!("{name} & {mask:#x} == {value:#x}");
        if register == MarkRegister::Connection && scope.variant.early {
            return MatchExpr::Never;
        }
        if self.marks.unknown(register) {
            return MatchExpr::opaque(
                ConditionKind::Environment,
                text.clone(),
                text,
                Some(scope.span),
            );
        }
        let found = MatchExpr::Mark {
            register,
            mask,
            value,
        };
        // A connection keeps its mark; what a later packet of it sees was set
        // by an earlier one.
        if self.marks.kept(register) {
            self.first_packets(scope, found, &text)
        } else {
            found
        }
    }

    /// `found` for the packets that the model follows from the start; for
    /// packets of a known connection it rests on that connection's past.
    pub fn first_packets(&self, scope: &Scope<'_>, found: MatchExpr, text: &str) -> MatchExpr {
        let later = states(&[ConnectionState::Established]);
        let open = MatchExpr::opaque(
            ConditionKind::Environment,
            format!("{text} of the connection"),
            format!("{text} (of the connection)"),
            Some(scope.span),
        );
        MatchExpr::any([
            MatchExpr::all([later.clone().negate(), found]),
            MatchExpr::all([later, open]),
        ])
    }
}

/// Aligned power-of-two blocks of a range of 32-bit values.
fn blocks(low: u128, high: u128) -> Vec<(u128, u128)> {
    let mut out = Vec::new();
    let mut at = low;
    while at <= high {
        let align = if at == 0 {
            1u128 << 32
        } else {
            1u128 << at.trailing_zeros().min(32)
        };
        let mut size = align;
        while at + size - 1 > high {
            size >>= 1;
        }
        out.push((at, size));
        at += size;
    }
    out
}

fn fib_type(scope: &Scope<'_>, dimension: Dimension, kind: u128) -> MatchExpr {
    let word = match dimension {
        Dimension::Source => "saddr",
        Dimension::Destination => "daddr",
    };
    let addresses = |nets: &[&str]| {
        let sets: Vec<AddressSet> = nets
            .iter()
            .filter_map(|n| n.parse().ok())
            .map(AddressSet::prefix)
            .collect();
        MatchExpr::address(dimension, Arc::new(AddressSet::union_all(&sets)))
    };
    match (kind, dimension, scope.variant.to_itself) {
        // What comes to the input hook was found to be local, or is sent to
        // all.
        (2, Dimension::Destination, Some(true)) => {
            addresses(&["224.0.0.0/4", "255.255.255.255/32", "ff00::/8"]).negate()
        }
        (2, Dimension::Destination, Some(false)) => MatchExpr::Never,
        (2, ..) => MatchExpr::Local(dimension),
        (5, ..) => addresses(&["224.0.0.0/4", "ff00::/8"]),
        _ => {
            let text = format!("fib {word} type {kind}");
            MatchExpr::opaque(
                ConditionKind::Environment,
                text.clone(),
                text,
                Some(scope.span),
            )
        }
    }
}
