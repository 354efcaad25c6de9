//! One change to a good bundle, and the word it is refused with.

use serde_json::{Value, json};

use crate::tampered::{Tampered, bundle};

/// Statement, Rekor v1, timestamp.
const DSSE_V1: &str = "cross/rust-dsse-v1.json";
/// Statement, Rekor v2, timestamp; and a second one about the same subject.
const DSSE_V2: &str = "cross/rust-dsse-v2.json";
const DSSE_V2_TOO: &str = "cross/cosign-dsse-v2.json";
/// Message, Rekor v1, no timestamp.
const MESSAGE: &str = "faults/v1_notsa-none.json";
/// v0.2 with a certificate chain.
const OLD: &str = "cross/js-msg-v1.json";

const ENTRY: &str = "/verificationMaterial/tlogEntries/0";
const CERTIFICATE: &str = "/verificationMaterial/certificate/rawBytes";
const V0_1: &str = "application/vnd.dev.sigstore.bundle+json;version=0.1";
const V0_2: &str = "application/vnd.dev.sigstore.bundle+json;version=0.2";
const V0_3: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

fn entry(field: &str) -> String {
    format!("{ENTRY}/{field}")
}

#[test]
fn unchanged_bundles_are_accepted_however_their_json_is_written() {
    for file in [DSSE_V1, DSSE_V2, DSSE_V2_TOO, MESSAGE, OLD] {
        bundle(file).is_accepted();
    }
}

/// Attack: `bind_swap_cert`, `bind_swap_sig`, `bind_swap_payload`, `bind_swap_entry`,
/// `bind_set_of_other_signature`. Material of another valid bundle.
#[test]
fn parts_of_another_good_bundle_are_refused() {
    let swapped = |pointer: &str| bundle(DSSE_V2).with_that_of(pointer, DSSE_V2_TOO);
    swapped(CERTIFICATE).is_refused_for("signature");
    swapped("/dsseEnvelope/signatures/0/sig").is_refused_for("timestamp");
    swapped("/dsseEnvelope/payload").is_refused_for("signature");
    swapped(ENTRY).is_refused_for("entry-mismatch");
    swapped("/verificationMaterial/timestampVerificationData").is_refused_for("timestamp");
    // bind_set_of_other_signature, CVE-2022-23649.
    bundle(DSSE_V1)
        .with_that_of(&entry("inclusionPromise"), "cross/cosign-dsse-v1.json")
        .is_refused_for("inclusion-promise");
}

/// Attack: `bind_foreign_rekor_entry`. CVE-2026-22703: a good entry beside the right one.
#[test]
fn an_entry_about_another_signature_beside_the_right_one_is_refused() {
    let mut tampered = bundle(DSSE_V2);
    let foreign = bundle(DSSE_V2_TOO).at(ENTRY).clone();
    let entries = tampered.0.pointer_mut("/verificationMaterial/tlogEntries");
    entries.unwrap().as_array_mut().unwrap().push(foreign);
    tampered.is_refused_for("entry-mismatch");
}

/// Attack: `bind_edit_subject`, `bind_payload_type`, `type_statement_type`,
/// `bind_multi_signature_dsse`.
#[test]
fn an_edited_statement_is_refused() {
    let edited = |change: fn(&mut Value)| bundle(DSSE_V2).statement(change);
    edited(|statement| statement["subject"][0]["digest"]["sha256"] = json!("00".repeat(32)))
        .is_refused_for("signature");
    edited(|statement| statement["predicateType"] = json!("https://evil.test"))
        .is_refused_for("signature");
    edited(|statement| {
        statement.as_object_mut().unwrap().remove("_type");
    })
    .is_refused_for("parse");
    edited(|statement| statement["_type"] = json!("x")).is_refused_for("parse");
    edited(|statement| statement["subject"] = json!([])).is_refused_for("parse");
    bundle(DSSE_V2)
        .with("/dsseEnvelope/payloadType", "text/plain")
        .is_refused_for("parse");
    let signature = bundle(DSSE_V2).at("/dsseEnvelope/signatures/0").clone();
    bundle(DSSE_V2)
        .with("/dsseEnvelope/signatures", json!([signature, signature]))
        .is_refused_for("parse");
}

/// Attack: `bind_index_plus1`, `bind_time_plus5`. What the promise covers.
#[test]
fn an_edited_index_or_time_is_refused() {
    bundle(MESSAGE)
        .plus(&entry("logIndex"), 1)
        .is_refused_for("inclusion-promise");
    bundle(MESSAGE)
        .plus(&entry("integratedTime"), 5)
        .is_refused_for("inclusion-promise");
    bundle(MESSAGE)
        .plus(&entry("inclusionProof/logIndex"), 1)
        .is_refused_for("inclusion-proof");
    bundle(MESSAGE)
        .plus(&entry("inclusionProof/treeSize"), 1_000_000)
        .is_refused_for("inclusion-proof");
    bundle(DSSE_V2)
        .plus(&entry("logIndex"), 1)
        .is_refused_for("inclusion-proof");
}

/// Attack: `bind_media_type_relabel`. L4: the media type is not signed.
#[test]
fn a_bundle_under_another_version_s_media_type_is_refused() {
    bundle(DSSE_V1)
        .with("/mediaType", V0_1)
        .is_refused_for("media-type");
    bundle(DSSE_V1)
        .with("/mediaType", V0_2)
        .is_refused_for("media-type");
    bundle(OLD)
        .with("/mediaType", V0_3)
        .is_refused_for("media-type");
    bundle(DSSE_V1)
        .with("/mediaType", "application/json")
        .is_refused_for("parse");
}

#[test]
fn evidence_that_is_taken_away_is_missed() {
    bundle(MESSAGE)
        .without(&entry("inclusionProof"))
        .is_refused_for("proof-missing");
    bundle(MESSAGE)
        .without(&entry("inclusionPromise"))
        .is_refused_for("no-time");
    bundle(DSSE_V2)
        .without("/verificationMaterial/timestampVerificationData")
        .is_refused_for("no-time");
    bundle(MESSAGE)
        .with("/verificationMaterial/tlogEntries", json!([]))
        .is_refused_for("no-log-entry");
    let empty = json!({"mediaType": V0_3, "verificationMaterial": {}, "messageSignature": {}});
    Tampered(empty).is_refused_for("bundle");
}

/// Attack: `log_duplicate_entry`, `log_threshold_distinct`. L6: one entry is one entry.
#[test]
fn an_entry_given_twice_is_refused_even_when_the_copy_differs_in_what_is_not_signed() {
    let same = bundle(DSSE_V2).at(ENTRY).clone();
    let mut other = same.clone();
    other["inclusionProof"]["treeSize"] = json!("7");
    for copy in [same.clone(), other] {
        bundle(DSSE_V2)
            .with("/verificationMaterial/tlogEntries", json!([same, copy]))
            .is_refused_for("duplicate-entry");
    }
}

// A checkpoint may carry witnesses' signatures, in any order.
#[test]
fn signatures_of_witnesses_on_a_checkpoint_do_no_harm_and_no_good() {
    let envelope = entry("inclusionProof/checkpoint/envelope");
    let text = bundle(DSSE_V2).at(&envelope).as_str().unwrap().to_owned();
    let (note, signatures) = text.split_once("\n\n").unwrap();
    let witness = "\u{2014} witness.test AAAAAAAAAAAAAAAAAAAAAAAA\n";
    bundle(DSSE_V2)
        .with(&envelope, format!("{note}\n\n{witness}{signatures}"))
        .is_accepted();
    bundle(DSSE_V2)
        .with(&envelope, format!("{note}\n\n{witness}"))
        .is_refused_for("checkpoint");
}

/// Attack: `time_tsa_faults`. The end of a token is its signature.
#[test]
fn a_timestamp_with_another_signature_is_refused() {
    let token =
        "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";
    for from_end in 1..=16 {
        bundle(DSSE_V2)
            .bytes(token, |bytes| {
                let at = bytes.len() - from_end;
                bytes[at] ^= 1;
            })
            .is_refused_for("timestamp");
    }
}
