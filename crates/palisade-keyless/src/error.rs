//! What can go wrong while signing, one variant per thing a caller treats differently.

use palisade_trust::Rejection;

use crate::config::ConfigError;
use crate::key::KeyFailure;

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Only SHA-256 digests can be signed: no verifier looks for another.
    #[error("a digest made with {0} cannot be signed; sha256 can")]
    Algorithm(&'static str),
    /// Fulcio's certificate does not hold up against the trust root. It was not used.
    #[error("{service} issued a certificate that the trust root does not support")]
    Certificate {
        /// The service and its address.
        service: String,
        /// Which check failed.
        #[source]
        rejection: Rejection,
    },
    /// The signing configuration offers no usable set of services.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The finished bundle does not verify, so it is not returned.
    #[error("what the services returned does not verify, and nothing was published")]
    Evidence(#[source] Rejection),
    /// The key did not sign.
    #[error("nothing was signed")]
    Key(#[source] KeyFailure),
    /// Rekor v2 takes no key of this kind.
    #[error("the log takes no key of this kind")]
    KeyForLog,
    /// A service answered with something no correct server sends.
    #[error("{service} sent an answer that cannot be used: {why}")]
    Malformed {
        /// The service and its address.
        service: String,
        /// What is wrong with it.
        why: String,
    },
    /// Fewer services could be reached than the signing configuration asks for.
    #[error(
        "{wanted} of {of} services are needed, and too many are unavailable{}",
        lines(outages)
    )]
    Outage {
        /// How many are needed.
        wanted: usize,
        /// How many there are.
        of: usize,
        /// What each of those that are out said.
        outages: Vec<Error>,
    },
    /// A service understood the request and said no.
    #[error("{service} refused: {message} (HTTP {status})")]
    Refused {
        /// The service and its address.
        service: String,
        /// The HTTP status.
        status: u16,
        /// The server's own words, bounded and safe to print.
        message: String,
    },
    /// The timestamp authority's answer does not hold up against the trust root.
    #[error("{service} sent a time that the trust root does not support")]
    Timestamp {
        /// The service and its address.
        service: String,
        /// Which check failed.
        #[source]
        rejection: Rejection,
    },
    /// More than can be signed.
    #[error("the statement has {size} bytes; at most {limit} can be signed")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit, both in bytes.
        limit: usize,
    },
    /// A service could not be reached, or kept failing until the deadline.
    #[error("{service} is unavailable: {why}")]
    Unavailable {
        /// The service and its address.
        service: String,
        /// The last thing that went wrong.
        why: String,
    },
}

fn lines(outages: &[Error]) -> String {
    let line = |text: String, error: &Error| format!("{text}\n  {error}");
    outages.iter().fold(String::new(), line)
}

/// The kinds of failure an exit code distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A service said no, or what it said did not hold up (exit 1).
    Refused,
    /// A service could not be asked or understood (exit 3).
    Unavailable,
    /// What was asked for or configured is wrong (exit 2).
    Usage,
}

impl Error {
    /// Which kind of failure this is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Certificate { .. }
            | Self::Evidence(_)
            | Self::Refused { .. }
            | Self::Timestamp { .. } => Kind::Refused,
            Self::Malformed { .. } | Self::Outage { .. } | Self::Unavailable { .. } => {
                Kind::Unavailable
            }
            Self::Key(failure) => failure.kind(),
            Self::Algorithm(_) | Self::KeyForLog | Self::Config(_) | Self::TooLarge { .. } => {
                Kind::Usage
            }
        }
    }
}
