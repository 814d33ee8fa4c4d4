//! Sections to the vendor's AST: which section is what.

use super::ast::{
    Config, Global, Helper, SessionTtl, Settings, SslProfile, Timeout, Unknown, Vdom, Version,
};
use super::inert;
use super::read::{Reader, ports, timeout_of};
use super::table::{Entry, File, Section};
use fw_model::Ledger;

mod network;
mod objects;
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
                let port = |name| own.number(name).and_then(|p| u16::try_from(p).ok());
                config.global = Global {
                    redirect: own.flag("allow-traffic-redirect"),
                    redirect6: own.flag("ipv6-allow-traffic-redirect"),
                    udp_idle: own
                        .number("udp-idle-timer")
                        .zip(own.place("udp-idle-timer")),
                    http_port: port("admin-port"),
                    https_port: port("admin-sport"),
                    ssh_port: port("admin-ssh-port"),
                    telnet_port: port("admin-telnet-port"),
                    trusted_hosts: config.global.trusted_hosts,
                };
                config.unknown.extend(reader.rest(own, inert::GLOBAL, &[]));
                config.unknown.extend(reader.strays(section));
            }
            "system admin" => {
                let bound = |e: &Entry<'_>| {
                    e.settings.iter().any(|s| {
                        s.name.starts_with("trusthost") || s.name.starts_with("ip6-trusthost")
                    })
                };
                let mut all = section.entries().peekable();
                config.global.trusted_hosts = all.peek().is_some() && all.all(bound);
                reader.inert(section, "administrators");
            }
            _ => {}
        }
    }
}

/// The sections of one virtual domain.
fn sections<'t>(reader: &mut Reader<'_>, scope: &'t Entry<'_>, vdom: &mut Vdom<'t>) {
    for section in &scope.blocks {
        let path = section.path.as_str();
        match path {
            "global" | "vdom" | "system global" | "system admin" => continue,
            _ => {}
        }
        let known = objects::section(reader, section, vdom)
            || policy::section(reader, section, vdom)
            || network::section(reader, section, vdom)
            || other(reader, section, vdom);
        if known {
            let strays = reader.strays(section);
            vdom.unknown.extend(strays);
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
            };
            let unknown = reader.rest(own, inert::SETTINGS, &[]);
            vdom.unknown.extend(unknown);
        }
        "system session-ttl" => {
            reader.known(section);
            vdom.session_ttl = session_ttl(section);
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
        "firewall DoS-policy" | "firewall DoS-policy6" => {
            for entry in section.entries() {
                if entry.word("status") != Some("disable") {
                    vdom.dos = vdom.dos.or(entry.span);
                }
            }
            reader.inert(section, "acts on rates; taken as below its thresholds");
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
        "vpn ssl settings" => {
            vdom.ssl_vpn = !section.is_empty() && section.own.word("status") != Some("disable");
            reader.inert(section, "identities and tunnels; policies name them");
        }
        _ => return false,
    }
    true
}

fn session_ttl(section: &Section<'_>) -> SessionTtl {
    let own = &section.own;
    let mut out = SessionTtl {
        default: timeout_of(own, "default"),
        ports: Vec::new(),
    };
    for entry in own.block("port").into_iter().flat_map(Section::entries) {
        let protocol = entry
            .number("protocol")
            .and_then(|p| u8::try_from(p).ok())
            .unwrap_or(0);
        let low = entry.word("start-port").and_then(ports);
        let high = entry.word("end-port").and_then(ports);
        // The number of the entry is the port where no range is given.
        let range = match (low, high) {
            (Some(low), Some(high)) => Some((low.0, high.0)),
            (Some(low), None) => Some((low.0, low.0)),
            (None, Some(high)) => Some((0, high.0)),
            (None, None) => Some((0, u16::MAX)),
        };
        let time =
            timeout_of(entry, "timeout").or_else(|| Some((Timeout::Seconds(300), entry.span?)));
        if let (Some(range), Some((time, span))) = (range, time) {
            out.ports.push((protocol, range, time, span));
        }
    }
    out
}

/// What a TLS profile decrypts. All of it is inspection: none of its lines
/// decides about addresses and ports, so all count as read.
fn ssl_profile<'t>(entry: &'t Entry<'_>) -> SslProfile<'t> {
    let mut profile = SslProfile {
        name: &entry.name,
        decrypted: Vec::new(),
        checks: Vec::new(),
        inspects_certificates: false,
    };
    for block in &entry.blocks {
        let own = &block.own;
        let status = own
            .word("inspect-all")
            .filter(|v| *v != "disable")
            .or(own.word("status"));
        let ports = own.list("ports").join(",");
        match status {
            Some("deep-inspection" | "enable") if block.path != "ssh" => {
                profile
                    .decrypted
                    .push(format!("{} {ports}", block.path).trim_end().to_owned());
            }
            Some("certificate-inspection") => profile.inspects_certificates = true,
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
