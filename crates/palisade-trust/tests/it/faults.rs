//! What a dishonest or broken service makes of a bundle is refused, each for its own reason; what
//! only looks odd is accepted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palisade_attest::Bundle;
use palisade_trust::{ExpectedSigner, Instance, Profile, TrustRoot, verify_statement};
use palisade_types::Digest;
use serde_json::{Value, json};

use crate::fixtures::{judge, judge_a, now, read, root, signer};
use crate::tampered::{Tampered, bundle};

const ENTRY: &str = "/verificationMaterial/tlogEntries/0";
const TOKEN: &str =
    "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";

/// Each recorded fault is refused with this word, and its control without the fault is not.
#[track_caller]
fn refused(control: &str, faults: &[(&str, &str)]) {
    let of = |name: &str| judge_a(&read(&format!("faults/{control}-{name}.json"))).map(drop);
    assert_eq!(of("none"), Ok(()), "{control}");
    for (fault, word) in faults {
        assert_eq!(of(fault), Err(*word), "{control}-{fault}");
    }
}

/// What the second material's bundle comes to.
fn of_static(name: &str, profile: Profile) -> Result<(), &'static str> {
    let root = root("static/trusted_root.json").under(profile).unwrap();
    let artifact = Digest::sha256_of(&read("static/artifact.txt"));
    let signer = signer(
        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
        "https://token.actions.example.test",
    );
    judge(
        &read(&format!("static/{name}.json")),
        &root,
        signer,
        &artifact,
        now(),
    )
    .map(drop)
}

/// Attack: `cert_faults`.
#[test]
fn a_certificate_that_was_not_good_for_this_signature_is_refused() {
    refused(
        "v2",
        &[
            ("cert-expired", "cert-time"),
            ("cert-forged-ca", "cert-chain"),
            ("cert-future", "cert-time"),
            ("cert-no-issuer-ext", "issuer-missing"),
            ("cert-other-key", "signature"),
            ("cert-wrong-eku", "cert-eku"),
            ("san-noncritical", "san-critical"),
        ],
    );
}

/// Attack: `id_issuer_both_oids`, `id_two_sans`.
#[test]
fn a_certificate_that_names_two_issuers_or_two_subjects_names_nobody() {
    refused(
        "v2",
        &[
            ("cert-issuer-v1-lies", "issuer-conflict"),
            ("san-two", "san-count"),
        ],
    );
}

/// Attack: `sct_faults`.
#[test]
fn a_certificate_that_no_log_of_the_root_recorded_is_refused() {
    refused(
        "v2",
        &[
            ("sct-badsig", "sct"),
            ("sct-none", "sct"),
            ("sct-old", "sct"),
            ("sct-wrong-issuer-hash", "sct"),
        ],
    );
    // The extension that newer logs add to theirs does no harm.
    assert!(judge_a(&read("faults/v2-VALID-sct-leafindex.json")).is_ok());
}

/// Attack: `time_tsa_faults`.
#[test]
fn a_timestamp_of_another_time_signature_or_authority_is_refused() {
    refused(
        "v2",
        &[
            ("tsa-badsig", "timestamp"),
            ("tsa-imprint", "timestamp"),
            ("tsa-time-old", "timestamp"),
        ],
    );
}

/// Attack: `log_faults`, `bind_bad_log_entry_not_success`.
#[test]
fn an_entry_whose_promise_proof_checkpoint_or_body_is_wrong_is_refused() {
    refused(
        "v1",
        &[
            ("v1-ckpt-badsig", "checkpoint"),
            ("v1-ckpt-hint", "checkpoint"),
            ("v1-logid", "log-id"),
            ("v1-no-set", "bundle"),
            ("v1-proof-bad", "inclusion-proof"),
            ("v1-set-badsig", "inclusion-promise"),
            ("v1-time-old", "cert-time"),
        ],
    );
    refused(
        "v2",
        &[
            ("v2-body-other", "entry-mismatch"),
            ("v2-ckpt-badsig", "checkpoint"),
            ("v2-ckpt-hint", "checkpoint"),
            ("v2-proof-bad", "inclusion-proof"),
        ],
    );
}

/// Attack: `log_checkpoint_origin`. W1: a checkpoint says whose tree it is, and which one.
#[test]
fn a_checkpoint_of_another_log_or_of_no_tree_is_refused() {
    let origin = ("v1-ckpt-origin", "checkpoint-origin");
    refused("v1", &[origin, ("v1-ckpt-notree", "checkpoint-origin")]);
    refused("v2", &[("v2-ckpt-origin", "checkpoint-origin")]);
}

/// Attack: `log_v2_logid`. W2: the id is the trust root's, however else it could be computed.
#[test]
fn an_entry_under_another_id_of_the_same_key_is_refused() {
    refused("v2", &[("v2-logid", "log-id")]);
}

/// Attack: `log_forged_evidence`, `log_keys_from_root_only`. Made up by somebody who holds no key
/// of the log, and signed with one of their own.
#[test]
fn evidence_that_the_log_never_signed_is_refused() {
    assert_eq!(of_static("msg-rekor1", Profile::Logged), Ok(()));
    for (name, word) in [
        ("neg-badproof", "inclusion-proof"),
        ("neg-badset", "inclusion-promise"),
        ("neg-forgedlog", "inclusion-promise"),
    ] {
        assert_eq!(of_static(name, Profile::Promised), Err(word), "{name}");
    }
}

/// Attack: `time_integrated_without_set`, `time_future_skew`. CVE-2026-48816, TOB-3: anybody can
/// write a time beside a proof.
#[test]
fn a_time_that_the_log_did_not_promise_is_no_time() {
    assert_eq!(
        of_static("noset-notsa-v03", Profile::Logged),
        Err("no-time")
    );
    // The twin: the same kind of entry, with the time from an authority.
    assert_eq!(of_static("noset-tsa-v03", Profile::Logged), Ok(()));
    let message = bundle("faults/v1_notsa-none.json");
    let place = format!("{ENTRY}/integratedTime");
    for seconds in [1, 60, 1_000_000_000] {
        let later = message.clone().plus(&place, seconds);
        later.is_refused_for("inclusion-promise");
    }
}

/// Attack: `time_all_timestamps`, `evidence_all_must_verify`. L9: one that holds does not make up
/// for one that does not.
#[test]
fn every_timestamp_and_every_entry_has_to_hold() {
    let good = bundle("cross/rust-dsse-v1.json");
    good.is_accepted();
    let list = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";
    let mine = good.at(&format!("{list}/0")).clone();
    let foreign = bundle("cross/rust-dsse-v2.json")
        .at(&format!("{list}/0"))
        .clone();
    for both in [json!([mine, foreign]), json!([foreign, mine])] {
        good.clone().with(list, both).is_refused_for("timestamp");
    }
    // A broken time beside a good entry, and a good time beside a broken entry.
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    good.clone().bytes(TOKEN, flip).is_refused_for("timestamp");
    let promise = format!("{ENTRY}/inclusionPromise/signedEntryTimestamp");
    good.bytes(&promise, flip)
        .is_refused_for("inclusion-promise");
}

/// Attack: `log_first_entry_zero`. Protobuf leaves out what is zero.
#[test]
fn the_first_entry_of_a_log_needs_no_index_and_no_hashes() {
    assert!(judge_a(&read("faults/v2-VALID-first-entry-index0.json")).is_ok());
    // Where the index is not zero, leaving it out is a change.
    let other = bundle("faults/v2-none.json").without(&format!("{ENTRY}/logIndex"));
    other.is_refused_for("inclusion-proof");
}

/// Attack: `log_proof_library`, `bind_entry_count`, `bind_leaf_hash`. RFC 6962 §2.1.1: a proof has
/// exactly as many hashes as index and size demand.
#[test]
fn a_proof_of_another_shape_is_refused() {
    for file in ["faults/v1_notsa-none.json", "faults/v2-none.json"] {
        let proof = |field: &str| format!("{ENTRY}/inclusionProof/{field}");
        let good = bundle(file);
        let hashes = good.at(&proof("hashes")).as_array().unwrap().clone();
        let mut more = hashes.clone();
        more.push(hashes[0].clone());
        let fewer = hashes[1..].to_vec();
        let mut other = hashes.clone();
        other[0] = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        let mut short = hashes.clone();
        short[0] = json!("AAAA");
        for changed in [more, fewer, other, short, Vec::new()] {
            let refused = good.clone().with(&proof("hashes"), changed).judged();
            assert!(
                matches!(refused, Err("inclusion-proof" | "bundle")),
                "{refused:?}"
            );
        }
        // Rekor v1 proves the index in the tree, v2 the entry's own.
        let index = if file.contains("v1") {
            proof("logIndex")
        } else {
            format!("{ENTRY}/logIndex")
        };
        for wrong in [
            "-1",
            "9223372036854775807",
            "9223372036854775808",
            "1e3",
            "",
        ] {
            let refused = good.clone().with(&index, wrong).judged();
            assert!(refused.is_err(), "{file} {wrong}");
        }
        // The leaf is what the body hashes to, and nothing the bundle says.
        let body = good
            .clone()
            .bytes(&format!("{ENTRY}/canonicalizedBody"), |body| {
                body.push(b' ');
            });
        assert!(body.judged().is_err());
    }
    let size = format!("{ENTRY}/inclusionProof/treeSize");
    for wrong in ["0", "1", "-1", "9223372036854775807"] {
        let changed = bundle("faults/v1_notsa-none.json").with(&size, wrong);
        assert!(changed.judged().is_err(), "{wrong}");
    }
}

/// Attack: `bind_message_digest`, `bind_blob_bundle_other_signature`. CVE-2022-36056.
#[test]
fn a_message_about_another_artifact_is_refused_whatever_digest_it_claims() {
    let digest = "/messageSignature/messageDigest/digest";
    let good = bundle("faults/v2-none.json");
    good.is_accepted();
    good.clone()
        .bytes(digest, |bytes| bytes[0] ^= 1)
        .is_refused_for("artifact");
    let (root, signer) = (root("trusted_root.json"), || crate::fixtures::signer_a());
    let other = Digest::sha256_of(b"another");
    let text = good.0.to_string();
    let verdict = judge(text.as_bytes(), &root, signer(), &other, now());
    assert_eq!(verdict, Err("artifact"));
    // The claim follows the artifact, and the signature does not.
    let claims = good.with(digest, base64(&other));
    let verdict = judge(
        claims.0.to_string().as_bytes(),
        &root,
        signer(),
        &other,
        now(),
    );
    assert!(verdict.is_err(), "{verdict:?}");
}

fn base64(digest: &Digest) -> String {
    STANDARD.encode(digest.bytes())
}

fn old(name: &str) -> Tampered {
    bundle(&format!("../bundle-v0.1/{name}.json"))
}

fn judge_old(bundle: &Value) -> Result<(), &'static str> {
    let bundle = Bundle::parse(bundle.to_string().as_bytes()).map_err(|_| "parse")?;
    let root = TrustRoot::embedded(Instance::PublicGood).unwrap();
    let by: ExpectedSigner = signer("brian@dehamer.com", "https://github.com/login/oauth");
    verify_statement(&bundle, &root, &[by], now())
        .map(drop)
        .map_err(|rejection| rejection.word())
}

/// Attack: `log_intoto_002`, `bind_envelope_hash`. TOB-12: the entry is of the right kind, in the
/// right log, and about another envelope.
#[test]
fn an_entry_about_another_envelope_is_refused() {
    for name in [
        "intoto-with-proof",
        "intoto-without-proof",
        "dsse-without-proof",
    ] {
        assert_eq!(judge_old(&old(name).0), Ok(()), "{name}");
        for other in [
            "intoto-of-another",
            "dsse-without-proof",
            "intoto-without-proof",
        ] {
            let swapped = old(name).with(ENTRY, old(other).at(ENTRY).clone()).0;
            if swapped == old(name).0
                || (name.starts_with("intoto") && other.starts_with("intoto-w"))
            {
                continue;
            }
            let refused = judge_old(&swapped);
            let mismatch = matches!(refused, Err("entry-mismatch" | "cert-time"));
            assert!(mismatch, "{name} with the entry of {other}: {refused:?}");
        }
    }
}

/// Attack: `log_unsupported_entry`. What nobody can check is named, and is never called unsigned.
#[test]
fn an_entry_of_a_kind_that_is_not_read_is_refused_as_such() {
    let judged = judge_a(&read("cross/js-dsse-v2.json"));
    assert_eq!(judged, Err("unsupported-entry"));
    for (kind, version) in [
        ("intoto", "0.0.1"),
        ("rfc3161", "0.0.1"),
        ("hashedrekord", "9"),
    ] {
        let other = json!({"kind": kind, "version": version});
        bundle("faults/v2-none.json")
            .with(&format!("{ENTRY}/kindVersion"), other)
            .is_refused_for("unsupported-entry");
    }
    bundle("cross/rust-dsse-v2.json")
        .with("/dsseEnvelope/payloadType", "application/vnd.other+json")
        .is_refused_for("parse");
}

/// Attack: `cap_alloc_from_count`. CVE-2024-29903: a length that DER claims costs nothing.
#[test]
fn a_length_of_gigabytes_in_der_is_refused_at_once() {
    let started = std::time::Instant::now();
    let certificate = "/verificationMaterial/certificate/rawBytes";
    for (file, place) in [
        ("cross/rust-dsse-v2.json", certificate),
        ("cross/rust-dsse-v2.json", TOKEN),
    ] {
        for at in 0..40 {
            let claimed = bundle(file).bytes(place, |der| {
                der.splice(at..at, [0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]);
            });
            assert!(claimed.judged().is_err(), "{place} {at}");
        }
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

/// Attack: `cap_exhaustion_notation`, `cap_jwt_split`. Depth, and millions of parts.
#[test]
fn endless_depth_and_endless_parts_are_refused_in_a_moment() {
    let started = std::time::Instant::now();
    let deep = [vec![b'['; 1_000_000], vec![b']'; 1_000_000]].concat();
    assert_eq!(judge_a(&deep), Err("parse"));
    let mut objects = b"{\"a\":".repeat(1_000_000);
    objects.push(b'1');
    assert_eq!(judge_a(&objects), Err("parse"));
    let dots = ".".repeat(4_000_000);
    for place in [
        "/mediaType",
        "/verificationMaterial/certificate/rawBytes",
        "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope",
        "/dsseEnvelope/signatures/0/sig",
        "/dsseEnvelope/payloadType",
    ] {
        let judged = bundle("cross/rust-dsse-v2.json").with(place, dots.as_str());
        assert!(judged.judged().is_err(), "{place}");
    }
    // An object identifier of very many parts, where the certificate has its first.
    let certificate = "/verificationMaterial/certificate/rawBytes";
    let long = bundle("cross/rust-dsse-v2.json").bytes(certificate, |der| {
        der.splice(
            4..4,
            [vec![0x06, 0x83, 0x0f, 0xff, 0xff], vec![1; 0x0f_ffff]].concat(),
        );
    });
    assert!(long.judged().is_err());
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

/// The elements of a DER value's content, each with its tag and length.
fn elements(mut content: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let head = header(content);
        let (first, rest) = content.split_at(head.0 + head.1);
        found.push(first);
        content = rest;
    }
    found
}

/// How long the tag and length of a DER value are, and its content.
fn header(der: &[u8]) -> (usize, usize) {
    match usize::from(der[1]) {
        short @ 0..=127 => (2, short),
        long => {
            let count = long - 128;
            let length = der[2..2 + count].iter();
            let length = length.fold(0, |all, byte| all << 8 | usize::from(*byte));
            (2 + count, length)
        }
    }
}

fn content(der: &[u8]) -> &[u8] {
    &der[header(der).0..]
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().position(|byte| *byte != 0).unwrap()..];
    let head = if content.len() < 128 {
        vec![tag, length[0]]
    } else {
        [
            &[tag, 0x80 | u8::try_from(length.len()).unwrap()][..],
            length,
        ]
        .concat()
    };
    [&head, content].concat()
}

/// RFC 3161 §2.4.2 and RFC 5652 §5.1: the reply with this certificate first in its bag.
fn with_first_certificate(reply: &[u8], certificate: &[u8]) -> Vec<u8> {
    let [status, token] = elements(content(reply))[..] else {
        panic!("a reply without a token")
    };
    let [kind, wrapped] = elements(content(token))[..] else {
        panic!("a token without content")
    };
    let mut parts: Vec<_> = elements(content(content(wrapped)))
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect();
    // Version, digests and what is signed come before it.
    let bag = if parts[3][0] == 0xa0 {
        content(&parts.remove(3)).to_vec()
    } else {
        Vec::new()
    };
    parts.insert(3, der(0xa0, &[certificate, &bag].concat()));
    let signed = der(0xa0, &der(0x30, &parts.concat()));
    let token = der(0x30, &[kind, &signed].concat());
    der(0x30, &[status, &token].concat())
}

/// Attack: `time_tsa_chain_leaf`. CVE-2026-39984: what is first in a token's bag of certificates is
/// anybody's choice.
#[test]
fn a_certificate_of_the_right_authority_in_the_bag_makes_no_token_its_own() {
    let root: Value = serde_json::from_slice(&read("trusted_root.json")).unwrap();
    let chain = &root["timestampAuthorities"][0]["certChain"]["certificates"];
    let authority = chain[0]["rawBytes"].as_str().unwrap();
    let authority = STANDARD.decode(authority).unwrap();
    let first = |file: &str| {
        bundle(file).bytes(TOKEN, |reply| {
            *reply = with_first_certificate(reply, &authority);
        })
    };
    // Taken apart and put together, the good one is still good.
    first("faults/v2-none.json").is_accepted();
    for fault in ["tsa-badsig", "tsa-imprint", "tsa-time-old"] {
        first(&format!("faults/v2-{fault}.json")).is_refused_for("timestamp");
    }
    // Somebody else's certificate in front of the authority's own changes nothing.
    let other = bundle("cross/rust-dsse-v2.json");
    let leaf = other.at("/verificationMaterial/certificate/rawBytes");
    let leaf = STANDARD.decode(leaf.as_str().unwrap()).unwrap();
    let faulty = bundle("faults/v2-tsa-badsig.json");
    faulty
        .bytes(TOKEN, |reply| *reply = with_first_certificate(reply, &leaf))
        .is_refused_for("timestamp");
}
