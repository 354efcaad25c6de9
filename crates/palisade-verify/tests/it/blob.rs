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

/// Attack: `log_downgrade_set_only`. What is printed comes from the checks that ran.
#[test]
fn a_bundle_without_an_inclusion_proof_is_refused_or_said_to_be_promised() {
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
    for strict in [&[][..], &["--require-inclusion-proof"]] {
        let run = crate::program::verify(args.iter().chain(strict));
        assert_eq!(run.code, 1, "{run:?}");
        assert!(
            run.talk().contains("SET only") || run.out.contains("SET only"),
            "{run:?}"
        );
    }
    let run = crate::program::verify(args.iter().chain(&["--require-inclusion-proof=false"]));
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("promised to include"), "{}", run.out);
    assert!(!run.out.contains("log includes"), "{}", run.out);
}

// Without `--trusted-root` it is sigstore.dev that is believed, and nobody else.
#[test]
fn a_bundle_of_another_instance_is_refused_by_the_embedded_root_which_names_itself() {
    let args = [
        "blob",
        "blob.txt",
        "--bundle",
        "faults/v2-none.json",
        "--certificate-identity",
        "dev@siglab.test",
        "--certificate-oidc-issuer",
        "http://localhost:18500",
        "--current-time",
        "2026-11-24T00:00:00Z",
    ];
    let run = crate::program::verify(args);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.out.contains("log-id"), "{}", run.out);
    assert!(
        run.out
            .contains("trust root: public-good, embedded in palisade"),
        "{}",
        run.out
    );
}

// Invariant 1: what was signed after the time of the question is no answer to it.
#[test]
fn a_signature_from_after_the_time_asked_about_is_refused() {
    let at = |time: &str| {
        let args = ["blob", "blob.txt", "--bundle", "faults/v2-none.json"];
        verify_recorded(&[&args[..], &["--current-time", time]].concat())
    };
    assert_eq!(at("2026-11-23T12:00:00Z").code, 0);
    let early = at("2026-11-23T06:00:00Z");
    assert_eq!(early.code, 1, "{early:?}");
    assert!(early.out.contains("future"), "{}", early.out);
}

/// What GitHub signs for private repositories has a timestamp and is in no log.
#[test]
fn a_profile_without_a_log_is_named_on_the_command_line_and_fits_no_root_that_has_one() {
    let judge = |digest: &str, more: &[&str]| {
        let image = format!("localhost:1/app@sha256:{digest}");
        let fixed = [
            "attestation",
            &image,
            "--bundle",
            "../github-private/attest-demo.json",
            "--type",
            "slsaprovenance1",
            "--certificate-identity",
            "https://github.com/actions/attest-demo/.github/workflows/build-python.yml@refs/heads/main",
            "--certificate-oidc-issuer",
            "https://token.actions.githubusercontent.com",
            "--format",
            "json",
        ];
        crate::program::verify(fixed.iter().chain(more))
    };
    let digest = "ae57936def59bc4c75edd3a837d89bcefc6d3a5e31d55a6fa7a71624f92c3c3b";
    let root = ["--trusted-root", "../github-private/trusted_root.json"];
    let profile = ["--profile", "github-private"];
    let run = judge(digest, &[root, profile].concat());
    assert_eq!(run.code, 0, "{run:?}");
    let run = judge(&"0".repeat(64), &[root, profile].concat());
    assert_eq!(run.code, 1, "{run:?}");
    let run = judge(digest, &root);
    assert_eq!(run.code, 1, "{run:?}");
    let refused = &run.json()["answers"][0]["refused"][0];
    assert_eq!(refused["reason"], "no-log-entry");
    let run = judge(digest, &profile);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.talk().contains("transparency logs"), "{run:?}");
}
