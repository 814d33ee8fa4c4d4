//! Sections to the vendor's AST: which section is what.

use super::ast::{
    Config, Feature, Global, Helper, SessionTtl, Settings, SslProfile, Timeout, Unknown, Vdom,
    Version,
};
use super::inert;
use super::read::{Reader, ports, prefix};
use super::table::{Entry, File, Section};
use fw_model::{Ledger, Span};
use ipnet::IpNet;

mod aside;
mod nat;
mod network;
mod objects;
mod phase2;
mod policy;

/// Reads all sections of a file and writes the status of every line.
pub fn parse<'t>(file: &'t File<'_>, ledger: &mut Ledger) -> Config<'t> {
    let mut reader = Reader { ledger };
    let mut config = Config::default();
    for (text, line) in &file.comments {
        if let Some(rest) = text.strip_prefix("config-version=") {
            config.version = version(rest);
            reader.ledger.modeled(*line);
        } else {
            reader.ledger.inert(*line, "comment");
        }
    }
    for &line in &file.prompts {
        reader.ledger.inert(line, "terminal prompt");
    }
    if let Some((path, span)) = &file.cut_off {
        // What followed is missing: policies, objects, anything.
        config.unknown.push(Unknown {
            text: format!("config {path} without its end: the file is cut off"),
            span: *span,
        });
    }
    let root = &file.root.own;
    config.unknown.extend(reader.strays(&file.root));
    config.unknown.extend(reader.settings(root, &[]));

    // With virtual domains the sections stand in `config global` and in the
    // entries of `config vdom`, else at the top.
    let global = root.block("global");
    let domains: Vec<&Entry<'_>> = root
        .block("vdom")
        .map(|s| {
            reader.known(s);
            config.unknown.extend(reader.strays(s));
            s.entries().collect()
        })
        .unwrap_or_default();
    if let Some(section) = global {
        reader.known(section);
    }
    let mut scopes: Vec<&Entry<'_>> = vec![root];
    scopes.extend(global.map(|s| &s.own));
    for &scope in &scopes {
        whole_device(&mut reader, scope, &mut config);
    }
    if domains.is_empty() {
        let mut vdom = Vdom::default();
        for &scope in &scopes {
            sections(&mut reader, scope, &mut vdom);
        }
        config.vdoms.push(vdom);
    } else {
        // Sections of the whole device that every domain uses: read for each
        // domain, so that each has its own copy.
        for domain in &domains {
            let mut vdom = Vdom {
                name: &domain.name,
                ..Vdom::default()
            };
            config.unknown.extend(reader.settings(domain, &[]));
            sections(&mut reader, domain, &mut vdom);
            for &scope in &scopes {
                sections(&mut reader, scope, &mut vdom);
            }
            config.vdoms.push(vdom);
        }
    }
    network::keep_own_interfaces(&mut config);
    if let Some((_, span)) = &file.cut_off {
        reader.ledger.opaque(span.line);
    }
    config
}

/// `FGVM64-7.2.4-FW-build1396-230131:opmode=0:...`
fn version(text: &str) -> Option<Version> {
    let model = text.split(':').next()?;
    model.split('-').skip(1).find_map(|part| {
        let mut numbers = part.split('.').map(|n| n.parse::<u16>().ok());
        Some(Version {
            major: numbers.next()??,
            minor: numbers.next()??,
            patch: numbers.next().flatten(),
        })
    })
}

/// Settings that hold for all virtual domains.
fn whole_device<'t>(reader: &mut Reader<'_>, scope: &'t Entry<'_>, config: &mut Config<'t>) {
    for section in &scope.blocks {
        match section.path.as_str() {
            "system global" => {
                reader.known(section);
                let own = &section.own;
                config.hostname = own.word("hostname").or(config.hostname);
                let unknown = &mut config.unknown;
                config.global = Global {
                    redirect: own.flag("allow-traffic-redirect"),
                    redirect6: own.flag("ipv6-allow-traffic-redirect"),
                    udp_idle: reader
                        .number(own, "udp-idle-timer", unknown)
                        .zip(own.place("udp-idle-timer")),
                    http_port: reader.number(own, "admin-port", unknown),
                    https_port: reader.number(own, "admin-sport", unknown),
                    ssh_port: reader.number(own, "admin-ssh-port", unknown),
                    telnet_port: reader.number(own, "admin-telnet-port", unknown),
                    trusted_hosts: std::mem::take(&mut config.global.trusted_hosts),
                };
                config.unknown.extend(reader.rest(own, inert::GLOBAL, &[]));
                config.unknown.extend(reader.strays(section));
            }
            "system vdom-link" => {
                open(reader, section, &mut config.unknown);
                for entry in section.entries() {
                    config.vdom_links.push(&entry.name);
                    let unknown = reader.rest(entry, &["type", "vcluster"], &[]);
                    config.unknown.extend(unknown);
                }
            }
            "system admin" => {
                let settings = ["trusthost", "ip6-trusthost"];
                config.global.trusted_hosts =
                    settings.map(|setting| trusted_hosts(section, setting));
                reader.inert(section, "administrators");
                for (_, span) in config.global.trusted_hosts.iter().flatten().flatten() {
                    reader.ledger.modeled(span.line);
                }
                for unknown in settings.iter().flat_map(|s| unreadable_hosts(section, s)) {
                    reader.ledger.opaque(unknown.span.line);
                    config.unknown.push(unknown);
                }
            }
            _ => {}
        }
    }
}

/// Lines of trusted hosts that hold no prefix.
fn unreadable_hosts(section: &Section<'_>, setting: &str) -> Vec<Unknown> {
    let of = |administrator: &Entry<'_>, n: u8| {
        let name = format!("{setting}{n}");
        let words = administrator.list(&name);
        let span = administrator.place(&name)?;
        prefix(&words).is_none().then(|| Unknown {
            text: format!("{name} {}", words.join(" ")),
            span,
        })
    };
    let entries = section.entries();
    entries
        .flat_map(|one| (1..=10).filter_map(move |n| of(one, n)))
        .collect()
}

/// The hosts from which some administrator may log in; `None` if one of them
/// may from anywhere. An entry for everything counts only where there is no
/// other.
fn trusted_hosts(section: &Section<'_>, setting: &str) -> Option<Vec<(IpNet, Span)>> {
    let mut all = Vec::new();
    for administrator in section.entries() {
        let hosts: Vec<(IpNet, Span)> = (1..=10)
            .filter_map(|n| {
                let name = format!("{setting}{n}");
                let net = prefix(&administrator.list(&name))?;
                Some((net.trunc(), administrator.place(&name)?))
            })
            .filter(|(net, _)| net.prefix_len() > 0)
            .collect();
        if hosts.is_empty() {
            return None;
        }
        all.extend(hosts);
    }
    (!all.is_empty()).then_some(all)
}

/// Settings of a virtual domain with which packets pass that belong to no
/// known connection.
const BYPASSES: [&str; 4] = [
    "asymroute",
    "asymroute6",
    "asymroute-icmp",
    "asymroute6-icmp",
];

/// The sections of one virtual domain.
fn sections<'t>(reader: &mut Reader<'_>, scope: &'t Entry<'_>, vdom: &mut Vdom<'t>) {
    for section in &scope.blocks {
        let path = section.path.as_str();
        match path {
            "global" | "vdom" | "system global" | "system admin" | "system vdom-link" => continue,
            _ => {}
        }
        let known = objects::section(reader, section, vdom)
            || nat::section(reader, section, vdom)
            || policy::section(reader, section, vdom)
            || network::section(reader, section, vdom)
            || aside::section(reader, section, vdom)
            || other(reader, section, vdom);
        if known {
            let strays = reader.strays(section);
            vdom.unknown.extend(strays);
            for (text, span) in &section.refused {
                vdom.refused.push(Unknown {
                    text: text.clone(),
                    span: *span,
                });
            }
        } else if policy::PROFILES.iter().any(|(_, section)| *section == path) {
            // What a profile blocks is not modeled; that it changed is.
            reader.known(section);
            vdom.profiles.extend(section.entries().map(|entry| {
                let number = fingerprint(&entry.text_without(inert::PLAIN));
                (path, entry.name.as_ref(), number)
            }));
        } else if let Some(reason) = inert::section(path) {
            reader.inert(section, reason);
        } else if section.is_empty() {
            reader.inert(section, "empty");
        } else {
            let unknown = reader.opaque(section);
            vdom.unknown.push(unknown);
        }
    }
}

/// A number that differs where texts differ (FNV-1a).
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Marks the lines of a section whose entries carry their own unknowns; what
/// is set on the section itself is not understood.
fn open(reader: &mut Reader<'_>, section: &Section<'_>, unknown: &mut Vec<Unknown>) {
    reader.known(section);
    unknown.extend(reader.rest(&section.own, &[], &[]));
}

fn other<'t>(reader: &mut Reader<'_>, section: &'t Section<'_>, vdom: &mut Vdom<'t>) -> bool {
    match section.path.as_str() {
        "system settings" => {
            reader.known(section);
            let own = &section.own;
            let transparent = own.word("opmode") == Some("transparent");
            vdom.settings = Settings {
                central_nat: own.enabled("central-nat"),
                policy_based: own.word("ngfw-mode") == Some("policy-based"),
                consolidated: own.enabled("consolidated-firewall-mode"),
                transparent: own.place("opmode").filter(|_| transparent),
                bypasses: BYPASSES
                    .iter()
                    .filter_map(|setting| {
                        let value = own.word(setting).filter(|v| *v != "disable")?;
                        let span = own.place(setting);
                        Some(Feature {
                            setting,
                            value,
                            span,
                        })
                    })
                    .collect(),
                strict_source: own
                    .enabled("strict-src-check")
                    .then(|| own.place("strict-src-check"))
                    .flatten(),
            };
            for (setting, off) in [("implicit-allow-dns", "disable"), ("status", "enable")] {
                if own.word(setting).is_some_and(|value| value != off) {
                    reader.refuse(own, setting, &mut vdom.unknown);
                }
            }
            let unknown = reader.rest(own, inert::SETTINGS, &[]);
            vdom.unknown.extend(unknown);
        }
        "system session-ttl" => {
            reader.known(section);
            vdom.session_ttl = session_ttl(reader, section, &mut vdom.unknown);
            let unknown = reader.rest(&section.own, inert::PLAIN, &[]);
            vdom.unknown.extend(unknown);
        }
        "system session-helper" => {
            open(reader, section, &mut vdom.unknown);
            for entry in section.entries() {
                let helper = (|| {
                    Some(Helper {
                        name: entry.word("name")?,
                        protocol: u8::try_from(entry.number("protocol")?).ok()?,
                        port: u16::try_from(entry.number("port")?).ok()?,
                        span: entry.span?,
                    })
                })();
                vdom.helpers.extend(helper);
                let unknown = reader.rest(entry, inert::PLAIN, &[]);
                vdom.unknown.extend(unknown);
            }
        }
        "firewall ssl-ssh-profile" => {
            reader.known(section);
            for entry in section.entries() {
                vdom.ssl_profiles.push(ssl_profile(entry));
            }
        }
        "firewall internet-service-custom"
        | "firewall internet-service-group"
        | "firewall internet-service-custom-group"
        | "firewall network-service-dynamic" => {
            reader.known(section);
            for entry in section.entries() {
                vdom.internet_services
                    .push((&entry.name, entry.text_without(inert::PLAIN)));
            }
        }
        "system switch-interface" => {
            // The ports of a software switch are one subnet, unless policies
            // decide between them.
            let explicit = |e: &Entry<'_>| e.word("intra-switch-policy") == Some("explicit");
            if section.entries().any(explicit) {
                return false;
            }
            reader.inert(section, "ports of one subnet");
        }
        "vpn ssl settings" => {
            vdom.ssl_vpn = !section.is_empty() && section.own.word("status") != Some("disable");
            reader.inert(section, "identities and tunnels; policies name them");
        }
        _ => return false,
    }
    true
}

fn session_ttl(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    unknown: &mut Vec<Unknown>,
) -> SessionTtl {
    /// Of an entry that does not say.
    const OF_ENTRY: Timeout = Timeout::Seconds(300);
    let own = &section.own;
    let mut out = SessionTtl {
        default: reader.timeout(own, "default", unknown),
        ports: Vec::new(),
    };
    for entry in own.block("port").into_iter().flat_map(Section::entries) {
        let protocol: Option<u8> = reader.number(entry, "protocol", unknown);
        let mut port = |reader: &mut Reader<'_>, name: &str| {
            reader.value(entry, name, unknown, |words| match words {
                [one] => ports(one),
                _ => None,
            })
        };
        let low = port(reader, "start-port");
        let high = port(reader, "end-port");
        let range = match (low, high) {
            (Some(low), Some(high)) => (low.0, high.0),
            (Some(low), None) => (low.0, low.0),
            (None, Some(high)) => (0, high.0),
            (None, None) => (0, u16::MAX),
        };
        let time = reader
            .timeout(entry, "timeout", unknown)
            .or_else(|| Some((OF_ENTRY, entry.span?)));
        if let Some((time, span)) = time {
            out.ports.push((protocol.unwrap_or(0), range, time, span));
        }
    }
    out
}

/// What a TLS profile decrypts. All of it is inspection: none of its lines
/// decides about addresses and ports, so all count as read.
fn ssl_profile<'t>(entry: &'t Entry<'_>) -> SslProfile<'t> {
    /// The protocols of a profile, all but SSH over TLS.
    const PROTOCOLS: [&str; 8] = [
        "ssl", "https", "ftps", "imaps", "pop3s", "smtps", "dot", "ssh",
    ];
    let mut profile = SslProfile {
        name: &entry.name,
        decrypted: Vec::new(),
        checks: Vec::new(),
        inspects_certificates: false,
        printed: false,
    };
    for block in &entry.blocks {
        let own = &block.own;
        // A protocol without a status has the default, which is to inspect it
        // deeply; `ssl` stands for all protocols and is off by default.
        let default = match block.path.as_str() {
            "ssl" | "ssh" | "dot" => "disable",
            _ if own.words("ports").is_some() => "deep-inspection",
            _ => "disable",
        };
        let status = own
            .word("inspect-all")
            .filter(|v| *v != "disable")
            .or(own.word("status"))
            .unwrap_or(default);
        let ports = own.list("ports").join(",");
        profile.printed |= PROTOCOLS.contains(&block.path.as_str());
        match status {
            "deep-inspection" | "enable" if block.path != "ssh" => {
                profile
                    .decrypted
                    .push(format!("{} {ports}", block.path).trim_end().to_owned());
            }
            "certificate-inspection" => profile.inspects_certificates = true,
            _ => {}
        }
        for name in [
            "untrusted-server-cert",
            "invalid-server-cert",
            "expired-server-cert",
            "revoked-server-cert",
            "cert-validation-timeout",
            "cert-validation-failure",
            "unsupported-ssl",
            "unsupported-ssl-version",
            "client-certificate",
            "client-cert-request",
        ] {
            if let Some(value) = own.word(name) {
                profile
                    .checks
                    .push(format!("{} {name} {value}", block.path));
            }
        }
    }
    for name in [
        "untrusted-caname",
        "caname",
        "server-cert-mode",
        "block-blocklisted-certificates",
        "untrusted-cert",
    ] {
        if let Some(value) = entry.word(name) {
            profile.checks.push(format!("{name} {value}"));
        }
    }
    profile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let got = |t| version(t).map(|v| (v.major, v.minor, v.patch));
        assert_eq!(
            got("FGVM64-7.2.4-FW-build1396-230131:opmode=0"),
            Some((7, 2, Some(4)))
        );
        assert_eq!(
            got("FGVM64-5.02-FW-build736-160907:opmode=0"),
            Some((5, 2, None))
        );
        assert_eq!(got("FGT60F:x"), None);
    }
}
