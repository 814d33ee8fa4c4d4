//! Tables, chains, sets, and the commands of a file.

use super::super::ast::{
    ChainBlock, Command, Element, Expr, Hook, NamedObject, Policy, Rule, RulePosition, SetBlock,
    TableAttributes, TableName,
};
use super::super::lex::{Kind, Line};
use super::super::names::{FAMILIES, priority_value};
use super::cursor::Cursor;
use super::expression::set;
use super::statement::{meter, meter_body, rule};

/// Named objects that hold no rules and no elements.
const OBJECTS: [&str; 9] = [
    "counter",
    "quota",
    "limit",
    "ct",
    "secmark",
    "synproxy",
    "flowtable",
    "meter",
    "tunnel",
];

/// What the reader hands to the line ledger besides the commands.
#[derive(Default)]
pub struct Marks {
    /// Lines that are understood.
    pub modeled: Vec<Line>,
    /// Lines without effect.
    pub inert: Vec<(Line, &'static str)>,
}

/// The commands of a file.
pub fn commands(c: &mut Cursor<'_>, marks: &mut Marks) -> Vec<Command> {
    let mut out = Vec::new();
    loop {
        c.brackets = 0;
        c.skip_separators();
        let Some(token) = c.peek() else {
            return out;
        };
        let from = c.at;
        if token.is("}") {
            // Left over from something that was not understood.
            c.at += 1;
            out.push(Command::Unknown("}".into(), c.place_since(from)));
            continue;
        }
        let before = out.len();
        if command(c, &mut out, marks).is_none() {
            out.truncate(before);
            c.at = from;
            c.brackets = 0;
            c.depth = 0;
            let text = c.skip_statement();
            if c.at == from {
                c.at += 1;
            }
            out.push(Command::Unknown(text, c.place_since(from)));
        }
    }
}

fn command(c: &mut Cursor<'_>, out: &mut Vec<Command>, marks: &mut Marks) -> Option<()> {
    let from = c.at;
    let first = c.word()?;
    let verb = match first {
        "add" | "create" | "insert" | "delete" | "destroy" | "replace" | "flush" | "reset"
        | "rename" | "list" | "monitor" | "describe" => c.word().map(|object| (first, object)),
        object => Some(("add", object)),
    };
    let (verb, object) = verb?;
    if matches!(verb, "list" | "monitor" | "describe") || (verb == "reset" && object != "rules") {
        c.skip_statement();
        let place = c.place_since(from);
        for line in place.lines() {
            marks.inert.push((line, "shows or resets counters only"));
        }
        return Some(());
    }
    match object {
        "ruleset" if verb == "flush" => {
            let family = c.word().map(str::to_owned);
            out.push(Command::FlushRuleset(family));
        }
        "table" => {
            let table = table_name(c)?;
            match verb {
                "add" | "create" => return table_block(c, table, from, out, marks),
                "delete" | "destroy" => out.push(Command::DeleteTable(table)),
                "flush" => out.push(Command::FlushTable(table)),
                _ => return None,
            }
        }
        "chain" => {
            let table = table_name(c)?;
            let name = c.name()?;
            match verb {
                "add" | "create" => {
                    let chain = chain_block(c, name, from, marks)?;
                    out.push(Command::AddChain(table, chain));
                }
                "delete" | "destroy" => out.push(Command::DeleteChain(table, name)),
                "flush" => out.push(Command::FlushChain(table, name)),
                _ => return None,
            }
        }
        "rule" => {
            let table = table_name(c)?;
            let chain = c.name()?;
            let position = rule_position(c, verb)?;
            if matches!(verb, "delete" | "destroy") {
                let RulePosition::Replace(handle) = position else {
                    return None;
                };
                let place = c.place_since(from);
                out.push(Command::DeleteRule(table, chain, Some(handle), place));
            } else {
                let mut rule = rule(c);
                rule.place = c.place_since(from);
                out.push(Command::AddRule(table, chain, position, rule));
            }
        }
        "set" | "map" => {
            let table = table_name(c)?;
            let name = c.name()?;
            match verb {
                "add" | "create" => {
                    let block = set_block(c, name, object == "map", from)?;
                    out.push(Command::AddSet(table, block));
                }
                "delete" | "destroy" => out.push(Command::DeleteSet(table, name)),
                "flush" => out.push(Command::FlushSet(table, name)),
                _ => return None,
            }
        }
        "element" => {
            let table = table_name(c)?;
            let name = c.name()?;
            let elements = elements(c)?;
            let place = c.place_since(from);
            out.push(if matches!(verb, "delete" | "destroy") {
                Command::DeleteElements(table, name, elements, verb == "delete", place)
            } else {
                Command::AddElements(table, name, elements, place)
            });
        }
        kind if OBJECTS.contains(&kind) && matches!(verb, "add" | "create") => {
            let second = if kind == "ct" { c.word() } else { None };
            let table = table_name(c)?;
            let object = object_block(c, kind, second, from)?;
            out.push(Command::AddObject(table, object));
        }
        kind if OBJECTS.contains(&kind) && matches!(verb, "delete" | "destroy") => {
            c.skip_statement();
        }
        _ => return None,
    }
    if !c.at_end() {
        return None;
    }
    let place = c.place_since(from);
    marks.modeled.extend(place.lines());
    Some(())
}

fn table_name(c: &mut Cursor<'_>) -> Option<TableName> {
    let family = match c.peek_word() {
        Some(word) if FAMILIES.contains(&word) => {
            c.at += 1;
            word.to_owned()
        }
        _ => "ip".to_owned(),
    };
    Some(TableName {
        family,
        name: c.name()?,
    })
}

fn rule_position(c: &mut Cursor<'_>, verb: &str) -> Option<RulePosition> {
    let word = c.peek_word();
    let position = match (verb, word) {
        ("add", Some("handle" | "position")) => {
            c.at += 1;
            RulePosition::AfterHandle(c.number()?)
        }
        ("insert", Some("handle" | "position")) => {
            c.at += 1;
            RulePosition::BeforeHandle(c.number()?)
        }
        ("add", Some("index")) => {
            c.at += 1;
            RulePosition::AfterIndex(usize::try_from(c.number()?).ok()?)
        }
        ("insert", Some("index")) => {
            c.at += 1;
            RulePosition::BeforeIndex(usize::try_from(c.number()?).ok()?)
        }
        ("replace" | "delete" | "destroy", Some("handle")) => {
            c.at += 1;
            RulePosition::Replace(c.number()?)
        }
        ("add" | "create", _) => RulePosition::End,
        ("insert", _) => RulePosition::Top,
        _ => return None,
    };
    Some(position)
}

fn table_block(
    c: &mut Cursor<'_>,
    table: TableName,
    from: usize,
    out: &mut Vec<Command>,
    marks: &mut Marks,
) -> Option<()> {
    let slot = out.len();
    let head = c.place_since(from);
    marks.modeled.push((head.span.source, head.span.line));
    out.push(Command::AddTable(
        table.clone(),
        TableAttributes::default(),
        head,
    ));
    skip_newlines_before(c, "{");
    if !c.eat("{") {
        return c.at_end().then_some(());
    }
    loop {
        c.skip_separators();
        let start = c.at;
        let Some(token) = c.peek() else {
            // The end of the file closes what is open.
            return Some(());
        };
        if token.is("}") {
            marks.modeled.push((token.span.source, token.span.line));
            c.at += 1;
            return Some(());
        }
        if table_item(c, &table, slot, out, marks).is_none() {
            c.at = start;
            c.brackets = 0;
            c.depth = 0;
            let text = c.skip_statement();
            if c.at == start {
                c.at += 1;
            }
            let place = c.place_since(start);
            out.push(Command::Unknown(
                format!("{text} in table {} {}", table.family, table.name),
                place,
            ));
        }
    }
}

fn skip_newlines_before(c: &mut Cursor<'_>, text: &str) {
    let from = c.at;
    while c.peek().is_some_and(|t| t.kind == Kind::Newline) {
        c.at += 1;
    }
    if !c.peek().is_some_and(|t| t.is(text)) {
        c.at = from;
    }
}

fn table_item(
    c: &mut Cursor<'_>,
    table: &TableName,
    slot: usize,
    out: &mut Vec<Command>,
    marks: &mut Marks,
) -> Option<()> {
    let from = c.at;
    let word = c.word()?;
    match word {
        "chain" => {
            let name = c.name()?;
            let chain = chain_block(c, name, from, marks)?;
            out.push(Command::AddChain(table.clone(), chain));
            return Some(());
        }
        "set" | "map" => {
            let name = c.name()?;
            let block = set_block(c, name, word == "map", from)?;
            out.push(Command::AddSet(table.clone(), block));
            return Some(());
        }
        "flags" => loop {
            let flag = c.word()?;
            if flag == "dormant"
                && let Some(Command::AddTable(_, attributes, _)) = out.get_mut(slot)
            {
                attributes.dormant = true;
            } else if !matches!(flag, "owner" | "persist") {
                return None;
            }
            if !c.eat(",") {
                break;
            }
        },
        "comment" => {
            c.name()?;
        }
        kind if OBJECTS.contains(&kind) => {
            let second = if kind == "ct" { c.word() } else { None };
            let object = object_block(c, kind, second, from)?;
            out.push(Command::AddObject(table.clone(), object));
            return Some(());
        }
        _ => return None,
    }
    if !c.at_end() {
        return None;
    }
    let place = c.place_since(from);
    marks.modeled.extend(place.lines());
    Some(())
}

fn chain_block(
    c: &mut Cursor<'_>,
    name: String,
    from: usize,
    marks: &mut Marks,
) -> Option<ChainBlock> {
    let head = c.place_since(from);
    let mut chain = ChainBlock {
        name,
        hook: None,
        policy: None,
        rules: Vec::new(),
        place: head,
    };
    marks.modeled.push((head.span.source, head.span.line));
    skip_newlines_before(c, "{");
    if !c.eat("{") {
        return c.at_end().then_some(chain);
    }
    loop {
        c.skip_separators();
        let start = c.at;
        let Some(token) = c.peek() else {
            break;
        };
        if token.is("}") {
            marks.modeled.push((token.span.source, token.span.line));
            c.at += 1;
            break;
        }
        if chain_attribute(c, &mut chain).is_some() && c.at_end() {
            let place = c.place_since(start);
            marks.modeled.extend(place.lines());
            continue;
        }
        c.at = start;
        c.brackets = 0;
        chain.rules.push(rule(c));
    }
    chain.place.last_line = c.place_since(from).last_line;
    Some(chain)
}

fn chain_attribute(c: &mut Cursor<'_>, chain: &mut ChainBlock) -> Option<()> {
    match c.word()? {
        "type" => {
            let kind = c.word()?.to_owned();
            c.eat_word("hook").then_some(())?;
            let hook_name = c.word()?.to_owned();
            let span = c.place_since(c.at.saturating_sub(4)).span;
            let mut hook = Hook {
                kind,
                hook: hook_name,
                priority: None,
                devices: Vec::new(),
                span,
            };
            loop {
                if c.eat_word("device") {
                    hook.devices.push(c.name()?);
                } else if c.eat_word("devices") {
                    c.eat("=");
                    hook.devices.extend(names(c)?);
                } else {
                    break;
                }
            }
            c.eat_word("priority").then_some(())?;
            hook.priority = priority(c);
            chain.hook = Some(hook);
        }
        "policy" => {
            let span = c.peek()?.span;
            let policy = match c.word()? {
                "accept" => Policy::Accept,
                "drop" => Policy::Drop,
                _ => return None,
            };
            chain.policy = Some((policy, span));
        }
        "comment" => {
            c.name()?;
        }
        "flags" => {
            c.eat_word("offload").then_some(())?;
        }
        "device" => {
            let name = c.name()?;
            chain.hook.as_mut()?.devices.push(name);
        }
        "devices" => {
            c.eat("=");
            let names = names(c)?;
            chain.hook.as_mut()?.devices.extend(names);
        }
        _ => return None,
    }
    Some(())
}

fn names(c: &mut Cursor<'_>) -> Option<Vec<String>> {
    let Expr::Set(elements) = set(c)? else {
        return None;
    };
    Some(
        elements
            .into_iter()
            .filter_map(|e| match e.key {
                Expr::Value(name) => Some(name),
                _ => None,
            })
            .collect(),
    )
}

/// `priority NAME [+|- N]` or a number. `None` if not understood. Names that
/// depend on the family are resolved when the chain is executed; they are
/// kept apart by an offset that no real priority reaches.
fn priority(c: &mut Cursor<'_>) -> Option<i64> {
    let token = c.peek()?;
    let base = if token.kind == Kind::Word && integer_like(&token.text).is_none() {
        c.at += 1;
        // `filter-1` is one word.
        let (name, offset) = match token.text.split_once('-') {
            Some((name, offset)) => (name, -offset.parse::<i64>().ok()?),
            None => (&*token.text, 0),
        };
        priority_value(name)? + offset
    } else if token.kind == Kind::Quoted {
        c.at += 1;
        return priority_value(&token.text).or_else(|| token.text.parse().ok());
    } else {
        0
    };
    let sign = if c.eat("-") {
        -1
    } else {
        c.eat("+");
        1
    };
    match c.peek_word().and_then(integer_like) {
        Some(number) => {
            c.at += 1;
            Some(base + sign * number)
        }
        None if token.kind == Kind::Word => Some(base),
        None => None,
    }
}

fn integer_like(text: &str) -> Option<i64> {
    text.parse::<i32>().ok().map(i64::from)
}

/// The rules of an anonymous chain.
pub fn rules_in_braces(c: &mut Cursor<'_>) -> Option<Vec<Rule>> {
    c.eat("{").then_some(())?;
    let brackets = std::mem::take(&mut c.brackets);
    c.depth += 1;
    let mut rules = Vec::new();
    let closed = loop {
        c.skip_separators();
        match c.peek() {
            None => break false,
            Some(token) if token.is("}") => {
                c.at += 1;
                break true;
            }
            Some(_) => rules.push(rule(c)),
        }
    };
    c.depth -= 1;
    c.brackets = brackets;
    closed.then_some(rules)
}

fn elements(c: &mut Cursor<'_>) -> Option<Vec<Element>> {
    match set(c)? {
        Expr::Set(elements) => Some(elements),
        _ => None,
    }
}

fn set_block(c: &mut Cursor<'_>, name: String, map: bool, from: usize) -> Option<SetBlock> {
    let mut block = SetBlock {
        name,
        map,
        dynamic: false,
        timeout: false,
        auto_merge: false,
        elements: Vec::new(),
        unknown: None,
        defines: Vec::new(),
        place: c.place_since(from),
    };
    skip_newlines_before(c, "{");
    if !c.eat("{") {
        return c.at_end().then_some(block);
    }
    loop {
        c.skip_separators();
        let start = c.at;
        let Some(token) = c.peek() else { break };
        if token.is("}") {
            c.at += 1;
            break;
        }
        // Some writers separate attributes by commas.
        if token.is(",") {
            c.at += 1;
            continue;
        }
        if set_attribute(c, &mut block).is_none() {
            c.at = start;
            c.brackets = 0;
            let text = c.skip_statement();
            if c.at == start {
                c.at += 1;
            }
            block.unknown = Some(text);
        }
    }
    block.place = c.place_since(from);
    block.defines = c.defines_since(from);
    Some(block)
}

fn set_attribute(c: &mut Cursor<'_>, block: &mut SetBlock) -> Option<()> {
    match c.word()? {
        "type" | "typeof" => {
            // What the elements mean follows from the rules that use them.
            while !c.at_end() && c.peek_word() != Some("flags") {
                c.at += 1;
            }
        }
        "flags" => loop {
            match c.word()? {
                "dynamic" => block.dynamic = true,
                "timeout" => block.timeout = true,
                "constant" | "interval" => {}
                _ => return None,
            }
            if !c.eat(",") {
                break;
            }
        },
        "timeout" => {
            block.timeout = true;
            c.word()?;
        }
        "gc-interval" | "size" | "policy" => {
            c.word()?;
        }
        "auto-merge" => block.auto_merge = true,
        "comment" => {
            c.name()?;
        }
        "counter" => {
            super::expression::counter(c)?;
        }
        "last" => {}
        "elements" => {
            c.eat("=");
            let more = elements(c)?;
            block.elements.extend(more);
        }
        "limit" | "quota" | "ct" => {
            // Every element meters: matching depends on it.
            c.at -= 1;
            meter(c)?;
            block.dynamic = true;
            if c.eat_word("counter") {
                super::expression::counter(c)?;
            }
        }
        _ => return None,
    }
    Some(())
}

fn object_block(
    c: &mut Cursor<'_>,
    kind: &str,
    second: Option<&str>,
    from: usize,
) -> Option<NamedObject> {
    let name = c.name()?;
    let start = c.at;
    skip_newlines_before(c, "{");
    let block = c.at;
    let metered = meter_object(c, kind);
    if let Some(text) = metered {
        return Some(NamedObject {
            kind: kind.to_owned(),
            name,
            text,
            place: c.place_since(from),
        });
    }
    c.at = block;
    if c.peek().is_some_and(|t| t.is("{")) {
        let mut depth = 0usize;
        while let Some(token) = c.next() {
            if token.is("{") {
                depth += 1;
            } else if token.is("}") {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
        }
    } else {
        c.skip_statement();
    }
    Some(NamedObject {
        kind: second.map_or_else(|| kind.to_owned(), |s| format!("{kind} {s}")),
        name,
        text: c.text_since(start),
        place: c.place_since(from),
    })
}

/// The block of a named limit or quota, in the words that JSON gives too.
fn meter_object(c: &mut Cursor<'_>, kind: &str) -> Option<String> {
    if !matches!(kind, "limit" | "quota") || !c.eat("{") {
        return None;
    }
    let mut found = None;
    loop {
        c.skip_separators();
        if c.eat("}") {
            let (text, over) = found?;
            return Some(format!("{text}{}", if over { " exceeded" } else { "" }));
        }
        if c.eat_word("comment") {
            c.name()?;
        } else {
            found = Some(meter_body(c, kind)?);
        }
    }
}
