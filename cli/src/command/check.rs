//! `check`: the impact of a change on the declared flows.

use super::{Context, add_declared, exit_code, expired};
use crate::args::{Check, ColorChoice};
use crate::exit::Failure;
use crate::flows::{self, Review};
use crate::input::{self, edits::Edits};
use crate::output;
use crate::render::Report;
use crate::settings::approve;
use fw_impact::Options;
use fw_impact::report::{ChangeSeverity, Finding};

/// Runs it.
///
/// # Errors
/// If an input cannot be read.
pub fn run(arguments: &Check, color: ColorChoice) -> Result<u8, Failure> {
    output::pairs(&arguments.output)?;
    let context = Context::new(&arguments.inputs)?;
    let source = input::text_file(&arguments.flows)?;
    let file = flows::read(&source, &context.names)?;
    let approvals = match &arguments.approve {
        Some(path) => Some(approve::read(
            &input::text_file(path)?,
            &file.names,
            context.clock.today(),
        )?),
        None => None,
    };
    let (before, after) = context.load_both(&arguments.before, &arguments.after, &file.names)?;
    let edits = Edits::new(&before, &after);
    let mut inputs = before.inputs.clone();
    inputs.extend(after.inputs.iter().cloned());
    let options = Options {
        now: context.clock.now(),
        horizon: context.clock.horizon(),
        approvals: approvals.as_ref().map_or(&[], |a| a.active.as_slice()),
        fail_on: arguments.fail_on.into(),
        strict: arguments.strict,
        counterfactual: Some(&edits),
        inputs,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut report = fw_impact::compare(&before.snapshot, &after.snapshot, &file.flows, &options);
    if let Some(approvals) = &approvals {
        report
            .findings
            .extend(expired("expired-approval", &approvals.expired));
    }
    report
        .findings
        .extend(expired("expired-assumption", &context.assumptions.expired));
    report
        .findings
        .extend(reviews(&file.reviews, &source.path, context.clock.today()));
    add_declared(
        &mut report.assumptions,
        &mut report.diagnostics,
        &[&before, &after],
    );
    output::write(Report::Impact(&report), &arguments.output, color)?;
    Ok(exit_code(report.exit_code, &arguments.output))
}

/// Flows that somebody should have looked at again.
fn reviews<'a>(
    reviews: &'a [Review],
    file: &'a str,
    today: jiff::civil::Date,
) -> impl Iterator<Item = Finding> + 'a {
    reviews
        .iter()
        .filter(move |review| review.by < today)
        .map(move |review| Finding {
            code: "review-overdue".into(),
            severity: ChangeSeverity::Low,
            message: format!("flow `{}` was to be reviewed by {}", review.flow, review.by),
            flow: Some(review.flow.clone()),
            file: Some(file.to_owned()),
            line: Some(review.line),
        })
}
