//! Random rulesets of nftables, and how they are loaded.

mod generate;

use crate::suite::{Backend, Files};
use crate::world::run;
use fw_impact::reference::Random;
pub use generate::generate;

/// Loads a ruleset in place of what was loaded.
///
/// # Errors
/// What nft says.
pub fn load(text: &str) -> Result<(), String> {
    let text = if text.contains("flush ruleset") {
        text.to_owned()
    } else {
        format!("flush ruleset\n{text}")
    };
    run("nft", &["-f", "-"], &text).map(drop)
}

/// Loads the files of a host as they are, in place of what was loaded. The
/// first file includes the others.
///
/// # Errors
/// What nft says.
pub fn load_files(files: &[(String, String)]) -> Result<(), String> {
    match files {
        [(_, text)] if text.trim_start().starts_with('{') => {
            load("flush ruleset\n")?;
            run("nft", &["-j", "-f", "-"], text).map(drop)
        }
        [(_, text)] if text.starts_with("#!/bin/sh") => run("sh", &["-e"], text).map(drop),
        [(_, text)] => load(text),
        _ => {
            let folder = std::env::temp_dir().join(format!("fwj{}", std::process::id()));
            let said = load_folder(&folder, files);
            let _ = std::fs::remove_dir_all(&folder);
            said
        }
    }
}

/// Loads `nftables.conf` of several files; the others are where nft looks for
/// what it includes.
fn load_folder(folder: &std::path::Path, files: &[(String, String)]) -> Result<(), String> {
    let mut main = None;
    for (name, text) in files {
        // Without the name of the side.
        let name = name.split_once('/').map_or(name.as_str(), |(_, rest)| rest);
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|e| e.to_string())?;
        std::fs::write(&path, text).map_err(|e| e.to_string())?;
        if name == "nftables.conf" {
            main = Some(path);
        }
    }
    let main = main.ok_or("no nftables.conf")?;
    let (folder, main) = (folder.to_string_lossy(), main.to_string_lossy());
    // A script loads it itself, from where it lies on the host.
    if let Some((_, script)) = files.iter().find(|f| f.1.starts_with("#!/bin/sh")) {
        let script = script.replace("/etc/nftables.conf", &main);
        return run("sh", &["-e"], &script).map(drop);
    }
    run("nft", &["-I", &folder, "-f", &main], "").map(drop)
}

/// Loads a generated ruleset without the rules that nft refuses, such as those
/// that ask for two protocols at once; returns what is left, and how many rules
/// went.
///
/// # Errors
/// What nft says of what is not a rule.
pub fn load_what_can_be(text: &str) -> Result<(String, usize), String> {
    let mut text = format!("flush ruleset\n{text}");
    let mut gone = 0;
    loop {
        let Err(said) = load(&text) else {
            return Ok((text, gone));
        };
        let refused: Vec<usize> = said
            .lines()
            .filter(|l| l.contains("Error"))
            .filter_map(|l| l.split(':').find_map(|part| part.trim().parse().ok()))
            .collect();
        let before = gone;
        let mut left = String::new();
        for (at, line) in text.lines().enumerate() {
            if refused.contains(&(at + 1)) && line.starts_with("    ") && !line.contains("hook") {
                gone += 1;
            } else {
                left.push_str(line);
                left.push('\n');
            }
        }
        if gone == before {
            return Err(said);
        }
        text = left;
    }
}

/// The loaded ruleset as nft prints it.
///
/// # Errors
/// What nft says.
pub fn listed(json: bool) -> Result<String, String> {
    if json {
        run("nft", &["-j", "list", "ruleset"], "")
    } else {
        run("nft", &["list", "ruleset"], "")
    }
}

/// What the generator can do here: constructs that this nft or this kernel
/// refuses are left out.
#[derive(Clone, Debug, Default)]
pub struct Abilities {
    missing: Vec<&'static str>,
}

impl Abilities {
    /// Tries each construct by itself.
    #[must_use]
    pub fn probe() -> Self {
        let mut missing = Vec::new();
        let filter = |rule: &str| {
            format!(
                "table inet t {{\n chain f {{\n type filter hook forward priority 0\n{rule}\n }}\n}}\n"
            )
        };
        let nat = |hook: &str, rule: &str| {
            format!(
                "table inet t {{\n chain f {{\n type nat hook {hook} priority 0\n{rule}\n }}\n}}\n"
            )
        };
        for (what, text) in [
            ("ct state", filter("ct state new accept")),
            ("vmap", filter("tcp dport vmap { 80 : accept }")),
            (
                "concatenation",
                filter("ip daddr . tcp dport { 10.0.0.1 . 80-90 } accept"),
            ),
            ("fib", filter("fib daddr type local accept")),
            ("reject", filter("reject with icmpx admin-prohibited")),
            ("notrack", filter("notrack")),
            ("dnat", nat("prerouting", "dnat ip to 10.0.2.2")),
            ("snat", nat("postrouting", "snat ip to 10.0.2.1")),
            ("masquerade", nat("postrouting", "masquerade")),
            (
                "redirect",
                nat("prerouting", "tcp dport 80 redirect to :81"),
            ),
            (
                "prefix",
                nat(
                    "prerouting",
                    "dnat ip prefix to ip daddr map { 10.7.0.0/24 : 10.0.2.0/24 }",
                ),
            ),
            ("th", filter("meta l4proto { tcp, udp } th dport 53 accept")),
        ] {
            if let Err(e) = run("nft", &["-c", "-f", "-"], &text) {
                println!("left out: this kernel has no {what} for nftables: {e}");
                missing.push(what);
            }
        }
        Self { missing }
    }

    fn can(&self, what: &str) -> bool {
        !self.missing.contains(&what)
    }
}

/// nftables, as it is loaded here.
pub struct Nft(Abilities);

impl Backend for Nft {
    const VENDOR: &'static str = "nftables";
    const TOOLS: &'static [&'static str] = &["ip", "conntrack", "nft"];
    const INTERFACES: [&'static str; 2] = ["lan0", "wan0"];
    const REFUSED: &'static [&'static str] = &["not-understood", "undefined-reference"];
    // Some of what is not understood is nothing that nft would refuse.
    const REFUSES_ALL: bool = false;

    fn probe() -> Self {
        Self(Abilities::probe())
    }

    fn generated(&self, random: &mut Random, _number: usize) -> Result<(Files, usize), String> {
        let [near, far] = Self::INTERFACES;
        let text = generate(random, &self.0, near, far);
        let (text, refused) = load_what_can_be(&text).map_err(|e| format!("{e}\n{text}"))?;
        Ok((vec![("rules.nft".to_owned(), text)], refused))
    }

    fn load(&self, files: &[(String, String)]) -> Result<(), String> {
        load_files(files)
    }

    fn listed(&self, text: &str) -> Vec<(&'static str, String)> {
        // nft 1.0.6 does not show in JSON that a table is dormant.
        let spellings: &[(&str, bool)] = if text.contains("dormant") {
            &[("the listing", false)]
        } else {
            &[("the listing", false), ("the JSON listing", true)]
        };
        spellings
            .iter()
            .map(|&(name, json)| (name, listed(json).expect("nft lists what it loaded")))
            .collect()
    }
}
