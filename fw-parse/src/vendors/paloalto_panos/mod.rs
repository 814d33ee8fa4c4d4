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

/// What is left of a text that cannot be read.
struct Broken {
    message: String,
    line: Option<u32>,
}

fn parse(id: SourceId, source: &Source, fallback: &str, out: &mut Parsed) {
    let text = source.text.as_str();
    match format_of(text) {
        Format::Xml => match xml::document(text) {
            Ok(document) => {
                let read = xml::read(&document, text);
                finish(
                    id,
                    source,
                    fallback,
                    &read.tree,
                    &read.comments,
                    &[],
                    Vec::new(),
                    out,
                );
            }
            Err((message, line)) => {
                let broken = Broken {
                    message: format!("this XML cannot be read: {message}"),
                    line,
                };
                refuse(id, source, fallback, broken, out);
            }
        },
        Format::Set => {
            let read = set::read(text);
            finish(
                id,
                source,
                fallback,
                &read.tree,
                &read.comments,
                &read.edits,
                read.unknown,
                out,
            );
        }
        Format::Braces => {
            let read = braces::read(text);
            let unknown = Vec::new();
            let before = out.devices.len();
            finish(
                id,
                source,
                fallback,
                &read.tree,
                &read.comments,
                &[],
                unknown,
                out,
            );
            if let Some((message, line)) = read.broken {
                let span = Span::line(id, line, 0);
                for device in out.devices.iter_mut().skip(before) {
                    device.opaque_lines.push(OpaqueLine {
                        key: message.clone(),
                        span,
                    });
                }
                out.diagnostics.push(error(message, Some(span)));
            }
        }
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

/// A device of which nothing is known: every verdict on it is undecided.
fn refuse(id: SourceId, source: &Source, fallback: &str, broken: Broken, out: &mut Parsed) {
    let span = broken.line.map(|l| Span::line(id, l, 0));
    let mut device = Device {
        name: fallback.to_owned(),
        vendor: lower::VENDOR,
        sources: vec![id],
        automatic_replies: ServiceSet::any(),
        tracks_connections: true,
        ..Device::default()
    };
    // Equal texts are opaque in the same way.
    let condition = Arc::new(Condition {
        key: format!("unreadable text {:016x}", digest(&source.text)),
        kind: ConditionKind::NotUnderstood,
        text: broken.message.clone(),
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
    out.devices.push(device);
    out.ledgers.push(Ledger::new(source));
    out.diagnostics.push(error(broken.message, span));
}

/// FNV-1a.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[expect(clippy::too_many_arguments, reason = "one call for three readers")]
fn finish(
    id: SourceId,
    source: &Source,
    fallback: &str,
    tree: &Tree<'_>,
    comments: &[(u32, u32)],
    edits: &[(u32, u32)],
    unknown: Vec<(String, tree::Place)>,
    out: &mut Parsed,
) {
    let root = tree.root();
    let config = parse::config(root);
    let mut lowered = lower::lower(&config, id, fallback);
    let (ledger, unread) = ledger::settle(root, source, comments, edits);
    out.ledgers.push(ledger);
    out.diagnostics.append(&mut lowered.diagnostics);
    let mut opaque = |key: &str, part: Option<&str>, place: tree::Place| {
        let span = Span {
            source: id,
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
        out.diagnostics.push(Diagnostic {
            code: "opaque-line",
            severity: Severity::Warning,
            span: Some(span),
            message: format!("`{key}` is not understood"),
            effect: Effect::Opaque,
        });
    };
    for leftover in &unread {
        opaque(&leftover.key, leftover.part.as_deref(), leftover.place);
    }
    for (text, place) in &unknown {
        opaque(text, None, *place);
    }
    if tree.is_full() {
        opaque(
            "the rest of a configuration with too many values",
            None,
            tree::Place::default(),
        );
    }
    out.devices.append(&mut lowered.devices);
}
