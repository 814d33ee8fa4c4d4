//! Which words of a `set` command name fields, and which are their values.
//!
//! One command may give several fields of an object:
//! `set ... rules A from trust to untrust action allow`. The words alone do not
//! say where a value ends, so what follows one is looked up among the fields of
//! the objects around it. XML and braces say it themselves and need no shapes;
//! sections without a shape are read as one path.

/// What may follow a word.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// One value, or a list of values in brackets.
    Value,
    /// A name, and then what the object of that name has.
    Named(&'static Shape),
    /// Fields.
    Fields(&'static [(&'static str, Shape)]),
}

use Shape::{Fields, Named, Value};

impl Shape {
    /// The shape behind a field of that name.
    pub(super) fn field(self, name: &str) -> Option<Self> {
        let Fields(fields) = self else { return None };
        let mut found = fields.iter().filter(|(field, _)| *field == name);
        found.next().map(|(_, shape)| *shape)
    }
}

/// A value without fields.
const NOTHING: Shape = Fields(&[]);

const TARGET: Shape = Fields(&[
    ("negate", Value),
    ("devices", Named(&Fields(&[("vsys", Value)]))),
    ("tags", Value),
]);

const PROFILES: Shape = Fields(&[
    ("group", Value),
    (
        "profiles",
        Fields(&[
            ("virus", Value),
            ("spyware", Value),
            ("vulnerability", Value),
            ("url-filtering", Value),
            ("file-blocking", Value),
            ("wildfire-analysis", Value),
            ("data-filtering", Value),
            ("gtp", Value),
            ("sctp", Value),
        ]),
    ),
]);

const SECURITY: Shape = Named(&Fields(&[
    ("from", Value),
    ("to", Value),
    ("source", Value),
    ("destination", Value),
    ("source-user", Value),
    ("application", Value),
    ("service", Value),
    ("category", Value),
    ("hip-profiles", Value),
    ("source-hip", Value),
    ("destination-hip", Value),
    ("action", Value),
    ("negate-source", Value),
    ("negate-destination", Value),
    ("rule-type", Value),
    ("disabled", Value),
    ("schedule", Value),
    ("icmp-unreachable", Value),
    ("log-start", Value),
    ("log-end", Value),
    ("log-setting", Value),
    ("description", Value),
    ("tag", Value),
    ("group-tag", Value),
    ("uuid", Value),
    ("target", TARGET),
    ("profile-setting", PROFILES),
    (
        "option",
        Fields(&[("disable-server-response-inspection", Value)]),
    ),
]));

const POOL: Shape = Fields(&[
    ("translated-address", Value),
    (
        "interface-address",
        Fields(&[("interface", Value), ("ip", Value), ("floating-ip", Value)]),
    ),
    ("bi-directional", Value),
]);

const NAT: Shape = Named(&Fields(&[
    ("from", Value),
    ("to", Value),
    ("source", Value),
    ("destination", Value),
    ("service", Value),
    ("to-interface", Value),
    ("nat-type", Value),
    ("disabled", Value),
    ("description", Value),
    ("tag", Value),
    ("group-tag", Value),
    ("active-active-device-binding", Value),
    ("target", TARGET),
    (
        "source-translation",
        Fields(&[
            ("dynamic-ip-and-port", POOL),
            ("persistent-dynamic-ip-and-port", POOL),
            ("dynamic-ip", POOL),
            ("static-ip", POOL),
        ]),
    ),
    ("destination-translation", TRANSLATED),
    ("dynamic-destination-translation", TRANSLATED),
]));

const TRANSLATED: Shape = Fields(&[
    ("translated-address", Value),
    ("translated-port", Value),
    ("distribution", Value),
    ("dns-rewrite", Fields(&[("direction", Value)])),
]);

const ZONES: Shape = Fields(&[("zone", Value), ("interface", Value)]);

const FORWARDING: Shape = Named(&Fields(&[
    ("from", ZONES),
    ("to", ZONES),
    ("source", Value),
    ("destination", Value),
    ("source-user", Value),
    ("application", Value),
    ("service", Value),
    ("negate-source", Value),
    ("negate-destination", Value),
    ("schedule", Value),
    ("disabled", Value),
    ("description", Value),
    ("tag", Value),
    ("target", TARGET),
    (
        "action",
        Fields(&[
            (
                "forward",
                Fields(&[
                    ("egress-interface", Value),
                    ("nexthop", Fields(&[("ip-address", Value), ("fqdn", Value)])),
                ]),
            ),
            ("discard", NOTHING),
            ("no-pbf", NOTHING),
        ]),
    ),
]));

/// Rule lists whose rules have simple fields alone.
const SIMPLE: Shape = Named(&Fields(&[
    ("from", Value),
    ("to", Value),
    ("source", Value),
    ("destination", Value),
    ("source-user", Value),
    ("application", Value),
    ("service", Value),
    ("category", Value),
    ("protocol", Value),
    ("port", Value),
    ("action", Value),
    ("profile", Value),
    ("authentication-enforcement", Value),
    ("negate-source", Value),
    ("negate-destination", Value),
    ("disabled", Value),
    ("schedule", Value),
    ("description", Value),
    ("tag", Value),
    ("target", TARGET),
    (
        "type",
        Fields(&[
            ("ssl-forward-proxy", NOTHING),
            ("ssh-proxy", NOTHING),
            ("ssl-inbound-inspection", Value),
        ]),
    ),
]));

const QOS: Shape = Named(&Fields(&[
    ("from", Value),
    ("to", Value),
    ("source", Value),
    ("destination", Value),
    ("source-user", Value),
    ("application", Value),
    ("service", Value),
    ("category", Value),
    ("action", Fields(&[("class", Value)])),
    ("disabled", Value),
]));

const DOS: Shape = Named(&Fields(&[
    ("from", ZONES),
    ("to", ZONES),
    ("source", Value),
    ("destination", Value),
    ("source-user", Value),
    ("service", Value),
    ("action", Value),
    ("schedule", Value),
    ("disabled", Value),
    ("log-setting", Value),
    (
        "protection",
        Fields(&[
            ("aggregate", Fields(&[("profile", Value)])),
            (
                "classified",
                Fields(&[
                    ("profile", Value),
                    ("classification-criteria", Fields(&[("address", Value)])),
                ]),
            ),
        ]),
    ),
]));

const RULEBASE: Shape = Fields(&[
    ("security", Fields(&[("rules", SECURITY)])),
    ("default-security-rules", Fields(&[("rules", SECURITY)])),
    ("nat", Fields(&[("rules", NAT)])),
    ("pbf", Fields(&[("rules", FORWARDING)])),
    ("application-override", Fields(&[("rules", SIMPLE)])),
    ("decryption", Fields(&[("rules", SIMPLE)])),
    ("authentication", Fields(&[("rules", SIMPLE)])),
    ("qos", Fields(&[("rules", QOS)])),
    ("dos", Fields(&[("rules", DOS)])),
]);

const ADDRESS: Shape = Named(&Fields(&[
    ("ip-netmask", Value),
    ("ip-range", Value),
    ("ip-wildcard", Value),
    ("fqdn", Value),
    ("description", Value),
    ("tag", Value),
    ("disable-override", Value),
]));

const ADDRESS_GROUP: Shape = Named(&Fields(&[
    ("static", Value),
    ("dynamic", Fields(&[("filter", Value)])),
    ("description", Value),
    ("tag", Value),
    ("disable-override", Value),
]));

const PORTS: Shape = Fields(&[
    ("port", Value),
    ("source-port", Value),
    (
        "override",
        Fields(&[
            (
                "yes",
                Fields(&[
                    ("timeout", Value),
                    ("halfclose-timeout", Value),
                    ("timewait-timeout", Value),
                ]),
            ),
            ("no", NOTHING),
        ]),
    ),
]);

const SERVICE: Shape = Named(&Fields(&[
    (
        "protocol",
        Fields(&[("tcp", PORTS), ("udp", PORTS), ("sctp", PORTS)]),
    ),
    ("description", Value),
    ("tag", Value),
    ("disable-override", Value),
]));

const GROUP: Shape = Named(&Fields(&[
    ("members", Value),
    ("description", Value),
    ("tag", Value),
    ("disable-override", Value),
]));

const APPLICATION: Shape = Named(&Fields(&[
    (
        "default",
        Fields(&[
            ("port", Value),
            ("ident-by-ip-protocol", Value),
            (
                "ident-by-icmp-type",
                Fields(&[("type", Value), ("code", Value)]),
            ),
            (
                "ident-by-icmp6-type",
                Fields(&[("type", Value), ("code", Value)]),
            ),
        ]),
    ),
    ("category", Value),
    ("subcategory", Value),
    ("technology", Value),
    ("risk", Value),
    ("parent-app", Value),
    ("description", Value),
    ("timeout", Value),
    ("tcp-timeout", Value),
    ("udp-timeout", Value),
]));

const SCHEDULE: Shape = Named(&Fields(&[(
    "schedule-type",
    Fields(&[
        (
            "recurring",
            Fields(&[
                ("daily", Value),
                (
                    "weekly",
                    Fields(&[
                        ("monday", Value),
                        ("tuesday", Value),
                        ("wednesday", Value),
                        ("thursday", Value),
                        ("friday", Value),
                        ("saturday", Value),
                        ("sunday", Value),
                    ]),
                ),
            ]),
        ),
        ("non-recurring", Value),
    ]),
)]));

const ZONE: Shape = Named(&Fields(&[
    (
        "network",
        Fields(&[
            ("layer3", Value),
            ("layer2", Value),
            ("virtual-wire", Value),
            ("tap", Value),
            ("tunnel", Value),
            ("external", Value),
            ("zone-protection-profile", Value),
            ("log-setting", Value),
        ]),
    ),
    ("enable-user-identification", Value),
]));

const UNIT: Shape = Named(&Fields(&[
    ("ip", Named(&NOTHING)),
    ("tag", Value),
    ("mtu", Value),
    ("comment", Value),
    ("interface-management-profile", Value),
]));

const PORT: Shape = Named(&Fields(&[
    (
        "layer3",
        Fields(&[
            ("ip", Named(&NOTHING)),
            ("mtu", Value),
            ("interface-management-profile", Value),
            ("units", UNIT),
        ]),
    ),
    ("link-state", Value),
    ("comment", Value),
]));

const UNITS: Shape = Fields(&[("units", UNIT)]);

const ROUTE: Shape = Named(&Fields(&[
    ("destination", Value),
    ("interface", Value),
    (
        "nexthop",
        Fields(&[
            ("ip-address", Value),
            ("ipv6-address", Value),
            ("next-vr", Value),
            ("next-lr", Value),
            ("fqdn", Value),
            ("discard", NOTHING),
        ]),
    ),
    ("metric", Value),
    ("admin-dist", Value),
]));

const ROUTER: Shape = Fields(&[
    ("interface", Value),
    (
        "routing-table",
        Fields(&[
            ("ip", Fields(&[("static-route", ROUTE)])),
            ("ipv6", Fields(&[("static-route", ROUTE)])),
        ]),
    ),
]);

const NETWORK: Shape = Fields(&[
    (
        "interface",
        Fields(&[
            ("ethernet", PORT),
            ("aggregate-ethernet", PORT),
            ("vlan", UNITS),
            ("loopback", UNITS),
            ("tunnel", UNITS),
        ]),
    ),
    ("virtual-router", Named(&ROUTER)),
    ("logical-router", Named(&Fields(&[("vrf", Named(&ROUTER))]))),
]);

/// Sections of a virtual system, a device group, or shared.
const SCOPE: Shape = Fields(&[
    ("rulebase", RULEBASE),
    ("pre-rulebase", RULEBASE),
    ("post-rulebase", RULEBASE),
    ("address", ADDRESS),
    ("address-group", ADDRESS_GROUP),
    ("service", SERVICE),
    ("service-group", GROUP),
    ("application", APPLICATION),
    ("application-group", GROUP),
    ("schedule", SCHEDULE),
    ("zone", ZONE),
]);

const CONFIG: Shape = Fields(&[
    ("network", NETWORK),
    ("vsys", Named(&SCOPE)),
    ("shared", SCOPE),
]);

/// What follows `set`, apart from the sections of [`SCOPE`], which may too.
const TOP: Shape = Fields(&[
    ("network", NETWORK),
    ("vsys", Named(&SCOPE)),
    ("device-group", Named(&SCOPE)),
    ("shared", SCOPE),
    ("template", Named(&Fields(&[("config", CONFIG)]))),
    ("template-stack", Named(&Fields(&[("config", CONFIG)]))),
    ("policy", Fields(&[("panorama", SCOPE)])),
]);

/// The shape behind the first word of a path.
pub(super) fn of_section(first: &str) -> Option<Shape> {
    TOP.field(first).or_else(|| SCOPE.field(first))
}
