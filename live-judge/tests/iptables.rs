//! iptables: the model against the kernel.

use fw_impact::reference::Random;
use live_judge::judge::{Case, Tally, compare, read};
use live_judge::world::World;
use live_judge::{available, iptables, traps};

#[test]
fn iptables_rulesets() {
    if !available(&[
        "ip",
        "conntrack",
        "iptables-restore",
        "ip6tables-restore",
        "ipset",
    ]) {
        return;
    }
    let started = std::time::Instant::now();
    let mut world = World::new("i", "lan", "wan");
    let able = iptables::Abilities::probe();
    let mut random = Random::new(20_261_122);
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    let wanted = live_judge::wanted_verdicts();
    let mut number = 0;
    while tally.verdicts < wanted && number < 400 && wrong.len() < 10 {
        number += 1;
        let mut rules = iptables::generate(&mut random, &able, "lan", "wan", number);
        tally.refused += rules.load_what_can_be().unwrap_or_else(|e| {
            panic!(
                "the generator made what cannot be loaded: {e}\n{}",
                rules.text()
            )
        });
        let text = rules.text();
        let mut snapshot = read("iptables", &rules.files());
        for device in &mut snapshot.devices {
            world.place(device);
        }
        let name = format!("ruleset {number}");
        let case = Case {
            name: &name,
            text: &text,
            snapshot: &snapshot,
            others: &[],
            also: &[],
        };
        wrong.extend(compare(&mut world, &case, &mut random, 220, &mut tally));
    }
    println!("iptables: {} in {:.1?}", tally.line(), started.elapsed());
    assert!(
        wrong.is_empty(),
        "{} mismatches\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(tally.verdicts >= wanted);
}

#[test]
fn iptables_fixtures() {
    let tools = [
        "ip",
        "conntrack",
        "iptables-restore",
        "ip6tables-restore",
        "ipset",
    ];
    if !available(&tools) {
        return;
    }
    let started = std::time::Instant::now();
    let mut world = World::new("j", "lan", "wan");
    let mut random = Random::new(7);
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    let mut flows = 0;
    for trap in traps::all("iptables") {
        let names = trap.interfaces(&world);
        world.arrange([&names[0], &names[1]], &[]);
        let near: Vec<_> = trap.flows.iter().flat_map(|f| f.near(&world)).collect();
        world.arrange([&names[0], &names[1]], &near);
        for side in &trap.sides {
            let name = format!("{} {}", trap.name, side.stem);
            let refused = trap
                .diagnostics
                .iter()
                .any(|d| matches!(d.as_str(), "rule-not-loadable" | "option-not-understood"));
            if iptables::lacks_legacy(&side.files) {
                println!("left out: {name}, this kernel has no legacy backend");
                continue;
            }
            if let Err(why) = iptables::load_files(&side.files) {
                if refused && side.stem == "after" {
                    flows += 1;
                } else {
                    wrong.push(format!("{name} cannot be loaded: {why}"));
                }
                continue;
            }
            if refused && side.stem == "after" {
                wrong.push(format!("{name} should be refused by the loader"));
            }
            let (differences, compared) = traps::judge(&mut world, &trap, side.stem);
            wrong.extend(differences);
            flows += compared;
            let files = iptables::completed(&side.files);
            let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (&**n, &**t)).collect();
            let mut snapshot = read("iptables", &files);
            for device in &mut snapshot.devices {
                world.place(device);
            }
            let text: Vec<&str> = files.iter().map(|f| f.1).collect();
            let text = text.join("\n");
            let case = Case {
                name: &name,
                text: &text,
                snapshot: &snapshot,
                others: &[],
                also: &[],
            };
            wrong.extend(compare(&mut world, &case, &mut random, 60, &mut tally));
        }
    }
    println!(
        "iptables fixtures: {flows} verdicts of flows; {} in {:.1?}",
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
