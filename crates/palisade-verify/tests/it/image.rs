//! `palisade verify image`.

use crate::program::{verify, verify_recorded};
use crate::registry::{ATTESTATION, IMAGE, Registry, SIGNATURE, Setup};

fn registry(attached: &[&'static str]) -> Registry {
    Registry::start(Setup {
        attached: attached.to_vec(),
        api: true,
        ..Setup::default()
    })
}

#[test]
fn a_signed_image_is_verified_with_three_requests_by_digest_and_four_by_tag() {
    let by_digest = registry(&[SIGNATURE]);
    let run = verify_recorded(&["image", &by_digest.by_digest()]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(by_digest.requests().len(), 3, "{:?}", by_digest.requests());
    let by_tag = registry(&[SIGNATURE]);
    let run = verify_recorded(&["image", &by_tag.by_tag()]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(by_tag.requests().len(), 4, "{:?}", by_tag.requests());
    assert!(by_tag.requests()[0].starts_with("HEAD "));
    assert!(
        run.out.contains(&format!("demo/app@{IMAGE}")),
        "{}",
        run.out
    );
}

// F1: cosign lists both as signatures.
#[test]
fn an_attestation_beside_a_signature_is_not_counted_as_one() {
    for api in [true, false] {
        let registry = Registry::start(Setup {
            attached: vec![SIGNATURE, ATTESTATION],
            api,
            ..Setup::default()
        });
        let run = verify_recorded(&["image", &registry.by_digest(), "--format", "json"]);
        assert_eq!(run.code, 0, "{run:?}");
        let answer = &run.json()["answers"][0];
        let verified = answer["verified"].as_array().unwrap();
        assert_eq!(verified.len(), 1);
        assert_eq!(
            verified[0]["predicate_type"],
            "https://sigstore.dev/cosign/sign/v1"
        );
        assert_eq!(verified[0]["matched"]["digest"], IMAGE);
        assert_eq!(verified[0]["matched"]["index"], 0);
        assert_eq!(
            answer["other"][0]["predicate_type"],
            "https://slsa.dev/provenance/v1"
        );
    }
}

/// Attack: `type_attestation_is_no_signature`.
#[test]
fn an_image_with_nothing_but_an_attestation_is_not_signed_and_the_attestation_is_listed() {
    let registry = registry(&[ATTESTATION]);
    let run = verify_recorded(&["image", &registry.by_digest()]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.out.contains("rejected"), "{}", run.out);
    assert!(
        run.out.contains("try        palisade verify attestation"),
        "{}",
        run.out
    );
    assert!(
        run.out.contains("https://slsa.dev/provenance/v1"),
        "{}",
        run.out
    );
}

#[test]
fn an_image_with_nothing_attached_is_not_signed() {
    let registry = registry(&[]);
    let run = verify_recorded(&["image", &registry.by_digest()]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.out.contains("found      nothing"), "{}", run.out);
}

#[test]
fn an_image_that_is_not_there_is_undecided_and_not_unsigned() {
    let registry = registry(&[]);
    let missing = format!("{}/demo/app@sha256:{}", registry.host, "0".repeat(64));
    for image in [missing, format!("{}/demo/app:2.0", registry.host)] {
        let run = verify_recorded(&["image", &image]);
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.talk().contains("missing or not allowed"), "{}", run.err);
    }
}

#[test]
fn a_near_miss_names_what_was_wanted_and_what_stands_in_the_certificate() {
    let registry = registry(&[SIGNATURE]);
    let run = verify([
        "image",
        &registry.by_digest(),
        "--certificate-identity",
        "dev@acme.test",
        "--certificate-oidc-issuer",
        "http://localhost:18500",
        "--trusted-root",
        "trusted_root.json",
    ]);
    assert_eq!(run.code, 1, "{run:?}");
    let out = run.out.replace(&registry.host, "localhost:PORT");
    insta::assert_snapshot!(out, @r#"
    rejected localhost:PORT/demo/app@sha256:6ab23dd8d2c1af23e0a74e3ba983ac6681d2f58abd63bea4949a9c90a08eac27: no signature by the expected signer
      expected   dev@acme.test (issuer http://localhost:18500)
      refused    sha256:2a7b08a4fd9d71931761c966c93c28f7c345790d660454df17770f8f95ac2d3d: signer: it is signed by somebody else
                 identity wanted `dev@acme.test`, got `dev@siglab.test`
                 issuer `http://localhost:18500` matches
                 predicate-type `https://sigstore.dev/cosign/sign/v1` matches
                 subject `sha256:6ab23dd8d2c1af23e0a74e3ba983ac6681d2f58abd63bea4949a9c90a08eac27` matches
    trust root: trusted_root.json (sha256:6d9e9dd0c82b6ae3c617d2a1c91c3c671e50f9058a77999310d38b226ca92675)
    "#);
}

#[test]
fn a_near_miss_in_json_names_each_field_and_whether_it_matches() {
    let registry = registry(&[SIGNATURE]);
    let run = verify([
        "image",
        &registry.by_digest(),
        "--certificate-identity",
        "dev@siglab.test",
        "--certificate-oidc-issuer",
        "https://evil.example",
        "--trusted-root",
        "trusted_root.json",
        "--format",
        "json",
    ]);
    assert_eq!(run.code, 1, "{run:?}");
    let refused = &run.json()["answers"][0]["refused"][0];
    assert_eq!(refused["reason"], "signer");
    let [identity, issuer] = [&refused["fields"][0], &refused["fields"][1]];
    assert_eq!(
        (&identity["field"], &identity["equal"]),
        (&"identity".into(), &true.into())
    );
    assert_eq!(issuer["equal"], false);
    assert_eq!(issuer["want"], "https://evil.example");
    assert_eq!(issuer["got"], "http://localhost:18500");
}

/// Attack: `reg_duplicates`. The same bundle attached twice is one signature, fetched once.
#[test]
fn a_signature_that_is_listed_twice_counts_once() {
    let registry = registry(&[SIGNATURE, SIGNATURE]);
    let run = verify_recorded(&["image", &registry.by_digest(), "--format", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(
        run.json()["answers"][0]["verified"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(registry.requests().len(), 3, "{:?}", registry.requests());
}

#[test]
fn many_images_are_answered_in_their_order() {
    let signed = registry(&[SIGNATURE]).by_digest();
    let unsigned = registry(&[]).by_digest();
    let images: Vec<&str> = (0..40)
        .map(|n| if n % 3 == 0 { &*unsigned } else { &*signed })
        .collect();
    let run = verify_recorded(&[&["image", "--format", "json"], &images[..]].concat());
    assert_eq!(run.code, 1, "{run:?}");
    let json = run.json();
    for (answer, image) in json["answers"].as_array().unwrap().iter().zip(&images) {
        assert_eq!(answer["given"], *image);
        let want = if *image == signed {
            "verified"
        } else {
            "rejected"
        };
        assert_eq!(answer["result"], want);
    }
}

#[test]
fn a_pattern_has_to_be_anchored_and_then_matches() {
    let registry = registry(&[SIGNATURE]);
    let by = |pattern: &str| {
        verify([
            "image",
            &registry.by_digest(),
            "--certificate-identity-regexp",
            pattern,
            "--certificate-oidc-issuer",
            "http://localhost:18500",
            "--trusted-root",
            "trusted_root.json",
        ])
    };
    assert_eq!(by(r"^[a-z]+@siglab\.test$").code, 0);
    assert_eq!(by(r"^[a-z]+@siglab$").code, 1);
    let open = by("siglab");
    assert_eq!(open.code, 2, "{open:?}");
    assert!(open.talk().contains("not anchored"), "{}", open.err);
    assert_eq!(by("^.*$").code, 2);
    let loose = by("^[a-z]+@siglab.test$");
    assert!(loose.talk().contains("matches any character"), "{loose:?}");
}

#[test]
fn a_bundle_from_a_file_needs_no_network_when_the_image_is_named_by_digest() {
    let image = format!("localhost:1/demo/app@{IMAGE}");
    let bundle =
        "registry/blobs/sha256/8f39dfd14885f30504127598672806ae52c1ed871710093dc5a710f43d0b3464";
    let run = verify_recorded(&["image", &image, "--bundle", bundle, "--offline"]);
    assert_eq!(run.code, 0, "{run:?}");
    // Attack: `bind_subject_mismatch_fails`. The same good bundle says nothing about another digest.
    let other = format!("localhost:1/demo/app@sha256:{}", "0".repeat(64));
    let run = verify_recorded(&["image", &other, "--bundle", bundle]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.out.contains("artifact: it is about sha256:6ab23dd8"),
        "{}",
        run.out
    );
    // A tag has to be resolved, and may not be.
    let run = verify_recorded(&[
        "image",
        "localhost:1/demo/app:1",
        "--bundle",
        bundle,
        "--offline",
    ]);
    assert_eq!(run.code, 3, "{run:?}");
}

// A refusal stays one however often it is asked again; an outage does not.
#[test]
fn of_several_images_the_worst_answer_counts_and_each_is_shown() {
    let signed = registry(&[SIGNATURE]);
    let unsigned = registry(&[]);
    let gone = format!("localhost:1/demo/app@{IMAGE}");
    let (signed, unsigned) = (signed.by_digest(), unsigned.by_digest());
    assert_eq!(verify_recorded(&["image", &signed, &signed]).code, 0);
    assert_eq!(verify_recorded(&["image", &signed, &gone]).code, 3);
    let run = verify_recorded(&["image", &signed, &gone, &unsigned, "--format", "json"]);
    assert_eq!(run.code, 1, "{run:?}");
    let json = run.json();
    let results: Vec<_> = json["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| answer["result"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["verified", "undecided", "rejected"]);
    assert_eq!(json["result"], "rejected");
}

#[test]
fn the_json_answer_has_these_fields() {
    let registry = registry(&[SIGNATURE]);
    let run = verify_recorded(&["image", &registry.by_tag(), "--format", "json"]);
    let out = run.out.replace(&registry.host, "localhost:PORT");
    insta::assert_snapshot!(out, @r#"
    {
      "version": 1,
      "command": "image",
      "result": "verified",
      "trust_root": {
        "kind": "file",
        "source": "trusted_root.json",
        "digest": "sha256:6d9e9dd0c82b6ae3c617d2a1c91c3c671e50f9058a77999310d38b226ca92675",
        "version": null,
        "fetched": null,
        "expires": null,
        "stale": false,
        "lab": false
      },
      "expected": {
        "kind": "signature",
        "identity": "dev@siglab.test",
        "issuer": "http://localhost:18500"
      },
      "answers": [
        {
          "given": "localhost:PORT/demo/app:1.0",
          "subject": "localhost:PORT/demo/app@sha256:6ab23dd8d2c1af23e0a74e3ba983ac6681d2f58abd63bea4949a9c90a08eac27",
          "result": "verified",
          "verified": [
            {
              "origin": "sha256:2a7b08a4fd9d71931761c966c93c28f7c345790d660454df17770f8f95ac2d3d",
              "bundle": "sha256:8f39dfd14885f30504127598672806ae52c1ed871710093dc5a710f43d0b3464",
              "form": "bundle",
              "signer": {
                "identity": "dev@siglab.test",
                "issuer": "http://localhost:18500"
              },
              "signed_at": "2026-11-23T08:07:22Z",
              "claims": [
                "certificate-chain",
                "identity",
                "log-inclusion",
                "sct",
                "signature",
                "timestamp"
              ],
              "matched": {
                "digest": "sha256:6ab23dd8d2c1af23e0a74e3ba983ac6681d2f58abd63bea4949a9c90a08eac27",
                "index": 0
              },
              "predicate_type": "https://sigstore.dev/cosign/sign/v1"
            }
          ],
          "refused": [],
          "other": [],
          "undecided": null
        }
      ]
    }
    "#);
}
