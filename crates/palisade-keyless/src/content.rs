//! What is signed: a statement in an envelope, or an artifact, known by its digest or whole.

use palisade_attest::{IN_TOTO_PAYLOAD_TYPE, MAX_STATEMENT, Statement, dsse};
use palisade_trust::Artifact;
use palisade_types::{Algorithm, Digest};
use serde_json::Value;
use sigstore_crypto::sha384;

use crate::bundle;
use crate::error::Error;
use crate::key::Message;

/// A hash that a signature is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
}

impl Hash {
    /// Its name in the Sigstore protobuf.
    const fn protobuf(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA2_256",
            Self::Sha384 => "SHA2_384",
        }
    }

    /// Its name in an entry of Rekor v1.
    pub(crate) const fn rekor_v1(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
        }
    }
}

pub(crate) enum Content<'a> {
    Blob(Artifact<'a>),
    /// The payload, and its pre-authentication encoding (DSSE 1.0.2), which is what is signed.
    Statement {
        payload: Vec<u8>,
        pae: Vec<u8>,
    },
}

impl<'a> Content<'a> {
    pub(crate) fn statement(statement: &Statement) -> Result<Self, Error> {
        let payload = statement.to_json();
        if payload.len() > MAX_STATEMENT {
            return Err(Error::TooLarge {
                size: payload.len(),
                limit: MAX_STATEMENT,
            });
        }
        let pae = dsse::pae(IN_TOTO_PAYLOAD_TYPE, &payload);
        Ok(Self::Statement { payload, pae })
    }

    pub(crate) fn blob(artifact: Artifact<'a>) -> Result<Self, Error> {
        match artifact {
            Artifact::Digest(digest) if digest.algorithm() != Algorithm::Sha256 => {
                Err(Error::Algorithm(digest.algorithm().name()))
            }
            _ => Ok(Self::Blob(artifact)),
        }
    }

    /// What a key is given to sign.
    pub(crate) fn message(&self) -> Message<'_> {
        match self {
            Self::Blob(Artifact::Bytes(bytes)) => Message::Bytes(bytes),
            Self::Blob(Artifact::Digest(digest)) => Message::Sha256(digest),
            Self::Statement { pae, .. } => Message::Bytes(pae),
        }
    }

    /// The SHA-256 digest of what is signed.
    pub(crate) fn sha256(&self) -> Digest {
        match self.message() {
            Message::Bytes(bytes) => Digest::sha256_of(bytes),
            Message::Sha256(digest) => digest.clone(),
        }
    }

    /// Its digest; none when only another one is known.
    pub(crate) fn digest(&self, hash: Hash) -> Option<Vec<u8>> {
        match (self.message(), hash) {
            (_, Hash::Sha256) => Some(self.sha256().bytes()),
            (Message::Bytes(bytes), Hash::Sha384) => Some(sha384(bytes).as_bytes().to_vec()),
            (Message::Sha256(_), Hash::Sha384) => None,
        }
    }

    /// The envelope as JSON, when there is one.
    pub(crate) fn envelope(&self, signature: &[u8]) -> Option<String> {
        match self {
            Self::Blob(_) => None,
            Self::Statement { payload, .. } => {
                Some(bundle::envelope(payload, signature).to_string())
            }
        }
    }

    /// The part of a bundle that holds it, by name. `digest` is by `hash`.
    pub(crate) fn part(
        &self,
        hash: Hash,
        digest: &[u8],
        signature: &[u8],
    ) -> (&'static str, Value) {
        match self {
            Self::Blob(_) => (
                "messageSignature",
                bundle::message_signature(hash.protobuf(), digest, signature),
            ),
            Self::Statement { payload, .. } => {
                ("dsseEnvelope", bundle::envelope(payload, signature))
            }
        }
    }
}
