//! Each demand on a decision, with a twin that differs in one place and is refused by name.

use palisade_attest::predicates::vsa;
use palisade_attest::{ResourceDescriptor, Statement};
use palisade_deploy::{DeployTicket, Expectation, IdentityKind, PolicyBound, Refusal};
use palisade_trust::Verified;
use palisade_types::{
    Descriptor, Digest, FrozenSubject, SignedDuration, SignerIdentity, Timestamp,
};
use serde_json::{Value, json};

use crate::support::{
    digest, expectation, gate, image, now, predicate, statement, subject, verified,
};

const DECISION: &str = "https://palisade.dev/vsa/decision/v1";

fn redeem(vsa: &Verified<Statement>, expected: &Expectation) -> Result<DeployTicket, Refusal> {
    DeployTicket::redeem(&image(), &subject(), vsa, expected, now())
}

fn about(subject: ResourceDescriptor) -> Statement {
    Statement::new(vec![subject], vsa::TYPE, predicate())
}

/// The code of the refusal of a decision that differs in its predicate.
fn refused(change: impl FnOnce(&mut Value)) -> &'static str {
    let mut changed = predicate();
    change(&mut changed);
    redeem(&verified(statement(changed)), &expectation())
        .expect_err("a twin")
        .code()
}

/// The code of the refusal of the good decision under another expectation.
fn expected_otherwise(change: impl FnOnce(&mut Expectation)) -> &'static str {
    let mut expected = expectation();
    change(&mut expected);
    redeem(&verified(statement(predicate())), &expected)
        .expect_err("a twin")
        .code()
}

#[test]
fn a_fresh_decision_of_the_gate_about_this_image_becomes_a_ticket() {
    let ticket = redeem(&verified(statement(predicate())), &expectation()).unwrap();
    assert_eq!(*ticket.image(), image());
    let approval = ticket.approval();
    assert_eq!((approval.policy_version, approval.decided_at), (3, now()));
    assert_eq!(approval.expires_at, now() + SignedDuration::from_hours(1));
}

/// Attack: `pol_verifier_pair`.
#[test]
fn another_signer_or_issuer_is_refused_with_both_names() {
    for (san, issuer, field) in [
        (
            "https://github.com/evil/ci/.github/workflows/gate.yml@refs/heads/main",
            None,
            "identity",
        ),
        (&*gate().san, Some("https://evil.test"), "issuer"),
    ] {
        let signer = SignerIdentity {
            san: san.to_owned(),
            issuer: issuer.map_or(gate().issuer, str::to_owned),
        };
        let vsa = Verified::assertion(
            statement(predicate()),
            "gate",
            signer,
            now(),
            digest("bundle"),
        );
        let refusal = redeem(&vsa, &expectation()).expect_err("a twin");
        assert!(matches!(&refusal, Refusal::Signer { field: got, .. } if *got == field));
        assert!(refusal.to_string().contains("wanted the gate"), "{refusal}");
    }
}

/// Attack: `pol_verifier_pair`.
#[test]
fn the_gate_s_signer_speaking_for_another_verifier_is_refused() {
    assert_eq!(
        refused(|p| p["verifier"]["id"] = json!("https://acme.example/gate2")),
        "verifier"
    );
    assert_eq!(expected_otherwise(|e| e.verifier_id.push('/')), "verifier");
}

/// Attack: `pol_vsa_subject_first`.
#[test]
fn a_decision_about_another_image_is_refused() {
    let other = ResourceDescriptor::new(None, &digest("indeX"));
    let about_other = about(other.clone());
    let refusal = redeem(&verified(about_other), &expectation()).expect_err("a twin");
    assert_eq!(refusal.code(), "subject");
    assert!(
        refusal.to_string().contains(digest("indeX").hex()),
        "{refusal}"
    );
    // One of several subjects is enough.
    let mut about_both = statement(predicate());
    about_both.subjects.insert(0, other);
    assert!(redeem(&verified(about_both), &expectation()).is_ok());
}

#[test]
fn a_decision_about_a_part_of_the_image_is_not_about_the_image() {
    for part in ["manifest amd64", "config amd64", "base"] {
        let subject = ResourceDescriptor::new(None, &digest(part));
        let about_part = about(subject);
        let refusal = redeem(&verified(about_part), &expectation()).expect_err(part);
        assert_eq!(refusal.code(), "subject");
    }
}

#[test]
fn bytes_of_another_image_do_not_stand_in_for_this_one() {
    let vsa = verified(statement(predicate()));
    for change in [
        |s: &mut palisade_types::FrozenSubject| s.image = s.image.sibling(digest("other")),
        |s: &mut palisade_types::FrozenSubject| s.descriptor.digest = digest("other"),
    ] {
        let mut other = subject();
        change(&mut other);
        let refusal = DeployTicket::redeem(&image(), &other, &vsa, &expectation(), now());
        assert_eq!(refusal.expect_err("a twin").code(), "frozen");
    }
}

#[test]
fn another_kind_of_statement_is_refused_and_so_is_a_broken_one() {
    let about = ResourceDescriptor::new(None, &digest("index"));
    let kind = "https://slsa.dev/provenance/v1";
    let provenance = Statement::new(vec![about], kind, predicate());
    let refusal = redeem(&verified(provenance), &expectation()).expect_err("a twin");
    assert_eq!(refusal.code(), "predicate-type");
    assert_eq!(
        refused(|p| p["verificationResult"] = json!("passed")),
        "predicate"
    );
}

#[test]
fn an_index_that_another_image_was_decided_for_is_refused() {
    for other in ["other", "manifest amd64"] {
        let code = refused(|p| p[DECISION]["image"] = json!(digest(other)));
        assert_eq!(code, "decided", "{other}");
    }
}

/// The gate signs a summary for each platform too, and each names the index.
#[test]
fn a_platform_of_a_decided_index_is_released_by_itself() {
    let index = subject();
    let leaf = index.leaves[0].clone();
    let image = image().repository().pin(leaf.manifest.clone());
    let alone = FrozenSubject {
        image: image.clone(),
        descriptor: Descriptor {
            digest: leaf.manifest.clone(),
            ..index.descriptor.clone()
        },
        index: None,
        leaves: vec![leaf],
        ..index
    };
    let mut decided = predicate();
    decided["resourceUri"] = json!(format!("oci://{image}?env=prod"));
    let about = ResourceDescriptor::new(None, image.digest());
    let redeem = |decided: Value| {
        let signed = verified(Statement::new(vec![about.clone()], vsa::TYPE, decided));
        DeployTicket::redeem(&image, &alone, &signed, &expectation(), now())
    };
    assert_eq!(*redeem(decided.clone()).unwrap().image(), image);
    decided[DECISION]["image"] = json!(image.digest());
    redeem(decided).unwrap();
}

#[test]
fn another_resource_is_refused() {
    for resource in [
        format!("oci://ghcr.io/acme/other@{}", digest("index")),
        format!("oci://ghcr.io/acme/app@{}", digest("other")),
        "oci://ghcr.io/acme/app:1".to_owned(),
        image().to_string(),
        format!("https://{}", image()),
        format!("oci://{}#x", image()),
    ] {
        assert_eq!(
            refused(|p| p["resourceUri"] = json!(resource)),
            "resource",
            "{resource}"
        );
    }
}

#[test]
fn another_environment_is_refused_wherever_it_is_named() {
    assert_eq!(
        expected_otherwise(|e| e.environment = "staging".to_owned()),
        "environment"
    );
    assert_eq!(
        refused(|p| p[DECISION]["environment"] = json!("staging")),
        "environment"
    );
    let staging = format!("oci://{}?env=staging", image());
    assert_eq!(
        refused(|p| p["resourceUri"] = json!(staging)),
        "environment"
    );
    let both = format!("oci://{}?env=prod&env=staging", image());
    assert_eq!(refused(|p| p["resourceUri"] = json!(both)), "environment");
}

#[test]
fn a_resource_without_an_environment_leaves_it_to_the_decision() {
    let mut without = predicate();
    without["resourceUri"] = json!(format!("oci://{}", image()));
    assert!(redeem(&verified(statement(without.clone())), &expectation()).is_ok());
    without.as_object_mut().unwrap().remove(DECISION);
    let refusal = redeem(&verified(statement(without)), &expectation()).expect_err("none named");
    assert_eq!(refusal.code(), "environment");
}

#[test]
fn a_no_is_refused() {
    assert_eq!(
        refused(|p| p["verificationResult"] = json!("FAILED")),
        "result"
    );
}

#[test]
fn what_was_loosened_is_refused_and_a_lab_only_where_it_is_allowed() {
    let relaxed = |name: &str| {
        let mut relaxed = predicate();
        relaxed[DECISION]["relaxations"] = json!([name]);
        verified(statement(relaxed))
    };
    let lab = Expectation {
        allow_lab: true,
        ..expectation()
    };
    assert!(redeem(&relaxed("allow-lab"), &lab).is_ok());
    for (name, expected) in [
        ("allow-lab", &expectation()),
        ("warn-mode", &lab),
        ("Allow-lab", &lab),
    ] {
        let refusal = redeem(&relaxed(name), expected).expect_err(name);
        assert_eq!(
            refusal,
            Refusal::Relaxed {
                got: name.to_owned()
            }
        );
    }
}

/// Attack: `pol_policy_rollback`.
#[test]
fn another_or_an_older_policy_is_refused() {
    assert_eq!(
        expected_otherwise(|e| e.policy = "acme/staging".to_owned()),
        "policy"
    );
    assert_eq!(
        refused(|p| drop(p.as_object_mut().unwrap().remove(DECISION))),
        "policy"
    );
    assert_eq!(
        expected_otherwise(|e| e.policy_bound = PolicyBound::Digest(digest("policY"))),
        "policy-digest"
    );
    assert_eq!(
        refused(|p| p["policy"] = json!({"uri": "x"})),
        "policy-digest"
    );
    assert_eq!(
        expected_otherwise(|e| e.policy_bound = PolicyBound::MinVersion(4)),
        "policy-version"
    );
    assert_eq!(
        refused(|p| p[DECISION]["policy-version"] = json!(2)),
        "policy-version"
    );
    // With both, either one refuses.
    for both in [
        PolicyBound::Both(digest("policY"), 3),
        PolicyBound::Both(digest("policy"), 4),
    ] {
        expected_otherwise(|e| e.policy_bound = both);
    }
    for policy_bound in [
        PolicyBound::MinVersion(2),
        PolicyBound::MinVersion(3),
        PolicyBound::Digest(digest("policy")),
    ] {
        let met = Expectation {
            policy_bound,
            ..expectation()
        };
        assert!(redeem(&verified(statement(predicate())), &met).is_ok());
    }
}

fn at(seconds: i64) -> Result<DeployTicket, Refusal> {
    let later = now() + SignedDuration::from_secs(seconds);
    let vsa = verified(statement(predicate()));
    DeployTicket::redeem(&image(), &subject(), &vsa, &expectation(), later)
}

#[test]
fn a_decision_lasts_to_the_end_of_its_window_and_not_a_second_longer() {
    assert!(at(0).is_ok());
    assert!(at(3600).is_ok());
    assert_eq!(at(3601).expect_err("a twin").code(), "stale");
}

#[test]
fn a_decision_from_the_future_is_refused() {
    assert_eq!(at(-61).expect_err("a twin").code(), "future");
    // Also when only one of its two times is.
    assert_eq!(ahead(61).expect_err("a twin").code(), "future");
    let vsa = verified(statement(predicate()));
    let signed_ahead = |seconds| {
        let mut early = predicate();
        let before = now() - SignedDuration::from_secs(seconds);
        early["timeVerified"] = json!(before.to_string());
        let vsa = verified(statement(early));
        DeployTicket::redeem(&image(), &subject(), &vsa, &expectation(), before)
    };
    assert!(signed_ahead(60).is_ok());
    assert_eq!(signed_ahead(61).expect_err("a twin").code(), "future");
    // A clock at the end of time is no reason to panic.
    let end = DeployTicket::redeem(&image(), &subject(), &vsa, &expectation(), Timestamp::MAX);
    assert_eq!(end.expect_err("too old").code(), "stale");
}

/// The decision whose gate's clock runs ahead of ours by this much.
fn ahead(seconds: i64) -> Result<DeployTicket, Refusal> {
    let mut ahead = predicate();
    ahead["timeVerified"] = json!((now() + SignedDuration::from_secs(seconds)).to_string());
    redeem(&verified(statement(ahead)), &expectation())
}

#[test]
fn clocks_that_differ_a_little_make_no_decision_one_from_the_future_nor_last_longer() {
    assert!(at(-60).is_ok());
    let ticket = ahead(60).unwrap();
    let expires_at = ticket.approval().expires_at;
    assert_eq!(expires_at, now() + SignedDuration::from_hours(1));
}

#[test]
fn an_end_the_gate_gave_shortens_the_window_and_never_widens_it() {
    let until = |seconds: i64| {
        let mut ending = predicate();
        let end = now() + SignedDuration::from_secs(seconds);
        ending["https://palisade.dev/vsa/valid-until"] = json!(end.to_string());
        redeem(&verified(statement(ending)), &expectation())
    };
    let expires = |seconds| until(seconds).unwrap().approval().expires_at - now();
    assert_eq!(expires(0).get_seconds(), 0);
    assert_eq!(expires(600).get_seconds(), 600);
    assert_eq!(expires(9000).get_seconds(), 3600);
    assert_eq!(until(-1).expect_err("a twin").code(), "expired");
    let soon = |p: &mut Value| p["https://palisade.dev/vsa/valid-until"] = json!("soon");
    assert_eq!(refused(soon), "predicate");
}

#[test]
fn a_gate_with_a_fast_clock_cannot_make_a_decision_last_longer() {
    let signed = |at: Timestamp| {
        Verified::assertion(statement(predicate()), "gate", gate(), at, digest("bundle"))
    };
    let early = now() - SignedDuration::from_secs(3600);
    assert!(redeem(&signed(early), &expectation()).is_ok());
    let earlier = early - SignedDuration::from_secs(1);
    assert_eq!(
        redeem(&signed(earlier), &expectation())
            .expect_err("a twin")
            .code(),
        "stale"
    );
}

#[test]
fn the_first_demand_that_fails_is_the_one_that_is_named() {
    // Everything is wrong at once; each demand that is met uncovers the next one.
    let mut all_wrong = predicate();
    all_wrong["verifier"]["id"] = json!("https://evil.test");
    all_wrong["verificationResult"] = json!("FAILED");
    all_wrong["resourceUri"] = json!("oci://ghcr.io/evil/app");
    let fixes: [(&str, &str, Value); 3] = [
        (
            "verifier",
            "/verifier/id",
            json!("https://acme.example/gate"),
        ),
        (
            "resource",
            "/resourceUri",
            json!(format!("oci://{}", image())),
        ),
        ("result", "/verificationResult", json!("PASSED")),
    ];
    let strict = Expectation {
        policy: "acme/other".to_owned(),
        ..expectation()
    };
    for (code, pointer, fix) in fixes {
        let refusal = redeem(&verified(statement(all_wrong.clone())), &strict);
        assert_eq!(refusal.expect_err("still wrong").code(), code);
        *all_wrong.pointer_mut(pointer).unwrap() = fix;
    }
    let refusal = redeem(&verified(statement(all_wrong)), &strict);
    assert_eq!(refusal.expect_err("still wrong").code(), "policy");
}

#[test]
fn a_ticket_knows_what_every_digest_of_its_image_names() {
    let ticket = redeem(&verified(statement(predicate())), &expectation()).unwrap();
    for (of, kind) in [
        ("index", Some(IdentityKind::Index)),
        ("manifest amd64", Some(IdentityKind::Manifest)),
        ("config arm64", Some(IdentityKind::Config)),
        ("base", Some(IdentityKind::Layer)),
        ("other", None),
    ] {
        let digest: Digest = digest(of);
        assert_eq!(ticket.identity(&digest), kind, "{of}");
        assert_eq!(
            ticket.identities().contains(&digest),
            kind.is_some(),
            "{of}"
        );
    }
}
