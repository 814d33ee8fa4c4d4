//! GitHub's REST interface.
//! <https://docs.github.com/rest/issues/comments>

use super::forge::{Change, Forge, PAGES, PER_PAGE, Trouble, segment, variable};
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
    from_ref.or_else(|| {
        let event = std::fs::read_to_string(variable("GITHUB_EVENT_PATH")?).ok()?;
        let event: Value = serde_json::from_str(&event).ok()?;
        event
            .pointer("/pull_request/number")
            .or_else(|| event.get("number"))?
            .as_u64()
    })
}

impl Forge for Github {
    fn target(&self) -> &str {
        &self.target
    }

    fn publish(&self, change: &Change<'_>) -> Result<&'static str, Trouble> {
        let Some(client) = &self.client else {
            return Err(Trouble::NoAccess("GITHUB_TOKEN is not set".into()));
        };
        let body = json!({"body": change.body});
        let done = match find(client, &self.issue, change.marker)? {
            Some((_, text)) if text == change.body => "the comment is up to date",
            Some((id, _)) => {
                client.send("PATCH", &format!("{}/{id}", self.comments), Some(&body))?;
                "the comment is updated"
            }
            None => {
                client.send("POST", &format!("{}/comments", self.issue), Some(&body))?;
                "the comment is created"
            }
        };
        if change.hurt && !change.labels.is_empty() {
            client.send(
                "POST",
                &format!("{}/labels", self.issue),
                Some(&json!({"labels": change.labels})),
            )?;
        }
        if !change.hurt {
            for label in change.labels {
                let path = format!("{}/labels/{}", self.issue, segment(label));
                match client.send("DELETE", &path, None) {
                    // It is not there, which is what is wanted.
                    Ok(_) | Err(Trouble::NoAccess(_)) => {}
                    Err(trouble) => return Err(trouble),
                }
            }
        }
        Ok(done)
    }
}

/// The comment with the marker, and its text.
fn find(client: &Client, issue: &str, marker: &str) -> Result<Option<(u64, String)>, Trouble> {
    for page in 1..=PAGES {
        let path = format!("{issue}/comments?per_page={PER_PAGE}&page={page}");
        let answer = client.send("GET", &path, None)?;
        let list = answer.body.as_array().cloned().unwrap_or_default();
        for comment in &list {
            let text = comment
                .get("body")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if text.starts_with(marker)
                && let Some(id) = comment.get("id").and_then(Value::as_u64)
            {
                return Ok(Some((id, text.to_owned())));
            }
        }
        if list.len() < PER_PAGE {
            break;
        }
    }
    Ok(None)
}
