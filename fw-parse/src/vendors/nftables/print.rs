//! Normalized text of expressions and statements: the identity of conditions
//! that cannot be decided, and the words for them in reports.

use super::ast::{Binary, Data, Element, Expr, Operator, Rule, Selector, Statement, Verdict};
use std::fmt::{self, Display, Formatter};

/// Sets with more elements are abbreviated by their size and a checksum.
const SHOWN: usize = 16;

impl Display for Selector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(protocol, field) => write!(f, "{protocol} {field}"),
            Self::Meta(key) => write!(f, "meta {key}"),
            Self::Ct(key, None) => write!(f, "ct {key}"),
            Self::Ct(key, Some(direction)) => write!(f, "ct {direction} {key}"),
            Self::Fib(flags, result) => write!(f, "fib {} {result}", flags.join(" . ")),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Implicit => "",
            Self::Equal => "== ",
            Self::NotEqual => "!= ",
            Self::NoneOf => "! ",
            Self::Less => "< ",
            Self::Greater => "> ",
            Self::AtMost => "<= ",
            Self::AtLeast => ">= ",
        })
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::And => "&",
            Self::Or => "|",
            Self::Xor => "^",
            Self::ShiftLeft => "<<",
            Self::ShiftRight => ">>",
        })
    }
}

fn list(f: &mut Formatter<'_>, parts: &[Expr], between: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        write!(f, "{part}")?;
    }
    Ok(())
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select(selector) => write!(f, "{selector}"),
            Self::Value(text) => f.write_str(text),
            Self::Prefix(address, length) => write!(f, "{address}/{length}"),
            Self::Range(low, high) => write!(f, "{low}-{high}"),
            Self::Concat(parts) => list(f, parts, " . "),
            Self::List(parts) => list(f, parts, ","),
            Self::Set(elements) => {
                f.write_str("{ ")?;
                for (at, element) in elements.iter().take(SHOWN).enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{element}")?;
                }
                if elements.len() > SHOWN {
                    let mut sum = 0u64;
                    for element in elements {
                        for byte in element.to_string().bytes() {
                            sum = sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte);
                        }
                    }
                    write!(f, ", ... {} elements {sum:x}", elements.len())?;
                }
                f.write_str(" }")
            }
            Self::Named(name) => write!(f, "@{name}"),
            Self::Binary(op, a, b) => write!(f, "({a} {op} {b})"),
            Self::Map(key, data) => write!(f, "{key} map {data}"),
            Self::CatchAll => f.write_str("*"),
        }
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.key)?;
        match &self.data {
            None => Ok(()),
            Some(Data::Expr(data)) => write!(f, " : {data}"),
            Some(Data::Verdict(verdict)) => write!(f, " : {verdict}"),
        }
    }
}

fn block(f: &mut Formatter<'_>, rules: &[Rule]) -> fmt::Result {
    f.write_str("{ ")?;
    for rule in rules {
        write!(f, "{rule}; ")?;
    }
    f.write_str("}")
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Continue => f.write_str("continue"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
            Self::JumpBlock(rules) => {
                f.write_str("jump ")?;
                block(f, rules)
            }
            Self::GotoBlock(rules) => {
                f.write_str("goto ")?;
                block(f, rules)
            }
            Self::Queue(text) => f.write_str(text),
        }
    }
}

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Match(left, op, right) => write!(f, "{left} {op}{right}"),
            Self::VerdictMap(key, data) => write!(f, "{key} vmap {data}"),
            Self::Verdict(verdict) => write!(f, "{verdict}"),
            Self::Reject => f.write_str("reject"),
            Self::Mangle(selector, value) => write!(f, "{selector} set {value}"),
            Self::NoTrack => f.write_str("notrack"),
            Self::Nat(nat) => {
                write!(f, "{:?}", nat.kind)?;
                if let Some(family) = &nat.family {
                    write!(f, " {family}")?;
                }
                if nat.prefix {
                    f.write_str(" prefix")?;
                }
                if let Some(address) = &nat.address {
                    write!(f, " to {address}")?;
                }
                if let Some(port) = &nat.port {
                    write!(f, " :{port}")?;
                }
                Ok(())
            }
            Self::Meter { text, over, .. } => {
                write!(f, "{text}{}", if *over { " exceeded" } else { "" })
            }
            Self::SetUpdate { set, key, meter } => {
                write!(f, "add @{set} {{ {key}")?;
                if let Some((text, over)) = meter {
                    write!(f, " {text}{}", if *over { " exceeded" } else { "" })?;
                }
                f.write_str(" }")
            }
            Self::Inert => Ok(()),
            Self::Diverted(text) | Self::Unknown(text) => f.write_str(text),
        }
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for statement in &self.statements {
            if *statement == Statement::Inert {
                continue;
            }
            if !first {
                f.write_str(" ")?;
            }
            first = false;
            write!(f, "{statement}")?;
        }
        Ok(())
    }
}
