//! The ready policies, each with its table: a situation and the decision it must give.

use palisade_policy::{Policy, evaluate};
use palisade_types::{Outcome, Verdict};
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
