//! One `iptables` command, from its words.

use super::ast::{Argument, Command, Module, Protocol, Rule, Setting, Word};
use super::options::{self, ModuleSpec, OptionSpec};
use std::borrow::Cow;

/// A command with what it says about where it applies.
pub(super) struct Parsed<'a> {
    pub table: Option<Word<'a>>,
    /// `-4` or `-6`.
    pub only: Option<Protocol>,
    pub command: Command<'a>,
}

/// The options that every rule has: letter, full name.
const CORE: [(char, &str); 10] = [
    ('p', "protocol"),
    ('s', "source"),
    ('d', "destination"),
    ('i', "in-interface"),
    ('o', "out-interface"),
    ('j', "jump"),
    ('g', "goto"),
    ('m', "match"),
    ('f', "fragment"),
    ('c', "set-counters"),
];

/// The options that say what to do.
const COMMANDS: [(char, &str); 13] = [
    ('A', "append"),
    ('I', "insert"),
    ('R', "replace"),
    ('D', "delete"),
    ('F', "flush"),
    ('N', "new-chain"),
    ('X', "delete-chain"),
    ('P', "policy"),
    ('E', "rename-chain"),
    ('Z', "zero"),
    ('L', "list"),
    ('S', "list-rules"),
    ('C', "check"),
];

/// Reads the words of a command (without the program's name). `None` if they
/// are no command at all.
pub(super) fn command<'a>(words: Vec<Word<'a>>) -> Option<Parsed<'a>> {
    let mut reader = Reader {
        words,
        at: 0,
        rule: Rule::default(),
        loaded: Vec::new(),
        table: None,
        only: None,
        verb: None,
        chain: None,
        number: None,
        second: None,
    };
    reader.run();
    reader.finish()
}

/// Options whose value is text of the administrator's: it may be anything,
/// `!` too.
const FREE_TEXT: [&str; 6] = [
    "comment",
    "log-prefix",
    "nflog-prefix",
    "ulog-prefix",
    "string",
    "hex-string",
];

/// Options of the protocols' own modules, which `-p` loads.
const OF_PROTOCOLS: [&str; 8] = [
    "dport",
    "sport",
    "destination-port",
    "source-port",
    "tcp-flags",
    "syn",
    "icmp-type",
    "icmpv6-type",
];

/// Which of a rule's modules an option belongs to.
#[derive(Clone, Copy)]
enum Owner {
    Match(usize),
    Target,
}

struct Reader<'a> {
    words: Vec<Word<'a>>,
    at: usize,
    rule: Rule<'a>,
    loaded: Vec<(Owner, &'static ModuleSpec)>,
    table: Option<Word<'a>>,
    only: Option<Protocol>,
    verb: Option<char>,
    chain: Option<Word<'a>>,
    number: Option<u32>,
    second: Option<Word<'a>>,
}

/// True for a word that can only be an option.
fn is_option(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next() == Some('-') && chars.next().is_some_and(|c| c == '-' || c.is_alphabetic())
}

impl<'a> Reader<'a> {
    fn take(&mut self) -> Option<Word<'a>> {
        let word = self.words.get_mut(self.at)?;
        self.at += 1;
        Some(std::mem::take(word))
    }

    fn peek(&self) -> Option<&str> {
        self.words.get(self.at).map(Cow::as_ref)
    }

    /// The next word if it is no option.
    fn operand(&mut self) -> Option<Word<'a>> {
        let next = self.peek()?;
        if is_option(next) || next == "!" {
            return None;
        }
        self.take()
    }

    fn number(&mut self) -> Option<u32> {
        let number = self.peek()?.parse().ok()?;
        self.at += 1;
        Some(number)
    }

    /// The value of an option that needs one, with `!` before it as older
    /// releases had it.
    fn argument(&mut self, negated: bool, option: &str) -> Argument<'a> {
        let mut negated = negated;
        if self.peek() == Some("!") && !FREE_TEXT.contains(&option) {
            self.at += 1;
            negated = !negated;
        }
        let value = self.take().unwrap_or_else(|| {
            self.rule
                .faults
                .push(format!("option `{option}` has no value"));
            Cow::Borrowed("")
        });
        Argument { negated, value }
    }

    fn run(&mut self) {
        let mut negated = false;
        while let Some(word) = self.take() {
            if word == "!" {
                negated = !negated;
                continue;
            }
            let not = std::mem::take(&mut negated);
            if let Some(long) = strip(&word, "--") {
                let (name, glued) = match long.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(Cow::Owned(value.to_owned()))),
                    None => (long.to_owned(), None),
                };
                if let Some(value) = glued {
                    self.at -= 1;
                    if let Some(slot) = self.words.get_mut(self.at) {
                        *slot = value;
                    }
                }
                self.long(not, &name);
            } else if is_option(&word) {
                let mut chars = word.chars();
                chars.next();
                let letter = chars.next().unwrap_or('-');
                let rest = chars.as_str();
                if !rest.is_empty() && takes_value(letter) {
                    let rest = rest.to_owned();
                    self.at -= 1;
                    if let Some(slot) = self.words.get_mut(self.at) {
                        *slot = Cow::Owned(rest);
                    }
                }
                self.short(not, letter, &word);
            } else {
                self.rule.faults.push(format!("unexpected word `{word}`"));
            }
        }
        if negated {
            self.rule.faults.push("`!` stands alone".to_owned());
        }
    }

    fn short(&mut self, negated: bool, letter: char, word: &str) {
        if let Some((_, name)) = CORE.iter().find(|(l, _)| *l == letter) {
            self.core(negated, name);
        } else if COMMANDS.iter().any(|(l, _)| *l == letter) {
            self.verb(letter);
        } else {
            match letter {
                't' => self.table = self.take(),
                '4' => self.only = Some(Protocol::V4),
                '6' => self.only = Some(Protocol::V6),
                'w' | 'W' => {
                    self.number();
                }
                'v' | 'n' | 'x' => {}
                _ => self.unknown(negated, word.to_owned()),
            }
        }
    }

    fn long(&mut self, negated: bool, name: &str) {
        if let Some((owner, option)) = self.find(name) {
            self.set(negated, owner, option);
            return;
        }
        let core = match name {
            "proto" => Some("protocol"),
            "src" => Some("source"),
            "dst" => Some("destination"),
            "ipv4" | "ipv6" | "wait" | "verbose" | "numeric" | "exact" | "line-numbers"
            | "wait-interval" | "modprobe" => None,
            _ => CORE
                .iter()
                .map(|(_, full)| *full)
                .find(|full| *full == name || (name.len() > 2 && full.starts_with(name))),
        };
        if let Some(core) = core {
            self.core(negated, core);
            return;
        }
        if name == "table" {
            self.table = self.take();
            return;
        }
        if let Some((letter, _)) = COMMANDS.iter().find(|(_, full)| *full == name) {
            self.verb(*letter);
            return;
        }
        match name {
            "new" => self.verb('N'),
            "ipv4" => self.only = Some(Protocol::V4),
            "ipv6" => self.only = Some(Protocol::V6),
            "wait" | "wait-interval" => {
                self.number();
            }
            "verbose" | "numeric" | "exact" | "line-numbers" => {}
            _ => {
                // A protocol's own module is loaded by the first of its
                // options, without `-m`.
                if let Some(module) = self.protocol_module()
                    && let Some(option) = options::option(module, name)
                {
                    let at = self.rule.matches.len();
                    self.rule.matches.push(Module {
                        name: Cow::Borrowed(module.name),
                        settings: Vec::new(),
                    });
                    self.loaded.push((Owner::Match(at), module));
                    self.set(negated, Owner::Match(at), option);
                } else if OF_PROTOCOLS.contains(&name) {
                    while self.operand().is_some() {}
                    self.rule.faults.push(format!(
                        "option `--{name}` needs a protocol before it that has it"
                    ));
                } else {
                    self.unknown(negated, name.to_owned());
                }
            }
        }
    }

    fn protocol_module(&self) -> Option<&'static ModuleSpec> {
        let protocol = self.rule.protocol.as_ref()?;
        if protocol.negated {
            return None;
        }
        let name = match protocol.value.to_ascii_lowercase().as_str() {
            "tcp" | "6" => "tcp",
            "udp" | "17" => "udp",
            "sctp" | "132" => "sctp",
            "dccp" | "33" => "dccp",
            "udplite" | "136" => "udplite",
            "icmp" | "1" => "icmp",
            "ipv6-icmp" | "icmpv6" | "icmp6" | "58" => "icmp6",
            "esp" | "50" => "esp",
            "ah" | "51" => "ah",
            "ipv6-mh" | "mobility-header" | "mh" | "135" => "mh",
            _ => return None,
        };
        options::match_module(name)
    }

    /// The option `name` of a loaded module, the last loaded one first.
    fn find(&self, name: &str) -> Option<(Owner, OptionSpec)> {
        self.loaded
            .iter()
            .rev()
            .find_map(|(owner, module)| Some((*owner, options::option(module, name)?)))
    }

    fn set(&mut self, negated: bool, owner: Owner, (name, values): OptionSpec) {
        let mut setting = Setting {
            negated,
            name: Cow::Borrowed(options::canonical(name)),
            values: Vec::with_capacity(values),
        };
        for at in 0..values {
            if at == 0 {
                let first = self.argument(negated, name);
                setting.negated = first.negated;
                setting.values.push(first.value);
            } else if let Some(value) = self.take() {
                setting.values.push(value);
            } else {
                self.rule
                    .faults
                    .push(format!("option `--{name}` needs {values} values"));
            }
        }
        let module = match owner {
            Owner::Match(at) => self.rule.matches.get_mut(at),
            Owner::Target => self.rule.target.as_mut(),
        };
        if let Some(module) = module {
            module.settings.push(setting);
        }
    }

    fn unknown(&mut self, negated: bool, name: String) {
        let mut values = Vec::new();
        while let Some(value) = self.operand() {
            values.push(value);
        }
        let name = name.trim_start_matches('-').to_owned();
        self.rule.unknown.push(Setting {
            negated,
            name: Cow::Owned(name),
            values,
        });
    }

    fn core(&mut self, negated: bool, name: &'static str) {
        let twice = match name {
            "protocol" => self.rule.protocol.is_some(),
            "source" => self.rule.source.is_some(),
            "destination" => self.rule.destination.is_some(),
            "in-interface" => self.rule.ingress.is_some(),
            "out-interface" => self.rule.egress.is_some(),
            "jump" | "goto" => self.rule.target.is_some(),
            _ => false,
        };
        if twice {
            self.rule
                .faults
                .push(format!("option `--{name}` is given twice"));
        }
        match name {
            "protocol" => self.rule.protocol = Some(self.argument(negated, name)),
            "source" => self.rule.source = Some(self.argument(negated, name)),
            "destination" => self.rule.destination = Some(self.argument(negated, name)),
            "in-interface" => self.rule.ingress = Some(self.argument(negated, name)),
            "out-interface" => self.rule.egress = Some(self.argument(negated, name)),
            "fragment" => self.rule.fragment = Some(negated),
            "set-counters" => {
                self.number();
                self.number();
            }
            "match" => {
                let name = self.argument(false, name).value;
                let at = self.rule.matches.len();
                if let Some(module) = options::match_module(&name) {
                    self.loaded.push((Owner::Match(at), module));
                }
                self.rule.matches.push(Module {
                    name,
                    settings: Vec::new(),
                });
            }
            _ => {
                self.rule.goto = name == "goto";
                let name = self.argument(false, name).value;
                if let Some(module) = options::target(&name) {
                    self.loaded.push((Owner::Target, module));
                }
                self.rule.target = Some(Module {
                    name,
                    settings: Vec::new(),
                });
            }
        }
    }

    fn verb(&mut self, letter: char) {
        if self.verb.replace(letter).is_some() {
            self.rule.faults.push("more than one command".to_owned());
        }
        match letter {
            'A' | 'N' => self.chain = self.take(),
            'I' | 'R' | 'D' => {
                self.chain = self.take();
                self.number = self.number();
            }
            'F' | 'X' | 'Z' | 'L' | 'S' => self.chain = self.operand(),
            'C' => self.chain = self.take(),
            _ => {
                self.chain = self.take();
                self.second = self.take();
            }
        }
    }

    fn finish(self) -> Option<Parsed<'a>> {
        let rule = Box::new(self.rule);
        let command = match (self.verb?, self.chain, self.number) {
            ('A', Some(chain), _) => Command::Append(chain, rule),
            ('I', Some(chain), at) => Command::Insert(chain, at.unwrap_or(1), rule),
            ('R', Some(chain), Some(at)) => Command::Replace(chain, at, rule),
            ('D', Some(chain), Some(at)) => Command::DeleteNumber(chain, at),
            ('D', Some(chain), None) => Command::Delete(chain, rule),
            ('F', chain, _) => Command::Flush(chain),
            ('N', Some(chain), _) => Command::NewChain(chain),
            ('X', chain, _) => Command::DeleteChain(chain),
            ('P', Some(chain), _) => Command::Policy(chain, self.second?),
            ('E', Some(chain), _) => Command::Rename(chain, self.second?),
            ('Z' | 'L' | 'S' | 'C', _, _) => Command::Query,
            _ => return None,
        };
        Some(Parsed {
            table: self.table,
            only: self.only,
            command,
        })
    }
}

/// Letters whose value may be glued to them (`-ptcp`).
fn takes_value(letter: char) -> bool {
    "psdiojgmtANXFPEIRDCZL".contains(letter)
}

fn strip<'w>(word: &'w str, prefix: &str) -> Option<&'w str> {
    word.strip_prefix(prefix).filter(|rest| !rest.is_empty())
}
