//! GitHub's REST interface.
//! <https://docs.github.com/rest/issues/comments>

use super::forge::{Change, Comments, Done, Forge, Trouble, segment, variable, written};
use super::http::Client;
use crate::args::Comment;
use crate::exit::Failure;
use serde_json::{Value, json};
use std::time::Duration;

/// A pull request.
pub struct Github {
    client: Option<Client>,
    issue: String,
    comments: String,
    target: String,
}

impl Github {
    /// The pull request that the options or the environment name.
    ///
    /// # Errors
    /// If none is named.
    pub fn new(arguments: &Comment) -> Result<Self, Failure> {
        let repository = arguments
            .repository
            .clone()
            .or_else(|| variable("GITHUB_REPOSITORY"))
            .ok_or_else(|| Failure::Usage("no repository: give --repository OWNER/NAME".into()))?;
        let Some((owner, name)) = repository
            .split_once('/')
            .filter(|(o, n)| !o.is_empty() && !n.is_empty() && !n.contains('/'))
        else {
            return Err(Failure::Usage(format!(
                "--repository `{repository}` is not of the form OWNER/NAME"
            )));
        };
        let number = arguments.number.or_else(number).ok_or_else(|| {
            Failure::Usage("this does not run for a pull request: give --number N".into())
        })?;
        let base = variable("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".into());
        let client = match variable("GITHUB_TOKEN") {
            Some(token) => Some(
                Client::new(
                    &base,
                    vec![
                        ("authorization", format!("Bearer {}", token.trim())),
                        ("accept", "application/vnd.github+json".into()),
                        ("x-github-api-version", "2022-11-28".into()),
                    ],
                    Duration::from_millis(arguments.retry_after),
                )
                .map_err(Failure::Usage)?,
            ),
            None => None,
        };
        let repo = format!("/repos/{}/{}", segment(owner), segment(name));
        Ok(Self {
            client,
            issue: format!("{repo}/issues/{number}"),
            comments: format!("{repo}/issues/comments"),
            target: format!("{repository}#{number}"),
        })
    }
}

/// The number of the pull request that a workflow runs for.
fn number() -> Option<u64> {
    let from_ref = variable("GITHUB_REF").and_then(|r| {
        r.strip_prefix("refs/pull/")?
            .split('/')
            .next()?
            .parse()
            .ok()
    });
    from_ref.or_else(|| of_event(&event()?))
}

/// What happened, as GitHub tells a workflow.
fn event() -> Option<Value> {
    let text = std::fs::read_to_string(variable("GITHUB_EVENT_PATH")?).ok()?;
    serde_json::from_str(&text).ok()
}

/// The pull request that an event is about.
/// <https://docs.github.com/webhooks/webhook-events-and-payloads>
fn of_event(event: &Value) -> Option<u64> {
    let number = |path: &str| event.pointer(path).and_then(Value::as_u64);
    // Of an issue only if it is a pull request.
    let issue =
        || number("/issue/number").filter(|_| event.pointer("/issue/pull_request").is_some());
    // A run of another workflow may be for several, or for one of a fork,
    // which is not told.
    let run = || {
        let list = event.pointer("/workflow_run/pull_requests")?.as_array()?;
        match list.as_slice() {
            [one] => one.get("number")?.as_u64(),
            _ => None,
        }
    };
    number("/pull_request/number")
        .or_else(|| number("/number"))
        .or_else(issue)
        .or_else(run)
}

impl Forge for Github {
    fn target(&self) -> &str {
        &self.target
    }

    fn access(&self) -> &'static str {
        "a pull request from a fork has a token that may only read; any other needs `permissions: pull-requests: write` in its workflow"
    }

    fn publish(&self, change: &Change<'_>) -> Result<Done, Trouble> {
        let Some(client) = &self.client else {
            return Err(Trouble::NoAccess("GITHUB_TOKEN is not set".into()));
        };
        let comments = Comments {
            client,
            list: format!("{}/comments", self.issue),
            one: self.comments.clone(),
            update: "PATCH",
            author: "/user/id",
            nameless: |comment| comment.pointer("/user/type") == Some(&json!("Bot")),
        };
        let what = comments.put(change)?;
        let labels = match self.label(client, change) {
            Ok(()) => None,
            Err(Trouble::NoAccess(why)) => Some(why),
            Err(trouble) => return Err(trouble),
        };
        Ok(Done { what, labels })
    }
}

impl Github {
    /// Sets or takes away the labels.
    fn label(&self, client: &Client, change: &Change<'_>) -> Result<(), Trouble> {
        if change.labels.is_empty() {
            return Ok(());
        }
        let path = format!("{}/labels", self.issue);
        if change.hurt {
            let body = json!({"labels": change.labels});
            return client
                .send("POST", &path, Some(&body))
                .map(|_| ())
                .map_err(written);
        }
        for label in change.labels {
            match client.send("DELETE", &format!("{path}/{}", segment(label)), None) {
                // It is not there, which is what is wanted.
                Ok(_) | Err(Trouble::NotFound(_)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_name_their_pull_request() {
        for (event, number) in [
            (json!({"number": 7, "pull_request": {"number": 7}}), Some(7)),
            (
                json!({"pull_request": {"number": 7}, "review": {}}),
                Some(7),
            ),
            (json!({"issue": {"number": 8, "pull_request": {}}}), Some(8)),
            (json!({"issue": {"number": 8}}), None),
            (json!({"merge_group": {"base_sha": "0"}}), None),
            (json!({"inputs": {}, "ref": "refs/heads/main"}), None),
            (
                json!({"workflow_run": {"pull_requests": [{"number": 9}]}}),
                Some(9),
            ),
            (json!({"workflow_run": {"pull_requests": []}}), None),
        ] {
            assert_eq!(of_event(&event), number, "{event}");
        }
    }
}
