//! A verified value, by whichever of the two ways: an identity in a certificate, or a key.

use palisade_attest::{Predicate, PredicateError, Statement};
use palisade_trust::{Claim, KeyVerified, Verified};
use palisade_types::{Digest, SignerIdentity, Timestamp};

/// A verified value.
pub(crate) enum Vouched<T> {
    Key(KeyVerified<T>),
    Signer(Verified<T>),
}

impl<T> Vouched<T> {
    pub(crate) fn value(&self) -> &T {
        match self {
            Self::Key(verified) => verified.value(),
            Self::Signer(verified) => verified.value(),
        }
    }

    pub(crate) fn bundle(&self) -> &Digest {
        match self {
            Self::Key(verified) => verified.bundle(),
            Self::Signer(verified) => verified.bundle(),
        }
    }

    pub(crate) fn claims(&self) -> &[Claim] {
        match self {
            Self::Key(verified) => verified.claims(),
            Self::Signer(verified) => verified.claims(),
        }
    }

    pub(crate) fn signed_at(&self) -> Option<Timestamp> {
        match self {
            Self::Key(verified) => verified.signed_at(),
            Self::Signer(verified) => Some(verified.signed_at()),
        }
    }

    pub(crate) fn signer(&self) -> Option<&SignerIdentity> {
        match self {
            Self::Key(_) => None,
            Self::Signer(verified) => Some(verified.signer()),
        }
    }

    /// The digest of the key that signed.
    pub(crate) fn key(&self) -> Option<&Digest> {
        match self {
            Self::Key(verified) => Some(verified.fingerprint()),
            Self::Signer(_) => None,
        }
    }
}

impl Vouched<Statement> {
    /// Whether the predicate is a `P`.
    pub(crate) fn check<P: Predicate>(&self) -> Result<(), PredicateError> {
        match self {
            Self::Key(verified) => verified.predicate::<P>().map(drop),
            Self::Signer(verified) => verified.predicate::<P>().map(drop),
        }
    }
}
