//! Firewall configurations of many vendors, read into the common rule model.
//!
//! Parsing cannot fail: text that is not understood stays in the line ledger
//! as opaque and is carried into the model, where it makes verdicts that it
//! could touch undecided. An `Err` only says that a file is no configuration
//! at all, or of no known format.

mod counters;
pub mod decode;
pub mod detect;
pub mod include;
pub mod token;
pub mod vendor;
pub mod vendors;

pub use decode::{NotText, decode};
pub use detect::{Candidate, Evidence, Undetected, detect};
pub use vendor::{Input, Parsed, Vendor, vendor};
