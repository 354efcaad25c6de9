//! The transport adapters run on: one origin, one credential, no redirects, bounded answers.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use palisade_types::{SignedDuration, Timestamp};
use reqwest::redirect::Policy;
use url::{Host, Url};

use crate::driver::{Clock, Transport};
use crate::machine::{Method, Reply, Request};

/// The largest answer we read, in bytes.
const MAX_BODY: usize = 4 << 20;
/// How long one request may take, its answer included.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// An API key. It is shown to the API's origin and nowhere else.
#[derive(Clone)]
pub struct ApiKey(String);

/// Why a text is no API key. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is empty, or holds spaces or control characters")]
pub struct ParseKeyError;

impl ApiKey {
    /// Reads a key; white space around it, such as a final line break, is no part of it.
    pub fn parse(text: &str) -> Result<Self, ParseKeyError> {
        let key = text.trim();
        if !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(key.to_owned()))
        } else {
            Err(ParseKeyError)
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// The base address of a platform's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Why a text is no address to send a credential to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseEndpointError {
    /// Anybody on the way could read the key and change the answers.
    #[error("plain http is for loopback addresses only")]
    Plain,
    /// It holds a user, a query or a fragment.
    #[error("it has more than scheme, host, port and path")]
    TooMuch,
    /// It is no address.
    #[error("it is no http or https address")]
    Url,
}

impl Endpoint {
    /// Reads an address, with or without the `version` of the API at its end, such as `/v1`.
    pub fn parse(text: &str, version: &str) -> Result<Self, ParseEndpointError> {
        let mut url = Url::parse(text).map_err(|_| ParseEndpointError::Url)?;
        let host = url.host().ok_or(ParseEndpointError::Url)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&host) => {}
            "http" => return Err(ParseEndpointError::Plain),
            _ => return Err(ParseEndpointError::Url),
        }
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || url.query().is_some() || url.fragment().is_some() {
            return Err(ParseEndpointError::TooMuch);
        }
        let path = url.path().trim_end_matches('/');
        let path = format!("{}{version}", path.strip_suffix(version).unwrap_or(path));
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The address of a request. Its path is ours and cannot change the origin: it is appended.
    fn at(&self, path: &str) -> Result<Url, String> {
        let url = Url::parse(&format!("{}{path}", self.0.as_str().trim_end_matches('/')))
            .map_err(|error| error.to_string())?;
        if url.origin() == self.0.origin() {
            Ok(url)
        } else {
            Err(format!("`{path}` leaves the API's origin"))
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

/// One platform's API, reached over HTTP.
#[derive(Debug)]
pub struct Http {
    endpoint: Endpoint,
    key: ApiKey,
    client: reqwest::Client,
    time: Duration,
}

impl Http {
    /// A client for this API, without a connection yet. Fails when the system's certificate
    /// authorities cannot be loaded.
    pub fn new(endpoint: Endpoint, key: ApiKey) -> Result<Self, String> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("palisade/", env!("CARGO_PKG_VERSION")))
            // A redirect could carry the key to another host, and turns a write into a read.
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIME);
        if endpoint.0.scheme() == "http" {
            // Nothing on the loopback is reached through a proxy or needs certificates.
            builder = builder.tls_certs_only([]).no_proxy();
        }
        let client = builder.build().map_err(|error| chain(&error))?;
        Ok(Self {
            endpoint,
            key,
            client,
            time: REQUEST_TIME,
        })
    }

    /// The API's base address.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The same with another bound on the time of one request.
    pub fn within(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    async fn answer(&self, request: &Request) -> Result<Reply, String> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Patch => reqwest::Method::PATCH,
            Method::Post => reqwest::Method::POST,
        };
        let mut call = self
            .client
            .request(method, self.endpoint.at(&request.path)?)
            .timeout(self.time)
            .bearer_auth(&self.key.0)
            .header("accept", "application/json");
        if let Some(body) = &request.body {
            call = call
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let mut response = call.send().await.map_err(|error| chain(&error))?;
        let headers = response.headers().iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        let mut reply = Reply {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(|error| chain(&error))? {
            if reply.body.len() + chunk.len() > MAX_BODY {
                return Err(format!("the answer is larger than {MAX_BODY} bytes"));
            }
            reply.body.extend_from_slice(&chunk);
        }
        Ok(reply)
    }
}

impl Transport for Http {
    async fn send(&self, request: &Request) -> Result<Reply, String> {
        self.answer(request).await
    }
}

/// An error and its causes on one line. The address is left out: the caller names what it asked.
fn chain(error: &reqwest::Error) -> String {
    let mut words = if error.is_timeout() {
        "no answer in time"
    } else {
        "no answer"
    }
    .to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&palisade_ui::escape(&error.to_string()));
        cause = error.source();
    }
    words
}

/// Real time, counted on from the moment a command started.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Timestamp,
    since: Instant,
}

impl SystemClock {
    /// A clock that shows `now`.
    pub fn starting_at(now: Timestamp) -> Self {
        Self {
            start: now,
            since: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.start
            .checked_add(self.since.elapsed())
            .unwrap_or(Timestamp::MAX)
    }

    async fn sleep(&self, wait: SignedDuration) {
        tokio::time::sleep(wait.unsigned_abs()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_over_https_or_stays_on_this_machine() {
        let parse = |text| Endpoint::parse(text, "/v1").map(|endpoint| endpoint.to_string());
        assert_eq!(
            parse("https://api.render.com/v1/").as_deref(),
            Ok("https://api.render.com/v1")
        );
        assert_eq!(
            parse("https://api.render.com").as_deref(),
            Ok("https://api.render.com/v1")
        );
        for good in [
            "http://127.0.0.1:1/render/v1",
            "http://[::1]:1/v1",
            "http://localhost:1/v1",
        ] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        for plain in [
            "http://api.render.com/v1",
            "http://127.0.0.1.evil.test",
            "http://10.0.0.1",
        ] {
            assert_eq!(parse(plain), Err(ParseEndpointError::Plain), "{plain}");
        }
        for more in [
            "https://user@api.render.com",
            "https://a.test/?x",
            "https://a.test/#x",
        ] {
            assert_eq!(parse(more), Err(ParseEndpointError::TooMuch), "{more}");
        }
        for none in ["api.render.com", "ftp://a.test", ""] {
            assert_eq!(parse(none), Err(ParseEndpointError::Url), "{none}");
        }
    }

    #[test]
    fn a_path_cannot_leave_the_origin() {
        let endpoint = Endpoint::parse("https://api.render.com", "").expect("valid");
        assert!(endpoint.at("/services/srv-a").is_ok());
        assert!(endpoint.at("@evil.test/services").is_err());
        assert!(endpoint.at(".evil.test/services").is_err());
    }

    #[test]
    fn a_key_is_one_word_and_never_shows() {
        let key = ApiKey::parse("rnd_secret\n").expect("a key");
        assert_eq!(format!("{key:?}"), "****");
        for bad in ["", " ", "a b", "a\u{0}b", "a\nb"] {
            assert!(ApiKey::parse(bad).is_err(), "{bad:?}");
        }
    }
}
