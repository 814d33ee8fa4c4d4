//! What speaks for a text being an nftables ruleset.

use super::script;
use crate::detect::Evidence;

/// How many lines are looked at.
const LINES: usize = 4000;

/// Evidence in `text`.
pub fn detect(text: &str) -> Vec<Evidence> {
    let mut out = Vec::new();
    let trimmed = text.trim_start();
    let push = |out: &mut Vec<Evidence>, weight: u32, what: &str, line: u32| {
        if !out.iter().any(|e: &Evidence| e.what == what) {
            out.push(Evidence {
                weight,
                what: what.to_owned(),
                line,
            });
        }
    };
    if trimmed.starts_with('{') {
        let head: String = trimmed
            .chars()
            .filter(|c| !c.is_whitespace())
            .take(200)
            .collect();
        if head.starts_with("{\"nftables\":[") {
            push(&mut out, 100, "`{\"nftables\": [`", 1);
        }
        return out;
    }
    let statements = (1u32..)
        .zip(text.lines().take(LINES))
        .flat_map(|(number, line)| line.split(';').take(8).map(move |part| (number, part)));
    for (number, raw) in statements {
        let line = raw.trim();
        if line.starts_with("#!") {
            if line.contains("/nft ") || line.ends_with("/nft") {
                push(&mut out, 80, "`#!.../nft -f`", number);
            }
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        if script::calls(line) {
            push(&mut out, 50, "`nft add` and the like", number);
            continue;
        }
        let words: Vec<&str> = line.split_ascii_whitespace().take(8).collect();
        let (command, rest) = match words.as_slice() {
            [
                "add" | "create" | "insert" | "delete" | "flush" | "destroy",
                rest @ ..,
            ] => (true, rest),
            all => (false, all),
        };
        match rest {
            ["ruleset" | "ruleset;"] if command => push(&mut out, 60, "`flush ruleset`", number),
            [
                "table",
                "ip" | "ip6" | "inet" | "arp" | "bridge" | "netdev",
                ..,
            ] => push(&mut out, 50, "`table FAMILY NAME`", number),
            // pf tables are `table <name>`.
            ["table", name, ..]
                if (name.ends_with('{') || rest.get(2) == Some(&"{")) && !name.starts_with('<') =>
            {
                push(&mut out, 10, "`table NAME {`", number);
            }
            ["chain", _, "{", ..] => push(&mut out, 30, "`chain NAME {`", number),
            [
                "chain",
                "ip" | "ip6" | "inet" | "arp" | "bridge" | "netdev",
                ..,
            ] => {
                push(&mut out, 50, "`add chain FAMILY TABLE`", number);
            }
            [
                "rule" | "element" | "set" | "map",
                "ip" | "ip6" | "inet" | "arp" | "bridge" | "netdev",
                ..,
            ] if command => {
                push(&mut out, 50, "`add rule FAMILY TABLE CHAIN`", number);
            }
            ["type", "filter" | "nat" | "route", "hook", ..] => {
                push(&mut out, 50, "`type ... hook ...`", number);
            }
            ["iifname" | "oifname" | "iif" | "oif" | "ct" | "meta", ..] => {
                push(&mut out, 20, "nft expressions", number)
            }
            ["tcp" | "udp", "dport" | "sport", ..] | ["ip" | "ip6", "saddr" | "daddr", ..] => {
                push(&mut out, 20, "nft expressions", number);
            }
            ["define", _, "=", ..] => push(&mut out, 20, "`define NAME =`", number),
            _ => {}
        }
    }
    out
}
