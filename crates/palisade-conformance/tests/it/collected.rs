//! Real bundles of other projects, where the collection stands beside the repository.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::program::conformance;

/// Where the collection is, if it is there.
fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/attestations");
    folder
        .join("bundles/index.json")
        .is_file()
        .then_some(folder)
}

/// Bundles that another verifier accepts and this one does not, and why.
const REFUSED: &[(&str, &str)] = &[
    (
        "537d10f0991ba49c",
        "a timestamp beside the log entry is by no authority of the root",
    ),
    (
        "8423859206ea4ed8",
        "a timestamp beside the log entry is about something else",
    ),
    (
        "a9a2e35ffb80b869",
        "GitHub's private instance has timestamps and no log, a profile the protocol cannot name",
    ),
    ("bc667e519abef3d0", "as above"),
];

/// What a bundle is about: the digest of its message, or its first subject's.
fn artifact(row: &Value, bundle: &Value) -> Option<String> {
    if let Some(subjects) = row["subjects"].as_array()
        && let Some(hex) = subjects
            .iter()
            .find_map(|subject| subject[1]["sha256"].as_str())
    {
        return Some(format!("sha256:{hex}"));
    }
    let digest = bundle.pointer("/messageSignature/messageDigest/digest")?;
    let digest = STANDARD.decode(digest.as_str()?).ok()?;
    (digest.len() == 32).then(|| format!("sha256:{}", hex::encode(digest)))
}

#[test]
fn every_collected_bundle_gets_the_verdict_of_an_independent_verifier() {
    let Some(folder) = folder() else {
        let skipped = "skipped: ../shared/data/attestations is not here";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let index: Vec<Value> =
        serde_json::from_slice(&std::fs::read(folder.join("bundles/index.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut good = 0;
    for row in &index {
        let id = text(&row["id"]);
        let path = folder.join(text(&row["file"]));
        let bundle: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let zeros = format!("sha256:{}", "0".repeat(64));
        let about = artifact(row, &bundle);
        if about.is_none() && row["verifies_with"].is_string() {
            // Named by another digest than SHA-256, which the protocol has no way to ask for.
            continue;
        }
        let named = row["verifies_with"].as_str();
        let root = named.unwrap_or("public-good");
        let root = folder.join(format!("trust/{root}.trusted_root.json"));
        let (identity, issuer) = (text(&row["san"]), text(&row["issuer"]));
        let judge = |artifact: &str, identity: &str| {
            let (bundle, root) = (path.to_str().unwrap(), root.to_str().unwrap());
            conformance(&[
                "verify-bundle",
                "--bundle",
                bundle,
                "--certificate-identity",
                identity,
                "--certificate-oidc-issuer",
                &issuer,
                "--trusted-root",
                root,
                artifact,
            ])
        };
        let want = named.is_some() && !REFUSED.iter().any(|(refused, _)| *refused == id);
        let (code, said) = judge(about.as_deref().unwrap_or(&zeros), &identity);
        if (code == 0) != want {
            wrong.push(format!("{id} {named:?} {about:?}: {code}: {said}"));
        }
        if want {
            good += 1;
            // The twins: another artifact, another signer.
            assert_ne!(judge(&zeros, &identity).0, 0, "{id}");
            let artifact = about.as_deref().unwrap_or(&zeros);
            assert_ne!(judge(artifact, "somebody@else.test").0, 0, "{id}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(good > 40, "only {good} are good");
}
