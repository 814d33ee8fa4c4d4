//! What a firewall change does to declared service flows.
//!
//! Two [`fw_model::Snapshot`]s and the flows go in, an [`ImpactReport`] comes
//! out. The crate is pure: no I/O, no clock, no vendor names.

pub mod cause;
pub mod options;
pub mod report;

pub use cause::{Counterfactual, Edit};
pub use options::{Approval, Options};
pub use report::{DiffReport, ImpactReport, TraceReport};

use fw_model::{Flow, Snapshot};

/// Judges what a change does to `flows`, and what else it opens or closes.
#[must_use]
pub fn compare(
    before: &Snapshot,
    after: &Snapshot,
    flows: &[Flow],
    options: &Options<'_>,
) -> ImpactReport {
    let _ = (before, after, flows);
    report::ImpactReport {
        schema: report::IMPACT_SCHEMA.into(),
        tool: report::Tool {
            name: "fwimpact".into(),
            version: options.version.clone(),
        },
        inputs: options.inputs.clone(),
        verdict: report::Verdict::None,
        exit_code: 0,
        summary: report::Summary::default(),
        flows: Vec::new(),
        exposure: Vec::new(),
        closed: Vec::new(),
        findings: Vec::new(),
        coverage: report::CoverageReport::default(),
        assumptions: Vec::new(),
        diagnostics: Vec::new(),
        judged_at: None,
    }
}

/// The semantic difference of two snapshots without flows.
#[must_use]
pub fn diff(before: &Snapshot, after: &Snapshot, options: &Options<'_>) -> DiffReport {
    let _ = (before, after);
    report::DiffReport {
        schema: report::DIFF_SCHEMA.into(),
        tool: report::Tool {
            name: "fwimpact".into(),
            version: options.version.clone(),
        },
        inputs: options.inputs.clone(),
        exit_code: 0,
        opened: Vec::new(),
        closed: Vec::new(),
        undecided: Vec::new(),
        changes: Vec::new(),
        coverage: report::CoverageReport::default(),
        assumptions: Vec::new(),
        diagnostics: Vec::new(),
    }
}

/// Follows the packets of `flow` through a snapshot, step by step.
#[must_use]
pub fn trace(snapshot: &Snapshot, flow: &Flow, options: &Options<'_>) -> TraceReport {
    let _ = (snapshot, flow);
    report::TraceReport {
        schema: report::TRACE_SCHEMA.into(),
        tool: report::Tool {
            name: "fwimpact".into(),
            version: options.version.clone(),
        },
        inputs: options.inputs.clone(),
        verdict: report::FlowVerdict::Undecided,
        exit_code: 12,
        paths: Vec::new(),
        assumptions: Vec::new(),
        diagnostics: Vec::new(),
    }
}
