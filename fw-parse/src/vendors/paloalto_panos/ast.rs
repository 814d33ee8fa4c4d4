//! A PAN-OS configuration in PAN-OS's own words.

use super::tree::Place;

/// A word that names or is something, and where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    pub(super) place: Place,
}

/// A part of a construct that is not understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Unknown {
    pub(super) text: String,
    pub(super) place: Place,
}

/// Everything of one file.
#[derive(Debug, Default)]
pub(super) struct Config<'t> {
    pub(super) hostname: Option<Word<'t>>,
    pub(super) network: Network<'t>,
    pub(super) settings: Settings,
    pub(super) shared: Layer<'t>,
    /// Rules and objects that a Panorama pushed to this firewall.
    pub(super) pushed: Option<Layer<'t>>,
    pub(super) systems: Vec<VirtualSystem<'t>>,
    pub(super) device_groups: Vec<DeviceGroup<'t>>,
    pub(super) templates: Vec<Template<'t>>,
    pub(super) stacks: Vec<Stack<'t>>,
    /// A parent for each device group, from the read-only section.
    pub(super) parents: Vec<(&'t str, &'t str)>,
}

/// Device settings that matter to traffic.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// Seconds and where they are set, by the words of the configuration.
    pub(super) timeout_tcp: Option<(u64, Place)>,
    pub(super) timeout_udp: Option<(u64, Place)>,
    pub(super) timeout_icmp: Option<(u64, Place)>,
    pub(super) timeout_default: Option<(u64, Place)>,
    /// The number of this device in an active/active pair.
    pub(super) active_active_id: Option<String>,
    /// Whether IPv6 is firewalled, where it says so.
    pub(super) ipv6_firewalling: Option<bool>,
    /// Whether sessions may start without a SYN.
    pub(super) non_syn_tcp: Option<(bool, Place)>,
    /// Whether packets out of their window pass, as on asymmetric paths.
    pub(super) out_of_window: Option<(bool, Place)>,
    /// It takes rules and objects from a Panorama.
    pub(super) managed: bool,
}

/// Objects and rules of one place: shared, a device group, a virtual system.
#[derive(Debug, Default)]
pub(super) struct Layer<'t> {
    pub(super) objects: Objects<'t>,
    pub(super) pre: Rulebase<'t>,
    pub(super) local: Rulebase<'t>,
    pub(super) post: Rulebase<'t>,
}

/// A virtual system of a firewall.
#[derive(Debug, Default)]
pub(super) struct VirtualSystem<'t> {
    pub(super) name: &'t str,
    pub(super) layer: Layer<'t>,
    pub(super) zones: Vec<Zone<'t>>,
    /// Interfaces it imports.
    pub(super) imports: Vec<Word<'t>>,
    /// True if its captive portal or GlobalProtect listens on interfaces.
    pub(super) serves_clients: bool,
}

/// A device group of a Panorama.
#[derive(Debug, Default)]
pub(super) struct DeviceGroup<'t> {
    pub(super) name: &'t str,
    pub(super) layer: Layer<'t>,
    /// Serial numbers with their virtual systems (none: all of them).
    pub(super) devices: Vec<(&'t str, Vec<&'t str>)>,
    pub(super) parent: Option<&'t str>,
}

/// A template: network settings without rules.
#[derive(Debug, Default)]
pub(super) struct Template<'t> {
    pub(super) name: &'t str,
    pub(super) network: Network<'t>,
    pub(super) systems: Vec<VirtualSystem<'t>>,
    pub(super) settings: Settings,
    pub(super) variables: Variables<'t>,
}

/// Names that start with `$`, and what stands for them.
pub(super) type Variables<'t> = Vec<(&'t str, Word<'t>)>;

/// Templates in order of precedence, and the devices they are for.
#[derive(Debug, Default)]
pub(super) struct Stack<'t> {
    pub(super) templates: Vec<Word<'t>>,
    pub(super) devices: Vec<&'t str>,
    /// Variables of single devices, by serial number.
    pub(super) of_devices: Vec<(&'t str, Variables<'t>)>,
    /// What the stack itself overrides.
    pub(super) own: Template<'t>,
}

/// A zone.
#[derive(Clone, Debug)]
pub(super) struct Zone<'t> {
    pub(super) name: Word<'t>,
    /// `layer3`, `layer2`, `virtual-wire`, `tap`, `tunnel`.
    pub(super) interfaces: Vec<Word<'t>>,
    /// Virtual systems or shared gateways that an `external` zone stands for.
    pub(super) external: Vec<Word<'t>>,
    pub(super) protection: Option<Word<'t>>,
}

/// Interfaces and routing.
#[derive(Clone, Debug, Default)]
pub(super) struct Network<'t> {
    pub(super) interfaces: Vec<Interface<'t>>,
    pub(super) routers: Vec<Router<'t>>,
    pub(super) management_profiles: Vec<ManagementProfile<'t>>,
    /// Zone protection profiles: name, and a number that stands for what they
    /// say.
    pub(super) zone_profiles: Vec<(&'t str, u64)>,
    pub(super) shared_gateways: Vec<(&'t str, Vec<Word<'t>>)>,
    pub(super) ike_gateways: Vec<IkeGateway<'t>>,
    pub(super) tunnels: Vec<Tunnel<'t>>,
    /// Sections of features that answer packets to the device itself: `ike`,
    /// `dhcp`, `dns-proxy`, `gre`.
    pub(super) features: Vec<&'t str>,
    /// Parts of interfaces that are not understood.
    pub(super) unknown: Vec<Unknown>,
    /// True if there is a `network` section at all.
    pub(super) present: bool,
}

impl Network<'_> {
    /// Adds what another section of the same template has.
    pub(super) fn absorb(&mut self, other: Self) {
        self.present |= other.present;
        self.interfaces.extend(other.interfaces);
        self.routers.extend(other.routers);
        self.management_profiles.extend(other.management_profiles);
        self.zone_profiles.extend(other.zone_profiles);
        self.shared_gateways.extend(other.shared_gateways);
        self.ike_gateways.extend(other.ike_gateways);
        self.tunnels.extend(other.tunnels);
        self.features.extend(other.features);
        self.unknown.extend(other.unknown);
    }
}

/// A peer that tunnels are set up with (`network ike gateway`).
#[derive(Clone, Debug, Default)]
pub(super) struct IkeGateway<'t> {
    pub(super) name: &'t str,
    /// `peer-address ip`; `None` for a name or a peer that is not known
    /// beforehand.
    pub(super) peer: Option<Word<'t>>,
    /// `local-address interface`.
    pub(super) interface: Option<Word<'t>>,
    pub(super) disabled: bool,
}

/// An entry of `proxy-id`.
#[derive(Clone, Debug, Default)]
pub(super) struct ProxyId<'t> {
    pub(super) name: &'t str,
    pub(super) place: Place,
    pub(super) v6: bool,
    /// `local` and `remote`; everything if not given.
    pub(super) ends: [Option<Word<'t>>; 2],
    /// `protocol`: a number, or `tcp` and `udp` with ports; all if not given.
    pub(super) protocol: Option<u8>,
    /// `local-port` and `remote-port`; all if not given or 0.
    pub(super) ports: [Option<u16>; 2],
    /// It has words that are not understood.
    pub(super) unclear: bool,
}

/// A tunnel with an interface of its own (`network tunnel ipsec|gre`).
#[derive(Clone, Debug, Default)]
pub(super) struct Tunnel<'t> {
    pub(super) name: &'t str,
    pub(super) place: Place,
    /// `tunnel-interface`.
    pub(super) interface: Option<Word<'t>>,
    /// `auto-key ike-gateway`.
    pub(super) gateways: Vec<Word<'t>>,
    /// `auto-key proxy-id` and `proxy-id-v6`.
    pub(super) proxies: Vec<ProxyId<'t>>,
    /// The peer of one without IKE, and its own interface.
    pub(super) peer: Option<Word<'t>>,
    pub(super) through: Option<Word<'t>>,
    pub(super) disabled: bool,
}

/// An interface or subinterface.
#[derive(Clone, Debug, Default)]
pub(super) struct Interface<'t> {
    pub(super) name: &'t str,
    pub(super) place: Place,
    /// Literals or names of address objects.
    pub(super) addresses: Vec<Word<'t>>,
    /// DHCP, PPPoE or a template variable gives the address.
    pub(super) dynamic: bool,
    /// It learns a default route, with this metric.
    pub(super) learns_default: Option<u32>,
    pub(super) down: bool,
    pub(super) management_profile: Option<Word<'t>>,
}

/// A virtual router, or a table of a logical router.
#[derive(Clone, Debug, Default)]
pub(super) struct Router<'t> {
    pub(super) name: &'t str,
    pub(super) interfaces: Vec<Word<'t>>,
    pub(super) routes: Vec<Route<'t>>,
    /// BGP, OSPF, RIP that are switched on.
    pub(super) protocols: Vec<Word<'t>>,
}

/// A static route.
#[derive(Clone, Debug, Default)]
pub(super) struct Route<'t> {
    pub(super) name: &'t str,
    pub(super) place: Place,
    pub(super) destination: Option<Word<'t>>,
    pub(super) interface: Option<Word<'t>>,
    pub(super) next: Option<NextHop<'t>>,
    pub(super) metric: Option<u32>,
    pub(super) distance: Option<u32>,
    /// Not put into the forwarding table.
    pub(super) passive: bool,
    pub(super) monitored: bool,
    pub(super) unknown: Vec<Unknown>,
}

/// Where a static route leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NextHop<'t> {
    Address(Word<'t>),
    Router(Word<'t>),
    Discard,
    Name(Word<'t>),
}

/// Which services of the device itself an interface answers.
#[derive(Clone, Debug, Default)]
pub(super) struct ManagementProfile<'t> {
    pub(super) name: &'t str,
    pub(super) place: Place,
    /// Services switched on.
    pub(super) services: Vec<Word<'t>>,
    pub(super) permitted: Vec<Word<'t>>,
}

/// Named objects of one scope.
#[derive(Debug, Default)]
pub(super) struct Objects<'t> {
    pub(super) addresses: Vec<Address<'t>>,
    pub(super) address_groups: Vec<AddressGroup<'t>>,
    pub(super) services: Vec<Service<'t>>,
    pub(super) service_groups: Vec<Group<'t>>,
    pub(super) applications: Vec<Application<'t>>,
    /// Timers of predefined applications that are changed.
    pub(super) application_overrides: Vec<Application<'t>>,
    pub(super) application_groups: Vec<Group<'t>>,
    pub(super) application_filters: Vec<ApplicationFilter<'t>>,
    pub(super) regions: Vec<Group<'t>>,
    pub(super) lists: Vec<ExternalList<'t>>,
    pub(super) schedules: Vec<Schedule<'t>>,
    /// Custom URL categories with what they hold, as one line.
    pub(super) categories: Vec<(&'t str, String)>,
    /// Inspection profiles: kind, name, and a number that stands for what they
    /// say.
    pub(super) profiles: Vec<(&'t str, &'t str, u64)>,
    /// Groups of inspection profiles: name, kinds and names of the members.
    pub(super) profile_groups: Vec<(&'t str, Vec<(&'t str, &'t str)>)>,
}

/// An address object.
#[derive(Debug)]
pub(super) struct Address<'t> {
    pub(super) name: Word<'t>,
    pub(super) value: Option<(AddressKind, Word<'t>)>,
    pub(super) tags: Vec<&'t str>,
    pub(super) unknown: Vec<Unknown>,
}

/// What an address object holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AddressKind {
    Netmask,
    Range,
    Wildcard,
    Fqdn,
}

/// A static or dynamic address group.
#[derive(Debug)]
pub(super) struct AddressGroup<'t> {
    pub(super) name: Word<'t>,
    pub(super) members: Vec<Word<'t>>,
    pub(super) filter: Option<Word<'t>>,
    pub(super) tags: Vec<&'t str>,
    pub(super) unknown: Vec<Unknown>,
}

/// A named list of names: service groups, application groups, regions.
#[derive(Debug)]
pub(super) struct Group<'t> {
    pub(super) name: Word<'t>,
    pub(super) members: Vec<Word<'t>>,
    pub(super) unknown: Vec<Unknown>,
}

/// A service object.
#[derive(Debug)]
pub(super) struct Service<'t> {
    pub(super) name: Word<'t>,
    /// `tcp`, `udp` or `sctp`.
    pub(super) protocol: Option<Word<'t>>,
    pub(super) port: Option<Word<'t>>,
    pub(super) source_port: Option<Word<'t>>,
    /// Idle timeout of its sessions, if it overrides the application's.
    pub(super) timeout: Option<(u64, Place)>,
    pub(super) unknown: Vec<Unknown>,
}

/// A custom application.
#[derive(Debug)]
pub(super) struct Application<'t> {
    pub(super) name: Word<'t>,
    /// `tcp/8443`, `udp/dynamic`...
    pub(super) ports: Vec<Word<'t>>,
    pub(super) ip_protocol: Option<Word<'t>>,
    pub(super) icmp: Option<IcmpIdentity<'t>>,
    pub(super) icmp6: Option<IcmpIdentity<'t>>,
    pub(super) tcp_timeout: Option<(u64, Place)>,
    pub(super) udp_timeout: Option<(u64, Place)>,
    pub(super) timeout: Option<(u64, Place)>,
    /// It changes a predefined application rather than adding one.
    pub(super) has_identity: bool,
    pub(super) unknown: Vec<Unknown>,
}

/// ICMP type and code by which an application is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IcmpIdentity<'t> {
    pub(super) kind: Option<Word<'t>>,
    pub(super) code: Option<Word<'t>>,
}

/// A dynamic set of applications.
#[derive(Debug)]
pub(super) struct ApplicationFilter<'t> {
    pub(super) name: Word<'t>,
    /// Its criteria as one line.
    pub(super) text: String,
}

/// An external dynamic list.
#[derive(Debug)]
pub(super) struct ExternalList<'t> {
    pub(super) name: Word<'t>,
    /// Its type and source as one line.
    pub(super) text: String,
}

/// A schedule.
#[derive(Debug)]
pub(super) struct Schedule<'t> {
    pub(super) name: Word<'t>,
    pub(super) daily: Vec<Word<'t>>,
    pub(super) weekly: Vec<(Word<'t>, Vec<Word<'t>>)>,
    pub(super) once: Vec<Word<'t>>,
    pub(super) unknown: Vec<Unknown>,
}

/// The rule lists of one place.
#[derive(Debug, Default)]
pub(super) struct Rulebase<'t> {
    pub(super) security: Vec<Rule<'t>>,
    pub(super) nat: Vec<Rule<'t>>,
    pub(super) forwarding: Vec<Rule<'t>>,
    pub(super) overrides: Vec<Rule<'t>>,
    pub(super) decryption: Vec<Rule<'t>>,
    pub(super) qos: Vec<Rule<'t>>,
    pub(super) authentication: Vec<Rule<'t>>,
    pub(super) dos: Vec<Rule<'t>>,
    /// Overrides of `intrazone-default` and `interzone-default`.
    pub(super) defaults: Vec<Rule<'t>>,
}

/// A rule of any rule list. What its kind does not have stays empty.
#[derive(Debug, Default)]
pub(super) struct Rule<'t> {
    pub(super) name: &'t str,
    pub(super) place: Place,
    pub(super) disabled: bool,
    pub(super) from: Vec<Word<'t>>,
    pub(super) from_interfaces: Vec<Word<'t>>,
    pub(super) to: Vec<Word<'t>>,
    pub(super) to_interfaces: Vec<Word<'t>>,
    pub(super) source: Vec<Word<'t>>,
    pub(super) destination: Vec<Word<'t>>,
    pub(super) negate_source: bool,
    pub(super) negate_destination: bool,
    pub(super) users: Vec<Word<'t>>,
    pub(super) applications: Vec<Word<'t>>,
    pub(super) services: Vec<Word<'t>>,
    pub(super) categories: Vec<Word<'t>>,
    pub(super) host_profiles: Vec<Word<'t>>,
    pub(super) rule_type: Option<Word<'t>>,
    pub(super) schedule: Option<Word<'t>>,
    pub(super) target: Target<'t>,
    /// The value of `action`; for policy based forwarding its first word.
    pub(super) action: Option<Word<'t>>,
    pub(super) icmp_unreachable: bool,
    pub(super) log_start: Option<bool>,
    pub(super) log_end: Option<bool>,
    pub(super) log_setting: Option<Word<'t>>,
    /// `group strict`, `virus default`...
    pub(super) profiles: Vec<(String, Place)>,
    pub(super) no_server_inspection: bool,
    /// Thresholds of a rule against denial of service: a number that stands
    /// for what it says of them.
    pub(super) thresholds: Option<u64>,
    /// `dscp af11` of `qos marking`, or the class of a QoS rule.
    pub(super) qos: Option<(String, Place)>,
    pub(super) nat: Nat<'t>,
    pub(super) forward: Forward<'t>,
    /// Protocol and ports of an application override.
    pub(super) protocol: Option<Word<'t>>,
    pub(super) port: Option<Word<'t>>,
    /// `ssl-forward-proxy`...
    pub(super) decryption_type: Option<Word<'t>>,
    pub(super) decryption_profile: Option<Word<'t>>,
    pub(super) enforcement: Option<Word<'t>>,
    pub(super) unknown: Vec<Unknown>,
}

/// Which managed devices a Panorama rule is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Target<'t> {
    /// Serial numbers with virtual systems; none at all: every device.
    pub(super) devices: Vec<(&'t str, Vec<&'t str>)>,
    /// By tag of the managed device.
    pub(super) tags: Vec<Word<'t>>,
    pub(super) negate: bool,
}

/// The translation of a NAT rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Nat<'t> {
    pub(super) kind: Option<Word<'t>>,
    pub(super) to_interface: Option<Word<'t>>,
    pub(super) source: Option<SourceNat<'t>>,
    pub(super) destination: Option<DestinationNat<'t>>,
    /// `0`, `1`, `both` or `primary` of an active/active pair.
    pub(super) binding: Option<Word<'t>>,
}

/// Source translation.
#[derive(Clone, Debug)]
pub(super) struct SourceNat<'t> {
    /// `dynamic-ip-and-port`, `dynamic-ip`, `static-ip`...
    pub(super) kind: Word<'t>,
    pub(super) addresses: Vec<Word<'t>>,
    /// Interface whose address is used.
    pub(super) interface: Option<Word<'t>>,
    /// Which address of that interface.
    pub(super) interface_address: Option<Word<'t>>,
    pub(super) bidirectional: bool,
    pub(super) unknown: Vec<Unknown>,
}

/// Destination translation.
#[derive(Clone, Debug)]
pub(super) struct DestinationNat<'t> {
    /// Session distribution over several addresses.
    pub(super) dynamic: bool,
    pub(super) address: Option<Word<'t>>,
    pub(super) port: Option<Word<'t>>,
    pub(super) unknown: Vec<Unknown>,
}

/// The action of a policy-based-forwarding rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Forward<'t> {
    pub(super) interface: Option<Word<'t>>,
    pub(super) next_hop: Option<Word<'t>>,
    pub(super) monitored: bool,
}
