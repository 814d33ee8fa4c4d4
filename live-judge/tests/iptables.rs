//! iptables: the model against the kernel.

use fw_impact::reference::Random;
use live_judge::iptables::Ruleset;
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
    let mut world = World::new("j", "lan", "wan");
    let mut random = Random::new(7);
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for (name, texts) in traps::sides("iptables") {
        // Both backends at once need another loader.
        if texts
            .iter()
            .any(|t| t.contains("legacy") || t.starts_with("#!"))
        {
            println!("left out: {name} is a script or for the legacy loader");
            continue;
        }
        let mut rules = Ruleset {
            v4: String::new(),
            v6: String::new(),
            sets: String::new(),
        };
        for text in texts {
            if text.contains("ip6tables-save") {
                rules.v6 = text;
            } else if text.starts_with("create") {
                rules.sets = text;
            } else {
                rules.v4 = text;
            }
        }
        rules.v4 = iptables::complete(&rules.v4);
        rules.v6 = iptables::complete(&format!("{}{}", iptables::HEADS[1], rules.v6));
        let _ = iptables::empty().load();
        let _ = live_judge::world::run("ipset", &["destroy"], "");
        if let Err(why) = rules.load() {
            println!("left out: {name} cannot be loaded here: {why}");
            continue;
        }
        let text = rules.text();
        let mut snapshot = read("iptables", &rules.files());
        for device in &mut snapshot.devices {
            world.place(device);
        }
        let case = Case {
            name: &name,
            text: &text,
            snapshot: &snapshot,
            others: &[],
            also: &[],
        };
        wrong.extend(compare(&mut world, &case, &mut random, 150, &mut tally));
    }
    println!("iptables fixtures: {}", tally.line());
    assert!(
        wrong.is_empty(),
        "{} mismatches\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(tally.verdicts > 500);
}
