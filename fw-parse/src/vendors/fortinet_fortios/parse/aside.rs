//! Lists beside the firewall policies: thresholds, and policies from one
//! address family to the other.

use super::fingerprint;
use crate::vendors::fortinet_fortios::ast::{DosPolicy, FamilyPolicy, Vdom};
use crate::vendors::fortinet_fortios::inert;
use crate::vendors::fortinet_fortios::read::{Reader, range};
use crate::vendors::fortinet_fortios::table::{Entry, Section};

/// Reads the section if it is one of these.
pub fn section<'t>(reader: &mut Reader<'_>, section: &'t Section<'_>, vdom: &mut Vdom<'t>) -> bool {
    let path = section.path.as_str();
    let enabled = |e: &&Entry<'_>| e.word("status") != Some("disable");
    match path {
        "firewall DoS-policy" | "firewall DoS-policy6" => {
            let v6 = path.ends_with('6');
            let all = section.entries().filter(enabled);
            vdom.dos.extend(all.filter_map(|e| thresholds(e, v6)));
        }
        "firewall policy46" | "firewall policy64" => {
            let from_v6 = path.ends_with("64");
            let all = section.entries().filter(enabled);
            vdom.between_families
                .extend(all.filter_map(|e| between(e, from_v6)));
        }
        "firewall vip46" => vdom.vips46.extend(section.entries().map(|entry| {
            let outer = entry.word("extip").and_then(range);
            (entry.name.as_ref(), outer)
        })),
        // Their outer addresses are IPv6, of which `policy64` takes all.
        "firewall vip64" | "firewall vipgrp64" => {}
        _ => return false,
    }
    reader.known(section);
    true
}

fn thresholds<'t>(entry: &'t Entry<'_>, v6: bool) -> Option<DosPolicy<'t>> {
    let anomalies: Vec<String> = entry.blocks.iter().map(Section::text).collect();
    Some(DosPolicy {
        id: &entry.name,
        span: entry.span?,
        v6,
        interface: entry.list("interface"),
        source: entry.list("srcaddr"),
        destination: entry.list("dstaddr"),
        service: entry.list("service"),
        settings: fingerprint(&anomalies.concat()),
    })
}

fn between<'t>(entry: &'t Entry<'_>, from_v6: bool) -> Option<FamilyPolicy<'t>> {
    Some(FamilyPolicy {
        id: &entry.name,
        span: entry.span?,
        from_v6,
        srcintf: entry.list("srcintf"),
        destination: entry.list("dstaddr"),
        text: entry.text_without(inert::POLICY),
    })
}
