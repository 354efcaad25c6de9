//! The document's fields, written out: whoever reads receipts depends on every one of them.

use palisade_types::{Digest, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::failure::{Kind, Phase};
use crate::record::{Entry, Mutated, Strength};
use crate::summaries::Candidate;
use crate::ticket::IdentityKind;

fn at() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().expect("a time")
}

fn digest(of: &str) -> Digest {
    Digest::sha256_of(of.as_bytes())
}

fn target() -> Target {
    Target {
        trust_root: None,
        platform: "render",
        api: "https://api.render.com/v1".to_owned(),
        service: "srv-a".to_owned(),
        image: format!("ghcr.io/acme/app@{}", digest("app"))
            .parse()
            .expect("pinned"),
    }
}

fn decided() -> Approval {
    Approval {
        bundle: digest("bundle"),
        signer: SignerIdentity {
            san: "gate@acme.test".to_owned(),
            issuer: "https://issuer.test".to_owned(),
        },
        verifier: "https://acme.example/gate".to_owned(),
        environment: "prod".to_owned(),
        policy: "acme/prod".to_owned(),
        policy_version: 3,
        relaxations: Vec::new(),
        decided_at: at(),
        expires_at: at(),
    }
}

fn served(of: &str) -> Serving {
    Serving {
        deploy: format!("dep-{of}"),
        image: None,
        digest: Some(digest(of)),
    }
}

fn value(document: &Document) -> Value {
    serde_json::to_value(document).expect("it is JSON")
}

#[test]
fn a_release_that_is_not_live_says_all_of_this_in_version_1() {
    let mismatch = Kind::DigestMismatch {
        expected: digest("app"),
        observed: digest("other"),
    };
    let why = Failure {
        mutated: Mutated::Yes,
        serving: Some(served("other")),
        ..Failure::new(mismatch, Phase::ReadBack, "deploy dep-b is live with it")
    };
    let record = Record {
        mutated: Mutated::Yes,
        deploy: Some("dep-b".to_owned()),
        previous: Some(served("old")),
        warnings: vec!["autodeploy is on".to_owned()],
        timeline: vec![Entry::new(at(), "deploy dep-b is `live`")],
    };
    let document = Document::ended(&target(), &Outcome::NotLive(why), &decided(), &record);
    let wanted = json!({
        "version": 1,
        "outcome": "not-live",
        "exit": 1,
        "image": format!("ghcr.io/acme/app@{}", digest("app")),
        "target": {"platform": "render", "api": "https://api.render.com/v1", "service": "srv-a"},
        "mutated": "yes",
        "approval": {
            "bundle": digest("bundle"),
            "signer": {"identity": "gate@acme.test", "issuer": "https://issuer.test"},
            "verifier": "https://acme.example/gate",
            "environment": "prod",
            "policy": "acme/prod",
            "policyVersion": 3,
            "relaxations": [],
            "decidedAt": "2026-11-24T08:00:00Z",
            "expiresAt": "2026-11-24T08:00:00Z",
        },
        "failure": {
            "kind": "digest-mismatch",
            "phase": "read-back",
            "detail": "deploy dep-b is live with it",
            "expected": digest("app"),
            "observed": digest("other"),
            "serving": {"deploy": "dep-other", "image": null, "digest": digest("other")},
        },
        "deploy": "dep-b",
        "previous": {"deploy": "dep-old", "image": null, "digest": digest("old")},
        "warnings": ["autodeploy is on"],
        "timeline": [{"at": "2026-11-24T08:00:00Z", "event": "deploy dep-b is `live`"}],
    });
    assert_eq!(value(&document), wanted);
}

#[test]
fn what_was_read_back_says_what_it_is_worth() {
    let observed = observed(&Observed {
        deploy: "dep-b".to_owned(),
        digest: digest("app"),
        names: IdentityKind::Index,
        strength: Strength::Resolved,
        configured: "ghcr.io/acme/app".to_owned(),
        reads: 2,
    });
    let wanted = json!({
        "deploy": "dep-b",
        "digest": digest("app"),
        "names": "index",
        "strength": "resolved",
        "configured": "ghcr.io/acme/app",
        "reads": 2,
    });
    assert_eq!(serde_json::to_value(observed).expect("it is JSON"), wanted);
}

#[test]
fn a_refusal_names_each_decision_that_was_looked_at_and_changed_nothing() {
    let candidate = Candidate {
        bundle: digest("bundle"),
        unusable: crate::refusal::Refusal::Result { got: "FAILED" }.into(),
    };
    let refused = Error::Refused {
        image: "ghcr.io/acme/app".to_owned(),
        candidates: vec![candidate],
    };
    let document = value(&Document::not_redeemed(&target(), &refused));
    assert_eq!(
        (&document["outcome"], &document["exit"]),
        (&json!("refused"), &json!(1))
    );
    assert_eq!(document["mutated"], "no");
    let wanted = json!([{
        "bundle": digest("bundle"),
        "code": "result",
        "reason": "the result is `FAILED`, wanted `PASSED`",
    }]);
    assert_eq!(document["refusals"], wanted);
}
