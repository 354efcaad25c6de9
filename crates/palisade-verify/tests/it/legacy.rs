//! The `.sig` tag of cosign before version 3.

use std::collections::BTreeMap;

use palisade_types::Digest;
use serde_json::{Value, json};

use crate::program::{Run, fixture, verify};
use crate::registry::{Registry, Setup};

const DIGEST: &str = "4d7d2c7c50b3dac34d0aac5712a60e0011897264980be370a9e5c047f08db1cb";
/// Another image, of which nobody has signed anything.
const OTHER: &str = "5d7d2c7c50b3dac34d0aac5712a60e0011897264980be370a9e5c047f08db1cb";

/// The annotations that cosign wrote, out of the bundle they were converted into.
fn annotations() -> Value {
    let bundle = std::fs::read(fixture("keyed/legacy-sig-converted-v0.1.json")).unwrap();
    let bundle: Value = serde_json::from_slice(&bundle).unwrap();
    let material = &bundle["verificationMaterial"];
    let entry = &material["tlogEntries"][0];
    let number = |name: &str| entry[name].as_str().unwrap().parse::<u64>().unwrap();
    let certificate = material["x509CertificateChain"]["certificates"][0]["rawBytes"]
        .as_str()
        .unwrap();
    let log = "95c5ba79c977f3655351d4cae22c6ad53eef19ac9217a118a0306d41d180756f";
    let promise = json!({
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": number("integratedTime"),
            "logIndex": number("logIndex"),
            "logID": log,
        },
    });
    json!({
        "dev.cosignproject.cosign/signature": bundle["messageSignature"]["signature"],
        "dev.sigstore.cosign/certificate":
            format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n"),
        "dev.sigstore.cosign/chain": "",
        "dev.sigstore.cosign/bundle": promise.to_string(),
    })
}

fn payload() -> Vec<u8> {
    std::fs::read(fixture("keyed/legacy-sig-payload.json")).unwrap()
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// A registry whose tag `.sig` for this digest holds one layer with these annotations.
fn registry(digest: &str, annotations: &Value) -> (Registry, Setup) {
    let layer = payload();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "size": 2,
            "digest": Digest::sha256_of(b"{}").to_string(),
        },
        "layers": [{
            "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
            "size": layer.len(),
            "digest": Digest::sha256_of(&layer).to_string(),
            "annotations": annotations,
        }],
    })
    .to_string()
    .into_bytes();
    let instead = BTreeMap::from([
        (
            leak(format!("sha256-{digest}.sig")),
            (200, manifest.clone()),
        ),
        (
            leak(format!("manifests/{}", Digest::sha256_of(&manifest))),
            (200, manifest),
        ),
        (
            leak(format!("blobs/{}", Digest::sha256_of(&layer))),
            (200, layer),
        ),
    ]);
    let setup = Setup {
        api: true,
        instead,
        ..Setup::default()
    };
    (Registry::start(setup.clone()), setup)
}

const IDENTITY: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";

fn verify_as(identity: &str, image: &str, more: &[&str]) -> Run {
    verify_in("json", identity, image, more)
}

fn verify_in(format: &str, identity: &str, image: &str, more: &[&str]) -> Run {
    let fixed = [
        "image",
        image,
        "--certificate-identity",
        identity,
        "--certificate-oidc-issuer",
        "https://token.actions.example.test",
        "--trusted-root",
        "keyed/trusted_root.json",
        "--format",
        format,
    ];
    verify(fixed.iter().chain(more))
}

fn image(registry: &Registry, digest: &str) -> String {
    format!("{}/demo/app@sha256:{digest}", registry.host)
}

#[test]
fn a_signature_of_an_older_cosign_is_found_and_verified_as_a_promise_of_the_log() {
    let (registry, _) = registry(DIGEST, &annotations());
    let run = verify_as(IDENTITY, &image(&registry, DIGEST), &[]);
    assert_eq!(run.code, 0, "{run:?}");
    let proven = &run.json()["answers"][0]["verified"][0];
    assert_eq!(proven["form"], "cosign-sig");
    assert_eq!(proven["matched"]["digest"], format!("sha256:{DIGEST}"));
    let claims = proven["claims"].as_array().unwrap();
    assert!(claims.contains(&json!("log-promise")));
    assert!(!claims.contains(&json!("log-inclusion")));
    let told = verify_in("text", IDENTITY, &image(&registry, DIGEST), &[]);
    assert!(told.out.contains("SET only"), "{told:?}");
    let demanded = ["--require-inclusion-proof"];
    let run = verify_as(IDENTITY, &image(&registry, DIGEST), &demanded);
    assert_eq!(run.code, 1, "{run:?}");
    let refused = &run.json()["answers"][0]["refused"][0];
    assert_eq!(refused["reason"], "proof-missing");
    let run = verify_as("somebody@else.test", &image(&registry, DIGEST), &[]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(run.json()["answers"][0]["refused"][0]["reason"], "signer");
}

#[test]
fn a_signature_under_another_image_s_tag_is_refused() {
    let (registry, _) = registry(OTHER, &annotations());
    let run = verify_as(IDENTITY, &image(&registry, OTHER), &[]);
    assert_eq!(run.code, 1, "{run:?}");
    let refused = &run.json()["answers"][0]["refused"][0];
    assert_eq!(refused["reason"], "artifact");
    assert!(refused["detail"].as_str().unwrap().contains(DIGEST));
}

/// Attack: `bind_legacy_cert_is_key`.
#[test]
fn a_key_in_place_of_the_certificate_signs_nothing() {
    let mut with_key = annotations();
    let pem = std::fs::read_to_string(fixture("keyed/ecdsa-p256.pub")).unwrap();
    with_key["dev.sigstore.cosign/certificate"] = json!(pem);
    let (registry, _) = registry(DIGEST, &with_key);
    let run = verify_as(IDENTITY, &image(&registry, DIGEST), &[]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(run.json()["answers"][0]["refused"][0]["reason"], "bundle");
}

#[test]
fn an_older_tag_that_cannot_be_asked_for_leaves_the_answer_open() {
    for status in [401, 403, 500] {
        let (_, mut setup) = registry(DIGEST, &annotations());
        let tag = leak(format!("sha256-{DIGEST}.sig"));
        setup.instead.insert(tag, (status, b"{}".to_vec()));
        let registry = Registry::start(setup);
        let run = verify_as(IDENTITY, &image(&registry, DIGEST), &[]);
        assert_eq!(run.code, 3, "{status}: {run:?}");
    }
}

#[test]
fn signatures_in_another_repository_are_found_there_and_only_when_it_is_named() {
    let (signatures, _) = registry(DIGEST, &annotations());
    let place = format!("{}/demo/app", signatures.host);
    let there = ["--signature-repository", &place];
    let elsewhere = format!("localhost:1/other@sha256:{DIGEST}");
    assert_eq!(verify_as(IDENTITY, &elsewhere, &there).code, 0);
    assert_eq!(verify_as(IDENTITY, &elsewhere, &[]).code, 3);
    let tagged = format!("{place}:1.0");
    let run = verify_as(IDENTITY, &elsewhere, &["--signature-repository", &tagged]);
    assert_eq!(run.code, 2, "{run:?}");
}

/// 128 digits and a suffix are no tag: the tag has the first 64, as `sign` writes it.
#[test]
fn an_image_named_by_sha512_is_answered_for_and_so_are_the_others_of_the_run() {
    let (registry, _) = registry(DIGEST, &annotations());
    let long = format!("{}/demo/app@sha512:{}", registry.host, "ab".repeat(64));
    let run = verify_as(IDENTITY, &long, &[&image(&registry, DIGEST)]);
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(run.json()["answers"][0]["result"], "undecided");
    assert_eq!(run.json()["answers"][1]["result"], "verified");
    let tag = format!("sha512-{}.sig", "ab".repeat(32));
    let requests = registry.requests();
    assert!(requests.iter().any(|r| r.ends_with(&tag)), "{requests:?}");
}
