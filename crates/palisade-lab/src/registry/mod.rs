//! An OCI registry (distribution specification 1.1) that keeps everything in memory.

mod auth;
mod blobs;
mod hostile;
mod lists;
mod manifests;
mod names;
mod profile;
mod seed;
mod store;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, header};
use axum::response::Response;
use axum::routing::{any, get};
use serde_json::json;

use crate::http::{empty, json as json_reply, set, with};
use crate::world::{Shared, World};

pub(crate) use auth::Login;
use auth::Tokens;
use names::{is_digest, is_name};
pub use profile::{Exchange, Profile, UnknownProfile};
use store::Store;

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

pub(crate) struct Registry {
    login: Login,
    profile: &'static Profile,
    tokens: Tokens,
    store: Mutex<Store>,
    referrers_api: AtomicBool,
    /// Entries on a page of referrers; 0 is all.
    referrers_page: AtomicUsize,
}

impl Registry {
    pub(crate) fn new(login: Login, profile: &'static Profile, referrers_api: bool) -> Registry {
        Registry {
            login,
            profile,
            tokens: Tokens::default(),
            store: Mutex::default(),
            referrers_api: AtomicBool::new(referrers_api && profile.referrers.is_ok()),
            referrers_page: AtomicUsize::new(0),
        }
    }

    pub(crate) fn set_referrers_api(&self, on: bool) {
        self.referrers_api.store(on, Ordering::Relaxed);
    }

    pub(crate) fn set_referrers_page(&self, entries: Option<usize>) {
        self.referrers_page
            .store(entries.unwrap_or(0), Ordering::Relaxed);
    }

    fn referrers_api(&self) -> bool {
        self.referrers_api.load(Ordering::Relaxed)
    }

    fn referrers_page(&self) -> Option<usize> {
        Some(self.referrers_page.load(Ordering::Relaxed)).filter(|entries| *entries > 0)
    }
}

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/v2/", any(handle))
        .route("/v2/{*path}", any(handle))
        .route("/registry/token", get(auth::token).post(auth::refresh))
        // Each handler bounds its own body.
        .layer(DefaultBodyLimit::disable())
}

/// A request to the registry, without its body.
struct Call {
    method: Method,
    headers: HeaderMap,
    path: String,
    query: String,
    repository: String,
}

impl Call {
    /// Whether the client already came by the lab's other name.
    fn host_is_other(&self, world: &World) -> bool {
        let host = self
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        host.is_some_and(|host| world.other_host().ends_with(host))
    }
}

/// What a path below `/v2/` names.
enum Resource {
    Base,
    Blob(String),
    Catalog,
    Manifest(String),
    Referrers(String),
    Tags,
    Upload(String),
}

async fn handle(State(world): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let Some((repository, resource)) = parse(&path) else {
        return error(404, "NAME_INVALID", "there is no such route");
    };
    let call = Call {
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method,
        headers: parts.headers,
        path,
        repository,
    };
    let reads = matches!(call.method, Method::GET | Method::HEAD);
    let action = match (reads, call.method == Method::DELETE) {
        (true, _) => "pull",
        (false, true) => "delete",
        (false, false) => "push",
    };
    if let Some(refusal) = auth::challenge(&world, &call.headers, &call.repository, action) {
        return refusal;
    }
    let mut response = dispatch(&world, &call, resource, body).await;
    for (name, value) in world.registry.profile.rate_limit {
        set(&mut response, HeaderName::from_static(name), value);
    }
    with(response, API_VERSION, "registry/2.0")
}

async fn dispatch(
    world: &World,
    call: &Call,
    resource: Resource,
    body: axum::body::Body,
) -> Response {
    match (call.method.as_str(), resource) {
        ("GET" | "HEAD", Resource::Base) => json_reply(200, &json!({})),
        ("GET", Resource::Catalog) => lists::catalog(world, call),
        ("GET" | "HEAD", Resource::Blob(digest)) => blobs::read(world, call, &digest),
        ("DELETE", Resource::Blob(digest)) => blobs::delete(world, call, &digest),
        ("GET" | "HEAD", Resource::Manifest(reference)) => manifests::read(world, call, &reference),
        ("PUT", Resource::Manifest(reference)) => {
            manifests::push(world, call, &reference, body).await
        }
        ("DELETE", Resource::Manifest(reference)) => manifests::delete(world, call, &reference),
        ("GET", Resource::Referrers(digest)) => lists::referrers(world, call, &digest),
        ("GET", Resource::Tags) => lists::tags(world, call),
        ("POST", Resource::Upload(session)) if session.is_empty() => {
            blobs::begin(world, call, body).await
        }
        ("PATCH", Resource::Upload(session)) => blobs::append(world, call, &session, body).await,
        ("PUT", Resource::Upload(session)) => blobs::finish(world, call, &session, body).await,
        ("GET", Resource::Upload(session)) => blobs::status(world, call, &session),
        ("DELETE", Resource::Upload(session)) => blobs::cancel(world, call, &session),
        _ => error(405, "UNSUPPORTED", "the operation is unsupported"),
    }
}

/// Repository names contain slashes, so the resource is looked for from the end.
fn parse(path: &str) -> Option<(String, Resource)> {
    let rest = path.strip_prefix("/v2/")?;
    match rest {
        "" => return Some((String::new(), Resource::Base)),
        "_catalog" => return Some((String::new(), Resource::Catalog)),
        _ => {}
    }
    let (name, resource) = if let Some(name) = rest.strip_suffix("/tags/list") {
        (name, Resource::Tags)
    } else if let Some((name, session)) = rest.rsplit_once("/blobs/uploads/") {
        (name, Resource::Upload(session.to_owned()))
    } else if let Some(name) = rest.strip_suffix("/blobs/uploads") {
        (name, Resource::Upload(String::new()))
    } else {
        let (rest, last) = rest.rsplit_once('/')?;
        let (name, kind) = rest.rsplit_once('/')?;
        let resource = match kind {
            "blobs" if is_digest(last) => Resource::Blob(last.to_owned()),
            "manifests" => Resource::Manifest(last.to_owned()),
            "referrers" if is_digest(last) => Resource::Referrers(last.to_owned()),
            _ => return None,
        };
        (name, resource)
    };
    is_name(name).then(|| (name.to_owned(), resource))
}

fn error(status: u16, code: &str, message: &str) -> Response {
    json_reply(
        status,
        &json!({"errors": [{"code": code, "message": message, "detail": null}]}),
    )
}

fn redirect(location: &str) -> Response {
    with(empty(307), header::LOCATION, location)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_may_be_named_like_a_resource() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let path = format!("/v2/blobs/manifests/blobs/{digest}");
        assert!(matches!(
            parse(&path),
            Some((name, Resource::Blob(found))) if name == "blobs/manifests" && found == digest
        ));
        assert!(parse("/v2/acme/app/blobs/bad:digest").is_none());
    }
}
