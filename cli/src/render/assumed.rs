//! What verdicts rest on, each thing once.

use super::text::layout::count;
use fw_impact::ImpactReport;
use fw_impact::report::AssumptionReport;

/// Devices that are named; more are counted.
const NAMED: usize = 4;

/// The assumptions of a report and of its flows.
pub fn of_report(report: &ImpactReport) -> Vec<AssumptionReport> {
    let of_flows = report.flows.iter().flat_map(|f| &f.assumptions);
    together(report.assumptions.iter().chain(of_flows))
}

/// Those that say the same of several devices become one, which names them.
pub fn together<'a>(list: impl IntoIterator<Item = &'a AssumptionReport>) -> Vec<AssumptionReport> {
    let mut out: Vec<(AssumptionReport, Vec<String>)> = Vec::new();
    for one in list {
        let same = |a: &AssumptionReport| {
            (&a.code, &a.text, &a.file, a.line) == (&one.code, &one.text, &one.file, one.line)
        };
        let known = out.iter().position(|(a, _)| same(a));
        let devices = match known.and_then(|n| out.get_mut(n)) {
            Some((_, devices)) => devices,
            None => {
                out.push((one.clone(), Vec::new()));
                let Some((_, devices)) = out.last_mut() else {
                    continue;
                };
                devices
            }
        };
        if let Some(device) = &one.device
            && !devices.contains(device)
        {
            devices.push(device.clone());
        }
    }
    out.into_iter()
        .map(|(mut one, devices)| {
            match devices.len() {
                0 | 1 => {}
                n if n <= NAMED => one.text.push_str(&format!(" (on {})", devices.join(", "))),
                n => one.text.push_str(&format!(" (on {})", count(n, "device"))),
            }
            one
        })
        .collect()
}

/// The codes, each once.
pub fn codes(list: &[AssumptionReport]) -> Vec<&str> {
    let mut out: Vec<&str> = Vec::new();
    for one in list {
        if !out.contains(&one.code.as_str()) {
            out.push(&one.code);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_of_several_devices_is_told_once() {
        let one = |code: &str, device: &str| AssumptionReport {
            code: code.into(),
            text: "so it is".into(),
            device: (!device.is_empty()).then(|| device.into()),
            file: None,
            line: None,
        };
        let list = [one("a", "x"), one("b", ""), one("a", "y"), one("a", "x")];
        let texts: Vec<String> = together(&list).into_iter().map(|a| a.text).collect();
        assert_eq!(texts, ["so it is (on x, y)", "so it is"]);
        assert_eq!(codes(&list), ["a", "b"]);
        let many: Vec<_> = (0..500).map(|n| one("a", &n.to_string())).collect();
        assert_eq!(together(&many)[0].text, "so it is (on 500 devices)");
        assert_eq!(together(&many[..1])[0].text, "so it is");
    }
}
