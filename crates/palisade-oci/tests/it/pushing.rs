//! Uploads: the sequences on the wire, and where bytes and passwords never go.

use axum::http::Method;
use palisade_oci::{BlobSource, Error, media};
use palisade_types::Digest;
use serde_json::json;

use crate::registry::{Registry, client, reply};

fn methods(registry: &Registry) -> Vec<String> {
    registry
        .log()
        .iter()
        .map(|seen| seen.method.to_string())
        .collect()
}

#[tokio::test]
async fn a_small_blob_is_one_put_and_a_large_one_a_patch_and_a_put() {
    let registry = Registry::start().await;
    for (size, want) in [
        (0, vec!["HEAD", "POST", "PUT"]),
        (3, vec!["HEAD", "POST", "PUT"]),
        (5 << 20, vec!["HEAD", "POST", "PATCH", "PUT"]),
    ] {
        registry.forget_log();
        let bytes = vec![7; size];
        let digest = Digest::sha256_of(&bytes);
        let client = client();
        let repository = registry.repository();
        let source = BlobSource::Bytes(bytes);
        client
            .push_blob(&repository, &digest, size as u64, &source)
            .await
            .unwrap();
        assert_eq!(methods(&registry), want, "{size}");
        client
            .push_blob(&repository, &digest, size as u64, &source)
            .await
            .unwrap();
        assert_eq!(
            methods(&registry).len(),
            want.len() + 1,
            "what is there is not sent again"
        );
    }
}

#[tokio::test]
async fn a_file_is_streamed_from_where_the_blob_starts() {
    let registry = Registry::start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive");
    std::fs::write(&path, b"before|content|after").unwrap();
    let digest = Digest::sha256_of(b"content");
    let source = BlobSource::File { path, offset: 7 };
    client()
        .push_blob(&registry.repository(), &digest, 7, &source)
        .await
        .unwrap();
    let blob = palisade_types::Descriptor::of("x", b"content");
    let got = client()
        .blob(&registry.repository(), &blob, 10)
        .await
        .unwrap();
    assert_eq!(got, b"content");
}

#[tokio::test]
async fn other_bytes_than_announced_are_refused_by_the_registry_and_told() {
    let registry = Registry::start().await;
    let digest = Digest::sha256_of(b"good");
    let source = BlobSource::Bytes(b"evil".to_vec());
    let error = client()
        .push_blob(&registry.repository(), &digest, 4, &source)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("DIGEST_INVALID"), "{error}");
}

#[tokio::test]
async fn an_upload_address_on_another_server_gets_nothing() {
    let thief = Registry::start().await;
    let registry = Registry::start().await;
    let host = thief.host.clone();
    registry.on(move |seen| {
        let location = format!("http://{host}/v2/acme/app/blobs/uploads/1");
        let start = seen.method == Method::POST;
        start.then(|| reply(202, &[("location", &location)], ""))
    });
    let digest = Digest::sha256_of(b"x");
    let source = BlobSource::Bytes(b"x".to_vec());
    let error = client()
        .push_blob(&registry.repository(), &digest, 1, &source)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("another server"), "{error}");
    registry.on(|seen| (seen.method == Method::POST).then(|| reply(202, &[], "")));
    let error = client()
        .push_blob(&registry.repository(), &digest, 1, &source)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no upload address"), "{error}");
    assert!(thief.log().is_empty());
}

#[tokio::test]
async fn a_registry_that_stores_other_bytes_is_caught() {
    let registry = Registry::start().await;
    let other = Digest::sha256_of(b"other").to_string();
    registry.on(move |seen| {
        let headers = [("docker-content-digest", other.as_str())];
        (seen.method == Method::PUT).then(|| reply(201, &headers, ""))
    });
    let list = json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [] });
    let bytes = list.to_string();
    let push = client();
    let repository = registry.repository();
    let error = push
        .push_manifest(&repository, None, bytes.as_bytes(), media::OCI_INDEX)
        .await;
    assert!(
        matches!(error, Err(Error::DigestMismatch { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn tags_point_where_they_are_told_and_nothing_else_is_a_tag() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let pinned = registry.pin(&image.digest);
    let client = client();
    client.tag(&pinned, "stable").await.unwrap();
    assert_eq!(
        client
            .resolve_digest(&registry.image("stable"))
            .await
            .unwrap(),
        pinned
    );
    for bad in ["", "a/b", "../x", "a:b", "a@b", "a?b", &"x".repeat(129)] {
        let error = client.tag(&pinned, bad).await.unwrap_err();
        assert!(matches!(error, Error::Usage(_)), "{bad}: {error}");
    }
}

#[tokio::test]
async fn a_blob_the_registry_does_not_see_yet_is_waited_for_and_one_it_never_sees_is_told() {
    let registry = Registry::start().await;
    let body = r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown"}]}"#;
    let list = json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [] });
    let bytes = list.to_string();
    let repository = registry.repository();
    let asked = std::sync::atomic::AtomicU64::new(0);
    registry.on(move |seen| {
        let count = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        (seen.method == Method::PUT && count < 2).then(|| reply(400, &[], body))
    });
    let client = client();
    client
        .push_manifest(&repository, None, bytes.as_bytes(), media::OCI_INDEX)
        .await
        .unwrap();
    assert_eq!(registry.log().len(), 3);
    registry.on(move |_| Some(reply(400, &[], body)));
    let error = client
        .push_manifest(&repository, None, bytes.as_bytes(), media::OCI_INDEX)
        .await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("MANIFEST_BLOB_UNKNOWN"), "{error}");
}
