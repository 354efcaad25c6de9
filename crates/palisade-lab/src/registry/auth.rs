//! Who may use the registry: everyone, holders of a password, or holders of a token.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::{Exchange, error};
use crate::encode::{random, unb64};
use crate::fault::Fault;
use crate::http::{bearer, json as json_reply, param, reply, with};
use crate::world::{Shared, World, lock};

/// The service name in challenges.
const SERVICE: &str = "palisade-lab";
/// Tokens remembered; beyond that all earlier ones are void.
const MAX_TOKENS: usize = 10_000;

pub(crate) enum Login {
    Open,
    Basic { user: String, password: String },
    Bearer { user: String, password: String },
}

/// Tokens given out so far, each with the scopes it was asked for.
#[derive(Default)]
pub(crate) struct Tokens {
    given: Mutex<HashMap<String, Vec<String>>>,
    /// The `Authorization` headers that were good at least once.
    taken: Mutex<HashSet<String>>,
}

impl Tokens {
    /// Whether these credentials were taken before. From now on they were.
    fn taken_before(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(header::AUTHORIZATION);
        let value = value.and_then(|value| value.to_str().ok());
        let mut taken = lock(&self.taken);
        if taken.len() >= MAX_TOKENS {
            taken.clear();
        }
        value.is_some_and(|value| !taken.insert(value.to_owned()))
    }
}

/// A refusal with a challenge, unless the request may do `action` in `repository`.
pub(crate) fn challenge(
    world: &World,
    headers: &HeaderMap,
    repository: &str,
    action: &str,
) -> Option<Response> {
    let may = may(world, headers, repository, action);
    let before = may && world.registry.tokens.taken_before(headers);
    if before && world.faults.on(Fault::RegistryTokenExpired) {
        return Some(expired(world, repository, action));
    }
    if may && !world.faults.on(Fault::Registry401) {
        return None;
    }
    Some(unauthorized(world, repository, action))
}

/// What a registry of this profile answers when a login has run out.
fn expired(world: &World, repository: &str, action: &str) -> Response {
    match world.registry.profile.expired {
        (401, _) => unauthorized(world, repository, action),
        (status, words) => error(status, "DENIED", words),
    }
}

fn unauthorized(world: &World, repository: &str, action: &str) -> Response {
    let other_host = world.faults.on(Fault::RegistryRealmOtherHost);
    let actions = if action == "push" {
        "pull,push"
    } else {
        action
    };
    let challenge = match world.registry.login {
        Login::Bearer { .. } => bearer_challenge(world, repository, actions, other_host),
        _ if other_host => bearer_challenge(world, repository, actions, true),
        _ => format!("Basic realm=\"{SERVICE}\""),
    };
    let response = error(401, "UNAUTHORIZED", "authentication required");
    with(response, header::WWW_AUTHENTICATE, &challenge)
}

/// Whether the request's credentials allow `action` in `repository`; no name is the base route.
pub(crate) fn may(world: &World, headers: &HeaderMap, repository: &str, action: &str) -> bool {
    match &world.registry.login {
        Login::Open => true,
        Login::Basic { user, password } => is_basic(headers, user, password),
        Login::Bearer { .. } => {
            let tokens = lock(&world.registry.tokens.given);
            let scopes = bearer(headers).and_then(|token| tokens.get(token));
            scopes.is_some_and(|scopes| {
                repository.is_empty()
                    || scopes.iter().any(|scope| covers(scope, repository, action))
            })
        }
    }
}

/// Whether a scope `repository:NAME:ACTION,…` allows this.
fn covers(scope: &str, repository: &str, action: &str) -> bool {
    let rest = scope
        .strip_prefix("repository:")
        .and_then(|rest| rest.strip_prefix(repository));
    let actions = rest.and_then(|rest| rest.strip_prefix(':'));
    actions.is_some_and(|actions| actions.split(',').any(|other| other == action))
}

fn bearer_challenge(world: &World, repository: &str, actions: &str, other_host: bool) -> String {
    let host = if other_host {
        world.other_host()
    } else {
        world.base.clone()
    };
    let scope = if repository.is_empty() {
        String::new()
    } else {
        format!(",scope=\"repository:{repository}:{actions}\"")
    };
    format!("Bearer realm=\"{host}/registry/token\",service=\"{SERVICE}\"{scope}")
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

/// Distribution's token endpoint: Basic credentials buy an opaque token for the scopes asked for.
pub(crate) async fn token(
    State(world): State<Shared>,
    RawQuery(query): RawQuery,
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
    grant(&world, &query.unwrap_or_default())
}

/// The exchange of an identity token (OAuth 2, refresh token grant), which is the password here.
pub(crate) async fn refresh(State(world): State<Shared>, body: String) -> Response {
    let Exchange::Token { post: 200, .. } = world.registry.profile.login else {
        return error(404, "UNSUPPORTED", "there is no such route");
    };
    let (Login::Basic { password, .. } | Login::Bearer { password, .. }) = &world.registry.login
    else {
        return error(400, "UNSUPPORTED", "this registry is open");
    };
    let given = param(&body, "refresh_token");
    let granted = param(&body, "grant_type").as_deref() == Some("refresh_token");
    if !granted || given.as_ref() != Some(password) {
        return error(401, "UNAUTHORIZED", "the identity token is not known");
    }
    grant(&world, &body)
}

/// A token for the scopes that a query or form asks for.
fn grant(world: &World, query: &str) -> Response {
    if world.faults.on(Fault::RegistryTokenHuge) {
        return reply(200, "application/json", crate::recorder::huge());
    }
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let scopes = pairs.filter(|(name, _)| name == "scope");
    // One parameter may hold several scopes with spaces between.
    let scopes =
        scopes.flat_map(|(_, value)| value.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let scopes = scopes.collect();
    let token = hex::encode(random::<24>());
    let mut tokens = lock(&world.registry.tokens.given);
    if tokens.len() >= MAX_TOKENS {
        tokens.clear();
    }
    tokens.insert(token.clone(), scopes);
    let (fields, expires_in) = match world.registry.profile.login {
        Exchange::Token {
            fields, expires_in, ..
        } => (fields, expires_in),
        Exchange::Basic => (&["token"][..], None),
    };
    let mut answer = serde_json::Map::new();
    for field in fields {
        answer.insert((*field).to_owned(), token.clone().into());
    }
    if let Some(seconds) = expires_in {
        answer.insert("expires_in".to_owned(), seconds.into());
    }
    json_reply(200, &answer.into())
}
