//! Signing with a key that somebody keeps: signature, time, log, check.

use std::fmt;
use std::time::Duration;

use palisade_attest::{Bundle, Statement};
use palisade_trust::{
    Artifact, ExpectedKey, KeyProfile, TrustRoot, verify_blob_with_key, verify_statement_with_key,
};
use palisade_types::{Digest, Timestamp};

use crate::bundle::{self, Material};
use crate::config::{LogVersion, Purpose, SigningConfig};
use crate::content::Content;
use crate::error::Error;
use crate::key::{KeyFailure, KeyKind, Message, SigningKey};
use crate::rekor::Verifier;
use crate::signer::{DEFAULT_DEADLINE, MAX_SIGNATURES, Progress};
use crate::witness::{Clock, Made, Witnesses, verified};

/// Signs with a key.
pub struct KeySigner<'a> {
    key: &'a dyn SigningKey,
    verifier: Verifier,
    witnesses: Witnesses<'a>,
}

impl fmt::Debug for KeySigner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySigner")
            .field("key", self.key.public_key())
            .finish_non_exhaustive()
    }
}

impl<'a> KeySigner<'a> {
    /// A signer with this key. Its signatures go to the log of the configuration; without `log`
    /// nobody learns of them but by the bundle. Asks nobody anything.
    pub fn new(
        key: &'a dyn SigningKey,
        config: &SigningConfig,
        root: &'a TrustRoot,
        log: bool,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let purpose = if log {
            Purpose::Key
        } else {
            Purpose::KeyWithoutLog
        };
        let witnesses = Witnesses::new(config.select(purpose, now)?, root, DEFAULT_DEADLINE)?;
        let details = key.kind().details();
        // Rekor v2 names each key it takes; pure Ed25519 it takes from nobody (rekor-tiles #927).
        let taken = details.is_some() && key.kind() != KeyKind::Ed25519;
        if witnesses.may_ask(LogVersion::V2) && !taken {
            return Err(Error::KeyForLog);
        }
        let verifier = Verifier::key(key.public_key().der(), details.unwrap_or_default());
        Ok(Self {
            key,
            verifier,
            witnesses,
        })
    }

    /// The same, with this much time for each signature.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.witnesses.deadline = deadline;
        self
    }

    /// The same, telling about each step.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(&Progress) + Send + Sync + 'a) -> Self {
        self.witnesses.progress = Box::new(progress);
        self
    }

    /// Signs a statement. The bundle that comes back was verified with the public half.
    pub async fn sign_statement(
        &self,
        statement: &Statement,
        now: Timestamp,
    ) -> Result<Bundle, Error> {
        self.sign(&Content::statement(statement)?, now).await
    }

    /// Signs an artifact by its SHA-256 digest, which P-256 and RSA keys can; verified likewise.
    pub async fn sign_blob(&self, artifact: &Digest, now: Timestamp) -> Result<Bundle, Error> {
        if !self.key.kind().signs_sha256() {
            return Err(Error::Key(KeyFailure::Digest));
        }
        self.sign(&Content::blob(artifact)?, now).await
    }

    async fn sign(&self, content: &Content, now: Timestamp) -> Result<Bundle, Error> {
        let clock = Clock::new(now);
        let digest = self.digest(content);
        for _ in 0..MAX_SIGNATURES {
            let signature = self.signature(content).await?;
            let made = Made {
                content,
                signature: &signature,
                digest: &digest,
                verifier: &self.verifier,
            };
            let Some(testimony) = self.witnesses.testify(&made, &clock).await? else {
                // The same key over the same bytes makes the same signature again.
                if matches!(self.key.kind(), KeyKind::Ed25519 | KeyKind::Rsa(_)) {
                    return Err(self.witnesses.lost(1));
                }
                continue;
            };
            let hint = self.key.public_key().fingerprint().bytes();
            let bytes =
                bundle::assemble(&Material::Key(&hint), &testimony, content.part(&signature));
            return verified(&bytes, &clock, |bundle, now| {
                self.check(content, bundle, now)
            });
        }
        Err(self.witnesses.lost(MAX_SIGNATURES))
    }

    async fn signature(&self, content: &Content) -> Result<Vec<u8>, Error> {
        let message = match content {
            Content::Blob(artifact) => Message::Sha256(artifact),
            Content::Statement { pae, .. } => Message::Bytes(pae),
        };
        self.key.sign(message).await.map_err(Error::Key)
    }

    /// The digest that the key signs and a log enters.
    fn digest(&self, content: &Content) -> Vec<u8> {
        match (content, self.key.kind()) {
            (Content::Statement { pae, .. }, KeyKind::P384) => {
                sigstore_crypto::sha384(pae).as_bytes().to_vec()
            }
            _ => content.digest().bytes(),
        }
    }

    fn check(
        &self,
        content: &Content,
        bundle: &Bundle,
        now: Timestamp,
    ) -> Result<(), palisade_trust::Rejection> {
        let key = ExpectedKey::new("the signing key", self.key.public_key().clone());
        let profile = if self.witnesses.has_logs() {
            KeyProfile::Logged
        } else {
            KeyProfile::NoLog
        };
        let root = self.witnesses.root;
        match content {
            Content::Blob(artifact) => {
                let artifact = Artifact::Digest(artifact);
                verify_blob_with_key(bundle, root, &key, artifact, profile, now).map(drop)
            }
            Content::Statement { .. } => {
                verify_statement_with_key(bundle, root, &key, profile, now).map(drop)
            }
        }
    }
}
