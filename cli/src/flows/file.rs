//! Reading a flows file.

use super::address::{Groups, Names, align_families};
use super::catalogue::COMPANIONS;
use super::service::{Service, Services, keepalive, source_ports};
use crate::problem::{Place, Problem};
use crate::settings::resolve;
use crate::yaml::{self, Fields, Node, Reader};
use fw_model::{AddressSet, Endpoint, Expect, Flow, IntervalSet, Quantity, Source};
use std::collections::BTreeMap;

/// What a flows file declares.
pub struct FlowsFile {
    /// The flows in the order of the file, each followed by its companions.
    pub flows: Vec<Flow>,
    /// When flows are to be looked at again.
    pub reviews: Vec<Review>,
    /// Host names with their addresses, those of `--resolve` included.
    pub names: Names,
    /// Groups that no flow uses, with their lines.
    pub unused_groups: Vec<String>,
}

/// A date by which somebody must say that a flow is still needed.
pub struct Review {
    /// The flow.
    pub flow: String,
    /// The last day.
    pub by: jiff::civil::Date,
    /// The line of the flow.
    pub line: u32,
}

/// The keys of the file.
pub const FILE_KEYS: &[&str] = &["version", "groups", "services", "resolve", "flows"];

/// The keys of a flow.
pub const FLOW_KEYS: &[&str] = &[
    "id",
    "description",
    "from",
    "to",
    "service",
    "expect",
    "quantity",
    "return",
    "keepalive",
    "src_port",
    "device",
    "ingress",
    "egress",
    "app",
    "user",
    "owner",
    "justification",
    "ticket",
    "review_by",
    "companions",
];

/// Reads a flows file; `names` come from elsewhere (`--resolve`).
///
/// # Errors
/// All that is wrong with it.
pub fn read(source: &Source, names: &Names) -> Result<FlowsFile, Vec<Problem>> {
    let root = yaml::parse(source).map_err(|p| vec![p])?;
    let mut reader = Reader::new(source);
    let fields = reader.fields(&root, "the flows file", FILE_KEYS);
    version(&mut reader, &fields);

    let mut names = names.clone();
    if let Some(node) = fields.get("resolve") {
        resolve::section(&mut reader, node, &mut names);
    }
    let group_nodes = fields
        .get("groups")
        .map(|node| reader.pairs(node, "`groups`"))
        .unwrap_or_default();
    for (name, _, place) in &group_nodes {
        if super::address::literal(name).is_some() || name.contains(':') {
            reader.error(*place, format!("`{name}` cannot be the name of a group"));
        }
    }
    let mut services = Services::default();
    if let Some(node) = fields.get("services") {
        services.define(&mut reader, node);
    }
    let mut groups = Groups::new(group_nodes.iter().map(|(k, n, _)| (*k, *n)), &names);

    let mut out = FlowsFile {
        flows: Vec::new(),
        reviews: Vec::new(),
        names: Names::new(),
        unused_groups: Vec::new(),
    };
    let mut ids: BTreeMap<String, u32> = BTreeMap::new();
    match fields.get("flows").map(|n| (n, &n.value)) {
        Some((_, yaml::Value::List(items))) if !items.is_empty() => {
            for item in items {
                flow(
                    &mut reader,
                    &mut groups,
                    &services,
                    item,
                    &mut ids,
                    &mut out,
                );
            }
        }
        Some((node, yaml::Value::Map(_) | yaml::Value::Scalar(_))) => {
            reader.error(node.place, "`flows` must be a list");
        }
        Some((node, _)) => reader.error(node.place, "`flows` is empty"),
        None => reader.error(fields.place(), "no `flows:` in the file"),
    }
    // Groups that nothing uses are checked all the same.
    let unused = groups.unused();
    for (name, node, _) in &group_nodes {
        if unused.contains(name) {
            groups.set(&mut reader, node, &format!("group `{name}`"));
            out.unused_groups.push((*name).to_owned());
        }
    }
    let mut problems = reader.problems;
    if !problems.is_empty() {
        problems.sort_by_key(|p| (p.place.line, p.place.start));
        problems.dedup();
        return Err(problems);
    }
    out.names = names;
    Ok(out)
}

fn version(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    if let Some(node) = fields.get("version")
        && let Some(text) = reader.text(node, "`version`")
        && text != "1"
    {
        reader.error_with(
            node.place,
            format!("version `{text}` is not known"),
            Some("this program reads version 1".into()),
        );
    }
}

fn flow(
    reader: &mut Reader<'_>,
    groups: &mut Groups<'_>,
    services: &Services,
    node: &Node,
    ids: &mut BTreeMap<String, u32>,
    out: &mut FlowsFile,
) {
    let errors = reader.problems.len();
    let fields = reader.fields(node, "a flow", FLOW_KEYS);
    let id = identity(reader, &fields, ids);
    let what = match &id {
        Some(id) => format!("flow `{id}`"),
        None => "the flow".into(),
    };
    for key in ["from", "to", "service"] {
        if fields.get(key).is_none() {
            reader.error(fields.place(), format!("{what} has no `{key}`"));
        }
    }
    let from = fields
        .get("from")
        .and_then(|n| groups.endpoint(reader, n, &format!("`from` of {what}")));
    let to = fields
        .get("to")
        .and_then(|n| groups.endpoint(reader, n, &format!("`to` of {what}")));
    let service = fields.get("service").and_then(|n| services.read(reader, n));
    let source_ports = source_ports(reader, fields.get("src_port"));
    let expect = reader
        .choice(
            &fields,
            "expect",
            &[("allow", Expect::Allow), ("deny", Expect::Deny)],
        )
        .unwrap_or(Expect::Allow);
    let quantity = reader
        .choice(
            &fields,
            "quantity",
            &[("all", Quantity::All), ("any", Quantity::Any)],
        )
        .unwrap_or(Quantity::All);
    let user = reader
        .optional(&fields, "user")
        .map(|user| match user.as_str() {
            "none" => None,
            _ => Some(user),
        });
    let review = reader.date(&fields, "review_by");
    let mut flow = Flow {
        id: id.clone().unwrap_or_default(),
        description: reader.optional(&fields, "description"),
        from: Endpoint::Addresses(AddressSet::empty()),
        to: Endpoint::Addresses(AddressSet::empty()),
        from_text: String::new(),
        to_text: String::new(),
        services: fw_model::ServiceSet::empty(),
        service_name: String::new(),
        expect,
        quantity,
        check_return: reader.flag(&fields, "return").unwrap_or(true),
        keepalive: keepalive(reader, &fields),
        idle_sensitive: false,
        tls: false,
        device: reader.optional(&fields, "device"),
        ingress: reader.optional(&fields, "ingress"),
        egress: reader.optional(&fields, "egress"),
        application: reader.optional(&fields, "app"),
        user,
        companion_of: None,
        owner: reader.optional(&fields, "owner"),
        justification: reader.optional(&fields, "justification"),
        ticket: reader.optional(&fields, "ticket"),
    };
    let companion_ends = companion_ends(reader, groups, &fields, service.as_ref());
    if let (Some(from), Some(to)) = (&from, &to) {
        ends(reader, &fields, &mut flow, from.clone(), to.clone(), &what);
    }
    if reader.problems.len() > errors {
        return;
    }
    let (Some((from, from_text)), Some((service, name)), Some(source_ports)) =
        (from, service, source_ports)
    else {
        return;
    };
    flow.services = service.set(&source_ports);
    flow.service_name = name;
    flow.keepalive = flow.keepalive.or(service.keepalive);
    flow.idle_sensitive = service.idle_sensitive;
    flow.tls = service.tls;
    if let Some(by) = review {
        out.reviews.push(Review {
            flow: flow.id.clone(),
            by,
            line: node.place.line,
        });
    }
    let companions = if service.companions && expect == Expect::Allow {
        companions(&flow, &from, &from_text, &companion_ends)
    } else {
        Vec::new()
    };
    out.flows.push(flow);
    out.flows.extend(companions);
}

/// Sets the ends of a flow after checking that packets can go between them.
fn ends(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    flow: &mut Flow,
    (mut from, from_text): (Endpoint, String),
    (mut to, to_text): (Endpoint, String),
    what: &str,
) {
    let place = fields.get("to").map_or(fields.place(), |n| n.place);
    if !align_families(&mut from, &mut to) {
        reader.error(
            place,
            format!("`from` and `to` of {what} share no address family"),
        );
    }
    if let (Endpoint::Device(_), Endpoint::Device(_)) = (&from, &to) {
        reader.error(place, format!("{what} goes from a device to a device"));
    }
    flow.from = from;
    flow.to = to;
    flow.from_text = from_text;
    flow.to_text = to_text;
}

fn identity(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    ids: &mut BTreeMap<String, u32>,
) -> Option<String> {
    let Some(node) = fields.get("id") else {
        reader.error(fields.place(), "a flow has no `id`");
        return None;
    };
    let id = reader.text(node, "`id`")?;
    if let Some(c) = id
        .chars()
        .find(|c| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '.'))
    {
        reader.error_with(
            node.place,
            format!("`{c}` cannot be in the id `{id}`"),
            Some("letters, digits, `-`, `_` and `.` can".into()),
        );
        return None;
    }
    if let Some(line) = ids.insert(id.to_owned(), node.place.line) {
        reader.error_with(
            node.place,
            format!("duplicate id `{id}`"),
            Some(format!("first on line {line}")),
        );
        return None;
    }
    Some(id.to_owned())
}

type Ends = BTreeMap<String, (Endpoint, String, Place)>;

/// Reads the `companions` mapping.
fn companion_ends(
    reader: &mut Reader<'_>,
    groups: &mut Groups<'_>,
    fields: &Fields<'_>,
    service: Option<&(Service, String)>,
) -> Ends {
    let mut out = Ends::new();
    let Some(node) = fields.get("companions") else {
        return out;
    };
    if service.is_some_and(|(s, _)| !s.companions) {
        reader.error(
            node.place,
            "only a flow with service `tls-egress` has companions",
        );
        return out;
    }
    let known: Vec<&str> = COMPANIONS.iter().map(|c| c.name).collect();
    let map = reader.fields(node, "`companions`", &known);
    for name in known {
        if let Some(node) = map.get(name)
            && let Some((end, text)) = groups.endpoint(reader, node, &format!("`{name}`"))
        {
            out.insert(name.to_owned(), (end, text, node.place));
        }
    }
    out
}

/// The flows that certificate validation, names and time need.
fn companions(flow: &Flow, from: &Endpoint, from_text: &str, ends: &Ends) -> Vec<Flow> {
    let (low, high) = super::service::CLIENT_PORTS;
    let client = IntervalSet::range(low.into(), high.into());
    COMPANIONS
        .iter()
        .map(|companion| {
            let (mut to, to_text) = match ends.get(companion.name) {
                Some((to, text, _)) => (to.clone(), text.clone()),
                None => (Endpoint::Addresses(AddressSet::any()), "any".to_owned()),
            };
            let mut from = from.clone();
            align_families(&mut from, &mut to);
            let mut points = Vec::new();
            for &(protocol, port) in companion.ports {
                let point = fw_model::service::service_point(protocol, port);
                points.push((point, point));
            }
            Flow {
                id: format!("{}/{}", flow.id, companion.name),
                description: Some(format!("{} for {}", companion.title, flow.id)),
                from,
                to,
                from_text: from_text.to_owned(),
                to_text,
                services: fw_model::ServiceSet::of(
                    IntervalSet::from_ranges(points),
                    client.clone(),
                ),
                service_name: companion.service.to_owned(),
                keepalive: None,
                idle_sensitive: false,
                tls: false,
                application: None,
                companion_of: Some(flow.id.clone()),
                ..flow.clone()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<FlowsFile, Vec<Problem>> {
        read(&Source::new("flows.yaml", text.into()), &Names::new())
    }

    fn errors(text: &str) -> String {
        match parse(text) {
            Ok(_) => panic!("no error"),
            Err(problems) => problems
                .iter()
                .map(Problem::render)
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }

    #[test]
    fn a_whole_file() {
        let file = parse(
            r#"
version: 1
groups:
  branches: [10.20.0.0/16, 10.30.0.0/16, "2001:db8:20::/48"]
  all: [branches, 192.0.2.1]
  sip2-servers: [192.0.2.10, 192.0.2.11-192.0.2.14]
services:
  vendor-sip2: { tcp: [6443], keepalive: 300s, probe: sip2 }
  pair: [tcp/80, udp/53]
flows:
  - id: selfcheck
    description: machines
    from: all
    to: sip2-servers
    service: [sip2, vendor-sip2]
    quantity: any
    return: false
    device: fw1
    review_by: 2027-01-31
  - {id: block, from: any, to: 192.0.2.1, service: tcp/3389, expect: deny, src_port: any, user: none}
  - {id: kiosk, from: "zone:kiosk", to: "self:fw1", service: icmp/echo-request}
  - {id: out, from: 10.0.0.0/8, to: any, service: tls-egress, companions: {dns: [10.9.9.9]}}
"#,
        )
        .unwrap();
        let ids: Vec<&str> = file.flows.iter().map(|f| f.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "selfcheck",
                "block",
                "kiosk",
                "out",
                "out/crl",
                "out/ocsp",
                "out/aia",
                "out/dns",
                "out/ntp"
            ]
        );
        let first = &file.flows[0];
        assert_eq!(first.keepalive, Some(300));
        assert!(first.idle_sensitive && !first.check_return);
        assert_eq!(
            first.services.to_string(),
            "tcp/6001, tcp/6443 from ports 1024-65535"
        );
        assert_eq!(
            first.to,
            Endpoint::Addresses(AddressSet::range(
                "192.0.2.10".parse().unwrap(),
                "192.0.2.14".parse().unwrap()
            ))
        );
        assert_eq!(file.flows[1].from, Endpoint::Addresses(AddressSet::any4()));
        assert_eq!(file.flows[1].user, Some(None));
        assert_eq!(file.flows[1].services.to_string(), "tcp/3389");
        assert_eq!(file.flows[2].from, Endpoint::Zone("kiosk".into()));
        assert_eq!(file.flows[2].to, Endpoint::Device("fw1".into()));
        let dns = &file.flows[7];
        assert_eq!(dns.to_text, "10.9.9.9");
        assert_eq!(dns.companion_of.as_deref(), Some("out"));
        assert_eq!(file.flows[4].to, Endpoint::Addresses(AddressSet::any4()));
        assert_eq!(file.reviews.len(), 1);
    }

    #[test]
    fn json_is_accepted() {
        let file = parse(
            r#"{"version": 1, "flows": [{"id": "a", "from": ["10.0.0.0/8"], "to": "any", "service": "tcp/80"}]}"#,
        )
        .unwrap();
        assert_eq!(file.flows.len(), 1);
    }

    #[test]
    fn all_errors_are_reported() {
        let text = r#"version: 2
groups:
  branches: [10.20.0.0/16]
  loop: [pool]
  pool: [loop]
  odd: [10.20.1.0/16]
  none: []
flows:
  - id: a
    from: branchs
    to: 192.0.2.10
    service: sip
  - id: a
    from: branches
    to: "2001:db8::1"
    service: tcp/99999
    owned: me
    keepalive: 300
  - {id: "x/y", from: branches, to: loop, expect: perhaps, service: tcp/80}
"#;
        insta::assert_snapshot!(errors(text));
    }

    #[test]
    fn an_empty_file_is_an_error() {
        assert!(errors("# nothing\n").contains("no `flows:`"));
        assert!(errors("flows: []\n").contains("empty"));
        assert!(errors("- a\n").contains("must be a mapping"));
    }
}
