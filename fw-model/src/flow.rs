//! Declared service flows.

use crate::address::AddressSet;
use crate::service::ServiceSet;

/// A flow that the network must carry, or must not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flow {
    /// Unique id.
    pub id: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where it comes from.
    pub from: Endpoint,
    /// Where it goes.
    pub to: Endpoint,
    /// The words of the flows file for the two ends (`branches`).
    pub from_text: String,
    /// See `from_text`.
    pub to_text: String,
    /// Its packets.
    pub services: ServiceSet,
    /// The name of the service in the flows file.
    pub service_name: String,
    /// Whether it must pass.
    pub expect: Expect,
    /// How much of it must pass.
    pub quantity: Quantity,
    /// Whether the return direction is judged too.
    pub check_return: bool,
    /// The longest silence of a client, in seconds.
    pub keepalive: Option<u64>,
    /// True if sessions are long and idle, so that timeouts matter.
    pub idle_sensitive: bool,
    /// True if it carries TLS.
    pub tls: bool,
    /// Judge on this device only.
    pub device: Option<String>,
    /// Interface or zone by which it enters.
    pub ingress: Option<String>,
    /// Interface or zone by which it leaves.
    pub egress: Option<String>,
    /// The application it is.
    pub application: Option<String>,
    /// The user it belongs to: `Some(None)` is "no user".
    pub user: Option<Option<String>>,
    /// The flow whose companion it is (certificate validation of a TLS flow).
    pub companion_of: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why it is needed.
    pub justification: Option<String>,
    /// The ticket that asked for it.
    pub ticket: Option<String>,
}

/// One end of a flow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// Hosts.
    Addresses(AddressSet),
    /// Hosts behind the interfaces of a zone (or one interface), any address
    /// that lives there.
    Zone(String),
    /// A device itself.
    Device(String),
}

/// Whether a flow must pass.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Expect {
    /// It must.
    Allow,
    /// It must not.
    Deny,
}

/// How much of a flow must pass.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Quantity {
    /// All of it.
    All,
    /// Any part of it.
    Any,
}
