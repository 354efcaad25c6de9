//! What evidence has to prove is the caller's choice, and no bundle makes it.

use palisade_attest::Bundle;
use palisade_trust::{
    Claim, ExpectedSigner, Instance, Profile, TrustRoot, verify_blob, verify_statement,
};
use palisade_types::Digest;
use serde_json::{Value, json};

use crate::fixtures::{now, read, root, signer, signer_a};
use crate::tampered::bundle;

const ENTRIES: &str = "/verificationMaterial/tlogEntries";
const TIMESTAMPS: &str = "/verificationMaterial/timestampVerificationData";

const LOGGED: [Profile; 3] = [Profile::Included, Profile::Logged, Profile::Promised];

/// The claims of a statement under a root, or the word of the refusal.
fn statement(
    bundle: &Value,
    root: &TrustRoot,
    signer: ExpectedSigner,
) -> Result<Vec<Claim>, &'static str> {
    let bundle = Bundle::parse(bundle.to_string().as_bytes()).map_err(|_| "parse")?;
    verify_statement(&bundle, root, &[signer], now())
        .map(|verified| verified.claims().to_vec())
        .map_err(|rejection| rejection.word())
}

fn private() -> Value {
    serde_json::from_slice(&read("../github-private/attest-demo.json")).unwrap()
}

fn workflow() -> ExpectedSigner {
    signer(
        "https://github.com/actions/attest-demo/.github/workflows/build-python.yml@refs/heads/main",
        "https://token.actions.githubusercontent.com",
    )
}

fn github(profile: Profile) -> TrustRoot {
    let root = TrustRoot::embedded(Instance::GitHub).unwrap();
    root.under(profile).unwrap()
}

#[test]
fn what_github_signs_for_private_repositories_is_verified_under_that_profile_alone() {
    let held = statement(&private(), &github(Profile::GithubPrivate), workflow());
    let wanted = [
        Claim::CertificateChain,
        Claim::Identity,
        Claim::Signature,
        Claim::Timestamp,
    ];
    assert_eq!(held.unwrap(), wanted);
    for profile in LOGGED {
        let refused = statement(&private(), &github(profile), workflow());
        assert_eq!(refused, Err("no-log-entry"), "{profile:?}");
    }
    let root = github(Profile::GithubPrivate);
    let other = signer(
        "https://github.com/evil/x",
        "https://token.actions.githubusercontent.com",
    );
    assert_eq!(statement(&private(), &root, other), Err("signer"));
    let mut edited = private();
    edited["dsseEnvelope"]["signatures"][0]["sig"] = json!("MEUCIQ==");
    assert!(statement(&edited, &root, workflow()).is_err());
    let public = TrustRoot::embedded(Instance::PublicGood).unwrap();
    assert_eq!(
        statement(&private(), &public, workflow()),
        Err("no-log-entry")
    );
}

/// Attack: `time_none_no_tlog`, `time_backdated_no_tlog`. Where no log is demanded the timestamp
/// is all there is, and a log's entry brings no time instead.
#[test]
fn without_a_log_only_a_timestamp_of_the_root_s_authority_says_when() {
    let root = github(Profile::GithubPrivate);
    let mut timeless = private();
    let material = timeless["verificationMaterial"].as_object_mut().unwrap();
    material.remove("timestampVerificationData");
    assert_eq!(statement(&timeless, &root, workflow()), Err("no-time"));
    let backdated = bundle("cross/rust-dsse-v1.json").at(ENTRIES).clone();
    for (mut bundle, word) in [(private(), "log-id"), (timeless, "no-time")] {
        bundle["verificationMaterial"]["tlogEntries"] = backdated.clone();
        assert_eq!(statement(&bundle, &root, workflow()), Err(word));
    }
    for profile in LOGGED {
        let root = root_a(profile);
        let stripped = bundle("cross/rust-dsse-v2.json")
            .without(ENTRIES)
            .without(TIMESTAMPS);
        let refused = statement(&stripped.0, &root, signer_a());
        assert_eq!(refused, Err("no-log-entry"));
    }
}

fn root_a(profile: Profile) -> TrustRoot {
    root("trusted_root.json").under(profile).unwrap()
}

/// Attack: `log_no_online_search`. The log still has the entry, and nobody asks it.
#[test]
fn a_bundle_whose_log_entry_was_taken_out_is_refused_where_the_instance_has_a_log() {
    let stripped = bundle("cross/rust-dsse-v2.json").with(ENTRIES, json!([])).0;
    for profile in LOGGED {
        let refused = statement(&stripped, &root_a(profile), signer_a());
        assert_eq!(refused, Err("no-log-entry"), "{profile:?}");
    }
    let refused = statement(&stripped, &github(Profile::GithubPrivate), signer_a());
    assert!(refused.is_err());
    // The twin: the same bundle, where the caller's root says that this instance has no logs.
    let mut unlogged: Value = serde_json::from_slice(&read("trusted_root.json")).unwrap();
    let parts = unlogged.as_object_mut().unwrap();
    parts.remove("tlogs").unwrap();
    parts.remove("ctlogs").unwrap();
    let unlogged = TrustRoot::parse(unlogged.to_string().as_bytes()).unwrap();
    let unlogged = unlogged.under(Profile::GithubPrivate).unwrap();
    assert!(statement(&stripped, &unlogged, signer_a()).is_ok());
}

/// A real bundle of 2023, beside one of today that was made to look old.
#[test]
fn a_promise_from_when_bundles_had_no_proof_is_enough_unless_a_proof_is_demanded() {
    let judge = |profile| {
        let bundle = Bundle::parse(&read("../bundle-v0.1/intoto-without-proof.json")).unwrap();
        let root = TrustRoot::embedded(Instance::PublicGood).unwrap();
        let root = root.under(profile).unwrap();
        let signer = signer("brian@dehamer.com", "https://github.com/login/oauth");
        verify_statement(&bundle, &root, &[signer], now())
    };
    assert_eq!(
        judge(Profile::Included).unwrap_err().word(),
        "proof-missing"
    );
    for profile in [Profile::Logged, Profile::Promised] {
        let verified = judge(profile).unwrap();
        assert!(verified.proves(Claim::LogPromise) && !verified.proves(Claim::LogInclusion));
    }
}

/// Attack: `log_downgrade_set_only`. L4: the version of a bundle is not signed.
#[test]
fn a_bundle_made_old_by_dropping_the_proof_is_a_promise_and_refused_where_a_proof_is_demanded() {
    let judge = |profile| {
        let bundle = Bundle::parse(&read("static/downgrade.json")).unwrap();
        let root = root("static/trusted_root.json").under(profile).unwrap();
        let artifact = Digest::sha256_of(&read("static/artifact.txt"));
        let signer = signer(
            "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
            "https://token.actions.example.test",
        );
        verify_blob(&bundle, &root, &[signer], &artifact, now())
    };
    for profile in [Profile::Included, Profile::Logged] {
        let refused = judge(profile).unwrap_err();
        assert_eq!(refused.word(), "proof-missing", "{profile:?}");
        assert!(refused.to_string().contains("SET only"), "{refused}");
    }
    let promised = judge(Profile::Promised).unwrap();
    assert!(promised.proves(Claim::LogPromise));
    assert!(!promised.proves(Claim::LogInclusion));
}
