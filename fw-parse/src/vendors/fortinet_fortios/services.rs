//! Predefined services and service groups, for files that do not print them.
//!
//! Source: a factory virtual domain of FortiOS 6.4.4 as printed in
//! `snapshots/fortios_first_basic/configs/d2_fw/show.txt` of
//! github.com/batfish/lab-validation, commit dbe21f088e55 (2026-06-29).

/// What a predefined service holds.
#[derive(Clone, Copy, Debug)]
pub enum Predefined {
    /// TCP and UDP ports as the configuration writes them.
    Ports(&'static str, &'static str),
    /// ICMP (1 or 58) and type.
    Icmp(u8, Option<u8>),
    /// A protocol; `None` for all.
    Protocol(Option<u8>),
    /// For the explicit proxy only.
    Proxy,
}

use Predefined::{Icmp, Ports, Protocol, Proxy};

/// A predefined service by its name, in the release `major.minor` if that is
/// known.
pub fn service(name: &str, release: Option<(u16, u16)>) -> Option<Predefined> {
    let old = release.is_some_and(|release| release <= (5, 2));
    let found = |list: &[(&str, Predefined)]| list.iter().find(|s| s.0 == name).map(|s| s.1);
    old.then(|| found(SERVICES_5_2))
        .flatten()
        .or_else(|| found(SERVICES))
}

/// The members of a predefined group.
pub fn group(name: &str) -> Option<&'static [&'static str]> {
    GROUPS.iter().find(|g| g.0 == name).map(|g| g.1)
}

/// What FortiOS 5.2 had otherwise, as printed in
/// `tests/unit_tests/fortigate_parser/config_examples/vdom.conf` of
/// github.com/acidjunk/fortigate-config-parser, commit 464e9d7e1ea4.
const SERVICES_5_2: &[(&str, Predefined)] = &[("KERBEROS", Ports("88", "88"))];

const SERVICES: &[(&str, Predefined)] = &[
    ("DNS", Ports("53", "53")),
    ("HTTP", Ports("80", "")),
    ("HTTPS", Ports("443", "")),
    ("IMAP", Ports("143", "")),
    ("IMAPS", Ports("993", "")),
    ("LDAP", Ports("389", "")),
    ("DCE-RPC", Ports("135", "135")),
    ("POP3", Ports("110", "")),
    ("POP3S", Ports("995", "")),
    ("SAMBA", Ports("139", "")),
    ("SMTP", Ports("25", "")),
    ("SMTPS", Ports("465", "")),
    ("KERBEROS", Ports("88 464", "88 464")),
    ("LDAP_UDP", Ports("", "389")),
    ("SMB", Ports("445", "")),
    ("ALL", Protocol(None)),
    ("ALL_TCP", Ports("1-65535", "")),
    ("ALL_UDP", Ports("", "1-65535")),
    ("ALL_ICMP", Icmp(1, None)),
    ("ALL_ICMP6", Icmp(58, None)),
    ("GRE", Protocol(Some(47))),
    ("AH", Protocol(Some(51))),
    ("ESP", Protocol(Some(50))),
    ("AOL", Ports("5190-5194", "")),
    ("BGP", Ports("179", "")),
    ("DHCP", Ports("", "67-68")),
    ("FINGER", Ports("79", "")),
    ("FTP", Ports("21", "")),
    ("FTP_GET", Ports("21", "")),
    ("FTP_PUT", Ports("21", "")),
    ("GOPHER", Ports("70", "")),
    ("H323", Ports("1720 1503", "1719")),
    ("IKE", Ports("", "500 4500")),
    ("Internet-Locator-Service", Ports("389", "")),
    ("IRC", Ports("6660-6669", "")),
    ("L2TP", Ports("1701", "1701")),
    ("NetMeeting", Ports("1720", "")),
    ("NFS", Ports("111 2049", "111 2049")),
    ("NNTP", Ports("119", "")),
    ("NTP", Ports("123", "123")),
    ("OSPF", Protocol(Some(89))),
    ("PC-Anywhere", Ports("5631", "5632")),
    ("PING", Icmp(1, Some(8))),
    ("TIMESTAMP", Icmp(1, Some(13))),
    ("INFO_REQUEST", Icmp(1, Some(15))),
    ("INFO_ADDRESS", Icmp(1, Some(17))),
    ("ONC-RPC", Ports("111", "111")),
    ("PPTP", Ports("1723", "")),
    ("QUAKE", Ports("", "26000 27000 27910 27960")),
    ("RAUDIO", Ports("", "7070")),
    ("REXEC", Ports("512", "")),
    ("RIP", Ports("", "520")),
    ("RLOGIN", Ports("513:512-1023", "")),
    ("RSH", Ports("514:512-1023", "")),
    ("SCCP", Ports("2000", "")),
    ("SIP", Ports("5060", "5060")),
    ("SIP-MSNmessenger", Ports("1863", "")),
    ("SNMP", Ports("161-162", "161-162")),
    ("SSH", Ports("22", "")),
    ("SYSLOG", Ports("", "514")),
    ("TALK", Ports("", "517-518")),
    ("TELNET", Ports("23", "")),
    ("TFTP", Ports("", "69")),
    ("MGCP", Ports("", "2427 2727")),
    ("UUCP", Ports("540", "")),
    ("VDOLIVE", Ports("7000-7010", "")),
    ("WAIS", Ports("210", "")),
    ("WINFRAME", Ports("1494 2598", "")),
    ("X-WINDOWS", Ports("6000-6063", "")),
    ("PING6", Icmp(58, Some(128))),
    ("MS-SQL", Ports("1433 1434", "")),
    ("MYSQL", Ports("3306", "")),
    ("RDP", Ports("3389", "")),
    ("VNC", Ports("5900", "")),
    ("DHCP6", Ports("", "546 547")),
    ("SQUID", Ports("3128", "")),
    ("SOCKS", Ports("1080", "1080")),
    ("WINS", Ports("1512", "1512")),
    ("RADIUS", Ports("", "1812 1813")),
    ("RADIUS-OLD", Ports("", "1645 1646")),
    ("CVSPSERVER", Ports("2401", "2401")),
    ("AFS3", Ports("7000-7009", "7000-7009")),
    ("TRACEROUTE", Ports("", "33434-33535")),
    ("RTSP", Ports("554 7070 8554", "554")),
    ("MMS", Ports("1755", "1024-5000")),
    ("NONE", Ports("0", "")),
    ("webproxy", Proxy),
];

const GROUPS: &[(&str, &[&str])] = &[
    (
        "Email Access",
        &["DNS", "IMAP", "IMAPS", "POP3", "POP3S", "SMTP", "SMTPS"],
    ),
    ("Web Access", &["DNS", "HTTP", "HTTPS"]),
    (
        "Windows AD",
        &[
            "DCE-RPC", "DNS", "KERBEROS", "LDAP", "LDAP_UDP", "SAMBA", "SMB",
        ],
    ),
    ("Exchange Server", &["DCE-RPC", "DNS", "HTTPS"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendors::fortinet_fortios::read::ports;

    #[test]
    fn the_table_is_sound() {
        assert_eq!((SERVICES.len(), GROUPS.len()), (87, 4));
        for (name, kind) in SERVICES {
            if let Ports(tcp, udp) = kind {
                for word in tcp
                    .split_ascii_whitespace()
                    .chain(udp.split_ascii_whitespace())
                {
                    assert!(word.split(':').all(|p| ports(p).is_some()), "{name} {word}");
                }
            }
        }
        for (name, members) in GROUPS {
            assert!(members.iter().all(|m| service(m, None).is_some()), "{name}");
        }
    }
}
