//! What is signed: bundles, statements, predicates, and what cosign stored before bundles.

use std::collections::BTreeMap;

use palisade_attest::legacy::{SimpleSigning, attestation_bundle, signature_bundle};
use palisade_attest::predicates::cosign_sign::CosignSign;
use palisade_attest::predicates::cyclonedx::CycloneDx;
use palisade_attest::predicates::provenance::{Provenance, Source, normal_repository};
use palisade_attest::predicates::vsa::Vsa;
use palisade_attest::predicates::vulns::{Severity, VulnReport};
use palisade_attest::predicates::{cosign_sign, cyclonedx, provenance, vsa, vulns};
use palisade_attest::{Bundle, Content, IN_TOTO_PAYLOAD_TYPE, Predicate, Statement};
use palisade_types::Digest;
use palisade_types::json::parse_strict;
use serde_json::{Value, json};

use super::types::has_float;
use super::{lines, texts};
use crate::Target;
use crate::files::{base64_at, folder, recorded};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "bundle",
        parser: "attest::Bundle (v0.1, v0.2, v0.3; message and DSSE)",
        holds: "the bytes are kept and named by their digest; the statement is the one in the payload; rewritten JSON reads the same",
        run: bundle,
        seeds: || {
            let mut seeds = folder("fixtures/sigstore-faults/cross", ".json");
            seeds.push(recorded("keyed/legacy-sig-converted-v0.1.json"));
            seeds
        },
    },
    Target {
        name: "legacy",
        parser: "attest::legacy (simple signing, .sig and .att annotations)",
        holds: "what is converted is a bundle that reads again, of the kind asked for, about exactly this payload",
        run: legacy,
        seeds: legacy_seeds,
    },
    Target {
        name: "predicate",
        parser: "attest::predicates (cosign sign, CycloneDX, provenance, VSA, vulns of each format)",
        holds: "findings sorted, each once, none lost below a threshold; a VSA is written as it was read; an accepted source has one spelling",
        run: predicate,
        seeds: predicate_seeds,
    },
    Target {
        name: "statement",
        parser: "attest::Statement",
        holds: "written and read again it is the same; it is about the digests of its subjects and no others",
        run: statement,
        seeds: || {
            let bundles = folder("fixtures/sigstore-faults/cross", ".json");
            let payload = |bundle: &Vec<u8>| base64_at(bundle, "/dsseEnvelope/payload");
            bundles.iter().filter_map(payload).collect()
        },
    },
];

fn bundle(data: &[u8]) {
    let Ok(bundle) = Bundle::parse(data) else {
        return;
    };
    assert_eq!(bundle.bytes(), data);
    assert!(bundle.digest().matches(data));
    let value = parse_strict(data).expect("a bundle is strict JSON");
    let envelope = value.get("dsseEnvelope");
    match bundle.claimed() {
        Content::MessageSignature => {
            assert!(envelope.is_none() && bundle.claimed_predicate_type().is_none());
        }
        Content::Statement(statement) => {
            let payload = base64_at(data, "/dsseEnvelope/payload").expect("it was read");
            let mut twin = Statement::parse(&payload).expect("it was read");
            // The predicate is no one's to read before it is verified.
            assert!(statement.predicate.is_null());
            twin.predicate = Value::Null;
            assert_eq!(**statement, twin);
            assert_eq!(
                envelope.and_then(|envelope| envelope["payloadType"].as_str()),
                Some(IN_TOTO_PAYLOAD_TYPE)
            );
        }
    }
    let again = Bundle::parse(value.to_string().as_bytes()).expect("the same document");
    assert_eq!(again.media_type(), bundle.media_type());
    assert!(again.claimed() == bundle.claimed() || has_float(&value));
}

fn statement(data: &[u8]) {
    let Ok(statement) = Statement::parse(data) else {
        return;
    };
    let again = Statement::parse(&statement.to_json()).expect("what was written");
    assert!(
        again == statement || has_float(&statement.predicate) || {
            let annotations = statement
                .subjects
                .iter()
                .flat_map(|s| s.annotations.values());
            annotations.into_iter().any(has_float)
        }
    );
    assert!(!statement.subjects.is_empty() && !statement.predicate_type.is_empty());
    assert_eq!(statement.is_about(&Digest::sha256_of(data), &[]), Ok(None));
    for subject in &statement.subjects {
        assert!(!subject.digest.is_empty());
        for (name, hex) in &subject.digest {
            let Ok(digest) = format!("{name}:{hex}").parse::<Digest>() else {
                continue;
            };
            assert!(matches!(statement.is_about(&digest, &[]), Ok(Some(_))));
        }
    }
}

/// Input: a payload or envelope, line by line of `name=value` before an empty line the annotations.
fn legacy(data: &[u8]) {
    let split = data.windows(2).position(|two| two == b"\n\n");
    let Some(at) = split else { return };
    let Ok(head) = std::str::from_utf8(&data[..at]) else {
        return;
    };
    let payload = &data[at + 2..];
    let annotations: BTreeMap<String, String> = head
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace("\\n", "\n")))
        .collect();
    if let Ok(signing) = SimpleSigning::parse(payload) {
        let value = parse_strict(payload).expect("it was read");
        let image = &value["critical"]["image"]["docker-manifest-digest"];
        assert_eq!(image.as_str(), Some(signing.image.to_string().as_str()));
    }
    if let Ok(bundle) = signature_bundle(payload, &annotations) {
        assert_eq!(*bundle.claimed(), Content::MessageSignature);
        let digest = base64_at(bundle.bytes(), "/messageSignature/messageDigest/digest");
        assert_eq!(digest, Some(Digest::sha256_of(payload).bytes()));
        read_again(&bundle);
    }
    if let Ok(bundle) = attestation_bundle(payload, &annotations) {
        assert!(matches!(bundle.claimed(), Content::Statement(_)));
        assert_eq!(
            base64_at(bundle.bytes(), "/dsseEnvelope/payload"),
            base64_at(payload, "/payload"),
        );
        read_again(&bundle);
    }
}

fn read_again(bundle: &Bundle) {
    let again = Bundle::parse(bundle.bytes()).expect("it was a bundle a moment ago");
    assert_eq!(again.digest(), bundle.digest());
}

fn legacy_seeds() -> Vec<Vec<u8>> {
    let signature = "dev.cosignproject.cosign/signature=MEUCIQ==\n";
    let body = "eyJhcGlWZXJzaW9uIjoiMC4wLjEiLCJraW5kIjoiaGFzaGVkcmVrb3JkIn0=";
    let entry = format!(
        r#"dev.sigstore.cosign/bundle={{"SignedEntryTimestamp":"AA==","Payload":{{"body":"{body}","integratedTime":1,"logIndex":2,"logID":"00ff"}}}}"#
    );
    let certificate = r"dev.sigstore.cosign/certificate=-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let timestamp = r#"dev.sigstore.cosign/rfc3161timestamp={"SignedRFC3161Timestamp":"AA=="}"#;
    let payload = recorded("keyed/legacy-sig-payload.json");
    let bundle: Value =
        serde_json::from_slice(&recorded("cross/cosign-dsse-v1.json")).expect("a recorded bundle");
    let envelope = bundle["dsseEnvelope"].to_string().into_bytes();
    let heads = [
        signature.to_owned(),
        format!("{signature}{entry}"),
        format!("{signature}{entry}\n{certificate}\n{timestamp}"),
        format!("{signature}dev.sigstore.cosign/rfc3161timestamp=null"),
    ];
    let seed =
        |head: &String, payload: &[u8]| [head.trim_end().as_bytes(), b"\n\n", payload].concat();
    let both = |head: &String| [seed(head, &payload), seed(head, &envelope)];
    heads.iter().flat_map(both).collect()
}

/// Input: a predicate type, and on the next line the predicate.
fn predicate(data: &[u8]) {
    let Some((kind, text)) = lines(data) else {
        return;
    };
    let Ok(value) = parse_strict(text.as_bytes()) else {
        return;
    };
    if let Ok(report) = VulnReport::read(kind, &value) {
        assert!(report.findings.is_sorted_by(|a, b| a < b));
        assert_eq!(
            report.at_or_above(Severity::Negligible).count(),
            report.findings.len()
        );
        assert!(report.findings.iter().all(|finding| !finding.id.is_empty()));
    }
    if let Ok(summary) = Vsa::read(kind, &value) {
        let written = serde_json::to_value(&summary).expect("text and numbers");
        let again = Vsa::read(kind, &written).expect("what was written");
        assert!(again == summary || has_float(&value));
    }
    if let Ok(provenance) = Provenance::read(kind, &value) {
        assert!(!provenance.build_type.is_empty() && !provenance.builder_id.is_empty());
        if let Some(source) = &provenance.source {
            assert_eq!(normal_repository(&source.repository), source.repository);
            let twin = Source::parse(&format!("git+{}.git", source.repository));
            assert!(twin.repository == source.repository || source.repository.contains('@'));
        }
    }
    if let Ok(bom) = CycloneDx::read(kind, &value) {
        assert!(bom.components > 0 && !bom.about.is_empty());
        assert_eq!(value["bomFormat"], "CycloneDX");
    }
    if CosignSign::read(kind, &value).is_ok() {
        assert!(value.is_object() || value.is_null(), "{value}");
    }
}

fn predicate_seeds() -> Vec<Vec<u8>> {
    let finding = json!({"id": "CVE-2026-1", "severity": [{"method": "nvd", "score": "9.8"}]});
    let in_toto = |result: Value| {
        json!({
            "scanner": {"uri": "pkg:x", "version": "1", "db": {"lastUpdate": "2026-11-24T08:00:00Z"}, "result": result},
            "metadata": {"scanStartedOn": "2026-11-24T08:00:00Z", "scanFinishedOn": "2026-11-24T08:00:00Z"},
        })
    };
    let trivy = json!({"SchemaVersion": 2, "Results": [{"Vulnerabilities": [
        {"VulnerabilityID": "CVE-1", "PkgName": "p", "InstalledVersion": "1", "FixedVersion": "2", "Severity": "HIGH",
         "PkgIdentifier": {"PURL": "pkg:deb/debian/p@1"}}]}]});
    let grype = json!({"matches": [{"vulnerability": {"id": "CVE-1", "severity": "Critical", "fix": {"versions": ["2"]}},
        "artifact": {"name": "p", "version": "1", "purl": "pkg:deb/debian/p@1"}}]});
    let parameters = json!({"workflow": {"repository": "https://github.com/acme/app", "ref": "refs/heads/main", "path": "x"}});
    let built = json!({
        "buildDefinition": {"buildType": "https://actions.github.io/buildtypes/workflow/v1", "externalParameters": parameters,
            "resolvedDependencies": [{"uri": "git+https://github.com/acme/app@refs/heads/main", "digest": {"gitCommit": "abc"}}]},
        "runDetails": {"builder": {"id": "https://github.com/actions/runner/github-hosted"},
            "metadata": {"invocationId": "https://github.com/acme/app/actions/runs/1", "startedOn": "2026-11-24T08:00:00Z"}},
    });
    let summary = json!({
        "verifier": {"id": "https://acme.example/gate"}, "timeVerified": "2026-11-24T08:00:00Z",
        "resourceUri": "oci://ghcr.io/acme/app@sha256:00", "policy": {"uri": "p", "digest": {"sha256": "00"}},
        "verificationResult": "PASSED", "verifiedLevels": ["SLSA_BUILD_LEVEL_2"],
    });
    let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.5", "metadata": {"component": {"name": "a"}}, "components": [{}]});
    let seed = |kind: &str, value: &Value| format!("{kind}\n{value}").into_bytes();
    let mut seeds = vec![
        seed(vulns::TYPE, &in_toto(json!([finding]))),
        seed(
            vulns::TYPE_V0_1,
            &in_toto(json!([{"vulnerability": finding}])),
        ),
        seed(vulns::COSIGN_TYPE, &in_toto(trivy)),
        seed(vulns::COSIGN_TYPE, &in_toto(grype)),
        seed(provenance::TYPE, &built),
        seed(vsa::TYPE, &summary),
        seed(cyclonedx::TYPE, &bom),
        seed(cosign_sign::TYPE, &json!({})),
    ];
    seeds.extend(texts(&["https://slsa.dev/provenance/v1\n{}"]));
    seeds
}
