//! What a rule does: verdicts, jumps, marks and translations.

use super::address::{family, host, prefix_mask};
use super::ast::{Module, Protocol, Rule};
use super::matching::{Matched, Scope, hook, number, value_and_mask};
use super::names;
use fw_model::address::bits;
use fw_model::filter::{Action, PacketEffect};
use fw_model::match_expr::{Condition, ConditionKind, MarkRegister};
use fw_model::service::has_ports;
use fw_model::{
    AddressSet, AddressTranslation, Family, FilterId, IntervalSet, PortTranslation, Translation,
};
use std::sync::Arc;

/// What a rule's target comes to.
pub(super) struct Acted {
    pub action: Action,
    pub effects: Vec<PacketEffect>,
}

impl Acted {
    fn plain(action: Action) -> Self {
        Self {
            action,
            effects: Vec::new(),
        }
    }
}

/// A verdict that cannot be told.
pub(super) fn undecided(
    kind: ConditionKind,
    key: String,
    text: String,
    scope: &Scope<'_>,
) -> Action {
    Action::Opaque(Arc::new(Condition {
        key,
        kind,
        text,
        span: Some(scope.span),
    }))
}

/// Targets that change, log or count a packet and let it go on, without any
/// effect on which rules it matches later.
const CONTINUES: [&str; 23] = [
    "LOG",
    "NFLOG",
    "ULOG",
    "TRACE",
    "TCPMSS",
    "CLASSIFY",
    "TOS",
    "DSCP",
    "SET",
    "AUDIT",
    "CHECKSUM",
    "SECMARK",
    "CONNSECMARK",
    "TEE",
    "TCPOPTSTRIP",
    "IDLETIMER",
    "LED",
    "RATEEST",
    "TTL",
    "HL",
    "ECN",
    "ACCOUNT",
    "FLOWOFFLOAD",
];

/// Reads the target. `chain` finds a user chain's filter; `Err` is a jump
/// that the loader refuses.
pub(super) fn target(
    rule: &Rule<'_>,
    scope: &Scope<'_>,
    matched: &mut Matched,
    chain: &dyn Fn(&str) -> Option<FilterId>,
) -> Acted {
    let Some(target) = &rule.target else {
        return Acted::plain(Action::Continue);
    };
    let name = target.name.as_ref();
    if let Some(filter) = chain(name) {
        return Acted::plain(if rule.goto {
            Action::Goto(filter)
        } else {
            Action::Jump(filter)
        });
    }
    let refused = |matched: &mut Matched, why: String| {
        let text = target.text();
        matched.refuse(why);
        Acted::plain(undecided(
            ConditionKind::NotUnderstood,
            format!("target {text}"),
            format!("-j {text}"),
            scope,
        ))
    };
    let only_in = |matched: &mut Matched, table: &str, hooks: u8| {
        if scope.table != table {
            matched.refuse(format!("`{name}` can be used in table `{table}` only"));
        } else if scope.hooks & !hooks != 0 {
            matched.refuse(format!("`{name}` cannot be used in this chain"));
        }
    };
    match name {
        "ACCEPT" => Acted::plain(Action::Permit),
        "RETURN" => Acted::plain(Action::Return),
        "DROP" => {
            if scope.table == "nat" {
                return refused(matched, "`DROP` cannot be used in table `nat`".into());
            }
            Acted::plain(Action::Deny)
        }
        "TARPIT" | "DELUDE" => Acted::plain(Action::Deny),
        "REJECT" => {
            only_in(
                matched,
                "filter",
                hook::INPUT | hook::FORWARD | hook::OUTPUT,
            );
            Acted::plain(Action::Reject)
        }
        "MARK" => mark(target, MarkRegister::Packet, matched),
        "CONNMARK" => mark(target, MarkRegister::Connection, matched),
        "CT" | "NOTRACK" => {
            only_in(matched, "raw", hook::PREROUTING | hook::OUTPUT);
            let untracked = name == "NOTRACK" || target.setting("notrack").is_some();
            Acted {
                action: Action::Continue,
                effects: if untracked {
                    vec![PacketEffect::NoTrack]
                } else {
                    Vec::new()
                },
            }
        }
        "DNAT" | "REDIRECT" => {
            only_in(matched, "nat", hook::PREROUTING | hook::OUTPUT);
            translated(matched, |m| {
                if name == "DNAT" {
                    destination(target, scope, m)
                } else {
                    redirect(target, scope, m)
                }
            })
            .unwrap_or_else(|why| refused(matched, why))
        }
        "SNAT" => {
            only_in(matched, "nat", hook::POSTROUTING | hook::INPUT);
            translated(matched, |m| source(target, scope, m))
                .unwrap_or_else(|why| refused(matched, why))
        }
        "MASQUERADE" => {
            only_in(matched, "nat", hook::POSTROUTING);
            translated(matched, |m| masquerade(target, m))
                .unwrap_or_else(|why| refused(matched, why))
        }
        "NETMAP" => {
            only_in(
                matched,
                "nat",
                hook::PREROUTING | hook::OUTPUT | hook::POSTROUTING | hook::INPUT,
            );
            translated(matched, |m| netmap(target, scope, m))
                .unwrap_or_else(|why| refused(matched, why))
        }
        "QUEUE" | "NFQUEUE" | "TPROXY" | "SYNPROXY" | "CLUSTERIP" | "ROUTE" | "MIRROR" => {
            let text = target.text();
            Acted::plain(undecided(
                ConditionKind::Environment,
                format!("target {text}"),
                format!("-j {text}"),
                scope,
            ))
        }
        // The mark it sets is computed, see `Marks::unknown`.
        "HMARK" | "IPMARK" => Acted::plain(Action::Continue),
        _ if CONTINUES.contains(&name) => Acted::plain(Action::Continue),
        "" => refused(matched, "`-j` without a target".into()),
        _ => refused(
            matched,
            format!(
                "`{name}` is neither a chain of table `{}` nor a known target",
                scope.table
            ),
        ),
    }
}

/// True if a target sets a mark to something that is not in the rules.
pub(super) fn sets_unknown_mark(target: &Module<'_>) -> bool {
    match target.name.as_ref() {
        "HMARK" | "IPMARK" | "TPROXY" => true,
        "SET" => target.setting("map-mark").is_some(),
        "CONNMARK" => {
            let mask = |name: &str| {
                target
                    .setting(name)
                    .map_or(Some(u32::MAX), |s| number(s.value()))
            };
            let shifts = target
                .settings
                .iter()
                .any(|s| s.name.ends_with("shift-mark"));
            shifts || mask("nfmask") != mask("ctmask")
        }
        _ => false,
    }
}

fn mark(target: &Module<'_>, register: MarkRegister, matched: &mut Matched) -> Acted {
    let mut effects = Vec::new();
    let mask = ["mask", "nfmask", "ctmask"]
        .iter()
        .find_map(|name| target.setting(name))
        .map_or(Some(u32::MAX), |s| number(s.value()))
        .unwrap_or(u32::MAX);
    for setting in &target.settings {
        let (clear, flip) = match setting.name.as_ref() {
            "save-mark" | "restore-mark" => {
                let (from, to) = if setting.name == "save-mark" {
                    (MarkRegister::Packet, MarkRegister::Connection)
                } else {
                    (MarkRegister::Connection, MarkRegister::Packet)
                };
                effects.push(PacketEffect::CopyMark { from, to, mask });
                continue;
            }
            "mask" | "nfmask" | "ctmask" => continue,
            name => {
                let Some((value, given)) = value_and_mask(setting.value()) else {
                    matched.refuse(format!("`{}` is no mark", setting.value()));
                    continue;
                };
                match name {
                    // `--set-mark` also clears the bits that it sets.
                    "set-mark" => (value | given.unwrap_or(u32::MAX), value),
                    "set-xmark" => (given.unwrap_or(u32::MAX), value),
                    "and-mark" => (!value, 0),
                    "or-mark" => (value, value),
                    "xor-mark" => (0, value),
                    _ => continue,
                }
            }
        };
        effects.push(PacketEffect::SetMark {
            register,
            mask: clear,
            value: flip,
        });
    }
    Acted {
        action: Action::Continue,
        effects,
    }
}

/// A translation named after what it does.
fn translated(
    matched: &mut Matched,
    make: impl FnOnce(&mut Matched) -> Result<Translation, String>,
) -> Result<Acted, String> {
    let translation = make(matched)?;
    Ok(Acted::plain(Action::Translate(Arc::new(translation))))
}

/// What stands behind `--to-destination` and `--to-source`.
struct To {
    addresses: Option<AddressSet>,
    /// Ports, and the first original port where they are shifted.
    ports: Option<(u16, u16, Option<u16>)>,
}

/// `[address[-address]][:port[-port[/base]]]`, with brackets around an IPv6
/// address that is followed by ports.
fn to(text: &str, protocol: Protocol) -> Option<To> {
    let (addresses, ports) = match protocol {
        Protocol::V4 => match text.split_once(':') {
            Some((addresses, ports)) => (addresses.to_owned(), Some(ports)),
            None => (text.to_owned(), None),
        },
        Protocol::V6 => {
            if let Some(ports) = text.strip_prefix(':')
                && !ports.contains(':')
            {
                (String::new(), Some(ports))
            } else if text.starts_with('[') {
                let (addresses, rest) = text.rsplit_once(']')?;
                let ports = if rest.is_empty() {
                    None
                } else {
                    Some(rest.strip_prefix(':')?)
                };
                (addresses.replace(['[', ']'], ""), ports)
            } else {
                (text.to_owned(), None)
            }
        }
    };
    let addresses = if addresses.is_empty() {
        None
    } else {
        Some(super::address::range(&addresses, protocol)?)
    };
    Some(To {
        addresses,
        ports: match ports {
            Some(ports) => Some(port_range(ports)?),
            None => None,
        },
    })
}

/// `port[-port[/base]]`
fn port_range(text: &str) -> Option<(u16, u16, Option<u16>)> {
    let (range, base) = match text.split_once('/') {
        Some((range, base)) => (range, Some(names::port(base)?)),
        None => (text, None),
    };
    let (low, high) = range.split_once('-').unwrap_or((range, range));
    let (low, high) = (names::port(low)?, names::port(high)?);
    (low <= high).then_some((low, high, base))
}

fn ports(
    (low, high, base): (u16, u16, Option<u16>),
    matched: &mut Matched,
) -> Result<PortTranslation, String> {
    if !matched.protocol.is_some_and(has_ports) {
        return Err("ports need a protocol with ports".into());
    }
    if let Some(base) = base
        && let Some(asked) = &matched.destination_ports
    {
        // The n-th port behind the base becomes the n-th of the range, as long
        // as the range reaches.
        let reach = IntervalSet::range(
            base.into(),
            u128::from(base) + u128::from(high) - u128::from(low),
        );
        if reach.covers(asked) {
            return Ok(PortTranslation::Shift {
                from: base,
                to: low,
            });
        }
    }
    Ok(PortTranslation::Pool(IntervalSet::range(
        low.into(),
        high.into(),
    )))
}

/// The union of several `--to-...` options, which older releases allowed.
fn all_to(target: &Module<'_>, option: &str, protocol: Protocol) -> Result<To, String> {
    let mut out: Option<To> = None;
    for setting in target.settings.iter().filter(|s| s.name == option) {
        let one = to(setting.value(), protocol)
            .ok_or_else(|| format!("`{}` is no address and port", setting.value()))?;
        out = Some(match out {
            None => one,
            Some(before) => To {
                addresses: match (before.addresses, one.addresses) {
                    (Some(a), Some(b)) => Some(a.union(&b)),
                    (a, b) => a.or(b),
                },
                ports: one.ports.or(before.ports),
            },
        });
    }
    out.ok_or_else(|| format!("`{}` needs `--{option}`", target.name))
}

fn destination(
    target: &Module<'_>,
    scope: &Scope<'_>,
    matched: &mut Matched,
) -> Result<Translation, String> {
    let to = all_to(target, "to-destination", scope.protocol)?;
    let destination_port = match to.ports {
        Some(range) => Some(ports(range, matched)?),
        None => None,
    };
    Ok(Translation {
        name: target.text(),
        destination: to
            .addresses
            .map(|set| AddressTranslation::Pool(Arc::new(set))),
        destination_port,
        ..Translation::default()
    })
}

fn source(
    target: &Module<'_>,
    scope: &Scope<'_>,
    matched: &mut Matched,
) -> Result<Translation, String> {
    let to = all_to(target, "to-source", scope.protocol)?;
    let source_port = match to.ports {
        Some((low, high, _)) => Some(ports((low, high, None), matched)?),
        None => None,
    };
    Ok(Translation {
        name: target.text(),
        source: to
            .addresses
            .map(|set| AddressTranslation::Pool(Arc::new(set))),
        source_port,
        ..Translation::default()
    })
}

fn to_ports(target: &Module<'_>, matched: &mut Matched) -> Result<Option<PortTranslation>, String> {
    match target.setting("to-ports") {
        Some(setting) => {
            let range = port_range(setting.value())
                .ok_or_else(|| format!("`{}` is no range of ports", setting.value()))?;
            ports((range.0, range.1, None), matched).map(Some)
        }
        None => Ok(None),
    }
}

fn masquerade(target: &Module<'_>, matched: &mut Matched) -> Result<Translation, String> {
    Ok(Translation {
        name: target.text(),
        source: Some(AddressTranslation::EgressInterface),
        source_port: to_ports(target, matched)?,
        ..Translation::default()
    })
}

fn redirect(
    target: &Module<'_>,
    scope: &Scope<'_>,
    matched: &mut Matched,
) -> Result<Translation, String> {
    let loopback = || {
        let address: std::net::IpAddr = match scope.protocol {
            Protocol::V4 => std::net::Ipv4Addr::LOCALHOST.into(),
            Protocol::V6 => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        AddressTranslation::Pool(Arc::new(AddressSet::host(address)))
    };
    Ok(Translation {
        name: target.text(),
        destination: Some(if scope.hooks == hook::OUTPUT {
            loopback()
        } else {
            AddressTranslation::IngressInterface
        }),
        destination_port: to_ports(target, matched)?,
        ..Translation::default()
    })
}

fn netmap(
    target: &Module<'_>,
    scope: &Scope<'_>,
    matched: &mut Matched,
) -> Result<Translation, String> {
    let text = target
        .setting("to")
        .map(|s| s.value().to_owned())
        .ok_or("`NETMAP` needs `--to`")?;
    let family = family(scope.protocol);
    let width: u32 = if family == Family::V4 { 32 } else { 128 };
    let (start, length) = text.split_once('/').unwrap_or((&text, ""));
    let start = host(start, scope.protocol).ok_or_else(|| format!("`{text}` is no network"))?;
    let length = if length.is_empty() {
        width
    } else {
        length
            .parse()
            .ok()
            .filter(|l| *l <= width)
            .ok_or_else(|| format!("`{text}` is no network"))?
    };
    let mask = prefix_mask(family, length);
    let first = bits(start) & mask;
    let of_source = scope.hooks & (hook::POSTROUTING | hook::INPUT) != 0;
    let asked = if of_source {
        &matched.source
    } else {
        &matched.destination
    };
    // The host part stays. That is one shift if all addresses the rule is for
    // lie in one network of this size.
    let shift = asked.as_ref().and_then(|set| {
        let ranges = set.family(family);
        let (low, high) = (ranges.first()?, ranges.last()?);
        (low & mask == high & mask).then_some(AddressTranslation::Shift {
            from: low & mask,
            to: first,
        })
    });
    let change = shift.unwrap_or_else(|| {
        let set = AddressSet::of(
            family,
            IntervalSet::range(first, first | (family.max() & !mask)),
        );
        AddressTranslation::Pool(Arc::new(set))
    });
    let mut translation = Translation {
        name: target.text(),
        ..Translation::default()
    };
    if of_source {
        translation.source = Some(change);
    } else {
        translation.destination = Some(change);
    }
    Ok(translation)
}
