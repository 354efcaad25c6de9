//! Who is never shown a password: the rows `cred_…` of the list of attacks.

use axum::http::Method;
use palisade_oci::{Client, ClientOptions, CredentialStore, Error};
use palisade_types::{Digest, ImageRef};

use crate::registry::{Registry, Seen, client_with, reply};
use crate::tls::Internet;

const BASIC: &str = "Basic dXNlcjpwdw==";

fn password(host: &str) -> CredentialStore {
    CredentialStore::anonymous().with_password(host, "user", "pw")
}

/// A client with a password for this registry, which has no other way out than to it.
fn client_of(internet: &Internet) -> Client {
    Client::new(ClientOptions {
        credentials: password(&internet.registry.host),
        ..internet.options()
    })
}

fn shown(registry: &Registry) -> Vec<Seen> {
    let log = registry.log().into_iter();
    log.filter(|seen| seen.authorization() == Some(BASIC))
        .collect()
}

fn demand(registry: &Registry, realm: &str) {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"svc\"");
    registry.on(move |seen| {
        let refused = seen.path.starts_with("/v2/") && seen.authorization() != Some("Bearer good");
        refused.then(|| reply(401, &[("www-authenticate", &challenge)], ""))
    });
    registry.on(|seen| {
        let token = r#"{"token":"good"}"#;
        (seen.path == "/token").then(|| reply(200, &[], token))
    });
}

/// Attack: `cred_realm_other_host` (CVE-2026-48978, CVE-2026-33540).
#[tokio::test]
async fn a_realm_elsewhere_gets_no_password_and_one_of_the_registrys_domain_does() {
    for (host, realm, gets_it) in [
        ("ghcr.io", "https://ghcr.io/token", true),
        ("registry.gitlab.com", "https://gitlab.com/token", true),
        ("ghcr.io", "https://evil.example/token", false),
        ("ghcr.io", "https://quay.io/token", false),
        ("quay.io", "https://quay.io@evil.example/token", false),
    ] {
        let internet = Internet::start(host).await;
        let image = internet.registry.put_image("v1", ("linux", "amd64"));
        demand(&internet.registry, realm);
        let pinned = internet.registry.pin(&image.digest);
        // The token that was given to an anonymous reader works.
        client_of(&internet).manifest(&pinned).await.unwrap();
        let shown = shown(&internet.registry);
        assert_eq!(shown.len(), usize::from(gets_it), "{host} {realm}");
        assert!(shown.iter().all(|seen| realm.contains(&seen.host)));
    }
}

/// Attack: `cred_realm_other_host`, `cred_unexpected_auth`: addresses that are nobody's token
/// service are not even visited.
#[tokio::test]
async fn a_realm_in_the_clear_or_at_home_is_not_visited() {
    for realm in [
        "http://ghcr.io/token",
        "https://169.254.169.254/token",
        "https://[fd00:ec2::254]/token",
        "https://10.0.0.1/token",
        "https://127.0.0.1/token",
        "https://localhost/token",
        "https://0x7f.1/token",
        "file:///etc/passwd",
    ] {
        let internet = Internet::start("ghcr.io").await;
        demand(&internet.registry, realm);
        let pinned = internet.registry.pin(&Digest::sha256_of(b"x"));
        let error = client_of(&internet).manifest(&pinned).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{realm}: {error}");
        assert_eq!(internet.connects(), ["ghcr.io:443"], "{realm}");
    }
}

/// Attack: `cred_unexpected_auth`: a token service with a certificate that is not its own.
#[tokio::test]
async fn a_token_service_with_a_bad_certificate_gets_nothing_even_under_a_lax_flag() {
    let internet = Internet::start("ghcr.io").await;
    let image = internet.registry.put_image("v1", ("linux", "amd64"));
    demand(
        &internet.registry,
        "https://not-in-the-certificate.example/token",
    );
    let mut options = internet.options();
    options.credentials = password("ghcr.io");
    options.tls.accept_any_certificate = true;
    let pinned = internet.registry.pin(&image.digest);
    let error = Client::new(options).manifest(&pinned).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(internet.registry.log().len(), 1);
}

/// Attack: `cred_location_other_host` (CVE-2026-50151).
#[tokio::test]
async fn an_upload_address_on_another_host_ends_the_upload() {
    for location in [
        "https://evil.example/v2/acme/app/blobs/uploads/1",
        "http://ghcr.io/v2/acme/app/blobs/uploads/1",
        "https://ghcr.io:444/v2/acme/app/blobs/uploads/1",
        "//evil.example/upload",
    ] {
        let internet = Internet::start("ghcr.io").await;
        internet.registry.on(move |seen| {
            let start = seen.is(&Method::POST, "/uploads/");
            start.then(|| reply(202, &[("location", location)], ""))
        });
        let blob = palisade_types::Descriptor::of("x", b"secret bytes");
        let source = palisade_oci::BlobSource::Bytes(b"secret bytes".to_vec());
        let repository = internet.registry.repository();
        let error = client_of(&internet)
            .push_blob(&repository, &blob.digest, blob.size, &source)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("another server"), "{error}");
        assert_eq!(internet.connects(), ["ghcr.io:443"], "{location}");
        let log = internet.registry.log();
        assert!(log.iter().all(|seen| seen.body.is_empty()));
    }
}

/// Attack: `cred_redirect` (GHSA-vh4v, CVE-2026-49349).
#[tokio::test]
async fn a_redirect_keeps_the_authorization_on_its_own_host_only() {
    for (target, keeps_it) in [
        ("https://ghcr.io/v2/acme/app/blobs/", true),
        ("https://storage.example/v2/acme/app/blobs/", false),
        ("https://ghcr.io:444/v2/acme/app/blobs/", false),
    ] {
        let internet = Internet::start("ghcr.io").await;
        let blob = internet.registry.put_blob("x", b"content");
        let location = format!("{target}{}?signature=s", blob.digest);
        internet.registry.on(move |seen| {
            if seen.query.contains("signature") {
                return None;
            }
            if seen.authorization() != Some(BASIC) {
                return Some(reply(401, &[("www-authenticate", "Basic realm=\"r\"")], ""));
            }
            Some(reply(307, &[("location", &location)], ""))
        });
        let repository = internet.registry.repository();
        let got = client_of(&internet).blob(&repository, &blob, 100).await;
        assert_eq!(got.unwrap(), b"content");
        let last = internet.registry.log().pop().unwrap();
        assert_eq!(last.authorization().is_some(), keeps_it, "{target}");
    }
}

/// Attack: `cred_redirect`: where we were sent may not ask for a login.
#[tokio::test]
async fn the_host_behind_a_redirect_is_not_logged_in_to() {
    let internet = Internet::start("ghcr.io").await;
    let blob = internet.registry.put_blob("x", b"content");
    let location = format!("https://storage.example/{}", blob.digest);
    internet.registry.on(move |seen| {
        if seen.host.starts_with("storage") {
            return Some(reply(401, &[("www-authenticate", "Basic realm=\"r\"")], ""));
        }
        Some(reply(307, &[("location", &location)], ""))
    });
    let repository = internet.registry.repository();
    let error = client_of(&internet).blob(&repository, &blob, 100).await;
    assert!(matches!(error, Err(Error::Denied { .. })));
    assert!(shown(&internet.registry).is_empty());
}

/// Attack: `cred_cloud_provider_host` (CVE-2025-27403, CVE-2024-35192).
#[tokio::test]
async fn a_host_that_resembles_a_clouds_gets_none_of_its_credentials() {
    let config = r#"{"auths":{
        "acme.azurecr.io":{"auth":"dXNlcjpwdw=="},
        "000000000000.dkr.ecr.eu-central-1.amazonaws.com":{"auth":"dXNlcjpwdw=="},
        "europe-docker.pkg.dev":{"auth":"dXNlcjpwdw=="}}}"#;
    let asked = async |host: &str| {
        let internet = Internet::start(host).await;
        internet.registry.on(|seen| {
            let known = seen.authorization() == Some(BASIC);
            (!known).then(|| reply(401, &[("www-authenticate", "Basic realm=\"r\"")], ""))
        });
        let store = CredentialStore::from_docker_config(config.as_bytes()).unwrap();
        let mut options = internet.options();
        options.credentials = store;
        let pinned = internet.registry.pin(&Digest::sha256_of(b"x"));
        let error = Client::new(options).manifest(&pinned).await.unwrap_err();
        (shown(&internet.registry).len(), error)
    };
    for cloud in [
        "acme.azurecr.io",
        "000000000000.dkr.ecr.eu-central-1.amazonaws.com",
        "europe-docker.pkg.dev",
    ] {
        let (shown, error) = asked(cloud).await;
        assert!(shown == 1 && error.is_answer(), "{cloud}: {error}");
    }
    for other in [
        "acme.azurecr.io.evil.example",
        "evilacme.azurecr.io",
        "000000000000.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
        "europe-docker.pkg.dev.evil.example",
    ] {
        let (shown, error) = asked(other).await;
        assert!(
            shown == 0 && error.to_string().contains("none is configured"),
            "{other}: {error}"
        );
    }
}

/// Attack: `cred_unexpected_auth`: a digest with path parts would be another address.
#[test]
fn a_digest_or_tag_with_path_parts_is_no_reference() {
    let hex = "a".repeat(64);
    assert!(
        format!("ghcr.io/a/b@sha256:{hex}")
            .parse::<ImageRef>()
            .is_ok()
    );
    for bad in [
        format!("ghcr.io/a/b@sha256:../../../../token?x={hex}"),
        format!("ghcr.io/a/b@sha256:{}/../x", &hex[5..]),
        format!("ghcr.io/a/b@sha256:{}%2f", &hex[3..]),
        "ghcr.io/a/b:../../x".to_owned(),
        "ghcr.io/a/../b:v1".to_owned(),
        "ghcr.io@evil.example/a/b".to_owned(),
        "ghcr.io/a/b?x=y:v1".to_owned(),
        "ghcr.io\\@evil.example/a:v1".to_owned(),
    ] {
        assert!(bad.parse::<ImageRef>().is_err(), "{bad}");
    }
}

/// Attack: `cred_unexpected_auth`: no credentials over HTTP except to this machine. The
/// registry is reached by a name that the caller listed, through a proxy for plain HTTP.
#[tokio::test]
async fn a_password_goes_over_plain_http_to_loopback_only() {
    let listed = Registry::start().await;
    let proxy = format!("http://{}", listed.host);
    for realm in [None, Some("http://registry.lan/token")] {
        listed.forget_log();
        listed.on(move |seen| {
            let challenge = match realm {
                None => "Basic realm=\"r\"".to_owned(),
                Some(realm) => format!("Bearer realm=\"{realm}\""),
            };
            let token = seen.path == "/token";
            Some(match seen.authorization() {
                _ if token => reply(200, &[], r#"{"token":"anonymous"}"#),
                Some("Bearer anonymous") => reply(403, &[], "anonymous may not"),
                _ => reply(401, &[("www-authenticate", &challenge)], ""),
            })
        });
        let client = Client::new(ClientOptions {
            credentials: password("registry.lan"),
            insecure_hosts: vec!["registry.lan".to_owned()],
            proxies: palisade_oci::Proxies::from_environment(|name| {
                (name == "HTTP_PROXY").then(|| proxy.clone())
            }),
            ..ClientOptions::default()
        });
        let image: ImageRef = "registry.lan/acme/app:v1".parse().unwrap();
        let error = client.resolve_digest(&image).await.unwrap_err();
        assert!(matches!(error, Error::Denied { .. }), "{error}");
        assert!(shown(&listed).is_empty());
        let hosts: Vec<_> = listed.log().into_iter().map(|seen| seen.host).collect();
        assert!(!hosts.is_empty() && hosts.iter().all(|h| h == "registry.lan"));
    }
    let here = Registry::start().await;
    here.put_image("v1", ("linux", "amd64"));
    here.on(|seen| {
        let known = seen.authorization() == Some(BASIC);
        (!known).then(|| reply(401, &[("www-authenticate", "Basic realm=\"r\"")], ""))
    });
    let client = client_with(password(&here.host));
    client.resolve_digest(&here.image("v1")).await.unwrap();
}
