//! Signing in as a person: what comes back is ours, or is refused.

use std::time::Duration;

use palisade_keyless::{Flow, Kind, LoginError, Prompt, Proxies, TokenError, login};
use palisade_lab::Fault;
use palisade_types::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

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
    let token = login(
        flow,
        issuer,
        Proxies::none(),
        deadline,
        Timestamp::now(),
        prompt,
    )
    .await?;
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

/// Attack: `oidc_state_nonce`.
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

/// Attack: `oidc_state_nonce`.
#[tokio::test]
async fn an_answer_without_a_state_is_refused() {
    let lab = lab().await;
    let prompt = |prompt: &Prompt| {
        let Prompt::Open(url) = prompt else {
            panic!("{prompt:?}");
        };
        let url: url::Url = url.parse().unwrap();
        let back = url.query_pairs().find(|(name, _)| name == "redirect_uri");
        // What a page that somebody else opened in this browser would send.
        tokio::spawn(reqwest::get(format!("{}?code=x", back.unwrap().1)));
    };
    let deadline = Duration::from_secs(5);
    let signed_in = login(
        Flow::Browser,
        lab.base(),
        Proxies::none(),
        deadline,
        Timestamp::now(),
        prompt,
    );
    let error = signed_in.await.unwrap_err();
    let state = TokenError::Login(LoginError::Mismatch("state"));
    assert_eq!(error.to_string(), state.to_string());
}

/// Attack: `oidc_redirect_off`.
#[tokio::test]
async fn a_provider_that_sends_us_elsewhere_is_not_followed() {
    let lab = lab().await;
    lab.clear_requests();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let target = format!("{}/.well-known/openid-configuration", lab.base());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let _ = stream.read(&mut asked).await.unwrap();
        let answer =
            format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let error = sign_in(Flow::Device, &issuer).await.unwrap_err();
    server.await.unwrap();
    assert!(error.to_string().contains("redirect"), "{error}");
    assert!(lab.requests().is_empty());
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
