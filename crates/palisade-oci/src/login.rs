//! Answering a registry's 401: which credential, to whom, and what comes back.

use std::time::Instant;

use palisade_types::Timestamp;
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::address::{is_confidential, may_hold_credentials};
use crate::answer::{broken, is_transient};
use crate::auth::{self, Authorization, Granted, TokenRequest, words};
use crate::budget::{Budget, Setback, retry_after};
use crate::call::{Call, Fault};
use crate::challenge::{Challenge, choose};
use crate::credentials::Credential;
use crate::error::{Error, printable};
use crate::limits;
use crate::transport::Transport;

impl Transport {
    /// An authorization for this call, after the registry answered it with 401.
    pub(crate) async fn log_in(
        &self,
        call: &Call<'_>,
        headers: &HeaderMap,
        budget: &Budget,
    ) -> Result<Granted, Fault> {
        let values = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let Some(challenge) = choose(values.filter_map(|value| value.to_str().ok())) else {
            return Err(denied(call, "it asks for a login of a kind we do not know"));
        };
        let credential = self.options.credentials.find(call.repository).await?;
        // Whoever listens on the way, or stands in for the registry, would have it.
        let in_the_open = credential.is_some() && !is_confidential(&call.url, &self.options);
        let credential = credential.filter(|_| !in_the_open);
        if let Some(Credential::Registry(token)) = &credential {
            return Ok(Granted::lasting(Authorization::bearer(token.expose())));
        }
        match challenge {
            Challenge::Basic => match credential {
                Some(Credential::Password { username, password }) => {
                    Ok(Granted::lasting(Authorization::basic(&username, &password)))
                }
                _ if in_the_open => Err(denied(call, IN_THE_OPEN)),
                _ => Err(denied(
                    call,
                    "it asks for a password, and none is configured",
                )),
            },
            Challenge::Bearer {
                realm,
                service,
                scope,
            } => {
                let realm = self.realm(call, &realm)?;
                let trusted = may_hold_credentials(&call.url, &realm);
                let withheld = match &credential {
                    _ if in_the_open => Some(IN_THE_OPEN.to_owned()),
                    Some(_) if !trusted => Some(not_ours(&realm)),
                    _ => None,
                };
                let credential = credential.filter(|_| trusted);
                let service = service.as_deref();
                let scopes = call.access.scopes(scope.as_deref(), call.repository);
                if let Some(Credential::Identity(token)) = &credential {
                    let post = auth::token_post(&realm, service, &scopes, token);
                    if let Some(granted) = self.exchange(call, post, budget).await? {
                        return Ok(granted);
                    }
                }
                let get = auth::token_get(&realm, service, &scopes, credential.as_ref());
                let granted = self.exchange(call, get, budget).await;
                let granted = granted.map_err(|fault| explain(fault, withheld))?;
                granted.ok_or_else(|| denied(call, "its token service refuses the request"))
            }
        }
    }

    /// The address of the token service, if the registry may name it.
    fn realm(&self, call: &Call<'_>, realm: &str) -> Result<Url, Error> {
        let refused = |why: String| {
            let realm = printable(realm);
            Error::refused(
                &call.what,
                format!("refused token service `{realm}`: {why}"),
            )
        };
        let url = Url::parse(realm).map_err(|e| refused(e.to_string()))?;
        self.may_visit(call, &url).map_err(refused)?;
        Ok(url)
    }

    /// One request to a token service; `None` when it does not know this kind of request.
    async fn exchange(
        &self,
        call: &Call<'_>,
        token: TokenRequest,
        budget: &Budget,
    ) -> Result<Option<Granted>, Fault> {
        let what = format!("token for {}", call.what);
        let is_post = token.form.is_some();
        let method = if is_post { Method::POST } else { Method::GET };
        let mut request = self.request(call, method, &token.url, budget)?;
        if let Some(Authorization(value)) = &token.authorization {
            request = request.header(header::AUTHORIZATION, value.expose());
        }
        if let Some(form) = &token.form {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.expose().to_owned());
        }
        let mut response = self.dispatch(&what, request).await?;
        let status = response.status();
        let wait = response.headers().get(header::RETRY_AFTER);
        let wait = wait.and_then(|wait| wait.to_str().ok().map(str::to_owned));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| broken(&what, e))? {
            if (body.len() + chunk.len()) as u64 > limits::SMALL_BODY {
                return Err(Error::limit(&what, limits::SMALL_BODY, "bytes").into());
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            _ if status.is_success() => Ok(Some(auth::granted(&what, &body, Instant::now())?)),
            _ if is_transient(status) => Err(Fault::Again(Setback {
                why: format!("the token service answered {}", status.as_u16()),
                limited: status == StatusCode::TOO_MANY_REQUESTS,
                retry_after: wait.and_then(|wait| retry_after(&wait, Timestamp::now())),
            })),
            // GCR, Artifactory and ACR refuse the POST form in these ways.
            _ if is_post && matches!(status.as_u16(), 400 | 401 | 404 | 405) => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(denied(call, &words(&body))),
            _ => {
                let why = format!(
                    "the token service answered {}: {}",
                    status.as_u16(),
                    words(&body)
                );
                Err(Error::refused(&what, why).into())
            }
        }
    }
}

/// Why a password stays here.
const IN_THE_OPEN: &str = "the password was not sent: the connection is not encrypted, or the \
     registry's certificate is not checked";

fn not_ours(realm: &Url) -> String {
    let host = printable(realm.host_str().unwrap_or_default());
    format!("the password was not sent: the token service `{host}` is not the registry's")
}

/// Adds to a refusal that the password was not shown, and why.
fn explain(fault: Fault, withheld: Option<String>) -> Fault {
    match (fault, withheld) {
        (Fault::Final(Error::Denied { what, server }), Some(why)) => {
            let server = format!("{server} ({why})");
            Fault::Final(Error::Denied { what, server })
        }
        (fault, _) => fault,
    }
}

fn denied(call: &Call<'_>, server: &str) -> Fault {
    Fault::Final(Error::Denied {
        what: call.what.clone(),
        server: server.to_owned(),
    })
}
