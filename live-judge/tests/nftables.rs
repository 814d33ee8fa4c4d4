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
    let started = std::time::Instant::now();
    let mut world = World::new("u", "lan0", "wan0");
    let mut random = Random::new(7);
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    let mut flows = 0;
    for trap in traps::all("nftables") {
        let names = trap.interfaces(&world);
        world.arrange([&names[0], &names[1]], &[]);
        let near: Vec<_> = trap.flows.iter().flat_map(|f| f.near(&world)).collect();
        world.arrange([&names[0], &names[1]], &near);
        for side in &trap.sides {
            let name = format!("{} {}", trap.name, side.stem);
            let refused = trap
                .diagnostics
                .iter()
                .any(|d| matches!(d.as_str(), "not-understood" | "undefined-reference"));
            if let Err(why) = nftables::load_files(&side.files) {
                if refused && side.stem == "after" {
                    flows += 1;
                } else {
                    wrong.push(format!("{name} cannot be loaded: {why}"));
                }
                continue;
            }
            let (differences, compared) = traps::judge(&mut world, &trap, side.stem);
            wrong.extend(differences);
            flows += compared;
            let files: Vec<(&str, &str)> = side.files.iter().map(|(n, t)| (&**n, &**t)).collect();
            let mut read = read("nftables", &files);
            for device in &mut read.devices {
                world.place(device);
            }
            let text: Vec<&str> = files.iter().map(|f| f.1).collect();
            let text = text.join("\n");
            // nft 1.0.6 does not show in JSON that a table is dormant.
            let spellings: &[(bool, &str)] = if text.contains("dormant") {
                &[(false, "the listing")]
            } else {
                &[(false, "the listing"), (true, "the JSON listing")]
            };
            let others: Vec<(&str, Snapshot)> = spellings
                .iter()
                .map(|&(json, name)| {
                    let listed = nftables::listed(json).expect("nft lists what it loaded");
                    (name, snapshot(&world, "listed", &listed))
                })
                .collect();
            let case = Case {
                name: &name,
                text: &text,
                snapshot: &read,
                others: &others,
                also: &[],
            };
            wrong.extend(compare(&mut world, &case, &mut random, 60, &mut tally));
        }
    }
    println!(
        "nftables fixtures: {flows} verdicts of flows; {} in {:.1?}",
        tally.line(),
        started.elapsed()
    );
    assert!(
        wrong.is_empty(),
        "{} mismatches\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(tally.verdicts > 500 && flows > 100);
}
