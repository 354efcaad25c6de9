//! A decision is a function of `now`: what has not happened by then is not believed.

use palisade_trust::TrustRoot;
use palisade_types::Timestamp;
use serde_json::{Value, json};

use crate::fixtures::{blob_a, judge, now, read, root_a, signer_a};

fn at(file: &str, root: &TrustRoot, now: &str) -> Result<(), &'static str> {
    let now: Timestamp = now.parse().unwrap();
    judge(&read(file), root, signer_a(), &blob_a(), now).map(drop)
}

/// The trust root of material A with the window of every log's key replaced.
fn with_log_window(window: &Value) -> TrustRoot {
    let mut root: Value = serde_json::from_slice(&read("trusted_root.json")).unwrap();
    for log in root["tlogs"].as_array_mut().unwrap() {
        log["publicKey"]["validFor"] = window.clone();
    }
    TrustRoot::parse(root.to_string().as_bytes()).unwrap()
}

#[test]
fn a_signature_from_after_now_is_refused_and_one_from_now_is_not() {
    for file in [
        "faults/v1-none.json",
        "faults/v1_notsa-none.json",
        "faults/v2-none.json",
    ] {
        assert_eq!(
            at(file, &root_a(), "2026-11-23T06:00:00Z"),
            Err("future"),
            "{file}"
        );
        assert_eq!(
            at(file, &root_a(), "2026-11-23T09:00:00Z"),
            Ok(()),
            "{file}"
        );
    }
}

// The verifier below asks the system clock whether a log's key has begun: by that clock it has.
#[test]
fn a_log_key_that_begins_after_now_is_refused_whatever_the_system_clock_says() {
    let root = with_log_window(&json!({"start": "2026-11-23T12:00:00Z"}));
    for file in ["faults/v1-none.json", "faults/v2-none.json"] {
        assert_eq!(
            at(file, &root, "2026-11-23T11:00:00Z"),
            Err("future"),
            "{file}"
        );
    }
    assert_eq!(
        at("faults/v2-none.json", &root, "2026-11-23T13:00:00Z"),
        Err("log-time")
    );
}

#[test]
fn a_log_key_that_was_retired_before_the_signature_vouches_for_nothing() {
    let window = |end: &str| with_log_window(&json!({"start": "2026-11-21T00:00:00Z", "end": end}));
    let late = window("2026-11-22T00:00:00Z");
    assert_eq!(
        at("faults/v2-none.json", &late, "2026-11-24T00:00:00Z"),
        Err("log-time")
    );
    assert_eq!(
        at("faults/v1_notsa-none.json", &late, "2026-11-24T00:00:00Z"),
        Err("inclusion-promise")
    );
    let in_time = window("2026-11-23T23:00:00Z");
    assert_eq!(
        at("faults/v2-none.json", &in_time, "2026-11-24T00:00:00Z"),
        Ok(())
    );
}

/// Attack: `time_issuing_ca_expired`. CVE-2026-24122.
#[test]
fn an_authority_that_ended_before_the_signature_vouches_for_nothing() {
    let mut root: Value = serde_json::from_slice(&read("trusted_root.json")).unwrap();
    root["certificateAuthorities"][0]["validFor"]["end"] = json!("2026-11-22T00:00:00Z");
    let root = TrustRoot::parse(root.to_string().as_bytes()).unwrap();
    let verdict = judge(
        &read("faults/v2-none.json"),
        &root,
        signer_a(),
        &blob_a(),
        now(),
    );
    assert_eq!(verdict, Err("cert-chain"));
}

/// Attack: `time_tsa_window_per_authority`. TOB-11.
#[test]
fn a_timestamp_after_its_authority_s_end_is_refused() {
    let mut root: Value = serde_json::from_slice(&read("trusted_root.json")).unwrap();
    root["timestampAuthorities"][0]["validFor"]["end"] = json!("2026-11-22T00:00:00Z");
    let root = TrustRoot::parse(root.to_string().as_bytes()).unwrap();
    let verdict = judge(
        &read("faults/v2-none.json"),
        &root,
        signer_a(),
        &blob_a(),
        now(),
    );
    assert_eq!(verdict, Err("tsa-time"));
}
