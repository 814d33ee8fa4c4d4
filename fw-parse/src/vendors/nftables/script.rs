//! Shell scripts of `nft` commands.

use super::ast::{Command, Define, Statement};
use super::include::Files;
use super::ledger::{self, Ledgers};
use super::lex::{Kind, Lexed, Token, lex};
use super::parse;
use crate::shell::{self, Assignment, Fed, Granted, Place, Step};
use fw_model::{Source, SourceId, Span};
use std::rc::Rc;

/// The words that a command of nft begins with.
const VERBS: [&str; 10] = [
    "add", "create", "insert", "replace", "delete", "destroy", "flush", "reset", "rename", "-f",
];

/// True if a line of a script calls nft to change the rules.
pub fn calls(line: &str) -> bool {
    let line = line.trim();
    let line = line.strip_prefix("sudo ").unwrap_or(line);
    let mut words = line.split_ascii_whitespace();
    let first = words.next().unwrap_or("").trim_matches('"');
    program(first)
        && words
            .next()
            .is_some_and(|w| VERBS.contains(&w.trim_matches(['"', '\''])))
}

/// True if a text is a shell script rather than input for `nft -f`.
pub fn is_script(text: &str) -> bool {
    match text.lines().next().and_then(|l| l.strip_prefix("#!")) {
        Some(interpreter) => {
            let program = interpreter.split_ascii_whitespace().next().unwrap_or("");
            let program = match program.rsplit('/').next() {
                Some("env") => interpreter.split_ascii_whitespace().nth(1).unwrap_or(""),
                other => other.unwrap_or(""),
            };
            program.ends_with("sh")
        }
        None => text.lines().any(calls),
    }
}

fn program(word: &str) -> bool {
    match word.strip_prefix('$') {
        Some(variable) => variable
            .trim_matches(['{', '}'])
            .eq_ignore_ascii_case("nft"),
        None => word.rsplit('/').next() == Some("nft"),
    }
}

/// The files that the commands of a script load.
pub fn loaded(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| calls(line))
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace().skip_while(|w| *w != "-f");
            words.next()?;
            let path = words.next()?.trim_matches(['"', '\'']);
            (!matches!(path, "-" | "/dev/stdin") && !path.contains('$')).then(|| path.to_owned())
        })
        .collect()
}

/// The commands of a script.
#[derive(Default)]
pub struct Script {
    /// The commands.
    pub commands: Vec<Command>,
    /// The `define`s of the texts that are loaded.
    pub defines: Vec<Define>,
    /// What is taken for granted of its run.
    pub granted: Vec<(Span, Granted)>,
}

/// Reads a script, the file at `at`. The ids of its `define`s count from
/// `base`.
pub fn read(
    (id, source): (SourceId, &Source),
    at: usize,
    files: &Files<'_>,
    base: usize,
    ledgers: &mut Ledgers<'_>,
) -> Script {
    let mut reader = Reader {
        id,
        at,
        files,
        base,
        script: Script::default(),
        ledgers,
    };
    let shell::Script { steps, assignments } = shell::script(source);
    reader.assignments(&assignments);
    for step in &steps {
        match step {
            Step::Comment(place) => reader.inert(*place, "a comment"),
            Step::Inert(place, why) => reader.inert(*place, why),
            _ => {}
        }
    }
    for step in &steps {
        if let Step::Decides(place) = step {
            for line in place.first..=place.last {
                reader.ledgers.modeled((id, line));
            }
        }
    }
    for step in steps {
        match step {
            Step::Comment(_) | Step::Inert(..) | Step::Decides(_) => {}
            Step::Assumed(place, what) => {
                let span = Span::line(id, place.first, place.length);
                reader.script.granted.push((span, what));
            }
            Step::Unreadable(place, key) => reader.unknown(place, key),
            Step::Command(command) => reader.command(command),
        }
    }
    reader.script
}

struct Reader<'r, 'l, 'f> {
    id: SourceId,
    at: usize,
    files: &'r Files<'f>,
    base: usize,
    script: Script,
    ledgers: &'r mut Ledgers<'l>,
}

impl Reader<'_, '_, '_> {
    /// The assignments as defines.
    fn assignments(&mut self, all: &[Assignment<'_>]) {
        let number = |at: usize| u16::try_from(self.base + at).unwrap_or(u16::MAX);
        self.script.defines = all
            .iter()
            .map(|a| Define {
                name: a.name.clone(),
                place: super::ast::Place {
                    span: Span::line(self.id, a.place.first, a.place.length),
                    last_line: a.place.last,
                },
                uses: a.uses.iter().map(|&at| number(at)).collect(),
            })
            .collect();
    }

    fn inert(&mut self, place: Place<'_>, why: &'static str) {
        for line in place.first..=place.last {
            self.ledgers.inert((self.id, line), why);
        }
    }

    fn unknown(&mut self, place: Place<'_>, text: String) {
        let place = super::ast::Place {
            span: Span::line(self.id, place.first, place.length),
            last_line: place.last,
        };
        self.add(vec![Command::Unknown(text, place)]);
    }

    fn add(&mut self, commands: Vec<Command>) {
        ledger::commands(self.ledgers, &commands);
        self.script.commands.extend(commands);
    }

    fn command(&mut self, command: shell::Command<'_>) {
        let place = command.place;
        let first = command.words.first();
        if !first.is_some_and(|w| program(&w.text)) {
            let known = first.is_some_and(|w| w.open.is_none());
            let why = shell::inert(command.name()).filter(|_| known && !command.piped);
            match why {
                Some(why) => {
                    self.inert(place, why);
                    for fed in &command.input {
                        self.inert(fed.place, why);
                    }
                }
                None => self.unknown(place, command.identity()),
            }
            return;
        }
        let arguments: Vec<&str> = command
            .words
            .iter()
            .skip(1)
            .map(|w| w.text.as_str())
            .collect();
        let open = command.words.iter().skip(1).any(|w| w.open.is_some());
        let under = command.context.is_some() || open;
        let fed: Vec<Fed<'_>>;
        let input: &[Fed<'_>] = match arguments.as_slice() {
            ["-f", "-" | "/dev/stdin"] if !command.input.is_empty() => &command.input,
            ["-f", path] if !open && !matches!(*path, "-" | "/dev/stdin") => {
                fed = vec![Fed {
                    place,
                    text: format!("include \"{path}\"").into(),
                    open: false,
                    uses: Vec::new(),
                }];
                &fed
            }
            ["-c", ..] | ["list", ..] | ["-a" | "-n" | "-s", "list", ..] => {
                self.inert(place, "changes no rule");
                return;
            }
            [option, ..] if option.starts_with('-') => {
                self.unknown(place, command.identity());
                return;
            }
            all => {
                fed = vec![Fed {
                    place,
                    text: all.join(" ").into(),
                    open,
                    uses: Vec::new(),
                }];
                &fed
            }
        };
        if !command.input.is_empty() {
            self.inert(place, "loads the rules that follow");
        }
        let mut uses = command.uses();
        uses.extend(input.iter().flat_map(|f| f.uses.iter().copied()));
        uses.sort_unstable();
        uses.dedup();
        let uses: Vec<u16> = uses
            .iter()
            .filter_map(|&at| u16::try_from(self.base + at).ok())
            .collect();
        let tokens = self.tokens(input);
        let base = self.base + self.script.defines.len();
        let mut text = parse::text(self.files.spliced(tokens, self.at), base);
        let unsure = under || input.iter().any(|f| f.open);
        if unsure {
            let mut identity = command.identity();
            if !command.input.is_empty() {
                for fed in input {
                    identity.push_str(&format!(" {}", fed.text.trim()));
                }
            }
            text.commands = text
                .commands
                .into_iter()
                .map(|c| perhaps(c, &identity, place, self.id))
                .collect();
        }
        for command in &mut text.commands {
            match command {
                Command::AddRule(_, _, _, rule) => rule.defines.extend(&uses),
                Command::AddChain(_, chain) => {
                    for rule in &mut chain.rules {
                        rule.defines.extend(&uses);
                    }
                }
                Command::AddSet(_, set) => set.defines.extend(&uses),
                _ => {}
            }
        }
        ledger::text(self.ledgers, &text);
        self.script.defines.extend(text.defines);
        self.script.commands.extend(text.commands);
    }

    /// The tokens of a text, at the places of its lines in the script.
    fn tokens(&self, input: &[Fed<'_>]) -> Lexed {
        let mut out = Lexed::default();
        for fed in input {
            let lexed = lex(&fed.text, self.id);
            for mut token in lexed.tokens {
                token.span = Span::line(self.id, fed.place.first, fed.place.length);
                out.tokens.push(token);
            }
            if !lexed.comments.is_empty() {
                out.comments.push((self.id, fed.place.first));
            }
        }
        // A backslash at the end of a line took the end of the text with it.
        if out.tokens.last().is_some_and(|t| t.kind != Kind::Newline) {
            out.tokens.push(Token {
                kind: Kind::Newline,
                text: Rc::from(""),
                span: Span::line(self.id, 0, 0),
                define: None,
            });
        }
        out
    }
}

/// A command that may not be carried out, or whose words are not all known.
fn perhaps(command: Command, identity: &str, place: Place<'_>, id: SourceId) -> Command {
    match command {
        Command::AddRule(table, chain, position, mut rule) => {
            rule.statements = vec![Statement::Unknown(format!("{rule} of `{identity}`"))];
            Command::AddRule(table, chain, position, rule)
        }
        _ => {
            let place = super::ast::Place {
                span: Span::line(id, place.first, place.length),
                last_line: place.last,
            };
            Command::Unknown(identity.to_owned(), place)
        }
    }
}
