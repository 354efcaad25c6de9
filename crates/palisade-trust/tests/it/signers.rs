//! Who signed must be who was named.

use palisade_attest::Bundle;
use palisade_trust::{
    ClaimPattern, ExpectedSigner, Instance, Rejection, SanPattern, SignerClaim, TrustRoot,
    verify_blob, verify_statement,
};
use palisade_types::SignerIdentity;

use crate::fixtures::{blob_a, now, read, root_a, signer, signer_a};

fn blob(signers: &[ExpectedSigner]) -> Result<String, Rejection> {
    let bundle = Bundle::parse(&read("faults/v2-none.json")).unwrap();
    let verified = verify_blob(&bundle, &root_a(), signers, &blob_a(), now())?;
    assert_eq!(verified.bundle(), bundle.digest());
    Ok(verified.signer().to_string())
}

#[test]
fn the_named_signer_is_accepted_and_reported_as_the_certificate_names_it() {
    let signer = blob(&[signer_a()]).unwrap();
    assert_eq!(signer, "dev@siglab.test (issuer http://localhost:18500)");
}

#[test]
fn a_near_miss_says_what_was_wanted_and_what_stands_there() {
    let expected = signer("dev@siglab.tesT", "http://localhost:18500");
    let Err(Rejection::Signer {
        got, mismatches, ..
    }) = blob(&[expected])
    else {
        panic!("another signer was accepted")
    };
    assert_eq!(got.san, "dev@siglab.test");
    let fields: Vec<_> = mismatches
        .iter()
        .map(|m| (m.field, m.want.as_str()))
        .collect();
    assert_eq!(fields, [("identity", "dev@siglab.tesT")]);
}

/// Attack: `bind_blob_identity_checked`, `bind_cloud_identity_document`. A name counts with the
/// issuer who vouches for it, and only out of a certificate.
#[test]
fn the_right_name_by_another_issuer_is_refused() {
    let other = signer("dev@siglab.test", "https://evil.example");
    assert!(matches!(
        blob(std::slice::from_ref(&other)),
        Err(Rejection::Signer { .. })
    ));
    assert!(blob(&[other, signer_a()]).is_ok());
}

#[test]
fn nobody_named_is_nobody_trusted() {
    assert!(matches!(blob(&[]), Err(Rejection::NobodyExpected)));
}

/// Attack: `id_regex_anchored`.
#[test]
fn a_pattern_that_matches_is_accepted_and_one_that_matches_a_part_is_not() {
    let by = |pattern: &str| {
        let pattern = SanPattern::regex(pattern).unwrap();
        blob(&[ExpectedSigner::new(
            "pattern",
            pattern,
            "http://localhost:18500",
        )])
    };
    assert!(by(r"^[a-z]+@siglab\.test$").is_ok());
    assert!(matches!(
        by(r"^[a-z]+@siglab$"),
        Err(Rejection::Signer { .. })
    ));
}

#[test]
fn a_statement_is_no_signature_over_a_blob_and_the_reverse() {
    let statement = Bundle::parse(&read("cross/rust-dsse-v2.json")).unwrap();
    let verdict = verify_blob(&statement, &root_a(), &[signer_a()], &blob_a(), now());
    assert_eq!(verdict.unwrap_err().word(), "content");
    let message = Bundle::parse(&read("faults/v2-none.json")).unwrap();
    let verdict = verify_statement(&message, &root_a(), &[signer_a()], now());
    assert_eq!(verdict.unwrap_err().word(), "content");
}

#[test]
fn another_blob_is_refused() {
    let bundle = Bundle::parse(&read("faults/v2-none.json")).unwrap();
    let other = palisade_types::Digest::sha256_of(b"bloB\n");
    let verdict = verify_blob(&bundle, &root_a(), &[signer_a()], &other, now());
    assert_eq!(verdict.unwrap_err().word(), "artifact");
}

/// Attack: `id_reusable_workflow`. A reusable workflow's name says nothing about the repository that called it.
#[test]
fn a_signer_of_whom_claims_are_demanded_is_never_known_by_name_alone() {
    let root = TrustRoot::embedded(Instance::PublicGood).unwrap();
    let bundle = Bundle::parse(&read("../github-actions/reusable-workflow.json")).unwrap();
    let identity = || SignerIdentity {
        san: "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/\
              generator_generic_slsa3.yml@refs/tags/v2.1.0"
            .to_owned(),
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
    };
    let of = |repository: &str| {
        let pattern = ClaimPattern::exact(repository);
        ExpectedSigner::exact("caller", identity()).demanding(SignerClaim::Repository, pattern)
    };
    let judge = |signer: ExpectedSigner| verify_statement(&bundle, &root, &[signer], now());
    let verified = judge(of("slsa-framework/example-package")).unwrap();
    assert_eq!(
        verified.signer_claims().get(SignerClaim::Runner),
        Some("github-hosted")
    );
    let Err(Rejection::Signer { mismatches, .. }) = judge(of("evil/example-package")) else {
        panic!("another repository was accepted")
    };
    assert_eq!(mismatches[0].field, "repository");
    assert_eq!(mismatches[0].got, "slsa-framework/example-package");
    let missing = of("slsa-framework/example-package").check(&identity());
    assert_eq!(missing.unwrap_err()[0].got, "");
    // The caller's own workflow signed nothing, and both names are told.
    let caller = SignerIdentity {
        san: "https://github.com/slsa-framework/example-package/.github/workflows/release.yml\
              @refs/heads/main"
            .to_owned(),
        ..identity()
    };
    let Err(Rejection::Signer { mismatches, .. }) =
        judge(ExpectedSigner::exact("caller", caller.clone()))
    else {
        panic!("the caller was taken for the signer")
    };
    assert_eq!(mismatches[0].field, "identity");
    assert_eq!(mismatches[0].want, caller.san);
    assert_eq!(mismatches[0].got, identity().san);
    // A certificate without the claim meets no demand.
    let mail = signer_a().demanding(SignerClaim::Event, ClaimPattern::exact(""));
    assert!(matches!(blob(&[mail]), Err(Rejection::Signer { .. })));
}
