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

/// Pushes one blob, offered by this repository first; the methods that took.
async fn push_from(registry: &Registry, other: &str) -> Vec<String> {
    registry.forget_log();
    let digest = Digest::sha256_of(b"content");
    let source = BlobSource::Bytes(b"content".to_vec());
    let other = other.parse().unwrap();
    client()
        .push_blob_from(&registry.repository(), &digest, 7, &source, Some(&other))
        .await
        .unwrap();
    methods(registry)
}

#[tokio::test]
async fn a_blob_of_another_repository_is_mounted_and_else_uploaded() {
    let whole = ["HEAD", "POST", "PUT"];
    let refused = ["HEAD", "POST", "POST", "PUT"];
    for (status, want) in [
        (201, &["HEAD", "POST"][..]),
        (202, &whole),
        (400, &refused),
        (403, &refused),
        (404, &refused),
        (405, &refused),
    ] {
        let registry = Registry::start().await;
        registry.on(move |seen| {
            let session = [("location", "/v2/acme/app/blobs/uploads/9?_state=a%2Fb%3D")];
            let mount = seen.is(&Method::POST, "/uploads/") && !seen.query.is_empty();
            mount.then(|| reply(status, &session, ""))
        });
        let other = format!("{}/acme/base", registry.host);
        assert_eq!(push_from(&registry, &other).await, want, "{status}");
        let digest = Digest::sha256_of(b"content")
            .to_string()
            .replace(':', "%3A");
        let query = format!("mount={digest}&from=acme%2Fbase");
        assert_eq!(registry.log()[1].query, query);
    }
}

#[tokio::test]
async fn another_registrys_repository_and_the_same_one_are_not_offered() {
    let registry = Registry::start().await;
    let same = registry.repository().to_string();
    for other in ["ghcr.io/acme/base", same.as_str()] {
        let registry = Registry::start().await;
        assert_eq!(push_from(&registry, other).await, ["HEAD", "POST", "PUT"]);
        assert_eq!(registry.log()[1].query, "");
    }
    assert_eq!(push_from(&registry, &same).await, ["HEAD", "POST", "PUT"]);
}

#[tokio::test]
async fn a_mount_that_stored_something_else_is_an_error() {
    let registry = Registry::start().await;
    registry.on(|seen| {
        let other = Digest::sha256_of(b"other").to_string();
        let mount = seen.query.contains("mount=");
        mount.then(|| reply(201, &[("docker-content-digest", &other)], ""))
    });
    let other = format!("{}/acme/base", registry.host).parse().unwrap();
    let digest = Digest::sha256_of(b"content");
    let source = BlobSource::Bytes(b"content".to_vec());
    let error = client()
        .push_blob_from(&registry.repository(), &digest, 7, &source, Some(&other))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}

/// The token for a mount reads the other repository and writes ours, and no more.
#[tokio::test]
async fn a_mount_asks_for_the_scopes_it_needs() {
    let registry = Registry::start().await;
    let realm = format!("http://{}/token", registry.host);
    registry.on(move |seen| {
        if seen.path == "/token" {
            let both = seen.query.contains("acme%2Fbase");
            let token = if both { "both" } else { "one" };
            return Some(reply(200, &[], format!(r#"{{"token":"{token}"}}"#)));
        }
        let mount = seen.query.contains("mount=");
        let known = match seen.authorization() {
            Some("Bearer both") => true,
            Some("Bearer one") => !mount,
            _ => false,
        };
        let scope = if mount {
            "repository:acme/app:pull,push repository:acme/base:pull,delete registry:x:*"
        } else {
            "repository:acme/app:pull,push"
        };
        let challenge = format!("Bearer realm=\"{realm}\",scope=\"{scope}\"");
        if known && mount {
            return Some(reply(201, &[], ""));
        }
        (!known).then(|| reply(401, &[("www-authenticate", &challenge)], ""))
    });
    let other = format!("{}/acme/base", registry.host);
    push_from(&registry, &other).await;
    let tokens: Vec<_> = registry
        .log()
        .into_iter()
        .filter(|seen| seen.path == "/token")
        .map(|seen| {
            seen.query
                .replace("%3A", ":")
                .replace("%2F", "/")
                .replace("%2C", ",")
        })
        .collect();
    let ours = "scope=repository:acme/app:pull,push";
    assert_eq!(
        tokens,
        [
            ours.to_owned(),
            format!("{ours}&scope=repository:acme/base:pull")
        ]
    );
}

/// containerd notes in annotations where content came from. Whoever wrote the layout wrote them, so
/// nothing is asked of a repository that only they name.
#[tokio::test]
async fn a_layout_is_mounted_from_what_the_caller_names_and_never_from_what_it_names_itself() {
    let registry = Registry::start().await;
    registry.on(|seen| {
        let mount = seen.query.contains("from=acme%2Fours");
        mount.then(|| reply(201, &[], ""))
    });
    let dir = tempfile::tempdir().unwrap();
    let created = palisade_types::Timestamp::from_second(1_700_000_000).unwrap();
    let mut writer = palisade_oci::layout::LayoutWriter::create(dir.path(), created).unwrap();
    let mut layers = Vec::new();
    for (name, note) in [("a", registry.host.as_str()), ("b", "ghcr.io")] {
        let file = crate::layouts::file(name, name.as_bytes());
        let mut layer = writer.add_layer_from_files(&[file], "palisade").unwrap();
        let key = format!("containerd.io/distribution.source.{note}");
        layer
            .descriptor
            .annotations
            .insert(key, "acme/app,acme/base".to_owned());
        layers.push(layer);
    }
    let config = crate::layouts::config("linux/amd64");
    let image = writer.add_image(&config, &layers).unwrap();
    writer.finish(&image, None).unwrap();
    let to = registry.repository();
    let ours: palisade_types::Repository = format!("{}/acme/ours", registry.host).parse().unwrap();
    for (from, mounts) in [(Some(&ours), 3), (None, 0)] {
        registry.forget_log();
        palisade_oci::push_layout(&client(), dir.path(), &to, None, from)
            .await
            .unwrap();
        let log = registry.log();
        let asked: Vec<_> = log.iter().filter(|s| s.query.contains("mount=")).collect();
        assert_eq!(asked.len(), mounts, "{asked:?}");
        assert!(asked.iter().all(|s| s.query.contains("from=acme%2Fours")));
    }
    let elsewhere: palisade_types::Repository = "ghcr.io/acme/ours".parse().unwrap();
    let error = palisade_oci::push_layout(&client(), dir.path(), &to, None, Some(&elsewhere))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error}");
}
