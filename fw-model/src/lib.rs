//! The common rule model: what every vendor's configuration is lowered to and
//! what the comparison engine reads.
//!
//! The model is plain data. It knows no vendor and does no I/O; what vendors
//! differ in (stage order, which address a policy sees, what happens at the
//! end of a list) is expressed as data in [`device::Device`].
//!
//! [`evaluate`](mod@evaluate) gives the model its meaning: one packet, rule by
//! rule, slow and obvious. The symbolic engine is tested against it.

pub mod address;
pub mod device;
pub mod diagnostic;
pub mod evaluate;
pub mod filter;
pub mod flow;
pub mod interval;
pub mod ledger;
pub mod match_expr;
pub mod nat;
pub mod packet;
pub mod route;
pub mod service;
pub mod snapshot;
pub mod source;
pub mod treatment;
pub mod tunnel;
pub mod walk;

pub use address::{AddressSet, Family};
pub use device::{
    Answers, Connections, Device, DeviceLink, Interface, Pipeline, SourceCheck, Stage, StageKind,
    View, Zone,
};
pub use diagnostic::{Diagnostic, Effect, Severity};
pub use filter::{Action, Filter, FilterId, PacketEffect, Rule};
pub use flow::{Endpoint, Expect, Flow, Quantity};
pub use interval::IntervalSet;
pub use ledger::{Coverage, Ledger, LineStatus};
pub use match_expr::{
    Condition, ConditionKind, DefaultPorts, Dimension, InterfaceSet, MatchExpr, Schedule,
};
pub use nat::{AddressTranslation, PortTranslation, Translation};
pub use packet::{ConnectionState, Packet, StateSet};
pub use route::{NextHop, Route};
pub use service::{ServiceSet, ServiceTerm};
pub use snapshot::{Assumption, Definition, DefinitionId, Snapshot};
pub use source::{Source, SourceId, Span};
pub use treatment::{Treatment, TreatmentKind, TreatmentRule};
pub use tunnel::{Selector, Tunnel};
