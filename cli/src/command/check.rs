//! `check`: the impact of a change on the declared flows.

use super::{Context, add_declared, exit_code, expired, meant, one_from_stdin};
use crate::args::{Check, ColorChoice, Severity};
use crate::config::{self, Config};
use crate::exit::Failure;
use crate::flows::{self, Review};
use crate::input::{self, edits::Edits};
use crate::output;
use crate::policy::Policy;
use crate::progress::Progress;
use crate::render::Report;
use crate::settings::approve;
use crate::voice::Voice;
use fw_impact::Options;
use fw_impact::report::{ChangeSeverity, Finding};

/// Runs it.
///
/// # Errors
/// If an input cannot be read.
pub fn run(mut arguments: Check, voice: Voice, color: ColorChoice) -> Result<u8, Failure> {
    let mut policy = Policy::new(arguments.policy_from.as_deref())?;
    Config::load(&mut policy)?.fill_check(&mut arguments);
    output::check(&arguments.output, "check", None)?;
    voice.say(&match policy.base() {
        Some(base) => format!("flows, approvals and assumptions: from revision {base}"),
        None => "flows, approvals and assumptions: as they are in this folder".to_owned(),
    });
    let before = needed("before", arguments.before.as_ref())?;
    let after = needed("after", arguments.after.as_ref())?;
    let flows_file = needed("flows", arguments.flows.as_ref())?;
    let approve = arguments.approve.as_deref();
    let named = [before, after, flows_file];
    one_from_stdin(named.into_iter().chain(approve), &arguments.inputs)?;
    let mut context = Context::new(&arguments.inputs, policy)?;
    let source = context.policy.read(flows_file)?;
    let file = meant(&source, "flows", flows::read(&source, &context.names))?;
    let approvals = match &arguments.approve {
        Some(path) => {
            let source = context.policy.read(path)?;
            let read = approve::read(&source, &file.names, context.clock.today());
            Some(meant(&source, "approve", read)?)
        }
        None => None,
    };
    let progress = Progress::start("reading configurations", !arguments.output.quiet);
    let (mut before, mut after) = context.load_both(before, after, &file.names)?;
    drop(progress);
    context
        .policy
        .topology(before.topology_file.as_ref(), after.topology_file.as_ref());
    voice.inputs(&[&before, &after]);
    if arguments.changed {
        let (left, judged) = input::changed::keep(&mut before, &mut after, &file.flows);
        voice.say(&format!(
            "--changed: {judged} devices are judged, {left} are left out"
        ));
    }
    let what = format!("judging {} flows", file.flows.len());
    let progress = Progress::start(&what, !arguments.output.quiet);
    let edits = Edits::new(&before, &after);
    let mut inputs = before.inputs.clone();
    inputs.extend(after.inputs.iter().cloned());
    let options = Options {
        now: context.clock.now(),
        horizon: context.clock.horizon(),
        approvals: approvals.as_ref().map_or(&[], |a| a.active.as_slice()),
        fail_on: arguments.fail_on.unwrap_or(Severity::Medium).into(),
        strict: arguments.strict,
        counterfactual: Some(&edits),
        inputs,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut report = fw_impact::compare(&before.snapshot, &after.snapshot, &file.flows, &options);
    edits.mark_moves(&mut report.flows);
    drop(progress);
    voice.step("judging");
    report
        .findings
        .extend(std::mem::take(&mut context.policy.findings));
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
        &context.assumptions,
        &[&before, &after],
    );
    output::write(Report::Impact(&report), &arguments.output, color)?;
    voice.step("writing");
    Ok(exit_code(report.exit_code, &arguments.output))
}

/// An option that has to come from somewhere.
fn needed<'a>(name: &str, value: Option<&'a String>) -> Result<&'a str, Failure> {
    value.map(String::as_str).ok_or_else(|| {
        Failure::Usage(format!(
            "`check` needs --{name}\n  give it on the command line, or as `{name} = \"...\"` in {}",
            config::NAME
        ))
    })
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
