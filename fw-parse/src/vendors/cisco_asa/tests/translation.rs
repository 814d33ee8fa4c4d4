//! Address translation.

use super::*;

const ALLOW: Option<bool> = Some(true);
const DENY: Option<bool> = Some(false);

const WEB: &str = "object network WEB
 host 10.2.2.10
 nat (dmz,outside) static 203.0.113.10
";

fn sees(target: &str) -> String {
    format!(
        "{WEB}access-list OUT extended permit tcp any host {target} eq 443\naccess-group OUT in interface outside\n"
    )
}

#[test]
fn lists_see_real_addresses() {
    let to_mapped = tcp("198.51.100.7", "203.0.113.10", 443);
    let d = with_base(&sees("203.0.113.10"));
    assert_eq!(verdict(&d, "outside", to_mapped), DENY);
    let d = with_base(&sees("10.2.2.10"));
    assert_eq!(verdict(&d, "outside", to_mapped), ALLOW);
    let e = run(&d, "outside", to_mapped);
    assert_eq!(e.translated.destination.to_string(), "10.2.2.10");
    assert_eq!(e.egress.as_deref(), Some("dmz"));
}

#[test]
fn old_lists_see_mapped_addresses() {
    let old = |target: &str| {
        device(&format!(
            "{}static (dmz,outside) 203.0.113.10 10.2.2.10 netmask 255.255.255.255\naccess-list OUT extended permit tcp any host {target} eq 443\naccess-group OUT in interface outside\n",
            BASE.replace("9.12(4)", "8.2(5)")
        ))
    };
    let to_mapped = tcp("198.51.100.7", "203.0.113.10", 443);
    assert_eq!(verdict(&old("203.0.113.10"), "outside", to_mapped), ALLOW);
    assert_eq!(verdict(&old("10.2.2.10"), "outside", to_mapped), DENY);
}

#[test]
fn syntax_of_nat_tells_the_version() {
    let text = format!(
        "{}static (dmz,outside) 203.0.113.10 10.2.2.10\naccess-list OUT extended permit tcp any host 203.0.113.10 eq 443\naccess-group OUT in interface outside\n",
        BASE.replace("ASA Version 9.12(4)\n", "")
    );
    let d = device(&text);
    assert_eq!(
        verdict(&d, "outside", tcp("198.51.100.7", "203.0.113.10", 443)),
        ALLOW
    );
    assert!(d.assumptions.iter().any(|a| a.code == "version-missing"));
}

#[test]
fn port_translation_uses_the_real_port() {
    let port = |p: &str| {
        with_base(&format!(
            "object network WEB
 host 10.2.2.10
 nat (dmz,outside) static interface service tcp 8443 443
access-list OUT extended permit tcp any host 10.2.2.10 eq {p}
access-group OUT in interface outside
"
        ))
    };
    let client = tcp("198.51.100.7", "203.0.113.1", 443);
    assert_eq!(verdict(&port("8443"), "outside", client), ALLOW);
    assert_eq!(verdict(&port("443"), "outside", client), DENY);
    let e = run(&port("8443"), "outside", client);
    assert_eq!(e.translated.destination_port, 8443);
}

#[test]
fn static_goes_before_dynamic() {
    for text in [
        "object network N1
 subnet 10.1.1.0 255.255.255.0
 nat (inside,outside) dynamic interface
object network H
 host 10.1.1.5
 nat (inside,outside) static 203.0.113.5
",
        "object network H
 host 10.1.1.5
 nat (inside,outside) static 203.0.113.5
object network N1
 subnet 10.1.1.0 255.255.255.0
 nat (inside,outside) dynamic interface
",
    ] {
        let d = with_base(text);
        let e = run(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 80));
        assert_eq!(e.translated.source.to_string(), "203.0.113.5");
        let e = run(&d, "inside", tcp("10.1.1.6", "8.8.8.8", 80));
        assert_eq!(e.translated.source.to_string(), "203.0.113.1");
        let e = run(&d, "inside", tcp("10.1.2.6", "8.8.8.8", 80));
        assert_eq!(e.translated.source.to_string(), "10.1.2.6");
    }
}

#[test]
fn real_addresses_fail_the_reverse_path_check() {
    let d = with_base(&sees("10.2.2.10"));
    let direct = tcp("198.51.100.7", "10.2.2.10", 443);
    assert_eq!(verdict(&d, "outside", direct), DENY);
    let e = run(&d, "outside", direct);
    assert!(e.steps.last().unwrap().rule.contains("rpf-check"));
    assert!(d.assumptions.iter().any(|a| a.code == "nat-rpf-check"));
    // Without the line the mapped address is lost and the real one opened.
    let d = with_base(&sees("10.2.2.10").replace(" nat (dmz,outside) static 203.0.113.10\n", ""));
    assert_eq!(verdict(&d, "outside", direct), ALLOW);
    assert_eq!(
        verdict(&d, "outside", tcp("198.51.100.7", "203.0.113.10", 443)),
        DENY
    );
    // An exemption above it removes the check.
    let d = with_base(&format!(
        "{}object network P\n host 198.51.100.7\nnat (dmz,outside) source static WEB WEB destination static P P\n",
        sees("10.2.2.10")
    ));
    assert_eq!(verdict(&d, "outside", direct), ALLOW);
    assert_eq!(
        verdict(&d, "outside", tcp("198.51.100.8", "10.2.2.10", 443)),
        DENY
    );
    // Dynamic entries check too.
    let d = with_base(
        "object network N\n subnet 10.1.0.0 255.255.0.0\n nat (inside,outside) dynamic interface\naccess-list OUT extended permit ip any any\naccess-group OUT in interface outside\n",
    );
    assert_eq!(
        verdict(&d, "outside", tcp("198.51.100.7", "10.1.1.5", 80)),
        DENY
    );
}

#[test]
fn twice_translation() {
    let d = with_base(
        "object network R
 host 10.1.1.5
object network M
 host 203.0.113.5
object network DM
 host 203.0.113.77
object network DR
 host 198.51.100.7
object service SM
 service tcp destination eq 8080
object service SR
 service tcp destination eq 80
nat (inside,outside) source static R M destination static DM DR service SM SR
",
    );
    let e = run(&d, "inside", tcp("10.1.1.5", "203.0.113.77", 8080));
    assert_eq!(e.disposition, Disposition::Permitted);
    assert_eq!(
        e.translated.to_string(),
        "203.0.113.5:40000 -> 198.51.100.7:80 tcp"
    );
    // Other ports are not translated.
    let e = run(&d, "inside", tcp("10.1.1.5", "203.0.113.77", 81));
    assert_eq!(e.translated.destination.to_string(), "203.0.113.77");
    // Back: the ports swap places.
    let back = packet(6, "198.51.100.7", 80, "203.0.113.5", 999);
    let e = run(&d, "outside", back);
    assert_eq!(
        e.translated.to_string(),
        "203.0.113.77:8080 -> 10.1.1.5:999 tcp"
    );
}

#[test]
fn subnets_shift_and_groups_pair_up() {
    let d = with_base(
        "object network S
 subnet 10.2.2.0 255.255.255.240
 nat (dmz,outside) static 203.0.113.32
object-group network A
 network-object host 10.1.1.1
 network-object host 10.1.1.9
object-group network B
 network-object host 203.0.113.101
 network-object host 203.0.113.100
nat (inside,outside) source static A B
access-list O extended permit ip any any
access-group O in interface outside
",
    );
    let to = |a: &str| {
        run(&d, "outside", tcp("8.8.8.8", a, 80))
            .translated
            .destination
            .to_string()
    };
    assert_eq!(to("203.0.113.37"), "10.2.2.5");
    assert_eq!(to("203.0.113.100"), "10.1.1.9");
    assert_eq!(to("203.0.113.101"), "10.1.1.1");
    let from = |a: &str| {
        run(&d, "inside", tcp(a, "8.8.8.8", 80))
            .translated
            .source
            .to_string()
    };
    assert_eq!(from("10.1.1.9"), "203.0.113.100");
}

#[test]
fn unidirectional_inactive_and_after_auto() {
    let d = with_base(
        "object network R
 host 10.1.1.5
object network M
 host 203.0.113.5
object network M2
 host 203.0.113.6
object network M3
 host 203.0.113.7
nat (inside,outside) after-auto source static R M
nat (inside,outside) source static R M2 inactive
object network R
 nat (inside,outside) static 203.0.113.8
nat (inside,outside) source static R M3 unidirectional
access-list O extended permit ip any any
access-group O in interface outside
",
    );
    let e = run(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 80));
    assert_eq!(e.translated.source.to_string(), "203.0.113.7");
    let to = |a: &str| {
        run(&d, "outside", tcp("8.8.8.8", a, 80))
            .translated
            .destination
            .to_string()
    };
    assert_eq!(to("203.0.113.7"), "203.0.113.7");
    assert_eq!(to("203.0.113.6"), "203.0.113.6");
    assert_eq!(to("203.0.113.8"), "10.1.1.5");
    assert_eq!(to("203.0.113.5"), "10.1.1.5");
}

#[test]
fn two_entries_translate_one_packet() {
    let d = with_base(&format!(
        "{WEB}object network CLIENTS
 subnet 198.51.100.0 255.255.255.0
 nat (outside,dmz) dynamic interface
access-list O extended permit ip any any
access-group O in interface outside
"
    ));
    let e = run(&d, "outside", tcp("198.51.100.7", "203.0.113.10", 443));
    assert_eq!(e.disposition, Disposition::Permitted);
    assert_eq!(e.translated.destination.to_string(), "10.2.2.10");
    assert_eq!(e.translated.source.to_string(), "10.2.2.1");
}

#[test]
fn what_is_not_understood_is_undecided() {
    for line in [
        "nat (inside,outside) source static NONE ALSONONE",
        "nat (inside,outside) source dynamic any frobnicate-pool",
        "nat (inside,outside) frobnicate",
    ] {
        let text = format!("{BASE}{line}\n");
        let d = device(&text);
        assert_eq!(
            verdict(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 80)),
            None,
            "{line}"
        );
        assert_eq!(opaque(&text).len(), 1, "{line}");
        // The interfaces beside it are not touched.
        assert_eq!(
            verdict(&d, "dmz", tcp("10.2.2.9", "8.8.8.8", 80)),
            ALLOW,
            "{line}"
        );
    }
}

#[test]
fn dynamic_interface_address() {
    let d = device(&format!(
        "{}object network WEB
 host 10.2.2.10
 nat (dmz,outside) static interface service tcp 443 443
access-list O extended permit tcp any host 10.2.2.10
access-group O in interface outside
",
        BASE.replace(
            "ip address 203.0.113.1 255.255.255.0",
            "ip address dhcp setroute"
        )
    ));
    assert_eq!(
        verdict(&d, "outside", tcp("8.8.8.8", "203.0.113.50", 443)),
        None
    );
    assert_eq!(
        verdict(&d, "outside", tcp("8.8.8.8", "203.0.113.50", 444)),
        DENY
    );
}

#[test]
fn legacy_exemption_dynamic_and_policy() {
    let d = device(&format!(
        "{}access-list NONAT extended permit ip 10.1.0.0 255.255.0.0 10.50.0.0 255.255.0.0
nat (inside) 0 access-list NONAT
nat (inside) 1 10.1.0.0 255.255.0.0
nat (inside) 2 10.1.1.0 255.255.255.0
global (outside) 1 interface
global (outside) 2 203.0.113.60-203.0.113.70
access-list R extended permit tcp host 10.2.2.10 eq 8080 any
static (dmz,outside) tcp interface 80 access-list R
access-list O extended permit ip any any
access-group O in interface outside
",
        BASE.replace("9.12(4)", "8.2(5)")
    ));
    let from = |a: &str, b: &str| {
        run(&d, "inside", tcp(a, b, 80))
            .translated
            .source
            .to_string()
    };
    assert_eq!(from("10.1.2.5", "10.50.0.1"), "10.1.2.5");
    assert_eq!(from("10.1.2.5", "8.8.8.8"), "203.0.113.1");
    assert_eq!(from("10.1.1.5", "8.8.8.8"), "203.0.113.60");
    // No pool on the dmz.
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "10.2.2.9", 80)), DENY);
    let e = run(&d, "outside", tcp("8.8.8.8", "203.0.113.1", 80));
    assert_eq!(e.translated.destination.to_string(), "10.2.2.10");
    assert_eq!(e.translated.destination_port, 8080);
    assert_eq!(verdict(&d, "outside", tcp("8.8.8.8", "10.1.1.5", 80)), DENY);
    assert_eq!(
        verdict(&d, "outside", tcp("10.50.0.1", "10.1.1.5", 80)),
        ALLOW
    );
}

#[test]
fn nat_control_drops_what_has_no_entry() {
    let d = device(&format!(
        "{}nat-control\n",
        BASE.replace("9.12(4)", "8.2(5)")
    ));
    assert_eq!(verdict(&d, "inside", tcp("10.1.1.5", "8.8.8.8", 80)), DENY);
}
