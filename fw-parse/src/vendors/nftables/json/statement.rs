//! Statements of JSON rules.

use super::super::ast::{Expr, Nat, NatKind, Operator, Statement, Verdict};
use super::super::parse::statement::{any_of, burst_text, set_field};
use super::{Reader, many, single, text};
use serde_json::{Map, Value};

impl Reader {
    pub(super) fn verdict(&mut self, value: &Value) -> Option<Verdict> {
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

    pub(super) fn statement(&mut self, value: &Value) -> Option<Statement> {
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

    pub(super) fn comparison(&mut self, object: &Map<String, Value>) -> Option<Statement> {
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

    pub(super) fn nat(&mut self, key: &str, value: &Value) -> Option<Statement> {
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
}

pub(super) fn object_text(text: &str, over: bool) -> String {
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

pub(super) fn limit(object: &Map<String, Value>) -> Option<(String, bool)> {
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

pub(super) fn quota(object: &Map<String, Value>) -> Option<(String, bool)> {
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

pub(super) fn count(object: &Map<String, Value>) -> Option<(String, bool)> {
    Some((
        format!("ct count {}", object.get("val")?.as_u64()?),
        over(object),
    ))
}
