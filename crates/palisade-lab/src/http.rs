//! Short ways to write an HTTP reply.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::Value;

pub(crate) fn reply(status: u16, content_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).expect("callers pass literal codes");
    set(&mut response, header::CONTENT_TYPE, content_type);
    response
}

pub(crate) fn json(status: u16, value: &Value) -> Response {
    reply(status, "application/json", value.to_string())
}

pub(crate) fn text(status: u16, value: impl Into<Body>) -> Response {
    reply(status, "text/plain; charset=utf-8", value)
}

pub(crate) fn empty(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).expect("callers pass literal codes");
    response
}

/// The response with one more header; a value that HTTP forbids is left out.
pub(crate) fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    set(&mut response, name, value);
    response
}

pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The first value of `key` in a query string or form body, decoded.
pub(crate) fn param(query: &str, key: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.into_owned())
}

pub(crate) fn bearer(headers: &axum::http::HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}
