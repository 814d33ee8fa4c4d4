//! `trace`: packets through a device or network, step by step.

use super::{Context, add_declared, exit_code};
use crate::args::{ColorChoice, Trace};
use crate::exit::Failure;
use crate::flows;
use crate::output;
use crate::problem::Problem;
use crate::render::{self, Report};
use crate::voice::Voice;
use fw_impact::Options;
use fw_impact::report::{ChangeSeverity, Side};
use fw_model::{Flow, Source};

/// Runs it.
///
/// # Errors
/// If an input cannot be read, or the packets are not well formed.
pub fn run(mut arguments: Trace, voice: Voice, color: ColorChoice) -> Result<u8, Failure> {
    output::check(&arguments.output, "trace", Some(render::PROSE))?;
    let context = Context::usual(&mut arguments.inputs, &[&arguments.config])?;
    let flow = flow(&arguments, &context)?;
    let loaded = context.load(Side::Before, &arguments.config, &context.names)?;
    voice.inputs(&[&loaded]);
    let options = Options {
        now: context.clock.now(),
        horizon: context.clock.horizon(),
        approvals: &[],
        fail_on: ChangeSeverity::Medium,
        strict: false,
        counterfactual: None,
        inputs: loaded.inputs.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let mut report = fw_impact::trace(&loaded.snapshot, &flow, &options);
    voice.step("tracing");
    add_declared(
        &mut report.assumptions,
        &mut report.diagnostics,
        &context.assumptions,
        &[&loaded],
    );
    output::write(Report::Trace(&report), &arguments.output, color)?;
    Ok(exit_code(report.exit_code, &arguments.output))
}

/// The flow that the options describe, read as a flows file would be.
fn flow(arguments: &Trace, context: &Context) -> Result<Flow, Failure> {
    let list = |text: &str| -> serde_json::Value {
        text.split(',')
            .map(|word| word.trim().to_owned())
            .collect::<Vec<_>>()
            .into()
    };
    let mut entry = serde_json::json!({
        "id": "trace",
        "from": list(&arguments.from),
        "to": list(&arguments.to),
        "service": [arguments.service],
        "return": (!arguments.no_return).to_string(),
    });
    for (key, value) in [
        ("src_port", &arguments.src_port),
        ("ingress", &arguments.ingress),
        ("egress", &arguments.egress),
        ("device", &arguments.device),
    ] {
        if let (Some(value), Some(map)) = (value, entry.as_object_mut()) {
            map.insert(key.to_owned(), value.clone().into());
        }
    }
    let text = serde_json::json!({"version": "1", "flows": [entry]}).to_string();
    let file = flows::read(&Source::new("the command line", text), &context.names)
        .map_err(|problems| Failure::Usage(usage(&problems)))?;
    file.flows
        .into_iter()
        .next()
        .ok_or_else(|| Failure::Usage("no packets are described".into()))
}

fn usage(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|p| {
            // There are no groups on a command line.
            if let Some(word) = p.message.strip_prefix("unknown group ") {
                return format!(
                    "{word} is no address\n  write an address, a prefix, a range, `any`, zone:NAME or self:DEVICE"
                );
            }
            match &p.label {
                Some(label) => format!("{}\n  {label}", p.message),
                None => p.message.clone(),
            }
        })
        .collect::<Vec<_>>()
        .join("\nerror: ")
}
