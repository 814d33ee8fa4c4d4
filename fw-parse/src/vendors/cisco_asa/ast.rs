//! The configuration in the vendor's own words.
//!
//! Everything borrows from the text. No types of the common model are used.

use crate::token::Token;
use rustc_hash::FxHashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A line of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// The line, counted from 1.
    pub line: u32,
    /// Its length in bytes.
    pub length: u32,
}

/// The product that a version banner names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Platform {
    /// Adaptive Security Appliance, and the threat defense that runs its code.
    Asa,
    /// PIX, the predecessor.
    Pix,
    /// Firewall Services Module.
    Fwsm,
}

/// A software version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// The product.
    pub platform: Platform,
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
}

/// One whole configuration.
#[derive(Clone, Debug, Default)]
pub struct Config<'a> {
    /// The version banner.
    pub version: Option<Version>,
    /// The version that a generator's comment says it compiled for.
    pub compiled_for: Option<Version>,
    /// `hostname`.
    pub hostname: Option<&'a str>,
    /// `interface` blocks, and what older forms say of interfaces.
    pub interfaces: Vec<Interface<'a>>,
    /// True if there are `interface` blocks with names, or `nameif` lines.
    pub describes_interfaces: bool,
    /// `object network`.
    pub networks: Vec<NetworkObject<'a>>,
    /// `object service`.
    pub services: Vec<ServiceObject<'a>>,
    /// `object-group`.
    pub groups: Vec<Group<'a>>,
    /// `access-list`.
    pub access_lists: Vec<AccessList<'a>>,
    /// `access-group`.
    pub access_groups: Vec<AccessGroup<'a>>,
    /// `route` and `ipv6 route`.
    pub routes: Vec<RouteLine<'a>>,
    /// `time-range`.
    pub time_ranges: Vec<TimeRange<'a>>,
    /// Manual and object NAT of 8.3 and later, in file order.
    pub nat: Vec<NatEntry<'a>>,
    /// `static`, `nat` and `global` up to 8.2, in file order.
    pub legacy_nat: Vec<LegacyNat<'a>>,
    /// `nat-control` is on: `Some(false)` after `no nat-control`.
    pub nat_control: Option<(bool, Place)>,
    /// `same-security-traffic permit inter-interface`.
    pub same_security_inter: Option<Place>,
    /// `same-security-traffic permit intra-interface`.
    pub same_security_intra: Option<Place>,
    /// `timeout` values in seconds, by word; 0 is never.
    pub timeouts: Vec<(&'a str, u64, Place)>,
    /// `class-map`.
    pub class_maps: Vec<ClassMap<'a>>,
    /// `policy-map`.
    pub policy_maps: Vec<PolicyMap<'a>>,
    /// `service-policy`.
    pub service_policies: Vec<ServicePolicy<'a>>,
    /// `fixup protocol` of PIX 6.
    pub fixups: Vec<Fixup<'a>>,
    /// What may be addressed to the device itself.
    pub local: Vec<LocalService<'a>>,
    /// The port of `http server enable`; without it no `http` line has effect.
    pub http_server: Option<u16>,
    /// `crypto map M seq match address A`: map and sequence, list.
    pub crypto_matches: Vec<(&'a str, &'a str, &'a str, Place)>,
    /// `crypto map M seq set peer A B`: map and sequence, peers.
    pub crypto_peers: Vec<(&'a str, &'a str, Vec<std::net::IpAddr>)>,
    /// `crypto map M interface I`.
    pub crypto_bindings: Vec<(&'a str, &'a str, Place)>,
    /// `ip local pool`: name, first and last address.
    pub pools: Vec<(&'a str, IpAddr, IpAddr, Place)>,
    /// Interfaces of `sysopt noproxyarp`.
    pub no_proxy_arp: Vec<&'a str>,
    /// `no sysopt connection permit-vpn`.
    pub vpn_is_filtered: bool,
    /// `route-map`, in file order.
    pub route_maps: Vec<RouteMap<'a>>,
    /// Something else may answer HTTPS: WebVPN, services for VPN clients.
    pub https_besides: bool,
    /// `forward-reference enable`: what is in use may be deleted.
    pub forward_references: bool,
    /// Lines that work beside the policy and are flagged: what, line.
    pub beside: Vec<(Beside<'a>, Place)>,
    /// A routing protocol is configured.
    pub dynamic_routing: Option<Place>,
    /// Text of lines that are not understood and stand for themselves.
    pub opaque: Vec<(String, Place)>,
}

/// An entry of a `route-map`, as far as policy-based routing uses it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteMap<'a> {
    /// The name of the map.
    pub name: &'a str,
    /// `permit`; `deny` leaves packets to the routing table.
    pub permit: bool,
    /// Its place in the map.
    pub sequence: u32,
    /// `match ip address`: any of these lists; none for all packets.
    pub lists: Vec<&'a str>,
    /// `set ip next-hop`, in order.
    pub gateways: Vec<IpAddr>,
    /// `set interface`.
    pub interface: Option<&'a str>,
    /// Lines that are not understood.
    pub unknown: Vec<(String, Place)>,
    /// The first line.
    pub place: Place,
}

/// `fixup protocol X ...` of PIX 6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fixup<'a> {
    /// The engine.
    pub name: &'a str,
    /// First and last port, where given.
    pub ports: Option<(u16, u16)>,
    /// UDP, else TCP.
    pub udp: bool,
    /// The line.
    pub place: Place,
}

/// Things that decide about traffic beside the access lists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Beside<'a> {
    /// `shun SOURCE ... [interface I]`; `None` if it is not understood.
    Shun(Option<(IpAddr, Option<&'a str>)>),
    /// `established PROTOCOL ...`.
    Established(Option<u8>, String),
    /// `ip verify reverse-path interface I`.
    ReversePath(&'a str),
    /// `aaa authentication match A I ...` and the like.
    CutThrough,
    /// `dynamic-filter ...`.
    BotnetFilter,
    /// `firewall transparent`.
    Transparent,
    /// `vpn-filter`.
    VpnFilter,
}

/// An interface.
#[derive(Clone, Debug, Default)]
pub struct Interface<'a> {
    /// `GigabitEthernet0/1`; empty where only the name is known.
    pub hardware: &'a str,
    /// `nameif`.
    pub name: Option<&'a str>,
    /// `security-level`.
    pub level: Option<u32>,
    /// The line of the level.
    pub level_place: Option<Place>,
    /// Addresses with prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
    /// `ip address dhcp` or `pppoe`.
    pub dynamic: bool,
    /// `setroute`: the default route is learned there.
    pub setroute: Option<Place>,
    /// `shutdown`.
    pub shutdown: bool,
    /// `management-only`.
    pub management_only: bool,
    /// `tunnel source interface`, and the addresses of `tunnel destination`:
    /// a virtual tunnel interface.
    pub tunnel: (Option<&'a str>, Option<IpAddr>),
    /// `zone-member`: connections are shared with the others of this zone.
    pub zone: Option<&'a str>,
    /// `policy-route route-map`.
    pub policy_route: Option<(&'a str, Place)>,
    /// `bridge-group`: a transparent member.
    pub bridge_group: Option<&'a str>,
    /// Lines of the block that are not understood.
    pub opaque: Vec<(String, Place)>,
    /// The first line.
    pub place: Place,
}

/// What an `object network` holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NetworkValue<'a> {
    /// `host A`.
    Host(IpAddr),
    /// `subnet A M` with a contiguous or other mask.
    Subnet(Ipv4Addr, Ipv4Addr),
    /// `subnet P/len`.
    Prefix(Ipv6Addr, u8),
    /// `range A B`.
    Range(IpAddr, IpAddr),
    /// `fqdn [v4|v6] NAME`.
    Fqdn(&'a str),
    /// Not understood.
    Opaque(String),
}

/// `object network`.
#[derive(Clone, Debug)]
pub struct NetworkObject<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value, with the line.
    pub value: Option<(NetworkValue<'a>, Place)>,
    /// First line.
    pub place: Place,
    /// Last line.
    pub last: u32,
}

/// `object service`.
#[derive(Clone, Debug)]
pub struct ServiceObject<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: Option<ServiceSpec<'a>>,
    /// First line.
    pub place: Place,
    /// Last line.
    pub last: u32,
}

/// A protocol with ports or ICMP type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceSpec<'a> {
    /// The protocols: one, or TCP and UDP.
    pub protocol: ProtocolWord,
    /// Source ports.
    pub source: Option<PortOp>,
    /// Destination ports.
    pub destination: Option<PortOp>,
    /// ICMP type and code.
    pub icmp: Option<(u8, Option<u8>)>,
    /// Not understood: the text.
    pub opaque: Option<&'a str>,
}

/// A literal protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ProtocolWord {
    /// Every protocol.
    Ip,
    /// TCP and UDP.
    TcpUdp,
    /// One protocol.
    Number(u8),
}

/// A comparison of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum PortOp {
    /// `eq`
    Eq(u16),
    /// `neq`
    Neq(u16),
    /// `lt`
    Lt(u16),
    /// `gt`
    Gt(u16),
    /// `range`, both ends included.
    Range(u16, u16),
}

/// What an `object-group` is a group of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupKind {
    /// `network`
    Network,
    /// `service` with protocols in its members.
    Service,
    /// `service NAME tcp|udp|tcp-udp`: ports.
    Ports(ProtocolWord),
    /// `protocol`
    Protocol,
    /// `icmp-type`
    IcmpType,
    /// `user`
    User,
    /// `security`
    Security,
    /// Any other word.
    Other,
}

/// `object-group`.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// Its name.
    pub name: &'a str,
    /// Of what.
    pub kind: GroupKind,
    /// Its members with their lines.
    pub members: Vec<(Member<'a>, Place)>,
    /// First line.
    pub place: Place,
    /// Last line.
    pub last: u32,
}

/// A member of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Member<'a> {
    /// An address.
    Address(Address<'a>),
    /// A port comparison.
    Port(PortOp),
    /// A service.
    Service(ServiceSpec<'a>),
    /// `service-object object S`.
    ServiceObject(&'a str),
    /// A protocol.
    Protocol(ProtocolWord),
    /// An ICMP type.
    Icmp(u8, Option<u8>),
    /// `user`, `user-group`, `security-group`: the words.
    Identity(String),
    /// `group-object G`.
    Group(&'a str),
    /// Not understood.
    Opaque(String),
}

/// An address as access lists and groups write it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Address<'a> {
    /// `any`
    Any,
    /// `any4`
    Any4,
    /// `any6`
    Any6,
    /// `host A`
    Host(IpAddr),
    /// `A M` with a netmask.
    Masked(Ipv4Addr, Ipv4Addr),
    /// `P/len`
    Prefix(IpAddr, u8),
    /// `object O`
    Object(&'a str),
    /// `object-group G`
    Group(&'a str),
    /// `interface I`
    Interface(&'a str),
}

/// The ports of one end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Ports<'a> {
    /// A comparison.
    Op(PortOp),
    /// A group of ports.
    Group(&'a str),
}

/// The protocol of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Protocol<'a> {
    /// A literal one.
    Word(ProtocolWord),
    /// `object S`
    Object(&'a str),
    /// `object-group G`: protocols or services.
    Group(&'a str),
}

/// The ICMP part of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Icmp<'a> {
    /// Type and code.
    Type(u8, Option<u8>),
    /// `object-group G`
    Group(&'a str),
}

/// One end of an entry.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Endpoint<'a> {
    /// `user`, `user-group`, `security-group`...: the words.
    pub identity: Option<String>,
    /// The address.
    pub address: Address<'a>,
    /// The ports.
    pub ports: Option<Ports<'a>>,
}

/// What an entry does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum AceAction {
    /// `permit`
    Permit,
    /// `deny`
    Deny,
    /// `trust` of threat defense: permitted without further inspection.
    Trust,
}

/// One access list entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ace<'a> {
    /// What it does.
    pub action: AceAction,
    /// `advanced`: a permitted connection is handed to deep inspection.
    pub advanced: bool,
    /// Protocol or service.
    pub protocol: Protocol<'a>,
    /// Source end.
    pub source: Endpoint<'a>,
    /// Destination end.
    pub destination: Endpoint<'a>,
    /// ICMP type.
    pub icmp: Option<Icmp<'a>>,
    /// `log ...` as written; `None` without the word.
    pub log: Option<String>,
    /// `time-range T`.
    pub time_range: Option<&'a str>,
    /// `inactive`
    pub inactive: bool,
    /// `rule-id N`
    pub rule_id: Option<&'a str>,
}

/// One line of an access list.
// Nearly all are entries, so that boxing them would only add allocations.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EntryKind<'a> {
    /// `remark`
    Remark,
    /// An entry.
    Ace(Ace<'a>),
    /// An entry that is not understood: what it does, if that is, and the
    /// normalized text.
    Opaque(Option<AceAction>, String),
}

/// One line of an access list, with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// What it says.
    pub kind: EntryKind<'a>,
    /// Where.
    pub place: Place,
    /// The first word that is not understood, if one is to blame.
    pub unknown: Option<Token<'a>>,
    /// What `show access-list` expands it to.
    pub expansion: Vec<Entry<'a>>,
}

/// `access-list N`: all its lines.
#[derive(Clone, Debug, Default)]
pub struct AccessList<'a> {
    /// Its name.
    pub name: &'a str,
    /// `ipv6 access-list`: for IPv6 alone.
    pub ipv6: bool,
    /// `standard`: destinations alone, for routing.
    pub standard: bool,
    /// Its lines.
    pub entries: Vec<Entry<'a>>,
    /// Numbers that entries have as far as they match, to find one again.
    pub seen: FxHashSet<u64>,
}

/// Where a list is bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binding<'a> {
    /// `in interface I`
    In(&'a str),
    /// `out interface I`
    Out(&'a str),
    /// `in interface I control-plane`
    ControlPlane(&'a str),
    /// `global`
    Global,
}

/// `access-group`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessGroup<'a> {
    /// The list.
    pub list: &'a str,
    /// Where.
    pub binding: Binding<'a>,
    /// The line.
    pub place: Place,
}

/// `route`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteLine<'a> {
    /// The interface; `Null0` drops.
    pub interface: &'a str,
    /// Network address.
    pub network: IpAddr,
    /// Prefix length.
    pub length: u8,
    /// The gateway.
    pub gateway: Option<IpAddr>,
    /// Distance.
    pub metric: u32,
    /// `track N`: only while an object is up.
    pub tracked: bool,
    /// `tunneled`: for decrypted traffic alone.
    pub tunneled: bool,
    /// The line.
    pub place: Place,
}

/// `time-range`.
#[derive(Clone, Debug, Default)]
pub struct TimeRange<'a> {
    /// Its name.
    pub name: &'a str,
    /// `absolute`: start and end, in civil minutes since 1970.
    pub absolute: Vec<(Option<i64>, Option<i64>)>,
    /// `periodic`: minutes of the week from Monday 00:00.
    pub weekly: Vec<(u32, u32)>,
    /// A line of it is not understood: the text.
    pub opaque: Option<String>,
    /// First line.
    pub place: Place,
    /// Last line.
    pub last: u32,
}

/// The side of a NAT entry that names addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NatAddress<'a> {
    /// `any`
    Any,
    /// A literal address (object NAT).
    Literal(IpAddr),
    /// An object or group.
    Name(&'a str),
    /// `interface`
    Interface,
}

/// How a source is translated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NatMapping<'a> {
    /// `static`, else `dynamic`.
    pub is_static: bool,
    /// What it becomes; `None` for a pool alone.
    pub mapped: Option<NatAddress<'a>>,
    /// `pat-pool P`.
    pub pat_pool: Option<NatAddress<'a>>,
    /// `interface` as a fallback of a dynamic mapping.
    pub fallback_interface: bool,
}

/// Where an entry stands in the NAT table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NatSection<'a> {
    /// Section 1: manual.
    Manual,
    /// Section 2: of an object.
    Object(&'a str),
    /// Section 3: manual, `after-auto`.
    AfterAuto,
}

/// One NAT entry of 8.3 and later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NatEntry<'a> {
    /// Its section.
    pub section: NatSection<'a>,
    /// The place in the section that a command asks for, from 1.
    pub position: Option<u32>,
    /// Real interface; `None` is any.
    pub real_interface: Option<&'a str>,
    /// Mapped interface; `None` is any.
    pub mapped_interface: Option<&'a str>,
    /// The real source.
    pub real: NatAddress<'a>,
    /// How it is translated.
    pub mapping: NatMapping<'a>,
    /// `destination static MAPPED REAL`.
    pub destination: Option<(NatAddress<'a>, NatAddress<'a>)>,
    /// `service A B` of manual NAT: objects.
    pub service: Option<(&'a str, &'a str)>,
    /// `service tcp REAL MAPPED` of object NAT.
    pub ports: Option<(u8, u16, u16)>,
    /// `unidirectional`
    pub unidirectional: bool,
    /// `route-lookup`
    pub route_lookup: bool,
    /// `no-proxy-arp`
    pub no_proxy_arp: bool,
    /// `inactive`
    pub inactive: bool,
    /// Words that are not understood.
    pub opaque: bool,
    /// The normalized text.
    pub text: String,
    /// The line.
    pub place: Place,
}

/// What a line up to 8.2 translates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LegacyReal<'a> {
    /// Addresses: first and mask.
    Network(Ipv4Addr, Ipv4Addr),
    /// `access-list A`
    AccessList(&'a str),
}

/// NAT up to 8.2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LegacyNat<'a> {
    /// `static (real,mapped) ...`
    Static {
        /// Real interface.
        real_interface: &'a str,
        /// Mapped interface.
        mapped_interface: &'a str,
        /// Mapped address; `None` is `interface`.
        mapped: Option<Ipv4Addr>,
        /// Real addresses.
        real: LegacyReal<'a>,
        /// Protocol, mapped port, real port; without the last the list has it.
        ports: Option<(u8, u16, Option<u16>)>,
        /// The line.
        place: Place,
    },
    /// `nat (interface) id ...`
    Nat {
        /// Real interface.
        interface: &'a str,
        /// The number that ties it to `global` lines; 0 is "not translated".
        id: u32,
        /// What is translated.
        real: LegacyReal<'a>,
        /// `outside`: from the lower level.
        outside: bool,
        /// The line.
        place: Place,
    },
    /// `global (interface) id ...`
    Global {
        /// Mapped interface.
        interface: &'a str,
        /// Number.
        id: u32,
        /// First and last address; `None` is `interface`.
        pool: Option<(Ipv4Addr, Ipv4Addr)>,
        /// The line.
        place: Place,
    },
    /// Not understood: the text.
    Opaque(String, Place),
}

/// What a class matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClassMatch<'a> {
    /// `match any`
    Any,
    /// `match default-inspection-traffic`
    DefaultInspection,
    /// `match access-list A`
    AccessList(&'a str),
    /// `match port tcp eq 80`
    Port(u8, PortOp),
    /// Anything else: the words.
    Opaque(String),
}

/// `class-map`.
#[derive(Clone, Debug)]
pub struct ClassMap<'a> {
    /// Its name.
    pub name: &'a str,
    /// All of these.
    pub matches: Vec<(ClassMatch<'a>, Place)>,
}

/// What a policy does to a class.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClassAction<'a> {
    /// `inspect X ...`: the engine's words, and all words.
    Inspect(&'a str, String),
    /// `set connection timeout idle|tcp H:M:S`: seconds.
    Timeout(u64),
    /// `set connection advanced-options tcp-state-bypass`
    StateBypass,
    /// `police`, `priority`, `shape`: the words.
    Qos(String),
    /// Something else that is done to connections.
    Other(String),
}

/// A class within a policy.
#[derive(Clone, Debug)]
pub struct PolicyClass<'a> {
    /// The class map.
    pub class: &'a str,
    /// What is done.
    pub actions: Vec<(ClassAction<'a>, Place)>,
}

/// `policy-map`.
#[derive(Clone, Debug)]
pub struct PolicyMap<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its classes in order.
    pub classes: Vec<PolicyClass<'a>>,
}

/// `service-policy P global|interface I`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServicePolicy<'a> {
    /// The policy map.
    pub policy: &'a str,
    /// The interface; `None` is global.
    pub interface: Option<&'a str>,
    /// The line.
    pub place: Place,
}

impl LocalService<'_> {
    /// True if both say the same, on whichever line.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.what, self.port, self.icmp, self.from, self.interface)
            == (
                other.what,
                other.port,
                other.icmp,
                other.from,
                other.interface,
            )
    }
}

/// Something the device itself answers to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalService<'a> {
    /// What it is (`ssh`).
    pub what: &'static str,
    /// Protocol and port; `None` for ICMP.
    pub port: Option<(u8, u16)>,
    /// ICMP: type, and whether it is permitted.
    pub icmp: Option<(Option<u8>, bool)>,
    /// From where.
    pub from: Address<'a>,
    /// The interface; `None` is any.
    pub interface: Option<&'a str>,
    /// The line.
    pub place: Place,
}
