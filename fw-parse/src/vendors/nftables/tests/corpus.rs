//! Published rulesets and the fixtures.

use super::*;

fn folder(name: &str) -> Option<Vec<std::path::PathBuf>> {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"));
    let entries = match std::fs::read_dir(root.join(name)) {
        Ok(entries) => entries,
        Err(_) => {
            println!("no corpus folder {name}");
            return None;
        }
    };
    let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    assert!(!paths.is_empty(), "corpus folder {name} is empty");
    Some(paths)
}

/// Shell scripts and a file of comments alone are no rulesets.
const NO_RULESETS: [&str; 3] = ["slackware_firewall", "init.d_firewallo", "vm-rules"];

#[test]
fn corpus() {
    let Some(paths) = folder("08_nftables") else {
        return;
    };
    let show = std::env::var_os("FWIMPACT_SHOW_OPAQUE").is_some();
    let (mut all, mut files) = (Coverage::default(), 0);
    for path in &paths {
        let Ok(text) = crate::decode(&std::fs::read(path).unwrap()) else {
            continue;
        };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let parsed = parse(&text);
        if NO_RULESETS.iter().any(|n| name.contains(n)) {
            continue;
        }
        let found = crate::detect(&text).map(|c| c.vendor.name());
        assert_eq!(found.ok(), Some("nftables"), "{name}");
        files += 1;
        all = all + parsed.ledgers[0].coverage();
        for (number, status) in parsed.ledgers[0].iter() {
            if show && *status == LineStatus::Opaque {
                let line = text.lines().nth(number as usize - 1).unwrap_or("");
                println!("{name}:{number}: {line}");
            }
        }
    }
    println!(
        "{files} files, {} lines: modeled {}, inert {}, opaque {}",
        all.lines, all.modeled, all.inert, all.opaque
    );
    assert!(all.opaque * 100 < all.lines * 4, "too many opaque lines");
}

#[test]
fn other_formats_are_not_nftables() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus"));
    let Ok(entries) = std::fs::read_dir(root) else {
        println!("no corpus");
        return;
    };
    let mut files = 0;
    let mut wrong = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.path().is_dir() || name.starts_with("08_") || name.starts_with("13_") {
            continue;
        }
        for path in folder(&name).unwrap_or_default() {
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            let Ok(text) = crate::decode(&bytes) else {
                continue;
            };
            files += 1;
            let evidence = super::super::detect::detect(&text);
            if evidence.iter().map(|e| e.weight).sum::<u32>() >= 40 {
                wrong.push(format!("{}: {evidence:?}", path.display()));
            }
        }
    }
    assert!(files > 0);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn fixtures_are_understood() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/nftables"));
    let mut files = 0;
    for case in std::fs::read_dir(root).unwrap().filter_map(Result::ok) {
        for file in std::fs::read_dir(case.path())
            .unwrap()
            .filter_map(Result::ok)
        {
            let path = file.path();
            if !path.extension().is_some_and(|e| e == "nft" || e == "json") {
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(crate::detect(&text).unwrap().vendor.name(), "nftables");
            let opaque = parse(&text).ledgers[0].coverage().opaque;
            let expected = usize::from(path.ends_with("unknown-statement/after.nft"));
            assert_eq!(opaque, expected, "{}", path.display());
        }
    }
    assert!(files > 10);
}

/// Fixtures whose flows are answered here packet by packet as well.
#[test]
fn fixtures_packet_by_packet() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/nftables/");
    let read = |name: &str| std::fs::read_to_string(format!("{root}{name}")).unwrap();
    for (case, extension, to, before, after) in [
        (
            "verdict-map-json",
            "json",
            "192.0.2.10 tcp 8080",
            Allow,
            Deny,
        ),
        (
            "verdict-map-json",
            "json",
            "192.0.2.10 tcp 80",
            Allow,
            Allow,
        ),
        (
            "goto-does-not-return",
            "nft",
            "192.0.2.1 udp 123",
            Allow,
            Deny,
        ),
        (
            "replies-need-established",
            "nft",
            "192.0.2.30 tcp 210",
            Allow,
            Deny,
        ),
        (
            "accept-is-not-final",
            "nft",
            "192.0.2.20 tcp 80",
            Allow,
            Deny,
        ),
        (
            "family-left-open",
            "nft",
            "2001:db8:2::10 tcp 22",
            Deny,
            Allow,
        ),
        (
            "unknown-statement",
            "nft",
            "192.0.2.10 tcp 443",
            Allow,
            Undecided,
        ),
        ("unknown-statement", "nft", "192.0.2.10 tcp 22", Deny, Deny),
    ] {
        let answer = |side: &str| service(&read(&format!("{case}/{side}.{extension}")), to);
        assert_eq!(
            (answer("before"), answer("after")),
            (before, after),
            "{case}"
        );
    }
}
