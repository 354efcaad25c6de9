//! Demands on what the certificate says about the workflow's run.

use crate::program::{Run, verify};

/// Judges a real bundle, under the embedded trust root of sigstore.dev.
fn attestation(more: &[&str]) -> Run {
    let image = format!("localhost:1/a@sha256:{SUBJECT}");
    let fixed = [
        "attestation",
        &image,
        "--type",
        "slsaprovenance02",
        "--bundle",
        "../github-actions/reusable-workflow.json",
        "--certificate-identity",
        "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/\
         generator_generic_slsa3.yml@refs/tags/v2.1.0",
        "--certificate-oidc-issuer",
        "https://token.actions.githubusercontent.com",
        "--format",
        "json",
    ];
    verify(fixed.iter().chain(more))
}

const SUBJECT: &str = "376e7e01348585b6e6643bc6663146b9d525d9b41228bf180eaeb4d4a3706caa";

/// What holds, and a twin that differs in one place.
const DEMANDS: &[(&str, &str, &str, &str)] = &[
    (
        "--certificate-github-workflow-repository",
        "repository",
        "slsa-framework/example-package",
        "slsa-framework/example-packag",
    ),
    (
        "--certificate-github-workflow-ref",
        "ref",
        "refs/tags/v14.2",
        "refs/tags/v14",
    ),
    (
        "--certificate-github-workflow-ref",
        "ref",
        "refs/tags/v*",
        "refs/heads/*",
    ),
    (
        "--certificate-github-workflow-trigger",
        "event",
        "push",
        "release",
    ),
    (
        "--certificate-runner-environment",
        "runner",
        "github-hosted",
        "self-hosted",
    ),
    (
        "--certificate-repository-id",
        "repository-id",
        "486325809",
        "1",
    ),
    (
        "--certificate-github-workflow-sha",
        "sha",
        "4d329c75e7ec1725f7c9ce917a8799d408d06be3",
        "0000000000000000000000000000000000000000",
    ),
    (
        "--certificate-github-workflow-name",
        "workflow-name",
        ".github/workflows/verifier-e2e.all.workflow_dispatch.main.all.slsa3.yml",
        "other",
    ),
];

#[test]
fn each_demand_that_holds_is_met_and_its_twin_is_a_near_miss_with_both_values() {
    assert_eq!(attestation(&[]).code, 0);
    for (flag, field, good, bad) in DEMANDS {
        let run = attestation(&[flag, good]);
        assert_eq!(run.code, 0, "{flag}: {run:?}");
        assert_eq!(run.json()["expected"]["claims"][field], *good);
        let run = attestation(&[flag, bad]);
        assert_eq!(run.code, 1, "{flag}: {run:?}");
        let json = run.json();
        let refused = &json["answers"][0]["refused"][0];
        assert_eq!(refused["reason"], "signer");
        let fields = refused["fields"].as_array().unwrap();
        let missed: Vec<_> = fields.iter().filter(|f| f["equal"] == false).collect();
        assert_eq!(missed.len(), 1, "{missed:?}");
        assert_eq!(missed[0]["field"], *field);
        assert_eq!(missed[0]["want"], *bad);
        assert_ne!(missed[0]["got"], "");
    }
}

#[test]
fn every_demand_has_to_hold() {
    let (good, bad) = (&DEMANDS[0], &DEMANDS[1]);
    assert_eq!(attestation(&[good.0, good.2, bad.0, bad.2]).code, 0);
    assert_eq!(attestation(&[good.0, good.2, bad.0, bad.3]).code, 1);
}

#[test]
fn a_pattern_for_every_reference_is_a_wrong_command_line() {
    let run = attestation(&["--certificate-github-workflow-ref", "**"]);
    assert_eq!(run.code, 2, "{run:?}");
}
