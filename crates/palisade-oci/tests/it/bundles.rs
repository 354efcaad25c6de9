//! Finding what is attached: with the API, without it, and among garbage.

use std::time::{Duration, Instant};

use axum::http::Method;
use palisade_oci::{Category, Client, ClientOptions, Error, Held, limits, media};
use palisade_types::{Descriptor, Digest, Repository};
use serde_json::json;

use crate::registry::{Registry, client, index, reply};

#[tokio::test]
async fn by_digest_with_the_api_three_requests_find_a_bundle() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let attached = registry.put_bundle(&image, b"{\"bundle\":1}");
    let client = client();
    let found = client.bundles(&registry.pin(&image.digest)).await.unwrap();
    assert_eq!(found.bundles.len(), 1);
    assert_eq!(found.bundles[0].bytes, b"{\"bundle\":1}");
    assert_eq!(found.bundles[0].manifest, attached.digest);
    assert!(found.skipped.is_empty());
    let layer = &found.bundles[0].layer;
    let lines = [
        format!("GET /v2/acme/app/referrers/{}", image.digest),
        format!("GET /v2/acme/app/manifests/{}", attached.digest),
        format!("GET /v2/acme/app/blobs/{layer}"),
    ];
    assert_eq!(registry.lines(), lines);
    assert_eq!(client.requests_made(), 3);
}

#[tokio::test]
async fn by_tag_it_is_one_head_more() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.put_bundle(&image, b"{}");
    let client = client();
    let pinned = client.resolve_digest(&registry.image("v1")).await.unwrap();
    assert_eq!(client.bundles(&pinned).await.unwrap().bundles.len(), 1);
    assert_eq!(client.requests_made(), 4);
}

#[tokio::test]
async fn nothing_attached_is_empty_with_and_without_the_api() {
    for registry in [
        Registry::start().await,
        Registry::start().await.without_referrers_api(),
    ] {
        let image = registry.put_image("v1", ("linux", "amd64"));
        let found = client()
            .bundles(&registry.pin(&image.digest))
            .await
            .unwrap();
        assert_eq!(found, palisade_oci::FoundBundles::default());
    }
}

#[tokio::test]
async fn cosigns_entry_on_the_fallback_tag_is_found_despite_its_type() {
    let registry = Registry::start().await.without_referrers_api();
    let image = registry.put_image("v1", ("linux", "amd64"));
    let mut entry = registry.put_bundle(&image, b"{}");
    // cosign 3.1.1 writes the configuration's type here, and no annotations.
    entry.artifact_type = Some(media::OCI_EMPTY.to_owned());
    registry.put_fallback(&image, &[entry]);
    let found = client()
        .bundles(&registry.pin(&image.digest))
        .await
        .unwrap();
    assert_eq!(found.bundles.len(), 1);
}

#[tokio::test]
async fn an_image_under_the_fallback_tag_is_an_error() {
    let registry = Registry::start().await.without_referrers_api();
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.put_image(
        &format!("sha256-{}", image.digest.hex()),
        ("linux", "amd64"),
    );
    let error = client()
        .bundles(&registry.pin(&image.digest))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn gitlabs_answer_of_the_image_itself_lists_nothing() {
    let registry = Registry::start().await.without_referrers_api();
    let child = registry.put_image("child", ("linux", "amd64"));
    let bytes = index(&[child]).to_string();
    let image = registry.put_manifest(media::OCI_INDEX, bytes.as_bytes(), Some("v1"));
    let tag = format!("sha256-{}", image.digest.hex());
    registry.put_manifest(media::OCI_INDEX, bytes.as_bytes(), Some(&tag));
    let found = client()
        .bundles(&registry.pin(&image.digest))
        .await
        .unwrap();
    assert_eq!(found, palisade_oci::FoundBundles::default());
}

#[tokio::test]
async fn a_manifest_about_another_image_is_not_attached_to_this_one() {
    let registry = Registry::start().await.without_referrers_api();
    let image = registry.put_image("v1", ("linux", "amd64"));
    let other = registry.put_image("v2", ("linux", "amd64"));
    let foreign = registry.put_bundle(&other, b"{}");
    registry.put_fallback(&image, &[foreign.clone(), other.clone()]);
    let found = client()
        .bundles(&registry.pin(&image.digest))
        .await
        .unwrap();
    assert!(found.bundles.is_empty());
    let mut skipped: Vec<_> = found
        .skipped
        .iter()
        .map(|(digest, _)| digest.clone())
        .collect();
    let mut want = vec![foreign.digest, other.digest];
    want.sort();
    skipped.sort();
    assert_eq!(skipped, want);
}

#[tokio::test]
async fn garbage_beside_a_good_bundle_is_listed_and_hides_nothing() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.put_bundle(&image, b"{}");
    let sbom = registry.put_blob("application/spdx+json", b"{}x");
    registry.put_artifact(&image, &[sbom]);
    let gone = Descriptor::of(media::SIGSTORE_BUNDLE, b"never stored");
    registry.put_artifact(&image, &[gone]);
    let mut huge = Descriptor::of(media::SIGSTORE_BUNDLE, b"huge");
    huge.size = limits::BUNDLE + 1;
    registry.put_artifact(&image, &[huge]);
    let found = client()
        .bundles(&registry.pin(&image.digest))
        .await
        .unwrap();
    assert_eq!((found.bundles.len(), found.skipped.len()), (1, 1));
    assert!(found.skipped[0].1.contains("application/spdx+json"));
    let why: Vec<_> = found
        .unreadable
        .iter()
        .map(|(_, why)| why.as_str())
        .collect();
    assert_eq!(why.len(), 2);
    for part in ["missing or not allowed", "limit"] {
        assert!(why.iter().any(|why| why.contains(part)), "{part}: {why:?}");
    }
}

#[tokio::test]
async fn could_not_look_is_never_nothing_found() {
    // 403 and 429 here are what makes cosign 3.1.1 print "no signatures found".
    for status in [401, 403, 429, 500, 503] {
        let registry = Registry::start().await;
        let image = registry.put_image("v1", ("linux", "amd64"));
        registry.put_bundle(&image, b"{}");
        registry.on(move |seen| {
            let wait = [("retry-after", "0")];
            seen.is(&Method::GET, "/referrers/")
                .then(|| reply(status, &wait, "no"))
        });
        let error = client()
            .bundles(&registry.pin(&image.digest))
            .await
            .unwrap_err();
        assert_eq!(error.category(), Category::Undecided, "{status}: {error}");
        let asked_for_tag = registry.lines().iter().any(|line| line.contains("sha256-"));
        assert!(!asked_for_tag, "{status} must not open the fallback");
    }
}

#[tokio::test]
async fn an_outage_behind_the_list_is_an_error_too() {
    for status in [400, 401, 403, 405, 418, 451, 302] {
        let registry = Registry::start().await;
        let image = registry.put_image("v1", ("linux", "amd64"));
        registry.put_bundle(&image, b"{}");
        registry.on(move |seen| {
            let away = [("location", "http://192.0.2.1/")];
            seen.is(&Method::GET, "/blobs/")
                .then(|| reply(status, &away, "no"))
        });
        let error = client()
            .bundles(&registry.pin(&image.digest))
            .await
            .unwrap_err();
        assert_eq!(error.category(), Category::Undecided, "{status}: {error}");
    }
}

#[tokio::test]
async fn a_denied_fallback_tag_is_not_an_absent_one() {
    let registry = Registry::start().await.without_referrers_api();
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.on(|seen| seen.path.contains("sha256-").then(|| reply(403, &[], "no")));
    let error = client()
        .referrers(&registry.pin(&image.digest))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error}");
}

#[tokio::test]
async fn fifteen_hundred_copies_of_one_entry_are_one_entry() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let entry = registry.put_bundle(&image, b"{}");
    let many = index(&vec![entry; 1_500]).to_string();
    registry.on(move |seen| {
        let headers = [("content-type", media::OCI_INDEX)];
        seen.is(&Method::GET, "/referrers/")
            .then(|| reply(200, &headers, many.clone()))
    });
    let client = client();
    let found = client.bundles(&registry.pin(&image.digest)).await.unwrap();
    assert_eq!(found.bundles.len(), 1);
    assert_eq!(client.requests_made(), 3);
}

#[tokio::test]
async fn more_referrers_than_the_limit_are_refused_before_any_is_read() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let entries = |n: usize| -> Vec<_> {
        (0..n)
            .map(|i| Descriptor::of(media::OCI_MANIFEST, &i.to_le_bytes()))
            .collect()
    };
    let many = index(&entries(limits::REFERRERS + 1)).to_string();
    registry.on(move |seen| {
        let headers = [("content-type", media::OCI_INDEX)];
        seen.is(&Method::GET, "/referrers/")
            .then(|| reply(200, &headers, many.clone()))
    });
    let error = client()
        .bundles(&registry.pin(&image.digest))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::LimitExceeded {
                unit: "referrers",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(registry.log().len(), 1);
}

#[tokio::test]
async fn pages_of_referrers_are_put_together() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let pages = [
        registry.put_bundle(&image, b"1"),
        registry.put_bundle(&image, b"2"),
    ];
    registry.on(move |seen| {
        let (page, more) = match seen.query.as_str() {
            "" => (&pages[0], true),
            "cursor=%2Fx%3D" => (&pages[1], false),
            other => panic!("{other}"),
        };
        let link = "</v2/acme/app/referrers/next?cursor=%2Fx%3D>; rel=\"next\"";
        let headers = [("content-type", media::OCI_INDEX), ("link", link)];
        let headers = &headers[..if more { 2 } else { 1 }];
        let body = index(std::slice::from_ref(page)).to_string();
        seen.is(&Method::GET, "/referrers/")
            .then(|| reply(200, headers, body))
    });
    let list = client()
        .referrers(&registry.pin(&image.digest))
        .await
        .unwrap();
    assert_eq!(list.len(), 2);
}

#[tokio::test]
async fn a_200_that_is_no_index_is_no_answer() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    for (content_type, body) in [
        ("text/html", "<html>"),
        ("application/json", "{}"),
        (media::OCI_INDEX, "{}"),
        (media::OCI_INDEX, r#"{"manifests":null}"#),
        (media::OCI_INDEX, r#"{"manifests":[],"manifests":[]}"#),
    ] {
        registry.on(move |_| Some(reply(200, &[("content-type", content_type)], body)));
        let error = client()
            .referrers(&registry.pin(&image.digest))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{body}: {error}");
    }
}

#[tokio::test]
async fn an_old_servers_400_counts_only_where_the_api_works() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let entry = registry.put_bundle(&image, b"{}");
    registry.put_fallback(&image, &[entry]);
    registry.on(|seen| {
        seen.is(&Method::GET, "/referrers/")
            .then(|| reply(400, &[], "what?"))
    });
    let pinned = registry.pin(&image.digest);
    assert_eq!(client().referrers(&pinned).await.unwrap().len(), 1);
    registry.on(|seen| (seen.path == "/v2/").then(|| reply(404, &[], "")));
    let error = client().referrers(&pinned).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_sha512_subject_has_a_shortened_tag() {
    let registry = Registry::start().await.without_referrers_api();
    let digest: Digest = format!("sha512:{}", "ab".repeat(64)).parse().unwrap();
    let list = json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [] });
    let tag = format!("sha512-{}", "ab".repeat(32));
    registry.put_manifest(media::OCI_INDEX, list.to_string().as_bytes(), Some(&tag));
    assert!(
        client()
            .referrers(&registry.pin(&digest))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        registry.lines()[1],
        format!("GET /v2/acme/app/manifests/{tag}")
    );
}

/// Attack: `reg_spam`. Five hundred bundles that will not verify hide the good one from nobody.
#[tokio::test]
async fn five_hundred_attachments_at_50_ms_are_read_in_time_and_within_the_cap() {
    let registry = Registry::start()
        .await
        .with_round_trip(Duration::from_millis(50));
    let image = registry.put_image("v1", ("linux", "amd64"));
    for number in 0..500 {
        registry.put_bundle(&image, format!("{{\"n\":{number}}}").as_bytes());
    }
    let began = Instant::now();
    let found = client()
        .bundles(&registry.pin(&image.digest))
        .await
        .unwrap();
    let took = began.elapsed();
    assert_eq!(found.bundles.len(), 500);
    // 1001 requests; two seconds where nothing else runs, and time for slow machines.
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(registry.most_in_flight() <= limits::CONCURRENCY as u64);
}

/// Attack: `reg_spam`. The same with everything else that can hang on an image: each costs its
/// requests once, and none hides the good one.
#[tokio::test]
async fn five_hundred_bad_attachments_at_50_ms_cost_no_more_than_good_ones() {
    let registry = Registry::start()
        .await
        .with_round_trip(Duration::from_millis(50));
    let image = registry.put_image("v1", ("linux", "amd64"));
    let other = registry.put_image("v2", ("linux", "amd64"));
    let mut list = vec![registry.put_bundle(&image, b"{\"good\":1}")];
    for number in 0..100_u32 {
        let text = number.to_string();
        let of = |kind: &str, bytes: &[u8]| registry.put_manifest(kind, bytes, None);
        let deep = format!("{}{text}", "[".repeat(100_000));
        list.push(of(media::OCI_MANIFEST, deep.as_bytes()));
        list.push(of(media::OCI_MANIFEST, text.as_bytes()));
        list.push(Descriptor::of(
            media::OCI_MANIFEST,
            format!("absent {number}").as_bytes(),
        ));
        list.push(registry.put_bundle(&other, text.as_bytes()));
        let gone = Descriptor::of(media::SIGSTORE_BUNDLE, format!("lost {number}").as_bytes());
        list.push(registry.put_artifact(&image, &[gone]));
    }
    let document = index(&list).to_string();
    registry.on(move |seen| {
        let headers = [("content-type", media::OCI_INDEX)];
        seen.is(&Method::GET, "/referrers/")
            .then(|| reply(200, &headers, document.clone()))
    });
    let began = Instant::now();
    let found = client()
        .bundles(&registry.pin(&image.digest))
        .await
        .unwrap();
    let took = began.elapsed();
    assert_eq!(found.bundles.len(), 1);
    assert_eq!((found.skipped.len(), found.unreadable.len()), (300, 200));
    // The list, a manifest of each, and the bundles that manifests name.
    assert_eq!(registry.log().len(), 1 + 501 + 101);
    assert!(took < Duration::from_secs(4), "{took:?}");
}

/// Attack: `reg_spam`. An outage in the middle of it is one outage, not five hundred.
#[tokio::test]
async fn a_registry_that_fails_under_five_hundred_attachments_is_left_alone() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    for number in 0..500 {
        registry.put_bundle(&image, format!("{{\"n\":{number}}}").as_bytes());
    }
    registry.on(|seen| {
        let down = seen.is(&Method::GET, "/manifests/");
        down.then(|| reply(503, &[("retry-after", "0")], "down"))
    });
    let found = client().bundles(&registry.pin(&image.digest)).await;
    assert!(matches!(found, Err(Error::Unreachable { .. })));
    let most = 1 + limits::CONCURRENCY * limits::ATTEMPTS as usize;
    assert!(registry.log().len() <= most, "{}", registry.log().len());
}

#[tokio::test]
async fn all_clones_of_a_client_together_keep_to_its_concurrency() {
    let registry = Registry::start()
        .await
        .with_round_trip(Duration::from_millis(5));
    let image = registry.put_image("v1", ("linux", "amd64"));
    for number in 0..20 {
        registry.put_bundle(&image, format!("{{\"n\":{number}}}").as_bytes());
    }
    let client = Client::new(ClientOptions {
        concurrency: 3,
        ..ClientOptions::default()
    });
    let pinned = registry.pin(&image.digest);
    let both = tokio::join!(client.bundles(&pinned), async {
        client.clone().bundles(&pinned).await
    });
    assert_eq!(both.0.unwrap(), both.1.unwrap());
    assert_eq!(registry.most_in_flight(), 3);
}

#[tokio::test]
async fn bundles_in_another_repository_are_about_the_same_image() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.put_bundle(&image, b"{}");
    let elsewhere: Repository = format!("{}/acme/other", registry.host).parse().unwrap();
    let image = elsewhere.pin(image.digest);
    let found = client().bundles_in(&image, &registry.repository()).await;
    assert_eq!(found.unwrap().bundles.len(), 1);
    registry.on(|seen| {
        seen.is(&Method::GET, "/referrers/")
            .then(|| reply(403, &[], ""))
    });
    let refused = client().bundles_in(&image, &registry.repository()).await;
    assert!(matches!(refused, Err(Error::Denied { .. })));
}

/// What a proxy does to an answer says nothing about what was attached: it could not be looked at.
#[tokio::test]
async fn what_comes_under_another_type_or_status_is_unreadable_and_not_passed_over() {
    for (status, content_type) in [
        (206, Some(media::OCI_MANIFEST)),
        (200, Some("application/octet-stream")),
        (200, Some(media::DOCKER_MANIFEST)),
    ] {
        let registry = Registry::start().await;
        let image = registry.put_image("v1", ("linux", "amd64"));
        let attached = registry.put_bundle(&image, b"{}");
        let path = format!("manifests/{}", attached.digest);
        let bytes = registry
            .manifest(&attached.digest.to_string())
            .unwrap()
            .to_string();
        registry.on(move |seen| {
            let headers = content_type.map(|value| ("content-type", value));
            seen.is(&Method::GET, &path)
                .then(|| reply(status, headers.as_slice(), bytes.clone()))
        });
        let found = client()
            .bundles(&registry.pin(&image.digest))
            .await
            .unwrap();
        assert_eq!(found.skipped, [], "{status} {content_type:?}");
        assert_eq!(found.unreadable.len(), 1, "{status} {content_type:?}");
    }
}

/// Without a type, the bytes have to say what they are; damaged ones say nothing.
#[tokio::test]
async fn damaged_bytes_without_a_type_are_unreadable_too() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    let attached = registry.put_bundle(&image, b"{}");
    let path = format!("manifests/{}", attached.digest);
    registry.on(move |seen| {
        seen.is(&Method::GET, &path)
            .then(|| reply(200, &[], "{\"mediaType\":"))
    });
    let found = client()
        .bundles(&registry.pin(&image.digest))
        .await
        .unwrap();
    assert_eq!((found.skipped.len(), found.unreadable.len()), (0, 1));
}

/// A blob that ends early came damaged; what it would have said is not known.
#[tokio::test]
async fn a_bundle_of_another_length_than_listed_is_unreadable() {
    for bytes in ["{", "{}}"] {
        let registry = Registry::start().await;
        let image = registry.put_image("v1", ("linux", "amd64"));
        registry.put_bundle(&image, b"{}");
        registry.on(move |seen| {
            seen.is(&Method::GET, "/blobs/")
                .then(|| reply(200, &[], bytes))
        });
        let found = client()
            .bundles(&registry.pin(&image.digest))
            .await
            .unwrap();
        assert_eq!((found.skipped.len(), found.unreadable.len()), (0, 1));
    }
}

/// However many images are asked about at once, the bundles of all of them share one room.
#[tokio::test]
async fn bundles_of_another_image_are_not_asked_for_until_there_is_room() {
    let registry = Registry::start().await;
    let image = registry.put_image("v1", ("linux", "amd64"));
    registry.put_bundle(&image, &[b' '; 3 << 10]);
    let other = registry.put_image("v2", ("linux", "amd64"));
    registry.put_bundle(&other, &[b'x'; 2 << 10]);
    let (image, other) = (registry.pin(&image.digest), registry.pin(&other.digest));
    let room = Held::at_most(4 << 10);
    let (found, hold) = client().bundles_within(&image, &room).await.unwrap();
    assert_eq!(found.bundles.len(), 1);
    registry.forget_log();
    let client = client();
    let waits = client.bundles_within(&other, &room);
    let waited = tokio::time::timeout(Duration::from_millis(300), waits).await;
    assert!(waited.is_err());
    let lines = registry.lines();
    assert!(
        lines.iter().any(|line| line.contains("/manifests/")),
        "{lines:?}"
    );
    assert!(
        !lines.iter().any(|line| line.contains("/blobs/")),
        "{lines:?}"
    );
    drop(hold);
    let (found, _hold) = client.bundles_within(&other, &room).await.unwrap();
    assert_eq!(found.bundles.len(), 1);
    let error = client
        .bundles_within(&image, &Held::at_most(2 << 10))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::LimitExceeded { .. }), "{error}");
    assert_eq!(error.category(), Category::Undecided);
}
