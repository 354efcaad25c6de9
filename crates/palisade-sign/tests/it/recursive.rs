//! `--recursive`: one signature for an index and everything in it, and few requests.

use palisade_attest::Bundle;
use palisade_attest::predicates::cosign_sign::CosignSign;
use palisade_lab::Config;
use palisade_oci::{Client, ClientOptions};
use palisade_trust::verify_statement;
use palisade_types::{PinnedRef, Timestamp};
use serde_json::json;

use super::{EMAIL, World, cosign};

/// Pushes an index of the seeded image and this many others, and returns all, the index first.
async fn index(world: &World, others: usize) -> Vec<PinnedRef> {
    let client = Client::new(ClientOptions::default());
    let seed: PinnedRef = world.image.parse().unwrap();
    let raw = client.manifest(&seed).await.unwrap();
    let media_type = raw.descriptor.media_type.clone();
    let (repository, mut images) = (seed.repository().clone(), vec![seed]);
    for number in 0..others {
        let mut manifest: serde_json::Value = serde_json::from_slice(&raw.bytes).unwrap();
        manifest["annotations"] = json!({"number": number.to_string()});
        let bytes = manifest.to_string().into_bytes();
        let pushed = client.push_manifest(&repository, None, &bytes, &media_type);
        images.push(pushed.await.unwrap());
    }
    let mut entries = Vec::new();
    for image in &images {
        let manifest = client.manifest(image).await.unwrap();
        entries.push(manifest.descriptor);
    }
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": entries});
    let bytes = index.to_string().into_bytes();
    let index = client.push_manifest(&repository, None, &bytes, kind).await;
    images.insert(0, index.unwrap());
    images
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_and_every_entry_are_signed_by_one_signature() {
    for referrers_api in [true, false] {
        let world = World::with(Config {
            referrers_api,
            ..Config::default()
        })
        .await;
        let images = index(&world, 2).await;
        let name = images[0].to_string();
        world.lab.clear_requests();
        let run = world.sign(&["image", "--recursive", &name]).await;
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(run.out.matches("signed ").count(), 4, "{run:?}");
        let asked = world.lab.requests();
        let count = |path: &str| asked.iter().filter(|request| request.path == path).count();
        assert_eq!(count("/api/v2/signingCert"), 1);
        assert_eq!(count("/api/v2/log/entries"), 1);
        let client = Client::new(ClientOptions::default());
        for image in &images {
            let found = client.bundles(image).await.unwrap();
            assert_eq!(found.bundles.len(), 1, "{image}");
            let bundle = Bundle::parse(&found.bundles[0].bytes).unwrap();
            let signers = [world.signer()];
            let now = Timestamp::now();
            let verified = verify_statement(&bundle, &world.root(), &signers, now).unwrap();
            assert!(verified.predicate::<CosignSign>().is_ok());
            let about = verified.value().is_about(image.digest(), &[]);
            assert!(matches!(about, Ok(Some(_))), "{image}: {about:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_flag_the_entries_stay_unsigned() {
    let world = World::new().await;
    let images = index(&world, 1).await;
    let run = world.sign(&["image", &images[0].to_string()]).await;
    assert_eq!(run.code, 0, "{run:?}");
    let client = Client::new(ClientOptions::default());
    for (position, image) in images.iter().enumerate() {
        let found = client.bundles(image).await.unwrap();
        assert_eq!(found.bundles.len(), usize::from(position == 0), "{image}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_entries_cost_a_bounded_number_of_requests() {
    let world = World::new().await;
    let images = index(&world, 49).await;
    world.lab.clear_requests();
    let run = world.sign(&["image", "-r", &images[0].to_string()]).await;
    assert_eq!(run.code, 0, "{run:?}");
    let requests = world.lab.requests().len();
    // cosign 3.1 makes 667. Three for each image: is it there, its attachment, and is that listed.
    assert!(requests <= 170, "{requests} requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn cosign_verifies_the_index_and_each_entry() {
    if cosign::cosign().is_none() {
        return;
    }
    let world = World::new().await;
    let images = index(&world, 1).await;
    let run = world.sign(&["image", "-r", &images[0].to_string()]).await;
    assert_eq!(run.code, 0, "{run:?}");
    for image in &images {
        let args = ["verify", &image.to_string()];
        assert_eq!(cosign::verify(&world, EMAIL, &args).await, Ok(()));
    }
}
