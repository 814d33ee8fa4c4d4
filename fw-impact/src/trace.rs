//! One flow through one snapshot, step by step.

use crate::describe::{action_text, assumption, decider, other_direction, place, reasons, regions};
use crate::graph::journey::{Act, Crossing};
use crate::graph::piece::{Passage, PathEnd};
use crate::graph::side::DeviceSide;
use crate::graph::{Disposition, Outcome, Side, Visit};
use crate::impact::{diagnostics, tool};
use crate::options::Options;
use crate::packet_set::decompose::RuleRef;
use crate::packet_set::{Assumed, ConditionTable, Product};
use crate::report::{
    AssumptionReport, FlowVerdict, Side as SideName, TRACE_SCHEMA, TracePath, TraceReport,
    TraceStep,
};
use crate::verdict::{Comparison, Joint, Judgement, Within, products, run_within, usual_ports};
use fw_model::{Endpoint, Family, Flow, Snapshot, Span, StageKind};
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// Follows the packets of `flow` through a snapshot.
#[must_use]
pub fn trace(snapshot: &Snapshot, flow: &Flow, options: &Options<'_>) -> TraceReport {
    let conditions = ConditionTable::default();
    let side = Side::new(snapshot, &conditions, options.now);
    let comparison = Comparison::new(&side, &side);
    let (flow, judgement) = judge(&comparison, flow);
    let flow = &*flow;
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
    let itself = [&flow.from, &flow.to]
        .into_iter()
        .any(|end| matches!(end, fw_model::Endpoint::Device(_)));
    if judgement.some_stay && itself {
        assumptions.push(crate::assess::far_interface());
    } else if judgement.some_stay {
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

/// Judges a flow. Packets to addresses of a device, or from them, are followed
/// to the device, or from it.
fn judge<'f>(comparison: &Comparison<'_, '_>, flow: &'f Flow) -> (Cow<'f, Flow>, Judgement) {
    let side = comparison.after;
    let owner = |end: &Endpoint| -> Option<Endpoint> {
        let Endpoint::Addresses(set) = end else {
            return None;
        };
        let owns = |d: &&DeviceSide<'_>| {
            let own = d.device.own_addresses();
            !set.is_empty() && own.intersect(set) == *set
        };
        let device = side.devices.iter().find(owns)?;
        Some(Endpoint::Device(device.device.name.clone()))
    };
    let (to, from) = (owner(&flow.to), owner(&flow.from));
    if to.is_none() && from.is_none() {
        return (Cow::Borrowed(flow), comparison.judge(flow));
    }
    let mut one = flow.clone();
    match (to, from) {
        (Some(device), _) => one.to = device,
        (None, Some(device)) => one.from = device,
        (None, None) => {}
    }
    let within = Within {
        exact: true,
        ..Within::default()
    };
    let mut out = Judgement::default();
    for (family, product) in products(side, flow) {
        let assumed = Assumed::default();
        for outcome in run_within(side, &one, family, &product, &assumed, &within) {
            if outcome.disposition.stays() {
                out.some_stay = true;
                continue;
            }
            let outcome = Arc::new(outcome);
            out.joints.push(Joint {
                family,
                product: outcome.piece.entered(),
                assumed: outcome.piece.assumed.clone(),
                before: Arc::clone(&outcome),
                after: outcome,
                same: true,
            });
        }
    }
    out.cells = comparison.parts(&out.joints);
    (Cow::Owned(one), out)
}

/// Collects the ways that packets go on one side, packets that go the same
/// way together.
pub struct Ways<'s, 'a> {
    side: &'s Side<'a>,
    name: SideName,
    limit: usize,
    paths: Vec<TracePath>,
    products: Vec<(Family, Vec<Product>)>,
    /// The deciding rules of the ways that are kept.
    chains: FxHashSet<Chain>,
    /// Which way, if it is kept, outcomes go that are not translated.
    known: FxHashMap<Key, Option<usize>>,
}

/// All that the steps of packets tell that are not translated: their family,
/// what is assumed, the deciding rules, the devices there and back, the end.
type Key = (Family, Vec<u32>, Chain, [Vec<HopKey>; 2], Disposition);

/// A device with both ends, the route and the next router; and whether packets
/// are for it, go on in a tunnel, or are not tracked.
type HopKey = (usize, [PathEnd; 2], Option<Span>, Option<IpAddr>, [bool; 3]);

fn key(family: Family, assumed: &Assumed, chain: &Chain, outcome: &Outcome) -> Option<Key> {
    if outcome.crossings.iter().any(|c| c.original != c.translated) {
        return None;
    }
    let end = |passage| outcome.piece.end(passage);
    let there = outcome.crossings.iter().map(|c| {
        let ends = [end(c.ingress.as_ref()), end(c.egress.as_ref())];
        let flags = [c.local, c.tunneled, c.untracked];
        (c.device, ends, c.route, c.gateway, flags)
    });
    let back = outcome.returns.iter().map(|r| {
        let ends = [end(r.ingress.as_ref()), end(r.egress.as_ref())];
        (r.device, ends, r.route, r.gateway, [false; 3])
    });
    let mut variables: Vec<u32> = assumed.variables().collect();
    variables.sort_unstable();
    variables.dedup();
    Some((
        family,
        variables,
        chain.clone(),
        [there.collect(), back.collect()],
        outcome.disposition.clone(),
    ))
}

/// The deciding rules of packets, in order: the device, the stage, the rule,
/// what it did, and whether to the reply.
type Chain = Vec<(usize, Arc<str>, Option<RuleRef>, Act, bool)>;

impl<'s, 'a> Ways<'s, 'a> {
    /// At most `limit` ways are kept.
    #[must_use]
    pub fn new(side: &'s Side<'a>, name: SideName, limit: usize) -> Self {
        Self {
            side,
            name,
            limit,
            paths: Vec::new(),
            products: Vec::new(),
            chains: FxHashSet::default(),
            known: FxHashMap::default(),
        }
    }

    /// What of an outcome's rules its steps tell.
    fn chain(&self, outcome: &Outcome) -> Chain {
        let told = |visit: &&Visit| {
            let rule = decider(self.side, visit).map(|(rule, _)| rule);
            let silent = visit.act == Act::Permit && visit.kind == StageKind::Nat;
            rule.is_some_and(|rule| !silent || rule.span.is_some())
        };
        let visits = outcome.visits.iter().filter(told);
        visits
            .map(|v| {
                let stage = Arc::clone(&v.stage);
                (v.device, stage, v.rules.last().copied(), v.act, v.reply)
            })
            .collect()
    }

    /// Adds packets and what becomes of them.
    pub fn add(&mut self, family: Family, product: &Product, assumed: &Assumed, outcome: &Outcome) {
        let chain = self.chain(outcome);
        if self.paths.len() >= self.limit && !self.chains.contains(&chain) {
            return;
        }
        let key = key(family, assumed, &chain, outcome);
        if let Some(&known) = key.as_ref().and_then(|key| self.known.get(key)) {
            if let Some((_, list)) = known.and_then(|at| self.products.get_mut(at)) {
                list.push(product.clone());
            }
            return;
        }
        let steps = steps(self.side, outcome);
        let why = reasons(self.side, self.name, "", assumed.variables());
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
        if let Some(key) = key {
            let new = (self.paths.len() < self.limit).then_some(self.paths.len());
            self.known.insert(key, known.or(new));
        }
        match known.and_then(|at| self.products.get_mut(at)) {
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
                self.chains.insert(chain);
            }
        }
    }

    /// The ways with their packets; `usual` source ports go without saying.
    #[must_use]
    pub fn finish(self, usual: &fw_model::IntervalSet) -> Vec<TracePath> {
        let mut paths = self.paths;
        for (path, (family, mut list)) in paths.iter_mut().zip(self.products) {
            list.sort();
            list.dedup();
            path.regions = regions(family, list, usual);
        }
        paths
    }
}

/// The steps of an outcome, in order: for each device the way in, the stages
/// before the routing decision, that decision, the other stages and the way
/// out; then the way of the reply; then why it ends, where no rule says so.
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
    let visit_step = |visit: &Visit| -> Option<TraceStep> {
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
    // What packets look like once a device has translated them: on their way
    // to the routing decision that is the destination alone.
    let now = |visit: &Visit, crossing: &Crossing, later: &[&Visit]| -> Option<TraceStep> {
        let family = outcome.piece.family;
        let mut fields = crossing.translated;
        let again = later
            .iter()
            .any(|v| v.act == Act::Translate && !std::ptr::eq(*v, visit));
        if again {
            let [source, _, _, port] = crossing.original;
            let [_, destination, service, _] = crossing.translated;
            fields = [source, destination, service, port];
        }
        let now = outcome.piece.product(&fields);
        if now == outcome.piece.product(&crossing.original) {
            return None;
        }
        let words = regions(family, vec![now], &fw_model::IntervalSet::new());
        let first = words.first()?;
        let port = first
            .dst_port
            .as_ref()
            .map_or_else(String::new, |p| format!("/{p}"));
        Some(step(
            crossing.device,
            "translated",
            format!("now {} -> {} {}{port}", first.src, first.dst, first.proto),
            None,
        ))
    };
    let mut forward = outcome.visits.iter().filter(|v| !v.reply).peekable();
    for (position, crossing) in outcome.crossings.iter().enumerate() {
        if crossing.ingress.is_some() {
            let words = outcome.piece.interface_words(crossing.ingress.as_ref());
            out.push(step(
                crossing.device,
                "ingress",
                format!("enters by {words}"),
                None,
            ));
        }
        // The stages before the routing decision, that decision, the others.
        let early: Vec<&str> = side
            .devices
            .get(crossing.device)
            .map_or_else(Vec::new, |d| {
                let stages = &d.device.pipeline.prerouting;
                stages.iter().map(|s| s.name.as_str()).collect()
            });
        // A device may be crossed again: each time has its own visits.
        let mut here: Vec<&Visit> = Vec::new();
        while let Some(visit) = forward.next_if(|v| v.device == crossing.device) {
            here.push(visit);
        }
        let before_routing = here
            .iter()
            .take_while(|v| crossing.ingress.is_some() && early.contains(&&*v.stage))
            .count();
        let (first, rest) = here
            .split_at_checked(before_routing)
            .unwrap_or((&here, &[]));
        let stages = |visits: &[&Visit], out: &mut Vec<TraceStep>| {
            let last = visits.iter().rposition(|v| v.act == Act::Translate);
            for (at, visit) in visits.iter().enumerate() {
                out.extend(visit_step(visit));
                if last == Some(at) {
                    out.extend(now(visit, crossing, rest));
                }
            }
        };
        stages(first, &mut out);
        match (&crossing.egress, &outcome.disposition) {
            (Some(egress), _) if !crossing.local => {
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
            _ if crossing.local => {
                out.push(step(
                    crossing.device,
                    "route",
                    "to the device itself".into(),
                    None,
                ));
            }
            _ => {}
        }
        stages(rest, &mut out);
        let stopped = outcome.disposition != Disposition::Permitted
            && position + 1 == outcome.crossings.len()
            && outcome.returns.is_empty();
        if let Some(egress) = &crossing.egress
            && !crossing.local
            && !stopped
        {
            let egress = outcome.piece.interface_words(Some(egress));
            out.push(step(
                crossing.device,
                "egress",
                format!("leaves by {egress}"),
                None,
            ));
        }
    }
    // On a single device replies go back the way that they came.
    let network = outcome.returns.len() > 1;
    let mut told: Vec<usize> = Vec::new();
    for back in &outcome.returns {
        if network {
            let end = |passage: &Option<Passage>| outcome.piece.interface_words(passage.as_ref());
            let via = back
                .gateway
                .map_or_else(String::new, |g| format!(" via {g}"));
            out.push(step(
                back.device,
                "return",
                match &back.egress {
                    None if back.ingress.is_some() && back.route.is_none() => {
                        format!("reply: comes in by {}", end(&back.ingress))
                    }
                    egress => format!("reply: {} -> {}{via}", end(&back.ingress), end(egress)),
                },
                back.route,
            ));
        }
        if !told.contains(&back.device) {
            told.push(back.device);
            let judged = outcome.visits.iter();
            out.extend(
                judged
                    .filter(|v| v.reply && v.device == back.device)
                    .filter_map(visit_step),
            );
        }
    }
    out.extend(
        outcome
            .visits
            .iter()
            .filter(|v| v.reply && !told.contains(&v.device))
            .filter_map(visit_step),
    );
    let end = match outcome.disposition {
        Disposition::Loop => Some("goes round in circles".to_owned()),
        Disposition::Astray => {
            Some("leads out of the network, where nothing leads back in".to_owned())
        }
        Disposition::OneSided(device) => {
            let other: Vec<&str> = other_direction(outcome, device)
                .into_iter()
                .filter_map(|d| Some(side.devices.get(d)?.device.name.as_str()))
                .collect();
            let by = if other.is_empty() {
                String::new()
            } else {
                format!(" (the other one goes by {})", other.join(", "))
            };
            Some(format!(
                "sees one direction of the connection alone{by}, and ends it"
            ))
        }
        Disposition::Unselected(..) => {
            Some("no selector that both ends of the tunnel have holds it".to_owned())
        }
        Disposition::Refused => {
            Some("refuses the source: its routes do not lead back by this interface".to_owned())
        }
        Disposition::NotAnswered => Some("no device answers at this address".to_owned()),
        Disposition::Unrouted if outcome.crossings.is_empty() => Some(
            "enters nowhere: no route leads back to the source, or its interface is down"
                .to_owned(),
        ),
        _ => None,
    };
    if let Some(text) = end {
        let last = outcome
            .returns
            .last()
            .map(|r| r.device)
            .or_else(|| outcome.crossings.last().map(|c| c.device));
        let device = match outcome.disposition {
            Disposition::OneSided(device) | Disposition::Unselected(device, _) => Some(device),
            _ => last,
        };
        out.push(step(device.unwrap_or(usize::MAX), "end", text, None));
    }
    out
}
