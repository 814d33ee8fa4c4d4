//! One folder a vendor.

pub(crate) mod paloalto_panos;
