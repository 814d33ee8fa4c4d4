//! The edited lines between two sides, and the after side without some of
//! them.

use super::side::Loaded;
use super::unit::Unit;
use fw_impact::pairing::{Renamed, renamed};
use fw_impact::report::{EditKind, FlowReport, Side};
use fw_impact::{Counterfactual, Edit};
use fw_model::{Ledger, LineStatus, Snapshot, Source, SourceId};
use fw_parse::vendor::Vendor;
use imara_diff::{Algorithm, Diff, Hunk, InternedInput};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// All edits of a comparison.
pub struct Edits<'a> {
    after: &'a Loaded,
    files: Vec<FilePair>,
    edits: Vec<Edit>,
    hunks: usize,
    /// Lines that only stand somewhere else now: where, by side, file and line.
    moves: BTreeMap<(Side, String, u32), u32>,
}

/// The two versions of one file.
struct FilePair {
    after: SourceId,
    before_lines: Vec<String>,
    after_lines: Vec<String>,
    hunks: Vec<Hunk>,
    /// Edit by line, from 0, on the before side.
    removed: BTreeMap<u32, usize>,
    /// Edit by line, from 0, on the after side.
    added: BTreeMap<u32, usize>,
}

/// Makes room on the after side for files that are gone there, so that their
/// lines can come back.
pub fn make_room(before: &Loaded, after: &mut Loaded) {
    let renamed = renamed(&before.snapshot, &after.snapshot);
    let pairs = pair_units(&before.units, &after.units, &renamed);
    for (unit, partner) in before.units.iter().zip(pairs) {
        let named: Vec<(SourceId, String)> = unit
            .files
            .iter()
            .filter_map(|id| Some((*id, before.snapshot.source(*id)?.path.clone())))
            .collect();
        let gone: Vec<String> = match partner {
            None => named.into_iter().map(|(_, path)| path).collect(),
            Some(n) => {
                let Some(other) = after.units.get(n) else {
                    continue;
                };
                let matched: BTreeSet<SourceId> = pair_files(before, unit, after, other)
                    .into_iter()
                    .map(|(b, _)| b)
                    .collect();
                named
                    .into_iter()
                    .filter(|(id, _)| !matched.contains(id))
                    .map(|(_, path)| path)
                    .collect()
            }
        };
        if gone.is_empty() {
            continue;
        }
        let mut files = Vec::new();
        for path in gone {
            let id = SourceId(u32::try_from(after.snapshot.sources.len()).unwrap_or(u32::MAX));
            after
                .snapshot
                .sources
                .push(Source::new(path, String::new()));
            after.snapshot.ledgers.push(Ledger::default());
            files.push(id);
        }
        match partner.and_then(|n| after.units.get_mut(n)) {
            Some(unit) => unit.files.extend(files),
            None => after.units.push(Unit {
                key: unit.key.clone(),
                vendor: unit.vendor,
                files,
                devices: Vec::new(),
            }),
        }
    }
}

/// For each unit of the before side, the unit of the after side that is the
/// same device. `renamed` are those that have another name there.
pub fn pair_units(before: &[Unit], after: &[Unit], renamed: &[Renamed]) -> Vec<Option<usize>> {
    let mut free: BTreeSet<usize> = (0..after.len()).collect();
    let mut out: Vec<Option<usize>> = vec![None; before.len()];
    type Same<'r> = &'r dyn Fn(&Unit, &Unit) -> bool;
    let rules: [Same<'_>; 4] = [
        &|b, a| b.devices == a.devices && b.key == a.key,
        &|b, a| !b.devices.is_empty() && b.devices.iter().any(|d| a.devices.contains(d)),
        &|b, a| {
            let both = |r: &Renamed| b.devices.contains(&r.before) && a.devices.contains(&r.after);
            renamed.iter().any(both)
        },
        &|b, a| b.key == a.key,
    ];
    for rule in rules {
        for (unit, slot) in before.iter().zip(&mut out) {
            if slot.is_some() {
                continue;
            }
            *slot = free
                .iter()
                .copied()
                .find(|n| after.get(*n).is_some_and(|a| rule(unit, a)));
            if let Some(n) = slot {
                free.remove(n);
            }
        }
    }
    // A single device on both sides is the same one, whatever it is called.
    if let ([None], [_]) = (out.as_slice(), after) {
        return vec![Some(0)];
    }
    out
}

/// The files of two units that are versions of each other.
fn pair_files(
    before: &Loaded,
    unit: &Unit,
    after: &Loaded,
    other: &Unit,
) -> Vec<(SourceId, SourceId)> {
    if let ([b], [a]) = (unit.files.as_slice(), other.files.as_slice()) {
        return vec![(*b, *a)];
    }
    let name = |loaded: &Loaded, id: SourceId| {
        loaded
            .snapshot
            .source(id)
            .and_then(|s| s.path.rsplit('/').next().map(str::to_owned))
    };
    let mut free: Vec<SourceId> = other.files.clone();
    let mut out = Vec::new();
    for b in &unit.files {
        if let Some(at) = free
            .iter()
            .position(|a| name(before, *b).is_some() && name(before, *b) == name(after, *a))
        {
            out.push((*b, free.remove(at)));
        }
    }
    out
}

fn lines(source: &Source) -> Vec<String> {
    (1..=source.line_count())
        .map(|n| source.line(n).unwrap_or_default().to_owned())
        .collect()
}

/// True if a line has no meaning that an edit could change.
fn silent(ledger: Option<&Ledger>, line: u32) -> bool {
    matches!(
        ledger.and_then(|l| l.status(line)),
        Some(LineStatus::Blank | LineStatus::Inert(_)) | None
    )
}

impl<'a> Edits<'a> {
    /// The edits between two sides; call [`make_room`] before.
    pub fn new(before: &Loaded, after: &'a Loaded) -> Self {
        let mut out = Self {
            after,
            files: Vec::new(),
            edits: Vec::new(),
            hunks: 0,
            moves: BTreeMap::new(),
        };
        let renamed = renamed(&before.snapshot, &after.snapshot);
        let pairs = pair_units(&before.units, &after.units, &renamed);
        let mut paired: BTreeSet<SourceId> = BTreeSet::new();
        for (unit, partner) in before.units.iter().zip(pairs) {
            let Some(other) = partner.and_then(|n| after.units.get(n)) else {
                continue;
            };
            for (b, a) in pair_files(before, unit, after, other) {
                paired.insert(a);
                out.pair(before, Some(b), a, unit.vendor);
            }
        }
        for unit in &after.units {
            for id in unit.files.iter().filter(|id| !paired.contains(id)) {
                out.pair(before, None, *id, unit.vendor);
            }
        }
        out
    }

    /// Notes on the causes which lines only moved.
    pub fn mark_moves(&self, flows: &mut [FlowReport]) {
        for cause in flows.iter_mut().flat_map(|f| &mut f.caused_by) {
            let place = (cause.side, cause.file.clone(), cause.line);
            cause.moved = self.moves.get(&place).copied();
        }
    }

    fn pair(&mut self, before: &Loaded, b: Option<SourceId>, a: SourceId, vendor: &dyn Vendor) {
        let Some(new) = self.after.snapshot.source(a) else {
            return;
        };
        let empty = Source::new("", String::new());
        let old = b.and_then(|b| before.snapshot.source(b)).unwrap_or(&empty);
        let before_lines = lines(old);
        let after_lines = lines(new);
        // Line endings, blanks at the end of a line and counters are no
        // difference.
        let [old_plain, new_plain] = [&before_lines, &after_lines].map(|lines| {
            let lines = lines.iter().map(|line| line.trim_end());
            lines
                .map(|line| vendor.without_counters(line))
                .collect::<Vec<Cow<'_, str>>>()
        });
        let mut input: InternedInput<&str> = InternedInput::default();
        input.update_before(old_plain.iter().map(AsRef::as_ref));
        input.update_after(new_plain.iter().map(AsRef::as_ref));
        let mut diff = Diff::compute(Algorithm::Histogram, &input);
        diff.postprocess_lines(&input);
        let mut file = FilePair {
            after: a,
            hunks: diff.hunks().collect(),
            before_lines: Vec::new(),
            after_lines: Vec::new(),
            removed: BTreeMap::new(),
            added: BTreeMap::new(),
        };
        let before_ledger = b.and_then(|b| before.snapshot.ledgers.get(b.0 as usize));
        let after_ledger = self.after.snapshot.ledgers.get(a.0 as usize);
        for hunk in &file.hunks {
            self.hunks += 1;
            let number = self.hunks;
            for line in hunk.before.clone() {
                if let (Some(source), false) = (b, silent(before_ledger, line + 1)) {
                    file.removed.insert(line, self.edits.len());
                    self.edits
                        .push(edit(EditKind::Removed, source, line, number, &before_lines));
                }
            }
            for line in hunk.after.clone() {
                if !silent(after_ledger, line + 1) {
                    file.added.insert(line, self.edits.len());
                    self.edits
                        .push(edit(EditKind::Added, a, line, number, &after_lines));
                }
            }
        }
        if file.hunks.is_empty() {
            return;
        }
        for (from, to) in moved(&file, &before_lines, &after_lines) {
            self.moves
                .insert((Side::Before, old.path.clone(), from), to);
            self.moves.insert((Side::After, new.path.clone(), to), from);
        }
        file.before_lines = before_lines;
        file.after_lines = after_lines;
        self.files.push(file);
    }
}

/// Lines that are gone at one place and new at another, and are there only
/// once: the numbers before and after.
fn moved(file: &FilePair, before: &[String], after: &[String]) -> Vec<(u32, u32)> {
    let mut places: BTreeMap<&str, (Vec<u32>, Vec<u32>)> = BTreeMap::new();
    for line in file.removed.keys() {
        if let Some(text) = before.get(*line as usize) {
            places.entry(text.trim()).or_default().0.push(line + 1);
        }
    }
    for line in file.added.keys() {
        if let Some(text) = after.get(*line as usize) {
            places.entry(text.trim()).or_default().1.push(line + 1);
        }
    }
    places
        .into_values()
        .filter_map(|(from, to)| match (from.as_slice(), to.as_slice()) {
            ([from], [to]) => Some((*from, *to)),
            _ => None,
        })
        .collect()
}

fn edit(kind: EditKind, source: SourceId, line: u32, hunk: usize, lines: &[String]) -> Edit {
    Edit {
        kind,
        hunk,
        source,
        line: line + 1,
        text: lines.get(line as usize).cloned().unwrap_or_default(),
    }
}

impl FilePair {
    /// The after text with some edits undone; `None` if none of them is here.
    fn without(&self, undone: &BTreeSet<usize>) -> Option<String> {
        let is = |map: &BTreeMap<u32, usize>, line: u32| {
            map.get(&line).is_some_and(|e| undone.contains(e))
        };
        if !self
            .removed
            .values()
            .chain(self.added.values())
            .any(|e| undone.contains(e))
        {
            return None;
        }
        let mut out = String::new();
        let mut push = |lines: &[String], line: u32| {
            out.push_str(lines.get(line as usize).map_or("", |l| l.trim_end()));
            out.push('\n');
        };
        let mut at = 0;
        for hunk in &self.hunks {
            for line in at..hunk.after.start {
                push(&self.after_lines, line);
            }
            at = hunk.after.end;
            let listed = |map: &BTreeMap<u32, usize>, range: std::ops::Range<u32>| {
                map.range(range).all(|(_, e)| undone.contains(e))
            };
            let any = self.removed.range(hunk.before.clone()).next().is_some()
                || self.added.range(hunk.after.clone()).next().is_some();
            // Where all of a place is undone, its comments and blank lines
            // come back too, so that undoing everything gives the before text.
            if any
                && listed(&self.removed, hunk.before.clone())
                && listed(&self.added, hunk.after.clone())
            {
                for line in hunk.before.clone() {
                    push(&self.before_lines, line);
                }
                continue;
            }
            // Lines that were changed in place go back to their own place.
            let in_place = hunk.before.len() == hunk.after.len();
            let mut added = hunk.after.clone();
            for line in hunk.before.clone() {
                if is(&self.removed, line) {
                    push(&self.before_lines, line);
                }
                if in_place
                    && let Some(line) = added.next()
                    && !is(&self.added, line)
                {
                    push(&self.after_lines, line);
                }
            }
            for line in added {
                if !is(&self.added, line) {
                    push(&self.after_lines, line);
                }
            }
        }
        let count = u32::try_from(self.after_lines.len()).unwrap_or(u32::MAX);
        for line in at..count {
            push(&self.after_lines, line);
        }
        Some(out)
    }
}

impl Counterfactual for Edits<'_> {
    fn edits(&self) -> &[Edit] {
        &self.edits
    }

    fn without(&self, undone: &[usize], scope: Option<&BTreeSet<String>>) -> Option<Snapshot> {
        let undone: BTreeSet<usize> = undone.iter().copied().collect();
        let mut texts = BTreeMap::new();
        for file in &self.files {
            if let Some(text) = file.without(&undone) {
                texts.insert(file.after, text);
            }
        }
        self.after.with_texts(&texts, scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::unit;
    use fw_impact::report::Side;
    use fw_model::Device;
    use fw_parse::detect::Evidence;
    use fw_parse::{Input, Parsed, Vendor};

    /// A format in which `!` starts a comment and every other line is modeled.
    struct Plain;

    impl Vendor for Plain {
        fn name(&self) -> &'static str {
            "plain"
        }
        fn title(&self) -> &'static str {
            "Plain"
        }
        fn detect(&self, _: &str) -> Vec<Evidence> {
            Vec::new()
        }
        fn parse(&self, input: Input<'_>) -> Parsed {
            let mut parsed = Parsed::default();
            for (_, source) in input.files {
                let mut ledger = Ledger::new(source);
                for line in 1..=source.line_count() {
                    match source.line(line) {
                        Some(text) if text.starts_with('!') => ledger.inert(line, "comment"),
                        Some(text) if text.starts_with('?') => ledger.opaque(line),
                        _ => ledger.modeled(line),
                    }
                }
                parsed.ledgers.push(ledger);
            }
            parsed.devices.push(Device {
                name: input.fallback_name.to_owned(),
                ..Device::default()
            });
            parsed
        }
    }

    fn loaded(side: Side, files: &[(&str, &str)]) -> Loaded {
        let mut loaded = Loaded::empty(side);
        for (n, (name, text)) in files.iter().enumerate() {
            let source = Source::new(*name, (*text).to_owned());
            let id = SourceId(n as u32);
            let outcome = unit::parse(name, &Plain, &[(id, &source)], &[], side);
            loaded.snapshot.sources.push(source);
            loaded.snapshot.ledgers.extend(outcome.ledgers);
            loaded.snapshot.devices.extend(outcome.devices);
            loaded.units.push(Unit {
                key: (*name).to_owned(),
                vendor: &Plain,
                files: vec![id],
                devices: vec![(*name).to_owned()],
            });
        }
        loaded
    }

    fn check(before: &str, after: &str, undone: &[usize]) -> (Vec<String>, String) {
        let b = loaded(Side::Before, &[("fw", before)]);
        let mut a = loaded(Side::After, &[("fw", after)]);
        make_room(&b, &mut a);
        let edits = Edits::new(&b, &a);
        let list = edits
            .edits()
            .iter()
            .map(|e| format!("{:?} {} {}", e.kind, e.line, e.text))
            .collect();
        let text = edits.without(undone, None).unwrap().sources[0].text.clone();
        (list, text)
    }

    #[test]
    fn undoing_all_gives_the_before_text() {
        let before = "a\n! old\nb\nc\nd\n";
        let after = "a\nB\nc\n! new\nx\nd\n";
        let (list, text) = check(before, after, &[0, 1, 2]);
        assert_eq!(list, ["Removed 3 b", "Added 2 B", "Added 5 x"]);
        assert_eq!(text, before);
    }

    #[test]
    fn undoing_some() {
        let (list, text) = check("a\nb\nc\n", "a\nc\nd\n", &[0]);
        assert_eq!(list, ["Removed 2 b", "Added 3 d"]);
        assert_eq!(text, "a\nb\nc\nd\n");
        let (_, text) = check("a\nb\nc\n", "a\nc\nd\n", &[1]);
        assert_eq!(text, "a\nc\n");
        // Changed in place: the second of three goes back to its place.
        let (list, text) = check("1\n2\n3\n", "x\ny\nz\n", &[1, 4]);
        assert_eq!(list.len(), 6);
        assert_eq!(text, "x\n2\nz\n");
    }

    #[test]
    fn line_endings_comments_and_trailing_blanks_are_no_edits() {
        let (list, _) = check("a\r\nb\r\n", "! c\na \nb\n\n", &[]);
        assert!(list.is_empty(), "{list:?}");
    }

    #[test]
    fn moved_lines_are_two_edits() {
        let (list, text) = check("a\nb\nc\nd\n", "b\nc\nd\na\n", &[0, 1]);
        assert_eq!(list, ["Removed 1 a", "Added 4 a"]);
        assert_eq!(text, "a\nb\nc\nd\n");
    }

    #[test]
    fn files_on_one_side_only() {
        let b = loaded(Side::Before, &[("fw", "a\n"), ("gone", "g\nh\n")]);
        let mut a = loaded(Side::After, &[("fw", "a\n"), ("new", "n\n")]);
        make_room(&b, &mut a);
        let edits = Edits::new(&b, &a);
        let list: Vec<String> = edits
            .edits()
            .iter()
            .map(|e| format!("{:?} {}", e.kind, e.text))
            .collect();
        assert_eq!(list, ["Removed g", "Removed h", "Added n"]);
        let all = edits.without(&[0, 1, 2], None).unwrap();
        let names: Vec<&str> = all.devices.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["fw", "gone"]);
        let none = edits.without(&[], None).unwrap();
        let names: Vec<&str> = none.devices.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["fw", "new"]);
    }

    #[test]
    fn ten_thousand_lines_take_no_time() {
        let before: String = (0..10_000).map(|n| format!("rule {n}\n")).collect();
        let after = before
            .replace("rule 5000\n", "")
            .replace("rule 77\n", "rule x\n");
        let start = std::time::Instant::now();
        let (list, _) = check(&before, &after, &[0]);
        assert_eq!(list.len(), 3);
        assert!(start.elapsed().as_millis() < 2000, "{:?}", start.elapsed());
    }
}
