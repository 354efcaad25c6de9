//! `/lab/…`: how another process steers a running lab. Only the loopback reaches it.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use crate::fault::parse_faults;
use crate::http::{json as json_reply, param, reply, text};
use crate::oidc::{DEFAULT_EMAIL, github_from_query};
use crate::sigstore;
use crate::world::Shared;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/lab/faults", get(faults).post(set_faults))
        .route("/lab/token", get(token))
        .route("/lab/requests", get(requests).delete(clear_requests))
        .route("/lab/files/{name}", get(file))
        .route("/lab/referrers", axum::routing::post(set_referrers))
}

async fn faults(State(world): State<Shared>) -> Response {
    json_reply(200, &json!(world.faults.names()))
}

async fn set_faults(State(world): State<Shared>, body: String) -> Response {
    match parse_faults(&body) {
        Ok(faults) => {
            world.faults.set(faults);
            json_reply(200, &json!(world.faults.names()))
        }
        Err(error) => text(400, format!("{error}\n")),
    }
}

/// `?email=` for a person, else the workflow that `repository`, `workflow`, `ref`, `event` name.
async fn token(State(world): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let token = if let Some(email) = param(&query, "email") {
        let email = if email.is_empty() {
            DEFAULT_EMAIL
        } else {
            &email
        };
        world.email_token(email, None)
    } else {
        world.github_token(&github_from_query(&query))
    };
    text(200, token)
}

async fn requests(State(world): State<Shared>) -> Response {
    let requests = world.recorder.requests().into_iter().map(|request| {
        json!({
            "method": request.method, "path": request.path, "query": request.query,
            "status": request.status, "host": request.host, "authorized": request.authorized,
        })
    });
    json_reply(200, &Value::Array(requests.collect()))
}

async fn clear_requests(State(world): State<Shared>) -> Response {
    world.recorder.clear();
    text(200, "")
}

async fn file(State(world): State<Shared>, Path(name): Path<String>) -> Response {
    match sigstore::files(&world)
        .into_iter()
        .find(|(other, _)| *other == name)
    {
        Some((_, bytes)) => reply(200, "application/octet-stream", bytes),
        None => text(404, "the lab writes no such file\n"),
    }
}

/// `on` or `off`.
async fn set_referrers(State(world): State<Shared>, body: String) -> Response {
    match body.trim() {
        "on" => world.registry.set_referrers_api(true),
        "off" => world.registry.set_referrers_api(false),
        _ => return text(400, "the body is `on` or `off`\n"),
    }
    text(200, "")
}
