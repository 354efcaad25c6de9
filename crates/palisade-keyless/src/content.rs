//! What is signed: a statement in an envelope, or an artifact known by its digest.

use palisade_attest::{IN_TOTO_PAYLOAD_TYPE, MAX_STATEMENT, Statement, dsse};
use palisade_types::{Algorithm, Digest};
use serde_json::Value;

use crate::bundle;
use crate::error::Error;

pub(crate) enum Content {
    Blob(Digest),
    /// The payload, and its pre-authentication encoding (DSSE 1.0.2), which is what is signed.
    Statement {
        payload: Vec<u8>,
        pae: Vec<u8>,
    },
}

impl Content {
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

    pub(crate) fn blob(artifact: &Digest) -> Result<Self, Error> {
        if artifact.algorithm() != Algorithm::Sha256 {
            return Err(Error::Algorithm(artifact.algorithm().name()));
        }
        Ok(Self::Blob(artifact.clone()))
    }

    /// The SHA-256 digest of what is signed.
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Blob(artifact) => artifact.clone(),
            Self::Statement { pae, .. } => Digest::sha256_of(pae),
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

    /// The part of a bundle that holds it, by name.
    pub(crate) fn part(&self, signature: &[u8]) -> (&'static str, Value) {
        match self {
            Self::Blob(artifact) => (
                "messageSignature",
                bundle::message_signature(&artifact.bytes(), signature),
            ),
            Self::Statement { payload, .. } => {
                ("dsseEnvelope", bundle::envelope(payload, signature))
            }
        }
    }
}
