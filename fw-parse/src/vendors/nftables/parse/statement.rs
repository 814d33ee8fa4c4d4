//! The statements of a rule.

use super::super::ast::{Binary, Expr, Nat, NatKind, Operator, Rule, Selector, Statement, Verdict};
use super::super::lex::Kind;
use super::block::rules_in_braces;
use super::cursor::{Cursor, DEPTH};
use super::expression::{
    counter, keys, last, map_data, right_side, selector, starts_selector, value,
};

/// A rule up to the end of its statement. What is not understood becomes a
/// [`Statement::Unknown`] with the whole text of the rule.
pub fn rule(c: &mut Cursor<'_>) -> Rule {
    let from = c.at;
    let brackets = std::mem::take(&mut c.brackets);
    let depth = c.depth;
    let mut statements = Vec::new();
    let mut comment = None;
    while !c.at_end() {
        if c.eat_word("comment") {
            match c.name() {
                Some(text) => comment = Some(text),
                None => statements.push(unknown(c, from)),
            }
            continue;
        }
        let start = c.at;
        match statement(c) {
            Some(statement) if c.at > start => statements.push(statement),
            _ => {
                c.at = start;
                c.brackets = 0;
                c.depth = depth;
                statements.push(unknown(c, from));
            }
        }
    }
    c.brackets = brackets;
    Rule {
        statements,
        handle: None,
        comment,
        defines: c.defines_since(from),
        place: c.place_since(from),
    }
}

fn unknown(c: &mut Cursor<'_>, from: usize) -> Statement {
    let before = c.at;
    c.skip_statement();
    if c.at == before {
        c.at += 1;
    }
    Statement::Unknown(c.text_since(from))
}

fn statement(c: &mut Cursor<'_>) -> Option<Statement> {
    let Some(word) = c.peek_word() else {
        return comparison(c);
    };
    match word {
        "accept" | "drop" | "continue" | "return" | "jump" | "goto" | "queue" => {
            Some(Statement::Verdict(verdict(c)?))
        }
        "reject" => {
            c.at += 1;
            reject(c)?;
            Some(Statement::Reject)
        }
        "counter" => {
            c.at += 1;
            counter(c)?;
            Some(Statement::Inert)
        }
        "last" => {
            c.at += 1;
            last(c);
            Some(Statement::Inert)
        }
        "log" => {
            c.at += 1;
            log(c)?;
            Some(Statement::Inert)
        }
        "limit" | "quota" => {
            let named = c.second().is_some_and(|t| t.is_word("name"));
            let (text, over) = meter(c)?;
            Some(Statement::Meter { text, over, named })
        }
        "ct" if c.second().is_some_and(|t| t.is_word("count")) => {
            let (text, over) = meter(c)?;
            Some(Statement::Meter {
                text,
                over,
                named: false,
            })
        }
        "snat" | "dnat" | "masquerade" | "redirect" => Some(Statement::Nat(nat(c)?)),
        "notrack" => {
            c.at += 1;
            Some(Statement::NoTrack)
        }
        "tproxy" | "fwd" | "synproxy" => {
            c.at += 1;
            let target = if word == "synproxy" {
                synproxy(c)?;
                String::new()
            } else {
                diverted(c)?
            };
            Some(Statement::Diverted(format!("{word}{target}")))
        }
        "dup" => {
            c.at += 1;
            diverted(c)?;
            Some(Statement::Inert)
        }
        "flow" => {
            c.at += 1;
            if c.eat_word("table") {
                // The older word for a meter.
                let name = c.name()?;
                return element_update(c, name);
            }
            c.word().filter(|w| matches!(*w, "add" | "offload"))?;
            c.eat("@");
            c.name()?;
            Some(Statement::Inert)
        }
        "add" | "update" | "delete" => {
            c.at += 1;
            set_update(c)
        }
        "set" => {
            // The older order: `set add KEY @SET`.
            c.at += 1;
            c.word()
                .filter(|w| matches!(*w, "add" | "update" | "delete"))?;
            let key = keys(c)?;
            c.eat("@").then_some(())?;
            Some(Statement::SetUpdate {
                set: c.name()?,
                key,
                meter: None,
            })
        }
        "meter" => {
            c.at += 1;
            let name = c.name()?;
            if c.eat_word("size") {
                c.number()?;
            }
            element_update(c, name)
        }
        _ => comparison(c),
    }
}

/// A verdict.
pub fn verdict(c: &mut Cursor<'_>) -> Option<Verdict> {
    Some(match c.word()? {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "continue" => Verdict::Continue,
        "return" => Verdict::Return,
        word @ ("jump" | "goto") => {
            if c.peek()?.is("{") {
                if c.depth >= DEPTH {
                    return None;
                }
                let rules = rules_in_braces(c)?;
                if word == "jump" {
                    Verdict::JumpBlock(rules)
                } else {
                    Verdict::GotoBlock(rules)
                }
            } else if word == "jump" {
                Verdict::Jump(c.name()?)
            } else {
                Verdict::Goto(c.name()?)
            }
        }
        "queue" => {
            let mut text = "queue".to_owned();
            loop {
                match c.peek_word() {
                    Some("num" | "to") => {
                        c.at += 1;
                        text.push_str(&format!(" {}", value(c)?));
                    }
                    Some("flags") => c.at += 1,
                    Some("bypass" | "fanout") => {
                        text.push_str(&format!(" {}", c.word()?));
                        c.eat(",");
                    }
                    Some(word) if word.bytes().all(|b| b.is_ascii_digit()) => {
                        text.push_str(&format!(" {}", value(c)?));
                    }
                    _ => break,
                }
            }
            Verdict::Queue(text)
        }
        _ => return None,
    })
}

fn reject(c: &mut Cursor<'_>) -> Option<()> {
    if !c.eat_word("with") {
        return Some(());
    }
    match c.word()? {
        "tcp" => {
            c.eat_word("reset").then_some(())?;
        }
        "icmp" | "icmpv6" | "icmpx" => {
            c.eat_word("type");
            c.word()?;
        }
        _ => return None,
    }
    Some(())
}

fn log(c: &mut Cursor<'_>) -> Option<()> {
    while let Some(word) = c.peek_word() {
        match word {
            "prefix" => {
                c.at += 1;
                // An undefined variable in a prefix is still only text.
                let token = c.next()?;
                if token.kind == Kind::Punctuation || token.kind == Kind::Newline {
                    return None;
                }
            }
            "group" | "snaplen" | "queue-threshold" => {
                c.at += 1;
                c.number()?;
            }
            "level" => {
                c.at += 1;
                c.word()?;
            }
            "flags" => {
                c.at += 1;
                loop {
                    if matches!(c.word()?, "tcp" | "ip") {
                        c.word()?;
                    }
                    if !c.eat(",") {
                        // `flags tcp sequence,options`
                        break;
                    }
                }
            }
            _ => break,
        }
    }
    Some(())
}

/// A limit, quota or connection count: its normalized text, and whether it
/// is the excess that matches.
pub fn meter(c: &mut Cursor<'_>) -> Option<(String, bool)> {
    let word = c.word()?;
    match word {
        "limit" | "quota" => {
            if c.eat_word("name") {
                return Some((format!("{word} name {}", c.name()?), false));
            }
            meter_body(c, word)
        }
        "ct" => {
            c.eat_word("count").then_some(())?;
            let over = c.eat_word("over");
            Some((format!("ct count {}", c.number()?), over))
        }
        _ => None,
    }
}

/// What follows `limit` or `quota`, in rules and in named objects.
pub fn meter_body(c: &mut Cursor<'_>, kind: &str) -> Option<(String, bool)> {
    if kind == "limit" {
        c.eat_word("rate");
    }
    let over = c.eat_word("over");
    if !over {
        c.eat_word("until");
    }
    if kind == "quota" {
        let text = format!("quota {}", amount_text(c)?);
        if c.eat_word("used") {
            amount_text(c)?;
        }
        return Some((text, over));
    }
    let (amount, mut unit) = amount(c)?;
    // `10 mbytes/second`: unit and time are one word.
    let per = match c.peek_word().and_then(|w| w.split_once('/')) {
        Some((bytes, per)) if unit.is_empty() => {
            c.at += 1;
            if bytes != "packets" {
                unit = format!(" {bytes}");
            }
            per
        }
        _ => {
            c.eat("/").then_some(())?;
            c.word()?
        }
    };
    let mut text = format!("limit rate {amount}{unit}/{per}");
    let mut burst = None;
    if c.eat_word("burst") {
        burst = Some(amount_text(c)?);
    }
    text.push_str(&burst_text(burst, unit.is_empty()));
    Some((text, over))
}

/// The text of a burst; 5 packets are the default of a packet rate.
pub fn burst_text(burst: Option<String>, packets: bool) -> String {
    match burst.as_deref() {
        None | Some("5" | "0") if packets => " burst 5".into(),
        None | Some("0" | "0 bytes") => String::new(),
        Some(text) => format!(" burst {text}"),
    }
}

/// A number with its unit; `packets` is no unit.
fn amount(c: &mut Cursor<'_>) -> Option<(u64, String)> {
    let word = c.word()?;
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let number = word.get(..digits)?.parse().ok()?;
    let mut unit = word.get(digits..)?.to_owned();
    if unit.is_empty()
        && let Some(next @ ("bytes" | "kbytes" | "mbytes" | "gbytes" | "packets")) = c.peek_word()
    {
        c.at += 1;
        unit = next.to_owned();
    }
    Some(match unit.as_str() {
        "" | "packets" => (number, String::new()),
        unit => (number, format!(" {unit}")),
    })
}

fn amount_text(c: &mut Cursor<'_>) -> Option<String> {
    let (number, unit) = amount(c)?;
    Some(format!("{number}{unit}"))
}

fn synproxy(c: &mut Cursor<'_>) -> Option<()> {
    while let Some(word) = c.peek_word() {
        match word {
            "mss" | "wscale" => {
                c.at += 1;
                c.number()?;
            }
            "name" => {
                c.at += 1;
                value(c)?;
            }
            "timestamp" | "sack-perm" => c.at += 1,
            _ => break,
        }
    }
    Some(())
}

/// `[ip|ip6] to ADDRESS[:PORT] [device D]`, in normalized form.
fn diverted(c: &mut Cursor<'_>) -> Option<String> {
    let mut text = String::new();
    if let Some(family @ ("ip" | "ip6")) = c.peek_word() {
        c.at += 1;
        text.push_str(&format!(" {family}"));
    }
    c.eat_word("to").then_some(())?;
    if !c.peek()?.is(":") {
        text.push_str(&format!(" to {}", value(c)?));
    }
    if c.eat(":") {
        text.push_str(&format!(" port {}", value(c)?));
    }
    if c.eat_word("device") {
        text.push_str(&format!(" device {}", value(c)?));
    }
    Some(text)
}

fn set_update(c: &mut Cursor<'_>) -> Option<Statement> {
    c.eat("@").then_some(())?;
    let set = c.name()?;
    element_update(c, set)
}

fn element_update(c: &mut Cursor<'_>, set: String) -> Option<Statement> {
    c.eat("{").then_some(())?;
    c.brackets += 1;
    let inner = element_body(c);
    c.brackets -= 1;
    let (key, meter) = inner?;
    Some(Statement::SetUpdate { set, key, meter })
}

fn element_body(c: &mut Cursor<'_>) -> Option<(Expr, Option<(String, bool)>)> {
    let key = if c.peek_word().is_some_and(starts_selector) || c.peek()?.is("@") {
        keys(c)?
    } else {
        value(c)?
    };
    let mut found = None;
    loop {
        match c.peek()? {
            t if t.is("}") => {
                c.at += 1;
                return Some((key, found));
            }
            t if t.is(":") => {
                c.at += 1;
                value(c)?;
            }
            t if t.is_word("timeout") || t.is_word("expires") => {
                c.at += 1;
                c.word()?;
            }
            t if t.is_word("counter") => {
                c.at += 1;
                counter(c)?;
            }
            t if t.is_word("last") => {
                c.at += 1;
                last(c);
            }
            t if t.is_word("comment") => {
                c.at += 1;
                c.name()?;
            }
            _ => found = Some(meter(c)?),
        }
    }
}

fn nat(c: &mut Cursor<'_>) -> Option<Nat> {
    let kind = match c.word()? {
        "snat" => NatKind::Snat,
        "dnat" => NatKind::Dnat,
        "masquerade" => NatKind::Masquerade,
        _ => NatKind::Redirect,
    };
    let mut nat = Nat {
        kind,
        family: None,
        address: None,
        port: None,
        prefix: false,
    };
    if let Some(family @ ("ip" | "ip6")) = c.peek_word()
        && c.second()
            .is_some_and(|t| matches!(&*t.text, "to" | "prefix" | "addr" | "interval"))
    {
        nat.family = Some(family.to_owned());
        c.at += 1;
    }
    loop {
        if c.eat_word("prefix") {
            nat.prefix = true;
        } else if c.eat_word("addr") {
            if c.eat(".") {
                c.eat_word("port");
            }
        } else if !c.eat_word("interval") {
            break;
        }
    }
    let addressed = matches!(kind, NatKind::Snat | NatKind::Dnat);
    if c.eat_word("to") {
        if c.eat(":") {
            nat.port = Some(value(c)?);
        } else if addressed {
            nat.address = Some(value(c)?);
            if c.eat(":") {
                nat.port = Some(value(c)?);
            }
        } else {
            nat.port = Some(value(c)?);
        }
    } else if addressed {
        // `dnat 10.0.0.1` of older versions.
        nat.address = Some(value(c)?);
        if c.eat(":") {
            nat.port = Some(value(c)?);
        }
    }
    while let Some("random" | "fully-random" | "persistent" | "netmap") = c.peek_word() {
        c.at += 1;
        c.eat(",");
    }
    Some(nat)
}

/// A comparison, verdict map, or `set` statement: all start with a key.
fn comparison(c: &mut Cursor<'_>) -> Option<Statement> {
    let starts = c.peek_word().is_some_and(starts_selector)
        || c.peek().is_some_and(|t| t.is("@") || t.is("("));
    if !starts {
        return None;
    }
    // `ct helper set "name"` and `tcp option maxseg size set 1400`
    let from = c.at;
    if let Some(found) = selector(c)
        && c.eat_word("set")
    {
        let class = matches!(&found, Selector::Meta(key) if key == "priority");
        let set = value(c)?;
        // A traffic class has two numbers: `1:10`.
        if class && c.eat(":") {
            c.word()?;
        }
        return Some(mangle(found, set));
    }
    c.at = from;
    if c.eat_word("reset") {
        return None;
    }
    let key = keys(c)?;
    if c.eat_word("vmap") {
        return Some(Statement::VerdictMap(key, map_data(c)?));
    }
    let op = operator(c);
    if op == Operator::Implicit && matches!(c.peek_word(), Some("exists" | "missing")) {
        let text = c.word()?.to_owned();
        return Some(Statement::Match(key, Operator::Equal, Expr::Value(text)));
    }
    let (right, mask) = right_side(c)?;
    let op = match (op, &key, &right) {
        // Without an operator only flag fields differ from equality.
        (Operator::Implicit, key, right) if !any_of(key, right) => Operator::Equal,
        (op, ..) => op,
    };
    Some(match mask {
        Some(mask) => Statement::Match(
            Expr::Binary(Binary::And, Box::new(key), Box::new(mask)),
            if op == Operator::NotEqual {
                op
            } else {
                Operator::Equal
            },
            right,
        ),
        None => Statement::Match(key, op, right),
    })
}

/// True where leaving the operator out asks for any of the bits.
pub fn any_of(key: &Expr, right: &Expr) -> bool {
    let flags = match key {
        Expr::Select(Selector::Payload(protocol, field)) => field == "flags" && protocol == "tcp",
        Expr::Select(Selector::Ct(key, _)) => {
            matches!(key.as_str(), "state" | "status" | "label" | "event")
        }
        _ => false,
    };
    flags && !matches!(right, Expr::Set(_) | Expr::Named(_) | Expr::Range(..))
}

fn mangle(selector: Selector, value: Expr) -> Statement {
    let inert = match &selector {
        Selector::Meta(key) => !matches!(key.as_str(), "mark"),
        Selector::Ct(key, _) => key != "mark",
        Selector::Payload(protocol, field) => !matches!(
            (protocol.as_str(), field.as_str()),
            ("ip" | "ip6", "saddr" | "daddr" | "protocol" | "nexthdr")
                | (
                    "tcp" | "udp" | "udplite" | "sctp" | "dccp" | "th",
                    "sport" | "dport"
                )
                | ("tcp", "flags")
        ),
        Selector::Other(text) => !text.starts_with('@'),
        Selector::Fib(..) => false,
    };
    if inert {
        Statement::Inert
    } else {
        Statement::Mangle(selector, value)
    }
}

/// The statement for setting a field, see [`Statement::Mangle`].
pub fn set_field(selector: Selector, value: Expr) -> Statement {
    mangle(selector, value)
}

fn operator(c: &mut Cursor<'_>) -> Operator {
    let Some(token) = c.peek() else {
        return Operator::Implicit;
    };
    let op = match (token.kind, &*token.text) {
        (Kind::Punctuation, "==" | "=") | (Kind::Word, "eq") => Operator::Equal,
        (Kind::Punctuation, "!=") | (Kind::Word, "ne" | "neq") => Operator::NotEqual,
        (Kind::Punctuation, "!") | (Kind::Word, "not") => Operator::NoneOf,
        (Kind::Punctuation, "<") | (Kind::Word, "lt") => Operator::Less,
        (Kind::Punctuation, ">") | (Kind::Word, "gt") => Operator::Greater,
        (Kind::Punctuation, "<=") | (Kind::Word, "le") => Operator::AtMost,
        (Kind::Punctuation, ">=") | (Kind::Word, "ge") => Operator::AtLeast,
        _ => return Operator::Implicit,
    };
    c.at += 1;
    op
}
