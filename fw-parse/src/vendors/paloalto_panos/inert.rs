//! Sections that cannot affect transit traffic, each with the reason.
//!
//! A pattern names a path from the root, `*` stands for any one step, and it
//! covers everything below. What no pattern covers and nothing reads is
//! opaque.

use rustc_hash::FxHashMap;
use std::sync::LazyLock;

const ADMIN: &str = "administration of the device";
const LOGS: &str = "logging, reports and alarms";
const INSPECTION: &str = "definitions of inspection profiles; rules that use them say so";
const IDENTITY: &str = "how users are identified and authenticated";
const CERTIFICATES: &str = "certificates and their profiles";
const TUNNELS: &str = "how tunnels are encrypted";
const LOCAL: &str = "services of the device itself";
const ROUTING: &str = "a routing protocol; that it is on is an assumption";
const QOS: &str = "quality of service";
const LAYER2: &str = "layer 2 and link settings";
const LABELS: &str = "labels and views";
const MANAGER: &str = "what the manager itself does";
const VARIABLES: &str = "values of template variables";

/// Below the root.
const ROOT: [(&str, &str); 9] = [
    ("mgt-config", ADMIN),
    ("readonly", MANAGER),
    ("predefined", INSPECTION),
    ("panorama", MANAGER),
    ("policy/panorama/tag", LABELS),
    ("policy/panorama/profiles", INSPECTION),
    ("policy/panorama/profile-group", INSPECTION),
    ("policy/panorama/log-settings", LOGS),
    ("devices/*/platform", ADMIN),
];

/// Below `devices/*` of a firewall and below the configuration of a template.
const DEVICE: [(&str, &str); 22] = [
    ("deviceconfig", ADMIN),
    ("plugins", ADMIN),
    ("network/ike", TUNNELS),
    ("network/tunnel", TUNNELS),
    ("network/qos", QOS),
    ("network/dhcp", LOCAL),
    ("network/dns-proxy", LOCAL),
    ("network/lldp", LAYER2),
    ("network/vlan", LAYER2),
    ("network/virtual-wire", LAYER2),
    ("network/underlay-net", LAYER2),
    (
        "network/profiles",
        "thresholds, monitors and routing profiles",
    ),
    ("network/shared-gateway/*/import", LAYER2),
    ("network/shared-gateway/*/display-name", LABELS),
    ("network/virtual-router/*/protocol", ROUTING),
    (
        "network/virtual-router/*/ecmp",
        "spreads load over routes of equal cost",
    ),
    ("network/virtual-router/*/admin-dists", ROUTING),
    ("network/virtual-router/*/multicast", "multicast routing"),
    ("network/routing-profile", ROUTING),
    ("network/interface/sdwan", LAYER2),
    ("network/profiles-sdwan", LAYER2),
    ("vsys/*/display-name", LABELS),
];

/// Below a logical router's table.
const LOGICAL: [(&str, &str); 14] = [
    ("bgp", ROUTING),
    ("ospf", ROUTING),
    ("ospfv3", ROUTING),
    ("rip", ROUTING),
    ("ecmp", "spreads load over routes of equal cost"),
    ("admin-dists", ROUTING),
    ("multicast", "multicast routing"),
    ("rib-filter", ROUTING),
    ("description", LABELS),
    ("enabled", ROUTING),
    ("id", LABELS),
    ("zone-name", LABELS),
    ("sdwan-type", LAYER2),
    ("global-vrid", ROUTING),
];

/// Below `shared`, a virtual system, a device group, or pushed policy.
const SCOPE: [(&str, &str); 71] = [
    ("tag", LABELS),
    ("profiles", INSPECTION),
    ("profile-group", INSPECTION),
    ("threats", INSPECTION),
    ("application-status", INSPECTION),
    ("application-tag", LABELS),
    ("application-type", LABELS),
    ("content-preview", INSPECTION),
    (
        "alg-override",
        "application gateways open what a control session asks for",
    ),
    ("log-settings", LOGS),
    ("log-forwarding", LOGS),
    ("reports", LOGS),
    ("report-group", LOGS),
    ("email-scheduler", LOGS),
    ("pdf-summary-report", LOGS),
    ("botnet", LOGS),
    ("server-profile", LOGS),
    ("syslog-profile", LOGS),
    ("scheduled-log-export", LOGS),
    ("response-page", "pages shown to blocked users"),
    ("admin-role", ADMIN),
    ("local-user-database", IDENTITY),
    ("authentication-profile", IDENTITY),
    ("authentication-sequence", IDENTITY),
    ("authentication-object", IDENTITY),
    ("authentication", IDENTITY),
    ("captive-portal", IDENTITY),
    ("user-id-collector", IDENTITY),
    ("user-id-agent", IDENTITY),
    ("user-id-agent-sequence", IDENTITY),
    ("user-id-hub", IDENTITY),
    ("user-id-ssl-auth", IDENTITY),
    ("redistribution-agent", IDENTITY),
    ("redistribution-collector", IDENTITY),
    ("ts-agent", IDENTITY),
    ("iot", IDENTITY),
    ("group-mapping", IDENTITY),
    ("dynamic-user-group", IDENTITY),
    ("device-object", IDENTITY),
    ("vm-info-source", IDENTITY),
    ("cloud-identity-engine", IDENTITY),
    ("mfa-server-profile", IDENTITY),
    ("certificate", CERTIFICATES),
    ("certificate-profile", CERTIFICATES),
    ("ssl-tls-service-profile", CERTIFICATES),
    ("ssl-decrypt", CERTIFICATES),
    ("ocsp-responder", CERTIFICATES),
    ("scep", CERTIFICATES),
    ("ssh-service-profile", CERTIFICATES),
    ("global-protect", LOCAL),
    ("clientless-app", LOCAL),
    ("clientless-app-group", LOCAL),
    ("dns-proxy", LOCAL),
    ("sdwan-interface-profile", LAYER2),
    ("sdwan-path-quality", LAYER2),
    ("sdwan-traffic-distribution", LAYER2),
    ("setting", ADMIN),
    ("display-name", LABELS),
    ("description", LABELS),
    ("import/resource", "limits of sessions and rules"),
    ("import/network/virtual-wire", LAYER2),
    ("hip-objects", IDENTITY),
    ("hip-profiles", IDENTITY),
    ("snmp", LOGS),
    ("dns", LOCAL),
    ("reference-templates", MANAGER),
    ("master-device", MANAGER),
    ("authorization-code", MANAGER),
    ("to-sw-version", MANAGER),
    ("dg-meta-data", MANAGER),
    ("proxy", ADMIN),
];

/// Below a manager's device entry.
const MANAGED: [(&str, &str); 14] = [
    ("devices/*/log-collector", LOGS),
    ("devices/*/log-collector-group", LOGS),
    ("devices/*/wildfire-appliance", MANAGER),
    ("devices/*/wildfire-appliance-cluster", MANAGER),
    ("devices/*/template/*/settings", MANAGER),
    ("devices/*/template/*/description", LABELS),
    ("devices/*/template/*/variable", VARIABLES),
    ("devices/*/template/*/dependencies", MANAGER),
    ("devices/*/template-stack/*/settings", MANAGER),
    ("devices/*/template-stack/*/description", LABELS),
    ("devices/*/template-stack/*/variable", VARIABLES),
    ("devices/*/template-stack/*/user-group-source", MANAGER),
    ("devices/*/device-group/*/devices", MANAGER),
    ("devices/*/vsys/*/import", LAYER2),
];

/// Rule lists that decide nothing about who may talk to whom.
const RULE_LISTS: [(&str, &str); 3] = [
    ("tunnel-inspect", "how far tunnels are inspected"),
    ("network-packet-broker", "where copies of traffic go"),
    ("dscp", QOS),
];

/// Where a scope starts.
const SCOPES: [&str; 7] = [
    "shared",
    "policy/panorama",
    "devices/*/vsys/*",
    "devices/*/device-group/*",
    "devices/*/template/*/config/shared",
    "devices/*/template-stack/*/config/shared",
    "devices/*/template/*/config/devices/*/vsys/*",
];

/// Where the settings of a device start.
const DEVICES: [&str; 5] = [
    "devices/*",
    "devices/*/template/*/config/devices/*",
    "devices/*/template/*/config",
    "devices/*/template-stack/*/config/devices/*",
    "devices/*/template-stack/*/config",
];

/// The steps of a path and the reason why it is inert.
type Pattern = (Vec<&'static str>, &'static str);

/// Patterns by their last step.
static PATTERNS: LazyLock<FxHashMap<&'static str, Vec<Pattern>>> = LazyLock::new(|| {
    let mut out: FxHashMap<&str, Vec<(Vec<&str>, &str)>> = FxHashMap::default();
    let mut add = |path: Vec<&'static str>, reason: &'static str| {
        if let Some(last) = path.last() {
            out.entry(last).or_default().push((path.clone(), reason));
        }
    };
    let split = |path: &'static str| path.split('/');
    for (path, reason) in ROOT.iter().chain(&MANAGED) {
        add(split(path).collect(), reason);
    }
    for scope in DEVICES {
        for (path, reason) in DEVICE {
            add(split(scope).chain(split(path)).collect(), reason);
        }
        for (path, reason) in LOGICAL {
            let table = split("network/logical-router/*/vrf/*");
            add(
                split(scope).chain(table).chain(split(path)).collect(),
                reason,
            );
        }
        for (path, reason) in SCOPE {
            add(
                split(scope)
                    .chain(split("vsys/*"))
                    .chain(split(path))
                    .collect(),
                reason,
            );
        }
        add(split(scope).chain(split("mgt-config")).collect(), ADMIN);
    }
    for scope in SCOPES {
        for (path, reason) in SCOPE {
            add(split(scope).chain(split(path)).collect(), reason);
        }
        for base in ["rulebase", "pre-rulebase", "post-rulebase"] {
            for (list, reason) in RULE_LISTS {
                add(split(scope).chain([base, list]).collect(), reason);
            }
        }
    }
    out
});

/// The reason why the node at the end of `path` is inert, if it is.
pub(super) fn reason(path: &[&str]) -> Option<&'static str> {
    let last = path.last()?;
    PATTERNS.get(last)?.iter().find_map(|(pattern, reason)| {
        let same = pattern.len() == path.len()
            && pattern
                .iter()
                .zip(path)
                .all(|(p, step)| *p == "*" || p == step);
        same.then_some(*reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_in_all_their_places() {
        for path in [
            "mgt-config",
            "shared/log-settings",
            "devices/localhost.localdomain/vsys/vsys1/profiles",
            "devices/localhost.localdomain/device-group/DG/tag",
            "devices/localhost.localdomain/template/T/config/devices/x/network/ike",
            "devices/localhost.localdomain/template/T/config/shared/log-settings",
        ] {
            let steps: Vec<&str> = path.split('/').collect();
            assert!(reason(&steps).is_some(), "{path}");
        }
        for path in ["shared/address", "devices/x/network/interface", "surprise"] {
            let steps: Vec<&str> = path.split('/').collect();
            assert!(reason(&steps).is_none(), "{path}");
        }
    }
}
