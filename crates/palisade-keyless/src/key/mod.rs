//! Keys that somebody keeps: what signs with one, and those that are kept in a file.

mod encrypted;
mod file;
mod pem;
mod private;
mod sealed;

use std::future::Future;
use std::pin::Pin;

use palisade_trust::PublicKey;
use palisade_types::Digest;

use crate::content::Hash;
use crate::error::Kind;

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
    /// The whole message. Every kind of key signs it; one that hashes does so itself.
    Bytes(&'a [u8]),
    /// Its SHA-256 digest; only for keys that sign such a digest ([`KeyKind::signs_sha256`]).
    Sha256(&'a Digest),
}

/// The answer of a key, when it comes. It is dropped when the deadline of the signature is over,
/// so an implementation holds nothing that would be left half done.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, KeyFailure>> + Send + 'a>>;

/// Something that signs with a key it keeps: a file here, a KMS or a PKCS #11 token elsewhere.
///
/// An implementation fetches the public key once, when it is made, and answers for it from memory;
/// only `sign` may take its time or ask the network. For a KMS that takes digests alone,
/// `Message::Bytes` is hashed here, with the hash of the kind. A library that blocks, as PKCS #11
/// does, runs on a thread of its own (`tokio::task::spawn_blocking`). Retries are the
/// implementation's: a call is repeated only for a new signature.
///
/// What it returns is verified before anything is published, so an implementation that fails
/// quietly, or whose key was changed, is found out.
///
/// ```
/// use palisade_keyless::{KeyFailure, KeyKind, Message, Signing, SigningKey};
/// use palisade_trust::PublicKey;
///
/// /// A key in some service, whose client this program has.
/// struct Remote {
///     public: PublicKey,
/// }
///
/// impl SigningKey for Remote {
///     fn public_key(&self) -> &PublicKey {
///         &self.public
///     }
///
///     fn kind(&self) -> KeyKind {
///         KeyKind::P256
///     }
///
///     fn sign<'a>(&'a self, message: Message<'a>) -> Signing<'a> {
///         let digest = match message {
///             Message::Bytes(bytes) => palisade_types::Digest::sha256_of(bytes),
///             Message::Sha256(digest) => digest.clone(),
///         };
///         Box::pin(async move {
///             let why = format!("nobody answers for {digest}");
///             Err(KeyFailure::Unavailable(why))
///         })
///     }
/// }
/// ```
pub trait SigningKey: Send + Sync {
    /// What its signatures are verified with.
    fn public_key(&self) -> &PublicKey;

    /// What kind of key it is, and so what its signatures are over.
    fn kind(&self) -> KeyKind;

    /// Signs. ECDSA signatures are in ASN.1 DER (RFC 3279 §2.2.3), Ed25519's are 64 bytes, RSA's
    /// are as long as the modulus.
    fn sign<'a>(&'a self, message: Message<'a>) -> Signing<'a>;
}

/// Why a key did not sign. Texts are shown to people: bounded, and without any secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFailure {
    /// The message is known by its SHA-256 digest alone, and this key signs no such digest.
    #[error("a key of this kind cannot sign what is known by its sha256 digest alone")]
    Digest,
    /// The key, or the library that uses it, failed, and will again.
    #[error("the key cannot sign: {0}")]
    Failed(String),
    /// What keeps the key says that we may not use it.
    #[error("the key may not be used: {0}")]
    Refused(String),
    /// What keeps the key cannot be reached, or did not answer.
    #[error("what keeps the key is unavailable: {0}")]
    Unavailable(String),
}

impl KeyFailure {
    /// Which kind of failure this is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Digest | Self::Failed(_) => Kind::Usage,
            Self::Refused(_) => Kind::Refused,
            Self::Unavailable(_) => Kind::Unavailable,
        }
    }
}

impl KeyKind {
    /// Whether its signatures are over a SHA-256 digest.
    pub const fn signs_sha256(self) -> bool {
        matches!(self, Self::P256 | Self::Rsa(_))
    }

    /// The digest that logs and bundles know what it signed by. Ed25519 signs no digest, and is
    /// in no log by one.
    pub(crate) const fn hash(self) -> Hash {
        match self {
            Self::P384 => Hash::Sha384,
            Self::Ed25519 | Self::P256 | Self::Rsa(_) => Hash::Sha256,
        }
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
