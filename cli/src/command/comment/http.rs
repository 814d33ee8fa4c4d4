//! Requests with JSON, repeated where that makes sense.

use super::forge::{Trouble, variable};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ureq::http::{HeaderMap, Request};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// Attempts of one request.
const ATTEMPTS: u32 = 5;
/// No wait is longer; where the service asks for more, it is given up.
const LONGEST: Duration = Duration::from_secs(60);
/// Redirections that are followed.
const HOPS: u32 = 3;
/// Bytes of an answer.
const ANSWER: u64 = 32 << 20;

/// A service with its token.
pub struct Client {
    agent: ureq::Agent,
    /// The address, without a slash at the end.
    base: String,
    headers: Vec<(&'static str, String)>,
    wait: Duration,
}

/// An answer.
pub struct Answer {
    /// The body; null if it is no JSON.
    pub body: Value,
    /// True if there is another page behind it; `None` if it does not say.
    pub more: Option<bool>,
}

/// What came back.
struct Response {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

/// Whether a request may be sent again if nothing is known of the first one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

impl Client {
    /// A client for `base`; `headers` carry the token. `wait` is the first
    /// pause before another attempt.
    ///
    /// # Errors
    /// If the token would go over the network in the clear, or certificates
    /// cannot be read.
    pub fn new(
        base: &str,
        headers: Vec<(&'static str, String)>,
        wait: Duration,
    ) -> Result<Self, String> {
        let base = base.trim_end_matches('/').to_owned();
        let (scheme, rest) = base.split_once("://").unwrap_or_default();
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.split(':').next().unwrap_or_default();
        let near = scheme == "http" && matches!(host, "127.0.0.1" | "localhost");
        // `user@host` would make another host of it than it seems.
        if !(scheme == "https" || near) || host.is_empty() || authority.contains('@') {
            return Err(format!(
                "`{base}` is no https address: the token would be readable"
            ));
        }
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A token is for one host: `once` looks where it goes.
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(30)))
            .user_agent(concat!("fwimpact/", env!("CARGO_PKG_VERSION")));
        if near {
            config = config.proxy(None);
        }
        if let Some(roots) = authorities()? {
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Ok(Self {
            agent: config.build().into(),
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
            let outcome = self.follow(method, path, body);
            let (pause, said) = match &outcome {
                Ok(response) => match self.pause(response, again) {
                    Some(pause) => (pause, told(response)),
                    None => return judged(outcome),
                },
                Err(why) if again == Again::Yes => (None, why.clone()),
                Err(_) => return judged(outcome),
            };
            let pause = pause.unwrap_or(wait);
            if pause > LONGEST {
                return Err(Trouble::Failed(format!(
                    "{said}; it asks to wait for {} s, which is too long",
                    pause.as_secs()
                )));
            }
            if attempt >= ATTEMPTS {
                return Err(Trouble::Failed(format!(
                    "{method} failed after {attempt} attempts: {said}"
                )));
            }
            std::thread::sleep(pause);
            wait = (wait * 2).min(LONGEST);
            attempt += 1;
        }
    }

    /// A short pause, after which something is looked at again.
    pub fn rest(&self) {
        std::thread::sleep(self.wait.min(LONGEST));
    }

    /// Sends a request, and again to where it is redirected on the same host:
    /// a repository may have another name now.
    fn follow(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Response, String> {
        let mut address = format!("{}{path}", self.base);
        for _ in 0..=HOPS {
            let response = self.once(method, &address, body)?;
            let location = response.headers.get("location");
            let location = location.and_then(|l| l.to_str().ok());
            match (response.status, location) {
                (301 | 302 | 307 | 308, Some(location)) => {
                    address = self.same_host(location).ok_or_else(|| {
                        format!(
                            "the request is redirected to `{}`, where the token is not sent",
                            plain(location)
                        )
                    })?;
                }
                _ => return Ok(response),
            }
        }
        Err("the request is redirected too often".to_owned())
    }

    /// The address that a redirection leads to, if it is on this host.
    fn same_host(&self, location: &str) -> Option<String> {
        let start = self.base.find("://")? + 3;
        let end = self
            .base
            .get(start..)?
            .find('/')
            .map_or(self.base.len(), |n| start + n);
        let host = self.base.get(..end)?;
        if location.starts_with('/') && !location.starts_with("//") {
            return Some(format!("{host}{location}"));
        }
        let rest = location.strip_prefix(host)?;
        rest.starts_with('/').then(|| location.to_owned())
    }

    fn once(&self, method: &str, address: &str, body: Option<&Value>) -> Result<Response, String> {
        let mut request = Request::builder().method(method).uri(address);
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
        Ok(Response {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
        })
    }

    /// How long to wait before the next attempt: `None` if there is to be
    /// none, `Some(None)` if the service does not say.
    fn pause(&self, response: &Response, again: Again) -> Option<Option<Duration>> {
        let Response {
            status, headers, ..
        } = response;
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let asked = number("retry-after").map(Duration::from_secs);
        let used_up =
            number("x-ratelimit-remaining") == Some(0) || number("ratelimit-remaining") == Some(0);
        // GitHub's secondary limits need not have a header of their own.
        let secondary = message(response)
            .to_lowercase()
            .contains("secondary rate limit");
        if *status == 429 || (*status == 403 && (asked.is_some() || used_up || secondary)) {
            let reset = number("x-ratelimit-reset").or_else(|| number("ratelimit-reset"));
            let until = reset.filter(|_| used_up).and_then(|at| {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
                Some(Duration::from_secs(at).saturating_sub(now) + Duration::from_secs(1))
            });
            // Without a time, at least a minute is asked for:
            // docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
            let minute = (secondary && !used_up).then(|| (self.wait * 60).min(LONGEST));
            return Some(asked.or(until).or(minute));
        }
        // The service did not take a request that it was too busy for.
        if *status == 503 && asked.is_some() {
            return Some(asked);
        }
        (again == Again::Yes && matches!(status, 408 | 500 | 502 | 503 | 504)).then_some(asked)
    }
}

/// The certificate authorities that the environment names: those of a runner's
/// own GitLab, or of this machine. `None`: those that browsers trust.
fn authorities() -> Result<Option<RootCerts>, String> {
    let Some(path) = variable("CI_SERVER_TLS_CA_FILE").or_else(|| variable("SSL_CERT_FILE")) else {
        return Ok(None);
    };
    let text = std::fs::read(&path).map_err(|e| format!("cannot read {path}: {e}"))?;
    let certificates: Vec<_> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(format!("{path} holds no certificate (PEM)"));
    }
    Ok(Some(RootCerts::from(certificates)))
}

/// An error text without line breaks. Tokens are in headers alone, which no
/// error text holds.
fn plain(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// What the service says about a request.
fn message(response: &Response) -> String {
    let body = &response.body;
    let said = body.get("message").or_else(|| body.get("error"));
    let mut text = said.map_or_else(String::new, |m| {
        m.as_str().map_or_else(|| m.to_string(), str::to_owned)
    });
    // GitHub tells beside it which field it is about.
    for error in body
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let word = |key: &str| error.get(key).and_then(Value::as_str);
        let parts = [word("field"), word("message").or_else(|| word("code"))];
        let parts: Vec<&str> = match error.as_str() {
            Some(text) => vec![text],
            None => parts.into_iter().flatten().collect(),
        };
        text.push_str(&format!("; {}", parts.join(" ")));
    }
    plain(&text)
}

fn told(response: &Response) -> String {
    let said = message(response);
    let colon = if said.is_empty() { "" } else { ": " };
    format!("status {}{colon}{said}", response.status)
}

fn judged(outcome: Result<Response, String>) -> Result<Answer, Trouble> {
    let response = outcome.map_err(Trouble::Lost)?;
    let said = told(&response);
    match response.status {
        200..=299 => Ok(Answer {
            more: more(&response.headers),
            body: response.body,
        }),
        401 => Err(Trouble::Unknown(said)),
        403 => Err(Trouble::NoAccess(said)),
        404 => Err(Trouble::NotFound(said)),
        500.. => Err(Trouble::Lost(said)),
        _ => Err(Trouble::Failed(said)),
    }
}

/// Whether a list goes on: `link` (both services), `x-next-page` (GitLab).
fn more(headers: &HeaderMap) -> Option<bool> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    match (text("link"), text("x-next-page")) {
        (Some(link), _) => Some(link.contains("rel=\"next\"")),
        (None, Some(next)) => Some(!next.trim().is_empty()),
        (None, None) => None,
    }
}
