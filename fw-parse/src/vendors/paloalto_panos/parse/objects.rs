//! Addresses, services, applications, schedules and their groups.

use super::{number, unknown, word, words};
use crate::vendors::paloalto_panos::ast::{
    Address, AddressGroup, AddressKind, Application, ApplicationFilter, ExternalList, Group,
    IcmpIdentity, Objects, Schedule, Service, Unknown,
};
use crate::vendors::paloalto_panos::digest;
use crate::vendors::paloalto_panos::tree::At;

const LABEL: &str = "a label without effect on matching";

/// Reads one object section of a scope. False if it is no such section.
pub(in crate::vendors::paloalto_panos) fn section<'t>(
    objects: &mut Objects<'t>,
    at: At<'t>,
) -> bool {
    match at.name() {
        "address" => objects.addresses.extend(at.children().map(address)),
        "address-group" => objects
            .address_groups
            .extend(at.children().map(address_group)),
        "service" => objects.services.extend(at.children().map(service)),
        "service-group" => objects.service_groups.extend(at.children().map(group)),
        "application" => objects.applications.extend(at.children().map(application)),
        "application-group" => objects.application_groups.extend(at.children().map(group)),
        "application-filter" => {
            objects.application_filters.extend(at.children().map(|f| {
                f.modeled();
                ApplicationFilter {
                    name: word(f),
                    text: body(f),
                }
            }));
        }
        "profiles" => {
            let custom = at.child("custom-url-category");
            for category in custom.into_iter().flat_map(|c| c.children()) {
                category.modeled();
                objects.categories.push((category.name(), body(category)));
            }
            let kinds = at
                .children()
                .filter(|kind| kind.name() != "custom-url-category");
            for (kind, profile) in kinds.flat_map(|k| k.children().map(move |p| (k, p))) {
                profile.modeled();
                let settings = digest(&body(profile));
                objects
                    .profiles
                    .push((kind.name(), profile.name(), settings));
            }
        }
        "profile-group" => {
            for group in at.children() {
                group.modeled();
                let members = group
                    .children()
                    .flat_map(|kind| kind.children().map(move |m| (kind.name(), m.name())));
                objects
                    .profile_groups
                    .push((group.name(), members.collect()));
            }
        }
        "override" => {
            let changed = at
                .child("application")
                .into_iter()
                .flat_map(|a| a.children());
            objects
                .application_overrides
                .extend(changed.map(application));
        }
        "region" => objects.regions.extend(at.children().map(region)),
        "external-list" => {
            objects.lists.extend(at.children().map(|l| {
                l.modeled();
                ExternalList {
                    name: word(l),
                    text: body(l),
                }
            }));
        }
        "schedule" => objects.schedules.extend(at.children().map(schedule)),
        _ => return false,
    }
    if at.is_leaf() {
        at.inert("an empty section");
    }
    true
}

pub(super) fn body(at: At<'_>) -> String {
    let parts: Vec<String> = at.children().map(|c| c.text()).collect();
    parts.join(" ")
}

fn address(at: At<'_>) -> Address<'_> {
    at.modeled();
    let mut out = Address {
        name: word(at),
        value: None,
        tags: Vec::new(),
        unknown: Vec::new(),
    };
    let mut latest = None;
    for field in at.children() {
        let kind = match field.name() {
            "ip-netmask" => AddressKind::Netmask,
            "ip-range" => AddressKind::Range,
            "ip-wildcard" => AddressKind::Wildcard,
            "fqdn" => AddressKind::Fqdn,
            "description" => {
                field.inert(LABEL);
                continue;
            }
            "tag" => {
                out.tags.extend(field.children().map(|t| t.name()));
                continue;
            }
            "disable-override" => {
                field.inert("says whether device groups may override the object");
                continue;
            }
            _ => {
                out.unknown.push(unknown(field));
                continue;
            }
        };
        latest = field.value().map(|v| (kind, word(v)));
    }
    out.value = latest;
    out
}

fn address_group(at: At<'_>) -> AddressGroup<'_> {
    at.modeled();
    let mut out = AddressGroup {
        name: word(at),
        members: Vec::new(),
        filter: None,
        tags: Vec::new(),
        unknown: Vec::new(),
    };
    for field in at.children() {
        match field.name() {
            "static" => out.members = words(field),
            // Before 6.1 the members stood directly below the group.
            "dynamic" => out.filter = field.child("filter").and_then(|f| f.value()).map(word),
            "description" => field.inert(LABEL),
            "tag" => out.tags.extend(field.children().map(|t| t.name())),
            "disable-override" => field.inert("says whether device groups may override the object"),
            _ if field.is_leaf() => out.members.push(word(field)),
            _ => out.unknown.push(unknown(field)),
        }
    }
    out
}

/// Members directly below the name, or below `members`.
fn group(at: At<'_>) -> Group<'_> {
    at.modeled();
    let mut out = Group {
        name: word(at),
        members: Vec::new(),
        unknown: Vec::new(),
    };
    for field in at.children() {
        match field.name() {
            "members" => out.members.extend(words(field)),
            "tag" | "description" | "disable-override" => field.inert(LABEL),
            _ if field.is_leaf() => out.members.push(word(field)),
            _ => out.unknown.push(unknown(field)),
        }
    }
    out
}

fn region(at: At<'_>) -> Group<'_> {
    at.modeled();
    let mut out = Group {
        name: word(at),
        members: Vec::new(),
        unknown: Vec::new(),
    };
    for field in at.children() {
        match field.name() {
            "address" => out.members.extend(words(field)),
            "geo-location" | "description" => field.inert("a place on the map"),
            _ => out.unknown.push(unknown(field)),
        }
    }
    out
}

fn service(at: At<'_>) -> Service<'_> {
    at.modeled();
    let mut out = Service {
        name: word(at),
        protocol: None,
        port: None,
        source_port: None,
        timeout: None,
        unknown: Vec::new(),
    };
    for field in at.children() {
        match field.name() {
            "protocol" => {
                let Some(protocol) = field.value() else {
                    continue;
                };
                out.protocol = Some(word(protocol));
                if field.children().filter(|c| !c.is_leaf()).count() > 1 {
                    out.unknown.push(unknown(field));
                }
                for part in protocol.children() {
                    service_field(&mut out, part);
                }
            }
            "description" | "tag" | "disable-override" => field.inert(LABEL),
            // Some exports put the ports beside the protocol.
            _ => service_field(&mut out, field),
        }
    }
    out
}

fn service_field<'t>(out: &mut Service<'t>, part: At<'t>) {
    match part.name() {
        "port" => out.port = part.value().map(word),
        "source-port" => out.source_port = part.value().map(word),
        "override" => {
            if let Some(on) = part.child("yes") {
                for timer in on.children() {
                    match timer.name() {
                        "timeout" => out.timeout = number(timer),
                        "halfclose-timeout" | "timewait-timeout" => {
                            timer.inert("a timer of closing sessions");
                        }
                        _ => out.unknown.push(unknown(timer)),
                    }
                }
            }
        }
        _ => out.unknown.push(unknown(part)),
    }
}

fn application(at: At<'_>) -> Application<'_> {
    at.modeled();
    let mut out = Application {
        name: word(at),
        ports: Vec::new(),
        ip_protocol: None,
        icmp: None,
        icmp6: None,
        tcp_timeout: None,
        udp_timeout: None,
        timeout: None,
        has_identity: false,
        unknown: Vec::new(),
    };
    let icmp = |field: At<'_>| -> bool {
        field
            .children()
            .all(|c| matches!(c.name(), "type" | "code"))
    };
    for field in at.children() {
        match field.name() {
            "default" => {
                out.has_identity = true;
                for part in field.children() {
                    match part.name() {
                        "port" => out.ports = words(part),
                        "ident-by-ip-protocol" => out.ip_protocol = part.value().map(word),
                        "ident-by-icmp-type" if icmp(part) => out.icmp = Some(identity(part)),
                        "ident-by-icmp6-type" if icmp(part) => out.icmp6 = Some(identity(part)),
                        _ => out.unknown.push(unknown(part)),
                    }
                }
            }
            "signature" => {
                out.has_identity = true;
                field.modeled();
            }
            "tcp-timeout" => out.tcp_timeout = number(field),
            "udp-timeout" => out.udp_timeout = number(field),
            "timeout" => out.timeout = number(field),
            "category"
            | "subcategory"
            | "technology"
            | "parent-app"
            | "risk"
            | "description"
            | "tag"
            | "references"
            | "alg-disable-capability" => {
                field.inert("describes the application; filters over it are not evaluated");
            }
            "able-to-transfer-file"
            | "consume-big-bandwidth"
            | "data-ident"
            | "evasive-behavior"
            | "file-type-ident"
            | "has-known-vulnerability"
            | "no-appid-caching"
            | "pervasive-use"
            | "prone-to-misuse"
            | "spyware-ident"
            | "tunnel-applications"
            | "tunnel-other-application"
            | "used-by-malware"
            | "virus-ident"
            | "disable-override"
            | "tcp-half-closed-timeout"
            | "tcp-time-wait-timeout" => {
                field.inert("a characteristic that filters and inspection use");
            }
            _ => out.unknown.push(unknown(field)),
        }
    }
    out
}

fn identity(at: At<'_>) -> IcmpIdentity<'_> {
    IcmpIdentity {
        kind: at.child("type").and_then(|t| t.value()).map(word),
        code: at.child("code").and_then(|t| t.value()).map(word),
    }
}

fn schedule(at: At<'_>) -> Schedule<'_> {
    at.modeled();
    let mut out = Schedule {
        name: word(at),
        daily: Vec::new(),
        weekly: Vec::new(),
        once: Vec::new(),
        unknown: Vec::new(),
    };
    for field in at.children() {
        // Before 4.1 the kinds stood directly below the schedule.
        if field.name() == "schedule-type" {
            for kind in field.children() {
                schedule_kind(&mut out, kind);
            }
        } else if matches!(field.name(), "description" | "disable-override") {
            field.inert(LABEL);
        } else {
            schedule_kind(&mut out, field);
        }
    }
    out
}

fn schedule_kind<'t>(out: &mut Schedule<'t>, kind: At<'t>) {
    match kind.name() {
        "non-recurring" => out.once = words(kind),
        "recurring" => {
            for part in kind.children() {
                match part.name() {
                    "daily" => out.daily = words(part),
                    "weekly" => {
                        out.weekly = part.children().map(|d| (word(d), words(d))).collect();
                    }
                    _ => out.unknown.push(unknown(part)),
                }
            }
        }
        _ => out.unknown.push(unknown(kind)),
    }
}

/// What is not understood of an object, as one text.
pub(in crate::vendors::paloalto_panos) fn unknown_text(parts: &[Unknown]) -> Option<String> {
    if parts.is_empty() {
        return None;
    }
    let texts: Vec<&str> = parts.iter().map(|u| u.text.as_str()).collect();
    Some(texts.join("; "))
}
