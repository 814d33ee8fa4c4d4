//! The reader of `nft -j list ruleset` (libnftables-json(5)).

mod expression;
mod statement;

use super::ast::{
    ChainBlock, Command, Hook, NamedObject, Place, Policy, Rule, RulePosition, SetBlock, Statement,
    TableAttributes, TableName,
};
use fw_model::{Source, SourceId, Span};
use serde_json::{Map, Value};
use statement::{limit, object_text, quota};

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
}
