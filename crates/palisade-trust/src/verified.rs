//! A value somebody signed, together with who signed it and when.

use palisade_attest::{Predicate, PredicateError, Statement};
use palisade_types::{Digest, SignerIdentity, Timestamp};
use serde::Serialize;

use crate::claims::SignerClaims;

/// A value whose signature, signer, log entry and time were all verified against a trust root.
///
/// Its fields are private and it is not `Deserialize`: only this crate makes one.
///
/// Reading one is open to everybody:
///
/// ```
/// use palisade_attest::Statement;
/// use palisade_trust::Verified;
/// fn who(statement: &Verified<Statement>) -> &str {
///     &statement.signer().san
/// }
/// ```
///
/// Making one is not. Neither by hand, nor out of bytes, nor out of nothing:
///
/// ```compile_fail,E0451
/// use palisade_trust::Verified;
/// fn forge(real: Verified<u8>) -> Verified<u8> {
///     Verified { value: 0, ..real }
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn read(text: &str) -> palisade_trust::Verified<u8> {
///     serde_json::from_str(text).unwrap()
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn nothing() -> palisade_trust::Verified<u8> {
///     Default::default()
/// }
/// ```
///
/// And its value cannot be exchanged:
///
/// ```compile_fail,E0594
/// fn exchange(verified: &mut palisade_trust::Verified<u8>) {
///     *verified.value() = 1;
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Verified<T> {
    pub(crate) value: T,
    pub(crate) signer: SignerIdentity,
    pub(crate) signer_claims: SignerClaims,
    pub(crate) expected: String,
    pub(crate) signed_at: Timestamp,
    pub(crate) bundle: Digest,
    pub(crate) claims: Vec<Claim>,
}

/// A check that ran and held. What is printed about a verification is made from these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// The certificate chains to an authority of the trust root, valid at the signing time.
    CertificateChain,
    /// Identity and issuer are those of an expected signer.
    Identity,
    /// The signature is by the expected key.
    Key,
    /// The log's signed checkpoint and an inclusion proof cover the entry.
    LogInclusion,
    /// The log's promise (SET) covers the entry.
    LogPromise,
    /// A certificate transparency log vouched for the certificate.
    Sct,
    /// The signature covers the payload.
    Signature,
    /// A timestamp authority of the trust root signed the time.
    Timestamp,
}

impl Claim {
    /// The claim as one stable word, in kebab case.
    pub const fn word(self) -> &'static str {
        match self {
            Self::CertificateChain => "certificate-chain",
            Self::Identity => "identity",
            Self::Key => "key",
            Self::LogInclusion => "log-inclusion",
            Self::LogPromise => "log-promise",
            Self::Sct => "sct",
            Self::Signature => "signature",
            Self::Timestamp => "timestamp",
        }
    }

    /// The claim in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::CertificateChain => "the certificate chains to the trust root",
            Self::Identity => "identity and issuer are the expected ones",
            Self::Key => "the key is the expected one",
            Self::LogInclusion => "the transparency log includes the signature",
            Self::LogPromise => "the transparency log promised to include the signature",
            Self::Sct => "the certificate was logged when it was issued",
            Self::Signature => "the signature covers the content",
            Self::Timestamp => "a timestamp authority vouches for the time",
        }
    }
}

/// A signature over an artifact's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobSignature {
    /// The artifact's digest.
    pub artifact: Digest,
}

impl<T> Verified<T> {
    /// The value, as signed.
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// Who signed it.
    pub const fn signer(&self) -> &SignerIdentity {
        &self.signer
    }

    /// What its certificate says about the CI run that signed.
    pub const fn signer_claims(&self) -> &SignerClaims {
        &self.signer_claims
    }

    /// The name of the expected signer it matched.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// The earliest time that is proven for the signature.
    pub const fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// The digest of the bundle it came in.
    pub const fn bundle(&self) -> &Digest {
        &self.bundle
    }

    /// The checks that ran and held, in alphabetical order.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// Whether this check ran and held.
    pub fn proves(&self, claim: Claim) -> bool {
        self.claims.contains(&claim)
    }

    /// The same trust over a part of the value, or over what it was read into.
    pub(crate) fn with<U>(&self, value: U) -> Verified<U> {
        Verified {
            value,
            signer: self.signer.clone(),
            signer_claims: self.signer_claims.clone(),
            expected: self.expected.clone(),
            signed_at: self.signed_at,
            bundle: self.bundle.clone(),
            claims: self.claims.clone(),
        }
    }
}

impl Verified<Statement> {
    /// The statement's predicate, when it is of a type that `P` reads. The only way from a
    /// statement to a predicate that a check may believe.
    pub fn predicate<P: Predicate>(&self) -> Result<Verified<P>, PredicateError> {
        let statement = &self.value;
        if !P::TYPES.contains(&statement.predicate_type.as_str()) {
            return Err(PredicateError::Type {
                got: statement.predicate_type.clone(),
                want: P::TYPES.join("` or `"),
            });
        }
        let predicate = P::read(&statement.predicate_type, &statement.predicate)?;
        Ok(self.with(predicate))
    }
}
