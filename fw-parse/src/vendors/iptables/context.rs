//! What a rule asks that goes beyond the packet's own header: sets, types of
//! addresses, marks.

use super::address::family;
use super::ast::{Module, Protocol};
use super::connection;
use super::matching::{Matched, Scope, hook, value_and_mask};
use super::sets::{Asked, Sets, flag};
use super::undecidable;
use fw_model::match_expr::MarkRegister;
use fw_model::{AddressSet, ConditionKind, Dimension, IntervalSet, MatchExpr};
use std::sync::Arc;

pub(super) fn set(
    module: &Module<'_>,
    scope: &Scope<'_>,
    sets: &mut Sets<'_, '_>,
    out: &mut Matched,
) {
    let odd = module
        .settings
        .iter()
        .find(|s| s.name.starts_with("packets") || s.name.starts_with("bytes"));
    let holes = module.setting("return-nomatch").is_some();
    for setting in &module.settings {
        if setting.name != "match-set" && setting.name != "set" {
            continue;
        }
        let name = setting.value().to_owned();
        let flags = setting.values.get(1).map_or("", |f| f.as_ref());
        out.sets.push(name.clone());
        if let Some(odd) = odd {
            let text = format!("set {} {}", setting.text(), odd.text());
            let kind = ConditionKind::Rate;
            out.parts.push(MatchExpr::opaque(
                kind,
                text.clone(),
                text,
                Some(scope.span),
            ));
            continue;
        }
        match sets.ask(&name, flags, scope.protocol, holes) {
            Asked::Expr(expr) => out.push(setting.negated, expr),
            Asked::Refused(why) => out.refuse(why),
            Asked::Unknown => {
                let kind = match flags {
                    "src" => ConditionKind::Name(format!("ipset:{name}"), Dimension::Source),
                    "dst" => ConditionKind::Name(format!("ipset:{name}"), Dimension::Destination),
                    _ => ConditionKind::Environment,
                };
                out.missing_sets.push(name.clone());
                out.push(
                    setting.negated,
                    MatchExpr::opaque(
                        kind,
                        format!("set {name} {flags}{}", if holes { " holes" } else { "" }),
                        format!("content of set `{name}`"),
                        Some(scope.span),
                    ),
                );
            }
        }
    }
}

pub(super) fn addrtype(module: &Module<'_>, scope: &Scope<'_>, out: &mut Matched) {
    for setting in &module.settings {
        let dimension = match setting.name.as_ref() {
            "src-type" => Dimension::Source,
            "dst-type" => Dimension::Destination,
            _ => {
                // Narrows the types to one interface.
                undecidable::setting(module, setting, scope, out);
                continue;
            }
        };
        let multicast = || {
            let (low, high) = match scope.protocol {
                Protocol::V4 => (0xe000_0000, 0xefff_ffff),
                Protocol::V6 => (0xff << 120, u128::MAX),
            };
            let set = AddressSet::of(family(scope.protocol), IntervalSet::range(low, high));
            MatchExpr::address(dimension, Arc::new(set))
        };
        let mut any = Vec::new();
        for name in setting.value().split(',') {
            any.push(match name.to_ascii_uppercase().as_str() {
                "LOCAL" if dimension == Dimension::Destination && scope.hooks == hook::INPUT => {
                    // What comes here was found to be local, or is sent to all.
                    let everyone = AddressSet::host(std::net::Ipv4Addr::BROADCAST.into());
                    MatchExpr::any([
                        multicast(),
                        MatchExpr::address(dimension, Arc::new(everyone)),
                    ])
                    .negate()
                }
                "LOCAL" if dimension == Dimension::Destination && scope.hooks == hook::FORWARD => {
                    MatchExpr::Never
                }
                "LOCAL" => MatchExpr::Local(dimension),
                "MULTICAST" => multicast(),
                known @ ("UNSPEC" | "UNICAST" | "BROADCAST" | "ANYCAST" | "BLACKHOLE"
                | "UNREACHABLE" | "PROHIBIT" | "THROW" | "NAT" | "XRESOLVE") => MatchExpr::opaque(
                    ConditionKind::Environment,
                    format!("addrtype {} {known}", flag(dimension)),
                    format!("address type {known}"),
                    Some(scope.span),
                ),
                other => {
                    out.refuse(format!("`{other}` is no address type"));
                    return;
                }
            });
        }
        out.push(setting.negated, MatchExpr::any(any));
    }
}

pub(super) fn mark(
    module: &Module<'_>,
    register: MarkRegister,
    scope: &Scope<'_>,
    out: &mut Matched,
) {
    for setting in &module.settings {
        let Some((value, mask)) = value_and_mask(setting.value()) else {
            out.refuse(format!("`{}` is no mark", setting.value()));
            continue;
        };
        let mask = mask.unwrap_or(u32::MAX);
        let text = module.text();
        let unknown = |key: String| {
            MatchExpr::opaque(
                ConditionKind::Environment,
                key,
                text.clone(),
                Some(scope.span),
            )
        };
        let exact = if value & !mask != 0 {
            MatchExpr::Never
        } else {
            MatchExpr::Mark {
                register,
                mask,
                value,
            }
        };
        let expr = if scope.marks.unknown {
            unknown(format!("unknown {text}"))
        } else if register == MarkRegister::Connection || scope.marks.restored {
            connection::by_first_packet(exact, unknown(format!("{text} of the connection")))
        } else {
            exact
        };
        out.push(setting.negated, expr);
    }
}
