//! Cisco ASA: `show running-config`, `show access-list`, and the scripts that
//! generators write, with the older forms of PIX 6 and 7 and of the Firewall
//! Services Module.
//!
//! What is modeled and by which sources: `docs/vendors/cisco_asa.md`.

pub mod ast;
mod inert;
mod lower;
mod parse;
mod ports;
mod words;

#[cfg(test)]
mod tests;

use crate::detect::Evidence;
use crate::vendor::{Input, Parsed, Vendor};
use fw_model::Ledger;

/// The name for `--vendor` and reports.
pub const NAME: &str = "cisco-asa";

/// The front end.
pub struct CiscoAsa;

impl Vendor for CiscoAsa {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Cisco ASA"
    }

    fn detect(&self, text: &str) -> Vec<Evidence> {
        evidence(text)
    }

    fn parse(&self, input: Input<'_>) -> Parsed {
        let mut parsed = Parsed::default();
        for (id, source) in input.files {
            let mut ledger = Ledger::new(source);
            for section in parse::sections(source) {
                let config = parse::parse(&section, &mut ledger);
                let (mut device, diagnostics) =
                    lower::lower(&config, *id, input.fallback_name, &mut ledger);
                unique_name(&mut device.name, &parsed.devices);
                parsed.devices.push(device);
                parsed.diagnostics.extend(diagnostics);
            }
            parsed.ledgers.push(ledger);
        }
        parsed
    }
}

/// Several configurations in one file may have one host name.
fn unique_name(name: &mut String, devices: &[fw_model::Device]) {
    let base = name.clone();
    let mut n = 2u32;
    while devices.iter().any(|d| d.name == *name) {
        *name = format!("{base}-{n}");
        n += 1;
    }
}

/// What a line says for the format: its weight and the words for it.
fn weigh(line: &str) -> Option<(u32, &'static str)> {
    let mut words = line.split_ascii_whitespace();
    let first = words.next()?;
    let second = words.next();
    let third = words.next();
    Some(match (first, second, third) {
        ("ASA" | "PIX" | "FWSM", Some("Version"), Some(v))
            if v.starts_with(|c: char| c.is_ascii_digit()) =>
        {
            (100, "a version banner")
        }
        ("nameif", Some(_), _) => (30, "`nameif`"),
        ("security-level", Some(n), None) if n.bytes().all(|b| b.is_ascii_digit()) => {
            (30, "`security-level`")
        }
        ("access-list", Some(_), Some("extended" | "advanced")) => {
            (40, "`access-list ... extended`")
        }
        ("access-list", Some(_), Some("line")) => (40, "`access-list ... line`"),
        ("access-list", Some(name), Some("permit" | "deny" | "remark"))
            if !name.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (20, "`access-list NAME permit`")
        }
        ("access-group", Some(_), Some("in" | "out")) if words.next() == Some("interface") => {
            (40, "`access-group ... in interface`")
        }
        ("access-group", Some(_), Some("global")) => (40, "`access-group ... global`"),
        ("same-security-traffic", Some("permit"), _) => (40, "`same-security-traffic`"),
        ("nat", Some(pair), Some("source")) if pair.starts_with('(') => (40, "`nat (a,b) source`"),
        ("static" | "global", Some(pair), _) if pair.starts_with('(') => (40, "`static (a,b)`"),
        ("nat", Some(pair), _) if pair.starts_with('(') => (30, "`nat (a,b)`"),
        ("object-group", Some("network" | "service" | "protocol" | "icmp-type"), Some(_)) => {
            (20, "`object-group`")
        }
        ("object", Some("network" | "service"), Some(_)) => (20, "`object network`"),
        ("service-policy", Some(_), Some("global")) => (30, "`service-policy ... global`"),
        ("fixup", Some("protocol"), _) => (40, "`fixup protocol`"),
        (":", Some("Saved"), None) => (20, "`: Saved`"),
        _ => return None,
    })
}

/// Commands that another product has in place of these.
fn foreign(line: &str) -> bool {
    let line = line.trim();
    let wildcard = |word: &str| word.starts_with("0.") && word.ends_with(".255");
    line.starts_with("ip access-list ")
        || (line.starts_with("access-list ") && line.split(' ').any(wildcard))
        || line.starts_with("ip access-group ")
        || line.starts_with("ipv4 access-list ")
        || line.starts_with("ip traffic-filter ")
        || line.starts_with("ipv6 traffic-filter ")
        || line.starts_with("feature ")
        || line.starts_with("zone-pair security ")
        || line.starts_with("!! IOS XR")
        || line.starts_with("vrf context ")
        || line.starts_with("switchport mode ")
}

fn evidence(text: &str) -> Vec<Evidence> {
    let mut out: Vec<Evidence> = Vec::new();
    let mut other = false;
    for (number, line) in (1u32..).zip(text.lines()) {
        other |= foreign(line);
        let Some((weight, what)) = weigh(line) else {
            continue;
        };
        if !out.iter().any(|e| e.what == what) {
            out.push(Evidence {
                weight,
                what: what.to_owned(),
                line: number,
            });
        }
    }
    // Object groups, nameless interfaces and services are shared with the
    // router families; a banner is not.
    let banner = out.iter().any(|e| e.weight >= 100);
    if other && !banner {
        out.clear();
    }
    out
}
