//! A stateful stand-in for Render's documented API: services, deploys, statuses, rate limits.
//!
//! Deploys move on from one look to the next, so that nothing has to wait. [`Fault`]s are its ways
//! to misbehave: by [`State::set_faults`] in the process, by `POST /lab/faults` from another.

mod body;
mod fault;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use axum::response::Response;
use axum::routing::{any, get, post};
use futures_util::stream;
use serde_json::{Value, json};

pub use fault::Fault;
use service::{Budget, Service};

use crate::fault::UnknownFault;
use crate::http::{bearer, empty, json as json_reply, param, reply, text, with};

/// The API key of a stand-in that was not given another.
pub const LAB_KEY: &str = "rnd_lab_key";

/// How long an answer takes with the fault `slow`.
const SLOW: Duration = Duration::from_secs(3);
/// What the rate limiter asks to wait with the faults `429-seconds` and `429-epoch`.
const WAIT: u64 = 2;
/// Requests kept.
const MAX_REQUESTS: usize = 10_000;
/// The deploys of a list when the request names no `limit`.
const LISTED: usize = 20;

/// What the stand-in remembers; clones share one state.
#[derive(Clone, Debug)]
pub struct State(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    key: String,
    faults: BTreeSet<Fault>,
    services: BTreeMap<String, Service>,
    requests: Vec<Recorded>,
    ids: u64,
    deployed: bool,
}

/// A request as the stand-in saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// `GET`.
    pub method: String,
    /// Path and query below where the stand-in is mounted.
    pub path: String,
    /// The body; `null` when it was no JSON.
    pub body: Value,
    /// Whether it carried the right key.
    pub authorized: bool,
}

impl Default for State {
    fn default() -> State {
        State::new(LAB_KEY)
    }
}

impl State {
    /// A stand-in that lets this API key in, without services.
    pub fn new(key: impl Into<String>) -> State {
        State(Arc::new(Mutex::new(Inner {
            key: key.into(),
            faults: BTreeSet::new(),
            services: BTreeMap::new(),
            requests: Vec::new(),
            ids: 0,
            deployed: false,
        })))
    }

    /// Adds a service that serves this image already, or replaces the one of this id.
    pub fn add_service(&self, id: &str, owner: &str, image: &str) {
        let mut inner = self.lock();
        let deploy = inner.new_id();
        inner
            .services
            .insert(id.to_owned(), Service::new(id, owner, image, deploy));
    }

    /// Sets whether Render deploys a service by itself.
    pub fn set_auto_deploy(&self, id: &str, on: bool) {
        self.change(id, |service| service.auto_deploy = on);
    }

    /// Suspends a service or resumes it.
    pub fn set_suspended(&self, id: &str, on: bool) {
        self.change(id, |service| service.suspended = on);
    }

    /// Sets the id of the credential that a service pulls its image with.
    pub fn set_credential(&self, id: &str, credential: &str) {
        self.change(id, |service| {
            service.credential = Some(credential.to_owned());
        });
    }

    /// The id of the credential that a service pulls its image with.
    pub fn credential(&self, id: &str) -> Option<String> {
        self.lock().services.get(id)?.credential.clone()
    }

    /// Makes a service one that is built from source: `docker`, `node`, ….
    pub fn set_runtime(&self, id: &str, runtime: &'static str) {
        self.change(id, |service| service.runtime = runtime);
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Service)) {
        if let Some(service) = self.lock().services.get_mut(id) {
            change(service);
        }
    }

    /// Switches these faults on and all others off.
    pub fn set_faults(&self, faults: &[Fault]) {
        self.lock().faults = faults.iter().copied().collect();
    }

    /// The same by name, separated by commas or white space. An unknown name changes nothing.
    pub fn set_faults_text(&self, faults: &str) -> Result<(), UnknownFault> {
        let names = faults
            .split([',', ' ', '\n', '\t'])
            .filter(|name| !matches!(*name, "" | "none"));
        let faults: Vec<Fault> = names.map(str::parse).collect::<Result<_, _>>()?;
        self.set_faults(&faults);
        Ok(())
    }

    /// The requests to the API so far, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.lock().requests.clone()
    }

    /// The image a service is set to.
    pub fn image(&self, id: &str) -> Option<String> {
        self.lock()
            .services
            .get(id)
            .map(|service| service.image.clone())
    }

    /// The digest a service serves.
    pub fn running(&self, id: &str) -> Option<String> {
        self.lock().services.get(id)?.running()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The API below `/v1`, and `/lab/faults` and `/lab/services` to steer it, relative to where it is
/// mounted.
pub fn router(state: State) -> Router {
    Router::new()
        .route("/v1/{*path}", any(api))
        .route("/lab/faults", get(faults).post(set_faults))
        .route("/lab/services", post(add_service))
        .with_state(state)
}

/// Serves a stand-in alone on a free port of the loopback, for as long as the runtime runs.
pub async fn serve(state: State) -> io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    // The accept loop never fails; it ends with the runtime.
    tokio::spawn(async move { axum::serve(listener, router(state)).await });
    Ok(address)
}

async fn faults(Shared(state): Shared<State>) -> Response {
    let names: Vec<_> = state
        .lock()
        .faults
        .iter()
        .map(|fault| fault.name())
        .collect();
    json_reply(200, &json!(names))
}

async fn set_faults(Shared(state): Shared<State>, body: String) -> Response {
    match state.set_faults_text(&body) {
        Ok(()) => faults(Shared(state)).await,
        Err(error) => text(400, format!("{error}\n")),
    }
}

/// `{"id": "srv-…", "ownerId": "tea-…", "imagePath": "…"}`.
async fn add_service(Shared(state): Shared<State>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(Value::as_str);
    let (Some(id), Some(owner), Some(image)) = (field("id"), field("ownerId"), field("imagePath"))
    else {
        return text(400, "the body is {\"id\", \"ownerId\", \"imagePath\"}\n");
    };
    state.add_service(id, owner, image);
    text(200, "")
}

async fn api(
    Shared(state): Shared<State>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let slow = state.lock().faults.contains(&Fault::Slow);
    if slow {
        tokio::time::sleep(SLOW).await;
    }
    state.lock().answer(&method, &uri, &headers, &body)
}

impl Inner {
    fn on(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("dep-lab{:017}", self.ids)
    }

    fn answer(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
        let authorized = !self.on(Fault::RefusedKey) && bearer(headers) == Some(&self.key);
        if self.requests.len() < MAX_REQUESTS {
            self.requests.push(Recorded {
                method: method.to_string(),
                path: uri.to_string(),
                body: serde_json::from_slice(body).unwrap_or_default(),
                authorized,
            });
        }
        if !authorized {
            return refuse(401, "Unauthorized");
        }
        let path = uri.path().to_owned();
        let segments: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
        let query = uri.query().unwrap_or_default();
        match (method, segments.as_slice()) {
            (&Method::GET, ["services", id, rest @ ..]) => self.read(id, rest, query),
            (&Method::PATCH | &Method::POST, ["services", id, rest @ ..]) => {
                let json = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
                    value
                        .to_str()
                        .is_ok_and(|value| value.starts_with("application/json"))
                });
                if json {
                    self.write(id, rest, body)
                } else {
                    refuse(415, "send application/json")
                }
            }
            (_, ["services", ..]) => refuse(405, "method not allowed"),
            _ => refuse(404, "not found"),
        }
    }

    fn read(&mut self, id: &str, rest: &[&str], query: &str) -> Response {
        if let Some(trouble) = self.trouble_reading() {
            return trouble;
        }
        let (gone, moved) = (self.on(Fault::Gone), self.on(Fault::MovedImage));
        let Some(service) = self.services.get_mut(id) else {
            return refuse(404, "not found");
        };
        if gone {
            return refuse(410, "the service is gone");
        }
        let response = match rest {
            [] => {
                let elsewhere = "docker.io/library/moved:latest";
                json_reply(
                    200,
                    &service.json(if moved { elsewhere } else { &service.image }),
                )
            }
            ["deploys"] => {
                service.look(&self.faults);
                let limit = param(query, "limit").and_then(|limit| limit.parse().ok());
                json_reply(200, &service.deploys_json(limit.unwrap_or(LISTED)))
            }
            ["deploys", deploy] => {
                service.look(&self.faults);
                match service.deploy_json(deploy) {
                    Some(deploy) => json_reply(200, &deploy),
                    None => refuse(404, "not found"),
                }
            }
            _ => refuse(404, "not found"),
        };
        limits(
            response,
            &Budget {
                allowed: true,
                limit: 400,
                remaining: 384,
                reset: 8,
            },
        )
    }

    fn trouble_reading(&self) -> Option<Response> {
        if self.on(Fault::Redirect) {
            let moved = empty(307);
            return Some(with(
                moved,
                header::LOCATION,
                "http://127.0.0.2:9/v1/services",
            ));
        }
        if self.on(Fault::Html) {
            return Some(reply(200, "text/html", "<html>sign in</html>"));
        }
        if self.on(Fault::Endless) {
            let spaces = Bytes::from(vec![b' '; 1 << 16]);
            let chunks = stream::repeat_with(move || Ok::<_, io::Error>(spaces.clone()));
            return Some(reply(200, "application/json", Body::from_stream(chunks)));
        }
        (self.deployed && self.on(Fault::UnavailableReads)).then(|| refuse(503, "unavailable"))
    }

    fn write(&mut self, id: &str, rest: &[&str], body: &[u8]) -> Response {
        if self.on(Fault::ForbiddenKey) {
            return refuse(403, "you may not do this");
        }
        if self.on(Fault::Gone) {
            return refuse(410, "the service is gone");
        }
        for (fault, reset) in [
            (Fault::LimitedSeconds, WAIT),
            (
                Fault::LimitedEpoch,
                u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0) + WAIT,
            ),
        ] {
            // Once: a client that waits gets through.
            if self.faults.remove(&fault) {
                return limited(&Budget {
                    allowed: false,
                    limit: 10,
                    remaining: 0,
                    reset,
                });
            }
        }
        let Some(service) = self.services.get_mut(id) else {
            return refuse(404, "not found");
        };
        let budget = service.take_write();
        if !budget.allowed {
            return limited(&budget);
        }
        let response = match rest {
            [] => self.set_image(id, body),
            ["deploys"] => self.create_deploy(id, body),
            _ => refuse(404, "not found"),
        };
        limits(response, &budget)
    }

    fn set_image(&mut self, id: &str, body: &[u8]) -> Response {
        if self.on(Fault::LostPatch) {
            return dropped();
        }
        let service = self.services.get_mut(id).expect("the caller found it");
        match body::image_to_set(body, service) {
            Ok(Some((image, credential))) => service.set_image(&image, credential),
            Ok(None) => {}
            Err(why) => return refuse(400, &why),
        }
        let answer = service.json(&service.image);
        if self.on(Fault::DropAfterPatch) {
            dropped()
        } else {
            json_reply(200, &answer)
        }
    }

    fn create_deploy(&mut self, id: &str, body: &[u8]) -> Response {
        if self.on(Fault::LostPost) {
            return dropped();
        }
        if self.on(Fault::Conflict) {
            return refuse(409, "another deploy is in progress");
        }
        let deploy = self.new_id();
        let service = self.services.get_mut(id).expect("the caller found it");
        if service.suspended {
            return refuse(400, "the service is suspended");
        }
        let image = match body::image_to_deploy(body, service) {
            Ok(image) => image,
            Err(why) => return refuse(400, &why),
        };
        service.deploy(deploy.clone(), &image, "api");
        let answer = service.deploy_json(&deploy).expect("just made");
        self.deployed = true;
        if self.on(Fault::DropAfterPost) {
            dropped()
        } else if self.on(Fault::BrokenPost) {
            refuse(500, "internal error")
        } else if self.on(Fault::AcceptedWithoutBody) {
            empty(202)
        } else {
            json_reply(201, &answer)
        }
    }
}

/// Render's error body.
fn refuse(status: u16, message: &str) -> Response {
    json_reply(status, &json!({"id": "lab", "message": message}))
}

fn limited(budget: &Budget) -> Response {
    limits(refuse(429, "rate limit exceeded"), budget)
}

fn limits(response: Response, budget: &Budget) -> Response {
    [
        ("ratelimit-limit", u64::from(budget.limit)),
        ("ratelimit-remaining", u64::from(budget.remaining)),
        ("ratelimit-reset", budget.reset),
    ]
    .into_iter()
    .fold(response, |response, (name, value)| {
        with(response, HeaderName::from_static(name), &value.to_string())
    })
}

/// Announces a body and ends the connection in its place.
fn dropped() -> Response {
    let end = io::Error::new(io::ErrorKind::ConnectionAborted, "dropped");
    let body = Body::from_stream(stream::iter([Err::<Bytes, _>(end)]));
    with(
        reply(201, "application/json", body),
        header::CONTENT_LENGTH,
        "100",
    )
}
