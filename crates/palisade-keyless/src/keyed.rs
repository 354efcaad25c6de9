//! Signing with a key that somebody keeps: signature, time, log, check.

use std::fmt;
use std::time::Duration;

use palisade_attest::{Bundle, Statement};
use palisade_trust::{
    Artifact, ExpectedKey, KeyProfile, TrustRoot, verify_blob_with_key, verify_statement_with_key,
};
use palisade_types::Timestamp;

use crate::bundle::{self, Material};
use crate::config::{LogVersion, Purpose, SigningConfig};
use crate::content::Content;
use crate::error::Error;
use crate::http::Http;
use crate::key::{KeyFailure, KeyKind, SigningKey};
use crate::proxy::Proxies;
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
        let witnesses = Witnesses::new(config.select(purpose, now)?, root, DEFAULT_DEADLINE);
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

    /// The same, through these proxies instead of none.
    #[must_use]
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.witnesses.http = Http::new(proxies);
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

    /// Signs an artifact; verified likewise. By its SHA-256 digest P-256 and RSA keys sign, the
    /// others need its bytes. With an Ed25519 key it enters no log: both versions of Rekor take
    /// the prehashed variant alone, and no verifier we know of reads that.
    pub async fn sign_blob(&self, artifact: Artifact<'_>, now: Timestamp) -> Result<Bundle, Error> {
        if matches!(artifact, Artifact::Digest(_)) && !self.key.kind().signs_sha256() {
            return Err(Error::Key(KeyFailure::Digest));
        }
        if self.key.kind() == KeyKind::Ed25519 && self.witnesses.has_logs() {
            return Err(Error::KeyForLog);
        }
        self.sign(&Content::blob(artifact)?, now).await
    }

    async fn sign(&self, content: &Content<'_>, now: Timestamp) -> Result<Bundle, Error> {
        let clock = Clock::new(now);
        let hash = self.key.kind().hash();
        let digest = content.digest(hash).ok_or(Error::Key(KeyFailure::Digest))?;
        for _ in 0..MAX_SIGNATURES {
            let signature = self.key.sign(content.message()).await.map_err(Error::Key)?;
            let made = Made {
                content,
                signature: &signature,
                digest: &digest,
                hash,
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
            let part = content.part(hash, &digest, &signature);
            let bytes = bundle::assemble(&Material::Key(&hint), &testimony, part);
            return verified(&bytes, &clock, |bundle, now| {
                self.check(content, bundle, now)
            });
        }
        Err(self.witnesses.lost(MAX_SIGNATURES))
    }

    fn check(
        &self,
        content: &Content<'_>,
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
                verify_blob_with_key(bundle, root, &key, *artifact, profile, now).map(drop)
            }
            Content::Statement { .. } => {
                verify_statement_with_key(bundle, root, &key, profile, now).map(drop)
            }
        }
    }
}
