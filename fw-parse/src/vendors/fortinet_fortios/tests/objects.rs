//! NAT, schedules, users, routes, local traffic, names.

use super::{BASE, VERSION, device, packet, parse, policy, run, tcp, verdict, verdict_at, with};
use fw_model::evaluate::{Context, Disposition, Journey, evaluate};
use fw_model::{LineStatus, MatchExpr, NextHop, TreatmentKind};

const ALL: [&str; 4] = [
    "set srcaddr all",
    "set dstaddr all",
    "set service ALL",
    "set action accept",
];

fn out(objects: &str, more: &[&str]) -> fw_model::Device {
    let mut lines = ALL.to_vec();
    lines.extend(more);
    with(&format!("{objects}{}", policy(1, "lan", "wan", &lines)))
}

#[test]
fn source_nat_with_pools_and_virtual_addresses() {
    let to = || tcp("10.1.1.5", "198.51.100.7", 443);
    let pool = "config firewall ippool\nedit p\nset startip 203.0.113.50\nset endip 203.0.113.51\nnext\nend\n";
    let device = out(
        pool,
        &["set nat enable", "set ippool enable", "set poolname p"],
    );
    assert_eq!(
        run(&device, "lan", to()).translated.source.to_string(),
        "203.0.113.50"
    );
    let device = out(pool, &["set nat disable"]);
    assert_eq!(
        run(&device, "lan", to()).translated.source.to_string(),
        "10.1.1.5"
    );
    let vip = "config firewall vip\nedit v\nset extip 203.0.113.77\nset mappedip 10.1.1.5\nset extintf wan\nnext\nend\n";
    let device = out(vip, &["set nat enable"]);
    assert_eq!(
        run(&device, "lan", to()).translated.source.to_string(),
        "203.0.113.77"
    );
    let other = tcp("10.1.1.6", "198.51.100.7", 443);
    assert_eq!(
        run(&device, "lan", other).translated.source.to_string(),
        "203.0.113.1"
    );
}

#[test]
fn source_nat_of_the_policy_that_matched() {
    let mut first = ALL.to_vec();
    first[2] = "set service HTTPS";
    let text = format!(
        "{}{}",
        policy(1, "lan", "wan", &first),
        policy(
            2,
            "lan",
            "wan",
            &[ALL[0], ALL[1], ALL[2], ALL[3], "set nat enable"]
        )
    );
    let device = with(&text);
    let source = |port| {
        run(&device, "lan", tcp("10.1.1.5", "198.51.100.7", port))
            .translated
            .source
            .to_string()
    };
    assert_eq!(source(443), "10.1.1.5");
    assert_eq!(source(80), "203.0.113.1");
}

#[test]
fn central_source_nat() {
    let text = "config system settings\nset central-nat enable\nend\nconfig firewall central-snat-map\nedit 1\nset srcintf lan\nset dstintf wan\nset orig-addr all\nset dst-addr all\nset protocol 6\nset dst-port 443\nnext\nend\n";
    let device = out(text, &[]);
    let source = |port| {
        run(&device, "lan", tcp("10.1.1.5", "198.51.100.7", port))
            .translated
            .source
            .to_string()
    };
    assert_eq!(source(443), "203.0.113.1");
    assert_eq!(source(80), "10.1.1.5");
}

#[test]
fn virtual_address_groups_and_filters() {
    let text = "config firewall vip\nedit a\nset extip 203.0.113.10-203.0.113.11\nset mappedip 10.1.1.10-10.1.1.11\nset extintf any\nset src-filter 198.51.100.0/24\nnext\nend\nconfig firewall vipgrp\nedit g\nset interface wan\nset member a\nnext\nend\n";
    let rule = policy(
        1,
        "wan",
        "lan",
        &[
            "set srcaddr all",
            "set dstaddr g",
            "set service ALL",
            "set action accept",
        ],
    );
    let device = with(&format!("{text}{rule}"));
    let got = run(&device, "wan", tcp("198.51.100.7", "203.0.113.11", 25));
    assert_eq!(got.disposition, Disposition::Permitted);
    assert_eq!(got.translated.destination.to_string(), "10.1.1.11");
    assert_eq!(got.egress.as_deref(), Some("lan"));
    assert_eq!(
        verdict(&device, "wan", tcp("192.0.2.7", "203.0.113.11", 25)),
        "deny"
    );
}

#[test]
fn names_users_and_undefined_objects_are_undecided() {
    let to = || tcp("10.1.1.5", "198.51.100.7", 443);
    let fqdn = "config firewall address\nedit n\nset type fqdn\nset fqdn www.example.com\nnext\nedit c\nset type geography\nset country DE\nnext\nend\n";
    let go = |line: &str| {
        let mut lines = ALL.to_vec();
        lines[1] = line;
        with(&format!("{fqdn}{}", policy(1, "lan", "wan", &lines)))
    };
    for line in ["set dstaddr n", "set dstaddr c", "set dstaddr missing"] {
        assert_eq!(verdict(&go(line), "lan", to()), "unknown", "{line}");
    }
    let device = out("", &["set groups staff"]);
    let context = Context {
        user: Some(None),
        ..Context::first_packet("lan", None)
    };
    assert_eq!(
        evaluate(&device, to(), &context).disposition,
        Disposition::Denied
    );
    let context = Context {
        user: Some(Some("staff")),
        ..Context::first_packet("lan", None)
    };
    assert_eq!(
        evaluate(&device, to(), &context).disposition,
        Disposition::Permitted
    );
    let parsed = parse(&format!(
        "{VERSION}{BASE}{}",
        policy(1, "lan", "wan", &["set srcaddr missing", ALL[1], ALL[2]])
    ));
    assert!(
        parsed
            .diagnostics
            .iter()
            .any(|d| d.code == "undefined-reference" && d.message.contains("`missing`"))
    );
}

#[test]
fn schedules_and_expiry() {
    let to = || tcp("10.1.1.5", "198.51.100.7", 443);
    let at = |device: &fw_model::Device, now| {
        let context = Context {
            now,
            ..Context::first_packet("lan", None)
        };
        evaluate(device, to(), &context).disposition == Disposition::Permitted
    };
    let objects = "config firewall schedule recurring\nedit night\nset day monday\nset start 22:00\nset end 06:00\nnext\nend\nconfig firewall schedule onetime\nedit until\nset start 00:00 2020/01/01\nset end 00:00 2020/01/02\nnext\nend\nconfig firewall schedule group\nedit both\nset member night until\nnext\nend\n";
    let monday = 4 * 1440;
    let device = out(objects, &["set schedule night"]);
    assert!(at(&device, monday + 23 * 60));
    assert!(at(&device, monday + 1440 + 5 * 60));
    assert!(!at(&device, monday + 12 * 60));
    assert!(!at(&device, monday + 5 * 60));
    let year = 18_262 * 1440;
    let device = out(objects, &["set schedule both"]);
    assert!(at(&device, year + 60) && !at(&device, year + 2 * 1440));
    let device = out(
        "",
        &[
            "set policy-expiry enable",
            "set policy-expiry-date 2020-01-01 00:00:00",
        ],
    );
    assert!(at(&device, year - 1) && !at(&device, year));
}

#[test]
fn icmp_and_predefined_services() {
    let go = |service: &str| {
        let line = format!("set service {service}");
        with(&policy(1, "lan", "wan", &[ALL[0], ALL[1], &line, ALL[3]]))
    };
    let icmp = |kind: u16| packet("10.1.1.5", "198.51.100.7", 1, kind << 8);
    let device = go("PING");
    assert_eq!(verdict(&device, "lan", icmp(8)), "allow");
    assert_eq!(verdict(&device, "lan", icmp(13)), "deny");
    let device = go("\"Windows AD\"");
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 464)),
        "allow"
    );
    let device = go("NONE");
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 443)),
        "deny"
    );
    let device = go("RSH");
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 514)),
        "deny"
    );
}

#[test]
fn taking_back_the_icmp_type_takes_the_code_too() {
    let text = "config firewall service custom\nedit s\nset protocol ICMP\nset icmptype 5\nset icmpcode 1\nunset icmptype\nset icmptype 3\nnext\nend\n";
    let device = with(&format!(
        "{text}{}",
        policy(1, "lan", "wan", &[ALL[0], ALL[1], "set service s", ALL[3]])
    ));
    assert_eq!(
        verdict(
            &device,
            "lan",
            packet("10.1.1.5", "198.51.100.7", 1, 3 << 8 | 9)
        ),
        "allow"
    );
}

#[test]
fn local_traffic() {
    let text = format!(
        "{VERSION}{}",
        BASE.replace(
            "set ip 10.1.1.1",
            "set allowaccess ping https\nset ip 10.1.1.1"
        )
    );
    let local = "config firewall local-in-policy\nedit 1\nset intf lan\nset srcaddr bad\nset dstaddr all\nset service HTTPS\nset schedule always\nnext\nend\nconfig firewall address\nedit bad\nset subnet 10.1.1.66 255.255.255.255\nnext\nend\n";
    let device = device(&format!("{text}{local}"));
    let go = |ingress, p| {
        let context = Context {
            journey: Journey::ToDevice,
            ..Context::first_packet(ingress, None)
        };
        evaluate(&device, p, &context).disposition
    };
    assert_eq!(
        go("lan", tcp("10.1.1.5", "10.1.1.1", 443)),
        Disposition::Permitted
    );
    assert_eq!(
        go("lan", tcp("10.1.1.66", "10.1.1.1", 443)),
        Disposition::Denied
    );
    assert_eq!(
        go("lan", tcp("10.1.1.5", "10.1.1.1", 22)),
        Disposition::Denied
    );
    assert_eq!(
        go("wan", tcp("198.51.100.7", "203.0.113.1", 443)),
        Disposition::Denied
    );
}

#[test]
fn routes_policy_routes_and_sd_wan() {
    let text = "config system sdwan\nset status enable\nconfig zone\nedit virtual-wan-link\nnext\nedit inet\nnext\nend\nconfig members\nedit 1\nset interface wan\nset zone inet\nset gateway 203.0.113.254\nnext\nedit 2\nset interface dmz\nset zone inet\nnext\nend\nend\nconfig router static\nedit 7\nset dst 192.0.2.0 255.255.255.0\nset distance 1\nset sdwan-zone inet\nnext\nedit 8\nset dst 192.0.2.128 255.255.255.128\nset blackhole enable\nnext\nend\nconfig router policy\nedit 1\nset input-device lan\nset dst \"198.51.100.0/255.255.255.0\"\nset protocol 6\nset start-port 25\nset end-port 25\nset output-device dmz\nset gateway 172.16.0.2\nnext\nend\n";
    let rule = policy(1, "lan", "inet", &ALL);
    let device = with(&format!("{text}{rule}"));
    let members: Vec<&NextHop> = device
        .routes
        .iter()
        .filter(|r| r.prefix.to_string() == "192.0.2.0/24")
        .map(|r| &r.next)
        .collect();
    assert_eq!(members.len(), 2);
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "192.0.2.7", 443)),
        "allow"
    );
    let blackhole = run(&device, "lan", tcp("10.1.1.5", "192.0.2.200", 443));
    assert_eq!(blackhole.disposition, Disposition::Unrouted);
    let egress = |port| run(&device, "lan", tcp("10.1.1.5", "198.51.100.7", port)).egress;
    assert_eq!(egress(25).as_deref(), Some("dmz"));
    assert_eq!(egress(80).as_deref(), Some("wan"));
}

#[test]
fn multicast_has_its_own_list() {
    let multicast = "config firewall multicast-policy\nedit 1\nset srcintf lan\nset dstintf wan\nset srcaddr all\nset dstaddr all\nnext\nend\n";
    let to = || packet("10.1.1.5", "239.1.1.1", 17, 5000);
    assert_eq!(verdict_at(&out("", &[]), "lan", Some("wan"), to()), "deny");
    assert_eq!(
        verdict_at(&with(multicast), "lan", Some("wan"), to()),
        "allow"
    );
}

#[test]
fn policy_based_mode_needs_both_lists() {
    let base = "config system settings\nset ngfw-mode policy-based\nend\n";
    let security = |more: &str| {
        format!(
            "config firewall security-policy\nedit 1\nset srcintf lan\nset dstintf wan\nset srcaddr all\nset dstaddr all\nset service ALL\nset action accept\nset schedule always\n{more}next\nend\n"
        )
    };
    let to = || tcp("10.1.1.5", "198.51.100.7", 443);
    assert_eq!(verdict(&out(base, &[]), "lan", to()), "deny");
    assert_eq!(
        verdict(&out(&format!("{base}{}", security("")), &[]), "lan", to()),
        "allow"
    );
    let app = security("set application 16354\n");
    assert_eq!(
        verdict(&out(&format!("{base}{app}"), &[]), "lan", to()),
        "unknown"
    );
}

#[test]
fn treatments_of_a_policy() {
    let objects = "config firewall ssl-ssh-profile\nedit deep\nconfig https\nset ports 443\nset status deep-inspection\nset untrusted-server-cert block\nend\nnext\nend\nconfig system session-helper\nedit 1\nset name ftp\nset protocol 6\nset port 21\nnext\nend\n";
    let device = out(
        objects,
        &[
            "set utm-status enable",
            "set ssl-ssh-profile deep",
            "set ips-sensor default",
            "set logtraffic all",
        ],
    );
    let list = device
        .filters
        .iter()
        .find(|f| f.name == "firewall policy")
        .unwrap();
    let rule = list.rules.iter().find(|r| r.name == "1").unwrap();
    let value = |kind| {
        rule.treatments
            .iter()
            .find(|t| t.kind == kind)
            .map(|t| t.value.as_str())
    };
    assert_eq!(
        value(TreatmentKind::TlsDecryption),
        Some("deep: https 443; https untrusted-server-cert block")
    );
    assert_eq!(
        value(TreatmentKind::SecurityProfile),
        Some("ips-sensor default")
    );
    assert_eq!(value(TreatmentKind::Logging), Some("all"));
    assert!(
        device
            .treatments
            .iter()
            .any(|t| t.treatment.value == "session-helper ftp")
    );
}

#[test]
fn cycles_and_renames() {
    let cycle =
        "config firewall addrgrp\nedit a\nset member b\nnext\nedit b\nset member a\nnext\nend\n";
    let device = with(&format!(
        "{cycle}{}",
        policy(1, "lan", "wan", &["set srcaddr a", ALL[1], ALL[2], ALL[3]])
    ));
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 443)),
        "unknown"
    );
    let renamed = format!(
        "config firewall address\nedit old\nset subnet 10.1.1.5 255.255.255.255\nnext\nend\n{}config firewall address\nrename old to new\nend\n",
        policy(
            1,
            "lan",
            "wan",
            &["set srcaddr old", ALL[1], ALL[2], ALL[3]]
        )
    );
    assert_eq!(
        verdict(&with(&renamed), "lan", tcp("10.1.1.5", "198.51.100.7", 443)),
        "allow"
    );
}

#[test]
fn uses_lead_to_definitions() {
    let objects = "config firewall address\nedit a\nset subnet 10.1.1.5 255.255.255.255\nnext\nend\nconfig firewall addrgrp\nedit g\nset member a\nnext\nend\n";
    let device = with(&format!(
        "{objects}{}",
        policy(1, "lan", "wan", &["set srcaddr g", ALL[1], ALL[2], ALL[3]])
    ));
    let list = device
        .filters
        .iter()
        .find(|f| f.name == "firewall policy")
        .unwrap();
    let rule = list.rules.iter().find(|r| r.name == "1").unwrap();
    let group = &device.definitions[rule.uses[0].0 as usize];
    assert_eq!(group.name, "g");
    assert_eq!(device.definitions[group.uses[0].0 as usize].name, "a");
    assert_eq!(rule.id.as_deref(), Some("1"));
    // Equal groups are one set in memory.
    assert!(matches!(&rule.match_expr, MatchExpr::All(parts) if parts.len() >= 4));
}

#[test]
fn lines_have_a_status() {
    let text = format!(
        "{VERSION}{BASE}# remark\nconfig firewall policy\n    edit 1\n        set uuid x\n        set frob y\n        set srcintf lan\n    next\nend\n"
    );
    let parsed = parse(&text);
    let at = |needle: &str| {
        let line = text.lines().position(|l| l.contains(needle)).unwrap() as u32 + 1;
        parsed.ledgers[0].status(line).unwrap().clone()
    };
    assert_eq!(at("frob"), LineStatus::Opaque);
    assert!(matches!(at("uuid"), LineStatus::Inert(_)));
    assert!(matches!(at("# remark"), LineStatus::Inert(_)));
    assert_eq!(at("set srcintf"), LineStatus::Modeled);
    assert_eq!(at("config-version"), LineStatus::Modeled);
}

#[test]
fn interfaces_that_are_not_understood() {
    let text = BASE.replace("set ip 10.1.1.1", "set frob on\nset ip 10.1.1.1");
    let device = device(&format!("{VERSION}{text}{}", policy(1, "lan", "wan", &ALL)));
    assert_eq!(
        verdict(&device, "lan", tcp("10.1.1.5", "198.51.100.7", 443)),
        "unknown"
    );
    assert!(device.opaque_lines.is_empty());
}
