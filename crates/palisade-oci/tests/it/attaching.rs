//! Attaching: the shape on the wire, and that no writer's entry gets lost.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use axum::http::Method;
use palisade_oci::{Client, ClientOptions, Error, LegacyTag, media};
use palisade_types::{Descriptor, Digest};
use serde_json::{Value, json};

use crate::registry::{Registry, bundle_attachment, client, reply};

fn fallback(registry: &Registry, digest: &Digest) -> Vec<Value> {
    let list = registry
        .manifest(&format!("sha256-{}", digest.hex()))
        .unwrap();
    list["manifests"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_attached_is_found_with_and_without_the_api() {
    for registry in [
        Registry::start().await,
        Registry::start().await.without_referrers_api(),
    ] {
        let image = registry.put_image("v1", ("linux", "amd64"));
        let pinned = registry.pin(&image.digest);
        let client = client();
        let attached = client
            .attach(&pinned, &image, &bundle_attachment("{}"))
            .await
            .unwrap();
        let found = client.bundles(&pinned).await.unwrap();
        assert_eq!(found.bundles.len(), 1);
        assert_eq!(&found.bundles[0].manifest, attached.digest());
        assert_eq!(found.bundles[0].bytes, b"{}");
        let hint = found.bundles[0].predicate_hint.as_deref();
        assert_eq!(hint, Some("https://slsa.dev/provenance/v1"));
    }
}

#[tokio::test]
async fn the_manifest_has_the_shape_cosign_reads() {
    let registry = Registry::start().await.without_referrers_api();
    let image = registry.put_image("v1", ("linux", "amd64"));
    let pinned = registry.pin(&image.digest);
    let attached = client()
        .attach(&pinned, &image, &bundle_attachment("{}"))
        .await
        .unwrap();
    let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let annotations = json!({
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1",
        "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
    });
    let want = json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_MANIFEST,
        "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2 },
        "layers": [{
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "digest": empty,
            "size": 2,
        }],
        "subject": { "mediaType": media::OCI_MANIFEST, "digest": image.digest, "size": image.size },
        "annotations": annotations,
    });
    let digest = attached.digest().to_string();
    assert_eq!(registry.manifest(&digest), Some(want));
    let entry = fallback(&registry, &image.digest).remove(0);
    assert_eq!(entry["artifactType"], media::SIGSTORE_BUNDLE);
    assert_eq!(entry["annotations"], annotations);
    assert_eq!(entry["digest"], digest);
}

#[tokio::test]
async fn attaching_again_changes_nothing() {
    let registry = Registry::start().await.without_referrers_api();
    let image = registry.put_image("v1", ("linux", "amd64"));
    let pinned = registry.pin(&image.digest);
    let client = client();
    let first = client
        .attach(&pinned, &image, &bundle_attachment("{}"))
        .await
        .unwrap();
    registry.forget_log();
    let second = client
        .attach(&pinned, &image, &bundle_attachment("{}"))
        .await
        .unwrap();
    assert_eq!(first, second);
    assert_eq!(fallback(&registry, &image.digest).len(), 1);
    let wrote_tag = registry
        .lines()
        .iter()
        .any(|l| l.starts_with("PUT") && l.contains("sha256-"));
    assert!(!wrote_tag);
}

#[tokio::test]
async fn entries_and_fields_of_others_stay() {
    let registry = Registry::start().await.without_referrers_api();
    let image = registry.put_image("v1", ("linux", "amd64"));
    let theirs = json!({
        "mediaType": media::OCI_MANIFEST, "digest": Digest::sha256_of(b"theirs"), "size": 6,
        "data": "eA==", "x-unknown": [1, 2],
    });
    let list = json!({
        "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [theirs], "x-own": true,
    });
    let tag = format!("sha256-{}", image.digest.hex());
    registry.put_manifest(media::OCI_INDEX, list.to_string().as_bytes(), Some(&tag));
    let pinned = registry.pin(&image.digest);
    client()
        .attach(&pinned, &image, &bundle_attachment("{}"))
        .await
        .unwrap();
    assert_eq!(fallback(&registry, &image.digest)[0], theirs);
    assert_eq!(registry.manifest(&tag).unwrap()["x-own"], true);
}

/// Attack: `reg_lost_update`.
#[tokio::test]
async fn ten_writers_at_once_all_survive() {
    for registry in [
        Registry::start().await.without_referrers_api(),
        Registry::start()
            .await
            .without_referrers_api()
            .heeding_conditions(),
    ] {
        let image = registry.put_image("v1", ("linux", "amd64"));
        let pinned = registry.pin(&image.digest);
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..10 {
            let (pinned, image) = (pinned.clone(), image.clone());
            // A client each, so that they do not know of each other, like ten CI jobs.
            writers.spawn(async move {
                let artifact = bundle_attachment(&format!("{{\"n\":{number}}}"));
                client()
                    .attach(&pinned, &image, &artifact)
                    .await
                    .unwrap()
                    .digest()
                    .to_string()
            });
        }
        let written: BTreeSet<String> = writers.join_all().await.into_iter().collect();
        let listed: BTreeSet<String> = fallback(&registry, &image.digest)
            .iter()
            .map(|entry| entry["digest"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(written.len(), 10);
        assert_eq!(listed, written);
    }
}

/// Attaches a hundred bundles at once, each with the client that it is given, and says how long
/// it took.
async fn a_hundred_writers(client_of: impl Fn() -> Client, registry: &Registry) -> Duration {
    let image = registry.put_image("v1", ("linux", "amd64"));
    let pinned = registry.pin(&image.digest);
    let began = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..100 {
        let (client, pinned, image) = (client_of(), pinned.clone(), image.clone());
        writers.spawn(async move {
            let artifact = bundle_attachment(&format!("{{\"n\":{number}}}"));
            let attached = client.attach(&pinned, &image, &artifact).await.unwrap();
            attached.digest().to_string()
        });
    }
    let written: BTreeSet<String> = writers.join_all().await.into_iter().collect();
    let listed: BTreeSet<String> = fallback(registry, &image.digest)
        .iter()
        .map(|entry| entry["digest"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(written.len(), 100);
    assert_eq!(listed, written);
    began.elapsed()
}

#[tokio::test]
async fn a_hundred_writers_of_one_process_share_a_few_writes() {
    let registry = Registry::start().await.without_referrers_api();
    let shared = client();
    let took = a_hundred_writers(|| shared.clone(), &registry).await;
    assert!(took < Duration::from_secs(20), "{took:?}");
    let lines = registry.lines();
    let wrote = |line: &&String| line.starts_with("PUT") && line.contains("/manifests/sha256-");
    let writes = lines.iter().filter(wrote).count();
    assert!(writes <= 10, "{writes} writes of the list");
}

/// Attack: `reg_lost_update`.
#[tokio::test]
async fn a_hundred_writers_that_do_not_know_of_each_other_all_survive() {
    let registry = Registry::start().await.without_referrers_api();
    let took = a_hundred_writers(client, &registry).await;
    assert!(took < Duration::from_mins(1), "{took:?}");
}

#[tokio::test]
async fn attached_but_not_listable_is_an_error() {
    let registry = Registry::start().await.without_referrers_api();
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.on(|seen| {
        let refused = seen.is(&Method::PUT, "/manifests/sha256-");
        refused.then(|| reply(409, &[], "tag is immutable"))
    });
    let pinned = registry.pin(&image.digest);
    let error = client()
        .attach(&pinned, &image, &bundle_attachment("{}"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unlisted { .. }), "{error}");
    assert!(error.to_string().contains("tag is immutable"), "{error}");
}

#[tokio::test]
async fn a_registry_that_answers_the_image_under_its_list_tag_cannot_list() {
    let registry = Registry::start().await.without_referrers_api();
    let image = registry.put_image("v1", ("linux", "amd64"));
    let bytes = registry.manifest("v1").unwrap().to_string();
    registry.on(move |seen| {
        let headers = [("content-type", media::OCI_MANIFEST)];
        seen.is(&Method::GET, "/manifests/sha256-")
            .then(|| reply(200, &headers, bytes.clone()))
    });
    let pinned = registry.pin(&image.digest);
    let error = client()
        .attach(&pinned, &image, &bundle_attachment("{}"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unlisted { .. }), "{error}");
}

#[tokio::test]
async fn nothing_is_attached_to_an_image_that_is_not_there() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let mut other = image.clone();
    other.digest = Digest::sha256_of(b"other");
    let pinned = registry.pin(&other.digest);
    let error = client()
        .attach(&pinned, &other, &bundle_attachment("{}"))
        .await
        .unwrap_err();
    assert!(error.is_answer(), "{error}");
    assert!(registry.lines().iter().all(|line| line.starts_with("HEAD")));
    let error = client()
        .attach(&pinned, &image, &bundle_attachment("{}"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error}");
}

/// A client that gives up after a second.
fn impatient() -> Client {
    Client::new(ClientOptions {
        deadline: Duration::from_secs(1),
        ..ClientOptions::default()
    })
}

#[tokio::test]
async fn a_list_that_never_shows_the_artifact_is_an_error() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.on(|seen| {
        let headers = [("content-type", media::OCI_INDEX)];
        let empty = r#"{"schemaVersion":2,"manifests":[]}"#;
        seen.is(&Method::GET, "/referrers/")
            .then(|| reply(200, &headers, empty))
    });
    let pinned = registry.pin(&image.digest);
    let error = impatient()
        .attach(&pinned, &image, &bundle_attachment("{}"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unlisted { .. }), "{error}");
}

/// Attack: `reg_write_not_visible`.
#[tokio::test]
async fn a_fallback_tag_that_is_written_and_not_shown_is_an_error() {
    let registry = Registry::start().await.without_referrers_api();
    let image = registry.put_image("v1", ("linux", "amd64"));
    // The registry says that it took the list, and goes on serving the old one.
    registry.on(|seen| {
        seen.is(&Method::PUT, "/manifests/sha256-")
            .then(|| reply(201, &[], ""))
    });
    let pinned = registry.pin(&image.digest);
    let error = impatient()
        .attach(&pinned, &image, &bundle_attachment("{}"))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unlisted { .. }), "{error}");
}

#[tokio::test]
async fn a_registry_that_claims_the_api_and_lacks_it_gets_the_tag() {
    // ECR answered `OCI-Subject` without having the API; only the list itself is believed.
    let registry = Registry::start()
        .await
        .without_referrers_api()
        .claiming_subjects();
    let image = registry.put_image("v1", ("linux", "amd64"));
    let pinned = registry.pin(&image.digest);
    client()
        .attach(&pinned, &image, &bundle_attachment("{}"))
        .await
        .unwrap();
    assert_eq!(fallback(&registry, &image.digest).len(), 1);
}

#[tokio::test]
async fn several_images_share_the_bytes_of_what_is_attached_to_them() {
    let registry = Registry::start().await;
    let images: Vec<_> = ["arm64", "amd64", "riscv64"]
        .map(|architecture| registry.put_image("v1", ("linux", architecture)))
        .into();
    let subjects: Vec<_> = images
        .iter()
        .map(|image| (registry.pin(&image.digest), image.clone()))
        .collect();
    registry.forget_log();
    let client = client();
    let attached = client.attach_all(&subjects, &bundle_attachment("[]")).await;
    let attached = attached.unwrap();
    let lines = registry.lines();
    // Both blobs once: is it there, an upload, its bytes. Each image: is it there, its
    // attachment, and is that listed.
    assert_eq!(lines.len(), 2 * 3 + 3 * images.len(), "{lines:#?}");
    for ((subject, _), attached) in subjects.iter().zip(&attached) {
        let found = client.bundles(subject).await.unwrap();
        assert_eq!(found.bundles.len(), 1);
        assert_eq!(&found.bundles[0].manifest, attached.digest());
    }
}

#[tokio::test]
async fn nothing_is_attached_to_anything_when_one_image_is_not_there() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let mut absent = image.clone();
    absent.digest = Digest::sha256_of(b"absent");
    let subjects = [image, absent].map(|image| (registry.pin(&image.digest), image));
    registry.forget_log();
    let error = client()
        .attach_all(&subjects, &bundle_attachment("[]"))
        .await;
    assert!(matches!(error, Err(Error::NotFound { .. })), "{error:?}");
    let lines = registry.lines();
    assert!(
        lines.iter().all(|line| line.starts_with("HEAD")),
        "{lines:#?}"
    );
}

/// Attack: `reg_lost_update`, in the tag of cosign's older format.
#[tokio::test]
async fn ten_writers_of_an_older_tag_all_survive_and_so_does_what_was_there() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let pinned = registry.pin(&image.digest);
    let add = |number: usize| {
        let pinned = pinned.clone();
        async move {
            let annotations = [(
                "dev.cosignproject.cosign/signature".to_owned(),
                number.to_string(),
            )];
            let annotations = annotations.into();
            let client = client();
            // One payload for all, as cosign's signers of one image have.
            let (kind, media_type) = (LegacyTag::Signatures, "application/json");
            client
                .add_legacy_layer(&pinned, kind, media_type, b"{}", annotations)
                .await
                .unwrap()
        }
    };
    let tag = add(0).await;
    let mut theirs = registry.manifest(tag.tag().unwrap()).unwrap();
    theirs["annotations"] = json!({"x-theirs": "stays"});
    let bytes = theirs.to_string();
    registry.put_manifest(media::OCI_MANIFEST, bytes.as_bytes(), tag.tag());
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..10 {
        writers.spawn(add(number));
    }
    writers.join_all().await;
    let manifest = registry.manifest(tag.tag().unwrap()).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    // The first was there, and writing it again changed nothing.
    assert_eq!(layers.len(), 10, "{layers:#?}");
    assert_eq!(manifest["annotations"]["x-theirs"], "stays");
    let config: Descriptor = serde_json::from_value(manifest["config"].clone()).unwrap();
    let client = client();
    let config = client.blob(pinned.repository(), &config, 1 << 20);
    let config: Value = serde_json::from_slice(&config.await.unwrap()).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 10);
}

/// Attack: `reg_write_not_visible`, in the tag of cosign's older format.
#[tokio::test]
async fn an_older_tag_that_is_written_and_not_shown_is_an_error() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.on(|seen| {
        seen.is(&Method::PUT, "/manifests/sha256-")
            .then(|| reply(201, &[], ""))
    });
    let pinned = registry.pin(&image.digest);
    let (kind, media_type) = (LegacyTag::Attestations, "application/json");
    let error = impatient()
        .add_legacy_layer(&pinned, kind, media_type, b"{}", [].into())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unlisted { .. }), "{error}");
}
