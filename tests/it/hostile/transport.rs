//! Answers that fail, come late or lie about themselves.

use std::time::Duration;

use super::Stage;

const UNKNOWN: &str = "it is not known whether";

/// Attack: `reg_tag_flip`.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_resolved_once_and_only_what_it_named_then_is_used() {
    let stage = Stage::signed().await;
    let other = stage.another("1.0");
    let run = stage.verify_as("registry-tag-flip", "image", &stage.tag, &[]);
    run.is("first", 0, stage.digest());
    assert_eq!((run.asked("/manifests/1.0"), run.asked(&other)), (1, 0));
    assert!(!run.says(&other), "{}", run.text);
    // The tag names the other one, and nobody has signed that.
    let run = stage.verify_as("", "image", &stage.tag, &[]);
    run.is("then", 1, &other);
}

/// Attack: `reg_digest_lie`.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_do_not_hash_to_their_digest_are_no_evidence_and_headers_decide_nothing() {
    let stage = Stage::signed().await;
    stage.verify("", 0, "verified");
    stage.verify("registry-wrong-bytes", 3, UNKNOWN);
    stage.verify("registry-wrong-blob", 3, UNKNOWN);
    stage.verify("registry-truncated", 3, UNKNOWN);
    // The bytes are right, and the header about them is not asked.
    stage.verify("registry-lying-get", 0, "verified");
    // A tag whose HEAD names what is not there: no image, so no answer about its signature.
    let run = stage.verify_as("registry-lying-head", "image", &stage.tag, &[]);
    run.is("registry-lying-head", 3, UNKNOWN);
    let run = stage.verify_as("registry-no-digest", "image", &stage.tag, &[]);
    run.is("registry-no-digest", 0, stage.digest());
}

/// Attack: `reg_429_referrers`.
#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_or_forbidden_list_is_unknown_and_no_reason_to_look_elsewhere() {
    let stage = Stage::signed().await;
    let once = stage.verify("registry-429-referrers*1", 0, "verified");
    assert!(once.took >= Duration::from_secs(1), "{:?}", once.took);
    assert_eq!(once.asked("/referrers/"), 2);
    let always = stage.verify("registry-429-referrers", 3, UNKNOWN);
    assert!(always.stops().asked("/referrers/") <= 5);
    for faults in ["registry-403-referrers*1", "registry-403-referrers"] {
        let run = stage.verify(faults, 3, UNKNOWN);
        assert_eq!(run.stops().asked("/referrers/"), 1, "{faults}");
    }
    // An hour is longer than we wait, and that is told at once.
    let later = stage.verify("registry-429-later", 3, UNKNOWN);
    assert!(later.took < Duration::from_secs(20), "{:?}", later.took);
    assert_eq!(later.stops().requests.len(), 1);
}

/// Attack: `reg_flaky`.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_twice_is_asked_again() {
    let stage = Stage::signed().await;
    for fault in ["500", "502", "503", "reset", "cut"] {
        stage.verify(&format!("registry-{fault}*2"), 0, "verified");
    }
    stage.verify("registry-slow*1", 0, "verified");
    stage.verify("registry-drip*1", 0, "verified");
}

/// Attack: `reg_flaky`.
#[tokio::test(flavor = "multi_thread")]
async fn what_always_fails_is_asked_a_few_times_and_then_unknown() {
    let stage = Stage::signed().await;
    for fault in ["registry-503", "registry-cut"] {
        let run = stage.verify(fault, 3, UNKNOWN);
        assert!(
            run.stops().requests.len() <= 5,
            "{fault}: {:?}",
            run.requests
        );
    }
    // A connection that ends without an answer leaves no request behind to count.
    stage.verify("registry-reset", 3, UNKNOWN).stops();
}

/// Attack: `cap_attacker_labels`, `out_terminal_escape`.
#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_registry_are_cut_and_cannot_steer_a_terminal() {
    let stage = Stage::signed().await;
    let run = stage.verify("registry-escapes", 3, UNKNOWN);
    assert!(
        run.says("verified"),
        "the words themselves are shown: {}",
        run.text
    );
    for raw in ['\u{1b}', '\u{7}', '\r', '\u{202e}'] {
        assert!(!run.text.contains(raw), "{:?}", run.text);
    }
    assert!(run.stops().text.len() < 2_000, "{}", run.text);
}

/// Attack: `cap_bomb`.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_inflated_that_was_not_asked_for() {
    let stage = Stage::signed().await;
    for fault in ["registry-encoded", "registry-list-bomb"] {
        let run = stage.verify(fault, 3, "compressed");
        assert!(run.requests.len() <= 5, "{fault}: {:?}", run.requests);
    }
    stage.verify("registry-list-bomb", 3, "compressed").stops();
    stage.verify("registry-bundle-bomb", 1, "rejected");
    let sbom = stage.run("registry-encoded", &["sbom", &stage.image]);
    sbom.is("registry-encoded", 3, "compressed");
}

/// Attack: `cap_attachment_size`.
#[tokio::test(flavor = "multi_thread")]
async fn an_endless_or_huge_bundle_is_not_read() {
    let stage = Stage::signed().await;
    let huge = stage.verify("registry-bundle-huge", 3, UNKNOWN);
    assert_eq!(huge.asked("/blobs/"), 0, "{:?}", huge.requests);
    for fault in ["registry-blob-endless", "registry-bundle-short"] {
        let run = stage.verify_as(fault, "image", &stage.image, &[]);
        assert!(matches!(run.code, Some(1 | 3)), "{fault}: {}", run.text);
    }
    stage.verify("registry-huge", 3, UNKNOWN).stops();
}
