//! What the services have in common.

use super::http::Client;
use serde_json::{Value, json};

/// A comment to be there, and labels to be set or taken away.
pub struct Change<'a> {
    /// Hidden in the comment; what makes it the same one the next time.
    pub marker: &'a str,
    /// The whole text, marker included.
    pub body: &'a str,
    /// Labels that say that something is wrong.
    pub labels: &'a [String],
    /// Something is wrong.
    pub hurt: bool,
}

/// Why it was not done.
#[derive(Debug)]
pub enum Trouble {
    /// The token is not accepted (401).
    Unknown(String),
    /// The token may not do it (403).
    NoAccess(String),
    /// It is not there, or the token may not know that it is (404).
    NotFound(String),
    /// Whether it was done is not known.
    Lost(String),
    /// Anything else.
    Failed(String),
}

impl Trouble {
    /// What was said.
    pub fn text(&self) -> &str {
        match self {
            Self::Unknown(why)
            | Self::NoAccess(why)
            | Self::NotFound(why)
            | Self::Lost(why)
            | Self::Failed(why) => why,
        }
    }
}

/// What was done.
pub struct Done {
    /// In words.
    pub what: &'static str,
    /// Why labels are not as they should be.
    pub labels: Option<String>,
}

/// A service.
pub trait Forge {
    /// The request, for messages.
    fn target(&self) -> &str;

    /// What somebody has to do so that this token may comment.
    fn access(&self) -> &'static str;

    /// Creates or updates the comment, sets or takes away the labels. Says
    /// what was done.
    ///
    /// # Errors
    /// If it was not done.
    fn publish(&self, change: &Change<'_>) -> Result<Done, Trouble>;
}

/// How the comments of a request are called.
pub struct Comments<'a> {
    /// The service.
    pub client: &'a Client,
    /// The list, and where new ones go.
    pub list: String,
    /// Where the comment with a number is.
    pub one: String,
    /// The method that updates it.
    pub update: &'static str,
    /// Where the key of the author is in a comment.
    pub author: &'static str,
    /// True if a comment may be ours where the service does not say who we
    /// are: a token of a pipeline has no user.
    pub nameless: fn(&Value) -> bool,
}

/// Pages of comments that are looked through.
const PAGES: usize = 100;
/// Comments of a page.
const PER_PAGE: usize = 100;

impl Comments<'_> {
    /// Creates or updates the comment.
    ///
    /// # Errors
    /// If it was not done.
    pub fn put(&self, change: &Change<'_>) -> Result<&'static str, Trouble> {
        let body = json!({"body": change.body});
        if let Some(done) = self.refresh(change, &body)? {
            return Ok(done);
        }
        let create = || self.client.send("POST", &self.list, Some(&body));
        match create() {
            Ok(_) => Ok("the comment is created"),
            // Once more, if it is not there after all.
            Err(Trouble::Lost(_)) => {
                self.client.rest();
                if self.refresh(change, &body)?.is_none() {
                    create().map_err(written)?;
                }
                Ok("the comment is created")
            }
            Err(trouble) => Err(written(trouble)),
        }
    }

    /// Updates the comment if it is there.
    fn refresh(&self, change: &Change<'_>, body: &Value) -> Result<Option<&'static str>, Trouble> {
        let Some((id, text)) = self.find(change.marker)? else {
            return Ok(None);
        };
        if text.trim_end() == change.body.trim_end() {
            return Ok(Some("the comment is up to date"));
        }
        let path = format!("{}/{id}", self.one);
        self.client
            .send(self.update, &path, Some(body))
            .map_err(written)?;
        Ok(Some("the comment is updated"))
    }

    /// The number of our comment with the marker, and its text. Others can
    /// write the marker too; what they wrote is left alone, for they could
    /// change it afterwards.
    fn find(&self, marker: &str) -> Result<Option<(u64, String)>, Trouble> {
        let mut us = None;
        for page in 1..=PAGES {
            let path = format!("{}?per_page={PER_PAGE}&page={page}", self.list);
            let answer = self.client.send("GET", &path, None)?;
            let list = answer.body.as_array().map_or(&[][..], Vec::as_slice);
            for comment in list {
                let text = comment.get("body").and_then(Value::as_str);
                let id = comment.get("id").and_then(Value::as_u64);
                let (Some(text), Some(id)) = (text, id) else {
                    continue;
                };
                if !text.starts_with(marker) {
                    continue;
                }
                if us.is_none() {
                    us = Some(self.us()?);
                }
                let author = comment.pointer(self.author).and_then(Value::as_u64);
                let ours = match us.flatten() {
                    Some(us) => author == Some(us),
                    None => (self.nameless)(comment),
                };
                if ours {
                    return Ok(Some((id, text.to_owned())));
                }
            }
            if !answer.more.unwrap_or(list.len() >= PER_PAGE) {
                break;
            }
        }
        Ok(None)
    }

    /// The number of the user whose token it is; tokens of pipelines have none.
    fn us(&self) -> Result<Option<u64>, Trouble> {
        match self.client.send("GET", "/user", None) {
            Ok(answer) => Ok(answer.body.get("id").and_then(Value::as_u64)),
            Err(Trouble::NoAccess(_) | Trouble::NotFound(_) | Trouble::Unknown(_)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }
}

/// Where reading is allowed and writing is "not found", writing is not.
pub fn written(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::NotFound(why) => Trouble::NoAccess(why),
        other => other,
    }
}

/// A variable of the environment that is not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.trim().is_empty())
}

/// What is written in a path stays one part of it.
pub fn segment(text: &str) -> String {
    crate::render::locate::uri(text).replace('/', "%2F")
}
