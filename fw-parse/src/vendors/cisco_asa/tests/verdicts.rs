//! How the device decides.

use super::*;

const ALLOW: Option<bool> = Some(true);
const DENY: Option<bool> = Some(false);

#[test]
fn binding_a_list_ends_the_implicit_permit() {
    let list = "access-list IN extended permit tcp any any eq www\n";
    let bind = "access-group IN in interface inside\n";
    let before = with_base(list);
    let after = with_base(&format!("{list}{bind}"));
    let dns = udp("10.1.1.5", "8.8.8.8", 53);
    assert_eq!(verdict(&before, "inside", dns), ALLOW);
    assert_eq!(
        decided(&before, "inside", dns),
        "permit input policy security-level 100 -> 0"
    );
    assert_eq!(verdict(&after, "inside", dns), DENY);
    assert_eq!(decided(&after, "inside", dns), "deny IN implicit deny");
    assert_eq!(
        decided(&after, "inside", tcp("10.1.1.5", "8.8.8.8", 80)),
        "permit IN 1"
    );
    assert_eq!(
        verdict(&before, "outside", tcp("8.8.8.8", "10.1.1.5", 80)),
        DENY
    );
}

#[test]
fn global_list_comes_after_the_interface_list() {
    let d = with_base(
        "access-list IN extended deny tcp any any eq 23
access-list G extended permit tcp any any eq 443
access-group IN in interface inside
access-group G global
",
    );
    let to = |port| tcp("10.1.1.5", "8.8.8.8", port);
    assert_eq!(decided(&d, "inside", to(443)), "permit G 1");
    assert_eq!(decided(&d, "inside", to(23)), "deny IN 1");
    assert_eq!(decided(&d, "inside", to(25)), "deny G implicit deny");
}

#[test]
fn global_list_ends_the_implicit_permit_everywhere() {
    let d = with_base(
        "access-list G extended permit tcp any any eq 443
access-group G global
",
    );
    assert_eq!(
        decided(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 80)),
        "deny G implicit deny"
    );
    assert_eq!(
        verdict(&d, "outside", tcp("8.8.8.8", "10.1.1.5", 443)),
        ALLOW
    );
}

const DMZS: &str = "\
ASA Version 9.12(4)
interface GigabitEthernet0/0
 nameif dmz1
 security-level 50
 ip address 10.1.1.1 255.255.255.0
interface GigabitEthernet0/1
 nameif dmz2
 security-level 50
 ip address 10.1.2.1 255.255.255.0
access-list D1 extended permit ip any any
access-group D1 in interface dmz1
";

#[test]
fn same_security_level_needs_its_command() {
    let d = device(DMZS);
    let https = tcp("10.1.1.5", "10.1.2.5", 443);
    assert_eq!(verdict(&d, "dmz1", https), DENY);
    assert_eq!(
        decided(&d, "dmz1", https),
        "deny input policy same-security inter-interface"
    );
    let rule = &d
        .filters
        .iter()
        .find(|f| f.name == "input policy")
        .unwrap()
        .rules;
    assert!(
        rule.iter()
            .filter(|r| r.name.starts_with("same-security"))
            .all(|r| r.assumption.as_ref().unwrap().code == "same-security-acl-alone")
    );
    let d = device(&format!(
        "{DMZS}same-security-traffic permit inter-interface\n"
    ));
    assert_eq!(verdict(&d, "dmz1", https), ALLOW);
    // Without a list of its own the other one is permitted by its level.
    assert_eq!(verdict(&d, "dmz2", tcp("10.1.2.5", "10.1.1.5", 443)), ALLOW);
}

#[test]
fn back_out_of_the_same_interface() {
    let list = "access-list IN extended permit ip any any\naccess-group IN in interface inside\nroute inside 10.9.0.0 255.255.0.0 10.1.0.9\n";
    let hairpin = tcp("10.1.1.5", "10.9.1.1", 80);
    assert_eq!(verdict(&with_base(list), "inside", hairpin), DENY);
    let permitted = with_base(&format!(
        "{list}same-security-traffic permit intra-interface\n"
    ));
    assert_eq!(verdict(&permitted, "inside", hairpin), ALLOW);
}

#[test]
fn output_list_is_a_further_gate() {
    let d = with_base(
        "access-list IN extended permit ip any any
access-list TODMZ extended permit tcp any any eq 443
access-group IN in interface inside
access-group TODMZ out interface dmz
",
    );
    assert_eq!(
        decided(&d, "inside", tcp("10.1.1.5", "10.2.2.9", 22)),
        "deny TODMZ implicit deny"
    );
    assert_eq!(
        verdict(&d, "inside", tcp("10.1.1.5", "10.2.2.9", 443)),
        ALLOW
    );
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 22)), ALLOW);
    // It does not replace the input decision.
    assert_eq!(
        verdict(&d, "outside", tcp("8.8.8.8", "10.2.2.9", 443)),
        DENY
    );
}

#[test]
fn list_bound_both_ways_beside_a_global_one() {
    let d = with_base(
        "access-list A extended permit tcp any any eq 443
access-list G extended permit tcp any any eq 80
access-group A in interface inside
access-group A out interface dmz
access-group G global
",
    );
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 80)), ALLOW);
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "10.2.2.9", 80)), DENY);
    assert_eq!(
        verdict(&d, "inside", tcp("10.1.1.5", "10.2.2.9", 443)),
        ALLOW
    );
}

#[test]
fn masks_are_netmasks() {
    let d = with_base(
        "access-list X extended permit ip 10.1.0.0 255.255.0.0 any
access-group X in interface inside
",
    );
    assert_eq!(
        verdict(&d, "inside", tcp("10.1.200.9", "8.8.8.8", 80)),
        ALLOW
    );
    assert_eq!(verdict(&d, "inside", tcp("11.1.0.9", "8.8.8.8", 80)), DENY);
}

#[test]
fn inactive_entries_and_unbound_lists() {
    let text = "access-list IN extended deny ip host 10.1.1.9 any inactive
access-list IN extended permit ip any any
access-list OLD extended deny ip any any
access-group IN in interface inside
";
    let d = with_base(text);
    assert_eq!(
        decided(&d, "inside", tcp("10.1.1.9", "8.8.8.8", 80)),
        "permit IN 2"
    );
    assert!(opaque(&format!("{BASE}{text}")).is_empty());
}

#[test]
fn type_of_a_group_decides_its_place() {
    let d = with_base(
        "object-group service SP tcp
 port-object range 1024 65535
object-group network DG
 network-object host 10.2.2.10
access-list IN extended permit tcp any object-group SP object-group DG eq 443
access-group IN in interface inside
",
    );
    let from = |port| packet(6, "10.1.1.5", port, "10.2.2.10", 443);
    assert_eq!(verdict(&d, "inside", from(500)), DENY);
    assert_eq!(verdict(&d, "inside", from(40000)), ALLOW);
    assert_eq!(
        verdict(&d, "inside", tcp("10.1.1.5", "10.2.2.11", 443)),
        DENY
    );
}

#[test]
fn families_of_any() {
    let six = "\
interface GigabitEthernet0/0
 nameif outside
 security-level 0
 ipv6 address 2001:db8:1::1/64
interface GigabitEthernet0/1
 nameif inside
 security-level 100
 ipv6 address 2001:db8:2::1/64
access-group IN in interface inside
";
    let p = tcp("2001:db8:2::5", "2001:db8:1::5", 80);
    let any4 = format!("ASA Version 9.1(2)\naccess-list IN extended permit ip any4 any4\n{six}");
    assert_eq!(verdict(&device(&any4), "inside", p), DENY);
    let any = format!("ASA Version 9.1(2)\naccess-list IN extended permit ip any any\n{six}");
    assert_eq!(verdict(&device(&any), "inside", p), ALLOW);
    // Up to 8.4 the list is for IPv4, and the levels decide for IPv6.
    let old = format!("ASA Version 8.4(2)\naccess-list IN extended deny ip any any\n{six}");
    assert_eq!(verdict(&device(&old), "inside", p), ALLOW);
    let listed = format!(
        "ASA Version 8.4(2)\naccess-list IN extended permit ip any any\nipv6 access-list IN6 deny ip any any\n{six}access-group IN6 in interface inside\n"
    );
    assert_eq!(verdict(&device(&listed), "inside", p), DENY);
}

#[test]
fn replies_of_icmp_need_inspection() {
    let list = "access-list OUT extended deny ip any any\naccess-group OUT in interface outside\n";
    let d = with_base(list);
    let ping = echo("10.1.1.5", "8.8.8.8");
    assert_eq!(verdict(&d, "inside", ping), ALLOW);
    assert_eq!(reply(&d, "inside", ping), Disposition::Denied);
    assert_eq!(
        reply(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 80)),
        Disposition::Permitted
    );
    let policy = "class-map inspection_default
 match default-inspection-traffic
policy-map global_policy
 class inspection_default
  inspect dns preset_dns_map
  inspect icmp
";
    let applied = with_base(&format!(
        "{list}{policy}service-policy global_policy global\n"
    ));
    assert_eq!(reply(&applied, "inside", ping), Disposition::Permitted);
    // A policy that is not applied inspects nothing.
    let unapplied = with_base(&format!("{list}{policy}"));
    assert_eq!(reply(&unapplied, "inside", ping), Disposition::Denied);
    let permitted = with_base(
        "access-list OUT extended permit icmp any any echo-reply\naccess-group OUT in interface outside\n",
    );
    assert_eq!(reply(&permitted, "inside", ping), Disposition::Permitted);
}

#[test]
fn undefined_list_is_undecided() {
    let text = format!("{BASE}access-group NONE in interface inside\n");
    let d = device(&text);
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 80)), None);
    assert!(
        parse(&text)
            .diagnostics
            .iter()
            .any(|x| x.code == "undefined-access-list")
    );
}

#[test]
fn last_access_group_wins() {
    let d = with_base(
        "access-list A extended permit ip any any
access-list B extended deny ip any any
access-group A in interface inside
access-group B in interface inside
",
    );
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 80)), DENY);
}

#[test]
fn unknown_interface_settings_touch_that_interface_alone() {
    let d = device(&BASE.replace(" nameif dmz\n", " nameif dmz\n frobnicate everything\n"));
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "10.2.2.9", 80)), None);
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 80)), ALLOW);
    assert!(d.opaque_lines.is_empty());
}

#[test]
fn decrypted_traffic_is_undecided() {
    let d = with_base(
        "access-list VPN extended permit ip 10.1.0.0 255.255.0.0 10.50.0.0 255.255.0.0
crypto map M 10 match address VPN
crypto map M 10 set peer 198.51.100.1
crypto map M interface outside
",
    );
    assert_eq!(
        verdict(&d, "outside", tcp("10.50.0.5", "10.1.1.5", 80)),
        None
    );
    assert_eq!(
        verdict(&d, "outside", tcp("10.51.0.5", "10.1.1.5", 80)),
        DENY
    );
    assert_eq!(
        verdict(&d, "inside", tcp("10.1.1.5", "10.50.0.5", 80)),
        ALLOW
    );
}

#[test]
fn shun_drops_and_established_leaves_open() {
    let d = with_base(
        "shun 8.8.8.8\naccess-list O permit tcp any any\naccess-group O in interface outside\nestablished udp 4000 0\n",
    );
    assert_eq!(verdict(&d, "outside", tcp("8.8.8.8", "10.1.1.5", 80)), DENY);
    assert_eq!(
        verdict(&d, "outside", tcp("8.8.4.4", "10.1.1.5", 80)),
        ALLOW
    );
    assert_eq!(verdict(&d, "outside", udp("8.8.4.4", "10.1.1.5", 80)), None);
}

#[test]
fn bare_lists_decide_nothing_without_interfaces() {
    let d = device("access-list A extended permit tcp any any eq 80\n");
    assert!(!d.interfaces_complete);
    assert_eq!(d.filters[0].name, "A");
    let d = device(
        "access-list A extended permit tcp any any eq 80\naccess-group A in interface inside\n",
    );
    assert_eq!(d.interfaces[0].name, "inside");
}

#[test]
fn icmp_inspection_of_one_interface() {
    let d = with_base(
        "access-list OUT extended deny ip any any
access-group OUT in interface outside
class-map inspection_default
 match default-inspection-traffic
policy-map P
 class inspection_default
  inspect icmp
service-policy P interface inside
",
    );
    assert_eq!(
        reply(&d, "inside", echo("10.1.1.5", "8.8.8.8")),
        Disposition::Permitted
    );
    assert_eq!(
        reply(&d, "dmz", echo("10.2.2.9", "8.8.8.8")),
        Disposition::Denied
    );
    // An echo-reply that nobody asked for is no reply.
    let unsolicited = packet(1, "8.8.8.8", 0, "10.1.1.5", 0);
    assert_eq!(verdict(&d, "outside", unsolicited), DENY);
}

/// The first treatment of a kind for a TCP or UDP packet.
fn treatment(d: &Device, kind: fw_model::TreatmentKind, p: Packet) -> Option<String> {
    use fw_model::MatchExpr;
    fn holds(expr: &MatchExpr, p: Packet) -> bool {
        match expr {
            MatchExpr::Always => true,
            MatchExpr::Service(set) => set.contains(p.service(), p.source_port),
            MatchExpr::Source(set) => set.contains(p.source),
            MatchExpr::Destination(set) => set.contains(p.destination),
            MatchExpr::All(parts) => parts.iter().all(|x| holds(x, p)),
            MatchExpr::Any(parts) => parts.iter().any(|x| holds(x, p)),
            _ => false,
        }
    }
    d.treatments
        .iter()
        .find(|t| t.treatment.kind == kind && holds(&t.match_expr, p))
        .map(|t| t.treatment.value.clone())
}

#[test]
fn timeouts_and_inspection() {
    use fw_model::TreatmentKind::{Inspection, SessionTimeout, StateBypass};
    let d = with_base(
        "timeout conn 2:00:00 half-closed 0:10:00 udp 0:01:00 icmp 0:00:02
access-list SIP2 extended permit tcp any host 10.2.2.10 eq 6001
class-map SIP2
 match access-list SIP2
class-map inspection_default
 match default-inspection-traffic
policy-map global_policy
 class inspection_default
  inspect dns preset_dns_map
  inspect sqlnet
 class SIP2
  set connection timeout idle 8:00:00
  set connection advanced-options tcp-state-bypass
service-policy global_policy global
",
    );
    let sip2 = tcp("10.1.1.5", "10.2.2.10", 6001);
    let web = tcp("10.1.1.5", "10.2.2.10", 80);
    let dns = udp("10.1.1.5", "8.8.8.8", 53);
    assert_eq!(
        treatment(&d, SessionTimeout, sip2).as_deref(),
        Some("28800s")
    );
    assert_eq!(treatment(&d, SessionTimeout, web).as_deref(), Some("7200s"));
    assert_eq!(treatment(&d, SessionTimeout, dns).as_deref(), Some("60s"));
    assert_eq!(
        treatment(&d, Inspection, dns).as_deref(),
        Some("dns preset_dns_map")
    );
    assert_eq!(treatment(&d, Inspection, web), None);
    assert!(treatment(&d, StateBypass, sip2).is_some());
    assert!(treatment(&d, StateBypass, web).is_none());
    let never = with_base("timeout conn 0:0:0\n");
    assert_eq!(
        treatment(&never, SessionTimeout, web).as_deref(),
        Some("never")
    );
    let untouched = with_base("");
    assert_eq!(
        treatment(&untouched, SessionTimeout, web).as_deref(),
        Some("3600s")
    );
    assert!(
        untouched
            .assumptions
            .iter()
            .any(|a| a.code == "default-timeouts")
    );
}

#[test]
fn traffic_to_the_device_itself() {
    let d = with_base(
        "ssh 10.1.5.0 255.255.255.0 inside
icmp permit any echo outside
access-list IN extended deny ip any any
access-group IN in interface inside
",
    );
    assert_eq!(
        verdict(&d, "inside", tcp("10.1.5.9", "10.1.0.1", 22)),
        ALLOW
    );
    assert_eq!(verdict(&d, "inside", tcp("10.1.6.9", "10.1.0.1", 22)), DENY);
    assert_eq!(
        verdict(&d, "inside", tcp("10.1.5.9", "203.0.113.1", 22)),
        DENY
    );
    assert_eq!(verdict(&d, "inside", echo("10.1.5.9", "10.1.0.1")), ALLOW);
    assert_eq!(
        verdict(&d, "outside", echo("8.8.8.8", "203.0.113.1")),
        ALLOW
    );
    let mask = packet(1, "8.8.8.8", 0, "203.0.113.1", 17 << 8);
    assert_eq!(verdict(&d, "outside", mask), DENY);
}

#[test]
fn control_plane_list_is_for_the_device_alone() {
    let d = with_base(
        "access-list CP extended deny icmp any any
access-group CP in interface inside control-plane
",
    );
    assert_eq!(verdict(&d, "inside", echo("10.1.5.9", "10.1.0.1")), DENY);
    assert_eq!(verdict(&d, "inside", echo("10.1.5.9", "8.8.8.8")), ALLOW);
}

#[test]
fn management_interfaces_carry_no_transit() {
    let d = device(&BASE.replace(" nameif dmz\n", " management-only\n nameif dmz\n"));
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "10.2.2.9", 80)), DENY);
}
