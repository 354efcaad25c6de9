//! Challenges, tokens, and who is never shown a password.

use axum::http::Method;
use palisade_oci::{CredentialStore, Error};
use palisade_types::Digest;

use crate::registry::{Registry, Seen, client, client_with, reply};

const BASIC: &str = "Basic dXNlcjpwdw==";

fn with_password(registry: &Registry) -> CredentialStore {
    CredentialStore::anonymous().with_password(&registry.host, "user", "pw")
}

/// Asks for a token from this server's `/token`, and takes only `good`.
fn demand_token(registry: &Registry, realm: &str) {
    let challenge =
        format!("Bearer realm=\"{realm}\",service=\"svc\",scope=\"repository:acme/app:pull\"");
    registry.on(move |seen| {
        let ours = seen.path.starts_with("/v2/");
        let refused = ours && seen.authorization() != Some("Bearer good");
        refused.then(|| reply(401, &[("www-authenticate", &challenge)], ""))
    });
}

/// Gives the token to whoever shows the password.
fn token_service(seen: &Seen) -> Option<axum::response::Response> {
    (seen.path == "/token").then(|| match seen.authorization() {
        Some(BASIC) => reply(200, &[], r#"{"token":"good","expires_in":300}"#),
        Some(_) => reply(
            401,
            &[],
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}"#,
        ),
        None => reply(200, &[], r#"{"token":"anonymous"}"#),
    })
}

#[tokio::test]
async fn an_open_registry_is_never_pinged() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    client_with(with_password(&registry))
        .manifest(&registry.pin(&image.digest))
        .await
        .unwrap();
    assert_eq!(registry.log().len(), 1);
    assert_eq!(registry.log()[0].authorization(), None);
}

#[tokio::test]
async fn one_token_serves_a_whole_run() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    demand_token(&registry, &format!("http://{}/token", registry.host));
    registry.on(token_service);
    let client = client_with(with_password(&registry));
    client.freeze(registry.image("v1")).await.unwrap();
    client
        .referrers(&registry.pin(&image.digest))
        .await
        .unwrap();
    let tokens: Vec<_> = registry
        .log()
        .into_iter()
        .filter(|s| s.path == "/token")
        .collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(
        tokens[0].query,
        "service=svc&scope=repository%3Aacme%2Fapp%3Apull"
    );
    assert_eq!(tokens[0].authorization(), Some(BASIC));
    assert_eq!(registry.lines()[0], "HEAD /v2/acme/app/manifests/v1");
}

#[tokio::test]
async fn a_wrong_password_is_denied_in_the_servers_words() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    demand_token(&registry, &format!("http://{}/token", registry.host));
    registry.on(token_service);
    let wrong = CredentialStore::anonymous().with_password(&registry.host, "user", "hunter2");
    let error = client_with(wrong)
        .manifest(&registry.pin(&image.digest))
        .await
        .unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(matches!(error, Error::Denied { .. }), "{text}");
    assert!(text.contains("incorrect username or password"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(registry.log().len(), 2);
}

#[tokio::test]
async fn a_401_that_never_ends_ends() {
    let registry = Registry::start().await;
    registry.on(token_service);
    let realm = format!("http://{}/token", registry.host);
    let challenge = format!("Bearer realm=\"{realm}\"");
    registry.on(move |seen| {
        let ours = seen.path.starts_with("/v2/");
        ours.then(|| reply(401, &[("www-authenticate", &challenge)], "go away"))
    });
    let client = client_with(with_password(&registry));
    let error = client
        .manifest(&registry.pin(&Digest::sha256_of(b"x")))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("go away"), "{error}");
    assert_eq!(registry.log().len(), 3);
}

#[tokio::test]
async fn a_token_that_expired_on_the_way_is_replaced_once() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let realm = format!("http://{}/token", registry.host);
    let challenge = format!("Bearer realm=\"{realm}\"");
    let issued = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let current = issued.clone();
    registry.on(move |seen| {
        use std::sync::atomic::Ordering::Relaxed;
        if seen.path == "/token" {
            let token = issued.fetch_add(1, Relaxed) + 1;
            return Some(reply(200, &[], format!(r#"{{"token":"t{token}"}}"#)));
        }
        // Each token works for one path only, as if it had expired after it.
        let want = if seen.path.contains("manifests") {
            "Bearer t1"
        } else {
            "Bearer t2"
        };
        let refused = seen.authorization() != Some(want);
        refused.then(|| reply(401, &[("www-authenticate", &challenge)], ""))
    });
    let client = client();
    client.manifest(&registry.pin(&image.digest)).await.unwrap();
    client
        .referrers(&registry.pin(&image.digest))
        .await
        .unwrap();
    assert_eq!(current.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[tokio::test]
async fn basic_is_answered_among_challenges_we_do_not_know() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.on(|seen| {
        let headers = [
            ("www-authenticate", "Negotiate"),
            ("www-authenticate", "Basic realm=\"r\""),
        ];
        (seen.authorization() != Some(BASIC)).then(|| reply(401, &headers, ""))
    });
    let pinned = registry.pin(&image.digest);
    client_with(with_password(&registry))
        .manifest(&pinned)
        .await
        .unwrap();
    let error = client().manifest(&pinned).await.unwrap_err();
    assert!(error.to_string().contains("none is configured"), "{error}");
}

#[tokio::test]
async fn a_token_service_on_another_host_gets_no_password() {
    let thief = Registry::start().await;
    thief.on(token_service);
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    // Loopback by name instead of by number: another host, though the same machine.
    let port = thief.host.split_once(':').unwrap().1;
    demand_token(&registry, &format!("http://localhost:{port}/token"));
    let client = client_with(with_password(&registry));
    let error = client
        .manifest(&registry.pin(&image.digest))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
    assert_eq!(thief.log().len(), 1);
    thief.on(|seen| (seen.path == "/token").then(|| reply(401, &[], "log in first")));
    let error = client
        .manifest(&registry.pin(&image.digest))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("the password was not sent"),
        "{error}"
    );
    assert!(
        thief
            .log()
            .iter()
            .all(|seen| seen.authorization().is_none())
    );
}

#[tokio::test]
async fn realms_that_are_no_token_service_are_not_visited() {
    let registry = Registry::start().await;
    let pinned = registry.pin(&Digest::sha256_of(b"x"));
    let client = client_with(with_password(&registry));
    for realm in [
        "http://169.254.169.254/token",
        "http://192.0.2.1/token",
        "file:///etc/passwd",
        "/token",
        "",
    ] {
        demand_token(&registry, realm);
        let error = client.manifest(&pinned).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{realm}: {error}");
    }
    assert!(
        registry
            .lines()
            .iter()
            .all(|line| line.starts_with("GET /v2/"))
    );
}

#[tokio::test]
async fn ten_megabytes_where_a_token_was_expected_are_refused() {
    let registry = Registry::start().await;
    demand_token(&registry, &format!("http://{}/token", registry.host));
    registry.on(|seen| (seen.path == "/token").then(|| reply(200, &[], vec![b' '; 10 << 20])));
    let error = client()
        .manifest(&registry.pin(&Digest::sha256_of(b"x")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::LimitExceeded { .. }), "{error}");
}

#[tokio::test]
async fn an_identity_token_is_exchanged_with_post_and_else_with_get() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    demand_token(&registry, &format!("http://{}/token", registry.host));
    let config = format!(
        r#"{{"auths":{{"{}":{{"identitytoken":"id&tok"}}}}}}"#,
        registry.host
    );
    let store = || CredentialStore::from_docker_config(config.as_bytes()).unwrap();
    registry.on(|seen| {
        let form = "grant_type=refresh_token&client_id=palisade&service=svc\
             &scope=repository%3Aacme%2Fapp%3Apull&refresh_token=id%26tok";
        let good = seen.is(&Method::POST, "/token") && seen.body == form.as_bytes();
        good.then(|| reply(200, &[], r#"{"access_token":"good"}"#))
    });
    let pinned = registry.pin(&image.digest);
    client_with(store()).manifest(&pinned).await.unwrap();
    registry.on(|seen| {
        seen.is(&Method::POST, "/token")
            .then(|| reply(404, &[], ""))
    });
    registry.on(|seen| {
        // `<token>:id&tok`
        let shown = seen.authorization() == Some("Basic PHRva2VuPjppZCZ0b2s=");
        (seen.is(&Method::GET, "/token") && shown).then(|| reply(200, &[], r#"{"token":"good"}"#))
    });
    client_with(store()).manifest(&pinned).await.unwrap();
}

#[tokio::test]
async fn who_may_push_needs_no_second_token_to_pull() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    demand_token(&registry, &format!("http://{}/token", registry.host));
    registry.on(token_service);
    let client = client_with(with_password(&registry));
    let pinned = registry.pin(&image.digest);
    let bytes = registry.manifest("v1").unwrap().to_string();
    let kind = palisade_oci::media::OCI_MANIFEST;
    client
        .push_manifest(pinned.repository(), None, bytes.as_bytes(), kind)
        .await
        .unwrap();
    client.manifest(&pinned).await.unwrap();
    let tokens = registry
        .log()
        .iter()
        .filter(|seen| seen.path == "/token")
        .count();
    assert_eq!(tokens, 1);
}
