//! From a challenge to an `Authorization` header, and the memory of those that worked.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_types::Repository;
use palisade_types::json::parse_strict;
use serde_json::Value;
use url::Url;

use crate::credentials::{Credential, Secret};
use crate::error::{Error, printable};

pub use crate::challenge::{Challenge, choose};

/// How long a token lives when its service does not say (distribution's token specification).
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);
/// Scopes of one token.
const MAX_SCOPES: usize = 4;
/// Tokens remembered in one run.
const MAX_REMEMBERED: usize = 10_000;

/// What a request needs to be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    Pull,
    Push,
}

impl Access {
    const fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Pull => &["pull"],
            Self::Push => &["pull", "push"],
        }
    }

    /// The scopes to ask for: what the challenge names, since only the registry knows by what name
    /// its token service knows the repository; but never more than this access needs, so that a
    /// token which leaks from a read cannot write.
    pub(crate) fn scopes(self, demanded: Option<&str>, repository: &Repository) -> Vec<String> {
        let demanded = demanded.unwrap_or_default().split_ascii_whitespace();
        let mut scopes: Vec<_> = demanded
            .filter_map(|scope| self.reduced(scope))
            .take(MAX_SCOPES)
            .collect();
        if scopes.is_empty() {
            let actions = self.actions().join(",");
            scopes.push(format!("repository:{}:{actions}", repository.path()));
        }
        scopes
    }

    /// `repository:NAME:ACTIONS` with those of the actions that this access needs.
    fn reduced(self, scope: &str) -> Option<String> {
        let (resource, actions) = scope.rsplit_once(':')?;
        let (kind, _) = resource.split_once(':')?;
        let wanted = |action: &&str| self.actions().contains(action);
        let actions: Vec<_> = actions.split(',').filter(wanted).collect();
        let is_ours = kind == "repository" && !actions.is_empty();
        is_ours.then(|| format!("{resource}:{}", actions.join(",")))
    }
}

/// The value of an `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authorization(pub(crate) Secret);

impl Authorization {
    pub(crate) fn basic(username: &str, password: &Secret) -> Self {
        let pair = STANDARD.encode(format!("{username}:{}", password.expose()));
        Self(Secret::new(format!("Basic {pair}")))
    }

    pub(crate) fn bearer(token: &str) -> Self {
        Self(Secret::new(format!("Bearer {token}")))
    }
}

/// Authorizations that worked, by repository and access, until they expire.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<HashMap<(Repository, Access), Granted>>);

impl Remembered {
    /// One that is good for this access; who may push may pull.
    pub(crate) fn serving(&self, repository: &Repository, access: Access) -> Option<Authorization> {
        self.get(repository, access).or_else(|| match access {
            Access::Pull => self.get(repository, Access::Push),
            Access::Push => None,
        })
    }

    fn get(&self, repository: &Repository, access: Access) -> Option<Authorization> {
        let known = self.0.lock().expect("nothing panics while holding it");
        let granted = known.get(&(repository.clone(), access))?;
        let valid = granted.until.is_none_or(|until| Instant::now() < until);
        valid.then(|| granted.authorization.clone())
    }

    pub(crate) fn put(&self, repository: &Repository, access: Access, granted: &Granted) {
        let mut known = self.0.lock().expect("nothing panics while holding it");
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert((repository.clone(), access), granted.clone());
    }

    pub(crate) fn forget(&self, repository: &Repository, access: Access) {
        let mut known = self.0.lock().expect("nothing panics while holding it");
        known.remove(&(repository.clone(), access));
    }
}

/// A new authorization and when it stops working.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) authorization: Authorization,
    pub(crate) until: Option<Instant>,
}

impl Granted {
    pub(crate) fn lasting(authorization: Authorization) -> Self {
        Self {
            authorization,
            until: None,
        }
    }
}

/// One request to a token service.
#[derive(Debug)]
pub(crate) struct TokenRequest {
    pub(crate) url: Url,
    pub(crate) authorization: Option<Authorization>,
    /// The form of an OAuth2 refresh; without it the request is a GET.
    pub(crate) form: Option<Secret>,
}

/// GET with a password, or anonymously (distribution, *Token Authentication Specification*).
pub(crate) fn token_get(
    realm: &Url,
    service: Option<&str>,
    scopes: &[String],
    credential: Option<&Credential>,
) -> TokenRequest {
    let mut url = realm.clone();
    if let Some(service) = service {
        url.query_pairs_mut().append_pair("service", service);
    }
    // One each, the demanded first: some services read only the first.
    for scope in scopes {
        url.query_pairs_mut().append_pair("scope", scope);
    }
    let authorization = match credential {
        Some(Credential::Password { username, password }) => {
            Some(Authorization::basic(username, password))
        }
        // What services without the POST form take an identity token as.
        Some(Credential::Identity(token)) => Some(Authorization::basic("<token>", token)),
        Some(Credential::Registry(_)) | None => None,
    };
    TokenRequest {
        url,
        authorization,
        form: None,
    }
}

/// POST with an identity token (distribution, *Oauth2 Token Authentication*).
pub(crate) fn token_post(
    realm: &Url,
    service: Option<&str>,
    scopes: &[String],
    token: &Secret,
) -> TokenRequest {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token")
        .append_pair("client_id", "palisade")
        .append_pair("service", service.unwrap_or_default())
        .append_pair("scope", &scopes.join(" "))
        .append_pair("refresh_token", token.expose());
    TokenRequest {
        url: realm.clone(),
        authorization: None,
        form: Some(Secret::new(form.finish())),
    }
}

/// Reads a token service's answer.
pub(crate) fn granted(what: &str, body: &[u8], now: Instant) -> Result<Granted, Error> {
    // The body may hold a token, so parse errors do not quote it.
    let value = parse_strict(body).map_err(|_| Error::refused(what, "the token is not JSON"))?;
    let text = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
    };
    let token = text("token")
        .or_else(|| text("access_token"))
        .ok_or_else(|| Error::refused(what, "the token service answered no token"))?;
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::refused(
            what,
            "the token holds characters no token has",
        ));
    }
    let lifetime = value
        .get("expires_in")
        .and_then(Value::as_u64)
        .map_or(DEFAULT_LIFETIME, |s| Duration::from_secs(s.min(86_400)));
    Ok(Granted {
        authorization: Authorization::bearer(token),
        // A tenth less, so that it does not expire on the way.
        until: Some(now + lifetime * 9 / 10),
    })
}

/// What a server says about a refusal: the errors of an OCI error document, or its plain text.
pub(crate) fn words(body: &[u8]) -> String {
    let Some(errors) = parse_strict(body)
        .ok()
        .and_then(|value| value.get("errors")?.as_array().cloned())
    else {
        return printable(String::from_utf8_lossy(body).trim());
    };
    let one = |error: &Value| {
        let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
        format!("{}: {}", text("code"), text("message"))
    };
    printable(&errors.iter().map(one).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_nine_tenths_of_what_its_service_says() {
        let now = Instant::now();
        let until = |body: &str| granted("x", body.as_bytes(), now).expect(body).until;
        let seconds = |s| Some(now + Duration::from_secs(s));
        assert_eq!(until(r#"{"token":"t","expires_in":100}"#), seconds(90));
        assert_eq!(until(r#"{"access_token":"t"}"#), seconds(54));
    }

    #[test]
    fn an_answer_without_a_usable_token_is_refused_and_not_quoted() {
        for bad in [
            "",
            "{}",
            r#"{"token":""}"#,
            r#"{"token":5}"#,
            "{\"token\":\"a\\r\\nHost: b\"}",
            r#"{"token":"secret","token":"secret"}"#,
        ] {
            let error = granted("x", bad.as_bytes(), Instant::now()).expect_err(bad);
            assert!(matches!(error, Error::Refused { .. }));
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn no_more_is_asked_for_than_the_access_needs() {
        let repository = "r.example/acme/app".parse().expect("a repository");
        let scopes = |access: Access, demanded| access.scopes(demanded, &repository).join(" ");
        let pull = |demanded| scopes(Access::Pull, demanded);
        assert_eq!(pull(None), "repository:acme/app:pull");
        assert_eq!(pull(Some("repository:x/app:pull")), "repository:x/app:pull");
        let greedy = Some("repository:x/app:pull,push,delete registry:catalog:*");
        assert_eq!(pull(greedy), "repository:x/app:pull");
        assert_eq!(scopes(Access::Push, greedy), "repository:x/app:pull,push");
        let mount = Some("repository:acme/app:pull,push repository:base:pull");
        let want = "repository:acme/app:pull,push repository:base:pull";
        assert_eq!(scopes(Access::Push, mount), want);
        for nothing in ["", "*", "repository:x:*", "registry:catalog:pull", ":::"] {
            assert_eq!(pull(Some(nothing)), "repository:acme/app:pull", "{nothing}");
        }
    }

    #[test]
    fn scope_and_service_are_added_to_the_realms_own_query() {
        let realm = Url::parse("https://a.example/t?x=1").expect("valid");
        let scopes = ["repository:a:pull".to_owned()];
        let request = token_get(&realm, Some("r s"), &scopes, None);
        assert_eq!(
            request.url.as_str(),
            "https://a.example/t?x=1&service=r+s&scope=repository%3Aa%3Apull"
        );
    }

    #[test]
    fn the_servers_words_are_kept_and_bounded() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no pull for you"}]}"#;
        assert_eq!(words(body), "DENIED: no pull for you");
        assert_eq!(words(b"  go away\n"), "go away");
    }
}
