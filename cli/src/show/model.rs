//! The common model of a configuration.

use super::expr;
use crate::input::Loaded;
use fw_impact::report::{AssumptionReport, DiagnosticReport, InputFile, LineCoverage, Tool};
use fw_model::{
    Coverage, Device, Filter, LineStatus, NextHop, Rule, Snapshot, Span, Stage, StageKind,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The schema identifier of [`ShowReport`].
pub const SHOW_SCHEMA: &str = "fwimpact/show/1";

/// How a configuration is understood.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ShowReport {
    /// `fwimpact/show/1`.
    pub schema: String,
    /// Name and version of the program.
    pub tool: Tool,
    /// The files that were read.
    pub inputs: Vec<InputFile>,
    /// The common model of every device; left out with `--coverage`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub devices: Option<Vec<DeviceView>>,
    /// All files together.
    pub coverage: LineCoverage,
    /// File by file.
    pub files: Vec<FileCoverage>,
    /// Declarations of an assume file that were made use of.
    pub assumptions: Vec<AssumptionReport>,
    /// What the parsers had to say.
    pub diagnostics: Vec<DiagnosticReport>,
}

/// How much of a file is understood.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FileCoverage {
    /// The file.
    pub path: String,
    /// Its lines.
    #[serde(flatten)]
    pub coverage: LineCoverage,
    /// The lines that are not understood.
    pub opaque_lines: Vec<LineView>,
}

/// A line.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LineView {
    /// Its number.
    pub line: u32,
    /// Its text.
    pub text: String,
}

/// A device.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeviceView {
    /// Its name.
    pub name: String,
    /// The vendor's kebab-case name.
    pub vendor: String,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceView>,
    /// False where the format only mentions interfaces in rules.
    pub interfaces_complete: bool,
    /// Its zones.
    pub zones: Vec<ZoneView>,
    /// Its static routes.
    pub routes: Vec<RouteView>,
    /// The lists that a packet meets, in order.
    pub pipeline: Vec<StageView>,
    /// All lists.
    pub filters: Vec<FilterView>,
    /// Services whose replies pass without looking at the policy.
    pub automatic_replies: String,
    /// True if it tracks connections.
    pub tracks_connections: bool,
    /// Treatments that go by traffic, not by rule.
    pub treatments: Vec<TreatmentView>,
    /// Named objects.
    pub definitions: Vec<DefinitionView>,
    /// What verdicts on it rest on.
    pub assumptions: Vec<AssumptionReport>,
    /// Lines that are not understood and may affect anything.
    pub opaque_lines: Vec<LineView>,
}

/// An interface.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InterfaceView {
    /// The name that policies use.
    pub name: String,
    /// The hardware name, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hardware: Option<String>,
    /// The routing table, if it is not the only one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vrf: Option<String>,
    /// Addresses with their prefixes.
    pub addresses: Vec<String>,
    /// Its address is not in the configuration.
    pub dynamic_address: bool,
    /// Carries traffic.
    pub enabled: bool,
    /// Carries traffic of the device itself only.
    pub management_only: bool,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
}

/// A zone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ZoneView {
    /// Its name.
    pub name: String,
    /// Its interfaces.
    pub interfaces: Vec<String>,
}

/// A route.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RouteView {
    /// The destinations.
    pub prefix: String,
    /// Where packets go.
    pub next: String,
    /// Preference: the lower one.
    pub metric: u32,
    /// The routing table, if it is not the only one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vrf: Option<String>,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
}

/// A list in a packet's way.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StageView {
    /// `prerouting`, `forward`, `input`, `output` or `postrouting`.
    pub hook: String,
    /// What reports call it.
    pub name: String,
    /// `policy` or `nat`.
    pub kind: String,
    /// The list.
    pub filter: String,
    /// The fields that it sees as they entered the device.
    pub sees_original: Vec<String>,
}

/// A rule list.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FilterView {
    /// Its name.
    pub name: String,
    /// Its rules in order.
    pub rules: Vec<RuleView>,
    /// What happens to what no rule ended.
    pub default: RuleView,
}

/// A rule.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RuleView {
    /// Its name or number.
    pub name: String,
    /// Its stable identity, where the vendor has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// The line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// When it matches, in words.
    pub when: String,
    /// What it does, in words.
    pub action: String,
    /// What it does besides.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub effects: Vec<String>,
    /// What a permitted connection is treated with.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub treatments: Vec<String>,
}

/// A treatment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TreatmentView {
    /// What it is.
    pub kind: String,
    /// Its value.
    pub value: String,
    /// What traffic it is for, in words.
    pub when: String,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
}

/// A named object.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DefinitionView {
    /// The vendor's word for what it is.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its first line.
    pub line: u32,
    /// Its last line.
    pub last_line: u32,
    /// The objects it refers to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub uses: Vec<String>,
}

impl ShowReport {
    /// The view of an input; without the model if `coverage` alone is asked
    /// for.
    pub fn new(loaded: &Loaded, coverage: bool) -> Self {
        let snapshot = &loaded.snapshot;
        let mut total = Coverage::default();
        let files = snapshot
            .sources
            .iter()
            .zip(&snapshot.ledgers)
            .map(|(source, ledger)| {
                total = total + ledger.coverage();
                FileCoverage {
                    path: source.path.clone(),
                    coverage: ledger.coverage().into(),
                    opaque_lines: ledger
                        .iter()
                        .filter(|(_, status)| **status == LineStatus::Opaque)
                        .map(|(line, _)| LineView {
                            line,
                            text: source.line(line).unwrap_or_default().to_owned(),
                        })
                        .collect(),
                }
            })
            .collect();
        let mut diagnostics: Vec<DiagnosticReport> = snapshot
            .diagnostics
            .iter()
            .map(|d| DiagnosticReport {
                code: d.code.to_owned(),
                severity: d.severity.as_str().to_owned(),
                side: None,
                file: d.span.and_then(|s| path(snapshot, s)),
                line: d.span.map(|s| s.line),
                message: d.message.clone(),
                effect: d.effect.as_str().to_owned(),
            })
            .collect();
        diagnostics.extend(
            loaded
                .remarks
                .iter()
                .cloned()
                .map(|d| DiagnosticReport { side: None, ..d }),
        );
        Self {
            schema: SHOW_SCHEMA.to_owned(),
            tool: tool(),
            inputs: loaded.inputs.clone(),
            devices: (!coverage).then(|| {
                snapshot
                    .devices
                    .iter()
                    .map(|d| device(snapshot, d))
                    .collect()
            }),
            coverage: total.into(),
            files,
            assumptions: loaded.declared.clone(),
            diagnostics,
        }
    }
}

/// This program.
pub fn tool() -> Tool {
    Tool {
        name: "fwimpact".into(),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}

fn path(snapshot: &Snapshot, span: Span) -> Option<String> {
    snapshot.source(span.source).map(|s| s.path.clone())
}

fn named(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn device(snapshot: &Snapshot, device: &Device) -> DeviceView {
    DeviceView {
        name: device.name.clone(),
        vendor: device.vendor.to_owned(),
        interfaces: device
            .interfaces
            .iter()
            .map(|i| InterfaceView {
                name: i.name.clone(),
                hardware: i.hardware.clone(),
                vrf: named(&i.vrf),
                addresses: i.addresses.iter().map(ToString::to_string).collect(),
                dynamic_address: i.dynamic_address,
                enabled: i.enabled,
                management_only: i.management_only,
                line: i.span.map(|s| s.line),
            })
            .collect(),
        interfaces_complete: device.interfaces_complete,
        zones: device
            .zones
            .iter()
            .map(|z| ZoneView {
                name: z.name.clone(),
                interfaces: z.interfaces.clone(),
            })
            .collect(),
        routes: device
            .routes
            .iter()
            .map(|r| RouteView {
                prefix: r.prefix.to_string(),
                next: match &r.next {
                    NextHop::Interface(name, Some(gateway)) => format!("{gateway} by {name}"),
                    NextHop::Interface(name, None) => format!("by {name}"),
                    NextHop::Gateway(gateway) => gateway.to_string(),
                    NextHop::Discard => "discard".into(),
                    NextHop::Vrf(name) => format!("table {name}"),
                },
                metric: r.metric,
                vrf: named(&r.vrf),
                line: r.span.map(|s| s.line),
            })
            .collect(),
        pipeline: pipeline(device),
        filters: device
            .filters
            .iter()
            .map(|f| filter(snapshot, device, f))
            .collect(),
        automatic_replies: device.automatic_replies.to_string(),
        tracks_connections: device.tracks_connections,
        treatments: device
            .treatments
            .iter()
            .map(|t| TreatmentView {
                kind: t.treatment.kind.as_str().to_owned(),
                value: t.treatment.value.clone(),
                when: expr::condition(&t.match_expr),
                line: t.treatment.span.map(|s| s.line),
            })
            .collect(),
        definitions: device
            .definitions
            .iter()
            .map(|d| DefinitionView {
                kind: d.kind.to_owned(),
                name: d.name.clone(),
                line: d.span.line,
                last_line: d.last_line,
                uses: d
                    .uses
                    .iter()
                    .filter_map(|id| device.definitions.get(id.0 as usize))
                    .map(|used| used.name.clone())
                    .collect(),
            })
            .collect(),
        assumptions: device
            .assumptions
            .iter()
            .map(|a| AssumptionReport {
                code: a.code.to_owned(),
                text: a.text.clone(),
                device: Some(device.name.clone()),
                file: a.span.and_then(|s| path(snapshot, s)),
                line: a.span.map(|s| s.line),
            })
            .collect(),
        opaque_lines: device
            .opaque_lines
            .iter()
            .map(|o| LineView {
                line: o.span.line,
                text: snapshot
                    .line_text(o.span)
                    .unwrap_or(o.key.as_str())
                    .to_owned(),
            })
            .collect(),
    }
}

fn pipeline(device: &Device) -> Vec<StageView> {
    let hooks: [(&str, &[Stage]); 5] = [
        ("prerouting", &device.pipeline.prerouting),
        ("forward", &device.pipeline.forward),
        ("input", &device.pipeline.input),
        ("output", &device.pipeline.output),
        ("postrouting", &device.pipeline.postrouting),
    ];
    hooks
        .iter()
        .flat_map(|(hook, stages)| stages.iter().map(move |s| (hook, s)))
        .map(|(hook, stage)| StageView {
            hook: (*hook).to_owned(),
            name: stage.name.clone(),
            kind: match stage.kind {
                StageKind::Policy => "policy".into(),
                StageKind::Nat => "nat".into(),
            },
            filter: device
                .filter(stage.filter)
                .map_or_else(String::new, |f| f.name.clone()),
            sees_original: [
                ("source", stage.view.original_source),
                ("destination", stage.view.original_destination),
                ("service", stage.view.original_service),
            ]
            .iter()
            .filter(|(_, original)| *original)
            .map(|(field, _)| (*field).to_owned())
            .collect(),
        })
        .collect()
}

fn filter(snapshot: &Snapshot, device: &Device, filter: &Filter) -> FilterView {
    FilterView {
        name: filter.name.clone(),
        rules: filter
            .rules
            .iter()
            .map(|r| rule(snapshot, device, r))
            .collect(),
        default: rule(snapshot, device, &filter.default),
    }
}

fn rule(snapshot: &Snapshot, device: &Device, rule: &Rule) -> RuleView {
    RuleView {
        name: rule.name.clone(),
        id: rule.id.clone(),
        file: rule.span.and_then(|s| path(snapshot, s)),
        line: rule.span.map(|s| s.line),
        when: expr::condition(&rule.match_expr),
        action: expr::action(device, &rule.action),
        effects: rule.effects.iter().map(expr::effect).collect(),
        treatments: rule
            .treatments
            .iter()
            .map(|t| format!("{} {}", t.kind.as_str(), t.value))
            .collect(),
    }
}
