//! Where reports go.

use crate::args::{ColorChoice, OutputOptions};
use crate::exit::Failure;
use crate::render::locate::Links;
use crate::render::{self, Page, Report, github, markdown};
use anstream::AutoStream;
use std::io::Write as _;

/// Columns of text reports where the terminal does not say.
const WIDTH: usize = 80;

/// The page for text on this terminal.
pub fn page<'a>(options: &OutputOptions, links: &'a Links) -> Page<'a> {
    let width = std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.trim().parse::<usize>().ok())
        .map_or(WIDTH, |c| c.clamp(40, 200));
    Page {
        width,
        quiet: options.quiet,
        exit_zero: options.exit_zero,
        links: Some(links),
    }
}

/// Checks the formats before the work starts; `forms` are those that the
/// command has, `None` for all.
///
/// # Errors
/// If one is not known, or the command has no form for it.
pub fn check(
    options: &OutputOptions,
    command: &str,
    forms: Option<&[&str]>,
) -> Result<(), Failure> {
    render::has_form(options.format(), command, forms)?;
    for (format, _) in pairs(options)? {
        render::has_form(format, command, forms)?;
    }
    Ok(())
}

/// The `FORMAT=FILE` pairs.
///
/// # Errors
/// If one is not of this form.
fn pairs(options: &OutputOptions) -> Result<Vec<(&str, &str)>, Failure> {
    let mut out = Vec::new();
    for pair in &options.report {
        let (format, file) = pair
            .split_once('=')
            .filter(|(_, file)| !file.is_empty())
            .ok_or_else(|| {
                Failure::Usage(format!(
                    "--report `{pair}` names no file\n  write it as FORMAT=FILE, for example json=impact.json"
                ))
            })?;
        let known: Vec<&str> = render::FORMATS.iter().map(|f| f.name).collect();
        if !known.contains(&format) {
            let hint = crate::problem::suggestion(format, known.iter().copied())
                .unwrap_or_else(|| format!("known are {}", known.join(", ")));
            return Err(Failure::Usage(format!(
                "--report `{pair}`: unknown format `{format}`\n  {hint}"
            )));
        }
        if file == "-" {
            return Err(Failure::Usage(format!(
                "--report `{pair}`: a report is a file\n  standard output takes the one of --format"
            )));
        }
        out.push((format, file));
    }
    Ok(out)
}

/// Writes a report everywhere it was asked for.
///
/// # Errors
/// If something cannot be written.
pub fn write(
    report: Report<'_>,
    options: &OutputOptions,
    color: ColorChoice,
) -> Result<(), Failure> {
    let links = Links::from_environment();
    let page = page(options, &links);
    for (format, file) in pairs(options)? {
        to_file(file, &render::render(format, report, page)?)?;
    }
    let text = render::render(options.format(), report, page)?;
    if options.format() == github::FORMAT.name
        && let Report::Impact(report) = report
    {
        step_summary(|room| markdown::comment(report, page, None, room))?;
    }
    match options.output.as_deref() {
        Some(file) if file != "-" => to_file(file, &text),
        _ => print(&text, color),
    }
}

/// Adds to the summary of a step of a GitHub workflow; `false` where there is
/// none. `text` gets the number of characters that still fit.
///
/// # Errors
/// If it cannot be written.
pub fn step_summary(text: impl FnOnce(usize) -> String) -> Result<bool, Failure> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|p| !p.is_empty()) else {
        return Ok(false);
    };
    let name = path.to_string_lossy().into_owned();
    let failed = |e: &std::io::Error| Failure::io("write", &name, e);
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|e| failed(&e))?;
    let there = file.metadata().map_or(0, |m| m.len());
    let room = github::SUMMARY_LIMIT.saturating_sub(usize::try_from(there).unwrap_or(usize::MAX));
    // The limit is in bytes, and half of it in characters is enough for a
    // report of which nearly all is ASCII.
    let mut block = text(room / 2);
    if block.len() + 1 > room {
        return Ok(true);
    }
    block.push('\n');
    file.write_all(block.as_bytes()).map_err(|e| failed(&e))?;
    Ok(true)
}

/// Writes plain text to a file.
///
/// # Errors
/// If it cannot be written.
pub fn to_file(path: &str, text: &str) -> Result<(), Failure> {
    let plain = anstream::adapter::strip_str(text).to_string();
    std::fs::write(path, plain).map_err(|e| Failure::io("write", path, &e))
}

/// Writes to standard output. A reader that went away is no error.
///
/// # Errors
/// If it cannot be written.
pub fn print(text: &str, color: ColorChoice) -> Result<(), Failure> {
    let mut out = AutoStream::new(std::io::stdout(), choice(color));
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::io("write", "standard output", &e))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error.
pub fn print_error(text: &str, color: ColorChoice) {
    let mut out = AutoStream::new(std::io::stderr(), choice(color));
    // Where even this fails there is nobody left to tell.
    let _ = writeln!(out, "{text}");
}

const fn choice(color: ColorChoice) -> anstream::ColorChoice {
    match color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
}
