//! `palisade verify blob`.

use crate::program::verify_recorded;

#[test]
fn a_file_with_its_signature_is_verified_and_another_file_is_not() {
    let run = verify_recorded(&["blob", "blob.txt", "--bundle", "faults/v2-none.json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let run = verify_recorded(&[
        "blob",
        "trusted_root.json",
        "--bundle",
        "faults/v2-none.json",
    ]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.out.contains("artifact"), "{}", run.out);
}

#[test]
fn a_statement_about_a_file_is_verified_when_its_type_is_asked_for() {
    let bundle = "cross/rust-dsse-v2.json";
    let with =
        |name: &str| verify_recorded(&["blob", "blob.txt", "--bundle", bundle, "--type", name]);
    assert_eq!(with("slsaprovenance1").code, 0);
    assert_eq!(with("cyclonedx").code, 1);
    // Without a type a signature over the bytes is wanted, and a statement is none.
    assert_eq!(
        verify_recorded(&["blob", "blob.txt", "--bundle", bundle]).code,
        1
    );
}

#[test]
fn every_kind_of_fault_is_refused_with_its_reason() {
    for (bundle, reason) in [
        ("faults/v2-san-two.json", "san-count"),
        ("faults/v2-v2-ckpt-origin.json", "checkpoint-origin"),
        ("faults/v2-cert-issuer-v1-lies.json", "issuer-conflict"),
        ("static/dup-entry.json", "duplicate-entry"),
        ("expected.tsv", "bundle"),
    ] {
        let run = verify_recorded(&["blob", "blob.txt", "--bundle", bundle, "--format", "json"]);
        assert_eq!(run.code, 1, "{run:?}");
        assert_eq!(
            run.json()["answers"][0]["refused"][0]["reason"],
            reason,
            "{bundle}"
        );
    }
}

// log_downgrade_set_only: what is printed comes from the checks that ran.
#[test]
fn a_bundle_without_an_inclusion_proof_is_not_said_to_be_included() {
    let args = [
        "blob",
        "static/artifact.txt",
        "--bundle",
        "static/downgrade.json",
        "--trusted-root",
        "static/trusted_root.json",
        "--certificate-identity",
        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
        "--certificate-oidc-issuer",
        "https://token.actions.example.test",
    ];
    let run = crate::program::verify(args);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("promised to include"), "{}", run.out);
    assert!(!run.out.contains("log includes"), "{}", run.out);
}
