//! The one verify function: from a bundle to a [`Verified`] value, or the reason why not.

use palisade_attest::{Bundle, Content, Statement};
use palisade_types::{Digest, SignerIdentity, Timestamp};
use sigstore_verify::VerificationPolicy;
use sigstore_verify::types::{Bundle as SigstoreBundle, Sha256Hash};

use crate::root::TrustRoot;
use crate::signer::{ExpectedSigner, Mismatch};
use crate::verified::{BlobSignature, Claim, Verified};

/// Why a bundle is refused. "No" about this evidence; it says nothing about other evidence.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The signature is by somebody who is not expected. Each entry is one field that differs.
    #[error("signed by {got}, which no expected signer matches")]
    Signer {
        /// Who signed.
        got: SignerIdentity,
        /// For each expected signer, what differs.
        mismatches: Vec<Mismatch>,
    },
    /// Nobody was named who could have signed.
    #[error("no expected signer is named")]
    NobodyExpected,
    /// The bundle carries the other kind of content.
    #[error("the bundle carries {got}, wanted {want}")]
    Content {
        /// What it carries.
        got: &'static str,
        /// What was asked for.
        want: &'static str,
    },
    /// Any other failed check.
    #[error("{reason}: {detail}")]
    Invalid {
        /// The class of the reason, stable and kebab-case.
        reason: &'static str,
        /// What exactly.
        detail: String,
    },
}

/// Verifies a bundle that carries a statement: certificate chain, SCT, log entry, every
/// timestamp, signature, and that the signer is one of `signers`. Nothing but what is in the
/// arguments is believed; `now` bounds every time from above.
pub fn verify_statement(
    bundle: &Bundle,
    root: &TrustRoot,
    signers: &[ExpectedSigner],
    now: Timestamp,
) -> Result<Verified<Statement>, Rejection> {
    let Content::Statement(statement) = bundle.claimed() else {
        return Err(Rejection::Content {
            got: "a message signature",
            want: "a statement",
        });
    };
    let artifact = statement
        .subjects
        .iter()
        .find_map(|subject| subject.digest.get("sha256"))
        .ok_or_else(|| invalid("subject", "no subject has a sha256 digest"))?;
    let verified = verify(bundle, root, signers, artifact, now)?;
    Ok(verified.map(Statement::clone(statement)))
}

/// Verifies a bundle that signs an artifact with this sha256 digest.
pub fn verify_blob(
    bundle: &Bundle,
    root: &TrustRoot,
    signers: &[ExpectedSigner],
    artifact: &Digest,
    now: Timestamp,
) -> Result<Verified<BlobSignature>, Rejection> {
    if *bundle.claimed() != Content::MessageSignature {
        return Err(Rejection::Content {
            got: "a statement",
            want: "a message signature",
        });
    }
    let verified = verify(bundle, root, signers, artifact.hex(), now)?;
    Ok(verified.map(BlobSignature {
        artifact: artifact.clone(),
    }))
}

fn verify(
    bundle: &Bundle,
    root: &TrustRoot,
    signers: &[ExpectedSigner],
    artifact: &str,
    now: Timestamp,
) -> Result<Verified<()>, Rejection> {
    if signers.is_empty() {
        return Err(Rejection::NobodyExpected);
    }
    let text = std::str::from_utf8(bundle.bytes()).map_err(|e| invalid("bundle", e.to_string()))?;
    let parsed = SigstoreBundle::from_json(text).map_err(|e| invalid("bundle", e.to_string()))?;
    let artifact = Sha256Hash::from_hex(artifact).map_err(|e| invalid("subject", e.to_string()))?;
    let result = root
        .verifier
        .verify(artifact, &parsed, &VerificationPolicy::any_identity())
        .map_err(|e| invalid("signature", e.to_string()))?;
    let signer = SignerIdentity {
        san: result
            .identity()
            .map_or_else(String::new, |san| san.as_str().to_owned()),
        issuer: result.issuer().unwrap_or_default().to_owned(),
    };
    let signed_at = result
        .verified_timestamps()
        .iter()
        .copied()
        .min()
        .ok_or_else(|| invalid("no-time", "no verified time"))?;
    if result.verified_timestamps().iter().any(|time| *time > now) {
        return Err(invalid("future", "a verified time lies after now"));
    }
    let expected = expected_signer(signers, &signer)?;
    let claims = vec![Claim::CertificateChain, Claim::Identity, Claim::Signature];
    Ok(Verified {
        value: (),
        signer,
        expected,
        signed_at,
        bundle: bundle.digest().clone(),
        claims,
    })
}

fn expected_signer(signers: &[ExpectedSigner], got: &SignerIdentity) -> Result<String, Rejection> {
    let mut mismatches = Vec::new();
    for signer in signers {
        match signer.check(got) {
            Ok(()) => return Ok(signer.name().to_owned()),
            Err(more) => mismatches.extend(more),
        }
    }
    Err(Rejection::Signer {
        got: got.clone(),
        mismatches,
    })
}

fn invalid(reason: &'static str, detail: impl Into<String>) -> Rejection {
    Rejection::Invalid {
        reason,
        detail: detail.into(),
    }
}
