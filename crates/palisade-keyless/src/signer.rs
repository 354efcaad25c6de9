//! The order of signing: certificate, check, signature, time, log, check again.

use std::fmt;
use std::time::Duration;

use palisade_attest::{Bundle, Statement};
use palisade_trust::{
    Artifact, ExpectedSigner, IssuedCertificate, TrustRoot, verify_blob, verify_certificate,
    verify_statement,
};
use palisade_types::{Digest, SignerIdentity, Timestamp};
use sigstore_crypto::KeyPair;
use sigstore_types::{DerCertificate, Sha256Hash};

use crate::bundle::{self, Material};
use crate::config::{Pool, Purpose, SigningConfig};
use crate::content::{Content, Hash};
use crate::error::Error;
use crate::fulcio;
use crate::http::{Caller, Http, Service};
use crate::proxy::Proxies;
use crate::rekor::Verifier;
use crate::token::IdentityToken;
use crate::witness::{Clock, Made, Witnesses, verified};

/// How long signing may take, retries included, unless the caller says otherwise. Outages of the
/// public services last minutes.
pub const DEFAULT_DEADLINE: Duration = Duration::from_mins(3);
/// How often we sign anew because a log lost its answer.
pub(crate) const MAX_SIGNATURES: usize = 3;

/// A step that was taken, for progress lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A certificate for this identity was issued, and holds up against the trust root.
    Certificate(SignerIdentity),
    /// The signature stands in the log, at this index.
    Logged(u64),
    /// A service is out, which this says, and the next operator's is asked.
    PassedOver(String),
    /// A timestamp authority vouched for this time.
    Timestamp(Timestamp),
    /// A service has to be asked again.
    Waiting {
        /// The service and its address.
        service: String,
        /// What went wrong.
        why: String,
    },
}

/// Signs with whatever identity it is given a token for.
pub struct Signer<'a> {
    fulcio: Pool<Service>,
    witnesses: Witnesses<'a>,
}

impl fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("fulcio", &self.fulcio)
            .finish_non_exhaustive()
    }
}

impl<'a> Signer<'a> {
    /// A signer that uses the services of this configuration and believes what this root does.
    /// Asks nobody anything: a configuration that cannot work is refused here.
    pub fn new(config: &SigningConfig, root: &'a TrustRoot, now: Timestamp) -> Result<Self, Error> {
        let services = config.select(Purpose::Certificate, now)?;
        let fulcio = services
            .fulcio
            .clone()
            .map(|url| Service::new("Fulcio", url));
        let witnesses = Witnesses::new(services, root, DEFAULT_DEADLINE);
        Ok(Self { fulcio, witnesses })
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

    /// Signs a statement. The bundle that comes back was verified against the trust root, as
    /// signed by exactly the identity of its certificate.
    pub async fn sign_statement(
        &self,
        statement: &Statement,
        token: &IdentityToken,
        now: Timestamp,
    ) -> Result<Bundle, Error> {
        self.sign(&Content::statement(statement)?, token, now).await
    }

    /// Signs an artifact by its SHA-256 digest; verified in the same way.
    pub async fn sign_blob(
        &self,
        artifact: &Digest,
        token: &IdentityToken,
        now: Timestamp,
    ) -> Result<Bundle, Error> {
        let artifact = Artifact::Digest(artifact);
        self.sign(&Content::blob(artifact)?, token, now).await
    }

    async fn sign(
        &self,
        content: &Content<'_>,
        token: &IdentityToken,
        now: Timestamp,
    ) -> Result<Bundle, Error> {
        let clock = Clock::new(now);
        let key =
            KeyPair::generate_ecdsa_p256().expect("the system has randomness for a P-256 key");
        let issued = self
            .witnesses
            .gather(&self.fulcio, &clock, async |caller, service| {
                self.certificate(caller, service, token, &key, &clock).await
            })
            .await?;
        let (certificate, issued) = issued
            .into_iter()
            .next()
            .expect("one certificate is always wanted");
        self.witnesses
            .told(&Progress::Certificate(issued.identity.clone()));
        let digest = content.sha256();
        let prehashed =
            Sha256Hash::from_hex(digest.hex()).expect("a SHA-256 digest has 64 hex digits");
        let verifier = Verifier::certificate(&certificate);
        for _ in 0..MAX_SIGNATURES {
            let signature = key
                .sign_digest(&prehashed)
                .expect("a P-256 key signs any digest");
            let made = Made {
                content,
                signature: signature.as_bytes(),
                digest: prehashed.as_bytes(),
                hash: Hash::Sha256,
                verifier: &verifier,
            };
            let Some(testimony) = self.witnesses.testify(&made, &clock).await? else {
                continue;
            };
            let part = content.part(made.hash, made.digest, made.signature);
            let material = Material::Certificate(certificate.as_bytes());
            let bytes = bundle::assemble(&material, &testimony, part);
            let signer = ExpectedSigner::exact("the certificate's own identity", issued.identity);
            let (root, signers) = (self.witnesses.root, [signer]);
            return verified(&bytes, &clock, |bundle, now| match content {
                Content::Blob(_) => verify_blob(bundle, root, &signers, &digest, now).map(drop),
                Content::Statement { .. } => {
                    verify_statement(bundle, root, &signers, now).map(drop)
                }
            });
        }
        Err(self.witnesses.lost(MAX_SIGNATURES))
    }

    async fn certificate(
        &self,
        caller: Caller<'_>,
        service: &Service,
        token: &IdentityToken,
        key: &KeyPair,
        clock: &Clock,
    ) -> Result<(DerCertificate, IssuedCertificate), Error> {
        let certificate = fulcio::certificate(caller, service, token, key).await?;
        let issued = self.check_certificate(service, &certificate, key, clock.now())?;
        Ok((certificate, issued))
    }

    /// cosign 3.1 does not look at the SCT when it signs; we do, before the key signs anything.
    fn check_certificate(
        &self,
        service: &Service,
        certificate: &DerCertificate,
        key: &KeyPair,
        now: Timestamp,
    ) -> Result<IssuedCertificate, Error> {
        let issued = verify_certificate(certificate.as_bytes(), self.witnesses.root, now).map_err(
            |rejection| Error::Certificate {
                service: service.to_string(),
                rejection,
            },
        )?;
        let own = key
            .public_key_der()
            .expect("a fresh P-256 key has a public half");
        if issued.public_key != own.as_bytes() {
            return Err(service.malformed("the certificate is for another key"));
        }
        Ok(issued)
    }
}
