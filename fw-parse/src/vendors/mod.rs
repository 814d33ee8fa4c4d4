//! One folder a vendor.

pub mod cisco_asa;
