//! Documents of a shape nobody needs.

use super::{INDEX, Stage};

const UNKNOWN: &str = "it is not known whether";

/// Attack: `reg_odd_manifest`.
#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_without_a_bundle_is_named_for_what_it_holds() {
    let stage = Stage::signed().await;
    stage.verify(
        "registry-manifest-odd",
        1,
        "it holds application/octet-stream",
    );
}

/// Attack: `reg_shape`, `cap_alloc_from_count`.
#[tokio::test(flavor = "multi_thread")]
async fn sizes_and_counts_that_lie_are_limits_and_cost_nothing() {
    let stage = Stage::signed().await;
    for fault in ["registry-list-size-large", "registry-manifest-layers"] {
        let run = stage.verify(fault, 3, UNKNOWN);
        assert_eq!(run.asked("/blobs/"), 0, "{fault}: {:?}", run.requests);
    }
    // What is listed too small is still read by its digest, up to the limit.
    stage.verify("registry-list-size-small", 0, "verified");
}

/// Attack: `reg_shape`.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_in_an_index_and_one_in_itself_end_at_the_first() {
    let stage = Stage::signed().await;
    let nested = stage.run("registry-nested-index", &["sbom", &stage.tag]);
    nested.is("registry-nested-index", 3, "an index inside an index");
    for fault in ["registry-nested-index", "registry-cyclic-index"] {
        for args in [
            &["sbom", &stage.tag][..],
            &["verify", "tree", &stage.tag, "--recursive"],
        ] {
            let run = stage.run(fault, args);
            assert!(run.requests.len() <= 12, "{args:?}: {:?}", run.requests);
            assert!(run.code != Some(101), "{args:?}: {}", run.text);
        }
        let run = stage.verify_as(fault, "image", &stage.tag, &[]);
        assert_ne!(run.code, Some(0), "{}", run.text);
    }
}

/// Attack: `cap_exhaustion_notation`.
#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_deep_or_has_a_key_twice_is_refused() {
    let stage = Stage::signed().await;
    for fault in ["registry-list-deep", "registry-list-keys-twice"] {
        let run = stage.verify(fault, 3, UNKNOWN);
        assert_eq!(run.stops().requests.len(), 1, "{fault}: {:?}", run.requests);
    }
    for fault in ["registry-manifest-deep", "registry-manifest-keys-twice"] {
        let run = stage.verify(fault, 1, "rejected");
        assert_eq!(run.asked("/blobs/"), 0, "{fault}: {:?}", run.requests);
    }
}

/// Attack: `reg_index_child`.
#[tokio::test(flavor = "multi_thread")]
async fn the_signature_of_an_index_is_not_its_children_s_nor_the_other_way_round() {
    for signs_index in [true, false] {
        let stage = Stage::new(palisade_lab::Config::default()).await;
        let bytes = stage.get(&format!("/v2/acme/app/manifests/{}", stage.digest()));
        let index = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":[{{\"mediaType\":\
             \"{}\",\"digest\":\"{}\",\"size\":{},\
             \"platform\":{{\"os\":\"linux\",\"architecture\":\"amd64\"}}}}]}}",
            super::IMAGE,
            stage.digest(),
            bytes.len()
        );
        stage.put("multi", INDEX, &index);
        let multi = format!("{}/acme/app:multi", stage.lab.registry());
        let (signed, other) = if signs_index {
            (&multi, &stage.image)
        } else {
            (&stage.image, &multi)
        };
        stage.sign(signed);
        let run = stage.verify_as("", "image", signed, &[]);
        run.is("signed", 0, "verified");
        let run = stage.verify_as("", "image", other, &[]);
        run.is("other", 1, "rejected");
        // The list shows both sides.
        let run = stage.verify_as("", "tree", &multi, &["--recursive"]);
        run.is("tree", 0, stage.digest());
    }
}
