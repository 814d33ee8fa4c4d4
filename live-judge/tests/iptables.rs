//! iptables: the model against the kernel.

use live_judge::iptables::{Legacy, Tables};
use live_judge::suite;

#[test]
fn iptables_rulesets() {
    suite::rulesets::<Tables>("i");
}

#[test]
fn iptables_fixtures() {
    let flows = suite::fixtures::<Tables>("j", |_| true);
    assert!(flows == 0 || flows > 100);
}

/// Where the kernel has no legacy backend, a table of nftables at the same
/// hooks stands in for it. It has to give the same answers.
#[test]
fn a_table_stands_in_for_the_legacy_backend() {
    suite::fixtures::<Legacy>("k", |name| name == "two-backends");
}
