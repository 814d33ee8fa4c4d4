//! What is judged of each front end: generated rulesets, and the fixtures.

use crate::judge::{Case, Tally, compare, read};
use crate::world::World;
use crate::{available, traps, wanted_verdicts};
use fw_impact::reference::Random;
use fw_model::Snapshot;
use std::time::Instant;

/// Names and texts of files.
pub type Files = Vec<(String, String)>;

/// How rulesets of a front end are made and loaded.
pub trait Backend {
    /// The name of the front end.
    const VENDOR: &'static str;
    /// The programs that it takes.
    const TOOLS: &'static [&'static str];
    /// What the near and the far interface are called.
    const INTERFACES: [&'static str; 2];
    /// The diagnostics of what the loader refuses.
    const REFUSED: &'static [&'static str];
    /// True if the loader refuses all that has one of these diagnostics.
    const REFUSES_ALL: bool;

    /// Finds out what can be loaded here.
    fn probe() -> Self;

    /// Makes a ruleset and loads it without the rules that the loader refuses;
    /// says how many these are.
    ///
    /// # Errors
    /// What the loader says of anything else.
    fn generated(&self, random: &mut Random, number: usize) -> Result<(Files, usize), String>;

    /// Loads files in place of what was loaded.
    ///
    /// # Errors
    /// What the loader says.
    fn load(&self, files: &[(String, String)]) -> Result<(), String>;

    /// The files as the model gets them, for this loaded state.
    fn completed(&self, files: &[(String, String)]) -> Files {
        files.to_vec()
    }

    /// Other spellings of what is loaded, with their names.
    fn listed(&self, _text: &str) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

fn snapshot<B: Backend>(world: &World, files: &[(String, String)]) -> Snapshot {
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (&**n, &**t)).collect();
    let mut snapshot = read(B::VENDOR, &files);
    for device in &mut snapshot.devices {
        world.place(device);
    }
    snapshot
}

/// Compares `count` packets of what is loaded with the model.
fn judged<B: Backend>(
    backend: &B,
    world: &mut World,
    random: &mut Random,
    (name, files): (&str, &[(String, String)]),
    count: usize,
    tally: &mut Tally,
) -> Vec<String> {
    let text: Vec<&str> = files.iter().map(|f| f.1.as_str()).collect();
    let text = text.join("\n");
    let read = snapshot::<B>(world, files);
    let others: Vec<(&str, Snapshot)> = backend
        .listed(&text)
        .into_iter()
        .map(|(name, text)| (name, snapshot::<B>(world, &[("listed".to_owned(), text)])))
        .collect();
    let case = Case {
        name,
        text: &text,
        snapshot: &read,
        others: &others,
        also: &[],
    };
    compare(world, &case, random, count, tally)
}

fn agree(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} mismatches\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Generated rulesets: as many as it takes for [`wanted_verdicts`].
///
/// # Panics
/// If the model and the kernel do not agree.
pub fn rulesets<B: Backend>(world: &str) {
    if !available(B::TOOLS) {
        return;
    }
    let started = Instant::now();
    let [near, far] = B::INTERFACES;
    let mut world = World::new(world, near, far);
    let backend = B::probe();
    let mut random = Random::new(20_261_122);
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    let wanted = wanted_verdicts();
    let mut number = 0;
    while tally.verdicts < wanted && number < 400 && wrong.len() < 10 {
        number += 1;
        let (files, refused) = backend
            .generated(&mut random, number)
            .unwrap_or_else(|e| panic!("the generator made what cannot be loaded: {e}"));
        tally.refused += refused;
        let name = format!("ruleset {number}");
        wrong.extend(judged(
            &backend,
            &mut world,
            &mut random,
            (&name, &files),
            220,
            &mut tally,
        ));
    }
    println!(
        "{}: {} in {:.1?}",
        B::VENDOR,
        tally.line(),
        started.elapsed()
    );
    agree(&wrong);
    assert!(tally.verdicts >= wanted);
}

/// The fixtures: their flows as they stand, and packets at the boundaries of
/// their rules.
///
/// # Panics
/// If the model and the kernel do not agree, or what a fixture says and the
/// kernel.
pub fn fixtures<B: Backend>(world: &str, wanted: impl Fn(&str) -> bool) -> usize {
    if !available(B::TOOLS) {
        return 0;
    }
    let started = Instant::now();
    let [near, far] = B::INTERFACES;
    let mut world = World::new(world, near, far);
    let backend = B::probe();
    let mut random = Random::new(7);
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    let mut flows = 0;
    for trap in traps::all(B::VENDOR) {
        if !wanted(&trap.name) {
            continue;
        }
        let names = trap.interfaces(&world);
        world.arrange([&names[0], &names[1]], &[]);
        let near: Vec<_> = trap.flows.iter().flat_map(|f| f.near(&world)).collect();
        world.arrange([&names[0], &names[1]], &near);
        for side in &trap.sides {
            let name = format!("{} {}", trap.name, side.stem);
            let refused = side.stem == "after"
                && trap
                    .diagnostics
                    .iter()
                    .any(|d| B::REFUSED.contains(&d.as_str()));
            if let Err(why) = backend.load(&side.files) {
                if refused {
                    flows += 1;
                } else {
                    wrong.push(format!("{name} cannot be loaded: {why}"));
                }
                continue;
            }
            if refused && B::REFUSES_ALL {
                wrong.push(format!("{name} should be refused by the loader"));
            }
            let (differences, compared) = traps::judge(&mut world, &trap, side.stem);
            wrong.extend(differences);
            flows += compared;
            let files = backend.completed(&side.files);
            wrong.extend(judged(
                &backend,
                &mut world,
                &mut random,
                (&name, &files),
                60,
                &mut tally,
            ));
        }
    }
    println!(
        "{} fixtures: {flows} verdicts of flows; {} in {:.1?}",
        B::VENDOR,
        tally.line(),
        started.elapsed()
    );
    agree(&wrong);
    assert!(tally.verdicts > 0);
    flows
}
