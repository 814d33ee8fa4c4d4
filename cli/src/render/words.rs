//! Words for the things of a report that several formats share.

use fw_impact::ImpactReport;
use fw_impact::report::{
    Bound, Cause, Certainty, Change, Decision, EditKind, FlowReport, Impact, Reason, ReasonKind,
    Region, TrafficGroup, Verdict, WitnessPacket,
};

/// `1 flow`, `2 flows`.
pub use super::text::layout::{count, place};

/// How something is to be looked at; colour follows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// Traffic is lost, or passes that must not.
    Bad,
    /// Undecided, or treated differently.
    Doubt,
    /// As it should be.
    Good,
}

/// The verdict with its mark.
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Blocked => "✗ BLOCKED",
        Verdict::PartlyBlocked => "◐ PARTLY BLOCKED",
        Verdict::Undecided => "? UNDECIDED",
        Verdict::Exposure => "+ EXPOSURE",
        Verdict::Changed => "! CHANGED",
        Verdict::None => "✓ OK",
    }
}

/// `1 of 6 flows blocked, 1 changed`
pub fn told_in_short(report: &ImpactReport) -> String {
    let s = report.summary;
    let mut parts = Vec::new();
    let mut say = |n: usize, what: &str| {
        if n == 0 {
            return;
        }
        parts.push(if parts.is_empty() {
            format!("{n} of {} {what}", count(s.flows, "flow"))
        } else {
            format!("{n} {what}")
        });
    };
    let forbidden = report
        .flows
        .iter()
        .filter(|f| f.expect == "deny" && f.exit_code == 14)
        .count();
    say(s.blocked, "blocked");
    say(forbidden, "open against `expect: deny`");
    say(s.partly_blocked, "partly blocked");
    say(s.undecided, "undecided");
    say(s.changed, "changed");
    say(s.opened.saturating_sub(forbidden), "opened");
    if parts.is_empty() {
        parts.push(match s.flows {
            0 => "no flow is declared".into(),
            1 => "the declared flow is not hurt".into(),
            n => format!("none of {n} flows is hurt"),
        });
    }
    let possible = report
        .exposure_groups
        .iter()
        .filter(|e| e.grounds.certainty == Certainty::Possible)
        .count();
    match (report.exposure_groups.len() - possible, possible) {
        (0, 0) => {}
        (0, n) => parts.push(count(n, "possible opening") + " not declared"),
        (n, 0) => parts.push(count(n, "opening") + " not declared"),
        (n, more) => parts.push(format!(
            "{} not declared, {more} more possible",
            count(n, "opening")
        )),
    }
    if !report.changes.is_empty() {
        parts.push(count(report.changes.len(), "translation") + " changed");
    }
    parts.join(", ")
}

/// The flows that have something to tell, the worst ones first.
pub fn worst_first(report: &ImpactReport) -> Vec<&FlowReport> {
    let mut flows: Vec<&FlowReport> = report.flows.iter().filter(|f| is_told(f)).collect();
    flows.sort_by_key(|f| (std::cmp::Reverse(f.exit_code), rank(f.impact)));
    flows
}

/// True if a flow gets a block of its own.
pub fn is_told(flow: &FlowReport) -> bool {
    flow.impact != Impact::None || flow.exit_code != 0
}

const fn rank(impact: Impact) -> u8 {
    match impact {
        Impact::Blocked => 0,
        Impact::Mixed => 1,
        Impact::PartlyBlocked => 2,
        Impact::Undecided => 3,
        Impact::Changed => 4,
        Impact::PartlyOpened => 5,
        Impact::Opened => 6,
        Impact::None => 7,
    }
}

/// The tone, the mark and the words that stand with a flow.
pub fn sign(flow: &FlowReport) -> (Tone, &'static str, &'static str) {
    let deny = flow.expect == "deny";
    match flow.impact {
        Impact::Opened if deny => (Tone::Bad, "✗", "passes now, which must not be"),
        Impact::PartlyOpened if deny => (Tone::Bad, "✗", "passes partly now, which must not be"),
        Impact::Mixed if deny => (Tone::Bad, "✗", "other parts pass now, which must not be"),
        Impact::Blocked if deny => (Tone::Good, "✓", "is closed now, as it must be"),
        Impact::PartlyBlocked if deny => (Tone::Good, "✓", "is partly closed now"),
        Impact::Blocked => (Tone::Bad, "✗", ""),
        Impact::PartlyBlocked => (Tone::Bad, "◐", ""),
        Impact::Mixed => (Tone::Bad, "◐", "some is lost, some is gained"),
        Impact::Undecided => (Tone::Doubt, "?", "cannot be decided"),
        Impact::Changed => (Tone::Doubt, "!", "passes, treated differently"),
        Impact::Opened => (Tone::Good, "+", "passes now"),
        Impact::PartlyOpened => (Tone::Good, "+", "passes partly now"),
        Impact::None if deny => (Tone::Bad, "✗", "passes before and after, which must not be"),
        Impact::None => (Tone::Bad, "✗", "does not pass, neither before nor after"),
    }
}

/// The protocol and port, where the name of the service does not say.
pub fn port_of(flow: &FlowReport) -> String {
    if flow.service.contains('/') {
        return String::new();
    }
    let region = flow
        .lost
        .first()
        .or_else(|| flow.gained.first())
        .or_else(|| flow.undecided.first());
    if let Some(region) = region {
        return match &region.dst_port {
            Some(port) => format!(" {}/{port}", region.proto),
            None => format!(" {}", region.proto),
        };
    }
    match flow.witness.as_ref().and_then(|w| w.dst_port) {
        Some(port) => format!(
            " {}/{port}",
            flow.witness.as_ref().map_or("", |w| w.proto.as_str())
        ),
        None => String::new(),
    }
}

/// `removed` or `added`.
pub const fn edit(kind: EditKind) -> &'static str {
    match kind {
        EditKind::Removed => "removed",
        EditKind::Added => "added",
    }
}

/// What happened to a line: `removed`, `added`, `moved to line 60`.
pub fn edited(cause: &Cause) -> String {
    match (cause.moved, cause.edit) {
        (None, kind) => edit(kind).to_owned(),
        (Some(line), EditKind::Removed) => format!("moved to line {line}"),
        (Some(line), EditKind::Added) => format!("moved from line {line}"),
    }
}

/// `10.0.0.0/8 -> 192.0.2.1   tcp/6001`
pub fn region(region: &Region) -> String {
    let proto = match region.proto.as_str() {
        "any" => "any protocol".to_owned(),
        proto if proto.starts_with(|c: char| c.is_ascii_digit()) => format!("protocol {proto}"),
        proto => proto.to_owned(),
    };
    let mut out = format!("{} -> {}   {proto}", region.src, region.dst);
    if let Some(port) = &region.dst_port
        && port != "any"
    {
        out.push('/');
        out.push_str(port);
    }
    if let Some(icmp) = &region.icmp {
        out.push_str(" type ");
        out.push_str(icmp);
    }
    if let Some(ports) = &region.src_port {
        out.push_str(" from ports ");
        out.push_str(ports);
    }
    out
}

/// `session-timeout 3600s -> 300s, below 2 x keepalive   edge.cfg:90`
pub fn change(change: &Change) -> String {
    let mut out = change_alone(change);
    if let (Some(_), Some(_)) = (&change.file, change.line) {
        out.push_str("   ");
        out.push_str(&place(change.file.as_deref(), change.line));
    }
    out
}

/// The same without its place.
pub fn change_alone(change: &Change) -> String {
    let mut out = format!(
        "{} {} -> {}",
        change.kind.replace('-', " "),
        value(&change.kind, &change.before),
        value(&change.kind, &change.after)
    );
    if let Some(note) = &change.note {
        out.push_str(", ");
        out.push_str(note);
    }
    out
}

/// Seconds of a timeout as hours, minutes and seconds.
fn value(kind: &str, text: &str) -> String {
    let seconds = text.strip_suffix('s').and_then(|t| t.parse::<u64>().ok());
    match seconds {
        Some(s) if kind == "session-timeout" => {
            format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
        }
        _ => text.to_owned(),
    }
}

/// Words that are quoted within a sentence are no longer.
const QUOTED: usize = 60;

/// Why something cannot be decided, as a sentence without its place.
pub fn reason(reason: &Reason) -> String {
    let text = reason.text.trim();
    let why = match reason.kind {
        // Such texts are sentences.
        ReasonKind::Device | ReasonKind::Path => return text.to_owned(),
        ReasonKind::NotUnderstood => "is not understood and could match this traffic",
        ReasonKind::Name => "stands for addresses that the configuration does not hold",
        ReasonKind::Content => "depends on what is in the packets",
        ReasonKind::User => "depends on who sends the packets",
        ReasonKind::Rate => "depends on rate, counters or chance",
        ReasonKind::Time => "depends on the time",
        ReasonKind::Environment => "depends on something outside the configuration",
    };
    // Some say what happens, not what they look at.
    if text.starts_with("allowed on port basis") || text.ends_with("must be identified") {
        return text.to_owned();
    }
    if text.chars().count() > QUOTED && reason.line_text.is_some() {
        return format!("this line {why}");
    }
    format!("`{text}` {why}")
}

/// What can be done about what cannot be decided; one sentence each kind of
/// reason that there is.
pub fn help(reasons: &[Reason]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let names: Vec<&str> = reasons.iter().filter_map(|r| r.name.as_deref()).collect();
    for reason in reasons {
        let text = match reason.kind {
            ReasonKind::NotUnderstood | ReasonKind::Device => {
                "if it has no effect, say so in assume.yaml (--assume); otherwise treat the \
                 flow as at risk"
            }
            ReasonKind::Name if names.is_empty() => {
                "give its addresses in resolve.yaml (--resolve)"
            }
            ReasonKind::Name => {
                let text = resolve(&names);
                if !out.contains(&text) {
                    out.push(text);
                }
                continue;
            }
            ReasonKind::Content => {
                "if the flow is of one application, name it with `app:` in the flows file"
            }
            ReasonKind::User => "say `user: none`, or who it is, in the flows file",
            ReasonKind::Rate => "treat the flow as at risk while limits are reached",
            ReasonKind::Time => "say with --at for which time it is to be judged",
            ReasonKind::Path => "name `ingress:` and `egress:` in the flow, or add a topology.yaml",
            ReasonKind::Environment => "look at the device; treat the flow as at risk until then",
        };
        if !out.iter().any(|t| t == text) {
            out.push(text.to_owned());
        }
    }
    out
}

/// The entries that a resolve file wants.
fn resolve(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    let mut entries: Vec<String> = Vec::new();
    for name in names {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let entry = if name.chars().all(plain) {
            format!("{name}: [ADDRESS, ...]")
        } else {
            format!("\"{name}\": [ADDRESS, ...]")
        };
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    let more = if entries.len() > SHOWN { ", ..." } else { "" };
    entries.truncate(SHOWN);
    format!(
        "say in a file for --resolve which addresses that is: resolve: {{ {}{more} }}",
        entries.join(", ")
    )
}

/// `203.0.113.9:49152 -> 192.0.2.11:210 tcp`
pub fn packet(packet: &WitnessPacket) -> String {
    let end = |address: &str, port: Option<u16>| match port {
        Some(port) if address.contains(':') => format!("[{address}]:{port}"),
        Some(port) => format!("{address}:{port}"),
        None => address.to_owned(),
    };
    let mut out = format!(
        "{} -> {} {}",
        end(&packet.src, packet.src_port),
        end(&packet.dst, packet.dst_port),
        packet.proto
    );
    if let Some(kind) = packet.icmp_type {
        out.push_str(&format!(" type {kind}"));
    }
    if let Some(code) = packet.icmp_code {
        out.push_str(&format!(" code {code}"));
    }
    out
}

/// Values of a field that are named before "and so many more".
const VALUES: usize = 3;

/// `any but 10.0.0.0/8, 192.0.2.1 and 3 more`
fn bound(bound: &Bound) -> String {
    let list = |values: &[String]| {
        let shown = if values.len() == VALUES + 1 {
            values.len()
        } else {
            VALUES
        };
        let mut out = values
            .iter()
            .take(shown)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        if values.len() > shown {
            out.push_str(&format!(" and {} more", values.len() - shown));
        }
        out
    };
    let of = match bound.of.as_slice() {
        [v4, v6] if v4 == "0.0.0.0/0" && v6 == "::/0" => "any".to_owned(),
        of => list(of),
    };
    if bound.except.is_empty() {
        of
    } else {
        format!("{of} but {}", list(&bound.except))
    }
}

/// The traffic of a group within its bounds: `any but 10.0.0.0/8 -> 192.0.2.7
/// tcp/80`.
pub fn group(group: &TrafficGroup) -> String {
    let service = match bound(&group.service) {
        any if any == "any" => "any protocol".to_owned(),
        but if but.starts_with("any but ") => but.replacen("any", "any protocol", 1),
        service => service,
    };
    let mut out = format!("{} -> {}   {service}", bound(&group.src), bound(&group.dst));
    if let Some(ports) = &group.src_port {
        out.push_str(" from ports ");
        out.push_str(&bound(ports));
    }
    out
}

/// [`group`] within a sentence, and how much of it is meant.
pub fn group_sentence(one: &TrafficGroup) -> String {
    let what = group(one).replace("   ", " ");
    if one.exact && one.without.is_empty() {
        what
    } else {
        format!("parts of {what} ({})", count(one.regions, "region"))
    }
}

/// Ways that are named before "and so many more".
const WAYS: usize = 2;

/// The interfaces by which the traffic of a group enters and leaves; empty
/// where they do not matter.
pub fn ways(group: &TrafficGroup) -> String {
    let mut out = group
        .paths
        .iter()
        .take(WAYS)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("; ");
    if group.paths.len() > WAYS {
        out.push_str(&format!("; and {} more ways", group.paths.len() - WAYS));
    }
    out
}

/// The same as [`region`] within a sentence or a cell.
pub fn packets(one: &Region) -> String {
    region(one).replace("   ", " ")
}

/// `OUT_IN 4`
pub fn rule(decision: &Decision) -> String {
    if decision.filter.is_empty() {
        decision.rule.clone()
    } else {
        format!("{} {}", decision.filter, decision.rule)
    }
}
