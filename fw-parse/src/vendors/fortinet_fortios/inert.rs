//! What a FortiOS configuration holds that cannot decide which transit
//! traffic passes.
//!
//! A name that ends in `*` stands for all names that start so.

/// True if `name` is on `list`.
pub fn listed(list: &[&str], name: &str) -> bool {
    list.iter().any(|item| match item.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => *item == name,
    })
}

/// The reason for which a section is inert, if it is.
pub fn section(path: &str) -> Option<&'static str> {
    SECTIONS
        .iter()
        .find(|(list, _)| listed(list, path))
        .map(|(_, reason)| *reason)
}

#[rustfmt::skip]
const SECTIONS: &[(&[&str], &str)] = &[
    (
        &[
            "log*", "report*", "alertemail*", "monitoring*", "system snmp*", "system sflow", "system netflow",
            "system replacemsg*", "system email-server", "system alert*", "system custom-language",
            "system alertemail", "system vdom-netflow", "system vdom-sflow", "system npu-setting*",
            "system ptp", "telemetry*",
        ],
        "logging, reporting and messages",
    ),
    (
        &[
            "system accprofile", "system admin", "system console", "gui*", "system sso-*", "system saml",
            "system api-user", "system central-management", "system fortiguard", "system autoupdate*",
            "system ntp", "system dns", "system dns-*", "system ddns", "system fortimanager", "system fm",
            "system fips-cc", "system storage", "system auto-install", "system auto-script",
            "system automation-*", "system ftm-push", "system password-policy*", "system object-tagging",
            "system probe-response", "system fortisandbox", "system csf", "system resource-limits",
            "system vdom-property", "system vdom-exception", "system vdom-dns", "system global-resources",
            "system management-tunnel", "system external-resource", "system federated-upgrade",
            "system speed-test*", "system device-upgrade", "system startup*", "system bug-report",
            "system ike", "system acme", "system smc-ntp", "system stp", "system affinity*",
            "system dedicated-mgmt", "system tos-based-priority", "system dscp-based-priority",
            "system geoip-*", "system geoip-override", "system fabric-*", "system lte-modem", "system modem",
            "system 3g-modem*", "system physical-switch", "system nd-proxy", "system nethsm",
            "system ssh-config", "system ssh-*", "system lldp*", "system evpn", "system isf-queue-profile",
            "system cloud-service", "system fortindr", "system fortai", "system fortianalyzer*",
            "system info*", "system pcp-server", "system status", "system gui-dashboard",
            "extension-controller*", "extender*", "system timezone", "system tool*", "certificate*", "rule*",
            "system network-visibility", "system security-rating*", "system sdn-connector", "system sdn-*",
            "system np6*", "system npu*", "system arp-table", "system proxy-arp",
            "system ipv6-neighbor-cache", "system mac-address-table", "system interface-pair*", "system wccp",
            "system session-sync", "system ha", "system ha-monitor", "system cluster-sync",
            "system standalone-cluster", "system auto-scale", "system vmlicense", "system vne-tunnel",
            "system ipam", "system port-pair", "system link-monitor", "system health-check-fortiguard",
            "system virtual-switch", "system switch-interface-member", "system vdom-radius-server",
            "system dhcp*", "system dhcp6*", "system nat64*", "system fsso-polling", "dpdk*",
            "system ipsec-aggregate", "system mobile-tunnel", "system aux", "system ipip6-tunnel",
            "system sit-tunnel", "system ipv6-tunnel", "system vxlan",
            "system virtual-wire-pair*", "system pppoe-interface", "system wireless*",
            "system carrier-endpoint-translation", "system admin*", "system backup*", "automation*",
            "ethernet-oam*", "system alarm", "system alias", "system geneve", "system ips", "system ips-urlfilter*",
            "system ngfw-settings", "system sms-server", "system vne-interface", "system vpce", "netscan*",
        ],
        "management of the device and its links",
    ),
    (
        &[
            "wireless-controller*", "switch-controller*", "wanopt*", "web-proxy*", "ftp-proxy*",
            "endpoint-control*", "firewall explicit-proxy-policy", "firewall proxy-policy",
            "firewall proxy-addr*", "firewall service explicit-web", "firewall proxy-*",
            "firewall identity-based-route", "nsxt*", "system nst*", "diameter*", "ztna*",
        ],
        "access layer and proxies on the device",
    ),
    (
        &[
            "antivirus*", "webfilter*", "spamfilter*", "emailfilter*", "dnsfilter*", "dlp*", "ips*",
            "application*", "voip*", "icap*", "waf*", "file-filter*", "cifs*", "videofilter*", "sctp-filter*",
            "imp2p*", "virtual-patch*", "casb*", "ssh-filter*", "gtp*", "pfcp*",
            "firewall profile-protocol-options", "firewall profile-group", "firewall interface-policy*",
            "firewall sniff*", "firewall mms-profile", "firewall gtp", "firewall ssl-server", "firewall ssh*",
            "firewall ssl setting", "firewall ssl*", "firewall wildcard-fqdn*",
            "firewall decrypted-traffic-mirror", "firewall on-demand-sniffer", "system replacemsg-image",
        ],
        "content inspection; permits are taken as they stand",
    ),
    (
        &[
            "user*", "authentication*", "vpn certificate*", "vpn ipsec*", "vpn ssl*", "vpn l2tp", "vpn pptp",
            "vpn ocvpn", "vpn kmip-server", "vpn qkd", "vpn*", "firewall auth-portal",
            "firewall access-proxy*", "firewall vip-realserver*",
        ],
        "identities and tunnels; policies name them",
    ),
    (
        &[
            "firewall shaper*", "firewall shaping*", "firewall traffic-class", "firewall dnstranslation",
            "firewall service category", "firewall internet-service-definition",
            "firewall internet-service-name", "firewall internet-service-extension",
            "firewall internet-service*", "firewall country", "firewall region", "firewall city",
            "firewall vendor-mac*", "firewall ipmacbinding*", "firewall ldb-monitor", "firewall global",
            "firewall iprope*", "firewall address6-template", "firewall object-color*",
            "firewall network-service-dynamic", "firewall carrier*", "firewall ippool_grp",
        ],
        "names, shaping and monitors",
    ),
    (
        &[
            "router key-chain", "router access-list*", "router prefix-list*", "router route-map",
            "router aspath-list", "router community-list", "router extcommunity-list", "router auth-path",
            "router setting", "router bfd*", "router multicast*", "router multicast-flow", "router isis",
            "router bgp", "router ospf*", "router rip*", "router mroute*",
        ],
        "dynamic routing; what it learns is not in the configuration",
    ),
];

/// Settings of a policy without effect on what it matches or does.
#[rustfmt::skip]
pub const POLICY: &[&str] = &[
    "uuid", "comments", "comment", "label", "global-label", "tags", "color", "uuid-idx", "custom-log-fields",
    "capture-packet", "logtraffic-start", "logtraffic-app", "log", "replacemsg-override-group",
    "replacemsg-group", "auto-asic-offload", "np-acceleration", "np-accelation", "policy-offload", "auth-*",
    "captive-portal-exempt", "block-notification", "schedule-timeout", "timeout-send-rst", "tcp-mss-*",
    "anti-replay", "delay-tcp-npu-session", "email-collect", "fec", "dsri", "inspection-mode", "profile-type",
    "profile-protocol-options", "firewall-session-dirty", "passive-wan-health-measurement",
    "radius-mac-auth-bypass", "ssl-mirror*", "decrypted-traffic-mirror", "webproxy-profile", "geoip-anycast",
    "geoip-match", "app-monitor", "log-unmatched-traffic", "log-http-transaction", "vlan-cos-fwd",
    "vlan-cos-rev", "match-vip-status", "session-ttl-override", "utm-inspection-mode",
    "scan-botnet-connections", "devices-log", "fsso-agent-for-ntlm", "ntlm-guest", "ntlm-enabled-browsers",
    "identity-from", "redirect-url", "wanopt-detection", "wanopt-passive-opt", "wanopt-peer",
    "wanopt-profile", "wsso", "rsso", "poolname6-*", "port-preserve", "cgn-log-server-grp",
    "traffic-shaper-id", "virus-log", "extended-log", "extended-traffic-log", "http-tunnel-auth",
    "ztna-policy-redirect-*", "dynamic-shaping", "send-deny-packet", "diffserv-copy", "udp-timeout-send*",
    "policy-behaviour-type",
];

/// Settings of a policy that do nothing while they are `disable` and are not
/// understood otherwise.
#[rustfmt::skip]
pub const POLICY_IF_DISABLED: &[&str] = &[
    "disclaimer", "ztna-status", "nat46", "nat64", "permit-any-host", "permit-stun-host",
    "http-policy-redirect", "ssh-policy-redirect", "wccp", "webcache", "webcache-https", "wanopt",
    "reputation*", "identity-based", "tos-negate", "sgt-check", "fsso", "ntlm", "rtp-nat", "policy-expiry",
    "match-vip-only", "internet-service*", "network-service-dynamic", "srcaddr-negate", "dstaddr-negate",
    "srcaddr6-negate", "dstaddr6-negate", "service-negate", "inbound", "outbound", "natinbound",
    "natoutbound", "endpoint-check", "endpoint-compliance", "dynamic-profile", "client-reputation",
    "device-detection", "voip-*", "ztna-device-ownership", "pcp-inbound", "pcp-outbound", "cgn-eif",
    "cgn-eim", "sso-auth-method", "ip-based", "require-tfa", "sslvpn-*", "transaction-based",
    "ztna-tags-match-logic", "fall-through-unauthenticated",
];

/// Settings of an address object or group.
#[rustfmt::skip]
pub const ADDRESS: &[&str] = &[
    "uuid", "comment", "comments", "color", "visibility", "associated-interface", "tags", "tagging",
    "allow-routing", "cache-ttl", "fabric-object", "obj-id", "list", "category", "organization", "hw-*",
    "node-ip-only", "fabric-*", "route-tag-*", "macaddr-*", "passive-fqdn-learning",
];

/// Settings of a service or service group.
#[rustfmt::skip]
pub const SERVICE: &[&str] = &[
    "uuid", "comment", "comments", "color", "visibility", "category", "tags", "tcp-halfclose-timer",
    "tcp-halfopen-timer", "tcp-timewait-timer", "tcp-rst-timer", "check-reset-range", "helper",
    "fabric-object", "explicit-proxy", "obj-id",
];

/// Settings of a schedule.
#[rustfmt::skip]
pub const SCHEDULE: &[&str] = &[
    "uuid", "comment", "color", "expiration-days", "fabric-object", "start-utc", "end-utc", "label-day",
];

/// Settings of a virtual address.
#[rustfmt::skip]
pub const VIP: &[&str] = &[
    "uuid", "id", "comment", "color", "arp-reply", "gratuitous-arp-interval", "monitor", "persistence",
    "ldb-method", "http-*", "https-*", "ssl-*", "outlook-web-access", "weblogic-server", "websphere-server",
    "max-embryonic-connections", "dns-mapping-ttl", "tags", "one-click-gslb-server", "gslb-*", "h2-support",
    "h3-support", "ndp-reply", "nat-source-vip-*", "portmapping-type-*", "server-type", "add-nat46-route",
    "add-nat64-route", "quic", "client-cert", "empty-cert-action", "user-agent-detect", "warning-*",
    "healthcheck-*",
];

/// Settings of a NAT pool.
#[rustfmt::skip]
pub const POOL: &[&str] = &[
    "comments", "comment", "arp-reply", "arp-intf", "associated-interface", "color", "uuid",
    "permit-any-host", "pba-*", "block-size", "num-blocks-per-user", "cgn-*", "port-per-user", "startport",
    "endport", "add-nat64-route", "nat64", "nat46", "type", "subnet-broadcast-in-ippool", "source-startip",
    "source-endip", "exclude-ip", "tcp-session-quota", "udp-session-quota", "icmp-session-quota",
    "privileged-port-use-pba", "source-prefix6", "add-nat46-route", "client-prefix-length",
];

/// Settings of an interface that leave what it carries alone.
#[rustfmt::skip]
pub const INTERFACE: &[&str] = &[
    "alias", "description", "type", "snmp-index", "role", "estimated-*", "monitor-bandwidth", "mtu",
    "mtu-override", "speed", "mediatype", "fec", "forward-error-correction", "lldp-*", "device-*",
    "fortilink*", "switch-controller-*", "explicit-*", "icmp-*", "color", "macaddr", "interface", "vlanid",
    "vlan-protocol", "vlanforward", "stpforward*", "l2forward", "arpforward", "ndiscforward",
    "broadcast-forward", "broadcast-forticlient-discovery", "netbios-forward", "wins-ip", "dhcp-*",
    "dhcp-relay-*", "dhcp6-*", "distance", "priority", "dns-server-override", "dns-server-protocol",
    "defaultgw", "weight", "remote-ip", "trunk", "lacp-*", "min-links*", "algorithm", "link-up-delay",
    "aggregate", "aggregate-type", "redundant-interface", "member", "sflow-*", "sample-*", "sample-rate",
    "polling-interval", "netflow-*", "ipfix*", "ip-managed-by-fortiipam", "managed-subnetwork-size",
    "auto-auth-extension-device", "ap-discover", "fail-*", "gwdetect", "detect*", "ping-serv-status",
    "ha-priority", "inbandwidth", "outbandwidth", "ingress-*", "egress-*", "disconnect-threshold",
    "spillover-threshold", "preserve-session-route", "bfd*", "pptp-*", "username", "password", "auth-type",
    "idle-timeout", "ipunnumbered", "padt-retry-timeout", "disc-retry-timeout", "lcp-*", "pppoe-*",
    "service-name", "ac-name", "external", "internal", "replacemsg-override-group", "management-ip", "swc-*",
    "tc-mode", "phy-*", "wccp", "drop-overlapped-fragment", "drop-fragment", "tcp-mss",
    "proxy-captive-portal", "secondary-IP", "security-groups", "security-8021x-*", "security-exempt-list",
    "security-mac-auth-bypass", "security-external-*", "security-redirect-url", "security-ip-auth-bypass",
    "captive-portal", "vrrp-virtual-mac", "substitute-dst-mac", "subst", "dedicated-to",
    "trust-ip*", "trust-ip6*", "eip", "np-qos-profile", "measured-*", "bandwidth-measure-time", "ring-*",
    "priority-override", "inc-*", "egress-shaping-profile", "reachable-time", "cli-conn-status", "internal-*",
    "stp", "stp-ha-secondary", "stp-edge", "nontp-web-proxy", "mirroring-*", "interconnect-profile",
    "client-options", "default-purdue-level", "exclude-signatures", "sfp-dsl*", "poe", "snmp-*",
    "virtual-mac", "vlan-op-mode", "profiles", "dial-*", "telemetry-discover", "ident-accept",
    "ips-sniffer-mode-*", "scan-botnet-connections", "monitor-*", "fp-*", "forward-domain-*", "bypass-*",
    "fortiheartbeat", "endpoint-compliance", "managed-device", "threshold-*", "dhcp-smart-relay", "switch",
    "fp-anomaly", "estimated-upstream-bandwidth", "transmit-*", "allow-*", "ac-*", "dslam*", "multiplexer*",
    "vpi", "vci", "cellular*", "wifi-*", "broadcast-*", "gi-gk", "pbr-*", "ping-*", "netscan*", "wireless-*",
    "vap-*",
];

/// Settings of a virtual router (VRRP) besides its address.
#[rustfmt::skip]
pub const VRRP: &[&str] = &[
    "version", "vrgrp", "priority", "adv-interval", "start-time", "preempt", "accept-mode", "vrdst",
    "vrdst-priority", "ignore-default-route", "status",
];

/// Nested blocks of an interface.
#[rustfmt::skip]
pub const INTERFACE_BLOCKS: &[&str] = &[
    "egress-queues", "client-options", "tagging", "wifi-networks", "wifi-*", "l2tp-client-settings",
    "dhcp-snooping-server-list", "mirroring-filter", "phy-setting",
];

/// Settings of the IPv6 side of an interface.
#[rustfmt::skip]
pub const INTERFACE6: &[&str] = &[
    "ip6-send-adv", "ip6-manage-flag", "ip6-other-flag", "ip6-max-interval", "ip6-min-interval",
    "ip6-link-mtu", "ip6-reachable-time", "ip6-retrans-time", "ip6-default-life", "ip6-hop-limit",
    "ip6-dns-*", "dhcp6-*", "autoconf", "ip6-upstream-interface", "ip6-subnet", "vrrp-*", "vrip6*", "nd-*",
    "ra-send-mtu", "unique-autoconf-addr", "ip6-delegated-*", "ip6-prefix-mode", "cli-conn6-status",
    "interface-identifier", "ip6-adv-rio", "ip6-rdnss*", "ip6-route-*", "icmp6-*",
];

/// Settings of `system global` without effect on transit traffic.
#[rustfmt::skip]
pub const GLOBAL: &[&str] = &[
    "access-banner", "service-expire-notification", "admin*", "alias", "anti-replay", "arp-max-entry",
    "auth-*", "asymroute-*", "auto-auth-extension-device", "av-*", "autorun-log-fsck", "batch-*",
    "block-session-timer", "bfd*", "br-fdb-max-entry", "cert-*", "cfg-*", "check-protocol-header",
    "check-reset-range", "cli-*", "cloud-communication", "clt-cert-req", "cmdbsvr-affinity", "compliance-*",
    "cpu-use-threshold", "csr-ca-attribute", "daily-restart", "default-service-source-port", "delay-*",
    "device-*", "dh-params", "dnsproxy-*", "dst", "detection-summary", "dhcp-*", "dp-*",
    "early-tcp-npu-session", "edit-vdom-prompt", "endpoint-*", "extender-*", "explicit-*", "fabric-storage*",
    "failtime", "faz-*", "fds-*", "fec-*", "fgd-*", "fips-*", "forti*", "forticarrier-*", "fwpolicy*",
    "gtpu-*", "gui-*", "ha-*", "hardware-*", "honor-df", "hostname-*", "http-*", "hyper-*", "icmp-*",
    "igmp-*", "internet-service-*", "internal-switch-*", "interface-subnet-usage", "interval", "ip-*",
    "ipsec-*", "ips-*", "ipv6-accept-dad", "ipv6-allow-anycast-probe", "ipv6-allow-local-in-*", "irq-*",
    "language", "ldapconntimeout", "lldp-*", "log-*", "login-*", "long-vdom-name", "management-*", "max-*",
    "memory-*", "mc-*", "miglog*", "miglogd-*", "multi-factor-*", "multicast-*", "ndp-max-entry", "ntpserver",
    "ntpsync", "npu-*", "num-cpus", "optimize*", "per-user-bal", "per-user-bwl", "phase1-rekey",
    "policy-auth-*", "port-*", "post-login-banner", "pre-login-banner", "private-*", "proxy-*",
    "purdue-level", "quic-*", "radius-port", "reboot-upon-*", "refresh", "registration-*", "remote-auth-*",
    "remoteauthtimeout", "reset-sessionless-tcp", "restart-*", "revision-*", "rolling-*", "rt-dump-*",
    "scanunit-*", "scim-*", "security-rating-*", "send-pmtu-icmp", "sflowd-*", "show-backplane-intf",
    "single-vdom-npuvlink", "snat-route-change", "special-file-23-support", "speedtest*", "split-port*",
    "ssd-*", "ssh-*", "ssl-*", "sslvpn-*", "sslvpn*", "ssl*", "strict-dirty-session-check", "strong-crypto",
    "switch-*", "sys-*", "sysctl-*", "syncinterval", "syslog-*", "tcp-halfclose-timer", "tcp-halfopen-timer",
    "tcp-option", "tcp-rst-timer", "tcp-timewait-timer", "telemetry-*", "tftp", "timezone",
    "tp-mc-skip-policy", "tos-based-*", "traffic-priority*", "tunnel-*", "two-factor-*", "upgrade-report",
    "url-filter-*", "usb-*", "user-*", "uuid", "vdom-admin", "vdom-mode", "vip-arp-range", "virtual-*",
    "vpn-*", "wad-*", "wifi-*", "wimax-*", "wireless-*", "wan-*", "webfilter-*", "user-server-cert", "lcdpin",
    "lcdprotection", "local-anomaly", "conn-tracking", "ie6workaround", "gui-lines-per-page",
    "http-obfuscate", "tcp-*", "update-*", "session-*", "fmc-*", "http-view", "ingress-*", "pmtu-discovery",
    "use-usb-wan", "vdom-*", "mgmt-*", "phase1-*", "loglocaldeny", "fortinet-bar*", "lan-*", "clientless-*",
    "cmdb*", "dev-*", "dnat-*",
];

/// Settings of `system settings` without effect on transit traffic.
#[rustfmt::skip]
pub const SETTINGS: &[&str] = &[
    "comments", "gui-*", "inspection-mode", "vdom-type", "lan-extension-*", "sip-*", "default-voip-alg-mode",
    "ses-denied-traffic", "tcp-session-without-syn", "ecmp-max-paths", "v4-ecmp-mode", "v6-ecmp-mode",
    "firewall-session-dirty", "bfd*", "utf8-spam-tagging", "wccp-cache-engine", "vpn-stats-*", "manageip",
    "manageip6", "gateway", "gateway6", "ip", "ip6", "device", "mac-ttl", "discovered-device-timeout",
    "email-portal-check-dns", "default-policy-expiry-days", "http-external-dest", "location-id", "lldp-*",
    "link-down-access", "nat46-generate-*", "nat46-force-ipv4-*", "nat64-force-ipv6-*", "p2p-rate-limit",
    "fqdn-session-check", "ike-*", "ext-resource-session-check", "dyn-addr-session-check", "dhcp-proxy*",
    "dhcp-server-ip", "dhcp6-server-ip", "deny-tcp-with-icmp", "delay-tcp-npu-session",
    "allow-linkdown-path", "allow-subnet-overlap", "auxiliary-session", "application-bandwidth-tracking",
    "block-land-attack", "ses-denied-multicast-traffic", "internet-service-database-cache",
    "internet-service-app-ctrl-size", "intree-ses-best-route", "detect-unknown-esp", "snat-hairpin-traffic",
    "hairpin-*", "sctp-session-without-init", "ssl-ssh-profile", "motherboard-traffic-forwarding",
    "multicast-ttl-notchange", "policy-offload-level", "prp-trailer-action", "dp-load-distribution-method",
    "mcast-session-accounting", "mcast-session-counting", "mcast-session-counting6",
    "gui-default-policy-columns", "best-route-*", "default-app-port-as-service", "allow-tcp-*",
    "h323-direct-model", "session-insert-trial",
];

/// Settings of a static route.
#[rustfmt::skip]
pub const ROUTE: &[&str] = &[
    "comment", "weight", "link-monitor-exempt", "bfd", "tag", "dynamic-gateway", "preferred-source",
    "seq-num", "uuid", "virtual-wan-link", "sdwan",
];

/// Settings of a policy route.
#[rustfmt::skip]
pub const POLICY_ROUTE: &[&str] = &[
    "comments", "comment", "uuid", "gateway",
];

/// Settings of SD-WAN and of its members.
#[rustfmt::skip]
pub const SDWAN: &[&str] = &[
    "load-balance-mode", "fail-*", "neighbor-*", "speedtest-bypass-routing", "duplication-*", "app-perf-*",
    "measured-*", "comment", "cost", "priority", "priority6", "weight", "volume-ratio", "source", "source6",
    "gateway", "gateway6", "ingress-spillover-threshold", "spillover-threshold", "seq-num",
    "preferred-source", "transport-group", "service-sla-tie-break", "minimum-sla-*", "advpn-*",
    "priority-in-sla", "priority-out-sla", "health-check-*",
];

/// Settings of other objects that only describe them.
#[rustfmt::skip]
pub const PLAIN: &[&str] = &[
    "uuid", "comment", "comments", "color", "description", "tags", "tagging", "fabric-object",
];
