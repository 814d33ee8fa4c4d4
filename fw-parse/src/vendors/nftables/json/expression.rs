//! Expressions and elements of sets in JSON.

use super::super::ast::{Binary, Data, Element, Expr, Selector};
use super::statement::{count, limit, object_text, quota};
use super::{Reader, many, single, text};
use serde_json::Value;

impl Reader {
    pub(super) fn elements(&mut self, value: &Value) -> Option<Vec<Element>> {
        many(value).into_iter().map(|e| self.element(e)).collect()
    }

    pub(super) fn element(&mut self, value: &Value) -> Option<Element> {
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

    pub(super) fn data(&mut self, value: &Value) -> Option<Data> {
        if let Some(verdict) = self.verdict(value) {
            return Some(Data::Verdict(verdict));
        }
        Some(Data::Expr(self.expr(value)?))
    }

    pub(super) fn expr(&mut self, value: &Value) -> Option<Expr> {
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
