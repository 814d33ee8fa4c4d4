//! Policy lists.

use super::open;
use crate::vendors::fortinet_fortios::ast::{
    CentralSnat, Ends, Feature, Identified, InternetService, Ipsec, Policy, PolicyAction,
    PolicyNat, Vdom,
};
use crate::vendors::fortinet_fortios::inert;
use crate::vendors::fortinet_fortios::inert::listed;
use crate::vendors::fortinet_fortios::read::{Reader, instant, ports};
use crate::vendors::fortinet_fortios::table::{Entry, Section};

/// Security profiles that a policy may name, with the sections that define
/// them.
#[rustfmt::skip]
pub(super) const PROFILES: [(&str, &str); 30] = [
    ("av-profile", "antivirus profile"),
    ("webfilter-profile", "webfilter profile"),
    ("dnsfilter-profile", "dnsfilter profile"),
    ("emailfilter-profile", "emailfilter profile"),
    ("spamfilter-profile", "spamfilter profile"),
    ("dlp-sensor", "dlp sensor"),
    ("dlp-profile", "dlp profile"),
    ("file-filter-profile", "file-filter profile"),
    ("ips-sensor", "ips sensor"),
    ("application-list", "application list"),
    ("voip-profile", "voip profile"),
    ("ips-voip-filter", "voip profile"),
    ("sctp-filter-profile", "sctp-filter profile"),
    ("diameter-filter-profile", "diameter-filter profile"),
    ("icap-profile", "icap profile"),
    ("waf-profile", "waf profile"),
    ("cifs-profile", "cifs profile"),
    ("ssh-filter-profile", "ssh-filter profile"),
    ("videofilter-profile", "videofilter profile"),
    ("virtual-patch-profile", "virtual-patch profile"),
    ("casb-profile", "casb profile"),
    ("profile-group", "firewall profile-group"),
    ("casi-profile", "casi profile"),
    ("gtp-profile", "firewall gtp"),
    ("pfcp-profile", "firewall pfcp"),
    ("mms-profile", "firewall mms-profile"),
    ("webproxy-forward-server", "web-proxy forward-server"),
    ("ips-dos-profile", "ips dos-profile"),
    ("telemetry-profile", "telemetry-controller profile"),
    ("isolator-profile", "web-proxy isolator-server"),
];

const QOS: [&str; 9] = [
    "traffic-shaper",
    "traffic-shaper-reverse",
    "per-ip-shaper",
    "diffserv-forward",
    "diffserv-reverse",
    "diffservcode-forward",
    "diffservcode-rev",
    "application-shaper",
    "class-id",
];

const ENDS: [&str; 4] = ["srcaddr", "dstaddr", "srcaddr-negate", "dstaddr-negate"];
const ENDS6: [&str; 4] = ["srcaddr6", "dstaddr6", "srcaddr6-negate", "dstaddr6-negate"];
const ENDS4: [&str; 4] = ["srcaddr4", "dstaddr4", "srcaddr4-negate", "dstaddr4-negate"];

const USERS: [&str; 5] = [
    "users",
    "groups",
    "fsso-groups",
    "devices",
    "custom-devices",
];

/// Reads the section if it is one of these.
pub fn section<'t>(reader: &mut Reader<'_>, section: &'t Section<'_>, vdom: &mut Vdom<'t>) -> bool {
    let list = match section.path.as_str() {
        "firewall policy" => &mut vdom.policies,
        "firewall policy6" => &mut vdom.policies6,
        "firewall consolidated policy" => &mut vdom.consolidated,
        "firewall security-policy" => &mut vdom.security_policies,
        "firewall multicast-policy" | "firewall multicast-policy6" => &mut vdom.multicast_policies,
        "firewall local-in-policy" | "firewall local-in-policy6" => &mut vdom.local_in,
        "firewall acl" | "firewall acl6" => &mut vdom.acls,
        "firewall central-snat-map" => {
            open(reader, section, &mut vdom.unknown);
            vdom.central_snat
                .extend(section.entries().filter_map(|e| central(reader, e)));
            return true;
        }
        _ => return false,
    };
    let path = section.path.as_str();
    list.extend(section.entries().filter_map(|e| policy(reader, e, path)));
    // The section's own lines last, so that they do not cover the entries'.
    for &(span, last) in &section.ranges {
        for line in span.line..=last {
            if matches!(
                reader.ledger.status(line),
                Some(fw_model::LineStatus::Opaque)
            ) {
                reader.ledger.modeled(line);
            }
        }
    }
    for policy in list.iter() {
        for unknown in &policy.unknown {
            reader.ledger.opaque(unknown.span.line);
        }
    }
    let unknown = reader.rest(&section.own, &[], &[]);
    vdom.unknown.extend(unknown);
    true
}

fn internet(entry: &Entry<'_>, base: &str) -> Option<InternetService> {
    if !entry.settings.iter().any(|s| s.name.starts_with(base)) {
        return None;
    }
    // Reading all names first marks them, whether the switch is on or not.
    let mut names = Vec::new();
    for kind in [
        "name",
        "id",
        "group",
        "custom",
        "custom-group",
        "fortiguard",
        "app-ctrl",
    ] {
        let setting = format!("{base}-{kind}");
        names.extend(entry.list(&setting).into_iter().map(|n| n.to_owned()));
    }
    let negate = entry.enabled(&format!("{base}-negate"));
    entry.enabled(base).then(|| InternetService {
        names,
        negate,
        span: entry.place(base),
    })
}

fn feature<'t>(entry: &'t Entry<'_>, setting: &'static str) -> Option<Feature<'t>> {
    Some(Feature {
        setting,
        value: entry.word(setting)?,
        span: entry.place(setting),
    })
}

fn policy<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>, path: &str) -> Option<Policy<'t>> {
    let span = entry.span?;
    let v6_list = path.ends_with('6');
    let multicast = path.contains("multicast");
    let acl = path.contains("acl");
    let action = match entry.word("action") {
        Some("accept" | "permit") => PolicyAction::Accept,
        Some("deny") => PolicyAction::Deny,
        None if multicast => PolicyAction::Accept,
        None => PolicyAction::Deny,
        Some(other) => PolicyAction::Other(other),
    };
    let ipsec = entry.word("vpntunnel").map(|tunnel| Ipsec {
        tunnel,
        inbound: entry.enabled("inbound"),
        outbound: entry.flag("outbound") != Some(false),
    });
    let ends = |[source, destination, source_negate, destination_negate]: [&str; 4]| Ends {
        source: entry.words(source),
        destination: entry.words(destination),
        source_negate: entry.enabled(source_negate),
        destination_negate: entry.enabled(destination_negate),
    };
    let (mut v4, mut v6) = (ends(ENDS), ends(ENDS6));
    let third = ends(ENDS4);
    if third.source.is_some() || third.destination.is_some() {
        // `consolidated policy` and some security policies say `srcaddr4`.
        v4 = third;
    }
    if v6_list {
        v6 = std::mem::take(&mut v4);
    }
    let single = entry.words("interface");
    let (srcintf, dstintf) = if acl {
        (single, Some(vec!["any"]))
    } else if path.contains("local-in") {
        (
            entry.words("intf").or_else(|| entry.words("srcintf")),
            Some(vec!["any"]),
        )
    } else {
        (entry.words("srcintf"), entry.words("dstintf"))
    };
    if path.contains("local-in") {
        let _ = (
            entry.word("ha-mgmt-intf-only"),
            entry.word("virtual-patch"),
            entry.word("auto-asic-offload"),
        );
    }
    let mut service = entry.words("service");
    if multicast && service.is_none() {
        // Protocol and ports stand in the policy itself.
        service = None;
    }
    let users = USERS
        .iter()
        .filter(|u| !u.contains("devices"))
        .flat_map(|u| entry.list(u))
        .collect();
    let expiry = (entry.flag("policy-expiry") == Some(true)).then(|| {
        let words = entry
            .words("policy-expiry-date")
            .or_else(|| entry.words("policy-expiry-date-utc"));
        let at = words.and_then(|w| instant(&w));
        (
            at,
            entry
                .place("policy-expiry-date")
                .or_else(|| entry.place("policy-expiry")),
        )
    });
    if expiry.is_none() {
        let _ = (
            entry.words("policy-expiry-date"),
            entry.words("policy-expiry-date-utc"),
        );
    } else {
        let _ = entry.words("policy-expiry-date-utc");
    }
    let _ = entry.flag("policy-expiry");
    let pools: Vec<&str> = [entry.list("poolname"), entry.list("poolname6")].concat();
    let nat = PolicyNat {
        enabled: entry.enabled("nat"),
        pools: entry.enabled("ippool").then_some(pools),
        fixed_port: entry
            .enabled("fixedport")
            .then(|| entry.place("fixedport"))
            .flatten(),
    };
    // Without `utm-status` a policy keeps its profiles but does not use them.
    let inspects = entry.flag("utm-status") != Some(false);
    let mut unknown = Vec::new();
    let ttl = reader.timeout(entry, "session-ttl", &mut unknown);
    let policy = Policy {
        ipsec,
        id: &entry.name,
        name: entry.word("name").filter(|n| !n.is_empty()),
        span,
        enabled: entry.word("status") != Some("disable"),
        action,
        action_given: entry.word("action").is_some(),
        srcintf,
        dstintf,
        v4,
        v6,
        service,
        service_negate: entry.enabled("service-negate"),
        schedule: entry.word("schedule"),
        expiry,
        users,
        internet: internet(entry, "internet-service")
            .or_else(|| internet(entry, "internet-service6")),
        internet_source: internet(entry, "internet-service-src")
            .or_else(|| internet(entry, "internet-service6-src")),
        match_vip: entry.flag("match-vip"),
        match_vip_only: entry.enabled("match-vip-only"),
        reject: entry.enabled("send-deny-packet"),
        nat,
        ttl,
        proxy: feature(entry, "inspection-mode").filter(|f| inspects && f.value == "proxy"),
        identified: identified(entry),
        ssl_profile: feature(entry, "ssl-ssh-profile").filter(|_| inspects),
        profiles: PROFILES
            .iter()
            .filter_map(|&(setting, section)| Some((feature(entry, setting)?, section)))
            .filter(|_| inspects)
            .collect(),
        qos: QOS
            .iter()
            .filter_map(|q| feature(entry, q))
            .filter(|f| f.value != "disable")
            .collect(),
        log: feature(entry, "logtraffic"),
        without_syn: feature(entry, "tcp-session-without-syn").filter(|f| f.value != "disable"),
        unknown: Vec::new(),
    };
    unknown.extend(reader.rest(entry, inert::POLICY, &[]));
    // What is switched off does nothing.
    unknown.retain(|u| {
        let mut words = u.text.split(' ').skip(1);
        let (name, value) = (words.next().unwrap_or(""), words.next());
        let off = (matches!(value, Some("disable")) || u.text.starts_with("unset "))
            && listed(inert::POLICY_IF_DISABLED, name);
        if off {
            reader.ledger.inert(u.span.line, "switched off");
        }
        !off
    });
    Some(Policy { unknown, ..policy })
}

/// What a policy of `security-policy` asks of the content.
fn identified<'t>(entry: &'t Entry<'_>) -> Identified<'t> {
    let applications = entry.list("application");
    let mut other: Vec<(&'static str, Vec<&str>)> = Vec::new();
    for setting in ["app-category", "app-group", "url-category"] {
        let names = entry.list(setting);
        if !names.is_empty() {
            other.push((setting, names));
        }
    }
    let enforced = entry.flag("enforce-default-app-port") != Some(false);
    let default_ports = enforced && entry.words("service").is_none();
    Identified {
        span: ["application", "app-category", "app-group", "url-category"]
            .iter()
            .find_map(|name| entry.place(name)),
        applications,
        other,
        default_ports,
    }
}

fn central<'t>(reader: &mut Reader<'_>, entry: &'t Entry<'_>) -> Option<CentralSnat<'t>> {
    let mut unknown = Vec::new();
    let v6 = entry.word("type") == Some("ipv6");
    let pick = |v4: &str, v6_name: &str| {
        let (four, six) = (entry.list(v4), entry.list(v6_name));
        if v6 { six } else { four }
    };
    let mut ports_of = |reader: &mut Reader<'_>, name: &str| {
        let one = |words: &[&str]| match words {
            [one] => ports(one),
            _ => None,
        };
        reader
            .value(entry, name, &mut unknown, one)
            .filter(|p| *p != (0, 0))
    };
    let source_ports = ports_of(reader, "orig-port");
    let destination_ports = ports_of(reader, "dst-port");
    let nat_ports = ports_of(reader, "nat-port");
    let protocol: Option<u8> = reader.number(entry, "protocol", &mut unknown);
    let out = CentralSnat {
        id: &entry.name,
        span: entry.span?,
        enabled: entry.word("status") != Some("disable"),
        translates: entry.word("nat") != Some("disable"),
        srcintf: entry.list("srcintf"),
        dstintf: entry.list("dstintf"),
        v6,
        source: pick("orig-addr", "orig-addr6"),
        destination: pick("dst-addr", "dst-addr6"),
        protocol: protocol.filter(|&p| p != 0),
        source_ports,
        destination_ports,
        nat_ports,
        pools: pick("nat-ippool", "nat-ippool6"),
        unknown: Vec::new(),
    };
    unknown.extend(reader.rest(
        entry,
        &["uuid", "comments", "color", "port-preserve", "port-random"],
        &[],
    ));
    Some(CentralSnat { unknown, ..out })
}
