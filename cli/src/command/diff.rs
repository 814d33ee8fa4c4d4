//! `diff`: what a change newly permits and newly denies.

use super::{Context, add_declared, exit_code};
use crate::args::{ColorChoice, Diff};
use crate::exit::Failure;
use crate::input::edits::Edits;
use crate::output;
use crate::policy::Policy;
use crate::progress::Progress;
use crate::render::{self, Report};
use crate::voice::Voice;
use fw_impact::Options;
use fw_impact::report::{ChangeSeverity, DiagnosticReport, Side};

/// Runs it.
///
/// # Errors
/// If an input cannot be read.
pub fn run(mut arguments: Diff, voice: Voice, color: ColorChoice) -> Result<u8, Failure> {
    output::check(&arguments.output, "diff", Some(render::PROSE))?;
    let policy = Policy::new(arguments.policy_from.as_deref())?;
    let mut context = Context::with(
        policy,
        &mut arguments.inputs,
        &[&arguments.before, &arguments.after],
    )?;
    let progress = Progress::start("comparing", !arguments.output.quiet);
    let (before, after) = context.load_both(&arguments.before, &arguments.after, &context.names)?;
    voice.inputs(&[&before, &after]);
    context
        .policy
        .topology(before.topology_file.as_ref(), after.topology_file.as_ref());
    let edits = Edits::new(&before, &after);
    let mut inputs = before.inputs.clone();
    inputs.extend(after.inputs.iter().cloned());
    let options = Options {
        now: context.clock.now(),
        horizon: context.clock.horizon(),
        approvals: &[],
        fail_on: ChangeSeverity::Medium,
        strict: false,
        counterfactual: Some(&edits),
        inputs,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut report = fw_impact::diff(&before.snapshot, &after.snapshot, &options);
    add_declared(
        &mut report.assumptions,
        &mut report.diagnostics,
        &context.assumptions,
        &[&before, &after],
    );
    // This report has no findings of its own kind.
    let edited = context.policy.findings.iter();
    report.diagnostics.extend(edited.map(|f| DiagnosticReport {
        code: f.code.clone(),
        severity: "warning".into(),
        side: Some(Side::After),
        file: f.file.clone(),
        line: None,
        message: f.message.clone(),
        effect: "none".into(),
    }));
    drop(progress);
    voice.step("comparing");
    output::write(Report::Diff(&report), &arguments.output, color)?;
    Ok(exit_code(report.exit_code, &arguments.output))
}
