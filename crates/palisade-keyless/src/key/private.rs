//! A private key in memory.

use std::fmt;

use aws_lc_rs::digest::{Digest as AwsDigest, SHA256};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256,
};
use palisade_trust::PublicKey;

use super::{KeyFailure, KeyKind, Message, Signing, SigningKey};
use crate::key::file::KeyFileError;

/// A private key. `Debug` shows its public half.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ec(EcdsaKeyPair, KeyKind),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl PrivateKey {
    /// PKCS #8 (RFC 5958), as OpenSSL and cosign write keys.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyFileError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
            .map(|pair| Pair::Ec(pair, KeyKind::P256))
            .or_else(|_| {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_ASN1_SIGNING, der)
                    .map(|pair| Pair::Ec(pair, KeyKind::P384))
            })
            .or_else(|_| Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed25519))
            .or_else(|_| RsaKeyPair::from_pkcs8(der).map(Pair::Rsa));
        Self::new(pair.map_err(|_| KeyFileError::Unsupported)?)
    }

    /// SEC 1 (RFC 5915), `EC PRIVATE KEY`.
    pub(super) fn from_sec1(der: &[u8]) -> Result<Self, KeyFileError> {
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
            .map(|pair| Pair::Ec(pair, KeyKind::P256))
            .or_else(|_| {
                EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_ASN1_SIGNING, der)
                    .map(|pair| Pair::Ec(pair, KeyKind::P384))
            });
        Self::new(pair.map_err(|_| KeyFileError::Unsupported)?)
    }

    /// PKCS #1 (RFC 8017), `RSA PRIVATE KEY`.
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, KeyFileError> {
        let pair = RsaKeyPair::from_der(der).map_err(|_| KeyFileError::Unsupported)?;
        Self::new(Pair::Rsa(pair))
    }

    fn new(pair: Pair) -> Result<Self, KeyFileError> {
        let public: Result<PublicKeyX509Der<'static>, _> = match &pair {
            Pair::Ec(pair, _) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
        };
        let public = public.map_err(|_| KeyFileError::Unsupported)?;
        let public = PublicKey::from_der(public.as_ref()).map_err(KeyFileError::Public)?;
        Ok(Self { pair, public })
    }

    fn signature(&self, message: Message<'_>) -> Result<Vec<u8>, KeyFailure> {
        let random = SystemRandom::new();
        let failed = |_| KeyFailure::Failed("the cryptographic library refuses".to_owned());
        match (&self.pair, message) {
            (Pair::Ec(pair, _), Message::Bytes(bytes)) => {
                let signature = pair.sign(&random, bytes).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            (Pair::Ec(pair, KeyKind::P256), Message::Sha256(digest)) => {
                let digest = imported(digest)?;
                let signature = pair.sign_digest(&digest).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            (Pair::Ed25519(pair), Message::Bytes(bytes)) => Ok(pair.sign(bytes).as_ref().to_vec()),
            (Pair::Rsa(pair), message) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                match message {
                    Message::Bytes(bytes) => {
                        pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature)
                    }
                    Message::Sha256(digest) => {
                        pair.sign_digest(&RSA_PKCS1_SHA256, &imported(digest)?, &mut signature)
                    }
                }
                .map_err(failed)?;
                Ok(signature)
            }
            (Pair::Ec(..) | Pair::Ed25519(_), Message::Sha256(_)) => Err(KeyFailure::Digest),
        }
    }
}

fn imported(digest: &palisade_types::Digest) -> Result<AwsDigest, KeyFailure> {
    AwsDigest::import_less_safe(&digest.bytes(), &SHA256).map_err(|_| KeyFailure::Digest)
}

impl SigningKey for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn kind(&self) -> KeyKind {
        match &self.pair {
            Pair::Ec(_, kind) => *kind,
            Pair::Ed25519(_) => KeyKind::Ed25519,
            Pair::Rsa(pair) => KeyKind::Rsa(pair.public_modulus_len() * 8),
        }
    }

    fn sign<'a>(&'a self, message: Message<'a>) -> Signing<'a> {
        Box::pin(async move { self.signature(message) })
    }
}
