//! Bundles signed with a key: every recorded key works, and each twin that differs is refused.

use crate::fixtures::{judge, judge_keyed, key_of, now, read, root, signer};
use palisade_attest::Bundle;
use palisade_trust::{
    Artifact, Claim, ExpectedKey, KeyError, KeyProfile, PublicKey, verify_blob_with_key,
    verify_statement_with_key,
};
use palisade_types::{Digest, Timestamp};
use serde_json::{Value, json};

const BLOB: &[u8] = b"payload\n";

/// The recorded bundles over the blob, with the key of each.
const LOGGED: &[(&str, &str)] = &[
    ("keyed/attest-p384-rekor2.json", "keyed/p384.pub"),
    ("keyed/attest-p521-rekor2.json", "keyed/p521.pub"),
    ("keyed/attest-rsa2048-rekor2.json", "keyed/rsa2048.pub"),
    ("keyed/sign-p384-rekor2.json", "keyed/p384.pub"),
    ("keyed/sign-p521-rekor2.json", "keyed/p521.pub"),
    ("keyed/sign-rsa2048-rekor2.json", "keyed/rsa2048.pub"),
];

fn verdict(bundle: &Value, key: &str, profile: KeyProfile) -> Result<Vec<Claim>, &'static str> {
    let root = root("keyed/trusted_root.json");
    let bytes = bundle.to_string().into_bytes();
    judge_keyed(&bytes, &root, &key_of(key), Artifact::Bytes(BLOB), profile)
}

fn bundle(name: &str) -> Value {
    serde_json::from_slice(&read(name)).unwrap()
}

/// Flips a bit of base64 text in a JSON document.
fn flip(value: &mut Value, pointer: &str) {
    let place = value
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("{pointer}"));
    let mut text = place.as_str().unwrap().as_bytes().to_vec();
    text[12] = if text[12] == b'A' { b'B' } else { b'A' };
    *place = json!(String::from_utf8(text).unwrap());
}

/// Attack: `key_types_rekor`. Gaps L2 and L3: key types × Rekor v2 × message and envelope.
#[test]
fn every_kind_of_key_is_verified_in_the_log_and_by_no_other_key() {
    for (file, key) in LOGGED {
        let good = bundle(file);
        let claims = verdict(&good, key, KeyProfile::Logged).unwrap();
        let wanted = [
            Claim::Key,
            Claim::LogInclusion,
            Claim::Signature,
            Claim::Timestamp,
        ];
        assert_eq!(claims, wanted, "{file}");
        for other in ["keyed/ecdsa-p256.pub", "keyed/ed25519.pub"] {
            assert_eq!(
                verdict(&good, other, KeyProfile::NoLog),
                Err("signature"),
                "{file}"
            );
        }
    }
}

#[test]
fn each_part_of_the_evidence_has_to_hold_even_where_none_is_demanded() {
    let entry = "/verificationMaterial/tlogEntries/0";
    let parts = [
        (
            format!("{entry}/inclusionProof/hashes/0"),
            "inclusion-proof",
        ),
        (format!("{entry}/logId/keyId"), "log-id"),
        (
            "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp"
                .to_owned(),
            "timestamp",
        ),
    ];
    for (file, key) in LOGGED {
        for profile in [KeyProfile::Logged, KeyProfile::NoLog] {
            for (part, word) in &parts {
                let mut broken = bundle(file);
                flip(&mut broken, part);
                let got = verdict(&broken, key, profile);
                assert_eq!(got, Err(*word), "{file} {part}");
            }
            let mut broken = bundle(file);
            broken["verificationMaterial"]["tlogEntries"] =
                json!([broken.pointer(entry), broken.pointer(entry)]);
            assert_eq!(
                verdict(&broken, key, profile),
                Err("duplicate-entry"),
                "{file}"
            );
        }
    }
}

/// Attack: `bind_foreign_rekor_entry`. A valid entry of the same log by the same key, of another signature.
#[test]
fn an_entry_of_another_signature_by_the_same_key_is_refused() {
    for key in ["p384", "p521", "rsa2048"] {
        let mut signed = bundle(&format!("keyed/sign-{key}-rekor2.json"));
        let attested = bundle(&format!("keyed/attest-{key}-rekor2.json"));
        signed["verificationMaterial"]["tlogEntries"] =
            attested["verificationMaterial"]["tlogEntries"].clone();
        let got = verdict(&signed, &format!("keyed/{key}.pub"), KeyProfile::Logged);
        assert_eq!(got, Err("entry-mismatch"), "{key}");
    }
}

#[test]
fn without_a_log_entry_or_a_time_a_bundle_is_refused_unless_the_caller_says_so() {
    let mut without_log = bundle("keyed/sign-p384-rekor2.json");
    without_log["verificationMaterial"]["tlogEntries"] = json!([]);
    let key = "keyed/p384.pub";
    assert_eq!(
        verdict(&without_log, key, KeyProfile::Logged),
        Err("no-log-entry")
    );
    assert!(verdict(&without_log, key, KeyProfile::NoLog).is_ok());
    let mut without_time = bundle("keyed/sign-p384-rekor2.json");
    without_time["verificationMaterial"]
        .as_object_mut()
        .unwrap()
        .remove("timestampVerificationData");
    assert_eq!(
        verdict(&without_time, key, KeyProfile::Logged),
        Err("no-time")
    );
}

/// Attack: `key_no_log_profile`. Gaps L1 and L5.
#[test]
fn a_bundle_of_nothing_but_a_signature_is_accepted_under_the_profile_for_it_alone() {
    let good = bundle("keyed/sign-ed25519-notlog.json");
    let key = "keyed/ed25519.pub";
    assert_eq!(
        verdict(&good, key, KeyProfile::NoLog).unwrap(),
        [Claim::Key, Claim::Signature]
    );
    assert_eq!(verdict(&good, key, KeyProfile::Logged), Err("no-log-entry"));
    let mut broken = good.clone();
    flip(&mut broken, "/messageSignature/signature");
    assert_eq!(verdict(&broken, key, KeyProfile::NoLog), Err("signature"));
    // A digest that is there has to be the artifact's.
    let mut digest = good;
    digest["messageSignature"]["messageDigest"] =
        json!({"algorithm": "SHA2_256", "digest": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="});
    assert_eq!(verdict(&digest, key, KeyProfile::NoLog), Err("artifact"));
}

#[test]
fn what_no_digest_at_hand_can_show_is_refused() {
    let root = root("keyed/trusted_root.json");
    let digest = Digest::sha256_of(BLOB);
    let of = |file: &str, key: &str| {
        let profile = KeyProfile::NoLog;
        judge_keyed(
            &read(file),
            &root,
            &key_of(key),
            Artifact::Digest(&digest),
            profile,
        )
    };
    assert!(of("keyed/sign-rsa2048-rekor2.json", "keyed/rsa2048.pub").is_ok());
    assert_eq!(
        of("keyed/sign-p384-rekor2.json", "keyed/p384.pub"),
        Err("artifact")
    );
    assert_eq!(
        of("keyed/sign-ed25519-notlog.json", "keyed/ed25519.pub"),
        Err("signature")
    );
}

/// Attack: `time_key_window`. CVE-2026-54787.
#[test]
fn a_key_counts_inside_its_own_window_alone() {
    let file = read("keyed/sign-p384-rekor2.json");
    let bundle = Bundle::parse(&file).unwrap();
    let root = root("keyed/trusted_root.json");
    let key = || ExpectedKey::new("k", PublicKey::from_pem(&read("keyed/p384.pub")).unwrap());
    let judge = |key: &ExpectedKey, now: Timestamp| {
        let artifact = Artifact::Bytes(BLOB);
        verify_blob_with_key(&bundle, &root, key, artifact, KeyProfile::Logged, now)
            .map(|verified| verified.signed_at().unwrap())
            .map_err(|rejection| rejection.word())
    };
    let signed = judge(&key(), now()).unwrap();
    let second = palisade_types::SignedDuration::from_secs(1);
    assert!(judge(&key().within(Some(signed), Some(signed)), now()).is_ok());
    let ended = key().within(None, Some(signed - second));
    assert_eq!(judge(&ended, now()), Err("key-time"));
    let later = key().within(Some(signed + second), None);
    assert_eq!(judge(&later, now()), Err("key-time"));
    assert!(judge(&key(), signed).is_ok());
    assert_eq!(judge(&key(), signed - second), Err("future"));
    // Without any time there is nothing to hold a window against.
    let bytes = read("keyed/sign-ed25519-notlog.json");
    let bundle = Bundle::parse(&bytes).unwrap();
    let key = key_of("keyed/ed25519.pub").within(None, Some(now()));
    let artifact = Artifact::Bytes(BLOB);
    let timeless = verify_blob_with_key(&bundle, &root, &key, artifact, KeyProfile::NoLog, now());
    assert_eq!(timeless.unwrap_err().word(), "no-time");
}

#[test]
fn a_key_is_no_identity_and_a_certificate_is_no_key() {
    let root = root("keyed/trusted_root.json");
    let digest: Digest = "sha256:4d7d2c7c50b3dac34d0aac5712a60e0011897264980be370a9e5c047f08db1cb"
        .parse()
        .unwrap();
    let anyone = signer("dev@siglab.test", "http://localhost:18500");
    let keyed = read("keyed/image-sign-p256-rekor1.json");
    assert_eq!(
        judge(&keyed, &root, anyone, &digest, now()),
        Err("managed-key")
    );
    let keyless = Bundle::parse(&read("keyed/image-sign-keyless-rekor1.json")).unwrap();
    let key = key_of("keyed/ecdsa-p256.pub");
    let refused = verify_statement_with_key(&keyless, &root, &key, KeyProfile::NoLog, now());
    assert_eq!(refused.unwrap_err().word(), "no-managed-key");
}

#[test]
fn the_promise_of_rekor_v1_covers_body_time_and_index() {
    let root = root("keyed/trusted_root.json");
    let digest: Digest = "sha256:4d7d2c7c50b3dac34d0aac5712a60e0011897264980be370a9e5c047f08db1cb"
        .parse()
        .unwrap();
    let key = key_of("keyed/ecdsa-p256.pub");
    let of = |bundle: &Value| {
        let bytes = bundle.to_string().into_bytes();
        let artifact = Artifact::Digest(&digest);
        judge_keyed(&bytes, &root, &key, artifact, KeyProfile::Logged)
    };
    let good = bundle("keyed/image-sign-p256-rekor1.json");
    assert!(of(&good).unwrap().contains(&Claim::LogPromise));
    for (field, new) in [("integratedTime", "1795421379"), ("logIndex", "2")] {
        let mut broken = good.clone();
        broken["verificationMaterial"]["tlogEntries"][0][field] = json!(new);
        assert_eq!(of(&broken), Err("inclusion-promise"), "{field}");
    }
    let mut broken = good;
    flip(
        &mut broken,
        "/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp",
    );
    assert_eq!(of(&broken), Err("inclusion-promise"));
}

/// Attack: `key_parsing_paths`.
#[test]
fn what_is_not_exactly_one_supported_key_is_refused() {
    let pem = read("keyed/p521.pub");
    assert!(PublicKey::from_pem(&pem).is_ok());
    let twice = [pem.as_slice(), pem.as_slice()].concat();
    assert!(matches!(PublicKey::from_pem(&twice), Err(KeyError::Pem(_))));
    let text = String::from_utf8(pem).unwrap();
    let private = text.replace("PUBLIC", "PRIVATE");
    assert!(matches!(
        PublicKey::from_pem(private.as_bytes()),
        Err(KeyError::Pem(_))
    ));
    assert!(matches!(
        PublicKey::from_pem(&vec![b' '; 20_000]),
        Err(KeyError::TooLarge)
    ));
    let der = PublicKey::from_pem(text.as_bytes()).unwrap().der().to_vec();
    assert!(PublicKey::from_der(&der).is_ok());
    assert!(matches!(
        PublicKey::from_der(&der[..der.len() - 1]),
        Err(KeyError::Malformed(_))
    ));
    // secp256k1 is a curve and none of ours.
    let mut other = PublicKey::from_pem(&read("keyed/ecdsa-p256.pub"))
        .unwrap()
        .der()
        .to_vec();
    other.splice(
        4..23,
        [
            0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 10,
        ],
    );
    other[1] -= 3;
    assert!(PublicKey::from_der(&other).is_err());
}

/// Every string of a JSON document, by pointer.
fn strings(value: &Value, at: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| strings(value, &format!("{at}/{name}"), into)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| strings(value, &format!("{at}/{index}"), into)),
        Value::String(_) => into.push(at.to_owned()),
        _ => {}
    }
}

/// Where a change is not noticed, and why it does not matter: the hint names the key, which the
/// caller has named; Rekor v2's checkpoint signs tree size and root, and its proof's index is the
/// entry's, so the copies beside it are not read; a timestamp has fields outside of its signature
/// (RFC 5652 §5.4), such as the list of digest algorithms.
const UNREAD: &[&str] = &[
    "publicKey/hint",
    "inclusionProof/logIndex",
    "inclusionProof/rootHash",
    "inclusionProof/treeSize",
    "signedTimestamp",
];

#[test]
fn a_change_in_any_string_of_a_keyed_bundle_is_noticed() {
    for (file, key) in LOGGED {
        let good = bundle(file);
        let mut pointers = Vec::new();
        strings(&good, "", &mut pointers);
        assert!(pointers.len() > 10, "{file}");
        for pointer in pointers {
            let text = good.pointer(&pointer).unwrap().as_str().unwrap().to_owned();
            for place in (0..text.len()).step_by(7) {
                let mut bytes = text.clone().into_bytes();
                bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
                let mut changed = good.clone();
                *changed.pointer_mut(&pointer).unwrap() = json!(String::from_utf8(bytes).unwrap());
                let noticed = verdict(&changed, key, KeyProfile::Logged).is_err();
                let unread = UNREAD.iter().any(|part| pointer.ends_with(part));
                assert!(noticed || unread, "{file} {pointer} {place}: {text}");
            }
        }
    }
}

/// What is converted from cosign's older tags has no hint.
#[test]
fn an_empty_hint_is_no_hint() {
    let mut without = bundle("keyed/sign-rsa2048-rekor2.json");
    without["verificationMaterial"]["publicKey"]["hint"] = json!("");
    assert!(verdict(&without, "keyed/rsa2048.pub", KeyProfile::Logged).is_ok());
}
