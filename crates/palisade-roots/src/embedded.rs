//! The roots in this program: how old they are, and until when their own signers stand by them.

use palisade_trust::{Instance, TrustRoot};
use palisade_types::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::source::Origin;
use crate::{Loaded, RootsError, Tuf};

/// From which age on a root in this program is warned about.
const OLD: SignedDuration = SignedDuration::from_hours(90 * 24);
/// When the roots in this program were last known to be the current ones: the day the release of
/// `sigstore-trust-root` was published that they were taken from. A test holds it to the bytes.
const AS_OF: &str = "2026-10-23T00:00:00Z";

/// The parts of TUF root metadata that are looked at; its signatures were checked before it was
/// built in.
#[derive(Deserialize)]
struct RootMetadata {
    signed: Signed,
}

#[derive(Deserialize)]
struct Signed {
    version: u64,
    expires: Timestamp,
}

/// The root of `instance`. It ends when the TUF root metadata ends under which it was published:
/// nobody promised that its keys are still good after that.
pub(crate) fn load(instance: Instance, now: Timestamp) -> Result<Loaded, RootsError> {
    let metadata: RootMetadata = serde_json::from_slice(Tuf::initial_root(instance))
        .expect("the embedded root metadata was parsed in the tests");
    let RootMetadata {
        signed: Signed { version, expires },
    } = metadata;
    let program = env!("CARGO_PKG_VERSION");
    let name = name(instance);
    if expires < now {
        return Err(RootsError::EmbeddedExpired {
            name,
            program,
            expires,
        });
    }
    let source = format!("{name}, embedded in palisade {program}");
    let root = TrustRoot::embedded(instance).map_err(|error| RootsError::Root {
        origin: source.clone(),
        source: error,
        named: false,
    })?;
    let as_of: Timestamp = AS_OF.parse().expect("the constant is a time");
    Ok(Loaded {
        root,
        origin: Origin::Embedded(instance),
        source,
        version: Some(version),
        fetched: Some(as_of),
        expires: Some(expires),
        stale: now.duration_since(as_of) >= OLD,
        outage: None,
    })
}

/// The name by which the flags and policies call an instance.
pub(crate) const fn name(instance: Instance) -> &'static str {
    match instance {
        Instance::GitHub => "github",
        Instance::PublicGood => "public-good",
        Instance::Staging => "staging",
    }
}

#[cfg(test)]
mod tests {
    use palisade_types::Digest;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_root_in_the_program_ages_then_warns_then_ends() {
        let fresh = load(Instance::PublicGood, at("2026-11-24T00:00:00Z")).expect("in use");
        assert!(!fresh.stale && fresh.warnings(at("2026-11-24T00:00:00Z")).is_empty());
        let old = load(Instance::PublicGood, at("2027-02-01T00:00:00Z")).expect("in use");
        assert!(old.stale && old.warnings(at("2027-02-01T00:00:00Z")).len() == 1);
        let last = load(Instance::PublicGood, at("2027-04-22T19:27:31Z"));
        assert!(last.is_ok());
        let ended = load(Instance::PublicGood, at("2027-04-22T19:27:32Z"));
        assert!(
            matches!(ended, Err(RootsError::EmbeddedExpired { .. })),
            "{ended:?}"
        );
    }

    /// Fails when a dependency brings other roots. Then write down here which, and when they were
    /// published in [`AS_OF`], and bring `data/` up to date with them.
    #[test]
    fn the_date_belongs_to_exactly_these_bytes() {
        let digest = |instance| {
            let loaded = load(instance, at(AS_OF)).expect("in use");
            let metadata = Digest::sha256_of(Tuf::initial_root(instance));
            format!("{} {}", loaded.root.digest().short(), metadata.short())
        };
        let instances = [Instance::GitHub, Instance::PublicGood, Instance::Staging];
        assert_eq!(
            instances.map(digest),
            [
                "sha256:484cdfe1a7c6 sha256:eb303461e010",
                "sha256:6494e21ea73f sha256:27aea7e372aa",
                "sha256:44deb991d4bb sha256:3cfd68601164"
            ]
        );
    }
}
