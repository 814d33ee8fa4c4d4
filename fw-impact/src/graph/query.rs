//! What is asked of packets on their way.

use crate::packet_set::decompose::RuleRef;
use crate::packet_set::{Budget, Set};
use fw_model::evaluate::Journey;
use rustc_hash::FxHashSet;
use std::cell::Cell;

/// What a flow says about its way besides its packets.
pub struct Query<'a> {
    /// Which way it takes through its last (or first) device.
    pub journey: Journey,
    /// The device that it is for, by position, where it may cross others on
    /// its way there; `None`: the first one that it meets.
    pub target: Option<usize>,
    /// The application, if it names one.
    pub application: Option<&'a str>,
    /// The user, if it names one.
    pub user: Option<Option<&'a str>>,
    /// The interface or zone by which it leaves, if it names one.
    pub egress: Option<&'a str>,
    /// Where nothing tells the egress, only these interfaces, by number.
    pub egress_within: Option<&'a Set>,
    /// Rules, a device, that a record names wherever they had a say.
    pub kept: &'a [FxHashSet<RuleRef>],
    /// Judge replies too.
    pub replies: bool,
    /// Packets to a device are for the addresses that they name, even if the
    /// sender has no reason to use them.
    pub exact: bool,
    /// Work left.
    pub budget: Cell<Budget>,
}

impl Query<'_> {
    /// A transit query without names, replies judged.
    #[must_use]
    pub fn transit() -> Self {
        Self {
            journey: Journey::Through,
            target: None,
            application: None,
            user: None,
            egress: None,
            egress_within: None,
            kept: &[],
            replies: true,
            exact: false,
            budget: Cell::default(),
        }
    }
}
