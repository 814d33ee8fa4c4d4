//! nftables: the model against the kernel.

use live_judge::nftables::Nft;
use live_judge::suite;

#[test]
fn nftables_rulesets() {
    suite::rulesets::<Nft>("t");
}

#[test]
fn nftables_fixtures() {
    let flows = suite::fixtures::<Nft>("u", |_| true);
    assert!(flows == 0 || flows > 100);
}
