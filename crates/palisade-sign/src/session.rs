//! One run: whom to believe, which services to use, and who signs.

use std::sync::Mutex;
use std::time::Duration;

use palisade_attest::{Bundle, Statement};
use palisade_keyless::{IdentityToken, Progress, Signer, SigningConfig, TokenRequest, find_token};
use palisade_trust::{Instance, TrustRoot};
use palisade_types::{Digest, SignerIdentity};
use palisade_ui::{Context, escape};

use crate::args::SigningArgs;
use crate::error::Error;
use crate::files::{self, MAX_CONFIGURATION};

/// How long asking the CI service for a token may take.
const TOKEN_DEADLINE: Duration = Duration::from_mins(1);

/// What every signature of a run shares.
pub(crate) struct Session<'a> {
    pub(crate) context: &'a Context,
    root: TrustRoot,
    config: SigningConfig,
    token: IdentityToken,
    deadline: Duration,
}

/// What was signed, and what the services said along the way.
pub(crate) struct Signed {
    pub(crate) bundle: Bundle,
    pub(crate) signer: SignerIdentity,
    pub(crate) log_index: u64,
}

impl<'a> Session<'a> {
    /// Reads the configuration, then finds the token. Files come first: they cost no request.
    pub(crate) async fn open(args: &SigningArgs, context: &'a Context) -> Result<Self, Error> {
        let root = trusted_root(args)?;
        if root.is_lab() && !args.allow_lab {
            return Err(Error::Lab);
        }
        if root.is_lab() && args.signing_config.is_none() {
            return Err(Error::LabConfig);
        }
        let config = signing_config(args)?;
        // A configuration that cannot work is refused before the CI service is asked for a token.
        Signer::new(&config, &root, context.now)?;
        let token = find_token(&token_request(args, context), context.now).await;
        let token = token.map_err(|error| Error::Token { error })?;
        Ok(Self {
            context,
            root,
            config,
            token,
            deadline: Duration::from_secs(args.timeout),
        })
    }

    /// Signs a statement.
    pub(crate) async fn statement(&self, statement: &Statement) -> Result<Signed, Error> {
        let seen = Mutex::new(Seen::default());
        let signer = self.signer(&seen)?;
        let bundle = signer
            .sign_statement(statement, &self.token, self.context.now)
            .await?;
        Ok(signed(bundle, &seen))
    }

    /// Signs an artifact by its digest.
    pub(crate) async fn blob(&self, artifact: &Digest) -> Result<Signed, Error> {
        let seen = Mutex::new(Seen::default());
        let signer = self.signer(&seen)?;
        let bundle = signer
            .sign_blob(artifact, &self.token, self.context.now)
            .await?;
        Ok(signed(bundle, &seen))
    }

    fn signer<'s>(&'s self, seen: &'s Mutex<Seen>) -> Result<Signer<'s>, Error> {
        let signer = Signer::new(&self.config, &self.root, self.context.now)?;
        Ok(signer.with_deadline(self.deadline).with_progress(|step| {
            self.tell(step);
            seen.lock()
                .expect("nothing panics while holding it")
                .note(step);
        }))
    }

    fn tell(&self, step: &Progress) {
        let line = match step {
            Progress::Certificate(identity) => {
                format!("certificate for {}", escape(&identity.to_string()))
            }
            Progress::Logged(index) => format!("logged at index {index}"),
            Progress::Timestamp(time) => format!("timestamp {time}"),
        };
        self.context.printer.note(&line);
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
            Progress::Logged(index) => self.log_index = Some(*index),
            Progress::Timestamp(_) => {}
        }
    }
}

fn signed(bundle: Bundle, seen: &Mutex<Seen>) -> Signed {
    let mut seen = seen.lock().expect("nothing panics while holding it");
    let signer = seen.signer.take();
    Signed {
        bundle,
        signer: signer.expect("a bundle is made after its certificate"),
        log_index: seen
            .log_index
            .expect("a bundle is made after its log entry"),
    }
}

fn trusted_root(args: &SigningArgs) -> Result<TrustRoot, Error> {
    let Some(path) = &args.trusted_root else {
        return Ok(TrustRoot::embedded(Instance::PublicGood)
            .expect("the embedded trust root was parsed in trust's tests"));
    };
    TrustRoot::parse(&files::read(path, MAX_CONFIGURATION)?).map_err(|source| Error::TrustedRoot {
        path: path.clone(),
        source,
    })
}

fn signing_config(args: &SigningArgs) -> Result<SigningConfig, Error> {
    let Some(path) = &args.signing_config else {
        return Ok(SigningConfig::public_good()
            .expect("the embedded signing configuration was parsed in keyless's tests"));
    };
    SigningConfig::parse(&files::read(path, MAX_CONFIGURATION)?).map_err(|source| {
        Error::SigningConfig {
            path: path.clone(),
            source,
        }
    })
}

fn token_request(args: &SigningArgs, context: &Context) -> TokenRequest {
    let variable = |name: &str| context.environment.get(name).map(str::to_owned);
    TokenRequest {
        flag: args.identity_token.as_ref().map(|secret| secret.0.clone()),
        sigstore_id_token: variable("SIGSTORE_ID_TOKEN"),
        actions_url: variable("ACTIONS_ID_TOKEN_REQUEST_URL"),
        actions_token: variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
        in_github_actions: context.environment.get("GITHUB_ACTIONS") == Some("true"),
        deadline: TOKEN_DEADLINE.min(Duration::from_secs(args.timeout)),
    }
}
