//! assume.yaml: lines that somebody takes responsibility for.

use super::{Expired, glob};
use crate::problem::Problem;
use fw_model::Source;

/// One declaration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Declared {
    /// The device by name, as a pattern.
    pub device: String,
    /// The text of the line, as a pattern.
    pub line: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The file of the declaration.
    pub file: String,
    /// Its line there.
    pub at: u32,
}

impl Declared {
    /// True if it is about this device.
    pub fn is_for(&self, device: &str) -> bool {
        glob::matches(&self.device, device)
    }

    /// True if it is about this line of this device.
    pub fn covers(&self, device: &str, line: &str) -> bool {
        self.is_for(device) && glob::matches(&self.line, line.trim())
    }
}

/// What the file says at a day.
#[derive(Default)]
pub struct Assumptions {
    /// Those in force.
    pub active: Vec<Declared>,
    /// Those past their last day.
    pub expired: Vec<Expired>,
}

/// Reads a file; entries whose last day is before `today` are expired.
///
/// # Errors
/// All that is wrong with it.
pub fn read(source: &Source, today: jiff::civil::Date) -> Result<Assumptions, Vec<Problem>> {
    super::whole(source, |reader, root| {
        let mut out = Assumptions::default();
        let fields = reader.fields(root, "the assume file", &["version", "assumptions"]);
        let Some(list) = fields.get("assumptions") else {
            reader.error(fields.place(), "no `assumptions:` in the file");
            return out;
        };
        for item in list.elements() {
            let known = ["device", "line", "inert", "owner", "reason", "until"];
            let entry = reader.fields(item, "an assumption", &known);
            let device = reader.optional(&entry, "device");
            let Some(node) = entry.get("line") else {
                reader.error(entry.place(), "an assumption has no `line`");
                continue;
            };
            let Some(line) = reader.text(node, "`line`") else {
                continue;
            };
            if line.chars().all(|c| matches!(c, '*' | '?' | ' ')) {
                reader.error(node.place, "a pattern that covers every line");
                continue;
            }
            match reader.flag(&entry, "inert") {
                Some(true) => {}
                Some(false) => {
                    let at = entry.get("inert").map_or(item.place, |n| n.place);
                    reader.error(at, "only `inert: true` can be declared");
                    continue;
                }
                None => {
                    if entry.get("inert").is_none() {
                        reader.error_with(
                            item.place,
                            "an assumption has no `inert`",
                            Some("say `inert: true`".into()),
                        );
                    }
                    continue;
                }
            }
            let owner = reader.optional(&entry, "owner");
            let reason = reader.optional(&entry, "reason");
            let until = reader.date(&entry, "until");
            match until {
                Some(until) if until < today => out.expired.push(Expired {
                    file: source.path.clone(),
                    line: item.place.line,
                    what: line.to_owned(),
                    until,
                }),
                _ => out.active.push(Declared {
                    device: device.unwrap_or_else(|| "*".into()),
                    line: line.to_owned(),
                    owner,
                    reason,
                    file: source.path.clone(),
                    at: item.place.line,
                }),
            }
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations() {
        let text = "assumptions:\n  - {device: fw1, line: \"threat-detection rate *\", inert: true, until: 2027-01-31}\n";
        let source = Source::new("assume.yaml", text.into());
        let read = |day: &str| super::read(&source, day.parse().unwrap()).unwrap();
        let now = read("2027-01-31");
        assert!(now.active[0].covers("fw1", " threat-detection rate dos"));
        assert!(!now.active[0].covers("fw2", "threat-detection rate dos"));
        assert_eq!(read("2027-02-01").expired.len(), 1);
        let all = "assumptions:\n  - {line: \"*\", inert: true}\n  - {line: a}\n";
        let wrong = super::read(&Source::new("a", all.into()), "2027-01-01".parse().unwrap());
        assert_eq!(wrong.err().map(|p| p.len()), Some(2));
    }
}
