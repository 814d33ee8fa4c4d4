//! What a selector reads of a packet.

use super::super::ast::Selector;
use super::values::Field;
use super::{Lowering, Scope};
use fw_model::match_expr::MarkRegister;
use fw_model::service::{ICMP, ICMPV6, SCTP, TCP, UDP};
use fw_model::{ConditionKind, Dimension, Family, MatchExpr, ServiceSet};

/// A selector: its field, or why the model cannot express it, and what must
/// hold for it to be readable at all.
pub struct Key {
    pub field: Result<Field, ConditionKind>,
    pub needs: Vec<MatchExpr>,
    /// The text, for conditions.
    pub text: String,
}

const WITH_PORTS: [u8; 5] = [TCP, UDP, 33, SCTP, 136];

fn protocol(number: u8) -> MatchExpr {
    MatchExpr::service(ServiceSet::protocol(number))
}

impl Lowering<'_> {
    /// What a selector reads.
    pub fn key(&self, scope: &Scope<'_>, selector: &Selector) -> Key {
        let mut needs = Vec::new();
        let field = self.field(scope, selector, &mut needs);
        Key {
            field,
            needs,
            text: selector.to_string(),
        }
    }

    /// The condition "is of this family", where the table leaves it open.
    pub fn family(&self, scope: &Scope<'_>, family: Family) -> MatchExpr {
        match (scope.family(), family) {
            (Some(table), wanted) if table == wanted => MatchExpr::Always,
            (Some(_), _) => MatchExpr::Never,
            (None, wanted) => MatchExpr::Family(wanted),
        }
    }

    pub fn field(
        &self,
        scope: &Scope<'_>,
        selector: &Selector,
        needs: &mut Vec<MatchExpr>,
    ) -> Result<Field, ConditionKind> {
        use Dimension::{Destination, Source};
        match selector {
            Selector::Payload(proto, field) => {
                let dimension = match field.as_str() {
                    "saddr" => Some(Source),
                    "daddr" => Some(Destination),
                    _ => None,
                };
                let port = match field.as_str() {
                    "sport" => Some(true),
                    "dport" => Some(false),
                    _ => None,
                };
                match proto.as_str() {
                    "ip" | "ip6" => {
                        let family = if proto == "ip" {
                            Family::V4
                        } else {
                            Family::V6
                        };
                        needs.push(self.family(scope, family));
                        match (dimension, field.as_str()) {
                            (Some(dimension), _) => Ok(Field::Address(dimension, family)),
                            (None, "protocol" | "nexthdr") => Ok(Field::Protocol),
                            _ => Err(ConditionKind::Content),
                        }
                    }
                    "tcp" | "udp" | "udplite" | "sctp" | "dccp" | "th" => {
                        let protocols: &'static [u8] = match proto.as_str() {
                            "tcp" => &[TCP],
                            "udp" => &[UDP],
                            "udplite" => &[136],
                            "sctp" => &[SCTP],
                            "dccp" => &[33],
                            _ => &WITH_PORTS,
                        };
                        needs.push(MatchExpr::service(ServiceSet::union_all(
                            &protocols
                                .iter()
                                .map(|&p| ServiceSet::protocol(p))
                                .collect::<Vec<_>>(),
                        )));
                        match port {
                            Some(source) => Ok(Field::Port { protocols, source }),
                            None if proto == "tcp" && field == "flags" => Ok(Field::TcpFlags),
                            None => Err(ConditionKind::Content),
                        }
                    }
                    "icmp" | "icmpv6" => {
                        let (number, family) = if proto == "icmp" {
                            (ICMP, Family::V4)
                        } else {
                            (ICMPV6, Family::V6)
                        };
                        needs.push(self.family(scope, family));
                        needs.push(protocol(number));
                        match field.as_str() {
                            "type" => Ok(Field::IcmpType(number)),
                            "code" => Ok(Field::IcmpCode(number)),
                            _ => Err(ConditionKind::Content),
                        }
                    }
                    "esp" | "ah" | "comp" | "gre" | "igmp" | "gretap" | "auth" => {
                        let number = match proto.as_str() {
                            "esp" => 50,
                            "ah" | "auth" => 51,
                            "comp" => 108,
                            "igmp" => 2,
                            _ => 47,
                        };
                        needs.push(protocol(number));
                        Err(ConditionKind::Content)
                    }
                    "hbh" | "frag" | "dst" | "mh" | "srh" | "rt0" | "rt2" | "rt4" => {
                        needs.push(self.family(scope, Family::V6));
                        Err(ConditionKind::Content)
                    }
                    "ether" if field == "type" => Ok(Field::EtherType),
                    _ => Err(ConditionKind::Content),
                }
            }
            Selector::Meta(key) => match key.as_str() {
                "iif" | "iifname" => Ok(Field::Interface(true)),
                "oif" | "oifname" => Ok(Field::Interface(false)),
                "l4proto" => Ok(Field::Protocol),
                "nfproto" => Ok(Field::NetworkFamily),
                "protocol" => Ok(Field::EtherType),
                "mark" => Ok(Field::Mark(MarkRegister::Packet)),
                "skuid" | "skgid" => Err(ConditionKind::User),
                "time" | "day" | "hour" => Err(ConditionKind::Time),
                "random" => Err(ConditionKind::Rate),
                "length" | "pkttype" => Err(ConditionKind::Content),
                _ => Err(ConditionKind::Environment),
            },
            Selector::Ct(key, direction) => match (key.as_str(), direction.as_deref()) {
                ("state", None) => Ok(Field::State),
                ("status", None) => Ok(Field::Status),
                ("mark", None) => Ok(Field::Mark(MarkRegister::Connection)),
                ("direction", None) => Ok(Field::Direction),
                (_, _) if scope.variant.early => Err(ConditionKind::Environment),
                (key, Some("original")) => {
                    let inner = match key {
                        "ip saddr" => Field::Address(Source, Family::V4),
                        "ip daddr" => Field::Address(Destination, Family::V4),
                        "ip6 saddr" => Field::Address(Source, Family::V6),
                        "ip6 daddr" => Field::Address(Destination, Family::V6),
                        "saddr" | "daddr" if scope.family().is_some() => Field::Address(
                            if key == "saddr" { Source } else { Destination },
                            scope.family().unwrap_or(Family::V4),
                        ),
                        "proto-src" => Field::Port {
                            protocols: &WITH_PORTS,
                            source: true,
                        },
                        "proto-dst" => Field::Port {
                            protocols: &WITH_PORTS,
                            source: false,
                        },
                        "protocol" => Field::Protocol,
                        _ => return Err(ConditionKind::Environment),
                    };
                    if let Field::Address(_, family) = inner {
                        needs.push(self.family(scope, family));
                    }
                    Ok(Field::Original(Box::new(inner)))
                }
                ("bytes" | "packets" | "avgpkt", _) => Err(ConditionKind::Rate),
                _ => Err(ConditionKind::Environment),
            },
            Selector::Fib(flags, result) => match (flags.as_slice(), result.as_str()) {
                ([only], "type") if only == "daddr" => Ok(Field::FibType(Destination)),
                ([only], "type") if only == "saddr" => Ok(Field::FibType(Source)),
                _ => Err(ConditionKind::Environment),
            },
            Selector::Other(text) => Err(if text.starts_with("numgen") {
                ConditionKind::Rate
            } else if text.starts_with("socket") || text.starts_with("rt ") {
                ConditionKind::Environment
            } else {
                if text.starts_with("tcp option") {
                    needs.push(protocol(TCP));
                }
                // A hash of a header's fields asks for the header.
                if let Some((keys, _)) = text
                    .strip_prefix("jhash ")
                    .and_then(|rest| rest.rsplit_once(" mod "))
                {
                    for key in keys.split(" . ") {
                        if let Some((header, field)) = key.split_once(' ')
                            && !matches!(header, "meta" | "ct")
                        {
                            let inner = Selector::Payload(header.into(), field.into());
                            let _ = self.field(scope, &inner, needs);
                        }
                    }
                }
                ConditionKind::Content
            }),
        }
    }
}

/// The port that a raw part of the transport header is.
pub fn raw_port(selector: &Selector) -> Option<Selector> {
    let field = match selector {
        Selector::Other(text) if text == "@th,0,16" => "sport",
        Selector::Other(text) if text == "@th,16,16" => "dport",
        _ => return None,
    };
    Some(Selector::Payload("th".into(), field.into()))
}
