//! One run: whom to believe, which services to use, and who signs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use palisade_attest::{Bundle, Statement};
use palisade_keyless::{
    IdentityToken, KeyKind, KeySigner, LogVersion, PrivateKey, Progress, Purpose, Signer,
    SigningConfig, SigningKey as _,
};
use palisade_oci::LegacyTag;
use palisade_roots::{Loaded, Origin, RootFacts};
use palisade_trust::{Artifact, TrustRoot};
use palisade_types::{Digest, SignerIdentity, Timestamp};
use palisade_ui::{Context, escape};

use crate::args::SigningArgs;
use crate::error::Error;
use crate::files::{self, MAX_CONFIGURATION};
use crate::{key, token};

/// Whom to believe and which services to use, read from files.
pub(crate) struct Setup {
    /// What the answer says about the trust root.
    pub(crate) about: RootFacts,
    root: TrustRoot,
    config: SigningConfig,
    key: Option<PrivateKey>,
    /// Whether a signature by a key is entered in a log.
    log: bool,
}

/// Signs everything of a run, with one token or key and over the same connections.
pub(crate) struct Session<'a> {
    signer: By<'a>,
    seen: Arc<Mutex<Seen>>,
    context: &'a Context,
}

enum By<'a> {
    Key(KeySigner<'a>, &'a PrivateKey),
    Token(Signer<'a>, IdentityToken),
}

/// Who a verifier will find.
pub(crate) enum Who {
    Identity(SignerIdentity),
    /// The SHA-256 of the public key.
    Key(Digest),
}

/// What was signed, and what the services said along the way.
pub(crate) struct Signed {
    pub(crate) bundle: Bundle,
    pub(crate) signer: Who,
    /// In the first log; none without a log.
    pub(crate) log_index: Option<u64>,
}

impl Setup {
    /// Reads the files that the flags name, or takes what is built in. Asks nobody anything but the
    /// TUF repository, where the flags have the trust root fetched.
    pub(crate) async fn read(args: &SigningArgs, context: &Context) -> Result<Self, Error> {
        let loaded = args.trust.load(false, context).await?;
        let line = loaded.facts().line(context.now);
        context
            .printer
            .note(&format!("trust root: {}", escape(&line)));
        let config = signing_config(args, &loaded)?;
        let key = key::read(args, context)?;
        Ok(Self {
            about: loaded.facts(),
            root: loaded.root,
            config,
            key,
            log: args.tlog_upload,
        })
    }

    /// Whether an artifact's bytes are needed to sign it, and not its SHA-256 digest alone.
    pub(crate) fn needs_bytes(&self) -> bool {
        let key = self.key.as_ref();
        key.is_some_and(|key| !key.kind().signs_sha256())
    }

    /// Whether a log may be asked whose entries the older formats have no place for.
    pub(crate) fn may_ask_rekor_v2(&self, now: Timestamp) -> Result<bool, Error> {
        let purpose = match (&self.key, self.log) {
            (None, _) => Purpose::Certificate,
            (Some(_), true) => Purpose::Key,
            (Some(_), false) => Purpose::KeyWithoutLog,
        };
        let services = self.config.select(purpose, now);
        let services = services.map_err(palisade_keyless::Error::Config)?;
        let mut logs = services.logs.candidates.iter();
        Ok(logs.any(|log| log.version == LogVersion::V2))
    }

    /// Whether cosign's older formats have no way to verify what the key signs: they know digests
    /// by SHA-256 alone, and Ed25519 over whole envelopes.
    pub(crate) fn is_unknown_to_older(&self, tag: LegacyTag) -> bool {
        let kind = self.key.as_ref().map(PrivateKey::kind);
        match kind {
            Some(KeyKind::P384) => true,
            Some(KeyKind::Ed25519) => tag == LegacyTag::Signatures,
            Some(KeyKind::P256 | KeyKind::Rsa(_)) | None => false,
        }
    }

    /// Chooses the services, then finds the token.
    pub(crate) async fn session<'a>(
        &'a self,
        args: &SigningArgs,
        context: &'a Context,
    ) -> Result<Session<'a>, Error> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = Arc::clone(&seen);
        let progress = move |step: &Progress| {
            context.printer.note(&told(step));
            noted
                .lock()
                .expect("nothing panics while holding it")
                .note(step);
        };
        let deadline = Duration::from_secs(args.timeout);
        let (config, root) = (&self.config, &self.root);
        let signer = if let Some(key) = &self.key {
            let signer = KeySigner::new(key, config, root, self.log, context.now)?;
            let signer = signer.with_proxies(token::proxies(context));
            By::Key(signer.with_deadline(deadline).with_progress(progress), key)
        } else {
            let signer = Signer::new(config, root, context.now)?;
            let signer = signer.with_proxies(token::proxies(context));
            let token = token::find(args, config, context).await?;
            By::Token(
                signer.with_deadline(deadline).with_progress(progress),
                token,
            )
        };
        Ok(Session {
            signer,
            seen,
            context,
        })
    }
}

impl Session<'_> {
    /// The token that signs, unless a key does.
    pub(crate) const fn token(&self) -> Option<&IdentityToken> {
        match &self.signer {
            By::Key(..) => None,
            By::Token(_, token) => Some(token),
        }
    }

    /// Signs a statement.
    pub(crate) async fn statement(&self, statement: &Statement) -> Result<Signed, Error> {
        let now = self.context.now;
        let bundle = match &self.signer {
            By::Key(signer, _) => signer.sign_statement(statement, now).await,
            By::Token(signer, token) => signer.sign_statement(statement, token, now).await,
        };
        Ok(self.signed(bundle?))
    }

    /// Signs an artifact.
    pub(crate) async fn blob(&self, artifact: Artifact<'_>) -> Result<Signed, Error> {
        let now = self.context.now;
        let bundle = match (&self.signer, artifact) {
            (By::Key(signer, _), artifact) => signer.sign_blob(artifact, now).await,
            (By::Token(signer, token), Artifact::Bytes(bytes)) => {
                let digest = Digest::sha256_of(bytes);
                signer.sign_blob(&digest, token, now).await
            }
            (By::Token(signer, token), Artifact::Digest(digest)) => {
                signer.sign_blob(digest, token, now).await
            }
        };
        Ok(self.signed(bundle?))
    }

    /// The bundle with what its own steps told. Signatures are made one after the other.
    fn signed(&self, bundle: Bundle) -> Signed {
        let mut seen = self.seen.lock().expect("nothing panics while holding it");
        let Seen { signer, log_index } = std::mem::take(&mut *seen);
        let signer = match &self.signer {
            By::Key(_, key) => Who::Key(key.public_key().fingerprint()),
            By::Token(..) => Who::Identity(signer.expect("a bundle is made after its certificate")),
        };
        Signed {
            bundle,
            signer,
            log_index,
        }
    }
}

/// A step, for people.
fn told(step: &Progress) -> String {
    match step {
        Progress::Certificate(identity) => {
            format!("certificate for {}", escape(&identity.to_string()))
        }
        Progress::Logged(index) => format!("logged at index {index}"),
        Progress::PassedOver(why) => format!("{}; the next one is asked", escape(why)),
        Progress::Timestamp(time) => format!("timestamp {time}"),
        Progress::Waiting { service, why } => {
            format!("{service}: {}; trying again", escape(why))
        }
    }
}

/// What the steps of one signature told.
#[derive(Default)]
struct Seen {
    signer: Option<SignerIdentity>,
    log_index: Option<u64>,
}

impl Seen {
    fn note(&mut self, step: &Progress) {
        match step {
            Progress::Certificate(identity) => self.signer = Some(identity.clone()),
            Progress::Logged(index) => {
                self.log_index.get_or_insert(*index);
            }
            Progress::PassedOver(_) | Progress::Timestamp(_) | Progress::Waiting { .. } => {}
        }
    }
}

/// The services to sign with: those of the file, else those that come with the trust root. Beside a
/// root that the user made up, they are sigstore.dev's.
fn signing_config(args: &SigningArgs, loaded: &Loaded) -> Result<SigningConfig, Error> {
    if let Some(path) = &args.signing_config {
        let bytes = files::read(path, MAX_CONFIGURATION)?;
        return SigningConfig::parse(&bytes).map_err(|source| Error::SigningConfig {
            path: path.clone(),
            source,
        });
    }
    let config = match &loaded.origin {
        Origin::Embedded(instance) => SigningConfig::embedded(*instance),
        Origin::File if loaded.root.is_lab() => return Err(Error::LabConfig),
        Origin::File => SigningConfig::public_good().map(Some),
        Origin::Tuf { signing_config } => signing_config
            .as_deref()
            .map(SigningConfig::parse)
            .transpose(),
    };
    let origin = || loaded.source.clone();
    config
        .map_err(|source| Error::Services {
            origin: origin(),
            source,
        })?
        .ok_or_else(|| Error::NoServices { origin: origin() })
}
