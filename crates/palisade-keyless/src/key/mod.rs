//! Keys that somebody keeps: what signs with one, and those that are kept in a file.

mod file;
mod pem;
mod private;
mod sealed;

use std::future::Future;
use std::pin::Pin;

use palisade_trust::PublicKey;
use palisade_types::Digest;

pub use file::{KeyFile, KeyFileError, MAX_KEY_FILE};
pub use private::PrivateKey;
pub use sealed::{GeneratedKey, SealedKey, generate};

/// What a key can be, and so how it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// EdDSA over the message itself.
    Ed25519,
    /// ECDSA over SHA-256.
    P256,
    /// ECDSA over SHA-384.
    P384,
    /// RSA PKCS #1 v1.5 over SHA-256, of this many bits.
    Rsa(usize),
}

/// What is to be signed.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// The whole message.
    Bytes(&'a [u8]),
    /// Its SHA-256 digest; only for keys that sign such a digest ([`KeyKind::signs_sha256`]).
    Sha256(&'a Digest),
}

/// The answer of a key, when it comes.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, KeyFailure>> + Send + 'a>>;

/// Something that signs with a key it keeps: a file here, a KMS or a PKCS #11 token elsewhere.
///
/// What it returns is verified before anything is published, so an implementation that fails
/// quietly is found out.
pub trait SigningKey: Send + Sync {
    /// What its signatures are verified with.
    fn public_key(&self) -> &PublicKey;

    /// What kind of key it is.
    fn kind(&self) -> KeyKind;

    /// Signs. ECDSA signatures are in ASN.1 DER.
    fn sign<'a>(&'a self, message: Message<'a>) -> Signing<'a>;
}

/// Why a key did not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFailure {
    /// The message is known by its SHA-256 digest alone, and this key signs no such digest.
    #[error("a key of this kind cannot sign what is known by its sha256 digest alone")]
    Digest,
    /// The key, or what keeps it, failed.
    #[error("the key cannot sign: {0}")]
    Failed(String),
}

impl KeyKind {
    /// Whether its signatures are over a SHA-256 digest.
    pub const fn signs_sha256(self) -> bool {
        matches!(self, Self::P256 | Self::Rsa(_))
    }

    /// `PublicKeyDetails` of the Sigstore protobuf; none when it knows no such key.
    pub(crate) const fn details(self) -> Option<&'static str> {
        match self {
            Self::Ed25519 => Some("PKIX_ED25519"),
            Self::P256 => Some("PKIX_ECDSA_P256_SHA_256"),
            Self::P384 => Some("PKIX_ECDSA_P384_SHA_384"),
            Self::Rsa(2048) => Some("PKIX_RSA_PKCS1V15_2048_SHA256"),
            Self::Rsa(3072) => Some("PKIX_RSA_PKCS1V15_3072_SHA256"),
            Self::Rsa(4096) => Some("PKIX_RSA_PKCS1V15_4096_SHA256"),
            Self::Rsa(_) => None,
        }
    }
}
