//! What a comparison lists as opened and closed is what the rule-by-rule
//! evaluator says, on generated devices of which one rule differs.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod generator;

use fw_impact::reference::Random;
use fw_impact::reference::exposure::{Checked, check};
use fw_model::{Action, Device, Rule, Snapshot};
use generator::Generator;

/// Removes, inserts, moves or changes one rule of one list, which may be one
/// that is jumped to.
fn edit(generator: &mut Generator, device: &mut Device) {
    let lists = device.filters.len();
    let at = generator.below(lists);
    let kind = generator.below(4);
    let place = generator.below(device.filters[at].rules.len().max(1));
    let other = generator.below(device.filters[at].rules.len().max(1));
    let depth = generator.below(3);
    let expr = generator.expr(depth);
    let action = match generator.below(4) {
        0 => Action::Deny,
        1 => Action::Return,
        _ => Action::Permit,
    };
    // Nothing but rules that translate stand in the last list.
    let translates = at + 1 == lists;
    let rules = &mut device.filters[at].rules;
    match kind {
        _ if rules.is_empty() => {}
        0 => drop(rules.remove(place)),
        1 if !translates => rules.insert(place, Rule::new("new", expr, action)),
        2 => {
            let rule = rules.remove(place);
            rules.insert(other.min(rules.len()), rule);
        }
        _ if translates => drop(rules.remove(place)),
        _ => rules[place].action = action,
    }
}

#[test]
fn one_rule_of_a_generated_device_differs() {
    let mut out = Checked::default();
    for seed in 0..1000 {
        let mut generator = Generator {
            random: Random::new(seed),
        };
        let before = generator.device(seed % 2 == 0);
        let mut after = before.clone();
        edit(&mut generator, &mut after);
        let [before, after] = [before, after].map(|device| Snapshot {
            devices: vec![device],
            ..Snapshot::default()
        });
        match check(&before, &after, 0, 800, seed) {
            Ok(checked) => out += checked,
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    println!("{out:?}");
    assert!(out.opened > 1_500 && out.closed > 1_500, "{out:?}");
    assert!(out.certain > 5_000, "{out:?}");
}
