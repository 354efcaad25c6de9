//! Each check's page is its test: every example gives the verdict it says.

use palisade_policy::checks::{CHECKS, Check};
use palisade_policy::evaluate;
use palisade_types::{Outcome, Verdict};

use crate::scene::{Scene, all_good, policy_with};

struct Example {
    section: String,
    overlay: String,
    verdict: Verdict,
    scene: Scene,
}

/// The fenced blocks of a page: `toml` overlays the base policy for the next `json`, whose second
/// word is the verdict.
fn examples(check: &Check) -> Vec<Example> {
    let (mut section, mut overlay, mut block, mut info) =
        (String::new(), String::new(), String::new(), None::<String>);
    let mut examples = Vec::new();
    for line in check.page.lines() {
        match (&info, line.strip_prefix("```")) {
            (None, Some(opens)) => info = Some(opens.to_owned()),
            (None, None) => {
                if let Some(heading) = line.strip_prefix("## ") {
                    heading.clone_into(&mut section);
                }
            }
            (Some(_), None) => block = format!("{block}{line}\n"),
            (Some(open), Some(_)) => {
                if open == "toml" {
                    overlay = std::mem::take(&mut block);
                } else {
                    examples.push(Example {
                        section: section.clone(),
                        overlay: std::mem::take(&mut overlay),
                        verdict: match open.as_str() {
                            "json pass" => Verdict::Pass,
                            "json fail" => Verdict::Fail,
                            "json missing" => Verdict::Missing,
                            other => panic!("{}: an example without a verdict: {other}", check.id),
                        },
                        scene: Scene::parse(&std::mem::take(&mut block)),
                    });
                }
                info = None;
            }
        }
    }
    examples
}

/// Attack: `pol_threshold_distinct_signers`, `type_wrong_predicate`, `type_two_of_two`.
#[test]
fn every_example_on_every_page_gives_the_verdict_it_says() {
    for check in CHECKS {
        for (number, example) in examples(check).iter().enumerate() {
            let policy = policy_with(&example.overlay);
            let decision = evaluate(&policy, &example.scene.evidence(), example.scene.now);
            let finding = decision
                .findings()
                .iter()
                .find(|f| f.check == check.id)
                .unwrap();
            assert_eq!(
                finding.verdict,
                example.verdict,
                "{}, example {}: {}",
                check.id,
                number + 1,
                finding.reason
            );
        }
    }
}

#[test]
fn every_check_has_its_own_id_and_a_whole_page() {
    let mut ids: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    for check in CHECKS {
        let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(check.id.chars().all(kebab), "{}", check.id);
        assert!(
            check.page.starts_with(&format!("# {}\n", check.id)),
            "{}",
            check.id
        );
        let headings: Vec<&str> = check
            .page
            .lines()
            .filter(|l| l.starts_with("## "))
            .collect();
        assert_eq!(
            headings,
            ["## Why", "## Passes", "## Fails", "## Fix"],
            "{}",
            check.id
        );
        let examples = examples(check);
        let count = |section: &str, passes: bool| {
            let in_it = examples.iter().filter(|e| e.section == section);
            in_it
                .filter(|e| (e.verdict == Verdict::Pass) == passes)
                .count()
        };
        assert!(
            count("Passes", true) > 0 && count("Passes", false) == 0,
            "{}",
            check.id
        );
        assert!(
            count("Fails", false) > 0 && count("Fails", true) == 0,
            "{}",
            check.id
        );
    }
}

#[test]
fn no_evidence_is_never_a_pass() {
    for platforms in [
        "[\"linux/amd64\"]",
        "[\"linux/amd64\", \"linux/arm64\"]",
        "[]",
    ] {
        let scene = Scene::parse(&format!("{{\"platforms\": {platforms}}}"));
        let decision = evaluate(&policy_with(""), &scene.evidence(), scene.now);
        for finding in decision.findings() {
            // These two look at the policy and at the image itself; there is nothing to take away.
            if !["policy-current", "subject-matches"].contains(&finding.check) {
                assert_eq!(
                    finding.verdict,
                    Verdict::Missing,
                    "{}: {platforms}",
                    finding.check
                );
                assert!(finding.help.is_some(), "{}", finding.check);
            }
        }
        let asked = decision.findings().len();
        assert_eq!(asked, CHECKS.len(), "the base policy asks for every check");
        assert_eq!(decision.outcome(), Outcome::Deny, "{platforms}");
    }
}

#[test]
fn all_that_is_asked_for_is_an_allow() {
    let scene = all_good();
    let decision = evaluate(&policy_with(""), &scene.evidence(), scene.now);
    assert_eq!(
        decision.outcome(),
        Outcome::Allow,
        "{:#?}",
        decision.findings()
    );
    assert!(decision.is_passed());
}

#[test]
fn a_gap_makes_a_missing_piece_undecided_and_never_a_pass() {
    let mut scene = all_good();
    scene.gaps = vec!["referrers".to_owned()];
    let policy = policy_with("");
    let decision = evaluate(&policy, &scene.evidence(), scene.now);
    assert_eq!(
        decision.outcome(),
        Outcome::Allow,
        "what is there is enough"
    );
    scene.statements.remove(0);
    let decision = evaluate(&policy, &scene.evidence(), scene.now);
    assert_eq!(decision.outcome(), Outcome::Undecided);
    scene.gaps.clear();
    let decision = evaluate(&policy, &scene.evidence(), scene.now);
    assert_eq!(decision.outcome(), Outcome::Deny);
}

/// Attack: `pol_warn_never_passed`.
#[test]
fn warn_mode_says_so_and_never_passes() {
    let header = r#"
        [policy]
        id = "acme/prod"
        version = 3
        environment = "prod"
        mode = "warn"
        expires = 2027-05-01T00:00:00Z
    "#;
    let scene = all_good();
    let decision = evaluate(&policy_with(header), &scene.evidence(), scene.now);
    assert_eq!(decision.outcome(), Outcome::Allow);
    assert!(!decision.is_passed());
    assert_eq!(decision.relaxations().len(), 1);
}

#[test]
fn a_rejected_bundle_explains_what_is_missing() {
    let scene = Scene::parse(
        r#"{"rejected": [{"claims": "signature", "why": "signed by mallory@evil.example"}]}"#,
    );
    let decision = evaluate(&policy_with(""), &scene.evidence(), scene.now);
    let finding = decision
        .findings()
        .iter()
        .find(|f| f.check == "signature-present")
        .unwrap();
    assert_eq!(finding.verdict, Verdict::Missing);
    assert!(finding.reason.contains("1 rejected") && finding.reason.contains("mallory"));
}

#[test]
fn a_statement_signed_after_now_is_not_there_yet() {
    let mut scene = all_good();
    scene.now = "2026-11-24T08:59:59Z".parse().unwrap();
    let decision = evaluate(&policy_with(""), &scene.evidence(), scene.now);
    assert_eq!(decision.outcome(), Outcome::Deny);
}
