//! `--legacy-tag`: consumers that know no bundles find the same signatures, and nobody's get lost.

use palisade_attest::legacy::{SimpleSigning, attestation_bundle, signature_bundle};
use palisade_attest::{Bundle, Statement};
use palisade_lab::SigningConfigKind;
use palisade_oci::{Client, ClientOptions, LegacyTag, Manifest, limits};
use palisade_trust::{verify_blob, verify_statement};
use palisade_types::{Digest, PinnedRef, Timestamp};

use super::{EMAIL, Run, World, cosign};

async fn sign(world: &World, args: &[&str]) -> Run {
    let args = [args, &["--legacy-tag"]].concat();
    world.sign_through(SigningConfigKind::V1, &args).await
}

/// The layers of a tag: their bytes, and the bundles that they convert into.
async fn layers(world: &World, tag: LegacyTag) -> Vec<(Vec<u8>, Bundle)> {
    let client = Client::new(ClientOptions::default());
    let image: PinnedRef = world.image.parse().unwrap();
    let resolved = client.resolve(&tag.of(&image)).await.unwrap();
    let Manifest::Image(manifest) = resolved.manifest.parse().unwrap() else {
        panic!("an index");
    };
    let mut layers = Vec::new();
    for layer in manifest.layers {
        let bytes = client.blob(image.repository(), &layer, limits::BUNDLE);
        let bytes = bytes.await.unwrap();
        let bundle = match tag {
            LegacyTag::Attestations => attestation_bundle(&bytes, &layer.annotations),
            LegacyTag::Signatures => signature_bundle(&bytes, &layer.annotations),
        };
        layers.push((bytes, bundle.unwrap()));
    }
    layers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_in_the_older_tag_verifies_and_names_the_image() {
    let world = World::new().await;
    let run = sign(&world, &["image", &world.image]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("  older    "), "{run:?}");
    let layers = layers(&world, LegacyTag::Signatures).await;
    let [(payload, bundle)] = layers.as_slice() else {
        panic!("{layers:?}");
    };
    let image: PinnedRef = world.image.parse().unwrap();
    assert_eq!(
        SimpleSigning::parse(payload).unwrap().image,
        *image.digest()
    );
    let (root, signers, now) = (world.root(), [world.signer()], Timestamp::now());
    let verify = |payload: &[u8]| {
        verify_blob(bundle, &root, &signers, &Digest::sha256_of(payload), now).map(drop)
    };
    assert!(verify(payload).is_ok());
    assert!(verify(b"another").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attestation_in_the_older_tag_is_the_one_that_is_attached() {
    let world = World::new().await;
    let predicate = world.write("p.json", r#"{"result": "green"}"#);
    let predicate = format!("--predicate={}", predicate.display());
    let args = [
        "attest",
        &world.image,
        &predicate,
        "--type=https://acme.test/t/v1",
    ];
    let run = sign(&world, &args).await;
    assert_eq!(run.code, 0, "{run:?}");
    let layers = layers(&world, LegacyTag::Attestations).await;
    let [(_, bundle)] = layers.as_slice() else {
        panic!("{layers:?}");
    };
    let (root, signers, now) = (world.root(), [world.signer()], Timestamp::now());
    let verified = verify_statement(bundle, &root, &signers, now).unwrap();
    let statement: &Statement = verified.value();
    assert_eq!(statement.predicate["result"], "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn rekor_v2_has_no_place_there_and_is_refused_before_anything_is_asked() {
    let world = World::new().await;
    world.lab.clear_requests();
    let args = ["image", &world.image, "--legacy-tag"];
    let run = world.sign_through(SigningConfigKind::V2, &args).await;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.err.contains("sign::legacy_log"), "{run:?}");
    assert!(world.lab.requests().is_empty());
}

/// Attack: `reg_lost_update`, in the older tag: ten cosign at once leave two of ten signatures.
#[tokio::test(flavor = "multi_thread")]
async fn of_eight_signers_at_once_none_is_lost() {
    let world = World::new().await;
    let args = ["image", world.image.as_str(), "--legacy-tag"];
    let runs = (0..8).map(|_| world.sign_through(SigningConfigKind::V1, &args));
    for run in futures_util::future::join_all(runs).await {
        assert_eq!(run.code, 0, "{run:?}");
    }
    assert_eq!(layers(&world, LegacyTag::Signatures).await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn cosign_verifies_the_older_tags_without_bundles() {
    if cosign::cosign().is_none() {
        return;
    }
    let world = World::new().await;
    let old = "--new-bundle-format=false";
    let verify = async |args: &[&str]| {
        let all = [args, &[old, world.image.as_str()]].concat();
        cosign::verify(&world, EMAIL, &all).await
    };
    assert!(verify(&["verify"]).await.is_err());
    let run = sign(&world, &["image", &world.image]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(verify(&["verify"]).await, Ok(()));
    let stranger = ["verify", old, &world.image];
    let stranger = cosign::verify(&world, "other@acme.test", &stranger).await;
    assert!(stranger.is_err());
    let predicate = world.write("p.json", r#"{"result": "green"}"#);
    let predicate = format!("--predicate={}", predicate.display());
    let kind = "--type=https://acme.test/t/v1";
    assert!(verify(&["verify-attestation", kind]).await.is_err());
    let run = sign(&world, &["attest", &world.image, &predicate, kind]).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(verify(&["verify-attestation", kind]).await, Ok(()));
    let other = "--type=https://acme.test/t/v2";
    assert!(verify(&["verify-attestation", other]).await.is_err());
}
