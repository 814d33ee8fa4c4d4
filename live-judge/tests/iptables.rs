//! iptables: the model against the kernel.

use fw_impact::reference::Random;
use live_judge::judge::{Case, Tally, compare, read};
use live_judge::world::World;
use live_judge::{available, iptables};

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
