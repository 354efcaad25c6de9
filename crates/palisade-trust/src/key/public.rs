//! A public key that somebody named, and the signatures it can make.

use aws_lc_rs::digest as aws;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_ASN1, UnparsedPublicKey};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1,
};
use const_oid::db::rfc8410::ID_ED_25519;
use palisade_types::{Digest, Timestamp};
use sigstore_crypto::{SigningScheme, VerificationKey, validate_raw_public_key};
use sigstore_types::{DerPublicKey, HashAlgorithm, SignatureBytes};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::key::signed::Signed;

/// The largest key file we read, in bytes.
const MAX_KEY: usize = 16 << 10;

/// A public key: ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    der: DerPublicKey,
    kind: Kind,
    /// The key's bits without their algorithm.
    raw: Vec<u8>,
}

/// What a key can sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ed25519,
    P256,
    P384,
    P521,
    Rsa,
}

/// A key somebody expects a signature by. No `Default`, never read from evidence.
#[derive(Clone, Debug)]
pub struct ExpectedKey {
    name: String,
    key: PublicKey,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// Why bytes are not a key we verify with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Larger than we read.
    #[error("the key is larger than {MAX_KEY} bytes")]
    TooLarge,
    /// Not exactly one PEM block `PUBLIC KEY`.
    #[error("it is not one PEM block `PUBLIC KEY`: {0}")]
    Pem(String),
    /// Not a `SubjectPublicKeyInfo`, or a broken key in one.
    #[error("the key is malformed: {0}")]
    Malformed(String),
    /// A key of an algorithm that we do not verify with.
    #[error("keys of the algorithm {0} are not supported")]
    Unsupported(String),
}

impl PublicKey {
    /// Reads a key from PEM: exactly one `PUBLIC KEY` block, which is a `SubjectPublicKeyInfo`
    /// (RFC 5280 §4.1).
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        if pem.len() > MAX_KEY {
            return Err(KeyError::TooLarge);
        }
        let text = std::str::from_utf8(pem).map_err(|error| KeyError::Pem(error.to_string()))?;
        // The PEM reader stops after the first block; a second key would silently not count.
        let blocks = text.matches("-----BEGIN ").count();
        if blocks != 1 {
            return Err(KeyError::Pem(format!("it holds {blocks} blocks")));
        }
        let der = DerPublicKey::from_pem(text).map_err(|error| KeyError::Pem(error.to_string()))?;
        Self::from_der(der.as_bytes())
    }

    /// Reads a key from the DER of a `SubjectPublicKeyInfo`.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let malformed = |error: String| KeyError::Malformed(error);
        let spki = SubjectPublicKeyInfoRef::try_from(der).map_err(|e| malformed(e.to_string()))?;
        let raw = spki
            .subject_public_key
            .as_bytes()
            .ok_or_else(|| malformed("its bits do not fill their bytes".to_owned()))?
            .to_vec();
        let kind = kind(spki.algorithm.oid, spki.algorithm.parameters_oid().ok())?;
        let key = Self {
            der: DerPublicKey::new(der.to_vec()),
            kind,
            raw,
        };
        key.check()?;
        Ok(key)
    }

    fn check(&self) -> Result<(), KeyError> {
        let malformed = |error: sigstore_crypto::Error| KeyError::Malformed(error.to_string());
        match (self.kind, self.schemes()) {
            // SEC 1 §2.3.3: one byte for "uncompressed", then two coordinates of 66 bytes.
            (Kind::P521, _) if self.raw.len() != 133 || self.raw[0] != 4 => Err(
                KeyError::Malformed("a P-521 key is one uncompressed point".to_owned()),
            ),
            (_, schemes) => schemes.iter().try_for_each(|scheme| {
                VerificationKey::from_spki_with_scheme(&self.der, *scheme).map_err(malformed)?;
                validate_raw_public_key(*scheme, &self.raw).map_err(malformed)
            }),
        }
    }

    /// The key as DER.
    pub fn der(&self) -> &[u8] {
        self.der.as_bytes()
    }

    /// The SHA-256 of the key's DER, by which bundles hint at it.
    pub fn fingerprint(&self) -> Digest {
        Digest::sha256_of(self.der.as_bytes())
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// The schemes that sigstore-crypto knows for this key. cosign signed with P-384 over SHA-256
    /// before 3.0, and over SHA-384 since.
    fn schemes(&self) -> &'static [SigningScheme] {
        match self.kind {
            Kind::Ed25519 => &[SigningScheme::Ed25519],
            Kind::P256 => &[SigningScheme::EcdsaP256Sha256],
            Kind::P384 => &[
                SigningScheme::EcdsaP384Sha384,
                SigningScheme::EcdsaP384Sha256,
            ],
            Kind::P521 => &[],
            Kind::Rsa => &[SigningScheme::RsaPkcs1Sha256],
        }
    }

    /// Whether the key made this signature.
    pub(crate) fn verifies(&self, signed: &Signed<'_>, signature: &[u8]) -> bool {
        if self.kind == Kind::P521 {
            return self.verifies_p521(signed, signature);
        }
        let signature = SignatureBytes::new(signature.to_vec());
        self.schemes().iter().any(|scheme| {
            let Ok(key) = VerificationKey::from_spki_with_scheme(&self.der, *scheme) else {
                return false;
            };
            match scheme.hash_algorithm() {
                Some(algorithm) => signed
                    .digest(algorithm)
                    .is_some_and(|digest| key.verify_prehashed(&digest, &signature).is_ok()),
                None => signed
                    .bytes()
                    .is_some_and(|bytes| key.verify(bytes, &signature).is_ok()),
            }
        })
    }

    fn verifies_p521(&self, signed: &Signed<'_>, signature: &[u8]) -> bool {
        let Some(digest) = signed.digest(HashAlgorithm::Sha2512) else {
            return false;
        };
        let key = UnparsedPublicKey::new(&ECDSA_P521_SHA512_ASN1, &self.raw);
        aws::Digest::import_less_safe(&digest, &aws::SHA512)
            .is_ok_and(|digest| key.verify_digest(&digest, signature).is_ok())
    }
}

fn kind(oid: ObjectIdentifier, curve: Option<ObjectIdentifier>) -> Result<Kind, KeyError> {
    match (oid, curve) {
        (ID_EC_PUBLIC_KEY, Some(SECP_256_R_1)) => Ok(Kind::P256),
        (ID_EC_PUBLIC_KEY, Some(SECP_384_R_1)) => Ok(Kind::P384),
        (ID_EC_PUBLIC_KEY, Some(SECP_521_R_1)) => Ok(Kind::P521),
        (ID_EC_PUBLIC_KEY, Some(curve)) => Err(KeyError::Unsupported(curve.to_string())),
        (ID_ED_25519, _) => Ok(Kind::Ed25519),
        (RSA_ENCRYPTION, _) => Ok(Kind::Rsa),
        _ => Err(KeyError::Unsupported(oid.to_string())),
    }
}

impl ExpectedKey {
    /// A key under the name a policy or a person gives it.
    pub fn new(name: impl Into<String>, key: PublicKey) -> Self {
        Self {
            name: name.into(),
            key,
            from: None,
            until: None,
        }
    }

    /// The key, believed only for what is proven to be signed inside this window; both ends
    /// belong to it.
    pub fn within(mut self, from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        self.from = from;
        self.until = until;
        self
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Whether the key is believed only for some time.
    pub(crate) const fn is_bounded(&self) -> bool {
        self.from.is_some() || self.until.is_some()
    }

    pub(crate) fn contains(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time <= until)
    }
}
