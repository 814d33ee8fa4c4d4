//! A flows file to start from.

use fw_model::Snapshot;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const HEAD: &str = "\
# Service flows that the network must carry, or must not.
# Check it with `fwimpact flows check FILE`; docs/flows.md says all there is.
version: 1

# Named sets of addresses: prefixes, addresses, ranges a-b, other groups.
groups:
";

const EXAMPLE_GROUPS: &str = r"  branches: [10.20.0.0/16, 10.30.0.0/16]
  sip2-servers: [192.0.2.10, 192.0.2.11-192.0.2.14]
";

const TAIL: &str = "
# Services besides the catalogue (`fwimpact flows services`).
# services:
#   vendor-sip2: { tcp: [6443], keepalive: 300s, probe: sip2 }

flows:
";

const EXAMPLE: &str = r"  - id: selfcheck-sip2
    description: Self-check machines to the SIP2 gateway
    from: branches
    to: sip2-servers
    service: sip2               # tcp/6001
    keepalive: 120s             # the longest silence of a client
    owner: circulation
    justification: Loans at the self-check machines

  - id: updates
    description: Updates over TLS with certificate validation
    from: branches
    to: any
    service: tls-egress         # tcp/443, and crl, ocsp, aia, dns, ntp
    owner: systems

  - id: no-remote-desktop
    from: any
    to: branches
    service: tcp/3389
    expect: deny                # must not pass
    owner: security
";

const COMMENTED: &str = r"  # Replace this by the flows that matter, and give each an owner.
  - id: example
    description: What it is for
    from: FROM
    to: TO
    service: tcp/443            # or sip2, z39.50, udp/53, icmp/echo-request
    # expect: deny              # it must not pass
    # quantity: any             # it is enough if some of it passes
    # keepalive: 120s           # the longest silence of a client
    owner: somebody
";

/// The text, with groups from the networks of `snapshot` if one is given.
pub fn text(snapshot: Option<&Snapshot>) -> String {
    let mut out = String::from(HEAD);
    let groups = snapshot.map(groups).unwrap_or_default();
    if groups.is_empty() {
        out.push_str(EXAMPLE_GROUPS);
        out.push_str(TAIL);
        out.push_str(EXAMPLE);
        return out;
    }
    for (name, (prefixes, note)) in &groups {
        let list: Vec<String> = prefixes
            .iter()
            .map(|p| {
                if p.contains(':') {
                    format!("\"{p}\"")
                } else {
                    p.clone()
                }
            })
            .collect();
        let _ = writeln!(out, "  {name}: [{}]  # {note}", list.join(", "));
    }
    out.push_str(TAIL);
    let mut names = groups.keys();
    let from = names.next().map_or("any", String::as_str);
    let to = names.next().map_or("any", String::as_str);
    out.push_str(&COMMENTED.replace("FROM", from).replace("TO", to));
    out
}

type Group = (Vec<String>, String);

/// The networks behind the interfaces: connected prefixes and those that
/// routes lead to, the default route aside.
fn groups(snapshot: &Snapshot) -> BTreeMap<String, Group> {
    let mut out: BTreeMap<String, Group> = BTreeMap::new();
    let several = snapshot.devices.len() > 1;
    for device in &snapshot.devices {
        for interface in device
            .interfaces
            .iter()
            .filter(|i| i.enabled && !i.management_only)
        {
            let mut prefixes: Vec<String> = interface
                .addresses
                .iter()
                .map(|net| net.trunc().to_string())
                .collect();
            for route in &device.routes {
                let by = match &route.next {
                    fw_model::NextHop::Interface(name, _) => *name == interface.name,
                    fw_model::NextHop::Gateway(gateway) => {
                        interface.addresses.iter().any(|n| n.contains(gateway))
                    }
                    _ => false,
                };
                let prefix = route.prefix.trunc().to_string();
                if by && route.prefix.prefix_len() > 0 && !prefixes.contains(&prefix) {
                    prefixes.push(prefix);
                }
            }
            if prefixes.is_empty() {
                continue;
            }
            let zone = device
                .zones
                .iter()
                .find(|z| z.interfaces.contains(&interface.name));
            let base = zone.map_or(&interface.name, |z| &z.name);
            let name = if several {
                format!("{}-{base}", device.name)
            } else {
                base.clone()
            };
            let note = match zone {
                Some(_) => format!("zone {base} of {}", device.name),
                None => format!("behind {base} of {}", device.name),
            };
            let group = out.entry(word(&name)).or_insert_with(|| (Vec::new(), note));
            for prefix in prefixes {
                if !group.0.contains(&prefix) {
                    group.0.push(prefix);
                }
            }
        }
    }
    out
}

/// A name that needs no quotes in YAML.
fn word(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') {
                c
            } else {
                '-'
            }
        })
        .collect();
    let name = name.trim_matches('-').to_owned();
    if name.is_empty() || name == "any" || name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("net-{name}")
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flows::address::Names;
    use crate::flows::read;
    use fw_model::{Device, Interface, NextHop, Route, Source};

    #[test]
    fn starters_are_valid_flows_files() {
        let valid = |text: String| {
            let source = Source::new("starter", text);
            read(&source, &Names::new()).map(|f| f.flows.len()).unwrap()
        };
        assert_eq!(valid(text(None)), 8);
        let interface = |name: &str, net: &str| Interface {
            name: name.into(),
            addresses: vec![net.parse().unwrap()],
            enabled: true,
            ..Interface::default()
        };
        let device = Device {
            name: "fw1".into(),
            interfaces: vec![
                interface("inside", "10.1.0.1/16"),
                interface("ge-0/0/0.0", "2001:db8::1/64"),
            ],
            routes: vec![Route {
                vrf: String::new(),
                prefix: "10.2.0.0/16".parse().unwrap(),
                next: NextHop::Gateway("10.1.0.254".parse().unwrap()),
                metric: 1,
                span: None,
            }],
            ..Device::default()
        };
        let snapshot = Snapshot {
            devices: vec![device],
            ..Snapshot::default()
        };
        let text = text(Some(&snapshot));
        assert!(
            text.contains("inside: [10.1.0.0/16, 10.2.0.0/16]"),
            "{text}"
        );
        // One end is IPv6 and the other IPv4 here: the file says so.
        let problems = read(&Source::new("s", text), &Names::new()).err().unwrap();
        assert!(problems[0].message.contains("share no address family"));
    }
}
