//! Why there is no trust root to believe. None of these is an answer about an image: apart from
//! [`RootsError::Mirror`] and [`RootsError::Root`], which are configuration, they leave it open.

use std::io;
use std::path::PathBuf;

use palisade_trust::RootError;
use palisade_types::Timestamp;

/// Why a trust root could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The cache cannot be read or written, or is busy.
    #[error("the cache of trust roots in `{}` cannot be used", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Metadata is past its end.
    #[error(
        "the trust root of {mirror} cannot be believed: its {role} metadata expired at {expires}"
    )]
    Expired {
        /// The repository's address.
        mirror: String,
        /// Which TUF role.
        role: String,
        /// When it ended.
        expires: Timestamp,
    },
    /// A file cannot be read, or is too large.
    #[error("`{}` cannot be read", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The address of the mirror is not one that we ask.
    #[error("`{mirror}` is not a mirror we ask: {why}")]
    Mirror {
        /// The address, without user and password.
        mirror: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing usable was ever fetched from there.
    #[error("nothing fetched from {mirror} is in the cache `{}`", path.display())]
    NotCached {
        /// The repository's address.
        mirror: String,
        /// Where it would be.
        path: PathBuf,
    },
    /// Metadata or a target fails verification: a signature, version, length or hash.
    #[error("what {mirror} says does not verify: {why}")]
    Refused {
        /// The repository's address.
        mirror: String,
        /// The rule it breaks.
        why: String,
    },
    /// The bytes are no trust root.
    #[error("{origin} is not usable as a trust root")]
    Root {
        /// Where they come from.
        origin: String,
        /// What is wrong with them.
        #[source]
        source: RootError,
    },
    /// The mirror could not be asked.
    #[error("{mirror} cannot be asked: {why}")]
    Unreachable {
        /// The repository's address.
        mirror: String,
        /// What happened.
        why: String,
    },
}
