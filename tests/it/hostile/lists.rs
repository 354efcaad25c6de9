//! Lists of what is attached that flood, lie, repeat themselves or never end.

use super::Stage;

/// Attack: `reg_fallback_tag`.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_api_the_list_is_read_from_its_tag() {
    let stage = Stage::signed_without_api().await;
    let run = stage.verify("", 0, "verified");
    assert_eq!(run.asked("/manifests/sha256-"), 1, "{:?}", run.requests);
    // With the API its answer counts, and the tag is not asked for.
    stage.lab.set_referrers_api(true);
    stage.verify("", 0, "verified").stops();
}

/// Attack: `reg_wrong_artifact_type`.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_types_hides_nothing() {
    for stage in [Stage::signed().await, Stage::signed_without_api().await] {
        stage.verify("registry-list-no-types", 0, "verified");
    }
}

/// Attack: `reg_annotation_lies`.
#[tokio::test(flavor = "multi_thread")]
async fn the_statement_says_what_is_signed_and_annotations_do_not() {
    let stage = Stage::signed().await;
    stage.verify("registry-annotation-lies", 0, "verified");
    let stage = Stage::new(palisade_lab::Config::default()).await;
    stage.attest("cyclonedx");
    for faults in ["", "registry-annotation-lies"] {
        stage.verify(faults, 1, "https://cyclonedx.org/bom");
        let more = ["--type", "cyclonedx"];
        let run = stage.verify_as(faults, "attestation", &stage.image, &more);
        run.is(faults, 0, "verified");
    }
}

/// Attack: `reg_duplicates`.
#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_that_is_listed_1500_times_is_fetched_and_counted_once() {
    for (stage, requests) in [
        (Stage::signed().await, 3),
        (Stage::signed_without_api().await, 4),
    ] {
        let fault = "registry-referrers-duplicates";
        let run = stage.verify_as(fault, "image", &stage.image, &["--format", "json"]);
        run.is(fault, 0, "verified");
        assert_eq!(run.requests.len(), requests, "{:?}", run.requests);
        let signatures = run
            .text
            .matches("https://sigstore.dev/cosign/sign/v1")
            .count();
        let once = stage.verify_as("", "image", &stage.image, &["--format", "json"]);
        let wanted = once
            .text
            .matches("https://sigstore.dev/cosign/sign/v1")
            .count();
        assert_eq!(signatures, wanted, "{}", run.text);
    }
}

/// Attack: `reg_spam`.
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_pieces_of_garbage_hide_a_signature_from_nobody() {
    let stage = Stage::signed().await;
    let run = stage.verify("registry-spam", 0, "verified");
    // Each once, as a manifest and as a blob.
    assert!(run.requests.len() <= 1_010, "{}", run.requests.len());
}

/// Attack: `cap_referrers`.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_100000_is_a_named_limit_and_unknown() {
    let stage = Stage::signed().await;
    let whole = stage.verify("registry-referrers-flood", 3, "limit");
    assert!(whole.stops().requests.len() <= 2, "{:?}", whole.requests);
    stage.lab.set_referrers_page(Some(400));
    let paged = stage.verify("registry-referrers-flood", 3, "1000 referrers");
    assert!(paged.stops().requests.len() <= 20, "{:?}", paged.requests);
}

/// Attack: `reg_pagination`, `cap_referrers`.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_followed_on_the_same_host_and_not_for_ever() {
    let stage = Stage::signed().await;
    stage.attest("cyclonedx");
    stage.lab.set_referrers_page(Some(1));
    let run = stage.verify("", 0, "verified");
    assert_eq!(run.asked("/referrers/"), 2);
    let run = stage.verify("registry-referrers-link-loop", 3, "20 pages");
    assert_eq!(run.stops().asked("/referrers/"), 20);
    let run = stage.verify("registry-referrers-link-other-host", 3, "another server");
    assert_eq!(run.stops().asked("/referrers/"), 1);
    let own = |host: &str| host.starts_with("localhost:");
    assert!(run.requests.iter().all(|request| own(&request.host)));
}

/// Attack: `reg_garbage_mixed`.
#[tokio::test(flavor = "multi_thread")]
async fn garbage_beside_a_signature_is_named_and_alone_is_no_signature() {
    for stage in [Stage::signed().await, Stage::signed_without_api().await] {
        let fault = "registry-garbage-beside";
        let run = stage.verify_as(fault, "image", &stage.image, &["--format", "json"]);
        run.is(fault, 0, "\"refused\":[{");
        stage.verify("registry-garbage", 1, "refused");
    }
}

/// Attack: `reg_foreign_subject`.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_attached_to_another_image_says_nothing_about_this_one() {
    let stage = Stage::signed().await;
    stage.verify(
        "registry-foreign-subject",
        1,
        "its subject is not this image",
    );
    // The list of an unsigned image names the signature of a signed one.
    let other = stage.another("2.0");
    let other = format!("{}/acme/app@{other}", stage.lab.registry());
    let run = stage.verify_as("registry-foreign-referrers", "image", &other, &[]);
    run.is("registry-foreign-referrers", 1, "rejected");
    stage.verify("registry-foreign-referrers", 0, "verified");
}
