//! Conformance of the PAN-OS front end: small configurations, packets, and
//! the verdicts that the device gives.

mod corpus;
mod firewall;
mod formats;
mod hostile;
mod panorama;
mod support;
mod traps;
