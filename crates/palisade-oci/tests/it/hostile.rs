//! A registry that lies, floods, redirects and stalls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::Method;
use futures_util::stream;
use palisade_oci::{CredentialStore, Error, limits, media};
use palisade_types::{Descriptor, Digest};

use crate::registry::{Registry, client, client_with, reply};

fn endless() -> Body {
    let piece = Bytes::from(vec![b' '; 1 << 16]);
    Body::from_stream(stream::repeat_with(move || {
        Ok::<_, std::io::Error>(piece.clone())
    }))
}

#[tokio::test]
async fn a_head_that_lies_is_caught_by_the_bytes() {
    let registry = Registry::start().await;
    registry.put_image("v1", ("linux", "amd64"));
    let other = registry.put_image("v2", ("linux", "amd64"));
    let bytes = registry.manifest("v1").unwrap().to_string();
    let path = format!("/manifests/{}", other.digest);
    registry.on(move |seen| {
        let headers = [("content-type", media::OCI_MANIFEST)];
        seen.is(&Method::GET, &path)
            .then(|| reply(200, &headers, bytes.clone()))
    });
    let error = client().resolve(&registry.image("v2")).await.unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}

#[tokio::test]
async fn a_head_that_names_nothing_is_no_absent_image() {
    let registry = Registry::start().await;
    let nothing = Digest::sha256_of(b"nothing").to_string();
    registry.on(move |seen| {
        let headers = [("docker-content-digest", nothing.as_str())];
        seen.is(&Method::HEAD, "/manifests/v1")
            .then(|| reply(200, &headers, ""))
    });
    let error = client().resolve(&registry.image("v1")).await.unwrap_err();
    assert!(!error.is_answer(), "{error}");
    let absent = client().resolve(&registry.image("v2")).await.unwrap_err();
    assert!(absent.is_answer(), "{absent}");
}

#[tokio::test]
async fn a_tag_that_moves_between_two_requests_changes_nothing() {
    let registry = Registry::start().await;
    let first = registry.put_image("v1", ("linux", "amd64"));
    let second = registry.put_image("other", ("linux", "amd64"));
    let asked = AtomicU64::new(0);
    let (before, after) = (first.digest.to_string(), second.digest.to_string());
    registry.on(move |seen| {
        seen.path.ends_with("/manifests/v1").then(|| {
            let digest = if asked.fetch_add(1, Ordering::Relaxed) == 0 {
                &before
            } else {
                &after
            };
            reply(200, &[("docker-content-digest", digest)], "")
        })
    });
    let subject = client().freeze(registry.image("v1")).await.unwrap();
    assert_eq!(subject.image.digest(), &first.digest);
    assert_eq!(subject.leaves[0].manifest, first.digest);
    let by_tag = registry
        .lines()
        .iter()
        .filter(|line| line.ends_with("/v1"))
        .count();
    assert_eq!(by_tag, 1);
}

#[tokio::test]
async fn an_endless_manifest_stops_at_the_limit() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.on(|seen| {
        let headers = [("content-type", media::OCI_MANIFEST)];
        seen.is(&Method::GET, "/manifests/")
            .then(|| reply(200, &headers, endless()))
    });
    let error = client()
        .manifest(&registry.pin(&image.digest))
        .await
        .unwrap_err();
    let limit = limits::MANIFEST;
    assert!(
        matches!(error, Error::LimitExceeded { limit: l, .. } if l == limit),
        "{error}"
    );
}

#[tokio::test]
async fn an_endless_error_is_cut_and_shown() {
    let registry = Registry::start().await;
    registry.on(|_| Some(reply(418, &[], endless())));
    let error = client()
        .manifest(&registry.pin(&Digest::sha256_of(b"x")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains("418"), "{error}");
}

#[tokio::test]
async fn the_content_type_must_be_the_documents_own() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let bytes = registry.manifest("v1").unwrap().to_string();
    let pinned = registry.pin(&image.digest);
    assert!(client().manifest(&pinned).await.is_ok());
    for content_type in [media::DOCKER_MANIFEST, media::OCI_INDEX, "text/html"] {
        let bytes = bytes.clone();
        registry.on(move |_| Some(reply(200, &[("content-type", content_type)], bytes.clone())));
        let error = client().manifest(&pinned).await.unwrap_err();
        assert!(
            matches!(error, Error::Garbled { .. }),
            "{content_type}: {error}"
        );
    }
}

#[tokio::test]
async fn repeated_keys_in_a_manifest_are_refused() {
    let registry = Registry::start().await;
    registry.put_image("v1", ("linux", "amd64"));
    let good = registry.manifest("v1").unwrap().to_string();
    let bad = good.replacen('{', r#"{"layers":[],"#, 1);
    let bad = registry.put_manifest(media::OCI_MANIFEST, bad.as_bytes(), Some("bad"));
    let error = client()
        .manifest(&registry.pin(&bad.digest))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("stands twice"), "{error}");
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.on(|_| {
        let headers = [
            ("content-encoding", "gzip"),
            ("content-type", media::OCI_MANIFEST),
        ];
        Some(reply(200, &headers, "x"))
    });
    let error = client()
        .manifest(&registry.pin(&image.digest))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("compressed"), "{error}");
    let asked = &registry.log()[0];
    assert_eq!(asked.headers["accept-encoding"], "identity");
}

#[tokio::test]
async fn blobs_that_are_longer_shorter_or_other_than_declared_are_refused() {
    let registry = Registry::start().await;
    let blob = registry.put_blob("x", b"0123456789");
    let repository = registry.repository();
    assert_eq!(
        client().blob(&repository, &blob, 10).await.unwrap(),
        b"0123456789"
    );
    for size in [9, 11] {
        let lie = Descriptor {
            size,
            ..blob.clone()
        };
        let error = client().blob(&repository, &lie, 100).await.unwrap_err();
        assert!(matches!(error, Error::Garbled { .. }), "{size}: {error}");
    }
    registry.on(|_| Some(reply(200, &[], "012345678X")));
    let error = client().blob(&repository, &blob, 10).await.unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    registry.on(|_| Some(reply(200, &[], endless())));
    let error = client().blob(&repository, &blob, 10).await.unwrap_err();
    assert!(matches!(error, Error::Garbled { .. }), "{error}");
}

#[tokio::test]
async fn a_blob_declared_too_large_is_not_asked_for() {
    let registry = Registry::start().await;
    let mut blob = registry.put_blob("x", b"0123456789");
    blob.size = 1 << 40;
    let error = client()
        .blob(&registry.repository(), &blob, limits::BUNDLE)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::LimitExceeded { .. }), "{error}");
    assert!(registry.log().is_empty());
}

#[tokio::test]
async fn a_broken_transfer_continues_where_it_stopped() {
    let registry = Registry::start().await;
    let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let blob = registry.put_blob("x", &bytes);
    let whole = Bytes::from(bytes.clone());
    registry.on(move |seen| {
        let range = seen
            .headers
            .get("range")
            .map(|r| r.to_str().unwrap().to_owned());
        let start: usize = match range {
            // Breaks off in the middle, once the first half is on its way.
            None => {
                let half = whole.slice(..whole.len() / 2);
                let first = stream::iter([Ok(half)]);
                let cut = stream::once(async {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Err(std::io::Error::other("cut"))
                });
                let pieces = futures_util::StreamExt::chain(first, cut);
                return Some(reply(200, &[], Body::from_stream(pieces)));
            }
            Some(range) => range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .unwrap(),
        };
        let total = whole.len();
        let content_range = format!("bytes {start}-{}/{total}", total - 1);
        Some(reply(
            206,
            &[("content-range", &content_range)],
            whole.slice(start..),
        ))
    });
    let got = client()
        .blob(&registry.repository(), &blob, 1 << 20)
        .await
        .unwrap();
    assert!(got == bytes);
    assert_eq!(registry.log().len(), 2);
}

#[tokio::test]
async fn a_redirect_to_another_server_gets_no_authorization() {
    let storage = Registry::start().await;
    let registry = Registry::start().await;
    let blob = storage.put_blob("x", b"content");
    let digest = blob.digest.clone();
    let host = storage.host.clone();
    registry.on(move |seen| {
        if seen.authorization() != Some("Basic dXNlcjpwdw==") {
            return Some(reply(401, &[("www-authenticate", "Basic realm=\"r\"")], ""));
        }
        let location = format!("http://{host}/v2/acme/app/blobs/{digest}?signature=s");
        Some(reply(307, &[("location", &location)], ""))
    });
    let store = CredentialStore::anonymous().with_password(&registry.host, "user", "pw");
    let got = client_with(store)
        .blob(&registry.repository(), &blob, 100)
        .await
        .unwrap();
    assert_eq!(got, b"content");
    assert_eq!(
        registry.log()[1].authorization(),
        Some("Basic dXNlcjpwdw==")
    );
    assert_eq!(storage.log().len(), 1);
    assert_eq!(storage.log()[0].authorization(), None);
}

#[tokio::test]
async fn redirects_that_loop_or_leave_http_end() {
    let registry = Registry::start().await;
    let pinned = registry.pin(&Digest::sha256_of(b"x"));
    registry.on(|seen| Some(reply(302, &[("location", &seen.path)], "")));
    let error = client().manifest(&pinned).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert_eq!(registry.log().len(), limits::REDIRECTS + 1);
    for bad in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://192.0.2.1/x",
        "http://[",
    ] {
        registry.on(move |_| Some(reply(302, &[("location", bad)], "")));
        let error = client().manifest(&pinned).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{bad}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_stalls_costs_the_deadline_and_no_more() {
    let registry = Registry::start().await;
    registry.on(|_| {
        let stalled = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        Some(reply(
            200,
            &[("content-type", media::OCI_MANIFEST)],
            stalled,
        ))
    });
    let client = palisade_oci::Client::new(palisade_oci::ClientOptions {
        deadline: Duration::from_millis(700),
        ..Default::default()
    });
    let started = Instant::now();
    let error = client
        .manifest(&registry.pin(&Digest::sha256_of(b"x")))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn words_of_the_server_cannot_reach_the_terminal_raw() {
    let registry = Registry::start().await;
    registry.on(|_| Some(reply(403, &[], "\u{1b}[2J\u{202e}pwned")));
    let error = client()
        .manifest(&registry.pin(&Digest::sha256_of(b"x")))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Denied { .. }), "{text}");
    assert!(text.contains("pwned") && !text.contains('\u{1b}') && !text.contains('\u{202e}'));
}

#[tokio::test]
async fn a_page_on_another_server_and_endless_pages_are_refused() {
    let registry = Registry::start().await;
    let asked = Arc::new(AtomicU64::new(0));
    let count = asked.clone();
    registry.on(move |seen| {
        count.fetch_add(1, Ordering::Relaxed);
        let link = format!("<{}>; rel=\"next\"", seen.path);
        Some(reply(200, &[("link", &link)], r#"{"tags":["a"]}"#))
    });
    let error = client().tags(&registry.repository()).await.unwrap_err();
    assert!(matches!(error, Error::LimitExceeded { .. }), "{error}");
    assert_eq!(asked.load(Ordering::Relaxed), limits::PAGES as u64);
    registry.on(|_| {
        let link = "<http://127.0.0.1:1/v2/x>; rel=\"next\"";
        Some(reply(200, &[("link", link)], r#"{"tags":["a"]}"#))
    });
    let error = client().tags(&registry.repository()).await.unwrap_err();
    assert!(error.to_string().contains("another server"), "{error}");
}
