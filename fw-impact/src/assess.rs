//! From the judgement of a flow to its report.

use crate::cause::Causes;
use crate::change::changes;
use crate::describe::{
    assumption, decisions, field_values, nearest, packet, reasons, regions, typical, witness,
};
use crate::graph::piece::Passage;
use crate::graph::{Disposition, Outcome, Side};
use crate::packet_set::{Assumed, Dim, Product};
use crate::report::{
    AssumptionReport, Change, ChangeSeverity, DecidedBy, FlowPaths, FlowReport, FlowVerdict,
    Impact, Reason, Region, Side as SideName, Verdict, WitnessPacket,
};
use crate::trace::Ways;
use crate::verdict::{Comparison, Difference, Judgement, Part, any_own, perhaps_own, usual_ports};
use fw_model::evaluate::MUST_BE_IDENTIFIED;
use fw_model::{Endpoint, Expect, Family, Flow, Quantity};
use std::collections::{BTreeMap, BTreeSet};

/// What of the options matters for one flow.
#[derive(Clone, Copy, Debug)]
pub struct Strictness {
    /// From which severity on a change makes exit code 10.
    pub fail_on: ChangeSeverity,
    /// A flow that is wrong on both sides counts as blocked.
    pub strict: bool,
}

/// How many deciding rules a flow's report lists on each side.
const DECISIONS_SHOWN: usize = 32;

/// Reports on a flow. `causes` finds the edits behind a difference.
#[must_use]
pub fn assess(
    comparison: &Comparison<'_, '_>,
    flow: &Flow,
    judgement: &Judgement,
    strictness: Strictness,
    causes: Option<&Causes<'_, '_>>,
) -> FlowReport {
    let mut before = judgement.verdict(|p| p.before);
    let mut after = judgement.verdict(|p| p.after);
    if judgement.cells.is_empty() {
        (before, after) = (FlowVerdict::Permitted, FlowVerdict::Permitted);
    }
    let lost = judgement.has(Difference::Lost);
    let gained = judgement.has(Difference::Gained);
    let undecided = judgement.has(Difference::Undecided);
    let changes = changes(comparison.before, comparison.after, flow, judgement);
    let impact = match (lost, gained, undecided) {
        (true, true, _) => Impact::Mixed,
        (true, false, _) if after == FlowVerdict::Denied => Impact::Blocked,
        (true, false, _) => Impact::PartlyBlocked,
        (false, _, true) => Impact::Undecided,
        (false, true, false) if after == FlowVerdict::Permitted => Impact::Opened,
        (false, true, false) => Impact::PartlyOpened,
        (false, false, false) if !changes.is_empty() => Impact::Changed,
        (false, false, false) => Impact::None,
    };
    let shown = if lost {
        Some(Difference::Lost)
    } else if gained {
        Some(Difference::Gained)
    } else if undecided {
        Some(Difference::Undecided)
    } else {
        None
    };
    let (witness, passing) = packets(judgement, shown);
    let verdict = exit_verdict(flow, impact, before, after, &changes, strictness);
    let of = |difference| region_list(comparison, judgement, flow, difference);
    FlowReport {
        id: flow.id.clone(),
        service: flow.service_name.clone(),
        from: flow.from_text.clone(),
        to: flow.to_text.clone(),
        expect: match flow.expect {
            Expect::Allow => "allow".into(),
            Expect::Deny => "deny".into(),
        },
        companion_of: flow.companion_of.clone(),
        owner: flow.owner.clone(),
        ticket: flow.ticket.clone(),
        before,
        after,
        impact,
        exit_code: verdict.exit_code(),
        lost: of(Difference::Lost),
        gained: of(Difference::Gained),
        undecided: of(Difference::Undecided),
        witness,
        passing,
        decided_by: decided_by(comparison, flow, judgement, shown),
        caused_by: match (causes, impact) {
            (Some(causes), i) if i != Impact::None => causes.of(flow, judgement, impact),
            _ => Vec::new(),
        },
        changes,
        reasons: all_reasons(comparison, judgement, before, after),
        assumptions: assumptions(comparison, flow, judgement),
        paths: shown.map(|shown| paths(comparison, judgement, flow, shown)),
    }
}

/// How many ways a flow's report shows on each side.
const PATHS_SHOWN: usize = 3;

/// The ways of the packets with the difference, on both sides.
fn paths(
    comparison: &Comparison<'_, '_>,
    judgement: &Judgement,
    flow: &Flow,
    shown: Difference,
) -> FlowPaths {
    let usual = usual_ports(flow);
    let mut before = Ways::new(comparison.before, SideName::Before, PATHS_SHOWN);
    let mut after = Ways::new(comparison.after, SideName::After, PATHS_SHOWN);
    for part in judgement.cells.iter().filter(|c| c.difference == shown) {
        for joint in part
            .members
            .iter()
            .filter_map(|&m| judgement.joints.get(m))
            .take(DECISIONS_SHOWN)
        {
            before.add(part.family, &part.product, &joint.assumed, &joint.before);
            after.add(part.family, &part.product, &joint.assumed, &joint.after);
        }
    }
    FlowPaths {
        before: before.finish(&usual),
        after: after.finish(&usual),
    }
}

/// The exit code's word that a flow calls for.
fn exit_verdict(
    flow: &Flow,
    impact: Impact,
    before: FlowVerdict,
    after: FlowVerdict,
    changes: &[Change],
    strictness: Strictness,
) -> Verdict {
    let changed = changes.iter().any(|c| c.severity >= strictness.fail_on);
    match (flow.expect, impact) {
        (Expect::Deny, Impact::Opened | Impact::PartlyOpened | Impact::Mixed) => Verdict::Blocked,
        (Expect::Deny, Impact::Undecided) => Verdict::Undecided,
        (Expect::Deny, _) if strictness.strict && after != FlowVerdict::Denied => Verdict::Blocked,
        (Expect::Deny, _) => Verdict::None,
        (Expect::Allow, Impact::Blocked) => Verdict::Blocked,
        (Expect::Allow, Impact::PartlyBlocked | Impact::Mixed) => {
            if flow.quantity == Quantity::Any && after != FlowVerdict::Denied {
                Verdict::Changed
            } else {
                Verdict::PartlyBlocked
            }
        }
        (Expect::Allow, Impact::Undecided) => Verdict::Undecided,
        (Expect::Allow, _)
            if strictness.strict
                && before != FlowVerdict::Permitted
                && matches!(after, FlowVerdict::Denied | FlowVerdict::Partial)
                && flow.companion_of.is_none() =>
        {
            Verdict::Blocked
        }
        (Expect::Allow, Impact::Opened | Impact::PartlyOpened) => Verdict::None,
        (Expect::Allow, Impact::Changed) if changed => Verdict::Changed,
        (Expect::Allow, Impact::Changed | Impact::None) => Verdict::None,
    }
}

fn region_list(
    comparison: &Comparison<'_, '_>,
    judgement: &Judgement,
    flow: &Flow,
    difference: Difference,
) -> Vec<Region> {
    let usual = usual_ports(flow);
    let (dim, name) = match (&flow.from, &flow.to) {
        (_, Endpoint::Device(name)) => (Dim::Destination, Some(name)),
        (Endpoint::Device(name), _) => (Dim::Source, Some(name)),
        _ => (Dim::Source, None),
    };
    let perhaps = name
        .and_then(|name| comparison.before.asked_for(name))
        .and_then(|at| comparison.before.devices.get(at))
        .and_then(perhaps_own);
    judgement
        .products(difference)
        .into_iter()
        .flat_map(|(family, mut products)| {
            if let Some(perhaps) = &perhaps {
                for product in &mut products {
                    *product = any_own(family, product.clone(), dim, perhaps);
                }
            }
            regions(family, products, &usual)
        })
        .collect()
}

/// A packet with the difference, and the nearest one that passes after.
fn packets(
    judgement: &Judgement,
    shown: Option<Difference>,
) -> (Option<WitnessPacket>, Option<WitnessPacket>) {
    let Some(shown) = shown else {
        return (None, None);
    };
    let Some(part) = judgement.cells.iter().find(|c| c.difference == shown) else {
        return (None, None);
    };
    let Some(lost) = typical(part.family, &part.product) else {
        return (None, None);
    };
    let point = field_values(&lost);
    let passing = judgement
        .cells
        .iter()
        .filter(|c| {
            c.after == Some(true) && c.difference == Difference::None && c.family == part.family
        })
        .filter_map(|c| nearest(&c.product, point))
        .max_by_key(|(_, equal)| *equal)
        .and_then(|(point, _)| packet(part.family, point));
    (Some(witness(&lost)), passing.as_ref().map(witness))
}

fn decided_by(
    comparison: &Comparison<'_, '_>,
    flow: &Flow,
    judgement: &Judgement,
    shown: Option<Difference>,
) -> DecidedBy {
    let members = judgement
        .cells
        .iter()
        .filter(|c| shown.is_none_or(|s| c.difference == s))
        .flat_map(|p| &p.members)
        .filter_map(|&m| judgement.joints.get(m));
    let mut out = DecidedBy::default();
    // Most packets share a few rules: each chain of deciding rules is put into
    // words once.
    let mut seen = rustc_hash::FxHashSet::default();
    for joint in members {
        if out.before.len() >= DECISIONS_SHOWN || out.after.len() >= DECISIONS_SHOWN {
            break;
        }
        let chain = |outcome: &Outcome| -> Vec<_> {
            outcome
                .visits
                .iter()
                .map(|v| (v.device, v.rules.last().copied()))
                .collect()
        };
        if !seen.insert((chain(&joint.before), chain(&joint.after), joint.same)) {
            continue;
        }
        let after = comparison.after_of(flow, joint);
        for (side, outcome, list) in [
            (comparison.before, &joint.before, &mut out.before),
            (comparison.after, &after, &mut out.after),
        ] {
            for decision in decisions(side, outcome) {
                if !list.contains(&decision) {
                    list.push(decision);
                }
            }
        }
    }
    out
}

/// Why a flow is undecided: the conditions of undecided parts, and the lines
/// that are not understood and differ.
fn all_reasons(
    comparison: &Comparison<'_, '_>,
    judgement: &Judgement,
    before: FlowVerdict,
    after: FlowVerdict,
) -> Vec<Reason> {
    let mut out = Vec::new();
    let mut by_port = ByPort::default();
    // Many branches rest on few conditions: each is put into words once.
    let mut variables: BTreeMap<(bool, Option<usize>), BTreeSet<u32>> = BTreeMap::new();
    let open = |p: &&Part| p.before.is_none() || p.after.is_none();
    for part in judgement.cells.iter().filter(open) {
        for joint in part.members.iter().filter_map(|&m| judgement.joints.get(m)) {
            let device = joint.after.crossings.last().map(|c| c.device);
            let on_after = part.after.is_none();
            let (side, outcome) = if on_after {
                (comparison.after, &joint.after)
            } else {
                (comparison.before, &joint.before)
            };
            if outcome.disposition == Disposition::Permitted {
                by_port.take_note(side, &joint.assumed);
            }
            let assumed = variables.entry((on_after, device)).or_default();
            assumed.extend(joint.assumed.variables());
        }
    }
    for ((on_after, device), variables) in variables {
        let device = device
            .and_then(|number| comparison.after.devices.get(number))
            .map_or("", |d| d.device.name.as_str());
        let (side, name) = if on_after {
            (comparison.after, SideName::After)
        } else {
            (comparison.before, SideName::Before)
        };
        out.extend(reasons(side, name, device, variables.into_iter()));
    }
    if before == FlowVerdict::Undecided || after == FlowVerdict::Undecided {
        out.extend(comparison.opaque_reasons(judgement));
    }
    by_port.put_into_words(&mut out);
    out.sort();
    out.dedup();
    out
}

/// Applications that decide whether packets pass which addresses and ports
/// alone would let pass: the text of the condition, and whether the packets
/// pass if it is this application.
#[derive(Default)]
struct ByPort(BTreeMap<String, bool>);

impl ByPort {
    /// Takes note of what is assumed of packets that pass.
    fn take_note(&mut self, side: &Side<'_>, assumed: &Assumed) {
        for (variable, holds) in assumed.values() {
            if let Some(condition) = side.conditions.condition(variable)
                && condition.text.ends_with(MUST_BE_IDENTIFIED)
            {
                *self.0.entry(condition.text.clone()).or_default() |= holds;
            }
        }
    }

    fn put_into_words(&self, reasons: &mut [Reason]) {
        for reason in reasons {
            match self.0.get(&reason.text) {
                Some(true) => reason.text = format!("allowed on port basis; {}", reason.text),
                Some(false) => {
                    let application = reason.text.trim_end_matches(MUST_BE_IDENTIFIED).trim_end();
                    reason.text =
                        format!("allowed on port basis; denied once identified as {application}");
                }
                None => {}
            }
        }
    }
}

fn assumptions(
    comparison: &Comparison<'_, '_>,
    flow: &Flow,
    judgement: &Judgement,
) -> Vec<AssumptionReport> {
    let mut out = Vec::new();
    let itself = [&flow.from, &flow.to]
        .into_iter()
        .any(|end| matches!(end, Endpoint::Device(_)));
    if judgement.some_stay && itself {
        out.push(far_interface());
    } else if judgement.some_stay {
        out.push(AssumptionReport {
            code: "does-not-cross".into(),
            text: if judgement.cells.is_empty() {
                "no packet of the flow crosses a device: both ends are in one subnet, or one end is the device itself"
            } else {
                "packets within one subnet, or of the device itself, cross no device and are left out"
            }
            .into(),
            device: None,
            file: None,
            line: None,
        });
    }
    for joint in &judgement.joints {
        of_outcome(comparison.before, &joint.before, &mut out);
        if !joint.same {
            of_outcome(comparison.after, &joint.after, &mut out);
        }
    }
    out.sort();
    out.dedup_by(|a, b| a.code == b.code && a.device == b.device && a.text == b.text);
    out
}

/// What is left out of flows from and to a device.
#[must_use]
pub fn far_interface() -> AssumptionReport {
    AssumptionReport {
        code: "far-interface".into(),
        text: "the device is taken to be spoken to, and to speak, by the address of the interface in question; its other addresses are left out".into(),
        device: None,
        file: None,
        line: None,
    }
}

fn of_outcome(side: &Side<'_>, outcome: &Outcome, out: &mut Vec<AssumptionReport>) {
    for crossing in &outcome.crossings {
        let Some(here) = side.devices.get(crossing.device) else {
            continue;
        };
        let by = match &crossing.egress {
            Some(Passage::Interface(name)) => Some(&**name),
            _ => None,
        };
        let taken =
            here.device.tunnels.iter().find(|t| {
                Some(t.interface.as_str()) == by && (t.takes.is_none() || crossing.tunneled)
            });
        if let Some(tunnel) = taken {
            let up = fw_model::Assumption {
                code: "tunnel-up",
                text: format!(
                    "{} is up; keys, and the way of the encrypted packets, are not judged",
                    tunnel.name
                ),
                span: tunnel.span,
                device_wide: false,
            };
            out.push(assumption(side.snapshot, Some(&here.device.name), &up));
        }
        for a in here.device.assumptions.iter().filter(|a| a.device_wide) {
            out.push(assumption(side.snapshot, Some(&here.device.name), a));
        }
    }
    for visit in &outcome.visits {
        let Some(here) = side.devices.get(visit.device) else {
            continue;
        };
        for rule in visit.rules.iter().filter_map(|r| r.get(here.device)) {
            if let Some(a) = &rule.assumption {
                out.push(assumption(side.snapshot, Some(&here.device.name), a));
            }
        }
    }
}

/// Products of one family, for callers that subtract a whole flow.
#[must_use]
pub fn flow_products(side: &Side<'_>, flow: &Flow, family: Family) -> Vec<Product> {
    crate::verdict::products(side, flow)
        .into_iter()
        .filter(|(f, _)| *f == family)
        .map(|(_, p)| p)
        .collect()
}
