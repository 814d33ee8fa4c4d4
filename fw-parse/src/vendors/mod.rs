//! One folder a vendor.

pub mod cisco_asa;
pub mod fortinet_fortios;
pub mod iptables;
pub mod nftables;
pub mod paloalto_panos;
