//! The order of signing: certificate, check, signature, time, log, check again.

use std::fmt;
use std::time::Duration;

use palisade_attest::{Bundle, IN_TOTO_PAYLOAD_TYPE, MAX_STATEMENT, Statement, dsse};
use palisade_trust::{
    ExpectedSigner, IssuedCertificate, Rejection, TrustRoot, verify_blob, verify_certificate,
    verify_statement, verify_timestamp,
};
use palisade_types::{Algorithm, Digest, SignedDuration, SignerIdentity, Timestamp};
use sigstore_crypto::KeyPair;
use sigstore_types::{DerCertificate, Sha256Hash, SignatureBytes};
use tokio::time::Instant;

use crate::bundle;
use crate::config::{LogVersion, Services, SigningConfig};
use crate::error::Error;
use crate::http::{Caller, Http, Service};
use crate::rekor::{Entry, Proposal};
use crate::token::IdentityToken;
use crate::{fulcio, rekor, tsa};

/// How long signing may take, retries included, unless the caller says otherwise. Outages of the
/// public services last minutes.
pub const DEFAULT_DEADLINE: Duration = Duration::from_mins(3);
/// How far the services' clocks may be ahead of ours, for evidence they made this minute.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);
/// How often we sign anew because a log lost its answer.
const MAX_SIGNATURES: usize = 3;

/// A step that was taken, for progress lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A certificate for this identity was issued, and holds up against the trust root.
    Certificate(SignerIdentity),
    /// The signature stands in the log, at this index.
    Logged(u64),
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
    root: &'a TrustRoot,
    fulcio: Service,
    rekor: Service,
    rekor_version: LogVersion,
    tsa: Option<Service>,
    http: Http,
    deadline: Duration,
    progress: Box<dyn Fn(&Progress) + Send + Sync + 'a>,
}

impl fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("fulcio", &self.fulcio)
            .field("rekor", &self.rekor)
            .field("tsa", &self.tsa)
            .finish_non_exhaustive()
    }
}

/// What is signed.
enum Content {
    Blob(Digest),
    Statement(Vec<u8>),
}

/// The time of this run: what `main` took once, and what has passed since.
struct Clock {
    now: Timestamp,
    start: Instant,
}

impl Clock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.start.elapsed()).unwrap_or(SignedDuration::MAX);
        self.now.checked_add(passed).unwrap_or(Timestamp::MAX)
    }
}

impl<'a> Signer<'a> {
    /// A signer that uses the services of this configuration and believes what this root does.
    /// Asks nobody anything: a configuration that cannot work is refused here.
    pub fn new(config: &SigningConfig, root: &'a TrustRoot, now: Timestamp) -> Result<Self, Error> {
        let Services {
            fulcio,
            rekor,
            rekor_version,
            tsa,
        } = config.select(now)?;
        let fulcio = Service::new("Fulcio", fulcio);
        let http = Http::new().map_err(|why| fulcio.unavailable(why))?;
        Ok(Self {
            root,
            fulcio,
            rekor: Service::new("Rekor", rekor),
            rekor_version,
            tsa: tsa.map(|url| Service::new("the timestamp authority", url)),
            http,
            deadline: DEFAULT_DEADLINE,
            progress: Box::new(|_| ()),
        })
    }

    /// The same, with this much time for each signature.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same, telling about each step.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(&Progress) + Send + Sync + 'a) -> Self {
        self.progress = Box::new(progress);
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
        let payload = statement.to_json();
        if payload.len() > MAX_STATEMENT {
            return Err(Error::TooLarge {
                size: payload.len(),
                limit: MAX_STATEMENT,
            });
        }
        self.sign(Content::Statement(payload), token, now).await
    }

    /// Signs an artifact by its SHA-256 digest; verified in the same way.
    pub async fn sign_blob(
        &self,
        artifact: &Digest,
        token: &IdentityToken,
        now: Timestamp,
    ) -> Result<Bundle, Error> {
        if artifact.algorithm() != Algorithm::Sha256 {
            return Err(Error::Algorithm(artifact.algorithm().name()));
        }
        self.sign(Content::Blob(artifact.clone()), token, now).await
    }

    async fn sign(
        &self,
        content: Content,
        token: &IdentityToken,
        now: Timestamp,
    ) -> Result<Bundle, Error> {
        let clock = Clock {
            now,
            start: Instant::now(),
        };
        let waiting = |service: &Service, why: &str| {
            let (service, why) = (service.to_string(), why.to_owned());
            (self.progress)(&Progress::Waiting { service, why });
        };
        let caller = self.http.until(clock.start + self.deadline, &waiting);
        let key =
            KeyPair::generate_ecdsa_p256().expect("the system has randomness for a P-256 key");
        let certificate = fulcio::certificate(caller, &self.fulcio, token, &key).await?;
        let issued = self.check_certificate(&certificate, &key, clock.now())?;
        (self.progress)(&Progress::Certificate(issued.identity.clone()));
        let digest = content.digest();
        for _ in 0..MAX_SIGNATURES {
            let signature = key
                .sign_digest(&digest)
                .expect("a P-256 key signs any digest");
            let timestamp = self.timestamp(caller, &signature, &clock).await?;
            let entry = self
                .enter(caller, &content, &digest, &signature, &certificate)
                .await?;
            let Some(entry) = entry else { continue };
            (self.progress)(&Progress::Logged(entry.index));
            let content_part = content.part(&digest, &signature);
            let bytes = bundle::assemble(
                certificate.as_bytes(),
                &entry,
                timestamp.as_deref(),
                content_part,
            );
            let signer = ExpectedSigner::exact("the certificate's own identity", issued.identity);
            return self.verified(&bytes, &content, &[signer], clock.now());
        }
        Err(self
            .rekor
            .unavailable(format!("it lost {MAX_SIGNATURES} answers in a row")))
    }

    /// cosign 3.1 does not look at the SCT when it signs; we do, before the key signs anything.
    fn check_certificate(
        &self,
        certificate: &DerCertificate,
        key: &KeyPair,
        now: Timestamp,
    ) -> Result<IssuedCertificate, Error> {
        let issued =
            verify_certificate(certificate.as_bytes(), self.root, now).map_err(|rejection| {
                Error::Certificate {
                    service: self.fulcio.to_string(),
                    rejection,
                }
            })?;
        let own = key
            .public_key_der()
            .expect("a fresh P-256 key has a public half");
        if issued.public_key != own.as_bytes() {
            return Err(self.fulcio.malformed("the certificate is for another key"));
        }
        Ok(issued)
    }

    async fn timestamp(
        &self,
        caller: Caller<'_>,
        signature: &SignatureBytes,
        clock: &Clock,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(service) = &self.tsa else {
            return Ok(None);
        };
        let reply = tsa::timestamp(caller, service, signature.as_bytes()).await?;
        let time = verify_timestamp(&reply, signature.as_bytes(), self.root, clock.now()).map_err(
            |rejection| Error::Timestamp {
                service: service.to_string(),
                rejection,
            },
        )?;
        (self.progress)(&Progress::Timestamp(time));
        Ok(Some(reply))
    }

    async fn enter(
        &self,
        caller: Caller<'_>,
        content: &Content,
        digest: &Sha256Hash,
        signature: &SignatureBytes,
        certificate: &DerCertificate,
    ) -> Result<Option<Entry>, Error> {
        let envelope = match content {
            Content::Blob(_) => None,
            Content::Statement(payload) => {
                Some(bundle::envelope(payload, signature.as_bytes()).to_string())
            }
        };
        let proposal = Proposal {
            digest: digest.as_bytes(),
            signature: signature.as_bytes(),
            certificate,
            envelope: envelope.as_deref(),
        };
        rekor::enter(caller, &self.rekor, self.rekor_version, &proposal).await
    }

    /// Reads and verifies the bundle exactly as a stranger would.
    fn verified(
        &self,
        bytes: &[u8],
        content: &Content,
        signers: &[ExpectedSigner],
        now: Timestamp,
    ) -> Result<Bundle, Error> {
        let bundle = Bundle::parse(bytes).map_err(|error| {
            self.rekor
                .malformed(format!("the bundle made of it: {error}"))
        })?;
        // What was signed a moment ago carries the services' time, which may be ahead of ours.
        let now = now.checked_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX);
        let verdict: Result<(), Rejection> = match content {
            Content::Blob(artifact) => {
                verify_blob(&bundle, self.root, signers, artifact, now).map(|_| ())
            }
            Content::Statement(_) => verify_statement(&bundle, self.root, signers, now).map(|_| ()),
        };
        verdict.map_err(Error::Evidence)?;
        Ok(bundle)
    }
}

impl Content {
    /// The SHA-256 digest that the key signs.
    fn digest(&self) -> Sha256Hash {
        match self {
            Self::Blob(artifact) => {
                Sha256Hash::from_hex(artifact.hex()).expect("a SHA-256 digest has 64 hex digits")
            }
            Self::Statement(payload) => {
                sigstore_crypto::sha256(&dsse::pae(IN_TOTO_PAYLOAD_TYPE, payload))
            }
        }
    }

    fn part(
        &self,
        digest: &Sha256Hash,
        signature: &SignatureBytes,
    ) -> (&'static str, serde_json::Value) {
        match self {
            Self::Blob(_) => (
                "messageSignature",
                bundle::message_signature(digest.as_bytes(), signature.as_bytes()),
            ),
            Self::Statement(payload) => (
                "dsseEnvelope",
                bundle::envelope(payload, signature.as_bytes()),
            ),
        }
    }
}
