//! The findings of an impact report as a flat list, the worst ones first: what
//! SARIF, GitLab's code quality and annotations are made of.

use super::locate::{self, Spot};
use super::words::{self, change, sign};
use fw_impact::ImpactReport;
use fw_impact::report::{Certainty, ChangeSeverity, FlowReport, Impact};
use sha2::{Digest as _, Sha256};

/// How grave an issue is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Good to know.
    Note,
    /// Look at it.
    Warning,
    /// Traffic is lost or opened against a declaration.
    Error,
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Issue {
    /// Its stable code: the rule of SARIF.
    pub code: String,
    /// How grave.
    pub level: Level,
    /// A few words.
    pub title: String,
    /// All there is to say, in sentences.
    pub message: String,
    /// Where it is, the best place first; may be empty.
    pub spots: Vec<Spot>,
    /// What makes it the same finding in the next run: no line numbers.
    pub identity: String,
}

impl Issue {
    /// SHA-256 of its identity, in hex.
    pub fn fingerprint(&self) -> String {
        use std::fmt::Write as _;
        let digest = Sha256::digest(format!("{}\0{}", self.code, self.identity));
        digest.iter().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    }
}

/// All findings of a report.
pub fn all(report: &ImpactReport) -> Vec<Issue> {
    let mut out: Vec<Issue> = words::worst_first(report)
        .into_iter()
        .filter(|f| f.exit_code != 0)
        .map(of_flow)
        .collect();
    for e in &report.exposure_groups {
        let possible = e.grounds.certainty == Certainty::Possible;
        let what = words::group_sentence(e);
        out.push(Issue {
            code: "exposure".into(),
            level: Level::Warning,
            title: if possible {
                "may open undeclared traffic".into()
            } else {
                "opens undeclared traffic".into()
            },
            message: format!(
                "{} {what} on {}{}. No declared flow and no approval covers it.",
                if possible {
                    "May newly permit"
                } else {
                    "Newly permits"
                },
                e.device,
                match words::ways(e) {
                    none if none.is_empty() => none,
                    ways => format!(" ({ways})"),
                },
            ),
            spots: locate::group(e),
            identity: format!("{}\0{what}", e.device),
        });
    }
    for one in &report.changes {
        out.push(Issue {
            code: "translation-changed".into(),
            level: Level::Warning,
            title: "undeclared traffic reaches another host".into(),
            message: sentence(&words::change_alone(one)),
            spots: one
                .file
                .iter()
                .map(|file| Spot {
                    path: locate::plain_path(file).to_owned(),
                    line: one.line.unwrap_or(1),
                    text: None,
                })
                .collect(),
            identity: words::change_alone(one),
        });
    }
    for finding in &report.findings {
        out.push(Issue {
            code: finding.code.clone(),
            level: match finding.severity {
                ChangeSeverity::High | ChangeSeverity::Medium => Level::Warning,
                ChangeSeverity::Low => Level::Note,
            },
            title: finding.code.replace('-', " "),
            message: sentence(&finding.message),
            spots: match (&finding.file, finding.line) {
                (Some(file), line) => vec![Spot {
                    path: locate::plain_path(file).to_owned(),
                    line: line.unwrap_or(1),
                    text: None,
                }],
                _ => Vec::new(),
            },
            identity: finding.message.clone(),
        });
    }
    out.sort_by_key(|i| std::cmp::Reverse(i.level));
    out
}

fn of_flow(flow: &FlowReport) -> Issue {
    let (code, level, title) = match (flow.impact, flow.expect.as_str()) {
        (_, "deny") if flow.exit_code == 14 => (
            "flow-open-against-deny",
            Level::Error,
            "passes, which must not be",
        ),
        (Impact::Blocked, _) => ("flow-blocked", Level::Error, "is blocked"),
        (Impact::PartlyBlocked | Impact::Mixed, _) if flow.exit_code >= 13 => {
            ("flow-partly-blocked", Level::Error, "is partly blocked")
        }
        (Impact::PartlyBlocked | Impact::Mixed, _) => {
            ("flow-partly-blocked", Level::Warning, "is partly blocked")
        }
        (Impact::Undecided, _) => ("flow-undecided", Level::Warning, "cannot be decided"),
        (Impact::None, _) => ("flow-blocked", Level::Error, "does not pass"),
        _ => ("flow-changed", Level::Warning, "is treated differently"),
    };
    let mut message = format!(
        "Flow `{}` ({}{}, {} to {}) {title}: {} before, {} after.",
        flow.id,
        flow.service,
        words::port_of(flow),
        flow.from,
        flow.to,
        flow.before.as_str(),
        flow.after.as_str()
    );
    if let Some(cause) = flow.caused_by.first() {
        message.push_str(&format!(
            " Cause: {}:{} {}: `{}`",
            locate::plain_path(&cause.file),
            cause.line,
            words::edited(cause),
            cause.text.trim()
        ));
        if flow.caused_by.len() > 1 {
            message.push_str(&format!(
                " and {}",
                words::count(flow.caused_by.len() - 1, "more edit")
            ));
        }
        message.push('.');
    }
    for one in flow.changes.iter().take(3) {
        message.push_str(&format!(
            " {}.",
            sentence(&change(one).replace("   ", ", "))
        ));
    }
    if let Some(reason) = flow.reasons.first() {
        message.push_str(&format!(" {}.", sentence(&words::reason(reason))));
    }
    if let Some(packet) = flow
        .witness
        .as_ref()
        .filter(|_| !sign(flow).1.is_empty() && !flow.lost.is_empty())
    {
        message.push_str(&format!(" For example {} is lost.", words::packet(packet)));
    }
    if let Some(owner) = &flow.owner {
        message.push_str(&format!(" Owner: {owner}."));
    }
    Issue {
        code: code.into(),
        level,
        title: format!("{} {title}", flow.id),
        message,
        spots: locate::flow(flow),
        identity: flow.id.clone(),
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.trim().trim_end_matches('.').chars();
    match chars.next() {
        Some(first) => first.to_uppercase().collect::<String>() + chars.as_str(),
        None => String::new(),
    }
}
