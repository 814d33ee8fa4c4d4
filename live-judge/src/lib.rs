//! Compares the model's verdicts with those of a running Linux kernel.
//!
//! Three network namespaces - a host near, the firewall, a host far - are
//! joined by veth pairs. A ruleset is loaded in the firewall's namespace and
//! read by [`fw_parse`]; packets at the boundaries of its rules are sent as
//! raw IP packets, answered at the other end, and what comes back is compared
//! with [`fw_model::evaluate`] and with the engine of [`fw_impact`].
//!
//! See docs/live-judge.md.

pub mod iptables;
pub mod judge;
pub mod nftables;
pub mod packets;
pub mod random;
pub mod suite;
pub mod traps;
pub mod wire;
pub mod world;

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why the kernel cannot be asked here, if it cannot.
#[must_use]
pub fn obstacle(tools: &[&str]) -> Option<String> {
    let uid = Command::new("id").arg("-u").output();
    if uid.ok().is_none_or(|o| o.stdout.trim_ascii() != b"0") {
        return Some("needs root to make network namespaces".into());
    }
    for tool in tools {
        if Command::new(tool).arg("--version").output().is_err() {
            return Some(format!("`{tool}` is not installed"));
        }
    }
    // Tests of one process run at once.
    static TRIAL: AtomicUsize = AtomicUsize::new(0);
    let trial = TRIAL.fetch_add(1, Ordering::Relaxed);
    let name = format!("fwprobe{}x{trial}", std::process::id());
    let made = Command::new("ip").args(["netns", "add", &name]).status();
    if !made.is_ok_and(|s| s.success()) {
        return Some("network namespaces cannot be made".into());
    }
    let _ = Command::new("ip").args(["netns", "del", &name]).status();
    None
}

/// True if the kernel can be asked. Prints why not.
///
/// # Panics
/// If it cannot and `FWIMPACT_LIVE` is `required`.
#[must_use]
pub fn available(tools: &[&str]) -> bool {
    let Some(why) = obstacle(tools) else {
        return true;
    };
    assert!(
        std::env::var_os("FWIMPACT_LIVE").is_none_or(|v| v != "required"),
        "the comparison with the kernel is required, but {why}"
    );
    println!("skipped: the comparison with the kernel {why}");
    false
}

/// How many verdicts a run compares at least: `FWIMPACT_LIVE_VERDICTS`, else
/// 12,000.
#[must_use]
pub fn wanted_verdicts() -> usize {
    std::env::var("FWIMPACT_LIVE_VERDICTS")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(12_000)
}
