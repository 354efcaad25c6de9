//! cosign's encrypted keys: PKCS #8 in a NaCl secretbox, whose key scrypt makes of a passphrase.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::{Aead, KeyInit};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use palisade_trust::PublicKey;
use palisade_types::json::parse_strict;
use scrypt::Params;
use serde::{Deserialize, Serialize};

use super::SigningKey as _;
use super::encrypted::EncryptedKey;
use super::file::KeyFileError;
use super::pem;
use super::private::PrivateKey;

/// The label that cosign writes, and the one it wrote before 2.0.
pub(super) const LABELS: [&str; 2] = [
    "ENCRYPTED SIGSTORE PRIVATE KEY",
    "ENCRYPTED COSIGN PRIVATE KEY",
];
/// What cosign 3 makes a key with: 64 MiB of memory.
const COST: Cost = Cost {
    n: 1 << 16,
    r: 8,
    p: 1,
};
/// The most memory that a file may make scrypt take, in bytes (128·N·r, RFC 7914 §2).
pub(super) const MAX_MEMORY: u64 = 256 << 20;
/// The most passes over it.
pub(super) const MAX_PASSES: u32 = 4;
/// The length of a salt that we write, and of a nonce.
const SALT: usize = 32;
const NONCE: usize = 24;

#[derive(Deserialize, Serialize)]
struct Wire {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize, Serialize)]
struct Kdf {
    name: String,
    params: Cost,
    salt: String,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
struct Cost {
    #[serde(rename = "N")]
    n: u32,
    r: u32,
    p: u32,
}

#[derive(Deserialize, Serialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// A key under a passphrase.
pub struct SealedKey(Form);

enum Form {
    Cosign(Secretbox),
    Pkcs8(EncryptedKey),
}

struct Secretbox {
    params: Params,
    salt: Vec<u8>,
    nonce: [u8; NONCE],
    ciphertext: Vec<u8>,
}

/// A new key, as cosign keeps them.
pub struct GeneratedKey {
    /// The private half under the passphrase, as `cosign.key`.
    pub private: String,
    /// The public half, as `cosign.pub`.
    pub public: String,
    /// What verifies with it.
    pub key: PublicKey,
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedKey(****)")
    }
}

impl fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeneratedKey")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl SealedKey {
    /// `EncryptedPrivateKeyInfo` (RFC 5958 §3), as OpenSSL writes it.
    pub(super) fn from_pkcs8(der: Vec<u8>) -> Result<Self, KeyFileError> {
        EncryptedKey::parse(der).map(Form::Pkcs8).map(Self)
    }

    pub(super) fn from_cosign(content: &[u8]) -> Result<Self, KeyFileError> {
        Secretbox::parse(content).map(Form::Cosign).map(Self)
    }

    /// Opens it. Takes a good part of a second, on purpose.
    pub fn open(&self, passphrase: &[u8]) -> Result<PrivateKey, KeyFileError> {
        match &self.0 {
            Form::Cosign(secretbox) => secretbox.open(passphrase),
            Form::Pkcs8(key) => key.open(passphrase),
        }
    }
}

impl Secretbox {
    fn parse(content: &[u8]) -> Result<Self, KeyFileError> {
        let wrong = KeyFileError::Encryption;
        let json = parse_strict(content).map_err(|_| wrong("its content is not JSON"))?;
        let wire = Wire::deserialize(json).map_err(|_| wrong("its content is not cosign's"))?;
        if wire.kdf.name != "scrypt" || wire.cipher.name != "nacl/secretbox" {
            return Err(wrong("it is not scrypt and nacl/secretbox"));
        }
        let decode = |text: &str| {
            STANDARD
                .decode(text)
                .map_err(|_| wrong("its content is not base64"))
        };
        let nonce = decode(&wire.cipher.nonce)?;
        Ok(Self {
            params: wire.kdf.params.params()?,
            salt: decode(&wire.kdf.salt)?,
            nonce: nonce
                .try_into()
                .map_err(|_| wrong("its nonce has another length than 24 bytes"))?,
            ciphertext: decode(&wire.ciphertext)?,
        })
    }

    fn open(&self, passphrase: &[u8]) -> Result<PrivateKey, KeyFileError> {
        let cipher = cipher(passphrase, &self.salt, &self.params);
        let pkcs8 = cipher
            .decrypt(&Nonce::from(self.nonce), self.ciphertext.as_slice())
            .map_err(|_| KeyFileError::Passphrase)?;
        PrivateKey::from_pkcs8(&pkcs8)
    }
}

impl Cost {
    /// Refuses costs that would take this machine down, and N that is no power of two.
    fn params(self) -> Result<Params, KeyFileError> {
        let wrong = KeyFileError::Encryption("scrypt's parameters are out of bounds");
        let memory = (u64::from(self.n) * u64::from(self.r)).saturating_mul(128);
        if !self.n.is_power_of_two() || memory > MAX_MEMORY || self.p > MAX_PASSES {
            return Err(wrong);
        }
        let log_n = u8::try_from(self.n.ilog2()).expect("at most 31");
        Params::new(log_n, self.r, self.p, Params::RECOMMENDED_LEN).map_err(|_| wrong)
    }
}

fn cipher(passphrase: &[u8], salt: &[u8], params: &Params) -> XSalsa20Poly1305 {
    let mut key = [0; 32];
    scrypt::scrypt(passphrase, salt, params, &mut key).expect("32 bytes are a length it makes");
    XSalsa20Poly1305::new(&Key::from(key))
}

/// Makes a new P-256 key and seals it with this passphrase, which may be empty as it may for
/// cosign.
pub fn generate(passphrase: &[u8]) -> GeneratedKey {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
        .expect("the system has randomness for a P-256 key");
    let key = PrivateKey::from_pkcs8(pkcs8.as_ref()).expect("a key that was just made reads");
    let (mut salt, mut nonce) = ([0; SALT], [0; NONCE]);
    random.fill(&mut salt).expect("the system has randomness");
    random.fill(&mut nonce).expect("the system has randomness");
    let params = COST.params().expect("our own cost is within our bounds");
    let ciphertext = cipher(passphrase, &salt, &params)
        .encrypt(&Nonce::from(nonce), pkcs8.as_ref())
        .expect("a key is short");
    let wire = Wire {
        kdf: Kdf {
            name: "scrypt".to_owned(),
            params: COST,
            salt: STANDARD.encode(salt),
        },
        cipher: Cipher {
            name: "nacl/secretbox".to_owned(),
            nonce: STANDARD.encode(nonce),
        },
        ciphertext: STANDARD.encode(ciphertext),
    };
    let json = serde_json::to_vec(&wire).expect("text and numbers are JSON");
    GeneratedKey {
        private: pem::encode(LABELS[0], &json),
        public: pem::encode("PUBLIC KEY", key.public_key().der()),
        key: key.public_key().clone(),
    }
}
