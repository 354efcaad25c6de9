//! The ready policies, each with its table: a situation and the decision it must give.

use palisade_policy::{Policy, evaluate};
use palisade_trust::SignerClaim;
use palisade_types::{Outcome, SignerIdentity, Verdict};
use serde::Deserialize;

use crate::scene::Scene;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    scene: serde_json::Value,
    decision: String,
    /// The checks that do not pass.
    open: Vec<String>,
}

fn run(name: &str, policy: &str, cases: &str) {
    let policy = Policy::parse(name, policy.as_bytes())
        .unwrap_or_else(|error| panic!("{name}: {:?}", error.problems()));
    let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
    let mut allowed = 0;
    for case in &cases {
        let scene = Scene::parse(&case.scene.to_string());
        let decision = evaluate(&policy, &scene.evidence(), scene.now);
        let outcome = match decision.outcome() {
            Outcome::Allow => "allow",
            Outcome::Deny => "deny",
            Outcome::Undecided => "undecided",
        };
        let open: Vec<&str> = decision
            .findings()
            .iter()
            .filter(|finding| finding.verdict != Verdict::Pass)
            .map(|finding| finding.check)
            .collect();
        let findings = decision.findings();
        assert_eq!(open, case.open, "{name}: {}: {findings:#?}", case.name);
        assert_eq!(outcome, case.decision, "{name}: {}", case.name);
        allowed += usize::from(outcome == "allow");
    }
    assert!(
        allowed > 0 && allowed < cases.len(),
        "{name}: a table shows both answers"
    );
}

#[test]
fn the_lab_s_policy_decides_as_its_table_says() {
    run(
        "lab.toml",
        include_str!("../../../../policies/lab.toml"),
        include_str!("../../../../policies/lab.cases.json"),
    );
}

#[test]
fn the_policy_for_github_actions_decides_as_its_table_says() {
    run(
        "github-actions.toml",
        include_str!("../../../../policies/github-actions.toml"),
        include_str!("../../../../policies/github-actions.cases.json"),
    );
}

#[test]
fn a_github_signer_is_exactly_its_workflow_on_its_references() {
    let text = include_str!("../../../../policies/github-actions.toml");
    let policy = Policy::parse("github-actions.toml", text.as_bytes()).unwrap();
    let issuer = "https://token.actions.githubusercontent.com";
    let signer = |name: &str| {
        let mut signers = policy.signers_of("public-good");
        signers
            .find(|signer| signer.name() == name)
            .unwrap()
            .clone()
    };
    let is = |name: &str, san: &str, issuer: &str| {
        let identity = SignerIdentity {
            san: san.to_owned(),
            issuer: issuer.to_owned(),
        };
        // No claims are given: who called the workflow is the only thing left to ask.
        let mismatches = signer(name).check(&identity).expect_err("without claims");
        let open = |field| mismatches.iter().any(|mismatch| mismatch.field == field);
        assert!(open(SignerClaim::Repository.word()), "{mismatches:?}");
        mismatches.len() == 1
    };
    let workflow = "https://github.com/acme/app/.github/workflows/release.yml";
    assert!(is(
        "release",
        &format!("{workflow}@refs/tags/v1.2.3"),
        issuer
    ));
    for other in [
        format!("{workflow}@refs/heads/main"),
        format!("{workflow}@refs/tags/v"),
        format!("{workflow}@refs/tags/v1/../../heads/main"),
        format!("{workflow}@refs/tags/v1\n"),
        format!("x{workflow}@refs/tags/v1"),
        workflow.replace("acme/app", "acme/App") + "@refs/tags/v1",
        workflow.replace("github.com", "githubXcom") + "@refs/tags/v1",
        workflow.replace("release.yml", "releaseXyml") + "@refs/tags/v1",
    ] {
        assert!(!is("release", &other, issuer), "{other}");
    }
    assert!(!is(
        "release",
        &format!("{workflow}@refs/tags/v1"),
        "https://accounts.google.com"
    ));
    let scan = "https://github.com/acme/app/.github/workflows/scan.yml@refs/heads/main";
    assert!(is("scanner", scan, issuer) && !is("release", scan, issuer));
    assert!(!is("scanner", &format!("{scan}2"), issuer));
}
