//! What a caller says about where its trust root comes from, and what it gets.

use std::path::PathBuf;

use palisade_trust::{Instance, Profile, TrustRoot};
use palisade_types::{SignedDuration, Timestamp};
use serde::Serialize;
use url::Url;

use crate::cache::read_bounded;
use crate::{RootsError, embedded, tuf};

/// The largest `trusted_root.json` we read, in bytes. Sigstore's own has 7 KB.
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

impl RootSource {
    /// Whether loading from it may open a socket.
    pub(crate) const fn asks(&self) -> bool {
        match self {
            Self::Embedded(_) | Self::File(_) => false,
            Self::Tuf(tuf) => match tuf.mode {
                Mode::Offline => false,
                Mode::Online | Mode::OnlineElseCache => true,
            },
        }
    }
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

    /// The address of a public instance's own repository.
    pub fn mirror(instance: Instance) -> Url {
        let address = match instance {
            Instance::GitHub => "https://tuf-repo.github.com",
            Instance::PublicGood => "https://tuf-repo-cdn.sigstore.dev",
            Instance::Staging => "https://tuf-repo-cdn.sigstage.dev",
        };
        Url::parse(address).expect("the constants are addresses")
    }
}

/// A trust root and what to tell people about it.
#[derive(Debug)]
pub struct Loaded {
    /// The root.
    pub root: TrustRoot,
    /// What kind of source it comes from.
    pub origin: Origin,
    /// Where it comes from, for people.
    pub source: String,
    /// The version of the TUF root metadata it was published under; none for a file.
    pub version: Option<u64>,
    /// When it was fetched, by an unsigned note in the cache; for an embedded root, when it was
    /// last known to be the current one. Not known of a file.
    pub fetched: Option<Timestamp>,
    /// When the first of its metadata expires; a file has none.
    pub expires: Option<Timestamp>,
    /// Whether it is older than it should be: it was fetched longer ago than [`crate::FRESH`], or
    /// was built in long ago.
    pub stale: bool,
    /// Why the repository could not be asked, where that was tried and the cache served instead.
    pub outage: Option<String>,
}

/// What kind of source a root comes from, with what else came from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This program.
    Embedded(Instance),
    /// A file that the user named.
    File,
    /// A TUF repository.
    Tuf {
        /// Its `signing_config.v0.2.json`, verified, if it lists one.
        signing_config: Option<Vec<u8>>,
    },
}

/// What an answer says about the root it rests on. Users parse these fields: a field keeps its name
/// and meaning.
#[derive(Clone, Debug, Serialize)]
pub struct RootFacts {
    /// `embedded`, `file` or `tuf`.
    pub kind: &'static str,
    /// A path, an address, or whose root is embedded.
    pub source: String,
    /// The digest of its bytes.
    pub digest: String,
    /// The version of the TUF root metadata it was published under.
    pub version: Option<u64>,
    /// When it was fetched, or last known to be current.
    pub fetched: Option<Timestamp>,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// Whether it is older than it should be.
    pub stale: bool,
    /// Whether it is a palisade lab's, which proves nothing.
    pub lab: bool,
}

impl Loaded {
    /// How long ago it was fetched.
    pub fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.fetched.map(|fetched| now.duration_since(fetched))
    }

    /// The same root, where evidence has to prove what `profile` says. Some profiles do not go with
    /// every root.
    pub fn under(self, profile: Profile) -> Result<Self, RootsError> {
        let named = |source| RootsError::Root {
            origin: self.source.clone(),
            source,
            named: true,
        };
        let root = self.root.under(profile).map_err(named)?;
        Ok(Self { root, ..self })
    }

    /// What to put into an answer.
    pub fn facts(&self) -> RootFacts {
        RootFacts {
            kind: match self.origin {
                Origin::Embedded(_) => "embedded",
                Origin::File => "file",
                Origin::Tuf { .. } => "tuf",
            },
            source: self.source.clone(),
            digest: self.root.digest().to_string(),
            version: self.version,
            fetched: self.fetched,
            expires: self.expires,
            stale: self.stale,
            lab: self.root.is_lab(),
        }
    }

    /// What people have to know before they believe it, one sentence each.
    pub(crate) fn warnings(&self, now: Timestamp) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(why) = &self.outage {
            warnings.push(format!("{why}; what was fetched before is used"));
        }
        if self.stale {
            let age = self.age(now).map(ago).unwrap_or_default();
            let ends = self.expires.map(|end| format!(" and ends at {end}"));
            warnings.push(format!(
                "the trust root ({}) is {age} old{}; keys that were withdrawn since are still \
                 believed: use `--trust-mode online`, or a newer palisade",
                self.source,
                ends.unwrap_or_default()
            ));
        }
        warnings
    }
}

impl RootFacts {
    /// One line for people, as of `now`.
    pub fn line(&self, now: Timestamp) -> String {
        let version = self.version.map(|version| format!("version {version}"));
        let age = self.fetched.map(|fetched| now.duration_since(fetched));
        let age = age.map(|age| format!("{} old", ago(age)));
        let end = self.expires.map(|end| format!("until {end}"));
        let facts = [Some(self.source.clone()), version, age, end];
        let facts: Vec<_> = facts.into_iter().flatten().collect();
        let lab = if self.lab {
            ", a LAB: this proves nothing"
        } else {
            ""
        };
        format!("{} ({}){lab}", facts.join(", "), self.digest)
    }
}

/// An age in the largest unit that is not nought.
fn ago(age: SignedDuration) -> String {
    let hours = age.as_hours();
    let (count, unit) = match hours {
        48.. => (hours / 24, "day"),
        1.. => (hours, "hour"),
        _ => (age.as_mins().max(0), "minute"),
    };
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{s}")
}

/// Loads a trust root as of `now`.
pub async fn load(source: &RootSource, now: Timestamp) -> Result<Loaded, RootsError> {
    let path = match source {
        RootSource::Tuf(repository) => return tuf::load(repository, now).await,
        RootSource::Embedded(instance) => return embedded::load(*instance, now),
        RootSource::File(path) => path,
    };
    let bytes = read_bounded(path, MAX_ROOT).map_err(|source| RootsError::File {
        path: path.clone(),
        source,
    })?;
    let source = path.display().to_string();
    let root = TrustRoot::parse(&bytes).map_err(|error| RootsError::Root {
        origin: source.clone(),
        source: error,
        named: true,
    })?;
    Ok(Loaded {
        root,
        origin: Origin::File,
        source,
        version: None,
        fetched: None,
        expires: None,
        stale: false,
        outage: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_one_unit() {
        let told = |minutes| ago(SignedDuration::from_mins(minutes));
        assert_eq!(told(-5), "0 minutes");
        assert_eq!(told(1), "1 minute");
        assert_eq!(told(60), "1 hour");
        assert_eq!(told(47 * 60), "47 hours");
        assert_eq!(told(90 * 24 * 60), "90 days");
    }
}
