//! Random rulesets.

use super::Abilities;
use crate::random::{Choose, Random};

struct Generator<'g> {
    random: &'g mut Random,
    able: &'g Abilities,
    near: &'g str,
    far: &'g str,
    family: &'static str,
}

const V4: [&str; 12] = [
    "10.0.1.0/24",
    "10.0.1.10",
    "10.1.0.0/17",
    "10.0.2.2",
    "10.0.2.0/24",
    "10.0.2.3",
    "192.0.2.0/25",
    "10.0.2.1",
    "10.0.1.1",
    "10.0.2.2-10.0.2.40",
    "8.0.0.0/6",
    "198.51.100.0/24",
];
const V6: [&str; 9] = [
    "fd00:1::/64",
    "fd00:1::10",
    "fd00:2::2",
    "fd00:2::/64",
    "fd00:2::3",
    "fd00:3::/48",
    "fd00:2::1",
    "fd00:1::1",
    "fd00:2::2-fd00:2::ff",
];
const PORTS: [&str; 9] = [
    "22",
    "53",
    "80",
    "443",
    "8080",
    "1000-2000",
    "1024-65535",
    "3128",
    "40000-60000",
];
const PORT_SETS: [&str; 5] = [
    "{ 22, 443 }",
    "{ 80, 8000-8100 }",
    "{ 53 }",
    "{ 1-79, 81-60000 }",
    "{ 22, 53, 80, 443 }",
];

/// A random ruleset.
#[must_use]
pub fn generate(random: &mut Random, able: &Abilities, near: &str, far: &str) -> String {
    let mut out = String::new();
    let count = 1 + random.below(3);
    for number in 0..count {
        let family = *random.pick(&["inet", "inet", "inet", "ip", "ip6"]);
        let mut generator = Generator {
            random: &mut *random,
            able,
            near,
            far,
            family,
        };
        let table = generator.table(number);
        out.push_str(&table);
    }
    out
}

impl Generator<'_> {
    fn table(&mut self, number: usize) -> String {
        let mut out = format!("table {} t{number} {{\n", self.family);
        if self.random.chance(3) {
            out.push_str("  flags dormant\n");
        }
        out.push_str(&self.sets());
        let own: Vec<String> = (0..self.random.below(4)).map(|n| format!("c{n}")).collect();
        // A chain is defined before it is jumped to, so the last one first.
        for (at, chain) in own.iter().enumerate().rev() {
            out.push_str(&format!("  chain {chain} {{\n"));
            for _ in 0..self.random.below(5) {
                let rule = self.rule("", at + 1, &own);
                out.push_str(&format!("    {rule}\n"));
            }
            out.push_str("  }\n");
        }
        let hooks = [
            ("prerouting", 35),
            ("input", 45),
            ("forward", 85),
            ("output", 35),
            ("postrouting", 25),
        ];
        for (hook, percent) in hooks {
            if !self.random.chance(percent) {
                continue;
            }
            let priority = match hook {
                "prerouting" => {
                    *self
                        .random
                        .pick(&["raw", "mangle", "filter", "dstnat + 5", "-250"])
                }
                "output" => *self
                    .random
                    .pick(&["raw", "mangle", "filter", "filter + 10"]),
                "postrouting" => *self.random.pick(&["mangle", "filter", "srcnat - 5"]),
                _ => *self.random.pick(&[
                    "filter",
                    "filter - 10",
                    "filter + 5",
                    "mangle",
                    "security",
                ]),
            };
            let early = matches!(priority, "raw" | "-250");
            let drops = match hook {
                "forward" => 60,
                "input" | "output" => 40,
                _ => 8,
            };
            let policy = if self.random.chance(drops) {
                "drop"
            } else {
                "accept"
            };
            out.push_str(&format!(
                "  chain {hook} {{\n    type filter hook {hook} priority {priority}; policy {policy};\n"
            ));
            if !early && self.random.chance(75) {
                let rule = *self.random.pick(&[
                    "ct state established,related accept",
                    "ct state { established, related } accept",
                    "ct state vmap { established : accept, related : accept, invalid : drop }",
                    "ct direction reply accept",
                    "ct state != { new, invalid, untracked } accept",
                ]);
                out.push_str(&format!("    {rule}\n"));
            }
            let count = if drops == 8 {
                1 + self.random.below(3)
            } else {
                3 + self.random.below(7)
            };
            let kind = if early { "early" } else { hook };
            for _ in 0..count {
                let rule = self.rule(kind, 0, &own);
                out.push_str(&format!("    {rule}\n"));
            }
            out.push_str("  }\n");
        }
        for (hook, percent, priority) in [
            ("prerouting", 50, "dstnat"),
            ("output", 15, "-100"),
            ("postrouting", 50, "srcnat"),
        ] {
            if !self.random.chance(percent) {
                continue;
            }
            out.push_str(&format!(
                "  chain nat_{hook} {{\n    type nat hook {hook} priority {priority}; policy accept;\n"
            ));
            for _ in 0..1 + self.random.below(3) {
                let rule = self.nat_rule(hook);
                out.push_str(&format!("    {rule}\n"));
            }
            out.push_str("  }\n");
        }
        out.push_str("}\n");
        out
    }

    fn sets(&mut self) -> String {
        let mut out = String::new();
        let some = |random: &mut Random, all: &[&str]| -> String {
            let chosen: Vec<&str> = all.iter().copied().filter(|_| random.chance(60)).collect();
            if chosen.is_empty() {
                String::new()
            } else {
                format!("    elements = {{ {} }}\n", chosen.join(", "))
            }
        };
        for (v, kind, hosts, nets, pairs) in [
            (
                "4",
                "ipv4_addr",
                ["10.0.2.2", "10.0.2.3", "10.0.1.10", "192.0.2.10"],
                [
                    "10.0.2.0/28",
                    "10.0.1.0/25",
                    "192.0.2.5-192.0.2.20",
                    "172.16.0.0/12",
                ],
                [
                    "10.0.2.2 . 80",
                    "10.0.2.2 . 53",
                    "10.0.2.3 . 443",
                    "10.0.1.10 . 22",
                ],
            ),
            (
                "6",
                "ipv6_addr",
                ["fd00:2::2", "fd00:2::3", "fd00:1::10", "fd00:2::77"],
                [
                    "fd00:2::/124",
                    "fd00:1::/65",
                    "fd00:3::5-fd00:3::20",
                    "fd00:4::/48",
                ],
                [
                    "fd00:2::2 . 80",
                    "fd00:2::2 . 53",
                    "fd00:2::3 . 443",
                    "fd00:1::10 . 22",
                ],
            ),
        ] {
            out.push_str(&format!(
                "  set h{v} {{\n    type {kind}\n{}  }}\n",
                some(self.random, &hosts)
            ));
            out.push_str(&format!(
                "  set n{v} {{\n    type {kind}\n    flags interval\n{}  }}\n",
                some(self.random, &nets)
            ));
            out.push_str(&format!(
                "  set p{v} {{\n    type {kind} . inet_service\n{}  }}\n",
                some(self.random, &pairs)
            ));
            out.push_str(&format!(
                "  map v{v} {{\n    type {kind} : verdict\n    flags interval\n{}  }}\n",
                some(
                    self.random,
                    if v == "4" {
                        &[
                            "10.0.2.0/25 : accept",
                            "192.0.2.0/25 : drop",
                            "10.0.1.0/26 : continue",
                        ]
                    } else {
                        &[
                            "fd00:2::/64 : accept",
                            "fd00:3::/48 : drop",
                            "fd00:1::/64 : return",
                        ]
                    }
                )
            ));
        }
        out.push_str(&format!(
            "  set ports {{\n    type inet_service\n    flags interval\n{}  }}\n",
            some(self.random, &["22", "80", "443-450", "8080", "5000-6000"])
        ));
        out
    }

    fn v6(&mut self) -> bool {
        match self.family {
            "ip" => false,
            "ip6" => true,
            _ => self.random.chance(30),
        }
    }

    /// Conditions on the addresses, all of one family.
    fn address(&mut self) -> String {
        let v6 = self.v6();
        let (ip, v) = if v6 { ("ip6", "6") } else { ("ip", "4") };
        let way = *self.random.pick(&["saddr", "daddr", "daddr"]);
        let pool: &[&str] = if v6 { &V6 } else { &V4 };
        let not = if self.random.chance(20) { "!= " } else { "" };
        match self.random.below(9) {
            0..=3 => format!("{ip} {way} {not}{}", self.random.pick(pool)),
            4 => {
                let (a, b) = if v6 {
                    ("fd00:2::2", "fd00:1::/64")
                } else {
                    ("10.0.2.2", "10.0.1.0/25")
                };
                format!("{ip} {way} {not}{{ {a}, {b} }}")
            }
            5 => format!("{ip} {way} {not}@h{v}"),
            6 => format!("{ip} {way} {not}@n{v}"),
            7 => {
                let (op, value) = *self.random.pick(if v6 {
                    &[(">=", "fd00:2::"), ("<", "fd00:2::3")]
                } else {
                    &[(">=", "10.0.2.0"), ("<", "10.0.2.3"), ("<=", "10.0.2.2")]
                });
                format!("{ip} {way} {op} {value}")
            }
            _ if v6 => "ip6 daddr & ffff:ffff:ffff:ffff:: == fd00:2::".to_owned(),
            _ => format!("ip {way} & 255.255.0.0 == 10.0.0.0"),
        }
    }

    fn service(&mut self) -> String {
        let protocol = *self.random.pick(&["tcp", "tcp", "tcp", "udp"]);
        let not = if self.random.chance(20) { "!= " } else { "" };
        match self.random.below(14) {
            0..=3 => format!("{protocol} dport {not}{}", self.random.pick(&PORTS)),
            4..=5 => format!("{protocol} dport {not}{}", self.random.pick(&PORT_SETS)),
            6 => format!("{protocol} dport {not}@ports"),
            7 => format!("{protocol} sport {not}{}", self.random.pick(&PORTS)),
            8 => format!(
                "meta l4proto {not}{}",
                self.random.pick(&["tcp", "udp", "{ tcp, udp }", "50"])
            ),
            9 => format!(
                "meta l4proto {{ tcp, udp }} th dport {not}{}",
                *self.random.pick(&PORT_SETS)
            ),
            10 if self.family != "ip6" => "icmp type echo-request".to_owned(),
            10 => "icmpv6 type echo-request".to_owned(),
            11 => (*self.random.pick(&[
                "tcp flags syn",
                "tcp flags & (fin|syn|rst|ack) == syn",
                "tcp flags syn / fin,syn,rst,ack",
                "tcp flags != syn",
                "tcp flags syn,ack",
            ]))
            .to_owned(),
            12 => format!(
                "{protocol} dport {} {}",
                self.random.pick(&[">", ">=", "<", "<="]),
                self.random.pick(&["80", "1024", "443"])
            ),
            _ => {
                let v6 = self.v6();
                let (ip, v) = if v6 { ("ip6", "6") } else { ("ip", "4") };
                match self.random.below(3) {
                    0 => format!("{ip} daddr . {protocol} dport {not}@p{v}"),
                    1 if v6 => format!(
                        "ip6 daddr . {protocol} dport {not}{{ fd00:2::2 . 80, fd00:2::3 . 443 }}"
                    ),
                    1 => format!(
                        "ip daddr . {protocol} dport {not}{{ 10.0.2.2 . 80, 10.0.2.3 . 443 }}"
                    ),
                    _ if v6 => {
                        format!("ip6 saddr . {protocol} dport {not}{{ fd00:1::/64 . 80-90 }}")
                    }
                    _ => format!(
                        "ip saddr . {protocol} dport {not}{{ 10.0.1.0/24 . 80-90, 10.1.0.0/16 . 22 }}"
                    ),
                }
            }
        }
    }

    fn rule(&mut self, hook: &str, from: usize, own: &[String]) -> String {
        let early = hook == "early";
        let mut words: Vec<String> = Vec::new();
        if self.random.chance(12) {
            let not = if self.random.chance(20) { "!= " } else { "" };
            let name = (*self
                .random
                .pick(&[self.near, self.far, "la*", "{ \"lan0\", \"dmz0\" }"]))
            .to_owned();
            let name = if name.starts_with('{') {
                name
            } else {
                format!("\"{name}\"")
            };
            let key = match hook {
                "output" | "postrouting" => "oifname",
                "forward" if self.random.chance(50) => "oifname",
                _ => "iifname",
            };
            // A wildcard in braces needs an interval set.
            words.push(format!("{key} {not}{name}"));
        }
        if self.random.chance(60) {
            words.push(self.address());
        }
        if self.random.chance(70) {
            words.push(self.service());
        }
        if !early && self.random.chance(15) && self.able.can("ct state") {
            words.push(
                (*self.random.pick(&[
                    "ct state new",
                    "ct state new,untracked",
                    "ct state != invalid",
                    "ct state untracked",
                    "ct state { new, established }",
                    "ct direction original",
                    "ct state established",
                    "ct state != established,related",
                ]))
                .to_owned(),
            );
        }
        if hook == "forward" && self.random.chance(8) {
            words.push(
                (*self
                    .random
                    .pick(&["ct status dnat", "ct state new ct original proto-dst 80"]))
                .to_owned(),
            );
        }
        if self.random.chance(10) {
            words.push(
                (*self.random.pick(&[
                    "meta mark 0x1",
                    "meta mark & 0x3 == 0x2",
                    "meta mark != 0x1",
                    "meta mark { 1, 2 }",
                ]))
                .to_owned(),
            );
        }
        if self.random.chance(4)
            && matches!(hook, "forward" | "input" | "prerouting")
            && self.able.can("fib")
        {
            words.push("fib daddr type local".to_owned());
        }
        if self.random.chance(6) && self.family == "inet" {
            words.push(
                (*self.random.pick(&[
                    "meta nfproto ipv4",
                    "meta nfproto ipv6",
                    "meta nfproto != ipv4",
                ]))
                .to_owned(),
            );
        }
        words.extend(self.statement(hook, early, from, own));
        words.join(" ")
    }

    fn statement(
        &mut self,
        hook: &str,
        early: bool,
        from: usize,
        own: &[String],
    ) -> Option<String> {
        let later: Vec<&String> = own.iter().skip(from).collect();
        if !early && !later.is_empty() && self.random.chance(22) {
            let chain = *self.random.pick(&later);
            let word = if self.random.chance(30) {
                "goto"
            } else {
                "jump"
            };
            return Some(format!("{word} {chain}"));
        }
        Some(match self.random.below(22) {
            0..=6 => "accept".to_owned(),
            7..=11 => "drop".to_owned(),
            12 if matches!(hook, "forward" | "input" | "output") => {
                if self.family == "inet" {
                    "reject with icmpx admin-prohibited".to_owned()
                } else {
                    "reject".to_owned()
                }
            }
            13 => "return".to_owned(),
            14..=15 => {
                let mark = *self.random.pick(&[
                    "meta mark set 0x1",
                    "meta mark set 0x2",
                    "meta mark set meta mark | 0x2",
                    "meta mark set meta mark & 0xfffffffe",
                    "meta mark set 0x1 accept",
                ]);
                mark.to_owned()
            }
            16 if early => "notrack".to_owned(),
            17 => "counter".to_owned(),
            18 | 19 => {
                let target = match later.first() {
                    Some(chain) if !early => format!("jump {chain}"),
                    _ => "continue".to_owned(),
                };
                self.random
                    .pick(&[
                        "tcp dport vmap { 80 : accept, 81 : drop, 443 : return }".to_owned(),
                        "udp dport vmap { 53 : accept, 1000-2000 : drop }".to_owned(),
                        format!("tcp dport vmap {{ 22 : {target}, 443 : accept, * : continue }}"),
                        "meta l4proto vmap { tcp : accept, udp : continue }".to_owned(),
                    ])
                    .clone()
            }
            20 if self.family != "ip6" => "ip daddr vmap @v4".to_owned(),
            20 => "ip6 daddr vmap @v6".to_owned(),
            21 if self.family != "ip6" => {
                "ip daddr . tcp dport vmap { 10.0.2.2 . 80 : accept, 10.0.2.3 . 80-443 : drop }"
                    .to_owned()
            }
            _ => "accept".to_owned(),
        })
    }

    fn nat_rule(&mut self, hook: &str) -> String {
        let v6 = self.v6();
        let ip = if v6 { "ip6" } else { "ip" };
        let to = if self.family == "inet" {
            format!("{ip} to")
        } else {
            "to".to_owned()
        };
        let protocol = *self.random.pick(&["tcp", "udp"]);
        let mut words = Vec::new();
        if self.random.chance(50) {
            let pool: &[&str] = if v6 { &V6 } else { &V4 };
            let not = if self.random.chance(15) { "!= " } else { "" };
            let way = *self.random.pick(&["saddr", "daddr"]);
            words.push(format!("{ip} {way} {not}{}", self.random.pick(pool)));
        } else if self.family == "inet" {
            words.push(format!("meta nfproto {}", if v6 { "ipv6" } else { "ipv4" }));
        }
        let ports = self.random.chance(70);
        if ports {
            let sets: &[&str] = if self.random.chance(50) {
                &PORTS
            } else {
                &PORT_SETS
            };
            let set = *self.random.pick(sets);
            words.push(format!("{protocol} dport {set}"));
        }
        let port = if ports && self.random.chance(60) {
            *self.random.pick(&["22", "80", "8080", "3128"])
        } else {
            ""
        };
        let at = |address: &str| match (v6, port) {
            (_, "") => address.to_owned(),
            (true, port) => format!("[{address}]:{port}"),
            (false, port) => format!("{address}:{port}"),
        };
        let (a, b, own, outside) = if v6 {
            ("fd00:2::2", "fd00:2::3", "fd00:2::1", "fd00:9::9")
        } else {
            ("10.0.2.2", "10.0.2.3", "10.0.2.1", "203.0.113.9")
        };
        words.push(match hook {
            "postrouting" => match self.random.below(4) {
                0 => "masquerade".to_owned(),
                1 => format!("snat {to} {own}"),
                2 => format!("snat {to} {outside}"),
                _ => "accept".to_owned(),
            },
            hook => match self.random.below(7) {
                0 if ports && hook == "prerouting" => {
                    format!("redirect to :{}", self.random.pick(&["80", "3128", "8080"]))
                }
                1 if hook == "prerouting" => format!("dnat {to} {}", at(own)),
                2 => "accept".to_owned(),
                3 if self.able.can("prefix") => {
                    // A miss in the map goes on with the next rule.
                    if v6 {
                        format!("dnat {to} ip6 daddr map {{ fd00:2::5 : fd00:2::2, fd00:3::5 : fd00:2::3 }}")
                    } else {
                        format!("dnat {to} ip daddr map {{ 10.0.2.5 : 10.0.2.2, 192.0.2.10 : 10.0.2.3 }}")
                    }
                }
                4 if ports && !v6 && protocol == "tcp" => {
                    format!("dnat {to} tcp dport map {{ 80 : 10.0.2.2, 443 : 10.0.2.3 }}")
                }
                5 => format!("dnat {to} {}", at(b)),
                _ => format!("dnat {to} {}", at(a)),
            },
        });
        words.join(" ")
    }
}
