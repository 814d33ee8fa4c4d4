//! One folder a vendor.

pub mod iptables;
