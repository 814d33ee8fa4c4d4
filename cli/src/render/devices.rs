//! Which devices a report is about.

use super::text::layout::count;
use fw_impact::report::{InputFile, Side};
use std::collections::BTreeMap;

/// The devices of a report: those whose files differ, where only some do.
pub struct Devices {
    /// `edge (cisco-asa)`, each once, in the order of the files.
    pub names: Vec<String>,
    /// Devices that are not among them: their files are the same.
    pub unchanged: usize,
}

impl Devices {
    /// The devices of these files.
    pub fn new(inputs: &[InputFile]) -> Self {
        // One device on each side is the same one, and is called as it was: the
        // name may be that of the file.
        if let (Some(before), Some(after)) =
            (single(inputs, Side::Before), single(inputs, Side::After))
            && before.vendor == after.vendor
        {
            return Self {
                names: vec![name(before)],
                unchanged: 0,
            };
        }
        let mut files: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
        for input in inputs {
            let (before, after) = files.entry(&input.device).or_default();
            match input.role {
                Side::Before => before.push(&input.sha256),
                Side::After => after.push(&input.sha256),
            }
        }
        let differ = |device: &str| {
            files
                .get(device)
                .is_none_or(|(before, after)| before != after)
        };
        let some = files.keys().any(|d| differ(d)) && inputs.iter().any(|i| i.role == Side::After);
        let mut names: Vec<String> = Vec::new();
        for input in inputs.iter().filter(|i| !some || differ(&i.device)) {
            let name = name(input);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let unchanged = files.keys().filter(|d| some && !differ(d)).count();
        Self { names, unchanged }
    }

    /// True if there are several, so that a finding has to say which it is of.
    pub fn several(&self) -> bool {
        self.names.len() + self.unchanged > 1
    }

    /// The first ones, and how many more there are. `shown` is at most so many
    /// names; `name` writes one of them.
    pub fn text(&self, shown: usize, name: impl Fn(&str) -> String) -> String {
        let names: Vec<String> = self.names.iter().take(shown).map(|n| name(n)).collect();
        let mut out = names.join(", ");
        if self.names.len() > shown {
            out.push_str(&format!(" and {} more", self.names.len() - shown));
        }
        if self.unchanged > 0 {
            out.push_str(&format!("; {} unchanged", count(self.unchanged, "device")));
        }
        out
    }
}

fn name(input: &InputFile) -> String {
    format!("{} ({})", input.device, input.vendor)
}

/// The device of a side, if it is the only one.
fn single(inputs: &[InputFile], side: Side) -> Option<&InputFile> {
    let of = || inputs.iter().filter(|i| i.role == side);
    let first = of().next()?;
    of().all(|i| i.device == first.device).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(role: Side, device: &str, sha256: &str) -> InputFile {
        InputFile {
            role,
            path: device.into(),
            sha256: sha256.into(),
            vendor: "x".into(),
            device: device.into(),
        }
    }

    fn text(inputs: &[InputFile]) -> String {
        Devices::new(inputs).text(2, str::to_owned)
    }

    #[test]
    fn changed_devices_are_named() {
        use Side::{After, Before};
        let a = |role, sum| input(role, "a", sum);
        let b = |role, sum| input(role, "b", sum);
        let c = |role, sum| input(role, "c", sum);
        // One on each side, whatever it is called.
        assert_eq!(text(&[a(Before, "1"), b(After, "2")]), "a (x)");
        // One that differs, one that is new, one that is gone.
        let both = [a(Before, "1"), b(Before, "1"), a(After, "2"), b(After, "1")];
        assert_eq!(text(&both), "a (x); 1 device unchanged");
        let new = [a(Before, "1"), b(Before, "1"), b(After, "1"), c(After, "1")];
        assert_eq!(text(&new), "a (x), c (x); 1 device unchanged");
        // Where nothing or all differs there is nothing to leave out.
        let same = [a(Before, "1"), b(Before, "1"), a(After, "1"), b(After, "1")];
        assert_eq!(text(&same), "a (x), b (x)");
        let all = [a(Before, "1"), b(Before, "1"), c(Before, "1")];
        assert_eq!(text(&all), "a (x), b (x) and 1 more");
        assert!(Devices::new(&both).several());
        assert!(!Devices::new(&both[..1]).several());
    }
}
