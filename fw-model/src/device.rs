//! A device: interfaces, zones, filters, and the order in which a packet
//! meets them.

use crate::address::AddressSet;
use crate::filter::{Filter, FilterId};
use crate::match_expr::Condition;
use crate::route::{NextHop, Route};
use crate::service::ServiceSet;
use crate::snapshot::{Assumption, Definition};
use crate::source::{SourceId, Span};
use crate::treatment::TreatmentRule;
use crate::tunnel::Tunnel;
use ipnet::IpNet;
use std::sync::Arc;

/// One firewall, router or host (or one context or virtual system of it).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Device {
    /// The host name in the configuration, else the stem of the file name.
    pub name: String,
    /// Further names by which a flow may ask for it: the devices that it
    /// stands for because they are configured alike, or a shorter name.
    pub stands_for: Vec<String>,
    /// The vendor's kebab-case name (`cisco-asa`).
    pub vendor: &'static str,
    /// The files it was read from.
    pub sources: Vec<SourceId>,
    /// Its interfaces. Empty where the format does not list them.
    pub interfaces: Vec<Interface>,
    /// True if `interfaces` is all there are; false where the format only
    /// mentions interfaces in rules, so that there may be others.
    pub interfaces_complete: bool,
    /// At which of its addresses it answers.
    pub answers: Answers,
    /// Its zones.
    pub zones: Vec<Zone>,
    /// Links to other devices that the configuration itself tells.
    pub links: Vec<DeviceLink>,
    /// Its static routes. Connected ones follow from the interfaces.
    pub routes: Vec<Route>,
    /// True if routes may be learned that the configuration does not show (a
    /// routing protocol runs), so that a missing route proves nothing.
    pub dynamic_routing: bool,
    /// Encrypted ways to other gateways.
    pub tunnels: Vec<Tunnel>,
    /// All rule lists, in use or not.
    pub filters: Vec<Filter>,
    /// Which lists a packet meets, in order.
    pub pipeline: Pipeline,
    /// Services whose replies pass without looking at the policy. Replies of
    /// all other services are judged by the pipeline as packets of their own.
    pub automatic_replies: ServiceSet,
    /// True if the device tracks connections: a judged reply then is
    /// [`crate::ConnectionState::Established`], else it has no state and
    /// looks like a packet of its own ([`crate::ConnectionState::New`]).
    pub tracks_connections: bool,
    /// At which interfaces it takes packets for those of a connection that
    /// it knows.
    pub connections: Connections,
    /// Treatments that go by traffic, not by rule.
    pub treatments: Vec<TreatmentRule>,
    /// Named objects, for reports and for finding what an edit reaches.
    pub definitions: Vec<Definition>,
    /// What verdicts on this device rest on.
    pub assumptions: Vec<Assumption>,
    /// Lines that are not understood and whose reach is unknown.
    pub opaque_lines: Vec<OpaqueLine>,
}

/// At which of its own addresses a device answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Answers {
    /// At all of them, by whichever interface a packet comes in (the weak
    /// host model of RFC 1122 section 3.3.4.2).
    #[default]
    Everywhere,
    /// At the address of the interface by which a packet comes in.
    Ingress,
}

/// At which interfaces a device takes packets for those of a connection that
/// it knows, and by which it sends them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Connections {
    /// At all; they leave as its routes say.
    #[default]
    Anywhere,
    /// At those of the zone that the connection uses; what its routes lead to
    /// another zone is dropped.
    Zone,
    /// At the interface that the connection uses, or one of its zone; they
    /// leave by it, and the routes of other interfaces have no say.
    Interface,
}

/// Which sources of first packets a device refuses because of its routes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SourceCheck {
    /// None.
    #[default]
    Off,
    /// Those to which no route leads out of the interface they came in by.
    Feasible,
    /// Those to which the best route does not lead out of the interface they
    /// came in by.
    Strict,
}

/// A line that is not understood and may affect anything on the device.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct OpaqueLine {
    /// The normalized text: lines with equal text cancel in a comparison.
    pub key: String,
    /// Where it stands.
    pub span: Span,
}

/// A layer-3 interface.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Interface {
    /// The name that policies use.
    pub name: String,
    /// The hardware name, if policies use another one.
    pub hardware: Option<String>,
    /// The routing table; empty for the only or global one.
    pub vrf: String,
    /// Its addresses with the connected prefixes.
    pub addresses: Vec<IpNet>,
    /// Its address comes from elsewhere (DHCP, PPPoE), so it is not known.
    pub dynamic_address: bool,
    /// Carries traffic.
    pub enabled: bool,
    /// Carries traffic of the device itself only.
    pub management_only: bool,
    /// Which sources it refuses.
    pub source_check: SourceCheck,
    /// Where it stands.
    pub span: Option<Span>,
}

/// A link to another device of the same configuration: a pair of interfaces
/// between two virtual systems.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DeviceLink {
    /// The interface on this device.
    pub interface: String,
    /// The other device.
    pub device: String,
    /// The interface on the other device.
    pub peer: String,
}

/// A named group of interfaces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// The names of its interfaces.
    pub interfaces: Vec<String>,
    /// Where it stands.
    pub span: Option<Span>,
}

/// The stages of the five hooks. A packet from the network meets
/// `prerouting`, is routed, then meets `forward` if its destination is
/// elsewhere or `input` if it is the device itself. A packet of the device
/// itself meets `output`. What leaves meets `postrouting` last.
///
/// The route lookup happens before `prerouting` (so that its rules may ask
/// for the egress interface) and again for packets whose destination a stage
/// translated.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pipeline {
    /// Before the routing decision.
    pub prerouting: Vec<Stage>,
    /// For packets that pass through.
    pub forward: Vec<Stage>,
    /// For packets to the device itself.
    pub input: Vec<Stage>,
    /// For packets of the device itself.
    pub output: Vec<Stage>,
    /// For everything that leaves.
    pub postrouting: Vec<Stage>,
}

/// One filter in a packet's way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    /// What reports call it (`input access list`, `mangle FORWARD`).
    pub name: String,
    /// What it decides.
    pub kind: StageKind,
    /// The list that is evaluated.
    pub filter: FilterId,
    /// Which packet it sees.
    pub view: View,
}

/// What a stage decides.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StageKind {
    /// Whether the packet passes. Judged for every packet, replies included.
    Policy,
    /// How it is translated: the first packet of a connection only.
    Nat,
}

/// Which version of each header field a stage sees, when a packet has been
/// translated on the way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct View {
    /// The source address (and source port) as it entered the device.
    pub original_source: bool,
    /// The destination address as it entered the device.
    pub original_destination: bool,
    /// The destination port as it entered the device.
    pub original_service: bool,
}

impl View {
    /// Everything as translated so far.
    pub const CURRENT: Self = Self {
        original_source: false,
        original_destination: false,
        original_service: false,
    };
    /// Everything as it entered.
    pub const ORIGINAL: Self = Self {
        original_source: true,
        original_destination: true,
        original_service: true,
    };
}

impl Device {
    /// A filter by id.
    #[must_use]
    pub fn filter(&self, id: FilterId) -> Option<&Filter> {
        self.filters.get(id.0 as usize)
    }

    /// An interface by name.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|i| i.name == name)
    }

    /// The device's own addresses.
    #[must_use]
    pub fn own_addresses(&self) -> AddressSet {
        let hosts: Vec<AddressSet> = self
            .interfaces
            .iter()
            .flat_map(|i| &i.addresses)
            .map(|net| AddressSet::host(net.addr()))
            .collect();
        AddressSet::union_all(&hosts)
    }

    /// True if packets of a connection that uses the interface `known` are
    /// taken for its own at the interface `other`.
    #[must_use]
    pub fn recognizes(&self, known: &str, other: &str) -> bool {
        let both = |zone: &Zone| {
            let has = |name: &str| zone.interfaces.iter().any(|i| i == name);
            has(known) && has(other)
        };
        self.connections == Connections::Anywhere || known == other || self.zones.iter().any(both)
    }

    /// Its interfaces and routes alone, those that lead out of an interface
    /// on which connections by `known` go on.
    #[must_use]
    pub fn routes_beside(&self, known: &str) -> Self {
        self.routes_by(&|name| self.recognizes(known, name))
    }

    /// Its interfaces and routes alone, those that lead out of some
    /// interfaces.
    #[must_use]
    pub fn routes_by(&self, beside: &dyn Fn(&str) -> bool) -> Self {
        let leads = |route: &&Route| match &route.next {
            NextHop::Interface(name, _) => beside(name),
            _ => true,
        };
        Self {
            interfaces: (self.interfaces.iter())
                .filter(|i| beside(&i.name))
                .cloned()
                .collect(),
            interfaces_complete: self.interfaces_complete,
            routes: self.routes.iter().filter(leads).cloned().collect(),
            dynamic_routing: self.dynamic_routing,
            ..Self::default()
        }
    }

    /// Adds a filter and returns its id.
    pub fn add_filter(&mut self, filter: Filter) -> FilterId {
        let id = FilterId(u32::try_from(self.filters.len()).unwrap_or(u32::MAX));
        self.filters.push(filter);
        id
    }

    /// All opaque conditions of its filters, in order.
    #[must_use]
    pub fn conditions(&self) -> Vec<Arc<Condition>> {
        let mut out = Vec::new();
        for filter in &self.filters {
            for rule in filter.rules.iter().chain([&filter.default]) {
                rule.match_expr.walk(&mut |part| {
                    if let crate::MatchExpr::Opaque(condition) = part {
                        out.push(Arc::clone(condition));
                    }
                });
                if let crate::Action::Opaque(condition) = &rule.action {
                    out.push(Arc::clone(condition));
                }
            }
        }
        out
    }
}

impl Interface {
    /// Its connected prefixes as address sets.
    #[must_use]
    pub fn connected(&self) -> AddressSet {
        let nets: Vec<AddressSet> = self
            .addresses
            .iter()
            .map(|n: &IpNet| AddressSet::prefix(*n))
            .collect();
        AddressSet::union_all(&nets)
    }
}
