//! One folder a vendor.

pub mod cisco_asa;
pub mod iptables;
pub mod nftables;
