//! The OIDC provider: discovery, browser, device and client flows, GitHub's ambient endpoint.

mod flows;
mod identity;
pub(crate) mod jwt;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::encode::now;
use crate::fault::Fault;
use crate::http::{bearer, json as json_reply, param, reply, with};
use crate::world::{Shared, World};

pub(crate) use flows::Flows;
pub use identity::GithubIdentity;
use identity::email_claims;

/// The audience Fulcio asks for.
pub(crate) const AUDIENCE: &str = "sigstore";
/// Who signs in when the request does not say.
pub(crate) const DEFAULT_EMAIL: &str = "dev@palisade.test";

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/keys", get(keys))
        .route("/auth", get(flows::authorize))
        .route("/token", post(flows::token))
        .route("/device/code", post(flows::device))
        .route("/gha/token", get(ambient))
}

async fn discovery(State(world): State<Shared>) -> Response {
    let base = &world.base;
    json_reply(
        200,
        &json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/auth"),
            "token_endpoint": format!("{base}/token"),
            "device_authorization_endpoint": format!("{base}/device/code"),
            "jwks_uri": format!("{base}/keys"),
            "response_types_supported": ["code"],
            "grant_types_supported": [
                "authorization_code", "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "email"],
            "claims_supported": ["aud", "email", "email_verified", "exp", "iat", "iss", "sub"],
        }),
    )
}

async fn keys(State(world): State<Shared>) -> Response {
    json_reply(200, &json!({"keys": [jwt::jwk(world.keys.oidc())]}))
}

/// What `ACTIONS_ID_TOKEN_REQUEST_URL` points to. The query may say whose run it is.
async fn ambient(
    State(world): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if world.faults.on(Fault::OidcRedirectOtherHost) {
        let location = format!("{}/gha/token", world.other_host());
        return with(reply(302, "text/plain", ""), header::LOCATION, &location);
    }
    if bearer(&headers).is_none() {
        return json_reply(401, &json!({"message": "no bearer token"}));
    }
    let query = query.unwrap_or_default();
    let audience = param(&query, "audience").unwrap_or_else(|| "https://github.com/acme".into());
    let claims = github_from_query(&query).claims(&audience, now());
    json_reply(
        200,
        &json!({"value": jwt::mint(world.keys.oidc(), &claims)}),
    )
}

/// The default run, with the parts the query names.
pub(crate) fn github_from_query(query: &str) -> GithubIdentity {
    let part = |name: &str, default: String| param(query, name).unwrap_or(default);
    let default = GithubIdentity::default();
    GithubIdentity {
        repository: part("repository", default.repository),
        workflow: part("workflow", default.workflow),
        git_ref: part("ref", default.git_ref),
        event: part("event", default.event),
        sha: part("sha", default.sha),
        called_from: param(query, "called-from"),
    }
}

impl World {
    pub(crate) fn github_token(&self, identity: &GithubIdentity) -> String {
        jwt::mint(self.keys.oidc(), &identity.claims(AUDIENCE, now()))
    }

    pub(crate) fn email_token(&self, email: &str, nonce: Option<&str>) -> String {
        let mut claims = email_claims(&self.base, email, AUDIENCE, now());
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        jwt::mint(self.keys.oidc(), &claims)
    }

    /// The claims of a token of this lab, under its own issuer name or GitHub's.
    pub(crate) fn verify_token(&self, token: &str) -> Result<Value, &'static str> {
        let claims = jwt::verify(self.keys.oidc(), token, AUDIENCE, now())?;
        if claims["iss"] == self.base.as_str() || claims["iss"] == GithubIdentity::ISSUER {
            Ok(claims)
        } else {
            Err("the token is of another issuer")
        }
    }
}
