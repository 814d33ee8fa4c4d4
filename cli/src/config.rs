//! fwimpact.toml: the usual options of a repository. The command line wins.

use crate::args::{Check, InputOptions, OutputOptions, Severity};
use crate::exit::Failure;
use crate::policy::Policy;
use crate::problem::{Place, Problem, suggestion};
use clap::ValueEnum as _;
use fw_model::Source;
use serde::Deserialize;
use toml::Spanned;

/// The name of the file, in the current folder.
pub const NAME: &str = "fwimpact.toml";

/// What the file may say. Paths are relative to the current folder.
#[derive(Deserialize, Default, Debug)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    before: Option<String>,
    after: Option<String>,
    flows: Option<String>,
    approve: Option<String>,
    assume: Option<String>,
    resolve: Option<String>,
    topology: Option<String>,
    vendor: Option<Spanned<String>>,
    format: Option<Spanned<String>>,
    report: Option<Vec<Spanned<String>>>,
    fail_on: Option<Spanned<String>>,
    strict: Option<bool>,
    horizon: Option<u32>,
    changed: Option<bool>,
    exit_zero: Option<bool>,
}

const KEYS: [&str; 15] = [
    "before",
    "after",
    "flows",
    "approve",
    "assume",
    "resolve",
    "topology",
    "vendor",
    "format",
    "report",
    "fail-on",
    "strict",
    "horizon",
    "changed",
    "exit-zero",
];

impl Config {
    /// Reads the file of the current folder, if there is one.
    ///
    /// # Errors
    /// If it is invalid.
    pub fn load(policy: &mut Policy) -> Result<Self, Failure> {
        match policy.read_if_there(NAME)? {
            Some(source) => Ok(read(&source)?),
            None => Ok(Self::default()),
        }
    }

    /// Fills in what the command line of `check` does not say.
    pub fn fill_check(&self, arguments: &mut Check) {
        fill(&mut arguments.before, self.before.as_ref());
        fill(&mut arguments.after, self.after.as_ref());
        fill(&mut arguments.flows, self.flows.as_ref());
        fill(&mut arguments.approve, self.approve.as_ref());
        if arguments.fail_on.is_none() {
            arguments.fail_on = self.fail_on.as_ref().and_then(|s| severity(s.get_ref()));
        }
        arguments.strict |= self.strict.unwrap_or(false);
        arguments.changed |= self.changed.unwrap_or(false);
        self.fill_input(&mut arguments.inputs);
        self.fill_output(&mut arguments.output);
        arguments.output.exit_zero |= self.exit_zero.unwrap_or(false);
    }

    /// Fills in the options about inputs.
    pub fn fill_input(&self, options: &mut InputOptions) {
        fill(
            &mut options.vendor,
            self.vendor.as_ref().map(Spanned::get_ref),
        );
        fill(&mut options.topology, self.topology.as_ref());
        fill(&mut options.assume, self.assume.as_ref());
        fill(&mut options.resolve, self.resolve.as_ref());
        options.horizon = options.horizon.or(self.horizon);
    }

    fn fill_output(&self, options: &mut OutputOptions) {
        fill(
            &mut options.format,
            self.format.as_ref().map(Spanned::get_ref),
        );
        if options.report.is_empty()
            && let Some(list) = &self.report
        {
            options.report = list.iter().map(|s| s.get_ref().clone()).collect();
        }
    }
}

fn fill(slot: &mut Option<String>, value: Option<&String>) {
    if slot.is_none() {
        *slot = value.cloned();
    }
}

fn severity(text: &str) -> Option<Severity> {
    Severity::from_str(text, false).ok()
}

/// Reads a file.
///
/// # Errors
/// All that is wrong with it, as far as it can be told.
fn read(source: &Source) -> Result<Config, Vec<Problem>> {
    let config: Config = toml::from_str(&source.text).map_err(|e| {
        let place = e
            .span()
            .map_or_else(Place::default, |s| place(source, s.start, s.end));
        let mut message = e.message().lines().next().unwrap_or_default().to_owned();
        let mut label = None;
        if let Some(rest) = message.strip_prefix("unknown field `") {
            let key = rest.split('`').next().unwrap_or_default().to_owned();
            label =
                suggestion(&key, KEYS).or_else(|| Some(format!("known are {}", KEYS.join(", "))));
            message = format!("unknown key `{key}`");
        }
        let mut problem = Problem::at(source, place, message);
        problem.label = label;
        vec![problem]
    })?;
    let mut problems = Vec::new();
    let mut check = |value: &Spanned<String>, known: &[&str], what: &str, word: &str| {
        if known.contains(&word) {
            return;
        }
        let span = value.span();
        let mut problem = Problem::at(
            source,
            place(source, span.start, span.end),
            format!("unknown {what} `{word}`"),
        );
        problem.label = suggestion(word, known.iter().copied())
            .or_else(|| Some(format!("known are {}", known.join(", "))));
        problems.push(problem);
    };
    let formats: Vec<&str> = crate::render::FORMATS.iter().map(|f| f.name).collect();
    let vendors: Vec<&str> = fw_parse::vendor::VENDORS.iter().map(|v| v.name()).collect();
    if let Some(value) = &config.vendor {
        check(value, &vendors, "vendor", value.get_ref());
    }
    if let Some(value) = &config.format {
        check(value, &formats, "format", value.get_ref());
    }
    for value in config.report.iter().flatten() {
        let word = value.get_ref().split('=').next().unwrap_or_default();
        check(value, &formats, "format", word);
    }
    if let Some(value) = &config.fail_on {
        check(
            value,
            &["low", "medium", "high"],
            "severity",
            value.get_ref(),
        );
    }
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(problems)
    }
}

/// The place of some bytes of the text; what goes over several lines is cut
/// at the end of the first.
fn place(source: &Source, start: usize, end: usize) -> Place {
    let mut at = 0;
    for line in 1..=source.line_count() {
        let length = source
            .text
            .get(at..)
            .and_then(|rest| rest.find('\n'))
            .map_or(source.text.len() - at, |n| n + 1);
        if start < at + length || line == source.line_count() {
            let width = source.line(line).unwrap_or_default().len();
            let cut = |n: usize| u32::try_from(n.saturating_sub(at).min(width)).unwrap_or(0);
            return Place {
                line,
                start: cut(start),
                end: cut(end).max(cut(start)),
            };
        }
        at += length;
    }
    Place::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        read(&Source::new(NAME, text.into()))
            .unwrap_err()
            .iter()
            .map(Problem::render)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn keys_and_values() {
        let config = read(&Source::new(
            NAME,
            "flows = \"f.yaml\"\nfail-on = \"high\"\nreport = [\"sarif=a.sarif\"]\n".into(),
        ))
        .unwrap();
        assert_eq!(config.flows.as_deref(), Some("f.yaml"));
        let unknown = wrong("flows = \"f\"\n\nflow = \"f.yaml\"\n");
        assert!(
            unknown.starts_with("error: fwimpact.toml:3:1: unknown key `flow`"),
            "{unknown}"
        );
        assert!(unknown.contains("did you mean `flows`?"), "{unknown}");
        let two = wrong("fail-on = \"hihg\"\nformat = \"jsn\"\n");
        assert!(
            two.contains("fwimpact.toml:1:11: unknown severity `hihg`"),
            "{two}"
        );
        assert!(
            two.contains("fwimpact.toml:2:10: unknown format `jsn`"),
            "{two}"
        );
        assert!(
            wrong("horizon = \"x\"\n").contains("fwimpact.toml:1:11"),
            "type"
        );
        assert!(
            wrong("a = = 1\n").starts_with("error: fwimpact.toml:1:"),
            "syntax"
        );
    }

    #[test]
    fn every_key_is_known() {
        for key in KEYS {
            let value = match key {
                "strict" | "changed" | "exit-zero" => "true",
                "horizon" => "3",
                "report" => "[]",
                "fail-on" => "\"low\"",
                "format" => "\"text\"",
                "vendor" => "\"cisco-asa\"",
                _ => "\"x\"",
            };
            assert!(
                read(&Source::new(NAME, format!("{key} = {value}\n"))).is_ok(),
                "{key}"
            );
        }
    }
}
