//! The reader of `nft -j list ruleset` (libnftables-json(5)).

use super::ast::{
    Binary, ChainBlock, Command, Data, Element, Expr, Hook, NamedObject, Nat, NatKind, Operator,
    Place, Policy, Rule, RulePosition, Selector, SetBlock, Statement, TableAttributes, TableName,
    Verdict,
};
use super::parse::statement::{any_of, burst_text, set_field};
use fw_model::{Source, SourceId, Span};
use serde_json::{Map, Value};

/// What a JSON file says.
pub struct Json {
    /// Its commands.
    pub commands: Vec<Command>,
    /// Lines that are understood.
    pub modeled: Vec<u32>,
    /// Lines that are not.
    pub opaque: Vec<u32>,
    /// It is the output of `nft -j list ruleset`.
    pub dump: bool,
}

/// Reads a JSON file.
pub fn read(source: &Source, id: SourceId) -> Json {
    let mut out = Json {
        commands: Vec::new(),
        modeled: Vec::new(),
        opaque: Vec::new(),
        dump: false,
    };
    let whole = Place {
        span: Span::line(id, 1, source.line(1).map_or(0, |l| l.len() as u32)),
        last_line: source.line_count().max(1),
    };
    let parsed: Option<Value> = serde_json::from_str(&source.text).ok();
    let objects = parsed
        .as_ref()
        .and_then(|v| v.get("nftables"))
        .and_then(Value::as_array);
    let Some(objects) = objects else {
        out.commands
            .push(Command::Unknown("no nftables JSON".into(), whole));
        return out;
    };
    out.modeled.extend(1..=source.line_count());
    let mut places = places(&source.text, id).into_iter();
    for object in objects {
        let place = places.next().unwrap_or(whole);
        let mut reader = Reader { place };
        let Some((key, value)) = single(object) else {
            out.commands
                .push(Command::Unknown(object.to_string(), place));
            continue;
        };
        if key == "metainfo" {
            out.dump = true;
            continue;
        }
        let (verb, key, value) = match (key, single(value)) {
            (
                verb @ ("add" | "create" | "insert" | "delete" | "replace" | "flush"),
                Some((inner, value)),
            ) => (verb, inner, value),
            _ => ("add", key, value),
        };
        match reader.command(verb, key, value) {
            Some(command) => out.commands.push(command),
            None => out
                .commands
                .push(Command::Unknown(object.to_string(), place)),
        }
    }
    out
}

/// Where the elements of the top array stand.
fn places(text: &str, source: SourceId) -> Vec<Place> {
    let mut out = Vec::new();
    let (mut depth, mut quoted, mut escaped) = (0u32, false, false);
    let (mut line, mut column) = (1u32, 0u32);
    let mut open: Option<Span> = None;
    for byte in text.bytes() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => quoted = true,
                b'{' | b'[' => {
                    depth += 1;
                    if depth == 3 {
                        open = Some(Span {
                            source,
                            line,
                            start: column,
                            end: column,
                        });
                    }
                }
                b'}' | b']' => {
                    if depth == 3
                        && let Some(mut span) = open.take()
                    {
                        span.end = if span.line == line {
                            column + 1
                        } else {
                            span.start + 1
                        };
                        out.push(Place {
                            span,
                            last_line: line,
                        });
                    }
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            }
        }
        if byte == b'\n' {
            line += 1;
            column = 0;
        } else {
            column += 1;
        }
    }
    out
}

fn single(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object()?;
    let mut entries = object.iter();
    let (key, value) = entries.next()?;
    entries.next().is_none().then_some((key.as_str(), value))
}

fn text<'v>(object: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
    object.get(key)?.as_str()
}

fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    }
}

struct Reader {
    place: Place,
}

impl Reader {
    fn command(&mut self, verb: &str, key: &str, value: &Value) -> Option<Command> {
        if key == "ruleset" && verb == "flush" {
            return Some(Command::FlushRuleset(None));
        }
        let object = value.as_object()?;
        let family = text(object, "family").unwrap_or("ip").to_owned();
        let table = |name: &str| TableName {
            family: family.clone(),
            name: name.to_owned(),
        };
        let place = self.place;
        let added = matches!(verb, "add" | "create");
        Some(match key {
            "table" => {
                let table = table(text(object, "name")?);
                match verb {
                    "delete" => Command::DeleteTable(table),
                    "flush" => Command::FlushTable(table),
                    _ => {
                        let mut attributes = TableAttributes::default();
                        for flag in object.get("flags").map(many).unwrap_or_default() {
                            match flag.as_str()? {
                                "dormant" => attributes.dormant = true,
                                "owner" | "persist" => {}
                                _ => return None,
                            }
                        }
                        Command::AddTable(table, attributes, place)
                    }
                }
            }
            "chain" => {
                let table = table(text(object, "table")?);
                let name = text(object, "name")?.to_owned();
                match verb {
                    "delete" => Command::DeleteChain(table, name),
                    "flush" => Command::FlushChain(table, name),
                    _ => Command::AddChain(table, self.chain(object, name)?),
                }
            }
            "rule" => {
                let table = table(text(object, "table")?);
                let chain = text(object, "chain")?.to_owned();
                let handle = object.get("handle").and_then(Value::as_u64);
                if verb == "delete" {
                    return Some(Command::DeleteRule(table, chain, handle, place));
                }
                let position = match verb {
                    "insert" => RulePosition::Top,
                    "replace" => RulePosition::Replace(handle?),
                    _ => RulePosition::End,
                };
                let rule = self.rule(object.get("expr")?.as_array()?, object, handle);
                Command::AddRule(table, chain, position, rule)
            }
            "set" | "map" => {
                let table = table(text(object, "table")?);
                let name = text(object, "name")?.to_owned();
                match verb {
                    "delete" => Command::DeleteSet(table, name),
                    "flush" => Command::FlushSet(table, name),
                    _ => Command::AddSet(table, self.set(object, name, key == "map")),
                }
            }
            "element" => {
                let table = table(text(object, "table")?);
                let name = text(object, "name")?.to_owned();
                let elements = self.elements(object.get("elem")?)?;
                if added {
                    Command::AddElements(table, name, elements, place)
                } else {
                    Command::DeleteElements(table, name, elements, true, place)
                }
            }
            "counter" | "quota" | "limit" | "ct helper" | "ct timeout" | "ct expectation"
            | "secmark" | "synproxy" | "flowtable" | "tunnel" => {
                let words = match key {
                    "limit" => limit(object).map(|(t, over)| object_text(&t, over)),
                    "quota" => quota(object).map(|(t, over)| object_text(&t, over)),
                    _ => Some(String::new()),
                };
                Command::AddObject(
                    table(text(object, "table")?),
                    NamedObject {
                        kind: key.to_owned(),
                        name: text(object, "name")?.to_owned(),
                        text: words?,
                        place,
                    },
                )
            }
            _ => return None,
        })
    }

    fn chain(&mut self, object: &Map<String, Value>, name: String) -> Option<ChainBlock> {
        let span = self.place.span;
        let hook = match text(object, "hook") {
            Some(hook) => Some(Hook {
                kind: text(object, "type")?.to_owned(),
                hook: hook.to_owned(),
                priority: object.get("prio").and_then(Value::as_i64),
                devices: object
                    .get("dev")
                    .map(many)
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|d| d.as_str().map(str::to_owned))
                    .collect(),
                span,
            }),
            None => None,
        };
        let policy = text(object, "policy").map(|policy| {
            let policy = match policy {
                "accept" => Policy::Accept,
                "drop" => Policy::Drop,
                _ => Policy::Unknown,
            };
            (policy, span)
        });
        Some(ChainBlock {
            name,
            hook,
            policy,
            rules: Vec::new(),
            place: self.place,
        })
    }

    fn rule(&mut self, exprs: &[Value], object: &Map<String, Value>, handle: Option<u64>) -> Rule {
        let statements = exprs
            .iter()
            .map(|value| {
                self.statement(value)
                    .unwrap_or_else(|| Statement::Unknown(value.to_string()))
            })
            .collect();
        Rule {
            statements,
            handle,
            comment: text(object, "comment").map(str::to_owned),
            defines: Vec::new(),
            place: self.place,
        }
    }

    fn set(&mut self, object: &Map<String, Value>, name: String, map: bool) -> SetBlock {
        let mut unknown = None;
        let (mut dynamic, mut timeout) = (false, object.contains_key("timeout"));
        for flag in object.get("flags").map(many).unwrap_or_default() {
            match flag.as_str() {
                Some("dynamic") => dynamic = true,
                Some("timeout") => timeout = true,
                Some("constant" | "interval") => {}
                _ => unknown = Some(format!("flag {flag}")),
            }
        }
        // Where every element meters, matching depends on it.
        dynamic |= object
            .get("stmt")
            .map(many)
            .unwrap_or_default()
            .iter()
            .any(|s| !matches!(single(s), Some(("counter" | "last", _))));
        let elements = match object.get("elem") {
            None => Vec::new(),
            Some(value) => self.elements(value).unwrap_or_else(|| {
                unknown = Some(format!("elements {value}"));
                Vec::new()
            }),
        };
        SetBlock {
            name,
            map,
            dynamic,
            timeout,
            // What nft prints is merged already.
            auto_merge: object.get("auto-merge").and_then(Value::as_bool) == Some(true),
            elements,
            unknown,
            defines: Vec::new(),
            place: self.place,
        }
    }

    fn elements(&mut self, value: &Value) -> Option<Vec<Element>> {
        many(value).into_iter().map(|e| self.element(e)).collect()
    }

    fn element(&mut self, value: &Value) -> Option<Element> {
        if let Value::Array(pair) = value
            && let [key, data] = pair.as_slice()
        {
            let mut element = self.element(key)?;
            element.data = Some(self.data(data)?);
            return Some(element);
        }
        let mut element = Element {
            key: Expr::CatchAll,
            data: None,
            expires: false,
            stateful: None,
            span: self.place.span,
        };
        if let Some(("elem", inner)) = single(value) {
            let object = inner.as_object()?;
            element.key = self.expr(object.get("val")?)?;
            element.expires = object.contains_key("timeout") || object.contains_key("expires");
            for (key, meter) in object {
                match key.as_str() {
                    "val" | "timeout" | "expires" | "comment" | "counter" | "last" => {}
                    "limit" | "quota" | "ct count" => {
                        let meter = meter.as_object()?;
                        let (text, over) = match key.as_str() {
                            "limit" => limit(meter)?,
                            "quota" => quota(meter)?,
                            _ => count(meter)?,
                        };
                        element.stateful = Some(object_text(&text, over));
                    }
                    _ => return None,
                }
            }
        } else {
            element.key = self.expr(value)?;
        }
        Some(element)
    }

    fn data(&mut self, value: &Value) -> Option<Data> {
        if let Some(verdict) = self.verdict(value) {
            return Some(Data::Verdict(verdict));
        }
        Some(Data::Expr(self.expr(value)?))
    }

    fn verdict(&mut self, value: &Value) -> Option<Verdict> {
        let (key, value) = single(value)?;
        Some(match key {
            "accept" => Verdict::Accept,
            "drop" => Verdict::Drop,
            "continue" => Verdict::Continue,
            "return" => Verdict::Return,
            "jump" => Verdict::Jump(text(value.as_object()?, "target")?.to_owned()),
            "goto" => Verdict::Goto(text(value.as_object()?, "target")?.to_owned()),
            "queue" => {
                let mut words = "queue".to_owned();
                if let Some(number) = value.get("num") {
                    words.push_str(&format!(" {}", self.expr(number)?));
                }
                for flag in value.get("flags").map(many).unwrap_or_default() {
                    words.push_str(&format!(" {}", flag.as_str()?));
                }
                Verdict::Queue(words)
            }
            _ => return None,
        })
    }

    fn statement(&mut self, value: &Value) -> Option<Statement> {
        if let Some(verdict) = self.verdict(value) {
            return Some(Statement::Verdict(verdict));
        }
        let (key, value) = single(value)?;
        let object = value.as_object();
        Some(match key {
            "match" => self.comparison(object?)?,
            "vmap" => {
                let object = object?;
                let key = self.expr(object.get("key")?)?;
                Statement::VerdictMap(key, self.expr(object.get("data")?)?)
            }
            "reject" => Statement::Reject,
            "counter" | "log" | "last" | "flow" | "dup" | "ct helper" | "ct timeout"
            | "ct expectation" | "secmark" => Statement::Inert,
            "mangle" => {
                let object = object?;
                let value = self.expr(object.get("value")?)?;
                match self.expr(object.get("key")?)? {
                    Expr::Select(selector) => set_field(selector, value),
                    _ => return None,
                }
            }
            "notrack" => Statement::NoTrack,
            "limit" | "quota" | "ct count" => {
                if let Some(name) = value.as_str() {
                    return Some(Statement::Meter {
                        text: format!("{key} name {name}"),
                        over: false,
                        named: true,
                    });
                }
                let (text, over) = match key {
                    "limit" => limit(object?)?,
                    "quota" => quota(object?)?,
                    _ => count(object?)?,
                };
                Statement::Meter {
                    text,
                    over,
                    named: false,
                }
            }
            "snat" | "dnat" | "masquerade" | "redirect" => self.nat(key, value)?,
            "set" => {
                let object = object?;
                let mut meter = None;
                for statement in object.get("stmt").map(many).unwrap_or_default() {
                    match self.statement(statement)? {
                        Statement::Meter { text, over, .. } => meter = Some((text, over)),
                        Statement::Inert => {}
                        _ => return None,
                    }
                }
                let element = object.get("elem")?;
                let key = match single(element) {
                    Some(("elem", inner)) => self.expr(inner.get("val")?)?,
                    _ => self.expr(element)?,
                };
                Statement::SetUpdate {
                    set: text(object, "set")?.trim_start_matches('@').to_owned(),
                    key,
                    meter,
                }
            }
            "meter" => {
                let object = object?;
                let meter = match self.statement(object.get("stmt")?)? {
                    Statement::Meter { text, over, .. } => Some((text, over)),
                    Statement::Inert => None,
                    _ => return None,
                };
                let key = object.get("key")?;
                let key = match single(key) {
                    Some(("elem", inner)) => self.expr(inner.get("val")?)?,
                    _ => self.expr(key)?,
                };
                Statement::SetUpdate {
                    set: text(object, "name")?.to_owned(),
                    key,
                    meter,
                }
            }
            "map" if object.is_some_and(|o| o.contains_key("map")) => {
                let object = object?;
                Statement::SetUpdate {
                    set: text(object, "map")?.trim_start_matches('@').to_owned(),
                    key: self.expr(object.get("elem")?)?,
                    meter: None,
                }
            }
            "synproxy" => Statement::Diverted(key.to_owned()),
            "tproxy" | "fwd" => {
                let mut words = key.to_owned();
                for (name, word) in [
                    ("family", ""),
                    ("addr", "to "),
                    ("port", "port "),
                    ("dev", "to "),
                ] {
                    if let Some(part) = value.get(name) {
                        words.push_str(&format!(" {word}{}", self.expr(part)?));
                    }
                }
                Statement::Diverted(words)
            }
            _ => return None,
        })
    }

    fn comparison(&mut self, object: &Map<String, Value>) -> Option<Statement> {
        let left = self.expr(object.get("left")?)?;
        let value = object.get("right")?;
        let right = match value {
            // Routes, options and headers are asked for by their presence.
            Value::Bool(present) => {
                Expr::Value(if *present { "exists" } else { "missing" }.to_owned())
            }
            value => self.expr(value)?,
        };
        let op = match text(object, "op")? {
            "==" => Operator::Equal,
            "in" if any_of(&left, &right) => Operator::Implicit,
            "in" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "!" => Operator::NoneOf,
            "<" => Operator::Less,
            ">" => Operator::Greater,
            "<=" => Operator::AtMost,
            ">=" => Operator::AtLeast,
            _ => return None,
        };
        // Sets compare exactly, whatever the operator is called.
        let op = match (&right, op) {
            (Expr::Set(_) | Expr::Named(_), Operator::Implicit) => Operator::Equal,
            (_, op) => op,
        };
        Some(Statement::Match(left, op, right))
    }

    fn nat(&mut self, key: &str, value: &Value) -> Option<Statement> {
        let kind = match key {
            "snat" => NatKind::Snat,
            "dnat" => NatKind::Dnat,
            "masquerade" => NatKind::Masquerade,
            _ => NatKind::Redirect,
        };
        let part = |reader: &mut Self, name: &str| match value.get(name) {
            None => Some(None),
            Some(part) => Some(Some(reader.expr(part)?)),
        };
        Some(Statement::Nat(Nat {
            kind,
            family: value
                .get("family")
                .and_then(Value::as_str)
                .map(str::to_owned),
            address: part(self, "addr")?,
            port: part(self, "port")?,
            prefix: value
                .get("type_flags")
                .map(many)
                .unwrap_or_default()
                .iter()
                .any(|f| f.as_str() == Some("prefix")),
        }))
    }

    fn expr(&mut self, value: &Value) -> Option<Expr> {
        match value {
            Value::String(text) if text == "*" => return Some(Expr::CatchAll),
            Value::String(text) => {
                return Some(match text.strip_prefix('@') {
                    Some(name) => Expr::Named(name.to_owned()),
                    None => Expr::Value(text.clone()),
                });
            }
            Value::Number(number) => return Some(Expr::Value(number.to_string())),
            Value::Bool(flag) => return Some(Expr::Value(u8::from(*flag).to_string())),
            Value::Array(parts) => {
                return Some(Expr::List(
                    parts
                        .iter()
                        .map(|p| self.expr(p))
                        .collect::<Option<Vec<_>>>()?,
                ));
            }
            _ => {}
        }
        let (key, value) = single(value)?;
        let object = value.as_object();
        Some(match key {
            "payload" => {
                let object = object?;
                match text(object, "base") {
                    Some(base) => Expr::Select(Selector::Other(format!(
                        "@{base},{},{}",
                        object.get("offset")?,
                        object.get("len")?
                    ))),
                    None => Expr::Select(Selector::Payload(
                        text(object, "protocol")?.to_owned(),
                        text(object, "field")?.to_owned(),
                    )),
                }
            }
            "meta" => Expr::Select(Selector::Meta(text(object?, "key")?.to_owned())),
            "ct" => Expr::Select(Selector::Ct(
                text(object?, "key")?.to_owned(),
                text(object?, "dir").map(str::to_owned),
            )),
            "fib" => {
                let object = object?;
                let flags = many(object.get("flags")?)
                    .into_iter()
                    .map(|f| f.as_str().map(str::to_owned))
                    .collect::<Option<Vec<_>>>()?;
                Expr::Select(Selector::Fib(flags, text(object, "result")?.to_owned()))
            }
            "socket" => Expr::Select(Selector::Other(format!("socket {}", text(object?, "key")?))),
            "rt" => Expr::Select(Selector::Other(format!("rt {}", text(object?, "key")?))),
            "osf" => Expr::Select(Selector::Other(format!("osf {}", text(object?, "key")?))),
            "ipsec" => {
                let object = object?;
                Expr::Select(Selector::Other(format!(
                    "ipsec {} {} {}",
                    text(object, "dir")?,
                    object.get("spnum").and_then(Value::as_u64).unwrap_or(0),
                    text(object, "key")?
                )))
            }
            "numgen" => {
                let object = object?;
                Expr::Select(Selector::Other(format!(
                    "numgen {} mod {} offset {}",
                    text(object, "mode")?,
                    object.get("mod")?,
                    object.get("offset").and_then(Value::as_u64).unwrap_or(0)
                )))
            }
            "jhash" | "symhash" => {
                let object = object?;
                let mut words = key.to_owned();
                if let Some(inner) = object.get("expr") {
                    words.push_str(&format!(" {}", self.expr(inner)?));
                }
                words.push_str(&format!(" mod {}", object.get("mod")?));
                if let Some(seed) = object.get("seed") {
                    words.push_str(&format!(" seed {seed}"));
                }
                let offset = object.get("offset").and_then(Value::as_u64).unwrap_or(0);
                words.push_str(&format!(" offset {offset}"));
                Expr::Select(Selector::Other(words))
            }
            "tcp option" | "ip option" | "sctp chunk" | "dccp option" => {
                let object = object?;
                let mut words = format!("{key} {}", text(object, "name").unwrap_or_default());
                if let Some(field) = text(object, "field") {
                    words.push_str(&format!(" {field}"));
                }
                Expr::Select(Selector::Other(words))
            }
            "exthdr" => {
                let object = object?;
                let name = text(object, "name")?;
                match text(object, "field") {
                    Some(field) => {
                        Expr::Select(Selector::Payload(name.to_owned(), field.to_owned()))
                    }
                    None => Expr::Select(Selector::Other(format!("exthdr {name}"))),
                }
            }
            "prefix" => {
                let object = object?;
                let length = object.get("len")?.as_u64()?;
                Expr::Prefix(
                    Box::new(self.expr(object.get("addr")?)?),
                    u8::try_from(length).ok()?,
                )
            }
            "range" => match value.as_array()?.as_slice() {
                [low, high] => Expr::Range(Box::new(self.expr(low)?), Box::new(self.expr(high)?)),
                _ => return None,
            },
            "concat" => Expr::Concat(
                value
                    .as_array()?
                    .iter()
                    .map(|p| self.expr(p))
                    .collect::<Option<Vec<_>>>()?,
            ),
            "set" => Expr::Set(self.elements(value)?),
            "map" => {
                let object = object?;
                Expr::Map(
                    Box::new(self.expr(object.get("key")?)?),
                    Box::new(self.expr(object.get("data")?)?),
                )
            }
            "elem" => self.expr(object?.get("val")?)?,
            "&" | "|" | "^" | "<<" | ">>" => {
                let op = match key {
                    "&" => Binary::And,
                    "|" => Binary::Or,
                    "^" => Binary::Xor,
                    "<<" => Binary::ShiftLeft,
                    _ => Binary::ShiftRight,
                };
                let mut parts = value.as_array()?.iter();
                let mut out = self.expr(parts.next()?)?;
                for part in parts {
                    out = Expr::Binary(op, Box::new(out), Box::new(self.expr(part)?));
                }
                out
            }
            _ => return None,
        })
    }
}

fn object_text(text: &str, over: bool) -> String {
    format!("{text}{}", if over { " exceeded" } else { "" })
}

fn over(object: &Map<String, Value>) -> bool {
    object.get("inv").and_then(Value::as_bool).unwrap_or(false)
}

fn unit(object: &Map<String, Value>, key: &str) -> String {
    match text(object, key) {
        None | Some("packets") => String::new(),
        Some(unit) => format!(" {unit}"),
    }
}

fn limit(object: &Map<String, Value>) -> Option<(String, bool)> {
    let rate_unit = unit(object, "rate_unit");
    let mut words = format!(
        "limit rate {}{rate_unit}/{}",
        object.get("rate")?.as_u64()?,
        text(object, "per").unwrap_or("second")
    );
    let burst = object
        .get("burst")
        .and_then(Value::as_u64)
        .map(|b| format!("{b}{}", unit(object, "burst_unit")));
    words.push_str(&burst_text(burst, rate_unit.is_empty()));
    Some((words, over(object)))
}

fn quota(object: &Map<String, Value>) -> Option<(String, bool)> {
    let amount = object
        .get("val")
        .or_else(|| object.get("bytes"))?
        .as_u64()?;
    let unit = match text(object, "val_unit") {
        Some(unit) => format!(" {unit}"),
        None => " bytes".into(),
    };
    Some((format!("quota {amount}{unit}"), over(object)))
}

fn count(object: &Map<String, Value>) -> Option<(String, bool)> {
    Some((
        format!("ct count {}", object.get("val")?.as_u64()?),
        over(object),
    ))
}
