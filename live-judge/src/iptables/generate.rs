//! Random rule sets.

use super::{Abilities, HEADS, Ruleset};
use crate::random::{Choose, Random};

pub(super) const TABLES: [(&str, &[&str]); 5] = [
    ("raw", &["PREROUTING", "OUTPUT"]),
    (
        "mangle",
        &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
    ),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
    ("security", &["INPUT", "FORWARD", "OUTPUT"]),
];

struct Generator<'g> {
    random: &'g mut Random,
    able: &'g Abilities,
    v6: bool,
    near: &'g str,
    far: &'g str,
    number: usize,
}

const PORTS: [&str; 10] = [
    "22",
    "53",
    "80",
    "443",
    "8080",
    "1000:2000",
    "1024:",
    ":1023",
    "3128",
    "40000:60000",
];

/// A random ruleset. `number` keeps the names of its sets apart from those of
/// others.
#[must_use]
pub fn generate(
    random: &mut Random,
    able: &Abilities,
    near: &str,
    far: &str,
    number: usize,
) -> Ruleset {
    let mut sets = String::new();
    let mut family = |v6: bool, random: &mut Random| {
        let mut generator = Generator {
            random,
            able,
            v6,
            near,
            far,
            number,
        };
        sets.push_str(&generator.sets());
        generator.ruleset()
    };
    let v4 = family(false, random);
    let v6 = family(true, random);
    Ruleset { v4, v6, sets }
}

fn addresses(v6: bool) -> &'static [&'static str] {
    if v6 {
        &[
            "fd00:1::/64",
            "fd00:1::10/128",
            "fd00:1:0:1::/64",
            "fd00:2::2/128",
            "fd00:2::/64",
            "fd00:2::3/128",
            "fd00:3::/48",
            "::/0",
            "fd00:2::1/128",
            "fd00:1::1/128",
            "fd00::/15",
        ]
    } else {
        &[
            "10.0.1.0/24",
            "10.0.1.10/32",
            "10.1.0.0/17",
            "10.0.2.2/32",
            "10.0.2.0/24",
            "10.0.2.3/32",
            "192.0.2.0/25",
            "0.0.0.0/0",
            "10.0.2.1/32",
            "10.0.1.1/32",
            "10.0.2.0/255.255.255.5",
            "8.0.0.0/6",
            "198.51.100.0/24",
        ]
    }
}

fn ranges(v6: bool) -> &'static [&'static str] {
    if v6 {
        &[
            "fd00:1::5-fd00:1::20",
            "fd00:2::1-fd00:2::3",
            "fd00:2::-fd00:3::ffff",
        ]
    } else {
        &[
            "10.0.1.5-10.0.1.20",
            "10.0.2.1-10.0.2.3",
            "10.0.2.200-192.0.2.9",
        ]
    }
}

impl Generator<'_> {
    fn set(&self, kind: &str) -> String {
        let family = if self.v6 { "v6" } else { "v4" };
        format!("s{}{family}{kind}", self.number)
    }

    fn sets(&mut self) -> String {
        let family = if self.v6 { "inet6" } else { "inet" };
        let (hosts, nets, pairs): (&[&str], &[&str], &[&str]) = if self.v6 {
            (
                &["fd00:2::2", "fd00:2::3", "fd00:1::10", "fd00:1::11"],
                &["fd00:2::/64", "fd00:1::/65", "fd00:3::/48"],
                &[
                    "fd00:2::2,tcp:80",
                    "fd00:2::2,udp:53",
                    "fd00:2::3,443",
                    "fd00:1::10,tcp:22",
                ],
            )
        } else {
            (
                &["10.0.2.2", "10.0.2.3", "10.0.1.10", "192.0.2.10"],
                &["10.0.2.0/24", "10.0.1.0/25", "192.0.2.0/26"],
                &[
                    "10.0.2.2,tcp:80",
                    "10.0.2.2,udp:53",
                    "10.0.2.3,443",
                    "10.0.1.10,tcp:22",
                ],
            )
        };
        let holes = if self.v6 {
            ["fd00:2::2/128", "fd00:2::/126"]
        } else {
            ["10.0.2.2/32", "10.0.2.0/30"]
        };
        let (h, n, p, b, l) = (
            self.set("h"),
            self.set("n"),
            self.set("p"),
            self.set("b"),
            self.set("l"),
        );
        let mut out = format!(
            "create {h} hash:ip family {family}\ncreate {n} hash:net family {family}\n\
             create {p} hash:ip,port family {family}\ncreate {b} bitmap:port range 0-10000\n\
             create {l} list:set size 8\nadd {l} {h}\nadd {l} {n}\n"
        );
        for (set, members) in [(&h, hosts), (&n, nets), (&p, pairs)] {
            for member in members {
                if self.random.chance(60) {
                    out.push_str(&format!("add {set} {member}\n"));
                }
            }
        }
        if self.random.chance(50) {
            let hole = self.random.pick(&holes);
            out.push_str(&format!("add {n} {hole} nomatch\n"));
        }
        for port in ["80", "443", "53-60", "8080"] {
            if self.random.chance(60) {
                out.push_str(&format!("add {b} {port}\n"));
            }
        }
        out
    }

    fn ruleset(&mut self) -> String {
        let mut out = HEADS[usize::from(self.v6)].to_owned();
        for (table, hooks) in TABLES {
            out.push_str(&format!("*{table}\n"));
            for hook in hooks {
                let drops = match table {
                    "filter" => 50,
                    "nat" => 0,
                    _ => 4,
                };
                let policy = if self.random.chance(drops) {
                    "DROP"
                } else {
                    "ACCEPT"
                };
                out.push_str(&format!(":{hook} {policy} [0:0]\n"));
            }
            let own: Vec<String> = (0..self.random.below(4)).map(|n| format!("C{n}")).collect();
            for chain in &own {
                out.push_str(&format!(":{chain} - [0:0]\n"));
            }
            for hook in hooks {
                if table == "filter" && self.random.chance(75) {
                    let rule = self.random.pick(&[
                        "-m conntrack --ctstate RELATED,ESTABLISHED",
                        "-m state --state ESTABLISHED",
                        "-m conntrack ! --ctstate NEW,INVALID",
                        "-m conntrack --ctdir REPLY",
                    ]);
                    out.push_str(&format!("-A {hook} {rule} -j ACCEPT\n"));
                }
                let count = match table {
                    "filter" => 3 + self.random.below(8),
                    "nat" => self.random.below(3),
                    _ => self.random.below(3),
                };
                for _ in 0..count {
                    let rule = self.rule(table, hook, 0, &own, true);
                    out.push_str(&format!("-A {hook} {rule}\n"));
                }
            }
            for (at, chain) in own.iter().enumerate() {
                for _ in 0..self.random.below(5) {
                    let rule = self.rule(table, "", at + 1, &own, false);
                    out.push_str(&format!("-A {chain} {rule}\n"));
                }
            }
            out.push_str("COMMIT\n");
        }
        out
    }

    fn rule(&mut self, table: &str, hook: &str, from: usize, own: &[String], base: bool) -> String {
        let mut words: Vec<String> = Vec::new();
        let mut protocol = "";
        let not = |random: &mut Random| if random.chance(20) { "! " } else { "" };
        if self.random.chance(35) {
            let n = not(self.random);
            let a = *self.random.pick(addresses(self.v6));
            words.push(format!("{n}-s {a}"));
        }
        if self.random.chance(45) {
            let n = not(self.random);
            let a = *self.random.pick(addresses(self.v6));
            words.push(format!("{n}-d {a}"));
        }
        if self.random.chance(12) && matches!(hook, "PREROUTING" | "INPUT" | "FORWARD" | "") {
            let n = not(self.random);
            let name = (*self.random.pick(&[self.near, self.far, "la+", "w+"])).to_owned();
            words.push(format!("{n}-i {name}"));
        }
        if self.random.chance(12) && matches!(hook, "POSTROUTING" | "OUTPUT" | "FORWARD") {
            let n = not(self.random);
            let name = (*self.random.pick(&[self.near, self.far, "wa+"])).to_owned();
            words.push(format!("{n}-o {name}"));
        }
        match self.random.below(20) {
            0..=8 => {
                protocol = *self.random.pick(&["tcp", "tcp", "udp"]);
                words.push(format!("-p {protocol} -m {protocol}"));
                if self.random.chance(70) {
                    let n = not(self.random);
                    let port = *self.random.pick(&PORTS);
                    words.push(format!("{n}--dport {port}"));
                }
                if self.random.chance(10) {
                    let n = not(self.random);
                    let port = *self.random.pick(&PORTS);
                    words.push(format!("{n}--sport {port}"));
                }
                if protocol == "tcp" && self.random.chance(10) {
                    let flags = *self.random.pick(&[
                        "--tcp-flags FIN,SYN,RST,ACK SYN",
                        "! --tcp-flags SYN,ACK SYN,ACK",
                        "--tcp-flags SYN SYN",
                    ]);
                    words.push(flags.to_owned());
                }
            }
            9..=11 if self.able.can("multiport") => {
                protocol = *self.random.pick(&["tcp", "udp"]);
                let n = not(self.random);
                let which = *self.random.pick(&["dports", "dports", "sports", "ports"]);
                let list = *self
                    .random
                    .pick(&["22,80", "80,443,1000:2000", "53", "1:79,81:60000"]);
                words.push(format!("-p {protocol} -m multiport {n}--{which} {list}"));
            }
            12 => words.push("! -p tcp".to_owned()),
            13 => words.push("-p 50".to_owned()),
            14 => {
                if self.v6 {
                    words.push("-p ipv6-icmp -m icmp6 --icmpv6-type 128".to_owned());
                } else {
                    let kind = *self.random.pick(&["8", "8/0", "any", "13"]);
                    words.push(format!("-p icmp -m icmp --icmp-type {kind}"));
                }
            }
            _ => {}
        }
        if table != "raw" && self.random.chance(20) && self.able.can("conntrack") {
            words.push(
                (*self.random.pick(&[
                    "-m conntrack --ctstate NEW",
                    "-m conntrack ! --ctstate INVALID",
                    "-m conntrack --ctstate UNTRACKED",
                    "-m conntrack --ctstate NEW,UNTRACKED",
                    "-m conntrack --ctstate ESTABLISHED",
                    "-m conntrack --ctdir ORIGINAL",
                    "-m conntrack ! --ctstate ESTABLISHED",
                ]))
                .to_owned(),
            );
        }
        if matches!(table, "filter") && self.random.chance(6) && self.able.can("conntrack") {
            words.push(
                (*self.random.pick(&[
                    "-m conntrack --ctstate NEW --ctorigdstport 80",
                    "-m conntrack --ctstate DNAT",
                    "-m conntrack ! --ctstate DNAT",
                ]))
                .to_owned(),
            );
        }
        if self.random.chance(6) && self.able.can("iprange") {
            let n = not(self.random);
            let way = *self.random.pick(&["src", "dst"]);
            let range = *self.random.pick(ranges(self.v6));
            words.push(format!("-m iprange {n}--{way}-range {range}"));
        }
        if self.random.chance(14) && self.able.can("set") {
            let n = not(self.random);
            let (kind, ways) = *self.random.pick(&[
                ("h", "src"),
                ("h", "dst"),
                ("n", "src"),
                ("n", "dst"),
                ("p", "dst,dst"),
                ("p", "src,dst"),
                ("b", "dst"),
                ("l", "dst"),
                ("n", "dst --return-nomatch"),
            ]);
            // A bitmap of ports asks for a protocol with ports by itself.
            let set = self.set(kind);
            words.push(format!("-m set {n}--match-set {set} {ways}"));
        }
        if table != "raw" && self.random.chance(10) && self.able.can("mark") {
            let n = not(self.random);
            let mark = *self
                .random
                .pick(&["0x1/0x1", "0x2/0x3", "0x0", "0x10/0xf0"]);
            words.push(format!("-m mark {n}--mark {mark}"));
        }
        if self.random.chance(5)
            && self.able.can("addrtype")
            && matches!(hook, "PREROUTING" | "INPUT" | "FORWARD" | "OUTPUT")
        {
            let n = not(self.random);
            words.push(format!("-m addrtype {n}--dst-type LOCAL"));
        }
        words.push(self.target(table, hook, protocol, from, own, base));
        words.retain(|w| !w.is_empty());
        words.join(" ")
    }

    fn target(
        &mut self,
        table: &str,
        hook: &str,
        protocol: &str,
        from: usize,
        own: &[String],
        base: bool,
    ) -> String {
        let later: Vec<&String> = own.iter().skip(from).collect();
        if !later.is_empty() && self.random.chance(25) {
            let chain = *self.random.pick(&later);
            let word = if self.random.chance(30) { "-g" } else { "-j" };
            return format!("{word} {chain}");
        }
        if self.random.chance(8) {
            return "-j RETURN".to_owned();
        }
        match table {
            "raw" => match self.random.below(6) {
                0..=1 if self.able.can("CT") => "-j CT --notrack".to_owned(),
                2 => "-j DROP".to_owned(),
                3 => String::new(),
                _ => "-j ACCEPT".to_owned(),
            },
            "mangle" => match self.random.below(6) {
                0..=3 if self.able.can("MARK") => {
                    let mark = *self.random.pick(&[
                        "--set-xmark 0x1/0xffffffff",
                        "--set-xmark 0x2/0x3",
                        "--set-xmark 0x10/0x0",
                        "--set-xmark 0x0/0x1",
                    ]);
                    format!("-j MARK {mark}")
                }
                4 => "-j DROP".to_owned(),
                _ => "-j ACCEPT".to_owned(),
            },
            "nat" => self.translation(hook, protocol, base),
            _ => match self.random.below(12) {
                0..=5 => "-j ACCEPT".to_owned(),
                6..=9 => "-j DROP".to_owned(),
                10 if protocol == "tcp" => "-j REJECT --reject-with tcp-reset".to_owned(),
                10 => "-j REJECT".to_owned(),
                _ => String::new(),
            },
        }
    }

    fn translation(&mut self, hook: &str, protocol: &str, base: bool) -> String {
        let ports = matches!(protocol, "tcp" | "udp");
        // Chains of one's own may be called from any hook.
        if !base || self.random.chance(15) {
            return "-j ACCEPT".to_owned();
        }
        let port = if ports && self.random.chance(60) {
            *self.random.pick(&["22", "80", "8080", "3128"])
        } else {
            ""
        };
        let to = |address: &str, v6: bool| match (v6, port) {
            (_, "") => address.to_owned(),
            (true, port) => format!("[{address}]:{port}"),
            (false, port) => format!("{address}:{port}"),
        };
        match hook {
            "PREROUTING" | "OUTPUT" => match self.random.below(5) {
                0 if ports && hook == "PREROUTING" => {
                    let port = *self.random.pick(&["80", "3128", "8080"]);
                    format!("-j REDIRECT --to-ports {port}")
                }
                2 if hook == "PREROUTING" => {
                    let own = if self.v6 { "fd00:2::1" } else { "10.0.2.1" };
                    format!("-j DNAT --to-destination {}", to(own, self.v6))
                }
                _ => {
                    let address = *self.random.pick(if self.v6 {
                        &["fd00:2::2", "fd00:2::3"]
                    } else {
                        &["10.0.2.2", "10.0.2.3"]
                    });
                    format!("-j DNAT --to-destination {}", to(address, self.v6))
                }
            },
            "POSTROUTING" => match self.random.below(3) {
                0 => "-j MASQUERADE".to_owned(),
                1 => {
                    let address = if self.v6 { "fd00:2::1" } else { "10.0.2.1" };
                    format!("-j SNAT --to-source {address}")
                }
                _ => {
                    let address = if self.v6 { "fd00:9::9" } else { "203.0.113.9" };
                    format!("-j SNAT --to-source {address}")
                }
            },
            _ => "-j ACCEPT".to_owned(),
        }
    }
}
