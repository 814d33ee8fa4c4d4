//! The shape of a flows file for its JSON Schema. Reading goes by
//! [`super::file`]; a test keeps the two in step.

use schemars::JsonSchema;
use std::collections::BTreeMap;

/// A flows file: the service flows that a network must carry, or must not.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "FlowsFile")]
#[allow(dead_code)]
pub struct FlowsFile {
    /// The version of the format.
    #[schemars(range(min = 1, max = 1))]
    version: Option<u8>,
    /// Named sets of addresses. Groups may hold groups.
    groups: Option<BTreeMap<String, Words>>,
    /// Services besides the built-in catalogue.
    services: Option<BTreeMap<String, ServiceEntry>>,
    /// Host names, tags and dynamic groups with their addresses.
    resolve: Option<BTreeMap<String, Words>>,
    /// The flows.
    #[schemars(length(min = 1))]
    flows: Vec<Flow>,
}

/// One word or a list of them.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum Words {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

/// A number, a range as text, or a list of these.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum Ports {
    /// One.
    One(Port),
    /// Several.
    Several(Vec<Port>),
}

/// A number or a range as text.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum Port {
    /// `6001`
    Number(u16),
    /// `6001-6010`
    Text(String),
}

/// A service: its ports, or words as in a flow.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum ServiceEntry {
    /// As in a flow.
    Words(Words),
    /// In full.
    Full(Service),
}

/// A service in full.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Service {
    /// TCP destination ports.
    tcp: Option<Ports>,
    /// UDP destination ports.
    udp: Option<Ports>,
    /// SCTP destination ports.
    sctp: Option<Ports>,
    /// ICMP types, by name or number.
    icmp: Option<Ports>,
    /// ICMPv6 types, by name or number.
    icmpv6: Option<Ports>,
    /// IP protocol numbers.
    proto: Option<Ports>,
    /// The longest silence of a client: `300s`, `5m`, `1h`.
    keepalive: Option<String>,
    /// Sessions are long and idle (default: true if there is a keepalive).
    idle_sensitive: Option<bool>,
    /// It carries TLS.
    tls: Option<bool>,
    /// How a live check talks to it.
    probe: Option<Probe>,
}

/// How a live check talks to a service.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[allow(dead_code)]
enum Probe {
    /// SIP2 status.
    Sip2,
    /// Z39.50 Init.
    #[schemars(rename = "z39.50")]
    Z3950,
    /// SRU explain.
    Sru,
    /// TLS handshake.
    Tls,
    /// HTTP request.
    Http,
    /// DNS query.
    Dns,
    /// TCP connection.
    Tcp,
}

/// A flow.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Flow {
    /// Unique id: letters, digits, `-`, `_` and `.`.
    id: String,
    /// What it is for.
    description: Option<String>,
    /// Where it comes from: group, address, prefix, range, `any`,
    /// `zone:NAME`, `self:DEVICE`, resolved host name, or a list.
    from: Words,
    /// Where it goes, likewise.
    to: Words,
    /// Catalogue name, own service, `tcp/6001`, `udp/53`, `tcp/6001-6010`,
    /// `icmp/echo-request`, `proto/47`, or a list.
    service: Words,
    /// Whether it must pass (default) or must not.
    expect: Option<Expect>,
    /// How much of it must pass: all (default) or any part.
    quantity: Option<Quantity>,
    /// Also judge the return direction (default true).
    r#return: Option<bool>,
    /// The longest silence of a client: `120s`.
    keepalive: Option<String>,
    /// Source ports of TCP, UDP and SCTP (default 1024-65535).
    src_port: Option<Ports>,
    /// Judge on this device only.
    device: Option<String>,
    /// Interface or zone by which it enters.
    ingress: Option<String>,
    /// Interface or zone by which it leaves.
    egress: Option<String>,
    /// The application it is.
    app: Option<String>,
    /// The user it belongs to; `none` for no user.
    user: Option<String>,
    /// Who answers for it.
    owner: Option<String>,
    /// Why it is needed.
    justification: Option<String>,
    /// The ticket that asked for it.
    ticket: Option<String>,
    /// The day by which it is to be looked at again: `2027-01-31`.
    review_by: Option<String>,
    /// Destinations of the companions of a `tls-egress` flow.
    companions: Option<Companions>,
}

/// Whether a flow must pass.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[allow(dead_code)]
enum Expect {
    /// It must.
    Allow,
    /// It must not.
    Deny,
}

/// How much of a flow must pass.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[allow(dead_code)]
enum Quantity {
    /// All of it.
    All,
    /// Any part.
    Any,
}

/// Destinations of companion flows (default: any).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct Companions {
    /// Certificate revocation lists, tcp/80.
    crl: Option<Words>,
    /// Certificate status, tcp/80.
    ocsp: Option<Words>,
    /// Issuer certificates, tcp/80.
    aia: Option<Words>,
    /// Names, udp/53 and tcp/53.
    dns: Option<Words>,
    /// Time, udp/123.
    ntp: Option<Words>,
}

#[cfg(test)]
mod tests {
    use crate::flows::{file, service};

    fn keys(schema: &serde_json::Value, pointer: &str) -> Vec<String> {
        let mut keys: Vec<String> = schema
            .pointer(pointer)
            .and_then(|v| v.as_object())
            .map(|o| o.keys().cloned().collect())
            .unwrap_or_default();
        keys.sort();
        keys
    }

    fn sorted(words: &[&str]) -> Vec<String> {
        let mut words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        words.sort();
        words
    }

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema = schemars::schema_for!(super::FlowsFile).to_value();
        assert_eq!(keys(&schema, "/properties"), sorted(file::FILE_KEYS));
        assert_eq!(
            keys(&schema, "/$defs/Flow/properties"),
            sorted(file::FLOW_KEYS)
        );
        assert_eq!(
            keys(&schema, "/$defs/Service/properties"),
            sorted(service::SERVICE_KEYS)
        );
    }
}
