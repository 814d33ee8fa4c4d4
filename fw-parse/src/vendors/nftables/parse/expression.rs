//! Expressions: what is read of a packet, and constants.

use super::super::ast::{Binary, Data, Element, Expr, Selector};
use super::super::lex::Kind;
use super::cursor::{Cursor, DEPTH};
use super::statement::{meter, verdict};

/// Keys of `meta` that may stand without the word `meta`.
const META: [&str; 32] = [
    "mark",
    "iif",
    "iifname",
    "iiftype",
    "iifgroup",
    "iifkind",
    "oif",
    "oifname",
    "oiftype",
    "oifgroup",
    "oifkind",
    "skuid",
    "skgid",
    "nftrace",
    "rtclassid",
    "ibrname",
    "obrname",
    "ibrport",
    "ibriport",
    "obriport",
    "pkttype",
    "cpu",
    "cgroup",
    "length",
    "protocol",
    "priority",
    "nfproto",
    "l4proto",
    "time",
    "day",
    "hour",
    "random",
];

/// Protocols whose header fields can be read.
const PROTOCOLS: [&str; 32] = [
    "ether", "vlan", "arp", "ip", "ip6", "icmp", "igmp", "icmpv6", "ah", "esp", "comp", "udp",
    "udplite", "tcp", "sctp", "dccp", "th", "gre", "gretap", "geneve", "vxlan", "hbh", "frag",
    "dst", "mh", "srh", "exthdr", "rt0", "rt2", "rt4", "dnshdr", "auth",
];

/// True if `word` may start something that is read of the packet.
pub fn starts_selector(word: &str) -> bool {
    META.contains(&word)
        || PROTOCOLS.contains(&word)
        || matches!(
            word,
            "meta"
                | "ct"
                | "fib"
                | "socket"
                | "rt"
                | "numgen"
                | "jhash"
                | "symhash"
                | "osf"
                | "ipsec"
                | "secmark"
                | "xfrm"
        )
}

/// One thing that is read of the packet.
pub fn selector(c: &mut Cursor<'_>) -> Option<Selector> {
    if c.eat("@") {
        let base = c.word()?.to_owned();
        c.eat(",");
        let offset = c.number()?;
        c.eat(",");
        let length = c.number()?;
        return Some(Selector::Other(format!("@{base},{offset},{length}")));
    }
    let first = c.word()?;
    match first {
        "meta" => Some(Selector::Meta(meta_key(c.word()?))),
        "ct" => {
            let direction = match c.peek_word()? {
                d @ ("original" | "reply") => {
                    c.at += 1;
                    Some(d.to_owned())
                }
                _ => None,
            };
            let mut key = c.word()?.to_owned();
            if matches!(key.as_str(), "ip" | "ip6") {
                key = format!("{key} {}", c.word()?);
            }
            Some(Selector::Ct(key, direction))
        }
        "fib" => {
            let mut flags = vec![c.word()?.to_owned()];
            while c.eat(".") {
                flags.push(c.word()?.to_owned());
            }
            Some(Selector::Fib(flags, c.word()?.to_owned()))
        }
        "socket" => {
            let key = c.word()?;
            let mut text = format!("socket {key}");
            if c.eat_word("level") {
                text.push_str(&format!(" level {}", c.number()?));
            }
            Some(Selector::Other(text))
        }
        "numgen" => {
            let mode = c.word()?;
            if !c.eat_word("mod") {
                return None;
            }
            let modulus = c.number()?;
            let offset = if c.eat_word("offset") { c.number()? } else { 0 };
            Some(Selector::Other(format!(
                "numgen {mode} mod {modulus} offset {offset}"
            )))
        }
        "jhash" | "symhash" => {
            let mut text = first.to_owned();
            if first == "jhash" {
                text.push_str(&format!(" {}", keys(c)?));
            }
            if !c.eat_word("mod") {
                return None;
            }
            text.push_str(&format!(" mod {}", c.number()?));
            if c.eat_word("seed") {
                text.push_str(&format!(" seed {}", c.number()?));
            }
            let offset = if c.eat_word("offset") { c.number()? } else { 0 };
            text.push_str(&format!(" offset {offset}"));
            Some(Selector::Other(text))
        }
        "osf" => {
            if c.eat_word("ttl") {
                c.word()?;
            }
            Some(Selector::Other(format!("osf {}", c.word()?)))
        }
        "ipsec" => {
            let direction = c.word()?;
            let number = if c.eat_word("spnum") { c.number()? } else { 0 };
            let mut key = c.word()?.to_owned();
            if matches!(key.as_str(), "ip" | "ip6") {
                key = format!("{key} {}", c.word()?);
            }
            Some(Selector::Other(format!("ipsec {direction} {number} {key}")))
        }
        "rt" => {
            let mut key = c.word()?.to_owned();
            if matches!(key.as_str(), "ip" | "ip6") {
                key = format!("{key} {}", c.word()?);
            }
            Some(Selector::Other(format!("rt {key}")))
        }
        "tcp" | "ip" | "sctp" | "dccp"
            if c.peek_word()
                .is_some_and(|w| matches!(w, "option" | "chunk")) =>
        {
            let what = c.word()?;
            let name = c.word()?;
            let mut text = format!("{first} {what} {name}");
            // A field of the option; its presence alone is asked by `exists`.
            if let Some(field) = c.peek_word()
                && !matches!(field, "exists" | "missing" | "set")
                && !starts_selector(field)
                && field.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-')
            {
                c.at += 1;
                text.push_str(&format!(" {field}"));
            }
            Some(Selector::Other(text))
        }
        "exthdr" => Some(Selector::Other(format!("exthdr {}", c.word()?))),
        _ if PROTOCOLS.contains(&first) => {
            let mut field = c.word()?.to_owned();
            // Encapsulated headers: `vxlan ip saddr`.
            if matches!(first, "vxlan" | "gre" | "gretap" | "geneve")
                && PROTOCOLS.contains(&field.as_str())
            {
                field = format!("{field} {}", c.word()?);
            }
            Some(Selector::Payload(first.to_owned(), field))
        }
        _ if META.contains(&first) || first == "secmark" => Some(Selector::Meta(meta_key(first))),
        _ => None,
    }
}

fn meta_key(word: &str) -> String {
    // The older names of bridge interfaces.
    match word {
        "ibriport" | "ibrport" => "ibrname",
        "obriport" => "obrname",
        other => other,
    }
    .to_owned()
}

fn enter<T>(c: &mut Cursor<'_>, parse: impl FnOnce(&mut Cursor<'_>) -> Option<T>) -> Option<T> {
    if c.depth >= DEPTH {
        return None;
    }
    c.depth += 1;
    let out = parse(c);
    c.depth -= 1;
    out
}

/// A key: selectors joined by `.`, with masks and shifts.
pub fn keys(c: &mut Cursor<'_>) -> Option<Expr> {
    enter(c, |c| {
        let mut parts = vec![masked(c, true)?];
        while c.eat(".") {
            parts.push(masked(c, true)?);
        }
        Some(one_or(parts, Expr::Concat))
    })
}

fn one_or(mut parts: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    many(parts)
}

fn binary(c: &mut Cursor<'_>) -> Option<(Binary, u8)> {
    let token = c.peek()?;
    let found = match (token.kind, &*token.text) {
        (Kind::Punctuation, "&") | (Kind::Word, "and") => (Binary::And, 3),
        (Kind::Punctuation, "^") | (Kind::Word, "xor") => (Binary::Xor, 2),
        (Kind::Punctuation, "|") | (Kind::Word, "or") => (Binary::Or, 1),
        (Kind::Punctuation, "<<") | (Kind::Word, "lshift") => (Binary::ShiftLeft, 4),
        (Kind::Punctuation, ">>") | (Kind::Word, "rshift") => (Binary::ShiftRight, 4),
        _ => return None,
    };
    Some(found)
}

/// An operand with binary operators. `select`: words may be selectors.
fn masked(c: &mut Cursor<'_>, select: bool) -> Option<Expr> {
    climb(c, select, 0)
}

fn climb(c: &mut Cursor<'_>, select: bool, least: u8) -> Option<Expr> {
    enter(c, |c| {
        let mut left = operand(c, select)?;
        while let Some((op, strength)) = binary(c) {
            if strength < least {
                break;
            }
            c.at += 1;
            // The right side of `ct mark & $x` may be `ct mark` again only in
            // values, where selectors are recognized by their first word.
            let right = climb(c, false, strength + 1)?;
            left = Expr::Binary(op, Box::new(left), Box::new(right));
        }
        Some(left)
    })
}

fn operand(c: &mut Cursor<'_>, select: bool) -> Option<Expr> {
    let token = c.peek()?;
    if token.is("(") {
        c.at += 1;
        c.brackets += 1;
        let mut parts = Vec::new();
        let inner = loop {
            let Some(part) = masked(c, select) else {
                break None;
            };
            parts.push(part);
            if c.eat(",") {
                continue;
            }
            break c.eat(")").then_some(());
        };
        c.brackets -= 1;
        inner?;
        return Some(one_or(parts, Expr::List));
    }
    if select {
        let raw = token.is("@")
            && c.second()
                .is_some_and(|t| matches!(&*t.text, "ll" | "nh" | "th" | "ih"));
        if raw || c.peek_word().is_some_and(starts_selector) {
            return Some(Expr::Select(selector(c)?));
        }
        if token.is("@") {
            return None;
        }
    }
    constant(c)
}

/// A constant: a word, number, address, prefix or range.
fn constant(c: &mut Cursor<'_>) -> Option<Expr> {
    let token = c.peek()?;
    if token.is("*") {
        c.at += 1;
        return Some(Expr::CatchAll);
    }
    if token.is("[") {
        // A bracketed IPv6 address.
        c.at += 1;
        let text = c.word()?.to_owned();
        return c.eat("]").then_some(Expr::Value(text));
    }
    let value = match token.kind {
        Kind::Word | Kind::Quoted => Expr::Value(token.text.to_string()),
        _ => return None,
    };
    c.at += 1;
    if c.peek().is_some_and(|t| t.is("/")) {
        let length = c.second()?;
        if let Some(bits) = (length.kind == Kind::Word)
            .then(|| length.text.parse::<u8>().ok())
            .flatten()
        {
            c.at += 2;
            return after_range(c, Expr::Prefix(Box::new(value), bits));
        }
        if let Some(bits) = mask_length(&length.text) {
            c.at += 2;
            return after_range(c, Expr::Prefix(Box::new(value), bits));
        }
    }
    after_range(c, value)
}

fn mask_length(text: &str) -> Option<u8> {
    let mask = u32::from(text.parse::<std::net::Ipv4Addr>().ok()?);
    (mask.leading_ones() + mask.trailing_zeros() >= 32).then(|| mask.leading_ones() as u8)
}

fn after_range(c: &mut Cursor<'_>, low: Expr) -> Option<Expr> {
    if !c.peek().is_some_and(|t| t.is("-")) {
        return Some(low);
    }
    c.at += 1;
    let token = c.next()?;
    let high = match token.kind {
        Kind::Word | Kind::Quoted => Expr::Value(token.text.to_string()),
        Kind::Punctuation if token.is("[") => {
            let text = c.word()?.to_owned();
            if !c.eat("]") {
                return None;
            }
            Expr::Value(text)
        }
        _ => return None,
    };
    Some(Expr::Range(Box::new(low), Box::new(high)))
}

/// The right side of a comparison. A second list behind `/` is a mask.
pub fn right_side(c: &mut Cursor<'_>) -> Option<(Expr, Option<Expr>)> {
    enter(c, |c| {
        if c.eat("@") {
            return Some((Expr::Named(c.name()?), None));
        }
        if c.peek()?.is("{") {
            return Some((set(c)?, None));
        }
        let value = list(c)?;
        if c.eat("/") {
            let mask = list(c)?;
            return Some((value, Some(mask)));
        }
        Some((value, None))
    })
}

fn list(c: &mut Cursor<'_>) -> Option<Expr> {
    let mut parts = vec![tuple(c)?];
    while c.eat(",") {
        parts.push(tuple(c)?);
    }
    Some(one_or(parts, Expr::List))
}

/// Constants joined by `.`.
fn tuple(c: &mut Cursor<'_>) -> Option<Expr> {
    let mut parts = vec![component(c)?];
    while c.eat(".") {
        parts.push(component(c)?);
    }
    Some(one_or(parts, Expr::Concat))
}

fn component(c: &mut Cursor<'_>) -> Option<Expr> {
    if c.peek()?.is("{") {
        return set(c);
    }
    masked(c, false)
}

/// `{ ... }`
pub fn set(c: &mut Cursor<'_>) -> Option<Expr> {
    enter(c, |c| {
        if !c.eat("{") {
            return None;
        }
        c.brackets += 1;
        let elements = elements(c);
        c.brackets -= 1;
        elements.map(Expr::Set)
    })
}

fn elements(c: &mut Cursor<'_>) -> Option<Vec<Element>> {
    let mut out = Vec::new();
    loop {
        if c.eat("}") {
            return Some(out);
        }
        element(c, &mut out)?;
        if !c.eat(",") && !c.peek()?.is("}") {
            return None;
        }
    }
}

fn element(c: &mut Cursor<'_>, out: &mut Vec<Element>) -> Option<()> {
    let span = c.peek()?.span;
    let key = tuple(c)?;
    let (mut expires, mut stateful) = (false, None);
    attributes(c, &mut expires, &mut stateful)?;
    let data = if c.eat(":") {
        let data = data(c)?;
        attributes(c, &mut expires, &mut stateful)?;
        Some(data)
    } else {
        None
    };
    match (key, &data) {
        // A defined set inside another one.
        (Expr::Set(inner), None) => out.extend(inner),
        (Expr::Set(inner), Some(data)) => out.extend(inner.into_iter().map(|e| Element {
            data: Some(data.clone()),
            ..e
        })),
        (key, _) => out.push(Element {
            key,
            data,
            expires,
            stateful,
            span,
        }),
    }
    Some(())
}

fn attributes(c: &mut Cursor<'_>, expires: &mut bool, stateful: &mut Option<String>) -> Option<()> {
    loop {
        match c.peek_word() {
            Some("timeout" | "expires") => {
                let never = c.second().is_some_and(|t| &*t.text == "never");
                c.at += 1;
                c.word()?;
                *expires |= !never;
            }
            Some("comment") => {
                c.at += 1;
                c.name()?;
            }
            Some("counter") => {
                c.at += 1;
                counter(c)?;
            }
            Some("last") => {
                c.at += 1;
                last(c);
            }
            Some("limit" | "quota" | "ct") => {
                let (text, over) = meter(c)?;
                *stateful = Some(format!("{text}{}", if over { " exceeded" } else { "" }));
            }
            _ => return Some(()),
        }
    }
}

/// What may follow the word `counter`.
pub fn counter(c: &mut Cursor<'_>) -> Option<()> {
    if c.eat_word("name") {
        c.name()?;
    } else if c.eat_word("packets") {
        c.number()?;
        if c.eat_word("bytes") {
            c.number()?;
        }
    } else if c.peek().is_some_and(|t| t.kind == Kind::Quoted) {
        c.at += 1;
    }
    Some(())
}

/// What may follow the word `last`.
pub fn last(c: &mut Cursor<'_>) {
    if c.eat_word("used") {
        c.word();
    }
}

fn data(c: &mut Cursor<'_>) -> Option<Data> {
    if let Some(word) = c.peek_word()
        && matches!(
            word,
            "accept" | "drop" | "continue" | "return" | "jump" | "goto" | "queue"
        )
    {
        return Some(Data::Verdict(verdict(c)?));
    }
    let mut value = tuple(c)?;
    // A class id (`1:11`), or an address and port (`10.0.0.1:80`).
    if c.eat(":") {
        let second = c.word()?;
        value = Expr::Value(format!("{value}:{second}"));
    }
    Some(Data::Expr(value))
}

/// The value of a `set` statement or of a translation: constants, what is
/// read of the packet, or a map.
pub fn value(c: &mut Cursor<'_>) -> Option<Expr> {
    enter(c, |c| {
        if c.eat("@") {
            return Some(Expr::Named(c.name()?));
        }
        if c.peek()?.is("{") {
            return set(c);
        }
        let selects =
            c.peek().is_some_and(|t| t.is("(")) || c.peek_word().is_some_and(starts_selector);
        if !selects {
            return list(c);
        }
        let key = keys(c)?;
        if c.eat_word("map") {
            return Some(Expr::Map(Box::new(key), Box::new(map_data(c)?)));
        }
        Some(key)
    })
}

/// `{ ... }` or `@NAME` behind `map` and `vmap`.
pub fn map_data(c: &mut Cursor<'_>) -> Option<Expr> {
    if c.eat("@") {
        return Some(Expr::Named(c.name()?));
    }
    set(c)
}
