//! YAML (and so JSON) as a tree that knows where everything stands, and the
//! reading of typed values from it.
//!
//! A tree instead of typed deserialization, because a broken file should get
//! all of its errors reported, each at its place, and because `10.20` or `no`
//! must stay the words they are.

use crate::problem::{Place, Problem, suggestion};
use fw_model::Source;
use granit_parser::{Event, Parser, ScalarStyle};
use std::collections::BTreeMap;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where: its first line only.
    pub place: Place,
    /// What.
    pub value: Value,
}

/// A YAML value. Scalars keep their text.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar.
    Scalar(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the file.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a list, or the node itself if it is none.
    pub fn elements(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    const fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// A file may hold this many values, aliases expanded.
const NODE_LIMIT: usize = 1_000_000;

/// Reads the only document of a file.
pub fn parse(source: &Source) -> Result<Node, Problem> {
    let mut builder = Builder {
        source,
        stack: Vec::new(),
        anchors: BTreeMap::new(),
        root: None,
        count: 0,
    };
    for event in Parser::new_from_str(&source.text) {
        let (event, span) = event.map_err(|e| {
            let marker = e.marker();
            let place = builder.place(marker.line(), marker.col(), None);
            Problem::at(source, place, format!("not valid YAML: {}", e.info()))
        })?;
        let start = span.start;
        let length = span
            .byte_range()
            .map(|range| range.end.saturating_sub(range.start));
        let place = builder.place(start.line(), start.col(), length);
        builder.event(event, place)?;
    }
    Ok(builder.root.unwrap_or(Node {
        place: Place {
            line: 1,
            ..Place::default()
        },
        value: Value::Null,
    }))
}

struct Open {
    place: Place,
    anchor: usize,
    map: bool,
    items: Vec<Node>,
}

struct Builder<'a> {
    source: &'a Source,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, (Node, usize)>,
    root: Option<Node>,
    count: usize,
}

impl Builder<'_> {
    fn place(&self, line: usize, column: usize, length: Option<usize>) -> Place {
        let number = u32::try_from(line).unwrap_or(u32::MAX);
        let text = self.source.line(number).unwrap_or_default();
        let start = text
            .char_indices()
            .nth(column)
            .map_or(text.len(), |(at, _)| at);
        let end = length.map_or(start, |n| start.saturating_add(n));
        let end = end.min(text.len());
        Place {
            line: number,
            start: start as u32,
            end: end.max(start) as u32,
        }
    }

    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let null = style == ScalarStyle::Plain
                    && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                let value = if null {
                    Value::Null
                } else {
                    Value::Scalar(text.into_owned())
                };
                self.finish(Node { place, value }, anchor, 1)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open(place, anchor, false);
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                self.open(place, anchor, true);
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.stack.pop() else {
                    return Ok(());
                };
                let value = if open.map {
                    let mut pairs = Vec::with_capacity(open.items.len() / 2);
                    let mut items = open.items.into_iter();
                    while let (Some(key), Some(value)) = (items.next(), items.next()) {
                        pairs.push((key, value));
                    }
                    Value::Map(pairs)
                } else {
                    Value::List(open.items)
                };
                let node = Node {
                    place: open.place,
                    value,
                };
                self.finish(node, open.anchor, 1)
            }
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    let message = "an alias cannot stand within what it names";
                    return Err(Problem::at(self.source, place, message));
                };
                let node = Node { place, ..node };
                self.finish(node, 0, size)
            }
            Event::DocumentStart(..) if self.root.is_some() => Err(Problem::at(
                self.source,
                place,
                "a second document in one file",
            )),
            _ => Ok(()),
        }
    }

    fn open(&mut self, place: Place, anchor: usize, map: bool) {
        self.stack.push(Open {
            place,
            anchor,
            map,
            items: Vec::new(),
        });
    }

    fn finish(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Problem> {
        self.count = self.count.saturating_add(size);
        if self.count > NODE_LIMIT {
            let message = format!("more than {NODE_LIMIT} values");
            return Err(Problem::at(self.source, node.place, message));
        }
        if anchor != 0 {
            let size = size_of(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.stack.last_mut() {
            Some(open) => open.items.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn size_of(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Scalar(_) => 1,
        Value::List(items) => 1 + items.iter().map(size_of).sum::<usize>(),
        Value::Map(pairs) => {
            1 + pairs
                .iter()
                .map(|(k, v)| size_of(k) + size_of(v))
                .sum::<usize>()
        }
    }
}

/// Reads typed values from a tree and collects what is wrong with them.
pub struct Reader<'a> {
    /// The file.
    pub source: &'a Source,
    /// What is wrong so far.
    pub problems: Vec<Problem>,
}

/// The values of a mapping by key.
pub struct Fields<'n> {
    place: Place,
    pairs: Vec<(&'n str, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.pairs.iter().find(|(k, _)| *k == key).map(|(_, n)| *n)
    }

    /// Where the mapping starts.
    pub const fn place(&self) -> Place {
        self.place
    }
}

impl<'a> Reader<'a> {
    /// A reader of values of `source`.
    pub const fn new(source: &'a Source) -> Self {
        Self {
            source,
            problems: Vec::new(),
        }
    }

    /// Notes an error.
    pub fn error(&mut self, place: Place, message: impl Into<String>) {
        self.problems.push(Problem::at(self.source, place, message));
    }

    /// Notes an error with a text beside the underlining.
    pub fn error_with(&mut self, place: Place, message: impl Into<String>, label: Option<String>) {
        let mut problem = Problem::at(self.source, place, message);
        problem.label = label;
        self.problems.push(problem);
    }

    /// The pairs of a mapping with scalar keys; a key that occurs twice is an
    /// error.
    pub fn pairs<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(&'n str, &'n Node, Place)> {
        let pairs = match &node.value {
            Value::Map(pairs) => pairs,
            Value::Null => return Vec::new(),
            _ => {
                let message = format!("{what} must be a mapping, not {}", node.kind());
                self.error(node.place, message);
                return Vec::new();
            }
        };
        let mut out: Vec<(&str, &Node, Place)> = Vec::with_capacity(pairs.len());
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for (key, value) in pairs {
            let Some(name) = key.text() else {
                self.error(key.place, format!("a key of {what} must be a word"));
                continue;
            };
            if let Some(line) = seen.insert(name, key.place.line) {
                self.error_with(
                    key.place,
                    format!("`{name}` is given twice"),
                    Some(format!("first on line {line}")),
                );
                continue;
            }
            out.push((name, value, key.place));
        }
        out
    }

    /// The fields of a mapping of which only `known` ones are allowed.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Fields<'n> {
        let mut pairs = Vec::new();
        for (name, value, place) in self.pairs(node, what) {
            if known.contains(&name) {
                pairs.push((name, value));
            } else {
                let label = suggestion(name, known.iter().copied())
                    .unwrap_or_else(|| format!("known are {}", known.join(", ")));
                self.error_with(
                    place,
                    format!("unknown key `{name}` in {what}"),
                    Some(label),
                );
            }
        }
        Fields {
            place: node.place,
            pairs,
        }
    }

    /// The text of a scalar that is not empty.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match node.text().map(str::trim) {
            Some("") => {
                self.error(node.place, format!("{what} is empty"));
                None
            }
            Some(text) => Some(text),
            None => {
                let message = format!("{what} must be a single value, not {}", node.kind());
                self.error(node.place, message);
                None
            }
        }
    }

    /// The text of an optional field.
    pub fn optional(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        let node = fields.get(key)?;
        self.text(node, &format!("`{key}`")).map(str::to_owned)
    }

    /// An optional truth value.
    pub fn flag(&mut self, fields: &Fields<'_>, key: &str) -> Option<bool> {
        let node = fields.get(key)?;
        match self.text(node, &format!("`{key}`"))? {
            "true" | "True" | "TRUE" | "yes" | "on" => Some(true),
            "false" | "False" | "FALSE" | "no" | "off" => Some(false),
            other => {
                self.error(
                    node.place,
                    format!("`{key}` is true or false, not `{other}`"),
                );
                None
            }
        }
    }

    /// An optional value out of a few words.
    pub fn choice<T: Copy>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let node = fields.get(key)?;
        let word = self.text(node, &format!("`{key}`"))?;
        if let Some((_, value)) = words.iter().find(|(w, _)| *w == word) {
            return Some(*value);
        }
        let all: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
        self.error_with(
            node.place,
            format!("`{key}` is {}, not `{word}`", all.join(" or ")),
            suggestion(word, all),
        );
        None
    }

    /// An optional date.
    pub fn date(&mut self, fields: &Fields<'_>, key: &str) -> Option<jiff::civil::Date> {
        let node = fields.get(key)?;
        let text = self.text(node, &format!("`{key}`"))?;
        match text.parse() {
            Ok(date) => Some(date),
            Err(_) => {
                self.error_with(
                    node.place,
                    format!("`{text}` is no date"),
                    Some("write it as 2027-01-31".into()),
                );
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_values() {
        let source = Source::new("f", "a: [x, 10.20]\nb:\n  - \"é\" # c\n  - no\n".into());
        let root = parse(&source).unwrap();
        let Value::Map(pairs) = &root.value else {
            panic!("no mapping")
        };
        let list = pairs[0].1.elements();
        assert_eq!(list[1].text(), Some("10.20"));
        assert_eq!(
            (list[1].place.line, list[1].place.start, list[1].place.end),
            (1, 7, 12)
        );
        let second = pairs[1].1.elements();
        assert_eq!(second[0].text(), Some("é"));
        assert_eq!((second[0].place.start, second[0].place.end), (4, 8));
        assert_eq!(second[1].text(), Some("no"));
    }

    #[test]
    fn broken_yaml_has_a_place() {
        let source = Source::new("f", "a: [1\nb: 2\n".into());
        let problem = parse(&source).unwrap_err();
        assert!(problem.place.line > 0, "{problem:?}");
    }

    #[test]
    fn aliases_do_not_explode() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            let p = n - 1;
            let many = vec![format!("*a{p}"); 10].join(", ");
            text.push_str(&format!("a{n}: &a{n} [{many}]\n"));
        }
        let problem = parse(&Source::new("f", text)).unwrap_err();
        assert!(problem.message.contains("more than"), "{problem:?}");
        let merged = parse(&Source::new("f", "a: &x [1, 2]\nb: *x\n".into())).unwrap();
        assert_eq!(size_of(&merged), 9);
    }
}
