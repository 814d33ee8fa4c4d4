//! What a rule asks of the connection tracker.

use super::address::{self, Addresses};
use super::ast::{Module, Setting};
use super::matching::{Matched, Scope};
use super::names;
use fw_model::service::{PORT_MAX, has_ports};
use fw_model::{
    ConditionKind, ConnectionState, Dimension, IntervalSet, MatchExpr, ServiceSet, StateSet,
};
use std::sync::Arc;

fn states(of: impl IntoIterator<Item = ConnectionState>) -> MatchExpr {
    MatchExpr::State(of.into_iter().collect())
}

/// A question that has the answer `first` for the first packet of a
/// connection and an unknown one for the packets that follow, because it is
/// about what happened to the first.
pub(super) fn by_first_packet(first: MatchExpr, later: MatchExpr) -> MatchExpr {
    let following = [ConnectionState::Established, ConnectionState::Related];
    MatchExpr::any([
        MatchExpr::all([states(following).negate(), first]),
        MatchExpr::all([states(following), later]),
    ])
}

/// `-m state` and `-m conntrack`.
pub(super) fn module(module: &Module<'_>, scope: &Scope<'_>, out: &mut Matched) {
    let mut has_state = false;
    let mut others = Vec::new();
    for setting in &module.settings {
        match setting.name.as_ref() {
            "state" | "ctstate" => {
                has_state = true;
                state(setting, scope, out);
            }
            _ => {
                if let Some(expr) = other(module, setting, scope, out) {
                    others.push(if setting.negated { expr.negate() } else { expr });
                }
            }
        }
    }
    if others.is_empty() {
        return;
    }
    // A packet without a connection (before the tracker, or not tracked) is
    // asked for its state alone, and matches nothing else.
    let alone = if has_state {
        MatchExpr::Always
    } else {
        MatchExpr::Never
    };
    if scope.table == "raw" {
        out.parts.push(alone);
        return;
    }
    let without = states([ConnectionState::Untracked, ConnectionState::Invalid]);
    let tracked = MatchExpr::all([without.clone().negate()].into_iter().chain(others));
    out.parts
        .push(MatchExpr::any([MatchExpr::all([without, alone]), tracked]));
}

fn state(setting: &Setting<'_>, scope: &Scope<'_>, out: &mut Matched) {
    let mut set = StateSet::NONE;
    let mut any = Vec::new();
    for name in setting.value().split(',') {
        let translated = |dimension| {
            by_first_packet(
                MatchExpr::Translated(dimension, None),
                MatchExpr::opaque(
                    ConditionKind::Environment,
                    format!("connection was translated: {dimension:?}"),
                    format!("connection has state {name}"),
                    Some(scope.span),
                ),
            )
        };
        match name.to_ascii_uppercase().as_str() {
            "NEW" => set = set.with(ConnectionState::New),
            "ESTABLISHED" => set = set.with(ConnectionState::Established),
            "RELATED" => set = set.with(ConnectionState::Related),
            "INVALID" => set = set.with(ConnectionState::Invalid),
            "UNTRACKED" => set = set.with(ConnectionState::Untracked),
            "SNAT" => any.push(translated(Dimension::Source)),
            "DNAT" => any.push(translated(Dimension::Destination)),
            other => {
                out.refuse(format!("`{other}` is no connection state"));
                return;
            }
        }
    }
    if scope.table == "raw" {
        // The tracker has not seen the packet yet.
        let untracked = states([ConnectionState::Untracked]);
        let expr = match (
            set.contains(ConnectionState::Invalid),
            set.contains(ConnectionState::Untracked),
        ) {
            (true, true) => MatchExpr::Always,
            (true, false) => untracked.negate(),
            (false, true) => untracked,
            (false, false) => MatchExpr::Never,
        };
        out.push(setting.negated, expr);
        return;
    }
    if set != StateSet::NONE {
        any.insert(0, MatchExpr::State(set));
    }
    out.push(setting.negated, MatchExpr::any(any));
}

/// An option other than the state, without its negation.
fn other(
    module: &Module<'_>,
    setting: &Setting<'_>,
    scope: &Scope<'_>,
    out: &mut Matched,
) -> Option<MatchExpr> {
    let value = setting.value();
    let text = format!("{} --{} {value}", module.name, setting.name);
    let opaque = || {
        MatchExpr::opaque(
            ConditionKind::Environment,
            format!("connection {text}"),
            text.clone(),
            Some(scope.span),
        )
    };
    let original = |expr| MatchExpr::Original(Box::new(expr));
    let every = IntervalSet::range(0, PORT_MAX);
    let first = match setting.name.as_ref() {
        "ctproto" => {
            let Some(number) = names::protocol(value) else {
                out.refuse(format!("`{value}` is no protocol"));
                return None;
            };
            // Both directions have the same protocol.
            return Some(MatchExpr::service(ServiceSet::protocol(number)));
        }
        "ctorigsrc" | "ctorigdst" | "ctreplsrc" | "ctrepldst" => {
            let set = match address::network(value, scope.protocol) {
                Addresses::Set(set) => set,
                Addresses::Refused(why) => {
                    out.refuse(why);
                    return None;
                }
                Addresses::Name(_) | Addresses::TooMany => return Some(opaque()),
            };
            let set = Arc::new(set);
            // Replies come from where the packet now goes, and go to where it
            // now comes from.
            match setting.name.as_ref() {
                "ctorigsrc" => original(MatchExpr::Source(set)),
                "ctorigdst" => original(MatchExpr::Destination(set)),
                "ctreplsrc" => MatchExpr::Destination(set),
                _ => MatchExpr::Source(set),
            }
        }
        "ctorigsrcport" | "ctorigdstport" | "ctreplsrcport" | "ctrepldstport" => {
            let (low, high) = value.split_once([':', '-']).unwrap_or((value, value));
            let (Some(low), Some(high)) = (names::port(low), names::port(high)) else {
                out.refuse(format!("`{value}` is no port or range of ports"));
                return None;
            };
            let ports = IntervalSet::range(low.into(), high.into());
            let of = |source: &IntervalSet, destination: &IntervalSet| {
                let all: Vec<ServiceSet> = (1..=u8::MAX)
                    .filter(|p| has_ports(*p))
                    .map(|p| ServiceSet::ports(p, source.clone(), destination.clone()))
                    .collect();
                MatchExpr::service(ServiceSet::union_all(&all))
            };
            match setting.name.as_ref() {
                "ctorigsrcport" => original(of(&ports, &every)),
                "ctorigdstport" => original(of(&every, &ports)),
                "ctreplsrcport" => of(&every, &ports),
                _ => of(&ports, &every),
            }
        }
        "ctdir" => {
            let reply = match value.to_ascii_uppercase().as_str() {
                "ORIGINAL" => false,
                "REPLY" => true,
                _ => {
                    out.refuse(format!("`{value}` is no direction"));
                    return None;
                }
            };
            // Of an established connection, replies are what is judged.
            let replies = states([ConnectionState::Established]);
            return Some(if reply { replies } else { replies.negate() });
        }
        "ctstatus" => {
            // A first packet's connection has no status yet.
            let none = value.split(',').any(|s| s.eq_ignore_ascii_case("NONE"));
            if none {
                return Some(opaque());
            }
            MatchExpr::Never
        }
        _ => return Some(opaque()),
    };
    Some(by_first_packet(first, opaque()))
}
