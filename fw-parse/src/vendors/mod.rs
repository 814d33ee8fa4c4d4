//! One folder a vendor.
pub mod nftables;
