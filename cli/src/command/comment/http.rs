//! Requests with JSON, repeated where that makes sense.

use super::forge::Trouble;
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::http::{HeaderMap, Request};

/// Attempts of one request.
const ATTEMPTS: u32 = 5;
/// No wait is longer; where the service asks for more, it is given up.
const LONGEST: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const ANSWER: u64 = 32 << 20;

/// A service with its token.
pub struct Client {
    agent: ureq::Agent,
    base: String,
    headers: Vec<(&'static str, String)>,
    wait: Duration,
}

/// An answer.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body; null if it is no JSON.
    pub body: Value,
}

/// Whether a request may be sent again if nothing is known of the first one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

impl Client {
    /// A client for `base`; `secret` headers carry the token.
    ///
    /// # Errors
    /// If the token would go over the network in the clear.
    pub fn new(
        base: &str,
        headers: Vec<(&'static str, String)>,
        wait: Duration,
    ) -> Result<Self, String> {
        let base = base.trim_end_matches('/').to_owned();
        let host = base.strip_prefix("http://").map(|rest| {
            let end = rest.find([':', '/']).unwrap_or(rest.len());
            rest.get(..end).unwrap_or_default().to_owned()
        });
        match host.as_deref() {
            Some("127.0.0.1" | "localhost") => {}
            None if base.starts_with("https://") => {}
            _ => {
                return Err(format!(
                    "`{base}` is no https address: the token would be readable"
                ));
            }
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A token is for one host.
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(30)))
            .user_agent(concat!("fwimpact/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Self {
            agent,
            base,
            headers,
            wait,
        })
    }

    /// Sends a request, again where it failed for a while only.
    ///
    /// # Errors
    /// If there is no answer, or it is a refusal.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Trouble> {
        // A comment must not be there twice because an answer was lost.
        let again = if method == "POST" {
            Again::No
        } else {
            Again::Yes
        };
        let mut wait = self.wait;
        let mut attempt = 1;
        loop {
            let outcome = self.once(method, path, body);
            let (pause, said) = match &outcome {
                Ok((answer, headers)) => match self.pause(answer.status, headers, again) {
                    Some(pause) => (pause, format!("status {}", answer.status)),
                    None => break judged(outcome),
                },
                Err(why) if again == Again::Yes => (None, why.clone()),
                Err(_) => break judged(outcome),
            };
            let pause = pause.unwrap_or(wait);
            if attempt >= ATTEMPTS || pause > LONGEST {
                break Err(Trouble::Failed(format!(
                    "{method} failed after {attempt} attempts: {said}"
                )));
            }
            std::thread::sleep(pause);
            wait = (wait * 2).min(LONGEST);
            attempt += 1;
        }
    }

    fn once(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(Answer, HeaderMap), String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let sent = match body {
            Some(body) => {
                let request = request
                    .header("content-type", "application/json")
                    .body(body.to_string())
                    .map_err(|e| plain(&e.to_string()))?;
                self.agent.run(request)
            }
            None => {
                let request = request.body(()).map_err(|e| plain(&e.to_string()))?;
                self.agent.run(request)
            }
        };
        let mut response = sent.map_err(|e| plain(&e.to_string()))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response
            .body_mut()
            .with_config()
            .limit(ANSWER)
            .read_to_string()
            .map_err(|e| plain(&e.to_string()))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok((Answer { status, body }, headers))
    }

    /// How long to wait before the next attempt: `None` if there is to be
    /// none, `Some(None)` if the service does not say.
    fn pause(&self, status: u16, headers: &HeaderMap, again: Again) -> Option<Option<Duration>> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let asked = number("retry-after").map(Duration::from_secs);
        let used_up =
            number("x-ratelimit-remaining") == Some(0) || number("ratelimit-remaining") == Some(0);
        let limited = status == 429 || (status == 403 && (asked.is_some() || used_up));
        if limited {
            let reset = number("x-ratelimit-reset").or_else(|| number("ratelimit-reset"));
            let until = reset.filter(|_| used_up).and_then(|at| {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
                Some(Duration::from_secs(at).saturating_sub(now) + Duration::from_secs(1))
            });
            return Some(asked.or(until));
        }
        // The service did not take a request that it was too busy for.
        if status == 503 && asked.is_some() {
            return Some(asked);
        }
        (again == Again::Yes && matches!(status, 408 | 500 | 502 | 503 | 504)).then_some(asked)
    }
}

/// An error text without line breaks. Tokens are in headers alone, which no
/// error text holds.
fn plain(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn judged(outcome: Result<(Answer, HeaderMap), String>) -> Result<Answer, Trouble> {
    let (answer, _) = outcome.map_err(Trouble::Failed)?;
    let said = answer
        .body
        .get("message")
        .or_else(|| answer.body.get("error"))
        .map(|m| m.as_str().map_or_else(|| m.to_string(), str::to_owned))
        .map_or_else(String::new, |m| format!(": {}", plain(&m)));
    match answer.status {
        200..=299 => Ok(answer),
        403 | 404 => Err(Trouble::NoAccess(format!("status {}{said}", answer.status))),
        status => Err(Trouble::Failed(format!("status {status}{said}"))),
    }
}
