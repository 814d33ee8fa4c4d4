//! The options of match modules and targets: how a rule's words are grouped.

/// An option: its full name and how many values it takes.
pub(super) type OptionSpec = (&'static str, usize);

/// A module: its name and its options.
pub(super) struct ModuleSpec {
    pub name: &'static str,
    pub options: &'static [OptionSpec],
}

const PORTS: &[OptionSpec] = &[
    ("dport", 1),
    ("sport", 1),
    ("destination-port", 1),
    ("source-port", 1),
];

/// Match modules of the netfilter project (`man iptables-extensions`) and of
/// xtables-addons, the frequent ones first.
static MATCHES: &[ModuleSpec] = &[
    m(
        "tcp",
        &[
            ("dport", 1),
            ("sport", 1),
            ("destination-port", 1),
            ("source-port", 1),
            ("tcp-flags", 2),
            ("syn", 0),
            ("tcp-option", 1),
        ],
    ),
    m("udp", PORTS),
    m("state", &[("state", 1)]),
    m(
        "conntrack",
        &[
            ("ctstate", 1),
            ("ctproto", 1),
            ("ctorigsrc", 1),
            ("ctorigdst", 1),
            ("ctreplsrc", 1),
            ("ctrepldst", 1),
            ("ctorigsrcport", 1),
            ("ctorigdstport", 1),
            ("ctreplsrcport", 1),
            ("ctrepldstport", 1),
            ("ctstatus", 1),
            ("ctexpire", 1),
            ("ctdir", 1),
        ],
    ),
    m("comment", &[("comment", 1)]),
    m(
        "multiport",
        &[
            ("dports", 1),
            ("sports", 1),
            ("ports", 1),
            ("destination-ports", 1),
            ("source-ports", 1),
        ],
    ),
    m("mac", &[("mac-source", 1)]),
    m(
        "set",
        &[
            ("match-set", 2),
            ("set", 2),
            ("return-nomatch", 0),
            ("update-counters", 0),
            ("update-subcounters", 0),
            ("packets-eq", 1),
            ("packets-lt", 1),
            ("packets-gt", 1),
            ("bytes-eq", 1),
            ("bytes-lt", 1),
            ("bytes-gt", 1),
        ],
    ),
    m("icmp", &[("icmp-type", 1)]),
    m("icmp6", &[("icmpv6-type", 1)]),
    m("icmpv6", &[("icmpv6-type", 1)]),
    m(
        "addrtype",
        &[
            ("dst-type", 1),
            ("src-type", 1),
            ("limit-iface-in", 0),
            ("limit-iface-out", 0),
        ],
    ),
    m("mark", &[("mark", 1)]),
    m("connmark", &[("mark", 1)]),
    m("limit", &[("limit", 1), ("limit-burst", 1)]),
    m(
        "statistic",
        &[("mode", 1), ("probability", 1), ("every", 1), ("packet", 1)],
    ),
    m("iprange", &[("src-range", 1), ("dst-range", 1)]),
    m(
        "owner",
        &[
            ("uid-owner", 1),
            ("gid-owner", 1),
            ("socket-exists", 0),
            ("suppl-groups", 0),
            ("pid-owner", 1),
            ("sid-owner", 1),
            ("cmd-owner", 1),
        ],
    ),
    m(
        "recent",
        &[
            ("set", 0),
            ("rcheck", 0),
            ("update", 0),
            ("remove", 0),
            ("seconds", 1),
            ("reap", 0),
            ("hitcount", 1),
            ("rttl", 0),
            ("name", 1),
            ("rsource", 0),
            ("rdest", 0),
            ("mask", 1),
        ],
    ),
    m(
        "hashlimit",
        &[
            ("hashlimit", 1),
            ("hashlimit-upto", 1),
            ("hashlimit-above", 1),
            ("hashlimit-burst", 1),
            ("hashlimit-mode", 1),
            ("hashlimit-srcmask", 1),
            ("hashlimit-dstmask", 1),
            ("hashlimit-name", 1),
            ("hashlimit-htable-size", 1),
            ("hashlimit-htable-max", 1),
            ("hashlimit-htable-expire", 1),
            ("hashlimit-htable-gcinterval", 1),
            ("hashlimit-rate-match", 0),
            ("hashlimit-rate-interval", 1),
        ],
    ),
    m(
        "connlimit",
        &[
            ("connlimit-upto", 1),
            ("connlimit-above", 1),
            ("connlimit-mask", 1),
            ("connlimit-saddr", 0),
            ("connlimit-daddr", 0),
        ],
    ),
    m(
        "time",
        &[
            ("datestart", 1),
            ("datestop", 1),
            ("timestart", 1),
            ("timestop", 1),
            ("monthdays", 1),
            ("weekdays", 1),
            ("days", 1),
            ("contiguous", 0),
            ("kerneltz", 0),
            ("utc", 0),
            ("localtz", 0),
        ],
    ),
    m(
        "physdev",
        &[
            ("physdev-in", 1),
            ("physdev-out", 1),
            ("physdev-is-in", 0),
            ("physdev-is-out", 0),
            ("physdev-is-bridged", 0),
        ],
    ),
    m(
        "policy",
        &[
            ("dir", 1),
            ("pol", 1),
            ("strict", 0),
            ("reqid", 1),
            ("spi", 1),
            ("proto", 1),
            ("mode", 1),
            ("tunnel-src", 1),
            ("tunnel-dst", 1),
            ("next", 0),
        ],
    ),
    m(
        "string",
        &[
            ("algo", 1),
            ("from", 1),
            ("to", 1),
            ("string", 1),
            ("hex-string", 1),
            ("icase", 0),
        ],
    ),
    m(
        "sctp",
        &[
            ("dport", 1),
            ("sport", 1),
            ("destination-port", 1),
            ("source-port", 1),
            ("chunk-types", 2),
        ],
    ),
    m(
        "dccp",
        &[
            ("dport", 1),
            ("sport", 1),
            ("destination-port", 1),
            ("source-port", 1),
            ("dccp-types", 1),
            ("dccp-option", 1),
        ],
    ),
    m("udplite", PORTS),
    m("length", &[("length", 1)]),
    m("length2", &[("length", 1), ("layer", 1)]),
    m("pkttype", &[("pkt-type", 1)]),
    m(
        "rpfilter",
        &[
            ("loose", 0),
            ("validmark", 0),
            ("accept-local", 0),
            ("invert", 0),
        ],
    ),
    m(
        "socket",
        &[("transparent", 0), ("nowildcard", 0), ("restore-skmark", 0)],
    ),
    m("tos", &[("tos", 1)]),
    m("dscp", &[("dscp", 1), ("dscp-class", 1)]),
    m(
        "ttl",
        &[("ttl-eq", 1), ("ttl-gt", 1), ("ttl-lt", 1), ("ttl", 1)],
    ),
    m("hl", &[("hl-eq", 1), ("hl-gt", 1), ("hl-lt", 1)]),
    m("u32", &[("u32", 1)]),
    m("bpf", &[("bytecode", 1), ("object-pinned", 1)]),
    m("esp", &[("espspi", 1)]),
    m("ah", &[("ahspi", 1), ("ahlen", 1), ("ahres", 0)]),
    m("tcpmss", &[("mss", 1)]),
    m("helper", &[("helper", 1)]),
    m("quota", &[("quota", 1)]),
    m(
        "quota2",
        &[
            ("name", 1),
            ("quota", 1),
            ("grow", 0),
            ("no-change", 0),
            ("packets", 0),
        ],
    ),
    m(
        "connbytes",
        &[
            ("connbytes", 1),
            ("connbytes-dir", 1),
            ("connbytes-mode", 1),
        ],
    ),
    m("connlabel", &[("label", 1), ("set", 0)]),
    m("cgroup", &[("cgroup", 1), ("path", 1)]),
    m("cpu", &[("cpu", 1)]),
    m("devgroup", &[("src-group", 1), ("dst-group", 1)]),
    m(
        "cluster",
        &[
            ("cluster-total-nodes", 1),
            ("cluster-local-node", 1),
            ("cluster-local-nodemask", 1),
            ("cluster-hash-seed", 1),
        ],
    ),
    m(
        "ecn",
        &[("ecn-tcp-cwr", 0), ("ecn-tcp-ece", 0), ("ecn-ip-ect", 1)],
    ),
    m("nfacct", &[("nfacct-name", 1)]),
    m("osf", &[("genre", 1), ("ttl", 1), ("log", 1)]),
    m(
        "rateest",
        &[
            ("rateest", 1),
            ("rateest1", 1),
            ("rateest2", 1),
            ("rateest-delta", 0),
            ("rateest-lt", 0),
            ("rateest-gt", 0),
            ("rateest-eq", 0),
            ("rateest-bps", 1),
            ("rateest-pps", 1),
            ("rateest-bps1", 1),
            ("rateest-bps2", 1),
            ("rateest-pps1", 1),
            ("rateest-pps2", 1),
        ],
    ),
    m("realm", &[("realm", 1)]),
    m(
        "ipvs",
        &[
            ("ipvs", 0),
            ("vproto", 1),
            ("vaddr", 1),
            ("vport", 1),
            ("vdir", 1),
            ("vmethod", 1),
            ("vportctl", 1),
        ],
    ),
    m("dst", &[("dst-len", 1), ("dst-opts", 1)]),
    m("hbh", &[("hbh-len", 1), ("hbh-opts", 1)]),
    m(
        "frag",
        &[
            ("fragid", 1),
            ("fraglen", 1),
            ("fragres", 0),
            ("fragfirst", 0),
            ("fragmore", 0),
            ("fraglast", 0),
        ],
    ),
    m("ipv6header", &[("soft", 0), ("header", 1)]),
    m("mh", &[("mh-type", 1)]),
    m(
        "rt",
        &[
            ("rt-type", 1),
            ("rt-segsleft", 1),
            ("rt-len", 1),
            ("rt-0-res", 0),
            ("rt-0-addrs", 1),
            ("rt-0-not-strict", 0),
        ],
    ),
    m("eui64", &[]),
    m("unclean", &[]),
    m(
        "geoip",
        &[
            ("src-cc", 1),
            ("source-country", 1),
            ("dst-cc", 1),
            ("destination-country", 1),
        ],
    ),
    m("condition", &[("condition", 1)]),
    m(
        "iface",
        &[
            ("iface", 1),
            ("dev-in", 0),
            ("dev-out", 0),
            ("up", 0),
            ("down", 0),
            ("running", 0),
        ],
    ),
    m("layer7", &[("l7proto", 1), ("l7dir", 1)]),
    m("ndpi", &[("proto", 1)]),
    m(
        "ipp2p",
        &[
            ("edk", 0),
            ("kazaa", 0),
            ("gnu", 0),
            ("dc", 0),
            ("bit", 0),
            ("apple", 0),
            ("winmx", 0),
            ("soul", 0),
            ("ares", 0),
        ],
    ),
    m(
        "psd",
        &[
            ("psd-weight-threshold", 1),
            ("psd-delay-threshold", 1),
            ("psd-lo-ports-weight", 1),
            ("psd-hi-ports-weight", 1),
        ],
    ),
    m("fuzzy", &[("lower-limit", 1), ("upper-limit", 1)]),
    m("random", &[("average", 1)]),
    m(
        "nth",
        &[("every", 1), ("counter", 1), ("start", 1), ("packet", 1)],
    ),
];

/// Targets with options. Those without (ACCEPT, DROP, user chains...) are not
/// listed.
static TARGETS: &[ModuleSpec] = &[
    m("REJECT", &[("reject-with", 1)]),
    m(
        "LOG",
        &[
            ("log-prefix", 1),
            ("log-level", 1),
            ("log-tcp-sequence", 0),
            ("log-tcp-options", 0),
            ("log-ip-options", 0),
            ("log-uid", 0),
            ("log-macdecode", 0),
        ],
    ),
    m(
        "DNAT",
        &[("to-destination", 1), ("random", 0), ("persistent", 0)],
    ),
    m(
        "SNAT",
        &[
            ("to-source", 1),
            ("random", 0),
            ("random-fully", 0),
            ("persistent", 0),
        ],
    ),
    m(
        "MASQUERADE",
        &[("to-ports", 1), ("random", 0), ("random-fully", 0)],
    ),
    m("REDIRECT", &[("to-ports", 1), ("random", 0)]),
    m("NETMAP", &[("to", 1)]),
    m(
        "MARK",
        &[
            ("set-mark", 1),
            ("set-xmark", 1),
            ("and-mark", 1),
            ("or-mark", 1),
            ("xor-mark", 1),
        ],
    ),
    m(
        "CONNMARK",
        &[
            ("set-mark", 1),
            ("set-xmark", 1),
            ("and-mark", 1),
            ("or-mark", 1),
            ("xor-mark", 1),
            ("save-mark", 0),
            ("restore-mark", 0),
            ("mask", 1),
            ("nfmask", 1),
            ("ctmask", 1),
            ("left-shift-mark", 1),
            ("right-shift-mark", 1),
        ],
    ),
    m(
        "CT",
        &[
            ("notrack", 0),
            ("helper", 1),
            ("ctevents", 1),
            ("expevents", 1),
            ("zone", 1),
            ("zone-orig", 1),
            ("zone-reply", 1),
            ("timeout", 1),
        ],
    ),
    m("NOTRACK", &[]),
    m(
        "NFLOG",
        &[
            ("nflog-group", 1),
            ("nflog-prefix", 1),
            ("nflog-range", 1),
            ("nflog-size", 1),
            ("nflog-threshold", 1),
        ],
    ),
    m(
        "ULOG",
        &[
            ("ulog-nlgroup", 1),
            ("ulog-prefix", 1),
            ("ulog-cprange", 1),
            ("ulog-qthreshold", 1),
        ],
    ),
    m(
        "NFQUEUE",
        &[
            ("queue-num", 1),
            ("queue-balance", 1),
            ("queue-bypass", 0),
            ("queue-cpu-fanout", 0),
        ],
    ),
    m("TCPMSS", &[("set-mss", 1), ("clamp-mss-to-pmtu", 0)]),
    m("CLASSIFY", &[("set-class", 1)]),
    m(
        "TOS",
        &[
            ("set-tos", 1),
            ("and-tos", 1),
            ("or-tos", 1),
            ("xor-tos", 1),
        ],
    ),
    m("DSCP", &[("set-dscp", 1), ("set-dscp-class", 1)]),
    m(
        "SET",
        &[
            ("add-set", 2),
            ("del-set", 2),
            ("map-set", 2),
            ("timeout", 1),
            ("exist", 0),
            ("map-mark", 0),
            ("map-prio", 0),
            ("map-queue", 0),
        ],
    ),
    m(
        "TPROXY",
        &[("on-port", 1), ("on-ip", 1), ("tproxy-mark", 1)],
    ),
    m("TTL", &[("ttl-set", 1), ("ttl-dec", 1), ("ttl-inc", 1)]),
    m("HL", &[("hl-set", 1), ("hl-dec", 1), ("hl-inc", 1)]),
    m("ECN", &[("ecn-tcp-remove", 0)]),
    m("AUDIT", &[("type", 1)]),
    m("CHECKSUM", &[("checksum-fill", 0)]),
    m("SECMARK", &[("selctx", 1)]),
    m("CONNSECMARK", &[("save", 0), ("restore", 0)]),
    m("TEE", &[("gateway", 1)]),
    m("TCPOPTSTRIP", &[("strip-options", 1)]),
    m(
        "IDLETIMER",
        &[
            ("timeout", 1),
            ("label", 1),
            ("alarm", 0),
            ("send_nl_msg", 1),
        ],
    ),
    m(
        "LED",
        &[
            ("led-trigger-id", 1),
            ("led-delay", 1),
            ("led-always-blink", 0),
        ],
    ),
    m(
        "RATEEST",
        &[
            ("rateest-name", 1),
            ("rateest-interval", 1),
            ("rateest-ewmalog", 1),
        ],
    ),
    m(
        "SYNPROXY",
        &[
            ("mss", 1),
            ("wscale", 1),
            ("sack-perm", 0),
            ("timestamps", 0),
            ("ecn", 0),
        ],
    ),
    m(
        "HMARK",
        &[
            ("hmark-tuple", 1),
            ("hmark-mod", 1),
            ("hmark-offset", 1),
            ("hmark-src-prefix", 1),
            ("hmark-dst-prefix", 1),
            ("hmark-rnd", 1),
        ],
    ),
    m(
        "ROUTE",
        &[
            ("oif", 1),
            ("iif", 1),
            ("gw", 1),
            ("continue", 0),
            ("tee", 0),
        ],
    ),
    m("SAME", &[("to", 1), ("nodst", 0), ("random", 0)]),
    m("DNPT", &[("src-pfx", 1), ("dst-pfx", 1)]),
    m("SNPT", &[("src-pfx", 1), ("dst-pfx", 1)]),
    m("TARPIT", &[("tarpit", 0), ("honeypot", 0), ("reset", 0)]),
    m("FLOWOFFLOAD", &[("hw", 0)]),
];

const fn m(name: &'static str, options: &'static [OptionSpec]) -> ModuleSpec {
    ModuleSpec { name, options }
}

/// A match module by name.
pub(super) fn match_module(name: &str) -> Option<&'static ModuleSpec> {
    MATCHES.iter().find(|m| m.name == name)
}

/// A target with options by name.
pub(super) fn target(name: &str) -> Option<&'static ModuleSpec> {
    TARGETS.iter().find(|m| m.name == name)
}

/// The option that `word` (without dashes) means in a module: its full name,
/// or an abbreviation that fits one option alone, as getopt allows.
pub(super) fn option(module: &ModuleSpec, word: &str) -> Option<OptionSpec> {
    if let Some(found) = module.options.iter().find(|o| o.0 == word) {
        return Some(*found);
    }
    let mut found = module.options.iter().filter(|o| o.0.starts_with(word));
    match (found.next(), found.next()) {
        (Some(one), None) if word.len() > 1 => Some(*one),
        _ => None,
    }
}

/// One spelling for options that have several.
pub(super) fn canonical(name: &'static str) -> &'static str {
    match name {
        "destination-port" => "dport",
        "source-port" => "sport",
        "destination-ports" => "dports",
        "source-ports" => "sports",
        "source-country" => "src-cc",
        "destination-country" => "dst-cc",
        other => other,
    }
}
