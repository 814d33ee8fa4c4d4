//! One folder a vendor.

pub mod fortinet_fortios;
