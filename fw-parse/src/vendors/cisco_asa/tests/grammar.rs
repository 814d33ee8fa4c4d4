//! What the lines mean.

use super::*;

/// Permits by a list on the inside interface.
fn permits(list: &str, p: Packet) -> Option<bool> {
    verdict(
        &with_base(&format!("{list}\naccess-group IN in interface inside\n")),
        "inside",
        p,
    )
}

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

#[test]
fn nested_groups() {
    let list = "object network H
 host 8.8.8.1
object-group network A
 network-object host 8.8.8.8
object-group network B
 group-object A
 network-object object H
object-group network C
 group-object B
 network-object 9.9.9.0 255.255.255.0
object-group network D
 group-object C
access-list IN extended permit ip any object-group D";
    for (to, expected) in [
        ("8.8.8.8", YES),
        ("8.8.8.1", YES),
        ("9.9.9.7", YES),
        ("9.9.8.7", NO),
    ] {
        assert_eq!(permits(list, tcp("10.1.1.5", to, 80)), expected, "{to}");
    }
}

#[test]
fn group_cycles_end() {
    let list = "object-group network A
 network-object host 8.8.8.8
 group-object B
object-group network B
 group-object A
access-list IN extended permit ip any object-group A";
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 80)), YES);
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.9", 80)), None);
    let mut deep = String::from("object-group network G0\n network-object host 8.8.8.8\n");
    for n in 1..20_000 {
        deep.push_str(&format!(
            "object-group network G{n}\n group-object G{}\n",
            n - 1
        ));
    }
    deep.push_str("access-list IN extended permit ip any object-group G19999");
    assert_eq!(permits(&deep, tcp("10.1.1.5", "8.8.8.8", 80)), None);
}

#[test]
fn service_groups() {
    let dns = "object-group service DNS tcp-udp
 port-object eq domain
access-list IN extended permit udp any any object-group DNS
access-list IN extended permit tcp any any object-group DNS";
    assert_eq!(permits(dns, udp("10.1.1.5", "8.8.8.8", 53)), YES);
    assert_eq!(permits(dns, tcp("10.1.1.5", "8.8.8.8", 53)), YES);
    assert_eq!(permits(dns, tcp("10.1.1.5", "8.8.8.8", 54)), NO);
    let mixed = "object service HI
 service tcp source range 1024 65535 destination eq 8080
object-group service MIX
 service-object tcp destination eq https
 service-object udp eq 500
 service-object icmp echo
 service-object esp
 service-object object HI
 service-object tcp-udp destination eq sip
access-list IN extended permit object-group MIX any any";
    for (p, expected) in [
        (tcp("10.1.1.5", "8.8.8.8", 443), YES),
        (udp("10.1.1.5", "8.8.8.8", 500), YES),
        (echo("10.1.1.5", "8.8.8.8"), YES),
        (packet(50, "10.1.1.5", 0, "8.8.8.8", 0), YES),
        (tcp("10.1.1.5", "8.8.8.8", 8080), YES),
        (packet(6, "10.1.1.5", 1000, "8.8.8.8", 8080), NO),
        (udp("10.1.1.5", "8.8.8.8", 5060), YES),
        (tcp("10.1.1.5", "8.8.8.8", 80), NO),
    ] {
        assert_eq!(permits(mixed, p), expected, "{p}");
    }
    let object = "object service HI
 service tcp destination eq 8080
access-list IN extended permit object HI any any";
    assert_eq!(permits(object, tcp("10.1.1.5", "8.8.8.8", 8080)), YES);
}

#[test]
fn protocol_and_icmp_groups() {
    let list = "object-group protocol TU
 protocol-object tcp
 protocol-object udp
object-group icmp-type IT
 icmp-object echo
 icmp-object unreachable
access-list IN extended permit object-group TU any any eq 53
access-list IN extended permit icmp any any object-group IT";
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 53)), YES);
    assert_eq!(permits(list, udp("10.1.1.5", "8.8.8.8", 53)), YES);
    assert_eq!(permits(list, udp("10.1.1.5", "8.8.8.8", 54)), NO);
    assert_eq!(permits(list, echo("10.1.1.5", "8.8.8.8")), YES);
    assert_eq!(
        permits(list, packet(1, "10.1.1.5", 0, "8.8.8.8", 13 << 8)),
        NO
    );
}

#[test]
fn port_operators() {
    let at = |op: &str, port| {
        permits(
            &format!("access-list IN extended permit tcp any any {op}"),
            tcp("10.1.1.5", "8.8.8.8", port),
        )
    };
    assert_eq!((at("lt 1024", 1023), at("lt 1024", 1024)), (YES, NO));
    assert_eq!((at("gt 1023", 1024), at("gt 1023", 1023)), (YES, NO));
    assert_eq!((at("neq 80", 81), at("neq 80", 80)), (YES, NO));
    assert_eq!(
        (at("range ftp-data ftp", 20), at("range ftp-data ftp", 22)),
        (YES, NO)
    );
    assert_eq!((at("range 20 22", 22), at("range 20 22", 23)), (YES, NO));
    assert_eq!((at("eq kerberos", 750), at("eq kerberos", 88)), (YES, NO));
    assert_eq!(at("lt 0", 0), NO);
}

#[test]
fn icmp_types_and_codes() {
    let list = "access-list IN extended permit icmp any any unreachable 4";
    assert_eq!(
        permits(list, packet(1, "10.1.1.5", 0, "8.8.8.8", 3 << 8 | 4)),
        YES
    );
    assert_eq!(
        permits(list, packet(1, "10.1.1.5", 0, "8.8.8.8", 3 << 8 | 3)),
        NO
    );
}

#[test]
fn names_stand_for_addresses() {
    let list = "names
name 8.8.8.8 resolver description public
name 9.9.9.0 net9
access-list IN extended permit udp any host resolver eq domain
access-list IN extended permit ip any net9 255.255.255.0";
    assert_eq!(permits(list, udp("10.1.1.5", "8.8.8.8", 53)), YES);
    assert_eq!(permits(list, udp("10.1.1.5", "9.9.9.9", 99)), YES);
    assert_eq!(permits(list, udp("10.1.1.5", "8.8.8.9", 53)), NO);
}

#[test]
fn objects_may_be_given_again() {
    let list = "object network H
 host 8.8.8.8
object network H
 description changed
object network H
 host 8.8.4.4
object-group network G
 network-object host 1.1.1.1
object-group network G
 network-object host 1.0.0.1
access-list IN extended permit ip any object H
access-list IN extended permit ip any object-group G";
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.4.4", 80)), YES);
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 80)), NO);
    assert_eq!(permits(list, tcp("10.1.1.5", "1.1.1.1", 80)), YES);
    assert_eq!(permits(list, tcp("10.1.1.5", "1.0.0.1", 80)), YES);
}

#[test]
fn undefined_references_are_undecided() {
    let p = tcp("10.1.1.5", "8.8.8.8", 80);
    for list in [
        "access-list IN extended permit ip any object-group NONE",
        "access-list IN extended permit tcp any object-group NONE any eq 80",
        "access-list IN extended permit object NONE any any",
        "access-list IN extended permit tcp any any object-group NONE",
    ] {
        assert_eq!(permits(list, p), None, "{list}");
    }
    // What is known of the entry still decides.
    let list = "access-list IN extended permit tcp any object-group NONE eq 443";
    assert_eq!(permits(list, p), NO);
}

#[test]
fn host_names_are_undecided() {
    let list = "object network F
 fqdn v4 api.example.org
access-list IN extended permit tcp any object F eq 443";
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 443)), None);
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 80)), NO);
}

#[test]
fn entries_that_are_not_understood() {
    let list = "access-list IN extended permit tcp any any eq nonsense
access-list IN extended deny ip any any";
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 80)), None);
    let cut = "access-list IN extended permit tcp any any eq 80
access-list IN extended permit tcp any ho";
    assert_eq!(permits(cut, tcp("10.1.1.5", "8.8.8.8", 80)), YES);
    assert_eq!(permits(cut, tcp("10.1.1.5", "8.8.8.8", 81)), None);
    assert_eq!(
        permits("access-list IN ext", tcp("10.1.1.5", "8.8.8.8", 81)),
        None
    );
    assert_eq!(opaque("access-list IN extended permit tcp any ho\n"), [1]);
}

#[test]
fn six() {
    let text = "ASA Version 9.1(2)
interface Gi0/0
 nameif outside
 security-level 0
 ipv6 address 2001:db8:1::1/64
interface Gi0/1
 nameif inside
 security-level 100
 ipv6 address 2001:db8:2::1/64
access-list IN extended permit tcp 2001:db8:2::/64 host 2001:db8:1::5 eq https
access-list IN extended permit icmp6 any6 any6 echo
access-group IN in interface inside
";
    let d = device(text);
    assert_eq!(
        verdict(&d, "inside", tcp("2001:db8:2::9", "2001:db8:1::5", 443)),
        YES
    );
    assert_eq!(
        verdict(&d, "inside", tcp("2001:db8:2::9", "2001:db8:1::6", 443)),
        NO
    );
    assert_eq!(
        verdict(
            &d,
            "inside",
            packet(58, "2001:db8:2::9", 0, "2001:db8:1::6", 128 << 8)
        ),
        YES
    );
}

#[test]
fn carriage_returns_pager_and_indent() {
    let text = format!(
        "{BASE}access-list IN extended permit tcp any any eq 80\n<--- More --->\r              \raccess-list IN extended deny ip any any\naccess-group IN in interface inside\n"
    );
    for text in [text.replace('\n', "\r\n"), text.clone()] {
        assert!(opaque(&text).is_empty(), "{:?}", opaque(&text));
        let d = device(&text);
        assert_eq!(
            decided(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 81)),
            "deny IN 2"
        );
    }
    let indented: String = text.lines().map(|l| format!("   {l}\n")).collect();
    assert!(opaque(&indented).is_empty());
    assert_eq!(device(&indented).interfaces.len(), 3);
}

#[test]
fn remarks_and_odd_list_names() {
    let list = "access-list IN remark permit ip any any
access-list IN remark
access-list IN extended deny tcp any any eq 23
access-list permit extended permit ip any any
access-list commit extended permit ip any any
access-list line extended permit ip any any
access-list IN extended permit ip any any";
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 23)), NO);
    let text = format!("{BASE}{list}\naccess-group IN in interface inside\n");
    assert!(opaque(&text).is_empty());
    let d = device(&text);
    assert_eq!(
        decided(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 80)),
        "permit IN 2"
    );
    let names: Vec<&str> = d.filters.iter().map(|f| f.name.as_str()).collect();
    assert!(
        ["permit", "commit", "line"]
            .iter()
            .all(|n| names.contains(n))
    );
}

#[test]
fn line_numbers_insert() {
    let list = "access-list IN extended permit tcp any any
access-list IN extended permit ip any any
access-list IN line 1 extended deny tcp any any eq 23";
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 23)), NO);
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 24)), YES);
    let removed = "access-list IN extended deny tcp any any eq 23
access-list IN extended permit ip any any
no access-list IN extended deny tcp any any eq 23";
    assert_eq!(permits(removed, tcp("10.1.1.5", "8.8.8.8", 23)), YES);
}

#[test]
fn old_entries_without_extended() {
    let list = "access-list IN deny tcp any any eq telnet
access-list IN permit ip 10.1.0.0 255.255.0.0 any
access-list IN permit ip any any log 4 interval 600";
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 23)), NO);
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 24)), YES);
}

#[test]
fn duplicates_and_settings() {
    let list = "object-group-search access-control
access-list IN extended permit tcp any any eq 80
access-list IN extended permit tcp any any eq 80
access-list IN extended deny ip any any log disable";
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 80)), YES);
    let d = with_base(list);
    let rules = &d.filters[0].rules;
    assert_eq!(rules.len(), 3);
    assert_eq!(rules[2].treatments[0].value, "log disable");
}

#[test]
fn listings_expand_groups() {
    let text = "fw# show access-list
access-list IN; 3 elements; name hash: 0x1
access-list IN line 1 remark web
access-list IN line 2 extended permit tcp any object-group WEB eq 80 (hitcnt=3) 0x1
  access-list IN line 2 extended permit tcp any host 8.8.8.8 eq 80 (hitcnt=1) 0x2
  access-list IN line 2 extended permit tcp any host 8.8.4.4 eq 80 (hitcnt=2) 0x3
access-list IN line 3 extended deny ip any any (hitcnt=0) 0x4
";
    assert!(opaque(text).is_empty(), "{:?}", opaque(text));
    let d = device(text);
    let names: Vec<&str> = d.filters[0].rules.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["1", "1", "2"]);
    let open = |r: &fw_model::Rule| format!("{:?}", r.match_expr).contains("Opaque");
    assert!(!d.filters[0].rules.iter().any(open));
}

#[test]
fn time_ranges() {
    let text = format!(
        "{BASE}time-range OFFICE
 periodic weekdays 8:00 to 18:00
time-range OVER
 absolute end 23:59 31 December 2020
access-list IN extended permit tcp any any eq 80 time-range OFFICE
access-list IN extended permit tcp any any eq 81 time-range OVER
access-group IN in interface inside
"
    );
    let d = device(&text);
    let at = |now, port| {
        let context = Context {
            now,
            ..Context::first_packet("inside", None)
        };
        evaluate(&d, tcp("10.1.1.5", "8.8.8.8", port), &context).disposition
            == Disposition::Permitted
    };
    let monday = 4 * 1440;
    assert!(at(monday + 9 * 60, 80) && !at(monday + 19 * 60, 80));
    assert!(at(monday, 81) && !at(27_000_000, 81));
}

#[test]
fn users_are_undecided() {
    let list = "access-list IN extended permit tcp user LOCAL\\ann any any eq 80
access-list IN extended permit tcp security-group tag 7 any any eq 81";
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 80)), None);
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 81)), None);
    assert_eq!(permits(list, tcp("10.1.1.5", "8.8.8.8", 82)), NO);
}

#[test]
fn threat_defense_entries() {
    let text = format!(
        "{BASE}access-list CSM_FW_ACL_ remark rule-id 9998: ACCESS POLICY: P - Mandatory
access-list CSM_FW_ACL_ advanced trust tcp ifc inside any ifc outside any eq 22 rule-id 1 event-log both
access-list CSM_FW_ACL_ advanced permit tcp any any eq 443 rule-id 2
access-list CSM_FW_ACL_ advanced deny ip any any rule-id 3 event-log flow-start
access-group CSM_FW_ACL_ global
"
    );
    assert!(opaque(&text).is_empty(), "{:?}", opaque(&text));
    let d = device(&text);
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 443)), YES);
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 22)), YES);
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "10.2.2.2", 22)), NO);
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 25)), NO);
    let rules = &d.filters[0].rules;
    assert_eq!(rules[1].id.as_deref(), Some("2"));
    assert_eq!(
        rules[1].assumption.as_ref().unwrap().code,
        "deep-inspection-permits"
    );
}

#[test]
fn several_configurations_in_one_file() {
    let one = BASE.replace("hostname fw1", "hostname admin");
    let two = BASE.replace("ASA Version 9.12(4)", "ASA Version 9.12(4) <context>");
    let parsed = parse(&format!("{one}{two}{two}"));
    let names: Vec<&str> = parsed.devices.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["admin", "fw1", "fw1-2"]);
    assert!(parsed.devices.iter().all(|d| d.interfaces.len() == 3));
}

#[test]
fn unknown_top_level_lines_are_kept() {
    let text = format!("{BASE}frobnicate the packets\n with sub command\n");
    let d = device(&text);
    assert_eq!(d.opaque_lines.len(), 1);
    assert_eq!(d.opaque_lines[0].key, "frobnicate the packets");
    assert_eq!(opaque(&text).len(), 2);
}

#[test]
fn pix_6() {
    let text = ": Saved
PIX Version 6.3(5)
interface ethernet0 auto
nameif ethernet0 outside security0
nameif ethernet1 inside security100
fixup protocol ftp 21
names
name 10.1.1.5 srv
access-list out permit tcp any host 192.0.2.5 eq www
ip address outside 192.0.2.1 255.255.255.0
ip address inside 10.1.1.1 255.255.255.0
nat (inside) 0 0 0
static (inside,outside) 192.0.2.5 srv netmask 255.255.255.255 0 0
access-group out in interface outside
route outside 0.0.0.0 0.0.0.0 192.0.2.254 1
: end
";
    assert!(opaque(text).is_empty(), "{:?}", opaque(text));
    let d = device(text);
    assert_eq!(verdict(&d, "outside", tcp("8.8.8.8", "192.0.2.5", 80)), YES);
    assert_eq!(verdict(&d, "outside", tcp("8.8.8.8", "192.0.2.5", 81)), NO);
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.7", "8.8.8.8", 80)), YES);
}
