//! Conformance of the PAN-OS front end: small configurations, packets, and
//! the verdicts that the device gives.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
mod corpus;
mod firewall;
mod fixtures;
mod formats;
mod hostile;
mod panorama;
mod support;
mod traps;
