//! What `trace` shows of a way.

use crate::run::{Run, run};
use std::path::Path;

const NETWORK: &str = "../fixtures/network/operator_is_no_trusted_host/before";

fn trace(words: &[&str]) -> Run {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(NETWORK);
    let mut arguments = vec!["trace", "."];
    arguments.extend(words);
    run(&folder, &arguments)
}

/// The address of a device is that device: what it answers decides, and the
/// steps to it are there.
#[test]
fn to_an_address_of_a_device() {
    let said = trace(&[
        "--from",
        "10.1.0.50",
        "--to",
        "10.1.0.1",
        "--service",
        "tcp/22",
    ]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.out.contains("to the device itself"), "{}", said.out);
    assert!(
        said.out.contains("ssh 10.1.0.0 255.255.255.0 inside"),
        "{}",
        said.out
    );
    // From behind the other firewall nobody may.
    let said = trace(&[
        "--from",
        "10.2.0.50",
        "--to",
        "10.1.0.1",
        "--service",
        "tcp/22",
    ]);
    assert_eq!(said.code, 14, "{}", said.out);
    assert!(said.out.contains("leaves by up"), "{}", said.out);
    assert!(said.out.contains("deny by to the device"), "{}", said.out);
}

/// The address of an interface that packets do not come in by is named, so it
/// is not taken for another one.
#[test]
fn to_the_address_of_a_far_interface() {
    let said = trace(&[
        "--from",
        "10.1.0.50",
        "--to",
        "203.0.113.2",
        "--service",
        "tcp/22",
    ]);
    assert_eq!(said.code, 14, "{}", said.out);
    assert!(said.out.contains("deny by to the device"), "{}", said.out);
}

/// A sender that no route leads back to is none of the network's.
#[test]
fn from_an_address_that_is_nowhere() {
    let network = "../fixtures/network/chain_of_three/before";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(network);
    let said = run(
        &folder,
        &[
            "trace",
            ".",
            "--from",
            "10.1.0.10",
            "--to",
            "10.50.1.10",
            "--service",
            "tcp/443",
        ],
    );
    assert_eq!(said.code, 14, "{}", said.out);
    assert!(
        said.out.contains("no route leads back to the source"),
        "{}",
        said.out
    );
}
