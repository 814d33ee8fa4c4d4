//! One flow through one snapshot, step by step.

use crate::describe::{action_text, assumption, decider, place, reasons, regions};
use crate::graph::{Disposition, Outcome, Side};
use crate::impact::{diagnostics, tool};
use crate::options::Options;
use crate::packet_set::{Assumed, ConditionTable, Product};
use crate::report::{
    AssumptionReport, FlowVerdict, Side as SideName, TRACE_SCHEMA, TracePath, TraceReport,
    TraceStep,
};
use crate::verdict::{Comparison, usual_ports};
use fw_model::{Family, Flow, Snapshot, StageKind};

/// Follows the packets of `flow` through a snapshot.
#[must_use]
pub fn trace(snapshot: &Snapshot, flow: &Flow, options: &Options<'_>) -> TraceReport {
    let conditions = ConditionTable::default();
    let side = Side::new(snapshot, &conditions, options.now);
    let comparison = Comparison::new(&side, &side);
    let judgement = comparison.judge(flow);
    let verdict = judgement.verdict(|p| p.after);
    let usual = usual_ports(flow);
    let mut ways = Ways::new(&side, SideName::After, usize::MAX);
    let mut assumptions: Vec<AssumptionReport> = Vec::new();
    for joint in &judgement.joints {
        let outcome = &joint.after;
        ways.add(joint.family, &joint.product, &joint.assumed, outcome);
        for crossing in &outcome.crossings {
            if let Some(here) = side.devices.get(crossing.device) {
                for a in here.device.assumptions.iter().filter(|a| a.device_wide) {
                    assumptions.push(assumption(snapshot, Some(&here.device.name), a));
                }
            }
        }
        for visit in &outcome.visits {
            if let Some((rule, _)) = decider(&side, visit)
                && let Some(a) = &rule.assumption
            {
                let name = side
                    .devices
                    .get(visit.device)
                    .map(|d| d.device.name.as_str());
                assumptions.push(assumption(snapshot, name, a));
            }
        }
    }
    let paths = ways.finish(&usual);
    if judgement.some_stay {
        assumptions.push(AssumptionReport {
            code: "does-not-cross".into(),
            text: "packets within one subnet, or of the device itself, cross no device and are left out".into(),
            device: None,
            file: None,
            line: None,
        });
    }
    assumptions.sort();
    assumptions.dedup();
    let exit_code = match verdict {
        FlowVerdict::Permitted => 0,
        FlowVerdict::Denied => 14,
        FlowVerdict::Partial => 13,
        FlowVerdict::Undecided => 12,
    };
    TraceReport {
        schema: TRACE_SCHEMA.into(),
        tool: tool(options),
        inputs: options.inputs.clone(),
        verdict,
        exit_code,
        paths,
        assumptions,
        diagnostics: diagnostics(snapshot, snapshot),
    }
}

/// Collects the ways that packets go on one side, packets that go the same
/// way together.
pub struct Ways<'s, 'a> {
    side: &'s Side<'a>,
    name: SideName,
    limit: usize,
    paths: Vec<TracePath>,
    products: Vec<(Family, Vec<Product>)>,
}

impl<'s, 'a> Ways<'s, 'a> {
    /// At most `limit` ways are kept.
    #[must_use]
    pub const fn new(side: &'s Side<'a>, name: SideName, limit: usize) -> Self {
        Self {
            side,
            name,
            limit,
            paths: Vec::new(),
            products: Vec::new(),
        }
    }

    /// Adds packets and what becomes of them.
    pub fn add(&mut self, family: Family, product: &Product, assumed: &Assumed, outcome: &Outcome) {
        let steps = steps(self.side, outcome);
        let why = reasons(self.side, self.name, "", assumed);
        let word = match outcome.disposition {
            Disposition::Permitted | Disposition::Local | Disposition::Own => {
                FlowVerdict::Permitted
            }
            Disposition::Exhausted => FlowVerdict::Undecided,
            _ => FlowVerdict::Denied,
        };
        let known = self.paths.iter().zip(&self.products).position(|(p, q)| {
            p.steps == steps && p.verdict == word && p.reasons == why && q.0 == family
        });
        match known.and_then(|at| self.products.get_mut(at)) {
            Some((_, list)) if list.contains(product) => {}
            Some((_, list)) => list.push(product.clone()),
            None if self.paths.len() >= self.limit => {}
            None => {
                self.paths.push(TracePath {
                    regions: Vec::new(),
                    verdict: word,
                    reasons: why,
                    steps,
                });
                self.products.push((family, vec![product.clone()]));
            }
        }
    }

    /// The ways with their packets; `usual` source ports go without saying.
    #[must_use]
    pub fn finish(self, usual: &fw_model::IntervalSet) -> Vec<TracePath> {
        let mut paths = self.paths;
        for (path, (family, list)) in paths.iter_mut().zip(self.products) {
            path.regions = regions(family, list, usual);
        }
        paths
    }
}

/// The steps of an outcome: for each device the way in, every stage that had
/// something to say, the route and the way out; then the reply.
fn steps(side: &Side<'_>, outcome: &Outcome) -> Vec<TraceStep> {
    let mut out = Vec::new();
    let snapshot = side.snapshot;
    let step = |device: usize, kind: &str, text: String, span| {
        let (file, line, line_text) = place(snapshot, span);
        TraceStep {
            device: side
                .devices
                .get(device)
                .map_or_else(String::new, |d| d.device.name.clone()),
            kind: kind.into(),
            text,
            filter: None,
            rule: None,
            file,
            line,
            line_text,
        }
    };
    let visit_step = |visit: &crate::graph::Visit| -> Option<TraceStep> {
        let (rule, filter) = decider(side, visit)?;
        let implicit_pass = rule.span.is_none() && visit.act == crate::graph::journey::Act::Permit;
        if implicit_pass && visit.kind == StageKind::Nat {
            return None;
        }
        let kind = match (visit.reply, visit.kind) {
            (true, _) => "return",
            (false, StageKind::Nat) => "translation",
            (false, StageKind::Policy) => "policy",
        };
        let mut one = step(
            visit.device,
            kind,
            format!(
                "{} by {}",
                action_text(&rule.action, visit.act),
                visit.stage
            ),
            rule.span,
        );
        one.filter = Some(filter.to_owned());
        one.rule = Some(rule.name.clone());
        Some(one)
    };
    for crossing in &outcome.crossings {
        if crossing.ingress.is_some() {
            let words = outcome.piece.interface_words(crossing.ingress.as_ref());
            out.push(step(
                crossing.device,
                "ingress",
                format!("enters by {words}"),
                None,
            ));
        }
        let here = outcome
            .visits
            .iter()
            .filter(|v| v.device == crossing.device && !v.reply);
        let (nat, policy): (Vec<_>, Vec<_>) = here.partition(|v| v.kind == StageKind::Nat);
        out.extend(nat.into_iter().filter_map(visit_step));
        let translated = outcome.piece.product(&crossing.translated);
        let original = outcome.piece.product(&crossing.original);
        if translated != original {
            let family = outcome.piece.family;
            let words = regions(family, vec![translated], &fw_model::IntervalSet::new());
            if let Some(first) = words.first() {
                out.push(step(
                    crossing.device,
                    "translated",
                    format!(
                        "now {} -> {} {}{}",
                        first.src,
                        first.dst,
                        first.proto,
                        first
                            .dst_port
                            .as_ref()
                            .map_or_else(String::new, |p| format!("/{p}"))
                    ),
                    None,
                ));
            }
        }
        match (&crossing.egress, &outcome.disposition) {
            (Some(egress), _) => {
                let egress = outcome.piece.interface_words(Some(egress));
                let via = crossing
                    .gateway
                    .map_or_else(String::new, |g| format!(" via {g}"));
                out.push(step(
                    crossing.device,
                    "route",
                    format!("to {egress}{via}"),
                    crossing.route,
                ));
            }
            (None, Disposition::Unrouted) => {
                out.push(step(crossing.device, "route", "no route".into(), None));
            }
            (None, Disposition::Discarded(span)) => {
                out.push(step(crossing.device, "route", "null route".into(), *span));
            }
            (None, _) => {}
        }
        out.extend(policy.into_iter().filter_map(visit_step));
    }
    out.extend(
        outcome
            .visits
            .iter()
            .filter(|v| v.reply)
            .filter_map(visit_step),
    );
    out
}
