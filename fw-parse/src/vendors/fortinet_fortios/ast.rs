//! A FortiOS configuration in the vendor's words.

use fw_model::Span;
use ipnet::IpNet;
use std::net::IpAddr;

/// Something that is not understood, as normalized text.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// The software's version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number; old headers leave it out.
    pub patch: Option<u16>,
}

/// A whole configuration.
#[derive(Debug, Default)]
pub struct Config<'t> {
    /// From the `#config-version` line.
    pub version: Option<Version>,
    /// The host name.
    pub hostname: Option<&'t str>,
    /// Settings of the whole device.
    pub global: Global,
    /// `config system vdom-link`: the names of pairs of interfaces.
    pub vdom_links: Vec<&'t str>,
    /// The virtual domains; one without a name where they are not used.
    pub vdoms: Vec<Vdom<'t>>,
    /// What is not understood on the level of the whole device.
    pub unknown: Vec<Unknown>,
}

/// `config system global` and other settings of the whole device.
#[derive(Debug, Default)]
pub struct Global {
    /// `allow-traffic-redirect`.
    pub redirect: Option<bool>,
    /// `ipv6-allow-traffic-redirect`.
    pub redirect6: Option<bool>,
    /// `udp-idle-timer` in seconds.
    pub udp_idle: Option<(u64, Span)>,
    /// Ports of the administrative services.
    pub http_port: Option<u16>,
    /// See `http_port`.
    pub https_port: Option<u16>,
    /// See `http_port`.
    pub ssh_port: Option<u16>,
    /// See `http_port`.
    pub telnet_port: Option<u16>,
    /// The hosts from which some administrator may log in, for IPv4 and IPv6,
    /// if every one is bound to some (`trusthost`).
    pub trusted_hosts: [Option<Vec<(IpNet, Span)>>; 2],
}

/// A virtual domain.
#[derive(Debug, Default)]
pub struct Vdom<'t> {
    /// Its name; empty where virtual domains are not used.
    pub name: &'t str,
    /// `config system settings`.
    pub settings: Settings<'t>,
    /// Its interfaces.
    pub interfaces: Vec<Interface<'t>>,
    /// Tunnels to other gateways.
    pub tunnels: Vec<Tunnel<'t>>,
    /// What the tunnels carry.
    pub selectors: Vec<Phase2<'t>>,
    /// True if the file lists interfaces at all.
    pub has_interfaces: bool,
    /// Zones, SD-WAN zones among them.
    pub zones: Vec<Zone<'t>>,
    /// The next routers of SD-WAN members: interface, gateway.
    pub member_gateways: Vec<(&'t str, IpAddr)>,
    /// Address objects of IPv4.
    pub addresses: Vec<Address<'t>>,
    /// Address objects of IPv6.
    pub addresses6: Vec<Address<'t>>,
    /// Address objects for multicast policies.
    pub multicast_addresses: Vec<Address<'t>>,
    /// Custom services and predefined ones that are printed.
    pub services: Vec<Service<'t>>,
    /// Service groups.
    pub service_groups: Vec<Group<'t>>,
    /// Schedules and schedule groups.
    pub schedules: Vec<Schedule<'t>>,
    /// Virtual addresses.
    pub vips: Vec<Vip<'t>>,
    /// Groups of virtual addresses.
    pub vip_groups: Vec<Group<'t>>,
    /// Source NAT pools.
    pub pools: Vec<Pool<'t>>,
    /// The policy lists.
    pub policies: Vec<Policy<'t>>,
    /// `config firewall policy6`.
    pub policies6: Vec<Policy<'t>>,
    /// `config firewall consolidated policy`.
    pub consolidated: Vec<Policy<'t>>,
    /// `config firewall security-policy`.
    pub security_policies: Vec<Policy<'t>>,
    /// `config firewall multicast-policy` and `multicast-policy6`.
    pub multicast_policies: Vec<Policy<'t>>,
    /// `config firewall local-in-policy` and `local-in-policy6`.
    pub local_in: Vec<Policy<'t>>,
    /// `config firewall acl` and `acl6`.
    pub acls: Vec<Policy<'t>>,
    /// `config firewall central-snat-map`.
    pub central_snat: Vec<CentralSnat<'t>>,
    /// Static routes.
    pub routes: Vec<Route<'t>>,
    /// `config router policy`.
    pub policy_routes: Vec<PolicyRoute<'t>>,
    /// Custom internet services and groups: name, text.
    pub internet_services: Vec<(&'t str, String)>,
    /// `config system session-ttl`.
    pub session_ttl: SessionTtl,
    /// `config system session-helper`.
    pub helpers: Vec<Helper<'t>>,
    /// `config firewall ssl-ssh-profile`.
    pub ssl_profiles: Vec<SslProfile<'t>>,
    /// Other security profiles: section, name, a number that differs where
    /// their settings differ.
    pub profiles: Vec<(&'t str, &'t str, u32)>,
    /// Enabled entries of `config firewall DoS-policy` and `DoS-policy6`.
    pub dos: Vec<DosPolicy<'t>>,
    /// Enabled entries of `config firewall policy46` and `policy64`.
    pub between_families: Vec<FamilyPolicy<'t>>,
    /// `config firewall vip46`: name and outer addresses, where understood.
    pub vips46: Vec<(&'t str, Option<(IpAddr, IpAddr)>)>,
    /// A configured dynamic routing protocol.
    pub dynamic_routing: Option<(&'static str, Span)>,
    /// SSL VPN listens on the device.
    pub ssl_vpn: bool,
    /// Commands about entries that do not exist; without effect.
    pub refused: Vec<Unknown>,
    /// What is not understood.
    pub unknown: Vec<Unknown>,
}

/// `config system settings`.
#[derive(Debug, Default)]
pub struct Settings<'t> {
    /// `central-nat enable`.
    pub central_nat: bool,
    /// `ngfw-mode policy-based`.
    pub policy_based: bool,
    /// `consolidated-firewall-mode enable`.
    pub consolidated: bool,
    /// `opmode transparent`.
    pub transparent: Option<Span>,
    /// Settings that let packets pass without the state of a connection.
    pub bypasses: Vec<Feature<'t>>,
    /// `strict-src-check enable`.
    pub strict_source: Option<Span>,
}

/// `config system interface`.
#[derive(Debug, Default)]
pub struct Interface<'t> {
    /// Its name.
    pub name: &'t str,
    /// Where it stands.
    pub span: Option<Span>,
    /// Its addresses with masks, secondary ones too.
    pub addresses: Vec<IpNet>,
    /// DHCP or PPPoE.
    pub dynamic: bool,
    /// The distance of the default route that comes with the address; `None`
    /// where none is asked for.
    pub default_route: Option<u64>,
    /// `type vdom-link`, one end of a pair between virtual domains.
    pub vdom_link: bool,
    /// The interface that carries it (VLANs), and the VLAN.
    pub carrier: Option<(&'t str, u64)>,
    /// Virtual router addresses (VRRP) that it answers for while it is the
    /// master.
    pub shared: Vec<IpAddr>,
    /// `status` is not `down`.
    pub up: bool,
    /// `dedicated-to management`.
    pub management: bool,
    /// `src-check disable`: sources are not looked at.
    pub any_source: bool,
    /// Routing table; 0 by default.
    pub vrf: u64,
    /// Services that the device offers on it, for IPv4.
    pub access: Vec<&'t str>,
    /// See `access`, for IPv6.
    pub access6: Vec<&'t str>,
    /// What is not understood.
    pub unknown: Vec<Unknown>,
}

/// `config system zone`.
#[derive(Debug, Default)]
pub struct Zone<'t> {
    /// Its name.
    pub name: &'t str,
    /// Where it stands.
    pub span: Option<Span>,
    /// Its members.
    pub interfaces: Vec<&'t str>,
    /// `intrazone allow`.
    pub intrazone: bool,
}

/// What an address object holds.
#[derive(Clone, Debug)]
pub enum AddressKind<'t> {
    /// A prefix.
    Subnet(IpNet),
    /// First and last address.
    Range(IpAddr, IpAddr),
    /// Address and mask, in which a 1 must match.
    Wildcard(IpAddr, IpAddr),
    /// The connected prefix of an interface.
    InterfaceSubnet(&'t str),
    /// A name that stands for addresses: what kind of name, the name.
    Name(&'static str, String),
    /// Members, and members that are taken out again.
    Group(Vec<&'t str>, Vec<&'t str>),
    /// Addresses that the device learns elsewhere (dynamic addresses, MAC
    /// addresses), by what defines them.
    Elsewhere(String),
    /// Something that is not understood.
    Other(String),
}

/// An address object or group.
#[derive(Clone, Debug)]
pub struct Address<'t> {
    /// Its name.
    pub name: &'t str,
    /// Where it stands.
    pub span: Span,
    /// Its last line.
    pub last_line: u32,
    /// What it holds.
    pub kind: AddressKind<'t>,
    /// What is not understood.
    pub unknown: Vec<Unknown>,
}

/// A port range of a service: destination, and source if given.
pub type PortPair = ((u16, u16), Option<(u16, u16)>);

/// What a service object holds.
#[derive(Clone, Debug)]
pub enum ServiceKind {
    /// Ports by protocol number.
    Ports(Vec<(u8, Vec<PortPair>)>),
    /// ICMP (1 or 58), type, code.
    Icmp(u8, Option<u8>, Option<u8>),
    /// A protocol; `None` for all.
    Protocol(Option<u8>),
    /// For the explicit proxy only.
    Proxy,
}

/// `config firewall service custom`.
#[derive(Clone, Debug)]
pub struct Service<'t> {
    /// Its name.
    pub name: &'t str,
    /// Where it stands.
    pub span: Span,
    /// Its last line.
    pub last_line: u32,
    /// What it holds.
    pub kind: ServiceKind,
    /// Destinations it is limited to (`iprange`).
    pub destinations: Option<(IpAddr, IpAddr)>,
    /// Its own idle timeout: text of the value.
    pub ttl: Option<(Timeout, Span)>,
    /// Its own idle timeout for UDP.
    pub udp_idle: Option<(u64, Span)>,
    /// What is not understood.
    pub unknown: Vec<Unknown>,
}

/// An idle timeout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timeout {
    /// After so many seconds.
    Seconds(u64),
    /// Never.
    Never,
}

/// A named list of members.
#[derive(Clone, Debug)]
pub struct Group<'t> {
    /// Its name.
    pub name: &'t str,
    /// Where it stands.
    pub span: Span,
    /// Its last line.
    pub last_line: u32,
    /// Its members.
    pub members: Vec<&'t str>,
    /// What is not understood.
    pub unknown: Vec<Unknown>,
}

/// What a schedule says. Minutes are civil minutes since 1970.
#[derive(Clone, Debug)]
pub enum ScheduleKind<'t> {
    /// From, to.
    Once(Option<i64>, Option<i64>),
    /// Minutes of the week from Monday; none at all is "never".
    Weekly(Vec<(u32, u32)>),
    /// Several schedules.
    Group(Vec<&'t str>),
    /// Not understood.
    Unclear,
}

/// A schedule.
#[derive(Clone, Debug)]
pub struct Schedule<'t> {
    /// Its name.
    pub name: &'t str,
    /// Where it stands.
    pub span: Span,
    /// Its last line.
    pub last_line: u32,
    /// What it says.
    pub kind: ScheduleKind<'t>,
    /// What is not understood.
    pub unknown: Vec<Unknown>,
}

/// Where a virtual address leads.
#[derive(Clone, Debug)]
pub enum Mapped {
    /// First and last address, one for one.
    Range(IpAddr, IpAddr),
    /// Any of several servers with their ports.
    Servers(Vec<(IpAddr, Option<u16>)>),
    /// Not known from the configuration.
    Unclear,
}

/// Protocol, outer ports, inner ports.
pub type PortForward = (u8, (u16, u16), (u16, u16));

/// `config firewall vip` and `vip6`.
#[derive(Clone, Debug)]
pub struct Vip<'t> {
    /// Its name.
    pub name: &'t str,
    /// Where it stands.
    pub span: Span,
    /// Its last line.
    pub last_line: u32,
    /// `status` is not `disable`.
    pub enabled: bool,
    /// Outer addresses; `None` if they are not understood.
    pub external: Option<(IpAddr, IpAddr)>,
    /// Outer addresses by address objects (`extaddr`).
    pub external_objects: Vec<&'t str>,
    /// Inner addresses.
    pub mapped: Mapped,
    /// The interface by which packets come in; `any` for all.
    pub interface: &'t str,
    /// Further restriction of it.
    pub interface_filter: Vec<&'t str>,
    /// Sources it is for; empty for all.
    pub sources: Vec<&'t str>,
    /// Protocol with outer and inner ports.
    pub ports: Option<PortForward>,
    /// Any outer port leads to any inner one (`portmapping-type m-to-n`).
    pub many_ports: bool,
    /// Services it is for; empty for all.
    pub services: Vec<&'t str>,
    /// It also gives the inner hosts their source address.
    pub translates_source: bool,
    /// The device answers for its outer address (`arp-reply`).
    pub answers: bool,
    /// What is not understood.
    pub unknown: Vec<Unknown>,
}

/// `config firewall ippool`.
#[derive(Clone, Debug)]
pub struct Pool<'t> {
    /// Its name.
    pub name: &'t str,
    /// Where it stands.
    pub span: Span,
    /// Its last line.
    pub last_line: u32,
    /// First and last address.
    pub range: Option<(IpAddr, IpAddr)>,
    /// How it gives out addresses and ports.
    pub mode: PoolMode,
    /// Where that stands.
    pub mode_place: Option<Span>,
    /// The device answers for its addresses (`arp-reply`).
    pub answers: bool,
}

/// How a pool gives out addresses and ports (`type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PoolMode {
    /// Many sources share an address.
    Overload,
    /// One source an address, with its own ports.
    OneToOne,
    /// Each source has a share of the ports of an address.
    FixedPortRange,
    /// Sources get blocks of ports.
    PortBlocks,
}

impl PoolMode {
    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overload => "overload",
            Self::OneToOne => "one-to-one",
            Self::FixedPortRange => "fixed-port-range",
            Self::PortBlocks => "port-block-allocation",
        }
    }
}

/// Thresholds for the traffic of an interface.
#[derive(Clone, Debug)]
pub struct DosPolicy<'t> {
    /// Its number.
    pub id: &'t str,
    /// Where it stands.
    pub span: Span,
    /// IPv6.
    pub v6: bool,
    /// `interface`
    pub interface: Vec<&'t str>,
    /// `srcaddr`
    pub source: Vec<&'t str>,
    /// `dstaddr`
    pub destination: Vec<&'t str>,
    /// `service`
    pub service: Vec<&'t str>,
    /// A number that differs where what it says of anomalies differs.
    pub settings: u32,
}

/// A policy that turns packets of one family into the other.
#[derive(Clone, Debug)]
pub struct FamilyPolicy<'t> {
    /// Its number.
    pub id: &'t str,
    /// Where it stands.
    pub span: Span,
    /// From IPv6 to IPv4 (`policy64`).
    pub from_v6: bool,
    /// `srcintf`
    pub srcintf: Vec<&'t str>,
    /// `dstaddr`
    pub destination: Vec<&'t str>,
    /// What it says, for comparison.
    pub text: String,
}

/// What a policy does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PolicyAction<'t> {
    /// `accept`
    Accept,
    /// `deny`, and the default.
    Deny,
    /// `ipsec`, `learn` and others.
    Other(&'t str),
}

/// The addresses of a policy for one family.
#[derive(Clone, Debug, Default)]
pub struct Ends<'t> {
    /// `srcaddr`
    pub source: Option<Vec<&'t str>>,
    /// `dstaddr`
    pub destination: Option<Vec<&'t str>>,
    /// `srcaddr-negate`
    pub source_negate: bool,
    /// `dstaddr-negate`
    pub destination_negate: bool,
}

/// Internet services of one direction.
#[derive(Clone, Debug)]
pub struct InternetService {
    /// All names and numbers with the setting they came from.
    pub names: Vec<String>,
    /// Negated.
    pub negate: bool,
    /// Where it stands.
    pub span: Option<Span>,
}

/// Source NAT of a policy.
#[derive(Clone, Debug, Default)]
pub struct PolicyNat<'t> {
    /// `nat enable`
    pub enabled: bool,
    /// `ippool enable` with its pools.
    pub pools: Option<Vec<&'t str>>,
    /// `fixedport enable`: source ports stay; where it stands.
    pub fixed_port: Option<Span>,
}

/// A treatment of a policy: setting, value, place.
#[derive(Clone, Copy, Debug)]
pub struct Feature<'t> {
    /// The setting.
    pub setting: &'static str,
    /// Its value.
    pub value: &'t str,
    /// Where it stands.
    pub span: Option<Span>,
}

/// What a policy asks of the content of its traffic.
#[derive(Clone, Debug, Default)]
pub struct Identified<'t> {
    /// Applications by number or name.
    pub applications: Vec<&'t str>,
    /// Other settings with their values.
    pub other: Vec<(&'static str, Vec<&'t str>)>,
    /// Applications must use their default ports
    /// (`enforce-default-app-port`).
    pub default_ports: bool,
    /// Where it stands.
    pub span: Option<Span>,
}

/// What a policy of `action ipsec` says.
#[derive(Clone, Copy, Debug)]
pub struct Ipsec<'t> {
    /// `vpntunnel`: a name of `vpn ipsec phase1`.
    pub tunnel: &'t str,
    /// `inbound`: the other end may begin connections.
    pub inbound: bool,
    /// `outbound` is not `disable`: this end may.
    pub outbound: bool,
}

/// A tunnel to another gateway.
#[derive(Clone, Debug)]
pub struct Tunnel<'t> {
    /// Its name; also that of its interface, if it has one.
    pub name: &'t str,
    /// The section it stands in.
    pub kind: TunnelKind,
    /// `interface`: where the encrypted packets leave.
    pub interface: Option<&'t str>,
    /// `remote-gw`; `None` if it is not known beforehand.
    pub peer: Option<IpAddr>,
    /// `type dynamic`: peers set it up.
    pub dynamic: bool,
    /// Where it stands.
    pub span: Option<Span>,
}

/// `config vpn ipsec phase2-interface`.
#[derive(Clone, Debug)]
pub struct Phase2<'t> {
    /// Its name.
    pub name: &'t str,
    /// The tunnel that it belongs to.
    pub tunnel: &'t str,
    /// The addresses of this end.
    pub source: Phase2End<'t>,
    /// The addresses of the other end.
    pub destination: Phase2End<'t>,
    /// Protocol; `None` for all.
    pub protocol: Option<u8>,
    /// Ports of both ends; `None` for all.
    pub ports: [Option<u16>; 2],
    /// It has settings that are not understood.
    pub unclear: bool,
    /// Where it stands.
    pub span: Option<Span>,
}

/// The addresses of an end of a selector.
#[derive(Clone, Debug)]
pub enum Phase2End<'t> {
    /// A subnet, or a range.
    Between(IpAddr, IpAddr),
    /// An address object, in the list of IPv4 or IPv6.
    Object(&'t str, bool),
    /// Not understood.
    Unclear,
}

/// How packets get into a tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TunnelKind {
    /// By its interface: `phase1-interface`, `gre-tunnel` and others.
    Interface,
    /// By a policy with `action ipsec`: `phase1`.
    Policy,
}

/// A rule of one of the policy lists.
#[derive(Clone, Debug)]
pub struct Policy<'t> {
    /// Its number.
    pub id: &'t str,
    /// Its name.
    pub name: Option<&'t str>,
    /// Where it stands.
    pub span: Span,
    /// `status` is not `disable`.
    pub enabled: bool,
    /// What it does.
    pub action: PolicyAction<'t>,
    /// `action` is given; else `action` is its default.
    pub action_given: bool,
    /// The tunnel of `action ipsec`.
    pub ipsec: Option<Ipsec<'t>>,
    /// Packets come in by; `None` if not given.
    pub srcintf: Option<Vec<&'t str>>,
    /// Packets leave by; `None` if not given.
    pub dstintf: Option<Vec<&'t str>>,
    /// IPv4 ends.
    pub v4: Ends<'t>,
    /// IPv6 ends.
    pub v6: Ends<'t>,
    /// `service`; `None` if not given.
    pub service: Option<Vec<&'t str>>,
    /// `service-negate`
    pub service_negate: bool,
    /// `schedule`
    pub schedule: Option<&'t str>,
    /// End of validity in civil minutes; the inner `None` is not understood.
    pub expiry: Option<(Option<i64>, Option<Span>)>,
    /// Users and groups.
    pub users: Vec<&'t str>,
    /// Destination and service by internet service.
    pub internet: Option<InternetService>,
    /// Source by internet service.
    pub internet_source: Option<InternetService>,
    /// `match-vip`
    pub match_vip: Option<bool>,
    /// `match-vip-only enable`
    pub match_vip_only: bool,
    /// `send-deny-packet enable`
    pub reject: bool,
    /// Source NAT.
    pub nat: PolicyNat<'t>,
    /// `session-ttl`
    pub ttl: Option<(Timeout, Span)>,
    /// `inspection-mode proxy`
    pub proxy: Option<Feature<'t>>,
    /// What it asks of the content (`security-policy`).
    pub identified: Identified<'t>,
    /// `ssl-ssh-profile`
    pub ssl_profile: Option<Feature<'t>>,
    /// Security profiles, with the sections that define them.
    pub profiles: Vec<(Feature<'t>, &'static str)>,
    /// Shapers and DSCP.
    pub qos: Vec<Feature<'t>>,
    /// `logtraffic`
    pub log: Option<Feature<'t>>,
    /// `tcp-session-without-syn` other than `disable`.
    pub without_syn: Option<Feature<'t>>,
    /// What is not understood.
    pub unknown: Vec<Unknown>,
}

/// `config firewall central-snat-map`.
#[derive(Clone, Debug)]
pub struct CentralSnat<'t> {
    /// Its number.
    pub id: &'t str,
    /// Where it stands.
    pub span: Span,
    /// `status` is not `disable`.
    pub enabled: bool,
    /// `nat` is not `disable`.
    pub translates: bool,
    /// Interfaces.
    pub srcintf: Vec<&'t str>,
    /// Interfaces.
    pub dstintf: Vec<&'t str>,
    /// IPv6.
    pub v6: bool,
    /// Original source.
    pub source: Vec<&'t str>,
    /// Destination.
    pub destination: Vec<&'t str>,
    /// Protocol; `None` for all.
    pub protocol: Option<u8>,
    /// Original source ports.
    pub source_ports: Option<(u16, u16)>,
    /// Destination ports.
    pub destination_ports: Option<(u16, u16)>,
    /// Translated source ports.
    pub nat_ports: Option<(u16, u16)>,
    /// Pools; empty for the address of the egress interface.
    pub pools: Vec<&'t str>,
    /// What is not understood.
    pub unknown: Vec<Unknown>,
}

/// `config router static` and `static6`.
#[derive(Clone, Debug)]
pub struct Route<'t> {
    /// Where it stands.
    pub span: Span,
    /// Destination prefix.
    pub prefix: Option<IpNet>,
    /// Destination by address object.
    pub object: Option<&'t str>,
    /// Destination by internet service.
    pub internet: Option<&'t str>,
    /// IPv6.
    pub v6: bool,
    /// Egress interface.
    pub device: Option<&'t str>,
    /// Egress SD-WAN zones.
    pub zones: Vec<&'t str>,
    /// Gateway.
    pub gateway: Option<IpAddr>,
    /// Dropped.
    pub blackhole: bool,
    /// Lower is better.
    pub distance: u64,
    /// Lower is better, second.
    pub priority: u64,
    /// Routing table.
    pub vrf: u64,
}

/// `config router policy`.
#[derive(Clone, Debug)]
pub struct PolicyRoute<'t> {
    /// Its number.
    pub id: &'t str,
    /// Where it stands.
    pub span: Span,
    /// Ingress interfaces; empty for all.
    pub input: Vec<&'t str>,
    /// Sources; empty for all.
    pub sources: Vec<IpNet>,
    /// Destinations; empty for all.
    pub destinations: Vec<IpNet>,
    /// Source objects.
    pub source_objects: Vec<&'t str>,
    /// Destination objects.
    pub destination_objects: Vec<&'t str>,
    /// Protocol; `None` for all.
    pub protocol: Option<u8>,
    /// Destination ports.
    pub ports: Option<(u16, u16)>,
    /// Source ports.
    pub source_ports: Option<(u16, u16)>,
    /// Where the packet leaves; `None` where the gateway tells, or the routes.
    pub output: Option<&'t str>,
    /// The next router.
    pub gateway: Option<IpAddr>,
    /// `action deny`: the routing table decides.
    pub stop: bool,
    /// What is not understood.
    pub unknown: Vec<Unknown>,
}

/// `config system session-ttl`.
#[derive(Clone, Debug, Default)]
pub struct SessionTtl {
    /// Of all sessions.
    pub default: Option<(Timeout, Span)>,
    /// Protocol (0: all), ports, timeout.
    pub ports: Vec<(u8, (u16, u16), Timeout, Span)>,
}

/// `config system session-helper`.
#[derive(Clone, Debug)]
pub struct Helper<'t> {
    /// Its name.
    pub name: &'t str,
    /// Protocol.
    pub protocol: u8,
    /// Destination port.
    pub port: u16,
    /// Where it stands.
    pub span: Span,
}

/// `config firewall ssl-ssh-profile`.
#[derive(Clone, Debug)]
pub struct SslProfile<'t> {
    /// Its name.
    pub name: &'t str,
    /// Protocols that are decrypted with their ports, in words.
    pub decrypted: Vec<String>,
    /// Other settings that decide about certificates, in words.
    pub checks: Vec<String>,
    /// Certificates alone are looked at.
    pub inspects_certificates: bool,
    /// The file says of at least one protocol what is done with it.
    pub printed: bool,
}
