//! Signing images and files.

use palisade_attest::Bundle;
use palisade_attest::predicates::cosign_sign::CosignSign;
use palisade_lab::{Config, Fault, SigningConfigKind};
use palisade_oci::{Client, ClientOptions};
use palisade_trust::{verify_blob, verify_statement};
use palisade_types::{Digest, PinnedRef, Timestamp};
use serde_json::Value;

use super::{World, expected, run, workflow};

/// The bundles that the registry lists for the image.
async fn attached(world: &World) -> Vec<Bundle> {
    let client = Client::new(ClientOptions::default());
    let image: PinnedRef = world.image.parse().unwrap();
    let found = client.bundles(&image).await.unwrap();
    assert!(found.skipped.is_empty(), "{:?}", found.skipped);
    found
        .bundles
        .iter()
        .map(|found| Bundle::parse(&found.bytes).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_signed_and_its_signature_listed_with_and_without_the_referrers_api() {
    for referrers_api in [true, false] {
        let world = World::with(Config {
            referrers_api,
            ..Config::default()
        })
        .await;
        let run = world.sign(&["image", &world.image]).await;
        assert_eq!(run.code, 0, "{run:?}");
        assert!(
            run.out
                .starts_with(&format!("signed {}\n  attached ", world.image)),
            "{run:?}"
        );
        assert!(
            run.err
                .contains("certificate for dev@acme.test (issuer http://localhost:")
        );
        let bundles = attached(&world).await;
        assert_eq!(bundles.len(), 1);
        let verified = verify_statement(
            &bundles[0],
            &world.root(),
            &[world.signer()],
            Timestamp::now(),
        );
        let verified = verified.unwrap();
        assert!(verified.predicate::<CosignSign>().is_ok());
        let image: PinnedRef = world.image.parse().unwrap();
        assert_eq!(verified.value().is_about(image.digest(), &[]), Ok(Some(0)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_resolved_once_and_said_to_be_one() {
    let world = World::new().await;
    let digest = world.image.split('@').nth(1).unwrap();
    let tag = format!("{}:1.0", world.image.split('@').next().unwrap());
    world.lab.clear_requests();
    let run = world.sign(&["image", &tag]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.err.contains("is a tag, and tags move") && run.err.contains(digest),
        "{run:?}"
    );
    let by_tag = |path: &str| path.ends_with("/manifests/1.0");
    let asked = world
        .lab
        .requests()
        .iter()
        .filter(|request| by_tag(&request.path))
        .count();
    assert_eq!(asked, 1);
    let run = world.sign(&["image", &world.image, "--quiet"]).await;
    assert_eq!((run.code, run.err.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_signs_as_itself_with_what_github_sets() {
    let world = World::new().await;
    let url = format!("{}/gha/token?api-version=2.0", world.lab.base());
    let mut args = vec!["image".to_owned(), world.image.clone()];
    args.extend(world.lab_flags(SigningConfigKind::V2));
    let environment = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-secret"),
        ("GITHUB_ACTIONS", "true"),
    ];
    let run = run(&args, &environment, "runner-secret").await;
    assert_eq!(run.code, 0, "{run:?}");
    let (_, workflow) = workflow();
    let bundles = attached(&world).await;
    let verify = |signer| verify_statement(&bundles[0], &world.root(), &[signer], Timestamp::now());
    assert!(verify(workflow).is_ok());
    assert!(verify(expected("dev@acme.test", world.lab.base())).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn json_names_what_was_signed_and_where_it_is() {
    let world = World::new().await;
    let file = world.file("out.json");
    let flag = format!("--bundle={}", file.display());
    let run = world
        .sign(&["image", &world.image, "--format=json", &flag])
        .await;
    let answer: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(answer["version"], 1);
    let signed = &answer["signed"][0];
    assert_eq!(signed["subject"], world.image);
    assert_eq!(
        signed["predicateType"],
        "https://sigstore.dev/cosign/sign/v1"
    );
    assert_eq!(signed["signer"]["san"], "dev@acme.test");
    assert!(signed["logIndex"].is_u64());
    assert!(
        signed["attached"]
            .as_str()
            .unwrap()
            .contains("/acme/app@sha256:")
    );
    let bundle = Bundle::parse(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(signed["bundleDigest"], bundle.digest().to_string());
    assert_eq!(attached(&world).await[0].bytes(), bundle.bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_upload_the_registry_is_left_alone() {
    let world = World::new().await;
    let flag = format!("--bundle={}", world.file("out.json").display());
    let run = world
        .sign(&["image", &world.image, "--no-upload", &flag])
        .await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!run.out.contains("attached"));
    assert!(world.file("out.json").exists());
    assert!(attached(&world).await.is_empty());
    let run = world.sign(&["image", &world.image, "--no-upload"]).await;
    assert_eq!(run.code, 2, "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_signed_through_each_log_and_another_file_is_not() {
    let world = World::new().await;
    let file = world.write("app.bin", b"the artifact");
    for kind in [
        SigningConfigKind::V1,
        SigningConfigKind::V1NoTsa,
        SigningConfigKind::V2,
    ] {
        let out = world.file("app.sigstore.json");
        let flag = format!("--bundle={}", out.display());
        let run = world
            .sign_through(kind, &["blob", file.to_str().unwrap(), &flag])
            .await;
        assert_eq!(run.code, 0, "{run:?}");
        let bundle = Bundle::parse(&std::fs::read(&out).unwrap()).unwrap();
        let verify = |bytes: &[u8]| {
            let digest = Digest::sha256_of(bytes);
            verify_blob(
                &bundle,
                &world.root(),
                &[world.signer()],
                &digest,
                Timestamp::now(),
            )
        };
        assert!(verify(b"the artifact").is_ok());
        assert!(verify(b"the artifact.").is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_flips_between_requests_changes_nothing_after_the_resolve() {
    let world = World::new().await;
    let tag = format!("{}:1.0", world.image.split('@').next().unwrap());
    world.lab.set_faults(&[Fault::RegistryTagFlip]);
    let run = world.sign(&["image", &tag, "--format=json"]).await;
    assert_eq!(run.code, 0, "{run:?}");
    let answer: Value = serde_json::from_str(&run.out).unwrap();
    let subject: PinnedRef = answer["signed"][0]["subject"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let attached: PinnedRef = answer["signed"][0]["attached"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(subject.repository(), attached.repository());
    assert!(run.err.contains(&subject.digest().to_string()), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_images_are_signed_in_one_run_and_a_stumble_is_told() {
    let world = World::new().await;
    world.lab.set_faults_text("fulcio-503*1").unwrap();
    let tag = format!("{}:1.0", world.image.split('@').next().unwrap());
    let run = world
        .sign(&["image", &world.image, &tag, "--format=json"])
        .await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.err.contains("HTTP 503; trying again"), "{run:?}");
    let answer: Value = serde_json::from_str(&run.out).unwrap();
    let signed = answer["signed"].as_array().unwrap();
    assert_eq!(signed.len(), 2);
    assert_ne!(signed[0]["logIndex"], signed[1]["logIndex"]);
    assert_eq!(attached(&world).await.len(), 2);
}
