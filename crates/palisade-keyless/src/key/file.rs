//! Key files: cosign's encrypted ones, and plain PEM.

use palisade_trust::KeyError;

use super::encrypted;
use super::pem;
use super::private::PrivateKey;
use super::sealed::{LABELS, SealedKey};

/// The largest key file we read, in bytes.
pub const MAX_KEY_FILE: usize = 64 << 10;

/// A key as a file holds it.
#[derive(Debug)]
pub enum KeyFile {
    /// In the clear.
    Open(PrivateKey),
    /// Under a passphrase.
    Sealed(SealedKey),
}

/// Why a file is no key to sign with. Nothing of the file is repeated.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The key is under encryption of a kind that is not read.
    #[error("it is encrypted in a way that is not read: {0}")]
    Encryption(&'static str),
    /// The block is of another kind.
    #[error("it is a PEM block of another kind than a private key")]
    Label,
    /// The passphrase is wrong, or the file was changed.
    #[error("the passphrase does not open it")]
    Passphrase,
    /// It is not one PEM block.
    #[error("{0}")]
    Pem(&'static str),
    /// Its public half is no key to verify with.
    #[error("its public half cannot be used: {0}")]
    Public(KeyError),
    /// More than a key has.
    #[error("it is larger than {MAX_KEY_FILE} bytes")]
    TooLarge,
    /// A key of a kind that is not signed with, or a damaged one.
    #[error("it is no ECDSA P-256, ECDSA P-384, Ed25519 or RSA key")]
    Unsupported,
}

impl KeyFile {
    /// Reads a key file.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        if bytes.len() > MAX_KEY_FILE {
            return Err(KeyFileError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| KeyFileError::Pem("it is not text"))?;
        let (label, content) = pem::decode(text).map_err(KeyFileError::Pem)?;
        match label {
            "PRIVATE KEY" => PrivateKey::from_pkcs8(&content).map(Self::Open),
            "EC PRIVATE KEY" => PrivateKey::from_sec1(&content).map(Self::Open),
            "RSA PRIVATE KEY" => PrivateKey::from_pkcs1(&content).map(Self::Open),
            encrypted::LABEL => SealedKey::from_pkcs8(content).map(Self::Sealed),
            label if LABELS.contains(&label) => SealedKey::from_cosign(&content).map(Self::Sealed),
            _ => Err(KeyFileError::Label),
        }
    }
}
