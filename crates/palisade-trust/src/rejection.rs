//! The refusal of one bundle, and how `sigstore-verify`'s errors become one.

use palisade_types::SignerIdentity;
use sigstore_verify::Error;
use sigstore_verify::error::{CertificateError, TimestampError, TransparencyLogError};

use crate::claims::SignerClaims;
use crate::reason::Reason;
use crate::signer::Mismatch;

/// Why a bundle is refused. "No" about this evidence; it says nothing about other evidence.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The signature is by somebody who is not expected. Each entry is one field that differs.
    #[error("signed by {got}, which no expected signer matches")]
    Signer {
        /// Who signed.
        got: SignerIdentity,
        /// What the certificate says about the run besides.
        claims: Box<SignerClaims>,
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
        /// The class of the reason, stable.
        reason: Reason,
        /// What exactly. May quote the bundle: escape it before printing.
        detail: String,
    },
}

impl Rejection {
    /// One stable word for the refusal: a [`Reason`], or `content`, `nobody-expected`, `signer`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Signer { .. } => "signer",
            Self::NobodyExpected => "nobody-expected",
            Self::Content { .. } => "content",
            Self::Invalid { reason, .. } => reason.as_str(),
        }
    }
}

pub(crate) fn invalid(reason: Reason, detail: impl Into<String>) -> Rejection {
    Rejection::Invalid {
        reason,
        detail: detail.into(),
    }
}

/// The refusal for an error of the verifier.
pub(crate) fn of_verifier(error: &Error) -> Rejection {
    invalid(reason_of(error), error.to_string())
}

fn reason_of(error: &Error) -> Reason {
    match error {
        // As below: the error does not say whose hash differs, its text does.
        Error::ArtifactMismatch(text) if text.contains("hashedrekord") => Reason::EntryMismatch,
        Error::ArtifactMismatch(_) | Error::UnsupportedArtifact(_) => Reason::Artifact,
        Error::Bundle(error) => reason_of_bundle(error),
        Error::Certificate(error) => reason_of_certificate(error),
        Error::SignatureInvalid(_) => Reason::Signature,
        Error::Timestamp(TimestampError::NoVerifiedTimestamp(_)) => Reason::NoTime,
        Error::Timestamp(TimestampError::OutsideAuthorityValidity { .. }) => Reason::TsaTime,
        Error::Timestamp(_) => Reason::Timestamp,
        Error::TransparencyLog(error) => reason_of_log(error),
        _ => Reason::Bundle,
    }
}

fn reason_of_bundle(error: &sigstore_verify::bundle::Error) -> Reason {
    use sigstore_verify::bundle::Error as E;
    match error {
        E::CertificateChainNotAllowed(_)
        | E::UnsupportedMediaType(_)
        | E::UnsupportedVerificationMaterial => Reason::MediaType,
        E::CheckpointRootMismatch | E::MissingCheckpoint => Reason::Checkpoint,
        E::LogIndexOutOfRange { .. } => Reason::InclusionProof,
        E::MissingInclusionPromise(_) => Reason::InclusionPromise,
        E::MissingInclusionProof(_) => Reason::ProofMissing,
        E::MissingSigningTimeEvidence => Reason::NoLogEntry,
        E::MissingTimestamp => Reason::NoTime,
        _ => Reason::Bundle,
    }
}

fn reason_of_certificate(error: &CertificateError) -> Reason {
    match error {
        // webpki's own answer is only in the text. The version is pinned and the fault matrix
        // holds these words in place; if they change, the refusal stays and its class is coarser.
        CertificateError::ChainInvalid(text) if text.contains("EkuNotFound") => Reason::CertEku,
        CertificateError::ChainInvalid(text)
            if text.contains("CertExpired") || text.contains("CertNotValidYet") =>
        {
            Reason::CertTime
        }
        CertificateError::Expired { .. } | CertificateError::NotYetValid { .. } => Reason::CertTime,
        CertificateError::Malformed(_) => Reason::Certificate,
        CertificateError::Sct(_) => Reason::Sct,
        _ => Reason::CertChain,
    }
}

fn reason_of_log(error: &TransparencyLogError) -> Reason {
    match error {
        TransparencyLogError::Checkpoint(_) => Reason::Checkpoint,
        TransparencyLogError::EntryMismatch(_) => Reason::EntryMismatch,
        TransparencyLogError::InclusionPromise(_) => Reason::InclusionPromise,
        TransparencyLogError::InclusionProof(_) => Reason::InclusionProof,
        TransparencyLogError::IntegratedTime(_) => Reason::IntegratedTime,
        TransparencyLogError::MalformedEntry(_) => Reason::UnsupportedEntry,
        TransparencyLogError::UnknownLog { .. } => Reason::LogId,
        _ => Reason::Bundle,
    }
}
