//! Remembers every request, and lets whole services fail before their handlers run.

use std::sync::Mutex;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::stream;

use crate::fault::Fault;
use crate::http::{self, json, text, with};
use crate::world::{Shared, lock};

/// Requests kept; after that the log stops growing.
const MAX_REQUESTS: usize = 100_000;
/// The size of an answer that is far too large.
const HUGE: usize = 10_000_000;
/// How long a slow service waits.
const SLOW: Duration = Duration::from_secs(3);
/// How long a dripping service waits before each byte.
const DRIP: Duration = Duration::from_millis(5);
/// Clears a screen, turns the text around and writes a link.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]8;;http://evil.test\u{7}verified\r\u{202e}deifirev";
/// The largest answer that can be cut short.
const MAX_CUT: usize = 1 << 30;

/// A request as the lab saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// The query without its `?`, as sent; empty if there is none.
    pub query: String,
    /// The answer; 0 while there is none, and for good when the client went away.
    pub status: u16,
    /// The `Host` header: tells the lab's own name from the other one it answers to.
    pub host: String,
    /// Whether the request carried an `Authorization` header.
    pub authorized: bool,
}

#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<Request>>);

impl Recorder {
    fn begin(&self, request: &HttpRequest) -> Option<usize> {
        let path = request.uri().path();
        if path.starts_with("/lab/") {
            return None;
        }
        let mut requests = lock(&self.0);
        let host = request
            .headers()
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        (requests.len() < MAX_REQUESTS).then(|| {
            requests.push(Request {
                method: request.method().to_string(),
                path: path.to_owned(),
                query: request.uri().query().unwrap_or_default().to_owned(),
                status: 0,
                host: host.unwrap_or_default().to_owned(),
                authorized: request.headers().contains_key(header::AUTHORIZATION),
            });
            requests.len() - 1
        })
    }

    fn end(&self, index: usize, status: u16) {
        if let Some(request) = lock(&self.0).get_mut(index) {
            request.status = status;
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.0).clone()
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }
}

/// Every request passes here first.
pub(crate) async fn record(
    State(world): State<Shared>,
    request: HttpRequest,
    next: Next,
) -> Response {
    let index = world.recorder.begin(&request);
    let response = answer(&world, request, next).await;
    if let Some(index) = index {
        world.recorder.end(index, response.status().as_u16());
    }
    response
}

async fn answer(world: &Shared, request: HttpRequest, next: Next) -> Response {
    let Some(service) = service(request.uri().path()) else {
        return next.run(request).await;
    };
    let on = |trouble: &str| {
        let fault = format!("{service}-{trouble}").parse::<Fault>();
        fault.is_ok_and(|fault| world.faults.on(fault))
    };
    if on("500") {
        return text(500, "the lab was told to fail\n");
    }
    if on("502") {
        return text(502, "the lab was told to be a bad gateway\n");
    }
    if on("503") {
        return text(503, "the lab was told to be unavailable\n");
    }
    for (trouble, seconds) in [("429", "1"), ("429-later", "3600")] {
        if on(trouble) {
            return refusal(429, "TOOMANYREQUESTS", "too many requests", Some(seconds));
        }
    }
    if on("escapes") {
        return refusal(403, "DENIED", ESCAPES, None);
    }
    if on("slow") {
        tokio::time::sleep(SLOW).await;
    }
    let read = matches!(*request.method(), Method::GET | Method::HEAD);
    let list = !request.uri().path().contains("/blobs/") && request.uri().path() != "/v2/";
    if on("huge") && (service != "registry" || read && list) {
        return http::reply(200, "application/json", huge());
    }
    let mut response = next.run(request).await;
    if on("content-type") {
        response = with(response, header::CONTENT_TYPE, "text/html");
    }
    if on("drip") {
        response = drip(response).await;
    }
    if on("cut") {
        cut(response).await
    } else {
        response
    }
}

fn refusal(status: u16, code: &str, message: &str, retry_after: Option<&str>) -> Response {
    let errors = serde_json::json!({"errors": [{"code": code, "message": message}]});
    let response = json(status, &errors);
    match retry_after {
        Some(seconds) => with(response, header::RETRY_AFTER, seconds),
        None => response,
    }
}

/// The first part of the names of a service's transport faults.
fn service(path: &str) -> Option<&'static str> {
    const PREFIXES: [(&str, &str); 11] = [
        ("/.well-known/", "oidc"),
        ("/api/v1/index", "rekor"),
        ("/api/v1/log", "rekor"),
        ("/api/v1/timestamp", "tsa"),
        ("/api/v2/log", "rekor"),
        ("/api/v2/signingCert", "fulcio"),
        ("/gha/", "oidc"),
        ("/keys", "oidc"),
        ("/token", "oidc"),
        ("/tuf/", "tuf"),
        ("/v2/", "registry"),
    ];
    let found = PREFIXES.iter().find(|(prefix, _)| path.starts_with(prefix));
    found.map(|(_, service)| *service)
}

/// Valid JSON that no service sends.
pub(crate) fn huge() -> Body {
    let mut body = Vec::with_capacity(HUGE + 16);
    body.extend_from_slice(br#"{"value":""#);
    body.resize(HUGE, b'x');
    body.extend_from_slice(br#""}"#);
    Body::from(body)
}

/// Sends the body one byte at a time.
async fn drip(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, MAX_CUT).await;
    let body = body.unwrap_or_default();
    let drops = stream::unfold(body, |mut body| async {
        if body.is_empty() {
            return None;
        }
        tokio::time::sleep(DRIP).await;
        let drop = body.split_to(1);
        Some((Ok::<_, std::io::Error>(drop), body))
    });
    Response::from_parts(parts, Body::from_stream(drops))
}

/// Announces the whole body, sends half of it and drops the connection.
async fn cut(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, MAX_CUT)
        .await
        .unwrap_or_default();
    if body.is_empty() {
        return Response::from_parts(parts, Body::empty());
    }
    let half = body.slice(..body.len() / 2);
    let end = std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "cut");
    let parts_of_body: [Result<Bytes, std::io::Error>; 2] = [Ok(half), Err(end)];
    let response = Response::from_parts(parts, Body::from_stream(stream::iter(parts_of_body)));
    with(response, header::CONTENT_LENGTH, &body.len().to_string())
}
