//! What a comparison is asked for besides its inputs.

use crate::cause::Counterfactual;
use crate::report::{ChangeSeverity, InputFile};
use fw_model::match_expr::CivilMinute;
use fw_model::{AddressSet, ServiceSet};

/// Settings of a comparison.
pub struct Options<'a> {
    /// The instant at which schedules are judged.
    pub now: CivilMinute,
    /// The end of the time in which schedules that start or end are reported.
    pub horizon: CivilMinute,
    /// Openings that are intended.
    pub approvals: &'a [Approval],
    /// From which severity on a change makes exit code 10.
    pub fail_on: ChangeSeverity,
    /// A flow that is wrong on both sides counts as blocked.
    pub strict: bool,
    /// Finds causes, if given.
    pub counterfactual: Option<&'a dyn Counterfactual>,
    /// The input files, for the report.
    pub inputs: Vec<InputFile>,
    /// The program's version.
    pub version: String,
}

/// An opening that is intended. Expired ones are left out by the caller.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Approval {
    /// Sources.
    pub from: AddressSet,
    /// Destinations.
    pub to: AddressSet,
    /// Services.
    pub services: ServiceSet,
}
