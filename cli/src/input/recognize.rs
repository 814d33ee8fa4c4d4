//! What a file is: a configuration of some vendor, or none.

use super::read::Raw;
use crate::exit::Failure;
use fw_impact::report::{DiagnosticReport, Side};
use fw_parse::{NotText, Undetected, Vendor};

/// Files of a snapshot folder that are no configurations.
const SMALL_FILES: [&str; 6] = [
    "topology", "approve", "assume", "resolve", "flows", "expect",
];

/// Endings of files that are plainly no configurations.
const NO_CONFIGS: [&str; 16] = [
    "md", "markdown", "rst", "adoc", "pdf", "html", "htm", "png", "jpg", "jpeg", "svg", "gif",
    "sh", "py", "lock", "sig",
];

pub fn decoded(raw: &Raw) -> Result<String, Failure> {
    match fw_parse::decode(&raw.bytes) {
        Ok(text) => Ok(text),
        Err(NotText::Empty) => Ok(String::new()),
        Err(why) => Err(Failure::Input(format!("{} is no text: {why}", raw.path))),
    }
}

/// True if a file of a folder is no configuration.
pub fn skipped(raw: &Raw, side: Side, remarks: &mut Vec<DiagnosticReport>) -> bool {
    let name = raw.relative.rsplit('/').next().unwrap_or_default();
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    if SMALL_FILES.contains(&stem) && matches!(ending, "yaml" | "yml" | "toml") {
        return true;
    }
    let upper = ["README", "LICENSE", "CHANGELOG", "CODEOWNERS", "Makefile"];
    // The lists of devices that RANCID and Oxidized keep beside the backups.
    let lists = ["router.db", "routers.all", "routers.up", "routers.down"];
    // A script may load the rules.
    let loads = ending == "sh"
        && fw_parse::decode(&raw.bytes).is_ok_and(|text| fw_parse::detect(&text).is_ok());
    if NO_CONFIGS.contains(&ending.to_lowercase().as_str()) && !loads
        || upper.contains(&stem)
        || lists.contains(&name)
    {
        remarks.push(DiagnosticReport {
            code: "skipped-file".into(),
            severity: "note".into(),
            side: Some(side),
            file: Some(raw.path.clone()),
            line: None,
            message:
                "this file of the folder is not read: its name says that it is no configuration"
                    .into(),
            effect: "none".into(),
        });
        return true;
    }
    false
}

/// The front end for a file, and its text.
pub fn recognize(
    raw: &Raw,
    vendor: Option<&'static dyn Vendor>,
) -> Result<(&'static dyn Vendor, String), String> {
    let name = if raw.path == "-" {
        "standard input"
    } else {
        &raw.path
    };
    let tried = fw_parse::vendor::VENDORS.len();
    let text = fw_parse::decode(&raw.bytes).map_err(|why| {
        let hint = match &why {
            NotText::Empty => String::new(),
            _ => "; nearest: none".into(),
        };
        format!("{name} is no config that fwimpact knows (tried {tried} formats)\n  {why}{hint}")
    })?;
    if let Some(vendor) = vendor {
        return Ok((vendor, text));
    }
    match fw_parse::detect(&text) {
        Ok(candidate) => Ok((candidate.vendor, text)),
        Err(undetected) => Err(unknown(name, &text, &undetected)),
    }
}

/// Files that people write, by the key that each has.
const WRITTEN: [(&str, &str); 5] = [
    ("flows:", "a flows file (--flows)"),
    ("approvals:", "an approve file (--approve)"),
    ("assumptions:", "an assume file (--assume)"),
    ("resolve:", "a resolve file (--resolve)"),
    ("links:", "a topology file (--topology)"),
];

fn unknown(name: &str, text: &str, undetected: &Undetected) -> String {
    let starts = |key: &str| text.lines().any(|line| line.starts_with(key));
    if let Some((_, what)) = WRITTEN.iter().find(|(key, _)| starts(key)) {
        return format!("{name} is no config that fwimpact knows\n  it looks like {what}");
    }
    let mut message = format!(
        "{name} is no config that fwimpact knows (tried {} formats)\n  ",
        undetected.tried
    );
    match undetected.nearest.as_slice() {
        [] => message.push_str("nothing in it looks like one; nearest: none. "),
        [first, rest @ ..] => {
            let tie = rest
                .first()
                .is_some_and(|second| second.score == first.score);
            message.push_str(if tie {
                "several formats fit equally well; nearest: "
            } else {
                "too little in it looks like one; nearest: "
            });
            for (n, candidate) in undetected.nearest.iter().take(3).enumerate() {
                if n > 0 {
                    message.push_str(", ");
                }
                message.push_str(candidate.vendor.name());
                if let Some(seen) = candidate.evidence.first() {
                    message.push_str(&format!(" (line {}: {})", seen.line, seen.what));
                }
            }
            message.push_str(". ");
        }
    }
    message.push_str("Name one with --vendor.");
    message
}
