//! One row for each way in which a registry says that a token has run out.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::Method;
use palisade_oci::{CredentialStore, Error};

use crate::registry::{Registry, client_with, reply};

/// A registry whose logins each serve two requests, and which then answers like this.
async fn expiring(status: u16, body: &'static str) -> Registry {
    let registry = Registry::start().await;
    let realm = format!("Bearer realm=\"http://{}/token\"", registry.host);
    let (granted, served) = (AtomicU64::new(0), AtomicU64::new(0));
    registry.on(move |seen| {
        if seen.path == "/token" {
            let number = granted.fetch_add(1, Ordering::Relaxed) + 1;
            served.store(0, Ordering::Relaxed);
            let token = format!(r#"{{"token":"t{number}","expires_in":3600}}"#);
            return Some(reply(200, &[], token));
        }
        let good = format!("Bearer t{}", granted.load(Ordering::Relaxed));
        if seen.authorization().is_none() {
            return Some(reply(401, &[("www-authenticate", &realm)], ""));
        }
        let fresh = served.fetch_add(1, Ordering::Relaxed) < 2;
        let good = seen.authorization() == Some(&good) && fresh;
        (!good).then(|| reply(status, &[("www-authenticate", &realm)], body))
    });
    registry
}

fn with_password(registry: &Registry) -> CredentialStore {
    CredentialStore::anonymous().with_password(&registry.host, "AWS", "pw")
}

fn tokens(registry: &Registry) -> usize {
    registry.log().iter().filter(|s| s.path == "/token").count()
}

#[tokio::test]
async fn a_token_that_runs_out_is_replaced_once_however_the_registry_says_so() {
    let rows = [
        (
            "ECR",
            403,
            "Your authorization token has expired. Reauthenticate and try again.",
        ),
        (
            "ECR Public",
            400,
            r#"{"errors":[{"code":"DENIED","message":"Your Authorization Token has expired."}]}"#,
        ),
        (
            "others",
            401,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
        ),
    ];
    for (name, status, body) in rows {
        for by_head in [true, false] {
            let registry = expiring(status, body).await;
            registry.put_image("v1", ("linux", "amd64"));
            let client = client_with(with_password(&registry));
            for turn in 1..=3 {
                let read = if by_head {
                    let read = client.resolve_digest(&registry.image("v1")).await;
                    read.map(|_| ())
                } else {
                    client.tags(&registry.repository()).await.map(|_| ())
                };
                assert!(read.is_ok(), "{name}, request {turn}: {read:?}");
            }
            assert_eq!(tokens(&registry), 2, "{name}, HEAD: {by_head}");
        }
    }
}

#[tokio::test]
async fn a_refusal_that_is_no_expiry_is_not_met_with_a_new_login() {
    for (name, status, body) in [
        ("ECR", 403, "not authorized to perform: ecr:BatchGetImage"),
        ("ECR Public", 400, "the image has expired"),
    ] {
        let registry = expiring(status, body).await;
        registry.put_image("v1", ("linux", "amd64"));
        let client = client_with(with_password(&registry));
        for _ in 1..=2 {
            client.tags(&registry.repository()).await.unwrap();
        }
        let refused = client.tags(&registry.repository()).await.unwrap_err();
        assert!(!refused.is_answer(), "{name}: {refused}");
        assert_eq!(tokens(&registry), 1, "{name}");
    }
}

#[tokio::test]
async fn a_token_that_is_always_expired_is_denied_and_asked_for_twice_at_most() {
    let body = "Your authorization token has expired.";
    let registry = expiring(403, body).await;
    registry.put_image("v1", ("linux", "amd64"));
    let client = client_with(with_password(&registry));
    client.tags(&registry.repository()).await.unwrap();
    registry.on(|seen| {
        let refused = seen.is(&Method::GET, "/v2/") && seen.authorization().is_some();
        refused.then(|| reply(403, &[], "Your authorization token has expired."))
    });
    let error = client.tags(&registry.repository()).await.unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    assert!(error.to_string().contains("has expired"), "{error}");
    assert_eq!(tokens(&registry), 2);
}

#[tokio::test]
async fn requests_in_flight_share_one_new_login() {
    let registry = Registry::start()
        .await
        .with_round_trip(std::time::Duration::from_millis(5));
    registry.put_image("v1", ("linux", "amd64"));
    let realm = format!("Bearer realm=\"http://{}/token\"", registry.host);
    registry.on(move |seen| match seen.authorization() {
        _ if seen.path == "/token" => Some(reply(200, &[], r#"{"token":"t"}"#)),
        Some("Bearer t") => None,
        _ => Some(reply(401, &[("www-authenticate", &realm)], "")),
    });
    let client = client_with(with_password(&registry));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, repository) = (client.clone(), registry.repository());
        readers.spawn(async move { client.tags(&repository).await.unwrap() });
    }
    assert_eq!(readers.join_all().await.len(), 20);
    assert_eq!(tokens(&registry), 1);
}
