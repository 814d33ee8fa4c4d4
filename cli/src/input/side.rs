//! One side of a comparison: all devices of an input.

use super::read::{Files, Location, Raw};
use super::unit::{self, Unit};
use crate::exit::Failure;
use crate::flows::address::Names;
use crate::settings::assume::Declared;
use crate::settings::topology::{self, Topology};
use fw_impact::report::{AssumptionReport, DiagnosticReport, InputFile, Side};
use fw_model::{Ledger, Snapshot, Source, SourceId};
use fw_parse::{NotText, Undetected, Vendor};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What goes for all inputs of a run.
pub struct Settings<'a> {
    /// The vendor, if it is not to be detected.
    pub vendor: Option<&'static dyn Vendor>,
    /// Host names with their addresses.
    pub names: &'a Names,
    /// Lines that are declared to have no effect.
    pub declared: &'a [Declared],
    /// The topology, if it is not in the folder.
    pub topology: Option<&'a Topology>,
}

/// A side that was read.
pub struct Loaded {
    /// Which one.
    pub side: Side,
    /// Its devices.
    pub snapshot: Snapshot,
    /// The files of each device.
    pub units: Vec<Unit>,
    /// The files for the report.
    pub inputs: Vec<InputFile>,
    /// Declarations that were made use of.
    pub declared: Vec<AssumptionReport>,
    /// What there is to say besides the parsers' diagnostics.
    pub remarks: Vec<DiagnosticReport>,
    topology: Topology,
    names: Names,
    assumed: Vec<Declared>,
}

/// Files of a snapshot folder that are no configurations.
const SMALL_FILES: [&str; 6] = [
    "topology", "approve", "assume", "resolve", "flows", "expect",
];

/// Endings of files that are plainly no configurations.
const NO_CONFIGS: [&str; 16] = [
    "md", "markdown", "rst", "adoc", "pdf", "html", "htm", "png", "jpg", "jpeg", "svg", "gif",
    "sh", "py", "lock", "sig",
];

/// Reads an input and parses all of its devices.
///
/// # Errors
/// If it cannot be read, or holds something that is no known configuration.
pub fn load(side: Side, input: &str, settings: &Settings<'_>) -> Result<Loaded, Failure> {
    let location = Location::parse(input)?;
    let Files { mut files, folder } = location.read()?;
    if !folder {
        included_beside(&location, &mut files, settings.vendor);
    }
    let mut loaded = Loaded {
        topology: settings.topology.cloned().unwrap_or_default(),
        names: settings.names.clone(),
        assumed: settings.declared.to_vec(),
        ..Loaded::empty(side)
    };
    if folder && settings.topology.is_none() {
        for raw in &files {
            if matches!(raw.relative.as_str(), "topology.yaml" | "topology.yml") {
                let text = decoded(raw)?;
                loaded.topology = topology::read(&Source::new(raw.path.clone(), text))?;
            }
        }
    }
    let mut configs: Vec<Config<'_>> = Vec::new();
    let mut unknown = Vec::new();
    for raw in &files {
        if folder && skipped(raw, &mut loaded) {
            continue;
        }
        let vendor = match loaded
            .topology
            .devices
            .iter()
            .find(|d| d.file == raw.relative)
        {
            Some(entry) => entry.vendor.as_deref().and_then(fw_parse::vendor),
            None => None,
        };
        match recognize(raw, vendor.or(settings.vendor)) {
            Ok((vendor, text)) => configs.push(Config { raw, vendor, text }),
            Err(message) => unknown.push((raw, message)),
        }
    }
    let mut messages = Vec::new();
    for (raw, message) in unknown {
        // A part of a configuration need not look like one.
        let owner = configs.iter().find(|c| c.includes(raw)).map(|c| c.vendor);
        match (owner, fw_parse::decode(&raw.bytes)) {
            (Some(vendor), Ok(text)) => configs.push(Config { raw, vendor, text }),
            (Some(vendor), Err(NotText::Empty)) => configs.push(Config {
                raw,
                vendor,
                text: String::new(),
            }),
            _ => messages.push(message),
        }
    }
    if !messages.is_empty() {
        return Err(Failure::Input(messages.join("\nerror: ")));
    }
    included_last(&mut configs);
    if configs.is_empty() {
        return Err(Failure::Input(format!("{location} holds no configuration")));
    }
    loaded.group(configs, input);
    loaded.parse();
    Ok(loaded)
}

/// Adds the files that a single file includes, where they lie beside it.
fn included_beside(location: &Location, files: &mut Vec<Raw>, vendor: Option<&'static dyn Vendor>) {
    let Some(first) = files.first() else { return };
    let Ok((vendor, text)) = recognize(first, vendor) else {
        return;
    };
    let mut texts = vec![text];
    while let Some(text) = texts.pop() {
        for path in vendor.includes(&text) {
            for raw in location.included(&path) {
                if files.len() < INCLUDED && files.iter().all(|f| f.path != raw.path) {
                    texts.extend(fw_parse::decode(&raw.bytes));
                    files.push(raw);
                }
            }
        }
    }
}

fn decoded(raw: &Raw) -> Result<String, Failure> {
    match fw_parse::decode(&raw.bytes) {
        Ok(text) => Ok(text),
        Err(NotText::Empty) => Ok(String::new()),
        Err(why) => Err(Failure::Input(format!("{} is no text: {why}", raw.path))),
    }
}

/// True if a file of a folder is no configuration.
fn skipped(raw: &Raw, loaded: &mut Loaded) -> bool {
    let name = raw.relative.rsplit('/').next().unwrap_or_default();
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    if SMALL_FILES.contains(&stem) && matches!(ending, "yaml" | "yml" | "toml") {
        return true;
    }
    let upper = ["README", "LICENSE", "CHANGELOG", "CODEOWNERS", "Makefile"];
    // The lists of devices that RANCID and Oxidized keep beside the backups.
    let lists = ["router.db", "routers.all", "routers.up", "routers.down"];
    // A script may load the rules.
    let loads = ending == "sh"
        && fw_parse::decode(&raw.bytes).is_ok_and(|text| fw_parse::detect(&text).is_ok());
    if NO_CONFIGS.contains(&ending.to_lowercase().as_str()) && !loads
        || upper.contains(&stem)
        || lists.contains(&name)
    {
        loaded.remarks.push(DiagnosticReport {
            code: "skipped-file".into(),
            severity: "note".into(),
            side: Some(loaded.side),
            file: Some(raw.path.clone()),
            line: None,
            message:
                "this file of the folder is not read: its name says that it is no configuration"
                    .into(),
            effect: "none".into(),
        });
        return true;
    }
    false
}

/// The front end for a file, and its text.
fn recognize(
    raw: &Raw,
    vendor: Option<&'static dyn Vendor>,
) -> Result<(&'static dyn Vendor, String), String> {
    let name = if raw.path == "-" {
        "standard input"
    } else {
        &raw.path
    };
    let tried = fw_parse::vendor::VENDORS.len();
    let text = fw_parse::decode(&raw.bytes).map_err(|why| {
        let hint = match &why {
            NotText::Empty => String::new(),
            _ => "; nearest: none".into(),
        };
        format!("{name} is no config that fwimpact knows (tried {tried} formats)\n  {why}{hint}")
    })?;
    if let Some(vendor) = vendor {
        return Ok((vendor, text));
    }
    match fw_parse::detect(&text) {
        Ok(candidate) => Ok((candidate.vendor, text)),
        Err(undetected) => Err(unknown(name, &undetected)),
    }
}

fn unknown(name: &str, undetected: &Undetected) -> String {
    let mut message = format!(
        "{name} is no config that fwimpact knows (tried {} formats)\n  ",
        undetected.tried
    );
    match undetected.nearest.as_slice() {
        [] => message.push_str("nothing in it looks like one; nearest: none. "),
        [first, rest @ ..] => {
            let tie = rest
                .first()
                .is_some_and(|second| second.score == first.score);
            message.push_str(if tie {
                "several formats fit equally well; nearest: "
            } else {
                "too little in it looks like one; nearest: "
            });
            for (n, candidate) in undetected.nearest.iter().take(3).enumerate() {
                if n > 0 {
                    message.push_str(", ");
                }
                message.push_str(candidate.vendor.name());
                if let Some(seen) = candidate.evidence.first() {
                    message.push_str(&format!(" (line {}: {})", seen.line, seen.what));
                }
            }
            message.push_str(". ");
        }
    }
    message.push_str("Name one with --vendor.");
    message
}

/// A file that was recognized.
struct Config<'r> {
    raw: &'r Raw,
    vendor: &'static dyn Vendor,
    text: String,
}

impl Config<'_> {
    /// True if this configuration includes a file, which lies in the same
    /// folder or below it.
    fn includes(&self, other: &Raw) -> bool {
        includes(self.vendor, &self.text, &self.raw.path, &other.path)
    }
}

fn includes(vendor: &dyn Vendor, text: &str, path: &str, other: &str) -> bool {
    path != other
        && other.starts_with(parent(path))
        && vendor
            .includes(text)
            .iter()
            .any(|included| fw_parse::include::names(included, other))
}

/// Puts included files behind those that include them: the first file of a
/// device names it.
fn included_last(configs: &mut [Config<'_>]) {
    let mut included: BTreeMap<&str, usize> = BTreeMap::new();
    let depth = |included: &BTreeMap<&str, usize>, path: &str| included.get(path).copied();
    // A file that is included by an included file comes behind that.
    for round in 1..=configs.len().min(INCLUDES) {
        let before = included.len();
        for config in configs.iter() {
            let by = configs.iter().any(|other| {
                (round == 1 || depth(&included, &other.raw.path) == Some(round - 1))
                    && other.includes(config.raw)
            });
            if by {
                included.entry(&config.raw.path).or_insert(round);
            }
        }
        if included.len() == before {
            break;
        }
    }
    let order: BTreeMap<String, usize> = included
        .into_iter()
        .map(|(path, round)| (path.to_owned(), round))
        .collect();
    configs.sort_by_key(|c| order.get(&c.raw.path).copied().unwrap_or(0));
}

/// So many files one file may include.
const INCLUDED: usize = 500;

/// Includes are followed this deep.
const INCLUDES: usize = 16;

impl Loaded {
    /// A side without anything in it.
    pub fn empty(side: Side) -> Self {
        Self {
            side,
            snapshot: Snapshot::default(),
            units: Vec::new(),
            inputs: Vec::new(),
            declared: Vec::new(),
            remarks: Vec::new(),
            topology: Topology::default(),
            names: Names::new(),
            assumed: Vec::new(),
        }
    }

    /// Sorts the configurations into devices.
    fn group(&mut self, configs: Vec<Config<'_>>, input: &str) {
        let relatives: Vec<String> = configs.iter().map(|c| c.raw.relative.clone()).collect();
        for Config { raw, vendor, text } in configs {
            let id = SourceId(u32::try_from(self.snapshot.sources.len()).unwrap_or(u32::MAX));
            let folder = raw.relative.rsplit_once('/').map(|(folder, _)| folder);
            let joined = self.units.iter_mut().find(|unit| {
                let included = unit.vendor.name() == vendor.name()
                    && unit
                        .files
                        .iter()
                        .filter_map(|f| self.snapshot.sources.get(f.0 as usize))
                        .any(|source| includes(vendor, &source.text, &source.path, &raw.path));
                if included {
                    return true;
                }
                let Some(first) = unit
                    .files
                    .first()
                    .and_then(|f| self.snapshot.sources.get(f.0 as usize))
                else {
                    return false;
                };
                unit.vendor.name() == vendor.name()
                    && self
                        .inputs
                        .get(unit.files.first().map_or(0, |f| f.0 as usize))
                        .is_some_and(
                            // Only files of one folder can be one device.
                            |i| parent(&i.path) == parent(&raw.path),
                        )
                    && vendor.joins(&first.text, &text)
            });
            let key = match (folder, raw.relative.as_str()) {
                (_, "") => stem(input),
                (Some(folder), _) => folder.to_owned(),
                (None, relative) => stem(relative),
            };
            match joined {
                Some(unit) => unit.files.push(id),
                None => {
                    // Two devices of one folder are told apart by their files.
                    let key = if self.units.iter().any(|u| u.key == key) {
                        stem_of_path(&raw.relative)
                    } else {
                        key
                    };
                    self.units.push(Unit {
                        key,
                        vendor,
                        files: vec![id],
                        devices: Vec::new(),
                    });
                }
            }
            let path = if raw.path == "-" {
                "<stdin>".to_owned()
            } else {
                raw.path.clone()
            };
            self.inputs.push(InputFile {
                role: self.side,
                path: path.clone(),
                sha256: hex(&Sha256::digest(&raw.bytes)),
                vendor: vendor.name().to_owned(),
                device: String::new(),
            });
            self.snapshot.sources.push(Source::new(path, text));
        }
        self.name_by_file(&relatives);
    }

    /// Where a folder holds several devices, or is the one in which RANCID
    /// keeps its backups, they are called after their files.
    fn name_by_file(&mut self, relatives: &[String]) {
        let folder = |unit: &Unit| {
            let first = relatives.get(unit.files.first()?.0 as usize)?;
            Some((parent(first).to_owned(), stem_of_path(first)))
        };
        let places: Vec<Option<(String, String)>> = self.units.iter().map(folder).collect();
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for (folder, _) in places.iter().flatten() {
            *count.entry(folder).or_default() += 1;
        }
        for (unit, place) in self.units.iter_mut().zip(&places) {
            let Some((folder, by_file)) = place else {
                continue;
            };
            let shared = count.get(folder.as_str()).is_some_and(|n| *n > 1);
            let backups = last_name(folder) == "configs" && unit.files.len() == 1;
            if !folder.is_empty() && (shared || backups) {
                unit.key.clone_from(by_file);
            }
        }
    }

    fn parse(&mut self) {
        let sources = &self.snapshot.sources;
        let outcomes: Vec<unit::Outcome> = {
            use rayon::prelude::*;
            self.units
                .par_iter()
                .map(|unit| {
                    let files: Vec<(SourceId, &Source)> = unit
                        .files
                        .iter()
                        .filter_map(|id| Some((*id, sources.get(id.0 as usize)?)))
                        .collect();
                    unit::parse(
                        last_name(&unit.key),
                        unit.vendor,
                        &files,
                        &self.assumed,
                        self.side,
                    )
                })
                .collect()
        };
        let mut ledgers: Vec<Ledger> = sources.iter().map(Ledger::new).collect();
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        let mut aliases: BTreeMap<String, String> = BTreeMap::new();
        for (unit, outcome) in self.units.iter_mut().zip(outcomes) {
            for (id, ledger) in unit.files.iter().zip(outcome.ledgers) {
                if let Some(slot) = ledgers.get_mut(id.0 as usize) {
                    *slot = ledger;
                }
            }
            let entry = self.topology.devices.iter().find(|d| {
                unit.key == d.file
                    || unit.files.iter().any(|f| {
                        sources
                            .get(f.0 as usize)
                            .is_some_and(|s| ends_with_path(&s.path, &d.file))
                    })
            });
            for mut device in outcome.devices {
                let count = taken.entry(device.name.clone()).or_insert(0);
                *count += 1;
                if *count > 1 {
                    let name = format!("{}#{count}", device.name);
                    self.remarks.push(DiagnosticReport {
                        code: "duplicate-device-name".into(),
                        severity: "warning".into(),
                        side: Some(self.side),
                        file: unit
                            .files
                            .first()
                            .and_then(|f| sources.get(f.0 as usize))
                            .map(|s| s.path.clone()),
                        line: None,
                        message: format!(
                            "a second device is named `{}`; it is called `{name}` here",
                            device.name
                        ),
                        effect: "none".into(),
                    });
                    device.name = name;
                }
                if let Some(entry) = entry {
                    aliases.insert(entry.name.clone(), device.name.clone());
                }
                unit.devices.push(device.name.clone());
                self.snapshot.devices.push(device);
            }
            for id in &unit.files {
                if let Some(input) = self.inputs.get_mut(id.0 as usize) {
                    input.device = if unit.devices.is_empty() {
                        last_name(&unit.key).to_owned()
                    } else {
                        unit.devices.join(", ")
                    };
                }
            }
            self.snapshot.diagnostics.extend(outcome.diagnostics);
            self.declared.extend(outcome.declared);
            self.remarks.extend(outcome.refused);
        }
        self.snapshot.ledgers = ledgers;
        let real = |name: &String| aliases.get(name).unwrap_or(name).clone();
        self.snapshot.networks = self
            .topology
            .networks
            .iter()
            .map(|(set, device, interface)| (set.clone(), real(device), interface.clone()))
            .collect();
        self.snapshot.links = self
            .topology
            .links
            .iter()
            .map(|((a, i), (b, j))| ((real(a), i.clone()), (real(b), j.clone())))
            .collect();
        self.snapshot.devices.sort_by(|a, b| a.name.cmp(&b.name));
        self.unknown_places();
        self.snapshot.link_devices(&[]);
        self.snapshot.resolve(&self.names);
    }

    /// Remarks on places of the topology file that no device has: they join
    /// nothing.
    fn unknown_places(&mut self) {
        let snapshot = &self.snapshot;
        let networks = snapshot.networks.iter().map(|(_, d, i)| (d, i));
        let links = snapshot.links.iter().flat_map(|(a, b)| [a, b]);
        let mut unknown: Vec<String> = networks
            .chain(links.map(|(d, i)| (d, i)))
            .filter(|(name, interface)| match snapshot.device(name) {
                None => true,
                Some(device) => {
                    device.interfaces_complete
                        && !device.zones.iter().any(|z| z.name == **interface)
                        && !device.interfaces.iter().any(|i| {
                            i.name == **interface || i.hardware.as_ref() == Some(*interface)
                        })
                }
            })
            .map(|(name, interface)| format!("{name}:{interface}"))
            .collect();
        unknown.sort();
        unknown.dedup();
        self.remarks
            .extend(unknown.into_iter().map(|place| DiagnosticReport {
                code: "unknown-place".into(),
                severity: "warning".into(),
                side: Some(self.side),
                file: None,
                line: None,
                message: format!("the topology names `{place}`, which no device has"),
                effect: "none".into(),
            }));
    }

    /// This side with other texts for some of its files; the devices of these
    /// files are read again, those of the others are copied without their
    /// files' texts. Of `scope`, if it is given, are the devices that are
    /// wanted. `None` if a device cannot be read any more.
    pub fn with_texts(
        &self,
        texts: &BTreeMap<SourceId, String>,
        scope: Option<&BTreeSet<String>>,
    ) -> Option<Snapshot> {
        let wanted = |name: &String| scope.is_none_or(|s| s.contains(name));
        // A file that had no device may have one now.
        let again: Vec<&Unit> = self
            .units
            .iter()
            .filter(|u| u.files.iter().any(|f| texts.contains_key(f)))
            .filter(|u| u.devices.is_empty() || u.devices.iter().any(wanted))
            .collect();
        let old = &self.snapshot;
        let read: BTreeSet<&String> = again.iter().flat_map(|u| &u.devices).collect();
        let files: BTreeSet<SourceId> = again.iter().flat_map(|u| u.files.clone()).collect();
        let mut snapshot = Snapshot {
            sources: (0..)
                .zip(&old.sources)
                .map(|(id, source)| match texts.get(&SourceId(id)) {
                    Some(text) => Source::new(source.path.clone(), text.clone()),
                    None if files.contains(&SourceId(id)) => source.clone(),
                    None => Source::new(source.path.clone(), String::new()),
                })
                .collect(),
            ledgers: vec![Ledger::default(); old.ledgers.len()],
            devices: old
                .devices
                .iter()
                .filter(|d| wanted(&d.name) && !read.contains(&d.name))
                .cloned()
                .collect(),
            diagnostics: Vec::new(),
            networks: old.networks.clone(),
            links: old.links.clone(),
        };
        for unit in again {
            let files: Vec<(SourceId, &Source)> = unit
                .files
                .iter()
                .filter_map(|id| Some((*id, snapshot.sources.get(id.0 as usize)?)))
                .collect();
            if files.iter().all(|(_, s)| s.text.trim().is_empty()) {
                continue;
            }
            let outcome = unit::parse(
                last_name(&unit.key),
                unit.vendor,
                &files,
                &self.assumed,
                self.side,
            );
            if outcome.devices.is_empty() && !unit.devices.is_empty() {
                return None;
            }
            for (id, ledger) in unit.files.iter().zip(outcome.ledgers) {
                *snapshot.ledgers.get_mut(id.0 as usize)? = ledger;
            }
            let mut part = Snapshot {
                devices: outcome.devices,
                ..Snapshot::default()
            };
            part.resolve(&self.names);
            for (n, mut device) in part.devices.into_iter().enumerate() {
                // A name that was made unique stays so.
                if let Some(name) = unit.devices.get(n)
                    && name
                        .split_once('#')
                        .is_some_and(|(base, _)| base == device.name)
                {
                    device.name.clone_from(name);
                }
                snapshot.devices.push(device);
            }
        }
        snapshot.devices.sort_by(|a, b| a.name.cmp(&b.name));
        snapshot.link_devices(&self.snapshot.devices);
        Some(snapshot)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn ends_with_path(path: &str, end: &str) -> bool {
    path == end
        || path
            .strip_suffix(end)
            .is_some_and(|rest| rest.ends_with(['/', ':']))
}

fn last_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The file name without its ending.
fn stem(path: &str) -> String {
    if path == "-" {
        return "stdin".into();
    }
    let name = path
        .rsplit(['/', ':'])
        .find(|part| !part.is_empty())
        .unwrap_or(path);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => name.to_owned(),
    }
}

fn stem_of_path(relative: &str) -> String {
    match relative.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/{}", stem(name)),
        None => stem(relative),
    }
}
