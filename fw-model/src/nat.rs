//! Address and port translation.

use crate::address::AddressSet;
use crate::interval::IntervalSet;
use std::sync::Arc;

/// What a matching NAT rule does to a packet. Parts that are `None` stay.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Translation {
    /// A name for [`crate::MatchExpr::Translated`] and for reports.
    pub name: String,
    /// New source address.
    pub source: Option<AddressTranslation>,
    /// New destination address.
    pub destination: Option<AddressTranslation>,
    /// New source port.
    pub source_port: Option<PortTranslation>,
    /// New destination port.
    pub destination_port: Option<PortTranslation>,
    /// The interface by which the packet leaves, if the rule decides that
    /// instead of the routes.
    pub egress: Option<String>,
}

/// How an address changes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum AddressTranslation {
    /// The n-th address of the range that starts at `from` becomes the n-th
    /// of the range that starts at `to` (integers of one family).
    Shift {
        /// First original address.
        from: u128,
        /// First translated address.
        to: u128,
    },
    /// Some address of the set; which one is the device's choice.
    Pool(Arc<AddressSet>),
    /// The address of the interface by which the packet leaves.
    EgressInterface,
    /// The address of the interface by which the packet came in.
    IngressInterface,
}

/// How a port changes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum PortTranslation {
    /// The n-th port from `from` becomes the n-th from `to`.
    Shift {
        /// First original port.
        from: u16,
        /// First translated port.
        to: u16,
    },
    /// Some port of the set; which one is the device's choice.
    Pool(IntervalSet),
}
