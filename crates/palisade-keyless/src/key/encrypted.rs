//! PKCS #8 under a passphrase: PBES2 (RFC 8018 §6.2), as OpenSSL, Go and step write it.

use pkcs8::EncryptedPrivateKeyInfo;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;

use super::file::KeyFileError;
use super::private::PrivateKey;
use super::sealed::{MAX_MEMORY, MAX_PASSES};

/// The label of such a block (RFC 7468 §11).
pub(super) const LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// The most rounds that a file may make PBKDF2 take: some seconds. OpenSSL writes 2,048, and 600,000
/// are advised.
const MAX_ROUNDS: u32 = 5_000_000;

/// `EncryptedPrivateKeyInfo`, whose costs are within bounds.
pub(super) struct EncryptedKey(Vec<u8>);

impl EncryptedKey {
    pub(super) fn parse(der: Vec<u8>) -> Result<Self, KeyFileError> {
        let wrong = |why| Err(KeyFileError::Encryption(why));
        let Ok(info) = EncryptedPrivateKeyInfo::try_from(der.as_slice()) else {
            return wrong("it is not PBES2 with a cipher and a hash that are still good");
        };
        let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
            return wrong("PBES1, which DES and MD5 are the parts of");
        };
        let within = match &parameters.kdf {
            Kdf::Pbkdf2(kdf) => kdf.iteration_count <= MAX_ROUNDS,
            Kdf::Scrypt(kdf) => {
                let memory = kdf.cost_parameter.checked_mul(u64::from(kdf.block_size));
                memory.is_some_and(|words| words <= MAX_MEMORY / 128)
                    && u32::from(kdf.parallelization) <= MAX_PASSES
            }
            _ => return wrong("its key derivation is neither PBKDF2 nor scrypt"),
        };
        if within {
            Ok(Self(der))
        } else {
            wrong("the cost of opening it is out of bounds")
        }
    }

    pub(super) fn open(&self, passphrase: &[u8]) -> Result<PrivateKey, KeyFileError> {
        let info = EncryptedPrivateKeyInfo::try_from(self.0.as_slice()).expect("it was read once");
        let document = info.decrypt(passphrase);
        let document = document.map_err(|_| KeyFileError::Passphrase)?;
        PrivateKey::from_pkcs8(document.as_bytes())
    }
}
