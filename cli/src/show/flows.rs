//! What the flows of a flows file stand for.

use super::model::tool;
use crate::flows::FlowsFile;
use fw_impact::report::Tool;
use fw_model::{Endpoint, Expect, Quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The schema identifier of [`FlowsReport`].
pub const FLOWS_SCHEMA: &str = "fwimpact/flows-check/1";

/// The flows of a file, expanded.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FlowsReport {
    /// `fwimpact/flows-check/1`.
    pub schema: String,
    /// Name and version of the program.
    pub tool: Tool,
    /// The file.
    pub file: String,
    /// The flows, each followed by its companions.
    pub flows: Vec<FlowView>,
    /// Groups that no flow uses.
    pub unused_groups: Vec<String>,
}

/// A flow, expanded.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FlowView {
    /// Its id.
    pub id: String,
    /// The words of the file.
    pub from: String,
    /// The addresses they stand for.
    pub sources: String,
    /// The words of the file.
    pub to: String,
    /// The addresses they stand for.
    pub destinations: String,
    /// The words of the file.
    pub service: String,
    /// The protocols and ports they stand for.
    pub services: String,
    /// `allow` or `deny`.
    pub expect: String,
    /// `all` or `any`.
    pub quantity: String,
    /// The longest silence of a client, in seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub keepalive: Option<u64>,
    /// Timeouts cut it easily.
    pub idle_sensitive: bool,
    /// The flow whose companion it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub companion_of: Option<String>,
}

impl FlowsReport {
    /// The view of a file.
    pub fn new(path: &str, file: &FlowsFile) -> Self {
        Self {
            schema: FLOWS_SCHEMA.into(),
            tool: tool(),
            file: path.to_owned(),
            flows: file
                .flows
                .iter()
                .map(|flow| FlowView {
                    id: flow.id.clone(),
                    from: flow.from_text.clone(),
                    sources: end(&flow.from),
                    to: flow.to_text.clone(),
                    destinations: end(&flow.to),
                    service: flow.service_name.clone(),
                    services: flow.services.to_string(),
                    expect: match flow.expect {
                        Expect::Allow => "allow".into(),
                        Expect::Deny => "deny".into(),
                    },
                    quantity: match flow.quantity {
                        Quantity::All => "all".into(),
                        Quantity::Any => "any".into(),
                    },
                    keepalive: flow.keepalive,
                    idle_sensitive: flow.idle_sensitive,
                    companion_of: flow.companion_of.clone(),
                })
                .collect(),
            unused_groups: file.unused_groups.clone(),
        }
    }
}

fn end(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Addresses(set) => set.to_string(),
        Endpoint::Zone(name) => format!("hosts behind {name}"),
        Endpoint::Device(name) => format!("the device {name}"),
    }
}
