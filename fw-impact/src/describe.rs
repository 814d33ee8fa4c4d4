//! From packet sets and rules to the words of a report.

use crate::graph::journey::{Act, Visit};
use crate::graph::{Disposition, Outcome, Side};
use crate::packet_set::Product;
use crate::packet_set::decompose::RuleRef;
use crate::packet_set::minimize::minimize;
use crate::packet_set::product::Dim;
use crate::report::{
    AssumptionReport, Decision, Reason, ReasonKind, Region, Side as SideName, WitnessPacket,
};
use fw_model::address::range_text;
use fw_model::packet::Packet;
use fw_model::service::{by_protocol, has_ports, is_icmp, port_text, protocol_name};
use fw_model::{
    Action, Assumption, Condition, ConditionKind, Family, IntervalSet, Snapshot, Span, StageKind,
};

/// The usual source ports of clients.
pub const CLIENT_PORTS: (u128, u128) = (1024, 65535);

/// Where witness packets come from, if that is among the allowed ports.
const WITNESS_PORT: u128 = 49152;

/// The fewest plain boxes for a union of disjoint products of one family.
/// `usual_ports` are source ports that need no mention.
#[must_use]
pub fn regions(family: Family, products: Vec<Product>, usual_ports: &IntervalSet) -> Vec<Region> {
    let mut out = Vec::new();
    for product in minimize(products) {
        let [sources, destinations, services, ports] = &product.sets;
        let usual = ports.covers(usual_ports);
        for &source in sources.ranges() {
            for &destination in destinations.ranges() {
                for (proto, dst_port, icmp) in service_texts(services) {
                    let region = |src_port| Region {
                        src: range_text(family, source),
                        dst: range_text(family, destination),
                        proto: proto.clone(),
                        dst_port: dst_port.clone(),
                        src_port,
                        icmp: icmp.clone(),
                    };
                    if usual || dst_port.is_none() {
                        out.push(region(None));
                    } else {
                        for &(low, high) in ports.ranges() {
                            out.push(region(Some(port_text(low as u16, high as u16))));
                        }
                    }
                }
            }
        }
    }
    out
}

/// Protocol, ports and ICMP type of each part of a service set.
pub(crate) fn service_texts(
    services: &IntervalSet,
) -> Vec<(String, Option<String>, Option<String>)> {
    if services.count() > fw_model::service::SERVICE_MAX {
        return vec![("any".into(), Some("any".into()), None)];
    }
    let mut out: Vec<(String, Option<String>, Option<String>)> = Vec::new();
    for &(low, high) in services.ranges() {
        let whole_from = low.div_ceil(1 << 16);
        let whole_to = (high + 1) >> 16;
        let mut parts = vec![(low, high)];
        if whole_to.saturating_sub(whole_from) > 4 {
            // A run of whole protocols is one range of protocol numbers.
            out.push((format!("{whole_from}-{}", whole_to - 1), None, None));
            parts = vec![(low, whole_from << 16), (whole_to << 16, high + 1)];
            parts.retain(|(from, to)| from < to);
            for (_, to) in &mut parts {
                *to -= 1;
            }
        }
        for (protocol, from, to) in by_protocol(&IntervalSet::from_ranges(parts)) {
            let name = protocol_name(protocol);
            if has_ports(protocol) {
                out.push((name, Some(port_text(from, to)), None));
            } else if is_icmp(protocol) && (from, to) != (0, 0xffff) {
                out.push((name, None, Some(icmp_text(from, to))));
            } else {
                out.push((name, None, None));
            }
        }
    }
    out
}

/// `type`, `type/code` or a range of them.
fn icmp_text(from: u16, to: u16) -> String {
    let one = |value: u16, whole: bool| {
        if whole {
            (value >> 8).to_string()
        } else {
            format!("{}/{}", value >> 8, value & 0xff)
        }
    };
    let whole = from & 0xff == 0 && to & 0xff == 0xff;
    if from == to || (whole && from >> 8 == to >> 8) {
        one(from, whole)
    } else {
        format!("{}-{}", one(from, whole), one(to, whole))
    }
}

/// Addresses that read as somebody's, for sets that hold nearly all: from the
/// ranges for documentation of RFC 5737 and RFC 3849.
const STRANGERS: [[u128; 2]; 2] = [
    [0xc633_640a, 0xcb00_710a],
    [
        (0x2001_0db8 << 96) | 0x10,
        (0x2001_0db8 << 96) | 0x1_0000_0010,
    ],
];

/// Services that people know, for sets that hold nearly all.
const KNOWN: [u128; 5] = [
    (6 << 16) | 443,
    (6 << 16) | 80,
    (6 << 16) | 22,
    (17 << 16) | 53,
    (1 << 16) | 0x0800,
];

/// An address of a set that looks like a host: not the first of a larger
/// range, which may be a network address. `at` tells sources from destinations.
fn host(set: &IntervalSet, at: usize) -> Option<u128> {
    let larger = set.ranges().iter().find(|(low, high)| high - low > 2);
    let &(low, high) = larger.or_else(|| set.ranges().first())?;
    let [v4, v6] = STRANGERS;
    let v6_too = set.last()? > u128::from(u32::MAX);
    let stranger = if v6_too { v6 } else { v4 }.get(at).copied();
    // A set that begins in the first /8 is no network that somebody declared.
    let wide = high - low > 0x00ff_ffff && low < 0x0100_0000;
    if wide && let Some(one) = stranger.filter(|one| set.contains(*one)) {
        return Some(one);
    }
    Some(if high - low > 2 { low + 1 } else { low })
}

/// A service of a set that people know, else one of TCP, else one of UDP.
fn usual_service(set: &IntervalSet) -> Option<u128> {
    let known = KNOWN.iter().copied().find(|&one| set.contains(one));
    let of = |protocol: u128| {
        set.intersect(&IntervalSet::range(
            protocol << 16,
            (protocol << 16) | 0xffff,
        ))
        .first()
    };
    known
        .or_else(|| of(6))
        .or_else(|| of(17))
        .or_else(|| set.first())
}

/// A source and a destination of a product that look like hosts, two if it
/// has two.
fn hosts(product: &Product) -> Option<[u128; 2]> {
    let to = host(product.get(Dim::Destination), 1)?;
    let from = product.get(Dim::Source);
    let others = from.subtract(&IntervalSet::single(to));
    Some([host(&others, 0).or_else(|| host(from, 0))?, to])
}

/// A packet of a product that people would expect.
#[must_use]
pub fn typical(family: Family, product: &Product) -> Option<Packet> {
    let service = usual_service(product.get(Dim::Service))?;
    let ports = product.get(Dim::SourcePort);
    let port = if ports.contains(WITNESS_PORT) {
        WITNESS_PORT
    } else {
        ports.first()?
    };
    let [from, to] = hosts(product)?;
    packet(family, [from, to, service, port])
}

/// The packet of `product` that differs from `other` in as few fields as
/// possible, with the number of fields that are equal.
#[must_use]
pub fn nearest(product: &Product, other: [u128; 4]) -> Option<([u128; 4], usize)> {
    let [from, to] = hosts(product)?;
    let usual = [
        from,
        to,
        usual_service(product.get(Dim::Service))?,
        product.get(Dim::SourcePort).first()?,
    ];
    let mut point = usual;
    let mut equal = 0;
    for ((mine, theirs), set) in point.iter_mut().zip(other).zip(&product.sets) {
        if set.contains(theirs) {
            *mine = theirs;
            equal += 1;
        }
    }
    Some((point, equal))
}

/// The field values of a packet.
#[must_use]
pub fn field_values(packet: &Packet) -> [u128; 4] {
    let bits = fw_model::address::bits;
    [
        bits(packet.source),
        bits(packet.destination),
        packet.service(),
        packet.source_port.into(),
    ]
}

/// The packet with these field values.
#[must_use]
pub fn packet(family: Family, point: [u128; 4]) -> Option<Packet> {
    let [source, destination, service, port] = point;
    let protocol = u8::try_from(service >> 16).ok()?;
    Some(Packet {
        source: family.address(source),
        destination: family.address(destination),
        protocol,
        source_port: if has_ports(protocol) {
            u16::try_from(port).ok()?
        } else {
            0
        },
        destination_port: (service & 0xffff) as u16,
    })
}

/// A packet in the words of a report.
#[must_use]
pub fn witness(packet: &Packet) -> WitnessPacket {
    let ports = has_ports(packet.protocol);
    let icmp = is_icmp(packet.protocol);
    WitnessPacket {
        src: packet.source.to_string(),
        src_port: ports.then_some(packet.source_port),
        dst: packet.destination.to_string(),
        proto: protocol_name(packet.protocol),
        dst_port: ports.then_some(packet.destination_port),
        icmp_type: icmp.then_some((packet.destination_port >> 8) as u8),
        icmp_code: icmp.then_some((packet.destination_port & 0xff) as u8),
    }
}

/// Path, line and text of a place.
#[must_use]
pub fn place(
    snapshot: &Snapshot,
    span: Option<Span>,
) -> (Option<String>, Option<u32>, Option<String>) {
    let Some(span) = span else {
        return (None, None, None);
    };
    (
        snapshot.source(span.source).map(|s| s.path.clone()),
        Some(span.line),
        snapshot.line_text(span).map(str::to_owned),
    )
}

/// The rules that decide an outcome.
#[must_use]
pub fn decisions(side: &Side<'_>, outcome: &Outcome) -> Vec<Decision> {
    let mut out = Vec::new();
    let device_name = |number: usize| {
        side.devices
            .get(number)
            .map_or_else(String::new, |d| d.device.name.clone())
    };
    let returning = outcome.returns.last().map(|r| r.device);
    let last_device = returning.or_else(|| outcome.crossings.last().map(|c| c.device));
    let reply = if returning.is_some() { " (reply)" } else { "" };
    let on = |device: Option<usize>, rule: &str, span: Option<Span>| {
        let (mut file, line, text) = place(side.snapshot, span);
        file = file.or_else(|| only_file(side, device?));
        Decision {
            device: device.map(device_name).unwrap_or_default(),
            filter: "routes".into(),
            rule: format!("{rule}{reply}"),
            action: "deny".into(),
            file,
            line,
            text,
        }
    };
    let last_route = match outcome.returns.last() {
        Some(back) => back.route,
        None => outcome.crossings.last().and_then(|c| c.route),
    };
    match &outcome.disposition {
        Disposition::Unrouted => return vec![on(last_device, "no route", None)],
        Disposition::Discarded(span) => return vec![on(last_device, "null route", *span)],
        Disposition::Loop => return vec![on(last_device, "loop", last_route)],
        Disposition::Astray => return vec![on(last_device, "leads out", last_route)],
        Disposition::OneSided(device) => {
            let route = outcome.returns.iter().find_map(|r| r.route);
            let other: Vec<String> = other_direction(outcome, *device)
                .into_iter()
                .map(device_name)
                .collect();
            let with = if other.is_empty() {
                "asymmetric path".to_owned()
            } else {
                format!("asymmetric path, other direction by {}", other.join(", "))
            };
            return vec![on(Some(*device), &with, route)];
        }
        Disposition::Unselected(device, span) => {
            return vec![on(Some(*device), "selectors of the tunnel", *span)];
        }
        Disposition::Refused => return vec![on(last_device, "reverse path check", None)],
        Disposition::NotAnswered => return vec![on(last_device, "no answer", last_route)],
        Disposition::Own => return vec![on(last_device, "the device's own address", None)],
        Disposition::Denied | Disposition::Exhausted => {
            if let Some(visit) = outcome.visits.last()
                && let Some(decision) = decision(side, visit)
            {
                return vec![decision];
            }
        }
        Disposition::Permitted | Disposition::Local => {}
    }
    let policies = outcome
        .visits
        .iter()
        .filter(|v| v.kind == StageKind::Policy && !v.reply)
        .filter(|v| decider(side, v).is_some_and(|(rule, _)| rule.span.is_some()));
    // Lists that let everything pass say nothing beside a rule that permits.
    let ruled: Vec<usize> = policies
        .clone()
        .filter(|v| !by_default(side, v))
        .map(|v| v.device)
        .collect();
    for visit in policies {
        if (!by_default(side, visit) || !ruled.contains(&visit.device))
            && let Some(decision) = decision(side, visit)
            && !out.contains(&decision)
        {
            out.push(decision);
        }
    }
    if out.is_empty() {
        // Only implicit rules had a say: the first policy that was met.
        out.extend(
            outcome
                .visits
                .iter()
                .find(|v| v.kind == StageKind::Policy && !v.rules.is_empty())
                .and_then(|v| decision(side, v)),
        );
    }
    out
}

/// The devices that saw the direction of a connection that `device` did not
/// see, and not the one that it saw.
#[must_use]
pub fn other_direction(outcome: &Outcome, device: usize) -> Vec<usize> {
    let forth = || outcome.crossings.iter().map(|c| c.device);
    let back = || outcome.returns.iter().map(|r| r.device);
    let mut out: Vec<usize> = if forth().any(|d| d == device) {
        back().filter(|d| !forth().any(|f| f == *d)).collect()
    } else {
        // Where the reply got lost, the devices behind never saw it either.
        let way: Vec<usize> = forth().collect();
        let met = way.iter().rposition(|d| back().any(|b| b == *d));
        let until = met.unwrap_or(way.len());
        let last = way.get(..until).and_then(<[usize]>::last);
        last.copied().into_iter().collect()
    };
    out.dedup();
    out
}

/// The deciding rule of a visit and its filter's name.
#[must_use]
pub fn decider<'a>(side: &Side<'a>, visit: &Visit) -> Option<(&'a fw_model::Rule, &'a str)> {
    let device: &'a fw_model::Device = side.devices.get(visit.device)?.device;
    let last: RuleRef = *visit.rules.last()?;
    Some((last.get(device)?, &device.filter(last.filter)?.name))
}

/// True if no rule of the list matched, and its default decides.
fn by_default(side: &Side<'_>, visit: &Visit) -> bool {
    let device = side.devices.get(visit.device).map(|d| d.device);
    let filter = |r: &RuleRef| device.and_then(|d| d.filter(r.filter));
    visit
        .rules
        .last()
        .is_some_and(|r| filter(r).is_some_and(|f| r.rule as usize >= f.rules.len()))
}

fn decision(side: &Side<'_>, visit: &Visit) -> Option<Decision> {
    let (rule, filter) = decider(side, visit)?;
    let device = side.devices.get(visit.device)?.device;
    let (mut file, line, text) = place(side.snapshot, rule.span);
    file = file.or_else(|| only_file(side, visit.device));
    Some(Decision {
        device: device.name.clone(),
        filter: filter.to_owned(),
        rule: if visit.reply {
            format!("{} (reply)", rule.name)
        } else {
            rule.name.clone()
        },
        action: action_text(&rule.action, visit.act).into(),
        file,
        line,
        text,
    })
}

/// The file of a device that has one: what no line of it says is said by it all
/// the same.
fn only_file(side: &Side<'_>, device: usize) -> Option<String> {
    match side.devices.get(device)?.device.sources.as_slice() {
        [only] => side.snapshot.source(*only).map(|s| s.path.clone()),
        _ => None,
    }
}

/// The word for what a rule does.
#[must_use]
pub const fn action_text(action: &Action, act: Act) -> &'static str {
    match (action, act) {
        (Action::Reject, _) => "reject",
        (_, Act::Permit) => "permit",
        (_, Act::Deny) => "deny",
        (_, Act::Translate) => "translate",
        (_, Act::Exhausted) => "undecided",
    }
}

/// The conditions that variables stand for, as reasons.
#[must_use]
pub fn reasons(
    side: &Side<'_>,
    name: SideName,
    device: &str,
    variables: impl Iterator<Item = u32>,
) -> Vec<Reason> {
    let mut out: Vec<Reason> = variables
        .filter_map(|v| side.conditions.condition(v))
        .map(|condition| {
            let span = side.span_of(&condition.key);
            let (file, line, line_text) = place(side.snapshot, span);
            let columns = span.map(|s| meant(&condition, s, line_text.as_deref()));
            Reason {
                side: name,
                device: owner(side, span).unwrap_or(device).to_owned(),
                text: condition.text.clone(),
                kind: reason_kind(&condition.kind),
                name: match &condition.kind {
                    ConditionKind::Name(name, _) => Some(name.clone()),
                    _ => None,
                },
                file,
                line,
                start: columns.map(|s| s.start),
                end: columns.map(|s| s.end),
                line_text,
            }
        })
        .collect();
    out.sort();
    out.dedup();
    out
}

/// The device whose file a line is in, if it is the only one.
fn owner<'s>(side: &Side<'s>, span: Option<Span>) -> Option<&'s str> {
    let source = span?.source;
    let mut all = side
        .devices
        .iter()
        .filter(|d| d.device.sources.contains(&source));
    let one = all.next()?;
    all.next().is_none().then_some(one.device.name.as_str())
}

const fn reason_kind(kind: &ConditionKind) -> ReasonKind {
    match kind {
        ConditionKind::NotUnderstood => ReasonKind::NotUnderstood,
        ConditionKind::Name(..) => ReasonKind::Name,
        ConditionKind::Content => ReasonKind::Content,
        ConditionKind::User => ReasonKind::User,
        ConditionKind::Rate => ReasonKind::Rate,
        ConditionKind::Time => ReasonKind::Time,
        ConditionKind::Environment | ConditionKind::Tunnel => ReasonKind::Environment,
        ConditionKind::Path => ReasonKind::Path,
    }
}

/// The words of a line that a condition is about. Conditions often carry the
/// whole line of their rule as their place; the words that they quote, or the
/// name that they are for, are looked for within it.
fn meant(condition: &Condition, span: Span, line: Option<&str>) -> Span {
    let Some(within) = line.and_then(|l| l.get(span.start as usize..span.end as usize)) else {
        return span;
    };
    let name = match &condition.kind {
        ConditionKind::Name(name, _) => name.rsplit(':').next(),
        _ => None,
    };
    let last = condition.text.rsplit(' ').next();
    [Some(condition.text.as_str()), name, last]
        .into_iter()
        .flatten()
        .find_map(|words| Some((whole_words(within, words)?, words.len())))
        .and_then(|(at, length)| {
            let start = span.start.checked_add(u32::try_from(at).ok()?)?;
            let end = start.checked_add(u32::try_from(length).ok()?)?;
            Some(Span { start, end, ..span })
        })
        .unwrap_or(span)
}

/// Where `words` stand in `text`, not as a part of longer words.
fn whole_words(text: &str, words: &str) -> Option<usize> {
    if words.is_empty() {
        return None;
    }
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "-_.".contains(c));
    text.match_indices(words).map(|(at, _)| at).find(|&at| {
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        let after = text.get(at + words.len()..).and_then(|t| t.chars().next());
        let starts_within = word(before) && word(words.chars().next());
        let ends_within = word(after) && word(words.chars().next_back());
        !starts_within && !ends_within
    })
}

/// An assumption in the words of a report.
#[must_use]
pub fn assumption(snapshot: &Snapshot, device: Option<&str>, a: &Assumption) -> AssumptionReport {
    let (file, line, _) = place(snapshot, a.span);
    AssumptionReport {
        code: a.code.into(),
        text: a.text.clone(),
        device: device.map(str::to_owned),
        file,
        line,
    }
}

#[cfg(test)]
mod tests {
    use super::whole_words;

    #[test]
    fn words_within_words_are_not_meant() {
        assert_eq!(whole_words("destination [ RUX RU KP ]", "RU"), Some(18));
        assert_eq!(whole_words("tcp-udp tcp", "tcp"), Some(8));
        assert_eq!(whole_words("-p tcp --frob 3 -j X", "--frob 3"), Some(7));
        assert_eq!(whole_words("abc", ""), None);
        assert_eq!(whole_words("abc", "b"), None);
    }
}
