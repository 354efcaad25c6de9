//! The trust root: which authorities and logs are believed, and whether it is a lab's.

use palisade_types::{Digest, Timestamp};
use sigstore_crypto::VerificationKey;
use sigstore_trust_root::{SigstoreInstance, TransparencyLog, TrustedRoot};
use sigstore_verify::Verifier;

use crate::checks::log::without_port;
use crate::profile::Profile;

/// The organisation name every lab certificate carries.
pub const LAB_ORGANIZATION: &str = "palisade LAB - NOT TRUSTED";

/// The largest trusted root we read, in bytes.
const MAX_ROOT: usize = 4 << 20;

/// How the media type of every version of a trusted root begins.
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot";

/// Whose root is embedded in this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instance {
    /// GitHub's own, for attestations of private repositories.
    GitHub,
    /// sigstore.dev.
    PublicGood,
    /// sigstage.dev.
    Staging,
}

/// A parsed `trusted_root.json`. No `Default`: whoever is trusted is named.
pub struct TrustRoot {
    pub(crate) verifier: Verifier,
    pub(crate) root: TrustedRoot,
    logs: Vec<Log>,
    digest: Digest,
    lab: bool,
    pub(crate) profile: Profile,
}

/// One transparency log of the root, ready to check with.
pub(crate) struct Log {
    /// The id that entries name it by.
    pub(crate) id: Vec<u8>,
    /// The host of its address, which is its name in checkpoints.
    pub(crate) host: String,
    /// Its key.
    pub(crate) key: VerificationKey,
    /// When the key came into use.
    pub(crate) start: Option<Timestamp>,
    end: Option<Timestamp>,
}

/// Why bytes are not a usable trust root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Larger than we read.
    #[error("the trusted root is larger than {MAX_ROOT} bytes")]
    TooLarge,
    /// Not text.
    #[error("the trusted root is not UTF-8")]
    Encoding,
    /// Something else than a trusted root.
    #[error("it is `{0}`, not a Sigstore trusted root")]
    MediaType(String),
    /// It names nobody who could vouch for anything.
    #[error("the trusted root names no certificate authority, no log and no timestamp authority")]
    NoAuthority,
    /// [`Profile::GithubPrivate`] for a root that has logs.
    #[error("the trusted root names transparency logs, so what it vouches for has to be in one")]
    HasLogs,
    /// Not a trusted root, or one with malformed keys or certificates.
    #[error("the trusted root cannot be used: {0}")]
    Malformed(String),
}

impl TrustRoot {
    /// Reads a `trusted_root.json` (Sigstore protobuf specs, *TrustedRoot*, v0.1 or v0.2).
    pub fn parse(bytes: &[u8]) -> Result<Self, RootError> {
        if bytes.len() > MAX_ROOT {
            return Err(RootError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| RootError::Encoding)?;
        let root = TrustedRoot::from_json(text).map_err(|e| RootError::Malformed(e.to_string()))?;
        // Every field may be absent, so that a bundle would read as a root that trusts nobody.
        if !root.media_type.starts_with(MEDIA_TYPE) {
            return Err(RootError::MediaType(root.media_type));
        }
        // One for keys needs no certificate authority.
        if root.certificate_authorities.is_empty()
            && root.tlogs.is_empty()
            && root.timestamp_authorities.is_empty()
        {
            return Err(RootError::NoAuthority);
        }
        let verifier = Verifier::new(&root).map_err(|e| RootError::Malformed(e.to_string()))?;
        let logs = root.tlogs.iter().map(Log::read).collect::<Result<_, _>>()?;
        let lab = is_lab(&root);
        Ok(Self {
            verifier,
            root,
            logs,
            digest: Digest::sha256_of(bytes),
            lab,
            profile: Profile::Logged,
        })
    }

    /// The root embedded for a public instance.
    pub fn embedded(instance: Instance) -> Result<Self, RootError> {
        let instance = match instance {
            Instance::GitHub => SigstoreInstance::GitHub,
            Instance::PublicGood => SigstoreInstance::PublicGood,
            Instance::Staging => SigstoreInstance::Staging,
        };
        Self::parse(instance.embedded_trusted_root_json().as_bytes())
    }

    /// The digest of the bytes it was read from.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The log with this id.
    pub(crate) fn log(&self, id: &[u8]) -> Option<&Log> {
        self.logs.iter().find(|log| log.id == id)
    }

    /// Whether it names a log, of signatures or of certificates.
    pub(crate) fn names_logs(&self) -> bool {
        !self.root.tlogs.is_empty() || !self.root.ctlogs.is_empty()
    }

    /// Whether any authority in it is a palisade lab's. Such a root never opens a real gate.
    pub const fn is_lab(&self) -> bool {
        self.lab
    }
}

impl Log {
    fn read(log: &TransparencyLog) -> Result<Self, RootError> {
        let key = VerificationKey::from_spki(&log.public_key.raw_bytes)
            .map_err(|error| RootError::Malformed(error.to_string()))?;
        let window = log.public_key.valid_for;
        Ok(Self {
            id: log.log_id.key_id.as_bytes().to_vec(),
            host: host_of(&log.base_url).to_owned(),
            key,
            start: window.map(|window| window.start),
            end: window.and_then(|window| window.end),
        })
    }

    /// Whether the key was in use at this time; both ends belong to the window.
    pub(crate) fn contains(&self, time: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= time) && self.end.is_none_or(|end| time <= end)
    }
}

/// The host of `scheme://host[:port]/path`.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    without_port(rest.split(['/', '?', '#']).next().unwrap_or_default())
}

impl std::fmt::Debug for TrustRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustRoot")
            .field("digest", &self.digest)
            .field("lab", &self.lab)
            .finish_non_exhaustive()
    }
}

/// Looks for the lab's name in the DER of every certificate: it is ASCII in any string type.
fn is_lab(root: &TrustedRoot) -> bool {
    let chains = root
        .certificate_authorities
        .iter()
        .map(|ca| &ca.cert_chain)
        .chain(root.timestamp_authorities.iter().map(|tsa| &tsa.cert_chain));
    chains
        .flat_map(|chain| &chain.certificates)
        .any(|certificate| {
            certificate
                .raw_bytes
                .as_bytes()
                .windows(LAB_ORGANIZATION.len())
                .any(|window| window == LAB_ORGANIZATION.as_bytes())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_named_by_the_host_of_its_address() {
        assert_eq!(host_of("https://rekor.test/api"), "rekor.test");
        assert_eq!(host_of("http://localhost:18500"), "localhost");
        assert_eq!(host_of("rekor.test"), "rekor.test");
    }

    #[test]
    fn the_embedded_roots_read_and_none_is_a_lab() {
        for instance in [Instance::GitHub, Instance::PublicGood, Instance::Staging] {
            let root = TrustRoot::embedded(instance).expect("embedded");
            assert!(!root.is_lab(), "{instance:?}");
        }
    }

    #[test]
    fn what_is_no_root_is_refused() {
        let of = |text: &str| TrustRoot::parse(text.as_bytes());
        assert!(matches!(of("[1]"), Err(RootError::Malformed(_))));
        assert!(matches!(
            of(r#"{"mediaType":"x"}"#),
            Err(RootError::MediaType(_))
        ));
        let empty = format!(r#"{{"mediaType":"{MEDIA_TYPE}+json;version=0.1"}}"#);
        assert!(matches!(of(&empty), Err(RootError::NoAuthority)));
        assert!(matches!(
            TrustRoot::parse(b"\xff"),
            Err(RootError::Encoding)
        ));
        let large = vec![b' '; MAX_ROOT + 1];
        assert!(matches!(TrustRoot::parse(&large), Err(RootError::TooLarge)));
    }
}
