//! GitLab's REST interface.
//! <https://docs.gitlab.com/api/notes/#merge-requests>

use super::forge::{Change, Forge, PAGES, PER_PAGE, Trouble, segment, variable};
use super::http::Client;
use crate::args::Comment;
use crate::exit::Failure;
use serde_json::{Value, json};
use std::time::Duration;

/// A merge request.
pub struct Gitlab {
    client: Option<Client>,
    request: String,
    target: String,
}

impl Gitlab {
    /// The merge request that the options or the environment name.
    ///
    /// # Errors
    /// If none is named.
    pub fn new(arguments: &Comment) -> Result<Self, Failure> {
        let project = arguments
            .repository
            .clone()
            .or_else(|| variable("CI_PROJECT_ID"))
            .ok_or_else(|| Failure::Usage("no project: give --repository PROJECT".into()))?;
        let number = arguments
            .number
            .or_else(|| variable("CI_MERGE_REQUEST_IID")?.parse().ok())
            .ok_or_else(|| {
                Failure::Usage("this does not run for a merge request: give --number N".into())
            })?;
        let base = variable("CI_API_V4_URL").unwrap_or_else(|| "https://gitlab.com/api/v4".into());
        let header = variable("GITLAB_TOKEN")
            .map(|token| ("private-token", token.trim().to_owned()))
            .or_else(|| Some(("job-token", variable("CI_JOB_TOKEN")?.trim().to_owned())));
        let client = match header {
            Some(header) => Some(
                Client::new(
                    &base,
                    vec![header],
                    Duration::from_millis(arguments.retry_after),
                )
                .map_err(Failure::Usage)?,
            ),
            None => None,
        };
        Ok(Self {
            client,
            request: format!("/projects/{}/merge_requests/{number}", segment(&project)),
            target: format!("{project}!{number}"),
        })
    }
}

impl Forge for Gitlab {
    fn target(&self) -> &str {
        &self.target
    }

    fn publish(&self, change: &Change<'_>) -> Result<&'static str, Trouble> {
        let Some(client) = &self.client else {
            return Err(Trouble::NoAccess(
                "neither GITLAB_TOKEN nor CI_JOB_TOKEN is set".into(),
            ));
        };
        let body = json!({"body": change.body});
        let done = match find(client, &self.request, change.marker)? {
            Some((_, text)) if text == change.body => "the comment is up to date",
            Some((id, _)) => {
                client.send("PUT", &format!("{}/notes/{id}", self.request), Some(&body))?;
                "the comment is updated"
            }
            None => {
                client.send("POST", &format!("{}/notes", self.request), Some(&body))?;
                "the comment is created"
            }
        };
        if !change.labels.is_empty() {
            let key = if change.hurt {
                "add_labels"
            } else {
                "remove_labels"
            };
            client.send(
                "PUT",
                &self.request,
                Some(&json!({key: change.labels.join(",")})),
            )?;
        }
        Ok(done)
    }
}

/// The note with the marker, and its text.
fn find(client: &Client, request: &str, marker: &str) -> Result<Option<(u64, String)>, Trouble> {
    for page in 1..=PAGES {
        let path = format!("{request}/notes?per_page={PER_PAGE}&page={page}");
        let answer = client.send("GET", &path, None)?;
        let list = answer.body.as_array().cloned().unwrap_or_default();
        for note in &list {
            let text = note.get("body").and_then(Value::as_str).unwrap_or_default();
            if text.starts_with(marker)
                && let Some(id) = note.get("id").and_then(Value::as_u64)
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
