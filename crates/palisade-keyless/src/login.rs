//! Signing in as a person: in a browser (RFC 8252, RFC 7636) or on another device (RFC 8628).
//!
//! Never in CI, where nobody is there to answer: that is the caller's to know.

use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use palisade_types::Timestamp;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};
use url::{Url, form_urlencoded};

use crate::http::{Answer, Ask, Http, Service, is_safe, printable};
use crate::proxy::Proxies;
use crate::source::{Origin, TokenError, parse};
use crate::token::{IdentityToken, MAX_TOKEN};

/// The client that Sigstore's providers know.
const CLIENT: &str = "sigstore";
const SCOPE: &str = "openid email";
/// The longest answer of a provider, in bytes.
const MAX_ANSWER: usize = 2 * MAX_TOKEN;
/// The longest request that a browser may send us, in bytes.
const MAX_REQUEST: usize = 16 << 10;
/// The most connections we look at while waiting for the browser: favicons, port scanners.
const MAX_CONNECTIONS: usize = 100;
/// The bounds of the provider's polling interval, in seconds.
const INTERVAL: std::ops::RangeInclusive<u64> = 1..=60;

/// How a person signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// A browser on this machine.
    Browser,
    /// A browser anywhere, in which a code is typed.
    Device,
}

/// What the person has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Open this address here.
    Open(String),
    /// Open this address anywhere and type this code.
    Type {
        /// The address.
        url: String,
        /// The code.
        code: String,
    },
}

/// Why nobody is signed in. Nothing that the provider sent for secret is repeated.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The provider's address, or one that it names, is not safe to send a code to.
    #[error("`{0}` is not an address a secret may be sent to")]
    Address(String),
    /// The provider calls itself something else.
    #[error("the provider calls itself `{got}`, and `{want}` was asked")]
    Issuer {
        /// What it calls itself.
        got: String,
        /// What was asked.
        want: String,
    },
    /// The loopback port could not be opened.
    #[error("this machine cannot wait for the browser: {0}")]
    Listen(#[source] std::io::Error),
    /// What came back belongs to another request: somebody else's answer was slipped in.
    #[error("the answer is of another sign-in: its `{0}` differs")]
    Mismatch(&'static str),
    /// The provider, or the person, said no.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// Nobody signed in in time.
    #[error("nobody signed in within {0} s")]
    Timeout(u64),
}

#[derive(Deserialize)]
pub(crate) struct Provider {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    device_authorization_endpoint: Option<String>,
}

impl Provider {
    /// Reads the discovery document of this issuer.
    pub(crate) fn read(service: &Service, body: &[u8], issuer: &str) -> Result<Self, TokenError> {
        let provider: Self = serde_json::from_slice(body)
            .map_err(|error| TokenError::Service(service.malformed(error.to_string())))?;
        // OpenID Connect Discovery 1.0 §4.3: exactly equal.
        if provider.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Err(LoginError::Issuer {
                got: printable(&provider.issuer),
                want: issuer.to_owned(),
            }
            .into());
        }
        Ok(provider)
    }
}

#[derive(Deserialize)]
struct Device {
    #[serde(rename = "device_code")]
    secret: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    interval: Option<u64>,
}

/// One sign-in: its provider, its secrets and its end.
struct Attempt {
    http: Http,
    service: Service,
    provider: Provider,
    verifier: String,
    state: String,
    nonce: String,
    until: Instant,
    seconds: u64,
}

/// Signs a person in at this provider. `prompt` is told what there is to do.
pub async fn login(
    flow: Flow,
    issuer: &str,
    proxies: Proxies,
    deadline: Duration,
    now: Timestamp,
    prompt: impl Fn(&Prompt),
) -> Result<IdentityToken, TokenError> {
    let attempt = Attempt::new(issuer, proxies, deadline).await?;
    let answer = match flow {
        Flow::Browser => attempt.in_browser(prompt).await?,
        Flow::Device => attempt.on_device(prompt).await?,
    };
    let text = answer
        .get("id_token")
        .and_then(Value::as_str)
        .ok_or_else(|| attempt.malformed("there is no `id_token` in it"))?;
    let token = parse(Origin::Login, text, now)?;
    // OpenID Connect Core 1.0 §3.1.3.7, 11: stops a token of another sign-in.
    if token.claim("nonce").as_deref() != Some(&attempt.nonce) {
        return Err(LoginError::Mismatch("nonce").into());
    }
    Ok(token)
}

impl Attempt {
    async fn new(issuer: &str, proxies: Proxies, deadline: Duration) -> Result<Self, TokenError> {
        let base = address(issuer)?;
        let service = Service::new("the identity provider", base);
        let http = Http::new(proxies);
        let until = Instant::now() + deadline;
        let url = service.at(".well-known/openid-configuration");
        let ask = Ask {
            method: Method::GET,
            url,
            headers: Vec::new(),
            body: Vec::new(),
            limit: MAX_ANSWER,
        };
        let answer = http.until(until, &|_, _| ()).send(&service, ask).await;
        let answer = answer.map_err(TokenError::Service)?;
        if !answer.status.is_success() {
            return Err(TokenError::Service(service.refused(&answer, "")));
        }
        let provider = Provider::read(&service, &answer.body, issuer)?;
        Ok(Self {
            http,
            service,
            provider,
            verifier: random(),
            state: random(),
            nonce: random(),
            until,
            seconds: deadline.as_secs(),
        })
    }

    fn malformed(&self, why: &str) -> TokenError {
        TokenError::Service(self.service.malformed(why))
    }

    /// RFC 7636 §4.2, `S256`.
    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(sigstore_crypto::sha256(self.verifier.as_bytes()).as_bytes())
    }

    async fn post(&self, to: &str, form: &[(&str, &str)]) -> Result<Answer, TokenError> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let ask = Ask {
            method: Method::POST,
            url: address(to)?,
            headers: vec![(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            )],
            body: body.finish().into_bytes(),
            limit: MAX_ANSWER,
        };
        let caller = self.http.until(self.until, &|_, _| ());
        let answer = caller.send(&self.service, ask).await;
        answer.map_err(TokenError::Service)
    }

    /// The JSON of a success; else the provider's `error` (RFC 6749 §5.2).
    fn read(&self, answer: &Answer) -> Result<Result<Value, String>, TokenError> {
        let value: Option<Value> = serde_json::from_slice(&answer.body).ok();
        if answer.status.is_success() {
            return value.map(Ok).ok_or_else(|| self.malformed("it is no JSON"));
        }
        let error = value.and_then(|value| value.get("error")?.as_str().map(str::to_owned));
        match error {
            Some(error) if answer.status.is_client_error() => Ok(Err(error)),
            _ => Err(TokenError::Service(self.service.refused(answer, ""))),
        }
    }

    async fn in_browser(&self, prompt: impl Fn(&Prompt)) -> Result<Value, TokenError> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(LoginError::Listen)?;
        let port = listener.local_addr().map_err(LoginError::Listen)?.port();
        let redirect = format!("http://localhost:{port}/auth/callback");
        let mut url = address(&self.provider.authorization_endpoint)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", CLIENT)
            .append_pair("scope", SCOPE)
            .append_pair("redirect_uri", &redirect)
            .append_pair("code_challenge_method", "S256")
            .append_pair("code_challenge", &self.challenge())
            .append_pair("state", &self.state)
            .append_pair("nonce", &self.nonce);
        prompt(&Prompt::Open(url.into()));
        let code = timeout_at(self.until, self.code(&listener))
            .await
            .map_err(|_| LoginError::Timeout(self.seconds))??;
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT),
            ("code", &code),
            ("code_verifier", &self.verifier),
            ("redirect_uri", &redirect),
        ];
        let answer = self.post(&self.provider.token_endpoint, &form).await?;
        let read = self.read(&answer)?;
        Ok(read.map_err(|error| LoginError::Refused(printable(&error)))?)
    }

    /// The code that the browser brings, with our state. Other visitors are turned away.
    async fn code(&self, listener: &TcpListener) -> Result<String, TokenError> {
        for _ in 0..MAX_CONNECTIONS {
            let (stream, _) = listener.accept().await.map_err(LoginError::Listen)?;
            if let Some(answer) = self.visitor(stream).await {
                return answer;
            }
        }
        Err(LoginError::Refused("too many other visitors on the loopback port".to_owned()).into())
    }

    async fn visitor(&self, mut stream: TcpStream) -> Option<Result<String, TokenError>> {
        let target = request_target(&mut stream).await?;
        let url = Url::parse("http://localhost").ok()?.join(&target).ok()?;
        if url.path() != "/auth/callback" {
            reply(&mut stream, "404 Not Found", "not here").await;
            return None;
        }
        let part = |name: &str| {
            let mut pairs = url.query_pairs();
            pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
        };
        // RFC 6749 §10.12: stops a code that somebody else's browser was sent with.
        let answer = if part("state").as_deref() != Some(&self.state) {
            Err(LoginError::Mismatch("state").into())
        } else if let Some(error) = part("error") {
            Err(LoginError::Refused(printable(&error)).into())
        } else {
            part("code").ok_or_else(|| self.malformed("there is no code in it"))
        };
        let text = if answer.is_ok() {
            "signed in; this page can be closed"
        } else {
            "not signed in; see the terminal"
        };
        reply(&mut stream, "200 OK", text).await;
        Some(answer)
    }

    async fn on_device(&self, prompt: impl Fn(&Prompt)) -> Result<Value, TokenError> {
        let endpoint = self.provider.device_authorization_endpoint.as_deref();
        let endpoint = endpoint.ok_or_else(|| self.malformed("it has no device flow"))?;
        let challenge = self.challenge();
        let form = [
            ("client_id", CLIENT),
            ("scope", SCOPE),
            ("code_challenge_method", "S256"),
            ("code_challenge", &challenge),
            ("nonce", &self.nonce),
        ];
        let answer = self.post(endpoint, &form).await?;
        let value = self.read(&answer)?;
        let value = value.map_err(|error| LoginError::Refused(printable(&error)))?;
        let device = Device::deserialize(value).map_err(|e| self.malformed(&e.to_string()))?;
        let url = device
            .verification_uri_complete
            .unwrap_or(device.verification_uri);
        prompt(&Prompt::Type {
            url: printable(&url),
            code: printable(&device.user_code),
        });
        let interval = device.interval.unwrap_or(5);
        let mut interval = interval.clamp(*INTERVAL.start(), *INTERVAL.end());
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", CLIENT),
            ("device_code", &device.secret),
            ("code_verifier", &self.verifier),
        ];
        loop {
            let next = Instant::now() + Duration::from_secs(interval);
            if next >= self.until {
                return Err(LoginError::Timeout(self.seconds).into());
            }
            sleep(Duration::from_secs(interval)).await;
            let answer = self.post(&self.provider.token_endpoint, &form).await?;
            match self.read(&answer)? {
                Ok(value) => return Ok(value),
                // RFC 8628 §3.5.
                Err(error) if error == "authorization_pending" => {}
                Err(error) if error == "slow_down" => {
                    interval = (interval + 5).min(*INTERVAL.end());
                }
                Err(error) => return Err(LoginError::Refused(printable(&error)).into()),
            }
        }
    }
}

fn address(text: &str) -> Result<Url, LoginError> {
    let url: Option<Url> = text.parse().ok();
    url.filter(is_safe)
        .ok_or_else(|| LoginError::Address(printable(text)))
}

/// 256 bits that nobody can guess.
fn random() -> String {
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system has randomness");
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The target of one HTTP request; none when it is no such request.
async fn request_target(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).await.ok()?;
        if count == 0 || bytes.len() + count > MAX_REQUEST {
            return None;
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
    let text = String::from_utf8(bytes).ok()?;
    let mut words = text.lines().next()?.split(' ');
    (words.next()? == "GET").then(|| words.next().map(str::to_owned))?
}

async fn reply(stream: &mut TcpStream, status: &str, text: &str) {
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    // The browser may be gone; what it told is known.
    let _gone = stream.write_all(answer.as_bytes()).await;
}
