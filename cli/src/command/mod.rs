//! One file per subcommand.

pub mod check;
pub mod comment;
pub mod completions;
pub mod diff;
pub mod flows;
pub mod man;
pub mod schemas;
pub mod show;
pub mod trace;

use crate::args::{Arguments, Command, InputOptions, OutputOptions};
use crate::clock::Clock;
use crate::config::Config;
use crate::exit::Failure;
use crate::flows::address::Names;
use crate::input::{self, Loaded, Settings};
use crate::policy::Policy;
use crate::problem::Problem;
use crate::settings::assume::{self, Assumptions};
use crate::settings::topology::{self, Topology};
use crate::settings::{Expired, resolve};
use crate::voice::Voice;
use fw_impact::report::{AssumptionReport, ChangeSeverity, DiagnosticReport, Finding, Side};
use fw_model::Source;

/// Runs a command and gives the exit code.
///
/// # Errors
/// If it cannot be carried out.
pub fn run(arguments: Arguments) -> Result<u8, Failure> {
    let color = arguments.color;
    let voice = Voice::new(arguments.verbose, color);
    match arguments.command {
        Command::Check(a) => check::run(a, voice, color),
        Command::Diff(a) => diff::run(a, voice, color),
        Command::Trace(a) => trace::run(a, voice, color),
        Command::Show(a) => show::run(a, voice, color),
        Command::Comment(a) => comment::run(&a, voice, color),
        Command::Flows { command } => flows::run(&command, color),
        Command::Completions { shell } => completions::run(shell, color),
        Command::Man => man::run(color),
        Command::Schemas { folder } => schemas::run(&folder),
    }
}

/// The exit code after `--exit-zero`.
const fn exit_code(code: u8, options: &OutputOptions) -> u8 {
    if options.exit_zero && code >= 10 {
        0
    } else {
        code
    }
}

/// What the input options name, read.
struct Context {
    clock: Clock,
    names: Names,
    assumptions: Assumptions,
    topology: Option<Topology>,
    vendor: Option<&'static dyn fw_parse::Vendor>,
    policy: Policy,
}

/// Schedules are looked at so many days ahead.
const HORIZON: u32 = 30;

impl Context {
    fn new(options: &InputOptions, mut policy: Policy) -> Result<Self, Failure> {
        let clock = Clock::new(options.at.as_deref(), options.horizon.unwrap_or(HORIZON))?;
        Ok(Self {
            clock,
            names: match &options.resolve {
                Some(path) => {
                    let source = policy.read(path)?;
                    meant(&source, "resolve", resolve::read(&source))?
                }
                None => Names::new(),
            },
            assumptions: match &options.assume {
                Some(path) => {
                    let source = policy.read(path)?;
                    meant(&source, "assume", assume::read(&source, clock.today()))?
                }
                None => Assumptions::default(),
            },
            // New devices are in the topology of the change alone.
            topology: match &options.topology {
                Some(path) => {
                    let source = policy.read_here(path)?;
                    Some(meant(&source, "topology", topology::read(&source))?)
                }
                None => None,
            },
            vendor: options.vendor.as_deref().and_then(fw_parse::vendor),
            policy,
        })
    }

    /// For commands that give no verdict on a change: all files are those of
    /// this folder.
    fn usual(options: &mut InputOptions, inputs: &[&str]) -> Result<Self, Failure> {
        Self::with(Policy::here(), options, inputs)
    }

    /// What fwimpact.toml and the options name, with files from `policy`.
    fn with(
        mut policy: Policy,
        options: &mut InputOptions,
        inputs: &[&str],
    ) -> Result<Self, Failure> {
        Config::load(&mut policy)?.fill_input(options);
        one_from_stdin(inputs.iter().copied(), options)?;
        Self::new(options, policy)
    }

    fn load(&self, side: Side, input: &str, names: &Names) -> Result<Loaded, Failure> {
        let settings = Settings {
            vendor: self.vendor,
            names,
            declared: &self.assumptions.active,
            topology: self.topology.as_ref(),
        };
        input::load(side, input, &settings)
    }

    /// Both sides, read at the same time.
    fn load_both(
        &self,
        before: &str,
        after: &str,
        names: &Names,
    ) -> Result<(Loaded, Loaded), Failure> {
        let (before, after) = rayon::join(
            || self.load(Side::Before, before, names),
            || self.load(Side::After, after, names),
        );
        let (before, mut after) = (before?, after?);
        input::edits::make_room(&before, &mut after);
        Ok((before, after))
    }
}

/// What was read of a file that people write; where it is a configuration
/// instead, that says more than its first error.
///
/// # Errors
/// All that is wrong with it.
fn meant<T>(source: &Source, what: &str, read: Result<T, Vec<Problem>>) -> Result<T, Failure> {
    read.map_err(|problems| match fw_parse::detect(&source.text) {
        Ok(found) => Failure::Input(format!(
            "{} is no {what} file: it looks like a configuration ({})",
            source.path,
            found.vendor.name()
        )),
        Err(_) => Failure::Invalid(problems),
    })
}

/// Standard input can be read once.
///
/// # Errors
/// If several of `names` are `-`.
fn one_from_stdin<'a>(
    names: impl IntoIterator<Item = &'a str>,
    options: &'a InputOptions,
) -> Result<(), Failure> {
    let small = [&options.assume, &options.resolve, &options.topology];
    let small = small.into_iter().filter_map(|o| o.as_deref());
    if names.into_iter().chain(small).filter(|n| *n == "-").count() > 1 {
        return Err(Failure::Usage(
            "only one input can come from standard input".into(),
        ));
    }
    Ok(())
}

/// Reads the names of a `--resolve` file.
fn names(path: Option<&str>) -> Result<Names, Failure> {
    match path {
        Some(path) => {
            let source = input::text_file(path)?;
            meant(&source, "resolve", resolve::read(&source))
        }
        None => Ok(Names::new()),
    }
}

/// Entries past their last day, as findings.
fn expired<'a>(code: &str, entries: &'a [Expired]) -> impl Iterator<Item = Finding> + 'a {
    let code = code.to_owned();
    entries.iter().map(move |entry| Finding {
        code: code.clone(),
        severity: ChangeSeverity::Medium,
        message: format!(
            "`{}` was valid until {} and counts as absent",
            entry.what, entry.until
        ),
        flow: None,
        file: Some(entry.file.clone()),
        line: Some(entry.line),
    })
}

/// Assumptions of the user come first: every verdict rests on them. Those that
/// cover nothing are told, too: they may be misspelt.
fn add_declared(
    assumptions: &mut Vec<AssumptionReport>,
    diagnostics: &mut Vec<DiagnosticReport>,
    entries: &Assumptions,
    sides: &[&Loaded],
) {
    let mut declared: Vec<AssumptionReport> = sides
        .iter()
        .flat_map(|side| side.declared.iter().cloned())
        .collect();
    declared.append(assumptions);
    *assumptions = declared;
    for side in sides {
        diagnostics.extend(side.remarks.iter().cloned());
    }
    for entry in &entries.active {
        if sides.iter().any(|s| s.covering.contains(&entry.at)) {
            continue;
        }
        let devices = sides
            .iter()
            .flat_map(|s| s.units.iter().flat_map(|u| &u.devices));
        let known = devices.into_iter().any(|name| entry.is_for(name));
        diagnostics.push(DiagnosticReport {
            code: "assumption-unused".into(),
            // A device that is not looked at is no sign of a mistake.
            severity: if known { "warning" } else { "note" }.into(),
            side: None,
            file: Some(entry.file.clone()),
            line: Some(entry.at),
            message: format!(
                "no line {} is `{}`",
                if known {
                    "of these devices"
                } else {
                    "of a device of this name"
                },
                entry.line
            ),
            effect: "none".into(),
        });
    }
}
