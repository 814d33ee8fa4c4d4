//! Conditions, actions and translations in words.

use fw_model::nat::{AddressTranslation, PortTranslation};
use fw_model::{
    Action, Device, Dimension, FilterId, InterfaceSet, MatchExpr, PacketEffect, Translation,
};

/// A condition in words.
pub fn condition(expr: &MatchExpr) -> String {
    match expr {
        MatchExpr::Always => "always".into(),
        MatchExpr::Never => "never".into(),
        MatchExpr::All(parts) => join(parts, " and "),
        MatchExpr::Any(parts) => format!("({})", join(parts, " or ")),
        MatchExpr::Not(part) => format!("not ({})", condition(part)),
        MatchExpr::Source(set) => format!("from {set}"),
        MatchExpr::Destination(set) => format!("to {set}"),
        MatchExpr::Service(set) => format!("service {set}"),
        MatchExpr::Family(family) => format!("family {}", word(family)),
        MatchExpr::Ingress(set) => format!("in by {}", interfaces(set)),
        MatchExpr::Egress(set) => format!("out by {}", interfaces(set)),
        MatchExpr::State(set) => format!("state {}", states(*set)),
        MatchExpr::TcpFlags { mask, value } => format!("tcp flags {value:#04x}/{mask:#04x}"),
        MatchExpr::Mark {
            register,
            mask,
            value,
        } => format!("{} mark {value:#x}/{mask:#x}", word(register)),
        MatchExpr::Translated(dimension, names) => format!(
            "{} translated{}",
            dimension_word(*dimension),
            names
                .as_ref()
                .map_or_else(String::new, |n| format!(" by {}", n.join(", ")))
        ),
        MatchExpr::Application(names) => format!("application {}", names.join(", ")),
        MatchExpr::DefaultPort(_) => "a default port of the application".into(),
        MatchExpr::User(names) if names.is_empty() => "any known user".into(),
        MatchExpr::User(names) => format!("user {}", names.join(", ")),
        MatchExpr::Schedule(schedule) => format!("schedule {}", schedule.name),
        MatchExpr::Local(dimension) => {
            format!("{} is the device itself", dimension_word(*dimension))
        }
        MatchExpr::Original(part) => format!("as it came in: {}", condition(part)),
        MatchExpr::Opaque(open) => format!("undecidable: {}", open.text.trim()),
    }
}

fn join(parts: &[MatchExpr], with: &str) -> String {
    parts.iter().map(condition).collect::<Vec<_>>().join(with)
}

fn word(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

const fn dimension_word(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Source => "source",
        Dimension::Destination => "destination",
    }
}

fn interfaces(set: &InterfaceSet) -> String {
    set.names
        .iter()
        .cloned()
        .chain(set.prefixes.iter().map(|p| format!("{p}*")))
        .collect::<Vec<_>>()
        .join(", ")
}

fn states(set: fw_model::StateSet) -> String {
    use fw_model::ConnectionState::{Established, Invalid, New, Related, Untracked};
    [New, Established, Related, Invalid, Untracked]
        .iter()
        .filter(|s| set.contains(**s))
        .map(word)
        .collect::<Vec<_>>()
        .join(", ")
}

/// An action in words.
pub fn action(device: &Device, action: &Action) -> String {
    let list = |id: &FilterId| {
        device
            .filter(*id)
            .map_or_else(|| "?".to_owned(), |f| f.name.clone())
    };
    match action {
        Action::Permit => "permit".into(),
        Action::Deny => "deny".into(),
        Action::Reject => "reject".into(),
        Action::Jump(id) => format!("jump {}", list(id)),
        Action::Goto(id) => format!("goto {}", list(id)),
        Action::Return => "return".into(),
        Action::Continue => "continue".into(),
        Action::Translate(translation) => translate(translation),
        Action::Opaque(open) => format!("undecidable: {}", open.text.trim()),
    }
}

fn translate(translation: &Translation) -> String {
    let mut parts = Vec::new();
    if let Some(change) = &translation.source {
        parts.push(format!("source {}", address(change)));
    }
    if let Some(change) = &translation.destination {
        parts.push(format!("destination {}", address(change)));
    }
    if let Some(change) = &translation.source_port {
        parts.push(format!("source port {}", port(change)));
    }
    if let Some(change) = &translation.destination_port {
        parts.push(format!("destination port {}", port(change)));
    }
    if let Some(egress) = &translation.egress {
        parts.push(format!("out by {egress}"));
    }
    if let Some(gateway) = &translation.gateway {
        parts.push(format!("via {gateway}"));
    }
    if parts.is_empty() {
        "no translation".into()
    } else {
        format!("translate {}", parts.join(", "))
    }
}

fn address(change: &AddressTranslation) -> String {
    match change {
        AddressTranslation::Shift { from, to } => {
            // The family is that of the packet; small numbers are IPv4.
            let text = |bits: u128| match u32::try_from(bits) {
                Ok(v4) => std::net::Ipv4Addr::from(v4).to_string(),
                Err(_) => std::net::Ipv6Addr::from(bits).to_string(),
            };
            format!("{} becomes {}", text(*from), text(*to))
        }
        AddressTranslation::Pool(set) => format!("becomes one of {set}"),
        AddressTranslation::EgressInterface => "becomes that of the egress interface".into(),
        AddressTranslation::IngressInterface => "becomes that of the ingress interface".into(),
    }
}

fn port(change: &PortTranslation) -> String {
    match change {
        PortTranslation::Shift { from, to } => format!("{from} becomes {to}"),
        PortTranslation::Pool(_) => "becomes another one".into(),
    }
}

/// An effect in words.
pub fn effect(effect: &PacketEffect) -> String {
    match effect {
        PacketEffect::SetMark {
            register,
            mask,
            value,
        } => format!("set {} mark {value:#x}/{mask:#x}", word(register)),
        PacketEffect::CopyMark { from, to, mask } => {
            format!(
                "copy {} mark to {} mark, bits {mask:#x}",
                word(from),
                word(to)
            )
        }
        PacketEffect::NoTrack => "no connection tracking".into(),
    }
}
