//! Who may use the registry: everyone, holders of a password, or holders of a token.

use std::collections::HashSet;
use std::sync::Mutex;

use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde_json::json;

use super::error;
use crate::encode::{random, unb64};
use crate::fault::Fault;
use crate::http::{bearer, json as json_reply, with};
use crate::world::{Shared, World, lock};

/// The service name in challenges.
const SERVICE: &str = "palisade-lab";

pub(crate) enum Login {
    Open,
    Basic { user: String, password: String },
    Bearer { user: String, password: String },
}

/// Tokens given out so far.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashSet<String>>);

/// A refusal with a challenge, unless the request may pass.
pub(crate) fn challenge(world: &World, headers: &HeaderMap, scope: &str) -> Option<Response> {
    let registry = &world.registry;
    let refused = world.faults.on(Fault::Registry401);
    let allowed = match &registry.login {
        Login::Open => true,
        Login::Basic { user, password } => is_basic(headers, user, password),
        Login::Bearer { .. } => {
            bearer(headers).is_some_and(|token| lock(&registry.tokens.0).contains(token))
        }
    };
    if allowed && !refused {
        return None;
    }
    let other_host = world.faults.on(Fault::RegistryRealmOtherHost);
    let header = match registry.login {
        Login::Bearer { .. } => bearer_challenge(world, scope, other_host),
        _ if other_host => bearer_challenge(world, scope, true),
        _ => format!("Basic realm=\"{SERVICE}\""),
    };
    let response = error(401, "UNAUTHORIZED", "authentication required");
    Some(with(response, header::WWW_AUTHENTICATE, &header))
}

fn bearer_challenge(world: &World, scope: &str, other_host: bool) -> String {
    let host = if other_host {
        world.other_host()
    } else {
        world.base.clone()
    };
    format!("Bearer realm=\"{host}/registry/token\",service=\"{SERVICE}\",scope=\"{scope}\"")
}

fn is_basic(headers: &HeaderMap, user: &str, password: &str) -> bool {
    let given = || {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, value) = value.split_once(' ')?;
        let value = String::from_utf8(unb64(value.trim())?).ok()?;
        scheme.eq_ignore_ascii_case("basic").then_some(value)
    };
    given().is_some_and(|given| given == format!("{user}:{password}"))
}

/// Distribution's token endpoint: Basic credentials buy an opaque token for five minutes.
pub(crate) async fn token(
    axum::extract::State(world): axum::extract::State<Shared>,
    headers: HeaderMap,
) -> Response {
    let allowed = match &world.registry.login {
        Login::Open => true,
        Login::Basic { user, password } | Login::Bearer { user, password } => {
            is_basic(&headers, user, password)
        }
    };
    if !allowed {
        return error(401, "UNAUTHORIZED", "incorrect username or password");
    }
    let token = hex::encode(random::<24>());
    lock(&world.registry.tokens.0).insert(token.clone());
    json_reply(
        200,
        &json!({"token": token, "access_token": token, "expires_in": 300}),
    )
}
