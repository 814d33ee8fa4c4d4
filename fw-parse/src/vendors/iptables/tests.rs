//! Verdicts of small rule sets, each of which was run on a kernel, and a walk
//! over real dumps.

use super::*;
use crate::detect::detect as detect_any;
use fw_model::evaluate::{Context, Disposition, Evaluation, Journey, evaluate, evaluate_reply};
use fw_model::match_expr::Condition;
use fw_model::{Coverage, Device, Packet, Source, SourceId};

fn read(files: &[&str]) -> Parsed {
    let sources: Vec<Source> = files
        .iter()
        .map(|t| Source::new("rules", (*t).to_owned()))
        .collect();
    let ids: Vec<(SourceId, &Source)> = sources
        .iter()
        .enumerate()
        .map(|(at, s)| (SourceId(at as u32), s))
        .collect();
    Iptables.parse(Input {
        fallback_name: "fw",
        files: &ids,
    })
}

fn device(text: &str) -> Device {
    let parsed = read(&[text]);
    parsed.devices.into_iter().next().unwrap()
}

fn tcp(source: &str, destination: &str, port: u16) -> Packet {
    Packet {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        protocol: 6,
        source_port: 40000,
        destination_port: port,
    }
}

/// The verdict, if it is the same with all open conditions failing, all
/// holding, and each of them alone failing or holding.
fn judge(device: &Device, packet: Packet, journey: Journey) -> (Evaluation, Option<bool>) {
    let run = |holds: &dyn Fn(&Condition) -> bool| {
        let context = Context {
            journey,
            holds,
            ..Context::first_packet("lan", Some("wan"))
        };
        evaluate(device, packet, &context)
    };
    let passes = |e: &Evaluation| e.disposition == Disposition::Permitted;
    let low = run(&|_| false);
    let mut same = passes(&low) == passes(&run(&|_| true));
    for condition in device.conditions() {
        same &= passes(&low) == passes(&run(&|c| *c == *condition));
        same &= passes(&low) == passes(&run(&|c| *c != *condition));
    }
    let verdict = same.then_some(passes(&low));
    (low, verdict)
}

fn through(device: &Device, port: u16) -> Option<bool> {
    judge(device, tcp("10.0.1.10", "10.0.2.2", port), Journey::Through).1
}

fn reply(device: &Device, packet: Packet, journey: Journey) -> bool {
    let (forward, verdict) = judge(device, packet, journey);
    assert_eq!(verdict, Some(true));
    let context = Context {
        journey,
        ..Context::first_packet("lan", Some("wan"))
    };
    evaluate_reply(device, &forward, &context) == Disposition::Permitted
}

const ALLOW: Option<bool> = Some(true);
const DENY: Option<bool> = Some(false);

fn filter(policy: &str, rules: &str) -> Device {
    device(&format!(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD {policy} [0:0]\n:OUTPUT ACCEPT [0:0]\n{rules}\nCOMMIT\n"
    ))
}

#[test]
fn every_table_has_to_accept() {
    let device = device(
        "*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p tcp -m tcp --dport 443 -j DROP\n\
         -A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT\nCOMMIT\n\
         *filter\n:FORWARD DROP [0:0]\n-A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT\nCOMMIT\n",
    );
    assert_eq!(through(&device, 443), DENY);
    assert_eq!(through(&device, 80), DENY);
}

#[test]
fn goto_does_not_come_back() {
    let device = filter(
        "ACCEPT",
        ":WEB - [0:0]\n-A FORWARD -g WEB\n-A FORWARD -j DROP\n-A WEB -p tcp --dport 80 -j DROP",
    );
    assert_eq!(through(&device, 443), ALLOW);
    assert_eq!(through(&device, 80), DENY);
}

#[test]
fn goto_within_a_jump_returns_to_the_jump() {
    let device = filter(
        "DROP",
        ":B - [0:0]\n:C - [0:0]\n-A FORWARD -j B\n-A FORWARD -p tcp --dport 80 -j ACCEPT\n\
         -A B -g C\n-A B -j DROP\n-A C -p tcp --dport 443 -j DROP",
    );
    assert_eq!(through(&device, 80), ALLOW);
    assert_eq!(through(&device, 443), DENY);
}

#[test]
fn return_in_a_built_in_chain_is_the_policy() {
    let device = filter(
        "DROP",
        "-A FORWARD -p tcp --dport 80 -j RETURN\n-A FORWARD -j ACCEPT",
    );
    assert_eq!(through(&device, 80), DENY);
    assert_eq!(through(&device, 443), ALLOW);
}

fn port_forward(filter: &str) -> Device {
    device(&format!(
        "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
         -A PREROUTING -d 10.0.1.1/32 -p tcp -m tcp --dport 2222 -j DNAT --to-destination 10.0.2.2:22\n\
         COMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n{filter}\nCOMMIT\n"
    ))
}

#[test]
fn filter_sees_the_translated_destination() {
    let packet = tcp("10.0.1.10", "10.0.1.1", 2222);
    let verdict = |rules: &str| judge(&port_forward(rules), packet, Journey::ToDevice).1;
    assert_eq!(
        verdict("-A FORWARD -d 10.0.2.2/32 -p tcp -m tcp --dport 22 -j ACCEPT"),
        ALLOW
    );
    assert_eq!(
        verdict("-A FORWARD -d 10.0.1.1/32 -p tcp -m tcp --dport 2222 -j ACCEPT"),
        DENY
    );
    let original = "-A FORWARD -m conntrack --ctorigdstport 2222 -j ACCEPT";
    assert_eq!(verdict(original), ALLOW);
    assert_eq!(through(&port_forward(original), 22), DENY);
    assert_eq!(
        verdict("-A FORWARD -m conntrack --ctstate DNAT -j ACCEPT"),
        ALLOW
    );
}

#[test]
fn accept_above_a_translation_prevents_it() {
    let device = device(
        "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 2222 -j ACCEPT\n\
         -A PREROUTING -p tcp --dport 2222 -j DNAT --to-destination 10.0.2.2:22\nCOMMIT\n\
         *filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\nCOMMIT\n",
    );
    let packet = tcp("10.0.1.10", "10.0.1.1", 2222);
    assert_eq!(judge(&device, packet, Journey::ToDevice).1, DENY);
}

#[test]
fn replies_need_a_rule() {
    let rule = "-A FORWARD -m conntrack --ctstate NEW -j ACCEPT";
    let packet = tcp("10.0.1.10", "10.0.2.2", 80);
    assert!(!reply(&filter("DROP", rule), packet, Journey::Through));
    let both = format!("{rule}\n-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT");
    assert!(reply(&filter("DROP", &both), packet, Journey::Through));

    let own =
        device("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n");
    assert!(!reply(&own, packet, Journey::FromDevice));
}

#[test]
fn untracked_packets_are_not_new() {
    let device = device(
        "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m multiport --ports 80 -j CT --notrack\n\
         COMMIT\n*filter\n:FORWARD DROP [0:0]\n\
         -A FORWARD -m conntrack --ctstate NEW,RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n",
    );
    assert_eq!(through(&device, 80), DENY);
    assert_eq!(through(&device, 443), ALLOW);
}

#[test]
fn answers_to_untracked_packets_are_not_untracked_themselves() {
    let with = |raw: &str, state: &str| {
        device(&format!(
            "*raw\n:PREROUTING ACCEPT [0:0]\n{raw}\nCOMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n\
             -A PREROUTING -p udp -s 10.0.2.2 -j DNAT --to-destination 10.0.2.9\nCOMMIT\n\
             *filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate {state} -j ACCEPT\nCOMMIT\n"
        ))
    };
    let one_way = "-A PREROUTING -d 10.0.2.2 -j CT --notrack";
    let both =
        "-A PREROUTING -d 10.0.2.2 -j CT --notrack\n-A PREROUTING -s 10.0.2.2 -j CT --notrack";
    let packet = tcp("10.0.1.10", "10.0.2.2", 80);
    let udp = Packet {
        protocol: 17,
        ..packet
    };
    let works = |device: &Device, packet| reply(device, packet, Journey::Through);
    assert!(works(&with(both, "UNTRACKED"), packet));
    assert!(!works(&with(one_way, "UNTRACKED"), packet));
    // An unexpected SYN-ACK is invalid.
    assert!(!works(&with(one_way, "NEW,UNTRACKED"), packet));
    assert!(works(&with(one_way, "INVALID,UNTRACKED"), packet));
    // A UDP answer starts a connection, and then is translated like one.
    assert!(!works(&with(one_way, "NEW,UNTRACKED"), udp));
    let plain = device(&format!(
        "*raw\n:PREROUTING ACCEPT [0:0]\n{one_way}\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n\
         -A FORWARD -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT\nCOMMIT\n"
    ));
    assert!(works(&plain, udp));
}

#[test]
fn a_translation_to_what_is_there_is_none() {
    let device = device(
        "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j DNAT --to-destination 10.0.2.2\nCOMMIT\n\
         *filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate DNAT -j ACCEPT\nCOMMIT\n",
    );
    let to = |address| judge(&device, tcp("10.0.1.10", address, 80), Journey::Through).1;
    assert_eq!(to("10.0.2.3"), ALLOW);
    assert_eq!(to("10.0.2.2"), DENY);
}

#[test]
fn multiport() {
    let device = filter(
        "DROP",
        "-A FORWARD -p tcp -m multiport ! --dports 22,443 -m multiport ! --ports 7000:8000 -j ACCEPT",
    );
    assert_eq!(through(&device, 443), DENY);
    assert_eq!(through(&device, 9000), ALLOW);
    assert_eq!(through(&device, 7500), DENY);
    let either = filter(
        "DROP",
        "-A FORWARD -p tcp -m multiport --ports 80,40000 -j ACCEPT",
    );
    assert_eq!(through(&either, 9), ALLOW);
}

#[test]
fn not_a_protocol() {
    let device = filter("DROP", "-A FORWARD ! -p tcp -j ACCEPT");
    assert_eq!(through(&device, 80), DENY);
    let udp = Packet {
        protocol: 17,
        ..tcp("10.0.1.10", "10.0.2.2", 53)
    };
    assert_eq!(judge(&device, udp, Journey::Through).1, ALLOW);
}

#[test]
fn families_are_apart() {
    let v4 = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -s 10.0.0.0/8 -j DROP\nCOMMIT\n";
    let v6 = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s 2001:db8:bad::/48 -j DROP\nCOMMIT\n";
    let good = tcp("2001:db8::1", "2001:db8:2::1", 80);
    let bad = tcp("2001:db8:bad::1", "2001:db8:2::1", 80);
    let alone = read(&[v4]);
    assert_eq!(judge(&alone.devices[0], good, Journey::Through).1, None);
    assert!(
        alone
            .diagnostics
            .iter()
            .any(|d| d.code == "family-not-given")
    );
    let both = read(&[v4, v6]);
    assert_eq!(judge(&both.devices[0], good, Journey::Through).1, ALLOW);
    assert_eq!(judge(&both.devices[0], bad, Journey::Through).1, DENY);
    assert_eq!(through(&both.devices[0], 80), DENY);
    assert!(both.diagnostics.is_empty(), "{:?}", both.diagnostics);
    assert!(Iptables.joins(v4, v6) && !Iptables.joins(v4, v4));
}

#[test]
fn both_backends_have_to_accept() {
    let nft =
        "# Generated by iptables-save v1.8.9 (nf_tables)\n*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n";
    let legacy = "# Generated by iptables-legacy-save v1.8.9\n*filter\n:FORWARD ACCEPT [0:0]\n\
                  -A FORWARD -p tcp --dport 80 -j DROP\nCOMMIT\n";
    assert!(Iptables.joins(nft, legacy));
    let parsed = read(&[nft, legacy]);
    assert_eq!(through(&parsed.devices[0], 80), DENY);
    assert_eq!(through(&parsed.devices[0], 81), ALLOW);
}

#[test]
fn rates_are_undecided() {
    let device = filter(
        "DROP",
        "-A FORWARD -m limit --limit 1/hour --limit-burst 1 -j ACCEPT",
    );
    assert_eq!(through(&device, 80), None);
    // Each of two equal rules has a counter of its own.
    let twice = filter(
        "DROP",
        "-A FORWARD -m limit --limit 1/hour -j LOG\n-A FORWARD -m limit --limit 1/hour -j ACCEPT\n\
         -A FORWARD -m limit --limit 1/hour -j ACCEPT",
    );
    let keys: std::collections::BTreeSet<String> =
        twice.conditions().iter().map(|c| c.key.clone()).collect();
    // Two limits and the missing IPv6 rules; the log rule decides nothing.
    assert_eq!(keys.len(), 3, "{keys:?}");
}

#[test]
fn marks_carry_from_table_to_table() {
    let device = device(
        "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 80 -j MARK --set-xmark 0x1/0xff\n\
         COMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m mark --mark 0x1/0xff -j ACCEPT\nCOMMIT\n",
    );
    assert_eq!(through(&device, 80), ALLOW);
    assert_eq!(through(&device, 443), DENY);
}

fn with_sets(sets: &str, rule: &str) -> Device {
    let rules = format!("*filter\n:FORWARD DROP [0:0]\n{rule}\nCOMMIT\n");
    read(&[&rules, sets]).devices.into_iter().next().unwrap()
}

#[test]
fn sets_have_directions_and_holes() {
    let sets = "create h hash:ip family inet hashsize 1024 maxelem 65536\nadd h 10.0.2.2\n\
                create n hash:net family inet\nadd n 10.0.2.0/24\nadd n 10.0.2.2/32 nomatch\n\
                create p hash:ip,port family inet\nadd p 10.0.2.2,443\nadd p 10.0.2.2,udp:53\n\
                create b bitmap:port range 0-1024\nadd b 80\n\
                create all list:set size 8\nadd all h\nadd all n\n\
                create empty hash:ip\n\
                create old hash:ip timeout 300\nadd old 10.0.2.2 timeout 12\n";
    let asks = |rule: &str, port| {
        through(
            &with_sets(sets, &format!("-A FORWARD -m set {rule} -j ACCEPT")),
            port,
        )
    };
    assert_eq!(asks("--match-set h dst", 80), ALLOW);
    assert_eq!(asks("--match-set h src", 80), DENY);
    assert_eq!(asks("! --match-set h src", 80), ALLOW);
    assert_eq!(asks("--match-set n dst", 80), DENY);
    assert_eq!(asks("--match-set p dst,dst", 443), ALLOW);
    assert_eq!(asks("--match-set p dst,dst", 53), DENY);
    assert_eq!(asks("--match-set p dst", 443), DENY);
    assert_eq!(asks("--match-set b dst", 80), ALLOW);
    assert_eq!(asks("--match-set all dst", 80), ALLOW);
    assert_eq!(asks("--match-set empty dst", 80), DENY);
    assert_eq!(asks("--match-set old dst", 80), None);
    assert_eq!(asks("--match-set gone dst", 80), None);
    // Without a dump the content is not known.
    let unknown = filter("DROP", "-A FORWARD -m set --match-set h dst -j ACCEPT");
    assert_eq!(through(&unknown, 80), None);
}

#[test]
fn local_destinations_in_input() {
    let device = device(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n\
         -A INPUT -m addrtype --dst-type LOCAL -p tcp --dport 22 -j DROP\nCOMMIT\n",
    );
    let packet = tcp("10.0.1.10", "10.0.2.1", 22);
    assert_eq!(judge(&device, packet, Journey::ToDevice).1, DENY);
}

#[test]
fn dropping_in_nat_is_unknown() {
    let device =
        device("*nat\n:PREROUTING DROP [0:0]\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n");
    assert_eq!(through(&device, 80), None);
    let rule = read(&[
        "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 80 -j DROP\nCOMMIT\n",
    ]);
    assert!(
        rule.diagnostics
            .iter()
            .any(|d| d.code == "rule-not-loadable")
    );
    assert_eq!(through(&rule.devices[0], 80), None);
}

#[test]
fn redirect_ends_at_the_device() {
    let device = device(
        "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 3128\n\
         COMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n-A INPUT -p tcp --dport 3128 -j ACCEPT\nCOMMIT\n",
    );
    assert_eq!(through(&device, 80), ALLOW);
    assert_eq!(through(&device, 3128), DENY);
    // The answer comes from the device itself.
    let packet = tcp("10.0.1.10", "10.0.2.2", 80);
    assert!(reply(&device, packet, Journey::Through));
}

#[test]
fn the_tracker_has_not_seen_packets_in_raw() {
    let verdict = |state: &str| {
        through(
            &device(&format!(
                "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m conntrack --ctstate {state} -j DROP\nCOMMIT\n"
            )),
            80,
        )
    };
    assert_eq!(verdict("NEW"), ALLOW);
    assert_eq!(verdict("INVALID"), DENY);
}

#[test]
fn connection_marks_of_replies_are_unknown() {
    let device = device(
        "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j CONNMARK --restore-mark\nCOMMIT\n\
         *filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m mark --mark 0x0 -j DROP\nCOMMIT\n",
    );
    assert_eq!(through(&device, 80), DENY);
    let keys: Vec<String> = device.conditions().iter().map(|c| c.key.clone()).collect();
    assert!(
        keys.iter().any(|k| k.contains("of the connection")),
        "{keys:?}"
    );
}

#[test]
fn a_set_that_rules_change_is_unknown() {
    let sets = "create h hash:ip family inet\n";
    let rules =
        "-A FORWARD -m set --match-set h dst -j ACCEPT\n-A FORWARD -p udp -j SET --add-set h src";
    assert_eq!(through(&with_sets(sets, rules), 80), None);
}

#[test]
fn own_formats_are_detected() {
    for (text, expected) in [
        ("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", true),
        ("create a hash:ip family inet\nadd a 10.0.0.1\n", true),
        (
            "#!/bin/sh\niptables -F\niptables -P INPUT DROP\n/sbin/iptables -A INPUT -j DROP\n",
            true,
        ),
        (
            "# iptables -F is not used any more\nset system host-name x\n",
            false,
        ),
        (
            "table inet filter {\n chain input { type filter hook input priority 0; }\n}\n",
            false,
        ),
    ] {
        let score: u32 = detect(text).iter().map(|e| e.weight).sum();
        assert_eq!(score >= 40, expected, "{text}");
    }
}

#[test]
fn any_cut_of_a_file_can_be_read() {
    let text = "#!/bin/sh\nA=\"$B\\\n x\"\niptables -A INPUT -m set ! --match-set h src,dst -p tcp \
                ! --tcp-flags SYN,ACK SYN -j DNAT --to-destination [::1]:80-90/70 # x\nfoo() {\n}\n\
                ipset add h 10.0.0.1-10.0.0.9,tcp:1-2 timeout 5 nomatch\n*filter\n:X - [\n-I X 0 -j X\n\
                [1:2] -A X -s ,1.2.3.4/0.0.0.1, -g X\n-D X 9\n-R X 0\n-A \"\\";
    for end in 0..text.len() {
        for start in [0, 10, end / 2] {
            let part = &text[start.min(end)..end];
            read(&[part]);
        }
    }
}

#[test]
fn large_files_are_read_in_time() {
    let mut text = String::from("*filter\n:FORWARD DROP [0:0]\n");
    for n in 0..10_000u32 {
        text.push_str(&format!(
            "-A FORWARD -s 10.{}.{}.0/24 -p tcp -m tcp --dport {} -m conntrack --ctstate NEW -j ACCEPT\n",
            n % 200,
            n / 200,
            n % 60_000
        ));
    }
    text.push_str("COMMIT\n");
    let started = std::time::Instant::now();
    let parsed = read(&[&text]);
    assert_eq!(parsed.ledgers[0].coverage().modeled, 10_003);
    // Far above what it takes even without optimization; a quadratic step
    // would pass it.
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    println!("10,000 rules: {:?}", started.elapsed());
}

#[test]
fn editing_commands() {
    let device = device(
        "*filter\n:FORWARD DROP\n-N X\n-A FORWARD -p tcp --dport 1 -j ACCEPT\n\
         -I FORWARD -p tcp --dport 2 -j ACCEPT\n-I FORWARD 2 -p tcp --dport 3 -j ACCEPT\n\
         -D FORWARD -p tcp --dport 1 -j ACCEPT\n-A FORWARD -p tcp --dport 4 -j X\n-A X -j ACCEPT\n\
         -R FORWARD 1 -p tcp --dport 5 -j ACCEPT\n-D FORWARD 2\n[5:300] -A FORWARD -p tcp --dport 6 -j ACCEPT\nCOMMIT\n",
    );
    for (port, verdict) in [
        (1, DENY),
        (2, DENY),
        (3, DENY),
        (4, ALLOW),
        (5, ALLOW),
        (6, ALLOW),
    ] {
        assert_eq!(through(&device, port), verdict, "port {port}");
    }
}

#[test]
fn spellings() {
    for rule in [
        "-A FORWARD -s ! 10.9.0.0/16 -p tcp --destination-port 80 -j ACCEPT",
        "--append FORWARD ! --source 10.9.0.0/255.255.0.0 --proto tcp --dport=79:80 --jump ACCEPT",
        "-A FORWARD -ptcp -s 10.8.0.1,10.0.1.10 -d 10/8 -m tcp --dport www -jACCEPT",
        "-A FORWARD -d 10.0.0.2/255.0.0.255 -p 6 --dport 80 --syn -j ACCEPT",
        "-A FORWARD -p tcp -m comment --comment \"-j DROP\" --dport 80 -i la+ -o wan -j ACCEPT",
        "-A FORWARD -p tcp -m iprange --src-range 10.0.1.9-10.0.1.11 --dport :80 ! -f -j ACCEPT",
    ] {
        let device = filter("DROP", rule);
        assert_eq!(through(&device, 80), ALLOW, "{rule}");
        assert_eq!(through(&device, 81), DENY, "{rule}");
    }
}

#[test]
fn what_the_loader_refuses_is_undecided() {
    for rule in [
        "-A FORWARD --dport 80 -j ACCEPT",
        "-A FORWARD -p tcp --dport 80,81 -j ACCEPT",
        "-A FORWARD -p udp -m tcp --dport 80 -j ACCEPT",
        "-A FORWARD ! -s 10.0.0.1,10.0.0.2 -j ACCEPT",
        "-A FORWARD -p tcp --frobnicate 3 -j ACCEPT",
        "-A FORWARD -m frob --nicate 3 -j ACCEPT",
        "-A FORWARD -j NOWHERE",
        "-A FORWARD -d www.example.org -j ACCEPT",
        "-A FORWARD -j DNAT --to-destination 10.0.0.1",
        "-A FORWARD -j LOOP\n-A LOOP -j LOOP",
        "-A FORWARD -p tcp -m tcp --dport \"80 -j ACCEPT",
    ] {
        let parsed = read(&[&format!(
            "*filter\n:FORWARD DROP [0:0]\n:LOOP - [0:0]\n{rule}\nCOMMIT\n"
        )]);
        let device = &parsed.devices[0];
        let open = through(device, 80).is_none() || !device.opaque_lines.is_empty();
        assert!(open, "{rule}");
    }
}

#[test]
fn netmap_and_port_ranges() {
    let device = device(
        "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 192.0.2.0/24 -j NETMAP --to 10.0.2.0/24\n\
         -A PREROUTING -d 198.51.100.1 -p tcp --dport 5000:5010 -j DNAT --to-destination 10.0.2.9:6000-6010/5000\n\
         COMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -d 10.0.2.7 -j ACCEPT\n\
         -A FORWARD -d 10.0.2.9 -p tcp --dport 6003 -j ACCEPT\nCOMMIT\n",
    );
    let verdict = |to, port| judge(&device, tcp("10.0.1.10", to, port), Journey::Through).1;
    assert_eq!(verdict("192.0.2.7", 80), ALLOW);
    assert_eq!(verdict("192.0.2.8", 80), DENY);
    assert_eq!(verdict("198.51.100.1", 5003), ALLOW);
    assert_eq!(verdict("198.51.100.1", 5004), DENY);
}

#[test]
fn scripts() {
    let text = "#!/bin/sh\nIPT=/sbin/iptables\nLAN=\"10.0.1.0/24\"\nPORTS=80,443\n\
        $IPT -F\n$IPT -t nat -F || exit 1\n$IPT -P FORWARD DROP\n\
        # web\n$IPT -A FORWARD -s $LAN -p tcp -m multiport --dports ${PORTS} \\\n  -j ACCEPT\n\
        if [ -n \"$1\" ]; then\n  $IPT -A FORWARD -p tcp --dport 22 -j ACCEPT\nfi\n\
        $IPT -A FORWARD -p tcp --dport $UNKNOWN -j ACCEPT 2>/dev/null\n\
        echo 1 > /proc/sys/net/ipv4/ip_forward\nip6tables -P FORWARD ACCEPT\n";
    let parsed = read(&[text]);
    let device = &parsed.devices[0];
    assert_eq!(through(device, 80), ALLOW);
    assert_eq!(through(device, 22), None);
    assert_eq!(through(device, 9), None);
    assert!(device.opaque_lines.is_empty(), "{:?}", device.opaque_lines);
    let v6 = tcp("2001:db8::1", "2001:db8:2::1", 80);
    assert_eq!(judge(device, v6, Journey::Through).1, ALLOW);
    assert_eq!(parsed.ledgers[0].coverage().opaque, 1);
}

#[test]
fn times() {
    let device = filter(
        "DROP",
        "-A FORWARD -m time --timestart 08:00 --timestop 17:59:59 --weekdays Mon,Tue -j ACCEPT",
    );
    let monday = 4 * 24 * 60;
    let at = |now| {
        let context = Context {
            now,
            ..Context::first_packet("lan", Some("wan"))
        };
        evaluate(&device, tcp("10.0.1.10", "10.0.2.2", 80), &context).disposition
    };
    assert_eq!(at(monday + 17 * 60 + 59), Disposition::Permitted);
    assert_eq!(at(monday + 18 * 60), Disposition::Denied);
    assert_eq!(at(monday + 2 * 24 * 60 + 600), Disposition::Denied);
}

fn corpus() -> Option<std::path::PathBuf> {
    let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"))
        .to_owned();
    if !path.is_dir() {
        println!("skipped: there is no folder {}", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn real_dumps() {
    let Some(corpus) = corpus() else { return };
    let mut files: Vec<_> = std::fs::read_dir(corpus.join("07_iptables"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut all = Coverage::default();
    for path in &files {
        let text = crate::decode(&std::fs::read(path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        match detect_any(&text) {
            Ok(found) => assert_eq!(found.vendor.name(), "iptables", "{name}"),
            Err(other) => panic!("{name}: {other:?}"),
        }
        let parsed = read(&[&text]);
        let coverage = parsed.ledgers[0].coverage();
        all = all + coverage;
        println!("{name}: {coverage:?}");
        let mut shown = 0;
        for diagnostic in &parsed.diagnostics {
            if diagnostic.span.is_some() && shown < 12 {
                println!(
                    "   {:?} {}: {}",
                    diagnostic.span.map(|s| s.line),
                    diagnostic.code,
                    diagnostic.message
                );
                shown += 1;
            }
        }
    }
    println!("all: {all:?}");
    assert!(all.opaque * 100 <= all.lines, "{all:?}");
}

#[test]
fn other_formats_are_not_taken_for_iptables() {
    let Some(corpus) = corpus() else { return };
    let mut looked = 0;
    for folder in std::fs::read_dir(&corpus).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if !folder.is_dir() || name.starts_with("07") || name.starts_with("13") {
            continue;
        }
        for path in std::fs::read_dir(&folder).unwrap() {
            let path = path.unwrap().path();
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            let Ok(text) = crate::decode(&bytes) else {
                continue;
            };
            looked += 1;
            let score: u32 = detect(&text).iter().map(|e| e.weight).sum();
            assert!(score < 40, "{}: {:?}", path.display(), detect(&text));
        }
    }
    assert!(looked > 0);
}
