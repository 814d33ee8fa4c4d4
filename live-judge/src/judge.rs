//! The model's verdicts, and their comparison with what happened.

use crate::packets;
use crate::random::Random;
use crate::world::{Fate, Place, World, answered_ports};
use fw_impact::graph::device::Query;
use fw_impact::graph::entry::Entry;
use fw_impact::graph::piece::Passage;
use fw_impact::graph::{Disposition as End, Outcome, Piece, Side};
use fw_impact::packet_set::{Assumed, ConditionTable, Product};
use fw_model::evaluate::{
    Context, Disposition, Evaluation, Journey, Step, evaluate, evaluate_reply,
};
use fw_model::nat::{AddressTranslation, PortTranslation};
use fw_model::packet::{ConnectionState, tcp_flags};
use fw_model::{Action, Condition, Device, Family, Packet, Snapshot, Source, SourceId};
use fw_parse::{Input, Vendor};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What the model says of a packet.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whether the first packet arrives, if that is decided.
    pub arrives: Option<bool>,
    /// Whether the answer comes back, if that is decided.
    pub works: Option<bool>,
    /// Whether the connection works by the engine, if that is decided.
    pub engine: Option<bool>,
    /// The deciding rules, and the packet's end.
    pub evaluation: Evaluation,
    /// The deciding rules of the packet's answer.
    pub engine_end: String,
}

/// What was compared.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Rulesets loaded.
    pub rulesets: usize,
    /// Packets whose fate was compared with a decided verdict.
    pub verdicts: usize,
    /// Of these, connections that worked.
    pub worked: usize,
    /// Of these, packets that arrived translated.
    pub translated: usize,
    /// Of these, packets to the firewall itself.
    pub local: usize,
    /// Of these, packets of the firewall itself.
    pub own: usize,
    /// Of these, packets of IPv6.
    pub v6: usize,
    /// Packets on which the model did not decide.
    pub undecided: usize,
    /// Packets that needed a second, lone trial, since packets of one batch can
    /// be in each other's way (colliding translations).
    pub retried: usize,
    /// Verdicts of other spellings of the same ruleset.
    pub respelled: usize,
    /// Generated rules that the loader refused, so that they were left out.
    pub refused: usize,
}

impl Tally {
    /// The line that is printed at the end.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "{} rulesets ({} rules refused by the loader), {} verdicts equal to the kernel's ({} worked, {} translated, {} to the firewall, {} of the \
             firewall, {} IPv6; {} tried again alone), {} undecided, {} more of the listed text and JSON",
            self.rulesets,
            self.refused,
            self.verdicts,
            self.worked,
            self.translated,
            self.local,
            self.own,
            self.v6,
            self.retried,
            self.undecided,
            self.respelled
        )
    }
}

/// A ruleset in the files that the front end reads.
#[must_use]
pub fn read(vendor: &str, files: &[(&str, &str)]) -> Snapshot {
    let vendor: &dyn Vendor = fw_parse::vendor(vendor).expect("a front end");
    let sources: Vec<Source> = files
        .iter()
        .map(|(name, text)| Source::new(*name, (*text).to_owned()))
        .collect();
    let ids: Vec<(SourceId, &Source)> = sources
        .iter()
        .enumerate()
        .map(|(at, source)| (SourceId(at as u32), source))
        .collect();
    let parsed = vendor.parse(Input {
        fallback_name: "fw",
        files: &ids,
    });
    Snapshot {
        ledgers: parsed.ledgers,
        devices: parsed.devices,
        diagnostics: parsed.diagnostics,
        sources,
        ..Snapshot::default()
    }
}

/// Several ways in which open conditions may fall.
const SALTS: u64 = 6;

fn holds(salt: u64, condition: &Condition) -> bool {
    match salt {
        0 => false,
        1 => true,
        salt => {
            let mut hasher = DefaultHasher::new();
            (salt, &condition.key).hash(&mut hasher);
            hasher.finish() & 4 == 0
        }
    }
}

/// Follows packets through one device, the engine's regions prepared.
pub struct Judge<'a> {
    world: &'a World,
    side: Side<'a>,
    regions: BTreeMap<(Place, bool, bool), Vec<Outcome>>,
}

/// Which way a packet takes.
#[must_use]
pub fn journey(device: &Device, place: Place, packet: &Packet) -> Journey {
    if place == Place::Firewall {
        Journey::FromDevice
    } else if device.own_addresses().contains(packet.destination) {
        Journey::ToDevice
    } else {
        Journey::Through
    }
}

fn context<'c>(
    journey: Journey,
    ingress: Option<&'c str>,
    holds: &'c dyn Fn(&Condition) -> bool,
) -> Context<'c> {
    Context {
        journey,
        ingress,
        egress: None,
        state: ConnectionState::New,
        tcp_flags: tcp_flags::SYN,
        now: 0,
        application: None,
        user: None,
        holds,
    }
}

/// The reference's verdict.
#[must_use]
pub fn reference(
    world: &World,
    device: &Device,
    place: Place,
    packet: Packet,
) -> (Option<bool>, Option<bool>, Evaluation) {
    let journey = journey(device, place, &packet);
    let trial = |salt: u64| {
        let holds = |c: &Condition| holds(salt, c);
        let context = context(journey, world.ingress(place), &holds);
        let evaluation = evaluate(device, packet, &context);
        let arrives = evaluation.disposition == Disposition::Permitted;
        let works =
            arrives && evaluate_reply(device, &evaluation, &context) == Disposition::Permitted;
        (arrives, works, evaluation)
    };
    let (arrives, works, evaluation) = trial(0);
    let (mut same_arrival, mut same_end) = (true, true);
    for salt in 1..SALTS {
        let (a, w, _) = trial(salt);
        same_arrival &= a == arrives;
        same_end &= w == works;
    }
    (
        same_arrival.then_some(arrives),
        same_end.then_some(works),
        evaluation,
    )
}

impl<'a> Judge<'a> {
    /// Prepares the only device of a snapshot.
    #[must_use]
    pub fn new(world: &'a World, snapshot: &'a Snapshot, conditions: &'a ConditionTable) -> Self {
        Self {
            world,
            side: Side::new(snapshot, conditions, 0),
            regions: BTreeMap::new(),
        }
    }

    /// All that the model says of a packet.
    pub fn verdict(&mut self, place: Place, packet: Packet) -> Verdict {
        let device = self.side.devices[0].device;
        let (arrives, works, evaluation) = reference(self.world, device, place, packet);
        let (engine, engine_end) = self.engine(place, packet);
        Verdict {
            arrives,
            works,
            engine,
            evaluation,
            engine_end,
        }
    }

    fn engine(&mut self, place: Place, packet: Packet) -> (Option<bool>, String) {
        let device = self.side.devices[0].device;
        let journey = journey(device, place, &packet);
        let family = packet.family();
        let key = (place, family == Family::V6, journey == Journey::ToDevice);
        let (side, world) = (&self.side, self.world);
        let outcomes = self.regions.entry(key).or_insert_with(|| {
            let query = Query {
                journey,
                target: None,
                application: None,
                user: None,
                egress: None,
                egress_within: None,
                replies: true,
                exact: false,
                kept: &[],
                budget: Cell::default(),
            };
            let region = Product::everything(family);
            let entry = Entry {
                device: 0,
                ingress: world
                    .ingress(place)
                    .map(|name| Passage::Interface(name.into())),
                piece: Piece::entering(family, &region, Assumed::default()),
            };
            side.follow(entry, Some(0), &query)
        });
        let point = fw_impact::describe::field_values(&packet);
        let holding: Vec<&Outcome> = outcomes
            .iter()
            .filter(|o| o.piece.entered().contains(point))
            .collect();
        assert!(
            !holding.is_empty(),
            "{packet}: no outcome of the engine holds it"
        );
        let text = holding
            .iter()
            .map(|o| format!("{:?} by {:?}", o.disposition, o.visits.last()))
            .collect::<Vec<_>>()
            .join("; ");
        if holding.iter().any(|o| o.disposition == End::Exhausted) {
            return (None, text);
        }
        let passing = holding.iter().filter(|o| o.disposition.passes()).count();
        let decided = match passing {
            0 => Some(false),
            n if n == holding.len() => Some(true),
            _ => None,
        };
        (decided, text)
    }
}

/// True if the firewall itself can answer such a packet.
fn answerable(evaluation: &Evaluation) -> bool {
    if !evaluation.local {
        return true;
    }
    let packet = evaluation.translated;
    match packet.protocol {
        6 | 17 => answered_ports().contains(&packet.destination_port),
        1 | 58 => packet.destination_port != 13 << 8,
        _ => false,
    }
}

/// A ruleset that is loaded, read, and about to be asked.
pub struct Case<'c> {
    /// What to call it.
    pub name: &'c str,
    /// Its text, for reports.
    pub text: &'c str,
    /// Its device, as read and placed.
    pub snapshot: &'c Snapshot,
    /// Devices read from other spellings of it.
    pub others: &'c [(&'c str, Snapshot)],
    /// Packets asked besides the chosen ones.
    pub also: &'c [(Place, Packet)],
}

/// Whether a packet arrived as the deciding translations say. What a device
/// chooses of a pool is its own business, and so is the source port of what it
/// hides.
fn translated_so(device: &Device, evaluation: &Evaluation, arrived: &Packet) -> bool {
    let expected = evaluation.translated;
    let translations: Vec<_> = evaluation
        .steps
        .iter()
        .filter(|step| step.action == "translate")
        .filter_map(|step| {
            let filter = device.filters.iter().find(|f| f.name == step.filter)?;
            let rule = filter
                .rules
                .iter()
                .find(|r| r.name == step.rule && r.span == step.span)?;
            match &rule.action {
                Action::Translate(translation) => Some(translation),
                _ => None,
            }
        })
        .collect();
    let of_pool = |address: &Option<AddressTranslation>, arrived: std::net::IpAddr| matches!(address, Some(AddressTranslation::Pool(set)) if set.contains(arrived));
    // Raw sockets of IPv6 at the firewall do not tell it.
    let source = arrived.source.is_unspecified()
        || arrived.source == expected.source
        || translations.iter().any(|t| {
            of_pool(&t.source, arrived.source)
                || matches!(t.source, Some(AddressTranslation::EgressInterface))
        });
    let destination = arrived.destination == expected.destination
        || translations
            .iter()
            .any(|t| of_pool(&t.destination, arrived.destination));
    let port = arrived.destination_port == expected.destination_port
        || translations.iter().any(|t| {
            matches!(&t.destination_port, Some(PortTranslation::Pool(set))
                if set.contains(arrived.destination_port.into()))
        });
    source && destination && port
}

fn disagreement(device: &Device, verdict: &Verdict, fate: &Fate) -> Option<String> {
    let mut wrong = Vec::new();
    let mut check = |what: &str, said: Option<bool>, happened: bool| {
        if said.is_some_and(|s| s != happened) {
            wrong.push(format!("{what}: model {}, kernel {happened}", !happened));
        }
    };
    check("arrives", verdict.arrives, fate.arrived.is_some());
    check("works", verdict.works, fate.answered);
    check("works by the engine", verdict.engine, fate.answered);
    if let (Some(true), Some(arrived)) = (verdict.arrives, &fate.arrived)
        && !translated_so(device, &verdict.evaluation, arrived)
    {
        wrong.push(format!(
            "translation: model {}, kernel {arrived}",
            verdict.evaluation.translated
        ));
    }
    (!wrong.is_empty()).then(|| wrong.join(", "))
}

/// Sends packets through a loaded ruleset and compares. Mismatches come back
/// as text.
pub fn compare(
    world: &mut World,
    case: &Case<'_>,
    random: &mut Random,
    count: usize,
    tally: &mut Tally,
) -> Vec<String> {
    let device = &case.snapshot.devices[0];
    let mut probes = packets::choose(device, random, count);
    for one in case.also {
        if !probes.contains(one) {
            probes.push(*one);
        }
    }
    let conditions = ConditionTable::default();
    let verdicts: Vec<Verdict> = {
        let mut judge = Judge::new(world, case.snapshot, &conditions);
        probes.iter().map(|&(p, q)| judge.verdict(p, q)).collect()
    };
    let asked: Vec<((Place, Packet), Verdict)> = probes
        .into_iter()
        .zip(verdicts)
        .filter(|(_, v)| answerable(&v.evaluation))
        .collect();
    let probes: Vec<(Place, Packet)> = asked.iter().map(|(p, _)| *p).collect();
    let fates = world.probe(&probes);
    let mut wrong = Vec::new();
    tally.rulesets += 1;
    for (((place, packet), verdict), fate) in asked.iter().zip(fates) {
        let mut fate = fate;
        let mut complaint = disagreement(device, verdict, &fate);
        if complaint.is_some() && wrong.len() < 4 {
            tally.retried += 1;
            fate = world.probe(&[(*place, *packet)])[0];
            complaint = disagreement(device, verdict, &fate);
        }
        if let Some(complaint) = complaint {
            wrong.push(report(case, *place, packet, verdict, &fate, &complaint));
            continue;
        }
        if verdict.works.is_none() || verdict.engine.is_none() {
            tally.undecided += 1;
            continue;
        }
        tally.verdicts += 1;
        tally.worked += usize::from(fate.answered);
        tally.local += usize::from(verdict.evaluation.local);
        tally.own += usize::from(*place == Place::Firewall);
        tally.v6 += usize::from(packet.source.is_ipv6());
        tally.translated += usize::from(
            fate.arrived.is_some() && verdict.evaluation.translated != verdict.evaluation.original,
        );
        for (spelling, other) in case.others {
            let (_, works, _) = reference(world, &other.devices[0], *place, *packet);
            if works != verdict.works {
                wrong.push(format!(
                    "{}: {packet}: read from {spelling} the verdict is {works:?}, else {:?}\n{}\n{}",
                    case.name,
                    verdict.works,
                    difference(device, &other.devices[0]),
                    case.text
                ));
            }
            tally.respelled += 1;
        }
    }
    wrong
}

/// The first rules that two spellings of one ruleset are read into differently.
fn difference(one: &Device, other: &Device) -> String {
    let mut out = Vec::new();
    for filter in &one.filters {
        let Some(twin) = other.filters.iter().find(|f| f.name == filter.name) else {
            out.push(format!("  {} is missing", filter.name));
            continue;
        };
        for (at, rule) in filter.rules.iter().enumerate() {
            // Lists are numbered in the order in which they are read.
            let jumps = |action: &Action| matches!(action, Action::Jump(_) | Action::Goto(_));
            let same = twin.rules.get(at).is_some_and(|r| {
                r.match_expr == rule.match_expr
                    && r.effects == rule.effects
                    && (r.action == rule.action || jumps(&r.action) && jumps(&rule.action))
            });
            if !same {
                out.push(format!(
                    "  {} {}: {:?} {:?}\n  else {:?}",
                    filter.name,
                    rule.name,
                    rule.match_expr,
                    rule.action,
                    twin.rules.get(at).map(|r| (&r.match_expr, &r.action))
                ));
            }
        }
    }
    out.truncate(12);
    out.join("\n")
}

fn report(
    case: &Case<'_>,
    place: Place,
    packet: &Packet,
    verdict: &Verdict,
    fate: &Fate,
    complaint: &str,
) -> String {
    let steps: Vec<String> = verdict
        .evaluation
        .steps
        .iter()
        .map(|s: &Step| {
            format!(
                "    {} / {} / {} line {}: {}",
                s.stage,
                s.filter,
                s.rule,
                s.span.map_or(0, |s| s.line),
                s.action
            )
        })
        .collect();
    format!(
        "{}: {packet} from {place:?}: {complaint}\n  the model: arrives {:?}, works {:?}, by the engine {:?} ({}), leaves as {}\n{}\n  \
         the kernel: arrived as {}, answered {}, refused {}\n--- ruleset\n{}\n---",
        case.name,
        verdict.arrives,
        verdict.works,
        verdict.engine,
        verdict.engine_end,
        verdict.evaluation.translated,
        steps.join("\n"),
        fate.arrived
            .map_or_else(|| "nothing".into(), |p| p.to_string()),
        fate.answered,
        fate.refused,
        case.text
    )
}
