//! Signing in as a person: what comes back is ours, or is refused.

use std::time::Duration;

use palisade_keyless::{Flow, Kind, LoginError, Prompt, TokenError, login};
use palisade_lab::Fault;
use palisade_types::Timestamp;

use super::lab;

/// Signs in. In the browser flow the browser is a client that follows the redirect at once.
async fn sign_in(flow: Flow, issuer: &str) -> Result<String, TokenError> {
    let deadline = Duration::from_secs(5);
    let prompt = |prompt: &Prompt| {
        if let Prompt::Open(url) = prompt {
            // The lab signs everyone in at once.
            tokio::spawn(reqwest::get(url.clone()));
        }
    };
    let token = login(flow, issuer, deadline, Timestamp::now(), prompt).await?;
    Ok(token.claims().issuer.clone())
}

#[tokio::test]
async fn a_person_signs_in_with_a_browser_and_on_a_device() {
    let lab = lab().await;
    for flow in [Flow::Browser, Flow::Device] {
        let issuer = sign_in(flow, lab.base()).await.unwrap();
        assert_eq!(issuer, lab.base(), "{flow:?}");
    }
}

#[tokio::test]
async fn an_answer_of_another_sign_in_is_refused() {
    let lab = lab().await;
    lab.set_faults(&[Fault::OidcState]);
    let error = sign_in(Flow::Browser, lab.base()).await.unwrap_err();
    let state = TokenError::Login(LoginError::Mismatch("state"));
    assert_eq!(error.to_string(), state.to_string());
    assert_eq!(error.kind(), Kind::Refused);
    lab.set_faults(&[Fault::OidcNonce]);
    for flow in [Flow::Browser, Flow::Device] {
        let error = sign_in(flow, lab.base()).await.unwrap_err();
        let nonce = TokenError::Login(LoginError::Mismatch("nonce"));
        assert_eq!(error.to_string(), nonce.to_string(), "{flow:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_another_or_out_is_told_apart() {
    let lab = lab().await;
    let other = lab.base().replace("localhost", "127.0.0.1");
    let error = sign_in(Flow::Device, &other).await.unwrap_err();
    assert!(
        matches!(error, TokenError::Login(LoginError::Issuer { .. })),
        "{error:?}"
    );
    let error = sign_in(Flow::Device, "http://idp.test").await.unwrap_err();
    assert!(
        matches!(error, TokenError::Login(LoginError::Address(_))),
        "{error:?}"
    );
    lab.set_faults(&[Fault::Oidc503]);
    let error = sign_in(Flow::Device, lab.base()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
}
