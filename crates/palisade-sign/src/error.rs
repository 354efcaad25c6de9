//! Why something was not signed, and what to do about it.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use palisade_attest::PredicateError;
use palisade_attest::legacy::LegacyError;
use palisade_keyless::{ConfigError, KeyFileError, Kind, Origin, SpiffeError, TokenError};
use palisade_oci::Category;
use palisade_roots::RootsError;
use palisade_types::ParseReferenceError;
use palisade_types::json::JsonError;
use palisade_ui::{Exit, ExitWith, escape};

/// Why something was not signed, or not published.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum Error {
    /// The image is named by a digest that no verifier of signatures looks for.
    #[error(
        "`{image}` is named by its {algorithm} digest, and signatures are about sha256 digests"
    )]
    #[diagnostic(
        code(sign::algorithm),
        help("name the image by its sha256 digest, or by a tag")
    )]
    Algorithm {
        /// The image.
        image: String,
        /// The algorithm of its digest.
        algorithm: &'static str,
    },
    /// The environment and the identity token tell two stories.
    #[error("`{variable}` is `{value}`, and the identity token's `{claim}` is `{claimed}`")]
    #[diagnostic(
        code(sign::contradiction),
        help("leave the variables as the CI service sets them, and use the token of this job")
    )]
    Contradiction {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// The token's claim about the same thing.
        claim: &'static str,
        /// Its value.
        claimed: String,
    },
    /// An index with more entries than are signed.
    #[error("the index `{image}` has more than {limit} entries")]
    #[diagnostic(code(sign::entries), help("sign the images one by one"))]
    Entries {
        /// The index.
        image: String,
        /// The limit.
        limit: usize,
    },
    /// The event that started the run is none that GitHub's build type describes.
    #[error("a run started by `{event}` cannot be described by GitHub's build type")]
    #[diagnostic(
        code(sign::event),
        help("build what is released in a run started by one of: {covered}")
    )]
    Event {
        /// The event.
        event: String,
        /// Those it describes.
        covered: String,
    },
    /// The image's name is wrong.
    #[error("`{text}` does not name an image")]
    #[diagnostic(
        code(sign::image),
        help("write `registry/name@sha256:…` or `registry/name:tag`")
    )]
    Image {
        /// What was given.
        text: String,
        /// What is wrong with it.
        source: ParseReferenceError,
    },
    /// The file of `--key` is no key to sign with.
    #[error("`{}` cannot be used as a key", path.display())]
    #[diagnostic(
        code(sign::key),
        help("give cosign's key file or a private key as PEM, and check the passphrase")
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyFileError,
    },
    /// A new key would replace a file.
    #[error("`{}` is there already, and keys are not written over", path.display())]
    #[diagnostic(
        code(sign::key_exists),
        help("choose other names with `--output-key-prefix`")
    )]
    KeyExists {
        /// The file.
        path: PathBuf,
    },
    /// A lab's trust root beside the services of sigstore.dev.
    #[error("the trust root is a palisade lab's, and no signing configuration is given")]
    #[diagnostic(
        code(sign::lab_config),
        help("add the lab's own: `--signing-config signing_config_v2.json`")
    )]
    LabConfig,
    /// A service left out what the older format needs.
    #[error("the signature has no place in the older tag")]
    #[diagnostic(
        code(sign::legacy),
        help("leave `--legacy-tag` out; the bundle is attached all the same")
    )]
    Legacy(#[source] LegacyError),
    /// The older format has no way to verify what this key signs.
    #[error(
        "`--legacy-tag` needs a P-256 or RSA key: older consumers cannot verify what this one signs"
    )]
    #[diagnostic(
        code(sign::legacy_key),
        help("sign with another key, or leave `--legacy-tag` out")
    )]
    LegacyKey,
    /// The older format has no place for entries of Rekor v2.
    #[error(
        "`--legacy-tag` needs a Rekor v1 log, and the signing configuration names a Rekor v2 log"
    )]
    #[diagnostic(
        code(sign::legacy_log),
        help("give another `--signing-config`, or leave `--legacy-tag` out")
    )]
    LegacyLog,
    /// The CI service is there, and not everything that provenance must say.
    #[error("{service} does not say all that provenance needs; missing: {names}")]
    #[diagnostic(
        code(sign::missing),
        help("run this in the job that builds, and pass these variables on to it")
    )]
    Missing {
        /// The CI service.
        service: &'static str,
        /// The variables.
        names: String,
    },
    /// No CI service that palisade can describe a build of.
    #[error("this is no run of GitHub Actions or GitLab CI, so nothing is known about the build")]
    #[diagnostic(
        code(sign::no_build),
        help(
            "run this in the job that builds, or write the predicate yourself: \
             `palisade sign attest --type slsaprovenance1`"
        )
    )]
    NoBuild,
    /// Nothing says which services sign.
    #[error("nothing says which services sign: {origin} lists none")]
    #[diagnostic(
        code(sign::no_services),
        help("give a Sigstore signing configuration v0.2: `--signing-config FILE`")
    )]
    NoServices {
        /// Where the trust root comes from.
        origin: String,
    },
    /// Signing in as a person, in CI.
    #[error("`--oidc-flow` needs a person, and this is CI")]
    #[diagnostic(
        code(sign::nobody),
        help("use the job's own identity, for example with `permissions: id-token: write`")
    )]
    Nobody,
    /// One bundle file for several images.
    #[error("`--bundle` names one file, and there are {images} images")]
    #[diagnostic(
        code(sign::one_bundle),
        help("sign one image at a time with `--bundle`")
    )]
    OneBundle {
        /// How many images were named.
        images: usize,
    },
    /// There is nobody to ask for the passphrase.
    #[error("there is no passphrase, and nobody to ask for it")]
    #[diagnostic(
        code(sign::passphrase),
        help("set COSIGN_PASSWORD, or name a file with `--passphrase-file`")
    )]
    Passphrase,
    /// Two different passphrases for one new key.
    #[error("the two passphrases differ")]
    #[diagnostic(code(sign::passphrases_differ), help("try again"))]
    PassphrasesDiffer,
    /// The predicate is not JSON that can be signed.
    #[error("`{}` is {source}", path.display())]
    #[diagnostic(
        code(sign::predicate),
        help("the predicate is a JSON document; see `--type`")
    )]
    Predicate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: JsonError,
    },
    /// The predicate is JSON and no object.
    #[error("`{}` holds no JSON object", path.display())]
    #[diagnostic(
        code(sign::predicate_shape),
        help(
            "give what stands under `predicate` in a statement, for example a CycloneDX document"
        )
    )]
    PredicateShape {
        /// The file.
        path: PathBuf,
    },
    /// The predicate type is no short name and no URI.
    #[error("`{text}` is no predicate type")]
    #[diagnostic(code(sign::predicate_type), help("{help}"))]
    PredicateType {
        /// What was given.
        text: String,
        /// What to type instead.
        help: String,
    },
    /// What the environment says makes no record that can be read.
    #[error("what the environment says about the build contradicts itself")]
    #[diagnostic(
        code(sign::provenance),
        help("leave the variables as the CI service sets them")
    )]
    Provenance {
        /// What a reader trips over.
        source: PredicateError,
    },
    /// A file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    #[diagnostic(code(sign::read), help("check the name of the file"))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The registry could not be asked, or said no.
    #[error("the image cannot be {done}: {}", escape(&error.to_string()))]
    #[diagnostic(code(sign::registry), help("{}", registry_help(error)))]
    Registry {
        /// What was tried, as a participle.
        done: &'static str,
        /// Why; it names the image.
        error: Box<palisade_oci::Error>,
    },
    /// The runtime cannot start.
    #[error("the asynchronous runtime cannot start")]
    #[diagnostic(
        code(sign::runtime),
        help("check the limits on threads and open files: `ulimit -a`")
    )]
    Runtime(#[source] io::Error),
    /// The services did not sign.
    #[error("{}", escape(&chain(error.as_ref())))]
    #[diagnostic(code(sign::service), help("{}", service_help(error)))]
    Service {
        /// Why, with what servers said still in it.
        error: Box<palisade_keyless::Error>,
    },
    /// The signing configuration that came with the trust root is wrong.
    #[error("the signing configuration beside {origin} cannot be used")]
    #[diagnostic(
        code(sign::services),
        help("give another signing configuration: `--signing-config FILE`")
    )]
    Services {
        /// Where the trust root comes from.
        origin: String,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// The signing configuration is wrong.
    #[error("`{}` cannot be used", path.display())]
    #[diagnostic(
        code(sign::signing_config),
        help("give a Sigstore signing configuration v0.2 as JSON")
    )]
    SigningConfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// There is no token to sign with.
    #[error("{error}")]
    #[diagnostic(code(sign::token), help("{}", token_help(error)))]
    Token {
        /// Why. Its text repeats nothing that was given.
        error: TokenError,
    },
    /// A file is larger than what we read.
    #[error("`{}` is larger than {limit} bytes", path.display())]
    #[diagnostic(code(sign::too_large), help("check that it is the right file"))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: usize,
    },
    /// There is no trust root to believe.
    #[error(transparent)]
    #[diagnostic(transparent)]
    TrustRoot(#[from] RootsError),
    /// A variable has a form that the CI service does not give it.
    #[error("`{variable}` is `{value}`, which is not {want}")]
    #[diagnostic(
        code(sign::variable),
        help("leave the variables as the CI service sets them")
    )]
    Variable {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        want: &'static str,
    },
    /// A file cannot be written.
    #[error("`{}` cannot be written", path.display())]
    #[diagnostic(code(sign::write), help("name a file in a folder you may write to"))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn registry_help(error: &palisade_oci::Error) -> &'static str {
    match error.category() {
        Category::Absent => "check the name, or log in if the image is private: `docker login`",
        Category::Undecided => "try again; if it stays, check the registry and your login",
        Category::Usage => "check what the message names",
    }
}

fn service_help(error: &palisade_keyless::Error) -> &'static str {
    use palisade_keyless::Error as E;
    match error {
        E::Certificate { .. } | E::Evidence(_) | E::Timestamp { .. } => {
            "check that `--trusted-root` and `--signing-config` are of the same Sigstore instance"
        }
        E::Algorithm(_) | E::TooLarge { .. } => "sign something else",
        E::Config(_) => "give another signing configuration: `--signing-config FILE`",
        E::Malformed { .. } => "check the address in the signing configuration",
        E::Refused { .. } => "check that this service accepts the token's issuer and audience",
        E::Key(_) => "check that this key may be used, and what keeps it",
        E::KeyForLog => {
            "use a P-256 key, or `--tlog-upload=false`; statements by Ed25519 go into a Rekor v1 log"
        }
        E::Outage { .. } | E::Unavailable { .. } => {
            "try again, or give it longer with `--timeout SECONDS`"
        }
    }
}

fn token_help(error: &TokenError) -> &'static str {
    match error {
        TokenError::None { ci, .. } => match ci {
            Some(Origin::GithubActions) => {
                "let the job have `permissions: id-token: write`; where it is in a reusable \
                 workflow, the job that calls it must have it too"
            }
            Some(Origin::Gitlab) => {
                "let the job have `id_tokens: SIGSTORE_ID_TOKEN: aud: sigstore`"
            }
            _ => {
                "sign in as a person with `--oidc-flow browser`, give `--identity-token FILE`, or \
                 sign with a key: `--key FILE`"
            }
        },
        TokenError::Address => "leave the variables that GitHub Actions sets as they are",
        TokenError::File { .. } => "write the token to a file and name that",
        TokenError::Login(_) => "sign in again: `--oidc-flow browser` or `--oidc-flow device`",
        TokenError::Metadata => "leave GCE_METADATA_HOST unset",
        TokenError::NotAToken { .. } => "get a new token for the audience `sigstore`",
        TokenError::Program { .. } => "check that the job may have an identity token",
        TokenError::Service(_) => "try again; tokens are made by the CI service",
        TokenError::Spiffe(SpiffeError::Address) => {
            "set SPIFFE_ENDPOINT_SOCKET to the agent's socket: `unix:///run/spire/agent.sock`"
        }
        TokenError::Spiffe(SpiffeError::Refused { .. }) => {
            "register this workload with the SPIFFE server, with the audience `sigstore`"
        }
        TokenError::Spiffe(_) => "check that the agent runs, and that this user may ask it",
        TokenError::TokenFile { .. } => "let this user read the file",
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl From<palisade_keyless::Error> for Error {
    fn from(error: palisade_keyless::Error) -> Self {
        Self::Service {
            error: Box::new(error),
        }
    }
}

impl ExitWith for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Registry { error, .. } => match error.category() {
                // Registries answer "missing" also to those who may not look: no proof of anything.
                Category::Absent | Category::Undecided => Exit::Undecided,
                Category::Usage => Exit::Usage,
            },
            Self::Service { error } => of_kind(error.kind()),
            Self::Token { error } => of_kind(error.kind()),
            Self::TrustRoot(error) => error.exit(),
            Self::Legacy(_) | Self::Runtime(_) | Self::Services { .. } => Exit::Undecided,
            Self::Algorithm { .. }
            | Self::Contradiction { .. }
            | Self::Entries { .. }
            | Self::Event { .. }
            | Self::Image { .. }
            | Self::Key { .. }
            | Self::KeyExists { .. }
            | Self::LabConfig
            | Self::LegacyKey
            | Self::LegacyLog
            | Self::Missing { .. }
            | Self::NoBuild
            | Self::NoServices { .. }
            | Self::Nobody
            | Self::OneBundle { .. }
            | Self::Passphrase
            | Self::PassphrasesDiffer
            | Self::Predicate { .. }
            | Self::PredicateShape { .. }
            | Self::PredicateType { .. }
            | Self::Provenance { .. }
            | Self::Read { .. }
            | Self::SigningConfig { .. }
            | Self::TooLarge { .. }
            | Self::Variable { .. }
            | Self::Write { .. } => Exit::Usage,
        }
    }
}

const fn of_kind(kind: Kind) -> Exit {
    match kind {
        Kind::Refused => Exit::No,
        Kind::Unavailable => Exit::Undecided,
        Kind::Usage => Exit::Usage,
    }
}
