//! Writes X.509 certificates (RFC 5280) field by field, so that each field can also be written wrong.

use std::str::FromStr;
use std::time::Duration;

use const_oid::ObjectIdentifier;
use der::asn1::{Ia5String, OctetString, UtcTime};
use der::flagset::FlagSet;
use der::{Decode, Encode};
use ed25519_dalek::pkcs8::EncodePublicKey;
use p256::ecdsa::signature::Signer as _;
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};

use crate::encode::{random, sha256};

/// The organisation in every certificate of every lab. Verifiers refuse roots that carry it.
pub const LAB_ORGANIZATION: &str = "palisade LAB - NOT TRUSTED";

const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// A key that signs certificates, with the signature algorithm that goes with its curve.
pub(crate) enum Signer<'a> {
    P256(&'a p256::ecdsa::SigningKey),
    P384(&'a p384::ecdsa::SigningKey),
}

impl Signer<'_> {
    pub(crate) fn algorithm(&self) -> AlgorithmIdentifierOwned {
        let oid = match self {
            Signer::P256(_) => ECDSA_WITH_SHA256,
            Signer::P384(_) => ECDSA_WITH_SHA384,
        };
        AlgorithmIdentifierOwned {
            oid,
            parameters: None,
        }
    }

    /// The signature of `message`, DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Signer::P256(key) => sign_p256(key, message),
            Signer::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
        }
    }
}

/// ECDSA over SHA-256, DER.
pub(crate) fn sign_p256(key: &p256::ecdsa::SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: p256::ecdsa::DerSignature = key.sign(message);
    signature.as_bytes().to_vec()
}

pub(crate) fn spki_p256(key: &p256::ecdsa::SigningKey) -> Vec<u8> {
    let key = key.verifying_key().to_public_key_der();
    key.expect("a P-256 key encodes").into_vec()
}

pub(crate) fn spki_p384(key: &p384::ecdsa::SigningKey) -> Vec<u8> {
    let key = key.verifying_key().to_public_key_der();
    key.expect("a P-384 key encodes").into_vec()
}

pub(crate) fn spki_ed25519(key: &ed25519_dalek::SigningKey) -> Vec<u8> {
    let key = key.verifying_key().to_public_key_der();
    key.expect("an Ed25519 key encodes").into_vec()
}

/// What a certificate says.
pub(crate) struct Template {
    pub(crate) issuer: Name,
    pub(crate) subject: Name,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) spki: Vec<u8>,
    pub(crate) extensions: Vec<Extension>,
}

impl Template {
    pub(crate) fn tbs(self, signer: &Signer<'_>) -> TbsCertificate {
        let mut serial: [u8; 20] = random();
        // RFC 5280 section 4.1.2.2: positive, at most 20 octets; and no leading zero octet.
        serial[0] = serial[0] & 0x3f | 0x40;
        TbsCertificate {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial).expect("20 positive octets are a serial"),
            signature: signer.algorithm(),
            issuer: self.issuer,
            validity: Validity {
                not_before: time(self.not_before),
                not_after: time(self.not_after),
            },
            subject: self.subject,
            subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(&self.spki)
                .expect("callers parsed or made this key"),
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(self.extensions),
        }
    }

    /// The signed certificate, DER.
    pub(crate) fn sign(self, signer: &Signer<'_>) -> Vec<u8> {
        sign(self.tbs(signer), signer)
    }
}

/// Signs the certificate as it stands, DER.
pub(crate) fn sign(tbs_certificate: TbsCertificate, signer: &Signer<'_>) -> Vec<u8> {
    let signature = signer.sign(&der(&tbs_certificate));
    let certificate = Certificate {
        tbs_certificate,
        signature_algorithm: signer.algorithm(),
        signature: der::asn1::BitString::from_bytes(&signature).expect("a signature is short"),
    };
    der(&certificate)
}

pub(crate) fn der(value: &impl Encode) -> Vec<u8> {
    value
        .to_der()
        .expect("values the lab builds have an encoding")
}

/// `O=palisade LAB - NOT TRUSTED, CN=…`.
pub(crate) fn lab_name(common_name: &str) -> Name {
    // RFC 4514 writes the last RDN first.
    Name::from_str(&format!("CN={common_name},O={LAB_ORGANIZATION}")).expect("plain names parse")
}

fn time(seconds: i64) -> Time {
    let seconds = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    Time::UtcTime(UtcTime::from_unix_duration(seconds).expect("the lab does not run after 2049"))
}

/// One extension; `value` is the DER inside the OCTET STRING.
pub(crate) fn extension(oid: &str, critical: bool, value: Vec<u8>) -> Extension {
    Extension {
        extn_id: ObjectIdentifier::new(oid).expect("callers pass literal OIDs"),
        critical,
        extn_value: OctetString::new(value).expect("extensions are short"),
    }
}

pub(crate) fn key_usage(usages: impl Into<FlagSet<KeyUsages>>) -> Extension {
    extension("2.5.29.15", true, der(&KeyUsage(usages.into())))
}

pub(crate) fn extended_key_usage(critical: bool, oid: &str) -> Extension {
    let oid = ObjectIdentifier::new(oid).expect("callers pass literal OIDs");
    extension("2.5.29.37", critical, der(&ExtendedKeyUsage(vec![oid])))
}

pub(crate) fn authority(path_len_constraint: u8) -> Extension {
    let constraints = BasicConstraints {
        ca: true,
        path_len_constraint: Some(path_len_constraint),
    };
    extension("2.5.29.19", true, der(&constraints))
}

pub(crate) fn subject_key_id(spki: &[u8]) -> Extension {
    extension("2.5.29.14", false, der(&SubjectKeyIdentifier(key_id(spki))))
}

pub(crate) fn authority_key_id(spki: &[u8]) -> Extension {
    let id = AuthorityKeyIdentifier {
        key_identifier: Some(key_id(spki)),
        authority_cert_issuer: None,
        authority_cert_serial_number: None,
    };
    extension("2.5.29.35", false, der(&id))
}

/// RFC 7093 section 2, method 1: the first 160 bits of SHA-256 over the key bits.
fn key_id(spki: &[u8]) -> OctetString {
    let spki = SubjectPublicKeyInfoOwned::from_der(spki).expect("callers parsed or made this key");
    let digest = sha256(spki.subject_public_key.raw_bytes());
    OctetString::new(&digest[..20]).expect("20 bytes are short")
}

pub(crate) fn subject_alt_name(critical: bool, names: Vec<GeneralName>) -> Extension {
    extension("2.5.29.17", critical, der(&SubjectAltName(names)))
}

/// An e-mail address, or a URI when the text has a scheme.
pub(crate) fn general_name(text: &str) -> Option<GeneralName> {
    let value = Ia5String::new(text).ok()?;
    let uri = text.contains("://");
    Some(if uri {
        GeneralName::UniformResourceIdentifier(value)
    } else {
        GeneralName::Rfc822Name(value)
    })
}
