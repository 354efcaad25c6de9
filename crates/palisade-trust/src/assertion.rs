//! A verified value that nothing verified: for tests of what comes after verification.
//!
//! Behind the feature `assertion`, which only `[dev-dependencies]` switch on.

use palisade_types::{Digest, SignerIdentity, Timestamp};

use crate::claims::SignerClaims;
use crate::verified::Verified;

impl<T> Verified<T> {
    /// Asserts what only verification may find out. The name is what a reviewer searches for: a
    /// call outside of tests is a hole.
    pub fn assertion(
        value: T,
        expected: impl Into<String>,
        signer: SignerIdentity,
        signed_at: Timestamp,
        bundle: Digest,
    ) -> Self {
        Self {
            value,
            signer,
            signer_claims: SignerClaims::none(),
            expected: expected.into(),
            signed_at,
            bundle,
            claims: Vec::new(),
        }
    }
}
