//! `comment`: one comment on a pull or merge request, created once and updated
//! afterwards.

mod forge;
mod github;
mod gitlab;
mod http;

use crate::args::{ColorChoice, Comment, Service};
use crate::exit::Failure;
use crate::input;
use crate::output;
use crate::render::locate::Links;
use crate::render::{Page, markdown};
use crate::voice::Voice;
use forge::{Change, Forge, Trouble};
use fw_impact::ImpactReport;
use fw_impact::report::IMPACT_SCHEMA;

/// Runs it.
///
/// # Errors
/// If the report cannot be read, or the service cannot be reached or refuses.
pub fn run(arguments: &Comment, voice: Voice, color: ColorChoice) -> Result<u8, Failure> {
    let key = &arguments.key;
    if key.is_empty()
        || !key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    {
        return Err(Failure::Usage(format!(
            "--key `{key}` may have letters, digits, `-`, `_` and `.` only"
        )));
    }
    if arguments.label.iter().any(|l| l.trim().is_empty()) {
        return Err(Failure::Usage("--label is empty".into()));
    }
    let marker = format!("<!-- fwimpact:{key} -->");
    let links = Links::from_environment();
    let page = Page {
        width: 80,
        quiet: false,
        exit_zero: false,
        links: Some(&links),
    };
    let (body, hurt) = body(arguments, page, &marker)?;
    let change = Change {
        marker: &marker,
        body: &body,
        labels: &arguments.label,
        hurt,
    };
    let service = match arguments.on.or_else(detected) {
        Some(service) => service,
        None if arguments.dry_run => {
            output::print(&body, color)?;
            return Ok(0);
        }
        None => {
            return Err(Failure::Usage(
                "no service to comment on: neither GITHUB_REPOSITORY nor CI_PROJECT_ID is set\n  name it with --on, --repository and --number".into(),
            ));
        }
    };
    let forge: Box<dyn Forge> = match service {
        Service::Github => Box::new(github::Github::new(arguments)?),
        Service::Gitlab => Box::new(gitlab::Gitlab::new(arguments)?),
    };
    if arguments.dry_run {
        let mut would = format!("would create or update a comment on {}", forge.target());
        if !arguments.label.is_empty() {
            let what = if hurt { "set" } else { "take away" };
            would.push_str(&format!(", and {what} {}", arguments.label.join(", ")));
        }
        output::print_error(&would, color);
        output::print(&body, color)?;
        return Ok(0);
    }
    match forge.publish(&change) {
        Ok(done) => {
            voice.say(&format!("{} on {}", done.what, forge.target()));
            if let Some(why) = done.labels {
                let text = format!("the labels of {} are as they were: {why}", forge.target());
                output::print_error(&text, color);
            }
            Ok(0)
        }
        Err(Trouble::NoAccess(why)) => {
            instead(&body, &why, &*forge, arguments.in_summary, color)?;
            Ok(0)
        }
        Err(trouble) => {
            let hint = match trouble {
                Trouble::Unknown(_) => "\n  the token is wrong, or no longer valid",
                Trouble::NotFound(_) => {
                    "\n  there is no such request, or the token may not know of it"
                }
                _ => "",
            };
            Err(Failure::Io(format!(
                "{}: {}{hint}",
                forge.target(),
                trouble.text()
            )))
        }
    }
}

/// The service that this runs on.
fn detected() -> Option<Service> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    if set("GITHUB_REPOSITORY") {
        Some(Service::Github)
    } else if set("CI_PROJECT_ID") {
        Some(Service::Gitlab)
    } else {
        None
    }
}

/// The text, and whether something is wrong.
fn body(arguments: &Comment, page: Page<'_>, marker: &str) -> Result<(String, bool), Failure> {
    let path = &arguments.report;
    if let Some(failed) = &arguments.failed
        && path != "-"
        && !std::fs::metadata(path).is_ok_and(|m| m.len() > 0)
    {
        let said = input::text_file(failed)?;
        return Ok((failure(marker, &said.text), true));
    }
    let source = if path == "-" {
        std::io::read_to_string(std::io::stdin())
            .map_err(|e| Failure::io("read", "standard input", &e))?
    } else {
        input::text_file(path)?.text
    };
    let report: ImpactReport = serde_json::from_str(&source)
        .map_err(|e| Failure::Input(format!("{path} is no impact report: {e}")))?;
    if report.schema != IMPACT_SCHEMA {
        return Err(Failure::Input(format!(
            "{path} is of the form `{}`, not `{IMPACT_SCHEMA}`",
            report.schema
        )));
    }
    let text = markdown::comment(&report, page, Some(marker), markdown::LIMIT);
    Ok((text, report.exit_code != 0))
}

/// The comment where the check could not be carried out: never a green one.
fn failure(marker: &str, said: &str) -> String {
    const SHOWN: usize = 20_000;
    let all = said.trim();
    let mut text: String = all.chars().take(SHOWN).collect();
    let cut = all.chars().count().saturating_sub(SHOWN);
    if cut > 0 {
        text.push_str(&format!("\n... and {cut} more characters in the log"));
    }
    let text = if text.is_empty() {
        "there is no message".to_owned()
    } else {
        text
    };
    format!(
        "{marker}\n### ⛔ fwimpact: the change could not be checked\n\nNothing is known about the declared flows.\n\n{}",
        markdown::block("text", &text)
    )
}

/// Where commenting is not allowed, the summary of the step tells.
fn instead(
    body: &str,
    why: &str,
    forge: &dyn Forge,
    in_summary: bool,
    color: ColorChoice,
) -> Result<(), Failure> {
    let written = in_summary || output::step_summary(|room| body.chars().take(room).collect())?;
    let place = if written {
        "the step summary"
    } else {
        output::print(body, color)?;
        "standard output"
    };
    output::print_error(
        &format!(
            "no write access to {} ({why}): the report is in {place} instead\n  {}",
            forge.target(),
            forge.access()
        ),
        color,
    );
    Ok(())
}
