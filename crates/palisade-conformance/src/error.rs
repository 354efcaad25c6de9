//! Why the answer is not "yes".

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use palisade_attest::{BundleError, StatementError};
use palisade_keyless::{ConfigError, NotAToken};
use palisade_trust::{KeyError, Rejection, RootError};
use palisade_ui::{Exit, ExitWith};

/// Why the answer is not "yes".
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum Error {
    /// The statement is about something else.
    #[error("the statement is about another artifact")]
    #[diagnostic(code(conformance::artifact))]
    Artifact,
    /// What was given is no bundle.
    #[error("the bundle is refused")]
    #[diagnostic(code(conformance::bundle))]
    Bundle(#[from] BundleError),
    /// The signing configuration cannot be used.
    #[error("the signing configuration cannot be used")]
    #[diagnostic(code(conformance::config))]
    Config(#[from] ConfigError),
    /// A file cannot be read or written.
    #[error("`{}` cannot be read or written", path.display())]
    #[diagnostic(code(conformance::file))]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The key cannot be used.
    #[error("the key cannot be used")]
    #[diagnostic(code(conformance::key))]
    Key(#[from] KeyError),
    /// There is no staging configuration built in.
    #[error("signing with the staging instance needs `--signing-config`")]
    #[diagnostic(code(conformance::staging))]
    NoStagingConfig,
    /// Verification says no.
    #[error("the bundle is refused")]
    #[diagnostic(code(conformance::rejected))]
    Rejected(#[from] Rejection),
    /// The trust root cannot be used.
    #[error("the trust root cannot be used")]
    #[diagnostic(code(conformance::root))]
    Root(#[from] RootError),
    /// The runtime cannot start.
    #[error("the asynchronous runtime cannot start")]
    #[diagnostic(code(conformance::runtime))]
    Runtime(#[source] io::Error),
    /// Signing failed.
    #[error("the file was not signed")]
    #[diagnostic(code(conformance::sign))]
    Sign(#[from] palisade_keyless::Error),
    /// What was given is no statement.
    #[error("the file is not an in-toto statement")]
    #[diagnostic(code(conformance::statement))]
    Statement(#[from] StatementError),
    /// Neither a log nor a timestamp authority has seen the signature.
    #[error("the bundle has neither log entry nor timestamp")]
    #[diagnostic(code(conformance::unwitnessed))]
    Unwitnessed,
    /// What was given is no token.
    #[error("the identity token cannot be used")]
    #[diagnostic(code(conformance::token))]
    Token(#[from] NotAToken),
}

impl ExitWith for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Artifact | Self::Bundle(_) | Self::Rejected(_) | Self::Unwitnessed => Exit::No,
            Self::Config(_)
            | Self::File { .. }
            | Self::Key(_)
            | Self::NoStagingConfig
            | Self::Root(_)
            | Self::Statement(_)
            | Self::Token(_) => Exit::Usage,
            Self::Runtime(_) | Self::Sign(_) => Exit::Undecided,
        }
    }
}
