//! `no ...` and `clear configure ...`: what they take back.

use super::super::ast::{
    Address, Beside, Endpoint, Entry, EntryKind, Icmp, LegacyNat, Place, Ports, Protocol,
};
use super::super::inert;
use super::super::words::Words;
use super::top::{access_group, fixup, service_policy};
use super::{Parser, Status, nat};

impl<'a> Parser<'_, 'a> {
    pub(super) fn negated(
        &mut self,
        mut words: Words<'_, 'a>,
        all: Words<'_, 'a>,
        indent: usize,
        place: Place,
    ) -> Status {
        let Some(first) = words.take() else {
            return Status::Opaque;
        };
        let second = words.peek();
        let kept =
            first.starts_with("object") && words.peek_at(1).is_some_and(|name| self.in_use(name));
        let config = &mut self.config;
        match (first, second) {
            ("access-list", _) => return self.access_list(words, false, indent, true, place),
            ("ipv6", Some("access-list")) => {
                words.take();
                return self.access_list(words, true, indent, true, place);
            }
            ("access-group", Some(_)) => {
                if let Some(group) = access_group(words, place) {
                    config
                        .access_groups
                        .retain(|g| (g.list, g.binding) != (group.list, group.binding));
                }
            }
            ("route", Some(_)) => {
                if let Some(route) = self.route(words, place) {
                    self.config.routes.retain(|r| {
                        (r.interface, r.network, r.length)
                            != (route.interface, route.network, route.length)
                    });
                }
            }
            ("same-security-traffic", Some(_)) => {
                words.eat("permit");
                match words.take() {
                    Some("inter-interface") => config.same_security_inter = None,
                    Some("intra-interface") => config.same_security_intra = None,
                    _ => return self.unknown(all, place),
                }
            }
            ("nat-control", None) => config.nat_control = Some((false, place)),
            ("nat", Some(_)) => {
                let text = words.rest();
                config.nat.retain(|e| e.text != text);
                let old = nat::legacy_nat(words, &self.names, place);
                self.config.legacy_nat.retain(|e| !same_nat(e, &old));
            }
            ("static", Some(_)) => {
                let old = nat::legacy_static(words, &self.names, place);
                self.config.legacy_nat.retain(|e| !same_nat(e, &old));
            }
            ("global", Some(_)) => {
                let old = nat::legacy_global(words, &self.names, place);
                self.config.legacy_nat.retain(|e| !same_nat(e, &old));
            }
            ("object" | "object-group", Some(_)) if kept => {
                return Status::Inert("refused by the device: it is in use");
            }
            ("object", Some(kind)) => {
                words.take();
                let name = words.take();
                if kind == "network" {
                    config.networks.retain(|o| Some(o.name) != name);
                } else {
                    config.services.retain(|o| Some(o.name) != name);
                }
            }
            ("object-group", Some(_)) => {
                words.take();
                let name = words.take();
                config.groups.retain(|g| Some(g.name) != name);
            }
            ("service-policy", Some(_)) => {
                if let Some(policy) = service_policy(words, place) {
                    config
                        .service_policies
                        .retain(|p| p.interface != policy.interface);
                }
            }
            ("policy-map", Some(name)) if name != "type" => {
                config.policy_maps.retain(|p| p.name != name);
            }
            ("class-map", Some(name)) if name != "type" => {
                config.class_maps.retain(|p| p.name != name);
            }
            ("fixup", Some(_)) => {
                words.eat("protocol");
                if let Some(fixup) = fixup(words, place) {
                    config.fixups.retain(|f| f.name != fixup.name);
                }
            }
            ("sysopt", Some("connection"))
                if matches!(words.peek_at(1), Some("permit-vpn" | "permit-ipsec")) =>
            {
                config.vpn_is_filtered = true;
            }
            ("shun", Some(_)) => {
                if let Some((source, _)) = self.shunned(&mut words) {
                    self.config
                        .beside
                        .retain(|(b, _)| !matches!(b, Beside::Shun(Some((s, _))) if *s == source));
                }
            }
            ("firewall" | "shutdown" | "timeout" | "dynamic-filter", _)
            | ("ip", Some("verify" | "local" | "address"))
            | ("aaa", Some("authentication" | "authorization"))
            | ("established" | "url-server" | "filter" | "wccp", _) => {
                return Status::Inert("switches a default off");
            }
            ("http", Some("server")) => {
                if words.peek_at(1) == Some("enable") {
                    config.http_server = None;
                } else {
                    return Status::Inert("switches a default off");
                }
            }
            ("http" | "ssh" | "telnet" | "icmp", _) => {
                let kept = config.local.len();
                if self.local(first, words, place).is_none() {
                    return Status::Inert("switches a default off");
                }
                let local = &mut self.config.local;
                let gone: Vec<_> = local.drain(kept..).collect();
                local.retain(|l| !gone.iter().any(|g| g.is_same(l)));
            }
            ("crypto", _) => {
                // Certificate chains and trust points may follow a `no`.
                return Status::Inert("tunnel settings");
            }
            _ => {
                return match inert::top(first, second) {
                    Some(why) => Status::Inert(why),
                    None => self.unknown(all, place),
                };
            }
        }
        Status::Modeled
    }

    /// True if something refers to an object or group, which the device then
    /// does not delete, unless `forward-reference enable` lets it. Source: ASA
    /// firewall CLI guide, "Guidelines for ACLs"
    /// (<https://www.easymanua.ls/cisco/asa-5555-x/manual/941792?p=29>).
    fn in_use(&self, name: &str) -> bool {
        let config = &self.config;
        if config.forward_references {
            return false;
        }
        let end = |e: &Endpoint<'_>| {
            matches!(e.address, Address::Object(n) | Address::Group(n) if n == name)
                || matches!(e.ports, Some(Ports::Group(n)) if n == name)
        };
        let entry = |e: &Entry<'_>| match &e.kind {
            EntryKind::Ace(ace) => {
                end(&ace.source)
                    || end(&ace.destination)
                    || matches!(ace.protocol, Protocol::Object(n) | Protocol::Group(n) if n == name)
                    || matches!(ace.icmp, Some(Icmp::Group(n)) if n == name)
            }
            _ => false,
        };
        let listed = config.access_lists.iter().flat_map(|l| &l.entries);
        listed.into_iter().any(entry)
    }

    /// `clear configure X` of scripts: what was there before is gone.
    pub(super) fn clear(
        &mut self,
        mut words: Words<'_, 'a>,
        all: Words<'_, 'a>,
        place: Place,
    ) -> Status {
        let configuration = matches!(words.peek(), Some("config" | "configure" | "conf"));
        if configuration {
            words.take();
        }
        let first = words.take();
        let second = words.peek();
        let config = &mut self.config;
        match first {
            Some("access-list") => self.clear_lists(second),
            Some("access-group") => config.access_groups.clear(),
            Some("object-group") => config.groups.clear(),
            Some("object") => {
                config.networks.clear();
                config.services.clear();
                config
                    .nat
                    .retain(|e| !matches!(e.section, super::super::ast::NatSection::Object(_)));
            }
            Some("nat") => {
                config.nat.clear();
                config
                    .legacy_nat
                    .retain(|e| !matches!(e, LegacyNat::Nat { .. }));
            }
            Some("static") => config
                .legacy_nat
                .retain(|e| !matches!(e, LegacyNat::Static { .. })),
            Some("global") => config
                .legacy_nat
                .retain(|e| !matches!(e, LegacyNat::Global { .. })),
            Some("route") => config.routes.clear(),
            Some("icmp") => config.local.retain(|l| l.what != "icmp"),
            Some("ssh") => config.local.retain(|l| l.what != "ssh"),
            Some("telnet") => config.local.retain(|l| l.what != "telnet"),
            Some("shun") => config.beside.retain(|(b, _)| !matches!(b, Beside::Shun(_))),
            Some(first) if configuration => {
                return match inert::top(first, second) {
                    Some(why) => Status::Inert(why),
                    None => self.unknown(all, place),
                };
            }
            _ => return Status::Inert("left over from a terminal session or script"),
        }
        Status::Modeled
    }
}

fn same_nat(a: &LegacyNat<'_>, b: &LegacyNat<'_>) -> bool {
    let mut a = a.clone();
    let mut b = b.clone();
    for entry in [&mut a, &mut b] {
        match entry {
            LegacyNat::Static { place, .. }
            | LegacyNat::Nat { place, .. }
            | LegacyNat::Global { place, .. }
            | LegacyNat::Opaque(_, place) => *place = Place::default(),
        }
    }
    a == b
}
