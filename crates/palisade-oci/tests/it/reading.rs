//! Resolving, freezing, tags: how many requests, and whose word counts.

use palisade_oci::{Category, Error, Location, media};
use palisade_types::{Descriptor, Digest, Platform};
use serde_json::json;

use crate::registry::{Registry, client, index, reply};

fn platform(text: &str) -> Platform {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_tag_costs_head_and_get_and_a_digest_one_get() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let client = client();
    let resolved = client.resolve(&registry.image("v1")).await.unwrap();
    assert_eq!(resolved.image.digest(), &image.digest);
    assert_eq!(resolved.manifest.descriptor, image);
    let lines = [
        "HEAD /v2/acme/app/manifests/v1".to_owned(),
        format!("GET /v2/acme/app/manifests/{}", image.digest),
    ];
    assert_eq!(registry.lines(), lines);
    registry.forget_log();
    let pinned = registry.pin(&image.digest);
    let fresh = crate::registry::client();
    fresh
        .resolve(&pinned.to_string().parse().unwrap())
        .await
        .unwrap();
    assert_eq!(registry.lines(), lines[1..]);
    assert_eq!((client.requests_made(), fresh.requests_made()), (2, 1));
}

#[tokio::test]
async fn resolving_only_the_digest_costs_one_head() {
    let registry = Registry::start().await;
    let image = registry.put_image("latest", ("linux", "amd64"));
    let client = client();
    let reference = registry.repository().to_string().parse().unwrap();
    let pinned = client.resolve_digest(&reference).await.unwrap();
    assert_eq!(pinned, registry.pin(&image.digest));
    assert_eq!(registry.lines(), ["HEAD /v2/acme/app/manifests/latest"]);
}

#[tokio::test]
async fn without_a_digest_header_the_bytes_are_hashed() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.on(|seen| {
        seen.is(&"HEAD".parse().unwrap(), "/manifests/v1")
            .then(|| reply(200, &[], ""))
    });
    let pinned = client()
        .resolve_digest(&registry.image("v1"))
        .await
        .unwrap();
    assert_eq!(pinned, registry.pin(&image.digest));
}

#[tokio::test]
async fn what_is_missing_is_an_answer_and_an_outage_is_none() {
    let registry = Registry::start().await;
    let missing = client().resolve(&registry.image("v1")).await.unwrap_err();
    assert!(missing.is_answer(), "{missing}");
    assert_eq!(
        missing.to_string(),
        format!("{}: missing or not allowed", registry.image("v1"))
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let outage = client()
        .resolve(&format!("{closed}/a:1").parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(outage.category(), Category::Undecided, "{outage}");
    assert!(matches!(outage, Error::Unreachable { .. }), "{outage}");
}

#[tokio::test]
async fn offline_makes_no_request() {
    let registry = Registry::start().await;
    let options = palisade_oci::ClientOptions {
        offline: true,
        ..Default::default()
    };
    let client = palisade_oci::Client::new(options);
    let error = client.resolve(&registry.image("v1")).await.unwrap_err();
    assert!(matches!(error, Error::Offline { .. }));
    assert_eq!((registry.lines().len(), client.requests_made()), (0, 0));
}

#[tokio::test]
async fn freezing_an_index_reads_every_platform_and_leaves_attestations_out() {
    let registry = Registry::start().await;
    let amd64 = registry.put_image("a", ("linux", "amd64"));
    let arm64 = registry.put_image("b", ("linux", "arm64"));
    let with = |entry: &Descriptor, platform| Descriptor {
        platform,
        ..entry.clone()
    };
    let mut attestation = with(
        &registry.put_image("c", ("x", "y")),
        Some(platform("unknown/unknown")),
    );
    let kind = (
        "vnd.docker.reference.type".to_owned(),
        "attestation-manifest".to_owned(),
    );
    attestation.annotations.extend([kind]);
    // Without a platform the configuration tells.
    let entries = [
        with(&amd64, Some(platform("linux/amd64"))),
        with(&arm64, None),
        attestation.clone(),
    ];
    let bytes = index(&entries).to_string();
    let root = registry.put_manifest(media::OCI_INDEX, bytes.as_bytes(), Some("v1"));
    let subject = client().freeze(registry.image("v1")).await.unwrap();
    assert_eq!(subject.image, registry.pin(&root.digest));
    assert_eq!(subject.resolved_from.as_deref(), Some("v1"));
    assert_eq!(subject.index.as_ref(), Some(&root.digest));
    let leaves: Vec<_> = subject
        .leaves
        .iter()
        .map(|l| (l.platform.to_string(), &l.manifest))
        .collect();
    let want = [
        ("linux/amd64".to_owned(), &amd64.digest),
        ("linux/arm64".to_owned(), &arm64.digest),
    ];
    assert_eq!(leaves, want);
    let ignored: Vec<_> = subject.ignored.iter().map(|i| &i.digest).collect();
    assert_eq!(ignored, [&attestation.digest]);
    let leaf = &subject.leaves[0];
    assert!(
        subject.identities().contains(&leaf.config)
            && subject.identities().contains(&leaf.layers[0])
    );
}

#[tokio::test]
async fn a_runnable_manifest_cannot_hide_as_an_attestation() {
    let registry = Registry::start().await;
    let mut image = registry.put_image("a", ("linux", "amd64"));
    image.platform = Some(platform("linux/amd64"));
    let kind = (
        "vnd.docker.reference.type".to_owned(),
        "attestation-manifest".to_owned(),
    );
    image.annotations.extend([kind]);
    let bytes = index(&[image.clone()]).to_string();
    registry.put_manifest(media::OCI_INDEX, bytes.as_bytes(), Some("v1"));
    let subject = client().freeze(registry.image("v1")).await.unwrap();
    assert_eq!(subject.leaves[0].manifest, image.digest);
}

/// podman and its kin pick by platform and look at no media type of an entry; Docker takes
/// configurations of several types that are no image's. What may run has to be examined.
#[tokio::test]
async fn a_runnable_manifest_cannot_hide_behind_a_media_type() {
    let registry = Registry::start().await;
    let good = registry.put_image("good", ("linux", "amd64"));
    let on = |entry: Descriptor| Descriptor {
        platform: Some(platform("linux/amd64")),
        ..entry
    };
    let mut strange = on(registry.put_image("strange", ("linux", "amd64")));
    strange.media_type = "application/x-evil+json".to_owned();
    let odd_config = registry.put_artifact(&good, &[]);
    let nowhere = |entry: &Descriptor| Descriptor {
        platform: Some(platform("unknown/unknown")),
        ..entry.clone()
    };
    let cases = [
        (strange.clone(), false),
        (on(odd_config.clone()), false),
        (odd_config.clone(), false),
        (nowhere(&strange), true),
        (nowhere(&odd_config), true),
    ];
    for (hidden, harmless) in cases {
        let bytes = index(&[hidden.clone(), on(good.clone())]).to_string();
        registry.put_manifest(media::OCI_INDEX, bytes.as_bytes(), Some("v1"));
        let subject = client().freeze(registry.image("v1")).await;
        assert_eq!(subject.is_ok(), harmless, "{hidden:?}");
        if let Err(error) = subject {
            assert_eq!(error.category(), Category::Undecided, "{error}");
        }
    }
}

#[tokio::test]
async fn an_image_without_an_index_is_its_own_leaf() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "s390x"));
    let pinned = registry.pin(&image.digest);
    let subject = client().freeze(&pinned).await.unwrap();
    assert_eq!((subject.index, subject.resolved_from), (None, None));
    assert_eq!(subject.leaves.len(), 1);
    assert_eq!(subject.leaves[0].manifest, image.digest);
    assert_eq!(subject.leaves[0].platform.to_string(), "linux/s390x");
}

#[tokio::test]
async fn an_index_of_nothing_or_of_indexes_is_no_subject() {
    let registry = Registry::start().await;
    let image = registry.put_image("a", ("linux", "amd64"));
    let good = index(&[image]).to_string();
    let inner = registry.put_manifest(media::OCI_INDEX, good.as_bytes(), Some("good"));
    assert!(client().freeze(registry.image("good")).await.is_ok());
    for entries in [vec![], vec![inner]] {
        let bytes = index(&entries).to_string();
        registry.put_manifest(media::OCI_INDEX, bytes.as_bytes(), Some("bad"));
        let error = client().freeze(registry.image("bad")).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_index_that_lies_about_a_childs_size_is_refused() {
    let registry = Registry::start().await;
    let mut image = registry.put_image("a", ("linux", "amd64"));
    image.size += 1;
    let bytes = index(&[image]).to_string();
    registry.put_manifest(media::OCI_INDEX, bytes.as_bytes(), Some("v1"));
    let error = client().freeze(registry.image("v1")).await.unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn dockers_types_read_like_ocis() {
    let registry = Registry::start().await;
    let config = registry.put_blob(
        media::DOCKER_CONFIG,
        br#"{"os":"linux","architecture":"amd64"}"#,
    );
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media::DOCKER_MANIFEST, "config": config, "layers": [],
    });
    let mut image = registry.put_manifest(
        media::DOCKER_MANIFEST,
        manifest.to_string().as_bytes(),
        Some("one"),
    );
    image.platform = Some(platform("linux/amd64"));
    let list = json!({
        "schemaVersion": 2, "mediaType": media::DOCKER_LIST, "manifests": [image],
    });
    registry.put_manifest(
        media::DOCKER_LIST,
        list.to_string().as_bytes(),
        Some("list"),
    );
    for tag in ["one", "list"] {
        let subject = client().freeze(registry.image(tag)).await.unwrap();
        assert_eq!(subject.leaves[0].manifest, image.digest, "{tag}");
    }
}

#[tokio::test]
async fn tags_follow_opaque_cursors() {
    let registry = Registry::start().await;
    for tag in ["a", "b", "c", "d", "e"] {
        registry.put_image(tag, ("linux", "amd64"));
    }
    let tags = client().tags(&registry.repository()).await.unwrap();
    assert_eq!(tags, ["a", "b", "c", "d", "e"]);
    assert_eq!(registry.log().len(), 3);
}

#[tokio::test]
async fn a_resolved_location_says_what_it_is() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let location: Location = registry.image("v1").into();
    let resolved = client().resolve_at(&location).await.unwrap();
    assert_eq!(resolved.image, registry.pin(&image.digest));
    let other = Digest::sha256_of(b"other");
    let error = client().manifest(&registry.pin(&other)).await.unwrap_err();
    assert!(error.is_answer());
}

#[tokio::test]
async fn a_registry_whose_name_nobody_knows_is_unreachable_and_not_spoken_to_in_clear() {
    let client = palisade_oci::Client::new(palisade_oci::ClientOptions {
        deadline: std::time::Duration::from_millis(500),
        ..Default::default()
    });
    let image = "registry.invalid/acme/app:v1".parse().unwrap();
    let error = client.resolve(&image).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_missing_layout_is_a_mistake_of_the_caller() {
    let location: Location = "oci:/nonexistent/layout".parse().unwrap();
    let error = client().freeze(location).await.unwrap_err();
    assert_eq!(error.category(), Category::Usage, "{error}");
    let location: Location = "oci-archive:/nonexistent/image.tar".parse().unwrap();
    let error = client().freeze(location).await.unwrap_err();
    assert_eq!(error.category(), Category::Usage, "{error}");
}

/// Attack: `cap_async_starvation`: while a large blob is read and hashed, timers still fire, on one
/// thread.
#[tokio::test]
async fn a_large_blob_leaves_time_for_others() {
    const SIZE: usize = 64 << 20;
    let registry = Registry::start().await;
    let blob = registry.put_blob("application/octet-stream", &vec![7; SIZE]);
    let ticks = tokio::spawn(async {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(1));
        for _ in 0..10 {
            ticks.tick().await;
        }
    });
    let client = client();
    let repository = registry.repository();
    let limit = u64::try_from(SIZE).unwrap();
    let bytes = client.blob(&repository, &blob, limit).await.unwrap();
    assert_eq!(bytes.len(), SIZE);
    assert!(ticks.is_finished(), "no timer fired meanwhile");
}
