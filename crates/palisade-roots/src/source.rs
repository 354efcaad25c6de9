//! What a caller says about where its trust root comes from, and what it gets.

use std::path::PathBuf;

use palisade_trust::{Instance, TrustRoot};
use palisade_types::{SignedDuration, Timestamp};
use url::Url;

use crate::cache::read_bounded;
use crate::{RootsError, tuf};

/// The largest `trusted_root.json` we read, in bytes.
const MAX_ROOT: u64 = 4 << 20;

/// Where the trust root comes from. No `Default`: whoever is trusted is named.
#[derive(Clone, Debug)]
pub enum RootSource {
    /// The one in this program.
    Embedded(Instance),
    /// A `trusted_root.json`.
    File(PathBuf),
    /// A TUF repository.
    Tuf(Tuf),
}

/// A TUF repository and what to do about it.
#[derive(Clone, Debug)]
pub struct Tuf {
    /// Its address: https, or http on this machine.
    pub mirror: Url,
    /// The root metadata where trust begins, see [`Tuf::initial_root`].
    pub initial_root: Vec<u8>,
    /// A folder of ours in the user's cache; made with mode 0700.
    pub cache: PathBuf,
    /// Whether to ask it.
    pub mode: Mode,
}

/// Whether a repository is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Never: the cached chain is verified again, and no socket is opened.
    Offline,
    /// Unless it was asked within [`crate::FRESH`].
    Online,
    /// As `Online`; while it cannot be reached, what is cached and has not expired.
    OnlineElseCache,
}

impl Tuf {
    /// The root metadata embedded for a public instance, where the chain of newer ones begins.
    pub const fn initial_root(instance: Instance) -> &'static [u8] {
        match instance {
            Instance::GitHub => include_bytes!("../data/github.root.json"),
            Instance::PublicGood => include_bytes!("../data/public-good.root.json"),
            Instance::Staging => include_bytes!("../data/staging.root.json"),
        }
    }
}

/// A trust root and what to tell people about it.
#[derive(Debug)]
pub struct Loaded {
    /// The root.
    pub root: TrustRoot,
    /// The repository's `signing_config.v0.2.json`, verified, if it lists one.
    pub signing_config: Option<Vec<u8>>,
    /// Where it comes from, for people.
    pub source: String,
    /// When it was fetched, by an unsigned note in the cache.
    pub fetched: Option<Timestamp>,
    /// When the first of its metadata expires.
    pub expires: Option<Timestamp>,
    /// Whether it was fetched longer ago than [`crate::FRESH`]: warn, with its age.
    pub stale: bool,
}

impl Loaded {
    /// How long ago it was fetched.
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.fetched.map(|fetched| now.duration_since(fetched))
    }
}

/// Loads a trust root as of `now`.
pub async fn load(source: &RootSource, now: Timestamp) -> Result<Loaded, RootsError> {
    let (origin, root) = match source {
        RootSource::Tuf(repository) => return tuf::load(repository, now).await,
        RootSource::Embedded(instance) => {
            let origin = format!(
                "{instance:?}, embedded in palisade {}",
                env!("CARGO_PKG_VERSION")
            );
            (origin, TrustRoot::embedded(*instance))
        }
        RootSource::File(path) => {
            let bytes = read_bounded(path, MAX_ROOT).map_err(|source| RootsError::File {
                path: path.clone(),
                source,
            })?;
            (path.display().to_string(), TrustRoot::parse(&bytes))
        }
    };
    let root = root.map_err(|source| RootsError::Root {
        origin: origin.clone(),
        source,
    })?;
    Ok(Loaded {
        root,
        signing_config: None,
        source: origin,
        fetched: None,
        expires: None,
        stale: false,
    })
}
