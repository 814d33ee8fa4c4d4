//! The engine agrees with the rule-by-rule evaluator on generated devices.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod generator;

use fw_impact::graph::Side;
use fw_impact::packet_set::ConditionTable;
use fw_impact::reference::{Checked, Random, check};
use fw_model::Snapshot;
use generator::Generator;

fn run(stateful: bool, seeds: std::ops::Range<u64>) -> Checked {
    let mut all = Checked::default();
    for seed in seeds {
        let device = Generator {
            random: Random::new(seed),
        }
        .device(stateful);
        let snapshot = Snapshot {
            devices: vec![device],
            ..Snapshot::default()
        };
        let conditions = ConditionTable::default();
        let side = Side::new(&snapshot, &conditions, 0);
        let checked = check(&side, 0, 1200, seed ^ 0xabcd)
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        all.packets += checked.packets;
        all.permitted += checked.permitted;
        all.conditional += checked.conditional;
    }
    all
}

fn worth_something(checked: Checked) {
    assert!(checked.packets >= 100_000, "{checked:?}");
    assert!(checked.permitted * 20 > checked.packets, "{checked:?}");
    assert!(checked.conditional * 100 > checked.packets, "{checked:?}");
}

#[test]
fn agrees_on_devices_that_permit_replies_by_themselves() {
    worth_something(run(true, 0..100));
}

#[test]
fn agrees_on_devices_whose_replies_are_judged() {
    worth_something(run(false, 1000..1100));
}
