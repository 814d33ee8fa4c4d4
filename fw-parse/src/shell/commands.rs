//! The commands of a list: assignments, calls of functions, and the others.

use super::decide::{Runs, reliable, test};
use super::lines::{self, Segment};
use super::words::{ALL, BETWEEN};
use super::{Command, DEPTH, Fed, Frame, Shell, Step, Value, Word, assignment, name, shown};
use std::borrow::Cow;

impl<'s, 'a> Shell<'s, 'a> {
    /// Commands joined by `&&`, `||`, `|` and `&`.
    pub(super) fn list(
        &mut self,
        segment: &Segment<'a>,
        commands: Vec<(Vec<Word>, &'static str)>,
        depth: usize,
    ) {
        let surrounding = self.context();
        let mut under: Vec<String> = Vec::new();
        let mut last: Option<(String, Runs, bool)> = None;
        let mut asked: Vec<Word> = Vec::new();
        let feeds = commands.len().saturating_sub(1);
        let plain_cat = commands
            .first()
            .is_some_and(|(words, _)| words.len() == 1 && words.iter().all(|w| w.text == "cat"));
        for (at, (mut words, before)) in commands.into_iter().enumerate() {
            let ensured = before == "||" && ensures(&asked, &words);
            asked.clone_from(&words);
            if let Some((text, result, reliable)) = &last {
                match (before, result) {
                    // The rule is there behind this, whoever adds it.
                    ("||", Runs::Perhaps) if ensured => match self.has_added(&words) {
                        Some(false) => {}
                        Some(true) => {
                            self.inert(segment, "adds what is there already");
                            continue;
                        }
                        None => under.push(format!("{text} {before}")),
                    },
                    ("&&", Runs::No) | ("||", Runs::Yes) => {
                        self.inert(segment, "in a branch that is not taken");
                        continue;
                    }
                    ("&&", Runs::Yes) | ("||", Runs::No) => {}
                    // Commands that load rules or print are taken to succeed.
                    ("&&", Runs::Perhaps) if *reliable => {}
                    ("&&" | "||", _) => under.push(format!("{text} {before}")),
                    _ => {}
                }
            }
            while words
                .first()
                .is_some_and(|w| matches!(w.text.as_str(), "sudo" | "!" | "time" | "exec"))
            {
                words.remove(0);
            }
            let result = test(&words);
            let program = words
                .first()
                .map_or("", |w| w.text.rsplit('/').next().unwrap_or(w.text.as_str()));
            last = Some((shown(&words), result, reliable(program)));
            if words.is_empty() {
                continue;
            }
            let parts: Vec<String> = surrounding.iter().cloned().chain(under.clone()).collect();
            let context = (!parts.is_empty()).then(|| parts.join(", "));
            let fed = if plain_cat { at == feeds } else { at == 0 };
            let input = if fed { self.fed(segment) } else { Vec::new() };
            let command = Command {
                place: segment.place,
                words,
                context,
                piped: before == "|",
                input,
            };
            if !self.call(&command, &under, depth) {
                self.command(command);
            }
        }
    }

    /// Whether the script has added the rule of this command before; `None`
    /// if it may have taken it out again.
    fn has_added(&self, words: &[Word]) -> Option<bool> {
        let wanted = plain(words);
        let adds = |w: &str| matches!(w, "-A" | "--append" | "-I" | "--insert");
        let takes = |w: &Word| {
            let text = w.text.as_str();
            let short = ["-D", "-F", "-X", "-R"].iter().any(|o| text.starts_with(o));
            short || matches!(text, "--delete" | "--flush" | "--replace")
        };
        let mut taken = false;
        for step in self.out.iter().rev() {
            let Step::Command(known) = step else { continue };
            if known.name().ends_with("-restore") {
                return None;
            }
            if known.words.iter().any(takes) {
                taken = true;
                continue;
            }
            let known_words = plain(&known.words);
            let same = |(a, b): (&&str, &&str)| a == b || adds(a) && adds(b);
            if known_words.len() == wanted.len() && known_words.iter().zip(&wanted).all(same) {
                return (known.context.is_none() && !taken).then_some(true);
            }
        }
        Some(false)
    }

    pub(super) fn fed(&self, segment: &Segment<'a>) -> Vec<Fed<'a>> {
        segment
            .here
            .iter()
            .map(|(place, text)| {
                if segment.literal || !text.contains(['$', '`']) {
                    return Fed {
                        place: *place,
                        text: Cow::Borrowed(*text),
                        open: false,
                        uses: Vec::new(),
                    };
                }
                let word = self.expanded(text);
                Fed {
                    place: *place,
                    text: Cow::Owned(word.text),
                    open: word.open.is_some(),
                    uses: word.uses,
                }
            })
            .collect()
    }

    /// Runs the body of a function that a command calls. True if it is one.
    pub(super) fn call(&mut self, command: &Command<'a>, under: &[String], depth: usize) -> bool {
        let Some(first) = command.words.first() else {
            return false;
        };
        if first.open.is_some() {
            // It may be any function.
            let mut uncalled: Vec<_> = self
                .functions
                .iter()
                .filter(|(_, f)| !f.called)
                .map(|(name, f)| (name.clone(), f.body))
                .collect();
            uncalled.sort_by(|a, b| a.0.cmp(&b.0));
            for (name, body) in uncalled {
                self.body(&name, body, &[format!("function {name}")], depth);
            }
            return false;
        }
        let Some(function) = self.functions.get(&first.text) else {
            return false;
        };
        let body = function.body;
        let mut under = under.to_vec();
        if !lines::returns_at_its_end(body) || depth >= DEPTH || body.len() > self.budget {
            under.push(format!("function {}", command.identity()));
        }
        self.budget = self.budget.saturating_sub(body.len());
        if depth >= DEPTH {
            return false;
        }
        self.out.push(Step::Decides(command.place));
        let call = self.assigned(&first.text, command.place, command.uses());
        let mut kept = Vec::new();
        for at in 1..=9 {
            let number = at.to_string();
            kept.extend(
                self.variables
                    .remove(&number)
                    .map(|value| (number.clone(), value)),
            );
            let value = command.words.get(at);
            self.variables.insert(
                number,
                Value {
                    known: match value {
                        Some(word) => word.open.is_none().then(|| word.text.clone()),
                        None => Some(String::new()),
                    },
                    origin: value
                        .map(|word| shown(std::slice::from_ref(word)))
                        .unwrap_or_default(),
                    uses: vec![call],
                },
            );
        }
        let all = command.words.get(1..).unwrap_or_default();
        let outer = self.variables.remove(ALL);
        let closed = all.iter().all(|word| word.open.is_none());
        let texts: Vec<&str> = all.iter().map(|word| word.text.as_str()).collect();
        self.variables.insert(
            ALL.to_owned(),
            Value {
                known: closed.then(|| texts.join(BETWEEN)),
                origin: shown(all),
                uses: vec![call],
            },
        );
        let name = first.text.clone();
        self.body(&name, body, &under, depth);
        self.variables.remove(ALL);
        self.variables
            .extend(outer.map(|value| (ALL.to_owned(), value)));
        for at in 1..=9 {
            self.variables.remove(&at.to_string());
        }
        self.variables.extend(kept);
        true
    }

    pub(super) fn body(
        &mut self,
        name: &str,
        body: &'s [Segment<'a>],
        under: &[String],
        depth: usize,
    ) {
        if let Some(function) = self.functions.get_mut(name) {
            function.called = true;
        }
        let frames = self.frames.len();
        self.frames.extend(under.iter().cloned().map(Frame::Block));
        self.run(body, depth + 1);
        self.frames.truncate(frames);
    }

    pub(super) fn command(&mut self, mut command: Command<'a>) {
        if matches!(
            command.name(),
            "export" | "readonly" | "local" | "declare" | "typeset"
        ) && command.words.len() > 1
        {
            command.words.remove(0);
        }
        if command.words.iter().all(|w| assignment(&w.text).is_some()) {
            for word in &command.words {
                if let Some((name, value)) = assignment(&word.text) {
                    if command.context.is_none() && word.open.is_none() {
                        let number = self.assigned(name, command.place, word.uses.clone());
                        self.variables.insert(
                            name.to_owned(),
                            Value {
                                known: Some(value.to_owned()),
                                origin: String::new(),
                                uses: vec![number],
                            },
                        );
                    } else {
                        let how = command.identity();
                        self.forget(name, &how);
                    }
                }
            }
            self.out.push(Step::Decides(command.place));
            return;
        }
        while command.words.len() > 1
            && command
                .words
                .first()
                .is_some_and(|w| assignment(&w.text).is_some())
        {
            command.words.remove(0);
        }
        if matches!(command.name(), "source" | "." | "eval") {
            let how = command.identity();
            let names: Vec<String> = self.variables.keys().filter(|n| name(n)).cloned().collect();
            for name in names {
                self.forget(&name, &how);
            }
        }
        // The words that the script was called with are others from here on.
        if command.name() == "shift"
            || command.name() == "set" && command.words.iter().any(|w| w.text == "--")
        {
            self.variables.retain(|n, _| name(n));
        }
        if matches!(command.name(), "read" | "unset") {
            let how = command.identity();
            for word in command.words.iter().skip(1) {
                if name(&word.text) {
                    self.forget(&word.text, &how);
                }
            }
        }
        self.ended |= command.name() == "exit" && command.context.is_none();
        self.out.push(Step::Command(command));
    }

    /// The value of a variable is not known any more.
    pub(super) fn forget(&mut self, name: &str, how: &str) {
        let slot = self.variables.entry(name.to_owned()).or_insert(Value {
            known: None,
            origin: String::new(),
            uses: Vec::new(),
        });
        if let Some(known) = slot.known.take() {
            slot.origin = format!("{name}={known}");
        }
        if slot.origin.len() < 4096 {
            if !slot.origin.is_empty() {
                slot.origin.push_str("; ");
            }
            slot.origin.push_str(how);
        }
    }
}

/// True for `iptables -C RULE || iptables -A RULE` (or `-I`).
fn ensures(asked: &[Word], added: &[Word]) -> bool {
    let (asked, added) = (plain(asked), plain(added));
    let tables = |words: &[&str]| words.first().is_some_and(|p| p.contains("tables"));
    let same = |(old, new): (&&str, &&str)| match (*old, *new) {
        ("-C" | "--check", "-A" | "--append" | "-I" | "--insert") => true,
        (old, new) => old == new,
    };
    let checks = asked.iter().any(|w| matches!(*w, "-C" | "--check"));
    tables(&asked) && checks && asked.len() == added.len() && asked.iter().zip(&added).all(same)
}

/// The words of a command; none if one is unknown.
fn plain(words: &[Word]) -> Vec<&str> {
    if words.iter().any(|w| w.open.is_some()) {
        return Vec::new();
    }
    words.iter().map(|w| w.text.as_str()).collect()
}
