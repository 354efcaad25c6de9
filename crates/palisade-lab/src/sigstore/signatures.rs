//! Checks the signatures that clients send, for every key type the services accept.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519,
    RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use const_oid::ObjectIdentifier;
use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoOwned;

/// A public key together with the one way this lab verifies with it.
pub(crate) struct PublicKey {
    bits: Vec<u8>,
    kind: &'static Kind,
    /// SubjectPublicKeyInfo, DER.
    pub(crate) spki: Vec<u8>,
}

struct Kind {
    algorithm: &'static dyn VerificationAlgorithm,
    digest: Option<&'static digest::Algorithm>,
    /// Name in Sigstore's `PublicKeyDetails`.
    details: &'static str,
    /// Name in Sigstore's `HashAlgorithm`.
    hash: &'static str,
}

static P256: Kind = Kind {
    algorithm: &ECDSA_P256_SHA256_ASN1,
    digest: Some(&digest::SHA256),
    details: "PKIX_ECDSA_P256_SHA_256",
    hash: "SHA2_256",
};
static P384: Kind = Kind {
    algorithm: &ECDSA_P384_SHA384_ASN1,
    digest: Some(&digest::SHA384),
    details: "PKIX_ECDSA_P384_SHA_384",
    hash: "SHA2_384",
};
static P521: Kind = Kind {
    algorithm: &ECDSA_P521_SHA512_ASN1,
    digest: Some(&digest::SHA512),
    details: "PKIX_ECDSA_P521_SHA_512",
    hash: "SHA2_512",
};
static RSA: Kind = Kind {
    algorithm: &RSA_PKCS1_2048_8192_SHA256,
    digest: Some(&digest::SHA256),
    details: "PKIX_RSA_PKCS1V15_2048_SHA256",
    hash: "SHA2_256",
};
static PURE_ED25519: Kind = Kind {
    algorithm: &ED25519,
    digest: None,
    details: "PKIX_ED25519",
    hash: "SHA2_512",
};

/// The named curve of an elliptic-curve key.
fn curve(spki: &SubjectPublicKeyInfoOwned) -> Option<String> {
    let parameters = spki.algorithm.parameters.as_ref()?;
    Some(parameters.decode_as::<ObjectIdentifier>().ok()?.to_string())
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo; `None` when it is none or of a type Sigstore does not use.
    pub(crate) fn from_spki(der: &[u8]) -> Option<PublicKey> {
        let spki = SubjectPublicKeyInfoOwned::from_der(der).ok()?;
        let kind = match spki.algorithm.oid.to_string().as_str() {
            "1.2.840.10045.2.1" => match curve(&spki)?.as_str() {
                "1.2.840.10045.3.1.7" => &P256,
                "1.3.132.0.34" => &P384,
                "1.3.132.0.35" => &P521,
                _ => return None,
            },
            "1.2.840.113549.1.1.1" => &RSA,
            "1.3.101.112" => &PURE_ED25519,
            _ => return None,
        };
        let bits = spki.subject_public_key.raw_bytes().to_vec();
        Some(PublicKey {
            bits,
            kind,
            spki: der.to_vec(),
        })
    }

    /// The key of a certificate.
    pub(crate) fn of_certificate(der: &[u8]) -> Option<PublicKey> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?;
        let spki = certificate
            .tbs_certificate
            .subject_public_key_info
            .to_der()
            .ok()?;
        PublicKey::from_spki(&spki)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.kind.algorithm, &self.bits)
            .verify(message, signature)
            .is_ok()
    }

    /// Like `verifies`, given only the digest. Ed25519 has no such form here.
    pub(crate) fn verifies_digest(&self, digest: &[u8], signature: &[u8]) -> bool {
        let Some(algorithm) = self.kind.digest else {
            return false;
        };
        let Ok(digest) = Digest::import_less_safe(digest, algorithm) else {
            return false;
        };
        UnparsedPublicKey::new(self.kind.algorithm, &self.bits)
            .verify_digest(&digest, signature)
            .is_ok()
    }

    pub(crate) fn details(&self) -> &'static str {
        self.kind.details
    }

    pub(crate) fn hash_name(&self) -> &'static str {
        self.kind.hash
    }
}

/// DSSE v1, "pre-authentication encoding": what an envelope's signature is over.
pub(crate) fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::{sign_p256, spki_p256};
    use p256::elliptic_curve::rand_core::OsRng;

    #[test]
    fn a_signature_verifies_by_message_and_by_digest_and_one_flipped_bit_does_not() {
        let key = p256::ecdsa::SigningKey::random(&mut OsRng);
        let public = PublicKey::from_spki(&spki_p256(&key)).expect("a P-256 key");
        let mut signature = sign_p256(&key, b"message");
        let digest = crate::encode::sha256(b"message");
        assert!(public.verifies(b"message", &signature));
        assert!(public.verifies_digest(&digest, &signature));
        assert!(!public.verifies(b"massage", &signature));
        let last = signature.len() - 1;
        signature[last] ^= 1;
        assert!(!public.verifies(b"message", &signature));
        assert!(!public.verifies_digest(&digest, &signature));
    }

    #[test]
    fn pae_is_the_one_in_the_dsse_specification() {
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            expected
        );
    }
}
