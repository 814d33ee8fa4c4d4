//! All devices of one side of a comparison.

use crate::address::AddressSet;
use crate::device::Device;
use crate::diagnostic::Diagnostic;
use crate::ledger::Ledger;
use crate::match_expr::{ConditionKind, MatchExpr};
use crate::source::{Source, SourceId, Span};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One side of a comparison: a network, or a single device.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The input files. [`SourceId`] is an index into it.
    pub sources: Vec<Source>,
    /// The status of every line, one ledger a source.
    pub ledgers: Vec<Ledger>,
    /// The devices, sorted by name.
    pub devices: Vec<Device>,
    /// What the parsers had to say.
    pub diagnostics: Vec<Diagnostic>,
    /// Where hosts live that the configurations cannot tell:
    /// prefix, device, interface.
    pub networks: Vec<(AddressSet, String, String)>,
    /// Links that interface addresses do not tell, declared ones and those of
    /// [`Self::link_devices`]: device and interface of both ends.
    pub links: Vec<Link>,
}

/// Two ends that are linked: device and interface of each.
pub type Link = ((String, String), (String, String));

/// Which [`Definition`] of a device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct DefinitionId(pub u32);

/// A named object of a configuration: an address, a group, a service, a
/// schedule, an access list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Definition {
    /// The vendor's word for what it is (`object-group service`).
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its lines, the first and the last, in the file of `span`.
    pub span: Span,
    /// Last line.
    pub last_line: u32,
    /// The objects it refers to.
    pub uses: Vec<DefinitionId>,
}

/// Something a verdict rests on that the configuration does not say.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Assumption {
    /// A stable kebab-case code (`does-not-cross`).
    pub code: &'static str,
    /// What is assumed, in one sentence.
    pub text: String,
    /// The line it is about.
    pub span: Option<Span>,
    /// True if it is listed with every verdict of the device; false if only
    /// with verdicts that a rule or stage carrying it decided.
    pub device_wide: bool,
}

/// The links that configurations tell, each once.
fn told(devices: &[Device]) -> Vec<Link> {
    let mut out: Vec<Link> = Vec::new();
    for device in devices {
        for link in &device.links {
            let here = (device.name.clone(), link.interface.clone());
            let there = (link.device.clone(), link.peer.clone());
            // The other device tells the same link from its end.
            if here <= there && devices.iter().any(|d| d.name == link.device) {
                out.push((here, there));
            }
        }
    }
    out
}

impl Snapshot {
    /// A source by id.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.0 as usize)
    }

    /// The text of the line that `span` is on, without its line ending.
    #[must_use]
    pub fn line_text(&self, span: Span) -> Option<&str> {
        self.source(span.source)?.line(span.line)
    }

    /// A device by name.
    #[must_use]
    pub fn device(&self, name: &str) -> Option<&Device> {
        self.devices.get(self.position(name)?)
    }

    /// The position of a device.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        // They are sorted, unless somebody put them together by hand.
        self.devices
            .binary_search_by(|d| d.name.as_str().cmp(name))
            .ok()
            .or_else(|| self.devices.iter().position(|d| d.name == name))
    }

    /// Brings [`Self::links`] up to date with what the devices'
    /// configurations tell: takes out what `before`, earlier versions of
    /// them, told, and adds what they tell now.
    pub fn link_devices(&mut self, before: &[Device]) {
        let old = told(before);
        self.links.retain(|link| !old.contains(link));
        for link in told(&self.devices) {
            if !self.links.contains(&link) {
                self.links.push(link);
            }
        }
    }

    /// Replaces conditions that wait for a name by the addresses that
    /// `names` gives for it.
    pub fn resolve(&mut self, names: &BTreeMap<String, AddressSet>) {
        if names.is_empty() {
            return;
        }
        let with = |part: &MatchExpr| match part {
            MatchExpr::Opaque(condition) => match &condition.kind {
                ConditionKind::Name(name, dimension) => names
                    .get(name)
                    .map(|set| MatchExpr::address(*dimension, Arc::new(set.clone()))),
                _ => None,
            },
            _ => None,
        };
        for device in &mut self.devices {
            for filter in &mut device.filters {
                for rule in &mut filter.rules {
                    rule.match_expr = rule.match_expr.replace(&with);
                }
            }
        }
    }
}
