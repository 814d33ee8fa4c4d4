//! Whether a condition holds for a packet.

use super::{Journey, State};
use crate::device::{Device, View};
use crate::match_expr::{Condition, ConditionKind, Dimension, MarkRegister, MatchExpr};
use crate::packet::{ConnectionState, Packet};
use crate::service::TCP;
use std::sync::Arc;

/// How the text of a condition on the application ends.
pub const MUST_BE_IDENTIFIED: &str = "must be identified";

/// The condition that stands for a part of an expression which the context
/// leaves open, if `part` is such a part. `local` is the address that is known
/// to be the device's own, because the packet is to it or of it.
#[must_use]
pub fn open_condition(
    part: &MatchExpr,
    device: &Device,
    application: Option<&str>,
    user: Option<Option<&str>>,
    local: Option<Dimension>,
) -> Option<Arc<Condition>> {
    let condition = |key: String, kind, text: String| {
        Some(Arc::new(Condition {
            key,
            kind,
            text,
            span: None,
        }))
    };
    match part {
        MatchExpr::Opaque(c) => Some(Arc::clone(c)),
        MatchExpr::Application(names) if application.is_none() => {
            let names = names.join(", ");
            condition(
                format!("application {names}"),
                ConditionKind::Content,
                format!("application {names} {MUST_BE_IDENTIFIED}"),
            )
        }
        MatchExpr::DefaultPort(ports) => match application {
            None => {
                let text = "the application runs on a default port of its own".to_owned();
                condition(text.clone(), ConditionKind::Content, text)
            }
            Some(name) if !ports.0.contains_key(name) => {
                let text = format!("default ports of application {name}");
                condition(text.clone(), ConditionKind::Environment, text)
            }
            Some(_) => None,
        },
        MatchExpr::User(names) if user.is_none() => {
            let names = if names.is_empty() {
                "known".to_owned()
            } else {
                names.join(", ")
            };
            condition(
                format!("user {names}"),
                ConditionKind::User,
                format!("user {names}"),
            )
        }
        MatchExpr::Local(dimension) if !device.interfaces_complete && local != Some(*dimension) => {
            condition(
                format!("local {dimension:?}"),
                ConditionKind::Environment,
                format!("{dimension:?} address is the device's own").to_lowercase(),
            )
        }
        _ => None,
    }
}

impl State<'_> {
    pub(super) fn seen(&self, view: View) -> Packet {
        let (original, current) = (self.original, self.current);
        let pick = |keep: bool| if keep { original } else { current };
        Packet {
            source: pick(view.original_source).source,
            source_port: pick(view.original_source).source_port,
            destination: pick(view.original_destination).destination,
            destination_port: pick(view.original_service).destination_port,
            protocol: current.protocol,
        }
    }

    /// The address that is the device's own because of the packet's journey,
    /// as long as nothing has translated it.
    fn known_local(&self, packet: Packet) -> Option<Dimension> {
        match self.context.journey {
            _ if self.reply => None,
            Journey::ToDevice if packet.destination == self.original.destination => {
                Some(Dimension::Destination)
            }
            Journey::FromDevice if packet.source == self.original.source => Some(Dimension::Source),
            _ => None,
        }
    }

    pub(super) fn matches(&self, expr: &MatchExpr, view: View) -> bool {
        self.holds(expr, self.seen(view), false)
    }

    /// Whether a condition holds for `packet`: the one at hand, or the `first`
    /// of its connection.
    fn holds(&self, expr: &MatchExpr, packet: Packet, first: bool) -> bool {
        let (came, left) = (self.context.ingress, self.egress.as_deref());
        let (came, left) = if first && self.reply {
            (left, came)
        } else {
            (came, left)
        };
        let local = if first {
            None
        } else {
            self.known_local(packet)
        };
        if let Some(condition) = open_condition(
            expr,
            self.device,
            self.context.application,
            self.context.user,
            local,
        ) {
            return (self.context.holds)(&condition);
        }
        match expr {
            MatchExpr::Always => true,
            MatchExpr::Never | MatchExpr::Opaque(_) => false,
            MatchExpr::All(parts) => parts.iter().all(|p| self.holds(p, packet, first)),
            MatchExpr::Any(parts) => parts.iter().any(|p| self.holds(p, packet, first)),
            MatchExpr::Not(part) => !self.holds(part, packet, first),
            MatchExpr::Source(set) => set.contains(packet.source),
            MatchExpr::Destination(set) => set.contains(packet.destination),
            MatchExpr::Service(set) => set.contains(packet.service(), packet.source_port),
            MatchExpr::Family(family) => packet.family() == *family,
            MatchExpr::Ingress(set) => came.is_some_and(|n| set.contains(n)),
            MatchExpr::Egress(set) => left.is_some_and(|n| set.contains(n)),
            MatchExpr::State(set) => set.contains(if self.untracked {
                ConnectionState::Untracked
            } else {
                self.context.state
            }),
            MatchExpr::TcpFlags { mask, value } => {
                packet.protocol == TCP && self.context.tcp_flags & mask == *value
            }
            MatchExpr::Mark {
                register,
                mask,
                value,
            } => {
                let mark = match register {
                    MarkRegister::Packet => self.packet_mark,
                    MarkRegister::Connection => self.connection_mark,
                };
                mark & mask == *value
            }
            MatchExpr::Translated(dimension, names) => {
                let by = match dimension {
                    Dimension::Source => &self.source_by,
                    Dimension::Destination => &self.destination_by,
                };
                let (was, is) = (self.original, self.current);
                let changed = match dimension {
                    Dimension::Source => {
                        (was.source, was.source_port) != (is.source, is.source_port)
                    }
                    Dimension::Destination => {
                        (was.destination, was.destination_port)
                            != (is.destination, is.destination_port)
                    }
                };
                by.as_ref()
                    .is_some_and(|by| names.as_ref().map_or(changed, |n| n.contains(by)))
            }
            MatchExpr::Application(names) => self
                .context
                .application
                .is_some_and(|a| names.iter().any(|n| n == a)),
            MatchExpr::DefaultPort(ports) => self
                .context
                .application
                .and_then(|name| ports.0.get(name))
                .is_some_and(|set| set.contains(packet.service(), packet.source_port)),
            MatchExpr::User(names) => match self.context.user {
                Some(Some(user)) => names.is_empty() || names.iter().any(|n| n == user),
                Some(None) | None => false,
            },
            MatchExpr::Schedule(schedule) => schedule.active(self.context.now),
            MatchExpr::Local(dimension) => {
                let address = match dimension {
                    Dimension::Source => packet.source,
                    Dimension::Destination => packet.destination,
                };
                local == Some(*dimension) || self.device.own_addresses().contains(address)
            }
            MatchExpr::Original(part) => self.holds(part, self.first, true),
        }
    }
}
