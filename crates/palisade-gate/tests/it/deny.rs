//! What does not get through, and what could not be decided.

use std::path::Path;

use palisade_lab::{Fault, GithubIdentity};
use serde_json::json;

use crate::stage::{Stage, provenance, sbom, scan, signature};

fn is_absent(path: &Path) -> bool {
    !path.try_exists().unwrap()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    list.iter().map(owned).collect()
}

/// Attack: `exit_no_attestations`.
#[test]
fn no_evidence_is_a_deny_that_names_each_missing_piece() {
    let stage = Stage::new();
    stage.write("vsa.jsonl", "what an earlier run allowed");
    let args = [
        Stage::SIGN,
        &["--vsa", "vsa.jsonl", "--decision", "decision.json"],
    ]
    .concat();
    let said = stage.gate(&stage.image.to_string(), &args);
    assert_eq!(said.code, 1, "{said:?}");
    for check in [
        "signature-present",
        "provenance-present",
        "sbom-present",
        "scan-present",
    ] {
        assert!(said.out.contains(&format!("✗ {check}")), "{said:?}");
    }
    assert!(said.out.contains("help: "), "{said:?}");
    let last = said.out.lines().last().unwrap();
    assert!(
        last.starts_with(&format!("deny {}: signature-present", stage.image)),
        "{last}"
    );
    assert!(is_absent(&stage.path("vsa.jsonl")));
    assert!(
        stage
            .read("decision.json")
            .contains(r#""decision": "deny""#)
    );
}

/// Any repository may call a public reusable workflow, and gets a certificate with its name.
#[test]
fn a_workflow_called_from_another_repository_is_not_the_signer() {
    let sign = |called_from: Option<&str>| {
        let stage = Stage::new();
        let image = stage.image.digest().clone();
        let who = GithubIdentity {
            called_from: called_from.map(str::to_owned),
            ..GithubIdentity::default()
        };
        stage.attach(&stage.image, &stage.sign_as(&signature(&image), &who));
        let said = stage.judge(&["--format", "json"]);
        let open = said.open();
        let unsigned = open.iter().any(|(check, _)| check == "signature-present");
        (unsigned, said)
    };
    assert!(!sign(None).0, "{:?}", sign(None).1);
    assert!(!sign(Some("acme/app")).0);
    let (unsigned, said) = sign(Some("evil/app"));
    assert!(unsigned && said.out.contains("evil/app"), "{said:?}");
}

/// Attack: `type_attestation_is_no_signature`.
#[test]
fn attestations_alone_are_no_signature() {
    let stage = Stage::new();
    let image = stage.image.digest().clone();
    for statement in [provenance(&image), sbom(&image), scan(&image, &json!([]))] {
        stage.attach(&stage.image, &stage.sign(&statement));
    }
    let said = stage.judge(&["--format", "json"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(said.open(), pairs(&[("signature-present", "missing")]));
}

#[test]
fn another_signer_is_a_near_miss_that_says_what_differs() {
    let stage = Stage::new();
    let other = GithubIdentity {
        git_ref: "refs/heads/feature".to_owned(),
        ..GithubIdentity::default()
    };
    let bundle = stage.sign_as(&signature(stage.image.digest()), &other);
    stage.attach(&stage.image, &bundle);
    let said = stage.judge(&["--format", "json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let json = said.json();
    let evidence = &json["evidence"][0];
    assert_eq!(evidence["status"], "rejected");
    let miss = &evidence["near_misses"][0];
    assert_eq!(miss["field"], "identity");
    assert!(miss["want"].as_str().unwrap().ends_with("@refs/heads/main"));
    assert!(
        miss["got"]
            .as_str()
            .unwrap()
            .ends_with("@refs/heads/feature")
    );
    let signature = json["checks"].as_array().unwrap().iter();
    let signature = signature.filter(|check| check["check"] == "signature-present");
    let help = signature
        .map(|check| check["help"].as_str().unwrap())
        .next()
        .unwrap();
    assert!(help.contains("refs/heads/feature"), "{help}");
}

#[test]
fn a_severe_vulnerability_is_a_deny_and_its_milder_twin_is_not() {
    let stage = Stage::new();
    let image = stage.image.digest().clone();
    for statement in [signature(&image), provenance(&image), sbom(&image)] {
        stage.attach(&stage.image, &stage.sign(&statement));
    }
    let found = |score: &str| json!([{"id": "CVE-2026-1", "severity": [{"method": "nvd", "score": score}]}]);
    stage.attach(&stage.image, &stage.sign(&scan(&image, &found("high"))));
    let said = stage.judge(&["--format", "json"]);
    assert_eq!(
        (said.code, said.open()),
        (1, pairs(&[("scan-severity", "fail")]))
    );
    stage.attach(&stage.image, &stage.sign(&scan(&image, &found("medium"))));
    assert_eq!(stage.judge(&[]).code, 0);
}

#[test]
fn evidence_about_other_bytes_proves_nothing() {
    let stage = Stage::new();
    let dir = stage.path("evidence");
    std::fs::create_dir(&dir).unwrap();
    let other = palisade_types::Digest::sha256_of(b"one flipped byte");
    for (number, bundle) in stage.all_good(&other).iter().enumerate() {
        std::fs::write(dir.join(format!("{number}.json")), bundle.bytes()).unwrap();
    }
    let said = stage.judge(&["--evidence", "evidence"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.out.contains("about something else than this image"),
        "{said:?}"
    );
}

#[test]
fn a_registry_that_cannot_be_read_is_undecided_and_never_unsigned() {
    let stage = Stage::new();
    for fault in [Fault::Registry403Referrers, Fault::Registry429Referrers] {
        stage.lab.set_faults(&[fault]);
        let said = stage.gate(
            &stage.image.to_string(),
            &[Stage::SIGN, &["--vsa", "vsa.jsonl"]].concat(),
        );
        assert_eq!(said.code, 3, "{fault:?}: {said:?}");
        assert!(
            said.out.contains("? signature-present"),
            "{fault:?}: {said:?}"
        );
        assert!(
            said.out.contains("could not read what is attached"),
            "{fault:?}: {said:?}"
        );
        assert!(
            said.out.lines().last().unwrap().starts_with("undecided "),
            "{said:?}"
        );
        assert!(is_absent(&stage.path("vsa.jsonl")));
    }
}

/// Attack: `pol_deadline_denies`.
#[test]
fn a_registry_that_is_down_gives_no_answer_at_all() {
    let stage = Stage::new();
    for fault in [
        Fault::Registry401,
        Fault::Registry500,
        Fault::RegistryCut,
        Fault::RegistryWrongBytes,
    ] {
        stage.lab.set_faults(&[fault]);
        let said = stage.judge(&[]);
        assert_eq!(
            (said.code, said.out.as_str()),
            (3, ""),
            "{fault:?}: {said:?}"
        );
        assert!(said.err.contains("gate::resolve"), "{fault:?}: {said:?}");
    }
}

#[test]
fn an_image_that_is_not_there_is_no_deny() {
    let stage = Stage::new();
    let missing = format!("{}/acme/nothing:1", stage.lab.registry());
    let said = stage.gate(&missing, &["--no-sign"]);
    assert_eq!((said.code, said.out.as_str()), (3, ""), "{said:?}");
}

#[test]
fn a_mode_of_warning_answers_and_never_signs() {
    let stage = Stage::new();
    let policy = stage
        .read("policy.toml")
        .replace(r#"mode = "enforce""#, r#"mode = "warn""#);
    stage.write("policy.toml", &policy);
    let image = stage.image.to_string();
    let args = [Stage::SIGN, &["--vsa", "vsa.jsonl"]].concat();
    assert_eq!(stage.gate(&image, &args).code, 1);
    stage.attach_all_good();
    let said = stage.gate(&image, &args);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out
            .contains("no summary was signed: the policy only warns"),
        "{said:?}"
    );
    assert!(said.out.contains("relaxed: warn-mode"), "{said:?}");
    assert!(is_absent(&stage.path("vsa.jsonl")));
}

#[test]
fn an_allow_that_cannot_be_signed_is_no_success() {
    let stage = Stage::new();
    stage.attach_all_good();
    let image = stage.image.to_string();
    let said = stage.gate(
        &image,
        &["--signing-config", "config.json", "--vsa", "vsa.jsonl"],
    );
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.err.contains("gate::token"), "{said:?}");
    stage.lab.set_faults(&[Fault::SctBadsig]);
    let said = stage.gate(&image, &[Stage::SIGN, &["--vsa", "vsa.jsonl"]].concat());
    assert_eq!((said.code, said.out.as_str()), (3, ""), "{said:?}");
    assert!(is_absent(&stage.path("vsa.jsonl")));
}
