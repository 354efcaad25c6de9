//! The recorded bundles of `fixtures/sigstore-faults`, and how to verify one.

use std::path::{Path, PathBuf};

use palisade_attest::{Bundle, Content};
use palisade_trust::{
    Artifact, Claim, ExpectedKey, ExpectedSigner, KeyProfile, PublicKey, Rejection, TrustRoot,
    verify_blob, verify_blob_with_key, verify_statement, verify_statement_with_key,
};
use palisade_types::{Digest, SignerIdentity, Timestamp};

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/sigstore-faults")
}

pub(crate) fn read(name: &str) -> Vec<u8> {
    let path = folder().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A time after every recorded one.
pub(crate) fn now() -> Timestamp {
    "2026-11-24T00:00:00Z".parse().unwrap()
}

/// The signer of material A, see the fixture's ORIGINS.md.
pub(crate) fn signer_a() -> ExpectedSigner {
    signer("dev@siglab.test", "http://localhost:18500")
}

pub(crate) fn signer(san: &str, issuer: &str) -> ExpectedSigner {
    let identity = SignerIdentity {
        san: san.to_owned(),
        issuer: issuer.to_owned(),
    };
    ExpectedSigner::exact("expected", identity)
}

pub(crate) fn root(name: &str) -> TrustRoot {
    TrustRoot::parse(&read(name)).unwrap()
}

pub(crate) fn root_a() -> TrustRoot {
    root("trusted_root.json")
}

pub(crate) fn blob_a() -> Digest {
    Digest::sha256_of(&read("blob.txt"))
}

/// Verifies a bundle about an artifact and returns what was proven, or the word of the refusal:
/// `parse` when the bytes are no bundle, `about` when the statement is about something else.
pub(crate) fn judge(
    bytes: &[u8],
    root: &TrustRoot,
    signer: ExpectedSigner,
    artifact: &Digest,
    now: Timestamp,
) -> Result<Vec<Claim>, &'static str> {
    let bundle = Bundle::parse(bytes).map_err(|_| "parse")?;
    let signers = [signer];
    let word = |rejection: Rejection| rejection.word();
    match bundle.claimed() {
        Content::MessageSignature => verify_blob(&bundle, root, &signers, artifact, now)
            .map(|verified| verified.claims().to_vec())
            .map_err(word),
        Content::Statement(_) => {
            let verified = verify_statement(&bundle, root, &signers, now).map_err(word)?;
            match verified.value().is_about(artifact, &[]) {
                Ok(Some(_)) => Ok(verified.claims().to_vec()),
                _ => Err("about"),
            }
        }
    }
}

/// Judges a bundle of material A about its blob.
pub(crate) fn judge_a(bytes: &[u8]) -> Result<Vec<Claim>, &'static str> {
    judge(bytes, &root_a(), signer_a(), &blob_a(), now())
}

/// The key in a fixture.
pub(crate) fn key_of(name: &str) -> ExpectedKey {
    ExpectedKey::new("expected", PublicKey::from_pem(&read(name)).unwrap())
}

/// Like [`judge`], for a bundle that is signed with a key.
pub(crate) fn judge_keyed(
    bytes: &[u8],
    root: &TrustRoot,
    key: &ExpectedKey,
    artifact: Artifact<'_>,
    profile: KeyProfile,
) -> Result<Vec<Claim>, &'static str> {
    let bundle = Bundle::parse(bytes).map_err(|_| "parse")?;
    let word = |rejection: Rejection| rejection.word();
    match bundle.claimed() {
        Content::MessageSignature => {
            verify_blob_with_key(&bundle, root, key, artifact, profile, now())
                .map(|verified| verified.claims().to_vec())
                .map_err(word)
        }
        Content::Statement(_) => {
            let verified =
                verify_statement_with_key(&bundle, root, key, profile, now()).map_err(word)?;
            let digest = match artifact {
                Artifact::Bytes(bytes) => Digest::sha256_of(bytes),
                Artifact::Digest(digest) => digest.clone(),
            };
            match verified.value().is_about(&digest, &[]) {
                Ok(Some(_)) => Ok(verified.claims().to_vec()),
                _ => Err("about"),
            }
        }
    }
}
