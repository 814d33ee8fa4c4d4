//! One folder a vendor.
