//! Real cosign accepts what we sign. Needs `cargo xtask peers`; without it, says so and passes.

use std::path::{Path, PathBuf};

use palisade_lab::{Config, SigningConfigKind};

use super::{EMAIL, World};

const KINDS: [SigningConfigKind; 3] = [
    SigningConfigKind::V1,
    SigningConfigKind::V1NoTsa,
    SigningConfigKind::V2,
];

pub(super) fn cosign() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.peers/bin/cosign");
    if !path.exists() {
        // The test harness swallows a passing test's stderr; the file descriptor itself is not.
        let skipped = "SKIPPED: there is no cosign; run `cargo xtask peers`\n";
        std::fs::write("/dev/stderr", skipped).ok();
        return None;
    }
    Some(path)
}

/// Whether cosign accepts; else what it says.
pub(super) async fn verify(world: &World, identity: &str, args: &[&str]) -> Result<(), String> {
    let output = tokio::process::Command::new(cosign().unwrap())
        .arg(args[0])
        .arg(format!(
            "--trusted-root={}",
            world.file("trusted_root.json").display()
        ))
        .arg(format!("--certificate-identity={identity}"))
        .arg(format!("--certificate-oidc-issuer={}", world.lab.base()))
        .args(&args[1..])
        .env_clear()
        .env("HOME", world.dir.path())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(())
    } else {
        Err(said)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cosign_verifies_our_signatures_and_attestations_of_images() {
    if cosign().is_none() {
        return;
    }
    for referrers_api in [true, false] {
        for kind in KINDS {
            let world = World::with(Config {
                referrers_api,
                ..Config::default()
            })
            .await;
            let run = world.sign_through(kind, &["image", &world.image]).await;
            assert_eq!(run.code, 0, "{run:?}");
            let signature = ["verify", &world.image];
            assert_eq!(verify(&world, EMAIL, &signature).await, Ok(()), "{kind:?}");
            assert!(verify(&world, "eve@acme.test", &signature).await.is_err());

            let predicate = world.write("sbom.json", r#"{"bomFormat":"CycloneDX"}"#);
            let predicate = format!("--predicate={}", predicate.display());
            let args = ["attest", &world.image, "--type=cyclonedx", &predicate];
            let run = world.sign_through(kind, &args).await;
            assert_eq!(run.code, 0, "{run:?}");
            let attestation = ["verify-attestation", "--type=cyclonedx", &world.image];
            assert_eq!(
                verify(&world, EMAIL, &attestation).await,
                Ok(()),
                "{kind:?}"
            );
            let other = ["verify-attestation", "--type=openvex", &world.image];
            assert!(verify(&world, EMAIL, &other).await.is_err());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cosign_verifies_our_signatures_of_files() {
    if cosign().is_none() {
        return;
    }
    let world = World::new().await;
    let file = world.write("app.bin", b"the artifact");
    let other = world.write("other.bin", b"another artifact");
    let (file, other) = (file.to_str().unwrap(), other.to_str().unwrap());
    for kind in KINDS {
        let bundle = format!("--bundle={}", world.file("out.json").display());
        let run = world.sign_through(kind, &["blob", file, &bundle]).await;
        assert_eq!(run.code, 0, "{run:?}");
        assert_eq!(
            verify(&world, EMAIL, &["verify-blob", &bundle, file]).await,
            Ok(()),
            "{kind:?}"
        );
        assert!(
            verify(&world, EMAIL, &["verify-blob", &bundle, other])
                .await
                .is_err()
        );
    }
}
