//! What holds for every set of evidence.

use palisade_policy::{Binding, bind, evaluate, verified_levels};
use palisade_types::Outcome;
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::scene::{Said, Scene, policy_with};

/// Good, bad, foreign and half evidence of every kind, about an index of two platforms.
fn pool() -> Vec<Said> {
    let mut pool = Vec::new();
    for is in ["signature", "provenance", "sbom", "scan"] {
        for by in ["release", "security"] {
            for about in ["image", "linux/amd64", "linux/arm64", "another image"] {
                let text = format!(r#"{{"is": "{is}", "by": "{by}", "about": "{about}"}}"#);
                pool.push(serde_json::from_str(&text).unwrap());
            }
        }
    }
    for bad in [
        r#"{"is": "signature", "by": "security", "identity": "https://release.example"}"#,
        r#"{"is": "signature", "by": "release", "signed": "2027-01-01T00:00:00Z"}"#,
        r#"{"is": "provenance", "by": "release", "with": {"runDetails": {"builder": {"id": "https://evil.example"}}}}"#,
        r#"{"is": "provenance", "by": "release", "with": {"buildDefinition": {"buildType": ""}}}"#,
        r#"{"is": "sbom", "by": "security", "with": {"components": []}}"#,
        r#"{"is": "scan", "by": "release", "with": {"scanner": {"result": [{"id": "CVE-1"}]}}}"#,
        r#"{"is": "scan", "by": "release", "with": {"metadata": {"scanFinishedOn": "2026-01-01T00:00:00Z"}}}"#,
    ] {
        pool.push(serde_json::from_str(bad).unwrap());
    }
    pool
}

fn scene(statements: Vec<Said>, gap: bool) -> Scene {
    let mut scene = Scene::parse(r#"{"platforms": ["linux/amd64", "linux/arm64"]}"#);
    scene.statements = statements;
    if gap {
        scene.gaps.push("referrers".to_owned());
    }
    scene
}

/// Mostly whole sets, so that allows are frequent enough to lose something.
fn evidence() -> impl Strategy<Value = Vec<Said>> {
    let pool = pool();
    let size = pool.len();
    subsequence(pool, (size / 3)..=size).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn taking_evidence_away_never_improves_the_outcome(
        all in evidence(),
        keep in proptest::collection::vec(any::<bool>(), 64),
        damage in proptest::collection::vec(any::<bool>(), 64),
        gap in any::<bool>(),
    ) {
        let policy = policy_with("[signature]\nrequire = { at-least = 2, of = [\"release\", \"security\"] }");
        let full = scene(all.clone(), gap);
        let kept = all.iter().enumerate().filter(|(i, _)| keep[*i]).map(|(i, said)| {
            let mut said = said.clone();
            if damage[i] {
                // A damaged bundle does not verify, and what does verify is about something else.
                "damaged".clone_into(&mut said.about);
            }
            said
        });
        let less = scene(kept.collect(), gap);
        let before = evaluate(&policy, &full.evidence(), full.now);
        let after = evaluate(&policy, &less.evidence(), less.now);
        if after.outcome() == Outcome::Allow {
            prop_assert_eq!(before.outcome(), Outcome::Allow);
            let rank = |scene: &Scene| verified_levels(&policy, &scene.evidence(), scene.now);
            prop_assert!(rank(&less) <= rank(&full));
        }
    }

    #[test]
    fn neither_order_nor_repetition_of_evidence_means_anything(all in evidence(), gap in any::<bool>()) {
        let policy = policy_with("");
        let forwards = scene(all.clone(), gap);
        let backwards = scene(all.into_iter().rev().collect(), gap);
        let first = evaluate(&policy, &forwards.evidence(), forwards.now);
        let second = evaluate(&policy, &backwards.evidence(), backwards.now);
        prop_assert_eq!(format!("{first:?}"), format!("{second:?}"));
        let mut twice = backwards.clone();
        twice.statements.extend(forwards.statements.clone());
        let third = evaluate(&policy, &twice.evidence(), twice.now);
        prop_assert_eq!(format!("{first:?}"), format!("{third:?}"), "each item twice");
    }
}

#[test]
fn the_pool_can_allow_and_each_kind_is_needed() {
    let policy = policy_with("");
    let whole = scene(pool(), false);
    assert_eq!(
        evaluate(&policy, &whole.evidence(), whole.now).outcome(),
        Outcome::Allow
    );
    for kind in ["Signature", "Provenance", "Sbom", "Scan"] {
        let rest = pool()
            .into_iter()
            .filter(|said| format!("{:?}", said.is) != kind);
        let less = scene(rest.collect(), false);
        let outcome = evaluate(&policy, &less.evidence(), less.now).outcome();
        assert_eq!(outcome, Outcome::Deny, "without {kind}");
    }
}

#[test]
fn an_image_has_the_level_of_its_least_platform() {
    let policy = policy_with(
        r#"
        [[builder]]
        id = "https://builder.example/hosted"
        signer = "release"
        max-level = 3

        [[builder]]
        id = "https://builder.example/laptop"
        signer = "release"
        max-level = 1
    "#,
    );
    let record = |about: &str, builder: &str| {
        let text = format!(
            r#"{{"is": "provenance", "by": "release", "about": "{about}",
                "with": {{"runDetails": {{"builder": {{"id": "https://builder.example/{builder}"}}}}}}}}"#
        );
        serde_json::from_str::<Said>(&text).unwrap()
    };
    let levels = |statements: Vec<Said>| {
        let scene = scene(statements, false);
        verified_levels(&policy, &scene.evidence(), scene.now)
    };
    let (amd64, arm64) = ("linux/amd64", "linux/arm64");
    assert_eq!(
        levels(vec![record(amd64, "hosted"), record(arm64, "laptop")]),
        ["SLSA_BUILD_LEVEL_1"]
    );
    assert_eq!(
        levels(vec![record(amd64, "hosted"), record(arm64, "hosted")]),
        ["SLSA_BUILD_LEVEL_3"]
    );
    let none: [&str; 0] = [];
    assert_eq!(
        levels(vec![record(amd64, "hosted")]),
        none,
        "one platform is not all"
    );
    assert_eq!(
        levels(vec![record("image", "elsewhere")]),
        none,
        "nobody trusts that builder"
    );
}

/// Attack: `bind_path_not_sha`.
#[test]
fn a_statement_is_bound_to_what_it_names_and_to_nothing_else() {
    let text = r#"{"platforms": ["linux/amd64", "linux/arm64"], "statements": [
        {"is": "signature", "by": "release"},
        {"is": "signature", "by": "release", "about": "linux/arm64"},
        {"is": "signature", "by": "release", "about": "another image"}
    ]}"#;
    let evidence = Scene::parse(text).evidence();
    let bound: Vec<_> = evidence
        .statements
        .iter()
        .map(|statement| bind(&evidence.subject, statement.value()).unwrap())
        .collect();
    let image = Binding {
        image: true,
        leaves: vec![],
    };
    let leaf = Binding {
        image: false,
        leaves: vec![1],
    };
    assert_eq!(bound, [Some(image), Some(leaf), None]);
}
