//! What a ruleset does to marks, and which of it the model can follow.

use super::super::ast::{Binary, Expr, Rule, Selector, Statement, Verdict};
use super::super::parse::integer;
use super::super::ruleset::{Chain, Ruleset};
use fw_model::PacketEffect;
use fw_model::match_expr::MarkRegister;

/// Which marks cannot be followed.
#[derive(Default)]
pub struct Marks {
    packet_unknown: bool,
    connection_unknown: bool,
    connection_written: bool,
    packet_from_connection: bool,
}

/// A mark as a function of a register: `(register & and) ^ xor`, or a
/// constant.
#[derive(Clone, Copy)]
struct Linear {
    from: Option<MarkRegister>,
    and: u32,
    xor: u32,
}

/// The register that a selector names.
pub fn register(selector: &Selector) -> Option<MarkRegister> {
    match selector {
        Selector::Meta(key) if key == "mark" => Some(MarkRegister::Packet),
        Selector::Ct(key, None) if key == "mark" => Some(MarkRegister::Connection),
        _ => None,
    }
}

fn linear(expr: &Expr) -> Option<Linear> {
    match expr {
        Expr::Select(selector) => Some(Linear {
            from: Some(register(selector)?),
            and: u32::MAX,
            xor: 0,
        }),
        Expr::Value(text) => Some(Linear {
            from: None,
            and: 0,
            xor: u32::try_from(integer(text)?).ok()?,
        }),
        Expr::Binary(op, a, b) => {
            let (a, b) = (linear(a)?, linear(b)?);
            let (a, constant) = match (a.from, b.from) {
                (_, None) => (a, b.xor),
                (None, Some(_)) if !matches!(op, Binary::ShiftLeft | Binary::ShiftRight) => {
                    (b, a.xor)
                }
                _ => return None,
            };
            Some(match op {
                Binary::And => Linear {
                    from: a.from,
                    and: a.and & constant,
                    xor: a.xor & constant,
                },
                Binary::Or => Linear {
                    from: a.from,
                    and: a.and & !constant,
                    xor: a.xor | constant,
                },
                Binary::Xor => Linear {
                    from: a.from,
                    and: a.and,
                    xor: a.xor ^ constant,
                },
                Binary::ShiftLeft if a.from.is_none() => Linear {
                    xor: a.xor.checked_shl(constant)?,
                    ..a
                },
                Binary::ShiftRight if a.from.is_none() => Linear {
                    xor: a.xor.checked_shr(constant)?,
                    ..a
                },
                _ => return None,
            })
        }
        _ => None,
    }
}

/// The effects of `TO set VALUE`, if the model can express them.
pub fn effects(to: MarkRegister, value: &Expr) -> Option<Vec<PacketEffect>> {
    let linear = linear(value)?;
    Some(match linear.from {
        None => vec![PacketEffect::SetMark {
            register: to,
            mask: u32::MAX,
            value: linear.xor,
        }],
        Some(from) if from == to => vec![PacketEffect::SetMark {
            register: to,
            mask: !linear.and,
            value: linear.xor,
        }],
        Some(from) => {
            let mut out = Vec::new();
            if linear.and != u32::MAX {
                out.push(PacketEffect::SetMark {
                    register: to,
                    mask: u32::MAX,
                    value: 0,
                });
            }
            out.push(PacketEffect::CopyMark {
                from,
                to,
                mask: linear.and,
            });
            if linear.xor != 0 {
                out.push(PacketEffect::SetMark {
                    register: to,
                    mask: 0,
                    value: linear.xor,
                });
            }
            out
        }
    })
}

impl Marks {
    /// Looks at all rules.
    pub fn of(ruleset: &Ruleset) -> Self {
        let mut marks = Self::default();
        let mut copies = (false, false);
        for table in &ruleset.tables {
            for chain in &table.chains {
                for rule in &chain.rules {
                    marks.rule(rule, &mut copies);
                }
            }
        }
        // What is unknown in one register spreads to the other.
        if copies.0 && marks.connection_unknown {
            marks.packet_unknown = true;
        }
        if copies.1 && marks.packet_unknown {
            marks.connection_unknown = true;
        }
        if copies.0 && marks.connection_unknown {
            marks.packet_unknown = true;
        }
        marks.packet_from_connection = copies.0;
        marks
    }

    fn rule(&mut self, rule: &Rule, copies: &mut (bool, bool)) {
        for statement in &rule.statements {
            match statement {
                Statement::Mangle(selector, value) => {
                    let Some(to) = register(selector) else {
                        continue;
                    };
                    self.connection_written |= to == MarkRegister::Connection;
                    let known = match value {
                        Expr::Map(_, data) => constant_map(data),
                        value => match effects(to, value) {
                            Some(effects) => {
                                for effect in effects {
                                    if let PacketEffect::CopyMark { to, .. } = effect {
                                        match to {
                                            MarkRegister::Packet => copies.0 = true,
                                            MarkRegister::Connection => copies.1 = true,
                                        }
                                    }
                                }
                                true
                            }
                            None => false,
                        },
                    };
                    if !known {
                        match to {
                            MarkRegister::Packet => self.packet_unknown = true,
                            MarkRegister::Connection => self.connection_unknown = true,
                        }
                    }
                }
                Statement::Unknown(text) if text.contains("mark") => {
                    self.packet_unknown = true;
                    self.connection_unknown = true;
                }
                Statement::Verdict(Verdict::JumpBlock(rules) | Verdict::GotoBlock(rules)) => {
                    for rule in rules {
                        self.rule(rule, copies);
                    }
                }
                _ => {}
            }
        }
    }

    /// True if the value of the mark cannot be followed.
    pub fn unknown(&self, register: MarkRegister) -> bool {
        match register {
            MarkRegister::Packet => self.packet_unknown,
            MarkRegister::Connection => self.connection_unknown,
        }
    }

    /// True if the mark of a later packet may come from an earlier one.
    pub fn kept(&self, register: MarkRegister) -> bool {
        self.connection_written
            && (register == MarkRegister::Connection || self.packet_from_connection)
    }
}

/// A map in the rule itself whose data are numbers.
fn constant_map(data: &Expr) -> bool {
    match data {
        Expr::Set(elements) => elements.iter().all(|e| {
            e.stateful.is_none()
                && !e.expires
                && matches!(
                    &e.data,
                    Some(super::super::ast::Data::Expr(Expr::Value(text)))
                        if integer(text).is_some()
                )
        }),
        _ => false,
    }
}

/// True if a chain reads or writes marks, itself or where it jumps to.
pub fn touches(ruleset: &Ruleset, table: usize, chain: &Chain) -> bool {
    let Some(table) = ruleset.tables.get(table) else {
        return false;
    };
    let mut seen = vec![false; table.chains.len()];
    let mut queue: Vec<&Chain> = vec![chain];
    while let Some(chain) = queue.pop() {
        for rule in &chain.rules {
            if rule.statements.iter().any(|s| match s {
                Statement::Mangle(selector, _) => register(selector).is_some(),
                Statement::Match(left, ..) => reads(left),
                Statement::VerdictMap(key, _) => reads(key),
                _ => false,
            }) {
                return true;
            }
            for statement in &rule.statements {
                let targets: Vec<&str> = match statement {
                    Statement::Verdict(Verdict::Jump(name) | Verdict::Goto(name)) => vec![name],
                    Statement::VerdictMap(_, Expr::Set(elements)) => elements
                        .iter()
                        .filter_map(|e| match &e.data {
                            Some(super::super::ast::Data::Verdict(
                                Verdict::Jump(name) | Verdict::Goto(name),
                            )) => Some(name.as_str()),
                            _ => None,
                        })
                        .collect(),
                    _ => Vec::new(),
                };
                for name in targets {
                    if let Some(at) = table.chain(name)
                        && let Some(flag) = seen.get_mut(at)
                        && !*flag
                        && let Some(next) = table.chains.get(at)
                    {
                        *flag = true;
                        queue.push(next);
                    }
                }
            }
        }
    }
    false
}

fn reads(expr: &Expr) -> bool {
    match expr {
        Expr::Select(selector) => register(selector).is_some(),
        Expr::Binary(_, a, b) => reads(a) || reads(b),
        Expr::Concat(parts) => parts.iter().any(reads),
        _ => false,
    }
}
