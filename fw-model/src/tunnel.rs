//! Tunnels to other gateways.

use crate::address::AddressSet;
use crate::match_expr::{Condition, MatchExpr};
use crate::source::Span;
use std::net::IpAddr;
use std::sync::Arc;

/// A site-to-site tunnel: packets that take it leave encrypted, for the
/// address of the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tunnel {
    /// What reports call it (`crypto map M 10`).
    pub name: String,
    /// The interface that packets are sent out of to take it: one of its own,
    /// or the one that a policy (`takes`) is bound to.
    pub interface: String,
    /// Which of the packets that leave by `interface` take it; `None`: all.
    pub takes: Option<MatchExpr>,
    /// The addresses of the gateways at the other end; empty where they are
    /// not known beforehand.
    pub peers: Vec<IpAddr>,
    /// Peers whose addresses are not known beforehand set it up.
    pub awaits: bool,
    /// The interface whose address the encrypted packets carry, if the
    /// configuration says so.
    pub through: Option<String>,
    /// The condition of the device's rules that stands for "the packet came
    /// out of this tunnel", if its rules ask.
    pub decrypted: Option<Arc<Condition>>,
    /// Which packets it carries; empty: all.
    pub selectors: Vec<Selector>,
    /// It drops what none of its selectors holds; else that is not known.
    pub strict: bool,
    /// Where it stands.
    pub span: Option<Span>,
}

/// Which packets a tunnel carries: a selector of IPsec phase 2, a proxy ID. A
/// security association comes up where both ends have the same one, each from
/// its side (RFC 7296 section 2.9 lets the answering end narrow it).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Selector {
    /// What reports call it.
    pub name: String,
    /// The addresses on this end.
    pub local: AddressSet,
    /// The addresses on the other end.
    pub remote: AddressSet,
    /// The protocol; `None` for all.
    pub protocol: Option<u8>,
    /// The port on this end; `None` for all.
    pub local_port: Option<u16>,
    /// The port on the other end; `None` for all.
    pub remote_port: Option<u16>,
    /// False if it has words that are not understood: what it holds is open.
    pub understood: bool,
    /// Where it stands.
    pub span: Option<Span>,
}
