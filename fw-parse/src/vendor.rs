//! What a vendor's front end has to provide, and the list of all of them.

use crate::detect::Evidence;
use fw_model::{Device, Diagnostic, Ledger, Source, SourceId};
use std::borrow::Cow;

/// The files of one device.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The name of the device if its configuration does not give one.
    pub fallback_name: &'a str,
    /// Its files with their ids. Most formats have exactly one.
    pub files: &'a [(SourceId, &'a Source)],
}

/// What a front end makes of an [`Input`].
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The device, or one for each context, virtual system or VDOM.
    pub devices: Vec<Device>,
    /// One ledger for each file, in the order of [`Input::files`].
    pub ledgers: Vec<Ledger>,
    /// What there is to say.
    pub diagnostics: Vec<Diagnostic>,
}

/// A front end for one configuration format.
pub trait Vendor: Sync {
    /// The kebab-case name, as used by `--vendor` and in reports.
    fn name(&self) -> &'static str;

    /// The name people use.
    fn title(&self) -> &'static str;

    /// What speaks for `text` being of this format. Weights add up; see
    /// [`crate::detect`].
    fn detect(&self, text: &str) -> Vec<Evidence>;

    /// True if `other`, a file of the same format next to the first, belongs
    /// to the same device (an IPv6 dump beside an IPv4 one).
    fn joins(&self, _first: &str, _other: &str) -> bool {
        false
    }

    /// The paths of other files that `text` includes, as they are on the
    /// device. A file of the input that such a path names
    /// ([`crate::include::names`]) belongs to the device, even if it looks
    /// like no configuration by itself.
    fn includes(&self, _text: &str) -> Vec<String> {
        Vec::new()
    }

    /// A line of a configuration without what the device counts in it: two
    /// lines that are alike but for counters are no edit.
    fn without_counters<'l>(&self, line: &'l str) -> Cow<'l, str> {
        Cow::Borrowed(line)
    }

    /// Reads the files. Never fails and never panics: what is not understood
    /// is opaque in the ledgers and in the model.
    fn parse(&self, input: Input<'_>) -> Parsed;
}

/// All front ends, in order of detection.
pub static VENDORS: &[&dyn Vendor] = &[
    &crate::vendors::cisco_asa::CiscoAsa,
    &crate::vendors::fortinet_fortios::FortinetFortios,
    &crate::vendors::iptables::Iptables,
    &crate::vendors::nftables::Nftables,
    &crate::vendors::paloalto_panos::PaloAltoPanos,
];

/// A front end by its name.
#[must_use]
pub fn vendor(name: &str) -> Option<&'static dyn Vendor> {
    VENDORS.iter().copied().find(|v| v.name() == name)
}
