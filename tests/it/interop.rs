//! Real cosign, sigstore-python, npm's sigstore and sigstore-go against palisade, in both
//! directions. What each makes of the others' is the table of `docs/interop.md`; what needs more
//! than a table is here.

mod matrix;
mod page;
mod signing;
pub(crate) mod stage;
mod verdicts;
mod verifiers;

use crate::peers;
use stage::{KINDS, Stage, ok, refused, san};

use palisade_lab::SigningConfigKind;

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_verified_with_three_requests_by_digest_and_four_by_tag() {
    let stage = Stage::new(SigningConfigKind::V2, true).await;
    stage.sign(&["image", &stage.image]);
    let tag = format!("{}/acme/app:1.0", stage.lab.registry());
    for (image, requests) in [(&stage.image, 3), (&tag, 4)] {
        stage.lab.clear_requests();
        ok(&stage.verify(&["image", image, "--no-cache"]));
        let asked = stage.lab.requests();
        assert_eq!(asked.len(), requests, "{image}: {asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cosign_verifies_the_images_we_sign_with_and_without_the_referrers_api() {
    let Some(cosign) = peers::find("bin/cosign") else {
        return;
    };
    for (kind, api) in KINDS
        .into_iter()
        .flat_map(|kind| [(kind, true), (kind, false)])
    {
        let stage = Stage::new(kind, api).await;
        stage.sign(&["image", &stage.image]);
        ok(&stage.cosign_verify(&cosign, &san(), &["verify", &stage.image]));
        refused(&stage.cosign_verify(&cosign, "https://evil.test", &["verify", &stage.image]));
        ok(&stage.verify(&["image", &stage.image]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cosign_verifies_the_attestations_we_make_with_and_without_the_referrers_api() {
    let Some(cosign) = peers::find("bin/cosign") else {
        return;
    };
    for (kind, api) in KINDS
        .into_iter()
        .flat_map(|kind| [(kind, true), (kind, false)])
    {
        let stage = Stage::new(kind, api).await;
        let what = [
            "attest",
            &stage.image,
            "--predicate",
            "predicate.json",
            "--type",
            "slsaprovenance1",
        ];
        stage.sign(&what);
        let verify = |of_type| {
            stage.cosign_verify(
                &cosign,
                &san(),
                &["verify-attestation", "--type", of_type, &stage.image],
            )
        };
        ok(&verify("slsaprovenance1"));
        refused(&verify("cyclonedx"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn we_verify_what_cosign_signs_in_its_default_format() {
    let Some(cosign) = peers::find("bin/cosign") else {
        return;
    };
    for (kind, api) in KINDS
        .into_iter()
        .flat_map(|kind| [(kind, true), (kind, false)])
    {
        let stage = Stage::new(kind, api).await;
        let attest = [
            "attest",
            "--predicate",
            "predicate.json",
            "--type",
            "slsaprovenance1",
            &stage.image,
        ];
        stage.cosign_sign(&cosign, &attest);
        let unsigned = stage.verify(&["image", &stage.image]);
        assert_eq!(
            unsigned.status.code(),
            Some(1),
            "attested is not signed: {}",
            peers::text(&unsigned)
        );
        ok(&stage.verify(&["attestation", &stage.image, "--type", "slsaprovenance1"]));
        stage.cosign_sign(&cosign, &["sign", &stage.image]);
        ok(&stage.verify(&["image", &stage.image]));
        stage.cosign_sign(&cosign, &["sign-blob", "--bundle", "blob.json", "blob"]);
        ok(&stage.verify(&["blob", "blob", "--bundle", "blob.json"]));
    }
}
