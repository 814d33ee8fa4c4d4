//! Palo Alto Networks PAN-OS: running and candidate configurations as XML,
//! `set` commands or braces, of firewalls and of Panorama.
//!
//! The three formats become one tree of paths ([`tree`]), which is read into
//! a syntax tree ([`ast`]) and lowered from there. `docs/vendors/` says what
//! is modeled and where the claims come from.

mod applications;
mod ast;
mod braces;
mod inert;
mod ledger;
mod lower;
mod parse;
mod set;
mod shape;
mod tree;
mod xml;

use crate::detect::Evidence;
use crate::vendor::{Input, Parsed, Vendor};
use fw_model::device::OpaqueLine;
use fw_model::{
    Action, Condition, ConditionKind, Device, Diagnostic, Effect, Filter, Ledger, MatchExpr, Rule,
    ServiceSet, Severity, Source, SourceId, Span, Stage, StageKind, View,
};
use std::sync::Arc;
use tree::Tree;

/// The front end.
pub(crate) struct PaloAltoPanos;

/// How many bytes of a text [`Vendor::detect`] looks at.
const LOOKED_AT: usize = 1 << 20;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Xml,
    Set,
    Braces,
}

impl Vendor for PaloAltoPanos {
    fn name(&self) -> &'static str {
        lower::VENDOR
    }

    fn title(&self) -> &'static str {
        "Palo Alto Networks PAN-OS"
    }

    fn detect(&self, text: &str) -> Vec<Evidence> {
        detect(text)
    }

    fn parse(&self, input: Input<'_>) -> Parsed {
        let mut out = Parsed::default();
        for (id, source) in input.files {
            parse(*id, source, input.fallback_name, &mut out);
        }
        out
    }
}

fn format_of(text: &str) -> Format {
    if text.trim_start().starts_with('<') {
        return Format::Xml;
    }
    let first = text
        .lines()
        .map(str::trim)
        .find(|l| !l.is_empty() && !l.starts_with(['#', '!']))
        .unwrap_or("");
    let opens = first.ends_with('{') && !first.starts_with("set ");
    if opens || matches!(first, "config" | "policy") {
        Format::Braces
    } else {
        Format::Set
    }
}

/// Commands with two or three leading words that no other format has.
const COMMANDS: [(&str, u32); 16] = [
    ("set deviceconfig ", 60),
    ("set rulebase security rules ", 60),
    ("set rulebase nat rules ", 60),
    ("set shared pre-rulebase ", 60),
    ("set shared post-rulebase ", 60),
    ("set device-group ", 40),
    ("set template-stack ", 40),
    ("set network interface ethernet ethernet", 40),
    ("set network virtual-router ", 40),
    ("set network profiles interface-management-profile ", 40),
    ("set mgt-config users ", 40),
    ("set policy panorama ", 40),
    ("delete rulebase security rules ", 40),
    ("move rulebase security rules ", 40),
    ("set address ", 10),
    ("set vsys vsys", 20),
];

fn detect(text: &str) -> Vec<Evidence> {
    let mut end = text.len().min(LOOKED_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or("");
    match format_of(text) {
        Format::Xml => detect_xml(text),
        Format::Set => detect_set(text),
        Format::Braces => detect_braces(text),
    }
}

fn line_of(text: &str, offset: usize) -> u32 {
    let before = text.get(..offset).unwrap_or("");
    u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
}

fn seen(out: &mut Vec<Evidence>, text: &str, needle: &str, weight: u32, what: &str) {
    if let Some(at) = text.find(needle) {
        out.push(Evidence {
            weight,
            what: what.to_owned(),
            line: line_of(text, at),
        });
    }
}

fn detect_xml(text: &str) -> Vec<Evidence> {
    let mut out = Vec::new();
    if let Some(at) = text.find("<config ") {
        let tag = text
            .get(at..)
            .and_then(|t| t.split_once('>'))
            .map_or("", |(t, _)| t);
        if tag.contains("urldb=") || (tag.contains("version=") && tag.contains("detail-version=")) {
            out.push(Evidence {
                weight: 100,
                what: "a PAN-OS `config` element".into(),
                line: line_of(text, at),
            });
        }
    }
    seen(
        &mut out,
        text,
        "<entry name=\"localhost.localdomain\">",
        60,
        "the device entry of PAN-OS",
    );
    if text.contains("<entry name=") {
        seen(&mut out, text, "<pre-rulebase>", 40, "a Panorama rulebase");
        seen(&mut out, text, "<rulebase>", 30, "a PAN-OS rulebase");
        seen(
            &mut out,
            text,
            "<mgt-config>",
            30,
            "the management section of PAN-OS",
        );
        seen(
            &mut out,
            text,
            "<device-group>",
            30,
            "Panorama device groups",
        );
        seen(&mut out, text, "<vsys>", 20, "virtual systems");
    }
    out
}

fn detect_set(text: &str) -> Vec<Evidence> {
    let mut out: Vec<Evidence> = Vec::new();
    for (number, line) in (1u32..).zip(text.lines()) {
        let line = set::without_prompt(line);
        for (command, weight) in COMMANDS {
            if line.starts_with(command) && !out.iter().any(|e| e.what.ends_with(command)) {
                out.push(Evidence {
                    weight,
                    what: format!("the command {command}"),
                    line: number,
                });
            }
        }
        if out.len() > 4 {
            break;
        }
    }
    out
}

fn detect_braces(text: &str) -> Vec<Evidence> {
    let mut out = Vec::new();
    if !text.lines().any(|l| l.trim_end() == "config {") {
        return out;
    }
    for (needle, weight) in [
        ("  localhost.localdomain {", 100),
        ("  mgt-config {", 40),
        ("  deviceconfig {", 40),
        ("  rulebase {", 20),
    ] {
        seen(&mut out, text, needle, weight, "the braced form of PAN-OS");
    }
    out
}

/// A text as a tree, with what is not part of it.
struct Reading<'a> {
    tree: Tree<'a>,
    /// Lines around the configuration.
    comments: Vec<(u32, u32)>,
    /// Lines of commands that were carried out.
    edits: Vec<(u32, u32)>,
    /// Lines that are not understood.
    unknown: Vec<(String, tree::Place)>,
}

fn parse(id: SourceId, source: &Source, fallback: &str, out: &mut Parsed) {
    let text = source.text.as_str();
    let mut ledger = Ledger::new(source);
    let mut into = Output {
        id,
        fallback,
        ledger: &mut ledger,
        out,
    };
    match format_of(text) {
        Format::Xml => into.xml(text),
        Format::Set => {
            let read = set::read(text);
            into.finish(&Reading {
                tree: read.tree,
                comments: read.comments,
                edits: read.edits,
                unknown: read.unknown,
            });
        }
        Format::Braces => into.braces(text),
    }
    out.ledgers.push(ledger);
}

/// Where the devices of a file go.
struct Output<'o> {
    id: SourceId,
    fallback: &'o str,
    ledger: &'o mut Ledger,
    out: &'o mut Parsed,
}

impl Output<'_> {
    /// A document, or several in one file: each is a configuration.
    fn xml(&mut self, text: &str) {
        let whole = match xml::document(text, 0) {
            Ok(document) => return self.document(&document, text, 0),
            Err(error) => error,
        };
        let parts = xml::documents(text);
        if parts.len() < 2 {
            return self.refuse(text, whole);
        }
        for (part, lines_before) in parts {
            match xml::document(part, lines_before) {
                Ok(document) => self.document(&document, part, lines_before),
                Err(error) => self.refuse(part, error),
            }
        }
    }

    fn document(&mut self, document: &roxmltree::Document<'_>, text: &str, lines_before: u32) {
        let read = xml::read(document, text, lines_before);
        self.finish(&Reading {
            tree: read.tree,
            comments: read.comments,
            edits: Vec::new(),
            unknown: Vec::new(),
        });
    }

    fn braces(&mut self, text: &str) {
        let read = braces::read(text);
        let before = self.out.devices.len();
        self.finish(&Reading {
            tree: read.tree,
            comments: read.comments,
            edits: Vec::new(),
            unknown: Vec::new(),
        });
        if let Some((message, line)) = read.broken {
            let span = Span::line(self.id, line, 0);
            for device in self.out.devices.iter_mut().skip(before) {
                device.opaque_lines.push(OpaqueLine {
                    key: message.clone(),
                    span,
                });
            }
            self.out.diagnostics.push(error(message, Some(span)));
        }
    }

    /// A device of which nothing is known: every verdict on it is undecided.
    fn refuse(&mut self, text: &str, (message, line): (String, Option<u32>)) {
        let message = format!("this XML cannot be read: {message}");
        let span = line.map(|l| Span::line(self.id, l, 0));
        let device = unreadable(self.id, self.fallback, text, &message, span);
        self.out.devices.push(device);
        self.out.diagnostics.push(error(message, span));
    }

    fn finish(&mut self, reading: &Reading<'_>) {
        let root = reading.tree.root();
        let config = parse::config(root);
        let mut lowered = lower::lower(&config, self.id, self.fallback);
        let unread = ledger::settle(root, self.ledger, &reading.comments, &reading.edits);
        self.out.diagnostics.append(&mut lowered.diagnostics);
        for leftover in &unread {
            let part = leftover.part.as_deref();
            self.opaque(&mut lowered, &leftover.key, part, leftover.place);
        }
        for (text, place) in &reading.unknown {
            self.opaque(&mut lowered, text, None, *place);
        }
        if reading.tree.is_full() {
            let text = "the rest of a configuration with too many values";
            self.opaque(&mut lowered, text, None, tree::Place::default());
        }
        self.out.devices.append(&mut lowered.devices);
    }

    /// Carries a line that is not understood to the devices that it may
    /// concern.
    fn opaque(
        &mut self,
        lowered: &mut lower::Lowered,
        key: &str,
        part: Option<&str>,
        place: tree::Place,
    ) {
        let span = Span {
            source: self.id,
            line: place.line,
            start: place.start,
            end: place.end,
        };
        for (device, parts) in lowered.devices.iter_mut().zip(&lowered.parts) {
            let concerned = part.is_none_or(|p| parts.is_empty() || parts.iter().any(|q| q == p));
            if concerned {
                device.opaque_lines.push(OpaqueLine {
                    key: key.to_owned(),
                    span,
                });
            }
        }
        self.out.diagnostics.push(Diagnostic {
            code: "opaque-line",
            severity: Severity::Warning,
            span: Some(span),
            message: format!("`{key}` is not understood"),
            effect: Effect::Opaque,
        });
    }
}

fn error(message: String, span: Option<Span>) -> Diagnostic {
    Diagnostic {
        code: "unreadable-text",
        severity: Severity::Error,
        span,
        message,
        effect: Effect::Opaque,
    }
}

/// A device that denies and permits nothing for certain.
fn unreadable(id: SourceId, name: &str, text: &str, message: &str, span: Option<Span>) -> Device {
    let mut device = Device {
        name: name.to_owned(),
        vendor: lower::VENDOR,
        sources: vec![id],
        automatic_replies: ServiceSet::any(),
        tracks_connections: true,
        ..Device::default()
    };
    // Equal texts are opaque in the same way.
    let condition = Arc::new(Condition {
        key: format!("unreadable text {:016x}", digest(text)),
        kind: ConditionKind::NotUnderstood,
        text: message.to_owned(),
        span,
    });
    let key = condition.key.clone();
    let default = Rule::new("unreadable", MatchExpr::Always, Action::Opaque(condition));
    let filter = device.add_filter(Filter {
        name: "security".into(),
        rules: Vec::new(),
        default,
    });
    let stage = Stage {
        name: "security policy".into(),
        kind: StageKind::Policy,
        filter,
        view: View::ORIGINAL,
    };
    device.pipeline.forward.push(stage.clone());
    device.pipeline.input.push(stage);
    device.opaque_lines.push(OpaqueLine {
        key,
        span: span.unwrap_or(Span::line(id, 1, 0)),
    });
    device
}

/// FNV-1a.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
