//! nftables: the model against the kernel.

use fw_impact::reference::Random;
use fw_model::Snapshot;
use live_judge::judge::{Case, Tally, compare, read};
use live_judge::world::World;
use live_judge::{available, nftables, traps};

fn snapshot(world: &World, name: &str, text: &str) -> Snapshot {
    let mut snapshot = read("nftables", &[(name, text)]);
    for device in &mut snapshot.devices {
        world.place(device);
    }
    snapshot
}

#[test]
fn nftables_rulesets() {
    if !available(&["ip", "conntrack", "nft"]) {
        return;
    }
    let started = std::time::Instant::now();
    let mut world = World::new("t", "lan0", "wan0");
    let able = nftables::Abilities::probe();
    let mut random = Random::new(20_261_122);
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    let wanted = live_judge::wanted_verdicts();
    let mut number = 0;
    while tally.verdicts < wanted && number < 400 && wrong.len() < 10 {
        number += 1;
        let text = nftables::generate(&mut random, &able, "lan0", "wan0");
        let (text, refused) = nftables::load_what_can_be(&text)
            .unwrap_or_else(|e| panic!("the generator made what cannot be loaded: {e}\n{text}"));
        tally.refused += refused;
        let read = snapshot(&world, "rules.nft", &text);
        // nft 1.0.6 does not show in JSON that a table is dormant.
        let spellings: &[bool] = if text.contains("dormant") {
            &[false]
        } else {
            &[false, true]
        };
        let others: Vec<(&str, Snapshot)> = spellings
            .iter()
            .map(|&json| {
                let listed = nftables::listed(json).expect("nft lists what it loaded");
                let name = if json {
                    "the JSON listing"
                } else {
                    "the listing"
                };
                (name, snapshot(&world, "listed", &listed))
            })
            .collect();
        let name = format!("ruleset {number}");
        let case = Case {
            name: &name,
            text: &text,
            snapshot: &read,
            others: &others,
            also: &[],
        };
        wrong.extend(compare(&mut world, &case, &mut random, 220, &mut tally));
    }
    println!("nftables: {} in {:.1?}", tally.line(), started.elapsed());
    assert!(
        wrong.is_empty(),
        "{} mismatches\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(tally.verdicts >= wanted);
}

#[test]
fn nftables_fixtures() {
    if !available(&["ip", "conntrack", "nft"]) {
        return;
    }
    let mut world = World::new("u", "lan0", "wan0");
    let mut random = Random::new(7);
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for (name, texts) in traps::sides("nftables") {
        let [text] = texts.as_slice() else {
            println!("left out: {name} has several files");
            continue;
        };
        let loaded = if text.trim_start().starts_with('{') {
            nftables::load("flush ruleset\n")
                .and_then(|()| live_judge::world::run("nft", &["-j", "-f", "-"], text).map(drop))
        } else {
            nftables::load(text)
        };
        if let Err(why) = loaded {
            println!("left out: {name} cannot be loaded here: {why}");
            continue;
        }
        let read = snapshot(&world, "rules.nft", text);
        let case = Case {
            name: &name,
            text,
            snapshot: &read,
            others: &[],
            also: &[],
        };
        wrong.extend(compare(&mut world, &case, &mut random, 150, &mut tally));
    }
    println!("nftables fixtures: {}", tally.line());
    assert!(
        wrong.is_empty(),
        "{} mismatches\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(tally.verdicts > 500);
}
