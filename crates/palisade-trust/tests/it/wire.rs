//! How the same bundle may be written, and how it may not (protobuf's JSON mapping).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::fixtures::{judge_a, read};
use crate::tampered::bundle;

const DSSE: &str = "cross/rust-dsse-v1.json";
const MESSAGE: &str = "faults/v1_notsa-none.json";
const ENTRY: &str = "/verificationMaterial/tlogEntries/0";

/// A bundle whose envelope holds exactly these bytes.
fn with_payload(payload: &[u8]) -> Result<(), &'static str> {
    bundle(DSSE)
        .with("/dsseEnvelope/payload", STANDARD.encode(payload))
        .judged()
        .map(drop)
}

/// Attack: `wire_compat_protojson`. 64 bit integers are strings, and readers take numbers too.
#[test]
fn integers_may_be_written_as_numbers() {
    let place = format!("{ENTRY}/integratedTime");
    let number: i64 = bundle(MESSAGE)
        .at(&place)
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    bundle(MESSAGE).with(&place, number).is_accepted();
    bundle(MESSAGE)
        .with(&place, number + 5)
        .is_refused_for("inclusion-promise");
    bundle(MESSAGE).with(&place, 1.5).is_refused_for("bundle");
}

/// Attack: `wire_compat_protojson`. Readers of protobuf's JSON take both alphabets of base64, with
/// and without padding; what it stands for is what counts.
#[test]
fn base64_is_read_in_both_alphabets() {
    for (file, place) in [
        (MESSAGE, "/messageSignature/signature"),
        (DSSE, "/dsseEnvelope/payload"),
        (DSSE, "/dsseEnvelope/signatures/0/sig"),
        (DSSE, "/verificationMaterial/certificate/rawBytes"),
    ] {
        let text = bundle(file).at(place).as_str().unwrap().to_owned();
        let other = text.replace('+', "-").replace('/', "_");
        bundle(file).with(place, other.as_str()).is_accepted();
        let bare = other.trim_end_matches('=');
        bundle(file).with(place, bare).is_accepted();
        let mixed = format!("+{}", &other[1..]).replacen('A', "-", 1);
        assert!(bundle(file).with(place, mixed).judged().is_err());
    }
}

#[test]
fn unknown_fields_change_nothing_and_repeated_ones_are_refused() {
    bundle(MESSAGE)
        .with("/futureField", json!({"a": 1}))
        .is_accepted();
    let text = String::from_utf8(read(MESSAGE)).unwrap();
    let twice = text.replacen('{', "{\"messageSignature\":{},", 1);
    assert_eq!(judge_a(twice.as_bytes()), Err("parse"));
}

/// Attack: `bind_payload_unparsable`, `bind_raw_bytes`. CVE-2026-39395, CVE-2026-44309.
#[test]
fn a_payload_that_is_no_statement_is_refused() {
    let statement = STANDARD
        .decode(bundle(DSSE).at("/dsseEnvelope/payload").as_str().unwrap())
        .unwrap();
    let text = String::from_utf8(statement.clone()).unwrap();
    assert_eq!(with_payload(&statement), Ok(()));
    let twice = text.replacen('{', "{\"predicateType\":\"https://evil.test\",", 1);
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    for payload in [
        &b"null"[..],
        b"",
        b"[]",
        b"\xff",
        b"{}",
        twice.as_bytes(),
        &deep,
    ] {
        assert_eq!(with_payload(payload), Err("parse"));
    }
    // The same statement, written in another way, is not what was signed (CVE-2026-44309).
    let value: Value = serde_json::from_slice(&statement).unwrap();
    let pretty = serde_json::to_vec_pretty(&value).unwrap();
    assert_eq!(with_payload(&pretty), Err("signature"));
}

/// Attack: `cap_entries`. CVE-2024-45395.
#[test]
fn more_of_anything_than_we_read_is_refused_before_anything_is_computed() {
    for (file, list) in [
        (MESSAGE, "/verificationMaterial/tlogEntries"),
        (
            "cross/rust-dsse-v2.json",
            "/verificationMaterial/timestampVerificationData/rfc3161Timestamps",
        ),
        (
            "cross/js-msg-v1.json",
            "/verificationMaterial/x509CertificateChain/certificates",
        ),
    ] {
        let one = bundle(file).at(&format!("{list}/0")).clone();
        let many = |count| bundle(file).with(list, vec![one.clone(); count]);
        many(33).is_refused_for("parse");
        // The twin is read, whatever becomes of it.
        assert_ne!(many(32).judged(), Err("parse"), "{list}");
    }
}

/// Attack: `exit_panic`, `bind_blob_bad_bundle_is_error`. CVE-2026-44310: empty lists and nulls where something is expected.
#[test]
fn empty_and_missing_parts_are_refused_without_a_panic() {
    for (place, value) in [
        ("/verificationMaterial", Value::Null),
        ("/verificationMaterial/certificate", Value::Null),
        ("/verificationMaterial/certificate/rawBytes", json!("")),
        ("/verificationMaterial/certificate/rawBytes", json!("AAAA")),
        ("/verificationMaterial/tlogEntries", Value::Null),
        ("/verificationMaterial/tlogEntries/0", Value::Null),
        ("/verificationMaterial/tlogEntries/0/logId", Value::Null),
        (
            "/verificationMaterial/tlogEntries/0/kindVersion",
            Value::Null,
        ),
        (
            "/verificationMaterial/tlogEntries/0/canonicalizedBody",
            json!(""),
        ),
        ("/verificationMaterial/tlogEntries/0/logIndex", json!("-1")),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof/hashes",
            json!([""]),
        ),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof/treeSize",
            json!("-1"),
        ),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope",
            json!("\n\n"),
        ),
        ("/messageSignature", Value::Null),
        ("/messageSignature/signature", json!("")),
        ("/messageSignature/messageDigest/digest", json!("")),
    ] {
        let verdict = bundle(MESSAGE).with(place, value.clone()).judged();
        assert!(verdict.is_err(), "{place} = {value}");
    }
    let mut chain = bundle("cross/js-msg-v1.json");
    chain.is_accepted();
    chain = chain.with(
        "/verificationMaterial/x509CertificateChain/certificates",
        json!([]),
    );
    assert!(chain.judged().is_err());
}
