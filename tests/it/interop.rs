//! Real cosign, sigstore-python and npm sigstore against palisade, in both directions.

use std::path::Path;
use std::process::{Command, Output};

use palisade_lab::{Config, GithubIdentity, Lab, SigningConfigKind};

use crate::{binaries, peers};

/// A lab, its files in a folder, a token, and the seeded image.
struct Stage {
    lab: Lab,
    folder: tempfile::TempDir,
    image: String,
}

const KINDS: [SigningConfigKind; 2] = [SigningConfigKind::V1, SigningConfigKind::V2];

impl Stage {
    async fn new(kind: SigningConfigKind, referrers_api: bool) -> Self {
        let lab = Lab::start(Config {
            referrers_api,
            ..Config::default()
        })
        .await
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        lab.write_files(folder.path()).unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("config.json", &lab.signing_config(kind));
        write("client.json", &lab.client_trust_config(kind));
        write("token", &lab.github_token(&GithubIdentity::default()));
        write("blob", "palisade\n");
        write(
            "predicate.json",
            "{\"builder\":{\"id\":\"https://builder.test\"}}",
        );
        let image = lab.seed_image();
        Self { lab, folder, image }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn palisade(&self, args: &[&str]) -> Output {
        let program = binaries::folder().join("palisade");
        peers::run(&program, self.path(), args)
    }

    fn sign(&self, what: &[&str]) {
        let services = [
            "--identity-token",
            "token",
            "--signing-config",
            "config.json",
            "--trusted-root",
            "trusted_root.json",
            "--allow-lab",
        ];
        ok(&self.palisade(&[&["sign"], what, &services].concat()));
    }

    fn verify(&self, what: &[&str]) -> Output {
        let san = GithubIdentity::default().san();
        let who = [
            "--certificate-identity",
            san.as_str(),
            "--certificate-oidc-issuer",
            GithubIdentity::ISSUER,
            "--trusted-root",
            "trusted_root.json",
            "--allow-lab",
        ];
        self.palisade(&[&["verify"], what, &who].concat())
    }

    fn cosign_sign(&self, cosign: &Path, what: &[&str]) {
        let services = [
            "--signing-config",
            "config.json",
            "--trusted-root",
            "trusted_root.json",
            "--identity-token",
            "token",
            "-y",
        ];
        ok(&peers::run(
            cosign,
            self.path(),
            &[what, &services].concat(),
        ));
    }

    fn cosign_verify(&self, cosign: &Path, san: &str, what: &[&str]) -> Output {
        let who = [
            "--trusted-root",
            "trusted_root.json",
            "--certificate-identity",
            san,
            "--certificate-oidc-issuer",
            GithubIdentity::ISSUER,
        ];
        peers::run(cosign, self.path(), &[what, &who].concat())
    }
}

fn ok(output: &Output) {
    assert!(output.status.success(), "{}", peers::text(output));
}

fn refused(output: &Output) {
    assert!(!output.status.success(), "{}", peers::text(output));
}

fn san() -> String {
    GithubIdentity::default().san()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_verified_with_three_requests_by_digest_and_four_by_tag() {
    let stage = Stage::new(SigningConfigKind::V2, true).await;
    stage.sign(&["image", &stage.image]);
    let tag = format!("{}/acme/app:1.0", stage.lab.registry());
    for (image, requests) in [(&stage.image, 3), (&tag, 4)] {
        stage.lab.clear_requests();
        ok(&stage.verify(&["image", image]));
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
async fn cosign_verifies_the_blobs_we_sign() {
    let Some(cosign) = peers::find("bin/cosign") else {
        return;
    };
    for kind in KINDS {
        let stage = Stage::new(kind, true).await;
        stage.sign(&["blob", "blob", "--bundle", "blob.json"]);
        let verify = || {
            stage.cosign_verify(
                &cosign,
                &san(),
                &["verify-blob", "--bundle", "blob.json", "blob"],
            )
        };
        ok(&verify());
        std::fs::write(stage.path().join("blob"), "palisadE\n").unwrap();
        refused(&verify());
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

#[tokio::test(flavor = "multi_thread")]
async fn sigstore_python_verifies_our_blob_bundles_and_attestations() {
    let Some(python) = peers::find("venv/bin/sigstore") else {
        return;
    };
    for kind in KINDS {
        let stage = Stage::new(kind, true).await;
        stage.sign(&["blob", "blob", "--bundle", "blob.json"]);
        let (san, config) = (san(), stage.path().join("client.json"));
        let verify = |bundle: &str, file: &str| {
            let args = [
                "--trust-config",
                config.to_str().unwrap(),
                "verify",
                "identity",
                "--bundle",
                bundle,
                "--cert-identity",
                &san,
                "--cert-oidc-issuer",
                GithubIdentity::ISSUER,
                file,
            ];
            peers::run(&python, stage.path(), &args)
        };
        ok(&verify("blob.json", "blob"));
        stage.sign(&[
            "attest",
            &stage.image,
            "--predicate",
            "predicate.json",
            "--type",
            "slsaprovenance1",
            "--bundle",
            "attested.json",
        ]);
        let (_, digest) = stage.image.split_once('@').unwrap();
        ok(&verify("attested.json", digest));
        refused(&verify(
            "attested.json",
            &digest.replace(char::is_numeric, "0"),
        ));
        std::fs::write(stage.path().join("blob"), "palisadE\n").unwrap();
        refused(&verify("blob.json", "blob"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_sigstore_verifies_our_blob_bundles() {
    let Some(node) = peers::find("node/node_modules/sigstore/package.json") else {
        return;
    };
    let stage = Stage::new(SigningConfigKind::V1, true).await;
    stage.sign(&["blob", "blob", "--bundle", "blob.json"]);
    let modules = node.ancestors().nth(2).unwrap().canonicalize().unwrap();
    let script = r"
        const { verify } = require(process.env.MODULES + '/sigstore');
        const fs = require('fs');
        const bundle = JSON.parse(fs.readFileSync('blob.json', 'utf8'));
        verify(bundle, fs.readFileSync('blob'), {
            tufMirrorURL: process.env.BASE + '/tuf', tufRootPath: 'root.json',
            tufCachePath: 'tuf-cache', tufForceCache: false,
            certificateIssuer: process.env.ISSUER, certificateIdentityURI: process.env.SAN,
        }).then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
    ";
    let run = || {
        Command::new("node")
            .args(["-e", script])
            .env("MODULES", &modules)
            .env("BASE", stage.lab.base())
            .env("ISSUER", GithubIdentity::ISSUER)
            .env("SAN", san())
            .env("HOME", stage.path())
            .current_dir(stage.path())
            .output()
            .unwrap()
    };
    ok(&run());
    std::fs::write(stage.path().join("blob"), "palisadE\n").unwrap();
    refused(&run());
}
