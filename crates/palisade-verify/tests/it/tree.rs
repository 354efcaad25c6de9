//! `palisade verify tree`.

use std::collections::BTreeMap;

use palisade_types::Digest;
use serde_json::{Value, json};

use crate::program::{SIGNER, verify};
use crate::registry::{ATTESTATION, IMAGE, Registry, SIGNATURE, Setup, blob};

fn states(json: &Value, node: usize) -> Vec<(String, String)> {
    let attached = json["nodes"][node]["attached"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut states: Vec<_> = attached
        .iter()
        .map(|item| (text(&item["state"]), text(&item["predicate_type"])))
        .collect();
    states.sort();
    states
}

fn pairs(states: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    states.iter().map(owned).collect()
}

const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

#[test]
fn everything_attached_is_listed_and_verified_only_as_somebody_s() {
    let registry = Registry::start(Setup {
        attached: vec![SIGNATURE, ATTESTATION],
        api: true,
        ..Setup::default()
    });
    let image = registry.by_digest();
    let tree = |more: &[&str]| {
        let fixed = [
            "tree",
            &image,
            "--format",
            "json",
            "--trusted-root",
            "trusted_root.json",
        ];
        let run = verify(fixed.iter().chain(more));
        assert_eq!(run.code, 0, "{run:?}");
        states(&run.json(), 0)
    };
    let unverified = [("unverified", SIGN), ("unverified", PROVENANCE)];
    assert_eq!(tree(&[]), pairs(&unverified));
    let verified = [("verified", SIGN), ("verified", PROVENANCE)];
    assert_eq!(tree(&SIGNER[..4]), pairs(&verified));
    let other = ["--certificate-identity", "a@b.test", SIGNER[2], SIGNER[3]];
    assert_eq!(tree(&other), pairs(&[("refused", "-"), ("refused", "-")]));
    let run = verify(["tree", &image, "--certificate-identity", "a@b.test"]);
    assert_eq!(run.code, 2, "{run:?}");
}

#[test]
fn an_image_that_is_not_there_has_no_empty_tree() {
    let registry = Registry::start(Setup {
        api: true,
        ..Setup::default()
    });
    let image = format!("{}/demo/app@sha256:{}", registry.host, "0".repeat(64));
    let run = verify(["tree", &image]);
    assert_eq!(run.code, 3, "{run:?}");
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// BuildKit's manifest of statements, before and since 2026.
fn buildkit(new: bool) -> Vec<u8> {
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "size": 2,
            "digest": Digest::sha256_of(b"{}").to_string(),
        },
        "layers": [{
            "mediaType": "application/vnd.in-toto+json",
            "size": 2,
            "digest": Digest::sha256_of(b"{}").to_string(),
            "annotations": {"in-toto.io/predicate-type": PROVENANCE},
        }],
    });
    if new {
        manifest["artifactType"] = json!("application/vnd.docker.attestation.manifest.v1+json");
        manifest["subject"] = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": blob(IMAGE).unwrap().len(),
            "digest": IMAGE,
        });
    }
    manifest.to_string().into_bytes()
}

#[test]
fn every_leaf_of_an_index_is_listed_and_buildkit_s_statements_are_nobody_s() {
    for new in [false, true] {
        let statements = buildkit(new);
        let statements_digest = Digest::sha256_of(&statements).to_string();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                {
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "size": blob(IMAGE).unwrap().len(),
                    "digest": IMAGE,
                    "platform": {"os": "linux", "architecture": "amd64"},
                },
                {
                    "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "size": statements.len(),
                    "digest": statements_digest,
                    "platform": {"os": "unknown", "architecture": "unknown"},
                    "annotations": {
                        "vnd.docker.reference.type": "attestation-manifest",
                        "vnd.docker.reference.digest": IMAGE,
                    },
                },
            ],
        })
        .to_string()
        .into_bytes();
        let digest = Digest::sha256_of(&index);
        let registry = Registry::start(Setup {
            attached: vec![SIGNATURE],
            api: true,
            instead: BTreeMap::from([
                (leak(format!("manifests/{digest}")), (200, index)),
                (
                    leak(format!("manifests/{statements_digest}")),
                    (200, statements),
                ),
            ]),
            ..Setup::default()
        });
        let image = format!("{}/demo/app@{digest}", registry.host);
        let head = ["tree", &image, "--format", "json"];
        let run = verify(head.iter().chain(&SIGNER));
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(run.json()["nodes"].as_array().unwrap().len(), 1);
        let run = verify(head.iter().chain(&["--recursive"]).chain(&SIGNER));
        assert_eq!(run.code, 0, "{run:?}");
        let json = run.json();
        // What is listed for the index belongs to another image, and signs nothing here.
        assert_eq!(states(&json, 0), pairs(&[("refused", "-")]));
        assert_eq!(json["nodes"][1]["platform"], "linux/amd64");
        assert_eq!(states(&json, 1), pairs(&[("verified", SIGN)]));
        assert_eq!(json["nodes"][2]["kind"], "buildkit-attestation");
        assert_eq!(states(&json, 2), pairs(&[("unverified", PROVENANCE)]));
    }
}
