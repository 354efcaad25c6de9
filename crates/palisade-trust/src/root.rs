//! The trust root: which authorities and logs are believed, and whether it is a lab's.

use palisade_types::Digest;
use sigstore_trust_root::{SigstoreInstance, TrustedRoot};
use sigstore_verify::Verifier;

/// The organisation name every lab certificate carries.
pub const LAB_ORGANIZATION: &str = "palisade LAB - NOT TRUSTED";

/// The largest trusted root we read, in bytes.
const MAX_ROOT: usize = 4 << 20;

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
    digest: Digest,
    lab: bool,
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
        let verifier = Verifier::new(&root).map_err(|e| RootError::Malformed(e.to_string()))?;
        let lab = is_lab(&root);
        Ok(Self {
            verifier,
            root,
            digest: Digest::sha256_of(bytes),
            lab,
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

    /// Whether any authority in it is a palisade lab's. Such a root never opens a real gate.
    pub const fn is_lab(&self) -> bool {
        self.lab
    }
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
