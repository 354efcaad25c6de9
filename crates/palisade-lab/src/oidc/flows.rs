//! OAuth 2.0 flows: authorisation code with PKCE, device code, client credentials.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::Response;
use serde_json::json;

use super::DEFAULT_EMAIL;
use crate::encode::{b64url, random, sha256};
use crate::fault::Fault;
use crate::http::{json as json_reply, param, text, with};
use crate::world::Shared;

/// Codes that wait to be redeemed at one time.
const MAX_PENDING: usize = 1_000;

/// Codes handed out and not yet redeemed.
#[derive(Default)]
pub(crate) struct Flows(Mutex<HashMap<String, Pending>>);

struct Pending {
    email: String,
    nonce: Option<String>,
    /// The S256 code challenge; a device code has none.
    challenge: Option<String>,
}

impl Flows {
    fn add(&self, pending: Pending) -> Option<String> {
        let code = hex::encode(random::<16>());
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (codes.len() < MAX_PENDING).then(|| {
            codes.insert(code.clone(), pending);
            code
        })
    }

    /// A code is good once (RFC 6749 section 4.1.2).
    fn take(&self, code: &str) -> Option<Pending> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(code)
    }
}

/// Everyone who asks is signed in at once: there is no login page.
pub(crate) async fn authorize(State(world): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let Some(redirect) = param(&query, "redirect_uri").and_then(|uri| loopback(&uri)) else {
        return text(400, "redirect_uri must be a loopback address\n");
    };
    let pending = Pending {
        email: param(&query, "login_hint").unwrap_or_else(|| DEFAULT_EMAIL.to_owned()),
        nonce: param(&query, "nonce"),
        challenge: param(&query, "code_challenge"),
    };
    let Some(code) = world.flows.add(pending) else {
        return text(429, "too many sign-ins are waiting\n");
    };
    let state = if world.faults.on(Fault::OidcState) {
        "of-another-request".to_owned()
    } else {
        param(&query, "state").unwrap_or_default()
    };
    let mut redirect = redirect;
    redirect
        .query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &state);
    with(text(302, ""), header::LOCATION, redirect.as_str())
}

/// Codes go to the machine that asked and nowhere else.
fn loopback(uri: &str) -> Option<url::Url> {
    let url = url::Url::parse(uri).ok()?;
    matches!(url.host_str()?, "localhost" | "127.0.0.1" | "[::1]").then_some(url)
}

/// RFC 8628 section 3.1. The user has already agreed when the client first polls.
pub(crate) async fn device(State(world): State<Shared>, body: String) -> Response {
    let pending = Pending {
        email: param(&body, "login_hint").unwrap_or_else(|| DEFAULT_EMAIL.to_owned()),
        nonce: param(&body, "nonce"),
        challenge: param(&body, "code_challenge"),
    };
    let Some(code) = world.flows.add(pending) else {
        return text(429, "too many sign-ins are waiting\n");
    };
    let uri = format!("{}/device", world.base);
    json_reply(
        200,
        &json!({
            "device_code": code, "user_code": "LAB-CODE",
            "verification_uri": uri, "verification_uri_complete": format!("{uri}?user_code=LAB-CODE"),
            "expires_in": 600, "interval": 1,
        }),
    )
}

pub(crate) async fn token(State(world): State<Shared>, body: String) -> Response {
    let pending = match param(&body, "grant_type").as_deref() {
        Some("authorization_code") => redeem(&world, &body, "code"),
        Some("urn:ietf:params:oauth:grant-type:device_code") => {
            redeem(&world, &body, "device_code")
        }
        Some("client_credentials") => Some(Pending {
            email: DEFAULT_EMAIL.to_owned(),
            nonce: None,
            challenge: None,
        }),
        _ => return json_reply(400, &json!({"error": "unsupported_grant_type"})),
    };
    let Some(pending) = pending else {
        return json_reply(400, &json!({"error": "invalid_grant"}));
    };
    let nonce = if world.faults.on(Fault::OidcNonce) {
        Some("of-another-request".to_owned())
    } else {
        pending.nonce
    };
    let token = world.email_token(&pending.email, nonce.as_deref());
    json_reply(
        200,
        &json!({
            "access_token": token, "id_token": token, "token_type": "Bearer", "expires_in": 600,
        }),
    )
}

fn redeem(world: &Shared, body: &str, name: &str) -> Option<Pending> {
    let pending = world.flows.take(&param(body, name)?)?;
    // RFC 7636 section 4.6: BASE64URL(SHA256(verifier)) equals the challenge.
    let proven = match &pending.challenge {
        Some(challenge) => {
            let verifier = param(body, "code_verifier")?;
            b64url(&sha256(verifier.as_bytes())) == *challenge
        }
        None => true,
    };
    proven.then_some(pending)
}
