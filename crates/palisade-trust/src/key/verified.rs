//! A value somebody signed with a key of their own.

use palisade_attest::{Predicate, PredicateError, Statement};
use palisade_types::{Digest, Timestamp};

use crate::key::verify::KeyProfile;
use crate::verified::Claim;

/// A value whose signature by an expected key was verified, and whose log entries and times were,
/// as far as the profile demands and the bundle has them.
///
/// It is not a [`crate::Verified`]: a key names no identity, so where an identity is expected this
/// is no answer. Only this crate makes one.
///
/// ```compile_fail,E0308
/// use palisade_trust::{KeyVerified, Verified};
/// fn promote<T>(by_key: KeyVerified<T>) -> Verified<T> {
///     by_key
/// }
/// ```
///
/// ```compile_fail,E0277
/// fn nothing() -> palisade_trust::KeyVerified<u8> {
///     Default::default()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct KeyVerified<T> {
    pub(crate) value: T,
    pub(crate) key: String,
    pub(crate) fingerprint: Digest,
    pub(crate) profile: KeyProfile,
    pub(crate) signed_at: Option<Timestamp>,
    pub(crate) bundle: Digest,
    pub(crate) claims: Vec<Claim>,
}

impl<T> KeyVerified<T> {
    /// The value, as signed.
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// The name of the expected key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The SHA-256 of the key's DER.
    pub const fn fingerprint(&self) -> &Digest {
        &self.fingerprint
    }

    /// What was demanded.
    pub const fn profile(&self) -> KeyProfile {
        self.profile
    }

    /// The earliest time that is proven for the signature. There is none without log and
    /// timestamp, which only [`KeyProfile::NoLog`] accepts.
    pub const fn signed_at(&self) -> Option<Timestamp> {
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
}

impl KeyVerified<Statement> {
    /// Reads the predicate when it is of a type that `P` reads.
    pub fn predicate<P: Predicate>(&self) -> Result<P, PredicateError> {
        let statement = &self.value;
        if !P::TYPES.contains(&statement.predicate_type.as_str()) {
            return Err(PredicateError::Type {
                got: statement.predicate_type.clone(),
                want: P::TYPES.join("` or `"),
            });
        }
        P::read(&statement.predicate_type, &statement.predicate)
    }
}
