//! What comes back: bodies within their limits, and which failures repeating could cure.

use palisade_types::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};

use crate::auth::words;
use crate::budget::{Setback, retry_after};
use crate::call::{Call, Fault};
use crate::error::{Error, printable};
use crate::http::is_forbidden;
use crate::limits;

/// An answer whose body is still to be read.
pub(crate) struct Reply {
    pub(crate) response: Response,
    pub(crate) redirected: bool,
    /// The beginning of the body, if it was looked at already.
    pub(crate) begun: Vec<u8>,
}

/// An answer with its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Whether the registry itself, and not a host it redirected to, wants a login.
    pub(crate) fn asks_for_login(&self) -> bool {
        self.response.status() == StatusCode::UNAUTHORIZED && !self.redirected
    }

    /// Whether this says that the authorization has run out, with another status than 401: ECR
    /// does with 403 (flipt #3043), ECR Public with 400 (containers-roadmap #2835). The answer to
    /// HEAD has no words to tell a refusal by, so it may be one.
    pub(crate) async fn may_say_expired(&mut self, call: &Call<'_>) -> Result<bool, Fault> {
        if !matches!(self.response.status().as_u16(), 400 | 403) || self.redirected {
            return Ok(false);
        }
        if call.method == Method::HEAD {
            return Ok(true);
        }
        let limit = usize::try_from(limits::SMALL_BODY).unwrap_or(usize::MAX);
        while let Some(chunk) = self
            .response
            .chunk()
            .await
            .map_err(|e| broken(&call.what, e))?
        {
            let room = limit.saturating_sub(self.begun.len());
            self.begun
                .extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                break;
            }
        }
        let words = words(&self.begun).to_ascii_lowercase();
        Ok(words.contains("token") && words.contains("expired"))
    }

    /// The body: all of it, or the beginning when it only explains a failure.
    pub(crate) async fn read(mut self, what: &str, limit: u64) -> Result<Answer, Fault> {
        let status = self.response.status();
        let headers = self.response.headers().clone();
        let limit = if status.is_success() {
            limit
        } else {
            limits::SMALL_BODY
        };
        let mut body = self.begun;
        while let Some(chunk) = self.response.chunk().await.map_err(|e| broken(what, e))? {
            let room = usize::try_from(limit).unwrap_or(usize::MAX) - body.len();
            if chunk.len() > room {
                if status.is_success() {
                    return Err(Error::limit(what, limit, "bytes").into());
                }
                body.extend_from_slice(&chunk[..room]);
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}

impl Answer {
    /// The answer if it is a success; otherwise what its status means.
    pub(crate) fn success(self, what: &str) -> Result<Self, Error> {
        if self.status.is_success() {
            return Ok(self);
        }
        if self.status == StatusCode::NOT_FOUND {
            let what = what.to_owned();
            return Err(Error::NotFound { what });
        }
        let why = format!(
            "the server answered {}: {}",
            self.status.as_u16(),
            words(&self.body)
        );
        Err(Error::refused(what, why.trim_end_matches([':', ' '])))
    }

    /// The body as JSON, read strictly.
    pub(crate) fn json(&self, what: &str) -> Result<serde_json::Value, Error> {
        crate::manifest::json(what, &self.body)
    }

    /// A header's value as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Sorts refusals and transient failures out.
pub(crate) async fn judge(call: &Call<'_>, reply: Reply) -> Result<Reply, Fault> {
    let status = reply.response.status();
    let transient = is_transient(status);
    if !transient && status != StatusCode::FORBIDDEN && status != StatusCode::UNAUTHORIZED {
        return Ok(reply);
    }
    let answer = reply.read(&call.what, limits::SMALL_BODY).await?;
    let words = words(&answer.body);
    // Some registries say "too many" with 403.
    let limited = status == StatusCode::TOO_MANY_REQUESTS
        || words.contains("TOOMANYREQUESTS")
        || words.to_ascii_lowercase().contains("rate limit");
    if transient || (limited && status == StatusCode::FORBIDDEN) {
        let wait = answer.header("retry-after");
        return Err(Fault::Again(Setback {
            why: format!("the server answered {}: {words}", status.as_u16()),
            limited,
            retry_after: wait.and_then(|wait| retry_after(wait, Timestamp::now())),
        }));
    }
    let server = if words.is_empty() {
        status.to_string()
    } else {
        words
    };
    let what = call.what.clone();
    Err(Error::Denied { what, server }.into())
}

pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        408 | 425 | 429 | 499 | 500 | 502 | 503 | 504 | 522
    )
}

/// A failure below HTTP. A request that cannot even be built is ours and is not repeated.
pub(crate) fn broken(what: &str, error: reqwest::Error) -> Fault {
    let builder = error.is_builder();
    let forbidden = is_forbidden(&error);
    // Addresses may carry signatures of storage hosts, which are secrets.
    let why = chain(&error.without_url());
    if builder || forbidden {
        return Error::refused(what, why).into();
    }
    // The next attempt would meet the same certificate.
    if why.contains("invalid peer certificate") {
        let what = what.to_owned();
        return Error::Unreachable { what, why }.into();
    }
    Fault::Again(Setback::broken(why))
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    printable(&text)
}
