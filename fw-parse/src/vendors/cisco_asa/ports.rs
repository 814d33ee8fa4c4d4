//! The words that stand for ports, protocols and ICMP types.
//!
//! Numbers differ from the usual services file in places (`kerberos` is 750,
//! `radius` 1645). Source: the literal table of the ASA general operations
//! guide, chapter "Addresses, Protocols, and Ports", and the FWSM command
//! reference, "Port and Protocol Values".

/// Word, TCP port, UDP port; sorted by word.
const PORTS: &[(&str, Option<u16>, Option<u16>)] = &[
    ("aol", Some(5190), None),
    ("bgp", Some(179), None),
    ("biff", None, Some(512)),
    ("bootpc", None, Some(68)),
    ("bootps", None, Some(67)),
    ("chargen", Some(19), None),
    ("cifs", Some(3020), Some(3020)),
    ("citrix-ica", Some(1494), None),
    ("cmd", Some(514), None),
    ("connectedapps-plain", Some(15001), None),
    ("connectedapps-tls", Some(15002), None),
    ("ctiqbe", Some(2748), None),
    ("daytime", Some(13), None),
    ("discard", Some(9), Some(9)),
    ("dns", None, Some(53)),
    ("dnsix", None, Some(195)),
    ("domain", Some(53), Some(53)),
    ("drip", Some(3949), None),
    ("echo", Some(7), Some(7)),
    ("exec", Some(512), None),
    ("finger", Some(79), None),
    ("ftp", Some(21), None),
    ("ftp-data", Some(20), None),
    ("gopher", Some(70), None),
    ("h323", Some(1720), None),
    ("hostname", Some(101), None),
    ("http", Some(80), Some(80)),
    ("https", Some(443), None),
    ("ident", Some(113), None),
    ("imap4", Some(143), None),
    ("irc", Some(194), None),
    ("isakmp", None, Some(500)),
    ("kerberos", Some(750), Some(750)),
    ("klogin", Some(543), None),
    ("kshell", Some(544), None),
    ("ldap", Some(389), None),
    ("ldaps", Some(636), None),
    ("login", Some(513), None),
    ("lotusnotes", Some(1352), None),
    ("lpd", Some(515), None),
    ("mobile-ip", None, Some(434)),
    ("msrpc", Some(135), None),
    ("nameserver", None, Some(42)),
    ("netbios-dgm", None, Some(138)),
    ("netbios-ns", None, Some(137)),
    ("netbios-ssn", Some(139), None),
    ("nfs", Some(2049), Some(2049)),
    ("nntp", Some(119), None),
    ("non500-isakmp", None, Some(4500)),
    ("ntp", None, Some(123)),
    ("onep-plain", Some(15001), None),
    ("onep-tls", Some(15002), None),
    ("pcanywhere-data", Some(5631), None),
    ("pcanywhere-status", None, Some(5632)),
    ("pim-auto-rp", Some(496), Some(496)),
    ("pop2", Some(109), None),
    ("pop3", Some(110), None),
    ("pptp", Some(1723), None),
    ("radius", None, Some(1645)),
    ("radius-acct", None, Some(1646)),
    ("rip", None, Some(520)),
    ("rpc", Some(111), Some(111)),
    ("rsh", Some(514), None),
    ("rtsp", Some(554), None),
    ("secureid-udp", None, Some(5510)),
    ("sip", Some(5060), Some(5060)),
    ("smtp", Some(25), None),
    ("snmp", None, Some(161)),
    ("snmptrap", None, Some(162)),
    ("sqlnet", Some(1521), None),
    ("ssh", Some(22), None),
    ("sunrpc", Some(111), Some(111)),
    ("syslog", None, Some(514)),
    ("tacacs", Some(49), Some(49)),
    ("tacacs-ds", Some(65), Some(65)),
    ("talk", Some(517), Some(517)),
    ("telnet", Some(23), None),
    ("tftp", None, Some(69)),
    ("time", Some(37), Some(37)),
    ("uucp", Some(540), None),
    ("vxlan", None, Some(4789)),
    ("who", None, Some(513)),
    ("whois", Some(43), None),
    ("www", Some(80), Some(80)),
    ("xdmcp", None, Some(177)),
];

/// Word and number; sorted by word.
const PROTOCOLS: &[(&str, u8)] = &[
    ("ah", 51),
    ("ahp", 51),
    ("eigrp", 88),
    ("esp", 50),
    ("gre", 47),
    ("icmp", 1),
    ("icmp6", 58),
    ("igmp", 2),
    ("igrp", 9),
    ("ipinip", 4),
    ("ipsec", 50),
    ("nos", 94),
    ("ospf", 89),
    ("pcp", 108),
    ("pim", 103),
    ("pptp", 47),
    ("sctp", 132),
    ("snp", 109),
    ("tcp", 6),
    ("udp", 17),
];

/// Word and ICMP type; sorted by word.
const ICMP: &[(&str, u8)] = &[
    ("alternate-address", 6),
    ("conversion-error", 31),
    ("echo", 8),
    ("echo-reply", 0),
    ("information-reply", 16),
    ("information-request", 15),
    ("mask-reply", 18),
    ("mask-request", 17),
    ("mobile-redirect", 32),
    ("parameter-problem", 12),
    ("redirect", 5),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("source-quench", 4),
    ("time-exceeded", 11),
    ("timestamp-reply", 14),
    ("timestamp-request", 13),
    ("traceroute", 30),
    ("unreachable", 3),
];

/// Word and ICMPv6 type (RFC 4443, 4861, 2710); sorted by word.
const ICMP6: &[(&str, u8)] = &[
    ("echo", 128),
    ("echo-reply", 129),
    ("echo-request", 128),
    ("membership-query", 130),
    ("membership-reduction", 132),
    ("membership-report", 131),
    ("neighbor-advertisement", 136),
    ("neighbor-redirect", 137),
    ("neighbor-solicitation", 135),
    ("packet-too-big", 2),
    ("parameter-problem", 4),
    ("router-advertisement", 134),
    ("router-renumbering", 138),
    ("router-solicitation", 133),
    ("time-exceeded", 3),
    ("unreachable", 1),
];

fn find<V: Copy>(table: &[(&str, V)], word: &str) -> Option<V> {
    let at = table.binary_search_by(|(w, _)| (*w).cmp(word)).ok()?;
    table.get(at).map(|(_, v)| *v)
}

fn decimal<T: std::str::FromStr>(word: &str) -> Option<T> {
    if word.bytes().all(|b| b.is_ascii_digit()) {
        word.parse().ok()
    } else {
        None
    }
}

/// A port by number, or by word as the protocol (6 or 17) knows it; a word of
/// the other protocol is taken where the protocol has none of its own.
#[must_use]
pub fn port(word: &str, protocol: Option<u8>) -> Option<u16> {
    if word.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return decimal(word);
    }
    let at = PORTS.binary_search_by(|(w, _, _)| (*w).cmp(word)).ok()?;
    let &(_, tcp, udp) = PORTS.get(at)?;
    if protocol == Some(17) {
        udp.or(tcp)
    } else {
        tcp.or(udp)
    }
}

/// A protocol by number or word.
#[must_use]
pub fn protocol(word: &str) -> Option<u8> {
    match word {
        "tcp" => Some(6),
        "udp" => Some(17),
        "icmp" => Some(1),
        _ => decimal(word).or_else(|| find(PROTOCOLS, word)),
    }
}

/// An ICMP type by number or word; `six` for ICMPv6.
#[must_use]
pub fn icmp_type(word: &str, six: bool) -> Option<u8> {
    decimal(word).or_else(|| find(if six { ICMP6 } else { ICMP }, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(PORTS.windows(2).all(|w| w[0].0 < w[1].0));
        assert!(PROTOCOLS.windows(2).all(|w| w[0].0 < w[1].0));
        assert!(ICMP.windows(2).all(|w| w[0].0 < w[1].0));
        assert!(ICMP6.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn vendor_numbers() {
        assert_eq!(port("kerberos", Some(6)), Some(750));
        assert_eq!(port("radius", Some(17)), Some(1645));
        assert_eq!(port("sqlnet", Some(6)), Some(1521));
        assert_eq!(port("cifs", Some(6)), Some(3020));
        assert_eq!(port("syslog", Some(17)), Some(514));
        assert_eq!(port("domain", None), Some(53));
        assert_eq!(port("70000", None), None);
        assert_eq!(port("nonsense", None), None);
        assert_eq!(protocol("esp"), Some(50));
        assert_eq!(protocol("256"), None);
        assert_eq!(icmp_type("echo", true), Some(128));
    }
}
