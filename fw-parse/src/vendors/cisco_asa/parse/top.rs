//! Top-level commands.

use super::super::ast::{
    AccessGroup, Binding, ClassMap, Fixup, Group, Interface, LegacyNat, NatEntry, NetworkObject,
    Place, Platform, PolicyMap, RouteLine, ServiceObject, ServicePolicy, TimeRange, Version,
};
use super::super::inert;
use super::super::words::{Words, mask_length};
use super::block::{Block, group_kind};
use super::{Parser, Status, nat, time};
use std::net::IpAddr;

/// Inert commands that open a block.
const INERT_BLOCKS: &[&str] = &[
    "aaa-server",
    "app-agent",
    "banner",
    "bfd-template",
    "call-home",
    "class",
    "cluster",
    "context",
    "crypto",
    "ctl-provider",
    "cts",
    "dns",
    "dynamic-access-policy-record",
    "event",
    "ftp-map",
    "group-policy",
    "gtp-map",
    "http-map",
    "imap4s",
    "ipsec",
    "isakmp",
    "key",
    "ldap",
    "license",
    "mount",
    "onep",
    "policy-list",
    "pop3s",
    "quota",
    "router",
    "sla",
    "smart-tunnel",
    "smtps",
    "ssl",
    "tcp-map",
    "tls-proxy",
    "track",
    "tunnel-group",
    "user-identity",
    "username",
    "vpdn",
    "webvpn",
    "zone",
];

/// A version such as `9.8(2)`, by the word of its product.
pub(super) fn version(platform: &str, text: &str) -> Option<Version> {
    let platform = match platform.to_ascii_lowercase().as_str() {
        "asa" => Platform::Asa,
        "pix" => Platform::Pix,
        "fwsm" => Platform::Fwsm,
        _ => return None,
    };
    let (major, rest) = text.split_once('.')?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .map_or(rest, |at| rest.get(..at).unwrap_or(""));
    Some(Version {
        platform,
        major: major.parse().ok()?,
        minor: digits.parse().ok()?,
    })
}

/// True for what a terminal prints before a command.
fn is_prompt(word: &str) -> bool {
    word.ends_with('#') || word.ends_with('>') || word.contains("# ") || word == "<---"
}

impl<'a> Parser<'_, 'a> {
    pub(super) fn top(&mut self, all: Words<'_, 'a>, indent: usize, place: Place) -> Status {
        let mut words = all;
        let Some(first) = words.take() else {
            return Status::Opaque;
        };
        let second = words.peek();
        match first {
            "access-list" => return self.access_list(words, false, indent, false, place),
            "ipv6" if second == Some("access-list") => {
                words.take();
                return self.access_list(words, true, indent, false, place);
            }
            "forward-reference" if second == Some("enable") => {
                self.config.forward_references = true;
                return Status::Modeled;
            }
            "no" => return self.negated(words, all, indent, place),
            "clear" => return self.clear(words, all, place),
            "ASA" | "PIX" | "FWSM" if second == Some("Version") => {
                words.take();
                let found = words.take().and_then(|v| version(first, v));
                self.config.version = found;
                return if found.is_some() {
                    Status::Modeled
                } else {
                    self.unknown(all, place)
                };
            }
            _ => {}
        }
        if let Some(status) = self.definition(first, words, all, place) {
            return status;
        }
        if let Some(status) = self.policy(first, words, place) {
            return status;
        }
        if first == "route-map"
            && let Some(status) = self.route_map(words, place)
        {
            return status;
        }
        if let Some(status) = self.local(first, words, place) {
            return status;
        }
        if let Some(status) = self.flagged(first, words, place) {
            return status;
        }
        if first == "router" || first == "rip" {
            self.config.dynamic_routing.get_or_insert(place);
        }
        if let Some(why) = inert::top(first, second) {
            self.config.https_besides |=
                first == "webvpn" || words.rest().contains("client-services");
            if INERT_BLOCKS.contains(&first) {
                self.block = Block::Inert(why);
            }
            return Status::Inert(why);
        }
        if is_prompt(first) || second.is_some_and(is_prompt) {
            return Status::Inert("left over from a terminal session or script");
        }
        self.block = Block::Opaque;
        self.unknown(all, place)
    }

    fn definition(
        &mut self,
        first: &str,
        mut words: Words<'_, 'a>,
        all: Words<'_, 'a>,
        place: Place,
    ) -> Option<Status> {
        match first {
            "hostname" => {
                let name = words.take()?;
                self.config.hostname = Some(name.trim_matches('"'));
            }
            "name" => {
                words.address(&super::Names::default())?;
            }
            "interface" => {
                let hardware = words.take()?;
                // PIX 6 puts the speed here.
                let found = self
                    .config
                    .interfaces
                    .iter()
                    .position(|i| i.hardware == hardware);
                let at = found.unwrap_or_else(|| {
                    self.config.interfaces.push(Interface {
                        hardware,
                        place,
                        ..Interface::default()
                    });
                    self.config.interfaces.len() - 1
                });
                if words.rest().contains("shutdown")
                    && let Some(i) = self.config.interfaces.get_mut(at)
                {
                    i.shutdown = true;
                }
                self.block = Block::Interface(at);
            }
            "nameif" => return self.old_nameif(words, place),
            "ip" if words.peek() == Some("address") => {
                words.take();
                return self.old_address(words, all, place);
            }
            "object" => return self.object(words, all, place),
            "object-group" => {
                let kind = words.take()?;
                let name = words.take()?;
                let kind = group_kind(kind, words.take());
                let found = self.config.groups.iter().position(|g| g.name == name);
                let at = found.unwrap_or_else(|| {
                    self.config.groups.push(Group {
                        name,
                        kind,
                        members: Vec::new(),
                        place,
                        last: place.line,
                    });
                    self.config.groups.len() - 1
                });
                self.block = Block::Group(at);
                if kind == super::GroupKind::Other {
                    return Some(Status::Opaque);
                }
            }
            "time-range" => {
                let name = words.take()?;
                let ranges = &mut self.config.time_ranges;
                let known = ranges.iter().position(|r| r.name == name);
                let at = known.unwrap_or_else(|| {
                    ranges.push(TimeRange {
                        name,
                        place,
                        last: place.line,
                        ..TimeRange::default()
                    });
                    ranges.len() - 1
                });
                self.block = Block::TimeRange(at);
            }
            _ => return None,
        }
        Some(Status::Modeled)
    }

    fn object(
        &mut self,
        mut words: Words<'_, 'a>,
        all: Words<'_, 'a>,
        place: Place,
    ) -> Option<Status> {
        let kind = words.take()?;
        let name = words.take()?;
        match kind {
            "network" => {
                let found = self.config.networks.iter().position(|o| o.name == name);
                let at = found.unwrap_or_else(|| {
                    self.config.networks.push(NetworkObject {
                        name,
                        value: None,
                        place,
                        last: place.line,
                    });
                    self.config.networks.len() - 1
                });
                self.block = Block::Network(at);
            }
            "service" => {
                let found = self.config.services.iter().position(|o| o.name == name);
                let at = found.unwrap_or_else(|| {
                    self.config.services.push(ServiceObject {
                        name,
                        value: None,
                        place,
                        last: place.line,
                    });
                    self.config.services.len() - 1
                });
                self.block = Block::Service(at);
            }
            _ => {
                // An object of another kind only matters where it is used,
                // and there it is not understood either.
                let _ = all;
                self.block = Block::Opaque;
                return Some(Status::Opaque);
            }
        }
        Some(Status::Modeled)
    }

    /// An interface by its policy name; made if it is new.
    fn named_interface(&mut self, name: &'a str, place: Place) -> &mut Interface<'a> {
        let found = self
            .config
            .interfaces
            .iter()
            .position(|i| i.name == Some(name));
        let at = found.unwrap_or_else(|| {
            self.config.interfaces.push(Interface {
                name: Some(name),
                place,
                ..Interface::default()
            });
            self.config.interfaces.len() - 1
        });
        // INVARIANT: `at` was just found or pushed.
        #[allow(clippy::indexing_slicing)]
        &mut self.config.interfaces[at]
    }

    /// `nameif ethernet0 outside security0` of PIX 6 and FWSM 2.
    fn old_nameif(&mut self, mut words: Words<'_, 'a>, place: Place) -> Option<Status> {
        let hardware = words.take()?;
        let name = words.take()?;
        let level = words.take()?;
        let level = level
            .strip_prefix("security")
            .unwrap_or(level)
            .parse()
            .ok()?;
        self.config.describes_interfaces = true;
        let found = self.config.interfaces.iter().position(|i| {
            i.hardware == hardware || (i.name == Some(name) && i.hardware.is_empty())
        });
        let at = found.unwrap_or_else(|| {
            self.config.interfaces.push(Interface {
                place,
                ..Interface::default()
            });
            self.config.interfaces.len() - 1
        });
        let interface = self.config.interfaces.get_mut(at)?;
        interface.hardware = hardware;
        interface.name = Some(name);
        interface.level = Some(level);
        interface.level_place = Some(place);
        Some(Status::Modeled)
    }

    /// `ip address outside A M` of PIX 6 and FWSM 2.
    fn old_address(
        &mut self,
        mut words: Words<'_, 'a>,
        all: Words<'_, 'a>,
        place: Place,
    ) -> Option<Status> {
        let name = words.take()?;
        if super::address(name, &self.names).is_some() || words.is_done() {
            return Some(self.unknown(all, place));
        }
        let dynamic = matches!(words.peek(), Some("dhcp" | "pppoe"));
        let setroute = words.rest().contains("setroute");
        let address = words.address4(&self.names);
        let length = words.address4(&self.names).and_then(mask_length);
        let interface = self.named_interface(name, place);
        match (address, length) {
            (Some(a), Some(length)) => {
                interface.addresses.retain(|(a, _)| a.is_ipv6());
                interface.addresses.push((IpAddr::V4(a), length));
            }
            _ if dynamic => {
                interface.dynamic = true;
                if setroute {
                    interface.setroute = Some(place);
                }
            }
            _ => return Some(self.unknown(all, place)),
        }
        Some(Status::Modeled)
    }

    fn policy(&mut self, first: &str, mut words: Words<'_, 'a>, place: Place) -> Option<Status> {
        match first {
            "access-group" => {
                let group = access_group(words, place)?;
                // The last command for a place replaces the one before.
                self.config
                    .access_groups
                    .retain(|g| g.binding != group.binding);
                self.config.access_groups.push(group);
            }
            "route" => {
                let route = self.route(words, place)?;
                self.config.routes.push(route);
            }
            "ipv6" if words.peek() == Some("route") => {
                words.take();
                let route = self.route6(words, place)?;
                self.config.routes.push(route);
            }
            "nat" => {
                if words
                    .peek_at(1)
                    .is_some_and(|w| w.bytes().all(|b| b.is_ascii_digit()))
                    && words.peek().is_some_and(|w| !w.contains(','))
                {
                    let entry = nat::legacy_nat(words, &self.names, place);
                    return Some(self.legacy(entry));
                }
                let entry = nat::manual(words, &self.names, place);
                let opaque = entry.opaque;
                self.place_translation(entry);
                return Some(if opaque {
                    Status::Opaque
                } else {
                    Status::Modeled
                });
            }
            "static" => {
                let entry = nat::legacy_static(words, &self.names, place);
                return Some(self.legacy(entry));
            }
            "global" => {
                let entry = nat::legacy_global(words, &self.names, place);
                return Some(self.legacy(entry));
            }
            "sysopt"
                if words.peek() == Some("connection")
                    && matches!(words.peek_at(1), Some("permit-vpn" | "permit-ipsec")) =>
            {
                self.config.vpn_is_filtered = false;
            }
            "sysopt" if words.peek() == Some("noproxyarp") => {
                words.take()?;
                self.config.no_proxy_arp.push(words.take()?);
            }
            "nat-control" => self.config.nat_control = Some((true, place)),
            "same-security-traffic" => {
                words.eat("permit");
                match words.take()? {
                    "inter-interface" => self.config.same_security_inter = Some(place),
                    "intra-interface" => self.config.same_security_intra = Some(place),
                    _ => return None,
                }
            }
            "timeout" => return self.timeout(words, place),
            "class-map" => {
                let name = words.take()?;
                if name == "type" {
                    let why = "parameters of an inspection, not of the policy";
                    self.block = Block::Inert(why);
                    return Some(Status::Inert(why));
                }
                self.config.class_maps.retain(|c| c.name != name);
                self.config.class_maps.push(ClassMap {
                    name,
                    matches: Vec::new(),
                });
                self.block = Block::ClassMap(self.config.class_maps.len() - 1);
            }
            "policy-map" => {
                let name = words.take()?;
                if name == "type" {
                    let why = "parameters of an inspection, not of the policy";
                    self.block = Block::Inert(why);
                    return Some(Status::Inert(why));
                }
                let found = self.config.policy_maps.iter().position(|p| p.name == name);
                let at = found.unwrap_or_else(|| {
                    self.config.policy_maps.push(PolicyMap {
                        name,
                        classes: Vec::new(),
                    });
                    self.config.policy_maps.len() - 1
                });
                self.block = Block::PolicyMap(at, None);
            }
            "service-policy" => {
                let policy = service_policy(words, place)?;
                self.config
                    .service_policies
                    .retain(|p| p.interface != policy.interface);
                self.config.service_policies.push(policy);
            }
            "fixup" => {
                words.eat("protocol");
                let fixup = fixup(words, place)?;
                self.config.fixups.push(fixup);
            }
            _ => return None,
        }
        Some(Status::Modeled)
    }

    /// A number is the place in the section, as for lines of access lists:
    /// `nat (inside,outside) 1 source ...` comes first. Source: ASA command
    /// reference, `nat` (global).
    fn place_translation(&mut self, entry: NatEntry<'a>) {
        let at = entry.position.and_then(|n| {
            let ahead = usize::try_from(n).ok()?.saturating_sub(1);
            self.config
                .nat
                .iter()
                .enumerate()
                .filter(|(_, e)| e.section == entry.section)
                .map(|(at, _)| at)
                .nth(ahead)
        });
        self.config
            .nat
            .insert(at.unwrap_or(self.config.nat.len()), entry);
    }

    fn legacy(&mut self, entry: LegacyNat<'a>) -> Status {
        let opaque = matches!(entry, LegacyNat::Opaque(..));
        self.config.legacy_nat.push(entry);
        if opaque {
            Status::Opaque
        } else {
            Status::Modeled
        }
    }

    pub(super) fn route(&self, mut words: Words<'_, 'a>, place: Place) -> Option<RouteLine<'a>> {
        let interface = words.take()?;
        let part = |words: &mut Words<'_, 'a>| {
            if words.eat("0") {
                Some(std::net::Ipv4Addr::UNSPECIFIED)
            } else {
                words.address4(&self.names)
            }
        };
        let network = part(&mut words)?;
        let length = mask_length(part(&mut words)?)?;
        let gateway = words.address(&self.names);
        self.route_options(
            words,
            interface,
            IpAddr::V4(network),
            length,
            gateway,
            place,
        )
    }

    fn route6(&self, mut words: Words<'_, 'a>, place: Place) -> Option<RouteLine<'a>> {
        let interface = words.take()?;
        let (network, length) = words.prefix()?;
        let gateway = words.address(&self.names);
        self.route_options(words, interface, network, length, gateway, place)
    }

    fn route_options(
        &self,
        mut words: Words<'_, 'a>,
        interface: &'a str,
        network: IpAddr,
        length: u8,
        gateway: Option<IpAddr>,
        place: Place,
    ) -> Option<RouteLine<'a>> {
        let mut route = RouteLine {
            interface,
            network,
            length,
            gateway,
            metric: 1,
            tracked: false,
            tunneled: false,
            place,
        };
        while let Some(word) = words.take() {
            match word {
                "track" => {
                    words.take()?;
                    route.tracked = true;
                }
                "tunneled" => route.tunneled = true,
                // PIX 6 prints how the route came to be.
                "CONNECT" | "static" | "OTHER" => {}
                word => route.metric = word.parse().ok()?,
            }
        }
        Some(route)
    }

    fn timeout(&mut self, mut words: Words<'_, 'a>, place: Place) -> Option<Status> {
        let mut found = Vec::new();
        while let Some(word) = words.take() {
            match word {
                "absolute" | "inactivity" => {}
                // `timeout igp stale-route`, about dynamic routes.
                "igp" => return Some(Status::Inert("ageing of learned routes")),
                word => found.push((word, time::duration(words.take()?)?, place)),
            }
        }
        for item in found {
            self.config.timeouts.retain(|(w, _, _)| *w != item.0);
            self.config.timeouts.push(item);
        }
        Some(Status::Modeled)
    }
}

pub(super) fn access_group<'a>(mut words: Words<'_, 'a>, place: Place) -> Option<AccessGroup<'a>> {
    let list = words.take()?;
    let direction = words.take()?;
    let binding = match direction {
        "global" => Binding::Global,
        "in" | "out" => {
            if !words.eat("interface") {
                return None;
            }
            let interface = words.take()?;
            let mut plane = false;
            while let Some(word) = words.take() {
                match word {
                    "control-plane" => plane = true,
                    // Lists of users that log in over a tunnel.
                    "per-user-override" => {}
                    _ => return None,
                }
            }
            match (direction, plane) {
                ("in", false) => Binding::In(interface),
                ("in", true) => Binding::ControlPlane(interface),
                _ => Binding::Out(interface),
            }
        }
        _ => return None,
    };
    Some(AccessGroup {
        list,
        binding,
        place,
    })
}

pub(super) fn service_policy<'a>(
    mut words: Words<'_, 'a>,
    place: Place,
) -> Option<ServicePolicy<'a>> {
    let policy = words.take()?;
    let interface = match words.take()? {
        "global" => None,
        "interface" => Some(words.take()?),
        _ => return None,
    };
    Some(ServicePolicy {
        policy,
        interface,
        place,
    })
}

/// `fixup protocol X [udp|tcp] [port[-port]]`.
pub(super) fn fixup<'a>(mut words: Words<'_, 'a>, place: Place) -> Option<Fixup<'a>> {
    let name = words.take()?;
    let mut udp = matches!(name, "dns" | "tftp");
    let mut range = None;
    while let Some(word) = words.take() {
        if word == "udp" {
            udp = true;
        } else if let Some((a, b)) = word.split_once('-') {
            if let (Ok(a), Ok(b)) = (a.parse(), b.parse()) {
                range = Some((a, b));
            }
        } else if let Ok(port) = word.parse::<u16>()
            && range.is_none()
            && name != "dns"
        {
            range = Some((port, port));
        }
    }
    Some(Fixup {
        name,
        ports: range,
        udp,
        place,
    })
}
