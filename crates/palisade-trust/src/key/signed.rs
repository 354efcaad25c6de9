//! What a signature covers: bytes, or bytes of which only the digest is at hand.

use std::borrow::Cow;

use palisade_types::{Algorithm, Digest};
use sigstore_crypto::{sha256, sha384, sha512};
use sigstore_types::HashAlgorithm;

/// An artifact whose signature is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Artifact<'a> {
    /// Its bytes. Every key can be verified over them.
    Bytes(&'a [u8]),
    /// Its digest. Ed25519 does not sign a digest, and P-384 and P-521 sign longer ones than
    /// SHA-256, so such signatures are refused.
    Digest(&'a Digest),
}

impl Artifact<'_> {
    /// The digest that names it in what is verified.
    pub(crate) fn named(&self) -> Digest {
        match self {
            Self::Bytes(bytes) => Digest::sha256_of(bytes),
            Self::Digest(digest) => (*digest).clone(),
        }
    }
}

/// What a signature covers.
pub(crate) enum Signed<'a> {
    Bytes(Cow<'a, [u8]>),
    Digest(&'a Digest),
}

impl<'a> From<Artifact<'a>> for Signed<'a> {
    fn from(artifact: Artifact<'a>) -> Self {
        match artifact {
            Artifact::Bytes(bytes) => Self::Bytes(Cow::Borrowed(bytes)),
            Artifact::Digest(digest) => Self::Digest(digest),
        }
    }
}

impl Signed<'_> {
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Digest(_) => None,
        }
    }

    /// The digest by this algorithm; none when it cannot be known.
    pub(crate) fn digest(&self, algorithm: HashAlgorithm) -> Option<Vec<u8>> {
        match (self, algorithm) {
            (Self::Bytes(bytes), HashAlgorithm::Sha2256) => Some(sha256(bytes).as_bytes().to_vec()),
            (Self::Bytes(bytes), HashAlgorithm::Sha2384) => Some(sha384(bytes).as_bytes().to_vec()),
            (Self::Bytes(bytes), HashAlgorithm::Sha2512) => Some(sha512(bytes).as_bytes().to_vec()),
            (Self::Digest(digest), HashAlgorithm::Sha2256) => {
                (digest.algorithm() == Algorithm::Sha256).then(|| digest.bytes())
            }
            (Self::Digest(digest), HashAlgorithm::Sha2512) => {
                (digest.algorithm() == Algorithm::Sha512).then(|| digest.bytes())
            }
            _ => None,
        }
    }
}
