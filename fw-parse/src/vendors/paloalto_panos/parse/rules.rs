//! Rule lists.

use super::objects::body;
use super::{unknown, value, word, words, yes};
use crate::vendors::paloalto_panos::ast::{
    DestinationNat, Forward, Rule, Rulebase, SourceNat, Target,
};
use crate::vendors::paloalto_panos::digest;
use crate::vendors::paloalto_panos::tree::At;

const LABEL: &str = "a label without effect on matching";

/// Which list a rule stands in, as far as its fields differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Security,
    Nat,
    Forwarding,
    Override,
    Decryption,
    Qos,
    Authentication,
    Dos,
    Defaults,
}

/// Reads a `rulebase`, `pre-rulebase` or `post-rulebase`.
pub(super) fn rulebase<'t>(at: At<'t>) -> Rulebase<'t> {
    let mut out = Rulebase::default();
    for section in at.children() {
        let (list, kind) = match section.name() {
            "security" => (&mut out.security, List::Security),
            "nat" => (&mut out.nat, List::Nat),
            "pbf" => (&mut out.forwarding, List::Forwarding),
            "application-override" => (&mut out.overrides, List::Override),
            "decryption" | "ssl-decryption" => (&mut out.decryption, List::Decryption),
            "qos" => (&mut out.qos, List::Qos),
            "authentication" | "captive-portal" => (&mut out.authentication, List::Authentication),
            "dos" => (&mut out.dos, List::Dos),
            "default-security-rules" => (&mut out.defaults, List::Defaults),
            // Not known here: the sweep at the end decides.
            _ => continue,
        };
        for part in section.children() {
            if part.name() == "rules" {
                if part.is_leaf() {
                    part.inert("an empty section");
                }
                list.extend(part.children().map(|r| rule(r, kind)));
            }
        }
        if section.is_leaf() {
            section.inert("an empty section");
        }
    }
    if at.is_leaf() {
        at.inert("an empty section");
    }
    out
}

fn rule(at: At<'_>, list: List) -> Rule<'_> {
    at.modeled();
    let mut out = Rule {
        name: at.name(),
        place: at.place(),
        ..Rule::default()
    };
    for field in at.children() {
        if !shared_field(&mut out, field, list) && !own_field(&mut out, field, list) {
            out.unknown.push(unknown(field));
        }
    }
    out
}

fn shared_field<'t>(out: &mut Rule<'t>, field: At<'t>, list: List) -> bool {
    match field.name() {
        "from" => sides(field, list, &mut out.from, &mut out.from_interfaces),
        "to" => sides(field, list, &mut out.to, &mut out.to_interfaces),
        "source" => out.source = words(field),
        "destination" => out.destination = words(field),
        "negate-source" => out.negate_source = yes(field),
        "negate-destination" => out.negate_destination = yes(field),
        "source-user" | "user" => out.users = words(field),
        "service" => out.services = words(field),
        "application" => out.applications = words(field),
        "disabled" => out.disabled = yes(field),
        "schedule" => out.schedule = value(field),
        "target" => return target(&mut out.target, field),
        "description" | "tag" | "group-tag" | "uuid" => field.inert(LABEL),
        _ => return false,
    }
    true
}

/// Zones, or `zone`/`interface` followed by names where the list has both.
fn sides<'t>(
    field: At<'t>,
    list: List,
    zones: &mut Vec<crate::vendors::paloalto_panos::ast::Word<'t>>,
    interfaces: &mut Vec<crate::vendors::paloalto_panos::ast::Word<'t>>,
) {
    if !matches!(list, List::Forwarding | List::Dos) {
        *zones = words(field);
        return;
    }
    for part in field.children() {
        match part.name() {
            "zone" => zones.extend(words(part)),
            "interface" => interfaces.extend(words(part)),
            _ => zones.push(word(part)),
        }
    }
}

fn target<'t>(out: &mut Target<'t>, field: At<'t>) -> bool {
    let mut known = true;
    for part in field.children() {
        match part.name() {
            "negate" => out.negate = yes(part),
            "devices" => {
                for device in part.children() {
                    let systems = device
                        .child("vsys")
                        .map(|v| v.children().map(|s| s.name()).collect())
                        .unwrap_or_default();
                    known &= device.children().all(|c| c.name() == "vsys");
                    out.devices.push((device.name(), systems));
                }
            }
            "tags" => out.tags = words(part),
            _ => known = false,
        }
    }
    known
}

fn own_field<'t>(out: &mut Rule<'t>, field: At<'t>, list: List) -> bool {
    let known = match list {
        List::Security | List::Defaults => security_field(out, field),
        List::Nat => nat_field(out, field),
        List::Forwarding => forwarding_field(out, field),
        List::Override => match field.name() {
            "protocol" => {
                out.protocol = value(field);
                true
            }
            "port" => {
                out.port = value(field);
                true
            }
            _ => false,
        },
        List::Decryption => decryption_field(out, field),
        List::Qos => match field.name() {
            "action" => {
                let class = field.child("class").and_then(|c| c.value());
                out.qos = class.map(|c| (format!("class {}", c.name()), c.place()));
                class.is_some()
            }
            "category" => {
                out.categories = words(field);
                true
            }
            "dscp-tos" => field.child("any").is_some(),
            _ => false,
        },
        List::Authentication => match field.name() {
            "authentication-enforcement" | "action" => {
                out.enforcement = value(field);
                true
            }
            "category" => {
                out.categories = words(field);
                true
            }
            "source-hip" | "destination-hip" | "hip-profiles" => {
                out.host_profiles.extend(words(field));
                true
            }
            "timeout" | "log-setting" | "log-authentication-timeout" => {
                field.inert("how often it asks again, and logging");
                true
            }
            _ => false,
        },
        List::Dos => match field.name() {
            "action" => {
                out.action = value(field);
                true
            }
            "protection" => {
                field.modeled();
                out.thresholds = Some(digest(&body(field)));
                true
            }
            "log-setting" => {
                field.inert("logging of flood protection");
                true
            }
            _ => false,
        },
    };
    known || host_field(out, field)
}

/// Conditions on the endpoints that several lists share.
fn host_field<'t>(out: &mut Rule<'t>, field: At<'t>) -> bool {
    match field.name() {
        "hip-profiles" | "source-hip" | "destination-hip" => {
            out.host_profiles.extend(words(field));
        }
        "source-device" | "destination-device" | "source-imsi" | "source-imei"
        | "source-nw-slice"
            if field.children().all(|c| c.name() == "any") =>
        {
            field.inert("asks for nothing");
        }
        _ => return false,
    }
    true
}

fn security_field<'t>(out: &mut Rule<'t>, field: At<'t>) -> bool {
    match field.name() {
        "action" => out.action = value(field),
        "category" => out.categories = words(field),
        "rule-type" => out.rule_type = value(field),
        "icmp-unreachable" => out.icmp_unreachable = yes(field),
        "log-start" => out.log_start = Some(yes(field)),
        "log-end" => out.log_end = Some(yes(field)),
        "log-setting" => out.log_setting = value(field),
        "profile-setting" => profiles(out, field),
        "option" => return option(out, field),
        "qos" => {
            let marking = field.child("marking");
            out.qos = marking.map(|m| (m.text(), m.place()));
        }
        "disable-inspect" | "sessionless" => field.inert("how far content is inspected"),
        "saas-user-list" | "saas-tenant-list" => {
            if field.children().any(|c| c.name() != "any") {
                return false;
            }
            field.inert("asks for nothing");
        }
        _ => return false,
    }
    true
}

fn option<'t>(out: &mut Rule<'t>, field: At<'t>) -> bool {
    let mut known = true;
    for part in field.children() {
        match part.name() {
            "disable-server-response-inspection" => out.no_server_inspection = yes(part),
            _ => known = false,
        }
    }
    known
}

fn profiles<'t>(out: &mut Rule<'t>, field: At<'t>) {
    let mut add = |kind: At<'t>| {
        for profile in kind.children() {
            out.profiles.push((
                format!("{} {}", kind.name(), profile.name()),
                profile.place(),
            ));
        }
    };
    for part in field.children() {
        match part.name() {
            "profiles" => part.children().for_each(&mut add),
            "none" => {}
            _ => add(part),
        }
    }
}

fn nat_field<'t>(out: &mut Rule<'t>, field: At<'t>) -> bool {
    match field.name() {
        "nat-type" => out.nat.kind = value(field),
        "to-interface" => out.nat.to_interface = value(field).filter(|v| v.text != "any"),
        "active-active-device-binding" => out.nat.binding = value(field),
        "source-translation" => {
            out.nat.source = field.value().map(source_translation);
        }
        "destination-translation" => {
            out.nat.destination =
                destination_translation(field, false).or(out.nat.destination.take());
        }
        "dynamic-destination-translation" => {
            out.nat.destination =
                destination_translation(field, true).or(out.nat.destination.take());
        }
        _ => return false,
    }
    true
}

fn source_translation(at: At<'_>) -> SourceNat<'_> {
    let mut out = SourceNat {
        kind: word(at),
        addresses: Vec::new(),
        interface: None,
        interface_address: None,
        bidirectional: false,
        unknown: Vec::new(),
    };
    for part in at.children() {
        match part.name() {
            "translated-address" => out.addresses = words(part),
            "interface-address" => {
                for of in part.children() {
                    match of.name() {
                        "interface" => out.interface = value(of),
                        "ip" | "floating-ip" => out.interface_address = value(of),
                        _ => out.unknown.push(unknown(of)),
                    }
                }
            }
            "bi-directional" => out.bidirectional = yes(part),
            "fallback" => part.modeled(),
            _ => out.unknown.push(unknown(part)),
        }
    }
    out
}

fn destination_translation(field: At<'_>, dynamic: bool) -> Option<DestinationNat<'_>> {
    if field.is_leaf() {
        return None;
    }
    let mut out = DestinationNat {
        dynamic,
        address: None,
        port: None,
        unknown: Vec::new(),
    };
    for part in field.children() {
        match part.name() {
            "translated-address" => out.address = value(part),
            "translated-port" => out.port = value(part),
            "dns-rewrite" => part.inert("rewrites DNS answers, not the session"),
            "distribution" => part.inert("how sessions are spread over the addresses"),
            _ => out.unknown.push(unknown(part)),
        }
    }
    Some(out)
}

fn forwarding_field<'t>(out: &mut Rule<'t>, field: At<'t>) -> bool {
    match field.name() {
        "action" => {
            let Some(action) = field.value() else {
                return false;
            };
            out.action = Some(word(action));
            return forward(&mut out.forward, action);
        }
        "enforce-symmetric-return" => field.inert("where replies leave; replies are permitted"),
        "active-active-device-binding" => out.nat.binding = value(field),
        _ => return false,
    }
    true
}

fn forward<'t>(out: &mut Forward<'t>, action: At<'t>) -> bool {
    let mut known = true;
    for part in action.children() {
        match part.name() {
            "egress-interface" => out.interface = value(part),
            "nexthop" => out.next_hop = part.value().and_then(value),
            "monitor" => out.monitored = true,
            _ => known = false,
        }
    }
    known
}

fn decryption_field<'t>(out: &mut Rule<'t>, field: At<'t>) -> bool {
    match field.name() {
        "action" => out.action = value(field),
        "category" => out.categories = words(field),
        "type" => out.decryption_type = field.value().map(word),
        "profile" => out.decryption_profile = value(field),
        "log-setting" | "log-success" | "log-fail" | "packet-broker-profile" => {
            field.inert("logging and mirroring of decrypted traffic");
        }
        _ => return false,
    }
    true
}
