//! Words that stand for numbers: hook priorities, ports, protocols, ICMP types.
//! Sources: nft(8) for priorities, ICMP and flag names; IANA's service names
//! (as in Debian's `/etc/services`) and protocol numbers.

/// The table families.
pub const FAMILIES: [&str; 6] = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];

/// The value of a named hook priority (all families but bridge, whose chains
/// never see routed packets).
pub fn priority_value(name: &str) -> Option<i64> {
    Some(match name {
        "raw" => -300,
        "mangle" => -150,
        "dstnat" => -100,
        "filter" | "out" => 0,
        "security" => 50,
        "srcnat" => 100,
        _ => return None,
    })
}

/// The port of a service name.
pub fn port(name: &str) -> Option<u16> {
    SERVICES
        .iter()
        .find(|(n, _)| *n == name)
        .map(|&(_, port)| port)
}

const SERVICES: [(&str, u16); 139] = [
    ("tcpmux", 1),
    ("echo", 7),
    ("discard", 9),
    ("systat", 11),
    ("daytime", 13),
    ("netstat", 15),
    ("qotd", 17),
    ("chargen", 19),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("time", 37),
    ("whois", 43),
    ("tacacs", 49),
    ("nameserver", 42),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("pop2", 109),
    ("pop3", 110),
    ("sunrpc", 111),
    ("portmapper", 111),
    ("auth", 113),
    ("ident", 113),
    ("nntp", 119),
    ("ntp", 123),
    ("epmap", 135),
    ("loc-srv", 135),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap2", 143),
    ("imap", 143),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("snmptrap", 162),
    ("cmip-man", 163),
    ("xdmcp", 177),
    ("bgp", 179),
    ("irc", 194),
    ("smux", 199),
    ("at-rtmp", 201),
    ("qmtp", 209),
    ("z3950", 210),
    ("ipx", 213),
    ("ptp-event", 319),
    ("ptp-general", 320),
    ("pawserv", 345),
    ("rpc2portmap", 369),
    ("ldap", 389),
    ("svrloc", 427),
    ("https", 443),
    ("snpp", 444),
    ("microsoft-ds", 445),
    ("kpasswd", 464),
    ("submissions", 465),
    ("smtps", 465),
    ("ssmtp", 465),
    ("urd", 465),
    ("saft", 487),
    ("isakmp", 500),
    ("rtsp", 554),
    ("exec", 512),
    ("login", 513),
    ("who", 513),
    ("shell", 514),
    ("syslog", 514),
    ("printer", 515),
    ("talk", 517),
    ("ntalk", 518),
    ("route", 520),
    ("router", 520),
    ("timed", 525),
    ("uucp", 540),
    ("klogin", 543),
    ("kshell", 544),
    ("dhcpv6-client", 546),
    ("dhcpv6-server", 547),
    ("afpovertcp", 548),
    ("nntps", 563),
    ("submission", 587),
    ("ipp", 631),
    ("ldaps", 636),
    ("tinc", 655),
    ("silc", 706),
    ("kerberos-adm", 749),
    ("domain-s", 853),
    ("rsync", 873),
    ("ftps-data", 989),
    ("ftps", 990),
    ("telnets", 992),
    ("imaps", 993),
    ("pop3s", 995),
    ("socks", 1080),
    ("proofd", 1093),
    ("rootd", 1094),
    ("openvpn", 1194),
    ("rmiregistry", 1099),
    ("ms-sql-s", 1433),
    ("ms-sql-m", 1434),
    ("l2f", 1701),
    ("l2tp", 1701),
    ("radius", 1812),
    ("radius-acct", 1813),
    ("cisco-sccp", 2000),
    ("nfs", 2049),
    ("gnunet", 2086),
    ("rtcm-sc104", 2101),
    ("cvspserver", 2401),
    ("venus", 2430),
    ("git", 9418),
    ("iscsi-target", 3260),
    ("mysql", 3306),
    ("ms-wbt-server", 3389),
    ("nut", 3493),
    ("distcc", 3632),
    ("daap", 3689),
    ("svn", 3690),
    ("suucp", 4031),
    ("ipsec-nat-t", 4500),
    ("iax", 4569),
    ("postgresql", 5432),
    ("sip", 5060),
    ("sip-tls", 5061),
    ("xmpp-client", 5222),
    ("xmpp-server", 5269),
    ("mdns", 5353),
    ("amqp", 5672),
    ("x11", 6000),
    ("http-alt", 8080),
    ("webcache", 8080),
];

/// The number of an IP protocol name.
pub fn protocol(name: &str) -> Option<u8> {
    Some(match name {
        "ip" | "hopopt" => 0,
        "icmp" => 1,
        "igmp" => 2,
        "ipencap" | "ipip" => 4,
        "st" => 5,
        "tcp" => 6,
        "egp" => 8,
        "igp" => 9,
        "udp" => 17,
        "dccp" => 33,
        "rdp" => 27,
        "xns-idp" => 22,
        "iso-tp4" => 29,
        "xtp" => 36,
        "ddp" => 37,
        "ipv6" => 41,
        "ipv6-route" => 43,
        "ipv6-frag" => 44,
        "rsvp" => 46,
        "gre" => 47,
        "esp" | "ipsec-esp" => 50,
        "ah" | "ipsec-ah" => 51,
        "skip" => 57,
        "ipv6-icmp" | "icmpv6" | "icmp6" => 58,
        "ipv6-nonxt" => 59,
        "ipv6-opts" => 60,
        "eigrp" => 88,
        "ospf" | "ospfigp" => 89,
        "ax.25" => 93,
        "etherip" => 97,
        "encap" => 98,
        "pim" => 103,
        "comp" | "ipcomp" => 108,
        "vrrp" => 112,
        "l2tp" => 115,
        "isis" => 124,
        "sctp" => 132,
        "fc" => 133,
        "mobility-header" => 135,
        "udplite" => 136,
        "mpls-in-ip" => 137,
        "shim6" => 140,
        "wesp" => 141,
        "rohc" => 142,
        _ => return None,
    })
}

/// The number of an ICMP type name.
pub fn icmp_type(name: &str) -> Option<u8> {
    Some(match name {
        "echo-reply" => 0,
        "destination-unreachable" => 3,
        "source-quench" => 4,
        "redirect" => 5,
        "echo-request" => 8,
        "router-advertisement" => 9,
        "router-solicitation" => 10,
        "time-exceeded" => 11,
        "parameter-problem" => 12,
        "timestamp-request" => 13,
        "timestamp-reply" => 14,
        "info-request" => 15,
        "info-reply" => 16,
        "address-mask-request" => 17,
        "address-mask-reply" => 18,
        _ => return None,
    })
}

/// The number of an ICMPv6 type name.
pub fn icmpv6_type(name: &str) -> Option<u8> {
    Some(match name {
        "destination-unreachable" => 1,
        "packet-too-big" => 2,
        "time-exceeded" => 3,
        "parameter-problem" => 4,
        "echo-request" => 128,
        "echo-reply" => 129,
        "mld-listener-query" => 130,
        "mld-listener-report" => 131,
        "mld-listener-done" | "mld-listener-reduction" => 132,
        "nd-router-solicit" => 133,
        "nd-router-advert" => 134,
        "nd-neighbor-solicit" => 135,
        "nd-neighbor-advert" => 136,
        "nd-redirect" => 137,
        "router-renumbering" => 138,
        "ind-neighbor-solicit" => 141,
        "ind-neighbor-advert" => 142,
        "mld2-listener-report" => 143,
        _ => return None,
    })
}

/// The number of an ICMP code name (IPv4, IPv6).
pub fn icmp_code(name: &str, v6: bool) -> Option<u8> {
    Some(match (name, v6) {
        ("net-unreachable", false) | ("no-route", true) => 0,
        ("host-unreachable", false) | ("admin-prohibited", true) => 1,
        ("prot-unreachable", false) => 2,
        ("port-unreachable", false) | ("addr-unreachable", true) => 3,
        ("frag-needed", false) | ("port-unreachable", true) => 4,
        ("policy-fail", true) => 5,
        ("reject-route", true) => 6,
        ("net-prohibited", false) => 9,
        ("host-prohibited", false) => 10,
        ("admin-prohibited", false) => 13,
        _ => return None,
    })
}

/// The bit of a TCP flag.
pub fn tcp_flag(name: &str) -> Option<u8> {
    Some(match name {
        "fin" => 0x01,
        "syn" => 0x02,
        "rst" => 0x04,
        "psh" => 0x08,
        "ack" => 0x10,
        "urg" => 0x20,
        "ecn" | "ece" => 0x40,
        "cwr" => 0x80,
        _ => return None,
    })
}

/// The bit of a connection state.
pub fn state_bit(name: &str) -> Option<u128> {
    Some(match name {
        "invalid" => 1,
        "established" => 2,
        "related" => 4,
        "new" => 8,
        "untracked" => 64,
        _ => return None,
    })
}

/// The bit of a connection status.
pub fn status_bit(name: &str) -> Option<u128> {
    Some(match name {
        "expected" => 0x01,
        "seen-reply" => 0x02,
        "assured" => 0x04,
        "confirmed" => 0x08,
        "snat" => 0x10,
        "dnat" => 0x20,
        "dying" => 0x200,
        _ => return None,
    })
}
