//! Registries that lose, hide or refuse what is written.

use palisade_lab::Config;

use super::{Run, SERVICES, Stage};

fn sign(stage: &Stage, faults: &str) -> Run {
    stage.run(
        faults,
        &[&["sign", "image", &stage.image], SERVICES].concat(),
    )
}

/// Attack: `reg_oci_subject_lie`.
#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_claims_the_referrers_api_is_not_believed() {
    let stage = Stage::new(Config {
        referrers_api: false,
        ..Config::default()
    })
    .await;
    let run = sign(&stage, "registry-oci-subject-lie");
    run.is("registry-oci-subject-lie", 0, "attached");
    let run = stage.verify("", 0, "verified");
    assert_eq!(run.asked("/manifests/sha256-"), 1, "{:?}", run.requests);
}

/// Attack: `reg_lost_update`.
#[tokio::test(flavor = "multi_thread")]
async fn ten_signers_at_once_without_the_referrers_api_all_survive() {
    let stage = Stage::new(Config {
        referrers_api: false,
        ..Config::default()
    })
    .await;
    let args = [&["sign", "image", &stage.image], SERVICES].concat();
    std::thread::scope(|scope| {
        let signers: Vec<_> = (0..10)
            .map(|_| scope.spawn(|| stage.measure(&args)))
            .collect();
        for signer in signers {
            let (output, _) = signer.join().unwrap();
            assert!(output.status.success(), "{}", crate::peers::text(&output));
        }
    });
    let run = stage.verify_as("", "image", &stage.image, &["--format", "json"]);
    run.is("", 0, "verified");
    let answer: serde_json::Value = serde_json::from_slice(&run.out).unwrap();
    let verified = answer["answers"][0]["verified"].as_array().unwrap();
    assert_eq!(verified.len(), 10, "{}", run.text);
}

/// Attack: `reg_write_not_visible`.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_the_registry_takes_and_does_not_list_is_not_published() {
    let stage = Stage::signed().await;
    let run = sign(&stage, "registry-referrers-stale");
    run.is(
        "registry-referrers-stale",
        3,
        "the registry does not list it",
    );
}

/// Attack: `reg_write_not_visible`.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_written_and_stays_the_old_one_is_not_published() {
    let stage = Stage::signed_without_api().await;
    let run = sign(&stage, "registry-lost-write");
    run.is("registry-lost-write", 3, "the registry does not list it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_under_an_immutable_tag_is_told_as_the_cause() {
    let stage = Stage::signed_without_api().await;
    let run = sign(&stage, "registry-immutable-tags");
    run.is("registry-immutable-tags", 3, "immutable");
}
