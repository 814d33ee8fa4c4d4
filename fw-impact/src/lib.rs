//! What a firewall change does to declared service flows.
//!
//! Two [`fw_model::Snapshot`]s and the flows go in, an [`ImpactReport`] comes
//! out. The crate is pure: no I/O, no clock, no vendor names.

pub mod align;
pub mod assess;
pub mod cause;
pub mod change;
pub mod describe;
mod entrance;

pub mod exposure;
pub mod graph;
pub mod impact;
pub mod locality;
mod moved;
mod names;
mod neighbours;
pub mod options;
pub mod packet_set;
pub mod pairing;
pub mod reference;
pub mod report;
pub mod seed;
pub mod trace;
pub mod verdict;

pub use cause::{Counterfactual, Edit};
pub use impact::{compare, diff};
pub use options::{Approval, Options};
pub use report::{DiffReport, ImpactReport, TraceReport};
pub use trace::trace;
