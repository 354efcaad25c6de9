//! One HTTP client for every service: no redirects, bounded bodies, retries until a deadline.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Request, Response, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};
use url::{Host, Url};

use crate::error::Error;
use crate::proxy::Proxies;

/// How long one attempt may take. Rekor v2 answers after inclusion, so this is generous.
const ATTEMPT: Duration = Duration::from_secs(30);
/// The wait before the first retry; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two attempts, unless the server asks for more.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Characters kept of what a server says.
const SERVER_WORDS: usize = 300;

/// A service by name and address, as errors name it.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    name: &'static str,
    url: Url,
}

impl Service {
    pub(crate) const fn new(name: &'static str, url: Url) -> Self {
        Self { name, url }
    }

    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// The address of a path below the service's own.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        let whole = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&whole);
        url
    }

    pub(crate) fn malformed(&self, why: impl Into<String>) -> Error {
        Error::Malformed {
            service: self.to_string(),
            why: why.into(),
        }
    }

    pub(crate) fn unavailable(&self, why: impl Into<String>) -> Error {
        Error::Unavailable {
            service: self.to_string(),
            why: why.into(),
        }
    }

    /// What a status other than the wanted one means. `secret` is cut out of the server's words,
    /// should it repeat what it was sent.
    pub(crate) fn refused(&self, answer: &Answer, secret: &str) -> Error {
        if answer.status.is_redirection() {
            return self.malformed(format!("a redirect (HTTP {})", answer.status.as_u16()));
        }
        let message = answer.message(secret);
        let status = answer.status.as_u16();
        if answer.status.is_client_error() {
            return Error::Refused {
                service: self.to_string(),
                status,
                message,
            };
        }
        self.malformed(format!("HTTP {status}: {message}"))
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the query: GitHub's token address is nobody's business.
        let mut url = self.url.clone();
        url.set_query(None);
        write!(f, "{} at {}", self.name, url.as_str().trim_end_matches('/'))
    }
}

/// Whether credentials and signatures may be sent there: HTTPS, or this machine itself.
pub(crate) fn is_safe(url: &Url) -> bool {
    url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)))
}

/// Whether this is the machine itself.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The server's own words: a JSON `message`, else the start of the text.
    fn message(&self, secret: &str) -> String {
        let text = serde_json::from_slice::<Value>(&self.body)
            .ok()
            .and_then(|value| value.get("message")?.as_str().map(str::to_owned))
            .unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned());
        let text = if secret.is_empty() {
            text
        } else {
            text.replace(secret, "****")
        };
        let text = printable(text.trim());
        if text.is_empty() {
            "it does not say why".to_owned()
        } else {
            text
        }
    }
}

/// Text from a server, safe for a terminal and bounded.
pub(crate) fn printable(text: &str) -> String {
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .take(SERVER_WORDS)
        .map(|c| if hostile(c) { ' ' } else { c })
        .collect()
}

/// What to send.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Vec<u8>,
    /// The longest answer that is read, in bytes.
    pub(crate) limit: usize,
}

/// The one client, made when it is first used.
#[derive(Debug)]
pub(crate) struct Http {
    client: OnceLock<Result<Client, String>>,
    proxies: Proxies,
}

/// Hears which service has to be asked again, and why.
pub(crate) type Waiting<'a> = dyn Fn(&Service, &str) + Send + Sync + 'a;

/// Asks services within one time limit.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    http: &'a Http,
    until: Instant,
    waiting: &'a Waiting<'a>,
}

enum Attempt {
    Done(Answer),
    /// Worth another try: what went wrong, and how long the server asks to wait.
    Again(String, Option<Duration>),
    TooLarge,
}

impl Http {
    pub(crate) const fn new(proxies: Proxies) -> Self {
        Self {
            client: OnceLock::new(),
            proxies,
        }
    }

    /// The client for this address. Fails when its proxy cannot be used, and when the system's
    /// certificate authorities cannot be loaded.
    fn client(&self, url: &Url) -> Result<&Client, String> {
        self.proxies.serving(url)?;
        let client = self.client.get_or_init(|| {
            let proxies = self.proxies.clone();
            Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("palisade/", env!("CARGO_PKG_VERSION")))
                // What reqwest would read from the environment by itself is off.
                .no_proxy()
                .proxy(reqwest::Proxy::custom(move |url| {
                    // One that cannot be used was refused before the request was made.
                    proxies.serving(url).ok().flatten()
                }))
                .build()
                .map_err(|error| chain(&error))
        });
        client.as_ref().map_err(Clone::clone)
    }

    /// Asks services until `until`, and tells `waiting` why it has to try again.
    pub(crate) fn until<'a>(&'a self, until: Instant, waiting: &'a Waiting<'a>) -> Caller<'a> {
        Caller {
            http: self,
            until,
            waiting,
        }
    }
}

async fn attempt(client: &Client, request: Request, limit: usize, until: Instant) -> Attempt {
    let allowed = until.saturating_duration_since(Instant::now()).min(ATTEMPT);
    let exchange = async {
        let response = client.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response, limit).await?;
        Ok::<_, reqwest::Error>((status, headers, body))
    };
    match timeout(allowed, exchange).await {
        Err(_) => Attempt::Again(format!("no answer within {} s", allowed.as_secs()), None),
        Ok(Err(error)) => Attempt::Again(chain(&error.without_url()), None),
        Ok(Ok((_, _, None))) => Attempt::TooLarge,
        Ok(Ok((status, headers, Some(body)))) => {
            if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
                Attempt::Again(format!("HTTP {}", status.as_u16()), retry_after(&headers))
            } else {
                Attempt::Done(Answer {
                    status,
                    headers,
                    body,
                })
            }
        }
    }
}

impl Caller<'_> {
    /// Sends until there is an answer that is worth nothing more to repeat for: connections that
    /// fail, 429 and 5xx are tried again while there is time.
    pub(crate) async fn send(&self, service: &Service, ask: Ask) -> Result<Answer, Error> {
        let limit = ask.limit;
        let mut request = Request::new(ask.method, ask.url);
        request.headers_mut().extend(ask.headers);
        *request.body_mut() = Some(ask.body.into());
        let client = self.http.client(request.url());
        let client = client.map_err(|why| service.unavailable(why))?;
        let mut wait = FIRST_WAIT;
        loop {
            let again = request
                .try_clone()
                .expect("a body in memory can be sent twice");
            let (why, asked) = match attempt(client, again, limit, self.until).await {
                Attempt::Done(answer) => return Ok(answer),
                Attempt::TooLarge => {
                    return Err(service.malformed(format!("it is larger than {limit} bytes")));
                }
                Attempt::Again(why, asked) => (why, asked),
            };
            let pause = asked.unwrap_or_else(|| jittered(wait));
            if Instant::now() + pause >= self.until {
                return Err(service.unavailable(why));
            }
            (self.waiting)(service, &why);
            sleep(pause).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// The body, or nothing when it is longer than `limit`.
async fn read(mut response: Response, limit: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3); a date there is rare and counts as absent.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse::<u32>()
        .ok()?;
    Some(Duration::from_secs(seconds.into()))
}

/// Between half and all of the wait, so that many clients do not return together.
fn jittered(wait: Duration) -> Duration {
    // A freshly keyed hasher is the standard library's source of randomness.
    let random = RandomState::new().build_hasher().finish() % 1000;
    let share = u32::try_from(random).expect("a remainder below 1000");
    wait / 2 + wait / 2 * share / 1000
}

/// An error with its causes: reqwest's own text says only that something failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    printable(&text)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for safe in [
            "https://x.test",
            "http://localhost:1/a",
            "http://127.0.0.1",
            "http://[::1]:9",
        ] {
            assert!(is_safe(&url(safe)), "{safe}");
        }
        for unsafe_url in [
            "http://x.test",
            "http://localhost.evil.test",
            "file:///etc",
            "http://10.0.0.1",
        ] {
            assert!(!is_safe(&url(unsafe_url)), "{unsafe_url}");
        }
    }

    #[test]
    fn a_proxy_is_for_https_to_elsewhere_alone_and_one_that_is_unusable_stops_the_request() {
        let proxy = url("http://user:hunter2@p.test:3128");
        let proxies = Proxies::new(move |url| match url.host_str() {
            Some("wrong.test") => Err("it is a SOCKS one".to_owned()),
            _ => Ok(Some(proxy.clone())),
        });
        let through = |address| proxies.serving(&url(address)).map(|proxy| proxy.is_some());
        assert_eq!(through("https://x.test"), Ok(true));
        for direct in [
            "http://x.test",
            "http://wrong.test",
            "http://metadata.google.internal/computeMetadata/v1",
            "http://127.0.0.1:1",
            "https://127.0.0.1:1",
            "https://localhost",
            "https://[::1]",
        ] {
            assert_eq!(through(direct), Ok(false), "{direct}");
        }
        assert!(!format!("{proxies:?}").contains("hunter2"));
        let http = Http::new(proxies);
        assert!(http.client(&url("https://x.test")).is_ok());
        assert!(http.client(&url("https://wrong.test")).is_err());
    }

    #[tokio::test]
    async fn a_proxy_is_asked_to_connect_and_hears_nothing_of_plain_requests() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = url(&format!("http://{}", listener.local_addr().unwrap()));
        let http = Http::new(Proxies::new(move |_| Ok(Some(proxy.clone()))));
        let ask = async |address: &str| {
            let service = Service::new("it", url(address));
            let ask = Ask {
                method: Method::GET,
                url: url(address),
                headers: Vec::new(),
                body: Vec::new(),
                limit: 1,
            };
            let until = Instant::now() + Duration::from_secs(1);
            http.until(until, &|_, _| ()).send(&service, ask).await
        };
        for direct in ["http://a.invalid/token", "http://127.0.0.1:9/token"] {
            ask(direct).await.expect_err("nobody is there");
        }
        let (_, heard) = tokio::join!(ask("https://a.invalid/token"), async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut first = [0; 24];
            stream.read_exact(&mut first).await.unwrap();
            String::from_utf8_lossy(&first).into_owned()
        });
        assert_eq!(heard, "CONNECT a.invalid:443 HT");
    }

    #[test]
    fn a_path_is_added_to_the_service_s_own() {
        let service = Service::new("Rekor", url("https://r.test/base/"));
        assert_eq!(service.at("api/v1").as_str(), "https://r.test/base/api/v1");
        assert_eq!(service.to_string(), "Rekor at https://r.test/base");
    }

    #[test]
    fn a_server_that_repeats_the_secret_or_moves_the_cursor_is_tamed() {
        let body = br#"{"message":"bad token s3cret\u001b[2J"}"#.to_vec();
        let answer = Answer {
            status: StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            body,
        };
        assert_eq!(answer.message("s3cret"), "bad token **** [2J");
    }

    #[test]
    fn waits_differ_and_stay_within_bounds() {
        let second = Duration::from_secs(1);
        for _ in 0..100 {
            let wait = jittered(second);
            assert!(wait >= second / 2 && wait <= second);
        }
    }
}
