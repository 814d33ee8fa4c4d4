//! The reports: plain public data with the field names of the JSON formats.
//!
//! Regions are plain boxes, one string a field; names and abbreviation belong
//! to the renderers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The schema identifier of [`ImpactReport`].
pub const IMPACT_SCHEMA: &str = "fwimpact/impact/1";
/// The schema identifier of [`DiffReport`].
pub const DIFF_SCHEMA: &str = "fwimpact/diff/1";
/// The schema identifier of [`TraceReport`].
pub const TRACE_SCHEMA: &str = "fwimpact/trace/1";

/// What a change does to declared flows, and what else it opens or closes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImpactReport {
    /// `fwimpact/impact/1`.
    pub schema: String,
    /// Name and version of the program.
    pub tool: Tool,
    /// The files that were compared.
    pub inputs: Vec<InputFile>,
    /// The word of the exit code.
    pub verdict: Verdict,
    /// The exit code that the findings call for, before `--exit-zero`.
    pub exit_code: u8,
    /// How many flows ended how.
    pub summary: Summary,
    /// One entry a flow, in the order of the flows file.
    pub flows: Vec<FlowReport>,
    /// Traffic outside the declared flows that is newly opened.
    pub exposure: Vec<Exposure>,
    /// `exposure`, summed up: one entry for each pair of deciding rules.
    pub exposure_groups: Vec<TrafficGroup>,
    /// Traffic outside the declared flows that is newly denied.
    pub closed: Vec<Exposure>,
    /// `closed`, summed up.
    pub closed_groups: Vec<TrafficGroup>,
    /// Packets outside the declared flows that pass on both sides and reach
    /// another host than before.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// Findings that belong to no single flow (expired approvals, edits of
    /// files that decide what is reported).
    pub findings: Vec<Finding>,
    /// How much of the inputs is understood.
    pub coverage: CoverageReport,
    /// What every verdict rests on.
    pub assumptions: Vec<AssumptionReport>,
    /// What the parsers had to say.
    pub diagnostics: Vec<DiagnosticReport>,
    /// The instant at which schedules were judged; absent where none was
    /// involved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub judged_at: Option<String>,
}

/// Name and version of the program.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `fwimpact`.
    pub name: String,
    /// The version.
    pub version: String,
}

/// One input file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InputFile {
    /// `before` or `after`.
    pub role: Side,
    /// As the user named it.
    pub path: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// The vendor's kebab-case name.
    pub vendor: String,
    /// The device it describes.
    pub device: String,
}

/// A side of a comparison.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Before the change.
    Before,
    /// After it.
    After,
}

impl Side {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// The word of the highest exit code that applies.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Exit code 0.
    None,
    /// Exit code 10.
    Changed,
    /// Exit code 11.
    Exposure,
    /// Exit code 12.
    Undecided,
    /// Exit code 13.
    PartlyBlocked,
    /// Exit code 14.
    Blocked,
}

impl Verdict {
    /// The exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Changed => 10,
            Self::Exposure => 11,
            Self::Undecided => 12,
            Self::PartlyBlocked => 13,
            Self::Blocked => 14,
        }
    }
}

/// How many flows ended how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// All of them, companions included.
    pub flows: usize,
    /// Nothing passes any more.
    pub blocked: usize,
    /// Some of it does not pass any more (`partly-blocked` and `mixed`).
    pub partly_blocked: usize,
    /// Cannot be decided.
    pub undecided: usize,
    /// Passes, but differently.
    pub changed: usize,
    /// More of it passes than before.
    pub opened: usize,
    /// No difference.
    pub unchanged: usize,
}

/// A verdict on one side.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FlowVerdict {
    /// All packets get a working connection.
    Permitted,
    /// None does.
    Denied,
    /// Some do.
    Partial,
    /// Cannot be decided for all of them.
    Undecided,
}

impl FlowVerdict {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::Denied => "denied",
            Self::Partial => "partial",
            Self::Undecided => "undecided",
        }
    }
}

/// What the change does to a flow.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// Nothing.
    None,
    /// The same packets pass, treated differently.
    Changed,
    /// Nothing passes any more.
    Blocked,
    /// Some packets do not pass any more.
    PartlyBlocked,
    /// All of it passes, which nothing or not all of it did before.
    Opened,
    /// Some more of it passes.
    PartlyOpened,
    /// Some lost and some gained.
    Mixed,
    /// Cannot be decided.
    Undecided,
}

impl Impact {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Changed => "changed",
            Self::Blocked => "blocked",
            Self::PartlyBlocked => "partly-blocked",
            Self::Opened => "opened",
            Self::PartlyOpened => "partly-opened",
            Self::Mixed => "mixed",
            Self::Undecided => "undecided",
        }
    }
}

/// The report on one flow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FlowReport {
    /// The flow's id.
    pub id: String,
    /// The service as the flows file names it.
    pub service: String,
    /// The words of the flows file for the two ends.
    pub from: String,
    /// See `from`.
    pub to: String,
    /// `allow` or `deny`.
    pub expect: String,
    /// The flow whose companion it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub companion_of: Option<String>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
    /// The ticket that asked for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ticket: Option<String>,
    /// Verdict before the change.
    pub before: FlowVerdict,
    /// Verdict after it.
    pub after: FlowVerdict,
    /// The difference.
    pub impact: Impact,
    /// The exit code that this flow alone calls for.
    pub exit_code: u8,
    /// Packets that passed and do not any more: exactly these.
    pub lost: Vec<Region>,
    /// Packets that did not pass and now do: exactly these.
    pub gained: Vec<Region>,
    /// Packets for which the difference cannot be decided.
    pub undecided: Vec<Region>,
    /// A packet that is lost (else gained, else undecided).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub witness: Option<WitnessPacket>,
    /// A packet of the same flow that still passes, as near to the witness as
    /// there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passing: Option<WitnessPacket>,
    /// The rules that decide on each side: for the lost (else gained, else
    /// undecided) part if there is one, else for the whole flow.
    pub decided_by: DecidedBy,
    /// The smallest set of edited lines whose reversal brings the flow back.
    pub caused_by: Vec<Cause>,
    /// What happens differently to packets that pass on both sides.
    pub changes: Vec<Change>,
    /// Lines and conditions that keep the flow from being decided.
    pub reasons: Vec<Reason>,
    /// What the verdict rests on.
    pub assumptions: Vec<AssumptionReport>,
    /// The way of the lost (else gained, else undecided) packets on both
    /// sides; absent where nothing is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paths: Option<FlowPaths>,
}

/// The ways of packets that a change hurts, at most a few a side.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct FlowPaths {
    /// Before the change.
    pub before: Vec<TracePath>,
    /// After it.
    pub after: Vec<TracePath>,
}

/// A box of packets: one string a field.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct Region {
    /// A prefix, an address, or `a-b`.
    pub src: String,
    /// Likewise.
    pub dst: String,
    /// `tcp`, `udp`, `icmp`..., a number, or `any`.
    pub proto: String,
    /// `n`, `n-m` or `any`; absent for protocols without ports.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dst_port: Option<String>,
    /// Only where it is not the flow's whole range.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub src_port: Option<String>,
    /// `type` or `type/code` of ICMP; absent for all of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub icmp: Option<String>,
}

/// One concrete packet.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct WitnessPacket {
    /// Source address.
    pub src: String,
    /// Source port; absent for protocols without ports.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub src_port: Option<u16>,
    /// Destination address.
    pub dst: String,
    /// Protocol.
    pub proto: String,
    /// Destination port; absent for protocols without ports.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dst_port: Option<u16>,
    /// ICMP type.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub icmp_type: Option<u8>,
    /// ICMP code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub icmp_code: Option<u8>,
}

/// The deciding rules of both sides.
#[derive(Clone, PartialEq, Hash, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct DecidedBy {
    /// Before the change.
    pub before: Vec<Decision>,
    /// After it.
    pub after: Vec<Decision>,
}

/// A rule that decides.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct Decision {
    /// The device.
    pub device: String,
    /// The list it is in.
    pub filter: String,
    /// Its name or number.
    pub rule: String,
    /// What it does.
    pub action: String,
    /// Its file.
    pub file: Option<String>,
    /// Its line.
    pub line: Option<u32>,
    /// The text of the line.
    pub text: Option<String>,
}

/// An edited line that causes a difference.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct Cause {
    /// `removed` or `added`.
    pub edit: EditKind,
    /// The side the line is on.
    pub side: Side,
    /// Its file.
    pub file: String,
    /// Its line.
    pub line: u32,
    /// Its text.
    pub text: String,
    /// What the line belongs to (`object-group service LIBRARY, used by
    /// OUT_IN 2`), where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub context: Option<String>,
    /// The number of the same line on the other side, where it only stands
    /// somewhere else now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moved: Option<u32>,
}

/// What was done to a line.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum EditKind {
    /// It is only on the before side.
    Removed,
    /// It is only on the after side.
    Added,
}

/// How grave a change is.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeSeverity {
    /// Good to know.
    Low,
    /// Look at it.
    Medium,
    /// Likely to hurt.
    High,
}

impl ChangeSeverity {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Something that happens differently to packets that pass on both sides.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct Change {
    /// `session-timeout`, `inspection`, `tls-decryption`, `logging`,
    /// `source-nat`, `destination-nat`, `path`...
    pub kind: String,
    /// The value before; `none` where there was none.
    pub before: String,
    /// The value after.
    pub after: String,
    /// How grave.
    pub severity: ChangeSeverity,
    /// What it means for the flow, in a few words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device: Option<String>,
    /// The line that sets the value after (else the one that set it before).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// See `file`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
}

/// What kind of thing keeps something from being decided: what can be done
/// about it follows from that.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Debug,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonKind {
    /// Words that are not understood, within a rule or an object.
    #[default]
    NotUnderstood,
    /// A line that is not understood and may affect the whole device.
    Device,
    /// A name whose addresses the configuration does not hold.
    Name,
    /// The content of packets, or the application that they belong to.
    Content,
    /// Who sends the packets.
    User,
    /// Rates, counters, chance or history.
    Rate,
    /// The time.
    Time,
    /// Something outside the configuration.
    Environment,
    /// The way of the packets, which the snapshot does not tell.
    Path,
}

/// A line or condition that keeps something from being decided.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct Reason {
    /// The side it is on.
    pub side: Side,
    /// The device.
    pub device: String,
    /// What cannot be decided.
    pub text: String,
    /// What kind of thing that is.
    #[serde(default)]
    pub kind: ReasonKind,
    /// The name whose addresses are missing, as a resolve file gives it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Its file.
    pub file: Option<String>,
    /// Its line.
    pub line: Option<u32>,
    /// First byte of the words that are meant, within the line, from 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start: Option<u32>,
    /// One past the last byte.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<u32>,
    /// The text of the line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line_text: Option<String>,
}

/// Traffic that is newly opened or closed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Exposure {
    /// Which packets.
    #[serde(flatten)]
    pub region: Region,
    /// The device that lets them through.
    pub device: String,
    /// The interfaces by which they enter and leave, where that matters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<String>,
    /// What is known of them.
    #[serde(flatten)]
    pub grounds: Arc<Grounds>,
}

/// What is known of packets that are opened or closed: many entries of a list
/// share it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Grounds {
    /// `certain`, or `possible` if something that cannot be decided has a say.
    pub certainty: Certainty,
    /// A packet of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub witness: Option<WitnessPacket>,
    /// The deciding rules of both sides.
    pub decided_by: DecidedBy,
    /// Lines that keep it from being certain.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub reasons: Vec<Reason>,
}

/// Traffic that the same rules decide, all that a list of [`Exposure`] entries
/// says of it in one: its bounds, less what lies within them and does not
/// belong to it.
///
/// The entries of a list stand in the order of its groups: the first `regions`
/// belong to the first group, and so on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TrafficGroup {
    /// The sources.
    pub src: Bound,
    /// The destinations.
    pub dst: Bound,
    /// Protocols and ports, as `tcp/80`, `icmp type 8`, `protocol 47` or `any`.
    pub service: Bound,
    /// Source ports; absent where any will do.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub src_port: Option<Bound>,
    /// What lies within the bounds and does not belong to the traffic.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub without: Vec<Region>,
    /// True if the bounds less `without` are just the traffic; else some
    /// packets within them are none of it, as the regions tell.
    pub exact: bool,
    /// How many entries of the list it sums up.
    pub regions: usize,
    /// The device that decides.
    pub device: String,
    /// The interfaces by which it enters and leaves, where that matters; some
    /// of the traffic may take only some of them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub paths: Vec<String>,
    /// What is known of it.
    #[serde(flatten)]
    pub grounds: Arc<Grounds>,
}

/// The values that a field of some packets takes, in the shorter of two forms:
/// as they are, or as what they are not.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Bound {
    /// The values: prefixes, ranges, services.
    pub of: Vec<String>,
    /// Values among them that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub except: Vec<String>,
}

/// How sure an [`Exposure`] is.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// It is so.
    Certain,
    /// It may be so.
    Possible,
}

/// Something to look at that belongs to no single flow.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct Finding {
    /// A stable kebab-case code.
    pub code: String,
    /// How grave.
    pub severity: ChangeSeverity,
    /// What it is, in one sentence.
    pub message: String,
    /// The flow it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub flow: Option<String>,
    /// The file it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// The line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
}

/// How much of both sides is understood.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct CoverageReport {
    /// Before the change.
    pub before: LineCoverage,
    /// After it.
    pub after: LineCoverage,
    /// The files of both sides, those of the before side first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub files: Vec<FileCoverage>,
}

/// How much of one file is understood.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FileCoverage {
    /// The side it is on.
    pub side: Side,
    /// As the user named it.
    pub file: String,
    /// Its lines by status.
    #[serde(flatten)]
    pub lines: LineCoverage,
    /// The first lines that are not understood; `opaque` counts all of them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub opaque_lines: Vec<OpaqueLine>,
}

/// A line that is not understood.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OpaqueLine {
    /// The line, counted from 1.
    pub line: u32,
    /// Its text.
    pub text: String,
}

/// How many non-blank lines have which status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LineCoverage {
    /// Non-blank lines.
    pub lines: usize,
    /// Their meaning is in the model.
    pub modeled: usize,
    /// Without effect on traffic.
    pub inert: usize,
    /// Not understood.
    pub opaque: usize,
}

impl From<fw_model::Coverage> for LineCoverage {
    fn from(c: fw_model::Coverage) -> Self {
        Self {
            lines: c.lines,
            modeled: c.modeled,
            inert: c.inert,
            opaque: c.opaque,
        }
    }
}

/// Something a verdict rests on.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct AssumptionReport {
    /// A stable kebab-case code.
    pub code: String,
    /// What is assumed.
    pub text: String,
    /// The device it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device: Option<String>,
    /// The file it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// The line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
}

/// A remark on an input.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct DiagnosticReport {
    /// The stable code.
    pub code: String,
    /// `note`, `warning` or `error`.
    pub severity: String,
    /// The side it is on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub side: Option<Side>,
    /// The file.
    pub file: Option<String>,
    /// The line.
    pub line: Option<u32>,
    /// What there is to say.
    pub message: String,
    /// `none`, `opaque` or `assumed`.
    pub effect: String,
}

/// A semantic difference without flows.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DiffReport {
    /// `fwimpact/diff/1`.
    pub schema: String,
    /// Name and version of the program.
    pub tool: Tool,
    /// The files that were compared.
    pub inputs: Vec<InputFile>,
    /// 0 equal, 10 different, 11 something opened, 12 undecided.
    pub exit_code: u8,
    /// Traffic that is newly permitted.
    pub opened: Vec<Exposure>,
    /// `opened`, summed up: one entry for each pair of deciding rules.
    pub opened_groups: Vec<TrafficGroup>,
    /// Traffic that is newly denied.
    pub closed: Vec<Exposure>,
    /// `closed`, summed up.
    pub closed_groups: Vec<TrafficGroup>,
    /// Traffic for which the difference cannot be decided.
    pub undecided: Vec<Exposure>,
    /// `undecided`, summed up.
    pub undecided_groups: Vec<TrafficGroup>,
    /// Treatments, translations, routes and settings that differ.
    pub changes: Vec<Change>,
    /// How much of the inputs is understood.
    pub coverage: CoverageReport,
    /// What the comparison rests on.
    pub assumptions: Vec<AssumptionReport>,
    /// What the parsers had to say.
    pub diagnostics: Vec<DiagnosticReport>,
}

/// The way of one packet, or a small set of them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TraceReport {
    /// `fwimpact/trace/1`.
    pub schema: String,
    /// Name and version of the program.
    pub tool: Tool,
    /// The files that were read.
    pub inputs: Vec<InputFile>,
    /// The verdict on the whole set.
    pub verdict: FlowVerdict,
    /// 0 permitted, 14 denied, 12 undecided, 13 partial.
    pub exit_code: u8,
    /// The parts of the set that go different ways.
    pub paths: Vec<TracePath>,
    /// What the verdict rests on.
    pub assumptions: Vec<AssumptionReport>,
    /// What the parsers had to say.
    pub diagnostics: Vec<DiagnosticReport>,
}

/// The way of one part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TracePath {
    /// Which packets, as they enter.
    pub regions: Vec<Region>,
    /// What becomes of them.
    pub verdict: FlowVerdict,
    /// Why it cannot be decided.
    pub reasons: Vec<Reason>,
    /// The steps in order.
    pub steps: Vec<TraceStep>,
}

/// One step on the way.
#[derive(
    Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct TraceStep {
    /// The device.
    pub device: String,
    /// `ingress`, `translation`, `route`, `policy`, `egress`, `return`...
    pub kind: String,
    /// What happened, in a few words.
    pub text: String,
    /// The list.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub filter: Option<String>,
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<String>,
    /// The line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// The text of the line.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line_text: Option<String>,
}
