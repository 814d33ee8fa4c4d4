//! The whole comparison: flows, exposure, findings, exit code.

use crate::assess::{Strictness, assess};
use crate::cause::Causes;
use crate::change::tidy;
use crate::describe::{assumption, place};
use crate::exposure::{Declared, differences};
use crate::graph::Side;
use crate::options::Options;
use crate::packet_set::{ConditionTable, Product};
use crate::pairing::{Renamed, paired, renamed, with_old_names};
use crate::report::{
    AssumptionReport, Change, ChangeSeverity, CoverageReport, DIFF_SCHEMA, DiagnosticReport,
    DiffReport, FileCoverage, Finding, FlowReport, IMPACT_SCHEMA, Impact, ImpactReport,
    LineCoverage, OpaqueLine, Side as SideName, Summary, Tool, Verdict,
};
use crate::verdict::{Comparison, from_any_port, products};
use fw_model::evaluate::Journey;
use fw_model::match_expr::CivilMinute;
use fw_model::{Coverage, Device, Endpoint, Expect, Family, Flow, LineStatus, MatchExpr, Snapshot};
use rayon::prelude::*;
use std::sync::Arc;

/// What decides after the change is told with the names of that side.
fn call_by_new_names(report: &mut FlowReport, renamed: &[Renamed]) {
    let call = |name: &mut String| {
        if let Some(pair) = renamed.iter().find(|r| r.before == *name) {
            name.clone_from(&pair.after);
        }
    };
    for decision in &mut report.decided_by.after {
        call(&mut decision.device);
    }
    let ways = report.paths.iter_mut().flat_map(|p| &mut p.after);
    for step in ways.flat_map(|way| &mut way.steps) {
        call(&mut step.device);
    }
}

/// Judges what a change does to `flows`, and what else it opens or closes.
#[must_use]
pub fn compare(
    before: &Snapshot,
    after: &Snapshot,
    flows: &[Flow],
    options: &Options<'_>,
) -> ImpactReport {
    let renamed = renamed(before, after);
    let flows = &*with_old_names(flows, &renamed);
    let after = &*paired(before, after);
    let conditions = ConditionTable::default();
    let before_side = Side::compared(before, after, &conditions, options.now);
    let after_side = Side::compared(after, before, &conditions, options.now).after_the_change();
    let comparison = Comparison::new(&before_side, &after_side);
    let causes = options
        .counterfactual
        .map(|c| Causes::new(&comparison, c, !renamed.is_empty()));
    let strictness = Strictness {
        fail_on: options.fail_on,
        strict: options.strict,
    };
    let reports: Vec<FlowReport> = flows
        .par_iter()
        .map(|flow| {
            let judgement = comparison.judge(flow);
            let causes = causes.as_ref();
            let mut report = assess(&comparison, flow, &judgement, strictness, causes);
            if !renamed.is_empty() {
                call_by_new_names(&mut report, &renamed);
            }
            report
        })
        .collect();
    let mut declared: Vec<Declared> = Vec::new();
    for flow in flows {
        let journey = match (&flow.from, &flow.to) {
            (_, Endpoint::Device(_)) => Journey::ToDevice,
            (Endpoint::Device(_), _) => Journey::FromDevice,
            _ => Journey::Through,
        };
        let products = products(&after_side, flow).into_iter();
        declared.extend(products.map(|(family, product)| Declared {
            family,
            product: from_any_port(&product),
            journey: Some(journey),
        }));
    }
    let approved = approved(options).into_iter();
    declared.extend(approved.map(|(family, product)| Declared {
        family,
        product: from_any_port(&product),
        journey: None,
    }));
    let found = differences(&comparison, &declared);
    let mut changes = found.translated;
    changes.retain(|c| c.kind == "destination-nat");
    tidy(&mut changes);
    let (exposure, exposure_groups) = found.opened.then(found.undecided).finish();
    let (closed, closed_groups) = found.closed.finish();
    let mut findings = findings(before, after, flows, &reports, options);
    // Single devices are often named after their files.
    if before.devices.len().max(after.devices.len()) > 1 {
        findings.extend(renamed.iter().map(|r| Finding {
            code: "device-renamed".into(),
            severity: ChangeSeverity::Low,
            message: format!(
                "device `{}` is called `{}` after the change; but for what decides there, reports call it `{0}`",
                r.before, r.after
            ),
            flow: None,
            file: None,
            line: None,
        }));
    }
    let mut exit = reports
        .iter()
        .map(|r| r.exit_code)
        .max()
        .unwrap_or_default();
    if changes.iter().any(|c| c.severity >= options.fail_on) {
        exit = exit.max(Verdict::Changed.exit_code());
    }
    if !exposure.is_empty() {
        exit = exit.max(Verdict::Exposure.exit_code());
    }
    let mut assumptions = device_assumptions(before, after, &found.without_ipv6);
    if !(exposure.is_empty() && closed.is_empty()) {
        assumptions.extend(told_by_device(before, after));
    }
    let verdict = verdict_of(exit);
    let scheduled = judged_by_time(before) || judged_by_time(after);
    ImpactReport {
        schema: IMPACT_SCHEMA.into(),
        tool: tool(options),
        inputs: options.inputs.clone(),
        verdict,
        exit_code: exit,
        summary: summary(&reports),
        flows: reports,
        exposure,
        exposure_groups,
        closed,
        closed_groups,
        changes,
        findings,
        coverage: coverage(before, after),
        assumptions,
        diagnostics: diagnostics(before, after),
        judged_at: scheduled.then(|| civil(options.now)),
    }
}

/// The semantic difference of two snapshots without flows.
#[must_use]
pub fn diff(before: &Snapshot, after: &Snapshot, options: &Options<'_>) -> DiffReport {
    let after = &*paired(before, after);
    let conditions = ConditionTable::default();
    let before_side = Side::compared(before, after, &conditions, options.now);
    let after_side = Side::compared(after, before, &conditions, options.now).after_the_change();
    let comparison = Comparison::new(&before_side, &after_side);
    let found = differences(&comparison, &[]);
    let mut changes = settings(before, after);
    let mut translated = found.translated;
    tidy(&mut translated);
    changes.extend(translated);
    let exit_code = if found.undecided.has_possible() || found.perhaps_closed.has_possible() {
        12
    } else if !found.opened.is_empty() {
        11
    } else if !found.closed.is_empty() || !changes.is_empty() {
        10
    } else {
        0
    };
    let (opened, opened_groups) = found.opened.finish();
    let (closed, closed_groups) = found.closed.finish();
    let (undecided, undecided_groups) = found.undecided.then(found.perhaps_closed).finish();
    let mut assumptions = device_assumptions(before, after, &found.without_ipv6);
    if !(opened.is_empty() && closed.is_empty() && undecided.is_empty()) {
        assumptions.extend(told_by_device(before, after));
    }
    DiffReport {
        schema: DIFF_SCHEMA.into(),
        tool: tool(options),
        inputs: options.inputs.clone(),
        exit_code,
        opened,
        opened_groups,
        closed,
        closed_groups,
        undecided,
        undecided_groups,
        changes,
        coverage: coverage(before, after),
        assumptions,
        diagnostics: diagnostics(before, after),
    }
}

/// Name and version for a report.
#[must_use]
pub fn tool(options: &Options<'_>) -> Tool {
    Tool {
        name: "fwimpact".into(),
        version: options.version.clone(),
    }
}

fn approved(options: &Options<'_>) -> Vec<(Family, Product)> {
    let mut out = Vec::new();
    for approval in options.approvals {
        for family in [Family::V4, Family::V6] {
            let (from, to) = (approval.from.family(family), approval.to.family(family));
            if from.is_empty() || to.is_empty() {
                continue;
            }
            for term in approval.services.terms() {
                let product = Product {
                    sets: [
                        Arc::new(from.clone()),
                        Arc::new(to.clone()),
                        Arc::new(term.service.clone()),
                        Arc::new(term.source_ports.clone()),
                    ],
                };
                out.push((family, product));
            }
        }
    }
    out
}

fn verdict_of(exit: u8) -> Verdict {
    [
        Verdict::Blocked,
        Verdict::PartlyBlocked,
        Verdict::Undecided,
        Verdict::Exposure,
        Verdict::Changed,
    ]
    .into_iter()
    .find(|v| v.exit_code() == exit)
    .unwrap_or(Verdict::None)
}

fn summary(reports: &[FlowReport]) -> Summary {
    let mut out = Summary {
        flows: reports.len(),
        ..Summary::default()
    };
    for report in reports {
        match report.impact {
            Impact::None => out.unchanged += 1,
            Impact::Changed => out.changed += 1,
            Impact::Blocked => out.blocked += 1,
            Impact::PartlyBlocked | Impact::Mixed => out.partly_blocked += 1,
            Impact::Opened | Impact::PartlyOpened => out.opened += 1,
            Impact::Undecided => out.undecided += 1,
        }
    }
    out
}

fn coverage(before: &Snapshot, after: &Snapshot) -> CoverageReport {
    let of = |snapshot: &Snapshot| -> LineCoverage {
        snapshot
            .ledgers
            .iter()
            .map(fw_model::Ledger::coverage)
            .fold(Coverage::default(), std::ops::Add::add)
            .into()
    };
    let mut files = file_coverage(before, SideName::Before);
    files.extend(file_coverage(after, SideName::After));
    CoverageReport {
        before: of(before),
        after: of(after),
        files,
    }
}

/// Lines that are not understood are listed up to this number a file.
const OPAQUE_SHOWN: usize = 50;

fn file_coverage(snapshot: &Snapshot, side: SideName) -> Vec<FileCoverage> {
    snapshot
        .sources
        .iter()
        .zip(&snapshot.ledgers)
        .map(|(source, ledger)| FileCoverage {
            side,
            file: source.path.clone(),
            lines: ledger.coverage().into(),
            opaque_lines: ledger
                .iter()
                .filter(|(_, status)| **status == LineStatus::Opaque)
                .take(OPAQUE_SHOWN)
                .map(|(line, _)| OpaqueLine {
                    line,
                    text: source.line(line).unwrap_or_default().to_owned(),
                })
                .collect(),
        })
        .filter(|file| file.lines.lines > 0)
        .collect()
}

/// Assumptions that hold for whole devices, of both sides.
/// What is opened and closed in a network is what each of its devices opens
/// and closes.
fn told_by_device(before: &Snapshot, after: &Snapshot) -> Option<AssumptionReport> {
    let several = before.devices.len().max(after.devices.len()) > 1;
    several.then(|| AssumptionReport {
        code: "exposure-by-device".into(),
        text: "what is opened or closed outside the flows is told for each device alone; what other devices on the way do with it is not looked at".into(),
        device: None,
        file: None,
        line: None,
    })
}

fn device_assumptions(
    before: &Snapshot,
    after: &Snapshot,
    without_ipv6: &[String],
) -> Vec<AssumptionReport> {
    let mut out: Vec<AssumptionReport> = [before, after]
        .into_iter()
        .flat_map(|s| s.devices.iter().map(move |d| (s, d)))
        .flat_map(|(s, d)| {
            d.assumptions
                .iter()
                .filter(|a| a.device_wide)
                .map(move |a| assumption(s, Some(&d.name), a))
        })
        .collect();
    out.extend(without_ipv6.iter().map(|device| AssumptionReport {
        code: "ipv4-only".into(),
        text: "no interface or route has an IPv6 address: IPv6 does not cross the device".into(),
        device: Some(device.clone()),
        file: None,
        line: None,
    }));
    out.sort();
    out.dedup_by(|a, b| a.code == b.code && a.device == b.device && a.text == b.text);
    out
}

/// The remarks of the parsers on both sides; a remark on a line that is the
/// same on both sides comes once.
#[must_use]
pub fn diagnostics(before: &Snapshot, after: &Snapshot) -> Vec<DiagnosticReport> {
    let of = |snapshot: &Snapshot, side: SideName| -> Vec<DiagnosticReport> {
        snapshot
            .diagnostics
            .iter()
            .map(|d| {
                let (file, line, _) = place(snapshot, d.span);
                DiagnosticReport {
                    code: d.code.into(),
                    severity: d.severity.as_str().into(),
                    side: Some(side),
                    file,
                    line,
                    message: d.message.clone(),
                    effect: d.effect.as_str().into(),
                }
            })
            .collect()
    };
    let mut out = of(after, SideName::After);
    for one in of(before, SideName::Before) {
        if !out
            .iter()
            .any(|o| o.code == one.code && o.message == one.message)
        {
            out.push(one);
        }
    }
    out
}

/// Settings of devices that differ without regard to any flow.
fn settings(before: &Snapshot, after: &Snapshot) -> Vec<Change> {
    let mut out = Vec::new();
    for (one, other, gone) in [(before, after, true), (after, before, false)] {
        for device in &one.devices {
            if other.device(&device.name).is_some() {
                continue;
            }
            let first = device.sources.first();
            let file = first.and_then(|id| Some(one.source(*id)?.path.clone()));
            let there = (device.name.clone(), "none".to_owned());
            let (was, is) = if gone { there } else { (there.1, there.0) };
            out.push(Change {
                kind: "device".into(),
                before: was,
                after: is,
                severity: ChangeSeverity::High,
                note: None,
                device: Some(device.name.clone()),
                file,
                line: None,
            });
        }
    }
    for old in &before.devices {
        let Some(new) = after.device(&old.name) else {
            continue;
        };
        treatments(before, old, after, new, &mut out);
        routes(before, old, after, new, &mut out);
    }
    out
}

fn treatments(
    before: &Snapshot,
    old: &Device,
    after: &Snapshot,
    new: &Device,
    out: &mut Vec<Change>,
) {
    for (mine, theirs, snapshot, added) in [(old, new, before, false), (new, old, after, true)] {
        for rule in &mine.treatments {
            let kept = theirs.treatments.iter().any(|t| {
                t.match_expr == rule.match_expr
                    && t.treatment.kind == rule.treatment.kind
                    && t.treatment.value == rule.treatment.value
            });
            if kept {
                continue;
            }
            let partner = theirs.treatments.iter().find(|t| {
                t.match_expr == rule.match_expr
                    && t.treatment.kind == rule.treatment.kind
                    && rule.treatment.kind != fw_model::TreatmentKind::Inspection
            });
            if partner.is_some() && !added {
                continue;
            }
            let (file, line, _) = place(snapshot, rule.treatment.span);
            let other = partner.map_or_else(|| "none".to_owned(), |p| p.treatment.value.clone());
            let value = rule.treatment.value.clone();
            let (was, is) = if added {
                (other, value)
            } else {
                (value, other)
            };
            out.push(Change {
                kind: rule.treatment.kind.as_str().into(),
                before: was,
                after: is,
                severity: ChangeSeverity::Medium,
                note: None,
                device: Some(mine.name.clone()),
                file,
                line,
            });
        }
    }
}

fn routes(before: &Snapshot, old: &Device, after: &Snapshot, new: &Device, out: &mut Vec<Change>) {
    let equal = |a: &fw_model::Route, b: &fw_model::Route| {
        a.vrf == b.vrf && a.prefix == b.prefix && a.next == b.next && a.metric == b.metric
    };
    let text = |r: &fw_model::Route| {
        let next = match &r.next {
            fw_model::NextHop::Interface(name, Some(gateway)) => format!("{name} via {gateway}"),
            fw_model::NextHop::Interface(name, None) => name.clone(),
            fw_model::NextHop::Gateway(gateway) => format!("via {gateway}"),
            fw_model::NextHop::Discard => "discarded".into(),
            fw_model::NextHop::Vrf(vrf) => format!("table {vrf}"),
        };
        format!("{} {next}", r.prefix)
    };
    for (mine, theirs, snapshot, added) in [(old, new, before, false), (new, old, after, true)] {
        for route in &mine.routes {
            if theirs.routes.iter().any(|r| equal(r, route)) {
                continue;
            }
            let (file, line, _) = place(snapshot, route.span);
            let (was, is) = if added {
                ("none".to_owned(), text(route))
            } else {
                (text(route), "none".to_owned())
            };
            out.push(Change {
                kind: "route".into(),
                before: was,
                after: is,
                severity: ChangeSeverity::Medium,
                note: None,
                device: Some(mine.name.clone()),
                file,
                line,
            });
        }
    }
}

/// Findings that belong to the comparison as a whole.
fn findings(
    before: &Snapshot,
    after: &Snapshot,
    flows: &[Flow],
    reports: &[FlowReport],
    options: &Options<'_>,
) -> Vec<Finding> {
    let mut out = Vec::new();
    for (flow, report) in flows.iter().zip(reports) {
        let wrong = match flow.expect {
            Expect::Allow => crate::report::FlowVerdict::Denied,
            Expect::Deny => crate::report::FlowVerdict::Permitted,
        };
        if report.before == wrong && report.after == wrong && flow.companion_of.is_none() {
            out.push(Finding {
                code: "wrong-before-and-after".into(),
                severity: ChangeSeverity::Medium,
                message: format!(
                    "flow `{}` expects {} and is {} on both sides",
                    flow.id,
                    report.expect,
                    wrong.as_str()
                ),
                flow: Some(flow.id.clone()),
                file: None,
                line: None,
            });
        }
    }
    out.extend(crate::names::unknown_names([before, after], flows));
    for snapshot in [after] {
        for device in &snapshot.devices {
            schedules(snapshot, device, options.now, options.horizon, &mut out);
        }
    }
    for (one, other, word) in [(before, after, "removed"), (after, before, "added")] {
        for device in &one.devices {
            if other.device(&device.name).is_none() {
                out.push(Finding {
                    code: format!("device-{word}"),
                    severity: ChangeSeverity::Medium,
                    message: format!("device `{}` is {word}", device.name),
                    flow: None,
                    file: None,
                    line: None,
                });
            }
        }
    }
    out
}

/// Rules whose schedule starts or ends within the horizon.
fn schedules(
    snapshot: &Snapshot,
    device: &Device,
    now: CivilMinute,
    until: CivilMinute,
    out: &mut Vec<Finding>,
) {
    for filter in &device.filters {
        for rule in &filter.rules {
            rule.match_expr.walk(&mut |part| {
                let MatchExpr::Schedule(schedule) = part else {
                    return;
                };
                for at in schedule.changes(now, until) {
                    let (file, line, _) = place(snapshot, rule.span);
                    let turns = if schedule.active(at) {
                        "starts"
                    } else {
                        "ends"
                    };
                    out.push(Finding {
                        code: "schedule-changes".into(),
                        severity: ChangeSeverity::Medium,
                        message: format!(
                            "rule {} of {} {turns} to apply at {} (schedule `{}`)",
                            rule.name,
                            filter.name,
                            civil(at),
                            schedule.name
                        ),
                        flow: None,
                        file,
                        line,
                    });
                }
            });
        }
    }
}

/// True if any rule in use depends on the time.
fn judged_by_time(snapshot: &Snapshot) -> bool {
    snapshot
        .devices
        .iter()
        .flat_map(|d| &d.filters)
        .flat_map(|f| &f.rules)
        .any(|r| {
            let mut found = false;
            r.match_expr
                .walk(&mut |part| found |= matches!(part, MatchExpr::Schedule(_)));
            found
        })
}

/// A civil minute as `YYYY-MM-DD HH:MM`.
#[must_use]
pub fn civil(minute: CivilMinute) -> String {
    let (days, of_day) = (minute.div_euclid(24 * 60), minute.rem_euclid(24 * 60));
    // Days to civil date, counting years from March so that the leap day is
    // the last of a year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}",
        of_day / 60,
        of_day % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates() {
        assert_eq!(civil(0), "1970-01-01 00:00");
        assert_eq!(civil(-1), "1969-12-31 23:59");
        // 2024-02-29 is day 19782.
        assert_eq!(civil(19_782 * 1440 + 61), "2024-02-29 01:01");
        assert_eq!(civil(19_783 * 1440), "2024-03-01 00:00");
    }
}
