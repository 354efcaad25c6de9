//! From evidence to a signed summary.

use palisade_attest::Bundle;
use palisade_attest::predicates::vsa::{VerificationResult, Vsa};
use palisade_lab::GithubIdentity;
use palisade_trust::{ExpectedSigner, SanPattern, TrustRoot, verify_statement};
use palisade_types::Timestamp;

use serde_json::json;

use crate::stage::{Stage, statement};

/// The summary in `vsa.jsonl`: it is the gate's, and about the stage's image.
fn summary(stage: &Stage) -> (Bundle, Vsa) {
    let text = stage.read("vsa.jsonl");
    let bundle = Bundle::parse(text.trim().as_bytes()).unwrap();
    let gate = GithubIdentity {
        workflow: ".github/workflows/gate.yml".to_owned(),
        ..GithubIdentity::default()
    };
    let signer = ExpectedSigner::new(
        "gate",
        SanPattern::Exact(gate.san()),
        GithubIdentity::ISSUER,
    );
    let root = TrustRoot::parse(stage.lab.trusted_root().as_bytes()).unwrap();
    let statement = verify_statement(&bundle, &root, &[signer], Timestamp::now()).unwrap();
    assert_eq!(
        statement.value().is_about(stage.image.digest(), &[]),
        Ok(Some(0))
    );
    let vsa = statement.predicate::<Vsa>().unwrap().value().clone();
    (bundle, vsa)
}

#[cfg(unix)]
#[test]
fn the_token_that_the_ci_service_holds_ready_signs_the_summary() {
    use std::os::unix::fs::PermissionsExt as _;

    let stage = Stage::new();
    stage.attach_all_good();
    let program = stage.path("buildkite-agent");
    let token = stage.read("gate-token");
    std::fs::write(&program, format!("#!/bin/sh\necho {token}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = stage.path("").display().to_string();
    let environment = [("BUILDKITE", "true"), ("PATH", folder.as_str())];
    let args = ["--signing-config", "config.json", "--vsa", "vsa.jsonl"];
    let said = stage.gate_with(&environment, &stage.image.to_string(), &args);
    assert_eq!(said.code, 0, "{said:?}");
    let (_, vsa) = summary(&stage);
    assert_eq!(vsa.verification_result, VerificationResult::Passed);
    assert!(!said.err.contains(&token), "{said:?}");
}

#[test]
fn attached_evidence_is_allowed_and_the_summary_verifies() {
    let stage = Stage::new();
    stage.attach_all_good();
    let args = [
        Stage::SIGN,
        &["--vsa", "vsa.jsonl", "--decision", "decision.json"],
    ]
    .concat();
    let said = stage.gate(&stage.image.to_string(), &args);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.ends_with(&format!("allow {}\n", stage.image)),
        "{said:?}"
    );

    let (bundle, vsa) = summary(&stage);
    assert_eq!(vsa.verification_result, VerificationResult::Passed);
    assert_eq!(vsa.resource_uri, format!("oci://{}?env=lab", stage.image));
    assert_eq!(vsa.verified_levels, ["SLSA_BUILD_LEVEL_2"]);
    assert_eq!(vsa.input_attestations.len(), 4);
    let decision = vsa.decision.as_ref().unwrap();
    assert_eq!(decision.relaxations, ["allow-lab"]);
    assert!(
        decision
            .decision
            .matches(stage.read("decision.json").as_bytes())
    );

    let attached = stage
        .runtime
        .block_on(stage.client.bundles(&stage.image))
        .unwrap();
    let summaries = attached
        .bundles
        .iter()
        .filter(|found| found.bytes == bundle.bytes());
    assert_eq!(summaries.count(), 1, "the summary is attached to the image");
}

#[test]
fn an_answer_does_not_depend_on_how_often_it_was_given() {
    let stage = Stage::new();
    stage.attach_all_good();
    let image = stage.image.to_string();
    let now = Timestamp::now().to_string();
    let judged = || stage.judge(&["--format", "json", "--current-time", &now]);
    let first = judged();
    assert_eq!(first.code, 0, "{first:?}");
    for _ in 0..2 {
        assert_eq!(stage.gate(&image, Stage::SIGN).code, 0);
    }
    let attached = stage.runtime.block_on(stage.client.bundles(&stage.image));
    assert_eq!(attached.unwrap().bundles.len(), 4 + 2);
    assert_eq!(judged().out, first.out, "summaries are no evidence");
    // The twin of another type is listed, though nothing asks for it.
    let other = statement(stage.image.digest(), "https://example.test/p", json!({}));
    stage.attach(&stage.image, &stage.sign(&other));
    assert_ne!(judged().out, first.out);
}

#[test]
fn one_signer_under_two_names_serves_both_and_counts_once() {
    let stage = Stage::new();
    stage.attach_all_good();
    let scanner = r#"
[[signer]]
name = "scanner"
trust = "lab"
[signer.github]
repository = "acme/app"
workflow = ".github/workflows/release.yml"
ref = "refs/heads/*"
"#;
    let scan = "[scan]\nrequire = true\nsigners = [\"release\"]";
    let policy = stage.read("policy.toml");
    assert!(policy.contains(scan));
    let policy = policy.replace(scan, "[scan]\nrequire = true\nsigners = [\"scanner\"]");
    let policy = policy.replace("[[builder]]", &format!("{scanner}\n[[builder]]"));
    stage.write("policy.toml", &policy);
    assert_eq!(stage.judge(&[]).code, 0, "{:?}", stage.judge(&[]));
    let one = r#"{ at-least = 1, of = ["release"] }"#;
    assert!(policy.contains(one));
    let two = policy.replace(one, r#"{ at-least = 2, of = ["release", "scanner"] }"#);
    stage.write("policy.toml", &two);
    let said = stage.judge(&[]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains("1 of 2 signatures by different signers"),
        "{said:?}"
    );
}

#[test]
fn an_image_by_digest_costs_few_requests_and_a_tag_one_more() {
    let stage = Stage::new();
    stage.attach_all_good();
    let count = |image: &str| {
        stage.lab.clear_requests();
        let said = stage.gate(image, &["--no-sign"]);
        assert_eq!(said.code, 0, "{said:?}");
        stage.lab.requests().len()
    };
    // The manifest, its configuration for the platform, the list, and a manifest and a blob for
    // each of the four bundles. Nothing is asked twice.
    assert_eq!(count(&stage.image.to_string()), 3 + 2 * 4);
    let tag = format!("{}:1.0", stage.image.repository());
    assert_eq!(count(&tag), 4 + 2 * 4);
}

#[test]
fn a_cache_saves_requests_and_without_the_network_it_allows_and_never_denies() {
    let stage = Stage::new();
    stage.attach_all_good();
    let cache = stage.path("cache").display().to_string();
    let set = [("PALISADE_CACHE", cache.as_str())];
    let image = stage.image.to_string();
    let judge = |args: &[&str]| {
        stage.lab.clear_requests();
        let said = stage.gate_with(&set, &image, &[&["--no-sign"], args].concat());
        (said.code, stage.lab.requests().len(), said.out)
    };
    let (code, cold, answer) = judge(&[]);
    assert_eq!((code, cold), (0, 11));
    // The image itself and the list are always asked for.
    assert_eq!(judge(&[]), (0, 2, answer.clone()));
    assert_eq!(judge(&["--no-cache"]), (0, 11, answer));
    let (code, requests, _) = judge(&["--offline"]);
    assert_eq!((code, requests), (0, 0));
    let (code, requests, _) = judge(&["--offline", "--no-cache"]);
    assert_eq!((code, requests), (3, 0));
}

#[test]
fn without_the_network_what_is_missing_may_have_been_attached_since() {
    let stage = Stage::new();
    let bundles = stage.all_good(stage.image.digest());
    stage.attach(&stage.image, &bundles[0]);
    let cache = stage.path("cache").display().to_string();
    let set = [("PALISADE_CACHE", cache.as_str())];
    let image = stage.image.to_string();
    let judge = |args: &[&str]| stage.gate_with(&set, &image, &[&["--no-sign"], args].concat());
    assert_eq!(judge(&[]).code, 1);
    let offline = judge(&["--offline"]);
    assert_eq!(offline.code, 3, "{offline:?}");
    let said = format!("{}{}", offline.out, offline.err);
    assert!(said.contains("may be longer now"), "{said}");
}

/// Attack: `pol_relaxation_recorded`, in the decision.
#[test]
fn what_the_command_line_loosened_is_written_down() {
    let stage = Stage::new();
    stage.attach_all_good();
    let said = |args: &[&str]| {
        let said = stage.judge(&[&["--format", "json"], args].concat());
        assert_eq!(said.code, 0, "{said:?}");
        said.json()["relaxations"].clone()
    };
    assert_eq!(said(&[]), json!(["allow-lab"]));
    let now = Timestamp::now().to_string();
    assert_eq!(
        said(&["--current-time", &now]),
        json!(["allow-lab", "moved-clock"])
    );
    let host = stage.image.repository().registry().to_owned();
    assert_eq!(
        said(&["--insecure-registry", &host]),
        json!(["allow-lab", format!("insecure-registry={host}")])
    );
    for flag in ["--allow-http-registry", "--allow-insecure-registry"] {
        assert_eq!(said(&[flag]), json!(["allow-lab", "insecure-registry=*"]));
    }
}

/// Attack: `pol_relaxation_recorded`, in the summary.
#[test]
fn a_summary_of_a_moved_clock_says_so() {
    let stage = Stage::new();
    stage.attach_all_good();
    let now = Timestamp::now().to_string();
    let moved = ["--vsa", "vsa.jsonl", "--current-time", &now];
    let said = stage.gate(&stage.image.to_string(), &[Stage::SIGN, &moved].concat());
    assert_eq!(said.code, 0, "{said:?}");
    let decision = summary(&stage).1.decision.unwrap();
    assert_eq!(decision.relaxations, ["allow-lab", "moved-clock"]);
}
