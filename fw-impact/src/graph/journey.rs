//! What becomes of a piece, and the record of its way.

use super::piece::{Fields, Passage, Piece};
use crate::packet_set::decompose::RuleRef;
use fw_model::{Span, StageKind};
use std::sync::Arc;

/// The end of a piece's way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Disposition {
    /// It arrives, and its replies come back.
    Permitted,
    /// A rule drops it, or its reply.
    Denied,
    /// No route leads to its destination.
    Unrouted,
    /// A route drops it.
    Discarded(Option<Span>),
    /// It goes round in circles.
    Loop,
    /// It leaves the network, though its destination is a subnet of it to
    /// which nothing outside leads.
    Astray,
    /// It passes, but a device that keeps track of connections sees one
    /// direction of them alone and so ends them. The device, by position.
    OneSided(usize),
    /// No selector of a tunnel holds it: the device, by position, and the
    /// line of its first selector.
    Unselected(usize, Option<Span>),
    /// A device refuses its source, to which its routes do not lead by the
    /// interface by which it came in.
    Refused,
    /// The device that it is for does not answer at this address.
    NotAnswered,
    /// It need not cross a device.
    Local,
    /// It ends at a device that it is addressed to, which was not asked for.
    Own,
    /// Working it out takes too long.
    Exhausted,
}

impl Disposition {
    /// True if a connection works.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Permitted)
    }

    /// True if it is no transit traffic.
    #[must_use]
    pub const fn stays(&self) -> bool {
        matches!(self, Self::Local | Self::Own)
    }
}

/// What a stage did.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Act {
    /// Let it pass.
    Permit,
    /// Dropped it.
    Deny,
    /// Translated it.
    Translate,
    /// Could not be worked out.
    Exhausted,
}

/// A stage that a piece met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visit {
    /// The device, by position in the snapshot.
    pub device: usize,
    /// The stage's name.
    pub stage: Arc<str>,
    /// What the stage decides.
    pub kind: StageKind,
    /// Met by the reply.
    pub reply: bool,
    /// The rules that had a say, the decider last.
    pub rules: Vec<RuleRef>,
    /// What it did.
    pub act: Act,
}

/// A device that a piece crossed.
#[derive(Clone, Debug)]
pub struct Crossing {
    /// The device, by position in the snapshot.
    pub device: usize,
    /// The interface by which it came in.
    pub ingress: Option<Passage>,
    /// The interface by which it left.
    pub egress: Option<Passage>,
    /// The route that it left by.
    pub route: Option<Span>,
    /// The gateway that it left to.
    pub gateway: Option<std::net::IpAddr>,
    /// Its fields as it came in.
    pub original: Fields,
    /// Its fields as it left.
    pub translated: Fields,
    /// It was for the device itself, at last.
    pub local: bool,
    /// It went on in a tunnel to the next device.
    pub tunneled: bool,
    /// The connection tracker ignores it.
    pub untracked: bool,
    /// The connection's mark.
    pub connection_mark: u32,
    /// The translations that applied.
    pub source_by: Option<Arc<str>>,
    /// See `source_by`.
    pub destination_by: Option<Arc<str>>,
}

/// A device that a reply crossed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Return {
    /// The device, by position in the snapshot.
    pub device: usize,
    /// The interface by which the reply came in.
    pub ingress: Option<Passage>,
    /// The interface by which it left.
    pub egress: Option<Passage>,
    /// The route that it left by.
    pub route: Option<Span>,
    /// The gateway that it left to.
    pub gateway: Option<std::net::IpAddr>,
}

/// A piece at the end of its way.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The packets.
    pub piece: Piece,
    /// What became of them.
    pub disposition: Disposition,
    /// The stages they met, in order.
    pub visits: Vec<Visit>,
    /// The devices they crossed, in order; the last one may have dropped them.
    pub crossings: Vec<Crossing>,
    /// The devices that their replies crossed, in order.
    pub returns: Vec<Return>,
}

impl Outcome {
    /// Records that the packets came in by `interface` of a device which has
    /// no route for their replies.
    pub fn is_lost_at(&mut self, device: usize, interface: &Arc<str>) {
        self.crossings.push(Crossing {
            device,
            ingress: Some(Passage::Interface(Arc::clone(interface))),
            egress: None,
            route: None,
            gateway: None,
            original: self.piece.original,
            translated: self.piece.current,
            local: false,
            tunneled: false,
            untracked: false,
            connection_mark: 0,
            source_by: None,
            destination_by: None,
        });
        self.returns.push(Return {
            device,
            ingress: None,
            egress: None,
            route: None,
            gateway: None,
        });
    }
}

/// A piece on its way, with its record.
#[derive(Clone, Debug)]
pub struct Traveller {
    /// The packets.
    pub piece: Piece,
    /// The stages they met so far.
    pub visits: Vec<Visit>,
    /// The devices they crossed so far.
    pub crossings: Vec<Crossing>,
    /// The devices that their replies crossed so far.
    pub returns: Vec<Return>,
}

impl Traveller {
    /// Sets out.
    #[must_use]
    pub const fn new(piece: Piece) -> Self {
        Self {
            piece,
            visits: Vec::new(),
            crossings: Vec::new(),
            returns: Vec::new(),
        }
    }

    /// Ends here.
    #[must_use]
    pub fn end(self, disposition: Disposition) -> Outcome {
        Outcome {
            piece: self.piece,
            disposition,
            visits: self.visits,
            crossings: self.crossings,
            returns: self.returns,
        }
    }

    /// The same record with another piece.
    #[must_use]
    pub fn with(&self, piece: Piece) -> Self {
        Self {
            piece,
            visits: self.visits.clone(),
            crossings: self.crossings.clone(),
            returns: self.returns.clone(),
        }
    }
}
