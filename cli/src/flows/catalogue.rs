//! The built-in service catalogue.
//!
//! A name stands for exactly the ports of its entry. Ports that are also met
//! in practice are documentation: who uses one of them declares it.

use fw_model::service::{TCP, UDP};

/// A service that flows can name.
pub struct Entry {
    /// The name in a flows file.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// Protocols and ports: all of them are meant.
    pub ports: &'static [(u8, u16)],
    /// Other ports it is met on, for people.
    pub also: &'static str,
    /// Sessions are long and idle, so that timeouts cut them.
    pub idle_sensitive: bool,
    /// It carries TLS.
    pub tls: bool,
    /// Certificate validation, names and time are judged with it.
    pub companions: bool,
}

const fn entry(name: &'static str, title: &'static str, ports: &'static [(u8, u16)]) -> Entry {
    Entry {
        name,
        title,
        ports,
        also: "",
        idle_sensitive: false,
        tls: false,
        companions: false,
    }
}

const fn tls(entry: Entry) -> Entry {
    Entry { tls: true, ..entry }
}

const fn idle(entry: Entry) -> Entry {
    Entry {
        idle_sensitive: true,
        ..entry
    }
}

const fn also(entry: Entry, also: &'static str) -> Entry {
    Entry { also, ..entry }
}

/// All entries.
pub static CATALOGUE: &[Entry] = &[
    also(
        idle(entry("sip2", "SIP2 self-check", &[(TCP, 6001)])),
        "6000, 6002, 8023",
    ),
    tls(idle(entry("sip2-tls", "SIP2 over TLS", &[(TCP, 6443)]))),
    tls(idle(entry(
        "oclc-wms-sip2",
        "SIP2 of OCLC WMS",
        &[(TCP, 2090), (TCP, 2093)],
    ))),
    also(
        entry("z39.50", "Z39.50 search", &[(TCP, 210)]),
        "2100, 2200, 7090, 9999",
    ),
    also(
        entry("alma-z39.50", "Z39.50 of Alma", &[(TCP, 1921)]),
        "210",
    ),
    tls(entry("sru", "SRU catalogue search", &[(TCP, 443)])),
    tls(entry("ncip-http", "NCIP over HTTPS", &[(TCP, 443)])),
    tls(entry("api", "HTTPS interfaces", &[(TCP, 443)])),
    tls(entry("saml", "Single sign-on", &[(TCP, 443)])),
    tls(idle(entry(
        "sierra-mobile",
        "Sierra mobile",
        &[(TCP, 443), (TCP, 5550)],
    ))),
    entry("mft-sftp", "Managed file transfer", &[(TCP, 10022)]),
    entry("sftp", "SSH file transfer", &[(TCP, 22)]),
    tls(entry("ldaps", "Directory over TLS", &[(TCP, 636)])),
    entry("smtp", "Mail", &[(TCP, 25), (TCP, 587)]),
    entry("dns", "Names", &[(UDP, 53), (TCP, 53)]),
    entry("ntp", "Time", &[(UDP, 123)]),
    Entry {
        companions: true,
        ..tls(entry("tls-egress", "TLS to the outside", &[(TCP, 443)]))
    },
];

/// One flow that a `tls-egress` flow needs.
pub struct Companion {
    /// What is appended to the id of the flow.
    pub name: &'static str,
    /// What it is for.
    pub title: &'static str,
    /// The service as reports name it.
    pub service: &'static str,
    /// Protocols and ports.
    pub ports: &'static [(u8, u16)],
}

/// What a `tls-egress` flow needs besides its own connection.
pub static COMPANIONS: &[Companion] = &[
    Companion {
        name: "crl",
        title: "certificate revocation lists",
        service: "tcp/80",
        ports: &[(TCP, 80)],
    },
    Companion {
        name: "ocsp",
        title: "certificate status requests",
        service: "tcp/80",
        ports: &[(TCP, 80)],
    },
    Companion {
        name: "aia",
        title: "issuer certificates",
        service: "tcp/80",
        ports: &[(TCP, 80)],
    },
    Companion {
        name: "dns",
        title: "names",
        service: "dns",
        ports: &[(UDP, 53), (TCP, 53)],
    },
    Companion {
        name: "ntp",
        title: "time",
        service: "ntp",
        ports: &[(UDP, 123)],
    },
];

/// An entry by its name.
pub fn find(name: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|e| e.name == name)
}

/// `tcp/6001`, or several with commas.
pub fn ports_text(ports: &[(u8, u16)]) -> String {
    ports
        .iter()
        .map(|(protocol, port)| format!("{}/{port}", fw_model::service::protocol_name(*protocol)))
        .collect::<Vec<_>>()
        .join(", ")
}
