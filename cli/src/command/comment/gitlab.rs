//! GitLab's REST interface.
//! <https://docs.gitlab.com/api/notes/#merge-requests>

use super::forge::{Change, Comments, Done, Forge, Trouble, segment, variable, written};
use super::http::Client;
use crate::args::Comment;
use crate::exit::Failure;
use serde_json::json;
use std::time::Duration;

/// A merge request.
pub struct Gitlab {
    client: Option<Client>,
    /// The token is that of the job, which may do little.
    job: bool,
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
            // The pipeline of a fork runs in the fork; the request is not there.
            .or_else(|| variable("CI_MERGE_REQUEST_PROJECT_ID"))
            .or_else(|| variable("CI_PROJECT_ID"))
            .ok_or_else(|| Failure::Usage("no project: give --repository PROJECT".into()))?;
        let number = arguments
            .number
            .or_else(|| variable("CI_MERGE_REQUEST_IID")?.parse().ok())
            .ok_or_else(|| {
                Failure::Usage("this does not run for a merge request: give --number N".into())
            })?;
        let base = variable("CI_API_V4_URL").unwrap_or_else(|| "https://gitlab.com/api/v4".into());
        if let Some(label) = arguments.label.iter().find(|l| l.contains(',')) {
            return Err(Failure::Usage(format!(
                "--label `{label}`: a comma separates labels on GitLab\n  give --label several times"
            )));
        }
        let job = variable("GITLAB_TOKEN").is_none();
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
            job,
            request: format!("/projects/{}/merge_requests/{number}", segment(&project)),
            target: format!("{project}!{number}"),
        })
    }
}

impl Forge for Gitlab {
    fn target(&self) -> &str {
        &self.target
    }

    fn access(&self) -> &'static str {
        "comments need a project access token with the scope `api` in GITLAB_TOKEN, which pipelines of forks do not have"
    }

    fn publish(&self, change: &Change<'_>) -> Result<Done, Trouble> {
        let Some(client) = &self.client else {
            return Err(Trouble::NoAccess(
                "neither GITLAB_TOKEN nor CI_JOB_TOKEN is set".into(),
            ));
        };
        let notes = format!("{}/notes", self.request);
        let comments = Comments {
            client,
            list: notes.clone(),
            one: notes,
            update: "PUT",
            author: "/author/id",
            nameless: |_| false,
        };
        // The token of a job is told that there is nothing, or that it is no
        // token at all, where it may not look.
        let what = comments.put(change).map_err(|trouble| match trouble {
            Trouble::Unknown(why) | Trouble::NotFound(why) if self.job => Trouble::NoAccess(why),
            other => other,
        })?;
        let labels = match self.label(client, change) {
            Ok(()) => None,
            Err(Trouble::NoAccess(why)) => Some(why),
            Err(trouble) => return Err(trouble),
        };
        Ok(Done { what, labels })
    }
}

impl Gitlab {
    /// Sets or takes away the labels.
    fn label(&self, client: &Client, change: &Change<'_>) -> Result<(), Trouble> {
        if change.labels.is_empty() {
            return Ok(());
        }
        let key = if change.hurt {
            "add_labels"
        } else {
            "remove_labels"
        };
        let body = json!({key: change.labels.join(",")});
        client
            .send("PUT", &self.request, Some(&body))
            .map(|_| ())
            .map_err(written)
    }
}
