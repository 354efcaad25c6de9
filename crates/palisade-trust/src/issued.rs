//! What a signer checks of what services just gave it, before it uses it: a certificate, a time.
//!
//! Verification proper sees the finished bundle. By then a certificate that no log vouched for
//! has already signed, which is why cosign 3.1 signs with one.

use const_oid::db::rfc5912::{ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ID_KP_CODE_SIGNING};
use const_oid::db::rfc6962::CT_PRECERT_SCTS;
use der::asn1::OctetString;
use der::{Decode, Encode};
use palisade_types::{SignedDuration, SignerIdentity, Timestamp};
use sigstore_crypto::{KeyAlgorithm, SigningScheme, VerificationKey};
use sigstore_types::{DerPublicKey, SignatureBytes, TimestampToken};
use sigstore_verify::tsa::verify_timestamp_for_authority;
use x509_cert::Certificate;
use x509_cert::ext::pkix::ExtendedKeyUsage;

use crate::checks::certificate::{identity, parse};
use crate::reason::Reason;
use crate::rejection::{Rejection, invalid};
use crate::root::TrustRoot;

/// How far a service's clock may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);
/// The largest certificate we read, in bytes.
const MAX_CERTIFICATE: usize = 64 << 10;

/// A certificate that an authority of the trust root issued and one of its CT logs recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// Whom it names.
    pub identity: SignerIdentity,
    /// The key it certifies, as `SubjectPublicKeyInfo` in DER.
    pub public_key: Vec<u8>,
}

/// Checks a code signing certificate that was just issued (DER): an authority of the trust root
/// that is valid at `now` signed it, it is valid at `now` and for code signing, and its one
/// embedded SCT is by a CT log of the trust root (RFC 6962 §3.2).
pub fn verify_certificate(
    leaf: &[u8],
    root: &TrustRoot,
    now: Timestamp,
) -> Result<IssuedCertificate, Rejection> {
    if leaf.len() > MAX_CERTIFICATE {
        return Err(invalid(
            Reason::Certificate,
            "the certificate is larger than 64 KiB",
        ));
    }
    let certificate = parse(leaf)?;
    let issuer_key = issuer_key(&certificate, root, now)?;
    check_validity(&certificate, now)?;
    check_purpose(&certificate)?;
    check_sct(&certificate, &issuer_key, root, now)?;
    let key = &certificate.tbs_certificate.subject_public_key_info;
    Ok(IssuedCertificate {
        identity: identity(&certificate)?,
        public_key: key
            .to_der()
            .map_err(|error| invalid(Reason::Certificate, error.to_string()))?,
    })
}

/// Checks an RFC 3161 reply (DER) about this signature against the root's timestamp authorities.
/// Returns the time it vouches for, which is not after `now` but for a difference of clocks.
pub fn verify_timestamp(
    reply: &[u8],
    signature: &[u8],
    root: &TrustRoot,
    now: Timestamp,
) -> Result<Timestamp, Rejection> {
    let token = TimestampToken::new(reply.to_vec());
    let signature = SignatureBytes::new(signature.to_vec());
    let mut why = "the trust root names no timestamp authority".to_owned();
    for authority in root.root.tsa_authorities() {
        match verify_timestamp_for_authority(&token, &signature, &authority) {
            Ok(time) if time > skewed(now) => {
                return Err(invalid(
                    Reason::Timestamp,
                    format!("its time {time} lies after {now}"),
                ));
            }
            Ok(time) => return Ok(time),
            Err(error) => why = error.to_string(),
        }
    }
    Err(invalid(Reason::Timestamp, why))
}

/// The key of the authority that signed the certificate. Fulcio's issuing certificates stand in
/// the trust root themselves, so the chain has exactly one step.
fn issuer_key(
    certificate: &Certificate,
    root: &TrustRoot,
    now: Timestamp,
) -> Result<DerPublicKey, Rejection> {
    let wrong = |error: der::Error| invalid(Reason::Certificate, error.to_string());
    let tbs = certificate.tbs_certificate.to_der().map_err(wrong)?;
    let signature = SignatureBytes::new(certificate.signature.raw_bytes().to_vec());
    let valid = root
        .root
        .certificate_authorities
        .iter()
        .filter(|authority| {
            authority
                .valid_for
                .is_none_or(|period| period.contains(now))
        });
    for entry in valid.flat_map(|authority| &authority.cert_chain.certificates) {
        let issuer = parse(entry.raw_bytes.as_bytes())?.tbs_certificate;
        if issuer.subject != certificate.tbs_certificate.issuer {
            continue;
        }
        let key = DerPublicKey::new(issuer.subject_public_key_info.to_der().map_err(wrong)?);
        let verified = KeyAlgorithm::from_spki(&key)
            .ok()
            .and_then(|algorithm| scheme(certificate, algorithm))
            .and_then(|scheme| VerificationKey::from_spki_with_scheme(&key, scheme).ok())
            .is_some_and(|key| key.verify(&tbs, &signature).is_ok());
        if verified {
            return Ok(key);
        }
    }
    let issuer = &certificate.tbs_certificate.issuer;
    Err(invalid(
        Reason::CertChain,
        format!("no authority of the trust root signed it; it names `{issuer}`"),
    ))
}

/// How the certificate says it was signed. Fulcio signs with ECDSA alone.
fn scheme(certificate: &Certificate, algorithm: KeyAlgorithm) -> Option<SigningScheme> {
    match (certificate.signature_algorithm.oid, algorithm) {
        (ECDSA_WITH_SHA_256, KeyAlgorithm::EcdsaP256) => Some(SigningScheme::EcdsaP256Sha256),
        (ECDSA_WITH_SHA_256, KeyAlgorithm::EcdsaP384) => Some(SigningScheme::EcdsaP384Sha256),
        (ECDSA_WITH_SHA_384, KeyAlgorithm::EcdsaP256) => Some(SigningScheme::EcdsaP256Sha384),
        (ECDSA_WITH_SHA_384, KeyAlgorithm::EcdsaP384) => Some(SigningScheme::EcdsaP384Sha384),
        _ => None,
    }
}

fn check_validity(certificate: &Certificate, now: Timestamp) -> Result<(), Rejection> {
    let validity = &certificate.tbs_certificate.validity;
    let time = |time: x509_cert::time::Time| {
        Timestamp::try_from(time.to_system_time())
            .map_err(|error| invalid(Reason::Certificate, error.to_string()))
    };
    let (from, until) = (time(validity.not_before)?, time(validity.not_after)?);
    if from > skewed(now) || until < now {
        return Err(invalid(
            Reason::CertTime,
            format!("it is valid from {from} to {until}, and it is {now}"),
        ));
    }
    Ok(())
}

fn check_purpose(certificate: &Certificate) -> Result<(), Rejection> {
    let usage = certificate.tbs_certificate.get::<ExtendedKeyUsage>();
    match usage {
        Ok(Some((_, usage))) if usage.0.contains(&ID_KP_CODE_SIGNING) => Ok(()),
        _ => Err(invalid(
            Reason::CertEku,
            "it is not a certificate for code signing",
        )),
    }
}

/// RFC 6962 §3.2: the log signed the certificate without its SCT, and the issuer's key hash.
fn check_sct(
    certificate: &Certificate,
    issuer_key: &DerPublicKey,
    root: &TrustRoot,
    now: Timestamp,
) -> Result<(), Rejection> {
    let sct = embedded_sct(certificate)?;
    let issued = i64::try_from(sct.millis)
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
        .ok_or_else(|| invalid(Reason::Sct, "its time is out of range"))?;
    if issued > skewed(now) {
        return Err(invalid(
            Reason::Sct,
            format!("its time {issued} lies after {now}"),
        ));
    }
    let log = root
        .root
        .ctlogs
        .iter()
        .find(|log| log.log_id.key_id.as_bytes() == sct.log_id)
        .ok_or_else(|| {
            let id = hex::encode(&sct.log_id);
            invalid(
                Reason::Sct,
                format!("the CT log `{id}` is not in the trust root"),
            )
        })?;
    if !log
        .public_key
        .valid_for
        .is_none_or(|period| period.contains(issued))
    {
        return Err(invalid(
            Reason::Sct,
            format!("the CT log's key was not valid at {issued}"),
        ));
    }
    let key = VerificationKey::from_der(&log.public_key.raw_bytes, sct.scheme)
        .map_err(|error| invalid(Reason::Sct, error.to_string()))?;
    let message = sct.signed(certificate, issuer_key)?;
    key.verify(&message, &SignatureBytes::new(sct.signature))
        .map_err(|_| invalid(Reason::Sct, "the CT log did not sign this certificate"))
}

pub(crate) struct Sct {
    log_id: Vec<u8>,
    millis: u64,
    extensions: Vec<u8>,
    scheme: SigningScheme,
    signature: Vec<u8>,
}

impl Sct {
    /// RFC 6962 §3.2, `digitally-signed struct`, for a precertificate entry.
    fn signed(
        &self,
        certificate: &Certificate,
        issuer_key: &DerPublicKey,
    ) -> Result<Vec<u8>, Rejection> {
        let mut tbs = certificate.tbs_certificate.clone();
        if let Some(extensions) = &mut tbs.extensions {
            extensions.retain(|extension| extension.extn_id != CT_PRECERT_SCTS);
        }
        let tbs = tbs
            .to_der()
            .map_err(|error| invalid(Reason::Sct, error.to_string()))?;
        let mut message = vec![0, 0]; // v1, certificate_timestamp
        message.extend(self.millis.to_be_bytes());
        message.extend([0, 1]); // precert_entry
        message.extend(sigstore_crypto::sha256(issuer_key.as_bytes()).as_bytes());
        let length = u32::try_from(tbs.len()).expect("a certificate has at most 64 KiB");
        message.extend(&length.to_be_bytes()[1..]);
        message.extend(tbs);
        let length = u16::try_from(self.extensions.len()).expect("read with a 16 bit length");
        message.extend(length.to_be_bytes());
        message.extend(&self.extensions);
        Ok(message)
    }
}

/// The one SCT of the certificate (RFC 6962 §3.3).
pub(crate) fn embedded_sct(certificate: &Certificate) -> Result<Sct, Rejection> {
    let malformed = || invalid(Reason::Sct, "its encoding is malformed");
    let mut extensions = certificate.tbs_certificate.extensions.iter().flatten();
    let extension = extensions
        .find(|extension| extension.extn_id == CT_PRECERT_SCTS)
        .ok_or_else(|| {
            invalid(
                Reason::Sct,
                "there is none: no CT log recorded the certificate",
            )
        })?;
    let list = OctetString::from_der(extension.extn_value.as_bytes()).map_err(|_| malformed())?;
    let mut list = Reader(list.as_bytes());
    let mut items = Reader(
        list.vector()
            .filter(|_| list.0.is_empty())
            .ok_or_else(malformed)?,
    );
    let item = items.vector().ok_or_else(malformed)?;
    if !items.0.is_empty() {
        return Err(invalid(
            Reason::Sct,
            "there are several, and exactly one is allowed",
        ));
    }
    read_sct(&mut Reader(item)).ok_or_else(malformed)
}

fn read_sct(reader: &mut Reader<'_>) -> Option<Sct> {
    if reader.take(1)? != [0] {
        return None;
    }
    let log_id = reader.take(32)?.to_vec();
    let millis = u64::from_be_bytes(reader.take(8)?.try_into().ok()?);
    let extensions = reader.vector()?.to_vec();
    // RFC 5246 §7.4.1.4.1: hash, then signature algorithm.
    let scheme = match reader.take(2)? {
        [4, 3] => SigningScheme::EcdsaP256Sha256,
        [5, 3] => SigningScheme::EcdsaP384Sha384,
        [4, 1] => SigningScheme::RsaPkcs1Sha256,
        _ => return None,
    };
    let signature = reader.vector()?.to_vec();
    reader.0.is_empty().then_some(Sct {
        log_id,
        millis,
        extensions,
        scheme,
        signature,
    })
}

/// Reads TLS presentation language (RFC 5246 §4).
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A vector with a 16 bit length.
    fn vector(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        self.take(length.into())
    }
}

/// The latest time that another clock may show at `now`.
fn skewed(now: Timestamp) -> Timestamp {
    now.checked_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_that_is_shorter_than_it_says_is_not_read() {
        assert_eq!(Reader(&[0, 2, 7, 8]).vector(), Some(&[7, 8][..]));
        assert_eq!(Reader(&[0, 3, 7, 8]).vector(), None);
        assert_eq!(Reader(&[0]).vector(), None);
    }

    #[test]
    fn an_sct_with_bytes_left_over_is_refused() {
        let mut sct = vec![0; 1 + 32 + 8 + 2];
        sct.extend([4, 3, 0, 1, 9]);
        assert!(read_sct(&mut Reader(&sct)).is_some());
        sct.push(0);
        assert!(read_sct(&mut Reader(&sct)).is_none());
    }
}
