//! The command line.

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const EXIT_CODES: &str = "\
Exit codes (the highest that applies):
   0  no declared flow is hurt, nothing is opened that was not approved
   1  the tool failed (input or output)
   2  wrong usage
   3  an input is no known configuration, or a flows file is invalid
  10  a declared flow is treated differently, but still passes; or undeclared
      traffic is translated to another host
  11  traffic outside the declared flows is opened
  12  something that is not understood touches a declared flow
  13  a declared flow is partly blocked
  14  a declared flow is blocked, or one declared `expect: deny` now passes";

const INPUTS: &str = "\
Inputs (--before, --after, CONFIG) are a file (one device), a folder (a
network: one file or folder per device, with an optional topology.yaml),
`git:REV:PATH` (a file or folder of the repository in the current folder), or
`-` (standard input).";

/// Tells which service flows a firewall change blocks, opens or treats
/// differently, before the change is applied.
#[derive(Parser, Debug)]
#[command(name = "fwimpact", version, styles = STYLES, max_term_width = 100)]
#[command(after_help = EXIT_CODES, after_long_help = format!("{INPUTS}\n\n{EXIT_CODES}"))]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// When to use colour. `auto` follows the terminal, NO_COLOR and
    /// CLICOLOR_FORCE.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// Says on standard error what is read and from where; twice, also how
    /// long each step takes.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Impact of a change on the declared flows, and what else it opens or
    /// closes.
    #[command(after_help = EXIT_CODES, after_long_help = format!("{INPUTS}\n\n{EXIT_CODES}"))]
    Check(Check),
    /// What a change newly permits and newly denies, without declared flows.
    #[command(
        after_help = "Exit codes: 0 equal, 10 different, 11 something is opened, 12 undecided."
    )]
    Diff(Diff),
    /// Follows packets through a device or network, step by step.
    #[command(after_help = "Exit codes: 0 permitted, 12 undecided, 13 some of it, 14 denied.")]
    Trace(Trace),
    /// How a configuration is understood: the common model, or the status of
    /// its lines.
    Show(Show),
    /// Starts or checks a flows file, lists the service catalogue.
    Flows {
        /// What to do.
        #[command(subcommand)]
        command: FlowsCommand,
    },
    /// Creates or updates one comment on a pull request (GitHub) or merge
    /// request (GitLab).
    #[command(
        after_help = "The token comes from GITHUB_TOKEN, or GITLAB_TOKEN or CI_JOB_TOKEN. Without write access the\ncomment goes to the step summary (else to standard output).\n\nExit codes: 0 done, or without write access; 1 the service cannot be reached or refuses; 2 wrong\nusage; 3 REPORT is no impact report."
    )]
    Comment(Comment),
    /// Prints a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Prints the manual page (roff).
    Man,
    /// Writes the JSON Schemas of all formats into a folder.
    #[command(hide = true)]
    #[command(name = "write-json-schemas")]
    Schemas {
        /// The folder.
        folder: String,
    },
}

/// `check`
#[derive(Args, Debug)]
pub struct Check {
    /// Configuration before the change.
    #[arg(long, value_name = "INPUT")]
    pub before: Option<String>,
    /// Configuration after the change.
    #[arg(long, value_name = "INPUT")]
    pub after: Option<String>,
    /// The declared flows (YAML or JSON); `fwimpact flows init` starts one.
    #[arg(long, value_name = "FILE")]
    pub flows: Option<String>,
    /// Openings that are intended (approve.yaml); all others count as
    /// exposure.
    #[arg(long, value_name = "FILE")]
    pub approve: Option<String>,
    /// From which severity on a change of a passing flow makes exit code 10
    /// (default: medium).
    #[arg(long, value_name = "SEVERITY")]
    pub fail_on: Option<Severity>,
    /// A flow that is wrong before and after counts as blocked.
    #[arg(long)]
    pub strict: bool,
    /// Judge only devices whose files differ, and those that packets from
    /// there may reach.
    #[arg(long)]
    pub changed: bool,
    /// Where flows, approvals, assumptions and fwimpact.toml are read from:
    /// git:REV, or `here`. In the pipeline of a pull or merge request the
    /// default is its merge base: a change is not judged by its own edits of
    /// them.
    #[arg(long, value_name = "git:REV|here")]
    pub policy_from: Option<String>,
    /// Inputs.
    #[command(flatten)]
    pub inputs: InputOptions,
    /// Output.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// `diff`
#[derive(Args, Debug)]
pub struct Diff {
    /// Configuration before the change.
    #[arg(value_name = "BEFORE")]
    pub before: String,
    /// Configuration after the change.
    #[arg(value_name = "AFTER")]
    pub after: String,
    /// Where assumptions, resolved names and fwimpact.toml are read from:
    /// git:REV, or `here`. In the pipeline of a pull or merge request the
    /// default is its merge base.
    #[arg(long, value_name = "git:REV|here")]
    pub policy_from: Option<String>,
    /// Inputs.
    #[command(flatten)]
    pub inputs: InputOptions,
    /// Output.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// `trace`
#[derive(Args, Debug)]
pub struct Trace {
    /// The configuration.
    #[arg(value_name = "CONFIG")]
    pub config: String,
    /// Sources: address, prefix, range, `any`, `zone:NAME`, `self:DEVICE`.
    #[arg(long, value_name = "ADDRESS")]
    pub from: String,
    /// Destinations, likewise.
    #[arg(long, value_name = "ADDRESS")]
    pub to: String,
    /// Service: a catalogue name (`sip2`), `tcp/6001`, `icmp/echo-request`,
    /// `proto/47`.
    #[arg(long)]
    pub service: String,
    /// Source ports (default 1024-65535).
    #[arg(long, value_name = "PORTS")]
    pub src_port: Option<String>,
    /// Interface or zone by which it enters.
    #[arg(long, value_name = "INTERFACE")]
    pub ingress: Option<String>,
    /// Interface or zone by which it leaves.
    #[arg(long, value_name = "INTERFACE")]
    pub egress: Option<String>,
    /// Judge on this device only.
    #[arg(long)]
    pub device: Option<String>,
    /// Do not judge the return direction.
    #[arg(long)]
    pub no_return: bool,
    /// Inputs.
    #[command(flatten)]
    pub inputs: InputOptions,
    /// Output.
    #[command(flatten)]
    pub output: OutputOptions,
}

/// `comment`
#[derive(Args, Debug)]
pub struct Comment {
    /// The impact report (`check --report json=FILE`).
    #[arg(value_name = "REPORT")]
    pub report: String,
    /// The messages of a check that could not be carried out: told instead
    /// where there is no REPORT.
    #[arg(long, value_name = "FILE")]
    pub failed: Option<String>,
    /// The service (default: the one this runs on).
    #[arg(long, value_name = "SERVICE")]
    pub on: Option<Service>,
    /// OWNER/NAME, or the number or path of a GitLab project (default:
    /// GITHUB_REPOSITORY, CI_PROJECT_ID).
    #[arg(long, value_name = "REPOSITORY")]
    pub repository: Option<String>,
    /// Number of the pull or merge request (default: the one this runs for).
    #[arg(long, value_name = "N")]
    pub number: Option<u64>,
    /// Tells several comments on one request apart.
    #[arg(long, value_name = "KEY", default_value = "default")]
    pub key: String,
    /// A label that the request gets while a flow is hurt or something is
    /// opened, and loses afterwards; may be repeated.
    #[arg(long, value_name = "LABEL")]
    pub label: Vec<String>,
    /// The step summary has the report already (`check --format github`
    /// writes it): without write access it is not written again.
    #[arg(long)]
    pub in_summary: bool,
    /// Prints what would be sent, and sends nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The first wait before another attempt, in milliseconds.
    #[arg(long, hide = true, default_value_t = 1000)]
    pub retry_after: u64,
}

/// A service with pull or merge requests.
#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq)]
pub enum Service {
    /// GitHub.
    Github,
    /// GitLab.
    Gitlab,
}

/// `show`
#[derive(Args, Debug)]
pub struct Show {
    /// The configuration.
    #[arg(value_name = "CONFIG")]
    pub config: String,
    /// Lines that are modeled, without effect, and not understood; the last
    /// ones are listed.
    #[arg(long)]
    pub coverage: bool,
    /// Inputs.
    #[command(flatten)]
    pub inputs: InputOptions,
    /// Format of the output (default: json, with --coverage text).
    #[arg(long, value_name = "FORMAT", value_parser = crate::render::format_names())]
    pub format: Option<String>,
    /// Writes to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<String>,
}

/// `flows`
#[derive(Subcommand, Debug)]
pub enum FlowsCommand {
    /// Prints a flows file to start from; with a configuration, its networks
    /// become groups.
    Init {
        /// A configuration to take groups from.
        #[arg(value_name = "CONFIG")]
        config: Option<String>,
        /// The vendor, if it is not to be detected.
        #[arg(long, value_name = "NAME", value_parser = vendor_names())]
        vendor: Option<String>,
    },
    /// Checks a flows file and prints what each flow stands for.
    Check {
        /// The flows file.
        #[arg(value_name = "FILE")]
        file: String,
        /// Addresses of host names, tags and dynamic groups.
        #[arg(long, value_name = "FILE")]
        resolve: Option<String>,
        /// Output.
        #[command(flatten)]
        output: OutputOptions,
    },
    /// Lists the service catalogue.
    Services,
}

/// Options about inputs.
#[derive(Args, Debug)]
#[command(next_help_heading = "Input options")]
pub struct InputOptions {
    /// Format of the configurations; detected if not given.
    #[arg(long, value_name = "NAME", value_parser = vendor_names())]
    pub vendor: Option<String>,
    /// Where hosts live and how devices are linked (topology.yaml).
    #[arg(long, value_name = "FILE")]
    pub topology: Option<String>,
    /// Lines that somebody takes responsibility for (assume.yaml).
    #[arg(long, value_name = "FILE")]
    pub assume: Option<String>,
    /// Addresses of host names, tags and dynamic groups (resolve.yaml).
    #[arg(long, value_name = "FILE")]
    pub resolve: Option<String>,
    /// The instant at which schedules and expiries are judged: 2027-01-31,
    /// 2027-01-31T08:00, RFC 3339 (default: SOURCE_DATE_EPOCH, else now).
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Schedules that start or end within this time are reported.
    /// (default: 30)
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36500))]
    pub horizon: Option<u32>,
}

/// Options about output.
#[derive(Args, Debug)]
#[command(next_help_heading = "Output options")]
pub struct OutputOptions {
    /// Format of the output (default: text).
    #[arg(long, value_name = "FORMAT", value_parser = crate::render::format_names())]
    pub format: Option<String>,
    /// Writes to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<String>,
    /// Writes another report; may be repeated.
    #[arg(long, value_name = "FORMAT=FILE")]
    pub report: Vec<String>,
    /// Exit codes 10 to 14 become 0.
    #[arg(long)]
    pub exit_zero: bool,
    /// Prints the verdict only, and shows no progress.
    #[arg(long, short)]
    pub quiet: bool,
}

impl OutputOptions {
    /// The format of the output.
    pub fn format(&self) -> &str {
        self.format.as_deref().unwrap_or("text")
    }
}

/// How grave a change is.
#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Low,
    /// Look at it.
    Medium,
    /// Likely to hurt.
    High,
}

impl From<Severity> for fw_impact::report::ChangeSeverity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Low => Self::Low,
            Severity::Medium => Self::Medium,
            Severity::High => Self::High,
        }
    }
}

fn vendor_names() -> clap::builder::PossibleValuesParser {
    let names: Vec<&'static str> = fw_parse::vendor::VENDORS.iter().map(|v| v.name()).collect();
    clap::builder::PossibleValuesParser::new(names)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
